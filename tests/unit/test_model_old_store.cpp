/* SPDX-License-Identifier: MIT
 * Tests that a store that was written with the first schema is changed to the present one and loses nothing. For
 * SQLite, and for MariaDB if CS_DRIVER is db_mysql. */
#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_model.h"

static const char *schema_folder(void)
{
	return mariadb_wanted() ? "conf/schema/mysql" : "conf/schema/sqlite";
}

static std::string schema_text(const char *name)
{
	std::ifstream file(std::string(schema_folder()) + "/" + name);
	std::stringstream text;

	text << file.rdbuf();
	return text.str();
}

static void schema_put(test_database *d, const char *name, const std::string &text)
{
	const std::string folder = d->folder + "/schema";

	std::filesystem::create_directory(folder);
	std::ofstream(folder + "/" + name) << text;
	database_set_text(d, "schema", folder);
}

static void run_all(cs_db *db, std::initializer_list<std::string> texts)
{
	for (const std::string &text : texts)
		assert_int_equal(database_run(db, text), CS_DB_OK);
}

/* Four accounts. Two pairs, one without a message; a group of which 3 is a member since seq 1. In the order of created:
 * 1:1, 3:1, 1:2, 3:2, 1:3. */
static void store_old(test_database *d)
{
	database_make(d);
	schema_put(d, "001.sql", schema_text("001.sql"));
	cs_db *db = database_migrate_and_open(d);
	run_all(db,
	        {"INSERT INTO account (id, name, password, created) VALUES (1, 'ann', 'x', 1), (2, 'bob', 'x', 2),"
	         " (3, 'eve', 'x', 3), (4, 'joe', 'x', 4)",
	         "INSERT INTO friend VALUES (1, 2), (2, 1)",
	         "INSERT INTO conversation (id, kind, low, high, last_seq) VALUES (1, 0, 1, 2, 3), (2, 0, 1, 3, 0)",
	         "INSERT INTO conversation (id, kind, name, description, last_seq) VALUES (3, 1, 'club', 'ours', 2)",
	         "INSERT INTO member VALUES (3, 1, 1, 0), (3, 3, 0, 1)",
	         "INSERT INTO message (conversation, seq, sender, cid, body, created) VALUES"
	         " (1, 1, 1, 'a', 'first', 100), (1, 2, 2, 'a', 'second', 300), (1, 3, 1, NULL, 'third', 500),"
	         " (3, 1, 1, 'g', 'group first', 200), (3, 2, 3, '7', 'group second', 400)",
	         "INSERT INTO `cursor` VALUES (1, 0, 1, 2, 0), (2, 0, 1, 3, 1), (3, 0, 3, 1, 0)"});
	db->driver->close(db);
}

/* With the schema that is shipped. */
static cs_db *store_new(test_database *d)
{
	database_set_text(d, "schema", schema_folder());
	return database_migrate_and_open(d);
}

static std::string read_all(cs_db *db, uint64_t conversation)
{
	std::vector<message_row> rows;
	std::string text;

	assert_int_equal(message_read(db, conversation, 0, 100, &rows), 0);
	for (const message_row &row : rows)
		text += std::to_string(row.seq) + " of " + std::to_string(row.sender) + " at " +
		        std::to_string(row.created) + ": " + row.body + "; ";
	return text;
}

static std::string news_text(cs_db *db, uint64_t account)
{
	std::vector<message_news> list;
	std::string text;

	assert_int_equal(message_news_list(db, {account, 0}, &list), 0);
	std::sort(list.begin(), list.end(),
	          [](const message_news &x, const message_news &y) { return x.conversation < y.conversation; });
	for (const message_news &news : list)
		text += std::to_string(news.conversation) + ": " + std::to_string(news.delivered_seq) + " to " +
		        std::to_string(news.last_seq) + "; ";
	return text;
}

