/* SPDX-License-Identifier: MIT
 * A version that does not start on the second worker; see turn.h. */
#define TURN_VERSION 4
#define TURN_NAME "4"
#define TURN_SAVES 1
#define TURN_FAILS 1
#include "turn.h"
