/* SPDX-License-Identifier: MIT
 * Reads a password: twice from the terminal, which does not show it, or one line of standard input. */
#ifndef CHATCTL_PASSWORD_H
#define CHATCTL_PASSWORD_H

#include <base/wipe.h>

/* false: there is none, the two differ, or no request can carry it, which is explained on standard error. A signal that
 * ends chatctl ends it, with the terminal as it was. */
[[nodiscard]] bool chatctl_read_password(wiped_text *password_r);

#endif
