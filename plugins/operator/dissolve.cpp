/* SPDX-License-Identifier: MIT
 * GROUP_DISSOLVE: removes the members of a group as its creator would, some with each request, and the creator at last.
 *
 * First nobody joins without an invitation any more, so there is an end. A group that is dissolved in part is a group
 * as any other: the next request goes on, whoever sends it, on any node. */
#include "operator.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "../model/roles.h"

/* Members that a request removes; the writer may store them in one transaction. */
static constexpr size_t operator_dissolve_most = 20;

/* A change under way. */
struct operator_dissolve_step {
	struct operator_dissolve *of;
	uint64_t account; /* to be removed */
	bool is_last; /* it is the creator */
};

struct operator_dissolve {
	operator_group_order order;
	std::vector<uint64_t> others;
	std::vector<operator_dissolve_step> steps;
	size_t waiting = 0; /* steps under way */
	uint64_t removed = 0;
	bool ended = false;
	int failure = 0; /* of the last step that failed */

	operator_dissolve(operator_plugin *p, const cs_frame *frame) : order(p, frame) {}
};

/* ---- the effects, on writer threads */

static int operator_dissolve_result(int outcome)
{
	switch (outcome) {
	case MODEL_NONE: return CS_ERRNO_NO_SUCH_GROUP;
	case GROUP_IS_THERE:
	case GROUP_HAND_OVER:
	case GROUP_NOT_ALLOWED: return CS_EFFECT_IS_THERE; /* another request, or a person, was faster */
	case GROUP_NO_ENTRY: return CS_EFFECT_NO_ENTRY;
	default: return outcome;
	}
}

static int operator_close_effect(cs_db *db, cs_effect *effect, void *)
{
	group_settings settings;
	int result = group_creator(db, effect->conversation, &effect->actor);

	settings.invite_only = true;
	if (!result)
		result =
			group_change(db, {effect->actor, effect->conversation, effect->seq, effect->created}, settings);
	return operator_dissolve_result(result);
}

static int operator_remove_effect(cs_db *db, cs_effect *effect, void *arg)
{
	const auto *step = static_cast<const operator_dissolve_step *>(arg);
	bool left = false;
	int result = group_creator(db, effect->conversation, &effect->actor);

	/* The group was handed over meanwhile: the next request reads it again. */
	if (!result && (step->account == effect->actor) != step->is_last)
		return CS_EFFECT_IS_THERE;
	if (!result)
		result = group_remove_member(db, {effect->actor, effect->conversation, effect->seq, effect->created},
		                             step->account, false, &left);
	if (!result && left)
		effect->leaves = step->account;
	return operator_dissolve_result(result);
}

/* ---- the end of a request */

static void operator_log_dissolve(const operator_dissolve &d)
{
	const plugin_context &c = d.order.plugin->context;
	const auto group = static_cast<unsigned long long>(d.order.card.id),
		   removed = static_cast<unsigned long long>(d.removed);
	const char *ended = d.ended ? "yes" : "no";

	c.host->log(c.self, CS_LOG_INFO, "order verb=group_dissolve by=%s group=%llu removed=%llu ended=%s",
	            d.order.peer.text, group, removed, ended);
	c.host->audit(c.self, "order", "verb=group_dissolve peer=%s group=%llu removed=%llu ended=%s",
	              d.order.peer.text, group, removed, ended);
}

static void operator_dissolve_answer(const operator_dissolve &d)
{
	const group_card &card = d.order.card;
	const uint64_t left = d.ended ? 0 : card.members - std::min(card.members, d.removed);
	std::string more = ",\"groupid\":" + std::to_string(card.id) + ",\"groupname\":";

	if (!d.removed && !d.ended && d.failure)
		return operator_fail_group(d.order, d.failure);
	operator_log_dissolve(d);
	operator_quote(&more, card.name);
	more += ",\"removed\":" + std::to_string(d.removed) + ",\"left\":" + std::to_string(left) +
	        ",\"ended\":" + (d.ended ? "true" : "false");
	operator_done(d.order.plugin->context, d.order.conn, d.order.request, more);
}

