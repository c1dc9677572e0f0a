/* SPDX-License-Identifier: MIT
 * The statements that look for what is wrong in the store. */
#include "check.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "dialect.h"
#include "messages.h"
#include "sql.h"

static constexpr uint64_t check_rows_most = 1000; /* of a table, in a statement */
static constexpr uint64_t check_entries_most = 20000; /* of the log, in a call */
static constexpr uint64_t check_bodies_most = 1000000; /* ids in a statement */
static constexpr uint64_t check_pages_most = 65536; /* of SQLite's file; a larger one is not read whole */

/* ---- tables */

/* What a row may not be. */
struct check_rule {
	const char *what;
	const char *wrong; /* true for a wrong row t */
	bool mysql_only = false;
};

struct check_table {
	const char *name; /* as SQL has it */
	const char *keys[3]; /* the columns of its key; null: there are no more */
	check_rule rules[10]; /* those without a text are none */
};

#define NO_ACCOUNT(column) "NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t." column ")"
#define NO_CONVERSATION "NOT EXISTS (SELECT 1 FROM conversation c WHERE c.id = t.conversation)"
#define NO_GROUP(more) "NOT EXISTS (SELECT 1 FROM conversation c WHERE c.id = t.conversation AND c.kind = 1" more ")"
/* The place of LAST is taken by the last seq of the conversation. */
#define CONTACT(account, other, state)                                                                                 \
	"EXISTS (SELECT 1 FROM contact o WHERE o.account = t." account " AND o.other = t." other " AND o." state " = 1)"

static constexpr check_table check_tables[] = {
	{"account",
         {"id"},
         {
		 {"an account is in no known state", "t.locked NOT IN (0, 1, 2, 3)"},
		 {"an account is being erased, but not by anybody",
                  "t.locked = 2 AND NOT EXISTS (SELECT 1 FROM erasing e WHERE e.account = t.id)"},
		 {"an erased account has a password", "t.locked >= 2 AND t.password <> ''"},
		 {"an erased account is in a group",
                  "t.locked = 3 AND EXISTS (SELECT 1 FROM member m WHERE m.account = t.id AND m.left_seq IS NULL)"},
	 }},
	{"erasing",
         {"account"},
         {
		 {"what is being erased is no such account",
                  "NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t.account AND a.locked = 2)"},
	 }},
	{"register_invite",
         {"id"},
         {
		 {"an invitation to register was used more often than it may be", "t.used > t.uses"},
	 }},
	{"device",
         {"account", "number"},
         {
		 {"a device belongs to no account", NO_ACCOUNT("account")},
		 {"the number of a device is above the highest that its account gave",
                  "t.number > (SELECT a.last_device FROM account a WHERE a.id = t.account)"},
	 }},
	{"contact",
         {"account", "other"},
         {
		 {"a contact belongs to no account", NO_ACCOUNT("account")},
		 {"a contact names no account", NO_ACCOUNT("other")},
		 {"a contact is neither on the list nor blocked", "t.listed = 0 AND t.blocked = 0"},
	 }},
	{"conversation",
         {"id"},
         {
		 {"a conversation is neither a pair nor a group", "t.kind NOT IN (0, 1)"},
		 {"a pair has no two accounts in order",
                  "t.kind = 0 AND (t.low IS NULL OR t.high IS NULL OR t.low > t.high)"},
		 {"a pair names an account that is not there",
                  "t.kind = 0 AND (" NO_ACCOUNT("low") " OR " NO_ACCOUNT("high") ")"},
		 {"a pair does not say what its contacts say",
                  "t.kind = 0 AND t.low <> t.high AND (t.flags & 192) = 0 AND (t.flags & 15) <> " CONTACT(
			  "low", "high",
			  "blocked") " + 2 * " CONTACT("high", "low",
                                                       "blocked") " + 4 * " CONTACT("low", "high",
                                                                                    "listed") " + 8 * " CONTACT("high",
                                                                                                                "low",
                                                                                                                "listed")},
		 {"a group does not have the number of members that it says",
                  "t.kind = 1 AND t.members <> (SELECT COUNT(*) FROM member m WHERE m.conversation = t.id"
                  " AND m.left_seq IS NULL)"},
		 {"a group has not one creator",
                  "t.kind = 1 AND t.members > 0 AND 1 <> (SELECT COUNT(*) FROM member m WHERE m.conversation = t.id"
                  " AND m.left_seq IS NULL AND m.role = 1)"},
		 {"a group has no name, or one although it has ended",
                  "t.kind = 1 AND (t.members > 0) <> (t.name IS NOT NULL)"},
		 {"the last seq of a conversation is not that of its newest entry",
                  "t.last_seq <> COALESCE((SELECT MAX(m.seq) FROM message m WHERE m.conversation = t.id), 0)", true},
		 {"the newest message of a conversation is above its last seq", "t.said_seq > t.last_seq", true},
	 }},
	{"member",
         {"conversation", "account"},
         {
		 {"a member belongs to no group", NO_GROUP("")},
		 {"a member is no account", NO_ACCOUNT("account")},
		 {"a member joined behind the newest entry of its group", "t.joined_seq > LAST"},
		 {"a member left behind the newest entry of its group", "t.left_seq > LAST"},
		 {"a member left before it joined", "t.left_seq < t.joined_seq"},
		 {"a former member has a role", "t.left_seq IS NOT NULL AND t.role <> 0"},
	 }},
	{"invitation",
         {"conversation", "account"},
         {
		 {"an invitation is for no group", NO_GROUP(" AND c.members > 0")},
		 {"an invitation is for no account", NO_ACCOUNT("account")},
	 }},
	{"mark",
         {"account", "conversation"},
         {
		 {"a read mark belongs to no account", NO_ACCOUNT("account")},
		 {"a read mark is in no conversation", NO_CONVERSATION},
		 {"a read mark is above the newest entry of its conversation",
                  "t.read_seq > LAST OR t.shown_seq > LAST"},
	 }},
	{"`cursor`",
         {"account", "device", "conversation"},
         {
		 {"a cursor belongs to no account", NO_ACCOUNT("account")},
		 /* The session of a device that was ended may write its cursors late: those are no fault. */
		 {"a cursor is of a device that its account never had",
                  "t.device > (SELECT a.last_device FROM account a WHERE a.id = t.account)"},
		 {"a cursor is in no conversation", NO_CONVERSATION},
		 {"a cursor is above the newest entry of its conversation", "t.delivered_seq > LAST"},
	 }},
};

