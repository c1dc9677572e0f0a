/* SPDX-License-Identifier: MIT
 * Reads from the store whom sessions watch: one read at a time, a slice of what waits. What fails is read again. */
#include <memory>

#include "presence.h"

static constexpr size_t presence_slice_changes = 64; /* a read */
static constexpr size_t presence_slice_lists = 16;
static constexpr int64_t presence_retry_ms = 1000;
/* ms. The lists are not read again more often, whatever was lost, */
static constexpr int64_t presence_round_least_ms = 10000;
/* and so often while other nodes may not be heard. */
static constexpr int64_t presence_round_degraded_ms = 60000;

/* ---- what waits */

void presence_read_next(presence_plugin *p, presence_wish wish)
{
	bool *waits = &p->reads.wishes.try_emplace(wish, false).first->second;

	if (*waits)
		return;
	*waits = true;
	(wish.second ? p->reads.changes : p->reads.lists).push_back(wish);
}

bool presence_is_being_read(const presence_plugin *p, cs_conn conn, cs_account account)
{
	return p->reads.wishes.contains({conn, account});
}

/* ---- a read */

struct presence_item {
	presence_wish wish;
	cs_account account; /* of the session */
	std::vector<contact_listed> listed;
};

struct presence_slice {
	size_t most = 0; /* of a list */
	std::vector<presence_item> items;
};

static void presence_choose(presence_plugin *p, std::deque<presence_wish> *from, size_t most, presence_slice *slice)
{
	for (; most > 0 && !from->empty(); from->pop_front()) {
		const presence_wish wish = from->front();
		const auto session = p->sessions.find(wish.first);

		if (session == p->sessions.end()) {
			p->reads.wishes.erase(wish);
			continue;
		}
		p->reads.wishes[wish] = false;
		slice->items.push_back({wish, session->second.account, {}});
		most--;
	}
}

static int presence_slice_read(cs_db *db, void *arg)
{
	presence_slice *slice = static_cast<presence_slice *>(arg);
	int result = 0;

	for (size_t i = 0; i < slice->items.size() && !result; i++) {
		presence_item *item = &slice->items[i];

		result = contact_list(db, item->account, item->wish.second, slice->most, &item->listed);
	}
	return result;
}

static void presence_item_known(presence_plugin *p, const presence_item &item)
{
	const auto [conn, account] = item.wish;
	const auto wish = p->reads.wishes.find(item.wish);
	const auto session = p->sessions.find(conn);

	if (wish != p->reads.wishes.end() && !wish->second)
		p->reads.wishes.erase(wish);
	/* The connection may have a session of another account by now. */
	if (session == p->sessions.end() || session->second.account != item.account)
		return;
	if (account)
		presence_take_one(p, conn, &session->second, account,
		                  item.listed.empty() ? nullptr : item.listed.data());
	else
		presence_take_list(p, conn, &session->second, item.listed);
}

static void presence_read_slice(presence_plugin *p);

static void presence_retry(void *state, void *)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);

	p->reads.retry = nullptr;
	presence_read_slice(p);
}

static void presence_slice_known(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<presence_slice> slice(static_cast<presence_slice *>(arg));
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const plugin_context &c = p->context;

	for (const presence_item &item : slice->items) {
		if (result)
			presence_read_next(p, item.wish);
		else
			presence_item_known(p, item);
	}
	p->reads.is_reading = false;
	if (result)
		p->reads.retry = c.host->timer_add(c.self, presence_retry_ms, 0, presence_retry, nullptr);
	presence_read_slice(p);
}

static void presence_read_slice(presence_plugin *p)
{
	const plugin_context &c = p->context;
	auto slice = std::make_unique<presence_slice>();

	if (p->reads.is_reading || p->reads.retry)
		return;
	slice->most = presence_most_watched(p);
	presence_choose(p, &p->reads.changes, presence_slice_changes, slice.get());
	presence_choose(p, &p->reads.lists, presence_slice_lists, slice.get());
	if (slice->items.empty())
		return;
	p->reads.is_reading = true;
	const int result =
		c.host->work(c.self, 0, CS_WORK_READ, presence_slice_read, presence_slice_known, slice.get());
	presence_slice *handed_in = slice.release(); /* presence_slice_known owns it now */
	if (result)
		presence_slice_known(p, 0, result, handed_in);
}

void presence_read(presence_plugin *p, cs_conn conn, cs_account account)
{
	if (!p->sessions.contains(conn))
		return;
	presence_read_next(p, {conn, account});
	presence_read_slice(p);
}

/* ---- all of them */

static void presence_round(void *state, void *)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const plugin_context &c = p->context;

	p->reads.round = nullptr;
	p->reads.round_ms = c.host->monotonic();
	for (auto &[conn, session] : p->sessions) {
		session.is_doubtful = true;
		presence_read_next(p, {conn, 0});
	}
	presence_read_slice(p);
	if (p->reads.is_degraded)
		p->reads.round = c.host->timer_add(c.self, presence_round_degraded_ms, 0, presence_round, nullptr);
}

void presence_read_all(presence_plugin *p)
{
	const plugin_context &c = p->context;
	const int64_t wait = p->reads.round_ms + presence_round_least_ms - c.host->monotonic();

	if (p->reads.round)
		c.host->timer_del(c.self, p->reads.round);
	p->reads.round = c.host->timer_add(c.self, wait > 1 ? wait : 1, 0, presence_round, nullptr);
}

void presence_stop_reading(presence_plugin *p)
{
	for (cs_timer **timer : {&p->reads.retry, &p->reads.round}) {
		if (*timer)
			p->context.host->timer_del(p->context.self, *timer);
		*timer = nullptr;
	}
}
