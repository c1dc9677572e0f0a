/* SPDX-License-Identifier: MIT
 * Takes the format of a log line apart, and puts the parts together as text or as JSON. */
#include "core/base/log_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "core/base/log.h"

/* The longest value of one argument, in bytes; a whole line is not longer. */
static constexpr size_t log_most_value = 4096;

/* ---- reading a format */

/* In a struct, so that functions can take the arguments one after the other. */
struct log_arguments {
	va_list list;
};

/* A conversion of a format, such as %-5.*s. */
struct log_conversion {
	std::string text; /* with * replaced by its number */
	std::string length; /* "", "h", "l", "ll", "z" ... */
	bool is_padded = false;
	char kind = '\0';
};

struct log_reader {
	const char *begin = nullptr;
	const char *at = nullptr;
	struct log_arguments arguments;
	std::vector<struct log_part> parts;
	unsigned pieces = 0; /* of the value that is being read */
};

static void log_print(std::string *value, const char *format, ...)
{
	char text[log_most_value];
	va_list arguments;

	va_start(arguments, format);
	const int size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (size > 0)
		value->append(text, std::min(static_cast<size_t>(size), sizeof text - 1));
}

/* Reads a conversion behind its %. false: none that is known here. */
static bool log_read_conversion(struct log_reader *r, struct log_conversion *c)
{
	c->text = "%";
	for (; *r->at && strchr("-+ #0123456789.*", *r->at); r->at++) {
		c->is_padded |= *r->at != '.' && *r->at != '*';
		if (*r->at == '*')
			c->text += std::to_string(va_arg(r->arguments.list, int));
		else
			c->text += *r->at;
	}
	for (; *r->at && strchr("hlzjt", *r->at); r->at++)
		c->length += *r->at;
	c->text += c->length;
	if (!*r->at || !strchr("diuxXocspfFeEgG%", *r->at))
		return false;
	c->kind = *r->at++;
	c->text += c->kind;
	return true;
}

static void log_print_integer(struct log_arguments *a, const struct log_conversion &c, std::string *value)
{
	const char *format = c.text.c_str();

	if (c.length == "l")
		log_print(value, format, va_arg(a->list, long));
	else if (c.length == "ll")
		log_print(value, format, va_arg(a->list, long long));
	else if (c.length == "z")
		log_print(value, format, va_arg(a->list, size_t));
	else if (c.length == "j")
		log_print(value, format, va_arg(a->list, intmax_t));
	else if (c.length == "t")
		log_print(value, format, va_arg(a->list, ptrdiff_t));
	else
		log_print(value, format, va_arg(a->list, int));
}

static void log_print_argument(struct log_arguments *a, const struct log_conversion &c, std::string *value)
{
	if (c.kind == '%')
		*value += '%';
	else if (c.kind == 's')
		log_print(value, c.text.c_str(), va_arg(a->list, const char *));
	else if (c.kind == 'p')
		log_print(value, c.text.c_str(), va_arg(a->list, void *));
	else if (strchr("fFeEgG", c.kind))
		log_print(value, c.text.c_str(), va_arg(a->list, double));
	else
		log_print_integer(a, c, value);
}

/* The length of the key of a pair that begins here; 0: none does. */
static size_t log_key_size(const struct log_reader *r)
{
	const char *end = r->at;

	if (r->at != r->begin && r->at[-1] != ' ')
		return 0;
	while ((*end >= 'a' && *end <= 'z') || (end > r->at && ((*end >= '0' && *end <= '9') || *end == '_')))
		end++;
	return *end == '=' ? static_cast<size_t>(end - r->at) : 0;
}

static void log_begin_pair(struct log_reader *r, size_t key_size)
{
	struct log_part part;

	part.key.assign(r->at, key_size);
	r->at += key_size + 1;
	part.is_quoted = *r->at == '"';
	r->at += part.is_quoted;
	r->pieces = 0;
	r->parts.push_back(std::move(part));
}

/* Whether the value of the last part ends here. Takes the quote behind it. */
static bool log_ends_pair(struct log_reader *r)
{
	const struct log_part &part = r->parts.back();

	if (part.key.empty() || *r->at != (part.is_quoted ? '"' : ' '))
		return false;
	r->at += part.is_quoted;
	return true;
}

/* false: the format has what is not known here. */
static bool log_read_piece(struct log_reader *r)
{
	struct log_part *part = &r->parts.back();
	struct log_conversion c;

	r->pieces++;
	part->is_number = false;
	if (*r->at != '%') {
		part->value += *r->at++;
		return true;
	}
	r->at++;
	if (!log_read_conversion(r, &c))
		return false;
	log_print_argument(&r->arguments, c, &part->value);
	part->is_number = r->pieces == 1 && !part->is_quoted && !c.is_padded && strchr("diu", c.kind);
	return true;
}

