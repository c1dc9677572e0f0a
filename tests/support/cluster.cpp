/* SPDX-License-Identifier: MIT
 * A whole cluster for a test: MariaDB, Redis, nodes, HAProxy in front, and between each node and its two services a
 * relay that can part them. */
#include "tests/support/cluster.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/network.h"
#include "tests/support/process.h"

bool cluster_is_long(void)
{
	return getenv("CS_LONG") != nullptr;
}

bool cluster_sweeps(void)
{
	const char *sweep = getenv("CS_SWEEP");

	return sweep && strcmp(sweep, "on") == 0;
}

int64_t cluster_time(int64_t briefly_ms, int64_t long_ms)
{
	return cluster_is_long() ? long_ms : briefly_ms;
}

/* ---- making and starting */

void cluster_set(cluster *c, std::string_view key, std::string_view value)
{
	for (cluster_node &node : c->nodes)
		test_server_set(node.server, key, value);
}

/* For experiments: CS_CLUSTER_SET="section.key=value section.key=value" for all nodes. */
static void set_from_environment(cluster *c)
{
	std::string_view all = getenv("CS_CLUSTER_SET") ? getenv("CS_CLUSTER_SET") : "";

	while (!all.empty()) {
		const std::string_view word = all.substr(0, all.find(' '));
		const size_t equals = word.find('=');

		if (equals != word.npos)
			cluster_set(c, word.substr(0, equals), word.substr(equals + 1));
		all.remove_prefix(std::min(word.size() + 1, all.size()));
	}
}

static void make_node(cluster *c)
{
	cluster_node &node = c->nodes.emplace_back();
	test_server *s = node.server = test_server_new();

	node.to_redis = relay_start(c->bus->port);
	node.to_mariadb = relay_start(c->database->port);
	test_server_use_mariadb(s, c->database);
	test_server_set(s, "core.node", check_format("node%zu", c->nodes.size()));
	test_server_set(s, "core.proxy_from", "127.0.0.1");
	node.agent_port = test_free_port();
	test_server_set(s, "core.agent", check_format("127.0.0.1:%u", node.agent_port));
	test_server_set(s, "db_mysql.port", std::to_string(relay_port(node.to_mariadb)));
	test_server_set(s, "db_mysql.database", c->nodes[0].server->options.at("db_mysql.database"));
	test_server_set(s, "bus.driver", "bus_redis");
	test_server_set(s, "bus_redis.host", "127.0.0.1");
	test_server_set(s, "bus_redis.port", std::to_string(relay_port(node.to_redis)));
	test_server_set(s, "mailbox.sweep", cluster_sweeps() ? "3s" : "0");
	test_server_set(s, "mailbox.sweep_away", cluster_sweeps() ? "2s" : "0");
}

cluster *cluster_new(size_t nodes)
{
	cluster *c = new cluster;
	std::vector<uint16_t> ports, agents;

	c->database = mariadb_new();
	c->bus = redis_new();
	for (size_t i = 0; i < nodes; i++) {
		make_node(c);
		ports.push_back(c->nodes[i].server->port);
		agents.push_back(c->nodes[i].agent_port);
	}
	set_from_environment(c);
	c->proxy = haproxy_new(ports, agents);
	c->front = test_server_new();
	c->front->port = c->proxy->port;
	return c;
}

void cluster_put_node(cluster *c, size_t place, const network *n)
{
	cluster_node &node = c->nodes[place];
	test_server *s = node.server;

	relay_stop(node.to_redis);
	relay_stop(node.to_mariadb);
	node.to_redis = relay_start(c->bus->port, n->outside.c_str());
	node.to_mariadb = relay_start(c->database->port, n->outside.c_str());
	s->network = n->fd;
	s->address = n->inside;
	test_server_set(s, "core.listen", check_format("%s:%u", n->inside.c_str(), s->port));
	test_server_set(s, "core.agent", check_format("%s:%u", n->inside.c_str(), node.agent_port));
	test_server_set(s, "core.proxy_from", n->outside);
	test_server_set(s, "db_mysql.host", n->outside);
	test_server_set(s, "db_mysql.port", std::to_string(relay_port(node.to_mariadb)));
	test_server_set(s, "bus_redis.host", n->outside);
	test_server_set(s, "bus_redis.port", std::to_string(relay_port(node.to_redis)));
	haproxy_replace(c->proxy, check_format("127.0.0.1:%u", s->port), s->options.at("core.listen"));
}

