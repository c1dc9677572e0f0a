/* SPDX-License-Identifier: MIT
 * An instance of a plugin on a worker: plugins know it as cs_self; here are the parts that every room may use. */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include <atomic>
#include <mutex>
#include <vector>

#include <chatserverd/plugin.h>

struct loop;
struct plugin;
struct worker;

struct cs_self {
	const struct cs_plugin *declared = nullptr; /* what its file exports */
	const struct cs_host *host = nullptr; /* the table that it got */
	unsigned index = 0; /* index of its plugin, in the order of start */
	struct plugin *plugin = nullptr; /* for the plugin room only */
	struct worker *worker = nullptr;
	struct loop *loop = nullptr; /* the worker's */
	void *state = nullptr;
	bool started = false;
	/* Works, items, claims, questions and posts of it that have not ended. */
	std::atomic<size_t> under_way = 0;
	std::vector<struct cs_timer *> timers; /* alive ones; freed with the instance */
	std::vector<struct cs_watch *> watches; /* live ones, too */
	unsigned topics = 0; /* its topics are those of this number; see plugin_slot */
	bool subscribed = false; /* to a topic, now or before; its worker only */
	bool every_topic = false; /* subscribed to topic 0; its worker only */
	std::mutex mutex; /* guards posts_ended, which only the instance's own thread reads without it */
	bool posts_ended = false; /* the worker has stopped */
	/* When its last mistake of this kind was logged, in ms. */
	int64_t verdict_told = 0, frame_told = 0, transport_told = 0;
};

#endif
