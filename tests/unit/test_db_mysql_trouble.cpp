/* SPDX-License-Identifier: MIT
 * Tests the answers of db_mysql when the server fails: gone, frozen, a connection killed. */
#include <csignal>
#include <thread>

#include "test_db.h"

static void a_server_killed_in_a_transaction_is_unknown_and_opened_again(void **state)
{
	fixture *f = fixture_of(state);
	cs_db *db = f->db;

	assert_int_equal(insert(db, "before"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "inside"), CS_DB_OK);
	mariadb_kill(f->server);
	assert_int_equal(db->driver->commit(db), CS_DB_UNKNOWN);
	/* A connection that was lost never works again by itself, not even when the server is back. */
	mariadb_start(f->server);
	assert_int_equal(insert(db, "late"), CS_DB_UNKNOWN);
	assert_int_equal(db->driver->begin(db), CS_DB_UNKNOWN);
	db->driver->rollback(db);
	assert_int_equal(db->driver->begin(db), CS_DB_UNKNOWN);
	db->driver->close(db);
	f->db = database_open(&f->d);
	assert_int_equal(count(f->db), 1);
}

static void without_a_server_open_and_migrate_say_where_they_looked(void **state)
{
	fixture *f = fixture_of(state);
	const std::string where = "127.0.0.1:" + std::to_string(f->server->port);
	cs_error e;
	cs_db *db = nullptr;

	mariadb_kill(f->server);
	assert_int_equal(database_try_open(&f->d, &db, &e), CS_DB_UNKNOWN);
	assert_non_null(strstr(e.text, where.c_str()));
	assert_int_equal(database_migrate(&f->d, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, where.c_str()));
	assert_null(strstr(e.text, "se cret"));
}

/* The read time-out ends it; the server, once awake, may well have done it. */
static void a_frozen_server_is_unknown_after_the_read_timeout(void **state)
{
	fixture *f = fixture_of(state);

	database_set_number(&f->d, "read_timeout", 2000);
	cs_db *db = database_open(&f->d), *asleep = database_open(&f->d);
	assert_int_equal(insert(db, "before"), CS_DB_OK);
	mariadb_signal(f->server, SIGSTOP);
	int64_t begun = check_now();
	assert_int_equal(insert(db, "during"), CS_DB_UNKNOWN);
	assert_in_range(check_now() - begun, 1900, check_patience_ms());
	/* Everything that follows is refused at once. */
	begun = check_now();
	assert_int_equal(insert(db, "after"), CS_DB_UNKNOWN);
	db->driver->rollback(db);
	db->driver->close(db);
	assert_in_range(check_now() - begun, 0, 1900); /* not after another time-out */
	cs_error e;
	assert_int_equal(database_try_open(&f->d, &db, &e), CS_DB_UNKNOWN);
	mariadb_signal(f->server, SIGCONT);
	assert_int_equal(insert(asleep, "awake"), CS_DB_OK);
	assert_int_equal(count(asleep, "name = 'after'"), 0);
	asleep->driver->close(asleep);
}

static void a_connection_that_was_killed_is_unknown(void **state)
{
	fixture *f = fixture_of(state);
	const int64_t id = database_number(f->db, "SELECT CONNECTION_ID()");

	assert_int_equal(f->db->driver->begin(f->db), CS_DB_OK);
	assert_int_equal(insert(f->db, "a"), CS_DB_OK);
	database_run_as_root(f->server, {"KILL " + std::to_string(id)});
	assert_int_equal(insert(f->db, "b"), CS_DB_UNKNOWN);
	assert_int_equal(f->db->driver->commit(f->db), CS_DB_UNKNOWN);
	cs_db *other = database_open(&f->d);
	assert_int_equal(count(other), 0);
	other->driver->close(other);
}

static void a_connection_that_was_ended_while_idle_says_so(void **state)
{
	fixture *f = fixture_of(state);
	cs_db *other = database_open(&f->d);
	const std::string mine = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = " +
	                         std::to_string(database_number(f->db, "SELECT CONNECTION_ID()"));

	assert_int_equal(f->db->driver->ended(f->db), 0);
	assert_int_equal(insert(f->db, "a"), CS_DB_OK);
	assert_int_equal(f->db->driver->ended(f->db), 0);
	assert_int_equal(database_run(f->db, "SET SESSION wait_timeout = 1"), CS_DB_OK);
	check_wait("the end", [&] { return database_number(other, mine.c_str()) == 0; });
	check_wait("the end to be seen", [&] { return f->db->driver->ended(f->db) == 1; });
	assert_int_equal(f->db->driver->ended(f->db), 1);
	other->driver->close(other);
}

static void a_statement_that_was_killed_is_to_be_tried_again(void **state)
{
	fixture *f = fixture_of(state);
	const int64_t id = database_number(f->db, "SELECT CONNECTION_ID()");
	int result = 0;

	std::thread thread([&] { result = database_run(f->db, "INSERT INTO t (name) SELECT SLEEP(3)"); });
	cs_db *other = database_open(&f->d);
	check_wait("the statement to run", [&] {
		return database_number(other,
		                       ("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT%'"
		                        " AND ID = " +
		                        std::to_string(id))
		                               .c_str()) == 1;
	});
	database_run_as_root(f->server, {"KILL QUERY " + std::to_string(id)});
	thread.join();
	assert_int_equal(result, CS_DB_RETRY);
	assert_int_equal(insert(f->db, "a"), CS_DB_OK);
	other->driver->close(other);
}

