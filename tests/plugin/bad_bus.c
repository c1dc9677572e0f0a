/* SPDX-License-Identifier: MIT
 * An adapter of the bus, with one option, whose table is of another ABI. */
#include <chatserverd/bus.h>

#include "bad_plugin.h"

struct conf {
	int64_t cups;
};

static const struct cs_option options[] = {
	{"cups", CS_OPTION_INTEGER, 0, 0, 9, "3", NULL, 0, "cups of tea"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

static const struct cs_bus_driver driver = {.abi = 9u << 16, .size = sizeof(struct cs_bus_driver)};
static const struct cs_service provides[] = {{CS_BUS_SERVICE, CS_BUS_VERSION, &driver}, {NULL, 0, NULL}};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_bus", .provides = provides, .options = options,
                                    .conf_size = sizeof(struct conf)};
