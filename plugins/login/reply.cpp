/* SPDX-License-Identifier: MIT
 * Writes the frames LOGIN_ACK and REGISTER_ACK. */
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

static std::string login_reply_begin(int msgid, int64_t req, int wire_errno)
{
	std::string frame = "{\"msgid\":" + std::to_string(msgid);

	if (req >= 0)
		frame += ",\"req\":" + std::to_string(req);
	return frame + ",\"errno\":" + std::to_string(wire_errno);
}

std::string reply_registered(int64_t req, uint64_t id)
{
	return login_reply_begin(CS_MSGID_REGISTER_ACK, req, CS_ERRNO_OK) + ",\"id\":" + std::to_string(id) + "}";
}

static void login_reply_list(wiped_text *frame, const char *key, std::string_view items)
{
	if (items.empty())
		return;
	*frame += key;
	*frame += items;
	*frame += ']';
}

static void login_reply_have(std::string *head, const char *const *have, std::string_view store)
{
	std::string items;

	if (!have)
		return;
	for (; *have; have++)
		reply_add_item(&items, *have);
	*head += ",\"have\":[" + items + "],\"store\":";
	reply_quote(head, store);
}

wiped_text reply_logged_in(int64_t req, uint64_t id, std::string_view name, const char *const *have,
                           std::string_view store, std::string_view token, std::string_view messages,
                           std::string_view friends, std::string_view groups)
{
	std::string head = login_reply_begin(CS_MSGID_LOGIN_ACK, req, CS_ERRNO_OK);
	wiped_text frame;

	head += ",\"id\":" + std::to_string(id) + ",\"name\":";
	reply_quote(&head, name);
	login_reply_have(&head, have, store);
	frame.reserve(head.size() + messages.size() + friends.size() + groups.size() + token.size() + 128);
	frame += head;
	if (!token.empty())
		frame.append(",\"token\":\"").append(token).append("\"");
	login_reply_list(&frame, ",\"offlinemsg\":[", messages);
	login_reply_list(&frame, ",\"friends\":[", friends);
	login_reply_list(&frame, ",\"groups\":[", groups);
	frame += "}";
	return frame;
}
