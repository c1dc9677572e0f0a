/* SPDX-License-Identifier: MIT
 * Appends a batch of messages: finds, makes and locks their conversations, finds repeated cids, assigns seq, stores
 * rows. */
#include "append.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "dialect.h"
#include "sql.h"

/* ---- the conversations of a batch */

static auto model_target_key(const append_target &target)
{
	return std::make_tuple(target.kind, target.low, target.high);
}

static bool model_target_less(const append_target &x, const append_target &y)
{
	return model_target_key(x) < model_target_key(y);
}

static bool model_target_same(const append_target &x, const append_target &y)
{
	return model_target_key(x) == model_target_key(y);
}

static append_target model_target_of(const message_append &item)
{
	append_target target;

	target.kind = item.kind;
	target.low = item.kind == CONVERSATION_GROUP ? item.to : std::min(item.sender, item.to);
	target.high = item.kind == CONVERSATION_GROUP ? 0 : std::max(item.sender, item.to);
	return target;
}

static append_target *model_target_find(append_batch *b, const append_target &wanted)
{
	const auto at = std::lower_bound(b->targets.begin(), b->targets.end(), wanted, model_target_less);

	return at != b->targets.end() && model_target_same(*at, wanted) ? &*at : nullptr;
}

append_target *append_target_of(append_batch *b, const message_append &item)
{
	return model_target_find(b, model_target_of(item));
}

static void model_collect_targets(append_batch *b)
{
	for (const message_append *item : b->items)
		if (!item->repeated)
			b->targets.push_back(model_target_of(*item));
	std::sort(b->targets.begin(), b->targets.end(), model_target_less);
	b->targets.erase(std::unique(b->targets.begin(), b->targets.end(), model_target_same), b->targets.end());
}

static int model_pair_take(void *arg, const cs_db_value *columns, size_t)
{
	append_target wanted;

	wanted.low = sql_number_of(columns[0]);
	wanted.high = sql_number_of(columns[1]);
	if (append_target *target = model_target_find(static_cast<append_batch *>(arg), wanted))
		target->id = sql_number_of(columns[2]);
	return 0;
}

/* Finds the ids of these pairs. tail ends the statement. */
static int model_find_pairs(append_batch *b, std::span<append_target *const> pairs, const char *tail)
{
	std::vector<cs_db_value> values;

	for (const append_target *pair : pairs) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	return sql_run_many(
		b->db,
		{"SELECT low, high, id FROM conversation WHERE ", "(low = ? AND high = ?)", " OR ", tail, 2, true},
		values, model_pair_take, b);
}

static std::vector<append_target *> model_pairs_without_id(append_batch *b)
{
	std::vector<append_target *> pairs;

	for (append_target &target : b->targets)
		if (target.kind == CONVERSATION_PAIR && target.id == 0)
			pairs.push_back(&target);
	return pairs;
}

static int model_id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

/* Removes the pairs whose accounts do not both exist. */
static int model_drop_pairs_of_strangers(append_batch *b, std::vector<append_target *> *pairs)
{
	std::vector<cs_db_value> values;
	std::vector<uint64_t> known;

	for (const append_target *pair : *pairs) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	const int result = sql_run_many(b->db, {"SELECT id FROM account WHERE id IN (", "?", ", ", ")", 1, true},
	                                values, model_id_take, &known);
	std::sort(known.begin(), known.end());
	std::erase_if(*pairs, [&known](const append_target *pair) {
		return !std::binary_search(known.begin(), known.end(), pair->low) ||
		       !std::binary_search(known.begin(), known.end(), pair->high);
	});
	return result;
}

/* Makes the missing pairs. Then reads the ids with locks: only such a read sees pairs that another writer made
 * meanwhile. */
static int model_make_pairs(append_batch *b)
{
	const std::string tail = dialect_or_nothing(b->db, "low");
	std::vector<append_target *> missing = model_pairs_without_id(b);
	std::vector<cs_db_value> values;
	int result = model_drop_pairs_of_strangers(b, &missing);

	if (result)
		return result;
	for (const append_target *pair : missing) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	result = sql_run_many(
		b->db,
		{"INSERT INTO conversation (kind, low, high, last_seq) VALUES ", "(0, ?, ?, 0)", ", ", tail, 2, false},
		values);
	return result ? result : model_find_pairs(b, missing, dialect_for_update(b->db));
}

