/* SPDX-License-Identifier: MIT
 * The tables that a line of an export is of. Only for the model. */
#ifndef MODEL_TRANSFER_TABLES_H
#define MODEL_TRANSFER_TABLES_H

#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "transfer.h"

/* TRANSFER_HASH: a text that is the hash of a password, or empty. TRANSFER_OWN: a number that only the processes of one
 * store understand. It is in no line, and 0 in another store. */
enum transfer_type { TRANSFER_INTEGER, TRANSFER_TEXT, TRANSFER_HASH, TRANSFER_BYTES, TRANSFER_OWN };

/* What it means that a line has no such member. */
enum transfer_missing {
	TRANSFER_WRONG,
	TRANSFER_NULL,
	TRANSFER_EMPTY /* 0 or ""; a row that is there may have anything */
};

struct transfer_column {
	const char *name; /* null: there are no more */
	transfer_type type = TRANSFER_INTEGER;
	transfer_missing missing = TRANSFER_WRONG;
	const char *member = nullptr; /* its name in a line; null: as in SQL */
};

static inline const char *transfer_member(const transfer_column &column)
{
	return column.member ? column.member : column.name;
}

struct transfer_table {
	const char *kind; /* in a line */
	const char *name; /* as SQL has it */
	size_t keys; /* so many columns are the key; a table whose first column is no integer is small */
	transfer_column list[16];
};

static inline std::span<const transfer_column> transfer_columns(const transfer_table &table)
{
	size_t count = 0;

	while (count < std::size(table.list) && table.list[count].name)
		count++;
	return {table.list, count};
}

/* The tables of rows that are read and written one by one, in an order in which each names only what came before. */
extern const std::span<const transfer_table> transfer_tables;

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
