/* SPDX-License-Identifier: MIT
 * Owns the schedule checker of the mailbox: thousands of random interleavings of sends, logins, ends, slow
 * outputs and store steps, each judged by the promises of PROTOCOL 4 to 6. It must not know how the mailbox
 * keeps them.
 *
 * CS_TEST_SEEDS=N runs N seeds of each kind, CS_TEST_SEED=S only that one. */
#include "mailbox_stage.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include <chatserverd/msgid.h>

constexpr uint64_t PEOPLE = 4;
constexpr int STEPS = 800;
constexpr unsigned NODES = 3;

enum cluster {
	ONE_NODE,          /* of three workers */
	QUIET_CLUSTER,     /* three nodes, whose hints overtake each other */
	TROUBLED_CLUSTER   /* buses go away, leases lapse, Redis restarts, nodes die */
};

/* What a run may do to the mailbox. */
struct kind {
	mailbox_durability durability;
	bool sweep;
	bool faults;       /* the store fails, hints get lost (with the sweep on) */
	cluster nodes = ONE_NODE;
};

struct sent {
	uint64_t from;
	cs_conversation_kind kind;
	uint64_t to;
	std::string cid;   /* "": none */
};

/* A client and what it remembers over all its connections. */
struct person {
	cs_conn conn = 0;
	bool acknowledges = false;
	bool deaf = false;                           /* what comes now is lost in the network */
	unsigned login = 0;                          /* of conn, when `last` was begun */
	std::map<mailbox_key, uint64_t> last;        /* highest seq by conversation, on this login */
	std::map<mailbox_key, uint64_t> have;        /* ... ever */
	std::set<uint64_t> numbers;                  /* of messages that it saw */
	std::map<std::pair<mailbox_key, uint64_t>, uint64_t> order;   /* last number by conversation and sender */
};

struct run {
	stage st;
	kind what;
	uint64_t seed, random;
	person people[PEOPLE + 1];
	std::vector<uint64_t> groups;
	std::map<uint64_t, sent> messages;           /* by number */
	std::map<int64_t, uint64_t> requests;        /* req -> number */
	std::map<int64_t, cs_conn> asked_on;
	std::set<cs_conn> abandoned;                 /* connections that nobody is behind any more */
	std::vector<unsigned> unburied;              /* dead nodes whose death nobody was told */
	std::set<cs_conn> crashed;                   /* those of nodes that died */
	uint64_t last_number = 0;
	std::string problem;
};

static uint64_t draw(run *r, uint64_t below)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return (r->random >> 11) % below;
}

static void blame(run *r, const char *what, uint64_t a = 0, uint64_t b = 0)
{
	char text[160];

	snprintf(text, sizeof(text), "%s (%llu, %llu)", what, (unsigned long long)a, (unsigned long long)b);
	if (r->problem.empty())
		r->problem = text;
}

/* Sessions may overlap, so what was received may come again. */
static bool is_troubled(const run *r)
{
	return r->what.faults || r->what.nodes == TROUBLED_CLUSTER;
}

/* ---- what a client sees */

static log_conversation *conversation_of(run *r, uint64_t account, mailbox_key key)
{
	const uint64_t of = mailbox_key_other(key);
	const uint64_t id = mailbox_key_kind(key) == CS_CONVERSATION_GROUP ? of
	                                                                   : memory_log_pair(&r->st.log, account, of);

	return id ? &r->st.log.conversations[id] : nullptr;
}

static bool is_foreign(const log_conversation &c, uint64_t account, mailbox_key key, uint64_t seq)
{
	const uint64_t sender = c.messages[seq - 1].sender;

	return sender != account || key == mailbox_key_of(CS_CONVERSATION_PAIR, account);
}

static void check_address(run *r, uint64_t account, const stage_frame &frame)
{
	const sent &m = r->messages[frame.n];

	if (m.kind == CS_CONVERSATION_PAIR ? m.to != account
	                                   : !r->st.log.conversations[m.to].members.count(account))
		blame(r, "a foreign message", account, frame.n);
	if (m.from == account && !(m.kind == CS_CONVERSATION_PAIR && m.to == account))
		blame(r, "one's own message", account, frame.n);
}

