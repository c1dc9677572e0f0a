/* SPDX-License-Identifier: MIT
 * PURGE: removes what was stored before a day, in all conversations or in one group, little by little beside the
 * messages of people.
 *
 * It ends with the server: asked again, it begins at the first conversation, finds nothing in those that are done, and
 * goes on. Two nodes that do it at once remove the same entries. */
#include "operator.h"

#include <algorithm>
#include <memory>

static constexpr size_t operator_purge_looks = 200; /* conversations a read */
static constexpr size_t operator_purge_entries = 50; /* removed in one transaction, at most */
/* As retention: the writer has most of its time for messages, also if the store is slow. */
static constexpr int64_t operator_purge_pause = 20, operator_purge_pause_times = 8; /* ms, and times of a step */
static constexpr int64_t operator_purge_again_after_failure = 1000; /* ms */
/* A store may be away for minutes; what is damaged in it has the same result. */
static constexpr unsigned operator_purge_tries = 600;

struct operator_purge_work {
	int64_t begun; /* ms, monotonic */
	bool looks;
	retention_look look;
	retention_purge purge;
};

static void operator_purge_step(void *state, void *);

static void operator_purge_plan(operator_plugin *p, int64_t ms)
{
	p->purge.timer = p->context.host->timer_add(p->context.self, ms, 0, operator_purge_step, nullptr);
}

static int operator_purge_run(cs_db *db, void *arg)
{
	auto *work = static_cast<operator_purge_work *>(arg);

	return work->looks ? retention_find(db, &work->look) : retention_remove(db, &work->purge);
}

static void operator_purge_take(operator_purge *purge, operator_purge_work *work)
{
	if (work->looks) {
		purge->old = std::move(work->look.old);
		if (purge->group)
			std::erase_if(purge->old,
			              [=](const retention_old &old) { return old.conversation != purge->group; });
		std::reverse(purge->old.begin(), purge->old.end());
		purge->conversations += purge->old.size();
		purge->after = work->look.after;
		purge->all_looked = purge->group || !work->look.more;
		return;
	}
	purge->removed += work->purge.purged;
	if (!work->purge.more)
		purge->old.pop_back();
}

static void operator_purge_end(operator_plugin *p)
{
	const plugin_context &c = p->context;

	p->purge.running = false;
	c.host->log(c.self, p->purge.failures ? CS_LOG_WARNING : CS_LOG_INFO,
	            "a purge has ended before=%lld group=%llu conversations=%llu entries=%llu failures=%llu",
	            static_cast<long long>(p->purge.before), static_cast<unsigned long long>(p->purge.group),
	            static_cast<unsigned long long>(p->purge.conversations),
	            static_cast<unsigned long long>(p->purge.removed),
	            static_cast<unsigned long long>(p->purge.failures));
}

static bool operator_purge_may_work_later(int result)
{
	return result == CS_ENOSTORE || result == CS_EUNKNOWN || result == CS_EBUSY;
}

/* A conversation whose entries cannot be removed is passed by, but not at once if the store may be away. */
static void operator_purge_has_failed(operator_plugin *p, int result)
{
	operator_purge *purge = &p->purge;

	purge->tries++;
	if (!purge->old.empty() && (!operator_purge_may_work_later(result) || purge->tries >= operator_purge_tries)) {
		purge->failures++;
		purge->tries = 0;
		purge->old.pop_back();
		if (purge->old.empty() && purge->all_looked)
			return operator_purge_end(p);
	}
	operator_purge_plan(p, operator_purge_again_after_failure);
}

static void operator_purge_was_run(void *state, cs_conn, int result, void *arg)
{
	auto *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<operator_purge_work> work(static_cast<operator_purge_work *>(arg));
	const int64_t took = p->context.host->monotonic() - work->begun;

	p->purge.working = false;
	if (result == CS_ECANCELED)
		return;
	if (result)
		return operator_purge_has_failed(p, result);
	p->purge.tries = 0;
	operator_purge_take(&p->purge, work.get());
	if (p->purge.old.empty() && p->purge.all_looked)
		return operator_purge_end(p);
	operator_purge_plan(p, std::max(operator_purge_pause, took * operator_purge_pause_times));
}

