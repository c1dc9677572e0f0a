/* SPDX-License-Identifier: MIT
 * The verbs about groups. */
#include "verbs.h"

#include <cstdio>
#include <ctime>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

/* ---- group list */

static void chatctl_show_groups(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"GROUP", true}, {"NAME", false}, {"MEMBERS", true}, {"ENTRIES", true}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "groups"))
		table.rows.push_back({chatctl_number_cell(item, "groupid"), chatctl_text_cell(item, "groupname"),
	                              chatctl_number_cell(item, "members"), chatctl_number_cell(item, "seq")});
	chatctl_print_table(&table, colour);
}

/* ---- reading */

static bool chatctl_read_group(const chatctl_words &words, cJSON *request)
{
	return chatctl_add_group(request, words[0]);
}

static constexpr int64_t chatctl_group_days = 36500; /* the server takes no longer time */

static bool chatctl_read_keep(const chatctl_words &words, cJSON *request)
{
	if (!chatctl_read_group(words, request))
		return false;
	if (words[1] == "forever")
		return cJSON_AddBoolToObject(request, "forever", true);
	if (words[1] == "default")
		return cJSON_AddNumberToObject(request, "keep", 0);
	return chatctl_add_duration(request, "keep", words[1], chatctl_group_days,
	                            "the time is 365d, 12h, 30m or 10s, up to 36500d, forever or default");
}

static bool chatctl_read_mute(const chatctl_words &words, cJSON *request)
{
	if (!chatctl_read_group(words, request))
		return false;
	if (words[1] == "all")
		(void)cJSON_AddNumberToObject(request, "account", 0);
	else if (!chatctl_add_account(request, words[1]))
		return false;
	if (words[2] == "off")
		return cJSON_AddNumberToObject(request, "ms", 0);
	return chatctl_add_duration(request, "ms", words[2], chatctl_group_days,
	                            "the time is 1d, 2h, 10m or 30s, up to 36500d, or off");
}

/* ---- showing */

static std::string chatctl_keep_text(int64_t keep)
{
	return keep < 0 ? "forever" : keep == 0 ? "as mailbox.keep says" : chatctl_duration(keep);
}

static std::string chatctl_muted_text(int64_t until)
{
	return until > static_cast<int64_t>(time(nullptr)) * 1000 ? "until " + chatctl_time(until) : "no";
}

static void chatctl_show_group(const cJSON *answer, bool colour)
{
	const cJSON *item;
	const int64_t first = chatctl_number(answer, "first"), last = chatctl_number(answer, "last"),
		      created = chatctl_number(answer, "created"), admins = chatctl_number(answer, "admins"),
		      normal = chatctl_number(answer, "normal");
	struct chatctl_table lines {
		{{"", false}, {"", false}}, {}
	}, table{{{"ACCOUNT", true}, {"NAME", false}, {"ROLE", false}, {"JOINED", false}, {"MUTED", false}}, {}};

	chatctl_add_line(&lines, "group", std::to_string(chatctl_number(answer, "groupid")));
	chatctl_add_line(&lines, "name", chatctl_text(answer, "groupname"));
	chatctl_add_line(&lines, "description", chatctl_text(answer, "groupdesc"));
	chatctl_add_line(&lines, "created",
	                 (created ? chatctl_time(created) + ", " : std::string()) + "creator " +
	                         std::to_string(chatctl_number(answer, "creator")) + " " +
	                         chatctl_text(answer, "name"));
	chatctl_add_line(&lines, "members",
	                 std::to_string(admins + normal + 1) + ": 1 creator, " + std::to_string(admins) + " admin" +
	                         chatctl_plural(admins) + ", " + std::to_string(normal) + " normal");
	chatctl_add_line(&lines, "join", chatctl_text(answer, "join"));
	chatctl_add_line(&lines, "history", chatctl_text(answer, "history"));
	chatctl_add_line(&lines, "muted", chatctl_muted_text(chatctl_number(answer, "muted")));
	chatctl_add_line(&lines, "keep", chatctl_keep_text(chatctl_number(answer, "keep")));
	chatctl_add_line(&lines, "entries",
	                 std::to_string(last - first + 1) + ": " + std::to_string(first) + " to " +
	                         std::to_string(last));
	cJSON_ArrayForEach(item, chatctl_member(answer, "members"))
	{
		const int64_t joined = chatctl_number(item, "joined");

		table.rows.push_back({chatctl_number_cell(item, "account"),
		                      chatctl_text_cell(item, "name"),
		                      chatctl_text_cell(item, "role"),
		                      {joined ? chatctl_time(joined) : "-"},
		                      {chatctl_muted_text(chatctl_number(item, "muted"))}});
	}
	chatctl_print_table(&lines, colour);
	(void)puts("");
	chatctl_print_table(&table, colour);
}

static void chatctl_show_dissolved(const cJSON *answer, bool)
{
	const int64_t removed = chatctl_number(answer, "removed");

	(void)printf("group %lld \"%s\" has ended; %lld member%s removed\n",
	             static_cast<long long>(chatctl_number(answer, "groupid")),
	             chatctl_text(answer, "groupname").c_str(), static_cast<long long>(removed),
	             removed == 1 ? " was" : "s were");
}

static void chatctl_show_keep(const cJSON *answer, bool)
{
	(void)printf("group %lld \"%s\" keeps its log: %s\n", static_cast<long long>(chatctl_number(answer, "groupid")),
	             chatctl_text(answer, "groupname").c_str(),
	             chatctl_keep_text(chatctl_number(answer, "keep")).c_str());
}

