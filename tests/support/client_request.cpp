/* SPDX-License-Identifier: MIT
 * The usual requests of a test client, and the reading of JSON. */
#include "tests/support/client.h"

#include <cstring>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/server.h"

int64_t json_integer(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsNumber(item) ? static_cast<int64_t>(item->valuedouble) : -1;
}

std::string json_text(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

bool json_has(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key) != nullptr;
}

bool json_matches(const cJSON *json, std::string_view members)
{
	const json_ptr expected(cJSON_Parse(std::string(members).c_str()));
	const cJSON *item;

	if (!expected)
		check_fail(test_at::current(), "not JSON: %.*s", (int)members.size(), members.data());
	cJSON_ArrayForEach(item, expected.get())
	{
		const cJSON *found = cJSON_GetObjectItemCaseSensitive(json, item->string);
		const bool wrong = cJSON_IsNull(item) ? found != nullptr : !cJSON_Compare(item, found, 1);

		if (wrong)
			return false;
	}
	return true;
}

std::vector<json_ptr> json_parse_all(const cJSON *json, const char *key)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, key), *item;
	std::vector<json_ptr> all;

	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item))
			check_fail(test_at::current(), "%s holds what is no string", key);
		all.emplace_back(cJSON_Parse(item->valuestring));
		if (!all.back())
			check_fail(test_at::current(), "%s holds no JSON text: %s", key, item->valuestring);
	}
	return all;
}

std::string json_quote(std::string_view text)
{
	std::string quoted = "\"";

	for (const char byte : text) {
		if (byte == '"' || byte == '\\')
			quoted += '\\';
		quoted += byte;
	}
	return quoted + "\"";
}

std::string client_new_name(std::string_view stem)
{
	static int count;

	return check_format("%.*s-%d-%d", static_cast<int>(stem.size()), stem.data(), static_cast<int>(getpid()),
	                    ++count);
}

int64_t client_register(test_client *c, std::string_view name, test_at at)
{
	client_sendf(c, "{\"msgid\":4,\"name\":%s,\"password\":\"secret\"}", json_quote(name).c_str());
	const test_frame ack = client_expect(c, "{\"msgid\":5,\"errno\":0}", at);
	const int64_t id = json_integer(ack.json.get(), "id");

	if (id < 1)
		client_fail(c, at, "REGISTER_ACK without an id");
	return id;
}

static void send_login(test_client *c, int64_t id, std::string_view more)
{
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"%.*s}", static_cast<long long>(id),
	             static_cast<int>(more.size()), more.data());
}

test_frame client_login(test_client *c, int64_t id, std::string_view more, test_at at)
{
	send_login(c, id, more);
	test_frame ack = client_expect(c, check_format("{\"msgid\":2,\"errno\":0,\"id\":%lld}", (long long)id), at);

	c->id = id;
	c->name = json_text(ack.json.get(), "name");
	return ack;
}

test_client *client_return(test_server *s, int64_t id, test_frame *ack_r, std::string_view more, test_at at)
{
	const int64_t end = check_now() + check_patience_ms();
	test_client *c = client_open(s, 0, at);

	for (;;) {
		send_login(c, id, more);
		test_frame ack = client_read(c, at);

		if (json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":0}")) {
			c->id = id;
			c->name = json_text(ack.json.get(), "name");
			if (ack_r)
				*ack_r = std::move(ack);
			return c;
		}
		if (!json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":2}") || check_now() > end)
			client_fail(c, at, "login of %lld refused", (long long)id);
		check_sleep_ms(5);
	}
}

test_client *client_enter(test_server *s, std::string_view stem, std::string_view more, test_at at)
{
	test_client *c = client_open(s, 0, at);

	client_login(c, client_register(c, client_new_name(stem), at), more, at);
	return c;
}

int64_t client_absent(test_server *s, std::string_view stem, test_at at)
{
	test_client *c = client_open(s, 0, at);
	const int64_t id = client_register(c, client_new_name(stem), at);

	client_close(c);
	return id;
}

void client_logout(test_client *c, test_at at)
{
	client_ask(c, 0, at, "{\"msgid\":3,\"id\":%lld", (long long)c->id);
}

void client_leave(test_client *c, test_at at)
{
	client_logout(c, at);
	client_close(c);
}

static void send_chat(test_client *c, int msgid, const char *key, int64_t to, std::string_view text,
                      std::string_view more)
{
	client_sendf(c,
	             "{\"msgid\":%d,\"id\":%lld,\"name\":%s,\"%s\":%lld,\"msg\":%s,"
	             "\"time\":\"2024-05-06 07:08:09\"%.*s}",
	             msgid, static_cast<long long>(c->id), json_quote(c->name).c_str(), key, static_cast<long long>(to),
	             json_quote(text).c_str(), static_cast<int>(more.size()), more.data());
}

void client_chat(test_client *c, int64_t to, std::string_view text, std::string_view more)
{
	send_chat(c, 6, "toid", to, text, more);
}

void client_group_chat(test_client *c, int64_t group, std::string_view text, std::string_view more)
{
	send_chat(c, 10, "groupid", group, text, more);
}

static int64_t chat_safely(test_client *c, int msgid, const char *key, int64_t to, std::string_view text,
                           std::string_view more, test_at at)
{
	const long long req = c->next_req++;

	send_chat(c, msgid, key, to, text,
	          check_format(",\"req\":%lld%.*s", req, static_cast<int>(more.size()), more.data()));
	const test_frame ack = client_read_answer(c, req, at);

	if (!json_matches(ack.json.get(), check_format("{\"of\":%d,\"errno\":0}", msgid)))
		client_fail(c, at, "refused: %s", ack.bytes.c_str());
	return json_integer(ack.json.get(), "seq");
}

int64_t client_chat_safely(test_client *c, int64_t to, std::string_view text, std::string_view more, test_at at)
{
	return chat_safely(c, 6, "toid", to, text, more, at);
}

int64_t client_group_chat_safely(test_client *c, int64_t group, std::string_view text, std::string_view more,
                                 test_at at)
{
	return chat_safely(c, 10, "groupid", group, text, more, at);
}

test_frame client_ask(test_client *c, int expected_errno, test_at at, const char *format, ...)
{
	const long long req = c->next_req++;
	char text[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	client_sendf(c, "%s,\"req\":%lld}", text, req);
	test_frame frame = client_read_answer(c, req, at);

	if (json_integer(frame.json.get(), "errno") != expected_errno)
		client_fail(c, at, "expected errno %d, got %s", expected_errno, frame.bytes.c_str());
	if ((expected_errno != 0) != json_has(frame.json.get(), "errmsg"))
		client_fail(c, at, "errmsg must be there on a refusal, and only then");
	return frame;
}

int64_t client_create_group(test_client *c, std::string_view name, test_at at)
{
	const test_frame ack = client_ask(c, 0, at, "{\"msgid\":8,\"id\":%lld,\"groupname\":%s,\"groupdesc\":\"talk\"",
	                                  (long long)c->id, json_quote(name).c_str());
	const int64_t id = json_integer(ack.json.get(), "groupid");

	if (id < 1)
		client_fail(c, at, "no groupid in the answer");
	return id;
}

void client_join_group(test_client *c, int64_t group, test_at at)
{
	client_ask(c, 0, at, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld", (long long)c->id, (long long)group);
}
