/* SPDX-License-Identifier: MIT
 * Entries of a conversation that are no messages, and news of people: what they change, and the line that tells it. */
#include "client.h"

#include <algorithm>

#include <chatserverd/msgid.h>

#include "text.h"

bool client_is_event(int64_t msgid)
{
	switch (msgid) {
	case CS_MSGID_CREATE_GROUP:
	case CS_MSGID_JOIN_GROUP:
	case CS_MSGID_REMOVE_MEMBER:
	case CS_MSGID_SET_ROLE:
	case CS_MSGID_SET_GROUP:
	case CS_MSGID_INVITE:
	case CS_MSGID_MUTE:
	case CS_MSGID_EDIT:
	case CS_MSGID_RECALL: return true;
	default: return false;
	}
}

place client_place_of(const client *cl, const frame &fr)
{
	if (fr.group > 0)
		return {.is_group = true, .id = fr.group};
	return {.is_group = false, .id = fr.id == static_cast<int64_t>(cl->se.id) && fr.to > 0 ? fr.to : fr.id};
}

/* Who did something, or to whom it was done. */
static std::string client_call(const client *cl, int64_t id)
{
	if (id == static_cast<int64_t>(cl->se.id))
		return "you";
	const std::string name = roster_name(&cl->ro, false, id);
	return name.empty() ? "account " + std::to_string(id) : name;
}

static std::string client_tell_settings(const frame &fr)
{
	std::string told;
	const auto add = [&](std::string_view what) {
		told += told.empty() ? " " : ", ";
		told += what;
	};

	if (!fr.group_name.empty())
		add("renamed the group to " + fr.group_name);
	if (!fr.description.empty())
		add("described the group: " + fr.description);
	if (!fr.join.empty())
		add(fr.join == "open" ? "let everybody join" : "let only those join who are invited");
	if (!fr.history.empty())
		add(fr.history == "all" ? "let members see what was said before they joined"
		                        : "let members see only what was said since they joined");
	return told.empty() ? " changed the group" : told;
}

static std::string client_tell_role(const client *cl, const frame &fr)
{
	const std::string whom = client_call(cl, fr.account);

	if (fr.role == "creator")
		return " handed the group over to " + whom;
	return " made " + whom + (fr.role == "admin" ? " an admin" : " a normal member");
}

static std::string client_tell_mute(const client *cl, const frame &fr)
{
	const std::string whom = fr.account == 0 ? "everybody" : client_call(cl, fr.account);

	if (fr.until <= 0)
		return " let " + whom + " speak again";
	return " muted " + whom + " until " + text_short_time(fr.until);
}

/* before: the text of the message that was changed, if it is known. */
static std::string client_tell_change(const frame &fr, const std::string &before)
{
	const std::string which = before.empty() ? "message " + std::to_string(fr.of) : "\"" + before + "\"";

	return fr.msgid == CS_MSGID_EDIT ? " changed " + which + " to: " + fr.message : " took back " + which;
}

/* The creator is removed by an operator only when the group ends. */
static std::string client_tell_removal(const client *cl, const frame &fr)
{
	if (fr.account == fr.id)
		return fr.by_operator ? " ended the group" : " left";
	return (fr.ban ? " banned " : " removed ") + client_call(cl, fr.account);
}

static std::string client_tell_event(const client *cl, const frame &fr, const std::string &before)
{
	switch (fr.msgid) {
	case CS_MSGID_CREATE_GROUP: return " made the group";
	case CS_MSGID_JOIN_GROUP: return " joined";
	case CS_MSGID_REMOVE_MEMBER: return client_tell_removal(cl, fr);
	case CS_MSGID_SET_ROLE: return client_tell_role(cl, fr);
	case CS_MSGID_SET_GROUP: return client_tell_settings(fr);
	case CS_MSGID_INVITE:
		return " invited " + client_call(cl, fr.account) +
		       (fr.account == static_cast<int64_t>(cl->se.id) ? "; /accept or /decline" : "");
	case CS_MSGID_MUTE: return client_tell_mute(cl, fr);
	default: return client_tell_change(fr, before);
	}
}

