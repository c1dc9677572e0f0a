/* SPDX-License-Identifier: MIT
 * The life of the fake host: its database, connections, frames and the record of calls. */
#include "fake_host.h"
#include "fake_host_internal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/net/frame.h"
#include "core/net/guess.h"
#include "tests/support/folder.h"

void fake_fail(const char *what, const char *detail)
{
	fprintf(stderr, "fake host: %s: %s\n", what, detail);
	abort();
}

/* ---- life */

std::atomic<int64_t> fake_clock;
constexpr int64_t fake_clock_begin = 1750000000000;

fake_host_ptr fake_host_open()
{
	fake_host_ptr host(std::make_unique<fake_host>().release());

	fake_table_fill(&host->table);
	fake_clock = fake_clock_begin;
	host->want_words.push_back(nullptr);
	return host;
}

/* The plugins of the tree that have tables. */
static const char *const fake_host_plugins[] = {"reminders", nullptr};

void fake_host_open_db(fake_host *host, const char *path)
{
	cs_error e = {};

	if (!path)
		host->folder = folder_make();
	fake_host_set(host, "db_sqlite.path", path != nullptr ? path : (host->folder + "/chat.db").c_str());
	fake_host_set(host, "db_sqlite.schema", "conf/schema/sqlite");
	if (host->options.count("db_sqlite.synchronous") == 0)
		fake_host_set(host, "db_sqlite.synchronous", "normal");
	const fake_self *self = fake_host_load(host, "db_sqlite");
	host->driver = static_cast<const cs_db_driver *>(self->plugin->provides[0].table);
	/* A database in memory lasts only while it is open. */
	if (path && host->driver->open(self->conf.data(), &host->db, &e) != 0)
		fake_fail("open", e.text);
	if (host->driver->migrate(self->conf.data(), fake_host_plugins, &e) != 0)
		fake_fail("migrate", e.text);
	if (!path && host->driver->open(self->conf.data(), &host->db, &e) != 0)
		fake_fail("open", e.text);
}

void fake_host_close(fake_host *host)
{
	const std::unique_ptr<fake_host> owner(host);

	for (fake_conn &conn : host->conns)
		if (conn.open)
			fake_host_end(host, conn.handle);
	fake_host_run(host);
	if (host->driver && host->db)
		host->driver->close(host->db);
	while (!host->selves.empty())
		fake_host_stop(host, host->selves.back());
	if (!host->folder.empty())
		folder_remove(host->folder);
}

/* ---- connections */

void fake_session_open(fake_host *host, fake_conn *conn)
{
	if (!conn->opened_due || conn->account == 0)
		return;
	conn->opened_due = false;
	for (fake_self *self : host->selves)
		if (self->worker == conn->worker && self->plugin->opened)
			self->plugin->opened(self->state, conn->handle, conn->account, conn->device, conn->want);
}

cs_conn fake_host_connect(fake_host *host, cs_account account, const char *name, unsigned worker, uint64_t want,
                          uint64_t device)
{
	fake_conn &conn = host->conns.emplace_back();

	conn.handle = host->conns.size();
	conn.worker = worker;
	conn.open = true;
	if (account != 0) {
		conn.account = account;
		conn.device = device;
		conn.name = name;
		fake_host_node(host, worker)->online[fake_place_of(account, device)] = conn.handle;
		conn.want = want;
		conn.opened_due = true;
		fake_session_open(host, &conn);
	}
	return conn.handle;
}

fake_conn *fake_host_conn(fake_host *host, cs_conn conn)
{
	if (conn == 0 || conn > host->conns.size())
		return nullptr;
	return &host->conns[conn - 1];
}

fake_conn *fake_conn_open(fake_host *host, cs_conn handle)
{
	fake_conn *conn = fake_host_conn(host, handle);

	return conn != nullptr && conn->open ? conn : nullptr;
}

fake_conn *fake_conn_of(const fake_self *self, cs_conn handle)
{
	fake_conn *conn = fake_conn_open(self->host, handle);

	return conn != nullptr && conn->worker == self->worker ? conn : nullptr;
}

unsigned fake_node_index(const fake_host *host, unsigned worker)
{
	return worker / host->node_workers;
}

fake_node *fake_host_node(fake_host *host, unsigned worker)
{
	return &host->nodes[fake_node_index(host, worker)];
}

