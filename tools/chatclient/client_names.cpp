/* SPDX-License-Identifier: MIT
 * Entries that name a group or an account that the client does not know: they wait until the server told the names. */
#include "client.h"

#include <utility>

#include <chatserverd/msgid.h>

/* Asks for what is not known, each once in a conversation. 0: everything is known, or cannot be. */
static uint64_t client_ask_for_names(client *cl, const frame &fr)
{
	const place at = client_place_of(cl, fr);
	const bool known = fr.account <= 0 || !roster_name(&cl->ro, false, fr.account).empty();

	if (!at.is_group)
		return 0;
	talk *const one = talks_find(&cl->tk, at);
	if (!one->name_asked && fr.group_name.empty() && roster_name(&cl->ro, true, at.id).empty()) {
		one->name_asked = true;
		return client_ask_inbox(cl, {}, COMMAND_FIND, true);
	}
	if (!known && !one->members_asked && !one->invited && fr.account != static_cast<int64_t>(cl->se.id))
		return client_ask_members(cl, at.id, {}, true);
	return 0;
}

bool client_waits_for_names(client *cl, const frame &fr)
{
	if (cl->vw.plain || cl->se.have.empty())
		return false;
	if (cl->naming == 0)
		cl->naming = client_ask_for_names(cl, fr);
	if (cl->naming == 0)
		return false;
	cl->unnamed.push_back(fr);
	return true;
}

void client_take_names(client *cl, const outbox_entry &entry, const frame &fr)
{
	const bool is_list =
		entry.msgid == CS_MSGID_INBOX || entry.msgid == CS_MSGID_MEMBERS || entry.msgid == CS_MSGID_CONTACTS;

	for (const frame &item : fr.items) {
		if (!is_list)
			break;
		roster_learn(&cl->ro, true, item.group, item.group_name);
		roster_learn(&cl->ro, false, item.peer > 0 ? item.peer : item.account, item.name);
	}
	if (entry.req != cl->naming)
		return;
	cl->naming = 0;
	const std::vector<frame> waiting = std::exchange(cl->unnamed, {});
	/* The list does not have a group that was left meanwhile, but its entries may name it. */
	for (const frame &one : waiting)
		if (one.group > 0 && roster_name(&cl->ro, true, one.group).empty())
			roster_learn(&cl->ro, true, one.group, one.group_name);
	for (const frame &one : waiting)
		client_take_entry(cl, one);
}
