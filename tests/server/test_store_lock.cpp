/* SPDX-License-Identifier: MIT
 * Tests that one store file has one server, by whatever name the file is opened, and that its files are private. */
#include <csignal>
#include <filesystem>
#include <string>

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

static void run_sqlite3(const test_server *s, const std::string &path, const std::string &order)
{
	const std::string output = s->folder + "/sqlite3.out";

	std::filesystem::remove(output);
	if (process_run({"sqlite3", path, order}, output) != 0)
		check_fail(test_at::current(), "sqlite3 %s: %s", order.c_str(), check_read_file(output).c_str());
}

/* Runs another server on that path, with an address of its own; it must be refused. What it said. */
static std::string second_server(const test_server *s, const std::string &path)
{
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf", "-o",
	                                         check_format("core.listen=127.0.0.1:%u", test_free_port()), "-o",
	                                         "core.node=second", "-o", "db_sqlite.path=" + path});

	if (run.status != 1)
		check_fail(test_at::current(), "a second server on %s ended with %d: %s", path.c_str(), run.status,
		           run.err.c_str());
	return run.err;
}

/* A path that begins where the test runs, as a relative one of its servers does. */
static std::string relative(const std::string &path)
{
	return std::filesystem::relative(path).string();
}

static void a_second_server_is_refused_by_the_name_of_the_first(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = test_server_database(s), folder = s->folder + "/elsewhere";

	test_server_set(s, "core.node", "first");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	std::filesystem::create_directory(folder);
	std::filesystem::create_symlink(path, folder + "/link.db");
	std::filesystem::create_directory_symlink(s->folder, folder + "/folder");
	for (const std::string &name : {path, relative(path), folder + "/link.db", folder + "/folder/chat.db"}) {
		const std::string said = second_server(s, name);

		for (const std::string &part : {check_format("pid=%d ", static_cast<int>(s->pid)),
		                                std::string("node=first"), "conf=" + s->folder + "/chat.conf"})
			if (!contains(said, part))
				check_fail(test_at::current(), "%s is not in: %s", part.c_str(), said.c_str());
	}
	assert_int_equal(client_chat_safely(ann, client_absent(s, "bob"), "x"), 1);
	test_server_stop(s);
	test_server_start(s);
	assert_false(contains(test_server_log(s), "in order"));
	test_server_stop(s);
}

static void neither_a_hard_link_nor_a_removed_lock_file_lets_a_second_server_in(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = test_server_database(s), other = s->folder + "/other.db";

	test_server_start(s);
	std::filesystem::create_hard_link(path, other);
	assert_true(contains(second_server(s, other), "another chatserverd"));
	std::filesystem::remove(path + "-lock");
	assert_true(contains(second_server(s, path), "another chatserverd"));
	test_server_stop(s);
	/* What the last server left in its log would not be found by the other name. */
	assert_true(contains(second_server(s, other), "2 hard links"));
	std::filesystem::remove(other);
	test_server_start(s);
	test_server_stop(s);
}

/* Of two that start at once one is there in the end. */
static void of_servers_that_start_at_once_one_serves(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	pid_t pids[6];
	int refused = 0;

	test_server_write_conf(s);
	for (pid_t &pid : pids)
		pid = process_spawn({process_program("chatserverd"), "-c", s->folder + "/chat.conf", "-o",
		                     check_format("core.listen=127.0.0.1:%u", test_free_port())},
		                    s->folder + "/many.log");
	check_wait("all but one to be refused", [&] {
		for (pid_t &pid : pids) {
			int status = -1;

			if (pid > 0 && !process_is_alive(&pid, &status)) {
				assert_int_equal(status, 1);
				refused++;
			}
		}
		return refused >= 5 && contains(check_read_file(s->folder + "/many.log"), " ready ");
	});
	assert_int_equal(refused, 5);
	for (pid_t &pid : pids)
		process_kill(&pid);
}

static void a_killed_server_leaves_no_lock_and_the_next_one_says_so(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const pid_t killed = s->pid;
	test_server_kill(s);
	test_server_start(s);
	const std::string log = test_server_log(s);

	if (!contains(log, check_format("did not stop in order pid=%d ", static_cast<int>(killed))))
		check_fail(test_at::current(), "no word of the killed server: %s", log.c_str());
	test_server_stop(s);
	test_server_start(s);
	assert_false(contains(test_server_log(s), "in order"));
	test_server_stop(s);
}

