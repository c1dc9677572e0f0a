/* SPDX-License-Identifier: MIT
 * A real chatclient for a test, run by pipes: commands in, plain lines out, exit status. */
#include "tests/support/talker.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

talker::~talker()
{
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, nullptr, 0);
	}
	if (input != -1)
		(void)close(input);
	if (output != -1)
		(void)close(output);
}

static void talker_exec(uint16_t port, const std::vector<std::string> &options, int input, int output)
{
	const char *const build = getenv("CS_BUILD");
	const std::string program = std::string(build ? build : "build") + "/chatclient", number = std::to_string(port);
	std::vector<char *> argv = {const_cast<char *>(program.c_str())};

	for (const std::string &option : options)
		argv.push_back(const_cast<char *>(option.c_str()));
	if (port > 0) {
		argv.push_back(const_cast<char *>("127.0.0.1"));
		argv.push_back(const_cast<char *>(number.c_str()));
	}
	argv.push_back(nullptr);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(input, STDIN_FILENO);
	(void)dup2(output, STDOUT_FILENO);
	(void)execv(program.c_str(), argv.data());
	_exit(127);
}

void talker_start(talker *t, uint16_t port, const std::vector<std::string> &options)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		check_fail(std::source_location::current(), "no pipe");
	(void)signal(SIGPIPE, SIG_IGN);
	t->pid = fork();
	if (t->pid == 0)
		talker_exec(port, options, in[0], out[1]);
	(void)close(in[0]);
	(void)close(out[1]);
	t->input = in[1];
	t->output = out[0];
}

void talker_say(talker *t, std::string_view line)
{
	const std::string whole = std::string(line) + "\n";

	for (size_t at = 0; at < whole.size();) {
		const ssize_t done = write(t->input, whole.data() + at, whole.size() - at);
		if (done <= 0)
			return; /* it has ended: its exit status will tell */
		at += static_cast<size_t>(done);
	}
}

void talker_end_input(talker *t)
{
	if (t->input != -1)
		(void)close(t->input);
	t->input = -1;
}

static void talker_take(talker *t, std::string_view bytes)
{
	for (const char c : bytes) {
		if (c != '\n') {
			t->bytes += c == '\t' ? '|' : c;
			continue;
		}
		t->lines.push_back(t->bytes);
		t->bytes.clear();
	}
}

/* Reads what comes within that time. False at the end of the output. */
static bool talker_read(talker *t, int timeout_ms)
{
	pollfd waiting = {t->output, POLLIN, 0};
	char bytes[8192];

	if (poll(&waiting, 1, timeout_ms) <= 0)
		return true;
	const ssize_t got = read(t->output, bytes, sizeof(bytes));
	if (got <= 0)
		return false;
	talker_take(t, {bytes, static_cast<size_t>(got)});
	return true;
}

[[noreturn]] static void talker_fail(const talker *t, std::source_location at, const char *what,
                                     std::string_view detail)
{
	std::string all;

	for (const std::string &line : t->lines)
		all += "\n  " + line;
	check_fail(at, "%s %.*s; chatclient printed:%.3000s", what, (int)detail.size(), detail.data(), all.c_str());
}

size_t talker_wait(talker *t, std::string_view beginning, size_t from, std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();
	bool open = true;

	for (size_t i = from;; i++) {
		while (i >= t->lines.size()) {
			if (!open || check_now() > end)
				talker_fail(t, at, "waited in vain for", beginning);
			open = talker_read(t, 20);
		}
		if (t->lines[i].starts_with(beginning))
			return i;
	}
}

bool talker_has(const talker *t, std::string_view beginning)
{
	return !talker_lines(t, beginning).empty();
}

std::vector<std::string> talker_lines(const talker *t, std::string_view beginning)
{
	std::vector<std::string> found;

	for (const std::string &line : t->lines)
		if (line.starts_with(beginning))
			found.push_back(line);
	return found;
}

int talker_finish(talker *t, std::source_location at)
{
	const int64_t end = check_now() + 4 * check_patience_ms();
	int status = 0;

	talker_end_input(t);
	while (talker_read(t, 50))
		if (check_now() > end)
			talker_fail(t, at, "it does not end", "");
	if (waitpid(t->pid, &status, 0) != t->pid)
		talker_fail(t, at, "it is not there", "");
	t->pid = -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int talker_run(talker *t, uint16_t port, std::string_view script, const std::vector<std::string> &options,
               std::source_location at)
{
	talker_start(t, port, options);
	talker_say(t, script);
	return talker_finish(t, at);
}
