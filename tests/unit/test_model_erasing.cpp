/* SPDX-License-Identifier: MIT
 * Tests that an account that is erased leaves nothing of what it said, and every entry its number. */
#include <functional>

#include "test_model.h"

#include "plugins/model/accounts.h"
#include "plugins/model/devices.h"
#include "plugins/model/edits.h"
#include "plugins/model/erasing.h"
#include "plugins/model/history.h"
#include "plugins/model/push_erase.h"
#include "plugins/model/roles.h"
#include "plugins/shared/object.h"

static message_append said(message_append item, const std::string &body)
{
	static std::vector<std::unique_ptr<std::string>> bodies;

	bodies.push_back(std::make_unique<std::string>(body));
	item.body = *bodies.back();
	return item;
}

static message_append chat(uint64_t from, uint64_t to, const std::string &text, std::string_view cid = {})
{
	return said(to_user(from, to, cid), R"({"msgid":6,"id":)" + std::to_string(from) + R"(,"name":"user )" +
	                                            std::to_string(from) + R"(","toid":)" + std::to_string(to) +
	                                            R"(,"msg":")" + text +
	                                            R"(","time":"2026-11-30 12:00:00","reply":"private"})");
}

static uint64_t store(cs_db *db, std::vector<message_append> items)
{
	assert_int_equal(append(db, &items), 0);
	for (const message_append &item : items)
		assert_int_equal(item.outcome, 0);
	return items[0].conversation;
}

static int in_transaction(cs_db *db, const std::function<int(void)> &fn)
{
	assert_int_equal(db->driver->begin(db), 0);
	const int result = fn();
	assert_int_equal(result < 0, 0);
	if (result)
		db->driver->rollback(db);
	else
		assert_int_equal(db->driver->commit(db), 0);
	return result;
}

static int begin(cs_db *db, uint64_t account)
{
	return in_transaction(db, [=] { return erasing_begin(db, account); });
}

static erasing_step step_once(cs_db *db, size_t most, size_t most_own)
{
	erasing_step step;

	assert_int_equal(erasing_find(db, &step.row), 0);
	step.most = most;
	step.most_own = most_own;
	step.plugins_asked = true;
	assert_int_equal(in_transaction(db, [&] { return erasing_run(db, &step); }), 0);
	return step;
}

/* Leaves its groups as the server does, without the entries. The number of entries that were blanked. */
static size_t erase(cs_db *db, uint64_t account, size_t most = 1000, size_t most_own = 200)
{
	size_t blanked = 0;

	assert_int_equal(begin(db, account), 0);
	for (;;) {
		const erasing_step step = step_once(db, most, most_own);
		const group_act act = {account, step.group, 1000, 1};
		bool left = false;

		blanked += step.blanked;
		assert_true(step.blanked <= most_own);
		if (step.ended)
			return blanked;
		if (step.heir)
			assert_int_equal(
				in_transaction(db, [&] { return group_set_role(db, act, step.heir, GROUP_CREATOR); }),
				0);
		if (step.group)
			assert_int_equal(
				in_transaction(db, [&] { return group_remove_member(db, act, account, false, &left); }),
				0);
	}
}

static std::vector<message_row> rows_of(cs_db *db, uint64_t conversation)
{
	std::vector<message_row> rows;

	assert_int_equal(message_read(db, conversation, 0, 10000, &rows), 0);
	return rows;
}

static bool has(const std::string &text, const char *part)
{
	return text.find(part) != std::string::npos;
}

