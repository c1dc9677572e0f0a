/* SPDX-License-Identifier: MIT
 * Tests the verbs of operators with a real server: what they tell and what they do. */
#include <csignal>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	test_server_set(s, "core.node", "north-1");
	*state = s;
	test_server_start(s);
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

static const cJSON *find_item(const test_frame &frame, const char *list, const char *key, const char *value)
{
	const cJSON *item;

	cJSON_ArrayForEach(item,
	                   cJSON_GetObjectItem(frame.json.get(), list)) if (json_text(item, key) == value) return item;
	return nullptr;
}

static void status_tells_what_the_server_is_and_does(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang san"), *o = operator_open(s);
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":900");

	assert_non_null(c);
	assert_true(json_matches(frame.json.get(), R"({"version":")" CS_VERSION
	                                           R"(","node":"north-1","state":"serving","log_level":"info",
		"workers":2,"sessions":1,"without_login":0})"));
	assert_true(json_matches(cJSON_GetObjectItem(frame.json.get(), "connections"), R"({"plain":1})"));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(frame.json.get(), "reload")));
	assert_int_equal(json_integer(frame.json.get(), "pid"), s->pid);
	assert_true(json_matches(cJSON_GetObjectItem(frame.json.get(), "bus"), R"({"driver":"","state":"alone"})"));
	assert_true(json_matches(cJSON_GetObjectItem(frame.json.get(), "store"),
	                         R"({"driver":"db_sqlite","state":"ready"})"));
}

static void workers_count_their_connections(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *guest = client_open(s), *o = operator_open(s);
	const cJSON *item;
	int64_t connections = 0, sessions = 0, operators = 0;

	(void)client_enter(s, "zhang san");
	client_expect_quiet(guest);
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":901");
	cJSON_ArrayForEach(item, cJSON_GetObjectItem(frame.json.get(), "workers"))
	{
		assert_true(json_matches(item, R"({"answers":true})"));
		assert_true(json_integer(item, "lag_us") >= 0);
		connections += json_integer(item, "connections");
		sessions += json_integer(item, "sessions");
		operators += json_integer(item, "operators");
	}
	assert_int_equal(connections, 2);
	assert_int_equal(sessions, 1);
	assert_int_equal(operators, 1);
}

/* Reads all pages; each session may come once. */
static std::set<int64_t> read_pages(test_client *o, int limit)
{
	std::set<int64_t> accounts;
	std::string after;

	for (;;) {
		const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":902,\"limit\":%d%s", limit, after.c_str());
		const cJSON *list = cJSON_GetObjectItem(frame.json.get(), "sessions"), *item;

		assert_true(cJSON_GetArraySize(list) <= limit);
		cJSON_ArrayForEach(item, list) assert_true(accounts.insert(json_integer(item, "account")).second);
		if (!json_has(frame.json.get(), "more"))
			return accounts;
		after = ",\"after\":\"" + json_text(frame.json.get(), "next") + "\"";
	}
}

static void sessions_come_by_pages_each_once(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	std::set<int64_t> accounts;

	assert_true(read_pages(o, 3).empty());
	for (int i = 0; i < 12; i++)
		accounts.insert(client_enter(s, "one of many")->id);
	(void)client_open(s);
	for (const int limit : {1, 3, 200})
		assert_true(read_pages(o, limit) == accounts);
}

static void the_sessions_of_an_account_are_listed_with_their_devices(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang \\\"san\\\""), *phone = client_open(s), *o = operator_open(s);

	(void)client_enter(s, "somebody else");
	client_login(phone, c->id, ",\"device\":\"phone\"");
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":902,\"account\":%lld", static_cast<long long>(c->id));
	const cJSON *list = cJSON_GetObjectItem(frame.json.get(), "sessions");

	assert_int_equal(cJSON_GetArraySize(list), 2);
	for (int i = 0; i < 2; i++) {
		const cJSON *item = cJSON_GetArrayItem(list, i);

		assert_string_equal(json_text(item, "name").c_str(), c->name.c_str());
		assert_true(json_matches(item, R"({"transport":"plain","unsent":0})"));
		assert_true(json_text(item, "peer").starts_with("127.0.0.1:"));
		assert_true(json_integer(item, "age_ms") >= 0);
	}
	assert_false(json_has(frame.json.get(), "more"));
}

