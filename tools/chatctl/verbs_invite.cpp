/* SPDX-License-Identifier: MIT
 * The verbs about invitations to register. */
#include "verbs.h"

#include <cstdio>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

/* "uses 5 expires 7d", in any order. */
static bool chatctl_read_invite(const chatctl_words &words, cJSON *request)
{
	for (size_t i = 0; i < words.size(); i += 2) {
		const std::string value = i + 1 < words.size() ? words[i + 1] : "";

		if (words[i] == "uses") {
			if (!chatctl_add_number(request, "uses", value, 1, 100000, "uses is a number from 1 to 100000"))
				return false;
		} else if (words[i] == "expires") {
			if (!chatctl_add_duration(request, "expires", value, 3650,
			                          "a time is a number with s, m, h or d, up to 3650d"))
				return false;
		} else {
			return chatctl_mistake("what may follow is uses NUMBER and expires TIME", words[i]);
		}
	}
	return true;
}

static bool chatctl_read_revoke(const chatctl_words &words, cJSON *request)
{
	return chatctl_add_named(request, "invite", "code", words[0]);
}

/* The code is shown now and never again. */
static void chatctl_show_created(const cJSON *answer, bool)
{
	const int64_t uses = chatctl_number(answer, "uses");
	const std::string registration = chatctl_text(answer, "registration");

	(void)printf("%s\ninvitation %lld, for %lld account%s, until %s; nobody can show the code again\n",
	             chatctl_text(answer, "code").c_str(), static_cast<long long>(chatctl_number(answer, "invite")),
	             static_cast<long long>(uses), chatctl_plural(uses),
	             chatctl_time(chatctl_number(answer, "ends")).c_str());
	if (registration == "closed")
		(void)fputs("chatctl: login.registration is closed, so nobody can use the code now\n", stderr);
	if (registration == "open")
		(void)fputs("chatctl: login.registration is open, so everybody can register without a code\n", stderr);
}

static void chatctl_show_invites(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"INVITATION", true}, {"USED", true}, {"OF", true}, {"MADE", false}, {"ENDS", false}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "invites"))
		table.rows.push_back({chatctl_number_cell(item, "invite"),
	                              chatctl_number_cell(item, "used"),
	                              chatctl_number_cell(item, "uses"),
	                              {chatctl_time(chatctl_number(item, "created"))},
	                              {chatctl_time(chatctl_number(item, "ends"))}});
	chatctl_print_table(&table, colour);
}

static void chatctl_show_revoked(const cJSON *answer, bool)
{
	(void)printf("invitation %lld is not good any more\n",
	             static_cast<long long>(chatctl_number(answer, "invite")));
}

const struct chatctl_verb chatctl_invite_verbs[] = {
	{"invite create", "[uses NUMBER] [expires TIME]", "make an invitation to register", CS_MSGID_INVITE_CREATE, 0,
         4, chatctl_read_invite, chatctl_show_created},
	{"invite list", "", "the invitations", CS_MSGID_INVITE_LIST, 0, 0, nullptr, chatctl_show_invites, "invites"},
	{"invite revoke", "NUMBER|CODE", "take an invitation back", CS_MSGID_INVITE_REVOKE, 1, 1, chatctl_read_revoke,
         chatctl_show_revoked},
	{},
};
