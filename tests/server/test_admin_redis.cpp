/* SPDX-License-Identifier: MIT
 * Tests that the monitoring page of a node in a cluster says whether the bus is there and how much was lost on it. */
#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/redis.h"

struct node {
	test_server *server;
	redis *bus;
};

static int set_up(void **state)
{
	node *n = new node{test_server_new(), redis_new()};

	redis_start(n->bus);
	test_server_set(n->server, "core.admin", "127.0.0.1:0");
	test_server_set(n->server, "bus.driver", "bus_redis");
	test_server_set(n->server, "bus_redis.host", "127.0.0.1");
	test_server_set(n->server, "bus_redis.port", std::to_string(n->bus->port));
	test_server_start(n->server);
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	node *n = static_cast<node *>(*state);

	test_server_free(n->server);
	redis_free(n->bus);
	delete n;
	return 0;
}

static bool has_figure(const node *n, const std::string &line)
{
	return http_get(admin_port(n->server), "/metrics").find("\n" + line + "\n") != std::string::npos;
}

static void the_page_says_whether_the_bus_is_there_and_what_was_lost(void **state)
{
	node *n = static_cast<node *>(*state);

	check_wait("the bus is there", [n] { return has_figure(n, "chatserverd_bus_away 0"); });
	const std::string text = http_get(admin_port(n->server), "/metrics");

	assert_figure(text, "chatserverd_bus_refused_total 0");
	assert_figure(text, "# TYPE chatserverd_bus_dropped_total counter");
	redis_kill(n->bus);
	check_wait("the bus is away", [n] { return has_figure(n, "chatserverd_bus_away 1"); });
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_page_says_whether_the_bus_is_there_and_what_was_lost, set_up,
	                                        tear_down),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
