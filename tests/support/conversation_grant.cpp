/* SPDX-License-Identifier: MIT
 * What a granted request changes in the model. */
#include <algorithm>

#include "tests/support/check.h"
#include "tests/support/conversation_model.h"

static size_t grant_open_pair(conversation_model *m, size_t one, size_t other)
{
	const int place = conversation_find_pair(m, one, other);

	if (place >= 0)
		return static_cast<size_t>(place);
	conversation &c = m->conversations.emplace_back();

	c.low = std::min(one, other);
	c.high = std::max(one, other);
	return m->conversations.size() - 1;
}

static size_t grant_open_group(conversation_model *m, const conversation_request &r, int64_t group)
{
	conversation &c = m->conversations.emplace_back();

	c.is_group = true;
	c.group = group;
	c.name = r.text;
	c.description = "of " + r.text;
	c.members[r.actor] = {true, false, 2};
	c.members[r.actor].changed = r.answered;
	return m->conversations.size() - 1;
}

static conversation_entry *grant_add(conversation_model *m, conversation *c, const conversation_request &r)
{
	conversation_entry &entry = c->entries.emplace_back();

	entry.seq = static_cast<int64_t>(c->entries.size());
	entry.actor = r.actor;
	entry.session = m->accounts[r.actor].devices[r.device].session.number;
	entry.msgid = r.msgid;
	entry.bytes = r.bytes;
	entry.text = r.text;
	entry.cid = r.cid;
	entry.gives_name = r.gives_name;
	entry.group = r.msgid == 8 ? c->group : 0;
	entry.is_message = r.msgid == 6 || r.msgid == 10;
	entry.stamp = ++m->stamps;
	entry.sent = r.sent;
	entry.answered = r.answered;
	return &entry;
}

static void grant_change_message(conversation *c, const conversation_request &r)
{
	conversation_entry *of = &c->entries[static_cast<size_t>(r.seq - 1)];

	if (of->last_edit)
		c->entries[static_cast<size_t>(of->last_edit - 1)].is_stripped = true;
	if (r.msgid == 161) {
		of->recalled = c->entries.back().seq;
		of->last_edit = 0;
	} else {
		of->edited = of->last_edit = c->entries.back().seq;
		of->text = r.text;
	}
}

/* What it changes may still be on its way as it was. */
static void grant_keep_former(conversation_model *m, size_t place, const conversation_request &r)
{
	const std::vector<conversation_entry> &entries = m->conversations[place].entries;

	if (r.msgid != 160 && r.msgid != 161)
		return;
	const conversation_entry &of = entries[static_cast<size_t>(r.seq - 1)];

	m->former[{place, of.seq}].push_back({of, m->stamps});
	if (of.last_edit)
		m->former[{place, of.last_edit}].push_back({entries[static_cast<size_t>(of.last_edit - 1)], m->stamps});
}

static void grant_remove(conversation *c, const conversation_request &r)
{
	conversation_member *member = &c->members[r.account];

	c->invited.erase(r.account);
	member->banned = member->banned || r.ban;
	if (!member->in)
		return;
	member->in = false;
	member->changed = r.answered;
	member->role = 0;
	member->left = c->entries.back().seq;
	c->ended = conversation_count(c) == 0;
}

static void grant_set(conversation *c, const conversation_request &r)
{
	c->name = r.groupname.value_or(c->name);
	c->description = r.groupdesc.value_or(c->description);
	if (r.join)
		c->invite_only = *r.join == "invite";
	if (r.history)
		c->history_all = *r.history == "all";
}

static void grant_hand_out(conversation *c, const conversation_request &r)
{
	conversation_member *member = &c->members[r.account];

	member->role = conversation_role_of(r.role);
	if (member->role == 2) {
		c->members[r.actor].role = 1;
		member->muted = 0;
	}
}

static void grant_apply_entry(conversation *c, const conversation_request &r)
{
	const int64_t seq = c->entries.back().seq;

	switch (r.msgid) {
	case 9: {
		conversation_member *member = &c->members[r.actor];

		member->in = true;
		member->changed = r.answered;
		member->joined = seq - 1;
		c->invited.erase(r.actor);
		break;
	}
	case 141: grant_remove(c, r); break;
	case 142: grant_hand_out(c, r); break;
	case 143: grant_set(c, r); break;
	case 146: (r.account == conversation_nobody ? c->muted : c->members[r.account].muted) = r.until; break;
	case 160:
	case 161: grant_change_message(c, r); break;
	default: break;
	}
}

