/* SPDX-License-Identifier: MIT
 * The commands: their table, their two spellings, and reading a line. */
#include "command.h"

#include <algorithm>
#include <utility>

#include "text.h"

enum command_shape { SHAPE_NOTHING, SHAPE_ID, SHAPE_ID_TEXT, SHAPE_NAME_TEXT, SHAPE_WAIT };

struct command_row {
	command_verb verb;
	const char *word; /* word:ARGUMENT:ARGUMENT */
	const char *slash; /* /slash ARGUMENT ARGUMENT */
	command_shape shape;
	const char *arguments; /* for the help; nullptr: another spelling, which the help does not list */
	const char *help;
};

static const command_row command_rows[] = {
	{COMMAND_HELP, "help", "help", SHAPE_NOTHING, "", "show this list"},
	{COMMAND_CHAT, "chat", "chat", SHAPE_ID_TEXT, "ID TEXT", "say something to an account"},
	{COMMAND_ADD_FRIEND, "addfriend", "friend", SHAPE_ID, "ID", "put somebody on your list"},
	{COMMAND_CREATE_GROUP, "creategroup", "group new", SHAPE_NAME_TEXT, "NAME DESC", "make a group"},
	{COMMAND_JOIN_GROUP, "addgroup", "join", SHAPE_ID, "ID", "join a group"},
	{COMMAND_GROUP_CHAT, "groupchat", "say", SHAPE_ID_TEXT, "ID TEXT", "say something to a group"},
	{COMMAND_FRIENDS, "friends", "friends", SHAPE_NOTHING, "", "friends, as of the login"},
	{COMMAND_GROUPS, "groups", "groups", SHAPE_NOTHING, "", "groups, as of the login"},
	{COMMAND_LOGOUT, "loginout", "logout", SHAPE_NOTHING, "", "log out"},
	{COMMAND_LOGIN, "login", "login", SHAPE_ID_TEXT, "NAME PASSWORD", "log in, by name or number"},
	{COMMAND_REGISTER, "register", "register", SHAPE_NAME_TEXT, "NAME PASSWORD", "make an account"},
	{COMMAND_WAIT, "wait", "wait", SHAPE_WAIT, "SECONDS COUNT", "in scripts: wait for messages"},
	{COMMAND_QUIT, "quit", "quit", SHAPE_NOTHING, "", "leave"},
	{COMMAND_GROUPS, "groups", "group", SHAPE_NOTHING, nullptr, nullptr},
	{COMMAND_CHAT, "chat", "msg", SHAPE_ID_TEXT, nullptr, nullptr},
	{COMMAND_QUIT, "quit", "exit", SHAPE_NOTHING, nullptr, nullptr},
	{COMMAND_LOGOUT, "logout", "loginout", SHAPE_NOTHING, nullptr, nullptr},
	{COMMAND_GROUP_CHAT, "groupchat", "groupchat", SHAPE_ID_TEXT, nullptr, nullptr},
	{COMMAND_ADD_FRIEND, "addfriend", "addfriend", SHAPE_ID, nullptr, nullptr},
	{COMMAND_CREATE_GROUP, "creategroup", "creategroup", SHAPE_NAME_TEXT, nullptr, nullptr},
	{COMMAND_JOIN_GROUP, "addgroup", "addgroup", SHAPE_ID, nullptr, nullptr},
};

/* Cuts off the text before the separator and returns it. text_r loses it and the separator. */
static std::string_view command_cut(std::string_view *text_r, char separator)
{
	const size_t at = text_r->find(separator);
	const std::string_view part = text_r->substr(0, at);

	text_r->remove_prefix(at == std::string_view::npos ? text_r->size() : at + 1);
	if (separator == ' ')
		while (text_r->starts_with(' '))
			text_r->remove_prefix(1);
	return part;
}

static std::string_view command_trim(std::string_view text)
{
	while (!text.empty() && (text.back() == ' ' || text.back() == '\r'))
		text.remove_suffix(1);
	while (text.starts_with(' '))
		text.remove_prefix(1);
	return text;
}

