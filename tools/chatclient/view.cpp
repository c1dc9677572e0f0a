/* SPDX-License-Identifier: MIT
 * The text of each event: coloured sentences for people, tab-separated lines for scripts. */
#include "view.h"

#include <initializer_list>

#include <chatserverd/msgid.h>

#include "text.h"

static const char *const view_dim = "2";
static const char *const view_red = "31";
static const char *const view_yellow = "33";
static const char *const view_bold = "1";

static std::string view_paint(const view *vw, const char *colour, std::string_view text)
{
	if (!vw->colour)
		return std::string(text);
	return std::string("\033[") + colour + "m" + std::string(text) + "\033[0m";
}

static std::string view_number(int64_t number)
{
	return number <= 0 ? "-" : std::to_string(number);
}

/* Prints a line for scripts. */
static void view_fields(const view *vw, std::initializer_list<std::string_view> fields)
{
	std::string line;

	for (const std::string_view &field : fields) {
		if (&field != fields.begin())
			line += '\t';
		line += text_harmless(field, true);
	}
	vw->print(vw->arg, line);
}

/* A coloured name; an account always has the same colour. */
static std::string view_name(const view *vw, std::string_view name, int64_t id)
{
	static const char *const colours[] = {"1;32", "1;33", "1;34", "1;35", "1;36", "1;92", "1;94", "1;95"};
	const std::string number = view_number(id);
	const std::string shown = name.empty() ? "account " + number : text_harmless(name, false) + " (" + number + ")";

	return view_paint(vw, colours[static_cast<uint64_t>(id) % std::size(colours)], shown);
}

static std::string view_group_name(const view *vw, std::string_view name, int64_t id)
{
	const std::string number = view_number(id);

	return view_paint(vw, view_bold,
	                  name.empty() ? "group " + number : text_harmless(name, false) + " (" + number + ")");
}

/* Hours and minutes, and the day if it is not today. */
static std::string view_time(const view *vw, const std::string &time)
{
	const std::string today = text_from_time(text_wall_clock()).substr(0, 10);
	const bool complete = time.size() >= 16;
	const std::string_view shown = std::string_view(time).substr(0, 16);

	return view_paint(vw, view_dim,
	                  text_harmless(complete && shown.starts_with(today) ? shown.substr(11) : shown, false));
}

void view_connected(const view *vw, const std::string &host, const std::string &port)
{
	if (vw->plain)
		view_fields(vw, {"connected", host, port});
	else
		view_notice(vw, "Connected to " + host + ", port " + port + ".");
}

void view_disconnected(const view *vw, const char *reason, bool rests)
{
	if (vw->plain)
		view_fields(vw, {"disconnected", reason});
	else
		view_notice(vw, std::string("No connection (") + reason + "). " +
		                        (rests ? "The next line connects again." : "Trying again..."));
}

void view_registered(const view *vw, int64_t id)
{
	if (vw->plain)
		view_fields(vw, {"registered", view_number(id)});
	else
		view_heading(vw, "Registered. Your account number is " + view_number(id) + ": log in with it.");
}

void view_logged_in(const view *vw, int64_t id, std::string_view name, bool again)
{
	if (vw->plain)
		view_fields(vw, {"logged-in", view_number(id), name});
	else if (again)
		view_notice(vw, "Logged in again.");
	else
		vw->print(vw->arg, "Logged in as " + view_name(vw, name, id) + ". /help lists the commands.");
}

void view_friend(const view *vw, const person &who)
{
	if (vw->plain)
		view_fields(vw, {"friend", view_number(who.id), who.name, who.state});
	else
		vw->print(vw->arg, "  " + view_name(vw, who.name, who.id) + " " +
		                           view_paint(vw, view_dim, text_harmless(who.state, false)));
}

static void view_group_plain(const view *vw, const group_info &group)
{
	view_fields(vw, {"group", view_number(group.id), group.name, group.description});
	for (const person &who : group.members)
		view_fields(vw, {"member", view_number(group.id), view_number(who.id), who.name, who.state, who.role});
}

void view_group(const view *vw, const group_info &group)
{
	if (vw->plain) {
		view_group_plain(vw, group);
		return;
	}
	vw->print(vw->arg,
	          "  " + view_group_name(vw, group.name, group.id) + " " + text_harmless(group.description, false));
	for (const person &who : group.members)
		vw->print(vw->arg,
		          "    " + view_name(vw, who.name, who.id) + " " +
		                  view_paint(vw, view_dim,
		                             text_harmless(who.state + (who.role == "creator" ? ", creator" : ""),
		                                           false)));
}

