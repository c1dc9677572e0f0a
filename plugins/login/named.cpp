/* SPDX-License-Identifier: MIT
 * The sessions of named devices on this worker. */
#include "named.h"

#include <algorithm>
#include <memory>

#include "../model/devices.h"
#include "devices.h"

static const int64_t named_tick_ms = 1000;
static const int64_t named_day_ms = 24 * 3600 * 1000;
static const int64_t named_check_ms = 8000; /* at least, between two checks */

/* One item of a batch, or one read, has at most so many devices. */
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
		login_session *session = &p->named.at(conn);

		p->due.erase(p->due.begin());
		session->due = now + named_day_ms;
		p->due.insert({session->due, conn});
		p->seen.insert({session->account, session->device});
	}
}

void named_on_opened(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device)
{
	const int64_t due = plugin->context.host->now() + named_day_ms;

	if (device == 0)
		return;
	plugin->named[conn] = {account, device, due};
	plugin->due.insert({due, conn});
}

void named_on_closed(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device)
{
	const auto found = plugin->named.find(conn);

	if (found == plugin->named.end())
		return;
	plugin->due.erase({found->second.due, conn});
	plugin->named.erase(found);
	plugin->seen.insert({account, device});
}

/* ---- sessions whose device is not there any more */

struct named_check {
	std::vector<message_reader> devices, missing;
};

static int named_look(cs_db *db, void *arg)
{
	named_check *check = static_cast<named_check *>(arg);

	return device_missing(db, check->devices, &check->missing);
}

static void named_check_more(login_plugin *p);

static void named_were_looked_up(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<named_check> check(static_cast<named_check *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	p->check_runs = false;
	if (result != 0) {
		p->check_again = true;
		p->unchecked.clear();
		return;
	}
	for (const message_reader &device : check->missing)
		login_devices_end_sessions(p, device.account, device.device);
	named_check_more(p);
}

/* One read at a time, and each begins in the tick if the store has no room now. */
static void named_check_more(login_plugin *p)
{
	const plugin_context &c = p->context;
	auto check = std::make_unique<named_check>();
	const size_t count = std::min(named_most, p->unchecked.size());

	if (p->check_runs || count == 0)
		return;
	check->devices.assign(p->unchecked.end() - static_cast<ptrdiff_t>(count), p->unchecked.end());
	if (c.host->work(c.self, 0, CS_WORK_READ, named_look, named_were_looked_up, check.get()) != 0)
		return;
	(void)check.release(); /* named_were_looked_up frees it */
	p->unchecked.resize(p->unchecked.size() - count);
	p->check_runs = true;
}

/* If it is wanted again while one is under way, it begins anew behind that one. */
static void named_check_begin(login_plugin *p)
{
	const int64_t now = p->context.host->now();

	if (p->check_again && !p->check_runs && p->unchecked.empty() && now >= p->next_check) {
		p->check_again = false;
		p->next_check = now + named_check_ms;
		for (const auto &[conn, session] : p->named)
			p->unchecked.push_back({session.account, session.device});
	}
	named_check_more(p);
}

void named_on_cluster(login_plugin *plugin, cs_cluster_event event)
{
	if (event == CS_CLUSTER_DEGRADED)
		return;
	plugin->losses++;
	if (plugin->named.empty())
		return;
	plugin->check_again = true;
	named_check_begin(plugin);
}

/* ---- the timer */

static void named_tick(void *state, void *)
{
	login_plugin *p = static_cast<login_plugin *>(state);

	named_see_due(p);
	while (!p->seen.empty() && named_seen_hand_in(p))
		continue;
	named_check_begin(p);
}

void named_start(login_plugin *plugin)
{
	const plugin_context &c = plugin->context;

	plugin->named_timer = c.host->timer_add(c.self, named_tick_ms, 1, named_tick, nullptr);
}

void named_stop(const login_plugin *plugin)
{
	plugin->context.host->timer_del(plugin->context.self, plugin->named_timer);
}
