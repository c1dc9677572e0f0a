/* SPDX-License-Identifier: MIT
 * Chooses the requests of a random play of conversations: mostly those that can be granted. */
#include "tests/support/conversation_play.h"

#include <algorithm>

#include "tests/support/check.h"

static const int64_t choice_far_away = 4102444800000; /* the year 2100 */

size_t play_roll(conversation_play *p, size_t below)
{
	return p->random() % below;
}

static bool choice_is(conversation_play *p, size_t percent)
{
	return play_roll(p, 100) < percent;
}

static size_t choice_account(conversation_play *p)
{
	return choice_is(p, 2) ? conversation_nobody : play_roll(p, p->m.accounts.size());
}

static std::vector<const conversation *> choice_groups(const conversation_play *p)
{
	std::vector<const conversation *> groups;

	for (const conversation &c : p->m.conversations)
		if (c.is_group && !c.ended)
			groups.push_back(&c);
	return groups;
}

/* Now and then one that has ended, or that never was. */
static int64_t choice_group(conversation_play *p)
{
	const std::vector<const conversation *> groups = choice_groups(p);
	int64_t last = 999999;

	for (const conversation &c : p->m.conversations)
		if (c.is_group && c.ended)
			last = c.group;
	if (groups.empty() || choice_is(p, 3))
		return last;
	return groups[play_roll(p, groups.size())]->group;
}

static void choice_place(conversation_play *p, conversation_request *r)
{
	r->is_group = choice_is(p, 60);
	r->to = play_roll(p, p->m.accounts.size());
	if (r->is_group)
		r->group = choice_group(p);
}

static const conversation *choice_conversation(const conversation_play *p, const conversation_request &r)
{
	const int place = conversation_find(&p->m, r);
	return place < 0 ? nullptr : &p->m.conversations[static_cast<size_t>(place)];
}

/* Mostly one of the last of one's own messages. */
static int64_t choice_message(conversation_play *p, const conversation_request &r)
{
	const conversation *c = choice_conversation(p, r);

	if (!c)
		return 1;
	if (choice_is(p, 75))
		for (size_t i = c->entries.size(); i > 0; i--)
			if (c->entries[i - 1].is_message && c->entries[i - 1].actor == r.actor && choice_is(p, 50))
				return c->entries[i - 1].seq;
	return 1 + static_cast<int64_t>(play_roll(p, c->entries.size() + 1));
}

static std::string choice_text(conversation_play *p)
{
	static const char *const tails[] = {"",          " \"quoted\"", " back\\slash",
	                                    " \xc3\xa9", " }{",         " a longer text of a message"};
	return check_format("t%llu", static_cast<unsigned long long>(p->steps)) + tails[play_roll(p, std::size(tails))];
}

static void choice_cid(conversation_play *p, conversation_request *r)
{
	if (choice_is(p, 50))
		r->cid = check_format("c%llu", static_cast<unsigned long long>(p->steps));
}

static void choice_settings(conversation_play *p, conversation_request *r)
{
	do {
		if (choice_is(p, 25))
			r->groupname = choice_is(p, 80)
			                       ? check_format("n%llu", static_cast<unsigned long long>(p->steps))
			               : choice_is(p, 50) ? "n"
			                                  : "m";
		if (choice_is(p, 25))
			r->groupdesc = choice_text(p);
		if (choice_is(p, 30))
			r->join = choice_is(p, 70) ? "open" : "invite";
		if (choice_is(p, 30))
			r->history = choice_is(p, 50) ? "joined" : "all";
	} while (!r->groupname && !r->groupdesc && !r->join && !r->history);
}

static void choice_contact(conversation_play *p, conversation_request *r)
{
	do
		r->account = choice_account(p);
	while (r->account == r->actor);
	if (choice_is(p, 50))
		r->is_friend = choice_is(p, 70);
	if (!r->is_friend || choice_is(p, 50))
		r->blocked = choice_is(p, 30);
}

/* Names are looked up to the letter. */
static std::string choice_name(conversation_play *p)
{
	std::string name = p->m.accounts[play_roll(p, p->m.accounts.size())].name;

	if (choice_is(p, 20))
		name[0] = 'M';
	if (choice_is(p, 20))
		name += ' ';
	return name;
}

static void choice_history(conversation_play *p, conversation_request *r)
{
	static const char *const modes[] = {"", "before", "after", "around"};
	const conversation *c;

	choice_place(p, r);
	c = choice_conversation(p, *r);
	r->mode = modes[play_roll(p, std::size(modes))];
	r->limit = choice_is(p, 50) ? 1 + static_cast<int64_t>(play_roll(p, 12)) : 200;
	r->seq = 1 + static_cast<int64_t>(play_roll(p, c ? c->entries.size() + 2 : 3));
}

