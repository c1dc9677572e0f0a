/* SPDX-License-Identifier: MIT
 * The verbs of chatctl: what each sends, and how its answer is shown. One list for each subject. */
#ifndef CHATCTL_VERBS_H
#define CHATCTL_VERBS_H

#include <functional>
#include <string>
#include <vector>

#include <cjson/cJSON.h>

#include "options.h"
#include "wire.h"

using chatctl_words = std::vector<std::string>;

struct chatctl_verb {
	const char *name, *arguments, *help; /* name: one word or two, "account add" */
	int msgid;
	size_t least, most; /* words behind the name */
	/* Adds the words behind the name to the request, and does nothing else: it may run twice. false: a mistake,
	 * explained. Null: there are none. */
	bool (*read)(const chatctl_words &words, cJSON *request);
	void (*show)(const cJSON *answer, bool colour);
	/* The member with the items, if the answer is a list in pages; else null. */
	const char *list = nullptr;
	/* Carries the verb out, in place of one request; null: one request does it. request: what read has made. */
	enum chatctl_status (*run)(const struct chatctl_options *options, struct chatctl_wire *w,
	                           cJSON *request) = nullptr;
	bool without_server = false; /* there is no connection when it is carried out */
	/* The server takes only the number of the account: if read has added a `name`, its number is asked for first.
	 */
	bool finds_account = false;
	/* For what cannot be undone: a person is asked first, unless `yes` stands behind the words, which read does not
	 * get. Makes the question, "Erase ann?", and puts what it is about into the request by its number. */
	enum chatctl_status (*ask)(const struct chatctl_options *options, struct chatctl_wire *w, cJSON *request,
	                           std::string *question_r) = nullptr;
	/* Where only some requests of the verb are asked about: says what this one removes, for who cannot be asked.
	 * Null: nothing, so nobody is asked. */
	const char *(*removes)(const cJSON *request) = nullptr;
};

/* Each list ends with a name that is null. */
extern const struct chatctl_verb chatctl_server_verbs[];
extern const struct chatctl_verb chatctl_account_verbs[];
extern const struct chatctl_verb chatctl_group_verbs[];
extern const struct chatctl_verb chatctl_invite_verbs[];
extern const struct chatctl_verb chatctl_ban_verbs[];
extern const struct chatctl_verb chatctl_store_verbs[];
extern const struct chatctl_verb chatctl_purge_verbs[];
extern const struct chatctl_verb chatctl_bot_verbs[];

/* Looks the verb up and reads what follows it. false: a mistake, explained on standard error. */
[[nodiscard]] bool chatctl_check_words(const struct chatctl_options *options);
/* Whether the words, which chatctl_check_words has accepted, are for a server that runs. */
[[nodiscard]] bool chatctl_needs_server(const struct chatctl_options *options);
/* Carries it out; words that chatctl_check_words has accepted. */
[[nodiscard]] enum chatctl_status chatctl_run(const struct chatctl_options *options, struct chatctl_wire *w);
/* A line for each verb, for the help. */
void chatctl_print_verbs(void);

/* For `run` of a verb. Sends the request and reads its answer. Null: none, or a refusal; it was explained, and
 * *status_r is what chatctl ends with. */
[[nodiscard]] chatctl_json_ptr chatctl_ask_or_tell(const struct chatctl_options *options, struct chatctl_wire *w,
                                                   const cJSON *request, enum chatctl_status *status_r);
/* For `ask`. Asks the server what the request is about, with the verb that shows it; its number takes the place of its
 * name. number, name: the members. Null: as above. */
[[nodiscard]] chatctl_json_ptr chatctl_look_up(const struct chatctl_options *options, struct chatctl_wire *w,
                                               cJSON *request, int shows, const char *number, const char *name,
                                               enum chatctl_status *status_r);
/* For `run`, too. Sends the request, and again for each further page of the list that it asks for. take gets each page,
 * and ends this unless it returns CHATCTL_DONE. */
[[nodiscard]] enum chatctl_status chatctl_ask_pages(
	const struct chatctl_options *options, struct chatctl_wire *w, cJSON *request,
	const std::function<enum chatctl_status(chatctl_json_ptr page)> &take);
/* A part of a large store may take long: waits ten minutes for each answer, unless -t says how long. */
void chatctl_wait_long(const struct chatctl_options *options, struct chatctl_wire *w);
/* Prints the answer: as JSON if that was asked for, else with show. */
void chatctl_print_answer(const struct chatctl_options *options, cJSON *answer,
                          void (*show)(const cJSON *answer, bool colour));

#endif
