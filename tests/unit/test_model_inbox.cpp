/* SPDX-License-Identifier: MIT
 * Tests an account's list of conversations, and read marks. */
#include "test_model.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <functional>
#include <set>
#include <utility>

#include "plugins/model/inbox.h"
#include "plugins/model/marks.h"

/* ---- read marks */

static mark_read mark_of(uint64_t account, uint64_t of, uint64_t seq, bool show = false)
{
	mark_read mark;

	mark.account = account;
	mark.of = of;
	mark.seq = seq;
	mark.show = show;
	return mark;
}

static mark_read mark_of_group(uint64_t account, uint64_t group, uint64_t seq)
{
	mark_read mark = mark_of(account, group, seq);

	mark.kind = CONVERSATION_GROUP;
	return mark;
}

static void read_all(cs_db *db, std::vector<mark_read> *marks)
{
	std::vector<mark_read *> pointers;

	for (mark_read &mark : *marks)
		pointers.push_back(&mark);
	assert_int_equal(mark_read_all(db, pointers), 0);
}

static mark_read read_one(cs_db *db, const mark_read &mark)
{
	std::vector<mark_read> marks = {mark};

	read_all(db, &marks);
	return marks[0];
}

static void marks_rise_and_never_go_back(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items(5, to_user(2, 1));

	assert_int_equal(append(db, &items), 0);
	mark_read mark = read_one(db, mark_of(1, 2, 3));
	assert_true(mark.outcome == 0 && mark.is_raised && !mark.is_shown && !mark.is_above);
	mark = read_one(db, mark_of(1, 2, 2));
	assert_true(mark.outcome == 0 && !mark.is_raised && !mark.is_above);
	assert_int_equal(database_number(db, "SELECT read_seq FROM mark"), 3);
	mark = read_one(db, mark_of(1, 2, 6));
	assert_true(mark.outcome == 0 && mark.is_above && !mark.is_raised);
	/* Read already, but shown only now. */
	mark = read_one(db, mark_of(1, 2, 2, true));
	assert_true(!mark.is_raised && mark.is_shown);
	mark = read_one(db, mark_of(1, 2, 1, true));
	assert_true(!mark.is_raised && !mark.is_shown);
	assert_int_equal(database_number(db, "SELECT shown_seq FROM mark"), 2);
	assert_int_equal(database_number(db, "SELECT read_seq FROM mark"), 3);
	assert_int_equal(database_number(db, "SELECT count(*) FROM mark"), 1);
}

static void many_marks_are_raised_at_once_in_their_order(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items(5, to_user(2, 1));
	std::vector<mark_read> marks = {mark_of(1, 2, 2), mark_of(1, 2, 4), mark_of(1, 2, 3),   mark_of(2, 1, 5, true),
	                                mark_of(1, 2, 6), mark_of(1, 3, 1), mark_of(1, 4711, 1)};

	assert_int_equal(append(db, &items), 0);
	read_all(db, &marks);
	assert_true(marks[0].is_raised && marks[1].is_raised && !marks[2].is_raised);
	assert_true(marks[3].is_raised && marks[3].is_shown);
	assert_true(marks[4].is_above && marks[5].is_above && marks[5].outcome == 0);
	assert_int_equal(marks[6].outcome, MODEL_NONE);
	assert_int_equal(database_number(db, "SELECT read_seq FROM mark WHERE account = 1"), 4);
	assert_int_equal(database_number(db, "SELECT shown_seq FROM mark WHERE account = 2"), 5);
	/* A second run, as after a failure, finds what the first has stored. */
	read_all(db, &marks);
	assert_true(!marks[1].is_raised && !marks[3].is_shown && marks[4].is_above);
}