/* ---- the steps */

static void operator_dissolve_removed(void *arg, int result, uint64_t, const cs_effect *)
{
	const auto *step = static_cast<const operator_dissolve_step *>(arg);
	operator_dissolve *d = step->of;

	if (result == 0)
		d->removed++;
	else if (result != CS_EFFECT_IS_THERE)
		d->failure = result;
	/* Another request was faster. */
	if ((result == 0 && step->is_last) || result == CS_ERRNO_NO_SUCH_GROUP)
		d->ended = true;
	if (--d->waiting)
		return;
	const std::unique_ptr<operator_dissolve> owned(d);
	operator_dissolve_answer(*d);
}

static int operator_dissolve_change(operator_dissolve *d, uint32_t msgid, const std::string &members,
                                    cs_effect_fn *effect, cs_mailbox_changed_fn *done, void *arg)
{
	const operator_plugin *p = d->order.plugin;
	cs_mailbox_change change = {};

	change.group = d->order.card.id;
	change.msgid = msgid;
	change.members = members.data();
	change.members_size = members.size();
	change.effect = effect;
	return p->mailbox->change(p->mailbox_context, &change, done, arg);
}

static void operator_dissolve_remove(std::unique_ptr<operator_dissolve> d)
{
	for (const uint64_t account : d->others)
		d->steps.push_back({d.get(), account, false});
	if (d->steps.empty())
		d->steps.push_back({d.get(), d->order.card.creator, true});
	for (operator_dissolve_step &step : d->steps) {
		const int result =
			operator_dissolve_change(d.get(), CS_MSGID_REMOVE_MEMBER,
		                                 ",\"account\":" + std::to_string(step.account) + ",\"operator\":true",
		                                 operator_remove_effect, operator_dissolve_removed, &step);

		d->waiting += result == 0;
		d->failure = result ? result : d->failure;
	}
	if (!d->waiting)
		return operator_dissolve_answer(*d);
	(void)d.release(); /* operator_dissolve_removed owns it now */
}

static void operator_dissolve_closed(void *arg, int result, uint64_t, const cs_effect *)
{
	std::unique_ptr<operator_dissolve> d(static_cast<operator_dissolve *>(arg));

	if (result && result != CS_EFFECT_IS_THERE)
		return operator_fail_group(d->order, result);
	operator_dissolve_remove(std::move(d));
}

static int operator_dissolve_read(cs_db *db, void *arg)
{
	auto *d = static_cast<operator_dissolve *>(arg);
	const int result = group_card_read(db, d->order.named, &d->order.card);

	return result ? result : group_others(db, d->order.card.id, operator_dissolve_most, &d->others);
}

static void operator_dissolve_is_read(void *, cs_conn, int result, void *arg)
{
	std::unique_ptr<operator_dissolve> d(static_cast<operator_dissolve *>(arg));

	if (result)
		return operator_fail_group(d->order, result);
	if (d->order.card.invite_only || d->others.empty())
		return operator_dissolve_remove(std::move(d));
	result = operator_dissolve_change(d.get(), CS_MSGID_SET_GROUP, ",\"join\":\"invite\",\"operator\":true",
	                                  operator_close_effect, operator_dissolve_closed, d.get());
	if (result)
		return operator_fail_group(d->order, result);
	(void)d.release(); /* operator_dissolve_closed owns it now */
}

int operator_on_group_dissolve(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto d = std::make_unique<operator_dissolve>(p, frame);

	if (const int result = operator_get_group(c, frame, &d->order.named))
		return result;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_dissolve_read,
	                                operator_dissolve_is_read, d.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)d.release(); /* operator_dissolve_is_read owns it now */
	return CS_PENDING;
}
