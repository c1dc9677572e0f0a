/* SPDX-License-Identifier: MIT
 * Functions of the host table that have a file of their own. Contracts in plugin.h; the instance's own worker. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <chatserverd/plugin.h>

int host_claim(struct cs_self *self, cs_conn conn, const struct cs_claim *claim, cs_done_fn *done, void *arg);
int host_may_claim(struct cs_self *self);
/* Completes every waiting claim with CS_ECANCELED. To be called when no worker runs and the bus has stopped. */
struct worker_shared;
void host_claim_cancel_all(struct worker_shared *shared);
int host_presence(struct cs_self *self, cs_conn conn, const cs_account *accounts, unsigned char *online, size_t count,
                  cs_done_fn *done, void *arg);
int host_presence_of(struct cs_self *self, cs_conn conn, cs_account account, const uint64_t *devices,
                     unsigned char *online, size_t count, cs_done_fn *done, void *arg);
struct cs_timer *host_timer_add(struct cs_self *self, int64_t ms, int repeat, cs_timer_fn *fn, void *arg);
void host_timer_del(struct cs_self *self, struct cs_timer *timer);
struct cs_watch *host_watch(struct cs_self *self, int fd, unsigned events, cs_watch_fn *fn, void *arg);
void host_unwatch(struct cs_self *self, struct cs_watch *watch);
int host_adopt(struct cs_self *self, int fd, const char *peer, unsigned flags, cs_conn *conn_r);
int host_post(struct cs_self *self, cs_post_fn *fn, void *arg);
int host_ask_erase(struct cs_self *self, struct cs_erasing *erasing, cs_done_fn *done, void *arg);

#endif
