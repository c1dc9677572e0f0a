/* SPDX-License-Identifier: MIT
 * A plugin that has a session without a client: it adopts a connection, logs the account of its options in on device 7,
 * and writes each frame that comes into a file, a line each; its own lines begin with !. It tries again whenever the
 * session was lost. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include <chatserverd/db.h>
#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

enum { SINK_DEVICE = 7, SINK_AGAIN_MS = 200 };

struct sink_conf {
	int64_t account;
	int confirm, reads, keeps;
	const char *file;
};

struct sink {
	const struct cs_host *host;
	struct cs_self *self;
	const struct cs_mailbox *mailbox;
	void *mailbox_context;
	struct sink_conf conf;
	cs_conn conn;
	int end; /* -1: none */
	struct cs_watch *watch;
	char *input;
	size_t size, room;
};

struct sink_generation {
	uint64_t account;
	int64_t generation;
};

static void sink_begin(void *state, void *arg);

static void sink_note(const struct sink *s, const char *bytes, size_t size)
{
	const int fd = open(s->conf.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char *line = malloc(size + 1);

	if (fd == -1 || !line)
		abort();
	memcpy(line, bytes, size);
	line[size] = '\n';
	if (write(fd, line, size + 1) != (ssize_t)size + 1)
		abort();
	free(line);
	(void)close(fd);
}

static void sink_note_text(const struct sink *s, const char *text)
{
	sink_note(s, text, strlen(text));
}

static void sink_forget(struct sink *s)
{
	s->host->unwatch(s->self, s->watch);
	s->watch = NULL;
	if (s->end != -1)
		(void)close(s->end);
	s->end = -1;
	s->size = 0;
}

static void sink_again(struct sink *s)
{
	sink_forget(s);
	(void)s->host->timer_add(s->self, SINK_AGAIN_MS, 0, sink_begin, NULL);
}

/* ---- frames */

static void sink_say(const struct sink *s, const char *frame)
{
	if (send(s->end, frame, strlen(frame), MSG_NOSIGNAL) != (ssize_t)strlen(frame) && errno != EPIPE)
		abort();
}

static long long sink_number(const char *frame, const char *key)
{
	const char *at = strstr(frame, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* The frame ends with a NUL. */
static void sink_take(const struct sink *s, const char *frame)
{
	const long long msgid = sink_number(frame, "\"msgid\":"), group = sink_number(frame, "\"groupid\":");
	char answer[200];

	sink_note_text(s, frame);
	if (!s->conf.confirm || (msgid != 6 && msgid != 10))
		return;
	(void)snprintf(answer, sizeof answer, "{\"msgid\":104,\"id\":%lld,\"%s\":%lld,\"seq\":%lld}\n",
	               (long long)s->conf.account, group ? "groupid" : "peer",
	               group ? group : sink_number(frame, "\"id\":"), sink_number(frame, "\"seq\":"));
	sink_say(s, answer);
}

static void sink_add(struct sink *s, const char *bytes, size_t size)
{
	if (s->size + size + 1 > s->room) {
		s->room = 2 * (s->size + size + 1);
		s->input = realloc(s->input, s->room);
		if (!s->input)
			abort();
	}
	memcpy(s->input + s->size, bytes, size);
	s->size += size;
	s->input[s->size] = '\0';
	for (char *end; (end = memchr(s->input, '\n', s->size)) != NULL;) {
		*end = '\0';
		sink_take(s, s->input);
		s->size -= (size_t)(end + 1 - s->input);
		memmove(s->input, end + 1, s->size);
	}
}

static void sink_on_end(void *state, int fd, unsigned events, void *arg)
{
	struct sink *s = state;
	char bytes[65536];
	ssize_t n;

	(void)events;
	(void)arg;
	while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		sink_add(s, bytes, (size_t)n);
	if (n == 0)
		sink_forget(s);
}

/* ---- the login */

static void sink_on_page(void *arg, cs_conn conn, int result, const struct cs_mailbox_entry *entries, size_t count)
{
	struct sink *s = arg;

	if (conn != s->conn)
		return;
	if (result != 0) {
		(void)s->host->close(s->self, conn, "no page");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char *frame = strndup(entries[i].frame, entries[i].size);

		sink_take(s, frame);
		free(frame);
	}
	if (s->mailbox->begin(s->mailbox_context, conn, 0) != 0 || s->host->finish(s->self, conn) != 0)
		abort();
}

static void sink_claimed(void *state, cs_conn conn, int result, void *arg)
{
	struct sink *s = state;
	const struct cs_mailbox_session session = {
		.account = (uint64_t)s->conf.account, .device = SINK_DEVICE, .acknowledges = 1};

	(void)arg;
	if (result != 0 || conn != s->conn) {
		(void)s->host->close(s->self, conn, "another one has the device");
		return;
	}
	(void)s->host->set_silence(s->self, conn, 0, 0);
	if (s->mailbox->attach(s->mailbox_context, conn, &session, sink_on_page, s) != 0)
		(void)s->host->close(s->self, conn, "the mailbox is busy");
}

static int sink_take_generation(void *arg, const struct cs_db_value *columns, size_t count)
{
	(void)count;
	((struct sink_generation *)arg)->generation = columns[0].integer;
	return 0;
}

static int sink_raise_generation(struct cs_db *db, void *arg)
{
	struct sink_generation *g = arg;
	const struct cs_db_value id = {CS_DB_INTEGER, (int64_t)g->account, NULL, 0};
	const int result = db->driver->query(db, "UPDATE account SET generation = generation + 1 WHERE id = ?", &id, 1,
	                                     NULL, NULL);

	if (result != 0)
		return result;
	return db->driver->query(db, "SELECT generation FROM account WHERE id = ?", &id, 1, sink_take_generation, g);
}

static void sink_has_generation(void *state, cs_conn conn, int result, void *arg)
{
	struct sink *s = state;
	struct sink_generation *g = arg;
	const struct cs_claim claim = {.account = (uint64_t)s->conf.account,
	                               .device = SINK_DEVICE,
	                               .name = "sink",
	                               .generation = (uint64_t)g->generation};

	free(g);
	if (result != 0 || claim.generation == 0 || s->host->claim(s->self, conn, &claim, sink_claimed, NULL) != 0)
		(void)s->host->close(s->self, conn, "no generation");
}

static void sink_begin(void *state, void *arg)
{
	struct sink *s = state;
	struct sink_generation *g = malloc(sizeof *g);
	int pair[2];

	(void)arg;
	if (s->end != -1) {
		free(g); /* the version before has handed its session over */
		return;
	}
	if (!g || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	*g = (struct sink_generation){(uint64_t)s->conf.account, 0};
	s->end = pair[1];
	if (s->host->adopt(s->self, pair[0], "sink", 0, &s->conn) != 0) {
		(void)close(pair[0]);
		free(g);
		sink_again(s);
		return;
	}
	if (s->conf.reads)
		s->watch = s->host->watch(s->self, s->end, CS_WATCH_READ, sink_on_end, NULL);
	if (s->host->work(s->self, s->conn, CS_WORK_WRITE, sink_raise_generation, sink_has_generation, g) != 0) {
		free(g);
		(void)s->host->close(s->self, s->conn, "no store");
	}
}

static void sink_opened(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want)
{
	struct sink *s = state;

	(void)account;
	(void)device;
	(void)want;
	if (conn == s->conn)
		sink_note_text(s, "! opened");
}

static int sink_closed(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t written)
{
	struct sink *s = state;

	(void)device;
	(void)written;
	if (conn != s->conn || conn == 0)
		return 0;
	s->conn = 0;
	if (s->watch)
		sink_on_end(s, s->end, CS_WATCH_READ, NULL); /* what was sent before the end */
	if (account)
		sink_note_text(s, "! closed");
	sink_again(s);
	return 0;
}

/* ---- being replaced */

struct sink_saved {
	int end;
	cs_conn conn;
};

static struct cs_shared *sink_save(void *state)
{
	struct sink *s = state;
	const struct sink_saved saved = {s->end, s->conn};

	if (!s->conf.keeps || s->end == -1)
		return NULL;
	s->host->unwatch(s->self, s->watch);
	s->watch = NULL;
	s->end = -1;
	s->conn = 0;
	return s->host->share(&saved, sizeof saved);
}

static int sink_restore(void *state, const struct cs_shared *bytes)
{
	struct sink *s = state;
	struct sink_saved saved;

	memcpy(&saved, bytes->bytes, sizeof saved);
	if (s->conn)
		(void)s->host->close(s->self, s->conn, "the session was handed over");
	sink_forget(s);
	s->end = saved.end;
	s->conn = saved.conn;
	s->watch = s->host->watch(s->self, s->end, CS_WATCH_READ, sink_on_end, NULL);
	sink_note_text(s, "! handed over");
	return 0;
}

static int sink_busy(void *state)
{
	(void)state;
	return 0;
}

/* ---- the instance */

static int sink_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                      struct cs_error *e)
{
	struct sink *s = malloc(sizeof *s);
	const void *table = NULL;
	cs_conn conn;

	if (!s)
		abort();
	*s = (struct sink){.host = host, .self = self, .conf = *(const struct sink_conf *)conf, .end = -1};
	(void)host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &s->mailbox_context);
	s->mailbox = table;
	if (host->adopt(self, -1, "sink", 0, &conn) != CS_EINVAL) {
		(void)snprintf(e->text, sizeof e->text, "adopt() in start()");
		free(s);
		return CS_EINVAL;
	}
	if (s->conf.account && host->worker(self) == 0)
		(void)host->timer_add(self, 0, 0, sink_begin, NULL);
	*state_r = s;
	return 0;
}

static void sink_stop(void *state)
{
	struct sink *s = state;

	sink_forget(s);
	free(s->input);
	free(s);
}

static const struct cs_option sink_options[] = {
	{"account", CS_OPTION_INTEGER, offsetof(struct sink_conf, account), 0, CS_INTEGER_MAX, "0", NULL, 0,
         "whose session; 0: nobody's"},
	{"confirm", CS_OPTION_BOOL, offsetof(struct sink_conf, confirm), 0, 0, "yes", NULL, 0,
         "whether messages are confirmed"},
	{"reads", CS_OPTION_BOOL, offsetof(struct sink_conf, reads), 0, 0, "yes", NULL, 0, "whether frames are read"},
	{"keeps", CS_OPTION_BOOL, offsetof(struct sink_conf, keeps), 0, 0, "no", NULL, 0,
         "whether the next version gets the session"},
	{"file", CS_OPTION_TEXT, offsetof(struct sink_conf, file), 0, 4096, "", NULL, 0, "where frames are noted"},
	{0},
};
static const char *const sink_needs[] = {CS_MAILBOX_SERVICE, NULL};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,      .name = "sink",          .version = "1",
	.needs = sink_needs, .options = sink_options, .conf_size = sizeof(struct sink_conf),
	.start = sink_start, .opened = sink_opened,   .closed = sink_closed,
	.stop = sink_stop,   .save = sink_save,       .restore = sink_restore,
	.busy = sink_busy,
};
