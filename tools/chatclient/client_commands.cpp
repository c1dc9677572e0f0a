/* SPDX-License-Identifier: MIT
 * Turns commands into requests in the outbox, when the numbers of the names in them are known. */
#include "client.h"

#include <algorithm>

#include <chatserverd/msgid.h>

#include "random.h"
#include "text.h"

/* The default limit of the server. After a longer frame it closes the connection. */
static const size_t client_frame_limit = 65536;

void client_refuse_line(client *cl, uint64_t number, std::string_view problem)
{
	cl->refused = true;
	view_invalid(&cl->vw, number, problem);
}

request client_begin_request(client *cl, int msgid, outbox_entry *entry)
{
	entry->msgid = msgid;
	entry->req = client_new_req(cl);
	entry->account = cl->se.id;
	request rq = request_begin(msgid, entry->req);
	request_add_integer(&rq, "id", cl->se.id);
	return rq;
}

void client_queue(client *cl, outbox_entry *entry, request *rq, uint64_t number)
{
	entry->frame = request_end(rq);
	if (entry->frame.size() > client_frame_limit)
		client_refuse_line(cl, number, "too long");
	else
		cl->ob.entries.push_back(std::move(*entry));
}

static void client_ask_register(client *cl, const command &cm, uint64_t number)
{
	outbox_entry entry = {.req = client_new_req(cl), .msgid = CS_MSGID_REGISTER, .verb = cm.verb, .label = cm.name};
	request rq = request_begin(CS_MSGID_REGISTER, entry.req);

	request_add_text(&rq, "name", cm.name);
	request_add_text(&rq, "password", cm.text);
	const std::string &invite = cm.invite.empty() ? cl->opts->invite : cm.invite;
	if (!invite.empty())
		request_add_text(&rq, "invite", invite);
	client_queue(cl, &entry, &rq, number);
}

static void client_ask(client *cl, int msgid, const command &cm, uint64_t number)
{
	outbox_entry entry = {.verb = cm.verb, .is_group = cm.is_group, .target = cm.id, .label = cm.name};
	request rq = client_begin_request(cl, msgid, &entry);

	switch (msgid) {
	case CS_MSGID_ADD_FRIEND: request_add_integer(&rq, "friendid", cm.id); break;
	case CS_MSGID_JOIN_GROUP: request_add_integer(&rq, "groupid", cm.id); break;
	case CS_MSGID_CREATE_GROUP:
		entry.is_group = true;
		request_add_text(&rq, "groupname", cm.name);
		request_add_text(&rq, "groupdesc", cm.text);
		break;
	case CS_MSGID_SET_CONTACT:
		request_add_integer(&rq, "account", cm.id);
		if (cm.verb == COMMAND_UNFRIEND)
			request_add_truth(&rq, "friend", false);
		else
			request_add_truth(&rq, "blocked", cm.verb == COMMAND_BLOCK);
		break;
	default: break;
	}
	client_queue(cl, &entry, &rq, number);
}

/* The user's own frame, with a req of the client before its first member. */
static void client_ask_raw(client *cl, const command &cm, uint64_t number)
{
	outbox_entry entry = {.req = client_new_req(cl), .account = cl->se.id, .verb = cm.verb};
	const size_t brace = cm.text.find('{');
	frame fr;

	if (brace == std::string::npos || !frame_read(cm.text, &fr) || fr.req >= 0) {
		client_refuse_line(cl, number, "a frame is a JSON object with a msgid, and without req");
		return;
	}
	entry.msgid = static_cast<int>(fr.msgid);
	request rq = {.text = "{\"req\":" + std::to_string(entry.req) + "," + cm.text.substr(brace + 1)};
	rq.text.erase(rq.text.rfind('}'));
	client_queue(cl, &entry, &rq, number);
}

static bool client_needs_id(command_verb verb)
{
	return verb == COMMAND_LOGIN || verb == COMMAND_CHAT || verb == COMMAND_GROUP_CHAT ||
	       verb == COMMAND_ADD_FRIEND || verb == COMMAND_JOIN_GROUP || verb == COMMAND_WITH ||
	       verb == COMMAND_HISTORY || verb == COMMAND_BLOCK || verb == COMMAND_UNBLOCK ||
	       verb == COMMAND_UNFRIEND || verb == COMMAND_ROLE || verb == COMMAND_KICK || verb == COMMAND_BAN ||
	       verb == COMMAND_MUTE || verb == COMMAND_INVITE;
}