/* Between two seqs of one login lie only one's own. */
static void check_seq(run *r, uint64_t account, mailbox_key key, const stage_frame &frame)
{
	person *p = &r->people[account];
	const log_conversation *c = conversation_of(r, account, key);
	const bool begun = p->last.count(key);
	uint64_t from = begun ? p->last[key] : p->have[key];

	if (begun && frame.seq <= p->last[key])
		blame(r, "twice or out of order on one login", account, frame.seq);
	if (!begun && frame.seq <= p->have[key] && !p->acknowledges && !is_troubled(r))
		blame(r, "again although it was received", account, frame.seq);
	if (!c || frame.seq > c->messages.size() || c->messages[frame.seq - 1].sender != frame.from) {
		blame(r, "not what is stored", account, frame.seq);
		return;
	}
	if (mailbox_key_kind(key) == CS_CONVERSATION_GROUP)
		from = std::max(from, c->members.at(account));
	for (uint64_t seq = from + 1; seq < frame.seq; seq++)
		if (is_foreign(*c, account, key, seq))
			blame(r, "a gap", account, seq);
	p->last[key] = frame.seq;
	p->have[key] = std::max(p->have[key], frame.seq);
}

static void check_order(run *r, uint64_t account, mailbox_key key, const stage_frame &frame)
{
	person *p = &r->people[account];
	uint64_t *last = &p->order[{key, frame.from}];

	if (!p->numbers.insert(frame.n).second)
		return;
	if (frame.n < *last && !is_troubled(r))
		blame(r, "order turned round", frame.n, *last);
	*last = std::max(*last, frame.n);
}

static void see(run *r, const world_conn &c, const std::string &text)
{
	person *p = &r->people[c.account];
	const stage_frame frame = stage_parse(text);
	const sent &m = r->messages[frame.n];
	const mailbox_key key = m.kind == CS_CONVERSATION_GROUP ? mailbox_key_of(m.kind, m.to)
	                                                        : mailbox_key_of(m.kind, frame.from);

	if (p->deaf || r->abandoned.count(c.id))
		return;
	if (p->conn != c.id || p->login != c.login)
		p->last.clear();
	p->login = c.login;
	check_address(r, c.account, frame);
	if (frame.seq)
		check_seq(r, c.account, key, frame);
	else if (p->numbers.count(frame.n))
		blame(r, "relayed after it was delivered", c.account, frame.n);
	check_order(r, c.account, key, frame);
}

/* ---- what people do */

static void come(run *r, uint64_t account)
{
	person *p = &r->people[account];
	const auto worker = static_cast<unsigned>(draw(r, r->st.w.workers.size()));

	if (p->conn || r->st.w.workers[worker]->node->crashed)
		return;
	p->conn = world_connect(&r->st.w, worker);
	p->deaf = false;
	p->last.clear();
	world_login(&r->st.w, p->conn, account, p->acknowledges);
}

static void go(run *r, uint64_t account)
{
	person *p = &r->people[account];

	if (p->conn)
		world_kill(&r->st.w, p->conn);
	p->conn = 0;
}

/* The client is gone, and its node does not notice. One that does not acknowledge would lose what it was sent. */
static void abandon(run *r, uint64_t account)
{
	person *p = &r->people[account];

	if (!p->acknowledges)
		return;
	r->abandoned.insert(p->conn);
	p->conn = 0;
}

static bool is_in(run *r, uint64_t account)
{
	const person *p = &r->people[account];

	return p->conn && world_conn_of(&r->st.w, p->conn)->phase == WORLD_IN;
}

static void log_out_and_in(run *r, uint64_t account)
{
	person *p = &r->people[account];
	const world_conn *c = world_conn_of(&r->st.w, p->conn);

	if (!is_in(r, account) || c->pending || !c->inbox.empty() || world_unsent(c))
		return;
	world_logout(&r->st.w, p->conn);
	world_step_request(&r->st.w, p->conn);
	world_login(&r->st.w, p->conn, account, p->acknowledges);
}

