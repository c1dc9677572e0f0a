/* SPDX-License-Identifier: MIT
 * Holds signals back while something must be put right before they end chatctl. */
#ifndef CHATCTL_SIGNALS_H
#define CHATCTL_SIGNALS_H

#include <csignal>
#include <initializer_list>

#include <base/raii.h>

/* Until its end these signals do nothing but make fd readable; then they do what they do. Those that are ignored stay
 * so. */
struct chatctl_signals {
	unique_fd fd;
	sigset_t former;

	explicit chatctl_signals(std::initializer_list<int> numbers);
	chatctl_signals(const chatctl_signals &) = delete;
	~chatctl_signals();
};

#endif
