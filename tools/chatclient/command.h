/* SPDX-License-Identifier: MIT
 * The commands: their table, their two spellings, and reading a line. */
#ifndef CHATCLIENT_COMMAND_H
#define CHATCLIENT_COMMAND_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

enum command_verb {
	COMMAND_BLANK, /* an empty line */
	COMMAND_PLAIN, /* no command: text */
	COMMAND_BAD, /* problem says why */
	COMMAND_HELP, /* text: a command, or empty */
	COMMAND_REGISTER, /* name, text: password */
	COMMAND_LOGIN, /* id or who, text: password */
	COMMAND_LOGOUT,
	COMMAND_CHAT, /* id, text */
	COMMAND_ADD_FRIEND, /* id */
	COMMAND_CREATE_GROUP, /* name, text: description */
	COMMAND_JOIN_GROUP, /* id */
	COMMAND_GROUP_CHAT, /* id, text */
	COMMAND_FRIENDS,
	COMMAND_GROUPS,
	COMMAND_WAIT, /* id: seconds, count */
	COMMAND_QUIT,
	COMMAND_WITH, /* is_group, id or who */
	COMMAND_OLDER,
	COMMAND_REPLY, /* text */
	COMMAND_EDIT, /* count: seq or 0, text */
	COMMAND_RECALL, /* count: seq or 0 */
	COMMAND_HISTORY, /* is_group, id or who, count or 0 */
	COMMAND_INBOX,
	COMMAND_MORE,
	COMMAND_MEMBERS, /* id or who, or neither */
	COMMAND_LEAVE, /* id or who, or neither */
	COMMAND_ROLE, /* group, id or who, text: the role */
	COMMAND_KICK, /* group, id or who */
	COMMAND_BAN, /* group, id or who */
	COMMAND_MUTE, /* group, id or who or is_everybody, count: seconds, 0: no more */
	COMMAND_INVITE, /* group, id or who */
	COMMAND_RENAME, /* group, text */
	COMMAND_OPEN, /* id or who, or neither */
	COMMAND_CLOSED, /* id or who, or neither */
	COMMAND_NEWCOMERS, /* group, text: all or joined */
	COMMAND_ACCEPT, /* id or who, or neither */
	COMMAND_DECLINE, /* id or who, or neither */
	COMMAND_UNFRIEND, /* id or who */
	COMMAND_BLOCK, /* id or who */
	COMMAND_UNBLOCK, /* id or who */
	COMMAND_CONTACTS,
	COMMAND_DEVICES,
	COMMAND_END_DEVICE, /* text: its name */
	COMMAND_PASSWD, /* name: the old password, text: the new one */
	COMMAND_RAW, /* text */
	COMMAND_FIND, /* the client itself asks for the number of a name */
};

struct command {
	command_verb verb = COMMAND_BLANK;
	uint64_t id = 0; /* 0: not given, or @, the last account or group that was made */
	bool is_last = false; /* the line had @ */
	bool is_group = false; /* id or who is of a group */
	bool is_everybody = false; /* the line had * */
	std::string who; /* the text in the place of the id: perhaps a name */
	std::string group; /* the group in which it is done, a name or a number; empty: the one that was entered */
	uint64_t count = 0;
	std::string name;
	std::string text;
	std::string invite; /* to register; empty: none */
	std::string problem;
};

/* Reads a line, without its end. What may be left out on a terminal (a password, the text of a chat) is then empty. */
[[nodiscard]] command command_read(std::string_view line);
/* Reads a line that a person typed: text unless it begins with a slash or is a command of the menu that older clients
 * have. in_talk: the person has entered a conversation. Then such a command needs a number, as in chat:7:TEXT, and a
 * bare word is text. */
[[nodiscard]] command command_read_typed(std::string_view line, bool in_talk);

/* What can stand before the cursor in a line that begins so. */
enum command_place {
	COMMAND_PLACE_NOTHING,
	COMMAND_PLACE_SLASH, /* a command after a slash */
	COMMAND_PLACE_ACCOUNT,
	COMMAND_PLACE_GROUP,
	COMMAND_PLACE_EITHER, /* an account, or # and a group */
	COMMAND_PLACE_DEVICE,
	COMMAND_PLACE_ROLE,
};

/* *begin_r: where that begins in the line. */
[[nodiscard]] command_place command_place_in(std::string_view line, size_t *begin_r);
/* Every command after its slash. */
[[nodiscard]] std::vector<std::string> command_words(void);

/* The name of the verb in plain output. */
[[nodiscard]] const char *command_word(command_verb verb);

/* And on a terminal. */
[[nodiscard]] std::string command_title(command_verb verb);
/* The text of /help: the commands, one per line; or how the named one is used. */
[[nodiscard]] std::string command_help(std::string_view topic);

#endif
