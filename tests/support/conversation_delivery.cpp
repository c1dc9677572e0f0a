/* SPDX-License-Identifier: MIT
 * The model of delivery: which entries each session gets, and where the cursor of each device stands. */
#include "tests/support/conversation_model.h"

#include <algorithm>

#include "tests/support/check.h"

/* What one tells oneself goes to all sessions. */
static bool delivery_is_own(const conversation *c, const conversation_entry &entry, size_t account)
{
	return entry.actor == account && (c->is_group || c->low != c->high);
}

/* Whether a session gets the entry when it catches up. */
static bool delivery_wants(const conversation *c, const conversation_session &s, size_t account,
                           const conversation_entry &entry)
{
	if (!entry.is_message && !s.event)
		return false;
	return s.echo || !delivery_is_own(c, entry, account);
}

/* The same while it is there: what it sent itself does not come back. */
static bool delivery_wants_now(const conversation *c, const conversation_session &s, size_t account,
                               const conversation_entry &entry)
{
	return delivery_wants(c, s, account, entry) &&
	       !(delivery_is_own(c, entry, account) && entry.session == s.number);
}

bool conversation_sees(const conversation *c, size_t account, int64_t seq)
{
	if (!c->is_group)
		return account == c->low || account == c->high;
	const auto found = c->members.find(account);

	if (found == c->members.end())
		return false;
	const conversation_member &member = found->second;

	return seq > member.joined && (member.in || seq <= member.left);
}

/* The cursor passes over what the session does not get. */
static void delivery_pass(const conversation *c, size_t account, conversation_device *d, size_t place)
{
	int64_t &cursor = d->cursors[place];

	for (const conversation_entry &entry : c->entries) {
		if (entry.seq <= cursor || !conversation_sees(c, account, entry.seq))
			continue;
		if (!d->session.ack || !delivery_wants_now(c, d->session, account, entry))
			cursor = entry.seq;
		else
			break;
	}
}

void conversation_login(conversation_model *m, size_t account, size_t device, const conversation_session &wanted)
{
	conversation_device *d = &m->accounts[account].devices[device];

	d->session = wanted;
	d->session.in = true;
	d->session.number = ++m->sessions;
	conversation_note_online(m, account);
	conversation_watch(m, account, &d->session);
	for (size_t place = 0; place < m->conversations.size(); place++) {
		const conversation *c = &m->conversations[place];
		int64_t &cursor = d->cursors[place];

		if (!d->known && device != 0)
			cursor = d->floors[place] = d->starts[place] = static_cast<int64_t>(c->entries.size());
		for (const conversation_entry &entry : c->entries) {
			if (entry.seq <= d->floors[place] || !conversation_sees(c, account, entry.seq) ||
			    !delivery_wants(c, d->session, account, entry))
				continue;
			d->session.due[place].push_back(entry.seq);
			if (entry.seq <= cursor)
				d->session.may_miss[place].insert(entry.seq);
		}
		delivery_pass(c, account, d, place);
	}
	d->known = true;
}

void conversation_logout(conversation_model *m, size_t account, size_t device)
{
	m->accounts[account].devices[device].session = {};
	conversation_note_online(m, account);
}

void conversation_forget(conversation_model *m, size_t account, size_t device)
{
	conversation_device *d = &m->accounts[account].devices[device];

	d->session = {};
	conversation_note_online(m, account);
	if (device == 0)
		return;
	d->known = false;
	d->cursors.clear();
	d->floors.clear();
	d->starts.clear();
}

/* Whether that frame of the session need not come. */
static bool delivery_may_miss(const conversation_session &s, size_t place, int64_t seq)
{
	const auto begins = s.begins.find(place);
	const auto may_miss = s.may_miss.find(place);

	return (begins != s.begins.end() && begins->second.upper_bound(seq) != begins->second.end()) ||
	       (may_miss != s.may_miss.end() && may_miss->second.count(seq));
}

static void delivery_crash(conversation_device *d)
{
	for (const auto &[place, due] : d->session.due)
		for (const int64_t seq : due)
			if (!delivery_may_miss(d->session, place, seq)) {
				d->cursors[place] = std::min(d->cursors[place], seq - 1);
				break;
			}
	d->session = {};
	d->floors = d->starts;
}

