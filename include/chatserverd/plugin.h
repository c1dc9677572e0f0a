/* SPDX-License-Identifier: MIT
 * The plugin ABI: what a plugin exports and what the server offers it. C11 and C++20.
 *
 * A plugin is a shared object that exports one object of data, `cs_plugin`. The server makes one instance of it for
 * each worker. Everything of an instance (start, handlers, hooks, completions, timers) runs on the thread of its
 * worker, one call at a time, so a plugin needs no lock, as if the program had one thread. Only functions that it hands
 * to work() and batch() run elsewhere; each says so below.
 *
 * Unless a declaration says otherwise, host functions: may be called from the instance's own worker only; never call
 * back before they return; copy their arguments; and return 0 or a negative CS_E if they return int. Texts are UTF-8.
 * Allocation failure ends the process. */
#ifndef CHATSERVERD_PLUGIN_H
#define CHATSERVERD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <chatserverd/msgid.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CS_ABI_MAJOR 1u /* changes when a member changes its position or meaning */
#define CS_ABI_MINOR 0u /* changes when a member is added at the end of a struct */
#define CS_ABI ((CS_ABI_MAJOR << 16) | CS_ABI_MINOR)

#if defined(__GNUC__)
#define CS_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define CS_EXPORT __attribute__((visibility("default")))
#else
#define CS_PRINTF(format_at, first_at)
#define CS_EXPORT
#endif

/* A connection of this node: worker, generation and slot, never a pointer. If the connection has ended, the handle is
 * refused with CS_ENOENT; it never means a later connection. 0 is no connection. */
typedef uint64_t cs_conn;

/* An account, as on the wire: 1 to CS_INTEGER_MAX; 0 is nobody. */
typedef uint64_t cs_account;

#define CS_DEVICE_MAX UINT64_C(0xffffffff) /* the highest number of an account's device; 0: the one without a name */

enum cs_error_code {
	CS_ENOENT = -1, /* no such connection, field, service, account online */
	CS_EINVAL = -2, /* wrong type, out of range, not allowed in this state */
	CS_EAGAIN = -3, /* accepted, but too much is unsent on the connection (core.output_soft): pause */
	CS_EBUSY = -4, /* a queue is full: nothing was accepted */
	CS_EEXIST = -5, /* exists already, or is online already */
	CS_ECANCELED = -6, /* the server is stopping */
	CS_ENOSTORE = -7, /* the store cannot do it now; nothing was changed */
	CS_EUNKNOWN = -8 /* the store cannot say whether it was done */
};

/* The text of a failed set-up, shown to the operator. */
struct cs_error {
	char text[256];
};

enum cs_log_level { CS_LOG_ERROR = 0, CS_LOG_WARNING = 1, CS_LOG_INFO = 2, CS_LOG_DEBUG = 3 };

/* The part of a request that a later answer needs; it may be copied freely. */
struct cs_request {
	uint32_t msgid;
	uint32_t since; /* the server's, for /metrics: when the request came; 0: not known */
	int64_t req; /* -1: the request had none */
};

/* A checked frame; valid only during the handler's call. */
struct cs_frame {
	struct cs_request request;
	cs_conn conn;
	cs_account account; /* of the connection; 0 before its login */
	const char *name; /* of the account, NUL-terminated; "" before its login */
	uint64_t device; /* the account's device on this connection; 0: the one without a name */
	const char *bytes; /* from { to }, exactly as sent */
	size_t size;
	const void *fields; /* the server's; to be read with get_... */
};

/* The result of a handler or a hook. */
enum cs_verdict {
	CS_DONE = 0, /* handler: done, or its answer comes later while other frames go on */
	CS_PASS = 0, /* hook: no objection */
	CS_PENDING = 1, /* nothing more of this connection is dispatched until finish(), or resume() of a hook */
	CS_REJECT = -100 /* refused; refuse(), refuse_as() or refuse_more() has been called */
};

typedef int cs_handler_fn(void *state, const struct cs_frame *frame);

enum cs_route_flag {
	CS_ROUTE_NEEDS_LOGIN = 1, /* else NOT_LOGGED_IN */
	CS_ROUTE_OWN_ID = 2, /* `id` must be there (else BAD_FRAME) and be the connection's account
	                             * (else NOT_ALLOWED) */
	/* A verb: only for connections of operators (core.control in chat.conf(5)), where nobody is logged in. For
	 * others there is no such route (UNKNOWN_MSGID). It is not charged, goes on while the node drains, and only
	 * hooks for its own msgid see it. Without the other flags. */
	CS_ROUTE_OPERATOR = 4
};

/* A msgid that a plugin handles. The list ends with handler NULL. */
struct cs_route {
	uint32_t msgid;
	const char *name;
	cs_handler_fn *handler;
	uint32_t flags;
	uint32_t cost; /* charged to the connection's rate limit before the handler runs */
};

/* Sees a checked frame before its handler: its msgid has a handler, and the login state and the own id are as the route
 * demands. CS_PASS: the next hook gets the frame, or the handler after the last hook. CS_REJECT: the hook has refused
 * the request; nobody else sees it. CS_PENDING: the hook calls resume() later; until then nothing more of this
 * connection is dispatched. A hook must not change the frame. Any other result counts as CS_REJECT. */
