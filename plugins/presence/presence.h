/* SPDX-License-Identifier: MIT
 * The instance of the plugin presence: who watches whom. For its own files; worker thread. */
#ifndef PRESENCE_PRESENCE_H
#define PRESENCE_PRESENCE_H

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include <chatserverd/plugin.h>

#include "../model/contacts.h"
#include "../shared/field.h"

struct presence_conf {
	int64_t max_watched; /* accounts for each session; 0: no limit */
};

/* What a session was told of an account. At first nobody knows what its client has read. */
enum presence_told : unsigned char { PRESENCE_UNKNOWN, PRESENCE_OFFLINE, PRESENCE_ONLINE };

struct presence_watcher {
	cs_conn conn;
	presence_told told;
	bool is_blocked; /* by the account that it watches: that one is offline for it */
	bool is_behind = false; /* was not told of a change, because it was being read whether it is blocked */
};

/* An account that sessions of this instance watch. */
struct presence_account {
	std::vector<presence_watcher> watchers; /* sorted by conn; none: kept until the next change may be told */
	int64_t told_ms = INT64_MIN / 2; /* when something was told last; monotonic */
	int64_t due_ms = 0; /* when the account's state is told, if it is another by then; 0: never */
	bool is_asked = false; /* its state is being asked for, and nothing was heard of it since */
};

/* A session that wants presence. */
struct presence_session {
	cs_account account = 0;
	std::vector<cs_account> watched; /* sorted */
	bool is_read = false; /* its list was read */
	bool is_doubtful = false; /* what it was told may be old: changes were perhaps lost */
	bool paused = false; /* the client is slow: changes are dropped */
};

/* What is to be read: a session, and an account of its list; 0: the whole list. */
using presence_wish = std::pair<cs_conn, cs_account>;

/* The reads of the lists. There is one at a time, so no answer is older than one that came before it. */
struct presence_reads {
	std::map<presence_wish, bool> wishes; /* until they are answered; true: it waits for a read that begins now or
	                                       * later, also if one is under way */
	std::deque<presence_wish> changes, lists; /* those that wait: of one account, and whole lists */
	bool is_reading = false;
	cs_timer *retry = nullptr; /* the store failed: nothing is read until then */
	cs_timer *round = nullptr; /* then all lists are read again */
	int64_t round_ms = INT64_MIN / 2; /* when that was done last; monotonic */
	bool is_degraded = false; /* changes that other nodes tell may get lost */
};

/* An instance. */
struct presence_plugin {
	plugin_context context;
	const presence_conf *conf = nullptr; /* owned by the server */
	const struct contacts_service *contacts = nullptr;
	void *contacts_context = nullptr;
	uint64_t want = 0; /* the bit of "presence" in the `want` of a session */
	std::unordered_map<cs_conn, presence_session> sessions;
	std::unordered_map<cs_account, presence_account> accounts;
	std::set<std::pair<int64_t, cs_account>> due; /* by due_ms */
	cs_timer *timer = nullptr; /* set for timer_ms while something is due and nothing is asked */
	int64_t timer_ms = 0;
	bool is_asking = false; /* who is online */
	presence_reads reads;
};

/* ---- tell.cpp: when a change is told */

/* A session of the account has begun or ended, on any node. */
void presence_heard(presence_plugin *p, cs_account account, bool is_online);
/* Tells the state of the account as soon as may be, within 10 s, to those who were told something else. */
void presence_tell_soon(presence_plugin *p, cs_account account);
/* Tells one watcher that the account is offline, whatever it is. */
void presence_hide(presence_plugin *p, cs_account account, presence_account *a, presence_watcher *w);
/* Nothing of the account is due any more. */
void presence_not_due(presence_plugin *p, cs_account account, presence_account *a);
/* The account's state is told at that time (monotonic, ms), if it is another by then. */
void presence_make_due(presence_plugin *p, cs_account account, presence_account *a, int64_t due_ms);
/* Nobody watches the account any more. It is forgotten, but not before another change of it may be told. */
void presence_forget_account(presence_plugin *p, cs_account account, presence_account *a);

/* ---- watch.cpp: which session watches which accounts */

/* The list of the session, as it was read, in order. */
void presence_take_list(presence_plugin *p, cs_conn conn, presence_session *s,
                        const std::vector<contact_listed> &listed);
/* One account of the list of the session, as it was read; NULL: the account is not on the list. */
void presence_take_one(presence_plugin *p, cs_conn conn, presence_session *s, cs_account account,
                       const contact_listed *listed);
void presence_forget_session(presence_plugin *p, cs_conn conn);
/* How many accounts a session watches at most. */
size_t presence_most_watched(const presence_plugin *p);

/* ---- read.cpp: reading the lists */

/* Reads what the session's list says of the account; 0: the whole list. */
void presence_read(presence_plugin *p, cs_conn conn, cs_account account);
/* The same, with the next read that begins. */
void presence_read_next(presence_plugin *p, presence_wish wish);
/* Whether a change of that account was heard and not yet read. */
bool presence_is_being_read(const presence_plugin *p, cs_conn conn, cs_account account);
/* Reads all lists again, soon. */
void presence_read_all(presence_plugin *p);
void presence_stop_reading(presence_plugin *p);

/* ---- presence_save.cpp: being replaced, see plugin.h */

struct cs_shared *presence_save(void *state);
int presence_restore(void *state, const struct cs_shared *saved);
int presence_busy(void *state);

#endif
