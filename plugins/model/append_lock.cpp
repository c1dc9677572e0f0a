/* SPDX-License-Identifier: MIT
 * The conversations of a batch of entries: finds, makes and locks them, and judges who may write there. */
#include "append.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "contacts.h"
#include "dialect.h"
#include "permit.h"
#include "sql.h"

/* ---- finding and locking */

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

/* Of several targets for one conversation, one with an id is kept. SQLite finds and locks a pair with one statement, so
 * it needs no id before. */
static void model_collect_targets(append_batch *b, bool careful)
{
	const bool mysql = b->db->driver->dialect == CS_DB_MYSQL;

	for (const message_append *item : b->items) {
		append_target target = model_target_of(*item);

		if (mysql && !careful && item->kind == CONVERSATION_PAIR)
			target.id = item->known;
		b->targets.push_back(target);
	}
	std::sort(b->targets.begin(), b->targets.end(), [](const append_target &x, const append_target &y) {
		return model_target_same(x, y) ? x.id > y.id : model_target_less(x, y);
	});
	b->targets.erase(std::unique(b->targets.begin(), b->targets.end(), model_target_same), b->targets.end());
	for (const message_append *item : b->items)
		if (!item->effect)
			append_target_of(b, *item)->wanted = true;
}

/* Columns: id, low, high, last_seq, flags, said_week. In SQLite a writer has locked all rows that it reads. */
static int model_pair_take(void *arg, const cs_db_value *columns, size_t)
{
	append_batch *b = static_cast<append_batch *>(arg);
	append_target wanted;

	wanted.low = sql_number_of(columns[1]);
	wanted.high = sql_number_of(columns[2]);
	if (append_target *target = model_target_find(b, wanted)) {
		target->id = sql_number_of(columns[0]);
		target->last_seq = sql_number_of(columns[3]);
		target->flags = static_cast<unsigned>(sql_number_of(columns[4]));
		target->said_week = sql_number_of(columns[5]);
		target->locked = b->db->driver->dialect == CS_DB_SQLITE;
	}
	return 0;
}

/* MySQL reads last_seq and flags later, with the lock, so that here the index is enough. It searches a list of pairs by
 * halves, but compares a row with one OR after the other. For the index see dialect_by_id. */
static constexpr sql_many model_pairs_of_mysql = {
	"SELECT id, low, high, 0, 0, 0 FROM conversation FORCE INDEX (conversation_pair) WHERE (low, high) IN (",
	"(?, ?)",
	", ",
	")",
	2,
	true};
static constexpr sql_many model_pairs_of_sqlite = {
	"SELECT id, low, high, last_seq, flags, said_week FROM conversation_state WHERE ",
	"(low = ? AND high = ?)",
	" OR ",
	"",
	2,
	true};

/* Finds the ids of these pairs, with locks or without. */
static int model_find_pairs(append_batch *b, std::span<append_target *const> pairs, bool lock)
{
	sql_many many = b->db->driver->dialect == CS_DB_MYSQL ? model_pairs_of_mysql : model_pairs_of_sqlite;
	const std::string tail = dialect_join({many.tail, lock ? dialect_for_update(b->db) : ""});
	std::vector<cs_db_value> values;

	many.tail = tail;
	for (const append_target *pair : pairs) {
		values.push_back(sql_integer(pair->low));
		values.push_back(sql_integer(pair->high));
	}
	return sql_run_many(b->db, many, values, model_pair_take, b);
}

static std::vector<append_target *> model_pairs_without_id(append_batch *b, bool only_wanted)
{
	std::vector<append_target *> pairs;

	for (append_target &target : b->targets)
		if (target.kind == CONVERSATION_PAIR && target.id == 0 && (target.wanted || !only_wanted))
			pairs.push_back(&target);
	return pairs;
}

static int model_id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

/* Removes the pairs whose accounts do not both exist, or were erased. Locks the accounts, in the order of their ids, so
 * that nobody changes what they say of each other before the pairs are there. */
