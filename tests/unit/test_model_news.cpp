/* SPDX-License-Identifier: MIT
 * Tests cursors and the messages that an account has not received, and that no statement of the model reads a whole
 * table. */
#include "test_model.h"

#include <algorithm>
#include <cstring>

#include "plugins/model/devices.h"
#include "plugins/model/edits.h"
#include "plugins/model/history.h"
#include "plugins/model/inbox.h"
#include "plugins/model/invitations.h"
#include "plugins/model/marks.h"
#include "plugins/model/members.h"
#include "plugins/model/roles.h"
#include "plugins/model/sql.h"

static message_news news_of(const std::vector<message_news> &all, conversation_kind kind, uint64_t of)
{
	const auto at = std::find_if(all.begin(), all.end(),
	                             [=](const message_news &news) { return news.kind == kind && news.of == of; });

	return at == all.end() ? message_news() : *at;
}

static int store_cursor(cs_db *db, uint64_t account, uint64_t conversation, uint64_t seq)
{
	const message_cursor cursor = {{account, 0}, conversation, seq};

	return message_cursor_store(db, {&cursor, 1});
}

static void news_are_the_conversations_above_the_cursor(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(5, 2), to_user(5, 2), to_user(7, 5), to_user(5, 5), to_user(1, 2)};
	std::vector<message_news> news(3);

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(message_news_list(db, {5, 0}, &news), 0);
	assert_int_equal(news.size(), 3);
	const message_news two = news_of(news, CONVERSATION_PAIR, 2);
	assert_true(two.conversation == items[0].conversation && two.delivered_seq == 0 && two.last_seq == 2);
	assert_int_equal(news_of(news, CONVERSATION_PAIR, 7).last_seq, 1);
	assert_int_equal(news_of(news, CONVERSATION_PAIR, 5).last_seq, 1);

	assert_int_equal(store_cursor(db, 5, items[0].conversation, 1), 0);
	assert_int_equal(store_cursor(db, 5, items[2].conversation, 1), 0);
	assert_int_equal(message_news_list(db, {5, 0}, &news), 0);
	assert_int_equal(news.size(), 2);
	assert_int_equal(news_of(news, CONVERSATION_PAIR, 2).delivered_seq, 1);
	/* Another account's cursor is another. */
	assert_int_equal(message_news_list(db, {2, 0}, &news), 0);
	assert_int_equal(news_of(news, CONVERSATION_PAIR, 5).delivered_seq, 0);
}

static bool news_less(const message_news &a, const message_news &b)
{
	return a.kind != b.kind ? a.kind < b.kind : a.of < b.of;
}

static void news_of_many_accounts_are_those_of_each(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_reader> accounts = {{99, 0}};
	std::vector<reader_news> all;
	std::vector<message_append> items = {to_user(5, 2), to_user(5, 2), to_user(7, 5), to_user(5, 5), to_user(1, 2)};
	uint64_t group = 0, joined = 0;

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> more = {to_group(1, group)};
	assert_int_equal(append(db, &more), 0);
	assert_int_equal(group_join(db, 5, group, &joined), 0);
	assert_int_equal(append(db, &more), 0);
	assert_int_equal(store_cursor(db, 5, items[0].conversation, 1), 0);
	assert_int_equal(store_cursor(db, 7, items[2].conversation, 1), 0);
	for (uint64_t account = 1; account <= model_users_count; account++)
		accounts.push_back({account, 0});
	assert_int_equal(message_news_of(db, accounts, &all), 0);
	size_t expected = 0;
	for (const auto &[account, device] : accounts) {
		std::vector<message_news> one, of;
		assert_int_equal(message_news_list(db, {account, 0}, &one), 0);
		for (const reader_news &news : all)
			if (news.reader.account == account)
				of.push_back(news.news);
		std::sort(one.begin(), one.end(), news_less);
		std::sort(of.begin(), of.end(), news_less);
		assert_int_equal(one.size(), of.size());
		for (size_t i = 0; i < one.size(); i++)
			assert_true(one[i].kind == of[i].kind && one[i].of == of[i].of &&
			            one[i].conversation == of[i].conversation && one[i].last_seq == of[i].last_seq &&
			            one[i].delivered_seq == of[i].delivered_seq);
		expected += one.size();
	}
	assert_int_equal(all.size(), expected);
	assert_int_equal(expected, 8);
	assert_int_equal(message_news_of(db, {}, &all), 0);
	assert_int_equal(all.size(), 0);
}

