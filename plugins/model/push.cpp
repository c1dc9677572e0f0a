/* SPDX-License-Identifier: MIT
 * The statements on the tables of the plugin push. */
#include "push.h"

#include <algorithm>

#include "dialect.h"
#include "sql.h"

static cs_db_value push_time(int64_t ms)
{
	return {CS_DB_INTEGER, ms, nullptr, 0};
}

/* ---- devices */

#define PUSH_DEVICES                                                                                                     \
	"SELECT p.account, a.name, p.url, p.secret, d.number, p.created, p.ended, a.series, a.locked FROM push_device p" \
	" JOIN account a ON a.id = p.account LEFT JOIN device d ON d.account = p.account AND d.name = ?"

static int push_device_take(void *arg, const cs_db_value *columns, size_t)
{
	push_device_row row;

	row.account = sql_number_of(columns[0]);
	row.name = sql_text_of(columns[1]);
	row.url = sql_text_of(columns[2]);
	row.secret = sql_text_of(columns[3]);
	row.number = sql_number_of(columns[4]);
	row.created = columns[5].integer;
	row.ended = columns[6].integer;
	row.series = sql_number_of(columns[7]);
	row.is_locked = sql_number_of(columns[8]) != 0;
	static_cast<std::vector<push_device_row> *>(arg)->push_back(std::move(row));
	return 0;
}

int push_device_list(cs_db *db, std::vector<push_device_row> *rows_r)
{
	rows_r->clear();
	return sql_run(db, PUSH_DEVICES " ORDER BY p.account", {sql_text(push_device_name)}, push_device_take, rows_r);
}

int push_device_find(cs_db *db, uint64_t account, std::string_view name, push_device_row *row_r)
{
	std::vector<push_device_row> rows;
	const int result =
		account ? sql_run(db, PUSH_DEVICES " WHERE p.account = ?",
	                          {sql_text(push_device_name), sql_integer(account)}, push_device_take, &rows)
			: sql_run(db, PUSH_DEVICES " WHERE a.name = ?", {sql_text(push_device_name), sql_text(name)},
	                          push_device_take, &rows);

	if (result || rows.empty())
		return result ? result : MODEL_NONE;
	*row_r = std::move(rows.front());
	return 0;
}

int push_device_add(cs_db *db, const push_device_row &row)
{
	const cs_db_value account = sql_integer(row.account);
	bool there = false;
	int result = sql_run(db, "SELECT 1 FROM push_device WHERE account = ? AND ended IS NULL", {account},
	                     sql_row_exists, &there);

	if (result || there)
		return result ? result : MODEL_TAKEN;
	result = sql_run(db, "DELETE FROM push_device WHERE account = ?", {account});
	return result ? result
	              : sql_run(db, "INSERT INTO push_device (account, url, secret, created) VALUES (?, ?, ?, ?)",
	                        {account, sql_text(row.url), sql_text(row.secret), push_time(row.created)});
}

int push_device_end(cs_db *db, uint64_t account, std::string_view url, int64_t now)
{
	return sql_run(db, "UPDATE push_device SET ended = ? WHERE account = ? AND url = ? AND ended IS NULL",
	               {push_time(now), sql_integer(account), sql_text(url)});
}

/* A secret is never replaced by itself, so MySQL counts the row. */
int push_device_set_secret(cs_db *db, uint64_t account, std::string_view secret)
{
	const int result = sql_run(db, "UPDATE push_device SET secret = ? WHERE account = ?",
	                           {sql_text(secret), sql_integer(account)});

	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}

int push_device_remove(cs_db *db, uint64_t account)
{
	const int result = sql_run(db, "DELETE FROM push_device WHERE account = ?", {sql_integer(account)});

	if (result)
		return result;
	return db->driver->affected(db) == 1 ? 0 : MODEL_NONE;
}

/* ---- where accounts are told */

