/* SPDX-License-Identifier: MIT
 * An adapter of the bus whose table ends too early. */
#include <chatserverd/bus.h>

#include "bad_plugin.h"

static const struct cs_bus_driver driver = {.abi = CS_ABI, .size = 64};
static const struct cs_service provides[] = {{CS_BUS_SERVICE, CS_BUS_VERSION, &driver}, {NULL, 0, NULL}};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_small_bus", .provides = provides};
