/* SPDX-License-Identifier: MIT
 * Owns the form of what is published: a version, the sender's address (6 bytes), then frames of type (1
 * byte), length (4 bytes) and body, numbers with the high byte first. It must not know what becomes of a
 * frame. The scripts write the same form (script.cpp). */
#include "bus_redis.h"

#include <charconv>

static constexpr char VERSION = 1;
static constexpr size_t HEAD = 7;

static uint64_t number(std::string_view bytes)
{
	uint64_t value = 0;

	for (const char byte : bytes)
		value = value << 8 | static_cast<unsigned char>(byte);
	return value;
}

static void add_number(std::string *bytes, uint64_t value, int size)
{
	for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
		bytes->push_back(static_cast<char>(value >> shift));
}

std::string rbus_wire_head(cs_bus_address sender)
{
	std::string bytes(1, VERSION);

	add_number(&bytes, sender, 6);
	return bytes;
}

void rbus_wire_add(std::string *bytes, enum rbus_frame_type type, std::string_view body)
{
	bytes->push_back(static_cast<char>(type));
	add_number(bytes, body.size(), 4);
	bytes->append(body);
}

int rbus_wire_parse(std::string_view message, cs_bus_address *sender_r, std::vector<rbus_frame> *frames_r)
{
	frames_r->clear();
	if (message.size() < HEAD || message[0] != VERSION)
		return CS_EINVAL;
	*sender_r = number(message.substr(1, 6));
	if (*sender_r == 0 || *sender_r > CS_BUS_ADDRESS_MAX)
		return CS_EINVAL;
	message.remove_prefix(HEAD);
	while (!message.empty()) {
		if (message.size() < RBUS_FRAME_HEAD || message[0] < RBUS_DATA || message[0] > RBUS_PROBE)
			return CS_EINVAL;
		const auto type = static_cast<enum rbus_frame_type>(message[0]);
		const size_t size = number(message.substr(1, 4));

		message.remove_prefix(RBUS_FRAME_HEAD);
		if (size > message.size())
			return CS_EINVAL;
		frames_r->push_back({type, message.substr(0, size)});
		message.remove_prefix(size);
	}
	return 0;
}

static bool parse_decimal(std::string_view text, uint64_t *value_r)
{
	const char *end = text.data() + text.size();
	const std::from_chars_result result = std::from_chars(text.data(), end, *value_r);

	return result.ec == std::errc() && result.ptr == end;
}

int rbus_wire_parse_session(std::string_view body, cs_account *account_r, cs_conn *conn_r)
{
	const size_t blank = body.find(' ');

	if (blank == body.npos || !parse_decimal(body.substr(0, blank), account_r) ||
	    !parse_decimal(body.substr(blank + 1), conn_r))
		return CS_EINVAL;
	return 0;
}
