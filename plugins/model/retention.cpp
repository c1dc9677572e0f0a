/* SPDX-License-Identifier: MIT
 * The statements that find and remove old entries. */
#include "retention.h"

#include <algorithm>
#include <string>

#include "dialect.h"
#include "messages.h"
#include "sql.h"

/* ---- finding */

/* Columns: conversation, whether nothing is left but a blank entry, created, keep. */
static int retention_lowest_take(void *arg, const cs_db_value *columns, size_t)
{
	retention_look *look = static_cast<retention_look *>(arg);
	const int64_t keep = columns[3].integer == retention_default ? look->keep : columns[3].integer;
	const int64_t before = look->before ? look->before : keep > 0 ? look->now - keep : 0;

	look->after = sql_number_of(columns[0]);
	look->most--;
	if (before > 0 && !columns[1].integer && columns[2].integer < before)
		look->old.push_back({look->after, before});
	return 0;
}

/* The subqueries read one row. + takes the type of the column away, otherwise SQLite cannot look for k, which has none,
 * by its index. */
#define LOWEST_OF_SQLITE(where)                                                                                        \
	"SELECT c.id, e.kind = 3 AND NOT EXISTS"                                                                       \
	" (SELECT 1 FROM entry n WHERE n.conversation = c.id AND n.k > e.k AND n.k < ''), b.created, c.keep"           \
	" FROM conversation c JOIN entry e ON e.conversation = c.id AND e.owner = 0 AND e.k ="                         \
	" +(SELECT k FROM entry WHERE conversation = c.id AND k < '' ORDER BY k LIMIT 1)"                              \
	" JOIN body b ON b.id = e.ref WHERE " where " AND c.id > ? ORDER BY c.id LIMIT ?"
#define LOWEST_OF_MYSQL(where)                                                                                         \
	"SELECT c.id, m.kind = 3 AND m.seq = c.last_seq, m.created, c.keep FROM conversation c JOIN message m"         \
	" ON m.conversation = c.id AND m.seq ="                                                                        \
	" (SELECT seq FROM message WHERE conversation = c.id ORDER BY seq LIMIT 1)"                                    \
	" WHERE " where " AND c.id > ? ORDER BY c.id LIMIT ?"

/* Those that have an end, where the others are kept for ever: an index has them. All that have an end. All. */
static constexpr const char *retention_texts[][3] = {
	{LOWEST_OF_SQLITE("c.keep > 0"), LOWEST_OF_SQLITE("c.keep >= 0"), LOWEST_OF_SQLITE("c.keep >= -1")},
	{LOWEST_OF_MYSQL("c.keep > 0"), LOWEST_OF_MYSQL("c.keep >= 0"), LOWEST_OF_MYSQL("c.keep >= -1")},
};

int retention_find(cs_db *db, retention_look *look)
{
	const size_t which = look->before ? 2 : look->keep > 0 ? 1 : 0;
	const char *text = retention_texts[db->driver->dialect == CS_DB_MYSQL][which];
	retention_look found = *look;

	found.old.clear();
	const int result =
		sql_run(db, text, {sql_integer(look->after), sql_integer(look->most)}, retention_lowest_take, &found);
	if (result)
		return result;
	look->more = found.most == 0;
	look->after = found.after;
	look->old = std::move(found.old);
	return 0;
}

/* SQLite's bodies lie in the order in which they were stored. MySQL has no such order, but it has a clock. */
int retention_read_clock(cs_db *db, retention_clock *clock_r)
{
	const bool mysql = db->driver->dialect == CS_DB_MYSQL;
	uint64_t ms = 0;
	const int result = sql_run(db,
	                           mysql ? "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)"
	                                 : "SELECT created FROM body ORDER BY id DESC LIMIT 1",
	                           {}, sql_row_number, &ms);

	*clock_r = {};
	(mysql ? clock_r->database : clock_r->newest) = static_cast<int64_t>(ms);
	return result;
}

static int retention_find_group(cs_db *db, uint64_t group, bool *is_there_r)
{
	const std::string text = dialect_join(
		{"SELECT 1 FROM conversation WHERE id = ? AND kind = 1 AND members > 0", dialect_for_update(db)});

	*is_there_r = false;
	return sql_run(db, text.c_str(), {sql_integer(group)}, sql_row_exists, is_there_r);
}

int retention_set_group(cs_db *db, uint64_t group, int64_t keep)
{
	bool is_there;
	const int result = retention_find_group(db, group, &is_there);

	if (result || !is_there)
		return result ? result : MODEL_NONE;
	return sql_run(db, "UPDATE conversation SET keep = ? WHERE id = ?",
	               {sql_integer(static_cast<uint64_t>(keep)), sql_integer(group)});
}

/* ---- removing */

/* The old entries at the beginning of a conversation. */
struct retention_range {
	int64_t before;
	uint64_t first = 0, last = 0; /* seqs; last 0: there are none */
	size_t entries = 0;
	bool ended = false; /* an entry that is not old follows */
	bool is_blank = false; /* the first one is blank */
};

/* Columns: seq, kind, created. */
static int retention_range_take(void *arg, const cs_db_value *columns, size_t)
{
	retention_range *range = static_cast<retention_range *>(arg);

	range->ended = range->ended || columns[2].integer >= range->before;
	if (range->ended)
		return 0;
	range->last = sql_number_of(columns[0]);
	if (!range->first) {
		range->first = range->last;
		range->is_blank = columns[1].integer == ENTRY_PURGED;
	}
	range->entries++;
	return 0;
}

