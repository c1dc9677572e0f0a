/* SPDX-License-Identifier: MIT
 * The instance and the options of the login plugin, for its own files. */
#ifndef LOGIN_LOGIN_H
#define LOGIN_LOGIN_H

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../model/messages.h"
#include "../shared/field.h"
#include "password.h"

struct login_conf {
	int64_t password_ops;
	int64_t password_memory;
	int duplicate_login; /* 0 refuse, 1 kick */
	int registration; /* 0 open, 1 closed */
	int64_t failed_logins; /* failed logins of an address per minute; 0: no limit */
	int64_t max_devices; /* named ones of an account */
	int64_t new_devices; /* named ones of an account per minute; 0: no limit */
	int64_t forget_devices; /* ms without being seen */
};

/* Limits log lines to one per second. */
struct login_log_limit {
	int64_t next_ms = 0;
	uint64_t held_back = 0;
};

/* The longest name of a device, in bytes. */
inline constexpr size_t login_device_most = 64;

/* The longest password, in bytes. */
inline constexpr size_t login_password_most = 128;

/* The session of a named device. */
struct login_session {
	uint64_t account = 0;
	uint64_t device = 0;
	int64_t due = 0; /* then it is noted as seen */
};

/* An instance. */
struct login_plugin {
	plugin_context context;
	const login_conf *conf = nullptr; /* owned by the server */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	password_hash dummy; /* fits no password; of the current cost */
	/* Of the log lines about refused logins. */
	login_log_limit wrong_limit, early_limit, online_limit, devices_limit;
	std::string store; /* the text of the store; empty: it was not read yet */
	std::unordered_map<cs_conn, login_session> named; /* of this worker */
	cs_timer *named_timer = nullptr;
	std::set<std::pair<int64_t, cs_conn>> due; /* of the named sessions */
	std::set<std::pair<uint64_t, uint64_t>> seen; /* accounts and devices that were seen and are not noted yet */
	std::vector<message_reader> unchecked; /* perhaps these devices were forgotten */
	bool check_runs = false, check_again = false;
	uint64_t losses = 0; /* how often the bus may have lost parcels that end sessions */
	int64_t next_check = 0; /* not before */
};

/* Handlers; state is a login_plugin. */
int login_on_login(void *state, const cs_frame *frame);
int login_on_register(void *state, const cs_frame *frame);
int login_on_devices(void *state, const cs_frame *frame);
int login_on_end_device(void *state, const cs_frame *frame);

/* The cost of new passwords. */
password_cost login_cost(const login_plugin *plugin);
/* Logs a login, a logout or a registration. */
void login_log(const login_plugin *plugin, const char *what, uint64_t account, const cs_peer &peer);
/* Logs a refused login, within the limit: a client that guesses passwords cannot flood the log. */
void login_log_refused(const login_plugin *plugin, login_log_limit *limit, uint64_t account, const cs_peer &peer,
                       const char *reason);
/* The errno of LOGIN_ACK and REGISTER_ACK for a negative result of work or claim: BUSY, UNAVAILABLE or GOING_AWAY.
 * *text_r: its text. */
int login_errno_of(int result, const char **text_r);

#endif
