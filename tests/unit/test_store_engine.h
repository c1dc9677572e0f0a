/* SPDX-License-Identifier: MIT
 * A database that follows a script of answers, for tests of core/store/store_engine. */
#ifndef TEST_STORE_ENGINE_H
#define TEST_STORE_ENGINE_H

#include <chrono>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/plugin/plugin.h"
#include "core/store/store_connection.h"
#include "core/store/store_engine.h"
#include "tests/support/check.h"

/* The database: answers by script, 0 when the script is at its end, and writes down what was asked. */
struct player {
	std::deque<int> open, begin, run, commit, work, part; /* part: savepoint, release and rollback_to */
	int lost_commit_is_done = 0; /* 1: a commit that answers UNKNOWN was done */
	int64_t begin_takes = 0; /* ms, as a lock that is waited for */
	std::function<void()> opening, running, working; /* called by each open, batch and work, if any */
	bool ended = false; /* the other side has ended the connection: opening another mends that */
	std::set<std::string> refused; /* items that answer BAD_VALUE, alone or among others */
	std::string told; /* one word per call */
	std::vector<std::string> stored; /* after a commit */
	std::vector<std::string> staged;
	std::vector<size_t> parts; /* how much was staged at each open savepoint */
};

static struct player *playing; /* the driver's functions know their connection only */

static inline int next(std::deque<int> *script)
{
	if (script->empty())
		return 0;
	const int answer = script->front();

	script->pop_front();
	return answer;
}

static inline int play_open(const void *, struct cs_db **db_r, struct cs_error *e);

static inline void play_close(struct cs_db *db)
{
	playing->told += "close ";
	delete db;
}

static inline int play_begin(struct cs_db *db)
{
	playing->told += "begin ";
	playing->staged.clear();
	playing->parts.clear();
	std::this_thread::sleep_for(std::chrono::milliseconds(playing->begin_takes));
	const int answer = next(&playing->begin);
	db->depth = answer == 0;
	return answer;
}

/* Within a part it is refused, as by a real adapter: the engine must not ask for it. */
static inline int play_commit(struct cs_db *db)
{
	if (db->depth != 1) {
		playing->told += "refused ";
		return CS_DB_FAILED;
	}
	db->depth = 0;
	const int answer = next(&playing->commit);

	playing->told += "commit ";
	if (answer == 0 || (answer == CS_DB_UNKNOWN && playing->lost_commit_is_done))
		playing->stored.insert(playing->stored.end(), playing->staged.begin(), playing->staged.end());
	return answer;
}

static inline void play_rollback(struct cs_db *db)
{
	db->depth = 0;
	playing->told += "rollback ";
}

/* The end of savepoint, release and rollback_to. */
static inline int play_part(struct cs_db *db, int change)
{
	const int answer = next(&playing->part);

	if (answer == 0)
		db->depth += static_cast<unsigned>(change);
	return answer;
}

static inline int play_savepoint(struct cs_db *db)
{
	playing->told += "( ";
	playing->parts.push_back(playing->staged.size());
	return play_part(db, 1);
}

static inline int play_release(struct cs_db *db)
{
	playing->told += ") ";
	playing->parts.pop_back();
	return play_part(db, -1);
}

static inline int play_rollback_to(struct cs_db *db)
{
	playing->told += "undo) ";
	playing->staged.resize(playing->parts.back());
	playing->parts.pop_back();
	return play_part(db, -1);
}

static inline int play_ended(struct cs_db *)
{
	return playing->ended;
}

static inline const char *play_message(struct cs_db *)
{
	return "as the script says";
}

static const struct cs_db_driver driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_db_driver),
	.dialect = CS_DB_SQLITE,
	.outcome_can_be_unknown = 1,
	.limits = nullptr,
	.migrate = nullptr,
	.open = play_open,
	.close = play_close,
	.begin = play_begin,
	.commit = play_commit,
	.rollback = play_rollback,
	.savepoint = play_savepoint,
	.release = play_release,
	.rollback_to = play_rollback_to,
	.query = nullptr,
	.last_id = nullptr,
	.affected = nullptr,
	.message = play_message,
	.ended = play_ended,
};

static inline int play_open(const void *, struct cs_db **db_r, struct cs_error *e)
{
	playing->told += "open ";
	playing->ended = false;
	if (playing->opening)
		playing->opening();
	const int answer = next(&playing->open);
	if (answer != 0)
		error_set(e, "cannot be reached");
	else
		*db_r = new cs_db{&driver};
	return answer;
}

