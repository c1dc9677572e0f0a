/* SPDX-License-Identifier: MIT
 * Owns one option's value: from text, to text, within its range, in its place in the option struct. It must not
 * know option tables nor where a text comes from. */
#ifndef CORE_CONF_VALUE_H
#define CORE_CONF_VALUE_H

#include <string>
#include <string_view>

#include "core/conf/conf.h"

/* The word of --dump-options; nullptr: there is no such type. */
const char *conf_type_name(enum cs_option_type type);
bool conf_type_is_text(enum cs_option_type type);
bool conf_type_is_number(enum cs_option_type type);
/* Bytes, and alignment, of the member. */
size_t conf_type_size(enum cs_option_type type);
/* The most bytes that a text may have; a table that says 0 means 4096. */
int64_t conf_longest_text(const struct cs_option *option);

/* What a value may be, for messages; and in short, for --dump-options. */
std::string conf_value_allowed(const struct cs_option *option);
std::string conf_value_range(const struct cs_option *option);
/* Parses the text into the struct. false: not allowed, nothing was changed. */
bool conf_value_set(const struct conf_struct *bound, const struct cs_option *option, std::string_view text);
/* As it would stand in the file; a secret too. */
std::string conf_value_format(const struct cs_option *option, const void *bound);
/* A text as it would stand in the file. */
std::string conf_value_quote(const std::string &text);
/* Takes the value that another struct of the same table has. */
void conf_value_copy(const struct conf_struct *to, const struct cs_option *option, const void *from);

#endif
