/* SPDX-License-Identifier: MIT
 * An adapter of the bus for tests of the core: it plays all other nodes of a cluster, over the core's real bus and its
 * thread. */
#ifndef TESTS_SUPPORT_FAKE_BUS_H
#define TESTS_SUPPORT_FAKE_BUS_H

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/base/worker.h"
#include "core/bus/bus.h"

inline constexpr cs_bus_address fake_bus_address = 0x1234;

/* A call of the adapter that waits for its completion. */
struct fake_bus_call {
	struct cs_bus_session session;
	cs_bus_done_fn *done;
	void *arg;
};

struct fake_bus {
	bus_ptr bus;

	std::mutex mutex; /* guards all below */
	/* What the adapter was called for, each with a blank behind it: "claim:7", "kick:7" (a claim with that
	 * flag), "ending:7", "release:7", "send:7" and "send_to:7" (decimal), "send_all:0", "presence:2" (how
	 * many), "leave". Behind an account stands its device, if it has a name: "claim:7/2". */
	std::string trace;
	/* What claims are answered, one after the other, then claim_answer; with `keeps` they are not answered
	 * before fake_bus_answer. */
	std::deque<int> claim_answers;
	int claim_answer = 0;
	bool keeps = false;
	bool tells = true; /* a claim that is granted is told this: */
	bool alone = true; /* whether other nodes have no session of the account */
	bool proves = true; /* whoever is online elsewhere is there: said before CS_EEXIST is answered */
	std::deque<struct fake_bus_call> kept;
	uint64_t generation = 0; /* of the last claim */
	cs_conn conn = 0; /* of the last claim, ending or release */
	std::set<cs_account> online; /* on other nodes: presence */
	bool is_away = false; /* as presence answers it */
	std::string sent; /* the bytes that were sent last */
	std::vector<std::function<void()>> wishes;

	/* Bus thread. */
	const struct cs_bus_host *host = nullptr;
	void *core = nullptr;
	struct cs_bus_timer *timer = nullptr; /* of the next look for wishes */
};

/* Opens a bus over the fake adapter, starts its thread, gives it to shared; the node's address is
 * fake_bus_address. */
std::unique_ptr<struct fake_bus> fake_bus_start(struct worker_shared *shared);
/* As a server does: stops the bus. Completions that were due have been posted. */
void fake_bus_stop(struct fake_bus *f);
/* Runs fn on the bus thread, after all that was posted to it before, and waits for its end. */
void fake_bus_run(struct fake_bus *f, const std::function<void()> &fn);
/* Completes the oldest kept claim. */
void fake_bus_answer(struct fake_bus *f, int result);
/* How many claims wait to be answered. */
size_t fake_bus_kept(struct fake_bus *f);
/* The trace once the bus thread has run all that was posted to it before. */
std::string fake_bus_trace(struct fake_bus *f);
/* As the adapter's events. */
void fake_bus_set_address(struct fake_bus *f, cs_bus_address address);
void fake_bus_arrive(struct fake_bus *f, const std::string &bytes);
void fake_bus_close_session(struct fake_bus *f, cs_account account, cs_conn conn, uint64_t device = 0);
void fake_bus_tell_alone(struct fake_bus *f, cs_account account, uint64_t device, cs_conn conn, bool alone);

#endif
