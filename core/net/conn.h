/* SPDX-License-Identifier: MIT
 * Owns connections: their socket, their partial input, their unsent output, their handle. It must not know
 * what a frame means (dispatch) nor who else is online (session). Worker thread only, and nothing here
 * calls a plugin before it returns, but for what says so. */
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
#include <base/raii.h>

struct conn_probe;
struct worker;
struct worker_shared;

struct conn_probe_deleter {
	void operator()(struct conn_probe *p) const;
};

enum conn_terminator : uint8_t {
	CONN_TERMINATOR_LF = 0, /* before the first frame, or decided */
	CONN_TERMINATOR_NUL,
	CONN_TERMINATOR_UNDECIDED /* first frame complete, the byte behind it not seen: output is held */
};

/* Why a connection without a login, or with half a frame, was closed. */
enum conn_turn : uint8_t {
	CONN_TURN_FRAME_TIMEOUT = 0,
	CONN_TURN_LOGIN_TIMEOUT,
	CONN_TURN_CONNECTIONS, /* more without a login than core.login_connections */
	CONN_TURN_MEMORY, /* they held more than core.login_memory */
	CONN_TURN_FULL, /* nobody else could be accepted */
	CONN_TURN_COUNT
};
/* For /metrics: frame_timeout, ... */
extern const char *const conn_turn_names[CONN_TURN_COUNT];

/* A place in a conn_queue. */
struct conn_link {
	struct conn *before = nullptr, *after = nullptr;
};

/* Connections of one worker, the oldest at the front. */
struct conn_queue {
	struct conn *first = nullptr, *last = nullptr;
};

/* A frame for which a hook answered CS_PENDING. */
struct conn_held {
	std::string bytes;
	cs_account account; /* of the connection when the frame came */
	const struct cs_self *self; /* whose hook it waits for */
	size_t next; /* the hook behind that one */
	bool resumed = false; /* the hook has passed it */
};

struct conn {
	cs_conn handle = 0;
	struct worker *worker = nullptr;
	unique_fd fd;
	event_ptr read_event;
	event_ptr write_event, timer_event; /* made when there is something to wait for: few wait at a time */

	std::unique_ptr<struct conn_probe, conn_probe_deleter> probe; /* of its session, under way */

	std::unique_ptr<struct frame_parser> partial; /* of the frame in input; null: none has begun */
	std::string input; /* the part of a frame that came so far, parsed; or of a PROXY header */
	std::string waiting; /* bytes that wait behind a PENDING frame, not parsed */
	size_t waiting_at = 0; /* bytes of waiting that were taken */
	std::string output; /* what the kernel did not take yet */
	size_t output_sent = 0; /* bytes of output that are sent already */
	std::vector<size_t>
		held_ends; /* where in output a terminator is to be filled in once it is decided */
	size_t output_longest = 0; /* its longest frame above the soft mark */
	uint64_t queued = 0; /* bytes ever queued */
	uint64_t written = 0; /* bytes ever taken by the kernel */

	cs_account account = 0; /* 0: nobody is logged in */
	uint64_t device = 0, want = 0; /* of its session, see cs_claim */
	cs_account ended = 0; /* its session ended and `closed` is due */
	std::string name;
	std::string peer; /* address:port, for the log; the client's own once a PROXY header told it */
	uint64_t client = 0; /* the number of its address, see network_client; of the same address as peer */
	struct limit_bucket bucket;

	/* Times are ms of worker_monotonic_ms; 0: not set. */
	int64_t heard = 0; /* last bytes of the peer */
	int64_t silence = 0; /* how long it may be silent; 0: for ever */
	int64_t doubt = 0; /* after so long a silence a probe takes it for dead; 0: never */
	int64_t guest_since = 0; /* accepted, or logged out */
	int64_t frame_since = 0; /* a frame has begun that is not whole */
	int64_t header_until = 0; /* a PROXY header that has begun must be whole by then */
	int64_t hold_until = 0; /* output is held for the terminator until then */
	int64_t paused_until = 0; /* over its rate until then */
	int64_t end_at = 0; /* closed then, whatever is left */
	int64_t armed_for = 0; /* when the timer fires */
	uint64_t hook_turn = 0; /* turn + 1 of the last call of `written` */

