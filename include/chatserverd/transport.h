/* SPDX-License-Identifier: MIT
 * Transports: what a plugin puts between the socket of a connection and its frames. C11 and C++20.
 *
 * There are two kinds, and a connection can have one of each. A stream changes the bytes on the wire, as TLS does. A
 * framing says where frames lie in those bytes, as WebSocket does. A connection of core.listen has neither, and pays
 * nothing. A frame does not know how it came: every limit, deadline and answer is the same on all transports.
 *
 *   socket -> PROXY header -> stream -> framing -> frames
 *
 * A plugin provides a stream as the service "stream.NAME", with a struct cs_stream as its table, and a framing as
 * "framing.NAME", with a struct cs_framing. NAME has letters and digits, up to 16. The context is the state of the
 * plugin's instance, as for every service. The server asks listen() for addresses, opens them on each worker beside
 * those of core.listen, and calls the functions below for each connection that it accepts there.
 *
 * Unless a declaration says otherwise, the functions are called on the worker of the connection, one at a time, may
 * not block, and may not call host functions that take a connection.
 *
 * A function that breaks its contract costs its connection, not the node: the server closes the connection at once and
 * logs an error with the names of the plugin, the transport and the function, at most once a minute on each worker.
 * It finds a wrong answer, and a function that is called without end because it makes no progress. It does not find a
 * write behind the end of a buffer, nor a function that does not return. */
#ifndef CHATSERVERD_TRANSPORT_H
#define CHATSERVERD_TRANSPORT_H

#include <chatserverd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CS_STREAM_PREFIX "stream."
#define CS_FRAMING_PREFIX "framing."
#define CS_TRANSPORT_VERSION 1u /* of both services */

/* What a transport knows of one connection; the plugin's own. */
struct cs_filter;

/* Where a transport listens. Texts live as long as the option struct. */
struct cs_listen {
	const char *addresses; /* in the form of core.listen; "": nowhere */
	const char *key; /* the option that says so, for messages: "listen" */
	const char *over; /* framing only: the NAME of the stream below it; NULL: the socket itself */
	const void *spare[4];
};

/* ---- streams */

/* Why a stream did nothing. */
struct cs_stream_wait {
	/* CS_EAGAIN: it can go on after one of these, at least one (enum cs_watch_event). Not before: a stream that
	 * waits for what the socket offers already, 1000 times in a row, breaks the contract. */
	unsigned events;
	const char *why; /* CS_EINVAL: for the log, in plain words; valid until the next call */
};

struct cs_stream {
	uint32_t abi, size; /* CS_ABI, sizeof(struct cs_stream) */
	const char *label; /* in /metrics and in the log: "tls" */
	/* Where to listen, by the plugin's options. Constant until a restart. [main thread] */
	void (*listen)(const void *conf, struct cs_listen *listen_r);
	/* Somebody listens over this stream, the plugin itself or a framing: do the options allow that (a
	 * certificate is named and can be used)? 0, or CS_EINVAL with the text in e and *key_r set to the key of the
	 * option. May block. [main thread] */
	int (*check)(const void *conf, const char **key_r, struct cs_error *e);
	/* A connection was accepted. fd is the server's, does not block, and lives longer than the filter. A PROXY
	 * header has been taken from it. NULL: no memory; the connection is closed. */
	struct cs_filter *(*open)(void *state, int fd);
	/* As recv(2), of what the peer meant. The number of bytes, at most size; 0: the peer sends nothing more;
	 * CS_EAGAIN: nothing is there yet; CS_EINVAL: the stream is broken, and is only closed now. wait_r is set for
	 * the last two. A handshake is part of receive and send. */
	int64_t (*receive)(struct cs_filter *filter, void *buffer, size_t size, struct cs_stream_wait *wait_r);
	/* As send(2): the number of bytes, from 1 to size, CS_EAGAIN or CS_EINVAL; size is at least 1. A number of
	 * bytes is returned only when the kernel has taken all that they became. After CS_EAGAIN or fewer bytes than
	 * size, the next call begins with the rest of the same bytes, perhaps at another place, and perhaps with more
	 * behind them. */
	int64_t (*send)(struct cs_filter *filter, const void *bytes, size_t size, struct cs_stream_wait *wait_r);
	/* How many bytes receive returns without looking at the socket. */
	size_t (*buffered)(const struct cs_filter *filter);
	/* 1 once the handshake is done, else 0. A handshake that takes longer than 10 s is ended by the server. */
	int (*is_open)(const struct cs_filter *filter);
	/* The server sends nothing more: says so, as far as the kernel takes it at once. Called at most once, and
	 * before the server shuts its side of the socket. */
	void (*end)(struct cs_filter *filter);
	/* The connection ends: frees the filter. */
	void (*close)(struct cs_filter *filter);
};

