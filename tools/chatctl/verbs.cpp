/* SPDX-License-Identifier: MIT
 * Finds the verb that the command line names, and carries it out. */
#include "verbs.h"

#include <algorithm>
#include <cstdio>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

/* As the help shows them; without a head they go on under the head above. */
static constexpr struct {
	const char *head;
	const struct chatctl_verb *verbs;
} chatctl_lists[] = {
	{"The server", chatctl_server_verbs},
	{"Accounts", chatctl_account_verbs},
	{"Invitations to register", chatctl_invite_verbs},
	{"Groups", chatctl_group_verbs},
	{"Addresses", chatctl_ban_verbs},
	{"The store", chatctl_store_verbs},
	{nullptr, chatctl_purge_verbs},
	{"Bots", chatctl_bot_verbs},
};
static constexpr int64_t chatctl_long_timeout = 600000; /* ms */
static constexpr int chatctl_call_width = 32; /* so that a line of the help has 80 columns */

/* ---- finding */

static std::string chatctl_call(const struct chatctl_verb *verb)
{
	return std::string(verb->name) + (*verb->arguments ? " " : "") + verb->arguments;
}

/* The help stands in a column of its own, in the next line if the call is too long for that. */
static void chatctl_print_verb(const struct chatctl_verb *verb)
{
	const std::string call = chatctl_call(verb);
	const bool is_long = call.size() > chatctl_call_width;

	(void)printf("  %-*s", chatctl_call_width, call.c_str());
	(void)printf(is_long ? "\n  %-*s  %s\n" : "%-*s  %s\n", is_long ? chatctl_call_width : 0, "", verb->help);
}

void chatctl_print_verbs(void)
{
	for (const auto &list : chatctl_lists) {
		if (list.head)
			(void)printf("\n%s:\n", list.head);
		for (const struct chatctl_verb *verb = list.verbs; verb->name; verb++)
			chatctl_print_verb(verb);
	}
}

/* The verb that the first word or the first two name, or null. *behind_r: the words behind the name. */
static const struct chatctl_verb *chatctl_find_verb(const chatctl_words &words, chatctl_words *behind_r)
{
	for (size_t count = std::min<size_t>(words.size(), 2); count > 0; count--) {
		const std::string name = count == 2 ? words[0] + " " + words[1] : words[0];

		for (const auto &list : chatctl_lists)
			for (const struct chatctl_verb *verb = list.verbs; verb->name; verb++) {
				if (name != verb->name)
					continue;
				behind_r->assign(words.begin() + static_cast<ptrdiff_t>(count), words.end());
				return verb;
			}
	}
	return nullptr;
}

/* There is no such verb. If the first word begins others, those are named. */
static void chatctl_tell_unknown(const chatctl_words &words)
{
	const std::string first = words[0] + " ";
	std::string known;

	for (const auto &list : chatctl_lists)
		for (const struct chatctl_verb *verb = list.verbs; verb->name; verb++)
			if (std::string(verb->name).starts_with(first))
				known += "usage: chatctl " + chatctl_call(verb) + "\n";
	if (known.empty())
		(void)fprintf(stderr, "chatctl: there is no verb \"%s\"\ntry chatctl -h\n",
		              chatctl_harmless(words[0]).c_str());
	else
		(void)fputs(known.c_str(), stderr);
}

static chatctl_json_ptr chatctl_make_request(const struct chatctl_verb *verb, const chatctl_words &behind)
{
	chatctl_json_ptr request(cJSON_CreateObject());

	(void)cJSON_AddNumberToObject(request.get(), "msgid", verb->msgid);
	(void)cJSON_AddNumberToObject(request.get(), "req", 1);
	if (verb->read && !verb->read(behind, request.get()))
		return nullptr;
	return request;
}

bool chatctl_check_words(const struct chatctl_options *options)
{
	chatctl_words behind;
	const struct chatctl_verb *verb = chatctl_find_verb(options->words, &behind);

	if (!verb) {
		chatctl_tell_unknown(options->words);
		return false;
	}
	if (behind.size() > verb->most && behind.back().starts_with("-")) {
		(void)fprintf(stderr, "chatctl: options stand before the verb, as in: chatctl --json %s\n", verb->name);
		return false;
	}
	if (behind.size() < verb->least || behind.size() > verb->most) {
		(void)fprintf(stderr, "usage: chatctl %s\n", chatctl_call(verb).c_str());
		return false;
	}
	return chatctl_make_request(verb, behind) != nullptr;
}

bool chatctl_needs_server(const struct chatctl_options *options)
{
	chatctl_words behind;

	return !chatctl_find_verb(options->words, &behind)->without_server;
}

/* ---- carrying out */

/* A program gets the refusal as JSON, too. */
static enum chatctl_status chatctl_tell_refusal(const struct chatctl_options *options, const cJSON *answer)
{
	const int64_t number = chatctl_number(answer, "errno");

