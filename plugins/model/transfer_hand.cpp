/* SPDX-License-Identifier: MIT
 * Reads lines that somebody wrote by hand. They name accounts and groups, and the server numbers what they bring, in
 * the order of the lines. */
#include "transfer_reader.h"

#include <algorithm>
#include <initializer_list>

#include <chatserverd/msgid.h>

#include "../shared/field.h"
#include "../shared/name.h"
#include "contacts.h"
#include "dialect.h"
#include "groups.h"
#include "sql.h"
#include "transfer_tables.h"
#include "users.h"

static constexpr size_t transfer_description_most = 200; /* characters, as CREATE_GROUP takes them */
static constexpr size_t transfer_text_most = 60 * 1024; /* bytes of a message */
static constexpr size_t transfer_cid_most = 64; /* bytes */

bool transfer_is_by_hand(const transfer_members &members, std::string_view kind)
{
	return kind == "friend" || kind == "group" || (kind == "member" && members.contains("group")) ||
	       (kind == "account" && !members.contains("id"));
}

/* ---- members */

/* A word that is written wrongly would be lost silently. */
static int transfer_hand_check(const transfer_reader *r, const transfer_members &members,
                               std::initializer_list<std::string_view> known)
{
	for (const auto &[key, value] : members)
		if (key != "kind" && std::find(known.begin(), known.end(), key) == known.end())
			return transfer_refuse(r, std::string(key) + " is no member of such a line");
	return 0;
}

static int transfer_hand_text(const transfer_reader *r, const transfer_members &members, std::string_view key,
                              std::string *text_r)
{
	if (transfer_get_text(members, key, text_r))
		return 0;
	return transfer_refuse(r, std::string(key) + (members.contains(key) ? " must be a text" : " is missing"));
}

/* Milliseconds since 1970; without the member: missing. */
static int transfer_hand_time(const transfer_reader *r, const transfer_members &members, int64_t missing,
                              int64_t *time_r)
{
	*time_r = missing;
	if (!members.contains("created"))
		return 0;
	if (!transfer_get_number(members, "created", time_r) || *time_r < 0)
		return transfer_refuse(r, "created must be a time: milliseconds since 1970");
	return 0;
}

/* By its name or its number. */
static int transfer_hand_account(const transfer_reader *r, const transfer_members &members, std::string_view key,
                                 user *user_r)
{
	const std::string what(key);
	std::string name;
	int64_t id = 0;
	int result;

	if (!members.contains(key))
		return transfer_refuse(r, what + " is missing");
	if (transfer_get_text(members, key, &name))
		result = user_find_name(r->db, name, user_r);
	else if (transfer_get_number(members, key, &id) && id > 0)
		result = user_find(r->db, static_cast<uint64_t>(id), user_r);
	else
		return transfer_refuse(r, what + " must be the name or the number of an account");
	if (result < 0)
		return result;
	if (result == MODEL_NONE || user_r->locked >= USER_ERASING)
		return transfer_refuse(r, what + ": there is no account " +
		                                  (name.empty() ? std::to_string(id) : "\"" + name + "\""));
	return 0;
}

/* By its name or its number. tail: empty, or locks the group. */
static int transfer_hand_group(const transfer_reader *r, const transfer_members &members, std::string_view tail,
                               uint64_t *group_r)
{
	const std::string by_name = dialect_join({"SELECT id FROM conversation WHERE name = ? AND kind = 1", tail}),
			  by_id = dialect_join(
				  {"SELECT id FROM conversation WHERE id = ? AND kind = 1 AND members > 0", tail});
	std::string name;
	int64_t id = 0;
	int result;

	*group_r = 0;
	if (transfer_get_text(members, "group", &name))
		result = sql_run(r->db, by_name.c_str(), {sql_text(name)}, sql_row_number, group_r);
	else if (transfer_get_number(members, "group", &id) && id > 0)
		result = sql_run(r->db, by_id.c_str(), {sql_integer(static_cast<uint64_t>(id))}, sql_row_number,
		                 group_r);
	else
		return transfer_refuse(r, "group must be the name or the number of a group");
	if (!result && !*group_r)
		return transfer_refuse(r,
		                       "there is no group " + (name.empty() ? std::to_string(id) : "\"" + name + "\""));
	return result;
}

