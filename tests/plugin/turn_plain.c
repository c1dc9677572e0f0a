/* SPDX-License-Identifier: MIT
 * A version that neither saves nor restores; see turn.h. */
#define TURN_VERSION 3
#define TURN_NAME "3"
#define TURN_SAVES 0
#define TURN_FAILS 0
#include "turn.h"
