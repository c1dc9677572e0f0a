/* SPDX-License-Identifier: MIT
 * The devices of an account: DEVICES, END_DEVICE, and when named ones were seen. Worker thread. */
#ifndef LOGIN_DEVICES_H
#define LOGIN_DEVICES_H

#include "login.h"

/* Closes the sessions of a device that has no row in the store any more, on any node. A login of that device that is
 * under way finds this out itself: it looks for the row after its claim. */
void devices_end_sessions(const login_plugin *plugin, uint64_t account, uint64_t device);

/* The server's calls; contracts in plugin.h. */
void devices_on_opened(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device);
void devices_on_closed(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device);
void devices_on_routed(const login_plugin *plugin, cs_conn conn, const cs_parcel *parcel);
/* While the bus was away, devices may have been ended whose sessions here were not told. */
void devices_on_cluster(login_plugin *plugin, cs_cluster_event event);

void devices_start(login_plugin *plugin);
void devices_stop(const login_plugin *plugin);

#endif
