/* SPDX-License-Identifier: MIT
 * Helpers of the tests of the verbs about the whole store: a shell in the server's folder, chatctl, SQL beside the
 * server. */
#ifndef TEST_STORE_SHELL_H
#define TEST_STORE_SHELL_H

#include <cstring>
#include <string>

#include <unistd.h>

#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

struct store_output {
	int status;
	std::string text; /* both streams */
};

static inline store_output run_shell(const test_server *s, const std::string &line)
{
	const std::string out = s->folder + "/shell.out";

	(void)unlink(out.c_str());
	const int status = process_run({"/bin/sh", "-c", "cd " + s->folder + " && " + line}, out);
	return {status, check_read_file(out)};
}

static inline store_output ctl(const test_server *s, const std::string &words)
{
	const chatctl_output run = chatctl_type(s, words);

	return {run.status, run.out + run.err};
}

static inline void ctl_done(const test_server *s, const std::string &words, test_at at = test_at::current())
{
	const store_output run = ctl(s, words);

	if (run.status != 0)
		check_fail(at, "chatctl %s: %d %s", words.c_str(), run.status, run.text.c_str());
}

static inline void says(const store_output &run, int status, const char *part, test_at at = test_at::current())
{
	if (run.status != status || !strstr(run.text.c_str(), part))
		check_fail(at, "not %d and \"%s\", but %d and: %s", status, part, run.status, run.text.c_str());
}

static inline int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	*state = s;
	return 0;
}

static inline int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

/* As the sqlite3 program and its root have it, beside the server. */
static inline void change(const test_server *s, const std::string &sql)
{
	if (mariadb_wanted()) {
		database_run_as_root(s->database, {"USE " + s->options.at("db_mysql.database"), sql});
		return;
	}
	const store_output run = run_shell(s, "sqlite3 -cmd '.timeout 5000' " + test_server_database(s) +
	                                              " \"PRAGMA foreign_keys = OFF; " + sql + "\"");
	if (run.status != 0)
		check_fail(test_at::current(), "%s: %s", sql.c_str(), run.text.c_str());
}

#define OWN(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
