/* SPDX-License-Identifier: MIT
 * Owns what the files of this adapter share: its options, the bus and what is under way on it. It must
 * not know what the data is that nodes send each other.
 *
 * The keys, with option prefix P and database number D:
 *   P:s:ACCOUNT   a session: ADDRESS:CONN:GENERATION:L, or E while it is ending;
 *                 with ADDRESS 0 the last one that there was
 *   P:nodes       addresses of the nodes, scored with the time (ms) at which each one's lease lapses
 *   P:lapsed      addresses whose lease lapsed, scored with the time (ms) until which that is remembered
 * The channels: P:D:in:ADDRESS, a node's inbox, and P:D:all. */
#ifndef BUS_REDIS_H
#define BUS_REDIS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <async.h>
#include <hiredis.h>

#include <chatserverd/bus.h>

/* Filled by the server from the section [bus_redis]. Times in ms, queue in bytes. */
struct rbus_conf {
	const char *host;
	int64_t port;
	const char *socket; /* empty: TCP */
	const char *user; /* empty: none */
	const char *password;
	int64_t database;
	const char *prefix;
	int64_t lease;
	int64_t connect_timeout;
	int64_t watchdog;
	int64_t queue;
};

struct rbus;

/* ---- link.cpp: one connection on the server's loop */

struct rbus_link {
	struct rbus *bus = nullptr;
	const char *name = "";
	redisAsyncContext *context = nullptr; /* hiredis's; null when there is none */
	struct cs_bus_watch *watch = nullptr;
	bool closing = false; /* we end it: that it ends is no news */
	bool reading = false, writing = false; /* what the loop was last asked for */
	bool wants_read = false, wants_write = false;
	bool held = false; /* the loop is asked when the call that is under way ends */
};

/* Begins to connect, to the socket or else to the address. 0, or CS_EINVAL with the reason in *why_r. */
[[nodiscard]] int rbus_link_open(struct rbus_link *link, const rbus_conf *conf, const char *address,
                                 std::string *why_r);
/* Ends it; where hiredis is calling us, when that call returns. Replies that are due never come. */
void rbus_link_close(struct rbus_link *link);
/* Writes what is queued now, as far as the kernel takes it, instead of in the loop's next turn. */
void rbus_link_flush(struct rbus_link *link);

/* A command in Redis's protocol, argument by argument. */
struct rbus_command {
	std::string bytes;
	size_t count = 0;
};

void rbus_command_add(struct rbus_command *command, std::string_view argument);
void rbus_command_add_number(struct rbus_command *command, uint64_t number);
/* The complete text. */
std::string rbus_command_text(const struct rbus_command *command);

/* ---- resolve.cpp: the address of the host */

struct rbus_lookup;
struct rbus_lookup_free {
	void operator()(struct rbus_lookup *lookup) const;
};

/* Calls rbus_resolved or rbus_drop, at once or later. */
void rbus_resolve(struct rbus *b);

/* ---- script.cpp: what runs inside Redis */

enum rbus_script {
	RBUS_CLAIM,
	RBUS_AGAIN,
	RBUS_ENDING,
	RBUS_RELEASE,
	RBUS_RENEW,
	RBUS_PRESENCE,
	RBUS_SEND,
	RBUS_LEAVE,
	RBUS_SCRIPTS
};

std::string rbus_script_text(enum rbus_script script);

/* ---- wire.cpp: what is published */

enum rbus_frame_type : unsigned char {
	RBUS_DATA = 1, /* what a node was given to send */
	RBUS_CLOSE = 2, /* "ACCOUNT CONN" in decimal: another login has the account or asks for it */
	RBUS_HEARTBEAT = 3, /* from the node itself */
	RBUS_RESYNC = 4, /* hints may have been lost: the sender is back on the bus */
	RBUS_LAPSED = 5, /* hints may be lost for a while: the sender found a node's lease lapsed */
	RBUS_PROBE = 6 /* "ACCOUNT CONN" in decimal: a login on the sender asks for the account */
};

struct rbus_frame {
	enum rbus_frame_type type;
	std::string_view body;
};

constexpr size_t RBUS_FRAME_HEAD = 5;

/* What every message begins with: a version and the sender. Frames follow. */
std::string rbus_wire_head(cs_bus_address sender);
void rbus_wire_add(std::string *bytes, enum rbus_frame_type type, std::string_view body);
/* 0, or CS_EINVAL where the message is not wholly of that form; the views are into it. */
[[nodiscard]] int rbus_wire_parse(std::string_view message, cs_bus_address *sender_r,
                                  std::vector<rbus_frame> *frames_r);
/* The body of RBUS_CLOSE and RBUS_PROBE. */
[[nodiscard]] int rbus_wire_parse_session(std::string_view body, cs_account *account_r, cs_conn *conn_r);

/* ---- what is under way on the command connection; answers come in the order of the commands */

