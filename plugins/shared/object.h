/* SPDX-License-Identifier: MIT
 * Reads and rewrites the members of a JSON object that was checked before: a frame as it is stored. All other bytes
 * stay as they are. Any thread.
 *
 * A key is found however it is written: "msg" is also "\u006dsg". Each function answers 0, or CS_EINVAL: the text is no
 * object; then nothing was changed. It never reads beyond the text, whatever that holds. */
#ifndef PLUGINS_SHARED_OBJECT_H
#define PLUGINS_SHARED_OBJECT_H

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/plugin.h>

/* A member of the top level. */
struct object_member {
	std::string_view key; /* as it is written, without the quotes */
	std::string_view value; /* as it is written: with quotes, brackets, braces */
};

/* The members in their order. They point into the object. */
[[nodiscard]] int object_read(std::string_view object, std::vector<object_member> *members_r);
/* The value of this key; without such a member it is empty, which no value is. It points into the object. */
[[nodiscard]] int object_find(std::string_view object, std::string_view key, std::string_view *value_r);
/* Gives the key this value: JSON, which takes the place of the old value or is added at the end. */
[[nodiscard]] int object_set(std::string *object, std::string_view key, std::string_view value);
/* Removes the member, if it is there. */
[[nodiscard]] int object_remove(std::string *object, std::string_view key);
/* Removes all members but these. Those that stay keep their order and their bytes; what was between them goes. */
[[nodiscard]] int object_keep(std::string *object, std::initializer_list<std::string_view> keys);

/* The text that a JSON string stands for, in UTF-8. string: with its quotes, valid. */
std::string object_text(std::string_view string);

#endif
