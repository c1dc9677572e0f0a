/* SPDX-License-Identifier: MIT
 * The instance of the plugin push. For its own files; worker thread.
 *
 * The first worker of a node does the work: it has the thread that speaks HTTP (http.h), the devices of bots (device.h)
 * and the notices for accounts that are away (away.cpp). The instances of the other workers only answer requests. */
#ifndef PUSH_PUSH_H
#define PUSH_PUSH_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../model/push.h"
#include "../shared/field.h"
#include "backoff.h"
#include "http.h"

/* No device of the account of a bot makes room for the one of this plugin. */
inline constexpr size_t push_named_most = 10000;

struct push_conf {
	int64_t timeout; /* ms */
	int64_t backoff_min, backoff_max; /* ms */
	int64_t lookout; /* ms */
	const char *allow, *allow_away;
	const char *certificates;
	int64_t parallel;
	int away;
	int64_t delay; /* ms */
	int64_t interval; /* ms */
	int64_t max_targets; /* of an account */
	int64_t give_up; /* ms; 0: never */
	int64_t warn_again; /* ms */
};

struct push_device; /* device.h */
struct push_device_deleter {
	void operator()(push_device *d) const;
};
using push_device_ptr = std::unique_ptr<push_device, push_device_deleter>;

/* A conversation, with what the mailbox told of it that is not confirmed. */
struct push_talk {
	struct told {
		push_said said;
		bool is_event = false;
		int64_t due = 0; /* ms */
	};

	push_news news; /* without what was said */
	std::deque<told> waiting;
	bool is_asked = false; /* the store is being asked about it */
};

/* Figures for /metrics, of the node since the plugin was started. */
struct push_figures {
	int64_t posts = 0, failures = 0, frames = 0, said = 0, notices = 0;
};

/* An instance. */
struct push_plugin {
	plugin_context context;
	const push_conf *conf = nullptr; /* owned by the server */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	http *posts = nullptr; /* of the first worker only */
	cs_timer *timer = nullptr; /* the same */
	push_figures figures;
	uint64_t last_tag = 0;
	/* Monotonic, ms: when it was started, and when a receiver or bot last answered 2xx; [1]: at a private address.
	 */
	int64_t started = 0, answered[2] = {};

	/* ---- device.cpp and posting.cpp; of the first worker only */
	std::map<uint64_t, push_device_ptr> devices; /* by account */
	std::unordered_map<cs_conn, uint64_t> sessions; /* the accounts of their connections */
	std::unordered_map<uint64_t, uint64_t> posting; /* the accounts of the requests, by tag */
	bool is_listing = false, lists_again = false;
	int64_t next_list = 0; /* monotonic, ms */
	int64_t next_erased = 0; /* monotonic, ms: then rows of accounts that were erased are looked for */

	/* ---- away.cpp; of the first worker only */
	std::map<uint64_t, std::unique_ptr<push_talk>> talks; /* by conversation */
	std::unordered_map<uint64_t, std::unique_ptr<push_note>> notes; /* those that are being sent, by tag */
	/* Of targets that are due: when one was last served, monotonic, ms. Who was not served for long comes first. */
	std::unordered_map<uint64_t, int64_t> served;
	bool is_asking = false;
	bool is_looking = false, looks_again = false;
	int64_t next_look = 0; /* monotonic, ms */
};

/* ---- push.cpp */

/* A number that no other call gives. */
uint64_t push_next_tag(push_plugin *p);
backoff_bounds push_backoff(const push_plugin *p);
/* Of options that were checked. */
http_rules push_rules(const push_conf *conf);
/* A signed POST of JSON. */
http_post_ptr push_signed_post(const push_plugin *p, const std::string &url, std::string_view secret, std::string body);
/* Whether it was answered by 2xx, which is noted. */
bool push_is_taken(push_plugin *p, const http_post *post);
void push_show_figures(const push_plugin *p);
/* Lets the first worker of each node read the list of devices. */
void push_tell_change(const push_plugin *p);
/* Why sessions of a bot end. */
enum push_ending : char { PUSH_BOT_REMOVED = 'X', PUSH_TOKEN_VOID = 'T' };
/* Ends the sessions of the account on every node: of the device, or of CS_EVERY_DEVICE. */
void push_end_sessions(const push_plugin *p, cs_account account, uint64_t device, push_ending why);

/* ---- device.cpp: devices whose transport is HTTP */

/* Reads the list now and then, or soon if it has changed, and tends to the devices. */
void device_tick(push_plugin *p);
void device_list_soon(push_plugin *p);
void device_on_closed(push_plugin *p, cs_conn conn);
/* How many have their session here, and how many of them fail now. */
void device_count(const push_plugin *p, int64_t *open_r, int64_t *failing_r);
/* What an operator is told: "served", "failing", or "" for a device that has no session here. */
const char *device_state(const push_plugin *p, uint64_t account);
/* In `stop`: closes what is open. */
void device_stop(push_plugin *p);

/* ---- away.cpp: notices for accounts that are away */

int away_start(push_plugin *p, cs_error *e);
void away_tick(push_plugin *p);
void away_stop(push_plugin *p);

/* ---- target.cpp, bot.cpp: requests of clients, and of operators */

int push_on_set_push(void *state, const cs_frame *frame);
int push_on_pushes(void *state, const cs_frame *frame);
int push_on_bot_add(void *state, const cs_frame *frame);
int push_on_bot_list(void *state, const cs_frame *frame);
int push_on_bot_remove(void *state, const cs_frame *frame);
int push_on_bot_secret(void *state, const cs_frame *frame);
int push_on_bot_token(void *state, const cs_frame *frame);

#endif
