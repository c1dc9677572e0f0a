/* SPDX-License-Identifier: MIT
 * A stand-in for the server that runs plugins on the caller's thread: real .so files, a real SQLite database, sessions
 * and queues in memory. It can be several nodes at once; the test plays their bus.
 *
 * Nothing happens behind the test's back: work, batches, claims and routed data wait in one queue, in their order,
 * until fake_host_run() or fake_host_step(); a test that chooses another order takes the steps below. Time stands
 * still, but for a millisecond whenever it is asked for. Mistakes of the test (no such plugin, JSON that does not
 * parse) end the process with a message. */
#ifndef TESTS_SUPPORT_FAKE_HOST_H
#define TESTS_SUPPORT_FAKE_HOST_H

#include <atomic>
#include <climits>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <chatserverd/db.h>
#include <chatserverd/plugin.h>

#include <base/raii.h>

struct fake_host;
struct fake_self;

/* One call that a plugin made, in order. */
struct fake_call {
	std::string
		what; /* "answer" "refuse" "send" "finish" "resume" "close" "silence" "charge" "claim" "logout" "release" "presence"
	                        * "adopt" "work read" "work write" "work hash" "batch" "route" "route all" "ask erase"
	                        * what the host does by itself: "kick"
	                        * and what fake services add: "attach" "begin" ... */
	cs_conn conn = 0;
	cs_account account = 0; /* claim, release, route, kick, ask erase */
	int64_t number = 0; /* refuse: the errno; silence: ms; batch: the key; send: the position; claim: the
	                     * generation; presence: how many; route all: the topic; charge: the
	                     * cost */
	std::string text; /* answer, refuse, send: the frame; close: why; adopt: the peer; route: the head and the
	                   * body */
};

/* The place of a device in the tables of the fake host: the account, with the device in the bits above those of
 * accounts. So that of device 0 is the account itself. */
typedef uint64_t fake_place;

constexpr fake_place fake_place_of(cs_account account, uint64_t device)
{
	return account | device << 53;
}

constexpr cs_account fake_place_account(fake_place place)
{
	return place & ((UINT64_C(1) << 53) - 1);
}

struct fake_conn {
	cs_conn handle = 0;
	unsigned worker = 0;
	cs_account account = 0;
	uint64_t device = 0; /* of its session, or of the one that has ended */
	cs_account ended = 0; /* of a session that the plugins do not know to have ended */
	std::string name;
	uint64_t want = 0; /* of its session */
	bool opened_due = false; /* the plugins were not told of it yet */
	bool open = false;
	bool pending = false; /* a handler answered CS_PENDING and nobody called finish() since */
	fake_self *hooked = nullptr; /* whose hook answered CS_PENDING and did not call resume() since */
	size_t next_hook = 0; /* behind that one */
	std::string held; /* the frame that waits for it */
	cs_request held_request = {};
	cs_account held_account = 0; /* who sent it */
	std::deque<std::string> waiting; /* frames that came while it was pending */
	uint64_t position = 0; /* bytes queued in all, terminators included */
	uint64_t written = 0; /* bytes that "the kernel took", see fake_host_written */
	int64_t silence_ms = 0, doubt_ms = 0;
	std::vector<std::string> frames; /* what the client gets, oldest first */
	/* Of an adopted one: it is read and written when nothing else can run. */
	bool is_adopted = false;
	bool entering = false; /* from claim() to finish() */
	std::string peer;
	unique_fd end;
	std::string input, output; /* that make no frame yet; that the plugin's end did not take */
};

/* The next call of that place fails, or what it asked for. */
enum fake_fault_place {
	FAKE_READ = CS_WORK_READ,
	FAKE_WRITE = CS_WORK_WRITE,
	FAKE_HASH = CS_WORK_HASH,
	FAKE_BATCH,
	FAKE_CLAIM,
	FAKE_PRESENCE,
	FAKE_ADOPT
};

struct fake_fault {
	fake_fault_place place;
	int skip; /* that many of this place pass first */
	bool at_call; /* true: the call itself answers result; false: done gets it, the function is not run */
	int result; /* FAKE_UNHEARD: a batch is committed, but the store does not hear of it and runs it again */
};

enum { FAKE_UNHEARD = 1, FAKE_UNSURE = 2 /* a batch is committed, and done gets CS_EUNKNOWN */ };

struct fake_timer_entry {
	cs_timer *handle;
	struct fake_self *self;
	int64_t ms;
	int repeat;
	cs_timer_fn *fn;
	void *arg;
	int64_t due;
	bool is_queued; /* its call waits for the worker */
};

/* A descriptor that a plugin watches. */
struct fake_watch_entry {
	cs_watch *handle;
	struct fake_self *self;
	int fd;
	unsigned events;
	cs_watch_fn *fn;
	void *arg;
};

struct fake_job;

/* A parcel on its way. */
struct fake_parcel {
	const struct cs_plugin *plugin; /* whose */
	std::string head;
	std::shared_ptr<cs_shared> body;
};

