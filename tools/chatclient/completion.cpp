/* SPDX-License-Identifier: MIT
 * What the word before the cursor can become: commands, and names that the client has heard of. */
#include "completion.h"

#include <algorithm>

#include "command.h"
#include "text.h"

static void completion_add(screen_choice *choice, std::string_view begun, const std::string &word)
{
	if (word.starts_with(begun) && text_harmless(word, false) == word)
		choice->words.push_back(word);
}

static void completion_add_names(screen_choice *choice, std::string_view begun, const roster *ro, bool is_group,
                                 const std::string &mark)
{
	for (const auto &[id, name] : is_group ? ro->group_names : ro->names)
		completion_add(choice, begun, mark + name);
}

screen_choice completion_find(const roster *ro, std::string_view before)
{
	screen_choice choice;
	const command_place where = command_place_in(before, &choice.begin);

	if (where == COMMAND_PLACE_NOTHING)
		return choice;
	const std::string_view begun = before.substr(choice.begin);
	if (where == COMMAND_PLACE_SLASH)
		for (const std::string &word : command_words())
			completion_add(&choice, begun, word);
	if (where == COMMAND_PLACE_ACCOUNT || where == COMMAND_PLACE_EITHER)
		completion_add_names(&choice, begun, ro, false, "");
	if (where == COMMAND_PLACE_GROUP)
		completion_add_names(&choice, begun, ro, true, begun.starts_with('#') ? "#" : "");
	if (where == COMMAND_PLACE_EITHER)
		completion_add_names(&choice, begun, ro, true, "#");
	if (where == COMMAND_PLACE_DEVICE)
		for (const std::string &device : ro->devices)
			completion_add(&choice, begun, device);
	if (where == COMMAND_PLACE_ROLE)
		for (const char *const role : {"admin", "normal", "creator"})
			completion_add(&choice, begun, role);
	std::sort(choice.words.begin(), choice.words.end());
	return choice;
}
