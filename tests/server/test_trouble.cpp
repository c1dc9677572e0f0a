/* SPDX-License-Identifier: MIT
 * Tests the server when the machine refuses to write: no disk, no database. */
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include <fcntl.h>
#include <linux/fs.h>
#include <sqlite3.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/disk.h"
#include "tests/support/server.h"

/* ---- disk full */

static std::string small_of(const test_server *s)
{
	return s->folder + "/small";
}

static int small_teardown(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_kill(s);
	disk_unmount(small_of(s));
	return test_server_teardown(state);
}

/* errno of the answer to a chat of 4 KiB; counts those that were acknowledged. */
static int64_t try_chat(test_client *c, int64_t to, int64_t *acknowledged)
{
	client_chat(c, to, std::string(4000, 'x'), ",\"req\":1");
	const int64_t number = json_integer(client_expect(c, "{\"msgid\":100,\"of\":6,\"req\":1}").json.get(), "errno");

	*acknowledged += number == 0;
	return number;
}

/* Sends what ask() makes until it is refused, which must be for the disk. What fits into the last free pages is still
 * done, since it takes fewer than a chat. */
static void check_refused_for_the_disk(test_client *c, const char *answer, const std::function<std::string()> &ask)
{
	test_frame frame;
	int64_t number = 0;

	for (int i = 0; i < 50 && number == 0; i++) {
		client_sendf(c, "%s", ask().c_str());
		frame = client_expect(c, answer);
		number = json_integer(frame.json.get(), "errno");
	}
	assert_int_equal(number, 11);
	assert_string_equal(json_text(frame.json.get(), "errmsg").c_str(),
	                    "the store cannot write: its disk is full or read-only");
}

static void check_little_is_refused_too(test_client *c, test_client *member, int64_t account)
{
	check_refused_for_the_disk(c, "{\"msgid\":5}", [] {
		return "{\"msgid\":4,\"name\":\"" + client_new_name("late") + "\",\"password\":\"secret\"}";
	});
	check_refused_for_the_disk(member, "{\"msgid\":100,\"req\":2}", [member] {
		return "{\"msgid\":8,\"id\":" + std::to_string(member->id) + ",\"groupname\":\"" +
		       client_new_name("g") + "\",\"groupdesc\":\"\",\"req\":2}";
	});
	check_refused_for_the_disk(c, "{\"msgid\":2}", [c, account] {
		if (c->id)
			client_logout(c);
		c->id = account;
		return "{\"msgid\":1,\"id\":" + std::to_string(account) + ",\"password\":\"secret\"}";
	});
}

/* Writes fail from fail(s) until heal(s): every request that writes says UNAVAILABLE, then all goes on and what
 * was acknowledged is there, what was not is not. */
static void check_failing_writes(test_server *s, void (*fail)(test_server *s), void (*heal)(test_server *s))
{
	test_server_set(s, "core.control", s->folder + "/control");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *c = client_open(s);
	const int64_t away = client_absent(s, "away"), late = client_absent(s, "late");
	int64_t acknowledged = 0, number = 0, seq = 0;
	test_frame ack;

	try_chat(ann, away, &acknowledged);
	fail(s);
	for (int i = 0; i < 2000 && number == 0; i++)
		number = try_chat(ann, away, &acknowledged);
	assert_int_equal(number, 11);
	for (int i = 0; i < 20; i++)
		assert_int_equal(try_chat(ann, bob->id, &acknowledged), 11);
	client_expect_quiet(bob);
	check_little_is_refused_too(c, ann, late);
	assert_non_null(strstr(chatctl_words(s, {"status"}).out.c_str(),
	                       " degraded: disk full or read-only, waiting: reads 0"));
	heal(s);
	check_wait("the store to recover", [&] { return try_chat(ann, away, &acknowledged) == 0; });
	client_chat_safely(ann, bob->id, "again");
	client_expect(bob, "{\"msgid\":6,\"msg\":\"again\",\"seq\":1}");
	client_register(c, client_new_name("late"));
	test_client *back = client_return(s, away, &ack);
	for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
		assert_int_equal(json_integer(kept.get(), "seq"), ++seq);
	while (seq < acknowledged)
		client_expect(back, check_format("{\"msgid\":6,\"seq\":%lld}", static_cast<long long>(++seq)));
	client_expect_quiet(back);
	test_server_stop(s);
}

static void fill_disk(test_server *s)
{
	disk_fill(small_of(s), 0);
}

static void free_disk(test_server *s)
{
	disk_relieve(small_of(s));
}

static void a_full_disk_is_unavailable_and_passes_without_a_restart(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	assert_int_equal(mkdir(small_of(s).c_str(), 0700), 0);
	disk_mount(small_of(s), 4 << 20);
	test_server_set(s, "db_sqlite.path", small_of(s) + "/chat.db");
	check_failing_writes(s, fill_disk, free_disk);
}

static void forbid_growth(test_server *s)
{
	test_server_limit_files(s, 256 * 1024);
}

