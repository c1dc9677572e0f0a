/* SPDX-License-Identifier: MIT
 * Owns the grammar of a frame: RFC 8259 to the letter within the limits of PROTOCOL section 1. It must not know
 * sockets, nor any field but msgid and req. */
#include "core/net/frame_internal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

/* cJSON reads no longer ones. */
static constexpr size_t frame_most_number = 63;

static void check_blanks(struct frame_checker *k)
{
	while (k->at < k->end && (*k->at == ' ' || *k->at == '\n' || *k->at == '\r' || *k->at == '\t'))
		k->at++;
}

/* ---- keys of the top level */

static int check_key_twice(struct frame_checker *k, const struct frame_key &key)
{
	return frame_fail(k, "a key twice", k->begin + key.at);
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
		k->more_keys.push_back(key); /* compared among each other at the end, sorted */
	k->key_count++;
	return 0;
}

static int check_more_keys(struct frame_checker *k)
{
	const auto by_text = [](const struct frame_key &a, const struct frame_key &b) {
		return a.text != b.text ? a.text < b.text : a.at < b.at;
	};
	const auto same = [](const struct frame_key &a, const struct frame_key &b) {
		return a.text == b.text;
	};

	std::sort(k->more_keys.begin(), k->more_keys.end(), by_text);
	const auto twice = std::adjacent_find(k->more_keys.begin(), k->more_keys.end(), same);

	return twice == k->more_keys.end() ? 0 : check_key_twice(k, *(twice + 1));
}

