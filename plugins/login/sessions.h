/* SPDX-License-Identifier: MIT
 * The sessions of this worker, and their ends when a password was changed, an account locked or a
 * device forgotten. Worker thread. */
#ifndef LOGIN_SESSIONS_H
#define LOGIN_SESSIONS_H

#include "login.h"

/* From the claim on, until the session has ended. */
void login_sessions_add(login_plugin *plugin, cs_conn conn, const login_session &session);
void login_sessions_remove(login_plugin *plugin, cs_conn conn);
/* The session has a new series. */
void login_sessions_set_series(login_plugin *plugin, cs_conn conn, uint64_t series);

/* The account has this series now: closes its sessions that logged in before, on every node. To be called after the
 * commit. A login that is under way finds this out itself: it reads the series after its claim. */
void login_sessions_end_former(login_plugin *plugin, uint64_t account, const user_series &series);
/* The account is locked: closes its sessions on every node. As above. */
void login_sessions_end_locked(login_plugin *plugin, uint64_t account);
/* Closes the sessions of a device that has no row in the store any more, or is device 0 and was ended, on every node.
 * The same holds for a login that is under way. */
void login_sessions_end_device(const login_plugin *plugin, uint64_t account, uint64_t device);

/* The server's calls; contracts in plugin.h. */
void login_sessions_on_routed(login_plugin *plugin, cs_conn conn, cs_account account, const cs_parcel *parcel);
/* A session on another node may have been missed by login_sessions_end_former or _end_locked, if that was just now:
 * ends those again that should have ended. */
void login_sessions_on_not_alone(const login_plugin *plugin, uint64_t account);
/* Parcels that end sessions may have been lost: compares the sessions with the store. */
void login_sessions_on_cluster(login_plugin *plugin, cs_cluster_event event);
/* Every second. */
void login_sessions_tick(login_plugin *plugin);

#endif
