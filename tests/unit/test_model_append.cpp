/* SPDX-License-Identifier: MIT
 * Tests appending messages: seq, repetitions, unknown users, members. */
#include "test_model.h"

#include "plugins/model/dialect.h"

#include <map>
#include <random>
#include <set>
#include <tuple>

static void seq_counts_per_conversation_from_one_in_the_order_of_the_items(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2), to_user(3, 1), to_user(2, 1), to_user(1, 2)};
	std::vector<message_append> more = {to_user(2, 1), to_user(1, 3)};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].seq, 1);
	assert_int_equal(items[1].seq, 1);
	assert_int_equal(items[2].seq, 2);
	assert_int_equal(items[3].seq, 3);
	assert_true(items[0].conversation == items[2].conversation);
	assert_true(items[0].conversation != items[1].conversation);
	assert_int_equal(append(db, &more), 0);
	assert_int_equal(more[0].seq, 4);
	assert_int_equal(more[1].seq, 2);
	assert_true(more[0].conversation == items[0].conversation);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 6);
}

static void what_was_appended_is_read_back(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2), to_user(2, 1), to_user(1, 2)};
	std::vector<message_row> rows;
	const std::string large(60000, 'l');

	items[1].body = large;
	items[1].created = 1234567890123;
	items[2].body = "{\"msg\":\"\xe4\xbd\xa0\"}";
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(message_read(db, items[0].conversation, 1, 10, &rows), 0);
	assert_int_equal(rows.size(), 2);
	assert_true(rows[0].seq == 2 && rows[0].sender == 2 && rows[0].created == 1234567890123);
	assert_true(rows[0].body == large);
	assert_true(rows[1].seq == 3 && rows[1].sender == 1 && rows[1].body == "{\"msg\":\"\xe4\xbd\xa0\"}");
	assert_int_equal(message_read(db, items[0].conversation, 0, 1, &rows), 0);
	assert_int_equal(rows.size(), 3);
	assert_true(rows[2].seq == 1);
}

static void an_account_can_talk_to_itself(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(4, 4), to_user(4, 4)};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[1].seq, 2);
	assert_int_equal(database_number(db, "SELECT count(*) FROM conversation WHERE low = 4 AND high = 4"), 1);
}

static void an_unknown_receiver_gets_no_row_and_the_others_get_theirs(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 99), to_user(1, 2), to_user(1, 0), to_group(1, 99),
	                                     to_user(1, 2)};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, MODEL_NONE);
	assert_int_equal(items[2].outcome, MODEL_NONE);
	assert_int_equal(items[3].outcome, MODEL_NONE);
	assert_int_equal(items[1].outcome, 0);
	assert_int_equal(items[1].seq, 1);
	assert_int_equal(items[4].seq, 2);
	assert_int_equal(database_number(db, "SELECT count(*) FROM conversation"), 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 2);
}

static void only_members_send_to_a_group(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	std::vector<message_append> items = {to_group(1, group), to_group(3, group), to_group(2, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].seq, 1);
	assert_int_equal(items[1].outcome, MODEL_NOT_MEMBER);
	assert_int_equal(items[1].seq, 0);
	assert_int_equal(items[2].seq, 2);
	assert_true(items[0].conversation == group);
}

static void a_pair_named_as_a_group_is_none(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2)};

	assert_int_equal(append(db, &items), 0);
	std::vector<message_append> both = {to_group(1, items[0].conversation), to_user(1, 2)};
	assert_int_equal(append(db, &both), 0);
	assert_int_equal(both[0].outcome, MODEL_NONE);
	assert_int_equal(both[1].seq, 2);
}

static void a_group_and_a_pair_whose_account_has_its_number_are_two(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> items = {to_group(1, group), to_user(1, group), to_user(1, group)};
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].seq, 1);
	assert_int_equal(items[2].seq, 2);
	assert_true(items[2].conversation != group);
}

