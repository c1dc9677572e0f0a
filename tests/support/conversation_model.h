/* SPDX-License-Identifier: MIT
 * What chatserverd-protocol(7) promises of conversations, as a model: accounts with devices, pairs, groups, their logs,
 * and for each session the frames that must come next. It shares no code with the server.
 *
 * Accounts, devices and conversations are named by their places in the vectors; device 0 is the one without a name. */
#ifndef TESTS_SUPPORT_CONVERSATION_MODEL_H
#define TESTS_SUPPORT_CONVERSATION_MODEL_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/client.h"

constexpr size_t conversation_nobody = 1000; /* an account that is not there */

/* One request; which members count depends on msgid. */
struct conversation_request {
	int msgid = 0;
	size_t actor = 0, device = 0;
	bool is_group = false;
	size_t to = 0; /* of a pair: toid or peer */
	int64_t group = 0; /* groupid */
	size_t account = 0; /* whom it is about; for MUTE conversation_nobody is account 0 */
	int64_t seq = 0; /* READ, DELIVERED; of EDIT and RECALL: of */
	std::string text, cid;
	bool gives_name = false, ban = false;
	std::string role;
	int64_t until = 0;
	std::optional<std::string> groupname, groupdesc, join, history;
	std::optional<bool> is_friend, blocked;
	std::string mode; /* HISTORY: "", before, after or around, with seq */
	int64_t limit = 50;
	std::string after; /* of a list: next of an answer, as JSON */
	int64_t req = 0;
	std::string bytes; /* as sent; see conversation_write */
	int64_t sent = 0, answered = 0; /* ms; the server did it in between */
};

/* What may be answered. */
struct conversation_verdict {
	std::set<int> errnos; /* PROTOCOL leaves open which of several reasons is told */
	bool adds = false; /* errno 0 comes with an entry */
	bool may_add = false; /* it may come with one */
	int64_t seq = 0; /* the repetition of a cid: that of the first */
};

struct conversation_entry {
	int64_t seq = 0;
	size_t actor = 0;
	uint64_t session = 0; /* that sent it */
	int msgid = 0;
	std::string bytes, text, name, cid;
	bool gives_name = false;
	int64_t group = 0; /* that CREATE_GROUP adds */
	bool is_message = false, is_stripped = false; /* an EDIT whose msg is gone */
	int64_t edited = 0, recalled = 0, last_edit = 0;
	int64_t ts = 0; /* 0: not seen yet */
	int64_t sent = 0, answered = 0; /* between which ts is */
	uint64_t stamp = 0; /* counts all entries */
};

/* An entry as it was, and the stamp of the newest entry then. */
struct conversation_former {
	conversation_entry entry;
	uint64_t stamp = 0;
};

struct conversation_member {
	bool in = false, banned = false;
	int role = 0; /* 0 normal, 1 admin, 2 creator */
	int64_t joined = 0, left = 0, muted = 0;
	int64_t changed = 0; /* ms; when it came or went last */
};

struct conversation {
	bool is_group = false, ended = false;
	size_t low = 0, high = 0; /* of a pair */
	int64_t group = 0;
	std::string name, description;
	bool invite_only = false, history_all = false;
	int64_t muted = 0;
	std::map<size_t, conversation_member> members;
	std::map<size_t, size_t> invited; /* -> by whom */
	std::map<size_t, int64_t> read, shown;
	std::vector<conversation_entry> entries;
};

/* A frame that a session must get, which is no entry. */
struct conversation_notice {
	int msgid = 0;
	std::string bytes, name;
	bool may_miss = false;
};

struct conversation_session {
	uint64_t number = 0; /* counts all sessions */
	bool in = false, ack = false, event = false, echo = false, read = false, signal = false, presence = false;
	/* Conversation -> the seqs to come, in order. */
	std::map<size_t, std::deque<int64_t>> due;
	std::map<size_t, std::set<int64_t>> may_miss; /* those of them that need not come */
	/* Conversation -> seqs of JOINs at which the session may go on, whatever is to come before: then nothing before
	 * that one comes any more. */
	std::map<size_t, std::set<int64_t>> begins;
	std::vector<conversation_notice> notices;
	std::map<std::pair<size_t, size_t>, int64_t> marks; /* conversation, reader: the last READ to come */
	std::map<size_t, int64_t> received; /* conversation -> the last seq */
	/* Account -> what the client knows of it, and when it was told, in ms. */
	std::map<size_t, std::string> known;
	std::map<size_t, int64_t> told;
};

struct conversation_device {
	std::string name;
	bool known = false;
	std::map<size_t, int64_t> cursors;
	/* What was received, and confirmed in an `ack` session. Between the two is what no session of the device was to
	 * get: the server may keep in mind that it passed over that, or not. */
	std::map<size_t, int64_t> floors;
	std::map<size_t, int64_t> starts; /* where it began */
	conversation_session session;
};

struct conversation_account {
	int64_t id = 0;
	std::string name;
	std::set<size_t> friends, blocked;
	/* Other account -> ms; when that was let in or shut out last, and when it was watched or hid last. */
	std::map<size_t, int64_t> lets_changed, watch_changed;
	bool was_online = false;
	int64_t came = 0, went = 0; /* ms */
	int64_t crashed = 0; /* ms; when its last session went with a killed node; else went says it */
	std::vector<conversation_device> devices;
};

