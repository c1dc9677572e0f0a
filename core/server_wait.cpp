/* SPDX-License-Identifier: MIT
 * Says from time to time that the start takes long, while the main thread waits for the store, and ends the process if
 * it shall stop meanwhile. */
#include "core/server.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include <unistd.h>

#include "core/base/call.h"
#include "core/base/log.h"
#include "core/notify.h"

static constexpr int server_wait_step_s = 5;
static constexpr int64_t server_wait_most_ms = 60000; /* what the service manager grants until the next notice */

struct server_wait {
	std::atomic<bool> over = false;
	sigset_t stops, before; /* the signals that the thread waits for; the mask of the main thread */
	std::thread thread;
};

/* The main thread sends SIGTERM to end the wait. If another signal came at the same time, it is sent again:
 * the main thread gets it in its loop. The store loses nothing: a migration is as good as killed. */
static void server_wait_stop(const struct server_wait *w, const siginfo_t *info)
{
	if (w->over) {
		if (info->si_pid != getpid())
			(void)kill(getpid(), info->si_signo);
		return;
	}
	log_info("stopping at once: the store is not open yet signal=%s",
	         info->si_signo == SIGINT ? "SIGINT" : "SIGTERM");
	log_flush(server_log_ms);
	_exit(0);
}

static void server_wait_run(const struct server_wait *w)
{
	const struct timespec step = {.tv_sec = server_wait_step_s, .tv_nsec = 0};
	siginfo_t info;

	(void)pthread_setname_np(pthread_self(), "wait");
	for (int64_t s = 0;;) {
		if (sigtimedwait(&w->stops, &info, &step) != -1)
			return server_wait_stop(w, &info);
		if (errno != EAGAIN)
			continue;
		s += server_wait_step_s;
		log_info("the store is not open yet, its schema may be changing seconds=%lld",
		         static_cast<long long>(s));
		notify_starting(server_wait_most_ms);
	}
}

server_wait_ptr server_wait_start(void)
{
	server_wait_ptr w(std::make_unique<struct server_wait>().release());

	(void)sigemptyset(&w->stops);
	(void)sigaddset(&w->stops, SIGTERM);
	(void)sigaddset(&w->stops, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &w->stops, &w->before);
	w->thread = call_start_thread([own = w.get()] { server_wait_run(own); });
	return w;
}

void server_wait_deleter::operator()(struct server_wait *w) const
{
	const std::unique_ptr<struct server_wait> owned(w);

	w->over = true;
	(void)pthread_kill(w->thread.native_handle(), SIGTERM);
	w->thread.join();
	(void)pthread_sigmask(SIG_SETMASK, &w->before, nullptr);
}
