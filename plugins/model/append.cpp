/* SPDX-License-Identifier: MIT
 * Appends a batch of messages: finds, makes and locks their conversations, finds repeated cids, assigns seq, stores
 * rows. */
#include "messages.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "contacts.h"
#include "dialect.h"
#include "sql.h"

/* ---- the conversations of a batch */

/* A conversation of the batch. A group has low = its id and high = 0. */
struct append_target {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t low = 0, high = 0;
	uint64_t id = 0; /* 0: not known */
	uint64_t last_seq = 0;
	unsigned flags = 0; /* of a pair: enum pair_flag */
	bool locked = false; /* the row exists, and this transaction has locked it */
	bool changed = false; /* last_seq was raised */
	bool first_written = false; /* flags were changed: an account writes here for the first time */
	bool unwanted = false; /* the pair is not made: it takes nothing of the batch */
};

struct append_batch {
	cs_db *db;
	std::span<message_append *const> items;
	std::vector<append_target> targets; /* by kind, low, high */
	std::vector<append_target *> by_id; /* targets with an id, sorted by id */
	std::vector<std::pair<uint64_t, uint64_t>> members; /* group and sender, sorted */
	std::vector<append_target *> target_of; /* of each item */
	std::vector<message_append *> stored; /* items that get a row */
};

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

static void model_collect_targets(append_batch *b)
{
	for (const message_append *item : b->items)
		b->targets.push_back(model_target_of(*item));
	std::sort(b->targets.begin(), b->targets.end(), model_target_less);
	b->targets.erase(std::unique(b->targets.begin(), b->targets.end(), model_target_same), b->targets.end());
}

/* Columns: id, kind, last_seq, low, high, flags. In SQLite a writer has locked all rows that it reads. */
static int model_pair_take(void *arg, const cs_db_value *columns, size_t)
{
	append_batch *b = static_cast<append_batch *>(arg);
	append_target wanted;

	wanted.low = sql_number_of(columns[3]);
	wanted.high = sql_number_of(columns[4]);
	if (append_target *target = model_target_find(b, wanted)) {
		target->id = sql_number_of(columns[0]);
		target->last_seq = sql_number_of(columns[2]);
		target->flags = static_cast<unsigned>(sql_number_of(columns[5]));
		target->locked = b->db->driver->dialect == CS_DB_SQLITE;
	}
	return 0;
}

