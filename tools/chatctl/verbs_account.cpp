/* SPDX-License-Identifier: MIT
 * The verbs about accounts. */
#include "verbs.h"

#include <cstdio>
#include <cstring>
#include <unistd.h>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "export.h"
#include "password.h"
#include "text.h"

/* ---- words */

static bool chatctl_read_new_account(const chatctl_words &words, cJSON *request)
{
	(void)cJSON_AddStringToObject(request, "name", words[0].c_str());
	return true;
}

static bool chatctl_read_one_account(const chatctl_words &words, cJSON *request)
{
	return chatctl_add_account(request, words[0]);
}

static bool chatctl_read_lock(const chatctl_words &words, cJSON *request)
{
	std::string reason;

	for (size_t i = 1; i < words.size(); i++)
		reason += (i > 1 ? " " : "") + words[i];
	if (!reason.empty())
		(void)cJSON_AddStringToObject(request, "reason", reason.c_str());
	return chatctl_add_account(request, words[0]);
}

/* ---- what it shows */

static std::string chatctl_account_text(const cJSON *answer)
{
	const std::string name = chatctl_text(answer, "name");

	return "account " + std::to_string(chatctl_number(answer, "account")) + (name.empty() ? "" : " " + name);
}

static void chatctl_show_changed(const cJSON *answer, const char *what)
{
	(void)printf("%s %s\n", chatctl_account_text(answer).c_str(), what);
}

static void chatctl_show_added(const cJSON *answer, bool)
{
	chatctl_show_changed(answer, "added");
}

static void chatctl_show_new_password(const cJSON *answer, bool)
{
	chatctl_show_changed(answer, "has the new password; its sessions end");
}

static void chatctl_show_lock(const cJSON *answer, bool)
{
	chatctl_show_changed(answer, "is locked; its sessions end");
}

static void chatctl_show_unlock(const cJSON *answer, bool)
{
	chatctl_show_changed(answer, "is free");
}

static void chatctl_show_erase(const cJSON *answer, bool)
{
	const std::string number = std::to_string(chatctl_number(answer, "account"));

	(void)printf("account %s is being erased; chatctl account show %s tells when that is done\n", number.c_str(),
	             number.c_str());
}

static enum chatctl_colour chatctl_state_colour(const std::string &state)
{
	return state == "free" ? CHATCTL_PLAIN : state == "locked" ? CHATCTL_BAD : CHATCTL_WARNING;
}

static void chatctl_show_accounts(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"ACCOUNT", true}, {"NAME", false}, {"CREATED", false}, {"STATE", false}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "accounts"))
	{
		const std::string state = chatctl_text(item, "state");

		table.rows.push_back({chatctl_number_cell(item, "account"),
		                      chatctl_text_cell(item, "name"),
		                      {chatctl_time(chatctl_number(item, "created"))},
		                      {state, chatctl_state_colour(state)}});
	}
	chatctl_print_table(&table, colour);
}

static void chatctl_show_account(const cJSON *answer, bool colour)
{
	const std::string state = chatctl_text(answer, "state"), reason = chatctl_text(answer, "reason");
	const int64_t seen = chatctl_number(answer, "seen");
	struct chatctl_table table {
		{{"", false}, {"", false}}, {}
	};

	chatctl_add_line(&table, "account", std::to_string(chatctl_number(answer, "account")));
	chatctl_add_line(&table, "name", chatctl_text(answer, "name"));
	chatctl_add_line(&table, "created", chatctl_time(chatctl_number(answer, "created")));
	chatctl_add_line(&table, "state", state, chatctl_state_colour(state));
	if (!reason.empty())
		chatctl_add_line(&table, "reason", reason);
	chatctl_add_line(&table, "devices", std::to_string(chatctl_number(answer, "devices")));
	chatctl_add_line(&table, "last seen", seen ? chatctl_time(seen) : "never");
	chatctl_add_line(&table, "groups", std::to_string(chatctl_number(answer, "groups")));
	chatctl_add_line(&table, "contacts",
	                 std::to_string(chatctl_number(answer, "contacts")) + ", blocked " +
	                         std::to_string(chatctl_number(answer, "blocked")));
	chatctl_add_line(&table, "conversations",
	                 std::to_string(chatctl_number(answer, "conversations")) + ", with " +
	                         std::to_string(chatctl_number(answer, "entries")) + " entries");
	chatctl_print_table(&table, colour);
}

/* ---- a password */

