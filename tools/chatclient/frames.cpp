/* SPDX-License-Identifier: MIT
 * Finds the ends of the server's frames in a stream of bytes. */
#include "frames.h"

void frames_clear(frames *fr)
{
	*fr = frames();
}

void frames_add(frames *fr, std::string_view bytes)
{
	if (fr->begin > 0) {
		fr->bytes.erase(0, fr->begin);
		fr->scanned -= fr->begin;
		fr->begin = 0;
	}
	fr->bytes += bytes;
}

static bool frames_is_filler(char c)
{
	return c == '\0' || c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* true: this byte ends the outermost object. */
static bool frames_step(frames *fr, char c)
{
	if (fr->in_text) {
		if (fr->escaped)
			fr->escaped = false;
		else if (c == '\\')
			fr->escaped = true;
		else if (c == '"')
			fr->in_text = false;
		return false;
	}
	if (c == '"')
		fr->in_text = true;
	else if (c == '{' || c == '[')
		fr->depth++;
	else if (c == '}' || c == ']')
		return --fr->depth == 0;
	return false;
}

int frames_next(frames *fr, std::string_view *frame_r)
{
	while (fr->depth == 0 && fr->begin < fr->bytes.size() && frames_is_filler(fr->bytes[fr->begin]))
		fr->begin++;
	if (fr->scanned < fr->begin)
		fr->scanned = fr->begin;
	if (fr->begin < fr->bytes.size() && fr->bytes[fr->begin] != '{')
		return -1;
	while (fr->scanned < fr->bytes.size()) {
		if (frames_step(fr, fr->bytes[fr->scanned++])) {
			*frame_r = std::string_view(fr->bytes).substr(fr->begin, fr->scanned - fr->begin);
			fr->begin = fr->scanned;
			return 1;
		}
	}
	return fr->bytes.size() - fr->begin > frames_limit ? -1 : 0;
}
