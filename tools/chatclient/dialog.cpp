/* SPDX-License-Identifier: MIT
 * The dialog with the user at the terminal: the menu, the questions of login and registration, and which conversation
 * plain text goes to. */
#include "dialog.h"

#include <utility>

#include "state.h"
#include "text.h"

static const int64_t dialog_patience = 5;

static void dialog_go(dialog *dg, dialog_step step, std::string_view prompt, bool secret)
{
	dg->step = step;
	screen_set_prompt(dg->sc, prompt, secret);
}

static void dialog_show_menu(dialog *dg)
{
	view_text(&dg->cl->vw, "\n  1. login\n  2. register\n  3. quit\n");
	dialog_go(dg, DIALOG_MENU, "choice: ", false);
}

static std::string dialog_make_prompt(const dialog *dg)
{
	const place with = dg->cl->tk.with;
	std::string prompt = text_harmless(dg->cl->se.name, false);

	if (with.id > 0)
		prompt += (with.is_group ? " -> group " : " -> ") + text_harmless(client_name_of(dg->cl, with), false);
	if (const uint64_t unread = with.id > 0 ? talks_unread_elsewhere(&dg->cl->tk) : 0; unread > 0)
		prompt += " [" + std::to_string(unread) + " unread]";
	return prompt + "> ";
}

static void dialog_show_prompt(dialog *dg)
{
	dialog_go(dg, DIALOG_COMMANDS, dialog_make_prompt(dg), false);
}

static void dialog_login(dialog *dg)
{
	if (!dg->pending.is_last)
		dg->account = dg->pending.who.empty() ? std::to_string(dg->pending.id) : dg->pending.who;
	dialog_go(dg, DIALOG_LOGIN_WAIT, "", false);
	client_command(dg->cl, dg->pending, 0);
	if (dg->cl->se.state == SESSION_OUT)
		dialog_show_menu(dg);
	else if (!dg->cl->cn.is_up)
		view_notice(&dg->cl->vw, "Waiting for the connection.");
	dg->pending = command();
}

static void dialog_register(dialog *dg)
{
	dg->account = dg->pending.name;
	dialog_go(dg, DIALOG_REGISTER_WAIT, "", false);
	client_command(dg->cl, dg->pending, 0);
	if (!dg->cl->cn.is_up)
		view_notice(&dg->cl->vw, "Waiting for the connection.");
}

/* Who has registered is in. Name and password stay while the server asks for an invitation. */
void dialog_registered(dialog *dg, bool done, bool needs_invite)
{
	if (dg->step != DIALOG_REGISTER_WAIT)
		return;
	if (needs_invite) {
		dialog_go(dg, DIALOG_REGISTER_INVITE, "invitation: ", false);
		return;
	}
	if (!done) {
		dg->pending = command();
		dg->account.clear();
		dialog_show_menu(dg);
		return;
	}
	dg->pending.verb = COMMAND_LOGIN;
	dg->pending.who = std::exchange(dg->pending.name, {});
	dialog_login(dg);
}

/* Who was here before need not type the name again. */
static void dialog_ask_name(dialog *dg)
{
	const std::string usual = text_harmless(dg->account, false);

	dialog_go(dg, DIALOG_LOGIN_NAME,
	          usual.empty() ? "name or number: " : "name or number [" + usual + "]: ", false);
}

static void dialog_ask_new_name(dialog *dg)
{
	dialog_go(dg, DIALOG_REGISTER_NAME, "name: ", false);
}

/* Asks for the missing parts of the login or registration. */
static void dialog_ask(dialog *dg, const command &cm)
{
	const bool login = cm.verb == COMMAND_LOGIN;

	dg->pending = cm;
	if (login && cm.id == 0 && cm.who.empty() && !cm.is_last)
		dialog_ask_name(dg);
	else if (!login && cm.name.empty())
		dialog_ask_new_name(dg);
	else if (login && cm.text.empty() && client_has_token(dg->cl, cm))
		dialog_login(dg);
	else if (cm.text.empty())
		dialog_go(dg, login ? DIALOG_LOGIN_PASSWORD : DIALOG_REGISTER_PASSWORD, "password: ", true);
	else if (login)
		dialog_login(dg);
	else
		dialog_register(dg);
}

static void dialog_take_choice(dialog *dg, std::string_view line)
{
	command cm = command_read(line);

	if (line == "1" || line == "2" || line == "3") {
		cm = command();
		cm.verb = line == "1" ? COMMAND_LOGIN : line == "2" ? COMMAND_REGISTER : COMMAND_QUIT;
	}
	if (cm.verb == COMMAND_LOGIN || cm.verb == COMMAND_REGISTER)
		dialog_ask(dg, cm);
	else if (cm.verb == COMMAND_QUIT)
		dialog_end(dg);
	else if (cm.verb == COMMAND_HELP)
		view_text(&dg->cl->vw, command_help(cm.text));
	else if (cm.verb == COMMAND_PLAIN || cm.verb == COMMAND_BAD)
		view_notice(&dg->cl->vw, "Choose 1, 2 or 3, or type /help.");
	else if (cm.verb != COMMAND_BLANK)
		view_notice(&dg->cl->vw, "Log in first.");
}

