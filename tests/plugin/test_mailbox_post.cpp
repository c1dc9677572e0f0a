/* SPDX-License-Identifier: MIT
 * Tests mailbox->post: a plugin says something as an account, without a connection. */
#include "mailbox_stage.h"

#include <cstring>

#include <chatserverd/msgid.h>

static void tell(void *arg, int result, uint64_t seq)
{
	stage_told *t = static_cast<stage_told *>(arg);

	t->calls++;
	t->result = result;
	t->seq = seq;
}

static cs_mailbox_post post_of(cs_account account, cs_conversation_kind kind, uint64_t to, const std::string &text,
                               const char *cid = nullptr)
{
	return {account, kind, to, text.data(), text.size(), cid, cid ? strlen(cid) : 0, {nullptr, nullptr}};
}

static int post_as(stage *st, unsigned worker, const cs_mailbox_post &post, stage_told *t)
{
	return st->w.mailbox->post(fake_self_state(st->w.workers[worker]), &post, tell, t);
}

static int say(stage *st, cs_account account, uint64_t to, const std::string &text, stage_told *t,
               const char *cid = nullptr)
{
	return post_as(st, 0, post_of(account, CS_CONVERSATION_PAIR, to, text, cid), t);
}

/* Without the digits of time and ts. */
static std::string without_time(std::string frame)
{
	for (const char *key : {"\"time\":\"", "\"ts\":"}) {
		size_t at = frame.find(key) + strlen(key);

		for (; at < frame.size() && frame[at] != '"' && frame[at] != '}'; at++)
			if (frame[at] >= '0' && frame[at] <= '9')
				frame[at] = '0';
	}
	return frame;
}

static void a_post_reaches_its_receiver_as_a_message_of_the_account(void **state)
{
	stage *st = stage_open(state, 2);
	stage_told &t = st->told.emplace_back();
	const cs_conn bob = stage_login(st, 1, 2);
	assert_int_equal(say(st, 1, 2, "a \"b\"\n\xc3\xa9", &t, "x:\"1"), 0);
	assert_int_equal(t.calls, 0);
	world_settle(&st->w);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.seq, 1);
	assert_int_equal(st->seen[bob].size(), 1);
	assert_string_equal(without_time(st->seen[bob][0].text).c_str(),
	                    "{\"msgid\":6,\"id\":1,\"name\":\"user \\\"1\\\"\",\"toid\":2,"
	                    "\"msg\":\"a \\\"b\\\"\\n\xc3\xa9\",\"cid\":\"x:\\\"1\",\"time\":\"0000-00-00 00:00:00\","
	                    "\"seq\":1,\"ts\":0000000000000}");
}

static void a_post_waits_for_a_receiver_who_is_away(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &t = st->told.emplace_back();

	assert_int_equal(say(st, 1, 2, "hello", &t), 0);
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, stage_login(st, 0, 2)).c_str(), "1");
}

static void a_post_into_a_group_reaches_every_member_but_its_account(void **state)
{
	stage *st = stage_open(state, 2);
	stage_told &t = st->told.emplace_back();
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2), cid = stage_login(st, 0, 3);
	assert_int_equal(post_as(st, 1, post_of(1, CS_CONVERSATION_GROUP, group, "hello"), &t), 0);
	world_settle(&st->w);
	assert_int_equal(t.calls, 1);
	assert_string_equal(stage_seqs(st, ann).c_str(), "");
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	assert_string_equal(stage_seqs(st, cid).c_str(), "1");
	assert_non_null(strstr(st->seen[bob][0].text.c_str(),
	                       "{\"msgid\":10,\"id\":1,\"name\":\"user \\\"1\\\"\",\"groupid\":"));
}

static void posts_and_messages_of_an_account_share_one_order(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &first = st->told.emplace_back(), &last = st->told.emplace_back();
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 0, 2);
	assert_int_equal(say(st, 1, 2, "one", &first), 0);
	stage_chat(st, ann, 2, 2);
	world_step_request(&st->w, ann);
	assert_int_equal(say(st, 1, 2, "three", &last), 0);
	world_settle(&st->w);
	assert_int_equal(first.seq, 1);
	assert_int_equal(last.seq, 3);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2 3");
	assert_non_null(strstr(st->seen[bob][2].text.c_str(), "three"));
}

