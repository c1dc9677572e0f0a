/* SPDX-License-Identifier: MIT
 * The statements that remove what the plugin push keeps about an account. */
#include "push_erase.h"

#include "sql.h"

/* Of the conversations of one account there may be many. */
static int push_erase_notes(cs_db *db, cs_account account, size_t most, bool *more_r)
{
	const char *text =
		db->driver->dialect == CS_DB_MYSQL
			? "DELETE FROM push_note WHERE target IN (SELECT id FROM push_target WHERE account = ?) LIMIT ?"
			: "DELETE FROM push_note WHERE (target, conversation) IN (SELECT n.target, n.conversation"
			  " FROM push_target t JOIN push_note n ON n.target = t.id WHERE t.account = ? LIMIT ?)";
	const int result = sql_run(db, text, {sql_integer(account), sql_integer(most)});

	*more_r = !result && static_cast<size_t>(db->driver->affected(db)) >= most;
	return result;
}

int push_erase(cs_db *db, cs_account account, size_t most)
{
	const cs_db_value id = sql_integer(account);
	bool more = false;
	int result = push_erase_notes(db, account, most, &more);

	if (result || more)
		return result ? result : 1;
	result = sql_run(db, "DELETE FROM push_target WHERE account = ?", {id});
	return result ? result : sql_run(db, "DELETE FROM push_device WHERE account = ?", {id});
}
