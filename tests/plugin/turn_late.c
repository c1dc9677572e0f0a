/* SPDX-License-Identifier: MIT
 * A version that starts on the second worker only when the file turn.until is there; see turn.h. */
#define TURN_VERSION 5
#define TURN_NAME "5"
#define TURN_SAVES 1
#define TURN_FAILS 0
#define TURN_LATE
#include "turn.h"
