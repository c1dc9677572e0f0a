/* SPDX-License-Identifier: MIT
 * The table of functions that connections call; its members are described in net/conn.h. */
#ifndef CORE_CONN_CALLS_H
#define CORE_CONN_CALLS_H

extern const struct conn_calls plugin_conn_calls;

#endif