/* A node that is stopped or cut off in a transaction would else hold its rows for hours. */
static void a_transaction_that_is_left_alone_gives_its_locks_back(void **state)
{
	fixture *f = fixture_of(state);

	assert_in_range(database_number(f->db, "SELECT @@idle_transaction_timeout"), 1, 30);
	assert_int_equal(database_run(f->db, "SET SESSION idle_transaction_timeout = 1"), CS_DB_OK);
	assert_int_equal(insert(f->db, "a"), CS_DB_OK);
	assert_int_equal(f->db->driver->begin(f->db), CS_DB_OK);
	assert_int_equal(database_run(f->db, "SELECT id FROM t WHERE name = 'a' FOR UPDATE"), CS_DB_OK);
	cs_db *other = database_open(&f->d);
	check_wait("the lock", [&] { return database_run(other, "UPDATE t SET n = 1 WHERE name = 'a'") == CS_DB_OK; });
	assert_int_equal(f->db->driver->commit(f->db), CS_DB_UNKNOWN);
	other->driver->close(other);
}

static void a_session_is_strict_utf8_and_read_committed(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(database_number(db, "SELECT @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%'"), 1);
	assert_int_equal(database_number(db, "SELECT @@SESSION.tx_isolation = 'READ-COMMITTED'"), 1);
	assert_int_equal(database_number(db, "SELECT @@SESSION.character_set_client = 'utf8mb4'"), 1);
	assert_int_equal(database_number(db, "SELECT @@SESSION.innodb_lock_wait_timeout"), 2);
	assert_int_equal(database_number(db, "SELECT @@SESSION.autocommit"), 1);
}

static void a_wrong_password_is_told_without_it(void **state)
{
	fixture *f = fixture_of(state);
	cs_error e;
	cs_db *db = nullptr;

	database_set_text(&f->d, "password", "wrongpassword");
	assert_int_not_equal(database_try_open(&f->d, &db, &e), CS_DB_OK);
	assert_non_null(strstr(e.text, "1045"));
	assert_null(strstr(e.text, "wrongpassword"));
}

static void the_unix_socket_works_and_tls_is_not_silently_left_out(void **state)
{
	fixture *f = fixture_of(state);
	cs_error e;
	cs_db *db = nullptr;

	database_set_text(&f->d, "socket", f->server->folder + "/socket");
	database_set_number(&f->d, "port", 1);
	db = database_open(&f->d);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	db->driver->close(db);
	database_set_text(&f->d, "socket", "");
	database_set_number(&f->d, "port", f->server->port);
	for (const int mode : {1, 2}) {
		database_set_choice(&f->d, "tls", mode);
		assert_int_not_equal(database_try_open(&f->d, &db, &e), CS_DB_OK);
	}
}

/* A certificate for 127.0.0.1 that signs itself. */
static void make_certificate(const std::string &folder)
{
	const std::string command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
	                            " -addext subjectAltName=IP:127.0.0.1,DNS:127.0.0.1 -keyout " +
	                            folder + "/key.pem -out " + folder + "/cert.pem 2>/dev/null";

	assert_int_equal(system(command.c_str()), 0);
}

static int is_encrypted(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<bool *>(arg) = columns[1].size > 0;
	return 0;
}

static bool opens_encrypted(fixture *f)
{
	cs_error e;
	cs_db *db = nullptr;
	bool encrypted = false;

	if (database_try_open(&f->d, &db, &e))
		return false;
	assert_int_equal(db->driver->query(db, "SHOW STATUS LIKE 'Ssl_cipher'", nullptr, 0, is_encrypted, &encrypted),
	                 CS_DB_OK);
	db->driver->close(db);
	return encrypted;
}

static void tls_encrypts_and_verify_wants_the_right_authority(void **state)
{
	fixture *f = fixture_of(state);

	make_certificate(f->server->folder);
	f->server->options = {"--ssl-cert=" + f->server->folder + "/cert.pem",
	                      "--ssl-key=" + f->server->folder + "/key.pem"};
	mariadb_kill(f->server);
	mariadb_start(f->server);
	assert_false(opens_encrypted(f));
	database_set_choice(&f->d, "tls", 1);
	assert_true(opens_encrypted(f));
	cs_db *db = database_open(&f->d);
	assert_int_equal(db->driver->ended(db), 0);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(db->driver->ended(db), 0);
	db->driver->close(db);
	database_set_choice(&f->d, "tls", 2);
	assert_false(opens_encrypted(f));
	database_set_text(&f->d, "tls_ca", f->server->folder + "/cert.pem");
	assert_true(opens_encrypted(f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mysql, tear_down)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_mysql_alone, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST_ALONE(a_server_killed_in_a_transaction_is_unknown_and_opened_again),
		TEST_ALONE(without_a_server_open_and_migrate_say_where_they_looked),
		TEST_ALONE(a_frozen_server_is_unknown_after_the_read_timeout),
		TEST(a_connection_that_was_killed_is_unknown),
		TEST(a_connection_that_was_ended_while_idle_says_so),
		TEST(a_statement_that_was_killed_is_to_be_tried_again),
		TEST(a_transaction_that_is_left_alone_gives_its_locks_back),
		TEST(a_session_is_strict_utf8_and_read_committed),
		TEST(a_wrong_password_is_told_without_it),
		TEST_ALONE(tls_encrypts_and_verify_wants_the_right_authority),
		TEST(the_unix_socket_works_and_tls_is_not_silently_left_out),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