static void check_nothing_is_lost(cs_db *db)
{
	std::vector<group_entry> groups;
	std::vector<friend_entry> friends;

	assert_string_equal(read_all(db, 1).c_str(),
	                    "1 of 1 at 100: first; 2 of 2 at 300: second; 3 of 1 at 500: third; ");
	assert_string_equal(read_all(db, 2).c_str(), "");
	assert_string_equal(read_all(db, 3).c_str(), "1 of 1 at 200: group first; 2 of 3 at 400: group second; ");
	assert_string_equal(news_text(db, 1).c_str(), "1: 2 to 3; 3: 0 to 2; ");
	assert_string_equal(news_text(db, 2).c_str(), "");
	assert_string_equal(news_text(db, 3).c_str(), "3: 1 to 2; ");
	assert_int_equal(group_list(db, 3, &groups), 0);
	assert_int_equal(groups.size(), 1);
	assert_int_equal(groups[0].members.size(), 2);
	assert_int_equal(friend_list(db, 1, &friends), 0);
	assert_int_equal(friends.size(), 1);
	assert_int_equal(database_number(db, "SELECT read_seq FROM mark WHERE account = 2"), 3);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM store WHERE LENGTH(id) = 32"), 1);
	/* Each has the other on its list; 1 and 2 have written. */
	assert_int_equal(database_number(db, "SELECT flags FROM conversation WHERE id = 1"), 4 + 8 + 16 + 32);
	assert_int_equal(database_number(db, "SELECT flags FROM conversation WHERE id = 2"), 0);
	assert_int_equal(database_number(db, "SELECT members FROM conversation WHERE id = 3"), 2);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM member WHERE left_seq IS NULL"), 2);
}

/* A cid of the first schema was unique for all conversations of its sender, now it is for one. */
static void check_retries_are_found_and_seq_goes_on(cs_db *db)
{
	std::vector<message_append> items = {to_user(1, 2, "a"),  to_user(2, 1, "a"), to_group(1, 3, "g"),
	                                     to_group(3, 3, "7"), to_user(1, 3, "a"), to_user(1, 2, "new"),
	                                     to_group(3, 3)};

	assert_int_equal(append_once(db, &items, false), CS_DB_DUPLICATE);
	assert_int_equal(append_once(db, &items, true), 0);
	for (size_t i = 0; i < 4; i++)
		assert_true(items[i].repeated);
	assert_true(items[0].seq == 1 && items[0].created == 100);
	assert_true(items[1].seq == 2 && items[1].created == 300);
	assert_true(items[2].seq == 1 && items[2].created == 200);
	assert_true(items[3].seq == 2 && items[3].created == 400);
	assert_true(!items[4].repeated && items[4].seq == 1 && items[4].conversation == 2);
	assert_true(!items[5].repeated && items[5].seq == 4 && items[5].conversation == 1);
	assert_true(!items[6].repeated && items[6].seq == 3 && items[6].conversation == 3);
}

static void nothing_is_lost_and_retries_are_still_found(void **)
{
	test_database d;

	store_old(&d);
	cs_db *db = store_new(&d);
	check_nothing_is_lost(db);
	check_retries_are_found_and_seq_goes_on(db);
	db->driver->close(db);
}

/* So that the newest are read together, and conversations can be ordered by their newest message. */
static void bodies_lie_in_the_order_in_which_they_were_stored(void **)
{
	test_database d;
	int64_t wrong;

	store_old(&d);
	cs_db *db = store_new(&d);
	wrong = database_number(
		db, "SELECT count(*) FROM body x JOIN body y ON y.id = x.id + 1 WHERE y.created < x.created");
	assert_int_equal(wrong, 0);
	assert_int_equal(database_number(db, "SELECT max(id) - min(id) FROM body"), 4);
	db->driver->close(db);
}

/* To oneself, so that it is news for nobody else. More than the memory that a change of the schema has for pages. */
static void put_many(test_database *d)
{
	cs_db *db = database_open(d);

	run_all(db, {"INSERT INTO conversation (id, kind, low, high, last_seq) VALUES (9, 0, 4, 4, 40000)",
	             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
	             " INSERT INTO message SELECT 9, i, 4, 'c' || i, printf('%.2000c', 'x'), 1000 + i FROM n"});
	db->driver->close(db);
}

