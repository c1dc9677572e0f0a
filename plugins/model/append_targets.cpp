/* SPDX-License-Identifier: MIT
 * Owns finding, making and locking the conversations of a batch. It must not know seq or message rows. */
#include "append.h"

#include <algorithm>
#include <tuple>

#include "dialect.h"
#include "sql.h"

static auto target_key(const append_target &target)
{
	return std::make_tuple(target.kind, target.low, target.high);
}

static bool target_less(const append_target &x, const append_target &y)
{
	return target_key(x) < target_key(y);
}

static bool target_same(const append_target &x, const append_target &y)
{
	return target_key(x) == target_key(y);
}

static append_target target_of(const message_append &item)
{
	append_target target;

	target.kind = item.kind;
	target.low = item.kind == CONVERSATION_GROUP ? item.to : std::min(item.sender, item.to);
	target.high = item.kind == CONVERSATION_GROUP ? 0 : std::max(item.sender, item.to);
	return target;
}

static append_target *target_find(append_batch *b, const append_target &wanted)
{
	const auto at = std::lower_bound(b->targets.begin(), b->targets.end(), wanted, target_less);

	return at != b->targets.end() && target_same(*at, wanted) ? &*at : nullptr;
}

append_target *append_target_of(append_batch *b, const message_append &item)
{
	return target_find(b, target_of(item));
}

static void collect_targets(append_batch *b)
{
	for (const message_append *item : b->items)
		if (!item->repeated)
			b->targets.push_back(target_of(*item));
	std::sort(b->targets.begin(), b->targets.end(), target_less);
	b->targets.erase(std::unique(b->targets.begin(), b->targets.end(), target_same), b->targets.end());
}

static int pair_take(void *arg, const cs_db_value *columns, size_t)
{
	append_target wanted;

	wanted.low = sql_number_of(columns[0]);
	wanted.high = sql_number_of(columns[1]);
	if (append_target *target = target_find(static_cast<append_batch *>(arg), wanted))
		target->id = sql_number_of(columns[2]);
	return 0;
}

/* Finds the ids of these pairs; tail is what ends the statement. */
static int find_pairs(append_batch *b, std::span<append_target *const> pairs, const char *tail)
{
	std::vector<cs_db_value> values;

	for (const append_target *pair : pairs) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	return sql_run_many(b->db,
	                    {"SELECT low, high, id FROM conversation WHERE ", "(low = ? AND high = ?)",
	                     " OR ", tail, 2, true},
	                    values, pair_take, b);
}

static std::vector<append_target *> pairs_without_id(append_batch *b)
{
	std::vector<append_target *> pairs;

	for (append_target &target : b->targets)
		if (target.kind == CONVERSATION_PAIR && target.id == 0)
			pairs.push_back(&target);
	return pairs;
}

static int id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

/* Leaves those pairs whose two accounts exist. */
static int drop_pairs_of_strangers(append_batch *b, std::vector<append_target *> *pairs)
{
	std::vector<cs_db_value> values;
	std::vector<uint64_t> known;

	for (const append_target *pair : *pairs) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	const int result =
		sql_run_many(b->db, {"SELECT id FROM account WHERE id IN (", "?", ", ", ")", 1, true}, values,
	                     id_take, &known);
	std::sort(known.begin(), known.end());
	std::erase_if(*pairs, [&known](const append_target *pair) {
		return !std::binary_search(known.begin(), known.end(), pair->low) ||
		       !std::binary_search(known.begin(), known.end(), pair->high);
	});
	return result;
}

/* Reads the ids again by a locking read: that one also sees what another writer has made meanwhile. */
static int make_pairs(append_batch *b)
{
	const std::string tail = dialect_or_nothing(b->db, "low");
	std::vector<append_target *> missing = pairs_without_id(b);
	std::vector<cs_db_value> values;
	int result = drop_pairs_of_strangers(b, &missing);

	if (result)
		return result;
	for (const append_target *pair : missing) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	result = sql_run_many(b->db,
	                      {"INSERT INTO conversation (kind, low, high, last_seq) VALUES ", "(0, ?, ?, 0)",
	                       ", ", tail, 2, false},
	                      values);
	return result ? result : find_pairs(b, missing, dialect_for_update(b->db));
}

/* id, kind, last_seq, in the order of id; arg: the batch, whose by_id is in that order. */
static int locked_take(void *arg, const cs_db_value *columns, size_t)
{
	append_batch *b = static_cast<append_batch *>(arg);
	const uint64_t id = sql_number_of(columns[0]);
	const auto at = std::lower_bound(
		b->by_id.begin(), b->by_id.end(), id,
		[](const append_target *target, uint64_t wanted) { return target->id < wanted; });

	for (auto same = at; same != b->by_id.end() && (*same)->id == id; ++same)
		if (sql_number_of(columns[1]) == static_cast<uint64_t>((*same)->kind)) {
			(*same)->last_seq = sql_number_of(columns[2]);
			(*same)->locked = true;
		}
	return 0;
}

/* An id that a client gave as a group's may be a pair's or nobody's: such a target is not locked. */
static int lock_targets(append_batch *b)
{
	const std::string tail = std::string(") ORDER BY id") + dialect_for_update(b->db);
	std::vector<cs_db_value> values;

	for (append_target &target : b->targets) {
		if (target.kind == CONVERSATION_GROUP)
			target.id = target.low;
		if (target.id)
			b->by_id.push_back(&target);
	}
	std::sort(b->by_id.begin(), b->by_id.end(),
	          [](const append_target *x, const append_target *y) { return x->id < y->id; });
	for (const append_target *target : b->by_id)
		values.push_back(sql_integer(target->id));
	return sql_run_many(
		b->db,
		{"SELECT id, kind, last_seq FROM conversation WHERE id IN (", "?", ", ", tail, 1, true},
		values, locked_take, b);
}

static int member_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<append_batch *>(arg)->members.emplace_back(sql_number_of(columns[0]),
	                                                       sql_number_of(columns[1]));
	return 0;
}

static int find_members(append_batch *b)
{
	std::vector<std::pair<uint64_t, uint64_t>> asked;
	std::vector<cs_db_value> values;

	for (const message_append *item : b->items)
		if (!item->repeated && item->kind == CONVERSATION_GROUP)
			asked.emplace_back(item->to, item->sender);
	std::sort(asked.begin(), asked.end());
	asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
	for (const auto &[group, account] : asked) {
		values.push_back(sql_integer(group));
		values.push_back(sql_integer(account));
	}
	const int result = sql_run_many(b->db,
	                                {"SELECT conversation, account FROM member WHERE ",
	                                 "(conversation = ? AND account = ?)", " OR ", "", 2, true},
	                                values, member_take, b);
	std::sort(b->members.begin(), b->members.end());
	return result;
}

int append_find_targets(append_batch *b)
{
	collect_targets(b);
	int result = find_pairs(b, pairs_without_id(b), "");
	if (!result)
		result = make_pairs(b);
	if (!result)
		result = lock_targets(b);
	return result ? result : find_members(b);
}
