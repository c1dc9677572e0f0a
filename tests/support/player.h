/* SPDX-License-Identifier: MIT
 * A non-blocking client for fault tests: an account that sends, repeats messages that were not acknowledged with the
 * same cid after each reconnect, receives and confirms.
 *
 * One thread; all time in ms of check_now(). */
#ifndef TESTS_SUPPORT_PLAYER_H
#define TESTS_SUPPORT_PLAYER_H

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/ledger.h"
#include "tests/support/transport.h"

enum player_state { PLAYER_DOWN, PLAYER_CONNECTING, PLAYER_LOGGING_IN, PLAYER_IN };

struct player_target {
	std::string conversation;
	bool is_group;
	int64_t to;
};

struct player {
	ledger *book = nullptr;
	std::mt19937 *random = nullptr;
	uint16_t port = 0;
	transport_kind kind = TRANSPORT_PLAIN; /* what that port speaks */
	std::string host = "127.0.0.1";
	int64_t id = 0;
	std::string name;
	std::vector<player_target> targets;
	/* BUSY and UNAVAILABLE are no faults: what was refused is sent again after a pause. Since the outcome
	 * of one message may then be known after the next one's, only one of each conversation is under way
	 * at a time. */
	bool patient = false;
	/* A client of the old kind: knows no cid, req and ack, sends once and confirms nothing. */
	bool is_old = false;
	/* Asks for a token at its first login, and comes back by it. */
	bool by_token = false;
	std::string token;
	int64_t asked_pause = 0; /* ms for which the server asked by GOING_AWAY */
	int64_t answer_timeout = 0; /* ms after which an unanswered connection is given up; 0: never */
	int64_t longest_pause = 10; /* ms before it connects or tries again, at random */

	enum player_state state = PLAYER_DOWN;
	int fd = -1;
	int64_t retry_at = 0;
	test_transport transport; /* of this connection */
	std::string input, output; /* frames not yet whole; bytes for the socket */
	std::deque<std::string> unacknowledged; /* cids, oldest first */
	std::vector<std::string> by_req; /* req -> cid */
	std::map<std::string, int64_t> unconfirmed; /* conversation -> last seq not yet told by DELIVERED */
	int64_t confirm_at = 0;
	std::map<std::string, int64_t> in_flight; /* cid -> when it was sent on this connection */
	bool is_refused = false; /* something is, and waits for again_at */
	int64_t again_at = 0;
	int64_t waiting_since = 0; /* for a connection, its handshakes or the answer to LOGIN */
	int64_t lost_at = 0; /* when the last session ended; 0: there was none */
	uint64_t logins = 0, resent = 0, refused = 0;
	int64_t slowest_answer = 0; /* ms; to a message */
	int64_t slowest_return = 0; /* ms from a session's end to the next one */
};

/* Connects when it is time to. */
void player_tick(player *p, int64_t now);
/* What poll() is to wait for; 0: nothing. */
short player_events(const player *p);
/* The socket is ready. */
void player_ready(player *p, short events);
/* Sends a new message to one of its targets. false: not logged in, or the window of 16 is full. */
bool player_send_message(player *p);
/* Sends a message again that was acknowledged long ago: it must get the same seq. */
void player_repeat_old(player *p);
/* Drops the connection by RST; not of a client of the old kind: the server might still write to it. */
void player_cut(player *p);
void player_free(player *p);

#endif
