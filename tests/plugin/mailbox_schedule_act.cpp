/* SPDX-License-Identifier: MIT
 * The actions in the mailbox's schedules: what people do, how the world moves, what breaks. */
#include "mailbox_schedule.h"

#include <iterator>

/* ---- what people do */

void schedule_come(schedule_run *r, uint64_t account)
{
	schedule_person *p = &r->people[account];
	const auto worker = static_cast<unsigned>(schedule_draw(r, r->st.w.workers.size()));

	if (p->conn || world_node_of(&r->st.w, worker)->crashed)
		return;
	p->conn = world_connect(&r->st.w, worker);
	p->deaf = false;
	p->last.clear();
	world_conn_of(&r->st.w, p->conn)->want =
		stage_want(&r->st, (std::string(p->event ? "event " : "") + (p->echo ? "echo" : "")).c_str());
	world_login(&r->st.w, p->conn, account, p->acknowledges);
}

void schedule_go(schedule_run *r, uint64_t account)
{
	schedule_person *p = &r->people[account];

	if (p->conn)
		world_kill(&r->st.w, p->conn);
	p->conn = 0;
}

/* The client is gone, and its node does not notice. One that does not acknowledge would lose what it was sent. */
static void abandon(schedule_run *r, uint64_t account)
{
	schedule_person *p = &r->people[account];

	if (!p->acknowledges)
		return;
	r->abandoned.insert(p->conn);
	p->conn = 0;
}

bool schedule_is_in(schedule_run *r, uint64_t account)
{
	const schedule_person *p = &r->people[account];

	return p->conn && world_conn_of(&r->st.w, p->conn)->phase == WORLD_IN;
}

static void log_out_and_in(schedule_run *r, uint64_t account)
{
	schedule_person *p = &r->people[account];
	const world_conn *c = world_conn_of(&r->st.w, p->conn);

	if (!schedule_is_in(r, account) || c->at->pending || !c->inbox.empty() || world_unsent(c))
		return;
	world_logout(&r->st.w, p->conn);
	world_step_request(&r->st.w, p->conn);
	world_login(&r->st.w, p->conn, account, p->acknowledges);
}

static void hand_in(schedule_run *r, uint64_t account, uint64_t number)
{
	const schedule_message &m = r->messages[number];

	if (m.is_event)
		(void)stage_event_as(&r->st, r->people[account].conn, m.what, m.whom, m.kind, m.to, number);
	else
		world_send(&r->st.w, r->people[account].conn, m.kind, m.to,
		           stage_body(account, number, schedule_draw(r, 60)),
		           m.cid.empty() ? std::nullopt : std::optional<std::string>(m.cid), ++r->st.last_req);
	r->requests[r->st.last_req] = number;
	r->asked_on[r->st.last_req] = r->people[account].conn;
	world_step_request(&r->st.w, r->people[account].conn);
}

static bool can_talk(schedule_run *r, uint64_t account)
{
	const world_conn *c = world_conn_of(&r->st.w, r->people[account].conn);

	return schedule_is_in(r, account) && !c->at->pending && c->inbox.empty();
}

static void talk(schedule_run *r, uint64_t account)
{
	const uint64_t number = r->last_number + 1;
	schedule_message m = {account, CS_CONVERSATION_PAIR, 1 + schedule_draw(r, people_count), "", false, STAGE_NOTE,
	                      0};

	if (!can_talk(r, account))
		return;
	if (schedule_draw(r, 3) == 0) {
		m.kind = CS_CONVERSATION_GROUP;
		m.to = r->groups[schedule_draw(r, r->groups.size())];
		if (!memory_log_is_member(&r->st.log, m.to, account))
			return;
	}
	if (schedule_draw(r, 2))
		m.cid = "c" + std::to_string(number);
	r->messages[++r->last_number] = m;
	hand_in(r, account, number);
}

static void repeat(schedule_run *r, uint64_t account)
{
	std::vector<uint64_t> candidates;

	for (const auto &[number, m] : r->messages)
		if (m.from == account && !m.cid.empty())
			candidates.push_back(number);
	if (can_talk(r, account) && !candidates.empty())
		hand_in(r, account, candidates[schedule_draw(r, candidates.size())]);
}

static void confirm(schedule_run *r, uint64_t account)
{
	const schedule_person *p = &r->people[account];

	if (!p->acknowledges || p->have.empty() || !can_talk(r, account))
		return;
	auto at = p->have.begin();
	std::advance(at, static_cast<ptrdiff_t>(schedule_draw(r, p->have.size())));
	if (at->second)
		world_delivered(&r->st.w, p->conn, mailbox_key_kind(at->first), mailbox_key_other(at->first),
		                at->second, -1);
}

static void say_event(schedule_run *r, const schedule_message &m)
{
	if (!can_talk(r, m.from))
		return;
	r->messages[++r->last_number] = m;
	hand_in(r, m.from, r->last_number);
}

/* Joins, leaves, is removed by somebody, or something else happens to a group or a pair. */
static void change(schedule_run *r, uint64_t account)
{
	const uint64_t group = r->groups[schedule_draw(r, r->groups.size())];
	schedule_message m = {account, CS_CONVERSATION_GROUP, group, "", true, STAGE_NOTE, account};
	const bool is_in = memory_log_is_member(&r->st.log, group, account);

	switch (schedule_draw(r, 4)) {
	case 0: m.what = is_in ? STAGE_LEAVE : STAGE_JOIN; break;
	case 1:
		if (!is_in)
			return;
		m.what = STAGE_LEAVE;
		m.whom = 1 + schedule_draw(r, people_count);
		break;
	case 2:
		if (!is_in)
			m.what = STAGE_JOIN;
		break;
	default:
		m.kind = CS_CONVERSATION_PAIR;
		m.to = 1 + schedule_draw(r, people_count);
		if (!memory_log_pair(&r->st.log, account, m.to))
			return;
	}
	say_event(r, m);
}