/* Until it is decided. */
struct fake_claim {
	fake_self *self;
	cs_conn conn;
	cs_account account;
	uint64_t device;
	std::string name;
	uint64_t generation, want;
	unsigned flags;
	int forced; /* its result; 0: none yet */
	cs_done_fn *done;
	void *arg;
};

struct fake_hold {
	unsigned count = 0;
	cs_conn conn = 0; /* whose session has ended */
};

/* The session table of a node. */
struct fake_node {
	/* Who is online where; the test may add accounts "on other nodes" with conn 0. */
	std::unordered_map<fake_place, cs_conn> online;
	std::unordered_map<fake_place, fake_hold> held; /* until the plugins were told, and have released it */
	std::unordered_set<fake_place> reserved; /* the bus was asked */
	bool is_stopping = false; /* set by the test: the store answers CS_ECANCELED, claims wait for nothing */
};

/* What the nodes ask of their bus. Not set: there is none. */
struct fake_bus_calls {
	/* The place is free on this node. The answer: fake_host_claimed(), on the worker of the claim. */
	std::function<void(unsigned node, const fake_claim &)> claim;
	std::function<void(unsigned node, fake_place, cs_conn)> ending, release;
	std::function<int(unsigned node, cs_account to, const fake_parcel &)> send;
	std::function<void(unsigned node, uint64_t topic, const fake_parcel &)> send_all;
};

struct fake_service {
	std::string name;
	uint32_t version;
	const void *table;
	void *context;
};

struct fake_host {
	/* For asserts. Cleared by fake_host_forget(). */
	std::vector<fake_call> calls;
	std::vector<std::string> log;
	std::vector<std::string> audits; /* "login account=7": event and pairs */
	std::map<std::string, int64_t> gauges; /* what gauge() set, by name */
	std::vector<std::string> guesses; /* "13 wrong" "13 right": what guess_note was told */
	/* Set by the test at any time. */
	std::vector<fake_fault> faults;
	std::unordered_set<int> full; /* fake_fault_place: calls answer CS_EBUSY */
	size_t losses = 0; /* so many parcels are lost before they reach an instance */
	size_t soft_mark = SIZE_MAX; /* bytes unsent above which send() answers CS_EAGAIN */
	bool unknown_outcomes = false; /* what outcome_can_be_unknown answers */
	bool exclusive_store = false; /* what store_is_exclusive answers */
	std::deque<int64_t> guess_waits; /* what the next calls of guess_wait answer; then what was noted counts */
	std::function<void(const fake_call &)> on_call; /* each, when it is recorded */
	/* At least one. Workers are numbered through; each node has node_workers of them. */
	std::deque<fake_node> nodes{1};
	unsigned node_workers = UINT_MAX;
	fake_bus_calls bus;

	/* The fake's own. Tests may look. */
	std::vector<fake_timer_entry> timers;
	std::vector<fake_watch_entry> watches;
	std::deque<fake_conn> conns;
	cs_host table = {};
	std::unordered_map<std::string, std::string> options;
	std::vector<fake_service> services;
	std::vector<const char *> want_words; /* ends with null */
	std::unique_ptr<struct guess_table> guess_table; /* null: no guess was noted */
	std::vector<fake_self *> selves;
	std::deque<fake_job> jobs;
	uintptr_t next_timer = 1;
	std::mutex mutex; /* guards what threads of the plugin may use: posts, log, guesses, guess_waits, guess_table */
	std::vector<std::pair<fake_self *, std::pair<cs_post_fn *, void *>>> posts;
	const cs_db_driver *driver = nullptr;
	cs_db *db = nullptr;
	std::string folder; /* temporary, of the database file */
	std::vector<cs_network> bans; /* as a plugin gave them */
	bool refuses_sessions = false; /* may_claim answers CS_EBUSY */
};

/* The time of the fake host that was opened last: ms since 1970. */
extern std::atomic<int64_t> fake_clock;

void fake_host_close(fake_host *host);
struct fake_host_closer {
	void operator()(fake_host *host) const
	{
		fake_host_close(host);
	}
};
typedef std::unique_ptr<fake_host, fake_host_closer> fake_host_ptr;

/* A host without database. Closing stops every instance and removes the temporary folder. */
fake_host_ptr fake_host_open();
/* Opens the database through db_sqlite.so with the schema of conf/schema/sqlite: a file in a temporary
 * folder, or ":memory:". */
void fake_host_open_db(fake_host *host, const char *path = nullptr);

/* Sets an option before load: "login.password_ops". */
void fake_host_set(fake_host *host, const char *key, const char *value);
/* Offers a service of the test's to plugins that are loaded later. */
void fake_host_offer(fake_host *host, const char *name, uint32_t version, const void *table, void *context);
/* Loads $CS_BUILD/plugins/NAME.so (CS_BUILD: "build" when unset), or the file where name has a slash, and starts one
 * instance on that worker. Returns its self; its services are offered to what is loaded on that worker later. */
