/* SPDX-License-Identifier: MIT
 * Owns the order between the session table of this node and the bus when a session ends. It must not know
 * connections, plugins or claims. */
#include "core/session/session_bus.h"

#include "core/bus/bus.h"
#include "core/session/session.h"
#include "core/base/worker.h"

void session_bus_end(struct worker_shared *shared, cs_account account, cs_conn conn)
{
	session_end(shared->sessions, account);
	if (shared->bus != nullptr)
		bus_ending(shared->bus, account, conn);
}

void session_bus_release(struct worker_shared *shared, cs_account account)
{
	cs_conn conn;

	if (!session_drop(shared->sessions, account, &conn))
		return;
	/* Nobody can take the place before session_free, so the next claim is posted after this. */
	if (shared->bus != nullptr)
		bus_release(shared->bus, account, conn);
	session_free(shared->sessions, account);
}
