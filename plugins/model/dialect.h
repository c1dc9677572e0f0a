/* SPDX-License-Identifier: MIT
 * The few fragments of SQL in which SQLite and MySQL differ, so that each statement is written once. Only for the
 * model.
 *
 * Names that MySQL reserves are written in backticks; SQLite accepts them. */
#ifndef MODEL_DIALECT_H
#define MODEL_DIALECT_H

#include <initializer_list>
#include <string>
#include <string_view>

#include <chatserverd/db.h>

/* Ends a SELECT that locks its rows to the end of the transaction. In SQLite it is empty: the writer has locked the
 * whole database. */
static inline const char *dialect_for_update(const cs_db *db)
{
	return db->driver->dialect == CS_DB_MYSQL ? " FOR UPDATE" : "";
}

/* The same, but others may lock the rows in this way too. */
static inline const char *dialect_for_share(const cs_db *db)
{
	return db->driver->dialect == CS_DB_MYSQL ? " LOCK IN SHARE MODE" : "";
}

/* The conversations with their last_seq. In SQLite a view reads it from the log. */
static inline const char *dialect_conversations(const cs_db *db)
{
	return db->driver->dialect == CS_DB_MYSQL ? "conversation" : "conversation_state";
}

/* Follows a table whose rows are named by a key. With statistics that are old, MySQL would read a small table whole:
 * that takes longer for many keys, and a locking read would lock all rows. */
static inline const char *dialect_by_id(const cs_db *db)
{
	return db->driver->dialect == CS_DB_MYSQL ? " FORCE INDEX (PRIMARY)" : "";
}

static inline std::string dialect_join(std::initializer_list<std::string_view> parts)
{
	std::string text;

	for (const std::string_view part : parts)
		text.append(part);
	return text;
}

/* Ends an INSERT that changes nothing if the row exists. Unlike INSERT IGNORE it hides no other error. column: any
 * column of the table. */
static inline std::string dialect_or_nothing(const cs_db *db, std::string_view column)
{
	if (db->driver->dialect == CS_DB_MYSQL)
		return dialect_join({" ON DUPLICATE KEY UPDATE ", column, " = ", column});
	return " ON CONFLICT DO NOTHING";
}

/* Ends an INSERT that raises one column if a row with this key exists. It never lowers the value. */
static inline std::string dialect_or_raise(const cs_db *db, std::string_view key, std::string_view column)
{
	if (db->driver->dialect == CS_DB_MYSQL)
		return dialect_join(
			{" ON DUPLICATE KEY UPDATE ", column, " = GREATEST(", column, ", VALUES(", column, "))"});
	return dialect_join({" ON CONFLICT (", key, ") DO UPDATE SET ", column, " = excluded.", column,
	                     " WHERE excluded.", column, " > ", column});
}

/* The same with two columns. */
static inline std::string dialect_or_raise_both(const cs_db *db, std::string_view key, std::string_view one,
                                                std::string_view other)
{
	if (db->driver->dialect == CS_DB_MYSQL)
		return dialect_join({" ON DUPLICATE KEY UPDATE ", one, " = GREATEST(", one, ", VALUES(", one, ")), ",
		                     other, " = GREATEST(", other, ", VALUES(", other, "))"});
	return dialect_join({" ON CONFLICT (", key, ") DO UPDATE SET ", one, " = MAX(", one, ", excluded.", one, "), ",
	                     other, " = MAX(", other, ", excluded.", other, ")"});
}

#endif
