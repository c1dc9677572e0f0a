/* SPDX-License-Identifier: MIT
 * Groups and their members in the database. A group is a conversation with a name. Functions run on store threads. */
#ifndef MODEL_GROUPS_H
#define MODEL_GROUPS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

enum group_role { GROUP_NORMAL = 0, GROUP_CREATOR = 1, GROUP_ADMIN = 2 };

/* Whether a member of the role may act on one of the other role. */
[[nodiscard]] bool group_role_is_above(group_role role, group_role other);
/* The role that a column holds. */
[[nodiscard]] group_role group_role_of(uint64_t column);

struct group_member {
	uint64_t id = 0;
	std::string name;
	group_role role = GROUP_NORMAL;
};

struct group_entry {
	uint64_t id = 0;
	std::string name;
	std::string description;
	std::vector<struct group_member> members; /* all members, in the order of their ids */
};

/* 0: no limit. */
struct group_limits {
	uint64_t groups = 0; /* of an account */
	uint64_t members = 0; /* of a group */
};

/* Makes a group; the creator is a member with joined_seq 0. With a limit of groups, the creator's account must be
 * locked. 0, MODEL_TAKEN (the name) or MODEL_FULL. Writer. */
[[nodiscard]] int group_create(cs_db *db, uint64_t creator, std::string_view name, std::string_view description,
                               uint64_t *id_r, const group_limits &most = {}, int64_t now = 0);
/* The group with this name that the account has made. 0 with *id_r, or MODEL_NONE. */
[[nodiscard]] int group_find_own(cs_db *db, uint64_t creator, std::string_view name, uint64_t *id_r);
/* *joined_seq_r: the group's last seq at the join. With a limit of groups, the account must be locked. 0, MODEL_NONE
 * (no such group; the id of a pair is no group), MODEL_TAKEN (already a member), INVITATION_BANNED or
 * INVITATION_MISSING (see invitations.h), MODEL_FULL or MODEL_GROUP_FULL. Writer. */
[[nodiscard]] int group_join(cs_db *db, uint64_t account, uint64_t group, uint64_t *joined_seq_r,
                             const group_limits &most = {}, int64_t now = 0);
/* The account's groups with all their members, in order of id; a constant number of statements. */
[[nodiscard]] int group_list(cs_db *db, uint64_t account, std::vector<group_entry> *groups_r);
/* At most `most` members, in no order. MODEL_NONE: no such group. */
[[nodiscard]] int group_members(cs_db *db, uint64_t group, size_t most, std::vector<uint64_t> *members_r);
/* 0 with the member's joined_seq, MODEL_NONE (no such group), MODEL_NOT_MEMBER. */
[[nodiscard]] int group_find_member(cs_db *db, uint64_t account, uint64_t group, uint64_t *joined_seq_r);

/* A group in a list of all. */
struct group_line {
	uint64_t id = 0;
	std::string name;
	uint64_t members = 0;
	uint64_t last_seq = 0;
};

/* At most `most` groups that have not ended, with an id above `after`, in order of id. Reader or writer. */
[[nodiscard]] int group_lines(cs_db *db, uint64_t after, size_t most, std::vector<group_line> *groups_r);

#endif
