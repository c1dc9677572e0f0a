/* SPDX-License-Identifier: MIT
 * The instance of the signal plugin, its sessions, and the groups that it knows. For its own files; worker thread. */
#ifndef SIGNAL_SIGNAL_H
#define SIGNAL_SIGNAL_H

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include <chatserverd/plugin.h>

#include <chatserverd/mailbox.h>

#include "../shared/field.h"

/* Signals go only to groups with at most so many members. */
inline constexpr size_t signal_most_members = 500;
inline constexpr size_t signal_most_waiting = 4 * 1024 * 1024; /* bytes of all waiting frames */

/* Whether a session gets what a sender signals. */
struct signal_verdict {
	int64_t asked_ms = 0; /* when it was requested; 0: it is not known */
	int64_t used_ms = 0; /* when the sender signalled last */
	bool lets = false;
	struct verdict_read *reading = nullptr; /* owned by its completion */
};

/* A session that wants signals. */
struct signal_session {
	uint64_t number = 0; /* never used twice; a connection is, if its client logs out and in again */
	cs_account account = 0;
	uint64_t device = 0;
	std::unordered_map<cs_account, signal_verdict> verdicts; /* by sender; those who sent something last */
	bool paused = false; /* the client is slow: signals for it are dropped */
};

/* A frame that waits until the members of its group are known. Its handler answered CS_PENDING, so each connection has
 * at most one. */
struct signal_waiting {
	cs_conn conn = 0;
	cs_account account = 0;
	struct cs_request request = {};
	std::string bytes;
	int64_t arrived_ms = 0;
};

/* A group as it was read from the store. */
struct signal_group {
	int64_t asked_ms = 0; /* when its read was requested; 0: never. It sees what was committed before */
	bool reading = false;
	bool exists = false;
	bool is_full = false; /* it has more than signal_most_members; then members is empty */
	std::vector<uint64_t> members; /* sorted */
	std::vector<signal_waiting> waiting;
};

/* An instance. */
struct signal_plugin {
	plugin_context context;
	uint64_t want = 0; /* the bit of "signal" in the `want` of a session */
	const cs_mailbox *mailbox = nullptr; /* NULL: there is none */
	void *mailbox_context = nullptr;
	const struct contacts_service *contacts = nullptr; /* NULL: there is none */
	void *contacts_context = nullptr;
	bool is_degraded = false; /* changes that other nodes tell may get lost */
	uint64_t last_number = 0; /* of a session */
	std::unordered_map<cs_conn, signal_session> sessions;
	std::unordered_multimap<cs_account, cs_conn> by_account; /* the sessions of each account */
	std::unordered_map<uint64_t, signal_group> groups;
	size_t waiting_bytes = 0;
};

/* ---- group_members.cpp */

/* Sends the frame to the members of the group, at once or when they are known, and answers or refuses it. Returns the
 * result for the handler. */
int signal_to_group(signal_plugin *p, const cs_frame *frame, uint64_t group);

/* ---- verdict.cpp */

/* Delivers a signal to the session, at once or when it is known whether it may have it, or drops it. */
void signal_judge(signal_plugin *p, cs_conn conn, signal_session *s, cs_account sender, std::string_view frame);
/* Contacts may have changed: what is known of the sender counts no more. 0: of all senders. */
void signal_verdict_forget(signal_session *s, cs_account sender);

/* The frames that wait for the verdict of the sender, in order; they are taken out. */
std::vector<std::string> signal_verdict_take_waiting(signal_plugin *p, const signal_verdict &verdict);

/* ---- signal_save.cpp: being replaced, see plugin.h */

struct cs_shared *signal_save(void *state);
int signal_restore(void *state, const struct cs_shared *saved);
int signal_busy(void *state);

/* ---- signal.cpp */

void signal_add_session(signal_plugin *p, cs_conn conn, cs_account account, uint64_t device);
void signal_deliver(const signal_plugin *p, cs_conn conn, signal_session *s, std::string_view frame);

/* ---- signal_parcel.cpp: parcels between instances. The head of a parcel for one account is the sender (8 bytes, low
 * byte first) and the frame; or the frame is the body. The body of a parcel for the members of a group is 'g', a
 * version, the number of members (2 bytes, low byte first), their accounts (8 bytes each), and the frame */

std::string signal_parcel_encode(const std::vector<uint64_t> &members, cs_account but, std::string_view frame);
/* 0, or CS_EINVAL: it is no parcel of this version. *accounts_r points to the first of *count_r accounts. */
[[nodiscard]] int signal_parcel_decode(std::string_view bytes, const char **accounts_r, size_t *count_r,
                                       std::string_view *frame_r);
uint64_t signal_parcel_account(const char *accounts, size_t at);

#endif
