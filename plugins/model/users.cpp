/* SPDX-License-Identifier: MIT
 * Owns the statements on the table account. It must not know how a password is hashed. */
#include "users.h"

#include "sql.h"

struct user_row {
	user *found;
	bool there;
};

static int user_take(void *arg, const cs_db_value *columns, size_t)
{
	user_row *row = static_cast<user_row *>(arg);

	row->found->id = sql_number_of(columns[0]);
	row->found->name = sql_text_of(columns[1]);
	row->found->password = sql_text_of(columns[2]);
	row->there = true;
	return 1;
}

int user_find(cs_db *db, uint64_t id, user *user_r)
{
	user_row row = {user_r, false};
	const int result = sql_run(db, "SELECT id, name, password FROM account WHERE id = ?",
	                           {sql_integer(id)}, user_take, &row);

	if (result)
		return result;
	return row.there ? 0 : MODEL_NONE;
}

int user_insert(cs_db *db, std::string_view name, std::string_view password, int64_t created, uint64_t *id_r)
{
	const int result =
		sql_run(db, "INSERT INTO account (name, password, created) VALUES (?, ?, ?)",
	                {sql_text(name), sql_text(password), sql_integer(static_cast<uint64_t>(created))});

	if (result == CS_DB_DUPLICATE)
		return MODEL_TAKEN;
	if (result)
		return result;
	*id_r = static_cast<uint64_t>(db->driver->last_id(db));
	return 0;
}

/* Asks first: MySQL does not count a row as affected when the value was the same. */
int user_set_password(cs_db *db, uint64_t id, std::string_view password)
{
	bool there = false;
	const int result =
		sql_run(db, "SELECT 1 FROM account WHERE id = ?", {sql_integer(id)}, sql_row_exists, &there);

	if (result)
		return result;
	if (!there)
		return MODEL_NONE;
	return sql_run(db, "UPDATE account SET password = ? WHERE id = ?",
	               {sql_text(password), sql_integer(id)});
}