typedef int cs_hook_fn(void *state, const struct cs_frame *frame);

/* A hook. The list ends with before NULL. */
struct cs_hook {
	uint32_t
		msgid; /* of the frames that it sees; 0: all msgids that a plugin handles, but for verbs of operators */
	int32_t order; /* lower ones first, across all plugins; equal ones in the order of start */
	cs_hook_fn *before;
	uint32_t spare; /* 0 */
};

enum cs_option_type {
	CS_OPTION_BOOL, /* int: yes/no, on/off, true/false, 1/0 */
	CS_OPTION_INTEGER, /* int64_t */
	CS_OPTION_SIZE, /* int64_t, bytes: 64K, 19M, 1G */
	CS_OPTION_TIME, /* int64_t, milliseconds: 250ms, 30s, 5m, 2h, 7d; 0 is also "forever" if that is the default */
	CS_OPTION_TEXT, /* const char *, never NULL */
	CS_OPTION_SECRET, /* const char *, never NULL; printed as ***; or first line of the file KEY_file */
	CS_OPTION_CHOICE /* int: the index in `choices`, which is "one|two|three" */
};

/* A key of the section that has the plugin's name. The list ends with key NULL. */
struct cs_option {
	const char *key;
	enum cs_option_type type;
	size_t offset; /* of the member in the plugin's option struct */
	int64_t min, max; /* of a number; of the length of a text in bytes */
	const char *default_text; /* as it would be written in chat.conf */
	const char *choices; /* CS_OPTION_CHOICE only, else NULL */
	int reload; /* 1: SIGHUP changes it */
	const char *help; /* one line, for --dump-options and the man page */
};

struct cs_host;
struct cs_self; /* an instance, as the server knows it */
struct cs_db; /* <chatserverd/db.h> */
struct cJSON; /* <cjson/cJSON.h> */
struct cs_timer;
struct cs_watch;

/* Runs on a store thread, and may call only host functions marked [any thread]. db is NULL for CS_WORK_HASH. Returns 0,
 * an enum cs_db_result, or a number of its own above 0. Changes of a CS_WORK_WRITE are committed if it returns 0, and
 * undone otherwise. Others share its transaction, so it may be run again because of them. */
typedef int cs_work_fn(struct cs_db *db, void *arg);

/* Called on the worker, exactly once, whether or not the connection still lives. result: the function's, or CS_ENOSTORE
 * (not done), CS_EUNKNOWN (perhaps done), CS_ECANCELED (the server stops, not done). */
typedef void cs_done_fn(void *state, cs_conn conn, int result, void *arg);

typedef void cs_timer_fn(void *state, void *arg);

/* Events of a descriptor. An error or the peer's end counts as both. */
enum cs_watch_event { CS_WATCH_READ = 1, CS_WATCH_WRITE = 2 };
/* events: those of the watched events that have occurred. */
typedef void cs_watch_fn(void *state, int fd, unsigned events, void *arg);
typedef void cs_post_fn(void *state, void *arg);

enum cs_work_kind {
	CS_WORK_READ = 0, /* on a reader; sees everything that was committed before it was handed in */
	CS_WORK_WRITE = 1, /* on a writer, in a transaction */
	CS_WORK_HASH = 2 /* on the hashing pool; no database */
};

/* A kind of item; writers store many items at once. Constant data of the plugin. */
struct cs_batch {
	const char *name;
	/* [writer thread] Stores all items in the open transaction, in their order. careful is 0 at first; it is 1 when
	 * the batch failed with CS_DB_DUPLICATE and is run again: then look for rows that exist already. Must change
	 * nothing in an item that a second run could not do again. Returns 0 or an enum cs_db_result. If one item fails
	 * for a reason of its own, note that in the item and return 0. */
	int (*run)(struct cs_db *db, void *const *items, size_t count, int careful);
	/* [writer thread] Called right after the commit and before any done of the batch, for each item in order. May
	 * call only host functions marked [any thread]; host and self are those given at batch(). NULL: not wanted. */
	void (*committed)(const struct cs_host *host, struct cs_self *self, void *item);
	/* [worker that handed it in] Called exactly once for each item. result as for cs_done_fn. The plugin owns the
	 * item again. */
	void (*done)(void *state, int result, void *item);
	const void *spare[2]; /* NULL; else batch() answers CS_EINVAL */
};

enum cs_claim_flag { CS_CLAIM_KICK = 1 }; /* close the older session instead of being refused */

/* The session that a connection shall get. */
struct cs_claim {
	cs_account account;
	uint64_t device; /* of the account: 0 to CS_DEVICE_MAX */
	const char *name; /* of the account */
	uint64_t generation; /* see claim() */
	uint64_t want; /* words that its client asked for: bit i is the i-th of want_words() */
	unsigned flags; /* enum cs_claim_flag */
	uint32_t spare[3]; /* 0; else done gets CS_EINVAL */
};

#define CS_EVERY_DEVICE UINT64_MAX /* for route() */

/* CS_ROUTE_CASUAL: if the data is lost, nothing replaces it. So it is dropped first when too much waits: at most 8
 * MiB of it wait for one worker of this node. It may wait for the end of the sender's turn.
 * CS_ROUTE_HERE: of route_all(): only to instances of this node. */