/* What the user knows as the groups, and where plain text goes. */
static void client_follow_event(client *cl, const frame &fr)
{
	const int64_t me = static_cast<int64_t>(cl->se.id);
	const place at = client_place_of(cl, fr);

	if (fr.msgid == CS_MSGID_SET_GROUP || fr.msgid == CS_MSGID_CREATE_GROUP)
		roster_learn(&cl->ro, true, fr.group, fr.group_name);
	if ((fr.msgid == CS_MSGID_CREATE_GROUP || fr.msgid == CS_MSGID_JOIN_GROUP) && fr.id == me)
		roster_add_group(&cl->ro, fr.group, fr.group_name);
	if (fr.msgid == CS_MSGID_INVITE && fr.account == me)
		client_note_invitation(cl, fr.group, true);
	if (fr.msgid != CS_MSGID_REMOVE_MEMBER || fr.account != me)
		return;
	roster_remove_group(&cl->ro, fr.group);
	if (cl->tk.with == at)
		cl->tk.with = {};
}

void client_take_event(client *cl, const frame &fr, bool fresh)
{
	const bool changes = fr.msgid == CS_MSGID_EDIT || fr.msgid == CS_MSGID_RECALL;
	const place at = client_place_of(cl, fr);
	std::string before;

	roster_learn(&cl->ro, false, fr.id, fr.name);
	if (changes && !fresh)
		return; /* a page of history has the messages as they are now */
	if (fresh && changes)
		before = talks_change(&cl->tk, at, fr.of, fr.message);
	view_event(&cl->vw, fr.ts > 0 ? text_from_time(fr.ts) : text_from_time(text_wall_clock()),
	           at.is_group ? roster_name(&cl->ro, true, at.id) : std::string(),
	           (fr.by_operator ? "the operator" : client_call(cl, fr.id)) + client_tell_event(cl, fr, before));
	if (fresh)
		client_follow_event(cl, fr);
}

void client_show_changed(client *cl, const outbox_entry &entry)
{
	const place at = {.is_group = entry.is_group, .id = static_cast<int64_t>(entry.target)};
	const std::string before = talks_change(&cl->tk, at, static_cast<int64_t>(entry.of), entry.text);
	const frame fr = {.msgid = entry.msgid, .of = static_cast<int64_t>(entry.of), .message = entry.text};

	view_event(&cl->vw, text_from_time(text_wall_clock()),
	           at.is_group ? roster_name(&cl->ro, true, at.id) : std::string(),
	           "you" + client_tell_change(fr, before));
}

void client_take_person(client *cl, const frame &fr)
{
	const std::string now = text_from_time(text_wall_clock());

	roster_learn(&cl->ro, false, fr.id, fr.name);
	for (person &who : cl->ro.friends)
		if (who.id == fr.id && !fr.state.empty())
			who.state = fr.state;
	if (fr.msgid == CS_MSGID_ADDED)
		view_event(&cl->vw, now, {}, client_call(cl, fr.id) + " put you on the list of friends");
	else if (fr.id != static_cast<int64_t>(cl->se.id))
		view_event(&cl->vw, now, {}, client_call(cl, fr.id) + " is " + fr.state);
}

/* The user read it on another device, or the other one read it. */
void client_take_read(client *cl, const frame &fr)
{
	if (fr.id != static_cast<int64_t>(cl->se.id)) {
		talk *const other = talks_find(&cl->tk, {.is_group = false, .id = fr.id});
		other->seen = fr.group > 0 ? other->seen : std::max(other->seen, fr.seq);
		return;
	}
	const place at = {.is_group = fr.group > 0, .id = fr.group > 0 ? fr.group : fr.peer};
	talk *const one = talks_find(&cl->tk, at);
	one->read = std::max(one->read, fr.seq);
	if (fr.seq >= one->newest)
		one->unread = 0;
}
