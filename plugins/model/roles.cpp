/* SPDX-License-Identifier: MIT
 * The statements that change members and groups, with the rules for who may do it. */
#include "roles.h"

#include <string>

#include "sql.h"

/* A row of the table member, or none. */
struct role_row {
	bool there, is_member, banned;
	group_role role;
	int64_t muted;
};

/* The group, the actor, and the account that the change is about. */
struct role_state {
	bool there;
	uint64_t members;
	int64_t muted;
	role_row actor, other;
};

static role_row roles_row_of(const cs_db_value *columns)
{
	const bool there = columns[0].type != CS_DB_NULL;

	return {there, there && columns[1].type == CS_DB_NULL, columns[2].integer != 0,
	        group_role_of(sql_number_of(columns[0])), columns[3].integer};
}

static int roles_state_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<role_state *>(arg) = {true, sql_number_of(columns[0]), columns[1].integer,
	                                   roles_row_of(columns + 2), roles_row_of(columns + 6)};
	return 1;
}

/* MODEL_NONE, MODEL_NOT_MEMBER (the actor is none), or 0. In the last two cases *state_r is set. */
static int roles_read(cs_db *db, const group_act &act, uint64_t account, role_state *state_r)
{
	*state_r = {};
	const int result = sql_run(db,
	                           "SELECT c.members, c.muted, a.role, a.left_seq, a.banned, a.muted,"
	                           " o.role, o.left_seq, o.banned, o.muted FROM conversation c"
	                           " LEFT JOIN member a ON a.conversation = c.id AND a.account = ?"
	                           " LEFT JOIN member o ON o.conversation = c.id AND o.account = ?"
	                           " WHERE c.id = ? AND c.kind = 1 AND c.members > 0",
	                           {sql_integer(act.actor), sql_integer(account), sql_integer(act.group)},
	                           roles_state_take, state_r);

	if (result)
		return result;
	if (!state_r->there)
		return MODEL_NONE;
	return state_r->actor.is_member ? 0 : MODEL_NOT_MEMBER;
}

static bool roles_is_admin(const role_row &row)
{
	return row.role != GROUP_NORMAL;
}

/* ---- REMOVE_MEMBER */

/* *there_r: whether there was an invitation. */
static int roles_delete_invitation(cs_db *db, uint64_t group, uint64_t account, bool *there_r)
{
	const int result = sql_run(db, "DELETE FROM invitation WHERE conversation = ? AND account = ?",
	                           {sql_integer(group), sql_integer(account)});

	*there_r = !result && db->driver->affected(db) > 0;
	return result;
}

/* The name of a group that has ended is free for another. Who was banned without having been in it keeps no row. */
static int roles_end_group(cs_db *db, uint64_t group)
{
	int result = sql_run(db, "UPDATE conversation SET members = 0, name = NULL WHERE id = ?", {sql_integer(group)});

	if (!result)
		result = sql_run(db, "DELETE FROM invitation WHERE conversation = ?", {sql_integer(group)});
	if (!result)
		result =
			sql_run(db, "DELETE FROM member WHERE conversation = ? AND left_seq = 0", {sql_integer(group)});
	return result;
}

static int roles_end_membership(cs_db *db, const group_act &act, uint64_t account, bool ban, uint64_t members)
{
	const int result = sql_run(
		db, "UPDATE member SET role = 0, left_seq = ?, banned = ? WHERE conversation = ? AND account = ?",
		{sql_integer(act.seq), sql_integer(ban), sql_integer(act.group), sql_integer(account)});

	if (result)
		return result;
	if (members == 1)
		return roles_end_group(db, act.group);
	return sql_run(db, "UPDATE conversation SET members = members - 1 WHERE id = ?", {sql_integer(act.group)});
}

