/* SPDX-License-Identifier: MIT
 * Tests the model of roles, removals, mutes, invitations and pages of members, with a matrix of all requests. */
#include "test_model.h"

#include "plugins/model/invitations.h"
#include "plugins/model/members.h"
#include "plugins/model/roles.h"
#include "tests/support/group_matrix.h"

static constexpr uint64_t nobody = 99;
static constexpr int64_t now = 5000, later = 9000;
static constexpr uint64_t next_seq = 7;

/* Account 1 is the creator, and so on, in the order of enum matrix_person. */
static uint64_t account_of(matrix_person person)
{
	return person == MATRIX_NOBODY ? nobody : static_cast<uint64_t>(person) + 1;
}

static group_act act_of(uint64_t actor, uint64_t group)
{
	return {actor, group, next_seq, now};
}

static uint64_t make_group(cs_db *db, uint64_t creator, const char *name, std::initializer_list<uint64_t> joiners)
{
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, creator, name, "about", &group), 0);
	for (const uint64_t account : joiners)
		assert_int_equal(group_join(db, account, group, &joined), 0);
	return group;
}

/* Everybody of the matrix. */
static uint64_t make_matrix_group(cs_db *db, bool invite_only)
{
	const uint64_t group = make_group(db, 1, "matrix", {2, 3, 4, 5, 8, 9});
	bool left = false;

	assert_int_equal(group_set_role(db, act_of(1, group), 2, GROUP_ADMIN), 0);
	assert_int_equal(group_set_role(db, act_of(1, group), 8, GROUP_ADMIN), 0);
	assert_int_equal(group_remove_member(db, {4, group, 3, now}, 4, false, &left), 0);
	assert_int_equal(group_remove_member(db, {2, group, 4, now}, 5, true, &left), 0);
	assert_int_equal(invitation_add(db, act_of(3, group), 6, 100), 0);
	if (invite_only)
		assert_int_equal(group_change(db, act_of(1, group), {{}, {}, true, {}}), 0);
	return group;
}

/* A text of all that a group has in the database. */
static int add_row(void *arg, const cs_db_value *columns, size_t count)
{
	std::string *text = static_cast<std::string *>(arg);

	for (size_t i = 0; i < count; i++) {
		if (columns[i].type == CS_DB_NULL)
			*text += "-";
		else if (columns[i].type == CS_DB_INTEGER)
			*text += std::to_string(columns[i].integer);
		else
			text->append(columns[i].bytes, columns[i].size);
		*text += i + 1 < count ? " " : "|";
	}
	return 0;
}

static std::string picture_of(cs_db *db, uint64_t group)
{
	const cs_db_value value = {CS_DB_INTEGER, static_cast<int64_t>(group), nullptr, 0};
	std::string text;

	for (const char *sql :
	     {"SELECT name, members, muted, invite_only, history_all, description FROM conversation WHERE id = ?",
	      "SELECT account, role, joined_seq, left_seq, banned, muted FROM member WHERE conversation = ?"
	      " ORDER BY account",
	      "SELECT account, inviter FROM invitation WHERE conversation = ? ORDER BY account"})
		assert_int_equal(db->driver->query(db, sql, &value, 1, add_row, &text), 0);
	return text;
}

static int run_action(cs_db *db, const matrix_case &c, uint64_t group)
{
	const group_act act = act_of(account_of(c.actor), group);
	const uint64_t target = account_of(c.target);
	uint64_t joined = 0;
	bool left = false;

	switch (c.action) {
	case MATRIX_REMOVE:
	case MATRIX_BAN: return group_remove_member(db, act, target, c.action == MATRIX_BAN, &left);
	case MATRIX_MAKE_ADMIN: return group_set_role(db, act, target, GROUP_ADMIN);
	case MATRIX_MAKE_NORMAL: return group_set_role(db, act, target, GROUP_NORMAL);
	case MATRIX_MAKE_CREATOR: return group_set_role(db, act, target, GROUP_CREATOR);
	case MATRIX_MUTE: return group_mute(db, act, target, later);
	case MATRIX_UNMUTE: return group_mute(db, act, target, 0);
	case MATRIX_INVITE: return invitation_add(db, act, target, 100);
	case MATRIX_MUTE_ALL: return group_mute(db, act, 0, later);
	case MATRIX_RENAME: return group_change(db, act, {"renamed", {}, {}, {}});
	case MATRIX_JOIN: return group_join(db, act.actor, group, &joined);
	}
	return CS_DB_FAILED;
}

