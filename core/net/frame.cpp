/* SPDX-License-Identifier: MIT
 * The parser of frames: one pass finds a frame's end, checks RFC 8259 and the limits of FRAMES in
 * chatserverd-protocol(7), and notes where each top-level member lies. */
#include "core/net/frame.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <cjson/cJSON.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base/log.h"
#include <base/wipe.h>

/* Longest number in bytes; cJSON reads no longer ones. */
static constexpr size_t frame_most_number = 63;
/* Each key is compared at once with this many first keys. No frame of the protocol has more. Later keys are compared
 * with each other at the frame's end, sorted, so that the cost of many keys does not grow with the square of their
 * number. */
static constexpr size_t frame_first_keys = 24;

/* Which byte may come next. */
enum frame_state : uint8_t {
	FRAME_BEGIN = 0,
	FRAME_FIRST_KEY, /* a key, or the object ends */
	FRAME_KEY,
	FRAME_COLON,
	FRAME_FIRST_VALUE, /* a value, or the array ends */
	FRAME_VALUE,
	FRAME_BEHIND_VALUE,
	FRAME_IN_STRING,
	FRAME_IN_NUMBER,
	FRAME_IN_WORD,
	FRAME_REFUSED, /* a mistake was found: only the frame's end is looked for */
	FRAME_END
};

/* Which part of a number was read last. */
enum frame_number : uint8_t {
	FRAME_MINUS,
	FRAME_ZERO,
	FRAME_DIGITS,
	FRAME_POINT,
	FRAME_FRACTION,
	FRAME_E,
	FRAME_E_SIGN,
	FRAME_EXPONENT
};

enum frame_field : uint8_t { FRAME_FIELD_OTHER = 0, FRAME_FIELD_MSGID, FRAME_FIELD_REQ };

/* ---- mistakes. The parser's functions return whether it can go on without more bytes. */

static bool frame_refuse(struct frame_parser *p, const char *fault, size_t fault_at)
{
	const auto open = static_cast<uint32_t>((uint64_t{1} << p->depth) - 1);

	p->fault = fault;
	p->fault_at = static_cast<uint32_t>(fault_at);
	p->in_text = p->state == FRAME_IN_STRING;
	p->level = p->depth;
	p->braces = static_cast<uint32_t>(std::popcount(p->objects & open));
	p->state = FRAME_REFUSED;
	return true;
}

static bool frame_refuse_byte(struct frame_parser *p)
{
	return frame_refuse(p, "unexpected byte", p->at);
}

/* The plain integer behind a key and its colon, or -1. */
static int64_t frame_integer_behind(std::string_view bytes, int64_t min, int64_t max)
{
	static const char blanks[] = " \t\r\n";
	const size_t colon = bytes.find_first_not_of(blanks);
	int64_t value = -1;

	if (colon == bytes.npos || bytes[colon] != ':')
		return -1;
	const size_t start = bytes.find_first_not_of(blanks, colon + 1);

	if (start == bytes.npos)
		return -1;
	const char *last = bytes.data() + bytes.size();
	const auto [end, error] = std::from_chars(bytes.data() + start, last, value);
	const bool is_whole = end != last && strchr(",} \t\r\n", *end) && *end != '\0';

	return error == std::errc() && is_whole && value >= min && value <= max ? value : -1;
}

/* The last string of the top level may have been the key msgid or req: reads its value, so that the refusal names the
 * request. To be called at a byte that is no part of an integer and neither colon nor blank. */
static void frame_salvage(struct frame_parser *p)
{
	if (!p->text_end)
		return;
	const std::string_view text(p->bytes + p->text_at, p->text_end - 1 - p->text_at);
	const std::string_view behind(p->bytes + p->text_end, p->at + 1 - p->text_end);

	p->text_end = 0;
	if (text == "req" && p->request.req == -1)
		p->request.req = frame_integer_behind(behind, 0, CS_INTEGER_MAX);
	if (text == "msgid" && !p->request.msgid)
		p->request.msgid =
			static_cast<uint32_t>(std::max(frame_integer_behind(behind, 1, UINT32_MAX), int64_t{0}));
}

