/* SPDX-License-Identifier: MIT
 * The statements that erase an account. */
#include "erasing.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include <chatserverd/msgid.h>

#include "../shared/object.h"
#include "accounts.h"
#include "contacts.h"
#include "dialect.h"
#include "messages.h"
#include "sql.h"

/* As erasing.seq: all of the conversation is done. */
static constexpr uint64_t erasing_all = INT64_MAX;
static constexpr size_t erasing_conversations_a_time = 50;

/* ---- the beginning */

static int erasing_state_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

/* Somebody may have such a name already. */
static int erasing_rename(cs_db *db, uint64_t account)
{
	const std::string stem = "erased " + std::to_string(account);
	std::string name = stem;
	int result = CS_DB_DUPLICATE;

	for (int i = 2; result == CS_DB_DUPLICATE; i++) {
		uint64_t other = 0;

		result = sql_run(db, "SELECT id FROM account WHERE name = ?", {sql_text(name)}, sql_row_number, &other);
		if (!result && other && other != account)
			result = CS_DB_DUPLICATE;
		else if (!result)
			result = sql_run(db,
			                 "UPDATE account SET name = ?, password = '', series = series + 1, locked = 2,"
			                 " lock_reason = '' WHERE id = ?",
			                 {sql_text(name), sql_integer(account)});
		name = stem + " (" + std::to_string(i) + ")";
	}
	return result;
}

int erasing_begin(cs_db *db, uint64_t account)
{
	const cs_db_value id = sql_integer(account);
	const std::string select = dialect_join({"SELECT locked FROM account WHERE id = ?", dialect_for_update(db)});
	const std::string insert =
		dialect_join({"INSERT INTO erasing (account) VALUES (?)", dialect_or_nothing(db, "account")});
	int64_t state = -1;
	int result = sql_run(db, select.c_str(), {id}, erasing_state_take, &state);

	if (result || state == USER_ERASING)
		return result;
	if (state < 0 || state == USER_ERASED)
		return state < 0 ? MODEL_NONE : MODEL_TAKEN;
	result = erasing_rename(db, account);
	if (!result)
		result = sql_run(db, "DELETE FROM device WHERE account = ?", {id});
	return result ? result : sql_run(db, insert.c_str(), {id});
}

static int erasing_row_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<erasing_row *>(arg) = {sql_number_of(columns[0]), columns[1].integer};
	return 1;
}

int erasing_find(cs_db *db, erasing_row *row_r)
{
	*row_r = {};
	const int result = sql_run(db, "SELECT account, lease FROM erasing ORDER BY lease, account LIMIT 1", {},
	                           erasing_row_take, row_r);

	if (result)
		return result;
	return row_r->account ? 0 : MODEL_NONE;
}

/* ---- leaving groups */

/* Who is locked comes last. */
static int erasing_find_group(cs_db *db, erasing_step *step)
{
	const cs_db_value account = sql_integer(step->row.account);
	int result = sql_run(db,
	                     "SELECT conversation FROM member WHERE account = ? AND left_seq IS NULL"
	                     " ORDER BY conversation LIMIT 1",
	                     {account}, sql_row_number, &step->group);

	if (!result && step->group)
		result = sql_run(db,
		                 "SELECT m.account FROM member m JOIN account a ON a.id = m.account"
		                 " JOIN member e ON e.conversation = m.conversation AND e.account = ? AND e.role = 1"
		                 " WHERE m.conversation = ? AND m.left_seq IS NULL AND m.account <> ?"
		                 " ORDER BY CASE WHEN a.locked = 0 THEN 0 ELSE 1 END,"
		                 " CASE WHEN m.role = 2 THEN 0 ELSE 1 END, m.joined_seq, m.account LIMIT 1",
		                 {account, sql_integer(step->group), account}, sql_row_number, &step->heir);
	return result;
}

/* ---- blanking a frame */

static double erasing_number_of(std::string_view text)
{
	double number = 0;

	(void)std::from_chars(text.data(), text.data() + text.size(), number);
	return number;
}

static double erasing_member_number(std::string_view frame, std::string_view key)
{
	std::string_view value;

	return object_find(frame, key, &value) ? 0 : erasing_number_of(value);
}

/* A client may have written anything there. */
static bool erasing_is_time(std::string_view value)
{
	return value.size() <= 21 && value.find_first_not_of("\"0123456789-: ") == std::string_view::npos;
}

