/* SPDX-License-Identifier: MIT
 * Owns what the sources of the login plugin share. It must not be included elsewhere. */
#ifndef LOGIN_LOGIN_H
#define LOGIN_LOGIN_H

#include <cstdint>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../shared/field.h"
#include "password.h"

struct login_conf {
	int64_t password_ops;
	int64_t password_memory;
	int duplicate_login; /* 0 refuse, 1 kick */
	int registration; /* 0 open, 1 closed */
	int64_t failed_logins; /* of an address per minute; 0: no limit */
};

/* Lets one line per second through. */
struct login_log_limit {
	int64_t next_ms = 0;
	uint64_t held_back = 0;
};

/* Bytes of the longest password. */
inline constexpr size_t login_password_most = 128;

/* An instance. */
struct login_plugin {
	plugin_context context;
	const login_conf *conf = nullptr; /* the server's */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	password_hash dummy; /* nobody's, of the current cost */
	login_log_limit wrong_limit, early_limit, online_limit; /* of lines about refused logins */
};

/* Handlers; state is a login_plugin. */
int login_on_login(void *state, const cs_frame *frame);
int login_on_register(void *state, const cs_frame *frame);

/* The cost of new passwords. */
password_cost login_cost(const login_plugin *plugin);
/* The line about a login, a logout or a registration. */
void login_log(const login_plugin *plugin, const char *what, uint64_t account, const cs_peer &peer);
/* The line about a login that was refused. Whoever guesses fast cannot flood the log. */
void login_log_refused(const login_plugin *plugin, login_log_limit *limit, uint64_t account, const cs_peer &peer,
                       const char *reason);
/* What LOGIN_ACK and REGISTER_ACK answer for a negative result of work or claim: BUSY, UNAVAILABLE, GOING_AWAY,
 * with its text. */
int login_errno_of(int result, const char **text_r);

#endif
