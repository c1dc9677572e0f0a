/* SPDX-License-Identifier: MIT
 * The login by password or by token, what follows when it is refused, and the change of the password. */
#include "client.h"

#include <cstring>
#include <utility>

#include <chatserverd/msgid.h>

#include "random.h"
#include "refusal.h"
#include "text.h"
#include "tokens.h"

static const int64_t client_first_delay = 500;
static const int64_t client_longest_delay = 10000;

static std::string client_who(const command &cm)
{
	return cm.id > 0 ? std::to_string(cm.id) : cm.who;
}

bool client_has_token(const client *cl, const command &cm)
{
	return !cl->device.empty() && !client_who(cm).empty() &&
	       !tokens_find(address_key(cl->cn.to), cl->device, cm.id, cm.who).empty();
}

/* By the number where the client knows it, from a registration: older servers know no login by name. */
void client_ask_login(client *cl, const command &cm)
{
	cl->se = session();
	cl->se.state = SESSION_WANTED;
	cl->se.id = cm.id > 0 ? cm.id : static_cast<uint64_t>(roster_id(&cl->ro, false, cm.who));
	cl->se.who = client_who(cm);
	cl->se.password = cm.text;
	if (cm.text.empty() && !cl->device.empty())
		cl->se.token = tokens_find(address_key(cl->cn.to), cl->device, cm.id, cm.who);
}

void client_send_login(client *cl)
{
	request rq = request_begin(CS_MSGID_LOGIN, cl->se.req = client_new_req(cl));

	if (cl->se.id > 0)
		request_add_integer(&rq, "id", cl->se.id);
	else
		request_add_text(&rq, "name", cl->se.who);
	if (!cl->se.token.empty()) {
		request_add_text(&rq, "token", cl->se.token);
	} else {
		request_add_text(&rq, "password", cl->se.password);
		request_add_truth(&rq, "remember", true);
	}
	request_add_truth(&rq, "ack", true);
	if (!cl->device.empty())
		request_add_text(&rq, "device", cl->device);
	if (!cl->vw.plain)
		request_add_truth(&rq, "rosters", false);
	if (!cl->vw.plain)
		request_add_texts(&rq, "want", {"event", "echo", "read", "presence", "signal", "notice"});
	cl->se.state = SESSION_ASKED;
	connection_send(&cl->cn, request_end(&rq));
}

static void client_wipe(std::string *secret)
{
	explicit_bzero(secret->data(), secret->size());
	secret->clear();
}

/* With the token the password is not needed any more. A server that gives none gets the password again. */
static void client_keep_token(client *cl, const std::string &token)
{
	session *const se = &cl->se;

	if (token.empty())
		return;
	client_wipe(&se->password);
	se->token = token;
	if (!cl->device.empty())
		tokens_keep({.server = address_key(cl->cn.to),
		             .device = cl->device,
		             .name = se->name,
		             .id = static_cast<int64_t>(se->id),
		             .token = token});
}

void client_forget_token(client *cl)
{
	if (!cl->se.token.empty() && !cl->device.empty())
		tokens_drop(cl->se.token);
	cl->se.token.clear();
}

/* The answer to the change was perhaps lost together with the connection. Then the new password holds already. */
static bool client_tries_new_password(client *cl)
{
	for (outbox_entry &entry : cl->ob.entries)
		if (entry.msgid == CS_MSGID_SET_PASSWORD && entry.sent_times > 0 && entry.account == cl->se.id &&
		    !entry.is_tried) {
			entry.is_tried = true;
			cl->se.password = entry.secret;
			cl->se.state = SESSION_WANTED;
			return true;
		}
	return false;
}

/* Only the person may log in now. The server says why. */
static void client_lose_token(client *cl, const frame &fr)
{
	client_forget_token(cl);
	if (client_tries_new_password(cl))
		return;
	cl->refused = true;
	cl->password_of = cl->se.id > 0 ? std::to_string(cl->se.id) : cl->se.who;
	if (cl->vw.plain)
		view_refused(&cl->vw, COMMAND_LOGIN, static_cast<int64_t>(cl->se.id), cl->se.who, CS_ERRNO_REFUSED,
		             "the login has ended: " + fr.error_text);
	else
		view_notice(&cl->vw, "The kept login of " + (cl->se.name.empty() ? cl->se.who : cl->se.name) +
		                             " does not hold any more: " +
		                             refusal_explain(COMMAND_LOGIN, fr.error, fr.error_text, -1) +
		                             ". The password is needed again.");
	client_refuse_all(cl, CS_ERRNO_NOT_LOGGED_IN, "not logged in any more");
	client_note_progress(cl);
	client_end_session(cl);
	cl->password_of.clear();
}

static void client_delay_login(client *cl, int64_t error)
{
	session *const se = &cl->se;

	se->state = SESSION_WANTED;
	se->not_before = text_steady_clock() + random_pause(client_first_delay, se->delays++, client_longest_delay);
	cl->draining = cl->draining || error == CS_ERRNO_GOING_AWAY;
}

void client_take_login(client *cl, const frame &fr)
{
	session *const se = &cl->se;

	if (se->state != SESSION_ASKED || (fr.req >= 0 && static_cast<uint64_t>(fr.req) != se->req))
		return;
	if (fr.error == CS_ERRNO_OK) {
		client_begin_session(cl, fr);
		client_keep_token(cl, fr.token);
		return;
	}
	/* ALREADY_ONLINE: after a loss the server may not know yet that the old connection is gone. */
	if (client_is_for_later(fr.error) || fr.error == CS_ERRNO_GOING_AWAY ||
	    (fr.error == CS_ERRNO_ALREADY_ONLINE && se->was_in)) {
		client_delay_login(cl, fr.error);
		return;
	}
	if (fr.error == CS_ERRNO_REFUSED && !se->token.empty()) {
		client_lose_token(cl, fr);
		return;
	}
	cl->refused = true;
	view_refused(&cl->vw, COMMAND_LOGIN, static_cast<int64_t>(se->id), se->who, fr.error,
	             cl->vw.plain ? fr.error_text : refusal_explain(COMMAND_LOGIN, fr.error, fr.error_text, -1));
	client_refuse_all(cl, CS_ERRNO_NOT_LOGGED_IN, "the login was refused");
	client_note_progress(cl);
	client_end_session(cl);
}

/* Another process has this device: to log in again would only take it back, and so on for ever. */
void client_lose_device(client *cl)
{
	view_notice(&cl->vw, "This device has logged in on another connection. To log in here ends that one.");
	client_refuse_all(cl, CS_ERRNO_NOT_LOGGED_IN, "this device has logged in on another connection");
	client_end_session(cl);
	cl->draining = true;
}

void client_ask_password(client *cl, const command &cm, uint64_t number)
{
	outbox_entry entry = {.verb = cm.verb, .secret = cm.text};

	if (cm.text.empty()) {
		client_refuse_line(cl, number, "the new password is missing");
		return;
	}
	request rq = client_begin_request(cl, CS_MSGID_SET_PASSWORD, &entry);
	request_add_text(&rq, "old", cm.name);
	request_add_text(&rq, "new", cm.text);
	client_queue(cl, &entry, &rq, number);
}

/* It has ended all tokens. Without a new one, the next login needs the new password. */
void client_take_password(client *cl, const outbox_entry &entry, const frame &fr)
{
	if (!fr.token.empty()) {
		client_keep_token(cl, fr.token);
		return;
	}
	client_forget_token(cl);
	cl->se.password = entry.secret;
}