	(void)fprintf(stderr, "chatctl: refused: %s\n", chatctl_text(answer, "errmsg").c_str());
	if (options->json) {
		const chatctl_json_ptr refusal(cJSON_CreateObject());

		(void)cJSON_AddNumberToObject(refusal.get(), "errno", static_cast<double>(number));
		(void)cJSON_AddStringToObject(refusal.get(), "errmsg", chatctl_raw_text(answer, "errmsg").c_str());
		(void)puts(chatctl_harmless_json(chatctl_document(refusal.get())).c_str());
	}
	return CHATCTL_REFUSED;
}

static void chatctl_print_json(cJSON *answer)
{
	for (const char *key : {"msgid", "of", "req", "errno", "more", "next"})
		cJSON_DeleteItemFromObjectCaseSensitive(answer, key);
	(void)puts(chatctl_harmless_json(chatctl_document(answer)).c_str());
}

void chatctl_print_answer(const struct chatctl_options *options, cJSON *answer,
                          void (*show)(const cJSON *answer, bool colour))
{
	if (options->json)
		chatctl_print_json(answer);
	else
		show(answer, options->colour);
}

chatctl_json_ptr chatctl_ask_or_tell(const struct chatctl_options *options, struct chatctl_wire *w,
                                     const cJSON *request, enum chatctl_status *status_r)
{
	chatctl_json_ptr answer = chatctl_ask(w, request);

	*status_r = CHATCTL_DONE;
	if (!answer) {
		*status_r = CHATCTL_UNREACHED;
	} else if (chatctl_number(answer.get(), "errno") != 0) {
		*status_r = chatctl_tell_refusal(options, answer.get());
		answer.reset();
	}
	return answer;
}

/* Moves the items of a page behind those of the pages before it. */
static void chatctl_add_page(cJSON *all, cJSON *page, const char *list)
{
	cJSON *to = cJSON_GetObjectItemCaseSensitive(all, list);
	cJSON *from = cJSON_GetObjectItemCaseSensitive(page, list);

	while (from && from->child)
		(void)cJSON_AddItemToArray(to, cJSON_DetachItemViaPointer(from, from->child));
}

enum chatctl_status chatctl_ask_pages(const struct chatctl_options *options, struct chatctl_wire *w, cJSON *request,
                                      const std::function<enum chatctl_status(chatctl_json_ptr page)> &take)
{
	for (;;) {
		enum chatctl_status status;
		chatctl_json_ptr page = chatctl_ask_or_tell(options, w, request, &status);
		const std::string next = chatctl_flag(page.get(), "more") ? chatctl_raw_text(page.get(), "next") : "";

		if (page)
			status = take(std::move(page));
		if (status != CHATCTL_DONE || next.empty())
			return status;
		cJSON_DeleteItemFromObjectCaseSensitive(request, "after");
		(void)cJSON_AddStringToObject(request, "after", next.c_str());
	}
}

void chatctl_wait_long(const struct chatctl_options *options, struct chatctl_wire *w)
{
	if (!options->timeout_s)
		w->timeout_ms = chatctl_long_timeout;
}

/* Puts the number of the account in the place of its name. */
static enum chatctl_status chatctl_find_account(const struct chatctl_options *options, struct chatctl_wire *w,
                                                cJSON *request)
{
	const std::string name = chatctl_raw_text(request, "name");
	const chatctl_json_ptr question(cJSON_CreateObject());
	enum chatctl_status status;

	(void)cJSON_AddNumberToObject(question.get(), "msgid", CS_MSGID_ACCOUNT_SHOW);
	(void)cJSON_AddNumberToObject(question.get(), "req", 1);
	(void)cJSON_AddStringToObject(question.get(), "name", name.c_str());
	const chatctl_json_ptr account = chatctl_ask_or_tell(options, w, question.get(), &status);

	if (!account)
		return status;
	cJSON_DeleteItemFromObjectCaseSensitive(request, "name");
	(void)cJSON_AddNumberToObject(request, "account",
	                              static_cast<double>(chatctl_number(account.get(), "account")));
	return CHATCTL_DONE;
}

enum chatctl_status chatctl_run(const struct chatctl_options *options, struct chatctl_wire *w)
{
	chatctl_words behind;
	const struct chatctl_verb *verb = chatctl_find_verb(options->words, &behind);
	const chatctl_json_ptr request = chatctl_make_request(verb, behind);
	chatctl_json_ptr all;

	if (verb->finds_account && chatctl_member(request.get(), "name"))
		if (const enum chatctl_status failed = chatctl_find_account(options, w, request.get()))
			return failed;
	if (verb->run)
		return verb->run(options, w, request.get());
	const enum chatctl_status status = chatctl_ask_pages(options, w, request.get(), [&](chatctl_json_ptr page) {
		if (all)
			chatctl_add_page(all.get(), page.get(), verb->list);
		else
			all = std::move(page);
		return CHATCTL_DONE;
	});

	if (status == CHATCTL_DONE)
		chatctl_print_answer(options, all.get(), verb->show);
	return status;
}
