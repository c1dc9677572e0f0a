/* SPDX-License-Identifier: MIT
 * Writes the members of answers to operators. */
#include <chatserverd/json.h>

#include "core/control_internal.h"

static void control_add_key(std::string *json, const char *key)
{
	if (!json->empty() && json->back() != '{' && json->back() != '[')
		json->push_back(',');
	json->append("\"").append(key).append("\":");
}

/* How many bytes the character at the beginning has; 0: it is no UTF-8. */
static size_t control_character_size(std::string_view text)
{
	const auto at = [text](size_t i) {
		return static_cast<unsigned char>(text[i]);
	};
	const unsigned first = at(0);
	const size_t size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || text.size() < size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((at(i) & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what is above U+10FFFF. */
	if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f) || (first == 0xf0 && at(1) < 0x90) ||
	    (first == 0xf4 && at(1) > 0x8f))
		return 0;
	return size;
}

static std::string control_make_valid(std::string_view text)
{
	std::string valid;

	while (!text.empty()) {
		const size_t size = control_character_size(text);

		valid.append(size == 0 ? "?" : text.substr(0, size));
		text.remove_prefix(size == 0 ? 1 : size);
	}
	return valid;
}

void control_add_text(std::string *json, const char *key, std::string_view value)
{
	const std::string valid = control_make_valid(value);
	std::string quoted(valid.size() * 6 + 2, '\0'); /* the longest escape is \u001f */

	quoted.resize(cs_json_quote(quoted.data(), quoted.size(), valid.data(), valid.size()));
	control_add_json(json, key, quoted);
}

void control_add_number(std::string *json, const char *key, int64_t value)
{
	control_add_json(json, key, std::to_string(value));
}

void control_add_flag(std::string *json, const char *key, bool value)
{
	control_add_json(json, key, value ? "true" : "false");
}

void control_add_json(std::string *json, const char *key, std::string_view value)
{
	control_add_key(json, key);
	json->append(value);
}
