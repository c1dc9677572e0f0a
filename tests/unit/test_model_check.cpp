/* SPDX-License-Identifier: MIT
 * Tests what the check of a store finds. Each damage is done alone, in a transaction that is rolled back. */
#include <algorithm>

#include "plugins/model/check.h"
#include "test_model_lines.h"

/* A line for each finding. */
static std::string whole_check(cs_db *db)
{
	check_look look;
	std::string text;

	do {
		assert_int_equal(check_next(db, &look), 0);
		for (const check_finding &finding : look.findings)
			text += finding.what + ": " + finding.where + "\n";
	} while (look.more);
	return text;
}

struct damage {
	const char *sqlite, *mysql; /* null: this database cannot have it */
	const char *says; /* the finding; others may follow from it */
};

/* What both databases understand. */
#define BOTH(sql) sql, sql

static const struct damage damages[] = {
	{"DELETE FROM entry WHERE conversation = 1 AND k = 2", "DELETE FROM message WHERE conversation = 1 AND seq = 2",
         "entries are missing: conversation=1 seq=2\n"},
	{"DELETE FROM entry WHERE conversation = 1 AND k IN (2, 3)",
         "DELETE FROM message WHERE conversation = 1 AND seq IN (2, 3)",
         "entries are missing: conversation=1 seq=2 to=3\n"},
	{"DELETE FROM body WHERE id = (SELECT ref FROM entry WHERE conversation = 1 AND k = 3)", nullptr,
         "an entry has no body: conversation=1 seq=3\n"},
	{"INSERT INTO body (created, body) VALUES (1, '{}')", nullptr, "a body is of no entry: body="},
	{"INSERT INTO entry (conversation, k, owner, ref) VALUES (1, 'x', 1, 99)", nullptr,
         "a cid is of no entry: conversation=1 seq=99 sender=1\n"},
	{"INSERT INTO entry (conversation, k, owner, ref, sender, kind) VALUES (999, 1, 0, 1, 10, 0)",
         "INSERT INTO message (conversation, seq, sender, body, created) VALUES (999, 1, 10, '{}', 1)",
         "entries are in no conversation: conversation=999\n"},
	{"UPDATE entry SET sender = 99999 WHERE conversation = 1 AND k = 1",
         "UPDATE message SET sender = 99999 WHERE conversation = 1 AND seq = 1",
         "the sender of an entry is no account: conversation=1 seq=1\n"},
	{"UPDATE entry SET kind = 7 WHERE conversation = 1 AND k = 4",
         "UPDATE message SET kind = 7 WHERE conversation = 1 AND seq = 4",
         "an entry is of no known kind: conversation=1 seq=4\n"},
	{nullptr, "UPDATE conversation SET last_seq = last_seq + 3 WHERE id = 2",
         "the last seq of a conversation is not that of its newest entry: id=2\n"},
	{nullptr, "UPDATE conversation SET said_seq = 9 WHERE id = 2",
         "the newest message of a conversation is above its last seq: id=2\n"},
	{BOTH("UPDATE conversation SET members = 4 WHERE id = 2"),
         "a group does not have the number of members that it says: id=2\n"},
	{BOTH("UPDATE conversation SET name = NULL WHERE id = 2"),
         "a group has no name, or one although it has ended: id=2\n"},
	{BOTH("UPDATE conversation SET flags = 1 WHERE id = 1"), "a pair does not say what its contacts say: id=1\n"},
	{BOTH("DELETE FROM contact"), "a pair does not say what its contacts say: id=1\n"},
	{BOTH("UPDATE conversation SET high = 99999 WHERE id = 1"),
         "a pair names an account that is not there: id=1\n"},
	{BOTH("UPDATE conversation SET low = NULL WHERE id = 1"), "a pair has no two accounts in order: id=1\n"},
	{BOTH("UPDATE conversation SET kind = 5 WHERE id = 1"), "a conversation is neither a pair nor a group: id=1\n"},
	{BOTH("UPDATE member SET role = 0"), "a group has not one creator: id=2\n"},
	{BOTH("INSERT INTO member (conversation, account, role, joined_seq, left_seq) VALUES (2, 99999, 0, 1, 2)"),
         "a member is no account: conversation=2 account=99999\n"},
	{BOTH("INSERT INTO member (conversation, account, role, joined_seq) VALUES (999, 10, 0, 0)"),
         "a member belongs to no group: conversation=999 account=10\n"},
	{BOTH("UPDATE member SET joined_seq = 500 WHERE role = 1"),
         "a member joined behind the newest entry of its group: conversation=2 account=10\n"},
	{BOTH("UPDATE member SET left_seq = 500 WHERE account = 12"),
         "a member left behind the newest entry of its group: conversation=2 account=12\n"},
	{BOTH("UPDATE member SET left_seq = 1, joined_seq = 2 WHERE account = 12"),
         "a member left before it joined: conversation=2 account=12\n"},
	{BOTH("UPDATE member SET left_seq = 2 WHERE role = 1"),
         "a former member has a role: conversation=2 account=10\n"},
	{BOTH("INSERT INTO invitation VALUES (999, 10, 10, 1)"),
         "an invitation is for no group: conversation=999 account=10\n"},
	{BOTH("INSERT INTO invitation VALUES (2, 99999, 1, 1)"),
         "an invitation is for no account: conversation=2 account=99999\n"},
	{BOTH("INSERT INTO mark VALUES (99999, 1, 1, 0)"),
         "a read mark belongs to no account: account=99999 conversation=1\n"},
	{BOTH("INSERT INTO mark VALUES (10, 999, 0, 0)"),
         "a read mark is in no conversation: account=10 conversation=999\n"},
	{BOTH("UPDATE mark SET shown_seq = 77"),
         "a read mark is above the newest entry of its conversation: account=11 conversation=1\n"},
	{BOTH("INSERT INTO `cursor` VALUES (99999, 0, 1, 1)"),
         "a cursor belongs to no account: account=99999 device=0 conversation=1\n"},
	{BOTH("INSERT INTO `cursor` VALUES (10, 99, 1, 1)"),
         "a cursor is of a device that its account never had: account=10 device=99 conversation=1\n"},
	{BOTH("INSERT INTO `cursor` VALUES (10, 0, 999, 0)"),
         "a cursor is in no conversation: account=10 device=0 conversation=999\n"},
	{BOTH("UPDATE `cursor` SET delivered_seq = 777"),
         "a cursor is above the newest entry of its conversation: account=10 device=0 conversation=1\n"},
	{BOTH("INSERT INTO device VALUES (99999, 0, '', 1, 1)"),
         "a device belongs to no account: account=99999 number=0\n"},
	{BOTH("INSERT INTO device VALUES (10, 77, 'x', 1, 1)"),
         "the number of a device is above the highest that its account gave: account=10 number=77\n"},
	{BOTH("INSERT INTO contact VALUES (99999, 10, 1, 0)"),
         "a contact belongs to no account: account=99999 other=10\n"},
	{BOTH("INSERT INTO contact VALUES (10, 99999, 1, 0)"), "a contact names no account: account=10 other=99999\n"},
	{BOTH("UPDATE contact SET listed = 0"), "a contact is neither on the list nor blocked: account=10 other=11\n"},
	{BOTH("DELETE FROM store"), "the table store has not one row with an id: rows=0\n"},
	{BOTH("UPDATE account SET locked = 4 WHERE id = 10"), "an account is in no known state: id=10\n"},
	{BOTH("DELETE FROM erasing"), "an account is being erased, but not by anybody: id=14\n"},
	{BOTH("UPDATE account SET password = 'x' WHERE id = 15"), "an erased account has a password: id=15\n"},
	{BOTH("UPDATE account SET locked = 3, password = '' WHERE id = 10"),
         "an erased account is in a group: id=10\n"},
	{BOTH("UPDATE account SET locked = 0 WHERE id = 14"), "what is being erased is no such account: account=14\n"},
	{BOTH("INSERT INTO erasing (account) VALUES (99999)"),
         "what is being erased is no such account: account=99999\n"},
	{BOTH("UPDATE register_invite SET used = 4"),
         "an invitation to register was used more often than it may be: id=4\n"},
	{BOTH("UPDATE follower SET conversation = 999"),
         "a follower has not confirmed what is in no conversation: name=push conversation=999\n"},
	{BOTH("UPDATE follower SET seq = 5"),
         "a follower has confirmed more than there is: name=push conversation=1\n"},
};

