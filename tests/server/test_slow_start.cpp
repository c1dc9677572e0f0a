/* SPDX-License-Identifier: MIT
 * Tests that a start which waits for the store says so. */
#include <csignal>
#include <string>

#include <sqlite3.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/notify_socket.h"
#include "tests/support/server.h"

/* Another program keeps the server from changing the schema: as good as a change that takes long. */
static sqlite3 *keep_from_changes(test_server *s)
{
	sqlite3 *other = nullptr;

	test_server_set(s, "db_sqlite.busy_timeout", "60s");
	assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "PRAGMA journal_mode = WAL; CREATE TABLE mine (n); BEGIN IMMEDIATE",
	                              nullptr, nullptr, nullptr),
	                 SQLITE_OK);
	return other;
}

static void the_service_manager_hears_that_a_start_takes_long(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = s->folder + "/notify";
	const int fd = open_notify_socket(path);

	s->environment.push_back("NOTIFY_SOCKET=" + path);
	sqlite3 *other = keep_from_changes(s);
	test_server_launch(s);
	assert_true(wait_notification(fd, "EXTEND_TIMEOUT_USEC=60000000"));
	test_server_wait_log(s, "the store is not open yet, its schema may be changing seconds=5");
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_true(wait_notification(fd, "READY=1"));
	client_expect_quiet(client_open(s));
	close(fd);
}

static void a_server_that_waits_for_its_store_stops_at_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	sqlite3 *other = keep_from_changes(s);

	for (const char *name : {"SIGTERM", "SIGINT"}) {
		test_server_launch(s);
		test_server_wait_log(s, "the store is not open yet, its schema may be changing seconds=5");
		test_server_signal(s, *(name + 3) == 'T' ? SIGTERM : SIGINT);
		assert_int_equal(test_server_wait(s, 5000), 0);
		test_server_wait_log(s, std::string("stopping at once: the store is not open yet signal=") + name);
	}
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	test_server_start(s);
	client_expect_quiet(client_open(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_service_manager_hears_that_a_start_takes_long, test_server_setup,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_server_that_waits_for_its_store_stops_at_once, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
