/* SPDX-License-Identifier: MIT
 * A plugin whose name is not that of its file. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "somebody_else"};
