/* SPDX-License-Identifier: MIT
 * Reads a password: twice from the terminal, which does not show it, or one line of standard input. */
#include "password.h"

#include <cerrno>
#include <cstdio>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "signals.h"

static constexpr size_t chatctl_most_line = 4096; /* bytes; the server takes less */

/* The next line of standard input, without its end. signals: a descriptor that ends the reading, or -1. false: the
 * input has ended before a line, or a signal has come. */
static bool chatctl_read_secret_line(int signals, wiped_text *line_r)
{
	line_r->clear();
	line_r->reserve(chatctl_most_line); /* beyond the size that a text keeps in itself */
	for (;;) {
		struct pollfd wait[] = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
		char c = 0;

		if (poll(wait, 2, -1) == -1 && errno != EINTR)
			return false;
		if (wait[1].revents)
			return false;
		if (!wait[0].revents)
			continue;
		const ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return !line_r->empty();
		if (c == '\n')
			return true;
		if (line_r->size() == chatctl_most_line)
			return false;
		line_r->push_back(c);
	}
}

static bool chatctl_ask_twice(int signals, wiped_text *password_r)
{
	wiped_text again;

	(void)fputs("password: ", stderr);
	if (!chatctl_read_secret_line(signals, password_r))
		return false;
	(void)fputs("the same password again: ", stderr);
	if (!chatctl_read_secret_line(signals, &again))
		return false;
	if (again == *password_r)
		return true;
	(void)fputs("chatctl: these were two passwords; nothing was changed\n", stderr);
	password_r->clear();
	return false;
}

/* A signal waits until the terminal is as before; then it does what it does. */
static bool chatctl_ask_terminal(wiped_text *password_r)
{
	struct termios before {
	}, silent{};

	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return false;
	silent = before;
	silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
	silent.c_lflag |= ICANON | ISIG | ECHONL;
	const struct chatctl_signals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP});

	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	const bool is_read = chatctl_ask_twice(signals.fd.fd, password_r);

	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return is_read;
}

bool chatctl_read_password(wiped_text *password_r)
{
	if (isatty(STDIN_FILENO) == 1)
		return chatctl_ask_terminal(password_r);
	if (chatctl_read_secret_line(-1, password_r) && !password_r->empty())
		return true;
	(void)fputs("chatctl: the password is missing: it is the first line of standard input\n", stderr);
	return false;
}
