/* SPDX-License-Identifier: MIT
 * A chatclient, or another program, on a pseudo terminal: keys in, a screen out. */
#include "tests/support/terminal.h"

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"

terminal::~terminal()
{
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, nullptr, 0);
	}
	if (fd != -1)
		(void)close(fd);
	if (!folder.empty())
		folder_remove(folder);
}

/* Settings of the person who runs the tests would change what is seen. */
static void terminal_exec(const terminal *t, const std::vector<std::string> &arguments,
                          const std::vector<std::string> &environment)
{
	const std::string program = process_program(t->program);
	std::vector<char *> argv = {const_cast<char *>(program.c_str())};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setenv("TERM", "xterm", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	(void)setenv("EDITRC", "/dev/null", 1);
	(void)unsetenv("NO_COLOR");
	(void)setenv("XDG_STATE_HOME", t->folder.c_str(), 1);
	for (const std::string &variable : environment)
		(void)putenv(const_cast<char *>(variable.c_str()));
	for (const std::string &argument : arguments)
		argv.push_back(const_cast<char *>(argument.c_str()));
	argv.push_back(nullptr);
	(void)execv(program.c_str(), argv.data());
	_exit(127);
}

static void terminal_launch(terminal *t, const std::vector<std::string> &arguments, size_t columns, size_t rows,
                            const std::vector<std::string> &environment)
{
	winsize size = {};

	/* For wcwidth(). */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	t->screen.columns = columns;
	t->screen.rows = rows;
	size.ws_col = static_cast<unsigned short>(columns);
	size.ws_row = static_cast<unsigned short>(rows);
	int slave = -1;
	t->folder = folder_make();
	if (openpty(&t->fd, &slave, nullptr, nullptr, &size) != 0 || tcgetattr(slave, &t->before) != 0)
		check_fail(std::source_location::current(), "no pseudo terminal");
	t->pid = fork();
	if (t->pid == 0) {
		(void)close(t->fd);
		(void)login_tty(slave);
		terminal_exec(t, arguments, environment);
	}
	(void)close(slave);
}

void terminal_start(terminal *t, uint16_t port, size_t columns, size_t rows,
                    const std::vector<std::string> &environment)
{
	terminal_launch(t, {"127.0.0.1", std::to_string(port)}, columns, rows, environment);
}

void terminal_start_with(terminal *t, const std::vector<std::string> &arguments,
                         const std::vector<std::string> &environment)
{
	terminal_launch(t, arguments, 80, 24, environment);
}

void terminal_type(terminal *t, std::string_view keys)
{
	/* A person types less than a terminal takes at once; what has ended tells by its exit status. */
	(void)!write(t->fd, keys.data(), keys.size());
}

void terminal_resize(terminal *t, size_t columns, size_t rows)
{
	winsize size = {};

	t->screen.columns = columns;
	t->screen.rows = rows;
	size.ws_col = static_cast<unsigned short>(columns);
	size.ws_row = static_cast<unsigned short>(rows);
	(void)ioctl(t->fd, TIOCSWINSZ, &size);
}

/* Reads what comes within that time. False when the other side is closed. */
static bool terminal_read(terminal *t, int timeout_ms)
{
	pollfd waiting = {t->fd, POLLIN, 0};
	char bytes[8192];

	if (poll(&waiting, 1, timeout_ms) <= 0)
		return true;
	const ssize_t got = read(t->fd, bytes, sizeof(bytes));
	if (got <= 0)
		return false;
	t->bytes.append(bytes, static_cast<size_t>(got));
	terminal_screen_put(&t->screen, {bytes, static_cast<size_t>(got)});
	return true;
}

std::string terminal_text(const terminal *t)
{
	std::string text;

	for (size_t i = 0; i < t->screen.lines.size(); i++)
		text += terminal_screen_line(&t->screen, i) + "\n";
	return text;
}

void terminal_fail(const terminal *t, std::source_location at, std::string_view what)
{
	const std::string text = terminal_text(t);

	/* CMocka prints 1024 bytes at most. */
	check_fail(at, "%.*s; strange: %s; the terminal shows at the end:\n%s", (int)what.size(), what.data(),
	           t->screen.strange.c_str(), text.c_str() + text.size() - std::min<size_t>(text.size(), 700));
}

size_t terminal_find(const terminal *t, std::string_view text, size_t from)
{
	for (size_t i = from; i < t->screen.lines.size(); i++)
		if (terminal_screen_line(&t->screen, i) == text)
			return i;
	return std::string::npos;
}

void terminal_wait_for(terminal *t, std::string_view what, const std::function<bool(void)> &condition,
                       std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();
	bool open = true;

	while (!condition()) {
		if (!open || check_now() > end)
			terminal_fail(t, at, "waited in vain for: " + std::string(what));
		open = terminal_read(t, 20);
	}
}

size_t terminal_wait(terminal *t, std::string_view ending, size_t from, std::source_location at)
{
	size_t line = from;

	const auto is_there = [&] {
		for (line = from; line < t->screen.lines.size(); line++)
			if (terminal_screen_line(&t->screen, line).ends_with(ending))
				return true;
		return false;
	};
	terminal_wait_for(t, ending, is_there, at);
	return line;
}

void terminal_wait_cursor(terminal *t, std::string_view text, std::source_location at)
{
	terminal_wait_for(
		t, text, [&] { return terminal_screen_before_cursor(&t->screen) == text; }, at);
}

int terminal_finish(terminal *t, std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();
	int status = 0;

	while (terminal_read(t, 50))
		if (check_now() > end)
			terminal_fail(t, at, "it does not end");
	if (waitpid(t->pid, &status, 0) != t->pid)
		terminal_fail(t, at, "it is not there");
	t->pid = -1;
	if (status) /* if that is wrong, what it said last tells why */
		(void)fprintf(stderr, "the terminal shows at the end:\n%s", terminal_text(t).c_str());
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