static inline int run_items(struct cs_db *, void *const *items, size_t count, int careful)
{
	playing->told += (careful ? "careful" : "run") + std::to_string(count) + " ";
	for (size_t i = 0; i < count; i++) {
		playing->staged.push_back(static_cast<const char *>(items[i]));
		if (playing->refused.count(static_cast<const char *>(items[i])))
			return CS_DB_BAD_VALUE;
	}
	if (playing->running)
		playing->running();
	return next(&playing->run);
}

static inline void note_committed(const struct cs_host *host, struct cs_self *, void *item)
{
	assert_ptr_equal(host, &host_table);
	playing->told += std::string("committed:") + static_cast<const char *>(item) + " ";
}

static const struct cs_batch batch = {"test", run_items, note_committed, nullptr};

static inline int do_work(struct cs_db *, void *arg)
{
	if (arg)
		playing->staged.push_back(static_cast<const char *>(arg));
	playing->told += "work ";
	if (playing->working)
		playing->working();
	return next(&playing->work);
}

struct fixture {
	struct player player;
	struct store_shared shared;
	struct store_engine engine;
	struct cs_self self;
	std::vector<std::string> finished; /* item=result, in the order of the completions */
};

static inline int set_up(void **state)
{
	auto *f = new fixture;
	struct cs_error e {};

	log_set_level(static_cast<enum cs_log_level>(-1));
	playing = &f->player;
	f->shared.driver = &driver;
	f->self.host = &host_table;
	f->shared.patience.batch = 200;
	f->engine.shared = &f->shared;
	f->engine.role = "test";
	assert_int_equal(store_connection_open(&f->engine, &e), 0);
	f->player.told.clear();
	*state = f;
	return 0;
}

static inline fixture *fixture_of(void **state)
{
	return static_cast<fixture *>(*state);
}

static inline int tear_down(void **state)
{
	delete fixture_of(state);
	return 0;
}

static inline void note_finished(void *arg, std::span<struct store_task> tasks)
{
	fixture *f = static_cast<fixture *>(arg);

	for (const struct store_task &task : tasks)
		f->finished.push_back(static_cast<const char *>(task.arg) + ("=" + std::to_string(task.result)));
	f->player.told += "finished" + std::to_string(tasks.size()) + " ";
}

/* What begins with + is a work. */
static inline void run_batch(fixture *f, std::vector<const char *> items)
{
	std::vector<struct store_task> tasks(items.size());

	for (size_t i = 0; i < items.size(); i++) {
		tasks[i].self = &f->self;
		tasks[i].batch = *items[i] == '+' ? nullptr : &batch;
		tasks[i].kind = CS_WORK_WRITE;
		tasks[i].fn = do_work;
		tasks[i].arg = const_cast<char *>(items[i]);
		tasks[i].begun = worker_monotonic_ms();
	}
	store_engine_run(&f->engine, tasks, note_finished, f);
}

static inline int run_work(struct store_engine *engine, enum cs_work_kind kind)
{
	struct store_task task {
		.kind = kind, .fn = do_work, .begun = worker_monotonic_ms()
	};

	store_engine_work(engine, &task);
	return task.result;
}

static inline int run_work(fixture *f, enum cs_work_kind kind)
{
	return run_work(&f->engine, kind);
}

static inline void assert_told(const fixture *f, const char *words)
{
	assert_string_equal(f->player.told.c_str(), words);
}

static inline void assert_stored(const fixture *f, const std::vector<std::string> &expected)
{
	assert_true(f->player.stored == expected);
}

static inline void assert_finished(const fixture *f, const std::vector<std::pair<std::string, int>> &expected)
{
	assert_int_equal(f->finished.size(), expected.size());
	for (size_t i = 0; i < expected.size(); i++)
		assert_string_equal(f->finished[i].c_str(),
		                    (expected[i].first + "=" + std::to_string(expected[i].second)).c_str());
}

static inline void assert_all(const fixture *f, const std::vector<std::string> &items, int result)
{
	std::vector<std::pair<std::string, int>> expected;

	for (const std::string &item : items)
		expected.push_back({item, result});
	assert_finished(f, expected);
}

/* The store is away from here on. */
static inline void lose_store(fixture *f)
{
	f->player.begin = {CS_DB_UNKNOWN};
	f->player.open = std::deque<int>(1000, CS_DB_UNKNOWN);
	run_batch(f, {"lost"});
	assert_true(f->shared.away);
	f->finished.clear();
	f->player.told.clear();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
