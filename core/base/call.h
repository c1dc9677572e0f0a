/* SPDX-License-Identifier: MIT
 * Which plugin a thread is in, so that the log names the one that holds up its worker or ends the process. */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <atomic>
#include <cstdint>
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
	CALL_COUNT
};

/* What a thread is doing. Its own thread writes it, the watch and the handler of crashes read it. */
struct call_mark {
	std::atomic<const struct cs_plugin *> plugin = nullptr; /* nullptr: it is in no plugin */
	std::atomic<uint64_t> what = 0; /* kind << 32 | msgid */
	std::atomic<uint64_t> count = 0; /* of calls */
};

/* Marks the call of a plugin for as long as it lives: four writes to memory that no other thread writes. */
struct plugin_call {
	struct call_mark *mark;
	const struct cs_plugin *outer_plugin;
	uint64_t outer_what;

	plugin_call(struct call_mark *m, const struct cs_plugin *plugin, enum call_kind kind, uint32_t msgid);
	/* Of an instance, on its worker. */
	plugin_call(const struct cs_self *self, enum call_kind kind, uint32_t msgid = 0);
	~plugin_call();
	plugin_call(const plugin_call &) = delete;
	plugin_call &operator=(const plugin_call &) = delete;
};

/* What the watch saw of a worker. */
struct call_seen {
	uint64_t count = 0;
	unsigned looks = 0; /* in a row that found one and the same call */
};

struct call_watch {
	std::vector<struct call_seen> seen;
	std::unordered_map<const struct cs_plugin *, int64_t> told; /* when a line was last written about it, in ms */
};

/* Between two looks of the watch. */
inline constexpr int64_t call_look_ms = 500;

/* To be called each call_look_ms: logs the plugin of each call that has lasted for a second, once a minute and
 * plugin. One thread; the workers may run. */
void call_watch_look(struct call_watch *watch, const struct worker_shared *shared, int64_t now_ms);

/* False for a minute after it was true: a mistake in a plugin may be made with every frame. */
bool call_may_tell(int64_t *told_ms, int64_t now_ms);

/* From now on a crash of this thread names the plugin of the mark, which has to outlive the thread or be taken back by
 * nullptr. */
void call_mark_thread(const struct call_mark *mark);
/* Installs the handler of SIGSEGV, SIGABRT, SIGBUS, SIGFPE and SIGILL, where nobody else has one: it writes a line to
 * standard error, and the process dies by the signal as it would have. */
void call_catch_crashes(void);

#endif
