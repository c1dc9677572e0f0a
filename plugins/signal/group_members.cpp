/* SPDX-License-Identifier: MIT
 * Signals to the members of a group. The members are read from the store and remembered for about a second. */
#include <algorithm>
#include <memory>

#include "../model/groups.h"
#include "signal.h"

/* ms. For so long the members that were read are used: a removed member can still get signals, and a new one gets none
 * yet. */
static constexpr int64_t signal_group_good_ms = 900;
/* ms. After that the members are read again in the background, so that signals to a busy group never wait. */
static constexpr int64_t signal_group_renew_ms = 450;
/* ms. A refusal is given by members that were read lately: the sender may just have joined. */
static constexpr int64_t signal_group_refusal_good_ms = 100;
static constexpr size_t signal_group_most_groups = 1024; /* groups that are remembered; 4 MB of members */

struct group_read {
	uint64_t group = 0;
	int64_t asked_ms = 0;
	std::vector<uint64_t> members;
};

static int signal_group_read_members(cs_db *db, void *arg)
{
	group_read *read = static_cast<group_read *>(arg);

	read->members.clear();
	return group_members(db, read->group, signal_most_members + 1, &read->members);
}

static int signal_group_refuse(const plugin_context &c, cs_conn conn, const cs_request &request, int wire_errno,
                               const char *text)
{
	return c.host->refuse(c.self, conn, &request, wire_errno, "%s", text);
}

/* ---- groups that are full: their members are not remembered, so the sender is looked for. Who is no member is not
 * told how large the group is. */

struct full_read {
	cs_request request = {};
	uint64_t account = 0, group = 0;
};

static int signal_group_read_sender(cs_db *db, void *arg)
{
	const full_read *read = static_cast<full_read *>(arg);
	uint64_t joined_seq = 0;

	return group_find_member(db, read->account, read->group, &joined_seq);
}

static void signal_group_sender_known(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<full_read> read(static_cast<full_read *>(arg));
	const plugin_context &c = static_cast<signal_plugin *>(state)->context;

	if (result == 0)
		(void)signal_group_refuse(c, conn, read->request, CS_ERRNO_FULL,
		                          "the group has too many members for signals");
	else if (result == MODEL_NONE)
		(void)signal_group_refuse(c, conn, read->request, CS_ERRNO_NO_SUCH_GROUP, "groupid names no group");
	else if (result == MODEL_NOT_MEMBER)
		(void)signal_group_refuse(c, conn, read->request, CS_ERRNO_NOT_ALLOWED, "not a member of the group");
	else
		(void)c.host->refuse_result(c.self, conn, &read->request, result);
	(void)c.host->finish(c.self, conn);
}

static int signal_group_refuse_full(const signal_plugin *p, uint64_t group, cs_conn conn, cs_account account,
                                    const cs_request &request)
{
	const plugin_context &c = p->context;
	auto read = std::make_unique<full_read>(full_read{request, account, group});
	const int result = c.host->work(c.self, conn, CS_WORK_READ, signal_group_read_sender, signal_group_sender_known,
	                                read.get());

	if (result)
		return c.host->refuse_result(c.self, conn, &request, result);
	(void)read.release(); /* the completion owns it now */
	return CS_PENDING;
}

/* ---- groups whose members are known */

static int signal_group_send(const signal_plugin *p, const signal_group &g, uint64_t group, cs_conn conn,
                             cs_account account, const cs_request &request, std::string_view bytes)
{
	const plugin_context &c = p->context;

	if (!g.exists)
		return signal_group_refuse(c, conn, request, CS_ERRNO_NO_SUCH_GROUP, "groupid names no group");
	if (g.is_full)
		return signal_group_refuse_full(p, group, conn, account, request);
	if (!std::binary_search(g.members.begin(), g.members.end(), account))
		return signal_group_refuse(c, conn, request, CS_ERRNO_NOT_ALLOWED, "not a member of the group");
	if (g.members.size() > 1) {
		/* Every worker of every node looks at each member. */
		const size_t cost = g.members.size() / 16 + bytes.size() / 1024;
		const std::string text = signal_parcel_encode(g.members, account, bytes);
		const cs_parcel parcel = {nullptr, 0, c.host->share(text.data(), text.size())};

		(void)c.host->charge(c.self, conn, static_cast<uint32_t>(cost));
		(void)c.host->route_all(c.self, 0, &parcel, CS_ROUTE_CASUAL);
		c.host->unshare(parcel.body);
	}
	c.host->answer(c.self, conn, &request, "");
	return CS_DONE;
}

static int signal_group_ask(signal_plugin *p, signal_group *g, uint64_t group, int64_t now);

