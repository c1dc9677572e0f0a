/* SPDX-License-Identifier: MIT
 * Tests hooks: their order, their verdicts, and the fate of a frame that waits for one. */
#include <string>

#include "tests/support/worker_fixture.h"

static int answer_pending(const struct cs_frame *)
{
	return CS_PENDING;
}

static struct cs_self *hooking_self(struct worker_test *t)
{
	return t->f->worker->instances.back().get();
}

static int refuse(struct worker_test *t, const struct cs_frame *frame)
{
	return host_table.refuse(hooking_self(t), frame->conn, &frame->request, CS_ERRNO_NOT_ALLOWED, "no swearing");
}

static void assert_talk(struct worker_test *t, const std::string &frame, const std::string &answer, const char *trace)
{
	t->f->trace.clear();
	assert_string_equal(worker_fixture_talk(t->f.get(), t->peer, frame + "\n").c_str(),
	                    answer.empty() ? "" : (answer + "\n").c_str());
	assert_string_equal(t->f->trace.c_str(), trace);
}

/* What comes when the hook says its verdict of the frame that waits. */
static void assert_resume(struct worker_test *t, int verdict, int result, const std::string &answer, const char *trace)
{
	t->f->trace.clear();
	assert_int_equal(worker_fixture_resume(t->f.get(), t->c, verdict), result);
	assert_string_equal(t->f->trace.c_str(), ""); /* nothing is called inside the call */
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, nullptr).c_str(), answer.c_str());
	assert_string_equal(t->f->trace.c_str(), trace);
}

static void hooks_are_called_by_their_order_and_before_the_handler(void **state)
{
	assert_talk(worker_test_of(state), R"({"msgid":11})", "", "hook0 hook1 hook2 open ");
	assert_talk(worker_test_of(state), R"({"msgid":12})", "", "hook0 hook2 wait ");
}

static void what_the_core_answers_or_refuses_is_not_hooked(void **state)
{
	assert_talk(worker_test_of(state), R"({"msgid":102})", R"({"msgid":103})", "");
	assert_talk(worker_test_of(state), R"({"msgid":99})",
	            R"({"msgid":100,"of":99,"errno":5,"errmsg":"no plugin handles this msgid"})", "");
	assert_talk(worker_test_of(state), R"({"msgid":13})",
	            R"({"msgid":100,"of":13,"errno":3,"errmsg":"log in first"})", "");
}

static void a_hook_sees_the_frame_and_the_account(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string seen;

	worker_fixture_bind(t->f.get(), t->c, 13);
	t->f->hooks[FIXTURE_HOOK_EARLY] = [&](const struct cs_frame *frame) {
		const char *text = "";
		size_t size = 0;

		assert_int_equal(host_table.get_text(frame, "a", &text, &size), 0);
		seen = std::to_string(frame->account) + frame->name + " " + text + " " +
		       std::string(frame->bytes, frame->size);
		return CS_PASS;
	};
	assert_talk(t, R"({"msgid":13,"a":"b"})", "", "hook0 hook2 login:li si ");
	assert_string_equal(seen.c_str(), R"(13li si b {"msgid":13,"a":"b"})");
}

static void who_rejects_has_refused_and_nobody_else_sees_the_frame(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->hooks[FIXTURE_HOOK_OPEN] = [t](const struct cs_frame *frame) {
		return refuse(t, frame);
	};
	assert_talk(t, R"({"msgid":11,"req":4})", R"({"msgid":100,"of":11,"req":4,"errno":8,"errmsg":"no swearing"})",
	            "hook0 hook1 ");
	assert_int_equal(t->c->owed, 0);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_OPEN)->calls, 1);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_OPEN)->refused[CS_ERRNO_NOT_ALLOWED], 1);
	assert_talk(t, R"({"msgid":102})", R"({"msgid":103})", "");
}

static void what_a_hook_rejects_or_answers_wrongly_is_refused_once_in_any_case(void **state)
{
	struct worker_test *t = worker_test_of(state);

	for (const int verdict : {static_cast<int>(CS_REJECT), 7, static_cast<int>(CS_EINVAL)}) {
		t->f->hooks[FIXTURE_HOOK_EARLY] = [verdict](const struct cs_frame *) {
			return verdict;
		};
		assert_talk(t, R"({"msgid":11})", R"({"msgid":100,"of":11,"errno":8,"errmsg":"refused"})", "hook0 ");
		assert_int_equal(t->c->owed, 0);
	}
}

