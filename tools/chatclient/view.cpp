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

static const char *view_colour(int64_t id)
{
	static const char *const colours[] = {"1;32", "1;33", "1;34", "1;35", "1;36", "1;92", "1;94", "1;95"};

	return colours[static_cast<uint64_t>(id) % std::size(colours)];
}

/* A coloured name; an account always has the same colour. */
static std::string view_name(const view *vw, std::string_view name, int64_t id)
{
	return view_paint(vw, view_colour(id),
	                  name.empty() ? "account " + view_number(id) : text_harmless(name, false));
}

/* With its number, by which others reach it. */
static std::string view_name_and_number(const view *vw, std::string_view name, int64_t id)
{
	return view_name(vw, name, id) + (name.empty() ? std::string() : " (" + view_number(id) + ")");
}

static std::string view_group_name(const view *vw, std::string_view name, int64_t id)
{
	return view_paint(vw, view_bold, name.empty() ? "group " + view_number(id) : text_harmless(name, false));
}

static std::string view_group_and_number(const view *vw, std::string_view name, int64_t id)
{
	return view_group_name(vw, name, id) + (name.empty() ? std::string() : " (" + view_number(id) + ")");
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
		view_heading(vw, "Registered. Your account number is " + view_number(id) + ".");
}

void view_logged_in(const view *vw, int64_t id, std::string_view name, bool again)
{
	if (vw->plain)
		view_fields(vw, {"logged-in", view_number(id), name});
	else if (again)
		view_notice(vw, "Logged in again.");
	else
		vw->print(vw->arg,
		          "Logged in as " + view_name_and_number(vw, name, id) + ". /help lists the commands.");
}

void view_friend(const view *vw, const person &who)
{
	if (vw->plain)
		view_fields(vw, {"friend", view_number(who.id), who.name, who.state});
	else
		vw->print(vw->arg, "  " + view_name_and_number(vw, who.name, who.id) + " " +
		                           view_paint(vw, view_dim, text_harmless(who.state, false)));
}

static void view_group_plain(const view *vw, const group_info &group)
{
	view_fields(vw, {"group", view_number(group.id), group.name, group.description});
	for (const person &who : group.members)
		view_member(vw, group.id, who);
}

void view_group(const view *vw, const group_info &group)
{
	if (vw->plain) {
		view_group_plain(vw, group);
		return;
	}
	vw->print(vw->arg, "  " + view_group_and_number(vw, group.name, group.id) + " " +
	                           text_harmless(group.description, false));
	for (const person &who : group.members)
		view_member(vw, group.id, who);
}

void view_member(const view *vw, int64_t group, const person &who)
{
	const std::string role = who.role.empty() || who.role == "normal" ? std::string() : ", " + who.role;

	if (vw->plain)
		view_fields(vw, {"member", view_number(group), view_number(who.id), who.name, who.state, who.role});
	else
		vw->print(vw->arg, "    " + view_name(vw, who.name, who.id) + " " +
		                           view_paint(vw, view_dim, text_harmless(who.state + role, false)));
}

static void view_conversation_plain(const view *vw, const view_conversation_parts &parts)
{
	view_fields(vw, {"conversation",
	                 parts.is_invitation ? "invitation"
	                 : parts.is_group    ? "group"
	                                     : "account",
	                 view_number(parts.id), parts.name, std::to_string(parts.unread), view_number(parts.seq),
	                 parts.time, parts.sender, parts.text});
}

static std::string view_shorten(const std::string &text)
{
	static const size_t most = 40;
	const std::string_view shown = text_cut(text, most);

	return std::string(shown) + (shown.size() < text.size() ? "..." : "");
}

void view_conversation(const view *vw, const view_conversation_parts &parts)
{
	if (vw->plain) {
		view_conversation_plain(vw, parts);
		return;
	}
	std::string line = "  " + (parts.is_group ? "#" + view_group_name(vw, parts.name, parts.id)
	                                          : view_name(vw, parts.name, parts.id));
	if (parts.is_invitation)
		line += " invites you; /accept or /decline";
	if (parts.state == "online")
		line += " " + view_paint(vw, view_dim, "online");
	if (parts.unread > 0)
		line += " " + view_paint(vw, view_yellow, std::to_string(parts.unread) + " unread");
	if (parts.seq > 0 && parts.time != "-")
		line += "  " + view_time(vw, parts.time) + " " + text_harmless(parts.sender, false) + ": " +
		        (parts.text.empty() ? "(empty)" : view_shorten(text_harmless(parts.text, false)));
	if (parts.is_seen)
		line += view_paint(vw, view_dim, " (read)");
	vw->print(vw->arg, line);
}

void view_group_of_list(const view *vw, const view_conversation_parts &parts)
{
	std::string about = parts.is_invitation ? "invites you; /accept or /decline" : parts.role;

	if (parts.members > 0 && !parts.is_invitation)
		about += ", " + std::to_string(parts.members) + (parts.members == 1 ? " member" : " members");
	vw->print(vw->arg, "  #" + view_group_and_number(vw, parts.name, parts.id) + " " +
	                           view_paint(vw, view_dim, text_harmless(about, false)));
}

static const char *view_word(bool value)
{
	return value ? "yes" : "no";
}

void view_contact(const view *vw, const view_contact_parts &parts)
{
	if (vw->plain) {
		view_fields(vw, {"contact", view_number(parts.id), parts.name, parts.state, view_word(parts.is_friend),
		                 view_word(parts.friend_of), view_word(parts.is_blocked)});
		return;
	}
	std::string about = parts.state;
	if (parts.is_blocked)
		about += ", blocked";
	if (parts.friend_of)
		about += parts.is_friend ? ", has you on the list, too" : ", has you on the list; not on yours";
	else if (!parts.is_friend)
		about += ", not on your list";
	vw->print(vw->arg, "  " + view_name(vw, parts.name, parts.id) + " " +
	                           view_paint(vw, view_dim, text_harmless(about, false)));
}

