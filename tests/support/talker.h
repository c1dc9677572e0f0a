/* SPDX-License-Identifier: MIT
 * A real chatclient for a test, run by pipes: commands in, plain lines out, exit status. */
#ifndef TESTS_SUPPORT_TALKER_H
#define TESTS_SUPPORT_TALKER_H

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/* The program is $CS_BUILD/chatclient (default: build). It dies with the test. */
struct talker {
	pid_t pid = -1;
	int input = -1;
	int output = -1;
	std::string bytes; /* the beginning of a line */
	std::vector<std::string> lines; /* all that it printed, with | for each tab */

	~talker();
};

/* Starts it for 127.0.0.1 and the port, with further options before them. Port 0: the options have the address. */
void talker_start(talker *t, uint16_t port, const std::vector<std::string> &options = {});
/* One command; the line's end is added. */
void talker_say(talker *t, std::string_view line);
/* No more commands. */
void talker_end_input(talker *t);
/* Waits until a line begins with this text (tabs as |), in the lines from `from` on; its number. */
size_t talker_wait(talker *t, std::string_view beginning, size_t from = 0,
                   std::source_location at = std::source_location::current());
/* Whether a line that came so far begins with the text. */
bool talker_has(const talker *t, std::string_view beginning);
/* The lines that begin with the text. */
std::vector<std::string> talker_lines(const talker *t, std::string_view beginning);
/* Ends the input and waits for the process's end: the exit status, or 128 + the signal. */
int talker_finish(talker *t, std::source_location at = std::source_location::current());
/* Runs a whole script: start, say, finish. */
int talker_run(talker *t, uint16_t port, std::string_view script, const std::vector<std::string> &options = {},
               std::source_location at = std::source_location::current());

#endif
