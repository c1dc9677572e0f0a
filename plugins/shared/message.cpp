/* SPDX-License-Identifier: MIT
 * Checks the fields that frames which are forwarded have in common. */
#include "message.h"

static const size_t message_cid_most = 64; /* bytes */

static int message_refuse(const plugin_context &context, const cs_frame *frame, int wire_errno, const char *why)
{
	return context.host->refuse(context.self, frame->conn, &frame->request, wire_errno, "%s", why);
}

/* The server adds them at the end of the frame, and a receiver could not tell them from forged ones. */
static int message_check_added(const plugin_context &context, const cs_frame *frame)
{
	static const char *const added[] = {"seq", "ts", "edited", "recalled"};

	for (const char *key : added)
		if (context.host->has(frame, key))
			return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
			                            "%s is the server's to add", key);
	return 0;
}

int message_check_entry(const plugin_context &context, const cs_frame *frame)
{
	std::string_view name = frame->name;
	int rc = field_text(context, frame, "name", FIELD_OPTIONAL, &name);

	if (rc == 0)
		rc = message_check_added(context, frame);
	if (rc == 0 && name != frame->name)
		rc = message_refuse(context, frame, CS_ERRNO_NOT_ALLOWED, "name is not this account's");
	return rc;
}

int message_check_cid(const plugin_context &context, const cs_frame *frame, cs_outgoing *message)
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

int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message)
{
	std::string_view text, time;
	int rc = field_text(context, frame, "msg", FIELD_REQUIRED, &text);

	if (rc == 0)
		rc = field_text(context, frame, "time", FIELD_OPTIONAL, &time);
	if (rc == 0)
		rc = message_check_entry(context, frame);
	if (rc == 0)
		rc = message_check_cid(context, frame, message);
	return rc;
}