/* SQLite does not look at it, because it finds and locks a pair with one statement. */
static void a_wrong_known_conversation_is_found_out_and_changes_nothing(void **state)
{
	cs_db *db = model_db(state);
	const bool mysql = db->driver->dialect == CS_DB_MYSQL;
	std::vector<message_append> first = {to_user(1, 2), to_user(3, 4), to_user(7, 8)};
	uint64_t group = 0, seq = 1;

	assert_int_equal(append(db, &first), 0);
	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	for (const uint64_t wrong : {first[1].conversation, first[2].conversation, group, UINT64_C(4711)}) {
		std::vector<message_append> items = {to_user(3, 4), to_user(1, 2), to_user(5, 6)};

		items[1].known = wrong;
		assert_int_equal(append_once(db, &items, false), mysql ? CS_DB_DUPLICATE : 0);
		if (mysql)
			assert_int_equal(append_once(db, &items, true), 0);
		seq++;
		assert_int_equal(items[0].seq, seq);
		assert_int_equal(items[1].seq, seq);
		assert_true(items[0].conversation == first[1].conversation);
		assert_true(items[1].conversation == first[0].conversation);
	}
	assert_int_equal(database_number(db, "SELECT count(*) FROM conversation"), 5);
}

static void a_known_conversation_is_used_by_both_accounts(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> first = {to_user(2, 1), to_user(3, 3)};

	assert_int_equal(append(db, &first), 0);
	/* Only some of those who write know it. */
	std::vector<message_append> items = {to_user(1, 2), to_user(2, 1), to_user(1, 2), to_user(3, 3), to_user(1, 3)};
	items[1].known = first[0].conversation;
	items[3].known = first[1].conversation;
	assert_int_equal(append_once(db, &items, false), 0);
	assert_int_equal(items[0].seq, 2);
	assert_int_equal(items[1].seq, 3);
	assert_int_equal(items[2].seq, 4);
	assert_int_equal(items[3].seq, 2);
	assert_int_equal(items[4].seq, 1);
	assert_true(items[1].conversation == first[0].conversation);
	assert_true(items[3].conversation == first[1].conversation);
}

static void a_stored_cid_is_a_duplicate_and_is_answered_with_the_first_ones_seq(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> first = {to_user(1, 2), to_user(1, 2, "a")};
	std::vector<message_append> again = {to_user(1, 2, "b"), to_user(1, 2, "a"), to_user(2, 1, "a")};

	assert_int_equal(append(db, &first), 0);
	for (message_append &item : again)
		item.created = 9999;
	assert_int_equal(append_once(db, &again, false), CS_DB_DUPLICATE);
	assert_int_equal(append_once(db, &again, true), 0);
	assert_false(again[0].repeated);
	assert_int_equal(again[0].seq, 3);
	assert_true(again[1].repeated);
	assert_int_equal(again[1].seq, 2);
	assert_int_equal(again[1].created, 5000);
	assert_true(again[1].conversation == first[1].conversation);
	/* Another sender's cid is another cid. */
	assert_false(again[2].repeated);
	assert_int_equal(again[2].seq, 4);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 4);
}

static void a_cid_twice_in_one_batch_is_stored_once(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2, "a"), to_user(1, 2), to_user(1, 2, "a"), to_user(1, 2, "a"),
	                                     to_user(1, 2, "b")};

	items[0].created = 1;
	assert_int_equal(append_once(db, &items, false), CS_DB_DUPLICATE);
	assert_int_equal(append_once(db, &items, true), 0);
	assert_false(items[0].repeated);
	assert_true(items[2].repeated && items[3].repeated);
	assert_int_equal(items[2].seq, 1);
	assert_int_equal(items[3].seq, 1);
	assert_int_equal(items[3].created, 1);
	assert_int_equal(items[4].seq, 3);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 3);
}

static void a_cid_belongs_to_its_conversation(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> first = {to_user(1, 2), to_user(1, 2, "a")};
	std::vector<message_append> others = {to_user(1, 3, "a"), to_group(1, group, "a"), to_user(1, 1, "a")};
	std::vector<message_append> again = {to_user(1, 2, "a"), to_user(1, 3, "a"), to_group(1, group, "a"),
	                                     to_user(1, 1, "a"), to_user(1, 4, "a")};
	assert_int_equal(append_once(db, &first, false), 0);
	assert_int_equal(append_once(db, &others, false), 0);
	for (const message_append &item : others) {
		assert_false(item.repeated);
		assert_int_equal(item.seq, 1);
	}
	assert_int_equal(append(db, &again), 0);
	for (size_t i = 0; i < 4; i++)
		assert_true(again[i].repeated);
	assert_int_equal(again[0].seq, 2);
	assert_true(again[0].conversation == first[1].conversation);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(again[i + 1].seq, 1);
		assert_true(again[i + 1].conversation == others[i].conversation);
	}
	assert_false(again[4].repeated);
	assert_int_equal(again[4].seq, 1);
}

