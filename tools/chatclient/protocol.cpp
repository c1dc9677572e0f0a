/* SPDX-License-Identifier: MIT
 * Writes requests and reads the fields of frames. */
#include "protocol.h"

#include <algorithm>
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

static void protocol_request_add_quoted(request *rq, std::string_view value)
{
	const size_t room = cs_json_quote(nullptr, 0, value.data(), value.size());
	const size_t before = rq->text.size();
	rq->text.resize(before + room);
	(void)cs_json_quote(rq->text.data() + before, room, value.data(), value.size());
}

void request_add_text(request *rq, const char *key, std::string_view value)
{
	protocol_request_add_key(rq, key);
	protocol_request_add_quoted(rq, value);
}

void request_add_texts(request *rq, const char *key, std::initializer_list<std::string_view> values)
{
	protocol_request_add_key(rq, key);
	for (const std::string_view &value : values) {
		rq->text += &value == values.begin() ? '[' : ',';
		protocol_request_add_quoted(rq, value);
	}
	rq->text += ']';
}

void request_add_truth(request *rq, const char *key, bool value)
{
	protocol_request_add_key(rq, key);
	rq->text += value ? "true" : "false";
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

static bool protocol_json_truth(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key)) != 0;
}

static std::vector<std::string> protocol_json_texts(const cJSON *object, const char *key)
{
	std::vector<std::string> texts;
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key)) if (cJSON_IsString(item))
		texts.emplace_back(item->valuestring);
	return texts;
}

/* What is given back as it came may be a number or a text. */
static std::string protocol_json_opaque(const cJSON *object, const char *key)
{
	const int64_t number = protocol_json_integer(object, key);

	return number >= 0 ? std::to_string(number) : protocol_json_text(object, key);
}

static frame protocol_frame_take(const cJSON *object);

static std::vector<frame> protocol_json_items(const cJSON *object)
{
	std::vector<frame> items;
	const cJSON *item;

	for (const char *key : {"messages", "conversations", "members", "contacts", "devices"})
		cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key)) if (cJSON_IsObject(item))
			items.push_back(protocol_frame_take(item));
	return items;
}

/* A sender may bring any member that the server does not add to this kind of frame. Those would lie here. */
static void protocol_frame_drop_foreign(frame *fr)
{
	switch (fr->msgid) {
	case CS_MSGID_CHAT: fr->group = -1; break;
	case CS_MSGID_GROUP_CHAT: fr->to = -1; break;
	case CS_MSGID_REMOVE_MEMBER:
	case CS_MSGID_SET_ROLE:
	case CS_MSGID_SET_GROUP:
	case CS_MSGID_MUTE: return;
	default: break;
	}
	fr->by_operator = false;
}

static frame protocol_frame_take(const cJSON *object)
{
	const cJSON *const last = cJSON_GetObjectItemCaseSensitive(object, "last");
	frame fr = {
		.msgid = protocol_json_integer(object, "msgid"),
		.of = protocol_json_integer(object, "of"),
		.req = protocol_json_integer(object, "req"),
		.error = protocol_json_integer(object, "errno"),
		.id = protocol_json_integer(object, "id"),
		.to = protocol_json_integer(object, "toid"),
		.group = protocol_json_integer(object, "groupid"),
		.peer = protocol_json_integer(object, "peer"),
		.account = protocol_json_integer(object, "account"),
		.seq = protocol_json_integer(object, "seq"),
		.ts = protocol_json_integer(object, "ts"),
		.until = protocol_json_integer(object, "until"),
		.delay = protocol_json_integer(object, "delay"),
		.unread = protocol_json_integer(object, "unread"),
		.read = protocol_json_integer(object, "read"),
		.edited = protocol_json_integer(object, "edited"),
		.recalled = protocol_json_integer(object, "recalled"),
		.invited = protocol_json_integer(object, "invited"),
		.seen = protocol_json_integer(object, "seen"),
		.members = protocol_json_integer(object, "members"),
		.more = protocol_json_truth(object, "more"),
		.ban = protocol_json_truth(object, "ban"),
		.online = protocol_json_truth(object, "online"),
		.is_friend = protocol_json_truth(object, "friend"),
		.friend_of = protocol_json_truth(object, "friend_of"),
		.blocked = protocol_json_truth(object, "blocked"),
		.by_operator = protocol_json_truth(object, "operator"),
		.name = protocol_json_text(object, "name"),
		.message = protocol_json_text(object, "msg"),
		.text = protocol_json_text(object, "text"),
		.time = protocol_json_text(object, "time"),
		.cid = protocol_json_text(object, "cid"),
		.kind = protocol_json_text(object, "kind"),
		.state = protocol_json_text(object, "state"),
		.role = protocol_json_text(object, "role"),
		.device = protocol_json_text(object, "device"),
		.join = protocol_json_text(object, "join"),
		.history = protocol_json_text(object, "history"),
		.group_name = protocol_json_text(object, "groupname"),
		.description = protocol_json_text(object, "groupdesc"),
		.next = protocol_json_opaque(object, "next"),
		.store = protocol_json_text(object, "store"),
		.token = protocol_json_text(object, "token"),
		.error_text = protocol_json_text(object, "errmsg"),
		.reason = protocol_json_text(object, "reason"),
		.have = protocol_json_texts(object, "have"),
		.offline = protocol_json_texts(object, "offlinemsg"),
		.friends = protocol_json_texts(object, "friends"),
		.groups = protocol_json_texts(object, "groups"),
		.items = protocol_json_items(object),
		.newest = {},
	};

	if (cJSON_IsObject(last))
		fr.newest.push_back(protocol_frame_take(last));
	protocol_frame_drop_foreign(&fr);
	return fr;
}

bool frame_read(std::string_view text, frame *frame_r)
{
	const json_ptr object = protocol_json_parse(text);

	if (!object)
		return false;
	*frame_r = protocol_frame_take(object.get());
	return frame_r->msgid >= 0;
}

bool protocol_has_word(const std::vector<std::string> &words, std::string_view word)
{
	return std::find(words.begin(), words.end(), word) != words.end();
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
