/* SPDX-License-Identifier: MIT
 * Tests "Backup and restore" of chatserverd(8) word by word: the commands are read from the page. */
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/mariadb.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static void replace_all(std::string *text, const std::string &from, const std::string &to)
{
	for (size_t at = 0; (at = text->find(from, at)) != text->npos; at += to.size())
		text->replace(at, from.size(), to);
}

/* The commands of the page's block number n below that heading, with what stands for the folders and the database. */
static std::vector<std::string> page_commands(const test_server *s, int n)
{
	const std::string heading = mariadb_wanted() ? ".Ss MariaDB" : ".Ss SQLite";
	std::istringstream page(check_read_file("man/chatserverd.8"));
	std::vector<std::string> commands;
	std::string line;
	int block = -1;
	bool goes_on = false;

	while (std::getline(page, line) && line != heading)
		;
	while (block <= n && std::getline(page, line) && !line.starts_with(".S")) {
		block += line.starts_with(".Bd");
		if (block != n || (!goes_on && !line.starts_with("# ")))
			continue;
		if (!goes_on)
			commands.push_back("");
		replace_all(&line, "/var/lib/chatserverd", s->folder);
		replace_all(&line, "/var/backups", s->folder + "/backups");
		if (mariadb_wanted())
			replace_all(&line, "--databases chatserverd",
			            "--databases " + s->options.at("db_mysql.database"));
		if (mariadb_wanted() && line.ends_with("\" chatserverd"))
			line.replace(line.size() - 11, 11, s->options.at("db_mysql.database"));
		const bool begins = !goes_on;
		goes_on = line.ends_with("\\e");
		if (goes_on)
			line.resize(line.size() - 2);
		commands.back() += begins ? line.substr(2) : line;
	}
	if (commands.empty())
		check_fail(test_at::current(), "chatserverd(8) has no block %d of commands", n);
	return commands;
}

static void run_shell(const test_server *s, const std::string &script)
{
	const std::string output = s->folder + "/shell.out";

	std::filesystem::remove(output);
	if (process_run({"/bin/sh", "-ec", "HOME='" + s->folder + "'; export HOME; umask 022\n" + script}, output) != 0)
		check_fail(test_at::current(), "%s: %s", script.c_str(), check_read_file(output).c_str());
}

/* The shell keeps its umask and folder from line to line. systemctl is the test's own. */
static void follow(test_server *s, const std::vector<std::string> &commands)
{
	std::string script;

	for (const std::string &command : commands) {
		if (!command.starts_with("systemctl ")) {
			script += command + "\n";
			continue;
		}
		if (!script.empty())
			run_shell(s, script);
		script.clear();
		if (command == "systemctl start chatserverd")
			test_server_start(s);
		else if (s->pid > 0)
			test_server_stop(s);
	}
	if (!script.empty())
		run_shell(s, script);
}

/* Root at the database server of this test, as the programs of MariaDB find it. */
static void write_client_conf(const test_server *s)
{
	FILE *file = fopen((s->folder + "/.my.cnf").c_str(), "w");

	assert_non_null(file);
	fprintf(file, "[client]\nuser=root\nsocket=%s/socket\n", s->database->folder.c_str());
	fclose(file);
}

static struct stat stat_of(const std::string &path)
{
	struct stat info = {};

	if (stat(path.c_str(), &info) != 0)
		check_fail(test_at::current(), "%s is missing", path.c_str());
	return info;
}

/* The accounts of the copy's day. */
struct people {
	int64_t ann, bob;
	std::string store; /* its text on that day */
};

static std::string store_of(test_server *s, int64_t id)
{
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":1,"id":%lld,"password":"secret","want":[]})", static_cast<long long>(id));
	const test_frame ack = client_read(c);
	std::string store = json_text(ack.json.get(), "store");

	c->id = id;
	client_leave(c);
	return store;
}

static void say(test_server *s, const people &p, const char *text, int64_t seq)
{
	test_client *ann = client_return(s, p.ann);

	assert_int_equal(client_chat_safely(ann, p.bob, text), seq);
	client_logout(ann);
}

/* A server with one message, of which the page's copy is made; then come more messages. */
static people copy_and_go_on(test_server *s)
{
	people p;

	std::filesystem::create_directory(s->folder + "/backups");
	if (mariadb_wanted())
		write_client_conf(s);
	test_server_start(s);
	p = {client_absent(s, "ann"), client_absent(s, "bob"), ""};
	p.store = store_of(s, p.ann);
	assert_string_equal(store_of(s, p.ann).c_str(), p.store.c_str());
	say(s, p, "before", 1);
	follow(s, page_commands(s, 0));
	for (const auto &copy : std::filesystem::directory_iterator(s->folder + "/backups"))
		assert_int_equal(stat_of(copy.path()).st_mode & 0777, 0600);
	for (int64_t seq = 2; seq <= 20; seq++)
		say(s, p, "after", seq);
	return p;
}

static void check_file(const test_server *s)
{
	const struct stat store = stat_of(test_server_database(s)), folder = stat_of(s->folder);

	assert_int_equal(store.st_mode & 0777, 0600);
	assert_int_equal(store.st_uid, folder.st_uid);
	assert_int_equal(store.st_gid, folder.st_gid);
	run_shell(s, "test \"$(sqlite3 " + test_server_database(s) + " 'PRAGMA integrity_check')\" = ok");
}

/* The store is that of the copy's day, whole, and the server goes on with it. */
static void check_restored(test_server *s, const people &p)
{
	test_frame ack;
	const std::string store = store_of(s, p.ann);

	assert_int_equal(store.size(), p.store.size());
	assert_string_not_equal(store.c_str(), p.store.c_str());
	client_return(s, p.bob, &ack);
	const std::vector<json_ptr> messages = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(messages.size(), 1);
	assert_string_equal(json_text(messages[0].get(), "msg").c_str(), "before");
	say(s, p, "again", 2);
	if (!mariadb_wanted())
		check_file(s);
	test_server_stop(s);
}

static void a_copy_is_put_back_over_a_store_that_was_stopped(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const people p = copy_and_go_on(s);

	follow(s, page_commands(s, 1));
	check_restored(s, p);
}

static void a_copy_is_put_back_over_a_store_that_crashed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const people p = copy_and_go_on(s);

	test_server_kill(s);
	if (!mariadb_wanted())
		assert_true(std::filesystem::file_size(test_server_database(s) + "-wal") > 0);
	follow(s, page_commands(s, 1));
	check_restored(s, p);
}

static void a_copy_is_put_back_where_no_store_is_left(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const people p = copy_and_go_on(s);

	test_server_kill(s);
	for (const char *suffix : {"", "-wal", "-shm", "-lock"})
		std::filesystem::remove(test_server_database(s) + suffix);
	/* As the state directory of the unit: it is not root's, who does all this. */
	if (geteuid() == 0)
		assert_int_equal(chown(s->folder.c_str(), 0, 65534), 0);
	follow(s, page_commands(s, 1));
	check_restored(s, p);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(a_copy_is_put_back_over_a_store_that_was_stopped),
		OWN_SERVER(a_copy_is_put_back_over_a_store_that_crashed),
	};

	const struct CMUnitTest sqlite_tests[] = {
		OWN_SERVER(a_copy_is_put_back_where_no_store_is_left),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return mariadb_wanted() ? failed : failed + cmocka_run_group_tests(sqlite_tests, nullptr, nullptr);
}
