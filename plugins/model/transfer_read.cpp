/* SPDX-License-Identifier: MIT
 * Reads lines of an export into a store: what is missing is added, what is there must be the same. */
#include "transfer_reader.h"

#include <algorithm>
#include <memory>

#include "../shared/object.h"
#include "dialect.h"
#include "erasing.h"
#include "sql.h"
#include "transfer_tables.h"

int transfer_refuse(const transfer_reader *r, const std::string &why)
{
	r->batch->wrong = r->line->number;
	r->batch->why = why;
	return MODEL_REFUSED;
}

/* ---- members of a line */

static constexpr int64_t transfer_most = INT64_C(9007199254740991);

static bool transfer_number(std::string_view value, int64_t *number_r)
{
	const bool is_negative = value.starts_with('-');

	if (is_negative)
		value.remove_prefix(1);
	if (value.empty() || value.size() > 16)
		return false;
	*number_r = 0;
	for (const char c : value) {
		if (c < '0' || c > '9')
			return false;
		*number_r = *number_r * 10 + (c - '0');
	}
	if (*number_r > transfer_most)
		return false;
	if (is_negative)
		*number_r = -*number_r;
	return true;
}

bool transfer_get_number(const transfer_members &members, std::string_view key, int64_t *number_r)
{
	const auto at = members.find(key);

	return at != members.end() && transfer_number(at->second, number_r);
}

bool transfer_get_text(const transfer_members &members, std::string_view key, std::string *text_r)
{
	const auto at = members.find(key);

	if (at == members.end() || !at->second.starts_with('"'))
		return false;
	*text_r = object_text(at->second);
	return true;
}

/* Owns the texts that the values point to. */
struct transfer_values {
	std::vector<std::string> texts;
	std::vector<cs_db_value> values;
	std::vector<bool> are_said; /* by the line; of what it does not say a row that is there may have anything */
};

static int transfer_missing_value(const transfer_reader *r, const transfer_column &column, transfer_values *values)
{
	values->are_said.back() = column.missing != TRANSFER_EMPTY;
	switch (column.missing) {
	case TRANSFER_WRONG: return transfer_refuse(r, std::string(transfer_member(column)) + " is missing");
	case TRANSFER_NULL: values->values.push_back(sql_null()); return 0;
	case TRANSFER_EMPTY:
		values->values.push_back(column.type == TRANSFER_INTEGER ? sql_integer(0) : sql_text(""));
		return 0;
	}
	return 0;
}

/* least: of a number. */
static int transfer_value(const transfer_reader *r, const transfer_members &members, const transfer_column &column,
                          int64_t least, transfer_values *values)
{
	const char *member = transfer_member(column);
	const std::string must = std::string(member) + " must be ";
	int64_t number = 0;
	std::string *text = &values->texts.emplace_back(), digits;

	values->are_said.push_back(column.type != TRANSFER_OWN);
	if (column.type != TRANSFER_OWN && !members.contains(member))
		return transfer_missing_value(r, column, values);
	switch (column.type) {
	case TRANSFER_OWN: values->values.push_back(sql_integer(0)); return 0;
	case TRANSFER_INTEGER:
		if (!transfer_get_number(members, member, &number))
			return transfer_refuse(r, must + "a number");
		if (number < least)
			return transfer_refuse(r, must + std::to_string(least) + " or more");
		values->values.push_back(sql_integer(static_cast<uint64_t>(number)));
		return 0;
	case TRANSFER_HASH:
	case TRANSFER_TEXT:
		if (!transfer_get_text(members, member, text))
			return transfer_refuse(r, must + "a text");
		if (column.type == TRANSFER_HASH && !transfer_is_hash(*text))
			return transfer_refuse(r, must + "a hash here");
		values->values.push_back(sql_text(*text));
		return 0;
	case TRANSFER_BYTES:
		if (!transfer_get_text(members, member, &digits) || !transfer_unhex(digits, text))
			return transfer_refuse(r, must + "a text of hexadecimal digits");
		values->values.push_back({CS_DB_BLOB, 0, text->data(), text->size()});
		return 0;
	}
	return 0;
}

/* ---- rows of the tables */

static bool transfer_is_same(const cs_db_value &stored, const cs_db_value &value)
{
	if (stored.type == CS_DB_NULL || value.type == CS_DB_NULL)
		return stored.type == value.type;
	if (value.type == CS_DB_INTEGER)
		return stored.type == CS_DB_INTEGER && stored.integer == value.integer;
	return sql_text_of(stored) == sql_text_of(value);
}

struct transfer_comparison {
	const transfer_values *line = nullptr;
	bool is_there = false, is_same = true;
};

