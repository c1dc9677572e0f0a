/* SPDX-License-Identifier: MIT
 * The statements on groups and on the table member. */
#include "groups.h"

#include <algorithm>

#include "dialect.h"
#include "invitations.h"
#include "sql.h"
#include "users.h"

static unsigned groups_role_rank(group_role role)
{
	return role == GROUP_CREATOR ? 2 : role == GROUP_ADMIN ? 1 : 0;
}

bool group_role_is_above(group_role role, group_role other)
{
	return groups_role_rank(role) > groups_role_rank(other);
}

group_role group_role_of(uint64_t column)
{
	return column == GROUP_CREATOR ? GROUP_CREATOR : column == GROUP_ADMIN ? GROUP_ADMIN : GROUP_NORMAL;
}

static int groups_member_insert(cs_db *db, uint64_t group, uint64_t account, group_role role, uint64_t joined_seq,
                                int64_t now)
{
	return sql_run(db,
	               "INSERT INTO member (conversation, account, role, joined_seq, joined) VALUES (?, ?, ?, ?, ?)",
	               {sql_integer(group), sql_integer(account), sql_integer(role), sql_integer(joined_seq),
	                sql_integer(static_cast<uint64_t>(now))});
}

static int groups_members_add(cs_db *db, uint64_t group)
{
	return sql_run(db, "UPDATE conversation SET members = members + 1 WHERE id = ?", {sql_integer(group)});
}

/* Answers full_result if there are more rows than most; 0: no limit. */
static int groups_group_check_most(cs_db *db, const char *count_text, uint64_t of, uint64_t most, int full_result)
{
	uint64_t count = 0;
	const int result = most ? sql_run(db, count_text, {sql_integer(of)}, sql_row_number, &count) : 0;

	if (result)
		return result;
	return count > most ? full_result : 0;
}

/* The rows of the account and the group are locked, so nobody else adds rows that are counted here. */
static int groups_group_check_limits(cs_db *db, uint64_t account, uint64_t group, const group_limits &most)
{
	int result = user_keep(db, account);

	if (!result)
		result = groups_group_check_most(db,
		                                 "SELECT COUNT(*) FROM member WHERE account = ? AND left_seq IS NULL",
		                                 account, most.groups, MODEL_FULL);
	if (result)
		return result;
	return groups_group_check_most(db, "SELECT members FROM conversation WHERE id = ?", group, most.members,
	                               MODEL_GROUP_FULL);
}

int group_create(cs_db *db, uint64_t creator, std::string_view name, std::string_view description, uint64_t *id_r,
                 const group_limits &most, int64_t now)
{
	int result = sql_run(db, "INSERT INTO conversation (kind, name, description) VALUES (1, ?, ?)",
	                     {sql_text(name), sql_text(description)});
	if (result == CS_DB_DUPLICATE)
		return MODEL_TAKEN;
	if (result)
		return result;
	*id_r = static_cast<uint64_t>(db->driver->last_id(db));
	result = groups_member_insert(db, *id_r, creator, GROUP_CREATOR, 0, now);
	if (!result)
		result = groups_members_add(db, *id_r);
	return result ? result : groups_group_check_limits(db, creator, *id_r, most);
}

int group_find_own(cs_db *db, uint64_t creator, std::string_view name, uint64_t *id_r)
{
	*id_r = 0;
	const int result = sql_run(db,
	                           "SELECT c.id FROM conversation c JOIN member m ON m.conversation = c.id"
	                           " WHERE c.name = ? AND m.account = ? AND m.role = 1 AND m.left_seq IS NULL",
	                           {sql_text(name), sql_integer(creator)}, sql_row_number, id_r);

	if (result)
		return result;
	return *id_r ? 0 : MODEL_NONE;
}

struct join_row {
	uint64_t last_seq;
	bool there;
};

static int groups_join_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<join_row *>(arg) = {sql_number_of(columns[0]), true};
	return 1;
}

struct former_row {
	bool there, is_member;
};

static int groups_former_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<former_row *>(arg) = {true, columns[0].type == CS_DB_NULL};
	return 1;
}

/* A former member begins anew. The group is locked. */
static int groups_member_begin(cs_db *db, uint64_t group, uint64_t account, uint64_t joined_seq, int64_t now)
{
	former_row row = {};
	const int result = sql_run(db, "SELECT left_seq FROM member WHERE conversation = ? AND account = ?",
	                           {sql_integer(group), sql_integer(account)}, groups_former_take, &row);

	if (result)
		return result;
	if (row.is_member)
		return MODEL_TAKEN;
	if (const int refused = invitation_use(db, account, group); refused)
		return refused;
	if (!row.there)
		return groups_member_insert(db, group, account, GROUP_NORMAL, joined_seq, now);
	return sql_run(db,
	               "UPDATE member SET role = 0, joined_seq = ?, left_seq = NULL, joined = ?"
	               " WHERE conversation = ? AND account = ?",
	               {sql_integer(joined_seq), sql_integer(static_cast<uint64_t>(now)), sql_integer(group),
	                sql_integer(account)});
}

