/* SPDX-License-Identifier: MIT
 * The statements on the table ban. */
#include "bans.h"

#include "sql.h"

static cs_db_value ban_time(int64_t ms)
{
	return sql_integer(static_cast<uint64_t>(ms));
}

int ban_put(cs_db *db, const ban_row &ban, size_t most)
{
	uint64_t others = 0;
	int result = sql_run(db, "DELETE FROM ban WHERE network = ? OR (ends <> 0 AND ends <= ?)",
	                     {sql_text(ban.network), ban_time(ban.created)});

	if (!result)
		result = sql_run(db, "SELECT COUNT(*) FROM ban", {}, sql_row_number, &others);
	if (result)
		return result;
	if (others >= most)
		return MODEL_FULL;
	return sql_run(db, "INSERT INTO ban (network, created, ends, reason) VALUES (?, ?, ?, ?)",
	               {sql_text(ban.network), ban_time(ban.created), ban_time(ban.ends), sql_text(ban.reason)});
}

int ban_remove(cs_db *db, std::string_view network)
{
	const int result = sql_run(db, "DELETE FROM ban WHERE network = ?", {sql_text(network)});

	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}

static int ban_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<ban_row> *>(arg)->push_back({std::string(sql_text_of(columns[0])), columns[1].integer,
	                                                     columns[2].integer, std::string(sql_text_of(columns[3]))});
	return 0;
}

int ban_page(cs_db *db, std::string_view after, size_t most, int64_t now, std::vector<ban_row> *bans_r)
{
	bans_r->clear();
	return sql_run(db,
	               "SELECT network, created, ends, reason FROM ban WHERE network > ? AND (ends = 0 OR ends > ?) "
	               "ORDER BY network LIMIT ?",
	               {sql_text(after), ban_time(now), sql_integer(most)}, ban_take, bans_r);
}

static int ban_take_state(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<ban_state *>(arg) = {sql_number_of(columns[0]), columns[1].integer, columns[2].integer};
	return 1;
}

int ban_read_state(cs_db *db, ban_state *state_r)
{
	/* MySQL makes a decimal number of a sum. */
	const char *const text =
		db->driver->dialect == CS_DB_MYSQL
			? "SELECT COUNT(*), CAST(COALESCE(SUM(created), 0) AS SIGNED), "
			  "CAST(COALESCE(SUM(ends), 0) AS SIGNED) FROM ban"
			: "SELECT COUNT(*), COALESCE(SUM(created), 0), COALESCE(SUM(ends), 0) FROM ban";

	return sql_run(db, text, {}, ban_take_state, state_r);
}
