/* SPDX-License-Identifier: MIT
 * The statements on the table mark. */
#include "marks.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "dialect.h"
#include "sql.h"

typedef std::pair<uint64_t, uint64_t> marks_key;

struct marks_conversation {
	uint64_t id = 0;
	uint64_t last_seq = 0;
	uint64_t flags = 0;
};

struct marks_mark {
	uint64_t read_seq = 0, shown_seq = 0;
	bool changed = false;
};

struct marks_batch {
	cs_db *db;
	std::span<mark_read *const> items;
	std::map<marks_key, marks_conversation> pairs; /* by low and high */
	std::set<uint64_t> accounts; /* that are there, of those without a pair */
	std::map<uint64_t, marks_conversation> groups;
	std::map<marks_key, uint64_t> members; /* group and account: joined_seq */
	std::map<marks_key, marks_mark> marks; /* account, conversation */
};

static marks_key marks_pair_of(const mark_read &item)
{
	return {std::min(item.account, item.of), std::max(item.account, item.of)};
}

static std::vector<cs_db_value> marks_values_of(const std::set<marks_key> &keys)
{
	std::vector<cs_db_value> values;

	for (const auto &[a, b] : keys) {
		values.push_back(sql_integer(a));
		values.push_back(sql_integer(b));
	}
	return values;
}

/* Columns: id, last_seq, flags, low, high. */
static int marks_pair_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<marks_batch *>(arg)->pairs[{sql_number_of(columns[3]), sql_number_of(columns[4])}] = {
		sql_number_of(columns[0]), sql_number_of(columns[1]), sql_number_of(columns[2])};
	return 0;
}

static int marks_account_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<marks_batch *>(arg)->accounts.insert(sql_number_of(columns[0]));
	return 0;
}

static int marks_find_pairs(marks_batch *b)
{
	const std::string head =
		dialect_join({"SELECT id, last_seq, flags, low, high FROM ", dialect_conversations(b->db), " WHERE "});
	std::set<marks_key> wanted;
	std::set<uint64_t> others;
	std::vector<cs_db_value> values;

	for (const mark_read *item : b->items)
		if (item->kind == CONVERSATION_PAIR)
			wanted.insert(marks_pair_of(*item));
	const int result = sql_run_many(b->db, {head, "(low = ? AND high = ?)", " OR ", "", 2, true},
	                                marks_values_of(wanted), marks_pair_take, b);
	if (result)
		return result;
	for (const mark_read *item : b->items)
		if (item->kind == CONVERSATION_PAIR && !b->pairs.count(marks_pair_of(*item)))
			others.insert(item->of);
	for (const uint64_t other : others)
		values.push_back(sql_integer(other));
	return sql_run_many(b->db, {"SELECT id FROM account WHERE id IN (", "?", ", ", ")", 1, true}, values,
	                    marks_account_take, b);
}

/* Columns: id, last_seq. */
static int marks_group_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<marks_batch *>(arg)->groups[sql_number_of(columns[0])] = {sql_number_of(columns[0]),
	                                                                      sql_number_of(columns[1]), 0};
	return 0;
}

/* Columns: conversation, account, joined_seq. */
static int marks_member_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<marks_batch *>(arg)->members[{sql_number_of(columns[0]), sql_number_of(columns[1])}] =
		sql_number_of(columns[2]);
	return 0;
}

static int marks_find_groups(marks_batch *b)
{
	const std::string head =
		dialect_join({"SELECT id, last_seq FROM ", dialect_conversations(b->db), " WHERE id IN ("});
	std::set<marks_key> wanted;
	std::set<uint64_t> groups;
	std::vector<cs_db_value> values;

	for (const mark_read *item : b->items)
		if (item->kind == CONVERSATION_GROUP) {
			wanted.insert({item->of, item->account});
			groups.insert(item->of);
		}
	for (const uint64_t group : groups)
		values.push_back(sql_integer(group));
	const int result = sql_run_many(b->db, {head, "?", ", ", ") AND kind = 1 AND members > 0", 1, true}, values,
	                                marks_group_take, b);
	return result ? result
	              : sql_run_many(
				b->db,
				{"SELECT conversation, account, joined_seq FROM member WHERE left_seq IS NULL AND (",
	                         "(conversation = ? AND account = ?)", " OR ", ")", 2, true},
				marks_values_of(wanted), marks_member_take, b);
}

