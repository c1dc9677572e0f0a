/* SPDX-License-Identifier: MIT
 * The statements on friends in the table contact. */
#include "friends.h"

#include "dialect.h"
#include "sql.h"
#include "users.h"

/* Checks the limit after the insert. A friend who was in the list before passes. */
static int friends_friend_check_most(cs_db *db, uint64_t account, uint64_t most)
{
	uint64_t count = 0;

	if (most == 0 || db->driver->affected(db) == 0)
		return 0;
	const int result = sql_run(db, "SELECT COUNT(*) FROM contact WHERE account = ? AND listed = 1",
	                           {sql_integer(account)}, sql_row_number, &count);
	if (result)
		return result;
	return count > most ? MODEL_FULL : 0;
}

int friend_add(cs_db *db, uint64_t account, uint64_t friend_id, uint64_t most)
{
	const std::string insert = "INSERT INTO contact (account, other, listed, blocked) VALUES (?, ?, 1, 0)" +
	                           dialect_or_raise(db, "account, other", "listed");
	bool there = false;
	int result = most ? user_lock(db, account) : 0;

	if (!result)
		result = sql_run(db, "SELECT 1 FROM account WHERE id = ?", {sql_integer(friend_id)}, sql_row_exists,
		                 &there);
	if (result)
		return result;
	if (!there)
		return MODEL_NONE;
	result = sql_run(db, insert.c_str(), {sql_integer(account), sql_integer(friend_id)});
	return result ? result : friends_friend_check_most(db, account, most);
}

static int friends_friend_take(void *arg, const cs_db_value *columns, size_t)
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
	               {sql_integer(account)}, friends_friend_take, friends_r);
}