/* Finds the ids of these pairs. tail ends the statement. */
static int model_find_pairs(append_batch *b, std::span<append_target *const> pairs, const char *tail)
{
	const std::string head = dialect_join(
		{"SELECT id, kind, last_seq, low, high, flags FROM ", dialect_conversations(b->db), " WHERE "});
	std::vector<cs_db_value> values;

	for (const append_target *pair : pairs) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	return sql_run_many(b->db, {head, "(low = ? AND high = ?)", " OR ", tail, 2, true}, values, model_pair_take, b);
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

/* Removes the pairs whose accounts do not both exist. Locks the accounts, in the order of their ids, so that nobody
 * changes what they say of each other before the pairs are there. */
static int model_drop_pairs_of_nobody(append_batch *b, std::vector<append_target *> *pairs)
{
	const std::string tail = dialect_join({") ORDER BY id", dialect_for_share(b->db)});
	std::vector<cs_db_value> values;
	std::vector<uint64_t> ids, known;

	for (const append_target *pair : *pairs)
		ids.insert(ids.end(), {pair->low, pair->high});
	std::sort(ids.begin(), ids.end());
	ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
	for (const uint64_t id : ids)
		values.push_back(sql_integer(id));
	const int result = sql_run_many(b->db, {"SELECT id FROM account WHERE id IN (", "?", ", ", tail, 1, true},
	                                values, model_id_take, &known);
	std::erase_if(*pairs, [&known](const append_target *pair) {
		return !std::binary_search(known.begin(), known.end(), pair->low) ||
		       !std::binary_search(known.begin(), known.end(), pair->high);
	});
	return result;
}

/* Columns: account, other, listed, blocked. */
static int model_contact_take(void *arg, const cs_db_value *columns, size_t)
{
	const uint64_t account = sql_number_of(columns[0]), other = sql_number_of(columns[1]);
	append_target wanted;

	wanted.low = std::min(account, other);
	wanted.high = std::max(account, other);
	if (append_target *target = model_target_find(static_cast<append_batch *>(arg), wanted))
		target->flags |= pair_contact_flags(account, other, sql_number_of(columns[2]) != 0,
		                                    sql_number_of(columns[3]) != 0);
	return 0;
}

/* Sets the flags of new pairs as the contacts say. */
static int model_find_contacts(append_batch *b, std::span<append_target *const> pairs)
{
	std::vector<cs_db_value> values;

	for (append_target *pair : pairs) {
		pair->flags = 0;
		for (const uint64_t id : {pair->low, pair->high, pair->high, pair->low})
			values.push_back(sql_integer(id));
	}
	return sql_run_many(b->db,
	                    {"SELECT account, other, listed, blocked FROM contact WHERE ",
	                     "(account = ? AND other = ?)", " OR ", "", 2, true},
	                    values, model_contact_take, b);
}

/* Removes the pairs that take nothing of the batch: so a refused message leaves no row. */
static void model_drop_unwanted_pairs(append_batch *b, std::vector<append_target *> *pairs)
{
	for (append_target *pair : *pairs)
		pair->unwanted = true;
	for (const message_append *item : b->items) {
		append_target *target = model_target_find(b, model_target_of(*item));

		if (target->unwanted && pair_lets_write(target->flags, item->sender, item->to, item->strangers_may))
			target->unwanted = false;
	}
	std::erase_if(*pairs, [](const append_target *pair) { return pair->unwanted; });
}

/* Makes the missing pairs. Then reads the ids with locks: only such a read sees pairs that another writer made
 * meanwhile. */
static int model_make_pairs(append_batch *b)
{
	const std::string tail = dialect_or_nothing(b->db, "low");
	std::vector<append_target *> missing = model_pairs_without_id(b);
	std::vector<cs_db_value> values;
	int result = model_drop_pairs_of_nobody(b, &missing);

	if (!result)
		result = model_find_contacts(b, missing);
	if (result)
		return result;
	model_drop_unwanted_pairs(b, &missing);
	for (const append_target *pair : missing) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
		values.push_back(sql_integer(pair->flags));
	}
	result = sql_run_many(
		b->db,
		{"INSERT INTO conversation (kind, low, high, flags) VALUES ", "(0, ?, ?, ?)", ", ", tail, 3, false},
		values);
	return result ? result : model_find_pairs(b, missing, dialect_for_update(b->db));
}

/* Columns: id, kind, last_seq, flags, in the order of id. arg: the batch; its by_id has the same order. */
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
			(*same)->flags = static_cast<unsigned>(sql_number_of(columns[3]));
			(*same)->locked = true;
		}
	return 0;
}

/* A client may name a group id that is a pair or does not exist: such a target is not locked. */
static int model_lock_targets(append_batch *b)
{
	const std::string head = dialect_join(
		{"SELECT id, kind, last_seq, flags FROM ", dialect_conversations(b->db), " WHERE id IN ("});
	const std::string tail = dialect_join({") ORDER BY id", dialect_for_update(b->db)});
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
		if (!target->locked)
			values.push_back(sql_integer(target->id));
	return sql_run_many(b->db, {head, "?", ", ", tail, 1, true}, values, model_locked_take, b);
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
		if (item->kind == CONVERSATION_GROUP)
			asked.emplace_back(item->to, item->sender);
	std::sort(asked.begin(), asked.end());
	asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
	for (const auto &[group, account] : asked) {
		values.push_back(sql_integer(group));
		values.push_back(sql_integer(account));
	}
	const int result = sql_run_many(b->db,
	                                {"SELECT conversation, account FROM member WHERE left_seq IS NULL AND (",
	                                 "(conversation = ? AND account = ?)", " OR ", ")", 2, true},
	                                values, model_member_take, b);
	std::sort(b->members.begin(), b->members.end());
	return result;
}

/* Fills targets, by_id and members. Makes pairs that talk for the first time, and locks every conversation in the order
 * of the ids. */
