/* SPDX-License-Identifier: MIT
 * Tests that a plugin with a mistake is named in the log: it blocks its worker, leaves requests pending, returns a
 * wrong verdict, sends bytes that are no frame, or crashes. */
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <sys/wait.h>

#include "tests/support/capture.h"
#include "tests/support/worker_fixture.h"

struct test {
	std::unique_ptr<struct worker_fixture> f;
	struct conn *c;
	int peer;
	struct call_watch watch;
	int64_t now = 1000;
};

static int set_up(void **state)
{
	auto t = std::make_unique<test>();

	t->f = worker_fixture_make_hooked();
	t->f->plugins.plugins[0]->name = "slow";
	t->f->plugins.plugins[0]->declared.name = "slow";
	t->f->plugins.plugins[1]->declared.name = "hooking";
	t->f->plugins.plugins[1]->name = "hooking";
	t->c = worker_fixture_connect(t->f.get(), &t->peer);
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(static_cast<test *>(*state));

	worker_fixture_free(std::move(t->f));
	return 0;
}

static test *test_of(void **state)
{
	return static_cast<test *>(*state);
}

static void assert_contains(const std::string &text, const char *part)
{
	if (text.find(part) == text.npos)
		check_fail(std::source_location::current(), "\"%s\" is not in \"%s\"", part, text.c_str());
}

/* What the watch logs at its next looks. */
static std::string look(test *t, int times)
{
	return capture_stderr([t, times] {
		for (int i = 0; i < times; i++) {
			t->now += call_look_ms;
			call_watch_look(&t->watch, &t->f->shared, t->now);
		}
	});
}

static void a_handler_that_holds_its_worker_for_a_second_is_named_while_it_does(void **state)
{
	test *t = test_of(state);
	std::string said;

	t->f->on_open = [&](const struct cs_frame *) {
		said = look(t, 2);
		assert_string_equal(said.c_str(), "");
		said = look(t, 10);
		return CS_REJECT;
	};
	(void)worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}\n");
	assert_contains(said, "plugin=slow holds up its worker call=handler msgid=11 worker=0 ms=1000\n");
	assert_int_equal(said.find("holds up"), said.rfind("holds up"));
}

static void it_is_named_once_a_minute(void **state)
{
	test *t = test_of(state);
	std::string said;

	t->f->on_open = [&](const struct cs_frame *) {
		said += look(t, 3);
		return CS_REJECT;
	};
	for (int i = 0; i < 60; i++) /* 90 s */
		(void)worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}\n");
	size_t lines = 0;

	for (const char byte : said)
		lines += byte == '\n';
	assert_int_equal(lines, 2);
}

static void who_is_quick_or_not_called_at_all_is_not_named(void **state)
{
	test *t = test_of(state);
	std::string said;

	t->f->on_open = [&](const struct cs_frame *) {
		said += look(t, 1);
		return CS_REJECT;
	};
	for (int i = 0; i < 10; i++)
		(void)worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}\n");
	said += look(t, 100);
	assert_string_equal(said.c_str(), "");
}

static void requests_that_stay_pending_are_told_of_once(void **state)
{
	test *t = test_of(state);
	struct worker *w = t->f->worker;
	int peer;

	(void)worker_fixture_connect(t->f.get(), &peer);
	for (const int p : {t->peer, peer})
		(void)worker_fixture_talk(t->f.get(), p, "{\"msgid\":12}\n");
	assert_string_equal(capture_stderr([w] { dispatch_look_pending(w), dispatch_look_pending(w); }).c_str(), "");
	assert_contains(
		capture_stderr([w] { dispatch_look_pending(w); }),
		"plugin=slow leaves requests pending for more than 60 s requests=2 worker=0 call=handler msgid=12 conn=");
	assert_string_equal(capture_stderr([w] { dispatch_look_pending(w); }).c_str(), "");
}

