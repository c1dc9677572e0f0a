/* SPDX-License-Identifier: MIT
 * Turns commands into requests in the outbox. */
#include "client.h"

#include <chatserverd/msgid.h>

#include "random.h"
#include "text.h"

/* The default limit of the server. After a longer frame it closes the connection. */
static const size_t client_frame_limit = 65536;

static void client_refuse_line(client *cl, uint64_t number, std::string_view problem)
{
	cl->refused = true;
	view_invalid(&cl->vw, number, problem);
}

static void client_queue(client *cl, int msgid, const command &cm, uint64_t number, request *rq, uint64_t req)
{
	outbox_entry entry;

	entry.req = req;
	entry.msgid = msgid;
	entry.account = msgid == CS_MSGID_REGISTER ? 0 : cl->se.id;
	entry.target = cm.id;
	entry.label = cm.name;
	entry.frame = request_end(rq);
	if (entry.frame.size() > client_frame_limit)
		client_refuse_line(cl, number, "too long");
	else
		cl->ob.entries.push_back(std::move(entry));
}

static void client_ask_register(client *cl, const command &cm, uint64_t number)
{
	const uint64_t req = client_new_req(cl);
	request rq = request_begin(CS_MSGID_REGISTER, req);

	request_add_text(&rq, "name", cm.name);
	request_add_text(&rq, "password", cm.text);
	client_queue(cl, CS_MSGID_REGISTER, cm, number, &rq, req);
}

/* By the number where the client knows it, from a registration: older servers know no login by name. */
static void client_ask_login(client *cl, const command &cm)
{
	cl->se = session();
	cl->se.state = SESSION_WANTED;
	cl->se.id = cm.id > 0 ? cm.id : static_cast<uint64_t>(roster_id(&cl->ro, false, cm.who));
	cl->se.who = cm.who;
	cl->se.password = cm.text;
}

static void client_say(client *cl, const command &cm, uint64_t number)
{
	const bool is_group = cm.verb == COMMAND_GROUP_CHAT;
	const int msgid = is_group ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT;
	const uint64_t req = client_new_req(cl);
	const std::string now = text_from_time(text_wall_clock());
	request rq = request_begin(msgid, req);

	request_add_text(&rq, "cid", random_name());
	request_add_integer(&rq, "id", cl->se.id);
	request_add_text(&rq, "name", cl->se.name);
	request_add_integer(&rq, is_group ? "groupid" : "toid", cm.id);
	request_add_text(&rq, "msg", cm.text);
	request_add_text(&rq, "time", now);
	client_queue(cl, msgid, cm, number, &rq, req);
	const int64_t id = static_cast<int64_t>(cm.id);
	view_own_message(&cl->vw,
	                 {.is_group = is_group,
	                  .group = id,
	                  .group_name = roster_name(&cl->ro, true, id),
	                  .id = id,
	                  .name = roster_name(&cl->ro, false, id),
	                  .seq = -1,
	                  .time = now,
	                  .text = cm.text},
	                 cl->se.name);
}

static void client_ask(client *cl, int msgid, const command &cm, uint64_t number)
{
	const uint64_t req = client_new_req(cl);
	request rq = request_begin(msgid, req);

	request_add_integer(&rq, "id", cl->se.id);
	if (msgid == CS_MSGID_ADD_FRIEND)
		request_add_integer(&rq, "friendid", cm.id);
	if (msgid == CS_MSGID_JOIN_GROUP)
		request_add_integer(&rq, "groupid", cm.id);
	if (msgid == CS_MSGID_CREATE_GROUP) {
		request_add_text(&rq, "groupname", cm.name);
		request_add_text(&rq, "groupdesc", cm.text);
	}
	client_queue(cl, msgid, cm, number, &rq, req);
}

static bool client_needs_id(command_verb verb)
{
	return verb == COMMAND_LOGIN || verb == COMMAND_CHAT || verb == COMMAND_GROUP_CHAT ||
	       verb == COMMAND_ADD_FRIEND || verb == COMMAND_JOIN_GROUP;
}

/* The reason why the command cannot run now, or nullptr. */
static const char *client_find_problem(const client *cl, const command &cm)
{
	const bool outside = cm.verb == COMMAND_LOGIN || cm.verb == COMMAND_REGISTER;

	if (client_needs_id(cm.verb) && cm.id == 0 && cm.who.empty())
		return "there is nothing yet that @ could stand for";
	if (cm.verb == COMMAND_LOGIN && cl->se.state != SESSION_OUT)
		return "log out first";
	if (!outside && (cl->se.state == SESSION_OUT || cl->se.name.empty()))
		return "log in first";
	if (!text_is_utf8(cm.name) || !text_is_utf8(cm.text))
		return "the text is not UTF-8";
	if (cm.name.find('\0') != std::string::npos || cm.text.find('\0') != std::string::npos)
		return "the text has a NUL byte";
	return nullptr;
}

static void client_run(client *cl, const command &cm, uint64_t number)
{
	switch (cm.verb) {
	case COMMAND_REGISTER: client_ask_register(cl, cm, number); break;
	case COMMAND_LOGIN: client_ask_login(cl, cm); break;
	case COMMAND_LOGOUT: client_ask(cl, CS_MSGID_LOGOUT, cm, number); break;
	case COMMAND_CHAT:
	case COMMAND_GROUP_CHAT: client_say(cl, cm, number); break;
	case COMMAND_ADD_FRIEND: client_ask(cl, CS_MSGID_ADD_FRIEND, cm, number); break;
	case COMMAND_CREATE_GROUP: client_ask(cl, CS_MSGID_CREATE_GROUP, cm, number); break;
	case COMMAND_JOIN_GROUP: client_ask(cl, CS_MSGID_JOIN_GROUP, cm, number); break;
	case COMMAND_FRIENDS:
		if (cl->ro.friends.empty())
			view_notice(&cl->vw, "Nobody is on your list of friends; /friend ID puts somebody there.");
		for (const person &who : cl->ro.friends)
			view_friend(&cl->vw, who);
		break;
	case COMMAND_GROUPS:
		if (cl->ro.groups.empty())
			view_notice(&cl->vw,
			            "You are in no group; /join ID joins one, /group new NAME DESC makes one.");
		for (const group_info &group : cl->ro.groups)
			view_group(&cl->vw, group);
		break;
	default: client_refuse_line(cl, number, cm.verb == COMMAND_BAD ? cm.problem : "no such command"); break;
	}
}

static bool client_is_about_group(const command &cm)
{
	return cm.verb == COMMAND_GROUP_CHAT || cm.verb == COMMAND_JOIN_GROUP;
}

void client_find_name(const client *cl, command *cm)
{
	if (cm->who.empty() || cm->verb == COMMAND_LOGIN)
		return;
	cm->id = static_cast<uint64_t>(roster_id(&cl->ro, client_is_about_group(*cm), cm->who));
	cm->who.clear();
	if (cm->id == 0) {
		cm->verb = COMMAND_BAD;
		cm->problem = "that is neither a number from 1 on nor a name that was heard of";
	}
}

void client_command(client *cl, const command &cm, uint64_t number)
{
	command whole = cm;

	client_find_name(cl, &whole);
	if (whole.id == 0 && whole.who.empty() && client_needs_id(whole.verb)) {
		whole.id = client_is_about_group(whole) ? cl->last_group : cl->last_account;
	}
	const char *const problem = whole.verb == COMMAND_BAD ? nullptr : client_find_problem(cl, whole);
	if (problem)
		client_refuse_line(cl, number, problem);
	else
		client_run(cl, whole, number);
}
