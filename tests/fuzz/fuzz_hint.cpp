/* SPDX-License-Identifier: MIT
 * Fuzz target of the mailbox's hints: the input is what an instance on another node sent. */
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../plugins/mailbox/hint.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(data, data + size);
	const std::string_view bytes(copy.data(), copy.size());
	mailbox_hint hint = {};
	std::string_view body;
	const char *why = nullptr;
	const int result = mailbox_hint_decode(bytes, &hint, &body, &why);

	REQUIRE(result == 0 || result == CS_EINVAL);
	if (result) {
		REQUIRE(why && *why);
		return 0;
	}
	REQUIRE(hint.type >= MAILBOX_HINT_STORED && hint.type <= MAILBOX_HINT_LOOK);
	REQUIRE(hint.kind == CS_CONVERSATION_PAIR || hint.kind == CS_CONVERSATION_GROUP);
	REQUIRE(body.size() <= bytes.size());
	REQUIRE(mailbox_hint_encode(hint, body) == bytes);
	return 0;
}
