/* SPDX-License-Identifier: MIT
 * Handles each frame of the server. */
#include "client.h"

#include <algorithm>
#include <utility>

#include <chatserverd/msgid.h>

#include "random.h"
#include "refusal.h"
#include "text.h"

bool client_is_for_later(int64_t error)
{
	return error == CS_ERRNO_BUSY || error == CS_ERRNO_UNAVAILABLE;
}

/* numbered: a line of the history, which shows its seq, too. */
void client_show_message(client *cl, const frame &fr, bool numbered)
{
	const int64_t me = static_cast<int64_t>(cl->se.id);
	const place at = client_place_of(cl, fr);
	const bool own = fr.id == me && fr.to != me;
	view_message_parts parts = {.is_group = at.is_group,
	                            .is_numbered = numbered,
	                            .is_edited = fr.edited > 0,
	                            .is_recalled = fr.recalled > 0,
	                            .group = fr.group,
	                            .group_name = roster_name(&cl->ro, true, fr.group),
	                            .id = fr.id,
	                            .name = fr.name,
	                            .seq = fr.seq,
	                            .time = fr.ts > 0         ? text_from_time(fr.ts)
	                                    : fr.time.empty() ? "-"
	                                                      : fr.time,
	                            .text = fr.message};

	roster_learn(&cl->ro, false, fr.id, fr.name);
	if (parts.name.empty())
		parts.name = roster_name(&cl->ro, false, fr.id);
	talks_note(&cl->tk, at, fr.seq, fr.message, own);
	if (own && !cl->vw.plain) {
		parts.id = at.id;
		parts.name = roster_name(&cl->ro, false, at.id);
		view_own_message(&cl->vw, parts, cl->se.name);
	} else {
		view_message(&cl->vw, parts);
	}
}

/* For what is not in the conversation that the user looks at; not for each of many. */
static void client_ring(client *cl, const place &at)
{
	static const int64_t pause = 2000;
	const int64_t now = text_steady_clock();

	if (at == cl->tk.with || now - cl->rang < pause)
		return;
	cl->rang = now;
	view_bell(&cl->vw);
}

static void client_take_message(client *cl, const frame &fr)
{
	const int64_t me = static_cast<int64_t>(cl->se.id);
	const place at = client_place_of(cl, fr);
	const bool own = fr.id == me && fr.to != me;

	if (!inbox_accept(&cl->ib, at.is_group, at.id, fr.seq))
		return;
	if (own && outbox_has_cid(&cl->ob, fr.cid))
		return; /* its answer will show it */
	cl->received += own ? 0 : 1;
	client_show_message(cl, fr, false);
	if (!own) {
		cl->tk.spoke = at;
		talks_note_writer(&cl->tk, at, fr.id, 0);
		talks_find(&cl->tk, at)->unread++;
		client_ring(cl, at);
	}
	if (at == cl->tk.with)
		client_note_read(cl, at);
}

/* An entry of a conversation. What has no seq is no entry: it is shown whenever it comes. */
void client_take_entry(client *cl, const frame &fr)
{
	const place at = client_place_of(cl, fr);

	if (client_waits_for_names(cl, fr))
		return;
	if (std::exchange(cl->was_away, false))
		view_heading(&cl->vw, "While you were away:");
	if (!client_is_event(fr.msgid))
		client_take_message(cl, fr);
	else if (inbox_accept(&cl->ib, at.is_group, at.id, fr.seq))
		client_take_event(cl, fr, true);
}

void client_show_lists(client *cl)
{
	if (!cl->ro.friends.empty())
		view_heading(&cl->vw, "Friends:");
	for (const person &who : cl->ro.friends)
		view_friend(&cl->vw, who);
	if (!cl->ro.groups.empty())
		view_heading(&cl->vw, "Groups:");
	for (const group_info &group : cl->ro.groups)
		view_group(&cl->vw, group);
}

/* Somebody to whom the user writes by a number: the list of conversations has the name now. */
static void client_ask_new_name(client *cl, const place &at)
{
	talk *const one = talks_find(&cl->tk, at);

	if (cl->vw.plain || cl->se.have.empty() || one->name_asked || !roster_name(&cl->ro, at.is_group, at.id).empty())
		return;
	one->name_asked = true;
	(void)client_ask_inbox(cl, {}, COMMAND_FIND, true);
}