static push_target push_target_of(const cs_db_value *columns)
{
	push_target target;

	target.id = sql_number_of(columns[0]);
	target.account = sql_number_of(columns[1]);
	target.device = sql_text_of(columns[2]);
	target.kind = static_cast<push_kind>(std::clamp<int64_t>(columns[3].integer, PUSH_POST, PUSH_UNIFIED));
	target.url = sql_text_of(columns[4]);
	target.secret = sql_text_of(columns[5]);
	target.preview = sql_number_of(columns[6]) != 0;
	target.created = columns[7].integer;
	target.p256dh = sql_text_of(columns[8]);
	target.auth = sql_text_of(columns[9]);
	target.failing = columns[10].integer;
	target.failed = columns[11].integer;
	return target;
}

/* The tokens are good of the login that set the target t of the account a: see user_series. */
#define PUSH_SERIES(owner) "a.series + CASE WHEN " owner " = 0 THEN a.unnamed_series ELSE 0 END"
#define PUSH_IS_GOOD                                                                                                   \
	"t.series = " PUSH_SERIES("t.owner") " AND (t.owner = 0 OR EXISTS (SELECT 1 FROM device o"                     \
					     " WHERE o.account = t.account AND o.number = t.owner))"

#define PUSH_TARGET                                                                                                    \
	"t.id, t.account, t.device, t.kind, t.url, t.secret, t.preview, t.created, t.p256dh, t.auth, t.failing, t.failed"
static constexpr size_t push_target_columns = 12;

static int push_target_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<push_target> *>(arg)->push_back(push_target_of(columns));
	return 0;
}

int push_target_list(cs_db *db, uint64_t account, std::vector<push_target> *targets_r)
{
	targets_r->clear();
	return sql_run(db,
	               "SELECT " PUSH_TARGET
	               " FROM push_target t JOIN account a ON a.id = t.account WHERE t.account = ?"
	               " AND " PUSH_IS_GOOD " ORDER BY t.device",
	               {sql_integer(account)}, push_target_take, targets_r);
}

static int push_target_delete(cs_db *db, uint64_t id)
{
	const int result = sql_run(db, "DELETE FROM push_note WHERE target = ?", {sql_integer(id)});

	return result ? result : sql_run(db, "DELETE FROM push_target WHERE id = ?", {sql_integer(id)});
}

static int push_id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

/* Those that are good no more make room. */
static int push_target_clean(cs_db *db, uint64_t account)
{
	std::vector<uint64_t> ids;
	int result = sql_run(db,
	                     "SELECT t.id FROM push_target t JOIN account a ON a.id = t.account WHERE t.account = ?"
	                     " AND NOT (" PUSH_IS_GOOD ")",
	                     {sql_integer(account)}, push_id_take, &ids);

	for (const uint64_t id : ids)
		result = result ? result : push_target_delete(db, id);
	return result;
}

/* The account's row is locked, so that two of its requests cannot both add the last one. */
int push_target_set(cs_db *db, const push_target &target, size_t most)
{
	const std::string series_text =
		dialect_join({"SELECT " PUSH_SERIES("?") " FROM account a WHERE a.id = ?", dialect_for_update(db)});
	const cs_db_value owner = sql_integer(target.owner);
	std::vector<push_target> targets;
	uint64_t series = 0;
	int result = sql_run(db, series_text.c_str(), {owner, sql_integer(target.account)}, sql_row_number, &series);

	if (!result)
		result = push_target_clean(db, target.account);
	if (!result)
		result = push_target_list(db, target.account, &targets);
	if (result)
		return result;
	const auto former = std::find_if(targets.begin(), targets.end(),
	                                 [&target](const push_target &t) { return t.device == target.device; });
	if (former == targets.end() && targets.size() >= most)
		return MODEL_FULL;
	if (former != targets.end())
		return sql_run(
			db,
			"UPDATE push_target SET owner = ?, series = ?, kind = ?, url = ?, secret = ?, preview = ?,"
			" created = ?, p256dh = ?, auth = ?, failing = NULL, failed = NULL WHERE id = ?",
			{owner, sql_integer(series), sql_integer(target.kind), sql_text(target.url),
		         sql_text(target.secret), sql_integer(target.preview), push_time(target.created),
		         sql_text(target.p256dh), sql_text(target.auth), sql_integer(former->id)});
	return sql_run(db,
	               "INSERT INTO push_target (account, device, owner, series, kind, url, secret, preview, created,"
	               " p256dh, auth) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	               {sql_integer(target.account), sql_text(target.device), owner, sql_integer(series),
	                sql_integer(target.kind), sql_text(target.url), sql_text(target.secret),
	                sql_integer(target.preview), push_time(target.created), sql_text(target.p256dh),
	                sql_text(target.auth)});
}

