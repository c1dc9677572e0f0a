/* SPDX-License-Identifier: MIT
 * An example plugin with a route, a hook, options and a timer: it answers msgid 1000 with the text in capital letters.
 * A plugin needs only <chatserverd/plugin.h>, and it links against nothing of the server.
 *
 *   > {"msgid":1000,"req":1,"text":"hello"}
 *   < {"msgid":100,"of":1000,"req":1,"errno":0,"text":"HELLO"}
 *
 * This is plain C that is also C++20: with a name that ends in .c it compiles as C11. The man page is
 * chatserverd-plugin(3). */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <chatserverd/field.h>
#include <chatserverd/json.h>
#include <chatserverd/plugin.h>

/* Any plugin may use msgids of four digits and more. The server does not start if two plugins have the same msgid. */
enum { SKELETON_MSGID = 1000 };

/* The longest text that the option allows. A character can take 6 bytes in JSON, as \u001f. */
enum { SKELETON_MOST = 1024, SKELETON_ROOM = 6 * SKELETON_MOST + 64 };

/* The options of the section [skeleton] in chat.conf. The server fills it as skeleton_options says. */
struct skeleton_conf {
	int64_t longest;
	int64_t most;
	int64_t interval; /* milliseconds */
};

/* An instance. Each worker thread has its own, so a plugin needs no locks. Use no static variables: all threads would
 * share them. */
struct skeleton {
	const struct cs_host *host; /* the server's functions */
	struct cs_self *self; /* this instance, the first argument of most of these functions */
	const struct skeleton_conf *conf;
	int64_t count; /* requests since the timer fired */
};

/* Writes `,"text":` and the text as a JSON string with ASCII capitals, and a NUL at the end. */
static void skeleton_write(char *more, size_t room, const char *text, size_t size)
{
	static const char key[] = ",\"text\":";
	char capitals[SKELETON_MOST];
	size_t at = sizeof key - 1;

	for (size_t i = 0; i < size; i++)
		capitals[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
	memcpy(more, key, at);
	at += cs_json_quote(more + at, room - at - 1, capitals, size);
	more[at] = '\0';
}

/* The handler. The server calls it on the worker of the instance for each frame with the msgid of the route. The server
 * has checked that the frame is valid JSON with a msgid; the plugin checks the other fields. A handler must not block:
 * for slow work (a database, a hash) it calls host->work() and answers CS_PENDING. */
static int skeleton_on_request(void *state, const struct cs_frame *frame)
{
	const struct skeleton *s = (const struct skeleton *)state;
	char more[SKELETON_ROOM];
	const char *text = NULL;
	size_t size = 0;

	/* A refusal is always sent; answer() sends something only to a request that has `req`. */
	if (cs_field_text(s->host, s->self, frame, "text", CS_FIELD_REQUIRED, &text, &size) != 0)
		return CS_REJECT;
	if (size > (size_t)s->conf->longest)
		return s->host->refuse(s->self, frame->conn, &frame->request, CS_ERRNO_TOO_LONG,
		                       "text must have up to %d bytes", (int)s->conf->longest);
	skeleton_write(more, sizeof more, text, size);
	s->host->answer(s->self, frame->conn, &frame->request, more);
	return CS_DONE;
}

/* The hook. The server calls it before the handler, here for one msgid; msgid 0 means every frame of every plugin. This
 * hook limits how many requests a worker accepts in an interval, from all clients together. */
static int skeleton_before(void *state, const struct cs_frame *frame)
{
	struct skeleton *s = (struct skeleton *)state;

	if (s->count >= s->conf->most)
		return s->host->refuse(s->self, frame->conn, &frame->request, CS_ERRNO_BUSY,
		                       "too many; try again later");
	s->count++;
	return CS_PASS;
}

/* The timer. The server calls it on the worker of the instance, again and again. */
static void skeleton_on_interval(void *state, void *arg)
{
	(void)arg;
	((struct skeleton *)state)->count = 0;
}

/* Makes the instance of one worker. If it fails, the server does not start and logs the text in e. */
static int skeleton_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                          struct cs_error *e)
{
	struct skeleton *s = (struct skeleton *)calloc(1, sizeof *s);

	(void)e;
	if (!s)
		abort();
	s->host = host;
	s->self = self;
	s->conf = (const struct skeleton_conf *)conf;
	host->timer_add(self, s->conf->interval, 1, skeleton_on_interval, NULL); /* it ends with the instance */
	*state_r = s;
	return 0;
}

/* For SIGHUP. Every plugin is called with commit 0 first. If all of them agree, each is called again with commit 1. */
static int skeleton_reload(void *state, const void *conf, int commit, struct cs_error *e)
{
	(void)e;
	if (commit)
		((struct skeleton *)state)->conf = (const struct skeleton_conf *)conf;
	return 0;
}

static void skeleton_stop(void *state)
{
	free(state);
}

/* Flags can be CS_ROUTE_NEEDS_LOGIN and CS_ROUTE_OWN_ID. cost: how much a request uses of the rate limit of its
 * connection. An empty row ends the list. */
static const struct cs_route skeleton_routes[] = {
	{SKELETON_MSGID, "skeleton", skeleton_on_request, 0, 1},
	{0, NULL, NULL, 0, 0},
};

/* msgid, order among the hooks of all plugins (lower ones first), function, spare. */
static const struct cs_hook skeleton_hooks[] = {
	{SKELETON_MSGID, 0, skeleton_before, 0},
	{0, 0, NULL, 0},
};

/* key, type, member, smallest, largest, default, choices, changes by SIGHUP, help. */
static const struct cs_option skeleton_options[] = {
	{"longest", CS_OPTION_INTEGER, offsetof(struct skeleton_conf, longest), 1, SKELETON_MOST, "100", NULL, 1,
         "bytes that the text may have"},
	{"most", CS_OPTION_INTEGER, offsetof(struct skeleton_conf, most), 1, 999999, "100", NULL, 1,
         "requests that a worker takes in an interval"},
	{"interval", CS_OPTION_TIME, offsetof(struct skeleton_conf, interval), 1, 86400000, "5s", NULL, 0,
         "how long that is"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

/* The only symbol that a plugin exports (plugin.h declares it). It is data: the server reads it before it runs anything
 * of the plugin. A plugin that keeps rows about accounts in a table of its own also has .erase, which removes them when
 * an account is erased; the plugin reminders shows it. */
const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "skeleton",
	.version = "1",
	.routes = skeleton_routes,
	.options = skeleton_options,
	.hooks = skeleton_hooks,
	.conf_size = sizeof(struct skeleton_conf),
	.start = skeleton_start,
	.reload = skeleton_reload,
	.stop = skeleton_stop,
};
