/* SPDX-License-Identifier: MIT
 * Banned networks: the verbs BAN, UNBAN and BANS, and the list that the core gets. */
#include "bans.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "operator.h"

static constexpr size_t operator_bans_most = 10000;
static constexpr size_t operator_bans_reason_most = 200; /* bytes */
static constexpr int64_t operator_bans_second = 1000;
static constexpr int64_t operator_bans_longest = INT64_C(3650) * 24 * 3600 * operator_bans_second;
static constexpr int64_t operator_bans_every_ms = 5000; /* looks for changes and for ends */
static constexpr uint64_t operator_bans_topic = 1;

/* ---- the list */

static void operator_bans_apply(const operator_plugin *p)
{
	std::vector<cs_network> networks;

	if (p->bans.leaves)
		return;
	for (const auto &[text, ban] : p->bans.list)
		networks.push_back(ban.network);
	p->context.host->ban(p->context.self, networks.data(), networks.size());
}

/* The table, as it is read. */
struct operator_bans_table {
	ban_state former, state;
	bool is_new = false;
	int64_t now = 0;
	uint64_t changes = 0; /* of operator_bans, when the read began */
	std::vector<ban_row> rows;
};

static int operator_bans_read(cs_db *db, void *arg)
{
	auto *table = static_cast<operator_bans_table *>(arg);
	const int result = ban_read_state(db, &table->state);

	if (result)
		return result;
	if (!table->is_new && table->state == table->former)
		return 0;
	table->is_new = true;
	return ban_page(db, "", operator_bans_most, table->now, &table->rows);
}

static bool operator_bans_are_same(const std::map<std::string, operator_ban> &one,
                                   const std::map<std::string, operator_ban> &other)
{
	return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](const auto &a, const auto &b) {
		return a.first == b.first && a.second.ends == b.second.ends;
	});
}

/* A ban by a verb of this node is in the list already. */
static void operator_bans_take(operator_plugin *p, const operator_bans_table &table)
{
	const plugin_context &c = p->context;
	std::map<std::string, operator_ban> list;

	for (const ban_row &row : table.rows) {
		operator_ban ban = {{}, row.ends};
		cs_error e;

		if (c.host->read_network(c.self, row.network.c_str(), &ban.network, &e) == 0)
			list[row.network] = ban;
		else
			c.host->log(c.self, CS_LOG_WARNING, "a ban is left out network=%s why=\"%s\"",
			            row.network.c_str(), e.text);
	}
	p->bans.state = table.state;
	p->bans.is_known = true;
	if (operator_bans_are_same(p->bans.list, list))
		return;
	p->bans.list.swap(list);
	operator_bans_apply(p);
	c.host->log(c.self, CS_LOG_INFO, "the list of bans was read bans=%zu", p->bans.list.size());
}

/* A read that failed is made again with the next look: until then the list stays as it is. */
static void operator_bans_were_read(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<operator_bans_table> table(static_cast<operator_bans_table *>(arg));
	auto *p = static_cast<operator_plugin *>(state);

	p->bans.is_reading = false;
	if (table->changes != p->bans.changes)
		p->bans.read_again = true;
	else if (result == 0 && table->is_new)
		operator_bans_take(p, *table);
	if (std::exchange(p->bans.read_again, false))
		bans_look(p);
}

void bans_look(operator_plugin *p)
{
	const plugin_context &c = p->context;
	auto table = std::make_unique<operator_bans_table>();

	if (c.host->worker(c.self) != 0)
		return;
	if (p->bans.is_reading) {
		p->bans.read_again = true;
		return;
	}
	table->former = p->bans.state;
	table->is_new = !p->bans.is_known;
	table->changes = p->bans.changes;
	table->now = c.host->now();
	if (c.host->work(c.self, 0, CS_WORK_READ, operator_bans_read, operator_bans_were_read, table.get()) != 0)
		return; /* the timer comes again */
	p->bans.is_reading = true;
	(void)table.release(); /* operator_bans_were_read owns it now */
}

static void operator_bans_end(operator_plugin *p)
{
	const int64_t now = p->context.host->now();
	const size_t ended = std::erase_if(
		p->bans.list, [now](const auto &ban) { return ban.second.ends != 0 && ban.second.ends <= now; });

	if (ended > 0)
		operator_bans_apply(p);
}

/* Where no other server writes to the store, the table changes only by the verbs here. */
static void operator_bans_on_time(void *state, void *)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;

	operator_bans_end(p);
	if (!p->bans.is_known || !c.host->store_is_exclusive(c.self))
		bans_look(p);
}

