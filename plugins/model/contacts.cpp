/* SPDX-License-Identifier: MIT
 * The statements on the table contact, and the flags of pairs. */
#include "contacts.h"

#include <algorithm>
#include <map>

#include "dialect.h"
#include "sql.h"
#include "users.h"

/* ---- the flags of a pair */

unsigned pair_wrote_flag(uint64_t account, uint64_t other)
{
	return account <= other ? PAIR_LOW_WROTE : PAIR_HIGH_WROTE;
}

unsigned pair_erased_flag(uint64_t account, uint64_t other)
{
	return account <= other ? PAIR_LOW_ERASED : PAIR_HIGH_ERASED;
}

unsigned pair_contact_flags(uint64_t account, uint64_t other, bool listed, bool blocked)
{
	const bool is_low = account <= other;
	unsigned flags = 0;

	if (blocked)
		flags |= is_low ? PAIR_LOW_BLOCKS : PAIR_HIGH_BLOCKS;
	if (listed)
		flags |= is_low ? PAIR_LOW_LISTS : PAIR_HIGH_LISTS;
	return flags;
}

bool pair_lets_write(unsigned flags, uint64_t sender, uint64_t to, bool strangers_may)
{
	if (flags & (PAIR_LOW_ERASED | PAIR_HIGH_ERASED))
		return false;
	if (sender == to)
		return true;
	if (flags & pair_contact_flags(to, sender, false, true))
		return false;
	return strangers_may || (flags & (pair_contact_flags(to, sender, true, false) | pair_wrote_flag(to, sender)));
}

struct contact_row {
	bool listed, blocked;
};

struct contact_rows {
	uint64_t account;
	std::optional<contact_row> own, others;
};

/* Columns: account, listed, blocked. */
static int contacts_rows_take(void *arg, const cs_db_value *columns, size_t)
{
	contact_rows *rows = static_cast<contact_rows *>(arg);
	const contact_row row = {sql_number_of(columns[1]) != 0, sql_number_of(columns[2]) != 0};

	(sql_number_of(columns[0]) == rows->account ? rows->own : rows->others) = row;
	return 0;
}

/* What two accounts say of each other. */
static int contacts_find_rows(cs_db *db, uint64_t account, uint64_t other, contact_rows *rows_r)
{
	*rows_r = {account, std::nullopt, std::nullopt};
	return sql_run(db,
	               "SELECT account, listed, blocked FROM contact"
	               " WHERE (account = ? AND other = ?) OR (account = ? AND other = ?)",
	               {sql_integer(account), sql_integer(other), sql_integer(other), sql_integer(account)},
	               contacts_rows_take, rows_r);
}

struct pair_row {
	bool there;
	unsigned flags;
};

static int contacts_pair_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<pair_row *>(arg) = {true, static_cast<unsigned>(sql_number_of(columns[0]))};
	return 1;
}

int pair_judge(cs_db *db, uint64_t sender, uint64_t to, bool strangers_may)
{
	pair_row pair = {};
	contact_rows rows = {};
	int result = sql_run(db, "SELECT flags FROM conversation WHERE low = ? AND high = ?",
	                     {sql_integer(std::min(sender, to)), sql_integer(std::max(sender, to))}, contacts_pair_take,
	                     &pair);

	if (!result && !pair.there)
		result = contacts_find_rows(db, to, sender, &rows);
	if (result)
		return result;
	if (rows.own)
		pair.flags = pair_contact_flags(to, sender, rows.own->listed, rows.own->blocked);
	return pair_lets_write(pair.flags, sender, to, strangers_may) ? 0 : MODEL_UNWANTED;
}

/* ---- changes */

static int contacts_count_take(void *arg, const cs_db_value *, size_t)
{
	++*static_cast<size_t *>(arg);
	return 0;
}

/* Locks both accounts. So what is counted stays, and no writer makes the pair's conversation meanwhile. */
static int contacts_lock(cs_db *db, uint64_t account, uint64_t other)
{
	const std::string select = dialect_join(
		{"SELECT id FROM account WHERE id IN (?, ?) AND locked < 2 ORDER BY id", dialect_for_update(db)});
	size_t there = 0;
	const int result =
		sql_run(db, select.c_str(), {sql_integer(account), sql_integer(other)}, contacts_count_take, &there);

	if (result)
		return result;
	return there == (account == other ? 1u : 2u) ? 0 : MODEL_NONE;
}

