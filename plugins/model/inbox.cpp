/* SPDX-License-Identifier: MIT
 * The statements behind an account's list of conversations.
 *
 * A conversation's place in the list: above, the week of its newest message (said_week); below, with SQLite the id of
 * the body of that message, which rises in the order in which messages are stored, with MySQL the time of that message.
 * A group without a message has the place of the joining.
 *
 * The weeks are in an index, the rest is not: it would cost each message a write. So first the weeks of a page are
 * found, and then the places of all conversations of these weeks. */
#include "inbox.h"

#include <algorithm>
#include <utility>

#include "dialect.h"
#include "sql.h"

/* A place is said_week * 2^48 and the rest. */
static constexpr unsigned inbox_rest_bits = 48;

/* clang-format off */

#define WEEK "281474976710656"
/* Parts for a dialect: the larger of two, and the week of a time. */
#define MAX_OF_SQLITE "max"
#define MAX_OF_MYSQL "GREATEST"
#define WEEK_OF_SQLITE(time) time " / 604800000 + 1"
#define WEEK_OF_MYSQL(time) time " DIV 604800000 + 1"
#define WEEK_OF_MEMBER(max, week_of) \
	"CASE WHEN c.history_all = 1 AND c.said_week > 0 THEN c.said_week ELSE " max "(c.said_week, " week_of("m.joined") ") END"

/* The lowest week of a page that begins with a place of this week, how many conversations were found behind this week,
 * and how many are looked at then. One with oneself is low and high: it counts once. */
#define LOWEST(week_of_member) \
	"SELECT page.week, page.found, (SELECT COUNT(*) FROM conversation WHERE low = ? AND said_week BETWEEN page.week AND ?)" \
	" + (SELECT COUNT(*) FROM conversation WHERE low < high AND high = ? AND said_week BETWEEN page.week AND ?)" \
	" + (SELECT COUNT(*) FROM member WHERE account = ? AND left_seq IS NULL)" \
	" FROM (SELECT COALESCE(MIN(week), ?) AS week, COUNT(*) AS found FROM (SELECT week FROM (" \
	"SELECT * FROM (SELECT said_week AS week FROM conversation WHERE low = ? AND said_week > 0 AND said_week < ?" \
	" ORDER BY said_week DESC LIMIT ?) as_low" \
	" UNION ALL SELECT * FROM (SELECT said_week AS week FROM conversation WHERE low < high AND high = ?" \
	" AND said_week > 0 AND said_week < ? ORDER BY said_week DESC LIMIT ?) as_high" \
	" UNION ALL SELECT " week_of_member " FROM member m JOIN conversation c ON c.id = m.conversation" \
	" WHERE m.account = ? AND m.left_seq IS NULL AND " week_of_member " < ?" \
	") weeks ORDER BY week DESC LIMIT ?) next_weeks) page"

static constexpr char inbox_lowest_of_sqlite[] = LOWEST(WEEK_OF_MEMBER(MAX_OF_SQLITE, WEEK_OF_SQLITE));
static constexpr char inbox_lowest_of_mysql[] = LOWEST(WEEK_OF_MEMBER(MAX_OF_MYSQL, WEEK_OF_MYSQL));

/* SQLite: of the newest message in the conversation above `low`, at most so many entries are looked at. SQLite reads
 * them one by one, until the first message. A conversation with as many events above it is listed as if it had none. */
#define NEWEST(column, low) \
	"(SELECT " column " FROM (SELECT k, ref, kind FROM entry WHERE conversation = c.id AND k > " low " AND k < ''" \
	" ORDER BY k DESC LIMIT 2000) newest WHERE kind < 2 LIMIT 1)"
