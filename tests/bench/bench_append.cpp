/* SPDX-License-Identifier: MIT
 * Owns measuring message_append_all on SQLite: messages per second by the size of the batch. Run by hand:
 * bench_append [seconds [conversations [with-cid]]]. It must not know how a server batches. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "plugins/model/messages.h"
#include "plugins/model/users.h"
#include "tests/unit/test_db_sqlite.h"

static double now(void)
{
	timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

static void check(cs_db *db, int result)
{
	if (result) {
		fprintf(stderr, "result %d: %s\n", result, db->driver->message(db));
		abort();
	}
}

static void make_users(cs_db *db, int count)
{
	uint64_t id;

	check(db, db->driver->begin(db));
	for (int i = 0; i < count; i++)
		check(db, user_insert(db, "user " + std::to_string(i), "x", 0, &id));
	check(db, db->driver->commit(db));
}

static void show(size_t batch, double seconds, std::vector<double> *took)
{
	std::sort(took->begin(), took->end());
	printf("batch %3zu: %8.0f messages/s; one batch takes %.2f ms (median), %.2f (99 %%), %.1f "
	       "(longest)\n",
	       batch, static_cast<double>(took->size() * batch) / seconds, (*took)[took->size() / 2] * 1e3,
	       (*took)[took->size() * 99 / 100] * 1e3, took->back() * 1e3);
}

static void run(cs_db *db, size_t batch, double seconds, int users, bool with_cid)
{
	const std::string body(200, 'x');
	std::mt19937 random(static_cast<unsigned>(batch));
	std::vector<message_append> items(batch);
	std::vector<message_append *> pointers(batch);
	std::vector<std::string> cids(batch);
	std::vector<double> took;
	const double start = now();
	double begun, end;

	do {
		for (size_t i = 0; i < batch; i++) {
			items[i] = {};
			items[i].sender = 1 + random() % static_cast<unsigned>(users);
			items[i].to = items[i].sender % static_cast<unsigned>(users) + 1;
			cids[i] = with_cid ? std::to_string(random()) + "-" + std::to_string(random()) : "";
			items[i].cid = cids[i];
			items[i].body = body;
			pointers[i] = &items[i];
		}
		begun = now();
		check(db, db->driver->begin(db));
		check(db, message_append_all(db, pointers, false));
		check(db, db->driver->commit(db));
		end = now();
		took.push_back(end - begun);
	} while (end - start < seconds);
	show(batch, end - start, &took);
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 3;
	const int users = argc > 2 ? atoi(argv[2]) : 1000;
	test_store store;

	test_store_make(&store);
	if (getenv("BENCH_FOLDER"))
		test_conf_set_path(&store, std::string(getenv("BENCH_FOLDER")) + "/bench.db");
	cs_db *db = test_store_open(&store);
	make_users(db, users);
	for (const size_t batch : {size_t(1), size_t(16), size_t(64), size_t(256)})
		run(db, batch, seconds, users, argc > 3);
	store.driver->close(db);
	test_store_remove(&store);
	return 0;
}
