/* SPDX-License-Identifier: MIT
 * Owns a non-blocking client of the crash test: an account that sends, resends what was not acknowledged with the
 * same cid after each reconnect, receives and confirms. It must not know when the server dies.
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
	int64_t id = 0;
	std::string name;
	std::vector<player_target> targets;

	enum player_state state = PLAYER_DOWN;
	int fd = -1;
	int64_t retry_at = 0;
	std::string input, output;
	std::deque<std::string> unacknowledged; /* cids, oldest first */
	std::vector<std::string> by_req; /* req -> cid */
	std::map<std::string, int64_t> unconfirmed; /* conversation -> last seq not yet told by DELIVERED */
	int64_t confirm_at = 0;
	uint64_t logins = 0, resent = 0;
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
/* Drops the connection by RST. */
void player_cut(player *p);
void player_free(player *p);

#endif
