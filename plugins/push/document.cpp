/* SPDX-License-Identifier: MIT
 * What is sent to a receiver and what it answers, as JSON; and frames in a stream of bytes. */
#include "document.h"

#include <algorithm>
#include <memory>

#include <cjson/cJSON.h>

#include <chatserverd/json.h>

struct document_deleter {
	void operator()(cJSON *json) const
	{
		cJSON_Delete(json);
	}
};

using document_ptr = std::unique_ptr<cJSON, document_deleter>;

void document_quote(std::string *out, std::string_view text)
{
	const size_t at = out->size(), size = cs_json_quote(nullptr, 0, text.data(), text.size());

	out->resize(at + size);
	(void)cs_json_quote(out->data() + at, size, text.data(), text.size());
}

std::string document_cut(std::string_view text, size_t characters)
{
	size_t at = 0;

	for (; at < text.size(); at++) {
		const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;

		if (begins && characters-- == 0)
			break;
	}
	return std::string(text.substr(0, at));
}

std::string document_of_frames(uint64_t account, std::span<const std::string> frames)
{
	std::string text = "{\"account\":" + std::to_string(account) + ",\"frames\":[";

	for (size_t i = 0; i < frames.size(); i++)
		text.append(i ? "," : "").append(frames[i]);
	return text + "]}";
}

/* ---- the answer */

static void document_skip_blank(std::string_view *text)
{
	text->remove_prefix(std::min(text->find_first_not_of(" \t\r\n"), text->size()));
}

/* Skips blanks, and then the character. false: it is not there. */
static bool document_skip(std::string_view *text, char c)
{
	document_skip_blank(text);
	if (text->empty() || text->front() != c)
		return false;
	text->remove_prefix(1);
	return true;
}

/* Takes a value. *bytes_r: as it is written. */
static document_ptr document_take_value(std::string_view *text, std::string_view *bytes_r)
{
	const char *end = nullptr;

	document_skip_blank(text);
	document_ptr value(cJSON_ParseWithLengthOpts(text->data(), text->size(), &end, 0));
	if (!value)
		return value;
	*bytes_r = text->substr(0, static_cast<size_t>(end - text->data()));
	text->remove_prefix(bytes_r->size());
	return value;
}

static bool document_read_frames(std::string_view array, std::vector<std::string> *frames_r)
{
	if (!document_skip(&array, '['))
		return false;
	if (document_skip(&array, ']'))
		return true;
	do {
		std::string_view bytes;
		const document_ptr frame = document_take_value(&array, &bytes);

		if (!cJSON_IsObject(frame.get()))
			return false;
		frames_r->emplace_back(bytes);
	} while (document_skip(&array, ','));
	return document_skip(&array, ']');
}

bool document_read_answer(const std::string &answer, std::vector<std::string> *frames_r)
{
	std::string_view text = answer, frames;
	bool found = false;

	frames_r->clear();
	if (!document_skip(&text, '{'))
		return false;
	do {
		std::string_view bytes;
		const document_ptr key = document_take_value(&text, &bytes);

		if (!cJSON_IsString(key.get()) || !document_skip(&text, ':'))
			return false;
		const bool is_frames = std::string_view("frames") == key->valuestring;
		if (!document_take_value(&text, is_frames ? &frames : &bytes))
			return false;
		found = found || is_frames;
	} while (document_skip(&text, ','));
	if (!document_skip(&text, '}'))
		return false;
	document_skip_blank(&text);
	if (found && text.empty() && document_read_frames(frames, frames_r))
		return true;
	frames_r->clear();
	return false;
}

/* ---- frames */

/* The size of the frame at the beginning of the text; 0: it is not whole. */
static size_t document_frame_size(std::string_view text)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < text.size(); i++) {
		const char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			in_string = c != '"';
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{') {
			depth++;
		} else if (c == '}' && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

void document_take_frames(std::string *input, std::vector<std::string> *frames)
{
	size_t at = 0;

	for (;;) {
		at = std::min(input->find('{', at), input->size());
		const size_t size = document_frame_size(std::string_view(*input).substr(at));

		if (size == 0)
			break;
		frames->push_back(input->substr(at, size));
		at += size;
	}
	input->erase(0, at);
}

static uint64_t document_number(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? static_cast<uint64_t>(item->valuedouble) : 0;
}

document_frame document_look(uint64_t account, const std::string &frame)
{
	const document_ptr json(cJSON_ParseWithLength(frame.data(), frame.size()));
	document_frame look;

	look.msgid = static_cast<uint32_t>(document_number(json.get(), "msgid"));
	look.is_answer = look.msgid == CS_MSGID_ACK;
	if (look.is_answer) {
		look.answers_to = static_cast<uint32_t>(document_number(json.get(), "of"));
		look.error = static_cast<int>(document_number(json.get(), "errno"));
		return look;
	}
	look.seq = document_number(json.get(), "seq");
	/* A CHAT may have a groupid of its sender's own, which means nothing. */
	if (look.msgid == CS_MSGID_GROUP_CHAT) {
		look.kind = CS_CONVERSATION_GROUP;
		look.of = document_number(json.get(), "groupid");
	} else {
		const uint64_t sender = document_number(json.get(), "id");

		look.kind = CS_CONVERSATION_PAIR;
		look.of = sender == account ? document_number(json.get(), "toid") : sender;
	}
	if (!look.of)
		look.seq = 0;
	return look;
}

std::string document_delivered(uint64_t account, cs_conversation_kind kind, uint64_t of, uint64_t seq)
{
	return "{\"msgid\":" + std::to_string(CS_MSGID_DELIVERED) + ",\"id\":" + std::to_string(account) +
	       (kind == CS_CONVERSATION_GROUP ? ",\"groupid\":" : ",\"peer\":") + std::to_string(of) +
	       ",\"seq\":" + std::to_string(seq) + "}";
}
