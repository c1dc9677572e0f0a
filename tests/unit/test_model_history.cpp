/* SPDX-License-Identifier: MIT
 * Tests reading the log page by page: forwards, backwards, around a seq, and what an account may not see. */
#include "test_model.h"

#include "plugins/model/history.h"

static uint64_t talk(cs_db *db, size_t count, size_t body = 4)
{
	const std::string text(body, 'x');
	uint64_t conversation = 0;

	while (count > 0) {
		std::vector<message_append> items(std::min<size_t>(count, 250), to_user(1, 2));

		for (message_append &item : items)
			item.body = text;
		assert_int_equal(append(db, &items), 0);
		count -= items.size();
		conversation = items[0].conversation;
	}
	return conversation;
}

static void set_kind(cs_db *db, uint64_t conversation, uint64_t from, uint64_t to, int kind)
{
	const bool mysql = db->driver->dialect == CS_DB_MYSQL;

	assert_int_equal(
		database_run(db, check_format("UPDATE %s SET kind = %d WHERE conversation = %d AND %s BETWEEN "
	                                      "%d AND %d%s",
	                                      mysql ? "message" : "entry", kind, static_cast<int>(conversation),
	                                      mysql ? "seq" : "k", static_cast<int>(from), static_cast<int>(to),
	                                      mysql ? "" : " AND k < ''")),
		0);
}

static history_ask ask_for(history_direction direction, uint64_t at, size_t limit, bool events = false)
{
	history_ask ask;

	ask.account = 1;
	ask.of = 2;
	ask.direction = direction;
	ask.at = at;
	ask.limit = limit;
	ask.events = events;
	return ask;
}

static std::vector<uint64_t> seqs_of(const history_page &page)
{
	std::vector<uint64_t> seqs;

	for (const message_row &row : page.rows)
		seqs.push_back(row.seq);
	return seqs;
}

static history_page read_page(cs_db *db, const history_ask &ask)
{
	history_page page;

	assert_int_equal(history_read(db, ask, &page), 0);
	return page;
}

/* A third are events, a seventh were recalled. The first and the last are events. */
static constexpr uint64_t log_last = 121;

static std::vector<uint64_t> make_log(cs_db *db, bool events)
{
	const uint64_t conversation = talk(db, log_last);
	std::vector<uint64_t> seen;

	for (uint64_t seq = 1; seq <= log_last; seq++) {
		const int kind = seq % 3 == 1 ? 2 : seq % 7 == 0 ? 1 : 0;

		if (kind)
			set_kind(db, conversation, seq, seq, kind);
		if (events || kind < 2)
			seen.push_back(seq);
	}
	return seen;
}

static std::vector<uint64_t> slice(const std::vector<uint64_t> &all, uint64_t above, uint64_t below)
{
	std::vector<uint64_t> part;

	for (const uint64_t seq : all)
		if (seq > above && seq < below)
			part.push_back(seq);
	return part;
}

static void pages_equal_the_table(cs_db *db, bool events)
{
	const std::vector<uint64_t> all = make_log(db, events);

	for (const size_t limit : {1, 7, 50, 200})
		for (uint64_t at = 0; at <= log_last + 2; at++) {
			std::vector<uint64_t> older = slice(all, 0, at), newer = slice(all, at, UINT64_MAX);
			const bool more_older = older.size() > limit, more_newer = newer.size() > limit;
			const history_page before = read_page(db, ask_for(HISTORY_BEFORE, at, limit, events)),
					   after = read_page(db, ask_for(HISTORY_AFTER, at, limit, events));

			if (more_older)
				older.erase(older.begin(), older.end() - static_cast<ptrdiff_t>(limit));
			if (more_newer)
				newer.resize(limit);
			assert_true(seqs_of(before) == older && seqs_of(after) == newer);
			assert_true(before.older == more_older && !before.newer);
			assert_true(after.newer == more_newer && !after.older);
			assert_true(!more_older || before.before == older.front());
			assert_true(!more_newer || after.after == newer.back());
			assert_true(before.first == 1 && before.last == log_last);
		}
}

static void a_page_from_any_seq_equals_the_table(void **state)
{
	pages_equal_the_table(model_db(state), false);
}

static void a_page_with_events_equals_the_table(void **state)
{
	pages_equal_the_table(model_db(state), true);
}

