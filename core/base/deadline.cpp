/* SPDX-License-Identifier: MIT
 * The thread that ends the process when its time is over. */
#include "core/base/deadline.h"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <unistd.h>

#include "core/base/call.h"
#include "core/base/log.h"

static constexpr int64_t deadline_log_ms = 500; /* for a log file to get its last line */

struct deadline {
	std::chrono::steady_clock::time_point end;
	std::mutex mutex; /* guards called_off */
	std::condition_variable changed;
	bool called_off = false;
	std::thread thread;
};

static void deadline_run(struct deadline *d)
{
	(void)pthread_setname_np(pthread_self(), "deadline");
	std::unique_lock lock(d->mutex);

	if (d->changed.wait_until(lock, d->end, [d] { return d->called_off; }))
		return;
	/* If the log hangs as well, SIGALRM ends the process. */
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(1);
	log_error("stopping at once: what is still under way is cut off, and was acknowledged to nobody");
	log_flush(deadline_log_ms);
	(void)alarm(0);
	_exit(1);
}

void deadline_deleter::operator()(struct deadline *d) const
{
	{
		const std::scoped_lock lock(d->mutex);

		d->called_off = true;
	}
	d->changed.notify_one();
	d->thread.join();
	std::default_delete<struct deadline>()(d);
}

deadline_ptr deadline_start(int64_t ms)
{
	deadline_ptr d(std::make_unique<struct deadline>().release());

	d->end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
	d->thread = call_start_thread([own = d.get()] { deadline_run(own); });
	return d;
}
