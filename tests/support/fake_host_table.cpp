/* SPDX-License-Identifier: MIT
 * The functions of the fake host about sessions, the store, routing, time and services: each records its call and does
 * the little that the contract of plugin.h promises. */
#include "fake_host_internal.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include <sys/stat.h>

#include "core/base/gauge.h"
#include "core/net/ban.h"
#include "core/net/guess.h"
#include "core/net/network.h"

/* ---- sessions */

int fake_fault_take(fake_host *host, fake_fault_place place, bool at_call)
{
	const auto fault = std::find_if(host->faults.begin(), host->faults.end(),
	                                [=](const fake_fault &each) { return each.place == place; });

	if (at_call && host->full.count(place))
		return CS_EBUSY;
	if (fault == host->faults.end() || fault->at_call != at_call || fault->skip-- > 0)
		return 0;
	const int result = fault->result;
	host->faults.erase(fault);
	return result;
}

static int table_claim(cs_self *self, cs_conn conn, const cs_claim *claim, cs_done_fn *done, void *arg)
{
	fake_host *host = self_of(self)->host;
	const bool is_right = claim->device <= CS_DEVICE_MAX &&
	                      std::none_of(std::begin(claim->spare), std::end(claim->spare), std::identity());
	fake_job job;

	fake_host_record(host, {"claim", conn, claim->account, static_cast<int64_t>(claim->generation), claim->name});
	if (const int result = fake_fault_take(host, FAKE_CLAIM, true))
		return result;
	if (fake_conn *c = fake_conn_of(self_of(self), conn); c && c->account == 0)
		c->entering = c->is_adopted && !c->pending;
	job.kind = FAKE_JOB_CLAIM;
	job.worker = self_of(self)->worker;
	job.claim = {
		self_of(self), conn,         claim->account,           claim->device, claim->name, claim->generation,
		claim->want,   claim->flags, is_right ? 0 : CS_EINVAL, done,          arg};
	host->jobs.push_back(std::move(job));
	return 0;
}

static const char *const *table_want_words(cs_self *self)
{
	return self_of(self)->host->want_words.data();
}

static int table_logout(cs_self *self, cs_conn handle)
{
	fake_host *host = self_of(self)->host;
	fake_conn *conn = fake_conn_of(self_of(self), handle);

	if (!conn)
		return CS_ENOENT;
	if (conn->account == 0)
		return CS_EINVAL;
	fake_host_record(host, {"logout", handle, conn->account, 0, ""});
	conn->silence_ms = conn->doubt_ms = 0;
	fake_session_end(host, conn);
	fake_host_defer(host, conn->worker, [=] {
		if (conn->open && conn->ended != 0)
			fake_session_tell_ended(host, conn);
	});
	return 0;
}

static void table_release(cs_self *self, cs_account account, uint64_t device)
{
	const fake_place place = fake_place_of(account, device);
	fake_host *host = self_of(self)->host;

	fake_host_record(host, {"release", 0, account, 0, ""});
	if (fake_host_node(host, self_of(self)->worker)->held.count(place) == 0)
		fake_fail("release() of an account that is not held", self_of(self)->plugin->name);
	fake_place_release(host, self_of(self)->worker, place);
}

static bool is_online(const fake_host *host, cs_account account, uint64_t device)
{
	const auto is_it = [=](const auto &session) {
		return device == CS_EVERY_DEVICE ? fake_place_account(session.first) == account
		                                 : session.first == fake_place_of(account, device);
	};

	return std::any_of(host->nodes.begin(), host->nodes.end(), [=](const fake_node &node) {
		return std::any_of(node.online.begin(), node.online.end(), is_it);
	});
}

static int table_presence_of(cs_self *self, cs_conn conn, cs_account account, const uint64_t *devices,
                             unsigned char *online, size_t count, cs_done_fn *done, void *arg)
{
	const fake_self *asker = self_of(self);
	fake_host *host = asker->host;

	fake_host_record(host, {"presence", conn, account, static_cast<int64_t>(count), ""});
	if (const int result = fake_fault_take(host, FAKE_PRESENCE, true))
		return result;
	fake_host_defer(host, asker->worker, [=] {
		const int result = fake_fault_take(host, FAKE_PRESENCE, false);

		for (size_t i = 0; i < count; i++)
			online[i] = result == 0 && is_online(host, account, devices[i]);
		done(asker->state, conn, result, arg);
	});
	return 0;
}

