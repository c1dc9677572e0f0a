/* SPDX-License-Identifier: MIT
 * Runs a statement for many rows, in pieces. */
#include "sql.h"

#include <algorithm>
#include <array>
#include <vector>

/* The sizes of the pieces. Each size is one text per statement. Each piece costs a round trip, which is more than its
 * rows cost. */
static constexpr std::array<size_t, 7> sql_pieces = {64, 32, 16, 8, 4, 2, 1};

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

/* The largest piece that `left` rows fill. If a row may be repeated to fill it up: the smallest piece that holds all of
 * them. */
static size_t sql_piece_size(size_t left, bool repeatable)
{
	size_t size = sql_pieces.front();

	for (const size_t smaller : sql_pieces) {
		if (repeatable ? smaller >= left : size > left)
			size = smaller;
	}
	return size;
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
		const size_t size = sql_piece_size(values.size() / many.width, many.repeatable);
		const size_t taken = std::min(size * many.width, values.size());
		const int result = sql_piece_run(db, many, values.first(taken), size, row, arg);

		if (result)
			return result;
		values = values.subspan(taken);
	}
	return CS_DB_OK;
}
