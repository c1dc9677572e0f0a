/* SPDX-License-Identifier: MIT
 * The statements that remove what the plugin push keeps about an account. */
#include "push_erase.h"

#include <vector>

#include "sql.h"

static int push_erase_take_target(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

/* Of the conversations of one account there may be many. *left_r: so many rows may still be removed. */
static int push_erase_notes(cs_db *db, uint64_t target, size_t *left_r)
{
	const cs_db_value id = sql_integer(target), most = sql_integer(*left_r);
	const int result = db->driver->dialect == CS_DB_MYSQL
	                           ? sql_run(db, "DELETE FROM push_note WHERE target = ? LIMIT ?", {id, most})
	                           : sql_run(db,
	                                     "DELETE FROM push_note WHERE target = ? AND conversation IN"
	                                     " (SELECT conversation FROM push_note WHERE target = ? LIMIT ?)",
	                                     {id, id, most});

	if (!result)
		*left_r -= static_cast<size_t>(db->driver->affected(db));
	return result;
}

static int push_erase_row(cs_db *db, const char *text, uint64_t id, size_t *left_r)
{
	const int result = sql_run(db, text, {sql_integer(id)});

	if (!result)
		*left_r -= static_cast<size_t>(db->driver->affected(db));
	return result;
}

/* Each target goes after its notices. *left_r 0: there may be more. */
static int push_erase_some(cs_db *db, cs_account account, size_t *left_r)
{
	std::vector<uint64_t> targets;
	int result = sql_run(db, "SELECT id FROM push_target WHERE account = ? LIMIT ?",
	                     {sql_integer(account), sql_integer(*left_r)}, push_erase_take_target, &targets);

	for (const uint64_t target : targets) {
		if (!result && *left_r)
			result = push_erase_notes(db, target, left_r);
		if (!result && *left_r)
			result = push_erase_row(db, "DELETE FROM push_target WHERE id = ?", target, left_r);
	}
	if (!result && *left_r)
		result = push_erase_row(db, "DELETE FROM push_device WHERE account = ?", account, left_r);
	return result;
}

int push_erase(cs_db *db, cs_account account, size_t most)
{
	size_t left = most;
	const int result = push_erase_some(db, account, &left);

	if (result)
		return result;
	return left ? 0 : 1;
}

/* 0: there is none. */
static int push_erase_find(cs_db *db, uint64_t *account_r)
{
	*account_r = 0;
	const int result =
		sql_run(db,
	                "SELECT p.account FROM push_device p JOIN account a ON a.id = p.account WHERE a.locked >= 2"
	                " LIMIT 1",
	                {}, sql_row_number, account_r);

	if (result || *account_r)
		return result;
	return sql_run(db,
	               "SELECT p.account FROM push_target p JOIN account a ON a.id = p.account WHERE a.locked >= 2"
	               " LIMIT 1",
	               {}, sql_row_number, account_r);
}

int push_erased_remove(cs_db *db, size_t most)
{
	size_t left = most;

	while (left) {
		const size_t before = left;
		uint64_t account = 0;
		int result = push_erase_find(db, &account);

		if (!result && account)
			result = push_erase_some(db, account, &left);
		/* Or another node removes the same. */
		if (result || left == before)
			return result;
	}
	return 1;
}
