/* SPDX-License-Identifier: MIT
 * Tests that a database that does not answer is no reason for the watchdog to end the server. */
#include <csignal>
#include <string>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/notify_socket.h"
#include "tests/support/server.h"

/* The database stands still for longer than any thread may be in one call: each call ends by its own time-out, and that
 * is a move. */
static void the_watchdog_is_fed_while_the_database_stands_still(void **state)
{
	test_server *s = test_server_new();
	mariadb *m = mariadb_new();
	const std::string path = s->folder + "/notify";
	const int fd = open_notify_socket(path);

	(void)state;
	mariadb_start(m);
	test_server_use_mariadb(s, m);
	s->environment = {"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=2000000"};
	test_server_set(s, "store.hang_timeout", "3s");
	test_server_set(s, "db_mysql.connect_timeout", "1s");
	test_server_set(s, "db_mysql.read_timeout", "2s");
	test_server_start(s);
	test_client *c = client_open(s);
	client_register(c, client_new_name("ann"));
	mariadb_signal(m, SIGSTOP);
	client_send(c, R"({"msgid":4,"name":"bob","password":"secret"})");
	for (const int64_t end = check_now() + 4000; check_now() < end;)
		assert_true(wait_notification(fd, "WATCHDOG=1"));
	test_server_wait_log(s, "store does not answer: requests are refused until it does");
	client_expect(c, R"({"msgid":5,"errno":11})");
	assert_true(test_server_log(s).find("the watchdog is not fed") == std::string::npos);
	mariadb_signal(m, SIGCONT);
	close(fd);
	test_server_free(s);
	mariadb_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_watchdog_is_fed_while_the_database_stands_still)};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
