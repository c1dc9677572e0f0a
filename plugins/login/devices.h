/* SPDX-License-Identifier: MIT
 * The devices of an account: DEVICES and END_DEVICE. Worker thread. */
#ifndef LOGIN_DEVICES_H
#define LOGIN_DEVICES_H

#include "login.h"

/* Closes the sessions of a device that has no row in the store any more, on any node. A login of that device that is
 * under way finds this out itself: it looks for the row after its claim. */
void login_devices_end_sessions(const login_plugin *plugin, uint64_t account, uint64_t device);

/* The server's call; contract in plugin.h. */
void login_devices_on_routed(const login_plugin *plugin, cs_conn conn, const cs_parcel *parcel);

#endif
