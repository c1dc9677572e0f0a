/* SPDX-License-Identifier: MIT
 * The devices of an account: DEVICES and END_DEVICE. */
#include <memory>
#include <vector>

#include "../model/devices.h"
#include "login.h"
#include "reply.h"
#include "sessions.h"

/* ---- DEVICES */

struct login_devices_question {
	cs_request request = {};
	uint64_t account = 0;
	int64_t forgotten = 0; /* named ones that were last seen before this are left out */
	std::vector<device_row> devices;
	std::vector<uint64_t> numbers;
	std::vector<unsigned char> online;
};

static int login_devices_read(cs_db *db, void *arg)
{
	login_devices_question *q = static_cast<login_devices_question *>(arg);

	return device_list(db, q->account, &q->devices);
}

static std::string login_devices_text(const login_devices_question &q)
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
	const std::unique_ptr<login_devices_question> q(static_cast<login_devices_question *>(arg));
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
	login_devices_question *q = static_cast<login_devices_question *>(arg);

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
	auto q = std::make_unique<login_devices_question>();

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

/* ---- END_DEVICE */

struct login_devices_ending {
	cs_request request = {};
	uint64_t account = 0;
	uint64_t own = 0; /* the device of the connection */
	std::string name;
	uint64_t number = 0;
	cs_peer peer = {};
};

static int login_devices_forget(cs_db *db, void *arg)
{
	login_devices_ending *e = static_cast<login_devices_ending *>(arg);

	return device_forget(db, e->account, e->name, &e->number);
}

/* result CS_EUNKNOWN: perhaps it was done; then its session ends as well. */
static void login_devices_were_forgotten(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<login_devices_ending> e(static_cast<login_devices_ending *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;
	const bool is_done = result == 0 || result == MODEL_NONE;

	if (result == 0)
		c.host->audit(c.self, "device_ended",
		              "account=%llu device=%llu device_name=\"%s\" by_device=%llu peer=%s",
		              static_cast<unsigned long long>(e->account), static_cast<unsigned long long>(e->number),
		              e->name.c_str(), static_cast<unsigned long long>(e->own), e->peer.text);
	if (is_done)
		c.host->answer(c.self, conn, &e->request, "");
	else
		c.host->refuse_result(c.self, conn, &e->request, result);
	if ((result == 0 || result == CS_EUNKNOWN) && (e->number != 0 || e->name.empty()))
		login_sessions_end_device(p, e->account, e->number);
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
	auto e = std::make_unique<login_devices_ending>();
	e->request = frame->request;
	e->account = frame->account;
	e->own = frame->device;
	e->name = name;
	(void)c.host->peer(c.self, frame->conn, &e->peer); /* cannot fail: it sent this frame */
	const int result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, login_devices_forget,
	                                login_devices_were_forgotten, e.get());
	if (result != 0)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)e.release(); /* login_devices_were_forgotten frees it */
	return CS_PENDING;
}
