/* SPDX-License-Identifier: MIT
 * Tests that conf/haproxy.cfg, in a real HAProxy in front of two real nodes, does what it promises: checks, addresses,
 * dead and hung nodes, reloads, new nodes, the limit. */
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/haproxy.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static const size_t node_count = 2;

struct world {
	std::vector<test_server *> nodes;
	std::vector<uint16_t> agents; /* their ports */
	test_haproxy *proxy = nullptr;
	test_server *front = nullptr; /* no process: its port is HAProxy's */
};

static test_server *new_node(world *w)
{
	test_server *s = test_server_new();

	w->nodes.push_back(s);
	w->agents.push_back(test_free_port());
	test_server_set(s, "core.proxy_from", "127.0.0.1");
	test_server_set(s, "core.agent", check_format("127.0.0.1:%u", w->agents.back()));
	test_server_set(s, "mailbox.sweep", "0");
	return s;
}

static int set_up(void **state)
{
	world *w = new world;

	for (size_t i = 0; i < node_count; i++) {
		test_server_start(new_node(w));
	}
	w->proxy = haproxy_new({w->nodes[0]->port, w->nodes[1]->port}, w->agents);
	w->front = test_server_new();
	w->front->port = w->proxy->port;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world *w = (world *)*state;
	bool sound = true;

	haproxy_free(w->proxy);
	for (test_server *s : w->nodes) {
		sound = sound && test_server_is_sound(s);
		test_server_free(s);
	}
	test_server_free(w->front);
	delete w;
	return sound ? 0 : -1;
}

static void start(world *w, test_at at = test_at::current())
{
	haproxy_start(w->proxy, at);
	haproxy_wait_node(w->proxy, "node1", "UP", at);
	haproxy_wait_node(w->proxy, "node2", "UP", at);
}

static bool answers(test_client *c)
{
	test_frame frame;

	return client_try_send(c, "{\"msgid\":102}\n") && client_try_read(c, &frame, (int)check_patience_ms()) &&
	       json_matches(frame.json.get(), "{\"msgid\":103}");
}

/* Connected, and known to a node: HAProxy has chosen one. */
static test_client *enter(world *w)
{
	test_client *c = client_open(w->front);

	assert_true(answers(c));
	return c;
}

static std::vector<test_client *> enter_all(world *w, size_t count)
{
	std::vector<test_client *> all;

	for (size_t i = 0; i < count; i++)
		all.push_back(enter(w));
	return all;
}

static int connections_of(const world *w, const std::string &node)
{
	return atoi(haproxy_node_figure(w->proxy, node, "scur").c_str());
}

static bool has_ended(test_client *c)
{
	test_frame frame;

	while (!c->ended && client_try_read(c, &frame, 0))
		;
	return c->ended;
}

static size_t count_ended(const std::vector<test_client *> &all)
{
	size_t count = 0;

	for (test_client *c : all)
		count += has_ended(c);
	return count;
}

static void the_configuration_is_taken_without_a_word(void **state)
{
	world *w = (world *)*state;
	const std::string output = w->front->folder + "/output";

	assert_int_equal(process_run({"haproxy", "-c", "-f", "conf/haproxy.cfg"}, output), 0);
	assert_string_equal(check_read_file(output).c_str(), "Configuration file is valid\n");
}

static void health_checks_pass_and_leave_nothing_in_the_log(void **state)
{
	world *w = (world *)*state;

	start(w);
	check_sleep_ms(2500);
	for (const char *node : {"node1", "node2"}) {
		/* "* L7OK" while the next one is on its way. */
		assert_true(haproxy_node_figure(w->proxy, node, "check_status").ends_with("L7OK"));
		assert_string_equal(haproxy_node_figure(w->proxy, node, "chkfail").c_str(), "0");
	}
	for (const test_server *s : w->nodes)
		assert_int_equal(test_server_log(s).find("connection"), std::string::npos);
}

