/* SPDX-License-Identifier: MIT
 * How a test of the real server fails, and how it waits for a condition. */
#include "tests/support/check.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

int64_t check_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

void check_sleep_ms(int64_t ms)
{
	struct timespec pause = {static_cast<time_t>(ms / 1000), (ms % 1000) * 1000000};

	nanosleep(&pause, nullptr);
}

int64_t check_patience_factor(void)
{
	const char *factor = getenv("CS_TEST_PATIENCE");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	const int64_t otherwise = 4;
#else
	const int64_t otherwise = 1;
#endif
	const int64_t value = factor ? atoll(factor) : otherwise;

	return value > 0 ? value : 1;
}

int64_t check_patience_ms(void)
{
	return 10000 * check_patience_factor();
}

int64_t check_soon_ms(void)
{
	return 5000 * check_patience_factor();
}

std::string check_format_list(const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	std::string text(static_cast<size_t>(vsnprintf(nullptr, 0, format, arguments)), '\0');
	vsnprintf(text.data(), text.size() + 1, format, again);
	va_end(again);
	return text;
}

std::string check_format(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const std::string text = check_format_list(format, arguments);
	va_end(arguments);
	return text;
}

/* CMocka cuts what is longer than 1,023 bytes. */
void check_report(const std::string &text)
{
	constexpr size_t part = 1000;

	for (size_t at = 0; at < text.size(); at += part)
		print_error("%s", text.substr(at, part).c_str());
	print_error("\n");
}

void check_fail(std::source_location at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_report(check_format_list(format, arguments));
	va_end(arguments);
	_fail(at.file_name(), (int)at.line());
	abort();
}

std::string check_read_file(const std::string &path)
{
	FILE *file = fopen(path.c_str(), "r");
	std::string text;
	char part[65536];
	size_t got;

	if (!file)
		return text;
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		text.append(part, got);
	fclose(file);
	return text;
}