#define LOW_OF_MEMBER "CASE WHEN c.history_all = 1 THEN 0 ELSE m.joined_seq + 0 END"
/* LIMIT -1 sets no limit, but with it SQLite computes a place once, and not in each comparison again. */
#define PLACES_OF_SQLITE \
	"SELECT 0 AS kind, c.high AS other, c.id AS conversation, 0 AS low, c.said_week * " WEEK " + COALESCE(" NEWEST("ref", "0") \
	", 0) AS place FROM conversation c WHERE c.low = ? AND c.said_week BETWEEN ? AND ?" \
	" UNION ALL SELECT 0, c.low, c.id, 0, c.said_week * " WEEK " + COALESCE(" NEWEST("ref", "0") \
	", 0) FROM conversation c WHERE c.low < c.high AND c.high = ? AND c.said_week BETWEEN ? AND ?" \
	" UNION ALL SELECT 1, id, id, low, week * " WEEK " + COALESCE(" NEWEST("ref", "c.low") \
	", (SELECT ref FROM entry WHERE conversation = c.id AND k = c.joined_seq + 1 AND owner = 0), 0)" \
	" FROM (SELECT c.id, m.joined_seq, " LOW_OF_MEMBER " AS low, " WEEK_OF_MEMBER(MAX_OF_SQLITE, WEEK_OF_SQLITE) \
	" AS week FROM member m CROSS JOIN conversation c ON c.id = m.conversation" \
	" WHERE m.account = ? AND m.left_seq IS NULL) c WHERE week BETWEEN ? AND ? LIMIT -1"
#define PLACES_OF_MYSQL \
	"SELECT 0 AS kind, c.high AS other, c.id AS conversation, c.said_seq AS said_seq, c.said AS at," \
	" c.said_week * " WEEK " + c.said AS place" \
	" FROM conversation c WHERE c.low = ? AND c.said_week BETWEEN ? AND ? AND c.said_seq > 0" \
	" UNION ALL SELECT 0, c.low, c.id, c.said_seq, c.said, c.said_week * " WEEK " + c.said FROM conversation c" \
	" WHERE c.low < c.high AND c.high = ? AND c.said_week BETWEEN ? AND ? AND c.said_seq > 0" \
	" UNION ALL SELECT 1, id, id, IF(is_said, said_seq, 0), IF(is_said, said, joined)," \
	" week * " WEEK " + IF(is_said, said, joined) FROM (SELECT c.id, c.said_seq, c.said, m.joined," \
	" c.said_seq > 0 AND (c.history_all OR c.said_seq > m.joined_seq) AS is_said, " \
	WEEK_OF_MEMBER(MAX_OF_MYSQL, WEEK_OF_MYSQL) " AS week FROM member m JOIN conversation c ON c.id = m.conversation" \
	" WHERE m.account = ? AND m.left_seq IS NULL) of_member WHERE week BETWEEN ? AND ?"

/* Columns: see inbox_item_take. */
#define INBOX(places, said_seq, at, conversations, bodies) \
	"SELECT page.kind, page.other, page.conversation, page.place, " at ", " said_seq ", c.last_seq, r.read_seq, m.joined_seq," \
	" s.shown_seq, COALESCE(a.name, c.name), x.blocked, m.role, c.members FROM (SELECT * FROM (" places ") places" \
	" WHERE places.place < ? OR (places.place = ? AND places.conversation < ?)" \
	" ORDER BY places.place DESC, places.conversation DESC LIMIT ?) page" \
	" CROSS JOIN " conversations " c ON c.id = page.conversation" \
	" LEFT JOIN mark r ON r.account = ? AND r.conversation = page.conversation" \
	" LEFT JOIN mark s ON s.account = page.other AND s.conversation = page.conversation AND page.kind = 0" \
	" LEFT JOIN account a ON a.id = page.other AND page.kind = 0" \
	" LEFT JOIN contact x ON x.account = page.other AND x.other = ? AND page.kind = 0" \
	" LEFT JOIN member m ON m.conversation = page.conversation AND m.account = ? AND page.kind = 1" bodies \
	" ORDER BY page.place DESC, page.conversation DESC"

static constexpr char inbox_text_of_sqlite[] =
	INBOX(PLACES_OF_SQLITE, NEWEST("k", "page.low"), "b.created", "conversation_state",
	      " LEFT JOIN body b ON b.id = page.place % " WEEK);
static constexpr char inbox_text_of_mysql[] = INBOX(PLACES_OF_MYSQL, "page.said_seq", "page.at", "conversation", "");

/* The columns of SQLite's entries that MySQL has on messages. What was stored after the list was read is not counted:
 * the item's last_seq does not tell of it. The last column: how many rows were looked at. */
#define LAST(log) \
	"SELECT m.seq, m.sender, m.created, m.body, n.unread, n.looked FROM (SELECT COUNT(*) AS looked," \
	" COUNT(CASE WHEN kind = 0 AND sender <> ? THEN 1 END) AS unread FROM (SELECT sender, kind FROM " log " ORDER BY seq LIMIT 1000) news) n" \
	" JOIN message m ON m.conversation = ? AND m.seq = ? AND m.kind < 2"