static int contacts_store(cs_db *db, const contact_change &change, bool is_there, contact_row next)
{
	const cs_db_value account = sql_integer(change.account), other = sql_integer(change.other),
			  listed = sql_integer(next.listed), blocked = sql_integer(next.blocked);

	if (!next.listed && !next.blocked)
		return sql_run(db, "DELETE FROM contact WHERE account = ? AND other = ?", {account, other});
	if (is_there)
		return sql_run(db, "UPDATE contact SET listed = ?, blocked = ? WHERE account = ? AND other = ?",
		               {listed, blocked, account, other});
	return sql_run(db, "INSERT INTO contact (account, other, listed, blocked) VALUES (?, ?, ?, ?)",
	               {account, other, listed, blocked});
}

static int contacts_store_flags(cs_db *db, const contact_change &change, contact_row next)
{
	const unsigned mask = pair_contact_flags(change.account, change.other, true, true);
	const unsigned all = PAIR_LOW_BLOCKS | PAIR_HIGH_BLOCKS | PAIR_LOW_LISTS | PAIR_HIGH_LISTS | PAIR_LOW_WROTE |
	                     PAIR_HIGH_WROTE | PAIR_LOW_ERASED | PAIR_HIGH_ERASED;

	return sql_run(db, "UPDATE conversation SET flags = (flags & ?) | ? WHERE low = ? AND high = ?",
	               {sql_integer(all & ~mask),
	                sql_integer(pair_contact_flags(change.account, change.other, next.listed, next.blocked)),
	                sql_integer(std::min(change.account, change.other)),
	                sql_integer(std::max(change.account, change.other))});
}

/* Checks a limit after the change. */
static int contacts_check_most(cs_db *db, const char *count_text, uint64_t account, bool is_more, uint64_t most)
{
	uint64_t count = 0;
	const int result =
		is_more && most ? sql_run(db, count_text, {sql_integer(account)}, sql_row_number, &count) : 0;

	if (result)
		return result;
	return count > most ? MODEL_FULL : 0;
}

int contact_set(cs_db *db, contact_change *change, const contact_limits &most)
{
	contact_rows rows = {};
	int result = contacts_lock(db, change->account, change->other);

	change->is_changed = change->is_added = change->is_blocked = false;
	if (!result)
		result = contacts_find_rows(db, change->account, change->other, &rows);
	if (result)
		return result;
	const contact_row now = rows.own.value_or(contact_row{false, false});
	const contact_row next = {change->listed.value_or(now.listed), change->blocked.value_or(now.blocked)};
	change->is_blocked = rows.others && rows.others->blocked;
	change->is_added = next.listed && !now.listed;
	change->is_changed = next.listed != now.listed || next.blocked != now.blocked;
	if (!change->is_changed)
		return 0;
	result = contacts_store(db, *change, rows.own.has_value(), next);
	if (!result)
		result = contacts_check_most(db, "SELECT COUNT(*) FROM contact WHERE account = ? AND listed = 1",
		                             change->account, change->is_added, most.listed);
	if (!result)
		result = contacts_check_most(db, "SELECT COUNT(*) FROM contact WHERE account = ? AND blocked = 1",
		                             change->account, next.blocked && !now.blocked, most.blocked);
	return result ? result : contacts_store_flags(db, *change, next);
}

int friend_add(cs_db *db, uint64_t account, uint64_t friend_id, uint64_t most)
{
	contact_change change;

	change.account = account;
	change.other = friend_id;
	change.listed = true;
	return contact_set(db, &change, {most, 0});
}

/* ---- lists */

static int contacts_friend_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<friend_entry> *>(arg)->push_back(
		{sql_number_of(columns[0]), std::string(sql_text_of(columns[1]))});
	return 0;
}

int friend_list(cs_db *db, uint64_t account, std::vector<friend_entry> *friends_r)
{
	friends_r->clear();
	return sql_run(db,
	               "SELECT f.other, a.name FROM contact f JOIN account a ON a.id = f.other"
	               " WHERE f.account = ? AND f.listed = 1 ORDER BY f.other",
	               {sql_integer(account)}, contacts_friend_take, friends_r);
}

