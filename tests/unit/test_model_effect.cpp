/* SPDX-License-Identifier: MIT
 * Tests entries with an effect: what they change, in which order, and what undoes them. */
#include "test_model.h"

#include <functional>
#include <future>

/* An effect that a test writes as a lambda. */
using effect = std::function<int(cs_db *db, message_append *item)>;

static int run_effect(cs_db *db, message_append *item, void *arg)
{
	return (*static_cast<effect *>(arg))(db, item);
}

static message_append entry_of(conversation_kind kind, uint64_t sender, uint64_t to, effect *fn,
                               std::string_view cid = {})
{
	message_append item = event_to(kind, sender, to, cid);

	item.effect = run_effect;
	item.arg = fn;
	return item;
}

static int change(cs_db *db, const char *text, uint64_t conversation, uint64_t account)
{
	const cs_db_value values[] = {{CS_DB_INTEGER, static_cast<int64_t>(conversation), nullptr, 0},
	                              {CS_DB_INTEGER, static_cast<int64_t>(account), nullptr, 0}};

	return db->driver->query(db, text, values, 2, nullptr, nullptr);
}

/* The account becomes a member, or is one no more. */
static effect joining(uint64_t account)
{
	return [=](cs_db *db, message_append *item) {
		uint64_t joined = 0;

		return group_join(db, account, item->conversation, &joined) ? MODEL_REFUSED : 0;
	};
}

static effect leaving(uint64_t account)
{
	return [=](cs_db *db, message_append *item) {
		return change(db, "UPDATE member SET left_seq = 1 WHERE conversation = ? AND account = ?",
		              item->conversation, account);
	};
}

static uint64_t group_with(cs_db *db, uint64_t creator, const std::string &name)
{
	uint64_t group = 0;

	assert_int_equal(group_create(db, creator, name, "", &group), 0);
	return group;
}

static void an_entry_with_an_effect_takes_the_next_seq_and_is_an_event(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	std::vector<uint64_t> seqs;
	effect note = [&](cs_db *, message_append *item) {
		seqs.push_back(item->seq);
		assert_true(item->conversation == group && item->created == 5000);
		return 0;
	};
	std::vector<message_append> items = {to_group(1, group), entry_of(CONVERSATION_GROUP, 1, group, &note),
	                                     to_group(1, group), entry_of(CONVERSATION_GROUP, 1, group, &note)};
	std::vector<message_row> rows;

	assert_int_equal(append(db, &items), 0);
	for (size_t i = 0; i < items.size(); i++)
		assert_true(!items[i].outcome && items[i].seq == i + 1 && items[i].conversation == group);
	assert_true(seqs == std::vector<uint64_t>({2, 4}));
	assert_int_equal(message_read(db, group, 0, 10, &rows), 0);
	assert_int_equal(rows.size(), 4);
	for (size_t i = 0; i < rows.size(); i++)
		assert_int_equal(rows[i].kind, i % 2 ? ENTRY_EVENT : ENTRY_MESSAGE);
	std::vector<message_append> more = {to_group(1, group)};
	assert_int_equal(append(db, &more), 0);
	assert_int_equal(more[0].seq, 5);
}

/* Before it, after it, and in the other group. */
static void what_follows_an_effect_is_judged_anew(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++"), other = group_with(db, 1, "go");
	effect in = joining(2), out = leaving(2);
	std::vector<message_append> items = {
		to_group(2, group), entry_of(CONVERSATION_GROUP, 2, group, &in),  to_group(2, group),
		to_group(2, other), entry_of(CONVERSATION_GROUP, 2, group, &out), to_group(2, group),
		to_group(1, group)};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, MODEL_NOT_MEMBER);
	assert_int_equal(items[1].seq, 1);
	assert_int_equal(items[2].seq, 2);
	assert_int_equal(items[3].outcome, MODEL_NOT_MEMBER);
	assert_int_equal(items[4].seq, 3);
	assert_int_equal(items[5].outcome, MODEL_NOT_MEMBER);
	assert_int_equal(items[6].seq, 4);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 4);
}

static void a_refused_effect_is_undone_and_the_rest_of_the_batch_is_stored(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	effect half = [](cs_db *of, message_append *item) {
		uint64_t joined = 0;

		assert_int_equal(group_join(of, 3, item->conversation, &joined), 0);
		return static_cast<int>(MODEL_REFUSED);
	};
	std::vector<message_append> items = {to_group(1, group), entry_of(CONVERSATION_GROUP, 1, group, &half, "x"),
	                                     to_group(3, group), to_group(1, group, "x")};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].seq, 1);
	assert_true(items[1].outcome == MODEL_REFUSED && items[1].seq == 0);
	assert_int_equal(items[2].outcome, MODEL_NOT_MEMBER);
	/* Its cid is not used up. */
	assert_true(items[3].seq == 2 && !items[3].repeated);
	assert_int_equal(database_number(db, "SELECT count(*) FROM member"), 1);
}

