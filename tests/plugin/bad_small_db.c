/* SPDX-License-Identifier: MIT
 * An adapter of the database whose table ends too early. */
#include <chatserverd/db.h>

#include "bad_plugin.h"

static const struct cs_db_driver driver = {.abi = CS_ABI, .size = 64};
static const struct cs_service provides[] = {{CS_DB_SERVICE, CS_DB_VERSION, &driver}, {NULL, 0, NULL}};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_small_db", .provides = provides};