enum rbus_request_kind {
	RBUS_ASKED_HANDSHAKE,
	RBUS_ASKED_SCRIPT,
	RBUS_ASKED_REGISTER,
	RBUS_ASKED_AGAIN,
	RBUS_ASKED_PLAIN,
	RBUS_ASKED_CLAIM,
	RBUS_ASKED_RENEW,
	RBUS_ASKED_PRESENCE,
	RBUS_ASKED_SEND,
	RBUS_ASKED_GOODBYE
};

/* A send whose fate is to be told. index: its place in the script call. */
struct rbus_sent {
	size_t index;
	cs_bus_done_fn *done;
	void *arg;
};

struct rbus_request {
	enum rbus_request_kind kind;
	size_t bytes = 0; /* of the command */
	cs_bus_done_fn *done = nullptr;
	void *arg = nullptr;
	int script = 0; /* SCRIPT */
	struct cs_bus_session session {}; /* CLAIM */
	std::vector<cs_bus_session> sessions; /* AGAIN */
	unsigned char *online = nullptr; /* PRESENCE: of this slice */
	size_t count = 0, before = 0; /* PRESENCE: of this slice, and of those before it */
	std::vector<rbus_sent> sent; /* SEND */
};

/* ---- outbox.cpp: what waits to be sent */

/* Becomes one script call. */
struct rbus_chunk {
	std::string keys, arguments; /* in Redis's protocol */
	size_t key_count = 0, messages = 0;
	std::vector<rbus_sent> sent;
};

/* ---- the sessions of this node */

struct rbus_held {
	cs_conn conn = 0;
	uint64_t generation = 0;
	bool ending = false;
	bool claiming = false; /* Redis has not answered yet */
	bool closing = false; /* to be closed once it has */
};

enum rbus_state {
	RBUS_AWAY, /* no connection; the next try is timed */
	RBUS_CONNECTING, /* up to the register script */
	RBUS_SETTLING, /* reachable, but the sessions are still being claimed again */
	RBUS_UP,
	RBUS_LEAVING,
	RBUS_GONE
};

struct rbus {
	const rbus_conf *conf = nullptr;
	const struct cs_bus_host *host = nullptr;
	void *core = nullptr;
	enum rbus_state state = RBUS_AWAY;

	struct rbus_link command, inbox;
	std::unique_ptr<struct rbus_lookup, rbus_lookup_free> lookup;
	unsigned tries = 0; /* to connect */
	std::deque<rbus_request> requests;
	size_t waiting = 0; /* bytes of requests and outbox */

	/* the epoch */
	cs_bus_address address = 0, previous = 0; /* previous: the last one that Redis may know */
	std::string own, head; /* the address in hex; what our messages begin with */
	unsigned due = 0; /* replies that the handshake still waits for */
	std::vector<cs_account> unsettled;
	unsigned settling = 0; /* script calls under way */
	int64_t lapsed = 0; /* peers whose lease lapsed lately */
	int64_t up_since = 0, echo = 0;
	int64_t pause = 0; /* before the next try to connect */
	std::array<std::string, RBUS_SCRIPTS> digests;

	/* what the server was told */
	bool told_degraded = false, told_away = false, told_garbage = false, told_full = false;
	std::string told_refusal; /* the reason that was logged, where it came from Redis itself */
	int64_t told_error = 0; /* when */

	struct cs_bus_timer *connect_timer = nullptr, *lookup_timer = nullptr, *handshake_timer = nullptr,
			    *heartbeat_timer = nullptr, *renew_timer = nullptr, *missed_timer = nullptr;

	std::unordered_map<cs_account, rbus_held> sessions;
	size_t refreshed = 0; /* buckets of sessions that this round of refreshing has seen */

	std::deque<rbus_chunk> outbox;
	unsigned sending = 0; /* script calls under way */
	bool dropping = false; /* something was dropped, and the others do not know yet */

	cs_bus_done_fn *left = nullptr; /* of leave() */
	void *left_arg = nullptr;

	/* names that Redis knows */
	std::string nodes_key, lapsed_key, session_prefix, inbox_prefix, all_channel;
};

/* ---- connect.cpp: the state machine */

/* The first try, in the loop's next turn. */
void rbus_connect_now(struct rbus *b);
/* Everything under way ends as if the bus had been away, and a new try is timed. Nothing when it is
 * away. */
void rbus_drop(struct rbus *b, const char *why);
/* The same for an error reply. */
void rbus_drop_refused(struct rbus *b, const char *why);
/* The host has that address; of no meaning where a socket is used. */
void rbus_resolved(struct rbus *b, const char *address);
/* A link ended by itself, or because Redis refused it. */
void rbus_link_ended(struct rbus_link *link, bool refused, const char *why);
/* A reply that the handshake waited for has come. */
void rbus_handshake_step(struct rbus *b);
void rbus_timer_stop(struct rbus *b, struct cs_bus_timer **timer);
void rbus_timers_stop(struct rbus *b);

