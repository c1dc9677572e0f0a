/* SPDX-License-Identifier: MIT
 * The options, the bus and its requests, for all files of this adapter. Everything runs on the thread of the bus. The
 * data that nodes send each other is opaque here.
 *
 * The keys, with option prefix P and database number D:
 *   P:d:ACCOUNT   a hash; its fields are devices. A session: ADDRESS:CONN:GENERATION:L:SECONDS, or E instead of L while
 *                 it is ending; with ADDRESS 0 the last session that there was. SECONDS: when it was written
 *   P:nodes       addresses of the nodes; score: the time (ms) at which the lease of the node lapses
 *   P:lapsed      addresses whose lease lapsed; score: the time (ms) until which that is remembered
 * The channels: P:D:in:ADDRESS, a node's inbox, and P:D:all, for all nodes. */
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

/* ---- link.cpp: one connection on the loop of the bus */

struct rbus_link {
	struct rbus *bus = nullptr;
	const char *name = "";
	redisAsyncContext *context = nullptr; /* owned by hiredis; null without a connection */
	struct cs_bus_watch *watch = nullptr;
	bool closing = false; /* this side ends it: do not report its end */
	bool reading = false, writing = false; /* what the loop watches for now */
	bool wants_read = false, wants_write = false;
	bool held = false; /* change the watch only when the running call ends */
};

/* Begins to connect to the socket of the options or, without one, to address. 0, or CS_EINVAL with the reason in
 * *why_r. */
[[nodiscard]] int rbus_link_open(struct rbus_link *link, const rbus_conf *conf, const char *address,
                                 std::string *why_r);
/* Ends the connection. If hiredis is calling this adapter, it ends when that call returns. Replies that are due never
 * come. */
void rbus_link_close(struct rbus_link *link);
/* Writes the queued commands now, as far as the kernel takes them, and not in the next turn of the loop. */
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

/* ---- link.cpp: the address of the host */

struct rbus_lookup;
struct rbus_lookup_free {
	void operator()(struct rbus_lookup *lookup) const;
};

/* Finds the address of the host. Calls rbus_resolved or rbus_drop, at once or later. */
void rbus_resolve(struct rbus *b);

/* ---- scripts.cpp: the scripts that run inside Redis */

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

/* ---- message.cpp: the form of published messages */

/* The adapter's own pieces, besides those of the server. */
enum rbus_kind : uint8_t {
	RBUS_CLOSE = CS_ENVELOPE_ADAPTER, /* another login has the device or asks for it: close the session */
	RBUS_HEARTBEAT, /* from this node itself */
	RBUS_RESYNC, /* the sender is back on the bus: hints may have been lost */
	RBUS_LAPSED, /* the sender found a lapsed lease: hints may be lost for a while */
	RBUS_PROBE, /* a login on the sender asks for the device */
	RBUS_ALONE /* whether other nodes have sessions of the account now */
};

struct rbus_piece {
	unsigned kind;
	std::string_view bytes; /* all of it */
	std::string_view body; /* behind the envelope */
};

/* The beginning of every message: the version and the sender. Pieces follow. */
std::string rbus_message_head(cs_bus_address sender);
/* A piece of the adapter's own. */
std::string rbus_message_piece(enum rbus_kind kind);
/* 0, or CS_EINVAL if any part of the message is malformed; a piece may be of an unknown kind. The views point into
 * message. */
[[nodiscard]] int rbus_message_parse(std::string_view message, cs_bus_address *sender_r,
                                     std::vector<rbus_piece> *pieces_r);
/* What these pieces say, in decimal with blanks between: ACCOUNT DEVICE CONN; of RBUS_ALONE also GENERATION and 1 or
 * 0. */
struct rbus_word {
	cs_account account;
	uint64_t device;
	cs_conn conn;
	uint64_t generation, alone;
};

/* Reads the body of RBUS_CLOSE and RBUS_PROBE, or of RBUS_ALONE. */
[[nodiscard]] int rbus_message_parse_session(std::string_view body, struct rbus_word *word_r);
[[nodiscard]] int rbus_message_parse_alone(std::string_view body, struct rbus_word *word_r);

/* ---- requests on the command connection; Redis answers them in their order */

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

struct rbus_request {
	enum rbus_request_kind kind;
	size_t bytes = 0; /* of the command */
	cs_bus_done_fn *done = nullptr;
	void *arg = nullptr;
	int script = 0; /* SCRIPT */
	struct cs_bus_session session {}; /* CLAIM */
	std::vector<cs_bus_session> sessions; /* AGAIN */
	unsigned char *online = nullptr; /* PRESENCE: of this slice */
	size_t count = 0, before = 0; /* PRESENCE: accounts in this slice, and in those before it */
};

