/* SPDX-License-Identifier: MIT
 * Tests chatctl's verbs about the whole store with real servers: backup, restore, check, export and import. */
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/conversation_play.h"
#include "tests/support/database.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

struct store_output {
	int status;
	std::string text; /* both streams */
};

static std::string program(const char *name)
{
	const char *build = getenv("CS_BUILD");
	const std::string path = std::string(build ? build : "build") + "/" + name;

	return std::filesystem::absolute(path);
}

static store_output run_shell(const test_server *s, const std::string &line)
{
	const std::string out = s->folder + "/shell.out";

	(void)unlink(out.c_str());
	const int status = process_run({"/bin/sh", "-c", "cd " + s->folder + " && " + line}, out);
	return {status, check_read_file(out)};
}

static store_output ctl(const test_server *s, const std::string &words)
{
	return run_shell(s, program("chatctl") + " -s " + operator_path(s) + " " + words);
}

static void ctl_done(const test_server *s, const std::string &words, test_at at = test_at::current())
{
	const store_output run = ctl(s, words);

	if (run.status != 0)
		check_fail(at, "chatctl %s: %d %s", words.c_str(), run.status, run.text.c_str());
}

static void says(const store_output &run, int status, const char *part, test_at at = test_at::current())
{
	if (run.status != status || !strstr(run.text.c_str(), part))
		check_fail(at, "not %d and \"%s\", but %d and: %s", status, part, run.status, run.text.c_str());
}

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

/* As the sqlite3 program and its root have it, beside the server. */
static void change(const test_server *s, const std::string &sql)
{
	if (mariadb_wanted()) {
		database_run_as_root(s->database, {"USE " + s->options.at("db_mysql.database"), sql});
		return;
	}
	const store_output run =
		run_shell(s, "sqlite3 " + test_server_database(s) + " \"PRAGMA foreign_keys = OFF; " + sql + "\"");
	if (run.status != 0)
		check_fail(test_at::current(), "%s: %s", sql.c_str(), run.text.c_str());
}

/* ---- backup and restore */

static void a_backup_has_what_was_acknowledged_and_only_its_owner_reads_it(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	struct stat info = {};

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
}

static store_output restore(const test_server *s, const std::string &file)
{
	test_server_write_conf(s);
	return run_shell(s, "PATH=" + std::filesystem::path(program("chatserverd")).parent_path().string() + ":$PATH " +
	                            program("chatctl") + " restore " + file + " " + s->folder + "/chat.conf");
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
	for (int ms = 0; ms < 60; ms += 3) {
		(void)run_shell(s, "timeout -s KILL " + check_format("0.%03d ", ms + 1) + program("chatserverd") +
		                           " -c chat.conf --restore copy.db");
		says(run_shell(s, "cp chat.db look.db; cp chat.db-wal look.db-wal 2>/dev/null; rm -f look.db-shm;"
		                  " sqlite3 look.db 'PRAGMA integrity_check; SELECT COUNT(*) BETWEEN 1 AND 2 FROM entry"
		                  " WHERE kind = 0'"),
		     0, "ok\n1\n");
	}
	says(restore(s, "copy.db"), 0, "the store was restored");
	test_server_start(s);
	says(ctl(s, "check"), 0, "nothing is wrong");
}

static void another_database_has_programs_of_its_own_for_copies(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	says(ctl(s, "backup copy.db"), 1, "mariadb-dump --single-transaction");
	test_server_stop(s);
	says(restore(s, "chat.conf"), 1, "is not restored by chatserverd");
}

/* ---- check */

/* People, a group of three, messages, a contact. */
struct store_people {
	int64_t ann, bob, cid, group;
};

static store_people make_history(test_server *s)
{
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *cid = client_enter(s, "cid");
	const store_people p = {ann->id, bob->id, cid->id, client_create_group(ann, client_new_name("g"))};

	client_join_group(bob, p.group);
	client_join_group(cid, p.group);
	for (int i = 0; i < 5; i++) {
		(void)client_chat_safely(ann, bob->id, "hello", check_format(R"(,"cid":"c%d")", i));
		(void)client_group_chat_safely(ann, p.group, "hello all");
	}
	(void)CLIENT_ASK(ann, 0, R"({"msgid":131,"id":%lld,"account":%lld,"friend":true)", (long long)ann->id,
	                 (long long)bob->id);
	for (test_client *c : {ann, bob, cid})
		client_leave(c);
	return p;
}

struct damage {
	const char *sqlite, *mysql; /* null: this database cannot have it */
	const char *says;
};

