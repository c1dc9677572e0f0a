/* SPDX-License-Identifier: MIT
 * Tests the model of devices: their numbers, what makes room, and where a new one begins. */
#include "plugins/model/devices.h"
#include "plugins/model/groups.h"
#include "test_model.h"

constexpr int64_t day = INT64_C(24) * 3600 * 1000;

static device_login log_in(cs_db *db, uint64_t account, const char *name, int64_t now,
                           const std::vector<device_row> &offline = {}, size_t most = 3)
{
	device_login login;
	device_login *one = &login;

	login.user.account = account;
	login.name = name;
	login.now = now;
	login.most = most;
	login.forgotten = now - 90 * day;
	login.offline = offline;
	assert_int_equal(device_log_in(db, {&one, 1}), 0);
	return login;
}

static void a_device_keeps_its_number_and_each_login_has_a_generation(void **state)
{
	cs_db *db = model_db(state);
	const device_login first = log_in(db, 1, "phone", day), second = log_in(db, 1, "phone", 2 * day);
	std::vector<device_row> devices;

	assert_int_equal(first.number, 1);
	assert_int_equal(second.number, 1);
	assert_true(second.user.generation > first.user.generation);
	assert_int_equal(log_in(db, 1, "", 3 * day).number, 0);
	assert_int_equal(log_in(db, 2, "phone", 3 * day).number, 1);
	assert_int_equal(device_list(db, 1, &devices), 0);
	assert_int_equal(devices.size(), 2);
	for (const device_row &device : devices)
		assert_int_equal(device.last_seen, device.number == 0 ? 3 * day : 2 * day);
	assert_int_equal(log_in(db, 99, "phone", day).user.generation, 0);
	assert_int_equal(device_list(db, 99, &devices), 0);
	assert_int_equal(devices.size(), 0);
}

static void the_one_that_is_offline_and_unseen_longest_makes_room(void **state)
{
	cs_db *db = model_db(state);

	(void)log_in(db, 1, "", 1);
	for (const char *name : {"a", "b", "c"})
		(void)log_in(db, 1, name, 1 + name[0]);
	device_login login = log_in(db, 1, "d", 200);

	assert_true(login.full);
	assert_int_equal(login.named.size(), 3);
	assert_int_equal(login.number, 0);
	login = log_in(db, 1, "d", 200, {{3, "c", 1 + 'c'}, {2, "b", 1 + 'b'}});
	assert_false(login.full);
	assert_int_equal(login.number, 4);
	assert_true(login.ended == std::vector<uint64_t>({2}));
	/* Its number does not come back with its name. */
	assert_int_equal(log_in(db, 1, "b", 201, {{1, "a", 1 + 'a'}}).number, 5);
}

static void several_make_room_where_fewer_are_allowed_than_before(void **state)
{
	cs_db *db = model_db(state);
	std::vector<device_row> devices;

	for (const char *name : {"a", "b", "c"})
		(void)log_in(db, 1, name, name[0]);
	device_login login = log_in(db, 1, "d", 200, {{1, "a", 'a'}, {3, "c", 'c'}}, 1);

	assert_true(login.full);
	assert_true(login.ended.empty());
	login = log_in(db, 1, "d", 200, {{1, "a", 'a'}, {3, "c", 'c'}}, 2);
	assert_false(login.full);
	assert_true(login.ended == std::vector<uint64_t>({1, 3}));
	assert_int_equal(device_list(db, 1, &devices), 0);
	assert_int_equal(devices.size(), 2);
}

static void a_device_that_has_logged_in_since_makes_no_room(void **state)
{
	cs_db *db = model_db(state);
	const device_row old = {1, "a", 100};

	(void)log_in(db, 1, "a", 100);
	(void)log_in(db, 1, "a", 50); /* on a node whose clock is behind */
	const device_login login = log_in(db, 1, "b", 200, {old}, 1);

	assert_true(login.full);
	assert_true(login.ended.empty());
	assert_int_equal(log_in(db, 1, "a", 201).number, 1);
}

static void a_device_that_logs_in_in_the_same_batch_makes_no_room(void **state)
{
	cs_db *db = model_db(state);
	device_login fresh, known;
	device_login *both[] = {&fresh, &known};

	(void)log_in(db, 1, "a", 100);
	fresh.user.account = known.user.account = 1;
	fresh.now = known.now = 200;
	fresh.most = known.most = 1;
	fresh.name = "b";
	fresh.offline = {{1, "a", 100}};
	known.name = "a";
	assert_int_equal(device_log_in(db, both), 0);
	assert_true(fresh.full);
	assert_int_equal(known.number, 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM device"), 1);
}

static void new_devices_of_one_batch_begin_at_the_end_each(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(2, 1), to_user(1, 3)};
	std::vector<message_news> news;
	device_login logins[3];
	device_login *all[] = {&logins[0], &logins[1], &logins[2]};

	assert_int_equal(append(db, &items), 0);
	for (device_login *login : all) {
		login->user.account = 1;
		login->name = check_format("device %d", static_cast<int>(login - logins));
		login->now = day;
		login->most = 3;
	}
	assert_int_equal(device_log_in(db, all), 0);
	for (const device_login &login : logins) {
		assert_int_equal(message_news_list(db, {1, login.number}, &news), 0);
		assert_int_equal(news.size(), 0);
	}
	assert_int_equal(database_number(db, "SELECT count(*) FROM device"), 3);
}

/* Three a minute: each uses 20 s of it. */
static device_login log_in_soon(cs_db *db, const char *name, int64_t now)
{
	device_login login;
	device_login *one = &login;

	login.user.account = 1;
	login.name = name;
	login.now = now;
	login.most = 60;
	login.share = 20000;
	assert_int_equal(device_log_in(db, {&one, 1}), 0);
	assert_true(login.user.generation > 0);
	assert_true((login.wait_ms > 0) == (login.number == 0));
	return login;
}

