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

#include "../model/devices.h"
#include "../model/tokens.h"
#include "../shared/field.h"
#include "password.h"

/* Who may make an account. In the order of the option's choices. */
enum login_registration { LOGIN_REGISTRATION_OPEN = 0, LOGIN_REGISTRATION_INVITE, LOGIN_REGISTRATION_CLOSED };

struct login_conf {
	int64_t password_ops;
	int64_t password_memory;
	int duplicate_login; /* 0 refuse, 1 kick */
	int registration; /* enum login_registration */
	int64_t failed_logins; /* failed logins of an address per minute; 0: no limit */
	int64_t max_devices; /* named ones of an account */
	int64_t new_devices; /* named ones of an account per minute; 0: no limit */
	int64_t forget_devices; /* ms without being seen */
	int64_t token_life; /* ms */
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

/* A session of this worker. */
struct login_session {
	uint64_t account = 0;
	int64_t due = 0; /* then its named device is noted as seen; 0: that of device 0, or not opened yet */
	uint64_t series = 0; /* see device_session */
	uint32_t device = 0;
	bool has_token = false; /* its client keeps a token */
	int64_t seems_over = 0; /* since when, monotonic, ms; 0: it does not. If the store says so again, it ends */
};

/* An account whose password was changed here just now, or which was locked. */
struct login_former {
	user_series series; /* sessions of earlier ones end */
	bool was_locked = false; /* all are compared with the store */
	int64_t until = 0; /* monotonic, ms; then it is forgotten */
};

/* An instance. */
struct login_plugin {
	plugin_context context;
	const login_conf *conf = nullptr; /* owned by the server */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	password_hash dummy; /* fits no password; of the current cost */
	/* Of the log lines about refused logins. */
	login_log_limit wrong_limit, early_limit, online_limit, devices_limit, locked_limit;
	std::string store; /* the text of the store; empty: it was not read yet */
	std::vector<token_key_row> keys; /* see secrets.h */
	std::unordered_map<cs_conn, login_session> sessions; /* from the claim on */
	cs_timer *named_timer = nullptr;
	std::set<std::pair<int64_t, cs_conn>> due; /* of the named sessions */
	std::set<std::pair<uint64_t, uint64_t>> seen; /* accounts and devices that were seen and are not noted yet */
	std::unordered_map<uint64_t, login_former> formers; /* by account */
	std::vector<cs_conn> unchecked; /* perhaps these sessions should have ended */
	std::vector<cs_conn> doubtful; /* those that seem to be over; they are compared again */
	bool check_runs = false, check_again = false;
	int64_t next_check = 0; /* not before */
	int64_t next_sweep = 0; /* then all are checked, although no loss was seen */
	size_t pages = 0; /* that the mailbox reads for logins */
	bool leaves = false; /* another instance has taken over the sessions; this one only ends what it has begun */
};

/* Handlers; state is a login_plugin. */
int login_on_login(void *state, const cs_frame *frame);
int login_on_register(void *state, const cs_frame *frame);
int login_on_devices(void *state, const cs_frame *frame);
int login_on_end_device(void *state, const cs_frame *frame);
int login_on_set_password(void *state, const cs_frame *frame);
int login_on_invite_create(void *state, const cs_frame *frame);
int login_on_invite_list(void *state, const cs_frame *frame);
int login_on_invite_revoke(void *state, const cs_frame *frame);
/* Of operators. */
int login_on_account_add(void *state, const cs_frame *frame);
int login_on_account_password(void *state, const cs_frame *frame);
int login_on_account_lock(void *state, const cs_frame *frame);
int login_on_account_unlock(void *state, const cs_frame *frame);

/* The cost of new passwords. */
password_cost login_cost(const login_plugin *plugin);
/* Logs a login, a logout or a registration. */
void login_log(const login_plugin *plugin, const char *what, uint64_t account, const cs_peer &peer);
/* Logs a refused login, within the limit: a client that guesses passwords cannot flood the log. */
void login_log_refused(const login_plugin *plugin, login_log_limit *limit, uint64_t account, const cs_peer &peer,
                       const char *reason);
/* Logs that a password could not be compared or hashed: there was no memory for it, or the hash is not ours. */
void login_log_undecided(const login_plugin *plugin, uint64_t account);

#endif