static void kick_ends_the_sessions_and_says_how_many(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang san"), *phone = client_open(s), *other = client_enter(s, "li si"),
		    *o = operator_open(s);
	const auto id = static_cast<long long>(c->id);

	client_login(phone, c->id, ",\"device\":\"phone\"");
	test_frame answer = CLIENT_ASK(o, 0, "{\"msgid\":903,\"account\":%lld,\"device\":0", id);
	assert_true(json_matches(answer.json.get(), R"({"ended":1,"node":"north-1"})"));
	client_expect(c, R"({"msgid":100,"of":0,"errno":13,"reason":"kicked"})");
	client_expect_end(c);
	client_expect_quiet(phone);
	answer = CLIENT_ASK(o, 0, "{\"msgid\":903,\"account\":%lld", id);
	assert_true(json_matches(answer.json.get(), R"({"ended":1})"));
	client_expect(phone, R"({"msgid":100,"of":0,"errno":13,"reason":"kicked"})");
	client_expect_end(phone);
	answer = CLIENT_ASK(o, 0, "{\"msgid\":903,\"account\":%lld", id);
	assert_true(json_matches(answer.json.get(), R"({"ended":0})"));
	client_expect_quiet(other);
	test_server_wait_log(s, "order verb=kick by=operator:uid=");
}

static void plugins_and_routes_are_listed_with_their_counters(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang san"), *o = operator_open(s);

	client_sendf(c, R"({"msgid":6,"id":%lld,"toid":999999,"msg":"x","time":""})", static_cast<long long>(c->id));
	client_expect(c, R"({"errno":6})");
	const test_frame plugins = CLIENT_ASK(o, 0, "{\"msgid\":904"), routes = CLIENT_ASK(o, 0, "{\"msgid\":905");
	assert_true(
		json_matches(find_item(plugins, "plugins", "plugin", "login"), R"({"version":")" CS_VERSION R"("})"));
	assert_true(json_matches(find_item(routes, "routes", "name", "chat"),
	                         R"({"msgid":6,"plugin":"chat","calls":1,"refused":1,"errnos":{"6":1}})"));
	assert_true(json_matches(find_item(routes, "routes", "name", "login"), R"({"calls":1,"refused":0})"));
	assert_true(json_matches(find_item(routes, "routes", "name", "plugins"), R"({"plugin":"core","calls":1})"));
}

static void limits_tell_what_is_allowed_and_what_is_used(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s), *o = operator_open(s);

	client_expect_quiet(c);
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":909");
	assert_true(json_matches(find_item(frame, "limits", "limit", "core.max_connections"),
	                         R"({"value":10000,"unit":"connections"})"));
	assert_in_range(json_integer(find_item(frame, "limits", "limit", "core.max_connections"), "used"), 1, 3);
	assert_true(json_matches(find_item(frame, "limits", "limit", "core.login_connections"),
	                         R"({"value":5000,"used":1})"));
	assert_true(json_matches(find_item(frame, "limits", "limit", "core.max_frame"), R"({"value":65536})"));
	assert_true(json_matches(find_item(frame, "limits", "limit", "store.queue"), R"({"value":4096,"used":0})"));
}

static void the_log_level_changes_at_once(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);

	test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":906,\"level\":\"debug\"");
	assert_true(json_matches(frame.json.get(), R"({"before":"info","level":"debug"})"));
	(void)client_open(s);
	test_server_wait_log(s, "connection opened");
	(void)CLIENT_ASK(o, 4, "{\"msgid\":906,\"level\":\"loud\"");
	(void)CLIENT_ASK(o, 4, "{\"msgid\":906");
	frame = CLIENT_ASK(o, 0, "{\"msgid\":900");
	assert_true(json_matches(frame.json.get(), R"({"log_level":"debug"})"));
}

static void a_reload_is_answered_when_it_is_done_and_tells_what_needs_a_restart(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);

	test_server_set(s, "core.max_frame", "2K");
	test_server_set(s, "core.node", "south-1");
	test_server_write_conf(s);
	test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":908");
	assert_true(json_matches(cJSON_GetObjectItem(frame.json.get(), "reload"),
	                         R"({"done":true,"restart":["core.node"]})"));
	frame = CLIENT_ASK(o, 0, "{\"msgid\":909");
	assert_true(json_matches(find_item(frame, "limits", "limit", "core.max_frame"), R"({"value":2048})"));
}

static void a_reload_that_is_refused_says_why(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);

	test_server_set(s, "core.max_frame", "2 K!");
	test_server_write_conf(s);
	const test_frame frame = CLIENT_ASK(o, 8, "{\"msgid\":908");
	const std::string text = json_text(frame.json.get(), "errmsg");

	assert_true(text.starts_with("configuration kept: ") && text.find("core.max_frame") != text.npos);
	const test_frame status = CLIENT_ASK(o, 0, "{\"msgid\":900");
	assert_true(json_matches(cJSON_GetObjectItem(status.json.get(), "reload"), R"({"done":false})"));
}

