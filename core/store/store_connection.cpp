/* SPDX-License-Identifier: MIT
 * The connection of a store engine: opened, lost and opened again, and whether the store answers at all. */
#include "core/store/store_connection.h"

#include "core/base/log.h"
#include "core/base/worker.h"

/* After so many ms a probe that has not ended no longer keeps others from trying. */
static constexpr int64_t store_connection_longest_probe = 10000;

static bool store_connection_limit_passes(struct log_limit *limit, uint64_t *held_back_r)
{
	const int64_t now = worker_monotonic_ms();
	int64_t next = limit->next_ms.load(std::memory_order_relaxed);

	if (now < next || !limit->next_ms.compare_exchange_strong(next, now + 1000, std::memory_order_relaxed)) {
		limit->held_back.fetch_add(1, std::memory_order_relaxed);
		return false;
	}
	*held_back_r = limit->held_back.exchange(0, std::memory_order_relaxed);
	return true;
}

bool store_connection_log(struct store_engine *engine, struct log_limit *limit, const char *text, int result,
                          const char *message)
{
	uint64_t held_back = 0;

	if (!store_connection_limit_passes(limit, &held_back))
		return false;
	log_error("%s connection=%s class=%d held_back=%llu message=\"%s\"", text, engine->role, result,
	          static_cast<unsigned long long>(held_back), message);
	return true;
}

const char *store_connection_message(const struct store_engine *engine)
{
	const char *text = engine->db ? engine->db->driver->message(engine->db.get()) : nullptr;

	return text ? text : "";
}

int store_connection_open(struct store_engine *engine, struct cs_error *e)
{
	struct cs_db *db = nullptr;

	if (engine->db)
		return CS_DB_OK;
	engine->returns = engine->shared->returns;
	const int result = engine->shared->driver->open(engine->shared->driver_conf, &db, e);

	if (result == CS_DB_OK)
		engine->db.reset(db);
	return result;
}

/* Closes a connection that has ended between two requests, or that is older than the store's last return. */
static void store_connection_drop_old(struct store_engine *engine)
{
	if (!engine->db)
		return;
	if (engine->returns != engine->shared->returns) {
		engine->db.reset();
	} else if (engine->db->driver->ended && engine->db->driver->ended(engine->db.get())) {
		log_debug("store connection ended while idle, another is opened connection=%s", engine->role);
		engine->db.reset();
	}
}

/* Logs a lost connection, unless it was opened before the store last answered again: the loss of such a connection is
 * known already. */
static void store_connection_note_lost(struct store_engine *engine, const char *text, int result, const char *message)
{
	struct store_shared *shared = engine->shared;
	const std::scoped_lock lock(shared->turns);

	if (engine->returns == shared->returns)
		store_connection_log(engine, &shared->lost_limit, text, result, message);
}

int store_connection_renew(struct store_engine *engine)
{
	struct cs_error e {};

	store_connection_drop_old(engine);
	const int failed = store_connection_open(engine, &e);

	if (failed == CS_DB_OK)
		return CS_DB_OK;
	store_connection_note_lost(engine, "store connection cannot be opened", failed, e.text);
	return CS_DB_UNKNOWN;
}

void store_connection_drop_lost(struct store_engine *engine)
{
	store_connection_note_lost(engine, "store connection lost", CS_DB_UNKNOWN, store_connection_message(engine));
	engine->db.reset();
}

bool store_connection_may_try(struct store_engine *engine, int64_t started, bool *probe_r)
{
	struct store_shared *shared = engine->shared;
	int64_t due = shared->probe_ms.load(std::memory_order_relaxed);

	*probe_r = shared->away.load(std::memory_order_relaxed);
	if (!*probe_r)
		return true;
	if (started < due || !shared->probe_ms.compare_exchange_strong(due, started + store_connection_longest_probe,
	                                                               std::memory_order_relaxed))
		return false;
	engine->db.reset(); /* the connection is older than the store's return */
	return true;
}

void store_connection_note_away(struct store_engine *engine, int64_t started)
{
	struct store_shared *shared = engine->shared;
	const std::scoped_lock lock(shared->turns);

	if (shared->answered_ms.load(std::memory_order_relaxed) >= started)
		return;
	shared->probe_ms.store(worker_monotonic_ms() + shared->patience.probe, std::memory_order_relaxed);
	if (!shared->away.exchange(true))
		log_error("store does not answer: requests are refused until it does connection=%s", engine->role);
}

void store_connection_note_answered(struct store_engine *engine)
{
	struct store_shared *shared = engine->shared;

	shared->answered_ms.store(worker_monotonic_ms(), std::memory_order_relaxed);
	if (!shared->away.load(std::memory_order_relaxed))
		return;
	const std::scoped_lock lock(shared->turns);

	if (!shared->away.exchange(false))
		return;
	engine->returns = ++shared->returns;
	log_warning("store answers again connection=%s", engine->role);
}
