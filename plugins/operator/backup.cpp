/* SPDX-License-Identifier: MIT
 * BACKUP: copies the store into a file, a part at a time, while everybody goes on. */
#include "operator.h"

#include <algorithm>
#include <memory>

#include <chatserverd/db.h>

/* A part takes a reader for so long as its disk needs for it, and the sync of the writer for no longer. */
static constexpr size_t operator_backup_part = 256 * 1024; /* bytes */
/* After each part comes a pause as long as the part took, within these bounds: so the disk is the writer's half of the
 * time. */
static constexpr int64_t operator_backup_pause = 1; /* ms */
static constexpr int64_t operator_backup_pause_most = 100; /* ms */
static constexpr int64_t operator_backup_answer = 1000; /* ms: after so long the answer says how far it has come */

struct operator_backup_deleter {
	const struct cs_db_driver *driver = nullptr;

	void operator()(struct cs_db_backup *backup) const
	{
		driver->backup_end(backup);
	}
};

struct operator_backup {
	plugin_context context;
	operator_plugin *plugin = nullptr;
	uint64_t number = 0; /* when it was ordered, so no other one has it, also of an earlier start */
	std::string path, by;
	std::unique_ptr<struct cs_db_backup, operator_backup_deleter> backup; /* null: not begun */
	cs_conn conn = 0; /* who waits for an answer; 0: nobody */
	cs_request request = {};
	int64_t asked = 0, begun = 0; /* ms, monotonic */
	int64_t step_begun = 0;
	uint64_t left = 0, size = 0; /* bytes */
	bool can = true; /* the database makes copies in this way */
	int failure = 0; /* of the last step, enum cs_db_result; e says what it is */
	struct cs_error e = {};
};

static void operator_backup_step(operator_backup *b);

/* ---- on a store thread */

static int operator_backup_do(cs_db *db, operator_backup *b)
{
	struct cs_db_backup *backup = nullptr;

	if (b->backup)
		return db->driver->backup_step(b->backup.get(), operator_backup_part, &b->left, &b->size, &b->e);
	b->can = CS_DB_HAS(db->driver, backup_begin);
	if (!b->can)
		return CS_DB_FAILED;
	b->left = 1;
	const int result = db->driver->backup_begin(db, b->path.c_str(), &backup, &b->e);

	if (!result)
		b->backup = {backup, {db->driver}};
	return result;
}

/* The store is to try again what it can. All else is above 0, because it is no fault of the store: the disk of the copy
 * is full, or its name is taken. */
static int operator_backup_run(cs_db *db, void *arg)
{
	auto *b = static_cast<operator_backup *>(arg);

	b->failure = operator_backup_do(db, b);
	if (b->failure == CS_DB_RETRY || b->failure == CS_DB_UNKNOWN)
		return b->failure;
	return b->failure ? 1 : 0;
}

/* ---- answers */

static std::string operator_backup_figures(const operator_backup *b)
{
	const bool is_done = b->backup && b->left == 0;
	std::string more = ",\"backup\":" + std::to_string(b->number) + ",\"file\":";

	operator_quote(&more, b->path);
	return more + ",\"done\":" + (is_done ? "true" : "false") + ",\"size\":" + std::to_string(b->size) +
	       ",\"left\":" + std::to_string(b->left) +
	       ",\"ms\":" + std::to_string(b->context.host->monotonic() - b->begun);
}

static void operator_backup_answer_now(operator_backup *b)
{
	if (!b->conn)
		return;
	operator_done(b->context, b->conn, b->request, operator_backup_figures(b));
	b->conn = 0;
}

static const char operator_backup_other_way[] =
	"chatserverd does not copy a store of this database; use its own programs: "
	"mariadb-dump --single-transaction --routines --add-drop-database --databases NAME >FILE";

/* The answer to who asks for a backup that has ended. */
static int operator_backup_tell_end(const plugin_context &c, cs_conn conn, const cs_request &request,
                                    const operator_backup_end &end)
{
	if (end.wire_errno)
		return c.host->refuse(c.self, conn, &request, end.wire_errno, "%s", end.text.c_str());
	c.host->answer(c.self, conn, &request, end.text.c_str());
	return CS_DONE;
}

/* Keeps its end, and tells it to who waits. */
static void operator_backup_end_with(operator_backup *b, int wire_errno, const std::string &text)
{
	const plugin_context &c = b->context;

	b->plugin->backup = nullptr;
	b->plugin->backup_end = {b->number, wire_errno, text};
	if (!b->conn)
		return;
	(void)operator_backup_tell_end(c, b->conn, b->request, b->plugin->backup_end);
	(void)c.host->finish(c.self, b->conn);
}

static void operator_backup_log_cut(const operator_backup *b)
{
	b->context.host->log(b->context.self, CS_LOG_WARNING,
	                     "a backup was not finished, because the server stops file=%s by=%s", b->path.c_str(),
	                     b->by.c_str());
}

