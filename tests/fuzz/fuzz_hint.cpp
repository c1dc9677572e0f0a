/* SPDX-License-Identifier: MIT
 * Fuzz target of the mailbox's hints: the input is the head and the body of a parcel of another node. */
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../plugins/mailbox/hint.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const size_t head_size = std::min(size, sizeof(mailbox_hint));
	const std::vector<char> head(data, data + head_size), bytes(data + head_size, data + size);
	struct cs_shared shared = {bytes.data(), bytes.size()};
	const struct cs_parcel parcel = {head.data(), head.size(), bytes.empty() ? nullptr : &shared};
	mailbox_hint hint = {};
	std::string_view body;
	const char *why = nullptr;
	const int result = mailbox_hint_read(&parcel, &hint, &body, &why);

	REQUIRE(result == 0 || result == CS_EINVAL);
	if (result) {
		REQUIRE(why && *why);
		return 0;
	}
	REQUIRE(hint.type >= MAILBOX_HINT_STORED && hint.type <= MAILBOX_HINT_FOLLOWED);
	REQUIRE(hint.kind == CS_CONVERSATION_PAIR || hint.kind == CS_CONVERSATION_GROUP);
	REQUIRE(hint.seq <= static_cast<uint64_t>(CS_INTEGER_MAX));
	REQUIRE(body.size() == bytes.size());
	return 0;
}