#define PAIR "(SELECT id FROM (SELECT id FROM conversation WHERE kind = 0) p)"
#define GROUP "(SELECT id FROM (SELECT id FROM conversation WHERE kind = 1) g)"

static const struct damage damages[] = {
	{"DELETE FROM entry WHERE conversation = " PAIR " AND k = 2",
         "DELETE FROM message WHERE conversation = " PAIR " AND seq = 2", "entries are missing: conversation="},
	{"DELETE FROM body WHERE id = (SELECT ref FROM entry WHERE conversation = " PAIR " AND k = 3)", nullptr,
         "an entry has no body: conversation="},
	{"INSERT INTO body (created, body) VALUES (1, '{}')", nullptr, "a body is of no entry: body="},
	{"INSERT INTO entry (conversation, k, owner, ref) VALUES (" PAIR ", 'x', 1, 99)", nullptr,
         "a cid is of no entry: conversation="},
	{"INSERT INTO entry (conversation, k, owner, ref, sender, kind) VALUES (999, 1, 0, 1, 1, 0)",
         "INSERT INTO message (conversation, seq, sender, body, created) VALUES (999, 1, 1, '{}', 1)",
         "entries are in no conversation: conversation=999"},
	{"UPDATE entry SET sender = 99999 WHERE conversation = " PAIR " AND k = 1",
         "UPDATE message SET sender = 99999 WHERE conversation = " PAIR " AND seq = 1",
         "the sender of an entry is no account: conversation="},
	{"UPDATE entry SET kind = 7 WHERE conversation = " PAIR " AND k = 4",
         "UPDATE message SET kind = 7 WHERE conversation = " PAIR " AND seq = 4",
         "an entry is of no known kind: conversation="},
	{nullptr, "UPDATE conversation SET last_seq = last_seq + 3 WHERE kind = 1",
         "the last seq of a conversation is not that of its newest entry: id="},
	{"UPDATE conversation SET members = members + 1 WHERE kind = 1",
         "UPDATE conversation SET members = members + 1 WHERE kind = 1",
         "a group does not have the number of members that it says: id="},
	{"UPDATE conversation SET name = NULL WHERE kind = 1", "UPDATE conversation SET name = NULL WHERE kind = 1",
         "a group has no name, or one although it has ended: id="},
	{"UPDATE conversation SET flags = 1 WHERE kind = 0", "UPDATE conversation SET flags = 1 WHERE kind = 0",
         "a pair does not say what its contacts say: id="},
	{"UPDATE conversation SET high = 99999 WHERE kind = 0", "UPDATE conversation SET high = 99999 WHERE kind = 0",
         "a pair names an account that is not there: id="},
	{"INSERT INTO member (conversation, account, role, joined_seq, left_seq) VALUES (" GROUP ", 99999, 0, 1, 2)",
         "INSERT INTO member (conversation, account, role, joined_seq, left_seq) VALUES (" GROUP ", 99999, 0, 1, 2)",
         "a member is no account: conversation="},
	{"INSERT INTO member (conversation, account, role, joined_seq) SELECT 999, id, 0, 0 FROM account LIMIT 1",
         "INSERT INTO member (conversation, account, role, joined_seq) SELECT 999, id, 0, 0 FROM account LIMIT 1",
         "a member belongs to no group: conversation=999"},
	{"UPDATE member SET joined_seq = 500 WHERE role = 1", "UPDATE member SET joined_seq = 500 WHERE role = 1",
         "a member joined behind the newest entry of its group: conversation="},
	{"UPDATE member SET left_seq = 500 WHERE role = 0", "UPDATE member SET left_seq = 500 WHERE role = 0",
         "a member left behind the newest entry of its group: conversation="},
	{"UPDATE member SET left_seq = 1, joined_seq = 2 WHERE role = 0",
         "UPDATE member SET left_seq = 1, joined_seq = 2 WHERE role = 0",
         "a member left before it joined: conversation="},
	{"UPDATE member SET left_seq = 5 WHERE role = 1", "UPDATE member SET left_seq = 5 WHERE role = 1",
         "a former member has a role: conversation="},
	{"INSERT INTO invitation SELECT 999, id, id, 1 FROM account LIMIT 1",
         "INSERT INTO invitation SELECT 999, id, id, 1 FROM account LIMIT 1",
         "an invitation is for no group: conversation=999"},
	{"INSERT INTO invitation VALUES (" GROUP ", 99999, 1, 1)",
         "INSERT INTO invitation VALUES (" GROUP ", 99999, 1, 1)", "an invitation is for no account: conversation="},
	{"INSERT INTO mark VALUES (99999, " PAIR ", 1, 0)", "INSERT INTO mark VALUES (99999, " PAIR ", 1, 0)",
         "a read mark belongs to no account: account=99999"},
	{"INSERT INTO mark SELECT id, 999, 0, 0 FROM account LIMIT 1",
         "INSERT INTO mark SELECT id, 999, 0, 0 FROM account LIMIT 1", "a read mark is in no conversation: account="},
	{"INSERT INTO mark SELECT low, id, 0, 77 FROM conversation WHERE kind = 0 ON CONFLICT DO UPDATE SET shown_seq = 77",
         "INSERT INTO mark SELECT low, id, 0, 77 FROM conversation WHERE kind = 0 ON DUPLICATE KEY UPDATE shown_seq = 77",
         "a read mark is above the newest entry of its conversation: account="},
	{"INSERT INTO cursor VALUES (99999, 0, " PAIR ", 1)", "INSERT INTO `cursor` VALUES (99999, 0, " PAIR ", 1)",
         "a cursor belongs to no account: account=99999"},
	{"INSERT INTO cursor SELECT low, 77, id, 1 FROM conversation WHERE kind = 0",
         "INSERT INTO `cursor` SELECT low, 77, id, 1 FROM conversation WHERE kind = 0",
         "a cursor belongs to a device that its account never had: account="},
	{"INSERT INTO cursor SELECT id, 0, 999, 0 FROM account LIMIT 1",
         "INSERT INTO `cursor` SELECT id, 0, 999, 0 FROM account LIMIT 1", "a cursor is in no conversation: account="},
	{"UPDATE cursor SET delivered_seq = 777", "UPDATE `cursor` SET delivered_seq = 777",
         "a cursor is above the newest entry of its conversation: account="},
	{"INSERT INTO device VALUES (99999, 0, '', 1, 1)", "INSERT INTO device VALUES (99999, 0, '', 1, 1)",
         "a device belongs to no account: account=99999"},
	{"INSERT INTO device SELECT id, 77, 'x', 1, 1 FROM account LIMIT 1",
         "INSERT INTO device SELECT id, 77, 'x', 1, 1 FROM account LIMIT 1",
         "the number of a device is above the highest that its account gave: account="},
	{"INSERT INTO contact VALUES (99999, 1, 1, 0)", "INSERT INTO contact VALUES (99999, 1, 1, 0)",
         "a contact belongs to no account: account=99999"},
	{"INSERT INTO contact SELECT id, 99999, 1, 0 FROM account LIMIT 1",
         "INSERT INTO contact SELECT id, 99999, 1, 0 FROM account LIMIT 1", "a contact names no account: account="},
	{"UPDATE contact SET listed = 0", "UPDATE contact SET listed = 0",
         "a contact is neither on the list nor blocked: account="},
	{"DELETE FROM store", "DELETE FROM store", "the table store has not one row with an id: rows=0"},
	{"UPDATE member SET role = 0", "UPDATE member SET role = 0", "a group has not one creator: id="},
	{"UPDATE conversation SET low = NULL WHERE kind = 0", "UPDATE conversation SET low = NULL WHERE kind = 0",
         "a pair has no two accounts in order: id="},
	{"UPDATE conversation SET kind = 5 WHERE kind = 0", "UPDATE conversation SET kind = 5 WHERE kind = 0",
         "a conversation is neither a pair nor a group: id="},
};