/* What the client knows after a request was done. */
static void client_note_done(client *cl, const outbox_entry &entry, int64_t id, int64_t seq)
{
	const place at = {.is_group = entry.is_group, .id = id};

	switch (entry.verb) {
	case COMMAND_CHAT:
	case COMMAND_GROUP_CHAT:
		talks_note(&cl->tk, at, seq, entry.text, true);
		if (cl->shows_unsent)
			client_show_own(cl, entry);
		client_ask_new_name(cl, at);
		break;
	case COMMAND_ADD_FRIEND: roster_add_friend(&cl->ro, id); break;
	case COMMAND_CREATE_GROUP:
	case COMMAND_JOIN_GROUP:
	case COMMAND_ACCEPT:
		client_note_invitation(cl, id, false);
		cl->last_group = static_cast<uint64_t>(id);
		roster_add_group(&cl->ro, id, entry.label);
		if (!cl->se.have.empty() && roster_name(&cl->ro, true, id).empty())
			(void)client_ask_inbox(cl, {}, COMMAND_FIND, true);
		break;
	case COMMAND_DECLINE:
	case COMMAND_LEAVE:
		client_note_invitation(cl, id, false);
		roster_remove_group(&cl->ro, id);
		if (cl->tk.with == at)
			cl->tk.with = {};
		break;
	default: break;
	}
	if (seq > 0 && protocol_has_word(cl->se.have, "echo"))
		inbox_note_own(&cl->ib, entry.is_group, id, seq);
}

void client_end_session(client *cl)
{
	cl->se = session();
	cl->ib = inbox();
	cl->tk = talks();
	cl->held.clear();
	cl->finding = 0;
	cl->naming = 0;
	cl->unnamed.clear();
	cl->more = {};
	cl->ro.devices.clear();
	roster_forget_lists(&cl->ro);
	cl->calls->session_changed(cl->arg);
}

static void client_refuse(client *cl, outbox_entry *waiting, int64_t error, std::string_view text, int64_t until = -1)
{
	const outbox_entry entry = std::move(*waiting);
	const bool of_member = entry.whom > 0 && !cl->vw.plain;
	const int64_t id = static_cast<int64_t>(of_member ? entry.whom : entry.target);
	std::string shown(text);

	if (entry.sent_times > 1 && (entry.msgid == CS_MSGID_REGISTER || entry.msgid == CS_MSGID_CREATE_GROUP))
		shown += " (perhaps by the first attempt, whose answer was lost)";
	outbox_remove(&cl->ob, entry.req);
	client_note_progress(cl);
	if (client_is_query(entry.msgid))
		client_take_query(cl, entry, {.error = error});
	if (entry.quiet)
		return;
	cl->refused = true;
	view_refused(&cl->vw, entry.verb, id, roster_name(&cl->ro, entry.is_group && !of_member, id), error,
	             cl->vw.plain ? shown : refusal_explain(entry.verb, error, shown, until));
	if (!entry.text.empty())
		view_notice(&cl->vw, "Not sent: " + entry.text);
	if (entry.verb == COMMAND_REGISTER)
		cl->calls->registered(cl->arg, false,
		                      error == CS_ERRNO_REFUSED && text.find("invitation") != text.npos);
}

/* What is behind a LOGOUT, as a question for a name, can never be sent. */
static void client_refuse_rest(client *cl)
{
	const auto is_rest = [cl](const outbox_entry &entry) {
		return entry.account == cl->se.id;
	};

	cl->unnamed.clear();
	for (;;) {
		const auto found = std::find_if(cl->ob.entries.begin(), cl->ob.entries.end(), is_rest);
		if (found == cl->ob.entries.end())
			return;
		client_refuse(cl, &*found, CS_ERRNO_NOT_LOGGED_IN, "logged out");
	}
}

/* The entry is acknowledged. */
static void client_complete(client *cl, outbox_entry *waiting, const frame &fr)
{
	const outbox_entry entry = std::move(*waiting);
	const int64_t id = entry.msgid == CS_MSGID_CREATE_GROUP ? fr.group : static_cast<int64_t>(entry.target);

	outbox_remove(&cl->ob, entry.req);
	client_note_progress(cl);
	client_note_done(cl, entry, id, fr.seq);
	if (client_is_query(entry.msgid))
		client_take_query(cl, entry, fr);
	if (entry.verb == COMMAND_EDIT || entry.verb == COMMAND_RECALL)
		client_show_changed(cl, entry);
	else if (client_is_group_change(entry.verb) && !cl->vw.plain)
		client_show_group_change(cl, entry, fr.seq);
	else if (!entry.quiet && (entry.msgid != CS_MSGID_INBOX || !fr.more))
		view_done(&cl->vw, entry.verb, id, fr.seq,
		          entry.verb == COMMAND_END_DEVICE ? entry.label : roster_name(&cl->ro, entry.is_group, id));
	if (entry.msgid == CS_MSGID_SET_PASSWORD)
		client_take_password(cl, entry, fr);
	if (entry.msgid == CS_MSGID_LOGOUT) {
		client_forget_token(cl);
		client_refuse_rest(cl);
		client_end_session(cl);
	}
}

