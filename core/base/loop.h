/* SPDX-License-Identifier: MIT
 * One event loop: its queue of posted calls and its end-of-turn list. */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <chatserverd/plugin.h>

#include <base/raii.h>

struct loop_call {
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	event_base_ptr base;
	unique_fd wake;
	event_ptr wake_event;

	std::mutex mutex; /* guards inbox, from_others and asleep; the loop's thread may clear asleep without it */
	std::vector<struct loop_call> inbox;
	bool from_others = false; /* some of the inbox was posted by other threads */
	std::atomic<bool> asleep = true; /* the inbox is empty, and the next post must write the eventfd */
	bool held_over = false; /* the inbox was left to this turn; the loop's thread only */
	std::vector<struct loop_call> running; /* the calls being run; the loop's thread only */
	std::vector<struct loop_call> end_of_turn;
	uint64_t turn = 0; /* counts turns; the loop's thread only */
	std::atomic<bool> stopping = false;
	std::atomic<std::thread::id> owner; /* the thread inside loop_run; none: no thread is */
};

/* Makes the base, the eventfd and its event. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int loop_open(struct loop *l, struct cs_error *e);

/* Calls fn(arg) on the loop's thread, never inside this call, in the order of the posts of one thread. Any thread, also
 * the loop's own. A call that is posted before the calls of a turn run belongs to this turn, otherwise to the next; in
 * a turn that does much, the loop's own calls wait for the next, too. The eventfd is written only if the loop sleeps.
 * Calls that are still queued when the loop has stopped are run by loop_drain. */
void loop_post(struct loop *l, void (*fn)(void *), void *arg);

/* From the first of these to the second, the posts of this thread wait. Then each loop gets its own at once and in
 * order, so that it takes them in one turn. Not nested. Any thread. */
void loop_hold_posts(void);
void loop_release_posts(void);

/* Calls fn(arg) once at the end of this turn, in order, after every event and posted call of the turn. To be used to
 * flush output, and to free memory that an event may still point to. The loop's thread only. A call added while the
 * list runs belongs to the same turn. */
void loop_at_end_of_turn(struct loop *l, void (*fn)(void *), void *arg);

/* Runs turns until loop_stop. */
void loop_run(struct loop *l);
/* Ends loop_run after the current turn. Any thread. */
void loop_stop(struct loop *l);
/* Runs posted calls, without waiting, until none is left. Only when no thread runs the loop. */
void loop_drain(struct loop *l);
/* True on the thread that is inside loop_run. Any thread. */
bool loop_runs_here(const struct loop *l);
/* True on the thread that runs the loop; on every thread while none runs it (at start and stop). */
bool loop_is_here(const struct loop *l);

#endif