static int transfer_hand_name(const transfer_reader *r, const transfer_members &members, std::string *name_r)
{
	if (const int result = transfer_hand_text(r, members, "name", name_r))
		return result;
	if (const name_fault *fault = name_judge(*name_r))
		return transfer_refuse(r, std::string("name ") + fault->text);
	return 0;
}

static void transfer_hand_count(const transfer_reader *r, bool is_added)
{
	(is_added ? r->batch->added : r->batch->skipped)++;
}

/* ---- account */

bool transfer_is_hash(std::string_view text)
{
	return text.empty() || text.starts_with('$');
}

/* Who is there keeps the password: it may have been changed. */
static int transfer_hand_read_account(const transfer_reader *r, const transfer_members &members)
{
	std::string name, password;
	int64_t created = 0;
	uint64_t id = 0;
	user there;
	int result = transfer_hand_check(r, members, {"name", "password", "created"});

	if (!result)
		result = transfer_hand_name(r, members, &name);
	if (!result && members.contains("password"))
		result = transfer_hand_text(r, members, "password", &password);
	if (!result && !transfer_is_hash(password))
		result = transfer_refuse(r, "password must be a hash here");
	if (!result)
		result = transfer_hand_time(r, members, r->batch->now, &created);
	if (result)
		return result;
	result = user_find_name(r->db, name, &there);
	if (result < 0)
		return result;
	if (result == 0 && there.locked >= USER_ERASING)
		return transfer_refuse(r, "the name is that of an account that was erased");
	const bool is_new = result == MODEL_NONE;
	result = is_new ? user_insert(r->db, name, password, created, &id) : 0;
	if (result == MODEL_TAKEN)
		return transfer_refuse(r, "the name is taken");
	transfer_hand_count(r, is_new);
	return result;
}

/* ---- friend */

static int transfer_hand_read_friend(const transfer_reader *r, const transfer_members &members)
{
	user account, other;
	contact_change change;
	int result = transfer_hand_check(r, members, {"account", "other"});

	if (!result)
		result = transfer_hand_account(r, members, "account", &account);
	if (!result)
		result = transfer_hand_account(r, members, "other", &other);
	if (!result && account.id == other.id)
		result = transfer_refuse(r, "nobody is on the own list");
	if (result)
		return result;
	change.account = account.id;
	change.other = other.id;
	change.listed = true;
	result = contact_set(r->db, &change, {});
	if (result > 0)
		return transfer_refuse(r, "one of the two accounts is not there any more");
	transfer_hand_count(r, change.is_changed);
	return result;
}

/* ---- group */

/* Whether the account is or was a member. */
static int transfer_hand_find_member(const transfer_reader *r, uint64_t group, uint64_t account, bool *is_there_r)
{
	*is_there_r = false;
	return sql_run(r->db, "SELECT 1 FROM member WHERE conversation = ? AND account = ?",
	               {sql_integer(group), sql_integer(account)}, sql_row_exists, is_there_r);
}

/* The creator may have handed the group over since, and may have left it. */
static int transfer_hand_compare_group(const transfer_reader *r, uint64_t group, uint64_t creator)
{
	bool is_there = false;
	const int result = transfer_hand_find_member(r, group, creator, &is_there);

	if (!result && !is_there)
		return transfer_refuse(r, "the store has a group of this name, which somebody else has made");
	transfer_hand_count(r, false);
	return result;
}

