/* SPDX-License-Identifier: MIT
 * What the client knows of each conversation: what is unread, what was said last, how far back it was shown; and which
 * one plain text goes to. */
#ifndef CHATCLIENT_TALKS_H
#define CHATCLIENT_TALKS_H

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

/* Names a conversation. id 0: none. */
struct place {
	bool is_group = false;
	int64_t id = 0; /* the other account, or the group */

	bool operator==(const place &) const = default;
};

struct talk_line {
	int64_t seq = 0;
	bool own = false; /* the user wrote it, here or on another device */
	std::string text;
};

struct talk {
	place at;
	uint64_t unread = 0; /* messages since it was shown to the user last */
	int64_t newest = 0; /* the last seq that was heard of */
	int64_t read = 0; /* the last seq that READ was sent for */
	int64_t seen = 0; /* the other account has read up to here */
	bool name_asked = false; /* the server was asked for the name of the group */
	bool members_asked = false; /* and for those of its members */
	bool invited = false; /* a group that the user may join, and is not in */
	int64_t oldest = 0; /* the first seq that was shown of its history; 0: none */
	bool more = false; /* there is something before it */
	std::deque<talk_line> lines; /* what was said last, by seq, with the text as it is now */
};

/* Somebody is writing. */
struct talk_writer {
	place at;
	int64_t id = 0;
	int64_t until = 0; /* steady clock, ms: without a further word it is over then */
};

struct talks {
	std::vector<talk> all;
	place with; /* plain text goes there */
	place spoke; /* who spoke last */
	std::vector<talk_writer> writers;
	int64_t told_writing = 0; /* steady clock, ms: the others were told that the user is writing */
};

/* The conversation; a new one where it was not known. Valid until the next call. */
[[nodiscard]] talk *talks_find(talks *tk, const place &at);
/* Notes a message. */
void talks_note(talks *tk, const place &at, int64_t seq, std::string_view text, bool own);
/* The text of a message that was noted is another one now, empty: taken back. Returns what it was, empty: not known. */
std::string talks_change(talks *tk, const place &at, int64_t seq, std::string_view text);
/* The seq of what the user said last and did not take back, or 0. */
[[nodiscard]] int64_t talks_last_own(const talk *one);
/* The other account has read the newest message, which the user wrote. */
[[nodiscard]] bool talks_is_seen(const talk *one);
/* id is writing until that time; 0: not any more. */
void talks_note_writer(talks *tk, const place &at, int64_t id, int64_t until);
void talks_drop_writers(talks *tk, int64_t now);
/* The number of unread messages in all conversations but the one that plain text goes to. */
[[nodiscard]] uint64_t talks_unread_elsewhere(const talks *tk);

#endif
