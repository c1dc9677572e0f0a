/* SPDX-License-Identifier: MIT
 * Tests that no configuration of the database server changes a session of db_mysql. */
#include <vector>

#include "test_db.h"
#include "tests/support/relay.h"

/* Two, three and four bytes a letter, a zero-width joiner, and what another character set takes for its own. */
static const char letters[] = "\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \xe7\xbe\xa4 \xf0\x9f\x98\x80\xf0\x9f\x91\xa9"
			      "\xe2\x80\x8d\xf0\x9f\x92\xbb \xf0\xa0\xae\xb7 \\' \" ` \xe8\xa1\xa8";

static int take_text(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::string *>(arg)->assign(columns[0].bytes ? columns[0].bytes : "", columns[0].size);
	return 1;
}

static std::string text(cs_db *db, const std::string &sql)
{
	std::string text;

	if (db->driver->query(db, sql.c_str(), nullptr, 0, take_text, &text))
		print_error("%s: %s\n", sql.c_str(), db->driver->message(db));
	return text;
}

static void assert_letters_last(const fixture *f)
{
	cs_db *db = database_open(&f->d);
	const std::string body = letters;
	const cs_db_value value = database_text(body);

	assert_int_equal(database_run(db, "DELETE FROM t"), CS_DB_OK);
	assert_int_equal(
		db->driver->query(db, "INSERT INTO t (name, body) VALUES ('a', ?)", &value, 1, nullptr, nullptr),
		CS_DB_OK);
	db->driver->close(db);
	db = database_open(&f->d);
	assert_string_equal(text(db, "SELECT body FROM t").c_str(), letters);
	assert_int_equal(database_number(db, "SELECT LENGTH(body) FROM t"), sizeof(letters) - 1);
	db->driver->close(db);
}

/* The account of the tests may not do everything, so init_connect is run for it. */
static void set_init_connect(const fixture *f, const std::string &statements)
{
	database_run_as_root(f->server, {"SET GLOBAL init_connect = \"" + statements + "\""});
}

static int tear_down_globals(void **state)
{
	set_init_connect(fixture_of(state), "");
	return tear_down(state);
}

static void letters_last_whatever_init_connect_says(void **state)
{
	const fixture *f = fixture_of(state);

	for (const char *statements : {"SET NAMES latin1", "SET NAMES gbk", "SET NAMES utf8mb3", "SET NAMES sjis",
	                               "SET character_set_results = latin1", "SET character_set_results = utf16",
	                               "SET character_set_results = NULL", "SET character_set_client = gbk",
	                               "SET collation_connection = ucs2_bin", "SET NAMES latin1; SET sql_mode = ''"}) {
		set_init_connect(f, statements);
		assert_letters_last(f);
	}
}

/* Such a server takes its own character set, whatever a client says when it connects. */
static void letters_last_where_the_server_skips_the_handshake(void **state)
{
	fixture *f = fixture_of(state);

	mariadb_kill(f->server);
	f->server->options = {"--skip-character-set-client-handshake"};
	for (const char *set : {"utf8mb3", "gbk", "latin1", "utf8mb4"}) {
		f->server->options.resize(1);
		f->server->options.push_back("--character-set-server=" + std::string(set));
		mariadb_start(f->server);
		assert_letters_last(f);
		/* Also a name that is no ASCII, and what is made in a database of that set. */
		test_database other;

		database_make_mysql(&other, f->server, "chat_\xe7\xbe\xa4" + std::string(set));
		cs_db *db = database_migrate_and_open(&other);
		assert_string_equal(text(db, "SELECT DATABASE()").c_str(), other.texts["database"].c_str());
		assert_int_equal(database_number(db, "SELECT COUNT(*) FROM information_schema.columns"
		                                     " WHERE table_schema = DATABASE()"
		                                     " AND character_set_name <> 'utf8mb4'"),
		                 0);
		db->driver->close(db);
		mariadb_kill(f->server);
	}
	mariadb_start(f->server);
}

/* A statement of init_connect, and a question whose answer is 1 where it has no effect. */
struct change {
	const char *statement, *question;
};

