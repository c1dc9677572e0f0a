/* SPDX-License-Identifier: MIT
 * The verbs about bots, which the plugin push has. */
#include "verbs.h"

#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

static bool chatctl_read_bot_add(const chatctl_words &words, cJSON *request)
{
	(void)cJSON_AddStringToObject(request, "name", words[0].c_str());
	(void)cJSON_AddStringToObject(request, "url", words[1].c_str());
	return true;
}

static bool chatctl_read_bot(const chatctl_words &words, cJSON *request)
{
	return chatctl_add_account(request, words[0]);
}

static void chatctl_show_bot(const cJSON *answer, bool colour)
{
	struct chatctl_table table {
		{{"", false}, {"", false}}, {}
	};

	chatctl_add_line(&table, "account", std::to_string(chatctl_number(answer, "account")));
	for (const char *key : {"token", "secret"})
		if (chatctl_member(answer, key))
			chatctl_add_line(&table, key, chatctl_text(answer, key));
	chatctl_print_table(&table, colour);
}

static void chatctl_show_bots(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"ACCOUNT", true}, {"NAME", false}, {"STATE", false}, {"URL", false}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "bots"))
		table.rows.push_back({chatctl_number_cell(item, "account"), chatctl_text_cell(item, "name"),
	                              chatctl_text_cell(item, "state"), chatctl_text_cell(item, "url")});
	chatctl_print_table(&table, colour);
}

const struct chatctl_verb chatctl_bot_verbs[] = {
	{"bot add", "NAME URL", "make a bot; its token and secret come once", CS_MSGID_BOT_ADD, 2, 2,
         chatctl_read_bot_add, chatctl_show_bot},
	{"bot list", "", "all bots, and how they are", CS_MSGID_BOT_LIST, 0, 0, nullptr, chatctl_show_bots, "bots"},
	{"bot remove", "BOT", "end a bot; its account stays", CS_MSGID_BOT_REMOVE, 1, 1, chatctl_read_bot,
         chatctl_show_bot},
	{"bot secret", "BOT", "give a bot another secret", CS_MSGID_BOT_SECRET, 1, 1, chatctl_read_bot,
         chatctl_show_bot},
	{"bot token", "BOT", "give a bot a new token, and void the others", CS_MSGID_BOT_TOKEN, 1, 1, chatctl_read_bot,
         chatctl_show_bot},
	{},
};
