/* SPDX-License-Identifier: MIT
 * HISTORY and INBOX. A connection has one query under way at a time, and pays for it by what was read. */
#include <memory>
#include <vector>

#include "../model/history.h"
#include "../model/inbox.h"
#include "history.h"
#include "text.h"

static constexpr int64_t query_limit_default = 50, query_limit_most = 200;
static constexpr size_t query_bytes_most = 256 * 1024;
/* In costs of a request: a row costs about as much as a simple request, and so does a KiB. For a list of conversations
 * rows are looked at of which only an index is read, whether they are in the answer or not: ten of them. */
static constexpr size_t query_bytes_a_cost = 1024;
static constexpr uint64_t query_cost_of_inbox = 10, query_cost_of_item = 10, query_looks_a_cost = 10;

/* A query on its way to a reader and back. */
struct history_query {
	cs_request request = {};
	history_ask ask;
	inbox_position from, next;
	std::string more; /* of the answer */
	uint64_t cost = 0;
	/* INBOX: the accounts whose state is asked for, and where it stands in the answer. */
	std::vector<cs_account> peers;
	std::vector<size_t> states;
	std::vector<unsigned char> online;
};

/* ---- what both have in common */

void history_refuse(const plugin_context &context, cs_conn conn, const cs_request &request, conversation_kind kind,
                    int result)
{
	const cs_host *host = context.host;

	if (result == MODEL_NOT_MEMBER)
		(void)host->refuse(context.self, conn, &request, CS_ERRNO_NOT_ALLOWED, "not a member of the group");
	else if (result != MODEL_NONE)
		(void)host->refuse_result(context.self, conn, &request, result);
	else if (kind == CONVERSATION_GROUP)
		(void)host->refuse(context.self, conn, &request, CS_ERRNO_NO_SUCH_GROUP, "groupid names no group");
	else
		(void)host->refuse(context.self, conn, &request, CS_ERRNO_NO_SUCH_USER, "peer names nobody");
}

static int query_refuse_frame(const plugin_context &context, const cs_frame *frame, const char *why)
{
	return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s", why);
}

int history_get_conversation(const plugin_context &context, const cs_frame *frame, conversation_kind *kind_r,
                             uint64_t *of_r)
{
	int64_t peer = 0, group = 0;
	int result = field_integer(context, frame, "peer", FIELD_OPTIONAL, 1, &peer);

	if (!result)
		result = field_integer(context, frame, "groupid", FIELD_OPTIONAL, 1, &group);
	if (result)
		return result;
	if (!peer == !group)
		return query_refuse_frame(context, frame, "one of peer and groupid must be there");
	*kind_r = group ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	*of_r = static_cast<uint64_t>(group ? group : peer);
	return 0;
}

/* Of a query: req must be there, and limit from 1 to 200. */
static int query_get_limit(const plugin_context &context, const cs_frame *frame, size_t *limit_r)
{
	int64_t limit = query_limit_default;

	if (frame->request.req < 0)
		return query_refuse_frame(context, frame, "req is missing");
	const int found = context.host->get_integer(frame, "limit", 1, query_limit_most, &limit);

	if (found != 0 && found != CS_ENOENT)
		return query_refuse_frame(context, frame, "limit must be an integer from 1 to 200");
	*limit_r = static_cast<size_t>(limit);
	return 0;
}

static void query_answer(const plugin_context &context, cs_conn conn, const history_query *q)
{
	const uint64_t cost = q->cost + q->more.size() / query_bytes_a_cost;

	(void)context.host->charge(context.self, conn, static_cast<uint32_t>(cost));
	context.host->answer(context.self, conn, &q->request, q->more.c_str());
}

static int query_start(const plugin_context &context, const cs_frame *frame, std::unique_ptr<history_query> q,
                       cs_work_fn *fn, cs_done_fn *done)
{
	q->request = frame->request;
	q->ask.account = frame->account;
	const int result = context.host->work(context.self, frame->conn, CS_WORK_READ, fn, done, q.get());

	if (result)
		return context.host->refuse_result(context.self, frame->conn, &frame->request, result);
	(void)q.release(); /* done owns it now */
	return CS_PENDING;
}

/* ---- HISTORY */

static int query_read_history(cs_db *db, void *arg)
{
	history_query *q = static_cast<history_query *>(arg);
	history_page page;
	const int result = history_read(db, q->ask, &page);

	if (result)
		return result;
	q->more.clear();
	q->cost = page.looked;
	text_add_history(&q->more, page, q->ask.direction);
	return 0;
}

static void query_history_read(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<history_query> q(static_cast<history_query *>(arg));
	const plugin_context &context = static_cast<history_plugin *>(state)->context;

	if (result)
		history_refuse(context, conn, q->request, q->ask.kind, result);
	else
		query_answer(context, conn, q.get());
	(void)context.host->finish(context.self, conn);
}

