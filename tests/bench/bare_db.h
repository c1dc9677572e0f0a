/* SPDX-License-Identifier: MIT
 * SQLite and MariaDB by their own calls, with nothing of ours between. Any mistake ends the program with its reason. */
#ifndef TESTS_BENCH_BARE_DB_H
#define TESTS_BENCH_BARE_DB_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/* A parameter: a number, a text (bytes is not null), or NULL. */
struct bare_value {
	int64_t number;
	const char *bytes;
	size_t size;
	bool is_null;
};

static inline bare_value bare_number(int64_t number)
{
	return {number, nullptr, 0, false};
}

static inline bare_value bare_text(std::string_view text)
{
	return {0, text.data(), text.size(), false};
}

static inline bare_value bare_null(void)
{
	return {0, nullptr, 0, true};
}

struct bare_db;

/* Columns of a row; all are integers. */
typedef void bare_row(void *arg, const int64_t *columns);

/* A file of SQLite, with the settings of db_sqlite. But SQLite itself writes the log, and copies it into
 * the database within a commit, at as many pages. */
bare_db *bare_open_sqlite(const char *path);
/* A database of MariaDB by its socket, with a password or "". Ends the program where the build has no MariaDB. */
bare_db *bare_open_mysql(const char *socket, const char *user, const char *password, const char *database);
void bare_close(bare_db *db);

bool bare_is_mysql(const bare_db *db);
/* Whether the database has undone the transaction because of other writers; bare_query does nothing since. Forgets it:
 * roll back, and run the transaction again. */
bool bare_must_run_again(bare_db *db);
/* Runs statements without parameters. */
void bare_run(bare_db *db, const std::string &sql);
/* Prepares the statement once, then runs it; rows have at most five columns. */
void bare_query(bare_db *db, std::string_view sql, std::span<const bare_value> values, bare_row *row = nullptr,
                void *arg = nullptr);
/* The key that SQLite gave to the row that was inserted last. */
int64_t bare_last_id(const bare_db *db);

#endif