/* ---- traffic.cpp: messages that wait to be sent */

/* Messages for one script call. */
struct rbus_chunk {
	std::string keys, arguments; /* in Redis's protocol */
	size_t key_count = 0, messages = 0;
};

/* ---- the sessions of this node */

struct rbus_key {
	cs_account account;
	uint64_t device;

	bool operator==(const rbus_key &) const = default;
};

struct rbus_key_hash {
	size_t operator()(const rbus_key &key) const noexcept
	{
		return static_cast<size_t>((key.account ^ key.device << 40) * UINT64_C(0x9e3779b97f4a7c15) >> 7);
	}
};

struct rbus_held {
	cs_conn conn = 0;
	uint64_t generation = 0;
	bool ending = false;
	bool claiming = false; /* Redis has not answered yet */
	bool closing = false; /* close it when Redis has answered */
	/* RBUS_ALONE has come for it since Redis was last asked about it: that is newer than the answer. */
	bool told = false;
};

enum rbus_state {
	RBUS_AWAY, /* no connection; a timer starts the next try */
	RBUS_CONNECTING, /* until the register script was answered */
	RBUS_RECLAIMING, /* registered, but the sessions are still being claimed again */
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
	cs_bus_address address = 0, previous = 0; /* previous: the last address, which Redis may still know */
	std::string own, head; /* the address in hex; the beginning of this node's messages */
	unsigned due = 0; /* replies that the handshake still waits for */
	std::vector<rbus_key> unclaimed;
	unsigned reclaiming = 0; /* script calls under way */
	int64_t lapsed = 0; /* number of other nodes whose lease lapsed lately */
	int64_t up_since = 0, beat = 0, echo = 0; /* when the last heartbeat was sent, and when one came back */
	int64_t pause = 0; /* ms before the next try to connect */
	std::array<std::string, RBUS_SCRIPTS> digests;

	/* what the server knows already, and what was logged already */
	bool told_degraded = false, told_away = false, told_garbage = false, told_full = false;
	std::string told_refusal; /* the logged reason, if Redis itself gave it */
	int64_t told_error = 0; /* time of the last such log line */

	struct cs_bus_timer *connect_timer = nullptr, *lookup_timer = nullptr, *handshake_timer = nullptr,
			    *heartbeat_timer = nullptr, *renew_timer = nullptr, *missed_timer = nullptr;

	std::unordered_map<rbus_key, rbus_held, rbus_key_hash> sessions;
	size_t refreshed = 0; /* buckets of sessions that this round has refreshed */

	std::deque<rbus_chunk> outbox;
	unsigned sending = 0; /* script calls under way */
	bool dropping = false; /* something was dropped, and the other nodes do not know it yet */

	cs_bus_done_fn *left = nullptr; /* of leave() */
	void *left_arg = nullptr;

	/* names of keys and channels */
	std::string nodes_key, lapsed_key, session_prefix, inbox_prefix, all_channel;
};

/* ---- bus.cpp: the state machine */

/* Makes the first try to connect, in the next turn of the loop. */
void rbus_connect_now(struct rbus *b);
/* Ends everything that is under way with the result "the bus is away", and sets a timer for a new try. Does nothing if
 * the bus is away already. */
void rbus_drop(struct rbus *b, const char *why);
/* The same, but the reason is an error reply of Redis. */
void rbus_drop_refused(struct rbus *b, const char *why);
/* The address of the host was found. With a socket it has no meaning. */
void rbus_resolved(struct rbus *b, const char *address);
/* The connection ended by itself, or because Redis refused it. */
void rbus_link_ended(struct rbus_link *link, bool refused, const char *why);
/* A reply for the handshake has come. */
void rbus_handshake_step(struct rbus *b);
void rbus_timer_stop(struct rbus *b, struct cs_bus_timer **timer);
void rbus_timers_stop(struct rbus *b);

/* ---- traffic.cpp: commands */

/* Sends a command and stores the request for its answer. It takes the request even if it fails. */
void rbus_ask(struct rbus *b, const struct rbus_command *command, struct rbus_request &&request);
/* EVALSHA of a script with so many keys. The caller adds the keys and arguments. */
struct rbus_command rbus_call(const struct rbus *b, enum rbus_script script, size_t keys);
/* Logs a reply that makes no sense for the request, at most once a minute. */
void rbus_tell_error(struct rbus *b, const char *request, const redisReply *reply);
/* Ends a request whose answer will never come. */
void rbus_request_abandon(struct rbus *b, struct rbus_request *request);
/* Whether the error means that Redis cannot serve this node or has lost its data. */
bool rbus_is_fatal(std::string_view error);
/* Counts bytes that wait for Redis. Above the limit it drops the bus and answers false. */
bool rbus_count_waiting(struct rbus *b, size_t bytes);
/* Whether the queue has room for so many more bytes. Shed load in this order: casual data and questions, then hints
 * (receivers read the store), last answers to other nodes (nobody repeats them). The rest of the queue is for claims
 * and the lease, which cannot be dropped. */
