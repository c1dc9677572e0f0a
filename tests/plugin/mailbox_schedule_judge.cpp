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

/* What the account must get, if it may see the conversation. */
static bool is_foreign(const schedule_run *r, const log_conversation &c, uint64_t account, mailbox_key key,
                       uint64_t seq)
{
	const log_message &m = c.messages[seq - 1];

	if (m.is_event && !r->people[account].event)
		return false;
	return m.sender != account || key == mailbox_key_of(CS_CONVERSATION_PAIR, account);
}

static bool is_within(const log_member &member, uint64_t seq)
{
	return seq > member.joined_seq && (!member.left_seq || seq <= member.left_seq);
}

/* The membership in which the account sees this entry. nullptr: it must not. */
static const log_member *membership_of(const log_conversation &c, uint64_t account, uint64_t seq)
{
	const auto [first, last] = c.past.equal_range(account);
	const auto now = c.members.find(account);

	if (now != c.members.end() && is_within(now->second, seq))
		return &now->second;
	for (auto at = first; at != last; ++at)
		if (is_within(at->second, seq))
			return &at->second;
	return nullptr;
}

static void check_address(schedule_run *r, uint64_t account, const stage_frame &frame)
{
	const schedule_message &m = r->messages[frame.n];
	const schedule_person &p = r->people[account];

	if (m.kind == CS_CONVERSATION_PAIR ? m.to != account && m.from != account
	                                   : !membership_of(r->st.log.conversations[m.to], account, frame.seq))
		schedule_blame(r, "a foreign message", account, frame.n);
	if (m.from == account && !p.echo && !(m.kind == CS_CONVERSATION_PAIR && m.to == account))
		schedule_blame(r, "one's own message", account, frame.n);
	if (m.is_event && !p.event)
		schedule_blame(r, "an event that was not wanted", account, frame.n);
}

/* Between two seqs of one login and one membership lie only those that are not for this session. */
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
		if (const log_member *member = membership_of(*c, account, frame.seq))
			from = std::max(from, member->joined_seq);
	for (uint64_t seq = from + 1; seq < frame.seq; seq++)
		if (is_foreign(r, *c, account, key, seq))
			schedule_blame(r, "a gap", account, seq);
	p->last[key] = frame.seq;
	p->have[key] = std::max(p->have[key], frame.seq);
}

/* A message that was refused once, because its sender was no member then, may be repeated at any time. */
static bool was_refused(const schedule_run *r, uint64_t number)
{
	return std::any_of(r->st.w.answers.begin(), r->st.w.answers.end(), [=](const world_answer &answer) {
		const auto request = r->requests.find(answer.req);

		return answer.wire_errno && request != r->requests.end() && request->second == number;
	});
}

static void check_order(schedule_run *r, uint64_t account, mailbox_key key, const stage_frame &frame)
{
	schedule_person *p = &r->people[account];
	uint64_t *last = &p->order[{key, frame.from}];

	if (!p->numbers.insert(frame.n).second)
		return;
	if (frame.from == account && key != mailbox_key_of(CS_CONVERSATION_PAIR, account))
		return; /* catch-up may bring what the session that sent it was not sent */
	if (frame.n < *last && !is_troubled(r) && !was_refused(r, frame.n))
		schedule_blame(r, "order turned round", frame.n, *last);
	*last = std::max(*last, frame.n);
}

void schedule_see(schedule_run *r, const world_conn &c, const std::string &text)
{
	schedule_person *p = &r->people[c.at->account];
	const stage_frame frame = stage_parse(text);
	const schedule_message &m = r->messages[frame.n];
	const bool own = frame.from == c.at->account;
	const mailbox_key key = mailbox_key_of(m.kind, m.kind == CS_CONVERSATION_GROUP || own ? m.to : frame.from);

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
                           const log_member &member)
{
	for (uint64_t seq = member.joined_seq + 1; seq <= c.messages.size(); seq++)
		if (is_within(member, seq) && is_foreign(r, c, account, key, seq) &&
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
			for (const auto &[account, member] : c.members)
				check_received(r, account, mailbox_key_of(CS_CONVERSATION_GROUP, id), c, member);
			continue;
		}
		check_received(r, c.low, mailbox_key_of(CS_CONVERSATION_PAIR, c.high), c, {0, 0});
		check_received(r, c.high, mailbox_key_of(CS_CONVERSATION_PAIR, c.low), c, {0, 0});
	}
}

static void check_answer(schedule_run *r, const world_answer &answer)
{
	const uint64_t number = r->requests[answer.req];
	const schedule_message &m = r->messages[number];
	const uint64_t seq = answer.more.empty() ? 0 : strtoull(answer.more.c_str() + 7, nullptr, 10);
	const log_conversation *c;

	if (answer.wire_errno == CS_ERRNO_NOT_ALLOWED && m.kind == CS_CONVERSATION_GROUP && !m.is_event)
		return; /* it had left before */
	if (answer.wire_errno && !r->what.faults)
		schedule_blame(r, "refused", static_cast<uint64_t>(answer.wire_errno), number);
	if (answer.wire_errno || (m.is_event && answer.more.empty()))
		return; /* an event whose effect was there already */
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