static int transfer_compare(void *arg, const cs_db_value *columns, size_t count)
{
	auto *c = static_cast<transfer_comparison *>(arg);

	c->is_there = true;
	for (size_t i = 0; i < count && i < c->line->values.size(); i++)
		c->is_same = c->is_same && (!c->line->are_said[i] || transfer_is_same(columns[i], c->line->values[i]));
	return 1;
}

static std::string transfer_key_text(const transfer_table &table)
{
	std::string text;

	for (size_t i = 0; i < table.keys; i++)
		text += std::string(i ? " AND " : "") + table.list[i].name + " = ?";
	return text;
}

static int transfer_find_row(const transfer_reader *r, const transfer_table &table, const transfer_values &line,
                             transfer_comparison *c)
{
	const std::string text = dialect_join(
		{"SELECT ", transfer_names(table), " FROM ", table.name, " WHERE ", transfer_key_text(table)});

	*c = {&line};
	return r->db->driver->query(r->db, text.c_str(), line.values.data(), table.keys, transfer_compare, c);
}

static std::string transfer_insert_text(const transfer_table &table)
{
	std::string text = dialect_join({"INSERT INTO ", table.name, " (", transfer_names(table), ") VALUES ("});

	for (size_t i = 0; i < transfer_columns(table).size(); i++)
		text += i ? ", ?" : "?";
	return text + ")";
}

/* What a database refuses by itself is a mistake of the line. */
static int transfer_row(transfer_reader *r, const transfer_table &table, const transfer_members &members)
{
	transfer_values values;
	transfer_comparison c = {};

	values.texts.reserve(transfer_columns(table).size());
	const std::span<const transfer_column> columns = transfer_columns(table);
	for (size_t i = 0; i < columns.size(); i++) {
		/* The first number counts from 1 on, that of a device from 0 on. */
		const int64_t least = i >= table.keys ? -transfer_most : i == 0 ? 1 : 0;

		if (const int result = transfer_value(r, members, columns[i], least, &values))
			return result;
	}
	int result = transfer_find_row(r, table, values, &c);
	if (result)
		return result;
	if (c.is_there && !c.is_same)
		return transfer_refuse(r, "the store has another " + std::string(table.kind) + " with this number");
	if (c.is_there) {
		r->batch->skipped++;
		return 0;
	}
	result = r->db->driver->query(r->db, transfer_insert_text(table).c_str(), values.values.data(),
	                              values.values.size(), nullptr, nullptr);
	if (result == CS_DB_DUPLICATE)
		return transfer_refuse(r, "the store has another " + std::string(table.kind) + " with this name");
	if (result == CS_DB_BAD_VALUE || result == CS_DB_FAILED)
		return transfer_refuse(r, "the database refuses this " + std::string(table.kind) +
		                                  ": it names what is not there, or a value is wrong");
	r->batch->added += !result;
	return result;
}

/* ---- the head */

/* A store without accounts takes over the id: so clients keep what they know, and tokens stay good. */
static int transfer_store(transfer_reader *r, const transfer_members &members)
{
	std::string format, id;
	int64_t version = 0;
	bool has_accounts = false;

	if (!transfer_get_text(members, "format", &format) || format != "chatserverd")
		return transfer_refuse(r, "format must be \"chatserverd\"");
	if (!transfer_get_number(members, "version", &version) || version != 1)
		return transfer_refuse(r, "this server reads version 1 of the format");
	if (members.contains("id") && (!transfer_get_text(members, "id", &id) || id.empty() || id.size() > 64))
		return transfer_refuse(r, "id must be a text of at most 64 bytes");
	int result = sql_run(r->db, "SELECT 1 FROM account LIMIT 1", {}, sql_row_exists, &has_accounts);
	const bool is_taken = !has_accounts && !id.empty();
	if (!result && is_taken)
		result = sql_run(r->db, "UPDATE store SET id = ?", {sql_text(id)});
	(is_taken ? r->batch->added : r->batch->skipped)++;
	return result;
}

/* ---- who is being erased */

static int transfer_state_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

/* Who is being erased here has a row from now on, so that a server goes on with it. The line of an account may be older
 * than this one: then the erasing began meanwhile. */
