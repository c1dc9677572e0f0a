/* SPDX-License-Identifier: MIT
 * The numbers of the wire: every msgid with its name and direction, every errno with its name. */
#ifndef CHATSERVERD_MSGID_H
#define CHATSERVERD_MSGID_H

/* X(NAME, number, direction): C is sent by clients, S by the server, B by both, O by operators (see core.control in
 * chat.conf(5)). 900 to 919 are the verbs of the server itself, 920 to 999 those of its plugins. */
#define CS_MSGID_LIST(X)                                                                                               \
	X(LOGIN, 1, C)                                                                                                 \
	X(LOGIN_ACK, 2, S)                                                                                             \
	X(LOGOUT, 3, C)                                                                                                \
	X(REGISTER, 4, C)                                                                                              \
	X(REGISTER_ACK, 5, S)                                                                                          \
	X(CHAT, 6, B)                                                                                                  \
	X(ADD_FRIEND, 7, C)                                                                                            \
	X(CREATE_GROUP, 8, C)                                                                                          \
	X(JOIN_GROUP, 9, C)                                                                                            \
	X(GROUP_CHAT, 10, B)                                                                                           \
	X(ACK, 100, S)                                                                                                 \
	X(PING, 102, C)                                                                                                \
	X(PONG, 103, S)                                                                                                \
	X(DELIVERED, 104, C)                                                                                           \
	X(HISTORY, 105, C)                                                                                             \
	X(INBOX, 106, C)                                                                                               \
	X(DEVICES, 110, C)                                                                                             \
	X(END_DEVICE, 111, C)                                                                                          \
	X(SET_PASSWORD, 112, C)                                                                                        \
	X(READ, 120, B)                                                                                                \
	X(SIGNAL, 122, B)                                                                                              \
	X(PRESENCE, 123, S)                                                                                            \
	X(NOTICE, 124, S)                                                                                              \
	X(SET_CONTACT, 131, C)                                                                                         \
	X(CONTACTS, 132, C)                                                                                            \
	X(FIND_USER, 133, C)                                                                                           \
	X(ADDED, 134, S)                                                                                               \
	X(REMOVE_MEMBER, 141, B)                                                                                       \
	X(SET_ROLE, 142, B)                                                                                            \
	X(SET_GROUP, 143, B)                                                                                           \
	X(MEMBERS, 144, C)                                                                                             \
	X(INVITE, 145, B)                                                                                              \
	X(MUTE, 146, B)                                                                                                \
	X(EDIT, 160, B)                                                                                                \
	X(RECALL, 161, B)                                                                                              \
	X(SET_PUSH, 170, C)                                                                                            \
	X(PUSHES, 171, C)                                                                                              \
	X(STATUS, 900, O)                                                                                              \
	X(WORKERS, 901, O)                                                                                             \
	X(SESSIONS, 902, O)                                                                                            \
	X(KICK, 903, O)                                                                                                \
	X(PLUGINS, 904, O)                                                                                             \
	X(ROUTES, 905, O)                                                                                              \
	X(LOG, 906, O)                                                                                                 \
	X(DRAIN, 907, O)                                                                                               \
	X(RELOAD, 908, O)                                                                                              \
	X(LIMITS, 909, O)                                                                                              \
	X(NOTIFY, 910, O)                                                                                              \
	X(ACCOUNT_ADD, 920, O)                                                                                         \
	X(ACCOUNT_PASSWORD, 921, O)                                                                                    \
	X(ACCOUNT_LOCK, 922, O)                                                                                        \
	X(ACCOUNT_UNLOCK, 923, O)                                                                                      \
	X(ACCOUNT_LIST, 924, O)                                                                                        \
	X(ACCOUNT_SHOW, 925, O)                                                                                        \
	X(ACCOUNT_EXPORT, 926, O)                                                                                      \
	X(ACCOUNT_ERASE, 927, O)                                                                                       \
	X(GROUP_LIST, 930, O)                                                                                          \
	X(GROUP_SHOW, 931, O)                                                                                          \
	X(GROUP_DISSOLVE, 932, O)                                                                                      \
	X(GROUP_KEEP, 933, O)                                                                                          \
	X(GROUP_MUTE, 934, O)                                                                                          \
	X(INVITE_CREATE, 940, O)                                                                                       \
	X(INVITE_LIST, 941, O)                                                                                         \
	X(INVITE_REVOKE, 942, O)                                                                                       \
	X(BAN, 943, O)                                                                                                 \
	X(UNBAN, 944, O)                                                                                               \
	X(BANS, 945, O)                                                                                                \
	X(PURGE, 950, O)                                                                                               \
	X(BACKUP, 951, O)                                                                                              \
	X(CHECK, 952, O)                                                                                               \
	X(EXPORT, 953, O)                                                                                              \
	X(IMPORT, 954, O)                                                                                              \
	X(BOT_ADD, 960, O)                                                                                             \
	X(BOT_LIST, 961, O)                                                                                            \
	X(BOT_REMOVE, 962, O)                                                                                          \
	X(BOT_SECRET, 963, O)                                                                                          \
	X(BOT_TOKEN, 964, O)

/* X(NAME, number, when) : the errno of ACK (msgid 100). 1 and 2 belong to LOGIN_ACK and REGISTER_ACK. */
#define CS_ERRNO_LIST(X)                                                                                               \
	X(OK, 0, "done")                                                                                               \
	X(REFUSED, 1, "LOGIN_ACK: no such id or wrong password, or locked; REGISTER_ACK: name taken or refused")       \
	X(ALREADY_ONLINE, 2, "LOGIN_ACK: this account is already online")                                              \
	X(NOT_LOGGED_IN, 3, "the request needs a login")                                                               \
	X(BAD_FRAME, 4, "the frame is refused; errmsg says what and where")                                            \
	X(UNKNOWN_MSGID, 5, "no plugin handles it")                                                                    \
	X(NO_SUCH_USER, 6, "toid, friendid, account or name names nobody")                                             \
	X(NO_SUCH_GROUP, 7, "groupid names no group")                                                                  \
	X(NOT_ALLOWED, 8, "not this connection's account; no member of the group; unwanted")                           \
	X(EXISTS, 9, "the group name is taken; already a member")                                                      \
	X(BUSY, 10, "a limit of this connection or this node is reached; try again later")                             \
	X(UNAVAILABLE, 11, "the store does not answer")                                                                \
	X(TOO_LONG, 12, "a name, password, description or frame over its limit")                                       \
	X(GOING_AWAY, 13, "this node is draining; connect again")                                                      \
	X(NO_SUCH_MESSAGE, 14, "of names no message of this conversation")                                             \
	X(TOO_LATE, 15, "the message is too old to be edited or recalled")                                             \
	X(FULL, 16, "a limit of contacts, of groups, of a group's members or of devices is reached")

enum cs_msgid {
#define X(name, number, direction) CS_MSGID_##name = number,
	CS_MSGID_LIST(X)
#undef X
};

enum cs_errno {
#define X(name, number, when) CS_ERRNO_##name = number,
	CS_ERRNO_LIST(X)
#undef X
};

/* The largest id, seq and req of the wire: 2^53 - 1 (RFC 8259 section 6, interoperable integers). */
#define CS_INTEGER_MAX INT64_C(9007199254740991)

#endif