/* What was received and not confirmed yet, if there is any. */
static bool choice_confirmation(conversation_play *p, conversation_request *r)
{
	const conversation_device &d = p->m.accounts[r->actor].devices[r->device];
	std::vector<size_t> places;

	for (const auto &[place, seq] : d.session.received)
		if (const auto floor = d.floors.find(place); floor == d.floors.end() || floor->second < seq)
			places.push_back(place);
	if (!d.session.ack || places.empty())
		return false;
	const size_t place = places[play_roll(p, places.size())];
	const conversation &c = p->m.conversations[place];
	const int64_t last = d.session.received.at(place);
	const auto floor = d.floors.find(place);
	const int64_t above = floor == d.floors.end() ? 0 : floor->second;

	r->msgid = 104;
	r->is_group = c.is_group;
	r->group = c.group;
	r->to = c.low == r->actor ? c.high : c.low;
	r->seq = choice_is(p, 70) ? last
	                          : above + 1 + static_cast<int64_t>(play_roll(p, static_cast<size_t>(last - above)));
	return true;
}

/* Of a list: mostly so small that there are several pages. */
static int64_t choice_limit(conversation_play *p)
{
	return choice_is(p, 70) ? 1 + static_cast<int64_t>(play_roll(p, 3)) : 200;
}

static void choice_of_group(conversation_play *p, conversation_request *r)
{
	static const char *const roles[] = {"normal", "admin", "admin", "creator"};

	r->is_group = true;
	r->group = choice_group(p);
	r->account = choice_account(p);
	r->ban = r->msgid == 141 && r->account != r->actor && choice_is(p, 25);
	r->role = roles[play_roll(p, std::size(roles))];
	r->until = choice_is(p, 30)   ? choice_far_away
	           : choice_is(p, 30) ? conversation_clock() + 50 + static_cast<int64_t>(play_roll(p, 1000))
	                              : 0;
	if (r->msgid == 146 && choice_is(p, 30))
		r->account = conversation_nobody;
	else if (r->msgid == 146 && r->account == conversation_nobody)
		r->account = r->actor;
	if (r->msgid == 143)
		choice_settings(p, r);
	if (r->msgid == 144)
		r->limit = choice_limit(p);
}

/* Now and then the text that is there already. */
static void choice_edit(conversation_play *p, conversation_request *r)
{
	const conversation *c = choice_conversation(p, *r);
	const size_t place = static_cast<size_t>(r->seq - 1);

	r->text = choice_text(p);
	choice_cid(p, r);
	if (c && place < c->entries.size() && c->entries[place].is_message && choice_is(p, 10))
		r->text = c->entries[place].text;
}

static void choice_fill(conversation_play *p, conversation_request *r)
{
	switch (r->msgid) {
	case 6:
		r->to = choice_account(p);
		r->text = choice_text(p);
		choice_cid(p, r);
		break;
	case 10:
		r->is_group = true;
		r->group = choice_group(p);
		r->text = choice_text(p);
		choice_cid(p, r);
		break;
	case 8:
		r->text = choice_is(p, 80) ? check_format("g%llu", static_cast<unsigned long long>(p->steps)) : "n";
		break;
	case 160:
	case 161:
	case 120:
		choice_place(p, r);
		r->seq = choice_message(p, *r);
		if (r->msgid == 160)
			choice_edit(p, r);
		break;
	case 7: r->account = choice_account(p); break;
	case 122:
		choice_place(p, r);
		r->text = choice_text(p);
		break;
	case 133:
		r->text = choice_name(p);
		r->gives_name = false;
		break;
	case 105: choice_history(p, r); break;
	case 111: r->account = play_roll(p, p->m.accounts[r->actor].devices.size()); break;
	case 131: choice_contact(p, r); break;
	case 106:
	case 132: r->limit = choice_limit(p); break;
	case 110: break;
	default: choice_of_group(p, r); break;
	}
}

static int choice_msgid(conversation_play *p)
{
	static const struct {
		int msgid;
		size_t weight;
	} kinds[] = {{6, 16},  {10, 26}, {160, 9}, {161, 5}, {8, 3},   {9, 9},   {141, 6}, {142, 6},
	             {143, 4}, {146, 4}, {145, 5}, {120, 7}, {131, 5}, {111, 1}, {105, 8}, {106, 6},
	             {144, 4}, {110, 2}, {132, 2}, {7, 2},   {122, 8}, {133, 2}};
	size_t all = 0;

	for (const auto &kind : kinds)
		all += kind.weight;
	size_t rolled = play_roll(p, all);

	for (const auto &kind : kinds) {
		if (rolled < kind.weight)
			return kind.msgid;
		rolled -= kind.weight;
	}
	return 6;
}

conversation_request play_choose(conversation_play *p)
{
	conversation_request r;
	auto who = p->clients.begin();

	std::advance(who, static_cast<std::ptrdiff_t>(play_roll(p, p->clients.size())));
	r.actor = who->first.first;
	r.device = who->first.second;
	r.gives_name = choice_is(p, 50);
	const bool must_confirm = conversation_unconfirmed(&p->m, r.actor, r.device) > 100;

	if ((must_confirm || choice_is(p, 20)) && choice_confirmation(p, &r))
		return r;
	if (!p->repeatable.empty() && choice_is(p, 4)) {
		conversation_request again = p->repeatable[play_roll(p, p->repeatable.size())];

		if (again.actor == r.actor) {
			again.device = r.device;
			return again;
		}
	}
	do
		r.msgid = choice_msgid(p);
	while (r.msgid == 8 && choice_groups(p).size() >= 4);
	choice_fill(p, &r);
	return r;
}
