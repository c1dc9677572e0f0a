/* SPDX-License-Identifier: MIT
 * Makes a connection and sets up its session. */
#include "db_mysql.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

static constexpr unsigned db_mysql_schema_timeout = 3600; /* s; to change a large table takes long */
static constexpr unsigned db_mysql_idle_transaction = 10; /* s */
static constexpr unsigned db_mysql_unknown_database = 1049;
static constexpr char db_mysql_sql_mode[] = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION";
static constexpr char db_mysql_no_limit[] = "18446744073709551615";

/* The library wants seconds. */
static unsigned db_mysql_seconds(int64_t ms)
{
	return static_cast<unsigned>((ms + 999) / 1000);
}

/* The database and its address, for messages. */
static std::string db_mysql_name_of(const mydb_conf *conf)
{
	const std::string address = *conf->socket ? conf->socket : conf->host + (":" + std::to_string(conf->port));

	return conf->database + (" at " + address);
}

static int db_mysql_connect_fail(const mydb_conf *conf, MYSQL *handle, const char *what, cs_error *e)
{
	const unsigned number = mysql_errno(handle);

	snprintf(e->text, sizeof(e->text), "%s %s: %s (%u)", what, db_mysql_name_of(conf).c_str(), mysql_error(handle),
	         number);
	return number ? mydb_class(number) : CS_DB_FAILED;
}

#ifdef MARIADB_PACKAGE_VERSION
static void db_mysql_set_tls(MYSQL *handle, const mydb_conf *conf)
{
	const mydb_bool enforce = conf->tls != MYDB_TLS_OFF, verify = conf->tls == MYDB_TLS_VERIFY;

	mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
	mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (verify && *conf->tls_ca)
		mysql_options(handle, MYSQL_OPT_SSL_CA, conf->tls_ca);
}
#else
static void db_mysql_set_tls(MYSQL *handle, const mydb_conf *conf)
{
	const unsigned mode = conf->tls == MYDB_TLS_OFF      ? SSL_MODE_DISABLED
	                      : conf->tls == MYDB_TLS_VERIFY ? SSL_MODE_VERIFY_IDENTITY
	                                                     : SSL_MODE_REQUIRED;

	mysql_options(handle, MYSQL_OPT_SSL_MODE, &mode);
	if (conf->tls == MYDB_TLS_VERIFY && *conf->tls_ca)
		mysql_options(handle, MYSQL_OPT_SSL_CA, conf->tls_ca);
}
#endif

/* The library must not reconnect by itself (both have it off by default): a transaction would be lost silently. */
static void db_mysql_set_options(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose)
{
	const unsigned connect = db_mysql_seconds(conf->connect_timeout), write = db_mysql_seconds(conf->write_timeout);
	const unsigned read =
		purpose == MYDB_FOR_SCHEMA ? db_mysql_schema_timeout : db_mysql_seconds(conf->read_timeout);
	const unsigned no_local_files = 0;
	const unsigned protocol = *conf->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;

	mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
	mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &read);
	mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &write);
	mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no_local_files);
	mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	db_mysql_set_tls(handle, conf);
}

/* If the server offers no TLS, Connector/C uses plain text unless it verifies the server. */
static int db_mysql_check_tls(const mydb_conf *conf, MYSQL *handle, cs_error *e)
{
	if (conf->tls == MYDB_TLS_OFF || mysql_get_ssl_cipher(handle))
		return CS_DB_OK;
	snprintf(e->text, sizeof(e->text), "the database server at %s:%d does not offer TLS", conf->host,
	         static_cast<int>(conf->port));
	return CS_DB_FAILED;
}

/* Connects without a database: its name is sent after the character set was set. */
static bool db_mysql_dial(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose)
{
	const unsigned long flags = purpose == MYDB_FOR_SCHEMA ? CLIENT_MULTI_STATEMENTS : 0;
	/* With another name of a host the library would ignore the socket. */
	const char *host = *conf->socket ? "localhost" : conf->host;

	return mysql_real_connect(handle, host, conf->user, conf->password, nullptr, static_cast<unsigned>(conf->port),
	                          *conf->socket ? conf->socket : nullptr, flags) != nullptr;
}