static constexpr const char *check_last_of_sqlite =
	"COALESCE((SELECT e.k FROM entry e WHERE e.conversation = t.conversation AND e.k < '' ORDER BY e.k DESC"
	" LIMIT 1), 0)";
static constexpr const char *check_last_of_mysql =
	"COALESCE((SELECT c.last_seq FROM conversation c WHERE c.id = t.conversation), 0)";

static std::string check_wrong_text(const cs_db *db, const check_rule &rule)
{
	const char *last = db->driver->dialect == CS_DB_MYSQL ? check_last_of_mysql : check_last_of_sqlite;
	std::string text = rule.wrong;

	for (size_t at; (at = text.find("LAST")) != std::string::npos;)
		text.replace(at, 4, last);
	return text;
}

static std::span<const char *const> check_keys(const check_table &table)
{
	const auto count = std::count_if(std::begin(table.keys), std::end(table.keys),
	                                 [](const char *key) { return key != nullptr; });

	return {table.keys, static_cast<size_t>(count)};
}

/* The rules of a table that this database has. */
static std::vector<check_rule> check_rules(const cs_db *db, const check_table &table)
{
	std::vector<check_rule> rules;

	std::copy_if(std::begin(table.rules), std::end(table.rules), std::back_inserter(rules),
	             [=](const check_rule &rule) {
			     return rule.what && (!rule.mysql_only || db->driver->dialect == CS_DB_MYSQL);
		     });
	return rules;
}

/* WHERE for the rows behind the keys, in the order of the key; the parameters are the keys, the first one twice unless
 * it is the only one. */
static std::string check_behind(std::span<const char *const> keys)
{
	const auto key = [&](size_t i) {
		return std::string("t.") + keys[i];
	};

	if (keys.size() == 1)
		return key(0) + " > ?";
	if (keys.size() == 2)
		return key(0) + " >= ? AND (" + key(0) + " > ? OR " + key(1) + " > ?)";
	return key(0) + " >= ? AND (" + key(0) + " > ? OR " + key(1) + " > ? OR (" + key(1) + " = ? AND " + key(2) +
	       " > ?))";
}

