/* SPDX-License-Identifier: MIT
 * Followers: who holds a row of theirs reads the entries above it and tells them in order; what was confirmed is
 * written with others. Rows that nobody holds any more are taken. */
#include "follow.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "../model/follow.h"
#include "../model/messages.h"
#include "hint.h"

constexpr size_t mailbox_follow_names_most = 8;
constexpr uint64_t mailbox_follow_window = 1024; /* entries of a conversation that are told and not confirmed */
constexpr size_t mailbox_follow_held_most = 65536; /* conversations; more are taken when some are over */
constexpr size_t mailbox_follow_read_conversations = 32, mailbox_follow_read_entries = 64; /* of one read */
constexpr size_t mailbox_follow_read_bytes = size_t{1} << 20; /* then no further conversation is read */
constexpr size_t mailbox_follow_take_most = 256, mailbox_follow_confirm_most = 512; /* rows of one work */
constexpr int64_t mailbox_follow_tick_ms = 2000; /* from one look for rows that nobody holds to the next */
constexpr int64_t mailbox_follow_renew_ms = 6000; /* a hold that ends within this time is renewed */
constexpr uint64_t mailbox_follow_batch_key = UINT64_C(0x666f6c6c6f77); /* one writer at a time */

static void mailbox_follow_pump(mailbox *m, mailbox_follower *f);
static void mailbox_follow_flush_soon(mailbox *m);
static void mailbox_follow_take(mailbox *m, mailbox_follower *f);
static void mailbox_follow_renew(mailbox *m, mailbox_follower *f);

static mailbox_follower *mailbox_follow_find(mailbox *m, uint64_t id)
{
	for (const auto &f : m->follow.followers)
		if (f->id == id)
			return f.get();
	return nullptr;
}

static mailbox_follower *mailbox_follow_find_name(mailbox *m, const char *name)
{
	for (const auto &f : m->follow.followers)
		if (f->name == name)
			return f.get();
	return nullptr;
}

static mailbox_held *mailbox_follow_held(mailbox_follower *f, uint64_t conversation)
{
	const auto at = f->held.find(conversation);

	return at == f->held.end() ? nullptr : &at->second;
}

/* The conversation is to be read. */
static void mailbox_follow_list(mailbox_follower *f, uint64_t conversation, mailbox_held *held)
{
	if (std::exchange(held->listed, true))
		return;
	f->queue.push_back(conversation);
}

/* ---- reading */

struct mailbox_follow_asked {
	uint64_t conversation = 0;
	bool known = false;
	bool committed = false;
	uint64_t after = 0; /* in, if known; out: the rows are those above it */

	bool is_there = false, is_read = false; /* out */
	follow_row row;
	std::vector<message_row> rows;
};

struct mailbox_follow_reading {
	uint64_t follower = 0;
	std::string name;
	uint64_t node = 0;
	std::vector<mailbox_follow_asked> asked;
};

static int mailbox_follow_read_rows(cs_db *db, mailbox_follow_reading *r)
{
	std::vector<uint64_t> conversations;
	std::vector<follow_row> rows;

	for (mailbox_follow_asked &a : r->asked) {
		conversations.push_back(a.conversation);
		a.is_there = a.is_read = false;
		a.rows.clear();
	}
	const int result = follow_read(db, r->name, conversations, &rows);

	if (result)
		return result;
	for (const follow_row &row : rows)
		for (mailbox_follow_asked &a : r->asked)
			if (a.conversation == row.conversation) {
				a.is_there = true;
				a.row = row;
			}
	return 0;
}

/* On a store thread. */
static int mailbox_follow_read(cs_db *db, void *arg)
{
	mailbox_follow_reading *r = static_cast<mailbox_follow_reading *>(arg);
	int result = mailbox_follow_read_rows(db, r);
	size_t bytes = 0;

	for (mailbox_follow_asked &a : r->asked) {
		if (result || bytes > mailbox_follow_read_bytes)
			return result;
		a.is_read = true;
		if (!a.is_there || a.row.node != r->node)
			continue;
		a.after = a.known ? a.after : a.row.seq;
		result = message_read(db, a.conversation, a.after, mailbox_follow_read_entries, &a.rows);
		for (const message_row &row : a.rows)
			bytes += row.body.size();
	}
	return result;
}

