/* SPDX-License-Identifier: MIT
 * Writes the store as lines of JSON: the tables, the log, and who is being erased. */
#include "transfer.h"

#include <algorithm>
#include <iterator>

#include <chatserverd/json.h>

#include "devices.h"
#include "dialect.h"
#include "sql.h"
#include "transfer_tables.h"
#include "users.h"

static constexpr uint64_t transfer_rows_most = 500; /* in a page */
static constexpr size_t transfer_bytes_most = 256 * 1024; /* a page ends when it has so many */
static constexpr size_t transfer_cids_most = 32 * 1024 * 1024; /* bytes */
static constexpr size_t transfer_cid_room = 100; /* bytes that a cid takes besides its own */

static constexpr transfer_table transfer_list[] = {
	{"account",
         "account",
         1,
         {{"id"},
          {"name", TRANSFER_TEXT},
          {"password", TRANSFER_HASH, TRANSFER_EMPTY},
          {"generation", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"created", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"last_device", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"new_devices_until", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"series", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"unnamed_series", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"locked", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"lock_reason", TRANSFER_TEXT, TRANSFER_EMPTY}}},
	{"register_invite",
         "register_invite",
         1,
         {{"id"}, {"code", TRANSFER_BYTES}, {"uses"}, {"used"}, {"created"}, {"ends"}}},
	{"ban", "ban", 1, {{"network", TRANSFER_TEXT}, {"created"}, {"ends"}, {"reason", TRANSFER_TEXT}}},
	{"device", "device", 2, {{"account"}, {"number"}, {"name", TRANSFER_TEXT}, {"first_seen"}, {"last_seen"}}},
	{"contact", "contact", 2, {{"account"}, {"other"}, {"listed"}, {"blocked"}}},
	{"conversation",
         "conversation",
         1,
         {{"id"},
          {"kind", TRANSFER_INTEGER, TRANSFER_WRONG, "type"},
          {"name", TRANSFER_TEXT, TRANSFER_NULL},
          {"description", TRANSFER_TEXT, TRANSFER_NULL},
          {"low", TRANSFER_INTEGER, TRANSFER_NULL},
          {"high", TRANSFER_INTEGER, TRANSFER_NULL},
          {"flags", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"members"},
          {"muted", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"invite_only", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"history_all", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"keep", TRANSFER_INTEGER, TRANSFER_EMPTY},
          {"said_week"}}},
	{"member",
         "member",
         2,
         {{"conversation"},
          {"account"},
          {"role"},
          {"joined_seq"},
          {"left_seq", TRANSFER_INTEGER, TRANSFER_NULL},
          {"joined"},
          {"banned"},
          {"muted"}}},
	{"invitation", "invitation", 2, {{"conversation"}, {"account"}, {"inviter"}, {"created"}}},
	{"token_key", "token_key", 1, {{"number"}, {"created"}, {"bytes", TRANSFER_BYTES}}},
	{"mark", "mark", 2, {{"account"}, {"conversation"}, {"read_seq"}, {"shown_seq"}}},
	{"cursor", "`cursor`", 3, {{"account"}, {"device"}, {"conversation"}, {"delivered_seq"}}},
	{"follower",
         "follower",
         2,
         {{"name", TRANSFER_TEXT}, {"conversation"}, {"seq"}, {"node", TRANSFER_OWN}, {"until", TRANSFER_OWN}}},
};
constinit const std::span<const transfer_table> transfer_tables = transfer_list;

/* ---- values */

void transfer_quote(std::string *out, std::string_view text)
{
	const size_t at = out->size(), size = cs_json_quote(nullptr, 0, text.data(), text.size());

	out->resize(at + size);
	(void)cs_json_quote(out->data() + at, size, text.data(), text.size());
}

std::string transfer_hex(std::string_view bytes)
{
	static constexpr char digits[] = "0123456789abcdef";
	std::string text;

	for (const char c : bytes) {
		text += digits[static_cast<unsigned char>(c) >> 4];
		text += digits[static_cast<unsigned char>(c) & 15];
	}
	return text;
}

