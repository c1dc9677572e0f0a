/* SPDX-License-Identifier: MIT
 * Feeds the watchdog of the service manager while every thread moves. */
#include "core/watchdog.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "core/base/instance.h"
#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/notify.h"
#include "core/store/store.h"

static constexpr int64_t watchdog_ticks = 4; /* in an interval */
static constexpr int64_t watchdog_least_tick_ms = 10;

/* A loop, and whether it has turned since it was last asked. */
struct watchdog_loop {
	struct loop *loop = nullptr;
	std::string name;
	const struct call_mark *call = nullptr; /* of its thread; null: it runs no plugin */
	int64_t asked_ms = 0;
	std::atomic<bool> turned = true;
};

struct watchdog {
	const struct worker_shared *shared = nullptr;
	int64_t interval_ms = 0;
	std::vector<std::unique_ptr<struct watchdog_loop>> loops;
	int64_t fed_ms = 0;
	bool told = false; /* the log says that it is not fed */
	event_ptr timer;
};

void watchdog_deleter::operator()(struct watchdog *w) const
{
	std::default_delete<struct watchdog>()(w);
}

/* ---- the environment */

/* false: the text is no number above 0. */
static bool watchdog_read_number(const char *text, int64_t *number_r)
{
	char *end = nullptr;

	errno = 0;
	*number_r = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *number_r > 0;
}

int64_t watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	int64_t interval = 0, process = 0;

	if (!usec)
		return 0;
	if (!watchdog_read_number(usec, &interval) || (pid && !watchdog_read_number(pid, &process))) {
		log_warning("the watchdog is not fed: WATCHDOG_USEC or WATCHDOG_PID is no number above 0");
		return 0;
	}
	if (pid && process != getpid())
		return 0;
	return std::max<int64_t>(interval / 1000, 1);
}

/* ---- who stands still */

struct watchdog_still {
	std::string threads; /* their names, with commas between them */
	std::string plugin; /* the first one that a thread is in */
	int64_t longest_ms = 0;
};

static void watchdog_add_name(std::string *names, std::string_view name)
{
	if (!names->empty())
		*names += ',';
	*names += name;
}

static void watchdog_look_at_loop(const struct watchdog_loop *l, int64_t now, struct watchdog_still *still)
{
	if (l->turned.load(std::memory_order_acquire))
		return;
	const struct cs_plugin *plugin = l->call ? l->call->plugin.load(std::memory_order_acquire) : nullptr;

	watchdog_add_name(&still->threads, l->name);
	still->longest_ms = std::max(still->longest_ms, now - l->asked_ms);
	if (plugin && still->plugin.empty())
		still->plugin = plugin->name;
}

static struct watchdog_still watchdog_look(const struct watchdog *w, int64_t now)
{
	struct watchdog_still still;

	for (const auto &l : w->loops)
		watchdog_look_at_loop(l.get(), now, &still);
	const std::string hung = store_hung_threads(w->shared->store, now, &still.longest_ms);

	if (!hung.empty())
		watchdog_add_name(&still.threads, hung);
	return still;
}

/* ---- feeding */

static void watchdog_on_turn(void *arg)
{
	static_cast<struct watchdog_loop *>(arg)->turned.store(true, std::memory_order_release);
}

static void watchdog_ask(struct watchdog *w, int64_t now)
{
	for (const auto &l : w->loops) {
		l->asked_ms = now;
		l->turned.store(false, std::memory_order_relaxed);
		loop_post(l->loop, watchdog_on_turn, l.get());
	}
}

static void watchdog_feed(struct watchdog *w, int64_t now)
{
	notify_watchdog();
	if (w->told)
		log_warning("the watchdog is fed again ms=%lld", static_cast<long long>(now - w->fed_ms));
	w->told = false;
	w->fed_ms = now;
	watchdog_ask(w, now);
}

static void watchdog_tell(struct watchdog *w, int64_t now, const struct watchdog_still *still)
{
	if (w->told || now - w->fed_ms < w->interval_ms / 2)
		return;
	w->told = true;
	log_error("the watchdog is not fed, so the service manager will end the server: threads stand still threads=%s "
	          "plugin=%s longest_ms=%lld interval_ms=%lld",
	          still->threads.c_str(), still->plugin.c_str(), static_cast<long long>(still->longest_ms),
	          static_cast<long long>(w->interval_ms));
}

static void watchdog_on_tick(evutil_socket_t, short, void *arg)
{
	auto *w = static_cast<struct watchdog *>(arg);
	const int64_t now = worker_monotonic_ms();
	const struct watchdog_still still = watchdog_look(w, now);

	if (still.threads.empty())
		watchdog_feed(w, now);
	else
		watchdog_tell(w, now, &still);
}

/* ---- set-up */

static void watchdog_add_loop(struct watchdog *w, struct loop *loop, std::string name, const struct call_mark *call)
{
	auto l = std::make_unique<struct watchdog_loop>();

	l->loop = loop;
	l->name = std::move(name);
	l->call = call;
	w->loops.push_back(std::move(l));
}

static int watchdog_start(struct watchdog *w, struct loop *main, struct cs_error *e)
{
	const int64_t tick = std::max(w->interval_ms / watchdog_ticks, watchdog_least_tick_ms);
	const struct timeval time = {.tv_sec = static_cast<time_t>(tick / 1000),
	                             .tv_usec = static_cast<suseconds_t>(tick % 1000 * 1000)};

	w->timer.reset(event_new(main->base.get(), -1, EV_PERSIST, watchdog_on_tick, w));
	if (w->timer && event_add(w->timer.get(), &time) == 0)
		return 0;
	error_set(e, "cannot make a timer for the watchdog");
	return CS_EINVAL;
}

int watchdog_open(watchdog_ptr *watchdog_r, struct loop *main, const struct worker_shared *shared, struct cs_error *e)
{
	const int64_t interval = watchdog_interval();

	if (interval == 0)
		return 0;
	watchdog_ptr w(std::make_unique<struct watchdog>().release());

	w->shared = shared;
	w->interval_ms = interval;
	w->fed_ms = worker_monotonic_ms();
	for (const auto &worker : shared->workers)
		watchdog_add_loop(w.get(), &worker->loop, "worker" + std::to_string(worker->index), &worker->call);
	if (shared->bus)
		watchdog_add_loop(w.get(), bus_loop(shared->bus), "bus", nullptr);
	if (const int failed = watchdog_start(w.get(), main, e))
		return failed;
	*watchdog_r = std::move(w);
	return 0;
}
