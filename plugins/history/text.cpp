/* SPDX-License-Identifier: MIT
 * Writes pages of the log and of the inbox as JSON. */
#include "text.h"

#include <charconv>
#include <cstring>

#include <chatserverd/json.h>
#include <chatserverd/plugin.h>

static void text_add_quoted(std::string *out, std::string_view text)
{
	const size_t at = out->size(), size = cs_json_quote(nullptr, 0, text.data(), text.size());

	out->resize(at + size);
	(void)cs_json_quote(out->data() + at, size, text.data(), text.size());
}

static void text_add_number(std::string *out, const char *head, uint64_t number)
{
	out->append(head).append(std::to_string(number));
}

/* As it is delivered: the stored bytes with seq and ts at the end. */
static void text_add_message(std::string *out, const message_row &row)
{
	out->append(row.body, 0, row.body.size() - 1).append(message_tail(row.seq, row.created));
}

void text_add_history(std::string *out, const history_page &page, history_direction direction)
{
	out->append(",\"messages\":[");
	for (const message_row &row : page.rows) {
		if (out->back() == '}')
			out->push_back(',');
		text_add_message(out, row);
	}
	text_add_number(out, "],\"first\":", page.first);
	text_add_number(out, ",\"last\":", page.last);
	if (direction == HISTORY_AROUND) {
		if (page.older)
			text_add_number(out, ",\"older\":true,\"before\":", page.before);
		if (page.newer)
			text_add_number(out, ",\"newer\":true,\"after\":", page.after);
	} else if (page.older || page.newer) {
		text_add_number(out, ",\"more\":true,\"next\":", page.older ? page.before : page.after);
	}
}

/* ---- the inbox */

static const char *text_role(int role)
{
	switch (role) {
	case 1: return "creator";
	case 2: return "admin";
	default: return "normal";
	}
}

static constexpr char text_offline[] = "offline\"", text_online[] = "online\" ";

static void text_add_group(std::string *out, const inbox_item &item)
{
	text_add_number(out, "{\"groupid\":", item.of);
	text_add_quoted(&out->append(",\"groupname\":"), item.name);
	if (item.inviter) {
		text_add_number(out, ",\"invited\":", item.inviter);
		text_add_number(out, ",\"ts\":", static_cast<uint64_t>(item.at));
		return;
	}
	out->append(",\"role\":\"").append(text_role(item.role)).push_back('"');
	text_add_number(out, ",\"members\":", item.members);
}

void text_add_item(std::string *out, const inbox_item &item, const message_row *last, uint64_t unread, size_t *state_r)
{
	*state_r = 0;
	if (item.kind == CONVERSATION_GROUP) {
		text_add_group(out, item);
	} else {
		text_add_number(out, "{\"peer\":", item.of);
		text_add_quoted(&out->append(",\"name\":"), item.name);
		out->append(",\"state\":\"");
		if (!item.blocked)
			*state_r = out->size();
		out->append(text_offline);
	}
	if (last)
		text_add_message(&out->append(",\"last\":"), *last);
	if (!item.inviter) {
		text_add_number(out, ",\"seq\":", item.last_seq);
		text_add_number(out, ",\"read\":", item.read_seq);
		text_add_number(out, ",\"unread\":", unread);
	}
	if (item.kind == CONVERSATION_PAIR)
		text_add_number(out, ",\"seen\":", item.shown_seq);
	out->push_back('}');
}

void text_set_online(std::string *out, size_t state)
{
	memcpy(out->data() + state, text_online, sizeof(text_online) - 1);
}

/* ---- positions */

std::string text_of_position(const inbox_position &position)
{
	return std::to_string(position.place) + "." + std::to_string(position.conversation) + "." +
	       std::to_string(position.invited) + "." + std::to_string(position.invitation);
}

/* Reads a number and, unless it is the last, the dot behind it. */
static bool text_take_number(std::string_view *text, bool is_last, int64_t *number_r)
{
	const char *const end = text->data() + text->size();
	const auto [at, error] = std::from_chars(text->data(), end, *number_r);

	if (error != std::errc() || *number_r < 0 || (is_last ? at != end : at == end || *at != '.'))
		return false;
	text->remove_prefix(static_cast<size_t>(at - text->data()) + !is_last);
	return true;
}

int text_read_position(std::string_view text, inbox_position *position_r)
{
	int64_t conversation = 0, invitation = 0;

	if (!text_take_number(&text, false, &position_r->place) || !text_take_number(&text, false, &conversation) ||
	    !text_take_number(&text, false, &position_r->invited) || !text_take_number(&text, true, &invitation))
		return CS_EINVAL;
	position_r->conversation = static_cast<uint64_t>(conversation);
	position_r->invitation = static_cast<uint64_t>(invitation);
	return 0;
}
