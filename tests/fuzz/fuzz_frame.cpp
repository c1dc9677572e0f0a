/* SPDX-License-Identifier: MIT
 * Fuzz target of frames. The first byte of the input chooses the cuts; the rest is a stream of bytes as a client
 * would send it. */
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <cjson/cJSON.h>

#include "core/net/frame.h"
#include "fuzz.h"

struct cjson_delete {
	void operator()(cJSON *json) const
	{
		cJSON_Delete(json);
	}
};

/* Where a frame ends, by the plainest way: behind the } that balances its {, or behind a raw LF or NUL in a string.
 * 0: nowhere. */
static size_t end_of(std::string_view bytes)
{
	bool in_string = false, escaped = false;
	size_t depth = 0;

	for (size_t at = 0; at < bytes.size(); at++) {
		const char c = bytes[at];

		if (!in_string) {
			in_string = c == '"';
			depth += c == '{';
			if (c == '}' && --depth == 0)
				return at + 1;
		} else if (c == '\n' || c == '\0') {
			return at + 1;
		} else if (escaped) {
			escaped = false;
		} else {
			escaped = c == '\\';
			in_string = c != '"';
		}
	}
	return 0;
}

static enum frame_result parse(struct frame_parser *p, std::string_view bytes)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(bytes.begin(), bytes.end());

	return frame_parse(p, copy.data(), copy.size());
}

static void require_same(const struct frame_parser &a, const struct frame_parser &b)
{
	REQUIRE(a.at == b.at && a.fault == b.fault && a.fault_at == b.fault_at);
	REQUIRE(a.request.msgid == b.request.msgid && a.request.req == b.request.req);
	REQUIRE(a.members.size() == b.members.size() && a.decoded_keys == b.decoded_keys);
	for (size_t i = 0; i < a.members.size() && !a.fault; i++) {
		const struct frame_member *m = &a.members[i], *n = &b.members[i];

		REQUIRE(m->key_at == n->key_at && m->key_size == n->key_size && m->key_decoded == n->key_decoded);
		REQUIRE(m->value_at == n->value_at && m->value_size == n->value_size);
		REQUIRE(m->type == n->type && m->has_escapes == n->has_escapes);
	}
}

/* However the bytes are cut, the frame is the same, and found with its last byte. */
static void require_cuts_do_not_matter(std::string_view bytes, const struct frame_parser &whole, uint32_t seed)
{
	struct frame_parser p;

	for (size_t size = 0;;) {
		seed = seed * 1664525 + 1013904223;
		size = std::min(size + ((seed >> 24 & 3) != 0 ? (seed >> 16 & 15) + 1 : 1), bytes.size());
		const enum frame_result result = parse(&p, bytes.substr(0, size));

		REQUIRE((result == FRAME_COMPLETE) == (size >= whole.at));
		if (result == FRAME_COMPLETE)
			break;
	}
	require_same(p, whole);
}

/* Values below and with the item; the depth that it reaches. Each number is one that a double holds. */
static size_t count_values(const cJSON *item, unsigned depth, unsigned *deepest_r)
{
	const bool is_container = cJSON_IsObject(item) || cJSON_IsArray(item);
	size_t count = 1;

	REQUIRE(!cJSON_IsNumber(item) || std::isfinite(item->valuedouble));
	if (is_container && depth > *deepest_r)
		*deepest_r = depth;
	for (const cJSON *child = item->child; child; child = child->next)
		count += count_values(child, depth + 1, deepest_r);
	return count;
}

static void require_keys_once(const cJSON *fields)
{
	std::set<std::string> keys;

	for (const cJSON *child = fields->child; child; child = child->next)
		REQUIRE(keys.insert(child->string).second);
}

