/* SPDX-License-Identifier: MIT
 * Tests the model of accounts, friends and groups. */
#include "test_model.h"

static void a_user_is_found_as_inserted(void **state)
{
	cs_db *db = model_db(state);
	user found;
	uint64_t id = 0;

	assert_int_equal(user_insert(db, "gāo yáng '; --", "$argon2id$x", 77, &id), 0);
	assert_int_equal(user_find(db, id, &found), 0);
	assert_true(found.id == id);
	assert_true(found.name == "gāo yáng '; --");
	assert_true(found.password == "$argon2id$x");
}

static void an_unknown_user_is_none(void **state)
{
	user found;

	assert_int_equal(user_find(model_db(state), 99, &found), MODEL_NONE);
	assert_int_equal(user_find(model_db(state), 0, &found), MODEL_NONE);
	assert_int_equal(user_set_hash(model_db(state), 99, "hash", "x"), MODEL_NONE);
	user_series series;
	assert_int_equal(user_set_password(model_db(state), 99, "hash", "x", &series), MODEL_NONE);
}

static void names_are_found_for_accounts_that_exist(void **state)
{
	const std::vector<uint64_t> accounts = {3, 99, 1, 3};
	std::map<uint64_t, std::string> names = {{7, "old"}};

	assert_int_equal(user_names(model_db(state), accounts, &names), 0);
	assert_int_equal(names.size(), 2);
	assert_true(names[1] == "user 1" && names[3] == "user 3");
	assert_int_equal(user_names(model_db(state), {}, &names), 0);
	assert_int_equal(names.size(), 0);
}

static void a_taken_name_is_taken_by_its_bytes(void **state)
{
	cs_db *db = model_db(state);
	uint64_t id = 0;

	assert_int_equal(user_insert(db, "user 1", "x", 0, &id), MODEL_TAKEN);
	assert_int_equal(user_insert(db, "User 1", "x", 0, &id), 0);
}

static void an_id_never_comes_back(void **state)
{
	cs_db *db = model_db(state);
	uint64_t id = 0;

	assert_int_equal(database_run(db, "DELETE FROM account WHERE id = 9"), 0);
	assert_int_equal(user_insert(db, "another", "x", 0, &id), 0);
	assert_int_equal(id, 10);
}

static void a_password_is_replaced(void **state)
{
	cs_db *db = model_db(state);
	user found;

	assert_int_equal(user_set_hash(db, 3, "hash", "new"), 0);
	assert_int_equal(user_set_hash(db, 3, "hash", "newer"), MODEL_NONE);
	assert_int_equal(user_find(db, 3, &found), 0);
	assert_true(found.password == "new");
	assert_int_equal(user_find(db, 4, &found), 0);
	assert_true(found.password == "hash");
}

static void each_login_gets_a_generation_above_all_before(void **state)
{
	cs_db *db = model_db(state);
	user_login logins[5];
	user_login *pointers[] = {&logins[0], &logins[1], &logins[2], &logins[3], &logins[4]};
	const uint64_t accounts[] = {7, 2, 7, 99, 7};

	for (size_t i = 0; i < 5; i++)
		logins[i].account = accounts[i];
	logins[3].generation = 5;

	assert_int_equal(user_next_generations(db, {pointers, 2}), 0);
	assert_true(logins[0].generation == 1 && logins[1].generation == 1);
	assert_int_equal(user_next_generations(db, pointers), 0);
	assert_int_equal(logins[1].generation, 2);
	assert_true(logins[0].generation == 2 && logins[2].generation == 3 && logins[4].generation == 4);
	assert_int_equal(logins[3].generation, 0);
	assert_int_equal(user_next_generations(db, {}), 0);
}

