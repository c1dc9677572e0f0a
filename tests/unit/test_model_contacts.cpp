/* SPDX-License-Identifier: MIT
 * Tests contacts: lists, blocks, limits, the flags of pairs, and whose messages are refused. */
#include "test_model.h"

#include <algorithm>
#include <random>
#include <set>
#include <thread>

static int set_contact(cs_db *db, uint64_t account, uint64_t other, std::optional<bool> listed,
                       std::optional<bool> blocked, contact_change *change_r = nullptr, const contact_limits &most = {})
{
	contact_change change;

	change.account = account;
	change.other = other;
	change.listed = listed;
	change.blocked = blocked;
	assert_int_equal(db->driver->begin(db), 0);
	const int result = contact_set(db, &change, most);
	if (result)
		db->driver->rollback(db);
	else
		assert_int_equal(db->driver->commit(db), 0);
	if (change_r)
		*change_r = change;
	return result;
}

static int block(cs_db *db, uint64_t account, uint64_t other)
{
	return set_contact(db, account, other, std::nullopt, true);
}

static int write_once(cs_db *db, uint64_t sender, uint64_t to, bool strangers_may = true, std::string_view cid = {})
{
	std::vector<message_append> items = {to_user(sender, to, cid)};

	items[0].strangers_may = strangers_may;
	assert_int_equal(append(db, &items), 0);
	return items[0].outcome;
}

static int64_t flags_of(cs_db *db, uint64_t low, uint64_t high)
{
	return database_number(db, ("SELECT flags FROM conversation WHERE low = " + std::to_string(low) +
	                            " AND high = " + std::to_string(high))
	                                   .c_str());
}

static void a_change_says_what_it_changed(void **state)
{
	cs_db *db = model_db(state);
	contact_change change;

	assert_int_equal(set_contact(db, 1, 2, true, std::nullopt, &change), 0);
	assert_true(change.is_changed && change.is_added && !change.is_blocked);
	assert_int_equal(set_contact(db, 1, 2, true, std::nullopt, &change), 0);
	assert_true(!change.is_changed && !change.is_added);
	assert_int_equal(set_contact(db, 2, 1, std::nullopt, true, &change), 0);
	assert_true(change.is_changed && !change.is_added);
	assert_int_equal(set_contact(db, 1, 2, std::nullopt, true, &change), 0);
	assert_true(change.is_changed && !change.is_added && change.is_blocked);
	assert_int_equal(database_number(db, "SELECT listed + blocked FROM contact WHERE account = 1"), 2);
	assert_int_equal(set_contact(db, 1, 2, false, false, &change), 0);
	assert_true(change.is_changed);
	assert_int_equal(set_contact(db, 1, 2, false, false, &change), 0);
	assert_false(change.is_changed);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM contact WHERE account = 1"), 0);
	assert_int_equal(set_contact(db, 1, 99, std::nullopt, true), MODEL_NONE);
	assert_int_equal(set_contact(db, 1, 99, false, false), MODEL_NONE);
}

static void lists_and_blocks_have_limits_of_their_own(void **state)
{
	cs_db *db = model_db(state);
	const contact_limits most = {2, 1};

	assert_int_equal(set_contact(db, 1, 2, true, true, nullptr, most), 0);
	assert_int_equal(set_contact(db, 1, 3, true, std::nullopt, nullptr, most), 0);
	assert_int_equal(set_contact(db, 1, 4, true, std::nullopt, nullptr, most), MODEL_FULL);
	assert_int_equal(set_contact(db, 1, 3, std::nullopt, true, nullptr, most), MODEL_FULL);
	assert_int_equal(set_contact(db, 1, 4, false, true, nullptr, most), MODEL_FULL);
	/* What was there before passes, also where a limit was lowered. */
	assert_int_equal(set_contact(db, 1, 2, true, true, nullptr, {1, 1}), 0);
	assert_int_equal(set_contact(db, 1, 2, false, std::nullopt, nullptr, {1, 1}), 0);
	assert_int_equal(set_contact(db, 1, 4, true, std::nullopt, nullptr, most), 0);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM contact"), 3);
}

