/* SPDX-License-Identifier: MIT
 * Tests the model of tokens: the keys, and what makes the tokens of an account void. */
#include "plugins/model/devices.h"
#include "plugins/model/tokens.h"
#include "test_model.h"

constexpr int64_t day = INT64_C(24) * 3600 * 1000;

static std::string bytes_of(char c)
{
	std::string bytes(32, c);

	bytes[7] = '\0';
	return bytes;
}

static token_secrets renew(cs_db *db, char c, int64_t now)
{
	token_secrets secrets;

	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(token_secrets_renew(db, bytes_of(c), now, now - 10 * day, now - 20 * day, &secrets), 0);
	assert_int_equal(db->driver->commit(db), 0);
	return secrets;
}

static void keys_are_made_when_they_are_due_and_kept_for_their_tokens(void **state)
{
	cs_db *db = model_db(state);
	token_secrets secrets;

	assert_int_equal(token_secrets_read(db, &secrets), 0);
	assert_true(secrets.keys.empty() && !secrets.store.empty());
	const std::string store = secrets.store;
	assert_int_equal(renew(db, 'a', 100 * day).keys.size(), 1);
	secrets = renew(db, 'b', 109 * day); /* not due yet */
	assert_int_equal(secrets.keys.size(), 1);
	assert_true(secrets.keys[0].bytes == bytes_of('a') && secrets.keys[0].number == 1);
	assert_int_equal(secrets.keys[0].created, 100 * day);
	secrets = renew(db, 'c', 111 * day);
	assert_int_equal(secrets.keys.size(), 2);
	assert_true(secrets.keys[0].number == 2 && secrets.keys[0].bytes == bytes_of('c'));
	assert_true(secrets.keys[1].number == 1 && secrets.keys[1].bytes == bytes_of('a'));
	(void)renew(db, 'd', 125 * day);
	assert_int_equal(token_secrets_read(db, &secrets), 0);
	assert_int_equal(secrets.keys.size(), 3); /* the second is 14 days old: tokens of the first may live */
	(void)renew(db, 'e', 132 * day);
	assert_int_equal(token_secrets_read(db, &secrets), 0);
	assert_int_equal(secrets.keys.size(), 2);
	assert_true(secrets.keys[0].number == 3 && secrets.keys[1].number == 2);
	assert_string_equal(secrets.store.c_str(), store.c_str());
}

/* In MariaDB two connections at once, each of which has looked before the other one was done. */
static void two_that_make_a_key_at_once_have_the_same(void **state)
{
	const model_fixture *f = static_cast<model_fixture *>(*state);
	cs_db *db = f->db, *other = nullptr;
	token_secrets mine, theirs;
	bool there = false;

	if (!mariadb_wanted())
		return;
	other = database_open(&f->database);
	assert_int_equal(db->driver->begin(db), 0);
	/* This transaction sees the store as it is now. */
	assert_int_equal(db->driver->query(db, "SELECT 1 FROM token_key", nullptr, 0, nullptr, &there), 0);
	assert_int_equal(other->driver->begin(other), 0);
	assert_int_equal(token_secrets_renew(other, bytes_of('t'), day, 0, 0, &theirs), 0);
	assert_int_equal(other->driver->commit(other), 0);
	assert_int_equal(token_secrets_renew(db, bytes_of('m'), day, 0, 0, &mine), 0);
	assert_int_equal(db->driver->commit(db), 0);
	assert_int_equal(mine.keys.size(), 1);
	assert_true(mine.keys[0].bytes == theirs.keys[0].bytes && mine.keys[0].bytes == bytes_of('t'));
	other->driver->close(other);
}

static device_login log_in(cs_db *db, uint64_t account, const char *name, uint64_t series, int64_t token_number = -1)
{
	device_login login;
	device_login *one = &login;

	login.user.account = account;
	login.name = name;
	login.now = 91 * day;
	login.most = 3;
	login.series = series;
	login.by_token = token_number >= 0;
	login.token_number = login.by_token ? static_cast<uint64_t>(token_number) : 0;
	assert_int_equal(device_log_in(db, {&one, 1}), 0);
	return login;
}

