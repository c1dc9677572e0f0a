/* SPDX-License-Identifier: MIT
 * Declarations that only the files of the bus share: its state, the calls on their way to it, the table that the
 * adapter gets. */
#ifndef CORE_BUS_INTERNAL_H
#define CORE_BUS_INTERNAL_H

#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "core/base/loop.h"
#include "core/bus/bus.h"

/* Bytes of parcels that may wait for the bus thread. Claims, ends of sessions and questions are not counted: each
 * connection has only a few. */
inline constexpr size_t bus_most_waiting = 16 * 1024 * 1024;

/* A call on its way to the bus thread, and there until its completion. It is freed by its completion. */
struct bus_call {
	struct bus *bus = nullptr;
	void (*run)(struct bus_call *call) = nullptr; /* bus thread; gives the call to the adapter */
	int away = 0; /* its result if the adapter has said goodbye */
	struct loop *to = nullptr; /* where done is called */
	bus_done_fn *done = nullptr; /* null: no completion is due */
	void *arg = nullptr;
	int result = 0;

	struct cs_bus_session session {}; /* account and device; and for a session its conn and generation */
	unsigned flags = 0;
	/* A function of the driver. */
	void (*tell)(void *handle, cs_account account, uint64_t device, cs_conn conn) = nullptr;
	const cs_account *accounts = nullptr;
	const uint64_t *devices = nullptr;
	unsigned char *online = nullptr;
	size_t count = 0;
	cs_bus_address address = 0;
	std::string bytes; /* a parcel */
	size_t charge = 0; /* bytes that count while it waits for the bus thread */
};

struct bus {
	struct worker_shared *shared = nullptr;
	const struct cs_bus_driver *driver = nullptr;
	void *handle = nullptr; /* the adapter's */
	struct loop loop;
	std::thread thread;
	std::binary_semaphore left{0}; /* the adapter has said goodbye */
	std::atomic<bool> stopped = false; /* no call is posted any more */
	std::atomic<cs_bus_address> address = 0;
	std::atomic<uint64_t> epochs = 0, sent = 0, received = 0, dropped = 0, refused = 0;
	std::atomic<int64_t> echo_ms = 0; /* how long the last sign of life took through the bus and back */
	std::atomic<int64_t> echoed_at =
		0; /* ms of worker_monotonic_ms, at first when the bus was reached; 0: it is away */
	std::atomic<size_t> unfinished = 0;
	std::atomic<size_t> waiting_bytes = 0; /* of parcels that wait for the bus thread */
	std::atomic<bool> missed = false; /* a send found no room; a call that tells the other nodes is posted */

	/* The bus thread's. */
	bool leaving = false; /* only close of the adapter may be called */
	bool flush_due = false;
	bool oddity_logged = false, stranger_logged = false, full_logged = false, worker_logged = false;
	std::unordered_set<struct bus_call *> waiting; /* given to the adapter; done is due */
};

/* The functions that the adapter gets; their core pointer is the struct bus. */
extern const struct cs_bus_host bus_host_table;

/* ---- the way of a call */

/* away: the call's result if the adapter has said goodbye. */
std::unique_ptr<struct bus_call> bus_call_make(struct bus *b, void (*run)(struct bus_call *call), int away);
/* done is due, on the loop `to`. */
void bus_call_expect(struct bus_call *call, struct loop *to, bus_done_fn *done, void *arg);
/* Posts the call to the bus thread. Any thread. */
void bus_call_post(std::unique_ptr<struct bus_call> owner);
/* This and the rest run on the bus thread. To be called before the call goes to the adapter with bus_call_answered as
 * its completion. */
void bus_call_wait(struct bus_call *call);
void bus_call_answered(void *call, int result);
/* Frees a call whose completion is not due. */
void bus_call_free(struct bus_call *call);

/* bus_send.cpp: something was given to the adapter: counts it, and lets it leave at the end of the turn. */
void bus_note_sent(struct bus *b);

/* Completes the calls that the adapter will never answer, as if the bus were away. No thread may run the loop. */
void bus_abandon(struct bus *b);

/* ---- events of the adapter; contracts in cs_bus_host. Bus thread. */
void bus_on_address(void *core, cs_bus_address address);
void bus_on_arrived(void *core, const void *data, size_t size);
void bus_on_close_session(void *core, cs_account account, uint64_t device, cs_conn conn);
void bus_on_probe_session(void *core, cs_account account, uint64_t device, cs_conn conn, cs_bus_address asker);
void bus_on_alone(void *core, cs_account account, uint64_t device, cs_conn conn, int alone);
void bus_on_changed(void *core, enum cs_cluster_event event);
void bus_on_dropped(void *core, size_t count);
void bus_on_refused(void *core, size_t count);
void bus_on_echoed(void *core, int64_t ms);

#endif
