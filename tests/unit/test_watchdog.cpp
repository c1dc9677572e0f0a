/* SPDX-License-Identifier: MIT
 * Tests which thread the watchdog names: the worker, the bus and those of the store, each standing still. */
#include <cstdlib>
#include <functional>
#include <semaphore>
#include <string>

#include <unistd.h>

#include "core/base/instance.h"
#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/store/store.h"
#include "core/watchdog.h"
#include "tests/support/capture.h"
#include "tests/support/check.h"
#include "tests/support/fake_bus.h"
#include "tests/support/folder.h"
#include "tests/support/notify_socket.h"

/* The parts of a server that are watched: one worker, a bus, a store that only hashes. */
struct fixture {
	std::string folder;
	int notify = -1;
	struct loop main;
	struct worker_shared shared;
	std::unique_ptr<struct fake_bus> bus;
	store_ptr store;
	struct cs_self self;
	watchdog_ptr watchdog;
	std::binary_semaphore begun{0}, gate{0}; /* of a call that stands still */
};

static int set_up(void **state)
{
	auto *f = new fixture;
	const struct store_conf conf = {.driver = "",
	                                .readers = 1,
	                                .writers = 1,
	                                .hashers = 1,
	                                .queue = 100,
	                                .queue_bytes = 1 << 20,
	                                .hang_timeout = 300};
	struct cs_error e;

	f->folder = folder_make();
	f->notify = open_notify_socket(f->folder + "/notify");
	setenv("NOTIFY_SOCKET", (f->folder + "/notify").c_str(), 1);
	setenv("WATCHDOG_USEC", "400000", 1);
	assert_int_equal(loop_open(&f->main, &e), 0);
	f->shared.workers.push_back(std::make_unique<struct worker>());
	assert_int_equal(worker_open(f->shared.workers[0].get(), 0, &f->shared, &e), 0);
	f->bus = fake_bus_start(&f->shared);
	assert_int_equal(store_open(&f->store, &conf, nullptr, nullptr, "test", nullptr, &e), 0);
	f->shared.store = f->store.get();
	f->self.worker = f->shared.workers[0].get();
	assert_int_equal(watchdog_open(&f->watchdog, &f->main, &f->shared, &e), 0);
	assert_non_null(f->watchdog.get());
	store_start(f->store.get());
	worker_start(f->shared.workers[0].get());
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	store_stop(f->store.get());
	worker_stop(f->shared.workers[0].get());
	loop_drain(&f->shared.workers[0]->loop);
	fake_bus_stop(f->bus.get());
	f->watchdog.reset();
	close(f->notify);
	folder_remove(f->folder);
	delete f;
	return 0;
}

/* Runs the main loop until the condition is true. */
static void run_until(fixture *f, const std::function<bool()> &condition)
{
	check_wait("the watchdog", [&] {
		event_base_loop(f->main.base.get(), EVLOOP_NONBLOCK);
		return condition();
	});
}

static bool is_fed(fixture *f)
{
	char text[64];
	const ssize_t got = recv(f->notify, text, sizeof(text), MSG_DONTWAIT);

	return got > 0 && std::string(text, static_cast<size_t>(got)) == "WATCHDOG=1";
}

static void stand_still(void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	f->begun.release();
	f->gate.acquire();
}

static int stand_still_hashing(struct cs_db *, void *arg)
{
	stand_still(arg);
	return 0;
}

/* The thread stands still from begin() on, and is named; later it goes on. */
static void expect_named(fixture *f, const std::string &name, const std::function<void()> &begin)
{
	run_until(f, [f] { return is_fed(f); });
	const std::string log = capture_stderr([&] {
		int64_t silent_since = 0;

		begin();
		f->begun.acquire();
		/* Silent for longer than the interval, though the main loop turns. */
		run_until(f, [&] {
			if (is_fed(f) || silent_since == 0)
				silent_since = check_now();
			return check_now() - silent_since > 450;
		});
		f->gate.release();
		run_until(f, [f] { return is_fed(f); });
	});

	if (log.find("the watchdog is not fed") == log.npos || log.find("threads=" + name + " plugin= ") == log.npos ||
	    log.find("the watchdog is fed again") == log.npos)
		check_fail(std::source_location::current(), "the log is: %s", log.c_str());
}

static void a_worker_that_stands_still_is_named(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	expect_named(f, "worker0", [f] { loop_post(&f->shared.workers[0]->loop, stand_still, f); });
}

static void a_bus_thread_that_stands_still_is_named(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	expect_named(f, "bus", [f] { loop_post(bus_loop(f->shared.bus), stand_still, f); });
}

static void a_hasher_that_stands_still_is_named(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	expect_named(f, "hasher0", [f] {
		assert_int_equal(
			store_work(f->store.get(), &f->self, 0, 0, CS_WORK_HASH, stand_still_hashing, nullptr, f), 0);
	});
}

static void without_a_time_nobody_is_watched(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	watchdog_ptr other;
	struct cs_error e;

	unsetenv("WATCHDOG_USEC");
	assert_int_equal(watchdog_interval(), 0);
	assert_int_equal(watchdog_open(&other, &f->main, &f->shared, &e), 0);
	assert_null(other.get());
}

int main(void)
{
#define WATCHED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WATCHED(a_worker_that_stands_still_is_named),
		WATCHED(a_bus_thread_that_stands_still_is_named),
		WATCHED(a_hasher_that_stands_still_is_named),
		WATCHED(without_a_time_nobody_is_watched),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
