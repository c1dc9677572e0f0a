/* SPDX-License-Identifier: MIT
 * The connection of a store engine: opened, lost and opened again, and whether the store answers at all. The engine's
 * thread; before that runs, the main thread. */
#ifndef CORE_STORE_CONNECTION_H
#define CORE_STORE_CONNECTION_H

#include "core/store/store_engine.h"

/* Opens the connection unless it is open. CS_DB_OK or a class; text in e. */
[[nodiscard]] int store_connection_open(struct store_engine *engine, struct cs_error *e);
/* Opens another if it was lost, has ended between two requests, or is older than the store's last return. Logs where
 * that fails. CS_DB_OK or CS_DB_UNKNOWN. */
[[nodiscard]] int store_connection_renew(struct store_engine *engine);
/* It does not answer: closes it. */
void store_connection_drop_lost(struct store_engine *engine);

/* Whether a request that began at started (ms, monotonic) may run. It may be the one that tries whether the store is
 * back; then the connection is closed first. false: the store is away, and it is too early to try again, or another
 * request tries just now. *probe_r: it is away, so one run is enough. */
[[nodiscard]] bool store_connection_may_try(struct store_engine *engine, int64_t started, bool *probe_r);
/* The store did not answer the request that began at started: later ones need not wait in vain as this one did. Does
 * nothing if another connection was answered meanwhile: then only this one hangs. */
void store_connection_note_away(struct store_engine *engine, int64_t started);
/* The store answers. If it was away, all other connections are older than its return and are opened again. */
void store_connection_note_answered(struct store_engine *engine);

/* The text of the last error, or "". It belongs to the connection. */
const char *store_connection_message(const struct store_engine *engine);
/* Logs an error of the connection, at most one a second for each limit. true: the line was written. */
bool store_connection_log(struct store_engine *engine, struct log_limit *limit, const char *text, int result,
                          const char *message);

#endif
