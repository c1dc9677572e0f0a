/* SPDX-License-Identifier: MIT
 * Makes sure that the process ends by a given time, even if its threads hang. */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include <cstdint>
#include <memory>

struct deadline;
struct deadline_deleter {
	void operator()(struct deadline *d) const; /* cancels it; waits only for the deadline's own thread */
};
using deadline_ptr = std::unique_ptr<struct deadline, deadline_deleter>;

/* After ms milliseconds, ends the process with status 1 and one line in the log, unless the result is deleted before;
 * by SIGALRM a second later if the log takes no line. Nothing is finished or freed then: a thread that hangs in the
 * database could not be made to. Any thread. */
[[nodiscard]] deadline_ptr deadline_start(int64_t ms);

#endif
