/* SPDX-License-Identifier: MIT
 * Tests the plugin reminders, an example with a table of its own, with a real database and a made-up mailbox. */
#include <cstring>
#include <memory>

#include <chatserverd/mailbox.h>

#include "tests/support/check.h"
#include "tests/support/fake_host.h"

struct stage {
	std::vector<std::string> posts; /* "1 to 2: text (cid)" */
	int result_at_call = 0, result = 0;
	fake_host_ptr host; /* closed first */
};

static int stage_post(void *mailbox, const cs_mailbox_post *post, cs_mailbox_posted_fn *done, void *arg)
{
	auto *s = static_cast<stage *>(mailbox);

	if (s->result_at_call)
		return s->result_at_call;
	s->posts.push_back(std::to_string(post->account) + " to " + std::to_string(post->to) + ": " +
	                   std::string(post->text, post->text_size) + " (" + std::string(post->cid, post->cid_size) +
	                   ")");
	fake_host_defer(s->host.get(), 0, [=] { done(arg, s->result, 0); });
	return 0;
}

static const cs_mailbox mailbox = {.abi = CS_ABI, .size = sizeof mailbox, .post = stage_post};

static int take_number(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

static int64_t number(const stage *s, const char *sql)
{
	int64_t found = -1;

	assert_int_equal(s->host->driver->query(s->host->db, sql, nullptr, 0, take_number, &found), CS_DB_OK);
	return found;
}

static int setup(void **state)
{
	auto s = std::make_unique<stage>();

	s->host = fake_host_open();
	fake_host_open_db(s->host.get());
	for (const char *name : {"ann", "bob"})
		number(s.get(),
		       (std::string("INSERT INTO account (name, password, created) VALUES ('") + name + "', '', 1)")
		               .c_str());
	fake_host_offer(s->host.get(), CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &mailbox, s.get());
	fake_host_load(s->host.get(), "reminders");
	fake_host_connect(s->host.get(), 1, "ann");
	fake_host_run(s->host.get());
	*state = s.release();
	return 0;
}

static int teardown(void **state)
{
	const std::unique_ptr<stage> s(static_cast<stage *>(*state));

	return 0;
}

static stage *stage_of(void **state)
{
	return static_cast<stage *>(*state);
}

/* The first connection, of account 1, asks; the answer. */
static std::string ask(stage *s, const std::string &members)
{
	fake_host *host = s->host.get();
	const cs_conn conn = host->conns.front().handle;

	fake_host_forget(host);
	(void)fake_host_request(host, conn, R"({"msgid":1001,"req":1,)" + members + "}");
	return fake_host_last(host, conn);
}

static void fire(stage *s)
{
	fake_host_fire(s->host.get());
	fake_host_run(s->host.get());
}

/* As if the time of the claims had passed. */
static void lapse(stage *s)
{
	number(s, "UPDATE reminders_reminder SET due = 1");
}

static const char done[] = R"({"msgid":100,"of":1001,"req":1,"errno":0})";

static void a_reminder_is_said_once_when_it_is_due(void **state)
{
	stage *s = stage_of(state);

	assert_string_equal(ask(s, R"("cid":"tea","text":"tea is ready","at":1)").c_str(), done);
	assert_string_equal(ask(s, R"("cid":"late","text":"later","at":9007199254740991)").c_str(), done);
	assert_string_equal(ask(s, R"("cid":"b","text":"hi bob","toid":2,"at":2)").c_str(), done);
	assert_int_equal(s->posts.size(), 0);
	fire(s);
	fire(s);
	assert_int_equal(s->posts.size(), 2);
	assert_string_equal(s->posts[0].c_str(), "1 to 1: tea is ready (reminders-1)");
	assert_string_equal(s->posts[1].c_str(), "1 to 2: hi bob (reminders-3)");
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 1);
}

static void a_reminder_without_a_time_waits_for_the_next_login(void **state)
{
	stage *s = stage_of(state);

	assert_string_equal(ask(s, R"("cid":"hi","text":"call me","toid":2)").c_str(), done);
	fire(s);
	fake_host_end(s->host.get(), fake_host_connect(s->host.get(), 1, "ann"));
	fake_host_run(s->host.get());
	assert_int_equal(s->posts.size(), 0);
	fake_host_connect(s->host.get(), 2, "bob");
	fake_host_run(s->host.get());
	assert_int_equal(s->posts.size(), 1);
	assert_string_equal(s->posts[0].c_str(), "1 to 2: call me (reminders-1)");
	fake_host_connect(s->host.get(), 2, "bob");
	fake_host_run(s->host.get());
	assert_int_equal(s->posts.size(), 1);
}

static void a_repeated_request_is_kept_once(void **state)
{
	stage *s = stage_of(state);

	for (int i = 0; i < 3; i++)
		assert_string_equal(ask(s, R"("cid":"tea","text":"tea is ready","at":1)").c_str(), done);
	fire(s);
	assert_int_equal(s->posts.size(), 1);
}

