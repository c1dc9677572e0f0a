/* SPDX-License-Identifier: MIT
 * Holds signals back while something must be put right before they end chatctl. */
#include "signals.h"

#include <sys/signalfd.h>

chatctl_signals::chatctl_signals(std::initializer_list<int> numbers)
{
	sigset_t held;

	(void)sigemptyset(&held);
	for (const int number : numbers) {
		struct sigaction action {};

		if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN)
			(void)sigaddset(&held, number);
	}
	(void)sigprocmask(SIG_BLOCK, &held, &former);
	fd.reset(signalfd(-1, &held, SFD_CLOEXEC));
	if (fd.fd == -1) /* nobody would see them */
		(void)sigprocmask(SIG_SETMASK, &former, nullptr);
}

chatctl_signals::~chatctl_signals()
{
	(void)sigprocmask(SIG_SETMASK, &former, nullptr);
}