/* Columns: id, kind, last_seq, in the order of id. arg: the batch; its by_id has the same order. */
static int model_locked_take(void *arg, const cs_db_value *columns, size_t)
{
	append_batch *b = static_cast<append_batch *>(arg);
	const uint64_t id = sql_number_of(columns[0]);
	const auto at =
		std::lower_bound(b->by_id.begin(), b->by_id.end(), id,
	                         [](const append_target *target, uint64_t wanted) { return target->id < wanted; });

	for (auto same = at; same != b->by_id.end() && (*same)->id == id; ++same)
		if (sql_number_of(columns[1]) == static_cast<uint64_t>((*same)->kind)) {
			(*same)->last_seq = sql_number_of(columns[2]);
			(*same)->locked = true;
		}
	return 0;
}

/* A client may name a group id that is a pair or does not exist: such a target is not locked. */
static int model_lock_targets(append_batch *b)
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
	return sql_run_many(b->db,
	                    {"SELECT id, kind, last_seq FROM conversation WHERE id IN (", "?", ", ", tail, 1, true},
	                    values, model_locked_take, b);
}

static int model_member_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<append_batch *>(arg)->members.emplace_back(sql_number_of(columns[0]), sql_number_of(columns[1]));
	return 0;
}

static int model_find_members(append_batch *b)
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
	                                values, model_member_take, b);
	std::sort(b->members.begin(), b->members.end());
	return result;
}

int append_find_targets(append_batch *b)
{
	model_collect_targets(b);
	int result = model_find_pairs(b, model_pairs_without_id(b), "");
	if (!result)
		result = model_make_pairs(b);
	if (!result)
		result = model_lock_targets(b);
	return result ? result : model_find_members(b);
}

/* ---- repetitions, seq, rows */

static bool model_cid_less(const message_append *a, const message_append *b)
{
	return a->sender != b->sender ? a->sender < b->sender : a->cid < b->cid;
}

/* Columns of a stored message: sender, cid, conversation, seq, created. arg: the items with a cid, sorted. */
static int model_repeat_take(void *arg, const cs_db_value *columns, size_t)
{
	const auto *items = static_cast<const std::vector<message_append *> *>(arg);
	message_append wanted;

	wanted.sender = sql_number_of(columns[0]);
	wanted.cid = sql_text_of(columns[1]);
	const auto same = std::equal_range(items->begin(), items->end(), &wanted, model_cid_less);
	for (auto at = same.first; at != same.second; ++at) {
		(*at)->repeated = true;
		(*at)->outcome = 0;
		(*at)->conversation = sql_number_of(columns[2]);
		(*at)->seq = sql_number_of(columns[3]);
		(*at)->created = columns[4].integer;
	}
	return 0;
}

/* Marks items whose cid was stored before, and gives them the conversation, seq and created of the stored message. */
static int model_find_repeats(cs_db *db, std::span<message_append *const> items)
{
	std::vector<message_append *> named;
	std::vector<cs_db_value> values;

	std::copy_if(items.begin(), items.end(), std::back_inserter(named),
	             [](const message_append *item) { return !item->cid.empty(); });
	std::sort(named.begin(), named.end(), model_cid_less);
	for (const message_append *item : named) {
		values.push_back(sql_integer(item->sender));
		values.push_back(sql_text(item->cid));
	}
	return sql_run_many(db,
	                    {"SELECT sender, cid, conversation, seq, created FROM message WHERE ",
	                     "(sender = ? AND cid = ?)", " OR ", "", 2, true},
	                    values, model_repeat_take, &named);
}

static void message_assign_seq(append_batch *b, message_append *item)
{
	append_target *target = append_target_of(b, *item);

	if (!target->locked)
		item->outcome = MODEL_NONE;
	else if (item->kind == CONVERSATION_GROUP &&
	         !std::binary_search(b->members.begin(), b->members.end(), std::make_pair(item->to, item->sender)))
		item->outcome = MODEL_NOT_MEMBER;
	if (item->outcome)
		return;
	item->conversation = target->id;
	item->seq = ++target->last_seq;
	target->changed = true;
	b->stored.push_back(item);
}

