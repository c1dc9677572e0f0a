/* SPDX-License-Identifier: MIT
 * Appends a batch of entries: finds repeated cids, assigns seq, stores rows. Messages are stored together, an
 * entry with an effect alone. */
#include "append.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <tuple>
#include <utility>

#include "../shared/object.h"
#include "contacts.h"
#include "dialect.h"
#include "sql.h"

/* ---- repetitions, seq, rows */

static bool model_cid_less(const message_append *a, const message_append *b)
{
	return std::tie(a->conversation, a->sender, a->cid) < std::tie(b->conversation, b->sender, b->cid);
}

/* Whether the stored frame has the item's msgid. */
static bool model_is_repetition(const message_append &item, std::string_view stored)
{
	std::string_view text;
	double msgid = 0;

	if (!item.msgid || object_find(stored, "msgid", &text))
		return true;
	(void)std::from_chars(text.data(), text.data() + text.size(), msgid);
	return msgid == item.msgid;
}

/* Columns of a stored entry: conversation, sender, cid, seq, created, body. arg: the items with a cid, sorted. */
static int model_repeat_take(void *arg, const cs_db_value *columns, size_t)
{
	const auto *items = static_cast<const std::vector<message_append *> *>(arg);
	message_append wanted;

	wanted.conversation = sql_number_of(columns[0]);
	wanted.sender = sql_number_of(columns[1]);
	wanted.cid = sql_text_of(columns[2]);
	const auto same = std::equal_range(items->begin(), items->end(), &wanted, model_cid_less);
	for (auto at = same.first; at != same.second; ++at) {
		(*at)->repeated = model_is_repetition(**at, sql_text_of(columns[5]));
		(*at)->outcome = (*at)->repeated ? 0 : MODEL_OTHER_CID;
		if (!(*at)->repeated)
			continue;
		(*at)->seq = sql_number_of(columns[3]);
		(*at)->created = columns[4].integer;
	}
	return 0;
}

static constexpr std::string_view model_repeats_of_mysql =
	"SELECT m.conversation, m.sender, m.cid, m.seq, m.created, m.body FROM message m WHERE ";
/* + takes the type of the column away, otherwise SQLite cannot look for k, which has none, by its index. */
static constexpr std::string_view model_repeats_of_sqlite =
	"SELECT m.conversation, m.owner, m.k, e.k, b.created, b.body FROM entry m"
	" JOIN entry e ON e.conversation = m.conversation AND e.k = +m.ref AND e.owner = 0"
	" JOIN body b ON b.id = e.ref WHERE ";

/* Marks items whose cid was stored before in their conversation, and gives them the seq and created of the stored
 * entry. Refuses those of another msgid. */
static int model_find_repeats(append_batch *b, bool refused_only)
{
	const bool mysql = b->db->driver->dialect == CS_DB_MYSQL;
	std::vector<message_append *> named;
	std::vector<cs_db_value> values;

	std::copy_if(b->items.begin(), b->items.end(), std::back_inserter(named), [=](const message_append *item) {
		return !item->cid.empty() && item->conversation && (item->outcome || !refused_only);
	});
	std::sort(named.begin(), named.end(), model_cid_less);
	for (const message_append *item : named) {
		values.push_back(sql_integer(item->conversation));
		values.push_back(sql_integer(item->sender));
		values.push_back(sql_text(item->cid));
	}
	return sql_run_many(b->db,
	                    {mysql ? model_repeats_of_mysql : model_repeats_of_sqlite,
	                     mysql ? "(m.conversation = ? AND m.sender = ? AND m.cid = ?)"
	                           : "(m.conversation = ? AND m.owner = ? AND m.k = ?)",
	                     " OR ", "", 3, true},
	                    values, model_repeat_take, &named);
}

/* Whether an earlier item of the batch has the cid of this one; then it is repeated. firsts: stored items with a cid,
 * sorted. The item is added to them. */
static bool model_repeats_earlier(message_append *item, std::vector<message_append *> *firsts)
{
	const auto at = std::lower_bound(firsts->begin(), firsts->end(), item, model_cid_less);

	if (item->cid.empty())
		return false;
	if (at == firsts->end() || model_cid_less(item, *at)) {
		firsts->insert(at, item);
		return false;
	}
	item->repeated = true;
	item->seq = (*at)->seq;
	item->created = (*at)->created;
	return true;
}

static void message_assign_seqs(append_batch *b, bool careful)
{
	std::vector<message_append *> firsts;

	b->stored.clear();
	for (size_t i = 0; i < b->items.size(); i++) {
		message_append *item = b->items[i];

		if (item->repeated || item->outcome || (careful && model_repeats_earlier(item, &firsts)))
			continue;
		item->seq = ++b->target_of[i]->last_seq;
		b->target_of[i]->changed = true;
		b->target_of[i]->said_seq = item->seq;
		b->target_of[i]->said = std::max(b->target_of[i]->said, item->created);
		if (const uint64_t week = message_week_of(item->created); week > b->target_of[i]->said_week) {
			b->target_of[i]->said_week = week;
			b->target_of[i]->first_of_week = true;
		}
		b->stored.push_back(item);
	}
}