enum cs_route_data_flag { CS_ROUTE_CASUAL = 1, CS_ROUTE_HERE = 2 };

/* Bytes that never change, with a count of those that keep them: made by share(), freed with the last keeper. */
struct cs_shared {
	const char *bytes;
	size_t size;
};

#define CS_PARCEL_HEAD_MOST 255u /* bytes */

/* A plugin's data on its way to its other instances. The head is copied, so it should be small; the body is kept by
 * reference and never copied within the process. Between nodes both travel as they are: define their bytes, for example
 * with the low byte of each number first. */
struct cs_parcel {
	const void *head; /* aligned as for uint64_t when it arrives */
	size_t head_size; /* at most CS_PARCEL_HEAD_MOST */
	struct cs_shared *body; /* NULL: none */
};

/* A change of the cluster's state. */
enum cs_cluster_event {
	/* From now on data that other nodes route may not arrive: look at the store more often. */
	CS_CLUSTER_DEGRADED = 1,
	/* Routed data arrives again; look at the store for data that was missed meanwhile. */
	CS_CLUSTER_WHOLE = 2,
	/* Some routed data may have been lost: look at the store once. */
	CS_CLUSTER_MISSED = 3
};

/* Who is at the other end of a connection. If that is a proxy of core.proxy_from: the client that the proxy named. */
struct cs_peer {
	char text[64]; /* address:port or [address]:port, for the log; NUL-terminated */
	uint64_t network; /* by which clients are counted: a number for each IPv4 address and each /64 of IPv6;
	                     * never 0; good on this node only */
	uint64_t spare[4]; /* 0; for values that the server adds later */
};

/* What ask_erase() asks the plugins, and how that went. It belongs to the caller and must live until done. */
struct cs_erasing {
	cs_account account;
	size_t most; /* rows that a plugin removes in one call, above 0; see cs_plugin.erase */
	/* Set before done is called. */
	int more; /* 1: a plugin has removed so many rows and has others: ask again */
	char plugin[36]; /* the first one that failed, NUL-terminated; "": none has */
	uint32_t spare[2]; /* 0; else CS_EINVAL */
};

/* A network of clients: its range of the numbers of cs_peer.network, and the one text that it has: 192.0.2.1,
 * 192.0.2.0/24, 2001:db8::/64. */
struct cs_network {
	uint64_t first, last; /* both included */
	char text[64]; /* NUL-terminated */
};

struct cs_host {
	uint32_t abi, size;

	/* ---- log: one line, words and then key=value pairs, never a password, a message body or an SQL value. The
	 * format says what is a pair: a value of an argument is quoted where it must be, so give what others wrote as a
	 * value, key=%s, and not as words. [any thread] */
	void (*log)(struct cs_self *self, enum cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);

	/* ---- reading a frame: 0, CS_ENOENT (absent), CS_EINVAL (wrong type or out of range) */
	int (*get_integer)(const struct cs_frame *frame, const char *key, int64_t min, int64_t max, int64_t *value_r);
	/* The text is NUL-terminated (it contains no other NUL) and lives as long as the frame. */
	int (*get_text)(const struct cs_frame *frame, const char *key, const char **text_r, size_t *size_r);
	int (*get_flag)(const struct cs_frame *frame, const char *key, int *value_r);
	/* 1 if the top-level object has the key, else 0. */
	int (*has)(const struct cs_frame *frame, const char *key);

	/* ---- answering. conn may have ended: then these do nothing. */
	/* Success: {"msgid":100,"of":M,"req":R,"errno":0<more>}; nothing is sent if the request had no req. Call it in
	 * that case as well: a client that closed its sending side is kept, for at most 5 s, until all its requests are
	 * answered or refused. more is "", or further members with their leading comma: ,"seq":7 */
	void (*answer)(struct cs_self *self, cs_conn conn, const struct cs_request *request, const char *more);
	/* Refusal, always sent: {"msgid":100,"of":M,"req":R,"errno":E,"errmsg":"..."}. Returns CS_REJECT, so that a
	 * handler can write `return host->refuse(...)`. */
	int (*refuse)(struct cs_self *self, cs_conn conn, const struct cs_request *request, int wire_errno,
	              const char *format, ...) CS_PRINTF(5, 6);
	/* Refuses for a negative result of work, batch or claim: BUSY, UNAVAILABLE, GOING_AWAY, or BAD_FRAME if the
	 * store cannot hold a value (CS_DB_BAD_VALUE). */
	int (*refuse_result)(struct cs_self *self, cs_conn conn, const struct cs_request *request, int result);

