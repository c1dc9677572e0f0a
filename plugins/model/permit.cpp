/* SPDX-License-Identifier: MIT
 * What an account may do in a conversation. */
#include "permit.h"

#include "groups.h"
#include "messages.h"
#include "sql.h"

struct permit_row {
	permit *found;
	bool is_there;
};

static void permit_take_group(permit_row *row, const cs_db_value *columns)
{
	row->is_there = sql_number_of(columns[1]) > 0;
	row->found->is_member = row->is_there && columns[2].type != CS_DB_NULL;
	row->found->is_admin = row->found->is_member && sql_number_of(columns[2]) != GROUP_NORMAL;
	row->found->muted = columns[3].integer;
}

/* Columns: kind, members; role of the member, and until when it is muted. */
static int permit_take(void *arg, const cs_db_value *columns, size_t)
{
	permit_row *row = static_cast<permit_row *>(arg);

	if (sql_number_of(columns[0]) == CONVERSATION_GROUP)
		permit_take_group(row, columns);
	else
		row->is_there = row->found->is_member = true;
	return 1;
}

int permit_find(cs_db *db, uint64_t conversation, uint64_t account, permit *permit_r)
{
	permit_row row = {permit_r, false};
	int result;

	*permit_r = {};
	result = sql_run(db,
	                 "SELECT c.kind, c.members, m.role, " PERMIT_MUTED_UNTIL " FROM conversation c"
	                 " LEFT JOIN member m ON m.conversation = c.id AND m.account = ? AND m.left_seq IS NULL"
	                 " WHERE c.id = ?",
	                 {sql_integer(account), sql_integer(conversation)}, permit_take, &row);
	if (result)
		return result;
	return row.is_there ? 0 : MODEL_NONE;
}

int permit_write(const permit &p, int64_t now)
{
	if (!p.is_member)
		return MODEL_NOT_MEMBER;
	return now < p.muted ? MODEL_MUTED : 0;
}