static int transfer_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool transfer_unhex(std::string_view digits, std::string *bytes_r)
{
	bytes_r->clear();
	if (digits.size() % 2 != 0)
		return false;
	for (size_t i = 0; i < digits.size(); i += 2) {
		const int high = transfer_digit(digits[i]), low = transfer_digit(digits[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes_r->push_back(static_cast<char>(high * 16 + low));
	}
	return true;
}

void transfer_put(std::string *out, const transfer_column &column, const cs_db_value &value)
{
	if (value.type == CS_DB_NULL || column.type == TRANSFER_OWN)
		return;
	*out += std::string(",\"") + transfer_member(column) + "\":";
	switch (column.type) {
	case TRANSFER_OWN:
	case TRANSFER_INTEGER: *out += std::to_string(value.integer); break;
	case TRANSFER_HASH:
	case TRANSFER_TEXT: transfer_quote(out, sql_text_of(value)); break;
	case TRANSFER_BYTES: transfer_quote(out, transfer_hex(sql_text_of(value))); break;
	}
}

std::string transfer_names(const transfer_table &table)
{
	std::string names;

	for (const transfer_column &column : transfer_columns(table))
		names += std::string(names.empty() ? "" : ", ") + column.name;
	return names;
}

static void transfer_begin(transfer_page *page, const char *kind)
{
	page->lines += std::string(page->count++ ? ",{\"kind\":\"" : "{\"kind\":\"") + kind + "\"";
}

/* ---- tables */

struct transfer_rows {
	transfer_page *page;
	const transfer_table *table;
	uint64_t count = 0;
};

/* Its place is a number of rows. */
static bool transfer_is_small(const transfer_table &table)
{
	return table.list[0].type != TRANSFER_INTEGER;
}

static int transfer_row_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *rows = static_cast<transfer_rows *>(arg);

	const std::span<const transfer_column> list = transfer_columns(*rows->table);

	rows->count++;
	if (transfer_is_small(*rows->table))
		rows->page->place.keys[0]++;
	else
		for (size_t i = 0; i < rows->table->keys; i++)
			rows->page->place.keys[i] = sql_number_of(columns[i]);
	transfer_begin(rows->page, rows->table->kind);
	for (size_t i = 0; i < list.size(); i++)
		transfer_put(&rows->page->lines, list[i], columns[i]);
	rows->page->lines += "}";
	return 0;
}

/* The rows behind the keys, in the order of the key. */
static std::string transfer_behind(const transfer_table &table)
{
	const std::string a = table.list[0].name;

	if (transfer_is_small(table))
		return table.keys == 1 ? a : a + ", " + table.list[1].name;
	if (table.keys == 1)
		return a + " > ? ORDER BY " + a;
	const std::string b = table.list[1].name;
	if (table.keys == 2)
		return a + " >= ? AND (" + a + " > ? OR " + b + " > ?) ORDER BY " + a + ", " + b;
	const std::string c = table.list[2].name;
	return a + " >= ? AND (" + a + " > ? OR " + b + " > ? OR (" + b + " = ? AND " + c + " > ?)) ORDER BY " + a +
	       ", " + b + ", " + c;
}

static int transfer_table_next(cs_db *db, const transfer_table &table, transfer_page *page)
{
	transfer_rows rows = {page, &table};
	const uint64_t *keys = page->place.keys;
	std::vector<cs_db_value> values = {sql_integer(keys[0])};
	const bool is_small = transfer_is_small(table);
	const std::string text = dialect_join({"SELECT ", transfer_names(table), " FROM ", table.name,
	                                       is_small ? " ORDER BY " : " WHERE ", transfer_behind(table),
	                                       is_small ? " LIMIT ? OFFSET ?" : " LIMIT ?"});

	if (table.keys >= 2)
		values.insert(values.end(), {sql_integer(keys[0]), sql_integer(keys[1])});
	if (table.keys == 3)
		values.insert(values.end(), {sql_integer(keys[1]), sql_integer(keys[2])});
	values.push_back(sql_integer(transfer_rows_most));
	if (is_small)
		values = {sql_integer(transfer_rows_most), sql_integer(keys[0])};
	const int result = db->driver->query(db, text.c_str(), values.data(), values.size(), transfer_row_take, &rows);

	page->more = rows.count == transfer_rows_most;
	return result;
}

/* ---- the log. keys: the conversation; the last seq; 1 if the conversation is done */

struct transfer_entries {
	transfer_page *page;
	uint64_t conversation = 0;
	const transfer_cids *cids = nullptr; /* null: MySQL has them in the rows */
};

/* Most are texts of ASCII. */
static void transfer_put_cid(std::string *out, std::string_view cid)
{
	bool is_plain = true;

	for (const char c : cid)
		is_plain = is_plain && c >= 0x20 && c < 0x7f;
	if (cid.empty())
		return;
	*out += is_plain ? ",\"cid\":" : ",\"cid_hex\":";
	transfer_quote(out, is_plain ? std::string(cid) : transfer_hex(cid));
}

/* Columns: seq, sender, kind, created, edited, body, cid. */
static int transfer_entry_take(void *arg, const cs_db_value *columns, size_t)
{
	static const transfer_column names[] = {{"seq"},     {"sender"}, {"type"},
	                                        {"created"}, {"edited"}, {"body", TRANSFER_TEXT}};
	auto *entries = static_cast<transfer_entries *>(arg);
	transfer_page *page = entries->page;
	const uint64_t seq = sql_number_of(columns[0]);
	std::string_view cid = sql_text_of(columns[6]);

	if (entries->cids)
		if (const auto at = entries->cids->by_seq.find(seq); at != entries->cids->by_seq.end())
			cid = at->second;
	page->place.keys[1] = seq;
	transfer_begin(page, "entry");
	page->lines += ",\"conversation\":" + std::to_string(entries->conversation);
	for (size_t i = 0; i < 6; i++)
		transfer_put(&page->lines, names[i], columns[i]);
	transfer_put_cid(&page->lines, cid);
	page->lines += "}";
	return page->lines.size() >= transfer_bytes_most;
}

/* Beyond the bound the highest ones go. */
static int transfer_cid_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *cids = static_cast<transfer_cids *>(arg);
	const uint64_t seq = sql_number_of(columns[0]);

	if (seq > cids->upto)
		return 0;
	std::string &cid = cids->by_seq[seq];
	cid = sql_text_of(columns[1]);
	cids->bytes += transfer_cid_room + cid.size();
	while (cids->bytes > transfer_cids_most && cids->by_seq.size() > transfer_rows_most) {
		const auto last = std::prev(cids->by_seq.end());

		cids->upto = last->first - 1;
		cids->bytes -= transfer_cid_room + last->second.size();
		cids->by_seq.erase(last);
	}
	return 0;
}

