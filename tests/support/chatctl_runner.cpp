/* SPDX-License-Identifier: MIT
 * Runs the program chatctl against a test's server. */
#include "tests/support/chatctl_runner.h"

#include <cstdio>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"

std::string chatctl_quote(const std::string &word)
{
	std::string quoted = "'";

	for (const char c : word)
		quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
	return quoted + "'";
}

static void chatctl_write_input(const std::string &path, const std::string &input)
{
	FILE *file = fopen(path.c_str(), "w");

	if (!file || fwrite(input.data(), 1, input.size(), file) != input.size())
		check_fail(test_at::current(), "%s cannot be written", path.c_str());
	(void)fclose(file);
}

chatctl_output chatctl_type(const test_server *s, const std::string &words, const chatctl_how &how)
{
	const std::string in = s->folder + "/chatctl.in", out = s->folder + "/chatctl.out",
			  err = s->folder + "/chatctl.err";
	const std::string program = how.program.empty() ? process_program("chatctl") : how.program;
	const std::string socket = how.socket.empty() ? operator_path(s) : how.socket;

	(void)unlink(out.c_str());
	(void)unlink(err.c_str());
	chatctl_write_input(in, how.input);
	const int status = process_run({"bash", "-c",
	                                "cd " + chatctl_quote(s->folder) + " && " + how.before + " " +
	                                        chatctl_quote(program) + " -s " + chatctl_quote(socket) + " " + words +
	                                        " <chatctl.in >chatctl.out 2>chatctl.err"},
	                               "/dev/null");
	return {status, check_read_file(out), check_read_file(err)};
}

chatctl_output chatctl_words(const test_server *s, const std::vector<std::string> &words, const chatctl_how &how)
{
	std::string line;

	for (const std::string &word : words)
		line += (line.empty() ? "" : " ") + chatctl_quote(word);
	return chatctl_type(s, line, how);
}
