/* SPDX-License-Identifier: MIT
 * Connections: their socket, the part of a frame that has come, unsent output, and the handle that names them. Worker
 * thread only. Nothing here calls a plugin before it returns, except where its comment says so. */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include <chatserverd/bus.h>

#include "core/conf/options.h"
#include "core/net/frame.h"
#include "core/net/limit.h"
#include "core/net/network.h"
#include "core/net/transport.h"
#include <base/raii.h>
#include <base/wipe.h>

struct address_entry;
struct conn_probe;
struct worker;
struct worker_shared;

struct conn_probe_deleter {
	void operator()(struct conn_probe *p) const;
};

/* What stands between the socket of a connection and its frames; of no plain connection. */
struct conn_transport {
	const struct transport *of = nullptr;
	struct cs_self *stream_self = nullptr, *framing_self = nullptr;
	struct cs_filter *stream = nullptr,
			 *framing = nullptr; /* null until it is known whether a PROXY header comes */
	int64_t handshake_until = 0; /* by then the stream must be open; 0: it is, or there is none */
	int64_t timer_at = 0; /* of the framing */
	wiped_text unread; /* input that the framing has not seen, because too much output waits */
	const char *why = nullptr; /* what broke the stream */
	enum cs_goodbye goodbye = CS_GOODBYE_NORMAL;
	bool framing_open = false;
	bool goodbye_said = false;
	bool stream_ended = false;
	bool read_wants_write = false; /* the stream must write before it can read on */
	bool write_wants_read = false; /* the reverse */
	unsigned read_stalls = 0, write_stalls = 0; /* how often in a row the stream waited for what was there */
};

struct conn_transport_deleter {
	void operator()(struct conn_transport *t) const;
};

enum conn_terminator : uint8_t {
	CONN_TERMINATOR_LF = 0, /* before the first frame, or decided */
	CONN_TERMINATOR_NUL,
	CONN_TERMINATOR_UNDECIDED /* first frame complete, the byte behind it not seen yet: output is held */
};

/* Why a connection was refused, or was closed by a deadline or a limit of all connections. */
enum conn_turn : uint8_t {
	CONN_TURN_FRAME_TIMEOUT = 0,
	CONN_TURN_LOGIN_TIMEOUT,
	CONN_TURN_CONNECTIONS, /* more without a login than core.login_connections */
	CONN_TURN_MEMORY, /* all guests hold more bytes than core.login_memory */
	CONN_TURN_FULL, /* no other connection could be accepted */
	CONN_TURN_ADDRESS_CONNECTIONS, /* its address has core.address_connections */
	CONN_TURN_ADDRESS_GUESTS, /* its address has core.address_guests */
	CONN_TURN_OUTPUT_MEMORY, /* all connections have more unsent than core.output_memory, and it much of that */
	CONN_TURN_BANNED, /* an operator has banned its network */
	CONN_TURN_COUNT
};
/* For /metrics: frame_timeout, ... */
extern const char *const conn_turn_names[CONN_TURN_COUNT];

/* Why a connection is not read for a while. */
enum conn_pause_reason : uint8_t {
	CONN_PAUSE_RATE = 0, /* more cost than core.rate */
	CONN_PAUSE_RATE_BYTES, /* more bytes than core.rate_bytes */
	CONN_PAUSE_ADDRESS, /* its address sent more than core.address_rate or address_rate_bytes */
	CONN_PAUSE_COUNT
};
/* For /metrics: rate, ... */
extern const char *const conn_pause_names[CONN_PAUSE_COUNT];

/* The neighbours of a connection in a conn_queue. */
struct conn_link {
	struct conn *before = nullptr, *after = nullptr;
};

/* A connection without a login, as it is counted and queued (conn_guest.cpp). */
struct conn_guest {
	struct conn_link guest_link, holder_link;
	size_t bytes = 0; /* as counted in worker_shared */
	bool is_guest = false; /* in the queue of guests with no login under way */
	bool is_holder = false; /* in the queue of guests that hold bytes */
};

/* Connections of one worker, the oldest at the front. */
struct conn_queue {
	struct conn *first = nullptr, *last = nullptr;
};

/* A frame for which a hook answered CS_PENDING. */
struct conn_held {
	wiped_text bytes;
	cs_account account; /* of the connection when the frame came */
	const struct cs_self *self; /* the instance whose hook has the frame */
	/* Where that hook stands among all hooks, see dispatch_hook: the next one is called after it. A reload may
	 * change the hooks meanwhile. */
	int32_t order;
	unsigned plugin, nth;
	bool resumed = false; /* the hook has passed it */
};

