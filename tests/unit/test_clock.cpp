/* SPDX-License-Identifier: MIT
 * Tests that nothing but the times of log lines moves when somebody sets the system's clock: timers, time limits and
 * the times of messages do not. */
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "tests/support/capture.h"
#include "tests/support/worker_fixture.h"

static constexpr time_t hour = 3600;
static time_t set_by = 0; /* seconds by which the clock was set */

/* In place of the C library's, for this whole program. */
extern "C" int clock_gettime(clockid_t id, struct timespec *time_r) noexcept
{
	const long result = syscall(SYS_clock_gettime, id, time_r);

	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		time_r->tv_sec += set_by;
	return static_cast<int>(result);
}

static int set_up(void **state)
{
	auto f = worker_fixture_make();

	set_by = 0;
	f->conf.login_timeout = 200;
	*state = f.release();
	return 0;
}

static int tear_down(void **state)
{
	worker_fixture_free(std::unique_ptr<struct worker_fixture>(static_cast<struct worker_fixture *>(*state)));
	return 0;
}

static struct worker_fixture *fixture_of(void **state)
{
	return static_cast<struct worker_fixture *>(*state);
}

static void timers_and_time_limits_last_as_long_whichever_way_it_is_set(void **state)
{
	struct worker_fixture *f = fixture_of(state);
	struct cs_self *self = f->worker->instances[0].get();

	for (const time_t by : {-hour, hour}) {
		const int64_t begun = worker_monotonic_ms();
		int peer, fired = 0;

		(void)worker_fixture_connect(f, &peer);
		(void)host_table.timer_add(
			self, 200, 0, [](void *, void *arg) { ++*static_cast<int *>(arg); }, &fired);
		set_by += by;
		assert_true(worker_fixture_wait(f, [&] { return fired == 1 && f->worker->conns->live == 0; }));
		/* The clock of the timers is a coarse one. */
		assert_true(worker_monotonic_ms() - begun >= 190);
	}
}

static void times_of_messages_do_not_go_back(void **)
{
	const int64_t before = host_table.now(), monotonic = host_table.monotonic();

	set_by -= hour;
	assert_in_range(host_table.now() - before, 0, 1000);
	assert_int_equal(host_table.now(), host_table.now());
	assert_in_range(host_table.monotonic() - monotonic, 0, 1000);
	set_by += 2 * hour;
	assert_in_range(host_table.now() - before, hour * 1000, hour * 1000 + 1000);
	assert_in_range(host_table.monotonic() - monotonic, 0, 1000);
}

static void log_lines_have_the_time_that_was_set(void **)
{
	setenv("TZ", "UTC", 1);
	set_by = -time(nullptr);
	assert_string_equal(capture_stderr([] { log_error("x"); }).substr(0, 15).c_str(), "1970-01-01T00:0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_and_time_limits_last_as_long_whichever_way_it_is_set),
		TEST(times_of_messages_do_not_go_back),
		TEST(log_lines_have_the_time_that_was_set),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
