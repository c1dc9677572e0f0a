/* SPDX-License-Identifier: MIT
 * What the client knows of each conversation: what is unread, what was said last, how far back it was shown; and which
 * one plain text goes to. */
#include "talks.h"

#include <algorithm>

/* So many messages of a conversation can be quoted where one of them is changed. */
static const size_t talks_lines = 200;

talk *talks_find(talks *tk, const place &at)
{
	for (talk &one : tk->all)
		if (one.at == at)
			return &one;
	tk->all.push_back({});
	tk->all.back().at = at;
	return &tk->all.back();
}

static talk_line *talks_find_line(talk *one, int64_t seq)
{
	for (talk_line &line : one->lines)
		if (line.seq == seq)
			return &line;
	return nullptr;
}

void talks_note(talks *tk, const place &at, int64_t seq, std::string_view text, bool own)
{
	talk *const one = talks_find(tk, at);

	one->newest = std::max(one->newest, seq);
	if (seq <= 0 || talks_find_line(one, seq))
		return;
	const auto after = std::find_if(one->lines.begin(), one->lines.end(),
	                                [=](const talk_line &line) { return line.seq > seq; });
	one->lines.insert(after, {.seq = seq, .own = own, .text = std::string(text)});
	if (one->lines.size() > talks_lines)
		one->lines.pop_front();
}

std::string talks_change(talks *tk, const place &at, int64_t seq, std::string_view text)
{
	talk *const one = talks_find(tk, at);
	talk_line *const line = talks_find_line(one, seq);
	std::string before;

	if (!line)
		return before;
	before.swap(line->text);
	line->text = text;
	return before;
}

int64_t talks_last_own(const talk *one)
{
	int64_t last = 0;

	for (const talk_line &line : one->lines)
		if (line.own && !line.text.empty())
			last = line.seq;
	return last;
}

bool talks_is_seen(const talk *one)
{
	return !one->lines.empty() && one->lines.back().own && one->lines.back().seq <= one->seen;
}

void talks_note_writer(talks *tk, const place &at, int64_t id, int64_t until)
{
	std::erase_if(tk->writers, [&](const talk_writer &one) { return one.at == at && one.id == id; });
	if (until > 0)
		tk->writers.push_back({.at = at, .id = id, .until = until});
}

void talks_drop_writers(talks *tk, int64_t now)
{
	std::erase_if(tk->writers, [=](const talk_writer &one) { return one.until <= now; });
}

uint64_t talks_unread_elsewhere(const talks *tk)
{
	uint64_t unread = 0;

	for (const talk &one : tk->all)
		unread += one.at == tk->with ? 0 : one.unread;
	return unread;
}