/* ---- request.cpp */

/* Sends a command and remembers what its answer is for. It takes the request also where it fails. */
void rbus_ask(struct rbus *b, const struct rbus_command *command, struct rbus_request &&request);
/* EVALSHA of one of our scripts with that many keys; keys and arguments follow. */
struct rbus_command rbus_call(const struct rbus *b, enum rbus_script script, size_t keys);
/* One line a minute on a reply that is no answer to that request. */
void rbus_tell_error(struct rbus *b, const char *request, const redisReply *reply);
/* Ends a request whose answer will never come. */
void rbus_request_abandon(struct rbus *b, struct rbus_request *request);
/* Whether that error means that the server cannot serve us or has forgotten what it knew. */
bool rbus_is_fatal(std::string_view error);
/* Counts bytes that wait for Redis. Beyond the bound the bus is dropped and false comes back. */
bool rbus_count_waiting(struct rbus *b, size_t bytes);
/* Whether so many bytes more leave enough of the queue to claims and the lease, which cannot be dropped. Less of
 * it is for what somebody is told about, who then finds another way; most for answers, which nobody makes good. */
enum rbus_share { RBUS_SHARE_TOLD = 4, RBUS_SHARE_HINTS = 6, RBUS_SHARE_ANSWERS = 7 }; /* eighths */
bool rbus_has_room(const struct rbus *b, size_t bytes, enum rbus_share share);

/* ---- epoch.cpp: registering, and claiming the sessions again */

constexpr size_t RBUS_SLICE = 256; /* sessions in one script call */

void rbus_epoch_begin(struct rbus *b);
void rbus_epoch_registered(struct rbus *b, const redisReply *reply);
void rbus_epoch_again(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
/* Claims those of the accounts that are (still) here, or keeps their keys alive. False: none is. */
bool rbus_ask_again(struct rbus *b, std::vector<cs_account> accounts);

/* ---- lease.cpp */

void rbus_lease_ask(struct rbus *b, bool registers);
/* False: it is no answer to that, or the lease has lapsed. just_r: how many others' leases this call
 * ended. */
bool rbus_lease_read(struct rbus *b, const redisReply *reply, int64_t *just_r);
void rbus_lease_renewed(struct rbus *b, const redisReply *reply);
/* Renewing and heartbeat from now on. */
void rbus_lease_start(struct rbus *b);

/* ---- inbox.cpp: what arrives */

void rbus_inbox_subscribe(struct rbus *b);
void rbus_missed_soon(struct rbus *b);
void rbus_tell_degraded(struct rbus *b, bool degraded);

/* ---- session.cpp */

void rbus_claim(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done,
                void *arg);
void rbus_claimed(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
void rbus_ending(void *bus, cs_account account, cs_conn conn);
void rbus_release(void *bus, cs_account account, cs_conn conn);
/* What Redis or another node asks for: the session has to end, where it is still here. */
void rbus_session_close(struct rbus *b, cs_account account, cs_conn conn);
/* Another node asks whether its peer is there. */
void rbus_session_probe(struct rbus *b, cs_account account, cs_conn conn, cs_bus_address asker);
std::string rbus_session_key(const struct rbus *b, cs_account account);

/* ---- presence.cpp */

void rbus_presence(void *bus, const cs_account *accounts, unsigned char *online, size_t count,
                   cs_bus_done_fn *done, void *arg);
void rbus_presence_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
void rbus_presence_abandoned(const struct rbus_request *request);

/* ---- outbox.cpp */

void rbus_send(void *bus, cs_account to, const void *data, size_t size, cs_bus_done_fn *done, void *arg);
void rbus_send_to(void *bus, cs_bus_address to, const void *data, size_t size);
void rbus_send_all(void *bus, const void *data, size_t size);
void rbus_flush(void *bus);
void rbus_missed(void *bus);
/* Hands to hiredis what the window allows, or all of it. */
void rbus_outbox_pump(struct rbus *b, bool all);
/* One line an epoch: there was no room. */
void rbus_outbox_tell_full(struct rbus *b);
void rbus_outbox_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
void rbus_outbox_abandon(struct rbus *b);
/* Tells the other nodes, once there is room again, that something was dropped. */
void rbus_outbox_make_good(struct rbus *b);
/* A frame for every other node that is no plugin's. */
void rbus_outbox_announce(struct rbus *b, enum rbus_frame_type type);

/* ---- driver.cpp */

extern const struct cs_bus_driver rbus_driver;

std::string rbus_hex(cs_bus_address address);
/* The end of leave(), with or without an answer. */
void rbus_left(struct rbus *b);
/* Milliseconds of a clock that never goes back. */
int64_t rbus_now(void);

#endif