static void an_effect_may_be_done_without_an_entry(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	effect outside = [](cs_db *of, message_append *item) {
		assert_int_equal(change(of, "INSERT INTO invitation VALUES (?, ?, 1, 0)", item->conversation, 3), 0);
		return static_cast<int>(MODEL_NO_ENTRY);
	};
	std::vector<message_append> items = {to_group(1, group), entry_of(CONVERSATION_GROUP, 1, group, &outside, "x"),
	                                     to_group(1, group)};

	assert_int_equal(append(db, &items), 0);
	assert_true(items[1].outcome == MODEL_NO_ENTRY && items[1].seq == 0);
	assert_true(items[0].seq == 1 && items[2].seq == 2);
	assert_int_equal(database_number(db, "SELECT count(*) FROM invitation"), 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 2);
}

static void a_repeated_cid_is_answered_with_the_first_ones_seq_and_its_effect_does_not_run(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	int runs = 0;
	effect count = [&](cs_db *, message_append *) {
		runs++;
		return 0;
	};
	std::vector<message_append> first = {to_group(1, group), entry_of(CONVERSATION_GROUP, 1, group, &count, "a"),
	                                     to_group(1, group, "b")};
	std::vector<message_append> again = {entry_of(CONVERSATION_GROUP, 1, group, &count, "a"),
	                                     to_group(1, group, "a"), to_group(1, group, "c"),
	                                     entry_of(CONVERSATION_GROUP, 1, group, &count, "c"),
	                                     entry_of(CONVERSATION_GROUP, 1, group, &count, "b")};

	assert_int_equal(append(db, &first), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(append(db, &again), 0);
	assert_true(again[0].repeated && again[0].seq == 2);
	assert_true(again[1].repeated && again[1].seq == 2);
	assert_true(!again[2].repeated && again[2].seq == 4);
	assert_true(again[3].repeated && again[3].seq == 4);
	assert_true(again[4].repeated && again[4].seq == 3);
	assert_int_equal(runs, 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 4);
}

struct counter {
	cs_db base;
	cs_db_driver driver;
	cs_db *real;
	int statements;
};

static int count_query(cs_db *db, const char *text, const cs_db_value *values, size_t count, cs_db_row_fn *row,
                       void *arg)
{
	counter *c = reinterpret_cast<counter *>(db);

	c->statements++;
	return c->real->driver->query(c->real, text, values, count, row, arg);
}

static int64_t count_last_id(cs_db *db)
{
	cs_db *real = reinterpret_cast<counter *>(db)->real;

	return real->driver->last_id(real);
}

static int count_nothing(cs_db *)
{
	return 0;
}

static int statements_of(cs_db *db, std::vector<message_append> *items)
{
	counter c = {{}, *db->driver, db, 0};
	std::vector<message_append *> pointers;

	c.driver.query = count_query;
	c.driver.last_id = count_last_id;
	c.driver.savepoint = c.driver.release = c.driver.rollback_to = count_nothing;
	c.base.driver = &c.driver;
	for (message_append &item : *items)
		pointers.push_back(&item);
	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	assert_int_equal(db->driver->commit(db), 0);
	return c.statements;
}

/* Ten groups with a message, an event and a message each: the batch is cut once, and not ten times. */
static void an_effect_cuts_the_batch_for_its_own_conversation_only(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> warm, items;
	effect nothing = [](cs_db *, message_append *) {
		return 0;
	};

	for (int i = 0; i < 10; i++) {
		const uint64_t group = group_with(db, 1, check_format("g%d", i));

		warm.push_back(to_group(1, group));
		items.push_back(to_group(1, group));
		items.push_back(entry_of(CONVERSATION_GROUP, 1, group, &nothing));
		items.push_back(to_group(1, group));
	}
	(void)statements_of(db, &warm);
	/* Locks; members, rows and last seqs of messages, twice; a look at what the effects have changed; a row and a
	 * last seq of each event. With SQLite a body and an entry each. */
	const bool mysql = db->driver->dialect == CS_DB_MYSQL;
	assert_int_equal(statements_of(db, &items), mysql ? 1 + 2 * 3 + 1 + 10 * 2 : 1 + 2 * 1 + 1 + 30 * 2);
	for (size_t i = 0; i < items.size(); i++)
		assert_true(!items[i].outcome && items[i].seq == 2 + i % 3);
	/* The effects keep their order, also where that costs a cut. */
	std::vector<uint64_t> order;
	effect note = [&](cs_db *, message_append *item) {
		order.push_back(item->to);
		return 0;
	};
	const uint64_t a = items[0].to, b = items[3].to, c = items[6].to;
	std::vector<message_append> mixed = {
		entry_of(CONVERSATION_GROUP, 1, a, &note), to_group(1, a), entry_of(CONVERSATION_GROUP, 1, a, &note),
		entry_of(CONVERSATION_GROUP, 1, b, &note), to_group(1, c), to_group(1, b),
		entry_of(CONVERSATION_GROUP, 1, c, &note)};
	(void)statements_of(db, &mixed);
	assert_true(order == std::vector<uint64_t>({a, a, b, c}));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mixed[i].seq, 5 + i);
	assert_true(mixed[3].seq == 5 && mixed[5].seq == 6 && mixed[4].seq == 5 && mixed[6].seq == 6);
}