/* The port tells the client from HAProxy, which is on the same address. */
static void nodes_see_the_address_of_the_client(void **state)
{
	world *w = (world *)*state;
	struct sockaddr_in own = {};
	socklen_t size = sizeof(own);

	start(w);
	test_client *c = client_open(w->front);
	getsockname(c->fd, (struct sockaddr *)&own, &size);
	client_send(c, "nonsense");
	client_expect(c, "{\"msgid\":100,\"errno\":4}");
	client_expect_end(c);
	const std::string line = check_format("peer=127.0.0.1:%u account=0 why=\"byte 0x6e", ntohs(own.sin_port));

	check_wait("the address in a log", [&] {
		const std::string logs = test_server_log(w->nodes[0]) + test_server_log(w->nodes[1]);

		return logs.find(line) != logs.npos;
	});
}

static void a_header_of_the_clients_own_is_no_frame(void **state)
{
	world *w = (world *)*state;

	start(w);
	test_client *c = client_open(w->front);
	client_send(c, "PROXY TCP4 192.0.2.7 198.51.100.1 4660 6000\r\n{\"msgid\":102}\n");
	client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":4}");
	client_expect_end(c);
	for (const test_server *s : w->nodes)
		assert_int_equal(test_server_log(s).find("192.0.2.7"), std::string::npos);
}

static void connections_are_spread_evenly(void **state)
{
	world *w = (world *)*state;

	start(w);
	const auto clients = enter_all(w, 20);

	assert_int_equal(connections_of(w, "node1"), 10);
	assert_int_equal(connections_of(w, "node2"), 10);
	for (test_client *c : clients)
		assert_true(answers(c));
}

/* At once, while HAProxy still takes the node for up; all are from one address. */
static void clients_of_a_killed_node_come_back_through_the_other(void **state)
{
	world *w = (world *)*state;
	const size_t count = 400;

	start(w);
	const auto clients = enter_all(w, count);

	test_server_kill(w->nodes[0]);
	check_wait("the killed node's clients to notice", [&] { return count_ended(clients) == count / 2; });
	enter_all(w, count / 2);
	assert_int_equal(connections_of(w, "node2"), count);
	haproxy_wait_node(w->proxy, "node1", "DOWN");
	enter(w);
	assert_int_equal(count_ended(clients), count / 2);
	test_server_start(w->nodes[0]);
	haproxy_wait_node(w->proxy, "node1", "UP");
	check_wait("a client on the node that is back", [&] {
		enter(w);
		return connections_of(w, "node1") > 0;
	});
}

static void a_hung_node_is_out_after_about_5_seconds_and_its_clients_are_free(void **state)
{
	world *w = (world *)*state;

	start(w);
	const auto clients = enter_all(w, 20);
	const int64_t begun = check_now();

	process_signal(w->nodes[0]->pid, SIGSTOP);
	haproxy_wait_node(w->proxy, "node1", "DOWN");
	const int64_t took = check_now() - begun;

	print_message("a hung node was out after %lld ms\n", (long long)took);
	check_wait("the hung node's clients to notice", [&] { return count_ended(clients) == 10; });
	enter_all(w, 10);
	process_signal(w->nodes[0]->pid, SIGCONT);
	haproxy_wait_node(w->proxy, "node1", "UP");
	assert_true(took < 5000 + check_soon_ms());
}

static void wait_weight(const world *w, const std::string &node, const char *weight)
{
	check_wait("HAProxy to hear of it", [&] { return haproxy_node_figure(w->proxy, node, "weight") == weight; });
}