/* Each damage is done to a fresh copy of the tables, as far as one statement can: the next ones add to it. */
static void each_damage_is_found_and_said_where(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	std::string all;

	test_server_start(s);
	(void)make_history(s);
	says(ctl(s, "check"), 0, "nothing is wrong in ");
	ctl_done(s, "export whole.jsonl");
	for (const struct damage &damage : damages) {
		const char *sql = mariadb_wanted() ? damage.mysql : damage.sqlite;

		if (!sql)
			continue;
		if (mariadb_wanted())
			change(s, sql);
		else {
			/* SQLite: the damage is done to a copy, which another server has for its store. */
			says(run_shell(s,
			               "rm -f bad.db*; sqlite3 chat.db \"VACUUM INTO 'bad.db'\" && sqlite3 bad.db \"" +
			                       std::string(sql) + "\""),
			     0, "");
			test_server *bad = test_server_new();

			operator_allow(bad);
			test_server_set(bad, "db_sqlite.path", s->folder + "/bad.db");
			test_server_start(bad);
			says(ctl(bad, "check"), 1, damage.says);
			test_server_free(bad);
			continue;
		}
		says(ctl(s, "check"), 1, damage.says);
	}
}

static void a_damaged_index_of_the_file_is_found(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	(void)make_history(s);
	change(s, "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'member_account'");
	test_server_stop(s);
	test_server_start(s);
	says(ctl(s, "check"), 1, "the file is damaged: ");
}