static void hand_in(run *r, uint64_t account, uint64_t number)
{
	const sent &m = r->messages[number];

	world_send(&r->st.w, r->people[account].conn, m.kind, m.to, stage_body(account, number, draw(r, 60)),
	           m.cid.empty() ? std::nullopt : std::optional<std::string>(m.cid), ++r->st.last_req);
	r->requests[r->st.last_req] = number;
	r->asked_on[r->st.last_req] = r->people[account].conn;
	world_step_request(&r->st.w, r->people[account].conn);
}

static bool can_talk(run *r, uint64_t account)
{
	const world_conn *c = world_conn_of(&r->st.w, r->people[account].conn);

	return is_in(r, account) && !c->pending && c->inbox.empty();
}

static void talk(run *r, uint64_t account)
{
	const uint64_t number = r->last_number + 1;
	sent m = {account, CS_CONVERSATION_PAIR, 1 + draw(r, PEOPLE), ""};

	if (!can_talk(r, account))
		return;
	if (draw(r, 3) == 0) {
		m.kind = CS_CONVERSATION_GROUP;
		m.to = r->groups[draw(r, r->groups.size())];
		if (!r->st.log.conversations[m.to].members.count(account))
			return;
	}
	if (draw(r, 2))
		m.cid = "c" + std::to_string(number);
	r->messages[++r->last_number] = m;
	hand_in(r, account, number);
}

static void repeat(run *r, uint64_t account)
{
	std::vector<uint64_t> candidates;

	for (const auto &[number, m] : r->messages)
		if (m.from == account && !m.cid.empty())
			candidates.push_back(number);
	if (can_talk(r, account) && !candidates.empty())
		hand_in(r, account, candidates[draw(r, candidates.size())]);
}

static void confirm(run *r, uint64_t account)
{
	const person *p = &r->people[account];

	if (!p->acknowledges || p->have.empty() || !can_talk(r, account))
		return;
	auto at = p->have.begin();
	std::advance(at, static_cast<ptrdiff_t>(draw(r, p->have.size())));
	if (at->second)
		world_delivered(&r->st.w, p->conn, mailbox_key_kind(at->first), mailbox_key_other(at->first),
		                at->second, -1);
}

static void join(run *r, uint64_t account)
{
	const uint64_t group = r->groups[draw(r, r->groups.size())];

	if (!can_talk(r, account) || r->st.log.conversations[group].members.count(account))
		return;
	world_joined(&r->st.w, r->people[account].conn, group, memory_log_join(&r->st.log, group, account));
}

static void break_something(run *r)
{
	static const int failures[] = {CS_ENOSTORE, CS_EUNKNOWN, CS_DB_FAILED, 1};
	const int failure = failures[draw(r, 4)];

	switch (draw(r, 3)) {
	case 0: r->st.w.write_results.push_back(failure); break;
	case 1: r->st.w.read_results.push_back(failure == 1 ? 0 : failure); break;
	default: r->st.w.routed_drops += r->what.sweep; break;
	}
}

static cs_conn conn_on(run *r, unsigned node, uint64_t nth)
{
	std::vector<cs_conn> there;

	for (const auto &[id, c] : r->st.w.conns)
		if (!c.ended && r->st.w.workers[c.worker]->node->index == node)
			there.push_back(id);
	return there.empty() ? 0 : there[nth % there.size()];
}

static void crash(run *r, unsigned node)
{
	for (const auto &[id, c] : r->st.w.conns)
		if (!c.ended && r->st.w.workers[c.worker]->node->index == node)
			r->crashed.insert(id);
	for (const auto &[req, conn] : r->asked_on)
		if (r->st.w.workers[world_conn_of(&r->st.w, conn)->worker]->node->index == node)
			r->crashed.insert(conn);
	world_crash(&r->st.w, node);
	if (draw(r, 2))
		world_bus_bury(&r->st.w, node);
	else
		r->unburied.push_back(node);
}

/* Whatever somebody may have lost by it is told before the next one. */
static void bury(run *r)
{
	for (const unsigned node : r->unburied)
		world_bus_bury(&r->st.w, node);
	r->unburied.clear();
}

