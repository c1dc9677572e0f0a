/* SPDX-License-Identifier: MIT
 * Runs a statement for many rows, in pieces. */
#include "sql.h"

#include <algorithm>
#include <bit>
#include <vector>

/* Each piece costs a round trip, which is more than its rows cost. Each size is one text per statement, and the cache
 * of the adapter must hold all texts. */
static constexpr size_t sql_piece_most = 256, sql_piece_step = 16;

int sql_run(cs_db *db, const char *text, std::initializer_list<cs_db_value> values, cs_db_row_fn *row, void *arg)
{
	return db->driver->query(db, text, values.begin(), values.size(), row, arg);
}

int sql_row_exists(void *arg, const cs_db_value *, size_t)
{
	*static_cast<bool *>(arg) = true;
	return 1;
}

int sql_row_number(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<uint64_t *>(arg) = sql_number_of(columns[0]);
	return 1;
}

/* If a row may be repeated to fill a piece up: the next power of two. Otherwise a multiple of the step, then the rest;
 * so there are at most two pieces if all rows fit into the largest. SQLite writes one row at a time: there are no round
 * trips, and it keeps no copies of the pages that a statement for many rows might have to undo. */
static size_t sql_piece_size(const cs_db *db, size_t left, bool repeatable, bool reads)
{
	if (db->driver->dialect == CS_DB_SQLITE && !reads)
		return 1;
	left = std::min(left, sql_piece_most);
	if (repeatable)
		return std::bit_ceil(left);
	return left < sql_piece_step ? left : left - left % sql_piece_step;
}

static std::string sql_piece_text(const sql_many &many, size_t rows)
{
	std::string text;

	text.reserve(many.head.size() + rows * (many.unit.size() + many.joint.size()) + many.tail.size());
	text.append(many.head);
	for (size_t i = 0; i < rows; i++)
		text.append(i ? many.joint : std::string_view()).append(many.unit);
	return text.append(many.tail);
}

static int sql_piece_run(cs_db *db, const sql_many &many, std::span<const cs_db_value> values, size_t rows,
                         cs_db_row_fn *row, void *arg)
{
	const std::string text = sql_piece_text(many, rows);

	if (values.size() == rows * many.width)
		return db->driver->query(db, text.c_str(), values.data(), values.size(), row, arg);
	std::vector<cs_db_value> filled(values.begin(), values.end());
	const std::span<const cs_db_value> last = values.last(many.width);
	while (filled.size() < rows * many.width)
		filled.insert(filled.end(), last.begin(), last.end());
	return db->driver->query(db, text.c_str(), filled.data(), filled.size(), row, arg);
}

int sql_run_many(cs_db *db, const sql_many &many, std::span<const cs_db_value> values, cs_db_row_fn *row, void *arg)
{
	while (!values.empty()) {
		const size_t size = sql_piece_size(db, values.size() / many.width, many.repeatable, row != nullptr);
		const size_t taken = std::min(size * many.width, values.size());
		const int result = sql_piece_run(db, many, values.first(taken), size, row, arg);

		if (result)
			return result;
		values = values.subspan(taken);
	}
	return CS_DB_OK;
}