/* Sets the outcome of the item; the conversation, or null. */
static const marks_conversation *marks_judge(const marks_batch *b, mark_read *item)
{
	static constexpr marks_conversation nothing = {};
	const marks_conversation *c = nullptr;

	if (item->kind == CONVERSATION_GROUP) {
		const auto at = b->groups.find(item->of);

		if (at == b->groups.end())
			item->outcome = MODEL_NONE;
		else if (!b->members.count({item->of, item->account}))
			item->outcome = MODEL_NOT_MEMBER;
		else
			c = &at->second;
	} else if (const auto at = b->pairs.find(marks_pair_of(*item)); at != b->pairs.end()) {
		c = &at->second;
	} else if (b->accounts.count(item->of)) {
		c = &nothing;
	} else {
		item->outcome = MODEL_NONE;
	}
	item->is_above = c && item->seq > c->last_seq;
	return item->is_above ? nullptr : c;
}

/* Columns: account, conversation, read_seq, shown_seq. */
static int marks_mark_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<marks_batch *>(arg)->marks[{sql_number_of(columns[0]), sql_number_of(columns[1])}] = {
		sql_number_of(columns[2]), sql_number_of(columns[3]), false};
	return 0;
}

/* flags: 1 low blocks high, 2 high blocks low. */
static bool marks_may_show(const mark_read &item, const marks_conversation &c)
{
	return item.show && item.kind == CONVERSATION_PAIR && item.of != item.account &&
	       !(c.flags & (item.of < item.account ? 1 : 2));
}

/* A member has read what was there before the join. */
static void marks_raise(marks_batch *b, mark_read *item, const marks_conversation &c)
{
	marks_mark *mark = &b->marks[{item->account, c.id}];
	const auto member = b->members.find({c.id, item->account});
	const uint64_t joined_seq = member == b->members.end() ? 0 : member->second;

	item->is_raised = item->seq > std::max(mark->read_seq, joined_seq);
	item->is_shown = marks_may_show(*item, c) && item->seq > mark->shown_seq;
	if (item->is_raised)
		mark->read_seq = item->seq;
	if (item->is_shown)
		mark->shown_seq = item->seq;
	mark->changed = mark->changed || item->is_raised || item->is_shown;
}

/* In the order of the key, so that two writers with the same rows cannot deadlock. */
static int marks_store(const marks_batch *b)
{
	const std::string tail = dialect_or_raise_both(b->db, "account, conversation", "read_seq", "shown_seq");
	std::vector<cs_db_value> values;

	for (const auto &[key, mark] : b->marks)
		if (mark.changed) {
			values.push_back(sql_integer(key.first));
			values.push_back(sql_integer(key.second));
			values.push_back(sql_integer(mark.read_seq));
			values.push_back(sql_integer(mark.shown_seq));
		}
	return sql_run_many(b->db,
	                    {"INSERT INTO mark (account, conversation, read_seq, shown_seq) VALUES ", "(?, ?, ?, ?)",
	                     ", ", tail, 4, true},
	                    values);
}

int mark_read_all(cs_db *db, std::span<mark_read *const> reads)
{
	marks_batch b = {db, reads, {}, {}, {}, {}, {}};
	std::vector<const marks_conversation *> conversations;
	std::set<marks_key> wanted;

	int result = marks_find_pairs(&b);
	if (!result)
		result = marks_find_groups(&b);
	if (result)
		return result;
	for (mark_read *item : reads) {
		item->outcome = 0;
		item->is_above = item->is_raised = item->is_shown = false;
		conversations.push_back(marks_judge(&b, item));
		if (conversations.back())
			wanted.insert({item->account, conversations.back()->id});
	}
	result = sql_run_many(db,
	                      {"SELECT account, conversation, read_seq, shown_seq FROM mark WHERE ",
	                       "(account = ? AND conversation = ?)", " OR ", "", 2, true},
	                      marks_values_of(wanted), marks_mark_take, &b);
	if (result)
		return result;
	for (size_t i = 0; i < reads.size(); i++)
		if (conversations[i])
			marks_raise(&b, reads[i], *conversations[i]);
	return marks_store(&b);
}
