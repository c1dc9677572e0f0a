/* SPDX-License-Identifier: MIT
 * Tests the monitoring page of a real server: health, figures, draining. */
#include <csignal>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>

#include <chatserverd/msgid.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"
#include <base/raii.h>

static int set_up(void **state)
{
	test_server *s = test_server_new();

	test_server_set(s, "core.admin", "127.0.0.1:0");
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

static void health_is_200_while_it_serves(void **state)
{
	const std::string text = http_get(admin_port(static_cast<test_server *>(*state)), "/healthz");

	assert_non_null(strstr(text.c_str(), "200 OK"));
	assert_non_null(strstr(text.c_str(), "\r\n\r\nok\n"));
}

static void other_pages_are_not_found(void **state)
{
	const uint16_t port = admin_port(static_cast<test_server *>(*state));

	assert_non_null(strstr(http_get(port, "/").c_str(), "404"));
	assert_non_null(strstr(http_get(port, "/metrics/x").c_str(), "404"));
}

static void metrics_count_connections_sessions_requests_and_items(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);
	const uint16_t port = admin_port(s);

	client_login(c, client_register(c, "zhang san"));
	client_sendf(c, R"({"msgid":102,"req":1})");
	client_expect(c, R"({"msgid":100,"of":102,"req":1,"errno":0})");
	const std::string text = http_get(port, "/metrics");

	assert_figure(text, "chatserverd_node_info{node=\"north-1\",version=\"" CS_VERSION "\"} 1");
	assert_figure(text, "chatserverd_connections{transport=\"plain\"} 1");
	assert_figure(text, "chatserverd_sessions 1");
	assert_figure(text, "chatserverd_requests_total{msgid=\"4\",name=\"register\"} 1");
	assert_figure(text, "chatserverd_requests_total{msgid=\"1\",name=\"login\"} 1");
	assert_figure(text, "chatserverd_requests_total{msgid=\"102\",name=\"PING\"} 1");
	assert_null(strstr(text.c_str(), "chatserverd_requests_refused_total{"));
	assert_figure(text, "chatserverd_store_degraded 0");
	assert_figure(text, "# TYPE chatserverd_store_items_total counter");
}

static std::string refused_line(int msgid, const char *name, int wire_errno, int count)
{
	static const std::map<int, const char *> errors = {
#define X(name, number, when) {number, #name},
		CS_ERRNO_LIST(X)
#undef X
	};

	return check_format("chatserverd_requests_refused_total{msgid=\"%d\",name=\"%s\",errno=\"%d\",error=\"%s\"} %d",
	                    msgid, name, wire_errno, errors.at(wire_errno), count);
}

/* One request that is refused, and how it is counted. "ID" stands for the account of the connection. */
struct refused_case {
	const char *frame;
	bool logged_in;
	int msgid;
	const char *name;
	int wire_errno;
};

static const struct refused_case refused_cases[] = {
	{R"({"msgid":1,"id":1,"password":"wrong"})", false, 1, "login", 1},
	{R"({"msgid":1,"id":999999,"password":"secret"})", false, 1, "login", 1},
	{R"({"msgid":1,"id":ID,"password":"secret"})", true, 1, "login", 2},
	{R"({"msgid":1,"id":1,"password":"secret"})", true, 1, "login", 8},
	{R"({"msgid":1,"id":1})", false, 1, "login", 4},
	{R"({"msgid":4,"name":"first","password":"secret"})", false, 4, "register", 1},
	{R"({"msgid":4,"name":"second","password":""})", false, 4, "register", 1},
	{R"({"msgid":3,"id":1})", false, 3, "logout", 3},
	{R"({"msgid":3,"id":999999})", true, 3, "logout", 8},
	{R"({"msgid":6,"id":ID,"toid":999999,"msg":"x","time":""})", true, 6, "chat", 6},
	{R"({"msgid":9,"id":ID,"groupid":999999})", true, 9, "join_group", 7},
	{R"({"msgid":102,"req":-1})", false, 102, "PING", 4},
	{R"({"msgid":4711})", false, 0, "unknown", 5},
	{R"({"msgid":"x"})", false, 0, "unknown", 4},
	{R"({"x":1e})", false, 0, "unknown", 4},
	{"GET", false, 0, "unknown", 4},
};