/* A cid is no number and no seq, whatever it looks like; upper and lower case, blanks and bytes count. */
static void cids_are_told_apart_by_their_bytes(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items;

	for (const std::string_view cid :
	     {"1", "01", "1.0", " 1", "1 ", "2", "a", "A", "\xc3\xa4", "a\xcc\x88", "-1", "1e0", "9223372036854775808"})
		items.push_back(to_user(1, 2, cid));
	const std::string longest(64, 'z'), nul("\0\1\xff\0x", 5), shorter("\0\1\xff\0", 4);
	for (const std::string_view cid : {std::string_view(longest), std::string_view(nul), std::string_view(shorter)})
		items.push_back(to_user(1, 2, cid));
	std::vector<message_append> again = items;
	assert_int_equal(append_once(db, &items, false), 0);
	assert_int_equal(append(db, &again), 0);
	for (size_t i = 0; i < items.size(); i++) {
		assert_true(again[i].repeated);
		assert_int_equal(again[i].seq, i + 1);
	}
	std::vector<message_append> next = {to_user(2, 1)};
	assert_int_equal(append(db, &next), 0);
	assert_int_equal(next[0].seq, items.size() + 1);
}

/* It is looked up before any permission. */
static void a_repetition_of_a_former_member_is_found_with_care_and_without(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	std::vector<message_append> first = {to_group(1, group), to_group(1, group, "a")};
	std::vector<message_append> again = {to_group(1, group, "a"), to_group(1, group, "b"), to_user(1, 99, "a")};
	assert_int_equal(append(db, &first), 0);
	assert_int_equal(database_run(db, "DELETE FROM member"), 0);
	for (const bool careful : {false, true}) {
		assert_int_equal(append_once(db, &again, careful), 0);
		assert_true(again[0].repeated);
		assert_int_equal(again[0].outcome, 0);
		assert_int_equal(again[0].seq, 2);
		assert_int_equal(again[1].outcome, MODEL_NOT_MEMBER);
		assert_int_equal(again[2].outcome, MODEL_NONE);
	}
}

static void a_refused_message_does_not_use_its_cid_up(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2, "x"), to_user(1, 2, "x"), to_user(1, 99, "a"),
	                                     to_user(1, 2, "a")};

	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[2].outcome, MODEL_NONE);
	assert_false(items[3].repeated);
	assert_int_equal(items[3].outcome, 0);
	assert_int_equal(items[3].seq, 2);
}

static void answers_are_set_anew_on_each_run(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2, "a")};
	message_append *pointer = &items[0];

	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(message_append_all(db, {&pointer, 1}, false), 0);
	db->driver->rollback(db);
	items[0].outcome = MODEL_NONE;
	items[0].repeated = true;
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, 0);
	assert_false(items[0].repeated);
	assert_int_equal(items[0].seq, 1);
	assert_int_equal(database_number(db, "SELECT MAX(seq) FROM message"), 1);
}

static void a_batch_of_nothing_is_done(void **state)
{
	std::vector<message_append> none;

	assert_int_equal(append(model_db(state), &none), 0);
}

/* Counts the statements on their way to the real database. */
struct counter {
	cs_db base;
	cs_db_driver driver;
	cs_db *real;
	size_t statements;
};

static int count_query(cs_db *db, const char *sql, const cs_db_value *values, size_t count, cs_db_row_fn *row,
                       void *arg)
{
	counter *c = reinterpret_cast<counter *>(db);

	c->statements++;
	return c->real->driver->query(c->real, sql, values, count, row, arg);
}

static int64_t count_last_id(cs_db *db)
{
	cs_db *real = reinterpret_cast<counter *>(db)->real;

	return real->driver->last_id(real);
}

