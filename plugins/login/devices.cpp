/* SPDX-License-Identifier: MIT
 * The devices of an account: DEVICES, END_DEVICE, and when named ones were seen. */
#include "devices.h"

#include <memory>
#include <vector>

#include "../model/devices.h"
#include "reply.h"

/* ---- DEVICES */

struct devices_question {
	cs_request request = {};
	uint64_t account = 0;
	int64_t forgotten = 0; /* named ones that were last seen before this are left out */
	std::vector<device_row> devices;
	std::vector<uint64_t> numbers;
	std::vector<unsigned char> online;
};

static int login_devices_read(cs_db *db, void *arg)
{
	devices_question *q = static_cast<devices_question *>(arg);

	return device_list(db, q->account, &q->devices);
}

static std::string login_devices_text(const devices_question &q)
{
	std::string text = ",\"devices\":[";

	for (size_t i = 0; i < q.devices.size(); i++) {
		const device_row &device = q.devices[i];

		text += i > 0 ? ",{\"device\":" : "{\"device\":";
		reply_quote(&text, device.name);
		text += q.online[i] ? ",\"online\":true" : ",\"online\":false";
		text += ",\"seen\":" + std::to_string(device.last_seen) + "}";
	}
	return text + "]";
}

static void login_devices_answer(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<devices_question> q(static_cast<devices_question *>(arg));
	const plugin_context &c = static_cast<login_plugin *>(state)->context;

	if (result == 0)
		c.host->answer(c.self, conn, &q->request, login_devices_text(*q).c_str());
	else
		c.host->refuse_result(c.self, conn, &q->request, result);
	(void)c.host->finish(c.self, conn);
}

/* While the bus is away, the devices of other nodes are shown as offline. */
static void login_devices_online_known(void *state, cs_conn conn, int result, void *arg)
{
	login_devices_answer(state, conn, result == CS_ENOENT ? 0 : result, arg);
}

static void login_devices_were_read(void *state, cs_conn conn, int result, void *arg)
{
	const plugin_context &c = static_cast<login_plugin *>(state)->context;
	devices_question *q = static_cast<devices_question *>(arg);

	std::erase_if(q->devices,
	              [q](const device_row &device) { return device.number != 0 && device.last_seen < q->forgotten; });
	for (const device_row &device : q->devices)
		q->numbers.push_back(device.number);
	q->online.resize(q->numbers.size());
	if (result != 0)
		login_devices_answer(state, conn, result, arg);
	else if (const int failed = c.host->presence_of(c.self, conn, q->account, q->numbers.data(), q->online.data(),
	                                                q->numbers.size(), login_devices_online_known, q))
		login_devices_answer(state, conn, failed, arg);
}

int login_on_devices(void *state, const cs_frame *frame)
{
	const login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;
	auto q = std::make_unique<devices_question>();

	if (frame->request.req < 0)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "req is missing");
	q->request = frame->request;
	q->account = frame->account;
	q->forgotten = c.host->now() - p->conf->forget_devices;
	const int result =
		c.host->work(c.self, frame->conn, CS_WORK_READ, login_devices_read, login_devices_were_read, q.get());
	if (result != 0)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)q.release(); /* login_devices_answer frees it */
	return CS_PENDING;
}

/* ---- the end of a device's sessions */

void devices_end_sessions(const login_plugin *plugin, uint64_t account, uint64_t device)
{
	const char head = 'E';
	const cs_parcel parcel = {&head, sizeof head, nullptr};

	(void)plugin->context.host->route(plugin->context.self, account, device, &parcel, 0);
}

void devices_on_routed(const login_plugin *plugin, cs_conn conn, const cs_parcel *parcel)
{
	if (conn != 0 && parcel->head_size == 1)
		(void)plugin->context.host->close(plugin->context.self, conn, "its device was ended");
}

/* ---- END_DEVICE */

struct devices_ending {
	cs_request request = {};
	uint64_t account = 0;
	uint64_t own = 0; /* the device of the connection */
	std::string name;
	uint64_t number = 0;
};

static int login_devices_forget(cs_db *db, void *arg)
{
	devices_ending *e = static_cast<devices_ending *>(arg);

	return device_forget(db, e->account, e->name, &e->number);
}

