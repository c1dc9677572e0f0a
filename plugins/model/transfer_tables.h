/* SPDX-License-Identifier: MIT
 * The tables that a line of an export is of. Only for the model. */
#ifndef MODEL_TRANSFER_TABLES_H
#define MODEL_TRANSFER_TABLES_H

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transfer.h"

enum transfer_type { TRANSFER_INTEGER, TRANSFER_TEXT, TRANSFER_BYTES };

struct transfer_column {
	const char *name;
	transfer_type type = TRANSFER_INTEGER;
	bool may_be_null = false;
	const char *member = nullptr; /* its name in a line; null: as in SQL */
};

static inline const char *transfer_member(const transfer_column &column)
{
	return column.member ? column.member : column.name;
}

struct transfer_table {
	const char *kind; /* in a line */
	const char *name; /* as SQL has it */
	size_t keys; /* so many columns are the key; they are integers */
	std::vector<transfer_column> columns;
};

/* The tables of rows that are read and written one by one, in an order in which each names only what came before. */
extern const transfer_table transfer_tables[];
extern const size_t transfer_table_count;

/* "a, b, c" of the columns' names. */
std::string transfer_names(const transfer_table &table);
/* Appends a JSON string. */
void transfer_quote(std::string *out, std::string_view text);
/* Appends ,"name":value for a value of the database. NULL: nothing. */
void transfer_put(std::string *out, const transfer_column &column, const cs_db_value &value);
/* Two hexadecimal digits for each byte; and back: false if it is none. */
std::string transfer_hex(std::string_view bytes);
[[nodiscard]] bool transfer_unhex(std::string_view digits, std::string *bytes_r);

#endif
