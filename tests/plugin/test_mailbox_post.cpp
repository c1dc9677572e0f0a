/* SPDX-License-Identifier: MIT
 * Tests mailbox->post: a plugin says something as an account, without a connection. */
#include "mailbox_stage.h"

#include <cstring>

#include <chatserverd/msgid.h>

/* What a post came to. */
struct told {
	int calls = 0;
	int result = 0;
	uint64_t seq = 0;
};

struct post_stage {
	stage st;
	std::map<cs_conn, std::vector<std::string>> frames;
};

static void tell(void *arg, int result, uint64_t seq)
{
	told *t = static_cast<told *>(arg);

	t->calls++;
	t->result = result;
	t->seq = seq;
}

static void open_stage(post_stage *p, unsigned workers)
{
	stage_open(&p->st, workers);
	p->st.w.on_frame = [p](world_conn &c, const std::string &frame) {
		p->st.seen[c.id].push_back(stage_parse(frame));
		p->frames[c.id].push_back(frame);
	};
}

static cs_mailbox_post post_of(cs_account account, cs_conversation_kind kind, uint64_t to, const std::string &text,
                               const char *cid = nullptr)
{
	return {account, kind, to, text.data(), text.size(), cid, cid ? strlen(cid) : 0, {nullptr, nullptr}};
}

static int post_as(stage *st, unsigned worker, const cs_mailbox_post &post, told *t)
{
	return st->w.mailbox->post(fake_self_state(st->w.workers[worker]), &post, tell, t);
}

static int say(stage *st, cs_account account, uint64_t to, const std::string &text, told *t, const char *cid = nullptr)
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

static void a_post_reaches_its_receiver_as_a_message_of_the_account(void **)
{
	post_stage p;
	told t;

	open_stage(&p, 2);
	const cs_conn bob = stage_login(&p.st, 1, 2);
	assert_int_equal(say(&p.st, 1, 2, "a \"b\"\n\xc3\xa9", &t, "x:\"1"), 0);
	assert_int_equal(t.calls, 0);
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.seq, 1);
	assert_int_equal(p.frames[bob].size(), 1);
	assert_string_equal(without_time(p.frames[bob][0]).c_str(),
	                    "{\"msgid\":6,\"id\":1,\"name\":\"user \\\"1\\\"\",\"toid\":2,"
	                    "\"msg\":\"a \\\"b\\\"\\n\xc3\xa9\",\"cid\":\"x:\\\"1\",\"time\":\"0000-00-00 00:00:00\","
	                    "\"seq\":1,\"ts\":0000000000000}");
	stage_close(&p.st);
}

static void a_post_waits_for_a_receiver_who_is_away(void **)
{
	post_stage p;
	told t;

	open_stage(&p, 1);
	assert_int_equal(say(&p.st, 1, 2, "hello", &t), 0);
	world_settle(&p.st.w);
	assert_string_equal(stage_seqs(&p.st, stage_login(&p.st, 0, 2)).c_str(), "1");
	stage_close(&p.st);
}

static void a_post_into_a_group_reaches_every_member_but_its_account(void **)
{
	post_stage p;
	told t;

	open_stage(&p, 2);
	const uint64_t group = memory_log_add_group(&p.st.log, {1, 2, 3});
	const cs_conn ann = stage_login(&p.st, 0, 1), bob = stage_login(&p.st, 1, 2), cid = stage_login(&p.st, 0, 3);
	assert_int_equal(post_as(&p.st, 1, post_of(1, CS_CONVERSATION_GROUP, group, "hello"), &t), 0);
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 1);
	assert_string_equal(stage_seqs(&p.st, ann).c_str(), "");
	assert_string_equal(stage_seqs(&p.st, bob).c_str(), "1");
	assert_string_equal(stage_seqs(&p.st, cid).c_str(), "1");
	assert_non_null(
		strstr(p.frames[bob][0].c_str(), "{\"msgid\":10,\"id\":1,\"name\":\"user \\\"1\\\"\",\"groupid\":"));
	stage_close(&p.st);
}

static void posts_and_messages_of_an_account_share_one_order(void **)
{
	post_stage p;
	told first, last;

	open_stage(&p, 1);
	const cs_conn ann = stage_login(&p.st, 0, 1), bob = stage_login(&p.st, 0, 2);
	assert_int_equal(say(&p.st, 1, 2, "one", &first), 0);
	stage_chat(&p.st, ann, 2, 2);
	world_step_request(&p.st.w, ann);
	assert_int_equal(say(&p.st, 1, 2, "three", &last), 0);
	world_settle(&p.st.w);
	assert_int_equal(first.seq, 1);
	assert_int_equal(last.seq, 3);
	assert_string_equal(stage_seqs(&p.st, bob).c_str(), "1 2 3");
	assert_non_null(strstr(p.frames[bob][2].c_str(), "three"));
	stage_close(&p.st);
}