/* Who is no member and leaves declines an invitation, or has left before. */
static int roles_leave(cs_db *db, const group_act &act, bool ban, const role_state &state, bool *left_r)
{
	bool invited = false;

	if (ban)
		return GROUP_NOT_ALLOWED;
	if (!state.actor.is_member) {
		const int result = roles_delete_invitation(db, act.group, act.actor, &invited);
		return result ? result : invited ? GROUP_NO_ENTRY : GROUP_IS_THERE;
	}
	if (state.actor.role == GROUP_CREATOR && state.members > 1)
		return GROUP_HAND_OVER;
	*left_r = true;
	return roles_end_membership(db, act, act.actor, false, state.members);
}

/* 0 or GROUP_NO_ACCOUNT. */
static int roles_check_account(cs_db *db, uint64_t account)
{
	bool there = false;
	const int result = sql_run(db, "SELECT 1 FROM account WHERE id = ? AND locked < 2", {sql_integer(account)},
	                           sql_row_exists, &there);

	if (result)
		return result;
	return there ? 0 : GROUP_NO_ACCOUNT;
}

/* No entry is the account's: joined_seq < seq <= left_seq is never true. */
static int roles_ban_stranger(cs_db *db, uint64_t group, uint64_t account)
{
	const int result = roles_check_account(db, account);

	if (result)
		return result;
	return sql_run(db,
	               "INSERT INTO member (conversation, account, role, joined_seq, left_seq, banned)"
	               " VALUES (?, ?, 0, 0, 0, 1)",
	               {sql_integer(group), sql_integer(account)});
}

static int roles_ban(cs_db *db, uint64_t group, uint64_t account, const role_row &other)
{
	bool invited = false;
	const int result = roles_delete_invitation(db, group, account, &invited);

	if (result)
		return result;
	if (!other.there)
		return roles_ban_stranger(db, group, account);
	return sql_run(db, "UPDATE member SET banned = 1 WHERE conversation = ? AND account = ?",
	               {sql_integer(group), sql_integer(account)});
}

/* Nothing is to be done for who is no member and not invited, if there is such an account. */
static int roles_take_back(cs_db *db, const group_act &act, uint64_t account, const role_state &state)
{
	bool invited = false;
	int result = sql_run(db, "SELECT 1 FROM invitation WHERE conversation = ? AND account = ?",
	                     {sql_integer(act.group), sql_integer(account)}, sql_row_exists, &invited);

	if (!result && !invited && !state.other.there)
		result = roles_check_account(db, account);
	if (result)
		return result;
	if (!invited)
		return GROUP_IS_THERE;
	if (!roles_is_admin(state.actor))
		return GROUP_NOT_ALLOWED;
	result = roles_delete_invitation(db, act.group, account, &invited);
	return result ? result : GROUP_NO_ENTRY;
}

/* The account is no member. */
static int roles_remove_stranger(cs_db *db, const group_act &act, uint64_t account, bool ban, const role_state &state)
{
	if (!ban)
		return roles_take_back(db, act, account, state);
	if (state.other.banned)
		return GROUP_IS_THERE;
	return roles_is_admin(state.actor) ? roles_ban(db, act.group, account, state.other) : GROUP_NOT_ALLOWED;
}

int group_remove_member(cs_db *db, const group_act &act, uint64_t account, bool ban, bool *left_r)
{
	role_state state;
	const int result = roles_read(db, act, account, &state);

	*left_r = false;
	if (act.actor == account && (!result || result == MODEL_NOT_MEMBER))
		return roles_leave(db, act, ban, state, left_r);
	if (result)
		return result;
	if (!state.other.is_member)
		return roles_remove_stranger(db, act, account, ban, state);
	if (!group_role_is_above(state.actor.role, state.other.role))
		return GROUP_NOT_ALLOWED;
	*left_r = true;
	return roles_end_membership(db, act, account, ban, state.members);
}

/* ---- SET_ROLE */

static int roles_set(cs_db *db, uint64_t group, uint64_t account, group_role role)
{
	return sql_run(db, "UPDATE member SET role = ? WHERE conversation = ? AND account = ?",
	               {sql_integer(role), sql_integer(group), sql_integer(account)});
}