/* ---- telling */

static cs_mailbox_followed mailbox_follow_entry(const follow_row &of, const message_row &row)
{
	cs_mailbox_followed entry = {};

	entry.kind = of.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
	entry.is_event = row.kind == ENTRY_EVENT;
	entry.conversation = of.conversation;
	entry.seq = row.seq;
	entry.sender = row.sender;
	entry.to = of.kind == CONVERSATION_GROUP ? 0 : row.sender == of.low ? of.high : of.low;
	entry.created = row.created;
	entry.frame = row.body.data();
	entry.size = row.body.size();
	return entry;
}

static void mailbox_follow_make_dirty(mailbox *m, mailbox_follower *f, uint64_t conversation, mailbox_held *held)
{
	if (std::exchange(held->dirty, true))
		return;
	f->dirty.push_back(conversation);
	mailbox_follow_flush_soon(m);
}

/* What nobody is told of needs nobody to confirm it. */
static void mailbox_follow_pass_by(mailbox *m, mailbox_follower *f, uint64_t conversation, mailbox_held *held)
{
	if (held->confirmed < held->last || held->confirmed >= held->told)
		return;
	held->confirmed = held->told;
	mailbox_follow_make_dirty(m, f, conversation, held);
}

/* fn may confirm, and even end its following: then there is nothing more to tell it. */
static void mailbox_follow_tell(mailbox *m, uint64_t follower, const mailbox_follow_asked &a)
{
	for (const message_row &row : a.rows) {
		mailbox_follower *f = mailbox_follow_find(m, follower);
		mailbox_held *held = f ? mailbox_follow_held(f, a.conversation) : nullptr;

		if (!held || !held->known || row.seq <= held->told)
			return;
		held->is_full = row.seq - held->confirmed > mailbox_follow_window;
		if (held->is_full)
			return;
		held->told = row.seq;
		if (row.kind == ENTRY_PURGED)
			continue;
		held->last = row.seq;
		const mailbox_following following = f->followings.back();
		const cs_mailbox_followed entry = mailbox_follow_entry(a.row, row);

		following.fn(following.arg, &entry);
	}
}

/* The row is held by this process. */
static void mailbox_follow_take_rows(mailbox *m, uint64_t follower, const mailbox_follow_asked &a, mailbox_held *held)
{
	if (!held->known) {
		held->known = true;
		held->told = held->last = held->confirmed = a.row.seq;
	}
	held->until = a.row.until;
	held->is_full = false;
	mailbox_follow_tell(m, follower, a);

	mailbox_follower *f = mailbox_follow_find(m, follower);

	held = f ? mailbox_follow_held(f, a.conversation) : nullptr;
	if (!held)
		return;
	mailbox_follow_pass_by(m, f, a.conversation, held);
	if (a.rows.size() == mailbox_follow_read_entries && !held->is_full)
		mailbox_follow_list(f, a.conversation, held);
}

static void mailbox_follow_was_asked(mailbox *m, uint64_t follower, const mailbox_follow_asked &a)
{
	mailbox_follower *f = mailbox_follow_find(m, follower);
	mailbox_held *held = f ? mailbox_follow_held(f, a.conversation) : nullptr;

	if (!held)
		return;
	held->asked = false;
	/* It was forgotten meanwhile and came back: these are not the next entries. */
	if (!a.is_read || held->known != a.known || (held->known && held->told != a.after)) {
		held->committed |= a.committed;
		mailbox_follow_list(f, a.conversation, held);
		return;
	}
	if (a.is_there && a.row.node == m->follow.node) {
		mailbox_follow_take_rows(m, follower, a, held);
		return;
	}
	/* Who holds the row tells the entry: it may not know of it. */
	if (a.is_there && a.committed)
		mailbox_hint_route_followed(m->host, m->self, a.row.node, a.conversation, 0);
	if (!held->listed)
		f->held.erase(a.conversation);
	else
		held->known = false;
}

