/* SPDX-License-Identifier: MIT
 * The sessions of named devices on this worker: notes when the devices were seen, and ends sessions whose device was
 * forgotten. Worker thread. */
#ifndef LOGIN_NAMED_H
#define LOGIN_NAMED_H

#include "login.h"

/* The server's calls; contracts in plugin.h. */
void named_on_opened(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device);
void named_on_closed(login_plugin *plugin, cs_conn conn, uint64_t account, uint64_t device);
/* While the bus was away, devices may have been ended whose sessions here were not told. */
void named_on_cluster(login_plugin *plugin, cs_cluster_event event);

void named_start(login_plugin *plugin);
void named_stop(const login_plugin *plugin);

#endif