static void trouble(run *r)
{
	world *w = &r->st.w;
	const auto node = static_cast<unsigned>(draw(r, NODES));
	const cs_conn conn = conn_on(r, node, draw(r, 4));

	switch (draw(r, 10)) {
	case 0: case 1: world_bus_lose(w, node); break;
	case 2: case 3: case 4: world_bus_find(w, node); break;
	case 5: if (draw(r, 3) == 0) world_bus_restart(w); break;
	case 6: world_bus_lapse(w, node); break;
	case 7: if (w->nodes[node]->lapsed) world_bus_lose(w, node); break;
	case 8:
		if (draw(r, 3) == 0)
			crash(r, node);
		else
			world_restart(w, node);
		break;
	default:
		bury(r);
		if (conn && r->abandoned.count(conn))
			world_kill(w, conn);
	}
}

static void person_acts(run *r)
{
	const uint64_t account = 1 + draw(r, PEOPLE), what = draw(r, 80);
	person *p = &r->people[account];

	if (p->conn && (world_conn_of(&r->st.w, p->conn)->ended ||
	                world_conn_of(&r->st.w, p->conn)->phase == WORLD_REFUSED))
		go(r, account);
	if (!p->conn)
		come(r, account);
	else if (what < (r->what.nodes ? 3 : 1))
		go(r, account);
	else if (what == 7 && r->what.nodes == TROUBLED_CLUSTER)
		abandon(r, account);
	else if (what == 1)
		log_out_and_in(r, account);
	else if (what < 5)
		world_conn_of(&r->st.w, p->conn)->stuck ^= true;
	else if (what == 5)
		p->deaf |= p->acknowledges && draw(r, 3) == 0;
	else if (what == 6)
		join(r, account);
	else if (what < 15)
		repeat(r, account);
	else if (what < 30)
		confirm(r, account);
	else
		talk(r, account);
}

static bool world_acts(run *r)
{
	world *w = &r->st.w;
	const cs_conn conn = r->people[1 + draw(r, PEOPLE)].conn;
	const auto nodes = static_cast<unsigned>(w->nodes.size());
	const auto node = static_cast<unsigned>(nodes > 1 ? draw(r, nodes) : 0);

	switch (draw(r, nodes > 1 ? 22 : 16)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		return world_step_post(w, static_cast<unsigned>(draw(r, w->workers.size())));
	case 6: return world_step_read(w, draw(r, 3));
	case 7: return world_step_read_result(w, node);
	case 8: return world_step_write(w, 1 + draw(r, 5), node);
	case 9: return world_step_commit(w, node);
	case 10: case 11: return conn && world_step_request(w, conn);
	case 12: case 13: case 14: return conn && world_step_take(w, conn, 1 + draw(r, 600));
	case 15: return world_step_timer(w, w->clock + static_cast<int64_t>(draw(r, 200)));
	case 16: case 17: return world_step_bus_ask(w, node);
	case 18: return world_step_bus_claim(w, node);
	default: return world_step_bus_arrive(w, node, static_cast<unsigned>(draw(r, nodes)));
	}
}

static void world_moves(run *r)
{
	for (int i = 0; i < 8; i++)
		if (world_acts(r))
			return;
}

/* ---- a run */

static void begin(run *r)
{
	r->st.conf = {r->what.durability, r->what.sweep ? 800 : 0, r->what.sweep ? 200 : 0, 50};
	if (r->what.nodes)
		stage_open_nodes(&r->st, NODES, 2);
	else
		stage_open_as(&r->st, 3);
	r->st.w.kick = r->what.nodes && draw(r, 3) == 0;
	r->st.log.accounts = PEOPLE;
	r->st.w.soft_mark = 600;
	r->st.w.unknown_outcomes = r->what.faults;
	r->st.w.on_frame = [r](world_conn &c, const std::string &frame) { see(r, c, frame); };
	r->groups = {memory_log_add_group(&r->st.log, {1, 2, 3}), memory_log_add_group(&r->st.log, {2, 4})};
	for (uint64_t account = 1; account <= PEOPLE; account++)
		r->people[account].acknowledges = draw(r, 3) == 0;
}