static int model_drop_pairs_of_nobody(append_batch *b, std::vector<append_target *> *pairs)
{
	const std::string head =
		dialect_join({"SELECT id FROM account", dialect_by_id(b->db), " WHERE locked < 2 AND id IN ("});
	const std::string tail = dialect_join({") ORDER BY id", dialect_for_share(b->db)});
	std::vector<cs_db_value> values;
	std::vector<uint64_t> ids, known;

	for (const append_target *pair : *pairs)
		ids.insert(ids.end(), {pair->low, pair->high});
	std::sort(ids.begin(), ids.end());
	ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
	for (const uint64_t id : ids)
		values.push_back(sql_integer(id));
	const int result = sql_run_many(b->db, {head, "?", ", ", tail, 1, true}, values, model_id_take, &known);
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
		append_target *target = append_target_of(b, *item);

		if (!item->effect && target->unwanted &&
		    pair_lets_write(target->flags, item->sender, item->to, item->strangers_may)) {
			target->unwanted = false;
			target->said_week = std::max(target->said_week, message_week_of(item->created));
		}
	}
	std::erase_if(*pairs, [](const append_target *pair) { return pair->unwanted; });
}

/* Makes the missing pairs. Then reads the ids with locks: only such a read sees pairs that another writer made
 * meanwhile. */
static int model_make_pairs(append_batch *b)
{
	const std::string tail = dialect_or_nothing(b->db, "low");
	std::vector<append_target *> missing = model_pairs_without_id(b, true);
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
		values.push_back(sql_integer(pair->said_week));
	}
	result = sql_run_many(b->db,
	                      {"INSERT INTO conversation (kind, low, high, flags, said_week) VALUES ",
	                       "(0, ?, ?, ?, ?)", ", ", tail, 4, false},
	                      values);
	return result ? result : model_find_pairs(b, missing, true);
}

/* Whether the row with the target's id is the target. Columns: as below. */
static bool model_target_is(const append_target &target, const cs_db_value *columns)
{
	return sql_number_of(columns[1]) == static_cast<uint64_t>(target.kind) &&
	       (target.kind == CONVERSATION_GROUP ||
	        (sql_number_of(columns[4]) == target.low && sql_number_of(columns[5]) == target.high));
}

/* Columns: id, kind, last_seq, members, low, high, flags, said_week, in the order of id. arg: the batch; its by_id has
 * the same order. */
static int model_locked_take(void *arg, const cs_db_value *columns, size_t)
{
	append_batch *b = static_cast<append_batch *>(arg);
	const uint64_t id = sql_number_of(columns[0]);
	const auto at =
		std::lower_bound(b->by_id.begin(), b->by_id.end(), id,
	                         [](const append_target *target, uint64_t wanted) { return target->id < wanted; });

	for (auto same = at; same != b->by_id.end() && (*same)->id == id; ++same)
		if (model_target_is(**same, columns)) {
			(*same)->last_seq = sql_number_of(columns[2]);
			(*same)->flags = static_cast<unsigned>(sql_number_of(columns[6]));
			(*same)->said_week = sql_number_of(columns[7]);
			(*same)->ended = (*same)->kind == CONVERSATION_GROUP && !sql_number_of(columns[3]);
			(*same)->locked = true;
		}
	return 0;
}

static int model_lock_rows(append_batch *b, std::span<const cs_db_value> ids)
{
	const std::string head = dialect_join({"SELECT id, kind, last_seq, members, low, high, flags, said_week FROM ",
	                                       dialect_conversations(b->db), dialect_by_id(b->db), " WHERE id IN ("});
	const std::string tail = dialect_join({") ORDER BY id", dialect_for_update(b->db)});

	return sql_run_many(b->db, {head, "?", ", ", tail, 1, true}, ids, model_locked_take, b);
}

/* A client may name a group id that is a pair or does not exist: such a target is not locked. */
static int model_lock_targets(append_batch *b)
{
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
	return model_lock_rows(b, values);
}

int append_read_stale(append_batch *b)
{
	std::vector<cs_db_value> values;

	for (append_target *target : b->by_id)
		if (std::exchange(target->stale, false))
			values.push_back(sql_integer(target->id));
	return model_lock_rows(b, values);
}