static int table_presence(cs_self *self, cs_conn conn, const cs_account *accounts, unsigned char *online, size_t count,
                          cs_done_fn *done, void *arg)
{
	const fake_self *asker = self_of(self);
	fake_host *host = asker->host;

	fake_host_record(host, {"presence", conn, 0, static_cast<int64_t>(count), ""});
	if (const int result = fake_fault_take(host, FAKE_PRESENCE, true))
		return result;
	fake_host_defer(host, asker->worker, [=] {
		const int result = fake_fault_take(host, FAKE_PRESENCE, false);

		for (size_t i = 0; i < count; i++)
			online[i] = result == 0 && is_online(host, accounts[i], CS_EVERY_DEVICE);
		done(asker->state, conn, result, arg);
	});
	return 0;
}

/* ---- the store */

/* 0: the store takes it. */
static int store_refuses(const fake_self *self, fake_fault_place place)
{
	const int result = fake_fault_take(self->host, place, true);

	if (result == 0 && fake_host_node(self->host, self->worker)->is_stopping)
		return CS_ECANCELED;
	return result == 0 && place != FAKE_HASH && !self->host->db ? CS_ENOSTORE : result;
}

static int table_work(cs_self *self, cs_conn conn, cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done, void *arg)
{
	static const char *const names[] = {"work read", "work write", "work hash"};
	fake_job job;

	fake_host_record(self_of(self)->host, {names[kind], conn, 0, 0, ""});
	if (kind == CS_WORK_HASH && conn != 0 && !fake_conn_of(self_of(self), conn))
		return CS_ECANCELED;
	if (const int result = store_refuses(self_of(self), static_cast<fake_fault_place>(kind)))
		return result;
	job.kind = FAKE_JOB_WORK;
	job.worker = self_of(self)->worker;
	job.self = self_of(self);
	job.conn = conn;
	job.work = kind;
	job.fn = fn;
	job.done = done;
	job.arg = arg;
	self_of(self)->host->jobs.push_back(std::move(job));
	return 0;
}

static int table_batch(cs_self *self, const cs_batch *batch, uint64_t key, void *item, size_t)
{
	fake_job job;

	if (batch->spare[0] || batch->spare[1])
		return CS_EINVAL;
	fake_host_record(self_of(self)->host, {"batch", 0, 0, static_cast<int64_t>(key), batch->name});
	if (const int result = store_refuses(self_of(self), FAKE_BATCH))
		return result;
	job.kind = FAKE_JOB_BATCH;
	job.worker = self_of(self)->worker;
	job.self = self_of(self);
	job.batch = batch;
	job.arg = item;
	self_of(self)->host->jobs.push_back(std::move(job));
	return 0;
}

static int table_outcome_can_be_unknown(cs_self *self)
{
	return self_of(self)->host->unknown_outcomes;
}

static int table_store_is_exclusive(cs_self *self)
{
	return self_of(self)->host->exclusive_store;
}

/* ---- routing */

/* conn: of the session that it is for; 0: it is for the instance. */
static void parcel_queue(fake_self *to, cs_conn handle, cs_account account, const fake_parcel &parcel)
{
	fake_host *host = to->host;

	if (host->losses > 0) {
		host->losses--;
		return;
	}
	to->woken += handle == 0;
	fake_host_defer(host, to->worker, [=] {
		const fake_conn *conn = fake_conn_open(host, handle);
		const cs_parcel arrived = {parcel.head.data(), parcel.head.size(), parcel.body.get()};

		if (to->plugin->routed && (handle == 0 || (conn && conn->account == account)))
			to->plugin->routed(to->state, handle, account, &arrived);
	});
}

bool fake_host_deliver(fake_host *host, unsigned node, cs_account to, const fake_parcel &parcel, uint64_t device)
{
	bool is_there = false;

	for (const auto &[place, handle] : host->nodes[node].online) {
		if (fake_place_account(place) != to ||
		    (device != CS_EVERY_DEVICE && place != fake_place_of(to, device)))
			continue;
		const fake_conn *conn = fake_host_conn(host, handle);

		is_there = true;
		for (fake_self *self : host->selves)
			if (conn && self->worker == conn->worker && self->plugin == parcel.plugin)
				parcel_queue(self, conn->handle, to, parcel);
	}
	return is_there;
}

void fake_host_deliver_all(fake_host *host, unsigned node, uint64_t topic, const fake_parcel &parcel)
{
	for (fake_self *self : host->selves)
		if (fake_node_index(host, self->worker) == node && self->plugin == parcel.plugin &&
		    (topic == 0 || self->topics.count(topic) || self->topics.count(0)))
			parcel_queue(self, 0, 0, parcel);
}

