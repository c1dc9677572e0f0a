/* SPDX-License-Identifier: MIT
 * Several requests under way together, perhaps while a server is killed. Each seq says where its request stands among
 * the others, so the model can be told of them one after the other. */
#include "tests/support/conversation_burst.h"

#include <algorithm>

#include "tests/support/check.h"

/* What becomes an entry, or is refused. A REMOVE_MEMBER of who is no member may change what has no seq. */
static bool burst_takes(const conversation_play *p, const conversation_request &r)
{
	static const std::set<int> kinds = {6, 10, 9, 141, 142, 143, 146, 160, 161};
	const int place = conversation_find(&p->m, r);

	if (!kinds.count(r.msgid))
		return false;
	if (r.msgid == 160 || r.msgid == 161)
		return place >= 0 &&
		       r.seq <= static_cast<int64_t>(p->m.conversations[static_cast<size_t>(place)].entries.size());
	if (r.msgid != 141)
		return true;
	if (place < 0)
		return true;
	const auto &members = p->m.conversations[static_cast<size_t>(place)].members;
	const auto member = members.find(r.account);

	return member != members.end() && member->second.in;
}

static bool burst_is_beside(const conversation_request &one, const conversation_request &other)
{
	const bool both_change = (one.msgid == 160 || one.msgid == 161) && (other.msgid == 160 || other.msgid == 161);

	return (one.actor != other.actor || one.device != other.device) && !both_change &&
	       (one.cid.empty() || one.cid != other.cid);
}

static std::vector<burst_request> burst_choose(conversation_play *p)
{
	std::vector<burst_request> all;

	for (int tries = 0; tries < 40 && all.size() < 6; tries++) {
		conversation_request r = play_choose(p);

		if (!r.cid.empty() && r.bytes.empty())
			r.cid += check_format("-%d", tries);
		if (!burst_takes(p, r) || !std::all_of(all.begin(), all.end(), [&](const burst_request &other) {
			    return burst_is_beside(r, other.r);
		    }))
			continue;
		r.req = p->next_req++;
		if (r.bytes.empty() && !r.text.empty())
			r.text += check_format(" %d", tries);
		conversation_write(&p->m, &r);
		all.emplace_back().r = r;
	}
	return all;
}

void burst_take_answer(burst_request *b, const test_frame &frame)
{
	b->wire_errno = static_cast<int>(json_integer(frame.json.get(), "errno"));
	b->seq = json_integer(frame.json.get(), "seq");
	b->answer = frame.bytes;
	b->r.answered = conversation_clock();
}

/* ---- what was done */

/* An entry that was not there before. */
static bool burst_is_entry(const conversation_play *p, const burst_request &b)
{
	const int place = conversation_find(&p->m, b.r);

	return b.wire_errno == 0 && b.seq > 0 &&
	       (place < 0 ||
	        b.seq > static_cast<int64_t>(p->m.conversations[static_cast<size_t>(place)].entries.size()));
}

/* Whether the answer is right as things are now. */
static bool burst_fits(const conversation_play *p, const burst_request &b)
{
	const conversation_verdict v = conversation_judge(&p->m, b.r);

	if (!v.errnos.count(b.wire_errno))
		return false;
	return b.wire_errno != 0 || (b.seq > 0 ? v.seq == b.seq : !v.adds && !v.seq);
}

static void burst_drop_fitting(conversation_play *p, std::vector<burst_request> *others)
{
	const auto rest = std::remove_if(others->begin(), others->end(),
	                                 [&](const burst_request &b) { return burst_fits(p, b); });
	others->erase(rest, others->end());
}

static bool burst_may_be_done(const conversation_play *p, const burst_request &b)
{
	const conversation_verdict v = conversation_judge(&p->m, b.r);

	return v.errnos.count(0) && (v.adds || v.may_add);
}

/* The entry that may be done next: each conversation has the order of its seqs, but one may have freed the name that
 * another one takes. The first if none may be done. */
static size_t burst_next(const conversation_play *p, const std::vector<burst_request> &entries)
{
	std::set<int> seen;

	for (size_t i = 0; i < entries.size(); i++)
		if (seen.insert(conversation_find(&p->m, entries[i].r)).second && burst_may_be_done(p, entries[i]))
			return i;
	return 0;
}

static void burst_grant(conversation_play *p, const burst_request &b)
{
	std::string wrong = burst_may_be_done(p, b) ? "" : "this may not be done now";

	if (wrong.empty())
		wrong = conversation_grant(&p->m, b.r, b.seq, b.groupid);
	if (!wrong.empty())
		play_fail(p, b.r.actor, b.r.device, b.r.bytes + "\n" + b.answer + "\n" + wrong);
	p->granted++;
	p->grants[b.r.msgid]++;
	if (!b.r.cid.empty())
		p->repeatable.push_back(b.r);
}

void burst_apply(conversation_play *p, const std::vector<burst_request> &all)
{
	std::vector<burst_request> entries, others;

	for (const burst_request &b : all)
		if (b.wire_errno >= 0)
			(burst_is_entry(p, b) ? entries : others).push_back(b);
	std::sort(entries.begin(), entries.end(),
	          [](const burst_request &one, const burst_request &other) { return one.seq < other.seq; });
	burst_drop_fitting(p, &others);
	while (!entries.empty()) {
		const size_t next = burst_next(p, entries);

		burst_grant(p, entries[next]);
		entries.erase(entries.begin() + static_cast<ptrdiff_t>(next));
		burst_drop_fitting(p, &others);
	}
	if (!others.empty())
		play_fail(p, others[0].r.actor, others[0].r.device,
		          others[0].r.bytes + "\n" + others[0].answer + "\nthis answer was never right");
}

void play_burst(conversation_play *p, bool kill)
{
	if (kill)
		play_settle_marks(p);
	std::vector<burst_request> all = burst_choose(p);

	p->steps++;
	p->bursts++;
	p->m.are_together = true;
	p->m.together_from = p->m.stamps;
	for (burst_request &b : all) {
		b.r.sent = conversation_clock();
		play_note(p, check_format("together: device %zu: ", b.r.device) + b.r.bytes);
		test_client *c = p->clients.at({b.r.actor, b.r.device});
		client_send(c, b.r.bytes + c->ending);
	}
	if (kill) {
		burst_kill(p, &all);
	} else {
		for (burst_request &b : all)
			burst_take_answer(&b, client_read_answer(p->clients.at({b.r.actor, b.r.device}), b.r.req));
		burst_apply(p, all);
	}
	play_settle(p);
	p->m.are_together = false;
}
