/* SPDX-License-Identifier: MIT
 * Limits what all connections of one address have together: how many there are, and how much is read of them. The
 * address is the client's own: behind a proxy it is the one that the PROXY header names. A connection of a proxy
 * (core.proxy_from) without a header has no address of its own and is not limited: it is a check, or it stands for many
 * people. */
#include "core/net/conn.h"

#include <utility>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/address.h"
#include "core/net/conn_internal.h"

/* So many refused connections of an address are told the reason at a time, which takes a moment. Further ones are
 * closed at once, so that they cannot take the place of others. */
static constexpr int64_t conn_most_refusals_told = 8;
/* A worker logs refusals of so many addresses a second at most: one attacker may have many addresses. */
static constexpr int64_t conn_refusals_logged_every_ms = 1000;

bool conn_limits_addresses(const struct core_conf *conf)
{
	return conf->address_connections != 0 || conf->address_guests != 0 || conf->address_rate != 0 ||
	       conf->address_rate_bytes != 0;
}

/* ---- how many */

static void conn_log_refusal(const struct conn *c, const struct address_visit *visit)
{
	struct conn_table *t = c->worker->conns.get();
	const int64_t now = worker_monotonic_ms();

	if (!visit->is_log_due || now < t->tell_refusal_at)
		return;
	t->tell_refusal_at = now + conn_refusals_logged_every_ms;
	log_warning("connections of an address are refused peer=%s limit=%s connections=%lld without_login=%lld "
	            "refused=%lld",
	            c->peer.c_str(), visit->verdict == ADDRESS_FULL ? "address_connections" : "address_guests",
	            static_cast<long long>(visit->connections),
	            static_cast<long long>(visit->entry->guests.load(std::memory_order_relaxed)),
	            static_cast<long long>(visit->refusals));
}

static void conn_refuse_visit(struct conn *c, const struct address_visit *visit)
{
	const enum conn_turn turn =
		visit->verdict == ADDRESS_FULL ? CONN_TURN_ADDRESS_CONNECTIONS : CONN_TURN_ADDRESS_GUESTS;

	c->address_refused = true;
	conn_log_refusal(c, visit);
	if (visit->refused <= conn_most_refusals_told)
		return conn_turn_away(c, turn);
	conn_count_turn(c, turn);
	conn_close_logged(c, CS_LOG_DEBUG, conn_turn_names[turn]);
}

bool conn_enter_address(struct conn *c)
{
	struct worker *w = c->worker;

	c->has_address = true;
	if (conn_refuse_banned(c))
		return false;
	if (!w->conns->limits_addresses)
		return true;
	const struct address_visit visit =
		address_enter(w->shared->addresses, c->client, w->conf, worker_monotonic_ms());

	c->address = visit.entry;
	if (visit.verdict == ADDRESS_ADMITTED) {
		c->is_address_guest = true;
		return true;
	}
	conn_refuse_visit(c, &visit);
	return false;
}

void conn_leave_address(struct conn *c)
{
	struct address_entry *entry = std::exchange(c->address, nullptr);
	const int64_t now = worker_monotonic_ms();

	if (!entry)
		return;
	/* What it has asked for last is not charged yet. */
	(void)address_charge(entry, c->worker->conf, std::exchange(c->cost_due, 0), 0, now);
	if (c->is_address_guest)
		address_count_guest(entry, false);
	c->is_address_guest = false;
	address_leave(c->worker->shared->addresses, entry, c->worker->conf, c->address_refused, now);
}

void conn_count_address_guest(struct conn *c, bool is_guest)
{
	if (!c->address || c->address_refused || c->is_address_guest == is_guest)
		return;
	c->is_address_guest = is_guest;
	address_count_guest(c->address, is_guest);
}

void conn_review_address(struct conn *c)
{
	struct worker *w = c->worker;

	if (!w->conns->limits_addresses)
		return conn_leave_address(c);
	if (c->address || !c->has_address || c->closing || c->dead)
		return;
	c->is_address_guest = c->guest && c->guest->is_guest;
	c->address = address_join(w->shared->addresses, c->client, w->conf, c->is_address_guest, worker_monotonic_ms());
}

/* ---- how much */

void conn_charge_address(struct conn *c, int64_t cost, int64_t bytes, int64_t now_ms)
{
	if (c->address)
		conn_pause(c, CONN_PAUSE_ADDRESS, address_charge(c->address, c->worker->conf, cost, bytes, now_ms));
}

/* Who has waited is read once, whatever the others have sent meanwhile, so they take turns. A handshake is let finish:
 * its bytes are not counted, and it must be done in time. */
bool conn_waits_for_address(struct conn *c)
{
	/* Mostly the address is within its rates: then the clock is not asked, either. */
	if (!c->address || c->address->free_at.load(std::memory_order_relaxed) == 0 || c->has_waited ||
	    (c->transport && c->transport->handshake_until != 0))
		return false;
	const int64_t wait = address_wait(c->address, c->worker->conf, worker_monotonic_ms());

	conn_pause(c, CONN_PAUSE_ADDRESS, wait);
	return wait > 0;
}
