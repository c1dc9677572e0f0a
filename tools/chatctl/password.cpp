/* SPDX-License-Identifier: MIT
 * Reads a password: twice from the terminal, which does not show it, or one line of standard input. */
#include "password.h"

#include <cerrno>
#include <cstdio>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "signals.h"

static constexpr size_t chatctl_most_line = 4096; /* bytes; the server takes less, and says so */

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
		if (line_r->size() < chatctl_most_line)
			line_r->push_back(c);
	}
}

/* Each of these returns null, or what is wrong. */

static const char *chatctl_ask_twice(int signals, wiped_text *password_r)
{
	wiped_text again;

	(void)fputs("password: ", stderr);
	if (!chatctl_read_secret_line(signals, password_r) || password_r->empty())
		return "there is no password";
	(void)fputs("the same password again: ", stderr);
	if (!chatctl_read_secret_line(signals, &again))
		return "there is no password";
	return again == *password_r ? nullptr : "these were two passwords";
}

/* A signal waits until the terminal is as before; then it does what it does. */
static const char *chatctl_ask_terminal(wiped_text *password_r)
{
	struct termios before {
	}, silent{};

	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return "the terminal does not tell its modes";
	silent = before;
	silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
	silent.c_lflag |= ICANON | ISIG | ECHONL;
	const struct chatctl_signals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP});

	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == -1)
		return "the terminal would show the password";
	const char *wrong = chatctl_ask_twice(signals.fd.fd, password_r);

	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return wrong;
}

static const char *chatctl_read_input(wiped_text *password_r)
{
	return chatctl_read_secret_line(-1, password_r) && !password_r->empty()
	               ? nullptr
	               : "the password is missing: it is the first line of standard input";
}

bool chatctl_read_password(wiped_text *password_r)
{
	const char *wrong =
		isatty(STDIN_FILENO) == 1 ? chatctl_ask_terminal(password_r) : chatctl_read_input(password_r);

	if (!wrong && password_r->find('\0') != password_r->npos)
		wrong = "a password has no zero byte";
	if (wrong)
		(void)fprintf(stderr, "chatctl: %s; nothing was changed\n", wrong);
	return !wrong;
}