static void operator_purge_step(void *state, void *)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto work = std::make_unique<operator_purge_work>();

	p->purge.timer = nullptr;
	work->begun = c.host->monotonic();
	work->looks = p->purge.old.empty();
	work->look.before = p->purge.before;
	work->look.most = p->purge.group ? 1 : operator_purge_looks;
	work->look.after = p->purge.group ? p->purge.group - 1 : p->purge.after;
	work->purge.most = operator_purge_entries;
	if (!work->looks) {
		work->purge.conversation = p->purge.old.back().conversation;
		work->purge.before = p->purge.old.back().before;
	}
	if (c.host->work(c.self, 0, work->looks ? CS_WORK_READ : CS_WORK_WRITE, operator_purge_run,
	                 operator_purge_was_run, work.get()))
		return operator_purge_plan(p, operator_purge_again_after_failure);
	p->purge.working = true;
	(void)work.release(); /* operator_purge_was_run owns it now */
}

void operator_purge_stop(operator_plugin *p)
{
	const plugin_context &c = p->context;

	if (p->purge.timer)
		c.host->timer_del(c.self, p->purge.timer);
	if (p->purge.running)
		c.host->log(c.self, CS_LOG_WARNING, "a purge was not finished: order it again before=%lld entries=%llu",
		            static_cast<long long>(p->purge.before), static_cast<unsigned long long>(p->purge.removed));
}

/* ---- the order */

static std::string operator_purge_text(const operator_purge &purge)
{
	return ",\"before\":" + std::to_string(purge.before) +
	       (purge.group ? ",\"groupid\":" + std::to_string(purge.group) : "") +
	       ",\"running\":" + (purge.running ? "true" : "false") +
	       ",\"conversations\":" + std::to_string(purge.conversations) +
	       ",\"entries\":" + std::to_string(purge.removed) + ",\"failures\":" + std::to_string(purge.failures);
}

static void operator_purge_begin(operator_plugin *p, const std::string &by, int64_t before, uint64_t group)
{
	const plugin_context &c = p->context;

	p->purge = {};
	p->purge.before = before;
	p->purge.group = group;
	p->purge.running = true;
	c.host->log(c.self, CS_LOG_INFO, "order verb=purge by=%s before=%lld group=%llu", by.c_str(),
	            static_cast<long long>(before), static_cast<unsigned long long>(group));
	c.host->audit(c.self, "order", "verb=purge peer=%s before=%lld group=%llu", by.c_str(),
	              static_cast<long long>(before), static_cast<unsigned long long>(group));
	operator_purge_plan(p, 0);
}

/* The same order again is harmless. 0, or CS_REJECT after the request was refused. */
static int operator_purge_order(operator_plugin *p, cs_conn conn, const cs_request &request, int64_t before,
                                uint64_t group)
{
	const plugin_context &c = p->context;

	if (p->purge.running && (before != p->purge.before || group != p->purge.group))
		return c.host->refuse(c.self, conn, &request, CS_ERRNO_BUSY, "another purge is under way");
	if (!p->purge.running)
		operator_purge_begin(p, operator_peer(c, conn), before, group);
	return 0;
}

static int operator_purge_read_group(cs_db *db, void *arg)
{
	auto *order = static_cast<operator_group_order *>(arg);

	return group_card_read(db, order->named, &order->card);
}

static void operator_purge_group_was_read(void *state, cs_conn conn, int result, void *arg)
{
	auto *p = static_cast<operator_plugin *>(state);
	const std::unique_ptr<operator_group_order> order(static_cast<operator_group_order *>(arg));
	const plugin_context &c = p->context;

	if (result)
		return operator_fail_group(*order, result);
	if (operator_purge_order(p, conn, order->request, order->ms, order->card.id) == 0)
		c.host->answer(c.self, conn, &order->request, operator_purge_text(p->purge).c_str());
	(void)c.host->finish(c.self, conn);
}

static int operator_purge_find_group(operator_plugin *p, const cs_frame *frame, int64_t before)
{
	const plugin_context &c = p->context;
	auto order = std::make_unique<operator_group_order>(p, frame);

	order->ms = before;
	if (const int result = operator_get_group(c, frame, &order->named))
		return result;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_purge_read_group,
	                                operator_purge_group_was_read, order.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* operator_purge_group_was_read owns it now */
	return CS_PENDING;
}

int operator_on_purge(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	int64_t before = 0;
	int result = operator_check_req(c, frame);

	if (!result)
		result = field_integer(c, frame, "before", FIELD_OPTIONAL, 1, &before);
	if (!result && before > c.host->now())
		result = c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                        "before must not be in the future");
	if (!result && before && (c.host->has(frame, "groupid") || c.host->has(frame, "groupname")))
		return operator_purge_find_group(p, frame, before);
	if (!result && before)
		result = operator_purge_order(p, frame->conn, frame->request, before, 0);
	if (result)
		return result;
	c.host->answer(c.self, frame->conn, &frame->request, operator_purge_text(p->purge).c_str());
	return CS_DONE;
}