void fake_session_end(fake_host *host, fake_conn *conn)
{
	const cs_account account = std::exchange(conn->account, 0);
	fake_node *node = fake_host_node(host, conn->worker);

	conn->opened_due = conn->entering = false;
	conn->name.clear();
	if (account == 0)
		return;
	const fake_place place = fake_place_of(account, conn->device);

	conn->ended = account;
	node->online.erase(place);
	node->held[place].count++;
	node->held[place].conn = conn->handle;
	if (host->bus.ending)
		host->bus.ending(fake_node_index(host, conn->worker), place, conn->handle);
}

void fake_place_release(fake_host *host, unsigned worker, fake_place place)
{
	fake_node *node = fake_host_node(host, worker);
	const cs_conn conn = node->held[place].conn;

	if (--node->held[place].count > 0)
		return;
	node->held.erase(place);
	if (host->bus.release)
		host->bus.release(fake_node_index(host, worker), place, conn);
}

void fake_session_tell_ended(fake_host *host, fake_conn *conn)
{
	const cs_account account = std::exchange(conn->ended, 0);
	const uint64_t device = std::exchange(conn->device, 0);
	const fake_place place = fake_place_of(account, device);

	for (fake_self *self : host->selves)
		if (self->worker == conn->worker && self->plugin->closed &&
		    self->plugin->closed(self->state, conn->handle, account, device, conn->written) == CS_PENDING &&
		    account != 0)
			fake_host_node(host, conn->worker)->held[place].count++;
	if (account != 0)
		fake_place_release(host, conn->worker, place);
}

static bool conn_end(fake_host *host, fake_conn *conn)
{
	if (!conn || !std::exchange(conn->open, false))
		return false;
	if (conn->pending || conn->hooked)
		fake_hashes_cancel(host, conn->handle);
	fake_session_end(host, conn);
	fake_adopted_end(conn);
	return true;
}

void fake_host_end(fake_host *host, cs_conn handle)
{
	if (conn_end(host, fake_host_conn(host, handle)))
		fake_session_tell_ended(host, fake_host_conn(host, handle));
}

void fake_host_drop(fake_host *host, cs_conn handle)
{
	fake_conn *conn = fake_host_conn(host, handle);

	if (conn_end(host, conn))
		fake_host_defer(host, conn->worker, [=] { fake_session_tell_ended(host, conn); });
}

void fake_host_written(fake_host *host, cs_conn handle, uint64_t position)
{
	fake_conn *conn = fake_host_conn(host, handle);

	if (!conn || !conn->open)
		return;
	conn->written = position;
	if (conn->account == 0)
		return;
	for (fake_self *self : host->selves)
		if (self->worker == conn->worker && self->plugin->written)
			self->plugin->written(self->state, handle, position, conn->position - position);
}

void fake_host_written_all(fake_host *host, cs_conn conn)
{
	fake_host_written(host, conn, fake_host_conn(host, conn)->position);
}

/* ---- frames */

static const cs_route *route_find(fake_host *host, unsigned worker, uint32_t msgid, fake_self **self_r)
{
	for (fake_self *self : host->selves) {
		if (self->worker != worker)
			continue;
		for (const cs_route *r = self->plugin->routes; r && r->handler; r++) {
			if (r->msgid != msgid)
				continue;
			*self_r = self;
			return r;
		}
	}
	return nullptr;
}

/* 0, or the wire's errno. */
static int route_check(const fake_host *host, const cs_route *route, const cs_frame *frame)
{
	int64_t id = 0;

	if ((route->flags & CS_ROUTE_NEEDS_LOGIN) != 0 && frame->account == 0)
		return CS_ERRNO_NOT_LOGGED_IN;
	if ((route->flags & CS_ROUTE_OWN_ID) == 0)
		return 0;
	if (host->table.get_integer(frame, "id", 1, CS_INTEGER_MAX, &id) != 0)
		return CS_ERRNO_BAD_FRAME;
	return static_cast<cs_account>(id) == frame->account ? 0 : CS_ERRNO_NOT_ALLOWED;
}

struct fake_hook {
	const cs_hook *hook;
	fake_self *self;
};

static std::vector<fake_hook> hooks_of(fake_host *host, unsigned worker, uint32_t msgid)
{
	std::vector<fake_hook> hooks;

	for (fake_self *self : host->selves)
		for (const cs_hook *h = self->plugin->hooks; h && h->before; h++)
			if (self->worker == worker && (h->msgid == 0 || h->msgid == msgid))
				hooks.push_back({h, self});
	std::stable_sort(hooks.begin(), hooks.end(),
	                 [](const fake_hook &a, const fake_hook &b) { return a.hook->order < b.hook->order; });
	return hooks;
}

