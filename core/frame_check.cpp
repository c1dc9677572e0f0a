/* SPDX-License-Identifier: MIT
 * Owns the grammar of a frame: RFC 8259 to the letter within the limits of PROTOCOL section 1. It must not know
 * sockets, nor any field but msgid and req. */
#include "frame.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <forward_list>
#include <string>
#include <vector>

#include "log.h"

struct frame_key {
	std::string_view text;   /* as decoded */
	size_t at;               /* where it stands in the frame */
};

/* Which value comes next at the top level. */
enum frame_field { FRAME_FIELD_OTHER, FRAME_FIELD_MSGID, FRAME_FIELD_REQ };

struct frame_checker {
	const char *begin, *at, *end;
	struct cs_request *request;
	struct cs_error *error;
	unsigned depth = 0, values = 0;
	uint32_t objects = 0;                      /* bit d: the container at depth d + 1 is an object */
	enum frame_field field = FRAME_FIELD_OTHER;
	size_t key_count = 0;
	struct frame_key keys[24];                 /* the first ones: no frame of ours has more */
	std::vector<struct frame_key> more_keys;
	std::forward_list<std::string> decoded;    /* keys that were written with escapes */
};

/* cJSON reads no longer ones. */
static constexpr size_t frame_most_number = 63;

static int check_fail(struct frame_checker *k, const char *what, const char *where)
{
	error_set(k->error, "%s at byte %zu", what, static_cast<size_t>(where - k->begin));
	return CS_EINVAL;
}

static int check_unexpected(struct frame_checker *k)
{
	if (k->at == k->end)
		return check_fail(k, "the frame ends too early", k->at);
	return check_fail(k, "unexpected byte", k->at);
}

static void check_blanks(struct frame_checker *k)
{
	while (k->at < k->end && (*k->at == ' ' || *k->at == '\n' || *k->at == '\r' || *k->at == '\t'))
		k->at++;
}

/* ---- strings */