	/* ---- connections */
	/* Queues one frame (bytes from { to }; the terminator is added). If tail is not NULL it replaces the closing
	 * brace: send(conn, f, n, ",\"seq\":7}", ...) forwards f with a field added at its end. *position_r (position_r
	 * may be NULL) is set to the connection's count of bytes up to this frame's end; `written` reaches it when the
	 * kernel has taken them. 0; CS_EAGAIN: queued as well, but pause until `written` reports that little is left;
	 * CS_ENOENT; CS_EINVAL: not queued, because it does not begin with { or end with }. */
	int (*send)(struct cs_self *self, cs_conn conn, const char *frame, size_t size, const char *tail,
	            uint64_t *position_r);
	/* Ends CS_PENDING of a handler: the connection's next frames are dispatched, but not inside this call. Of an
	 * adopted connection: also the end of a login without a request, see adopt(). CS_EINVAL: the frame waits for a
	 * hook. */
	int (*finish)(struct cs_self *self, cs_conn conn);
	/* Writes the queued output and closes. */
	int (*close)(struct cs_self *self, cs_conn conn, const char *why);
	/* Closes the connection when it is silent for so many ms; 0: never. Until this is called, and again from
	 * logout() on, core.idle_timeout is in force. doubt_ms: a claim that meets the connection's session takes it
	 * for dead after so long a silence; 0: never, then TCP is asked. CS_EINVAL: a time below 0. */
	int (*set_silence)(struct cs_self *self, cs_conn conn, int64_t ms, int64_t doubt_ms);

	/* ---- sessions: one device of an account on one connection of the whole cluster. Other devices of the account
	 * have sessions of their own. */
	/* Claims the device's place for the connection; claim is copied. generation rises with every login of the
	 * account and comes from the store: a session with a higher one is never replaced, and if two nodes could not
	 * talk, that one stays. The result for done is 0: from now on the connection has the session, and data can be
	 * routed to it; CS_EEXIST: the device is online elsewhere, or a later login has it; CS_EBUSY: the account has
	 * 64 sessions on this node, or too much output of the node is unsent (core.output_memory); CS_ENOENT: the
	 * connection has ended; CS_EINVAL: the connection has a session, the device is above CS_DEVICE_MAX, or a spare
	 * member is not 0; CS_ECANCELED: the server is stopping.
	 *
	 * A session that is already ending is waited for. Without CS_CLAIM_KICK an older session is probed. If its peer
	 * answers, done gets CS_EEXIST: mostly within 1 s, or after 4 s at most if the peer takes no data. If nothing
	 * answers for 4 s, or the peer was silent for too long (set_silence), that session is ended and the claim
	 * granted. A session on another node is waited for as well: for 3 s with CS_CLAIM_KICK, for 7 s without. A
	 * session of a named device is told GOING_AWAY before CS_CLAIM_KICK closes it. */
	int (*claim)(struct cs_self *self, cs_conn conn, const struct cs_claim *claim, cs_done_fn *done, void *arg);
	/* Ends the connection's session, as closing the connection would; the connection stays open. CS_EINVAL: it has
	 * none. */
	int (*logout)(struct cs_self *self, cs_conn conn);
	/* Gives up the hold that `closed` took by returning CS_PENDING. */
	void (*release)(struct cs_self *self, cs_account account, uint64_t device);
	/* Sets online[i] to 1 if accounts[i] has a session of any device anywhere in the cluster, else to 0; then calls
	 * done. Its result is 0; CS_ENOENT: the bus is away, and only the sessions of this node count. Both arrays
	 * belong to the caller and must live until done. */
	int (*presence)(struct cs_self *self, cs_conn conn, const cs_account *accounts, unsigned char *online,
	                size_t count, cs_done_fn *done, void *arg);

	/* ---- the store. 0; CS_EBUSY: the queue is full; CS_ECANCELED: stopping. On any result but 0 done is not
	 * called and arg stays the caller's. For hashing, networks take turns; in a full queue the network that has
	 * most makes room, and its last work gets the result CS_EBUSY. If the connection ends, hashing for its PENDING
	 * request is not begun any more and gets the result CS_ECANCELED, as all waiting work does when the server
	 * stops; hashing that is handed in later is refused with CS_ECANCELED. Work with conn 0 belongs to no
	 * connection and is not cancelled with one. */
	int (*work)(struct cs_self *self, cs_conn conn, enum cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done,
	            void *arg);
	/* Items of one instance with one key are stored in the order in which they were handed in. bytes counts
	 * toward the queue's limit. */
	int (*batch)(struct cs_self *self, const struct cs_batch *batch, uint64_t key, void *item, size_t bytes);
	/* 1 if a commit can have happened although the database reported an error (see db.h). [any thread] */
	int (*outcome_can_be_unknown)(struct cs_self *self);
	/* 1 if no other server writes to this store while this one runs, and each commit's outcome is known (see lock
	 * and outcome_can_be_unknown in db.h). Then this process knows of every commit. [any thread] */
	int (*store_is_exclusive)(struct cs_self *self);

	/* ---- sends to the same plugin on other workers (and nodes): its `routed` is called, never inside this call,
	 * in the order of the calls of one thread. Nodes may be machines of different kinds, with different plugins:
	 * the receiver must check what comes. What comes from a node where cs_plugin.parcel_version is another number
	 * is dropped (then `cluster` gets CS_CLUSTER_MISSED, unless it was CS_ROUTE_CASUAL), and so is what arrives
	 * after the instance's worker has stopped. CS_EINVAL: the head is too long. flags: enum cs_route_data_flag.
	 * [any thread] */
	/* To the instances that have sessions of the account, on any node: of one device or of CS_EVERY_DEVICE, once
	 * for each session. 0: the data is on its way, which does not prove that it arrives; CS_ENOENT: not online. */
	int (*route)(struct cs_self *self, cs_account to, uint64_t device, const struct cs_parcel *parcel,
	             unsigned flags);
	/* To every instance that has subscribed to the topic, on every node, also the caller's own; topic 0: to every
	 * instance, subscribed or not. 0. */
	int (*route_all)(struct cs_self *self, uint64_t topic, const struct cs_parcel *parcel, unsigned flags);