struct conversation_model {
	size_t members_max = 4;
	bool refuses_strangers = false;
	bool catches_up = false; /* entries may be heard out of order, and then the log is read */
	int64_t edit_window = 900000, recall_window = 900000; /* ms */
	std::vector<conversation_account> accounts;
	std::vector<conversation> conversations;
	/* Conversation and seq -> an entry as it was before each change. It still comes so if it was sent before that:
	 * during the requests that are under way together, and where the session gets what it may miss, for which
	 * nobody has waited. */
	std::map<std::pair<size_t, int64_t>, std::vector<conversation_former>> former;
	bool are_together = false; /* requests are under way together */
	uint64_t together_from = 0; /* the stamp before the first of them */
	uint64_t stamps = 0, sessions = 0, delivered = 0, told = 0;
	/* Entries that may come back to the session that sent them, because it may read them from the log, and how many
	 * did. */
	uint64_t own_may_come = 0, own_came = 0;
};

/* ---- requests (conversation_rules.cpp) */
/* Sets bytes: the frame, without an end. */
void conversation_write(const conversation_model *m, conversation_request *r);
conversation_verdict conversation_judge(const conversation_model *m, const conversation_request &r);
/* The request was granted (conversation_grant.cpp). seq and groupid are the answer's, -1: none. Returns what is wrong
 * with it, "": nothing. */
std::string conversation_grant(conversation_model *m, const conversation_request &r, int64_t seq, int64_t groupid);
/* The place of a conversation, -1: none. */
int conversation_find(const conversation_model *m, const conversation_request &r);
int conversation_find_pair(const conversation_model *m, size_t one, size_t other);
int conversation_find_group(const conversation_model *m, int64_t group);
/* 0 normal, 1 admin, 2 creator. */
int conversation_role_of(const std::string &role);
/* Of a group: how many members it has. */
size_t conversation_count(const conversation *c);
bool conversation_is_banned(const conversation *c, size_t account);
bool conversation_is_online(const conversation_model *m, size_t account);

/* ---- people (conversation_people.cpp) */
/* The server's clock, in ms. */
int64_t conversation_clock(void);
/* The rule of CHAT. */
bool conversation_lets_write(const conversation_model *m, size_t sender, size_t to);
/* ADD_FRIEND and SET_CONTACT. */
void conversation_set_contact(conversation_model *m, const conversation_request &r);
/* When anybody was let in or shut out last, in ms. */
int64_t conversation_changed(const conversation_model *m);
void conversation_signal(conversation_model *m, const conversation_request &r);
/* Whether the account came or went so short a time before that signals need not know. */
bool conversation_membership_is_new(const conversation *c, size_t account, const conversation_request &r);
/* A session of the account began or ended. */
void conversation_note_online(conversation_model *m, size_t account);
/* The session begins, and its client knows how its friends are. */
void conversation_watch(conversation_model *m, size_t account, conversation_session *s);
std::string conversation_take_presence(conversation_model *m, size_t account, conversation_session *s,
                                       const cJSON *json);
/* A friend who is online, which the session does not know; conversation_nobody: there is none. */
size_t conversation_misses_presence(const conversation_model *m, size_t account, size_t device);

/* ---- delivery (conversation_delivery.cpp) */
size_t conversation_account_of(const conversation_model *m, int64_t id);
/* Whether the account may ever get that entry. */
bool conversation_sees(const conversation *c, size_t account, int64_t seq);
/* The session begins: sets what is due. */
void conversation_login(conversation_model *m, size_t account, size_t device, const conversation_session &wanted);
void conversation_logout(conversation_model *m, size_t account, size_t device);
/* END_DEVICE. */
void conversation_forget(conversation_model *m, size_t account, size_t device);
/* A server was killed, and all that it had sent was taken: nothing is lost, but what came may come again. Sessions at
 * others go on. */
void conversation_crash(conversation_model *m, const std::function<bool(size_t account, size_t device)> &goes_on);
/* The last entry of the conversation is new. */
void conversation_deliver(conversation_model *m, size_t place);
/* The account is about to join the group with its next entry. */
void conversation_join(conversation_model *m, size_t place, size_t account);
void conversation_confirm(conversation_model *m, size_t account, size_t device, size_t place, int64_t seq);
/* How many frames of the session are not confirmed. */
size_t conversation_unconfirmed(const conversation_model *m, size_t account, size_t device);
/* A frame that came to the session. Returns what is wrong with it, "": nothing. */
std::string conversation_take(conversation_model *m, size_t account, size_t device, const test_frame &frame);
/* Whether entries or notices are still to come. */
bool conversation_awaits(const conversation_session &s);
/* What is wrong with this JSON of the entry, "": nothing. bytes: "" where unknown. */
std::string conversation_compare(const conversation_model *m, conversation_entry *entry, const cJSON *json,
                                 const std::string &bytes);
std::string conversation_describe(const conversation_model *m, size_t account, size_t device);

/* ---- queries (conversation_views.cpp): what is wrong with the answer, "": nothing */
std::string conversation_check_answer(conversation_model *m, const conversation_request &r, const cJSON *answer);
/* The same of a LOGIN_ACK: the lists of friends and groups. The session is already in. */
std::string conversation_check_login(const conversation_model *m, size_t account, const cJSON *ack, bool rosters);

#endif