static int transfer_hand_read_group(const transfer_reader *r, const transfer_members &members)
{
	std::string name, description;
	int64_t created = 0;
	uint64_t group = 0;
	user creator;
	int result = transfer_hand_check(r, members, {"name", "creator", "description", "created"});

	if (!result)
		result = transfer_hand_name(r, members, &name);
	if (!result)
		result = transfer_hand_account(r, members, "creator", &creator);
	if (!result && members.contains("description"))
		result = transfer_hand_text(r, members, "description", &description);
	if (!result && text_characters(description) > transfer_description_most)
		result = transfer_refuse(r, "description must have at most 200 characters");
	if (!result)
		result = transfer_hand_time(r, members, r->batch->now, &created);
	if (!result)
		result = sql_run(r->db, "SELECT id FROM conversation WHERE name = ? AND kind = 1", {sql_text(name)},
		                 sql_row_number, &group);
	if (result)
		return result;
	if (group)
		return transfer_hand_compare_group(r, group, creator.id);
	result = group_create(r->db, creator.id, name, description, &group, {}, created);
	if (result > 0)
		return transfer_refuse(r, "the name is taken, or the creator is not there any more");
	transfer_hand_count(r, true);
	return result;
}

/* ---- member */

/* It sees what comes behind its line. The group is locked. */
static int transfer_hand_join(const transfer_reader *r, uint64_t group, uint64_t account, int64_t role, int64_t joined)
{
	uint64_t last = 0;
	int result = sql_run(r->db, "SELECT seq FROM message WHERE conversation = ? ORDER BY seq DESC LIMIT 1",
	                     {sql_integer(group)}, sql_row_number, &last);

	if (!result)
		result = sql_run(
			r->db,
			"INSERT INTO member (conversation, account, role, joined_seq, joined) VALUES (?, ?, ?, ?, ?)",
			{sql_integer(group), sql_integer(account), sql_integer(static_cast<uint64_t>(role)),
		         sql_integer(last), sql_integer(static_cast<uint64_t>(joined))});
	return result ? result
	              : sql_run(r->db, "UPDATE conversation SET members = members + 1 WHERE id = ?",
	                        {sql_integer(group)});
}

/* Who has left the group stays away. */
static int transfer_hand_read_member(const transfer_reader *r, const transfer_members &members)
{
	int64_t role = GROUP_NORMAL, joined = 0;
	uint64_t group = 0;
	bool is_there = false;
	user account;
	int result = transfer_hand_check(r, members, {"group", "account", "role", "created"});

	if (!result && members.contains("role") &&
	    (!transfer_get_number(members, "role", &role) || (role != GROUP_NORMAL && role != GROUP_ADMIN)))
		result = transfer_refuse(r, "role must be 0, normal, or 2, admin");
	if (!result)
		result = transfer_hand_time(r, members, r->batch->now, &joined);
	if (!result)
		result = transfer_hand_account(r, members, "account", &account);
	if (!result)
		result = user_keep(r->db, account.id);
	if (result == MODEL_NONE)
		return transfer_refuse(r, "the account is not there any more");
	if (!result)
		result = transfer_hand_group(r, members, dialect_for_update(r->db), &group);
	if (!result)
		result = transfer_hand_find_member(r, group, account.id, &is_there);
	if (result)
		return result;
	result = is_there ? 0 : transfer_hand_join(r, group, account.id, role, joined);
	transfer_hand_count(r, !is_there);
	return result;
}

int transfer_hand_read(const transfer_reader *r, const transfer_members &members, std::string_view kind)
{
	if (kind == "account")
		return transfer_hand_read_account(r, members);
	if (kind == "friend")
		return transfer_hand_read_friend(r, members);
	return kind == "group" ? transfer_hand_read_group(r, members) : transfer_hand_read_member(r, members);
}

/* ---- message */

/* As CHAT and GROUP_CHAT send it. cid: empty, or the frame's, by which a purge finds what SQLite keeps of it. */
static std::string transfer_frame(const message_append &append, std::string_view name, std::string_view text,
                                  std::string_view cid)
{
	const bool is_group = append.kind == CONVERSATION_GROUP;
	std::string frame = "{\"msgid\":" + std::to_string(append.msgid) + ",\"id\":" + std::to_string(append.sender) +
	                    ",\"name\":";

	transfer_quote(&frame, name);
	frame += (is_group ? ",\"groupid\":" : ",\"toid\":") + std::to_string(append.to) + ",\"msg\":";
	transfer_quote(&frame, text);
	if (!cid.empty()) {
		frame += ",\"cid\":";
		transfer_quote(&frame, cid);
	}
	return frame + "}";
}