/* The name or the number of an account. */
static void dialog_take_account(dialog *dg, std::string_view line)
{
	const std::string_view account = line.empty() ? dg->account : line;

	if (account.empty()) {
		dialog_show_menu(dg);
		return;
	}
	dg->pending.who.clear();
	if (!text_to_id(account, &dg->pending.id))
		dg->pending.who = account;
	dialog_ask(dg, dg->pending);
}

static void dialog_take_name(dialog *dg, std::string_view line)
{
	uint64_t number = 0;

	if (line.empty()) {
		dialog_show_menu(dg);
		return;
	}
	if (text_to_id(line, &number) || line.starts_with('#') || line.starts_with('@')) {
		view_notice(&dg->cl->vw, "A name is no number, and begins neither with # nor with @.");
		dialog_ask_new_name(dg);
		return;
	}
	dg->pending.name = line;
	dialog_ask(dg, dg->pending);
}

static void dialog_take_password(dialog *dg, std::string_view line)
{
	if (line.empty()) {
		dialog_show_menu(dg);
		return;
	}
	dg->pending.text = line;
	if (dg->step == DIALOG_LOGIN_PASSWORD)
		dialog_login(dg);
	else
		dialog_go(dg, DIALOG_REGISTER_AGAIN, "password again: ", true);
}

static void dialog_take_again(dialog *dg, std::string_view line)
{
	if (dg->pending.text == line) {
		dialog_register(dg);
		return;
	}
	view_notice(&dg->cl->vw, "These were not the same.");
	dialog_show_menu(dg);
}

static void dialog_take_invite(dialog *dg, std::string_view line)
{
	dg->pending.invite = line;
	if (!line.empty()) {
		dialog_register(dg);
		return;
	}
	dg->pending = command();
	dg->account.clear();
	dialog_show_menu(dg);
}

static void dialog_change_password(dialog *dg, const command &cm)
{
	if (!cm.name.empty()) {
		client_command(dg->cl, cm, 0);
		return;
	}
	dg->pending = command();
	dg->pending.verb = COMMAND_PASSWD;
	dialog_go(dg, DIALOG_OLD_PASSWORD, "old password: ", true);
}

static void dialog_keep_password(dialog *dg, const char *why)
{
	dg->pending = command();
	view_notice(&dg->cl->vw, std::string(why) + "The password stays as it was.");
	dialog_show_prompt(dg);
}

/* The old password, the new one, and the new one again. */
static void dialog_take_change(dialog *dg, std::string_view line)
{
	if (line.empty()) {
		dialog_keep_password(dg, "");
	} else if (dg->step == DIALOG_OLD_PASSWORD) {
		dg->pending.name = line;
		dialog_go(dg, DIALOG_NEW_PASSWORD, "new password: ", true);
	} else if (dg->step == DIALOG_NEW_PASSWORD) {
		dg->pending.text = line;
		dialog_go(dg, DIALOG_NEW_AGAIN, "new password again: ", true);
	} else if (dg->pending.text != line) {
		dialog_keep_password(dg, "These were not the same. ");
	} else {
		const command cm = std::exchange(dg->pending, command());
		dialog_show_prompt(dg);
		client_command(dg->cl, cm, 0);
	}
}

/* A message is shown in another way than it was typed. */
static void dialog_say(dialog *dg, const command &cm)
{
	const bool has_target = cm.verb != COMMAND_PLAIN || dg->cl->tk.with.id > 0;

	if (has_target && client_runs_at_once(dg->cl, cm))
		screen_erase_entered(dg->sc);
	client_command(dg->cl, cm, 0);
}

static bool dialog_is_message(command_verb verb)
{
	return verb == COMMAND_PLAIN || verb == COMMAND_CHAT || verb == COMMAND_GROUP_CHAT || verb == COMMAND_REPLY;
}