void conversation_crash(conversation_model *m, const std::function<bool(size_t account, size_t device)> &goes_on)
{
	for (size_t account = 0; account < m->accounts.size(); account++) {
		for (size_t device = 0; device < m->accounts[account].devices.size(); device++)
			if (!goes_on(account, device))
				delivery_crash(&m->accounts[account].devices[device]);
		const bool was_online = m->accounts[account].was_online;

		conversation_note_online(m, account);
		if (conversation_is_online(m, account))
			continue;
		m->accounts[account].went = 0; /* no server knows since when it is away */
		if (was_online)
			m->accounts[account].crashed = conversation_clock();
	}
}

/* With one of the requests that were under way together. */
static bool delivery_has_joined_together(const conversation_model *m, const conversation *c, size_t account)
{
	const auto member = c->members.find(account);

	return m->are_together && c->is_group && member != c->members.end() &&
	       c->entries[static_cast<size_t>(member->second.joined)].stamp > m->together_from;
}

/* With several nodes a session may read the log at any time, for example while the entry before this one is being read,
 * or after a node was killed; or because another device of the account joins. Nothing in the log says which session has
 * sent an entry, so what it sends itself meanwhile may come, even before the answer. See
 * conversation_model.own_came. */
static bool delivery_may_read_own(const conversation_model *m, const conversation *c, const conversation_session &s,
                                  size_t account, const conversation_entry &entry)
{
	return entry.actor == account && delivery_wants(c, s, account, entry) &&
	       (m->catches_up || delivery_has_joined_together(m, c, account));
}

/* An `ack` session's own entry does not come to it now, but as long as something before it is unconfirmed, the cursor
 * stays below it. */
static void delivery_to_device(conversation_model *m, size_t account, size_t device, size_t place)
{
	const conversation *c = &m->conversations[place];
	const conversation_entry &entry = c->entries.back();
	conversation_device *d = &m->accounts[account].devices[device];
	int64_t &cursor = d->cursors[place];
	const bool wanted = delivery_wants_now(c, d->session, account, entry);
	bool all_passed = true;

	const bool may_come = !wanted && delivery_may_read_own(m, c, d->session, account, entry);

	if (wanted || may_come)
		d->session.due[place].push_back(entry.seq);
	if (may_come) {
		d->session.may_miss[place].insert(entry.seq);
		m->own_may_come++;
	}
	for (const conversation_entry &before : c->entries)
		all_passed = all_passed && (before.seq >= entry.seq || before.seq <= cursor ||
		                            !conversation_sees(c, account, before.seq));
	if (!d->session.ack || (!wanted && all_passed))
		cursor = entry.seq;
}

void conversation_deliver(conversation_model *m, size_t place)
{
	const int64_t seq = static_cast<int64_t>(m->conversations[place].entries.size());

	for (size_t account = 0; account < m->accounts.size(); account++)
		for (size_t device = 0; device < m->accounts[account].devices.size(); device++)
			if (m->accounts[account].devices[device].session.in &&
			    conversation_sees(&m->conversations[place], account, seq))
				delivery_to_device(m, account, device, place);
}

/* The log has only one membership of an account, the last. A session that reads the log after the JOIN begins there:
 * because it hears of the JOIN before what another node did, or because it has not read yet what it missed while it
 * joined before. */
void conversation_join(conversation_model *m, size_t place, size_t account)
{
	const conversation &c = m->conversations[place];

	if (!m->are_together || (!m->catches_up && !delivery_has_joined_together(m, &c, account)))
		return;
	for (conversation_device &d : m->accounts[account].devices)
		if (d.session.in)
			d.session.begins[place].insert(static_cast<int64_t>(c.entries.size()) + 1);
}

void conversation_confirm(conversation_model *m, size_t account, size_t device, size_t place, int64_t seq)
{
	conversation_device *d = &m->accounts[account].devices[device];

	d->cursors[place] = std::max(d->cursors[place], seq);
	d->floors[place] = std::max(d->floors[place], seq);
	delivery_pass(&m->conversations[place], account, d, place);
}

size_t conversation_unconfirmed(const conversation_model *m, size_t account, size_t device)
{
	const conversation_device &d = m->accounts[account].devices[device];
	size_t count = 0;

	for (const auto &[place, seq] : d.session.received) {
		const auto floor = d.floors.find(place);

		count += static_cast<size_t>(std::max<int64_t>(0, seq - (floor == d.floors.end() ? 0 : floor->second)));
	}
	return count;
}

bool conversation_awaits(const conversation_session &s)
{
	for (const auto &[place, due] : s.due)
		for (const int64_t seq : due)
			if (!delivery_may_miss(s, place, seq))
				return true;
	return !std::all_of(s.notices.begin(), s.notices.end(),
	                    [](const conversation_notice &notice) { return notice.may_miss; });
}