static void the_findings_are_json_for_programs(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	(void)make_history(s);
	change(s, "UPDATE conversation SET members = 9 WHERE kind = 1");
	says(ctl(s, "--json check"), 1,
	     R"({"findings":[{"what":"a group does not have the number of members that it says","where":"id=)");
}

/* Groups that ended, recalls, edits, contacts, marks, devices that ended; the check runs all the while. */
static void play(test_server *s, conversation_play *p, bool checks)
{
	play_set_options(s);
	test_server_start(s);
	play_begin(p, {s}, play_new_seed());
	while (p->steps < 600) {
		play_step(p);
		if (checks && p->steps % 150 == 0)
			says(ctl(s, "check"), 0, "nothing is wrong");
	}
	play_end(p);
	play_report(p);
}

static void a_store_with_any_history_has_nothing_wrong(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	conversation_play p;

	play(s, &p, true);
	says(ctl(s, "check"), 0, "nothing is wrong");
	/* And while all of it is removed, because it is old. */
	test_server_stop(s);
	change(s, mariadb_wanted() ? "UPDATE message SET created = 1000" : "UPDATE body SET created = 1000");
	test_server_set(s, "mailbox.keep", "1s");
	test_server_start(s);
	check_wait("an empty log", [=] {
		says(ctl(s, "check"), 0, "nothing is wrong");
		ctl_done(s, "export log.jsonl");
		return run_shell(s, "grep '\"type\":[012],\"created' log.jsonl; rm log.jsonl").text.empty();
	});
}

/* ---- export and import */

static std::string file_of(const test_server *s, const char *name)
{
	return check_read_file(s->folder + "/" + name);
}

static test_server *other_server(const test_server *s, bool mysql)
{
	test_server *other = test_server_new();

	operator_allow(other);
	if (mysql)
		test_server_use_mariadb(other, mariadb_shared());
	test_server_set(other, "login.device_kept_for", "");
	(void)s;
	test_server_start(other);
	return other;
}

/* Brings all of the first store to the second; exports of both are the same bytes. */
static void move(const test_server *from, const test_server *to)
{
	ctl_done(from, "export " + to->folder + "/a.jsonl");
	ctl_done(to, "import a.jsonl");
	ctl_done(to, "export b.jsonl");
	if (file_of(to, "a.jsonl") != file_of(to, "b.jsonl"))
		check_fail(test_at::current(), "%s", run_shell(to, "diff a.jsonl b.jsonl | head -20").text.c_str());
	says(ctl(to, "check"), 0, "nothing is wrong");
}

static void a_store_moves_to_another_database_and_back(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	conversation_play p;

	play(s, &p, false);
	test_server *mysql = other_server(s, true);
	move(s, mysql);
	test_server *back = other_server(s, false);
	move(mysql, back);
	/* Harmless when it is repeated. */
	says(ctl(back, "import a.jsonl"), 0, " were there");
	ctl_done(back, "export c.jsonl");
	assert_true(file_of(back, "a.jsonl") == file_of(back, "c.jsonl"));
	test_server_free(mysql);
	test_server_free(back);
}

static void who_comes_back_to_the_moved_store_gets_what_was_missing(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_frame ack;

	test_server_start(s);
	const int64_t bob = client_absent(s, "bob");
	test_client *ann = client_enter(s, "ann"), *phone = client_return(s, bob, nullptr, R"(,"device":"phone")");
	(void)client_chat_safely(ann, bob, "seen");
	client_expect(phone, R"({"msg":"seen"})");
	client_leave(phone);
	(void)client_chat_safely(ann, bob, "missed");
	const int64_t id = ann->id;
	const test_frame history =
		CLIENT_ASK(ann, 0, R"({"msgid":105,"id":%lld,"peer":%lld,"limit":200)", (long long)id, (long long)bob);
	test_server *other = other_server(s, true);
	move(s, other);
	client_return(other, bob, &ack, R"(,"device":"phone")");
	const std::vector<json_ptr> messages = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(messages.size(), 1);
	assert_string_equal(json_text(messages[0].get(), "msg").c_str(), "missed");
	test_client *again = client_return(other, id);
	const test_frame same = CLIENT_ASK(again, 0, R"({"msgid":105,"id":%lld,"peer":%lld,"limit":200)", (long long)id,
	                                   (long long)bob);
	assert_true(cJSON_Compare(cJSON_GetObjectItem(history.json.get(), "messages"),
	                          cJSON_GetObjectItem(same.json.get(), "messages"), true));
	assert_int_equal(client_chat_safely(again, bob, "on"), 3);
	test_server_free(other);
}

