/* SPDX-License-Identifier: MIT
 * What the instance of worker 0 knows of banned networks. It gives the core the list of the store: at the start, when
 * another node says that it has changed, when a look now and then finds that it has, and when a ban ends. */
#ifndef OPERATOR_BANS_H
#define OPERATOR_BANS_H

#include <map>
#include <string>

#include <chatserverd/plugin.h>

#include "../model/bans.h"

struct operator_ban {
	cs_network network = {};
	int64_t ends = 0; /* ms; 0: never */
};

struct operator_bans {
	std::map<std::string, operator_ban> list; /* by network; as the core has it */
	ban_state state; /* of the table when the list was read */
	bool is_known = false; /* it was read */
	uint64_t changes = 0; /* by verbs here; a read that began before one does not have it */
	bool is_reading = false, read_again = false;
	bool leaves = false; /* another instance has taken over: only that one tells the core */
};

struct operator_plugin;

/* In start(), on each worker. */
void bans_start(operator_plugin *p);
/* Looks whether the table has changed. Does nothing on workers but 0. */
void bans_look(operator_plugin *p);

int operator_on_ban(void *state, const cs_frame *frame);
int operator_on_unban(void *state, const cs_frame *frame);
int operator_on_bans(void *state, const cs_frame *frame);

#endif
