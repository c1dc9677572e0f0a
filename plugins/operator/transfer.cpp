/* SPDX-License-Identifier: MIT
 * EXPORT and IMPORT: the store as lines of JSON, some hundred at a time. */
#include "operator.h"

#include <algorithm>
#include <memory>

#include "../model/transfer.h"
#include "../shared/object.h"

static void operator_log_transfer(const plugin_context &c, cs_conn conn, const char *verb)
{
	const std::string peer = operator_peer(c, conn);

	c.host->log(c.self, CS_LOG_INFO, "order verb=%s by=%s", verb, peer.c_str());
	c.host->audit(c.self, "order", "verb=%s peer=%s", verb, peer.c_str());
}

/* ---- EXPORT */

/* A large conversation may need much memory; who exports asks for the next page at once. */
static constexpr int64_t operator_cids_kept = 30000; /* ms */

struct operator_transfer_out {
	plugin_context context;
	cs_request request = {};
	transfer_place place;
	transfer_page page;
	std::unique_ptr<transfer_cids> cids;
};

static void operator_cids_drop(void *state, void *)
{
	auto *p = static_cast<operator_plugin *>(state);

	p->cids_timer = nullptr;
	p->cids.reset();
}

/* The next page may need them. Of two exports at the same time one reads them itself. */
static void operator_cids_keep(operator_plugin *p, std::unique_ptr<transfer_cids> cids, bool more)
{
	const plugin_context &c = p->context;

	operator_export_stop(p);
	if (!more || cids->by_seq.empty())
		return;
	p->cids = std::move(cids);
	p->cids_timer = c.host->timer_add(c.self, operator_cids_kept, 0, operator_cids_drop, nullptr);
}

void operator_export_stop(operator_plugin *p)
{
	if (p->cids_timer)
		p->context.host->timer_del(p->context.self, p->cids_timer);
	p->cids_timer = nullptr;
	p->cids.reset();
}

static int operator_transfer_out_run(cs_db *db, void *arg)
{
	auto *e = static_cast<operator_transfer_out *>(arg);

	e->page = {};
	e->page.place = e->place;
	e->page.cids = e->cids.get();
	return transfer_write(db, &e->page);
}

static void operator_transfer_out_done(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_transfer_out> e(static_cast<operator_transfer_out *>(arg));
	const transfer_place &place = e->page.place;

	operator_cids_keep(static_cast<operator_plugin *>(state), std::move(e->cids), !result && e->page.more);
	if (result)
		return operator_fail(e->context, conn, e->request, result);
	std::string more = ",\"lines\":[" + e->page.lines + "]";
	if (e->page.more)
		more += ",\"more\":true,\"next\":\"" +
		        operator_place_text({place.part, place.keys[0], place.keys[1], place.keys[2]}) + "\"";
	operator_done(e->context, conn, e->request, more);
}

int operator_on_export(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto e = std::make_unique<operator_transfer_out>();
	std::vector<uint64_t> place;

	e->context = c;
	e->request = frame->request;
	if (const int result = operator_get_place(c, frame, 4, &place))
		return result;
	e->place.part = place[0];
	std::copy(place.begin() + 1, place.end(), e->place.keys);
	if (!c.host->has(frame, "after"))
		operator_log_transfer(c, frame->conn, "export");
	e->cids = p->cids ? std::move(p->cids) : std::make_unique<transfer_cids>();
	const int result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_transfer_out_run,
	                                operator_transfer_out_done, e.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)e.release(); /* operator_transfer_out_done owns it now */
	return CS_PENDING;
}

/* ---- IMPORT */

struct operator_import {
	plugin_context context;
	cs_request request = {};
	std::string lines; /* the object; the batch points into it */
	transfer_batch batch;
};

static int operator_import_run(cs_db *db, void *arg)
{
	return transfer_read(db, &static_cast<operator_import *>(arg)->batch);
}

static void operator_import_done(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_import> i(static_cast<operator_import *>(arg));
	const plugin_context &c = i->context;

	if (result == MODEL_REFUSED) {
		(void)c.host->refuse(c.self, conn, &i->request, CS_ERRNO_BAD_FRAME, "line %llu: %s",
		                     static_cast<unsigned long long>(i->batch.wrong), i->batch.why.c_str());
		(void)c.host->finish(c.self, conn);
		return;
	}
	/* There may be bans in the lines. */
	if (result == 0 || result == CS_EUNKNOWN)
		bans_look(static_cast<operator_plugin *>(state));
	if (result)
		return operator_fail(c, conn, i->request, result);
	operator_done(c, conn, i->request,
	              ",\"added\":" + std::to_string(i->batch.added) +
	                      ",\"skipped\":" + std::to_string(i->batch.skipped));
}

/* The keys are the numbers of the lines. */
static bool operator_read_lines(operator_import *i)
{
	std::vector<object_member> members;

	if (object_read(i->lines, &members))
		return false;
	for (const object_member &member : members) {
		transfer_line line;

		if (member.key.empty() || member.key.size() > 15 || !member.value.starts_with('{'))
			return false;
		for (const char digit : member.key) {
			if (digit < '0' || digit > '9')
				return false;
			line.number = line.number * 10 + static_cast<uint64_t>(digit - '0');
		}
		line.object = member.value;
		i->batch.lines.push_back(line);
	}
	return true;
}

int operator_on_import(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto i = std::make_unique<operator_import>();
	std::string_view lines;

	i->context = c;
	i->request = frame->request;
	i->batch.now = c.host->now();
	if (const int result = operator_check_req(c, frame))
		return result;
	if (object_find({frame->bytes, frame->size}, "lines", &lines) == 0)
		i->lines = lines;
	if (!i->lines.starts_with('{') || !operator_read_lines(i.get()))
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "lines must be an object: the number of each line, and the line, an object");
	if (std::any_of(i->batch.lines.begin(), i->batch.lines.end(),
	                [](const transfer_line &line) { return line.number == 1; }))
		operator_log_transfer(c, frame->conn, "import");
	const int result =
		c.host->work(c.self, frame->conn, CS_WORK_WRITE, operator_import_run, operator_import_done, i.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)i.release(); /* operator_import_done owns it now */
	return CS_PENDING;
}
