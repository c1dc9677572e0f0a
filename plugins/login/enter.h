/* SPDX-License-Identifier: MIT
 * The steps of a login after the claim. Worker thread. */
#ifndef LOGIN_ENTER_H
#define LOGIN_ENTER_H

#include "attempt.h"

/* Reads the contents of the ACK and answers. On failure logs out again. */
void enter_begin(login_plugin *p, cs_conn conn, attempt_ptr a);

#endif
