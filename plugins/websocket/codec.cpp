/* SPDX-License-Identifier: MIT
 * The frames of RFC 6455: reads heads, unmasks payload in place, and checks all that a client must not send. */
#include "codec.h"

#include <algorithm>
#include <cstring>

#include "utf8.h"

static constexpr uint8_t codec_last_bit = 0x80, codec_reserved_bits = 0x70, codec_opcode_bits = 0x0f;
static constexpr uint8_t codec_mask_bit = 0x80, codec_length_bits = 0x7f;
static constexpr uint8_t codec_length_2 = 126, codec_length_8 = 127; /* the length stands in so many more bytes */

static bool codec_is_control(uint8_t opcode)
{
	return opcode >= CODEC_CLOSE;
}

enum codec_failure : uint8_t {
	CODEC_FINE,
	CODEC_RESERVED_BIT,
	CODEC_UNKNOWN_OPCODE,
	CODEC_UNMASKED,
	CODEC_CONTROL_FRAGMENTED,
	CODEC_CONTROL_LONG,
	CODEC_NO_MESSAGE,
	CODEC_MESSAGE_INSIDE,
	CODEC_LENGTH_BIT,
	CODEC_LENGTH_FORM,
	CODEC_IS_BINARY,
	CODEC_NOT_UTF8,
	CODEC_UTF8_CUT
};

/* By enum codec_failure. */
static const struct {
	uint16_t status;
	const char *why;
} codec_failures[] = {
	{0, nullptr},
	{CODEC_STATUS_PROTOCOL, "a reserved bit is set"},
	{CODEC_STATUS_PROTOCOL, "unknown opcode"},
	{CODEC_STATUS_PROTOCOL, "a frame is not masked"},
	{CODEC_STATUS_PROTOCOL, "a control frame is fragmented"},
	{CODEC_STATUS_PROTOCOL, "a control frame is too long"},
	{CODEC_STATUS_PROTOCOL, "a continuation without a message"},
	{CODEC_STATUS_PROTOCOL, "a message begins inside another"},
	{CODEC_STATUS_PROTOCOL, "the length of a frame has its top bit set"},
	{CODEC_STATUS_PROTOCOL, "the length of a frame is written too long"},
	{CODEC_STATUS_TYPE, "a binary message"},
	{CODEC_STATUS_TEXT, "a message is not UTF-8"},
	{CODEC_STATUS_TEXT, "a message ends inside a character"},
};

/* ---- the head */

/* What is wrong with the first two bytes of a head, after what came before. */
static enum codec_failure codec_judge_start(const struct codec *c, uint8_t first, uint8_t second)
{
	const uint8_t opcode = first & codec_opcode_bits;

	if (first & codec_reserved_bits)
		return CODEC_RESERVED_BIT;
	if (opcode > CODEC_PONG || (opcode > CODEC_BINARY && opcode < CODEC_CLOSE))
		return CODEC_UNKNOWN_OPCODE;
	if (!(second & codec_mask_bit))
		return CODEC_UNMASKED;
	if (codec_is_control(opcode)) {
		if (!(first & codec_last_bit))
			return CODEC_CONTROL_FRAGMENTED;
		return (second & codec_length_bits) > codec_control_most ? CODEC_CONTROL_LONG : CODEC_FINE;
	}
	if (opcode == CODEC_CONTINUATION && !c->in_message)
		return CODEC_NO_MESSAGE;
	if (opcode != CODEC_CONTINUATION && c->in_message)
		return CODEC_MESSAGE_INSIDE;
	return opcode == CODEC_BINARY ? CODEC_IS_BINARY : CODEC_FINE;
}

/* The size of the head that begins with these two bytes. */
static size_t codec_head_size(uint8_t second)
{
	const uint8_t length = second & codec_length_bits;

	return 2 + 4 + (length == codec_length_2 ? 2u : length == codec_length_8 ? 8u : 0u);
}

