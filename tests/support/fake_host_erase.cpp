/* SPDX-License-Identifier: MIT
 * How the fake host asks its plugins to remove what they keep about an account. */
#include "fake_host_internal.h"

#include <algorithm>
#include <cstdio>

/* A round of questions. */
struct fake_erase_round {
	fake_self *self = nullptr; /* who wants to know */
	cs_erasing *erasing = nullptr;
	cs_done_fn *done = nullptr;
	void *arg = nullptr;
	size_t next = 0; /* index in the host's selves */
	int result = 0; /* of the first that failed */
	fake_self *asked = nullptr;
	bool more = false;
	int refused = 0; /* the CS_E that it returned */
};

static int erase_run(cs_db *db, void *arg)
{
	auto *round = static_cast<fake_erase_round *>(arg);
	const int result = round->asked->plugin->erase(db, round->erasing->account, round->erasing->most);

	round->more = result > 0;
	round->refused = result < 0 && result > CS_DB_RETRY ? result : 0;
	return round->refused ? 1 : std::min(result, 0);
}

static void erase_end(fake_erase_round *ended, int result)
{
	const std::unique_ptr<fake_erase_round> round(ended);

	round->done(round->self->state, 0, result, round->arg);
}

static void erase_go_on(fake_erase_round *round);

static void erase_was_asked(void *, cs_conn, int result, void *arg)
{
	auto *round = static_cast<fake_erase_round *>(arg);

	if (result == CS_ECANCELED)
		return erase_end(round, result);
	if (result == 0 && round->more)
		round->erasing->more = 1;
	if (result != 0 && round->result == 0) {
		round->result = result > 0 ? round->refused : result;
		(void)snprintf(round->erasing->plugin, sizeof round->erasing->plugin, "%s", round->asked->plugin->name);
	}
	erase_go_on(round);
}

static void erase_go_on(fake_erase_round *round)
{
	fake_host *host = round->self->host;

	while (round->next < host->selves.size()) {
		fake_self *asked = host->selves[round->next++];

		if (asked->worker != round->self->worker || !asked->plugin->erase)
			continue;
		round->asked = asked;
		const int result =
			host->table.work(fake_self_handle(asked), 0, CS_WORK_WRITE, erase_run, erase_was_asked, round);
		if (result == 0)
			return;
		*round->erasing->plugin = '\0';
		return erase_end(round, result);
	}
	erase_end(round, round->result);
}

int fake_erase_ask(cs_self *self, cs_erasing *erasing, cs_done_fn *done, void *arg)
{
	fake_host *host = self_of(self)->host;

	fake_host_record(host, {"ask erase", 0, erasing->account, 0, ""});
	if (erasing->account == 0 || erasing->most == 0 || erasing->spare[0] || erasing->spare[1])
		return CS_EINVAL;
	auto round = std::make_unique<fake_erase_round>();

	round->self = self_of(self);
	round->erasing = erasing;
	round->done = done;
	round->arg = arg;
	erasing->more = 0;
	*erasing->plugin = '\0';
	fake_host_defer(host, self_of(self)->worker, [begun = round.release()] { erase_go_on(begun); });
	return 0;
}
