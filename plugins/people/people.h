/* SPDX-License-Identifier: MIT
 * The instance of the plugin people. For its own files; worker thread. */
#ifndef PEOPLE_PEOPLE_H
#define PEOPLE_PEOPLE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <chatserverd/plugin.h>

#include "../shared/contacts.h"
#include "../shared/field.h"

struct people_conf {
	int64_t max_friends, max_blocked; /* 0: no limit */
	int64_t find_user_limit; /* per minute; 0: no limit */
};

/* How far ahead of the clock each asker is, as a time in ms: each question puts it further ahead. */
using people_askers = std::unordered_map<uint64_t, int64_t>;

struct people_watcher {
	contacts_changed_fn *fn;
	void *arg;
};

/* An instance. */
struct people {
	plugin_context context;
	const people_conf *conf = nullptr; /* owned by the server */
	uint64_t want = 0; /* the bit of "presence" in the `want` of a session */
	/* The sessions that want ADDED; false: the client is slow and gets none. */
	std::unordered_map<cs_conn, bool> told;
	std::vector<people_watcher> watchers;
	people_askers asking_connections, asking_networks;
};

/* Appends the text as a JSON string. */
void people_quote(std::string *out, std::string_view text);

/* ---- change.cpp */

int people_on_add_friend(void *state, const cs_frame *frame);
int people_on_set_contact(void *state, const cs_frame *frame);
/* A parcel of another instance, or of this one: a change. */
void people_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel);
void people_on_not_alone(void *state, cs_account account);

/* ---- query.cpp */

int people_on_contacts(void *state, const cs_frame *frame);
int people_on_find_user(void *state, const cs_frame *frame);

#endif
