/* SPDX-License-Identifier: MIT
 * What a plugin may post or change, and the frame that is made of it. */
#include "post.h"

#include <ctime>

#include <chatserverd/json.h>
#include <chatserverd/msgid.h>

std::string mailbox_post_quote(std::string_view text)
{
	std::string quoted(cs_json_quote(nullptr, 0, text.data(), text.size()), '\0');

	(void)cs_json_quote(quoted.data(), quoted.size(), text.data(), text.size());
	return quoted;
}

static std::string mailbox_post_time(int64_t ms)
{
	const time_t seconds = ms / 1000;
	tm local = {};
	char text[32];

	(void)localtime_r(&seconds, &local);
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	return text;
}

std::string mailbox_post_frame(const message_append &a, std::string_view name, std::string_view said)
{
	const bool group = a.kind == CONVERSATION_GROUP;

	return "{\"msgid\":" + std::to_string(group ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT) +
	       ",\"id\":" + std::to_string(a.sender) + ",\"name\":" + mailbox_post_quote(name) +
	       (group ? ",\"groupid\":" : ",\"toid\":") + std::to_string(a.to) + std::string(said) + ",\"time\":\"" +
	       mailbox_post_time(a.created) + "\"}";
}

/* How many bytes the character has that begins here; 0: it is not UTF-8, or NUL. */
static size_t mailbox_post_character(std::string_view text)
{
	const auto byte = [text](size_t i) {
		return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
	};
	const unsigned lead = byte(0), second = byte(1);
	const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (!lead || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((byte(i) & 0xc0) != 0x80)
			return 0;
	/* Longer than it need be, a surrogate, or above U+10FFFF. */
	if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
	    (lead == 0xf4 && second > 0x8f))
		return 0;
	return size;
}

static bool mailbox_post_is_text(std::string_view text)
{
	while (!text.empty()) {
		const size_t size = mailbox_post_character(text);

		if (!size)
			return false;
		text.remove_prefix(size);
	}
	return true;
}

static bool mailbox_post_is_id(uint64_t id)
{
	return id >= 1 && id <= CS_INTEGER_MAX;
}

/* cid NULL: there is none. */
static bool mailbox_post_is_cid(const char *cid, size_t size)
{
	return !cid || (size && size <= CS_MAILBOX_CID_MAX && mailbox_post_is_text({cid, size}));
}

bool mailbox_post_is_valid(const cs_mailbox_post *post)
{
	if (!mailbox_post_is_id(post->account) || !mailbox_post_is_id(post->to) || post->spare[0] || post->spare[1])
		return false;
	return mailbox_post_is_cid(post->cid, post->cid_size) && post->text && post->text_size <= CS_MAILBOX_TEXT_MAX &&
	       cs_json_quote(nullptr, 0, post->text, post->text_size) <= CS_MAILBOX_TEXT_MAX &&
	       mailbox_post_is_text({post->text, post->text_size});
}

std::string mailbox_post_said(const cs_mailbox_post *post)
{
	std::string said = ",\"msg\":" + mailbox_post_quote({post->text, post->text_size});

	if (post->cid)
		said += ",\"cid\":" + mailbox_post_quote({post->cid, post->cid_size});
	return said;
}

/* ---- changes */

static std::string_view mailbox_post_given(const cs_mailbox_change *change)
{
	return change->members ? std::string_view(change->members, change->members_size) : std::string_view();
}

bool mailbox_post_is_valid_change(const cs_mailbox_change *change)
{
	const std::string_view members = mailbox_post_given(change);

	if (!mailbox_post_is_id(change->group) || !change->msgid || !change->effect || change->spare_flags ||
	    change->spare[0] || change->spare[1])
		return false;
	return change->account <= CS_INTEGER_MAX && change->lock <= CS_INTEGER_MAX &&
	       mailbox_post_is_cid(change->cid, change->cid_size) && members.size() <= CS_MAILBOX_TEXT_MAX &&
	       (members.empty() || members.front() == ',') && mailbox_post_is_text(members);
}

std::string mailbox_post_members(const cs_mailbox_change *change)
{
	std::string members(mailbox_post_given(change));

	if (change->cid)
		members += ",\"cid\":" + mailbox_post_quote({change->cid, change->cid_size});
	return members;
}

std::string mailbox_post_change_frame(const message_append &a, cs_account account, std::string_view name,
                                      std::string_view members)
{
	return "{\"msgid\":" + std::to_string(a.msgid) + ",\"id\":" + std::to_string(account) +
	       ",\"name\":" + mailbox_post_quote(name) + ",\"groupid\":" + std::to_string(a.to) + std::string(members) +
	       "}";
}