	/* Requests that were taken and not settled: what the peer may still wait for after it closed its side.
	 * One without req counts as well, for it may yet be refused. */
	uint32_t owed = 0;
	struct cs_request pending_request = {0, -1};
	const struct cs_self *pending_handler = nullptr; /* whose handler has the pending request; null: a hook has it */
	std::unique_ptr<struct conn_held> held; /* the pending frame waits for a hook */
	bool pending_answered = false; /* the pending request is settled, or got an answer of its own form */

	/* Without a login; conn_guest.cpp. */
	struct conn_link guest_link, holder_link;
	size_t guest_bytes = 0; /* as counted in worker_shared */
	bool is_guest = false; /* in the queue of those without a login and without one under way */
	bool is_holder = false; /* in the queue of the guests that hold bytes */

	enum conn_terminator terminator = CONN_TERMINATOR_LF;
	bool beginning = true; /* whether a PROXY header comes is not known yet */
	bool may_proxy = false; /* the peer's address is in core.proxy_from */
	bool first_frame_seen = false;
	bool awaiting_byte = false; /* the byte behind the first frame has not come */
	bool reading = false; /* the read event is added */
	bool write_waiting = false; /* the write event is added: the kernel is full */
	uint8_t pending_looks = 0; /* of dispatch_look_pending that found this pending request */
	bool pending = false; /* a handler or a hook answered CS_PENDING */
	bool claiming = false; /* a claim is under way */
	bool opened_due = false; /* its session was not told yet: the login's answer comes first */
	bool over_soft = false; /* over the soft mark: not read */
	bool draining = false; /* GOING_AWAY was said */
	bool eof = false; /* the peer sends nothing more */
	bool closing = false; /* refused to everybody; closed once the output is written */
	bool lingering = false; /* output written and our side shut; the rest of the input is thrown away */
	bool input_lost = false; /* the peer is likely to send on although its frames are refused */
	bool dead = false; /* on the end-of-turn list */
	bool closed_told = false; /* `closed` was called for the connection's end */
	bool flush_queued = false;
	bool resume_queued = false;
	bool was_written = false; /* the `written` hook is due */
};

/* What one read takes at most, in bytes. */
inline constexpr size_t conn_scratch_size = 64 * 1024;

/* All connections of one worker. A handle is generation << 32 | worker << 24 | slot; a slot's generations start at
 * 1 and count up whenever it is given out, so a handle is never 0 and comes back after 2^32 uses of its slot. */
struct conn_table {
	std::vector<std::unique_ptr<struct conn>> slots;
	std::vector<uint32_t> generations;
	std::vector<uint32_t> free_slots;
	size_t live = 0;
	std::unique_ptr<char[]> scratch; /* every read goes into it first */
	struct frame_parser parser; /* of frames that come whole */
	std::vector<struct network> proxy_from; /* core.proxy_from */
	struct conn_queue guests, holders;
	int64_t ends_told_until = 0; /* the second to which ends_told belongs */
	unsigned ends_told = 0; /* lines about ends without a session */
	uint64_t ends_held_back = 0; /* such lines that were left out since the last one */
	int64_t complain_at = 0; /* that guests are turned away is logged from then on */
	std::array<std::atomic<uint64_t>, CONN_TURN_COUNT> turned_away = {}; /* read by the admin page */
};

/* What the rooms above do about connections: a constant table, made by conn_calls.cpp of the plugin room and named by
 * worker_shared. Worker thread. */
struct conn_calls {
	/* Dispatches a whole frame, which parsed is of. *pause_ms_r: for how long the connection is over its rate; 0: it is not. */
	void (*frame)(struct conn *c, std::string_view bytes, const struct frame_parser *parsed, int64_t *pause_ms_r);
	/* Dispatches the frame that c->held holds, where its hook has passed it. */
	void (*resumed)(struct conn *c);
	/* The session is there and its login answered. */
	void (*opened)(struct conn *c);
	/* The session is ending: nobody is to be routed to it, or to claim its place yet. */
	void (*leaving)(struct conn *c);
	/* The session or the connection has ended; account 0: nobody was logged in. */
	void (*closed)(struct conn *c, cs_account account);
	/* The kernel took bytes of a logged-in connection. */
	void (*written)(struct conn *c);
	/* The connection ends while a request is pending. */
	void (*abandoned)(struct conn *c);
	/* A probe found the peer there; askers: other nodes that asked. */
	void (*proved)(struct conn *c, const std::vector<cs_bus_address> &askers, int64_t now_ms);
	/* A probe goes on while the node drains: whoever waits for it need not. */
	void (*probe_waits)(struct conn *c);
};

