/* SPDX-License-Identifier: MIT
 * Tests what an operator uses: the command line, the configuration and its mistakes. */
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

static void write_file(const std::string &path, const std::string &text)
{
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	fwrite(text.data(), 1, text.size(), file);
	fclose(file);
}

static void version_and_help_are_printed_and_end_with_0(void **state)
{
	test_server *s = (test_server *)*state;
	const test_run version = test_server_run(s, {"-V"}), help = test_server_run(s, {"-h"});

	assert_int_equal(version.status, 0);
	assert_true(version.out.rfind("chatserverd ", 0) == 0);
	assert_int_equal(help.status, 0);
	for (const char *option : {"-c", "-t", "-V", "-h", "-o", "--dump-options"})
		assert_true(contains(help.out, option));
	const test_run wrong = test_server_run(s, {"-Z"});
	assert_int_equal(wrong.status, 1);
	assert_true(wrong.out.empty());
	assert_false(wrong.err.empty());
	const test_run extra = test_server_run(s, {"-t", "chat.conf"});
	assert_int_equal(extra.status, 1);
	assert_true(extra.err.starts_with("chatserverd: unexpected argument chat.conf; give the file with -c\n"));
}

static void an_output_that_cannot_be_written_is_told(void **state)
{
	const test_server *s = (test_server *)*state;
	const char *const build = getenv("CS_BUILD");
	const std::string program = build ? build : "build", output = s->folder + "/output";

	assert_int_equal(process_run({"bash", "-c", program + "/chatserverd -V >/dev/full"}, output), 1);
	assert_int_equal(process_run({"bash", "-c", program + "/chatserverd -h >&-"}, output), 1);
	assert_string_equal(check_read_file(output).c_str(), "chatserverd: standard output: No space left on device\n"
	                                                     "chatserverd: standard output: it is closed\n");
}

/* A client's socket with the number of standard error would get the log. */
static void no_socket_takes_the_place_of_a_closed_stream(void **state)
{
	test_server *s = (test_server *)*state;
	const char *const build = getenv("CS_BUILD");

	test_server_write_conf(s);
	pid_t pid = process_spawn({"bash", "-c",
	                           std::string("exec ") + (build ? build : "build") + "/chatserverd -c " + s->folder +
	                                   "/chat.conf <&- >&- 2>&-"},
	                          s->folder + "/output");
	check_wait("a connection", [&] {
		return process_run({"bash", "-c", check_format("exec 3<>/dev/tcp/127.0.0.1/%u", s->port)},
		                   "/dev/null") == 0;
	});
	for (int fd = 0; fd < 3; fd++)
		assert_string_equal(std::filesystem::read_symlink(check_format("/proc/%d/fd/%d", (int)pid, fd)).c_str(),
		                    "/dev/null");
	process_kill(&pid);
}

static void dump_options_names_every_option_with_its_default(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_write_conf(s);
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf", "--dump-options"});
	assert_int_equal(run.status, 0);
	for (const char *key : {"listen", "threads", "max_frame", "driver", "queue", "synchronous", "cursor_flush",
	                        "password_ops", "password_memory", "duplicate_login", "64K", "19M"})
		if (!contains(run.out, key))
			check_fail(test_at::current(), "--dump-options does not name %s:\n%s", key, run.out.c_str());
}

/* The store of this run. */
static const char *driver(void)
{
	return mariadb_wanted() ? "db_mysql" : "db_sqlite";
}

static bool database_exists(const test_server *s)
{
	test_database d;

	if (!mariadb_wanted())
		return std::filesystem::exists(test_server_database(s));
	database_make_mysql(&d, s->database, "information_schema");
	cs_db *db = database_open(&d);
	const int64_t count = database_number(db, "SELECT COUNT(*) FROM SCHEMATA WHERE SCHEMA_NAME = '" +
	                                                  s->options.at("db_mysql.database") + "'");
	assert_true(count >= 0);
	d.driver->close(db);
	return count != 0;
}