/* The group's row stays locked, so no message is stored between reading last_seq and adding the member. */
int group_join(cs_db *db, uint64_t account, uint64_t group, uint64_t *joined_seq_r, const group_limits &most,
               int64_t now)
{
	const std::string select = dialect_join({"SELECT last_seq FROM ", dialect_conversations(db),
	                                         " WHERE id = ? AND kind = 1 AND members > 0", dialect_for_update(db)});
	join_row row = {0, false};
	int result = sql_run(db, select.c_str(), {sql_integer(group)}, groups_join_take, &row);

	if (result)
		return result;
	if (!row.there)
		return MODEL_NONE;
	result = groups_member_begin(db, group, account, row.last_seq, now);
	if (!result)
		result = groups_members_add(db, group);
	if (result)
		return result;
	*joined_seq_r = row.last_seq;
	return groups_group_check_limits(db, account, group, most);
}

static int groups_group_take(void *arg, const cs_db_value *columns, size_t)
{
	group_entry &group = static_cast<std::vector<group_entry> *>(arg)->emplace_back();

	group.id = sql_number_of(columns[0]);
	group.name = sql_text_of(columns[1]);
	group.description = sql_text_of(columns[2]);
	return 0;
}

/* Leaves out a group that was joined between the two statements. */
static int groups_group_take_member(void *arg, const cs_db_value *columns, size_t)
{
	std::vector<group_entry> &groups = *static_cast<std::vector<group_entry> *>(arg);
	const uint64_t id = sql_number_of(columns[0]);
	const auto group =
		std::lower_bound(groups.begin(), groups.end(), id,
	                         [](const group_entry &entry, uint64_t wanted) { return entry.id < wanted; });

	if (group != groups.end() && group->id == id)
		group->members.push_back({sql_number_of(columns[1]), std::string(sql_text_of(columns[2])),
		                          group_role_of(sql_number_of(columns[3]))});
	return 0;
}

int group_list(cs_db *db, uint64_t account, std::vector<group_entry> *groups_r)
{
	groups_r->clear();
	const int result = sql_run(db,
	                           "SELECT c.id, c.name, c.description FROM member m"
	                           " JOIN conversation c ON c.id = m.conversation"
	                           " WHERE m.account = ? AND m.left_seq IS NULL ORDER BY c.id",
	                           {sql_integer(account)}, groups_group_take, groups_r);

	if (result || groups_r->empty())
		return result;
	return sql_run(db,
	               "SELECT o.conversation, o.account, a.name, o.role FROM member m"
	               " JOIN member o ON o.conversation = m.conversation JOIN account a ON a.id = o.account"
	               " WHERE m.account = ? AND m.left_seq IS NULL AND o.left_seq IS NULL"
	               " ORDER BY o.conversation, o.account",
	               {sql_integer(account)}, groups_group_take_member, groups_r);
}

struct member_row {
	bool group_there, member_there;
	uint64_t joined_seq;
};

static int groups_member_take(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<member_row *>(arg) = {true, columns[0].type != CS_DB_NULL, sql_number_of(columns[0])};
	return 1;
}

int group_find_member(cs_db *db, uint64_t account, uint64_t group, uint64_t *joined_seq_r)
{
	member_row row = {};
	const int result =
		sql_run(db,
	                "SELECT m.joined_seq FROM conversation c"
	                " LEFT JOIN member m ON m.conversation = c.id AND m.account = ? AND m.left_seq IS NULL"
	                " WHERE c.id = ? AND c.kind = 1 AND c.members > 0",
	                {sql_integer(account), sql_integer(group)}, groups_member_take, &row);

	if (result)
		return result;
	if (!row.group_there)
		return MODEL_NONE;
	if (!row.member_there)
		return MODEL_NOT_MEMBER;
	*joined_seq_r = row.joined_seq;
	return 0;
}

/* A group has at least one member, its creator. Without members there is no such group. */
static int groups_members_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

int group_members(cs_db *db, uint64_t group, size_t most, std::vector<uint64_t> *members_r)
{
	const int result = sql_run(db,
	                           "SELECT m.account FROM conversation c JOIN member m ON m.conversation = c.id"
	                           " WHERE c.id = ? AND c.kind = 1 AND m.left_seq IS NULL LIMIT ?",
	                           {sql_integer(group), sql_integer(most)}, groups_members_take, members_r);

	if (result)
		return result;
	return members_r->empty() ? MODEL_NONE : 0;
}

/* ---- all groups */

static int group_add_line(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<group_line> *>(arg)->push_back({sql_number_of(columns[0]),
	                                                        std::string(sql_text_of(columns[1])),
	                                                        sql_number_of(columns[2]), sql_number_of(columns[3])});
	return 0;
}

int group_lines(cs_db *db, uint64_t after, size_t most, std::vector<group_line> *groups_r)
{
	groups_r->clear();
	return sql_run(db,
	               dialect_join({"SELECT id, name, members, last_seq FROM ", dialect_conversations(db),
	                             " WHERE kind = 1 AND id > ? AND members > 0 ORDER BY id LIMIT ?"})
	                       .c_str(),
	               {sql_integer(after), sql_integer(most)}, group_add_line, groups_r);
}