static int db_mysql_connect_run(MYSQL *handle, const std::string &text)
{
	return mysql_real_query(handle, text.data(), text.size());
}

/* ---- the session */

/* A variable of the session, and its value as SHOW VARIABLES writes it. */
struct mydb_setting {
	const char *name;
	std::string value;
	bool optional = false; /* not every version of MariaDB and MySQL has it */
};

/* A setting that the session does not have, and the value that it has. */
struct mydb_difference {
	const mydb_setting *wanted;
	std::string found;
};

/* The server's configuration and its init_connect can change each of these.
 * READ COMMITTED: a read without a lock then sees the same state as a read with one (the model reads members after it
 * locked their conversation), and inserts lock fewer gaps.
 * A wait for a lock ends before the read time-out, because after a failed wait it is known that nothing has changed.
 * A node that hangs or is cut off within a transaction must not lock its rows for hours; only MariaDB has a setting for
 * this.
 * Error texts are English, because mydb_fail removes the values from them. */
static std::vector<mydb_setting> db_mysql_settings_of(const mydb_conf *conf, mydb_purpose purpose)
{
	const bool schema = purpose == MYDB_FOR_SCHEMA;
	const std::string wait = std::to_string(schema ? db_mysql_schema_timeout
	                                               : std::max(1u, db_mysql_seconds(conf->read_timeout) / 2));
	std::vector<mydb_setting> settings = {
		{"character_set_client", "utf8mb4"},
		{"character_set_connection", "utf8mb4"},
		{"character_set_results", "utf8mb4"},
		{"collation_connection", "utf8mb4_bin"}, /* after the character set, which changes it too */
		{"sql_mode", db_mysql_sql_mode},
		{"sql_select_limit", db_mysql_no_limit},
		{"autocommit", "ON"},
		{"completion_type", "NO_CHAIN"},
		{"tx_isolation", "READ-COMMITTED", true},
		{"transaction_isolation", "READ-COMMITTED", true},
		{"tx_read_only", "OFF", true},
		{"transaction_read_only", "OFF", true},
		{"innodb_lock_wait_timeout", wait},
		{"lock_wait_timeout", wait},
		{"idle_transaction_timeout", std::to_string(db_mysql_idle_transaction), true},
		{"max_statement_time", "0.000000", true},
		{"max_execution_time", "0", true},
		{"foreign_key_checks", "ON"},
		{"unique_checks", "ON"},
		{"check_constraint_checks", "ON", true},
		{"sql_safe_updates", "OFF"},
		{"sql_big_selects", "ON"},
		{"sql_auto_is_null", "OFF", true},
		{"default_storage_engine", "InnoDB"},
		{"time_zone", "+00:00"},
		{"div_precision_increment", "4"},
		{"group_concat_max_len", "1048576"},
		{"lc_messages", "en_US"},
	};

	if (schema)
		settings.push_back({"wait_timeout", "60"});
	return settings;
}

/* Reads the settings that differ in the session. 0, or -1 with the error at the handle. */
static int db_mysql_settings_compare(MYSQL *handle, const std::vector<mydb_setting> &settings,
                                     std::vector<mydb_difference> *differences_r)
{
	std::string text = "SHOW SESSION VARIABLES WHERE Variable_name IN (";

	for (const mydb_setting &setting : settings)
		text.append("'").append(setting.name).append("', ");
	if (db_mysql_connect_run(handle, text + "'')"))
		return -1;
	const mydb_result rows(mysql_store_result(handle));
	std::map<std::string, std::string> found;

	if (!rows)
		return -1;
	while (const MYSQL_ROW row = mysql_fetch_row(rows.get()))
		found[row[0]] = row[1] ? row[1] : "";
	differences_r->clear();
	for (const mydb_setting &setting : settings) {
		const auto at = found.find(setting.name);

		if (at == found.end() ? !setting.optional : at->second != setting.value)
			differences_r->push_back({&setting, at == found.end() ? "" : at->second});
	}
	return 0;
}