static void nothing_is_shown_to_who_blocks_the_reader_or_to_oneself(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(2, 1), to_user(3, 3)};

	assert_int_equal(append(db, &items), 0);
	/* flags 2: high, which is 2, blocks low. */
	assert_int_equal(database_run(db, "UPDATE conversation SET flags = 2 WHERE low = 1"), 0);
	assert_true(!read_one(db, mark_of(1, 2, 1, true)).is_shown);
	assert_int_equal(database_number(db, "SELECT shown_seq FROM mark"), 0);
	assert_true(read_one(db, mark_of(2, 1, 1, true)).is_shown);
	assert_int_equal(database_run(db, "UPDATE conversation SET flags = 1 WHERE low = 1"), 0);
	assert_true(read_one(db, mark_of(1, 2, 1, true)).is_shown);
	const mark_read own = read_one(db, mark_of(3, 3, 1, true));
	assert_true(own.is_raised && !own.is_shown);
}

static void only_members_read_a_group_and_from_their_join_on(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items(4, to_group(1, group));
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(read_one(db, mark_of_group(3, group, 1)).outcome, MODEL_NOT_MEMBER);
	assert_int_equal(read_one(db, mark_of_group(1, group + 7, 1)).outcome, MODEL_NONE);
	assert_true(!read_one(db, mark_of_group(2, group, 4)).is_raised);
	assert_true(read_one(db, mark_of_group(2, group, 5)).is_raised);
	assert_true(read_one(db, mark_of_group(1, group, 9)).is_above);
	assert_int_equal(database_run(db, "UPDATE member SET left_seq = 8 WHERE account = 2"), 0);
	assert_int_equal(read_one(db, mark_of_group(2, group, 6)).outcome, MODEL_NOT_MEMBER);
}

/* ---- the list */

static std::vector<inbox_item> list_all(cs_db *db, uint64_t account, size_t limit = 200)
{
	std::vector<inbox_item> all, page;
	inbox_position from;
	uint64_t looked = 0;
	bool more = true;

	while (more) {
		assert_int_equal(inbox_list(db, account, from, limit, &page, &more, &looked), 0);
		assert_true(page.size() <= limit && (!more || page.size() == limit));
		for (const inbox_item &item : page) {
			inbox_pass(&from, item);
			all.push_back(item);
		}
	}
	return all;
}

static uint64_t unread_of(cs_db *db, uint64_t account, const inbox_item &item)
{
	message_row row;
	uint64_t unread = 0, looked = 0;

	assert_int_equal(inbox_last(db, account, item, &row, &unread, &looked), 0);
	assert_int_equal(row.seq, item.said_seq);
	assert_string_equal(row.body.c_str(), "body");
	return unread;
}

static void say(cs_db *db, message_append item, int64_t created)
{
	item.created = created;
	std::vector<message_append> items = {item};
	assert_int_equal(append(db, &items), 0);
}

/* As the log will store them. */
static void set_kind(cs_db *db, uint64_t conversation, uint64_t seq, int kind)
{
	const bool mysql = db->driver->dialect == CS_DB_MYSQL;
	const int of = static_cast<int>(conversation);

	assert_int_equal(
		database_run(db,
	                     mysql ? check_format("UPDATE message SET kind = %d WHERE conversation = %d AND seq = %d",
	                                          kind, of, static_cast<int>(seq))
	                           : check_format("UPDATE entry SET kind = %d WHERE conversation = %d AND k = %d AND "
	                                          "owner = 0",
	                                          kind, of, static_cast<int>(seq))),
		0);
	if (mysql)
		assert_int_equal(
			database_run(
				db,
				check_format(
					"UPDATE conversation SET said_seq = (SELECT COALESCE(MAX(seq), 0) FROM message"
					" WHERE conversation = %d AND kind < 2) WHERE id = %d",
					of, of)),
			0);
}

