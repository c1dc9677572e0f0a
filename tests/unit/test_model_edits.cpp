/* SPDX-License-Identifier: MIT
 * Tests what EDIT and RECALL change of stored messages, for whom, and that what was blanked is in no row. */
#include "test_model.h"

#include <thread>

#include "plugins/model/edits.h"
#include "plugins/model/permit.h"

static constexpr int64_t stored_at = 5000, window = 1000;
static constexpr size_t longest = 300;

/* ---- a log with frames */

static std::string message_frame(const message_append &item, const std::string &msg)
{
	const bool group = item.kind == CONVERSATION_GROUP;

	return check_format(
		R"({"msgid":%d,"id":%d,"name":"user %d","%s":%d,"color":{"msg":"red"},"msg":"%s","time":"t"})",
		group ? 10 : 6, static_cast<int>(item.sender), static_cast<int>(item.sender),
		group ? "groupid" : "toid", static_cast<int>(item.to), msg.c_str());
}

static message_append say(cs_db *db, message_append item, const std::string &msg)
{
	const std::string frame = message_frame(item, msg);
	std::vector<message_append> items = {item};

	items[0].body = frame;
	items[0].created = stored_at;
	assert_int_equal(append(db, &items), 0);
	assert_int_equal(items[0].outcome, 0);
	return items[0];
}

static uint64_t last_seq(cs_db *db, uint64_t conversation)
{
	return static_cast<uint64_t>(database_number(db, "SELECT max(seq) FROM message WHERE conversation = " +
	                                                         std::to_string(conversation)));
}

static std::string frame_of(cs_db *db, const message_append &item, uint64_t seq)
{
	std::vector<message_row> rows;

	assert_int_equal(message_read(db, item.conversation, seq - 1, 1, &rows), 0);
	return rows.size() == 1 && rows[0].seq == seq ? rows[0].body : "";
}

static std::string frame_of(cs_db *db, const message_append &item)
{
	return frame_of(db, item, item.seq);
}

static int64_t column_of(cs_db *db, const message_append &item, const char *column)
{
	return database_number(db, check_format("SELECT %s FROM message WHERE conversation = %llu AND seq = %llu",
	                                        column, static_cast<unsigned long long>(item.conversation),
	                                        static_cast<unsigned long long>(item.seq)));
}

/* How many rows hold the text somewhere. */
static int64_t rows_with(cs_db *db, const char *text)
{
	return database_number(db, check_format("SELECT count(*) FROM message WHERE body LIKE '%%%s%%'", text));
}

/* ---- EDIT and RECALL */

static edit_act act_on(const message_append &item, uint64_t actor)
{
	edit_act act;

	act.kind = item.kind;
	act.to = item.kind == CONVERSATION_PAIR && actor != item.sender ? item.sender : item.to;
	act.conversation = item.conversation;
	act.actor = actor;
	act.of = item.seq;
	act.now = stored_at;
	act.window = window;
	return act;
}

struct act_run {
	edit_act act;
	std::string msg; /* of an EDIT, a JSON string */
	int64_t muted = 0;
	int result = 0;
};

static int run_act(cs_db *db, message_append *item, void *arg)
{
	act_run *run = static_cast<act_run *>(arg);
	edit_act act = run->act;

	act.conversation = item->conversation;
	act.seq = item->seq;
	run->result = run->msg.empty() ? edit_recall(db, act) : edit_message(db, act, run->msg, longest, &run->muted);
	return run->result > 0 ? MODEL_REFUSED : run->result;
}

/* As the log runs them: what they change, and then the entry, if there is one. */
static int append_act(cs_db *db, act_run *run, const std::string &frame)
{
	std::vector<message_append> items = {to_user(run->act.actor, run->act.to)};

	items[0].kind = run->act.kind;
	items[0].body = frame;
	items[0].created = run->act.now;
	items[0].effect = run_act;
	items[0].arg = run;
	const int result = append(db, &items);
	assert_int_equal(items[0].outcome, run->result > 0 ? MODEL_REFUSED : 0);
	return result ? result : run->result;
}