static void what_it_said_is_blank_and_every_entry_keeps_its_number(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t pair =
		store(db, {chat(1, 2, "secret one", "c1"), chat(2, 1, "answer"), chat(1, 2, "secret two")});
	const uint64_t note = store(db, {chat(1, 1, "note to myself")});
	const uint64_t others = store(db, {chat(2, 3, "not its business")});

	assert_int_equal(erase(db, 1), 3);
	const std::vector<message_row> rows = rows_of(db, pair);
	assert_int_equal(rows.size(), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(rows[i].seq, i + 1);
		assert_int_equal(rows[i].kind, ENTRY_MESSAGE);
		assert_int_equal(rows[i].sender, i == 1 ? 2 : 1);
		assert_int_equal(rows[i].created, 5000);
	}
	assert_string_equal(rows[0].body.c_str(),
	                    R"({"msgid":6,"id":1,"name":"erased 1","toid":2,"msg":"","time":"2026-11-30 12:00:00"})");
	assert_true(has(rows[1].body, "answer") && has(rows[1].body, "user 2"));
	assert_false(has(rows[2].body, "secret") || has(rows[2].body, "private") || has(rows[2].body, "user 1"));
	assert_false(has(rows_of(db, note)[0].body, "myself"));
	assert_true(has(rows_of(db, others)[0].body, "not its business"));
}

static void steps_are_short_and_an_interrupted_one_is_done_again(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items;
	size_t blanked = 0;
	int steps = 0;

	for (int i = 0; i < 25; i++) {
		items.push_back(chat(1, 2, "secret"));
		items.push_back(chat(2, 1, "answer"));
	}
	const uint64_t pair = store(db, items);
	(void)store(db, {chat(1, 3, "secret")});
	assert_int_equal(begin(db, 1), 0);
	for (bool ended = false; !ended; steps++) {
		erasing_step lost;

		assert_int_equal(erasing_find(db, &lost.row), 0);
		lost.most = 7;
		lost.most_own = 3;
		lost.plugins_asked = true;
		assert_int_equal(db->driver->begin(db), 0);
		assert_int_equal(erasing_run(db, &lost), 0);
		db->driver->rollback(db);
		const erasing_step step = step_once(db, 7, 3);
		assert_true(step.blanked <= 3);
		assert_int_equal(step.blanked, lost.blanked);
		blanked += step.blanked;
		ended = step.ended;
	}
	assert_int_equal(blanked, 26);
	assert_true(steps >= 8);
	for (const message_row &row : rows_of(db, pair))
		assert_true(has(row.body, row.sender == 1 ? R"("msg":"")" : "answer"));
}

static void only_one_node_at_a_time_does_a_step(void **state)
{
	cs_db *db = model_db(state);
	erasing_step first, second;

	assert_int_equal(begin(db, 1), 0);
	assert_int_equal(begin(db, 1), 0); /* again is harmless */
	assert_int_equal(erasing_find(db, &first.row), 0);
	second.row = first.row;
	first.most = second.most = first.most_own = second.most_own = 10;
	first.until = second.until = 9000;
	first.plugins_asked = second.plugins_asked = true;
	assert_int_equal(in_transaction(db, [&] { return erasing_run(db, &first); }), 0);
	assert_int_equal(in_transaction(db, [&] { return erasing_run(db, &second); }), MODEL_NONE);
	assert_true(first.ended);
	assert_int_equal(erasing_find(db, &first.row), MODEL_NONE);
	assert_int_equal(begin(db, 1), MODEL_TAKEN);
	assert_int_equal(begin(db, 99), MODEL_NONE);
}

static void it_does_not_end_before_the_plugins_were_asked(void **state)
{
	cs_db *db = model_db(state);
	erasing_step step;
	account_row row;

	(void)store(db, {chat(1, 2, "secret")});
	assert_int_equal(begin(db, 1), 0);
	step.most = step.most_own = 10;
	step.until = 5000;
	step.until_asked = 9000;
	int64_t lease = 0;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(erasing_find(db, &step.row), 0);
		assert_int_equal(step.row.lease, lease);
		assert_int_equal(in_transaction(db, [&] { return erasing_run(db, &step); }), 0);
		assert_false(step.ended);
		assert_int_equal(step.rests, i > 0);
		lease = erasing_lease_of(step);
		assert_true(i == 0 || lease >= step.until_asked);
	}
	assert_int_equal(account_find(db, {1, ""}, &row), 0);
	assert_int_equal(row.locked, USER_ERASING);
	assert_true(step_once(db, 10, 10).ended);
}