static void the_newest_message_comes_first(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	assert_int_equal(group_join(db, 5, group, &joined), 0);
	say(db, to_user(5, 2), 1000);
	say(db, to_user(7, 5), 2000);
	say(db, to_group(1, group), 3000);
	say(db, to_user(5, 5), 4000);
	say(db, to_user(2, 5), 5000);
	say(db, to_user(1, 2), 6000);
	for (const size_t limit : {1, 2, 200}) {
		const std::vector<inbox_item> list = list_all(db, 5, limit);

		assert_int_equal(list.size(), 4);
		assert_true(list[0].kind == CONVERSATION_PAIR && list[0].of == 2 && list[0].said_seq == 2);
		assert_true(list[0].name == "user 2" && list[0].last_seq == 2 && list[0].at == 5000);
		assert_true(list[1].of == 5 && list[1].said_seq == 1);
		assert_true(list[2].kind == CONVERSATION_GROUP && list[2].of == group && list[2].name == "c++");
		assert_true(list[2].members == 2 && list[2].role == GROUP_NORMAL && list[2].said_seq == 1);
		assert_true(list[3].of == 7 && list[3].name == "user 7");
	}
	assert_int_equal(list_all(db, 1)[1].role, GROUP_CREATOR);
	assert_int_equal(list_all(db, 9).size(), 0);
}

static void unread_are_messages_of_others_that_were_not_recalled(void **state)
{
	cs_db *db = model_db(state);

	for (int i = 0; i < 6; i++)
		say(db, to_user(2, 1), 1000);
	say(db, to_user(1, 2), 1000);
	say(db, to_user(2, 1), 1000);
	inbox_item item = list_all(db, 1)[0];
	assert_int_equal(unread_of(db, 1, item), 7);
	assert_int_equal(unread_of(db, 2, list_all(db, 2)[0]), 1);
	set_kind(db, item.conversation, 4, 1);
	set_kind(db, item.conversation, 8, 2);
	item = list_all(db, 1)[0];
	assert_true(item.said_seq == 7 && item.last_seq == 8);
	assert_int_equal(unread_of(db, 1, item), 5);
	(void)read_one(db, mark_of(1, 2, 3, true));
	item = list_all(db, 1)[0];
	assert_int_equal(item.read_seq, 3);
	assert_int_equal(unread_of(db, 1, item), 2);
	assert_int_equal(list_all(db, 2)[0].shown_seq, 3);
	(void)read_one(db, mark_of(1, 2, 8));
	assert_int_equal(unread_of(db, 1, list_all(db, 1)[0]), 0);
	assert_int_equal(list_all(db, 2)[0].shown_seq, 3);
	/* A recalled message may be the newest one. */
	set_kind(db, item.conversation, 8, 1);
	assert_int_equal(list_all(db, 1)[0].said_seq, 8);
	/* What comes between the list and the count is not told twice: last_seq is below it. */
	item = list_all(db, 2)[0];
	say(db, to_user(1, 2), 1000);
	assert_int_equal(unread_of(db, 2, item), 1);
	assert_int_equal(unread_of(db, 2, list_all(db, 2)[0]), 2);
}

static void unread_is_counted_over_a_thousand_rows_at_most(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items(1200, to_user(2, 1));

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(unread_of(db, 1, list_all(db, 1)[0]), 1000);
	(void)read_one(db, mark_of(1, 2, 500));
	assert_int_equal(unread_of(db, 1, list_all(db, 1)[0]), 700);
}

static void a_group_is_there_from_the_join_on_until_one_leaves(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	say(db, to_group(1, group), 1000);
	say(db, to_group(1, group), 1000);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	say(db, to_user(3, 2), 2000);
	std::vector<inbox_item> list = list_all(db, 2);
	assert_int_equal(list.size(), 2);
	assert_true(list[1].of == group && list[1].said_seq == 0 && list[1].read_seq == 2 && list[1].last_seq == 2);
	message_row row;
	uint64_t unread = 0, looked = 0;
	assert_int_equal(inbox_last(db, 2, list[1], &row, &unread, &looked), MODEL_NONE);
	/* A JOIN is an entry; it gives the group its place. */
	say(db, to_group(1, group), 3000);
	set_kind(db, group, 3, 2);
	assert_int_equal(database_run(db, "UPDATE member SET joined = 3000 WHERE account = 2"), 0);
	list = list_all(db, 2, 1);
	assert_true(list.size() == 2 && list[0].of == group && list[0].said_seq == 0 && list[0].last_seq == 3);
	say(db, to_group(1, group), 4000);
	list = list_all(db, 2);
	assert_true(list[0].of == group && list[0].said_seq == 4);
	assert_int_equal(unread_of(db, 2, list[0]), 1);
	assert_int_equal(database_run(db, "UPDATE member SET left_seq = 4 WHERE account = 2"), 0);
	assert_int_equal(list_all(db, 2).size(), 1);
}

