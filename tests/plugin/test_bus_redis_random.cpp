/* SPDX-License-Identifier: MIT
 * Tests by random schedules that logins, logouts and faults in any order on several nodes end with at most one session
 * per account, the one that Redis knows.
 *
 * CS_TEST_SEED repeats one, CS_TEST_ROUNDS makes more. */
#include <cstdlib>
#include <map>
#include <random>

#include "test_bus_redis.h"

static constexpr unsigned node_count = 3, account_count = 6;

struct player {
	struct world *world;
	unsigned node;
	cs_account account;
	cs_conn conn;
	uint64_t generation;
	bool claiming, live;
};

struct world {
	fixture *f;
	bus_node *nodes[node_count];
	std::mt19937 random;
	uint64_t generation = 0; /* as the store counts them */
	std::map<std::pair<unsigned, cs_account>, std::unique_ptr<player>> players;
	unsigned granted = 0, refused = 0, kicked = 0;
};

static unsigned pick(world *w, unsigned below)
{
	return static_cast<unsigned>(w->random() % below);
}

static void end_session(world *w, player *p)
{
	bus_node *node = w->nodes[p->node];

	p->live = false;
	node->driver->ending(node->bus, p->account, 0, p->conn);
	node->driver->release(node->bus, p->account, 0, p->conn);
}

static void claimed(void *arg, int result)
{
	player *p = static_cast<player *>(arg);

	p->claiming = false;
	p->live = result == 0;
	(result ? p->world->refused : p->world->granted)++;
}

/* As the server does: one claim or session of an account per node at a time. */
static void log_in(world *w)
{
	const unsigned node = pick(w, node_count);
	const cs_account account = 1 + pick(w, account_count);
	std::unique_ptr<player> &p = w->players[{node, account}];
	struct cs_bus_session session;

	if (p && p->claiming)
		return;
	if (p && p->live)
		end_session(w, p.get());
	w->generation++;
	p = std::make_unique<player>(player{w, node, account, w->generation, w->generation, true, false});
	session = {account, p->conn, p->generation};
	w->nodes[node]->driver->claim(w->nodes[node]->bus, &session, pick(w, 2), claimed, p.get());
}

static void log_out(world *w)
{
	const auto found = w->players.find({pick(w, node_count), 1 + pick(w, account_count)});

	if (found != w->players.end() && found->second->live)
		end_session(w, found->second.get());
}

static void obey_closes(world *w)
{
	for (unsigned node = 0; node < node_count; node++) {
		for (const auto &[account, conn] : std::exchange(w->nodes[node]->closed, {})) {
			const auto found = w->players.find({node, account});

			if (found == w->players.end() || found->second->conn != conn || !found->second->live)
				continue;
			w->kicked++;
			end_session(w, found->second.get());
		}
	}
}

static void fail_something(world *w)
{
	static const std::vector<std::string> commands[] = {
		{"CLIENT", "KILL", "TYPE", "pubsub"},
		{"CLIENT", "KILL", "TYPE", "normal"},
		{"SCRIPT", "FLUSH"},
		{"FLUSHALL"},
	};
	const unsigned what = pick(w, 6);

	if (what < 4) {
		(void)redis_command(w->f->server, commands[what]);
	} else if (what == 4) {
		const unsigned long long address = w->nodes[pick(w, node_count)]->address;

		(void)redis_command(w->f->server, {"ZREM", "chatserverd:nodes", check_format("%012llx", address)});
	} else {
		redis_kill(w->f->server);
		for (int i = 0; i < 20; i++) {
			log_in(w);
			bus_world_turn(w->f->world);
		}
		redis_start(w->f->server);
	}
}

static bool is_up(const world *w)
{
	for (const bus_node *node : w->nodes)
		if (!node->address)
			return false;
	return true;
}

/* Often the nodes come back before more happens. */
static void fail_and_go_on(world *w)
{
	fail_something(w);
	if (pick(w, 4) == 0)
		return;
	bus_world_run(w->f->world, pick(w, 100));
	bus_wait(w->f->world, "all are back", [&] { return is_up(w); });
}

/* A key that nobody answers for would lock the account out. */
static bool is_left_over(world *w, const std::string &key)
{
	for (const bus_node *node : w->nodes)
		if (key.starts_with(check_format("%012llx:", static_cast<unsigned long long>(node->address))))
			return true;
	return false;
}

/* At most one session of each account, and Redis names it. */
static bool is_settled(world *w)
{
	std::string expected[account_count + 1];

	obey_closes(w);
	for (const auto &[place, p] : w->players) {
		if (p->claiming || !w->nodes[place.first]->address)
			return false;
		if (!p->live)
			continue;
		if (!expected[p->account].empty())
			return false;
		expected[p->account] = value_of(w->nodes[place.first], p->conn, p->generation, 'L');
	}
	for (cs_account account = 1; account <= account_count; account++) {
		const std::string key = key_of(w->f, account);

		if (expected[account].empty() ? is_left_over(w, key) : key != expected[account])
			return false;
	}
	return true;
}

static void run_schedule(void **state, unsigned seed)
{
	world w = {};

	w.f = fixture_of(state);
	w.random.seed(seed);
	print_message("CS_TEST_SEED=%u\n", seed);
	for (bus_node *&node : w.nodes)
		node = new_node_up(w.f, {{"lease", "1s"}});
	for (int step = 0; step < 600; step++) {
		const unsigned what = pick(&w, 100);

		if (what < 50)
			log_in(&w);
		else if (what < 60)
			log_out(&w);
		else if (what < 99)
			bus_world_turn(w.f->world, 1);
		else
			fail_and_go_on(&w);
		obey_closes(&w);
	}
	bus_wait(w.f->world, "one session of each account", [&] { return is_settled(&w); });
	print_message("granted=%u refused=%u kicked=%u\n", w.granted, w.refused, w.kicked);
	assert_true(w.granted > 0 && w.refused > 0);
	bus_world_free(w.f->world);
	w.f->world = bus_world_new();
	(void)redis_command(w.f->server, {"FLUSHALL"});
}

static void however_things_fail_one_session_of_an_account_stays(void **state)
{
	const char *seed = getenv("CS_TEST_SEED"), *rounds = getenv("CS_TEST_ROUNDS");

	for (int round = rounds ? atoi(rounds) : 3; round > 0; round--)
		run_schedule(state, seed ? static_cast<unsigned>(atoi(seed)) : std::random_device()());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(however_things_fail_one_session_of_an_account_stays),
	};

	return cmocka_run_group_tests_name("bus_redis_random", tests, nullptr, nullptr);
}
