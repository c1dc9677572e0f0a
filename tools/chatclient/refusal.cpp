/* SPDX-License-Identifier: MIT
 * Why the server refused something, in words for people: what is wrong, and what one may do instead. */
#include "refusal.h"

#include <chatserverd/msgid.h>

#include "text.h"

/* The server names members of the frame, which the user has not seen. */
struct refusal_words {
	const char *server;
	const char *here;
};

static const refusal_words refusal_texts[] = {
	{"not a member of the group", "you are not in that group; /join NAME joins it, if it is open"},
	{"hand the group over to another member first",
         "it is your group: hand it over first, by /role NAME creator, or remove the others"},
	{"account names no member of the group", "that is no member of the group; /members lists them"},
	{"you are banned from the group", "you are banned from that group until an admin invites you"},
	{"nobody joins the group without an invitation", "that group is closed: ask an admin of it for an invitation"},
	{"this account takes nothing from you", "this account takes nothing from you"},
	{"the group name is taken", "a group has that name already; choose another one"},
	{"of names no message that can be changed", "there is no such message here, or it was taken back"},
	{"the message is not yours", "that message is somebody else's"},
	{"the message is too old", "that message is too old to change"},
	{"no such id or wrong password", "there is no such account, or the password is wrong"},
	{"this token is not good (any more); log in with the password",
         "its time is over, the password was changed, or this device was logged out elsewhere"},
};

static std::string refusal_of_role(command_verb verb)
{
	if (verb == COMMAND_ROLE)
		return "only the creator of the group gives roles; /members shows who that is";
	if (verb == COMMAND_KICK || verb == COMMAND_BAN || verb == COMMAND_MUTE)
		return "that takes a higher role than the member has; /members shows the roles";
	if (verb == COMMAND_INVITE)
		return "the group is closed, so only its admins invite; /members shows them";
	return "only admins of the group may do that; /members shows them";
}

std::string refusal_explain(command_verb verb, int64_t error, std::string_view text, int64_t until)
{
	if (error == CS_ERRNO_NOT_ALLOWED && until > 0)
		return "you may not speak in this group until " + text_short_time(until);
	if (text == "your role in the group does not permit it")
		return refusal_of_role(verb);
	if (error == CS_ERRNO_EXISTS && (verb == COMMAND_JOIN_GROUP || verb == COMMAND_ACCEPT))
		return "you are in that group already; /with #NAME talks there";
	if (error == CS_ERRNO_EXISTS && verb == COMMAND_INVITE)
		return "that is a member already";
	for (const refusal_words &words : refusal_texts)
		if (text == words.server)
			return words.here;
	if (error == CS_ERRNO_UNKNOWN_MSGID)
		return "this server cannot do that";
	if (error == CS_ERRNO_NO_SUCH_USER)
		return "there is no such account";
	if (error == CS_ERRNO_NO_SUCH_GROUP)
		return "there is no such group";
	return text.empty() ? "refused, error " + std::to_string(error) : std::string(text);
}
