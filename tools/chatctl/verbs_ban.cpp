/* SPDX-License-Identifier: MIT
 * The verbs about banned networks. */
#include "verbs.h"

#include <cctype>
#include <cstdio>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

/* A time begins with a digit; all other words are the reason. */
static bool chatctl_read_ban(const chatctl_words &words, cJSON *request)
{
	const bool has_time = words.size() > 1 && isdigit(static_cast<unsigned char>(words[1][0])) != 0;
	std::string reason;

	(void)cJSON_AddStringToObject(request, "address", words[0].c_str());
	if (has_time &&
	    !chatctl_add_duration(request, "time", words[1], 3650, "a time is a number with s, m, h or d, up to 3650d"))
		return false;
	for (size_t i = has_time ? 2 : 1; i < words.size(); i++)
		reason += (reason.empty() ? "" : " ") + words[i];
	if (!reason.empty())
		(void)cJSON_AddStringToObject(request, "reason", reason.c_str());
	return true;
}

static bool chatctl_read_unban(const chatctl_words &words, cJSON *request)
{
	(void)cJSON_AddStringToObject(request, "address", words[0].c_str());
	return true;
}

static std::string chatctl_ban_end(const cJSON *item)
{
	const int64_t ends = chatctl_number(item, "ends");

	return ends == 0 ? "never" : chatctl_time(ends);
}

static void chatctl_show_ban(const cJSON *answer, bool)
{
	const std::string end = chatctl_ban_end(answer);

	(void)printf("%s is banned%s%s\n", chatctl_text(answer, "network").c_str(), end == "never" ? "" : " until ",
	             end == "never" ? "" : end.c_str());
}

static void chatctl_show_unban(const cJSON *answer, bool)
{
	(void)printf("%s is not banned any more\n", chatctl_text(answer, "network").c_str());
}

static void chatctl_show_bans(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"NETWORK", false}, {"SINCE", false}, {"ENDS", false}, {"REASON", false}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "bans"))
		table.rows.push_back({chatctl_text_cell(item, "network"),
	                              {chatctl_time(chatctl_number(item, "created"))},
	                              {chatctl_ban_end(item)},
	                              chatctl_text_cell(item, "reason")});
	chatctl_print_table(&table, colour);
}

const struct chatctl_verb chatctl_ban_verbs[] = {
	{"ban", "ADDRESS [TIME] [REASON...]", "refuse connections of an address or network", CS_MSGID_BAN, 1, SIZE_MAX,
         chatctl_read_ban, chatctl_show_ban},
	{"unban", "ADDRESS", "take a ban back", CS_MSGID_UNBAN, 1, 1, chatctl_read_unban, chatctl_show_unban},
	{"bans", "", "the banned networks", CS_MSGID_BANS, 0, 0, nullptr, chatctl_show_bans, "bans"},
	{},
};