static void friends_are_one_way_and_in_order(void **state)
{
	cs_db *db = model_db(state);
	std::vector<friend_entry> friends(3);

	assert_int_equal(friend_add(db, 1, 5), 0);
	assert_int_equal(friend_add(db, 1, 2), 0);
	assert_int_equal(friend_add(db, 1, 5), 0);
	assert_int_equal(friend_add(db, 1, 99), MODEL_NONE);
	assert_int_equal(friend_list(db, 1, &friends), 0);
	assert_int_equal(friends.size(), 2);
	assert_true(friends[0].id == 2 && friends[0].name == "user 2");
	assert_true(friends[1].id == 5 && friends[1].name == "user 5");
	assert_int_equal(friend_list(db, 5, &friends), 0);
	assert_int_equal(friends.size(), 0);
}

static void a_group_is_listed_with_every_member(void **state)
{
	cs_db *db = model_db(state);
	std::vector<group_entry> groups;
	uint64_t first = 0, second = 0, joined = 9;

	assert_int_equal(group_create(db, 4, "c++", "talk", &first), 0);
	assert_int_equal(group_create(db, 2, "sql", "", &second), 0);
	assert_int_equal(group_join(db, 2, first, &joined), 0);
	assert_int_equal(joined, 0);
	assert_int_equal(group_list(db, 2, &groups), 0);
	assert_int_equal(groups.size(), 2);
	assert_true(groups[0].id == first && groups[0].name == "c++" && groups[0].description == "talk");
	assert_int_equal(groups[0].members.size(), 2);
	assert_true(groups[0].members[0].id == 2 && groups[0].members[0].role == GROUP_NORMAL);
	assert_true(groups[0].members[1].id == 4 && groups[0].members[1].role == GROUP_CREATOR);
	assert_true(groups[0].members[1].name == "user 4");
	assert_int_equal(groups[1].members.size(), 1);
	assert_int_equal(group_list(db, 4, &groups), 0);
	assert_int_equal(groups.size(), 1);
	assert_int_equal(group_list(db, 9, &groups), 0);
	assert_int_equal(groups.size(), 0);
}

static void group_names_are_unique_and_joining_twice_is_told(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, other = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	assert_int_equal(group_create(db, 2, "c++", "", &other), MODEL_TAKEN);
	assert_int_equal(group_join(db, 1, group, &joined), MODEL_TAKEN);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(group_join(db, 2, group, &joined), MODEL_TAKEN);
	assert_int_equal(group_join(db, 2, group + 1, &joined), MODEL_NONE);
}

static void a_full_list_takes_no_more_friends(void **state)
{
	cs_db *db = model_db(state);
	std::vector<friend_entry> friends;

	assert_int_equal(friend_add(db, 1, 2, 2), 0);
	assert_int_equal(friend_add(db, 1, 3, 2), 0);
	for (const uint64_t again : {2, 3})
		assert_int_equal(friend_add(db, 1, again, 2), 0);
	assert_int_equal(friend_add(db, 1, 3, 1), 0); /* the limit was lowered */
	assert_int_equal(friend_add(db, 1, 99, 2), MODEL_NONE);
	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(friend_add(db, 1, 4, 2), MODEL_FULL);
	db->driver->rollback(db);
	assert_int_equal(friend_list(db, 1, &friends), 0);
	assert_int_equal(friends.size(), 2);
	assert_int_equal(friend_add(db, 1, 4, 0), 0);
	assert_int_equal(friend_add(db, 2, 1, 1), 0);
}

static void accounts_and_groups_get_full(void **state)
{
	cs_db *db = model_db(state);
	uint64_t first = 0, second = 0, third = 0, joined = 99;

	assert_int_equal(group_create(db, 1, "a", "", &first, {2, 2}), 0);
	assert_int_equal(group_create(db, 2, "b", "", &second, {2, 2}), 0);
	assert_int_equal(group_join(db, 1, second, &joined, {2, 2}), 0);
	assert_int_equal(joined, 0);
	assert_int_equal(group_join(db, 1, second, &joined, {1, 1}), MODEL_TAKEN);
	assert_int_equal(group_create(db, 3, "a", "", &third, {2, 2}), MODEL_TAKEN);
	for (const auto &[account, result] : {std::pair{uint64_t{1}, MODEL_FULL}, {uint64_t{3}, MODEL_GROUP_FULL}}) {
		assert_int_equal(db->driver->begin(db), 0);
		assert_int_equal(account == 1 ? group_create(db, account, "c", "", &third, {2, 2})
		                              : group_join(db, account, second, &joined, {2, 2}),
		                 result);
		db->driver->rollback(db);
		assert_int_equal(group_find_member(db, account, second, &joined), account == 1 ? 0 : MODEL_NOT_MEMBER);
	}
	assert_int_equal(group_join(db, 3, second, &joined, {0, 0}), 0);
	assert_int_equal(group_create(db, 1, "c", "", &third, {0, 0}), 0);
}