	/* ---- time */
	int64_t (*now)(void); /* milliseconds since 1970, never going back within the process. [any thread] */
	/* Calls fn after ms; again and again if repeat is 1. A one-shot timer is freed after its call. */
	struct cs_timer *(*timer_add)(struct cs_self *self, int64_t ms, int repeat, cs_timer_fn *fn, void *arg);
	void (*timer_del)(struct cs_self *self, struct cs_timer *timer);

	/* ---- services: in start() only. Table and context belong to the provider and outlive the caller, also one
	 * that is replaced: a provider is not replaced while the server runs. 0, or
	 * CS_ENOENT (never for a service in `needs`; for one in `uses`: no plugin provides it). */
	int (*service)(struct cs_self *self, const char *name, uint32_t version, const void **table_r,
	               void **context_r);

	/* ---- answering, continued. */
	/* As refuse, if the request has an answer of its own, such as LOGIN_ACK: ack is the msgid of that answer, and
	 * the frame is {"msgid":ack,"req":R,"errno":E,"errmsg":"..."}. Call it instead of send, so that /metrics counts
	 * the refusal. Returns CS_REJECT. */
	int (*refuse_as)(struct cs_self *self, cs_conn conn, const struct cs_request *request, uint32_t ack,
	                 int wire_errno, const char *format, ...) CS_PRINTF(6, 7);

	/* ---- who asks, and how often they may guess wrong */
	/* 0, or CS_ENOENT. */
	int (*peer)(struct cs_self *self, cs_conn conn, struct cs_peer *peer_r);
	/* In how many ms the network may guess again something that belongs to the subject (above 0; an account, for
	 * example), such as its password; 0: now. Five failures of a network with one subject make a pause of 1 s. Each
	 * further failure doubles the pause, up to 5 min; 15 min without a failure forget them. most: how many failures
	 * a minute a network may have with all subjects; 0: no limit. The memory belongs to the node, has a fixed size,
	 * and is shared by all plugins. Ask right before a guess is judged, and also earlier if that saves work. [any
	 * thread] */
	int64_t (*guess_wait)(struct cs_self *self, uint64_t network, uint64_t subject, int64_t most);
	/* A guess was judged: a wrong one counts; a right one removes the failures of the same network and subject.
	 * [any thread] */
	void (*guess_note)(struct cs_self *self, uint64_t network, uint64_t subject, int64_t most, int right);

	/* ---- hooks */
	/* Ends the CS_PENDING of the instance's hook. verdict: CS_PASS, or CS_REJECT after refuse(). The next hooks and
	 * the handler are not called inside this call. 0; CS_EINVAL: another verdict; CS_ENOENT: no frame waits for
	 * this hook, because the connection or its session has ended; CS_ECANCELED: the server is stopping. For the
	 * last two the client has been refused, if the connection is still there. */
	int (*resume)(struct cs_self *self, cs_conn conn, int verdict);

	/* ---- descriptors and threads of the plugin's own */
	/* Calls fn whenever events (enum cs_watch_event) are there, as long as they are, until unwatch(); remaining
	 * watches are freed after `stop`. The descriptor belongs to the plugin: call unwatch, then close it. NULL: it
	 * cannot be watched (a file, a closed descriptor, no events). */
	struct cs_watch *(*watch)(struct cs_self *self, int fd, unsigned events, cs_watch_fn *fn, void *arg);
	void (*unwatch)(struct cs_self *self, struct cs_watch *watch); /* also from its own call; NULL: nothing */
	/* Calls fn(state, arg) on the instance's worker, exactly once, never inside this call, in the order of the
	 * posts of one thread, and before `stop`. Until then arg is the server's. 0; CS_ECANCELED: `stop` has been
	 * called or is about to be; fn is not called and arg stays the caller's. A post made inside a start() that then
	 * fails is dropped, and arg stays the caller's. The number of waiting posts has no limit, so the plugin must
	 * limit it. A thread of the plugin must end before `stop` returns. [any thread] */
	int (*post)(struct cs_self *self, cs_post_fn *fn, void *arg);

	/* ---- reading a frame, continued. */
	/* The member as a tree of <cjson/cJSON.h>, if it is an array or an object: 0, CS_ENOENT (absent), CS_EINVAL
	 * (another type). The tree belongs to the frame: it is freed when the handler has returned. */
	int (*tree)(const struct cs_frame *frame, const char *key, const struct cJSON **tree_r);

	/* ---- sessions, continued */
	/* The words of LOGIN's `want` that the loaded plugins give (cs_plugin.want), each once, at most 64; the list
	 * ends with NULL. Constant, also in start(): bit i of a session's want is the i-th word. A reload that brings
	 * new words makes a longer list for later calls; an earlier list stays as it is. [any thread] */
	const char *const *(*want_words)(struct cs_self *self);