/* In MySQL each is a round trip to another machine, while the conversations are locked. SQLite writes row by row. */
static void a_batch_takes_few_statements(void **state)
{
	counter c = {{}, *model_db(state)->driver, model_db(state), 0};
	std::vector<message_append> items;
	std::vector<message_append *> pointers;
	std::vector<message_cursor> cursors;

	for (uint64_t i = 0; i < 63; i++)
		items.push_back(to_user(1 + i % 5, 6 + i % 4)); /* 20 pairs */
	assert_int_equal(append(model_db(state), &items), 0);
	c.driver.query = count_query;
	c.driver.last_id = count_last_id;
	c.base.driver = &c.driver;
	for (message_append &item : items) {
		pointers.push_back(&item);
		cursors.push_back({{item.to, 0}, item.conversation, item.seq});
	}
	assert_int_equal(c.real->driver->begin(c.real), 0);
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	const bool mysql = c.driver.dialect == CS_DB_MYSQL;
	/* Find the pairs, lock them, 48 + 15 rows, last seqs; or find the pairs, a body and an entry a message. */
	assert_int_equal(c.statements, mysql ? 5 : 1 + 2 * 63);
	c.statements = 0;
	for (message_append &item : items)
		item.known = item.conversation;
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	assert_int_equal(c.statements, mysql ? 4 : 1 + 2 * 63); /* the pairs are known */
	c.statements = 0;
	assert_int_equal(message_cursor_store(&c.base, cursors), 0);
	assert_int_equal(c.statements, mysql ? 1 : 63);
	/* The other sides write for the first time: MySQL stores their flags with the last seqs, SQLite 20 of them. */
	for (message_append &item : items)
		std::swap(item.sender, item.to);
	c.statements = 0;
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	assert_int_equal(c.statements, mysql ? 4 : 1 + 2 * 63 + 20);
	c.statements = 0;
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	assert_int_equal(c.statements, mysql ? 4 : 1 + 2 * 63);
	assert_int_equal(c.real->driver->commit(c.real), 0);
	const std::string last = std::string("(SELECT last_seq FROM ") + dialect_conversations(c.real) + ") x";
	assert_int_equal(database_number(c.real, "SELECT count(*) FROM " + last + " WHERE last_seq >= 15"), 20);
	assert_int_equal(database_number(c.real, "SELECT sum(last_seq) FROM " + last), 315);
	assert_int_equal(database_number(c.real, "SELECT count(*) FROM `cursor`"), 20);
}

/* Whether members may write is read with one statement, mutes and all. */
static void a_batch_to_groups_takes_one_statement_more(void **state)
{
	counter c = {{}, *model_db(state)->driver, model_db(state), 0};
	std::vector<message_append> items;
	std::vector<message_append *> pointers;
	uint64_t group = 0, joined = 0;

	for (const char *name : {"a", "b"}) {
		assert_int_equal(group_create(c.real, 1, name, "", &group), 0);
		assert_int_equal(group_join(c.real, 2, group, &joined), 0);
		for (uint64_t i = 0; i < 8; i++)
			items.push_back(to_group(1 + i % 2, group));
	}
	for (message_append &item : items)
		pointers.push_back(&item);
	c.driver.query = count_query;
	c.driver.last_id = count_last_id;
	c.base.driver = &c.driver;
	assert_int_equal(c.real->driver->begin(c.real), 0);
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	/* Lock the groups, find the members, rows, last seqs; or a body and an entry a message, and the weeks of
	 * two. */
	assert_int_equal(c.statements, c.driver.dialect == CS_DB_MYSQL ? 4 : 2 + 2 * 16 + 2);
	c.statements = 0;
	assert_int_equal(message_append_all(&c.base, pointers, false), 0);
	assert_int_equal(c.statements, c.driver.dialect == CS_DB_MYSQL ? 4 : 2 + 2 * 16);
	assert_int_equal(c.real->driver->commit(c.real), 0);
	assert_int_equal(database_number(c.real, "SELECT count(*) FROM message"), 32);
}