/* Who sent it when and where, and what it changed, by the fields of its msgid. */
static int erasing_keep_fields(std::string *frame)
{
	switch (static_cast<int>(erasing_member_number(*frame, "msgid"))) {
	case CS_MSGID_CHAT:
		return object_keep(frame, {"msgid", "id", "name", "toid", "msg", "time", "cid", "recalled"});
	case CS_MSGID_GROUP_CHAT:
		return object_keep(frame, {"msgid", "id", "name", "groupid", "msg", "time", "cid", "recalled"});
	case CS_MSGID_EDIT:
	case CS_MSGID_RECALL:
		return object_keep(frame, {"msgid", "id", "name", "toid", "groupid", "of", "time", "cid"});
	case CS_MSGID_CREATE_GROUP:
		return object_keep(frame, {"msgid", "id", "name", "groupid", "groupname", "groupdesc", "cid"});
	case CS_MSGID_SET_GROUP:
		return object_keep(
			frame, {"msgid", "id", "name", "groupid", "groupname", "groupdesc", "join", "history", "cid"});
	case CS_MSGID_REMOVE_MEMBER:
		return object_keep(frame, {"msgid", "id", "name", "groupid", "account", "ban", "cid"});
	case CS_MSGID_SET_ROLE: return object_keep(frame, {"msgid", "id", "name", "groupid", "account", "role", "cid"});
	case CS_MSGID_MUTE: return object_keep(frame, {"msgid", "id", "name", "groupid", "account", "until", "cid"});
	case CS_MSGID_INVITE: return object_keep(frame, {"msgid", "id", "name", "groupid", "account", "cid"});
	default: return object_keep(frame, {"msgid", "id", "name", "toid", "groupid", "cid"});
	}
}

static int erasing_set_name(std::string *frame, std::string_view name)
{
	std::string_view value;
	const int result = object_find(*frame, "name", &value);

	if (result || value.empty())
		return result;
	return object_set(frame, "name", "\"" + std::string(name) + "\""); /* it needs no escapes */
}

int erasing_blank_frame(std::string *frame, uint64_t sender, std::string_view name)
{
	std::string_view value;
	int result = sender ? erasing_keep_fields(frame) : 0;

	if (!result)
		result = erasing_set_name(frame, name);
	if (result || !sender)
		return result;
	result = object_find(*frame, "msg", &value);
	if (!result && !value.empty())
		result = object_set(frame, "msg", "\"\"");
	if (!result)
		result = object_find(*frame, "time", &value);
	return result || erasing_is_time(value) ? result : object_remove(frame, "time");
}

/* ---- blanking entries */

/* Where the account's entries are looked for. */
struct erasing_part {
	uint64_t account = 0, conversation = 0;
	uint64_t after = 0; /* seq */
	uint64_t last = 0; /* seq of the last entry that was looked at */
	size_t looked = 0;
	size_t most_own = 0;
	std::vector<uint64_t> own; /* seqs of entries of the account, or of the server */
	bool more = false; /* there may be entries above last */
};

/* Columns: seq, sender. */
static int erasing_part_take(void *arg, const cs_db_value *columns, size_t)
{
	erasing_part *part = static_cast<erasing_part *>(arg);
	const uint64_t sender = sql_number_of(columns[1]);

	part->last = sql_number_of(columns[0]);
	part->looked++;
	if (sender == part->account || sender == 0)
		part->own.push_back(part->last);
	part->more = part->own.size() == part->most_own;
	return part->more;
}

/* In SQLite the bodies, which lie elsewhere, are not read. */
static int erasing_look(cs_db *db, erasing_part *part, size_t most)
{
	const char *text = db->driver->dialect == CS_DB_MYSQL
	                           ? "SELECT seq, sender FROM message WHERE conversation = ? AND seq > ?"
	                             " ORDER BY seq LIMIT ?"
	                           : "SELECT k, sender FROM entry WHERE conversation = ? AND k > ? AND k < ''"
	                             " ORDER BY k LIMIT ?";
	const int result =
		sql_run(db, text, {sql_integer(part->conversation), sql_integer(part->after), sql_integer(most)},
	                erasing_part_take, part);

	part->more |= part->looked == most;
	return result;
}

struct erasing_entry {
	uint64_t seq, sender;
	std::string body;
};

/* Columns: seq, sender, body. */
static int erasing_entry_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<erasing_entry> *>(arg)->push_back(
		{sql_number_of(columns[0]), sql_number_of(columns[1]), std::string(sql_text_of(columns[2]))});
	return 0;
}

