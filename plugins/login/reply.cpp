/* SPDX-License-Identifier: MIT
 * Owns the bytes of LOGIN_ACK and REGISTER_ACK. It must not know how their contents came about. */
#include "reply.h"

#include <chatserverd/json.h>

void reply_quote(std::string *out, std::string_view text)
{
	const size_t at = out->size();
	const size_t guess = text.size() + text.size() / 8 + 2;

	out->resize(at + guess);
	const size_t size = cs_json_quote(out->data() + at, guess, text.data(), text.size());
	out->resize(at + size);
	if (size > guess)
		cs_json_quote(out->data() + at, size, text.data(), text.size());
}

void reply_add_item(std::string *items, std::string_view text)
{
	if (!items->empty())
		*items += ',';
	reply_quote(items, text);
}

/* {"id":21,"name":"gao yang","state":"online"  - without its end, more may follow. */
static std::string reply_person(uint64_t id, std::string_view name, bool online)
{
	std::string text = "{\"id\":" + std::to_string(id) + ",\"name\":";

	reply_quote(&text, name);
	text += online ? ",\"state\":\"online\"" : ",\"state\":\"offline\"";
	return text;
}

std::string reply_friends(const std::vector<friend_entry> &friends, reply_online_fn *is_online,
                          const void *context)
{
	std::string items;

	for (const friend_entry &f : friends)
		reply_add_item(&items, reply_person(f.id, f.name, is_online(context, f.id)) + "}");
	return items;
}

static std::string reply_members(const std::vector<struct group_member> &members, reply_online_fn *is_online,
                                 const void *context)
{
	std::string items;

	for (const struct group_member &m : members)
		reply_add_item(&items, reply_person(m.id, m.name, is_online(context, m.id)) +
		                               (m.role == GROUP_CREATOR ? ",\"role\":\"creator\"}"
		                                                        : ",\"role\":\"normal\"}"));
	return items;
}

std::string reply_groups(const std::vector<group_entry> &groups, reply_online_fn *is_online,
                         const void *context)
{
	std::string items;

	for (const group_entry &g : groups) {
		std::string text = "{\"id\":" + std::to_string(g.id) + ",\"groupname\":";
		reply_quote(&text, g.name);
		text += ",\"groupdesc\":";
		reply_quote(&text, g.description);
		text += ",\"users\":[" + reply_members(g.members, is_online, context) + "]}";
		reply_add_item(&items, text);
	}
	return items;
}

static std::string reply_begin(int msgid, int64_t req, int wire_errno)
{
	std::string frame = "{\"msgid\":" + std::to_string(msgid);

	if (req >= 0)
		frame += ",\"req\":" + std::to_string(req);
	return frame + ",\"errno\":" + std::to_string(wire_errno);
}

std::string reply_refusal(int msgid, int64_t req, int wire_errno, std::string_view text)
{
	std::string frame = reply_begin(msgid, req, wire_errno) + ",\"errmsg\":";

	reply_quote(&frame, text);
	return frame + "}";
}

std::string reply_registered(int64_t req, uint64_t id)
{
	return reply_begin(CS_MSGID_REGISTER_ACK, req, CS_ERRNO_OK) + ",\"id\":" + std::to_string(id) + "}";
}

static void reply_list(std::string *frame, const char *key, std::string_view items)
{
	if (items.empty())
		return;
	*frame += key;
	*frame += items;
	*frame += ']';
}

std::string reply_logged_in(int64_t req, uint64_t id, std::string_view name, std::string_view messages,
                            std::string_view friends, std::string_view groups)
{
	std::string frame = reply_begin(CS_MSGID_LOGIN_ACK, req, CS_ERRNO_OK);

	frame.reserve(frame.size() + name.size() + messages.size() + friends.size() + groups.size() + 128);
	frame += ",\"id\":" + std::to_string(id) + ",\"name\":";
	reply_quote(&frame, name);
	reply_list(&frame, ",\"offlinemsg\":[", messages);
	reply_list(&frame, ",\"friends\":[", friends);
	reply_list(&frame, ",\"groups\":[", groups);
	return frame + "}";
}
