/* SPDX-License-Identifier: MIT
 * Tests chatctl's verbs backup and restore with real servers. CS_LONG=1 makes it longer. */
#include <cstdlib>
#include <filesystem>

#include <sys/stat.h>

#include "test_store_shell.h"
#include "tests/support/disk.h"

/* ---- backup and restore */

static void a_backup_has_what_was_acknowledged_and_only_its_owner_reads_it(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	struct stat info = {};

	test_server_set(s, "core.audit", "file:" + s->folder + "/audit.log");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	for (int i = 0; i < 20; i++)
		(void)client_chat_safely(ann, bob, "before");
	ctl_done(s, "backup copy.db");
	assert_int_equal(stat((s->folder + "/copy.db").c_str(), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(access((s->folder + "/copy.db.tmp").c_str(), F_OK), -1);
	says(run_shell(s, "sqlite3 copy.db 'PRAGMA integrity_check; SELECT COUNT(*) FROM entry WHERE kind = 0'"), 0,
	     "ok\n20\n");
	test_server_wait_log(s, "a backup was made file=");
	check_wait("the audit line", [s] {
		return check_read_file(s->folder + "/audit.log").find("order verb=backup peer=operator:") !=
		       std::string::npos;
	});
}

static void a_backup_that_cannot_be_made_is_refused_and_leaves_nothing(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	says(run_shell(s, "echo mine >copy.db"), 0, "");
	says(ctl(s, "backup copy.db"), 1, "copy.db: is there already");
	says(run_shell(s, "cat copy.db"), 0, "mine\n");
	says(ctl(s, "backup nowhere/copy.db"), 1, "nowhere/copy.db.tmp: No such file or directory");
	says(ctl(s, "backup /proc/copy.db"), 1, "/proc/copy.db.tmp: ");
	says(ctl(s, "backup ''"), 2, "FILE is the name of a file");
	(void)CLIENT_ASK(operator_open(s), CS_ERRNO_BAD_FRAME, R"({"msgid":951,"file":"copy.db")");
	(void)CLIENT_ASK(operator_open(s), CS_ERRNO_BAD_FRAME, R"({"msgid":951)");
	assert_int_equal(access((s->folder + "/copy.db.tmp").c_str(), F_OK), -1);
	/* The store has no fault. */
	says(run_shell(s, "! grep -a ' error ' log"), 0, "");
}

/* As a unit with PrivateTmp=, only the other way round. */
static void a_backup_in_a_folder_that_only_the_server_sees_is_no_backup(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string alone = geteuid() == 0 ? "unshare -m" : "unshare -rm";

	test_server_start(s);
	says(run_shell(s, "mkdir tmp && " + alone + " sh -c 'mount -t tmpfs none tmp && " + process_program("chatctl") +
	                          " -s control backup tmp/copy.db'"),
	     1, "tmp/copy.db, but here it is not");
	assert_int_equal(access((s->folder + "/tmp/copy.db").c_str(), F_OK), 0);
}

/* So that a copy takes some hundred parts. */
static void grow(const test_server *s)
{
	change(s,
	       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO body (created,"
	       " body) SELECT 1, hex(randomblob(5000)) FROM n");
}

static void a_full_disk_ends_a_backup_and_nothing_else(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string small = s->folder + "/small";

	(void)mkdir(small.c_str(), 0755);
	disk_mount(small, 256 * 1024);
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	grow(s);
	assert_int_equal(client_chat_safely(ann, bob, "before"), 1);
	says(ctl(s, "backup small/copy.db"), 1, "copy.db.tmp: database or disk is full");
	says(run_shell(s, "ls -A small"), 0, "");
	assert_int_equal(access((small + "/copy.db").c_str(), F_OK), -1);
	assert_int_equal(access((small + "/copy.db.tmp").c_str(), F_OK), -1);
	test_server_wait_log(s, "no backup was made file=");
	assert_null(strstr(test_server_log(s).c_str(), "store cannot write"));
	assert_int_equal(client_chat_safely(ann, bob, "after"), 2);
	ctl_done(s, "backup copy.db");
	says(run_shell(s, "sqlite3 copy.db 'PRAGMA integrity_check; SELECT COUNT(*) FROM entry WHERE kind = 0'"), 0,
	     "ok\n2\n");
	disk_unmount(small);
}

/* Killed when the copy has begun. What is left of it is in nobody's way. */
static void a_server_that_is_killed_leaves_no_half_backup_under_its_name(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string copy = s->folder + "/copy.db", temporary = copy + ".tmp";
	int midway = 0;

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann"), bob = client_absent(s, "bob");
	grow(s);
	for (int i = 0; i < 10 && midway < 2; i++) {
		test_client *c = client_return(s, ann);

		(void)unlink(copy.c_str());
		client_sendf(operator_open(s), R"({"msgid":951,"req":1,"file":"%s"})", copy.c_str());
		check_wait("a copy that has begun", [&] {
			std::error_code none;

			return access(copy.c_str(), F_OK) == 0 ||
			       std::filesystem::file_size(temporary, none) + 1 > 100000;
		});
		assert_int_equal(client_chat_safely(c, bob, "on"), i + 1);
		test_server_kill(s);
		if (access(copy.c_str(), F_OK) == 0)
			says(run_shell(s, "sqlite3 copy.db 'PRAGMA integrity_check'"), 0, "ok\n");
		else
			midway++;
		test_server_start(s);
	}
	assert_int_equal(midway, 2);
	ctl_done(s, "backup copy.db");
	assert_int_equal(access(temporary.c_str(), F_OK), -1);
	says(run_shell(s, "sqlite3 copy.db 'PRAGMA integrity_check; SELECT COUNT(*) >= 2 FROM entry WHERE kind = 0'"),
	     0, "ok\n1\n");
}

/* Also who asks after the end hears how it ended: the last part may come between two questions. */
static void who_asks_for_a_backup_by_its_number_hears_how_it_ended(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	grow(s);
	test_client *first = operator_open(s);
	client_sendf(first, R"({"msgid":951,"req":1,"file":"%s/copy.db"})", s->folder.c_str());
	check_wait("a backup", [=] { return access((s->folder + "/copy.db").c_str(), F_OK) == 0; });
	const test_frame answer = client_read(first);
	const auto number = static_cast<long long>(json_integer(answer.json.get(), "backup"));
	const test_frame end = CLIENT_ASK(operator_open(s), 0, R"({"msgid":951,"backup":%lld)", number);
	assert_true(json_matches(end.json.get(), R"({"done":true,"left":0})"));
	assert_int_equal(json_integer(end.json.get(), "backup"), number);
	(void)CLIENT_ASK(operator_open(s), CS_ERRNO_BAD_FRAME, R"({"msgid":951,"backup":%lld)", number - 1);
	says(ctl(s, "backup copy.db"), 1, "is there already");
	(void)CLIENT_ASK(operator_open(s), CS_ERRNO_BAD_FRAME, R"({"msgid":951,"backup":%lld)", number);
	ctl_done(s, "backup second.db");
}

/* Stopped when the copy has begun. */
static void a_stop_that_cuts_a_backup_says_so(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string copy = s->folder + "/copy.db", temporary = copy + ".tmp";
	bool is_cut = false;

	test_server_start(s);
	grow(s);
	for (int i = 0; i < 10 && !is_cut; i++) {
		test_client *c = operator_open(s);

		(void)unlink(copy.c_str());
		client_sendf(c, R"({"msgid":951,"req":1,"file":"%s"})", copy.c_str());
		check_wait("a copy that has begun", [&] {
			std::error_code none;

			return access(copy.c_str(), F_OK) == 0 ||
			       std::filesystem::file_size(temporary, none) + 1 > 100000;
		});
		client_close(c);
		test_server_stop(s);
		is_cut = strstr(test_server_log(s).c_str(), "a backup was not finished, because the server stops");
		assert_true(is_cut || access(copy.c_str(), F_OK) == 0);
		test_server_start(s);
	}
	assert_true(is_cut);
	assert_int_equal(access(temporary.c_str(), F_OK), -1);
	assert_int_equal(access(copy.c_str(), F_OK), -1);
}

static store_output restore(const test_server *s, const std::string &file)
{
	test_server_write_conf(s);
	return run_shell(s, process_program("chatctl") + " restore " + file + " " + s->folder + "/chat.conf");
}

static std::string store_of(test_server *s, int64_t id)
{
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":1,"id":%lld,"password":"secret","want":[]})", static_cast<long long>(id));
	const test_frame ack = client_read(c);

	c->id = id;
	client_leave(c);
	return json_text(ack.json.get(), "store");
}

static void a_copy_is_restored_when_the_server_stands_still(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_frame ack;

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann"), bob = client_absent(s, "bob");
	const std::string store = store_of(s, ann);
	test_client *c = client_return(s, ann);
	(void)client_chat_safely(c, bob, "before");
	ctl_done(s, "backup copy.db");
	(void)client_chat_safely(c, bob, "after");
	says(restore(s, "copy.db"), 1, "is used by another chatserverd");
	test_server_kill(s);
	says(run_shell(s, "head -c 30000 copy.db >half.db; echo no database >text.db"), 0, "");
	says(restore(s, "half.db"), 1, "half.db: is damaged, or no database");
	says(restore(s, "text.db"), 1, "text.db: is damaged, or no database");
	says(restore(s, "none.db"), 1, "none.db: No such file or directory");
	says(ctl(s, "restore copy.db"), 2, "restore asks no server, so it takes no options");
	says(restore(s, "copy.db"), 0, "the store was restored");
	for (const char *suffix : {"-wal", "-shm", ".restore"})
		assert_int_equal(access((test_server_database(s) + suffix).c_str(), F_OK), -1);
	says(run_shell(s, "sqlite3 " + test_server_database(s) + ".before 'SELECT COUNT(*) FROM entry WHERE kind = 0'"),
	     0, "2\n");
	test_server_start(s);
	assert_string_not_equal(store_of(s, ann).c_str(), store.c_str());
	client_return(s, bob, &ack);
	const std::vector<json_ptr> messages = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(messages.size(), 1);
	says(ctl(s, "check"), 0, "nothing is wrong");
}

/* Each run is killed a little later than the one before, up to its end. */
static void a_restore_that_is_killed_leaves_one_store_or_the_other(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann"), bob = client_absent(s, "bob");
	test_client *c = client_return(s, ann);
	(void)client_chat_safely(c, bob, "before");
	ctl_done(s, "backup copy.db");
	(void)client_chat_safely(c, bob, "after");
	test_server_kill(s);
	test_server_write_conf(s);
	const int step = getenv("CS_LONG") ? 3 : 12;
	for (int ms = 0; ms < 60; ms += step) {
		(void)run_shell(s, "[ chat.db -ef chat.db.before ] || rm -f chat.db.before");
		(void)run_shell(s, "timeout -s KILL " + check_format("0.%03d ", ms + 1) +
		                           process_program("chatserverd") + " -c chat.conf --restore copy.db");
		says(run_shell(s, "cp chat.db look.db; cp chat.db-wal look.db-wal 2>/dev/null; rm -f look.db-shm;"
		                  " sqlite3 look.db 'PRAGMA integrity_check; SELECT COUNT(*) BETWEEN 1 AND 2 FROM entry"
		                  " WHERE kind = 0'"),
		     0, "ok\n1\n");
	}
	(void)run_shell(s, "[ chat.db -ef chat.db.before ] || rm -f chat.db.before");
	says(restore(s, "copy.db"), 0, "the store was restored");
	test_server_start(s);
	says(ctl(s, "check"), 0, "nothing is wrong");
}

static std::string restore_line(const char *file)
{
	return process_program("chatserverd") + " -c chat.conf --restore " + file;
}

static const char count_messages[] = "sqlite3 chat.db 'SELECT COUNT(*) FROM entry WHERE kind = 0'";

/* The second message is in the log only. */
static void leave_a_log(test_server *s)
{
	test_server_start(s);
	const int64_t ann = client_absent(s, "ann"), bob = client_absent(s, "bob");
	test_client *c = client_return(s, ann);
	(void)client_chat_safely(c, bob, "before");
	ctl_done(s, "backup copy.db");
	(void)client_chat_safely(c, bob, "after");
	test_server_kill(s);
	test_server_write_conf(s);
}

/* As the restore left it that was killed before the copy got the name of the store. */
static void a_restore_that_was_killed_midway_is_taken_back(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	leave_a_log(s);
	says(run_shell(s, "ln chat.db chat.db.before && mv chat.db-wal chat.db.before-wal && rm -f chat.db-shm"), 0,
	     "");
	says(run_shell(s, restore_line("none.db")), 1, "none.db: No such file or directory");
	says(run_shell(s, "echo no database >text.db; " + restore_line("text.db")), 1, "a restore was broken off");
	says(run_shell(s, "ls"), 0, "chat.db-wal\n");
	assert_int_equal(access((s->folder + "/chat.db.before").c_str(), F_OK), -1);
	assert_int_equal(access((s->folder + "/chat.db.before-wal").c_str(), F_OK), -1);
	says(run_shell(s, "ln chat.db chat.db.before"), 0, "");
	test_server_start(s);
	test_server_wait_log(s, "a restore was broken off");
	assert_int_equal(access((s->folder + "/chat.db.before").c_str(), F_OK), -1);
	says(run_shell(s, count_messages), 0, "2\n");
}

/* With the wrong copy first and the right one second, the store itself would be gone. */
static void a_second_restore_does_not_replace_the_store_that_was_kept(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	leave_a_log(s);
	says(run_shell(s, restore_line("copy.db")), 0, "the store was restored");
	says(run_shell(s, restore_line("copy.db")), 1, "chat.db.before: is there already");
	says(run_shell(s, "mv chat.db.before kept.db; touch chat.db.before-wal"), 0, "");
	says(run_shell(s, restore_line("copy.db")), 1, "chat.db.before-wal: is there already");
	says(run_shell(s, "rm chat.db.before-wal; sqlite3 kept.db 'SELECT COUNT(*) FROM entry WHERE kind = 0'"), 0,
	     "2\n");
	says(run_shell(s, restore_line("copy.db")), 0, "the store was restored");
	assert_int_equal(access((s->folder + "/chat.db.before").c_str(), F_OK), 0);
}

static void a_refused_restore_leaves_the_word_of_a_crash_to_the_next_start(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const std::string crash = check_format("did not stop in order pid=%d ", static_cast<int>(s->pid));
	test_server_kill(s);
	test_server_write_conf(s);
	says(run_shell(s, "echo no database >text.db; touch chat.db.before"), 0, "");
	says(run_shell(s, restore_line("text.db")), 1, "chat.db.before: is there already");
	says(run_shell(s, "rm chat.db.before; " + restore_line("text.db")), 1, crash.c_str());
	test_server_start(s);
	test_server_wait_log(s, crash);
	test_server_kill(s);
	says(run_shell(s, ": >chat.db-lock; " + restore_line("text.db")), 1, "text.db: is damaged");
	assert_string_equal(check_read_file(s->folder + "/chat.db-lock").c_str(), "");
}

static void a_store_that_is_read_is_not_taken_for_a_damaged_one(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	leave_a_log(s);
	says(run_shell(s, "(echo 'BEGIN; SELECT COUNT(*) FROM entry;'; echo '.shell " + restore_line("copy.db") +
	                          " -o db_sqlite.busy_timeout=100ms 2>&1') | sqlite3 chat.db"),
	     0, "cannot be brought into the store: database is locked");
	assert_int_equal(access((s->folder + "/chat.db.before").c_str(), F_OK), -1);
	assert_int_equal(access((s->folder + "/chat.db.before-wal").c_str(), F_OK), -1);
	assert_int_equal(access((s->folder + "/chat.db.restore").c_str(), F_OK), -1);
	says(run_shell(s, count_messages), 0, "2\n");
}

static void a_damaged_store_is_kept_with_its_log(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	leave_a_log(s);
	says(run_shell(s, "echo no database >chat.db; echo its log >chat.db-wal; rm -f chat.db-shm"), 0, "");
	says(run_shell(s, restore_line("copy.db")), 0,
	     ("the old store is damaged, a log of it is kept beside the new one file=" + s->folder +
	      "/chat.db.before-wal")
	             .c_str());
	says(run_shell(s, "cat chat.db.before chat.db.before-wal"), 0, "no database\nits log\n");
	assert_int_equal(access((s->folder + "/chat.db-wal").c_str(), F_OK), -1);
	says(run_shell(s, count_messages), 0, "1\n");
	says(run_shell(s, "rm chat.db.before*; echo no database >chat.db"), 0, "");
	says(run_shell(s, restore_line("copy.db")), 0, "the old store is damaged, it is kept beside the new one file=");
	assert_int_equal(access((s->folder + "/chat.db.before-wal").c_str(), F_OK), -1);
}

static void a_copy_that_is_no_store_or_a_newer_one_is_named_and_refused(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string insert = "\"INSERT INTO schema_version VALUES ('', 99, '')\"";

	leave_a_log(s);
	says(run_shell(s, "cp copy.db newer.db; sqlite3 newer.db " + insert + "; touch empty.db"), 0, "");
	says(run_shell(s, "sqlite3 other.db 'CREATE TABLE t (c)'"), 0, "");
	const store_output newer = run_shell(s, restore_line("newer.db"));
	says(newer, 1, "newer.db has schema version 99");
	assert_null(strstr(newer.text.c_str(), "chat.db.restore"));
	for (const char *name : {"empty.db", "other.db"})
		says(run_shell(s, restore_line(name)), 1,
		     (std::string(name) + ": is no store of chatserverd: it is empty, or of another program").c_str());
}

static void a_new_store_that_root_restores_is_of_who_owns_the_folder(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	if (geteuid() != 0)
		skip();
	leave_a_log(s);
	s->options["db_sqlite.path"] = s->folder + "/data/chat.db";
	test_server_write_conf(s);
	says(run_shell(s, "mkdir data && chown 65534:65534 data; echo no database >text.db"), 0, "");
	says(run_shell(s, restore_line("text.db")), 1, "text.db: is damaged, or no database");
	says(run_shell(s, "ls data"), 0, "chat.db-lock\n");
	assert_int_equal(access((s->folder + "/data/chat.db").c_str(), F_OK), -1);
	says(run_shell(s, restore_line("copy.db")), 0, "the store was restored");
	says(run_shell(s, "stat -c '%n %a %u:%g' data/*"), 0,
	     "data/chat.db 600 65534:65534\ndata/chat.db-lock 600 65534:65534\n");
	says(run_shell(s, "rm data/*; touch data/chat.db; " + restore_line("copy.db")), 0, "the store was restored");
	says(run_shell(s, "stat -c '%n %a %u:%g' data/*"), 0,
	     "data/chat.db 600 65534:65534\ndata/chat.db-lock 600 65534:65534\n");
}

/* The folder belongs to the server's user, who may put any link there. */
static void root_changes_no_file_of_others_by_a_link_in_the_folder(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string look = "cat victim; stat -c '%a %u:%g %h' victim; ls -d victim?* none* 2>/dev/null; true";
	const char *const untouched = "mine\n644 0:0 1\n";

	if (geteuid() != 0)
		skip();
	leave_a_log(s);
	s->options["db_sqlite.path"] = s->folder + "/data/chat.db";
	test_server_write_conf(s);
	says(run_shell(s, "mkdir data && chown 65534:65534 data && echo mine >victim && chmod 644 victim"), 0, "");
	says(run_shell(s, "ln -s ../victim data/chat.db; " + restore_line("copy.db")), 1,
	     "/victim, which is of another user than the folder of the link, so root does not follow it");
	assert_string_equal(run_shell(s, look).text.c_str(), untouched);
	says(run_shell(s, process_program("chatserverd") + " -c chat.conf"), 1, "so root does not follow it");
	says(run_shell(s, "ln -sf ../none data/chat.db; " + restore_line("copy.db")), 1,
	     "chat.db: there is no such file, or it is a link to none");
	assert_string_equal(run_shell(s, look).text.c_str(), untouched);
	for (const char *suffix : {"-lock", "-wal", "-shm", ".restore", ".before", ".before-wal"}) {
		const std::string link = std::string("data/chat.db") + suffix;

		says(run_shell(s, "rm -f data/*; touch data/chat.db; chown 65534 data/chat.db"), 0, "");
		says(run_shell(s, "ln -s ../victim " + link), 0, "");
		(void)run_shell(s, restore_line("copy.db"));
		assert_string_equal(run_shell(s, look).text.c_str(), untouched);
	}
	says(run_shell(s, "rm -f data/*; mkdir disk; touch disk/chat.db; chown -R 65534:65534 disk"), 0, "");
	says(run_shell(s, "ln -s ../disk/chat.db data/chat.db; " + restore_line("copy.db")), 0,
	     "the store was restored");
	says(run_shell(s, "stat -c '%n %a %u:%g' disk/chat.db"), 0, "disk/chat.db 600 65534:65534\n");
}

static void another_database_has_programs_of_its_own_for_copies(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	says(ctl(s, "backup copy.db"), 1, "mariadb-dump --single-transaction");
	test_server_stop(s);
	says(restore(s, "chat.conf"), 1, "is not restored by chatserverd");
}

int main(void)
{
	const struct CMUnitTest sqlite_tests[] = {
		OWN(a_full_disk_ends_a_backup_and_nothing_else),
		OWN(a_backup_has_what_was_acknowledged_and_only_its_owner_reads_it),
		OWN(a_backup_in_a_folder_that_only_the_server_sees_is_no_backup),
		OWN(a_backup_that_cannot_be_made_is_refused_and_leaves_nothing),
		OWN(a_server_that_is_killed_leaves_no_half_backup_under_its_name),
		OWN(who_asks_for_a_backup_by_its_number_hears_how_it_ended),
		OWN(a_stop_that_cuts_a_backup_says_so),
		OWN(a_copy_is_restored_when_the_server_stands_still),
		OWN(a_restore_that_is_killed_leaves_one_store_or_the_other),
		OWN(a_restore_that_was_killed_midway_is_taken_back),
		OWN(a_second_restore_does_not_replace_the_store_that_was_kept),
		OWN(a_refused_restore_leaves_the_word_of_a_crash_to_the_next_start),
		OWN(a_store_that_is_read_is_not_taken_for_a_damaged_one),
		OWN(a_damaged_store_is_kept_with_its_log),
		OWN(a_copy_that_is_no_store_or_a_newer_one_is_named_and_refused),
		OWN(a_new_store_that_root_restores_is_of_who_owns_the_folder),
		OWN(root_changes_no_file_of_others_by_a_link_in_the_folder),
	};
	const struct CMUnitTest mysql_tests[] = {
		OWN(another_database_has_programs_of_its_own_for_copies),
	};

	return mariadb_wanted() ? cmocka_run_group_tests(mysql_tests, nullptr, nullptr)
	                        : cmocka_run_group_tests(sqlite_tests, nullptr, nullptr);
}
