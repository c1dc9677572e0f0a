/* SPDX-License-Identifier: MIT
 * What members may do to each other and to their group: remove, promote, mute, rename. Functions run on store threads.
 *
 * Each runs in a transaction that has locked the group's row, and changes everything or nothing. */
#ifndef MODEL_ROLES_H
#define MODEL_ROLES_H

#include <cstdint>
#include <optional>
#include <string_view>

#include <chatserverd/db.h>

#include "groups.h"

/* Who changes the group, and when. */
struct group_act {
	uint64_t actor = 0;
	uint64_t group = 0;
	uint64_t seq = 0; /* that the change takes in the log of the group */
	int64_t now = 0; /* ms */
};

/* Outcomes besides those of model_result. All of them but GROUP_NO_ENTRY have changed nothing. */
enum group_outcome {
	GROUP_IS_THERE = 100, /* all of it is so already */
	GROUP_NO_ENTRY = 101, /* done, but it is nothing that the group's members hear of */
	GROUP_NOT_ALLOWED = 102, /* the role of the actor does not permit it */
	GROUP_HAND_OVER = 103, /* the creator of a group with others gives the group to one of them first */
	GROUP_NO_ACCOUNT = 104, /* no such account */
	GROUP_NO_MEMBER = 105 /* the account is no member */
};

/* All answer MODEL_NONE if there is no such group or it has ended. Whoever is no member gets MODEL_NOT_MEMBER, whatever
 * the rest is, except for the own account in group_remove_member. A member is told GROUP_IS_THERE, whatever its
 * role. */

/* Ends the membership of the account: act.seq is the last entry that it sees. ban: nobody may join any more until an
 * admin invites; also who is no member can be banned. The last member's leaving ends the group. *left_r: whether the
 * account was a member. Somebody who is only invited is invited no more: GROUP_NO_ENTRY. Writer. */
[[nodiscard]] int group_remove_member(cs_db *db, const group_act &act, uint64_t account, bool ban, bool *left_r);
/* GROUP_CREATOR hands the group over: the actor becomes an admin, and a mute of the new creator ends. Writer. */
[[nodiscard]] int group_set_role(cs_db *db, const group_act &act, uint64_t account, group_role role);
/* The account may not write before `until` (ms); account 0: all who are normal. 0 ends it. Writer. */
[[nodiscard]] int group_mute(cs_db *db, const group_act &act, uint64_t account, int64_t until);

/* What is not set stays. */
struct group_settings {
	std::optional<std::string_view> name, description;
	std::optional<bool> invite_only, history_all;
};

/* MODEL_TAKEN: another group has the name. Writer. */
[[nodiscard]] int group_change(cs_db *db, const group_act &act, const group_settings &settings);

#endif
