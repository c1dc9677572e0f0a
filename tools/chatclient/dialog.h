/* SPDX-License-Identifier: MIT
 * Owns the conversation with the person at the terminal: the menu, the questions of login and registration,
 * and which conversation plain text goes to. It must not know the protocol. */
#ifndef CHATCLIENT_DIALOG_H
#define CHATCLIENT_DIALOG_H

#include <string>

#include "client.h"
#include "screen.h"

enum dialog_step {
	DIALOG_MENU,
	DIALOG_LOGIN_ID,
	DIALOG_LOGIN_PASSWORD,
	DIALOG_LOGIN_WAIT,
	DIALOG_REGISTER_NAME,
	DIALOG_REGISTER_PASSWORD,
	DIALOG_REGISTER_AGAIN,
	DIALOG_COMMANDS,
};

struct dialog {
	client *cl = nullptr;
	screen *sc = nullptr;
	dialog_step step = DIALOG_MENU;
	command pending; /* the login or registration that is asked for */
	command_verb talks =
		COMMAND_BLANK; /* COMMAND_CHAT or COMMAND_GROUP_CHAT: plain text goes to talks_to */
	uint64_t talks_to = 0;
	uint64_t asked_id = 0; /* of the last attempt to log in; 0: none since an account was registered */
	bool leaving = false;
};

/* Shows the menu. */
void dialog_open(dialog *dg, client *cl, screen *sc);
void dialog_take_line(dialog *dg, std::string_view typed);
/* The person leaves: at once where nothing is owed or it is said twice. */
void dialog_end(dialog *dg);
void dialog_session_changed(dialog *dg);
/* Something was learned, perhaps a name that the prompt has only a number for. */
void dialog_refresh(dialog *dg);

#endif
