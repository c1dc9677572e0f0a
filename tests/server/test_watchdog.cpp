/* SPDX-License-Identifier: MIT
 * Tests that the watchdog of the service manager is fed while all threads move, and not longer. */
#include <cstdlib>
#include <string>

#include <sqlite3.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/notify_socket.h"
#include "tests/support/server.h"

using wide = long long;

/* Half of it without a turn of a loop is told in the log, so a machine may stand still for so long. */
static const int64_t interval_ms = 1500 * check_patience_factor();

/* The socket of a server that is watched. */
static int watch(test_server *s, const std::string &more = "")
{
	const std::string path = s->folder + "/notify";
	const int fd = open_notify_socket(path);

	s->environment = {"NOTIFY_SOCKET=" + path, check_format("WATCHDOG_USEC=%lld", (wide)interval_ms * 1000)};
	if (!more.empty())
		s->environment.push_back(more);
	return fd;
}

/* All that was sent until now. */
static std::string take_all(int fd)
{
	std::string all;
	char text[4096];
	ssize_t got;

	while ((got = recv(fd, text, sizeof(text), MSG_DONTWAIT)) > 0)
		all.append(text, (size_t)got).append("\n");
	return all;
}

static void expect_fed(int fd, int times)
{
	for (int i = 0; i < times; i++)
		assert_true(wait_notification(fd, "WATCHDOG=1"));
}

/* A second look, because a feed may have been under way when the log line was written. */
static void expect_starved(const test_server *s, int fd)
{
	(void)take_all(fd);
	check_sleep_ms(interval_ms / 2);
	if (test_server_log(s).find("the watchdog is fed again") == std::string::npos)
		assert_string_equal(take_all(fd).c_str(), "");
}

static void the_watchdog_is_fed_from_the_start_to_the_stop(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int fd = watch(s);

	test_server_start(s);
	assert_true(wait_notification(fd, "READY=1"));
	const int64_t begun = check_now();
	expect_fed(fd, 5);
	assert_true(check_now() - begun < 5 * interval_ms);
	test_server_stop(s);
	assert_true(test_server_log(s).find("watchdog") == std::string::npos);
	close(fd);
}

static void the_watchdog_of_another_process_is_not_fed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int fd = watch(s, "WATCHDOG_PID=1");

	test_server_start(s);
	check_sleep_ms(interval_ms);
	test_server_stop(s);
	assert_true(take_all(fd).find("WATCHDOG=1") == std::string::npos);
	close(fd);
}

static void a_time_that_is_no_number_is_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const char *wrong : {"", "5s"}) {
		s->environment = {std::string("WATCHDOG_USEC=") + wrong};
		test_server_start(s);
		test_server_wait_log(s, "warning the watchdog is not fed: WATCHDOG_USEC or WATCHDOG_PID is no number");
		test_server_kill(s);
	}
}

static void a_worker_that_hangs_starves_the_watchdog_and_is_named(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const char *const build = getenv("CS_BUILD");
	const int fd = watch(s);

	s->options = {{"core.listen", s->options.at("core.listen")},
	              {"core.threads", "1"},
	              {"core.plugin_dir", std::string(build ? build : "build") + "/tests/plugin/loaded"},
	              {"core.plugins", "bad_hung"},
	              {"bad_hung.after", "100ms"},
	              {"bad_hung.hang", check_format("%lldms", (wide)interval_ms * 2)}};
	test_server_set(s, "store.driver", "\"\"");
	test_server_start(s);
	test_server_wait_log(s, "error the watchdog is not fed, so the service manager will end the server: threads "
	                        "stand still threads=worker0 plugin=bad_hung longest_ms=");
	expect_starved(s, fd);
	test_server_wait_log(s, "warning the watchdog is fed again ms=");
	expect_fed(fd, 3);
	close(fd);
}

/* A statement that takes long is no reason to starve it; one that never ends is. */
static void a_store_thread_that_hangs_starves_the_watchdog_and_is_named(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int fd = watch(s);
	sqlite3 *other = nullptr;

	test_server_set(s, "db_sqlite.busy_timeout", "60s");
	test_server_set(s, "store.hang_timeout", "3s");
	test_server_start(s);
	test_client *c = client_open(s);
	assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
	client_send(c, R"({"msgid":4,"name":"ann","password":"secret"})");
	(void)take_all(fd);
	expect_fed(fd, 2);
	test_server_wait_log(s, "threads stand still threads=writer0 plugin= longest_ms=");
	expect_starved(s, fd);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	client_expect(c, R"({"msgid":5,"errno":0})");
	test_server_wait_log(s, "warning the watchdog is fed again ms=");
	expect_fed(fd, 3);
	close(fd);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, test_server_setup, test_server_teardown)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(the_watchdog_is_fed_from_the_start_to_the_stop),
		WITH_SERVER(the_watchdog_of_another_process_is_not_fed),
		WITH_SERVER(a_time_that_is_no_number_is_told),
		WITH_SERVER(a_worker_that_hangs_starves_the_watchdog_and_is_named),
		WITH_SERVER(a_store_thread_that_hangs_starves_the_watchdog_and_is_named),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