static void a_page_has_everybody_once_in_order(void **state)
{
	cs_db *db = model_db(state);
	std::vector<contact_entry> page, all;

	assert_int_equal(set_contact(db, 5, 2, true, std::nullopt), 0);
	assert_int_equal(set_contact(db, 2, 5, true, true), 0);
	assert_int_equal(set_contact(db, 5, 3, std::nullopt, true), 0);
	assert_int_equal(set_contact(db, 4, 5, true, std::nullopt), 0);
	assert_int_equal(block(db, 6, 5), 0); /* that is none of 5's business */
	assert_int_equal(set_contact(db, 5, 5, true, std::nullopt), 0);
	assert_int_equal(set_contact(db, 5, 7, true, true), 0);
	for (const size_t limit : {1, 2, 3, 100}) {
		all.clear();
		do {
			assert_int_equal(contact_page(db, 5, all.empty() ? 0 : all.back().id, limit, &page), 0);
			assert_true(page.size() <= limit);
			all.insert(all.end(), page.begin(), page.end());
		} while (!page.empty());
		assert_int_equal(all.size(), 5);
		assert_true(all[0].id == 2 && all[0].listed && !all[0].blocked && all[0].lists && all[0].blocks);
		assert_string_equal(all[0].name.c_str(), "user 2");
		assert_true(all[1].id == 3 && !all[1].listed && all[1].blocked && !all[1].lists && !all[1].blocks);
		assert_true(all[2].id == 4 && !all[2].listed && !all[2].blocked && all[2].lists);
		assert_true(all[3].id == 5 && all[3].listed && all[3].lists);
		assert_true(all[4].id == 7 && all[4].listed && all[4].blocked && !all[4].lists);
	}
}

/* "2 3- 4": who is on the list, and who of them blocks the account (-). */
static std::string list_of(cs_db *db, uint64_t account, uint64_t other, size_t limit)
{
	std::vector<contact_listed> listed;
	std::string text;

	assert_int_equal(contact_list(db, account, other, limit, &listed), 0);
	for (const contact_listed &one : listed)
		text += (text.empty() ? "" : " ") + std::to_string(one.id) + (one.blocks ? "-" : "");
	return text;
}

static void a_list_says_who_of_it_blocks(void **state)
{
	cs_db *db = model_db(state);
	std::vector<uint64_t> ids;

	for (const uint64_t other : {2, 3, 4})
		assert_int_equal(friend_add(db, 1, other), 0);
	assert_int_equal(block(db, 3, 1), 0);
	assert_int_equal(block(db, 6, 1), 0);
	assert_int_equal(set_contact(db, 4, 1, true, std::nullopt), 0);
	assert_string_equal(list_of(db, 1, 0, 10).c_str(), "2 3- 4");
	assert_string_equal(list_of(db, 1, 0, SIZE_MAX / 2).c_str(), "2 3- 4");
	assert_string_equal(list_of(db, 1, 0, 2).c_str(), "2 3-");
	assert_string_equal(list_of(db, 1, 4, 10).c_str(), "4");
	assert_string_equal(list_of(db, 1, 3, 10).c_str(), "3-");
	for (const uint64_t other : {5, 6})
		assert_string_equal(list_of(db, 1, other, 10).c_str(), "");
	assert_int_equal(contact_blockers(db, 1, &ids), 0);
	assert_true(ids == std::vector<uint64_t>({3, 6}));
	assert_int_equal(contact_blockers(db, 3, &ids), 0);
	assert_true(ids.empty());
}

static void an_account_is_found_by_exactly_its_name(void **state)
{
	cs_db *db = model_db(state);
	uint64_t id = 0;

	assert_int_equal(user_find_id(db, "user 3", &id), 0);
	assert_int_equal(id, 3);
	for (const char *name : {"User 3", "user 3 ", "user", "user 33", ""})
		assert_int_equal(user_find_id(db, name, &id), MODEL_NONE);
}

