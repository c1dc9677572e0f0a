/* SPDX-License-Identifier: MIT
 * Runs one statement: the cache of prepared statements, parameters in, rows out. */
#include "db_mysql.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

static constexpr size_t db_mysql_columns_most = 32;

/* One row, filled by the library. */
struct row_buffer {
	std::array<MYSQL_BIND, db_mysql_columns_most> binds = {};
	std::array<unsigned long, db_mysql_columns_most> sizes = {};
	std::array<mydb_bool, db_mysql_columns_most> nulls = {};
	std::array<long long, db_mysql_columns_most> integers = {};
	std::array<cs_db_type, db_mysql_columns_most> types = {};
	std::vector<char> bytes;
	size_t columns = 0;
};

static int db_mysql_statement_fail(mydb *db, MYSQL_STMT *statement)
{
	return mydb_fail(db, mysql_stmt_errno(statement), mysql_stmt_error(statement));
}

static int db_mysql_prepare(mydb *db, std::string_view text, mydb_statement *statement_r)
{
	const mydb_bool yes = 1;

	statement_r->reset(mysql_stmt_init(db->handle.get()));
	if (!*statement_r)
		return mydb_fail(db, mysql_errno(db->handle.get()), mysql_error(db->handle.get()));
	/* With this the sizes of the columns are known after the whole result was fetched. */
	mysql_stmt_attr_set(statement_r->get(), STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
	if (mysql_stmt_prepare(statement_r->get(), text.data(), text.size()))
		return db_mysql_statement_fail(db, statement_r->get());
	return CS_DB_OK;
}

/* Texts are sent as bytes too: with a character set the server would check and compare a parameter by it. */
static MYSQL_BIND db_mysql_bind_of(const cs_db_value &value)
{
	MYSQL_BIND bind = {};

	switch (value.type) {
	case CS_DB_NULL: bind.buffer_type = MYSQL_TYPE_NULL; break;
	case CS_DB_INTEGER:
		bind.buffer_type = MYSQL_TYPE_LONGLONG;
		bind.buffer = const_cast<int64_t *>(&value.integer);
		break;
	case CS_DB_TEXT:
	case CS_DB_BLOB:
		bind.buffer_type = MYSQL_TYPE_BLOB;
		bind.buffer = const_cast<char *>(value.bytes ? value.bytes : "");
		bind.buffer_length = static_cast<unsigned long>(value.size);
		break;
	}
	return bind;
}

/* If a packet is too long, the server closes the connection, which looks like a lost one. So the size is checked
 * here. */
static int db_mysql_check_size(mydb *db, const cs_db_value *parameters, size_t count)
{
	size_t bytes = 64 + 16 * count;

	for (size_t i = 0; i < count; i++)
		bytes += parameters[i].size;
	if (!db->most_bytes || bytes < db->most_bytes)
		return CS_DB_OK;
	snprintf(db->message, sizeof(db->message), "%zu bytes are more than the server's max_allowed_packet of %zu",
	         bytes, db->most_bytes);
	return CS_DB_BAD_VALUE;
}

static int db_mysql_execute(mydb *db, MYSQL_STMT *statement, const cs_db_value *parameters, size_t count)
{
	std::vector<MYSQL_BIND> binds(count);

	if (mysql_stmt_param_count(statement) != count)
		return mydb_fail_text(db, "the number of parameters is not that of the statement");
	if (const int result = db_mysql_check_size(db, parameters, count))
		return result;
	std::transform(parameters, parameters + count, binds.begin(), db_mysql_bind_of);
	/* If length is not set, the library uses the length of the buffer. */
	for (MYSQL_BIND &bind : binds)
		bind.length = &bind.buffer_length;
	if (count && mysql_stmt_bind_param(statement, binds.data()))
		return db_mysql_statement_fail(db, statement);
	return mysql_stmt_execute(statement) ? db_mysql_statement_fail(db, statement) : CS_DB_OK;
}

static cs_db_type db_mysql_column_type(const MYSQL_FIELD &field)
{
	static constexpr unsigned mysql_binary_set = 63; /* the character set of bytes */

	switch (field.type) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
	case MYSQL_TYPE_LONGLONG:
	case MYSQL_TYPE_YEAR: return CS_DB_INTEGER;
	case MYSQL_TYPE_DECIMAL:
	case MYSQL_TYPE_NEWDECIMAL: return field.decimals == 0 ? CS_DB_INTEGER : CS_DB_TEXT;
	case MYSQL_TYPE_NULL: return CS_DB_NULL;
	default: return field.charsetnr == mysql_binary_set ? CS_DB_BLOB : CS_DB_TEXT;
	}
}

