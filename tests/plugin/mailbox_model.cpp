/* SPDX-License-Identifier: MIT
 * The functions of plugins/model/messages.h, and user_names, over a log in memory, written to be obviously right. */
#include "mailbox_model.h"

#include <algorithm>
#include <utility>

#include "plugins/model/messages.h"
#include "plugins/model/retention.h"
#include "plugins/model/users.h"

static memory_log *log_of(cs_db *db)
{
	return reinterpret_cast<memory_log *>(db);
}

/* ---- what tests do to it */

static int succeed(cs_db *)
{
	return 0;
}

static void do_nothing(cs_db *) {}

static const char *no_message(cs_db *)
{
	return "";
}

static const cs_db_driver driver = {
	.abi = CS_ABI,
	.size = sizeof(cs_db_driver),
	.dialect = CS_DB_SQLITE,
	.outcome_can_be_unknown = 0,
	.limits = nullptr,
	.migrate = nullptr,
	.open = nullptr,
	.close = nullptr,
	.begin = succeed,
	.commit = succeed,
	.rollback = do_nothing,
	.query = nullptr,
	.last_id = nullptr,
	.affected = nullptr,
	.message = no_message,
};

void memory_log_open(memory_log *log, uint64_t accounts)
{
	log->db.driver = &driver;
	log->accounts = accounts;
}

uint64_t memory_log_add_group(memory_log *log, const std::vector<uint64_t> &members)
{
	const uint64_t id = ++log->last_conversation;

	log->conversations[id].group = true;
	for (const uint64_t member : members)
		log->conversations[id].members[member] = {0, 0};
	return id;
}

bool memory_log_is_member(const memory_log *log, uint64_t group, uint64_t account)
{
	const log_conversation &c = log->conversations.at(group);
	const auto at = c.members.find(account);

	return at != c.members.end() && !at->second.left_seq;
}

void memory_log_join(memory_log *log, uint64_t group, uint64_t account, uint64_t seq)
{
	log_conversation *c = &log->conversations[group];

	if (const auto former = c->members.find(account); former != c->members.end())
		c->past.insert(*former);
	c->members[account] = {seq - 1, 0};
}

void memory_log_leave(memory_log *log, uint64_t group, uint64_t account, uint64_t seq)
{
	log->conversations[group].members[account].left_seq = seq;
}

uint64_t memory_log_pair(const memory_log *log, uint64_t a, uint64_t b)
{
	const auto at = log->pairs.find({std::min(a, b), std::max(a, b)});

	return at == log->pairs.end() ? 0 : at->second;
}

static uint64_t make_pair(memory_log *log, uint64_t a, uint64_t b)
{
	uint64_t id = memory_log_pair(log, a, b);

	if (!id) {
		id = ++log->last_conversation;
		log->pairs[{std::min(a, b), std::max(a, b)}] = id;
		log->conversations[id].low = std::min(a, b);
		log->conversations[id].high = std::max(a, b);
	}
	return id;
}

uint64_t memory_log_append_pair(memory_log *log, uint64_t sender, uint64_t to, const std::string &body, int64_t created)
{
	return memory_log_append_group(log, sender, make_pair(log, sender, to), body, created);
}

uint64_t memory_log_append_group(memory_log *log, uint64_t sender, uint64_t group, const std::string &body,
                                 int64_t created)
{
	std::vector<log_message> *messages = &log->conversations[group].messages;

	messages->push_back({sender, "", body, created, false});
	return messages->size();
}

uint64_t memory_log_cursor(const memory_log *log, uint64_t account, uint64_t conversation)
{
	const auto at = log->cursors.find({account, conversation});

	return at == log->cursors.end() ? 0 : at->second;
}

/* ---- plugins/model/messages.h */

static uint64_t find_target(memory_log *log, const message_append &a, int *outcome_r)
{
	*outcome_r = 0;
	if (a.kind == CONVERSATION_PAIR) {
		if (a.to >= 1 && a.to <= log->accounts)
			return make_pair(log, a.sender, a.to);
		*outcome_r = MODEL_NONE;
		return 0;
	}
	const auto at = log->conversations.find(a.to);

	if (at == log->conversations.end() || !at->second.group)
		*outcome_r = MODEL_NONE;
	else if (!a.effect && !memory_log_is_member(log, a.to, a.sender))
		*outcome_r = MODEL_NOT_MEMBER;
	return *outcome_r == MODEL_NONE ? 0 : a.to;
}

static memory_cid cid_of(const message_append &a, uint64_t conversation)
{
	return {conversation, a.sender, std::string(a.cid)};
}

static void append_one(memory_log *log, message_append *a)
{
	a->conversation = find_target(log, *a, &a->outcome);
	const auto known = log->cids.find(cid_of(*a, a->conversation));

	a->repeated = !a->cid.empty() && known != log->cids.end();
	if (a->repeated) {
		a->outcome = 0;
		a->seq = known->second;
		a->created = log->conversations[a->conversation].messages[a->seq - 1].created;
		return;
	}
	if (a->outcome && a->effect) {
		a->seq = 1;
		a->outcome = a->effect(&log->db, a, a->arg); /* without a conversation */
		a->seq = 0;
	}
	if (a->outcome)
		return;
	log_conversation *c = &log->conversations[a->conversation];
	a->seq = c->messages.size() + 1;
	a->outcome = a->effect ? a->effect(&log->db, a, a->arg) : 0;
	if (a->outcome) {
		a->seq = 0;
		return;
	}
	c->messages.push_back({a->sender, std::string(a->cid), std::string(a->body), a->created, a->effect != nullptr});
	if (!a->cid.empty())
		log->cids[cid_of(*a, a->conversation)] = a->seq;
}

