/* SPDX-License-Identifier: MIT
 * What an account may do in a conversation. */
#include "permit.h"

#include "groups.h"
#include "messages.h"
#include "sql.h"

/* Flags of a pair: the lower account blocks the higher one, and the other way round. */
static constexpr uint64_t permit_low_blocks = 1, permit_high_blocks = 2;

struct permit_row {
	permit *found;
	uint64_t account;
	bool is_there;
};

static void permit_take_pair(permit_row *row, const cs_db_value *columns)
{
	const uint64_t flags = sql_number_of(columns[1]);
	const bool is_low = sql_number_of(columns[2]) == row->account, is_high = !is_low;

	row->is_there = true;
	row->found->is_member = true;
	row->found->is_blocked = (is_low && flags & permit_high_blocks) || (is_high && flags & permit_low_blocks);
}

static void permit_take_group(permit_row *row, const cs_db_value *columns)
{
	row->is_there = sql_number_of(columns[3]) > 0;
	row->found->is_member = row->is_there && columns[4].type != CS_DB_NULL;
	row->found->is_admin = row->found->is_member && sql_number_of(columns[4]) != GROUP_NORMAL;
	row->found->muted = columns[5].integer;
}

/* Columns: kind, flags, low, members; role of the member, and until when it is muted. */
static int permit_take(void *arg, const cs_db_value *columns, size_t)
{
	permit_row *row = static_cast<permit_row *>(arg);

	if (sql_number_of(columns[0]) == CONVERSATION_GROUP)
		permit_take_group(row, columns);
	else
		permit_take_pair(row, columns);
	return 1;
}

int permit_find(cs_db *db, uint64_t conversation, uint64_t account, permit *permit_r)
{
	permit_row row = {permit_r, account, false};
	int result;

	*permit_r = {};
	result = sql_run(db,
	                 "SELECT c.kind, c.flags, c.low, c.members, m.role, " PERMIT_MUTED_UNTIL " FROM conversation c"
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
	if (p.is_blocked)
		return MODEL_UNWANTED;
	return now < p.muted ? MODEL_MUTED : 0;
}