static int transfer_erasing(transfer_reader *r, const transfer_members &members)
{
	int64_t account = 0, state = -1;
	bool has_row = false;

	if (!transfer_get_number(members, "account", &account) || account < 1)
		return transfer_refuse(r, "account must be a number");
	const cs_db_value id = sql_integer(static_cast<uint64_t>(account));
	int result = sql_run(r->db, "SELECT locked FROM account WHERE id = ?", {id}, transfer_state_take, &state);
	if (!result && state < 0)
		return transfer_refuse(r, "there is no such account");
	if (!result)
		result = sql_run(r->db, "SELECT 1 FROM erasing WHERE account = ?", {id}, sql_row_exists, &has_row);
	if (result)
		return result;
	if (has_row || state == USER_ERASED) {
		r->batch->skipped++;
		return 0;
	}
	r->batch->added++;
	return state == USER_ERASING ? sql_run(r->db, "INSERT INTO erasing (account) VALUES (?)", {id})
	                             : erasing_begin(r->db, static_cast<uint64_t>(account));
}

/* ---- entries: lines of one conversation are read together */

struct transfer_entry {
	const transfer_line *line;
	int64_t conversation = 0, seq = 0, sender = 0, type = 0, created = 0, edited = 0;
	bool is_edited = false;
	std::string body, cid;
	bool is_there = false, is_same = true;
};

/* A frame as it is stored, which clients get with a few members more, as one line. */
static bool transfer_is_frame(std::string_view body)
{
	std::vector<object_member> members;

	return body.starts_with('{') && body.ends_with('}') && object_read(body, &members) == 0 && !members.empty() &&
	       body.find('\n') == body.npos;
}

static int transfer_entry_parse(const transfer_reader *r, const transfer_members &members, transfer_entry *entry)
{
	std::string digits;

	for (const auto &[key, number] : {std::pair<const char *, int64_t *>{"conversation", &entry->conversation},
	                                  {"seq", &entry->seq},
	                                  {"sender", &entry->sender},
	                                  {"type", &entry->type},
	                                  {"created", &entry->created}})
		if (!transfer_get_number(members, key, number) || *number < 0)
			return transfer_refuse(r, std::string(key) + " must be a number");
	if (entry->conversation == 0 || entry->seq == 0 || entry->type > ENTRY_PURGED)
		return transfer_refuse(r, "conversation and seq begin with 1, and type is 0 to 3");
	entry->is_edited = members.contains("edited");
	if (entry->is_edited && !transfer_get_number(members, "edited", &entry->edited))
		return transfer_refuse(r, "edited must be a number");
	if (!transfer_get_text(members, "body", &entry->body))
		return transfer_refuse(r, "body must be a text");
	if (!transfer_is_frame(entry->body) && (entry->type != ENTRY_PURGED || !entry->body.empty()))
		return transfer_refuse(r, "body must be a frame: the text of a JSON object, with members");
	if (members.contains("cid") && !transfer_get_text(members, "cid", &entry->cid))
		return transfer_refuse(r, "cid must be a text");
	if (members.contains("cid_hex") &&
	    (!transfer_get_text(members, "cid_hex", &digits) || !transfer_unhex(digits, &entry->cid)))
		return transfer_refuse(r, "cid_hex must be a text of hexadecimal digits");
	return entry->cid.size() <= 64 ? 0 : transfer_refuse(r, "a cid has at most 64 bytes");
}

/* Only one of the two has something. */
struct transfer_run {
	std::vector<transfer_entry> entries; /* of one conversation */
	std::vector<transfer_message> messages;
};

static uint64_t transfer_u(int64_t number)
{
	return static_cast<uint64_t>(number);
}

/* Columns: seq, sender, kind, created, edited, body. */
static int transfer_stored_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *run = static_cast<transfer_run *>(arg);

	for (transfer_entry &entry : run->entries) {
		if (transfer_u(entry.seq) != sql_number_of(columns[0]))
			continue;
		entry.is_there = true;
		entry.is_same = columns[1].integer == entry.sender && columns[2].integer == entry.type &&
		                columns[3].integer == entry.created &&
		                (columns[4].type != CS_DB_NULL) == entry.is_edited &&
		                columns[4].integer == entry.edited && sql_text_of(columns[5]) == entry.body;
	}
	return 0;
}

/* The conversation is locked, so nobody appends to it. */
static int transfer_lock(const transfer_reader *r, uint64_t conversation, bool *there_r, uint64_t *last_r)
{
	int result;

	*there_r = false;
	result = sql_run(r->db,
	                 dialect_join({"SELECT 1 FROM conversation WHERE id = ?", dialect_for_update(r->db)}).c_str(),
	                 {sql_integer(conversation)}, sql_row_exists, there_r);
	*last_r = 0;
	if (!result)
		result = sql_run(r->db, "SELECT seq FROM message WHERE conversation = ? ORDER BY seq DESC LIMIT 1",
		                 {sql_integer(conversation)}, sql_row_number, last_r);
	return result;
}

