/* SPDX-License-Identifier: MIT
 * The devices of accounts in the database: their numbers, and when they were seen. Functions run on store threads. */
#ifndef MODEL_DEVICES_H
#define MODEL_DEVICES_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "messages.h"
#include "result.h"
#include "users.h"

inline constexpr int64_t device_minute = 60000; /* ms; new devices of an account are counted over so long a time */

struct device_row {
	uint64_t number = 0; /* 0: the device without a name */
	std::string name;
	int64_t last_seen = 0; /* ms */
};

/* A device that logs in. The caller sets the first part; device_log_in sets the second. */
struct device_login {
	user_login user; /* the account; its generation is out */
	std::string name; /* empty: device 0 */
	int64_t now = 0; /* ms */
	size_t most = 0; /* named devices that the account may have */
	int64_t forgotten = 0; /* a named device that was last seen before this is forgotten */
	int64_t share = 0; /* ms: what a new device uses of the account's minute; 0: new ones are not bounded */
	/* Devices that were offline when their last_seen was read: if there are too many, the one that was unseen
	 * longest makes room. Not if it has logged in since, or logs in together with this one. */
	std::vector<device_row> offline;
	/* Of the device's tokens, as it was when the password was read; or of the token. */
	uint64_t series = 0;
	bool by_token = false;
	uint64_t token_number = 0; /* the device of the token */

	bool is_locked = false; /* so is the account: the device has no number */
	bool is_void = false; /* the series is over, or the token's device is not there: the device has no number */
	uint64_t number = 0;
	int64_t seen = 0; /* what is written as last_seen: now, or little more */
	int64_t wait_ms = 0; /* above 0: the account has had too many new ones lately; the device has no number */
	bool full = false; /* there are too many, and none of them was offline: the device has no number */
	std::vector<device_row> named; /* if full: those that there are */
	/* Devices that were forgotten in this run or in one before: close their sessions after the commit. A run before
	 * may have been committed unheard. */
	std::vector<uint64_t> ended;
};

/* Gives each login its generation (see user_next_generations) and its device; a new device has received everything that
 * the account has in the store. Few statements more than for the generations alone, except for new devices. Sets the
 * second part of each login anew on each run, but only adds to ended. Writer. */
[[nodiscard]] int device_log_in(cs_db *db, std::span<device_login *const> logins);

/* The devices of the account, device 0 included if it has logged in. Reader or writer. */
[[nodiscard]] int device_list(cs_db *db, uint64_t account, std::vector<device_row> *devices_r);
/* Forgets the device with that name, and its cursors; of device 0, whose name is empty, nothing is forgotten, but its
 * tokens are voided. MODEL_NONE: there is no such device. Writer. */
[[nodiscard]] int device_forget(cs_db *db, uint64_t account, std::string_view name, uint64_t *number_r);
/* The device of a session, and the series of its tokens when it logged in. */
struct device_session {
	message_reader reader;
	uint64_t series = 0;
};

/* Whether the session must end: its device is not there any more, the series has ended, or the account is locked. One
 * statement. Reader. */
[[nodiscard]] int device_session_over(cs_db *db, const device_session &session, bool *is_over_r);
/* The same for many, in few statements: is_over_r[i] is 1 or 0. Reader. */
[[nodiscard]] int device_over(cs_db *db, std::span<const device_session> sessions,
                              std::vector<unsigned char> *is_over_r);
/* They were seen at that time, or later. Few statements for many. Writer. */
[[nodiscard]] int device_note_seen(cs_db *db, std::span<const message_reader> devices, int64_t now);

/* The text of the store, which changes when the store is restored. Reader. */
[[nodiscard]] int device_store_id(cs_db *db, std::string *id_r);

#endif