void bans_start(operator_plugin *p)
{
	const plugin_context &c = p->context;

	if (c.host->worker(c.self) != 0)
		return;
	c.host->subscribe(c.self, operator_bans_topic);
	(void)c.host->timer_add(c.self, 1, 0, operator_bans_on_time, nullptr);
	(void)c.host->timer_add(c.self, operator_bans_every_ms, 1, operator_bans_on_time, nullptr);
}

/* ---- the verbs */

struct operator_bans_order {
	cs_request request = {};
	cs_peer peer = {};
	operator_ban ban;
	ban_row row;
	bool reads = false; /* the list is not known yet: the order reads it behind its change */
	operator_bans_table table;
	cs_error why = {}; /* the network cannot be read, or not be banned */
};

using operator_bans_order_ptr = std::unique_ptr<operator_bans_order>;

static int operator_bans_refuse(const plugin_context &c, const cs_frame *frame, const char *text)
{
	return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s", text);
}

/* Reads `req` and `address`. Null: the request was refused. */
static operator_bans_order_ptr operator_bans_begin(const plugin_context &c, const cs_frame *frame, bool must_be_good)
{
	auto order = std::make_unique<operator_bans_order>();
	std::string_view address;

	if (operator_check_req(c, frame) != 0 || field_text(c, frame, "address", FIELD_REQUIRED, &address) != 0)
		return nullptr;
	order->row.network = address;
	if (c.host->read_network(c.self, order->row.network.c_str(), &order->ban.network, &order->why) == 0) {
		order->row.network = order->ban.network.text;
	} else if (must_be_good) {
		(void)operator_bans_refuse(c, frame, order->why.text);
		return nullptr;
	}
	order->request = frame->request;
	(void)c.host->peer(c.self, frame->conn, &order->peer); /* cannot fail: it sent this frame */
	order->row.created = order->table.now = c.host->now();
	return order;
}

/* The table has changed: here the list is changed at once, the other nodes look. */
static void operator_bans_tell(operator_plugin *p)
{
	static const char head[] = "bans";
	const cs_parcel parcel = {head, sizeof head - 1, nullptr};

	p->bans.changes++;
	operator_bans_apply(p);
	(void)p->context.host->route_all(p->context.self, operator_bans_topic, &parcel, 0);
}

static void operator_bans_log(const plugin_context &c, const char *verb, const operator_bans_order &order)
{
	c.host->log(c.self, CS_LOG_INFO, "order verb=%s by=%s network=%s ends=%lld", verb, order.peer.text,
	            order.row.network.c_str(), static_cast<long long>(order.row.ends));
	c.host->audit(c.self, "order", "verb=%s peer=%s network=%s ends=%lld", verb, order.peer.text,
	              order.row.network.c_str(), static_cast<long long>(order.row.ends));
}

/* Else the ban alone would be the list of the core, and end all others. */
static int operator_bans_read_behind(cs_db *db, operator_bans_order *order)
{
	order->table.rows.clear();
	order->table.is_new = true;
	return order->reads ? operator_bans_read(db, &order->table) : 0;
}

static int operator_bans_hand_in(const operator_plugin *p, const cs_frame *frame, cs_work_fn *fn, cs_done_fn *done,
                                 operator_bans_order_ptr order)
{
	const plugin_context &c = p->context;

	order->reads = !p->bans.is_known;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, fn, done, order.get());

	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* done owns it now */
	return CS_PENDING;
}

static void operator_bans_answer(const plugin_context &c, cs_conn conn, const operator_bans_order &order)
{
	std::string more = ",\"network\":";

	operator_quote(&more, order.row.network);
	operator_done(c, conn, order.request, more + ",\"ends\":" + std::to_string(order.row.ends));
}

/* ---- BAN */

static int operator_bans_put(cs_db *db, void *arg)
{
	auto *order = static_cast<operator_bans_order *>(arg);
	const int result = ban_put(db, order->row, operator_bans_most);

	return result ? result : operator_bans_read_behind(db, order);
}

static void operator_bans_were_put(void *state, cs_conn conn, int result, void *arg)
{
	const operator_bans_order_ptr order(static_cast<operator_bans_order *>(arg));
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;

	if (result == MODEL_FULL) {
		(void)c.host->refuse(c.self, conn, &order->request, CS_ERRNO_FULL, "%zu networks are banned already",
		                     operator_bans_most);
		(void)c.host->finish(c.self, conn);
		return;
	}
	if (result) {
		bans_look(p); /* perhaps it was done */
		return operator_fail(c, conn, order->request, result);
	}
	if (order->reads)
		operator_bans_take(p, order->table);
	p->bans.list[order->row.network] = order->ban;
	operator_bans_tell(p);
	operator_bans_log(c, "ban", *order);
	operator_bans_answer(c, conn, *order);
}