static int edit(cs_db *db, const edit_act &act, const std::string &msg, int64_t *muted_r = nullptr)
{
	act_run run = {act, "\"" + msg + "\""};
	const int result = append_act(db, &run,
	                              check_format(R"({"msgid":160,"id":%d,"of":%d,"msg":"%s","cid":"c"})",
	                                           static_cast<int>(act.actor), static_cast<int>(act.of), msg.c_str()));

	if (muted_r)
		*muted_r = run.muted;
	return result;
}

static int recall(cs_db *db, const edit_act &act)
{
	act_run run = {act, ""};

	return append_act(db, &run,
	                  check_format(R"({"msgid":161,"id":%d,"of":%d})", static_cast<int>(act.actor),
	                               static_cast<int>(act.of)));
}

static uint64_t make_group(cs_db *db, std::initializer_list<uint64_t> members)
{
	uint64_t group = 0, joined = 0;

	assert_int_equal(group_create(db, *members.begin(), "c++", "", &group), 0);
	for (const uint64_t account : members)
		assert_int_equal(group_join(db, account, group, &joined),
		                 account == *members.begin() ? MODEL_TAKEN : 0);
	return group;
}

/* ---- EDIT */

static void an_edit_replaces_msg_and_says_by_which_entry(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2, "k"), "old"), other = say(db, to_user(1, 2), "other");

	assert_int_equal(edit(db, act_on(item, 1), "new"), 0);
	assert_string_equal(
		frame_of(db, item).c_str(),
		R"({"msgid":6,"id":1,"name":"user 1","toid":2,"color":{"msg":"red"},"msg":"new","time":"t","edited":3})");
	assert_int_equal(column_of(db, item, "edited"), 3);
	assert_int_equal(column_of(db, item, "kind"), 0);
	assert_int_equal(column_of(db, item, "created"), stored_at);
	assert_string_equal(frame_of(db, other).c_str(), message_frame(other, "other").c_str());
	assert_int_equal(rows_with(db, "old"), 0);
	/* Its cid is still known. */
	std::vector<message_append> again = {to_user(1, 2, "k")};
	assert_int_equal(append(db, &again), 0);
	assert_true(again[0].repeated && again[0].seq == 1);
}

static void the_edit_that_was_replaced_loses_its_msg_and_nothing_else(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "zero");

	assert_int_equal(edit(db, act_on(item, 1), "first"), 0);
	assert_string_equal(frame_of(db, item, 2).c_str(), R"({"msgid":160,"id":1,"of":1,"msg":"first","cid":"c"})");
	assert_int_equal(edit(db, act_on(item, 1), "second"), 0);
	assert_string_equal(frame_of(db, item, 2).c_str(), R"({"msgid":160,"id":1,"of":1,"cid":"c"})");
	assert_string_equal(frame_of(db, item, 3).c_str(), R"({"msgid":160,"id":1,"of":1,"msg":"second","cid":"c"})");
	assert_int_equal(edit(db, act_on(item, 1), "third"), 0);
	assert_string_equal(frame_of(db, item, 3).c_str(), R"({"msgid":160,"id":1,"of":1,"cid":"c"})");
	assert_string_equal(
		frame_of(db, item).c_str(),
		R"({"msgid":6,"id":1,"name":"user 1","toid":2,"color":{"msg":"red"},"msg":"third","time":"t","edited":4})");
	for (const char *gone : {"zero", "first", "second"})
		assert_int_equal(rows_with(db, gone), 0);
}

static void an_edit_whose_former_entry_was_purged_is_done(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "zero");

	assert_int_equal(edit(db, act_on(item, 1), "first"), 0);
	say(db, to_user(2, 1), "hm");
	assert_int_equal(database_run(db, mariadb_wanted() ? "DELETE FROM message WHERE seq = 2"
	                                                   : "DELETE FROM entry WHERE k = 2 AND owner = 0"),
	                 0);
	assert_int_equal(edit(db, act_on(item, 1), "second"), 0);
	assert_int_equal(column_of(db, item, "edited"), 4);
}