/* The first position from at on whose byte is not plain text of one byte a character; size if there is none. */
static size_t frame_skip_plain(const char *bytes, size_t at, size_t size)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1f);

	for (; size - at >= 16; at += 16) {
		const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes + at));
		const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, backslash));
		/* Signed comparison: control characters and bytes from 0x80 on are not above 0x1f. */
		const int plain = _mm_movemask_epi8(_mm_andnot_si128(ends, _mm_cmpgt_epi8(part, last)));

		if (plain != 0xffff)
			return at + static_cast<size_t>(std::countr_one(static_cast<unsigned>(plain)));
	}
#endif
	while (at < size && bytes[at] != '"' && bytes[at] != '\\' && static_cast<unsigned char>(bytes[at]) >= 0x20 &&
	       static_cast<unsigned char>(bytes[at]) < 0x80)
		at++;
	return at;
}

/* A raw LF or NUL ends the whole frame, so a forgotten quote loses one line and not the frames behind it. */
static bool frame_ends_line(char c)
{
	return c == '\n' || c == '\0';
}

static bool frame_pass_string(struct frame_parser *p)
{
	while ((p->at = static_cast<uint32_t>(frame_skip_plain(p->bytes, p->at, p->size))) < p->size) {
		const char c = p->bytes[p->at];
		const bool escapes = c == '\\';

		if (escapes && p->at + 1 == p->size)
			return false;
		p->at += escapes ? 2 : 1;
		if (frame_ends_line(p->bytes[p->at - 1])) {
			p->state = FRAME_END;
			return false;
		}
		if (c == '"') {
			p->in_text = false;
			if (p->level == 1) {
				p->text_at = p->token_at + 1;
				p->text_end = p->at;
			}
			return true;
		}
	}
	return false;
}

/* Only braces and strings matter for the frame's end; brackets matter for where the top level is. */
static bool frame_pass_rest(struct frame_parser *p)
{
	if (p->in_text)
		return frame_pass_string(p);
	const char c = p->bytes[p->at];

	if (c == '"' || c == '{' || c == '}' || c == '[' || c == ']')
		frame_salvage(p);
	if (c == '"') {
		p->in_text = true;
		p->token_at = p->at;
	} else if (c == '{' || c == '[') {
		p->level++;
		p->braces += c == '{';
	} else if (c == '}' || c == ']') {
		p->level -= p->level > 0;
		p->braces -= c == '}';
	}
	p->at++;
	if (!p->braces)
		p->state = FRAME_END;
	return p->braces > 0;
}

/* ---- texts */

/* The value of a hexadecimal digit, or -1. */
static int frame_hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* The value of four hexadecimal digits. */
static unsigned frame_hex(const char *digits)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value * 16 + static_cast<unsigned>(frame_hex_digit(digits[i]));
	return value;
}