static void view_message_plain(const view *vw, const view_message_parts &parts)
{
	if (parts.is_group)
		view_fields(vw, {"group-message", view_number(parts.group), view_number(parts.id), parts.name,
		                 view_number(parts.seq), parts.time, parts.text});
	else
		view_fields(vw, {"message", view_number(parts.id), parts.name, view_number(parts.seq), parts.time,
		                 parts.text});
}

void view_message(const view *vw, const view_message_parts &parts)
{
	if (vw->plain) {
		view_message_plain(vw, parts);
		return;
	}
	std::string line = view_time(vw, parts.time) + " ";
	if (parts.is_group)
		line += "[" + view_group_name(vw, parts.group_name, parts.group) + "] ";
	vw->print(vw->arg, line + view_name(vw, parts.name, parts.id) + ": " + text_harmless(parts.text, false));
}

void view_own_message(const view *vw, const view_message_parts &parts, std::string_view own_name)
{
	if (vw->plain)
		return;
	const std::string to = parts.is_group ? view_group_name(vw, parts.group_name, parts.group)
	                                      : view_name(vw, parts.name, parts.id);
	vw->print(vw->arg, view_time(vw, parts.time) + " " + view_paint(vw, view_bold, text_harmless(own_name, false)) +
	                           " -> " + to + ": " + text_harmless(parts.text, false));
}

static void view_done_plain(const view *vw, command_verb verb, int64_t id, int64_t seq)
{
	if (verb == COMMAND_CHAT || verb == COMMAND_GROUP_CHAT)
		view_fields(vw, {"ok", command_word(verb), view_number(id), view_number(seq)});
	else
		view_fields(vw, {"ok", command_word(verb), view_number(id)});
}

void view_done(const view *vw, command_verb verb, int64_t id, int64_t seq, std::string_view name)
{
	if (vw->plain)
		view_done_plain(vw, verb, id, seq);
	else if (verb == COMMAND_ADD_FRIEND)
		vw->print(vw->arg, view_name(vw, name, id) + " is on your list of friends.");
	else if (verb == COMMAND_CREATE_GROUP)
		vw->print(vw->arg, "You made " + view_group_name(vw, name, id) + ".");
	else if (verb == COMMAND_JOIN_GROUP)
		vw->print(vw->arg, "You are in " + view_group_name(vw, name, id) + ".");
	else if (verb == COMMAND_LOGOUT)
		vw->print(vw->arg, "Logged out.");
}

/* The server's text may name members of the frame, which the user has not seen. So these errors get their own text. */
static std::string view_explain(int64_t error, std::string_view text)
{
	if (error == CS_ERRNO_NO_SUCH_USER)
		return "there is no such account";
	if (error == CS_ERRNO_NO_SUCH_GROUP)
		return "there is no such group";
	return text.empty() ? "refused, error " + view_number(error) : text_harmless(text, false);
}

void view_refused(const view *vw, command_verb verb, int64_t id, std::string_view name, int64_t error,
                  std::string_view text)
{
	if (vw->plain) {
		view_fields(vw, {"refused", command_word(verb), view_number(id), view_number(error), text});
		return;
	}
	std::string line = command_word(verb);
	if (!name.empty())
		line += " " + text_harmless(name, false);
	else if (id > 0)
		line += " " + view_number(id);
	line += ": ";
	line += view_explain(error, text);
	vw->print(vw->arg, view_paint(vw, view_red, line));
}

void view_invalid(const view *vw, uint64_t number, std::string_view problem)
{
	if (vw->plain)
		view_fields(vw, {"invalid", std::to_string(number), problem});
	else
		vw->print(vw->arg, view_paint(vw, view_red, text_harmless(problem, false)));
}

void view_notice(const view *vw, std::string_view text)
{
	if (!vw->plain)
		vw->print(vw->arg, view_paint(vw, view_yellow, text_harmless(text, false)));
}

void view_heading(const view *vw, std::string_view text)
{
	if (!vw->plain)
		vw->print(vw->arg, view_paint(vw, view_bold, text_harmless(text, false)));
}

void view_text(const view *vw, std::string_view lines)
{
	while (!lines.empty()) {
		const size_t end = lines.find('\n');
		vw->print(vw->arg, lines.substr(0, end));
		lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
	}
}
