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
	SHAPE_TOPIC, /* a text that may be left out */
	/* Before these, # and a group may stand: */
	SHAPE_MEMBER,
	SHAPE_MEMBER_ROLE,
	SHAPE_MEMBER_TIME,
	SHAPE_GROUP_TEXT,
	SHAPE_GROUP_HISTORY,
};

struct command_row {
	command_verb verb;
	const char *word; /* word:ARGUMENT:ARGUMENT; empty: none, as people say such words */
	const char *slash; /* /slash ARGUMENT ARGUMENT */
	command_shape shape;
	const char *arguments; /* for the help; nullptr: another spelling, which the help does not list */
	const char *help;
	const char *section = nullptr; /* the heading of the help that begins here */
};

static const command_row command_rows[] = {
	{COMMAND_WITH, "", "with", SHAPE_PLACE, "NAME", "talk to NAME, or to #GROUP", "Talk"},
	{COMMAND_OLDER, "", "older", SHAPE_NOTHING, "", "show what was said before"},
	{COMMAND_REPLY, "", "r", SHAPE_TEXT, "TEXT", "answer who spoke last"},
	{COMMAND_EDIT, "", "edit", SHAPE_SEQ_TEXT, "TEXT", "change your last message"},
	{COMMAND_RECALL, "", "recall", SHAPE_SEQ, "", "take back your last message"},
	{COMMAND_INBOX, "inbox", "inbox", SHAPE_NOTHING, "", "list conversations"},
	{COMMAND_HISTORY, "history", "history", SHAPE_PLACE_COUNT, "NAME N", "the last N messages"},
	{COMMAND_CHAT, "chat", "chat", SHAPE_ID_TEXT, "NAME TEXT", "say something to an account"},
	{COMMAND_GROUP_CHAT, "groupchat", "say", SHAPE_ID_TEXT, "NAME TEXT", "say something to a group"},
	{COMMAND_MORE, "", "more", SHAPE_NOTHING, "", "go on with a list"},
	{COMMAND_FRIENDS, "friends", "friends", SHAPE_NOTHING, "", "your people, and who is there", "People"},
	{COMMAND_ADD_FRIEND, "addfriend", "friend", SHAPE_ID, "NAME", "put somebody on your list"},
	{COMMAND_UNFRIEND, "", "unfriend", SHAPE_ID, "NAME", "take somebody off your list"},
	{COMMAND_BLOCK, "", "block", SHAPE_ID, "NAME", "hear nothing of somebody"},
	{COMMAND_UNBLOCK, "", "unblock", SHAPE_ID, "NAME", "hear of somebody again"},
	{COMMAND_GROUPS, "groups", "groups", SHAPE_NOTHING, "", "your groups", "Groups"},
	{COMMAND_CREATE_GROUP, "creategroup", "group", SHAPE_NAME_TEXT, "NAME DESC", "make a group"},
	{COMMAND_JOIN_GROUP, "addgroup", "join", SHAPE_ID, "NAME", "join a group"},
	{COMMAND_ACCEPT, "", "accept", SHAPE_PLACE, "", "join the group that invited you"},
	{COMMAND_DECLINE, "", "decline", SHAPE_PLACE, "", "refuse that invitation"},
	{COMMAND_MEMBERS, "members", "members", SHAPE_PLACE, "", "who is in the group",
         "In a group (elsewhere: /kick #GROUP NAME)"},
	{COMMAND_LEAVE, "", "leave", SHAPE_PLACE, "", "leave the group"},
	{COMMAND_INVITE, "", "invite", SHAPE_MEMBER, "NAME", "let somebody join"},
	{COMMAND_KICK, "", "kick", SHAPE_MEMBER, "NAME", "remove a member"},
	{COMMAND_BAN, "", "ban", SHAPE_MEMBER, "NAME", "remove a member, and keep out"},
	{COMMAND_MUTE, "", "mute", SHAPE_MEMBER_TIME, "NAME TIME", "10m, 2h, 1d or off; * is everybody"},
	{COMMAND_ROLE, "", "role", SHAPE_MEMBER_ROLE, "NAME ROLE", "admin, normal, or creator: hand over"},
	{COMMAND_RENAME, "", "rename", SHAPE_GROUP_TEXT, "NAME", "give the group another name"},
	{COMMAND_OPEN, "", "open", SHAPE_PLACE, "", "let everybody join"},
	{COMMAND_CLOSED, "", "closed", SHAPE_PLACE, "", "let only those join who are invited"},
	{COMMAND_NEWCOMERS, "", "newcomers", SHAPE_GROUP_HISTORY, "all|joined", "what new members may read"},
	{COMMAND_LOGIN, "login", "login", SHAPE_ID_TEXT, "NAME PASSWORD", "log in, by name or number", "You"},
	{COMMAND_REGISTER, "register", "register", SHAPE_NAME_TEXT, "NAME PASSWORD", "make an account"},
	{COMMAND_DEVICES, "devices", "devices", SHAPE_NOTHING, "", "where you are logged in"},
	{COMMAND_END_DEVICE, "", "enddevice", SHAPE_TEXT, "DEVICE", "log out and forget a device"},
	{COMMAND_PASSWD, "passwd", "passwd", SHAPE_NAME_TEXT, "OLD NEW", "change your password"},
	{COMMAND_LOGOUT, "loginout", "logout", SHAPE_NOTHING, "", "log out"},
	{COMMAND_QUIT, "quit", "quit", SHAPE_NOTHING, "", "leave"},
	{COMMAND_HELP, "help", "help", SHAPE_TOPIC, "", "this list; /help COMMAND explains one", "Else"},
	{COMMAND_RAW, "", "raw", SHAPE_TEXT, "JSON", "send a frame, show the answer"},
	{COMMAND_WAIT, "wait", "wait", SHAPE_WAIT, "SECONDS COUNT", "in scripts: wait for messages"},
	{COMMAND_CONTACTS, "contacts", "contacts", SHAPE_NOTHING, nullptr, nullptr},
	{COMMAND_MEMBERS, "members", "who", SHAPE_PLACE, nullptr, nullptr},
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
		command_spoil(cm, "the NAME is missing");
	else
		cm->who = text;
}