static int model_find_targets(append_batch *b)
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
	return std::tie(a->conversation, a->sender, a->cid) < std::tie(b->conversation, b->sender, b->cid);
}

/* Columns of a stored message: conversation, sender, cid, seq, created. arg: the items with a cid, sorted. */
static int model_repeat_take(void *arg, const cs_db_value *columns, size_t)
{
	const auto *items = static_cast<const std::vector<message_append *> *>(arg);
	message_append wanted;

	wanted.conversation = sql_number_of(columns[0]);
	wanted.sender = sql_number_of(columns[1]);
	wanted.cid = sql_text_of(columns[2]);
	const auto same = std::equal_range(items->begin(), items->end(), &wanted, model_cid_less);
	for (auto at = same.first; at != same.second; ++at) {
		(*at)->repeated = true;
		(*at)->outcome = 0;
		(*at)->seq = sql_number_of(columns[3]);
		(*at)->created = columns[4].integer;
	}
	return 0;
}

static constexpr std::string_view model_repeats_of_mysql =
	"SELECT m.conversation, m.sender, m.cid, m.seq, m.created FROM message m WHERE ";
/* + takes the type of the column away, otherwise SQLite cannot look for k, which has none, by its index. */
static constexpr std::string_view model_repeats_of_sqlite =
	"SELECT m.conversation, m.owner, m.k, e.k, b.created FROM entry m"
	" JOIN entry e ON e.conversation = m.conversation AND e.k = +m.ref AND e.owner = 0"
	" JOIN body b ON b.id = e.ref WHERE ";

/* Marks items whose cid was stored before in their conversation, and gives them the seq and created of the stored
 * message. */
static int model_find_repeats(append_batch *b, bool refused_only)
{
	const bool mysql = b->db->driver->dialect == CS_DB_MYSQL;
	std::vector<message_append *> named;
	std::vector<cs_db_value> values;

	std::copy_if(b->items.begin(), b->items.end(), std::back_inserter(named), [=](const message_append *item) {
		return !item->cid.empty() && item->conversation && (item->outcome || !refused_only);
	});
	std::sort(named.begin(), named.end(), model_cid_less);
	for (const message_append *item : named) {
		values.push_back(sql_integer(item->conversation));
		values.push_back(sql_integer(item->sender));
		values.push_back(sql_text(item->cid));
	}
	return sql_run_many(b->db,
	                    {mysql ? model_repeats_of_mysql : model_repeats_of_sqlite,
	                     mysql ? "(m.conversation = ? AND m.sender = ? AND m.cid = ?)"
	                           : "(m.conversation = ? AND m.owner = ? AND m.k = ?)",
	                     " OR ", "", 3, true},
	                    values, model_repeat_take, &named);
}

/* 0 or MODEL_UNWANTED. The items come in their order: who is answered here is no stranger any more. */
static int model_judge_pair(append_target *pair, const message_append &item)
{
	const unsigned wrote = pair_wrote_flag(item.sender, item.to);

	if (!pair_lets_write(pair->flags, item.sender, item.to, item.strangers_may))
		return MODEL_UNWANTED;
	pair->first_written |= !(pair->flags & wrote);
	pair->flags |= wrote;
	return 0;
}

/* Finds the conversations of the items, and refuses those that have none or may not write there. */
static void model_set_conversations(append_batch *b)
{
	for (message_append *item : b->items) {
		append_target *target = model_target_find(b, model_target_of(*item));

		b->target_of.push_back(target);
		item->conversation = target->locked ? target->id : 0;
		if (!target->locked)
			item->outcome = target->unwanted ? MODEL_UNWANTED : MODEL_NONE;
		else if (item->kind == CONVERSATION_PAIR)
			item->outcome = model_judge_pair(target, *item);
		else if (!std::binary_search(b->members.begin(), b->members.end(),
		                             std::make_pair(item->to, item->sender)))
			item->outcome = MODEL_NOT_MEMBER;
	}
}

/* Whether an earlier item of the batch has the cid of this one; then it is repeated. firsts: stored items with a cid,
 * sorted. The item is added to them. */
