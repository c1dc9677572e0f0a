/* SPDX-License-Identifier: MIT
 * What the files that read lines into a store share. Only for the model. */
#ifndef MODEL_TRANSFER_READER_H
#define MODEL_TRANSFER_READER_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "messages.h"
#include "transfer.h"

using transfer_members = std::map<std::string_view, std::string_view>; /* values as they are written */

struct transfer_reader {
	cs_db *db;
	transfer_batch *batch;
	const transfer_line *line = nullptr;
};

/* MODEL_REFUSED, with the number of the line. */
int transfer_refuse(const transfer_reader *r, const std::string &why);

/* -(2^53 - 1) to 2^53 - 1. false: there is no such member, or it is no such number. */
[[nodiscard]] bool transfer_get_number(const transfer_members &members, std::string_view key, int64_t *number_r);
/* false: there is no such member, or it is no text. */
[[nodiscard]] bool transfer_get_text(const transfer_members &members, std::string_view key, std::string *text_r);
/* Whether an account can have this text as its password: a hash, or nothing. */
[[nodiscard]] bool transfer_is_hash(std::string_view text);

/* ---- lines that somebody wrote by hand: they name accounts and groups, and the server numbers what they bring */

/* Whether the line is one of them. Messages are not: they are read together, see below. */
[[nodiscard]] bool transfer_is_by_hand(const transfer_members &members, std::string_view kind);
/* Reads it. 0, or MODEL_REFUSED. */
[[nodiscard]] int transfer_hand_read(const transfer_reader *r, const transfer_members &members, std::string_view kind);

/* A line of the kind message. */
struct transfer_message {
	const transfer_line *line = nullptr;
	message_append append; /* its texts are those below once it is stored */
	int64_t created = 0; /* of the line; append has that of the message which it repeats */
	std::string cid, body;
};

/* 0, or MODEL_REFUSED. */
[[nodiscard]] int transfer_message_parse(const transfer_reader *r, const transfer_members &members,
                                         transfer_message *message_r);
/* Appends messages to their conversations, in their order. 0, or MODEL_REFUSED. */
[[nodiscard]] int transfer_messages_store(transfer_reader *r, std::vector<transfer_message> *messages);

#endif