static void a_post_with_the_cid_of_an_earlier_one_is_stored_once(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &first = st->told.emplace_back(), &again = st->told.emplace_back();
	const cs_conn bob = stage_login(st, 0, 2);
	assert_int_equal(say(st, 1, 2, "hello", &first, "x:1"), 0);
	world_settle(&st->w);
	assert_int_equal(say(st, 1, 2, "hello", &again, "x:1"), 0);
	world_settle(&st->w);
	assert_int_equal(again.calls, 1);
	assert_int_equal(again.result, 0);
	assert_int_equal(again.seq, first.seq);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
}

static void a_commit_of_unknown_outcome_stores_a_post_without_a_cid_once(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &t = st->told.emplace_back();

	st->w.host->unknown_outcomes = true;
	stage_fail(st, FAKE_BATCH, {FAKE_UNHEARD});
	const cs_conn bob = stage_login(st, 0, 2);
	assert_int_equal(say(st, 1, 2, "hello", &t), 0);
	world_settle(&st->w);
	assert_int_equal(t.seq, 1);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	assert_null(strstr(st->seen[bob][0].text.c_str(), "cid"));
}

static void a_post_that_cannot_be_stored_says_why(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &nobody = st->told.emplace_back(), &to_nobody = st->told.emplace_back(),
		   &to_no_group = st->told.emplace_back(), &to_foreign_group = st->told.emplace_back(),
		   &nobody_to_group = st->told.emplace_back(), &good = st->told.emplace_back();
	const uint64_t group = memory_log_add_group(&st->log, {2});
	st->w.hold_writes = true; /* one batch */
	assert_int_equal(say(st, 77, 2, "x", &nobody), 0);
	assert_int_equal(say(st, 1, 77, "x", &to_nobody), 0);
	assert_int_equal(post_as(st, 0, post_of(1, CS_CONVERSATION_GROUP, 77, "x"), &to_no_group), 0);
	assert_int_equal(post_as(st, 0, post_of(1, CS_CONVERSATION_GROUP, group, "x"), &to_foreign_group), 0);
	assert_int_equal(post_as(st, 0, post_of(77, CS_CONVERSATION_GROUP, group, "x"), &nobody_to_group), 0);
	assert_int_equal(say(st, 1, 2, "x", &good), 0);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(nobody.result, CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(to_nobody.result, CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(to_no_group.result, CS_ERRNO_NO_SUCH_GROUP);
	assert_int_equal(to_foreign_group.result, CS_ERRNO_NOT_ALLOWED);
	assert_int_equal(nobody_to_group.result, CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(good.result, 0);
	assert_int_equal(good.seq, 1);
	for (const stage_told *t : {&nobody, &to_nobody, &to_no_group, &to_foreign_group, &nobody_to_group})
		assert_true(t->calls == 1 && t->seq == 0);
}

static void a_store_that_fails_is_told_and_a_retry_is_stored(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &failed = st->told.emplace_back(), &again = st->told.emplace_back();

	stage_fail(st, FAKE_BATCH, {CS_ENOSTORE});
	assert_int_equal(say(st, 1, 2, "x", &failed, "x:1"), 0);
	world_settle(&st->w);
	assert_int_equal(failed.calls, 1);
	assert_int_equal(failed.result, CS_ENOSTORE);
	assert_int_equal(failed.seq, 0);
	assert_int_equal(say(st, 1, 2, "x", &again, "x:1"), 0);
	world_settle(&st->w);
	assert_int_equal(again.result, 0);
	assert_int_equal(again.seq, 1);
}

/* As a client's message would be. It is refused for ever. */
static void a_post_that_the_store_cannot_hold_is_refused_as_a_bad_frame(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &t = st->told.emplace_back();

	stage_fail(st, FAKE_BATCH, {CS_DB_BAD_VALUE});
	assert_int_equal(say(st, 1, 2, "x", &t), 0);
	world_settle(&st->w);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.result, CS_ERRNO_BAD_FRAME);
	assert_int_equal(t.seq, 0);
}

static void a_post_that_no_client_could_have_sent_is_refused_at_once(void **state)
{
	stage *st = stage_open(state, 1);
	const std::string longest(CS_MAILBOX_TEXT_MAX - 2, 'x'), long_cid(CS_MAILBOX_CID_MAX + 1, 'x');
	stage_told &t = st->told.emplace_back();

	for (const std::string &text :
	     {longest + "x", std::string("a\0b", 3), std::string("\x80"), std::string("\xc3"), std::string("\xc0\xaf"),
	      std::string("\xe0\x80\x80"), std::string("\xed\xa0\x80"), std::string("\xf0\x80\x80\x80"),
	      std::string("\xf4\x90\x80\x80"), std::string("\xf5\x80\x80\x80"), std::string("\xe2\x82"),
	      std::string(CS_MAILBOX_TEXT_MAX / 2, '"')})
		assert_int_equal(say(st, 1, 2, text, &t), CS_EINVAL);
	for (const char *cid : {"", long_cid.c_str(), "\xff"})
		assert_int_equal(say(st, 1, 2, "x", &t, cid), CS_EINVAL);
	assert_int_equal(say(st, 0, 2, "x", &t), CS_EINVAL);
	assert_int_equal(say(st, 1, 0, "x", &t), CS_EINVAL);
	assert_int_equal(say(st, UINT64_C(1) << 53, 2, "x", &t), CS_EINVAL);
	cs_mailbox_post spare = post_of(1, CS_CONVERSATION_PAIR, 2, "x");
	spare.spare[1] = &spare;
	assert_int_equal(post_as(st, 0, spare, &t), CS_EINVAL);
	world_settle(&st->w);
	assert_int_equal(t.calls, 0);
	for (const std::string &text :
	     {longest, std::string(), std::string("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80")})
		assert_int_equal(say(st, 1, 2, text, &t), 0);
	world_settle(&st->w);
	assert_int_equal(t.calls, 3);
	assert_int_equal(t.result, 0);
	assert_true(stage_seqs(st, stage_login(st, 0, 2)) == "1 2 3");
}

static void more_than_256_posts_of_a_worker_under_way_are_refused(void **state)
{
	stage *st = stage_open(state, 2);
	stage_told &t = st->told.emplace_back();

	st->w.hold_writes = true;
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(say(st, 1, 2, "x", &t), 0);
	assert_int_equal(say(st, 1, 2, "x", &t), CS_EBUSY);
	assert_int_equal(post_as(st, 1, post_of(1, CS_CONVERSATION_PAIR, 2, "x"), &t), 0);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(t.calls, 257);
	st->w.host->full = {FAKE_BATCH};
	assert_int_equal(say(st, 1, 2, "x", &t), CS_EBUSY);
	st->w.host->full.clear();
	assert_int_equal(say(st, 1, 2, "x", &t), 0);
	world_settle(&st->w);
	assert_int_equal(t.calls, 258);
}

static void the_end_of_the_server_tells_what_became_of_every_post(void **state)
{
	stage *st = stage_open(state, 1);
	stage_told &stored = st->told.emplace_back(), &waiting = st->told.emplace_back();

	st->w.hold_commits = true;
	assert_int_equal(say(st, 1, 2, "stored", &stored), 0);
	world_settle(&st->w);
	st->w.hold_writes = true;
	assert_int_equal(say(st, 1, 2, "waiting", &waiting), 0);
	world_settle(&st->w);
	assert_int_equal(stored.calls + waiting.calls, 0);
	stage_close(st);
	assert_int_equal(stored.calls, 1);
	assert_int_equal(stored.result, 0);
	assert_int_equal(waiting.calls, 1);
	assert_int_equal(waiting.result, CS_ECANCELED);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_post_reaches_its_receiver_as_a_message_of_the_account),
		TEST(a_post_waits_for_a_receiver_who_is_away),
		TEST(a_post_into_a_group_reaches_every_member_but_its_account),
		TEST(posts_and_messages_of_an_account_share_one_order),
		TEST(a_post_with_the_cid_of_an_earlier_one_is_stored_once),
		TEST(a_commit_of_unknown_outcome_stores_a_post_without_a_cid_once),
		TEST(a_post_that_cannot_be_stored_says_why),
		TEST(a_store_that_fails_is_told_and_a_retry_is_stored),
		TEST(a_post_that_the_store_cannot_hold_is_refused_as_a_bad_frame),
		TEST(a_post_that_no_client_could_have_sent_is_refused_at_once),
		TEST(more_than_256_posts_of_a_worker_under_way_are_refused),
		TEST(the_end_of_the_server_tells_what_became_of_every_post),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
