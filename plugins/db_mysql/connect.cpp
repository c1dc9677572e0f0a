/* SPDX-License-Identifier: MIT
 * Owns how a connection is made and how its session is set up. It must not know what is in the database. */
#include "db_mysql.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

static constexpr unsigned SCHEMA_TIMEOUT = 3600; /* s; a change of a large table takes its time */
static constexpr unsigned IDLE_TRANSACTION = 10; /* s */
static constexpr unsigned UNKNOWN_DATABASE = 1049;

/* The library counts in seconds. */
static unsigned seconds(int64_t ms)
{
	return static_cast<unsigned>((ms + 999) / 1000);
}

static int fail(const mydb_conf *conf, MYSQL *handle, const char *what, cs_error *e)
{
	const unsigned number = mysql_errno(handle);

	if (*conf->socket)
		snprintf(e->text, sizeof(e->text), "%s %s at %s: %s (%u)", what, conf->database, conf->socket,
		         mysql_error(handle), number);
	else
		snprintf(e->text, sizeof(e->text), "%s %s at %s:%d: %s (%u)", what, conf->database,
		         conf->host, static_cast<int>(conf->port), mysql_error(handle), number);
	return number ? mydb_class(number) : CS_DB_FAILED;
}

#ifdef MARIADB_PACKAGE_VERSION
static void set_tls(MYSQL *handle, const mydb_conf *conf)
{
	const mydb_bool enforce = conf->tls != MYDB_TLS_OFF, verify = conf->tls == MYDB_TLS_VERIFY;

	mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
	mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (verify && *conf->tls_ca)
		mysql_options(handle, MYSQL_OPT_SSL_CA, conf->tls_ca);
}
#else
static void set_tls(MYSQL *handle, const mydb_conf *conf)
{
	const unsigned mode = conf->tls == MYDB_TLS_OFF      ? SSL_MODE_DISABLED
	                      : conf->tls == MYDB_TLS_VERIFY ? SSL_MODE_VERIFY_IDENTITY
	                                                     : SSL_MODE_REQUIRED;

	mysql_options(handle, MYSQL_OPT_SSL_MODE, &mode);
	if (conf->tls == MYDB_TLS_VERIFY && *conf->tls_ca)
		mysql_options(handle, MYSQL_OPT_SSL_CA, conf->tls_ca);
}
#endif

/* No reconnecting by the library (off by default in both): it would lose a transaction without a word. */
static void set_options(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose)
{
	const unsigned connect = seconds(conf->connect_timeout), write = seconds(conf->write_timeout);
	const unsigned read = purpose == MYDB_FOR_SCHEMA ? SCHEMA_TIMEOUT : seconds(conf->read_timeout);
	const unsigned no_local_files = 0;
	const unsigned protocol = *conf->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;

	mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
	mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &read);
	mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &write);
	mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no_local_files);
	mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	set_tls(handle, conf);
}

/* Connector/C falls back to plain text where the server offers no TLS, unless it verifies. */
static int check_tls(const mydb_conf *conf, MYSQL *handle, cs_error *e)
{
	if (conf->tls == MYDB_TLS_OFF || mysql_get_ssl_cipher(handle))
		return CS_DB_OK;
	snprintf(e->text, sizeof(e->text), "the database server at %s:%d does not offer TLS", conf->host,
	         static_cast<int>(conf->port));
	return CS_DB_FAILED;
}

static bool dial(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose, const char *database)
{
	const unsigned long flags = purpose == MYDB_FOR_SCHEMA ? CLIENT_MULTI_STATEMENTS : 0;
	/* Another host's name would win over the socket. */
	const char *host = *conf->socket ? "localhost" : conf->host;

	return mysql_real_connect(handle, host, conf->user, conf->password, database,
	                          static_cast<unsigned>(conf->port), *conf->socket ? conf->socket : nullptr,
	                          flags) != nullptr;
}

static int run(MYSQL *handle, const std::string &text)
{
	return mysql_real_query(handle, text.data(), text.size());
}

/* READ COMMITTED: what is read without a lock inside a transaction is then as new as what is locked (the model
 * looks members up behind the lock of their conversation), and inserts lock fewer gaps. Lock waits end before
 * the read time-out does, for a wait is known to have changed nothing. A node that is stopped or cut off in a
 * transaction must not hold its rows for hours; only MariaDB can be told so, MySQL reads a comment there. */
static int set_session(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose)
{
	const unsigned wait =
		purpose == MYDB_FOR_SCHEMA ? SCHEMA_TIMEOUT : std::max(1u, seconds(conf->read_timeout) / 2);
	const std::string set =
		"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1"
		", innodb_lock_wait_timeout = " +
		std::to_string(wait) + ", lock_wait_timeout = " + std::to_string(wait) +
		(purpose == MYDB_FOR_SCHEMA ? ", wait_timeout = 60" : "") +
		" /*M!100300 , idle_transaction_timeout = " + std::to_string(IDLE_TRANSACTION) + " */";

	if (run(handle, set))
		return -1;
	return run(handle, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
}

static std::string quoted(const char *name)
{
	std::string text = "`";

	for (; *name; name++)
		text.append(*name == '`' ? 2 : 1, *name);
	return text + "`";
}

/* A second handle: one that failed to connect cannot be used again in both libraries. */
static int create_database(const mydb_conf *conf, mydb_handle *handle_r, cs_error *e)
{
	mydb_handle handle(mysql_init(nullptr));

	set_options(handle.get(), conf, MYDB_FOR_SCHEMA);
	if (!dial(handle.get(), conf, MYDB_FOR_SCHEMA, nullptr))
		return fail(conf, handle.get(), "cannot connect to the database", e);
	if (run(handle.get(),
	        "CREATE DATABASE IF NOT EXISTS " + quoted(conf->database) + " CHARACTER SET utf8mb4"))
		return fail(conf, handle.get(), "cannot create the missing database", e);
	if (mysql_select_db(handle.get(), conf->database))
		return fail(conf, handle.get(), "cannot use the database", e);
	*handle_r = std::move(handle);
	return CS_DB_OK;
}

int mydb_connect(const mydb_conf *conf, mydb_purpose purpose, mydb_handle *handle_r, cs_error *e)
{
	mydb_handle handle(mysql_init(nullptr));
	int result = CS_DB_OK;

	if (!handle) {
		snprintf(e->text, sizeof(e->text), "out of memory");
		return CS_DB_FAILED;
	}
	set_options(handle.get(), conf, purpose);
	if (!dial(handle.get(), conf, purpose, conf->database)) {
		result = fail(conf, handle.get(), "cannot connect to the database", e);
		if (purpose == MYDB_FOR_SCHEMA && mysql_errno(handle.get()) == UNKNOWN_DATABASE)
			result = create_database(conf, &handle, e);
	}
	if (!result)
		result = check_tls(conf, handle.get(), e);
	if (!result && set_session(handle.get(), conf, purpose))
		result = fail(conf, handle.get(), "cannot set up a session of", e);
	if (!result)
		*handle_r = std::move(handle);
	return result;
}

size_t mydb_most_bytes(MYSQL *handle)
{
	if (run(handle, "SELECT @@max_allowed_packet"))
		return 0;
	const mydb_result rows(mysql_store_result(handle));
	const MYSQL_ROW row = rows ? mysql_fetch_row(rows.get()) : nullptr;

	return row && row[0] ? strtoull(row[0], nullptr, 10) : 0;
}