/* For those who still wait. */
static void signal_group_read_again(signal_plugin *p, signal_group *g, uint64_t group)
{
	const int result =
		g->waiting.empty() || g->reading ? 0 : signal_group_ask(p, g, group, p->context.host->monotonic());

	if (!result)
		return;
	for (const signal_waiting &w : g->waiting) {
		p->waiting_bytes -= w.bytes.size();
		(void)p->context.host->refuse_result(p->context.self, w.conn, &w.request, result);
		(void)p->context.host->finish(p->context.self, w.conn);
	}
	g->waiting.clear();
}

static void signal_group_known(void *state, cs_conn, int result, void *arg)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	const std::unique_ptr<group_read> read(static_cast<group_read *>(arg));
	signal_group *g = &p->groups[read->group];
	std::vector<signal_waiting> waiting;

	g->reading = false;
	waiting.swap(g->waiting);
	if (result == 0 || result == MODEL_NONE) {
		g->asked_ms = read->asked_ms;
		g->exists = result == 0;
		g->is_full = read->members.size() > signal_most_members;
		g->members.clear();
		if (!g->is_full)
			g->members = std::move(read->members);
		std::sort(g->members.begin(), g->members.end());
		result = 0;
	}
	for (signal_waiting &w : waiting) {
		/* A slow read is too old for what came long after it was requested. */
		if (!result && w.arrived_ms - read->asked_ms > signal_group_good_ms) {
			g->waiting.push_back(std::move(w));
			continue;
		}
		p->waiting_bytes -= w.bytes.size();
		if (result)
			(void)p->context.host->refuse_result(p->context.self, w.conn, &w.request, result);
		else if (signal_group_send(p, *g, read->group, w.conn, w.account, w.request, w.bytes) == CS_PENDING)
			continue;
		(void)p->context.host->finish(p->context.self, w.conn);
	}
	signal_group_read_again(p, g, read->group);
	/* Numbers that name no group take no room from those that do. */
	if (!g->exists && g->waiting.empty() && !g->reading)
		p->groups.erase(read->group);
}

static int signal_group_ask(signal_plugin *p, signal_group *g, uint64_t group, int64_t now)
{
	auto read = std::make_unique<group_read>();

	read->group = group;
	read->asked_ms = now;
	const int result = p->context.host->work(p->context.self, 0, CS_WORK_READ, signal_group_read_members,
	                                         signal_group_known, read.get());
	if (result)
		return result;
	(void)read.release(); /* the completion owns it now */
	g->reading = true;
	return 0;
}

/* Forgets groups that are too old to be used. A group that is being read is kept. */
static void signal_group_make_room(signal_plugin *p, int64_t now)
{
	std::erase_if(p->groups, [now](const auto &entry) {
		return !entry.second.reading && now - entry.second.asked_ms > signal_group_good_ms;
	});
}

static bool signal_group_is_good(const signal_group &g, int64_t now, int64_t most_ms)
{
	return g.asked_ms != 0 && now - g.asked_ms <= most_ms;
}

static bool signal_group_lets_send(const signal_group &g, cs_account account)
{
	return g.exists && !g.is_full && std::binary_search(g.members.begin(), g.members.end(), account);
}

static int signal_group_wait(signal_plugin *p, signal_group *g, const cs_frame *frame)
{
	g->waiting.push_back({frame->conn, frame->account, frame->request, std::string(frame->bytes, frame->size),
	                      p->context.host->monotonic()});
	p->waiting_bytes += frame->size;
	return CS_PENDING;
}

int signal_to_group(signal_plugin *p, const cs_frame *frame, uint64_t group)
{
	const plugin_context &c = p->context;
	const int64_t now = c.host->monotonic();
	auto at = p->groups.find(group);
	int result = 0;

	if (at == p->groups.end()) {
		if (p->groups.size() >= signal_group_most_groups)
			signal_group_make_room(p, now);
		if (p->groups.size() >= signal_group_most_groups)
			return c.host->refuse_result(c.self, frame->conn, &frame->request, CS_EBUSY);
		at = p->groups.emplace(group, signal_group()).first;
	}
	signal_group *g = &at->second;
	const bool may_send = signal_group_lets_send(*g, frame->account);

	if (!g->reading &&
	    !signal_group_is_good(*g, now, may_send ? signal_group_renew_ms : signal_group_refusal_good_ms))
		result = signal_group_ask(p, g, group, now);
	if (signal_group_is_good(*g, now, may_send ? signal_group_good_ms : signal_group_refusal_good_ms))
		return signal_group_send(p, *g, group, frame->conn, frame->account, frame->request,
		                         {frame->bytes, frame->size});
	if (!result && p->waiting_bytes + frame->size > signal_most_waiting)
		result = CS_EBUSY;
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	return signal_group_wait(p, g, frame);
}