static void mailbox_follow_were_read(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_follow_reading> r(static_cast<mailbox_follow_reading *>(arg));

	if (result == CS_ECANCELED)
		return;
	if (mailbox_follower *f = mailbox_follow_find(m, r->follower))
		f->reading = false;
	for (mailbox_follow_asked &a : r->asked) {
		a.is_read = a.is_read && !result;
		mailbox_follow_was_asked(m, r->follower, a);
	}
	/* After a failure the next tick goes on. */
	if (mailbox_follower *f = mailbox_follow_find(m, r->follower); f && !result)
		mailbox_follow_pump(m, f);
}

static void mailbox_follow_pump(mailbox *m, mailbox_follower *f)
{
	if (f->reading || f->queue.empty())
		return;
	auto r = std::make_unique<mailbox_follow_reading>();

	r->follower = f->id;
	r->name = f->name;
	r->node = m->follow.node;
	while (!f->queue.empty() && r->asked.size() < mailbox_follow_read_conversations) {
		const uint64_t conversation = f->queue.front();
		mailbox_held *held = mailbox_follow_held(f, conversation);

		f->queue.pop_front();
		if (!held)
			continue;
		held->listed = false;
		held->asked = true;
		mailbox_follow_asked *a = &r->asked.emplace_back();
		a->conversation = conversation;
		a->known = held->known;
		a->after = held->told;
		a->committed = std::exchange(held->committed, false);
	}
	f->reading =
		m->host->work(m->self, 0, CS_WORK_READ, mailbox_follow_read, mailbox_follow_were_read, r.get()) == 0;
	if (f->reading)
		(void)r.release(); /* mailbox_follow_were_read frees it */
	else
		for (const mailbox_follow_asked &a : r->asked) /* the next tick tries again */
			mailbox_follow_was_asked(m, f->id, a);
}

/* ---- confirming, and renewing holds */

struct mailbox_follow_item {
	uint64_t follower = 0;
	std::string name;
	uint64_t node = 0;
	int64_t until = 0;
	bool renews = false;
	std::vector<follow_confirmation> confirmations;
};

/* On a writer's thread. */
static int mailbox_follow_store(cs_db *db, void *const *items, size_t count, int)
{
	for (size_t i = 0; i < count; i++) {
		mailbox_follow_item *item = static_cast<mailbox_follow_item *>(items[i]);
		std::vector<follow_confirmation *> all;

		for (follow_confirmation &c : item->confirmations)
			all.push_back(&c);
		const int result = follow_confirm(db, item->name, all, item->node, item->until);
		if (result)
			return result;
	}
	return 0;
}

static void mailbox_follow_was_confirmed(mailbox_follower *f, const follow_confirmation &c, int64_t until)
{
	mailbox_held *held = mailbox_follow_held(f, c.conversation);

	if (!held || !held->known)
		return;
	const bool is_read = held->listed || held->asked; /* what it finds decides */

	held->until = until;
	held->known = !c.is_lost || !is_read;
	/* Entries that are appended after the row has gone make another one, and bring news. */
	if (!is_read && !held->dirty && (c.is_lost || (c.is_over && held->told <= c.seq))) {
		f->held.erase(c.conversation);
		return;
	}
	if (c.seq && !c.is_over && !c.is_lost && held->confirmed >= held->told)
		mailbox_follow_list(f, c.conversation, held); /* of these there was no news */
}

static void mailbox_follow_was_stored(void *state, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_follow_item> item(static_cast<mailbox_follow_item *>(arg));
	mailbox_follower *f = mailbox_follow_find(m, item->follower);

	if (!f)
		return;
	f->confirming = false;
	for (const follow_confirmation &c : item->confirmations) {
		if (!result)
			mailbox_follow_was_confirmed(f, c, item->until);
		else if (mailbox_held *held = mailbox_follow_held(f, c.conversation); held && c.seq)
			mailbox_follow_make_dirty(m, f, c.conversation, held);
	}
	if (!f->dirty.empty())
		mailbox_follow_flush_soon(m);
	if (result)
		return;
	mailbox_follow_pump(m, f);
	if (item->renews && item->confirmations.size() == mailbox_follow_confirm_most)
		mailbox_follow_renew(m, f);
}