static void who_is_blocked_is_refused_and_who_blocks_may_write(void **state)
{
	cs_db *db = model_db(state);

	assert_int_equal(write_once(db, 1, 2), 0);
	assert_int_equal(block(db, 2, 1), 0);
	for (const bool strangers_may : {true, false}) {
		assert_int_equal(write_once(db, 1, 2, strangers_may), MODEL_UNWANTED);
		assert_int_equal(pair_judge(db, 1, 2, strangers_may), MODEL_UNWANTED);
		assert_int_equal(write_once(db, 2, 1, strangers_may), 0);
		assert_int_equal(pair_judge(db, 2, 1, strangers_may), 0);
	}
	/* Also one that was listed, and answered, before. */
	assert_int_equal(set_contact(db, 2, 1, true, std::nullopt), 0);
	assert_int_equal(write_once(db, 1, 2), MODEL_UNWANTED);
	assert_int_equal(set_contact(db, 2, 1, std::nullopt, false), 0);
	assert_int_equal(write_once(db, 1, 2), 0);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM message"), 4);
}

static void a_refused_message_leaves_no_conversation(void **state)
{
	cs_db *db = model_db(state);

	assert_int_equal(block(db, 7, 3), 0);
	assert_int_equal(write_once(db, 3, 7), MODEL_UNWANTED);
	assert_int_equal(write_once(db, 3, 6, false), MODEL_UNWANTED);
	assert_int_equal(write_once(db, 3, 99, false), MODEL_NONE);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM conversation"), 0);
	for (const bool strangers_may : {true, false})
		assert_int_equal(pair_judge(db, 3, 7, strangers_may), MODEL_UNWANTED);
	assert_int_equal(pair_judge(db, 3, 6, true), 0);
	assert_int_equal(pair_judge(db, 3, 6, false), MODEL_UNWANTED);
	assert_int_equal(friend_add(db, 6, 3), 0);
	assert_int_equal(pair_judge(db, 3, 6, false), 0);
	assert_int_equal(write_once(db, 3, 6, false), 0);
}

static void a_stranger_is_who_is_not_listed_and_was_not_written_to(void **state)
{
	cs_db *db = model_db(state);

	assert_int_equal(write_once(db, 1, 2, false), MODEL_UNWANTED);
	assert_int_equal(friend_add(db, 1, 2), 0); /* the wrong way round */
	assert_int_equal(write_once(db, 1, 2, false), MODEL_UNWANTED);
	assert_int_equal(write_once(db, 2, 1, false), 0); /* it is on the list of 1 */
	assert_int_equal(write_once(db, 1, 2, false), 0); /* 2 wrote first */
	assert_int_equal(set_contact(db, 1, 2, false, std::nullopt), 0);
	assert_int_equal(write_once(db, 2, 1, false), 0); /* and 1 has written too */
	assert_int_equal(write_once(db, 4, 4, false), 0);
	assert_int_equal(pair_judge(db, 4, 4, false), 0);
}

/* The items of a batch are judged in their order. */
static void within_a_batch_an_answer_lets_in(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2), to_user(2, 1), to_user(1, 2), to_user(3, 2), to_user(1, 2)};

	assert_int_equal(friend_add(db, 1, 2), 0);
	for (message_append &item : items)
		item.strangers_may = false;
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, MODEL_UNWANTED);
	assert_int_equal(items[1].outcome, 0);
	assert_int_equal(items[2].outcome, 0);
	assert_int_equal(items[3].outcome, MODEL_UNWANTED);
	assert_int_equal(items[4].outcome, 0);
	assert_int_equal(items[4].seq, 3);
	assert_int_equal(flags_of(db, 1, 2), PAIR_LOW_LISTS | PAIR_LOW_WROTE | PAIR_HIGH_WROTE);
}

