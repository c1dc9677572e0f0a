/* SPDX-License-Identifier: MIT
 * What the files of the signal plugin share: an instance, its sessions, and what it knows of groups. */
#ifndef SIGNAL_SIGNAL_H
#define SIGNAL_SIGNAL_H

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include <chatserverd/plugin.h>

#include "../shared/field.h"

/* Members of a group that signals go to. */
inline constexpr size_t signal_most_members = 500;

/* A session that wants signals. */
struct signal_session {
	cs_account account = 0;
	bool paused = false; /* it does not take what it has got: signals for it are dropped */
};

/* A frame that waits until its group's members are known. Its connection is PENDING: each has one at most. */
struct signal_waiting {
	cs_conn conn = 0;
	cs_account account = 0;
	struct cs_request request = {};
	std::string bytes;
};

/* What was read of a group. */
struct signal_group {
	int64_t asked_ms = 0; /* when the read of it was handed in: it saw at least what was committed before; 0: never */
	bool reading = false;
	bool exists = false;
	bool is_full = false; /* it has more than signal_most_members; members is empty then */
	std::vector<uint64_t> members; /* sorted */
	std::vector<signal_waiting> waiting;
};

/* An instance. */
struct signal_plugin {
	plugin_context context;
	uint64_t want = 0; /* our bit of a session's want */
	std::unordered_map<cs_conn, signal_session> sessions;
	std::unordered_multimap<cs_account, cs_conn> by_account; /* of sessions */
	std::unordered_map<uint64_t, signal_group> groups;
	size_t waiting_bytes = 0;
};

/* ---- group.cpp */

/* Sends the frame to the members of the group, now or when they are known; answers or refuses it. Returns what the
 * handler returns. */
int signal_to_group(signal_plugin *p, const cs_frame *frame, uint64_t group);

/* ---- parcel.cpp: what instances send each other. To one account it is the frame itself, which begins with '{'; to a
 * group's members it is 'g', a version, their number (2 bytes, low byte first), their accounts (8 bytes each), and
 * the frame. */

std::string signal_parcel_encode(const std::vector<uint64_t> &members, cs_account but, std::string_view frame);
/* 0, or CS_EINVAL: it is no parcel of this version. accounts_r points to the first of count_r accounts. */
[[nodiscard]] int signal_parcel_decode(std::string_view bytes, const char **accounts_r, size_t *count_r,
                                       std::string_view *frame_r);
uint64_t signal_parcel_account(const char *accounts, size_t at);

#endif
