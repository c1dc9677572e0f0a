/* SPDX-License-Identifier: MIT
 * One account of a run: its connection, its bytes, and its way in by REGISTER, LOGIN and a group. */
#ifndef CHATBENCH_MEMBER_H
#define CHATBENCH_MEMBER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include <base/raii.h>

enum member_role { MEMBER_SENDER, MEMBER_RECEIVER, MEMBER_IDLE };

enum member_step { MEMBER_NEW, MEMBER_REGISTERS, MEMBER_LOGS_IN, MEMBER_GROUPS, MEMBER_READY };

struct member;

struct member_calls {
	void (*ready)(void *arg, member *mb); /* logged in, and in its group */
	void (*frame)(void *arg, member *mb, std::string_view frame); /* once ready */
	void (*read_all)(void *arg, member *mb); /* everything that was there has been read */
	void (*failed)(void *arg, member *mb, const char *why); /* the run has failed */
};

struct member {
	const member_calls *calls = nullptr;
	void *arg = nullptr;
	size_t number = 0;
	member_role role = MEMBER_IDLE;
	member_step step = MEMBER_NEW;
	std::string name;
	uint64_t id = 0;
	bool wants_group = false;
	uint64_t group = 0; /* the group to join; 0: a sender, which makes one */
	unique_fd fd;
	event_ptr readable;
	event_ptr writable;
	std::string input;
	std::string output;
};

/* Connects and begins to register. -1: no connection. */
[[nodiscard]] int member_start(member *mb, event_base *base, const sockaddr *address, socklen_t size);
/* Adds a frame to the output buffer. */
void member_add(member *mb, std::string_view frame);
/* Sends the output buffer as far as the kernel takes it now; the rest follows later. */
void member_flush(member *mb);

/* The integer after "key": in a frame of the server, or -1. key includes its quotes and colon. The first match counts,
 * so use it only if no text of others comes before it. */
[[nodiscard]] int64_t member_find_integer(std::string_view frame, std::string_view key);

#endif
