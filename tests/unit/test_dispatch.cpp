/* SPDX-License-Identifier: MIT
 * Tests dispatch with a fake plugin: the checks in their order, and the counters. */
#include <string>

#include <cjson/cJSON.h>

#include "core/plugin/host.h"
#include "tests/support/worker_fixture.h"

static void assert_talk(void **state, const std::string &frame, const std::string &answer, const char *trace)
{
	struct worker_test *t = worker_test_of(state);

	t->f->trace.clear();
	assert_string_equal(worker_fixture_talk(t->f.get(), t->peer, frame + "\n").c_str(),
	                    answer.empty() ? "" : (answer + "\n").c_str());
	assert_string_equal(t->f->trace.c_str(), trace);
}

static void a_known_msgid_reaches_its_handler(void **state)
{
	assert_talk(state, "{\"msgid\":11}", "", "open ");
}

static void an_unknown_msgid_is_refused(void **state)
{
	static const char no_plugin[] = ",\"errno\":5,\"errmsg\":\"no plugin handles this msgid\"}";

	/* Also those that only the server sends, and one of a number that no plugin could register. */
	for (const char *msgid : {"2", "5", "99", "100", "103", "4294967295"})
		assert_talk(state, std::string("{\"msgid\":") + msgid + "}",
		            std::string("{\"msgid\":100,\"of\":") + msgid + no_plugin, "");
	assert_talk(state, "{\"msgid\":99,\"req\":0}", std::string("{\"msgid\":100,\"of\":99,\"req\":0") + no_plugin,
	            "");
}

static void a_bad_frame_is_refused_with_what_could_be_read(void **state)
{
	assert_talk(state, "{\"msgid\":11,\"req\":7,\"a\":01}",
	            "{\"msgid\":100,\"of\":11,\"req\":7,\"errno\":4,\"errmsg\":\"unexpected byte at byte 25\"}", "");
	assert_talk(state, "{\"a\":1}", "{\"msgid\":100,\"of\":0,\"errno\":4,\"errmsg\":\"msgid is missing\"}", "");
	assert_talk(state, "{\"msgid\":11}", "", "open ");
}

static void who_is_not_logged_in_is_refused_before_his_id_is_looked_at(void **state)
{
	for (const char *rest : {"\"id\":13", "\"id\":\"x\"", "\"a\":1"})
		assert_talk(state, std::string("{\"msgid\":14,") + rest + "}",
		            "{\"msgid\":100,\"of\":14,\"errno\":3,\"errmsg\":\"log in first\"}", "");
	assert_talk(state, "{\"msgid\":13}", "{\"msgid\":100,\"of\":13,\"errno\":3,\"errmsg\":\"log in first\"}", "");
}

static void the_id_must_be_the_account_of_the_connection(void **state)
{
	struct worker_test *t = worker_test_of(state);
	static const char wrong_type[] = "{\"msgid\":100,\"of\":14,\"errno\":4,\"errmsg\":"
					 "\"id is no integer from 1 to 9007199254740991\"}";

	worker_fixture_bind(t->f.get(), t->c, 13);
	assert_talk(state, "{\"msgid\":14,\"id\":13}", "", "own ");
	assert_talk(state, "{\"msgid\":14,\"id\":1.3e1}", "", "own ");
	assert_talk(state, "{\"msgid\":14,\"id\":14}",
	            "{\"msgid\":100,\"of\":14,\"errno\":8,\"errmsg\":\"id is not the account of this "
	            "connection\"}",
	            "");
	assert_talk(state, "{\"msgid\":14}", "{\"msgid\":100,\"of\":14,\"errno\":4,\"errmsg\":\"id is missing\"}", "");
	for (const char *id : {"0", "-13", "13.5", "\"13\"", "null", "1e300", "9007199254740992"})
		assert_talk(state, std::string("{\"msgid\":14,\"id\":") + id + "}", wrong_type, "");
	assert_talk(state, "{\"msgid\":13}", "", "login:li si ");
}

static void ping_is_answered_by_the_core_itself(void **state)
{
	assert_talk(state, "{\"msgid\":102}", "{\"msgid\":103}", "");
	assert_talk(state, "{\"msgid\":102,\"req\":9007199254740991}",
	            "{\"msgid\":100,\"of\":102,\"req\":9007199254740991,\"errno\":0}", "");
}

