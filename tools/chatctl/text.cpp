/* SPDX-License-Identifier: MIT
 * Texts for a terminal: without dangerous characters, with their width; sizes and times for people. */
#include "text.h"

#include <cstdio>
#include <cstring>
#include <ctime>
#include <cwchar>

/* The next character of the text and its bytes; 0 bytes: it is no UTF-8. */
static size_t chatctl_next(std::string_view text, wchar_t *character_r)
{
	mbstate_t state{};
	const size_t size = mbrtowc(character_r, text.data(), text.size(), &state);

	if (size == 0)
		return 1; /* a NUL */
	return size > text.size() ? 0 : size;
}

static bool chatctl_is_dangerous(wchar_t c)
{
	const auto code = static_cast<uint32_t>(c);

	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static std::string chatctl_escape_byte(char byte)
{
	char text[8];

	(void)snprintf(text, sizeof text, "\\x%02x", static_cast<unsigned char>(byte));
	return text;
}

static std::string chatctl_escape(wchar_t c)
{
	char text[16];

	(void)snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
	return text;
}

/* keeps: a character that stays although it is dangerous; 0: none. */
static std::string chatctl_replace(std::string_view text, wchar_t keeps)
{
	std::string safe;

	while (!text.empty()) {
		wchar_t c = 0;
		const size_t size = chatctl_next(text, &c);

		if (size == 0)
			safe += chatctl_escape_byte(text[0]);
		else if (chatctl_is_dangerous(c) && (c != keeps || c == 0))
			safe += chatctl_escape(c);
		else
			safe += text.substr(0, size);
		text.remove_prefix(size == 0 ? 1 : size);
	}
	return safe;
}

std::string chatctl_harmless(std::string_view text)
{
	return chatctl_replace(text, 0);
}

/* Between its values a document may have line feeds; inside a text they are escaped already. */
std::string chatctl_harmless_json(std::string_view json)
{
	return chatctl_replace(json, L'\n');
}

size_t chatctl_width(std::string_view text)
{
	size_t width = 0;

	while (!text.empty()) {
		wchar_t c = 0;
		const size_t size = chatctl_next(text, &c);
		const int columns = size == 0 ? 1 : wcwidth(c);

		width += columns < 0 ? 1 : static_cast<size_t>(columns);
		text.remove_prefix(size == 0 ? 1 : size);
	}
	return width;
}

std::string chatctl_duration(int64_t ms)
{
	static constexpr struct {
		int64_t ms;
		const char *name;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};

	if (ms < 1000)
		return std::to_string(ms) + "ms";
	for (size_t i = 0; i < 4; i++) {
		if (ms < units[i].ms)
			continue;
		std::string text = std::to_string(ms / units[i].ms) + units[i].name;

		if (i < 3 && ms % units[i].ms / units[i + 1].ms > 0)
			text += " " + std::to_string(ms % units[i].ms / units[i + 1].ms) + units[i + 1].name;
		return text;
	}
	return "";
}

std::string chatctl_size(int64_t bytes)
{
	static const char units[] = "KMGT";
	double value = static_cast<double>(bytes);
	size_t unit = 0;
	char text[32];

	if (bytes < 1024)
		return std::to_string(bytes);
	for (value /= 1024; value >= 1024 && unit < 3; value /= 1024)
		unit++;
	(void)snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
	std::string shown = text;

	if (shown.ends_with(".0"))
		shown.resize(shown.size() - 2);
	return shown + units[unit];
}

std::string chatctl_time(int64_t ms)
{
	const auto seconds = static_cast<time_t>(ms / 1000);
	struct tm local {};
	char text[32] = "";

	if (localtime_r(&seconds, &local))
		(void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
	return text;
}
