/* SPDX-License-Identifier: MIT
 * Owns what the files conn_*.cpp share among each other: it must not be included elsewhere. */
#ifndef CORE_CONN_INTERNAL_H
#define CORE_CONN_INTERNAL_H

#include "core/net/conn.h"

/* How long a connection that is to be closed may take to read what it was sent. */
inline constexpr int64_t conn_close_wait_ms = 2000;
/* How long input is thrown away after our side was shut, so that no reset overtakes our last words. */
inline constexpr int64_t conn_linger_ms = 1000;
/* How long a peer that closed its side may wait for what it is owed. */
inline constexpr int64_t conn_eof_wait_ms = 5000;
/* How long a PROXY header may take from its first byte to its last. */
inline constexpr int64_t conn_header_wait_ms = 3000;
/* A guest is read in small pieces: what waits behind its LOGIN stays in the kernel. */
inline constexpr size_t conn_guest_read_size = 4096;
/* Lines a second about connections that end and never logged in. */
inline constexpr unsigned conn_most_ends_told = 20;
/* How long output waits for the byte behind the first frame. */
inline constexpr int64_t conn_hold_ms = 40;

/* conn.cpp */
void conn_assert_here(const struct worker *w);
/* 192.0.2.1:6000, [2001:db8::1]:6000. */
std::string conn_peer_text(const sockaddr *address);
void conn_log_end(const struct conn *c, enum cs_log_level level, const char *why);
/* conn_close and conn_close_after_output with another level for why. */
void conn_close_logged(struct conn *c, enum cs_log_level level, const char *why);
void conn_close_softly(struct conn *c, enum cs_log_level level, const char *why);
/* As conn_close, but without a session logged at debug level: what peers do all day. */
void conn_close_quietly(struct conn *c, const char *why);
/* Closes a half-closed connection that is owed nothing more. */
void conn_check_end(struct conn *c);

/* Asks the peer for a sign of life after so long a silence; 0 ms: never. */
void conn_set_keepalive(int fd, int64_t ms);

/* conn_probe.cpp */
/* The probe, if one is under way, comes to nothing. */
void conn_end_probe(struct conn *c);

/* Tells `opened`, where it is due. */
void conn_tell_opened(struct conn *c);
/* conn_session.cpp */
void conn_leave(struct conn *c);
void conn_tell_closed(struct conn *c, cs_account account);

/* conn_guest.cpp */
/* To be called after whatever changed the connection's login or end. */
void conn_guest_update(struct conn *c);
/* The same, also for its buffers; then closes guests, this connection perhaps, where there are too many or they
 * hold too much. Not from inside a plugin's call. */
void conn_guest_check(struct conn *c);
/* Tells why, drops the input, and closes. Not from inside a plugin's call. */
void conn_turn_away(struct conn *c, enum conn_turn turn);

/* conn_proxy.cpp */
/* Takes bytes while c->beginning: a header is taken away, the rest goes to conn_take_bytes. */
void conn_take_beginning(struct conn *c, std::string_view bytes);
/* What came will not become a header: the end of the input or of the time for it is there. */
void conn_end_beginning(struct conn *c);

/* conn_input.cpp */
void conn_on_read(evutil_socket_t fd, short what, void *arg);
/* Takes frames; what may not be dispatched yet is kept. */
void conn_take_bytes(struct conn *c, std::string_view bytes);
/* Frees what has come of a frame. */
void conn_drop_partial(struct conn *c);
/* The bytes of the peer are of no use: tells why (BAD_FRAME or TOO_LONG), and ends once that is written. */
void conn_refuse_input(struct conn *c, int wire_errno, const char *text);
/* Frames may be dispatched. */
bool conn_can_dispatch(const struct conn *c);
void conn_start_reading(struct conn *c);

/* conn_output.cpp */
void conn_queue_flush(struct conn *c);
/* Sends what the kernel takes. Calls no plugin. */
void conn_write(struct conn *c);
void conn_on_writable(evutil_socket_t fd, short what, void *arg);
/* The byte behind the first frame is known, or nobody waits for it any longer. */
void conn_decide_terminator(struct conn *c, enum conn_terminator terminator);
/* Tells our side's end and goes on to lingering or to the end. */
void conn_finish_closing(struct conn *c);

/* conn_timer.cpp */
/* To be called whenever a deadline was set. */
void conn_arm(struct conn *c);
/* Gives the timer back where nothing is waited for: that holds for most connections once they are logged in. */
void conn_rest(struct conn *c);
/* Closes who has not logged in in time. */
void conn_check_login(struct conn *c, int64_t now);

#endif
