/* SPDX-License-Identifier: MIT
 * An example of a plugin with a table of its own: it keeps reminders, and says each as its account when it is due.
 *
 *   > {"msgid":1001,"req":1,"cid":"tea","text":"tea is ready","at":1785920400000}
 *   > {"msgid":1001,"req":2,"cid":"hi","text":"call me","toid":2}
 *   < {"msgid":100,"of":1001,"req":1,"errno":0}
 *
 * toid: who gets it; without it, the account itself. at: milliseconds since 1970; without it, at the next login of
 * toid that the store can note.
 * Whoever got no answer sends the request again with the same cid. While a reminder with this cid waits, the
 * repetition changes nothing. When it was said and removed, its cid is free: then the same request makes another
 * reminder, which is said too.
 *
 * What was acknowledged is said, and each row of the table is said once, whenever the server dies: a reminder is
 * acknowledged after the commit, it is removed after the message was stored, and the message has a cid made of the
 * row's id, which no other row ever has. So a reminder can be tried again: each worker of each node looks for
 * reminders, and who finds one claims it for some time by moving its time. If it is not said then, the next who
 * finds it tries.
 *
 * When an account is erased, the reminders that it made, and those for it, are removed.
 *
 * Like the skeleton it is plain C that is also C++20. Its table is made by conf/schema/.../reminders-001.sql. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chatserverd/db.h>
#include <chatserverd/field.h>
#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

enum { REMINDERS_MSGID = 1001 };

enum {
	REMINDERS_MOST_CID = 64, /* bytes */
	REMINDERS_MOST_TEXT = 1000, /* bytes */
	REMINDERS_MOST = 100, /* of an account */
	REMINDERS_CLAIM = 10000 /* ms */
};

/* Results of reminders_add and reminders_claim, besides 0 and those of db.h. */
enum { REMINDERS_NOBODY = 1, REMINDERS_TOO_MANY = 2, REMINDERS_TAKEN = 3 };

struct reminders_conf {
	int64_t interval; /* ms */
};

struct reminders {
	const struct cs_host *host;
	struct cs_self *self;
	const struct cs_mailbox *mailbox;
	void *mailbox_context;
	struct cs_timer *timer; /* NULL: another instance has taken over, or will; this one looks no more */
	int busy; /* a reminder is being looked for or said */
};

/* A row of the table. */
struct reminder {
	struct reminders *owner;
	struct cs_request request; /* while it is added */
	cs_account account, recipient;
	int64_t id; /* 0: none was found */
	int64_t due; /* -1: at the recipient's next login */
	int64_t now; /* when it was looked for */
	size_t cid_size, text_size;
	char cid[REMINDERS_MOST_CID], text[REMINDERS_MOST_TEXT];
};

static void reminders_look(void *state, void *arg);

static void *reminders_allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

static struct cs_db_value reminders_integer(int64_t number)
{
	const struct cs_db_value value = {CS_DB_INTEGER, number, NULL, 0};

	return value;
}

static struct cs_db_value reminders_text(const char *bytes, size_t size)
{
	const struct cs_db_value value = {CS_DB_TEXT, 0, bytes, size};

	return value;
}

/* ---- keeping a reminder */

static int reminders_take_number(void *arg, const struct cs_db_value *columns, size_t count)
{
	(void)count;
	*(int64_t *)arg = columns[0].integer;
	return 1;
}

/* [store thread] Whether both accounts are there, and none of them is erased or being erased: then `locked` is 2 or
 * 3. */
static int reminders_find_accounts(struct cs_db *db, const struct reminder *r, int *found_r)
{
	const struct cs_db_value ids[] = {reminders_integer((int64_t)r->account),
	                                  reminders_integer((int64_t)r->recipient)};
	int64_t count = 0;
	const int result = db->driver->query(db, "SELECT COUNT(*) FROM account WHERE (id = ? OR id = ?) AND locked < 2",
	                                     ids, 2, reminders_take_number, &count);

	*found_r = count == (r->account == r->recipient ? 1 : 2);
	return result;
}

/* [store thread] Runs in a transaction that is committed if it returns 0; otherwise the server undoes the INSERT. A
 * repeated request changes nothing, also at the limit: its cid waits already. */
