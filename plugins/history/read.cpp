/* SPDX-License-Identifier: MIT
 * READ: raises the read mark of the account, many in one transaction, and lets others know. */
#include <memory>
#include <vector>

#include "../model/marks.h"
#include "../shared/message.h"
#include "history.h"

/* A READ on its way to a writer and back. */
struct history_reading {
	cs_request request = {};
	cs_conn conn = 0;
	uint64_t device = 0;
	std::string bytes;
	mark_read mark;
};

static int read_run(cs_db *db, void *const *items, size_t count, int)
{
	std::vector<mark_read *> marks;

	for (size_t i = 0; i < count; i++)
		marks.push_back(&static_cast<history_reading *>(items[i])->mark);
	return mark_read_all(db, marks);
}

static void read_tell(history_plugin *p, const history_reading *reading)
{
	const mark_read &mark = reading->mark;

	if (mark.is_raised)
		history_forward(p, {mark.account, mark.kind, mark.of, false}, mark.seq, reading->device,
		                reading->bytes);
	if (mark.is_shown)
		history_forward(p, {mark.account, mark.kind, mark.of, true}, mark.seq, reading->device, reading->bytes);
}

static void read_done(void *state, int result, void *item)
{
	const std::unique_ptr<history_reading> reading(static_cast<history_reading *>(item));
	history_plugin *p = static_cast<history_plugin *>(state);
	const plugin_context &c = p->context;

	if (!result)
		result = reading->mark.outcome;
	if (result) {
		history_refuse(c, reading->conn, reading->request, reading->mark.kind, result);
	} else if (reading->mark.is_above) {
		(void)c.host->refuse(c.self, reading->conn, &reading->request, CS_ERRNO_BAD_FRAME,
		                     "seq is above the last one of the conversation");
	} else {
		c.host->answer(c.self, reading->conn, &reading->request, "");
		read_tell(p, reading.get());
	}
	(void)c.host->finish(c.self, reading->conn);
}

static const cs_batch read_batch = {"read", read_run, nullptr, read_done, {nullptr, nullptr}};

int history_on_read(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<history_plugin *>(state)->context;
	auto reading = std::make_unique<history_reading>();
	int64_t seq = 0;
	int show = 0;
	int result = history_get_conversation(c, frame, &reading->mark.kind, &reading->mark.of);

	if (!result)
		result = field_integer(c, frame, "seq", FIELD_REQUIRED, 1, &seq);
	if (!result)
		result = field_flag(c, frame, "show", FIELD_OPTIONAL, &show);
	if (!result)
		result = message_check_forwarded(c, frame);
	if (result)
		return result;
	reading->request = frame->request;
	reading->conn = frame->conn;
	reading->device = frame->device;
	reading->bytes.assign(frame->bytes, frame->size);
	reading->mark.account = frame->account;
	reading->mark.seq = static_cast<uint64_t>(seq);
	reading->mark.show = show != 0;
	result = c.host->batch(c.self, &read_batch, frame->account, reading.get(),
	                       sizeof(history_reading) + frame->size);
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)reading.release(); /* read_done owns it now */
	return CS_PENDING;
}