static void grant_invite(conversation_model *m, conversation *c, const conversation_request &r)
{
	if (c->invited.count(r.account))
		return;
	c->invited[r.account] = r.actor;
	if (conversation_is_banned(c, r.account))
		c->members[r.account].banned = false;
	for (conversation_device &d : m->accounts[r.account].devices)
		if (d.session.in && d.session.event)
			d.session.notices.push_back({r.msgid, r.bytes, m->accounts[r.actor].name});
}

static void grant_read(conversation_model *m, size_t place, const conversation_request &r)
{
	conversation *c = &m->conversations[place];
	const size_t other = c->is_group ? r.actor : c->low == r.actor ? c->high : c->low;
	const bool is_shown = other != r.actor && !m->accounts[other].blocked.count(r.actor);

	if (is_shown)
		c->shown[r.actor] = std::max(c->shown[r.actor], r.seq);
	const int64_t joined = c->is_group ? c->members[r.actor].joined : 0;

	if (r.seq <= std::max(c->read[r.actor], joined))
		return;
	c->read[r.actor] = r.seq;
	/* Only the last READ of a second is forwarded, and this one does not come to who sent it. */
	m->accounts[r.actor].devices[r.device].session.marks.erase({place, r.actor});
	for (size_t account = 0; account < m->accounts.size(); account++)
		for (size_t device = 0; device < m->accounts[account].devices.size(); device++) {
			conversation_session *s = &m->accounts[account].devices[device].session;
			const bool is_own = account == r.actor && device != r.device;

			if (s->in && s->read && (is_own || (is_shown && account == other)))
				s->marks[{place, r.actor}] = r.seq;
		}
}

static void grant_grant_quietly(conversation_model *m, const conversation_request &r)
{
	const int place = conversation_find(m, r);
	conversation *c = place < 0 ? nullptr : &m->conversations[static_cast<size_t>(place)];

	switch (r.msgid) {
	case 104: conversation_confirm(m, r.actor, r.device, static_cast<size_t>(place), r.seq); break;
	case 111: conversation_forget(m, r.actor, r.account); break;
	case 120: grant_read(m, static_cast<size_t>(place), r); break;
	case 7:
	case 131: conversation_set_contact(m, r); break;
	case 122: conversation_signal(m, r); break;
	case 141: c->invited.erase(r.account); break; /* declined, or taken back */
	case 145: grant_invite(m, c, r); break;
	default: break;
	}
}

/* Whose writing to the actor the request may allow or refuse; conversation_nobody: nobody's. */
static size_t grant_other_of(const conversation_request &r)
{
	return r.msgid == 6 ? r.to : r.msgid == 7 || r.msgid == 131 ? r.account : conversation_nobody;
}

static std::string grant_grant(conversation_model *m, const conversation_request &r, int64_t seq, int64_t groupid)
{
	const conversation_verdict v = conversation_judge(m, r);

	if (v.seq)
		return v.seq == seq ? "" : check_format("the first one had seq %lld", static_cast<long long>(v.seq));
	if (!v.adds && (!v.may_add || seq == -1)) {
		grant_grant_quietly(m, r);
		return seq == -1 ? "" : "nothing was changed, but there is a seq";
	}
	const size_t place = r.msgid == 8                 ? grant_open_group(m, r, groupid)
	                     : r.is_group || r.msgid != 6 ? static_cast<size_t>(conversation_find(m, r))
	                                                  : grant_open_pair(m, r.actor, r.to);
	grant_keep_former(m, place, r);
	if (r.msgid == 9)
		conversation_join(m, place, r.actor);
	conversation *c = &m->conversations[place];
	const int64_t expected = grant_add(m, c, r)->seq;

	grant_apply_entry(c, r);
	conversation_deliver(m, place);
	return seq == expected ? "" : check_format("it should have seq %lld", static_cast<long long>(expected));
}

std::string conversation_grant(conversation_model *m, const conversation_request &r, int64_t seq, int64_t groupid)
{
	const size_t other = grant_other_of(r);
	const bool is_let = other == conversation_nobody || conversation_lets_write(m, other, r.actor);
	const std::string wrong = grant_grant(m, r, seq, groupid);

	if (other != conversation_nobody && is_let != conversation_lets_write(m, other, r.actor))
		m->accounts[r.actor].lets_changed[other] = r.answered;
	return wrong;
}