/* Makes room for the longest value of each column, one after the other. */
static void db_mysql_row_lay_out(row_buffer *row, const MYSQL_FIELD *fields)
{
	size_t total = 0, at = 0;

	for (size_t i = 0; i < row->columns; i++)
		total += fields[i].max_length + 1;
	row->bytes.resize(total);
	for (size_t i = 0; i < row->columns; i++) {
		MYSQL_BIND *bind = &row->binds[i];

		row->types[i] = db_mysql_column_type(fields[i]);
		bind->is_null = &row->nulls[i];
		bind->length = &row->sizes[i];
		if (row->types[i] == CS_DB_INTEGER) {
			bind->buffer_type = MYSQL_TYPE_LONGLONG;
			bind->buffer = &row->integers[i];
			continue;
		}
		bind->buffer_type = MYSQL_TYPE_BLOB;
		bind->buffer = row->bytes.data() + at;
		bind->buffer_length = fields[i].max_length + 1;
		at += fields[i].max_length + 1;
	}
}

static void db_mysql_row_values(const row_buffer *row, cs_db_value *values)
{
	for (size_t i = 0; i < row->columns; i++) {
		values[i] = {};
		if (row->nulls[i] || row->types[i] == CS_DB_NULL)
			continue;
		values[i].type = row->types[i];
		if (row->types[i] == CS_DB_INTEGER) {
			values[i].integer = row->integers[i];
		} else {
			values[i].bytes = static_cast<const char *>(row->binds[i].buffer);
			values[i].size = row->sizes[i];
		}
	}
}

static int db_mysql_rows_hand_out(mydb *db, MYSQL_STMT *statement, const row_buffer *buffer, cs_db_row_fn *row,
                                  void *arg)
{
	std::array<cs_db_value, db_mysql_columns_most> values;

	for (;;) {
		const int code = mysql_stmt_fetch(statement);

		if (code == MYSQL_NO_DATA)
			return CS_DB_OK;
		if (code == MYSQL_DATA_TRUNCATED)
			return mydb_fail_text(db, "a column's value is out of range");
		if (code)
			return db_mysql_statement_fail(db, statement);
		if (!row)
			continue;
		db_mysql_row_values(buffer, values.data());
		if (row(arg, values.data(), buffer->columns))
			return CS_DB_OK;
	}
}

static int db_mysql_rows_tell(mydb *db, MYSQL_STMT *statement, cs_db_row_fn *row, void *arg)
{
	row_buffer buffer;
	const mydb_result about(mysql_stmt_result_metadata(statement));
	if (!about)
		return db_mysql_statement_fail(db, statement);
	buffer.columns = mysql_num_fields(about.get());
	if (buffer.columns > db_mysql_columns_most)
		return mydb_fail_text(db, "too many columns");
	db_mysql_row_lay_out(&buffer, mysql_fetch_fields(about.get()));
	if (mysql_stmt_bind_result(statement, buffer.binds.data()))
		return db_mysql_statement_fail(db, statement);
	return db_mysql_rows_hand_out(db, statement, &buffer, row, arg);
}

/* All rows are fetched before the first is passed on: a deadlock or a lost connection can come in the middle of a
 * result, and a row function may run statements itself. After such a failure the library would wait for the rest of
 * the rows, until read_timeout, when the statement is used or its result is freed; so the statement is closed. */
static int db_mysql_rows_read(mydb *db, adapter_statement<mydb_statement> *entry, cs_db_row_fn *row, void *arg)
{
	MYSQL_STMT *statement = entry->handle.get();
	int result;

	if (mysql_stmt_store_result(statement)) {
		result = db_mysql_statement_fail(db, statement);
		*entry = {};
		return result;
	}
	result = db_mysql_rows_tell(db, statement, row, arg);
	mysql_stmt_free_result(statement);
	return result;
}

static void db_mysql_note_changes(mydb *db, MYSQL_STMT *statement)
{
	const int64_t id = static_cast<int64_t>(mysql_stmt_insert_id(statement));

	db->affected = static_cast<int64_t>(mysql_stmt_affected_rows(statement));
	if (id)
		db->last_id = id;
}

int mydb_run(mydb *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row, void *arg)
{
	adapter_statement<mydb_statement> spare;
	adapter_statement<mydb_statement> *entry = nullptr;

	db->affected = 0;
	int result = adapter_cache_take(
		&db->cache, sql,
		[db](std::string_view text, mydb_statement *made_r) { return db_mysql_prepare(db, text, made_r); },
		&spare, &entry);
	if (result)
		return result;
	MYSQL_STMT *statement = entry->handle.get();
	entry->running = true;
	result = db_mysql_execute(db, statement, parameters, count);
	if (!result && mysql_stmt_field_count(statement) > 0)
		result = db_mysql_rows_read(db, entry, row, arg);
	else if (!result)
		db_mysql_note_changes(db, statement);
	entry->running = false;
	return result;
}
