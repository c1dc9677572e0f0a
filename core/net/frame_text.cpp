/* SPDX-License-Identifier: MIT
 * Owns the strings of a frame: UTF-8, escapes, what they mean. It must not know what is a key and what a value. */
#include "core/net/frame_internal.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base/log.h"

int frame_fail(struct frame_checker *k, const char *what, const char *where)
{
	error_set(k->error, "%s at byte %zu", what, static_cast<size_t>(where - k->begin));
	return CS_EINVAL;
}

int frame_unexpected(struct frame_checker *k)
{
	if (k->at == k->end)
		return frame_fail(k, "the frame ends too early", k->at);
	return frame_fail(k, "unexpected byte", k->at);
}

/* The value of four hexadecimal digits at p, or -1. */
static int text_hex(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char c = p[i];
		const int digit = c >= '0' && c <= '9'   ? c - '0'
		                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
		                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                         : -1;

		if (digit == -1)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* \uXXXX, k->at on the backslash. Surrogates come in pairs only. */
static int text_unicode_escape(struct frame_checker *k)
{
	const int unit = text_hex(k->at + 2, k->end);

	if (unit == -1)
		return frame_fail(k, "\\u without four hexadecimal digits", k->at);
	if (unit == 0)
		return frame_fail(k, "\\u0000 in a string", k->at);
	if (unit < 0xd800 || unit > 0xdfff) {
		k->at += 6;
		return 0;
	}
	const bool has_second = unit < 0xdc00 && k->end - k->at >= 12 && k->at[6] == '\\' && k->at[7] == 'u';
	const int second = has_second ? text_hex(k->at + 8, k->end) : -1;

	if (second < 0xdc00 || second > 0xdfff)
		return frame_fail(k, "half a surrogate pair", k->at);
	k->at += 12;
	return 0;
}

static int text_escape(struct frame_checker *k)
{
	if (k->end - k->at < 2)
		return frame_unexpected(k);
	if (k->at[1] == 'u')
		return text_unicode_escape(k);
	if (k->at[1] == '\0' || strchr("\"\\/bfnrt", k->at[1]) == nullptr)
		return frame_fail(k, "unknown escape in a string", k->at);
	k->at += 2;
	return 0;
}

/* One character of more than one byte: the ranges of RFC 3629, so no over-long form, no surrogate. */
static int text_utf8(struct frame_checker *k)
{
	const auto *p = reinterpret_cast<const unsigned char *>(k->at);
	const size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	const unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	const unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;

	if (p[0] < 0xc2 || p[0] > 0xf4 || static_cast<size_t>(k->end - k->at) < size || p[1] < low ||
	    p[1] > high)
		return frame_fail(k, "not valid UTF-8", k->at);
	for (size_t i = 2; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return frame_fail(k, "not valid UTF-8", k->at);
	k->at += size;
	return 0;
}

/* The first byte from p on that is not plain text of one byte per character, or end. */
static const char *text_skip_plain(const char *p, const char *end)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1f);

	for (; end - p >= 16; p += 16) {
		const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
		const __m128i ends =
			_mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, backslash));
		/* Signed: what is not above 0x1f is a control character or a byte from 0x80 on. */
		const int plain = _mm_movemask_epi8(_mm_andnot_si128(ends, _mm_cmpgt_epi8(part, last)));

		if (plain != 0xffff)
			return p + __builtin_ctz(~static_cast<unsigned>(plain));
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20 &&
	       static_cast<unsigned char>(*p) < 0x80)
		p++;
	return p;
}

int frame_check_string(struct frame_checker *k, bool *has_escapes_r)
{
	*has_escapes_r = false;
	for (k->at++; (k->at = text_skip_plain(k->at, k->end)) < k->end;) {
		const auto c = static_cast<unsigned char>(*k->at);
		int result = 0;

		if (c == '"') {
			k->at++;
			return 0;
		}
		if (c == '\\') {
			*has_escapes_r = true;
			result = text_escape(k);
		} else if (c < 0x20) {
			result = frame_fail(k, "control character in a string", k->at);
		} else {
			while (result == 0 && k->at < k->end && static_cast<unsigned char>(*k->at) >= 0x80)
				result = text_utf8(k);
		}
		if (result != 0)
			return result;
	}
	return frame_unexpected(k);
}

/* ---- decoding */

static void text_append_utf8(std::string *text, unsigned c)
{
	if (c < 0x80) {
		text->push_back(static_cast<char>(c));
		return;
	}
	if (c < 0x800) {
		text->push_back(static_cast<char>(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			text->push_back(static_cast<char>(0xe0 | c >> 12));
		} else {
			text->push_back(static_cast<char>(0xf0 | c >> 18));
			text->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3f)));
		}
		text->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3f)));
	}
	text->push_back(static_cast<char>(0x80 | (c & 0x3f)));
}

std::string frame_decode_string(std::string_view raw)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *end = raw.data() + raw.size();
	std::string text;

	for (size_t i = 0; i < raw.size(); i++) {
		if (raw[i] != '\\') {
			text.push_back(raw[i]);
		} else if (raw[++i] != 'u') {
			const char *known = strchr(from, raw[i]);

			text.push_back(known == nullptr ? raw[i] : to[known - from]);
		} else {
			auto c = static_cast<unsigned>(text_hex(raw.data() + i + 1, end));

			i += 4;
			if (c >= 0xd800 && c <= 0xdfff) {
				c = 0x10000 + (c - 0xd800) * 0x400 +
				    static_cast<unsigned>(text_hex(raw.data() + i + 3, end)) - 0xdc00;
				i += 6;
			}
			text_append_utf8(&text, c);
		}
	}
	return text;
}