/* Its id or who is of a group. */
static bool command_is_of_group(command_verb verb)
{
	return verb == COMMAND_GROUP_CHAT || verb == COMMAND_JOIN_GROUP || verb == COMMAND_MEMBERS ||
	       verb == COMMAND_LEAVE || verb == COMMAND_OPEN || verb == COMMAND_CLOSED || verb == COMMAND_ACCEPT ||
	       verb == COMMAND_DECLINE;
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

/* Cuts off # and a group at the beginning. */
static void command_read_group(command *cm, std::string_view *text_r)
{
	if (!text_r->starts_with('#'))
		return;
	text_r->remove_prefix(1);
	cm->group = command_cut(text_r, ' ');
}

/* The last word, which is cut off. */
static std::string_view command_cut_last(std::string_view *text_r)
{
	const size_t at = text_r->rfind(' ');
	const std::string_view last = text_r->substr(at == std::string_view::npos ? 0 : at + 1);

	*text_r = command_trim(text_r->substr(0, at == std::string_view::npos ? 0 : at));
	return last;
}

/* 90s, 10m, 2h, 1d, or off. */
static bool command_read_time(command *cm, std::string_view text)
{
	static const uint64_t longest = uint64_t{3650} * 86400;
	static const std::string_view units = "smhd";
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	const size_t unit = text.empty() ? std::string_view::npos : units.find(text.back());

	if (text == "off")
		return true;
	if (unit == std::string_view::npos || !text_to_id(text.substr(0, text.size() - 1), &cm->count) ||
	    cm->count > longest / seconds[unit])
		return false;
	cm->count *= seconds[unit];
	return true;
}

static void command_read_member(command *cm, command_shape shape, std::string_view text)
{
	command_read_group(cm, &text);
	const std::string_view last = shape == SHAPE_MEMBER ? std::string_view() : command_cut_last(&text);

	if (!last.empty() && text.empty()) {
		command_spoil(cm, shape == SHAPE_MEMBER_ROLE ? "the ROLE is missing" : "the TIME is missing");
		return;
	}
	cm->is_everybody = shape == SHAPE_MEMBER_TIME && text == "*";
	if (!cm->is_everybody)
		command_read_id(cm, text);
	if (cm->verb == COMMAND_BAD)
		return;
	if (shape == SHAPE_MEMBER_ROLE) {
		cm->text = last;
		if (last != "admin" && last != "normal" && last != "creator")
			command_spoil(cm, "a ROLE is admin, normal or creator");
	} else if (shape == SHAPE_MEMBER_TIME && !command_read_time(cm, last)) {
		command_spoil(cm, "a TIME is 90s, 10m, 2h, 1d or off");
	}
}

static void command_read_setting(command *cm, command_shape shape, std::string_view text)
{
	command_read_group(cm, &text);
	cm->text = text;
	if (text.empty())
		command_spoil(cm, shape == SHAPE_GROUP_HISTORY ? "all or joined?" : "the new NAME is missing");
	else if (shape == SHAPE_GROUP_HISTORY && text != "all" && text != "joined")
		command_spoil(cm, "new members read all that was said, or what is said since they joined");
}

/* false: the shape is none of these. */
static bool command_read_special(command *cm, command_shape shape, std::string_view rest, char separator)
{
	switch (shape) {
	case SHAPE_PLACE: command_read_place(cm, rest); break;
	case SHAPE_PLACE_COUNT: command_read_place_count(cm, rest, separator); break;
	case SHAPE_SEQ: command_read_seq(cm, rest, false); break;
	case SHAPE_SEQ_TEXT: command_read_seq(cm, rest, true); break;
	case SHAPE_TOPIC: cm->text = rest; break;
	case SHAPE_TEXT:
		cm->text = rest;
		if (rest.empty())
			command_spoil(cm, "the text is missing");
		break;
	case SHAPE_MEMBER:
	case SHAPE_MEMBER_ROLE:
	case SHAPE_MEMBER_TIME: command_read_member(cm, shape, command_trim(rest)); break;
	case SHAPE_GROUP_TEXT:
	case SHAPE_GROUP_HISTORY: command_read_setting(cm, shape, command_trim(rest)); break;
	default: return false;
	}
	return true;
}

static void command_read_arguments(command *cm, command_shape shape, std::string_view rest, char separator)
{
	if (shape == SHAPE_NOTHING) {
		if (!command_trim(rest).empty())
			command_spoil(cm, "this command takes no argument");
		return;
	}
	cm->is_group = command_is_of_group(cm->verb);
	if (command_read_special(cm, shape, rest, separator))
		return;
	if (cm->is_group && rest.starts_with('#'))
		rest.remove_prefix(1);
	const std::string_view first = shape == SHAPE_ID ? std::exchange(rest, {}) : command_cut(&rest, separator);
	if (shape == SHAPE_WAIT) {
		command_read_wait(cm, first, rest);
		return;
	}
	cm->text = rest;
	if (shape == SHAPE_NAME_TEXT) {
		cm->name = command_trim(first);
		if (cm->verb == COMMAND_CREATE_GROUP && cm->name.empty())
			command_spoil(cm, "the NAME is missing");
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
		if (word == row.word && row.word[0] != '\0') {
			*rest_r = line;
			return &row;
		}
	}
	return nullptr;
}

/* As it is written after a slash. */
static std::string command_usage(const command_row &row)
{
	std::string usage = std::string("/") + row.slash;

	if (row.arguments && row.arguments[0] != '\0')
		usage += std::string(" ") + row.arguments;
	return usage;
}

static const command_row *command_find_verb(command_verb verb)
{
	for (const command_row &row : command_rows)
		if (row.verb == verb && row.arguments)
			return &row;
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
			command_spoil(&cm, "no such command: /help lists them, and // begins a text");
		return cm;
	}
	cm.verb = slash && row->verb == COMMAND_CREATE_GROUP && rest.empty() ? COMMAND_GROUPS : row->verb;
	if (cm.verb == row->verb)
		command_read_arguments(&cm, row->shape, rest, slash ? ' ' : ':');
	const command_row *const listed = command_find_verb(row->verb);
	if (cm.verb == COMMAND_BAD && listed)
		cm.problem += "; usage: " + command_usage(*listed);
	return cm;
}

