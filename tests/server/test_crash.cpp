/* SPDX-License-Identifier: MIT
 * Owns the proof of the product's promise: a message that was acknowledged is never lost, never twice and never
 * out of order, whenever the server is killed, or the database behind it. It must not know how the server keeps it.
 *
 * CS_CRASH_SEED repeats a run's decisions (what the scheduler does stays its own), CS_CRASH_KILLS,
 * CS_CRASH_RATE (messages a second) and CS_CRASH_CUTS (of connections, in a thousand turns) change its length and
 * load. */
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/ledger.h"
#include "tests/support/mariadb.h"
#include "tests/support/player.h"
#include "tests/support/server.h"

struct crash_run {
	test_server *server;
	mariadb *database = nullptr; /* what is killed; null: the server itself */
	ledger book;
	std::mt19937 random;
	std::vector<player> players;
	uint64_t kills = 0, kills_wanted = 60, stops = 0, cuts = 0;
	uint64_t rate = 1500, cuts_wanted = 10;
	int64_t kill_at = 0, started_at = 0, sent_until = 0;
	bool counting = false; /* kill_at is set for this life of the server */
};

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, nullptr, 10) : otherwise;
}

/* Eight accounts: pairs 0-1, 2-3, 4-5, 6-7, one that two pairs share (0-2), and a group of the first five. */
static void make_players(crash_run *run)
{
	const int pairs[][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}};
	std::vector<test_client *> clients;
	std::set<int64_t> members;

	for (int i = 0; i < 8; i++) {
		clients.push_back(client_enter(run->server, "player"));
		player &p = run->players.emplace_back();
		p.book = &run->book;
		p.random = &run->random;
		p.port = run->server->port;
		p.id = clients.back()->id;
		p.name = clients.back()->name;
	}
	for (const auto &pair : pairs) {
		player &one = run->players[(size_t)pair[0]], &other = run->players[(size_t)pair[1]];
		const std::string conversation = ledger_pair(one.id, other.id);

		one.targets.push_back({conversation, false, other.id});
		other.targets.push_back({conversation, false, one.id});
		ledger_open(&run->book, conversation, {one.id, other.id});
	}
	const int64_t group = client_create_group(clients[0], "crash");
	for (int i = 0; i < 5; i++) {
		if (i > 0)
			client_join_group(clients[(size_t)i], group);
		run->players[(size_t)i].targets.push_back({ledger_group(group), true, group});
		members.insert(run->players[(size_t)i].id);
	}
	ledger_open(&run->book, ledger_group(group), members);
	for (test_client *c : clients)
		client_leave(c);
}

static void turn(crash_run *run, int wait_ms)
{
	std::vector<struct pollfd> polls;
	std::vector<player *> who;
	const int64_t now = check_now();

	for (player &p : run->players) {
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

/* Keeps the load on, whoever is logged in. */
static void send_messages(crash_run *run, int64_t now)
{
	if (now > run->sent_until + 50)
		run->sent_until = now - 50;
	const int64_t due = (now - run->sent_until) * (int64_t)run->rate / 1000;

	if (due < 1)
		return;
	for (int64_t i = 0; i < due; i++)
		player_send_message(&run->players[run->random() % run->players.size()]);
	run->sent_until = now;
	if (run->random() % 100 == 0)
		player_repeat_old(&run->players[run->random() % run->players.size()]);
	if (run->random() % 1000 < run->cuts_wanted) {
		player_cut(&run->players[run->random() % run->players.size()]);
		run->cuts++;
	}
}

/* Most lives of the server last until somebody is logged in and a while longer; each fourth one is cut short
 * while the server starts, recovers or lets the players in. */
static void plan_kill(crash_run *run, int64_t now)
{
	const bool early = run->kills % 4 == 3;
	bool in = early;

	for (const player &p : run->players)
		in = in || p.state == PLAYER_IN;
	if (run->counting || !in)
		return;
	run->counting = true;
	run->kill_at = now + (int64_t)(run->random() % (early ? 120 : 600)) * check_patience_factor();
}

/* SIGTERM instead, in the same load: it must end with 0, and nothing may be lost by it either. */
static void stop_politely(crash_run *run)
{
	const int64_t end = check_now() + 2 * check_patience_ms();
	int status = 0;
	pid_t ended;

	test_server_signal(run->server, SIGTERM);
	while ((ended = waitpid(run->server->pid, &status, WNOHANG)) == 0 && check_now() < end)
		turn(run, 1);
	run->stops++;
	if (ended == 0) {
		ledger_fault(&run->book, "SIGTERM does not end the server");
		test_server_kill(run->server);
		return;
	}
	run->server->pid = -1;
	if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM))
		ledger_fault(&run->book, "SIGTERM ended the server with wait status %d", status);
}

static void kill_in_time(crash_run *run, int64_t now)
{
	plan_kill(run, now);
	if (!run->counting && now > run->started_at + check_patience_ms())
		ledger_fault(&run->book, "nobody could log in after kill %llu",
		             (unsigned long long)run->kills);
	else if (!run->counting || now < run->kill_at)
		return;
	if (run->kills % 10 == 4)
		stop_politely(run);
	else
		test_server_kill(run->server);
	run->kills++;
	run->counting = false;
	run->started_at = check_now();
	test_server_launch(run->server);
}

