/* SPDX-License-Identifier: MIT
 * The text of each event: coloured sentences for people, tab-separated lines for scripts. */
#ifndef CHATCLIENT_VIEW_H
#define CHATCLIENT_VIEW_H

#include <cstdint>
#include <string>
#include <string_view>

#include "command.h"
#include "protocol.h"

struct view {
	bool plain = true;
	bool colour = false;
	void (*print)(void *arg, std::string_view line) = nullptr; /* one line, without its end */
	void (*ring)(void *arg) = nullptr; /* nullptr: no bell */
	void *arg = nullptr;
};

/* A message to show. All parts but time come from others; dangerous characters are removed here. */
struct view_message_parts {
	bool is_group = false;
	bool is_numbered = false; /* of the history */
	bool is_edited = false;
	bool is_recalled = false;
	int64_t group = -1;
	std::string group_name; /* empty: not known */
	int64_t id = -1; /* the sender; for one's own message to an account: the receiver */
	std::string name;
	int64_t seq = -1;
	std::string time; /* YYYY-MM-DD HH:MM:SS */
	std::string text;
};

/* A conversation in the list of them. */
struct view_conversation_parts {
	bool is_group = false;
	bool is_invitation = false;
	bool is_seen = false; /* its last message is the user's, and the other one has read it */
	int64_t id = -1;
	std::string name;
	std::string state; /* of the other account */
	int64_t unread = 0;
	int64_t seq = -1;
	std::string time; /* of its last message; - where there is none */
	std::string sender;
	std::string text;
	std::string role; /* of the user in the group */
	int64_t members = -1;
};

/* Somebody whom the user knows. */
struct view_contact_parts {
	int64_t id = -1;
	std::string name;
	std::string state;
	bool is_friend = false;
	bool friend_of = false;
	bool is_blocked = false;
};

void view_connected(const view *vw, const std::string &host, const std::string &port);
/* rests: the client connects again only after the next command. */
void view_disconnected(const view *vw, const char *reason, bool rests);
void view_registered(const view *vw, int64_t id);
void view_logged_in(const view *vw, int64_t id, std::string_view name, bool again);
void view_friend(const view *vw, const person &who);
/* Shows the group and its members below it. */
void view_group(const view *vw, const group_info &group);
void view_member(const view *vw, int64_t group, const person &who);
void view_conversation(const view *vw, const view_conversation_parts &parts);
/* A group in the list of groups. For people only. */
void view_group_of_list(const view *vw, const view_conversation_parts &parts);
void view_contact(const view *vw, const view_contact_parts &parts);
/* seen: when it was there last. An empty name: the one without a name. */
void view_device(const view *vw, std::string_view name, bool is_this, bool online, const std::string &seen);
/* Something that happened in a conversation, or to a person: for people only. group_name: empty for none. */
void view_event(const view *vw, const std::string &time, std::string_view group_name, std::string_view text);
/* Something that the user does not look at has come. */
void view_bell(const view *vw);
/* A frame, as it came. */
void view_raw(const view *vw, std::string_view text);
void view_message(const view *vw, const view_message_parts &parts);
/* A message that the user at the terminal sends. Scripts know their own messages, so for them nothing is printed. */
void view_own_message(const view *vw, const view_message_parts &parts, std::string_view own_name);
/* A request is acknowledged. id: of the account or group; seq -1: none. name: of the account, group or device, if it is
 * known. */
void view_done(const view *vw, command_verb verb, int64_t id, int64_t seq, std::string_view name);
/* name: of the account or group, if known. text: why, in words that depend on whom it is for. */
void view_refused(const view *vw, command_verb verb, int64_t id, std::string_view name, int64_t error,
                  std::string_view text);
/* A line of input that is no command, or not allowed now. number: of the line, from 1. */
void view_invalid(const view *vw, uint64_t number, std::string_view problem);
/* For people only. */
void view_notice(const view *vw, std::string_view text);
void view_heading(const view *vw, std::string_view text);
/* Prints several lines unchanged, for people and scripts. */
void view_text(const view *vw, std::string_view lines);

#endif
