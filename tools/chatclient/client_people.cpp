/* SPDX-License-Identifier: MIT
 * The people whom an account knows, and the devices on which it is logged in. */
#include "client.h"

#include <chatserverd/msgid.h>

#include "text.h"

void client_ask_contacts(client *cl, std::string_view after, bool quiet)
{
	outbox_entry entry = {.verb = quiet ? COMMAND_FIND : COMMAND_CONTACTS, .quiet = quiet};
	request rq = client_begin_request(cl, CS_MSGID_CONTACTS, &entry);

	if (!after.empty())
		request_add_text(&rq, "after", after);
	if (quiet)
		request_add_integer(&rq, "limit", client_most_items);
	client_queue(cl, &entry, &rq, 0);
}

void client_take_contacts(client *cl, const outbox_entry &entry, const frame &fr)
{
	if (entry.quiet)
		return;
	if (fr.items.empty() && !fr.more && cl->more.after.empty())
		view_notice(&cl->vw, "Nobody is on your list of friends; /friend NAME puts somebody there.");
	for (const frame &item : fr.items)
		view_contact(&cl->vw, {.id = item.account,
		                       .name = item.name,
		                       .state = item.state,
		                       .is_friend = item.is_friend,
		                       .friend_of = item.friend_of,
		                       .is_blocked = item.blocked});
	if (client_goes_on(cl, COMMAND_CONTACTS, {}, fr))
		client_ask_contacts(cl, fr.next, false);
}

void client_ask_devices(client *cl)
{
	outbox_entry entry = {.verb = COMMAND_DEVICES};
	request rq = client_begin_request(cl, CS_MSGID_DEVICES, &entry);

	client_queue(cl, &entry, &rq, 0);
}

void client_take_devices(client *cl, const frame &fr)
{
	cl->ro.devices.clear();
	for (const frame &item : fr.items) {
		const bool is_this = item.device == cl->device;
		if (!is_this && !item.device.empty())
			cl->ro.devices.push_back(item.device);
		view_device(&cl->vw, item.device, is_this, item.online,
		            item.seen > 0 ? text_from_time(item.seen) : "-");
	}
}

void client_end_device(client *cl, const command &cm, uint64_t number)
{
	const std::string device = cm.text == "-" ? std::string() : cm.text;

	if (device == cl->device) {
		client_refuse_line(cl, number, "that is this device; /logout logs out here");
		return;
	}
	outbox_entry entry = {.verb = cm.verb, .label = cm.text};
	request rq = client_begin_request(cl, CS_MSGID_END_DEVICE, &entry);
	request_add_text(&rq, "device", device);
	client_queue(cl, &entry, &rq, number);
}