static char *frame_put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = static_cast<char>(c);
		return to;
	}
	if (c < 0x800) {
		*to++ = static_cast<char>(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = static_cast<char>(0xe0 | c >> 12);
		} else {
			*to++ = static_cast<char>(0xf0 | c >> 18);
			*to++ = static_cast<char>(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = static_cast<char>(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = static_cast<char>(0x80 | (c & 0x3f));
	return to;
}

/* Decodes a string that the parser has accepted. raw: the part between the quotes. The text is never longer than
 * raw. */
static size_t frame_decode(std::string_view raw, char *text)
{
	static const char from[] = "bfnrt", means[] = "\b\f\n\r\t";
	const char *at = raw.data(), *end = at + raw.size();
	char *to = text;

	while (at < end) {
		if (*at != '\\') {
			*to++ = *at++;
			continue;
		}
		if (at[1] != 'u') {
			const char *known = strchr(from, at[1]);

			*to++ = known ? means[known - from] : at[1];
			at += 2;
			continue;
		}
		unsigned c = frame_hex(at + 2);

		at += 6;
		if (c >= 0xd800 && c <= 0xdfff) {
			c = 0x10000 + (c - 0xd800) * 0x400 + frame_hex(at + 2) - 0xdc00;
			at += 6;
		}
		to = frame_put_utf8(to, c);
	}
	return static_cast<size_t>(to - text);
}

/* \uXXXX at p->at. Returns how many bytes it has; 0: it is incomplete or was refused. Surrogates are accepted only in
 * pairs. */
static size_t frame_unicode_escape(struct frame_parser *p)
{
	const char *escape = p->bytes + p->at;
	const size_t size = p->size - p->at;

	for (size_t i = 2; i < 6; i++) {
		if (i == size)
			return 0;
		if (frame_hex_digit(escape[i]) == -1) {
			frame_refuse(p, "\\u without four hexadecimal digits", p->at);
			return 0;
		}
	}
	const unsigned unit = frame_hex(escape + 2);

	if (unit == 0)
		frame_refuse(p, "\\u0000 in a string", p->at);
	if (unit < 0xd800 || unit > 0xdfff)
		return unit == 0 ? 0 : 6;
	/* The second surrogate must be \uDC00 to \uDFFF. */
	for (size_t i = 6; i < 12 && (i < size || unit >= 0xdc00); i++) {
		const char c = unit < 0xdc00 ? escape[i] : '\0';
		const bool fits = i == 6   ? c == '\\'
		                  : i == 7 ? c == 'u'
		                  : i == 8 ? c == 'd' || c == 'D'
		                  : i == 9 ? frame_hex_digit(c) >= 12
		                           : frame_hex_digit(c) != -1;

		if (!fits) {
			frame_refuse(p, "half a surrogate pair", p->at);
			return 0;
		}
	}
	return size >= 12 ? 12 : 0;
}

/* As frame_unicode_escape, for every kind of escape. */
static size_t frame_escape(struct frame_parser *p)
{
	if (p->size - p->at < 2)
		return 0;
	const char c = p->bytes[p->at + 1];

	p->has_escapes = true;
	if (c == 'u')
		return frame_unicode_escape(p);
	if (c != '\0' && strchr("\"\\/bfnrt", c))
		return 2;
	frame_refuse(p, "unknown escape in a string", p->at);
	return 0;
}

/* As frame_unicode_escape, for a character of more than one byte. The ranges are those of RFC 3629: no over-long form,
 * no surrogate. */
static size_t frame_utf8(struct frame_parser *p)
{
	const auto *c = reinterpret_cast<const unsigned char *>(p->bytes + p->at);
	const size_t size = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
	const size_t here = std::min(size, size_t{p->size - p->at});
	const unsigned char low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
	const unsigned char high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
	bool fits = c[0] >= 0xc2 && c[0] <= 0xf4 && (here < 2 || (c[1] >= low && c[1] <= high));

	for (size_t i = 2; i < here; i++)
		fits = fits && (c[i] & 0xc0) == 0x80;
	if (!fits)
		frame_refuse(p, "not valid UTF-8", p->at);
	return fits && here == size ? size : 0;
}

/* ---- keys of the top level */

static std::string_view frame_key(const struct frame_parser *p, const char *bytes, const struct frame_member *m)
{
	if (m->key_decoded)
		return p->decoded_keys[m->key_decoded - 1u];
	return {bytes + m->key_at, m->key_size};
}

static bool frame_same_text(std::string_view a, std::string_view b)
{
	/* Most keys differ in size or first byte; comparing these first saves a call. */
	return a.size() == b.size() && (a.empty() || (a[0] == b[0] && memcmp(a.data(), b.data(), a.size()) == 0));
}

static void frame_decode_key(struct frame_parser *p, struct frame_member *m)
{
	std::string text(m->key_size, '\0');

	text.resize(frame_decode({p->bytes + m->key_at, m->key_size}, text.data()));
	text.shrink_to_fit();
	p->decoded_keys.push_back(std::move(text));
	m->key_decoded = static_cast<uint16_t>(p->decoded_keys.size());
}

/* The bit of a key in frame_parser.kinds. */
static uint64_t frame_kind(std::string_view key)
{
	const unsigned first = key.empty() ? 0 : static_cast<unsigned char>(key[0]);

	return uint64_t{1} << ((first + key.size() * 8) & 63);
}

/* Whether the key is among the first frame_first_keys keys. */
static bool frame_has_key(const struct frame_parser *p, std::string_view key)
{
	const size_t known = std::min(p->members.size(), frame_first_keys);

	for (size_t i = 0; i < known; i++)
		if (frame_same_text(frame_key(p, p->bytes, &p->members[i]), key))
			return true;
	return false;
}

/* p->at is behind the key. false: the frame has the key already. */
static bool frame_note_key(struct frame_parser *p)
{
	struct frame_member m = {p->token_at + 1, p->at - p->token_at - 2, 0, 0, 0, FRAME_NULL, false};

	p->text_at = m.key_at;
	p->text_end = p->at;
	if (p->has_escapes)
		frame_decode_key(p, &m);
	const std::string_view key = frame_key(p, p->bytes, &m);
	const uint64_t kind = frame_kind(key);

	if ((p->kinds & kind) && frame_has_key(p, key))
		return !frame_refuse(p, "a key twice", p->token_at);
	p->kinds |= kind;
	p->field = key == "msgid" ? FRAME_FIELD_MSGID : key == "req" ? FRAME_FIELD_REQ : FRAME_FIELD_OTHER;
	p->members.push_back(m);
	return true;
}

/* Whether the keys behind the first ones differ from each other. */
static bool frame_more_keys_differ(struct frame_parser *p)
{
	std::vector<std::pair<std::string_view, uint32_t>> keys;

	for (size_t i = frame_first_keys; i < p->members.size(); i++)
		keys.emplace_back(frame_key(p, p->bytes, &p->members[i]), p->members[i].key_at - 1);
	std::sort(keys.begin(), keys.end());
	const auto twice = std::adjacent_find(keys.begin(), keys.end(),
	                                      [](const auto &a, const auto &b) { return a.first == b.first; });

	if (twice != keys.end())
		frame_refuse(p, "a key twice", (twice + 1)->second);
	return twice == keys.end();
}

/* ---- values */

static bool frame_in_object(const struct frame_parser *p)
{
	return (p->objects >> (p->depth - 1) & 1) != 0;
}

/* Reads the byte c if it is next. Most clients write no blanks, so this saves a step. */
static bool frame_take(struct frame_parser *p, char c)
{
	if (p->at == p->size || p->bytes[p->at] != c)
		return false;
	p->at++;
	return true;
}

/* p->at is behind the value. */
static bool frame_end_value(struct frame_parser *p)
{
	if (p->depth == 1)
		p->members.back().value_size = p->at - p->members.back().value_at;
	p->state = !frame_take(p, ',') ? FRAME_BEHIND_VALUE : frame_in_object(p) ? FRAME_KEY : FRAME_VALUE;
	return true;
}

static bool frame_end_string(struct frame_parser *p)
{
	p->at++;
	if (p->is_key) {
		p->state = FRAME_COLON;
		if (p->depth == 1 && !frame_note_key(p))
			return true;
		if (frame_take(p, ':'))
			p->state = FRAME_VALUE;
		return true;
	}
	if (p->depth == 1) {
		p->members.back().has_escapes = p->has_escapes;
		p->text_at = p->token_at + 1;
		p->text_end = p->at;
	}
	return frame_end_value(p);
}

static bool frame_read_string(struct frame_parser *p)
{
	while ((p->at = static_cast<uint32_t>(frame_skip_plain(p->bytes, p->at, p->size))) < p->size) {
		auto c = static_cast<unsigned char>(p->bytes[p->at]);

		if (c == '"')
			return frame_end_string(p);
		if (c < 0x20)
			return frame_refuse(p, "control character in a string", p->at);
		do {
			const size_t taken = c == '\\' ? frame_escape(p) : frame_utf8(p);

			p->at += static_cast<uint32_t>(taken);
			if (!taken)
				return p->state == FRAME_REFUSED;
			c = p->at < p->size ? static_cast<unsigned char>(p->bytes[p->at]) : 0;
		} while (c >= 0x80);
	}
	return false;
}

static void frame_begin_string(struct frame_parser *p, bool is_key)
{
	p->token_at = p->at++;
	p->state = FRAME_IN_STRING;
	p->is_key = is_key;
	p->has_escapes = false;
}

/* The double that a number of at most frame_most_number bytes means: HUGE_VAL if it is too large, 0 if it is too small.
 * The same in every locale. */
static double frame_number_double(std::string_view text)
{
	double value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (error != std::errc::result_out_of_range)
		return value;
	/* With so few digits the sign of the exponent decides between too large and too small. */
	return text.find('-', 1) == std::string_view::npos ? HUGE_VAL : 0;
}

/* The integer that an accepted number means. false: it is no integer, or not from min to max. min and max are no
 * further from 0 than CS_INTEGER_MAX. */
static bool frame_number_integer(std::string_view text, int64_t min, int64_t max, int64_t *value_r)
{
	const size_t first = text[0] == '-';
	size_t at = first;
	int64_t value = 0;

	while (at < text.size() && at < first + 15 && text[at] >= '0' && text[at] <= '9')
		value = value * 10 + (text[at++] - '0');
	if (at < text.size()) {
		const double exact = frame_number_double(text);

		if (!(exact >= static_cast<double>(min)) || !(exact <= static_cast<double>(max)) ||
		    std::trunc(exact) != exact)
			return false;
		value = static_cast<int64_t>(exact);
	} else if (first) {
		value = -value;
	}
	*value_r = value;
	return value >= min && value <= max;
}

/* p->at is behind the number. */
static bool frame_end_number(struct frame_parser *p)
{
	const std::string_view text(p->bytes + p->token_at, p->at - p->token_at);
	const uint8_t field = p->field;
	int64_t value;

	p->field = FRAME_FIELD_OTHER;
	if (text.size() > frame_most_number)
		return frame_refuse(p, "a number of more than 63 characters", p->token_at);
	if (field == FRAME_FIELD_MSGID) {
		if (!frame_number_integer(text, 1, UINT32_MAX, &value))
			return frame_refuse(p, "msgid is no integer from 1 to 4294967295", p->token_at);
		p->request.msgid = static_cast<uint32_t>(value);
	} else if (field == FRAME_FIELD_REQ) {
		if (!frame_number_integer(text, 0, CS_INTEGER_MAX, &value))
			return frame_refuse(p, "req is no integer from 0 to 9007199254740991", p->token_at);
		p->request.req = value;
	} else if (p->number == FRAME_EXPONENT && std::isinf(frame_number_double(text))) {
		/* Without an exponent, 63 digits are never too large. */
		return frame_refuse(p, "a number that no double holds", p->token_at);
	}
	return frame_end_value(p);
}

/* The part that follows in a number after this one; -1: the number may end here; -2: it may not. */
static int frame_next_part(uint8_t part, char c)
{
	const bool is_digit = c >= '0' && c <= '9', is_e = c == 'e' || c == 'E';

	switch (part) {
	case FRAME_MINUS: return !is_digit ? -2 : c == '0' ? FRAME_ZERO : FRAME_DIGITS;
	case FRAME_ZERO: return c == '.' ? FRAME_POINT : is_e ? FRAME_E : -1;
	case FRAME_DIGITS: return is_digit ? FRAME_DIGITS : c == '.' ? FRAME_POINT : is_e ? FRAME_E : -1;
	case FRAME_POINT: return is_digit ? FRAME_FRACTION : -2;
	case FRAME_FRACTION: return is_digit ? FRAME_FRACTION : is_e ? FRAME_E : -1;
	case FRAME_E: return is_digit ? FRAME_EXPONENT : c == '+' || c == '-' ? FRAME_E_SIGN : -2;
	case FRAME_E_SIGN: return is_digit ? FRAME_EXPONENT : -2;
	default: return is_digit ? FRAME_EXPONENT : -1;
	}
}

static bool frame_read_number(struct frame_parser *p)
{
	uint32_t at = p->at;

	if (p->number == FRAME_DIGITS)
		while (at < p->size && p->bytes[at] >= '0' && p->bytes[at] <= '9')
			at++;
	for (; at < p->size; at++) {
		const int next = frame_next_part(p->number, p->bytes[at]);

		if (next < 0) {
			p->at = at;
			return next == -1 ? frame_end_number(p) : frame_refuse_byte(p);
		}
		p->number = static_cast<uint8_t>(next);
	}
	p->at = at;
	return false;
}

static const char *frame_word_of(char first)
{
	return first == 't' ? "true" : first == 'f' ? "false" : first == 'n' ? "null" : nullptr;
}

static bool frame_read_word(struct frame_parser *p)
{
	const char *word = frame_word_of(p->bytes[p->token_at]);

	for (; p->at < p->size; p->at++) {
		const char expected = word[p->at - p->token_at];

		if (expected == '\0')
			return frame_end_value(p);
		if (p->bytes[p->at] != expected)
			return frame_refuse(p, "unexpected byte", p->token_at);
	}
	return false;
}

static bool frame_open(struct frame_parser *p, bool is_object)
{
	if (p->depth == frame_most_depth)
		return frame_refuse(p, "nested deeper than 32", p->at);
	p->objects = (p->objects & ~(1u << p->depth)) | static_cast<unsigned>(is_object) << p->depth;
	p->depth++;
	p->at++;
	p->state = is_object ? FRAME_FIRST_KEY : FRAME_FIRST_VALUE;
	return true;
}

/* The object or array ends at p->at. */
static bool frame_close(struct frame_parser *p)
{
	p->at++;
	p->depth--;
	if (p->depth)
		return frame_end_value(p);
	p->state = FRAME_END;
	return false;
}

static bool frame_is_number(char c)
{
	return c == '-' || (c >= '0' && c <= '9');
}

static enum frame_type frame_type_of(char c)
{
	switch (c) {
	case '"': return FRAME_TEXT;
	case '{': return FRAME_OBJECT;
	case '[': return FRAME_ARRAY;
	case 't': return FRAME_TRUE;
	case 'f': return FRAME_FALSE;
	default: return frame_is_number(c) ? FRAME_NUMBER : FRAME_NULL;
	}
}

static bool frame_begin_value(struct frame_parser *p, char c)
{
	if (++p->values > frame_most_values)
		return frame_refuse(p, "more than 2048 values", p->at);
	if (p->field && !frame_is_number(c))
		return frame_refuse(p, p->field == FRAME_FIELD_MSGID ? "msgid is no integer" : "req is no integer",
		                    p->at);
	if (p->depth == 1) {
		p->members.back().value_at = p->at;
		p->members.back().type = frame_type_of(c);
	}
	if (c == '"') {
		frame_begin_string(p, false);
	} else if (frame_is_number(c)) {
		p->number = c == '-' ? FRAME_MINUS : c == '0' ? FRAME_ZERO : FRAME_DIGITS;
		p->token_at = p->at++;
		p->state = FRAME_IN_NUMBER;
	} else if (c == '{' || c == '[') {
		return frame_open(p, c == '{');
	} else if (frame_word_of(c)) {
		p->token_at = p->at++;
		p->state = FRAME_IN_WORD;
	} else {
		return frame_refuse_byte(p);
	}
	return true;
}

/* ---- the whole */

static bool frame_is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool frame_read_key(struct frame_parser *p, char c)
{
	if (c != '"')
		return frame_refuse_byte(p);
	frame_begin_string(p, true);
	return true;
}

static bool frame_read_colon(struct frame_parser *p, char c)
{
	if (c != ':')
		return frame_refuse_byte(p);
	p->at++;
	p->state = FRAME_VALUE;
	return true;
}

static bool frame_read_behind_value(struct frame_parser *p, char c)
{
	const bool in_object = frame_in_object(p);

	if (c == (in_object ? '}' : ']'))
		return frame_close(p);
	if (c != ',')
		return frame_refuse_byte(p);
	p->at++;
	p->state = in_object ? FRAME_KEY : FRAME_VALUE;
	return true;
}

static bool frame_step(struct frame_parser *p)
{
	const char c = p->bytes[p->at];

	if (p->state < FRAME_IN_STRING && frame_is_blank(c)) {
		p->at++;
		return true;
	}
	switch (p->state) {
	case FRAME_FIRST_KEY: return c == '}' ? frame_close(p) : frame_read_key(p, c);
	case FRAME_KEY: return frame_read_key(p, c);
	case FRAME_COLON: return frame_read_colon(p, c);
	case FRAME_FIRST_VALUE: return c == ']' ? frame_close(p) : frame_begin_value(p, c);
	case FRAME_VALUE: return frame_begin_value(p, c);
	case FRAME_BEHIND_VALUE: return frame_read_behind_value(p, c);
	case FRAME_IN_STRING: return frame_read_string(p);
	case FRAME_IN_NUMBER: return frame_read_number(p);
	case FRAME_IN_WORD: return frame_read_word(p);
	default: return frame_pass_rest(p);
	}
}

static void frame_begin(struct frame_parser *p)
{
	p->at = 1;
	p->depth = 1;
	p->objects = 1;
	p->values = 1;
	p->state = FRAME_FIRST_KEY;
}

static void frame_end(struct frame_parser *p)
{
	if (!p->fault && (p->members.size() <= frame_first_keys || frame_more_keys_differ(p)) && !p->request.msgid)
		p->fault = "msgid is missing";
	p->state = FRAME_END;
	p->bytes = nullptr;
}

enum frame_result frame_parse(struct frame_parser *p, const char *bytes, size_t size)
{
	if (p->state == FRAME_BEGIN && size > 0) {
		if (bytes[0] != '{')
			return FRAME_BAD_BEGIN;
		frame_begin(p);
	}
	p->bytes = bytes;
	p->size = static_cast<uint32_t>(size);
	while (p->at < p->size && frame_step(p)) {}
	if (p->state != FRAME_END)
		return FRAME_MORE;
	frame_end(p);
	return FRAME_COMPLETE;
}

size_t frame_skip_blanks(const char *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && (frame_is_blank(bytes[at]) || bytes[at] == '\0'))
		at++;
	return at;
}

int frame_fault(const struct frame_parser *p, struct cs_error *e)
{
	if (!p->fault)
		return 0;
	/* The { is at byte 0, so no mistake is there. */
	if (p->fault_at)
		error_set(e, "%s at byte %u", p->fault, p->fault_at);
	else
		error_set(e, "%s", p->fault);
	return CS_EINVAL;
}

void frame_reset(struct frame_parser *p)
{
	std::vector<struct frame_member> members = std::move(p->members);
	std::vector<std::string> decoded_keys = std::move(p->decoded_keys);

	members.clear();
	decoded_keys.clear();
	*p = {};
	p->members = std::move(members);
	p->decoded_keys = std::move(decoded_keys);
}

size_t frame_parser_memory(const struct frame_parser *p)
{
	const size_t keys = p->decoded_keys.capacity();

	/* Decoded keys are never longer than the frame. */
	return sizeof *p + p->members.capacity() * sizeof(struct frame_member) +
	       (keys ? keys * sizeof(std::string) + p->at : 0);
}

/* ---- fields */

static const struct frame_fields *frame_fields_of(const struct cs_frame *f)
{
	return static_cast<const struct frame_fields *>(f->fields);
}

static const struct frame_member *frame_find(const struct cs_frame *f, const char *key)
{
	const struct frame_parser *p = frame_fields_of(f)->parser;
	const std::string_view wanted = key;

	if (!(p->kinds & frame_kind(wanted)))
		return nullptr;
	for (const struct frame_member &m : p->members)
		if ((m.key_size == wanted.size() || m.key_decoded) &&
		    frame_same_text(frame_key(p, f->bytes, &m), wanted))
			return &m;
	return nullptr;
}

int frame_get_integer(const struct cs_frame *f, const char *key, int64_t min, int64_t max, int64_t *value_r)
{
	const struct frame_member *m = frame_find(f, key);
	int64_t value;

	if (!m)
		return CS_ENOENT;
	if (m->type != FRAME_NUMBER ||
	    !frame_number_integer({f->bytes + m->value_at, m->value_size}, std::max(min, -CS_INTEGER_MAX),
	                          std::min(max, CS_INTEGER_MAX), &value))
		return CS_EINVAL;
	*value_r = value;
	return 0;
}

frame_fields::~frame_fields()
{
	if (texts_end > texts_begin)
		wipe_bytes((long_texts ? long_texts.get() : short_texts) + texts_begin, texts_end - texts_begin);
}

static char *frame_texts(const struct frame_fields *fields)
{
	const size_t size = fields->parser->at;

	if (size <= sizeof fields->short_texts)
		return fields->short_texts;
	if (!fields->long_texts)
		fields->long_texts = std::make_unique_for_overwrite<char[]>(size);
	return fields->long_texts.get();
}

int frame_get_text(const struct cs_frame *f, const char *key, const char **text_r, size_t *size_r)
{
	const struct frame_member *m = frame_find(f, key);

	if (!m)
		return CS_ENOENT;
	if (m->type != FRAME_TEXT)
		return CS_EINVAL;
	const std::string_view raw(f->bytes + m->value_at + 1, m->value_size - 2);
	const struct frame_fields *fields = frame_fields_of(f);
	char *text = frame_texts(fields) + m->value_at;
	size_t size = raw.size();

	if (m->has_escapes)
		size = frame_decode(raw, text);
	else
		memcpy(text, raw.data(), size);
	text[size] = '\0';
	fields->texts_begin = std::min<size_t>(fields->texts_begin, m->value_at);
	fields->texts_end = std::max(fields->texts_end, m->value_at + raw.size());
	*text_r = text;
	*size_r = size;
	return 0;
}

int frame_get_flag(const struct cs_frame *f, const char *key, int *value_r)
{
	const struct frame_member *m = frame_find(f, key);

	if (!m)
		return CS_ENOENT;
	if (m->type != FRAME_TRUE && m->type != FRAME_FALSE)
		return CS_EINVAL;
	*value_r = m->type == FRAME_TRUE;
	return 0;
}

int frame_has(const struct cs_frame *f, const char *key)
{
	return frame_find(f, key) ? 1 : 0;
}

void frame_tree_deleter::operator()(struct cJSON *tree) const
{
	cJSON_Delete(tree);
}

int frame_get_tree(const struct cs_frame *f, const char *key, const struct cJSON **tree_r)
{
	const struct frame_member *m = frame_find(f, key);
	std::vector<struct frame_tree> *trees = &frame_fields_of(f)->trees;

	if (!m)
		return CS_ENOENT;
	if (m->type != FRAME_ARRAY && m->type != FRAME_OBJECT)
		return CS_EINVAL;
	for (const struct frame_tree &tree : *trees)
		if (tree.member == m) {
			*tree_r = tree.root.get();
			return 0;
		}
	cJSON *root = cJSON_ParseWithLength(f->bytes + m->value_at, m->value_size);

	if (!root)
		abort(); /* what the parser has accepted fails for want of memory only */
	trees->push_back({m, {root, {}}});
	*tree_r = root;
	return 0;
}
