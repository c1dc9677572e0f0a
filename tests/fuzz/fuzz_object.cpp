/* SPDX-License-Identifier: MIT
 * Fuzz target of the rewriting of stored frames: the input is a frame, or what is none. What the parser of frames
 * accepts can be rewritten, and is a frame again. */
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/frame.h"
#include "fuzz.h"
#include "plugins/shared/object.h"

static bool is_frame(struct frame_parser *p, std::string_view bytes)
{
	struct cs_error e = {};

	return frame_parse(p, bytes.data(), bytes.size()) == FRAME_COMPLETE && p->at == bytes.size() &&
	       frame_fault(p, &e) == 0;
}

/* The members are those that the parser of frames found. */
static void require_same_members(const struct frame_parser &p, std::string_view frame,
                                 const std::vector<object_member> &members)
{
	REQUIRE(members.size() == p.members.size());
	for (size_t i = 0; i < members.size(); i++) {
		const struct frame_member &m = p.members[i];

		REQUIRE(members[i].key == frame.substr(m.key_at, m.key_size));
		REQUIRE(members[i].value == frame.substr(m.value_at, m.value_size));
		if (m.key_decoded) {
			const std::string quoted = "\"" + std::string(members[i].key) + "\"";

			REQUIRE(object_text(quoted) == p.decoded_keys[m.key_decoded - 1u]);
		}
	}
}

/* What was set is found, what was removed is not, and all others are as they were. */
static void require_rewritten(const std::string &frame)
{
	std::vector<object_member> before, after;
	std::string object = frame;
	std::string_view old, value;

	REQUIRE(object_read(frame, &before) == 0 && object_find(frame, "msg", &old) == 0);
	const bool was_there = !old.empty();

	REQUIRE(object_set(&object, "msg", "\"}\\\"\"") == 0);
	REQUIRE(object_find(object, "msg", &value) == 0 && value == "\"}\\\"\"");
	REQUIRE(object.size() == frame.size() - old.size() + value.size() + (was_there ? 0 : strlen(",\"msg\":")));
	REQUIRE(object_read(object, &after) == 0 && after.size() == before.size() + (was_there ? 0 : 1));
	for (size_t i = 0; i < before.size(); i++)
		REQUIRE(after[i].key == before[i].key &&
		        (after[i].value == before[i].value || before[i].value.data() == old.data()));
	REQUIRE(object_remove(&object, "msg") == 0 && object_find(object, "msg", &value) == 0 && value.empty());
	REQUIRE(object_read(object, &after) == 0 && after.size() == before.size() - (was_there ? 1 : 0));
	object = frame;
	REQUIRE(object_keep(&object, {"msgid", "msg"}) == 0 && object_find(object, "msg", &value) == 0);
	REQUIRE(value == old && object_read(object, &after) == 0 && after.size() == (was_there ? 2u : 1u));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(data, data + size);
	const std::string_view bytes(copy.data(), copy.size());
	struct frame_parser p;
	std::vector<object_member> members;
	const int result = object_read(bytes, &members);

	REQUIRE(result == 0 || result == CS_EINVAL);
	for (const object_member &member : members) {
		REQUIRE(member.value.data() > member.key.data() && !member.value.empty());
		(void)object_text(member.value);
	}
	if (!is_frame(&p, bytes))
		return 0;
	REQUIRE(result == 0);
	require_same_members(p, bytes, members);
	require_rewritten(std::string(bytes));
	return 0;
}