void client_refuse_all(client *cl, int64_t error, std::string_view text)
{
	while (!cl->ob.entries.empty())
		client_refuse(cl, &cl->ob.entries.front(), error, text);
}

/* The end of the connection is a logout too. */
void client_finish_logout(client *cl)
{
	if (!cl->ob.entries.empty() && cl->ob.entries.front().msgid == CS_MSGID_LOGOUT)
		client_complete(cl, &cl->ob.entries.front(), {});
}

/* If the connection was lost after CREATE_GROUP and before its answer, the list of groups shows whether the group was
 * made. */
static void client_finish_created(client *cl)
{
	if (cl->ob.entries.empty() || cl->ob.entries.front().msgid != CS_MSGID_CREATE_GROUP)
		return;
	outbox_entry *const entry = &cl->ob.entries.front();
	for (const group_info &group : cl->ro.groups)
		for (const person &who : group.members)
			if (entry->sent_times > 0 && group.name == entry->label && who.role == "creator" &&
			    who.id == static_cast<int64_t>(cl->se.id)) {
				client_complete(cl, entry, {.group = group.id});
				return;
			}
}

/* What comes meanwhile waits for the names in them. */
static void client_ask_lists(client *cl)
{
	cl->naming = client_ask_inbox(cl, {}, COMMAND_INBOX, true);
	client_ask_contacts(cl, {}, true);
}

void client_begin_session(client *cl, const frame &fr)
{
	session *const se = &cl->se;
	const bool again = se->was_in;

	se->state = SESSION_IN;
	se->id = fr.id > 0 ? static_cast<uint64_t>(fr.id) : se->id;
	se->name = fr.name;
	se->have = fr.have;
	if (again && se->store != fr.store) {
		cl->ib = inbox();
		cl->tk.all.clear();
	}
	se->store = fr.store;
	se->was_in = true;
	se->delays = 0;
	roster_learn(&cl->ro, false, fr.id, fr.name);
	connection_is_good(&cl->cn);
	client_note_progress(cl);
	roster_read(&cl->ro, fr);
	view_logged_in(&cl->vw, fr.id, fr.name, again);
	if (!again) {
		cl->ib = inbox();
		if (cl->vw.plain || se->have.empty())
			client_show_lists(cl);
		else
			client_ask_lists(cl);
		cl->calls->session_changed(cl->arg);
		cl->was_away = !fr.offline.empty();
	}
	for (const std::string &text : fr.offline) {
		frame message;
		if (frame_read(text, &message))
			client_take_entry(cl, message);
	}
	client_finish_created(cl);
}

static void client_take_registered(client *cl, const frame &fr)
{
	outbox_entry *const entry = outbox_find(&cl->ob, fr.req);

	if (!entry || entry->msgid != CS_MSGID_REGISTER)
		return;
	if (client_is_for_later(fr.error)) {
		outbox_delay(entry, text_steady_clock());
		return;
	}
	if (fr.error != CS_ERRNO_OK) {
		client_refuse(cl, entry, fr.error, fr.error_text);
		return;
	}
	cl->last_account = static_cast<uint64_t>(fr.id);
	roster_learn(&cl->ro, false, fr.id, entry->label);
	outbox_remove(&cl->ob, entry->req);
	client_note_progress(cl);
	connection_is_good(&cl->cn);
	view_registered(&cl->vw, fr.id);
	cl->calls->registered(cl->arg, true, false);
}