static void only_the_sender_edits(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, {1, 2, 3});
	const message_append in_pair = say(db, to_user(1, 2), "x"), in_group = say(db, to_group(2, group), "x");

	assert_int_equal(edit(db, act_on(in_pair, 2), "y"), EDIT_NOT_SENDER);
	assert_int_equal(edit(db, act_on(in_group, 1), "y"), EDIT_NOT_SENDER); /* its creator */
	assert_int_equal(edit(db, act_on(in_group, 3), "y"), EDIT_NOT_SENDER);
	assert_int_equal(edit(db, act_on(in_group, 4), "y"), MODEL_NOT_MEMBER);
	assert_string_equal(frame_of(db, in_group).c_str(), message_frame(in_group, "x").c_str());
	assert_int_equal(edit(db, act_on(in_group, 2), "y"), 0);
}

static void the_window_ends_to_the_millisecond(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "x");
	edit_act act = act_on(item, 1);

	act.now = stored_at + window;
	assert_int_equal(edit(db, act, "y"), EDIT_TOO_LATE);
	assert_int_equal(recall(db, act), EDIT_TOO_LATE);
	assert_string_equal(frame_of(db, item).c_str(), message_frame(item, "x").c_str());
	act.now--;
	assert_int_equal(edit(db, act, "y"), 0);
	/* An edit begins no new window. */
	act.now++;
	assert_int_equal(edit(db, act, "z"), EDIT_TOO_LATE);
	act.now--;
	assert_int_equal(recall(db, act), 0);
	/* No window: never. */
	const message_append next = say(db, to_user(1, 2), "x");
	act = act_on(next, 1);
	act.window = 0;
	assert_int_equal(edit(db, act, "y"), EDIT_TOO_LATE);
	assert_int_equal(recall(db, act), EDIT_TOO_LATE);
}

static void what_is_no_message_is_not_found(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "x"), elsewhere = say(db, to_user(1, 3), "x");
	edit_act act = act_on(item, 1);

	say(db, to_user(1, 3), "x");
	say(db, to_user(1, 3), "x");
	assert_int_equal(edit(db, act, "y"), 0);
	for (const uint64_t of : {uint64_t{2}, uint64_t{3}, uint64_t{0}, UINT64_C(9007199254740991)}) {
		act.of = of; /* 2 is the EDIT; 3 is there in another conversation */
		assert_int_equal(edit(db, act, "y"), EDIT_NO_MESSAGE);
		assert_int_equal(recall(db, act), EDIT_NO_MESSAGE);
	}
	assert_int_equal(last_seq(db, item.conversation), 2);
	assert_int_equal(column_of(db, elsewhere, "COALESCE(edited, 0)"), 0);
}

static void a_conversation_that_is_not_there_has_no_message(void **state)
{
	cs_db *db = model_db(state);
	edit_act act = {};

	act.actor = 1;
	act.of = 1;
	act.to = 2;
	assert_int_equal(edit(db, act, "y"), EDIT_NO_MESSAGE);
	assert_int_equal(recall(db, act), EDIT_NO_MESSAGE);
	act.to = 99;
	assert_int_equal(edit(db, act, "y"), MODEL_NONE);
	act.kind = CONVERSATION_GROUP;
	act.to = 2;
	assert_int_equal(edit(db, act, "y"), MODEL_NONE);
	assert_int_equal(recall(db, act), MODEL_NONE);
	assert_int_equal(database_number(db, "SELECT count(*) FROM conversation"), 0);
}

static void an_edit_to_the_same_text_is_there_already(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "A\\n");
	edit_act act = act_on(item, 1);

	for (const char *same : {"A\\n", "\\u0041\\u000a", "A\\u000A"})
		assert_int_equal(edit(db, act, same), EDIT_IS_THERE);
	assert_int_equal(column_of(db, item, "COALESCE(edited, 0)"), 0);
	for (const char *other : {"A\\\\n", "a\\n", ""})
		assert_int_equal(edit(db, act, other), 0);
	/* It is a repetition, which may come late. */
	act.now = stored_at + window;
	assert_int_equal(edit(db, act, ""), EDIT_IS_THERE);
	assert_int_equal(last_seq(db, item.conversation), 4);
}