/* Makes the worker's table, empty. Before the worker runs. */
void conn_table_open(struct worker *w, const struct core_conf *conf);
/* From now on these options count, which stay the caller's. Worker thread, or before it runs. */
void conn_table_set_conf(struct worker *w, const struct core_conf *conf);
/* Counts a connection before it is accepted, so that all workers together never have more than
 * max_connections. false: that many are there. What was counted goes to conn_open or back. */
[[nodiscard]] bool conn_reserve(struct worker *w);
void conn_unreserve(struct worker *w);
/* Takes the accepted socket and its reservation over. 0, or CS_EBUSY (no slot) / CS_EINVAL with the socket
 * closed and the reservation given back. */
[[nodiscard]] int conn_open(struct worker *w, unique_fd fd, const sockaddr *address, socklen_t size);
/* Nobody can be accepted: closes the one that has been without a login longest, unless it has only just come. */
void conn_guest_make_room(struct worker *w);
/* nullptr when the handle's connection ended or is being closed. */
struct conn *conn_find(struct worker *w, cs_conn handle);
/* The worker that a handle belongs to. Any thread. */
unsigned conn_worker_index(cs_conn handle);

/* Queues a frame with its terminator; written once at the end of the turn. Contract of cs_host.send. */
int conn_send(struct conn *c, const char *frame, size_t size, const char *tail, uint64_t *position_r);
/* Bytes that were queued and that the kernel did not take. */
size_t conn_unsent(const struct conn *c);
/* To be called for what a plugin sends: a frame of the plugin that handles the pending request is the request's
 * answer, as LOGIN and REGISTER have answers of their own form. A frame of any other plugin is not. */
void conn_note_sender(struct conn *c, const struct cs_self *sender);
/* Success and refusal in the form of PROTOCOL section 5. Either settles the request, the first even where it has
 * no req and so nothing is written. */
void conn_answer(struct conn *c, const struct cs_request *request, const char *more);
/* Every refusal goes through here, and is counted here. ack: CS_MSGID_ACK, or the request's own answer, such as
 * LOGIN_ACK. */
void conn_refuse(struct conn *c, const struct cs_request *request, uint32_t ack, int wire_errno,
                 const char *text);

/* Ends CS_PENDING of a handler; the waiting input is dispatched at the end of the turn. Nothing happens when none is
 * pending. */
void conn_finish(struct conn *c);
/* Goes on at the end of the turn: with the frame that a hook has passed, then with the waiting input, then with
 * reading. */
void conn_resume(struct conn *c);
/* Binds the account after a granted claim. */
void conn_bind(struct conn *c, cs_account account, std::string_view name);
/* Closes the connection when it says nothing for that long; 0: never. A probe takes it for dead after doubt_ms of
 * silence; 0: never. */
void conn_set_silence(struct conn *c, int64_t ms, int64_t doubt_ms);

/* The three below may be called from inside a plugin's call. At once the session is marked as ending and the
 * account is nobody's here, and for the two that close the handle is refused. At the end of the turn,
 * `closed` of every plugin is called in reverse order of their start, and the place is given up when no
 * plugin holds it. */
/* Ends the session, not the connection: tries to write what is queued before `closed`. */
void conn_logout(struct conn *c);
/* Closes when the output is written (`closed` is called then), at most 2 s later. Logs why once. */
void conn_close_after_output(struct conn *c, const char *why);
/* Closes at the end of this turn, whatever is queued. Logs why once. */
void conn_close(struct conn *c, const char *why);
/* conn_close on the connection's own worker, later, where the account is still its own: another login took
 * over. Any thread. */
void conn_kick(struct worker_shared *shared, cs_conn handle, cs_account account);
/* Finds out on the connection's own worker, where the account is still its own, whether the peer is there. One that
 * answers is proved in the session table, and the node that asks is told (0: none asks). One that does not answer
 * for 4 s, or was silent for longer than its doubt, is closed. Any thread. */
void conn_begin_probe(struct worker_shared *shared, cs_conn handle, cs_account account, uint64_t asker);

/* Tells GOING_AWAY to every connection of the worker, and refuses all requests but PING from now on. */
void conn_table_drain(struct worker *w);
/* conn_close_after_output for every connection. */
void conn_table_close_all(struct worker *w, const char *why);

#endif
