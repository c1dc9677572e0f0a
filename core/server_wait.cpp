/* SPDX-License-Identifier: MIT
 * Says from time to time that the start takes long, while the main thread waits for the store. */
#include "core/server.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/base/call.h"
#include "core/base/log.h"
#include "core/notify.h"

static constexpr int64_t server_wait_step_s = 5;
static constexpr int64_t server_wait_most_ms = 60000; /* what the service manager grants until the next notice */

struct server_wait {
	std::mutex mutex; /* guards over */
	std::condition_variable changed;
	bool over = false;
	std::thread thread;
};

static void server_wait_run(struct server_wait *w)
{
	const auto begin = std::chrono::steady_clock::now();
	std::unique_lock lock(w->mutex);

	(void)pthread_setname_np(pthread_self(), "wait");
	for (int64_t s = server_wait_step_s;; s += server_wait_step_s) {
		if (w->changed.wait_until(lock, begin + std::chrono::seconds(s), [w] { return w->over; }))
			return;
		log_info("the store is not open yet, its schema may be changing seconds=%lld",
		         static_cast<long long>(s));
		notify_starting(server_wait_most_ms);
	}
}

server_wait_ptr server_wait_start(void)
{
	server_wait_ptr w(std::make_unique<struct server_wait>().release());

	w->thread = call_start_thread([own = w.get()] { server_wait_run(own); });
	return w;
}

void server_wait_deleter::operator()(struct server_wait *w) const
{
	const std::unique_ptr<struct server_wait> owned(w);

	{
		const std::scoped_lock lock(w->mutex);

		w->over = true;
	}
	w->changed.notify_one();
	w->thread.join();
}
