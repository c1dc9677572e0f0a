/* SPDX-License-Identifier: MIT
 * Does what chatserverd(8) says under "Backup and restore", word by word: its commands are read from the page. */
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

/* The commands of the page's block number n below ".Ss SQLite", with the folders of the test. */
static std::vector<std::string> page_commands(const test_server *s, int n)
{
	std::istringstream page(check_read_file("man/chatserverd.8"));
	std::vector<std::string> commands;
	std::string line;
	int block = -1;

	while (std::getline(page, line) && line != ".Ss SQLite")
		;
	while (block <= n && std::getline(page, line) && !line.starts_with(".Ss")) {
		block += line.starts_with(".Bd");
		if (block != n || !line.starts_with("# "))
			continue;
		replace_all(&line, "/var/lib/chatserverd", s->folder);
		replace_all(&line, "/var/backups", s->folder + "/backups");
		commands.push_back(line.substr(2));
	}
	if (commands.empty())
		check_fail(test_at::current(), "chatserverd(8) has no block %d of commands", n);
	return commands;
}

static void run_shell(const test_server *s, const std::string &script)
{
	const std::string output = s->folder + "/shell.out";

	std::filesystem::remove(output);
	if (process_run({"/bin/sh", "-ec", "umask 022; " + script}, output) != 0)
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
		if (command == "systemctl stop chatserverd" && s->pid > 0)
			test_server_stop(s);
		else if (command == "systemctl start chatserverd")
			test_server_start(s);
	}
	if (!script.empty())
		run_shell(s, script);
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
};

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
	test_server_start(s);
	p = {client_absent(s, "ann"), client_absent(s, "bob")};
	say(s, p, "before", 1);
	follow(s, page_commands(s, 0));
	assert_int_equal(stat_of(s->folder + "/backups/chat.db").st_mode & 0777, 0600);
	for (int64_t seq = 2; seq <= 20; seq++)
		say(s, p, "after", seq);
	return p;
}

/* The store is that of the copy's day, whole, and the server goes on with it. */
static void check_restored(test_server *s, const people &p)
{
	test_frame ack;
	const struct stat store = stat_of(test_server_database(s)), folder = stat_of(s->folder);

	assert_int_equal(store.st_mode & 0777, 0600);
	assert_int_equal(store.st_uid, folder.st_uid);
	assert_int_equal(store.st_gid, folder.st_gid);
	client_return(s, p.bob, &ack);
	const std::vector<json_ptr> messages = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(messages.size(), 1);
	assert_string_equal(json_text(messages[0].get(), "msg").c_str(), "before");
	say(s, p, "again", 2);
	run_shell(s, "test \"$(sqlite3 " + test_server_database(s) + " 'PRAGMA integrity_check')\" = ok");
	test_server_stop(s);
}

static void a_copy_is_put_back_over_a_store_that_was_stopped(void **state)
{
	test_server *s = (test_server *)*state;
	const people p = copy_and_go_on(s);

	follow(s, page_commands(s, 1));
	check_restored(s, p);
}

static void a_copy_is_put_back_over_a_store_that_crashed(void **state)
{
	test_server *s = (test_server *)*state;
	const people p = copy_and_go_on(s);

	test_server_kill(s);
	assert_true(std::filesystem::file_size(test_server_database(s) + "-wal") > 0);
	follow(s, page_commands(s, 1));
	check_restored(s, p);
}

static void a_copy_is_put_back_where_no_store_is_left(void **state)
{
	test_server *s = (test_server *)*state;
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
		OWN_SERVER(a_copy_is_put_back_where_no_store_is_left),
	};

	/* The page's commands for MariaDB are for root at a server of the system. */
	return mariadb_wanted() ? 0 : cmocka_run_group_tests(tests, nullptr, nullptr);
}