static void chatctl_show_mute(const cJSON *answer, bool)
{
	const int64_t account = chatctl_number(answer, "account"), until = chatctl_number(answer, "until");

	(void)printf("group %lld \"%s\": %s %s\n", static_cast<long long>(chatctl_number(answer, "groupid")),
	             chatctl_text(answer, "groupname").c_str(),
	             account ? ("account " + std::to_string(account)).c_str() : "all who are normal",
	             until ? ("may not write before " + chatctl_time(until)).c_str() : "may write");
}

/* ---- more than one request */

static enum chatctl_status chatctl_ask_dissolve(const struct chatctl_options *options, struct chatctl_wire *w,
                                                cJSON *request, std::string *question_r)
{
	enum chatctl_status status;
	const chatctl_json_ptr group =
		chatctl_look_up(options, w, request, CS_MSGID_GROUP_SHOW, "groupid", "groupname", &status);
	const int64_t members = 1 + chatctl_number(group.get(), "admins") + chatctl_number(group.get(), "normal");

	*question_r = "End group " + std::to_string(chatctl_number(group.get(), "groupid")) + " \"" +
	              chatctl_text(group.get(), "groupname") + "\", with " + std::to_string(members) + " member" +
	              chatctl_plural(members) + "?";
	return status;
}

static constexpr int64_t chatctl_group_day = 24 * 3600000; /* ms */

/* Who has written m for months would lose almost all. */
static const char *chatctl_keep_removes(const cJSON *request)
{
	const int64_t keep = chatctl_number(request, "keep"); /* 0: default, or forever */

	if (keep == 0 || keep >= chatctl_group_day)
		return nullptr;
	return " with less than a day (m is minutes) removes almost all that was said, and";
}

static std::string chatctl_keep_words(int64_t keep)
{
	const bool is_hours = keep % 3600000 == 0, is_minutes = keep % 60000 == 0;
	const int64_t count = keep / (is_hours ? 3600000 : is_minutes ? 60000 : 1000);
	const char *unit = is_hours ? " hour" : is_minutes ? " minute" : " second";

	return std::to_string(count) + unit + chatctl_plural(count);
}

static enum chatctl_status chatctl_ask_keep(const struct chatctl_options *options, struct chatctl_wire *w,
                                            cJSON *request, std::string *question_r)
{
	enum chatctl_status status;
	const chatctl_json_ptr group =
		chatctl_look_up(options, w, request, CS_MSGID_GROUP_SHOW, "groupid", "groupname", &status);
	const int64_t entries = chatctl_number(group.get(), "last") - chatctl_number(group.get(), "first") + 1;

	*question_r = "Remove from group " + std::to_string(chatctl_number(group.get(), "groupid")) + " \"" +
	              chatctl_text(group.get(), "groupname") + "\" what is older than " +
	              chatctl_keep_words(chatctl_number(request, "keep")) + "? It has " + std::to_string(entries) +
	              (entries == 1 ? " entry." : " entries.");
	return status;
}

/* Each removes some members, so the server does other work in between. */
static enum chatctl_status chatctl_dissolve(const struct chatctl_options *options, struct chatctl_wire *w,
                                            cJSON *request)
{
	int64_t removed = 0;

	for (;;) {
		enum chatctl_status status;
		const chatctl_json_ptr answer = chatctl_ask_or_tell(options, w, request, &status);

		if (!answer && removed)
			(void)fprintf(stderr, "chatctl: %lld members were removed; to go on, give the order again\n",
			              static_cast<long long>(removed));
		if (!answer)
			return status;
		removed += chatctl_number(answer.get(), "removed");
		if (!chatctl_flag(answer.get(), "ended") && chatctl_number(answer.get(), "removed") > 0)
			continue;
		if (!chatctl_flag(answer.get(), "ended")) {
			(void)fprintf(
				stderr,
				"chatctl: no more members can be removed, %lld were; look with chatctl check what "
				"is wrong with the group\n",
				static_cast<long long>(removed));
			return CHATCTL_REFUSED;
		}
		cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(answer.get(), "removed"),
		                     static_cast<double>(removed));
		chatctl_print_answer(options, answer.get(), chatctl_show_dissolved);
		return CHATCTL_DONE;
	}
}

const struct chatctl_verb chatctl_group_verbs[] = {
	{"group list", "", "all groups", CS_MSGID_GROUP_LIST, 0, 0, nullptr, chatctl_show_groups, "groups"},
	{"group show", "GROUP", "a group and its members", CS_MSGID_GROUP_SHOW, 1, 1, chatctl_read_group,
         chatctl_show_group, "members"},
	{"group dissolve", "GROUP [yes]", "remove all members, and end the group", CS_MSGID_GROUP_DISSOLVE, 1, 1,
         chatctl_read_group, chatctl_show_dissolved, nullptr, chatctl_dissolve, false, false, chatctl_ask_dissolve},
	{"group keep", "GROUP TIME|forever|default [yes]", "how long it keeps its log", CS_MSGID_GROUP_KEEP, 2, 2,
         chatctl_read_keep, chatctl_show_keep, nullptr, nullptr, false, false, chatctl_ask_keep, chatctl_keep_removes},
	{"mute", "GROUP ACCOUNT|all TIME|off", "who may not write in a group", CS_MSGID_GROUP_MUTE, 3, 3,
         chatctl_read_mute, chatctl_show_mute, nullptr, nullptr, false, true},
	{},
};
