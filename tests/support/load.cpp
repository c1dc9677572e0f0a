/* SPDX-License-Identifier: MIT
 * The load under which a fault test puts a server or a cluster: players, their conversations, and the judgement after
 * the fault. */
#include "tests/support/load.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include <poll.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

uint64_t load_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, nullptr, 10) : otherwise;
}

/* ---- who talks with whom */

static void make_pair(load *l, size_t first, size_t second)
{
	player &one = l->players[first], &other = l->players[second];
	const std::string conversation = ledger_pair(one.id, other.id);

	one.targets.push_back({conversation, false, other.id});
	other.targets.push_back({conversation, false, one.id});
	ledger_open(&l->book, conversation, {one.id, other.id});
}

static void make_group(load *l, const std::vector<test_client *> &clients, const std::vector<size_t> &places)
{
	const int64_t group = client_create_group(clients[places[0]], client_new_name("group"));
	std::set<int64_t> members;

	for (const size_t place : places) {
		if (place != places[0])
			client_join_group(clients[place], group);
		l->players[place].targets.push_back({ledger_group(group), true, group});
		members.insert(l->players[place].id);
	}
	ledger_open(&l->book, ledger_group(group), members);
}

static void make_targets(load *l, const std::vector<test_client *> &clients)
{
	const size_t count = l->players.size();
	std::vector<size_t> across;

	for (size_t i = 0; i + 8 <= count; i += 8) {
		for (size_t k = 0; k < 8; k += 2)
			make_pair(l, i + k, i + k + 1);
		make_pair(l, i, i + 2);
		make_group(l, clients, {i, i + 1, i + 2, i + 3, i + 4});
		across.insert(across.end(), {i, i + 5, i + 6});
		if (i > 0)
			make_pair(l, i - 8 + 7, i);
	}
	if (count > 8)
		make_group(l, clients, across);
}

load *load_new(test_server *front, size_t players, unsigned seed)
{
	load *l = new load;
	std::vector<test_client *> clients;

	l->front = front;
	l->seed = seed ? seed
	               : static_cast<unsigned>(time(nullptr)) ^ static_cast<unsigned>(getpid()) ^
	                          static_cast<unsigned>(check_now());
	l->random.seed(l->seed);
	for (size_t i = 0; i < players; i++) {
		clients.push_back(client_enter(front, "player"));
		player &p = l->players.emplace_back();
		p.book = &l->book;
		p.random = &l->random;
		p.port = front->port;
		p.kind = front->transport;
		p.host = front->address;
		p.id = clients.back()->id;
		p.name = clients.back()->name;
	}
	make_targets(l, clients);
	for (test_client *c : clients)
		client_leave(c);
	l->sent_until = check_now();
	return l;
}

void load_add_pairs(load *l, test_server *at, size_t players)
{
	static constexpr size_t of_each = 500; /* accounts that one connection registers */
	test_client *c = nullptr;

	for (size_t i = 0; i < players; i++) {
		if (i % of_each == 0) {
			if (c)
				client_close(c);
			c = client_open(at);
		}
		player &p = l->players.emplace_back();

		p.book = &l->book;
		p.random = &l->random;
		p.kind = l->front->transport;
		p.host = l->front->address;
		p.name = client_new_name("player");
		p.id = client_register(c, p.name);
		p.by_token = true;
		if (i % 2 == 1)
			make_pair(l, l->players.size() - 2, l->players.size() - 1);
	}
	if (c)
		client_close(c);
}

void load_free(load *l)
{
	for (player &p : l->players)
		player_free(&p);
	delete l;
}

void load_set_patient(load *l, int64_t answer_timeout_ms)
{
	for (player &p : l->players) {
		p.patient = true;
		p.answer_timeout = answer_timeout_ms;
		p.longest_pause = 250;
	}
}

void load_set_old(load *l, size_t every)
{
	for (size_t i = every - 1; i < l->players.size(); i += every) {
		l->players[i].is_old = true;
		ledger_add_old(&l->book, l->players[i].id);
	}
}

/* ---- running it */

void load_turn(load *l, int wait_ms)
{
	std::vector<struct pollfd> polls;
	std::vector<player *> who;
	const int64_t now = check_now();

	for (player &p : l->players) {
		p.port = l->ports.empty() ? l->front->port : l->ports[l->random() % l->ports.size()];
		player_tick(&p, now);
		if (!player_events(&p))
			continue;
		polls.push_back({p.fd, player_events(&p), 0});
		who.push_back(&p);
	}
	if (poll(polls.data(), polls.size(), wait_ms) <= 0)
		return;
	for (size_t i = 0; i < polls.size(); i++)
		if (polls[i].revents && who[i]->fd == polls[i].fd)
			player_ready(who[i], polls[i].revents);
}

