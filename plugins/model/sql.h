/* SPDX-License-Identifier: MIT
 * Builds statements: parameters, columns, and one statement for many rows. Only for the model. */
#ifndef MODEL_SQL_H
#define MODEL_SQL_H

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include <chatserverd/db.h>

static inline cs_db_value sql_integer(uint64_t number)
{
	return {CS_DB_INTEGER, static_cast<int64_t>(number), nullptr, 0};
}

static inline cs_db_value sql_text(std::string_view text)
{
	return {CS_DB_TEXT, 0, text.data(), text.size()};
}

static inline cs_db_value sql_null(void)
{
	return {CS_DB_NULL, 0, nullptr, 0};
}

/* The value of a column. NULL is 0 or "". */
static inline uint64_t sql_number_of(const cs_db_value &column)
{
	return static_cast<uint64_t>(column.integer);
}

static inline std::string_view sql_text_of(const cs_db_value &column)
{
	return column.size ? std::string_view(column.bytes, column.size) : std::string_view();
}

/* Calls query of the driver with a few parameters. row may be NULL. */
[[nodiscard]] int sql_run(cs_db *db, const char *text, std::initializer_list<cs_db_value> values,
                          cs_db_row_fn *row = nullptr, void *arg = nullptr);

/* A row function that notes that there is a row. arg is a bool. */
int sql_row_exists(void *arg, const cs_db_value *columns, size_t count);
/* A row function that stores the first column of the first row. arg is a uint64_t. */
int sql_row_number(void *arg, const cs_db_value *columns, size_t count);

/* The text: head, unit once per row with joint between, tail. Each unit has width parameters. It runs in pieces of a
 * few fixed sizes, so that the statement cache needs few texts. */
struct sql_many {
	std::string_view head, unit, joint;
	std::string_view tail;
	size_t width;
	bool repeatable; /* a row may be repeated: the last row fills the piece */
};

/* values holds width parameters per row. Without rows: 0, and nothing is run. */
[[nodiscard]] int sql_run_many(cs_db *db, const sql_many &many, std::span<const cs_db_value> values,
                               cs_db_row_fn *row = nullptr, void *arg = nullptr);

#endif
