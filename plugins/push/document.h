/* SPDX-License-Identifier: MIT
 * What is sent to a receiver and what it answers, as JSON; and frames in a stream of bytes. Any thread; no state. */
#ifndef PUSH_DOCUMENT_H
#define PUSH_DOCUMENT_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/mailbox.h>

/* Appends the text as a JSON string. */
void document_quote(std::string *out, std::string_view text);
/* The first characters of the text, at most so many; the text itself if it has no more. */
[[nodiscard]] std::string document_cut(std::string_view text, size_t characters);

/* {"account":A,"frames":[...]}, with the frames' own bytes. */
[[nodiscard]] std::string document_of_frames(uint64_t account, std::span<const std::string> frames);

/* The frames of an answer {"frames":[{...},...]}, as they are written; other members are ignored. false: it is no such
 * document. */
[[nodiscard]] bool document_read_answer(const std::string &answer, std::vector<std::string> *frames_r);

/* Takes the whole frames at the beginning of input, which a server wrote, and what is between them. */
void document_take_frames(std::string *input, std::vector<std::string> *frames);

/* What a frame of the server is for a device of the account. */
struct document_frame {
	uint32_t msgid = 0; /* 0: it could not be read */
	uint64_t seq = 0; /* above 0: an entry of a conversation, to be confirmed */
	cs_conversation_kind kind = CS_CONVERSATION_PAIR;
	uint64_t of = 0; /* the other account, or the group */
	/* Of an answer to a request of the device: that request, and the error. */
	bool is_answer = false;
	uint32_t answers_to = 0;
	int error = 0;
};

[[nodiscard]] document_frame document_look(uint64_t account, const std::string &frame);

/* DELIVERED up to the seq. */
[[nodiscard]] std::string document_delivered(uint64_t account, cs_conversation_kind kind, uint64_t of, uint64_t seq);

#endif