static void drain_is_answered_and_the_server_ends(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang san"), *o = operator_open(s);
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":907");

	assert_true(json_matches(frame.json.get(), R"({"already":false,"timeout_ms":10000})"));
	/* A worker that looks for further connections has reserved one for a moment. */
	assert_in_range(json_integer(frame.json.get(), "connections"), 1, 3);
	client_expect(c, R"({"msgid":100,"of":0,"errno":13})");
	client_close(c);
	assert_int_equal(test_server_wait(s, 15000), 0);
	assert_int_not_equal(access(operator_path(s).c_str(), F_OK), 0);
}

/* A request that is under way keeps it draining. */
static void while_it_drains_operators_go_on(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string go = s->folder + "/go";

	operator_load_plugin(s, "block");
	operator_allow(s);
	test_server_set(s, "core.drain_timeout", "2m");
	test_server_start(s);
	test_client *slow = client_open(s), *o = operator_open(s);
	client_sendf(slow, R"({"msgid":2001,"req":1,"until":"%s"})", go.c_str());
	test_server_wait_log(s, "block waits");
	(void)CLIENT_ASK(o, 0, "{\"msgid\":907");
	test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":907");
	assert_true(json_matches(frame.json.get(), R"({"already":true})"));
	frame = CLIENT_ASK(operator_open(s), 0, "{\"msgid\":900");
	assert_true(json_matches(frame.json.get(), R"({"state":"draining"})"));
	(void)CLIENT_ASK(o, 13, "{\"msgid\":908");
	FILE *file = fopen(go.c_str(), "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(test_server_wait(s, 60000), 0);
}

static void a_notice_reaches_those_who_want_it(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *plain = client_enter(s, "plain"), *o = operator_open(s), *guest = client_open(s);
	test_client *c = client_enter(s, "zhang san", ",\"want\":[\"notice\"]");
	const test_frame frame = CLIENT_ASK(o, 0, R"({"msgid":910,"text":"We restart at 22:00.\nBack at 22:01 ✓")");

	assert_true(json_matches(frame.json.get(), R"({"reached":1,"sessions":2,"node":"north-1"})"));
	const test_frame notice = client_expect(c, R"({"msgid":124,"text":"We restart at 22:00.\nBack at 22:01 ✓"})");
	assert_true(json_integer(notice.json.get(), "ts") > 1700000000000);
	client_expect_quiet(plain);
	client_expect_quiet(guest);
	(void)CLIENT_ASK(o, 4, R"({"msgid":910,"text":"")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":910,"text":"\u001b[2J")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":910,"text":"\u009b2J")");
	(void)CLIENT_ASK(o, 12, "{\"msgid\":910,\"text\":\"%s\"", std::string(1001, 'x').c_str());
	client_expect_quiet(c);
}

static void login_says_that_notices_are_given(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);
	const test_frame ack = client_login(c, client_register(c, "zhang san"), ",\"want\":[\"notice\"]");

	assert_true(ack.bytes.find("\"notice\"") != ack.bytes.npos);
	client_sendf(c, R"({"msgid":124,"text":"I am an operator"})");
	client_expect(c, R"({"of":124,"errno":5})");
}

static void a_plugin_has_verbs_of_its_own(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	operator_load_plugin(s, "verb");
	operator_allow(s);
	test_server_start(s);
	test_client *o = operator_open(s), *c = client_open(s);
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":990");

	assert_true(json_matches(frame.json.get(), R"({"said":"done"})"));
	(void)CLIENT_ASK(o, 0, "{\"msgid\":900");
	(void)CLIENT_ASK(c, 5, "{\"msgid\":990");
	client_login(c, client_register(c, "zhang san"));
	(void)CLIENT_ASK(c, 5, "{\"msgid\":990");
	/* Hooks for all msgids see those of clients only. */
	test_server_wait_log(s, "hook sees msgid=1");
	for (const char *msgid : {"hook sees msgid=900", "hook sees msgid=990"})
		assert_true(test_server_log(s).find(msgid) == std::string::npos);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(status_tells_what_the_server_is_and_does, set_up, tear_down),
		cmocka_unit_test_setup_teardown(workers_count_their_connections, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sessions_come_by_pages_each_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_sessions_of_an_account_are_listed_with_their_devices, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(kick_ends_the_sessions_and_says_how_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(plugins_and_routes_are_listed_with_their_counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_tell_what_is_allowed_and_what_is_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_log_level_changes_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_is_answered_when_it_is_done_and_tells_what_needs_a_restart,
	                                        set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_that_is_refused_says_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(drain_is_answered_and_the_server_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(while_it_drains_operators_go_on, test_server_setup, tear_down),
		cmocka_unit_test_setup_teardown(a_notice_reaches_those_who_want_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(login_says_that_notices_are_given, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_plugin_has_verbs_of_its_own, test_server_setup, tear_down),
	};

	return cmocka_run_group_tests_name("control", tests, nullptr, nullptr);
}
