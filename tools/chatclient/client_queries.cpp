/* SPDX-License-Identifier: MIT
 * Questions to the server and their answers: history, the list of conversations, members, the number of a name. */
#include "client.h"

#include <algorithm>

#include <chatserverd/msgid.h>

#include "text.h"

/* So many conversations are shown at the login. */
static const uint64_t client_shown_conversations = 15;

bool client_is_query(int msgid)
{
	return msgid == CS_MSGID_HISTORY || msgid == CS_MSGID_INBOX || msgid == CS_MSGID_MEMBERS ||
	       msgid == CS_MSGID_FIND_USER;
}

void client_ask_name(client *cl, const std::string &name)
{
	outbox_entry entry = {.verb = COMMAND_FIND, .quiet = true, .label = name};
	request rq = client_begin_request(cl, CS_MSGID_FIND_USER, &entry);

	request_add_text(&rq, "name", name);
	cl->finding = entry.req;
	client_queue(cl, &entry, &rq, 0);
}

void client_ask_inbox(client *cl, std::string_view after, command_verb verb, bool quiet)
{
	outbox_entry entry = {.verb = verb, .quiet = quiet};
	request rq = client_begin_request(cl, CS_MSGID_INBOX, &entry);

	if (!after.empty())
		request_add_text(&rq, "after", after);
	if (quiet)
		request_add_integer(&rq, "limit", client_shown_conversations);
	client_queue(cl, &entry, &rq, 0);
}

void client_ask_history(client *cl, const place &at, uint64_t count, uint64_t before, bool quiet)
{
	outbox_entry entry = {.verb = COMMAND_HISTORY,
	                      .quiet = quiet,
	                      .is_group = at.is_group,
	                      .target = static_cast<uint64_t>(at.id)};
	request rq = client_begin_request(cl, CS_MSGID_HISTORY, &entry);

	request_add_integer(&rq, at.is_group ? "groupid" : "peer", entry.target);
	if (before > 0)
		request_add_integer(&rq, "before", before);
	if (count > 0)
		request_add_integer(&rq, "limit", count);
	client_queue(cl, &entry, &rq, 0);
}

void client_ask_older(client *cl, uint64_t number)
{
	const place with = cl->tk.with;
	const talk *const one = with.id > 0 ? talks_find(&cl->tk, with) : nullptr;

	if (!one)
		client_refuse_line(cl, number, "in which conversation? /with NAME enters one");
	else if (one->oldest > 0 && !one->more)
		view_notice(&cl->vw, "That is the beginning.");
	else
		client_ask_history(cl, with, 0, static_cast<uint64_t>(one->oldest), false);
}

void client_ask_members(client *cl, int64_t group, std::string_view after)
{
	outbox_entry entry = {.verb = COMMAND_WHO, .is_group = true, .target = static_cast<uint64_t>(group)};
	request rq = client_begin_request(cl, CS_MSGID_MEMBERS, &entry);

	request_add_integer(&rq, "groupid", entry.target);
	if (!after.empty())
		request_add_text(&rq, "after", after);
	client_queue(cl, &entry, &rq, 0);
}

static void client_take_history(client *cl, const outbox_entry &entry, const frame &fr)
{
	const place at = {.is_group = entry.is_group, .id = static_cast<int64_t>(entry.target)};
	talk *const one = talks_find(&cl->tk, at);

	if (one->oldest == 0 && cl->tk.with == at)
		view_heading(&cl->vw, "-- " + client_name_of(cl, at) + " --");
	if (fr.items.empty())
		view_notice(&cl->vw, fr.more ? "/older goes further back." : "Nothing was said here yet.");
	for (const frame &item : fr.items) {
		if (client_is_event(item.msgid))
			client_take_event(cl, item, false);
		else
			client_show_message(cl, item, true);
	}
	uint64_t next = 0;
	one->more = fr.more;
	if (fr.more && text_to_id(fr.next, &next))
		one->oldest = static_cast<int64_t>(next);
	else if (!fr.items.empty())
		one->oldest = fr.items.front().seq;
	if (cl->tk.with == at)
		client_note_read(cl, at);
}

static void client_take_conversation(client *cl, const frame &item, bool shown)
{
	const place at = {.is_group = item.group > 0, .id = item.group > 0 ? item.group : item.peer};
	view_conversation_parts parts = {.is_group = at.is_group,
	                                 .is_invitation = item.invited > 0,
	                                 .id = at.id,
	                                 .name = at.is_group ? item.group_name : item.name,
	                                 .state = item.state,
	                                 .unread = std::max<int64_t>(item.unread, 0),
	                                 .seq = item.seq,
	                                 .time = "-",
	                                 .sender = {},
	                                 .text = {}};

	roster_learn(&cl->ro, at.is_group, at.id, parts.name);
	if (at.is_group && !parts.is_invitation)
		roster_add_group(&cl->ro, at.id, parts.name);
	talk *const one = talks_find(&cl->tk, at);
	one->newest = std::max(one->newest, item.seq);
	one->read = std::max(one->read, item.read);
	one->unread = static_cast<uint64_t>(parts.unread);
	for (const frame &last : item.newest) {
		roster_learn(&cl->ro, false, last.id, last.name);
		parts.time = last.ts > 0 ? text_from_time(last.ts) : last.time;
		parts.sender = roster_name(&cl->ro, false, last.id);
		parts.text = last.message;
	}
	if (shown)
		view_conversation(&cl->vw, parts);
}

static void client_take_inbox(client *cl, const outbox_entry &entry, const frame &fr)
{
	const bool shown = entry.verb == COMMAND_INBOX;

	if (shown && entry.quiet && !fr.items.empty())
		view_heading(&cl->vw, "Conversations (/with NAME enters one):");
	if (!entry.quiet && fr.items.empty())
		view_notice(&cl->vw, "There is no conversation yet; /with NAME begins one.");
	for (const frame &item : fr.items)
		client_take_conversation(cl, item, shown);
	if (shown && fr.more && entry.quiet)
		view_notice(&cl->vw, "There are more: /inbox lists all.");
	else if (shown && fr.more)
		client_ask_inbox(cl, fr.next, COMMAND_INBOX, false);
}

static void client_take_members(client *cl, const outbox_entry &entry, const frame &fr)
{
	for (const frame &item : fr.items) {
		roster_learn(&cl->ro, false, item.account, item.name);
		view_member(&cl->vw, static_cast<int64_t>(entry.target),
		            {.id = item.account, .name = item.name, .state = item.state, .role = item.role});
	}
	if (fr.more)
		client_ask_members(cl, static_cast<int64_t>(entry.target), fr.next);
}

void client_take_query(client *cl, const outbox_entry &entry, const frame &fr)
{
	const bool done = fr.error == CS_ERRNO_OK;

	switch (entry.msgid) {
	case CS_MSGID_FIND_USER:
		if (done)
			roster_learn(&cl->ro, false, fr.account, fr.name);
		else if (fr.error == CS_ERRNO_NO_SUCH_USER && !cl->held.empty())
			cl->held.front().nobody = true;
		cl->finding = 0;
		client_run_held(cl);
		break;
	case CS_MSGID_INBOX:
		if (done)
			client_take_inbox(cl, entry, fr);
		else if (entry.quiet && entry.verb == COMMAND_INBOX)
			client_show_lists(cl);
		break;
	case CS_MSGID_HISTORY:
		if (done)
			client_take_history(cl, entry, fr);
		break;
	case CS_MSGID_MEMBERS:
		if (done)
			client_take_members(cl, entry, fr);
		break;
	default: break;
	}
}
