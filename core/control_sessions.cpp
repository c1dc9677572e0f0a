/* SPDX-License-Identifier: MIT
 * What operators want of sessions: a list of them, their end, a notice to all. Workers look at their connections in
 * pieces, so that clients need not wait. */
#include <algorithm>

#include "core/base/log.h"
#include "core/control_internal.h"

/* Places of a worker's table that are looked at in a turn, and frames that are sent in a turn. */
static constexpr uint32_t control_places_per_turn = 4096;
static constexpr uint32_t control_sends_per_turn = 256;
/* Bytes of a list; a page ends at that size. */
static constexpr size_t control_most_bytes = 256 * 1024;

/* A worker's share of what was asked is not there. true: the request was refused. */
static bool control_refuse_silent(struct control_request *r)
{
	const std::string silent = control_silent(r);

	if (silent.empty())
		return false;
	control_refuse(r, CS_ERRNO_UNAVAILABLE, "a worker does not answer, perhaps a plugin holds it up: " + silent);
	return true;
}

static bool control_is_live(const struct conn *c)
{
	return c && !c->dead && !c->closing;
}

/* ---- figures */

static void control_count_conn(struct control_question *q, const struct conn *c)
{
	const size_t unsent = conn_unsent(c);

	q->count++;
	q->sessions += c->account != 0;
	q->operators += c->is_operator;
	q->guests += c->account == 0 && !c->is_operator;
	q->unsent += unsent;
	q->most_unsent = std::max(q->most_unsent, unsent);
}

bool control_ask_figures(struct control_question *q)
{
	const auto &slots = q->worker->conns->slots;

	for (uint32_t n = 0; n < control_places_per_turn && q->slot < slots.size(); n++, q->slot++)
		if (control_is_live(slots[q->slot].get()))
			control_count_conn(q, slots[q->slot].get());
	return q->slot >= slots.size();
}

/* ---- sessions */

static void control_list_conn(struct control_question *q, const struct conn *c)
{
	const int64_t now = worker_monotonic_ms();
	char handle[20];
	std::string item = "{";

	(void)snprintf(handle, sizeof handle, "%llx", static_cast<unsigned long long>(c->handle));
	control_add_number(&item, "account", static_cast<int64_t>(c->account));
	control_add_number(&item, "device", c->device);
	control_add_text(&item, "name", c->name);
	control_add_text(&item, "peer", c->peer);
	control_add_text(&item, "transport", conn_transport_label(c));
	control_add_number(&item, "worker", q->worker->index);
	control_add_text(&item, "conn", handle);
	control_add_number(&item, "age_ms", now - c->guest_since);
	control_add_number(&item, "silent_ms", now - c->heard);
	control_add_number(&item, "unsent", static_cast<int64_t>(conn_unsent(c)));
	if (!q->items.empty())
		q->items.push_back(',');
	q->items += item + "}";
	q->count++;
}

/* The order is that of the places, which a session keeps for its life: so a session that is there all the time stands
 * on one page, once. */
static bool control_ask_page(struct control_question *q)
{
	const auto &slots = q->worker->conns->slots;

	for (uint32_t n = 0; n < control_places_per_turn && q->slot < slots.size(); n++, q->slot++) {
		const struct conn *c = slots[q->slot].get();

		if (!control_is_live(c) || c->account == 0)
			continue;
		if (q->count == q->most || q->items.size() >= control_most_bytes) {
			q->more = true;
			return true;
		}
		control_list_conn(q, c);
	}
	return q->slot >= slots.size();
}

/* Calls fn for each session of the account and the device that is on the worker. */
static void control_for_each_of(struct control_question *q, void (*fn)(struct control_question *q, struct conn *c))
{
	struct session_places places;

	if (!session_locate_all(q->worker->shared->sessions, q->account, q->device, &places))
		return;
	for (size_t i = 0; i < places.count; i++) {
		if (conn_worker_index(places.list[i].conn) != q->worker->index)
			continue;
		struct conn *c = conn_find(q->worker, places.list[i].conn);

		if (c && conn_has_session(c, q->account, places.list[i].device))
			fn(q, c);
	}
}

static void control_list_one(struct control_question *q, struct conn *c)
{
	control_list_conn(q, c);
}

static bool control_ask_account(struct control_question *q)
{
	control_for_each_of(q, control_list_one);
	return true;
}

