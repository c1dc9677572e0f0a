/* SPDX-License-Identifier: MIT
 * Fuzz target of the messages of bus_redis: the input is a message that Redis brought. */
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../plugins/bus_redis/bus_redis.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(data, data + size);
	const std::string_view message(copy.data(), copy.size());
	cs_bus_address sender = 0;
	std::vector<rbus_piece> pieces;
	const int result = rbus_message_parse(message, &sender, &pieces);

	REQUIRE(result == 0 || result == CS_EINVAL);
	if (result)
		return 0;
	REQUIRE(sender != 0 && sender <= CS_BUS_ADDRESS_MAX);
	std::string again = rbus_message_head(sender);

	for (const rbus_piece &piece : pieces) {
		struct rbus_word word;

		again.append(piece.bytes);
		if (rbus_message_parse_session(piece.body, &word) == 0 ||
		    rbus_message_parse_alone(piece.body, &word) == 0)
			REQUIRE(piece.body.find_first_not_of("0123456789 ") == piece.body.npos);
	}
	REQUIRE(again == message);
	return 0;
}