static void wrong_lines_are_refused_with_their_number(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string head = R"({"kind":"store","format":"chatserverd","version":1})";
	const auto import = [&](const std::string &line) {
		FILE *file = fopen((s->folder + "/in.jsonl").c_str(), "w");

		(void)fprintf(file, "%s\n", line.c_str());
		(void)fclose(file);
		return ctl(s, "import in.jsonl");
	};

	test_server_start(s);
	const store_people p = make_history(s);
	says(import("{"), 1, "line 1: is no JSON object");
	says(import(R"({"kind":"account"})"), 1, "line 1: the first line must be of the kind store");
	says(import(R"({"kind":"store","format":"chatserverd","version":2})"), 1,
	     "line 1: this server reads version 1");
	says(import(head + "\n{\"kind\":\"cat\"}"), 1, "line 2: kind is not one that this server knows");
	says(import(head + "\n{\"kind\":\"contact\",\"account\":1,\"other\":2,\"listed\":1}"), 1,
	     "line 2: blocked is missing");
	says(import(head + "\n" +
	            check_format(R"({"kind":"contact","account":%lld,"other":%lld,"listed":1,"blocked":1})",
	                         (long long)p.ann, (long long)p.bob)),
	     1, "line 2: the store has another contact with this number");
	says(import(head + "\n" +
	            R"({"kind":"entry","conversation":999,"seq":1,"sender":1,"type":0,"created":1,"body":""})"),
	     1, "line 2: there is no such conversation");
	says(import(head + "\n" +
	            check_format(
			    R"({"kind":"entry","conversation":%lld,"seq":99,"sender":1,"type":0,"created":1,"body":""})",
			    (long long)p.group)),
	     1, "line 2: seq must be ");
	says(import(R"({"kind":"store","format":"chatserverd","version":1,"id":"x"})"), 1, "it is cut off");
	says(ctl(s, "check"), 0, "nothing is wrong");
}

static void ten_thousand_messages_move_in_seconds(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	(void)client_chat_safely(ann, bob, "first");
	ctl_done(s, "export small.jsonl");
	says(run_shell(
		     s,
		     "awk '/\"entry\"/ { for (i = 1; i <= 10000; i++) { line = $0; sub(/\"seq\":1,/, \"\\\"seq\\\":\" i"
		     " \",\", line); if (i > 1) sub(/,\"cid\":\"[^\"]*\"/, \"\", line); print line; n++ } next }"
		     " /\"end\"/ { print \"{\\\"kind\\\":\\\"end\\\",\\\"lines\\\":\" n \"}\"; next } { print; n++ }'"
		     " small.jsonl >large.jsonl"),
	     0, "");
	for (const bool mysql : {false, true}) {
		test_server *other = other_server(s, mysql);
		const int64_t begun = check_now();

		ctl_done(other, "import " + s->folder + "/large.jsonl");
		const int64_t imported = check_now();
		ctl_done(other, "export out.jsonl");
		print_message("10000 entries, %s: import %lld ms, export %lld ms\n", mysql ? "MariaDB" : "SQLite",
		              (long long)(imported - begun), (long long)(check_now() - imported));
		assert_true(file_of(other, "out.jsonl") == file_of(s, "large.jsonl"));
		test_server_free(other);
	}
}

#define OWN(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN(each_damage_is_found_and_said_where),
		OWN(the_findings_are_json_for_programs),
		OWN(a_store_with_any_history_has_nothing_wrong),
		OWN(wrong_lines_are_refused_with_their_number),
	};
	const struct CMUnitTest sqlite_tests[] = {
		OWN(a_backup_has_what_was_acknowledged_and_only_its_owner_reads_it),
		OWN(a_backup_that_cannot_be_made_is_refused_and_leaves_nothing),
		OWN(a_copy_is_restored_when_the_server_stands_still),
		OWN(a_restore_that_is_killed_leaves_one_store_or_the_other),
		OWN(a_damaged_index_of_the_file_is_found),
		OWN(a_store_moves_to_another_database_and_back),
		OWN(who_comes_back_to_the_moved_store_gets_what_was_missing),
		OWN(ten_thousand_messages_move_in_seconds),
	};
	const struct CMUnitTest mysql_tests[] = {
		OWN(another_database_has_programs_of_its_own_for_copies),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return failed + (mariadb_wanted() ? cmocka_run_group_tests(mysql_tests, nullptr, nullptr)
	                                  : cmocka_run_group_tests(sqlite_tests, nullptr, nullptr));
}