static void an_edit_may_not_make_a_message_much_longer(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), std::string(200, 'a'));
	const message_append large = say(db, to_user(1, 2), std::string(longest, 'a'));
	const size_t rest = frame_of(db, item).size() - 200 + strlen(",\"edited\":3");

	assert_int_equal(edit(db, act_on(item, 1), std::string(longest - rest + 1, 'b')), EDIT_TOO_LONG);
	assert_int_equal(rows_with(db, "bbb"), 0);
	assert_int_equal(edit(db, act_on(item, 1), std::string(longest - rest, 'b')), 0);
	assert_int_equal(frame_of(db, item).size(), longest);
	/* One that was longer than that may stay as long as it was. */
	assert_int_equal(edit(db, act_on(large, 1), std::string(longest - 11, 'b')), 0);
	assert_int_equal(edit(db, act_on(large, 1), std::string(longest - 10, 'b')), EDIT_TOO_LONG);
}

/* ---- RECALL */

static void a_recalled_message_keeps_who_when_and_where_and_loses_all_else(void **state)
{
	cs_db *db = model_db(state);
	message_append item = to_user(1, 2, "k");
	std::vector<message_append> items = {item};

	items[0].created = stored_at;
	items[0].body =
		R"({"req":3,"msg":"secret","msgid":6, "id":1,"color":"secret","name":"user 1","toid":2,"groupid":"secret","t\u0069me":"t","cid":"k","x":[{"msg":"secret"}]})";
	assert_int_equal(append(db, &items), 0);
	item = items[0];
	assert_int_equal(recall(db, act_on(item, 1)), 0);
	assert_string_equal(
		frame_of(db, item).c_str(),
		R"({"msg":"","msgid":6,"id":1,"name":"user 1","toid":2,"t\u0069me":"t","cid":"k","recalled":2})");
	assert_int_equal(column_of(db, item, "kind"), 1);
	assert_int_equal(column_of(db, item, "edited"), 2);
	assert_int_equal(rows_with(db, "secret"), 0);
}

static void a_recall_blanks_the_edit_before_it(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, {1, 2});
	const message_append item = say(db, to_group(1, group), "zero");

	assert_int_equal(edit(db, act_on(item, 1), "first"), 0);
	assert_int_equal(recall(db, act_on(item, 1)), 0);
	assert_string_equal(
		frame_of(db, item).c_str(),
		check_format(R"({"msgid":10,"id":1,"name":"user 1","groupid":%d,"msg":"","time":"t","recalled":3})",
	                     static_cast<int>(group))
			.c_str());
	assert_string_equal(frame_of(db, item, 2).c_str(), R"({"msgid":160,"id":1,"of":1,"cid":"c"})");
	assert_int_equal(rows_with(db, "first"), 0);
}

static void a_recalled_message_can_be_recalled_but_not_edited(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "x");
	edit_act act = act_on(item, 1);

	assert_int_equal(recall(db, act), 0);
	assert_int_equal(edit(db, act, ""), EDIT_NO_MESSAGE);
	assert_int_equal(edit(db, act, "y"), EDIT_NO_MESSAGE);
	act.now += 10 * window;
	assert_int_equal(recall(db, act), EDIT_IS_THERE);
	assert_int_equal(recall(db, act_on(item, 2)), EDIT_NOT_SENDER);
	assert_int_equal(last_seq(db, item.conversation), 2);
}

static void an_admin_recalls_everything_at_any_time(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, {1, 2, 3, 4});
	const message_append of_creator = say(db, to_group(1, group), "x"),
			     of_normal = say(db, to_group(3, group), "x"), another = say(db, to_group(3, group), "x"),
			     own = say(db, to_group(2, group), "x");
	edit_act act = act_on(of_creator, 2);

	assert_int_equal(database_run(db, "UPDATE member SET role = 2 WHERE account = 2"), 0);
	act.now = stored_at + 1000 * window;
	for (const message_append &item : {of_creator, of_normal, own}) {
		act.of = item.seq;
		act.actor = 4;
		assert_int_equal(recall(db, act), EDIT_NOT_SENDER);
		act.actor = 2;
		assert_int_equal(recall(db, act), 0);
		assert_int_equal(column_of(db, item, "kind"), 1);
	}
	act.of = another.seq;
	act.actor = 3;
	assert_int_equal(recall(db, act), EDIT_TOO_LATE);
	act.actor = 1;
	assert_int_equal(recall(db, act), 0);
	assert_int_equal(recall(db, act), EDIT_IS_THERE);
	assert_string_equal(
		frame_of(db, another).c_str(),
		check_format(R"({"msgid":10,"id":3,"name":"user 3","groupid":%d,"msg":"","time":"t","recalled":8})",
	                     static_cast<int>(group))
			.c_str());
}

