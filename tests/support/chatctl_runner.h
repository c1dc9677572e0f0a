/* SPDX-License-Identifier: MIT
 * Runs the program chatctl against a test's server. */
#ifndef TESTS_SUPPORT_CHATCTL_RUNNER_H
#define TESTS_SUPPORT_CHATCTL_RUNNER_H

#include <string>
#include <vector>

#include "tests/support/server.h"

/* What it printed. status: as it ended, or 128 + the signal. */
struct chatctl_output {
	int status;
	std::string out, err;
};

struct chatctl_how {
	std::string input; /* of its standard input, which ends there */
	std::string socket; /* empty: that of the server */
	std::string before; /* for the shell: what stands before the program, such as a variable of its environment */
	std::string program; /* empty: that of the build */
};

/* The word as the shell takes it, whatever is in it. */
std::string chatctl_quote(const std::string &word);
/* Runs chatctl in the server's folder. words: as one types them in a shell. */
chatctl_output chatctl_type(const test_server *s, const std::string &words, const chatctl_how &how = {});
/* The same with these words. */
chatctl_output chatctl_words(const test_server *s, const std::vector<std::string> &words, const chatctl_how &how = {});

#endif