/* It is started again at once, within the time for which the server runs a batch again; each fourth life ends
 * while it still recovers. */
static void kill_database_in_time(crash_run *run, int64_t now)
{
	const bool early = run->kills % 4 == 3;

	if (!run->counting && (early || mariadb_is_ready(run->database))) {
		run->counting = true;
		run->kill_at = now + (early ? 20 + run->random() % 100 : 200 + run->random() % 800);
	} else if (!run->counting && now > run->started_at + check_patience_ms()) {
		ledger_fault(&run->book, "MariaDB is not ready after kill %llu",
		             (unsigned long long)run->kills);
	}
	if (!run->counting || now < run->kill_at)
		return;
	mariadb_kill(run->database);
	mariadb_launch(run->database);
	run->kills++;
	run->counting = false;
	run->started_at = check_now();
}

static void settle(crash_run *run)
{
	const int64_t end = check_now() + 3 * check_patience_ms();
	int64_t look_at = 0;

	while (check_now() < end) {
		turn(run, 10);
		if (check_now() < look_at)
			continue;
		look_at = check_now() + 100;
		if (ledger_is_complete(&run->book))
			return;
	}
	ledger_check_complete(&run->book);
}

/* All is confirmed, so nothing may come again. */
static void check_nothing_is_left(crash_run *run)
{
	const int64_t end = check_now() + 300;

	while (check_now() < end)
		turn(run, 10);
	for (player &p : run->players)
		player_free(&p);
	for (const player &p : run->players) {
		test_frame ack;
		test_client *c = client_return(run->server, p.id, &ack, ",\"ack\":true");

		if (json_has(ack.json.get(), "offlinemsg") || !client_read_all(c).empty())
			ledger_fault(&run->book, "account %lld confirmed everything and got more: %s",
			             (long long)p.id, ack.bytes.substr(0, 300).c_str());
		client_close(c);
	}
}

static void report(const crash_run *run, unsigned seed)
{
	uint64_t resent = 0, logins = 0;

	for (const player &p : run->players) {
		resent += p.resent;
		logins += p.logins;
	}
	print_message("seed %u: %llu kills, %llu of them SIGTERM, %llu cut connections, %llu logins; %zu "
	              "messages sent, %llu acknowledged, "
	              "%llu resent, %llu delivered, %llu delivered again and dropped; %llu faults\n",
	              seed, (unsigned long long)run->kills, (unsigned long long)run->stops,
	              (unsigned long long)run->cuts, (unsigned long long)logins, run->book.messages.size(),
	              (unsigned long long)run->book.acknowledged, (unsigned long long)resent,
	              (unsigned long long)run->book.received, (unsigned long long)run->book.dropped,
	              (unsigned long long)run->book.fault_count);
	for (const std::string &fault : run->book.faults)
		print_error("  %s\n", fault.c_str());
}

static void run_until_killed_enough(test_server *server, mariadb *database, uint64_t kills)
{
	const unsigned seed = (unsigned)number_from_environment("CS_CRASH_SEED",
	                                                        (uint64_t)time(nullptr) ^ (uint64_t)getpid());
	crash_run *run = new crash_run;

	run->server = server;
	run->database = database;
	run->random.seed(seed);
	run->kills_wanted = number_from_environment("CS_CRASH_KILLS", kills);
	run->cuts_wanted = number_from_environment("CS_CRASH_CUTS", 10);
	run->rate = number_from_environment("CS_CRASH_RATE", 1500);
	test_server_start(run->server);
	make_players(run);
	run->started_at = run->sent_until = check_now();
	while (run->kills < run->kills_wanted && run->book.fault_count == 0) {
		turn(run, 1);
		send_messages(run, check_now());
		if (run->database)
			kill_database_in_time(run, check_now());
		else
			kill_in_time(run, check_now());
	}
	if (run->book.fault_count == 0)
		settle(run);
	if (run->book.fault_count == 0)
		check_nothing_is_left(run);
	if (run->book.fault_count == 0)
		test_server_stop(run->server);
	else
		test_server_kill(run->server);
	if (database)
		mariadb_wait_ready(database);
	ledger_check_database(&run->book, run->server);
	report(run, seed);
	const bool whole = run->book.fault_count == 0 && run->kills >= run->kills_wanted &&
	                   run->book.acknowledged > run->kills * 10;
	delete run;
	assert_true(whole);
}

static void an_acknowledged_message_survives_every_kill(void **state)
{
	run_until_killed_enough((test_server *)*state, nullptr, 60);
}

static void an_acknowledged_message_survives_every_kill_of_the_database(void **state)
{
	test_server *s = (test_server *)*state;
	mariadb *database = mariadb_new();

	mariadb_start(database);
	test_server_use_mariadb(s, database);
	run_until_killed_enough(s, database, 12);
	s->database = nullptr;
	test_server_kill(s);
	mariadb_free(database);
}

static int run_with_mariadb(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_acknowledged_message_survives_every_kill,
	                                        test_server_setup, test_server_teardown),
		cmocka_unit_test_setup_teardown(an_acknowledged_message_survives_every_kill_of_the_database,
	                                        test_server_setup, test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}

int main(void)
{
	if (mariadb_wanted())
		return run_with_mariadb();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_acknowledged_message_survives_every_kill,
	                                        test_server_setup, test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
