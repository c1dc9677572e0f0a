/* SPDX-License-Identifier: MIT
 * Measures message_append_all on SQLite, or on a MariaDB of its own if CS_DRIVER=db_mysql: messages per second by the
 * size of the batch. Run by hand: bench_append [seconds [conversations [with-cid [writers]]]]. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "plugins/model/messages.h"
#include "plugins/model/users.h"
#include "tests/support/database.h"

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

struct figures {
	std::vector<double> took;
	size_t retries = 0;
};

static void show(size_t batch, double seconds, figures *f)
{
	std::vector<double> &took = f->took;

	std::sort(took.begin(), took.end());
	printf("batch %3zu: %8.0f messages/s; one batch takes %.2f ms (median), %.2f (99 %%), %.1f "
	       "(longest); %zu run again\n",
	       batch, static_cast<double>(took.size() * batch) / seconds, took[took.size() / 2] * 1e3,
	       took[took.size() * 99 / 100] * 1e3, took.back() * 1e3, f->retries);
}

/* One transaction, again after a deadlock. */
static void append(cs_db *db, std::span<message_append *const> pointers, figures *f)
{
	for (;;) {
		check(db, db->driver->begin(db));
		int result = message_append_all(db, pointers, false);
		if (!result)
			result = db->driver->commit(db);
		if (!result)
			return;
		db->driver->rollback(db);
		if (result != CS_DB_RETRY)
			check(db, result);
		f->retries++;
	}
}

struct load {
	size_t batch;
	double seconds;
	int users;
	bool with_cid;
};

static void run(cs_db *db, const load &l, unsigned seed, figures *f)
{
	const std::string body(200, 'x');
	std::mt19937 random(seed);
	std::vector<message_append> items(l.batch);
	std::vector<message_append *> pointers(l.batch);
	std::vector<std::string> cids(l.batch);
	const double start = now();
	double begun, end;

	do {
		for (size_t i = 0; i < l.batch; i++) {
			items[i] = {};
			items[i].sender = 1 + random() % static_cast<unsigned>(l.users);
			items[i].to = items[i].sender % static_cast<unsigned>(l.users) + 1;
			cids[i] = l.with_cid ? std::to_string(random()) + "-" + std::to_string(random()) : "";
			items[i].cid = cids[i];
			items[i].body = body;
			pointers[i] = &items[i];
		}
		begun = now();
		append(db, pointers, f);
		end = now();
		f->took.push_back(end - begun);
	} while (end - start < l.seconds);
}

static void run_writers(const std::vector<cs_db *> &connections, const load &l)
{
	std::vector<figures> all(connections.size());
	std::vector<std::thread> threads;
	const double start = now();

	for (size_t i = 0; i < connections.size(); i++)
		threads.emplace_back(run, connections[i], l, static_cast<unsigned>(l.batch * 10 + i), &all[i]);
	for (std::thread &thread : threads)
		thread.join();
	const double seconds = now() - start;
	for (size_t i = 1; i < all.size(); i++) {
		all[0].took.insert(all[0].took.end(), all[i].took.begin(), all[i].took.end());
		all[0].retries += all[i].retries;
	}
	show(l.batch, seconds, &all[0]);
}

static std::vector<cs_db *> open_all(test_database *d, int writers)
{
	std::vector<cs_db *> connections;

	database_make(d);
	if (!mariadb_wanted() && getenv("BENCH_FOLDER"))
		database_set_text(d, "path", std::string(getenv("BENCH_FOLDER")) + "/bench.db");
	connections.push_back(database_migrate_and_open(d));
	while (mariadb_wanted() && connections.size() < static_cast<size_t>(writers))
		connections.push_back(database_open(d));
	return connections;
}

int main(int argc, char **argv)
{
	load l = {0, argc > 1 ? atof(argv[1]) : 3, argc > 2 ? atoi(argv[2]) : 1000, argc > 3};
	const int writers = argc > 4 ? atoi(argv[4]) : 1;
	test_database database;
	const std::vector<cs_db *> connections = open_all(&database, writers);

	make_users(connections[0], l.users);
	for (const size_t batch :
	     {static_cast<size_t>(1), static_cast<size_t>(16), static_cast<size_t>(64), static_cast<size_t>(256)}) {
		l.batch = batch;
		run_writers(connections, l);
	}
	for (cs_db *db : connections)
		db->driver->close(db);
	return 0;
}
