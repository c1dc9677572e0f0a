/* SPDX-License-Identifier: MIT
 * Kills a server while requests are under way. What it had acknowledged must be done, all else is done or not; of that
 * the store says which. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/conversation_burst.h"
#include "tests/support/database.h"

static cs_db *kill_open_database(const test_server *s, test_database *d)
{
	if (s->database) {
		database_make_mysql(d, s->database, s->options.at("db_mysql.database"));
	} else {
		database_make_sqlite(d);
		database_set_text(d, "path", test_server_database(s));
	}
	return database_open(d);
}

/* The connections of the others to MariaDB; -1: the relays still have some of the killed node. */
static int64_t kill_count_others(const cluster *c, size_t place)
{
	int64_t others = 0;

	if (relay_connections(c->nodes[place].to_mariadb) || relay_connections(c->nodes[place].to_redis))
		return -1;
	for (size_t i = 0; i < c->nodes.size(); i++)
		if (i != place)
			others += static_cast<int64_t>(relay_connections(c->nodes[i].to_mariadb));
	return others;
}

/* What the node sent last may still be on its way. It has arrived if MariaDB has only the connections of the others and
 * that one here. */
static void kill_wait_for_store(const conversation_play *p, size_t place, cs_db *db)
{
	if (!p->nodes[place]->database)
		return;
	check_wait("the connections of the killed node to end", [&] {
		const int64_t others = p->c ? kill_count_others(p->c, place) : 0;

		return others + 1 ==
		       database_number(db, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'chat'");
	});
}

/* Of those without an answer, the store says which were done. */
static void kill_look_up(conversation_play *p, size_t place, std::vector<burst_request> *all)
{
	test_database d;
	cs_db *db = kill_open_database(p->nodes[place], &d);

	kill_wait_for_store(p, place, db);
	for (burst_request &b : *all) {
		if (b.wire_errno >= 0)
			continue;
		b.seq = database_number(db, check_format("SELECT seq FROM message WHERE body LIKE '%%\"req\":%lld%%'",
		                                         static_cast<long long>(b.r.req)));
		p->unanswered++;
		if (b.seq < 1)
			continue;
		b.wire_errno = 0;
		b.r.answered = conversation_clock();
		b.answer = "(found in the store)";
		p->unanswered_done++;
	}
	d.driver->close(db);
}

static bool kill_is_answer(const test_frame &frame)
{
	return json_integer(frame.json.get(), "msgid") == 100;
}

using kill_frames = std::map<std::pair<size_t, size_t>, std::vector<test_frame>>;

/* Those whose node was killed have what it had sent; the others get their answers. */
static void kill_read(conversation_play *p, const test_server *killed, std::vector<burst_request> *all,
                      kill_frames *frames_r)
{
	for (const auto &[who, c] : p->clients)
		if (c->server == killed)
			(*frames_r)[who] = client_read_to_end(c);
	for (burst_request &b : *all) {
		const std::pair<size_t, size_t> who = {b.r.actor, b.r.device};
		const auto frames = frames_r->find(who);

		if (frames == frames_r->end()) {
			burst_take_answer(&b, client_read_answer(p->clients.at(who), b.r.req));
			continue;
		}
		for (const test_frame &frame : frames->second)
			if (kill_is_answer(frame) && json_integer(frame.json.get(), "req") == b.r.req)
				burst_take_answer(&b, frame);
	}
}

/* The others forget the sessions of the killed node when its lease has lapsed. */
static void kill_start_again(conversation_play *p, size_t place)
{
	test_server_start(p->nodes[place]);
	if (!p->c)
		return;
	cluster_wait_bus(p->c);
	check_wait("the lease of the killed node to lapse", [&] {
		return redis_command(p->c->bus, {"ZCARD", "chatserverd:nodes"}) == std::to_string(p->nodes.size());
	});
}

void burst_kill(conversation_play *p, std::vector<burst_request> *all)
{
	const size_t place = play_roll(p, p->nodes.size());
	kill_frames frames;

	play_note(p, check_format("kill of node %zu", place));
	check_sleep_ms(static_cast<int64_t>(play_roll(p, 4)));
	test_server_kill(p->nodes[place]);
	p->kills++;
	kill_read(p, p->nodes[place], all, &frames);
	kill_look_up(p, place, all);
	burst_apply(p, *all);
	for (const auto &[who, of] : frames)
		for (const test_frame &frame : of)
			if (!kill_is_answer(frame))
				play_take(p, who.first, who.second, frame);
	for (const auto &[who, of] : frames) {
		client_close(p->clients.at(who));
		p->clients.erase(who);
	}
	conversation_crash(&p->m, [p](size_t account, size_t device) {
		return p->clients.count({account, device}) > 0;
	});
	kill_start_again(p, place);
}
