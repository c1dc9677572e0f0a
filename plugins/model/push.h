/* SPDX-License-Identifier: MIT
 * Devices whose transport is HTTP, and notices for accounts that are away, in the database. Functions run on store
 * threads. */
#ifndef MODEL_PUSH_H
#define MODEL_PUSH_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "messages.h"
#include "result.h"

/* ---- devices */

/* The name of the device, among those of its account. */
inline constexpr std::string_view push_device_name = "push";

struct push_device_row {
	uint64_t account = 0;
	std::string name; /* of the account */
	std::string url, secret;
	uint64_t number = 0; /* of the device; 0: it has none */
	uint64_t series = 0; /* see user_series_of */
	int64_t created = 0; /* ms */
	int64_t ended = 0; /* ms; 0: it goes on */
	bool is_locked = false; /* the account is locked, or is being erased */
};

/* All of them, by account. Reader. */
[[nodiscard]] int push_device_list(cs_db *db, std::vector<push_device_row> *rows_r);
/* The account with that number, or else with that name, that has such a device. 0 or MODEL_NONE. Reader or writer. */
[[nodiscard]] int push_device_find(cs_db *db, uint64_t account, std::string_view name, push_device_row *row_r);
/* Adds the row, or puts it in the place of one that has ended. MODEL_TAKEN: the account has one that goes on. name and
 * number are not written. Writer. */
[[nodiscard]] int push_device_add(cs_db *db, const push_device_row &row);
/* It has ended, unless its URL is another one by now. Writer. */
[[nodiscard]] int push_device_end(cs_db *db, uint64_t account, std::string_view url, int64_t now);
/* 0 or MODEL_NONE. Writer. */
[[nodiscard]] int push_device_set_secret(cs_db *db, uint64_t account, std::string_view secret);
[[nodiscard]] int push_device_remove(cs_db *db, uint64_t account);

/* ---- where accounts are told */

enum push_kind { PUSH_POST = 0, PUSH_NTFY = 1, PUSH_UNIFIED = 2 };

struct push_target {
	uint64_t id = 0;
	uint64_t account = 0;
	std::string device; /* the name that its client gave */
	uint64_t owner = 0; /* the number of the device whose session set it */
	push_kind kind = PUSH_POST;
	std::string url, secret;
	bool preview = false;
	/* Keys of the client, in base64url, of a PUSH_UNIFIED that is encrypted; else empty. */
	std::string p256dh, auth;
	int64_t created = 0; /* ms */
	/* Since when it takes no notice without a break, and when the last one failed; ms; 0: it has taken the last. */
	int64_t failing = 0, failed = 0;
};

/* Those of an account; without those that a login set whose tokens are good no more, to which nothing is sent. Reader
 * or writer. */
[[nodiscard]] int push_target_list(cs_db *db, uint64_t account, std::vector<push_target> *targets_r);
/* Adds it, or puts it in the place of the one of this account and device. MODEL_FULL: the account has `most`.
 * Writer. */
[[nodiscard]] int push_target_set(cs_db *db, const push_target &target, size_t most);
/* Also its notices. Writer. */
[[nodiscard]] int push_target_remove(cs_db *db, uint64_t account, std::string_view device);
/* The receiver of the URL is there no more: the same, unless the target has another URL by now. Writer. */
[[nodiscard]] int push_target_gone(cs_db *db, uint64_t id, std::string_view url);
/* Whether there is one at all. Reader. */
[[nodiscard]] int push_target_any(cs_db *db, bool *any_r);

/* Whether an account that was erased, or is being erased, has rows here. Reader. */
[[nodiscard]] int push_erased_any(cs_db *db, bool *any_r);

/* ---- notices */

struct push_said {
	uint64_t seq = 0;
	uint64_t sender = 0;
};

/* What was said in a conversation. */
struct push_news {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t conversation = 0;
	uint64_t one = 0, other = 0; /* the accounts of a pair */
	std::vector<push_said> said; /* by seq */
};

/* Whether there is a target of an account in the conversation for which something was said there, by others, that no
 * device of the account has received and that the account has not read. Reader. */
[[nodiscard]] int push_news_look(cs_db *db, const push_news &news, bool *needed_r);
/* Notes for each such target that a notice is due: now, but not before interval ms after the last one. Writer. */
[[nodiscard]] int push_news_note(cs_db *db, const push_news &news, int64_t now, int64_t interval);

/* A notice. push_note_list sets the first part; push_note_take the second. */
struct push_note {
	uint64_t target_id = 0;
	uint64_t conversation = 0;
	int64_t due = 0; /* ms */

	push_target target;
	std::string account_name;
	conversation_kind kind = CONVERSATION_PAIR;
	std::string group_name;
	uint64_t wanted = 0; /* the seq of the message that it tells of */
	uint64_t sender = 0;
	std::string sender_name;
	std::string body; /* of the message; empty: it is not there any more */
	unsigned failures = 0; /* of this notice, in a row */
};

/* Those that are due, at most limit, and those that are due for the longest time first. Reader. */
[[nodiscard]] int push_note_list(cs_db *db, int64_t now, size_t limit, std::vector<push_note> *notes_r);
/* Takes the notice, so that nobody else does so before `until` (ms). *taken_r false: another has it, or it is needed no
 * longer. Writer. */
[[nodiscard]] int push_note_take(cs_db *db, push_note *note, int64_t until, bool *taken_r);
/* It was sent. Writer. */
[[nodiscard]] int push_note_sent(cs_db *db, const push_note &note, int64_t now, int64_t interval);
/* It failed now, and is due again then. since: see failing of the target. Writer. */
[[nodiscard]] int push_note_failed(cs_db *db, const push_note &note, int64_t now, int64_t since, int64_t due);

#endif
