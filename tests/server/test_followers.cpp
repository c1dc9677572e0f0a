/* SPDX-License-Identifier: MIT
 * Tests with a real server that a follower is told of every entry that is committed: tests/plugin/told.c notes them in
 * a file. */
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <sqlite3.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/mariadb.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

struct told_entry {
	unsigned long long conversation = 0, seq = 0, sender = 0, to = 0;
	int kind = 0;
	size_t size = 0;
	unsigned is_event = 0;
};

static test_server *server_of(void **state)
{
	return static_cast<test_server *>(*state);
}

static std::string file_of(const test_server *s)
{
	return s->folder + "/told";
}

static std::vector<told_entry> entries_of(const test_server *s)
{
	const std::string text = check_read_file(file_of(s));
	std::vector<told_entry> entries;

	for (size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
		told_entry e;

		assert_int_equal(sscanf(text.c_str() + at, "%llu %llu %d %llu %llu %zu %u", &e.conversation, &e.seq,
		                        &e.kind, &e.sender, &e.to, &e.size, &e.is_event),
		                 7);
		entries.push_back(e);
	}
	return entries;
}

/* Of each conversation: the highest seq, when what came twice is left out. Fails if one was left out, or came too
 * early. */
static std::map<unsigned long long, unsigned long long> judge(const test_server *s)
{
	std::map<unsigned long long, unsigned long long> last;

	for (const told_entry &e : entries_of(s)) {
		if (e.seq > last[e.conversation] + 1)
			check_fail(std::source_location::current(), "conversation %llu: %llu follows %llu",
			           e.conversation, e.seq, last[e.conversation]);
		last[e.conversation] = std::max(last[e.conversation], e.seq);
	}
	return last;
}

static unsigned long long told_in_all(const test_server *s)
{
	unsigned long long sum = 0;

	for (const auto &[conversation, seq] : judge(s))
		sum += seq;
	return sum;
}

/* MariaDB could have another server, so after a crash the hold of the one before must end first. */
static void wait_told_in_all(const test_server *s, unsigned long long sum)
{
	const int64_t end = check_now() + 30000 * check_patience_factor();

	while (told_in_all(s) != sum) {
		if (check_now() > end)
			check_fail(std::source_location::current(), "%llu of %llu were told", told_in_all(s), sum);
		check_sleep_ms(20);
	}
}

static void wait_told(const test_server *s, size_t count)
{
	check_wait("the follower was told", [=] { return entries_of(s).size() >= count; });
}

static int take_number(void *number, int, char **texts, char **)
{
	*static_cast<int64_t *>(number) = atoll(texts[0]);
	return 0;
}

/* How many conversations have entries that were not confirmed, as the store knows. */
static int64_t rows_of(const test_server *s)
{
	static const char sql[] = "SELECT COUNT(*) FROM follower";
	int64_t count = -1;

	if (mariadb_wanted()) {
		test_database database;

		database_make_mysql(&database, s->database, s->options.at("db_mysql.database"));
		cs_db *db = database_open(&database);
		count = database_number(db, sql);
		db->driver->close(db);
		return count;
	}
	sqlite3 *file = nullptr;

	assert_int_equal(sqlite3_open_v2(test_server_database(s).c_str(), &file, SQLITE_OPEN_READONLY, nullptr),
	                 SQLITE_OK);
	(void)sqlite3_exec(file, sql, take_number, &count, nullptr);
	assert_int_equal(sqlite3_close(file), SQLITE_OK);
	return count;
}

static void start(test_server *s, const char *confirm = "yes")
{
	test_server_set(s, "told.confirm", confirm);
	test_server_start(s);
}

static int set_up(void **state)
{
	(void)test_server_setup(state);
	test_server *s = server_of(state);

	operator_load_plugin(s, "told");
	test_server_set(s, "told.file", file_of(s));
	return 0;
}

