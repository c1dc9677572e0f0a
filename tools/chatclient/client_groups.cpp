/* SPDX-License-Identifier: MIT
 * What is done in groups: members and their roles, invitations, settings. */
#include "client.h"

#include <chatserverd/msgid.h>

#include "text.h"

bool client_is_of_group(command_verb verb)
{
	switch (verb) {
	case COMMAND_MEMBERS:
	case COMMAND_LEAVE:
	case COMMAND_ROLE:
	case COMMAND_KICK:
	case COMMAND_BAN:
	case COMMAND_MUTE:
	case COMMAND_INVITE:
	case COMMAND_RENAME:
	case COMMAND_OPEN:
	case COMMAND_CLOSED:
	case COMMAND_NEWCOMERS:
	case COMMAND_ACCEPT:
	case COMMAND_DECLINE: return true;
	default: return false;
	}
}

uint64_t client_last_invitation(const client *cl)
{
	uint64_t last = 0;

	for (const talk &one : cl->tk.all)
		if (one.invited)
			last = static_cast<uint64_t>(one.at.id);
	return last;
}

/* The group that is meant, or 0. */
static uint64_t client_find_group(const client *cl, const command &cm)
{
	uint64_t id = 0;

	if (cm.is_group && cm.id > 0)
		return cm.id;
	if (cm.verb == COMMAND_ACCEPT || cm.verb == COMMAND_DECLINE)
		return client_last_invitation(cl);
	if (cm.group.empty())
		return cl->tk.with.is_group ? static_cast<uint64_t>(cl->tk.with.id) : 0;
	return text_to_id(cm.group, &id) ? id : static_cast<uint64_t>(roster_id(&cl->ro, true, cm.group));
}

static const char *client_find_group_problem(const client *cl, const command &cm, uint64_t group)
{
	if (group == 0 && (cm.verb == COMMAND_ACCEPT || cm.verb == COMMAND_DECLINE))
		return "no group has invited you";
	if (group == 0 && !cm.group.empty())
		return client_no_such_group;
	if (group == 0)
		return "in which group? /with #GROUP enters one; /groups lists yours";
	if ((cm.verb == COMMAND_KICK || cm.verb == COMMAND_BAN) && cm.id == cl->se.id)
		return "that is you: /leave leaves the group";
	return nullptr;
}

static int client_msgid_in_group(command_verb verb)
{
	switch (verb) {
	case COMMAND_ROLE: return CS_MSGID_SET_ROLE;
	case COMMAND_MUTE: return CS_MSGID_MUTE;
	case COMMAND_INVITE: return CS_MSGID_INVITE;
	case COMMAND_ACCEPT: return CS_MSGID_JOIN_GROUP;
	case COMMAND_RENAME:
	case COMMAND_OPEN:
	case COMMAND_CLOSED:
	case COMMAND_NEWCOMERS: return CS_MSGID_SET_GROUP;
	default: return CS_MSGID_REMOVE_MEMBER;
	}
}

static void client_add_group_fields(request *rq, const command &cm)
{
	switch (cm.verb) {
	case COMMAND_ROLE: request_add_text(rq, "role", cm.text); break;
	case COMMAND_BAN: request_add_truth(rq, "ban", true); break;
	case COMMAND_RENAME: request_add_text(rq, "groupname", cm.text); break;
	case COMMAND_OPEN: request_add_text(rq, "join", "open"); break;
	case COMMAND_CLOSED: request_add_text(rq, "join", "invite"); break;
	case COMMAND_NEWCOMERS: request_add_text(rq, "history", cm.text); break;
	case COMMAND_MUTE:
		request_add_integer(rq, "until",
		                    cm.count > 0 ? static_cast<uint64_t>(text_wall_clock()) + cm.count * 1000
		                                 : uint64_t{0});
		break;
	default: break;
	}
}

void client_ask_in_group(client *cl, const command &cm, uint64_t number)
{
	const uint64_t group = client_find_group(cl, cm);
	const char *const problem = client_find_group_problem(cl, cm, group);
	const bool self = cm.verb == COMMAND_LEAVE || cm.verb == COMMAND_DECLINE;
	const int msgid = client_msgid_in_group(cm.verb);

	if (problem) {
		client_refuse_line(cl, number, problem);
		return;
	}
	if (cm.verb == COMMAND_MEMBERS) {
		(void)client_ask_members(cl, static_cast<int64_t>(group), {}, false);
		return;
	}
	outbox_entry entry = {.verb = cm.verb, .is_group = true, .target = group};
	request rq = client_begin_request(cl, msgid, &entry);
	request_add_integer(&rq, "groupid", group);
	if (msgid != CS_MSGID_SET_GROUP && msgid != CS_MSGID_JOIN_GROUP) {
		entry.whom = self || cm.is_group ? 0 : cm.id;
		request_add_integer(&rq, "account", self ? cl->se.id : cm.id);
	}
	client_add_group_fields(&rq, cm);
	client_queue(cl, &entry, &rq, number);
}

bool client_is_group_change(command_verb verb)
{
	return client_is_of_group(verb) && verb != COMMAND_MEMBERS && verb != COMMAND_LEAVE && verb != COMMAND_ACCEPT &&
	       verb != COMMAND_DECLINE;
}

/* The user sees the same line as the others. Without a seq nothing was changed. */
void client_show_group_change(client *cl, const outbox_entry &entry, int64_t seq)
{
	frame fr;

	if (seq <= 0 && entry.verb == COMMAND_KICK)
		view_notice(&cl->vw, client_name_of(cl, {.id = static_cast<int64_t>(entry.whom)}) +
		                             " is not in the group, nor invited any more.");
	else if (seq <= 0 && entry.verb != COMMAND_INVITE)
		view_notice(&cl->vw, "That is so already.");
	else if (frame_read(entry.frame, &fr))
		client_take_event(cl, fr, true);
}

void client_note_invitation(client *cl, int64_t group, bool invited)
{
	talks_find(&cl->tk, {.is_group = true, .id = group})->invited = invited;
}