/* The log keeps what it has with a cid: a message with the same one would be taken for a repetition. */
static void a_reminder_with_the_cid_of_one_that_was_said_is_said_as_another_message(void **state)
{
	stage *s = stage_of(state);

	for (int i = 0; i < 2; i++) {
		assert_string_equal(ask(s, R"("cid":"tea","text":"tea is ready","at":1)").c_str(), done);
		fire(s);
	}
	assert_int_equal(s->posts.size(), 2);
	assert_string_equal(s->posts[0].c_str(), "1 to 1: tea is ready (reminders-1)");
	assert_string_equal(s->posts[1].c_str(), "1 to 1: tea is ready (reminders-2)");
}

/* Until the message is stored, whatever is in the way. */
static void a_reminder_that_could_not_be_said_or_removed_is_said_again_with_the_same_cid(void **state)
{
	stage *s = stage_of(state);

	ask(s, R"("cid":"tea","text":"tea is ready","at":1)");
	s->result_at_call = CS_EBUSY;
	fire(s);
	s->result_at_call = 0;
	for (const int result : {CS_ENOSTORE, CS_EUNKNOWN}) {
		s->result = result;
		lapse(s);
		fire(s);
	}
	s->result = 0;
	for (const fake_fault &fault : std::vector<fake_fault>{{FAKE_READ, 0, false, CS_ENOSTORE},
	                                                       {FAKE_WRITE, 0, false, CS_ENOSTORE},
	                                                       {FAKE_WRITE, 0, true, CS_EBUSY},
	                                                       {FAKE_WRITE, 1, false, CS_ENOSTORE},
	                                                       {FAKE_WRITE, 1, true, CS_EBUSY}}) {
		s->host->faults.push_back(fault);
		lapse(s);
		fire(s);
	}
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 1);
	for (int i = 0; i < 2; i++) {
		lapse(s);
		fire(s);
	}
	assert_int_equal(s->posts.size(), 5);
	for (const std::string &post : s->posts)
		assert_string_equal(post.c_str(), "1 to 1: tea is ready (reminders-1)");
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 0);
}

/* Nothing was said under that claim, so nobody need wait for its end. */
static void a_reminder_whose_claim_fails_is_claimed_again_at_the_next_look(void **state)
{
	stage *s = stage_of(state);

	ask(s, R"("cid":"tea","text":"tea is ready","at":1)");
	for (const fake_fault &fault :
	     std::vector<fake_fault>{{FAKE_WRITE, 0, false, CS_ENOSTORE}, {FAKE_WRITE, 0, true, CS_EBUSY}}) {
		s->host->faults.push_back(fault);
		fire(s);
		assert_true(s->host->faults.empty());
		assert_int_equal(s->posts.size(), 0);
		assert_int_equal(number(s, "SELECT due FROM reminders_reminder"), 1);
	}
	fire(s);
	assert_int_equal(s->posts.size(), 1);
	assert_string_equal(s->posts[0].c_str(), "1 to 1: tea is ready (reminders-1)");
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 0);
}

/* Perhaps the claim was stored. Who says the reminder nevertheless would say it beside another who claims it later. */
static void a_reminder_whose_claim_may_have_been_stored_waits_for_the_end_of_the_claim(void **state)
{
	stage *s = stage_of(state);

	ask(s, R"("cid":"tea","text":"tea is ready","at":1)");
	s->host->faults.push_back({FAKE_WRITE, 0, false, CS_EUNKNOWN});
	fire(s);
	number(s, "UPDATE reminders_reminder SET due = 9007199254740991");
	fire(s);
	assert_int_equal(s->posts.size(), 0);
	lapse(s);
	fire(s);
	assert_int_equal(s->posts.size(), 1);
}

static void workers_that_look_at_the_same_time_say_each_reminder_once(void **state)
{
	stage *s = stage_of(state);

	fake_host_load(s->host.get(), "reminders", 1);
	for (const char *cid : {"1", "2", "3"})
		ask(s, check_format("\"cid\":\"%s\",\"text\":\"x\",\"at\":1", cid));
	fire(s);
	assert_int_equal(s->posts.size(), 3);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 0);
}

static void a_reminder_that_cannot_be_said_now_keeps_no_other_waiting(void **state)
{
	stage *s = stage_of(state);

	ask(s, R"("cid":"tea","text":"tea","at":1)");
	ask(s, R"("cid":"cake","text":"cake","at":2)");
	s->result = CS_ENOSTORE;
	fire(s);
	s->result = 0;
	fire(s);
	assert_int_equal(s->posts.size(), 2);
	assert_string_equal(s->posts[1].c_str(), "1 to 1: cake (reminders-2)");
}

