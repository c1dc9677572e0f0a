/* SPDX-License-Identifier: MIT
 * Owns reading msgid and req out of a frame that is refused, so that whoever sent it can tell which one it was. It
 * must not decide anything: what it finds is only told back. */
#include "core/net/frame_internal.h"

#include <charconv>

/* Where it stands in the frame; only the outermost level is of interest. */
struct frame_salvage {
	std::string_view bytes;
	size_t at = 0;
	unsigned depth = 0;
};

/* From the opening quote past the closing one; the raw text between them. */
static std::string_view salvage_string(struct frame_salvage *s)
{
	const size_t start = ++s->at;

	while (s->at < s->bytes.size() && s->bytes[s->at] != '"')
		s->at += s->bytes[s->at] == '\\' ? 2 : 1;
	const std::string_view text = s->bytes.substr(start, s->at - start);

	s->at++;
	return text;
}

/* The plain integer behind a key and its colon, or -1. */
static int64_t salvage_integer(const struct frame_salvage *s, int64_t min, int64_t max)
{
	static const char blanks[] = " \t\r\n";
	const size_t colon = s->bytes.find_first_not_of(blanks, s->at);
	int64_t value = -1;

	if (colon == std::string_view::npos || s->bytes[colon] != ':')
		return -1;
	const size_t start = s->bytes.find_first_not_of(blanks, colon + 1);

	if (start == std::string_view::npos)
		return -1;
	const char *last = s->bytes.data() + s->bytes.size();
	const auto [end, error] = std::from_chars(s->bytes.data() + start, last, value);
	const bool is_whole = end != last && (*end == ',' || *end == '}' || *end == ' ' || *end == '\t' ||
	                                      *end == '\r' || *end == '\n');

	return error == std::errc() && is_whole && value >= min && value <= max ? value : -1;
}

static void salvage_key(const struct frame_salvage *s, std::string_view key, struct cs_request *request)
{
	if (key == "req" && request->req == -1)
		request->req = salvage_integer(s, 0, CS_INTEGER_MAX);
	if (key == "msgid" && request->msgid == 0)
		if (const int64_t value = salvage_integer(s, 1, UINT32_MAX); value != -1)
			request->msgid = static_cast<uint32_t>(value);
}

void frame_salvage_request(std::string_view bytes, struct cs_request *request)
{
	struct frame_salvage s = {.bytes = bytes};

	while (s.at < bytes.size()) {
		const char c = bytes[s.at];

		if (c == '"') {
			const std::string_view text = salvage_string(&s);

			if (s.depth == 1)
				salvage_key(&s, text, request);
			continue;
		}
		if (c == '{' || c == '[')
			s.depth++;
		else if ((c == '}' || c == ']') && s.depth > 0)
			s.depth--;
		s.at++;
	}
}