/* Accounts are locked before conversations everywhere. */
static int model_lock_accounts(append_batch *b)
{
	const std::string head = dialect_join({"SELECT id FROM account", dialect_by_id(b->db), " WHERE id IN ("});
	const std::string tail = dialect_join({") ORDER BY id", dialect_for_update(b->db)});
	std::vector<uint64_t> accounts;
	std::vector<cs_db_value> values;

	for (const message_append *item : b->items)
		if (item->effect && item->lock)
			accounts.push_back(item->lock);
	std::sort(accounts.begin(), accounts.end());
	accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
	for (const uint64_t account : accounts)
		values.push_back(sql_integer(account));
	return sql_run_many(b->db, {head, "?", ", ", tail, 1, true}, values);
}

/* A pair whose id was found is locked. One whose id the caller knew is not if the caller was wrong. */
static bool model_callers_were_right(const append_batch *b)
{
	return std::all_of(b->by_id.begin(), b->by_id.end(), [](const append_target *target) {
		return target->locked || target->kind == CONVERSATION_GROUP;
	});
}

/* After a wrong `known` the pair could only be locked out of the order, so all is done again. */
int append_lock(append_batch *b, bool careful)
{
	model_collect_targets(b, careful);
	int result = b->db->driver->dialect == CS_DB_MYSQL ? model_lock_accounts(b) : 0;
	if (!result)
		result = model_find_pairs(b, model_pairs_without_id(b, false), false);
	if (!result)
		result = model_make_pairs(b);
	if (!result)
		result = model_lock_targets(b);
	return result || model_callers_were_right(b) ? result : CS_DB_DUPLICATE;
}

/* ---- who may write */

static bool model_member_less(const append_member &x, const append_member &y)
{
	return std::tie(x.group, x.account) < std::tie(y.group, y.account);
}

static int model_member_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<append_batch *>(arg)->members.push_back(
		{sql_number_of(columns[0]), sql_number_of(columns[1]), sql_number_of(columns[2])});
	return 0;
}

int append_find_members(append_batch *b)
{
	std::vector<std::pair<uint64_t, uint64_t>> asked;
	std::vector<cs_db_value> values;

	b->members.clear();
	for (const message_append *item : b->items)
		if (item->kind == CONVERSATION_GROUP)
			asked.emplace_back(item->to, item->sender);
	std::sort(asked.begin(), asked.end());
	asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
	for (const auto &[group, account] : asked) {
		values.push_back(sql_integer(group));
		values.push_back(sql_integer(account));
	}
	const int result = sql_run_many(
		b->db,
		{"SELECT m.conversation, m.account, " PERMIT_MUTED_UNTIL
	         " FROM member m JOIN conversation c ON c.id = m.conversation WHERE m.left_seq IS NULL AND (",
	         "(m.conversation = ? AND m.account = ?)", " OR ", ")", 2, true},
		values, model_member_take, b);
	std::sort(b->members.begin(), b->members.end(), model_member_less);
	return result;
}

static void model_judge_member(const append_batch *b, message_append *item)
{
	const append_member wanted = {item->to, item->sender, 0};
	const auto at = std::lower_bound(b->members.begin(), b->members.end(), wanted, model_member_less);

	if (at == b->members.end() || model_member_less(wanted, *at)) {
		item->outcome = MODEL_NOT_MEMBER;
	} else if (at->until > static_cast<uint64_t>(item->created)) {
		item->outcome = MODEL_MUTED;
		item->until = at->until;
	}
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

void append_judge(append_batch *b)
{
	b->target_of.clear();
	for (message_append *item : b->items) {
		append_target *target = append_target_of(b, *item);

		b->target_of.push_back(target);
		item->conversation = target->locked ? target->id : 0;
		if (!target->locked || target->ended || (target->flags & (PAIR_LOW_ERASED | PAIR_HIGH_ERASED)))
			item->outcome = target->unwanted ? MODEL_UNWANTED : MODEL_NONE;
		else if (item->kind == CONVERSATION_GROUP)
			model_judge_member(b, item);
		else
			item->outcome = model_judge_pair(target, *item);
	}
}