static const cs_batch mailbox_follow_batch = {"followed", mailbox_follow_store, nullptr, mailbox_follow_was_stored};

static std::unique_ptr<mailbox_follow_item> mailbox_follow_make_item(const mailbox *m, const mailbox_follower *f)
{
	auto item = std::make_unique<mailbox_follow_item>();

	item->follower = f->id;
	item->name = f->name;
	item->node = m->follow.node;
	item->until = m->host->now() + mailbox_follow_hold_ms;
	return item;
}

static bool mailbox_follow_hand_in(mailbox *m, mailbox_follower *f, std::unique_ptr<mailbox_follow_item> item)
{
	const size_t bytes = sizeof(*item) + item->confirmations.size() * sizeof(follow_confirmation);

	f->confirming =
		m->host->batch(m->self, &mailbox_follow_batch, mailbox_follow_batch_key, item.get(), bytes) == 0;
	if (f->confirming)
		(void)item.release(); /* mailbox_follow_was_stored frees it */
	return f->confirming;
}

static void mailbox_follow_flush(mailbox *m, mailbox_follower *f)
{
	auto item = mailbox_follow_make_item(m, f);

	if (f->confirming)
		return; /* its end flushes the rest */
	while (!f->dirty.empty() && item->confirmations.size() < mailbox_follow_confirm_most) {
		const uint64_t conversation = f->dirty.back();

		f->dirty.pop_back();
		if (mailbox_held *held = mailbox_follow_held(f, conversation)) {
			held->dirty = false;
			item->confirmations.emplace_back().conversation = conversation;
			item->confirmations.back().seq = held->confirmed;
		}
	}
	if (item->confirmations.empty())
		return;
	const std::vector<follow_confirmation> kept = item->confirmations;

	if (mailbox_follow_hand_in(m, f, std::move(item)))
		return;
	for (const follow_confirmation &c : kept)
		if (mailbox_held *held = mailbox_follow_held(f, c.conversation))
			mailbox_follow_make_dirty(m, f, c.conversation, held);
}

static void mailbox_follow_time_to_flush(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->follow.flush_timer = nullptr;
	for (const auto &f : m->follow.followers)
		mailbox_follow_flush(m, f.get());
}

static void mailbox_follow_flush_soon(mailbox *m)
{
	if (!m->follow.flush_timer)
		m->follow.flush_timer =
			m->host->timer_add(m->self, m->conf.cursor_flush, 0, mailbox_follow_time_to_flush, nullptr);
}

/* Where no other node is, nobody takes a row away. */
static void mailbox_follow_renew(mailbox *m, mailbox_follower *f)
{
	const int64_t end = m->host->now() + mailbox_follow_renew_ms;
	auto item = mailbox_follow_make_item(m, f);

	if (f->confirming || m->host->store_is_exclusive(m->self))
		return;
	for (const auto &[conversation, held] : f->held) {
		if (!held.known || held.until > end)
			continue;
		item->confirmations.emplace_back().conversation = conversation;
		if (item->confirmations.size() == mailbox_follow_confirm_most)
			break;
	}
	item->renews = true;
	if (!item->confirmations.empty())
		(void)mailbox_follow_hand_in(m, f, std::move(item));
}

/* ---- taking rows that nobody holds */

struct mailbox_follow_taking {
	uint64_t follower = 0;
	std::string name;
	uint64_t node = 0;
	uint64_t own = 0; /* node, if rows of this process are looked for, too; else 0 */
	uint64_t after = 0;
	int64_t now = 0, until = 0;
	std::vector<uint64_t> conversations; /* out */
};

static int mailbox_follow_look_for_rows(cs_db *db, void *arg)
{
	mailbox_follow_taking *t = static_cast<mailbox_follow_taking *>(arg);

	return follow_find(db, t->name, t->after, t->own, t->now, mailbox_follow_take_most, &t->conversations);
}