static int reminders_add(struct cs_db *db, void *arg)
{
	const struct reminder *r = (const struct reminder *)arg;
	const struct cs_db_value account = reminders_integer((int64_t)r->account);
	struct cs_db_value values[] = {account, reminders_text(r->cid, r->cid_size),
	                               reminders_integer((int64_t)r->recipient), reminders_integer(r->due),
	                               reminders_text(r->text, r->text_size)};
	int64_t kept = 0;
	int found = 0;
	int result = reminders_find_accounts(db, r, &found);

	if (!result && !found)
		return REMINDERS_NOBODY;
	if (r->due < 0)
		values[3].type = CS_DB_NULL;
	if (!result)
		result = db->driver->query(db,
		                           "INSERT INTO reminders_reminder (account, cid, recipient, due, text)"
		                           " VALUES (?, ?, ?, ?, ?)",
		                           values, 5, NULL, NULL);
	if (result == CS_DB_DUPLICATE)
		return 0;
	if (!result)
		result = db->driver->query(db, "SELECT COUNT(*) FROM reminders_reminder WHERE account = ?", &account, 1,
		                           reminders_take_number, &kept);
	return !result && kept > REMINDERS_MOST ? REMINDERS_TOO_MANY : result;
}

/* Called on the worker after the commit. */
static void reminders_on_added(void *state, cs_conn conn, int result, void *arg)
{
	const struct reminders *s = (const struct reminders *)state;
	struct reminder *r = (struct reminder *)arg;

	if (result == 0)
		s->host->answer(s->self, conn, &r->request, "");
	else if (result == REMINDERS_NOBODY)
		s->host->refuse(s->self, conn, &r->request, CS_ERRNO_NO_SUCH_USER, "toid names nobody");
	else if (result == REMINDERS_TOO_MANY)
		s->host->refuse(s->self, conn, &r->request, CS_ERRNO_FULL, "%d reminders are waiting",
		                (int)REMINDERS_MOST);
	else
		s->host->refuse_result(s->self, conn, &r->request, result);
	free(r);
}

static int reminders_on_request(void *state, const struct cs_frame *frame)
{
	const struct reminders *s = (const struct reminders *)state;
	const char *cid = NULL, *text = NULL;
	size_t cid_size = 0, text_size = 0;
	int64_t to = (int64_t)frame->account, at = -1;

	if (cs_field_text(s->host, s->self, frame, "cid", CS_FIELD_REQUIRED, &cid, &cid_size) ||
	    cs_field_text(s->host, s->self, frame, "text", CS_FIELD_REQUIRED, &text, &text_size) ||
	    cs_field_integer(s->host, s->self, frame, "toid", CS_FIELD_OPTIONAL, 1, &to) ||
	    cs_field_integer(s->host, s->self, frame, "at", CS_FIELD_OPTIONAL, 0, &at))
		return CS_REJECT;
	if (cid_size == 0 || cid_size > REMINDERS_MOST_CID || text_size > REMINDERS_MOST_TEXT)
		return s->host->refuse(s->self, frame->conn, &frame->request, CS_ERRNO_TOO_LONG,
		                       "cid must have 1 to %d bytes, text up to %d", (int)REMINDERS_MOST_CID,
		                       (int)REMINDERS_MOST_TEXT);
	struct reminder *r = (struct reminder *)reminders_allocate(sizeof *r);

	r->account = frame->account;
	r->recipient = (cs_account)to;
	r->due = at;
	r->cid_size = cid_size;
	r->text_size = text_size;
	memcpy(r->cid, cid, cid_size);
	memcpy(r->text, text, text_size);
	r->request = frame->request;
	const int result = s->host->work(s->self, frame->conn, CS_WORK_WRITE, reminders_add, reminders_on_added, r);

	if (result == 0)
		return CS_DONE; /* the answer comes later */
	free(r);
	return s->host->refuse_result(s->self, frame->conn, &frame->request, result);
}

/* ---- saying what is due: one after the other */

static int reminders_take_row(void *arg, const struct cs_db_value *columns, size_t count)
{
	struct reminder *r = (struct reminder *)arg;

	(void)count;
	r->id = columns[0].integer;
	r->account = (cs_account)columns[1].integer;
	r->recipient = (cs_account)columns[2].integer;
	r->due = columns[4].integer;
	r->text_size = columns[3].size < sizeof r->text ? columns[3].size : sizeof r->text;
	memcpy(r->text, columns[3].bytes, r->text_size);
	return 1;
}

/* [store thread] Finds one that is due. It may run again, so it forgets what it found before. */
static int reminders_read(struct cs_db *db, void *arg)
{
	struct reminder *r = (struct reminder *)arg;
	const struct cs_db_value now = reminders_integer(r->now);

	r->id = 0;
	return db->driver->query(db,
	                         "SELECT id, account, recipient, text, due FROM reminders_reminder WHERE due <= ?"
	                         " ORDER BY due LIMIT 1",
	                         &now, 1, reminders_take_row, r);
}