/* Nobody is above the creator to end a mute. */
static int roles_hand_over(cs_db *db, const group_act &act, uint64_t account)
{
	const int result = roles_set(db, act.group, act.actor, GROUP_ADMIN);

	if (result)
		return result;
	return sql_run(db, "UPDATE member SET role = 1, muted = 0 WHERE conversation = ? AND account = ?",
	               {sql_integer(act.group), sql_integer(account)});
}

int group_set_role(cs_db *db, const group_act &act, uint64_t account, group_role role)
{
	role_state state;
	const int result = roles_read(db, act, account, &state);

	if (result)
		return result;
	if (state.other.is_member && state.other.role == role)
		return GROUP_IS_THERE;
	if (state.actor.role != GROUP_CREATOR)
		return GROUP_NOT_ALLOWED;
	if (!state.other.is_member)
		return GROUP_NO_MEMBER;
	if (account == act.actor)
		return GROUP_HAND_OVER;
	return role == GROUP_CREATOR ? roles_hand_over(db, act, account) : roles_set(db, act.group, account, role);
}

/* ---- MUTE */

/* A time that is over mutes nobody. */
static bool roles_mutes_alike(int64_t until, int64_t other, int64_t now)
{
	return until == other || (until <= now && other <= now);
}

int group_mute(cs_db *db, const group_act &act, uint64_t account, int64_t until)
{
	role_state state;
	const int result = roles_read(db, act, account, &state);

	if (result)
		return result;
	if (!account) {
		if (roles_mutes_alike(state.muted, until, act.now))
			return GROUP_IS_THERE;
		if (!roles_is_admin(state.actor))
			return GROUP_NOT_ALLOWED;
		return sql_run(db, "UPDATE conversation SET muted = ? WHERE id = ?",
		               {sql_integer(static_cast<uint64_t>(until)), sql_integer(act.group)});
	}
	if (state.other.is_member && roles_mutes_alike(state.other.muted, until, act.now))
		return GROUP_IS_THERE;
	if (!roles_is_admin(state.actor))
		return GROUP_NOT_ALLOWED;
	if (!state.other.is_member)
		return GROUP_NO_MEMBER;
	if (!group_role_is_above(state.actor.role, state.other.role))
		return GROUP_NOT_ALLOWED;
	return sql_run(db, "UPDATE member SET muted = ? WHERE conversation = ? AND account = ?",
	               {sql_integer(static_cast<uint64_t>(until)), sql_integer(act.group), sql_integer(account)});
}

/* ---- SET_GROUP */

struct settings_row {
	std::string name, description;
	bool invite_only, history_all;
};

static int roles_settings_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<settings_row *>(arg) = {std::string(sql_text_of(columns[0])), std::string(sql_text_of(columns[1])),
	                                     columns[2].integer != 0, columns[3].integer != 0};
	return 1;
}

int group_change(cs_db *db, const group_act &act, const group_settings &settings)
{
	role_state state;
	settings_row row = {};
	int result = roles_read(db, act, act.actor, &state);

	if (!result)
		result =
			sql_run(db, "SELECT name, description, invite_only, history_all FROM conversation WHERE id = ?",
		                {sql_integer(act.group)}, roles_settings_take, &row);
	if (result)
		return result;
	const std::string_view name = settings.name.value_or(row.name),
			       description = settings.description.value_or(row.description);
	const bool invite_only = settings.invite_only.value_or(row.invite_only),
		   history_all = settings.history_all.value_or(row.history_all);
	if (name == row.name && description == row.description && invite_only == row.invite_only &&
	    history_all == row.history_all)
		return GROUP_IS_THERE;
	if (!roles_is_admin(state.actor))
		return GROUP_NOT_ALLOWED;
	result = sql_run(db,
	                 "UPDATE conversation SET name = ?, description = ?, invite_only = ?, history_all = ?"
	                 " WHERE id = ?",
	                 {sql_text(name), sql_text(description), sql_integer(invite_only), sql_integer(history_all),
	                  sql_integer(act.group)});
	return result == CS_DB_DUPLICATE ? MODEL_TAKEN : result;
}
