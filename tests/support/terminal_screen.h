/* SPDX-License-Identifier: MIT
 * The screen of a terminal: bytes in, the lines that a person sees out.
 *
 * It understands the sequences of the terminal type "xterm" that a line editor uses; any other is kept in
 * `strange`, so that a test can demand that there is none. */
#ifndef TESTS_SUPPORT_TERMINAL_SCREEN_H
#define TESTS_SUPPORT_TERMINAL_SCREEN_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

struct terminal_screen {
	size_t columns = 80, rows = 24; /* may be changed at any time: nothing is wrapped anew */
	/* What has scrolled out and, at the end, what is on the screen. A character that takes two columns is
	 * followed by a NUL. */
	std::vector<std::u32string> lines = {{}};
	size_t row = 0; /* the cursor's, in `lines` */
	size_t column = 0; /* the cursor's; equal to columns where the next character begins a new line */
	bool inserts = false; /* what is written moves the rest of the line */
	std::string pending; /* the beginning of a sequence or a character */
	std::string strange; /* what it does not understand, one item a line */
};

void terminal_screen_put(terminal_screen *sc, std::string_view bytes);
/* A line in UTF-8, without the blanks at its end; empty where there is none. */
std::string terminal_screen_line(const terminal_screen *sc, size_t line);
/* What is before the cursor in its line, with the blanks. */
std::string terminal_screen_before_cursor(const terminal_screen *sc);

#endif