static void a_reminder_that_is_refused_for_ever_keeps_nobody_waiting(void **state)
{
	stage *s = stage_of(state);

	for (const char *cid : {"tea", "cake"})
		ask(s, check_format("\"cid\":\"%s\",\"text\":\"x\",\"at\":1", cid));
	s->result = CS_ERRNO_NO_SUCH_USER;
	fire(s);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 0);
	assert_non_null(strstr(s->host->log.back().c_str(), "a reminder was refused account=1 result=6"));
	ask(s, R"("cid":"tea","text":"x","at":1)");
	s->result_at_call = CS_EINVAL;
	fire(s);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 0);
	assert_non_null(strstr(s->host->log.back().c_str(), "a reminder was refused account=1 result="));
}

static void what_it_keeps_about_an_erased_account_is_removed_little_by_little(void **state)
{
	stage *s = stage_of(state);
	const struct cs_plugin *plugin = fake_self_plugin(s->host->selves.back());
	const auto erase = [&] {
		return plugin->erase(s->host->db, 1, 2);
	};

	for (int i = 0; i < 3; i++)
		ask(s, check_format(R"("cid":"%d","text":"x")", i));
	ask(s, R"("cid":"3","text":"x","toid":2)");
	number(s,
	       "INSERT INTO reminders_reminder (account, cid, recipient, text) VALUES (2, 'a', 1, 'x'), (2, 'b', 2, 'x'),"
	       " (2, 'c', 1, 'x'), (2, 'd', 1, 'x')");
	for (const int64_t left : {6, 4, 2}) {
		assert_int_equal(erase(), 1);
		assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), left);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(erase(), 0);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder WHERE account = 2 AND recipient = 2"), 1);
	/* The request of a session that is about to end adds none. */
	number(s, "UPDATE account SET locked = 2 WHERE id = 1");
	assert_non_null(strstr(ask(s, R"("cid":"4","text":"x","toid":2)").c_str(), R"("errno":6,)"));
	number(s, "UPDATE account SET locked = 3 WHERE id = 2");
	number(s, "UPDATE account SET locked = 0 WHERE id = 1");
	assert_non_null(strstr(ask(s, R"("cid":"4","text":"x","toid":2)").c_str(), R"("errno":6,)"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 1);
}

static void what_cannot_be_kept_is_refused(void **state)
{
	stage *s = stage_of(state);
	const std::string longest(1000, 'x');
	const auto refused = [s](const std::string &members, int wire_errno) {
		return ask(s, members)
		        .starts_with(R"({"msgid":100,"of":1001,"req":1,"errno":)" + std::to_string(wire_errno) + ",");
	};

	assert_true(refused(R"("text":"no cid")", CS_ERRNO_BAD_FRAME));
	assert_true(refused(R"("cid":"","text":"x")", CS_ERRNO_TOO_LONG));
	assert_true(refused(R"("cid":")" + std::string(65, 'c') + R"(","text":"x")", CS_ERRNO_TOO_LONG));
	assert_true(refused(R"("cid":"1","text":")" + longest + R"(x")", CS_ERRNO_TOO_LONG));
	assert_true(refused(R"("cid":"1","text":"x","toid":3)", CS_ERRNO_NO_SUCH_USER));
	s->host->faults.push_back({FAKE_WRITE, 0, false, CS_ENOSTORE});
	assert_true(refused(R"("cid":"1","text":"x")", CS_ERRNO_UNAVAILABLE));
	s->host->faults.push_back({FAKE_WRITE, 0, true, CS_EBUSY});
	assert_true(refused(R"("cid":"1","text":"x")", CS_ERRNO_BUSY));
	for (int i = 0; i < 100; i++)
		assert_string_equal(ask(s, check_format("\"cid\":\"%d\",\"text\":\"%s\"", i, longest.c_str())).c_str(),
		                    done);
	assert_true(refused(R"("cid":"100","text":"x")", CS_ERRNO_FULL));
	assert_string_equal(ask(s, R"("cid":"99","text":"a repetition is no other reminder")").c_str(), done);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reminder_is_said_once_when_it_is_due),
		TEST(a_reminder_without_a_time_waits_for_the_next_login),
		TEST(a_repeated_request_is_kept_once),
		TEST(a_reminder_with_the_cid_of_one_that_was_said_is_said_as_another_message),
		TEST(a_reminder_that_could_not_be_said_or_removed_is_said_again_with_the_same_cid),
		TEST(a_reminder_whose_claim_fails_is_claimed_again_at_the_next_look),
		TEST(a_reminder_whose_claim_may_have_been_stored_waits_for_the_end_of_the_claim),
		TEST(workers_that_look_at_the_same_time_say_each_reminder_once),
		TEST(a_reminder_that_cannot_be_said_now_keeps_no_other_waiting),
		TEST(a_reminder_that_is_refused_for_ever_keeps_nobody_waiting),
		TEST(what_it_keeps_about_an_erased_account_is_removed_little_by_little),
		TEST(what_cannot_be_kept_is_refused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
