/* SPDX-License-Identifier: MIT
 * Owns the client between the wire and the person: who is logged in, what is asked, what came, and what is
 * still to be acknowledged. It must not know whether a terminal or a script is on the other side. */
#ifndef CHATCLIENT_CLIENT_H
#define CHATCLIENT_CLIENT_H

#include <string>
#include <unordered_map>
#include <vector>

#include "command.h"
#include "connection.h"
#include "inbox.h"
#include "options.h"
#include "outbox.h"
#include "view.h"

enum session_state {
	SESSION_OUT,
	SESSION_WANTED, /* LOGIN is to be sent when the connection and the pause allow */
	SESSION_ASKED,
	SESSION_IN,
};

struct session {
	session_state state = SESSION_OUT;
	uint64_t id = 0;
	std::string name;
	std::string password; /* kept for logging in again */
	uint64_t req = 0;
	bool was_in = false; /* these credentials were good before */
	unsigned delays = 0;
	int64_t not_before = 0;
};

struct client_calls {
	void (*session_changed)(void *arg); /* logged in, logged out, or a login was refused */
	void (*ready)(void *arg); /* something was done: a next command may be possible */
};

struct client {
	const options *opts = nullptr;
	event_base *base = nullptr;
	const client_calls *calls = nullptr;
	void *arg = nullptr;
	view vw;
	connection cn;
	outbox ob;
	inbox ib;
	session se;
	event_ptr ping;
	event_ptr wake; /* an entry or the login may go now */
	event_ptr tell; /* DELIVERED is due */
	event_ptr patience;
	uint64_t last_req = 0;
	bool draining = false; /* the server is going away: nothing new on this connection */
	bool told_lost = false; /* the loss of the connection was shown; not each failed attempt */
	const char *ended_for = nullptr; /* why the server said that it ends this connection without a login */
	std::string lost_reason = "no answer"; /* of the last loss or failed attempt */
	bool was_up = false; /* there was a connection */
	bool connection_is_owed = false; /* the first one is waited for, like an acknowledgement */
	bool stream_failed = false; /* standard input or output did, which was told */
	bool finishing = false;
	bool finished = false; /* all is acknowledged: what comes now is for the next login */
	bool refused = false;
	bool unexpected = false;
	uint64_t received = 0; /* messages shown */
	uint64_t last_account = 0; /* what @ stands for */
	uint64_t last_group = 0;
	std::vector<person> friends;
	std::vector<group_info> groups;
	std::unordered_map<int64_t, std::string> names;
};

/* Sets the client up and begins to connect. The view is the caller's choice, set before. -1: out of memory. */
[[nodiscard]] int client_open(client *cl, const options *opts, event_base *base, const client_calls *calls,
                              void *arg);
/* Does what can be done now: sends, times, finishes. To be called after anything changed. */
void client_turn(client *cl);
/* The person or the script goes on: connects again where the server had ended an idle connection. */
void client_wake(client *cl);
/* Where a command has a name for an ID: the ID, if this client has heard of the name; else it is spoilt. */
void client_find_name(const client *cl, command *cm);
/* Runs a command that is about the server or what it said; not HELP, QUIT and WAIT. number: of the line. */
void client_command(client *cl, const command &cm, uint64_t number);
/* Whether a next command has to wait for what is under way. */
[[nodiscard]] bool client_is_busy(const client *cl);
/* Ends the loop once all is acknowledged, or patience is at its end. */
void client_finish(client *cl, int64_t patience_seconds);
/* Whether something is not acknowledged. */
[[nodiscard]] bool client_is_owed(const client *cl);
/* What the process is to exit with. */
[[nodiscard]] status client_status(const client *cl);
void client_close(client *cl);

/* The name of an account or a group as far as it is known, else empty. */
[[nodiscard]] std::string client_name_of(const client *cl, int64_t id);
[[nodiscard]] std::string client_group_name_of(const client *cl, int64_t id);

/* Between the client's own files. */
void client_on_frame(void *arg, std::string_view text);
void client_tell_delivered(client *cl);
void client_note_progress(client *cl);
void client_show_lists(client *cl);
void client_settle_logout(client *cl);
void client_refuse_all(client *cl, int64_t error, std::string_view text);
[[nodiscard]] command_verb client_verb_of(int msgid);
[[nodiscard]] uint64_t client_new_req(client *cl);

#endif