	/* ---- time, continued */
	/* Milliseconds of a clock that nobody sets: for durations. now() stands still while the system's clock,
	 * which was set back, has not come up to it again. [any thread] */
	int64_t (*monotonic)(void);

	/* ---- routing, continued */
	/* Copies the bytes. The caller is the first keeper. [any thread] */
	struct cs_shared *(*share)(const void *bytes, size_t size);
	/* The caller keeps the bytes no longer. Calls that were given the bytes keep them as long as they need them.
	 * NULL: nothing. [any thread] */
	void (*unshare)(struct cs_shared *shared);
	/* From now on route_all() to the topic reaches this instance; topic 0: to any topic. Twice is once. What was
	 * written to the store before the call of route_all() that an instance has just missed can be read from the
	 * store: so subscribe first, then read. */
	void (*subscribe)(struct cs_self *self, uint64_t topic);
	/* Ends that. Topic 0 ends only the subscription to any topic. Parcels that are on their way still arrive. */
	void (*unsubscribe)(struct cs_self *self, uint64_t topic);

	/* ---- answering, continued. */
	/* As refuse, with further members at the end of the frame. more as in answer(): ,"until":1700000000000 */
	int (*refuse_more)(struct cs_self *self, cs_conn conn, const struct cs_request *request, int wire_errno,
	                   const char *more, const char *format, ...) CS_PRINTF(6, 7);

	/* ---- connections, continued */
	/* Charges more than the route's cost to the connection's rate limit, for a request whose cost is known only
	 * when it was served, such as a query. If that is over the rate, the next frames of the connection wait. 0, or
	 * CS_ENOENT. */
	int (*charge)(struct cs_self *self, cs_conn conn, uint32_t cost);

	/* ---- sessions, continued */
	/* As presence(), but online[i] says whether the account has a session of devices[i]; on this node also whether
	 * a claim is under way. */
	int (*presence_of)(struct cs_self *self, cs_conn conn, cs_account account, const uint64_t *devices,
	                   unsigned char *online, size_t count, cs_done_fn *done, void *arg);

	/* ---- figures */
	/* Sets a figure of /metrics, chatserverd_PLUGIN_NAME: the value that any instance of the plugin set last.
	 * name: a-z, 0-9 and _, at least one; with _total at its end the figure is a counter, which only rises. help:
	 * one line, without a line's end. Both are constant texts, and not NULL. A figure that has no such name, or the
	 * whole name of a figure of the server or of another plugin, is left out of /metrics, and an error is logged,
	 * once for each plugin. [any thread] */
	void (*gauge)(struct cs_self *self, const char *name, const char *help, int64_t value);

	/* ---- which instance */
	/* The number of the instance's worker; the first is 0. For what one instance of the plugin does for all of this
	 * node, such as a log line each day. [any thread] */
	unsigned (*worker)(struct cs_self *self);

	/* ---- audit log */
	/* Writes a line that tells who came, who went, or who changed what others may do, to where core.audit says;
	 * without an audit log it does nothing. event: a constant word of a-z, 0-9 and _. format: key=value pairs as
	 * for log(), of accounts, devices, groups and addresses; never a secret or a message. If the name of an event
	 * ends with _refused, which anybody can cause, at most 50 of its lines are written in a second, and the next
	 * one says by left_out how many were not. Call it when the thing is done: after the commit. [any thread] */
	void (*audit)(struct cs_self *self, const char *event, const char *format, ...) CS_PRINTF(3, 4);

	/* ---- sessions that are no client's socket */
	/* Adopts fd: makes it a connection of the instance's worker. fd is one end of socketpair(2), AF_UNIX and
	 * SOCK_STREAM; the plugin keeps the other end, watches it (see watch) and speaks frames over it, each ended by
	 * a line feed. It counts and is treated as the connection of a client: max_connections, dispatch, hooks, cost,
	 * rate, output_soft and output_hard, drain, /metrics with the transport "adopted". But it has no address, so no
	 * limit of addresses or guests; no login_timeout; and it may be silent for ever until set_silence(). peer names
	 * it in the log and in cs_peer.text (1 to 63 characters from ! to ~, but no " and no \); the network of cs_peer
	 * is one and the same for all of these.
	 *
	 * Its session: claim() with no request, then whatever belongs to the login (mailbox.h), then finish(), which
	 * says that the login is complete: `opened` is called at the end of that turn. From the call of claim() until
	 * finish(), or until done of a claim that failed, the frames that the plugin writes are not dispatched. Without
	 * CS_CLAIM_KICK the claim is a lease: one connection of the cluster has the device, until that connection or
	 * its node has ended; claim again every few seconds to be the next. A login of a client, or another plugin,
	 * that claims the same device with CS_CLAIM_KICK takes it away. It counts as online.
	 *
	 * The connection ends as that of a client does: by close() or a shutdown of the other end (what was written
	 * before is still dispatched and answered), by close(), a kick, a limit, or a drain, which sends GOING_AWAY
	 * first; then the other end can be read to its end. `closed` is called in each case. The other end is the
	 * plugin's, and stays open until it closes it. When the plugin is replaced, the connection and its session
	 * stay: save() can hand the other end and the cs_conn to restore() after unwatch(); else stop() closes the
	 * other end, and so ends it.
	 *
	 * flags: 0. On 0 *conn_r is the connection, and fd is the server's, which makes it non-blocking. Otherwise fd
	 * stays the caller's: CS_EBUSY: core.max_connections is reached, or the instance is to replace another one and
	 * has not done so yet: try again later; CS_ECANCELED: the node is draining or stopping, or the instance was
	 * replaced; CS_EINVAL: fd is no such socket, peer or flags are not allowed, or start() has not returned yet
	 * (use timer_add with 0 ms there). */
	int (*adopt)(struct cs_self *self, int fd, const char *peer, unsigned flags, cs_conn *conn_r);