static void a_conversation_that_is_there_no_more_does_not_hold_it_up(void **state)
{
	cs_db *db = model_db(state);

	(void)store(db, {chat(1, 2, "secret")});
	assert_int_equal(begin(db, 1), 0);
	assert_int_equal(database_run(db, "UPDATE erasing SET conversation = 4000, seq = 2 WHERE account = 1"), 0);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM erasing WHERE conversation = 4000"), 1);
	(void)step_once(db, 100, 100);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM erasing WHERE conversation = 4000 AND seq = 2"), 0);
}

static void who_is_put_by_comes_behind_the_others(void **state)
{
	cs_db *db = model_db(state);
	erasing_step step, late;

	assert_int_equal(begin(db, 1), 0);
	assert_int_equal(begin(db, 2), 0);
	assert_int_equal(erasing_find(db, &step.row), 0);
	assert_int_equal(step.row.account, 1);
	step.until = 9000;
	late = step;
	assert_int_equal(in_transaction(db, [&] { return erasing_put_by(db, step); }), 0);
	assert_int_equal(in_transaction(db, [&] { return erasing_put_by(db, late); }), MODEL_NONE);
	assert_true(step_once(db, 10, 10).row.account == 2);
	assert_int_equal(erasing_find(db, &step.row), 0);
	assert_true(step.row.account == 1 && step.row.lease == 9000);
	for (const int64_t until : {500, 500}) { /* sooner, and then the same */
		assert_int_equal(erasing_find(db, &step.row), 0);
		step.until = until;
		assert_int_equal(in_transaction(db, [&] { return erasing_put_by(db, step); }), 0);
	}
	assert_int_equal(erasing_find(db, &step.row), 0);
	assert_true(step.row.lease > 0 && step.row.lease < 1000);
}

/* Of accounts 1 and 2: a bot, a target and three notices each. */
static void add_pushes(const model_fixture *f)
{
	cs_error e;

	assert_int_equal(database_migrate(&f->database, &e, "push"), 0);
	for (const char *account : {"1", "2"}) {
		const std::string rows = std::string("(") + account;

		assert_int_equal(database_run(f->db, "INSERT INTO push_device (account, url, secret, created) VALUES " +
		                                             rows + ", 'u', 's', 1)"),
		                 0);
		assert_int_equal(
			database_run(f->db, "INSERT INTO push_target (id, account, device, kind, url, secret, preview,"
		                            " created) VALUES " +
		                                    rows + "0, " + account + ", 'd', 0, 'u', 's', 0, 1)"),
			0);
		for (const char *conversation : {"7", "8", "9"})
			assert_int_equal(
				database_run(
					f->db,
					"INSERT INTO push_note (target, conversation, wanted, told, sent, failures)"
					" VALUES " +
						rows + "0, " + conversation + ", 1, 0, 0, 0)"),
				0);
	}
}

static int64_t count_rows(const model_fixture *f, const std::string &table)
{
	return database_number(f->db, "SELECT COUNT(*) FROM " + table);
}

static void the_plugin_push_keeps_nothing_about_it(void **state)
{
	const model_fixture *f = static_cast<const model_fixture *>(*state);

	add_pushes(f);
	const auto erase_some = [f] {
		return push_erase(f->db, 1, 2);
	};
	assert_int_equal(in_transaction(f->db, erase_some), 1); /* which undoes it here */
	assert_int_equal(database_number(f->db, "SELECT COUNT(*) FROM push_note"), 6);
	assert_int_equal(erase_some(), 1);
	assert_int_equal(database_number(f->db, "SELECT COUNT(*) FROM push_note"), 4);
	assert_int_equal(erase_some(), 1); /* the last notice, and the target */
	for (int i = 0; i < 2; i++)
		assert_int_equal(erase_some(), 0);
	assert_int_equal(database_number(f->db, "SELECT COUNT(*) FROM push_note WHERE target = 20"), 3);
	for (const char *table : {"push_device", "push_target"}) {
		assert_int_equal(database_number(f->db, std::string("SELECT COUNT(*) FROM ") + table), 1);
		assert_int_equal(database_number(f->db, std::string("SELECT account FROM ") + table), 2);
	}
	assert_int_equal(database_number(f->db, "SELECT COUNT(*) FROM push_note"), 3);
}

