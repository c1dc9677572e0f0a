/* SPDX-License-Identifier: MIT
 * The standard headers that most files use. The Makefile precompiles them, once for the tests and once for the builds
 * with sanitizers. No file includes this one: each includes what it uses. */
#ifndef CHATSERVERD_TESTS_PRECOMPILED_H
#define CHATSERVERD_TESTS_PRECOMPILED_H

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#endif
