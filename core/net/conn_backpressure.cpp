/* SPDX-License-Identifier: MIT
 * Backpressure: everything that waits has a limit. A limit that can be set has the name of its option.
 *
 * - max_connections (listener.cpp): new connections wait in the kernel; the oldest guest is closed to make room.
 * - Connections of banned networks (conn_ban.cpp) are refused and closed.
 * - Connections of operators, 64 (conn_most_operators): for a further one the one that was silent longest is closed. No
 *   other limit of clients counts for them, but output_soft and output_hard do.
 * - login_connections and login_memory, of all guests together (conn_guest.cpp): the oldest guest is refused and
 *   closed.
 * - address_connections and address_guests, of one address (conn_address.cpp): a new connection is refused and closed.
 * - rate and rate_bytes of a connection (conn_limit.cpp), address_rate and address_rate_bytes of all connections of an
 *   address (conn_address.cpp): they are not read for a while.
 * - A PENDING request, output_soft, or a rate that is used up (conn_can_dispatch in conn_input.cpp): the connection is
 *   not read, further input waits in the kernel. At most the rest of one read (64 KiB, a guest's 4 KiB) is kept.
 * - output_soft, unsent bytes of a connection (conn_apply_backpressure): the connection is not read until less
 *   than half is left; senders get CS_EAGAIN, and the mailbox stops sending to that session.
 * - output_hard (conn_apply_backpressure): the connection is closed as a slow reader.
 * - output_memory, unsent bytes of all connections together (conn_unsent.cpp): no login is let in, then those who have
 *   most are closed.
 * - The store's queue and queue_bytes (store/store_queue.cpp), for each writer, for all readers and for all hashing
 *   threads: a new task gets CS_EBUSY, its client BUSY. A full hashing queue drops the last task of the client
 *   that has most, so that others can log in.
 * - Parcels that wait for one worker (session/route.cpp): 8 MiB of casual ones, 16 MiB of those of other nodes: further
 *   ones are dropped, the casual ones untold, the others made good by CS_CLUSTER_MISSED.
 * - The core's queue to the bus thread, 16 MiB (bus_most_waiting, bus/bus_send.cpp): casual sends are dropped from half
 *   of it on; other sends are dropped when it is full, and the other nodes are told to look at the store.
 * - The queue of bus_redis (plugins/bus_redis/traffic.cpp): from 4/8 of it on, questions who is online and sends whose
 *   result is reported are refused; from 6/8 on hints are dropped, and the other nodes are told to look at the store;
 *   from 7/8 on answers to one node are dropped; above all of it the connection to Redis is dropped and made again.
 * - Sends of a session under way in the store, 256 (plugins/mailbox/outgoing.cpp): the last one stays PENDING, so the
 *   connection is not read.
 * - Unconfirmed frames of a session that confirms, 256 (plugins/mailbox/cursors.cpp): the session is sent nothing
 *   more of others; it reads the store when it has confirmed.
 * - Hints that came too early (plugins/mailbox/incoming.cpp), 32 and 32 KiB a session, 8 MiB a worker: further ones are
 *   not kept, the session reads the store.
 * - Pulls under way, 64 a worker (plugins/mailbox/incoming.cpp): further sessions wait in pull_queue, each at most
 *   once. */
#include <algorithm>

#include "core/base/worker.h"
#include "core/net/conn.h"
#include "core/net/conn_internal.h"

int conn_apply_backpressure(struct conn *c, size_t added)
{
	const auto soft = static_cast<size_t>(c->worker->conf->output_soft);
	const auto hard = static_cast<size_t>(c->worker->conf->output_hard);

	if (added > soft)
		c->output->longest = std::max(c->output->longest, added);

	if (conn_unsent(c) > soft && !c->write_waiting && c->terminator != CONN_TERMINATOR_UNDECIDED) {
		conn_write(c);
		if (c->dead)
			return CS_ENOENT;
	}
	if (conn_unsent(c) > hard + (c->output ? c->output->longest : 0)) {
		conn_close(c, "slow reader");
		return CS_ENOENT;
	}
	if (conn_unsent(c) > soft)
		c->over_soft = true;
	return c->over_soft ? CS_EAGAIN : 0;
}

void conn_end_backpressure(struct conn *c)
{
	if (!c->over_soft || conn_unsent(c) >= static_cast<uint64_t>(c->worker->conf->output_soft) / 2)
		return;
	c->over_soft = false;
	conn_resume(c);
}
