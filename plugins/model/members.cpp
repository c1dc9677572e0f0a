/* SPDX-License-Identifier: MIT
 * Reads a page of the members of a group. */
#include "members.h"

#include "sql.h"

static int members_entry_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<member_entry> *>(arg)->push_back(
		{sql_number_of(columns[0]), std::string(sql_text_of(columns[1])),
	         group_role_of(sql_number_of(columns[2])), columns[3].integer, columns[4].type != CS_DB_NULL});
	return 0;
}

/* The index finds those who are members; its rows have no more than the keys. */
int member_page(cs_db *db, uint64_t asker, uint64_t group, uint64_t after, size_t limit,
                std::vector<member_entry> *members_r, bool *more_r)
{
	uint64_t joined_seq = 0;
	int result = group_find_member(db, asker, group, &joined_seq);

	members_r->clear();
	if (!result)
		result = sql_run(db,
		                 "SELECT m.account, a.name, m.role, m.joined, b.account FROM"
		                 " (SELECT account FROM member WHERE conversation = ? AND left_seq IS NULL"
		                 " AND account > ? ORDER BY account LIMIT ?) few"
		                 " JOIN member m ON m.conversation = ? AND m.account = few.account"
		                 " JOIN account a ON a.id = few.account"
		                 " LEFT JOIN contact b ON b.account = few.account AND b.other = ? AND b.blocked = 1"
		                 " ORDER BY few.account",
		                 {sql_integer(group), sql_integer(after), sql_integer(limit + 1), sql_integer(group),
		                  sql_integer(asker)},
		                 members_entry_take, members_r);
	if (result)
		return result;
	*more_r = members_r->size() > limit;
	if (*more_r)
		members_r->resize(limit);
	return 0;
}