/* An error that belongs to no request. */
static void client_take_complaint(client *cl, const frame &fr)
{
	if (fr.error == CS_ERRNO_GOING_AWAY && fr.reason == "replaced" && cl->se.state == SESSION_IN) {
		client_lose_device(cl);
		return;
	}
	if (fr.error == CS_ERRNO_GOING_AWAY) {
		cl->draining = true;
		connection_delay(&cl->cn, fr.delay);
		return;
	}
	if (fr.of == 0 && (fr.error == CS_ERRNO_NOT_LOGGED_IN || fr.error == CS_ERRNO_BUSY)) {
		cl->ended_for = fr.error == CS_ERRNO_BUSY ? "the server has no room" : "nobody logged in for a while";
		return;
	}
	view_notice(&cl->vw, "The server says: " + fr.error_text);
	if (fr.error != CS_ERRNO_BAD_FRAME && fr.error != CS_ERRNO_TOO_LONG)
		return;
	/* The server cannot read one of the requests on their way. The client must not send it again for ever, so it
	 * has to find out which one. */
	outbox_entry *const entry = outbox_only_sent(&cl->ob);
	if (entry) {
		client_refuse(cl, entry, fr.error, fr.error_text);
	} else if (outbox_count_sent(&cl->ob) > 1) {
		cl->ob.one_at_a_time = true;
		connection_lose(&cl->cn, "a request was refused");
	}
}

static void client_take_answer(client *cl, const frame &fr)
{
	outbox_entry *const entry = outbox_find(&cl->ob, fr.req);

	if (fr.of == CS_MSGID_DELIVERED && fr.req >= 0) {
		inbox_take_answer(&cl->ib, fr.req, !client_is_for_later(fr.error));
		client_note_progress(cl);
	} else if (fr.of == CS_MSGID_LOGIN && fr.error > 0) {
		client_take_login(cl, fr);
	} else if (!entry) {
		if (fr.req < 0)
			client_take_complaint(cl, fr);
	} else if (client_is_for_later(fr.error)) {
		outbox_delay(entry, text_steady_clock());
	} else if (fr.error == CS_ERRNO_GOING_AWAY) {
		entry->on_its_way = false;
		cl->draining = true;
	} else if (fr.error == CS_ERRNO_OK ||
	           (fr.error == CS_ERRNO_EXISTS && entry->sent_times > 1 &&
	            (entry->msgid == CS_MSGID_JOIN_GROUP || (entry->msgid == CS_MSGID_CREATE_GROUP && fr.group > 0)))) {
		client_complete(cl, entry, fr);
	} else {
		client_refuse(cl, entry, fr.error, fr.error_text, fr.until);
	}
}

/* The answer to a frame of the user is shown as it came. */
static bool client_take_raw(client *cl, const frame &fr, std::string_view text)
{
	const bool is_answer =
		fr.msgid == CS_MSGID_ACK || fr.msgid == CS_MSGID_LOGIN_ACK || fr.msgid == CS_MSGID_REGISTER_ACK;
	const outbox_entry *const entry = is_answer ? outbox_find(&cl->ob, fr.req) : nullptr;

	/* What others sent has the req that they chose. */
	if (!entry || entry->verb != COMMAND_RAW)
		return false;
	outbox_remove(&cl->ob, entry->req);
	client_note_progress(cl);
	view_raw(&cl->vw, text);
	return true;
}

/* What the operator of the server says, line by line. */
static void client_take_notice(const client *cl, const frame &fr)
{
	std::string_view rest = fr.text;

	while (!rest.empty()) {
		const size_t end = std::min(rest.find('\n'), rest.size());

		view_notice(&cl->vw, "Notice of the server: " + std::string(rest.substr(0, end)));
		rest.remove_prefix(std::min(end + 1, rest.size()));
	}
	view_bell(&cl->vw);
}

static void client_take_frame(client *cl, const frame &fr)
{
	switch (fr.msgid) {
	case CS_MSGID_LOGIN_ACK: client_take_login(cl, fr); break;
	case CS_MSGID_REGISTER_ACK: client_take_registered(cl, fr); break;
	case CS_MSGID_ACK: client_take_answer(cl, fr); break;
	case CS_MSGID_ADDED:
	case CS_MSGID_PRESENCE: client_take_person(cl, fr); break;
	case CS_MSGID_READ: client_take_read(cl, fr); break;
	case CS_MSGID_SIGNAL: client_take_signal(cl, fr); break;
	case CS_MSGID_NOTICE: client_take_notice(cl, fr); break;
	case CS_MSGID_CHAT:
	case CS_MSGID_GROUP_CHAT: client_take_entry(cl, fr); break;
	default:
		if (client_is_event(fr.msgid))
			client_take_entry(cl, fr);
	}
}

void client_on_frame(void *arg, std::string_view text)
{
	client *const cl = static_cast<client *>(arg);
	frame fr;

	if (cl->finished)
		return;
	if (!frame_read(text, &fr)) {
		connection_lose(&cl->cn, "the answer is no chat protocol");
		return;
	}
	if (!client_take_raw(cl, fr, text))
		client_take_frame(cl, fr);
	client_turn(cl);
}
