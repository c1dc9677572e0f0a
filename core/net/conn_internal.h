/* SPDX-License-Identifier: MIT
 * Declarations that only the files conn_*.cpp share. */
#ifndef CORE_CONN_INTERNAL_H
#define CORE_CONN_INTERNAL_H

#include "core/net/conn.h"

/* How long a closing connection may take to read its output. */
inline constexpr int64_t conn_close_wait_ms = 2000;
/* How long input is thrown away after our side was shut. A close with unread input would send a reset, and the peer
 * could lose our last frames. */
inline constexpr int64_t conn_linger_ms = 1000;
/* How long a peer that closed its side may wait for its answers. */
inline constexpr int64_t conn_eof_wait_ms = 5000;
/* How long a PROXY header may take from its first byte to its last. */
inline constexpr int64_t conn_header_wait_ms = 3000;
/* A guest is read in small pieces: bytes behind its LOGIN stay in the kernel. */
inline constexpr size_t conn_guest_read_size = 4096;
/* Log lines a second about connections that ended without a login. */
inline constexpr unsigned conn_most_ends_told = 20;
/* How long output waits for the byte behind the first frame. */
inline constexpr int64_t conn_hold_ms = 40;

/* conn.cpp */
void conn_assert_here(const struct worker *w);
/* 192.0.2.1:6000, [2001:db8::1]:6000. */
std::string conn_peer_text(const sockaddr *address);
void conn_log_end(const struct conn *c, enum cs_log_level level, const char *why);
/* As conn_close and conn_close_after_output, but why is logged at that level. */
void conn_close_logged(struct conn *c, enum cs_log_level level, const char *why);
void conn_close_softly(struct conn *c, enum cs_log_level level, const char *why);
/* As conn_close, but logged at debug level if there is no session: peers do this all day. */
void conn_close_quietly(struct conn *c, const char *why);
/* Closes a connection whose peer has closed its side and waits for no answer. */
void conn_check_end(struct conn *c);

/* Turns on TCP keepalive after so long a silence; 0 ms: off. */
void conn_set_keepalive(int fd, int64_t ms);

/* conn_probe.cpp */
/* Ends the probe that is under way, without a result. */
void conn_end_probe(struct conn *c);

/* Calls `opened` if it is due. */
void conn_tell_opened(struct conn *c);
/* conn_session.cpp */
/* Tells the audit log that the session ends, if there is one. */
void conn_audit_end(const struct conn *c, const char *why);
void conn_leave(struct conn *c);
void conn_tell_closed(struct conn *c);

/* conn_drain.cpp */
/* The node goes away, or another connection takes the session: sends GOING_AWAY. more: "", or further members with
 * their leading comma. */
void conn_send_going_away(struct conn *c, const char *text, const char *more);

/* conn_guest.cpp */
/* To be called after each change of the connection's login or end. */
void conn_guest_update(struct conn *c);
/* As conn_guest_update, also after a change of its buffers. Then closes guests if there are too many or they hold too
 * many bytes; this connection may be one of them. Not from inside a plugin's call. */
void conn_guest_check(struct conn *c);
/* Sends the reason, drops the input, and closes. Not from inside a plugin's call. */
void conn_turn_away(struct conn *c, enum conn_turn turn);
/* For /metrics. */
void conn_count_turn(struct conn *c, enum conn_turn turn);

/* conn_proxy.cpp */
/* Reads bytes while c->beginning: removes a PROXY header and gives the rest to conn_take_input. */
void conn_take_beginning(struct conn *c, char *input, size_t size);
/* No PROXY header will be complete: the input has ended, or its time is over. */
void conn_end_beginning(struct conn *c);

/* The part of a header that came so far; it is forgotten. */
std::string conn_take_header(struct conn *c);
/* That part, with what has come now. */
void conn_wait_for_header(struct conn *c, std::string_view begun);
/* The client that a header names. false: its address has too many connections, and this one is being closed. */
[[nodiscard]] bool conn_set_client(struct conn *c, const sockaddr_storage *source);
void conn_leave_beginning(struct conn *c);

/* conn_transport.cpp */
/* The connection comes over such a listener. */
void conn_transport_prepare(struct conn *c, const struct transport *of);
/* No PROXY header comes any more: opens stream and framing. */
void conn_transport_start(struct conn *c);
bool conn_is_framed(const struct conn *c);
bool conn_has_stream(const struct conn *c);
/* Whether frames may be sent. */
bool conn_transport_is_open(const struct conn *c);
struct transport_counters *conn_counters(const struct conn *c);
/* Hands on what came behind a PROXY header: through the framing, if there is one, then to conn_take_bytes. May
 * change the bytes. */
void conn_take_input(struct conn *c, char *bytes, size_t size);
/* Input that was kept because too much output waited. */
bool conn_has_unread(const struct conn *c);
/* Hands it on. */
void conn_take_unread(struct conn *c);
/* The bytes before a frame of that many bytes, at most CS_FRAMING_HEAD_MOST. false: the framing says more, and the
 * connection is closed. */