static uint64_t codec_number(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Takes a whole head. */
static void codec_take_head(struct codec *c)
{
	const uint8_t length = c->head[1] & codec_length_bits;
	const size_t mask_at = codec_head_size(c->head[1]) - sizeof(c->mask);

	c->left = length < codec_length_2 ? length : codec_number(c->head + 2, mask_at - 2);
	if (c->left >> 63)
		c->failure = CODEC_LENGTH_BIT;
	else if ((length == codec_length_2 && c->left < codec_length_2) ||
	         (length == codec_length_8 && c->left <= 0xffff))
		c->failure = CODEC_LENGTH_FORM;
	if (c->failure)
		return;
	memcpy(c->mask, c->head + mask_at, sizeof(c->mask));
	c->opcode = c->head[0] & codec_opcode_bits;
	c->is_last = (c->head[0] & codec_last_bit) != 0;
	c->in_payload = true;
	c->head_size = 0;
	if (codec_is_control(c->opcode))
		return;
	if (c->opcode == CODEC_TEXT)
		c->utf8 = utf8_whole;
	c->in_message = true;
}

/* Reads one byte of a head, or more once it is known how long that is. */
static size_t codec_read_head(struct codec *c, const char *bytes, size_t size)
{
	if (c->head_size < 2) {
		c->head[c->head_size++] = static_cast<uint8_t>(bytes[0]);
		if (c->head_size < 2)
			return 1;
		c->failure = codec_judge_start(c, c->head[0], c->head[1]);
		return 1;
	}
	const size_t whole = codec_head_size(c->head[1]);
	const size_t used = std::min(size, whole - c->head_size);

	memcpy(c->head + c->head_size, bytes, used);
	c->head_size = static_cast<uint8_t>(c->head_size + used);
	if (c->head_size == whole)
		codec_take_head(c);
	return used;
}

/* ---- payload */

/* Unmasks eight bytes at a time, and turns the mask to the byte that comes next. */
static void codec_unmask(struct codec *c, char *bytes, size_t size)
{
	uint8_t eight[8];
	uint64_t mask;
	size_t i = 0;

	memcpy(eight, c->mask, 4);
	memcpy(eight + 4, c->mask, 4);
	memcpy(&mask, eight, sizeof(mask));
	for (; size - i >= sizeof(mask); i += sizeof(mask)) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof(word));
		word ^= mask;
		memcpy(bytes + i, &word, sizeof(word));
	}
	for (; i < size; i++)
		bytes[i] = static_cast<char>(static_cast<uint8_t>(bytes[i]) ^ c->mask[i % 4]);
	for (size_t k = 0; k < sizeof(c->mask); k++)
		c->mask[k] = eight[k + size % 4];
}

/* Ends the frame if its payload is whole. */
static void codec_end_frame(struct codec *c)
{
	if (c->left)
		return;
	c->in_payload = false;
	if (codec_is_control(c->opcode) || !c->is_last)
		return;
	c->in_message = false;
	if (c->utf8 != utf8_whole)
		c->failure = CODEC_UTF8_CUT;
}

static size_t codec_read_text(struct codec *c, char *bytes, size_t size, struct codec_found *found_r)
{
	size_t used = static_cast<size_t>(std::min<uint64_t>(size, c->left));
	size_t good;

	codec_unmask(c, bytes, used);
	good = utf8_check(&c->utf8, bytes, used);
	c->left -= used;
	if (good < used)
		c->failure = CODEC_NOT_UTF8;
	else
		codec_end_frame(c);
	/* The failure is reported by the next call, which needs a byte. */
	if (c->failure)
		used = good = good < used ? good : used - 1;
	if (good)
		*found_r = {.kind = CODEC_PART, .bytes = bytes, .size = good};
	return used;
}

static size_t codec_read_control(struct codec *c, char *bytes, size_t size, struct codec_found *found_r)
{
	const size_t used = static_cast<size_t>(std::min<uint64_t>(size, c->left));

	codec_unmask(c, bytes, used);
	c->left -= used;
	*found_r = {.kind = CODEC_CONTROL, .bytes = bytes, .size = used, .opcode = c->opcode, .is_end = c->left == 0};
	codec_end_frame(c);
	return used;
}