static void a_repetition_is_answered_whoever_was_blocked_since(void **state)
{
	cs_db *db = model_db(state);

	assert_int_equal(write_once(db, 1, 2, true, "a"), 0);
	assert_int_equal(block(db, 2, 1), 0);
	std::vector<message_append> again = {to_user(1, 2, "a"), to_user(1, 2, "b"), to_user(1, 2)};
	for (const bool careful : {false, true}) {
		assert_int_equal(append_once(db, &again, careful), 0);
		assert_true(again[0].repeated && !again[0].outcome && again[0].seq == 1);
		assert_int_equal(again[1].outcome, MODEL_UNWANTED);
		assert_int_equal(again[2].outcome, MODEL_UNWANTED);
	}
}

static void groups_do_not_care_who_blocks_whom(void **state)
{
	cs_db *db = model_db(state);
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, 1, "c++", "", &group), 0);
	assert_int_equal(group_join(db, 2, group, &joined), 0);
	assert_int_equal(block(db, 1, 2), 0);
	std::vector<message_append> items = {to_group(2, group)};
	items[0].strangers_may = false;
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, 0);
	assert_int_equal(database_number(db, "SELECT flags FROM conversation WHERE kind = 1"), 0);
}

/* ---- what the flags must be, whatever comes first */

enum step_kind { STEP_WRITE, STEP_LIST, STEP_UNLIST, STEP_BLOCK, STEP_UNBLOCK, STEP_COUNT };

/* Takes a step for account, and changes the flags that are expected. */
static void take_step(cs_db *db, int kind, uint64_t account, uint64_t other, unsigned *expected, bool *is_made)
{
	const unsigned lists = pair_contact_flags(account, other, true, false),
		       blocks = pair_contact_flags(account, other, false, true);

	switch (kind) {
	case STEP_WRITE: {
		const bool refused = *expected & pair_contact_flags(other, account, false, true);

		assert_int_equal(write_once(db, account, other), refused ? MODEL_UNWANTED : 0);
		if (refused)
			return;
		*expected |= pair_wrote_flag(account, other);
		*is_made = true;
		return;
	}
	case STEP_LIST: *expected |= lists; break;
	case STEP_UNLIST: *expected &= ~lists; break;
	case STEP_BLOCK: *expected |= blocks; break;
	default: *expected &= ~blocks;
	}
	const std::optional<bool> none;
	assert_int_equal(set_contact(db, account, other,
	                             kind == STEP_LIST || kind == STEP_UNLIST ? kind == STEP_LIST : none,
	                             kind == STEP_BLOCK || kind == STEP_UNBLOCK ? kind == STEP_BLOCK : none),
	                 0);
}

static void the_flags_are_right_in_every_order_of_list_block_and_message(void **state)
{
	cs_db *db = model_db(state);
	int order[] = {0, 1, 2, 3, 4, 5};
	size_t rounds = 0;

	do {
		unsigned expected = 0;
		bool is_made = false;

		for (const int step : order) {
			const int kinds[] = {STEP_WRITE, STEP_LIST, STEP_BLOCK};
			const uint64_t account = step < 3 ? 3 : 8;

			take_step(db, kinds[step % 3], account, 11 - account, &expected, &is_made);
			assert_int_equal(flags_of(db, 3, 8), is_made ? static_cast<int64_t>(expected) : -1);
		}
		assert_int_equal(database_run(db, mariadb_wanted() ? "DELETE FROM message" : "DELETE FROM entry"), 0);
		assert_int_equal(database_run(db, "DELETE FROM conversation"), 0);
		assert_int_equal(database_run(db, "DELETE FROM contact"), 0);
		rounds++;
	} while (std::next_permutation(std::begin(order), std::end(order)));
	assert_int_equal(rounds, 720);
}

