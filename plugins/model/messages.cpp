/* SPDX-License-Identifier: MIT
 * The statements that read the message log and move cursors. append.cpp appends messages. */
#include "messages.h"

#include <algorithm>

#include "dialect.h"
#include "sql.h"

/* Columns: kind, of, conversation, last_seq, cursor or NULL, joined_seq (0 in a pair), left_seq or NULL. */
static message_news messages_news_of(const cs_db_value *columns)
{
	message_news news;

	news.kind = sql_number_of(columns[0]) ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	news.of = sql_number_of(columns[1]);
	news.conversation = sql_number_of(columns[2]);
	news.is_member = columns[6].type == CS_DB_NULL;
	news.last_seq = sql_number_of(columns[news.is_member ? 3 : 6]);
	news.joined_seq = sql_number_of(columns[5]);
	news.delivered_seq = std::max(sql_number_of(columns[4]), news.joined_seq);
	return news;
}

static int messages_news_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<message_news> *>(arg)->push_back(messages_news_of(columns));
	return 0;
}

#define JOIN_CURSOR(account, device)                                                                                   \
	" LEFT JOIN `cursor` k ON k.account = " account " AND k.device = " device " AND k.conversation = c.id"
#define ABOVE_CURSOR "c.last_seq > COALESCE(k.delivered_seq, 0)"
#define LAST_OF_MEMBER "COALESCE(m.left_seq, c.last_seq)"

/* clang-format off */

/* In three parts, so that each part can use an index: pairs in which the account is low, pairs in which it is high,
 * groups. The columns behind those of messages_news_of are the account and the device. */
#define NEWS_LOW "SELECT c.kind, c.high, c.id, c.last_seq, k.delivered_seq, 0, NULL, c.low"
#define NEWS_HIGH "SELECT c.kind, c.low, c.id, c.last_seq, k.delivered_seq, 0, NULL, c.high"
#define NEWS_GROUPS "SELECT c.kind, c.id, c.id, c.last_seq, k.delivered_seq, m.joined_seq, m.left_seq, m.account"
#define IS_LOW(account) " c.low = " account
#define IS_HIGH(account) " c.low < c.high AND c.high = " account
#define LAST_IS_NEWS LAST_OF_MEMBER " > m.joined_seq AND " LAST_OF_MEMBER " > COALESCE(k.delivered_seq, 0)"

/* r are the readers. */
#define NEWS_OF_MANY_FROM ", r.device FROM ("
#define NEWS_OF_MANY_CURSOR JOIN_CURSOR("r.account", "r.device")

struct messages_texts {
	const char *list;
	struct {
		std::string_view head, tail;
	} of_many[3];
	const char *of_pair, *of_group;
};

#define NEWS_TEXTS(conversations) { \
	NEWS_LOW " FROM " conversations " c" JOIN_CURSOR("?", "?") " WHERE " ABOVE_CURSOR " AND" IS_LOW("?") \
	" UNION ALL " \
	NEWS_HIGH " FROM " conversations " c" JOIN_CURSOR("?", "?") " WHERE " ABOVE_CURSOR " AND" IS_HIGH("?") \
	" UNION ALL " \
	NEWS_GROUPS " FROM member m JOIN " conversations " c ON c.id = m.conversation" JOIN_CURSOR("?", "?") \
		" WHERE " LAST_IS_NEWS " AND m.account = ?", \
	{{NEWS_LOW NEWS_OF_MANY_FROM, ") r JOIN " conversations " c ON" IS_LOW("r.account") NEWS_OF_MANY_CURSOR \
		" WHERE " ABOVE_CURSOR}, \
	 {NEWS_HIGH NEWS_OF_MANY_FROM, ") r JOIN " conversations " c ON" IS_HIGH("r.account") NEWS_OF_MANY_CURSOR \
		" WHERE " ABOVE_CURSOR}, \
	 {NEWS_GROUPS NEWS_OF_MANY_FROM, ") r JOIN member m ON m.account = r.account JOIN " conversations \
		" c ON c.id = m.conversation" NEWS_OF_MANY_CURSOR " WHERE " LAST_IS_NEWS}}, \
	"SELECT c.kind, c.low, c.id, c.last_seq, k.delivered_seq, 0, NULL FROM " conversations " c" \
		JOIN_CURSOR("?", "?") " WHERE c.low = ? AND c.high = ?", \
	"SELECT c.kind, c.id, c.id, c.last_seq, k.delivered_seq, m.joined_seq, m.left_seq FROM " conversations " c" \
		" LEFT JOIN member m ON m.conversation = c.id AND m.account = ?" \
		JOIN_CURSOR("?", "?") " WHERE c.id = ? AND c.kind = 1 AND (c.members > 0 OR m.left_seq > m.joined_seq)", \
}

static constexpr messages_texts messages_texts_of_mysql = NEWS_TEXTS("conversation");
static constexpr messages_texts messages_texts_of_sqlite = NEWS_TEXTS("conversation_state");

/* clang-format on */

static const messages_texts *messages_texts_of(const cs_db *db)
{
	return db->driver->dialect == CS_DB_MYSQL ? &messages_texts_of_mysql : &messages_texts_of_sqlite;
}