int push_target_gone(cs_db *db, uint64_t id, std::string_view url)
{
	const int result =
		sql_run(db, "DELETE FROM push_target WHERE id = ? AND url = ?", {sql_integer(id), sql_text(url)});

	if (result || db->driver->affected(db) == 0)
		return result;
	return sql_run(db, "DELETE FROM push_note WHERE target = ?", {sql_integer(id)});
}

int push_target_remove(cs_db *db, uint64_t account, std::string_view device)
{
	uint64_t id = 0;
	const int result = sql_run(db, "SELECT id FROM push_target WHERE account = ? AND device = ?",
	                           {sql_integer(account), sql_text(device)}, sql_row_number, &id);

	return result || !id ? result : push_target_delete(db, id);
}

int push_target_any(cs_db *db, bool *any_r)
{
	*any_r = false;
	return sql_run(db, "SELECT 1 FROM push_target LIMIT 1", {}, sql_row_exists, any_r);
}

/* ---- accounts that were erased */

int push_erased_any(cs_db *db, bool *any_r)
{
	*any_r = false;
	const int result =
		sql_run(db, "SELECT 1 FROM push_device p JOIN account a ON a.id = p.account WHERE a.locked >= 2", {},
	                sql_row_exists, any_r);

	if (result || *any_r)
		return result;
	return sql_run(db, "SELECT 1 FROM push_target p JOIN account a ON a.id = p.account WHERE a.locked >= 2", {},
	               sql_row_exists, any_r);
}

/* ---- notices */

/* How far an account has a conversation: read, or received on any device. Parameters: none; t, and conversation. */
#define PUSH_HAS(conversation)                                                                                         \
	"COALESCE((SELECT k.read_seq FROM mark k WHERE k.account = t.account AND k.conversation = " conversation       \
	"), 0), COALESCE((SELECT MAX(u.delivered_seq) FROM device d JOIN `cursor` u ON u.account = d.account"          \
	" AND u.device = d.number AND u.conversation = " conversation " WHERE d.account = t.account), 0)"

struct push_candidate {
	uint64_t target = 0, account = 0;
	uint64_t has = 0; /* up to this seq the account needs no notice */
};

/* Columns: target, account, read, received, told, joined. */
static int push_candidate_take(void *arg, const cs_db_value *columns, size_t)
{
	push_candidate c = {sql_number_of(columns[0]), sql_number_of(columns[1]), 0};

	for (size_t i = 2; i < 6; i++)
		c.has = std::max(c.has, sql_number_of(columns[i]));
	static_cast<std::vector<push_candidate> *>(arg)->push_back(c);
	return 0;
}

static int push_candidates(cs_db *db, const push_news &news, std::vector<push_candidate> *candidates_r)
{
	static constexpr char pair[] = "SELECT t.id, t.account, " PUSH_HAS(
		"?") ", COALESCE(n.told, 0), 0 FROM push_target t JOIN account a ON a.id = t.account AND a.locked = 0"
		     " AND " PUSH_IS_GOOD
		     " LEFT JOIN push_note n ON n.target = t.id AND n.conversation = ? WHERE t.account IN (?, ?)";
	static constexpr char group[] = "SELECT t.id, t.account, " PUSH_HAS(
		"m.conversation") ", COALESCE(n.told, 0), m.joined_seq"
				  " FROM member m JOIN push_target t ON t.account = m.account"
				  " JOIN account a ON a.id = t.account AND a.locked = 0 AND " PUSH_IS_GOOD
				  " LEFT JOIN push_note n ON n.target = t.id AND n.conversation = m.conversation"
				  " WHERE m.conversation = ? AND m.left_seq IS NULL";
	const cs_db_value conversation = sql_integer(news.conversation);

	return news.kind == CONVERSATION_GROUP ? sql_run(db, group, {conversation}, push_candidate_take, candidates_r)
	                                       : sql_run(db, pair,
	                                                 {conversation, conversation, conversation,
	                                                  sql_integer(news.one), sql_integer(news.other)},
	                                                 push_candidate_take, candidates_r);
}

