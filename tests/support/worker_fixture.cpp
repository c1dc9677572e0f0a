/* SPDX-License-Identifier: MIT
 * A worker without a thread, for tests of the core. */
#include "worker_fixture.h"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "core/net/listener.h"
#include "core/plugin/conn_calls.h"
#include "core/session/session_bus.h"

static struct worker_fixture *fixture_of(void *state)
{
	return static_cast<struct worker_fixture *>(state);
}

/* A request with req is answered by the test. */
static int settle(struct worker_fixture *f, const struct cs_frame *frame)
{
	if (frame->request.req < 0)
		conn_answer(conn_find(f->worker, frame->conn), &frame->request, "");
	return CS_DONE;
}

static int on_open(void *state, const struct cs_frame *frame)
{
	struct worker_fixture *f = fixture_of(state);

	f->trace += "open ";
	return f->on_open ? f->on_open(frame) : settle(f, frame);
}

static int on_wait(void *state, const struct cs_frame *)
{
	fixture_of(state)->trace += "wait ";
	return CS_PENDING;
}

static int on_login(void *state, const struct cs_frame *frame)
{
	fixture_of(state)->trace += std::string("login:") + frame->name + " ";
	return settle(fixture_of(state), frame);
}

static int on_own(void *state, const struct cs_frame *frame)
{
	fixture_of(state)->trace += "own ";
	return settle(fixture_of(state), frame);
}

static int on_reject(void *state, const struct cs_frame *frame)
{
	struct worker_fixture *f = fixture_of(state);

	f->trace += "reject ";
	conn_refuse(conn_find(f->worker, frame->conn), &frame->request, CS_MSGID_ACK, CS_ERRNO_NO_SUCH_GROUP,
	            "no \"such\" group");
	return CS_REJECT;
}

static int on_closed(void *state, cs_conn, cs_account account, uint64_t, uint64_t written)
{
	struct worker_fixture *f = fixture_of(state);

	f->trace += "closed:" + std::to_string(account) + " ";
	f->closed_written = written;
	return f->closed_answer;
}

static void on_written(void *state, cs_conn, uint64_t position, size_t unsent)
{
	struct worker_fixture *f = fixture_of(state);

	if (f->traces_written)
		f->trace += "written:" + std::to_string(position) + (unsent == 0 ? " " : "+ ");
	if (f->on_written)
		f->on_written();
}