	/* ---- sessions, continued */
	/* Whether a claim could be granted now: 0, or CS_EBUSY if too much output of the node is unsent
	 * (core.output_memory), which counts as a refused login. Ask before work that costs much, such as the hashing
	 * of a password; claim() judges again. */
	int (*may_claim)(struct cs_self *self);

	/* ---- banned networks */
	/* Reads an address or a network, IPv4 or IPv6. A single IPv6 address, or a smaller network than a /64, stands
	 * for its /64; an IPv4 address that is mapped into IPv6 for the IPv4 address. 0; CS_EINVAL with the text in e:
	 * it is none, bits are set behind the mask, or it may not be banned, because addresses of this machine or of
	 * core.proxy_from are in it. */
	int (*read_network)(struct cs_self *self, const char *text, struct cs_network *network_r, struct cs_error *e);
	/* From now on connections of these networks are refused on this node, and of no others; those that are there
	 * are closed soon. The list is copied, replaces the former one, and stays when the plugin is replaced. It is
	 * the node's: one instance of one plugin should call this. Networks of read_network. */
	void (*ban)(struct cs_self *self, const struct cs_network *networks, size_t count);

	/* ---- erasing an account */
	/* Calls `erase` of each plugin in force that has it, one after the other, each in a transaction of its own: for
	 * who erases accounts. If one fails, its changes are undone, and the others are still asked. The result
	 * for done is 0: nothing is left, or erasing->more is 1. Else it is that of the first plugin that failed, which
	 * erasing->plugin names: a CS_E that `erase` returned, or a result as for work(); CS_ENOSTORE also means that a
	 * statement of the plugin is wrong. Without a name there it is CS_EBUSY, CS_ENOSTORE or CS_ECANCELED, as work()
	 * answers them. 0; CS_EINVAL: account, most or a spare member is not allowed. */
	int (*ask_erase)(struct cs_self *self, struct cs_erasing *erasing, cs_done_fn *done, void *arg);

	/* ---- answering, continued. */
	/* The text with which refuse_result() refuses now, a constant, and its errno in *wire_errno_r: for refuse_as()
	 * and refuse_more(). */
	const char *(*result_text)(struct cs_self *self, int result, int *wire_errno_r);
};

/* A service that a plugin offers to others. Its context is the state of the provider's instance on the same worker. The
 * list ends with name NULL. */
struct cs_service {
	const char *name;
	uint32_t version;
	const void *table;
};

struct cs_plugin {
	uint32_t abi, size; /* CS_ABI, sizeof(struct cs_plugin); always the first two members */
	/* sizeof(struct cs_...) when the plugin was compiled: the distance between two rows in its lists. So the
	 * structs may grow and old plugins still work. CS_PLUGIN_HEAD sets these six members. */
	uint32_t route_size, hook_size, option_size, service_size;
	/* name: that of the file without .so; also that of the section. Up to 32 characters of a-z, 0-9 and _, a letter
	 * first. */
	const char *name, *version;
	const char *const *needs; /* services; NULL-ended list or NULL */
	const char *const *uses; /* the same, but the plugin also runs if no plugin provides them */
	const struct cs_service *provides; /* or NULL */
	const struct cs_route *routes; /* or NULL */
	const struct cs_option *options; /* or NULL */
	const struct cs_hook *hooks; /* or NULL */
	const char *const *want; /* words of LOGIN's `want` that it gives; NULL-ended list or NULL */
	size_t conf_size; /* of the option struct; 0 without options */