fake_self *fake_host_load(fake_host *host, const char *name, unsigned worker = 0);
/* As load, of a descriptor that is linked into the test. conf has been allocated by options' defaults. */
fake_self *fake_host_add(fake_host *host, const struct cs_plugin *plugin, unsigned worker = 0);
/* The last start()'s error text, where load or add is expected to fail: returns CS_E and fills e. */
int fake_host_try_load(fake_host *host, const char *name, unsigned worker, cs_error *e);
int fake_host_try_add(fake_host *host, const struct cs_plugin *plugin, unsigned worker, cs_error *e);
/* Stops the instance; nothing of it may wait any more. */
void fake_host_stop(fake_host *host, fake_self *self);
const struct cs_plugin *fake_self_plugin(const fake_self *self);
void *fake_self_state(const fake_self *self);
cs_self *fake_self_handle(fake_self *self);
/* How many parcels it got by route_all. */
size_t fake_self_woken(const fake_self *self);

/* A new connection of that worker, logged in when account is not 0 (no claim is recorded; `opened` is
 * called). */
cs_conn fake_host_connect(fake_host *host, cs_account account = 0, const char *name = "", unsigned worker = 0,
                          uint64_t want = 0, uint64_t device = 0);
fake_conn *fake_host_conn(fake_host *host, cs_conn conn);
/* The connection ends: the hooks are called, the handle is dead. */
void fake_host_end(fake_host *host, cs_conn conn);
/* The same, but the hooks are called in their turn of the queue. */
void fake_host_drop(fake_host *host, cs_conn conn);
/* The kernel took everything that is queued (all true), or bytes up to position: `written` is called. */
void fake_host_written_all(fake_host *host, cs_conn conn);
void fake_host_written(fake_host *host, cs_conn conn, uint64_t position);

/* Gives a frame to the handler of its msgid on the connection's worker, after the checks that the route's
 * flags ask for and the hooks of all plugins. Returns the verdict; CS_REJECT where a check refused it, or the
 * connection has ended; CS_PENDING while a hook has it, or while it waits for an earlier frame. The queue is not
 * run. */
int fake_host_frame(fake_host *host, cs_conn conn, std::string_view json);
/* The same, then runs the queue. */
int fake_host_request(fake_host *host, cs_conn conn, std::string_view json);

/* Runs one entry of the queue, or all until it is empty. An item and those of its batch that wait next on its node
 * are one entry, one transaction. step returns false when there was nothing that can run. */
bool fake_host_step(fake_host *host);
void fake_host_run(fake_host *host);
/* Runs entries until the last call recorded is `what`; false when the queue ran dry before. */
bool fake_host_run_until(fake_host *host, const char *what);
/* Lets fn run on that worker in its turn of the queue; for fake services. */
void fake_host_defer(fake_host *host, unsigned worker, std::function<void()> fn);
/* Calls every timer that exists now once; one-shot timers are removed first. */
void fake_host_fire(fake_host *host);
/* That happens on the descriptor: calls those who watch it for one of events. */
void fake_host_event(fake_host *host, int fd, unsigned events);

/* ---- smaller steps, in an order that the test chooses; false: there was nothing to do */
/* The worker does what waits first for it. */
bool fake_host_step_call(fake_host *host, unsigned worker);
/* A store thread runs the nth work that waits, */
bool fake_host_step_work(fake_host *host, size_t nth);
/* and says so to the worker; the same for a batch of at most so many items of one node. */
bool fake_host_step_result(fake_host *host, unsigned node);
bool fake_host_step_batch(fake_host *host, size_t most, unsigned node);
bool fake_host_step_commit(fake_host *host, unsigned node);
/* The next timer that is due by then waits for its worker, and the clock moves to it. */
bool fake_host_step_timer(fake_host *host, int64_t end);
/* All work and items of the node that wait for the store get CS_ECANCELED. */
void fake_host_cancel(fake_host *host, unsigned node);

/* ---- for the test that plays the bus */
fake_node *fake_host_node(fake_host *host, unsigned worker);
void fake_host_claimed(fake_host *host, const fake_claim &claim, int result);
/* To the sessions of the account on that node, of one device or of CS_EVERY_DEVICE; false: there is none. */
bool fake_host_deliver(fake_host *host, unsigned node, cs_account to, const fake_parcel &parcel,
                       uint64_t device = CS_EVERY_DEVICE);
/* To the instances of that node that have subscribed to the topic. */
void fake_host_deliver_all(fake_host *host, unsigned node, uint64_t topic, const fake_parcel &parcel);

void fake_host_record(fake_host *host, fake_call call);
/* "work read|work hash|claim": what was called since the last forget, `what` joined by |. */
std::string fake_host_trace(const fake_host *host);
size_t fake_host_count(const fake_host *host, const char *what);
/* The last frame that the connection got; "" when none. */
std::string fake_host_last(fake_host *host, cs_conn conn);
/* Forgets calls, log, audit log and the frames of every connection. */
void fake_host_forget(fake_host *host);

#endif
