/* SPDX-License-Identifier: MIT
 * The judge of the mailbox's schedules: it compares what clients see, what is stored and what is answered with the
 * promises of chatserverd-protocol(7). */
#include "mailbox_schedule.h"

#include <algorithm>
#include <cstdlib>

/* Sessions may overlap, so what was received may come again. */
static bool is_troubled(const schedule_run *r)
{
	return r->what.faults || r->what.nodes == TROUBLED_CLUSTER;
}

/* ---- what a client sees */

static log_conversation *conversation_of(schedule_run *r, uint64_t account, mailbox_key key)
{
	const uint64_t of = mailbox_key_other(key);
	const uint64_t id =
		mailbox_key_kind(key) == CS_CONVERSATION_GROUP ? of : memory_log_pair(&r->st.log, account, of);

	return id ? &r->st.log.conversations[id] : nullptr;
}

static bool is_foreign(const log_conversation &c, uint64_t account, mailbox_key key, uint64_t seq)
{
	const uint64_t sender = c.messages[seq - 1].sender;

	return sender != account || key == mailbox_key_of(CS_CONVERSATION_PAIR, account);
}

static void check_address(schedule_run *r, uint64_t account, const stage_frame &frame)
{
	const schedule_message &m = r->messages[frame.n];

	if (m.kind == CS_CONVERSATION_PAIR ? m.to != account : !r->st.log.conversations[m.to].members.count(account))
		schedule_blame(r, "a foreign message", account, frame.n);
	if (m.from == account && !(m.kind == CS_CONVERSATION_PAIR && m.to == account))
		schedule_blame(r, "one's own message", account, frame.n);
}

/* Between two seqs of one login lie only one's own. */
static void check_seq(schedule_run *r, uint64_t account, mailbox_key key, const stage_frame &frame)
{
	schedule_person *p = &r->people[account];
	const log_conversation *c = conversation_of(r, account, key);
	const bool begun = p->last.count(key);
	uint64_t from = begun ? p->last[key] : p->have[key];

	if (begun && frame.seq <= p->last[key])
		schedule_blame(r, "twice or out of order on one login", account, frame.seq);
	if (!begun && frame.seq <= p->have[key] && !p->acknowledges && !is_troubled(r))
		schedule_blame(r, "again although it was received", account, frame.seq);
	if (!c || !frame.seq || frame.seq > c->messages.size() || c->messages[frame.seq - 1].sender != frame.from) {
		schedule_blame(r, "not what is stored", account, frame.seq);
		return;
	}
	if (mailbox_key_kind(key) == CS_CONVERSATION_GROUP)
		from = std::max(from, c->members.at(account));
	for (uint64_t seq = from + 1; seq < frame.seq; seq++)
		if (is_foreign(*c, account, key, seq))
			schedule_blame(r, "a gap", account, seq);
	p->last[key] = frame.seq;
	p->have[key] = std::max(p->have[key], frame.seq);
}

static void check_order(schedule_run *r, uint64_t account, mailbox_key key, const stage_frame &frame)
{
	schedule_person *p = &r->people[account];
	uint64_t *last = &p->order[{key, frame.from}];

	if (!p->numbers.insert(frame.n).second)
		return;
	if (frame.n < *last && !is_troubled(r))
		schedule_blame(r, "order turned round", frame.n, *last);
	*last = std::max(*last, frame.n);
}

void schedule_see(schedule_run *r, const world_conn &c, const std::string &text)
{
	schedule_person *p = &r->people[c.at->account];
	const stage_frame frame = stage_parse(text);
	const schedule_message &m = r->messages[frame.n];
	const mailbox_key key =
		m.kind == CS_CONVERSATION_GROUP ? mailbox_key_of(m.kind, m.to) : mailbox_key_of(m.kind, frame.from);

	if (p->deaf || r->abandoned.count(c.id))
		return;
	if (p->conn != c.id || p->login != c.login)
		p->last.clear();
	p->login = c.login;
	check_address(r, c.at->account, frame);
	check_seq(r, c.at->account, key, frame);
	check_order(r, c.at->account, key, frame);
}

/* ---- at the end */

static void check_received(schedule_run *r, uint64_t account, mailbox_key key, const log_conversation &c,
                           uint64_t after)
{
	for (uint64_t seq = after + 1; seq <= c.messages.size(); seq++)
		if (is_foreign(c, account, key, seq) &&
		    !r->people[account].numbers.count(stage_parse(c.messages[seq - 1].body).n))
			schedule_blame(r, "stored but never received", account, seq);
}

void schedule_check_log(schedule_run *r)
{
	std::set<uint64_t> numbers;

	for (const auto &[id, c] : r->st.log.conversations) {
		for (const log_message &m : c.messages)
			if (!numbers.insert(stage_parse(m.body).n).second)
				schedule_blame(r, "stored twice", id, stage_parse(m.body).n);
		if (c.group) {
			for (const auto &[member, joined_seq] : c.members)
				check_received(r, member, mailbox_key_of(CS_CONVERSATION_GROUP, id), c, joined_seq);
			continue;
		}
		check_received(r, c.low, mailbox_key_of(CS_CONVERSATION_PAIR, c.high), c, 0);
		check_received(r, c.high, mailbox_key_of(CS_CONVERSATION_PAIR, c.low), c, 0);
	}
}

static void check_answer(schedule_run *r, const world_answer &answer)
{
	const uint64_t number = r->requests[answer.req];
	const schedule_message &m = r->messages[number];
	const uint64_t seq = answer.more.empty() ? 0 : strtoull(answer.more.c_str() + 7, nullptr, 10);
	const log_conversation *c;

	if (answer.wire_errno && !r->what.faults)
		schedule_blame(r, "refused", static_cast<uint64_t>(answer.wire_errno), number);
	if (answer.wire_errno)
		return;
	c = conversation_of(r, m.from, mailbox_key_of(m.kind, m.to));
	if (!c || !seq || seq > c->messages.size() || stage_parse(c->messages[seq - 1].body).n != number)
		schedule_blame(r, "acknowledged but not stored there", number, seq);
}

void schedule_check_answers(schedule_run *r)
{
	std::set<int64_t> answered;

	for (const world_answer &answer : r->st.w.answers)
		if (answer.req > 0) {
			if (!answered.insert(answer.req).second)
				schedule_blame(r, "answered twice", static_cast<uint64_t>(answer.req));
			check_answer(r, answer);
		} else if (answer.wire_errno && !r->what.faults) {
			schedule_blame(r, "a right DELIVERED was refused", static_cast<uint64_t>(answer.wire_errno));
		}
	for (const auto &[req, number] : r->requests)
		if (!answered.count(req) && !r->crashed.count(r->asked_on[req]))
			schedule_blame(r, "never answered", static_cast<uint64_t>(req), number);
}