static void a_group_that_shows_its_history_shows_its_last_message(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	say(db, to_group(1, group), 1000);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(database_run(db, "UPDATE conversation SET history_all = 1"), 0);
	const std::vector<inbox_item> list = list_all(db, 2);
	assert_true(list.size() == 1 && list[0].said_seq == 1 && list[0].read_seq == 1);
	assert_int_equal(unread_of(db, 2, list[0]), 0);
}

static void invitations_stand_among_the_conversations_by_their_time(void **state)
{
	cs_db *db = model_db(state);
	uint64_t one = 0, two = 0, ended = 0;

	assert_int_equal(group_create(db, 1, "one", "", &one), 0);
	assert_int_equal(group_create(db, 1, "two", "", &two), 0);
	assert_int_equal(group_create(db, 1, "ended", "", &ended), 0);
	say(db, to_user(3, 2), 1000);
	say(db, to_user(4, 2), 3000);
	const char *const rows[] = {"1500", "2000", "2500"};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(database_run(db, check_format("INSERT INTO invitation VALUES (%d, 2, 1, %s)",
		                                               static_cast<int>((const uint64_t[]){one, two, ended}[i]),
		                                               rows[i])),
		                 0);
	assert_int_equal(database_run(db, "UPDATE conversation SET members = 0 WHERE name = 'ended'"), 0);
	for (const size_t limit : {1, 3, 200}) {
		const std::vector<inbox_item> list = list_all(db, 2, limit);

		assert_int_equal(list.size(), 4);
		assert_true(list[0].of == 4 && list[3].of == 3 && !list[0].inviter && !list[3].inviter);
		assert_true(list[1].of == two && list[1].inviter == 1 && list[1].name == "two" && list[1].at == 2000);
		assert_true(list[2].of == one && list[2].inviter == 1);
	}
}

