/* SPDX-License-Identifier: MIT
 * Writes requests and reads the fields of frames. */
#include "protocol.h"

#include <memory>

#include <cjson/cJSON.h>

#include <chatserverd/json.h>
#include <chatserverd/msgid.h>

#include <base/raii.h>

using json_ptr = std::unique_ptr<cJSON, function_deleter<cJSON_Delete>>;

request request_begin(int msgid, uint64_t req)
{
	request rq;

	rq.text = "{\"msgid\":" + std::to_string(msgid);
	request_add_integer(&rq, "req", req);
	return rq;
}

static void protocol_request_add_key(request *rq, const char *key)
{
	rq->text += ",\"";
	rq->text += key;
	rq->text += "\":";
}

void request_add_integer(request *rq, const char *key, uint64_t value)
{
	protocol_request_add_key(rq, key);
	rq->text += std::to_string(value);
}

void request_add_text(request *rq, const char *key, std::string_view value)
{
	protocol_request_add_key(rq, key);
	const size_t room = cs_json_quote(nullptr, 0, value.data(), value.size());
	const size_t before = rq->text.size();
	rq->text.resize(before + room);
	(void)cs_json_quote(rq->text.data() + before, room, value.data(), value.size());
}

void request_add_true(request *rq, const char *key)
{
	protocol_request_add_key(rq, key);
	rq->text += "true";
}

std::string request_end(request *rq)
{
	rq->text += "}\n";
	return std::move(rq->text);
}

static json_ptr protocol_json_parse(std::string_view text)
{
	json_ptr object(cJSON_ParseWithLength(text.data(), text.size()));

	if (object && !cJSON_IsObject(object.get()))
		object.reset();
	return object;
}

static int64_t protocol_json_integer(const cJSON *object, const char *key)
{
	const cJSON *const item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
	    item->valuedouble > static_cast<double>(CS_INTEGER_MAX))
		return -1;
	const int64_t value = static_cast<int64_t>(item->valuedouble);
	return static_cast<double>(value) == item->valuedouble ? value : -1;
}

static std::string protocol_json_text(const cJSON *object, const char *key)
{
	const cJSON *const item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : std::string();
}

static std::vector<std::string> protocol_json_texts(const cJSON *object, const char *key)
{
	std::vector<std::string> texts;
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key)) if (cJSON_IsString(item))
		texts.emplace_back(item->valuestring);
	return texts;
}

bool frame_read(std::string_view text, frame *frame_r)
{
	const json_ptr object = protocol_json_parse(text);

	if (!object)
		return false;
	*frame_r = {
		.msgid = protocol_json_integer(object.get(), "msgid"),
		.of = protocol_json_integer(object.get(), "of"),
		.req = protocol_json_integer(object.get(), "req"),
		.error = protocol_json_integer(object.get(), "errno"),
		.id = protocol_json_integer(object.get(), "id"),
		.group = protocol_json_integer(object.get(), "groupid"),
		.seq = protocol_json_integer(object.get(), "seq"),
		.ts = protocol_json_integer(object.get(), "ts"),
		.name = protocol_json_text(object.get(), "name"),
		.message = protocol_json_text(object.get(), "msg"),
		.time = protocol_json_text(object.get(), "time"),
		.error_text = protocol_json_text(object.get(), "errmsg"),
		.offline = protocol_json_texts(object.get(), "offlinemsg"),
		.friends = protocol_json_texts(object.get(), "friends"),
		.groups = protocol_json_texts(object.get(), "groups"),
	};
	return frame_r->msgid >= 0;
}

bool frame_read_person(std::string_view text, person *person_r)
{
	const json_ptr object = protocol_json_parse(text);

	if (!object)
		return false;
	*person_r = {
		.id = protocol_json_integer(object.get(), "id"),
		.name = protocol_json_text(object.get(), "name"),
		.state = protocol_json_text(object.get(), "state"),
		.role = protocol_json_text(object.get(), "role"),
	};
	return person_r->id > 0;
}

bool frame_read_group(std::string_view text, group_info *group_r)
{
	const json_ptr object = protocol_json_parse(text);

	if (!object)
		return false;
	*group_r = {
		.id = protocol_json_integer(object.get(), "id"),
		.name = protocol_json_text(object.get(), "groupname"),
		.description = protocol_json_text(object.get(), "groupdesc"),
		.members = {},
	};
	for (const std::string &member : protocol_json_texts(object.get(), "users")) {
		person reader;
		if (frame_read_person(member, &reader))
			group_r->members.push_back(std::move(reader));
	}
	return group_r->id > 0;
}