static void wait_for_nodes(cluster *c, std::source_location at)
{
	for (size_t i = 0; i < c->nodes.size(); i++)
		haproxy_wait_node(c->proxy, check_format("node%zu", i + 1), "UP", at);
}

void cluster_start(cluster *c, std::source_location at)
{
	mariadb_launch(c->database);
	redis_start(c->bus, at);
	mariadb_wait_ready(c->database, at);
	for (const cluster_node &node : c->nodes)
		test_server_launch(node.server);
	for (const cluster_node &node : c->nodes)
		check_wait(
			"a node to be ready", [&] { return test_server_is_ready(node.server, at); }, at);
	haproxy_start(c->proxy, at);
	wait_for_nodes(c, at);
	cluster_wait_bus(c, at);
}

void cluster_load(cluster *c, size_t players, size_t old_every)
{
	c->work = load_new(c->front, players, static_cast<unsigned>(load_number("CS_CLUSTER_SEED", 0)));
	c->work->rate = load_number("CS_CLUSTER_RATE", 400);
	c->work->cuts_wanted = 2;
	if (old_every > 0)
		load_set_old(c->work, old_every);
	for (player &p : c->work->players)
		p.longest_pause = 400;
	cluster_wait_players(c, 10000);
}

void cluster_free(cluster *c)
{
	if (c->work)
		load_free(c->work);
	haproxy_free(c->proxy);
	for (const cluster_node &node : c->nodes) {
		test_server_free(node.server);
		relay_stop(node.to_redis);
		relay_stop(node.to_mariadb);
	}
	test_server_free(c->front);
	redis_free(c->bus);
	mariadb_free(c->database);
	delete c;
}

/* ---- nodes */

void cluster_kill_node(cluster *c, size_t place)
{
	test_server_kill(c->nodes[place].server);
}

void cluster_stop_node(cluster *c, size_t place)
{
	test_server *s = c->nodes[place].server;
	int status = -1;

	test_server_signal(s, SIGTERM);
	/* Its grace and its telling may take a while. */
	if (!load_run_until(c->work, 60000 + 2 * check_patience_ms(),
	                    [&] { return !process_is_alive(&s->pid, &status); }))
		ledger_fault(&c->work->book, "SIGTERM does not end node%zu", place + 1);
	else if (status != 0)
		ledger_fault(&c->work->book, "SIGTERM ended node%zu with status %d", place + 1, status);
}

void cluster_start_node(cluster *c, size_t place)
{
	const std::string name = check_format("node%zu", place + 1);
	test_server *s = c->nodes[place].server;

	test_server_launch(s);
	if (!load_run_until(c->work, check_patience_ms(), [&] { return test_server_is_ready(s); }))
		ledger_fault(&c->work->book, "%s does not get ready", name.c_str());
	if (!load_run_until(c->work, check_patience_ms(), [&] { return haproxy_node_status(c->proxy, name) == "UP"; }))
		ledger_fault(&c->work->book, "HAProxy does not take %s back", name.c_str());
}

void cluster_pause_node(cluster *c, size_t place)
{
	process_signal(c->nodes[place].server->pid, SIGSTOP);
	c->nodes[place].is_paused = true;
}

void cluster_resume_node(cluster *c, size_t place)
{
	process_signal(c->nodes[place].server->pid, SIGCONT);
	c->nodes[place].is_paused = false;
}

/* Each node listens to a channel of its own. */
static bool all_have_a_bus(const cluster *c)
{
	const std::string channels = redis_command(c->bus, {"PUBSUB", "CHANNELS", "chatserverd:*:in:*"});
	const size_t listening =
		channels.empty() ? 0 : 1 + static_cast<size_t>(std::count(channels.begin(), channels.end(), '\n'));
	size_t running = 0;

	for (const cluster_node &node : c->nodes)
		running += node.server->pid > 0 && !node.is_paused;
	return listening >= running;
}

