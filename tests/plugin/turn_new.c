/* SPDX-License-Identifier: MIT
 * The version that takes the place of another one; see turn.h. */
#define TURN_VERSION 2
#define TURN_NAME "2"
#define TURN_SAVES 1
#define TURN_FAILS 0
#include "turn.h"