/* Bytes that came behind a PENDING frame, not parsed. */
struct conn_waiting {
	wiped_text bytes; /* never empty */
	size_t at = 0; /* how many of them were dispatched already */
};

/* A frame whose end has not come. */
struct conn_partial {
	wiped_text bytes; /* what came so far, already parsed */
	struct frame_parser parser;
	int64_t since = 0; /* ms of worker_monotonic_ms */
};

/* Bytes that the kernel did not take yet. */
struct conn_output {
	wiped_text bytes;
	size_t sent = 0; /* so many of them are sent already */
	size_t longest = 0; /* bytes of the longest frame above output_soft that was among them */
	size_t counted = 0; /* unsent ones, as counted in worker_shared */
};

/* What a connection needs until it is known whether a PROXY header comes and how its frames end. */
struct conn_start {
	std::string header; /* the part of a PROXY header that came so far */
	int64_t header_until = 0; /* by then a PROXY header that has begun must be whole */
	int64_t hold_until = 0; /* until then output is held for the terminator */
	std::vector<size_t> held_ends; /* where in output a terminator is to be filled in once it is decided */
};

struct conn {
	cs_conn handle = 0;
	struct worker *worker = nullptr;
	unique_fd fd;
	/* Requests that were dispatched and are not answered yet: the peer may still wait for them after it closed its
	 * side. A request without req counts too, because it may still be refused. */
	uint32_t owed = 0;
	event_ptr read_event;
	event_ptr write_event, timer_event; /* made when first needed: few connections wait at a time */

	std::unique_ptr<struct conn_probe, conn_probe_deleter> probe; /* of its session; null: none is under way */

	/* Before fd, which it uses, is closed. Null: plain. */
	std::unique_ptr<struct conn_transport, conn_transport_deleter> transport;

	std::unique_ptr<struct conn_partial> partial; /* null: no frame has begun */
	std::unique_ptr<struct conn_waiting> waiting; /* null: no bytes wait */
	std::unique_ptr<struct conn_output> output; /* null: everything is sent */
	uint64_t queued = 0; /* bytes ever queued */
	uint64_t written = 0; /* bytes ever taken by the kernel */

	cs_account account = 0; /* 0: nobody is logged in */
	uint64_t want = 0; /* of its session, see cs_claim */
	uint32_t device = 0; /* of its session; 0: the one without a name */
	uint32_t ended_device = 0; /* of the session that ended */
	cs_account ended = 0; /* the account whose session ended and whose `closed` is due; 0: none */
	std::string name;
	std::string peer; /* address:port, for the log; the client's own address after a PROXY header */
	uint64_t client = 0; /* the number of peer's address, see network_client */
	struct address_entry *address = nullptr; /* that counts it; null: there is no limit for it */
	struct limit_bucket bucket, byte_bucket; /* of rate and of rate_bytes */

	/* Times are ms of worker_monotonic_ms; 0: not set. */
	int64_t heard = 0; /* last bytes of the peer */
	int64_t silence = 0; /* how long the peer may be silent; 0: for ever */
	int64_t doubt = 0; /* a probe takes the peer for dead after so long a silence; 0: never */
	int64_t guest_since = 0; /* since when it is a guest: accepted, or logged out; or since when it is logged in */
	int64_t paused_until = 0; /* until then it is not read: it was over its rate */
	int64_t end_at = 0; /* then it is closed, even with output left */
	int64_t armed_for = 0; /* when the timer fires */

	struct cs_request pending_request = {.msgid = 0, .req = -1};
	const struct cs_self *pending_handler = nullptr; /* whose handler has the request; null: a hook has it */
	std::unique_ptr<struct conn_held> held; /* the pending frame, while a hook has it */

	std::unique_ptr<struct conn_guest> guest; /* null: it is in no queue of guests, and none of its bytes count */
	std::unique_ptr<struct conn_start> start; /* null: neither a begun header nor a terminator is waited for */

