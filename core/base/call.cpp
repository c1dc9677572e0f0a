/* SPDX-License-Identifier: MIT
 * Names plugins that hold up their worker or crash the process. */
#include "core/base/call.h"

#include <csignal>
#include <cstring>
#include <utility>

#include <unistd.h>

#include "core/base/instance.h"
#include "core/base/log.h"
#include "core/base/worker.h"

static constexpr unsigned call_most_looks = 3; /* at the third look a call has lasted for two pauses */
static constexpr int64_t call_tell_ms = 60000;

static const char *const call_names[CALL_COUNT] = {"handler", "hook",   "completion", "timer",  "watch",   "post",
                                                   "opened",  "closed", "written",    "routed", "cluster", "reload",
                                                   "start",   "stop",   "transport",  "save",   "restore", "busy"};

/* The mark of this thread, global because a signal handler gets no argument. */
static constinit thread_local const struct call_mark *call_of_thread = nullptr;

/* ---- marks */

static uint64_t call_pack(enum call_kind kind, uint32_t msgid)
{
	return static_cast<uint64_t>(kind) << 32 | msgid;
}

plugin_call::plugin_call(struct call_mark *m, const struct cs_plugin *plugin, enum call_kind kind, uint32_t msgid)
    : mark(m), outer_plugin(m->plugin.load(std::memory_order_relaxed)),
      outer_what(m->what.load(std::memory_order_relaxed))
{
	mark->count.store(mark->count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
	mark->what.store(call_pack(kind, msgid), std::memory_order_relaxed);
	mark->plugin.store(plugin, std::memory_order_release);
}

plugin_call::plugin_call(const struct cs_self *self, enum call_kind kind, uint32_t msgid)
    : plugin_call(&self->worker->call, self->declared, kind, msgid)
{
}

plugin_call::~plugin_call()
{
	mark->plugin.store(outer_plugin, std::memory_order_relaxed);
	mark->what.store(outer_what, std::memory_order_relaxed);
}

/* ---- calls that last */

bool call_may_tell(int64_t *told_ms, int64_t now_ms)
{
	if (*told_ms != 0 && now_ms - *told_ms < call_tell_ms)
		return false;
	*told_ms = now_ms;
	return true;
}

static void call_watch_worker(struct call_watch *watch, const struct worker *w, int64_t now_ms)
{
	struct call_seen *seen = &watch->seen[w->index];
	const uint64_t count = w->call.count.load(std::memory_order_relaxed);
	const struct cs_plugin *plugin = w->call.plugin.load(std::memory_order_acquire);
	const uint64_t what = w->call.what.load(std::memory_order_relaxed);

	if (!plugin || count != seen->count)
		seen->looks = 0;
	seen->count = count;
	if (!plugin || ++seen->looks != call_most_looks || !call_may_tell(&watch->told[plugin], now_ms))
		return;
	log_warning("plugin=%s holds up its worker call=%s msgid=%u worker=%u ms=%lld", plugin->name,
	            call_names[what >> 32], static_cast<uint32_t>(what), w->index,
	            static_cast<long long>((call_most_looks - 1) * call_look_ms));
}

void call_watch_look(struct call_watch *watch, const struct worker_shared *shared, int64_t now_ms)
{
	watch->seen.resize(shared->workers.size());
	for (const auto &w : shared->workers)
		call_watch_worker(watch, w.get(), now_ms);
}

/* ---- crashes: only functions that a signal handler may call */

void call_mark_thread(const struct call_mark *mark)
{
	call_of_thread = mark;
}

struct call_line {
	char text[256];
	size_t size;
};

static void call_add(struct call_line *line, const char *text)
{
	while (*text && line->size < sizeof line->text - 1)
		line->text[line->size++] = *text++;
}

static void call_add_number(struct call_line *line, uint32_t number)
{
	char digits[11] = "";
	size_t at = sizeof digits - 1;

	do
		digits[--at] = static_cast<char>('0' + number % 10);
	while (number /= 10);
	call_add(line, digits + at);
}

/* SA_RESETHAND removes this handler: the signal raised below comes when this returns, and ends the process. */
static void call_on_crash(int number)
{
	const struct call_mark *mark = call_of_thread;
	const struct cs_plugin *plugin = mark ? mark->plugin.load(std::memory_order_relaxed) : nullptr;
	const uint64_t what = mark ? mark->what.load(std::memory_order_relaxed) : 0;
	struct call_line line = {};

	call_add(&line, "error the process crashes signal=");
	call_add_number(&line, static_cast<uint32_t>(number));
	if (plugin) {
		call_add(&line, " plugin=");
		call_add(&line, plugin->name);
		call_add(&line, " call=");
		call_add(&line, call_names[what >> 32]);
		call_add(&line, " msgid=");
		call_add_number(&line, static_cast<uint32_t>(what));
	}
	call_add(&line, "\n");
	(void)!::write(STDERR_FILENO, line.text, line.size);
	(void)raise(number);
}

static constexpr int call_crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};

/* A sanitizer that has given the thread such a stack frees it at the thread's end, so that one stays. */
call_stack::call_stack(void)
{
	stack_t before = {}, own = {};

	if (sigaltstack(nullptr, &before) != 0 || !(before.ss_flags & SS_DISABLE))
		return;
	memory.resize(static_cast<size_t>(SIGSTKSZ));
	own.ss_sp = memory.data();
	own.ss_size = memory.size();
	(void)sigaltstack(&own, nullptr);
}

call_stack::~call_stack()
{
	const stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};

	if (!memory.empty())
		(void)sigaltstack(&none, nullptr);
}

/* Signals belong to the main thread: they are blocked before the thread is made, so that it never gets one. A crash
 * belongs to the thread that crashes. */
std::thread call_start_thread(std::function<void()> body)
{
	sigset_t blocked, before;

	(void)sigfillset(&blocked);
	for (const int number : call_crashes)
		(void)sigdelset(&blocked, number);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	std::thread thread([body = std::move(body)] {
		const call_stack stack;

		body();
	});
	(void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
	return thread;
}

void call_catch_crashes(void)
{
	for (const int number : call_crashes) {
		struct sigaction before = {}, action = {};

		action.sa_handler = call_on_crash;
		action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
		/* Leaves the handler of a sanitizer in place: it prints more. */
		if (sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
			(void)sigaction(number, &action, nullptr);
	}
}
