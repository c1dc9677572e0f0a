/* SPDX-License-Identifier: MIT
 * Runs one statement: the cache of prepared statements, parameters in, rows out. */
#include "db_sqlite.h"

#include <array>
#include <string_view>

static constexpr size_t db_sqlite_columns_most = 32;

static bool db_sqlite_is_blank(const char *text)
{
	return std::string_view(text).find_first_not_of(" \t\n;") == std::string_view::npos;
}

static int db_sqlite_prepare(sqlite_db *db, std::string_view text, sqlite_statement *statement_r)
{
	sqlite3_stmt *raw = nullptr;
	const char *rest = "";
	const int code = sqlite3_prepare_v3(db->handle.get(), text.data(), static_cast<int>(text.size()) + 1,
	                                    SQLITE_PREPARE_PERSISTENT, &raw, &rest);

	statement_r->reset(raw);
	if (code != SQLITE_OK)
		return sqlite_fail(db, code);
	if (!raw || !db_sqlite_is_blank(rest))
		return sqlite_fail_text(db, "a query is one statement");
	return CS_DB_OK;
}

/* SQLITE_STATIC: the bytes belong to the caller until the statement is reset, in the same call. */
static int db_sqlite_bind_one(sqlite3_stmt *statement, int at, const cs_db_value &value)
{
	const char *bytes = value.bytes ? value.bytes : "";

	switch (value.type) {
	case CS_DB_INTEGER: return sqlite3_bind_int64(statement, at, value.integer);
	case CS_DB_TEXT: return sqlite3_bind_text64(statement, at, bytes, value.size, SQLITE_STATIC, SQLITE_UTF8);
	case CS_DB_BLOB: return sqlite3_bind_blob64(statement, at, bytes, value.size, SQLITE_STATIC);
	case CS_DB_NULL: break;
	}
	return sqlite3_bind_null(statement, at);
}

static int db_sqlite_bind_all(sqlite_db *db, sqlite3_stmt *statement, const cs_db_value *parameters, size_t count)
{
	if (static_cast<size_t>(sqlite3_bind_parameter_count(statement)) != count)
		return sqlite_fail_text(db, "the number of parameters is not that of the statement");
	for (size_t i = 0; i < count; i++) {
		const int code = db_sqlite_bind_one(statement, static_cast<int>(i) + 1, parameters[i]);

		if (code != SQLITE_OK)
			return sqlite_fail(db, code);
	}
	return CS_DB_OK;
}

static cs_db_value db_sqlite_column_value(sqlite3_stmt *statement, int at)
{
	cs_db_value value = {};

	switch (sqlite3_column_type(statement, at)) {
	case SQLITE_NULL: break;
	case SQLITE_TEXT:
		value.type = CS_DB_TEXT;
		value.bytes = reinterpret_cast<const char *>(sqlite3_column_text(statement, at));
		value.size = static_cast<size_t>(sqlite3_column_bytes(statement, at));
		break;
	case SQLITE_BLOB:
		value.type = CS_DB_BLOB;
		value.bytes = static_cast<const char *>(sqlite3_column_blob(statement, at));
		value.size = static_cast<size_t>(sqlite3_column_bytes(statement, at));
		break;
	default: value.type = CS_DB_INTEGER; value.integer = sqlite3_column_int64(statement, at);
	}
	return value;
}

static int db_sqlite_rows_read(sqlite_db *db, sqlite3_stmt *statement, cs_db_row_fn *row, void *arg)
{
	std::array<cs_db_value, db_sqlite_columns_most> values;
	const size_t columns = static_cast<size_t>(sqlite3_column_count(statement));
	int code = SQLITE_ROW;

	if (columns > values.size())
		return sqlite_fail_text(db, "too many columns");
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		if (!row)
			continue;
		for (size_t i = 0; i < columns; i++)
			values[i] = db_sqlite_column_value(statement, static_cast<int>(i));
		if (row(arg, values.data(), columns))
			return CS_DB_OK;
	}
	return code == SQLITE_DONE ? CS_DB_OK : sqlite_fail(db, code);
}

int sqlite_run(sqlite_db *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row,
               void *arg)
{
	adapter_statement<sqlite_statement> spare;
	adapter_statement<sqlite_statement> *entry = nullptr;

	db->affected = 0;
	int result = adapter_cache_take(
		&db->cache, sql,
		[db](std::string_view text, sqlite_statement *made_r) { return db_sqlite_prepare(db, text, made_r); },
		&spare, &entry);

	if (result)
		return result;
	sqlite3_stmt *statement = entry->handle.get();
	entry->running = true;
	result = db_sqlite_bind_all(db, statement, parameters, count);
	if (!result)
		result = db_sqlite_rows_read(db, statement, row, arg);
	db->affected = result || sqlite3_stmt_readonly(statement) ? 0 : sqlite3_changes64(db->handle.get());
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	entry->running = false;
	return result;
}
