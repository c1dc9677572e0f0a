/* SPDX-License-Identifier: MIT
 * Questions to the server and their answers: history, the list of conversations, members, the number of a name. */
#include "client.h"

#include <algorithm>

#include <chatserverd/msgid.h>

#include "refusal.h"
#include "text.h"

/* So many conversations are shown at the login. */
static const uint64_t client_shown_conversations = 15;

bool client_is_query(int msgid)
{
	return msgid == CS_MSGID_HISTORY || msgid == CS_MSGID_INBOX || msgid == CS_MSGID_MEMBERS ||
	       msgid == CS_MSGID_FIND_USER || msgid == CS_MSGID_CONTACTS || msgid == CS_MSGID_DEVICES;
}

void client_ask_name(client *cl, const std::string &name)
{
	outbox_entry entry = {.verb = COMMAND_FIND, .quiet = true, .label = name};
	request rq = client_begin_request(cl, CS_MSGID_FIND_USER, &entry);

	request_add_text(&rq, "name", name);
	cl->finding = entry.req;
	client_queue(cl, &entry, &rq, 0);
}

uint64_t client_ask_inbox(client *cl, std::string_view after, command_verb verb, bool quiet)
{
	outbox_entry entry = {.verb = verb, .quiet = quiet};
	request rq = client_begin_request(cl, CS_MSGID_INBOX, &entry);

	if (!after.empty())
		request_add_text(&rq, "after", after);
	if (quiet && verb == COMMAND_FIND)
		request_add_integer(&rq, "limit", client_shown_conversations);
	else if (quiet || verb == COMMAND_GROUPS)
		request_add_integer(&rq, "limit", client_most_items);
	const uint64_t req = entry.req;
	client_queue(cl, &entry, &rq, 0);
	return req;
}

void client_ask_history(client *cl, const place &at, uint64_t count, uint64_t before, bool quiet)
{
	outbox_entry entry = {.verb = COMMAND_HISTORY,
	                      .quiet = quiet,
	                      .is_group = at.is_group,
	                      .target = static_cast<uint64_t>(at.id),
	                      .of = before};
	request rq = client_begin_request(cl, CS_MSGID_HISTORY, &entry);

	request_add_integer(&rq, at.is_group ? "groupid" : "peer", entry.target);
	if (before > 0)
		request_add_integer(&rq, "before", before);
	if (count > 0)
		request_add_integer(&rq, "limit", count);
	client_queue(cl, &entry, &rq, 0);
}

/* The key for older messages repeats faster than a distant server answers. */
static bool client_asks_history(const client *cl, const place &at)
{
	return std::any_of(cl->ob.entries.begin(), cl->ob.entries.end(), [&](const outbox_entry &entry) {
		return entry.msgid == CS_MSGID_HISTORY && entry.is_group == at.is_group &&
		       entry.target == static_cast<uint64_t>(at.id);
	});
}

void client_ask_older(client *cl, uint64_t number)
{
	const place with = cl->tk.with;
	const talk *const one = with.id > 0 ? talks_find(&cl->tk, with) : nullptr;

	if (!one)
		client_refuse_line(cl, number, "in which conversation? /with NAME enters one");
	else if (one->oldest > 0 && !one->more)
		view_notice(&cl->vw, "That is the beginning.");
	else if (!client_asks_history(cl, with))
		client_ask_history(cl, with, 0, static_cast<uint64_t>(one->oldest), false);
}

uint64_t client_ask_members(client *cl, int64_t group, std::string_view after, bool quiet)
{
	outbox_entry entry = {.verb = quiet ? COMMAND_FIND : COMMAND_MEMBERS,
	                      .quiet = quiet,
	                      .is_group = true,
	                      .target = static_cast<uint64_t>(group)};
	request rq = client_begin_request(cl, CS_MSGID_MEMBERS, &entry);

	request_add_integer(&rq, "groupid", entry.target);
	if (!after.empty())
		request_add_text(&rq, "after", after);
	if (quiet)
		request_add_integer(&rq, "limit", client_most_items);
	talks_find(&cl->tk, {.is_group = true, .id = group})->members_asked = true;
	const uint64_t req = entry.req;
	client_queue(cl, &entry, &rq, 0);
	return req;
}

bool client_goes_on(client *cl, command_verb verb, const place &at, const frame &fr)
{
	cl->more = {};
	if (!fr.more || cl->vw.plain)
		return fr.more;
	cl->more = {.verb = verb, .at = at, .after = fr.next};
	view_notice(&cl->vw, "/more shows more.");
	return false;
}

void client_ask_more(client *cl, uint64_t number)
{
	const client_page page = cl->more;

	switch (page.verb) {
	case COMMAND_INBOX: (void)client_ask_inbox(cl, page.after, COMMAND_INBOX, false); break;
	case COMMAND_MEMBERS: (void)client_ask_members(cl, page.at.id, page.after, false); break;
	case COMMAND_CONTACTS: client_ask_contacts(cl, page.after, false); break;
	default: client_refuse_line(cl, number, "there is nothing more; /older goes back in a conversation"); break;
	}
}

static void client_note_oldest(talk *one, const frame &fr)
{
	uint64_t next = 0;

	one->more = fr.more;
	if (fr.more && text_to_id(fr.next, &next))
		one->oldest = static_cast<int64_t>(next);
	else if (!fr.items.empty())
		one->oldest = fr.items.front().seq;
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
	/* Whoever asks for the last messages once more goes on with /older from where it was. */
	if (one->oldest == 0 || entry.of > 0)
		client_note_oldest(one, fr);
	if (cl->tk.with == at)
		client_note_read(cl, at);
}