static void while_a_hook_has_a_frame_nothing_else_of_the_connection_is_dispatched(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->hooks[FIXTURE_HOOK_OPEN] = answer_pending;
	assert_talk(t, R"({"msgid":11,"req":1}{"msgid":102})", "", "hook0 hook1 ");
	t->f->on_open = [t](const struct cs_frame *frame) {
		host_table.answer(hooking_self(t), frame->conn, &frame->request, "");
		return CS_DONE;
	};
	assert_resume(t, CS_PASS, 0, "{\"msgid\":100,\"of\":11,\"req\":1,\"errno\":0}\n{\"msgid\":103}\n",
	              "hook2 open ");
	assert_int_equal(t->c->owed, 0);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_OPEN)->calls, 1);
}

static void the_handler_sees_the_bytes_that_waited_as_they_were_sent(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string frame = R"({ "msgid" : 11 , "a" : "\u00e9" })";
	std::string seen;

	t->f->hooks[FIXTURE_HOOK_OPEN] = answer_pending;
	t->f->on_open = [&](const struct cs_frame *f) {
		const char *text = "";
		size_t size = 0;

		assert_int_equal(host_table.get_text(f, "a", &text, &size), 0);
		seen = std::string(f->bytes, f->size) + text;
		return CS_REJECT;
	};
	/* In two parts, so that it lies in the connection's own buffer. */
	assert_string_equal(worker_fixture_talk(t->f.get(), t->peer, frame.substr(0, 9)).c_str(), "");
	assert_talk(t, frame.substr(9), "", "hook0 hook1 ");
	assert_resume(t, CS_PASS, 0, "", "hook2 open ");
	assert_string_equal(seen.c_str(), (frame + "\xc3\xa9").c_str());
}

static void several_hooks_may_take_their_time_one_after_the_other(void **state)
{
	struct worker_test *t = worker_test_of(state);

	for (auto &hook : t->f->hooks)
		hook = answer_pending;
	assert_talk(t, R"({"msgid":11})", "", "hook0 ");
	assert_resume(t, CS_PASS, 0, "", "hook1 ");
	assert_resume(t, CS_PASS, 0, "", "hook2 ");
	assert_resume(t, CS_PASS, 0, "", "open ");
	assert_resume(t, CS_PASS, CS_ENOENT, "", "");
}

static void a_frame_that_waited_may_be_rejected(void **state)
{
	struct worker_test *t = worker_test_of(state);
	struct cs_request request = {};

	t->f->hooks[FIXTURE_HOOK_OPEN] = [&](const struct cs_frame *frame) {
		request = frame->request;
		return CS_PENDING;
	};
	assert_talk(t, R"({"msgid":11,"req":2}{"msgid":102})", "", "hook0 hook1 ");
	host_table.refuse(hooking_self(t), t->c->handle, &request, CS_ERRNO_NOT_ALLOWED, "no swearing");
	assert_resume(t, CS_REJECT, 0,
	              "{\"msgid\":100,\"of\":11,\"req\":2,\"errno\":8,\"errmsg\":\"no swearing\"}\n{\"msgid\":103}\n",
	              "");
	assert_talk(t, R"({"msgid":11,"req":3})", "", "hook0 hook1 ");
	assert_resume(t, CS_REJECT, 0, "{\"msgid\":100,\"of\":11,\"req\":3,\"errno\":8,\"errmsg\":\"refused\"}\n", "");
	assert_int_equal(t->c->owed, 0);
}

static void only_the_verdict_of_the_hook_that_has_the_frame_counts(void **state)
{
	struct worker_test *t = worker_test_of(state);
	struct cs_self *other = t->f->worker->instances.front().get();

	assert_resume(t, CS_PASS, CS_ENOENT, "", "");
	t->f->hooks[FIXTURE_HOOK_OPEN] = answer_pending;
	assert_talk(t, R"({"msgid":11})", "", "hook0 hook1 ");
	assert_int_equal(host_table.resume(other, t->c->handle, CS_PASS), CS_ENOENT);
	assert_int_equal(host_table.finish(other, t->c->handle), CS_EINVAL);
	assert_resume(t, CS_PENDING, CS_EINVAL, "", "");
	assert_resume(t, 5, CS_EINVAL, "", "");
	assert_int_equal(worker_fixture_resume(t->f.get(), t->c, CS_PASS), 0);
	assert_resume(t, CS_REJECT, CS_ENOENT, "", "hook2 open ");
}

