/* SPDX-License-Identifier: MIT
 * The line on a terminal that says how far a run is. */
#ifndef CHATBENCH_PROGRESS_H
#define CHATBENCH_PROGRESS_H

#include <string>

#include <base/raii.h>

struct progress {
	event_ptr timer;
	std::string (*tell)(void *arg) = nullptr;
	void *arg = nullptr;
	bool is_shown = false;
};

/* From now on shows twice a second what tell says, on standard error. If that is no terminal it does nothing. */
void progress_begin(progress *p, event_base *base, std::string (*tell)(void *arg), void *arg);
/* Takes the line away. May be called at any time, also twice. */
void progress_end(progress *p);

#endif
