/* SPDX-License-Identifier: MIT
 * Texts: UTF-8, control characters, columns, numbers and times. */
#include "text.h"

#include <charconv>
#include <cstdio>
#include <cwchar>
#include <time.h>

#include <chatserverd/msgid.h>

/* The number of bytes of the first character, or 0 if it is not valid. */
static size_t text_character(std::string_view text, uint32_t *character_r)
{
	const auto byte = [&](size_t at) {
		return static_cast<unsigned char>(text[at]);
	};
	const unsigned char first = byte(0);
	const size_t size = first < 0x80   ? 1
	                    : first < 0xc2 ? 0
	                    : first < 0xe0 ? 2
	                    : first < 0xf0 ? 3
	                    : first < 0xf5 ? 4
	                                   : 0;

	if (size == 0 || size > text.size())
		return 0;
	uint32_t character = size == 1 ? first : first & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((byte(i) & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (byte(i) & 0x3f);
	}
	if ((size == 3 && (character < 0x800 || (character >= 0xd800 && character < 0xe000))) ||
	    (size == 4 && (character < 0x10000 || character > 0x10ffff)))
		return 0;
	*character_r = character;
	return size;
}

bool text_is_utf8(std::string_view text)
{
	while (!text.empty()) {
		uint32_t character;
		const size_t size = text_character(text, &character);
		if (size == 0)
			return false;
		text.remove_prefix(size);
	}
	return true;
}

static bool text_is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void text_add_escape(std::string *out, uint32_t c, bool is_byte)
{
	char escape[16];

	if (!is_byte && (c == '\n' || c == '\r' || c == '\t')) {
		*out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
		return;
	}
	(void)snprintf(escape, sizeof escape, is_byte || c < 0x80 ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(c));
	*out += escape;
}

std::string text_harmless(std::string_view text, bool backslashes)
{
	std::string out;

	out.reserve(text.size());
	while (!text.empty()) {
		uint32_t character = 0;
		const size_t size = text_character(text, &character);
		if (size == 0)
			text_add_escape(&out, static_cast<unsigned char>(text[0]), true);
		else if (text_is_harmful(character))
			text_add_escape(&out, character, false);
		else if (backslashes && character == '\\')
			out += "\\\\";
		else
			out += text.substr(0, size);
		text.remove_prefix(size == 0 ? 1 : size);
	}
	return out;
}

std::string_view text_without_mark(std::string_view line)
{
	static const std::string_view mark = "\xef\xbb\xbf";

	if (line.starts_with(mark))
		line.remove_prefix(mark.size());
	return line;
}

/* The width of the first character; *size_r: its bytes. */
static size_t text_width(std::string_view text, size_t *size_r)
{
	uint32_t character = 0;
	const size_t size = text_character(text, &character);
	const int width = size == 0 ? 1 : wcwidth(static_cast<wchar_t>(character));

	*size_r = size == 0 ? 1 : size;
	return width > 0 ? static_cast<size_t>(width) : 0;
}

size_t text_rows(std::string_view text, size_t columns)
{
	size_t rows = 0, column = 0, size = 0;

	while (!text.empty()) {
		const size_t width = text_width(text, &size);
		if (column + width > columns) {
			column = 0;
			rows++;
		}
		column += width;
		if (column >= columns) {
			column = 0;
			rows++;
		}
		text.remove_prefix(size);
	}
	return rows;
}

std::string_view text_cut(std::string_view text, size_t columns)
{
	size_t end = 0, size = 0;

	while (end < text.size()) {
		const size_t width = text_width(text.substr(end), &size);
		if (width > columns)
			break;
		columns -= width;
		end += size;
	}
	return text.substr(0, end);
}

bool text_to_id(std::string_view text, uint64_t *value_r)
{
	uint64_t value = 0;
	const char *const end = text.data() + text.size();
	const std::from_chars_result result = std::from_chars(text.data(), end, value);

	if (result.ec != std::errc() || result.ptr != end || value == 0 || value > uint64_t{CS_INTEGER_MAX})
		return false;
	*value_r = value;
	return true;
}

std::string text_from_time(int64_t ms)
{
	const time_t seconds = static_cast<time_t>(ms / 1000);
	struct tm parts = {};
	char text[64];

	if (!localtime_r(&seconds, &parts) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		return "-";
	return text;
}

std::string text_short_time(int64_t ms)
{
	const std::string today = text_from_time(text_wall_clock()).substr(0, 10),
			  time = text_from_time(ms).substr(0, 16);

	return time.starts_with(today) && time.size() == 16 ? time.substr(11) : time;
}

static int64_t text_clock(clockid_t which)
{
	timespec now = {};

	(void)clock_gettime(which, &now);
	return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

int64_t text_wall_clock(void)
{
	return text_clock(CLOCK_REALTIME);
}

int64_t text_steady_clock(void)
{
	return text_clock(CLOCK_MONOTONIC);
}
