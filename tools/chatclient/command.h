/* SPDX-License-Identifier: MIT
 * Owns the commands: their table, both ways to write them, and taking a line apart. It must not know what
 * a command does. */
#ifndef CHATCLIENT_COMMAND_H
#define CHATCLIENT_COMMAND_H

#include <cstdint>
#include <string>
#include <string_view>

enum command_verb {
	COMMAND_BLANK, /* nothing was written */
	COMMAND_PLAIN, /* no command: text */
	COMMAND_BAD, /* problem says why */
	COMMAND_HELP,
	COMMAND_REGISTER, /* name, text: password */
	COMMAND_LOGIN, /* id, text: password */
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
};

struct command {
	command_verb verb = COMMAND_BLANK;
	uint64_t id = 0; /* 0: @, the last one made; or not given */
	bool is_last = false; /* it was @ */
	std::string who; /* stood there instead: perhaps a name */
	uint64_t count = 0;
	std::string name;
	std::string text;
	std::string problem;
};

/* Takes a line, without its end, apart. What may be left out on a terminal (a password, the text of a chat)
 * comes back empty. */
[[nodiscard]] command command_read(std::string_view line);

/* The word that plain output calls the verb by. */
[[nodiscard]] const char *command_word(command_verb verb);

/* The commands, a line each, for /help. */
[[nodiscard]] std::string command_help(void);

#endif