	uint32_t cost_due = 0; /* of its requests, not charged to the address yet */
	uint32_t hook_turn = 0; /* turn + 1 of the last call of `written` */
	uint8_t pending_looks = 0; /* how many calls of dispatch_look_pending found this pending request */
	enum conn_terminator terminator : 2 = CONN_TERMINATOR_LF;
	bool is_operator : 1 = false; /* came by core.control: nobody logs in, and no limit of clients counts */
	bool is_adopted : 1 = false; /* a plugin has the other end: there is no address, and no guest */
	bool entering : 1 = false; /* adopted: from claim() to finish() or its failure; nothing is dispatched */
	bool beginning : 1 = true; /* not known yet whether a PROXY header comes */
	bool may_proxy : 1 = false; /* the peer's address is in core.proxy_from */
	bool has_address : 1 = false; /* peer is the client's own address, not that of a proxy */
	bool is_address_guest : 1 = false; /* it counts as a guest of its address */
	bool address_refused : 1 = false; /* its address has too many connections: it is being closed */
	bool has_waited : 1 = false; /* a pause has ended and nothing was read since */
	bool first_frame_seen : 1 = false;
	bool awaiting_byte : 1 = false; /* the byte behind the first frame has not come */
	bool reading : 1 = false; /* the read event is added */
	bool write_waiting : 1 = false; /* the kernel is full, or the stream must read before it can write */
	bool pending : 1 = false; /* a handler or a hook answered CS_PENDING */
	bool pending_answered : 1 = false; /* the pending request was, by an ACK or an answer of its own form */
	bool claiming : 1 = false; /* a claim is under way */
	bool opened_due : 1 = false; /* `opened` was not called for the session yet: the login's answer comes first */
	bool over_soft : 1 = false; /* more than output_soft is unsent: not read */
	bool draining : 1 = false; /* GOING_AWAY was sent */
	bool eof : 1 = false; /* the peer sends nothing more */
	bool closing : 1 = false; /* no longer found by its handle; closed once the output is written */
	bool lingering : 1 = false; /* output is written and our side shut; the rest of the input is thrown away */
	bool input_lost : 1 = false; /* its frames are refused, but the peer is likely to send more */
	bool dead : 1 = false; /* on the end-of-turn list, to be freed */
	bool closed_told : 1 = false; /* `closed` was called for the connection's end */
	bool flush_queued : 1 = false;
	bool resume_queued : 1 = false;
	bool was_written : 1 = false; /* the `written` hook is due */
};

/* Most bytes of one read, if there is no limit of bytes. */
inline constexpr size_t conn_scratch_size = 64 * 1024;

/* A connection that was told that this node goes away. */
struct conn_told {
	cs_conn handle;
	int64_t told_ms;
	int64_t finished_ms = 0; /* since when it has no request under way; 0: it has one */
};

/* How far the worker has come with telling (conn_drain.cpp). */
struct conn_drain {
	size_t all = 0; /* connections when it began */
	size_t told = 0;
	size_t slot = 0; /* the next one to look at */
	std::vector<struct conn_told> going; /* told, and not closed yet */
};

/* All connections of one worker. A handle is generation << 32 | worker << 24 | slot. The generations of a slot start at
 * 1 and go up by 1 with each connection, so a handle is never 0 and is used again only after 2^32 connections of its
 * slot. */
struct conn_table {
	std::vector<std::unique_ptr<struct conn>> slots;
	std::vector<uint32_t> generations;
	std::vector<uint32_t> free_slots;
	size_t live = 0;
	unsigned operators = 0; /* connections of operators */
	std::unique_ptr<char[]> scratch; /* each read goes into it first */
	size_t read_size = conn_scratch_size; /* most bytes of one read */
	std::vector<std::unique_ptr<struct conn_output>> spares; /* empty, with memory for the next outputs */
	struct frame_parser parser; /* for frames that come whole */
	std::vector<struct network> proxy_from; /* core.proxy_from */
	struct conn_queue guests, holders;
	struct conn_drain drain;
	int64_t ends_told_until = 0; /* the second that ends_told counts */
	unsigned ends_told = 0; /* log lines about ends without a session */
	uint64_t ends_held_back = 0; /* such lines left out since the last one */
	int64_t tell_refusal_at = 0; /* from then on it may be logged again that an address is refused */
	bool limits_addresses = false; /* an option of core.address_* is set */
	int64_t unsent = 0; /* its part of worker_shared's */
	int64_t tell_trim_at = 0; /* from then on it may be logged again that slow readers are closed */
	int64_t complain_at = 0; /* from then on it may be logged again that guests are turned away */
	transport_traffic traffic; /* by conn_kind */
	/* By conn_kind and reason; read by the admin page. */
	std::array<std::array<std::atomic<uint64_t>, CONN_TURN_COUNT>, transport_kinds> turned_away = {};
	std::array<std::atomic<uint64_t>, CONN_PAUSE_COUNT> pauses = {}; /* by reason; read by the admin page */
};

