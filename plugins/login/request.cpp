/* SPDX-License-Identifier: MIT
 * Reads the fields of a LOGIN. */
#include "request.h"

#include <cstring>

#include <cjson/cJSON.h>

/* 0, or CS_REJECT after the request was refused. */
static int login_request_read_want(const plugin_context &c, const cs_frame *frame, login_want *want_r)
{
	const struct cJSON *tree = nullptr, *item;
	const char *const *words = c.host->want_words(c.self);
	const int rc = c.host->tree(frame, "want", &tree);

	if (rc == CS_ENOENT)
		return 0;
	if (rc != 0 || (tree->type & 0xff) != cJSON_Array)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "want must be an array of texts");
	want_r->is_there = true;
	cJSON_ArrayForEach(item, tree)
	{
		if ((item->type & 0xff) != cJSON_String)
			return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
			                      "want must be an array of texts");
		for (unsigned i = 0; words[i]; i++)
			if (strcmp(words[i], item->valuestring) == 0)
				want_r->mask |= UINT64_C(1) << i;
	}
	return 0;
}

static int login_request_refuse(const plugin_context &c, const cs_frame *frame, const char *text)
{
	return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s", text);
}

static int login_request_read_who(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	const bool has_name = c.host->has(frame, "name") != 0;

	if (has_name && c.host->has(frame, "id"))
		return login_request_refuse(c, frame, "either id or name, not both");
	if (!has_name)
		return field_integer(c, frame, "id", FIELD_REQUIRED, 1, &r->id);
	const int rc = field_text(c, frame, "name", FIELD_REQUIRED, &r->name);
	return rc == 0 && r->name.empty() ? login_request_refuse(c, frame, "name is empty") : rc;
}

static int login_request_read_device(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	const int rc = field_text(c, frame, "device", FIELD_OPTIONAL, &r->device);

	if (rc != 0 || !c.host->has(frame, "device"))
		return rc;
	if (r->device.empty() || r->device.size() > login_device_most)
		return login_request_refuse(c, frame, "device has 1 to 64 bytes");
	return 0;
}

static int login_request_read_proof(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	if (!c.host->has(frame, "token"))
		return field_text(c, frame, "password", FIELD_REQUIRED, &r->password);
	if (c.host->has(frame, "password"))
		return login_request_refuse(c, frame, "either password or token, not both");
	const int rc = field_text(c, frame, "token", FIELD_REQUIRED, &r->token);
	return rc == 0 && r->token.empty() ? login_request_refuse(c, frame, "token is empty") : rc;
}

int request_read(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	int rc = login_request_read_who(c, frame, r);

	if (rc == 0)
		rc = login_request_read_proof(c, frame, r);
	if (rc == 0)
		rc = field_flag(c, frame, "remember", FIELD_OPTIONAL, &r->remembers);
	if (rc == 0)
		rc = field_flag(c, frame, "ack", FIELD_OPTIONAL, &r->acknowledges);
	if (rc == 0)
		rc = field_flag(c, frame, "rosters", FIELD_OPTIONAL, &r->rosters);
	if (rc == 0)
		rc = login_request_read_device(c, frame, r);
	return rc == 0 ? login_request_read_want(c, frame, &r->want) : rc;
}
