/* SPDX-License-Identifier: MIT
 * The instance of the group plugin, and what its files share. For its own files; worker thread. */
#ifndef GROUP_GROUP_H
#define GROUP_GROUP_H

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../shared/counted.h"
#include "../shared/field.h"

struct group_conf {
	int64_t max_groups; /* groups of one account; 0: no limit */
	int64_t members_max; /* members of one group; 0: no limit */
	int64_t max_invitations; /* to one group, and of one account */
};

struct group_plugin {
	plugin_context context;
	const group_conf *conf = nullptr; /* owned by the server */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	mutable size_t entries = 0; /* on their way through the mailbox */
	uint64_t want = 0; /* the bit of "event" in the `want` of a session; 0: nobody gives it */
	/* That want events. true: the client is slow, so an invitation is not sent; the INBOX holds it. */
	std::unordered_map<cs_conn, bool> sessions;
};

/* ---- group.cpp */

int group_refuse(const group_plugin *g, cs_conn conn, const cs_request *request, int wire_errno, const char *why);
/* Checks the texts of a group. 0, or CS_REJECT after the request was refused. A description may have line ends. */
[[nodiscard]] int group_check_name(const group_plugin *g, const cs_frame *frame, std::string_view name);
[[nodiscard]] int group_check_description(const group_plugin *g, const cs_frame *frame, std::string_view description);

/* ---- refusals.cpp */

/* Why a request of a member is refused. */
struct group_refusal {
	int wire_errno;
	const char *text;
};

/* The refusal for an outcome of the model; nullptr: it is none. Any thread. */
[[nodiscard]] const group_refusal *group_refusal_of(int outcome);

/* ---- roles.cpp: entries of the log that change a group or its members */

/* The result of an effect for an outcome of the model. Store thread. */
[[nodiscard]] int group_effect_result(cs_effect *effect, int outcome);
int group_on_remove_member(void *state, const cs_frame *frame);
int group_on_set_role(void *state, const cs_frame *frame);
int group_on_set_group(void *state, const cs_frame *frame);
int group_on_mute(void *state, const cs_frame *frame);

/* ---- invite.cpp */

int group_on_invite(void *state, const cs_frame *frame);
void group_on_opened(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want);
void group_on_written(void *state, cs_conn conn, uint64_t position, size_t unsent);
int group_on_closed(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t written);
void group_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel);
/* The bit of "event" in the `want` of a session; 0: nobody gives it. */
[[nodiscard]] uint64_t group_want_bit(const plugin_context &context);

/* ---- members.cpp */

int group_on_members(void *state, const cs_frame *frame);

/* Appends text as a JSON string, with its quotes. */
void group_quote(std::string *out, std::string_view text);

#endif
