/* SPDX-License-Identifier: MIT
 * Tests that old entries are found and removed, that what is left is read as before, and that no number is given
 * twice. */
#include "test_model.h"

#include "plugins/model/edits.h"
#include "plugins/model/history.h"
#include "plugins/model/inbox.h"
#include "plugins/model/retention.h"

static message_append at(message_append item, int64_t created)
{
	item.created = created;
	return item;
}

/* A frame, as clients send it: with its cid. */
static std::string frame_with(std::string_view cid)
{
	return R"({"msgid":6,"id":1,"toid":2,"msg":"a","cid":")" + std::string(cid) + "\"}";
}

static uint64_t store(cs_db *db, std::vector<message_append> items)
{
	assert_int_equal(append(db, &items), 0);
	for (const message_append &item : items)
		assert_int_equal(item.outcome, 0);
	return items[0].conversation;
}

/* Messages of 1 to 2 at the times 1 to count. */
static uint64_t talk(cs_db *db, int64_t count)
{
	std::vector<message_append> items;

	for (int64_t time = 1; time <= count; time++)
		items.push_back(at(to_user(1, 2), time));
	return store(db, items);
}

/* In a transaction, as the store engine does it. */
static retention_purge purge(cs_db *db, uint64_t conversation, int64_t before, size_t most = 1000)
{
	retention_purge p;

	p.conversation = conversation;
	p.before = before;
	p.most = most;
	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(retention_remove(db, &p), 0);
	assert_int_equal(db->driver->commit(db), 0);
	return p;
}

static std::string seqs_of(cs_db *db, uint64_t conversation)
{
	std::vector<message_row> rows;
	std::string text;

	assert_int_equal(message_read(db, conversation, 0, 1000, &rows), 0);
	for (const message_row &row : rows)
		text += (text.empty() ? "" : " ") + std::to_string(row.seq) + (row.kind == ENTRY_PURGED ? "-" : "");
	return text;
}

/* What was stored before that time is old; 0: nothing, but in groups with a time of their own. */
static std::string found(cs_db *db, int64_t before, size_t most = 100)
{
	retention_look look;
	std::string text;

	look.now = 1000;
	look.keep = before ? look.now - before : 0;
	look.most = most;
	look.more = true;
	while (look.more) {
		assert_int_equal(retention_find(db, &look), 0);
		for (const retention_old &old : look.old)
			text += std::to_string(old.conversation) + " ";
	}
	return text;
}

static history_page page_of(cs_db *db, uint64_t account, uint64_t other)
{
	history_ask ask;
	history_page page;

	ask.account = account;
	ask.of = other;
	ask.limit = 50;
	ask.events = true;
	assert_int_equal(history_read(db, ask, &page), 0);
	return page;
}

/* ---- finding */

static void conversations_are_found_by_their_lowest_entry(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t one = store(db, {at(to_user(1, 2), 10), at(to_user(1, 2), 30)}),
		       two = store(db, {at(to_user(1, 3), 20)}), three = store(db, {at(to_user(1, 4), 30)});

	assert_string_equal(found(db, 10).c_str(), "");
	for (const size_t most : {1, 2, 3, 100}) {
		assert_string_equal(found(db, 20, most).c_str(), (std::to_string(one) + " ").c_str());
		assert_string_equal(
			found(db, 31, most).c_str(),
			check_format("%d %d %d ", static_cast<int>(one), static_cast<int>(two), static_cast<int>(three))
				.c_str());
	}
}

/* It would be found again in each round, for nothing. */
static void a_conversation_with_nothing_but_a_blank_entry_is_found_no_more(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t c = talk(db, 3);

	assert_int_equal(purge(db, c, 100).purged, 3);
	assert_string_equal(found(db, 100).c_str(), "");
	(void)store(db, {at(to_user(1, 2), 50)});
	assert_string_equal(found(db, 100).c_str(), (std::to_string(c) + " ").c_str());
}