static int mailbox_follow_take_them(cs_db *db, void *arg)
{
	const mailbox_follow_taking *t = static_cast<const mailbox_follow_taking *>(arg);

	return follow_take(db, t->name, t->conversations, t->node, t->now, t->until);
}

/* The look ends: the next one begins with the first conversation. */
static void mailbox_follow_end_take(mailbox *m, mailbox_follower *f)
{
	f->takes_own = false;
	f->take_after = 0;
	f->take_next = m->host->store_is_exclusive(m->self) ? INT64_MAX : m->host->monotonic() + mailbox_follow_tick_ms;
}

static void mailbox_follow_were_taken(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_follow_taking> t(static_cast<mailbox_follow_taking *>(arg));
	mailbox_follower *f = mailbox_follow_find(m, t->follower);

	if (!f || result == CS_ECANCELED)
		return;
	f->taking = false;
	if (result)
		return; /* the next tick tries again */
	for (const uint64_t conversation : t->conversations)
		mailbox_follow_list(f, conversation, &f->held[conversation]);
	if (t->conversations.size() < mailbox_follow_take_most)
		mailbox_follow_end_take(m, f);
	else
		f->take_after = t->conversations.back();
	mailbox_follow_pump(m, f);
	mailbox_follow_take(m, f);
}

static void mailbox_follow_rows_were_found(void *state, cs_conn conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	std::unique_ptr<mailbox_follow_taking> t(static_cast<mailbox_follow_taking *>(arg));
	mailbox_follower *f = mailbox_follow_find(m, t->follower);

	if (!f || result == CS_ECANCELED)
		return;
	if (result || t->conversations.empty()) {
		mailbox_follow_were_taken(state, conn, result, t.release());
		return;
	}
	f->taking = m->host->work(m->self, 0, CS_WORK_WRITE, mailbox_follow_take_them, mailbox_follow_were_taken,
	                          t.get()) == 0;
	if (f->taking)
		(void)t.release(); /* mailbox_follow_were_taken frees it */
}

static void mailbox_follow_take(mailbox *m, mailbox_follower *f)
{
	if (f->taking || f->held.size() >= mailbox_follow_held_most)
		return;
	if (f->is_new) {
		f->is_new = false;
		f->takes_own = true;
		f->take_after = 0;
	} else if (!f->takes_own && f->take_after == 0 && m->host->monotonic() < f->take_next) {
		return;
	}
	auto t = std::make_unique<mailbox_follow_taking>();

	t->follower = f->id;
	t->name = f->name;
	t->node = m->follow.node;
	t->own = f->takes_own ? t->node : 0;
	t->after = f->take_after;
	t->now = m->host->store_is_exclusive(m->self) ? INT64_MAX : m->host->now();
	t->until = m->host->now() + mailbox_follow_hold_ms;
	f->taking = m->host->work(m->self, 0, CS_WORK_READ, mailbox_follow_look_for_rows,
	                          mailbox_follow_rows_were_found, t.get()) == 0;
	if (f->taking)
		(void)t.release(); /* mailbox_follow_rows_were_found frees it */
}

static void mailbox_follow_tick(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->follow.tick_timer = m->host->timer_add(m->self, mailbox_follow_tick_ms, 0, mailbox_follow_tick, nullptr);
	for (const auto &f : m->follow.followers) {
		mailbox_follow_take(m, f.get());
		mailbox_follow_flush(m, f.get());
		mailbox_follow_renew(m, f.get());
		mailbox_follow_pump(m, f.get());
	}
}

/* ---- beginning and end */

static bool mailbox_follow_is_name(const char *name)
{
	const size_t size = name ? strlen(name) : 0;

	return size >= 1 && size <= CS_FOLLOWER_NAME_MOST && std::all_of(name, name + size, [](char c) {
		       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
	       });
}