void cluster_wait_bus(cluster *c, std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();

	while (!all_have_a_bus(c)) {
		if (check_now() > end)
			check_fail(at, "not all nodes have a bus");
		if (c->work)
			load_run(c->work, 50);
		else
			check_sleep_ms(20);
	}
}

/* ---- judgement */

void cluster_print_logs(const cluster *c)
{
	for (size_t i = 0; i < c->nodes.size(); i++) {
		print_error("node%zu:\n", i + 1);
		test_server_print_log(c->nodes[i].server);
	}
	haproxy_print_log(c->proxy);
}

[[noreturn]] static void fail_with_logs(cluster *c, const char *what, std::source_location at)
{
	for (size_t i = 0; i < c->work->players.size(); i++) {
		const player &p = c->work->players[i];

		print_error("account %lld: state %d, %zu unacknowledged\n", static_cast<long long>(p.id), p.state,
		            p.unacknowledged.size());
	}
	cluster_print_logs(c);
	check_fail(at, "%s: see the faults above", what);
}

void cluster_wait_players(cluster *c, int64_t timeout_ms, std::source_location at)
{
	ledger *book = &c->work->book;

	if (load_run_until(c->work, timeout_ms * check_patience_factor(), [&] { return load_all_are_in(c->work); }))
		return;
	ledger_fault(book, "not everybody could log in");
	load_report(c->work, "logging in");
	fail_with_logs(c, "logging in", at);
}

void cluster_silence(cluster *c)
{
	c->work->is_silent = true;
	load_run(c->work, 300);
}

void cluster_heal(cluster *c, const char *what, int64_t timeout_ms, std::source_location at)
{
	ledger *book = &c->work->book;
	const int64_t end = check_now() + timeout_ms * check_patience_factor();

	c->work->is_silent = true;
	if (book->fault_count == 0)
		cluster_wait_players(c, timeout_ms, at);
	if (book->fault_count == 0)
		load_settle(c->work, std::max<int64_t>(end - check_now(), 0));
	load_report(c->work, what);
	if (book->fault_count != 0)
		fail_with_logs(c, what, at);
	load_forget_slowest(c->work);
	c->work->is_silent = false;
}

void cluster_judge(cluster *c, std::source_location at)
{
	ledger *book = &c->work->book;

	if (book->fault_count == 0)
		load_check_nothing_is_left(c->work);
	ledger_check_database(book, c->nodes[0].server);
	load_report(c->work, "in the end");
	if (book->fault_count != 0)
		fail_with_logs(c, "in the end", at);
	for (const cluster_node &node : c->nodes)
		test_server_stop(node.server, 0, at);
}

/* ---- people */

cluster_two cluster_enter_two(cluster *c, std::string_view more, std::source_location at)
{
	return {client_enter(c->nodes[0].server, "ann", more, at), client_enter(c->nodes[1].server, "bob", more, at)};
}

/* ---- fixtures */

int cluster_setup(void **state)
{
	*state = cluster_new();
	return 0;
}

int cluster_load_setup(void **state)
{
	cluster *c = cluster_new();

	*state = c;
	cluster_start(c);
	cluster_load(c);
	return 0;
}

static int start_nodes(void **state, size_t nodes)
{
	cluster *c = cluster_new(nodes);

	*state = c;
	cluster_start(c);
	return 0;
}

int cluster_two_nodes_setup(void **state)
{
	return start_nodes(state, 2);
}

int cluster_three_nodes_setup(void **state)
{
	return start_nodes(state, 3);
}

int cluster_close_clients(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (const cluster_node &node : c->nodes)
		node.server->clients.clear();
	return 0;
}

int cluster_teardown(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	bool sound = true;

	for (const cluster_node &node : c->nodes)
		sound = test_server_is_sound(node.server) && sound;
	cluster_free(c);
	return sound ? 0 : -1;
}