int message_news_list(cs_db *db, const message_reader &reader, std::vector<message_news> *news_r)
{
	const cs_db_value account = sql_integer(reader.account), device = sql_integer(reader.device);

	news_r->clear();
	return sql_run(db, messages_texts_of(db)->list,
	               {account, device, account, account, device, account, account, device, account},
	               messages_news_take, news_r);
}

static int messages_news_take_of(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<reader_news> *>(arg)->push_back(
		{{sql_number_of(columns[7]), sql_number_of(columns[8])}, messages_news_of(columns)});
	return 0;
}

/* The readers are a table of one row each. UNION drops those that are repeated to fill a piece. MySQL knows the type of
 * a column only from a cast. */
int message_news_of(cs_db *db, std::span<const message_reader> readers, std::vector<reader_news> *news_r)
{
	static constexpr std::string_view unit = "SELECT CAST(? AS SIGNED) AS account, CAST(? AS SIGNED) AS device";
	std::vector<cs_db_value> values;

	news_r->clear();
	for (const message_reader &reader : readers) {
		values.push_back(sql_integer(reader.account));
		values.push_back(sql_integer(reader.device));
	}
	for (const auto &[head, tail] : messages_texts_of(db)->of_many) {
		const int result =
			sql_run_many(db, {head, unit, " UNION ", tail, 2, true}, values, messages_news_take_of, news_r);

		if (result)
			return result;
	}
	return 0;
}

struct news_row {
	message_news *news;
	bool there, member; /* member: it is or was one; who was banned before has a row, too */
};

static int messages_news_take_one(void *arg, const cs_db_value *columns, size_t)
{
	news_row *row = static_cast<news_row *>(arg);

	*row->news = messages_news_of(columns);
	row->there = true;
	row->member =
		columns[5].type != CS_DB_NULL && (row->news->is_member || row->news->last_seq > row->news->joined_seq);
	return 1;
}

static int messages_news_find_pair(cs_db *db, const message_reader &reader, uint64_t of, news_row *row)
{
	const uint64_t account = reader.account;
	const cs_db_value low = sql_integer(std::min(account, of)), high = sql_integer(std::max(account, of));

	return sql_run(db, messages_texts_of(db)->of_pair,
	               {sql_integer(account), sql_integer(reader.device), low, high}, messages_news_take_one, row);
}

static int messages_news_find_group(cs_db *db, const message_reader &reader, uint64_t group, news_row *row)
{
	const cs_db_value id = sql_integer(reader.account);

	return sql_run(db, messages_texts_of(db)->of_group, {id, id, sql_integer(reader.device), sql_integer(group)},
	               messages_news_take_one, row);
}

int message_news_find(cs_db *db, const message_reader &reader, conversation_kind kind, uint64_t of,
                      message_news *news_r)
{
	news_row row = {news_r, false, false};
	const int result = kind == CONVERSATION_GROUP ? messages_news_find_group(db, reader, of, &row)
	                                              : messages_news_find_pair(db, reader, of, &row);

	if (result)
		return result;
	if (!row.there)
		return MODEL_NONE;
	news_r->of = of;
	return row.member ? 0 : MODEL_NOT_MEMBER;
}

static int messages_group_id_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<uint64_t> *>(arg)->push_back(sql_number_of(columns[0]));
	return 0;
}

int message_group_ids(cs_db *db, uint64_t account, std::vector<uint64_t> *groups_r)
{
	groups_r->clear();
	return sql_run(db, "SELECT conversation FROM member WHERE account = ? AND left_seq IS NULL",
	               {sql_integer(account)}, messages_group_id_take, groups_r);
}

static int messages_row_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::vector<message_row> *>(arg)->push_back(
		{sql_number_of(columns[0]), sql_number_of(columns[1]), static_cast<entry_kind>(columns[2].integer),
	         columns[3].integer, std::string(sql_text_of(columns[4]))});
	return 0;
}

int message_read(cs_db *db, uint64_t conversation, uint64_t after, size_t limit, std::vector<message_row> *rows_r)
{
	return sql_run(db,
	               "SELECT seq, sender, kind, created, body FROM message WHERE conversation = ? AND seq > ?"
	               " ORDER BY seq LIMIT ?",
	               {sql_integer(conversation), sql_integer(after), sql_integer(limit)}, messages_row_take, rows_r);
}

/* Sorted by the key, so that two writers with the same rows cannot deadlock. */
int message_cursor_store(cs_db *db, std::span<const message_cursor> cursors)
{
	const std::string tail = dialect_or_raise(db, "account, device, conversation", "delivered_seq");
	std::vector<message_cursor> sorted(cursors.begin(), cursors.end());
	std::vector<cs_db_value> values;

	std::sort(sorted.begin(), sorted.end(), [](const message_cursor &a, const message_cursor &b) {
		return a.reader != b.reader ? a.reader < b.reader : a.conversation < b.conversation;
	});
	for (const message_cursor &c : sorted) {
		values.push_back(sql_integer(c.reader.account));
		values.push_back(sql_integer(c.reader.device));
		values.push_back(sql_integer(c.conversation));
		values.push_back(sql_integer(c.delivered_seq));
	}
	return sql_run_many(db,
	                    {"INSERT INTO `cursor` (account, device, conversation, delivered_seq) VALUES ",
	                     "(?, ?, ?, ?)", ", ", tail, 4, true},
	                    values);
}