/* CS_PASS when all hooks from next_hook on have passed the frame. */
static int hooks_run(fake_host *host, fake_conn *conn, const cs_frame *frame)
{
	const std::vector<fake_hook> hooks = hooks_of(host, conn->worker, frame->request.msgid);

	while (conn->next_hook < hooks.size()) {
		const fake_hook *hook = &hooks[conn->next_hook++];
		const int verdict = hook->hook->before(hook->self->state, frame);

		if (verdict == CS_PENDING) {
			conn->hooked = hook->self;
			conn->held.assign(frame->bytes, frame->size);
			conn->held_account = conn->account;
			conn->held_request = frame->request;
		}
		if (verdict != CS_PASS)
			return verdict;
	}
	return CS_PASS;
}

/* Checks, as far as they are not done, hooks and handler. */
static int frame_run(fake_host *host, fake_conn *conn, const std::string &bytes, bool checked)
{
	struct frame_parser parser;
	struct frame_fields fields;
	cs_error e = {};
	const std::string name = conn->name;
	cs_frame frame = {};
	fake_self *self = nullptr;

	if (frame_parse(&parser, bytes.data(), bytes.size()) != FRAME_COMPLETE || parser.at != bytes.size())
		fake_fail("the frame is not whole", bytes.c_str());
	if (frame_fault(&parser, &e) != 0)
		fake_fail(e.text, bytes.c_str());
	fields.parser = &parser;
	frame.request = parser.request;
	frame.conn = conn->handle;
	frame.account = conn->account;
	frame.device = conn->account != 0 ? conn->device : 0;
	frame.name = name.c_str();
	frame.bytes = bytes.data();
	frame.size = bytes.size();
	frame.fields = &fields;
	const cs_route *route = route_find(host, conn->worker, frame.request.msgid, &self);
	if (!route)
		fake_fail("no plugin handles", bytes.c_str());
	const int refused = checked ? 0 : route_check(host, route, &frame);
	if (refused != 0)
		return host->table.refuse(fake_self_handle(self), conn->handle, &frame.request, refused, "route check");
	const int passed = hooks_run(host, conn, &frame);
	if (passed != CS_PASS)
		return passed;
	conn->pending = true; /* a handler may call finish() only later, so the order is no question */
	const int verdict = route->handler(self->state, &frame);
	conn->pending = verdict == CS_PENDING;
	return verdict;
}

int fake_host_frame(fake_host *host, cs_conn handle, std::string_view json)
{
	fake_conn *conn = fake_host_conn(host, handle);

	if (!conn->open)
		return CS_REJECT;
	if (conn->pending || conn->entering || conn->hooked) {
		conn->waiting.emplace_back(json);
		return CS_PENDING;
	}
	conn->next_hook = 0;
	return frame_run(host, conn, std::string(json), false);
}

void fake_conn_go_on(fake_host *host, fake_conn *conn)
{
	(void)frame_run(host, conn, std::move(conn->held), true);
}

int fake_host_request(fake_host *host, cs_conn conn, std::string_view json)
{
	const int verdict = fake_host_frame(host, conn, json);

	fake_host_run(host);
	return verdict;
}

/* ---- the record */

void fake_host_record(fake_host *host, fake_call call)
{
	if (host->on_call)
		host->on_call(call);
	host->calls.push_back(std::move(call));
}

std::string fake_host_trace(const fake_host *host)
{
	std::string trace;

	for (const fake_call &call : host->calls)
		trace += (trace.empty() ? "" : "|") + call.what;
	return trace;
}

size_t fake_host_count(const fake_host *host, const char *what)
{
	size_t count = 0;

	for (const fake_call &call : host->calls)
		count += call.what == what;
	return count;
}

std::string fake_host_last(fake_host *host, cs_conn conn)
{
	const std::vector<std::string> &frames = fake_host_conn(host, conn)->frames;

	return frames.empty() ? std::string() : frames.back();
}

void fake_host_forget(fake_host *host)
{
	host->calls.clear();
	host->log.clear();
	host->audits.clear();
	host->guesses.clear();
	for (fake_conn &conn : host->conns)
		conn.frames.clear();
}