/* Whatever the others do. The time of 1000 is now. */
static void a_group_can_keep_its_log_longer_or_shorter(void **state)
{
	cs_db *db = model_db(state);
	uint64_t longer = 0, shorter = 0, always = 0;

	assert_int_equal(group_create(db, 1, "longer", "", &longer), 0);
	assert_int_equal(group_create(db, 1, "shorter", "", &shorter), 0);
	assert_int_equal(group_create(db, 1, "always", "", &always), 0);
	const uint64_t c = store(db, {at(to_user(1, 2), 500)});
	(void)store(db, {at(to_group(1, longer), 500), at(to_group(1, shorter), 500), at(to_group(1, always), 500)});
	assert_int_equal(retention_set_group(db, longer, 600), 0);
	assert_int_equal(retention_set_group(db, shorter, 400), 0);
	assert_int_equal(retention_set_group(db, always, retention_forever), 0);
	for (const uint64_t none : {c, uint64_t{99}})
		assert_int_equal(retention_set_group(db, none, 400), MODEL_NONE);
	assert_string_equal(found(db, 0).c_str(), (std::to_string(shorter) + " ").c_str());
	assert_string_equal(found(db, 501).c_str(), (std::to_string(shorter) + " " + std::to_string(c) + " ").c_str());
	assert_int_equal(retention_set_group(db, longer, retention_default), 0);
	assert_string_equal(found(db, 501).c_str(), check_format("%d %d %d ", static_cast<int>(longer),
	                                                         static_cast<int>(shorter), static_cast<int>(c))
	                                                    .c_str());
}

/* ---- removing */

static void what_is_old_is_removed_up_to_the_first_that_is_not(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t c = talk(db, 9);
	const retention_purge p = purge(db, c, 5);

	assert_int_equal(p.purged, 4);
	assert_false(p.more);
	assert_string_equal(seqs_of(db, c).c_str(), "5 6 7 8 9");
	assert_int_equal(purge(db, c, 5).purged, 0);
	assert_int_equal(page_of(db, 2, 1).first, 5);
	assert_int_equal(page_of(db, 2, 1).last, 9);
}

static void at_most_so_many_are_removed_at_once(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t c = talk(db, 10);
	retention_purge p = purge(db, c, 9, 3);

	assert_int_equal(p.purged, 3);
	assert_true(p.more);
	assert_string_equal(seqs_of(db, c).c_str(), "4 5 6 7 8 9 10");
	while (p.more)
		p = purge(db, c, 9, 3);
	assert_string_equal(seqs_of(db, c).c_str(), "9 10");
}

/* The body, or the row of the cid, is that of no message. */
static void nothing_of_what_was_removed_is_left_in_a_table(void **state)
{
	cs_db *db = model_db(state);
	const std::string one = frame_with("one"), two = frame_with("t\\u0077o"), three = frame_with("three");
	message_append items[] = {to_user(1, 2, "one"), to_user(1, 2, "two"), to_user(1, 2, "three"), to_user(2, 1)};

	items[0].body = one;
	items[1].body = two;
	items[2].body = three;
	const uint64_t c = store(db, {at(items[0], 1), at(items[1], 2), at(items[2], 3), at(items[3], 4)});
	assert_int_equal(purge(db, c, 3).purged, 2);
	assert_string_equal(seqs_of(db, c).c_str(), "3 4");
	if (db->driver->dialect == CS_DB_SQLITE) {
		assert_int_equal(database_number(db, "SELECT count(*) FROM body"), 2);
		assert_int_equal(database_number(db, "SELECT count(*) FROM entry"), 3);
	}
	/* One that is kept is found by its cid; one that was removed is a new message. */
	std::vector<message_append> again = {to_user(1, 2, "three"), to_user(1, 2, "one"), to_user(1, 2, "two")};
	assert_int_equal(append(db, &again), 0);
	assert_true(again[0].repeated);
	assert_int_equal(again[0].seq, 3);
	assert_false(again[1].repeated);
	assert_false(again[2].repeated);
	assert_int_equal(again[2].seq, 6);
}

static void other_conversations_are_not_touched(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t c = talk(db, 5), other = store(db, {at(to_user(1, 3, "one"), 1), at(to_user(1, 3), 2)});

	assert_int_equal(purge(db, c, 100).purged, 5);
	assert_string_equal(seqs_of(db, other).c_str(), "1 2");
	std::vector<message_append> again = {to_user(1, 3, "one")};
	assert_int_equal(append(db, &again), 0);
	assert_true(again[0].repeated);
}

/* ---- the newest entry */