using contact_map = std::map<uint64_t, contact_entry>;

/* Columns: other, listed, blocked. */
static int contacts_own_take(void *arg, const cs_db_value *columns, size_t)
{
	contact_entry *entry = &(*static_cast<contact_map *>(arg))[sql_number_of(columns[0])];

	entry->listed = sql_number_of(columns[1]) != 0;
	entry->blocked = sql_number_of(columns[2]) != 0;
	return 0;
}

static int contacts_lister_take(void *arg, const cs_db_value *columns, size_t)
{
	(*static_cast<contact_map *>(arg))[sql_number_of(columns[0])].lists = true;
	return 0;
}

static int contacts_blocker_take(void *arg, const cs_db_value *columns, size_t)
{
	(*static_cast<contact_map *>(arg))[sql_number_of(columns[0])].blocks = true;
	return 0;
}

/* Names the entries, and marks those who block the account. */
static int contacts_complete(cs_db *db, uint64_t account, contact_map *entries)
{
	std::vector<uint64_t> ids;
	std::vector<cs_db_value> values;
	std::map<uint64_t, std::string> names;

	for (auto &[id, entry] : *entries) {
		entry.id = id;
		ids.push_back(id);
		values.push_back(sql_integer(account));
		values.push_back(sql_integer(id));
	}
	int result = user_names(db, ids, &names);
	if (!result)
		result = sql_run_many(db,
		                      {"SELECT account FROM contact WHERE blocked = 1 AND (",
		                       "(other = ? AND account = ?)", " OR ", ")", 2, true},
		                      values, contacts_blocker_take, entries);
	for (auto &[id, entry] : *entries)
		entry.name = names[id];
	return result;
}

/* Each of the two lists may hold all of the page. */
int contact_page(cs_db *db, uint64_t account, uint64_t after, size_t limit, std::vector<contact_entry> *entries_r)
{
	const std::initializer_list<cs_db_value> values = {sql_integer(account), sql_integer(after),
	                                                   sql_integer(limit)};
	contact_map entries;
	int result = sql_run(db,
	                     "SELECT other, listed, blocked FROM contact WHERE account = ? AND other > ?"
	                     " ORDER BY other LIMIT ?",
	                     values, contacts_own_take, &entries);

	if (!result)
		result = sql_run(db,
		                 "SELECT account FROM contact WHERE other = ? AND listed = 1 AND account > ?"
		                 " ORDER BY account LIMIT ?",
		                 values, contacts_lister_take, &entries);
	while (entries.size() > limit)
		entries.erase(std::prev(entries.end()));
	if (!result)
		result = contacts_complete(db, account, &entries);
	entries_r->clear();
	for (auto &[id, entry] : entries)
		entries_r->push_back(std::move(entry));
	return result;
}

static int contacts_id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

int contact_blockers(cs_db *db, uint64_t account, std::vector<uint64_t> *blockers_r)
{
	blockers_r->clear();
	return sql_run(db, "SELECT account FROM contact WHERE other = ? AND blocked = 1 ORDER BY account",
	               {sql_integer(account)}, contacts_id_take, blockers_r);
}

/* Columns: id, whether it blocks. */
static int contacts_listed_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<contact_listed> *>(arg)->push_back(
		{sql_number_of(columns[0]), sql_number_of(columns[1]) != 0});
	return 0;
}

int contact_list(cs_db *db, uint64_t account, uint64_t other, size_t limit, std::vector<contact_listed> *listed_r)
{
	listed_r->clear();
	return sql_run(
		db,
		"SELECT f.other, COALESCE(o.blocked, 0) FROM contact f"
		" LEFT JOIN contact o ON o.account = f.other AND o.other = f.account"
		" WHERE f.account = ? AND f.other BETWEEN ? AND ? AND f.listed = 1 ORDER BY f.other LIMIT ?",
		{sql_integer(account), sql_integer(other), sql_integer(other ? other : INT64_MAX), sql_integer(limit)},
		contacts_listed_take, listed_r);
}