static bool is_begun(const test_database *d)
{
	std::error_code none;

	return std::filesystem::file_size(d->texts.at("path") + "-wal", none) > 1 << 20 && !none;
}

static void a_change_that_was_killed_is_made_by_the_next_start(void **)
{
	test_database d;
	int status = 0;
	cs_error e;

	store_old(&d);
	put_many(&d);
	schema_put(&d, "002.sql",
	           schema_text("002.sql") +
	                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;");
	const pid_t child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(database_migrate(&d, &e));
	}
	check_wait("a part of the change", [&] { return is_begun(&d); });
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status));
	cs_db *db = database_open(&d);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message"), 40005);
	assert_int_equal(database_number(db, "SELECT max(version) FROM schema_version"), 1);
	db->driver->close(db);
	db = store_new(&d);
	check_nothing_is_lost(db);
	check_retries_are_found_and_seq_goes_on(db);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message WHERE conversation = 9"), 40000);
	assert_int_equal(database_number(db, "SELECT count(*) FROM message WHERE conversation = 9"
	                                     " AND (created <> 1000 + seq OR sender <> 4 OR length(body) <> 2000)"),
	                 0);
	db->driver->close(db);
}

/* The statements of a file of the schema, without comments. */
static std::vector<std::string> statements_of(const std::string &text)
{
	std::vector<std::string> statements;
	std::stringstream lines(text);
	std::string line, statement;

	while (std::getline(lines, line)) {
		if (line.starts_with("--"))
			continue;
		statement += line + "\n";
		if (!line.ends_with(";"))
			continue;
		statements.push_back(statement);
		statement.clear();
	}
	return statements;
}

/* The file ended after each of its statements, then begun again. */
static void check_may_be_begun_again(const char *name)
{
	const std::vector<std::string> statements = statements_of(schema_text(name));

	assert_true(statements.size() > 3);
	for (size_t most = 1; most <= statements.size(); most++) {
		test_database d;
		std::string part;
		cs_error e;

		store_old(&d);
		if (std::string_view(name) != "002.sql")
			schema_put(&d, "002.sql", schema_text("002.sql"));
		for (size_t i = 0; i < most; i++)
			part += statements[i];
		schema_put(&d, name, part + "SELECT 1 FROM nowhere;");
		assert_int_equal(database_migrate(&d, &e), CS_EINVAL);
		assert_non_null(strstr(e.text, "nowhere"));
		cs_db *db = store_new(&d);
		check_nothing_is_lost(db);
		if (most == 1 || most == statements.size())
			check_retries_are_found_and_seq_goes_on(db);
		db->driver->close(db);
	}
}

static void a_change_may_be_begun_again_after_any_of_its_statements(void **)
{
	check_may_be_begun_again("002.sql");
	check_may_be_begun_again("003.sql");
	check_may_be_begun_again("004.sql");
	check_may_be_begun_again("005.sql");
	check_may_be_begun_again("006.sql");
}

int main(void)
{
	const CMUnitTest sqlite_tests[] = {
		cmocka_unit_test(nothing_is_lost_and_retries_are_still_found),
		cmocka_unit_test(bodies_lie_in_the_order_in_which_they_were_stored),
		cmocka_unit_test(a_change_that_was_killed_is_made_by_the_next_start),
	};
	/* MariaDB changes tables without a transaction. */
	const CMUnitTest mariadb_tests[] = {
		cmocka_unit_test(nothing_is_lost_and_retries_are_still_found),
		cmocka_unit_test(a_change_may_be_begun_again_after_any_of_its_statements),
	};

	return mariadb_wanted() ? cmocka_run_group_tests(mariadb_tests, nullptr, nullptr)
	                        : cmocka_run_group_tests(sqlite_tests, nullptr, nullptr);
}