/* What a getter tells is what another reader of JSON finds. */
static void require_same_value(const struct cs_frame *frame, const cJSON *item)
{
	const struct cJSON *tree;
	const char *text = nullptr;
	size_t size = 0;
	int64_t number = 0;
	int flag = -1;
	const bool is_integer = cJSON_IsNumber(item) && std::trunc(item->valuedouble) == item->valuedouble &&
	                        std::fabs(item->valuedouble) <= static_cast<double>(CS_INTEGER_MAX);

	REQUIRE(frame_has(frame, item->string) == 1);
	REQUIRE(frame_get_integer(frame, item->string, INT64_MIN, INT64_MAX, &number) == (is_integer ? 0 : CS_EINVAL));
	REQUIRE(!is_integer || number == static_cast<int64_t>(item->valuedouble));
	REQUIRE(frame_get_text(frame, item->string, &text, &size) == (cJSON_IsString(item) ? 0 : CS_EINVAL));
	REQUIRE(!cJSON_IsString(item) || (strcmp(text, item->valuestring) == 0 && size == strlen(text)));
	REQUIRE(frame_get_flag(frame, item->string, &flag) == (cJSON_IsBool(item) ? 0 : CS_EINVAL));
	REQUIRE(flag == (cJSON_IsBool(item) ? cJSON_IsTrue(item) : -1));
	const int result = frame_get_tree(frame, item->string, &tree);

	REQUIRE(result == (cJSON_IsObject(item) || cJSON_IsArray(item) ? 0 : CS_EINVAL));
	REQUIRE(result != 0 || cJSON_GetArraySize(tree) == cJSON_GetArraySize(item));
}

/* What is forwarded is the sender's bytes with fields added: one frame again, and accepted again. */
static void require_can_be_forwarded(const std::string &bytes, const struct cs_frame *frame)
{
	const std::string forwarded = bytes.substr(0, bytes.size() - 1) + ",\"seq\":7,\"ts\":1700000000000}";
	struct frame_parser p;
	struct cs_error e = {""};

	REQUIRE(parse(&p, forwarded) == FRAME_COMPLETE && p.at == forwarded.size());
	REQUIRE(frame_fault(&p, &e) == 0 || strncmp(e.text, "more than", 9) == 0 || frame_has(frame, "seq") ||
	        frame_has(frame, "ts"));
	REQUIRE(p.request.msgid == frame->request.msgid && p.request.req == frame->request.req);
}

static void try_accepted(const std::string &bytes, const struct frame_parser *p)
{
	const std::unique_ptr<cJSON, cjson_delete> json(cJSON_ParseWithLength(bytes.data(), bytes.size()));
	struct frame_fields fields;
	unsigned deepest = 0;

	fields.parser = p;
	const struct cs_frame frame = {p->request, 0, 0, "", 0, bytes.data(), bytes.size(), &fields};

	/* One that a raw LF or NUL in a string has ended is refused. */
	REQUIRE(bytes.back() == '}');
	REQUIRE(cJSON_IsObject(json.get()));
	REQUIRE(count_values(json.get(), 1, &deepest) <= frame_most_values && deepest <= frame_most_depth);
	REQUIRE(static_cast<size_t>(cJSON_GetArraySize(json.get())) == p->members.size());
	require_keys_once(json.get());
	for (const cJSON *item = json->child; item; item = item->next)
		require_same_value(&frame, item);
	require_can_be_forwarded(bytes, &frame);
}

/* The first frame of the stream. Returns its size; 0: it is not whole, or the connection is lost. */
static size_t try_frame(std::string_view bytes, uint32_t seed)
{
	struct frame_parser p;
	struct cs_error e = {""};
	const size_t end = bytes.front() == '{' ? end_of(bytes) : 0;
	const enum frame_result result = parse(&p, bytes);

	REQUIRE((result == FRAME_BAD_BEGIN) == (bytes.front() != '{'));
	REQUIRE(result == FRAME_COMPLETE ? p.at == end : end == 0);
	if (end == 0)
		return 0;
	require_cuts_do_not_matter(bytes, p, seed);
	const std::string frame(bytes.substr(0, end));

	if (frame_fault(&p, &e) == 0) {
		try_accepted(frame, &p);
	} else {
		REQUIRE(e.text[0] != '\0' && p.fault_at < p.at);
		REQUIRE(p.request.req >= -1 && p.request.req <= CS_INTEGER_MAX);
	}
	return end;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);

	for (;;) {
		bytes.remove_prefix(frame_skip_blanks(bytes.data(), bytes.size()));
		const size_t used = bytes.empty() ? 0 : try_frame(bytes, data[0]);

		if (used == 0)
			return 0;
		bytes.remove_prefix(used);
	}
}
