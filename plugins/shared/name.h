/* SPDX-License-Identifier: MIT
 * The rules for names of accounts and of groups. */
#ifndef PLUGINS_SHARED_NAME_H
#define PLUGINS_SHARED_NAME_H

#include <string_view>

/* A fault of a name: the reason why it is refused. */
struct name_fault {
	bool is_too_long;
	const char *text; /* continues after the name of the field: "must have 1 to 50 characters" */
};

/* nullptr for a good name. name must be valid UTF-8. Any thread. */
[[nodiscard]] const struct name_fault *name_judge(std::string_view name);

#endif