static bool command_is_of_menu(command_verb verb)
{
	switch (verb) {
	case COMMAND_HELP:
	case COMMAND_CHAT:
	case COMMAND_ADD_FRIEND:
	case COMMAND_CREATE_GROUP:
	case COMMAND_JOIN_GROUP:
	case COMMAND_GROUP_CHAT:
	case COMMAND_LOGOUT: return true;
	default: return false;
	}
}

/* chat:7:TEXT, addfriend:7, creategroup:NAME:DESC: nobody says that. */
static bool command_is_no_speech(const command &cm, std::string_view line)
{
	const std::string_view word = command_cut(&line, ':');
	const bool has_text = line.find(':') != std::string_view::npos;
	const std::string_view first = command_cut(&line, ':');
	uint64_t id = 0;

	if (word != command_word(cm.verb))
		return false;
	switch (cm.verb) {
	case COMMAND_CHAT:
	case COMMAND_GROUP_CHAT: return text_to_id(first, &id) && !line.empty();
	case COMMAND_ADD_FRIEND:
	case COMMAND_JOIN_GROUP: return text_to_id(first, &id) && !has_text;
	case COMMAND_CREATE_GROUP: return has_text && !first.empty() && first.front() != ' ';
	default: return false;
	}
}

command command_read_typed(std::string_view line, bool in_talk)
{
	command cm = command_read(line);
	const std::string_view typed = line.substr(0, line.find_last_not_of("\r\n") + 1);
	std::string_view rest;

	if (line.starts_with('/') || cm.verb == COMMAND_BLANK || cm.verb == COMMAND_PLAIN)
		return cm;
	if (in_talk ? command_is_no_speech(cm, typed) : command_is_of_menu(command_find_word(typed, &rest)->verb))
		return cm;
	cm = command();
	cm.verb = COMMAND_PLAIN;
	cm.text = typed;
	return cm;
}

