/* SPDX-License-Identifier: MIT
 * How a test of the real server fails, and how it waits for a condition. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

#include <setjmp.h>

extern "C" {
#include <cmocka.h>
}
/* A name that the C++ library uses. */
#undef fail

/* Milliseconds of a clock that never goes back. */
int64_t check_now(void);
void check_sleep_ms(int64_t ms);
/* How much slower than usual the server may be: CS_TEST_PATIENCE, else 4 in instrumented builds and 1 in
 * others. */
int64_t check_patience_factor(void);
/* How long a test waits for what must come: 10 s, times the factor. */
int64_t check_patience_ms(void);
/* By then must have come what the product promises at once or within a second: 5 s, times the factor. So a busy machine
 * does not break the promise. A test uses it where the next occasion comes later, such as a sweep, a lease's end or a
 * repetition. */
int64_t check_soon_ms(void);

/* Fails the running test at that place. Does not return. */
[[noreturn]] void check_fail(std::source_location at, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The whole file; empty where there is none. */
std::string check_read_file(const std::string &path);
std::string check_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
std::string check_format_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
/* Prints a text of any length as an error message. */
void check_report(const std::string &text);

/* Waits until condition() is true, else fails naming what was waited for. */
template <class Condition>
void check_wait(const char *what, Condition condition, std::source_location at = std::source_location::current())
{
	const int64_t end = check_now() + check_patience_ms();

	while (!condition()) {
		if (check_now() > end)
			check_fail(at, "waited in vain: %s", what);
		check_sleep_ms(2);
	}
}

#endif
