/* SPDX-License-Identifier: MIT
 * The fixture of the tests of the write-ahead log: a locked store with a table t and a writer. */
#ifndef TEST_DB_SQLITE_LOG_H
#define TEST_DB_SQLITE_LOG_H

#include <algorithm>
#include <mutex>
#include <vector>

#include "test_db.h"
#include "tests/support/sqlite_write.h"

static constexpr int64_t log_page = 4096 + 24, log_first = 8000, log_many = 12000, log_most = 16000;

inline std::mutex lines_mutex;
inline std::vector<std::string> lines;

static inline void lines_add(enum cs_log_level, const char *format, ...)
{
	char line[512];
	va_list values;

	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	const std::scoped_lock lock(lines_mutex);
	lines.emplace_back(line);
}

static inline int64_t lines_with(const char *words)
{
	const std::scoped_lock lock(lines_mutex);

	return std::count_if(lines.begin(), lines.end(),
	                     [words](const std::string &line) { return line.find(words) != line.npos; });
}

static const cs_db_server the_server = {.name = "test", .log = lines_add};

struct log_fixture {
	fixture base;
	void *lock = nullptr;
	sqlite3 *reader = nullptr;
};

static inline log_fixture *log_of(void **state)
{
	return static_cast<log_fixture *>(*state);
}

static inline void log_begin(log_fixture *f)
{
	cs_error e;

	assert_int_equal(f->base.d.driver->lock(f->base.d.conf.data(), &the_server, &f->lock, &e), 0);
	f->base.db = database_migrate_and_open(&f->base.d);
}

static inline void log_end(log_fixture *f)
{
	f->base.db->driver->close(f->base.db);
	f->base.d.driver->unlock(f->lock, 1);
}

static inline int set_up_log(void **state)
{
	auto *f = new log_fixture{.base = {.server = nullptr}};

	*state = f;
	lines.clear();
	database_make_sqlite(&f->base.d);
	log_begin(f);
	sqlite_writes_watch();
	return database_run(f->base.db, fixture_tables[0]);
}

static inline int tear_down_log(void **state)
{
	const std::unique_ptr<log_fixture> f(log_of(state));

	sqlite_writes_mend();
	log_end(f.get());
	return 0;
}

static inline int64_t log_pages(const log_fixture *f)
{
	struct stat info = {};

	return stat((f->base.d.texts.at("path") + "-wal").c_str(), &info) == 0 ? info.st_size / log_page : 0;
}

/* The number that SQLite gives to the log each time that it begins again. */
static inline std::string log_number(const log_fixture *f)
{
	return check_read_file(f->base.d.texts.at("path") + "-wal").substr(12, 4);
}

/* One transaction of about 100 pages. */
static inline int log_write(log_fixture *f)
{
	cs_db *db = f->base.db;
	int result = db->driver->begin(db);

	for (int i = 0; i < 25 && !result; i++)
		result = database_run(db, "INSERT INTO t (name, body) VALUES (hex(randomblob(8)), randomblob(12000))");
	if (!result)
		return db->driver->commit(db);
	db->driver->rollback(db);
	return result;
}

#endif