/* [store thread] Of several who found the reminder, one may say it. */
static int reminders_claim(struct cs_db *db, void *arg)
{
	const struct reminder *r = (const struct reminder *)arg;
	const struct cs_db_value values[] = {reminders_integer(r->now + REMINDERS_CLAIM), reminders_integer(r->id),
	                                     reminders_integer(r->due)};
	const int result = db->driver->query(db, "UPDATE reminders_reminder SET due = ? WHERE id = ? AND due = ?",
	                                     values, 3, NULL, NULL);

	return !result && db->driver->affected(db) != 1 ? REMINDERS_TAKEN : result;
}

/* [store thread] */
static int reminders_remove(struct cs_db *db, void *arg)
{
	const struct reminder *r = (const struct reminder *)arg;
	const struct cs_db_value id = reminders_integer(r->id);

	return db->driver->query(db, "DELETE FROM reminders_reminder WHERE id = ?", &id, 1, NULL, NULL);
}

/* What was not removed is found again when the claim is over. It is said again then, and stored once. */
static void reminders_end(struct reminders *s, struct reminder *r)
{
	s->busy = 0;
	free(r);
}

static void reminders_on_removed(void *state, cs_conn conn, int result, void *arg)
{
	(void)conn;
	reminders_end((struct reminders *)state, (struct reminder *)arg);
	if (result == 0)
		reminders_look(state, NULL);
}

/* A refusal for ever is logged, and the reminder is removed as well. */
static void reminders_on_said(void *arg, int result, uint64_t seq)
{
	struct reminder *r = (struct reminder *)arg;
	struct reminders *s = r->owner;

	const int refused = result > 0 || result == CS_EINVAL;

	(void)seq;
	if (refused)
		s->host->log(s->self, CS_LOG_WARNING, "a reminder was refused account=%llu result=%d",
		             (unsigned long long)r->account, result);
	if ((result != 0 && !refused) ||
	    s->host->work(s->self, 0, CS_WORK_WRITE, reminders_remove, reminders_on_removed, r) != 0)
		reminders_end(s, r);
}

static void reminders_say(struct reminders *s, struct reminder *r)
{
	char cid[CS_MAILBOX_CID_MAX];
	const struct cs_mailbox_post post = {
		.account = r->account,
		.kind = CS_CONVERSATION_PAIR,
		.to = r->recipient,
		.text = r->text,
		.text_size = r->text_size,
		.cid = cid,
		.cid_size = (size_t)snprintf(cid, sizeof cid, "reminders-%lld", (long long)r->id),
	};
	const int result = s->mailbox->post(s->mailbox_context, &post, reminders_on_said, r);

	if (result != 0)
		reminders_on_said(r, result, 0);
}

static void reminders_on_claimed(void *state, cs_conn conn, int result, void *arg)
{
	struct reminders *s = (struct reminders *)state;
	struct reminder *r = (struct reminder *)arg;

	(void)conn;
	if (result == 0) {
		reminders_say(s, r);
		return;
	}
	reminders_end(s, r);
	if (result == REMINDERS_TAKEN)
		reminders_look(s, NULL);
}

static void reminders_on_read(void *state, cs_conn conn, int result, void *arg)
{
	struct reminders *s = (struct reminders *)state;
	struct reminder *r = (struct reminder *)arg;

	(void)conn;
	if (result != 0 || r->id == 0 ||
	    s->host->work(s->self, 0, CS_WORK_WRITE, reminders_claim, reminders_on_claimed, r) != 0)
		reminders_end(s, r);
}

/* The timer, and more often while there are some. */
static void reminders_look(void *state, void *arg)
{
	struct reminders *s = (struct reminders *)state;

	(void)arg;
	if (s->busy || !s->timer)
		return;
	struct reminder *r = (struct reminder *)reminders_allocate(sizeof *r);

	r->owner = s;
	r->now = s->host->now();
	s->busy = 1;
	if (s->host->work(s->self, 0, CS_WORK_READ, reminders_read, reminders_on_read, r) != 0)
		reminders_end(s, r);
}

/* ---- the next login */

/* [store thread] What waited for the login is due now. */
static int reminders_wake(struct cs_db *db, void *arg)
{
	const struct reminder *r = (const struct reminder *)arg;
	const struct cs_db_value values[] = {reminders_integer(r->due), reminders_integer((int64_t)r->recipient)};

	return db->driver->query(db, "UPDATE reminders_reminder SET due = ? WHERE recipient = ? AND due IS NULL",
	                         values, 2, NULL, NULL);
}

static void reminders_on_woken(void *state, cs_conn conn, int result, void *arg)
{
	(void)conn;
	free(arg);
	if (result == 0)
		reminders_look(state, NULL);
}