static void a_member_joins_after_what_was_said(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items = {to_group(1, group), to_group(1, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(joined, 2);
	joined = 0;
	assert_int_equal(group_find_member(db, 2, group, &joined), 0);
	assert_int_equal(joined, 2);
	assert_int_equal(group_find_member(db, 1, group, &joined), 0);
	assert_int_equal(joined, 0);
	assert_int_equal(group_find_member(db, 3, group, &joined), MODEL_NOT_MEMBER);
	assert_int_equal(group_find_member(db, 3, 99, &joined), MODEL_NONE);
}

static void a_pair_is_no_group(void **state)
{
	cs_db *db = model_db(state);
	uint64_t joined = 0;
	std::vector<message_append> items = {to_user(1, 2)};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_join(db, 3, items[0].conversation, &joined), MODEL_NONE);
	assert_int_equal(group_find_member(db, 1, items[0].conversation, &joined), MODEL_NONE);
}

/* MariaDB: accounts are locked before conversations, so two writers cannot wait for each other. An entry that waits for
 * its account has not locked the group yet. */
static void an_entry_that_waits_for_its_account_lets_others_write_to_the_group(void **state)
{
	model_fixture *f = static_cast<model_fixture *>(*state);
	cs_db *writer = f->db, *other = database_open(&f->database);
	uint64_t group = 0;

	assert_int_equal(group_create(writer, 1, "c++", "", &group), 0);
	message_append item = to_group(1, group), event = event_to(CONVERSATION_GROUP, 1, group);
	message_append *const items[] = {&item}, *const events[] = {&event};
	event.lock = 2;
	assert_int_equal(writer->driver->begin(writer), 0);
	assert_int_equal(user_lock(writer, 2), 0);
	assert_int_equal(other->driver->begin(other), 0);
	assert_int_equal(message_append_all(other, events, false), CS_DB_RETRY);
	assert_int_equal(message_append_all(writer, items, false), 0);
	assert_int_equal(writer->driver->commit(writer), 0);
	other->driver->rollback(other);
	assert_int_equal(other->driver->begin(other), 0);
	assert_int_equal(message_append_all(other, events, false), 0);
	assert_int_equal(event.seq, 2);
	assert_int_equal(other->driver->commit(other), 0);
	other->driver->close(other);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_user_is_found_as_inserted),
		TEST(an_unknown_user_is_none),
		TEST(names_are_found_for_accounts_that_exist),
		TEST(a_taken_name_is_taken_by_its_bytes),
		TEST(an_id_never_comes_back),
		TEST(a_password_is_replaced),
		TEST(each_login_gets_a_generation_above_all_before),
		TEST(friends_are_one_way_and_in_order),
		TEST(a_group_is_listed_with_every_member),
		TEST(group_names_are_unique_and_joining_twice_is_told),
		TEST(a_full_list_takes_no_more_friends),
		TEST(accounts_and_groups_get_full),
		TEST(a_member_joins_after_what_was_said),
		TEST(a_pair_is_no_group),
	};

	/* SQLite has one writer. */
	const CMUnitTest mariadb_tests[] = {
		TEST(an_entry_that_waits_for_its_account_lets_others_write_to_the_group),
	};

	if (mariadb_wanted() && cmocka_run_group_tests(mariadb_tests, nullptr, nullptr))
		return 1;
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
