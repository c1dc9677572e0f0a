/* SPDX-License-Identifier: MIT
 * Which tasks run in one turn of a writer, in which order, and which of them share a transaction. */
#include "core/store/store_turn.h"

#include <algorithm>

/* Limits of one transaction. */
static constexpr size_t store_turn_most_tasks = 256;
static constexpr size_t store_turn_most_bytes = 1024 * 1024;
/* Limits of one turn. */
static constexpr size_t store_turn_least_works = 8;
static constexpr size_t store_turn_items_for_a_work = 4;

bool store_turn_is_read(const struct store_task &task)
{
	return !task.batch && task.kind == CS_WORK_READ;
}

size_t store_turn_transaction(std::span<const struct store_task> tasks)
{
	size_t bytes = 0, length = 0;

	for (const struct store_task &task : tasks) {
		if (store_turn_is_read(task) || length == store_turn_most_tasks)
			break;
		bytes += task.bytes;
		if (length > 0 && bytes > store_turn_most_bytes)
			break;
		length++;
	}
	return length;
}

/* Sorts the items by kind and keeps the order within each kind: kinds do not depend on each other. */
static void store_turn_group_kinds(std::span<struct store_task> items)
{
	std::vector<const struct cs_batch *> kinds;
	const auto rank = [&kinds](const struct store_task &task) {
		return std::find(kinds.begin(), kinds.end(), task.batch) - kinds.begin();
	};

	for (const struct store_task &task : items) {
		if (static_cast<size_t>(rank(task)) == kinds.size())
			kinds.push_back(task.batch);
	}
	if (kinds.size() > 1)
		std::stable_sort(items.begin(), items.end(),
		                 [&rank](const auto &a, const auto &b) { return rank(a) < rank(b); });
}

/* Puts items before works: items next to each other need few statements. An item may pass works of other instances,
 * whose results nobody has seen yet, but no work of its own instance. Returns how many items are in front. */
static size_t store_turn_put_items_first(std::vector<struct store_task> *tasks)
{
	std::vector<const struct cs_self *> working;
	std::vector<struct store_task> first, rest;

	for (const struct store_task &task : *tasks) {
		const bool waits = std::find(working.begin(), working.end(), task.self) != working.end();

		if (!task.batch && !waits)
			working.push_back(task.self);
		(task.batch && !waits ? first : rest).push_back(task);
	}
	const size_t count = first.size();

	first.insert(first.end(), rest.begin(), rest.end());
	tasks->swap(first);
	return count;
}

size_t store_turn_begin(std::vector<struct store_task> *tasks)
{
	const size_t items = store_turn_put_items_first(tasks);
	const size_t works = items > 0 ? std::max(store_turn_least_works, items / store_turn_items_for_a_work)
	                               : store_turn_most_tasks;

	for (std::span<struct store_task> left = *tasks; !left.empty();) {
		const auto work = std::find_if(left.begin(), left.end(), [](const auto &task) { return !task.batch; });
		const auto length = static_cast<size_t>(work - left.begin());

		store_turn_group_kinds(left.first(length));
		left = left.subspan(std::min(length + 1, left.size()));
	}
	return std::min(items + works, tasks->size());
}