static void reminders_opened(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want)
{
	const struct reminders *s = (const struct reminders *)state;
	struct reminder *r = (struct reminder *)reminders_allocate(sizeof *r);

	(void)device, (void)want;
	r->recipient = account;
	r->due = s->host->now();
	if (s->host->work(s->self, conn, CS_WORK_WRITE, reminders_wake, reminders_on_woken, r) != 0)
		free(r);
}

/* ---- an account is erased */

/* [store thread] Removes some rows of the account. find gives the highest id of these, and remove takes the account and
 * that id. 0: all are removed; 1: there may be others. */
static int reminders_erase_some(struct cs_db *db, cs_account account, size_t most, const char *find, const char *remove)
{
	struct cs_db_value values[] = {reminders_integer((int64_t)account), reminders_integer((int64_t)most)};
	int64_t last = 0;
	int result = db->driver->query(db, find, values, 2, reminders_take_number, &last);

	if (result != 0 || last == 0)
		return result;
	values[1].integer = last;
	result = db->driver->query(db, remove, values, 2, NULL, NULL);
	return result == 0 ? db->driver->affected(db) >= (int64_t)most : result;
}

/* [store thread] The server calls it again and again until it returns 0. reminders_add adds no more of them, and the
 * mailbox refuses one that is just being said. */
static int reminders_erase(struct cs_db *db, cs_account account, size_t most)
{
	const int made = reminders_erase_some(
		db, account, most,
		"SELECT MAX(id) FROM (SELECT id FROM reminders_reminder WHERE account = ? ORDER BY id LIMIT ?) AS r",
		"DELETE FROM reminders_reminder WHERE account = ? AND id <= ?");

	if (made != 0)
		return made;
	return reminders_erase_some(db, account, most,
	                            "SELECT MAX(id) FROM (SELECT id FROM reminders_reminder WHERE recipient = ?"
	                            " ORDER BY id LIMIT ?) AS r",
	                            "DELETE FROM reminders_reminder WHERE recipient = ? AND id <= ?");
}

/* ---- the instance */

static int reminders_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                           struct cs_error *e)
{
	struct reminders *s = (struct reminders *)reminders_allocate(sizeof *s);
	const void *table = NULL;

	(void)e;
	s->host = host;
	s->self = self;
	(void)host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &s->mailbox_context);
	s->mailbox = (const struct cs_mailbox *)table;
	s->timer = host->timer_add(self, ((const struct reminders_conf *)conf)->interval, 1, reminders_look, NULL);
	*state_r = s;
	return 0;
}

static void reminders_stop(void *state)
{
	free(state);
}

/* ---- being replaced */

/* An instance that leaves finishes the reminder that it has, and begins no other: else it would never finish while some
 * are due. */
static void reminders_leave(struct reminders *s)
{
	if (s->timer)
		s->host->timer_del(s->self, s->timer);
	s->timer = NULL;
}

/* There is nothing to hand over: all is in the table. But without this the new instance would take each session for a
 * login, and say what waits for the next one. */
static struct cs_shared *reminders_save(void *state)
{
	struct reminders *s = (struct reminders *)state;

	reminders_leave(s);
	return s->host->share("", 0);
}

static int reminders_restore(void *state, const struct cs_shared *saved)
{
	(void)state, (void)saved;
	return 0;
}

/* After a replacement: the interval may be long, and the old instance perhaps left some that are due. */
static void reminders_cluster(void *state, enum cs_cluster_event event)
{
	(void)event;
	reminders_look(state, NULL);
}

/* The mailbox calls reminders_on_said when a post ends. */
static int reminders_is_busy(void *state)
{
	struct reminders *s = (struct reminders *)state;

	reminders_leave(s);
	return s->busy;
}

static const struct cs_route reminders_routes[] = {
	{REMINDERS_MSGID, "remind", reminders_on_request, CS_ROUTE_NEEDS_LOGIN, 1},
	{0, NULL, NULL, 0, 0},
};

static const struct cs_option reminders_options[] = {
	{"interval", CS_OPTION_TIME, offsetof(struct reminders_conf, interval), 10, 86400000, "1s", NULL, 0,
         "how often each worker looks for reminders that are due"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

/* The server starts the plugin after the one that provides the mailbox. */
static const char *const reminders_needs[] = {CS_MAILBOX_SERVICE, NULL};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "reminders",
	.version = "1",
	.needs = reminders_needs,
	.routes = reminders_routes,
	.options = reminders_options,
	.conf_size = sizeof(struct reminders_conf),
	.start = reminders_start,
	.opened = reminders_opened,
	.cluster = reminders_cluster,
	.stop = reminders_stop,
	.save = reminders_save,
	.restore = reminders_restore,
	.busy = reminders_is_busy,
	.erase = reminders_erase,
};