static void it_is_told_of_messages_and_events_with_who_and_whom(void **state)
{
	test_server *s = server_of(state);

	start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const auto a = static_cast<unsigned long long>(ann->id), b = static_cast<unsigned long long>(bob->id);

	client_chat_safely(ann, bob->id, "hi");
	client_chat_safely(bob, ann->id, "hello");
	client_chat_safely(ann, ann->id, "note");
	const auto group = static_cast<unsigned long long>(client_create_group(ann, client_new_name("group")));
	client_join_group(bob, static_cast<int64_t>(group));
	client_group_chat_safely(bob, static_cast<int64_t>(group), "all");
	wait_told(s, 6);
	std::vector<told_entry> pair, note, of_group;

	for (const told_entry &e : entries_of(s))
		(e.kind == 1 ? of_group : e.sender == e.to ? note : pair).push_back(e);
	assert_int_equal(pair.size(), 2);
	assert_int_equal(note.size(), 1);
	assert_int_equal(of_group.size(), 3);
	assert_true(pair[0].seq == 1 && pair[0].sender == a && pair[0].to == b && !pair[0].is_event);
	assert_true(pair[1].seq == 2 && pair[1].sender == b && pair[1].to == a);
	assert_true(note[0].sender == a && note[0].seq == 1);
	for (size_t i = 0; i < 3; i++) {
		assert_true(of_group[i].conversation == group && of_group[i].to == 0 && of_group[i].seq == i + 1);
		assert_int_equal(of_group[i].is_event, i < 2);
		assert_true(of_group[i].sender == (i == 0 ? a : b));
	}
}

static void what_was_confirmed_is_not_told_again(void **state)
{
	test_server *s = server_of(state);

	start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t away = client_absent(s, "away");
	for (int i = 0; i < 300; i++)
		client_chat_safely(ann, away, "x");
	wait_told(s, 300);
	check_wait("the store knows it", [=] { return rows_of(s) == 0; });
	test_server_stop(s);
	(void)remove(file_of(s).c_str());
	start(s);
	ann = client_return(s, ann->id);
	assert_int_equal(client_chat_safely(ann, away, "y"), 301);
	check_wait("it was told", [=] {
		const std::vector<told_entry> entries = entries_of(s);

		return !entries.empty() && entries.back().seq == 301;
	});
	assert_int_equal(entries_of(s).size(), 1);
}

static void at_most_1024_entries_of_a_conversation_wait_for_their_confirmation(void **state)
{
	test_server *s = server_of(state);

	start(s, "no");
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	for (int i = 0; i < 1100; i++)
		client_chat(ann, bob->id, "x");
	wait_told(s, 1024);
	client_chat_safely(bob, bob->id, "another conversation goes on");
	wait_told(s, 1025);
	assert_int_equal(entries_of(s).size(), 1025);
	test_server_kill(s);
	(void)remove(file_of(s).c_str());
	start(s);
	wait_told_in_all(s, 1101);
}

/* Through kills at any moment: in front of the commit, behind it, before and after the entry was told or confirmed. */
static void every_entry_is_told_through_many_crashes_in_its_order(void **state)
{
	static constexpr int kills = 5, people = 5, each = 40;
	test_server *s = server_of(state);
	std::vector<int64_t> ids;

	start(s);
	const int64_t group = client_create_group(client_enter(s, "founder"), client_new_name("group"));
	for (int i = 0; i < people; i++) {
		test_client *c = client_enter(s, "person");

		client_join_group(c, group);
		ids.push_back(c->id);
		client_close(c);
	}
	for (int kill = 0; kill < kills; kill++) {
		std::vector<test_client *> clients;

		for (const int64_t id : ids)
			clients.push_back(client_return(s, id));
		for (int i = 0; i < each; i++)
			for (size_t n = 0; n < clients.size(); n++) {
				if (n % 2 == 0)
					client_group_chat(clients[n], group, "x");
				else
					client_chat(clients[n], ids[0], "x");
			}
		/* Most are stored by now, and some are under way. */
		if (kill % 2 == 0)
			(void)client_try_send(clients[0], "{\"msgid\":1}\n");
		else
			client_group_chat_safely(clients[0], group, "y");
		test_server_kill(s);
		start(s);
	}
	/* What the log has, the members can read by now; the follower must have been told of all of it. */
	test_client *last = client_return(s, ids[0]);
	const auto in_group = static_cast<unsigned long long>(client_group_chat_safely(last, group, "last"));
	const auto in_note = static_cast<unsigned long long>(client_chat_safely(last, ids[0], "last"));
	std::map<unsigned long long, unsigned long long> known = {{group, in_group}};
	unsigned long long sum = in_group + in_note;

	for (size_t n = 1; n < ids.size(); n += 2)
		sum += static_cast<unsigned long long>(client_chat_safely(client_return(s, ids[n]), ids[0], "last"));
	wait_told_in_all(s, sum);
	assert_true(judge(s)[static_cast<unsigned long long>(group)] == in_group);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_told_of_messages_and_events_with_who_and_whom),
		TEST(what_was_confirmed_is_not_told_again),
		TEST(at_most_1024_entries_of_a_conversation_wait_for_their_confirmation),
		TEST(every_entry_is_told_through_many_crashes_in_its_order),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
