/* SPDX-License-Identifier: MIT
 * ACCOUNT_ERASE, and the work behind it: the first worker of a node takes one account after the other, in short steps
 * with pauses. At last the plugins remove what they keep about it. In a cluster the nodes share the work by leases; one
 * that ends is replaced by another. An account that cannot be erased now waits for the end of a lease, and nobody waits
 * for it. */
#include <algorithm>
#include <memory>
#include <string>

#include "../model/accounts.h"
#include "../model/erasing.h"
#include "../model/roles.h"
#include "../shared/account.h"
#include "operator.h"

static constexpr size_t operator_erase_most = 1000; /* entries that a step looks at */
static constexpr size_t operator_erase_most_own = 200; /* entries that a step blanks */
/* ms; longer than a step and its pause take, and than the plugins and their pause */
static constexpr int64_t operator_erase_lease = 5000, operator_erase_asked_lease = 20000;
/* A step is followed by a pause of at least so long, and of so many times the time that the step took. */
static constexpr int64_t operator_erase_pause = 10, operator_erase_pause_times = 4; /* ms */
static constexpr int64_t operator_erase_longest_rest = 2500; /* ms; such a pause is not longer */
static constexpr size_t operator_erase_most_rows = 200; /* that a plugin removes in a step */
static constexpr int64_t operator_erase_again = 2000; /* ms, when the store cannot do it now */
/* An account whose erasing has failed is tried again after a pause, and each further pause is twice as long. */
static constexpr int64_t operator_erase_first_pause = 500, operator_erase_longest_pause = 600000; /* ms */
static constexpr unsigned operator_erase_most_doublings = 11;
static constexpr unsigned operator_erase_tries = 3; /* then it is logged */
static constexpr int64_t operator_erase_rest = 3000; /* ms, until it is looked for accounts again */

static void operator_erase_look(void *state, void *);
static void operator_erase_step(void *state, void *);
static void operator_erase_put_by(operator_plugin *p, const operator_erase_trouble &trouble, int result);

static void operator_erase_plan(operator_plugin *p, int64_t ms, cs_timer_fn *fn)
{
	const plugin_context &c = p->context;

	if (p->erase.timer)
		c.host->timer_del(c.self, p->erase.timer);
	p->erase.timer = c.host->timer_add(c.self, ms, 0, fn, nullptr);
}

/* It is tried again. What the store cannot do is logged by the server. */
static void operator_erase_put_off(operator_plugin *p, const char *what, int result, cs_timer_fn *fn)
{
	p->context.host->log(p->context.self, CS_LOG_DEBUG, "erasing is put off step=%s account=%llu result=%d", what,
	                     static_cast<unsigned long long>(p->erase.row.account), result);
	operator_erase_plan(p, operator_erase_again, fn);
}

/* What has failed before is done. */
static void operator_erase_has_done(operator_plugin *p, operator_erase_part part)
{
	const auto found = p->erase.troubles.find(p->erase.row.account);

	if (found != p->erase.troubles.end() && found->second.part == part)
		p->erase.troubles.erase(found);
}

/* ---- the sessions of the account */

static constexpr char operator_erase_head = 'X';

/* Again with each step: one may have been on its way to another node. */
static void operator_erase_end_sessions(const operator_plugin *p, uint64_t account)
{
	const cs_parcel parcel = {&operator_erase_head, sizeof operator_erase_head, nullptr};

	(void)p->context.host->route(p->context.self, account, CS_EVERY_DEVICE, &parcel, 0);
}

void operator_erase_on_routed(const operator_plugin *p, cs_conn conn, const cs_parcel *parcel)
{
	if (conn && parcel->head_size == 1 && *static_cast<const char *>(parcel->head) == operator_erase_head)
		(void)p->context.host->close(p->context.self, conn, "the account is erased");
}

/* ---- leaving a group, by an entry of its log */

struct operator_erase_leaving {
	operator_plugin *plugin = nullptr;
	uint64_t account = 0, group = 0, heir = 0;
};

