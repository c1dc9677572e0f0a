/* SPDX-License-Identifier: MIT
 * The statements on the table device, and on cursors of whole devices. The account's row is locked by the statement
 * that raises its generation, or by user_lock, so that its devices change one after the other. */
#include "devices.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "dialect.h"
#include "sql.h"

using device_by_account = std::map<uint64_t, std::vector<device_row>>;

/* Columns: account, number, name, last_seen. */
static int device_row_take(void *arg, const cs_db_value *columns, size_t)
{
	(*static_cast<device_by_account *>(arg))[sql_number_of(columns[0])].push_back(
		{sql_number_of(columns[1]), std::string(sql_text_of(columns[2])), columns[3].integer});
	return 0;
}

static int device_read(cs_db *db, const std::set<uint64_t> &accounts, device_by_account *found)
{
	std::vector<cs_db_value> ids;

	for (const uint64_t account : accounts)
		ids.push_back(sql_integer(account));
	return sql_run_many(
		db, {"SELECT account, number, name, last_seen FROM device WHERE account IN (", "?", ", ", ")", 1, true},
		ids, device_row_take, found);
}

int device_list(cs_db *db, uint64_t account, std::vector<device_row> *devices_r)
{
	device_by_account found;
	const int result = device_read(db, {account}, &found);

	*devices_r = std::move(found[account]);
	return result;
}

/* ---- forgetting */

static int device_remove(cs_db *db, uint64_t account, uint64_t number)
{
	const cs_db_value id = sql_integer(account), device = sql_integer(number);
	const int result = sql_run(db, "DELETE FROM `cursor` WHERE account = ? AND device = ?", {id, device});

	if (result)
		return result;
	return sql_run(db, "DELETE FROM device WHERE account = ? AND number = ?", {id, device});
}

int device_forget(cs_db *db, uint64_t account, std::string_view name, uint64_t *number_r)
{
	std::vector<device_row> devices;
	int result = user_lock(db, account);

	if (!result)
		result = device_list(db, account, &devices);
	if (result)
		return result;
	const auto found = std::find_if(devices.begin(), devices.end(),
	                                [=](const device_row &device) { return device.name == name; });

	if (found == devices.end())
		return MODEL_NONE;
	*number_r = found->number;
	return found->number == 0 ? user_void_unnamed(db, account) : device_remove(db, account, found->number);
}

/* ---- a login */

/* Of a new device: everything that there is counts as received. Also in groups that the account has left. */
static int device_start_at_the_end(cs_db *db, uint64_t account, uint64_t number)
{
	const cs_db_value id = sql_integer(account), device = sql_integer(number);
	const std::string conversations = std::string(dialect_conversations(db)) + " c";
	const std::string text =
		dialect_join({"INSERT INTO `cursor` (account, device, conversation, delivered_seq)"
	                      " SELECT c.low, CAST(? AS SIGNED), c.id, c.last_seq FROM ",
	                      conversations, " WHERE c.last_seq > 0 AND c.low = ?",
	                      " UNION ALL SELECT c.high, CAST(? AS SIGNED), c.id, c.last_seq FROM ", conversations,
	                      " WHERE c.last_seq > 0 AND c.low < c.high AND c.high = ?",
	                      " UNION ALL SELECT m.account, CAST(? AS SIGNED), c.id, c.last_seq FROM member m JOIN ",
	                      conversations, " ON c.id = m.conversation WHERE c.last_seq > 0 AND m.account = ?"});

	return sql_run(db, text.c_str(), {device, id, device, id, device, id});
}

/* A session that ends after its device was forgotten may still store its cursors. */
static int device_drop_lost_cursors(cs_db *db, uint64_t account)
{
	const cs_db_value id = sql_integer(account);

	return sql_run(db,
	               "DELETE FROM `cursor` WHERE account = ? AND device <> 0 AND device NOT IN"
	               " (SELECT number FROM device WHERE account = ?)",
	               {id, id});
}

struct device_account {
	uint64_t last = 0; /* the highest number that was given */
	int64_t until = 0; /* ms; by then what it has used of its new devices has come back */
};

static int device_account_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<device_account *>(arg) = {sql_number_of(columns[0]), columns[1].integer};
	return 1;
}