	/* Makes the instance of one worker. conf is the option struct; it belongs to the server and is valid until
	 * `reload` brings another. 0, or a CS_E with the text in e: then the server does not start. */
	int (*start)(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
	             struct cs_error *e);
	/* commit 0: is this conf acceptable (0, or CS_EINVAL with the text in e)? commit 1: use it from now on. Every
	 * instance is asked before any is told. NULL: options cannot change. */
	int (*reload)(void *state, const void *conf, int commit, struct cs_error *e);
	/* The connection has a session and its login was answered: finish() of the request that claimed it, or of the
	 * adopted connection, was called.
	 * want: words that its client asked for, by want_words(). A session that ends before that is reported by
	 * `closed` only. NULL: not wanted. */
	void (*opened)(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want);
	/* The session of a connection (LOGOUT) or the connection has ended; conn is no longer valid for host calls.
	 * account and device are 0 if nobody was logged in. A plugin that has just replaced another may hear of a
	 * session of which `opened` did not tell it. written is the final count of bytes that the kernel took.
	 * Return CS_PENDING to hold the device's place until release(), else 0. Later logins of the device wait. */
	int (*closed)(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t written);
	/* The kernel took bytes of a logged-in connection: position is their number in all, unsent the number of bytes
	 * that wait. Called at most once for each turn and connection. */
	void (*written)(void *state, cs_conn conn, uint64_t position, size_t unsent);
	/* A parcel that an instance sent with route (conn and account name the session here) or route_all (conn 0,
	 * account 0). It is valid during the call; so is its body, unless it is routed on. */
	void (*routed)(void *state, cs_conn conn, cs_account account, const struct cs_parcel *parcel);
	/* The cluster's state changed. Without a bus only CS_CLUSTER_MISSED is called: after a replacement. */
	void (*cluster)(void *state, enum cs_cluster_event event);
	/* Ends the instance: no connection, work or item is left. Must free the state. After a replacement sessions
	 * may be left that the instance knows: it does not hear of their ends. */
	void (*stop)(void *state);
	/* Checks the files, folders and the like that the options name, for `chatserverd -t` and before a start. Must
	 * not make, change or keep anything. 0, or CS_EINVAL with the text in e and the option's key in *key_r. 0 with
	 * both of them set: a warning, which -t shows. May block. NULL: nothing to check. [main thread] */
	int (*check)(const void *conf, const char **key_r, struct cs_error *e);
	/* Of the form of the parcels that it routes, 0 to 255: raise it when their bytes or their meaning change. */
	uint32_t parcel_version;
	/* The account, whose sessions were all here, now has one on another node as well. Parcels that were routed to
	 * it shortly before have perhaps reached the sessions of this node only. Called once for the account on
	 * the first worker and on each that has, or just had, a session of it. Never called without a bus. NULL:
	 * not wanted. */
	void (*not_alone)(void *state, cs_account account);

	/* ---- being replaced by another version of the plugin while the server runs (a reload found that the file has
	 * changed). On each worker the new instance is started beside the old one. Then, between two turns of the loop,
	 * it takes over: `save` of the old one, `restore` of the new one (or `opened` for each session), then `cluster`
	 * with CS_CLUSTER_MISSED, or CS_CLUSTER_DEGRADED while the bus is away. From then on the new one gets all
	 * frames, parcels and events; the old one gets the ends of what it has under way, its timers and its watches,
	 * and `stop` when nothing is under way any more. */
	/* Hands over what the new instance shall know: bytes made by share(), which are the server's from now on; begin
	 * them with a number of their form. NULL: nothing. NULL (also for the member): `opened` tells the new one of
	 * each session. */
	struct cs_shared *(*save)(void *state);
	/* Takes what `save` of another version gave, valid during the call. 0: the instance knows all sessions by it;
	 * CS_EINVAL: it cannot read that, and `opened` is called for each session. NULL: nothing is asked of `save`. */
	int (*restore)(void *state, const struct cs_shared *saved);
	/* 1 while something of the instance is under way that the server does not see, such as a function that it gave
	 * to a service; else 0. Asked again and again after a replacement, or a reload that was refused, and never
	 * before; `stop` waits for 0. A plugin with `needs` or
	 * `uses` can be loaded or replaced while the server runs only if it has this, even if that always answers 0.
	 * NULL: nothing. */
	int (*busy)(void *state);

	/* An account is erased for ever (chatctl account erase): removes what the plugin's own tables keep about it, at
	 * most about so many rows, so that others who write need not wait. What it said, its name, devices and contacts
	 * are gone by then, and nobody can log in as it; its row stays, and so its number, which is never given again.
	 * Since its erasing was ordered, the row's `locked` is 2, and at last 3: then add no rows for it.
	 *
	 * It runs as a cs_work_fn of CS_WORK_WRITE does, in a transaction of its own, and belongs to no instance: so it
	 * changes only the database. It may be called again at any time, also when it has removed all. 0: nothing is
	 * left; above 0: call it again for the rest; below 0: an enum cs_db_result of a call, or a CS_E of its own, and
	 * what it has changed is undone. The server asks again, after longer and longer pauses, until the answer is 0:
	 * the erasing does not end before, and the log names the plugin. The node that erases asks the plugins in force
	 * there, so all nodes of a cluster should have the same. A plugin that is loaded only after the end of an
	 * erasing is not told of it. NULL: the plugin keeps nothing about accounts. [store thread] */
	int (*erase)(struct cs_db *db, cs_account account, size_t most);
};

/* The beginning of each plugin: const struct cs_plugin cs_plugin = {CS_PLUGIN_HEAD, .name = "shout", ...}; */
#define CS_PLUGIN_HEAD                                                                                                 \
	.abi = CS_ABI, .size = sizeof(struct cs_plugin), .route_size = sizeof(struct cs_route),                        \
	.hook_size = sizeof(struct cs_hook), .option_size = sizeof(struct cs_option),                                  \
	.service_size = sizeof(struct cs_service)

/* The one symbol of a plugin:  CS_EXPORT extern const struct cs_plugin cs_plugin;  */
#define CS_PLUGIN_SYMBOL "cs_plugin"
CS_EXPORT extern const struct cs_plugin cs_plugin;

#define CS_HOST_HAS(host, member)                                                                                      \
	((host)->size >= offsetof(struct cs_host, member) + sizeof((host)->member) && (host)->member)

#ifdef __cplusplus
}
#endif

#endif
