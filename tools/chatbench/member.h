/* SPDX-License-Identifier: MIT
 * One account of a run: its connection, its bytes, its way in by REGISTER, LOGIN and a group, and its way out. */
#ifndef CHATBENCH_MEMBER_H
#define CHATBENCH_MEMBER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include <base/raii.h>

#include "wire.h"

enum member_role { MEMBER_SENDER, MEMBER_RECEIVER, MEMBER_IDLE };

enum member_step {
	MEMBER_AWAY, /* no connection */
	MEMBER_REGISTERS,
	MEMBER_LOGS_IN,
	MEMBER_GROUPS,
	MEMBER_READY,
	MEMBER_LEAVES
};

struct member;

/* A function may call any function of this file. */
struct member_calls {
	/* Logged in, and in its group; or registered, if it only does that. answer: the LOGIN_ACK or REGISTER_ACK;
	 * empty if the last answer was that of the group. */
	void (*ready)(void *arg, member *mb, std::string_view answer);
	void (*frame)(void *arg, member *mb, std::string_view frame); /* once ready */
	void (*read_all)(void *arg, member *mb); /* everything that was there has been read */
	void (*left)(void *arg, member *mb); /* the end of member_leave */
	void (*refused)(void *arg, member *mb, std::string_view answer); /* REGISTER, LOGIN or the group */
	void (*failed)(void *arg, member *mb, const char *why); /* the connection */
};

struct member {
	const member_calls *calls = nullptr;
	void *arg = nullptr;
	size_t number = 0;
	member_role role = MEMBER_IDLE;
	member_step step = MEMBER_AWAY;
	std::string name; /* as frames write it; empty until LOGIN_ACK names it */
	uint64_t id = 0; /* 0: not registered yet */
	bool only_registers = false;
	bool wants_token = false; /* at its next login by password */
	std::string token; /* not empty: it logs in by this */
	bool wants_signals = false;
	bool wants_group = false; /* no longer once it is in */
	uint64_t group = 0; /* the group to join; 0: a sender, which makes one */
	int64_t asked = 0; /* clock, ns: the last request of the way in or out */
	unsigned connection = 0; /* counts its connections */
	const wire_kind *kind = nullptr; /* null: its frames go over the socket as they are */
	unique_fd fd;
	wire_ptr wire;
	event_ptr readable;
	event_ptr writable;
	std::string input;
	std::string output;
};

/* Connects and begins to register, or to log in if it has an id. -1: no connection; errno says why. */
[[nodiscard]] int member_start(member *mb, event_base *base, const sockaddr *address, socklen_t size);
/* Registers on the connection that there is. */
void member_register(member *mb);
/* Logs out, waits for the answer and closes the connection: then the server has no session of it any more. */
void member_leave(member *mb);
/* Closes the connection. */
void member_close(member *mb);
/* Sends the output buffer as far as the kernel takes it now; the rest follows later. */
void member_flush(member *mb);

/* The integer after "key": in a frame of the server, or -1. key includes its quotes and colon. The first match counts,
 * so use it only if no text of others comes before it. */
[[nodiscard]] int64_t member_find_integer(std::string_view frame, std::string_view key);

#endif