static int retention_range_find(cs_db *db, const retention_purge &purge, retention_range *range)
{
	return sql_run(db, "SELECT seq, kind, created FROM message WHERE conversation = ? ORDER BY seq LIMIT ?",
	               {sql_integer(purge.conversation), sql_integer(purge.most)}, retention_range_take, range);
}

/* Locked, no newer entry can come before this transaction ends. */
static int retention_lock_last(cs_db *db, uint64_t conversation, uint64_t *last_r)
{
	const std::string text = dialect_join(
		{"SELECT last_seq FROM ", dialect_conversations(db), " WHERE id = ?", dialect_for_update(db)});

	*last_r = 0;
	return sql_run(db, text.c_str(), {sql_integer(conversation)}, sql_row_number, last_r);
}

/* SQLite keeps the cid of a message in a row of its own, which is found by the message's frame. */
static int retention_remove_cids(cs_db *db, uint64_t conversation, uint64_t first, uint64_t last)
{
	const cs_db_value id = sql_integer(conversation);

	return sql_run(db,
	               "DELETE FROM entry WHERE conversation = ? AND (k, owner) IN (SELECT"
	               " CASE WHEN json_valid(b.body) THEN json_extract(b.body, '$.cid') END, e.sender"
	               " FROM entry e JOIN body b ON b.id = e.ref"
	               " WHERE e.conversation = ? AND e.k >= ? AND e.k <= ? AND e.owner = 0)",
	               {id, id, sql_integer(first), sql_integer(last)});
}

static int retention_remove_range(cs_db *db, uint64_t conversation, uint64_t first, uint64_t last)
{
	const cs_db_value id = sql_integer(conversation), low = sql_integer(first), high = sql_integer(last);

	if (db->driver->dialect == CS_DB_MYSQL)
		return sql_run(db, "DELETE FROM message WHERE conversation = ? AND seq >= ? AND seq <= ?",
		               {id, low, high});
	int result = retention_remove_cids(db, conversation, first, last);
	if (!result)
		result = sql_run(db,
		                 "DELETE FROM body WHERE id IN (SELECT ref FROM entry"
		                 " WHERE conversation = ? AND k >= ? AND k <= ? AND owner = 0)",
		                 {id, low, high});
	if (!result)
		result = sql_run(db, "DELETE FROM entry WHERE conversation = ? AND k >= ? AND k <= ?", {id, low, high});
	return result;
}

/* Its seq, sender and time stay. */
static int retention_blank(cs_db *db, uint64_t conversation, uint64_t seq)
{
	const cs_db_value id = sql_integer(conversation), at = sql_integer(seq);

	if (db->driver->dialect == CS_DB_MYSQL)
		return sql_run(db,
		               "UPDATE message SET kind = 3, cid = NULL, body = '', edited = NULL"
		               " WHERE conversation = ? AND seq = ?",
		               {id, at});
	int result = retention_remove_cids(db, conversation, seq, seq);
	if (!result)
		result = sql_run(db,
		                 "UPDATE body SET body = '', edited = NULL WHERE id ="
		                 " (SELECT ref FROM entry WHERE conversation = ? AND k = ? AND owner = 0)",
		                 {id, at});
	if (!result)
		result = sql_run(db, "UPDATE entry SET kind = 3 WHERE conversation = ? AND k = ? AND owner = 0",
		                 {id, at});
	return result;
}

/* All old entries, the newest entry of the conversation may be one of them. */
static int retention_remove_to_end(cs_db *db, retention_purge *purge, retention_range *range)
{
	uint64_t newest = 0;
	int result = retention_lock_last(db, purge->conversation, &newest);

	if (result || range->last < newest)
		return result ? result : retention_remove_range(db, purge->conversation, range->first, range->last);
	if (range->first < newest)
		result = retention_remove_range(db, purge->conversation, range->first, newest - 1);
	if (!result && range->first == newest && range->is_blank) {
		range->entries = 0;
		return 0;
	}
	return result ? result : retention_blank(db, purge->conversation, newest);
}

int retention_remove(cs_db *db, retention_purge *purge)
{
	retention_range range = {.before = purge->before};
	int result = retention_range_find(db, *purge, &range);

	purge->purged = 0;
	purge->more = false;
	if (result || !range.last)
		return result;
	result = range.ended ? retention_remove_range(db, purge->conversation, range.first, range.last)
	                     : retention_remove_to_end(db, purge, &range);
	if (result)
		return result;
	purge->purged = range.entries;
	purge->more = !range.ended && range.entries == purge->most;
	return 0;
}

/* ---- shrinking */

int retention_shrink(cs_db *db, size_t most, bool *more_r)
{
	const std::string shrink = "PRAGMA incremental_vacuum(" + std::to_string(most) + ")";
	uint64_t pages = 0, unused = 0, before = 0;

	*more_r = false;
	if (db->driver->dialect != CS_DB_SQLITE)
		return 0;
	int result = sql_run(db, "PRAGMA page_count", {}, sql_row_number, &pages);
	if (!result)
		result = sql_run(db, "PRAGMA freelist_count", {}, sql_row_number, &before);
	if (result || before <= pages / 8)
		return result;
	result = sql_run(db, shrink.c_str(), {});
	if (!result)
		result = sql_run(db, "PRAGMA freelist_count", {}, sql_row_number, &unused);
	/* A file that was made without auto_vacuum does not shrink. */
	*more_r = !result && unused < before && unused > pages / 8;
	return result;
}