static constexpr char inbox_last_of_sqlite[] =
	LAST("(SELECT k AS seq, sender, kind FROM entry WHERE conversation = ? AND k > ? AND k <= ?)");
static constexpr char inbox_last_of_mysql[] = LAST("message WHERE conversation = ? AND seq > ? AND seq <= ?");

/* clang-format on */

static int inbox_item_take(void *arg, const cs_db_value *columns, size_t)
{
	inbox_item item;

	item.kind = sql_number_of(columns[0]) ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	item.of = sql_number_of(columns[1]);
	item.conversation = sql_number_of(columns[2]);
	item.place = columns[3].integer;
	item.at = columns[4].integer;
	item.said_seq = sql_number_of(columns[5]);
	item.last_seq = sql_number_of(columns[6]);
	item.read_seq = std::max(sql_number_of(columns[7]), sql_number_of(columns[8]));
	item.skipped = item.last_seq - std::min(item.last_seq, std::max(item.said_seq, sql_number_of(columns[8])));
	item.shown_seq = sql_number_of(columns[9]);
	item.name = sql_text_of(columns[10]);
	item.blocked = sql_number_of(columns[11]) != 0;
	item.role = static_cast<int>(columns[12].integer);
	item.members = sql_number_of(columns[13]);
	static_cast<std::vector<inbox_item> *>(arg)->push_back(std::move(item));
	return 0;
}

struct inbox_weeks {
	uint64_t low = 0, high = 0;
	uint64_t found = 0; /* so many conversations are behind `high`, of as many as were wanted */
	uint64_t looked = 0; /* so many are looked at */
};

/* Columns: low, found, looked. */
static int inbox_weeks_take(void *arg, const cs_db_value *columns, size_t)
{
	inbox_weeks *weeks = static_cast<inbox_weeks *>(arg);

	weeks->low = sql_number_of(columns[0]);
	weeks->found = sql_number_of(columns[1]);
	weeks->looked = sql_number_of(columns[2]);
	return 1;
}

/* Those of the position's week may all be in front of it, so as many as are wanted are behind that week. */
static int inbox_find_weeks(cs_db *db, uint64_t account, const inbox_position &from, size_t most, inbox_weeks *weeks_r)
{
	weeks_r->high = static_cast<uint64_t>(from.place) >> inbox_rest_bits;
	const cs_db_value id = sql_integer(account), high = sql_integer(weeks_r->high), limit = sql_integer(most);

	return sql_run(db, db->driver->dialect == CS_DB_MYSQL ? inbox_lowest_of_mysql : inbox_lowest_of_sqlite,
	               {id, high, id, high, id, high, id, high, limit, id, high, limit, id, high, limit},
	               inbox_weeks_take, weeks_r);
}

/* Adds the next conversations, at most so many, of the weeks in which that many were found. */
static int inbox_list_weeks(cs_db *db, uint64_t account, const inbox_position &from, size_t most,
                            std::vector<inbox_item> *items, inbox_weeks *weeks_r)
{
	const int result = inbox_find_weeks(db, account, from, most, weeks_r);
	const cs_db_value id = sql_integer(account), place = sql_integer(static_cast<uint64_t>(from.place)),
			  low = sql_integer(weeks_r->low), high = sql_integer(weeks_r->high);

	if (result)
		return result;
	return sql_run(db, db->driver->dialect == CS_DB_MYSQL ? inbox_text_of_mysql : inbox_text_of_sqlite,
	               {id, low, high, id, low, high, id, low, high, place, place, sql_integer(from.conversation),
	                sql_integer(most), id, id, id},
	               inbox_item_take, items);
}

/* A conversation that was found may have moved up before it was listed, or the account has left it. Then the list goes
 * on behind the lowest week: few items must not look like its end. */
static int inbox_list_conversations(cs_db *db, uint64_t account, const inbox_position &from, size_t most,
                                    std::vector<inbox_item> *items, uint64_t *looked)
{
	inbox_position at = from;
	bool more = true;

	while (more) {
		inbox_weeks weeks;
		const size_t wanted = most - items->size();
		const int result = inbox_list_weeks(db, account, at, wanted, items, &weeks);

		if (result)
			return result;
		*looked += weeks.looked;
		at.place = static_cast<int64_t>(weeks.low << inbox_rest_bits);
		at.conversation = 0;
		more = items->size() < most && weeks.found == wanted;
	}
	return 0;
}