static void the_newest_entry_is_blanked_and_its_number_is_not_given_again(void **state)
{
	cs_db *db = model_db(state);
	const std::string body = frame_with("one");
	message_append item = at(to_user(1, 2, "one"), 4);

	item.body = body;
	const uint64_t c = talk(db, 3);
	(void)store(db, {item});
	const retention_purge p = purge(db, c, 100);
	assert_int_equal(p.purged, 4);
	assert_false(p.more);
	assert_string_equal(seqs_of(db, c).c_str(), "4-");
	assert_int_equal(database_number(db, "SELECT count(*) FROM message WHERE body <> ''"), 0);
	assert_int_equal(purge(db, c, 100).purged, 0);
	std::vector<message_append> again = {at(to_user(1, 2, "one"), 200)};
	assert_int_equal(append(db, &again), 0);
	assert_false(again[0].repeated);
	assert_int_equal(again[0].seq, 5);
	assert_int_equal(purge(db, c, 100).purged, 1);
	assert_string_equal(seqs_of(db, c).c_str(), "5");
}

static void a_limit_that_is_reached_at_the_newest_entry_leaves_nothing_to_do(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t c = talk(db, 4);
	retention_purge p = purge(db, c, 100, 4);

	assert_int_equal(p.purged, 4);
	if (p.more)
		p = purge(db, c, 100, 4);
	assert_int_equal(p.purged, 0);
	assert_false(p.more);
	assert_string_equal(seqs_of(db, c).c_str(), "4-");
}

static void nobody_reads_lists_or_changes_a_blank_entry(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t c = talk(db, 2);
	std::vector<inbox_item> items;
	message_row last;
	uint64_t unread = 7, looked = 0;
	bool more = false;
	edit_act act;

	(void)purge(db, c, 100);
	const history_page page = page_of(db, 2, 1);
	assert_true(page.rows.empty());
	assert_int_equal(page.first, 2);
	assert_int_equal(page.last, 2);
	assert_int_equal(inbox_list(db, 2, {}, 10, &items, &more, &looked), 0);
	assert_int_equal(items.size(), 1);
	assert_int_equal(items[0].last_seq, 2);
	assert_int_equal(inbox_last(db, 2, items[0], &last, &unread, &looked), MODEL_NONE);
	act.to = 2;
	act.conversation = c;
	act.actor = 1;
	act.of = 2;
	act.now = 3;
	act.window = 1000;
	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(edit_recall(db, act), EDIT_NO_MESSAGE);
	db->driver->rollback(db);
}

/* ---- room */

/* In a file: a database in memory does not shrink. */
static void an_eighth_of_the_file_may_be_unused(void **)
{
	test_database database;
	const std::string body(3000, 'x');
	uint64_t c = 0, id = 0;
	bool more = true;

	database_make_sqlite(&database);
	cs_db *db = database_migrate_and_open(&database);
	for (const char *name : {"ann", "bob"})
		assert_int_equal(user_insert(db, name, "hash", 1, &id), 0);
	std::vector<message_append> items(1000, to_user(1, 2));
	for (size_t i = 0; i < items.size(); i++) {
		items[i].body = body;
		items[i].created = static_cast<int64_t>(i) + 1;
	}
	c = store(db, items);
	const int64_t before = database_number(db, "PRAGMA page_count");
	assert_int_equal(purge(db, c, 900).purged, 899);
	while (more) {
		assert_int_equal(db->driver->begin(db), 0);
		assert_int_equal(retention_shrink(db, 50, &more), 0);
		assert_int_equal(db->driver->commit(db), 0);
	}
	const int64_t after = database_number(db, "PRAGMA page_count"),
		      unused = database_number(db, "PRAGMA freelist_count");
	assert_true(after < before / 2);
	assert_true(unused <= after / 8);
	assert_string_equal(seqs_of(db, c).substr(0, 7).c_str(), "900 901");
	db->driver->close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(conversations_are_found_by_their_lowest_entry),
		TEST(a_conversation_with_nothing_but_a_blank_entry_is_found_no_more),
		TEST(a_group_can_keep_its_log_longer_or_shorter),
		TEST(what_is_old_is_removed_up_to_the_first_that_is_not),
		TEST(at_most_so_many_are_removed_at_once),
		TEST(nothing_of_what_was_removed_is_left_in_a_table),
		TEST(other_conversations_are_not_touched),
		TEST(the_newest_entry_is_blanked_and_its_number_is_not_given_again),
		TEST(a_limit_that_is_reached_at_the_newest_entry_leaves_nothing_to_do),
		TEST(nobody_reads_lists_or_changes_a_blank_entry),
		cmocka_unit_test(an_eighth_of_the_file_may_be_unused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
