/* SPDX-License-Identifier: MIT
 * Refuses connections of banned networks, and closes those that were there before the ban. */
#include "core/net/conn.h"

#include <memory>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/ban.h"
#include "core/net/conn_internal.h"

/* Places of the worker's table that are looked at in a turn. */
static constexpr uint32_t conn_ban_places_per_turn = 4096;

/* A plain connection is told why with one write, which need not succeed: it must cost little. */
bool conn_refuse_banned(struct conn *c)
{
	static const struct cs_request unknown = {.msgid = 0, .req = -1};
	struct ban_table *bans = c->worker->shared->bans;

	if (!bans || !ban_holds(bans, c->client))
		return false;
	conn_count_turn(c, CONN_TURN_BANNED);
	if (!c->transport) {
		conn_leave_beginning(c);
		conn_refuse(c, &unknown, CS_MSGID_ACK, CS_ERRNO_NOT_ALLOWED, conn_banned_text);
		if (!c->dead && !c->write_waiting)
			conn_write(c);
	}
	conn_close_logged(c, CS_LOG_DEBUG, conn_banned_text);
	return true;
}

/* A look at the connections of a worker, in pieces. */
struct conn_ban_look {
	struct worker *worker;
	uint32_t slot;
};

static void conn_ban_run(void *arg)
{
	std::unique_ptr<struct conn_ban_look> look(static_cast<struct conn_ban_look *>(arg));
	struct worker *w = look->worker;
	const auto &slots = w->conns->slots;

	for (uint32_t n = 0; n < conn_ban_places_per_turn && look->slot < slots.size(); n++, look->slot++) {
		struct conn *c = slots[look->slot].get();

		if (c && c->has_address && !c->dead && !c->closing && ban_holds(w->shared->bans, c->client))
			conn_turn_away(c, CONN_TURN_BANNED);
	}
	if (look->slot < slots.size())
		loop_post(&w->loop, conn_ban_run, look.release());
}

void conn_close_banned(struct worker_shared *shared)
{
	for (const auto &w : shared->workers) {
		auto look = std::make_unique<struct conn_ban_look>(conn_ban_look{w.get(), 0});

		loop_post(&w->loop, conn_ban_run, look.release());
	}
}
