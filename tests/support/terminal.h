/* SPDX-License-Identifier: MIT
 * A chatclient, or another program, on a pseudo terminal: keys in, a screen out. */
#ifndef TESTS_SUPPORT_TERMINAL_H
#define TESTS_SUPPORT_TERMINAL_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>
#include <termios.h>

#include "tests/support/terminal_screen.h"

/* The program is $CS_BUILD/chatclient (default: build). It dies with the test. */
struct terminal {
	const char *program = "chatclient"; /* of that folder */
	pid_t pid = -1;
	int fd = -1; /* the master's side */
	termios before = {}; /* the modes, as the program finds them */
	std::string folder; /* XDG_STATE_HOME of the program */
	std::string bytes; /* all that was written to it */
	terminal_screen screen;

	~terminal();
};

/* Starts it for 127.0.0.1 and the port on a terminal of that size; environment: NAME=value, added. It remembers nothing
 * of an earlier one, unless the environment has another XDG_STATE_HOME. */
void terminal_start(terminal *t, uint16_t port, size_t columns = 80, size_t rows = 24,
                    const std::vector<std::string> &environment = {});
/* The same with these arguments, which have the address; 80 columns and 24 rows. */
void terminal_start_with(terminal *t, const std::vector<std::string> &arguments,
                         const std::vector<std::string> &environment = {});
/* As if the person pressed these keys. */
void terminal_type(terminal *t, std::string_view keys);
/* The window has another size now. */
void terminal_resize(terminal *t, size_t columns, size_t rows);
/* All lines, each with its end. */
std::string terminal_text(const terminal *t);
/* Where a line is exactly that text, from line `from` on; npos: nowhere. */
size_t terminal_find(const terminal *t, std::string_view text, size_t from = 0);
/* Waits until the condition is true of what came so far; what names it. A failure shows the screen. */
void terminal_wait_for(terminal *t, std::string_view what, const std::function<bool(void)> &condition,
                       std::source_location at = std::source_location::current());
/* Waits until a line from line `from` on ends with the text; its number. */
size_t terminal_wait(terminal *t, std::string_view ending, size_t from = 0,
                     std::source_location at = std::source_location::current());
/* Waits until the line with the cursor is the text up to the cursor. */
void terminal_wait_cursor(terminal *t, std::string_view text,
                          std::source_location at = std::source_location::current());
/* Waits for the process's end: the exit status, or 128 + the signal. */
int terminal_finish(terminal *t, std::source_location at = std::source_location::current());
/* Fails the test, with the screen. */
[[noreturn]] void terminal_fail(const terminal *t, std::source_location at, std::string_view what);

#endif