static void allow_growth(test_server *s)
{
	test_server_limit_files(s, RLIM_INFINITY);
}

/* The log goes through a file too, which this limit also stops: nothing may hang on that. */
static void files_that_may_not_grow_are_unavailable_and_pass_without_a_restart(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	check_failing_writes(s, forbid_growth, allow_growth);
}

/* The attribute that chattr +i sets; needs root and a file system that has it. */
static bool set_immutable(const std::string &path, bool on)
{
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	int flags = 0;
	bool done = fd != -1 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;

	flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	done = done && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	close(fd);
	return done;
}

static void make_read_only(test_server *s)
{
	for (const char *end : {"", "-wal"})
		if (!set_immutable(test_server_database(s) + end, true))
			check_fail(test_at::current(), "chat.db%s: %s", end, strerror(errno));
}

static void make_writable(test_server *s)
{
	for (const char *end : {"", "-wal"})
		(void)set_immutable(test_server_database(s) + end, false);
}

static int read_only_teardown(void **state)
{
	make_writable(static_cast<test_server *>(*state));
	return test_server_teardown(state);
}

static void a_database_that_turned_read_only_is_unavailable_and_passes_without_a_restart(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	check_failing_writes(s, make_read_only, make_writable);
}

/* Accounts like the server's may no longer write. */
static void make_mariadb_read_only(test_server *s)
{
	database_run_as_root(s->database, {"SET GLOBAL read_only = 1"});
}

static void make_mariadb_writable(test_server *s)
{
	database_run_as_root(s->database, {"SET GLOBAL read_only = 0"});
}

static int mariadb_teardown(void **state)
{
	make_mariadb_writable(static_cast<test_server *>(*state));
	return test_server_teardown(state);
}

static void a_mariadb_that_turned_read_only_is_unavailable_and_passes_without_a_restart(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	check_failing_writes(s, make_mariadb_read_only, make_mariadb_writable);
}

/* ---- somebody else is at the database */

/* A connection beside the server's. */
struct stranger {
	sqlite3 *file = nullptr;
	test_database database;
	cs_db *db = nullptr;
};

static void stranger_come(stranger *other, const test_server *s)
{
	if (mariadb_wanted()) {
		database_make_mysql(&other->database, s->database, s->options.at("db_mysql.database"));
		other->db = database_open(&other->database);
	} else {
		assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &other->file), SQLITE_OK);
		/* The server may be at the file, too. */
		assert_int_equal(sqlite3_busy_timeout(other->file, 10000), SQLITE_OK);
	}
}