/* What came after the plugins were asked. */
static void the_plugin_push_removes_what_is_left_in_steps(void **state)
{
	const model_fixture *f = static_cast<const model_fixture *>(*state);
	int steps = 0;

	add_pushes(f);
	assert_int_equal(database_run(f->db, "UPDATE account SET locked = 2 WHERE id IN (1, 2)"), 0);
	while (push_erased_remove(f->db, 3) == 1) {
		const int64_t rows =
			count_rows(f, "push_note") + count_rows(f, "push_target") + count_rows(f, "push_device");

		steps++;
		assert_int_equal(rows, 10 - 3 * steps);
	}
	assert_int_equal(steps, 3);
	for (const char *table : {"push_note", "push_target", "push_device"})
		assert_int_equal(count_rows(f, table), 0);
	assert_int_equal(push_erased_remove(f->db, 3), 0);
}

static void the_account_keeps_its_number_and_nothing_else(void **state)
{
	cs_db *db = model_db(state);
	device_login login;
	device_login *one = &login;
	account_row row;
	account_counts counts;
	uint64_t id = 0;
	user found;

	login.user.account = 1;
	login.name = "phone";
	login.now = 5;
	login.most = 3;
	assert_int_equal(in_transaction(db, [&] { return device_log_in(db, {&one, 1}); }), 0);
	assert_int_equal(in_transaction(db, [&] { return friend_add(db, 1, 2); }), 0);
	assert_int_equal(in_transaction(db, [&] { return friend_add(db, 3, 1); }), 0);
	(void)store(db, {chat(1, 2, "secret")});
	(void)erase(db, 1);
	assert_int_equal(account_find(db, {1, ""}, &row), 0);
	assert_string_equal(row.name.c_str(), "erased 1");
	assert_int_equal(row.locked, USER_ERASED);
	assert_int_equal(account_count(db, 1, &counts), 0);
	assert_true(counts.devices == 0 && counts.listed == 0 && counts.conversations == 1 && counts.entries == 1);
	assert_int_equal(user_find(db, 1, &found), 0);
	assert_string_equal(found.password.c_str(), "");
	assert_int_equal(user_find_id(db, "erased 1", &id), MODEL_NONE);
	std::vector<friend_entry> friends;
	assert_int_equal(friend_list(db, 3, &friends), 0);
	assert_true(friends.empty());
	assert_int_equal(in_transaction(db, [&] { return user_insert(db, "user 1", "hash", 1, &id); }), 0);
	assert_true(id > model_users_count);
}