static void command_spoil(command *cm, const char *problem)
{
	cm->verb = COMMAND_BAD;
	cm->problem = problem;
}

static void command_read_id(command *cm, std::string_view text)
{
	text = command_trim(text);
	cm->is_last = text == "@";
	if (cm->is_last || text_to_id(text, &cm->id))
		return;
	if (text.empty())
		command_spoil(cm, "an ID is a number from 1 on");
	else
		cm->who = text;
}

static void command_read_wait(command *cm, std::string_view seconds, std::string_view count)
{
	if (!text_to_id(command_trim(seconds), &cm->id) || cm->id > 86400)
		command_spoil(cm, "SECONDS is a number from 1 to 86400");
	else if (!command_trim(count).empty() && !text_to_id(command_trim(count), &cm->count))
		command_spoil(cm, "COUNT is a number from 1 on");
}

static void command_read_arguments(command *cm, command_shape shape, std::string_view rest, char separator)
{
	if (shape == SHAPE_NOTHING) {
		if (!command_trim(rest).empty())
			command_spoil(cm, "this command takes no argument");
		return;
	}
	const std::string_view first = shape == SHAPE_ID ? std::exchange(rest, {}) : command_cut(&rest, separator);
	if (shape == SHAPE_WAIT) {
		command_read_wait(cm, first, rest);
		return;
	}
	cm->text = rest;
	if (shape == SHAPE_NAME_TEXT) {
		cm->name = command_trim(first);
		return;
	}
	const bool bare = command_trim(first).empty() && cm->verb == COMMAND_LOGIN;
	if (!bare)
		command_read_id(cm, first);
}

static const command_row *command_find_slash(std::string_view line, std::string_view *rest_r)
{
	for (const command_row &row : command_rows) {
		const std::string_view slash = row.slash;
		if (!line.starts_with(slash) || (line.size() > slash.size() && line[slash.size()] != ' '))
			continue;
		*rest_r = command_trim(line.substr(slash.size()));
		return &row;
	}
	return nullptr;
}

static const command_row *command_find_word(std::string_view line, std::string_view *rest_r)
{
	const std::string_view word = command_trim(command_cut(&line, ':'));

	for (const command_row &row : command_rows) {
		if (word == row.word) {
			*rest_r = line;
			return &row;
		}
	}
	return nullptr;
}

command command_read(std::string_view line)
{
	command cm;
	std::string_view rest;

	while (line.ends_with('\r') || line.ends_with('\n'))
		line.remove_suffix(1);
	if (command_trim(line).empty())
		return cm;
	const bool slash = line.starts_with('/') && !line.starts_with("//");
	const command_row *const row =
		slash ? command_find_slash(line.substr(1), &rest) : command_find_word(line, &rest);
	if (!row) {
		cm.verb = COMMAND_PLAIN;
		cm.text = line.substr(line.starts_with("//") ? 1 : 0);
		if (slash)
			command_spoil(&cm, "no such command; /help lists them");
		return cm;
	}
	cm.verb = row->verb;
	command_read_arguments(&cm, row->shape, rest, slash ? ' ' : ':');
	return cm;
}

const char *command_word(command_verb verb)
{
	for (const command_row &row : command_rows)
		if (row.verb == verb)
			return row.word;
	return "";
}

std::string command_help(void)
{
	std::string help;

	for (const command_row &row : command_rows) {
		if (!row.arguments)
			continue;
		std::string colons = row.word, slashes = std::string("/") + row.slash;
		if (row.arguments[0] != '\0') {
			colons += std::string(":") + row.arguments;
			for (char &c : colons)
				c = c == ' ' ? ':' : c;
			slashes += std::string(" ") + row.arguments;
		}
		colons.resize(std::max<size_t>(colons.size(), 23), ' ');
		slashes.resize(std::max<size_t>(slashes.size(), 24), ' ');
		help += colons + slashes + row.help + "\n";
	}
	return help;
}