enum rbus_share { RBUS_SHARE_CASUAL = 4, RBUS_SHARE_HINTS = 6, RBUS_SHARE_ANSWERS = 7 }; /* eighths of the queue */
bool rbus_has_room(const struct rbus *b, size_t bytes, enum rbus_share share);

/* ---- bus.cpp: registering, and claiming the sessions again */

constexpr size_t rbus_slice_size = 256; /* sessions in one script call */

void rbus_epoch_begin(struct rbus *b);
void rbus_epoch_registered(struct rbus *b, const redisReply *reply);
void rbus_epoch_again(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
/* Claims those of the sessions again that are still here, and keeps their keys alive. false: none is here. */
bool rbus_ask_again(struct rbus *b, std::vector<rbus_key> keys);

/* ---- bus.cpp: the lease */

void rbus_lease_ask(struct rbus *b, bool registers);
/* false: the reply makes no sense, or this node's lease has lapsed. *just_r: the number of other leases that this call
 * found lapsed. */
bool rbus_lease_read(struct rbus *b, const redisReply *reply, int64_t *just_r);
void rbus_lease_renewed(struct rbus *b, const redisReply *reply);
/* Starts the renewal of the lease and the heartbeat. */
void rbus_lease_start(struct rbus *b);

/* ---- traffic.cpp: receiving */

void rbus_inbox_subscribe(struct rbus *b);
void rbus_missed_soon(struct rbus *b);
void rbus_tell_degraded(struct rbus *b, bool degraded);

/* ---- session.cpp */

void rbus_claim(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done, void *arg);
void rbus_claimed(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
void rbus_ending(void *bus, cs_account account, uint64_t device, cs_conn conn);
void rbus_release(void *bus, cs_account account, uint64_t device, cs_conn conn);
/* Redis or another node asks to end the session. Ends it, if it is still here. */
void rbus_session_close(struct rbus *b, const rbus_key &key, cs_conn conn);
/* Another node asks whether the peer of the session is still there. */
void rbus_session_probe(struct rbus *b, const rbus_key &key, cs_conn conn, cs_bus_address asker);
/* Redis says whether other nodes have sessions of the account: as an answer, or unasked. */
void rbus_session_answer_alone(struct rbus *b, const struct cs_bus_session *session, bool alone);
void rbus_session_tell_alone(struct rbus *b, const struct rbus_word *word);
std::string rbus_session_key(const struct rbus *b, cs_account account);

/* ---- session.cpp: presence */

void rbus_presence(void *bus, const cs_account *accounts, const uint64_t *devices, unsigned char *online, size_t count,
                   cs_bus_done_fn *done, void *arg);
void rbus_presence_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
void rbus_presence_abandoned(const struct rbus_request *request);

/* ---- traffic.cpp: sending */

void rbus_send(void *bus, cs_account to, uint64_t device, const void *piece, size_t size, unsigned flags);
void rbus_send_to(void *bus, cs_bus_address to, const void *piece, size_t size);
void rbus_send_all(void *bus, const void *piece, size_t size, unsigned flags);
void rbus_flush(void *bus);
void rbus_missed(void *bus);
size_t rbus_longest(const void *conf);
/* Hands chunks to hiredis, as many as may be under way; with all: every one. */
void rbus_outbox_pump(struct rbus *b, bool all);
/* Logs that there was no room, once per epoch. */
void rbus_outbox_tell_full(struct rbus *b);
void rbus_outbox_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply);
void rbus_outbox_abandon(struct rbus *b);
/* Tells the other nodes that something was dropped, as soon as there is room again. */
void rbus_outbox_make_good(struct rbus *b);
/* Sends a piece of the adapter's own to every other node. */
void rbus_outbox_announce(struct rbus *b, enum rbus_kind kind);

/* ---- driver.cpp */

extern const struct cs_bus_driver rbus_driver;

std::string rbus_hex(cs_bus_address address);
/* Completes leave(), with or without an answer of Redis. */
void rbus_left(struct rbus *b);
/* Milliseconds of a clock that never goes back. */
int64_t rbus_now(void);

#endif
