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
	DIALOG_REGISTER_INVITE,
	DIALOG_REGISTER_WAIT,
	DIALOG_OLD_PASSWORD,
	DIALOG_NEW_PASSWORD,
	DIALOG_NEW_AGAIN,
	DIALOG_PASTE, /* send the lines? */
	DIALOG_COMMANDS,
};

struct dialog {
	client *cl = nullptr;
	screen *sc = nullptr;
	dialog_step step = DIALOG_MENU;
	command pending; /* the login, registration or change of the password that the questions are for */
	std::string account; /* who logged in or registered last, or tried to: a name or a number */
	std::string paste; /* the lines that wait for an answer */
	place paste_to; /* where they go */
	bool warned = false; /* ^C once more leaves */
	bool leaving = false;
};

/* Shows the menu. */
void dialog_open(dialog *dg, client *cl, screen *sc);
void dialog_take_line(dialog *dg, std::string_view typed);
/* The user wants to leave. Leaves at once if everything is acknowledged, or if this is the second time. */
void dialog_end(dialog *dg);
/* ^C: leaves if it is pressed twice. */
void dialog_interrupt(dialog *dg);
void dialog_session_changed(dialog *dg);
void dialog_registered(dialog *dg, bool done, bool needs_invite);
/* The line that is being typed has changed. */
void dialog_typed(dialog *dg, std::string_view line);
/* false: several lines are no message here. */
[[nodiscard]] bool dialog_take_paste(dialog *dg, std::string_view lines);
/* The client has learned something: the prompt and the lines above it may be others now. */
void dialog_refresh(dialog *dg);

#endif