/* The conversation, as the sender has it. */
static int transfer_message_to(const transfer_reader *r, const transfer_members &members, message_append *append)
{
	user to;

	append->kind = members.contains("group") ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	append->msgid = append->kind == CONVERSATION_GROUP ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT;
	if (members.contains("to") == members.contains("group"))
		return transfer_refuse(r, "one of to and group must be there");
	if (append->kind == CONVERSATION_GROUP)
		return transfer_hand_group(r, members, "", &append->to);
	const int result = transfer_hand_account(r, members, "to", &to);
	append->to = to.id;
	return result;
}

int transfer_message_parse(const transfer_reader *r, const transfer_members &members, transfer_message *message_r)
{
	std::string text;
	user from;
	int result = transfer_hand_check(r, members, {"from", "to", "group", "created", "text", "cid"});

	message_r->line = r->line;
	if (!result && !members.contains("created"))
		result = transfer_refuse(r, "created is missing");
	if (!result)
		result = transfer_hand_time(r, members, 0, &message_r->created);
	message_r->append.created = message_r->created;
	if (!result)
		result = transfer_hand_text(r, members, "text", &text);
	if (!result && text.size() > transfer_text_most)
		result = transfer_refuse(r, "text must have at most 61440 bytes");
	if (!result && members.contains("cid"))
		result = transfer_hand_text(r, members, "cid", &message_r->cid);
	if (!result && message_r->cid.size() > transfer_cid_most)
		result = transfer_refuse(r, "a cid has at most 64 bytes");
	if (!result)
		result = transfer_hand_account(r, members, "from", &from);
	message_r->append.sender = from.id;
	if (!result)
		result = transfer_message_to(r, members, &message_r->append);
	message_r->body = transfer_frame(message_r->append, from.name, text, message_r->cid);
	return result;
}

struct transfer_twin {
	const transfer_message *message;
	bool is_same = false;
};

/* Columns: kind, created, edited, body. What was changed or taken back since is the same message. */
static int transfer_twin_take(void *arg, const cs_db_value *columns, size_t)
{
	auto *twin = static_cast<transfer_twin *>(arg);

	twin->is_same =
		columns[0].integer != ENTRY_MESSAGE || columns[2].type != CS_DB_NULL ||
		(columns[1].integer == twin->message->created && sql_text_of(columns[3]) == twin->message->body);
	return 1;
}

static int transfer_message_compare(const transfer_reader *r, const transfer_message &message)
{
	const message_append &append = message.append;
	transfer_twin twin = {&message};
	const int result =
		sql_run(r->db, "SELECT kind, created, edited, body FROM message WHERE conversation = ? AND seq = ?",
	                {sql_integer(append.conversation), sql_integer(append.seq)}, transfer_twin_take, &twin);

	if (!result && !twin.is_same)
		return transfer_refuse(r, "the store has another message of this sender with this cid");
	return result;
}

static int transfer_message_judge(const transfer_reader *r, const transfer_message &message)
{
	const message_append &append = message.append;

	switch (append.outcome) {
	case 0: break;
	case MODEL_NOT_MEMBER: return transfer_refuse(r, "the sender is no member of the group");
	case MODEL_MUTED: return transfer_refuse(r, "the sender may not write in the group now: it is muted");
	case MODEL_UNWANTED: return transfer_refuse(r, "the other account blocks the sender");
	case MODEL_OTHER_CID: return transfer_refuse(r, "the store has something else with this cid");
	default: return transfer_refuse(r, "there is no such account or group any more");
	}
	transfer_hand_count(r, !append.repeated);
	return append.repeated ? transfer_message_compare(r, message) : 0;
}

int transfer_messages_store(transfer_reader *r, std::vector<transfer_message> *messages)
{
	std::vector<message_append *> appends;

	for (transfer_message &message : *messages) {
		message.append.cid = message.cid;
		message.append.body = message.body;
		appends.push_back(&message.append);
	}
	int result = message_append_all(r->db, appends, true);
	for (size_t i = 0; !result && i < messages->size(); i++) {
		r->line = (*messages)[i].line;
		result = transfer_message_judge(r, (*messages)[i]);
	}
	return result;
}
