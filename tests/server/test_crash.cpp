/* SPDX-License-Identifier: MIT
 * Tests the main promise: an acknowledged message is never lost, never delivered twice and never out of order,
 * whenever the server or its database is killed.
 *
 * CS_CRASH_SEED repeats a run's decisions (what the scheduler does stays its own), CS_CRASH_KILLS,
 * CS_CRASH_RATE (messages a second) and CS_CRASH_CUTS (of connections, in a thousand turns) change its length and
 * load. */
#include <csignal>

#include <sys/wait.h>

#include "tests/support/check.h"
#include "tests/support/ledger.h"
#include "tests/support/load.h"
#include "tests/support/mariadb.h"
#include "tests/support/player.h"
#include "tests/support/server.h"

struct crash_run {
	test_server *server;
	mariadb *database = nullptr; /* what is killed; null: the server itself */
	load *work = nullptr;
	uint64_t kills = 0, kills_wanted = 60, stops = 0;
	int64_t kill_at = 0, started_at = 0;
	bool counting = false; /* kill_at is set for this life of the server */
};

/* Most lives of the server last until somebody is logged in and a while longer; each fourth one is cut short
 * while the server starts, recovers or lets the players in. */
static void plan_kill(crash_run *run, int64_t now)
{
	const bool early = run->kills % 4 == 3;
	bool in = early;

	for (const player &p : run->work->players)
		in = in || p.state == PLAYER_IN;
	if (run->counting || !in)
		return;
	run->counting = true;
	run->kill_at = now + (int64_t)(run->work->random() % (early ? 120 : 600)) * check_patience_factor();
}

/* SIGTERM instead, in the same load: it must end with 0, and nothing may be lost by it either. */
static void stop_politely(crash_run *run)
{
	const int64_t end = check_now() + 2 * check_patience_ms();
	int status = 0;
	pid_t ended;

	test_server_signal(run->server, SIGTERM);
	while ((ended = waitpid(run->server->pid, &status, WNOHANG)) == 0 && check_now() < end)
		load_turn(run->work, 1);
	run->stops++;
	if (ended == 0) {
		ledger_fault(&run->work->book, "SIGTERM does not end the server");
		test_server_kill(run->server);
		return;
	}
	run->server->pid = -1;
	if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM))
		ledger_fault(&run->work->book, "SIGTERM ended the server with wait status %d", status);
}

static void kill_in_time(crash_run *run, int64_t now)
{
	plan_kill(run, now);
	if (!run->counting && now > run->started_at + check_patience_ms())
		ledger_fault(&run->work->book, "nobody could log in after kill %llu", (unsigned long long)run->kills);
	else if (!run->counting || now < run->kill_at)
		return;
	if (run->kills % 10 == 4)
		stop_politely(run);
	else
		test_server_kill(run->server);
	run->kills++;
	run->counting = false;
	run->started_at = check_now();
	test_server_launch(run->server);
}

/* It is started again at once, within the time for which the server runs a batch again; each fourth life ends
 * while it still recovers. */
static void kill_database_in_time(crash_run *run, int64_t now)
{
	const bool early = run->kills % 4 == 3;

	if (!run->counting && (early || mariadb_is_ready(run->database))) {
		run->counting = true;
		run->kill_at = now + (early ? 20 + run->work->random() % 100 : 200 + run->work->random() % 800);
	} else if (!run->counting && now > run->started_at + check_patience_ms()) {
		ledger_fault(&run->work->book, "MariaDB is not ready after kill %llu", (unsigned long long)run->kills);
	}
	if (!run->counting || now < run->kill_at)
		return;
	mariadb_kill(run->database);
	mariadb_launch(run->database);
	run->kills++;
	run->counting = false;
	run->started_at = check_now();
}

static void kill_until_enough(crash_run *run)
{
	while (run->kills < run->kills_wanted && run->work->book.fault_count == 0) {
		load_turn(run->work, 1);
		load_send(run->work);
		if (run->database)
			kill_database_in_time(run, check_now());
		else
			kill_in_time(run, check_now());
	}
}

static void judge(crash_run *run)
{
	ledger *book = &run->work->book;

	if (book->fault_count == 0)
		load_settle(run->work, 3 * check_patience_ms());
	if (book->fault_count == 0)
		load_check_nothing_is_left(run->work);
	if (book->fault_count == 0)
		test_server_stop(run->server);
	else
		test_server_kill(run->server);
	if (run->database)
		mariadb_wait_ready(run->database);
	ledger_check_database(book, run->server);
	load_report(run->work, check_format("%llu kills, %llu of them SIGTERM", (unsigned long long)run->kills,
	                                    (unsigned long long)run->stops)
	                               .c_str());
}

static void run_until_killed_enough(test_server *server, mariadb *database, uint64_t kills)
{
	crash_run run = {server, database};

	run.kills_wanted = load_number("CS_CRASH_KILLS", kills);
	test_server_start(server);
	run.work = load_new(server, 8, (unsigned)load_number("CS_CRASH_SEED", 0));
	run.work->cuts_wanted = load_number("CS_CRASH_CUTS", 10);
	run.work->rate = load_number("CS_CRASH_RATE", 1500);
	run.started_at = check_now();
	kill_until_enough(&run);
	judge(&run);
	const bool whole = run.work->book.fault_count == 0 && run.kills >= run.kills_wanted &&
	                   run.work->book.acknowledged > run.kills * 10;
	load_free(run.work);
	assert_true(whole);
}

static void an_acknowledged_message_survives_every_kill(void **state)
{
	run_until_killed_enough((test_server *)*state, nullptr, 60);
}

static void an_acknowledged_message_survives_every_kill_of_the_database(void **state)
{
	test_server *s = (test_server *)*state;
	mariadb *database = mariadb_new();

	mariadb_start(database);
	test_server_use_mariadb(s, database);
	run_until_killed_enough(s, database, 12);
	s->database = nullptr;
	test_server_kill(s);
	mariadb_free(database);
}

static int run_with_mariadb(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_acknowledged_message_survives_every_kill, test_server_setup,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(an_acknowledged_message_survives_every_kill_of_the_database,
	                                        test_server_setup, test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}

int main(void)
{
	if (mariadb_wanted())
		return run_with_mariadb();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_acknowledged_message_survives_every_kill, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