/* Assigns a seq to an item whose cid an earlier item of the batch may have. firsts: stored items with a cid, sorted. */
static void message_assign_seq_carefully(append_batch *b, message_append *item, std::vector<message_append *> *firsts)
{
	const auto at = std::lower_bound(firsts->begin(), firsts->end(), item, model_cid_less);

	if (!item->cid.empty() && at != firsts->end() && !model_cid_less(item, *at)) {
		item->repeated = true;
		item->conversation = (*at)->conversation;
		item->seq = (*at)->seq;
		item->created = (*at)->created;
		return;
	}
	message_assign_seq(b, item);
	if (!item->cid.empty() && !item->outcome)
		firsts->insert(at, item);
}

static void message_assign_seqs(append_batch *b, bool careful)
{
	std::vector<message_append *> firsts;

	for (message_append *item : b->items) {
		if (item->repeated)
			continue;
		if (careful)
			message_assign_seq_carefully(b, item, &firsts);
		else
			message_assign_seq(b, item);
	}
}

/* A repeated item that is refused inserts no row, so no duplicate key shows its cid. Without `careful`, look for it
 * here. */
static int model_find_refused_repeats(append_batch *b)
{
	std::vector<message_append *> refused;

	std::copy_if(b->items.begin(), b->items.end(), std::back_inserter(refused),
	             [](const message_append *item) { return item->outcome != 0; });
	return model_find_repeats(b->db, refused);
}

static int model_insert_rows(append_batch *b)
{
	std::vector<cs_db_value> values;

	/* In the order of the key, so that rows of one conversation lie side by side. */
	std::sort(b->stored.begin(), b->stored.end(), [](const message_append *x, const message_append *y) {
		return x->conversation != y->conversation ? x->conversation < y->conversation : x->seq < y->seq;
	});
	values.reserve(b->stored.size() * 6);
	for (const message_append *item : b->stored) {
		values.push_back(sql_integer(item->conversation));
		values.push_back(sql_integer(item->seq));
		values.push_back(sql_integer(item->sender));
		values.push_back(item->cid.empty() ? sql_null() : sql_text(item->cid));
		values.push_back(sql_text(item->body));
		values.push_back(sql_integer(static_cast<uint64_t>(item->created)));
	}
	return sql_run_many(b->db,
	                    {"INSERT INTO message (conversation, seq, sender, cid, body, created) VALUES ",
	                     "(?, ?, ?, ?, ?, ?)", ", ", "", 6, false},
	                    values);
}

/* An upsert, because an UPDATE with CASE makes MySQL lock rows that are not in the list. It never inserts: only locked
 * conversations are changed here. */
static int model_store_last_seq(append_batch *b)
{
	const std::string tail = dialect_or_set(b->db, "id", "last_seq");
	std::vector<cs_db_value> values;

	for (const append_target *target : b->by_id)
		if (target->changed) {
			values.push_back(sql_integer(target->id));
			values.push_back(sql_integer(target->kind));
			values.push_back(sql_integer(target->last_seq));
		}
	return sql_run_many(b->db,
	                    {"INSERT INTO conversation (id, kind, last_seq) VALUES ", "(?, ?, ?)", ", ", tail, 3, true},
	                    values);
}

static void model_reset_answers(std::span<message_append *const> messages)
{
	for (message_append *item : messages) {
		item->outcome = 0;
		item->repeated = false;
		item->conversation = 0;
		item->seq = 0;
	}
}

int message_append_all(cs_db *db, std::span<message_append *const> messages, bool careful)
{
	append_batch b = {.db = db, .items = messages, .targets = {}, .by_id = {}, .members = {}, .stored = {}};
	int result = 0;

	model_reset_answers(messages);
	if (careful)
		result = model_find_repeats(db, messages);
	if (!result)
		result = append_find_targets(&b);
	if (result)
		return result;
	message_assign_seqs(&b, careful);
	if (!careful)
		result = model_find_refused_repeats(&b);
	if (!result)
		result = model_insert_rows(&b);
	return result ? result : model_store_last_seq(&b);
}