void view_device(const view *vw, std::string_view name, bool is_this, bool online, const std::string &seen)
{
	if (vw->plain) {
		view_fields(vw, {"device", name.empty() ? "-" : name, online ? "online" : "offline", seen});
		return;
	}
	vw->print(vw->arg, "  " + (name.empty() ? "- (without a name)" : text_harmless(name, false)) + " " +
	                           view_paint(vw, view_dim,
	                                      is_this  ? "this one"
	                                      : online ? "online"
	                                               : "last seen " + seen));
}

void view_event(const view *vw, const std::string &time, std::string_view group_name, std::string_view text)
{
	if (vw->plain)
		return;
	std::string line = view_time(vw, time) + " ";
	if (!group_name.empty())
		line += "[" + view_paint(vw, view_bold, text_harmless(group_name, false)) + "] ";
	vw->print(vw->arg, line + view_paint(vw, view_dim, "* " + text_harmless(text, false)));
}

void view_bell(const view *vw)
{
	if (vw->ring)
		vw->ring(vw->arg);
}

void view_raw(const view *vw, std::string_view text)
{
	if (vw->plain)
		view_fields(vw, {"raw", text});
	else
		vw->print(vw->arg, text_harmless(text, false));
}

static void view_message_plain(const view *vw, const view_message_parts &parts)
{
	const std::string group = view_number(parts.group), id = view_number(parts.id), seq = view_number(parts.seq);

	if (parts.is_numbered)
		view_fields(vw, {"history", id, parts.name, seq, parts.time, parts.text,
		                 parts.is_recalled ? "recalled"
		                 : parts.is_edited ? "edited"
		                                   : "-"});
	else if (parts.is_group)
		view_fields(vw, {"group-message", group, id, parts.name, seq, parts.time, parts.text});
	else
		view_fields(vw, {"message", id, parts.name, seq, parts.time, parts.text});
}

/* What stands before the sender. */
static std::string view_message_head(const view *vw, const view_message_parts &parts)
{
	const std::string number = parts.is_numbered ? "#" + view_number(parts.seq) + " " : "";

	return view_paint(vw, view_dim, number) + view_time(vw, parts.time) + " ";
}

static std::string view_message_text(const view *vw, const view_message_parts &parts)
{
	if (parts.is_recalled)
		return view_paint(vw, view_dim, "(taken back)");
	if (parts.text.empty()) /* its account was erased */
		return view_paint(vw, view_dim, "(empty)");
	return text_harmless(parts.text, false) + (parts.is_edited ? view_paint(vw, view_dim, " (changed)") : "");
}

void view_message(const view *vw, const view_message_parts &parts)
{
	if (vw->plain) {
		view_message_plain(vw, parts);
		return;
	}
	std::string line = view_message_head(vw, parts);
	if (parts.is_group)
		line += "[" + view_group_name(vw, parts.group_name, parts.group) + "] ";
	vw->print(vw->arg, line + view_name(vw, parts.name, parts.id) + ": " + view_message_text(vw, parts));
}

void view_own_message(const view *vw, const view_message_parts &parts, std::string_view own_name)
{
	if (vw->plain)
		return;
	const std::string me = view_paint(vw, view_bold, text_harmless(own_name, false));
	const std::string who = parts.is_group ? "[" + view_group_name(vw, parts.group_name, parts.group) + "] " + me
	                                       : me + " -> " + view_name(vw, parts.name, parts.id);
	vw->print(vw->arg, view_message_head(vw, parts) + who + ": " + view_message_text(vw, parts));
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
		vw->print(vw->arg, "You made " + view_group_and_number(vw, name, id) + ".");
	else if (verb == COMMAND_JOIN_GROUP || verb == COMMAND_ACCEPT)
		vw->print(vw->arg, "You are in " + view_group_name(vw, name, id) + ".");
	else if (verb == COMMAND_DECLINE)
		vw->print(vw->arg, "You declined " + view_group_name(vw, name, id) + ".");
	else if (verb == COMMAND_UNFRIEND)
		vw->print(vw->arg, view_name(vw, name, id) + " is not on your list of friends.");
	else if (verb == COMMAND_END_DEVICE)
		vw->print(vw->arg, "Device " + text_harmless(name, false) + " is not logged in any more.");
	else if (verb == COMMAND_LEAVE)
		vw->print(vw->arg, "You left " + view_group_name(vw, name, id) + ".");
	else if (verb == COMMAND_BLOCK || verb == COMMAND_UNBLOCK)
		vw->print(vw->arg,
		          view_name(vw, name, id) + (verb == COMMAND_BLOCK ? " is blocked." : " is not blocked."));
	else if (verb == COMMAND_PASSWD)
		vw->print(vw->arg, "Your password is changed. Your other devices are logged out.");
	else if (verb == COMMAND_LOGOUT)
		vw->print(vw->arg, "Logged out.");
}

void view_refused(const view *vw, command_verb verb, int64_t id, std::string_view name, int64_t error,
                  std::string_view text)
{
	if (vw->plain) {
		view_fields(vw, {"refused", command_word(verb), view_number(id), view_number(error), text});
		return;
	}
	const bool says = verb == COMMAND_CHAT || verb == COMMAND_GROUP_CHAT;
	const std::string whom = !name.empty() ? text_harmless(name, false) : id > 0 ? view_number(id) : std::string();
	std::string line = says ? std::string() : command_title(verb);
	line += (says || whom.empty() ? "" : " ") + whom;
	line += ": " + text_harmless(text, false);
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
