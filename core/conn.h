/* SPDX-License-Identifier: MIT
 * Owns connections: their socket, their partial input, their unsent output, their handle. It must not know
 * what a frame means (dispatch) nor who else is online (session). Worker thread only, and nothing here
 * calls a plugin before it returns, but for what says so. */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "frame.h"
#include "limit.h"
#include "raii.h"

struct worker;

enum conn_terminator : uint8_t {
	CONN_TERMINATOR_LF = 0,        /* before the first frame, or decided */
	CONN_TERMINATOR_NUL,
	CONN_TERMINATOR_UNDECIDED      /* first frame complete, the byte behind it not seen: output is held */
};

struct conn {
	cs_conn handle = 0;
	struct worker *worker = nullptr;
	unique_fd fd;
	event_ptr read_event, write_event, timer_event;

	struct frame_scanner scanner;
	std::string input;             /* a partial frame, or frames that wait behind a PENDING one */
	std::string output;            /* what the kernel did not take yet */
	size_t output_sent = 0;        /* bytes of output that are sent already */
	uint64_t queued = 0;           /* bytes ever queued */
	uint64_t written = 0;          /* bytes ever taken by the kernel */

	cs_account account = 0;        /* 0: nobody is logged in */
	std::string name;
	std::string peer;              /* address:port, for the log */
	struct limit_bucket bucket;
	int64_t heard = 0;             /* ms, monotonic: last bytes of the peer */
	int64_t silence = 0;           /* ms that it may be silent; 0: for ever */

	enum conn_terminator terminator = CONN_TERMINATOR_LF;
	bool first_frame_seen = false;
	bool pending = false;          /* a handler answered CS_PENDING */
	bool claiming = false;         /* a claim is under way */
	bool over_soft = false;        /* over the soft mark: not read */
	bool draining = false;         /* GOING_AWAY was said */
	bool closing = false;          /* close once the output is written */
	bool dead = false;             /* on the end-of-turn list */
	bool flush_queued = false;
	bool was_written = false;      /* the `written` hook is due at the end of this turn */
};

/* All connections of one worker. A handle is generation << 32 | worker << 24 | slot ... never 0, see conn.cpp. */
struct conn_table {
	std::vector<std::unique_ptr<struct conn>> slots;
	std::vector<uint32_t> generations;
	std::vector<uint32_t> free_slots;
	size_t live = 0;
};

/* Takes the accepted socket over. 0, or CS_EBUSY (no slot) / CS_EINVAL with the socket closed. */
[[nodiscard]] int conn_open(struct worker *w, unique_fd fd, const sockaddr *address, socklen_t size);
/* nullptr when the handle's connection ended. */
struct conn *conn_find(struct worker *w, cs_conn handle);
/* The worker that a handle belongs to. Any thread. */
unsigned conn_worker_index(cs_conn handle);

/* Queues a frame with its terminator; written once at the end of the turn. Contract of cs_host.send. */
int conn_send(struct conn *c, const char *frame, size_t size, const char *tail, uint64_t *position_r);
/* Success and refusal in the form of PROTOCOL section 5. */
void conn_answer(struct conn *c, const struct cs_request *request, const char *more);
void conn_refuse(struct conn *c, const struct cs_request *request, int wire_errno, const char *text);

/* Ends CS_PENDING; the waiting input is dispatched at the end of the turn. */
void conn_finish(struct conn *c);
/* Binds the account after a granted claim. */
void conn_bind(struct conn *c, cs_account account, std::string_view name);
/* Ends the session (not the connection): tries to write what is queued, calls `closed` of every plugin in
 * reverse order of their start, lets go of the place when no plugin holds it. */
void conn_logout(struct conn *c);
/* Closes when the output is written (soft), or now (hard). Ends the session first. Logs why once. */
void conn_close_after_output(struct conn *c, const char *why);
void conn_close(struct conn *c, const char *why);
/* Tells GOING_AWAY to every connection of the worker. */
void conn_table_drain(struct worker *w);
void conn_table_close_all(struct worker *w, const char *why);

#endif