/* Sets login->wait_ms if the account has had too many new devices lately. A time that is more than a minute too far
 * ahead was written by a wrong clock. */
static int device_read_account(cs_db *db, device_login *login, device_account *account_r)
{
	const cs_db_value id = sql_integer(login->user.account);
	const int64_t all = login->now + device_minute;
	const int result = sql_run(db, "SELECT last_device, new_devices_until FROM account WHERE id = ?", {id},
	                           device_account_take, account_r);

	if (account_r->until < login->now || account_r->until > all + device_minute)
		account_r->until = login->now;
	login->wait_ms = login->share ? std::max<int64_t>(account_r->until + login->share - all, 0) : 0;
	return result;
}

static int device_take_number(cs_db *db, device_login *login, const device_account &account)
{
	const cs_db_value id = sql_integer(login->user.account);
	const auto until = sql_integer(static_cast<uint64_t>(account.until + login->share));

	login->number = account.last + 1;
	return sql_run(db, "UPDATE account SET last_device = ?, new_devices_until = ? WHERE id = ?",
	               {sql_integer(login->number), until, id});
}

/* At once: cursors of devices without a row are dropped when the next new device is made, perhaps in the same batch. */
static int device_insert(cs_db *db, const device_login &login)
{
	const auto now = sql_integer(static_cast<uint64_t>(login.seen));

	return sql_run(db, "INSERT INTO device (account, number, name, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)",
	               {sql_integer(login.user.account), sql_integer(login.number), sql_text(login.name), now, now});
}

static int device_end(cs_db *db, device_login *login, std::vector<device_row> *devices,
                      std::vector<device_row>::iterator at)
{
	const uint64_t number = at->number;

	login->ended.push_back(number);
	devices->erase(at);
	return device_remove(db, login->user.account, number);
}

static bool device_unseen_longer(const device_row &a, const device_row &b)
{
	return a.last_seen < b.last_seen;
}

/* devices: sorted, the one that was unseen longest first. */
static int device_forget_old(cs_db *db, device_login *login, std::vector<device_row> *devices)
{
	int result = 0;

	while (!result && !devices->empty() && devices->front().last_seen < login->forgotten)
		result = device_end(db, login, devices, devices->begin());
	return result;
}

static bool device_was_offline(const device_login &login, const device_row &device)
{
	return std::any_of(login.offline.begin(), login.offline.end(), [&](const device_row &offline) {
		return offline.number == device.number && offline.last_seen == device.last_seen;
	});
}

/* Sets login->full if there is no room; then none has gone. Several go if fewer are allowed than before. */
static int device_make_room(cs_db *db, device_login *login, std::vector<device_row> *devices)
{
	const auto was_offline = [login](const device_row &device) {
		return device_was_offline(*login, device);
	};
	const auto offline = static_cast<size_t>(std::count_if(devices->begin(), devices->end(), was_offline));
	int result = 0;

	login->full = devices->size() - offline >= login->most;
	if (login->full)
		login->named = *devices;
	while (!login->full && !result && devices->size() >= login->most)
		result = device_end(db, login, devices, std::find_if(devices->begin(), devices->end(), was_offline));
	return result;
}

static int device_add(cs_db *db, device_login *login, std::vector<device_row> *devices)
{
	device_account account;
	int result = device_read_account(db, login, &account);

	if (!result && login->wait_ms == 0)
		result = device_make_room(db, login, devices);
	if (result || login->full || login->wait_ms > 0)
		return result;
	result = device_drop_lost_cursors(db, login->user.account);
	if (!result)
		result = device_take_number(db, login, account);
	if (!result)
		result = device_insert(db, *login);
	if (!result)
		result = device_start_at_the_end(db, login->user.account, login->number);
	devices->push_back({login->number, login->name, login->now});
	return result;
}

/* The time of the device always changes, also if the clock of the node that wrote it is ahead: this shows other logins
 * that the device is not offline any more. */
static void device_find(device_login *login, std::vector<device_row> *devices)
{
	const auto found = std::find_if(devices->begin(), devices->end(),
	                                [login](const device_row &device) { return device.name == login->name; });

	if (found == devices->end())
		return;
	login->seen = found->last_seen = std::max(found->last_seen + 1, login->now);
	login->number = found->number;
}

