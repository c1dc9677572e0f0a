/* SPDX-License-Identifier: MIT
 * Owns the life of the fake host: loading, connections, frames and its queue. It must not know what a
 * plugin does; the functions that plugins call are in fake_host_table.cpp. */
#include "fake_host.h"
#include "fake_host_internal.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <cjson/cJSON.h>
#include <dlfcn.h>

void fake_fail(const char *what, const char *detail)
{
	fprintf(stderr, "fake host: %s: %s\n", what, detail);
	abort();
}

/* ---- options */

static int64_t option_number(const cs_option *option, const char *text)
{
	static const struct { const char *unit; int64_t factor; } units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 },
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};
	char *end = nullptr;
	const int64_t number = strtoll(text, &end, 10);

	for (const auto &unit : units)
		if (strcmp(end, unit.unit) == 0)
			return number * unit.factor;
	fake_fail("bad option value", option->key);
	return 0;
}

static int option_choice(const cs_option *option, std::string_view text)
{
	std::string_view rest = option->choices;

	for (int place = 0; !rest.empty(); place++) {
		const size_t bar = rest.find('|');
		if (rest.substr(0, bar) == text)
			return place;
		rest = bar == rest.npos ? std::string_view() : rest.substr(bar + 1);
	}
	fake_fail("bad choice", option->key);
	return 0;
}

static void option_bind(const cs_option *option, const char *text, char *conf)
{
	char *member = conf + option->offset;
	int flag = 0;
	int64_t number = 0;

	switch (option->type) {
	case CS_OPTION_BOOL:
		flag = strchr("yYtT1", text[0]) != nullptr || strcmp(text, "on") == 0;
		memcpy(member, &flag, sizeof flag);
		break;
	case CS_OPTION_CHOICE:
		flag = option_choice(option, text);
		memcpy(member, &flag, sizeof flag);
		break;
	case CS_OPTION_TEXT:
	case CS_OPTION_SECRET:
		memcpy(member, &text, sizeof text);
		break;
	default:
		number = option_number(option, text);
		memcpy(member, &number, sizeof number);
	}
}

static void self_bind_options(fake_self *self)
{
	self->conf.resize(self->plugin->conf_size);
	for (const cs_option *o = self->plugin->options; o != nullptr && o->key != nullptr; o++) {
		const std::string key = std::string(self->plugin->name) + "." + o->key;
		const auto set = self->host->options.find(key);
		self->texts.push_back(set != self->host->options.end() ? set->second : o->default_text);
		option_bind(o, self->texts.back().c_str(), self->conf.data());
	}
}

/* ---- plugins */