static void a_post_with_the_cid_of_an_earlier_one_is_stored_once(void **)
{
	post_stage p;
	told first, again;

	open_stage(&p, 1);
	const cs_conn bob = stage_login(&p.st, 0, 2);
	assert_int_equal(say(&p.st, 1, 2, "hello", &first, "x:1"), 0);
	world_settle(&p.st.w);
	assert_int_equal(say(&p.st, 1, 2, "hello", &again, "x:1"), 0);
	world_settle(&p.st.w);
	assert_int_equal(again.calls, 1);
	assert_int_equal(again.result, 0);
	assert_int_equal(again.seq, first.seq);
	assert_string_equal(stage_seqs(&p.st, bob).c_str(), "1");
	stage_close(&p.st);
}

static void a_commit_of_unknown_outcome_stores_a_post_without_a_cid_once(void **)
{
	post_stage p;
	told t;

	open_stage(&p, 1);
	p.st.w.host->unknown_outcomes = true;
	stage_fail(&p.st, FAKE_BATCH, {FAKE_UNHEARD});
	const cs_conn bob = stage_login(&p.st, 0, 2);
	assert_int_equal(say(&p.st, 1, 2, "hello", &t), 0);
	world_settle(&p.st.w);
	assert_int_equal(t.seq, 1);
	assert_string_equal(stage_seqs(&p.st, bob).c_str(), "1");
	assert_null(strstr(p.frames[bob][0].c_str(), "cid"));
	stage_close(&p.st);
}

static void a_post_that_cannot_be_stored_says_why(void **)
{
	post_stage p;
	told nobody, to_nobody, to_no_group, to_foreign_group, nobody_to_group, good;

	open_stage(&p, 1);
	const uint64_t group = memory_log_add_group(&p.st.log, {2});
	p.st.w.hold_writes = true; /* one batch */
	assert_int_equal(say(&p.st, 77, 2, "x", &nobody), 0);
	assert_int_equal(say(&p.st, 1, 77, "x", &to_nobody), 0);
	assert_int_equal(post_as(&p.st, 0, post_of(1, CS_CONVERSATION_GROUP, 77, "x"), &to_no_group), 0);
	assert_int_equal(post_as(&p.st, 0, post_of(1, CS_CONVERSATION_GROUP, group, "x"), &to_foreign_group), 0);
	assert_int_equal(post_as(&p.st, 0, post_of(77, CS_CONVERSATION_GROUP, group, "x"), &nobody_to_group), 0);
	assert_int_equal(say(&p.st, 1, 2, "x", &good), 0);
	p.st.w.hold_writes = false;
	world_settle(&p.st.w);
	assert_int_equal(nobody.result, CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(to_nobody.result, CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(to_no_group.result, CS_ERRNO_NO_SUCH_GROUP);
	assert_int_equal(to_foreign_group.result, CS_ERRNO_NOT_ALLOWED);
	assert_int_equal(nobody_to_group.result, CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(good.result, 0);
	assert_int_equal(good.seq, 1);
	for (const told *t : {&nobody, &to_nobody, &to_no_group, &to_foreign_group, &nobody_to_group})
		assert_true(t->calls == 1 && t->seq == 0);
	stage_close(&p.st);
}

static void a_store_that_fails_is_told_and_a_retry_is_stored(void **)
{
	post_stage p;
	told failed, again;

	open_stage(&p, 1);
	stage_fail(&p.st, FAKE_BATCH, {CS_ENOSTORE});
	assert_int_equal(say(&p.st, 1, 2, "x", &failed, "x:1"), 0);
	world_settle(&p.st.w);
	assert_int_equal(failed.calls, 1);
	assert_int_equal(failed.result, CS_ENOSTORE);
	assert_int_equal(failed.seq, 0);
	assert_int_equal(say(&p.st, 1, 2, "x", &again, "x:1"), 0);
	world_settle(&p.st.w);
	assert_int_equal(again.result, 0);
	assert_int_equal(again.seq, 1);
	stage_close(&p.st);
}

/* As a client's message would be. It is refused for ever. */
static void a_post_that_the_store_cannot_hold_is_refused_as_a_bad_frame(void **)
{
	post_stage p;
	told t;

	open_stage(&p, 1);
	stage_fail(&p.st, FAKE_BATCH, {CS_DB_BAD_VALUE});
	assert_int_equal(say(&p.st, 1, 2, "x", &t), 0);
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.result, CS_ERRNO_BAD_FRAME);
	assert_int_equal(t.seq, 0);
	stage_close(&p.st);
}

static void a_post_that_no_client_could_have_sent_is_refused_at_once(void **)
{
	const std::string longest(CS_MAILBOX_TEXT_MAX - 2, 'x'), long_cid(CS_MAILBOX_CID_MAX + 1, 'x');
	post_stage p;
	told t;

	open_stage(&p, 1);
	for (const std::string &text :
	     {longest + "x", std::string("a\0b", 3), std::string("\x80"), std::string("\xc3"), std::string("\xc0\xaf"),
	      std::string("\xe0\x80\x80"), std::string("\xed\xa0\x80"), std::string("\xf0\x80\x80\x80"),
	      std::string("\xf4\x90\x80\x80"), std::string("\xf5\x80\x80\x80"), std::string("\xe2\x82"),
	      std::string(CS_MAILBOX_TEXT_MAX / 2, '"')})
		assert_int_equal(say(&p.st, 1, 2, text, &t), CS_EINVAL);
	for (const char *cid : {"", long_cid.c_str(), "\xff"})
		assert_int_equal(say(&p.st, 1, 2, "x", &t, cid), CS_EINVAL);
	assert_int_equal(say(&p.st, 0, 2, "x", &t), CS_EINVAL);
	assert_int_equal(say(&p.st, 1, 0, "x", &t), CS_EINVAL);
	assert_int_equal(say(&p.st, UINT64_C(1) << 53, 2, "x", &t), CS_EINVAL);
	cs_mailbox_post spare = post_of(1, CS_CONVERSATION_PAIR, 2, "x");
	spare.spare[1] = &spare;
	assert_int_equal(post_as(&p.st, 0, spare, &t), CS_EINVAL);
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 0);
	for (const std::string &text :
	     {longest, std::string(), std::string("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80")})
		assert_int_equal(say(&p.st, 1, 2, text, &t), 0);
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 3);
	assert_int_equal(t.result, 0);
	assert_true(stage_seqs(&p.st, stage_login(&p.st, 0, 2)) == "1 2 3");
	stage_close(&p.st);
}

