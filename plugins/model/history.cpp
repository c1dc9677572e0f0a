/* SPDX-License-Identifier: MIT
 * The statements that read pages of one conversation. */
#include "history.h"

#include <algorithm>
#include <iterator>

#include "dialect.h"
#include "sql.h"

static constexpr size_t history_rows_a_time = 50;
static constexpr size_t history_bytes_of_tail = 64; /* what a message gets added */

/* ---- what the account may see */

struct history_place {
	bool there = false, member = false;
	uint64_t conversation = 0;
	uint64_t low = 0; /* entries above it are the account's */
	uint64_t last = 0;
};

/* Columns: id, last_seq, joined_seq or NULL, history_all. */
static int history_place_take(void *arg, const cs_db_value *columns, size_t)
{
	history_place *place = static_cast<history_place *>(arg);

	place->there = true;
	place->member = columns[2].type != CS_DB_NULL;
	place->conversation = sql_number_of(columns[0]);
	place->last = sql_number_of(columns[1]);
	place->low = sql_number_of(columns[3]) ? 0 : sql_number_of(columns[2]);
	return 1;
}

static int history_find_group(cs_db *db, uint64_t account, uint64_t group, history_place *place)
{
	const std::string select =
		dialect_join({"SELECT c.id, c.last_seq, m.joined_seq, c.history_all FROM ", dialect_conversations(db),
	                      " c LEFT JOIN member m ON m.conversation = c.id AND m.account = ? AND m.left_seq IS NULL"
	                      " WHERE c.id = ? AND c.kind = 1 AND c.members > 0"});

	return sql_run(db, select.c_str(), {sql_integer(account), sql_integer(group)}, history_place_take, place);
}

/* If there is no pair, the other account may still be there. */
static int history_find_pair(cs_db *db, uint64_t account, uint64_t other, history_place *place)
{
	const std::string select = dialect_join(
		{"SELECT id, last_seq, 0, 0 FROM ", dialect_conversations(db), " WHERE low = ? AND high = ?"});
	const int result = sql_run(db, select.c_str(),
	                           {sql_integer(std::min(account, other)), sql_integer(std::max(account, other))},
	                           history_place_take, place);

	if (result || place->there)
		return result;
	place->member = true;
	return sql_run(db, "SELECT 1 FROM account WHERE id = ?", {sql_integer(other)}, sql_row_exists, &place->there);
}

static int history_find(cs_db *db, const history_ask &ask, history_place *place)
{
	const int result = ask.kind == CONVERSATION_GROUP ? history_find_group(db, ask.account, ask.of, place)
	                                                  : history_find_pair(db, ask.account, ask.of, place);

	if (result)
		return result;
	if (!place->there)
		return MODEL_NONE;
	return place->member ? 0 : MODEL_NOT_MEMBER;
}

/* ---- one side */

/* Reads away from `from`, which is not on the page. */
struct history_side {
	bool up; /* to newer ones */
	uint64_t from;
	size_t limit;
	size_t bytes;
	uint64_t seqs;
	bool at_least_one;

	std::vector<message_row> rows; /* in the order of reading */
	bool more = false;
	uint64_t next = 0; /* if there is more: where to go on from */
};

static int history_row_take(void *arg, const cs_db_value *columns, size_t)
{
	message_row &row = static_cast<std::vector<message_row> *>(arg)->emplace_back();

	row.seq = sql_number_of(columns[0]);
	row.sender = sql_number_of(columns[1]);
	row.created = columns[2].integer;
	row.body = sql_text_of(columns[3]);
	return 0;
}

#define HISTORY_ROWS                                                                                                   \
	"SELECT seq, sender, created, body FROM message WHERE conversation = ? AND seq >= ? AND seq <= ? AND kind < ?" \
	" ORDER BY seq"

static int history_read_rows(cs_db *db, uint64_t conversation, const history_side &side, uint64_t low, uint64_t high,
                             size_t most, bool events, std::vector<message_row> *rows)
{
	rows->clear();
	return sql_run(db, side.up ? HISTORY_ROWS " LIMIT ?" : HISTORY_ROWS " DESC LIMIT ?",
	               {sql_integer(conversation), sql_integer(low), sql_integer(high), sql_integer(events ? 3 : 2),
	                sql_integer(most)},
	               history_row_take, rows);
}

/* false: the side is full. */
static bool history_side_take(history_side *side, message_row *row)
{
	const size_t size = row->body.size() + history_bytes_of_tail;
	const bool fits = size <= side->bytes || (side->at_least_one && side->rows.empty());

	if (!fits || side->rows.size() == side->limit) {
		side->more = true;
		side->next = side->rows.empty() ? side->from : side->rows.back().seq;
		return false;
	}
	side->bytes -= std::min(side->bytes, size);
	side->rows.push_back(std::move(*row));
	return true;
}

