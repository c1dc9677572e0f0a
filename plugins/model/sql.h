/* SPDX-License-Identifier: MIT
 * Owns putting statements together: parameters, columns, and one statement for many rows. It must not know a
 * table. Inside the model only. */
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

/* A column of a row; NULL is 0 and "". */
static inline uint64_t sql_number_of(const cs_db_value &column)
{
	return static_cast<uint64_t>(column.integer);
}

static inline std::string_view sql_text_of(const cs_db_value &column)
{
	return column.size ? std::string_view(column.bytes, column.size) : std::string_view();
}

/* The driver's query, for a text with few parameters. row may be NULL. */
[[nodiscard]] int sql_run(cs_db *db, const char *text, std::initializer_list<cs_db_value> values,
                          cs_db_row_fn *row = nullptr, void *arg = nullptr);

/* The row function of a query that only asks whether a row is there; arg is a bool. */
int sql_row_exists(void *arg, const cs_db_value *columns, size_t count);
/* The row function that takes the first column of the first row; arg is an uint64_t. */
int sql_row_number(void *arg, const cs_db_value *columns, size_t count);

/* head, then unit once per row with joint between, then tail. Each unit takes width parameters. Run in
 * pieces of a few fixed sizes, so that a statement cache meets few texts. */
struct sql_many {
	std::string_view head, unit, joint;
	std::string_view tail;
	size_t width;
	bool repeatable; /* a row may be given twice: the last fills the piece up */
};

/* values holds width parameters for each row. 0 without rows. */
[[nodiscard]] int sql_run_many(cs_db *db, const sql_many &many, std::span<const cs_db_value> values,
                               cs_db_row_fn *row = nullptr, void *arg = nullptr);

#endif