/* What others have changed meanwhile is no failure: the next step looks again. */
static int operator_erase_effect_of(int result)
{
	return result <= 0 ? result : int{CS_EFFECT_IS_THERE};
}

static int operator_erase_hand_over(cs_db *db, cs_effect *effect, void *arg)
{
	const auto *leaving = static_cast<const operator_erase_leaving *>(arg);
	const group_act act = {leaving->account, leaving->group, effect->seq, effect->created};

	return operator_erase_effect_of(group_set_role(db, act, leaving->heir, GROUP_CREATOR));
}

static int operator_erase_leave(cs_db *db, cs_effect *effect, void *arg)
{
	const auto *leaving = static_cast<const operator_erase_leaving *>(arg);
	const group_act act = {leaving->account, leaving->group, effect->seq, effect->created};
	bool left = false;
	const int result = group_remove_member(db, act, leaving->account, false, &left);

	effect->leaves = left ? leaving->account : 0;
	return operator_erase_effect_of(result);
}

/* As the plugin group does it. */
static void operator_erase_audit(const operator_erase_leaving &leaving)
{
	const plugin_context &c = leaving.plugin->context;
	const auto group = static_cast<unsigned long long>(leaving.group),
		   account = static_cast<unsigned long long>(leaving.account),
		   heir = static_cast<unsigned long long>(leaving.heir);

	if (leaving.heir)
		c.host->audit(c.self, "role_changed", "group=%llu account=%llu by=%llu role=creator", group, heir,
		              account);
	else
		c.host->audit(c.self, "group_left", "group=%llu account=%llu", group, account);
}

static void operator_erase_has_left(void *arg, int result, uint64_t, const cs_effect *)
{
	const std::unique_ptr<operator_erase_leaving> leaving(static_cast<operator_erase_leaving *>(arg));
	operator_plugin *p = leaving->plugin;

	p->erase.working = false;
	if (result == CS_ECANCELED)
		return;
	if (result)
		return operator_erase_put_by(p, {OPERATOR_ERASE_GROUP, leaving->group, ""}, result);
	operator_erase_has_done(p, OPERATOR_ERASE_GROUP);
	operator_erase_audit(*leaving);
	operator_erase_plan(p, operator_erase_pause, operator_erase_step);
}

static int operator_erase_begin_leaving(operator_plugin *p, uint64_t account, uint64_t group, uint64_t heir)
{
	auto leaving = std::make_unique<operator_erase_leaving>();
	const std::string members =
		",\"account\":" + std::to_string(heir ? heir : account) + (heir ? ",\"role\":\"creator\"" : "");
	cs_mailbox_change change = {};

	*leaving = {p, account, group, heir};
	change.group = group;
	change.msgid = heir ? CS_MSGID_SET_ROLE : CS_MSGID_REMOVE_MEMBER;
	change.account = account;
	change.members = members.data();
	change.members_size = members.size();
	change.effect = heir ? operator_erase_hand_over : operator_erase_leave;
	const int result = p->mailbox->change(p->mailbox_context, &change, operator_erase_has_left, leaving.get());
	if (!result)
		(void)leaving.release(); /* operator_erase_has_left owns it now */
	return result;
}

/* ---- what plugins keep about the account */

struct operator_erase_question {
	cs_erasing erasing = {};
	int64_t begun = 0; /* ms, monotonic */
};

static int64_t operator_erase_pause_after(const operator_plugin *p, int64_t begun)
{
	const int64_t took = p->context.host->monotonic() - begun;

	return std::clamp(took * operator_erase_pause_times, operator_erase_pause, operator_erase_longest_rest);
}

static void operator_erase_were_asked(void *state, cs_conn, int result, void *arg)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<operator_erase_question> question(static_cast<operator_erase_question *>(arg));
	const char *plugin = question->erasing.plugin;

	p->erase.working = false;
	if (result == CS_ECANCELED)
		return;
	if (result && !*plugin)
		return operator_erase_put_off(p, "plugins", result, operator_erase_step);
	if (result)
		return operator_erase_put_by(p, {OPERATOR_ERASE_PLUGIN, 0, plugin}, result);
	p->erase.plugins_asked = !question->erasing.more;
	operator_erase_plan(
		p, p->erase.plugins_asked ? operator_erase_pause : operator_erase_pause_after(p, question->begun),
		operator_erase_step);
}