/* Those that are there must be the same, the others must follow the last one without a gap. */
static int transfer_judge(transfer_reader *r, transfer_run *run, uint64_t last)
{
	for (const transfer_entry &entry : run->entries) {
		r->line = entry.line;
		if (entry.is_there && !entry.is_same)
			return transfer_refuse(r, "the store has another entry with this seq");
		if (entry.is_there)
			continue;
		if (last && transfer_u(entry.seq) != last + 1)
			return transfer_refuse(r, "seq must be " + std::to_string(last + 1) +
			                                  ", behind the newest entry of the conversation");
		last = transfer_u(entry.seq);
	}
	return 0;
}

static int transfer_insert_one(cs_db *db, const transfer_entry &entry)
{
	const cs_db_value conversation = sql_integer(transfer_u(entry.conversation)),
			  seq = sql_integer(transfer_u(entry.seq)), sender = sql_integer(transfer_u(entry.sender));
	int result =
		sql_run(db, "INSERT INTO body (created, edited, body) VALUES (?, ?, ?)",
	                {sql_integer(transfer_u(entry.created)),
	                 entry.is_edited ? sql_integer(transfer_u(entry.edited)) : sql_null(), sql_text(entry.body)});

	if (!result)
		result = sql_run(
			db, "INSERT INTO entry (conversation, k, owner, ref, sender, kind) VALUES (?, ?, 0, ?, ?, ?)",
			{conversation, seq, sql_integer(transfer_u(db->driver->last_id(db))), sender,
		         sql_integer(transfer_u(entry.type))});
	if (!result && !entry.cid.empty())
		result = sql_run(db, "INSERT INTO entry (conversation, k, owner, ref) VALUES (?, ?, ?, ?)",
		                 {conversation, sql_text(entry.cid), sender, seq});
	return result;
}

static int transfer_insert_all(cs_db *db, const transfer_run &run)
{
	std::vector<cs_db_value> values;

	if (db->driver->dialect == CS_DB_SQLITE) {
		for (const transfer_entry &entry : run.entries)
			if (const int result = entry.is_there ? 0 : transfer_insert_one(db, entry))
				return result;
		return 0;
	}
	for (const transfer_entry &entry : run.entries)
		if (!entry.is_there)
			values.insert(values.end(),
			              {sql_integer(transfer_u(entry.conversation)), sql_integer(transfer_u(entry.seq)),
			               sql_integer(transfer_u(entry.sender)),
			               entry.cid.empty() ? sql_null() : sql_text(entry.cid), sql_text(entry.body),
			               sql_integer(transfer_u(entry.created)), sql_integer(transfer_u(entry.type)),
			               entry.is_edited ? sql_integer(transfer_u(entry.edited)) : sql_null()});
	return sql_run_many(
		db,
		{"INSERT INTO message (conversation, seq, sender, cid, body, created, kind, edited) VALUES ",
	         "(?, ?, ?, ?, ?, ?, ?, ?)", ", ", "", 8, false},
		values);
}

/* MySQL keeps in the conversation what SQLite reads from its log. */
static int transfer_raise_last(cs_db *db, const transfer_run &run)
{
	uint64_t last = 0, said_seq = 0;
	int64_t said = 0;

	if (db->driver->dialect == CS_DB_SQLITE)
		return 0;
	for (const transfer_entry &entry : run.entries) {
		last = std::max(last, transfer_u(entry.seq));
		if (entry.type == ENTRY_EVENT)
			continue;
		said_seq = std::max(said_seq, transfer_u(entry.seq));
		said = std::max(said, entry.created);
	}
	return sql_run(db,
	               "UPDATE conversation SET last_seq = GREATEST(last_seq, ?), said_seq = GREATEST(said_seq, ?),"
	               " said = GREATEST(said, ?) WHERE id = ?",
	               {sql_integer(last), sql_integer(said_seq), sql_integer(transfer_u(said)),
	                sql_integer(transfer_u(run.entries[0].conversation))});
}

/* A conversation that was written by hand is in the lists of conversations, too. */
static int transfer_raise_week(cs_db *db, const transfer_run &run)
{
	uint64_t week = 0;

	for (const transfer_entry &entry : run.entries)
		if (entry.type == ENTRY_MESSAGE || entry.type == ENTRY_RECALLED)
			week = std::max(week, message_week_of(entry.created));
	return sql_run(db, "UPDATE conversation SET said_week = ? WHERE id = ? AND said_week < ?",
	               {sql_integer(week), sql_integer(transfer_u(run.entries[0].conversation)), sql_integer(week)});
}