static bool model_repeats_earlier(message_append *item, std::vector<message_append *> *firsts)
{
	const auto at = std::lower_bound(firsts->begin(), firsts->end(), item, model_cid_less);

	if (item->cid.empty())
		return false;
	if (at == firsts->end() || model_cid_less(item, *at)) {
		firsts->insert(at, item);
		return false;
	}
	item->repeated = true;
	item->seq = (*at)->seq;
	item->created = (*at)->created;
	return true;
}

static void message_assign_seqs(append_batch *b, bool careful)
{
	std::vector<message_append *> firsts;

	for (size_t i = 0; i < b->items.size(); i++) {
		message_append *item = b->items[i];

		if (item->repeated || item->outcome || (careful && model_repeats_earlier(item, &firsts)))
			continue;
		item->seq = ++b->target_of[i]->last_seq;
		b->target_of[i]->changed = true;
		b->stored.push_back(item);
	}
}

/* MySQL: one table, many rows in a statement. */
static int model_insert_messages(append_batch *b)
{
	std::vector<cs_db_value> values;

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
static int model_store_last_seqs(append_batch *b)
{
	std::vector<cs_db_value> values;

	for (const append_target *target : b->by_id)
		if (target->changed) {
			values.push_back(sql_integer(target->id));
			values.push_back(sql_integer(target->kind));
			values.push_back(sql_integer(target->last_seq));
			values.push_back(sql_integer(target->flags));
		}
	return sql_run_many(b->db,
	                    {"INSERT INTO conversation (id, kind, last_seq, flags) VALUES ", "(?, ?, ?, ?)", ", ",
	                     " ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq), flags = VALUES(flags)", 4, true},
	                    values);
}

/* SQLite: a body, the entry of the conversation, and the cid beside it. */
static int model_insert_entry(cs_db *db, const message_append &item)
{
	const cs_db_value conversation = sql_integer(item.conversation), seq = sql_integer(item.seq),
			  sender = sql_integer(item.sender);
	int result = sql_run(db, "INSERT INTO body (created, body) VALUES (?, ?)",
	                     {sql_integer(static_cast<uint64_t>(item.created)), sql_text(item.body)});

	if (!result)
		result = sql_run(
			db, "INSERT INTO entry (conversation, k, owner, ref, sender, kind) VALUES (?, ?, 0, ?, ?, 0)",
			{conversation, seq, sql_integer(static_cast<uint64_t>(db->driver->last_id(db))), sender});
	if (!result && !item.cid.empty())
		result = sql_run(db, "INSERT INTO entry (conversation, k, owner, ref) VALUES (?, ?, ?, ?)",
		                 {conversation, sql_text(item.cid), sender, seq});
	return result;
}

/* MySQL stores the flags with last_seq. */
static int model_store_flags(append_batch *b)
{
	for (const append_target &target : b->targets)
		if (target.first_written)
			if (const int result = sql_run(b->db, "UPDATE conversation SET flags = ? WHERE id = ?",
			                               {sql_integer(target.flags), sql_integer(target.id)}))
				return result;
	return 0;
}

static int model_insert_entries(append_batch *b)
{
	for (const message_append *item : b->stored)
		if (const int result = model_insert_entry(b->db, *item))
			return result;
	return model_store_flags(b);
}

static int model_insert_rows(append_batch *b)
{
	/* In the order of the key, so that rows of one conversation lie side by side. */
	std::sort(b->stored.begin(), b->stored.end(), [](const message_append *x, const message_append *y) {
		return x->conversation != y->conversation ? x->conversation < y->conversation : x->seq < y->seq;
	});
	if (b->db->driver->dialect == CS_DB_SQLITE)
		return model_insert_entries(b);
	const int result = model_insert_messages(b);
	return result ? result : model_store_last_seqs(b);
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

/* A repeated item that is refused inserts no row, so no duplicate key shows its cid. Without `careful`, only those are
 * looked for. */
int message_append_all(cs_db *db, std::span<message_append *const> messages, bool careful)
{
	append_batch b = {};

	b.db = db;
	b.items = messages;
	model_reset_answers(messages);
	int result = model_find_targets(&b);
	if (result)
		return result;
	model_set_conversations(&b);
	result = model_find_repeats(&b, !careful);
	if (result)
		return result;
	message_assign_seqs(&b, careful);
	return model_insert_rows(&b);
}