/* ---- where one may write now */

static void who_is_muted_recalls_and_does_not_edit(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, {1, 2, 3, 4});
	const message_append of_creator = say(db, to_group(1, group), "x"), of_muted = say(db, to_group(2, group), "x"),
			     of_normal = say(db, to_group(3, group), "x"), of_admin = say(db, to_group(4, group), "x");
	int64_t muted = 0;

	assert_int_equal(database_run(db, "UPDATE member SET muted = 5001 WHERE account = 2"), 0);
	assert_int_equal(database_run(db, "UPDATE member SET role = 2 WHERE account = 4"), 0);
	assert_int_equal(edit(db, act_on(of_muted, 2), "y", &muted), MODEL_MUTED);
	assert_int_equal(muted, 5001);
	assert_int_equal(edit(db, act_on(of_normal, 3), "y"), 0);
	assert_int_equal(database_run(db, "UPDATE conversation SET muted = 6000"), 0);
	assert_int_equal(edit(db, act_on(of_normal, 3), "z", &muted), MODEL_MUTED);
	assert_int_equal(muted, 6000);
	assert_int_equal(edit(db, act_on(of_muted, 2), "z", &muted), MODEL_MUTED);
	assert_int_equal(muted, 6000);
	assert_int_equal(edit(db, act_on(of_admin, 4), "y"), 0);
	assert_int_equal(edit(db, act_on(of_creator, 1), "y"), 0);
	for (const message_append &item : {of_muted, of_normal, of_admin})
		assert_int_equal(recall(db, act_on(item, item.sender)), 0);
	assert_int_equal(database_run(db, "UPDATE conversation SET muted = 5000"), 0);
	const message_append later = say(db, to_group(3, group), "x");
	assert_int_equal(edit(db, act_on(later, 3), "y"), 0);
}

static void who_is_blocked_recalls_and_does_not_edit(void **state)
{
	cs_db *db = model_db(state);
	const message_append low = say(db, to_user(1, 2), "x"), high = say(db, to_user(2, 1), "x");

	assert_int_equal(database_run(db, "UPDATE conversation SET flags = 1"), 0); /* 1 blocks 2 */
	assert_int_equal(edit(db, act_on(low, 1), "y"), 0);
	assert_int_equal(edit(db, act_on(high, 2), "y"), MODEL_UNWANTED);
	assert_int_equal(database_run(db, "UPDATE conversation SET flags = 2 + 4 + 8 + 16 + 32"), 0);
	assert_int_equal(edit(db, act_on(low, 1), "z"), MODEL_UNWANTED);
	assert_int_equal(edit(db, act_on(high, 2), "y"), 0);
	assert_int_equal(recall(db, act_on(low, 1)), 0);
}

static void a_stranger_recalls_and_does_not_edit_where_strangers_are_refused(void **state)
{
	cs_db *db = model_db(state);
	const message_append item = say(db, to_user(1, 2), "x");
	edit_act act = act_on(item, 1);

	act.strangers_may = false;
	assert_int_equal(edit(db, act, "y"), MODEL_UNWANTED);
	assert_int_equal(friend_add(db, 1, 2), 0);
	assert_int_equal(edit(db, act, "y"), MODEL_UNWANTED);
	assert_int_equal(friend_add(db, 2, 1), 0);
	assert_int_equal(edit(db, act, "y"), 0);
	edit_act other = act_on(say(db, to_user(1, 3), "x"), 1);
	other.strangers_may = false;
	assert_int_equal(recall(db, other), 0);
}