static void client_take_conversation(client *cl, const frame &item, command_verb shown)
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
	                                 .text = {},
	                                 .role = item.role,
	                                 .members = item.members};

	if (at.is_group && !parts.is_invitation)
		roster_add_group(&cl->ro, at.id, parts.name);
	talk *const one = talks_find(&cl->tk, at);
	one->newest = std::max(one->newest, item.seq);
	one->read = std::max(one->read, item.read);
	one->seen = std::max(one->seen, item.seen);
	one->invited = parts.is_invitation;
	one->unread = static_cast<uint64_t>(parts.unread);
	for (const frame &last : item.newest) {
		roster_learn(&cl->ro, false, last.id, last.name);
		parts.time = last.ts > 0 ? text_from_time(last.ts) : last.time;
		parts.sender = roster_name(&cl->ro, false, last.id);
		parts.text = last.recalled > 0 && !cl->vw.plain ? "(taken back)" : last.message;
		parts.is_seen = !at.is_group && last.id == static_cast<int64_t>(cl->se.id) && last.seq <= one->seen;
	}
	if (shown == COMMAND_INBOX)
		view_conversation(&cl->vw, parts);
	else if (shown == COMMAND_GROUPS && at.is_group)
		view_group_of_list(&cl->vw, parts);
}

static void client_take_groups(client *cl, const frame &fr)
{
	for (const frame &item : fr.items)
		client_take_conversation(cl, item, COMMAND_GROUPS);
	if (fr.more)
		(void)client_ask_inbox(cl, fr.next, COMMAND_GROUPS, false);
	else if (cl->ro.groups.empty() && client_last_invitation(cl) == 0)
		view_notice(&cl->vw, "You are in no group; /join NAME joins one, /group NAME DESC makes one.");
}

static void client_take_inbox(client *cl, const outbox_entry &entry, const frame &fr)
{
	const bool shown = entry.verb == COMMAND_INBOX;
	uint64_t count = 0;

	if (shown && entry.quiet && !fr.items.empty())
		view_heading(&cl->vw, "Conversations (/with NAME enters one):");
	if (!entry.quiet && fr.items.empty() && cl->more.verb != COMMAND_INBOX)
		view_notice(&cl->vw, "There is no conversation yet; /with NAME begins one.");
	for (const frame &item : fr.items)
		client_take_conversation(
			cl, item,
			shown && (!entry.quiet || count++ < client_shown_conversations) ? entry.verb : COMMAND_FIND);
	if (shown && entry.quiet && (fr.more || count > client_shown_conversations))
		view_notice(&cl->vw, "There are more: /inbox lists all.");
	else if (shown && !entry.quiet && client_goes_on(cl, COMMAND_INBOX, {}, fr))
		(void)client_ask_inbox(cl, fr.next, COMMAND_INBOX, false);
}

static void client_take_members(client *cl, const outbox_entry &entry, const frame &fr)
{
	if (entry.quiet)
		return;
	for (const frame &item : fr.items)
		view_member(&cl->vw, static_cast<int64_t>(entry.target),
		            {.id = item.account, .name = item.name, .state = item.state, .role = item.role});
	const place at = {.is_group = true, .id = static_cast<int64_t>(entry.target)};
	if (client_goes_on(cl, COMMAND_MEMBERS, at, fr))
		(void)client_ask_members(cl, at.id, fr.next, false);
}

/* Nobody can talk in the conversation that was just entered. */
static void client_turn_away(client *cl, const outbox_entry &entry, int64_t error)
{
	const place at = {.is_group = entry.is_group, .id = static_cast<int64_t>(entry.target)};
	const bool never =
		error == CS_ERRNO_NOT_ALLOWED || error == CS_ERRNO_NO_SUCH_GROUP || error == CS_ERRNO_NO_SUCH_USER;

	if (!never || cl->tk.with != at)
		return;
	cl->tk.with = {};
	view_refused(&cl->vw, COMMAND_WITH, at.id, roster_name(&cl->ro, at.is_group, at.id), error,
	             refusal_explain(COMMAND_WITH, error, at.is_group ? "not a member of the group" : "", -1));
}

void client_take_query(client *cl, const outbox_entry &entry, const frame &fr)
{
	const bool done = fr.error == CS_ERRNO_OK;

	client_take_names(cl, entry, fr);
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
		if (done && entry.verb == COMMAND_GROUPS)
			client_take_groups(cl, fr);
		else if (done)
			client_take_inbox(cl, entry, fr);
		else if (entry.quiet && entry.verb == COMMAND_INBOX)
			client_show_lists(cl);
		break;
	case CS_MSGID_HISTORY:
		if (done)
			client_take_history(cl, entry, fr);
		else if (entry.quiet)
			client_turn_away(cl, entry, fr.error);
		break;
	case CS_MSGID_MEMBERS:
		if (done)
			client_take_members(cl, entry, fr);
		break;
	case CS_MSGID_CONTACTS:
		if (done)
			client_take_contacts(cl, entry, fr);
		break;
	case CS_MSGID_DEVICES:
		if (done)
			client_take_devices(cl, fr);
		break;
	default: break;
	}
}
