/* SPDX-License-Identifier: MIT
 * The options and the connection of this adapter, for its own files.
 *
 * It uses only calls that both MariaDB's Connector/C and Oracle's libmysqlclient 8 have. The library reserves the
 * prefix mysql_, so names of this adapter begin with mydb_. */
#ifndef DB_MYSQL_H
#define DB_MYSQL_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include <mysql.h>

#include <chatserverd/db.h>

#include "plugins/shared/adapter.h"

/* my_bool in MariaDB and older MySQL, bool in MySQL 8. */
using mydb_bool = std::remove_pointer_t<decltype(MYSQL_BIND::is_null)>;

enum mydb_tls { MYDB_TLS_OFF = 0, MYDB_TLS_ON = 1, MYDB_TLS_VERIFY = 2 };

/* Filled by the server from the section [db_mysql]. Times in ms. */
struct mydb_conf {
	const char *host;
	int64_t port;
	const char *socket; /* empty: TCP */
	const char *user;
	const char *password;
	const char *database;
	int64_t connect_timeout;
	int64_t read_timeout;
	int64_t write_timeout;
	int tls; /* enum mydb_tls */
	const char *tls_ca;
	const char *schema; /* folder of NNN.sql and PLUGIN-NNN.sql */
};

template <auto Function> struct mydb_deleter {
	template <class T> void operator()(T *thing) const
	{
		(void)Function(thing);
	}
};
using mydb_handle = std::unique_ptr<MYSQL, mydb_deleter<mysql_close>>;
using mydb_statement = std::unique_ptr<MYSQL_STMT, mydb_deleter<mysql_stmt_close>>;
using mydb_result = std::unique_ptr<MYSQL_RES, mydb_deleter<mysql_free_result>>;

struct mydb {
	cs_db base; /* first: the server holds a pointer to it */
	mydb_handle handle;
	adapter_cache<mydb_statement> cache; /* declared after handle, so it is closed first */
	size_t most_bytes = 0; /* the server's max_allowed_packet */
	int64_t affected = 0;
	int64_t last_id = 0;
	bool dead = false; /* the connection is lost: every call answers CS_DB_UNKNOWN */
	int lost = 0; /* the transaction must be rolled back: the result of all its calls; or 0 */
	char message[256] = "";
};

/* driver.cpp ------------------------------------------------------------------------------------------ */

extern const struct cs_db_driver mydb_driver;

/* library.cpp ----------------------------------------------------------------------------------------- */

/* Initializes the library. The first call must run alone; that is the call by migrate of the server. */
void mydb_library_enter(void);
/* Initializes the library for the calling thread, and frees that when the thread ends. Cheap. */
void mydb_thread_enter(void);

/* connect.cpp ----------------------------------------------------------------------------------------- */

enum mydb_purpose { MYDB_FOR_WORK, MYDB_FOR_SCHEMA };

/* Connects and sets up the session. MYDB_FOR_SCHEMA: makes the database if it is missing, accepts several statements in
 * one text, and lets one take up to an hour. CS_DB_OK, or a class with the text in e. */
[[nodiscard]] int mydb_connect(const mydb_conf *conf, mydb_purpose purpose, mydb_handle *handle_r, cs_error *e);

/* max_allowed_packet of the server; 0 if it could not be read. */
size_t mydb_most_bytes(MYSQL *handle);

/* migrate.cpp ----------------------------------------------------------------------------------------- */

/* Runs the files of the server and of the plugins that the folder has and the database has not. 0 or CS_EINVAL. */
[[nodiscard]] int mydb_migrate(MYSQL *handle, const mydb_conf *conf, const char *const *plugins, cs_error *e);

/* classify.cpp ---------------------------------------------------------------------------------------- */

/* The class of an error number of the server or the library; 0 gives CS_DB_OK. */
int mydb_class(unsigned number);
/* Keeps the part of the error text that may be logged, and answers the class. If the connection cannot be used any
 * more, it sets dead; if the transaction must not go on, it sets lost. */
int mydb_fail(mydb *db, unsigned number, const char *text);
/* The same for a mistake of the caller. Answers CS_DB_FAILED. */
int mydb_fail_text(mydb *db, const char *text);

/* statement.cpp --------------------------------------------------------------------------------------- */

/* query of struct cs_db_driver, without a look at the state of the transaction. */
int mydb_run(mydb *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row, void *arg);

#endif
