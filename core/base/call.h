/* SPDX-License-Identifier: MIT
 * Notes which plugin a thread is in, so that the log can name a plugin that holds up its worker or crashes the
 * process. */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <unordered_map>
#include <vector>

struct cs_plugin;
struct cs_self;
struct worker_shared;

enum call_kind : uint32_t {
	CALL_HANDLER = 0,
	CALL_HOOK,
	CALL_COMPLETION,
	CALL_TIMER,
	CALL_WATCH,
	CALL_POST,
	CALL_OPENED,
	CALL_CLOSED,
	CALL_WRITTEN,
	CALL_ROUTED,
	CALL_CLUSTER,
	CALL_RELOAD,
	CALL_START,
	CALL_STOP,
	CALL_TRANSPORT,
	CALL_SAVE,
	CALL_RESTORE,
	CALL_BUSY,
	CALL_COUNT
};

/* The call that a thread is in. The thread itself writes it; the watch and the crash handler read it. */
struct call_mark {
	std::atomic<const struct cs_plugin *> plugin = nullptr; /* nullptr: the thread is in no plugin */
	std::atomic<uint64_t> what = 0; /* kind << 32 | msgid */
	std::atomic<uint64_t> count = 0; /* of calls */
};

/* Marks a plugin's call while this object lives: four writes to memory that no other thread writes. */
struct plugin_call {
	struct call_mark *mark;
	const struct cs_plugin *outer_plugin;
	uint64_t outer_what;

	plugin_call(struct call_mark *m, const struct cs_plugin *plugin, enum call_kind kind, uint32_t msgid);
	/* The call of an instance, on its worker. */
	plugin_call(const struct cs_self *self, enum call_kind kind, uint32_t msgid = 0);
	~plugin_call();
	plugin_call(const plugin_call &) = delete;
	plugin_call &operator=(const plugin_call &) = delete;
};

/* The last look of the watch at a worker. */
struct call_seen {
	uint64_t count = 0;
	unsigned looks = 0; /* how many looks in a row found the same call */
};

struct call_watch {
	std::vector<struct call_seen> seen;
	std::unordered_map<const struct cs_plugin *, int64_t> told; /* when a line was last logged about it, in ms */
};

/* Pause between two looks of the watch. */
inline constexpr int64_t call_look_ms = 500;

/* To be called every call_look_ms: logs the plugin of each call that has lasted for a second, at most once a minute for
 * each plugin. Always on the same thread; the workers may run. */
void call_watch_look(struct call_watch *watch, const struct worker_shared *shared, int64_t now_ms);

/* True at most once a minute: a plugin may make a mistake with every frame. */
bool call_may_tell(int64_t *told_ms, int64_t now_ms);

/* From now on a crash of this thread names the plugin of the mark. The mark must outlive the thread, or nullptr must be
 * set before. */
void call_mark_thread(const struct call_mark *mark);
/* Installs a handler for SIGSEGV, SIGABRT, SIGBUS, SIGFPE and SIGILL, unless they have another one. It writes a line to
 * standard error; then the signal ends the process as it would without the handler. */
void call_catch_crashes(void);

/* While it lives, the crash handler has a stack of its own on this thread, so that the overflow of the thread's
 * stack is told as well. */
struct call_stack {
	std::vector<char> memory;

	call_stack(void);
	~call_stack();
	call_stack(const call_stack &) = delete;
	call_stack &operator=(const call_stack &) = delete;
};

/* Starts a thread that has a call_stack and gets no signal but those of its own crash. */
std::thread call_start_thread(std::function<void()> body);

#endif