static std::vector<cs_db_value> check_behind_values(std::span<const uint64_t> keys, size_t count)
{
	if (count == 1)
		return {sql_integer(keys[0])};
	if (count == 2)
		return {sql_integer(keys[0]), sql_integer(keys[0]), sql_integer(keys[1])};
	return {sql_integer(keys[0]), sql_integer(keys[0]), sql_integer(keys[1]), sql_integer(keys[1]),
	        sql_integer(keys[2])};
}

struct check_rows {
	check_look *look;
	const check_table *table;
	std::vector<check_rule> rules;
	uint64_t count = 0;
};

/* Columns: the keys, then one for each rule. */
static int check_row_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *rows = static_cast<check_rows *>(arg);
	const size_t keys = check_keys(*rows->table).size();
	std::string where;

	rows->count++;
	for (size_t i = 0; i < keys; i++) {
		rows->look->place.keys[i] = sql_number_of(columns[i]);
		where += std::string(i ? " " : "") + rows->table->keys[i] + "=" + std::to_string(columns[i].integer);
	}
	for (size_t i = 0; i < rows->rules.size(); i++)
		if (columns[keys + i].integer)
			rows->look->findings.push_back({rows->rules[i].what, where});
	return 0;
}

/* MySQL keeps the whole list of its parameters apart from the page: small pages cost it a round trip each. */
static int check_table_next(cs_db *db, const check_table &table, check_look *look)
{
	check_rows rows = {look, &table, check_rules(db, table)};
	const std::span<const char *const> keys = check_keys(table);
	std::string text = "SELECT ", order;

	for (size_t i = 0; i < keys.size(); i++) {
		text += std::string(i ? ", t." : "t.") + keys[i];
		order += std::string(i ? ", t." : "t.") + keys[i];
	}
	for (const check_rule &rule : rows.rules)
		text += ", (" + check_wrong_text(db, rule) + ")";
	text += std::string(" FROM ") + table.name + " t WHERE " + check_behind(keys) + " ORDER BY " + order +
	        " LIMIT ?";
	std::vector<cs_db_value> values = check_behind_values(look->place.keys, keys.size());
	values.push_back(sql_integer(check_rows_most));
	const int result = db->driver->query(db, text.c_str(), values.data(), values.size(), check_row_take, &rows);

	look->rows += rows.count;
	look->more = rows.count == check_rows_most;
	return result;
}

/* ---- the log. keys: the conversation, and the last seq that was looked at */

struct check_log {
	check_look *look;
	uint64_t conversation = 0, previous = 0; /* previous 0: nothing of the conversation was looked at */
	uint64_t count = 0;
	uint64_t first = 0; /* seq of the first row, if it does not follow the previous one */
	uint64_t former = 0; /* the previous one of that row */
};

static std::string check_log_where(uint64_t conversation, uint64_t seq)
{
	return "conversation=" + std::to_string(conversation) + " seq=" + std::to_string(seq);
}

static void check_log_add_gap(check_look *look, uint64_t conversation, uint64_t first, uint64_t last)
{
	look->findings.push_back({"entries are missing", check_log_where(conversation, first) +
	                                                         (last > first ? " to=" + std::to_string(last) : "")});
}

/* Columns: seq, kind, whether its body is missing, whether its sender is no account. */
static int check_log_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *log = static_cast<check_log *>(arg);
	const uint64_t seq = sql_number_of(columns[0]);
	const std::string where = check_log_where(log->conversation, seq);

	if (log->previous && seq != log->previous + 1) {
		if (log->count > 0) {
			check_log_add_gap(log->look, log->conversation, log->previous + 1, seq - 1);
		} else {
			log->first = seq;
			log->former = log->previous;
		}
	}
	if (columns[1].integer < ENTRY_MESSAGE || columns[1].integer > ENTRY_PURGED)
		log->look->findings.push_back({"an entry is of no known kind", where});
	if (columns[2].integer)
		log->look->findings.push_back({"an entry has no body", where});
	if (columns[3].integer)
		log->look->findings.push_back({"the sender of an entry is no account", where});
	log->previous = seq;
	log->count++;
	return 0;
}

static constexpr const char *check_log_of_sqlite =
	"SELECT e.k, e.kind, b.id IS NULL, e.sender <> 0 AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = e.sender)"
	" FROM entry e LEFT JOIN body b ON b.id = e.ref"
	" WHERE e.conversation = ? AND e.k > ? AND e.k < '' ORDER BY e.k LIMIT ?";