static void one_pages_through_all_of_it_in_both_directions(void **state)
{
	cs_db *db = model_db(state);
	const std::vector<uint64_t> all = make_log(db, false);

	for (const size_t limit : {1, 6, 50}) {
		std::vector<uint64_t> down, up;
		history_page page = read_page(db, ask_for(HISTORY_NEWEST, 0, limit));

		for (;; page = read_page(db, ask_for(HISTORY_BEFORE, page.before, limit))) {
			const std::vector<uint64_t> seqs = seqs_of(page);

			down.insert(down.begin(), seqs.begin(), seqs.end());
			if (!page.older)
				break;
		}
		for (page = read_page(db, ask_for(HISTORY_AFTER, 0, limit));;
		     page = read_page(db, ask_for(HISTORY_AFTER, page.after, limit))) {
			const std::vector<uint64_t> seqs = seqs_of(page);

			up.insert(up.end(), seqs.begin(), seqs.end());
			if (!page.newer)
				break;
		}
		assert_true(down == all && up == all);
	}
}

static void around_a_seq_are_its_neighbours_on_both_sides(void **state)
{
	cs_db *db = model_db(state);
	const std::vector<uint64_t> all = make_log(db, false);

	for (const size_t limit : {1, 2, 9, 200})
		for (uint64_t at = 0; at <= log_last + 2; at++) {
			std::vector<uint64_t> older = slice(all, 0, at),
					      newer = slice(all, at ? at - 1 : 0, UINT64_MAX);
			const bool more_older = older.size() > limit / 2, more_newer = newer.size() > limit - limit / 2;
			const history_page page = read_page(db, ask_for(HISTORY_AROUND, at, limit));

			if (more_older)
				older.erase(older.begin(), older.end() - static_cast<ptrdiff_t>(limit / 2));
			if (more_newer)
				newer.resize(limit - limit / 2);
			const uint64_t last = newer.empty() ? 0 : newer.back();
			const uint64_t first = older.empty() ? std::max<uint64_t>(at, 1) : older.front();
			older.insert(older.end(), newer.begin(), newer.end());
			assert_true(seqs_of(page) == older);
			assert_true(page.older == more_older && page.newer == more_newer);
			assert_true(!more_older || page.before == std::min(first, log_last + 1) || page.before == at);
			assert_true(!more_newer || page.after == last);
		}
}

static void behind_many_events_a_page_is_empty_and_says_where_to_go_on(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t conversation = talk(db, 2600);

	set_kind(db, conversation, 51, 2600, 2);
	history_page page = read_page(db, ask_for(HISTORY_NEWEST, 0, 50));
	assert_true(page.rows.empty() && page.older && page.before == 601);
	assert_int_equal(page.looked, 2000);
	page = read_page(db, ask_for(HISTORY_BEFORE, page.before, 50));
	assert_true(page.rows.size() == 50 && !page.older);
	page = read_page(db, ask_for(HISTORY_AFTER, 50, 50));
	assert_true(page.rows.empty() && page.newer && page.after == 2050);
	page = read_page(db, ask_for(HISTORY_AFTER, page.after, 50));
	assert_true(page.rows.empty() && !page.newer);
	page = read_page(db, ask_for(HISTORY_AROUND, 1300, 50));
	assert_true(page.rows.empty() && page.older && page.newer && page.before == 300 && page.after == 2299);
	/* A page costs what it looked at. */
	assert_int_equal(read_page(db, ask_for(HISTORY_AFTER, 0, 20)).looked, 20);
}

static void a_page_has_at_most_256_kib_but_one_message_at_least(void **state)
{
	cs_db *db = model_db(state);

	(void)talk(db, 12, 60000);
	history_page page = read_page(db, ask_for(HISTORY_NEWEST, 0, 50));
	assert_true(seqs_of(page) == std::vector<uint64_t>({9, 10, 11, 12}));
	assert_true(page.older && page.before == 9);
	page = read_page(db, ask_for(HISTORY_AFTER, 0, 50));
	assert_true(seqs_of(page) == std::vector<uint64_t>({1, 2, 3, 4}));
	assert_true(page.newer && page.after == 4);
	page = read_page(db, ask_for(HISTORY_AROUND, 6, 50));
	assert_true(seqs_of(page) == std::vector<uint64_t>({4, 5, 6, 7}));
	assert_true(page.older && page.before == 4 && page.newer && page.after == 7);

	(void)talk(db, 1, 300000);
	page = read_page(db, ask_for(HISTORY_NEWEST, 0, 50));
	assert_true(seqs_of(page) == std::vector<uint64_t>({13}));
	assert_true(page.older && page.before == 13);
	page = read_page(db, ask_for(HISTORY_AROUND, 13, 50));
	assert_true(seqs_of(page) == std::vector<uint64_t>({13}));
	assert_true(page.older && page.before == 13);
	page = read_page(db, ask_for(HISTORY_AFTER, 11, 50));
	assert_true(seqs_of(page) == std::vector<uint64_t>({12}));
	assert_true(page.newer && page.after == 12);
}

