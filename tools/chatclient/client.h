/* SPDX-License-Identifier: MIT
 * The client between the server and the user: the session, the requests, the messages, and what is not acknowledged
 * yet. */
#ifndef CHATCLIENT_CLIENT_H
#define CHATCLIENT_CLIENT_H

#include <deque>
#include <string>
#include <vector>

#include "command.h"
#include "connection.h"
#include "inbox.h"
#include "options.h"
#include "outbox.h"
#include "roster.h"
#include "talks.h"
#include "view.h"
#include <base/raii.h>

enum session_state {
	SESSION_OUT,
	SESSION_WANTED, /* LOGIN is sent as soon as there is a connection and the pause is over */
	SESSION_ASKED,
	SESSION_IN,
};

struct session {
	session_state state = SESSION_OUT;
	uint64_t id = 0; /* 0: not known before the login, which is by name */
	std::string who; /* the name, or the number, of the login */
	std::string name;
	std::string password; /* to log in; empty once there is a token */
	std::string token; /* to log in again, in place of the password */
	std::string store; /* changes when the server lost what it had: then the seqs begin again */
	std::vector<std::string> have; /* what the server gives to sessions that want it */
	uint64_t req = 0;
	bool was_in = false; /* a login with this id and password worked before */
	unsigned delays = 0;
	int64_t not_before = 0;
};

/* A command that waits until the number of a name is known, or for the one before it. */
struct client_held {
	command cm;
	uint64_t number = 0; /* of the line */
	bool asked = false; /* the server was asked for its name */
	bool nobody = false; /* and has none of that name */
};

/* A list of which the user has seen a part. */
struct client_page {
	command_verb verb = COMMAND_BLANK; /* COMMAND_BLANK: there is none */
	place at;
	std::string after;
};

struct client_calls {
	void (*session_changed)(void *arg); /* logged in, logged out, or a login was refused */
	/* The answer to a registration. needs_invite: it was refused for want of a good invitation. */
	void (*registered)(void *arg, bool done, bool needs_invite);
	void (*ready)(void *arg); /* something has changed: perhaps the next command can run */
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
	roster ro;
	talks tk;
	std::deque<client_held> held;
	uint64_t finding = 0; /* req of the question for the name in the first of them; 0: none */
	uint64_t naming = 0; /* req of the question for the names in unnamed; 0: none */
	std::vector<frame> unnamed; /* entries that wait for names */
	client_page more;
	event_ptr fade; /* perhaps somebody writes no more */
	event_ptr read; /* it is time to send READ */
	std::string device; /* the name of this device; empty: the login has none */
	unique_fd device_file; /* holds the name */
	event_ptr ping;
	event_ptr wake; /* a pause is over: an entry or the login can be sent */
	event_ptr tell; /* it is time to send DELIVERED */
	event_ptr patience;
	uint64_t last_req = 0;
	bool draining = false; /* the server is going away: nothing new on this connection */
	bool was_away = false; /* what comes next came while the user was away */
	bool told_lost = false; /* the loss of the connection was shown; further failures are not */
	const char *ended_for = nullptr; /* why the server ends this connection without a login, as it said */
	std::string lost_reason = "no answer"; /* reason of the last loss or of the last failure to connect */
	bool shows_unsent = false; /* the screen shows what is not stored, so a message is printed when it is */
	int64_t rang = 0; /* steady clock, ms: the last bell */
	bool was_up = false; /* there was a connection at some time */
	bool connection_is_owed = false; /* the client waits for the first connection as for an acknowledgement */
	bool stream_failed = false; /* standard input or output failed, and the user was told */
	std::string password_of; /* while a session ends because its token is void: whose password is needed */
	bool finishing = false;
	bool finished = false; /* everything is acknowledged: show no more, the next login will bring it again */
	bool refused = false;
	bool unexpected = false;
	uint64_t received = 0; /* messages shown */
	uint64_t last_account = 0; /* the account that @ means */
	uint64_t last_group = 0;
};

/* Sets up the client and begins to connect. The caller sets the view before. -1: out of memory. */
[[nodiscard]] int client_open(client *cl, const options *opts, event_base *base, const client_calls *calls, void *arg);
/* Sends what can be sent now, sets timers, or finishes. Call it after every change. */
void client_turn(client *cl);
/* The user goes on: if the server had ended an idle connection, connects again. */
void client_wake(client *cl);
/* Runs a command for the server or about its answers; not HELP, QUIT and WAIT. If it has a name that this client does
 * not know, it asks the server first; commands after it wait. number: of the line. */
void client_command(client *cl, const command &cm, uint64_t number);
/* Whether plain text goes somewhere, or will when the name of a conversation is known. */
[[nodiscard]] bool client_is_in_talk(const client *cl);
/* Whether such a command would be run at once. */
[[nodiscard]] bool client_runs_at_once(const client *cl, const command &cm);
/* Whether the next command must wait for requests under way. */
[[nodiscard]] bool client_is_busy(const client *cl);
/* Ends the loop when everything is acknowledged, or when patience_seconds are over. For a script they begin again after
 * each progress. */
void client_finish(client *cl, int64_t patience_seconds);
/* Whether something is not acknowledged yet. */
[[nodiscard]] bool client_is_owed(const client *cl);
/* The exit status of the process. */
[[nodiscard]] status client_status(const client *cl);
void client_close(client *cl);