static void chatctl_wipe_member(cJSON *request, const char *key)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(request, key);

	if (cJSON_IsString(item))
		wipe_bytes(item->valuestring, strlen(item->valuestring));
}

static enum chatctl_status chatctl_send_password(const struct chatctl_options *options, struct chatctl_wire *w,
                                                 cJSON *request, void (*show)(const cJSON *answer, bool colour))
{
	enum chatctl_status status;
	wiped_text password;

	if (!chatctl_read_password(&password))
		return CHATCTL_REFUSED;
	(void)cJSON_AddStringToObject(request, "password", password.c_str());
	const chatctl_json_ptr answer = chatctl_ask_or_tell(options, w, request, &status);

	chatctl_wipe_member(request, "password");
	if (answer)
		chatctl_print_answer(options, answer.get(), show);
	return status;
}

static enum chatctl_status chatctl_run_add(const struct chatctl_options *options, struct chatctl_wire *w,
                                           cJSON *request)
{
	return chatctl_send_password(options, w, request, chatctl_show_added);
}

static enum chatctl_status chatctl_run_password(const struct chatctl_options *options, struct chatctl_wire *w,
                                                cJSON *request)
{
	return chatctl_send_password(options, w, request, chatctl_show_new_password);
}

/* ---- erasing */

static enum chatctl_status chatctl_ask_erase(const struct chatctl_options *options, struct chatctl_wire *w,
                                             cJSON *request, std::string *question_r)
{
	enum chatctl_status status;
	const chatctl_json_ptr account =
		chatctl_look_up(options, w, request, CS_MSGID_ACCOUNT_SHOW, "account", "name", &status);

	*question_r = "Erase " + chatctl_account_text(account.get()) + "? What it said becomes blank for everybody.";
	return status;
}

/* ---- the export */

static bool chatctl_read_account_export(const chatctl_words &words, cJSON *request)
{
	if (words[1].empty() || words[1].ends_with('/'))
		return chatctl_mistake("FILE is the name of a file", words[1]);
	return chatctl_read_one_account(words, request);
}

static enum chatctl_status chatctl_run_account_export(const struct chatctl_options *options, struct chatctl_wire *w,
                                                      cJSON *request)
{
	const std::string path = options->words.back();
	int64_t items;

	if (const enum chatctl_status failed = chatctl_export(options, w, request, "items", path, false, &items))
		return failed;
	if (options->json)
		(void)printf("{\"items\":%lld}\n", static_cast<long long>(items));
	else
		(void)printf("%lld item%s written to %s\n", static_cast<long long>(items), chatctl_plural(items),
		             chatctl_harmless(path).c_str());
	return CHATCTL_DONE;
}

/* ---- the verbs */

const struct chatctl_verb chatctl_account_verbs[] = {
	{"account add", "NAME", "make an account; the password is asked for", CS_MSGID_ACCOUNT_ADD, 1, 1,
         chatctl_read_new_account, chatctl_show_added, nullptr, chatctl_run_add},
	{"account password", "ACCOUNT", "set another password, which is asked for", CS_MSGID_ACCOUNT_PASSWORD, 1, 1,
         chatctl_read_one_account, chatctl_show_new_password, nullptr, chatctl_run_password},
	{"account lock", "ACCOUNT [REASON...]", "keep it out until it is unlocked", CS_MSGID_ACCOUNT_LOCK, 1, SIZE_MAX,
         chatctl_read_lock, chatctl_show_lock},
	{"account unlock", "ACCOUNT", "let it log in again", CS_MSGID_ACCOUNT_UNLOCK, 1, 1, chatctl_read_one_account,
         chatctl_show_unlock},
	{"account list", "", "all accounts", CS_MSGID_ACCOUNT_LIST, 0, 0, nullptr, chatctl_show_accounts, "accounts"},
	{"account show", "ACCOUNT", "what an account has", CS_MSGID_ACCOUNT_SHOW, 1, 1, chatctl_read_one_account,
         chatctl_show_account},
	{"account export", "ACCOUNT FILE", "write all that it has to a new file", CS_MSGID_ACCOUNT_EXPORT, 2, 2,
         chatctl_read_account_export, nullptr, nullptr, chatctl_run_account_export, false, true},
	{"account erase", "ACCOUNT [yes]", "blank what it said, for ever", CS_MSGID_ACCOUNT_ERASE, 1, 1,
         chatctl_read_one_account, chatctl_show_erase, nullptr, nullptr, false, false, chatctl_ask_erase},
	{},
};
