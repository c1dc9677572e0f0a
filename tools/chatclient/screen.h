/* SPDX-License-Identifier: MIT
 * Owns the terminal: editing a line with history, and printing above it. It must not know what the lines
 * mean. */
#ifndef CHATCLIENT_SCREEN_H
#define CHATCLIENT_SCREEN_H

#include <memory>
#include <string>
#include <string_view>

#include <event2/event.h>
#include <histedit.h>
#include <termios.h>

#include <base/raii.h>

using editline_ptr = std::unique_ptr<EditLine, function_deleter<el_end>>;
using history_ptr = std::unique_ptr<History, function_deleter<history_end>>;

struct screen_calls {
	void (*line)(void *arg, std::string_view line); /* a line was entered; without its end */
	void (*end)(void *arg); /* end of input, or the person interrupts */
};

enum screen_mode {
	SCREEN_PAUSED, /* a line is being handled: the cursor is at the beginning of an empty line */
	SCREEN_EDITING,
	SCREEN_SECRET, /* the terminal reads a line without echo */
};

struct screen {
	const screen_calls *calls = nullptr;
	void *arg = nullptr;
	history_ptr hist;
	editline_ptr el;
	event_ptr readable;
	event_ptr resized;
	event_ptr stopped;
	event_ptr interrupted;
	event_ptr terminated;
	screen_mode mode = SCREEN_PAUSED;
	bool secret = false; /* how the next line is to be read */
	bool escape_began = false; /* the last key was ESC: the rest of a sequence follows at once, or none */
	bool erases = false; /* the terminal can */
	bool closed = false; /* no further line is asked for */
	bool input_ended = false; /* the terminal is gone */
	std::string prompt;
	std::string ahead; /* read with a secret, and behind its line */
	termios terminal = {}; /* as it was found */
	size_t entered_rows = 0; /* that the line which is being handled takes */
};

/* Takes over standard input and output, which must be a terminal. -1: it cannot be set up. */
[[nodiscard]] int screen_open(screen *sc, event_base *base, const screen_calls *calls, void *arg);
/* Shows a line, which may hold colours, above the one that is being edited. arg is the screen. */
void screen_print(void *arg, std::string_view line);
/* What stands before the next line, and whether that is typed unseen. What was typed so far stays. */
void screen_set_prompt(screen *sc, std::string_view prompt, bool secret);
/* While a line is handled, and before anything is printed: takes it off the screen again. */
void screen_erase_entered(screen *sc);
/* Puts a line into the history. */
void screen_remember(screen *sc, std::string_view line);
/* Gives the terminal back as it was; of no effect the second time. */
void screen_close(screen *sc);

#endif