static void operator_erase_ask(operator_plugin *p, uint64_t account)
{
	const plugin_context &c = p->context;
	auto question = std::make_unique<operator_erase_question>();

	question->erasing.account = account;
	question->erasing.most = operator_erase_most_rows;
	question->begun = c.host->monotonic();
	if (const int result = c.host->ask_erase(c.self, &question->erasing, operator_erase_were_asked, question.get()))
		return operator_erase_put_off(p, "plugins", result, operator_erase_step);
	p->erase.working = true;
	(void)question.release(); /* operator_erase_were_asked owns it now */
}

/* ---- a step */

struct operator_erase_work {
	erasing_step step;
	operator_erase_trouble trouble; /* why it is put by */
	int result = 0; /* of that */
	int64_t begun = 0; /* ms, monotonic */
};

static int operator_erase_run(cs_db *db, void *arg)
{
	return erasing_run(db, &static_cast<operator_erase_work *>(arg)->step);
}

static void operator_erase_ended(operator_plugin *p)
{
	const plugin_context &c = p->context;
	const auto account = static_cast<unsigned long long>(p->erase.row.account);
	const auto entries = static_cast<unsigned long long>(p->erase.blanked);

	c.host->log(c.self, CS_LOG_INFO, "account erased account=%llu entries=%llu", account, entries);
	c.host->audit(c.self, "account_erased", "account=%llu entries=%llu", account, entries);
	p->erase.troubles.erase(p->erase.row.account);
	p->erase.row = {};
	operator_erase_plan(p, operator_erase_pause, operator_erase_look);
}

static void operator_erase_leave_group(operator_plugin *p, const erasing_step &step)
{
	const int result = operator_erase_begin_leaving(p, step.row.account, step.group, step.heir);

	p->erase.working = result == 0;
	if (result == CS_EBUSY || result == CS_ECANCELED)
		operator_erase_put_off(p, "group", result, operator_erase_step);
	else if (result)
		operator_erase_put_by(p, {OPERATOR_ERASE_GROUP, step.group, ""}, result);
}

static void operator_erase_take(operator_plugin *p, const operator_erase_work &work)
{
	const erasing_step &step = work.step;

	p->erase.row.lease = erasing_lease_of(step);
	p->erase.blanked += step.blanked;
	operator_erase_end_sessions(p, step.row.account);
	if (!step.group && !step.rests)
		operator_erase_has_done(p, OPERATOR_ERASE_ENTRIES);
	if (step.ended)
		operator_erase_ended(p);
	else if (step.rests)
		operator_erase_ask(p, step.row.account);
	else if (!step.group)
		operator_erase_plan(p, operator_erase_pause_after(p, work.begun), operator_erase_step);
	else
		operator_erase_leave_group(p, step);
}

/* Another node has the lease: MODEL_NONE. */
static void operator_erase_was_run(void *state, cs_conn, int result, void *arg)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<operator_erase_work> work(static_cast<operator_erase_work *>(arg));

	p->erase.working = false;
	if (result == 0)
		return operator_erase_take(p, *work);
	if (result < 0 && result != CS_ECANCELED)
		return operator_erase_put_by(p, {OPERATOR_ERASE_ENTRIES, 0, ""}, result);
	if (result > 0)
		operator_erase_put_off(p, "entries", result, operator_erase_look);
	p->erase.row = {};
}

