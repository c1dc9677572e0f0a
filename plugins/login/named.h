/* SPDX-License-Identifier: MIT
 * Notes when the named devices of this worker's sessions were seen. Worker thread. */
#ifndef LOGIN_NAMED_H
#define LOGIN_NAMED_H

#include "login.h"

/* The server's calls; contracts in plugin.h. */
void named_on_opened(login_plugin *plugin, cs_conn conn);
void named_on_closed(login_plugin *plugin, cs_conn conn);

/* The timer of the instance: also that of sessions.h. */
void named_start(login_plugin *plugin);
void named_stop(login_plugin *plugin);

#endif
