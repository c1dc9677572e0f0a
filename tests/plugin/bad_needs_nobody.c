/* SPDX-License-Identifier: MIT
 * A plugin that needs a service which no plugin provides. */
#include "bad_plugin.h"

static const char *const needs[] = {"tea", NULL};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_needs_nobody", .needs = needs};