static void check_prints_the_effective_configuration_and_starts_nothing(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_write_conf(s);
	const test_run run = test_server_run(
		s, {"-c", s->folder + "/chat.conf", "-o", "core.threads=3", "-o", "core.max_frame=128K", "-t"});
	assert_int_equal(run.status, 0);
	assert_true(contains(run.out, "threads = 3"));
	assert_true(contains(run.out, "max_frame = 128K") || contains(run.out, "max_frame = 131072"));
	assert_true(contains(run.out, check_format("[%s]", driver())));
	if (mariadb_wanted())
		assert_false(contains(run.out, s->options.at("db_mysql.password")));
	else
		assert_true(contains(run.out, s->folder));
	assert_true(run.err == "ok\n");
	assert_false(database_exists(s));
	write_file(s->folder + "/effective.conf", run.out);
	assert_int_equal(test_server_run(s, {"-c", s->folder + "/effective.conf", "-t"}).status, 0);
}

struct mistake {
	const char *text; /* of the file; $ stands for the good part */
	const char *expected; /* in the message */
	const char *also;
	const char *driver = nullptr; /* the mistake is this store's own */
};

static const struct mistake mistakes[] = {
	{"[core]\nthread = 2\n", "chat.conf:2", "threads"},
	{"[core]\n\n# x\nlistne = 127.0.0.1:1\n", "chat.conf:4", "listen"},
	{"[core]\nthreads = many\n", "chat.conf:2", "threads"},
	{"[core]\nthreads = -1\n", "chat.conf:2", "0"},
	{"[core]\nthreads = 100000\n", "chat.conf:2", "128"},
	{"[core]\nmax_frame = 64Q\n", "chat.conf:2", "max_frame"},
	{"[core]\nidle_timeout = 5 weeks\n", "chat.conf:2", "idle_timeout"},
	{"[core]\nlog_level = loud\n", "chat.conf:2", "debug"},
	{"[core]\nlisten = nowhere\n", "chat.conf:2", "nowhere"},
	{"[core]\nlisten = 127.0.0.1:99999\n", "chat.conf:2", "99999"},
	{"[core]\nlisten = 127.0.0.1:6000 127.0.0.1:6000\n", "chat.conf:2", "are the same address"},
	{"[core]\nthreads = 2\nlisten = [::1]:6000, [0::0:1]:6000\n", "chat.conf:3", "[0::0:1]:6000"},
	{"[core]\nlisten = 127.0.0.1:6000\nadmin = 127.0.0.1:6000\n", "chat.conf:3", "core.listen"},
	{"[core]\nno equals sign\n", "chat.conf:2", ""},
	{"threads = 2\n", "chat.conf:1", ""},
	{"[core\nthreads = 2\n", "chat.conf:1", ""},
	{"[cor]\nthreads = 2\n", "chat.conf:1", "core"},
	{"[login]\npassword_opps = 2\n", "chat.conf:2", "password_ops"},
	{"[mailbox]\ndurability = commit\n", "chat.conf:2", "durability"},
	{"[db_sqlite]\nsynchronous = off\n", "chat.conf:2", "full", "db_sqlite"},
	{"[db_mysql]\ntls = maybe\n", "chat.conf:2", "verify", "db_mysql"},
	{"[db_mysql]\nport = 65536\n", "chat.conf:2", "65535", "db_mysql"},
	{"[db_mysql]\nread_timeout = 1s\n", "chat.conf:2", "2s", "db_mysql"},
	{"[store]\ndriver = db_oracle\n", "chat.conf:2", "db_oracle"},
	{"[core]\nplugins = login chatt\n", "chat.conf:2", "chatt"},
	{"[core]\nplugin_dir = /nonexistent\n", "chat.conf:2", "core.plugin_dir"},
};

