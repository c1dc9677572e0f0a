/* SPDX-License-Identifier: MIT
 * The statements with which operators look at accounts. */
#include "accounts.h"

#include <algorithm>

#include "dialect.h"
#include "sql.h"

#define ACCOUNTS_SELECT "SELECT id, name, created, locked, lock_reason FROM account"

static int accounts_row_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<account_row> *>(arg)->push_back(
		{sql_number_of(columns[0]), std::string(sql_text_of(columns[1])), columns[2].integer,
	         static_cast<user_lock_state>(std::min<uint64_t>(sql_number_of(columns[3]), USER_ERASED)),
	         std::string(sql_text_of(columns[4]))});
	return 0;
}

int account_find(cs_db *db, const account_named &named, account_row *row_r)
{
	std::vector<account_row> rows;
	const int result = named.id ? sql_run(db, ACCOUNTS_SELECT " WHERE id = ?", {sql_integer(named.id)},
	                                      accounts_row_take, &rows)
	                            : sql_run(db, ACCOUNTS_SELECT " WHERE name = ?", {sql_text(named.name)},
	                                      accounts_row_take, &rows);

	if (result)
		return result;
	if (rows.empty())
		return MODEL_NONE;
	*row_r = std::move(rows[0]);
	return 0;
}

int account_page(cs_db *db, uint64_t after, size_t most, std::vector<account_row> *rows_r)
{
	rows_r->clear();
	return sql_run(db, ACCOUNTS_SELECT " WHERE id > ? ORDER BY id LIMIT ?", {sql_integer(after), sql_integer(most)},
	               accounts_row_take, rows_r);
}

/* ---- counts */

static int accounts_devices_take(void *arg, const cs_db_value *columns, size_t)
{
	account_counts *counts = static_cast<account_counts *>(arg);

	counts->devices = sql_number_of(columns[0]);
	counts->seen = columns[1].integer;
	return 1;
}

static int accounts_contacts_take(void *arg, const cs_db_value *columns, size_t)
{
	account_counts *counts = static_cast<account_counts *>(arg);

	counts->listed = sql_number_of(columns[0]);
	counts->blocked = sql_number_of(columns[1]);
	return 1;
}

static int accounts_conversations_take(void *arg, const cs_db_value *columns, size_t)
{
	account_counts *counts = static_cast<account_counts *>(arg);

	counts->conversations = sql_number_of(columns[0]);
	counts->entries = sql_number_of(columns[1]);
	return 1;
}

/* The ids of the conversations of an account. Three times the account. */
#define ACCOUNTS_CONVERSATIONS                                                                                         \
	"SELECT id FROM conversation WHERE low = ? UNION SELECT id FROM conversation WHERE high = ?"                   \
	" UNION SELECT conversation FROM member WHERE account = ? AND (left_seq IS NULL OR left_seq > 0)"

int account_count(cs_db *db, uint64_t account, account_counts *counts_r)
{
	const cs_db_value id = sql_integer(account);
	const std::string entries =
		dialect_join({"SELECT COUNT(*), SUM(c.last_seq) FROM (SELECT id FROM (" ACCOUNTS_CONVERSATIONS
	                      ") a LIMIT ?) i JOIN ",
	                      dialect_conversations(db), " c ON c.id = i.id"});

	*counts_r = {};
	int result = sql_run(db, "SELECT COUNT(*), MAX(last_seen) FROM device WHERE account = ?", {id},
	                     accounts_devices_take, counts_r);
	if (!result)
		result = sql_run(db, "SELECT SUM(listed), SUM(blocked) FROM contact WHERE account = ?", {id},
		                 accounts_contacts_take, counts_r);
	if (!result)
		result = sql_run(db, "SELECT COUNT(*) FROM member WHERE account = ? AND left_seq IS NULL", {id},
		                 sql_row_number, &counts_r->groups);
	if (!result)
		result = sql_run(db, entries.c_str(), {id, id, id, sql_integer(account_conversations_most)},
		                 accounts_conversations_take, counts_r);
	return result;
}

/* ---- conversations */

static int accounts_id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

int account_conversation_ids(cs_db *db, uint64_t account, uint64_t after, size_t most, std::vector<uint64_t> *ids_r)
{
	const cs_db_value id = sql_integer(account);

	ids_r->clear();
	return sql_run(db, "SELECT id FROM (" ACCOUNTS_CONVERSATIONS ") a WHERE id > ? ORDER BY id LIMIT ?",
	               {id, id, id, sql_integer(after), sql_integer(most)}, accounts_id_take, ids_r);
}

/* Columns: id, kind, name, the other account, last_seq, history_all; joined_seq, left_seq, role, joined of the
 * member. */
static int accounts_conversation_take(void *arg, const cs_db_value *columns, size_t)
{
	account_conversation *found = static_cast<account_conversation *>(arg);

	found->id = sql_number_of(columns[0]);
	found->is_group = sql_number_of(columns[1]) != 0;
	found->name = sql_text_of(columns[2]);
	found->of = found->is_group ? found->id : sql_number_of(columns[3]);
	found->high = sql_number_of(columns[4]);
	if (!found->is_group)
		return 1;
	found->is_member = columns[7].type == CS_DB_NULL;
	if (!found->is_member)
		found->high = std::min(found->high, sql_number_of(columns[7]));
	found->low = found->is_member && sql_number_of(columns[5]) ? 0 : sql_number_of(columns[6]);
	found->role = sql_number_of(columns[8]);
	found->joined = columns[9].integer;
	return 1;
}

int account_conversation_find(cs_db *db, uint64_t account, uint64_t id, account_conversation *conversation_r)
{
	const cs_db_value who = sql_integer(account);
	const std::string text = dialect_join(
		{"SELECT c.id, c.kind, COALESCE(c.name, a.name), CASE WHEN c.low = ? THEN c.high ELSE c.low END,"
	         " c.last_seq, c.history_all, m.joined_seq, m.left_seq, m.role, m.joined FROM ",
	         dialect_conversations(db),
	         " c LEFT JOIN account a ON a.id = CASE WHEN c.low = ? THEN c.high ELSE c.low END"
	         " LEFT JOIN member m ON m.conversation = c.id AND m.account = ?"
	         " WHERE c.id = ? AND (c.low = ? OR c.high = ? OR m.account IS NOT NULL)"});

	*conversation_r = {};
	const int result = sql_run(db, text.c_str(), {who, who, who, sql_integer(id), who, who},
	                           accounts_conversation_take, conversation_r);
	if (result)
		return result;
	return conversation_r->id ? 0 : MODEL_NONE;
}
