/* SPDX-License-Identifier: MIT
 * The value of one option: from text, to text, its range, its member in the option struct. */
#ifndef CORE_CONF_VALUE_H
#define CORE_CONF_VALUE_H

#include <string>
#include <string_view>

#include "core/conf/conf.h"

/* The type's word in --dump-options; nullptr: there is no such type. */
const char *conf_type_name(enum cs_option_type type);
bool conf_type_is_text(enum cs_option_type type);
bool conf_type_is_number(enum cs_option_type type);
/* Size and alignment of the member, in bytes. */
size_t conf_type_size(enum cs_option_type type);
/* The most bytes that a text may have; 0 in a table means 4096. */
int64_t conf_longest_text(const struct cs_option *option);

/* Which values are allowed, as a text for messages; the second in short, for --dump-options. */
std::string conf_value_allowed(const struct cs_option *option);
std::string conf_value_range(const struct cs_option *option);
/* Parses the text into the struct. false: not allowed, and nothing was changed. */
bool conf_value_set(const struct conf_struct *bound, const struct cs_option *option, std::string_view text);
/* The value as it would be written in the file; also of a secret. */
std::string conf_value_format(const struct cs_option *option, const void *bound);
/* A text as it would be written in the file. */
std::string conf_value_quote(const std::string &text);
/* Copies the value from another struct of the same table. */
void conf_value_copy(const struct conf_struct *to, const struct cs_option *option, const void *from);

#endif