static void a_group_is_news_from_the_join_on(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_news> news;
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> before = {to_group(1, group), to_group(1, group)};
	assert_int_equal(append(db, &before), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(message_news_list(db, {2, 0}, &news), 0);
	assert_int_equal(news.size(), 0);
	std::vector<message_append> after = {to_group(1, group)};
	assert_int_equal(append(db, &after), 0);
	assert_int_equal(message_news_list(db, {2, 0}, &news), 0);
	assert_int_equal(news.size(), 1);
	assert_int_equal(news[0].kind, CONVERSATION_GROUP);
	assert_true(news[0].of == group && news[0].delivered_seq == 2 && news[0].last_seq == 3);
	/* A cursor below the join counts as the join. */
	assert_int_equal(store_cursor(db, 2, group, 1), 0);
	assert_int_equal(message_news_list(db, {2, 0}, &news), 0);
	assert_int_equal(news[0].delivered_seq, 2);
	assert_int_equal(store_cursor(db, 2, group, 3), 0);
	assert_int_equal(message_news_list(db, {2, 0}, &news), 0);
	assert_int_equal(news.size(), 0);
}

static void one_conversation_is_found_with_or_without_news(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(5, 2), to_user(4, 4)};
	message_news news;

	assert_int_equal(message_news_find(db, {5, 0}, CONVERSATION_PAIR, 2, &news), MODEL_NONE);
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(message_news_find(db, {2, 0}, CONVERSATION_PAIR, 5, &news), 0);
	assert_true(news.of == 5 && news.conversation == items[0].conversation && news.last_seq == 1);
	assert_int_equal(news.delivered_seq, 0);
	assert_int_equal(store_cursor(db, 2, items[0].conversation, 1), 0);
	assert_int_equal(message_news_find(db, {2, 0}, CONVERSATION_PAIR, 5, &news), 0);
	assert_int_equal(news.delivered_seq, 1);
	assert_int_equal(message_news_find(db, {4, 0}, CONVERSATION_PAIR, 4, &news), 0);
	assert_int_equal(news.of, 4);
	assert_int_equal(message_news_find(db, {2, 0}, CONVERSATION_GROUP, items[0].conversation, &news), MODEL_NONE);
}