static void stranger_run(stranger *other, const char *sql)
{
	if (other->db ? database_run(other->db, sql) != CS_DB_OK
	              : sqlite3_exec(other->file, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
		check_fail(test_at::current(), "%s: %s", sql,
		           other->db ? other->db->driver->message(other->db) : sqlite3_errmsg(other->file));
}

/* Until he goes nobody else can store a message. */
static void stranger_lock(stranger *other)
{
	if (!other->db) {
		stranger_run(other, "BEGIN IMMEDIATE");
		return;
	}
	assert_int_equal(other->db->driver->begin(other->db), CS_DB_OK);
	stranger_run(other, "SELECT id FROM conversation FOR UPDATE");
}

static void stranger_go(stranger *other)
{
	if (other->db)
		other->db->driver->close(other->db);
	sqlite3_close(other->file);
}

static void a_database_that_somebody_else_locks_delays_and_loses_nothing(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	stranger locker;
	test_frame frame;
	int64_t last = 0, acknowledged = 0;

	if (!mariadb_wanted())
		test_server_set(s, "db_sqlite.busy_timeout", "100ms");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *other = client_open(s);
	client_chat_safely(ann, bob->id, "x");
	client_expect(bob, "{\"seq\":1}");
	stranger_come(&locker, s);
	stranger_lock(&locker);
	for (int i = 0; i < 20; i++)
		client_chat(ann, bob->id, "y", check_format(",\"req\":%d", i));
	const int64_t end = check_now() + 1000;
	while (check_now() < end) {
		if (client_try_read(ann, &frame, 20) && !json_matches(frame.json.get(), "{\"errno\":11}"))
			client_fail(ann, test_at::current(), "acknowledged by a store that cannot write");
		client_expect_quiet(other);
	}
	stranger_go(&locker);
	check_wait("the store to recover", [&] {
		client_chat(ann, bob->id, "z", ",\"req\":99");
		for (;;) {
			const test_frame answer = client_read(ann);

			if (json_integer(answer.json.get(), "req") == 99) {
				acknowledged = json_integer(answer.json.get(), "seq");
				return json_integer(answer.json.get(), "errno") == 0;
			}
		}
	});
	while (last < acknowledged) {
		const test_frame got = client_read(bob);

		assert_true(last == 0 || json_integer(got.json.get(), "seq") == last + 1);
		last = json_integer(got.json.get(), "seq");
	}
	assert_true(last >= 2);
	test_server_stop(s);
}

/* Somebody removes a table under the server: every request that needs it says so, the server lives. */
static void a_database_without_its_tables_is_unavailable(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	stranger vandal;
	const std::string table = mariadb_wanted() ? "message" : "entry"; /* in SQLite message is a view */

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *other = client_open(s);
	stranger_come(&vandal, s);
	stranger_run(&vandal, ("ALTER TABLE " + table + " RENAME TO elsewhere").c_str());
	CLIENT_ASK(ann, 11, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"time\":\"\"", (long long)ann->id,
	           (long long)ann->id);
	client_expect_quiet(other);
	stranger_run(&vandal, ("ALTER TABLE elsewhere RENAME TO " + table).c_str());
	stranger_go(&vandal);
	check_wait("the store to recover", [&] {
		client_chat(ann, ann->id, "x", ",\"req\":1");
		for (;;) {
			const test_frame frame = client_read(ann);

			if (json_integer(frame.json.get(), "msgid") == 100)
				return json_integer(frame.json.get(), "errno") == 0;
		}
	});
	test_server_stop(s);
}

/* ThreadSanitizer would report the threads that are left behind. */
static void start_to_be_cut_off(test_server *s)
{
	const char *before = getenv("TSAN_OPTIONS");
	const std::string options = before ? before : "";

	setenv("TSAN_OPTIONS", (options + ":report_thread_leaks=0").c_str(), 1);
	test_server_start(s);
	setenv("TSAN_OPTIONS", options.c_str(), 1);
}

/* A statement that does not come back, as of a disk or a database that hangs: no thread of the store can end. */
static void a_store_that_hangs_does_not_hold_up_a_stop_beyond_its_deadline(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	stranger locker;
	test_frame ack;

	test_server_set(s, mariadb_wanted() ? "db_mysql.read_timeout" : "db_sqlite.busy_timeout", "60s");
	test_server_set(s, "core.drain_timeout", "1s");
	start_to_be_cut_off(s);
	test_client *ann = client_enter(s, "ann"), *other = client_open(s);
	const int64_t bob = client_absent(s, "bob");
	for (int i = 0; i < 3; i++)
		client_chat_safely(ann, bob, "kept");
	stranger_come(&locker, s);
	stranger_lock(&locker);
	client_chat(ann, bob, "cut off", ",\"req\":9");
	client_send(ann, "{\"msgid\":102}");
	client_expect(ann, "{\"msgid\":103}");
	const int64_t start = check_now();
	test_server_signal(s, SIGTERM);
	client_expect(other, "{\"msgid\":100,\"of\":0,\"errno\":13}");
	client_expect(ann, "{\"msgid\":100,\"of\":0,\"errno\":13}");
	assert_int_equal(client_read_to_end(ann).size(), 0);
	/* drain_timeout and 2 s, and what a busy machine adds. */
	assert_int_equal(test_server_wait(s, (int)(20000 * check_patience_factor())), 1);
	assert_true(check_now() - start < 6000 * check_patience_factor());
	assert_non_null(strstr(test_server_log(s).c_str(), "drain timeout connections="));
	assert_non_null(strstr(test_server_log(s).c_str(), " store_waiting="));
	assert_non_null(strstr(test_server_log(s).c_str(), "stopping at once: what is still under way is cut off"));
	stranger_go(&locker);
	s->clients.clear();
	test_server_start(s);
	client_return(s, bob, &ack);
	assert_int_equal(json_parse_all(ack.json.get(), "offlinemsg").size(), 3);
	test_server_stop(s);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(a_database_that_somebody_else_locks_delays_and_loses_nothing),
		OWN_SERVER(a_store_that_hangs_does_not_hold_up_a_stop_beyond_its_deadline),
		OWN_SERVER(a_database_without_its_tables_is_unavailable),
	};
	/* Whose files are the server's own. For MariaDB's, on a disk that fills up, see tests/cluster. */
	const struct CMUnitTest sqlite_tests[] = {
		cmocka_unit_test_setup_teardown(a_full_disk_is_unavailable_and_passes_without_a_restart,
	                                        test_server_setup, small_teardown),
		cmocka_unit_test_setup_teardown(
			a_database_that_turned_read_only_is_unavailable_and_passes_without_a_restart, test_server_setup,
			read_only_teardown),
		OWN_SERVER(files_that_may_not_grow_are_unavailable_and_pass_without_a_restart),
	};
	const struct CMUnitTest mariadb_tests[] = {
		cmocka_unit_test_setup_teardown(
			a_mariadb_that_turned_read_only_is_unavailable_and_passes_without_a_restart, test_server_setup,
			mariadb_teardown),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return failed + (mariadb_wanted() ? cmocka_run_group_tests(mariadb_tests, nullptr, nullptr)
	                                  : cmocka_run_group_tests(sqlite_tests, nullptr, nullptr));
}
