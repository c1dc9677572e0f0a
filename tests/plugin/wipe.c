/* SPDX-License-Identifier: MIT
 * A plugin that keeps rows about accounts: in the table wipe_row (account, n), which the test makes. When it is asked
 * to erase an account it notes that in the file `calls`, a line each, and removes one row. If the file `holds` has the
 * number of that call, counted from the start of the process, it waits before that until the file is gone. If the file
 * `fails` has the number of the account, it refuses behind that. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <chatserverd/db.h>
#include <chatserverd/plugin.h>

struct wipe_conf {
	const char *calls, *holds, *fails;
};

enum { WIPE_ROOM = 256 };

/* No instance is asked, so there is no state. The first start() writes these. */
static char wipe_calls[WIPE_ROOM], wipe_holds[WIPE_ROOM], wipe_fails[WIPE_ROOM];
static unsigned long long wipe_count;

static void wipe_note(cs_account account)
{
	FILE *file = fopen(wipe_calls, "a");

	if (!file || fprintf(file, "%llu\n", (unsigned long long)account) < 0 || fclose(file) != 0)
		abort();
}

/* The number in the file; 0: there is none. */
static unsigned long long wipe_read(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long long number = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &number) != 1)
		number = 0;
	(void)fclose(file);
	return number;
}

static int wipe_take_number(void *arg, const struct cs_db_value *columns, size_t count)
{
	(void)count;
	*(int64_t *)arg = columns[0].integer;
	return 1;
}

static int wipe_erase(struct cs_db *db, cs_account account, size_t most)
{
	struct cs_db_value values[] = {{CS_DB_INTEGER, (int64_t)account, NULL, 0}, {CS_DB_INTEGER, 0, NULL, 0}};
	const struct timespec time = {0, 2000000};
	int result;

	(void)most;
	wipe_note(account);
	wipe_count++;
	while (wipe_read(wipe_holds) == wipe_count)
		(void)nanosleep(&time, NULL);
	result = db->driver->query(db, "SELECT MIN(n) FROM wipe_row WHERE account = ?", values, 1, wipe_take_number,
	                           &values[1].integer);
	if (result == 0)
		result = db->driver->query(db, "DELETE FROM wipe_row WHERE account = ? AND n = ?", values, 2, NULL,
		                           NULL);
	if (result != 0)
		return result;
	const int more = db->driver->affected(db) > 0;
	return wipe_read(wipe_fails) == account ? CS_EINVAL : more;
}

static int wipe_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                      struct cs_error *e)
{
	const struct wipe_conf *c = conf;

	(void)host, (void)self, (void)e, (void)state_r;
	if (*wipe_calls)
		return 0;
	(void)snprintf(wipe_holds, sizeof wipe_holds, "%s", c->holds);
	(void)snprintf(wipe_fails, sizeof wipe_fails, "%s", c->fails);
	(void)snprintf(wipe_calls, sizeof wipe_calls, "%s", c->calls);
	return 0;
}

static void wipe_stop(void *state)
{
	(void)state;
}

static const struct cs_option wipe_options[] = {
	{"calls", CS_OPTION_TEXT, offsetof(struct wipe_conf, calls), 1, 200, "/dev/null", NULL, 0, "see above"},
	{"holds", CS_OPTION_TEXT, offsetof(struct wipe_conf, holds), 0, 200, "", NULL, 0, "see above"},
	{"fails", CS_OPTION_TEXT, offsetof(struct wipe_conf, fails), 0, 200, "", NULL, 0, "see above"},
	{0},
};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "wipe",
	.version = "1",
	.options = wipe_options,
	.conf_size = sizeof(struct wipe_conf),
	.start = wipe_start,
	.stop = wipe_stop,
	.erase = wipe_erase,
};
