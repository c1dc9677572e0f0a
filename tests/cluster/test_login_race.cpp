/* SPDX-License-Identifier: MIT
 * Tests that of two logins of one account, on two nodes at the same moment, exactly one wins.
 *
 * 1,000 races with CS_LONG=1, else 200. */
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"

static constexpr size_t accounts = 20;

struct figures {
	size_t races = 0, both = 0, none = 0;
};

static int64_t answer_to_login(test_client *c)
{
	const test_frame ack = client_expect(c, "{\"msgid\":2}");

	return json_integer(ack.json.get(), "errno");
}

static void check_winner(test_client *winner, test_client *loser, int64_t id)
{
	client_expect_quiet(winner);
	client_sendf(loser, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"time\":\"\"}",
	             static_cast<long long>(id), static_cast<long long>(id));
	client_expect(loser, "{\"msgid\":100,\"of\":6,\"errno\":3}");
}

/* All accounts at once, each on two nodes that change from race to race. */
static void race(cluster *c, const std::vector<int64_t> &ids, figures *f)
{
	std::vector<test_client *> clients;
	const size_t first = f->races % 3, second = (first + 1 + f->races / 3 % 2) % 3;

	for (size_t i = 0; i < ids.size(); i++)
		for (const size_t node : {first, second})
			clients.push_back(client_open(c->nodes[node].server));
	for (size_t i = 0; i < clients.size(); i++)
		client_sendf(clients[i], "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}",
		             static_cast<long long>(ids[i / 2]));
	for (size_t i = 0; i < ids.size(); i++) {
		test_client *one = clients[2 * i], *other = clients[2 * i + 1];
		const int64_t errnos[] = {answer_to_login(one), answer_to_login(other)};

		f->both += errnos[0] == 0 && errnos[1] == 0;
		f->none += errnos[0] != 0 && errnos[1] != 0;
		if ((errnos[0] == 0) != (errnos[1] == 0))
			check_winner(errnos[0] == 0 ? one : other, errnos[0] == 0 ? other : one, ids[i]);
	}
	f->races += ids.size();
	for (test_client *client : clients)
		client_close(client);
}

static void two_logins_in_the_same_moment_never_both_win(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const size_t wanted = cluster_is_long() ? 1000 : 200;
	std::vector<int64_t> ids;
	figures f;

	cluster_start(c);
	for (size_t i = 0; i < accounts; i++)
		ids.push_back(client_absent(c->nodes[i % 3].server, "racer"));
	while (f.races < wanted)
		race(c, ids, &f);
	print_message("%zu races: both won %zu times, nobody %zu times\n", f.races, f.both, f.none);
	assert_int_equal(f.both, 0);
	assert_int_equal(f.none, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_logins_in_the_same_moment_never_both_win, cluster_setup,
	                                        cluster_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
