/* SPDX-License-Identifier: MIT
 * Invitations to groups in the database. Functions run on store threads. */
#ifndef MODEL_INVITATIONS_H
#define MODEL_INVITATIONS_H

#include <cstdint>

#include <chatserverd/db.h>

#include "roles.h"

/* Outcomes besides those of model_result and group_outcome. */
enum invitation_outcome {
	INVITATION_BANNED = 118, /* until an admin invites */
	INVITATION_MISSING = 119, /* nobody joins the group without one */
	INVITATION_NOT_WANTED = 120, /* the account blocks the inviter, or takes nothing from strangers */
	INVITATION_FULL_GROUP = 121, /* the group has the most invitations */
	INVITATION_FULL_ACCOUNT = 122 /* the account has the most invitations */
};

/* act.actor invites the account. An admin's invitation ends a ban. Locks the account and the group. most: how many a
 * group may have at the same time, and how many an account. 0, MODEL_NONE (no such group), MODEL_NOT_MEMBER,
 * GROUP_NOT_ALLOWED, GROUP_NO_ACCOUNT, INVITATION_NOT_WANTED, MODEL_TAKEN (a member already), GROUP_IS_THERE (invited
 * already), INVITATION_FULL_GROUP or INVITATION_FULL_ACCOUNT. Writer. */
[[nodiscard]] int invitation_add(cs_db *db, const group_act &act, uint64_t account, uint64_t most,
                                 bool strangers_may = true);
/* Whether the account, which is no member, may join the group: 0, INVITATION_BANNED or INVITATION_MISSING. Uses its
 * invitation up. The group is locked. Writer. */
[[nodiscard]] int invitation_use(cs_db *db, uint64_t account, uint64_t group);

#endif