static void an_account_has_few_new_devices_in_a_minute(void **state)
{
	cs_db *db = model_db(state);
	std::vector<device_row> devices;

	for (const char *name : {"a", "b", "c"})
		assert_int_equal(log_in_soon(db, name, day).wait_ms, 0);
	assert_int_equal(log_in_soon(db, "d", day).wait_ms, 20000);
	assert_int_equal(log_in_soon(db, "d", day + 19000).wait_ms, 1000);
	assert_int_equal(device_list(db, 1, &devices), 0);
	assert_int_equal(devices.size(), 3);
	/* Those that are known come and go. */
	assert_int_equal(log_in_soon(db, "a", day).number, 1);
	assert_int_equal(log_in_soon(db, "d", day + 20000).number, 4);
	assert_int_equal(log_in_soon(db, "e", day + 20000).wait_ms, 20000);
	/* To end one makes no room for another. */
	uint64_t number;
	assert_int_equal(device_forget(db, 1, "d", &number), 0);
	assert_int_equal(log_in_soon(db, "e", day + 20000).wait_ms, 20000);
	/* The clock of the node that wrote it was ahead: a little, then far. */
	assert_int_equal(log_in_soon(db, "e", day - 20000).wait_ms, 60000);
	assert_true(log_in(db, 1, "unbounded", day - 20000, {}, 60).number > 0);
	assert_int_equal(log_in_soon(db, "e", day - 3600000).wait_ms, 0);
}

static void a_device_that_was_unseen_for_long_is_forgotten(void **state)
{
	cs_db *db = model_db(state);

	(void)log_in(db, 1, "", 0);
	(void)log_in(db, 1, "old", 0);
	(void)log_in(db, 1, "seen", 0);
	const message_reader seen = {1, 2};
	assert_int_equal(device_note_seen(db, {&seen, 1}, 30 * day), 0);
	const device_login login = log_in(db, 1, "new", 91 * day);
	std::vector<device_row> devices;

	assert_true(login.ended == std::vector<uint64_t>({1}));
	assert_int_equal(device_list(db, 1, &devices), 0);
	assert_int_equal(devices.size(), 3); /* device 0 is never forgotten */
	const device_session both[] = {{{1, 1}, 0}, {{1, 2}, 0}};
	std::vector<unsigned char> is_over;
	assert_int_equal(device_over(db, both, &is_over), 0);
	assert_true(is_over == std::vector<unsigned char>({1, 0}));
}

static void a_new_device_begins_at_the_end_and_a_forgotten_one_leaves_no_cursor(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items;
	std::vector<message_append *> pointers;
	std::vector<message_news> news;
	uint64_t group = 0, joined = 0, number = 99;

	assert_int_equal(group_create(db, 2, "g", "", &group), 0);
	assert_int_equal(group_join(db, 1, group, &joined), 0);
	for (int i = 0; i < 3; i++) {
		items.push_back({.kind = CONVERSATION_PAIR, .sender = 2, .to = 1, .body = "{}"});
		items.push_back({.kind = CONVERSATION_PAIR, .sender = 1, .to = 1, .body = "{}"});
		items.push_back({.kind = CONVERSATION_GROUP, .sender = 2, .to = group, .body = "{}"});
	}
	for (message_append &item : items)
		pointers.push_back(&item);
	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(message_append_all(db, pointers, false), 0);
	assert_int_equal(db->driver->commit(db), 0);
	assert_int_equal(log_in(db, 1, "phone", day).number, 1);
	assert_int_equal(message_news_list(db, {1, 1}, &news), 0);
	assert_int_equal(news.size(), 0);
	assert_int_equal(message_news_list(db, {1, 0}, &news), 0);
	assert_int_equal(news.size(), 3);
	assert_int_equal(device_forget(db, 1, "phone", &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM `cursor`"), 0);
	assert_int_equal(device_forget(db, 1, "phone", &number), MODEL_NONE);
	/* What its session stored too late goes with the next new device. */
	const message_cursor late = {{1, 1}, items[0].conversation, 2};
	assert_int_equal(message_cursor_store(db, {&late, 1}), 0);
	assert_int_equal(log_in(db, 1, "desk", day).number, 2);
	assert_int_equal(database_number(db, "SELECT count(*) FROM `cursor` WHERE device = 1"), 0);
	assert_int_equal(database_number(db, "SELECT count(*) FROM `cursor` WHERE device = 2"), 3);
	assert_int_equal(log_in(db, 1, "", day).number, 0);
	assert_int_equal(device_forget(db, 1, "", &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(database_number(db, "SELECT count(*) FROM device WHERE number = 0"), 1);
}

static void the_store_has_a_text(void **state)
{
	std::string id, again;

	assert_int_equal(device_store_id(model_db(state), &id), 0);
	assert_int_equal(device_store_id(model_db(state), &again), 0);
	assert_int_equal(id.size(), 32);
	assert_true(id == again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_keeps_its_number_and_each_login_has_a_generation),
		TEST(the_one_that_is_offline_and_unseen_longest_makes_room),
		TEST(several_make_room_where_fewer_are_allowed_than_before),
		TEST(a_device_that_has_logged_in_since_makes_no_room),
		TEST(a_device_that_logs_in_in_the_same_batch_makes_no_room),
		TEST(new_devices_of_one_batch_begin_at_the_end_each),
		TEST(a_device_that_was_unseen_for_long_is_forgotten),
		TEST(an_account_has_few_new_devices_in_a_minute),
		TEST(a_new_device_begins_at_the_end_and_a_forgotten_one_leaves_no_cursor),
		TEST(the_store_has_a_text),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