/* What the model must hold whatever comes: checked by a second, simple book of our own. */
struct book {
	std::map<std::pair<uint64_t, uint64_t>, uint64_t> last_seq; /* by low, high */
	std::map<std::tuple<uint64_t, uint64_t, std::string>, uint64_t> cids; /* seq by sender, receiver, cid */
	std::map<std::pair<uint64_t, uint64_t>, uint64_t> conversations; /* by low, high */
};

/* Half of the messages know their conversation; every hundredth is wrong. */
static uint64_t known_of(const book *b, const message_append &item, unsigned random)
{
	const auto at = b->conversations.find({std::min(item.sender, item.to), std::max(item.sender, item.to)});

	if (random % 100 == 0)
		return random % 50;
	return random % 2 && at != b->conversations.end() ? at->second : 0;
}

static void check_item(book *b, const message_append &item)
{
	const bool known = item.to >= 1 && item.to <= model_users_count;
	const auto key = std::make_pair(std::min(item.sender, item.to), std::max(item.sender, item.to));
	const auto cid = std::make_tuple(item.sender, item.to, std::string(item.cid));

	if (!item.cid.empty() && b->cids.contains(cid)) {
		assert_true(item.repeated);
		assert_int_equal(item.seq, b->cids[cid]);
		return;
	}
	assert_int_equal(item.outcome, known ? 0 : MODEL_NONE);
	if (!known)
		return;
	assert_int_equal(b->conversations.try_emplace(key, item.conversation).first->second, item.conversation);
	assert_false(item.repeated);
	assert_int_equal(item.seq, ++b->last_seq[key]);
	if (!item.cid.empty())
		b->cids[cid] = item.seq;
}

static void random_batches_keep_every_promise(void **state)
{
	cs_db *db = model_db(state);
	std::mt19937 random(7);
	std::vector<std::string> cids;
	book b;

	for (int i = 0; i < 400; i++)
		cids.push_back("cid " + std::to_string(i));
	for (int round = 0; round < 150; round++) {
		std::vector<message_append> items;

		for (size_t size = random() % 200; items.size() < size;) {
			const bool named = random() % 3 == 0;
			items.push_back(
				to_user(1 + random() % model_users_count,
			                named ? 1 + random() % model_users_count : random() % 11,
			                named ? std::string_view(cids[random() % cids.size()]) : std::string_view()));
			items.back().known = known_of(&b, items.back(), static_cast<unsigned>(random() >> 8));
		}
		assert_int_equal(append(db, &items), 0);
		for (const message_append &item : items)
			check_item(&b, item);
	}
	assert_int_equal(
		database_number(db, "SELECT count(*) FROM (SELECT conversation, count(*) n, max(seq) m, min(seq) s"
	                            " FROM message GROUP BY conversation) x"
	                            " JOIN " +
	                                    std::string(dialect_conversations(db)) +
	                                    " c ON c.id = x.conversation"
	                                    " WHERE n <> m OR s <> 1 OR m <> c.last_seq"),
		0);
	assert_true(database_number(db, "SELECT count(*) FROM message") > 5000);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(seq_counts_per_conversation_from_one_in_the_order_of_the_items),
		TEST(what_was_appended_is_read_back),
		TEST(an_account_can_talk_to_itself),
		TEST(an_unknown_receiver_gets_no_row_and_the_others_get_theirs),
		TEST(only_members_send_to_a_group),
		TEST(a_pair_named_as_a_group_is_none),
		TEST(a_group_and_a_pair_whose_account_has_its_number_are_two),
		TEST(a_wrong_known_conversation_is_found_out_and_changes_nothing),
		TEST(a_known_conversation_is_used_by_both_accounts),
		TEST(a_stored_cid_is_a_duplicate_and_is_answered_with_the_first_ones_seq),
		TEST(a_cid_twice_in_one_batch_is_stored_once),
		TEST(a_cid_belongs_to_its_conversation),
		TEST(cids_are_told_apart_by_their_bytes),
		TEST(a_repetition_of_a_former_member_is_found_with_care_and_without),
		TEST(a_refused_message_does_not_use_its_cid_up),
		TEST(answers_are_set_anew_on_each_run),
		TEST(a_batch_of_nothing_is_done),
		TEST(a_batch_takes_few_statements),
		TEST(a_batch_to_groups_takes_one_statement_more),
		TEST(random_batches_keep_every_promise),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