/* The notice that is there already stays due when it was. */
static int push_note_want(cs_db *db, uint64_t target, uint64_t conversation, uint64_t seq, int64_t now,
                          int64_t interval)
{
	static constexpr char mysql[] =
		"INSERT INTO push_note (target, conversation, wanted, told, sent, failures, due)"
		" VALUES (?, ?, ?, 0, 0, 0, ?) ON DUPLICATE KEY UPDATE wanted = GREATEST(wanted, VALUES(wanted)),"
		" due = COALESCE(due, GREATEST(VALUES(due), sent + ?))";
	static constexpr char sqlite[] =
		"INSERT INTO push_note (target, conversation, wanted, told, sent, failures, due)"
		" VALUES (?, ?, ?, 0, 0, 0, ?) ON CONFLICT (target, conversation) DO UPDATE SET"
		" wanted = max(wanted, excluded.wanted), due = COALESCE(due, max(excluded.due, sent + ?))";

	return sql_run(db, db->driver->dialect == CS_DB_MYSQL ? mysql : sqlite,
	               {sql_integer(target), sql_integer(conversation), sql_integer(seq), push_time(now),
	                push_time(interval)});
}

/* The seq that the account needs a notice of; 0: none. */
static uint64_t push_candidate_needs(const push_candidate &candidate, const push_news &news)
{
	const auto last = std::find_if(news.said.rbegin(), news.said.rend(), [&candidate](const push_said &said) {
		return said.sender != candidate.account;
	});

	return last != news.said.rend() && last->seq > candidate.has ? last->seq : 0;
}

int push_news_look(cs_db *db, const push_news &news, bool *needed_r)
{
	std::vector<push_candidate> candidates;
	const int result = push_candidates(db, news, &candidates);

	*needed_r = std::any_of(candidates.begin(), candidates.end(), [&news](const push_candidate &candidate) {
		return push_candidate_needs(candidate, news) != 0;
	});
	return result;
}

int push_news_note(cs_db *db, const push_news &news, int64_t now, int64_t interval)
{
	std::vector<push_candidate> candidates;
	int result = push_candidates(db, news, &candidates);

	for (const push_candidate &candidate : candidates) {
		const uint64_t seq = push_candidate_needs(candidate, news);

		if (!result && seq)
			result = push_note_want(db, candidate.target, news.conversation, seq, now, interval);
	}
	return result;
}

static int push_note_take_due(void *arg, const cs_db_value *columns, size_t)
{
	push_note note;

	note.target_id = sql_number_of(columns[0]);
	note.conversation = sql_number_of(columns[1]);
	note.due = columns[2].integer;
	static_cast<std::vector<push_note> *>(arg)->push_back(std::move(note));
	return 0;
}

int push_note_list(cs_db *db, int64_t now, size_t limit, std::vector<push_note> *notes_r)
{
	notes_r->clear();
	return sql_run(db,
	               "SELECT n.target, n.conversation, n.due FROM push_note n WHERE n.due IS NOT NULL AND n.due <= ?"
	               " AND NOT EXISTS (SELECT 1 FROM push_note m WHERE m.target = n.target AND m.due IS NOT NULL"
	               " AND (m.due < n.due OR (m.due = n.due AND m.conversation < n.conversation)))"
	               " ORDER BY n.due LIMIT ?",
	               {push_time(now), sql_integer(limit)}, push_note_take_due, notes_r);
}

struct push_note_found {
	push_note *note;
	bool is_there;
	uint64_t has;
	bool is_member, is_locked, is_good;
};

