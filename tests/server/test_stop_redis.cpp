/* SPDX-License-Identifier: MIT
 * Tests how a node leaves its cluster at SIGTERM: step by step, and without a trace in Redis. */
#include <csignal>
#include <string>

#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/redis.h"
#include "tests/support/server.h"

struct node {
	test_server *server;
	redis *bus;
};

static int set_up(void **state)
{
	node *n = new node{test_server_new(), redis_new()};

	redis_start(n->bus);
	test_server_set(n->server, "bus.driver", "bus_redis");
	test_server_set(n->server, "bus_redis.host", "127.0.0.1");
	test_server_set(n->server, "bus_redis.port", std::to_string(n->bus->port));
	/* Longer than it is locked below. */
	test_server_set(n->server, "db_sqlite.busy_timeout", "60s");
	test_server_set(n->server, "core.drain_timeout", "30s");
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	node *n = static_cast<node *>(*state);
	const bool sound = test_server_is_sound(n->server);

	test_server_free(n->server);
	redis_free(n->bus);
	delete n;
	return sound ? 0 : -1;
}

static std::string ask(const node *n, const std::vector<std::string> &command)
{
	return redis_command(n->bus, command);
}

static bool is_registered(const node *n)
{
	return ask(n, {"ZCARD", "chatserverd:nodes"}) == "1" &&
	       !ask(n, {"PUBSUB", "CHANNELS", "chatserverd:*:in:*"}).empty();
}

/* Who has left is remembered with address 0, which nobody has. */
static bool is_online(const node *n, int64_t account)
{
	const std::string place =
		ask(n, {"HGET", check_format("chatserverd:d:%lld", static_cast<long long>(account)), "0"});

	return !place.empty() && !place.starts_with("0:");
}

static bool takes_connections(const test_server *s)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in address{};

	address.sin_family = AF_INET;
	address.sin_port = htons(s->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	const bool taken = connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) == 0;
	close(fd);
	return taken;
}

/* The store is made to wait, so that something is under way for as long as the steps are looked at. */
static sqlite3 *lock_store(const test_server *s)
{
	sqlite3 *db = nullptr;

	assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
	return db;
}

static void a_node_leaves_the_cluster_in_order_and_without_a_trace(void **state)
{
	node *n = static_cast<node *>(*state);
	test_server *s = n->server;

	test_server_start(s);
	check_wait("the node in the register", [&] { return is_registered(n); });
	test_client *ann = client_enter(s, "ann"), *other = client_open(s);
	const int64_t a = ann->id, bob = client_absent(s, "bob");
	check_wait("the session in the register", [&] { return is_online(n, a); });
	sqlite3 *db = lock_store(s);
	client_chat(ann, bob, "under way", ",\"req\":9");
	client_send(ann, "{\"msgid\":102}");
	client_expect(ann, "{\"msgid\":103}");

	const int64_t start = check_now();
	test_server_signal(s, SIGTERM);
	for (test_client *c : {ann, other})
		client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":13,\"req\":null}");
	check_wait("the address to be closed", [&] { return !takes_connections(s); });
	client_sendf(other, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", static_cast<long long>(bob));
	client_expect(other, "{\"msgid\":100,\"of\":1,\"errno\":13}");
	/* What others send to its sessions still finds it. */
	assert_true(is_registered(n) && is_online(n, a));

	sqlite3_close(db);
	client_expect(ann, "{\"msgid\":100,\"of\":6,\"req\":9,\"errno\":0,\"seq\":1}");
	client_expect_end(ann);
	client_expect_end(other);
	assert_int_equal(test_server_wait(s, 30000), 0);
	assert_true(check_now() - start < 30000);
	/* At once: the lease alone would last 10 s more. */
	assert_string_equal(ask(n, {"ZCARD", "chatserverd:nodes"}).c_str(), "0");
	assert_false(is_online(n, a));
	assert_string_equal(ask(n, {"PUBSUB", "CHANNELS", "chatserverd:*"}).c_str(), "");
	s->clients.clear();
}

static void a_node_that_leaves_while_redis_is_away_still_ends_in_time(void **state)
{
	node *n = static_cast<node *>(*state);
	test_server *s = n->server;

	test_server_set(s, "core.drain_timeout", "5s");
	test_server_start(s);
	check_wait("the node in the register", [&] { return is_registered(n); });
	test_client *ann = client_enter(s, "ann");
	redis_signal(n->bus, SIGSTOP);
	const int64_t start = check_now();
	test_server_signal(s, SIGTERM);
	client_expect(ann, "{\"msgid\":100,\"of\":0,\"errno\":13,\"req\":null}");
	client_expect_end(ann);
	assert_int_equal(test_server_wait(s, (int)(20000 * check_patience_factor())), 0);
	assert_true(check_now() - start < 5000 + check_soon_ms());
	redis_signal(n->bus, SIGCONT);
	s->clients.clear();
}

#define OWN_NODE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_NODE(a_node_leaves_the_cluster_in_order_and_without_a_trace),
		OWN_NODE(a_node_that_leaves_while_redis_is_away_still_ends_in_time),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
