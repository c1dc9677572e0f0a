/* SPDX-License-Identifier: MIT
 * Writes the store as lines of JSON, and reads such lines into a store. Functions run on store threads. The form of a
 * line is that of chatctl(8), "Export files". */
#ifndef MODEL_TRANSFER_H
#define MODEL_TRANSFER_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

/* How far an export has come. All 0: at the beginning. */
struct transfer_place {
	uint64_t part = 0;
	uint64_t keys[3] = {0, 0, 0}; /* of the last row */
};

/* The cids of entries of a conversation that an export has read. No index finds a cid by its seq in SQLite, so all of a
 * conversation are read; whoever keeps these for the next page saves that. Bounded: of a large conversation it has the
 * next part only. */
struct transfer_cids {
	uint64_t conversation = 0; /* 0: it has none */
	uint64_t after = 0, upto = 0; /* it has those of the entries with after < seq <= upto */
	std::map<uint64_t, std::string> by_seq;
	size_t bytes = 0; /* about as much memory as it takes */
	uint64_t reads = 0; /* how often the cids of a conversation were read */
};

struct transfer_page {
	transfer_place place; /* in: the page begins behind it; out: its end */
	transfer_cids *cids = nullptr; /* in: of the page before; out: for the next one. Null: they are not kept */

	bool more = false; /* out: lines are left */
	uint64_t count = 0; /* out: lines */
	std::string lines; /* out: objects with commas between them */
};

/* Writes the next page: some hundred KiB, and perhaps none. Reader. */
[[nodiscard]] int transfer_write(cs_db *db, transfer_page *page);

/* Lines of a file, one behind the other. */
struct transfer_line {
	uint64_t number = 0; /* in the file, from 1 on */
	std::string_view object;
};

struct transfer_batch {
	std::vector<transfer_line> lines;
	int64_t now = 0; /* ms: when lines without a time were written */

	uint64_t added = 0, skipped = 0; /* out: lines; skipped: the store has had them */
	uint64_t wrong = 0; /* out, of MODEL_REFUSED: the number of the line */
	std::string why; /* out, of MODEL_REFUSED */
};

/* Reads the lines into the store, in their order. 0, or MODEL_REFUSED: a line is wrong, or the store has something else
 * in its place; undo all. Sets what is marked "out" anew on each run. Writer. */
[[nodiscard]] int transfer_read(cs_db *db, transfer_batch *batch);

#endif