size_t codec_read(struct codec *c, char *bytes, size_t size, struct codec_found *found_r)
{
	size_t used = 0;

	*found_r = {.kind = CODEC_NOTHING};
	while (used < size && !c->failure && found_r->kind == CODEC_NOTHING) {
		if (!c->in_payload)
			used += codec_read_head(c, bytes + used, size - used);
		else if (codec_is_control(c->opcode))
			used += codec_read_control(c, bytes + used, size - used, found_r);
		else
			used += codec_read_text(c, bytes + used, size - used, found_r);
		/* A frame without payload is whole with its head. */
		if (c->in_payload && !c->left && !c->failure) {
			if (codec_is_control(c->opcode))
				(void)codec_read_control(c, bytes + used, 0, found_r);
			else
				codec_end_frame(c);
		}
	}
	if (c->failure && found_r->kind == CODEC_NOTHING) {
		*found_r = {.kind = CODEC_FAILED,
		            .status = codec_failures[c->failure].status,
		            .why = codec_failures[c->failure].why};
		return size;
	}
	return used;
}

/* ---- what the server sends */

size_t codec_head(size_t size, char *head_r)
{
	uint64_t length = size;
	const size_t bytes = size < codec_length_2 ? 0 : size <= 0xffff ? 2 : 8;

	head_r[0] = static_cast<char>(codec_last_bit | CODEC_TEXT);
	head_r[1] = static_cast<char>(bytes == 0 ? size : bytes == 2 ? codec_length_2 : codec_length_8);
	for (size_t i = bytes; i > 0; i--, length >>= 8)
		head_r[1 + i] = static_cast<char>(length & 0xff);
	return 2 + bytes;
}

size_t codec_control(enum codec_opcode opcode, std::string_view payload, char *frame_r)
{
	const size_t size = std::min(payload.size(), codec_control_most);

	frame_r[0] = static_cast<char>(codec_last_bit | opcode);
	frame_r[1] = static_cast<char>(size);
	/* The payload may be empty, and then it may be null. */
	std::copy_n(payload.data(), size, frame_r + 2);
	return 2 + size;
}

size_t codec_close(uint16_t status, std::string_view reason, char *frame_r)
{
	char payload[codec_control_most];
	const size_t size = std::min(reason.size(), sizeof(payload) - 2);

	if (!status)
		return codec_control(CODEC_CLOSE, {}, frame_r);
	payload[0] = static_cast<char>(status >> 8);
	payload[1] = static_cast<char>(status & 0xff);
	std::copy_n(reason.data(), size, payload + 2);
	return codec_control(CODEC_CLOSE, {payload, size + 2}, frame_r);
}

/* Those that RFC 6455 and IANA's registry let a peer send: 1004 to 1006 and 1015 are never on the wire. */
static bool codec_is_status(unsigned status)
{
	return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
	       (status >= 3000 && status <= 4999);
}

uint16_t codec_judge_close(std::string_view payload, uint16_t *status_r, const char **why_r)
{
	uint8_t utf8 = utf8_whole;

	*status_r = 0;
	if (payload.empty())
		return 0;
	if (payload.size() == 1) {
		*why_r = "a close frame of one byte";
		return CODEC_STATUS_PROTOCOL;
	}
	const auto status =
		static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]));

	payload.remove_prefix(2);
	if (!codec_is_status(status)) {
		*why_r = "a close frame with a wrong status";
		return CODEC_STATUS_PROTOCOL;
	}
	if (utf8_check(&utf8, payload.data(), payload.size()) != payload.size() || utf8 != utf8_whole) {
		*why_r = "the reason of a close frame is not UTF-8";
		return CODEC_STATUS_TEXT;
	}
	*status_r = status;
	return 0;
}