static void operator_erase_step(void *state, void *)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto work = std::make_unique<operator_erase_work>();

	p->erase.timer = nullptr;
	work->step.row = p->erase.row;
	work->step.until = c.host->now() + operator_erase_lease;
	work->step.until_asked = c.host->now() + operator_erase_asked_lease;
	work->step.most = operator_erase_most;
	work->step.most_own = operator_erase_most_own;
	work->step.plugins_asked = p->erase.plugins_asked;
	work->begun = c.host->monotonic();
	if (c.host->work(c.self, 0, CS_WORK_WRITE, operator_erase_run, operator_erase_was_run, work.get())) {
		operator_erase_plan(p, operator_erase_again, operator_erase_step);
		return;
	}
	p->erase.working = true;
	(void)work.release(); /* operator_erase_was_run owns it now */
}

/* ---- an account that cannot be erased now: it gets a lease, so that the others come first. If the store takes that,
 * it is the account's own trouble; else the store's, and all wait. */

static bool operator_erase_is_same(const operator_erase_trouble &a, const operator_erase_trouble &b)
{
	return a.part == b.part && a.group == b.group && a.plugin == b.plugin;
}

static void operator_erase_log_trouble(const operator_plugin *p, uint64_t account,
                                       const operator_erase_trouble &trouble, int result)
{
	const plugin_context &c = p->context;
	const auto id = static_cast<unsigned long long>(account),
		   group = static_cast<unsigned long long>(trouble.group);

	switch (trouble.part) {
	case OPERATOR_ERASE_ENTRIES:
		c.host->log(c.self, CS_LOG_WARNING,
		            "what an account has said cannot be erased, this is tried again later; see chatctl check"
		            " account=%llu result=%d",
		            id, result);
		break;
	case OPERATOR_ERASE_GROUP:
		c.host->log(c.self, CS_LOG_WARNING,
		            "an account cannot leave a group, its erasing is tried again later; see chatctl check"
		            " account=%llu group=%llu result=%d",
		            id, group, result);
		break;
	case OPERATOR_ERASE_PLUGIN:
		c.host->log(c.self, CS_LOG_WARNING,
		            "a plugin cannot remove what it keeps about an account, whose erasing is tried again later"
		            " account=%llu keeper=%s result=%d",
		            id, trouble.plugin.c_str(), result);
		break;
	}
}

static void operator_erase_count_failure(operator_plugin *p, const operator_erase_work &work)
{
	operator_erase_trouble *known = &p->erase.troubles[work.step.row.account];

	if (!operator_erase_is_same(*known, work.trouble))
		*known = work.trouble;
	if (++known->failures == operator_erase_tries)
		operator_erase_log_trouble(p, work.step.row.account, *known, work.result);
}

static int operator_erase_put_by_run(cs_db *db, void *arg)
{
	return erasing_put_by(db, static_cast<const operator_erase_work *>(arg)->step);
}

static void operator_erase_was_put_by(void *state, cs_conn, int result, void *arg)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<operator_erase_work> work(static_cast<operator_erase_work *>(arg));

	p->erase.working = false;
	p->erase.row = {};
	if (result == CS_ECANCELED)
		return;
	if (result == 0)
		operator_erase_count_failure(p, *work);
	operator_erase_plan(p, result < 0 ? operator_erase_again : operator_erase_pause, operator_erase_look);
}

static int64_t operator_erase_pause_of(const operator_plugin *p, uint64_t account)
{
	const auto found = p->erase.troubles.find(account);
	const unsigned doublings = found == p->erase.troubles.end() ? 0 : found->second.failures;

	return std::min(operator_erase_first_pause << std::min(doublings, operator_erase_most_doublings),
	                operator_erase_longest_pause);
}

static void operator_erase_put_by(operator_plugin *p, const operator_erase_trouble &trouble, int result)
{
	const plugin_context &c = p->context;
	auto work = std::make_unique<operator_erase_work>();

	work->step.row = p->erase.row;
	work->step.until = c.host->now() + operator_erase_pause_of(p, p->erase.row.account);
	work->trouble = trouble;
	work->result = result;
	if (c.host->work(c.self, 0, CS_WORK_WRITE, operator_erase_put_by_run, operator_erase_was_put_by, work.get())) {
		operator_erase_plan(p, operator_erase_again, operator_erase_step);
		return;
	}
	p->erase.working = true;
	(void)work.release(); /* operator_erase_was_put_by owns it now */
}

