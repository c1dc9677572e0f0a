/* SPDX-License-Identifier: MIT
 * Talking: which conversation plain text goes to, messages, changes of what was said, and what is read. */
#include "client.h"

#include <algorithm>

#include <chatserverd/msgid.h>

#include "random.h"
#include "text.h"

/* One page of history on a terminal. */
static const uint64_t client_page = 20;
/* The server forwards one READ a second. */
static const timeval client_read_time = {1, 0};

std::string client_name_of(const client *cl, const place &at)
{
	const std::string name = roster_name(&cl->ro, at.is_group, at.id);

	return name.empty() ? std::to_string(at.id) : name;
}

void client_say(client *cl, const command &cm, uint64_t number)
{
	const bool is_group = cm.verb == COMMAND_GROUP_CHAT;
	const std::string now = text_from_time(text_wall_clock());
	outbox_entry entry = {
		.verb = cm.verb, .is_group = is_group, .target = cm.id, .text = cm.text, .cid = random_name()};
	request rq = client_begin_request(cl, is_group ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT, &entry);

	request_add_text(&rq, "cid", entry.cid);
	request_add_text(&rq, "name", cl->se.name);
	request_add_integer(&rq, is_group ? "groupid" : "toid", cm.id);
	request_add_text(&rq, "msg", cm.text);
	request_add_text(&rq, "time", now);
	client_queue(cl, &entry, &rq, number);
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

void client_enter(client *cl, const place &at, uint64_t number)
{
	if (cl->vw.plain) {
		client_refuse_line(cl, number, "that is for a terminal");
		return;
	}
	cl->tk.with = at;
	talk *const one = talks_find(&cl->tk, at);
	one->unread = 0;
	one->oldest = 0;
	client_ask_history(cl, at, client_page, 0, true);
}

void client_change(client *cl, const command &cm, uint64_t number)
{
	const place with = cl->tk.with;
	const talk *const one = with.id > 0 ? talks_find(&cl->tk, with) : nullptr;
	const uint64_t of = cm.count > 0 || !one ? cm.count : static_cast<uint64_t>(one->own);

	if (!one) {
		client_refuse_line(cl, number, "in which conversation? /with NAME enters one");
		return;
	}
	if (of == 0) {
		client_refuse_line(cl, number, "you have said nothing here");
		return;
	}
	outbox_entry entry = {.verb = cm.verb,
	                      .is_group = with.is_group,
	                      .target = static_cast<uint64_t>(with.id),
	                      .of = of,
	                      .text = cm.text};
	request rq = client_begin_request(cl, cm.verb == COMMAND_EDIT ? CS_MSGID_EDIT : CS_MSGID_RECALL, &entry);
	request_add_integer(&rq, with.is_group ? "groupid" : "toid", entry.target);
	request_add_integer(&rq, "of", of);
	if (cm.verb == COMMAND_EDIT)
		request_add_text(&rq, "msg", cm.text);
	client_queue(cl, &entry, &rq, number);
}

void client_note_read(client *cl, const place &at)
{
	talks_find(&cl->tk, at)->unread = 0;
	if (!event_pending(cl->read.get(), EV_TIMEOUT, nullptr))
		client_send_read(cl);
}

void client_send_read(client *cl)
{
	if (cl->se.state != SESSION_IN || !frame_has(cl->se.have, "read"))
		return;
	const place with = cl->tk.with;
	talk *const one = with.id > 0 ? talks_find(&cl->tk, with) : nullptr;
	if (!one || one->newest <= one->read)
		return;
	one->read = one->newest;
	request rq = request_begin(CS_MSGID_READ, client_new_req(cl));
	request_add_integer(&rq, "id", cl->se.id);
	request_add_integer(&rq, with.is_group ? "groupid" : "peer", static_cast<uint64_t>(with.id));
	request_add_integer(&rq, "seq", static_cast<uint64_t>(one->read));
	connection_send(&cl->cn, request_end(&rq));
	(void)event_add(cl->read.get(), &client_read_time);
}