/* In what stands behind a command. *begin_r: where it begins, and then where the word begins. */
static command_place command_place_of(const command_row &row, std::string_view rest, size_t *begin_r)
{
	const bool many = row.shape == SHAPE_MEMBER || row.shape == SHAPE_MEMBER_ROLE || row.shape == SHAPE_MEMBER_TIME;
	const size_t first = rest.find(' '), last = rest.rfind(' ');
	const command_place one = command_is_of_group(row.verb) ? COMMAND_PLACE_GROUP : COMMAND_PLACE_ACCOUNT;

	if (many && rest.starts_with('#') && first != std::string_view::npos) {
		*begin_r += first + 1;
		return command_place_of(row, rest.substr(first + 1), begin_r);
	}
	if (row.shape == SHAPE_MEMBER_ROLE && last != std::string_view::npos) {
		*begin_r += last + 1;
		return COMMAND_PLACE_ROLE;
	}
	switch (row.shape) {
	case SHAPE_PLACE: return command_is_of_group(row.verb) ? COMMAND_PLACE_GROUP : COMMAND_PLACE_EITHER;
	case SHAPE_MEMBER:
	case SHAPE_MEMBER_ROLE:
	case SHAPE_MEMBER_TIME:
	case SHAPE_PLACE_COUNT: return COMMAND_PLACE_EITHER;
	case SHAPE_ID_TEXT: return first != std::string_view::npos ? COMMAND_PLACE_NOTHING : one;
	case SHAPE_ID: return one;
	case SHAPE_TEXT: return row.verb == COMMAND_END_DEVICE ? COMMAND_PLACE_DEVICE : COMMAND_PLACE_NOTHING;
	case SHAPE_TOPIC: return COMMAND_PLACE_SLASH;
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
		return command_place_of(row, line.substr(*begin_r), begin_r);
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

std::string command_title(command_verb verb)
{
	const command_row *const row = command_find_verb(verb);
	const bool from_menu = verb == COMMAND_LOGIN || verb == COMMAND_REGISTER;

	return row ? (from_menu ? "" : "/") + std::string(row->slash) : std::string(command_word(verb));
}

static std::string command_line_of_help(const command_row &row)
{
	static const size_t width = 24;
	std::string usage = command_usage(row);

	usage.resize(std::max(usage.size(), width), ' ');
	return usage + " " + row.help + "\n";
}

/* As it is written with colons. */
static std::string command_colons(const command_row &row)
{
	std::string colons = row.word;

	if (row.arguments[0] != '\0')
		colons += std::string(":") + row.arguments;
	else if (row.verb == COMMAND_MEMBERS)
		colons += ":NAME";
	std::replace(colons.begin(), colons.end(), ' ', ':');
	return colons;
}

/* In lines that are short enough for a narrow terminal. */
static std::string command_all_colons(void)
{
	static const size_t width = 39;
	std::string all, line;

	for (const command_row &row : command_rows) {
		if (!row.arguments || row.word[0] == '\0')
			continue;
		const std::string colons = command_colons(row);
		if (!line.empty() && line.size() + 2 + colons.size() > width)
			all += std::exchange(line, {}) + "\n";
		line += (line.empty() ? "" : "  ") + colons;
	}
	return all + line + "\n";
}

static std::string command_explain(std::string_view topic)
{
	std::string_view rest;
	const std::string line(topic.substr(topic.starts_with('/') ? 1 : 0));
	const command_row *row = command_find_slash(line, &rest);

	if (!row)
		row = command_find_word(line, &rest);
	row = row ? command_find_verb(row->verb) : nullptr;
	if (!row)
		return "There is no such command; /help lists them.\n";
	std::string text = command_line_of_help(*row);
	if (row->shape >= SHAPE_MEMBER)
		text += std::string("/") + row->slash + " #GROUP " + row->arguments + "  the same in another group\n";
	if (row->word[0] != '\0')
		text += command_colons(*row) + "  means the same in a script\n";
	return text;
}

std::string command_help(std::string_view topic)
{
	std::string help;

	topic = command_trim(topic);
	if (!topic.empty())
		return command_explain(topic);
	for (const command_row &row : command_rows) {
		if (row.section)
			help += std::string("-- ") + row.section + " --\n";
		if (row.arguments)
			help += command_line_of_help(row);
	}
	return help + "-- In scripts --\n" + command_all_colons() +
	       "-- Without a slash on a terminal --\nchat:7:TEXT  groupchat:7:TEXT\naddfriend:7  addgroup:7\n"
	       "creategroup:NAME:DESC\nhelp  loginout  (before you enter\na conversation; there they are text)\n";
}
