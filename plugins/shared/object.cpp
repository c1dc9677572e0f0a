/* SPDX-License-Identifier: MIT
 * Reads and rewrites the members of a JSON object that was checked before. */
#include "object.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

/* ---- texts */

static unsigned object_hex(char c)
{
	return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 15u;
}

/* The number of a \uXXXX whose digits begin at `at`. 0: there are no four digits. */
static uint32_t object_unit(std::string_view string, size_t at)
{
	uint32_t unit = 0;

	if (at + 4 > string.size())
		return 0;
	for (const char c : string.substr(at, 4))
		unit = unit << 4 | object_hex(c);
	return unit;
}

static void object_put_character(std::string *text, uint32_t c)
{
	const auto put = [text](uint32_t byte) {
		text->push_back(static_cast<char>(byte));
	};

	if (c < 0x80) {
		put(c);
		return;
	}
	if (c < 0x800) {
		put(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			put(0xe0 | c >> 12);
		} else {
			put(0xf0 | c >> 18);
			put(0x80 | (c >> 12 & 0x3f));
		}
		put(0x80 | (c >> 6 & 0x3f));
	}
	put(0x80 | (c & 0x3f));
}

/* Decodes the escape whose backslash stands at `at`. Returns where it ends. */
static size_t object_put_escape(std::string *text, std::string_view string, size_t at)
{
	static constexpr std::string_view letters = "bfnrt", controls = "\b\f\n\r\t";
	const char c = at + 1 < string.size() ? string[at + 1] : '\\';
	const size_t letter = letters.find(c);
	uint32_t unit;

	if (c != 'u') {
		text->push_back(letter == letters.npos ? c : controls[letter]);
		return at + 2;
	}
	unit = object_unit(string, at + 2);
	at += 6;
	if (unit >> 10 == 0xd800 >> 10 && string.substr(std::min(at, string.size())).starts_with("\\u")) {
		unit = 0x10000 + ((unit & 0x3ff) << 10) + (object_unit(string, at + 2) & 0x3ff);
		at += 6;
	}
	object_put_character(text, unit);
	return at;
}

/* As object_text, of what stands between the quotes. */
static std::string object_decode(std::string_view string)
{
	std::string text;

	for (size_t at = 0; at < string.size();) {
		const size_t escape = std::min(string.find('\\', at), string.size());

		text.append(string, at, escape - at);
		at = escape < string.size() ? object_put_escape(&text, string, escape) : escape;
	}
	return text;
}

std::string object_text(std::string_view string)
{
	return object_decode(string.size() < 2 ? std::string_view() : string.substr(1, string.size() - 2));
}

/* ---- reading */

static size_t object_skip_blanks(std::string_view bytes, size_t at)
{
	return std::min(bytes.find_first_not_of(" \t\r\n", at), bytes.size());
}

static bool object_is_at(std::string_view bytes, size_t at, char c)
{
	return at < bytes.size() && bytes[at] == c;
}

/* at: an opening quote. Returns where the string ends, 0: nowhere. */
static size_t object_skip_string(std::string_view bytes, size_t at)
{
	for (at++; at < bytes.size(); at++)
		if (bytes[at] == '"')
			return at + 1;
		else if (bytes[at] == '\\')
			at++;
	return 0;
}

/* at: an opening bracket or brace. Returns where it is closed, 0: nowhere. */
static size_t object_skip_container(std::string_view bytes, size_t at)
{
	size_t depth = 0;

	while ((at = bytes.find_first_of("\"[]{}", at)) != bytes.npos) {
		if (bytes[at] == '"') {
			at = object_skip_string(bytes, at);
			if (!at)
				return 0;
			continue;
		}
		depth += bytes[at] == '[' || bytes[at] == '{' ? 1 : -1;
		at++;
		if (!depth)
			return at;
	}
	return 0;
}

/* Returns where the value ends, 0: nowhere. */
static size_t object_skip_value(std::string_view bytes, size_t at)
{
	size_t end;

	if (object_is_at(bytes, at, '"'))
		return object_skip_string(bytes, at);
	if (object_is_at(bytes, at, '{') || object_is_at(bytes, at, '['))
		return object_skip_container(bytes, at);
	end = bytes.find_first_of(" \t\r\n,:\"[]{}", at);
	return end == bytes.npos || end == at ? 0 : end;
}