/* Columns: conversation, created, inviter, name. */
static int inbox_invitation_take(void *arg, const cs_db_value *columns, size_t)
{
	inbox_item item;

	item.kind = CONVERSATION_GROUP;
	item.of = item.conversation = sql_number_of(columns[0]);
	item.at = columns[1].integer;
	item.inviter = sql_number_of(columns[2]);
	item.name = sql_text_of(columns[3]);
	static_cast<std::vector<inbox_item> *>(arg)->push_back(std::move(item));
	return 0;
}

static int inbox_list_invitations(cs_db *db, uint64_t account, const inbox_position &from, size_t most,
                                  std::vector<inbox_item> *items)
{
	const cs_db_value created = sql_integer(static_cast<uint64_t>(from.invited));

	return sql_run(db,
	               "SELECT i.conversation, i.created, i.inviter, c.name FROM invitation i"
	               " JOIN conversation c ON c.id = i.conversation WHERE i.account = ? AND c.members > 0"
	               " AND (i.created < ? OR (i.created = ? AND i.conversation < ?))"
	               " ORDER BY i.created DESC, i.conversation DESC LIMIT ?",
	               {sql_integer(account), created, created, sql_integer(from.invitation), sql_integer(most)},
	               inbox_invitation_take, items);
}

/* Each list keeps its own order, also if two clocks differ. */
static void inbox_merge(std::vector<inbox_item> *conversations, std::vector<inbox_item> *invitations, size_t most,
                        std::vector<inbox_item> *items_r)
{
	size_t c = 0, i = 0;

	while (items_r->size() < most && (c < conversations->size() || i < invitations->size())) {
		const bool is_invited = c == conversations->size() ||
		                        (i < invitations->size() && (*invitations)[i].at > (*conversations)[c].at);

		items_r->push_back(std::move(is_invited ? (*invitations)[i++] : (*conversations)[c++]));
	}
}

int inbox_list(cs_db *db, uint64_t account, const inbox_position &from, size_t limit, std::vector<inbox_item> *items_r,
               bool *more_r, uint64_t *looked_r)
{
	std::vector<inbox_item> conversations, invitations;
	int result = inbox_list_conversations(db, account, from, limit + 1, &conversations, looked_r);

	items_r->clear();
	if (!result)
		result = inbox_list_invitations(db, account, from, limit + 1, &invitations);
	if (result)
		return result;
	*more_r = conversations.size() + invitations.size() > limit;
	inbox_merge(&conversations, &invitations, limit, items_r);
	return 0;
}

void inbox_pass(inbox_position *position, const inbox_item &item)
{
	if (item.inviter) {
		position->invited = item.at;
		position->invitation = item.conversation;
	} else {
		position->place = item.place;
		position->conversation = item.conversation;
	}
}

struct inbox_last_row {
	bool there;
	message_row *row;
	uint64_t *unread;
	uint64_t *looked;
};

static int inbox_last_take(void *arg, const cs_db_value *columns, size_t)
{
	inbox_last_row *last = static_cast<inbox_last_row *>(arg);

	last->there = true;
	last->row->seq = sql_number_of(columns[0]);
	last->row->sender = sql_number_of(columns[1]);
	last->row->created = columns[2].integer;
	last->row->body = sql_text_of(columns[3]);
	*last->unread = sql_number_of(columns[4]);
	*last->looked += sql_number_of(columns[5]);
	return 1;
}

int inbox_last(cs_db *db, uint64_t account, const inbox_item &item, message_row *last_r, uint64_t *unread_r,
               uint64_t *looked_r)
{
	inbox_last_row row = {false, last_r, unread_r, looked_r};
	const cs_db_value conversation = sql_integer(item.conversation);

	if (db->driver->dialect == CS_DB_SQLITE)
		*looked_r += std::min(item.skipped, inbox_events_most);
	if (!item.said_seq)
		return MODEL_NONE;
	const int result = sql_run(db, db->driver->dialect == CS_DB_MYSQL ? inbox_last_of_mysql : inbox_last_of_sqlite,
	                           {sql_integer(account), conversation, sql_integer(item.read_seq),
	                            sql_integer(item.last_seq), conversation, sql_integer(item.said_seq)},
	                           inbox_last_take, &row);

	if (result)
		return result;
	return row.there ? 0 : MODEL_NONE;
}