static const char *const flags_differ =
	"SELECT COUNT(*) FROM conversation c WHERE c.kind = 0 AND c.flags <>"
	" COALESCE((SELECT o.blocked + 4 * o.listed FROM contact o WHERE o.account = c.low AND o.other = c.high), 0)"
	" + COALESCE((SELECT 2 * o.blocked + 8 * o.listed FROM contact o WHERE o.account = c.high AND o.other = c.low), 0)"
	" + 16 * EXISTS (SELECT 1 FROM message m WHERE m.conversation = c.id AND m.sender = c.low)"
	" + 32 * EXISTS (SELECT 1 FROM message m WHERE m.conversation = c.id AND m.sender = c.high)";

static void random_steps_keep_flags_and_contacts_alike(void **state)
{
	cs_db *db = model_db(state);
	std::mt19937 random(11);
	std::map<std::pair<uint64_t, uint64_t>, unsigned> expected;
	bool is_made = false;

	for (int i = 0; i < 600; i++) {
		const uint64_t account = 1 + random() % 5, other = account % 5 + 1 + random() % 4;
		const uint64_t to = other > 5 ? other - 5 : other;

		if (to != account)
			take_step(db, static_cast<int>(random() % STEP_COUNT), account, to,
			          &expected[{std::min(account, to), std::max(account, to)}], &is_made);
	}
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM conversation"), 10);
	assert_int_equal(database_number(db, flags_differ), 0);
}

/* ---- two writers at the same time (MySQL only: SQLite has one) */

/* One transaction, again if the database chose it as the victim of a deadlock. */
template <class Work> static void run_until_done(cs_db *db, Work work)
{
	for (;;) {
		assert_int_equal(db->driver->begin(db), 0);
		int result = work(db);

		if (!result)
			result = db->driver->commit(db);
		if (result >= 0)
			return;
		db->driver->rollback(db);
		assert_true(result == CS_DB_RETRY || result == CS_DB_DUPLICATE);
	}
}

static void two_writers_agree_on_the_flags_of_a_new_pair(void **state)
{
	model_fixture *f = static_cast<model_fixture *>(*state);
	cs_db *db = f->db;

	if (!mariadb_wanted())
		return;
	cs_db *second = database_open(&f->database);
	for (int round = 0; round < 200; round++) {
		std::thread other([second, round] {
			run_until_done(second, [round](cs_db *on) {
				contact_change change;

				change.account = round % 2 ? 3 : 8;
				change.other = 11 - change.account;
				change.listed = true;
				change.blocked = round % 3 == 0;
				return contact_set(on, &change, {});
			});
		});
		run_until_done(db, [](cs_db *on) {
			message_append items[] = {to_user(3, 8), to_user(8, 3), to_user(3, 1), to_user(1, 8)};
			message_append *pointers[] = {&items[0], &items[1], &items[2], &items[3]};

			return message_append_all(on, pointers, true);
		});
		other.join();
		assert_int_equal(database_number(db, flags_differ), 0);
		for (const char *table : {"message", "conversation", "contact"})
			assert_int_equal(database_run(db, (std::string("DELETE FROM ") + table).c_str()), 0);
	}
	second->driver->close(second);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_change_says_what_it_changed),
		TEST(lists_and_blocks_have_limits_of_their_own),
		TEST(a_page_has_everybody_once_in_order),
		TEST(a_list_says_who_of_it_blocks),
		TEST(an_account_is_found_by_exactly_its_name),
		TEST(who_is_blocked_is_refused_and_who_blocks_may_write),
		TEST(a_refused_message_leaves_no_conversation),
		TEST(a_stranger_is_who_is_not_listed_and_was_not_written_to),
		TEST(within_a_batch_an_answer_lets_in),
		TEST(a_repetition_is_answered_whoever_was_blocked_since),
		TEST(groups_do_not_care_who_blocks_whom),
		TEST(the_flags_are_right_in_every_order_of_list_block_and_message),
		TEST(random_steps_keep_flags_and_contacts_alike),
		TEST(two_writers_agree_on_the_flags_of_a_new_pair),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
