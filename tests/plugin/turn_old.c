/* SPDX-License-Identifier: MIT
 * The version that is replaced; see turn.h. */
#define TURN_VERSION 1
#define TURN_NAME "1"
#define TURN_SAVES 1
#define TURN_FAILS 0
#include "turn.h"
