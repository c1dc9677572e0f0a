/* SPDX-License-Identifier: MIT
 * Which tasks run in one turn of a writer, in which order, and which of them share a transaction. Store threads. */
#ifndef CORE_STORE_TURN_H
#define CORE_STORE_TURN_H

#include <span>
#include <vector>

#include "core/store/store_engine.h"

/* Sorts the tasks and returns how many of them run in this turn. A work costs more than an item, so only some works run
 * in a turn; the others come first in the next one. */
size_t store_turn_begin(std::vector<struct store_task> *tasks);
/* The number of tasks in the transaction that begins with the first task: as many as the limits allow. 0: the first is
 * a read, which is in no transaction. */
size_t store_turn_transaction(std::span<const struct store_task> tasks);
bool store_turn_is_read(const struct store_task &task);

#endif