/* Of the events two have the same msgid, as stored. */
static void a_cid_repeats_an_entry_of_the_same_msgid_only(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	int runs = 0;
	effect count = [&](cs_db *, message_append *) {
		runs++;
		return 0;
	};
	const auto with = [](message_append item, uint32_t msgid, std::string_view body) {
		item.msgid = msgid;
		item.body = body;
		return item;
	};
	const message_append chat = with(to_group(1, group, "m"), 9, R"({"msgid":9,"msg":"x"})"),
			     edit = with(entry_of(CONVERSATION_GROUP, 1, group, &count, "e"), 160, R"({"msgid":160})");
	std::vector<message_append> first = {chat, edit};
	std::vector<message_append> again = {chat, edit, chat, edit, edit, chat};

	assert_int_equal(append(db, &first), 0);
	again[2].cid = "e";
	again[3].cid = "m";
	again[4].msgid = 161;
	again[5].cid = "new";
	assert_int_equal(append(db, &again), 0);
	assert_true(again[0].repeated && again[0].seq == 1 && again[1].repeated && again[1].seq == 2);
	for (size_t i = 2; i < 5; i++)
		assert_true(again[i].outcome == MODEL_OTHER_CID && !again[i].repeated && again[i].seq == 0);
	assert_true(again[5].outcome == 0 && again[5].seq == 3);
	/* Also for who may not write there any more. */
	assert_int_equal(database_run(db, "UPDATE member SET left_seq = 3"), 0);
	std::vector<message_append> refused = {chat, edit, chat};
	refused[2].cid = "e";
	assert_int_equal(append(db, &refused), 0);
	assert_true(refused[0].repeated && refused[1].repeated && refused[2].outcome == MODEL_OTHER_CID);
	assert_int_equal(runs, 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 3);
}

static void a_group_that_an_effect_makes_begins_with_its_entry(void **state)
{
	cs_db *db = model_db(state);
	uint64_t seq = 0, conversation = 9;
	effect make = [&](cs_db *of, message_append *item) {
		seq = item->seq;
		conversation = item->conversation;
		return group_create(of, item->sender, "new", "", &item->conversation) ? MODEL_REFUSED : 0;
	};
	std::vector<message_append> items = {to_user(1, 2), entry_of(CONVERSATION_GROUP, 1, 0, &make),
	                                     entry_of(CONVERSATION_GROUP, 2, 0, &make)};

	assert_int_equal(append(db, &items), 0);
	assert_true(seq == 1 && conversation == 0);
	assert_true(items[1].seq == 1 && items[1].conversation != 0 && items[1].outcome == 0);
	assert_int_equal(items[2].outcome, MODEL_REFUSED);
	std::vector<message_append> more = {to_group(1, items[1].conversation)};
	assert_int_equal(append(db, &more), 0);
	assert_int_equal(more[0].seq, 2);
}

static void no_conversation_is_given_where_there_is_none_and_no_pair_is_made(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	unsigned runs = 0;
	effect look = [&](cs_db *, message_append *item) {
		runs++;
		assert_true(item->conversation == 0 && item->seq == 1);
		return static_cast<int>(MODEL_REFUSED);
	};
	effect out = [&](cs_db *of, message_append *item) {
		const int result = leaving(1)(of, item);

		return result ? result
		              : change(of, "UPDATE conversation SET members = 0 WHERE id = ? AND id < ?", group,
		                       UINT32_MAX);
	};
	std::vector<message_append> items = {entry_of(CONVERSATION_PAIR, 1, 2, &look),
	                                     entry_of(CONVERSATION_GROUP, 1, 999, &look),
	                                     entry_of(CONVERSATION_GROUP, 1, group, &out, "out"), to_group(1, group)};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(items[2].seq, 1);
	assert_int_equal(items[3].outcome, MODEL_NONE);
	assert_int_equal(database_number(db, "SELECT count(*) FROM conversation WHERE kind = 0"), 0);
	/* The group has ended, yet the cid of the last leave is found. */
	effect ended = [](cs_db *, message_append *item) {
		assert_int_equal(item->conversation, 0);
		return static_cast<int>(MODEL_REFUSED);
	};
	std::vector<message_append> again = {entry_of(CONVERSATION_GROUP, 1, group, &ended, "out"),
	                                     entry_of(CONVERSATION_GROUP, 1, group, &ended, "other")};
	assert_int_equal(append(db, &again), 0);
	assert_true(again[0].repeated && again[0].seq == 1);
	assert_int_equal(again[1].outcome, MODEL_REFUSED);
}