static int db_mysql_settings_change(MYSQL *handle, const std::vector<mydb_difference> &differences)
{
	std::string text;

	for (const mydb_difference &difference : differences) {
		const std::string &value = difference.wanted->value;
		const bool number = value.find_first_not_of("0123456789.") == value.npos;
		const char *quote = number ? "" : "'";

		text.append(text.empty() ? "SET SESSION " : ", SESSION ").append(difference.wanted->name);
		text.append(" = ").append(quote).append(value).append(quote);
	}
	return text.empty() ? 0 : db_mysql_connect_run(handle, text);
}

/* Without the first statement the comparison could fail or be read wrongly. ROLLBACK ends a transaction that
 * init_connect may have begun. */
static int db_mysql_set_session(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose, cs_error *e)
{
	const std::string first = std::string("SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode = '") +
	                          db_mysql_sql_mode +
	                          "', SESSION sql_big_selects = 1, SESSION sql_select_limit = " + db_mysql_no_limit;
	const std::vector<mydb_setting> settings = db_mysql_settings_of(conf, purpose);
	std::vector<mydb_difference> differences;

	if (db_mysql_connect_run(handle, first) || db_mysql_settings_compare(handle, settings, &differences) ||
	    db_mysql_settings_change(handle, differences) || db_mysql_connect_run(handle, "ROLLBACK") ||
	    db_mysql_settings_compare(handle, settings, &differences))
		return db_mysql_connect_fail(conf, handle, "cannot set up a session of", e);
	if (differences.empty())
		return CS_DB_OK;
	snprintf(e->text, sizeof(e->text),
	         "the session of %s keeps %s = '%s' where '%s' is needed: see the server's configuration, "
	         "and what is "
	         "between it and this host",
	         db_mysql_name_of(conf).c_str(), differences[0].wanted->name, differences[0].found.c_str(),
	         differences[0].wanted->value.c_str());
	return CS_DB_FAILED;
}

/* ---- the database */

static std::string db_mysql_quoted(const char *name)
{
	std::string text = "`";

	for (; *name; name++)
		text.append(*name == '`' ? 2 : 1, *name);
	return text + "`";
}

static int db_mysql_use_database(MYSQL *handle, const mydb_conf *conf, mydb_purpose purpose, cs_error *e)
{
	if (!mysql_select_db(handle, conf->database))
		return CS_DB_OK;
	if (purpose != MYDB_FOR_SCHEMA || mysql_errno(handle) != db_mysql_unknown_database)
		return db_mysql_connect_fail(conf, handle, "cannot use the database", e);
	if (db_mysql_connect_run(handle, "CREATE DATABASE IF NOT EXISTS " + db_mysql_quoted(conf->database) +
	                                         " CHARACTER SET utf8mb4"))
		return db_mysql_connect_fail(conf, handle, "cannot create the missing database", e);
	if (mysql_select_db(handle, conf->database))
		return db_mysql_connect_fail(conf, handle, "cannot use the database", e);
	return CS_DB_OK;
}

int mydb_connect(const mydb_conf *conf, mydb_purpose purpose, mydb_handle *handle_r, cs_error *e)
{
	mydb_handle handle(mysql_init(nullptr));

	if (!handle) {
		snprintf(e->text, sizeof(e->text), "out of memory");
		return CS_DB_FAILED;
	}
	db_mysql_set_options(handle.get(), conf, purpose);
	if (!db_mysql_dial(handle.get(), conf, purpose))
		return db_mysql_connect_fail(conf, handle.get(), "cannot connect to the database", e);
	int result = db_mysql_check_tls(conf, handle.get(), e);

	if (!result)
		result = db_mysql_set_session(handle.get(), conf, purpose, e);
	if (!result)
		result = db_mysql_use_database(handle.get(), conf, purpose, e);
	if (!result)
		*handle_r = std::move(handle);
	return result;
}

size_t mydb_most_bytes(MYSQL *handle)
{
	if (db_mysql_connect_run(handle, "SELECT @@max_allowed_packet"))
		return 0;
	const mydb_result rows(mysql_store_result(handle));
	const MYSQL_ROW row = rows ? mysql_fetch_row(rows.get()) : nullptr;

	return row && row[0] ? strtoull(row[0], nullptr, 10) : 0;
}
