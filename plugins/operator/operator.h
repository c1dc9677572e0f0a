/* SPDX-License-Identifier: MIT
 * The instance of the plugin operator, and what its files share. Worker thread, unless a function says otherwise. */
#ifndef OPERATOR_OPERATOR_H
#define OPERATOR_OPERATOR_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../model/erasing.h"
#include "../model/group_card.h"
#include "../model/retention.h"
#include "../model/transfer.h"
#include "../model/users.h"
#include "../shared/counted.h"
#include "../shared/field.h"
#include "bans.h"

/* The removal of what was stored before a day. */
struct operator_purge {
	cs_timer *timer = nullptr; /* of the next step */
	bool working = false; /* a step is with the store */
	bool running = false;
	int64_t before = 0; /* ms; 0: there was none since the start of the server */
	uint64_t group = 0; /* 0: in all conversations */
	uint64_t after = 0; /* conversations up to this id were looked at */
	bool all_looked = false;
	std::vector<retention_old> old; /* the next one is the last */
	uint64_t conversations = 0, removed = 0; /* conversations that had old entries, and entries that were removed */
	unsigned tries = 0; /* of one step, one after the other, that the store has not done */
	uint64_t failures = 0; /* conversations that were passed by */
};

/* The part of an erasing that cannot be done now. */
enum operator_erase_part { OPERATOR_ERASE_ENTRIES, OPERATOR_ERASE_GROUP, OPERATOR_ERASE_PLUGIN };

struct operator_erase_trouble {
	operator_erase_part part = OPERATOR_ERASE_ENTRIES;
	uint64_t group = 0; /* that the account cannot leave */
	std::string plugin; /* that cannot remove its rows */
	unsigned failures = 0; /* of this part, one after the other */
};

/* The account that this node is erasing. */
struct operator_erasing {
	cs_timer *timer = nullptr; /* of the next step */
	bool working = false; /* a step is under way */
	erasing_row row; /* account 0: none */
	uint64_t blanked = 0; /* entries */
	bool plugins_asked = false; /* see erasing_step */
	/* By account: those that this node cannot erase now. It waits for their leases, also if these are its own. */
	std::map<uint64_t, operator_erase_trouble> troubles;
};

/* How a backup has ended, for who asks later. */
struct operator_backup_end {
	uint64_t number = 0; /* of the backup; 0: none has ended */
	int wire_errno = 0; /* 0: it was made */
	std::string text; /* members of the answer, or why it was not made */
};

/* An instance. */
struct operator_plugin {
	plugin_context context;
	operator_bans bans; /* worker 0 only */
	struct operator_backup *backup = nullptr; /* that is being made; backup.cpp */
	operator_backup_end backup_end; /* of the last one */
	std::unique_ptr<transfer_cids> cids; /* of an export, from one page to the next; none while a page is read */
	cs_timer *cids_timer = nullptr; /* then they are dropped */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	size_t changes = 0; /* of groups, under way through the mailbox */
	operator_purge purge;
	operator_erasing erase;
};

/* ---- operator.cpp */

/* Who is at the other end, for the log. */
std::string operator_peer(const plugin_context &context, cs_conn conn);

/* 0, or CS_REJECT after the request was refused: verbs must carry `req`. */
[[nodiscard]] int operator_check_req(const plugin_context &context, const cs_frame *frame);
/* A line for the log and one for the audit log: this order was carried out. by: the peer. */
void operator_log_order(const plugin_context &context, const char *verb, const char *by, uint64_t account);
/* The number in a text. false: it is none. */
[[nodiscard]] bool operator_read_number(std::string_view text, uint64_t *number_r);
/* Appends the text as a JSON string. */
void operator_quote(std::string *out, std::string_view text);

/* The part of a list that a verb asks for. */
struct operator_page {
	cs_request request = {};
	uint64_t after = 0; /* the number that the page before gave as `next`; 0: from the start */
	size_t limit = 0; /* items */
};

/* Reads `req`, `after` and `limit`. 0, or CS_REJECT after the request was refused. */
[[nodiscard]] int operator_get_page(const plugin_context &context, const cs_frame *frame, operator_page *page_r);
/* The members that say that a list goes on behind this number: ,"more":true,"next":"N" */
std::string operator_more(uint64_t next);
/* A place in the store, as the `next` of an answer: numbers with a dot between two. */
std::string operator_place_text(const std::vector<uint64_t> &place);
/* Reads `req`, and `after` as a place of so many numbers; all 0 without it. 0, or CS_REJECT after the request was
 * refused. */
[[nodiscard]] int operator_get_place(const plugin_context &context, const cs_frame *frame, size_t count,
                                     std::vector<uint64_t> *place_r);
/* Refuses for a result of the store, and takes the connection's next frames. */
void operator_fail(const plugin_context &context, cs_conn conn, const cs_request &request, int result);
/* Answers, and takes the connection's next frames. */
void operator_done(const plugin_context &context, cs_conn conn, const cs_request &request, const std::string &more);

/* ---- groups.cpp */

/* An order about one group, on its way to the store. */
struct operator_group_order {
	counted change;
	operator_plugin *plugin;
	cs_conn conn;
	cs_request request;
	cs_peer peer = {};
	group_named named;
	group_card card;
	uint64_t account = 0; /* of GROUP_MUTE: 0: all who are normal */
	int64_t ms = 0; /* of GROUP_MUTE: until; of GROUP_KEEP: how long */

	operator_group_order(operator_plugin *p, const cs_frame *frame);
};

int operator_on_group_list(void *state, const cs_frame *frame);
int operator_on_group_show(void *state, const cs_frame *frame);
int operator_on_group_keep(void *state, const cs_frame *frame);
int operator_on_group_mute(void *state, const cs_frame *frame);
/* Reads `req`, and groupid or groupname. 0, or CS_REJECT after the request was refused. */
[[nodiscard]] int operator_get_group(const plugin_context &context, const cs_frame *frame, group_named *named_r);
/* As operator_fail, for an outcome of the model or the mailbox, too. */
void operator_fail_group(const operator_group_order &order, int outcome);

/* ---- dissolve.cpp */

int operator_on_group_dissolve(void *state, const cs_frame *frame);

/* ---- purge.cpp */

int operator_on_purge(void *state, const cs_frame *frame);
void operator_purge_stop(operator_plugin *p);

/* ---- backup.cpp */

int operator_on_backup(void *state, const cs_frame *frame);
/* Drops the backup that is being made. */
void operator_backup_stop(operator_plugin *p);

/* ---- check.cpp */

int operator_on_check(void *state, const cs_frame *frame);

/* ---- transfer.cpp */

int operator_on_export(void *state, const cs_frame *frame);
int operator_on_import(void *state, const cs_frame *frame);
void operator_export_stop(operator_plugin *p);

/* ---- accounts.cpp */

int operator_on_account_list(void *state, const cs_frame *frame);
int operator_on_account_show(void *state, const cs_frame *frame);
int operator_on_account_export(void *state, const cs_frame *frame);
/* As operator_fail; MODEL_NONE: there is no such account. */
void operator_fail_account(const plugin_context &context, cs_conn conn, const cs_request &request, int result);

/* ---- erase.cpp */

int operator_on_account_erase(void *state, const cs_frame *frame);
void operator_erase_start(operator_plugin *p);
void operator_erase_stop(operator_plugin *p);
void operator_erase_on_routed(const operator_plugin *p, cs_conn conn, const cs_parcel *parcel);

#endif
