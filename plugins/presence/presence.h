/* SPDX-License-Identifier: MIT
 * The instance of the plugin presence: who watches whom. For its own files; worker thread. */
#ifndef PRESENCE_PRESENCE_H
#define PRESENCE_PRESENCE_H

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include <chatserverd/plugin.h>

#include "../shared/field.h"

/* What a session was told of an account. At first nobody knows what its client has read. */
enum presence_told : unsigned char { PRESENCE_UNKNOWN, PRESENCE_OFFLINE, PRESENCE_ONLINE };

struct presence_watcher {
	cs_conn conn;
	presence_told told;
};

/* An account that sessions of this instance watch. */
struct presence_account {
	std::vector<presence_watcher> watchers; /* sorted by conn */
	int64_t told_ms = INT64_MIN / 2; /* when something was told last; monotonic */
	int64_t due_ms = 0; /* when the account's state is told, if it is another by then; 0: never */
};

/* A session that wants presence. */
struct presence_session {
	cs_account account = 0;
	std::vector<cs_account> watched; /* sorted */
	bool paused = false; /* the client is slow: changes are dropped */
};

/* An instance. */
struct presence_plugin {
	plugin_context context;
	uint64_t want = 0; /* the bit of "presence" in the `want` of a session */
	std::unordered_map<cs_conn, presence_session> sessions;
	std::unordered_map<cs_account, presence_account> accounts;
	std::set<std::pair<int64_t, cs_account>> due; /* by due_ms */
	cs_timer *timer = nullptr; /* set for timer_ms while something is due */
	int64_t timer_ms = 0;
};

/* ---- tell.cpp: when a change is told */

/* A session of the account has begun or ended, on any node. */
void presence_heard(presence_plugin *p, cs_account account, bool is_online);
/* Tells the state of the account as soon as may be to those who were told something else. */
void presence_tell_soon(presence_plugin *p, cs_account account);
/* Tells one session that the account is offline, whatever it is. */
void presence_hide(presence_plugin *p, cs_conn conn, cs_account account);
/* Nothing of the account is due any more. */
void presence_not_due(presence_plugin *p, cs_account account, presence_account *a);

/* ---- watch.cpp: which session watches which accounts */

/* Reads the session's list from the store, or what it says of one account: other; 0: all. by_other: if the session may
 * watch it no more, the other one blocks. */
void presence_read_list(presence_plugin *p, cs_conn conn, cs_account other, bool by_other);
void presence_forget_session(presence_plugin *p, cs_conn conn);

#endif