static void while_draining_everything_but_ping_is_refused(void **state)
{
	struct worker_test *t = worker_test_of(state);

	conn_table_drain(t->f->worker);
	assert_talk(state, "{\"msgid\":102}",
	            "{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"this node is going away, connect "
	            "again\"}\n"
	            "{\"msgid\":103}",
	            "");
	for (const char *msgid : {"11", "13", "99"})
		assert_talk(state, std::string("{\"msgid\":") + msgid + "}",
		            std::string("{\"msgid\":100,\"of\":") + msgid +
		                    ",\"errno\":13,\"errmsg\":\"this node is going away, connect again\"}",
		            "");
}

static void a_rejection_is_counted_and_told_once(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_talk(state, "{\"msgid\":15,\"req\":3}",
	            "{\"msgid\":100,\"of\":15,\"req\":3,\"errno\":7,\"errmsg\":\"no \\\"such\\\" group\"}", "reject ");
	const struct route_counters &counters = *t->f->worker->counters.at(FIXTURE_REJECT);

	assert_int_equal(counters.calls, 1);
	assert_int_equal(counters.refused[CS_ERRNO_NO_SUCH_GROUP], 1);
	assert_int_equal(counters.bytes, sizeof "{\"msgid\":15,\"req\":3}" - 1);
}

static void calls_and_the_refusals_of_the_core_are_counted_by_route(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_int_equal(
		worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":11}{\"msgid\":11}{\"msgid\":13}{\"msgid\":102}\n")
			.empty(),
		0);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_OPEN)->calls, 2);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_OPEN)->refused[CS_ERRNO_BAD_FRAME], 0);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_LOGIN)->calls, 1);
	assert_int_equal(t->f->worker->counters.at(FIXTURE_LOGIN)->refused[CS_ERRNO_NOT_LOGGED_IN], 1);
	assert_int_equal(t->f->worker->counters.at(CS_MSGID_PING)->calls, 1);
}

static void the_handler_sees_the_frame_as_it_was_sent(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string bytes;
	int64_t value = 0;

	t->f->on_open = [&](const struct cs_frame *frame) {
		bytes.assign(frame->bytes, frame->size);
		assert_int_equal(frame->conn, t->c->handle);
		assert_int_equal(frame->account, 0);
		assert_string_equal(frame->name, "");
		assert_int_equal(frame_get_integer(frame, "a", 0, 9, &value), 0);
		return CS_DONE;
	};
	assert_talk(state, "{ \"msgid\" : 11 ,\t\"a\":5}", "", "open ");
	assert_string_equal(bytes.c_str(), "{ \"msgid\" : 11 ,\t\"a\":5}");
	assert_int_equal(value, 5);
}

static void the_handler_gets_an_array_or_an_object_as_a_tree(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string texts;

	t->f->on_open = [&](const struct cs_frame *frame) {
		const cJSON *tree = nullptr, *item;

		assert_int_equal(host_table.tree(frame, "want", &tree), 0);
		cJSON_ArrayForEach(item, tree) texts += item->valuestring;
		assert_int_equal(host_table.tree(frame, "msgid", &tree), CS_EINVAL);
		assert_int_equal(host_table.tree(frame, "absent", &tree), CS_ENOENT);
		return CS_DONE;
	};
	assert_talk(state, "{\"msgid\":11,\"want\":[\"echo\",\"\\u0072ead\"]}", "", "open ");
	assert_string_equal(texts.c_str(), "echoread");
}

static void cost_is_charged_also_when_the_request_is_refused(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.rate = 1;
	assert_talk(state, "{\"msgid\":11}", "", "open ");
	assert_true(t->c->bucket.tokens < 99000); /* 100 saved up, cost 2 */
	const int64_t before = t->c->bucket.tokens;

	assert_talk(state, "{\"msgid\":13}", "{\"msgid\":100,\"of\":13,\"errno\":3,\"errmsg\":\"log in first\"}", "");
	assert_true(t->c->bucket.tokens < before);
}

static void over_its_rate_a_connection_is_paused_not_refused(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.rate = 40;
	t->f->conf.burst = 2;
	t->c->bucket.tokens = 2000;
	assert_talk(state, "{\"msgid\":11}{\"msgid\":11}{\"msgid\":11}{\"msgid\":11}", "", "open open ");
	assert_true(t->c->paused_until > 0);
	/* 2 over at 40 a second: one more every 50 ms. */
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->f->trace == "open open open open "; }));
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->c->paused_until == 0; }));
	assert_talk(state, "{\"msgid\":102}", "{\"msgid\":103}", "");
}

