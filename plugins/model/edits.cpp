/* SPDX-License-Identifier: MIT
 * The statements that change messages which were stored before. */
#include "edits.h"

#include <algorithm>
#include <string>

#include "../shared/object.h"
#include "contacts.h"
#include "permit.h"
#include "sql.h"

struct edits_row {
	bool is_there = false;
	uint64_t sender = 0, kind = ENTRY_MESSAGE;
	int64_t created = 0;
	uint64_t edited = 0; /* seq of the last change; 0: none */
	std::string body;
};

static int edits_row_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<edits_row *>(arg) = {true,
	                                  sql_number_of(columns[0]),
	                                  sql_number_of(columns[1]),
	                                  columns[2].integer,
	                                  sql_number_of(columns[3]),
	                                  std::string(sql_text_of(columns[4]))};
	return 1;
}

static int edits_row_find(cs_db *db, uint64_t conversation, uint64_t seq, edits_row *row_r)
{
	*row_r = {};
	return sql_run(db, "SELECT sender, kind, created, edited, body FROM message WHERE conversation = ? AND seq = ?",
	               {sql_integer(conversation), sql_integer(seq)}, edits_row_take, row_r);
}

/* Stores the new frame of the entry seq. */
static int edits_row_store(cs_db *db, const edit_act &act, uint64_t seq, const std::string &body)
{
	const char *text = db->driver->dialect == CS_DB_MYSQL
	                           ? "UPDATE message SET body = ?, edited = ? WHERE conversation = ? AND seq = ?"
	                           : "UPDATE body SET body = ?, edited = ? WHERE id ="
	                             " (SELECT ref FROM entry WHERE conversation = ? AND k = ? AND owner = 0)";

	return sql_run(db, text,
	               {sql_text(body), sql_integer(act.seq), sql_integer(act.conversation), sql_integer(seq)});
}

static int edits_set_recalled(cs_db *db, const edit_act &act)
{
	const char *text = db->driver->dialect == CS_DB_MYSQL
	                           ? "UPDATE message SET kind = 1 WHERE conversation = ? AND seq = ?"
	                           : "UPDATE entry SET kind = 1 WHERE conversation = ? AND k = ? AND owner = 0";

	return sql_run(db, text, {sql_integer(act.conversation), sql_integer(act.of)});
}

/* Its text is in the message no more, so it must not be in the log either. The EDIT may have been purged. */
static int edits_blank_former(cs_db *db, const edit_act &act, uint64_t former)
{
	edits_row row;
	const int result = former ? edits_row_find(db, act.conversation, former, &row) : 0;

	if (result || row.kind != ENTRY_EVENT)
		return result;
	return object_remove(&row.body, "msg") ? CS_DB_FAILED : edits_row_store(db, act, former, row.body);
}

/* ---- who may */

static int edits_judge_no_conversation(cs_db *db, const edit_act &act)
{
	bool is_there = false;
	const int result = act.kind == CONVERSATION_GROUP ? 0
	                                                  : sql_run(db, "SELECT 1 FROM account WHERE id = ?",
	                                                            {sql_integer(act.to)}, sql_row_exists, &is_there);

	if (!result && !is_there)
		return MODEL_NONE;
	return result ? result : EDIT_NO_MESSAGE;
}

/* Finds the message and what the actor may do in its conversation. Whoever is no member learns nothing of it. */
static int edits_begin(cs_db *db, const edit_act &act, permit *permit_r, edits_row *row_r)
{
	int result;

	if (!act.conversation)
		return edits_judge_no_conversation(db, act);
	result = permit_find(db, act.conversation, act.actor, permit_r);
	if (!result && !permit_r->is_member)
		result = MODEL_NOT_MEMBER;
	if (!result)
		result = edits_row_find(db, act.conversation, act.of, row_r);
	if (result)
		return result;
	return row_r->is_there && row_r->kind < ENTRY_EVENT ? 0 : EDIT_NO_MESSAGE;
}

static bool edits_is_late(const edit_act &act, const edits_row &row)
{
	return act.now - row.created >= act.window;
}

static bool edits_is_same_text(std::string_view stored, std::string_view msg)
{
	return stored == msg || (!stored.empty() && object_text(stored) == object_text(msg));
}

/* The rule of CHAT and GROUP_CHAT. */
static int edits_judge_writing(cs_db *db, const edit_act &act, const permit &p)
{
	return act.kind == CONVERSATION_PAIR ? pair_judge(db, act.actor, act.to, act.strangers_may)
	                                     : permit_write(p, act.now);
}

static int edits_judge_edit(cs_db *db, const edit_act &act, const edits_row &row, const permit &p, std::string_view msg)
{
	std::string_view stored;

	if (row.kind != ENTRY_MESSAGE)
		return EDIT_NO_MESSAGE;
	if (row.sender != act.actor)
		return EDIT_NOT_SENDER;
	if (object_find(row.body, "msg", &stored))
		return CS_DB_FAILED;
	if (edits_is_same_text(stored, msg))
		return EDIT_IS_THERE;
	return edits_is_late(act, row) ? EDIT_TOO_LATE : edits_judge_writing(db, act, p);
}

static int edits_judge_recall(const edit_act &act, const edits_row &row, const permit &p)
{
	if (row.sender != act.actor && !p.is_admin)
		return EDIT_NOT_SENDER;
	if (row.kind == ENTRY_RECALLED)
		return EDIT_IS_THERE;
	return !p.is_admin && edits_is_late(act, row) ? EDIT_TOO_LATE : 0;
}

/* ---- the changes */

int edit_message(cs_db *db, const edit_act &act, std::string_view msg, size_t most, int64_t *muted_r)
{
	edits_row row;
	permit p;
	std::string body;
	int result = edits_begin(db, act, &p, &row);

	*muted_r = p.muted;
	if (!result)
		result = edits_judge_edit(db, act, row, p, msg);
	if (result)
		return result;
	body = row.body;
	if (object_set(&body, "msg", msg) || object_set(&body, "edited", std::to_string(act.seq)))
		return CS_DB_FAILED;
	if (body.size() > std::max(most, row.body.size()))
		return EDIT_TOO_LONG;
	result = edits_row_store(db, act, act.of, body);
	return result ? result : edits_blank_former(db, act, row.edited);
}

int edit_recall(cs_db *db, const edit_act &act)
{
	edits_row row;
	permit p;
	int result = edits_begin(db, act, &p, &row);

	if (!result)
		result = edits_judge_recall(act, row, p);
	if (result)
		return result;
	const char *to = act.kind == CONVERSATION_GROUP ? "groupid" : "toid"; /* the other may hold anything */
	if (object_keep(&row.body, {"msgid", "id", "name", to, "msg", "time", "cid"}) ||
	    object_set(&row.body, "msg", "\"\"") || object_set(&row.body, "recalled", std::to_string(act.seq)))
		return CS_DB_FAILED;
	result = edits_row_store(db, act, act.of, row.body);
	if (!result)
		result = edits_set_recalled(db, act);
	return result ? result : edits_blank_former(db, act, row.edited);
}
