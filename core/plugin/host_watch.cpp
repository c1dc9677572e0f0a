/* SPDX-License-Identifier: MIT
 * Descriptors that plugins watch, and calls that their own threads post to their workers. */
#include <memory>

#include <sys/stat.h>

#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"

/* A descriptor that a plugin watches. It may be unwatched from its own call. */
struct cs_watch {
	struct cs_self *self;
	event_ptr event;
	cs_watch_fn *fn;
	void *arg;
	size_t index; /* index in self->watches */
	bool running;
	bool deleted;
};

static void host_watch_free(struct cs_watch *watch)
{
	const std::unique_ptr<struct cs_watch> owner(watch);
	auto &watches = watch->self->watches;

	watches.back()->index = watch->index;
	watches[watch->index] = watches.back();
	watches.pop_back();
}

static void host_watch_on_event(evutil_socket_t fd, short what, void *arg)
{
	auto *watch = static_cast<struct cs_watch *>(arg);
	const unsigned events = (what & EV_READ ? static_cast<unsigned>(CS_WATCH_READ) : 0) |
	                        (what & EV_WRITE ? static_cast<unsigned>(CS_WATCH_WRITE) : 0);

	watch->running = true;
	{
		const plugin_call call(watch->self, CALL_WATCH);

		watch->fn(watch->self->state, fd, events, watch->arg);
	}
	watch->running = false;
	if (watch->deleted)
		host_watch_free(watch);
}

/* Asks epoll first: libevent prints a line of its own for a descriptor that epoll refuses. */
static bool host_watch_is_possible(int fd)
{
	struct stat status = {};

	return fstat(fd, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

struct cs_watch *host_watch(struct cs_self *self, int fd, unsigned events, cs_watch_fn *fn, void *arg)
{
	const int what = EV_PERSIST | (events & CS_WATCH_READ ? EV_READ : 0) | (events & CS_WATCH_WRITE ? EV_WRITE : 0);

	if (!host_watch_is_possible(fd) || events == 0 || (events & ~(CS_WATCH_READ | CS_WATCH_WRITE)))
		return nullptr;
	auto watch = std::make_unique<struct cs_watch>();

	watch->self = self;
	watch->fn = fn;
	watch->arg = arg;
	watch->index = self->watches.size();
	watch->event.reset(event_new(self->worker->loop.base.get(), fd, static_cast<short>(what), host_watch_on_event,
	                             watch.get()));
	if (!watch->event || event_add(watch->event.get(), nullptr) == -1)
		return nullptr;
	self->watches.push_back(watch.get());
	return watch.release();
}

void host_unwatch(struct cs_self *, struct cs_watch *watch)
{
	if (!watch)
		return;
	if (!watch->running)
		return host_watch_free(watch);
	watch->deleted = true;
	(void)event_del(watch->event.get());
}

void host_watches_free(struct cs_self *self)
{
	while (!self->watches.empty())
		host_watch_free(self->watches.back());
}

/* ---- posts */

struct host_posted {
	struct cs_self *self;
	cs_post_fn *fn;
	void *arg;
};

/* Does not call fn if start() failed: the instance has no state then. */
static void host_post_run(void *arg)
{
	const std::unique_ptr<struct host_posted> p(static_cast<struct host_posted *>(arg));

	p->self->under_way.fetch_sub(1, std::memory_order_relaxed);
	if (!p->self->started)
		return;
	const plugin_call call(p->self, CALL_POST);

	p->fn(p->self->state, p->arg);
}

int host_post(struct cs_self *self, cs_post_fn *fn, void *arg)
{
	auto p = std::make_unique<struct host_posted>(host_posted{self, fn, arg});
	std::scoped_lock lock(self->mutex);

	/* Under the lock, so that host_posts_end finds every accepted post in the loop. */
	if (self->posts_ended)
		return CS_ECANCELED;
	self->under_way.fetch_add(1, std::memory_order_relaxed);
	loop_post(&self->worker->loop, host_post_run, p.release());
	return 0;
}

void host_posts_refuse(struct cs_self *self)
{
	std::scoped_lock lock(self->mutex);

	self->posts_ended = true;
}

void host_posts_end(struct cs_self *self)
{
	host_posts_refuse(self);
	loop_drain(&self->worker->loop);
}