static void what_a_request_costs_more_is_charged_when_it_is_served(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.rate = 1000;
	t->f->conf.burst = 100;
	t->c->bucket.tokens = 100000;
	t->f->on_open = [&](const struct cs_frame *frame) {
		assert_int_equal(host_table.charge(t->f->worker->instances[0].get(), frame->conn, 150), 0);
		return CS_PENDING;
	};
	assert_talk(state, "{\"msgid\":11}{\"msgid\":11}", "", "open ");
	/* About 50 over, so the next one waits for 50 ms also when the first is finished. */
	const int64_t until = t->c->paused_until;
	assert_true(until > worker_monotonic_ms());
	t->f->on_open = nullptr;
	conn_finish(t->c);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->f->trace == "open open "; }));
	assert_true(worker_monotonic_ms() >= until);
}

static void two_routes_of_one_msgid_name_both_files(void **)
{
	static const struct cs_route routes[] = {{7, "X", [](void *, const struct cs_frame *) { return 0; }, 0, 1}, {}};
	struct plugin_set set;
	struct dispatch_table table;
	struct cs_error e;

	for (const char *path : {"one.so", "two.so"}) {
		set.plugins.push_back(std::make_unique<struct plugin>());
		set.plugins.back()->path = path;
		set.plugins.back()->declared.routes = routes;
		set.plugins.back()->index = static_cast<unsigned>(set.plugins.size() - 1);
	}
	assert_int_equal(dispatch_build(&table, &set, &e), CS_EINVAL);
	assert_string_equal(e.text, "two.so: msgid 7 (X) is already handled by one.so");
}

static void a_route_for_a_msgid_of_the_core_is_refused(void **)
{
	static const struct cs_route routes[] = {
		{CS_MSGID_PING, "PING", [](void *, const struct cs_frame *) { return 0; }, 0, 1}, {}};
	struct plugin_set set;
	struct dispatch_table table;
	struct cs_error e;

	set.plugins.push_back(std::make_unique<struct plugin>());
	set.plugins.back()->path = "one.so";
	set.plugins.back()->declared.routes = routes;
	assert_int_equal(dispatch_build(&table, &set, &e), CS_EINVAL);
	assert_string_equal(e.text, "one.so: msgid 102 (PING) is the core's own");
}

/* So that a plugin cannot take the place of a verb that a later server has. */
static void a_verb_of_the_core_cannot_be_a_plugins(void **)
{
	static const struct cs_route routes[] = {
		{919, "new", [](void *, const struct cs_frame *) { return 0; }, CS_ROUTE_OPERATOR, 1}, {}};
	struct plugin_set set;
	struct dispatch_table table;
	struct cs_error e;

	set.plugins.push_back(std::make_unique<struct plugin>());
	set.plugins.back()->path = "one.so";
	set.plugins.back()->declared.routes = routes;
	assert_int_equal(dispatch_build(&table, &set, &e), CS_EINVAL);
	assert_string_equal(e.text, "one.so: msgid 919 (new) is the core's own");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, worker_test_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_known_msgid_reaches_its_handler),
		TEST(an_unknown_msgid_is_refused),
		TEST(a_bad_frame_is_refused_with_what_could_be_read),
		TEST(who_is_not_logged_in_is_refused_before_his_id_is_looked_at),
		TEST(the_id_must_be_the_account_of_the_connection),
		TEST(ping_is_answered_by_the_core_itself),
		TEST(while_draining_everything_but_ping_is_refused),
		TEST(a_rejection_is_counted_and_told_once),
		TEST(calls_and_the_refusals_of_the_core_are_counted_by_route),
		TEST(the_handler_sees_the_frame_as_it_was_sent),
		TEST(the_handler_gets_an_array_or_an_object_as_a_tree),
		TEST(cost_is_charged_also_when_the_request_is_refused),
		TEST(over_its_rate_a_connection_is_paused_not_refused),
		TEST(what_a_request_costs_more_is_charged_when_it_is_served),
		cmocka_unit_test(two_routes_of_one_msgid_name_both_files),
		cmocka_unit_test(a_route_for_a_msgid_of_the_core_is_refused),
		cmocka_unit_test(a_verb_of_the_core_cannot_be_a_plugins),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
