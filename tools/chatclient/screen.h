/* SPDX-License-Identifier: MIT
 * The terminal: editing a line with history, and printing above it. */
#ifndef CHATCLIENT_SCREEN_H
#define CHATCLIENT_SCREEN_H

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <event2/event.h>
#include <histedit.h>
#include <termios.h>

#include <base/raii.h>

using editline_ptr = std::unique_ptr<EditLine, function_deleter<el_end>>;
using history_ptr = std::unique_ptr<History, function_deleter<history_end>>;

/* What the word before the cursor can become. */
struct screen_choice {
	size_t begin = 0; /* where the word begins in the line */
	std::vector<std::string> words;
};

struct screen_calls {
	void (*line)(void *arg, std::string_view line); /* a line was entered; without its end */
	void (*typed)(void *arg, std::string_view line); /* the line that is being typed has changed */
	bool (*pasted)(void *arg, std::string_view lines); /* several lines; false: take them as if they were typed */
	screen_choice (*complete)(void *arg, std::string_view before); /* the line up to the cursor */
	void (*page_up)(void *arg);
	void (*interrupted)(void *arg); /* the user pressed ^C with an empty line */
	void (*end)(void *arg); /* end of input, or the user wants to leave */
};

enum screen_mode {
	SCREEN_PAUSED, /* a line is being handled; the cursor is at the beginning of an empty line */
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
	bool secret = false; /* read the next line without echo */
	bool escape_began = false; /* the last key was ESC, perhaps the beginning of a sequence */
	bool erases = false; /* the terminal can erase text */
	bool closed = false; /* ask for no further line */
	bool input_ended = false; /* the terminal is gone */
	std::string prompt;
	std::vector<std::string> status; /* shown above the prompt while it is there; without colours */
	size_t status_rows = 0; /* rows of it that are on the screen now */
	bool colour = false;
	std::string pasted; /* what came in one piece */
	std::string ahead; /* bytes that came after a secret line, in the same read */
	termios terminal = {}; /* its settings at the start */
	size_t entered_rows = 0; /* rows on the screen of the line that is being handled */
};

/* Takes over standard input and output, which must be a terminal. -1: that failed. */
[[nodiscard]] int screen_open(screen *sc, event_base *base, const screen_calls *calls, void *arg);
/* Prints a line, which may contain colours, above the edited one. arg is the screen. */
void screen_print(void *arg, std::string_view line);
/* Sets the prompt, and whether the next line is typed without echo. Text that was typed already stays. */
void screen_set_prompt(screen *sc, std::string_view prompt, bool secret);
/* Sets the lines that are shown above the prompt for the time being. */
void screen_set_status(screen *sc, const std::vector<std::string> &lines);
/* arg is the screen. */
void screen_ring(void *arg);
/* Removes the entered line from the screen. Only while that line is handled, and before anything is printed. */
void screen_erase_entered(screen *sc);
/* Adds a line to the history. */
void screen_remember(screen *sc, std::string_view line);
/* Restores the terminal. A second call does nothing. */
void screen_close(screen *sc);

/* screen_keys.cpp, for screen.cpp: reading keys, pastes and completion. */
void screen_bind_keys(screen *sc);
/* Reads what is there; calls line, pasted, typed or end. */
void screen_edit(screen *sc);
/* The whole line that is being typed. */
[[nodiscard]] std::string screen_typed_line(const screen *sc);
void screen_take_line(screen *sc, std::string_view line);
void screen_pause(screen *sc);
void screen_resume(screen *sc);
void screen_clear_line(screen *sc);

#endif
