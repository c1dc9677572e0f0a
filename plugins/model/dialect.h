/* SPDX-License-Identifier: MIT
 * Owns the few fragments in which SQLite and MySQL differ, so that each statement is written once. It must
 * not know a table. Inside the model only.
 *
 * Names that are reserved in MySQL stand in backticks, which SQLite takes too. */
#ifndef MODEL_DIALECT_H
#define MODEL_DIALECT_H

#include <cstddef>
#include <string>
#include <string_view>

#include <chatserverd/db.h>

/* Ends a SELECT whose rows are locked to the transaction's end. SQLite's writer has the whole database. */
static inline const char *dialect_for_update(const cs_db *db)
{
	return db->driver->dialect == CS_DB_MYSQL ? " FOR UPDATE" : "";
}

/* Ends an INSERT that changes nothing where the row is there. Unlike INSERT IGNORE it hides no other error.
 * column: any of the table's. */
static inline std::string dialect_or_nothing(const cs_db *db, std::string_view column)
{
	if (db->driver->dialect != CS_DB_MYSQL)
		return " ON CONFLICT DO NOTHING";
	return std::string(" ON DUPLICATE KEY UPDATE ").append(column).append(" = ").append(column);
}

/* Ends an INSERT that sets one column where the row of this key is there. */
static inline std::string dialect_or_set(const cs_db *db, std::string_view key, std::string_view column)
{
	if (db->driver->dialect != CS_DB_MYSQL)
		return std::string(" ON CONFLICT (").append(key).append(") DO UPDATE SET ").append(column)
			.append(" = excluded.").append(column);
	return std::string(" ON DUPLICATE KEY UPDATE ").append(column).append(" = VALUES(").append(column)
		.append(")");
}

/* The same, but only upwards. */
static inline std::string dialect_or_raise(const cs_db *db, std::string_view key, std::string_view column)
{
	if (db->driver->dialect != CS_DB_MYSQL)
		return dialect_or_set(db, key, column).append(" WHERE excluded.").append(column)
			.append(" > ").append(column);
	return std::string(" ON DUPLICATE KEY UPDATE ").append(column).append(" = GREATEST(").append(column)
		.append(", VALUES(").append(column).append("))");
}

#endif