static int transfer_run_store(transfer_reader *r, transfer_run *run)
{
	uint64_t last = 0, first = UINT64_MAX, highest = 0;
	bool is_there = false;
	const uint64_t conversation = transfer_u(run->entries[0].conversation);
	int result = transfer_lock(r, conversation, &is_there, &last);

	r->line = run->entries[0].line;
	if (!result && !is_there)
		return transfer_refuse(r, "there is no such conversation");
	for (const transfer_entry &entry : run->entries) {
		first = std::min(first, transfer_u(entry.seq));
		highest = std::max(highest, transfer_u(entry.seq));
	}
	if (!result && first <= last)
		result = sql_run(r->db,
		                 "SELECT seq, sender, kind, created, edited, body FROM message"
		                 " WHERE conversation = ? AND seq >= ? AND seq <= ?",
		                 {sql_integer(conversation), sql_integer(first), sql_integer(highest)},
		                 transfer_stored_take, run);
	if (!result)
		result = transfer_judge(r, run, last);
	if (!result)
		result = transfer_insert_all(r->db, *run);
	r->line = run->entries[0].line;
	if (result == CS_DB_DUPLICATE)
		return transfer_refuse(r, "one of this line and the next ones has the cid of another entry");
	if (!result)
		result = transfer_raise_last(r->db, *run);
	if (!result)
		result = transfer_raise_week(r->db, *run);
	for (const transfer_entry &entry : run->entries)
		(entry.is_there ? r->batch->skipped : r->batch->added)++;
	return result;
}

/* ---- lines */

/* A key that is written with an escape names nothing here. */
static int transfer_parse(const transfer_reader *r, transfer_members *members_r, std::string *kind_r)
{
	std::vector<object_member> list;

	members_r->clear();
	if (object_read(r->line->object, &list))
		return transfer_refuse(r, "is no JSON object");
	for (const object_member &member : list)
		if (!members_r->emplace(member.key, member.value).second)
			return transfer_refuse(r, "has a member twice");
	return transfer_get_text(*members_r, "kind", kind_r) ? 0 : transfer_refuse(r, "kind must be a text");
}

static int transfer_line_read(transfer_reader *r, const transfer_members &members, const std::string &kind)
{
	if (kind == "store")
		return transfer_store(r, members);
	if (transfer_is_by_hand(members, kind))
		return transfer_hand_read(r, members, kind);
	if (kind == "erasing")
		return transfer_erasing(r, members);
	for (const transfer_table &table : transfer_tables)
		if (kind == table.kind)
			return transfer_row(r, table, members);
	return transfer_refuse(r, "kind is not one that this server knows");
}

/* What was read together ends here. */
static int transfer_flush(transfer_reader *r, transfer_run *run)
{
	const transfer_line *line = r->line;
	int result = run->entries.empty() ? 0 : transfer_run_store(r, run);

	if (!result && !run->messages.empty())
		result = transfer_messages_store(r, &run->messages);
	run->entries.clear();
	run->messages.clear();
	if (!result)
		r->line = line;
	return result;
}

static int transfer_read_entry(transfer_reader *r, const transfer_members &members, transfer_run *run)
{
	transfer_entry entry = {r->line};
	int result = transfer_entry_parse(r, members, &entry);

	if (!result &&
	    !(run->messages.empty() && (run->entries.empty() || run->entries[0].conversation == entry.conversation)))
		result = transfer_flush(r, run);
	run->entries.push_back(std::move(entry));
	return result;
}

static int transfer_read_message(transfer_reader *r, const transfer_members &members, transfer_run *run)
{
	transfer_message message;
	int result = run->entries.empty() ? 0 : transfer_flush(r, run);

	if (!result)
		result = transfer_message_parse(r, members, &message);
	run->messages.push_back(std::move(message));
	return result;
}

int transfer_read(cs_db *db, transfer_batch *batch)
{
	transfer_reader r = {db, batch};
	transfer_run run;

	batch->added = batch->skipped = batch->wrong = 0;
	batch->why.clear();
	for (const transfer_line &line : batch->lines) {
		transfer_members members;
		std::string kind;

		r.line = &line;
		int result = transfer_parse(&r, &members, &kind);
		if (!result && kind == "entry") {
			result = transfer_read_entry(&r, members, &run);
		} else if (!result && kind == "message") {
			result = transfer_read_message(&r, members, &run);
		} else if (!result) {
			result = transfer_flush(&r, &run);
			result = result ? result : transfer_line_read(&r, members, kind);
		}
		if (result)
			return result;
	}
	return transfer_flush(&r, &run);
}