static void heal_cluster(run *r)
{
	world *w = &r->st.w;

	for (unsigned node = 0; node < w->nodes.size(); node++) {
		if (w->nodes[node]->lapsed)
			world_bus_lose(w, node);
		world_restart(w, node);
		world_bus_find(w, node);
	}
	bury(r);
	for (const cs_conn conn : r->abandoned)
		world_kill(w, conn);
	world_settle(w);
}

/* Everybody comes back, nothing fails any more, and time passes. */
static void heal(run *r)
{
	world *w = &r->st.w;

	if (r->what.nodes)
		heal_cluster(r);
	w->write_results.clear();
	w->read_results.clear();
	w->routed_drops = 0;
	for (uint64_t account = 1; account <= PEOPLE; account++) {
		person *p = &r->people[account];

		if (p->conn && (p->deaf || draw(r, 2) || !is_in(r, account)))
			go(r, account);
		if (p->conn)
			world_conn_of(w, p->conn)->stuck = false;
		come(r, account);
	}
	world_settle(w);
	world_advance(w, 4000);
	for (uint64_t account = 1; account <= PEOPLE; account++)
		if (!is_in(r, account))
			blame(r, "the login did not end", account);
}

static void check_received(run *r, uint64_t account, mailbox_key key, const log_conversation &c, uint64_t after)
{
	for (uint64_t seq = after + 1; seq <= c.messages.size(); seq++)
		if (is_foreign(c, account, key, seq) &&
		    !r->people[account].numbers.count(stage_parse(c.messages[seq - 1].body).n))
			blame(r, "stored but never received", account, seq);
}

static void check_log(run *r)
{
	std::set<uint64_t> numbers;

	for (const auto &[id, c] : r->st.log.conversations) {
		for (const log_message &m : c.messages)
			if (!numbers.insert(stage_parse(m.body).n).second)
				blame(r, "stored twice", id, stage_parse(m.body).n);
		if (c.group) {
			for (const auto &[member, joined_seq] : c.members)
				check_received(r, member, mailbox_key_of(CS_CONVERSATION_GROUP, id), c, joined_seq);
			continue;
		}
		check_received(r, c.low, mailbox_key_of(CS_CONVERSATION_PAIR, c.high), c, 0);
		check_received(r, c.high, mailbox_key_of(CS_CONVERSATION_PAIR, c.low), c, 0);
	}
}

static void check_answer(run *r, const world_answer &answer)
{
	const uint64_t number = r->requests[answer.req];
	const sent &m = r->messages[number];
	const uint64_t seq = answer.text.empty() ? 0 : strtoull(answer.text.c_str() + 7, nullptr, 10);
	const log_conversation *c;

	if (answer.wire_errno && !r->what.faults)
		blame(r, "refused", static_cast<uint64_t>(answer.wire_errno), number);
	if (answer.wire_errno)
		return;
	if (!seq) {
		if (!r->people[m.to].numbers.count(number))
			blame(r, "relayed but never received", m.to, number);
		return;
	}
	c = conversation_of(r, m.from, mailbox_key_of(m.kind, m.to));
	if (!c || seq > c->messages.size() || stage_parse(c->messages[seq - 1].body).n != number)
		blame(r, "acknowledged but not stored there", number, seq);
}

static void check_answers(run *r)
{
	std::set<int64_t> answered;

	for (const world_answer &answer : r->st.w.answers)
		if (answer.req > 0) {
			if (!answered.insert(answer.req).second)
				blame(r, "answered twice", static_cast<uint64_t>(answer.req));
			check_answer(r, answer);
		} else if (answer.wire_errno && !r->what.faults) {
			blame(r, "a right DELIVERED was refused", static_cast<uint64_t>(answer.wire_errno));
		}
	for (const auto &[req, number] : r->requests)
		if (!answered.count(req) && !r->crashed.count(r->asked_on[req]))
			blame(r, "never answered", static_cast<uint64_t>(req), number);
}

