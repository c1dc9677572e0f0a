/* SPDX-License-Identifier: MIT
 * Owns the sender's side of relaying: lanes, their order, what was not answered in time. It must not know how
 * a receiver takes a message. */
#include "relay.h"

#include <algorithm>

constexpr int64_t ANSWER_WITHIN = 2 * MAILBOX_RELAY_FRESH;    /* ms; then it is stored */
constexpr int64_t LOOK_EVERY = 250;

using lane_key = std::pair<cs_account, cs_account>;

static lane_key key_of(const mailbox_item &item)
{
	return {item.append.sender, item.append.to};
}

static void arm(mailbox *m);

/* ---- lanes */

static void drop_if_empty(mailbox *m, const lane_key &key)
{
	const auto at = m->lanes.find(key);

	if (at != m->lanes.end() && at->second.items.empty() && !at->second.committing)
		m->lanes.erase(at);
}

/* Stores what waits at the front. */
static void pump(mailbox *m, const lane_key &key)
{
	mailbox_lane *lane = &m->lanes[key];

	while (!lane->items.empty() && !lane->items.front()->relaying) {
		std::unique_ptr<mailbox_item> item = std::move(lane->items.front());
		int result;

		lane->items.pop_front();
		result = mailbox_append_commit(m, item);
		if (result)
			mailbox_append_answer(m, *item, result, true);
		else
			lane->committing++;
	}
	drop_if_empty(m, key);
}

void mailbox_relay_committed(mailbox *m, const mailbox_item &item)
{
	const auto at = m->lanes.find(key_of(item));

	if (at == m->lanes.end())
		return;
	at->second.committing--;
	drop_if_empty(m, key_of(item));
}

/* ---- a message comes */

static bool all_are_relaying(const mailbox_lane &lane)
{
	return !lane.committing && (lane.items.empty() || lane.items.back()->relaying);
}

/* The last seq that the sender's session knows of; 0: none. */
static uint64_t last_known(mailbox_session *s, cs_account other)
{
	const mailbox_line *line = mailbox_line_find(s, mailbox_key_of(CS_CONVERSATION_PAIR, other));

	return line ? std::max(line->heard, line->sent) : 0;
}

static int ask(mailbox *m, mailbox_session *s, mailbox_lane *lane, mailbox_item *item)
{
	mailbox_hint hint = {};

	item->token = ++m->last_token;
	item->asked = m->host->now();
	hint.type = MAILBOX_HINT_RELAY;
	hint.kind = CS_CONVERSATION_PAIR;
	hint.of = hint.sender = item->append.sender;
	hint.seq = last_known(s, item->append.to);
	hint.created = item->asked;
	hint.place = m->host->place(m->self);
	hint.token = item->token;
	hint.previous = lane->items.empty() ? 0 : lane->items.back()->token;
	return mailbox_hint_route(m->host, m->self, item->append.to, hint, item->body, CS_ROUTE_RETURN);
}

static int commit_in_lane(mailbox *m, mailbox_lane *lane, std::unique_ptr<mailbox_item> &item)
{
	int result;

	item->laned = true;
	result = mailbox_append_commit(m, item);
	if (!result)
		lane->committing++;
	return result;
}

int mailbox_relay_send(mailbox *m, mailbox_session *s, std::unique_ptr<mailbox_item> &item, bool relay)
{
	const lane_key key = key_of(*item);
	mailbox_lane *lane;
	int result = 0;

	if (m->conf.durability != MAILBOX_RELAY || item->append.kind != CONVERSATION_PAIR)
		return mailbox_append_commit(m, item);
	lane = &m->lanes[key];
	if (relay && all_are_relaying(*lane) && ask(m, s, lane, item.get()) == 0) {
		item->relaying = true;
		m->tokens[item->token] = key;
		arm(m);
	} else if (lane->items.empty()) {
		result = commit_in_lane(m, lane, item);
		drop_if_empty(m, key);
		return result;
	}
	item->laned = true;
	lane->items.push_back(std::move(item));
	return 0;
}

/* ---- its answer comes, or does not */

static void finish_relayed(mailbox *m, mailbox_lane *lane, uint64_t token)
{
	for (auto at = lane->items.begin(); at != lane->items.end(); ++at)
		if ((*at)->token == token && (*at)->relaying) {
			const std::unique_ptr<mailbox_item> item = std::move(*at);

			lane->items.erase(at);
			mailbox_append_answer(m, *item, 0, false);
			return;
		}
}

static void refuse_relayed(mailbox_lane *lane, uint64_t token)
{
	for (const std::unique_ptr<mailbox_item> &item : lane->items)
		if (item->token == token)
			item->relaying = false;
}

void mailbox_relay_answered(mailbox *m, const mailbox_hint &hint)
{
	const auto token = m->tokens.find(hint.token);

	if (token == m->tokens.end())
		return;   /* too late: it was stored */
	const lane_key key = token->second;
	m->tokens.erase(token);
	if (hint.type == MAILBOX_HINT_RELAY_WRITTEN)
		finish_relayed(m, &m->lanes[key], hint.token);
	else
		refuse_relayed(&m->lanes[key], hint.token);
	pump(m, key);
}

void mailbox_relay_returned(mailbox *m, const mailbox_hint &hint)
{
	mailbox_hint refused = hint;

	refused.type = MAILBOX_HINT_RELAY_REFUSED;
	mailbox_relay_answered(m, refused);
}

/* The ones after it were asked later, but they must not be left behind it. */
static void give_up(mailbox *m, mailbox_lane *lane)
{
	for (const std::unique_ptr<mailbox_item> &item : lane->items)
		if (item->relaying) {
			item->relaying = false;
			m->tokens.erase(item->token);
		}
}

static void time_to_look(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	const int64_t limit = m->host->now() - ANSWER_WITHIN;
	std::vector<lane_key> late;

	m->relay_timer = nullptr;
	for (const auto &[key, lane] : m->lanes)
		if (!lane.items.empty() && lane.items.front()->relaying && lane.items.front()->asked <= limit)
			late.push_back(key);
	for (const lane_key &key : late) {
		give_up(m, &m->lanes[key]);
		pump(m, key);
	}
	arm(m);
}

static void arm(mailbox *m)
{
	if (!m->relay_timer && !m->tokens.empty())
		m->relay_timer = m->host->timer_add(m->self, LOOK_EVERY, 0, time_to_look, nullptr);
}
