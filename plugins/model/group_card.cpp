/* SPDX-License-Identifier: MIT
 * The statements that read a group for an operator. */
#include "group_card.h"

#include "dialect.h"
#include "sql.h"

static int group_card_take(void *arg, const cs_db_value *columns, size_t)
{
	group_card *card = static_cast<group_card *>(arg);

	card->id = sql_number_of(columns[0]);
	card->name = sql_text_of(columns[1]);
	card->description = sql_text_of(columns[2]);
	card->members = sql_number_of(columns[3]);
	card->invite_only = columns[4].integer != 0;
	card->history_all = columns[5].integer != 0;
	card->muted = columns[6].integer;
	card->keep = columns[7].integer;
	card->last = sql_number_of(columns[8]);
	card->creator = sql_number_of(columns[9]);
	card->creator_name = sql_text_of(columns[10]);
	card->admins = sql_number_of(columns[11]);
	card->first = sql_number_of(columns[12]);
	card->created = columns[13].integer;
	return 1;
}

int group_card_read(cs_db *db, const group_named &named, group_card *card_r)
{
	const std::string text = dialect_join(
		{"SELECT c.id, c.name, c.description, c.members, c.invite_only, c.history_all, c.muted, c.keep,"
	         " c.last_seq, m.account, a.name,"
	         " (SELECT COUNT(*) FROM member n WHERE n.conversation = c.id AND n.left_seq IS NULL AND n.role = 2),"
	         " (SELECT seq FROM message WHERE conversation = c.id ORDER BY seq LIMIT 1),"
	         " (SELECT created FROM message WHERE conversation = c.id AND seq = 1) FROM ",
	         dialect_conversations(db),
	         " c JOIN member m ON m.conversation = c.id AND m.left_seq IS NULL AND m.role = 1"
	         " JOIN account a ON a.id = m.account WHERE ",
	         named.id ? "c.id" : "c.name", " = ? AND c.kind = 1 AND c.members > 0"});

	*card_r = {};
	const int result = sql_run(db, text.c_str(), {named.id ? sql_integer(named.id) : sql_text(named.name)},
	                           group_card_take, card_r);
	if (result)
		return result;
	return card_r->id ? 0 : MODEL_NONE;
}

static int group_seat_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<group_seat> *>(arg)->push_back(
		{sql_number_of(columns[0]), std::string(sql_text_of(columns[1])),
	         group_role_of(sql_number_of(columns[2])), columns[3].integer, columns[4].integer});
	return 0;
}

int group_seats(cs_db *db, uint64_t group, uint64_t after, size_t most, std::vector<group_seat> *seats_r)
{
	seats_r->clear();
	return sql_run(db,
	               "SELECT m.account, a.name, m.role, m.joined, m.muted FROM"
	               " (SELECT account FROM member WHERE conversation = ? AND left_seq IS NULL"
	               " AND account > ? ORDER BY account LIMIT ?) few"
	               " JOIN member m ON m.conversation = ? AND m.account = few.account"
	               " JOIN account a ON a.id = few.account ORDER BY few.account",
	               {sql_integer(group), sql_integer(after), sql_integer(most), sql_integer(group)}, group_seat_take,
	               seats_r);
}

static int group_other_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

int group_others(cs_db *db, uint64_t group, size_t most, std::vector<uint64_t> *accounts_r)
{
	accounts_r->clear();
	return sql_run(db,
	               "SELECT account FROM member WHERE conversation = ? AND left_seq IS NULL AND role <> 1"
	               " ORDER BY role DESC, account LIMIT ?",
	               {sql_integer(group), sql_integer(most)}, group_other_take, accounts_r);
}

int group_creator(cs_db *db, uint64_t group, uint64_t *account_r)
{
	*account_r = 0;
	const int result =
		sql_run(db,
	                "SELECT m.account FROM conversation c JOIN member m ON m.conversation = c.id"
	                " WHERE c.id = ? AND c.kind = 1 AND c.members > 0 AND m.left_seq IS NULL AND m.role = 1",
	                {sql_integer(group)}, sql_row_number, account_r);

	if (result)
		return result;
	return *account_r ? 0 : MODEL_NONE;
}