void schedule_break_something(schedule_run *r)
{
	static const int failures[] = {CS_ENOSTORE, CS_EUNKNOWN, CS_DB_FAILED, FAKE_UNHEARD};
	const int failure = failures[schedule_draw(r, 4)];

	switch (schedule_draw(r, 3)) {
	case 0: stage_fail(&r->st, FAKE_BATCH, {failure}); break;
	case 1: stage_fail(&r->st, FAKE_READ, {failure == FAKE_UNHEARD ? 0 : failure}); break;
	default: r->st.w.host->losses += r->what.sweep; break;
	}
}

static cs_conn conn_on(schedule_run *r, unsigned node, uint64_t nth)
{
	std::vector<cs_conn> there;

	for (const auto &[id, c] : r->st.w.conns)
		if (c.at->open && world_node_of(&r->st.w, c.at->worker)->index == node)
			there.push_back(id);
	return there.empty() ? 0 : there[nth % there.size()];
}

static void crash(schedule_run *r, unsigned node)
{
	for (const auto &[id, c] : r->st.w.conns)
		if (c.at->open && world_node_of(&r->st.w, c.at->worker)->index == node)
			r->crashed.insert(id);
	for (const auto &[req, conn] : r->asked_on)
		if (world_node_of(&r->st.w, world_conn_of(&r->st.w, conn)->at->worker)->index == node)
			r->crashed.insert(conn);
	world_crash(&r->st.w, node);
	if (schedule_draw(r, 2))
		world_bus_bury(&r->st.w, node);
	else
		r->unburied.push_back(node);
}

/* Whatever somebody may have lost by it is told before the next one. */
void schedule_bury(schedule_run *r)
{
	for (const unsigned node : r->unburied)
		world_bus_bury(&r->st.w, node);
	r->unburied.clear();
}

void schedule_trouble(schedule_run *r)
{
	world *w = &r->st.w;
	const auto node = static_cast<unsigned>(schedule_draw(r, node_count));
	const cs_conn conn = conn_on(r, node, schedule_draw(r, 4));

	switch (schedule_draw(r, 10)) {
	case 0:
	case 1: world_bus_lose(w, node); break;
	case 2:
	case 3:
	case 4: world_bus_find(w, node); break;
	case 5:
		if (schedule_draw(r, 3) == 0)
			world_bus_restart(w);
		break;
	case 6: world_bus_lapse(w, node); break;
	case 7:
		if (w->nodes[node].lapsed)
			world_bus_lose(w, node);
		break;
	case 8:
		if (schedule_draw(r, 3) == 0)
			crash(r, node);
		else
			world_restart(w, node);
		break;
	default:
		schedule_bury(r);
		if (conn && r->abandoned.count(conn))
			world_kill(w, conn);
	}
}

void schedule_person_acts(schedule_run *r)
{
	const uint64_t account = 1 + schedule_draw(r, people_count), what = schedule_draw(r, 80);
	schedule_person *p = &r->people[account];

	if (p->conn &&
	    (!world_conn_of(&r->st.w, p->conn)->at->open || world_conn_of(&r->st.w, p->conn)->phase == WORLD_REFUSED))
		schedule_go(r, account);
	if (!p->conn)
		schedule_come(r, account);
	else if (what < (r->what.nodes ? 3 : 1))
		schedule_go(r, account);
	else if (what == 7 && r->what.nodes == TROUBLED_CLUSTER)
		abandon(r, account);
	else if (what == 1)
		log_out_and_in(r, account);
	else if (what < 5)
		world_conn_of(&r->st.w, p->conn)->stuck ^= true;
	else if (what == 5)
		p->deaf |= p->acknowledges && schedule_draw(r, 3) == 0;
	else if (what == 6 || what == 8 || what == 9)
		change(r, account);
	else if (what < 15)
		repeat(r, account);
	else if (what < 30)
		confirm(r, account);
	else
		talk(r, account);
}

static bool world_acts(schedule_run *r)
{
	world *w = &r->st.w;
	fake_host *host = w->host.get();
	const cs_conn conn = r->people[1 + schedule_draw(r, people_count)].conn;
	const auto nodes = static_cast<unsigned>(w->nodes.size());
	const auto node = static_cast<unsigned>(nodes > 1 ? schedule_draw(r, nodes) : 0);

	switch (schedule_draw(r, nodes > 1 ? 22 : 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5: return fake_host_step_call(host, static_cast<unsigned>(schedule_draw(r, w->workers.size())));
	case 6: return fake_host_step_work(host, schedule_draw(r, 3));
	case 7: return fake_host_step_result(host, node);
	case 8: return fake_host_step_batch(host, 1 + schedule_draw(r, 5), node);
	case 9: return fake_host_step_commit(host, node);
	case 10:
	case 11: return conn && world_step_request(w, conn);
	case 12:
	case 13:
	case 14: return conn && world_step_take(w, conn, 1 + schedule_draw(r, 600));
	case 15: return fake_host_step_timer(host, fake_clock + static_cast<int64_t>(schedule_draw(r, 200)));
	case 16:
	case 17: return world_step_bus_ask(w, node);
	case 18: return world_step_bus_claim(w, node);
	default: return world_step_bus_arrive(w, node, static_cast<unsigned>(schedule_draw(r, nodes)));
	}
}

void schedule_world_moves(schedule_run *r)
{
	for (int i = 0; i < 8; i++)
		if (world_acts(r))
			return;
}
