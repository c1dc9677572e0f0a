/* SPDX-License-Identifier: MIT
 * One of two plugins that need each other. */
#include "bad_plugin.h"

static const char *const needs[] = {"cycle_one", NULL};
static const int table = 0;
static const struct cs_service provides[] = {{"cycle_two", 1, &table}, {NULL, 0, NULL}};

const struct cs_plugin cs_plugin = {
	BAD_PLUGIN,
	.name = "bad_cycle_two",
	.needs = needs,
	.provides = provides,
};