static std::string run_seed(const kind &what, uint64_t seed, size_t *stored, size_t *reads)
{
	run r;

	r.what = what;
	r.seed = seed;
	r.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	begin(&r);
	for (int step = 0; step < (what.nodes ? 2 * STEPS : STEPS) && r.problem.empty(); step++) {
		if (draw(&r, 5) == 0)
			person_acts(&r);
		else
			world_moves(&r);
		if (what.faults && draw(&r, 25) == 0)
			break_something(&r);
		if (what.nodes == TROUBLED_CLUSTER && draw(&r, 40) == 0)
			trouble(&r);
	}
	if (r.problem.empty()) {
		heal(&r);
		check_log(&r);
		check_answers(&r);
	}
	*reads += r.st.w.reads;
	*stored += r.last_number;
	stage_close(&r.st);
	return r.problem;
}

static void run_all(const kind &what)
{
	const char *one = getenv("CS_TEST_SEED"), *many = getenv("CS_TEST_SEEDS");
	const uint64_t first = one ? strtoull(one, nullptr, 10) : 1;
	const uint64_t last = one ? first : many ? strtoull(many, nullptr, 10) : 200;
	unsigned failures = 0;
	size_t stored = 0, reads = 0;

	for (uint64_t seed = first; seed <= last; seed++) {
		const std::string problem = run_seed(what, seed, &stored, &reads);

		if (!problem.empty() && ++failures <= 5)
			print_error("seed %llu: %s\n", (unsigned long long)seed, problem.c_str());
	}
	print_message("%zu messages, %zu reads\n", stored, reads);
	if (failures)
		print_error("%u of %llu seeds failed\n", failures, (unsigned long long)(last - first + 1));
	assert_int_equal(failures, 0);
}

static void committed_messages_keep_the_promises_without_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, false, false});
}

static void committed_messages_keep_the_promises_with_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, true, false});
}

static void committed_messages_survive_a_failing_store_and_lost_hints(void **)
{
	run_all({MAILBOX_COMMIT, true, true});
}

static void committed_messages_survive_a_failing_store_without_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, false, true});
}

static void relayed_messages_keep_the_promises_without_the_sweep(void **)
{
	run_all({MAILBOX_RELAY, false, false});
}

static void relayed_messages_survive_a_failing_store_and_lost_hints(void **)
{
	run_all({MAILBOX_RELAY, true, true});
}

static void hints_that_overtake_each_other_keep_the_promises_without_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, false, false, QUIET_CLUSTER});
}

static void relays_between_nodes_keep_the_promises_without_the_sweep(void **)
{
	run_all({MAILBOX_RELAY, false, false, QUIET_CLUSTER});
}

static void committed_messages_survive_a_troubled_cluster_without_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, false, false, TROUBLED_CLUSTER});
}

static void committed_messages_survive_a_troubled_cluster_with_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, true, false, TROUBLED_CLUSTER});
}

static void committed_messages_survive_a_troubled_cluster_and_a_failing_store_without_the_sweep(void **)
{
	run_all({MAILBOX_COMMIT, false, true, TROUBLED_CLUSTER});
}

static void relayed_messages_survive_a_troubled_cluster_without_the_sweep(void **)
{
	run_all({MAILBOX_RELAY, false, false, TROUBLED_CLUSTER});
}

static void relayed_messages_survive_a_troubled_cluster_and_a_failing_store(void **)
{
	run_all({MAILBOX_RELAY, true, true, TROUBLED_CLUSTER});
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(committed_messages_keep_the_promises_without_the_sweep),
		cmocka_unit_test(committed_messages_keep_the_promises_with_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_failing_store_and_lost_hints),
		cmocka_unit_test(committed_messages_survive_a_failing_store_without_the_sweep),
		cmocka_unit_test(relayed_messages_keep_the_promises_without_the_sweep),
		cmocka_unit_test(relayed_messages_survive_a_failing_store_and_lost_hints),
		cmocka_unit_test(hints_that_overtake_each_other_keep_the_promises_without_the_sweep),
		cmocka_unit_test(relays_between_nodes_keep_the_promises_without_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_troubled_cluster_without_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_troubled_cluster_with_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_troubled_cluster_and_a_failing_store_without_the_sweep),
		cmocka_unit_test(relayed_messages_survive_a_troubled_cluster_without_the_sweep),
		cmocka_unit_test(relayed_messages_survive_a_troubled_cluster_and_a_failing_store),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