static void more_than_256_posts_of_a_worker_under_way_are_refused(void **)
{
	post_stage p;
	told t;

	open_stage(&p, 2);
	p.st.w.hold_writes = true;
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(say(&p.st, 1, 2, "x", &t), 0);
	assert_int_equal(say(&p.st, 1, 2, "x", &t), CS_EBUSY);
	assert_int_equal(post_as(&p.st, 1, post_of(1, CS_CONVERSATION_PAIR, 2, "x"), &t), 0);
	p.st.w.hold_writes = false;
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 257);
	p.st.w.host->full = {FAKE_BATCH};
	assert_int_equal(say(&p.st, 1, 2, "x", &t), CS_EBUSY);
	p.st.w.host->full.clear();
	assert_int_equal(say(&p.st, 1, 2, "x", &t), 0);
	world_settle(&p.st.w);
	assert_int_equal(t.calls, 258);
	stage_close(&p.st);
}

static void the_end_of_the_server_tells_what_became_of_every_post(void **)
{
	post_stage p;
	told stored, waiting;

	open_stage(&p, 1);
	p.st.w.hold_commits = true;
	assert_int_equal(say(&p.st, 1, 2, "stored", &stored), 0);
	world_settle(&p.st.w);
	p.st.w.hold_writes = true;
	assert_int_equal(say(&p.st, 1, 2, "waiting", &waiting), 0);
	world_settle(&p.st.w);
	assert_int_equal(stored.calls + waiting.calls, 0);
	stage_close(&p.st);
	assert_int_equal(stored.calls, 1);
	assert_int_equal(stored.result, 0);
	assert_int_equal(waiting.calls, 1);
	assert_int_equal(waiting.result, CS_ECANCELED);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_post_reaches_its_receiver_as_a_message_of_the_account),
		cmocka_unit_test(a_post_waits_for_a_receiver_who_is_away),
		cmocka_unit_test(a_post_into_a_group_reaches_every_member_but_its_account),
		cmocka_unit_test(posts_and_messages_of_an_account_share_one_order),
		cmocka_unit_test(a_post_with_the_cid_of_an_earlier_one_is_stored_once),
		cmocka_unit_test(a_commit_of_unknown_outcome_stores_a_post_without_a_cid_once),
		cmocka_unit_test(a_post_that_cannot_be_stored_says_why),
		cmocka_unit_test(a_store_that_fails_is_told_and_a_retry_is_stored),
		cmocka_unit_test(a_post_that_the_store_cannot_hold_is_refused_as_a_bad_frame),
		cmocka_unit_test(a_post_that_no_client_could_have_sent_is_refused_at_once),
		cmocka_unit_test(more_than_256_posts_of_a_worker_under_way_are_refused),
		cmocka_unit_test(the_end_of_the_server_tells_what_became_of_every_post),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