static bool log_read_all(struct log_reader *r)
{
	r->parts.emplace_back();
	while (*r->at) {
		if (const size_t key = r->parts.back().key.empty() ? log_key_size(r) : 0)
			log_begin_pair(r, key);
		else if (log_ends_pair(r))
			r->parts.emplace_back();
		else if (!log_read_piece(r))
			return false;
	}
	return true;
}

std::vector<struct log_part> log_line_read(const char *format, va_list arguments)
{
	struct log_reader r;
	va_list whole;

	r.begin = r.at = format;
	va_copy(r.arguments.list, arguments);
	va_copy(whole, arguments);
	if (!log_read_all(&r)) {
		char text[log_most_value];

		(void)vsnprintf(text, sizeof text, format, whole);
		r.parts.assign(1, {.key = "", .value = text});
	}
	va_end(whole);
	va_end(r.arguments.list);
	return std::move(r.parts);
}

/* ---- text */

static void log_append_value(std::string *line, const struct log_part &part)
{
	if (!part.is_quoted && part.value.find_first_of(" \"\\") == std::string::npos)
		return log_append_visible(line, part.value);
	std::string visible;

	*line += '"';
	for (const char c : part.value) {
		if (c == '"' || c == '\\')
			visible += '\\';
		visible += c;
	}
	log_append_visible(line, visible);
	*line += '"';
}

void log_line_append_text(std::string *line, const std::vector<struct log_part> &parts)
{
	for (const struct log_part &part : parts) {
		if (part.key.empty()) {
			log_append_visible(line, part.value);
			continue;
		}
		line->append(part.key).append("=");
		log_append_value(line, part);
	}
}

/* ---- JSON */

/* The size of the UTF-8 character at the beginning; 0: it is none. */
static size_t log_character_size(std::string_view text)
{
	const auto at = [text](size_t i) {
		return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
	};
	const auto follows = [at](size_t i, unsigned least = 0x80, unsigned most = 0xbf) {
		return at(i) >= least && at(i) <= most;
	};
	const unsigned first = at(0);

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return follows(1) ? 2 : 0;
	if (first >= 0xe0 && first <= 0xef)
		return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
	if (first >= 0xf0 && first <= 0xf4)
		return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3)
		               ? 4
		               : 0;
	return 0;
}

/* Control characters, and those that JSON has escapes for. */
static bool log_append_escape(std::string *line, std::string_view character)
{
	const auto first = static_cast<unsigned char>(character[0]);
	const bool is_upper = first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;

	if (first == '"' || first == '\\')
		line->append("\\").append(character);
	else if (first == '\n')
		line->append("\\n");
	else if (first < 0x20 || first == 0x7f || is_upper)
		log_print(line, "\\u%04x", is_upper ? static_cast<unsigned char>(character[1]) : first);
	else
		return false;
	return true;
}

void log_line_quote_json(std::string *line, std::string_view text)
{
	*line += '"';
	while (!text.empty()) {
		const size_t size = log_character_size(text);

		if (size == 0)
			line->append("\\ufffd");
		else if (!log_append_escape(line, text.substr(0, size)))
			line->append(text.substr(0, size));
		text.remove_prefix(std::max<size_t>(size, 1));
	}
	*line += '"';
}

/* Shortens the value until it fits; if it is empty then, the member is left out. */
static void log_append_member(std::string *line, std::string_view key, const struct log_part &part, size_t most)
{
	std::string value;

	for (size_t size = part.value.size();; size /= 2) {
		value.clear();
		if (part.is_number)
			value = part.value;
		else
			log_line_quote_json(&value, std::string_view(part.value).substr(0, size));
		if (line->size() + key.size() + value.size() + strlen(",\"\":}") <= most)
			break;
		if (part.is_number || size == 0)
			return;
	}
	line->append(",\"").append(key).append("\":").append(value);
}

/* The words between the pairs, with one blank between them. */
static struct log_part log_words_of(const std::vector<struct log_part> &parts)
{
	struct log_part words;

	for (const struct log_part &part : parts) {
		const size_t first = part.value.find_first_not_of(' '), last = part.value.find_last_not_of(' ');

		if (!part.key.empty() || first == std::string::npos)
			continue;
		if (!words.value.empty())
			words.value += ' ';
		words.value.append(part.value, first, last - first + 1);
	}
	return words;
}

void log_line_append_json(std::string *line, const std::vector<struct log_part> &parts, size_t most)
{
	std::vector<std::string> keys{"time", "level", "event", "text"};

	if (const struct log_part words = log_words_of(parts); !words.value.empty())
		log_append_member(line, "text", words, most);
	for (const struct log_part &part : parts) {
		std::string key = part.key;

		if (key.empty())
			continue;
		while (std::find(keys.begin(), keys.end(), key) != keys.end())
			key += '_';
		log_append_member(line, key, part, most);
		keys.push_back(std::move(key));
	}
}