/* MySQL: one table, many rows in a statement. What is stored together is of one kind. */
static int model_insert_messages(append_batch *b)
{
	const std::string_view unit =
		b->stored.empty() || !b->stored[0]->effect ? "(?, ?, ?, ?, ?, ?, 0)" : "(?, ?, ?, ?, ?, ?, 2)";
	std::vector<cs_db_value> values;

	values.reserve(b->stored.size() * 6);
	for (const message_append *item : b->stored) {
		values.push_back(sql_integer(item->conversation));
		values.push_back(sql_integer(item->seq));
		values.push_back(sql_integer(item->sender));
		values.push_back(item->cid.empty() ? sql_null() : sql_text(item->cid));
		values.push_back(sql_text(item->body));
		values.push_back(sql_integer(static_cast<uint64_t>(item->created)));
	}
	return sql_run_many(b->db,
	                    {"INSERT INTO message (conversation, seq, sender, cid, body, created, kind) VALUES ", unit,
	                     ", ", "", 6, false},
	                    values);
}

/* An upsert, because an UPDATE with CASE makes MySQL lock rows that are not in the list. It never inserts: only locked
 * conversations are changed here. */
static int model_store_last_seqs(append_batch *b)
{
	std::vector<cs_db_value> values;

	for (append_target *target : b->by_id)
		if (std::exchange(target->changed, false)) {
			values.push_back(sql_integer(target->id));
			values.push_back(sql_integer(target->kind));
			values.push_back(sql_integer(target->last_seq));
			values.push_back(sql_integer(target->flags));
			values.push_back(sql_integer(target->said_seq));
			values.push_back(sql_integer(static_cast<uint64_t>(target->said)));
			values.push_back(sql_integer(target->said_week));
		}
	return sql_run_many(b->db,
	                    {"INSERT INTO conversation (id, kind, last_seq, flags, said_seq, said, said_week) VALUES ",
	                     "(?, ?, ?, ?, ?, ?, ?)", ", ",
	                     " ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq), flags = VALUES(flags),"
	                     " said_seq = GREATEST(said_seq, VALUES(said_seq)), said = GREATEST(said, VALUES(said)),"
	                     " said_week = GREATEST(said_week, VALUES(said_week))",
	                     7, true},
	                    values);
}

/* SQLite: a body, the entry of the conversation, and the cid beside it. */
static int model_insert_entry(cs_db *db, const message_append &item)
{
	const cs_db_value conversation = sql_integer(item.conversation), seq = sql_integer(item.seq),
			  sender = sql_integer(item.sender);
	int result = sql_run(db, "INSERT INTO body (created, body) VALUES (?, ?)",
	                     {sql_integer(static_cast<uint64_t>(item.created)), sql_text(item.body)});

	if (!result)
		result = sql_run(
			db, "INSERT INTO entry (conversation, k, owner, ref, sender, kind) VALUES (?, ?, 0, ?, ?, ?)",
			{conversation, seq, sql_integer(static_cast<uint64_t>(db->driver->last_id(db))), sender,
		         sql_integer(item.effect ? ENTRY_EVENT : ENTRY_MESSAGE)});
	if (!result && !item.cid.empty())
		result = sql_run(db, "INSERT INTO entry (conversation, k, owner, ref) VALUES (?, ?, ?, ?)",
		                 {conversation, sql_text(item.cid), sender, seq});
	return result;
}

/* MySQL stores both with last_seq. SQLite writes the indexes of said_week anew whenever a statement names it. */
static int model_store_firsts(append_batch *b)
{
	for (append_target &target : b->targets) {
		const bool week = std::exchange(target.first_of_week, false);
		const cs_db_value id = sql_integer(target.id), flags = sql_integer(target.flags);
		int result = 0;

		if (week)
			result = sql_run(b->db, "UPDATE conversation SET flags = ?, said_week = ? WHERE id = ?",
			                 {flags, sql_integer(target.said_week), id});
		else if (target.first_written)
			result = sql_run(b->db, "UPDATE conversation SET flags = ? WHERE id = ?", {flags, id});
		target.first_written = false;
		if (result)
			return result;
	}
	return 0;
}

static int model_insert_entries(append_batch *b)
{
	for (const message_append *item : b->stored)
		if (const int result = model_insert_entry(b->db, *item))
			return result;
	return model_store_firsts(b);
}

static int model_insert_rows(append_batch *b)
{
	/* In the order of the key, so that rows of one conversation lie side by side. */
	std::sort(b->stored.begin(), b->stored.end(), [](const message_append *x, const message_append *y) {
		return x->conversation != y->conversation ? x->conversation < y->conversation : x->seq < y->seq;
	});
	if (b->db->driver->dialect == CS_DB_SQLITE)
		return model_insert_entries(b);
	const int result = model_insert_messages(b);
	return result ? result : model_store_last_seqs(b);
}