static const struct cs_route routes[] = {
	{FIXTURE_OPEN, "OPEN", on_open, 0, 2},
	{FIXTURE_WAIT, "WAIT", on_wait, 0, 1},
	{FIXTURE_LOGIN, "LOGIN", on_login, CS_ROUTE_NEEDS_LOGIN, 1},
	{FIXTURE_OWN, "OWN", on_own, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{FIXTURE_REJECT, "REJECT", on_reject, 0, 1},
	{0, nullptr, nullptr, 0, 0},
};

template <int Number> static int on_hook(void *state, const struct cs_frame *frame)
{
	struct worker_fixture *f = fixture_of(state);

	f->trace += "hook" + std::to_string(Number) + " ";
	return f->hooks[Number] ? f->hooks[Number](frame) : CS_PASS;
}

/* Not in the order of their calls. */
static const struct cs_hook hooks[] = {
	{0, 10, on_hook<FIXTURE_HOOK_LATE>, 0},
	{0, -10, on_hook<FIXTURE_HOOK_EARLY>, 0},
	{FIXTURE_OPEN, 0, on_hook<FIXTURE_HOOK_OPEN>, 0},
	{0, 0, nullptr, 0},
};

static struct cs_plugin descriptor(void)
{
	struct cs_plugin d = {};

	d.routes = routes;
	d.closed = on_closed;
	d.written = on_written;
	return d;
}

static struct cs_plugin hooking_descriptor(void)
{
	struct cs_plugin d = {};

	d.hooks = hooks;
	return d;
}

static struct plugin *add_plugin(struct worker_fixture *f, const struct cs_plugin &declared)
{
	auto plugin = std::make_unique<struct plugin>();

	plugin->path = "fake.so";
	plugin->declared = declared;
	plugin->name = declared.name ? declared.name : "";
	plugin->declared.name = "fake";
	plugin->index = static_cast<unsigned>(f->plugins.plugins.size());
	f->plugins.plugins.push_back(std::move(plugin));
	return f->plugins.plugins.back().get();
}

static void add_instance(struct worker_fixture *f, const struct cs_plugin &declared)
{
	struct cs_self *self = plugin_add_instance(add_plugin(f, declared), f->worker);

	self->state = f;
	self->started = true;
}

static void set_conf(struct core_conf *conf)
{
	conf->max_frame = 1024;
	conf->max_connections = 10;
	conf->login_connections = 10;
	conf->login_memory = 1 << 20;
	conf->output_soft = 64 * 1024;
	conf->output_hard = 256 * 1024;
	conf->burst = 100;
}

static std::unique_ptr<struct worker_fixture> make(void)
{
	auto f = std::make_unique<struct worker_fixture>();
	auto w = std::make_unique<struct worker>();

	set_conf(&f->conf);
	f->worker = w.get();
	w->shared = &f->shared; /* plugins are added before worker_open */
	f->shared.workers.push_back(std::move(w));
	f->shared.sessions = &f->sessions;
	f->shared.topics = &f->topics;
	f->shared.guesses = &f->guesses;
	f->shared.addresses = &f->addresses;
	f->shared.bus_calls = &session_bus_calls;
	f->shared.conn_calls = &plugin_conn_calls;
	f->shared.dispatch = &f->table;
	return f;
}

static bool open_worker(struct worker_fixture *f)
{
	struct cs_error e;

	if (dispatch_build(&f->table, &f->plugins, &e) != 0 || worker_open(f->worker, 0, &f->shared, &e) != 0)
		return false;
	conn_table_open(f->worker, &f->conf);
	dispatch_open(f->worker);
	return true;
}

std::unique_ptr<struct worker_fixture> worker_fixture_make(void)
{
	auto f = make();

	add_instance(f.get(), descriptor());
	return open_worker(f.get()) ? std::move(f) : nullptr;
}

std::unique_ptr<struct worker_fixture> worker_fixture_make_hooked(void)
{
	auto f = make();

	add_instance(f.get(), descriptor());
	add_instance(f.get(), hooking_descriptor());
	return open_worker(f.get()) ? std::move(f) : nullptr;
}

std::unique_ptr<struct worker_fixture> worker_fixture_make_of(std::initializer_list<const struct cs_plugin *> plugins)
{
	auto f = make();
	struct cs_error e;

	for (const struct cs_plugin *plugin : plugins)
		add_plugin(f.get(), *plugin);
	if (plugin_number_want_words(&f->plugins, &e) != 0)
		return nullptr;
	f->shared.want_words = f->plugins.want_words;
	return open_worker(f.get()) && plugin_start_all(&f->plugins, f->worker, &e) == 0 ? std::move(f) : nullptr;
}

int worker_fixture_start(struct worker_fixture *f, const struct cs_plugin *plugin, struct cs_error *e)
{
	struct plugin_set one;

	add_plugin(f, *plugin);
	one.plugins.push_back(std::move(f->plugins.plugins.back()));
	const int result = plugin_start_all(&one, f->worker, e);

	f->plugins.plugins.back() = std::move(one.plugins.back());
	return result;
}

int worker_fixture_resume(struct worker_fixture *f, const struct conn *c, int verdict)
{
	return host_table.resume(f->worker->instances.back().get(), c->handle, verdict);
}

void worker_fixture_free(std::unique_ptr<struct worker_fixture> f)
{
	for (const int peer : f->peers)
		(void)close(peer);
	f->shared.workers.clear();
}

struct conn *worker_fixture_connect(struct worker_fixture *f, int *peer_r)
{
	int fds[2];
	const sockaddr address = {AF_UNIX, ""};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return nullptr;
	f->peers.push_back(fds[1]);
	*peer_r = fds[1];
	if (!conn_reserve(f->worker) || conn_open(f->worker, unique_fd(fds[0]), &address) != 0)
		return nullptr;
	for (const auto &c : f->worker->conns->slots)
		if (c && c->fd.fd == fds[0])
			return c.get();
	return nullptr;
}

/* Several: what one turn causes may be read in the next. */
void worker_fixture_turn(struct worker_fixture *f)
{
	for (int i = 0; i < 8; i++) {
		(void)event_base_loop(f->worker->loop.base.get(), EVLOOP_NONBLOCK);
		loop_drain(&f->worker->loop);
	}
}

std::string worker_fixture_receive(int peer, bool *eof_r)
{
	std::string all;
	char part[65536];
	ssize_t n;

	while ((n = recv(peer, part, sizeof part, 0)) > 0)
		all.append(part, static_cast<size_t>(n));
	if (eof_r)
		*eof_r = n == 0 || (n == -1 && errno == ECONNRESET);
	return all;
}

std::string worker_fixture_talk(struct worker_fixture *f, int peer, std::string_view bytes)
{
	while (!bytes.empty()) {
		const ssize_t n = send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);

		if (n > 0)
			bytes.remove_prefix(static_cast<size_t>(n));
		else if (errno != EAGAIN)
			break;
		worker_fixture_turn(f);
	}
	worker_fixture_turn(f);
	return worker_fixture_receive(peer, nullptr);
}

void worker_fixture_bind(struct worker_fixture *f, struct conn *c, cs_account account)
{
	struct session_entry other;

	if (session_claim(f->shared.sessions, {account, 0}, c->handle, 0, nullptr, &other) == SESSION_GRANTED)
		conn_bind(c, account, 0, "li si");
}

bool worker_fixture_wait(struct worker_fixture *f, const std::function<bool()> &condition)
{
	const int64_t end = worker_monotonic_ms() + check_patience_ms();

	for (worker_fixture_turn(f); !condition(); worker_fixture_turn(f)) {
		if (worker_monotonic_ms() > end)
			return false;
		poll(nullptr, 0, 1);
	}
	return true;
}

static int worker_test_begin(void **state, std::unique_ptr<struct worker_fixture> f)
{
	auto t = std::make_unique<struct worker_test>();

	t->c = worker_fixture_connect(f.get(), &t->peer);
	t->handle = t->c->handle;
	t->f = std::move(f);
	*state = t.release();
	return 0;
}

int worker_test_set_up(void **state)
{
	return worker_test_begin(state, worker_fixture_make());
}

int worker_test_set_up_hooked(void **state)
{
	return worker_test_begin(state, worker_fixture_make_hooked());
}

int worker_test_tear_down(void **state)
{
	const std::unique_ptr<struct worker_test> t(worker_test_of(state));

	worker_fixture_free(std::move(t->f));
	return 0;
}
