/* SPDX-License-Identifier: MIT
 * Asks a server for a page of its monitoring. */
#ifndef TESTS_SUPPORT_ADMIN_PAGE_H
#define TESTS_SUPPORT_ADMIN_PAGE_H

#include <cstdint>
#include <source_location>
#include <string>

#include "tests/support/server.h"

/* Of a server that was started with core.admin = 127.0.0.1:0. */
uint16_t admin_port(const test_server *s);
/* The whole answer; empty when the server does not take the connection. */
std::string http_get(uint16_t port, const std::string &path);
/* /metrics has that line. */
void assert_figure(const std::string &text, const std::string &line,
                   std::source_location at = std::source_location::current());

#endif