static int erasing_store(cs_db *db, uint64_t conversation, const erasing_entry &entry)
{
	const char *text = db->driver->dialect == CS_DB_MYSQL
	                           ? "UPDATE message SET body = ? WHERE conversation = ? AND seq = ?"
	                           : "UPDATE body SET body = ? WHERE id ="
	                             " (SELECT ref FROM entry WHERE conversation = ? AND k = ? AND owner = 0)";

	return sql_run(db, text, {sql_text(entry.body), sql_integer(conversation), sql_integer(entry.seq)});
}

/* What cannot be read as a frame says nothing any more. */
static bool erasing_blank_entry(erasing_entry *entry, uint64_t account, std::string_view name)
{
	const std::string before = entry->body;

	if (before.empty())
		return false;
	if (entry->sender == 0 && erasing_member_number(before, "id") != static_cast<double>(account))
		return false;
	if (erasing_blank_frame(&entry->body, entry->sender, name) != 0)
		entry->body = "{}";
	return entry->body != before;
}

static int erasing_blank_part(cs_db *db, const erasing_part &part, std::string_view name, size_t *blanked)
{
	std::vector<erasing_entry> entries;
	std::vector<cs_db_value> values;
	int result;

	for (const uint64_t seq : part.own)
		values.insert(values.end(), {sql_integer(part.conversation), sql_integer(seq)});
	result = sql_run_many(
		db,
		{"SELECT seq, sender, body FROM message WHERE ", "(conversation = ? AND seq = ?)", " OR ", "", 2, true},
		values, erasing_entry_take, &entries);
	for (erasing_entry &entry : entries) {
		if (result || !erasing_blank_entry(&entry, part.account, name))
			continue;
		result = erasing_store(db, part.conversation, entry);
		++*blanked;
	}
	return result;
}

/* ---- a conversation */

/* Locks it, as whoever adds or changes an entry does. Of a pair, says that nobody writes there any more. */
static int erasing_lock_conversation(cs_db *db, const account_conversation &c, uint64_t account)
{
	const unsigned keep = PAIR_LOW_WROTE | PAIR_HIGH_WROTE | PAIR_LOW_ERASED | PAIR_HIGH_ERASED;
	const std::string lock = dialect_join({"SELECT 1 FROM conversation WHERE id = ?", dialect_for_update(db)});
	const int result = sql_run(db, lock.c_str(), {sql_integer(c.id)});

	if (result || c.is_group)
		return result;
	return sql_run(db, "UPDATE conversation SET flags = (flags & ?) | ? WHERE id = ?",
	               {sql_integer(keep), sql_integer(pair_erased_flag(account, c.of)), sql_integer(c.id)});
}

struct erasing_progress {
	uint64_t conversation = 0, seq = 0;
};

/* Blanks what it can of one conversation. *left: entries to look at. */
static int erasing_blank_conversation(cs_db *db, erasing_step *step, std::string_view name, erasing_progress *at,
                                      size_t *left)
{
	erasing_part part;
	account_conversation conversation;
	int result = account_conversation_find(db, step->row.account, at->conversation, &conversation);

	if (result == MODEL_NONE) { /* it is there no more */
		at->seq = erasing_all;
		return 0;
	}
	if (!result)
		result = erasing_lock_conversation(db, conversation, step->row.account);
	part.account = step->row.account;
	part.conversation = at->conversation;
	part.after = at->seq;
	part.most_own = step->most_own - step->blanked;
	if (!result)
		result = erasing_look(db, &part, *left);
	if (!result)
		result = erasing_blank_part(db, part, name, &step->blanked);
	*left -= std::min(*left, part.looked + 1);
	at->seq = part.more ? part.last : erasing_all;
	return result;
}

/* *ended_r: all conversations are done. */
static int erasing_blank(cs_db *db, erasing_step *step, std::string_view name, erasing_progress *at, bool *ended_r)
{
	std::vector<uint64_t> ids;
	size_t left = step->most, next = 0;
	int result =
		at->seq == erasing_all || !at->conversation ? 0 : erasing_blank_conversation(db, step, name, at, &left);

	*ended_r = false;
	if (!result && (at->seq == erasing_all || !at->conversation))
		result = account_conversation_ids(db, step->row.account, at->conversation, erasing_conversations_a_time,
		                                  &ids);
	else
		return result;
	*ended_r = ids.empty();
	while (!result && next < ids.size() && left > 0 && step->blanked < step->most_own) {
		*at = {ids[next++], 0};
		result = erasing_blank_conversation(db, step, name, at, &left);
		if (at->seq != erasing_all)
			break;
	}
	return result;
}

