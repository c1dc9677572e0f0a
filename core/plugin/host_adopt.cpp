/* SPDX-License-Identifier: MIT
 * Connections that plugins make themselves, of one end of a socket pair. */
#include <algorithm>
#include <utility>

#include "core/base/worker.h"
#include "core/net/adopt.h"
#include "core/net/conn.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"

/* One that is not would not hear of the connection's end. */
static bool host_is_in_force(const struct cs_self *self)
{
	const auto &instances = self->worker->instances;

	return self->index < instances.size() && instances[self->index].get() == self;
}

static bool host_is_fresh(const struct cs_self *self)
{
	const auto &fresh = self->worker->fresh;

	return std::any_of(fresh.begin(), fresh.end(), [self](const auto &each) { return each.get() == self; });
}

int host_adopt(struct cs_self *self, int fd, const char *peer, unsigned flags, cs_conn *conn_r)
{
	struct worker *w = self->worker;

	if (!self->started || flags != 0 || !adopt_is_possible(fd, peer))
		return CS_EINVAL;
	if (host_is_fresh(self))
		return CS_EBUSY;
	if (self->posts_ended || !w->takes_connections || w->draining || !host_is_in_force(self))
		return CS_ECANCELED;
	if (!adopt_prepare(fd))
		return CS_EINVAL;
	if (!conn_reserve(w))
		return CS_EBUSY;
	unique_fd owned(fd);
	const int result = conn_adopt(w, &owned, peer, conn_r);

	if (result != 0)
		(void)std::exchange(owned.fd, -1); /* it stays the caller's */
	return result;
}
