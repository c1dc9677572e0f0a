/* SPDX-License-Identifier: MIT
 * A plugin without a start function. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_no_start"};
