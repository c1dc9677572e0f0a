/* SPDX-License-Identifier: MIT
 * Notes when the named devices of this worker's sessions were seen. */
#include "named.h"

#include <algorithm>
#include <memory>

#include "../model/devices.h"
#include "sessions.h"

static const int64_t named_tick_ms = 1000;
static const int64_t named_day_ms = 24 * 3600 * 1000;

/* One item of a batch has at most so many devices. */
static const size_t named_most = 256;

/* ---- when they were seen: at their logins, at the ends of their sessions, and once a day */

struct named_seen {
	std::vector<message_reader> devices;
	int64_t now = 0;
};

static int named_seen_run(cs_db *db, void *const *items, size_t count, int)
{
	std::vector<message_reader> devices;
	int64_t now = 0;

	for (size_t i = 0; i < count; i++) {
		const named_seen *seen = static_cast<const named_seen *>(items[i]);

		devices.insert(devices.end(), seen->devices.begin(), seen->devices.end());
		now = std::max(now, seen->now);
	}
	return device_note_seen(db, devices, now);
}

/* If it fails, the next time is noted: a device is forgotten only after many days. */
static void named_seen_done(void *, int, void *item)
{
	const std::unique_ptr<named_seen> seen(static_cast<named_seen *>(item));
}

static const cs_batch named_seen_batch = {"devices seen", named_seen_run, nullptr, named_seen_done};
static const uint64_t named_seen_key = UINT64_C(0x7365656e);

/* False: the store has no room now, and they are kept. */
static bool named_seen_hand_in(login_plugin *p)
{
	const plugin_context &c = p->context;
	auto seen = std::make_unique<named_seen>();
	auto end = p->seen.begin();

	for (; end != p->seen.end() && seen->devices.size() < named_most; ++end)
		seen->devices.push_back({end->first, end->second});
	seen->now = c.host->now();
	if (c.host->batch(c.self, &named_seen_batch, named_seen_key, seen.get(), sizeof *seen) != 0)
		return false;
	(void)seen.release(); /* named_seen_done frees it */
	p->seen.erase(p->seen.begin(), end);
	return true;
}

/* Sessions that began at different times have their days at different times. */
static void named_see_due(login_plugin *p)
{
	const int64_t now = p->context.host->now();

	for (size_t i = 0; i < named_most && !p->due.empty() && p->due.begin()->first <= now; i++) {
		const cs_conn conn = p->due.begin()->second;
		login_session *session = &p->sessions.at(conn);

		p->due.erase(p->due.begin());
		session->due = now + named_day_ms;
		p->due.insert({session->due, conn});
		p->seen.insert({session->account, session->device});
	}
}

void named_on_opened(login_plugin *plugin, cs_conn conn)
{
	const auto found = plugin->sessions.find(conn);

	if (found == plugin->sessions.end() || found->second.device == 0)
		return;
	found->second.due = plugin->context.host->now() + named_day_ms;
	plugin->due.insert({found->second.due, conn});
}

void named_on_closed(login_plugin *plugin, cs_conn conn)
{
	const auto found = plugin->sessions.find(conn);

	if (found == plugin->sessions.end() || found->second.due == 0)
		return;
	plugin->due.erase({found->second.due, conn});
	plugin->seen.insert({found->second.account, found->second.device});
}

/* ---- the timer */

static void named_tick(void *state, void *)
{
	login_plugin *p = static_cast<login_plugin *>(state);

	named_see_due(p);
	while (!p->seen.empty() && named_seen_hand_in(p))
		continue;
	login_sessions_tick(p);
}

void named_start(login_plugin *plugin)
{
	const plugin_context &c = plugin->context;

	plugin->named_timer = c.host->timer_add(c.self, named_tick_ms, 1, named_tick, nullptr);
}

void named_stop(login_plugin *plugin)
{
	if (plugin->named_timer)
		plugin->context.host->timer_del(plugin->context.self, plugin->named_timer);
	plugin->named_timer = nullptr;
}