/* The reason why the command cannot run now, or nullptr. */
static const char *client_find_problem(const client *cl, const command &cm)
{
	const bool outside = cm.verb == COMMAND_LOGIN || cm.verb == COMMAND_REGISTER;

	if (client_needs_id(cm.verb) && cm.id == 0 && cm.who.empty() && !cm.is_everybody)
		return "there is nothing yet that @ could stand for";
	if (cm.verb == COMMAND_LOGIN && cl->se.state != SESSION_OUT)
		return "log out first";
	if (!outside && (cl->se.state == SESSION_OUT || cl->se.name.empty()))
		return "log in first";
	if (!text_is_utf8(cm.name) || !text_is_utf8(cm.text) || !text_is_utf8(cm.who) || !text_is_utf8(cm.group))
		return "the text is not UTF-8";
	if (cm.name.find('\0') != std::string::npos || cm.text.find('\0') != std::string::npos ||
	    cm.who.find('\0') != std::string::npos || cm.group.find('\0') != std::string::npos)
		return "the text has a NUL byte";
	return nullptr;
}

static void client_show_friends(client *cl)
{
	if (!cl->vw.plain && !cl->se.have.empty()) {
		cl->more = {};
		client_ask_contacts(cl, {}, false);
		return;
	}
	if (cl->ro.friends.empty())
		view_notice(&cl->vw, "Nobody is on your list of friends; /friend NAME puts somebody there.");
	for (const person &who : cl->ro.friends)
		view_friend(&cl->vw, who);
}

static void client_show_groups(client *cl)
{
	if (!cl->vw.plain && !cl->se.have.empty()) {
		(void)client_ask_inbox(cl, {}, COMMAND_GROUPS, false);
		return;
	}
	if (cl->ro.groups.empty())
		view_notice(&cl->vw, "You are in no group; /join NAME joins one, /group NAME DESC makes one.");
	for (const group_info &group : cl->ro.groups)
		view_group(&cl->vw, group);
}

/* Plain text goes where the user said. */
static void client_say_plain(client *cl, command cm, uint64_t number)
{
	if (cl->vw.plain) {
		client_refuse_line(cl, number, "no such command");
		return;
	}
	if (cl->tk.with.id == 0) {
		view_notice(&cl->vw, "To whom? /with NAME says it; /help lists all commands.");
		return;
	}
	cm.verb = cl->tk.with.is_group ? COMMAND_GROUP_CHAT : COMMAND_CHAT;
	cm.id = static_cast<uint64_t>(cl->tk.with.id);
	client_say(cl, cm, number);
}

static void client_reply(client *cl, command cm, uint64_t number)
{
	const place to = cl->tk.spoke;

	if (to.id == 0) {
		client_refuse_line(cl, number, "nobody has spoken yet");
	} else {
		cm.verb = to.is_group ? COMMAND_GROUP_CHAT : COMMAND_CHAT;
		cm.id = static_cast<uint64_t>(to.id);
		client_say(cl, cm, number);
	}
}