static void dialog_run(dialog *dg, command cm)
{
	const bool says = cm.verb == COMMAND_CHAT || cm.verb == COMMAND_GROUP_CHAT;

	/* Without a text it enters the conversation. */
	if (says && cm.text.empty())
		cm.verb = COMMAND_WITH;
	switch (cm.verb) {
	case COMMAND_BLANK: break;
	case COMMAND_PLAIN:
	case COMMAND_CHAT:
	case COMMAND_GROUP_CHAT:
	case COMMAND_REPLY: dialog_say(dg, cm); break;
	case COMMAND_HELP: view_text(&dg->cl->vw, command_help(cm.text)); break;
	case COMMAND_QUIT: dialog_end(dg); break;
	case COMMAND_LOGIN:
	case COMMAND_REGISTER: view_notice(&dg->cl->vw, "Log out first."); break;
	case COMMAND_PASSWD: dialog_change_password(dg, cm); break;
	case COMMAND_WAIT: view_notice(&dg->cl->vw, "That is for scripts."); break;
	default: client_command(dg->cl, cm, 0);
	}
}

/* Before a conversation is entered, a command of scripts is no text that somebody would get. */
static command dialog_read_command(const dialog *dg, std::string_view line)
{
	const bool in_talk = client_is_in_talk(dg->cl);
	const command typed = command_read_typed(line, in_talk), meant = command_read(line);

	if (in_talk || typed.verb != COMMAND_PLAIN || meant.verb == COMMAND_PLAIN)
		return typed;
	if (meant.verb == COMMAND_LOGIN || meant.verb == COMMAND_REGISTER)
		return meant;
	view_notice(&dg->cl->vw, "A command begins with a slash; /help lists them.");
	return {};
}

static void dialog_take_command(dialog *dg, std::string_view line)
{
	const command cm = dialog_read_command(dg, line);

	if (cm.verb != COMMAND_BLANK && cm.verb != COMMAND_LOGIN && cm.verb != COMMAND_REGISTER &&
	    cm.verb != COMMAND_PASSWD)
		screen_remember(dg->sc, line);
	dialog_run(dg, cm);
}

static void dialog_take_meanwhile(dialog *dg, std::string_view line)
{
	const command_verb verb = command_read(line).verb;

	if (verb == COMMAND_QUIT)
		dialog_end(dg);
	else if (verb != COMMAND_BLANK)
		view_notice(&dg->cl->vw, "Not logged in yet; /quit leaves.");
}

static size_t dialog_count_lines(std::string_view text)
{
	size_t lines = 1;

	for (const char c : text)
		lines += c == '\n' ? 1 : 0;
	return lines;
}

bool dialog_take_paste(dialog *dg, std::string_view lines)
{
	const place with = dg->cl->tk.with;

	if (dg->step != DIALOG_COMMANDS || with.id == 0)
		return false;
	dg->paste = lines;
	dg->paste_to = with;
	view_text(&dg->cl->vw, text_harmless(lines.substr(0, lines.find('\n')), false) + " ...");
	dialog_go(dg, DIALOG_PASTE,
	          "Send these " + std::to_string(dialog_count_lines(lines)) + " lines to " +
	                  text_harmless(client_name_of(dg->cl, with), false) + "? [y/N] ",
	          false);
	return true;
}

/* Each line is a message to the conversation that was asked about, whatever it begins with. */
static void dialog_send_paste(dialog *dg, std::string_view answer)
{
	std::string lines = std::exchange(dg->paste, {}) + "\n";

	dialog_show_prompt(dg);
	if (answer != "y" && answer != "Y" && answer != "yes") {
		view_notice(&dg->cl->vw, "Not sent.");
		return;
	}
	for (size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n')) {
		command cm;
		cm.verb = dg->paste_to.is_group ? COMMAND_GROUP_CHAT : COMMAND_CHAT;
		cm.id = static_cast<uint64_t>(dg->paste_to.id);
		cm.text = lines.substr(0, end);
		lines.erase(0, end + 1);
		if (!cm.text.empty())
			client_command(dg->cl, cm, 0);
	}
}

void dialog_typed(dialog *dg, std::string_view line)
{
	dg->warned = false;
	if (dg->step == DIALOG_COMMANDS && command_read_typed(line, client_is_in_talk(dg->cl)).verb == COMMAND_PLAIN)
		client_tell_writing(dg->cl);
}

void dialog_interrupt(dialog *dg)
{
	if (dg->warned || dg->leaving) {
		dialog_end(dg);
		return;
	}
	dg->warned = true;
	if (dg->step == DIALOG_PASTE) {
		dg->paste.clear();
		dialog_show_prompt(dg);
	}
	view_notice(&dg->cl->vw, "Ctrl-C once more leaves.");
}