static void a_connection_that_ends_takes_the_frame_with_it(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const cs_conn handle = t->c->handle;

	t->f->hooks[FIXTURE_HOOK_OPEN] = answer_pending;
	assert_talk(t, R"({"msgid":11})", "", "hook0 hook1 ");
	conn_close(t->c, "test");
	assert_int_equal(host_table.resume(hooking_self(t), handle, CS_PASS), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	assert_int_equal(host_table.resume(hooking_self(t), handle, CS_PASS), CS_ENOENT);
	assert_string_equal(t->f->trace.c_str(), "hook0 hook1 closed:0 ");
}

static void one_that_ends_between_the_verdict_and_the_handler_does_so_too(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->hooks[FIXTURE_HOOK_OPEN] = answer_pending;
	assert_talk(t, R"({"msgid":11})", "", "hook0 hook1 ");
	assert_int_equal(worker_fixture_resume(t->f.get(), t->c, CS_PASS), 0);
	conn_close(t->c, "test");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "hook0 hook1 closed:0 ");
}

static void whose_session_ended_goes_on_although_the_hook_never_says_its_verdict(void **state)
{
	struct worker_test *t = worker_test_of(state);

	worker_fixture_bind(t->f.get(), t->c, 13);
	t->f->hooks[FIXTURE_HOOK_LATE] = answer_pending;
	assert_talk(t, R"({"msgid":13,"req":1})", "", "hook0 hook2 ");
	conn_logout(t->c);
	assert_talk(t, R"({"msgid":102})",
	            "{\"msgid\":100,\"of\":13,\"req\":1,\"errno\":3,\"errmsg\":\"log in first\"}\n"
	            R"({"msgid":103})",
	            "closed:13 ");
}

static struct conn *logging_out;

static int log_out_and_pass(const struct cs_frame *)
{
	conn_logout(logging_out);
	return CS_PASS;
}

static void a_frame_whose_session_a_hook_ends_reaches_no_handler(void **state)
{
	struct worker_test *t = worker_test_of(state);

	worker_fixture_bind(t->f.get(), t->c, 13);
	logging_out = t->c;
	t->f->hooks[FIXTURE_HOOK_EARLY] = log_out_and_pass;
	assert_talk(t, R"({"msgid":13,"req":1})", R"({"msgid":100,"of":13,"req":1,"errno":3,"errmsg":"log in first"})",
	            "hook0 closed:13 ");
}

/* Clients of the old kind send no req, so two requests can look the same. */
static void an_answer_to_an_earlier_request_is_not_taken_for_that_to_the_held_one(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct cs_request request = {.msgid = FIXTURE_OPEN, .req = -1};
	const struct cs_self *handler = t->f->worker->instances[0].get();

	t->f->on_open = [](const struct cs_frame *) {
		return CS_DONE;
	};
	assert_talk(t, R"({"msgid":11})", "", "hook0 hook1 hook2 open ");
	assert_int_equal(t->c->owed, 1);
	t->f->hooks[FIXTURE_HOOK_LATE] = answer_pending;
	assert_talk(t, R"({"msgid":11})", "", "hook0 hook1 hook2 ");
	conn_answer(t->c, &request, "", handler);
	assert_int_equal(t->c->owed, 0);
	assert_resume(t, CS_REJECT, 0, "{\"msgid\":100,\"of\":11,\"errno\":8,\"errmsg\":\"refused\"}\n", "");
	assert_int_equal(t->c->owed, 0);
}

static void whose_session_ended_meanwhile_is_told_to_log_in(void **state)
{
	struct worker_test *t = worker_test_of(state);

	worker_fixture_bind(t->f.get(), t->c, 13);
	t->f->hooks[FIXTURE_HOOK_LATE] = answer_pending;
	assert_talk(t, R"({"msgid":13,"req":1})", "", "hook0 hook2 ");
	conn_logout(t->c);
	assert_resume(t, CS_PASS, CS_ENOENT,
	              "{\"msgid\":100,\"of\":13,\"req\":1,\"errno\":3,\"errmsg\":\"log in first\"}\n", "closed:13 ");
	assert_talk(t, R"({"msgid":102})", R"({"msgid":103})", "");
}

