/* SPDX-License-Identifier: MIT
 * Owns the fuzz target of frames: scanner, check and parser together. The first byte of the input chooses the cuts, the
 * rest is a stream of bytes as a client would send it. */
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/frame.h"

#define REQUIRE(condition)                                                                                   \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);        \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

/* What a stream was cut into. */
struct cut_stream {
	struct frame_scanner scanner;
	std::vector<std::string> frames;
	std::string part;
	size_t used = 0;
	bool lost = false;
};

static void feed(struct cut_stream *s, std::string_view piece)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(piece.begin(), piece.end());

	for (size_t at = 0; at < copy.size() && !s->lost;) {
		size_t begin, used;
		const enum frame_scan_result result =
			frame_scan(&s->scanner, copy.data() + at, copy.size() - at, &begin, &used);

		REQUIRE(begin <= used && used <= copy.size() - at);
		if (result == FRAME_MORE || result == FRAME_COMPLETE)
			s->part.append(copy.data() + at + begin, used - begin);
		REQUIRE(result == FRAME_COMPLETE || result == FRAME_BAD_BEGIN || at + used == copy.size());
		if (result == FRAME_COMPLETE) {
			s->frames.push_back(s->part);
			s->part.clear();
		}
		s->lost = result == FRAME_BAD_BEGIN;
		at += used;
		s->used += used;
	}
}

static void require_cuts_do_not_matter(std::string_view bytes, const struct cut_stream &whole, uint32_t seed)
{
	struct cut_stream s;

	for (size_t at = 0; at < bytes.size();) {
		seed = seed * 1664525 + 1013904223;
		const size_t size = seed >> 24 & 3 ? (seed >> 16 & 15) + 1 : 1;

		feed(&s, bytes.substr(at, size));
		at += size;
	}
	REQUIRE(s.frames == whole.frames && s.part == whole.part && s.lost == whole.lost &&
	        s.used == whole.used);
}

/* Values below and with the item; the depth that it reaches. Each number is one that a double holds. */
static size_t count_values(const cJSON *item, unsigned depth, unsigned *deepest_r)
{
	const bool is_container = cJSON_IsObject(item) || cJSON_IsArray(item);
	size_t count = 1;

	REQUIRE(!cJSON_IsNumber(item) || std::isfinite(item->valuedouble));
	if (is_container && depth > *deepest_r)
		*deepest_r = depth;
	for (const cJSON *child = item->child; child != nullptr; child = child->next)
		count += count_values(child, depth + 1, deepest_r);
	return count;
}

static void require_keys_once(const cJSON *fields)
{
	std::set<std::string> keys;

	for (const cJSON *child = fields->child; child != nullptr; child = child->next)
		REQUIRE(keys.insert(child->string).second);
}

/* The parser finds the same msgid and req as the check did. */
static void require_same_numbers(const struct cs_frame *frame)
{
	int64_t value = 0;

	REQUIRE(frame_get_integer(frame, "msgid", 1, UINT32_MAX, &value) == 0);
	REQUIRE(value == frame->request.msgid);
	const int result = frame_get_integer(frame, "req", 0, CS_INTEGER_MAX, &value);

	REQUIRE(frame->request.req == -1 ? result == CS_ENOENT : result == 0 && value == frame->request.req);
}

/* What is forwarded is the sender's bytes with fields added: one frame again, and accepted again. */
static void require_can_be_forwarded(const std::string &bytes, const struct cs_frame *frame)
{
	const std::string forwarded = bytes.substr(0, bytes.size() - 1) + ",\"seq\":7,\"ts\":1700000000000}";
	struct cut_stream s;
	struct cs_request request;
	struct cs_error e = {""};

	feed(&s, forwarded);
	REQUIRE(s.frames.size() == 1 && s.frames[0] == forwarded && s.part.empty() && !s.lost);
	const int result = frame_check(forwarded, &request, &e);

	REQUIRE(result == 0 || strncmp(e.text, "more than", 9) == 0 || frame_has(frame, "seq") ||
	        frame_has(frame, "ts"));
	REQUIRE(request.msgid == frame->request.msgid && request.req == frame->request.req);
}

static void try_frame(const std::string &bytes)
{
	const std::vector<char> copy(bytes.begin(), bytes.end());
	struct cs_frame frame = {};
	struct cs_error e = {""};
	cjson_ptr fields;
	unsigned deepest = 0;

	if (frame_parse({copy.data(), copy.size()}, &fields, &frame.request, &e) != 0) {
		/* The check must know the grammar better than the parser. */
		REQUIRE(e.text[0] != '\0' && strstr(e.text, "cannot be parsed") == nullptr);
		REQUIRE(frame.request.req >= -1 && frame.request.req <= CS_INTEGER_MAX);
		return;
	}
	frame.fields = fields.get();
	/* One that a raw LF or NUL in a string has ended is refused. */
	REQUIRE(bytes.back() == '}');
	REQUIRE(cJSON_IsObject(fields.get()));
	REQUIRE(count_values(fields.get(), 1, &deepest) <= frame_most_values && deepest <= frame_most_depth);
	require_keys_once(fields.get());
	require_same_numbers(&frame);
	require_can_be_forwarded(bytes, &frame);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
	struct cut_stream whole;

	feed(&whole, bytes);
	require_cuts_do_not_matter(bytes, whole, data[0]);
	for (const std::string &frame : whole.frames)
		try_frame(frame);
	/* The check alone also sees what no scanner would hand to it. */
	try_frame(std::string(bytes));
	return 0;
}