static void client_run(client *cl, const command &cm, uint64_t number)
{
	const place at = {.is_group = cm.is_group, .id = static_cast<int64_t>(cm.id)};

	switch (cm.verb) {
	case COMMAND_REGISTER: client_ask_register(cl, cm, number); break;
	case COMMAND_LOGIN: client_ask_login(cl, cm); break;
	case COMMAND_LOGOUT: client_ask(cl, CS_MSGID_LOGOUT, cm, number); break;
	case COMMAND_PLAIN: client_say_plain(cl, cm, number); break;
	case COMMAND_CHAT:
	case COMMAND_GROUP_CHAT: client_say(cl, cm, number); break;
	case COMMAND_REPLY: client_reply(cl, cm, number); break;
	case COMMAND_ADD_FRIEND: client_ask(cl, CS_MSGID_ADD_FRIEND, cm, number); break;
	case COMMAND_CREATE_GROUP: client_ask(cl, CS_MSGID_CREATE_GROUP, cm, number); break;
	case COMMAND_JOIN_GROUP: client_ask(cl, CS_MSGID_JOIN_GROUP, cm, number); break;
	case COMMAND_FRIENDS: client_show_friends(cl); break;
	case COMMAND_GROUPS: client_show_groups(cl); break;
	case COMMAND_WITH: client_enter(cl, at, number); break;
	case COMMAND_OLDER: client_ask_older(cl, number); break;
	case COMMAND_HISTORY: client_ask_history(cl, at, cm.count, 0, false); break;
	case COMMAND_INBOX:
		cl->more = {};
		(void)client_ask_inbox(cl, {}, COMMAND_INBOX, false);
		break;
	case COMMAND_CONTACTS:
		cl->more = {};
		client_ask_contacts(cl, {}, false);
		break;
	case COMMAND_MORE: client_ask_more(cl, number); break;
	case COMMAND_DEVICES: client_ask_devices(cl); break;
	case COMMAND_END_DEVICE: client_end_device(cl, cm, number); break;
	case COMMAND_PASSWD: client_ask_password(cl, cm, number); break;
	case COMMAND_EDIT:
	case COMMAND_RECALL: client_change(cl, cm, number); break;
	case COMMAND_UNFRIEND:
	case COMMAND_BLOCK:
	case COMMAND_UNBLOCK: client_ask(cl, CS_MSGID_SET_CONTACT, cm, number); break;
	case COMMAND_RAW: client_ask_raw(cl, cm, number); break;
	case COMMAND_BAD: client_refuse_line(cl, number, cm.problem); break;
	default: client_ask_in_group(cl, cm, number); break;
	}
}

/* Puts the number in the place of a name that this client knows. */
static void client_find_name(const client *cl, command *cm)
{
	const bool either = !cm->is_group && (cm->verb == COMMAND_WITH || cm->verb == COMMAND_HISTORY);
	int64_t id = roster_id(&cl->ro, cm->is_group, cm->who);

	if (id == 0 && either) {
		id = roster_id(&cl->ro, true, cm->who);
		cm->is_group = id != 0;
	}
	if (id == 0)
		return;
	cm->id = static_cast<uint64_t>(id);
	cm->who.clear();
}

static void client_find_last(const client *cl, command *cm)
{
	if (cm->id == 0 && cm->who.empty() && !cm->is_everybody && client_needs_id(cm->verb))
		cm->id = cm->is_group ? cl->last_group : cl->last_account;
}

static bool client_has_unknown_name(const command &cm)
{
	return !cm.who.empty() && cm.verb != COMMAND_LOGIN && cm.verb != COMMAND_BAD;
}

/* true: the server has to be asked for the number of a name first. */
static bool client_asks_first(client *cl, client_held *one)
{
	const command &cm = one->cm;

	if (one->asked || cm.is_group || !client_has_unknown_name(cm))
		return false;
	one->asked = true;
	client_ask_name(cl, cm.who);
	return true;
}

void client_run_held(client *cl)
{
	while (!cl->held.empty() && cl->finding == 0) {
		command *const cm = &cl->held.front().cm;
		client_find_last(cl, cm);
		if (client_has_unknown_name(*cm))
			client_find_name(cl, cm);
		const char *problem = cm->verb == COMMAND_BAD ? nullptr : client_find_problem(cl, *cm);
		if (!problem && client_asks_first(cl, &cl->held.front()))
			return;
		const client_held one = std::move(cl->held.front());
		cl->held.pop_front();
		if (!problem && client_has_unknown_name(one.cm))
			problem = one.nobody        ? "nobody has that name"
			          : one.cm.is_group ? client_no_such_group
			                            : "that is neither a number from 1 on nor a name that was heard of";
		/* What is typed for a conversation that is not there must not go to the one before it. */
		if (problem && one.cm.verb == COMMAND_WITH)
			cl->tk.with = {};
		if (problem)
			client_refuse_line(cl, one.number, problem);
		else
			client_run(cl, one.cm, one.number);
	}
}

bool client_is_in_talk(const client *cl)
{
	return cl->tk.with.id > 0 || std::any_of(cl->held.begin(), cl->held.end(),
	                                         [](const client_held &one) { return one.cm.verb == COMMAND_WITH; });
}

bool client_runs_at_once(const client *cl, const command &cm)
{
	command known = cm;

	if (client_has_unknown_name(known))
		client_find_name(cl, &known);
	return cl->held.empty() && !client_has_unknown_name(known);
}

void client_command(client *cl, const command &cm, uint64_t number)
{
	cl->held.push_back({.cm = cm, .number = number});
	client_run_held(cl);
}
