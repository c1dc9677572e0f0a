/* SPDX-License-Identifier: MIT
 * The statements on the table account. */
#include "users.h"

#include <algorithm>
#include <vector>

#include "dialect.h"
#include "sql.h"

struct user_row {
	user *found;
	bool there;
};

static user_lock_state users_lock_state_of(const cs_db_value &column)
{
	return static_cast<user_lock_state>(std::min<uint64_t>(sql_number_of(column), USER_ERASED));
}

static int users_user_take(void *arg, const cs_db_value *columns, size_t)
{
	user_row *row = static_cast<user_row *>(arg);

	row->found->id = sql_number_of(columns[0]);
	row->found->name = sql_text_of(columns[1]);
	row->found->password = sql_text_of(columns[2]);
	row->found->series = {sql_number_of(columns[3]), sql_number_of(columns[4])};
	row->found->locked = users_lock_state_of(columns[5]);
	row->there = true;
	return 1;
}

static int users_find(cs_db *db, const char *text, const cs_db_value &value, user *user_r)
{
	user_row row = {user_r, false};
	const int result = sql_run(db, text, {value}, users_user_take, &row);

	if (result)
		return result;
	return row.there ? 0 : MODEL_NONE;
}

int user_find(cs_db *db, uint64_t id, user *user_r)
{
	return users_find(db, "SELECT id, name, password, series, unnamed_series, locked FROM account WHERE id = ?",
	                  sql_integer(id), user_r);
}

int user_find_name(cs_db *db, std::string_view name, user *user_r)
{
	return users_find(db, "SELECT id, name, password, series, unnamed_series, locked FROM account WHERE name = ?",
	                  sql_text(name), user_r);
}

int user_find_id(cs_db *db, std::string_view name, uint64_t *id_r)
{
	*id_r = 0;
	const int result = sql_run(db, "SELECT id FROM account WHERE name = ? AND locked < 2", {sql_text(name)},
	                           sql_row_number, id_r);

	if (result)
		return result;
	return *id_r ? 0 : MODEL_NONE;
}

/* Columns: id, name. */
static int users_name_take(void *arg, const cs_db_value *columns, size_t)
{
	(*static_cast<std::map<uint64_t, std::string> *>(arg))[sql_number_of(columns[0])] = sql_text_of(columns[1]);
	return 0;
}

int user_names(cs_db *db, std::span<const uint64_t> accounts, std::map<uint64_t, std::string> *names_r)
{
	std::vector<cs_db_value> ids;

	names_r->clear();
	for (const uint64_t account : accounts)
		ids.push_back(sql_integer(account));
	return sql_run_many(db, {"SELECT id, name FROM account WHERE id IN (", "?", ", ", ")", 1, true}, ids,
	                    users_name_take, names_r);
}

int user_insert(cs_db *db, std::string_view name, std::string_view password, int64_t created, uint64_t *id_r)
{
	const int result = sql_run(db, "INSERT INTO account (name, password, created) VALUES (?, ?, ?)",
	                           {sql_text(name), sql_text(password), sql_integer(static_cast<uint64_t>(created))});

	if (result == CS_DB_DUPLICATE)
		return MODEL_TAKEN;
	if (result)
		return result;
	*id_r = static_cast<uint64_t>(db->driver->last_id(db));
	return 0;
}

/* A hash is never replaced by itself, so MySQL counts a row whose hash was the given one. */
int user_set_hash(cs_db *db, uint64_t id, std::string_view was, std::string_view hash)
{
	const int result = sql_run(db, "UPDATE account SET password = ? WHERE id = ? AND password = ?",
	                           {sql_text(hash), sql_integer(id), sql_text(was)});

	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}

static int users_series_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<user_series *>(arg) = {sql_number_of(columns[0]), sql_number_of(columns[1])};
	return 1;
}

int user_set_password(cs_db *db, uint64_t id, std::string_view was, std::string_view hash, user_series *series_r)
{
	const int result = sql_run(db,
	                           "UPDATE account SET password = ?, series = series + 1"
	                           " WHERE id = ? AND password = ? AND locked < 2",
	                           {sql_text(hash), sql_integer(id), sql_text(was)});

	if (result)
		return result;
	if (db->driver->affected(db) != 1)
		return MODEL_NONE;
	return sql_run(db, "SELECT series, unnamed_series FROM account WHERE id = ?", {sql_integer(id)},
	               users_series_take, series_r);
}