/* The device of a login; a token is good only for its own. Also if a later device has the same name. */
static void device_find_own(device_login *login, std::vector<device_row> *devices)
{
	if (login->by_token)
		login->is_void = std::none_of(devices->begin(), devices->end(), [login](const device_row &device) {
			return device.number == login->token_number && device.name == login->name;
		});
	if (!login->is_void)
		device_find(login, devices);
}

/* found: the named devices of the accounts. Those that are there already are noted first, so that none of them makes
 * room for a new one. */
static int device_choose(cs_db *db, const std::vector<device_login *> &logins, device_by_account *found)
{
	int result = 0;

	for (device_login *login : logins) {
		std::vector<device_row> *devices = &(*found)[login->user.account];

		std::stable_sort(devices->begin(), devices->end(), device_unseen_longer);
		if (!result)
			result = device_forget_old(db, login, devices);
		device_find_own(login, devices);
	}
	for (device_login *login : logins) {
		std::vector<device_row> *devices = &(*found)[login->user.account];

		if (login->by_token)
			continue;
		if (login->number == 0) /* perhaps another of these logins has made it now */
			device_find(login, devices);
		if (!result && login->number == 0)
			result = device_add(db, login, devices);
	}
	return result;
}

static int device_choose_named(cs_db *db, std::span<device_login *const> logins)
{
	std::vector<device_login *> named;
	std::set<uint64_t> accounts;
	device_by_account found;

	std::copy_if(logins.begin(), logins.end(), std::back_inserter(named), [](const device_login *login) {
		return !login->name.empty() && login->user.generation != 0 && !login->is_void && !login->is_locked;
	});
	for (const device_login *login : named)
		accounts.insert(login->user.account);
	if (const int result = device_read(db, accounts, &found))
		return result;
	for (auto &[account, devices] : found)
		std::erase_if(devices, [](const device_row &device) { return device.number == 0; });
	return device_choose(db, named, &found);
}

static bool device_key_is_lower(const device_login *a, const device_login *b)
{
	return std::tie(a->user.account, a->number) < std::tie(b->user.account, b->number);
}

/* Notes the time, and makes the row of a device 0 that is new. */
static int device_write(cs_db *db, std::span<device_login *const> logins)
{
	const std::string tail = dialect_or_raise(db, "account, number", "last_seen");
	std::vector<device_login *> sorted(logins.begin(), logins.end());
	std::vector<cs_db_value> values;

	std::sort(sorted.begin(), sorted.end(), device_key_is_lower);
	for (const device_login *login : sorted) {
		if (login->user.generation == 0 || login->is_void || login->is_locked || login->full ||
		    login->wait_ms > 0)
			continue;
		const auto now = sql_integer(static_cast<uint64_t>(login->seen));

		values.insert(values.end(), {sql_integer(login->user.account), sql_integer(login->number),
		                             sql_text(login->name), now, now});
	}
	return sql_run_many(db,
	                    {"INSERT INTO device (account, number, name, first_seen, last_seen) VALUES ",
	                     "(?, ?, ?, ?, ?)", ", ", tail, 5, true},
	                    values);
}

int device_log_in(cs_db *db, std::span<device_login *const> logins)
{
	std::vector<user_login *> users;
	int result;

	for (device_login *login : logins) {
		login->number = 0;
		login->seen = login->now;
		login->full = false;
		login->wait_ms = 0;
		login->named.clear();
		users.push_back(&login->user);
	}
	result = user_next_generations(db, users);
	for (device_login *login : logins) {
		login->is_void = login->series != user_series_of(login->user.series, !login->name.empty());
		login->is_locked = !login->is_void && login->user.locked != USER_FREE;
	}
	if (!result)
		result = device_choose_named(db, logins);
	return result ? result : device_write(db, logins);
}

/* ---- sessions of devices */

using device_series = std::map<uint64_t, user_series>;

static int device_series_take(void *arg, const cs_db_value *columns, size_t)
{
	(*static_cast<device_series *>(arg))[sql_number_of(columns[0])] = {sql_number_of(columns[1]),
	                                                                   sql_number_of(columns[2])};
	return 0;
}

