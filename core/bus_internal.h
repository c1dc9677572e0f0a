/* SPDX-License-Identifier: MIT
 * Owns what the files of the bus share: its state, the calls on their way to it, the table that the adapter
 * gets. It must not be included by anybody else. */
#ifndef CORE_BUS_INTERNAL_H
#define CORE_BUS_INTERNAL_H

#include <array>
#include <atomic>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "bus.h"
#include "loop.h"

/* A call on its way to the bus thread, and there until its completion. It owns itself. */
struct bus_call {
	struct bus *bus = nullptr;
	void (*run)(struct bus_call *call) = nullptr; /* bus thread; hands it to the adapter */
	int away = 0;                                 /* its result where there is no adapter any more */
	struct loop *to = nullptr;                    /* where done is called */
	bus_done_fn *done = nullptr;                  /* null: none is due */
	void *arg = nullptr;
	int result = 0;

	struct cs_bus_session session {}; /* account, and where it is a session its conn and generation */
	unsigned flags = 0;
	const cs_account *accounts = nullptr;
	unsigned char *online = nullptr;
	size_t count = 0;
	cs_bus_address address = 0;
	const struct cs_self *self = nullptr;
	std::string bytes; /* a parcel */
	size_t data_size = 0; /* of the plugin's data, at the end of it */
};

struct bus {
	struct worker_shared *shared = nullptr;
	const struct cs_bus_driver *driver = nullptr;
	void *handle = nullptr; /* the adapter's */
	struct loop loop;
	std::thread thread;
	std::binary_semaphore left{0};     /* the adapter has said goodbye */
	std::atomic<bool> stopped = false; /* nothing is posted any more */
	std::atomic<cs_bus_address> address = 0;
	std::array<std::atomic<cs_bus_address>, 8> own{}; /* the last ones, by epoch */
	std::atomic<uint64_t> epochs = 0, sent = 0, received = 0, dropped = 0;
	std::atomic<size_t> unfinished = 0;

	/* The bus thread's. */
	bool leaving = false; /* no function of the adapter but close is called */
	bool flush_due = false;
	bool oddity_logged = false, stranger_logged = false;
	std::unordered_set<struct bus_call *> waiting; /* handed to the adapter, done is due */
};

/* What the adapter gets; its core pointer is the struct bus. */
extern const struct cs_bus_host bus_host_table;

/* Completes what the adapter never will, as if the bus were away. No thread runs the loop. */
void bus_abandon(struct bus *b);

/* ---- events of the adapter; contracts in cs_bus_host. Bus thread. */
void bus_on_address(void *core, cs_bus_address address);
void bus_on_arrived(void *core, const void *data, size_t size);
void bus_on_close_session(void *core, cs_account account, cs_conn conn);
void bus_on_changed(void *core, enum cs_cluster_event event);

#endif
