/* SPDX-License-Identifier: MIT
 * Erasing an account in the database, in steps. Functions run on store threads.
 *
 * The row of the account stays, and so do the entries that it has stored, each with its seq, its sender and its time.
 * So its number never means somebody else, and no log gets a gap. What the account said, and its name, is blanked. A
 * step that was interrupted is done again. */
#ifndef MODEL_ERASING_H
#define MODEL_ERASING_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <chatserverd/db.h>

#include "result.h"
#include "users.h"

/* Takes the name, the password, the tokens and the devices of the account, and makes a row for its erasing. From now on
 * nobody logs in as it, it joins no group, and no pair with it begins. Again: 0, and nothing is done. MODEL_NONE: there
 * is no such account; MODEL_TAKEN: it was erased. Writer. */
[[nodiscard]] int erasing_begin(cs_db *db, uint64_t account);

/* An account that is to be erased. */
struct erasing_row {
	uint64_t account = 0;
	int64_t lease = 0; /* ms; until then the node that set it goes on */
};

/* The one whose lease ends first. MODEL_NONE: there is none. Reader. */
[[nodiscard]] int erasing_find(cs_db *db, erasing_row *row_r);

struct erasing_step {
	erasing_row row; /* as the step expects it */
	int64_t until = 0; /* ms; the next lease; little more if the last one was not below it */
	int64_t until_asked = 0; /* the same, if it rests: plugins may take longer than a step */
	size_t most = 0; /* entries to look at, above 0 */
	size_t most_own = 0; /* entries of the account to blank, above 0 */
	bool plugins_asked = false; /* they keep nothing about it any more; without this the erasing does not end */

	/* Out. */
	uint64_t group = 0; /* the account must leave it by an entry of its log; nothing else was done */
	uint64_t heir = 0; /* who gets the group first: the oldest admin, else the oldest member; 0: nobody */
	size_t blanked = 0;
	bool rests = false; /* all is done but what plugins keep about it */
	bool ended = false; /* all is done */
};

/* The lease that a step has set. Any thread. */
static inline int64_t erasing_lease_of(const erasing_step &step)
{
	const int64_t until = step.rests ? step.until_asked : step.until;

	return until > step.row.lease ? until : step.row.lease + 1;
}

/* One step. Sets what is marked "out" anew on each run. MODEL_NONE: somebody else has the lease, or all is done.
 * Writer. */
[[nodiscard]] int erasing_run(cs_db *db, erasing_step *step);

/* Sets only the lease, to `until`, also if that is sooner: the other accounts come first. MODEL_NONE as above.
 * Writer. */
[[nodiscard]] int erasing_put_by(cs_db *db, const erasing_step &step);

/* The frame of an entry as it is stored afterwards: what says who sent it when and where, and what it changed; `msg`
 * is empty, and `name` the one given. sender 0: an entry of the server about the account, which changes only its name.
 * 0, or CS_EINVAL: it is no frame. */
[[nodiscard]] int erasing_blank_frame(std::string *frame, uint64_t sender, std::string_view name);

#endif