static const struct cs_plugin *plugin_open(const char *name, library_ptr *library_r)
{
	const char *build = getenv("CS_BUILD");
	const std::string path = std::string(build != nullptr ? build : "build") + "/plugins/" + name + ".so";

	/* NODELETE: sanitizers report at the process's end and need the names then. */
	library_r->reset(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
	if (*library_r == nullptr)
		fake_fail("dlopen", dlerror());
	const void *symbol = dlsym(library_r->get(), CS_PLUGIN_SYMBOL);
	if (symbol == nullptr)
		fake_fail("no symbol " CS_PLUGIN_SYMBOL, path.c_str());
	return static_cast<const struct cs_plugin *>(symbol);
}

static int self_start(std::unique_ptr<fake_self> self, fake_self **self_r, cs_error *e)
{
	fake_host *host = self->host;

	self_bind_options(self.get());
	if (self->plugin->start != nullptr) {
		const int rc = self->plugin->start(&host->table, fake_self_handle(self.get()), self->conf.data(),
		                                   &self->state, e);
		if (rc != 0)
			return rc;
	}
	*self_r = self.release();
	host->selves.push_back(*self_r);
	return 0;
}

fake_self *fake_host_add(fake_host *host, const struct cs_plugin *plugin, unsigned worker)
{
	auto self = std::make_unique<fake_self>();
	fake_self *started = nullptr;
	cs_error e = {};

	self->host = host;
	self->plugin = plugin;
	self->worker = worker;
	if (self_start(std::move(self), &started, &e) != 0)
		fake_fail(plugin->name, e.text);
	return started;
}

int fake_host_try_load(fake_host *host, const char *name, unsigned worker, cs_error *e)
{
	auto self = std::make_unique<fake_self>();
	fake_self *started = nullptr;

	self->host = host;
	self->plugin = plugin_open(name, &self->library);
	self->worker = worker;
	return self_start(std::move(self), &started, e);
}

fake_self *fake_host_load(fake_host *host, const char *name, unsigned worker)
{
	cs_error e = {};

	if (fake_host_try_load(host, name, worker, &e) != 0)
		fake_fail(name, e.text);
	return host->selves.back();
}

const struct cs_plugin *fake_self_plugin(const fake_self *self)
{
	return self->plugin;
}

void *fake_self_state(const fake_self *self)
{
	return self->state;
}

void fake_host_set(fake_host *host, const char *key, const char *value)
{
	host->options[key] = value;
}

void fake_host_offer(fake_host *host, const char *name, uint32_t version, const void *table, void *context)
{
	host->services.push_back({ name, version, table, context });
}

/* ---- life */

fake_host_ptr fake_host_open()
{
	fake_host_ptr host(std::make_unique<fake_host>().release());

	fake_table_fill(&host->table);
	return host;
}

void fake_host_open_db(fake_host *host, const char *path)
{
	char folder[] = "/tmp/chatserverd-test-XXXXXX";
	cs_error e = {};

	if (path == nullptr) {
		if (mkdtemp(folder) == nullptr)
			fake_fail("mkdtemp", folder);
		host->folder = folder;
	}
	fake_host_set(host, "db_sqlite.path", path != nullptr ? path : (host->folder + "/chat.db").c_str());
	fake_host_set(host, "db_sqlite.schema", "conf/schema/sqlite");
	if (host->options.count("db_sqlite.synchronous") == 0)
		fake_host_set(host, "db_sqlite.synchronous", "normal");
	const fake_self *self = fake_host_load(host, "db_sqlite");
	host->driver = static_cast<const cs_db_driver *>(self->plugin->provides[0].table);
	if (host->driver->migrate(self->conf.data(), &e) != 0)
		fake_fail("migrate", e.text);
	if (host->driver->open(self->conf.data(), &host->db, &e) != 0)
		fake_fail("open", e.text);
}

void fake_host_close(fake_host *host)
{
	const std::unique_ptr<fake_host> owner(host);
	std::error_code ignored;

	for (fake_conn &conn : host->conns)
		if (conn.open)
			fake_host_end(host, conn.handle);
	fake_host_run(host);
	if (host->db != nullptr)
		host->driver->close(host->db);
	while (!host->selves.empty()) {
		const std::unique_ptr<fake_self> self(host->selves.back());
		if (self->plugin->stop != nullptr)
			self->plugin->stop(self->state);
		host->selves.pop_back();
	}
	if (!host->folder.empty())
		std::filesystem::remove_all(host->folder, ignored);
}

/* ---- connections */

cs_conn fake_host_connect(fake_host *host, cs_account account, const char *name, unsigned worker)
{
	fake_conn &conn = host->conns.emplace_back();

	conn.handle = host->conns.size();
	conn.worker = worker;
	conn.open = true;
	if (account != 0) {
		conn.account = account;
		conn.name = name;
		host->online[account] = conn.handle;
	}
	return conn.handle;
}

fake_conn *fake_host_conn(fake_host *host, cs_conn conn)
{
	if (conn == 0 || conn > host->conns.size())
		return nullptr;
	return &host->conns[conn - 1];
}

void fake_session_end(fake_host *host, fake_conn *conn)
{
	const cs_account account = conn->account;

	conn->account = 0;
	conn->name.clear();
	if (account != 0)
		host->online.erase(account);
	for (fake_self *self : host->selves) {
		if (self->worker != conn->worker || self->plugin->closed == nullptr)
			continue;
		const int rc = self->plugin->closed(self->state, conn->handle, account, conn->written);
		if (rc == CS_PENDING)
			host->held[account]++;
	}
}

void fake_host_end(fake_host *host, cs_conn handle)
{
	fake_conn *conn = fake_host_conn(host, handle);

	if (conn == nullptr || !conn->open)
		return;
	conn->open = false;
	fake_session_end(host, conn);
}

void fake_host_written(fake_host *host, cs_conn handle, uint64_t position)
{
	fake_conn *conn = fake_host_conn(host, handle);

	if (conn == nullptr || !conn->open)
		return;
	conn->written = position;
	if (conn->account == 0)
		return;
	for (fake_self *self : host->selves)
		if (self->worker == conn->worker && self->plugin->written != nullptr)
			self->plugin->written(self->state, handle, position, conn->position - position);
}

void fake_host_written_all(fake_host *host, cs_conn conn)
{
	fake_host_written(host, conn, fake_host_conn(host, conn)->position);
}

/* ---- frames */

struct json_free { void operator()(cJSON *json) const { cJSON_Delete(json); } };

static const cs_route *route_find(fake_host *host, unsigned worker, uint32_t msgid, fake_self **self_r)
{
	for (fake_self *self : host->selves) {
		if (self->worker != worker)
			continue;
		for (const cs_route *r = self->plugin->routes; r != nullptr && r->handler != nullptr; r++) {
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

int fake_host_frame(fake_host *host, cs_conn handle, std::string_view json)
{
	const std::string bytes(json);
	const std::unique_ptr<cJSON, json_free> fields(cJSON_ParseWithLength(bytes.data(), bytes.size()));
	fake_conn *conn = fake_host_conn(host, handle);
	const std::string name = conn->name;
	cs_frame frame = {};
	int64_t msgid = 0;
	fake_self *self = nullptr;

	frame.conn = handle;
	frame.account = conn->account;
	frame.name = name.c_str();
	frame.bytes = bytes.data();
	frame.size = bytes.size();
	frame.fields = fields.get();
	if (fields == nullptr || host->table.get_integer(&frame, "msgid", 1, INT32_MAX, &msgid) != 0)
		fake_fail("the frame does not parse", bytes.c_str());
	frame.request.msgid = static_cast<uint32_t>(msgid);
	if (host->table.get_integer(&frame, "req", 0, CS_INTEGER_MAX, &frame.request.req) != 0)
		frame.request.req = -1;
	const cs_route *route = route_find(host, conn->worker, frame.request.msgid, &self);
	if (route == nullptr)
		fake_fail("no plugin handles", bytes.c_str());
	const int refused = route_check(host, route, &frame);
	if (refused != 0)
		return host->table.refuse(fake_self_handle(self), handle, &frame.request, refused, "route check");
	if (conn->pending)
		fake_fail("a frame while the connection is pending", bytes.c_str());
	conn->pending = true; /* a handler may call finish() only later, so the order is no question */
	const int verdict = route->handler(self->state, &frame);
	conn->pending = verdict == CS_PENDING;
	return verdict;
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
	for (fake_conn &conn : host->conns)
		conn.frames.clear();
}
