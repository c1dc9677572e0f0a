/* SPDX-License-Identifier: MIT
 * The dialog with the user at the terminal: the menu, the questions of login and registration, and which conversation
 * plain text goes to. */
#ifndef CHATCLIENT_DIALOG_H
#define CHATCLIENT_DIALOG_H

#include <string>

#include "client.h"
#include "screen.h"

enum dialog_step {
	DIALOG_MENU,
	DIALOG_LOGIN_NAME,
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
	command pending; /* the login or registration that the questions are for */
	std::string account; /* who logged in or registered last, or tried to: a name or a number */
	bool leaving = false;
};

/* Shows the menu. */
void dialog_open(dialog *dg, client *cl, screen *sc);
void dialog_take_line(dialog *dg, std::string_view typed);
/* The user wants to leave. Leaves at once if everything is acknowledged, or if this is the second time. */
void dialog_end(dialog *dg);
void dialog_session_changed(dialog *dg);
/* The client has learned something, perhaps the name for a number in the prompt. */
void dialog_refresh(dialog *dg);

#endif