static char outcome_of(const matrix_case &c, int result)
{
	switch (result) {
	case 0: return c.action == MATRIX_INVITE ? MATRIX_DONE : MATRIX_ENTRY;
	case GROUP_NO_ENTRY: return MATRIX_DONE;
	case GROUP_IS_THERE: return MATRIX_IS_THERE;
	case MODEL_NOT_MEMBER:
	case GROUP_NOT_ALLOWED:
	case GROUP_HAND_OVER:
	case INVITATION_BANNED:
	case INVITATION_MISSING: return MATRIX_NOT_ALLOWED;
	case GROUP_NO_ACCOUNT:
	case GROUP_NO_MEMBER: return MATRIX_NO_USER;
	case MODEL_TAKEN: return MATRIX_EXISTS;
	}
	return '?';
}

static void every_request_of_everybody_about_everybody_does_what_its_role_permits(void **state)
{
	cs_db *db = model_db(state);
	size_t count = 0;

	for (const bool invite_only : {false, true}) {
		assert_int_equal(db->driver->begin(db), 0);
		const uint64_t group = make_matrix_group(db, invite_only);
		const std::string before = picture_of(db, group);

		group_matrix_each([&](const matrix_case &c) {
			if (c.invite_only != invite_only)
				return;
			assert_int_equal(db->driver->savepoint(db), 0);
			const char outcome = outcome_of(c, run_action(db, c, group));
			const bool changes = picture_of(db, group) != before;

			if (outcome != c.outcome || changes != (outcome == MATRIX_ENTRY || outcome == MATRIX_DONE))
				check_fail(std::source_location::current(),
				           "action %d of %d about %d: %c for %c, changes: %d", c.action, c.actor,
				           c.target, outcome, c.outcome, changes);
			if (changes && c.action != MATRIX_JOIN) {
				/* Where the actor is still a member, the same again is done. */
				const std::string after = picture_of(db, group);
				const char again = outcome_of(c, run_action(db, c, group));
				assert_true(again == MATRIX_IS_THERE);
				assert_string_equal(picture_of(db, group).c_str(), after.c_str());
			}
			assert_int_equal(db->driver->rollback_to(db), 0);
			count++;
		});
		db->driver->rollback(db);
	}
	assert_true(count > 500);
}

static void a_group_that_has_ended_is_no_group_for_anybody(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {});
	std::vector<uint64_t> members;
	std::vector<member_entry> page;
	uint64_t joined = 0;
	bool left = false, more = false;

	assert_int_equal(invitation_add(db, act_of(1, group), 2, 100), 0);
	/* Banned without having been in it: leaves no row behind. */
	assert_int_equal(group_remove_member(db, act_of(1, group), 3, true, &left), 0);
	assert_int_equal(group_remove_member(db, act_of(1, group), 1, false, &left), 0);
	assert_true(left);
	assert_string_equal(picture_of(db, group).c_str(), "- 0 0 0 0 about|1 0 0 7 0 0|");
	for (const matrix_action action :
	     {MATRIX_REMOVE, MATRIX_BAN, MATRIX_MAKE_ADMIN, MATRIX_MAKE_NORMAL, MATRIX_MAKE_CREATOR, MATRIX_MUTE,
	      MATRIX_UNMUTE, MATRIX_INVITE, MATRIX_MUTE_ALL, MATRIX_RENAME, MATRIX_JOIN})
		for (const matrix_person person : {MATRIX_CREATOR, MATRIX_ADMIN})
			assert_int_equal(
				run_action(db, {action, false, MATRIX_CREATOR, person, MATRIX_ENTRY, ""}, group),
				MODEL_NONE);
	assert_int_equal(group_find_member(db, 1, group, &joined), MODEL_NONE);
	assert_int_equal(group_members(db, group, 10, &members), MODEL_NONE);
	assert_int_equal(member_page(db, 1, group, 0, 10, &page, &more), MODEL_NONE);
	/* Its name is free. */
	make_group(db, 2, "matrix", {});
}

static void the_last_entry_of_a_member_is_the_one_that_removes_it(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {2, 3});
	uint64_t joined = 0;
	bool left = false;

	assert_int_equal(group_mute(db, act_of(1, group), 2, later), 0);
	assert_int_equal(group_remove_member(db, {1, group, 5, now}, 2, false, &left), 0);
	assert_true(left);
	assert_int_equal(group_find_member(db, 2, group, &joined), MODEL_NOT_MEMBER);
	assert_string_equal(picture_of(db, group).c_str(),
	                    "matrix 2 0 0 0 about|1 1 0 - 0 0|2 0 0 5 0 9000|3 0 0 - 0 0|");
	/* Who joins again begins anew, but is still mute. */
	std::vector<message_append> items = {to_group(1, group), to_group(3, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(joined, 2);
	assert_string_equal(picture_of(db, group).c_str(),
	                    "matrix 3 0 0 0 about|1 1 0 - 0 0|2 0 2 - 0 9000|3 0 0 - 0 0|");
}

static void handing_over_makes_one_creator_and_ends_the_mute_of_it(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {2});
	bool left = false;

	assert_int_equal(group_remove_member(db, act_of(1, group), 1, false, &left), GROUP_HAND_OVER);
	assert_int_equal(group_mute(db, act_of(1, group), 2, later), 0);
	assert_int_equal(group_set_role(db, act_of(1, group), 2, GROUP_CREATOR), 0);
	assert_string_equal(picture_of(db, group).c_str(), "matrix 2 0 0 0 about|1 2 0 - 0 0|2 1 0 - 0 0|");
	assert_int_equal(group_remove_member(db, act_of(1, group), 1, false, &left), 0);
	assert_int_equal(group_remove_member(db, act_of(2, group), 2, false, &left), 0);
	assert_string_equal(picture_of(db, group).c_str(), "- 0 0 0 0 about|1 0 0 7 0 0|2 0 0 7 0 0|");
}

