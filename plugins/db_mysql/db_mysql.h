/* SPDX-License-Identifier: MIT
 * Owns what the files of this adapter share: its options and one connection. It must not know a table but
 * schema_version.
 *
 * Only calls that MariaDB's Connector/C and Oracle's libmysqlclient 8 both have. The library keeps the prefix
 * mysql_ for itself, so names of ours begin with mydb_. */
#ifndef DB_MYSQL_H
#define DB_MYSQL_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include <mysql.h>

#include <chatserverd/db.h>

#include "plugins/shared/adapter.h"

/* my_bool of MariaDB and older MySQL, bool of MySQL 8. */
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
	const char *schema; /* folder of NNN.sql */
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
	adapter_cache<mydb_statement> cache; /* after handle: closed before the handle is */
	size_t most_bytes = 0; /* the server's max_allowed_packet */
	int64_t affected = 0;
	int64_t last_id = 0;
	bool begun = false; /* between begin and commit or rollback */
	unsigned parts = 0; /* savepoints that are open */
	bool dead = false; /* the connection is lost: everything answers CS_DB_UNKNOWN */
	int lost = 0; /* why the open transaction must not go on, else 0 */
	char message[256] = "";
};

/* driver.cpp ------------------------------------------------------------------------------------------ */

extern const struct cs_db_driver mydb_driver;

/* library.cpp ----------------------------------------------------------------------------------------- */

/* Makes the library ready. The first call must be alone: the server's is that of migrate. */
void mydb_library_enter(void);
/* Makes the library ready for the calling thread, and gives that up when the thread ends. Cheap. */
void mydb_thread_enter(void);

/* connect.cpp ----------------------------------------------------------------------------------------- */

enum mydb_purpose { MYDB_FOR_WORK, MYDB_FOR_SCHEMA };

/* Connects and sets the session up. MYDB_FOR_SCHEMA: makes the database when it is missing, takes several
 * statements in one text, and lets one take up to an hour. CS_DB_OK, or a class with the text in e. */
[[nodiscard]] int mydb_connect(const mydb_conf *conf, mydb_purpose purpose, mydb_handle *handle_r,
                               cs_error *e);

/* The server's max_allowed_packet; 0 where it could not be read. */
size_t mydb_most_bytes(MYSQL *handle);

/* migrate.cpp ----------------------------------------------------------------------------------------- */

/* Runs what the folder has and the database has not. 0 or CS_EINVAL. */
[[nodiscard]] int mydb_migrate(MYSQL *handle, const mydb_conf *conf, cs_error *e);

/* classify.cpp ---------------------------------------------------------------------------------------- */

/* The class of an error number of the server or of the library; 0 is CS_DB_OK. */
int mydb_class(unsigned number);
/* Keeps what may be logged of a failure, and answers its class. A connection that is of no more use is dead
 * afterwards, a transaction that must not go on is lost. */
int mydb_fail(mydb *db, unsigned number, const char *text);
/* The same for a mistake of the caller's. Answers CS_DB_FAILED. */
int mydb_fail_text(mydb *db, const char *text);

/* statement.cpp --------------------------------------------------------------------------------------- */

/* struct cs_db_driver's query, whatever the state of the transaction. */
int mydb_run(mydb *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row,
             void *arg);

#endif