static void a_new_password_voids_the_tokens_of_all_devices_and_needs_the_hash_of_the_old_one(void **state)
{
	cs_db *db = model_db(state);
	user_series series;
	user found;

	assert_int_equal(log_in(db, 1, "phone", 0).number, 1);
	assert_false(log_in(db, 1, "phone", 0, 1).is_void);
	assert_false(log_in(db, 1, "", 0, 0).is_void);
	assert_int_equal(user_set_password(db, 1, "another", "new", &series), MODEL_NONE);
	assert_int_equal(user_set_password(db, 1, "hash", "new", &series), 0);
	assert_int_equal(series.all, 1);
	assert_int_equal(user_set_password(db, 1, "hash", "newer", &series), MODEL_NONE);
	assert_int_equal(user_set_hash(db, 1, "hash", "newer"), MODEL_NONE);
	assert_int_equal(user_find(db, 1, &found), 0);
	assert_string_equal(found.password.c_str(), "new");
	assert_int_equal(found.series.all, 1);
	for (const char *name : {"phone", ""}) {
		assert_true(log_in(db, 1, name, 0).is_void);
		assert_true(log_in(db, 1, name, 0, name[0] ? 1 : 0).is_void);
		assert_false(log_in(db, 1, name, 1, name[0] ? 1 : 0).is_void);
	}
	assert_int_equal(user_find(db, 2, &found), 0);
	assert_int_equal(found.series.all, 0);
}

static void the_end_of_a_device_voids_its_tokens_and_no_others(void **state)
{
	cs_db *db = model_db(state);
	uint64_t number = 0;
	user found;

	assert_int_equal(log_in(db, 1, "phone", 0).number, 1);
	assert_int_equal(log_in(db, 1, "desk", 0).number, 2);
	assert_int_equal(log_in(db, 1, "", 0).number, 0);
	assert_int_equal(device_forget(db, 1, "phone", &number), 0);
	assert_true(log_in(db, 1, "phone", 0, 1).is_void);
	assert_int_equal(database_number(db, "SELECT count(*) FROM device WHERE name = 'phone'"), 0);
	assert_int_equal(log_in(db, 1, "phone", 0).number, 3);
	assert_true(log_in(db, 1, "phone", 0, 1).is_void);
	assert_true(log_in(db, 1, "desk", 0, 3).is_void);
	assert_false(log_in(db, 1, "desk", 0, 2).is_void);
	assert_int_equal(device_forget(db, 1, "", &number), 0);
	assert_int_equal(user_find(db, 1, &found), 0);
	assert_int_equal(user_series_of(found.series, false), 1);
	assert_int_equal(user_series_of(found.series, true), 0);
	assert_true(log_in(db, 1, "", 0, 0).is_void);
	assert_false(log_in(db, 1, "desk", 0, 2).is_void);
	assert_int_equal(log_in(db, 99, "", 0, 0).user.generation, 0);
}

static void sessions_that_must_end_are_found(void **state)
{
	cs_db *db = model_db(state);
	user_series series;
	uint64_t number = 0;
	const device_session sessions[] = {{{1, 0}, 0}, {{1, 1}, 0}, {{2, 0}, 0},  {{2, 1}, 0}, {{3, 0}, 0},
	                                   {{3, 1}, 0}, {{3, 2}, 0}, {{99, 0}, 0}, {{4, 0}, 0}, {{4, 0}, 1}};
	const std::vector<unsigned char> expected = {1, 1, 1, 0, 0, 1, 0, 1, 0, 1};
	std::vector<unsigned char> is_over;

	for (const uint64_t account : {1, 2, 3})
		for (const char *name : {"", "phone"})
			(void)log_in(db, account, name, 0);
	(void)log_in(db, 3, "desk", 0);
	assert_int_equal(user_set_password(db, 1, "hash", "new", &series), 0);
	assert_int_equal(device_forget(db, 2, "", &number), 0);
	assert_int_equal(device_forget(db, 3, "phone", &number), 0);
	assert_int_equal(device_over(db, sessions, &is_over), 0);
	assert_true(is_over == expected);
	for (size_t i = 0; i < std::size(sessions); i++) {
		bool one = false;

		assert_int_equal(device_session_over(db, sessions[i], &one), 0);
		assert_int_equal(one, expected[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_are_made_when_they_are_due_and_kept_for_their_tokens, model_set_up,
	                                        model_tear_down),
		cmocka_unit_test_setup_teardown(two_that_make_a_key_at_once_have_the_same, model_set_up,
	                                        model_tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_password_voids_the_tokens_of_all_devices_and_needs_the_hash_of_the_old_one, model_set_up,
			model_tear_down),
		cmocka_unit_test_setup_teardown(the_end_of_a_device_voids_its_tokens_and_no_others, model_set_up,
	                                        model_tear_down),
		cmocka_unit_test_setup_teardown(sessions_that_must_end_are_found, model_set_up, model_tear_down),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