/* ---- framings */

/* Why the server closes a connection. */
enum cs_goodbye {
	CS_GOODBYE_NORMAL = 0,
	CS_GOODBYE_GOING_AWAY = 1, /* the node drains, or another connection has the session */
	CS_GOODBYE_TOO_LONG = 2, /* a frame was longer than core.max_frame */
	CS_GOODBYE_REFUSED = 3, /* bytes that are no frame, a deadline */
	CS_GOODBYE_BUSY = 4 /* a limit of this node */
};

#define CS_STEP_NO_TIMER (-1)

/* What the server shall do now. All zero: nothing. The order: reply, frames, close. A size that is not 0 has bytes. */
struct cs_step {
	/* Bytes for the peer, behind what was queued before. Like frames valid until the next call of any function
	 * of the instance: the server copies replies at once. */
	const char *reply;
	size_t reply_size;
	/* A part of the bytes of frames, in any pieces. May lie in the input. Only of input(). */
	const char *frames;
	size_t frames_size;
	/* timer() is called after so many ms, instead of an earlier setting; 0: as it was set; CS_STEP_NO_TIMER: it is
	 * not called. No other number below 0. While the peer does not take what was sent, it is not called: up to 1 s
	 * later then. */
	int64_t timer_ms;
	int opened; /* 1: from now on frames may be sent to the peer. Until then they are dropped. */
	int close; /* 1: the connection is closed once everything is written; nothing more is read */
	const char *why; /* with close: for the log, in plain words; constant */
	const void *spare[4]; /* NULL */
};

#define CS_FRAMING_HEAD_MOST 16u /* bytes */

struct cs_framing {
	uint32_t abi, size; /* CS_ABI, sizeof(struct cs_framing) */
	const char *label; /* in /metrics and in the log: "ws" */
	const char *secure_label; /* the same over a stream: "wss" */
	/* A connection is closed that was silent for so many ms while the server read it; 0: never. For protocols whose
	 * peers must answer a sign of life; other options that demand more still do. */
	int64_t silence_ms;
	/* As for a stream. [main thread] */
	void (*listen)(const void *conf, struct cs_listen *listen_r);
	/* A connection was accepted; step_r is all zero, here and below. is_secure: a stream is below. NULL: no
	 * memory. */
	struct cs_filter *(*open)(void *state, int is_secure, struct cs_step *step_r);
	/* Bytes came. Returns how many of them it has used or keeps, at least one unless the step closes, and at most
	 * size; the server calls again with the rest, unless the step closes. It may change the bytes: what is masked
	 * can be unmasked in place. */
	size_t (*input)(struct cs_filter *filter, char *bytes, size_t size, struct cs_step *step_r);
	/* The bytes that go before a frame of that many bytes; nothing goes behind it. Returns how many, at most
	 * CS_FRAMING_HEAD_MOST. Only after `opened`. */
	size_t (*head)(const struct cs_filter *filter, size_t size, char *head_r);
	/* The time of timer_ms is over. */
	void (*timer)(struct cs_filter *filter, struct cs_step *step_r);
	/* The server closes: the reply is the last that the peer gets; nothing else in the step counts. Called at most
	 * once, not after a step that closes, and not for a connection that is cut off (a slow reader, a dead peer). */
	void (*goodbye)(struct cs_filter *filter, enum cs_goodbye why, struct cs_step *step_r);
	/* How many bytes of input and of replies the filter holds: those of connections without a login count towards
	 * core.login_memory. */
	size_t (*held)(const struct cs_filter *filter);
	/* The connection ends: frees the filter. */
	void (*close)(struct cs_filter *filter);
};

#ifdef __cplusplus
}
#endif

#endif