int user_replace_password(cs_db *db, uint64_t id, std::string_view hash, user_series *series_r)
{
	const int result =
		sql_run(db, "UPDATE account SET password = ?, series = series + 1 WHERE id = ? AND locked < 2",
	                {sql_text(hash), sql_integer(id)});

	if (result)
		return result;
	if (db->driver->affected(db) != 1)
		return MODEL_NONE;
	return sql_run(db, "SELECT series, unnamed_series FROM account WHERE id = ?", {sql_integer(id)},
	               users_series_take, series_r);
}

int user_void_unnamed(cs_db *db, uint64_t id)
{
	return sql_run(db, "UPDATE account SET unnamed_series = unnamed_series + 1 WHERE id = ?", {sql_integer(id)});
}

int user_keep(cs_db *db, uint64_t id)
{
	const std::string select =
		dialect_join({"SELECT 1 FROM account WHERE id = ? AND locked < 2", dialect_for_share(db)});
	bool is_there = false;
	const int result = sql_run(db, select.c_str(), {sql_integer(id)}, sql_row_exists, &is_there);

	if (result)
		return result;
	return is_there ? 0 : MODEL_NONE;
}

int user_lock(cs_db *db, uint64_t id)
{
	const std::string select = std::string("SELECT 1 FROM account WHERE id = ?") + dialect_for_update(db);

	return sql_run(db, select.c_str(), {sql_integer(id)});
}

/* MySQL does not count a row that was so already. */
int user_set_locked(cs_db *db, uint64_t id, bool is_locked, std::string_view reason)
{
	const std::string select =
		std::string("SELECT 1 FROM account WHERE id = ? AND locked < 2") + dialect_for_update(db);
	bool is_there = false;
	const int result = sql_run(db, select.c_str(), {sql_integer(id)}, sql_row_exists, &is_there);

	if (result || !is_there)
		return result ? result : int{MODEL_NONE};
	return sql_run(
		db, "UPDATE account SET locked = ?, lock_reason = ? WHERE id = ?",
		{sql_integer(is_locked ? USER_LOCKED : USER_FREE), sql_text(is_locked ? reason : ""), sql_integer(id)});
}

static bool users_login_less(const user_login *a, const user_login *b)
{
	return a->account < b->account;
}

/* Columns: id, generation, series, unnamed_series, name, locked. arg: logins of different accounts, sorted. */
static int users_generation_take(void *arg, const cs_db_value *columns, size_t)
{
	const auto *logins = static_cast<const std::vector<user_login *> *>(arg);
	user_login wanted;

	wanted.account = sql_number_of(columns[0]);
	const auto at = std::lower_bound(logins->begin(), logins->end(), &wanted, users_login_less);
	if (at == logins->end() || (*at)->account != wanted.account)
		return 0;
	(*at)->generation = sql_number_of(columns[1]);
	(*at)->series = {sql_number_of(columns[2]), sql_number_of(columns[3])};
	(*at)->name = sql_text_of(columns[4]);
	(*at)->locked = users_lock_state_of(columns[5]);
	return 0;
}

/* The logins are of different accounts, and sorted, so that rows are locked in the order of their ids. */
static int users_raise_generations(cs_db *db, std::vector<user_login *> *logins)
{
	std::vector<cs_db_value> ids;
	int result;

	for (user_login *login : *logins) {
		login->generation = 0;
		ids.push_back(sql_integer(login->account));
	}
	result = sql_run_many(
		db, {"UPDATE account SET generation = generation + 1 WHERE id IN (", "?", ", ", ")", 1, true}, ids);
	if (result)
		return result;
	return sql_run_many(db,
	                    {"SELECT id, generation, series, unnamed_series, name, locked FROM account WHERE id IN (",
	                     "?", ", ", ")", 1, true},
	                    ids, users_generation_take, logins);
}

int user_next_generations(cs_db *db, std::span<user_login *const> logins)
{
	std::vector<user_login *> left(logins.begin(), logins.end());

	std::stable_sort(left.begin(), left.end(), users_login_less);
	while (!left.empty()) {
		std::vector<user_login *> once, more;

		for (user_login *login : left)
			(once.empty() || users_login_less(once.back(), login) ? once : more).push_back(login);
		if (const int result = users_raise_generations(db, &once))
			return result;
		left.swap(more);
	}
	return 0;
}
