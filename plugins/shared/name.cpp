/* SPDX-License-Identifier: MIT
 * The rules for names of accounts and of groups. */
#include "name.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "field.h"

static const size_t name_most = 50; /* characters */

/* First and last character. */
struct name_range {
	uint32_t first, last;
};

/* Characters that show nothing, sorted. From Unicode 14: White_Space (PropList.txt), Default_Ignorable_Code_Point
 * (DerivedCoreProperties.txt: zero width, fillers, variation selectors, tags), the controls (Cc), and characters that
 * are drawn blank although no property says so. */
static const struct name_range name_invisible[] = {
	{0x0000, 0x0020}, /* controls, space */
	{0x007f, 0x00a0}, /* controls, no-break space */
	{0x00ad, 0x00ad}, /* soft hyphen */
	{0x034f, 0x034f}, /* combining grapheme joiner */
	{0x061c, 0x061c}, /* Arabic letter mark */
	{0x115f, 0x1160}, /* Hangul fillers */
	{0x1680, 0x1680}, /* Ogham space */
	{0x17b4, 0x17b5}, /* Khmer inherent vowels */
	{0x180b, 0x180f}, /* Mongolian variation selectors, vowel separator */
	{0x2000, 0x200f}, /* spaces, zero width, direction marks */
	{0x2028, 0x202f}, /* line and paragraph separator, embeddings and overrides, space */
	{0x205f, 0x206f}, /* space, word joiner, invisible operators, isolates, deprecated formats */
	{0x2800, 0x2800}, /* Braille blank */
	{0x3000, 0x3000}, /* ideographic space */
	{0x3164, 0x3164}, /* Hangul filler */
	{0xfe00, 0xfe0f}, /* variation selectors */
	{0xfeff, 0xfeff}, /* byte order mark */
	{0xffa0, 0xffa0}, /* halfwidth Hangul filler */
	{0xfff0, 0xfffb}, /* unassigned ignorables, interlinear annotation */
	{0x16fe4, 0x16fe4}, /* Khitan filler */
	{0x1bca0, 0x1bca3}, /* shorthand formats */
	{0x1d159, 0x1d159}, /* musical null notehead */
	{0x1d173, 0x1d17a}, /* musical formats */
	{0xe0000, 0xe0fff}, /* tags, variation selectors */
};

/* Characters that break the text around the name or change its direction. Names appear in lists and prompts. */
static const struct name_range name_controls[] = {
	{0x0000, 0x001f},
	{0x007f, 0x009f},
	{0x2028, 0x202e}, /* line and paragraph separator, embeddings and overrides */
	{0x2066, 0x2069}, /* isolates */
};

/* Removes the first character of a text and returns it. The text is not empty. */
static uint32_t name_take_character(std::string_view *text)
{
	const auto first = static_cast<unsigned char>(text->front());
	const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t character = size == 1 ? first : first & 0xffu >> (size + 1);

	for (const char c : text->substr(1, size - 1))
		character = character << 6 | (static_cast<unsigned char>(c) & 0x3f);
	text->remove_prefix(std::min(size, text->size()));
	return character;
}

template <size_t Count> static bool name_holds(const struct name_range (&ranges)[Count], uint32_t character)
{
	const auto by_last = [](const struct name_range &range, uint32_t c) {
		return range.last < c;
	};
	const auto *range = std::lower_bound(std::begin(ranges), std::end(ranges), character, by_last);

	return range != std::end(ranges) && range->first <= character;
}

const struct name_fault *name_judge(std::string_view name)
{
	static const struct name_fault empty = {false, "must have 1 to 50 characters"};
	static const struct name_fault too_long = {true, "must have 1 to 50 characters"};
	static const struct name_fault control = {false, "must not have control characters"};
	static const struct name_fault invisible = {false, "must have a visible character"};
	bool is_visible = false;

	if (name.empty())
		return &empty;
	if (text_characters(name) > name_most)
		return &too_long;
	while (!name.empty()) {
		const uint32_t character = name_take_character(&name);

		if (name_holds(name_controls, character))
			return &control;
		is_visible |= !name_holds(name_invisible, character);
	}
	return is_visible ? nullptr : &invisible;
}