static int push_note_fill(void *arg, const cs_db_value *columns, size_t)
{
	push_note_found *found = static_cast<push_note_found *>(arg);
	push_note *note = found->note;
	const cs_db_value *at = columns + push_target_columns;

	found->is_there = true;
	note->target = push_target_of(columns);
	found->has = std::max(sql_number_of(at[0]), sql_number_of(at[1]));
	note->wanted = sql_number_of(at[2]);
	note->failures = static_cast<unsigned>(sql_number_of(at[3]));
	note->account_name = sql_text_of(at[4]);
	note->kind = sql_number_of(at[5]) ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	note->group_name = sql_text_of(at[6]);
	note->sender = sql_number_of(at[7]);
	note->sender_name = sql_text_of(at[8]);
	note->body = sql_text_of(at[9]);
	found->is_member = note->kind == CONVERSATION_PAIR || sql_number_of(at[10]) != 0;
	found->is_locked = sql_number_of(at[11]) != 0;
	found->is_good = sql_number_of(at[12]) != 0;
	return 1;
}

/* It needs no notice any more. */
static int push_note_drop(cs_db *db, const push_note &note)
{
	return sql_run(
		db,
		"UPDATE push_note SET told = wanted, failures = 0, due = NULL WHERE target = ? AND conversation = ?",
		{sql_integer(note.target_id), sql_integer(note.conversation)});
}

int push_note_take(cs_db *db, push_note *note, int64_t until, bool *taken_r)
{
	static constexpr char read[] = "SELECT " PUSH_TARGET ", " PUSH_HAS(
		"n.conversation") ", n.wanted, n.failures, a.name, c.kind, c.name,"
				  " s.sender, b.name, s.body, (SELECT COUNT(*) FROM member m WHERE m.conversation = n.conversation"
				  " AND m.account = t.account AND m.left_seq IS NULL), a.locked,"
				  " CASE WHEN " PUSH_IS_GOOD " THEN 1 ELSE 0 END"
				  " FROM push_note n JOIN push_target t ON t.id = n.target JOIN account a ON a.id = t.account"
				  " JOIN conversation c ON c.id = n.conversation"
				  " LEFT JOIN message s ON s.conversation = n.conversation AND s.seq = n.wanted"
				  " LEFT JOIN account b ON b.id = s.sender WHERE n.target = ? AND n.conversation = ?";
	const cs_db_value target = sql_integer(note->target_id), conversation = sql_integer(note->conversation);
	push_note_found found = {note, false, 0, false, false, false};
	int result = sql_run(db, "UPDATE push_note SET due = ? WHERE target = ? AND conversation = ? AND due = ?",
	                     {push_time(until), target, conversation, push_time(note->due)});

	*taken_r = false;
	if (result || db->driver->affected(db) != 1)
		return result;
	result = sql_run(db, read, {target, conversation}, push_note_fill, &found);
	if (result)
		return result;
	*taken_r = found.is_there && found.is_member && !found.is_locked && found.is_good && found.has < note->wanted;
	return *taken_r ? 0 : push_note_drop(db, *note);
}

int push_note_sent(cs_db *db, const push_note &note, int64_t now, int64_t interval)
{
	const cs_db_value wanted = sql_integer(note.wanted);
	const int result =
		sql_run(db,
	                "UPDATE push_note SET due = CASE WHEN wanted > ? THEN ? END, told = ?, sent = ?, failures = 0"
	                " WHERE target = ? AND conversation = ?",
	                {wanted, push_time(now + interval), wanted, push_time(now), sql_integer(note.target_id),
	                 sql_integer(note.conversation)});

	if (result || !note.target.failing)
		return result;
	return sql_run(db, "UPDATE push_target SET failing = NULL, failed = NULL WHERE id = ?",
	               {sql_integer(note.target_id)});
}

int push_note_failed(cs_db *db, const push_note &note, int64_t now, int64_t since, int64_t due)
{
	int result =
		sql_run(db,
	                "UPDATE push_note SET due = ?, failures = failures + 1 WHERE target = ? AND conversation = ?"
	                " AND due IS NOT NULL",
	                {push_time(due), sql_integer(note.target_id), sql_integer(note.conversation)});

	/* Its other notices wait as well: the receiver is the same. */
	if (!result)
		result = sql_run(db, "UPDATE push_note SET due = ? WHERE target = ? AND due < ?",
		                 {push_time(due), sql_integer(note.target_id), push_time(due)});
	return result ? result
	              : sql_run(db, "UPDATE push_target SET failing = ?, failed = ? WHERE id = ? AND url = ?",
	                        {push_time(since), push_time(now), sql_integer(note.target_id),
	                         sql_text(note.target.url)});
}
