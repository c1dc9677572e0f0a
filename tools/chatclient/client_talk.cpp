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

/* ms. How often the others are told that the user is typing, and how long that holds. */
static const int64_t client_writing_pause = 3000;
static const int64_t client_writing_time = 5000;

std::string client_name_of(const client *cl, const place &at)
{
	const std::string name = roster_name(&cl->ro, at.is_group, at.id);

	return name.empty() ? std::to_string(at.id) : name;
}

/* A message of the user at this terminal. */
void client_show_own(client *cl, const outbox_entry &entry)
{
	const int64_t id = static_cast<int64_t>(entry.target);
	const view_message_parts parts = {.is_group = entry.is_group,
	                                  .group = id,
	                                  .group_name = roster_name(&cl->ro, true, id),
	                                  .id = id,
	                                  .name = roster_name(&cl->ro, false, id),
	                                  .seq = -1,
	                                  .time = text_from_time(text_wall_clock()),
	                                  .text = entry.text};

	view_own_message(&cl->vw, parts, cl->se.name);
}

void client_say(client *cl, const command &cm, uint64_t number)
{
	const bool is_group = cm.verb == COMMAND_GROUP_CHAT;
	const std::string now = text_from_time(text_wall_clock());
	outbox_entry entry = {.verb = is_group ? COMMAND_GROUP_CHAT : COMMAND_CHAT,
	                      .is_group = is_group,
	                      .target = cm.id,
	                      .text = cm.text,
	                      .cid = random_name()};
	request rq = client_begin_request(cl, is_group ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT, &entry);

	request_add_text(&rq, "cid", entry.cid);
	request_add_text(&rq, "name", cl->se.name);
	request_add_integer(&rq, is_group ? "groupid" : "toid", cm.id);
	request_add_text(&rq, "msg", cm.text);
	request_add_text(&rq, "time", now);
	const outbox_entry shown = entry;
	client_queue(cl, &entry, &rq, number);
	if (!cl->shows_unsent)
		client_show_own(cl, shown);
}

void client_enter(client *cl, const place &at, uint64_t number)
{
	if (cl->vw.plain) {
		client_refuse_line(cl, number, "that is for a terminal");
		return;
	}
	client_send_read(cl);
	cl->tk.with = at;
	if (at.is_group && !cl->se.have.empty() && !talks_find(&cl->tk, at)->members_asked)
		(void)client_ask_members(cl, at.id, {}, true);
	talk *const one = talks_find(&cl->tk, at);
	one->unread = 0;
	one->oldest = 0;
	client_ask_history(cl, at, client_page, 0, true);
}

void client_change(client *cl, const command &cm, uint64_t number)
{
	const place with = cl->tk.with;
	const talk *const one = with.id > 0 ? talks_find(&cl->tk, with) : nullptr;
	const uint64_t of = cm.count > 0 || !one ? cm.count : static_cast<uint64_t>(talks_last_own(one));

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
	if (cl->se.state != SESSION_IN || !protocol_has_word(cl->se.have, "read"))
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
	if (!with.is_group)
		request_add_truth(&rq, "show", true);
	connection_send(&cl->cn, request_end(&rq));
	(void)event_add(cl->read.get(), &client_read_time);
}

void client_tell_writing(client *cl)
{
	const place with = cl->tk.with;
	const int64_t now = text_steady_clock();

	if (with.id == 0 || cl->se.state != SESSION_IN || !protocol_has_word(cl->se.have, "signal") ||
	    now - cl->tk.told_writing < client_writing_pause)
		return;
	cl->tk.told_writing = now;
	request rq = request_begin(CS_MSGID_SIGNAL, client_new_req(cl));
	request_add_integer(&rq, "id", cl->se.id);
	request_add_integer(&rq, with.is_group ? "groupid" : "toid", static_cast<uint64_t>(with.id));
	request_add_text(&rq, "kind", "typing");
	connection_send(&cl->cn, request_end(&rq));
}

void client_take_signal(client *cl, const frame &fr)
{
	static const timeval fade = {client_writing_time / 1000, 0};

	if (fr.kind != "typing" || fr.id == static_cast<int64_t>(cl->se.id))
		return;
	roster_learn(&cl->ro, false, fr.id, fr.name);
	talks_note_writer(&cl->tk, client_place_of(cl, fr), fr.id, text_steady_clock() + client_writing_time);
	(void)event_add(cl->fade.get(), &fade);
}