/* at: where a key should begin. Returns where the member ends, 0: it is none. */
static size_t object_read_member(std::string_view bytes, size_t at, object_member *member_r)
{
	const size_t key_end = object_is_at(bytes, at, '"') ? object_skip_string(bytes, at) : 0;
	const size_t colon = key_end ? object_skip_blanks(bytes, key_end) : 0;
	size_t value, end;

	if (!colon || !object_is_at(bytes, colon, ':'))
		return 0;
	value = object_skip_blanks(bytes, colon + 1);
	end = object_skip_value(bytes, value);
	if (end)
		*member_r = {bytes.substr(at + 1, key_end - at - 2), bytes.substr(value, end - value)};
	return end;
}

int object_read(std::string_view object, std::vector<object_member> *members_r)
{
	size_t at = object_skip_blanks(object, 0);
	object_member member;

	members_r->clear();
	if (!object_is_at(object, at, '{'))
		return CS_EINVAL;
	at = object_skip_blanks(object, at + 1);
	while (!object_is_at(object, at, '}') || !members_r->empty()) {
		at = object_read_member(object, at, &member);
		if (!at)
			return CS_EINVAL;
		members_r->push_back(member);
		at = object_skip_blanks(object, at);
		if (object_is_at(object, at, '}'))
			break;
		if (!object_is_at(object, at, ','))
			return CS_EINVAL;
		at = object_skip_blanks(object, at + 1);
	}
	return object_skip_blanks(object, at + 1) == object.size() ? 0 : CS_EINVAL;
}

static bool object_has_key(const object_member &member, std::string_view key)
{
	return member.key.find('\\') == member.key.npos ? member.key == key : object_decode(member.key) == key;
}

/* The number of the member with this key; without one, how many members there are. */
static size_t object_search(const std::vector<object_member> &members, std::string_view key)
{
	const auto at = std::find_if(members.begin(), members.end(),
	                             [key](const object_member &member) { return object_has_key(member, key); });

	return static_cast<size_t>(at - members.begin());
}

int object_find(std::string_view object, std::string_view key, std::string_view *value_r)
{
	std::vector<object_member> members;
	const int result = object_read(object, &members);
	const size_t found = object_search(members, key);

	*value_r = {};
	if (!result && found < members.size())
		*value_r = members[found].value;
	return result;
}

/* ---- rewriting */

static std::string object_member_text(std::string_view key, std::string_view value)
{
	std::string text = "\"";

	return text.append(key).append("\":").append(value);
}

static size_t object_begin_of(const std::string &object, const object_member &member)
{
	return static_cast<size_t>(member.key.data() - object.data()) - 1;
}

static size_t object_end_of(const std::string &object, const object_member &member)
{
	return static_cast<size_t>(member.value.data() - object.data()) + member.value.size();
}

int object_set(std::string *object, std::string_view key, std::string_view value)
{
	std::vector<object_member> members;
	const int result = object_read(*object, &members);
	const size_t found = object_search(members, key);

	if (result)
		return result;
	if (members.empty())
		object->insert(object->find('{') + 1, object_member_text(key, value));
	else if (found == members.size())
		object->insert(object_end_of(*object, members.back()), "," + object_member_text(key, value));
	else
		object->replace(static_cast<size_t>(members[found].value.data() - object->data()),
		                members[found].value.size(), value);
	return 0;
}

/* Its comma goes with it: the one before it; that of the first member is the one behind it. */
int object_remove(std::string *object, std::string_view key)
{
	std::vector<object_member> members;
	const int result = object_read(*object, &members);
	const size_t found = object_search(members, key);
	size_t from, to;

	if (result || found == members.size())
		return result;
	from = found ? object_end_of(*object, members[found - 1]) : object_begin_of(*object, members[0]);
	to = found || members.size() == 1 ? object_end_of(*object, members[found])
	                                  : object_begin_of(*object, members[1]);
	object->erase(from, to - from);
	return 0;
}

int object_keep(std::string *object, std::initializer_list<std::string_view> keys)
{
	std::vector<object_member> members;
	const int result = object_read(*object, &members);
	std::string kept = "{";

	if (result)
		return result;
	for (const object_member &member : members) {
		const bool is_kept = std::any_of(keys.begin(), keys.end(), [&member](std::string_view key) {
			return object_has_key(member, key);
		});

		if (is_kept)
			kept.append(kept.size() > 1 ? "," : "").append(object_member_text(member.key, member.value));
	}
	*object = kept + "}";
	return 0;
}