int message_append_all(cs_db *db, std::span<message_append *const> messages, bool careful)
{
	memory_log *log = log_of(db);
	std::set<memory_cid> batch;
	int outcome;

	for (const message_append *a : messages) {
		if (a->cid.empty() || careful)
			continue;
		const memory_cid cid = cid_of(*a, find_target(log, *a, &outcome));
		if (log->cids.contains(cid) || !batch.insert(cid).second)
			return CS_DB_DUPLICATE;
	}
	for (message_append *a : messages)
		append_one(log, a);
	return 0;
}

static message_news news_of(const memory_log *log, uint64_t account, uint64_t id, const log_conversation &c)
{
	message_news news;

	news.kind = c.group ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	news.of = c.group ? id : c.low == account ? c.high : c.low;
	news.conversation = id;
	news.last_seq = c.messages.size();
	news.delivered_seq = memory_log_cursor(log, account, id);
	if (c.group) {
		const log_member &member = c.members.at(account);

		news.joined_seq = member.joined_seq;
		news.is_member = !member.left_seq;
		news.last_seq = member.left_seq ? member.left_seq : news.last_seq;
		news.delivered_seq = std::max(news.delivered_seq, member.joined_seq);
	}
	return news;
}

static bool concerns(const log_conversation &c, uint64_t account)
{
	return c.group ? c.members.count(account) > 0 : c.low == account || c.high == account;
}

int message_news_list(cs_db *db, const message_reader &reader, std::vector<message_news> *news_r)
{
	const uint64_t account = reader.account;
	const memory_log *log = log_of(db);

	news_r->clear();
	for (const auto &[id, c] : log->conversations) {
		if (!concerns(c, account))
			continue;
		const message_news news = news_of(log, account, id, c);
		if (news.last_seq > news.delivered_seq)
			news_r->push_back(news);
	}
	return 0;
}

int message_news_of(cs_db *db, std::span<const message_reader> readers, std::vector<reader_news> *news_r)
{
	std::vector<message_news> news;

	news_r->clear();
	for (const message_reader &reader : readers) {
		(void)message_news_list(db, reader, &news);
		for (const message_news &of : news)
			news_r->push_back({reader, of});
	}
	return 0;
}

int message_news_find(cs_db *db, const message_reader &reader, conversation_kind kind, uint64_t of,
                      message_news *news_r)
{
	const uint64_t account = reader.account;
	const memory_log *log = log_of(db);
	const uint64_t id = kind == CONVERSATION_GROUP ? of : memory_log_pair(log, account, of);
	const auto at = log->conversations.find(id);

	if (at == log->conversations.end() || at->second.group != (kind == CONVERSATION_GROUP))
		return MODEL_NONE;
	if (!concerns(at->second, account))
		return MODEL_NOT_MEMBER;
	*news_r = news_of(log, account, id, at->second);
	return 0;
}

int message_group_ids(cs_db *db, uint64_t account, std::vector<uint64_t> *groups_r)
{
	groups_r->clear();
	for (const auto &[id, c] : log_of(db)->conversations)
		if (c.group && memory_log_is_member(log_of(db), id, account))
			groups_r->push_back(id);
	return 0;
}

int message_read(cs_db *db, uint64_t conversation, uint64_t after, size_t limit, std::vector<message_row> *rows_r)
{
	const std::vector<log_message> &messages = log_of(db)->conversations[conversation].messages;

	log_of(db)->row_statements++;
	if (const auto before = std::exchange(log_of(db)->before_rows, nullptr))
		before();
	for (uint64_t seq = after + 1; seq <= messages.size() && limit; seq++) {
		const log_message &m = messages[seq - 1];

		if (m.is_purged)
			continue;
		limit--;
		rows_r->push_back({seq, m.sender, m.is_event ? ENTRY_EVENT : ENTRY_MESSAGE, m.created, m.body});
	}
	return 0;
}

void memory_log_purge(memory_log *log, uint64_t conversation, uint64_t seq)
{
	std::vector<log_message> *messages = &log->conversations[conversation].messages;

	for (uint64_t at = 0; at < seq; at++)
		(*messages)[at].is_purged = true;
}

/* Conversations are purged by the test, with memory_log_purge. */
int retention_find(cs_db *db, retention_look *look)
{
	look->more = false;
	look->old.clear();
	if (log_of(db)->is_old)
		look->old.push_back({1, look->now});
	return 0;
}

int retention_read_clock(cs_db *db, retention_clock *clock_r)
{
	*clock_r = {log_of(db)->newest, log_of(db)->database};
	return 0;
}

int retention_remove(cs_db *db, retention_purge *purge)
{
	log_of(db)->removals++;
	purge->purged = 0;
	purge->more = false;
	return 0;
}

int retention_shrink(cs_db *, size_t, bool *more_r)
{
	*more_r = false;
	return 0;
}

int message_cursor_store(cs_db *db, std::span<const message_cursor> cursors)
{
	memory_log *log = log_of(db);

	log->cursor_statements++;
	for (const message_cursor &c : cursors) {
		uint64_t *stored = &log->cursors[{c.reader.account, c.conversation}];

		*stored = std::max(*stored, c.delivered_seq);
	}
	return 0;
}

/* ---- plugins/model/users.h */

int user_names(cs_db *db, std::span<const uint64_t> accounts, std::map<uint64_t, std::string> *names_r)
{
	names_r->clear();
	for (const uint64_t account : accounts)
		if (account >= 1 && account <= log_of(db)->accounts)
			(*names_r)[account] = "user \"" + std::to_string(account) + "\"";
	return 0;
}