static void nobody_logs_in_writes_or_joins_as_it_any_more(void **state)
{
	cs_db *db = model_db(state);
	device_login login;
	device_login *one = &login;
	uint64_t group = 0, joined = 0;
	user_series series;

	assert_int_equal(in_transaction(db, [&] { return group_create(db, 2, "g", "", &group); }), 0);
	(void)store(db, {chat(1, 2, "secret")});
	assert_int_equal(begin(db, 1), 0);
	(void)erase(db, 1);
	login.user.account = 1;
	login.series = 1;
	assert_int_equal(in_transaction(db, [&] { return device_log_in(db, {&one, 1}); }), 0);
	assert_true(login.is_locked && login.number == 0);
	std::vector<message_append> items = {chat(1, 2, "late"),
	                                     chat(1, 3, "late"),
	                                     chat(2, 1, "hello?"),
	                                     chat(4, 1, "hello?"),
	                                     event_to(CONVERSATION_PAIR, 1, 2),
	                                     event_to(CONVERSATION_PAIR, 2, 1)};
	assert_int_equal(append(db, &items), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(items[i].outcome, MODEL_NONE);
	assert_int_equal(items[5].outcome, 0); /* the other one may still recall what it said */
	assert_int_equal(in_transaction(db, [&] { return group_join(db, 1, group, &joined); }), MODEL_NONE);
	assert_int_equal(in_transaction(db, [&] { return group_create(db, 1, "h", "", &group); }), MODEL_NONE);
	assert_int_equal(in_transaction(db, [&] { return friend_add(db, 2, 1); }), MODEL_NONE);
	assert_int_equal(in_transaction(db, [&] { return user_set_locked(db, 1, false, ""); }), MODEL_NONE);
	assert_int_equal(in_transaction(db, [&] { return user_replace_password(db, 1, "new", &series); }), MODEL_NONE);
}

static uint64_t group_of(cs_db *db, const char *name, std::initializer_list<uint64_t> members)
{
	uint64_t group = 0, seq = 0;

	assert_int_equal(in_transaction(db, [&] { return group_create(db, *members.begin(), name, "", &group); }), 0);
	for (const uint64_t member : members)
		if (member != *members.begin()) {
			(void)store(db, {to_group(*members.begin(), group)});
			assert_int_equal(in_transaction(db, [&] { return group_join(db, member, group, &seq); }), 0);
		}
	return group;
}

static uint64_t creator_of(cs_db *db, uint64_t group)
{
	uint64_t account = 0;
	const cs_db_value id = {CS_DB_INTEGER, static_cast<int64_t>(group), nullptr, 0};

	assert_int_equal(db->driver->query(
				 db,
				 "SELECT account FROM member WHERE conversation = ? AND role = 1 AND left_seq IS NULL",
				 &id, 1,
				 [](void *arg, const cs_db_value *columns, size_t) {
					 *static_cast<uint64_t *>(arg) = static_cast<uint64_t>(columns[0].integer);
					 return 1;
				 },
				 &account),
	                 0);
	return account;
}

static void its_groups_go_to_the_oldest_admin_else_member_and_one_that_is_alone_ends(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t admins = group_of(db, "a", {1, 4, 3, 2}), members = group_of(db, "m", {1, 5, 4}),
		       alone = group_of(db, "x", {1}), other = group_of(db, "o", {2, 1}),
		       locked = group_of(db, "l", {1, 6, 7});

	for (const uint64_t admin : {2, 3})
		assert_int_equal(
			in_transaction(db,
		                       [&] {
					       return group_set_role(db, {1, admins, 9, 1}, admin, GROUP_ADMIN);
				       }),
			0);
	assert_int_equal(in_transaction(db, [&] { return user_set_locked(db, 6, true, ""); }), 0);
	(void)erase(db, 1);
	assert_int_equal(creator_of(db, admins), 3);
	assert_int_equal(creator_of(db, members), 5);
	assert_int_equal(creator_of(db, alone), 0);
	assert_int_equal(creator_of(db, other), 2);
	assert_int_equal(creator_of(db, locked), 7);
}

static void events_and_edits_of_it_lose_their_texts(void **)
{
	const struct {
		uint64_t sender;
		const char *before, *after;
	} frames[] = {
		{1, R"({"msgid":160,"id":1,"toid":2,"of":3,"msg":"secret","cid":"c","name":"ann","x":"y"})",
	         R"({"msgid":160,"id":1,"toid":2,"of":3,"cid":"c","name":"erased 1"})"},
		{1, R"({"msgid":9,"id":1,"groupid":7,"name":"ann"})",
	         R"({"msgid":9,"id":1,"groupid":7,"name":"erased 1"})"},
		{1, R"({"msgid":142,"id":1,"groupid":7,"account":3,"role":"admin","msg":{"a":1},"name":"ann"})",
	         R"({"msgid":142,"id":1,"groupid":7,"account":3,"role":"admin","name":"erased 1"})"},
		{1, R"({"msgid":6.0,"id":1,"toid":2,"m\u0073g":"secret","time":"call me","recalled":4})",
	         R"({"msgid":6.0,"id":1,"toid":2,"m\u0073g":"","recalled":4})"},
		{0, R"({"msgid":141,"id":1,"name":"ann","groupid":7,"account":1,"operator":true})",
	         R"({"msgid":141,"id":1,"name":"erased 1","groupid":7,"account":1,"operator":true})"},
	};

	for (const auto &frame : frames) {
		std::string text = frame.before;

		assert_int_equal(erasing_blank_frame(&text, frame.sender, "erased 1"), 0);
		assert_string_equal(text.c_str(), frame.after);
		assert_int_equal(erasing_blank_frame(&text, frame.sender, "erased 1"), 0);
		assert_string_equal(text.c_str(), frame.after);
	}
}

static void a_name_that_somebody_has_is_not_taken(void **state)
{
	cs_db *db = model_db(state);
	account_row row;
	uint64_t id = 0;

	assert_int_equal(in_transaction(db, [&] { return user_insert(db, "erased 1", "hash", 1, &id); }), 0);
	(void)erase(db, 1);
	assert_int_equal(account_find(db, {1, ""}, &row), 0);
	assert_string_equal(row.name.c_str(), "erased 1 (2)");
	assert_int_equal(account_find(db, {0, "erased 1"}, &row), 0);
	assert_int_equal(row.id, id);
	assert_int_equal(account_find(db, {0, "nobody"}, &row), MODEL_NONE);
}

static void a_locked_account_keeps_its_tokens_and_has_no_session(void **state)
{
	cs_db *db = model_db(state);
	device_login login;
	device_login *one = &login;
	std::vector<unsigned char> over;
	bool is_over = false;

	login.user.account = 1;
	login.now = 5;
	assert_int_equal(in_transaction(db, [&] { return device_log_in(db, {&one, 1}); }), 0);
	assert_false(login.is_locked || login.is_void);
	assert_int_equal(in_transaction(db, [&] { return user_set_locked(db, 1, true, "spam"); }), 0);
	assert_int_equal(in_transaction(db, [&] { return user_set_locked(db, 1, true, "spam"); }), 0);
	assert_int_equal(in_transaction(db, [&] { return device_log_in(db, {&one, 1}); }), 0);
	assert_true(login.is_locked && !login.is_void);
	login.series = 7; /* who does not know the password is not told */
	assert_int_equal(in_transaction(db, [&] { return device_log_in(db, {&one, 1}); }), 0);
	assert_true(!login.is_locked && login.is_void);
	const device_session session = {{1, 0}, 0};
	assert_int_equal(device_session_over(db, session, &is_over), 0);
	assert_true(is_over);
	assert_int_equal(device_over(db, {&session, 1}, &over), 0);
	assert_int_equal(over[0], 1);
	std::vector<message_append> items = {chat(2, 1, "for later")};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, 0);
	assert_int_equal(in_transaction(db, [&] { return user_set_locked(db, 1, false, ""); }), 0);
	assert_int_equal(device_session_over(db, session, &is_over), 0);
	assert_false(is_over);
	assert_int_equal(in_transaction(db, [&] { return user_set_locked(db, 99, true, ""); }), MODEL_NONE);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(what_it_said_is_blank_and_every_entry_keeps_its_number),
		TEST(steps_are_short_and_an_interrupted_one_is_done_again),
		TEST(only_one_node_at_a_time_does_a_step),
		TEST(it_does_not_end_before_the_plugins_were_asked),
		TEST(a_conversation_that_is_there_no_more_does_not_hold_it_up),
		TEST(who_is_put_by_comes_behind_the_others),
		TEST(the_plugin_push_keeps_nothing_about_it),
		TEST(the_plugin_push_removes_what_is_left_in_steps),
		TEST(the_account_keeps_its_number_and_nothing_else),
		TEST(nobody_logs_in_writes_or_joins_as_it_any_more),
		TEST(its_groups_go_to_the_oldest_admin_else_member_and_one_that_is_alone_ends),
		cmocka_unit_test(events_and_edits_of_it_lose_their_texts),
		TEST(a_name_that_somebody_has_is_not_taken),
		TEST(a_locked_account_keeps_its_tokens_and_has_no_session),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
