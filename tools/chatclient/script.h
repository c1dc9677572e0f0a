/* SPDX-License-Identifier: MIT
 * Standard input and output without a terminal: commands in, plain lines out. A command waits for the one before it if
 * it depends on it. */
#ifndef CHATCLIENT_SCRIPT_H
#define CHATCLIENT_SCRIPT_H

#include <string>
#include <string_view>

#include "client.h"

struct script {
	client *cl = nullptr;
	event_ptr readable;
	event_ptr waited; /* a timer: the end of a wait command */
	event_ptr interrupted;
	event_ptr terminated;
	std::string input; /* input that was read but not run */
	uint64_t line_number = 0;
	bool input_ended = false;
	bool done = false; /* no further command is run */
	bool unseen = false; /* standard output cannot be written */
	bool running = false; /* a command is running: script_ready must not run the next one from inside it */
	bool waits = false;
	uint64_t wait_count = 0; /* number of messages that end the wait; 0: only the time ends it */
	uint64_t taken = 0; /* number of messages that earlier waits have counted */
};

/* Sets up the input. cl must be open. -1: that failed. */
[[nodiscard]] int script_open(script *sr, event_base *base, client *cl);
/* Prints a line at once. */
void script_print(void *arg, std::string_view line);
/* Runs the commands that can run now. */
void script_ready(script *sr);

#endif