static void every_refusal_is_counted_by_request_and_errno(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = admin_port(s);
	std::map<std::string, int> counts;
	test_client *in = client_open(s), *out = client_open(s);

	assert_int_equal(client_register(in, "first"), 1);
	client_login(in, client_register(in, "in"));
	for (const struct refused_case &one : refused_cases) {
		test_client *c = one.logged_in ? in : out;
		std::string frame = one.frame;

		if (const size_t at = frame.find("ID"); at != frame.npos)
			frame.replace(at, 2, std::to_string(in->id));
		client_send(c, frame + "\n");
		client_expect(c, check_format("{\"errno\":%d}", one.wire_errno));
		const std::string key = refused_line(one.msgid, one.name, one.wire_errno, 0);
		const int count = ++counts[key];
		assert_figure(http_get(port, "/metrics"), refused_line(one.msgid, one.name, one.wire_errno, count));
	}
	client_send(in, "{\"msgid\":102,\"x\":\"" + std::string(70000, 'x'));
	client_expect(in, "{\"msgid\":100,\"of\":0,\"errno\":12}");
	assert_figure(http_get(port, "/metrics"), refused_line(0, "unknown", 12, 1));
}

static void what_is_refused_while_it_drains_is_counted(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = admin_port(s);
	const std::string go = s->folder + "/go";
	test_client *late = client_open(s);

	/* It is told to go, but its connection stays while its request is under way. */
	client_sendf(late, R"({"msgid":2001,"req":1,"until":"%s"})", go.c_str());
	test_server_wait_log(s, "block waits");
	test_server_signal(s, SIGTERM);
	client_expect(late, R"({"msgid":100,"of":0,"errno":13})");
	client_sendf(late, R"({"msgid":1,"id":1,"password":"secret"})");
	const unique_fd made(open(go.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_true(made.fd != -1);
	client_expect(late, R"({"msgid":100,"of":2001,"errno":0})");
	client_expect(late, R"({"msgid":100,"of":1,"errno":13})");
	const std::string text = http_get(port, "/metrics");
	assert_figure(text, refused_line(1, "login", 13, 1));
	/* To say so to everybody refuses nothing. */
	assert_null(strstr(text.c_str(), refused_line(0, "unknown", 13, 1).c_str()));
	assert_int_equal(test_server_wait(s, 60000), 0);
}

static void while_it_drains_it_is_healthy_and_not_ready(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = admin_port(s);
	const std::string go = s->folder + "/go";
	test_client *c = client_open(s);
	std::string text = http_get(port, "/readyz");

	assert_non_null(strstr(text.c_str(), "200 OK"));
	assert_non_null(strstr(text.c_str(), "\r\n\r\nready\n"));
	/* A request is under way, so that it drains for as long. */
	client_sendf(c, R"({"msgid":2001,"req":1,"until":"%s"})", go.c_str());
	test_server_wait_log(s, "block waits");
	test_server_signal(s, SIGTERM);
	test_server_wait_log(s, "draining");
	text = http_get(port, "/readyz");
	assert_non_null(strstr(text.c_str(), "503 Not Ready"));
	assert_non_null(strstr(text.c_str(), "\r\n\r\ndraining\n"));
	text = http_get(port, "/healthz");
	assert_non_null(strstr(text.c_str(), "200 OK"));
	const unique_fd made(open(go.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_true(made.fd != -1);
	assert_int_equal(test_server_wait(s, 60000), 0);
}

static void out_of_descriptors_it_neither_spins_nor_fills_the_log(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = admin_port(s);
	std::vector<test_client *> all;
	std::string text;

	for (int i = 0; i < 100; i++)
		all.push_back(client_open(s));
	test_server_wait_log(s, "accepting pauses listen=");
	std::thread reader([port, &text] { text = http_get(port, "/healthz"); });
	test_server_wait_log(s, "admin: accepting pauses");
	const int64_t cpu = test_server_cpu_ms(s);
	check_sleep_ms(1000);
	const int64_t used = test_server_cpu_ms(s) - cpu;
	const size_t logged = test_server_log(s).size();

	for (test_client *c : all)
		client_close(c);
	reader.join();
	assert_in_range(used, 0, 200 * check_patience_factor());
	assert_in_range(logged, 0, 10000);
	assert_non_null(strstr(text.c_str(), "200 OK"));
}

static int set_up_few_files(void **state)
{
	test_server *s = test_server_new();

	test_server_set(s, "core.admin", "127.0.0.1:0");
	s->most_files = 64;
	*state = s;
	test_server_start(s);
	return 0;
}

static int set_up_held(void **state)
{
	test_server *s = test_server_new();

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.drain_timeout", "60s");
	operator_load_plugin(s, "block");
	*state = s;
	test_server_start(s);
	return 0;
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(health_is_200_while_it_serves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_pages_are_not_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(metrics_count_connections_sessions_requests_and_items, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(every_refusal_is_counted_by_request_and_errno, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_refused_while_it_drains_is_counted, set_up_held, tear_down),
		cmocka_unit_test_setup_teardown(while_it_drains_it_is_healthy_and_not_ready, set_up_held, tear_down),
		cmocka_unit_test_setup_teardown(out_of_descriptors_it_neither_spins_nor_fills_the_log, set_up_few_files,
	                                        tear_down),
	};

	return cmocka_run_group_tests_name("admin", tests, nullptr, nullptr);
}