/* ---- frames */

static void delivery_set_text(cJSON *json, const char *key, const std::string &text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(json, key);
	cJSON_AddStringToObject(json, key, text.c_str());
}

/* As the frame must be now, but for ts. */
static json_ptr delivery_expect(const conversation_model *m, const conversation_entry &entry)
{
	json_ptr json(cJSON_Parse(entry.bytes.c_str()));
	static const std::set<std::string> kept = {"msgid", "id", "name", "toid", "groupid", "time", "cid"};

	if (entry.recalled) {
		for (cJSON *item = json->child, *next; item; item = next) {
			next = item->next;
			if (!kept.count(item->string))
				cJSON_Delete(cJSON_DetachItemViaPointer(json.get(), item));
		}
		cJSON_AddStringToObject(json.get(), "msg", "");
		cJSON_AddNumberToObject(json.get(), "recalled", static_cast<double>(entry.recalled));
	} else if (entry.edited) {
		delivery_set_text(json.get(), "msg", entry.text);
		cJSON_AddNumberToObject(json.get(), "edited", static_cast<double>(entry.edited));
	}
	if (entry.is_stripped)
		cJSON_DeleteItemFromObjectCaseSensitive(json.get(), "msg");
	if (!entry.is_message && !entry.gives_name)
		cJSON_AddStringToObject(json.get(), "name", m->accounts[entry.actor].name.c_str());
	if (entry.group)
		cJSON_AddNumberToObject(json.get(), "groupid", static_cast<double>(entry.group));
	cJSON_AddNumberToObject(json.get(), "seq", static_cast<double>(entry.seq));
	return json;
}

std::string conversation_compare(const conversation_model *m, conversation_entry *entry, const cJSON *json,
                                 const std::string &bytes)
{
	const json_ptr expected = delivery_expect(m, *entry), got(cJSON_Duplicate(json, 1));
	const int64_t ts = json_integer(json, "ts");
	const bool is_as_sent = !entry->recalled && !entry->edited && !entry->is_stripped;

	cJSON_DeleteItemFromObjectCaseSensitive(got.get(), "ts");
	if (ts <= 0 || (entry->ts && entry->ts != ts))
		return "ts is wrong";
	entry->ts = ts;
	if (!cJSON_Compare(expected.get(), got.get(), 1)) {
		const std::unique_ptr<char, decltype(&free)> text(cJSON_PrintUnformatted(expected.get()), free);
		return std::string("it should be ") + text.get();
	}
	if (is_as_sent && !bytes.empty() &&
	    bytes.compare(0, entry->bytes.size() - 1, entry->bytes, 0, entry->bytes.size() - 1))
		return "these are not the sender's own bytes";
	return "";
}

size_t conversation_account_of(const conversation_model *m, int64_t id)
{
	for (size_t i = 0; i < m->accounts.size(); i++)
		if (m->accounts[i].id == id)
			return i;
	return conversation_nobody;
}

/* The conversation of a frame that came to that account: with who speaks, or whom one has spoken to. key: toid or
 * peer. */
static int delivery_place_of(const conversation_model *m, const cJSON *json, const char *key)
{
	if (json_has(json, "groupid"))
		return conversation_find_group(m, json_integer(json, "groupid"));
	return conversation_find_pair(m, conversation_account_of(m, json_integer(json, "id")),
	                              conversation_account_of(m, json_integer(json, key)));
}

static std::string delivery_take_mark(conversation_model *m, conversation_session *s, const cJSON *json)
{
	const int place = delivery_place_of(m, json, "peer");
	const size_t reader = conversation_account_of(m, json_integer(json, "id"));

	if (place < 0 || !s->read)
		return "nobody asked for this READ";
	const auto wait = s->marks.find({static_cast<size_t>(place), reader});
	const int64_t seq = json_integer(json, "seq");

	if (seq > m->conversations[static_cast<size_t>(place)].read[reader])
		return "nobody has read so far";
	if (wait != s->marks.end() && wait->second == seq)
		s->marks.erase(wait);
	return "";
}

static std::string delivery_take_notice(conversation_session *s, const test_frame &frame)
{
	const int64_t msgid = json_integer(frame.json.get(), "msgid");

	for (size_t i = 0; i < s->notices.size(); i++) {
		const conversation_notice &notice = s->notices[i];
		const std::string start = notice.bytes.substr(0, notice.bytes.size() - 1);

		if (frame.bytes.compare(0, start.size(), start) || json_text(frame.json.get(), "name") != notice.name)
			continue;
		if (msgid == 122 && frame.bytes != notice.bytes)
			return "these are not the sender's own bytes";
		s->notices.erase(s->notices.begin() + static_cast<std::ptrdiff_t>(i));
		return "";
	}
	return "nobody is to get this";
}

