/* SPDX-License-Identifier: MIT
 * The form of published messages.
 *
 * A message is the version of the envelope (1 byte), the address of the sender (6 bytes), then pieces, each with the
 * envelope of bus.h before it. Numbers have the low byte first. */
#include "bus_redis.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <endian.h>

static constexpr size_t rbus_head = 7;

std::string rbus_message_head(cs_bus_address sender)
{
	const uint64_t number = htole64(sender);

	return std::string(1, static_cast<char>(CS_ENVELOPE_VERSION))
	        .append(reinterpret_cast<const char *>(&number), rbus_head - 1);
}

std::string rbus_message_piece(enum rbus_kind kind)
{
	const struct cs_envelope envelope = {htole32(sizeof(envelope)), kind, 0, 0, 0, 0};

	return std::string(reinterpret_cast<const char *>(&envelope), sizeof(envelope));
}

/* Takes the next piece, of any kind. The server checks what is in a piece of its own. */
static int rbus_message_take(std::string_view *message, struct rbus_piece *piece_r)
{
	struct cs_envelope envelope;

	if (message->size() < sizeof(envelope))
		return CS_EINVAL;
	memcpy(&envelope, message->data(), sizeof(envelope));
	const size_t size = le32toh(envelope.size);

	if (size < sizeof(envelope) || size > message->size())
		return CS_EINVAL;
	piece_r->kind = envelope.kind & ~CS_ENVELOPE_CASUAL;
	piece_r->bytes = message->substr(0, size);
	piece_r->body = piece_r->bytes.substr(sizeof(envelope));
	message->remove_prefix(size);
	return 0;
}

int rbus_message_parse(std::string_view message, cs_bus_address *sender_r, std::vector<rbus_piece> *pieces_r)
{
	uint64_t number = 0;

	pieces_r->clear();
	if (message.size() < rbus_head || message[0] != static_cast<char>(CS_ENVELOPE_VERSION))
		return CS_EINVAL;
	memcpy(&number, message.data() + 1, rbus_head - 1);
	*sender_r = le64toh(number);
	if (*sender_r == 0 || *sender_r > CS_BUS_ADDRESS_MAX)
		return CS_EINVAL;
	message.remove_prefix(rbus_head);
	while (!message.empty()) {
		struct rbus_piece piece;

		if (rbus_message_take(&message, &piece))
			return CS_EINVAL;
		pieces_r->push_back(piece);
	}
	return 0;
}

/* Takes a number and the blank behind it, or the end. */
static bool rbus_take_decimal(std::string_view *text, uint64_t *value_r)
{
	const size_t blank = std::min(text->find(' '), text->size());
	const char *end = text->data() + blank;
	const std::from_chars_result result = std::from_chars(text->data(), end, *value_r);

	text->remove_prefix(std::min(blank + 1, text->size()));
	return result.ec == std::errc() && result.ptr == end;
}

static bool rbus_take_session(std::string_view *body, struct rbus_word *word_r)
{
	*word_r = {};
	return !body->ends_with(' ') && rbus_take_decimal(body, &word_r->account) &&
	       rbus_take_decimal(body, &word_r->device) && word_r->device <= CS_DEVICE_MAX &&
	       rbus_take_decimal(body, &word_r->conn);
}

int rbus_message_parse_session(std::string_view body, struct rbus_word *word_r)
{
	return rbus_take_session(&body, word_r) && body.empty() ? 0 : CS_EINVAL;
}

int rbus_message_parse_alone(std::string_view body, struct rbus_word *word_r)
{
	return rbus_take_session(&body, word_r) && rbus_take_decimal(&body, &word_r->generation) &&
	                       rbus_take_decimal(&body, &word_r->alone) && body.empty()
	               ? 0
	               : CS_EINVAL;
}
