/* SPDX-License-Identifier: MIT
 * Tests the rows of what followers are still to be told: when one is made, who holds it, and when it goes. */
#include "test_model.h"

#include "plugins/model/follow.h"

static constexpr uint64_t here = 11, there = UINT64_C(0x7fffffffffffffff);

static uint64_t talk(cs_db *db, uint64_t from, uint64_t to, size_t count = 1)
{
	std::vector<message_append> items(count, to_user(from, to));

	assert_int_equal(append(db, &items), 0);
	return items[0].conversation;
}

template <class Run> static void in_transaction(cs_db *db, Run run)
{
	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(db->driver->commit(db), 0);
}

static void note(cs_db *db, const follow_appended &appended, uint64_t node, int64_t until)
{
	in_transaction(db, [&] { return follow_note(db, appended, node, until); });
}

/* "seq@node/until", or "" if there is none. */
static std::string row_of(cs_db *db, const char *name, uint64_t conversation)
{
	std::vector<follow_row> rows;

	assert_int_equal(follow_read(db, name, {&conversation, 1}, &rows), 0);
	if (rows.empty())
		return "";
	assert_int_equal(rows.size(), 1);
	assert_int_equal(rows[0].conversation, conversation);
	return std::to_string(rows[0].seq) + "@" + (rows[0].node == here ? "here" : "there") + "/" +
	       std::to_string(rows[0].until);
}

static std::string found(cs_db *db, uint64_t after, uint64_t node, int64_t now, size_t most = 100)
{
	std::vector<uint64_t> conversations;
	std::string text;

	assert_int_equal(follow_find(db, "push", after, node, now, most, &conversations), 0);
	for (const uint64_t conversation : conversations)
		text += std::to_string(conversation) + " ";
	return text;
}

static follow_confirmation confirm(cs_db *db, const char *name, uint64_t conversation, uint64_t seq, int64_t until)
{
	follow_confirmation c{.conversation = conversation, .seq = seq};
	follow_confirmation *const list[] = {&c};

	in_transaction(db, [&] { return follow_confirm(db, name, list, here, until); });
	return c;
}

static void a_row_is_made_once_and_keeps_where_it_began(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t pair = talk(db, 1, 2, 5);
	std::vector<follow_row> rows;

	note(db, {{{"push", pair}, 3}, {{"audit", pair}, 4}}, here, 100);
	note(db, {{{"push", pair}, 4}}, there, 200);
	assert_string_equal(row_of(db, "push", pair).c_str(), "3@here/100");
	assert_string_equal(row_of(db, "audit", pair).c_str(), "4@here/100");
	assert_string_equal(row_of(db, "none", pair).c_str(), "");
	assert_int_equal(follow_read(db, "push", {&pair, 1}, &rows), 0);
	assert_int_equal(rows[0].kind, CONVERSATION_PAIR);
	assert_int_equal(rows[0].low, 1);
	assert_int_equal(rows[0].high, 2);
}

static void rows_are_taken_when_nobody_holds_them_any_more(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t one = talk(db, 1, 2), two = talk(db, 1, 3), three = talk(db, 1, 4);
	const std::vector<uint64_t> all = {one, two, three};
	const auto text = [](std::vector<uint64_t> list) {
		std::string joined;

		for (const uint64_t id : list)
			joined += std::to_string(id) + " ";
		return joined;
	};

	note(db, {{{"push", one}, 0}}, here, 100);
	note(db, {{{"push", two}, 0}}, there, 150);
	note(db, {{{"push", three}, 0}}, there, 100);
	assert_string_equal(found(db, 0, 0, 100).c_str(), "");
	assert_string_equal(found(db, 0, 0, 101).c_str(), text({one, three}).c_str());
	assert_string_equal(found(db, 0, here, 100).c_str(), text({one}).c_str());
	assert_string_equal(found(db, 0, 0, INT64_MAX, 2).c_str(), text({one, two}).c_str());
	assert_string_equal(found(db, two, 0, INT64_MAX, 2).c_str(), text({three}).c_str());
	in_transaction(db, [&] { return follow_take(db, "push", all, here, 120, 300); });
	assert_string_equal(row_of(db, "push", one).c_str(), "0@here/300");
	assert_string_equal(row_of(db, "push", two).c_str(), "0@there/150");
	assert_string_equal(row_of(db, "push", three).c_str(), "0@here/300");
}

static void a_row_goes_when_the_last_entry_was_confirmed(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t pair = talk(db, 1, 2, 5);

	note(db, {{{"push", pair}, 0}}, here, 100);
	assert_false(confirm(db, "push", pair, 3, 200).is_over);
	assert_string_equal(row_of(db, "push", pair).c_str(), "3@here/200");
	assert_false(confirm(db, "push", pair, 2, 210).is_over);
	assert_string_equal(row_of(db, "push", pair).c_str(), "3@here/210");
	assert_false(confirm(db, "push", pair, 0, 220).is_over);
	assert_string_equal(row_of(db, "push", pair).c_str(), "3@here/220");
	const follow_confirmation last = confirm(db, "push", pair, 5, 300);
	assert_true(last.is_over);
	assert_false(last.is_lost);
	assert_string_equal(row_of(db, "push", pair).c_str(), "");
	assert_true(confirm(db, "push", pair, 5, 300).is_lost);
}

static void who_has_lost_a_row_confirms_nothing(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t pair = talk(db, 1, 2, 5);

	note(db, {{{"push", pair}, 0}}, there, 100);
	const follow_confirmation c = confirm(db, "push", pair, 5, 200);
	assert_true(c.is_lost);
	assert_false(c.is_over);
	assert_string_equal(row_of(db, "push", pair).c_str(), "0@there/100");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_is_made_once_and_keeps_where_it_began),
		TEST(rows_are_taken_when_nobody_holds_them_any_more),
		TEST(a_row_goes_when_the_last_entry_was_confirmed),
		TEST(who_has_lost_a_row_confirms_nothing),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