static void a_mute_that_is_over_is_none(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {2});

	assert_int_equal(group_mute(db, act_of(1, group), 2, now - 1), GROUP_IS_THERE);
	assert_int_equal(group_mute(db, act_of(1, group), 2, later), 0);
	assert_int_equal(group_mute(db, act_of(1, group), 2, later + 1), 0);
	assert_int_equal(group_mute(db, {1, group, 9, later + 1}, 2, 0), GROUP_IS_THERE);
	assert_int_equal(group_mute(db, act_of(1, group), 2, 0), 0);
	assert_int_equal(group_mute(db, act_of(1, group), 0, later), 0);
	assert_int_equal(group_mute(db, act_of(1, group), 0, later), GROUP_IS_THERE);
	assert_int_equal(group_mute(db, act_of(1, group), 0, 0), 0);
}

static void a_group_changes_what_is_asked_and_keeps_the_rest(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "one", {}), other = make_group(db, 2, "two", {});

	assert_int_equal(group_change(db, act_of(1, group), {"two", {}, {}, true}), MODEL_TAKEN);
	assert_string_equal(picture_of(db, group).c_str(), "one 1 0 0 0 about|1 1 0 - 0 0|");
	assert_int_equal(group_change(db, act_of(1, group), {{}, "", {}, true}), 0);
	assert_string_equal(picture_of(db, group).c_str(), "one 1 0 0 1 |1 1 0 - 0 0|");
	assert_int_equal(group_change(db, act_of(1, group), {"three", {}, true, false}), 0);
	assert_string_equal(picture_of(db, group).c_str(), "three 1 0 1 0 |1 1 0 - 0 0|");
	assert_int_equal(group_change(db, act_of(1, group), {"three", "", true, {}}), GROUP_IS_THERE);
	assert_int_equal(group_change(db, act_of(2, other), {"one", {}, {}, {}}), 0);
}

static void an_invitation_is_used_up_by_joining_and_an_admins_ends_a_ban(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {2});
	uint64_t joined = 0;
	bool left = false;

	assert_int_equal(group_remove_member(db, act_of(1, group), 3, true, &left), 0);
	assert_true(!left);
	assert_int_equal(invitation_add(db, act_of(2, group), 3, 100), GROUP_NOT_ALLOWED);
	assert_int_equal(group_join(db, 3, group, &joined), INVITATION_BANNED);
	assert_int_equal(invitation_add(db, act_of(1, group), 3, 100), 0);
	assert_string_equal(picture_of(db, group).c_str(),
	                    "matrix 2 0 0 0 about|1 1 0 - 0 0|2 0 0 - 0 0|3 0 0 0 0 0|3 1|");
	assert_int_equal(group_change(db, act_of(1, group), {{}, {}, true, {}}), 0);
	assert_int_equal(group_join(db, 4, group, &joined), INVITATION_MISSING);
	assert_int_equal(group_join(db, 3, group, &joined), 0);
	assert_int_equal(database_number(db, "SELECT count(*) FROM invitation"), 0);
	/* Left, and nobody invites. */
	assert_int_equal(group_remove_member(db, act_of(3, group), 3, false, &left), 0);
	assert_int_equal(group_join(db, 3, group, &joined), INVITATION_MISSING);
}

static void who_blocks_is_not_invited(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {2});

	assert_int_equal(database_run(db, "INSERT INTO contact (account, other, listed, blocked) VALUES (3, 1, 0, 1),"
	                                  " (2, 1, 1, 1), (1, 4, 0, 1), (3, 2, 1, 0)"),
	                 0);
	assert_int_equal(invitation_add(db, act_of(1, group), 3, 100), INVITATION_NOT_WANTED);
	/* It is not said either that who blocks is a member. */
	assert_int_equal(invitation_add(db, act_of(1, group), 2, 100), INVITATION_NOT_WANTED);
	assert_int_equal(invitation_add(db, act_of(1, group), 4, 100), 0);
	assert_int_equal(invitation_add(db, act_of(2, group), 3, 100), 0);
}