/* Functions of the rooms above that connections call: a constant table, made by conn_calls.cpp of the plugin room;
 * worker_shared points to it. Worker thread. */
struct conn_calls {
	/* Dispatches a whole frame; parsed is its parser. *pause_ms_r: for how many ms the connection is over its rate;
	 * 0: it is not. */
	void (*frame)(struct conn *c, std::string_view bytes, const struct frame_parser *parsed, int64_t *pause_ms_r);
	/* Dispatches the frame in c->held if its hook has passed it. */
	void (*resumed)(struct conn *c);
	/* The session exists and its login was answered. */
	void (*opened)(struct conn *c);
	/* The session is ending: from now on nothing is routed to it, and nobody may claim its place yet. */
	void (*leaving)(struct conn *c);
	/* The session or the connection has ended. account 0: nobody was logged in. */
	void (*closed)(struct conn *c, cs_account account, uint64_t device);
	/* The kernel took bytes of a logged-in connection. */
	void (*written)(struct conn *c);
	/* The connection ends while a request is pending. */
	void (*abandoned)(struct conn *c);
	/* A probe found that the peer is there. askers: other nodes that asked. */
	void (*proved)(struct conn *c, const std::vector<cs_bus_address> &askers, int64_t now_ms);
	/* A probe takes longer while the node drains: those who wait for it are refused now. */
	void (*probe_waits)(struct conn *c);
};

/* Makes the worker's table, empty. Before the worker runs. */
void conn_table_open(struct worker *w, const struct core_conf *conf);
/* Uses these options from now on; they stay the caller's. Worker thread, or before it runs. */
void conn_table_set_conf(struct worker *w, const struct core_conf *conf);
/* Counts a connection before it is accepted, so that all workers together never have more than max_connections. false:
 * the maximum is reached. A counted connection goes to conn_open or to conn_unreserve. */
[[nodiscard]] bool conn_reserve(struct worker *w);
void conn_unreserve(struct worker *w);
/* Takes over the accepted socket and its reservation. transport: of its listener; nullptr: plain. 0, or CS_EBUSY (no
 * slot) / CS_EINVAL with the socket closed and the reservation given back. */
[[nodiscard]] int conn_open(struct worker *w, unique_fd fd, const sockaddr *address,
                            const struct transport *transport = nullptr);
/* Takes over a connection of an operator, without a reservation. uid: of its process. If there are conn_most_operators
 * already, the one that was silent longest is told BUSY and closed; if all of them wait for an answer, the new one is.
 * 0, CS_EBUSY or CS_EINVAL as above. */
inline constexpr unsigned conn_most_operators = 64;
[[nodiscard]] int conn_open_operator(struct worker *w, unique_fd fd, unsigned uid);
/* Takes over one end of a socket pair, and its reservation, for a plugin that keeps the other end. peer: as in
 * cs_host.adopt. 0 with the handle; or CS_EBUSY or CS_EINVAL with the reservation given back, and *fd as it was. */
[[nodiscard]] int conn_adopt(struct worker *w, unique_fd *fd, const char *peer, cs_conn *handle_r);
/* The index of its counters: of its kind of listener, or transport_adopted or transport_operator. */
unsigned conn_kind(const struct conn *c);
/* "plain", "tls", ...: for people. */
const char *conn_transport_label(const struct conn *c);
/* No connection can be accepted: closes the oldest guest, unless it came less than 5 s ago. */
void conn_guest_make_room(struct worker *w);
/* So much output of all connections is unsent that no further session is let in; it counts as a refused login. */
[[nodiscard]] bool conn_refuses_session(struct worker *w);
/* The bans have changed: closes the connections of networks that are banned now, soon. Any thread. */
void conn_close_banned(struct worker_shared *shared);
/* nullptr if the handle's connection has ended or is being closed. */
struct conn *conn_find(struct worker *w, cs_conn handle);
/* The worker that a handle belongs to. Any thread. */
unsigned conn_worker_index(cs_conn handle);

/* Queues a frame with its terminator. All frames of a turn are written once, at its end. Contract of cs_host.send. */
int conn_send(struct conn *c, const char *frame, size_t size, const char *tail, uint64_t *position_r);
/* Bytes that were queued and that the kernel did not take. */
size_t conn_unsent(const struct conn *c);
/* To be called for each frame that a plugin sends. A frame of the plugin that handles the pending request counts as the
 * request's answer, because LOGIN and REGISTER have answers of their own form. A frame of another plugin does not. */