/* What is not to come any more if this one comes now: all before the JOIN that the session has begun at, and then only
 * what may be missed. */
static void delivery_skip_to(conversation_session *s, size_t place, int64_t seq)
{
	std::deque<int64_t> &due = s->due[place];
	const std::set<int64_t> &begins = s->begins[place];
	const auto after = begins.upper_bound(seq);

	while (!due.empty() && after != begins.begin() && due.front() < *std::prev(after))
		due.pop_front();
	while (!due.empty() && due.front() != seq && s->may_miss[place].count(due.front()))
		due.pop_front();
}

static bool delivery_is_back(const conversation *c, const conversation_session &s, size_t account, int64_t seq)
{
	const conversation_entry &entry = c->entries[static_cast<size_t>(seq - 1)];

	return delivery_is_own(c, entry, account) && entry.session == s.number;
}

static bool delivery_is_former(conversation_model *m, const conversation_session &s, size_t place, int64_t seq,
                               const test_frame &frame)
{
	const auto all = m->former.find({place, seq});
	const auto may_miss = s.may_miss.find(place);
	const bool is_late = may_miss != s.may_miss.end() && may_miss->second.count(seq);

	return all != m->former.end() &&
	       std::any_of(all->second.begin(), all->second.end(), [&](conversation_former &former) {
		       return (is_late || (m->are_together && former.stamp >= m->together_from)) &&
		              conversation_compare(m, &former.entry, frame.json.get(), frame.bytes).empty();
	       });
}

std::string conversation_take(conversation_model *m, size_t account, size_t device, const test_frame &frame)
{
	conversation_device *d = &m->accounts[account].devices[device];
	conversation_session *s = &d->session;
	const cJSON *json = frame.json.get();
	const int64_t msgid = json_integer(json, "msgid"), seq = json_integer(json, "seq");

	m->told += msgid == 120 || msgid == 122 || msgid == 123 || msgid == 134 || msgid == 145;
	if (msgid == 120)
		return delivery_take_mark(m, s, json);
	if (msgid == 122 || msgid == 134 || msgid == 145)
		return delivery_take_notice(s, frame);
	if (msgid == 123)
		return conversation_take_presence(m, account, s, json);
	const int place = delivery_place_of(m, json, "toid");

	if (place < 0)
		return "this belongs to no conversation";
	std::deque<int64_t> &due = s->due[static_cast<size_t>(place)];

	delivery_skip_to(s, static_cast<size_t>(place), seq);
	if (due.empty())
		return "nothing of this conversation is to come";
	if (due.front() != seq)
		return check_format("seq %lld is to come next", static_cast<long long>(due.front()));
	due.pop_front();
	s->received[static_cast<size_t>(place)] = seq;
	if (!s->ack)
		d->floors[static_cast<size_t>(place)] = seq;
	m->delivered++;
	m->own_came += delivery_is_back(&m->conversations[static_cast<size_t>(place)], *s, account, seq);
	if (delivery_is_former(m, *s, static_cast<size_t>(place), seq, frame))
		return "";
	return conversation_compare(m,
	                            &m->conversations[static_cast<size_t>(place)].entries[static_cast<size_t>(seq - 1)],
	                            json, frame.bytes);
}

std::string conversation_describe(const conversation_model *m, size_t account, size_t device)
{
	const conversation_device &d = m->accounts[account].devices[device];
	std::string text = check_format("account %zu (id %lld) device %zu", account,
	                                static_cast<long long>(m->accounts[account].id), device);

	for (const auto &[word, wanted] :
	     {std::pair{" ack", d.session.ack}, std::pair{" event", d.session.event},
	      std::pair{" echo", d.session.echo}, std::pair{" read", d.session.read},
	      std::pair{" signal", d.session.signal}, std::pair{" presence", d.session.presence}})
		text += wanted ? word : "";

	for (const auto &[place, due] : d.session.due) {
		if (due.empty())
			continue;
		const conversation &c = m->conversations[place];

		text += c.is_group ? check_format("; group %lld:", static_cast<long long>(c.group))
		                   : check_format("; pair %zu %zu:", c.low, c.high);
		for (const int64_t seq : due)
			text += check_format(" %lld", static_cast<long long>(seq));
	}
	for (const conversation_notice &notice : d.session.notices)
		text += "; " + notice.bytes;
	return text;
}