static fake_parcel parcel_of(const fake_self *self, const cs_parcel *parcel)
{
	shared_keep(parcel->body);
	return {self->plugin,
	        std::string(static_cast<const char *>(parcel->head), parcel->head_size),
	        {parcel->body, shared_drop}};
}

static std::string parcel_text(const fake_parcel &parcel)
{
	return parcel.body ? parcel.head + std::string(parcel.body->bytes, parcel.body->size) : parcel.head;
}

static int table_route(cs_self *self, cs_account to, uint64_t device, const cs_parcel *parcel, unsigned)
{
	fake_host *host = self_of(self)->host;
	const unsigned node = fake_node_index(host, self_of(self)->worker);

	if (parcel->head_size > CS_PARCEL_HEAD_MOST)
		return CS_EINVAL;
	const fake_parcel copy = parcel_of(self_of(self), parcel);
	fake_host_record(host, {"route", 0, to, 0, parcel_text(copy)});
	if (fake_host_deliver(host, node, to, copy, device))
		return 0;
	if (device != 0 && device != CS_EVERY_DEVICE)
		return CS_ENOENT; /* the fake bus knows no devices */
	return host->bus.send ? host->bus.send(node, to, copy) : CS_ENOENT;
}

static int table_route_all(cs_self *self, uint64_t topic, const cs_parcel *parcel, unsigned flags)
{
	fake_host *host = self_of(self)->host;
	const unsigned node = fake_node_index(host, self_of(self)->worker);

	if (parcel->head_size > CS_PARCEL_HEAD_MOST)
		return CS_EINVAL;
	const fake_parcel copy = parcel_of(self_of(self), parcel);
	fake_host_record(host, {"route all", 0, 0, static_cast<int64_t>(topic), parcel_text(copy)});
	fake_host_deliver_all(host, node, topic, copy);
	if (host->bus.send_all && !(flags & CS_ROUTE_HERE))
		host->bus.send_all(node, topic, copy);
	return 0;
}

static void table_subscribe(cs_self *self, uint64_t topic)
{
	self_of(self)->topics.insert(topic);
}

static void table_unsubscribe(cs_self *self, uint64_t topic)
{
	self_of(self)->topics.erase(topic);
}

/* ---- time and services */

static int64_t table_now(void)
{
	return ++fake_clock;
}

/* Another clock. */
static int64_t table_monotonic(void)
{
	return ++fake_clock - INT64_C(1700000000000);
}

static cs_timer *table_timer_add(cs_self *self, int64_t ms, int repeat, cs_timer_fn *fn, void *arg)
{
	fake_host *host = self_of(self)->host;
	cs_timer *handle = reinterpret_cast<cs_timer *>(host->next_timer++);

	host->timers.push_back({handle, self_of(self), ms, repeat, fn, arg, fake_clock + ms, false});
	return handle;
}

static void table_timer_del(cs_self *self, cs_timer *handle)
{
	std::erase_if(self_of(self)->host->timers,
	              [handle](const fake_timer_entry &timer) { return timer.handle == handle; });
}