static void a_node_that_drains_refuses_what_waited(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->hooks[FIXTURE_HOOK_LATE] = answer_pending;
	assert_talk(t, R"({"msgid":11,"req":1})", "", "hook0 hook1 hook2 ");
	conn_table_drain(t->f->worker);
	assert_resume(
		t, CS_PASS, CS_ECANCELED,
		"{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"this node is going away, connect again\"}\n"
		"{\"msgid\":100,\"of\":11,\"req\":1,\"errno\":13,\"errmsg\":\"this node is going away, connect again\"}\n",
		"");
}

static void what_a_hook_holds_of_somebody_without_a_login_counts_as_his(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->hooks[FIXTURE_HOOK_LATE] = answer_pending;
	assert_int_equal(t->f->shared.guest_bytes, 0);
	assert_talk(t, "{\"msgid\":11,\"a\":\"" + std::string(500, 'a') + "\"}", "", "hook0 hook1 hook2 ");
	assert_in_range(t->f->shared.guest_bytes, 500, 2000);
	assert_resume(t, CS_PASS, 0, "", "open ");
	assert_int_equal(t->f->shared.guest_bytes, 0);
}

static void a_client_that_closed_its_side_is_kept_until_the_hook_has_spoken(void **state)
{
	struct worker_test *t = worker_test_of(state);
	bool eof = false;

	t->f->hooks[FIXTURE_HOOK_LATE] = answer_pending;
	t->f->on_open = [t](const struct cs_frame *frame) {
		host_table.answer(hooking_self(t), frame->conn, &frame->request, "");
		return CS_DONE;
	};
	assert_talk(t, R"({"msgid":11,"req":1})", "", "hook0 hook1 hook2 ");
	assert_int_equal(shutdown(t->peer, SHUT_WR), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(worker_fixture_resume(t->f.get(), t->c, CS_PASS), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(),
	                    "{\"msgid\":100,\"of\":11,\"req\":1,\"errno\":0}\n");
	assert_true(eof);
}

static void a_hook_of_a_msgid_of_the_core_is_refused(void **)
{
	static const struct cs_hook hooks[] = {{CS_MSGID_PING, 0, [](void *, const struct cs_frame *) { return 0; }, 0},
	                                       {}};
	struct plugin_set set;
	struct dispatch_table table;
	struct cs_error e;

	set.plugins.push_back(std::make_unique<struct plugin>());
	set.plugins.back()->path = "one.so";
	set.plugins.back()->declared.hooks = hooks;
	assert_int_equal(dispatch_build(&table, &set, &e), CS_EINVAL);
	assert_string_equal(e.text, "one.so: has a hook for msgid 102, which is the core's own");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up_hooked, worker_test_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(hooks_are_called_by_their_order_and_before_the_handler),
		TEST(what_the_core_answers_or_refuses_is_not_hooked),
		TEST(a_hook_sees_the_frame_and_the_account),
		TEST(who_rejects_has_refused_and_nobody_else_sees_the_frame),
		TEST(what_a_hook_rejects_or_answers_wrongly_is_refused_once_in_any_case),
		TEST(while_a_hook_has_a_frame_nothing_else_of_the_connection_is_dispatched),
		TEST(the_handler_sees_the_bytes_that_waited_as_they_were_sent),
		TEST(several_hooks_may_take_their_time_one_after_the_other),
		TEST(a_frame_that_waited_may_be_rejected),
		TEST(only_the_verdict_of_the_hook_that_has_the_frame_counts),
		TEST(a_connection_that_ends_takes_the_frame_with_it),
		TEST(one_that_ends_between_the_verdict_and_the_handler_does_so_too),
		TEST(whose_session_ended_goes_on_although_the_hook_never_says_its_verdict),
		TEST(a_frame_whose_session_a_hook_ends_reaches_no_handler),
		TEST(an_answer_to_an_earlier_request_is_not_taken_for_that_to_the_held_one),
		TEST(whose_session_ended_meanwhile_is_told_to_log_in),
		TEST(a_node_that_drains_refuses_what_waited),
		TEST(what_a_hook_holds_of_somebody_without_a_login_counts_as_his),
		TEST(a_client_that_closed_its_side_is_kept_until_the_hook_has_spoken),
		cmocka_unit_test(a_hook_of_a_msgid_of_the_core_is_refused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
