/* SPDX-License-Identifier: MIT
 * The instance of the plugin operator, and what its files share. Worker thread, unless a function says otherwise. */
#ifndef OPERATOR_OPERATOR_H
#define OPERATOR_OPERATOR_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/plugin.h>

#include "../shared/field.h"
#include "bans.h"

/* An instance. */
struct operator_plugin {
	plugin_context context;
	operator_bans bans; /* worker 0 only */
	struct operator_backup *backup = nullptr; /* that is being made; backup.cpp */
};

/* ---- operator.cpp */

/* Who is at the other end, for the log. */
std::string operator_peer(const plugin_context &context, cs_conn conn);

/* 0, or CS_REJECT after the request was refused: verbs must carry `req`. */
[[nodiscard]] int operator_check_req(const plugin_context &context, const cs_frame *frame);
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

int operator_on_group_list(void *state, const cs_frame *frame);

/* ---- backup.cpp */

int operator_on_backup(void *state, const cs_frame *frame);
/* Drops the backup that is being made. */
void operator_backup_stop(operator_plugin *p);

/* ---- check.cpp */

int operator_on_check(void *state, const cs_frame *frame);

/* ---- transfer.cpp */

int operator_on_export(void *state, const cs_frame *frame);
int operator_on_import(void *state, const cs_frame *frame);

#endif