/* ---- what else it has */

/* columns: the key of the table. *more: there may be others. */
static int erasing_delete_some(cs_db *db, const char *table, const char *columns, const char *whose, uint64_t account,
                               size_t most, bool *more)
{
	const std::string text = db->driver->dialect == CS_DB_MYSQL
	                                 ? dialect_join({"DELETE FROM ", table, " WHERE ", whose, " = ? LIMIT ?"})
	                                 : dialect_join({"DELETE FROM ", table, " WHERE (", columns, ") IN (SELECT ",
	                                                 columns, " FROM ", table, " WHERE ", whose, " = ? LIMIT ?)"});
	const int result = sql_run(db, text.c_str(), {sql_integer(account), sql_integer(most)});

	*more |= !result && static_cast<size_t>(db->driver->affected(db)) == most;
	return result;
}

static int erasing_clean(cs_db *db, uint64_t account, size_t most, bool *more_r)
{
	int result =
		erasing_delete_some(db, "`cursor`", "account, device, conversation", "account", account, most, more_r);

	if (!result)
		result = erasing_delete_some(db, "mark", "account, conversation", "account", account, most, more_r);
	if (!result)
		result = erasing_delete_some(db, "contact", "account, other", "account", account, most, more_r);
	if (!result)
		result = erasing_delete_some(db, "contact", "account, other", "other", account, most, more_r);
	if (!result)
		result = erasing_delete_some(db, "invitation", "conversation, account", "account", account, most,
		                             more_r);
	return result ? result : erasing_delete_some(db, "device", "account, number", "account", account, most, more_r);
}

static int erasing_end(cs_db *db, erasing_step *step)
{
	const cs_db_value account = sql_integer(step->row.account);
	int result = sql_run(db, "UPDATE account SET locked = 3 WHERE id = ?", {account});

	if (!result)
		result = sql_run(db, "DELETE FROM erasing WHERE account = ?", {account});
	step->ended = !result;
	return result;
}

/* ---- a step */

/* The row is locked from now on to the end of the transaction. next: another lease than that of the step. */
static int erasing_take_lease(cs_db *db, const erasing_step &step, int64_t next)
{
	const int result = sql_run(db, "UPDATE erasing SET lease = ? WHERE account = ? AND lease = ?",
	                           {sql_integer(static_cast<uint64_t>(next)), sql_integer(step.row.account),
	                            sql_integer(static_cast<uint64_t>(step.row.lease))});

	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}

int erasing_put_by(cs_db *db, const erasing_step &step)
{
	return erasing_take_lease(db, step, step.until == step.row.lease ? step.until + 1 : step.until);
}

struct erasing_state {
	erasing_progress at;
	std::string name;
};

static int erasing_progress_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<erasing_state *>(arg) = {{sql_number_of(columns[0]), sql_number_of(columns[1])},
	                                      std::string(sql_text_of(columns[2]))};
	return 1;
}

static int erasing_go_on(cs_db *db, erasing_step *step)
{
	const cs_db_value account = sql_integer(step->row.account);
	erasing_state state;
	bool ended = false, more = false;
	int result = sql_run(db,
	                     "SELECT e.conversation, e.seq, a.name FROM erasing e JOIN account a ON a.id = e.account"
	                     " WHERE e.account = ?",
	                     {account}, erasing_progress_take, &state);

	if (!result)
		result = erasing_blank(db, step, state.name, &state.at, &ended);
	if (!result && !ended)
		return sql_run(db, "UPDATE erasing SET conversation = ?, seq = ? WHERE account = ?",
		               {sql_integer(state.at.conversation), sql_integer(state.at.seq), account});
	if (!result)
		result = erasing_clean(db, step->row.account, step->most, &more);
	if (result || more)
		return result;
	if (step->plugins_asked)
		return erasing_end(db, step);
	step->rests = true;
	return sql_run(db, "UPDATE erasing SET lease = ? WHERE account = ?",
	               {sql_integer(static_cast<uint64_t>(erasing_lease_of(*step))), account});
}

/* The lease is the caller's only when the transaction is committed: until then it may run again. */
int erasing_run(cs_db *db, erasing_step *step)
{
	step->group = step->heir = 0;
	step->blanked = 0;
	step->rests = step->ended = false;
	int result = erasing_take_lease(db, *step, erasing_lease_of(*step));
	if (!result)
		result = erasing_find_group(db, step);
	return result || step->group ? result : erasing_go_on(db, step);
}