static void who_blocks_is_told(void **state)
{
	cs_db *db = model_db(state);

	say(db, to_user(1, 2), 1000);
	assert_int_equal(database_run(db, "INSERT INTO contact VALUES (1, 2, 0, 1)"), 0);
	assert_true(list_all(db, 2)[0].blocked && !list_all(db, 1)[0].blocked);
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void ten_thousand_conversations_are_paged_once_each(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items;
	std::set<uint64_t> others;
	uint64_t id = 0;

	assert_int_equal(db->driver->begin(db), 0);
	for (uint64_t i = 0; i < 10000; i++) {
		assert_int_equal(user_insert(db, "many " + std::to_string(i), "hash", 1, &id), 0);
		items.push_back(i % 2 ? to_user(id, 1) : to_user(1, id));
		items.back().created = static_cast<int64_t>(1000 + i / 3);
	}
	assert_int_equal(db->driver->commit(db), 0);
	for (size_t at = 0; at < items.size(); at += 500) {
		std::vector<message_append> some(items.begin() + static_cast<ptrdiff_t>(at),
		                                 items.begin() + static_cast<ptrdiff_t>(at) + 500);
		assert_int_equal(append(db, &some), 0);
	}
	const int64_t begun = milliseconds();
	const std::vector<inbox_item> all = list_all(db, 1, 200);
	print_message("51 pages of 200 took %lld ms\n", static_cast<long long>(milliseconds() - begun));
	assert_int_equal(all.size(), 10000);
	for (size_t i = 0; i < all.size(); i++) {
		assert_true(others.insert(all[i].of).second);
		assert_true(i == 0 || all[i - 1].at >= all[i].at);
	}
}

/* Pairs and groups, three of each a week; the last week's are said last. */
static void a_page_looks_only_at_the_conversations_of_its_weeks(void **state)
{
	static constexpr int64_t week = 7 * 24 * 60 * 60 * 1000;
	cs_db *db = model_db(state);
	std::vector<uint64_t> order; /* the accounts and groups, as they were said */
	uint64_t id = 0, group = 0, joined = 0;

	for (int64_t i = 0; i < 300; i++) {
		const int64_t at = (1 + i / 6) * week - 1 - 6 + i % 6;

		assert_int_equal(user_insert(db, check_format("many %d", static_cast<int>(i)), "hash", 1, &id), 0);
		if (i % 2) {
			assert_int_equal(group_create(db, id, check_format("g%d", static_cast<int>(i)), "", &group), 0);
			assert_int_equal(group_join(db, 1, group, &joined), 0);
		}
		say(db, i % 2 ? to_group(id, group) : i % 4 ? to_user(id, 1) : to_user(1, id), at);
		order.insert(order.begin(), i % 2 ? group : id);
	}
	for (const size_t limit : {1, 7, 50, 200}) {
		const std::vector<inbox_item> all = list_all(db, 1, limit);

		assert_int_equal(all.size(), order.size());
		for (size_t i = 0; i < all.size(); i++)
			assert_int_equal(all[i].of, order[i]);
	}
	/* All the groups are looked at, and of the pairs those of the weeks of the first three and of the next one. */
	std::vector<inbox_item> page;
	uint64_t looked = 0;
	bool more = false;
	assert_int_equal(inbox_list(db, 1, {}, 3, &page, &more, &looked), 0);
	assert_int_equal(looked, 150 + 3);
	/* What is said moves a conversation up, whatever the week was that it had. */
	for (const uint64_t of : {order[200], order[299]})
		say(db, of == order[200] ? to_group(1, of) : to_user(1, of), 60 * week + (of == order[299]));
	const std::vector<inbox_item> moved = list_all(db, 1, 50);
	assert_int_equal(moved.size(), order.size());
	assert_true(moved[0].of == order[299] && moved[1].of == order[200] && moved[2].of == order[0]);
}

/* A clock that goes back does not make a conversation vanish, nor come twice. */
static void a_conversation_is_listed_once_whatever_the_clock_says(void **state)
{
	cs_db *db = model_db(state);
	std::set<uint64_t> others;

	for (const int64_t at : {INT64_C(5000000000000), INT64_C(0), INT64_C(4000000000000), INT64_C(30000000000000)})
		for (uint64_t other = 2; other <= 9; other++)
			say(db, to_user(1, other), at / static_cast<int64_t>(other));
	for (const size_t limit : {1, 3, 50}) {
		others.clear();
		for (const inbox_item &item : list_all(db, 1, limit))
			assert_true(others.insert(item.of).second);
		assert_int_equal(others.size(), 8);
	}
}

static constexpr int64_t week_of_ms = INT64_C(7) * 24 * 60 * 60 * 1000;

/* Its account is both of the pair. */
static void a_conversation_with_oneself_takes_no_place_of_another(void **state)
{
	cs_db *db = model_db(state);
	inbox_position from;
	std::vector<inbox_item> page;
	uint64_t looked = 0;
	bool more = false;

	for (const uint64_t other : {4, 3, 1, 2})
		say(db, to_user(1, other), week_of_ms * static_cast<int64_t>(10 - other));
	assert_int_equal(inbox_list(db, 1, from, 3, &page, &more, &looked), 0);
	assert_int_equal(looked, 4);
	for (const size_t limit : {1, 2, 3, 4, 200}) {
		const std::vector<inbox_item> list = list_all(db, 1, limit);

		assert_int_equal(list.size(), 4);
		for (size_t i = 0; i < list.size(); i++)
			assert_int_equal(list[i].of, i + 1);
	}
}

/* Somebody acts before the second statement of a page. */
static struct {
	cs_db_driver driver;
	const cs_db_driver *real;
	std::function<void(void)> meanwhile;
} interrupted;

static int interrupted_query(cs_db *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row,
                             void *arg)
{
	if (interrupted.meanwhile && strncmp(sql, "SELECT page.kind", strlen("SELECT page.kind")) == 0)
		std::exchange(interrupted.meanwhile, nullptr)();
	return interrupted.real->query(db, sql, parameters, count, row, arg);
}

static void interrupt_the_next_page(cs_db *db, std::function<void(void)> meanwhile)
{
	if (db->driver != &interrupted.driver)
		interrupted.real = db->driver;
	interrupted.driver = *interrupted.real;
	interrupted.driver.query = interrupted_query;
	interrupted.meanwhile = std::move(meanwhile);
	db->driver = &interrupted.driver;
}

static void what_moves_up_while_a_page_is_read_does_not_end_the_list(void **state)
{
	cs_db *db = model_db(state);
	inbox_position from;
	std::vector<inbox_item> page;
	std::vector<uint64_t> listed;
	uint64_t group = 0, looked = 0;
	int64_t now = week_of_ms * 20;
	bool more = true;

	for (uint64_t other = 2; other <= 7; other++)
		say(db, to_user(1, other), week_of_ms * static_cast<int64_t>(10 - other));
	assert_int_equal(group_create(db, 1, "c++", "", &group, {}, week_of_ms), 0);
	for (const uint64_t moved : {9, 3, 5}) {
		assert_true(more);
		now++;
		interrupt_the_next_page(db, [=] { say(db, to_user(1, moved), now); });
		assert_int_equal(inbox_list(db, 1, from, 1, &page, &more, &looked), 0);
		for (const inbox_item &item : page) {
			listed.push_back(item.of);
			inbox_pass(&from, item);
		}
	}
	for (; more; inbox_pass(&from, page[0])) {
		assert_int_equal(inbox_list(db, 1, from, 1, &page, &more, &looked), 0);
		listed.push_back(page[0].of);
	}
	/* 9 has come up before the first page was read. */
	assert_true(listed == std::vector<uint64_t>({9, 2, 4, 6, 7, group}));
	db->driver = interrupted.real;
}

/* With SQLite it is not found, but the conversation is there. */
static void a_conversation_is_listed_however_many_events_are_above_its_message(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> events(inbox_events_most, event_to(CONVERSATION_PAIR, 1, 2));

	say(db, to_user(1, 3), 1000);
	say(db, to_user(1, 2), 2000);
	say(db, to_user(1, 4), 3000);
	assert_int_equal(append(db, &events), 0);
	for (const size_t limit : {1, 200}) {
		std::vector<uint64_t> others;

		for (const inbox_item &item : list_all(db, 1, limit))
			others.push_back(item.of);
		std::sort(others.begin(), others.end());
		assert_true(others == std::vector<uint64_t>({2, 3, 4}));
	}
	assert_true(list_all(db, 2)[0].said_seq <= 1);
	assert_int_equal(list_all(db, 2)[0].last_seq, inbox_events_most + 1);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(marks_rise_and_never_go_back),
		TEST(many_marks_are_raised_at_once_in_their_order),
		TEST(nothing_is_shown_to_who_blocks_the_reader_or_to_oneself),
		TEST(only_members_read_a_group_and_from_their_join_on),
		TEST(the_newest_message_comes_first),
		TEST(unread_are_messages_of_others_that_were_not_recalled),
		TEST(unread_is_counted_over_a_thousand_rows_at_most),
		TEST(a_group_is_there_from_the_join_on_until_one_leaves),
		TEST(a_group_that_shows_its_history_shows_its_last_message),
		TEST(invitations_stand_among_the_conversations_by_their_time),
		TEST(who_blocks_is_told),
		TEST(ten_thousand_conversations_are_paged_once_each),
		TEST(a_page_looks_only_at_the_conversations_of_its_weeks),
		TEST(a_conversation_is_listed_once_whatever_the_clock_says),
		TEST(a_conversation_with_oneself_takes_no_place_of_another),
		TEST(what_moves_up_while_a_page_is_read_does_not_end_the_list),
		TEST(a_conversation_is_listed_however_many_events_are_above_its_message),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
