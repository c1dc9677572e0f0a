/* SPDX-License-Identifier: MIT
 * The line on a terminal that says how far a run is. */
#include "progress.h"

#include <cstdio>
#include <unistd.h>

static void progress_on_time(evutil_socket_t, short, void *arg)
{
	progress *const p = static_cast<progress *>(arg);

	p->is_shown = true;
	(void)fprintf(stderr, "\r\033[K%s", p->tell(p->arg).c_str());
}

void progress_begin(progress *p, event_base *base, std::string (*tell)(void *arg), void *arg)
{
	const timeval step = {0, 500000};

	if (!isatty(STDERR_FILENO))
		return;
	p->tell = tell;
	p->arg = arg;
	p->timer.reset(event_new(base, -1, EV_PERSIST, progress_on_time, p));
	if (p->timer)
		(void)event_add(p->timer.get(), &step);
}

void progress_end(progress *p)
{
	p->timer.reset();
	if (p->is_shown)
		(void)fputs("\r\033[K", stderr);
	p->is_shown = false;
}
