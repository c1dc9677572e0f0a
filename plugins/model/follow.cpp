/* SPDX-License-Identifier: MIT
 * The statements about what followers were not told of. */
#include "follow.h"

#include <algorithm>

#include "dialect.h"
#include "sql.h"

static cs_db_value follow_time(int64_t ms)
{
	return {CS_DB_INTEGER, ms, nullptr, 0};
}

int follow_note(cs_db *db, const follow_appended &appended, uint64_t node, int64_t until)
{
	const std::string tail = dialect_or_nothing(db, "name");
	std::vector<cs_db_value> values;

	for (const auto &[key, before] : appended) {
		values.push_back(sql_text(key.first));
		values.push_back(sql_integer(key.second));
		values.push_back(sql_integer(before));
		values.push_back(sql_integer(node));
		values.push_back(follow_time(until));
	}
	return sql_run_many(db,
	                    {"INSERT INTO follower (name, conversation, seq, node, until) VALUES ", "(?, ?, ?, ?, ?)",
	                     ", ", tail, 5, true},
	                    values);
}

/* ---- reading */

static int follow_row_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<follow_row> *>(arg)->push_back(
		{sql_number_of(columns[0]), sql_number_of(columns[1]), sql_number_of(columns[2]), columns[3].integer,
	         columns[4].integer ? CONVERSATION_GROUP : CONVERSATION_PAIR, sql_number_of(columns[5]),
	         sql_number_of(columns[6])});
	return 0;
}

int follow_read(cs_db *db, std::string_view name, std::span<const uint64_t> conversations,
                std::vector<follow_row> *rows_r)
{
	std::vector<cs_db_value> values;

	rows_r->clear();
	for (const uint64_t conversation : conversations) {
		values.push_back(sql_text(name));
		values.push_back(sql_integer(conversation));
	}
	const int result = sql_run_many(db,
	                                {"SELECT f.conversation, f.seq, f.node, f.until, c.kind, c.low, c.high"
	                                 " FROM follower f JOIN conversation c ON c.id = f.conversation WHERE ",
	                                 "(f.name = ? AND f.conversation = ?)", " OR ", "", 2, true},
	                                values, follow_row_take, rows_r);
	return result;
}

static int follow_conversation_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

int follow_find(cs_db *db, std::string_view name, uint64_t after, uint64_t node, int64_t now, size_t most,
                std::vector<uint64_t> *conversations_r)
{
	conversations_r->clear();
	return sql_run(
		db,
		"SELECT conversation FROM follower WHERE name = ? AND conversation > ? AND (node = ? OR until < ?)"
		" ORDER BY conversation LIMIT ?",
		{sql_text(name), sql_integer(after), sql_integer(node), follow_time(now), sql_integer(most)},
		follow_conversation_take, conversations_r);
}

int follow_take(cs_db *db, std::string_view name, std::span<const uint64_t> conversations, uint64_t node, int64_t now,
                int64_t until)
{
	int result = 0;

	for (size_t i = 0; i < conversations.size() && !result; i++)
		result = sql_run(db,
		                 "UPDATE follower SET node = ?, until = ?"
		                 " WHERE name = ? AND conversation = ? AND (node = ? OR until < ?)",
		                 {sql_integer(node), follow_time(until), sql_text(name), sql_integer(conversations[i]),
		                  sql_integer(node), follow_time(now)});
	return result;
}

/* ---- confirming */

/* Locks the row: an entry that others append meanwhile finds it, or makes it anew. */
static int follow_lock(cs_db *db, std::string_view name, uint64_t conversation, uint64_t node, bool *is_there_r)
{
	const std::string text = dialect_join(
		{"SELECT 1 FROM follower WHERE name = ? AND conversation = ? AND node = ?", dialect_for_update(db)});

	*is_there_r = false;
	return sql_run(db, text.c_str(), {sql_text(name), sql_integer(conversation), sql_integer(node)}, sql_row_exists,
	               is_there_r);
}

static int follow_last_seq(cs_db *db, uint64_t conversation, uint64_t *seq_r)
{
	const std::string text = dialect_join({"SELECT last_seq FROM ", dialect_conversations(db), " WHERE id = ?"});

	*seq_r = 0;
	return sql_run(db, text.c_str(), {sql_integer(conversation)}, sql_row_number, seq_r);
}

static int follow_confirm_one(cs_db *db, std::string_view name, follow_confirmation *c, uint64_t node, int64_t until)
{
	bool is_there = false;
	uint64_t last_seq = 0;
	int result = follow_lock(db, name, c->conversation, node, &is_there);

	c->is_over = false;
	c->is_lost = !is_there;
	if (!result && is_there && c->seq)
		result = follow_last_seq(db, c->conversation, &last_seq);
	if (result || !is_there)
		return result;
	c->is_over = c->seq && last_seq <= c->seq;
	if (c->is_over)
		return sql_run(db, "DELETE FROM follower WHERE name = ? AND conversation = ?",
		               {sql_text(name), sql_integer(c->conversation)});
	const std::string text = dialect_join(
		{"UPDATE follower SET until = ?, seq = ", db->driver->dialect == CS_DB_MYSQL ? "GREATEST" : "MAX",
	         "(seq, ?) WHERE name = ? AND conversation = ?"});

	return sql_run(db, text.c_str(),
	               {follow_time(until), sql_integer(c->seq), sql_text(name), sql_integer(c->conversation)});
}

int follow_confirm(cs_db *db, std::string_view name, std::span<follow_confirmation *const> confirmations, uint64_t node,
                   int64_t until)
{
	std::vector<follow_confirmation *> sorted(confirmations.begin(), confirmations.end());
	int result = 0;

	std::sort(sorted.begin(), sorted.end(), [](const follow_confirmation *a, const follow_confirmation *b) {
		return a->conversation < b->conversation;
	});
	for (size_t i = 0; i < sorted.size() && !result; i++)
		result = follow_confirm_one(db, name, sorted[i], node, until);
	return result;
}
