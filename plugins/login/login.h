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
};

/* An instance. */
struct login_plugin {
	plugin_context context;
	const login_conf *conf = nullptr; /* the server's */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	password_hash dummy; /* nobody's, of the current cost */
};

/* Handlers; state is a login_plugin. */
int login_on_login(void *state, const cs_frame *frame);
int login_on_register(void *state, const cs_frame *frame);

/* The cost of new passwords. */
password_cost login_cost(const login_plugin *plugin);
/* What LOGIN_ACK and REGISTER_ACK answer for a negative result of work or claim: BUSY, UNAVAILABLE, GOING_AWAY,
 * with its text. */
int login_errno_of(int result, const char **text_r);

#endif