/* ---- which account */

static int operator_erase_find(cs_db *db, void *arg)
{
	return erasing_find(db, static_cast<erasing_row *>(arg));
}

/* Who alone has the store need not wait for a lease from before a restart: it is its own. */
static void operator_erase_found(void *state, cs_conn, int result, void *arg)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<erasing_row> row(static_cast<erasing_row *>(arg));
	const plugin_context &c = p->context;
	const int64_t left = row->lease - c.host->now();

	p->erase.working = false;
	if (result == CS_ECANCELED)
		return;
	if (result && result != MODEL_NONE)
		return operator_erase_plan(p, operator_erase_again, operator_erase_look);
	if (result == MODEL_NONE) {
		p->erase.troubles.clear();
		return operator_erase_plan(p, operator_erase_rest, operator_erase_look);
	}
	if (left > 0 && (!c.host->store_is_exclusive(c.self) || p->erase.troubles.contains(row->account)))
		return operator_erase_plan(p, std::min(left + 1, operator_erase_rest), operator_erase_look);
	p->erase.row = *row;
	p->erase.blanked = 0;
	p->erase.plugins_asked = false;
	operator_erase_plan(p, operator_erase_pause, operator_erase_step);
}

static void operator_erase_look(void *state, void *)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto row = std::make_unique<erasing_row>();

	p->erase.timer = nullptr;
	if (c.host->work(c.self, 0, CS_WORK_READ, operator_erase_find, operator_erase_found, row.get())) {
		operator_erase_plan(p, operator_erase_again, operator_erase_look);
		return;
	}
	p->erase.working = true;
	(void)row.release(); /* operator_erase_found owns it now */
}

void operator_erase_start(operator_plugin *p)
{
	if (p->context.host->worker(p->context.self) == 0)
		operator_erase_plan(p, operator_erase_pause, operator_erase_look);
}

void operator_erase_stop(operator_plugin *p)
{
	if (p->erase.timer)
		p->context.host->timer_del(p->context.self, p->erase.timer);
}

/* ---- ACCOUNT_ERASE */

struct operator_erase_order {
	cs_request request = {};
	cs_peer peer = {};
	account_named named;
	account_row row;
};

static int operator_erase_order_run(cs_db *db, void *arg)
{
	auto *order = static_cast<operator_erase_order *>(arg);
	const int result = account_find(db, order->named, &order->row);

	return result ? result : erasing_begin(db, order->row.id);
}

static void operator_erase_order_done(void *state, cs_conn conn, int result, void *arg)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<operator_erase_order> order(static_cast<operator_erase_order *>(arg));
	const plugin_context &c = p->context;

	if ((result == 0 || result == CS_EUNKNOWN) && order->row.id)
		operator_erase_end_sessions(p, order->row.id);
	if (result == MODEL_TAKEN) {
		(void)c.host->refuse(c.self, conn, &order->request, CS_ERRNO_NO_SUCH_USER, "the account was erased");
		(void)c.host->finish(c.self, conn);
		return;
	}
	if (result)
		return operator_fail_account(c, conn, order->request, result);
	operator_log_order(c, "account_erase", order->peer.text, order->row.id);
	if (c.host->worker(c.self) == 0 && !p->erase.row.account && !p->erase.working)
		operator_erase_plan(p, operator_erase_pause, operator_erase_look);
	operator_done(c, conn, order->request,
	              ",\"account\":" + std::to_string(order->row.id) + ",\"state\":\"erasing\"");
}

int operator_on_account_erase(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto order = std::make_unique<operator_erase_order>();

	order->request = frame->request;
	(void)c.host->peer(c.self, frame->conn, &order->peer); /* cannot fail: it sent this frame */
	if (const int result = account_named_read(c, frame, &order->named))
		return result;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, operator_erase_order_run,
	                                operator_erase_order_done, order.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* operator_erase_order_done owns it now */
	return CS_PENDING;
}