/* A stop that is cut off by a second signal. */
static void a_stop_that_was_cut_off_is_told_by_the_next_start(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const pid_t cut = s->pid;
	/* Somebody else writes, so that the message waits and the stop with it. */
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	sqlite3 *writer = nullptr;
	assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &writer), SQLITE_OK);
	assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
	client_chat(ann, bob, "x", ",\"req\":1");
	client_send(ann, "{\"msgid\":102}");
	client_expect(ann, "{\"msgid\":103}");
	test_server_signal(s, SIGTERM);
	test_server_wait_log(s, "draining");
	check_sleep_ms(1100); /* a signal that comes sooner means the same wish */
	test_server_signal(s, SIGTERM);
	assert_int_equal(test_server_wait(s, 15000), 1);
	sqlite3_close(writer);
	test_server_start(s);
	test_server_wait_log(s, check_format("did not stop in order pid=%d ", static_cast<int>(cut)));
	test_server_stop(s);
}

static void the_lock_lets_tools_and_the_check_of_the_configuration_work(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = test_server_database(s);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");

	for (int i = 1; i <= 3; i++) {
		assert_int_equal(client_chat_safely(ann, bob, "x"), i);
		run_sqlite3(s, path, "SELECT count(*) FROM message;");
		assert_true(contains(check_read_file(s->folder + "/sqlite3.out"), check_format("%d", i)));
		run_sqlite3(s, path, check_format(".backup %s/copy%d.db", s->folder.c_str(), i));
		run_sqlite3(s, path, "PRAGMA wal_checkpoint(TRUNCATE);");
		assert_int_equal(test_server_run(s, {"-c", s->folder + "/chat.conf", "-t"}).status, 0);
		assert_true(contains(second_server(s, path), check_format("pid=%d ", (int)s->pid)));
	}
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	assert_true(contains(second_server(s, path), check_format("pid=%d ", (int)s->pid)));
	test_server_stop(s);
}

/* ---- modes */

static void assert_private(const std::string &path)
{
	struct stat info = {};

	if (stat(path.c_str(), &info) != 0 || (info.st_mode & 0777) != 0600)
		check_fail(test_at::current(), "%s: mode %03o", path.c_str(), info.st_mode & 0777);
}

static void files_of_the_store_are_private_whatever_the_umask(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = test_server_database(s);
	const mode_t before = umask(0);

	test_server_start(s);
	umask(before);
	client_enter(s, "ann");
	for (const char *suffix : {"", "-wal", "-shm", "-lock"})
		assert_private(path + suffix);
	test_server_stop(s);
}

static void a_server_of_root_leaves_the_files_to_the_owner_of_the_store(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = test_server_database(s);
	struct stat info = {};

	assert_int_equal(geteuid(), 0);
	test_server_start(s);
	test_server_stop(s);
	std::filesystem::remove(path + "-lock");
	assert_int_equal(chown(path.c_str(), 65534, 65534), 0);
	test_server_start(s);
	client_enter(s, "ann");
	for (const char *suffix : {"", "-wal", "-shm", "-lock"}) {
		assert_int_equal(stat((path + suffix).c_str(), &info), 0);
		assert_int_equal(info.st_uid, 65534);
		assert_int_equal(info.st_gid, 65534);
	}
	test_server_stop(s);
}

static void files_that_others_can_read_are_made_private_with_a_word(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = test_server_database(s);

	test_server_start(s);
	client_enter(s, "ann");
	test_server_kill(s); /* its log stays */
	for (const char *suffix : {"", "-wal", "-shm"})
		assert_int_equal(chmod((path + suffix).c_str(), 0644), 0);
	test_server_start(s);
	for (const char *suffix : {"", "-wal", "-shm"}) {
		assert_private(path + suffix);
		if (!contains(test_server_log(s), check_format("file=%s%s mode=644", path.c_str(), suffix)))
			check_fail(test_at::current(), "no word of %s: %s", suffix, test_server_log(s).c_str());
	}
	test_server_restart(s);
	assert_false(contains(test_server_log(s), "others"));
	test_server_stop(s);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(a_second_server_is_refused_by_the_name_of_the_first),
		OWN_SERVER(neither_a_hard_link_nor_a_removed_lock_file_lets_a_second_server_in),
		OWN_SERVER(of_servers_that_start_at_once_one_serves),
		OWN_SERVER(a_killed_server_leaves_no_lock_and_the_next_one_says_so),
		OWN_SERVER(a_stop_that_was_cut_off_is_told_by_the_next_start),
		OWN_SERVER(the_lock_lets_tools_and_the_check_of_the_configuration_work),
		OWN_SERVER(files_of_the_store_are_private_whatever_the_umask),
		OWN_SERVER(a_server_of_root_leaves_the_files_to_the_owner_of_the_store),
		OWN_SERVER(files_that_others_can_read_are_made_private_with_a_word),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
