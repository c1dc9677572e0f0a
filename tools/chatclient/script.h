/* SPDX-License-Identifier: MIT
 * Owns standard input and output where they are no terminal: commands in, plain lines out, one command at a
 * time where the next depends on it. It must not know the protocol. */
#ifndef CHATCLIENT_SCRIPT_H
#define CHATCLIENT_SCRIPT_H

#include <string>
#include <string_view>

#include "client.h"

struct script {
	client *cl = nullptr;
	event_ptr readable;
	event_ptr waited; /* the end of a wait command */
	event_ptr interrupted;
	event_ptr terminated;
	std::string input; /* lines that wait */
	uint64_t line_number = 0;
	bool input_ended = false;
	bool done = false; /* no further command is run */
	bool unseen = false; /* standard output takes no lines */
	bool running = false; /* a command is: it must not run the next from inside */
	bool waits = false;
	uint64_t wait_count = 0; /* messages that end the wait; 0: none does */
	uint64_t taken = 0; /* messages that earlier waits have counted */
};

/* -1: it cannot be set up. cl must be open. */
[[nodiscard]] int script_open(script *sr, event_base *base, client *cl);
/* Prints a line at once. */
void script_print(void *arg, std::string_view line);
/* Runs the commands that can run now. */
void script_ready(script *sr);

#endif