/* At most one of before, after and around may be there. */
static int query_get_direction(const plugin_context &context, const cs_frame *frame, history_ask *ask)
{
	static constexpr struct {
		const char *key;
		history_direction direction;
	} keys[] = {{"before", HISTORY_BEFORE}, {"after", HISTORY_AFTER}, {"around", HISTORY_AROUND}};

	for (const auto &each : keys) {
		int64_t at = -1;

		if (field_integer(context, frame, each.key, FIELD_OPTIONAL, 0, &at))
			return CS_REJECT;
		if (at < 0)
			continue;
		if (ask->direction != HISTORY_NEWEST)
			return query_refuse_frame(context, frame, "only one of before, after and around may be there");
		ask->direction = each.direction;
		ask->at = static_cast<uint64_t>(at);
	}
	return 0;
}

int history_on_history(void *state, const cs_frame *frame)
{
	const history_plugin *p = static_cast<history_plugin *>(state);
	auto q = std::make_unique<history_query>();
	int result = query_get_limit(p->context, frame, &q->ask.limit);

	if (!result)
		result = history_get_conversation(p->context, frame, &q->ask.kind, &q->ask.of);
	if (!result)
		result = query_get_direction(p->context, frame, &q->ask);
	if (result)
		return result;
	const auto session = p->sessions.find(frame->conn);

	q->ask.events = session != p->sessions.end() && session->second.events;
	return query_start(p->context, frame, std::move(q), query_read_history, query_history_read);
}

/* ---- INBOX */

/* false: the page has no room for the item. */
static bool query_put_item(history_query *q, const inbox_item &item, const message_row *last, uint64_t unread)
{
	const size_t before = q->more.size();
	const bool is_first = q->more.back() == '[';
	size_t state = 0;

	if (!is_first)
		q->more.push_back(',');
	text_add_item(&q->more, item, last, unread, &state);
	if (!is_first && q->more.size() > query_bytes_most) {
		q->more.resize(before);
		return false;
	}
	if (state) {
		q->peers.push_back(item.of);
		q->states.push_back(state);
	}
	inbox_pass(&q->next, item);
	return true;
}

static int query_put_items(cs_db *db, history_query *q, const std::vector<inbox_item> &items, bool *more,
                           uint64_t *looked)
{
	for (const inbox_item &item : items) {
		message_row last;
		uint64_t unread = 0;
		const int result = inbox_last(db, q->ask.account, item, &last, &unread, looked);

		if (result < 0)
			return result;
		q->cost += query_cost_of_item;
		if (!query_put_item(q, item, result ? nullptr : &last, unread)) {
			*more = true;
			break;
		}
	}
	return 0;
}

static int query_read_inbox(cs_db *db, void *arg)
{
	history_query *q = static_cast<history_query *>(arg);
	std::vector<inbox_item> items;
	bool more = false;
	uint64_t looked = 0;
	int result = inbox_list(db, q->ask.account, q->from, q->ask.limit, &items, &more, &looked);

	if (result)
		return result;
	q->next = q->from;
	q->peers.clear();
	q->states.clear();
	q->cost = query_cost_of_inbox;
	q->more = ",\"conversations\":[";
	result = query_put_items(db, q, items, &more, &looked);
	q->cost += looked / query_looks_a_cost;
	q->more.push_back(']');
	if (more)
		q->more.append(",\"more\":true,\"next\":\"").append(text_of_position(q->next)).push_back('"');
	return result;
}

/* While the bus is away (CS_ENOENT), people of other nodes are shown as offline. */
static void query_inbox_states(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<history_query> q(static_cast<history_query *>(arg));
	const plugin_context &context = static_cast<history_plugin *>(state)->context;

	for (size_t i = 0; i < q->states.size(); i++)
		if (q->online[i])
			text_set_online(&q->more, q->states[i]);
	if (result && result != CS_ENOENT)
		(void)context.host->refuse_result(context.self, conn, &q->request, result);
	else
		query_answer(context, conn, q.get());
	(void)context.host->finish(context.self, conn);
}

static void query_inbox_read(void *state, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<history_query> q(static_cast<history_query *>(arg));
	const plugin_context &context = static_cast<history_plugin *>(state)->context;

	if (!result) {
		q->online.resize(q->peers.size());
		result = context.host->presence(context.self, conn, q->peers.data(), q->online.data(), q->peers.size(),
		                                query_inbox_states, q.get());
	}
	if (!result) {
		(void)q.release(); /* query_inbox_states owns it now */
		return;
	}
	(void)context.host->refuse_result(context.self, conn, &q->request, result);
	(void)context.host->finish(context.self, conn);
}

int history_on_inbox(void *state, const cs_frame *frame)
{
	const history_plugin *p = static_cast<history_plugin *>(state);
	auto q = std::make_unique<history_query>();
	std::string_view after;
	int result = query_get_limit(p->context, frame, &q->ask.limit);

	if (!result)
		result = field_text(p->context, frame, "after", FIELD_OPTIONAL, &after);
	if (result)
		return result;
	if (after.data() && text_read_position(after, &q->from))
		return query_refuse_frame(p->context, frame, "after is not the next of an answer");
	return query_start(p->context, frame, std::move(q), query_read_inbox, query_inbox_read);
}
