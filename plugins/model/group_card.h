/* SPDX-License-Identifier: MIT
 * What an operator sees of a group: he is no member of it. Functions run on store threads. */
#ifndef MODEL_GROUP_CARD_H
#define MODEL_GROUP_CARD_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "groups.h"

/* A group by its number or its name. */
struct group_named {
	uint64_t id = 0; /* 0: by its name */
	std::string name;
};

struct group_card {
	uint64_t id = 0;
	std::string name, description;
	uint64_t members = 0, admins = 0; /* admins: without the creator */
	uint64_t creator = 0;
	std::string creator_name;
	bool invite_only = false, history_all = false;
	int64_t muted = 0; /* ms: all who are normal may not write before this */
	int64_t keep = 0; /* see retention.h */
	uint64_t first = 0, last = 0; /* seqs of the log */
	int64_t created = 0; /* ms; 0: the entry that made the group is not there any more */
};

/* 0, or MODEL_NONE: there is no such group, or it has ended. */
[[nodiscard]] int group_card_read(cs_db *db, const group_named &named, group_card *card_r);

struct group_seat {
	uint64_t account = 0;
	std::string name;
	group_role role = GROUP_NORMAL;
	int64_t joined = 0; /* ms; 0: not known */
	int64_t muted = 0; /* ms */
};

/* At most `most` members above `after`, in the order of their accounts. */
[[nodiscard]] int group_seats(cs_db *db, uint64_t group, uint64_t after, size_t most, std::vector<group_seat> *seats_r);
/* At most `most` members, but not the creator; admins first. */
[[nodiscard]] int group_others(cs_db *db, uint64_t group, size_t most, std::vector<uint64_t> *accounts_r);
/* 0, or MODEL_NONE: there is no such group, or it has ended. */
[[nodiscard]] int group_creator(cs_db *db, uint64_t group, uint64_t *account_r);

#endif