/* Each second client would be refused by a node that stops listening before HAProxy knows. */
static void a_node_that_drains_gets_no_new_clients_and_refuses_none(void **state)
{
	world *w = (world *)*state;
	test_server *node = w->nodes[0];

	test_server_set(node, "core.drain_grace", "4s");
	test_server_restart(node);
	start(w);
	const auto clients = enter_all(w, 10);

	assert_int_equal(connections_of(w, "node1"), 5);
	test_server_signal(node, SIGTERM);
	wait_weight(w, "node1", "0");
	const auto others = enter_all(w, 10);

	assert_int_equal(connections_of(w, "node1"), 5);
	assert_int_equal(connections_of(w, "node2"), 15);
	for (test_client *c : clients)
		assert_true(answers(c));
	/* From here to its end and its return somebody connects all the time, and nobody is refused. */
	while (process_is_alive(&node->pid)) {
		client_close(enter(w));
		check_sleep_ms(30); /* far from the limit of the balancer */
	}
	assert_int_equal(count_ended(clients), 5);
	assert_int_equal(count_ended(others), 0);
	test_server_launch(node);
	check_wait("the node to get clients again", [&] {
		enter(w);
		check_sleep_ms(30);
		return connections_of(w, "node1") > 0;
	});
	haproxy_wait_node(w->proxy, "node1", "UP");
}

/* A node that is back at once was never seen as down: only its agent ends the drain. */
static void a_node_that_is_back_before_its_checks_fail_gets_clients_again(void **state)
{
	world *w = (world *)*state;

	test_server_set(w->nodes[0], "core.drain_grace", "2s");
	test_server_restart(w->nodes[0]);
	start(w);
	test_server_signal(w->nodes[0], SIGTERM);
	wait_weight(w, "node1", "0");
	assert_int_equal(test_server_wait(w->nodes[0], 15000), 0);
	test_server_start(w->nodes[0]);
	haproxy_wait_node(w->proxy, "node1", "UP");
	check_wait("a client on the node that is back", [&] {
		enter(w);
		return connections_of(w, "node1") > 0;
	});
}

/* What an operator has set stays, whatever the agent says. */
static void a_state_that_was_set_by_hand_is_left_alone_by_the_agent(void **state)
{
	world *w = (world *)*state;

	start(w);
	(void)haproxy_ask(w->proxy, "set server nodes/node1 state drain");
	haproxy_wait_node(w->proxy, "node1", "DRAIN (agent)");
	/* One or two answers of the agent. */
	check_sleep_ms(1500);
	enter_all(w, 6);
	assert_int_equal(connections_of(w, "node1"), 0);
	(void)haproxy_ask(w->proxy, "set server nodes/node1 state ready");
	haproxy_wait_node(w->proxy, "node1", "UP");
}

static void a_reload_keeps_connections_and_refuses_none(void **state)
{
	world *w = (world *)*state;

	start(w);
	const auto clients = enter_all(w, 20);

	for (int i = 0; i < 3; i++) {
		haproxy_reload(w->proxy);
		enter_all(w, 20);
	}
	assert_int_equal(count_ended(clients), 0);
	for (test_client *c : clients)
		assert_true(answers(c));
}

static void a_node_can_be_added_by_a_reload(void **state)
{
	world *w = (world *)*state;
	const std::string first =
		check_format("\tserver node1 127.0.0.1:%u agent-port %u\n", w->nodes[0]->port, w->agents[0]);
	const std::string second =
		check_format("\tserver node2 127.0.0.1:%u agent-port %u\n", w->nodes[1]->port, w->agents[1]);

	haproxy_replace(w->proxy, second, "");
	haproxy_start(w->proxy);
	haproxy_wait_node(w->proxy, "node1", "UP");
	const auto clients = enter_all(w, 5);

	haproxy_replace(w->proxy, first, first + second);
	haproxy_reload(w->proxy);
	haproxy_wait_node(w->proxy, "node2", "UP");
	check_wait("a client on the new node", [&] {
		enter(w);
		return connections_of(w, "node2") > 0;
	});
	assert_int_equal(count_ended(clients), 0);
}

