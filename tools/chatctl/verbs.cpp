/* SPDX-License-Identifier: MIT
 * Finds the verb that the command line names, and carries it out. */
#include "verbs.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <unistd.h>
#include <utility>

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

struct chatctl_order {
	const struct chatctl_verb *verb = nullptr; /* that the first word or the first two name; null: there is none */
	chatctl_words behind; /* the words behind its name */
	bool is_confirmed = true; /* nobody must be asked; the word `yes` is not among those behind */
};

static struct chatctl_order chatctl_make_order(const struct chatctl_verb *verb, chatctl_words behind)
{
	const bool is_yes = verb->ask && behind.size() > verb->least && behind.back() == "yes";

	if (is_yes)
		behind.pop_back();
	return {verb, std::move(behind), !verb->ask || is_yes};
}

static struct chatctl_order chatctl_find_order(const chatctl_words &words)
{
	for (size_t count = std::min<size_t>(words.size(), 2); count > 0; count--) {
		const std::string name = count == 2 ? words[0] + " " + words[1] : words[0];

		for (const auto &list : chatctl_lists)
			for (const struct chatctl_verb *verb = list.verbs; verb->name; verb++)
				if (name == verb->name)
					return chatctl_make_order(
						verb, {words.begin() + static_cast<ptrdiff_t>(count), words.end()});
	}
	return {};
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

static chatctl_json_ptr chatctl_new_request(int msgid)
{
	chatctl_json_ptr request(cJSON_CreateObject());

	(void)cJSON_AddNumberToObject(request.get(), "msgid", msgid);
	(void)cJSON_AddNumberToObject(request.get(), "req", 1);
	return request;
}

static chatctl_json_ptr chatctl_make_request(const struct chatctl_order &order)
{
	chatctl_json_ptr request = chatctl_new_request(order.verb->msgid);

	if (order.verb->read && !order.verb->read(order.behind, request.get()))
		return nullptr;
	return request;
}

static bool chatctl_must_ask(const struct chatctl_order &order, const cJSON *request)
{
	return !order.is_confirmed && (!order.verb->removes || order.verb->removes(request));
}

bool chatctl_check_words(const struct chatctl_options *options)
{
	const struct chatctl_order order = chatctl_find_order(options->words);
	const struct chatctl_verb *verb = order.verb;
	const size_t count = order.behind.size();

	if (!verb) {
		chatctl_tell_unknown(options->words);
		return false;
	}
	if (count > verb->most && order.behind.back().starts_with("-")) {
		(void)fprintf(stderr, "chatctl: options stand before the verb, as in: chatctl --json %s\n", verb->name);
		return false;
	}
	if (count < verb->least || count > verb->most) {
		(void)fprintf(stderr, "usage: chatctl %s\n", chatctl_call(verb).c_str());
		return false;
	}
	if (verb->without_server && options->is_for_server) {
		(void)fprintf(stderr, "chatctl: %s asks no server, so it takes no options\n", verb->name);
		return false;
	}
	const chatctl_json_ptr request = chatctl_make_request(order);
	if (!request)
		return false;
	if (!chatctl_must_ask(order, request.get()) || isatty(STDIN_FILENO) == 1)
		return true;
	(void)fprintf(stderr, "chatctl: %s%s cannot be undone: without a terminal, write yes behind it\n", verb->name,
	              verb->removes ? verb->removes(request.get()) : "");
	return false;
}

bool chatctl_needs_server(const struct chatctl_options *options)
{
	return !chatctl_find_order(options->words).verb->without_server;
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

chatctl_json_ptr chatctl_look_up(const struct chatctl_options *options, struct chatctl_wire *w, cJSON *request,
                                 int shows, const char *number, const char *name, enum chatctl_status *status_r)
{
	const chatctl_json_ptr question = chatctl_new_request(shows);

	for (const char *key : {number, name})
		if (const cJSON *item = chatctl_member(request, key))
			(void)cJSON_AddItemToObject(question.get(), key, cJSON_Duplicate(item, 1));
	chatctl_json_ptr found = chatctl_ask_or_tell(options, w, question.get(), status_r);

	if (!found)
		return nullptr;
	for (const char *key : {number, name})
		cJSON_DeleteItemFromObjectCaseSensitive(request, key);
	(void)cJSON_AddNumberToObject(request, number, static_cast<double>(chatctl_number(found.get(), number)));
	return found;
}

/* Goes on only if "yes" is typed. */
static enum chatctl_status chatctl_confirm(const struct chatctl_options *options, struct chatctl_wire *w,
                                           const struct chatctl_verb *verb, cJSON *request)
{
	std::string question;
	char line[16] = "";

	if (const enum chatctl_status failed = verb->ask(options, w, request, &question))
		return failed;
	(void)fprintf(stderr, "%s Nobody can undo it.\nType yes to do it: ", question.c_str());
	if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0)
		return CHATCTL_DONE;
	(void)fputs("chatctl: nothing was done\n", stderr);
	return CHATCTL_REFUSED;
}

enum chatctl_status chatctl_run(const struct chatctl_options *options, struct chatctl_wire *w)
{
	const struct chatctl_order order = chatctl_find_order(options->words);
	const struct chatctl_verb *verb = order.verb;
	const chatctl_json_ptr request = chatctl_make_request(order);
	chatctl_json_ptr all;
	enum chatctl_status status;

	if (verb->finds_account && chatctl_member(request.get(), "name") &&
	    !chatctl_look_up(options, w, request.get(), CS_MSGID_ACCOUNT_SHOW, "account", "name", &status))
		return status;
	if (chatctl_must_ask(order, request.get()))
		if (const enum chatctl_status failed = chatctl_confirm(options, w, verb, request.get()))
			return failed;
	if (verb->run)
		return verb->run(options, w, request.get());
	status = chatctl_ask_pages(options, w, request.get(), [&](chatctl_json_ptr page) {
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