/* Reads the seqs from low to high, one row more than the side takes: it says whether there is more. */
static int history_side_fill(cs_db *db, uint64_t conversation, history_side *side, uint64_t low, uint64_t high,
                             bool events)
{
	std::vector<message_row> rows;

	for (;;) {
		const size_t most = std::min(history_rows_a_time, side->limit - side->rows.size() + 1);

		if (const int result = history_read_rows(db, conversation, *side, low, high, most, events, &rows))
			return result;
		for (message_row &row : rows)
			if (!history_side_take(side, &row))
				return 0;
		if (rows.size() < most)
			return 0;
		if (side->up)
			low = side->rows.back().seq + 1;
		else
			high = side->rows.back().seq - 1;
	}
}

static int history_side_read(cs_db *db, uint64_t conversation, history_side *side, history_page *page, bool events)
{
	const uint64_t first = page->first, last = page->last;
	uint64_t low = first, high = last;

	if (!first || (side->up ? side->from >= last : side->from <= first))
		return 0;
	if (side->up) {
		low = std::max(first, side->from + 1);
		high = std::min(last, low + side->seqs - 1);
	} else {
		high = std::min(last, side->from - 1);
		low = high - first < side->seqs ? first : high - side->seqs + 1;
	}
	const int result = history_side_fill(db, conversation, side, low, high, events);
	if (result)
		return result;
	if (!side->more) {
		page->looked += high - low + 1;
		side->more = side->up ? high < last : low > first;
		side->next = side->up ? high : low;
	} else if (!side->rows.empty()) {
		page->looked += side->up ? side->next - low + 1 : high - side->next + 1;
	}
	return 0;
}

/* ---- a page */

static void history_side_put(history_page *page, history_side *side)
{
	if (side->up) {
		page->newer = side->more;
		page->after = side->next;
		std::move(side->rows.begin(), side->rows.end(), std::back_inserter(page->rows));
	} else {
		page->older = side->more;
		page->before = side->next;
		page->rows.insert(page->rows.begin(), std::make_move_iterator(side->rows.rbegin()),
		                  std::make_move_iterator(side->rows.rend()));
	}
}

/* The message itself counts as newer. It gets at least half of the bytes, so that it is there however large it is. */
static int history_read_around(cs_db *db, const history_ask &ask, uint64_t conversation, history_page *page)
{
	history_side newer = {true,
	                      ask.at ? ask.at - 1 : 0,
	                      ask.limit - ask.limit / 2,
	                      history_bytes_most / 2,
	                      history_seqs_most / 2,
	                      true,
	                      {}};
	int result = history_side_read(db, conversation, &newer, page, ask.events);
	size_t used = 0;

	for (const message_row &row : newer.rows)
		used += row.body.size() + history_bytes_of_tail;
	history_side older = {false,
	                      ask.at,
	                      ask.limit / 2,
	                      history_bytes_most - std::min(history_bytes_most, used),
	                      history_seqs_most / 2,
	                      newer.rows.empty(),
	                      {}};
	if (!result)
		result = history_side_read(db, conversation, &older, page, ask.events);
	history_side_put(page, &newer);
	history_side_put(page, &older);
	return result;
}

static int history_read_page(cs_db *db, const history_ask &ask, uint64_t conversation, history_page *page)
{
	if (ask.direction == HISTORY_AROUND)
		return history_read_around(db, ask, conversation, page);
	history_side side = {ask.direction == HISTORY_AFTER,
	                     ask.direction == HISTORY_NEWEST ? page->last + 1 : ask.at,
	                     ask.limit,
	                     history_bytes_most,
	                     history_seqs_most,
	                     true,
	                     {}};
	const int result = history_side_read(db, conversation, &side, page, ask.events);
	history_side_put(page, &side);
	return result;
}

int history_read(cs_db *db, const history_ask &ask, history_page *page_r)
{
	history_place place;

	*page_r = {};
	int result = history_find(db, ask, &place);
	if (result || place.last <= place.low)
		return result;
	result = sql_run(db, "SELECT seq FROM message WHERE conversation = ? AND seq > ? ORDER BY seq LIMIT 1",
	                 {sql_integer(place.conversation), sql_integer(place.low)}, sql_row_number, &page_r->first);
	if (result || !page_r->first)
		return result;
	page_r->last = place.last;
	return history_read_page(db, ask, place.conversation, page_r);
}