static cs_watch *table_watch(cs_self *self, int fd, unsigned events, cs_watch_fn *fn, void *arg)
{
	fake_host *host = self_of(self)->host;

	struct stat status = {};

	if (events == 0 || events > (CS_WATCH_READ | CS_WATCH_WRITE) || fstat(fd, &status) != 0 ||
	    S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
		return nullptr;
	cs_watch *handle = reinterpret_cast<cs_watch *>(host->next_timer++);
	host->watches.push_back({handle, self_of(self), fd, events, fn, arg});
	return handle;
}

static void table_unwatch(cs_self *self, cs_watch *handle)
{
	std::erase_if(self_of(self)->host->watches,
	              [handle](const fake_watch_entry &watch) { return watch.handle == handle; });
}

static int table_post(cs_self *self, cs_post_fn *fn, void *arg)
{
	fake_host *host = self_of(self)->host;
	std::scoped_lock lock(host->mutex);

	if (self_of(self)->stopping)
		return CS_ECANCELED;
	host->posts.push_back({self_of(self), {fn, arg}});
	return 0;
}

static int table_service(cs_self *self, const char *name, uint32_t version, const void **table_r, void **context_r)
{
	const fake_self *asker = self_of(self);

	for (const fake_service &service : asker->host->services) {
		if (service.name != name || service.version != version)
			continue;
		*table_r = service.table;
		*context_r = service.context;
		return 0;
	}
	for (const fake_self *other : asker->host->selves) {
		const cs_service *s = other->worker == asker->worker ? other->plugin->provides : nullptr;
		for (; s && s->name; s++) {
			if (strcmp(s->name, name) != 0 || s->version != version)
				continue;
			*table_r = s->table;
			*context_r = other->state;
			return 0;
		}
	}
	return CS_ENOENT;
}

/* ---- who asks */

static int table_peer(cs_self *self, cs_conn handle, cs_peer *peer_r)
{
	const fake_conn *conn = fake_conn_of(self_of(self), handle);

	if (!conn)
		return CS_ENOENT;
	if (conn->is_adopted)
		snprintf(peer_r->text, sizeof peer_r->text, "%s", conn->peer.c_str());
	else
		snprintf(peer_r->text, sizeof peer_r->text, "192.0.2.7:%u", static_cast<unsigned>(handle));
	peer_r->network = conn->is_adopted ? network_of_adopted : 7;
	return 0;
}

static int table_adopt(cs_self *self, int fd, const char *peer, unsigned flags, cs_conn *conn_r)
{
	return fake_adopted_make(self_of(self), fd, peer, flags, conn_r);
}

static int64_t table_guess_wait(cs_self *self, uint64_t network, uint64_t subject, int64_t most)
{
	fake_host *host = self_of(self)->host;
	std::scoped_lock lock(host->mutex);

	if (host->guess_waits.empty())
		return host->guess_table
		               ? guess_wait(host->guess_table.get(), network, subject, most, table_monotonic())
		               : 0;
	const int64_t wait = host->guess_waits.front();
	host->guess_waits.pop_front();
	return wait;
}

static void table_guess_note(cs_self *self, uint64_t network, uint64_t subject, int64_t most, int right)
{
	fake_host *host = self_of(self)->host;
	std::scoped_lock lock(host->mutex);

	if (!host->guess_table)
		host->guess_table = std::make_unique<struct guess_table>();
	guess_note(host->guess_table.get(), network, subject, most, right != 0, table_monotonic());
	host->guesses.push_back(std::to_string(subject) + (right ? " right" : " wrong"));
}

static void table_gauge(cs_self *self, const char *name, const char *help, int64_t value)
{
	fake_host *host = self_of(self)->host;

	const char *fault = gauge_find_fault(name, help);
	const std::scoped_lock lock(host->mutex);

	if (fault && !std::exchange(self_of(self)->figure_told, true))
		host->log.push_back(std::string("a figure is left out of /metrics why=\"") + fault + "\"");
	if (fault)
		return;
	host->gauges[name] = value;
}

static unsigned table_worker(cs_self *self)
{
	return self_of(self)->worker % self_of(self)->host->node_workers;
}

static int table_may_claim(cs_self *self)
{
	return self_of(self)->host->refuses_sessions ? CS_EBUSY : 0;
}

static int table_read_network(cs_self *, const char *text, cs_network *network_r, cs_error *e)
{
	return ban_read(text, {}, network_r, e);
}

static void table_ban(cs_self *self, const cs_network *networks, size_t count)
{
	self_of(self)->host->bans.assign(networks, networks + count);
}

void fake_table_fill(cs_host *table)
{
	table->abi = CS_ABI;
	table->size = sizeof *table;
	fake_table_fill_frames(table);
	table->claim = table_claim;
	table->logout = table_logout;
	table->release = table_release;
	table->presence = table_presence;
	table->presence_of = table_presence_of;
	table->work = table_work;
	table->batch = table_batch;
	table->outcome_can_be_unknown = table_outcome_can_be_unknown;
	table->store_is_exclusive = table_store_is_exclusive;
	table->want_words = table_want_words;
	table->route = table_route;
	table->route_all = table_route_all;
	table->share = shared_make;
	table->unshare = shared_drop;
	table->subscribe = table_subscribe;
	table->unsubscribe = table_unsubscribe;
	table->now = table_now;
	table->monotonic = table_monotonic;
	table->timer_add = table_timer_add;
	table->timer_del = table_timer_del;
	table->watch = table_watch;
	table->unwatch = table_unwatch;
	table->post = table_post;
	table->service = table_service;
	table->peer = table_peer;
	table->guess_wait = table_guess_wait;
	table->guess_note = table_guess_note;
	table->gauge = table_gauge;
	table->worker = table_worker;
	table->adopt = table_adopt;
	table->may_claim = table_may_claim;
	table->read_network = table_read_network;
	table->ban = table_ban;
	table->ask_erase = fake_erase_ask;
}