static void who_has_left_changes_nothing_any_more(void **state)
{
	cs_db *db = model_db(state);
	const uint64_t group = make_group(db, {1, 2});
	const message_append item = say(db, to_group(2, group), "x"), of_creator = say(db, to_group(1, group), "x");

	assert_int_equal(recall(db, act_on(say(db, to_group(2, group), "z"), 2)), 0);
	assert_int_equal(database_run(db, "UPDATE member SET left_seq = 2, role = 2 WHERE account = 2"), 0);
	assert_int_equal(edit(db, act_on(item, 2), "y"), MODEL_NOT_MEMBER);
	for (const message_append &of : {item, of_creator})
		assert_int_equal(recall(db, act_on(of, 2)), MODEL_NOT_MEMBER);
	assert_int_equal(recall(db, act_on(item, 1)), 0);
	/* The group has ended. */
	assert_int_equal(database_run(db, "UPDATE conversation SET members = 0"), 0);
	assert_int_equal(edit(db, act_on(of_creator, 1), "y"), MODEL_NONE);
	assert_int_equal(recall(db, act_on(of_creator, 1)), MODEL_NONE);
}

static void a_frame_that_is_broken_in_the_store_is_left_alone(void **state)
{
	cs_db *db = model_db(state);
	std::vector<message_append> items = {to_user(1, 2)};

	assert_int_equal(append(db, &items), 0); /* "body" */
	assert_int_equal(edit(db, act_on(items[0], 1), "y"), CS_DB_FAILED);
	assert_int_equal(recall(db, act_on(items[0], 1)), CS_DB_FAILED);
	assert_string_equal(frame_of(db, items[0]).c_str(), "body");
}

/* ---- MariaDB: two writers */

static void an_edit_and_a_recall_at_the_same_time_are_one_after_the_other(void **state)
{
	model_fixture *f = static_cast<model_fixture *>(*state);
	cs_db *db = f->db, *other = database_open(&f->database);
	unsigned edits_first = 0;

	for (int round = 0; round < 1000; round++) {
		const message_append item = say(db, to_user(1, 2), "zero");
		int edited = 0, recalled = 0;
		std::thread thread([&] { recalled = recall(other, act_on(item, 1)); });

		edited = edit(db, act_on(item, 1), "first");
		thread.join();
		assert_int_equal(recalled, 0);
		assert_true(edited == 0 || edited == EDIT_NO_MESSAGE);
		edits_first += edited == 0;
		assert_int_equal(last_seq(db, item.conversation), item.seq + (edited ? 1 : 2));
		assert_true(frame_of(db, item).find(R"("msg":"",)") != std::string::npos);
		assert_int_equal(column_of(db, item, "kind"), 1);
	}
	assert_int_equal(rows_with(db, "zero") + rows_with(db, "first"), 0);
	assert_true(edits_first > 0 && edits_first < 1000);
	other->driver->close(other);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(an_edit_replaces_msg_and_says_by_which_entry),
		TEST(the_edit_that_was_replaced_loses_its_msg_and_nothing_else),
		TEST(an_edit_whose_former_entry_was_purged_is_done),
		TEST(only_the_sender_edits),
		TEST(the_window_ends_to_the_millisecond),
		TEST(what_is_no_message_is_not_found),
		TEST(a_conversation_that_is_not_there_has_no_message),
		TEST(an_edit_to_the_same_text_is_there_already),
		TEST(an_edit_may_not_make_a_message_much_longer),
		TEST(a_recalled_message_keeps_who_when_and_where_and_loses_all_else),
		TEST(a_recall_blanks_the_edit_before_it),
		TEST(a_recalled_message_can_be_recalled_but_not_edited),
		TEST(an_admin_recalls_everything_at_any_time),
		TEST(who_is_muted_recalls_and_does_not_edit),
		TEST(who_is_blocked_recalls_and_does_not_edit),
		TEST(a_stranger_recalls_and_does_not_edit_where_strangers_are_refused),
		TEST(who_has_left_changes_nothing_any_more),
		TEST(a_frame_that_is_broken_in_the_store_is_left_alone),
	};

	/* SQLite has one writer. */
	const CMUnitTest mariadb_tests[] = {
		TEST(an_edit_and_a_recall_at_the_same_time_are_one_after_the_other),
	};

	if (mariadb_wanted() && cmocka_run_group_tests(mariadb_tests, nullptr, nullptr))
		return 1;
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
