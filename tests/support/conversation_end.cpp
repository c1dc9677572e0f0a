/* SPDX-License-Identifier: MIT
 * The end of a play: everything is read once more, when nothing changes any more. */
#include <algorithm>

#include "tests/support/check.h"
#include "tests/support/conversation_play.h"

/* ---- what signals and presence must be in the end */

/* Signals may go by what was a second ago. */
static void end_wait_for_signals(const conversation_play *p)
{
	const int64_t end = conversation_changed(&p->m) + 1001;

	check_wait("the second to pass in which signals may be wrong", [end] { return conversation_clock() > end; });
}

static void end_signal(conversation_play *p, size_t account, size_t device, conversation_request r)
{
	r.msgid = 122;
	r.actor = account;
	r.device = device;
	r.text = check_format("signal %llu", static_cast<unsigned long long>(++p->steps));
	play_request(p, r);
	play_settle(p);
}

/* Each session signals to everybody. */
static void end_signal_all(conversation_play *p)
{
	const auto clients = p->clients;

	end_wait_for_signals(p);
	for (const auto &[who, c] : clients) {
		for (size_t to = 0; to < p->m.accounts.size(); to++) {
			conversation_request r;

			r.to = to;
			end_signal(p, who.first, who.second, r);
		}
		for (const conversation &group : p->m.conversations) {
			conversation_request r;

			r.is_group = true;
			r.group = group.group;
			if (group.is_group)
				end_signal(p, who.first, who.second, r);
		}
	}
}

/* Everybody is online, and there is one change in 10 s: each session must be told that its friends are. */
static void end_wait_for_presence(conversation_play *p)
{
	const int64_t end = check_now() + 10000 + check_patience_ms();

	for (const auto &[who, c] : p->clients)
		for (;;) {
			const size_t friend_ = conversation_misses_presence(&p->m, who.first, who.second);
			test_frame frame;

			if (friend_ == conversation_nobody)
				break;
			if (check_now() > end)
				play_fail(p, who.first, who.second,
				          check_format("nobody says that account %zu is online", friend_));
			if (client_try_read(c, &frame, 100))
				play_take(p, who.first, who.second, frame);
		}
	play_settle(p);
}

/* ---- all views */

static void end_read_history(conversation_play *p, size_t account, size_t device, const conversation &c)
{
	conversation_request r;

	r.msgid = 105;
	r.actor = account;
	r.device = device;
	r.is_group = c.is_group;
	r.group = c.group;
	r.to = c.low == account ? c.high : c.low;
	r.limit = 200;
	if (c.is_group || c.low == account || c.high == account)
		play_request(p, r);
}

static void end_read(conversation_play *p, size_t account, size_t device)
{
	conversation_request r;

	for (const conversation &c : p->m.conversations)
		end_read_history(p, account, device, c);
	r.msgid = 106;
	r.actor = account;
	r.device = device;
	play_request(p, r);
}

/* It is rare: see conversation_model.own_came. */
static void end_check_own(const conversation_play *p)
{
	if (p->m.own_came > 5 + p->m.own_may_come / 50)
		check_fail(test_at::current(), "%llu of %llu entries came back to the session that sent them",
		           static_cast<unsigned long long>(p->m.own_came),
		           static_cast<unsigned long long>(p->m.own_may_come));
}

void play_end(conversation_play *p)
{
	for (size_t account = 0; account < p->m.accounts.size(); account++)
		for (size_t device = 0; device < p->m.accounts[account].devices.size(); device++) {
			if (!p->clients.count({account, device}))
				play_login(p, account, device);
			play_settle(p);
			end_read(p, account, device);
		}
	play_settle_marks(p);
	play_settle(p);
	end_signal_all(p);
	if (p->is_strict)
		end_wait_for_presence(p);
	end_check_own(p);
}