/* ---- messages */

/* A repeated item that is refused inserts no row, so no duplicate key shows its cid. Without `careful`, only those are
 * looked for. */
static int model_append_messages(append_batch *b, bool careful)
{
	int result = append_find_members(b);

	if (result)
		return result;
	append_judge(b);
	result = model_find_repeats(b, !careful);
	if (result)
		return result;
	message_assign_seqs(b, careful);
	return model_insert_rows(b);
}

/* ---- an entry with an effect */

/* Whether nothing may be done on the connection before the transaction is rolled back. */
static bool model_is_over(int result)
{
	return result == CS_DB_RETRY || result == CS_DB_UNKNOWN || result == CS_DB_FULL;
}

/* In a part of its own. 0 with item->outcome, or an enum cs_db_result. */
static int model_run_effect(cs_db *db, message_append *item)
{
	int result = db->driver->savepoint(db);

	if (result)
		return result;
	result = item->effect(db, item, item->arg);
	if (result == MODEL_NO_ENTRY) {
		item->outcome = result;
		item->seq = 0;
		return db->driver->release(db);
	}
	if (!result && item->conversation)
		return db->driver->release(db);
	if (!result)
		result = CS_DB_FAILED; /* it made no conversation */
	if (model_is_over(result))
		return result;
	const int undone = db->driver->rollback_to(db);
	if (undone || result < 0)
		return undone ? undone : result;
	item->outcome = result;
	item->seq = 0;
	return 0;
}

/* A conversation that the effect has made is in no list of targets. */
static int model_append_event(append_batch *b, message_append *item)
{
	append_target made, *target = append_target_of(b, *item);
	append_batch alone = {};

	if (!target->locked)
		target = &made;
	item->conversation = target->id;
	int result = model_find_repeats(b, false);
	if (result || item->repeated || item->outcome)
		return result;
	if (target->kind == CONVERSATION_PAIR && (target->flags & pair_erased_flag(item->sender, item->to))) {
		item->outcome = MODEL_NONE;
		return 0;
	}
	if (target->ended)
		item->conversation = 0;
	item->seq = target->last_seq + 1;
	result = model_run_effect(b->db, item);
	if (result || item->outcome)
		return result;
	target->kind = item->kind;
	target->id = item->conversation;
	target->last_seq = item->seq;
	target->changed = target->stale = true;
	alone.db = b->db;
	alone.stored.push_back(item);
	alone.by_id.push_back(target);
	return model_insert_rows(&alone);
}

/* ---- the batch */

static void model_reset_answers(std::span<message_append *const> messages)
{
	for (message_append *item : messages) {
		item->outcome = 0;
		item->until = 0;
		item->repeated = false;
		item->conversation = 0;
		item->seq = 0;
	}
}

/* Stores together all messages of `left` in front of which nothing of their conversation is left. */
static int model_append_next_messages(append_batch *b, std::vector<message_append *> *left, bool careful)
{
	std::vector<message_append *> together;

	for (append_target &target : b->targets)
		target.waits = false;
	std::erase_if(*left, [&](message_append *item) {
		bool *waits = &append_target_of(b, *item)->waits;

		*waits |= item->effect != nullptr;
		if (!*waits)
			together.push_back(item);
		return !*waits;
	});
	b->items = together;
	const int result = append_read_stale(b);
	return result || together.empty() ? result : model_append_messages(b, careful);
}

/* Appends the next entries of `left` that have an effect, in their order, up to one in front of which a message of its
 * conversation is left. */
static int model_append_next_events(append_batch *b, std::vector<message_append *> *left)
{
	bool is_over = false;
	int result = 0;

	for (append_target &target : b->targets)
		target.waits = false;
	std::erase_if(*left, [&](message_append *item) {
		append_target *target = append_target_of(b, *item);

		target->waits |= !item->effect;
		is_over |= item->effect && target->waits;
		if (result || is_over || target->waits)
			return false;
		b->items = {&item, 1};
		result = target->stale ? append_read_stale(b) : 0;
		if (!result)
			result = model_append_event(b, item);
		return true;
	});
	return result;
}

static bool model_has_effect(const message_append *item)
{
	return item->effect != nullptr;
}

/* An effect cuts the batch for its own conversation only. */
int message_append_all(cs_db *db, std::span<message_append *const> messages, bool careful)
{
	std::vector<message_append *> left(messages.begin(), messages.end());
	append_batch b = {};

	b.db = db;
	b.items = messages;
	model_reset_answers(messages);
	int result = append_lock(&b, careful);
	if (!result && std::none_of(messages.begin(), messages.end(), model_has_effect))
		return model_append_messages(&b, careful);
	while (!result && !left.empty()) {
		result = model_append_next_messages(&b, &left, careful);
		if (!result)
			result = model_append_next_events(&b, &left);
	}
	return result;
}
