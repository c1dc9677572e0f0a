/* SPDX-License-Identifier: MIT
 * A made-up server for tests of plugins: it loads a plugin, gives it frames, and shows the frames that clients got. In
 * libchatserverd-test.a: cc test.c $(pkg-config --cflags --libs chatserverd-test).
 *
 * Everything runs on the caller's thread, and nothing runs by itself. Time stands still, but each call of now() or
 * monotonic() moves both clocks by 1 ms; timers wait for cs_fake_host_fire, which moves no clock. There is one worker
 * and no database, so work on one is refused with CS_ENOSTORE. A mistake of the test (no such connection, a frame of
 * one that has ended, a frame that is no JSON object or whose msgid has no handler) ends the process with a message.
 * Returned texts live until the next call with the same host. */
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
/* Offers the test's own service to plugins that are loaded later. table and context stay the caller's. */
void cs_fake_host_offer(struct cs_fake_host *host, const char *name, uint32_t version, const void *table,
                        void *context);
/* Loads a shared object (path must contain a slash) and starts an instance. 0, or the result of start() with its text
 * in e. */
int cs_fake_host_load(struct cs_fake_host *host, const char *path, struct cs_error *e);

/* A new connection; account 0: without a login. */
cs_conn cs_fake_host_connect(struct cs_fake_host *host, cs_account account, const char *name);
/* Ends the connection: `closed` is called. */
void cs_fake_host_end(struct cs_fake_host *host, cs_conn conn);
/* Gives the frame to the hooks and the handler of its msgid, after the checks that its route demands. Then runs the
 * plugin's work, routed data and posts until none is left. Returns the handler's verdict; CS_REJECT if a check or a
 * hook refused it; CS_PENDING while a hook has it, or while it waits because the connection is pending. */
int cs_fake_host_frame(struct cs_fake_host *host, cs_conn conn, const char *json);
/* 1 while a handler or a hook has left a request pending. */
int cs_fake_host_is_pending(struct cs_fake_host *host, cs_conn conn);

/* How many frames the client has got so far, and the last of them; "" if none. */
size_t cs_fake_host_count(struct cs_fake_host *host, cs_conn conn);
const char *cs_fake_host_last(struct cs_fake_host *host, cs_conn conn);
/* The last line that a plugin logged; "" if none. */
const char *cs_fake_host_log(struct cs_fake_host *host);

/* Calls each existing timer once, whether or not it is due. */
void cs_fake_host_fire(struct cs_fake_host *host);
/* Reports events (enum cs_watch_event) on a descriptor: calls the functions that watch it. */
void cs_fake_host_event(struct cs_fake_host *host, int fd, unsigned events);
/* Runs waiting calls, such as posts of the plugin's own threads. */
void cs_fake_host_run(struct cs_fake_host *host);

#ifdef __cplusplus
}
#endif

#endif