static int device_read_series(cs_db *db, const std::set<uint64_t> &accounts, device_series *found)
{
	std::vector<cs_db_value> ids;

	for (const uint64_t account : accounts)
		ids.push_back(sql_integer(account));
	return sql_run_many(db,
	                    {"SELECT id, series, unnamed_series FROM account WHERE locked = 0 AND id IN (", "?", ", ",
	                     ")", 1, true},
	                    ids, device_series_take, found);
}

static bool device_is_over(const device_session &session, const std::vector<device_row> &rows,
                           const user_series &series)
{
	const uint64_t number = session.reader.device;

	if (session.series != user_series_of(series, number != 0))
		return true;
	return number != 0 &&
	       std::none_of(rows.begin(), rows.end(), [=](const device_row &row) { return row.number == number; });
}

int device_session_over(cs_db *db, const device_session &session, bool *is_over_r)
{
	const cs_db_value account = sql_integer(session.reader.account), number = sql_integer(session.reader.device);
	uint64_t series = session.series + 1; /* if there is no row, it is over */
	const int result =
		session.reader.device == 0
			? sql_run(db, "SELECT series + unnamed_series FROM account WHERE id = ? AND locked = 0",
	                          {account}, sql_row_number, &series)
			: sql_run(db,
	                          "SELECT a.series FROM account a JOIN device d ON d.account = a.id"
	                          " WHERE a.id = ? AND a.locked = 0 AND d.number = ?",
	                          {account, number}, sql_row_number, &series);

	*is_over_r = series != session.series;
	return result;
}

/* Only the accounts that have named devices among the sessions are looked for in the table device. */
int device_over(cs_db *db, std::span<const device_session> sessions, std::vector<unsigned char> *is_over_r)
{
	std::set<uint64_t> accounts, named;
	device_by_account rows;
	device_series series;

	is_over_r->clear();
	for (const device_session &session : sessions) {
		accounts.insert(session.reader.account);
		if (session.reader.device != 0)
			named.insert(session.reader.account);
	}
	int result = device_read_series(db, accounts, &series);

	if (!result)
		result = device_read(db, named, &rows);
	for (const device_session &session : sessions) {
		const auto found = series.find(session.reader.account);

		is_over_r->push_back(found == series.end() ||
		                     device_is_over(session, rows[session.reader.account], found->second));
	}
	return result;
}

/* So many rows are one statement. SQLite has no round trips. */
static size_t device_seen_piece(const cs_db *db)
{
	return db->driver->dialect == CS_DB_SQLITE ? 1 : 32;
}

static std::string device_seen_text(const cs_db *db, size_t size)
{
	const char *greatest = db->driver->dialect == CS_DB_SQLITE ? "MAX" : "GREATEST";
	std::string text = dialect_join({"UPDATE device", dialect_by_id(db), " SET last_seen = ", greatest,
	                                 "(last_seen, ?) WHERE (account = ? AND number = ?)"});

	for (size_t i = 1; i < size; i++)
		text += " OR (account = ? AND number = ?)";
	return text;
}

/* In the order of the key, as device_write: so two transactions wait for each other only one way. */
int device_note_seen(cs_db *db, std::span<const message_reader> devices, int64_t now)
{
	const size_t size = device_seen_piece(db);
	const std::string text = device_seen_text(db, size);
	std::vector<std::pair<uint64_t, uint64_t>> sorted;
	int result = 0;

	for (const message_reader &device : devices)
		sorted.emplace_back(device.account, device.device);
	std::sort(sorted.begin(), sorted.end());
	for (size_t begin = 0; !result && begin < sorted.size(); begin += size) {
		std::vector<cs_db_value> values = {sql_integer(static_cast<uint64_t>(now))};

		for (size_t i = begin; i < begin + size; i++) {
			const auto &[account, number] = sorted[std::min(i, sorted.size() - 1)];

			values.insert(values.end(), {sql_integer(account), sql_integer(number)});
		}
		result = db->driver->query(db, text.c_str(), values.data(), values.size(), nullptr, nullptr);
	}
	return result;
}

static int device_store_id_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<std::string *>(arg) = sql_text_of(columns[0]);
	return 1;
}

int device_store_id(cs_db *db, std::string *id_r)
{
	return sql_run(db, "SELECT id FROM store", {}, device_store_id_take, id_r);
}