static int check_key(struct frame_checker *k)
{
	const char *start = k->at;
	bool has_escapes;

	if (k->at == k->end || *k->at != '"')
		return frame_unexpected(k);
	if (const int result = frame_check_string(k, &has_escapes); result != 0)
		return result;
	if (k->depth == 1) {
		struct frame_key key = {{start + 1, k->at - 1}, static_cast<size_t>(start - k->begin)};

		if (has_escapes)
			key.text = k->decoded.emplace_front(frame_decode_string(key.text));
		if (const int result = check_key_is_new(k, key); result != 0)
			return result;
		k->field = key.text == "msgid" ? FRAME_FIELD_MSGID
		           : key.text == "req" ? FRAME_FIELD_REQ
		                               : FRAME_FIELD_OTHER;
	}
	check_blanks(k);
	if (k->at == k->end || *k->at != ':')
		return frame_unexpected(k);
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

/* The double that a number of at most frame_most_number bytes means: HUGE_VAL where none is that large, 0 where
 * none is that small. Of any locale. */
static double number_to_double(std::string_view text)
{
	double value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (error != std::errc::result_out_of_range)
		return value;
	/* With so few digits the sign of the exponent tells. */
	return text.find('-', 1) == std::string_view::npos ? HUGE_VAL : 0;
}

/* 63 digits are never too large; only an exponent can be. */
static bool number_is_held(std::string_view text)
{
	return text.find_first_of("eE") == std::string_view::npos || number_to_double(text) != HUGE_VAL;
}

/* The value of up to 15 digits, which ids have all day; -1 where it takes number_to_double() to tell. */
static int64_t number_of_digits(std::string_view text)
{
	int64_t value = 0;

	if (text.size() > 15)
		return -1;
	for (const char c : text) {
		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
	}
	return value;
}

/* The integer that a number of at most frame_most_number bytes means, or -1 where it is none from 0 to max. */
static int64_t number_to_integer(std::string_view text, int64_t max)
{
	if (const int64_t value = number_of_digits(text); value != -1)
		return value <= max ? value : -1;
	const double value = number_to_double(text);

	if (!(value >= 0) || !(value <= static_cast<double>(max)) || std::trunc(value) != value)
		return -1;
	return static_cast<int64_t>(value);
}

static int check_msgid(struct frame_checker *k, std::string_view number)
{
	const int64_t value = number_to_integer(number, UINT32_MAX);

	if (value < 1)
		return frame_fail(k, "msgid is no integer from 1 to 4294967295", number.data());
	k->request->msgid = static_cast<uint32_t>(value);
	return 0;
}

static int check_req(struct frame_checker *k, std::string_view number)
{
	const int64_t value = number_to_integer(number, CS_INTEGER_MAX);

	if (value < 0)
		return frame_fail(k, "req is no integer from 0 to 9007199254740991", number.data());
	k->request->req = value;
	return 0;
}

static int check_number(struct frame_checker *k)
{
	const char *start = k->at;

	if (!check_number_form(k))
		return frame_unexpected(k);
	const std::string_view number(start, static_cast<size_t>(k->at - start));

	if (number.size() > frame_most_number)
		return frame_fail(k, "a number of more than 63 characters", start);
	if (k->field == FRAME_FIELD_MSGID)
		return check_msgid(k, number);
	if (k->field == FRAME_FIELD_REQ)
		return check_req(k, number);
	if (!number_is_held(number))
		return frame_fail(k, "a number that no double holds", start);
	return 0;
}

static int check_word(struct frame_checker *k)
{
	for (const std::string_view word : {"true", "false", "null"})
		if (std::string_view(k->at, static_cast<size_t>(k->end - k->at)).starts_with(word)) {
			k->at += word.size();
			return 0;
		}
	return frame_unexpected(k);
}

/* ---- values */

static int check_open(struct frame_checker *k)
{
	const bool is_object = *k->at == '{';

	if (k->depth == frame_most_depth)
		return frame_fail(k, "nested deeper than 32", k->at);
	k->objects = (k->objects & ~(1u << k->depth)) | static_cast<unsigned>(is_object) << k->depth;
	k->depth++;
	k->at++;
	return 0;
}

static bool check_in_object(const struct frame_checker *k)
{
	return (k->objects >> (k->depth - 1) & 1) != 0;
}

static bool check_begins_number(const struct frame_checker *k)
{
	return *k->at == '-' || (*k->at >= '0' && *k->at <= '9');
}

/* What is no number where msgid or req want one. */
static int check_field_type(struct frame_checker *k)
{
	if (k->field == FRAME_FIELD_OTHER || check_begins_number(k))
		return 0;
	const bool is_msgid = k->field == FRAME_FIELD_MSGID;

	return frame_fail(k, is_msgid ? "msgid is no integer" : "req is no integer", k->at);
}

/* A value that is whole afterwards, or the opening of a container (*opened_r). */
static int check_value(struct frame_checker *k, bool *opened_r)
{
	bool has_escapes;

	*opened_r = false;
	if (k->at == k->end)
		return frame_unexpected(k);
	if (++k->values > frame_most_values)
		return frame_fail(k, "more than 2048 values", k->at);
	if (const int result = check_field_type(k); result != 0)
		return result;
	if (check_begins_number(k))
		return check_number(k);
	if (*k->at == '"')
		return frame_check_string(k, &has_escapes);
	if (*k->at != '{' && *k->at != '[')
		return check_word(k);
	*opened_r = true;
	return check_open(k);
}

/* Closes what ends here; *next_r: another member or element follows. */
static int check_after_value(struct frame_checker *k, bool *next_r)
{
	*next_r = false;
	while (k->depth > 0) {
		check_blanks(k);
		if (k->at == k->end)
			return frame_unexpected(k);
		if (*k->at == ',') {
			k->at++;
			check_blanks(k);
			*next_r = true;
			return 0;
		}
		if (*k->at != (check_in_object(k) ? '}' : ']'))
			return frame_unexpected(k);
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
		return frame_unexpected(k);
	return result;
}

int frame_check(std::string_view bytes, struct cs_request *request_r, struct cs_error *e)
{
	struct frame_checker k;

	k.begin = k.at = bytes.data();
	k.end = bytes.data() + bytes.size();
	k.request = request_r;
	k.error = e;
	*request_r = {0, -1};
	if (bytes.empty() || bytes.front() != '{')
		return frame_fail(&k, "the frame is no object", bytes.data());
	int result = check_all(&k);

	if (result == 0 && !k.more_keys.empty())
		result = check_more_keys(&k);
	if (result != 0)
		frame_salvage_request(bytes, request_r);
	return result;
}
