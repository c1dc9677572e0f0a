/* SPDX-License-Identifier: MIT
 * Checks the fields that frames which are forwarded have in common. */
#include "message.h"

static const size_t message_cid_most = 64; /* bytes */

static int message_refuse(const plugin_context &context, const cs_frame *frame, int wire_errno, const char *why)
{
	return context.host->refuse(context.self, frame->conn, &frame->request, wire_errno, "%s", why);
}

/* What the server adds to the frames of clients: a receiver takes these members for the server's word, so no client may
 * bring them. Members that are not here are the sender's own, and pass. */
static const struct message_added {
	uint32_t msgid;
	const char *keys[6]; /* up to the first NULL */
} message_added_all[] = {
	{CS_MSGID_CHAT, {"seq", "ts", "edited", "recalled"}},
	{CS_MSGID_GROUP_CHAT, {"seq", "ts", "edited", "recalled"}},
	{CS_MSGID_CREATE_GROUP, {"seq", "ts", "edited", "recalled", "groupid"}},
	{CS_MSGID_JOIN_GROUP, {"seq", "ts", "edited", "recalled"}},
	{CS_MSGID_REMOVE_MEMBER, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_SET_ROLE, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_SET_GROUP, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_INVITE, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_MUTE, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_EDIT, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_RECALL, {"seq", "ts", "edited", "recalled", "operator"}},
	{CS_MSGID_READ, {"ts", "edited", "recalled"}}, /* its seq is the reader's */
	{CS_MSGID_SIGNAL, {"seq", "ts"}},
};

static int message_check_added(const plugin_context &context, const cs_frame *frame)
{
	for (const message_added &added : message_added_all) {
		if (added.msgid != frame->request.msgid)
			continue;
		for (const char *const *key = added.keys; *key; key++)
			if (context.host->has(frame, *key))
				return context.host->refuse(context.self, frame->conn, &frame->request,
				                            CS_ERRNO_BAD_FRAME, "%s is the server's to add", *key);
	}
	return 0;
}

int message_check_forwarded(const plugin_context &context, const cs_frame *frame)
{
	std::string_view name = frame->name;
	int rc = field_text(context, frame, "name", FIELD_OPTIONAL, &name);

	if (rc == 0)
		rc = message_check_added(context, frame);
	if (rc == 0 && name != frame->name)
		rc = message_refuse(context, frame, CS_ERRNO_NOT_ALLOWED, "name is not this account's");
	return rc;
}

static int message_check_cid(const plugin_context &context, const cs_frame *frame, cs_outgoing *message)
{
	std::string_view cid;
	const int rc = field_text(context, frame, "cid", FIELD_OPTIONAL, &cid);

	if (rc != 0 || !cid.data())
		return rc;
	if (cid.empty() || cid.size() > message_cid_most)
		return message_refuse(context, frame, CS_ERRNO_BAD_FRAME, "cid must have 1 to 64 bytes");
	message->cid = cid.data();
	message->cid_size = cid.size();
	return 0;
}

int message_check_entry(const plugin_context &context, const cs_frame *frame, cs_outgoing *entry)
{
	const int rc = message_check_forwarded(context, frame);

	return rc ? rc : message_check_cid(context, frame, entry);
}

int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message)
{
	std::string_view text, time;
	int rc = field_text(context, frame, "msg", FIELD_REQUIRED, &text);

	if (rc == 0)
		rc = field_text(context, frame, "time", FIELD_OPTIONAL, &time);
	return rc ? rc : message_check_entry(context, frame, message);
}