static constexpr const char *check_log_of_mysql =
	"SELECT m.seq, m.kind, 0, m.sender <> 0 AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = m.sender)"
	" FROM message m WHERE m.conversation = ? AND m.seq > ? ORDER BY m.seq LIMIT ?";

/* What is in front of a part of the log may have been removed since, because it was old. Then nothing is below the
 * part. */
static int check_log_look_again(cs_db *db, const check_log &log)
{
	uint64_t lowest = 0;
	const int result = sql_run(db,
	                           db->driver->dialect == CS_DB_MYSQL
	                                   ? "SELECT seq FROM message WHERE conversation = ? ORDER BY seq LIMIT 1"
	                                   : "SELECT k FROM entry WHERE conversation = ? AND k < '' ORDER BY k LIMIT 1",
	                           {sql_integer(log.conversation)}, sql_row_number, &lowest);

	if (!result && lowest < log.first)
		check_log_add_gap(log.look, log.conversation, log.former + 1, log.first - 1);
	return result;
}

struct check_next_log {
	uint64_t conversation = 0; /* 0: there is none */
	bool is_orphan = false;
};

static int check_next_log_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<check_next_log *>(arg) = {sql_number_of(columns[0]), columns[1].integer == 0};
	return 1;
}

static int check_log_find(cs_db *db, uint64_t after, check_next_log *next_r)
{
	const char *table = db->driver->dialect == CS_DB_MYSQL ? "message" : "entry";

	return sql_run(db,
	               dialect_join({"SELECT e.conversation, EXISTS (SELECT 1 FROM conversation c WHERE c.id ="
	                             " e.conversation) FROM ",
	                             table, " e WHERE e.conversation > ? ORDER BY e.conversation LIMIT 1"})
	                       .c_str(),
	               {sql_integer(after)}, check_next_log_take, next_r);
}

struct check_cids {
	check_look *look;
	uint64_t conversation;
};

static int check_cid_take(void *arg, const cs_db_value *columns, size_t)
{
	const auto *cids = static_cast<const check_cids *>(arg);

	cids->look->findings.push_back(
		{"a cid is of no entry", check_log_where(cids->conversation, sql_number_of(columns[0])) +
	                                         " sender=" + std::to_string(columns[1].integer)});
	return 0;
}

/* + takes the type of the column away, otherwise SQLite cannot look for k, which has none, by its index. */
static int check_cids_of(cs_db *db, check_look *look, uint64_t conversation)
{
	check_cids cids = {look, conversation};

	if (db->driver->dialect == CS_DB_MYSQL)
		return 0;
	return sql_run(db,
	               "SELECT m.ref, m.owner FROM entry m WHERE m.conversation = ? AND m.k >= '' AND NOT EXISTS"
	               " (SELECT 1 FROM entry e WHERE e.conversation = m.conversation AND e.k = +m.ref AND e.owner = 0)"
	               " LIMIT 1000",
	               {sql_integer(conversation)}, check_cid_take, &cids);
}

/* Goes on in the conversation, or with the next one. *ended_r: there is none. */
static int check_log_step(cs_db *db, check_look *look, bool *ended_r)
{
	check_log log = {look, look->place.keys[0], look->place.keys[1]};
	int result = 0;

	if (!log.conversation || look->place.keys[2]) {
		check_next_log next;

		result = check_log_find(db, log.conversation, &next);
		*ended_r = next.conversation == 0;
		if (result || *ended_r)
			return result;
		if (next.is_orphan)
			look->findings.push_back({"entries are in no conversation",
			                          "conversation=" + std::to_string(next.conversation)});
		log.conversation = next.conversation;
		log.previous = 0;
	}
	result = sql_run(db, db->driver->dialect == CS_DB_MYSQL ? check_log_of_mysql : check_log_of_sqlite,
	                 {sql_integer(log.conversation), sql_integer(log.previous), sql_integer(check_entries_most)},
	                 check_log_take, &log);
	if (!result && log.first)
		result = check_log_look_again(db, log);
	const bool is_over = log.count < check_entries_most;
	if (!result && is_over)
		result = check_cids_of(db, look, log.conversation);
	look->rows += log.count;
	look->place.keys[0] = log.conversation;
	look->place.keys[1] = log.previous;
	look->place.keys[2] = is_over; /* the conversation is done */
	return result;
}

