/* SPDX-License-Identifier: MIT
 * Tests that a full disk of MariaDB, with and without a binary log, costs time and no message: nothing is acknowledged
 * that is not stored, no client waits for ever, and all goes on once there is room again.
 *
 * CS_LONG=1: with a binary log MariaDB looks only once a minute whether there is room again; the short run
 * starts it anew instead, as an operator would. */
#include <cstdlib>
#include <string>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/disk.h"
#include "tests/support/load.h"
#include "tests/support/mariadb.h"
#include "tests/support/server.h"

static constexpr size_t disk_size = 120u << 20, room = 3u << 20;

struct world {
	mariadb *database;
	test_server *server;
	load *work;
	std::string folder; /* on the small disk */
};

static int set_up(void **state)
{
	world *w = new world;

	w->database = mariadb_new();
	w->folder = w->database->folder + "/data";
	disk_mount(w->folder, disk_size);
	w->database->options = {"--innodb-autoextend-increment=1"};
	w->server = test_server_new();
	test_server_use_mariadb(w->server, w->database);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world *w = static_cast<world *>(*state);

	test_server_free(w->server);
	mariadb_kill(w->database);
	disk_unmount(w->folder);
	mariadb_free(w->database);
	delete w;
	return 0;
}

static void start(world *w)
{
	mariadb_start(w->database);
	test_server_start(w->server);
	w->work = load_new(w->server, 8);
	w->work->rate = 3000;
	w->work->cuts_wanted = 0; /* who waits for an answer must get it */
	load_set_patient(w->work, 0);
	load_run(w->work, 500);
}

static uint64_t refusals(const world *w)
{
	uint64_t count = 0;

	for (const player &p : w->work->players)
		count += p.refused;
	return count;
}

/* Until it has been full for a while: whatever is sent then must be refused, or wait for its answer. */
static void run_until_full(world *w)
{
	disk_fill(w->folder, room);
	if (!load_run_until(w->work, 6 * check_patience_ms(), [&] { return refusals(w) > 0; }))
		check_fail(std::source_location::current(), "the disk does not get full: %zu bytes left",
		           disk_left(w->folder));
	load_run(w->work, 2000);
	const uint64_t before = w->work->book.acknowledged;
	load_run(w->work, cluster_is_long() ? 30000 : 6000);
	/* An acknowledgement now and then is right: repetitions of what is stored need no room. */
	print_message("full: %llu messages refused, %llu acknowledged meanwhile\n",
	              static_cast<unsigned long long>(refusals(w)),
	              static_cast<unsigned long long>(w->work->book.acknowledged - before));
}

static void judge(world *w, const char *what)
{
	ledger *book = &w->work->book;
	const uint64_t before = book->acknowledged;

	(void)load_run_until(w->work, 90000, [&] { return book->acknowledged > before + 200; });
	assert_true(book->acknowledged > before + 200);
	load_settle(w->work, 6 * check_patience_ms());
	load_check_nothing_is_left(w->work);
	ledger_check_database(book, w->server);
	load_report(w->work, what);
	const int64_t slowest_answer = load_slowest_answer(w->work);
	const uint64_t faults = book->fault_count;
	load_free(w->work);
	assert_int_equal(faults, 0);
	/* A batch is run again for 10 s and its last try may take the read time-out of 5 s; what waited behind it
	 * has tries of its own, and may wait five times 2.5 s for the locks of a statement that hangs. */
	assert_true(slowest_answer < 30000 * check_patience_factor());
	test_server_stop(w->server);
}

static void a_full_disk_loses_nothing_and_is_left_behind_once_there_is_room(void **state)
{
	world *w = static_cast<world *>(*state);

	start(w);
	run_until_full(w);
	disk_relieve(w->folder);
	judge(w, "disk full");
}

static void a_full_disk_with_a_binary_log_loses_nothing_either(void **state)
{
	world *w = static_cast<world *>(*state);

	w->database->options.insert(w->database->options.end(),
	                            {"--log-bin=" + w->folder + "/binary", "--sync-binlog=1", "--server-id=1"});
	start(w);
	run_until_full(w);
	disk_relieve(w->folder);
	if (!cluster_is_long()) {
		mariadb_kill(w->database);
		mariadb_start(w->database);
	}
	judge(w, "disk full with binary log");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_loses_nothing_and_is_left_behind_once_there_is_room),
		TEST(a_full_disk_with_a_binary_log_loses_nothing_either),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