/* The file ends with what the mistakes do not touch. */
static std::string good_part(const test_server *s, const std::string &without)
{
	std::string text;

	for (const auto &[name, value] : s->options) {
		const std::string section = name.substr(0, name.find('.')), key = name.substr(section.size() + 1);

		if (section != driver() && key != "listen" && key != "plugin_dir" && key != "driver")
			continue;
		if (!contains(without, key + " ="))
			text += "[" + section + "]\n" + key + " = " + value + "\n";
	}
	return text;
}

static void every_mistake_is_named_with_file_and_line_and_status_1(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string path = s->folder + "/chat.conf";
	int wrong = 0;

	for (const struct mistake &m : mistakes) {
		if (m.driver && strcmp(m.driver, driver()) != 0)
			continue;
		write_file(path, m.text + good_part(s, m.text));
		for (const char *option : {"-t", ""}) {
			std::vector<std::string> arguments = {"-c", path};

			if (*option)
				arguments.push_back(option);
			const test_run run = test_server_run(s, arguments);
			if (run.status == 1 && contains(run.err, m.expected) && contains(run.err, m.also) &&
			    !contains(run.err, "ready"))
				continue;
			print_error("%s%s\n  status %d, said: %s\n", m.text, option, run.status, run.err.c_str());
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void what_cannot_work_ends_with_1_and_says_why(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string path = s->folder + "/chat.conf";
	int wrong = 0;

	test_server_write_conf(s);
	std::vector<std::pair<std::string, std::string>> overrides = {
		{"core.plugin_dir=/nonexistent", "/nonexistent"},
		{check_format("%s.schema=/nonexistent", driver()), check_format("%s.schema: /nonexistent", driver())},
		{"core.listen=192.0.2.1:6000", "192.0.2.1"},
		{"core.threads", "-o"},
		{"nosuch.key=1", "nosuch"},
		{"core.nosuch=1", "nosuch"},
	};
	if (mariadb_wanted())
		overrides.insert(overrides.end(), {{"db_mysql.port=1", "127.0.0.1:1"},
		                                   {"db_mysql.password=wrong", "Access denied"},
		                                   {"db_mysql.database=forbidden", "forbidden"}});
	else
		overrides.push_back({"db_sqlite.path=/dev/null/chat.db", "/dev/null"});
	for (const auto &[override, expected] : overrides) {
		const test_run run = test_server_run(s, {"-c", path, "-o", override});

		if (run.status == 1 && contains(run.err, expected))
			continue;
		print_error("-o %s: status %d, said: %s\n", override.c_str(), run.status, run.err.c_str());
		wrong++;
	}
	const test_run missing = test_server_run(s, {"-c", s->folder + "/nosuch.conf"});
	assert_int_equal(missing.status, 1);
	assert_true(contains(missing.err, "nosuch.conf"));
	assert_int_equal(wrong, 0);
}

/* Parts of plugins in the memory of the process. */
static int64_t plugin_parts(const test_server *s)
{
	const std::string maps = check_read_file("/proc/" + std::to_string(s->pid) + "/maps");
	int64_t count = 0;

	for (size_t at = maps.find("memfd:"); at != maps.npos; at = maps.find("memfd:", at + 1))
		count++;
	return count;
}

static void a_reload_refuses_what_the_next_start_would_refuse(void **state)
{
	test_server *s = (test_server *)*state;
	const std::vector<std::array<std::string, 3>> options = {
		{"core.listen", "nowhere", "nowhere"},
		{"core.listen", "127.0.0.1:6000 127.0.0.1:6000", "same address"},
		{"core.admin", "127.0.0.1:99999", "99999"},
		{"core.plugin_dir", "/nonexistent", "No such file"},
		{"websocket.listen", "foo", "foo"},
		{check_format("%s.schema", driver()), "/nonexistent", "No such file"},
		{"store.driver", "db_foo", "db_foo"},
	};

	test_server_start(s);
	const int64_t parts = plugin_parts(s);
	for (const auto &[key, value, why] : options) {
		const std::string before = s->options[key];

		test_server_set(s, key, value);
		test_server_write_conf(s);
		test_server_signal(s, SIGHUP);
		check_wait(key.c_str(), [s, key = key, why = why] {
			const std::string log = test_server_log(s);
			const std::string last =
				log.substr(std::min(log.rfind("error configuration kept: "), log.size()));

			return contains(last, key) && contains(last, s->folder + "/chat.conf:") && contains(last, why);
		});
		test_server_set(s, key, before);
	}
	assert_false(contains(test_server_log(s), "configuration reloaded"));
	test_server_set(s, "core.threads", "3");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "option changed, which needs a restart option=core.threads");
	test_server_wait_log(s, "configuration reloaded");
	assert_int_equal(plugin_parts(s), parts);
	test_server_stop(s);
}

/* The same line for -t and for a start, and the store is not made. */
static void a_path_that_cannot_be_used_is_named_with_its_option(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<std::string> options = {"schema = /nonexistent\n", "schema = " + s->folder + "\n"};

	write_file(s->folder + "/open.pem", "");
	std::filesystem::permissions(s->folder + "/open.pem", std::filesystem::perms(0646));
	if (mariadb_wanted())
		options.insert(options.end(),
		               {"tls_ca = /nonexistent/ca.pem\n", "tls_ca = " + s->folder + "/open.pem\n"});
	else
		options.insert(options.end(), {"path = /dev/null/chat.db\n", "path = " + s->folder + "\n",
		                               "path = " + s->folder + "/chat.conf/x/chat.db\n"});
	for (const std::string &line : options) {
		const std::string name = check_format("%s.%s", driver(), line.substr(0, line.find(' ')).c_str());

		test_server_write_conf(s);
		const std::string text = check_read_file(s->folder + "/chat.conf");
		const int64_t lines = std::count(text.begin(), text.end(), '\n');

		write_file(s->folder + "/chat.conf", text + "[" + driver() + "]\n" + line);
		for (const bool only_check : {true, false}) {
			std::vector<std::string> arguments = {"-c", s->folder + "/chat.conf"};

			if (only_check)
				arguments.push_back("-t");
			const test_run run = test_server_run(s, arguments);
			const std::string expected = check_format("chat.conf:%d: %s: ", (int)lines + 2, name.c_str());

			if (run.status != 1 || !contains(run.err, expected) || contains(run.err, "ok\n"))
				check_fail(test_at::current(), "%s: status %d, said: %s", line.c_str(), run.status,
				           run.err.c_str());
		}
	}
	assert_false(database_exists(s));
}

/* The same line for -t and for a start. The file of a plugin that is not loaded does not count. */
static void a_broken_schema_file_of_a_plugin_is_named_and_no_store_is_made(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string folder = s->folder + "/schema", option = check_format("%s.schema", driver());
	std::vector<std::string> arguments = {"-c", s->folder + "/chat.conf"};

	std::filesystem::copy(s->options.at(option), folder);
	test_server_set(s, option, folder);
	test_server_write_conf(s);
	write_file(folder + "/stranger-001.sql", "DROP TABLE message;\n");
	write_file(folder + "/reminders-002.sql", "\nDROP TABLE message;\n");
	for (const char *only_check : {"", "-t"}) {
		if (*only_check)
			arguments.push_back(only_check);
		const test_run run = test_server_run(s, arguments);

		assert_int_equal(run.status, 1);
		if (!contains(run.err, option + ": " + folder + "/reminders-002.sql:2: message is not the plugin's"))
			check_fail(test_at::current(), "%s", run.err.c_str());
	}
	assert_false(database_exists(s));
	write_file(folder + "/reminders-002.sql", "CREATE TABEL reminders_x (n INTEGER);\n");
	assert_true(
		contains(test_server_run(s, arguments).err, "reminders-002.sql:1: CREATE TABEL is not allowed here: "));
	std::filesystem::remove(folder + "/reminders-002.sql");
	assert_int_equal(test_server_run(s, arguments).status, 0);
}

/* The same line for -t and for a start. */
static void a_schema_folder_that_is_older_than_the_program_is_refused(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string folder = s->folder + "/schema", option = check_format("%s.schema", driver());
	std::map<std::string, std::string> last; /* file of each plugin */

	for (const auto &entry : std::filesystem::directory_iterator(s->options.at(option))) {
		const std::string name = entry.path().filename();
		std::string *known = &last[name.substr(0, name.size() - strlen("001.sql"))];

		*known = std::max(*known, name);
	}
	assert_true(last.size() >= 2);
	test_server_write_conf(s);
	for (const auto &[plugin, name] : last) {
		std::filesystem::copy(s->options.at(option), folder);
		std::filesystem::remove(folder + "/" + name);
		for (const std::vector<std::string> &more : {std::vector<std::string>{}, {"-t"}}) {
			std::vector<std::string> arguments = {"-c", s->folder + "/chat.conf", "-o",
			                                      option + "=" + folder};

			arguments.insert(arguments.end(), more.begin(), more.end());
			const test_run run = test_server_run(s, arguments);

			assert_int_equal(run.status, 1);
			if (!contains(run.err, option + ": there is no " + name + ", which this chatserverd needs"))
				check_fail(test_at::current(), "%s", run.err.c_str());
		}
		std::filesystem::remove_all(folder);
	}
	assert_false(database_exists(s));
}

static void a_broken_database_file_ends_with_1(void **state)
{
	test_server *s = (test_server *)*state;

	write_file(test_server_database(s), std::string(10000, 'x'));
	test_server_write_conf(s);
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf"});
	assert_int_equal(run.status, 1);
	assert_true(contains(run.err, "chat.db") || contains(run.err, "database"));
}

static void a_start_that_fails_for_an_address_leaves_no_store(void **state)
{
	test_server *s = (test_server *)*state;

	if (!mariadb_wanted())
		test_server_set(s, "db_sqlite.path", s->folder + "/new/chat.db");
	test_server_write_conf(s);
	for (const char *mistake : {"core.listen=192.0.2.1:6000", "core.admin=192.0.2.1:6000"}) {
		const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf", "-o", mistake});

		assert_int_equal(run.status, 1);
		assert_true(contains(run.err, "192.0.2.1:6000"));
		assert_false(database_exists(s));
		assert_false(std::filesystem::exists(s->folder + "/new"));
	}
}

static void a_taken_port_ends_with_1(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_start(s);
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf"});
	assert_int_equal(run.status, 1);
	assert_true(contains(run.err, check_format("%u", s->port)));
	client_expect_quiet(client_open(s));
	test_server_stop(s);
}

static void included_files_count_and_the_command_line_wins(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string path = s->folder + "/chat.conf";

	std::filesystem::create_directory(s->folder + "/conf.d");
	write_file(s->folder + "/conf.d/10-a.conf", "[core]\nthreads = 5\nmax_frame = 32K\n");
	write_file(s->folder + "/conf.d/20-b.conf", "[core]\nthreads = 6\n");
	write_file(s->folder + "/conf.d/ignored.txt", "nonsense\n");
	write_file(path, good_part(s, "") + "include conf.d/*.conf\n");
	const test_run run = test_server_run(s, {"-t", "-c", path, "-o", "core.max_frame=16K"});
	if (run.status != 0 || !contains(run.out, "threads = 6") || !contains(run.out, "max_frame = 16K"))
		check_fail(test_at::current(), "status %d\n%s%s", run.status, run.out.c_str(), run.err.c_str());
	write_file(s->folder + "/conf.d/20-b.conf", "[core]\nthreads = 6\nthreads = x\n");
	const test_run wrong = test_server_run(s, {"-t", "-c", path});
	assert_int_equal(wrong.status, 1);
	assert_true(contains(wrong.err, "20-b.conf:3"));
}

static void port_0_and_several_addresses_are_listened_on_and_logged(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "core.listen", check_format("127.0.0.1:%u 127.0.0.2:%u", s->port, s->port));
	test_server_start(s);
	client_expect_quiet(client_open(s));
	assert_true(contains(test_server_log(s), check_format("127.0.0.2:%u", s->port)));
	test_server_stop(s);
	test_server_set(s, "core.listen", "127.0.0.1:0");
	test_server_start(s);
	const std::string log = test_server_log(s);
	const size_t line = log.find("listening"), at = log.find("127.0.0.1:", line);
	assert_true(line != log.npos && at != log.npos);
	s->port = (uint16_t)atoi(log.c_str() + at + 10);
	assert_true(s->port != 0);
	client_expect_quiet(client_open(s));
	test_server_stop(s);
}

/* Sends the signal; the client goes on with the connection that it has. */
static void assert_unmoved_by(test_server *s, test_client *ann, int number)
{
	test_server_signal(s, number);
	CLIENT_ASK(ann, 0, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"signal %d\"", (long long)ann->id,
	           (long long)ann->id, number);
	client_expect(ann, "{\"msgid\":6}");
}

static void signals_that_ask_for_nothing_known_are_ignored(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	for (const auto &[number, name] : {std::pair(SIGUSR1, "SIGUSR1"), {SIGUSR2, "SIGUSR2"}, {SIGALRM, "SIGALRM"}}) {
		assert_unmoved_by(s, ann, number);
		test_server_wait_log(
			s, check_format("warning signal ignored: SIGUSR1 opens log files again, if there are any; "
		                        "SIGHUP does, too, and reads the configuration again signal=%s",
		                        name));
	}
	for (const int number : {SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGWINCH, SIGCHLD, SIGCONT, SIGURG, SIGIO, SIGPWR,
	                         SIGVTALRM, SIGSTKFLT})
		assert_unmoved_by(s, ann, number);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		assert_unmoved_by(s, ann, number);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	test_server_stop(s);
}

static void a_database_in_memory_works(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "db_sqlite.path", ":memory:");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	for (int i = 1; i <= 300; i++)
		assert_int_equal(client_chat_safely(ann, bob, "x"), i);
	test_frame ack;
	client_return(s, bob, &ack);
	assert_int_equal(json_parse_all(ack.json.get(), "offlinemsg").size(), 200);
	test_server_stop(s);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(version_and_help_are_printed_and_end_with_0),
		OWN_SERVER(an_output_that_cannot_be_written_is_told),
		OWN_SERVER(no_socket_takes_the_place_of_a_closed_stream),
		OWN_SERVER(dump_options_names_every_option_with_its_default),
		OWN_SERVER(check_prints_the_effective_configuration_and_starts_nothing),
		OWN_SERVER(every_mistake_is_named_with_file_and_line_and_status_1),
		OWN_SERVER(what_cannot_work_ends_with_1_and_says_why),
		OWN_SERVER(a_reload_refuses_what_the_next_start_would_refuse),
		OWN_SERVER(a_path_that_cannot_be_used_is_named_with_its_option),
		OWN_SERVER(a_broken_schema_file_of_a_plugin_is_named_and_no_store_is_made),
		OWN_SERVER(a_schema_folder_that_is_older_than_the_program_is_refused),
		OWN_SERVER(a_start_that_fails_for_an_address_leaves_no_store),
		OWN_SERVER(a_taken_port_ends_with_1),
		OWN_SERVER(included_files_count_and_the_command_line_wins),
		OWN_SERVER(port_0_and_several_addresses_are_listened_on_and_logged),
		OWN_SERVER(signals_that_ask_for_nothing_known_are_ignored),
	};
	/* MariaDB looks after its own files, and has no database in memory that outlives a connection. */
	const struct CMUnitTest sqlite_tests[] = {
		OWN_SERVER(a_broken_database_file_ends_with_1),
		OWN_SERVER(a_database_in_memory_works),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return mariadb_wanted() ? failed : failed + cmocka_run_group_tests(sqlite_tests, nullptr, nullptr);
}
