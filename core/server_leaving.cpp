/* SPDX-License-Identifier: MIT
 * Plugins that were replaced or refused: looks at their instances until these have finished, then unloads the files. */
#include "core/server.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/log.h"

/* Most have finished at the first look. The others are looked at less and less often: each look wakes every worker. */
static constexpr int64_t server_first_look_ms = 10;
static constexpr int64_t server_longest_look_ms = 1000;
static constexpr int64_t server_tell_leaving_ms = 30000; /* a plugin that has not finished then is told of, once */

/* Goes to one worker and back to the main loop. */
struct leaving_question {
	struct server *server;
	struct worker *worker;
	std::vector<const struct plugin *> left;
};

static void server_tell_leaving(struct plugin *p, int64_t now)
{
	if (p->left_told || now - p->left_ms < server_tell_leaving_ms)
		return;
	p->left_told = true;
	log_warning("plugin=%s version=%s was replaced and does not finish: it stays in memory s=%lld", p->name.c_str(),
	            p->declared.version, static_cast<long long>((now - p->left_ms) / 1000));
}

static void server_set_look_timer(struct leaving *l)
{
	const struct timeval time {
		.tv_sec = l->pause_ms / 1000, .tv_usec = l->pause_ms % 1000 * 1000
	};

	if (!l->timer || event_add(l->timer.get(), &time) == -1)
		log_error("cannot set a timer: plugins that were replaced stay in memory");
	l->pause_ms = std::min(l->pause_ms * 2, server_longest_look_ms);
}

/* Unloads those of which no worker has an instance. */
static void server_end_look(struct server *s)
{
	const int64_t now = worker_monotonic_ms();
	struct leaving *l = &s->leaving;

	for (const auto &p : s->plugins.leaving)
		server_tell_leaving(p.get(), now);
	std::erase_if(s->plugins.leaving, [s, l](const auto &p) {
		const bool is_left = std::find(l->left.begin(), l->left.end(), p.get()) != l->left.end();

		if (is_left || p->left_look == l->look)
			return false;
		s->watch.told.erase(&p->declared);
		log_debug("plugin unloaded plugin=%s version=%s", p->name.c_str(), p->declared.version);
		return true;
	});
	if (s->plugins.leaving.empty())
		l->timer.reset();
	else
		server_set_look_timer(l);
}

static void server_leaving_answered(void *arg)
{
	const std::unique_ptr<struct leaving_question> q(static_cast<struct leaving_question *>(arg));
	struct leaving *l = &q->server->leaving;

	l->left.insert(l->left.end(), q->left.begin(), q->left.end());
	if (--l->missing == 0)
		server_end_look(q->server);
}

static void server_look_at_worker(void *arg)
{
	auto *q = static_cast<struct leaving_question *>(arg);

	plugin_look_leaving(q->worker, &q->left);
	loop_post(&q->server->main, server_leaving_answered, q);
}

static void server_look_leaving(evutil_socket_t, short, void *arg)
{
	auto *s = static_cast<struct server *>(arg);
	struct leaving *l = &s->leaving;

	l->look++;
	l->left.clear();
	l->missing = static_cast<unsigned>(s->shared.workers.size());
	for (const auto &w : s->shared.workers) {
		auto q = std::make_unique<struct leaving_question>(leaving_question{s, w.get(), {}});

		loop_post(&w->loop, server_look_at_worker, q.release());
	}
}

void server_watch_leaving(struct server *s)
{
	struct leaving *l = &s->leaving;

	for (const auto &p : s->plugins.leaving) {
		if (p->left_ms != 0)
			continue;
		p->left_ms = worker_monotonic_ms();
		p->left_look = l->look;
		l->pause_ms = server_first_look_ms;
	}
	if (s->plugins.leaving.empty())
		return;
	if (!l->timer)
		l->timer.reset(evtimer_new(s->main.base.get(), server_look_leaving, s));
	if (l->missing == 0) /* else the end of the look sets it */
		server_set_look_timer(l);
}