/* An entry up to the newest one has its cid in the store by now. A message that was recalled has its cid still; the
 * frame says it as well, but need not. */
static int transfer_cids_read(cs_db *db, transfer_cids *cids, uint64_t conversation, uint64_t after)
{
	const uint64_t reads = cids->reads + 1;
	uint64_t last = 0;
	int result = sql_run(db, "SELECT seq FROM message WHERE conversation = ? ORDER BY seq DESC LIMIT 1",
	                     {sql_integer(conversation)}, sql_row_number, &last);

	*cids = {};
	cids->reads = reads;
	cids->after = after;
	cids->upto = last;
	if (!result)
		result = sql_run(db, "SELECT ref, k FROM entry WHERE conversation = ? AND k >= '' AND ref > ?",
		                 {sql_integer(conversation), sql_integer(after)}, transfer_cid_take, cids);
	if (!result)
		cids->conversation = conversation;
	return result;
}

/* *upto_r: a page of the entries behind `after` ends here at the latest. */
static int transfer_cids_need(cs_db *db, transfer_entries *entries, uint64_t after, uint64_t *upto_r)
{
	transfer_cids *cids = entries->page->cids;
	int result = 0;

	*upto_r = after + transfer_rows_most;
	if (db->driver->dialect == CS_DB_MYSQL)
		return 0;
	if (cids->conversation != entries->conversation || after < cids->after || after >= cids->upto)
		result = transfer_cids_read(db, cids, entries->conversation, after);
	entries->cids = cids;
	*upto_r = std::min(*upto_r, cids->upto);
	return result;
}

static int transfer_conversation_after(cs_db *db, uint64_t after, uint64_t *next_r)
{
	*next_r = 0;
	return sql_run(db,
	               db->driver->dialect == CS_DB_MYSQL
	                       ? "SELECT conversation FROM message WHERE conversation > ? ORDER BY conversation LIMIT 1"
	                       : "SELECT conversation FROM entry WHERE conversation > ? ORDER BY conversation LIMIT 1",
	               {sql_integer(after)}, sql_row_number, next_r);
}

