/* SPDX-License-Identifier: MIT
 * One of two plugins that need each other. */
#include "bad_plugin.h"

static const char *const needs[] = {"cycle_two", NULL};
static const int table = 0;
static const struct cs_service provides[] = {{"cycle_one", 1, &table}, {NULL, 0, NULL}};

const struct cs_plugin cs_plugin = {
	BAD_PLUGIN,
	.name = "bad_cycle_one",
	.needs = needs,
	.provides = provides,
};