static void an_effect_that_the_database_fails_fails_the_batch_with_its_part_ended(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");

	for (const int failure : {CS_DB_BAD_VALUE, CS_DB_FAILED}) {
		effect fail = [=](cs_db *, message_append *) {
			return failure;
		};
		std::vector<message_append> items = {to_group(1, group), entry_of(CONVERSATION_GROUP, 1, group, &fail)};
		message_append *pointers[] = {&items[0], &items[1]};

		assert_int_equal(db->driver->begin(db), 0);
		assert_int_equal(message_append_all(db, pointers, false), failure);
		assert_int_equal(db->depth, 1);
		db->driver->rollback(db);
	}
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 0);
}

static void a_muted_member_is_told_until_when(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = group_with(db, 1, "c++");
	uint64_t joined = 0;

	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(group_join(db, 3, group, &joined), 0);
	assert_int_equal(database_run(db, "UPDATE member SET muted = 5001 WHERE account = 2"), 0);
	effect mute = [=](cs_db *of, message_append *item) {
		return change(of, "UPDATE conversation SET muted = 7000 WHERE id = ? AND id < ?", item->conversation,
		              UINT32_MAX);
	};
	std::vector<message_append> items = {
		to_group(2, group), to_group(3, group), entry_of(CONVERSATION_GROUP, 1, group, &mute),
		to_group(1, group), to_group(2, group), to_group(3, group)};
	items[5].created = 7000;
	assert_int_equal(append(db, &items), 0);
	assert_true(items[0].outcome == MODEL_MUTED && items[0].until == 5001);
	assert_int_equal(items[1].seq, 1);
	assert_int_equal(items[2].seq, 2);
	assert_int_equal(items[3].seq, 3); /* the creator */
	assert_true(items[4].outcome == MODEL_MUTED && items[4].until == 7000);
	assert_int_equal(items[5].seq, 4); /* it is over */
}

/* Two writers lock the same accounts and conversations in batches of opposite orders. */
static void batches_with_effects_in_opposite_orders_do_not_deadlock(void **state)
{
	model_fixture *f = static_cast<model_fixture *>(*state);
	cs_db *db = f->db;
	const uint64_t groups[] = {group_with(db, 1, "a"), group_with(db, 1, "b")};
	effect nothing = [](cs_db *, message_append *) {
		return 0;
	};

	const auto writer = [&](bool up) {
		cs_db *own = database_open(&f->database);
		unsigned deadlocks = 0;

		for (int round = 0; round < 200; round++) {
			std::vector<message_append> items;

			for (const int i : {0, 1}) {
				const bool first = (i == 0) == up;

				items.push_back(entry_of(CONVERSATION_GROUP, 1, groups[first ? 0 : 1], &nothing));
				items.back().lock = first ? 2 : 3;
				items.push_back(to_group(1, groups[first ? 1 : 0]));
			}
			deadlocks += append(own, &items) != 0;
		}
		own->driver->close(own);
		return deadlocks;
	};
	std::future<unsigned> other = std::async(std::launch::async, writer, true);
	assert_int_equal(writer(false), 0);
	assert_int_equal(other.get(), 0);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 1600);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(an_entry_with_an_effect_takes_the_next_seq_and_is_an_event),
		TEST(what_follows_an_effect_is_judged_anew),
		TEST(a_refused_effect_is_undone_and_the_rest_of_the_batch_is_stored),
		TEST(an_effect_may_be_done_without_an_entry),
		TEST(a_repeated_cid_is_answered_with_the_first_ones_seq_and_its_effect_does_not_run),
		TEST(an_effect_cuts_the_batch_for_its_own_conversation_only),
		TEST(a_cid_repeats_an_entry_of_the_same_msgid_only),
		TEST(a_group_that_an_effect_makes_begins_with_its_entry),
		TEST(no_conversation_is_given_where_there_is_none_and_no_pair_is_made),
		TEST(an_effect_that_the_database_fails_fails_the_batch_with_its_part_ended),
		TEST(a_muted_member_is_told_until_when),
	};
	/* SQLite has one writer. */
	const CMUnitTest mariadb_tests[] = {
		TEST(batches_with_effects_in_opposite_orders_do_not_deadlock),
	};

	if (mariadb_wanted() && cmocka_run_group_tests(mariadb_tests, nullptr, nullptr))
		return 1;
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