static player *any_player(load *l)
{
	return &l->players[l->random() % l->players.size()];
}

/* Whoever is logged in. */
void load_send(load *l)
{
	const int64_t now = check_now();

	l->sent_until = std::max(l->sent_until, now - 50);
	const int64_t due = (now - l->sent_until) * static_cast<int64_t>(l->rate) / 1000;

	if (due < 1 || l->is_silent)
		return;
	for (int64_t i = 0; i < due; i++)
		player_send_message(any_player(l));
	l->sent_until = now;
	if (l->random() % 100 == 0)
		player_repeat_old(any_player(l));
	if (l->random() % 1000 < l->cuts_wanted) {
		player_cut(any_player(l));
		l->cuts++;
	}
}

bool load_run_until(load *l, int64_t timeout_ms, const std::function<bool(void)> &condition)
{
	const int64_t end = check_now() + timeout_ms;

	while (check_now() < end && l->book.fault_count == 0) {
		load_turn(l, 1);
		load_send(l);
		if (condition())
			return true;
	}
	return false;
}

void load_run(load *l, int64_t ms)
{
	(void)load_run_until(l, ms, [] { return false; });
}

bool load_all_are_in(const load *l)
{
	return std::all_of(l->players.begin(), l->players.end(), [](const player &p) { return p.state == PLAYER_IN; });
}

/* ---- the judgement */

void load_settle(load *l, int64_t timeout_ms)
{
	const int64_t end = check_now() + timeout_ms;
	int64_t look_at = 0;

	while (check_now() < end) {
		load_turn(l, 10);
		if (check_now() < look_at)
			continue;
		look_at = check_now() + 100;
		if (ledger_is_complete(&l->book))
			return;
	}
	ledger_check_complete(&l->book);
}

static bool load_all_have_confirmed(const load *l)
{
	return load_all_are_in(l) &&
	       std::all_of(l->players.begin(), l->players.end(), [](const player &p) { return p.unconfirmed.empty(); });
}

void load_check_nothing_is_left(load *l)
{
	const int64_t most = check_now() + check_patience_ms();
	int64_t end = check_now() + 300; /* what is still on its way comes meanwhile */

	while (check_now() < std::min(end, most)) {
		load_turn(l, 10);
		if (!load_all_have_confirmed(l))
			end = check_now() + 300;
	}
	for (player &p : l->players)
		player_free(&p);
	for (const player &p : l->players) {
		test_frame ack;
		test_client *c = client_return(l->front, p.id, &ack, ",\"ack\":true");

		if (json_has(ack.json.get(), "offlinemsg") || !client_read_all(c).empty())
			ledger_fault(&l->book, "account %lld confirmed everything and got more: %s",
			             static_cast<long long>(p.id), ack.bytes.substr(0, 300).c_str());
		client_close(c);
	}
}

void load_forget_slowest(load *l)
{
	l->book.slowest_delivery = 0;
	for (player &p : l->players) {
		p.slowest_answer = p.slowest_return = 0;
		p.refused = 0;
	}
}

int64_t load_slowest_answer(const load *l)
{
	int64_t slowest = 0;

	for (const player &p : l->players)
		slowest = std::max(slowest, p.slowest_answer);
	return slowest;
}

int64_t load_slowest_return(const load *l)
{
	int64_t slowest = 0;

	for (const player &p : l->players)
		slowest = std::max(slowest, p.slowest_return);
	return slowest;
}

void load_report(const load *l, const char *what)
{
	uint64_t resent = 0, logins = 0, refused = 0;

	for (const player &p : l->players) {
		resent += p.resent;
		logins += p.logins;
		refused += p.refused;
	}
	print_message(
		"%s, seed %u: %llu cut connections, %llu logins, slowest return %lld ms; %zu messages "
		"sent, %llu acknowledged, %llu resent, %llu refused for a while, slowest answer %lld ms; "
		"%llu delivered, slowest %lld ms, %llu delivered again and dropped; %llu faults\n",
		what, l->seed, static_cast<unsigned long long>(l->cuts), static_cast<unsigned long long>(logins),
		static_cast<long long>(load_slowest_return(l)), l->book.messages.size(),
		static_cast<unsigned long long>(l->book.acknowledged), static_cast<unsigned long long>(resent),
		static_cast<unsigned long long>(refused), static_cast<long long>(load_slowest_answer(l)),
		static_cast<unsigned long long>(l->book.received), static_cast<long long>(l->book.slowest_delivery),
		static_cast<unsigned long long>(l->book.dropped), static_cast<unsigned long long>(l->book.fault_count));
	for (const std::string &fault : l->book.faults)
		print_error("  %s\n", fault.c_str());
}