/* The reason is shown on terminals. */
static bool operator_bans_is_plain(std::string_view text)
{
	return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

int operator_on_ban(void *state, const cs_frame *frame)
{
	const auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	operator_bans_order_ptr order = operator_bans_begin(c, frame, true);
	std::string_view reason = "";
	int64_t time = 0;

	if (!order || field_text(c, frame, "reason", FIELD_OPTIONAL, &reason) != 0 ||
	    field_integer(c, frame, "time", FIELD_OPTIONAL, operator_bans_second, &time) != 0)
		return CS_REJECT;
	if (time > operator_bans_longest)
		return operator_bans_refuse(c, frame, "time must be at most 3650 days, in ms");
	if (reason.size() > operator_bans_reason_most || !operator_bans_is_plain(reason))
		return operator_bans_refuse(c, frame, "reason has at most 200 bytes, and no control characters");
	order->row.reason = reason;
	order->row.ends = order->ban.ends = time == 0 ? 0 : order->row.created + time;
	return operator_bans_hand_in(p, frame, operator_bans_put, operator_bans_were_put, std::move(order));
}

/* ---- UNBAN */

static int operator_bans_remove(cs_db *db, void *arg)
{
	auto *order = static_cast<operator_bans_order *>(arg);
	const int result = ban_remove(db, order->row.network);

	return result ? result : operator_bans_read_behind(db, order);
}

static void operator_bans_were_removed(void *state, cs_conn conn, int result, void *arg)
{
	const operator_bans_order_ptr order(static_cast<operator_bans_order *>(arg));
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;

	if (result == MODEL_NONE) {
		(void)c.host->refuse(c.self, conn, &order->request, CS_ERRNO_NOT_ALLOWED,
		                     "there is no ban of exactly this network%s%s", order->why.text[0] ? ": " : "",
		                     order->why.text);
		(void)c.host->finish(c.self, conn);
		return;
	}
	if (result) {
		bans_look(p);
		return operator_fail(c, conn, order->request, result);
	}
	if (order->reads)
		operator_bans_take(p, order->table);
	p->bans.list.erase(order->row.network);
	operator_bans_tell(p);
	operator_bans_log(c, "unban", *order);
	operator_bans_answer(c, conn, *order);
}

/* A network that may not be banned any more can be one that was. */
int operator_on_unban(void *state, const cs_frame *frame)
{
	const auto *p = static_cast<operator_plugin *>(state);
	operator_bans_order_ptr order = operator_bans_begin(p->context, frame, false);

	if (!order)
		return CS_REJECT;
	return operator_bans_hand_in(p, frame, operator_bans_remove, operator_bans_were_removed, std::move(order));
}

/* ---- BANS */

static constexpr size_t operator_bans_page = 200;

struct operator_bans_list {
	cs_request request = {};
	std::string after;
	int64_t now = 0;
	std::vector<ban_row> rows;
};

/* One more than a page has shows whether there is more. */
static int operator_bans_read_page(cs_db *db, void *arg)
{
	auto *list = static_cast<operator_bans_list *>(arg);

	return ban_page(db, list->after, operator_bans_page + 1, list->now, &list->rows);
}

static void operator_bans_page_read(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_bans_list> list(static_cast<operator_bans_list *>(arg));
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	const bool goes_on = list->rows.size() > operator_bans_page;
	std::string more = ",\"bans\":[";

	if (result)
		return operator_fail(c, conn, list->request, result);
	if (goes_on)
		list->rows.pop_back();
	for (const ban_row &row : list->rows) {
		more += more.back() == '[' ? "{\"network\":" : ",{\"network\":";
		operator_quote(&more, row.network);
		more += ",\"created\":" + std::to_string(row.created) + ",\"ends\":" + std::to_string(row.ends) +
		        ",\"reason\":";
		operator_quote(&more, row.reason);
		more += "}";
	}
	more += "]";
	if (goes_on) {
		more += ",\"more\":true,\"next\":";
		operator_quote(&more, list->rows.back().network);
	}
	operator_done(c, conn, list->request, more);
}

int operator_on_bans(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto list = std::make_unique<operator_bans_list>();
	std::string_view after = "";

	if (operator_check_req(c, frame) != 0 || field_text(c, frame, "after", FIELD_OPTIONAL, &after) != 0)
		return CS_REJECT;
	list->request = frame->request;
	list->after = after;
	list->now = c.host->now();
	const int result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_bans_read_page,
	                                operator_bans_page_read, list.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)list.release(); /* operator_bans_page_read owns it now */
	return CS_PENDING;
}