/* The commands that the comments of the configuration give; it must give them. */
static std::string command_of(const world *w, const std::string &begin, const std::string &address)
{
	const size_t at = w->proxy->config.find("# " + begin);

	assert_int_not_equal(at, std::string::npos);
	std::string command = w->proxy->config.substr(at + 2, w->proxy->config.find('\n', at) - at - 2);
	/* A long one goes on in the next line. */
	for (size_t end; command.ends_with(" \\");) {
		end = w->proxy->config.find('\n', w->proxy->config.find(command)) + 1;
		const size_t next = w->proxy->config.find_first_not_of("\t #", end);

		command.resize(command.size() - 1);
		command += w->proxy->config.substr(next, w->proxy->config.find('\n', next) - next);
	}
	if (const size_t place = command.find("ADDRESS"); place != command.npos)
		command.replace(place, 7, address);
	if (const size_t place = command.find("PORT"); place != command.npos)
		command.replace(place, 4, std::to_string(w->agents.back()));
	return command;
}

static void a_node_can_be_added_and_removed_while_it_runs(void **state)
{
	world *w = (world *)*state;
	test_server *third = new_node(w);
	const std::string address = check_format("127.0.0.1:%u", third->port);

	test_server_start(third);
	start(w);
	const auto clients = enter_all(w, 10);

	for (const char *begin : {"add server", "enable health", "enable agent", "enable server"})
		print_message("%s", haproxy_ask(w->proxy, command_of(w, begin, address)).c_str());
	haproxy_wait_node(w->proxy, "node4", "UP");
	const auto others = enter_all(w, 5);

	assert_int_equal(connections_of(w, "node4"), 5);
	for (const char *begin : {"set server", "shutdown sessions", "del server"})
		print_message("%s", haproxy_ask(w->proxy, command_of(w, begin, address)).c_str());
	check_wait("the node to be gone", [&] { return haproxy_node_status(w->proxy, "node4").empty(); });
	check_wait("its clients to notice", [&] { return count_ended(others) == 5; });
	assert_int_equal(count_ended(clients), 0);
}

static void more_new_connections_than_the_limit_are_refused_until_there_is_room(void **state)
{
	world *w = (world *)*state;

	haproxy_replace(w->proxy, "conn_rate(10s)", "conn_rate(2s)");
	haproxy_replace(w->proxy, "src_conn_rate ge 2000", "src_conn_rate ge 20");
	start(w);
	const auto clients = enter_all(w, 10);

	check_wait("a refusal", [&] {
		test_client *c = client_open(w->front);

		check_wait("a refusal, or service", [&] { return has_ended(c) || answers(c); });
		return c->ended;
	});
	assert_int_equal(count_ended(clients), 0);
	check_wait("room for one more", [&] {
		test_client *c = client_open(w->front);

		check_sleep_ms(50);
		return !has_ended(c) && answers(c);
	});
}

static void a_crowd_behind_one_address_gets_in_at_once(void **state)
{
	world *w = (world *)*state;

	start(w);
	enter_all(w, 1500);
	assert_int_equal(connections_of(w, "node1") + connections_of(w, "node2"), 1500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_is_taken_without_a_word),
		TEST(health_checks_pass_and_leave_nothing_in_the_log),
		TEST(nodes_see_the_address_of_the_client),
		TEST(a_header_of_the_clients_own_is_no_frame),
		TEST(connections_are_spread_evenly),
		TEST(clients_of_a_killed_node_come_back_through_the_other),
		TEST(a_hung_node_is_out_after_about_5_seconds_and_its_clients_are_free),
		TEST(a_node_that_drains_gets_no_new_clients_and_refuses_none),
		TEST(a_node_that_is_back_before_its_checks_fail_gets_clients_again),
		TEST(a_state_that_was_set_by_hand_is_left_alone_by_the_agent),
		TEST(a_reload_keeps_connections_and_refuses_none),
		TEST(a_node_can_be_added_by_a_reload),
		TEST(a_node_can_be_added_and_removed_while_it_runs),
		TEST(more_new_connections_than_the_limit_are_refused_until_there_is_room),
		TEST(a_crowd_behind_one_address_gets_in_at_once),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
