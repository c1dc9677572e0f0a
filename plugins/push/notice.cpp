/* SPDX-License-Identifier: MIT
 * What a notice says. */
#include "notice.h"

#include <algorithm>

#include "../shared/object.h"
#include "document.h"
#include "sign.h"

static constexpr size_t notice_text_most = 100; /* characters */

std::string notice_text(const push_note &note)
{
	std::string_view text;

	if (!note.target.preview || object_find(note.body, "msg", &text) != 0 || text.empty() || text.front() != '"')
		return "";
	return document_cut(object_text(text), notice_text_most);
}

std::string notice_title(const push_note &note)
{
	return note.kind == CONVERSATION_GROUP ? note.sender_name + " in " + note.group_name : note.sender_name;
}

std::string notice_document(const push_note &note, std::string_view text)
{
	std::string out = "{\"account\":" + std::to_string(note.target.account);

	if (note.kind == CONVERSATION_GROUP) {
		out += ",\"groupid\":" + std::to_string(note.conversation) + ",\"groupname\":";
		document_quote(&out, note.group_name);
	} else {
		out += ",\"peer\":" + std::to_string(note.sender);
	}
	out += ",\"seq\":" + std::to_string(note.wanted) + ",\"from\":";
	document_quote(&out, note.sender_name);
	if (!text.empty()) {
		out += ",\"text\":";
		document_quote(&out, text);
	}
	return out + "}";
}

std::string notice_header(std::string_view text)
{
	const auto is_plain = [](char c) {
		return c >= ' ' && c < 0x7f;
	};

	if (std::all_of(text.begin(), text.end(), is_plain))
		return std::string(text);
	return "=?UTF-8?B?" + sign_base64(text) + "?=";
}
