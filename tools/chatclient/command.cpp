/* SPDX-License-Identifier: MIT
 * The commands: their table, their two spellings, and reading a line. */
#include "command.h"

#include <algorithm>
#include <utility>

#include "text.h"

enum command_shape {
	SHAPE_NOTHING,
	SHAPE_ID,
	SHAPE_ID_TEXT,
	SHAPE_NAME_TEXT,
	SHAPE_WAIT,
	SHAPE_PLACE, /* an account, or # and a group; may be left out */
	SHAPE_PLACE_COUNT,
	SHAPE_SEQ, /* a number, or # and a number; may be left out */
	SHAPE_SEQ_TEXT, /* the number only with # */
	SHAPE_TEXT,
};

struct command_row {
	command_verb verb;
	const char *word; /* word:ARGUMENT:ARGUMENT; empty: none, as people say such words */
	const char *slash; /* /slash ARGUMENT ARGUMENT */
	command_shape shape;
	const char *arguments; /* for the help; nullptr: another spelling, which the help does not list */
	const char *help;
};

static const command_row command_rows[] = {
	{COMMAND_HELP, "help", "help", SHAPE_NOTHING, "", "show this list"},
	{COMMAND_WITH, "", "with", SHAPE_PLACE, "NAME", "talk to NAME, or to #GROUP"},
	{COMMAND_OLDER, "", "older", SHAPE_NOTHING, "", "show what was said before"},
	{COMMAND_REPLY, "", "r", SHAPE_TEXT, "TEXT", "answer who spoke last"},
	{COMMAND_EDIT, "", "edit", SHAPE_SEQ_TEXT, "TEXT", "change your last message"},
	{COMMAND_RECALL, "", "recall", SHAPE_SEQ, "", "take back your last message"},
	{COMMAND_INBOX, "inbox", "inbox", SHAPE_NOTHING, "", "list conversations"},
	{COMMAND_HISTORY, "history", "history", SHAPE_PLACE_COUNT, "NAME N", "the last N messages"},
	{COMMAND_CHAT, "chat", "chat", SHAPE_ID_TEXT, "ID TEXT", "say something to an account"},
	{COMMAND_ADD_FRIEND, "addfriend", "friend", SHAPE_ID, "ID", "put somebody on your list"},
	{COMMAND_CREATE_GROUP, "creategroup", "group new", SHAPE_NAME_TEXT, "NAME DESC", "make a group"},
	{COMMAND_JOIN_GROUP, "addgroup", "join", SHAPE_ID, "ID", "join a group"},
	{COMMAND_GROUP_CHAT, "groupchat", "say", SHAPE_ID_TEXT, "ID TEXT", "say something to a group"},
	{COMMAND_WHO, "", "who", SHAPE_PLACE, "", "members of the group"},
	{COMMAND_LEAVE, "", "leave", SHAPE_PLACE, "", "leave the group"},
	{COMMAND_BLOCK, "", "block", SHAPE_ID, "NAME", "hear nothing of somebody"},
	{COMMAND_UNBLOCK, "", "unblock", SHAPE_ID, "NAME", "hear of somebody again"},
	{COMMAND_FRIENDS, "friends", "friends", SHAPE_NOTHING, "", "friends, as of the login"},
	{COMMAND_GROUPS, "groups", "groups", SHAPE_NOTHING, "", "groups, as of the login"},
	{COMMAND_LOGOUT, "loginout", "logout", SHAPE_NOTHING, "", "log out"},
	{COMMAND_LOGIN, "login", "login", SHAPE_ID_TEXT, "NAME PASSWORD", "log in, by name or number"},
	{COMMAND_REGISTER, "register", "register", SHAPE_NAME_TEXT, "NAME PASSWORD", "make an account"},
	{COMMAND_WAIT, "wait", "wait", SHAPE_WAIT, "SECONDS COUNT", "in scripts: wait for messages"},
	{COMMAND_RAW, "", "raw", SHAPE_TEXT, "JSON", "send a frame, show the answer"},
	{COMMAND_QUIT, "quit", "quit", SHAPE_NOTHING, "", "leave"},
	{COMMAND_GROUPS, "groups", "group", SHAPE_NOTHING, nullptr, nullptr},
	{COMMAND_CHAT, "chat", "msg", SHAPE_ID_TEXT, nullptr, nullptr},
	{COMMAND_WITH, "", "w", SHAPE_PLACE, nullptr, nullptr},
	{COMMAND_REPLY, "", "reply", SHAPE_TEXT, nullptr, nullptr},
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

static bool command_is_of_group(command_verb verb)
{
	return verb == COMMAND_GROUP_CHAT || verb == COMMAND_JOIN_GROUP || verb == COMMAND_WHO || verb == COMMAND_LEAVE;
}

static void command_read_place(command *cm, std::string_view text)
{
	text = command_trim(text);
	if (text.starts_with('#')) {
		cm->is_group = true;
		text.remove_prefix(1);
	}
	if (!text.empty())
		command_read_id(cm, text);
	else if (cm->verb == COMMAND_WITH)
		command_spoil(cm, "with whom? a NAME or a #GROUP");
}

static void command_read_place_count(command *cm, std::string_view text, char separator)
{
	static const uint64_t most = 200;
	const size_t at = text.rfind(separator);

	if (at != std::string_view::npos && text_to_id(command_trim(text.substr(at + 1)), &cm->count))
		text = text.substr(0, at);
	if (cm->count > most)
		command_spoil(cm, "N is a number from 1 to 200");
	else if (command_trim(text).empty())
		command_spoil(cm, "whose history? a NAME or a #GROUP");
	else
		command_read_place(cm, text);
}

/* The number of a message before the text: only with # where a text follows, which may begin with a number itself. */
static void command_read_seq(command *cm, std::string_view text, bool has_text)
{
	const bool marked = text.starts_with('#');
	std::string_view rest = text.substr(marked ? 1 : 0);
	const std::string_view number = has_text ? rest.substr(0, rest.find_first_of(" :")) : command_trim(rest);

	if (!has_text && text.empty())
		return;
	if ((marked || !has_text) && text_to_id(number, &cm->count)) {
		rest.remove_prefix(std::min(number.size() + 1, rest.size()));
		cm->text = has_text ? rest : std::string_view();
	} else if (has_text) {
		cm->text = text;
	} else {
		command_spoil(cm, "the NUMBER of a message is a number from 1 on");
	}
	if (has_text && command_trim(cm->text).empty())
		command_spoil(cm, "the new TEXT is missing");
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
	cm->is_group = command_is_of_group(cm->verb);
	switch (shape) {
	case SHAPE_PLACE: command_read_place(cm, rest); return;
	case SHAPE_PLACE_COUNT: command_read_place_count(cm, rest, separator); return;
	case SHAPE_SEQ: command_read_seq(cm, rest, false); return;
	case SHAPE_SEQ_TEXT: command_read_seq(cm, rest, true); return;
	case SHAPE_TEXT: cm->text = rest; return;
	default: break;
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
		if (word == row.word && !word.empty()) {
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

static command_place command_place_of(const command_row &row, std::string_view rest)
{
	switch (row.shape) {
	case SHAPE_PLACE: return command_is_of_group(row.verb) ? COMMAND_PLACE_GROUP : COMMAND_PLACE_EITHER;
	case SHAPE_PLACE_COUNT: return COMMAND_PLACE_EITHER;
	case SHAPE_ID_TEXT:
		if (rest.find(' ') != std::string_view::npos)
			return COMMAND_PLACE_NOTHING;
		return command_is_of_group(row.verb) ? COMMAND_PLACE_GROUP : COMMAND_PLACE_ACCOUNT;
	case SHAPE_ID: return command_is_of_group(row.verb) ? COMMAND_PLACE_GROUP : COMMAND_PLACE_ACCOUNT;
	default: return COMMAND_PLACE_NOTHING;
	}
}

command_place command_place_in(std::string_view line, size_t *begin_r)
{
	*begin_r = 1;
	if (!line.starts_with('/'))
		return COMMAND_PLACE_NOTHING;
	for (const command_row &row : command_rows) {
		const std::string slash = std::string(row.slash) + " ";
		if (!line.substr(1).starts_with(slash))
			continue;
		*begin_r = slash.size() + 1;
		return command_place_of(row, line.substr(*begin_r));
	}
	return COMMAND_PLACE_SLASH;
}

std::vector<std::string> command_words(void)
{
	std::vector<std::string> words;

	for (const command_row &row : command_rows)
		if (row.arguments)
			words.emplace_back(row.slash);
	return words;
}

const char *command_word(command_verb verb)
{
	for (const command_row &row : command_rows)
		if (row.verb == verb)
			return row.word[0] != '\0' ? row.word : row.slash;
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
			if (!colons.empty())
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
