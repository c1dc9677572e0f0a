/* SPDX-License-Identifier: MIT
 * Feeds the watchdog of the service manager (sd_watchdog_enabled(3)) while every thread moves. Main thread. */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

#include <cstdint>
#include <memory>

#include <chatserverd/plugin.h>

#include "core/base/loop.h"

struct store;
struct watchdog;
struct worker_shared;

struct watchdog_deleter {
	void operator()(struct watchdog *w) const; /* when no loop has a post left */
};
using watchdog_ptr = std::unique_ptr<struct watchdog, watchdog_deleter>;

/* The time within which the service manager wants to hear of this process, from WATCHDOG_USEC and WATCHDOG_PID, in ms;
 * 0: it does not watch. */
int64_t watchdog_interval(void);
/* From now on the main loop feeds the watchdog four times in each interval, but only if since the last time each worker
 * and the bus thread have run a post, and no thread of the store is longer than store.hang_timeout in one call. If half
 * of the interval is over without that, the log names the threads that stand still. Null: nobody watches. 0, or
 * CS_EINVAL with the text in e. */
[[nodiscard]] int watchdog_open(watchdog_ptr *watchdog_r, struct loop *main, const struct worker_shared *shared,
                                struct cs_error *e);

#endif
