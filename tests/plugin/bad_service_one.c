/* SPDX-License-Identifier: MIT
 * One of two plugins that provide the same service. */
#include "bad_plugin.h"

static const int table = 0;
static const struct cs_service provides[] = {{"tea", 1, &table}, {NULL, 0, NULL}};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_service_one", .provides = provides};