void control_run_sessions(struct control_request *r)
{
	if (r->account != 0)
		control_ask(r, 0, static_cast<unsigned>(r->server->shared.workers.size()), control_ask_account);
	else
		control_ask(r, r->worker, r->worker + 1, control_ask_page);
}

/* Where the next page begins; "": this is the last. */
static std::string control_next_place(const struct control_request *r)
{
	const struct control_question *q = r->answers[r->worker].get();

	if (r->account != 0)
		return "";
	if (q->more)
		return std::to_string(r->worker) + "-" + std::to_string(q->slot);
	return r->worker + 1 < r->answers.size() ? std::to_string(r->worker + 1) + "-0" : "";
}

void control_finish_sessions(struct control_request *r)
{
	std::string list = "[", more;

	if (r->missing != 0 && control_refuse_silent(r))
		return;
	for (const auto &q : r->answers) {
		if (!q || q->items.empty())
			continue;
		list += (list.size() > 1 ? "," : "") + q->items;
	}
	control_add_json(&more, "sessions", list + "]");
	if (const std::string next = control_next_place(r); !next.empty()) {
		control_add_flag(&more, "more", true);
		control_add_text(&more, "next", next);
	}
	control_answer(r, "," + more);
}

/* ---- kick */

static void control_kick_one(struct control_question *q, struct conn *c)
{
	conn_kick_now(c);
	q->count++;
}

static bool control_ask_kick(struct control_question *q)
{
	control_for_each_of(q, control_kick_one);
	return true;
}

void control_run_kick(struct control_request *r)
{
	control_tell_nodes(r);
	control_ask(r, 0, static_cast<unsigned>(r->server->shared.workers.size()), control_ask_kick);
}

static size_t control_sum(const struct control_request *r, size_t control_question::*member)
{
	size_t sum = 0;

	for (const auto &q : r->answers)
		sum += q ? q.get()->*member : 0;
	return sum;
}

void control_finish_kick(struct control_request *r)
{
	const size_t ended = control_sum(r, &control_question::count);
	std::string more;

	if (control_report_to_node(r, ended, ended) || control_refuse_silent(r) || control_awaits_nodes(r))
		return;
	control_add_number(&more, "ended", static_cast<int64_t>(ended));
	control_add_text(&more, "node", server_node_name(r->server));
	control_add_nodes(&more, r, "ended");
	control_answer(r, "," + more);
}

/* ---- a notice */

/* A session whose LOGIN is not answered yet, or that does not read, gets none. */
static void control_notify_one(struct control_question *q, struct conn *c)
{
	const uint64_t bit = q->server->control->notice_bit;

	q->sessions++;
	if ((c->want & bit) == 0 || c->opened_due || c->over_soft)
		return;
	(void)conn_send(c, q->text.data(), q->text.size(), nullptr, nullptr);
	q->count++;
}

static bool control_ask_notify(struct control_question *q)
{
	const auto &slots = q->worker->conns->slots;
	const size_t before = q->sessions;

	for (uint32_t n = 0; n < control_places_per_turn && q->slot < slots.size(); n++, q->slot++) {
		struct conn *c = slots[q->slot].get();

		if (q->sessions - before == control_sends_per_turn)
			return false;
		if (control_is_live(c) && c->account != 0)
			control_notify_one(q, c);
	}
	return q->slot >= slots.size();
}

void control_run_notify(struct control_request *r)
{
	std::string frame = "{";

	control_add_number(&frame, "msgid", CS_MSGID_NOTICE);
	control_add_text(&frame, "text", r->text);
	control_add_number(&frame, "ts", host_table.now());
	if (r->from == 0) /* else the text is a frame already */
		r->text = frame + "}";
	control_tell_nodes(r);
	control_ask(r, 0, static_cast<unsigned>(r->server->shared.workers.size()), control_ask_notify);
}

void control_finish_notify(struct control_request *r)
{
	const size_t reached = control_sum(r, &control_question::count);
	const size_t sessions = control_sum(r, &control_question::sessions);
	std::string more;

	if (control_report_to_node(r, reached, sessions) || control_refuse_silent(r) || control_awaits_nodes(r))
		return;
	control_add_number(&more, "reached", static_cast<int64_t>(reached));
	control_add_number(&more, "sessions", static_cast<int64_t>(sessions));
	control_add_text(&more, "node", server_node_name(r->server));
	control_add_nodes(&more, r, "reached");
	control_answer(r, "," + more);
}
