/* SPDX-License-Identifier: MIT
 * The statements on the table invitation. */
#include "invitations.h"

#include <string>

#include "contacts.h"
#include "dialect.h"
#include "sql.h"
#include "users.h"

struct invitation_state {
	bool there, invite_only;
	bool actor_is_member;
	group_role actor_role;
	bool account_there, is_member, is_banned, is_invited, is_unwanted;
};

static int invitations_state_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<invitation_state *>(arg) = {
		true,
		columns[0].integer != 0,
		columns[1].type != CS_DB_NULL,
		group_role_of(sql_number_of(columns[1])),
		columns[2].type != CS_DB_NULL,
		columns[3].type != CS_DB_NULL && columns[4].type == CS_DB_NULL,
		columns[3].integer != 0,
		columns[5].type != CS_DB_NULL,
		false,
	};
	return 1;
}

/* Accounts are locked before conversations everywhere. */
static int invitations_read(cs_db *db, const group_act &act, uint64_t account, invitation_state *state_r)
{
	const std::string lock = dialect_join({"SELECT 1 FROM conversation WHERE id = ?", dialect_for_update(db)});
	bool there = false;
	int result = user_lock(db, account);

	*state_r = {};
	if (!result)
		result = sql_run(db, lock.c_str(), {sql_integer(act.group)}, sql_row_exists, &there);
	if (result)
		return result;
	return sql_run(db,
	               "SELECT c.invite_only, a.role, u.id, o.banned, o.left_seq, i.account"
	               " FROM conversation c"
	               " LEFT JOIN member a ON a.conversation = c.id AND a.account = ? AND a.left_seq IS NULL"
	               " LEFT JOIN account u ON u.id = ? AND u.locked < 2"
	               " LEFT JOIN member o ON o.conversation = c.id AND o.account = u.id"
	               " LEFT JOIN invitation i ON i.conversation = c.id AND i.account = u.id"
	               " WHERE c.id = ? AND c.kind = 1 AND c.members > 0",
	               {sql_integer(act.actor), sql_integer(account), sql_integer(act.group)}, invitations_state_take,
	               state_r);
}

static int invitations_check_rules(const invitation_state &state)
{
	const bool is_admin = state.actor_role != GROUP_NORMAL;

	if (!state.there)
		return MODEL_NONE;
	if (!state.actor_is_member)
		return MODEL_NOT_MEMBER;
	if (state.invite_only && !is_admin)
		return GROUP_NOT_ALLOWED;
	if (!state.account_there)
		return GROUP_NO_ACCOUNT;
	if (state.is_unwanted)
		return INVITATION_NOT_WANTED;
	if (state.is_member)
		return MODEL_TAKEN;
	if (state.is_invited)
		return GROUP_IS_THERE;
	return state.is_banned && !is_admin ? GROUP_NOT_ALLOWED : 0;
}

/* Checks after the insert. The rows of the group and the account are locked, so nobody else adds rows that are counted
 * here. */
static int invitations_check_most(cs_db *db, uint64_t group, uint64_t account, uint64_t most)
{
	uint64_t of_group = 0, of_account = 0;
	int result = sql_run(db, "SELECT COUNT(*) FROM invitation WHERE conversation = ?", {sql_integer(group)},
	                     sql_row_number, &of_group);

	if (!result)
		result = sql_run(db, "SELECT COUNT(*) FROM invitation WHERE account = ?", {sql_integer(account)},
		                 sql_row_number, &of_account);
	if (result)
		return result;
	if (of_group > most)
		return INVITATION_FULL_GROUP;
	return of_account > most ? INVITATION_FULL_ACCOUNT : 0;
}

int invitation_add(cs_db *db, const group_act &act, uint64_t account, uint64_t most, bool strangers_may)
{
	invitation_state state;
	int result = invitations_read(db, act, account, &state);

	if (!result)
		result = pair_judge(db, act.actor, account, strangers_may);
	state.is_unwanted = result == MODEL_UNWANTED;
	if (!result || state.is_unwanted)
		result = invitations_check_rules(state);
	if (!result && state.is_banned)
		result = sql_run(db, "UPDATE member SET banned = 0 WHERE conversation = ? AND account = ?",
		                 {sql_integer(act.group), sql_integer(account)});
	if (!result)
		result = sql_run(db,
		                 "INSERT INTO invitation (conversation, account, inviter, created) VALUES (?, ?, ?, ?)",
		                 {sql_integer(act.group), sql_integer(account), sql_integer(act.actor),
		                  sql_integer(static_cast<uint64_t>(act.now))});
	return result ? result : invitations_check_most(db, act.group, account, most);
}

struct invitation_joiner {
	bool invite_only, is_banned, is_invited;
};

static int invitations_joiner_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<invitation_joiner *>(arg) = {columns[0].integer != 0, columns[1].integer != 0,
	                                          columns[2].type != CS_DB_NULL};
	return 1;
}

int invitation_use(cs_db *db, uint64_t account, uint64_t group)
{
	invitation_joiner joiner = {};
	const int result = sql_run(db,
	                           "SELECT c.invite_only, m.banned, i.account FROM conversation c"
	                           " LEFT JOIN member m ON m.conversation = c.id AND m.account = ?"
	                           " LEFT JOIN invitation i ON i.conversation = c.id AND i.account = ?"
	                           " WHERE c.id = ?",
	                           {sql_integer(account), sql_integer(account), sql_integer(group)},
	                           invitations_joiner_take, &joiner);

	if (result)
		return result;
	if (joiner.is_banned)
		return INVITATION_BANNED;
	if (joiner.invite_only && !joiner.is_invited)
		return INVITATION_MISSING;
	if (!joiner.is_invited)
		return 0;
	return sql_run(db, "DELETE FROM invitation WHERE conversation = ? AND account = ?",
	               {sql_integer(group), sql_integer(account)});
}