/* Whether a login by that command needs no password. */
[[nodiscard]] bool client_has_token(const client *cl, const command &cm);
/* The user is typing plain text: tells the others so, at most each few seconds. */
void client_tell_writing(client *cl);
/* The name of the conversation, or its number. */
[[nodiscard]] std::string client_name_of(const client *cl, const place &at);

/* Only for the client's own files: */
void client_on_frame(void *arg, std::string_view text);
void client_tell_delivered(client *cl);
void client_note_progress(client *cl);
void client_show_lists(client *cl);
void client_finish_logout(client *cl);
void client_refuse_all(client *cl, int64_t error, std::string_view text);
[[nodiscard]] uint64_t client_new_req(client *cl);
/* Runs the commands that need not wait any more. */
void client_run_held(client *cl);
void client_refuse_line(client *cl, uint64_t number, std::string_view problem);
/* Begins a request of the user who is logged in; entry gets its req. */
[[nodiscard]] request client_begin_request(client *cl, int msgid, outbox_entry *entry);
/* Puts a request into the outbox. number: of the line. */
void client_queue(client *cl, outbox_entry *entry, request *rq, uint64_t number);

/* client_login.cpp */
void client_ask_login(client *cl, const command &cm);
void client_send_login(client *cl);
/* The answer to LOGIN. */
void client_take_login(client *cl, const frame &fr);
void client_forget_token(client *cl);
void client_lose_device(client *cl);
void client_ask_password(client *cl, const command &cm, uint64_t number);
/* The password is changed. */
void client_take_password(client *cl, const outbox_entry &entry, const frame &fr);

/* client_talk.cpp */
void client_show_own(client *cl, const outbox_entry &entry);
void client_say(client *cl, const command &cm, uint64_t number);
void client_enter(client *cl, const place &at, uint64_t number);
/* edit and recall */
void client_change(client *cl, const command &cm, uint64_t number);
/* The messages of the conversation were shown: they are read. */
void client_note_read(client *cl, const place &at);
void client_send_read(client *cl);
void client_take_signal(client *cl, const frame &fr);

/* client_queries.cpp */
/* The most items that one answer may have. */
constexpr uint64_t client_most_items = 200;
/* verb COMMAND_FIND: only to learn the names in it. Returns its req. */
uint64_t client_ask_inbox(client *cl, std::string_view after, command_verb verb, bool quiet);
/* before: a seq, 0: the newest. */
void client_ask_history(client *cl, const place &at, uint64_t count, uint64_t before, bool quiet);
void client_ask_older(client *cl, uint64_t number);
/* quiet: only to learn the names. Returns its req. */
uint64_t client_ask_members(client *cl, int64_t group, std::string_view after, bool quiet);
/* The next page of the list that was shown last. */
void client_ask_more(client *cl, uint64_t number);
/* Whether the client itself asks for the next page: in scripts, not on a terminal. */
[[nodiscard]] bool client_goes_on(client *cl, command_verb verb, const place &at, const frame &fr);
void client_ask_name(client *cl, const std::string &name);
[[nodiscard]] bool client_is_query(int msgid);
/* The answer to a query, which is done or refused. */
void client_take_query(client *cl, const outbox_entry &entry, const frame &fr);

/* client_names.cpp */
/* true: the entry waits, and is taken later. */
[[nodiscard]] bool client_waits_for_names(client *cl, const frame &fr);
/* Names in the answer to a query; frees the entries that waited for it. */
void client_take_names(client *cl, const outbox_entry &entry, const frame &fr);

/* client_groups.cpp */
constexpr const char *client_no_such_group =
	"no group of that name was heard of: a member can tell its number, or /invite you";
[[nodiscard]] bool client_is_of_group(command_verb verb);
void client_ask_in_group(client *cl, const command &cm, uint64_t number);
/* Whether others see a line of it. */
[[nodiscard]] bool client_is_group_change(command_verb verb);
void client_show_group_change(client *cl, const outbox_entry &entry, int64_t seq);
/* The last group that invited the user, or 0. */
[[nodiscard]] uint64_t client_last_invitation(const client *cl);
void client_note_invitation(client *cl, int64_t group, bool invited);

/* client_people.cpp */
void client_ask_contacts(client *cl, std::string_view after, bool quiet);
void client_take_contacts(client *cl, const outbox_entry &entry, const frame &fr);
void client_ask_devices(client *cl);
void client_take_devices(client *cl, const frame &fr);
void client_end_device(client *cl, const command &cm, uint64_t number);

/* client_events.cpp */
/* The conversation of an entry of the log. */
[[nodiscard]] place client_place_of(const client *cl, const frame &fr);
[[nodiscard]] bool client_is_event(int64_t msgid);
/* Shows an entry that is no message. fresh: it has just come, so it changes what the client knows. */
void client_take_event(client *cl, const frame &fr, bool fresh);
/* An own change of a message is done. */
void client_show_changed(client *cl, const outbox_entry &entry);
void client_take_person(client *cl, const frame &fr);
void client_take_read(client *cl, const frame &fr);
/* client_frames.cpp */
/* BUSY, UNAVAILABLE. */
[[nodiscard]] bool client_is_for_later(int64_t error);
void client_begin_session(client *cl, const frame &fr);
void client_end_session(client *cl);
void client_take_entry(client *cl, const frame &fr);
void client_show_message(client *cl, const frame &fr, bool numbered);

#endif