static const change changes[] = {
	{"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH'",
         "SELECT @@sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"},
	{"SET sql_mode = 'ORACLE'", "SELECT @@sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"},
	{"SET sql_mode = ''", "SELECT @@sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"},
	{"SET NAMES latin1 COLLATE latin1_bin",
         "SELECT @@character_set_client = 'utf8mb4' AND @@character_set_results = 'utf8mb4'"
         " AND @@character_set_connection = 'utf8mb4' AND @@collation_connection = 'utf8mb4_bin'"},
	{"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci", "SELECT 'a' <> 'A'"},
	{"SET autocommit = 0", "SELECT @@autocommit"},
	{"START TRANSACTION", "SELECT NOT @@in_transaction"},
	{"SET completion_type = 1", "SELECT @@completion_type = 'NO_CHAIN'"},
	{"SET completion_type = 1; START TRANSACTION", "SELECT NOT @@in_transaction"},
	{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT @@tx_isolation = 'READ-COMMITTED'"},
	{"SET SESSION TRANSACTION READ ONLY", "SELECT NOT @@tx_read_only"},
	{"SET foreign_key_checks = 0, unique_checks = 0", "SELECT @@foreign_key_checks AND @@unique_checks"},
	{"SET check_constraint_checks = 0", "SELECT @@check_constraint_checks"},
	{"SET sql_safe_updates = 1", "SELECT NOT @@sql_safe_updates"},
	{"SET sql_select_limit = 1", "SELECT @@sql_select_limit = 18446744073709551615"},
	{"SET sql_big_selects = 0, max_join_size = 1", "SELECT @@sql_big_selects"},
	{"SET sql_auto_is_null = 1", "SELECT NOT @@sql_auto_is_null"},
	{"SET time_zone = '+08:00'", "SELECT @@time_zone = '+00:00'"},
	{"SET max_statement_time = 0.5", "SELECT @@max_statement_time = 0"},
	{"SET innodb_lock_wait_timeout = 50, lock_wait_timeout = 86400",
         "SELECT @@innodb_lock_wait_timeout = 2 AND @@lock_wait_timeout = 2"},
	{"SET idle_transaction_timeout = 0", "SELECT @@idle_transaction_timeout = 10"},
	{"SET default_storage_engine = MyISAM", "SELECT @@default_storage_engine = 'InnoDB'"},
	{"SET div_precision_increment = 0, group_concat_max_len = 4", "SELECT 1/3 = 0.3333"},
	{"SET lc_messages = 'de_DE'", "SELECT @@lc_messages = 'en_US'"},
	{"USE information_schema", "SELECT DATABASE() LIKE 'chat%'"},
};

static void a_session_is_ours_whatever_init_connect_says(void **state)
{
	const fixture *f = fixture_of(state);

	for (const change &c : changes) {
		set_init_connect(f, c.statement);
		cs_db *db = database_open(&f->d);
		const int64_t answer = database_number(db, c.question);

		if (answer != 1)
			print_error("%s: %s\n", c.statement, c.question);
		assert_int_equal(answer, 1);
		db->driver->close(db);
	}
}

/* All at once, and for whoever makes the tables. */
static void the_schema_is_made_whatever_init_connect_says(void **state)
{
	fixture *f = fixture_of(state);
	std::string all;

	for (const change &c : changes)
		all += std::string(all.empty() ? "" : "; ") + c.statement;
	set_init_connect(f, all);
	test_database other;
	database_make_mysql(&other, f->server, mariadb_new_database());
	cs_db *db = database_migrate_and_open(&other);
	assert_true(database_number(db, "SELECT COUNT(*) FROM information_schema.tables"
	                                " WHERE table_schema = DATABASE() AND engine = 'InnoDB'") > 6);
	db->driver->close(db);
	assert_letters_last(f);
}

static void a_bad_init_connect_is_told(void **state)
{
	const fixture *f = fixture_of(state);
	cs_error e;
	cs_db *db = nullptr;

	set_init_connect(f, "SELECT * FROM no_such.table");
	assert_int_not_equal(database_try_open(&f->d, &db, &e), CS_DB_OK);
	assert_non_null(strstr(e.text, ("127.0.0.1:" + std::to_string(f->server->port)).c_str()));
}

/* Something on the way, a proxy for example, sees to it that results are in another character set. */
static void who_gets_another_character_set_does_not_go_on(void **state)
{
	fixture *f = fixture_of(state);
	relay *proxy = relay_start(f->server->port);
	cs_error e;
	cs_db *db = nullptr;

	database_set_number(&f->d, "port", relay_port(proxy));
	assert_letters_last(f);
	relay_replace(proxy, "NAMES utf8mb4 COLLATE utf8mb4_bin", "NAMES latin1  COLLATE latin1_bin ");
	relay_replace(proxy, "'utf8mb4'", " 'latin1'");
	assert_int_equal(database_try_open(&f->d, &db, &e), CS_DB_FAILED);
	assert_non_null(strstr(e.text, "character_set_client"));
	assert_non_null(strstr(e.text, "latin1"));
	assert_non_null(strstr(e.text, "utf8mb4"));
	assert_int_equal(database_migrate(&f->d, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "character_set_client"));
	relay_stop(proxy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mysql, tear_down)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_mysql_alone, tear_down)
#define TEST_GLOBALS(name) cmocka_unit_test_setup_teardown(name, set_up_mysql, tear_down_globals)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST_GLOBALS(letters_last_whatever_init_connect_says),
		TEST_ALONE(letters_last_where_the_server_skips_the_handshake),
		TEST_GLOBALS(a_session_is_ours_whatever_init_connect_says),
		TEST_GLOBALS(the_schema_is_made_whatever_init_connect_says),
		TEST_GLOBALS(a_bad_init_connect_is_told),
		TEST(who_gets_another_character_set_does_not_go_on),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