static void a_stranger_is_no_member_whatever_its_cursor_says(void **state)
{
	cs_db *db = model_db(state);
	std::vector<uint64_t> groups;
	std::vector<message_news> list;
	message_news news;
	uint64_t group = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items = {to_group(1, group), to_group(1, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(store_cursor(db, 3, group, 1), 0);
	assert_int_equal(message_news_find(db, {3, 0}, CONVERSATION_GROUP, group, &news), MODEL_NOT_MEMBER);
	assert_int_equal(message_news_find(db, {1, 0}, CONVERSATION_GROUP, group, &news), 0);
	assert_int_equal(news.last_seq, 2);
	assert_int_equal(message_news_list(db, {3, 0}, &list), 0);
	assert_int_equal(list.size(), 0);
	assert_int_equal(message_group_ids(db, 3, &groups), 0);
	assert_int_equal(groups.size(), 0);
	assert_int_equal(message_group_ids(db, 1, &groups), 0);
	assert_int_equal(groups.size(), 1);
	assert_true(groups[0] == group);
}

/* joined_seq < seq <= left_seq. */
static void a_former_member_lacks_what_is_there_up_to_its_last_entry(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_news> list;
	std::vector<reader_news> all;
	message_news news;
	uint64_t group = 0, joined = 0;
	const message_reader two = {2, 0};

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items = {to_group(1, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(append(db, &items), 0);
	assert_int_equal(database_run(db, "UPDATE member SET left_seq = 3 WHERE account = 2"), 0);
	for (const uint64_t delivered : {1, 2, 3}) {
		assert_int_equal(store_cursor(db, 2, group, delivered), 0);
		assert_int_equal(message_news_list(db, two, &list), 0);
		assert_int_equal(list.size(), delivered < 3);
		assert_int_equal(message_news_of(db, {&two, 1}, &all), 0);
		assert_int_equal(all.size(), delivered < 3);
		assert_int_equal(message_news_find(db, two, CONVERSATION_GROUP, group, &news), 0);
		for (const message_news &each : list)
			assert_true(each.last_seq == 3 && !each.is_member && each.delivered_seq == delivered);
		assert_true(news.last_seq == 3 && !news.is_member && news.delivered_seq == delivered);
	}
	assert_int_equal(message_news_find(db, {1, 0}, CONVERSATION_GROUP, group, &news), 0);
	assert_true(news.last_seq == 4 && news.is_member);
	/* The group has ended: it is there only for those who were in it. */
	assert_int_equal(database_run(db, "UPDATE conversation SET members = 0 WHERE kind = 1"), 0);
	assert_int_equal(message_news_find(db, two, CONVERSATION_GROUP, group, &news), 0);
	assert_int_equal(message_news_find(db, {3, 0}, CONVERSATION_GROUP, group, &news), MODEL_NONE);
}

/* Its row in the table member is there for the ban only. */
static void who_was_banned_before_is_no_member_and_never_was(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_news> list;
	std::vector<reader_news> all;
	std::vector<uint64_t> groups;
	message_news news;
	uint64_t group = 0;
	bool left = false;
	const message_reader two = {2, 0};

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items = {to_group(1, group), to_group(1, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_remove_member(db, {1, group, 3, 0}, 2, true, &left), 0);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM member WHERE account = 2 AND banned = 1"), 1);
	assert_int_equal(message_news_find(db, two, CONVERSATION_GROUP, group, &news), MODEL_NOT_MEMBER);
	assert_int_equal(message_news_list(db, two, &list), 0);
	assert_int_equal(message_news_of(db, {&two, 1}, &all), 0);
	assert_int_equal(message_group_ids(db, 2, &groups), 0);
	assert_true(list.empty() && all.empty() && groups.empty());
	/* The group has ended: for strangers there is none. */
	assert_int_equal(group_remove_member(db, {1, group, 3, 0}, 1, false, &left), 0);
	assert_int_equal(message_news_find(db, two, CONVERSATION_GROUP, group, &news), MODEL_NONE);
	assert_int_equal(message_news_find(db, {1, 0}, CONVERSATION_GROUP, group, &news), 0);
	assert_true(news.last_seq == 3 && !news.is_member);
}

static void cursors_never_go_back(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_cursor> many;

	assert_int_equal(store_cursor(db, 1, 7, 10), 0);
	assert_int_equal(store_cursor(db, 1, 7, 4), 0);
	assert_int_equal(database_number(db, "SELECT delivered_seq FROM `cursor`"), 10);
	/* Also within one call, in whichever order, and with more rows than one statement takes. */
	for (uint64_t i = 0; i < 150; i++) {
		many.push_back({{1, 0}, i % 100, 50 - i % 7});
		many.push_back({{1, 0}, i % 100, 20});
	}
	assert_int_equal(message_cursor_store(db, many), 0);
	assert_int_equal(database_number(db, "SELECT count(*) FROM `cursor`"), 100);
	assert_int_equal(database_number(db, "SELECT min(delivered_seq) FROM `cursor`"), 44);
	assert_int_equal(message_cursor_store(db, {}), 0);
}

/* ---- plans: a driver that looks at how the database would run each statement before it is run -------------- */

struct spy {
	cs_db base;
	cs_db_driver driver;
	cs_db *real;
	std::string scans; /* what was read from end to end */
};

static spy *spy_of(cs_db *db)
{
	return reinterpret_cast<spy *>(db);
}

/* The rows of a query within the query, which was looked at itself, and those of a table that a statement brings. */
static bool is_rows_of_a_query(const std::string &line)
{
	const std::string table = line.substr(line.find(' ') + 1);

	return table.starts_with("(subquery") || table == "places" || table == "page" || table == "newest" ||
	       table == "news" || table == "few" || table == "r" || table == "as_low" || table == "as_high" ||
	       table == "weeks" || table == "next_weeks" || table == "n";
}

/* Column 3 is the text: SCAN of a table, or SEARCH by an index. The rows of VALUES are scanned, rightly. */
static int see_plan(void *arg, const cs_db_value *columns, size_t)
{
	const std::string line(columns[3].bytes, columns[3].size);

	/* To find one entry by its conversation alone is to read all of the conversation. */
	if ((line.starts_with("SCAN") && line.find("CONSTANT ROW") == std::string::npos && !is_rows_of_a_query(line)) ||
	    line.ends_with("SEARCH e USING PRIMARY KEY (conversation=?)"))
		static_cast<spy *>(arg)->scans += line + "; ";
	return 0;
}

/* Column 3 is how a table is read: ALL and index are from end to end. Column 2 is the table, of a statement that
 * reads one. */
static int see_plan_of_mysql(void *arg, const cs_db_value *columns, size_t)
{
	const std::string table(sql_text_of(columns[2])), how(sql_text_of(columns[3]));

	if ((how == "ALL" || how == "index") && !table.starts_with("<"))
		static_cast<spy *>(arg)->scans += table + ": " + how + "; ";
	return 0;
}

static int spy_query(cs_db *db, const char *sql, const cs_db_value *values, size_t count, cs_db_row_fn *row, void *arg)
{
	spy *s = spy_of(db);
	const bool mysql = s->driver.dialect == CS_DB_MYSQL;
	const std::string explain = std::string(mysql ? "EXPLAIN " : "EXPLAIN QUERY PLAN ") + sql;

	/* An INSERT of values has no plan, but MariaDB shows one. */
	if (!mysql || strncmp(sql, "INSERT", 6) != 0)
		assert_int_equal(s->real->driver->query(s->real, explain.c_str(), values, count,
		                                        mysql ? see_plan_of_mysql : see_plan, s),
		                 0);
	return s->real->driver->query(s->real, sql, values, count, row, arg);
}

static int64_t spy_affected(cs_db *db)
{
	return spy_of(db)->real->driver->affected(spy_of(db)->real);
}

static int64_t spy_last_id(cs_db *db)
{
	return spy_of(db)->real->driver->last_id(spy_of(db)->real);
}

/* MariaDB rightly reads a small table from end to end, so there must be others than those of the test. */
static void fill_mariadb(cs_db *db)
{
	const char *const texts[] = {
		"INSERT INTO account (name, password, created) SELECT CONCAT('f', seq), '', 0 FROM "
		"seq_1_to_2000",
		"INSERT INTO contact SELECT id, id + 1, 1, 0 FROM account WHERE id BETWEEN 101 AND 1900",
		"INSERT INTO conversation (kind, low, high, last_seq)"
		" SELECT 0, id, id + 1, 1 FROM account WHERE id BETWEEN 101 AND 1900",
		"INSERT INTO conversation (kind, name, last_seq, members) SELECT 1, CONCAT('f', seq), 1, 10 FROM "
		"seq_1_to_500",
		"INSERT INTO member (conversation, account, role, joined_seq) SELECT c.id, a.id, 0, 0 FROM conversation c JOIN account a"
		" ON a.id BETWEEN 101 + c.id * 7 % 1790 AND 110 + c.id * 7 % 1790 WHERE c.kind = 1",
		"INSERT INTO message (conversation, seq, sender, cid, body, created)"
		" SELECT id, 1, 101 + id % 1500, CONCAT('f', id), 'x', 0 FROM conversation",
		"INSERT INTO `cursor` SELECT low, 0, id, 1 FROM conversation WHERE kind = 0",
		"INSERT INTO mark (account, conversation, read_seq) SELECT low, id, 1 FROM conversation WHERE kind = 0",
		"ANALYZE TABLE account, contact, conversation, mark, member, message, `cursor`",
	};

	for (const char *text : texts)
		assert_int_equal(database_run(db, text), 0);
}

static void look_at_history(cs_db *db, uint64_t group)
{
	std::vector<mark_read> marks;
	std::vector<mark_read *> pointers;
	std::vector<inbox_item> items;
	history_page page;
	message_row last;
	uint64_t unread = 0;
	uint64_t looked = 0;
	bool more = false;

	for (const history_direction direction : {HISTORY_NEWEST, HISTORY_BEFORE, HISTORY_AFTER, HISTORY_AROUND})
		for (const conversation_kind kind : {CONVERSATION_PAIR, CONVERSATION_GROUP})
			assert_int_equal(history_read(db,
			                              {.account = 1,
			                               .kind = kind,
			                               .of = kind ? group : 2,
			                               .direction = direction,
			                               .at = 2,
			                               .limit = 50},
			                              &page),
			                 0);
	assert_int_equal(inbox_list(db, 1, {}, 50, &items, &more, &looked), 0);
	assert_true(!items.empty());
	for (const inbox_item &item : items)
		assert_true(inbox_last(db, 1, item, &last, &unread, &looked) >= 0);
	for (uint64_t i = 0; i < 100; i++)
		marks.push_back({.account = 1 + i % 7,
		                 .kind = i % 2 ? CONVERSATION_GROUP : CONVERSATION_PAIR,
		                 .of = i % 2 ? group : 1 + i % 9,
		                 .seq = 1});
	for (mark_read &mark : marks)
		pointers.push_back(&mark);
	for (const size_t size : {1, 4, 16, 100})
		assert_int_equal(mark_read_all(db, {pointers.data(), size}), 0);
}

static void run_group_requests(cs_db *db, uint64_t group)
{
	const group_act act = {1, group, 1, 1};
	std::vector<member_entry> page;
	std::vector<uint64_t> members;
	bool flag = false;

	assert_int_equal(group_set_role(db, act, 2, GROUP_ADMIN), 0);
	assert_int_equal(group_mute(db, act, 2, 7), 0);
	assert_int_equal(group_mute(db, act, 0, 7), 0);
	assert_int_equal(group_change(db, act, {"h", "text", true, true}), 0);
	assert_int_equal(invitation_add(db, act, 3, 100), 0);
	assert_int_equal(invitation_use(db, 3, group), 0);
	assert_int_equal(invitation_add(db, act, 3, 100), 0);
	assert_int_equal(group_remove_member(db, act, 3, false, &flag), GROUP_NO_ENTRY);
	assert_int_equal(group_remove_member(db, act, 4, true, &flag), 0);
	assert_int_equal(invitation_add(db, act, 4, 100), 0);
	assert_int_equal(group_remove_member(db, act, 4, true, &flag), 0);
	assert_int_equal(group_members(db, group, 500, &members), 0);
	assert_int_equal(member_page(db, 1, group, 0, 50, &page, &flag), 0);
}

static void no_statement_reads_a_whole_table(void **state)
{
	spy s = {};
	s.real = model_db(state);
	s.driver = *s.real->driver;
	s.driver.query = spy_query;
	s.driver.last_id = spy_last_id;
	s.driver.affected = spy_affected;
	s.base.driver = &s.driver;
	cs_db *db = &s.base;
	uint64_t id = 0, group = 0, joined = 0;
	user found;
	message_news news;
	std::vector<friend_entry> friends;
	std::vector<group_entry> groups;
	std::vector<message_news> list;
	std::vector<uint64_t> ids;
	std::vector<message_row> rows;

	if (s.driver.dialect == CS_DB_MYSQL)
		fill_mariadb(s.real);
	/* The look is not idle: it sees the scan that this one needs. */
	assert_int_equal(spy_query(db, "SELECT sum(created) FROM message", nullptr, 0, nullptr, nullptr), 0);
	assert_true(!s.scans.empty());
	s.scans.clear();

	assert_int_equal(user_insert(db, "x", "y", 0, &id), 0);
	assert_int_equal(user_find(db, 1, &found), 0);
	assert_int_equal(user_set_hash(db, 1, found.password, "z"), 0);
	user_series series;
	assert_int_equal(user_set_password(db, 1, "z", "zz", &series), 0);
	assert_int_equal(user_void_unnamed(db, 1), 0);
	const device_session sessions[] = {{{1, 0}, 0}, {{2, 3}, 0}};
	std::vector<unsigned char> are_over;
	bool is_over = false;
	assert_int_equal(device_over(db, sessions, &are_over), 0);
	for (const device_session &session : sessions)
		assert_int_equal(device_session_over(db, session, &is_over), 0);
	std::vector<user_login> logins;
	std::vector<user_login *> login_pointers;
	for (uint64_t i = 0; i < 100; i++)
		logins.push_back({.account = 1 + i % model_users_count});
	for (user_login &login : logins)
		login_pointers.push_back(&login);
	for (const size_t size : {1, 100})
		assert_int_equal(user_next_generations(db, {login_pointers.data(), size}), 0);
	std::vector<message_reader> readers;
	for (uint64_t i = 0; i < 100; i++)
		readers.push_back({1 + i % model_users_count, i});
	assert_int_equal(device_note_seen(db, readers, 7), 0);
	assert_int_equal(friend_add(db, 1, 2), 0);
	assert_int_equal(friend_list(db, 1, &friends), 0);
	contact_change block;
	block.account = 3;
	block.other = 1;
	block.blocked = true;
	assert_int_equal(contact_set(db, &block, {10, 10}), 0);
	block.blocked = false;
	assert_int_equal(contact_set(db, &block, {10, 10}), 0);
	std::vector<contact_entry> contacts;
	for (const uint64_t account : {1, 150})
		assert_int_equal(contact_page(db, account, 0, 50, &contacts), 0);
	assert_int_equal(contact_blockers(db, 150, &ids), 0);
	std::vector<contact_listed> listed;
	for (const uint64_t other : {0, 2})
		assert_int_equal(contact_list(db, 150, other, 50, &listed), 0);
	for (const uint64_t other : {2, 9})
		assert_int_equal(pair_judge(db, 1, other, false), MODEL_UNWANTED);
	assert_int_equal(user_find_id(db, "user 3", &id), 0);
	assert_int_equal(group_create(db, 1, "g", "", &group), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(group_list(db, 1, &groups), 0);
	assert_int_equal(group_find_member(db, 1, group, &joined), 0);
	assert_int_equal(group_find_own(db, 1, "g", &id), 0);
	run_group_requests(db, group);
	std::vector<message_append> items;
	std::vector<message_append *> pointers;
	std::vector<std::string> cids(100);
	for (uint64_t i = 0; i < 100; i++) {
		cids[i] = std::to_string(i / 2);
		items.push_back(i % 5 ? to_user(1 + i % 7, 1 + i % 9, cids[i]) : to_group(1 + i % 2, group));
	}
	items.push_back(to_user(1, 2));
	items.push_back(event_to(CONVERSATION_GROUP, 2, group, "event"));
	items.back().lock = 2;
	items.push_back(to_group(1, group));
	for (message_append &item : items) {
		item.body = R"({"msg":"x"})";
		pointers.push_back(&item);
	}
	for (const size_t size : {1, 4, 16, 101})
		assert_int_equal(message_append_all(db, {pointers.data(), size}, true), 0);
	assert_int_equal(message_news_list(db, {1, 0}, &list), 0);
	std::vector<reader_news> of_many;
	std::vector<message_reader> accounts(100);
	for (uint64_t i = 0; i < 100; i++)
		accounts[i].account = s.driver.dialect == CS_DB_MYSQL ? 200 + i : 1 + i % model_users_count;
	for (const size_t size : {1, 4, 16, 100})
		assert_int_equal(message_news_of(db, {accounts.data(), size}, &of_many), 0);
	assert_int_equal(message_news_find(db, {1, 0}, CONVERSATION_PAIR, 2, &news), 0);
	assert_int_equal(message_news_find(db, {1, 0}, CONVERSATION_GROUP, group, &news), 0);
	assert_int_equal(message_group_ids(db, 1, &ids), 0);
	assert_int_equal(message_read(db, group, 0, 10, &rows), 0);
	int64_t muted = 0;
	edit_act act = {CONVERSATION_GROUP, group, group, rows[0].sender, rows[0].seq, rows[1].seq, rows[0].created, 1};
	assert_int_equal(edit_message(db, act, "\"y\"", 100, &muted), 0);
	assert_int_equal(edit_recall(db, act), 0);
	act = {.to = 2, .actor = 1};
	assert_int_equal(edit_recall(db, act), EDIT_NO_MESSAGE);
	assert_int_equal(store_cursor(db, 1, group, 1), 0);
	look_at_history(db, group);
	assert_string_equal(s.scans.c_str(), "");
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(news_are_the_conversations_above_the_cursor),
		TEST(news_of_many_accounts_are_those_of_each),
		TEST(a_group_is_news_from_the_join_on),
		TEST(one_conversation_is_found_with_or_without_news),
		TEST(a_stranger_is_no_member_whatever_its_cursor_says),
		TEST(a_former_member_lacks_what_is_there_up_to_its_last_entry),
		TEST(who_was_banned_before_is_no_member_and_never_was),
		TEST(cursors_never_go_back),
		TEST(no_statement_reads_a_whole_table),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