static void operator_backup_fail(operator_backup *b, int result)
{
	const std::unique_ptr<operator_backup> owned(b);
	const plugin_context &c = b->context;
	const char *why = !b->can ? operator_backup_other_way : b->e.text[0] ? b->e.text : "the store does not answer";

	if (result == CS_ECANCELED)
		operator_backup_log_cut(b);
	else
		c.host->log(c.self, CS_LOG_WARNING, "no backup was made file=%s by=%s error=%s", b->path.c_str(),
		            b->by.c_str(), why);
	operator_backup_end_with(b,
	                         !b->can                         ? CS_ERRNO_NOT_ALLOWED
	                         : b->failure == CS_DB_BAD_VALUE ? CS_ERRNO_EXISTS
	                                                         : CS_ERRNO_UNAVAILABLE,
	                         why);
}

static void operator_backup_finish(operator_backup *b)
{
	const std::unique_ptr<operator_backup> owned(b);
	const plugin_context &c = b->context;
	const auto ms = static_cast<long long>(c.host->monotonic() - b->begun);

	c.host->log(c.self, CS_LOG_INFO, "a backup was made file=%s by=%s bytes=%llu ms=%lld", b->path.c_str(),
	            b->by.c_str(), static_cast<unsigned long long>(b->size), ms);
	c.host->audit(c.self, "order", "verb=backup peer=%s file=%s bytes=%llu", b->by.c_str(), b->path.c_str(),
	              static_cast<unsigned long long>(b->size));
	operator_backup_end_with(b, 0, operator_backup_figures(b));
}

/* ---- the steps */

static void operator_backup_again(void *, void *arg)
{
	operator_backup_step(static_cast<operator_backup *>(arg));
}

/* host->finish may call the handler of the connection's next frame only later, so b lives. */
static void operator_backup_stepped(void *, cs_conn, int result, void *arg)
{
	auto *b = static_cast<operator_backup *>(arg);
	const plugin_context &c = b->context;
	const int64_t now = c.host->monotonic(), took = now - b->step_begun;

	if (result)
		return operator_backup_fail(b, result);
	if (b->left == 0)
		return operator_backup_finish(b);
	if (now - b->asked >= operator_backup_answer)
		operator_backup_answer_now(b);
	(void)c.host->timer_add(c.self, std::clamp(took, operator_backup_pause, operator_backup_pause_most), 0,
	                        operator_backup_again, b);
}

static void operator_backup_step(operator_backup *b)
{
	const plugin_context &c = b->context;
	int result;

	b->step_begun = c.host->monotonic();
	result = c.host->work(c.self, 0, CS_WORK_READ, operator_backup_run, operator_backup_stepped, b);
	if (result == CS_EBUSY)
		(void)c.host->timer_add(c.self, operator_backup_pause_most, 0, operator_backup_again, b);
	else if (result)
		operator_backup_fail(b, result);
}

void operator_backup_stop(operator_plugin *p)
{
	const std::unique_ptr<operator_backup> owned(p->backup);

	if (owned)
		operator_backup_log_cut(owned.get());
	p->backup = nullptr;
}

/* ---- the order */

/* Waits for the copy that is under way. number: that of another one has ended; 0: any. */
static int operator_backup_wait(operator_plugin *p, const cs_frame *frame, uint64_t number)
{
	const plugin_context &c = p->context;
	operator_backup *b = p->backup;

	if (number && number == p->backup_end.number)
		return operator_backup_tell_end(c, frame->conn, frame->request, p->backup_end);
	if (number && (!b || number != b->number))
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "this backup is not known here any more; the log says how it ended");
	if (!b)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "no backup is under way, and file is missing");
	if (b->conn)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BUSY,
		                      "another operator waits for this backup");
	b->conn = frame->conn;
	b->request = frame->request;
	b->asked = c.host->monotonic();
	return CS_PENDING;
}

int operator_on_backup(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	std::string_view file;
	int64_t number = 0;

	if (const int result = operator_check_req(c, frame))
		return result;
	if (const int result = field_integer(c, frame, "backup", FIELD_OPTIONAL, 1, &number))
		return result;
	if (!c.host->has(frame, "file"))
		return operator_backup_wait(p, frame, static_cast<uint64_t>(number));
	if (const int result = field_text(c, frame, "file", FIELD_REQUIRED, &file))
		return result;
	if (!file.starts_with('/') || file.ends_with('/') || file.size() > 4000)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "file must be the whole path of a file, from / on");
	if (p->backup)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BUSY,
		                      "a backup is being made already");
	auto *b = p->backup = std::make_unique<operator_backup>().release();
	b->context = c;
	b->plugin = p;
	b->path = file;
	b->by = operator_peer(c, frame->conn);
	b->begun = c.host->monotonic();
	b->number = std::max(static_cast<uint64_t>(c.host->now()), p->backup_end.number + 1);
	(void)operator_backup_wait(p, frame, b->number);
	c.host->log(c.self, CS_LOG_INFO, "order verb=backup by=%s file=%s", b->by.c_str(), b->path.c_str());
	operator_backup_step(b);
	return CS_PENDING;
}
