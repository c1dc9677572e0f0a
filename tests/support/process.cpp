/* SPDX-License-Identifier: MIT
 * Starts, signals and ends a program that a test needs beside the server. */
#include "tests/support/process.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

std::string process_program(const char *name)
{
	const char *build = getenv("CS_BUILD");

	return std::filesystem::absolute(build ? build : "build") / name;
}

static std::vector<char *> arguments_of(const std::vector<std::string> &words)
{
	std::vector<char *> arguments;

	for (const std::string &word : words)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	return arguments;
}

static void prepare_child(int output)
{
	const int nothing = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	dup2(nothing, 0);
	dup2(output, 1);
	dup2(output, 2);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

pid_t process_spawn(const std::vector<std::string> &words, const std::string &output)
{
	const std::vector<char *> arguments = arguments_of(words);
	const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const pid_t pid = fork();

	if (pid == 0) {
		prepare_child(out);
		execvp(arguments[0], arguments.data());
		fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
		_exit(127);
	}
	close(out);
	return pid;
}

void process_signal(pid_t pid, int number)
{
	int status;

	/* Every process there is would get it otherwise. */
	if (pid <= 0)
		return;
	kill(pid, number);
	/* Until every thread of it has stopped it may still answer. */
	while (number == SIGSTOP && waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
}

bool process_is_alive(pid_t *pid, int *status_r)
{
	int status = 0;

	if (*pid <= 0)
		return false;
	if (waitpid(*pid, &status, WNOHANG) != *pid)
		return true;
	*pid = -1;
	if (status_r)
		*status_r = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return false;
}

void process_kill(pid_t *pid)
{
	int status;

	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
		;
	*pid = -1;
}

int process_run(const std::vector<std::string> &words, const std::string &output, std::source_location at)
{
	const int64_t end = check_now() + 6 * check_patience_ms();
	pid_t pid = process_spawn(words, output);
	int status = 0;

	while (process_is_alive(&pid, &status)) {
		if (check_now() > end) {
			process_kill(&pid);
			check_fail(at, "%s does not end", words[0].c_str());
		}
		check_sleep_ms(2);
	}
	return status;
}
