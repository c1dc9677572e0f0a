/* SPDX-License-Identifier: MIT
 * A plugin that does nothing and has no mistake, for refusals because of the file itself. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_nothing"};