void dialog_take_line(dialog *dg, std::string_view typed)
{
	const std::string_view line = text_without_mark(typed);

	dg->warned = false;
	client_wake(dg->cl);
	switch (dg->step) {
	case DIALOG_MENU: dialog_take_choice(dg, line); break;
	case DIALOG_LOGIN_NAME: dialog_take_account(dg, line); break;
	case DIALOG_REGISTER_NAME: dialog_take_name(dg, line); break;
	case DIALOG_LOGIN_PASSWORD:
	case DIALOG_REGISTER_PASSWORD: dialog_take_password(dg, line); break;
	case DIALOG_REGISTER_AGAIN: dialog_take_again(dg, line); break;
	case DIALOG_REGISTER_INVITE: dialog_take_invite(dg, line); break;
	case DIALOG_OLD_PASSWORD:
	case DIALOG_NEW_PASSWORD:
	case DIALOG_NEW_AGAIN: dialog_take_change(dg, line); break;
	case DIALOG_PASTE: dialog_send_paste(dg, line); break;
	case DIALOG_REGISTER_WAIT:
	case DIALOG_LOGIN_WAIT: dialog_take_meanwhile(dg, line); break;
	case DIALOG_COMMANDS: dialog_take_command(dg, line); break;
	}
	client_turn(dg->cl);
}

void dialog_end(dialog *dg)
{
	if (dg->leaving || !client_is_owed(dg->cl)) {
		for (const outbox_entry &entry : dg->cl->ob.entries)
			if (!entry.text.empty())
				view_notice(&dg->cl->vw, "Not sent: " + entry.text);
		for (const client_held &one : dg->cl->held)
			if (dialog_is_message(one.cm.verb) && !one.cm.text.empty())
				view_notice(&dg->cl->vw, "Not sent: " + one.cm.text);
		screen_close(dg->sc);
		(void)event_base_loopbreak(dg->cl->base);
		return;
	}
	dg->leaving = true;
	view_notice(&dg->cl->vw, "Waiting for what is not acknowledged yet; once more to leave at once.");
	client_finish(dg->cl, dialog_patience);
}

/* What the user types to log in again. A name of digits would be read as the number of another account. */
static std::string dialog_typed_account(const session &se)
{
	uint64_t number;

	return text_to_id(se.name, &number) ? std::to_string(se.id) : se.name;
}

void dialog_session_changed(dialog *dg)
{
	if (dg->cl->se.state == SESSION_IN) {
		dg->account = dialog_typed_account(dg->cl->se);
		state_keep({dg->cl->cn.to, dg->account, dg->cl->opts->ca});
		dialog_show_prompt(dg);
	} else if (!dg->cl->password_of.empty()) {
		dg->pending = command();
		dg->pending.verb = COMMAND_LOGIN;
		dialog_take_account(dg, dg->cl->password_of);
	} else {
		dialog_show_menu(dg);
	}
}

/* As it will be printed when it is stored. */
static std::string dialog_tell_unsent(const client *cl, const outbox_entry &entry)
{
	const std::string to =
		client_name_of(cl, {.is_group = entry.is_group, .id = static_cast<int64_t>(entry.target)});
	const std::string who = entry.is_group ? "[" + to + "] " + cl->se.name : cl->se.name + " -> " + to;

	return "(sending) " + text_harmless(who + ": " + entry.text, false);
}

/* What is not stored yet, and who is writing. */
static std::vector<std::string> dialog_make_status(dialog *dg)
{
	static const size_t most = 5;
	client *const cl = dg->cl;
	std::vector<std::string> lines;
	size_t hidden = 0;

	for (const outbox_entry &entry : cl->ob.entries) {
		const bool is_message = entry.verb == COMMAND_CHAT || entry.verb == COMMAND_GROUP_CHAT;
		if (is_message && lines.size() < most)
			lines.push_back(dialog_tell_unsent(cl, entry));
		else if (is_message)
			hidden++;
	}
	if (hidden > 0)
		lines.push_back("(sending) and " + std::to_string(hidden) + " more");
	if (lines.empty() && cl->tk.with.id > 0 && !cl->tk.with.is_group &&
	    talks_is_seen(talks_find(&cl->tk, cl->tk.with)))
		lines.push_back("(read by " + text_harmless(client_name_of(cl, cl->tk.with), false) + ")");
	talks_drop_writers(&cl->tk, text_steady_clock());
	for (const talk_writer &one : cl->tk.writers) {
		const std::string where = one.at.is_group ? " in " + client_name_of(cl, one.at) : std::string();
		if (lines.size() < 2 * most)
			lines.push_back(text_harmless(
				client_name_of(cl, {.is_group = false, .id = one.id}) + " is typing" + where, false));
	}
	return lines;
}

void dialog_refresh(dialog *dg)
{
	if (dg->cl->shows_unsent)
		screen_set_status(dg->sc, dialog_make_status(dg));
	if (dg->step == DIALOG_COMMANDS && dialog_make_prompt(dg) != dg->sc->prompt)
		dialog_show_prompt(dg);
}

void dialog_open(dialog *dg, client *cl, screen *sc)
{
	dg->cl = cl;
	dg->sc = sc;
	const state_last last = state_read();
	if (address_key(last.to) == address_key(cl->cn.to))
		dg->account = last.account;
	dialog_show_menu(dg);
}