[[nodiscard]] bool conn_frame_head(struct conn *c, size_t size, char *head_r, size_t *head_size_r);
/* Bytes that the framing holds. */
size_t conn_transport_held(const struct conn *c);
/* As recv(2) and send(2), through the stream. */
ssize_t conn_receive(struct conn *c, char *buffer, size_t size);
ssize_t conn_transmit(struct conn *c, const char *bytes, size_t size);
/* Bytes that conn_receive returns without looking at the socket. */
size_t conn_buffered(const struct conn *c);
/* What broke the stream, else `otherwise`. */
const char *conn_transport_fault(const struct conn *c, const char *otherwise);
/* The socket is readable, writable: what a stream waited for that reads to write, or the reverse. */
void conn_transport_on_readable(struct conn *c);
bool conn_transport_on_writable(struct conn *c);
/* As conn_take_beginning, before a stream: takes no byte behind the header from the socket. peeked: what lies there. */
void conn_peek_beginning(struct conn *c, std::string_view peeked);
/* As conn_end_beginning, before a stream. */
void conn_end_stream_beginning(struct conn *c, bool has_begun);
/* INT64_MAX: no deadline. */
int64_t conn_transport_deadline(const struct conn *c);
void conn_transport_check(struct conn *c, int64_t now);
/* For how many ms the peer may be silent; 0: for ever. */
int64_t conn_silence_limit(const struct conn *c);
/* What conn_say_goodbye will say. */
void conn_set_goodbye(struct conn *c, enum cs_goodbye why);
/* The framing's last words, once. */
void conn_say_goodbye(struct conn *c);
/* The stream's last words, once. */
void conn_end_stream(struct conn *c);

/* conn_limit.cpp */
/* Does not read the connection for so many ms; 0 or less: goes on. */
void conn_pause(struct conn *c, enum conn_pause_reason why, int64_t ms);
/* Charges bytes that were read, and the cost of the requests that were dispatched. If they are over a rate, nothing is
 * read for a while. */
void conn_charge_input(struct conn *c, size_t bytes, int64_t now_ms);
/* How many bytes one read may take at these rates. */
size_t conn_choose_read_size(const struct core_conf *conf);

/* conn_ban.cpp */
inline constexpr char conn_banned_text[] = "this address is banned";
/* The client's address is known. true: its network is banned, and the connection is closed. */
[[nodiscard]] bool conn_refuse_banned(struct conn *c);

/* conn_address.cpp */
/* Whether there is a limit for addresses. */
bool conn_limits_addresses(const struct core_conf *conf);
/* The client's address is known. false: it is banned or has too many connections, and this one is being closed. */
[[nodiscard]] bool conn_enter_address(struct conn *c);
/* The connection ends. */
void conn_leave_address(struct conn *c);
void conn_count_address_guest(struct conn *c, bool is_guest);
/* The options have changed. */
void conn_review_address(struct conn *c);
void conn_charge_address(struct conn *c, int64_t cost, int64_t bytes, int64_t now_ms);
/* Whether the address is over its rate, so that the connection may not be read; then it is paused. */
[[nodiscard]] bool conn_waits_for_address(struct conn *c);

/* conn_unsent.cpp */
/* So many bytes of its output are unsent. It has output. */
void conn_note_unsent(struct conn *c, size_t unsent);
/* If all connections have more than core.output_memory unsent, every worker closes those of its own that have most. */
void conn_check_memory(struct worker *w);

/* conn_input.cpp */
void conn_on_read(evutil_socket_t fd, short what, void *arg);
/* Dispatches the frames in bytes; keeps the bytes that may not be dispatched yet. */
void conn_take_bytes(struct conn *c, std::string_view bytes);
/* The input cannot be read any further: sends the refusal (BAD_FRAME or TOO_LONG), and closes once it is written. */
void conn_refuse_input(struct conn *c, int wire_errno, const char *text);
/* Whether frames may be dispatched now. */
bool conn_can_dispatch(const struct conn *c);
void conn_start_reading(struct conn *c);

/* conn_output.cpp */
void conn_queue_flush(struct conn *c);
/* Writes as much as the kernel takes. Calls no plugin but the stream's. */
void conn_write(struct conn *c);
void conn_wait_writable(struct conn *c);
/* Queues bytes that are no frame. Also while the connection is closing. */
void conn_append_raw(struct conn *c, std::string_view bytes);
void conn_on_writable(evutil_socket_t fd, short what, void *arg);
/* The byte behind the first frame is known, or the time to wait for it is over. */
void conn_decide_terminator(struct conn *c, enum conn_terminator terminator);
/* The output is written: shuts our side and lingers, or ends the connection at once. */
void conn_finish_closing(struct conn *c);

/* conn_backpressure.cpp */
/* Called for each frame of `added` bytes that was queued. Checks output_soft and output_hard. Writes first, because a
 * burst within one turn does not make a slow reader. A single frame longer than output_soft, such as the LOGIN_ACK of a
 * member of large groups, does not either. 0; CS_EAGAIN: above output_soft; CS_ENOENT: the connection is closed. */
[[nodiscard]] int conn_apply_backpressure(struct conn *c, size_t added);
/* Reads the connection again once less than half of output_soft is left. */
void conn_end_backpressure(struct conn *c);

/* conn_timer.cpp */
/* To be called after each deadline that was set. */
void conn_arm(struct conn *c);
/* Frees the timer if there is no deadline. Most logged-in connections have none. */
void conn_rest(struct conn *c);
/* Closes a connection that did not log in in time. */
void conn_check_login(struct conn *c, int64_t now);

#endif
