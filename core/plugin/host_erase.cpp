/* SPDX-License-Identifier: MIT
 * Asks the plugins to remove what they keep about an account that is erased: one after the other, each by a work of its
 * own instance, so that an instance which is replaced meanwhile stays until its function has returned. */
#include <algorithm>
#include <cstdio>
#include <memory>

#include <chatserverd/db.h>

#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"
#include "core/store/store.h"

/* A round of questions. The end of the round frees it. */
struct erase_round {
	struct cs_self *self; /* who wants to know */
	struct cs_erasing *erasing; /* the caller's */
	cs_done_fn *done;
	void *arg;
	size_t next = 0; /* index of the instance that is asked next */
	int result = 0; /* of the first plugin that failed */
	/* Of the plugin that is asked. */
	const struct cs_self *asked = nullptr;
	bool more = false;
	int refused = 0; /* the CS_E that it returned */
};

static constexpr int host_erase_is_refused = 1; /* undoes the work, which is not run again */

/* What belongs to the database decides whether the work is run again. */
static bool host_erase_is_of_database(int result)
{
	return result <= CS_DB_RETRY;
}

/* It may run again, and sets all anew. */
static int host_erase_run(struct cs_db *db, void *arg)
{
	auto *round = static_cast<struct erase_round *>(arg);
	const int result = round->asked->declared->erase(db, round->erasing->account, round->erasing->most);

	round->more = result > 0;
	round->refused = result < 0 && !host_erase_is_of_database(result) ? result : 0;
	return round->refused ? host_erase_is_refused : std::min(result, 0);
}

static void host_erase_end(struct erase_round *ended, int result)
{
	const std::unique_ptr<struct erase_round> round(ended);
	struct cs_self *self = round->self;

	self->under_way.fetch_sub(1, std::memory_order_relaxed);
	if (!self->started)
		return; /* start() failed: the instance has no state */
	const plugin_call call(self, CALL_COMPLETION);

	round->done(self->state, 0, result, round->arg);
}

static void host_erase_go_on(struct erase_round *round);

static void host_erase_was_asked(void *, cs_conn, int result, void *arg)
{
	auto *round = static_cast<struct erase_round *>(arg);
	struct cs_erasing *erasing = round->erasing;

	if (result == CS_ECANCELED)
		return host_erase_end(round, result);
	if (result == 0 && round->more)
		erasing->more = 1;
	if (result != 0 && round->result == 0) {
		round->result = result > 0 ? round->refused : result;
		(void)snprintf(erasing->plugin, sizeof erasing->plugin, "%s", round->asked->plugin->name.c_str());
	}
	host_erase_go_on(round);
}

/* Asks the next one. A reload may have changed the instances since the last one was asked, but not their places. */
static void host_erase_go_on(struct erase_round *round)
{
	const struct worker *w = round->self->worker;

	while (round->next < w->instances.size()) {
		struct cs_self *asked = w->instances[round->next++].get();

		if (!asked->started || !asked->declared->erase)
			continue;
		round->asked = asked;
		const int result = store_work(w->shared->store, asked, 0, 0, CS_WORK_WRITE, host_erase_run,
		                              host_erase_was_asked, round);
		if (result == 0)
			return;
		*round->erasing->plugin = '\0';
		return host_erase_end(round, result);
	}
	host_erase_end(round, round->result);
}

static void host_erase_begin(void *arg)
{
	host_erase_go_on(static_cast<struct erase_round *>(arg));
}

int host_ask_erase(struct cs_self *self, struct cs_erasing *erasing, cs_done_fn *done, void *arg)
{
	if (erasing->account == 0 || erasing->most == 0 || erasing->spare[0] || erasing->spare[1])
		return CS_EINVAL;
	auto round = std::make_unique<struct erase_round>(
		erase_round{.self = self, .erasing = erasing, .done = done, .arg = arg});

	erasing->more = 0;
	*erasing->plugin = '\0';
	self->under_way.fetch_add(1, std::memory_order_relaxed);
	loop_post(&self->worker->loop, host_erase_begin, round.release());
	return 0;
}