/* Another one is told from now on: of all that is not confirmed. */
static void mailbox_follow_begin_anew(mailbox *m, mailbox_follower *f)
{
	if (m->host->worker(m->self) != 0)
		return;
	mailbox_follow_flush(m, f);
	f->held.clear();
	f->queue.clear();
	f->dirty.clear();
	f->is_new = true;
	if (m->follow.tick_timer)
		m->host->timer_del(m->self, m->follow.tick_timer);
	m->follow.tick_timer = m->host->timer_add(m->self, 0, 0, mailbox_follow_tick, nullptr);
}

static mailbox_follower *mailbox_follow_add(mailbox *m, const char *name)
{
	if (m->follow.followers.empty() && m->host->worker(m->self) == 0)
		m->host->subscribe(m->self, mailbox_hint_follow_topic(m->follow.node));
	m->follow.followers.push_back(std::make_unique<mailbox_follower>());
	mailbox_follower *f = m->follow.followers.back().get();

	f->name = name;
	f->id = ++m->follow.last_id;
	return f;
}

int mailbox_follow_begin(void *context, const char *name, cs_mailbox_followed_fn *fn, void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);

	if (!fn || !mailbox_follow_is_name(name))
		return CS_EINVAL;
	mailbox_follower *f = mailbox_follow_find_name(m, name);

	if (!f && m->follow.followers.size() == mailbox_follow_names_most)
		return CS_EBUSY;
	if (!f)
		f = mailbox_follow_add(m, name);
	f->followings.push_back({fn, arg});
	mailbox_follow_begin_anew(m, f);
	return 0;
}

static void mailbox_follow_remove(mailbox *m, const mailbox_follower *f)
{
	std::erase_if(m->follow.followers, [f](const auto &each) { return each.get() == f; });
	if (!m->follow.followers.empty() || m->host->worker(m->self) != 0)
		return;
	m->host->unsubscribe(m->self, mailbox_hint_follow_topic(m->follow.node));
	for (cs_timer **timer : {&m->follow.flush_timer, &m->follow.tick_timer})
		if (cs_timer *armed = std::exchange(*timer, nullptr))
			m->host->timer_del(m->self, armed);
}

void mailbox_follow_end(void *context, const char *name, void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_follower *f = mailbox_follow_find_name(m, name);

	if (!f)
		return;
	const bool was_told = f->followings.back().arg == arg;

	std::erase_if(f->followings, [arg](const mailbox_following &each) { return each.arg == arg; });
	if (f->followings.empty()) {
		mailbox_follow_flush(m, f);
		mailbox_follow_remove(m, f);
	} else if (was_told) {
		mailbox_follow_begin_anew(m, f);
	}
}

void mailbox_follow_confirm(void *context, const char *name, uint64_t conversation, uint64_t seq)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_follower *f = mailbox_follow_find_name(m, name);
	mailbox_held *held = f ? mailbox_follow_held(f, conversation) : nullptr;

	if (!held || !held->known || seq > held->told || seq <= held->confirmed)
		return;
	held->confirmed = seq;
	mailbox_follow_make_dirty(m, f, conversation, held);
	mailbox_follow_pass_by(m, f, conversation, held);
	if (std::exchange(held->is_full, false))
		mailbox_follow_list(f, conversation, held);
	mailbox_follow_pump(m, f);
}

std::vector<std::string> mailbox_follow_names(const mailbox *m)
{
	std::vector<std::string> names;

	for (const auto &f : m->follow.followers)
		names.push_back(f->name);
	return names;
}

void mailbox_follow_committed(mailbox *m, uint64_t node, uint64_t conversation)
{
	/* An instance may be subscribed to all topics. */
	if (node != m->follow.node || m->host->worker(m->self) != 0)
		return;
	for (const auto &f : m->follow.followers) {
		mailbox_held *held = &f->held[conversation];

		held->committed = true;
		mailbox_follow_list(f.get(), conversation, held);
		mailbox_follow_pump(m, f.get());
	}
}

void mailbox_follow_start(mailbox *m)
{
	m->follow.node = mailbox_follow_node();
}

uint64_t mailbox_follow_node(void)
{
	return mailbox_hint_process() >> 1 | 1; /* a column has 63 bits */
}