static int check_log_next(cs_db *db, check_look *look)
{
	bool ended = false;
	int result = 0;

	for (size_t steps = 0; !result && !ended && steps < check_rows_most && look->rows < check_entries_most; steps++)
		result = check_log_step(db, look, &ended);
	look->more = !ended;
	return result;
}

/* ---- what is not of one table */

static int check_body_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<check_look *>(arg)->findings.push_back(
		{"a body is of no entry", "body=" + std::to_string(columns[0].integer)});
	return 0;
}

/* SQLite. One statement reads the log once: no index finds an entry by its body. */
static int check_bodies_next(cs_db *db, check_look *look)
{
	uint64_t highest = 0;

	if (db->driver->dialect == CS_DB_MYSQL)
		return 0;
	int result = sql_run(db, "SELECT id FROM body ORDER BY id DESC LIMIT 1", {}, sql_row_number, &highest);
	const cs_db_value after = sql_integer(look->place.keys[0]),
			  last = sql_integer(look->place.keys[0] + check_bodies_most);
	if (!result)
		result = sql_run(db,
		                 "SELECT id FROM body WHERE id > ? AND id <= ? AND id NOT IN"
		                 " (SELECT ref FROM entry WHERE k < '' AND ref > ? AND ref <= ?) LIMIT 1000",
		                 {after, last, after, last}, check_body_take, look);
	look->place.keys[0] += check_bodies_most;
	look->more = look->place.keys[0] < highest;
	return result;
}

static int check_file_take(void *arg, const cs_db_value *columns, size_t)
{
	const std::string_view text = sql_text_of(columns[0]);

	if (text != "ok")
		static_cast<check_look *>(arg)->findings.push_back({"the file is damaged", std::string(text)});
	return 0;
}

/* Columns: name, conversation, one for each sentence. */
static int check_follower_take(void *arg, const cs_db_value *columns, size_t)
{
	static constexpr const char *whats[] = {"a follower has not confirmed what is in no conversation",
	                                        "a follower has confirmed more than there is"};
	auto *look = static_cast<check_look *>(arg);

	for (size_t i = 0; i < 2; i++)
		if (columns[2 + i].integer)
			look->findings.push_back(
				{whats[i], "name=" + std::string(sql_text_of(columns[0])) +
			                           " conversation=" + std::to_string(columns[1].integer)});
	return 0;
}

/* There are few rows: they go when the follower has confirmed all. */
static int check_followers(cs_db *db, check_look *look)
{
	return sql_run(db,
	               dialect_join({"SELECT t.name, t.conversation, c.id IS NULL, t.seq > c.last_seq FROM follower t"
	                             " LEFT JOIN ",
	                             dialect_conversations(db),
	                             " c ON c.id = t.conversation WHERE c.id IS NULL OR t.seq > c.last_seq LIMIT 1000"})
	                       .c_str(),
	               {}, check_follower_take, look);
}

/* One row with the store's id; and SQLite's own look at its file. */
static int check_store(cs_db *db, check_look *look)
{
	uint64_t rows = 0, pages = 0;
	int result = sql_run(db, "SELECT COUNT(*) FROM store WHERE id <> ''", {}, sql_row_number, &rows);

	if (!result && rows != 1)
		look->findings.push_back(
			{"the table store has not one row with an id", "rows=" + std::to_string(rows)});
	if (result || db->driver->dialect == CS_DB_MYSQL)
		return result;
	result = sql_run(db, "PRAGMA page_count", {}, sql_row_number, &pages);
	if (result || pages > check_pages_most)
		return result;
	return sql_run(db, "PRAGMA quick_check(20)", {}, check_file_take, look);
}

/* ---- the parts */

static constexpr uint64_t check_table_count = std::size(check_tables);

int check_next(cs_db *db, check_look *look)
{
	check_look next;
	int result = 0;

	next.place = look->place;
	if (next.place.part < check_table_count)
		result = check_table_next(db, check_tables[next.place.part], &next);
	else if (next.place.part == check_table_count)
		result = check_log_next(db, &next);
	else if (next.place.part == check_table_count + 1)
		result = check_bodies_next(db, &next);
	else if (next.place.part == check_table_count + 2)
		result = check_followers(db, &next);
	else if (next.place.part == check_table_count + 3)
		result = check_store(db, &next);
	if (result)
		return result;
	if (!next.more) {
		next.place = {next.place.part + 1, {0, 0, 0}};
		next.more = next.place.part <= check_table_count + 3;
	}
	*look = std::move(next);
	return 0;
}
