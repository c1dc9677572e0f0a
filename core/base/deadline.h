/* SPDX-License-Identifier: MIT
 * Owns the promise that the process ends by a given time, whatever its threads are busy with. It must not know
 * what that is. */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include <cstdint>
#include <memory>

struct deadline;
struct deadline_deleter {
	void operator()(struct deadline *d) const;   /* calls it off; waits for no more than its own thread */
};
using deadline_ptr = std::unique_ptr<struct deadline, deadline_deleter>;

/* Ends the process with status 1, and one line in the log, after ms milliseconds, unless the result is deleted
 * before; by SIGALRM a second later where the log takes no line. Nothing is finished or freed then: a thread that hangs in the database could not be made to. Any
 * thread. */
[[nodiscard]] deadline_ptr deadline_start(int64_t ms);

#endif