static void each_damage_is_found_and_said_where(void **state)
{
	cs_db *db = lines_db(state);

	if (!mariadb_wanted())
		assert_int_equal(database_run(db, "PRAGMA foreign_keys = OFF"), 0);
	assert_string_equal(whole_check(db).c_str(), "");
	for (const struct damage &damage : damages) {
		const char *sql = mariadb_wanted() ? damage.mysql : damage.sqlite;

		if (!sql)
			continue;
		assert_int_equal(db->driver->begin(db), 0);
		assert_int_equal(database_run(db, sql), 0);
		const std::string text = whole_check(db);
		db->driver->rollback(db);
		if (!text.starts_with(damage.says) && text.find(std::string("\n") + damage.says) == std::string::npos)
			check_fail(std::source_location::current(), "%s: not \"%s\", but: %s", sql, damage.says,
			           text.c_str());
	}
	assert_string_equal(whole_check(db).c_str(), "");
}

/* The flags are of no use any more, and the contacts go at the end. */
static void the_pair_of_an_account_that_is_being_erased_is_no_damage(void **state)
{
	cs_db *db = lines_db(state);

	assert_int_equal(database_run(db, "UPDATE conversation SET flags = 64 WHERE id = 1"), 0);
	assert_string_equal(whole_check(db).c_str(), "");
}

static void what_fills_more_than_one_look_is_found_too(void **state)
{
	cs_db *db = lines_db(state);

	assert_int_equal(db->driver->begin(db), 0);
	for (int i = 0; i < 2500; i++)
		assert_int_equal(database_run(db, check_format("INSERT INTO mark VALUES (%d, 1, 0, 0)", 5000 + i)), 0);
	const std::string text = whole_check(db);
	db->driver->rollback(db);
	assert_int_equal(std::count(text.begin(), text.end(), '\n'), 2500);
}

#define STORE(name) cmocka_unit_test_setup_teardown(name, lines_set_up, lines_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE(each_damage_is_found_and_said_where),
		STORE(the_pair_of_an_account_that_is_being_erased_is_no_damage),
		STORE(what_fills_more_than_one_look_is_found_too),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
