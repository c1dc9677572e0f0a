/* SPDX-License-Identifier: MIT
 * A made-up server for tests of plugins: it loads a plugin, gives it frames, and tells what clients got. In
 * libchatserverd-test.a:  cc test.c $(pkg-config --cflags --libs chatserverd-test).
 *
 * All runs on the caller's thread, and nothing by itself: time stands still until cs_fake_host_fire. It has one worker and
 * no database, so work of a plugin gets a NULL db. What a test does wrong (no such connection, a frame that is no
 * JSON object or whose msgid has no handler, a frame of a connection that is still pending) ends the process with a message. Texts
 * that it returns live until the next call with the same host. */
#ifndef CHATSERVERD_FAKE_HOST_H
#define CHATSERVERD_FAKE_HOST_H

#include <stddef.h>

#include <chatserverd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cs_fake_host;

struct cs_fake_host *cs_fake_host_open(void);
/* Ends all connections, stops the instances, frees the host. */
void cs_fake_host_close(struct cs_fake_host *host);

/* Sets an option before its plugin is loaded; key is SECTION.KEY, value as in chat.conf. */
void cs_fake_host_set(struct cs_fake_host *host, const char *key, const char *value);
/* Offers a service of the test's own to plugins that are loaded later. table and context stay the caller's. */
void cs_fake_host_offer(struct cs_fake_host *host, const char *name, uint32_t version, const void *table, void *context);
/* Loads a shared object, path with a slash, and starts an instance. 0, or what start() answered, with its text in e. */
int cs_fake_host_load(struct cs_fake_host *host, const char *path, struct cs_error *e);

/* A new connection; account 0: without a login. */
cs_conn cs_fake_host_connect(struct cs_fake_host *host, cs_account account, const char *name);
/* It ends: `closed` is called. */
void cs_fake_host_end(struct cs_fake_host *host, cs_conn conn);
/* Gives the frame to the hooks and the handler of its msgid, after the checks that its route asks for, then runs what
 * the plugin has asked for (work, routed data, posts) until nothing is left. Returns the handler's verdict; CS_REJECT where a check
 * or a hook refused it; CS_PENDING while a hook has it. */
int cs_fake_host_frame(struct cs_fake_host *host, cs_conn conn, const char *json);
/* 1 while a handler or a hook has left a request pending. */
int cs_fake_host_is_pending(struct cs_fake_host *host, cs_conn conn);

/* How many frames the client got so far, and the last of them; "" when none. */
size_t cs_fake_host_count(struct cs_fake_host *host, cs_conn conn);
const char *cs_fake_host_last(struct cs_fake_host *host, cs_conn conn);
/* The last line that a plugin wrote into the log; "" when none. */
const char *cs_fake_host_log(struct cs_fake_host *host);

/* Calls each timer that there is once. */
void cs_fake_host_fire(struct cs_fake_host *host);
/* Says that events (enum cs_watch_event) are there on a descriptor: calls those who watch it. */
void cs_fake_host_event(struct cs_fake_host *host, int fd, unsigned events);
/* Runs what waits, such as posts of the plugin's own threads. */
void cs_fake_host_run(struct cs_fake_host *host);

#ifdef __cplusplus
}
#endif

#endif