void conn_note_sender(struct conn *c, const struct cs_self *sender);
/* Success and refusal in the form of ANSWERS in chatserverd-protocol(7). Each counts as the request's answer.
 * conn_answer counts even if the request has no req, when nothing is written. by: whose plugin answers; nullptr: the
 * core. While a hook holds a frame, an answer by another plugin is that to an earlier request, also where both look the
 * same. */
void conn_answer(struct conn *c, const struct cs_request *request, const char *more,
                 const struct cs_self *by = nullptr);
/* Sends and counts a refusal; every refusal goes through here. ack: CS_MSGID_ACK, or the request's own answer, such as
 * LOGIN_ACK. more: "", or further members with their leading comma. */
void conn_refuse(struct conn *c, const struct cs_request *request, uint32_t ack, int wire_errno, const char *text,
                 const struct cs_self *by = nullptr, const char *more = "");

/* Ends a handler's CS_PENDING; the waiting input is dispatched at the end of the turn. If no request is pending: does
 * the same for an adopted connection whose claim was granted; else nothing. */
void conn_finish(struct conn *c);
/* Goes on at the end of the turn: first with the frame that a hook has passed, then with the waiting input, then with
 * reading. */
void conn_resume(struct conn *c);
/* Charges the cost to the connection's rate. If that is over the rate, nothing is dispatched for a while. */
void conn_charge(struct conn *c, int64_t cost);
/* Logs the account in on the connection. To be called after a granted claim. */
void conn_bind(struct conn *c, cs_account account, uint64_t device, std::string_view name);
/* Closes the connection when the peer is silent for ms; 0: never. A probe takes the peer for dead after doubt_ms of
 * silence; 0: never. */
void conn_set_silence(struct conn *c, int64_t ms, int64_t doubt_ms);

/* The three below may be called from inside a plugin's call. At once the session is marked as ending and the account is
 * no longer located here; the two that close also make the handle invalid at once. At the end of the turn `closed` of
 * every plugin is called, in reverse order of their start. The place becomes free when no plugin holds it. */
/* Ends the session but not the connection. Tries to write the queued output before `closed`. */
void conn_logout(struct conn *c);
/* Closes when the output is written, at most 2 s later; `closed` is called then. Logs why once. */
void conn_close_after_output(struct conn *c, const char *why);
/* Closes at the end of this turn, even with output left. Logs why once. */
void conn_close(struct conn *c, const char *why);
/* Another login replaces this session: closes the connection, on its own worker, and only if the session is still
 * there. A named device is told first that it is going away. Any thread. */
void conn_kick(struct worker_shared *shared, cs_conn handle, cs_account account, uint64_t device);
/* An operator ends this session: tells the client that it is going away, then closes. Logs that once. */
void conn_kick_now(struct conn *c);
/* Finds out whether the peer is there: on the connection's own worker, and only if the session is still there. If the
 * peer answers, the session table notes it and the asking node is told (asker 0: no node asks). If it does not answer
 * for 4 s, or was silent for longer than its doubt_ms, the connection is closed. Any thread. */
void conn_begin_probe(struct worker_shared *shared, cs_conn handle, cs_account account, uint64_t device,
                      uint64_t asker);
/* The connection has this session. */
bool conn_has_session(const struct conn *c, cs_account account, uint64_t device);

/* Sends GOING_AWAY to the first past_ms / most_ms of the worker's connections, as far as they were not told yet: called
 * again and again with a growing past_ms, it spreads the telling evenly over most_ms. All requests of a connection that
 * was told are refused, except PING. */
void conn_table_tell(struct worker *w, int64_t past_ms, int64_t most_ms);
/* Tells every connection of the worker, and refuses all requests except PING from now on. Those of operators go on as
 * before. */
void conn_table_drain(struct worker *w);
/* To be called every few ms once connections were told: closes those whose requests are finished and whose output is
 * written. Who does not read its output is closed a second after its last request was finished, whatever is unsent; the
 * store has it. is_idle: the server has no request under way, whatever a connection may still wait for. */
void conn_table_close_finished(struct worker *w, bool is_idle);
/* conn_close_after_output for every connection but those of operators. */
void conn_table_close_all(struct worker *w, const char *why);

#endif
