/* SPDX-License-Identifier: MIT
 * The verbs that remove what is old. */
#include "verbs.h"

#include <cstdio>
#include <ctime>

#include <chatserverd/msgid.h>

#include "answer.h"

/* The beginning of the day in UTC, so that it is the same wherever one is. */
static bool chatctl_read_day(const chatctl_words &words, cJSON *request)
{
	struct tm day = {}, read;
	const char *end = words[0].size() == 10 ? strptime(words[0].c_str(), "%Y-%m-%d", &day) : nullptr;

	read = day;
	const time_t seconds = timegm(&day);

	if (!end || *end || seconds <= 0 || day.tm_mday != read.tm_mday)
		return chatctl_mistake("the day is YYYY-MM-DD", words[0]);
	(void)cJSON_AddNumberToObject(request, "before", static_cast<double>(seconds) * 1000);
	return words[1] == "all" || chatctl_add_group(request, words[1]);
}

static std::string chatctl_purge_day(const cJSON *purge)
{
	const time_t before = static_cast<time_t>(chatctl_number(purge, "before") / 1000);
	struct tm day {};
	char text[16];

	(void)gmtime_r(&before, &day);
	(void)strftime(text, sizeof text, "%Y-%m-%d", &day);
	return text;
}

static enum chatctl_status chatctl_ask_purge(const struct chatctl_options *options, struct chatctl_wire *w,
                                             cJSON *request, std::string *question_r)
{
	std::string where = "all conversations, also of groups that keep their log forever";
	enum chatctl_status status = CHATCTL_DONE;

	if (chatctl_member(request, "groupid") || chatctl_member(request, "groupname")) {
		const chatctl_json_ptr group =
			chatctl_look_up(options, w, request, CS_MSGID_GROUP_SHOW, "groupid", "groupname", &status);

		where = "group " + std::to_string(chatctl_number(group.get(), "groupid")) + " \"" +
		        chatctl_text(group.get(), "groupname") + "\"";
	}
	*question_r = "Remove what was stored before " + chatctl_purge_day(request) + " (UTC) from " + where + "?";
	return status;
}

static void chatctl_show_purge(const cJSON *answer, bool)
{
	const int64_t failures = chatctl_number(answer, "failures"), group = chatctl_number(answer, "groupid");
	const std::string where = group ? " in group " + std::to_string(group) : "";

	if (!chatctl_number(answer, "before")) {
		(void)puts("nothing was purged since the start of the server");
		return;
	}
	(void)printf("purge of what was stored before %s (UTC)%s: %s, %lld entries of %lld conversations\n",
	             chatctl_purge_day(answer).c_str(), where.c_str(),
	             chatctl_flag(answer, "running") ? "under way" : "it has ended",
	             static_cast<long long>(chatctl_number(answer, "entries")),
	             static_cast<long long>(chatctl_number(answer, "conversations")));
	if (failures)
		(void)printf("%lld could not be done by the store; give the order again\n",
		             static_cast<long long>(failures));
}

const struct chatctl_verb chatctl_purge_verbs[] = {
	{"purge before", "DATE all|GROUP [yes]", "remove what is of before YYYY-MM-DD", CS_MSGID_PURGE, 2, 2,
         chatctl_read_day, chatctl_show_purge, nullptr, nullptr, false, false, chatctl_ask_purge},
	{"purge status", "", "how far that has come", CS_MSGID_PURGE, 0, 0, nullptr, chatctl_show_purge},
	{},
};
