/* SPDX-License-Identifier: MIT
 * Captures the text that a test writes to standard error. */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <base/raii.h>

#include "tests/support/check.h"

/* Runs what writes to standard error and returns what it wrote. */
template <class Writes> static inline std::string capture_stderr(Writes writes)
{
	char path[] = "/tmp/test_log.XXXXXX";
	const unique_fd file(mkstemp(path));
	const unique_fd before(dup(STDERR_FILENO));
	std::string text(1 << 20, '\0');

	unlink(path);
	fcntl(file.fd, F_SETFL, O_APPEND);
	dup2(file.fd, STDERR_FILENO);
	writes();
	dup2(before.fd, STDERR_FILENO);
	const ssize_t size = pread(file.fd, text.data(), text.size(), 0);

	assert_true(size >= 0);
	text.resize(static_cast<size_t>(size));
	return text;
}

#endif
