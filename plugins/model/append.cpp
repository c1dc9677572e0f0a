/* SPDX-License-Identifier: MIT
 * Owns appending a batch of messages: repetitions, giving out seq, storing rows. It must not know how a
 * conversation is found (append_targets.cpp). */
#include "append.h"

#include <algorithm>
#include <iterator>

#include "dialect.h"
#include "sql.h"

static bool cid_less(const message_append *a, const message_append *b)
{
	return a->sender != b->sender ? a->sender < b->sender : a->cid < b->cid;
}

/* sender, cid, conversation, seq, created of a stored message; arg: the items with a cid, sorted. */
static int repeat_take(void *arg, const cs_db_value *columns, size_t)
{
	const auto *items = static_cast<const std::vector<message_append *> *>(arg);
	message_append wanted;

	wanted.sender = sql_number_of(columns[0]);
	wanted.cid = sql_text_of(columns[1]);
	const auto same = std::equal_range(items->begin(), items->end(), &wanted, cid_less);
	for (auto at = same.first; at != same.second; ++at) {
		(*at)->repeated = true;
		(*at)->outcome = 0;
		(*at)->conversation = sql_number_of(columns[2]);
		(*at)->seq = sql_number_of(columns[3]);
		(*at)->created = columns[4].integer;
	}
	return 0;
}

/* Marks those whose cid was stored before, with the first one's place. */
static int find_repeats(cs_db *db, std::span<message_append *const> items)
{
	std::vector<message_append *> named;
	std::vector<cs_db_value> values;

	std::copy_if(items.begin(), items.end(), std::back_inserter(named),
	             [](const message_append *item) { return !item->cid.empty(); });
	std::sort(named.begin(), named.end(), cid_less);
	for (const message_append *item : named) {
		values.push_back(sql_integer(item->sender));
		values.push_back(sql_text(item->cid));
	}
	return sql_run_many(db,
	                    {"SELECT sender, cid, conversation, seq, created FROM message WHERE ",
	                     "(sender = ? AND cid = ?)", " OR ", "", 2, true},
	                    values, repeat_take, &named);
}

static void settle(append_batch *b, message_append *item)
{
	append_target *target = append_target_of(b, *item);

	if (!target->locked)
		item->outcome = MODEL_NONE;
	else if (item->kind == CONVERSATION_GROUP &&
	         !std::binary_search(b->members.begin(), b->members.end(),
	                             std::make_pair(item->to, item->sender)))
		item->outcome = MODEL_NOT_MEMBER;
	if (item->outcome)
		return;
	item->conversation = target->id;
	item->seq = ++target->last_seq;
	target->changed = true;
	b->stored.push_back(item);
}

/* Settles an item whose cid an earlier item of the batch may have. firsts: stored items with a cid, sorted. */
static void settle_carefully(append_batch *b, message_append *item, std::vector<message_append *> *firsts)
{
	const auto at = std::lower_bound(firsts->begin(), firsts->end(), item, cid_less);

	if (!item->cid.empty() && at != firsts->end() && !cid_less(item, *at)) {
		item->repeated = true;
		item->conversation = (*at)->conversation;
		item->seq = (*at)->seq;
		item->created = (*at)->created;
		return;
	}
	settle(b, item);
	if (!item->cid.empty() && !item->outcome)
		firsts->insert(at, item);
}

static void settle_all(append_batch *b, bool careful)
{
	std::vector<message_append *> firsts;

	for (message_append *item : b->items) {
		if (item->repeated)
			continue;
		if (careful)
			settle_carefully(b, item, &firsts);
		else
			settle(b, item);
	}
}

/* A refused item has no row whose key would give its cid away, so without care it is looked for here. */
static int find_refused_repeats(append_batch *b)
{
	std::vector<message_append *> refused;

	std::copy_if(b->items.begin(), b->items.end(), std::back_inserter(refused),
	             [](const message_append *item) { return item->outcome != 0; });
	return find_repeats(b->db, refused);
}

static int insert_rows(append_batch *b)
{
	std::vector<cs_db_value> values;

	/* In the order of the key: rows of one conversation lie side by side. */
	std::sort(b->stored.begin(), b->stored.end(), [](const message_append *x, const message_append *y) {
		return x->conversation != y->conversation ? x->conversation < y->conversation
		                                          : x->seq < y->seq;
	});
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
	                    {"INSERT INTO message (conversation, seq, sender, cid, body, created) VALUES ",
	                     "(?, ?, ?, ?, ?, ?)", ", ", "", 6, false},
	                    values);
}

/* An upsert, because an UPDATE with CASE makes MySQL lock rows that are not in the list. Only conversations
 * that were locked get here, so it never inserts. */
static int store_last_seq(append_batch *b)
{
	const std::string tail = dialect_or_set(b->db, "id", "last_seq");
	std::vector<cs_db_value> values;

	for (const append_target *target : b->by_id)
		if (target->changed) {
			values.push_back(sql_integer(target->id));
			values.push_back(sql_integer(target->kind));
			values.push_back(sql_integer(target->last_seq));
		}
	return sql_run_many(
		b->db,
		{"INSERT INTO conversation (id, kind, last_seq) VALUES ", "(?, ?, ?)", ", ", tail, 3, true},
		values);
}

static void reset_answers(std::span<message_append *const> messages)
{
	for (message_append *item : messages) {
		item->outcome = 0;
		item->repeated = false;
		item->conversation = 0;
		item->seq = 0;
	}
}

int message_append_all(cs_db *db, std::span<message_append *const> messages, bool careful)
{
	append_batch b = {
		.db = db, .items = messages, .targets = {}, .by_id = {}, .members = {}, .stored = {}};
	int result = 0;

	reset_answers(messages);
	if (careful)
		result = find_repeats(db, messages);
	if (!result)
		result = append_find_targets(&b);
	if (result)
		return result;
	settle_all(&b, careful);
	if (!careful)
		result = find_refused_repeats(&b);
	if (!result)
		result = insert_rows(&b);
	return result ? result : store_last_seq(&b);
}