static void a_hook_that_does_not_resume_is_told_of(void **state)
{
	test *t = test_of(state);
	struct worker *w = t->f->worker;

	t->f->hooks[FIXTURE_HOOK_OPEN] = [](const struct cs_frame *) {
		return static_cast<int>(CS_PENDING);
	};
	(void)worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}\n");
	assert_contains(
		capture_stderr([w] {
			for (int i = 0; i < 5; i++)
				dispatch_look_pending(w);
		}),
		"plugin=hooking leaves requests pending for more than 60 s requests=1 worker=0 call=hook msgid=11 conn=");
}

static void what_is_no_verdict_is_told_of_and_counts_as_done(void **state)
{
	test *t = test_of(state);

	t->f->on_open = [](const struct cs_frame *) {
		return 5;
	};
	const std::string said = capture_stderr([t] {
		for (int i = 0; i < 3; i++)
			assert_string_equal(worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}\n").c_str(), "");
	});

	assert_contains(said,
	                "plugin=slow answers what is no verdict call=handler msgid=11 verdict=5 counts_as=CS_DONE\n");
	assert_int_equal(said.find("verdict="), said.rfind("verdict="));
	assert_int_equal(t->c->owed, 3);
}

static void a_hook_that_answers_no_verdict_is_told_of(void **state)
{
	test *t = test_of(state);

	t->f->hooks[FIXTURE_HOOK_OPEN] = [](const struct cs_frame *) {
		return 5;
	};
	assert_contains(capture_stderr([t] { (void)worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}\n"); }),
	                "plugin=hooking answers what is no verdict call=hook msgid=11 verdict=5 counts_as=CS_REJECT\n");
}

static void what_is_no_object_is_not_sent(void **state)
{
	test *t = test_of(state);
	struct cs_self *self = t->f->worker->instances[0].get();
	const auto send = [&](const char *frame, const char *tail) {
		return host_table.send(self, t->c->handle, frame, strlen(frame), tail, nullptr);
	};
	const std::string said = capture_stderr([&] {
		for (const char *frame : {"", "{", "[1]", "hello", "{\"a\":1}\n", " {}"})
			assert_int_equal(send(frame, nullptr), CS_EINVAL);
		for (const char *tail : {"", ",\"a\":1"})
			assert_int_equal(send("{\"b\":1}", tail), CS_EINVAL);
	});

	assert_contains(said, "plugin=slow sends what is no JSON object: it is left out conn=");
	assert_int_equal(said.find("sends"), said.rfind("sends"));
	assert_int_equal(send("{\"b\":1}", ",\"a\":1}"), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, nullptr).c_str(), "{\"b\":1,\"a\":1}\n");
}

static void a_crash_names_the_plugin_and_dies_by_its_signal(void **state)
{
	test *t = test_of(state);
	struct call_mark mark;

	for (const int number : {SIGABRT, SIGSEGV}) {
		int status = 0;
		const std::string said = capture_stderr([&] {
			const pid_t child = fork();

			if (child == 0) {
				(void)signal(number, SIG_DFL); /* a test runner or a sanitizer has one of its own */
				call_catch_crashes();
				call_mark_thread(&mark);
				const plugin_call call(&mark, &t->f->plugins.plugins[0]->declared, CALL_TIMER, 77);
				if (number == SIGABRT)
					abort();
				(void)raise(number);
				_exit(9);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
		});

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), number);
		assert_contains(said, ("error the process crashes signal=" + std::to_string(number) +
		                       " plugin=slow call=timer msgid=77\n")
		                              .c_str());
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_handler_that_holds_its_worker_for_a_second_is_named_while_it_does),
		TEST(it_is_named_once_a_minute),
		TEST(who_is_quick_or_not_called_at_all_is_not_named),
		TEST(requests_that_stay_pending_are_told_of_once),
		TEST(a_hook_that_does_not_resume_is_told_of),
		TEST(what_is_no_verdict_is_told_of_and_counts_as_done),
		TEST(a_hook_that_answers_no_verdict_is_told_of),
		TEST(what_is_no_object_is_not_sent),
		TEST(a_crash_names_the_plugin_and_dies_by_its_signal),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