/* result CS_EUNKNOWN: perhaps it was done; then its session ends as well. */
static void login_devices_were_forgotten(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<devices_ending> e(static_cast<devices_ending *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;
	const bool is_done = result == 0 || result == MODEL_NONE;

	if (is_done)
		c.host->answer(c.self, conn, &e->request, "");
	else
		c.host->refuse_result(c.self, conn, &e->request, result);
	if ((result == 0 || result == CS_EUNKNOWN) && (e->number != 0 || e->name.empty()))
		devices_end_sessions(p, e->account, e->number);
	if (result == 0 && e->number == e->own)
		(void)c.host->close(c.self, conn, "its device was ended");
	else
		(void)c.host->finish(c.self, conn);
}

int login_on_end_device(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<login_plugin *>(state)->context;
	std::string_view name;

	if (const int refused = field_text(c, frame, "device", FIELD_REQUIRED, &name))
		return refused;
	if (name.size() > login_device_most)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "device has 0 to %zu bytes", login_device_most);
	auto e = std::make_unique<devices_ending>();
	e->request = frame->request;
	e->account = frame->account;
	e->own = frame->device;
	e->name = name;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, login_devices_forget,
	                                login_devices_were_forgotten, e.get());
	if (result != 0)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)e.release(); /* login_devices_were_forgotten frees it */
	return CS_PENDING;
}

/* ---- when named devices were seen: at their logins, at the ends of their sessions, and once a day */

static const int64_t login_devices_day_ms = 24 * 3600 * 1000;

struct devices_seen {
	std::vector<message_reader> devices;
	int64_t now = 0;
};

static int login_devices_note(cs_db *db, void *arg)
{
	const devices_seen *seen = static_cast<devices_seen *>(arg);

	return device_note_seen(db, seen->devices, seen->now);
}

/* If it fails, the next time is noted: a device is forgotten only after many days. */
static void login_devices_noted(void *, cs_conn, int, void *arg)
{
	const std::unique_ptr<devices_seen> seen(static_cast<devices_seen *>(arg));
}

static void login_devices_see(const login_plugin *p, std::vector<message_reader> devices)
{
	const plugin_context &c = p->context;
	auto seen = std::make_unique<devices_seen>();

	if (devices.empty())
		return;
	seen->devices = std::move(devices);
	seen->now = c.host->now();
	if (c.host->work(c.self, 0, CS_WORK_WRITE, login_devices_note, login_devices_noted, seen.get()) == 0)
		(void)seen.release(); /* login_devices_noted frees it */
}

static std::vector<message_reader> login_devices_here(const login_plugin *p)
{
	std::vector<message_reader> devices;

	for (const auto &[conn, session] : p->named)
		devices.push_back({session.account, session.device});
	return devices;
}

static void login_devices_day_is_over(void *state, void *)
{
	const login_plugin *p = static_cast<login_plugin *>(state);

	login_devices_see(p, login_devices_here(p));
}

void devices_on_opened(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device)
{
	if (device != 0)
		plugin->named[conn] = {account, device};
}

void devices_on_closed(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device)
{
	if (device == 0)
		return;
	plugin->named.erase(conn);
	login_devices_see(plugin, {{account, device}});
}

void devices_start(login_plugin *plugin)
{
	const plugin_context &c = plugin->context;

	plugin->named_timer = c.host->timer_add(c.self, login_devices_day_ms, 1, login_devices_day_is_over, nullptr);
}

void devices_stop(const login_plugin *plugin)
{
	plugin->context.host->timer_del(plugin->context.self, plugin->named_timer);
}

/* ---- sessions whose device is not there any more */

struct devices_check {
	std::vector<message_reader> devices, missing;
};

static int login_devices_look(cs_db *db, void *arg)
{
	devices_check *check = static_cast<devices_check *>(arg);

	return device_missing(db, check->devices, &check->missing);
}

static void login_devices_were_looked_up(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<devices_check> check(static_cast<devices_check *>(arg));

	for (size_t i = 0; result == 0 && i < check->missing.size(); i++)
		devices_end_sessions(static_cast<login_plugin *>(state), check->missing[i].account,
		                     check->missing[i].device);
}

void devices_on_cluster(login_plugin *plugin, cs_cluster_event event)
{
	const plugin_context &c = plugin->context;
	auto check = std::make_unique<devices_check>();

	check->devices = login_devices_here(plugin);
	if (event == CS_CLUSTER_DEGRADED || check->devices.empty())
		return;
	if (c.host->work(c.self, 0, CS_WORK_READ, login_devices_look, login_devices_were_looked_up, check.get()) == 0)
		(void)check.release(); /* login_devices_were_looked_up frees it */
}