static void a_pair_that_never_talked_has_an_empty_page_and_an_unknown_account_none(void **state)
{
	cs_db *db = model_db(state);
	history_ask ask = ask_for(HISTORY_NEWEST, 0, 50);
	history_page page = read_page(db, ask);

	assert_true(page.rows.empty() && !page.first && !page.last && !page.older && !page.newer);
	ask.of = 4711;
	assert_int_equal(history_read(db, ask, &page), MODEL_NONE);
	ask.of = 1;
	assert_int_equal(history_read(db, ask, &page), 0);
}

static void in_a_group_one_sees_what_came_after_the_join(void **state)
{
	cs_db *db = model_db(state);
	history_ask ask = ask_for(HISTORY_NEWEST, 0, 50);
	history_page page;
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items = {to_group(1, group), to_group(1, group), to_group(1, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	ask.kind = CONVERSATION_GROUP;
	ask.account = 2;
	ask.of = group;
	page = read_page(db, ask);
	assert_true(page.rows.empty() && !page.first && !page.last);
	assert_int_equal(append(db, &items), 0);
	page = read_page(db, ask);
	assert_true(seqs_of(page) == std::vector<uint64_t>({4, 5, 6}) && page.first == 4 && page.last == 6);
	assert_true(!page.older);
	ask.direction = HISTORY_AFTER;
	assert_true(seqs_of(read_page(db, ask)) == std::vector<uint64_t>({4, 5, 6}));
	assert_int_equal(database_run(db, "UPDATE conversation SET history_all = 1"), 0);
	page = read_page(db, ask);
	assert_true(page.rows.size() == 6 && page.first == 1 && page.last == 6);
}

static void former_members_and_strangers_see_nothing(void **state)
{
	cs_db *db = model_db(state);
	history_ask ask = ask_for(HISTORY_NEWEST, 0, 50);
	history_page page;
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(database_run(db, "UPDATE member SET left_seq = 5 WHERE account = 2"), 0);
	assert_int_equal(database_run(db, "UPDATE conversation SET history_all = 1"), 0);
	ask.kind = CONVERSATION_GROUP;
	ask.of = group;
	for (const uint64_t account : {2, 3}) {
		ask.account = account;
		assert_int_equal(history_read(db, ask, &page), MODEL_NOT_MEMBER);
	}
	ask.of = group + 1;
	assert_int_equal(history_read(db, ask, &page), MODEL_NONE);
	/* A pair is no group, a group that has ended is none any more. */
	ask.of = talk(db, 1);
	assert_int_equal(history_read(db, ask, &page), MODEL_NONE);
	ask.account = 1;
	ask.of = group;
	assert_int_equal(history_read(db, ask, &page), 0);
	assert_int_equal(database_run(db, "UPDATE conversation SET members = 0"), 0);
	assert_int_equal(history_read(db, ask, &page), MODEL_NONE);
}

/* What was removed leaves a gap; the first is the lowest that is there. */
static void what_was_removed_is_passed_over(void **state)
{
	cs_db *db = model_db(state);
	const bool mysql = db->driver->dialect == CS_DB_MYSQL;

	(void)talk(db, 60);
	assert_int_equal(database_run(db, mysql ? "DELETE FROM message WHERE seq <= 20 OR seq = 40"
	                                        : "DELETE FROM entry WHERE k < '' AND (k <= 20 OR k = 40)"),
	                 0);
	history_page page = read_page(db, ask_for(HISTORY_NEWEST, 0, 30));
	assert_true(page.first == 21 && page.last == 60 && page.rows.front().seq == 30 && page.older);
	page = read_page(db, ask_for(HISTORY_BEFORE, 30, 30));
	assert_true(page.rows.size() == 9 && page.rows.front().seq == 21 && !page.older);
	page = read_page(db, ask_for(HISTORY_AFTER, 3, 30));
	assert_true(page.rows.front().seq == 21 && page.rows.back().seq == 51 && page.newer && page.after == 51);
	assert_true(read_page(db, ask_for(HISTORY_BEFORE, 10, 30)).rows.empty());
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_page_from_any_seq_equals_the_table),
		TEST(a_page_with_events_equals_the_table),
		TEST(one_pages_through_all_of_it_in_both_directions),
		TEST(around_a_seq_are_its_neighbours_on_both_sides),
		TEST(behind_many_events_a_page_is_empty_and_says_where_to_go_on),
		TEST(a_page_has_at_most_256_kib_but_one_message_at_least),
		TEST(a_pair_that_never_talked_has_an_empty_page_and_an_unknown_account_none),
		TEST(in_a_group_one_sees_what_came_after_the_join),
		TEST(former_members_and_strangers_see_nothing),
		TEST(what_was_removed_is_passed_over),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