static void who_refuses_strangers_is_invited_by_whom_it_lists(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {2});

	assert_int_equal(friend_add(db, 3, 1), 0);
	assert_int_equal(friend_add(db, 2, 3), 0);
	assert_int_equal(invitation_add(db, act_of(2, group), 3, 100, false), INVITATION_NOT_WANTED);
	assert_int_equal(invitation_add(db, act_of(1, group), 3, 100, false), 0);
}

static void a_hundred_invitations_are_the_most_of_a_group_and_of_an_account(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 1, "matrix", {});
	const std::string at = std::to_string(group);
	bool left = false;

	/* The other groups and accounts need not be there. */
	if (db->driver->dialect == CS_DB_SQLITE)
		assert_int_equal(database_run(db, "PRAGMA foreign_keys = OFF"), 0);
	for (int i = 0; i < 100; i++) {
		const std::string n = std::to_string(1000 + i);
		assert_int_equal(database_run(db, "INSERT INTO invitation VALUES (" + n + ", 2, 1, 0)"), 0);
		assert_int_equal(database_run(db, "INSERT INTO invitation VALUES (" + at + ", " + n + ", 1, 0)"), 0);
	}
	assert_int_equal(invitation_add(db, act_of(1, group), 3, 100), INVITATION_FULL_GROUP);
	assert_int_equal(database_run(db, "DELETE FROM invitation WHERE account IN (1000, 1001, 3)"), 0);
	assert_int_equal(invitation_add(db, act_of(1, group), 3, 100), 0);
	assert_int_equal(database_run(db, "DELETE FROM invitation WHERE account = 1002"), 0);
	assert_int_equal(invitation_add(db, act_of(1, group), 2, 100), INVITATION_FULL_ACCOUNT);
	assert_int_equal(
		database_run(db, "DELETE FROM invitation WHERE account = 2 AND conversation IN (1000, " + at + ")"), 0);
	assert_int_equal(invitation_add(db, act_of(1, group), 2, 100), 0);
	assert_int_equal(group_remove_member(db, act_of(1, group), 2, false, &left), GROUP_NO_ENTRY);
	assert_true(!left);
}

static void members_come_by_pages_without_those_who_left(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, 4, "matrix", {1, 2, 3, 5, 8, 9});
	std::vector<member_entry> page;
	bool left = false, more = false;

	assert_int_equal(group_set_role(db, act_of(4, group), 5, GROUP_ADMIN), 0);
	assert_int_equal(group_remove_member(db, act_of(4, group), 2, false, &left), 0);
	assert_int_equal(database_run(db, "INSERT INTO contact (account, other, listed, blocked) VALUES (3, 1, 0, 1),"
	                                  " (4, 1, 1, 0), (5, 9, 0, 1)"),
	                 0);
	assert_int_equal(database_run(db, "UPDATE member SET joined = 77 WHERE account = 3"), 0);
	assert_int_equal(member_page(db, 1, group, 0, 3, &page, &more), 0);
	assert_true(more && page.size() == 3);
	assert_true(page[0].account == 1 && page[0].name == "user 1" && page[0].role == GROUP_NORMAL);
	assert_true(page[1].account == 3 && page[1].hides && page[1].joined == 77);
	assert_true(page[2].account == 4 && page[2].role == GROUP_CREATOR && !page[2].hides && page[2].joined == 0);
	assert_int_equal(member_page(db, 1, group, 4, 3, &page, &more), 0);
	assert_true(!more && page.size() == 3);
	assert_true(page[0].account == 5 && page[0].role == GROUP_ADMIN && !page[0].hides);
	assert_true(page[1].account == 8 && page[2].account == 9);
	assert_int_equal(member_page(db, 1, group, 9, 3, &page, &more), 0);
	assert_true(!more && page.empty());
	assert_int_equal(member_page(db, 2, group, 0, 3, &page, &more), MODEL_NOT_MEMBER);
	assert_int_equal(member_page(db, 6, group, 0, 3, &page, &more), MODEL_NOT_MEMBER);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(every_request_of_everybody_about_everybody_does_what_its_role_permits),
		TEST(a_group_that_has_ended_is_no_group_for_anybody),
		TEST(the_last_entry_of_a_member_is_the_one_that_removes_it),
		TEST(handing_over_makes_one_creator_and_ends_the_mute_of_it),
		TEST(a_mute_that_is_over_is_none),
		TEST(a_group_changes_what_is_asked_and_keeps_the_rest),
		TEST(an_invitation_is_used_up_by_joining_and_an_admins_ends_a_ban),
		TEST(who_blocks_is_not_invited),
		TEST(who_refuses_strangers_is_invited_by_whom_it_lists),
		TEST(a_hundred_invitations_are_the_most_of_a_group_and_of_an_account),
		TEST(members_come_by_pages_without_those_who_left),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
