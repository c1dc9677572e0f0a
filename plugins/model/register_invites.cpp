/* SPDX-License-Identifier: MIT
 * The statements on the table register_invite. */
#include "register_invites.h"

#include "sql.h"

static cs_db_value register_invite_blob(std::string_view bytes)
{
	return {CS_DB_BLOB, 0, bytes.data(), bytes.size()};
}

static cs_db_value register_invite_time(int64_t ms)
{
	return sql_integer(static_cast<uint64_t>(ms));
}

int register_invite_insert(cs_db *db, std::string_view hash, int64_t former, register_invite *invite)
{
	int result = sql_run(db, "DELETE FROM register_invite WHERE ends < ?", {register_invite_time(former)});

	if (!result)
		result = sql_run(db, "INSERT INTO register_invite (code, uses, created, ends) VALUES (?, ?, ?, ?)",
		                 {register_invite_blob(hash), sql_integer(static_cast<uint64_t>(invite->uses)),
		                  register_invite_time(invite->created), register_invite_time(invite->ends)});
	if (!result)
		invite->id = static_cast<uint64_t>(db->driver->last_id(db));
	return result;
}

int register_invite_find(cs_db *db, std::string_view hash, int64_t now, uint64_t *id_r)
{
	*id_r = 0;
	const int result = sql_run(db, "SELECT id FROM register_invite WHERE code = ? AND used < uses AND ends > ?",
	                           {register_invite_blob(hash), register_invite_time(now)}, sql_row_number, id_r);

	if (result)
		return result;
	return *id_r ? 0 : MODEL_NONE;
}

int register_invite_use(cs_db *db, std::string_view hash, int64_t now)
{
	const int result =
		sql_run(db, "UPDATE register_invite SET used = used + 1 WHERE code = ? AND used < uses AND ends > ?",
	                {register_invite_blob(hash), register_invite_time(now)});

	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}

static int register_invite_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<register_invite> *>(arg)->push_back({sql_number_of(columns[0]), columns[1].integer,
	                                                             columns[2].integer, columns[3].integer,
	                                                             columns[4].integer});
	return 0;
}

int register_invite_page(cs_db *db, uint64_t after, size_t most, std::vector<register_invite> *invites_r)
{
	invites_r->clear();
	return sql_run(db, "SELECT id, uses, used, created, ends FROM register_invite WHERE id > ? ORDER BY id LIMIT ?",
	               {sql_integer(after), sql_integer(most)}, register_invite_take, invites_r);
}

int register_invite_remove(cs_db *db, uint64_t id, std::string_view hash, uint64_t *id_r)
{
	int result = 0;

	*id_r = id;
	if (id == 0)
		result = sql_run(db, "SELECT id FROM register_invite WHERE code = ?", {register_invite_blob(hash)},
		                 sql_row_number, id_r);
	if (!result)
		result = sql_run(db, "DELETE FROM register_invite WHERE id = ?", {sql_integer(*id_r)});
	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}