/* Four hex digits at p, or -1. */
static int check_hex(const struct frame_checker *k, const char *p)
{
	int value = 0;

	if (k->end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char c = p[i];
		const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
		                : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit == -1)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* \uXXXX, k->at on the backslash. Surrogates come in pairs only. */
static int check_unicode_escape(struct frame_checker *k)
{
	const int unit = check_hex(k, k->at + 2);

	if (unit == -1)
		return check_fail(k, "\\u without four hexadecimal digits", k->at);
	if (unit == 0)
		return check_fail(k, "\\u0000 in a string", k->at);
	if (unit < 0xd800 || unit > 0xdfff) {
		k->at += 6;
		return 0;
	}
	const bool has_second = unit < 0xdc00 && k->end - k->at >= 12 && k->at[6] == '\\' && k->at[7] == 'u';
	const int second = has_second ? check_hex(k, k->at + 8) : -1;

	if (second < 0xdc00 || second > 0xdfff)
		return check_fail(k, "half a surrogate pair", k->at);
	k->at += 12;
	return 0;
}

static int check_escape(struct frame_checker *k)
{
	if (k->end - k->at < 2)
		return check_unexpected(k);
	if (k->at[1] == 'u')
		return check_unicode_escape(k);
	if (k->at[1] == '\0' || strchr("\"\\/bfnrt", k->at[1]) == nullptr)
		return check_fail(k, "unknown escape in a string", k->at);
	k->at += 2;
	return 0;
}

/* One character of more than one byte: the ranges of RFC 3629, so no over-long form, no surrogate. */
static int check_utf8(struct frame_checker *k)
{
	const auto *p = reinterpret_cast<const unsigned char *>(k->at);
	const size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	const unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	const unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;

	if (p[0] < 0xc2 || p[0] > 0xf4 || static_cast<size_t>(k->end - k->at) < size || p[1] < low || p[1] > high)
		return check_fail(k, "not valid UTF-8", k->at);
	for (size_t i = 2; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return check_fail(k, "not valid UTF-8", k->at);
	k->at += size;
	return 0;
}

/* From the opening quote past the closing one. */
static int check_string(struct frame_checker *k, bool *has_escapes_r)
{
	*has_escapes_r = false;
	for (k->at++; k->at < k->end;) {
		const auto c = static_cast<unsigned char>(*k->at);
		int result = 0;

		if (c == '"') {
			k->at++;
			return 0;
		}
		if (c == '\\') {
			*has_escapes_r = true;
			result = check_escape(k);
		} else if (c >= 0x80) {
			result = check_utf8(k);
		} else if (c < 0x20) {
			result = check_fail(k, "control character in a string", k->at);
		} else {
			k->at++;
		}
		if (result != 0)
			return result;
	}
	return check_unexpected(k);
}

/* ---- keys of the top level */

static void key_append_utf8(std::string *text, unsigned c)
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

/* Decodes what check_string has accepted. */
static std::string key_decode(const struct frame_checker *k, std::string_view raw)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	std::string text;

	for (size_t i = 0; i < raw.size(); i++) {
		if (raw[i] != '\\') {
			text.push_back(raw[i]);
		} else if (raw[++i] != 'u') {
			const char *known = strchr(from, raw[i]);

			text.push_back(known == nullptr ? raw[i] : to[known - from]);
		} else {
			auto c = static_cast<unsigned>(check_hex(k, raw.data() + i + 1));

			i += 4;
			if (c >= 0xd800 && c <= 0xdfff) {
				c = 0x10000 + (c - 0xd800) * 0x400 +
				    static_cast<unsigned>(check_hex(k, raw.data() + i + 3)) - 0xdc00;
				i += 6;
			}
			key_append_utf8(&text, c);
		}
	}
	return text;
}

static int check_key_twice(struct frame_checker *k, const struct frame_key &key)
{
	return check_fail(k, "a key twice", k->begin + key.at);
}

static int check_key_is_new(struct frame_checker *k, const struct frame_key &key)
{
	const size_t known = std::min(k->key_count, std::size(k->keys));

	for (size_t i = 0; i < known; i++)
		if (k->keys[i].text == key.text)
			return check_key_twice(k, key);
	if (k->key_count < std::size(k->keys))
		k->keys[k->key_count] = key;
	else
		k->more_keys.push_back(key);   /* compared among each other at the end, sorted */
	k->key_count++;
	return 0;
}

static int check_more_keys(struct frame_checker *k)
{
	const auto by_text = [](const struct frame_key &a, const struct frame_key &b) {
		return a.text != b.text ? a.text < b.text : a.at < b.at;
	};
	const auto same = [](const struct frame_key &a, const struct frame_key &b) { return a.text == b.text; };

	std::sort(k->more_keys.begin(), k->more_keys.end(), by_text);
	const auto twice = std::adjacent_find(k->more_keys.begin(), k->more_keys.end(), same);

	return twice == k->more_keys.end() ? 0 : check_key_twice(k, *(twice + 1));
}

static int check_key(struct frame_checker *k)
{
	const char *start = k->at;
	bool has_escapes;

	if (k->at == k->end || *k->at != '"')
		return check_unexpected(k);
	if (const int result = check_string(k, &has_escapes); result != 0)
		return result;
	if (k->depth == 1) {
		struct frame_key key = { { start + 1, k->at - 1 }, static_cast<size_t>(start - k->begin) };

		if (has_escapes)
			key.text = k->decoded.emplace_front(key_decode(k, key.text));
		if (const int result = check_key_is_new(k, key); result != 0)
			return result;
		k->field = key.text == "msgid" ? FRAME_FIELD_MSGID
		         : key.text == "req" ? FRAME_FIELD_REQ : FRAME_FIELD_OTHER;
	}
	check_blanks(k);
	if (k->at == k->end || *k->at != ':')
		return check_unexpected(k);
	k->at++;
	check_blanks(k);
	return 0;
}

/* ---- numbers and words */

static bool check_digits(struct frame_checker *k)
{
	const char *start = k->at;

	while (k->at < k->end && *k->at >= '0' && *k->at <= '9')
		k->at++;
	return k->at != start;
}

static bool check_number_form(struct frame_checker *k)
{
	if (*k->at == '-')
		k->at++;
	if (k->at < k->end && *k->at == '0')
		k->at++;
	else if (!check_digits(k))
		return false;
	if (k->at < k->end && *k->at == '.') {
		k->at++;
		if (!check_digits(k))
			return false;
	}
	if (k->at < k->end && (*k->at == 'e' || *k->at == 'E')) {
		k->at++;
		if (k->at < k->end && (*k->at == '+' || *k->at == '-'))
			k->at++;
		return check_digits(k);
	}
	return true;
}

/* The integer that a number of at most frame_most_number bytes means, or -1 where it is none from 0 to max. */
static int64_t number_to_integer(std::string_view text, int64_t max)
{
	char copy[frame_most_number + 1];

	copy[text.copy(copy, frame_most_number)] = '\0';
	const double value = strtod(copy, nullptr);

	if (!(value >= 0) || !(value <= static_cast<double>(max)) || std::trunc(value) != value)
		return -1;
	return static_cast<int64_t>(value);
}

static int check_msgid(struct frame_checker *k, std::string_view number)
{
	const int64_t value = number_to_integer(number, UINT32_MAX);

	if (value < 1)
		return check_fail(k, "msgid is no integer from 1 to 4294967295", number.data());
	k->request->msgid = static_cast<uint32_t>(value);
	return 0;
}

static int check_req(struct frame_checker *k, std::string_view number)
{
	const int64_t value = number_to_integer(number, CS_INTEGER_MAX);

	if (value < 0)
		return check_fail(k, "req is no integer from 0 to 9007199254740991", number.data());
	k->request->req = value;
	return 0;
}

static int check_number(struct frame_checker *k)
{
	const char *start = k->at;

	if (!check_number_form(k))
		return check_unexpected(k);
	const std::string_view number(start, static_cast<size_t>(k->at - start));

	if (number.size() > frame_most_number)
		return check_fail(k, "a number of more than 63 characters", start);
	if (k->field == FRAME_FIELD_MSGID)
		return check_msgid(k, number);
	if (k->field == FRAME_FIELD_REQ)
		return check_req(k, number);
	return 0;
}

static int check_word(struct frame_checker *k)
{
	for (const std::string_view word : { "true", "false", "null" })
		if (std::string_view(k->at, static_cast<size_t>(k->end - k->at)).starts_with(word)) {
			k->at += word.size();
			return 0;
		}
	return check_unexpected(k);
}

/* ---- values */

static int check_open(struct frame_checker *k)
{
	const bool is_object = *k->at == '{';

	if (k->depth == frame_most_depth)
		return check_fail(k, "nested deeper than 32", k->at);
	k->objects = (k->objects & ~(1u << k->depth)) | static_cast<unsigned>(is_object) << k->depth;
	k->depth++;
	k->at++;
	return 0;
}

static bool check_in_object(const struct frame_checker *k)
{
	return (k->objects >> (k->depth - 1) & 1) != 0;
}

/* What is no number where msgid or req want one. */
static int check_field_type(struct frame_checker *k)
{
	if (k->field == FRAME_FIELD_OTHER || *k->at == '-' || (*k->at >= '0' && *k->at <= '9'))
		return 0;
	return check_fail(k, k->field == FRAME_FIELD_MSGID ? "msgid is no integer" : "req is no integer", k->at);
}

/* A value that is whole afterwards, or the opening of a container (*opened_r). */
static int check_value(struct frame_checker *k, bool *opened_r)
{
	bool has_escapes;

	*opened_r = false;
	if (k->at == k->end)
		return check_unexpected(k);
	if (++k->values > frame_most_values)
		return check_fail(k, "more than 2048 values", k->at);
	if (const int result = check_field_type(k); result != 0)
		return result;
	switch (*k->at) {
	case '{': case '[':
		*opened_r = true;
		return check_open(k);
	case '"':
		return check_string(k, &has_escapes);
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		return check_number(k);
	default:
		return check_word(k);
	}
}

/* Closes what ends here; *next_r: another member or element follows. */
static int check_after_value(struct frame_checker *k, bool *next_r)
{
	*next_r = false;
	while (k->depth > 0) {
		check_blanks(k);
		if (k->at == k->end)
			return check_unexpected(k);
		if (*k->at == ',') {
			k->at++;
			check_blanks(k);
			*next_r = true;
			return 0;
		}
		if (*k->at != (check_in_object(k) ? '}' : ']'))
			return check_unexpected(k);
		k->at++;
		k->depth--;
	}
	return 0;
}

static bool check_is_empty(const struct frame_checker *k)
{
	return k->at < k->end && *k->at == (check_in_object(k) ? '}' : ']');
}

static int check_all(struct frame_checker *k)
{
	bool opened, next;
	int result = check_value(k, &opened);

	while (result == 0) {
		next = opened;
		if (opened) {
			check_blanks(k);
			next = !check_is_empty(k);
		}
		if (!next)
			result = check_after_value(k, &next);
		if (result != 0 || !next)
			break;
		k->field = FRAME_FIELD_OTHER;
		if (check_in_object(k))
			result = check_key(k);
		if (result == 0)
			result = check_value(k, &opened);
	}
	if (result == 0 && k->at != k->end)
		return check_unexpected(k);
	return result;
}

int frame_check(std::string_view bytes, struct cs_request *request_r, struct cs_error *e)
{
	struct frame_checker k = { .begin = bytes.data(), .at = bytes.data(), .end = bytes.data() + bytes.size(),
	                           .request = request_r, .error = e };

	*request_r = { 0, -1 };
	if (bytes.empty() || bytes.front() != '{')
		return check_fail(&k, "the frame is no object", bytes.data());
	const int result = check_all(&k);

	return result == 0 && !k.more_keys.empty() ? check_more_keys(&k) : result;
}