static int transfer_entries_step(cs_db *db, transfer_page *page, bool *ended_r)
{
	transfer_entries entries = {page, page->place.keys[0]};
	uint64_t after = page->place.keys[1], upto = 0;
	int result = 0;

	if (!entries.conversation || page->place.keys[2]) {
		result = transfer_conversation_after(db, entries.conversation, &entries.conversation);
		*ended_r = entries.conversation == 0;
		if (result || *ended_r)
			return result;
		page->place.keys[0] = entries.conversation;
		after = page->place.keys[1] = 0;
	}
	/* What was old may have been removed since the page before. */
	uint64_t lowest = 0;
	result = sql_run(db, "SELECT seq FROM message WHERE conversation = ? AND seq > ? ORDER BY seq LIMIT 1",
	                 {sql_integer(entries.conversation), sql_integer(after)}, sql_row_number, &lowest);
	page->place.keys[2] = lowest == 0;
	if (result || !lowest)
		return result;
	after = lowest - 1;
	result = transfer_cids_need(db, &entries, after, &upto);
	if (!result)
		result = sql_run(db,
		                 db->driver->dialect == CS_DB_MYSQL
		                         ? "SELECT seq, sender, kind, created, edited, body, cid FROM message"
		                           " WHERE conversation = ? AND seq > ? AND seq <= ? ORDER BY seq"
		                         : "SELECT seq, sender, kind, created, edited, body, NULL FROM message"
		                           " WHERE conversation = ? AND seq > ? AND seq <= ? ORDER BY seq",
		                 {sql_integer(entries.conversation), sql_integer(after), sql_integer(upto)},
		                 transfer_entry_take, &entries);
	return result;
}

static int transfer_entries_next(cs_db *db, transfer_page *page)
{
	bool ended = false;
	int result = 0;

	while (!result && !ended && page->count < transfer_rows_most && page->lines.size() < transfer_bytes_most)
		result = transfer_entries_step(db, page, &ended);
	page->more = !ended;
	return result;
}

/* ---- who is being erased */

static int transfer_erasing_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *page = static_cast<transfer_page *>(arg);

	page->place.keys[0] = sql_number_of(columns[0]);
	transfer_begin(page, "erasing");
	page->lines += ",\"account\":" + std::to_string(page->place.keys[0]) + "}";
	return 0;
}

/* Behind the log: whoever reads the lines has all that is to be erased by then. Also who was erased, because the
 * erasing may have ended behind the line of the account. */
static int transfer_erasing_next(cs_db *db, transfer_page *page)
{
	const int result =
		sql_run(db, "SELECT id FROM account WHERE id > ? AND locked >= ? ORDER BY id LIMIT ?",
	                {sql_integer(page->place.keys[0]), sql_integer(USER_ERASING), sql_integer(transfer_rows_most)},
	                transfer_erasing_take, page);

	page->more = page->count == transfer_rows_most;
	return result;
}

/* ---- the parts: the head, the tables, the log, who is being erased */

static int transfer_head(cs_db *db, transfer_page *page)
{
	std::string store;
	const int result = device_store_id(db, &store);

	transfer_begin(page, "store");
	page->lines += ",\"format\":\"chatserverd\",\"version\":1,\"id\":";
	transfer_quote(&page->lines, store);
	page->lines += "}";
	return result;
}

int transfer_write(cs_db *db, transfer_page *page)
{
	const uint64_t log = transfer_tables.size() + 1;
	transfer_page next;
	transfer_cids own;
	int result;

	next.place = page->place;
	next.cids = page->cids ? page->cids : &own;
	if (next.place.part == 0)
		result = transfer_head(db, &next);
	else if (next.place.part < log)
		result = transfer_table_next(db, transfer_tables[next.place.part - 1], &next);
	else if (next.place.part == log)
		result = transfer_entries_next(db, &next);
	else
		result = transfer_erasing_next(db, &next);
	if (result)
		return result;
	if (!next.more) {
		next.place = {next.place.part + 1, {0, 0, 0}};
		next.more = next.place.part <= log + 1;
	}
	next.cids = page->cids;
	*page = std::move(next);
	return 0;
}
