/* SPDX-License-Identifier: MIT
 * The words of a request and the members of an answer, as all verbs read and show them. */
#ifndef CHATCTL_ANSWER_H
#define CHATCTL_ANSWER_H

#include <cstdint>
#include <string>

#include <cjson/cJSON.h>

#include "table.h"

/* Null: it is not there. */
const cJSON *chatctl_member(const cJSON *object, const char *key);
/* 0, "" or false if it is not there or has another type. */
int64_t chatctl_number(const cJSON *object, const char *key);
bool chatctl_flag(const cJSON *object, const char *key);
/* The item as JSON on one line, as it came: not for a terminal. */
std::string chatctl_document(const cJSON *item);
/* As it came, too. */
std::string chatctl_raw_text(const cJSON *object, const char *key);
/* Harmless for a terminal; so is what those below make. */
std::string chatctl_text(const cJSON *object, const char *key);
struct chatctl_cell chatctl_number_cell(const cJSON *object, const char *key);
struct chatctl_cell chatctl_text_cell(const cJSON *object, const char *key);
struct chatctl_cell chatctl_size_cell(const cJSON *object, const char *key);
/* A duration. */
struct chatctl_cell chatctl_time_cell(const cJSON *object, const char *key);
/* The members of an object of numbers, "plain 3, tls 1". */
std::string chatctl_counts(const cJSON *object);
/* "" for 1, else "s". */
const char *chatctl_plural(int64_t n);
/* Adds a row: a name and what it has. */
void chatctl_add_line(struct chatctl_table *table, const char *name, const std::string &text,
                      enum chatctl_colour colour = CHATCTL_PLAIN);

/* Says what the word must be, "the level is error or info"; false. */
bool chatctl_mistake(const char *must_be, const std::string &word);
/* Adds the word as a number. false: it is none, or not from least to most, which is explained. */
[[nodiscard]] bool chatctl_add_number(cJSON *request, const char *key, const std::string &word, int64_t least,
                                      int64_t most, const char *must_be);
/* Adds what is meant: digits as the member `number`, all else as `name`. false: the number is 0 or too large, which is
 * explained. */
[[nodiscard]] bool chatctl_add_named(cJSON *request, const char *number, const char *name, const std::string &word);
[[nodiscard]] bool chatctl_add_account(cJSON *request, const std::string &word);
[[nodiscard]] bool chatctl_add_group(cJSON *request, const std::string &word);
/* Adds the word as a time in ms: 30s, 5m, 2h, 7d. false: it is none, or longer than so many days, which is
 * explained. */
[[nodiscard]] bool chatctl_add_duration(cJSON *request, const char *key, const std::string &word, int64_t most_days,
                                        const char *must_be);

#endif
