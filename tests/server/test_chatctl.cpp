/* SPDX-License-Identifier: MIT
 * Tests chatctl with a real server: its tables, its JSON, its exit statuses, and what it says when there is no server;
 * its completion in a real bash. */
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	test_server_set(s, "core.node", "north-1");
	test_server_set_transport(s, TRANSPORT_PLAIN);
	*state = s;
	test_server_start(s);
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

static chatctl_output run(const test_server *s, const std::vector<std::string> &words)
{
	return chatctl_words(s, words);
}

/* Each number becomes N, and blanks in a row one. */
static std::string picture(const std::string &text)
{
	std::string shown;

	for (size_t i = 0; i < text.size(); i++) {
		const bool is_digit = text[i] >= '0' && text[i] <= '9';

		if (is_digit && !shown.empty() && shown.back() == 'N')
			continue;
		if (text[i] == ' ' && !shown.empty() && shown.back() == ' ')
			continue;
		shown += is_digit ? 'N' : text[i];
	}
	return shown;
}

static void contains(const std::string &text, const char *part)
{
	if (!strstr(text.c_str(), part))
		check_fail(std::source_location::current(), "no \"%s\" in:\n%s", part, text.c_str());
}

/* ---- what it shows */

static void the_status_is_a_list_for_people(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	(void)client_enter(s, "zhang san");
	const chatctl_output status = run(s, {"status"});
	assert_int_equal(status.status, 0);
	assert_string_equal(status.err.c_str(), "");
	assert_true(status.out.starts_with("state          serving\nversion        " CS_VERSION "\n"
	                                   "node           north-1\npid            "));
	contains(status.out, "\nconnections    plain 1\nwithout login  0\nsessions       1\n"
	                     "store          db_sqlite ready, waiting: reads ");
	contains(status.out, "\nbus            alone\nreload         none since the start\n");
}

static void sessions_are_a_table_whose_columns_are_aligned(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s), *wide = client_open(s);

	client_login(c, client_register(c, "a"));
	client_login(wide, client_register(wide, "张三"));
	const chatctl_output sessions = run(s, {"sessions"});
	assert_int_equal(sessions.status, 0);
	const std::string &text = sessions.out;
	contains(text, "ACCOUNT  DEVICE  NAME  PEER             OVER   WORKER  ");
	contains(text, "\n      1       0  a     127.0.0.1:");
	contains(text, "\n      2       0  张三  127.0.0.1:");
	const chatctl_output one = run(s, {"sessions", "2"});
	assert_null(strstr(one.out.c_str(), "\n      1 "));
	contains(one.out, "张三");
}

static void other_tables_have_a_row_for_each_thing(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const chatctl_output workers = run(s, {"workers"}), plugins = run(s, {"plugins"}), routes = run(s, {"routes"}),
			     limits = run(s, {"limits"});

	assert_string_equal(picture(workers.out).substr(0, 61).c_str(),
	                    "WORKER CONNECTIONS SESSIONS NO LOGIN UNSENT LAG TURNS CPU\n N ");
	contains(picture(plugins.out), ("\nlogin " + picture(CS_VERSION) + " N N ").c_str());
	contains(picture(routes.out), "MSGID NAME PLUGIN CALLS BYTES REFUSED\n");
	contains(picture(routes.out), " N plugins core N N N\n");
	contains(picture(limits.out), "core.max_connections N N N% connections\n");
	contains(picture(limits.out), "core.rate none - cost/s\n");
}

static void orders_say_what_they_did(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang san", ",\"want\":[\"notice\"]");

	assert_string_equal(run(s, {"notice", "We", "restart", "--soon"}).out.c_str(),
	                    "reached 1 of 1 session of node north-1; the others do not show notices\n");
	client_expect(c, R"({"msgid":124,"text":"We restart --soon"})");
	assert_string_equal(run(s, {"log", "debug"}).out.c_str(),
	                    "log level debug, before info; a reload sets that of the configuration again\n");
	assert_string_equal(run(s, {"kick", std::to_string(c->id), "0"}).out.c_str(),
	                    "1 session ended on node north-1\n");
	test_server_set(s, "core.node", "south-1");
	test_server_write_conf(s);
	assert_string_equal(run(s, {"reload"}).out.c_str(), "configuration reloaded\nneeds a restart: core.node\n");
	const chatctl_output drain = run(s, {"drain"});
	assert_true(drain.out.starts_with("the server drains: "));
	client_close(c);
	assert_int_equal(test_server_wait(s, 15000), 0);
}

static void json_is_one_document(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	for (int i = 0; i < 5; i++)
		(void)client_enter(s, "somebody");
	for (const char *verb : {"status", "workers", "sessions", "plugins", "routes", "limits"}) {
		const chatctl_output result = run(s, {"--json", verb});
		const json_ptr json(cJSON_Parse(result.out.c_str()));

		assert_int_equal(result.status, 0);
		assert_true(cJSON_IsObject(json.get()) && result.out.find('\n') == result.out.size() - 1);
		assert_false(json_has(json.get(), "msgid") || json_has(json.get(), "more"));
		if (const cJSON *list = cJSON_GetObjectItem(json.get(), "sessions"); cJSON_IsArray(list))
			assert_int_equal(cJSON_GetArraySize(list), 5);
	}
}

static void a_refusal_is_told_and_has_a_status_of_its_own(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.max_frame", "-1");
	test_server_write_conf(s);
	const chatctl_output plain = run(s, {"reload"}), json = run(s, {"--json", "reload"});
	assert_int_equal(plain.status, 1);
	assert_true(plain.err.starts_with("chatctl: refused: configuration kept: ") && plain.out.empty());
	contains(plain.err, "core.max_frame");
	assert_int_equal(json.status, 1);
	const json_ptr document(cJSON_Parse(json.out.c_str()));
	assert_true(json_matches(document.get(), R"({"errno":8})") && json_has(document.get(), "errmsg"));
	const chatctl_output notice = run(s, {"notice", std::string(1001, 'x')});
	assert_int_equal(notice.status, 1);
	assert_string_equal(notice.err.c_str(), "chatctl: refused: text is longer than 1000 characters\n");
	assert_int_equal(chatctl_words(s, {"status"}, {.before = "exec >&-;"}).status, 0);
}

static void a_wrong_command_line_is_status_2(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	for (const std::vector<std::string> &words : std::vector<std::vector<std::string>>{{},
	                                                                                   {"nope"},
	                                                                                   {"kick"},
	                                                                                   {"kick", "0"},
	                                                                                   {"kick", "1", "x"},
	                                                                                   {"kick", "1", "-1"},
	                                                                                   {"kick", "9007199254740992"},
	                                                                                   {"kick", "1", "2", "3"},
	                                                                                   {"log", "loud"},
	                                                                                   {"status", "more"},
	                                                                                   {"-t", "0", "status"},
	                                                                                   {"-x"},
	                                                                                   {"notice"}}) {
		const chatctl_output result = run(s, words);

		assert_int_equal(result.status, 2);
		assert_true(!result.err.empty() && result.out.empty());
	}
	assert_int_equal(run(s, {"-h"}).status, 0);
	assert_string_equal(run(s, {"-V"}).out.c_str(), "chatctl " CS_VERSION "\n");
}

/* ---- where there is no server */

static void a_server_that_is_not_reached_is_status_3(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string path = operator_path(s);

	const chatctl_output absent = chatctl_words(s, {"status"}, {.socket = path + "-none"});
	assert_int_equal(absent.status, 3);
	contains(absent.err, "chatctl: no server: there is no socket ");
	assert_int_equal(chatctl_words(s, {"status"}, {.socket = "/" + std::string(200, 'x')}).status, 3);
	test_server_signal(s, SIGSTOP);
	const chatctl_output silent = run(s, {"-t", "1", "status"}), check = run(s, {"-t", "1", "check"});
	test_server_signal(s, SIGCONT);
	assert_int_equal(silent.status, 3);
	assert_string_equal(silent.err.c_str(), "chatctl: the server does not answer within 1 s\n");
	assert_int_equal(check.status, 3);
	assert_string_equal(check.err.c_str(), silent.err.c_str());
	test_server_kill(s);
	const chatctl_output dead = run(s, {"status"});
	assert_int_equal(dead.status, 3);
	contains(dead.err, "it is stopped, or was killed");
}

static void another_user_is_told_who_may(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	assert_int_equal(geteuid(), 0);
	const std::string copy = s->folder + "/chatctl"; /* others may not look into root's folders */

	assert_int_equal(chmod(s->folder.c_str(), 0755), 0);
	std::filesystem::copy_file(process_program("chatctl"), copy);
	const chatctl_output result = chatctl_words(
		s, {"status"},
		{.before = "exec 3>&1; setpriv --reuid=65534 --regid=65534 --clear-groups", .program = copy});
	assert_int_equal(result.status, 3);
	contains(result.err, "may be opened by root and the server's own user only");
}

/* ---- the terminal */

static void what_could_control_a_terminal_does_not_reach_it(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	/* C1 controls and a change of direction; REGISTER refuses C0. */
	client_sendf(c, R"({"msgid":4,"name":"a\u202eb","password":"secret"})");
	const test_frame answer = client_read(c);
	if (json_integer(answer.json.get(), "errno") == 0)
		client_login(c, json_integer(answer.json.get(), "id"));
	test_server_set(s, "core.max_frame", "\x1b[2J\xc2\x9b");
	test_server_write_conf(s);
	const chatctl_output refused = run(s, {"reload"}), sessions = run(s, {"sessions"}),
			     json = run(s, {"--json", "sessions"});
	for (const std::string &text : {refused.err, sessions.out, json.out, run(s, {"a\x1b[2J"}).err})
		for (const char *bytes : {"\x1b", "\xc2\x9b", "\xe2\x80\xae"})
			assert_null(strstr(text.c_str(), bytes));
}

static void only_a_terminal_gets_colours(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string line =
		chatctl_quote(process_program("chatctl")) + " -s " + chatctl_quote(operator_path(s)) + " status";
	const std::string out = s->folder + "/typescript";

	/* script(1) gives it a terminal. */
	assert_int_equal(process_run({"env", "TERM=xterm", "script", "-qec", line, "/dev/null"}, out), 0);
	contains(check_read_file(out), "\033[32mserving\033[0m");
	(void)unlink(out.c_str());
	assert_int_equal(process_run({"env", "TERM=xterm", "NO_COLOR=1", "script", "-qec", line, "/dev/null"}, out), 0);
	assert_null(strchr(check_read_file(out).c_str(), '\033'));
	assert_null(strchr(chatctl_words(s, {"status"}, {.before = "TERM=xterm"}).out.c_str(), '\033'));
}

static void the_first_word_of_verbs_alone_names_the_verbs(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);
	const chatctl_output alone = run(s, {"group"}), wrong = run(s, {"group", "lists"});

	assert_int_equal(alone.status, 2);
	contains(alone.err, "usage: chatctl group list\n");
	assert_int_equal(wrong.status, 2);
	assert_string_equal(wrong.err.c_str(), alone.err.c_str());
}

/* Three pages. */
static void groups_are_a_list_of_all_pages(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_enter(s, "zhang san");

	assert_string_equal(run(s, {"group", "list"}).out.c_str(), "GROUP  NAME  MEMBERS  ENTRIES\n");
	for (int i = 1; i <= 401; i++)
		(void)CLIENT_ASK(c, 0, R"({"msgid":8,"id":%lld,"groupname":"g%d","groupdesc":"")",
		                 static_cast<long long>(c->id), i);
	const std::string shown = run(s, {"group", "list"}).out;

	assert_int_equal(std::count(shown.begin(), shown.end(), '\n'), 402);
	contains(picture(shown), "GROUP NAME MEMBERS ENTRIES\n N gN N N\n");
	contains(shown, "  g401        1        1\n");
	contains(run(s, {"--json", "group", "list"}).out, R"("groupname":"g401","members":1,"seq":1}]})");
}

/* ---- the shell */

/* What bash offers for the last of the words. */
static std::string complete(const test_server *s, const std::string &words)
{
	const std::string out = s->folder + "/complete";

	(void)unlink(out.c_str());
	assert_int_equal(
		process_run({"bash", "-c",
	                     "set -u; compopt() { echo \"$*\"; }; . conf/chatctl.bash; COMP_WORDS=(chatctl " + words +
	                             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
	                             "$(complete -p chatctl | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); "
	                             "echo \"${COMPREPLY[*]-}\""},
	                    out),
		0);
	return check_read_file(out);
}

static void bash_completes_verbs_options_levels_and_paths(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);

	assert_string_equal(
		complete(s, "''").c_str(),
		"status workers sessions kick plugins routes limits log reload drain notice account invite group "
		"mute ban unban bans backup restore check export import purge bot\n");
	assert_string_equal(complete(s, "s").c_str(), "status sessions\n");
	assert_string_equal(complete(s, "--j").c_str(), "--json\n");
	assert_string_equal(complete(s, "--json log w").c_str(), "warning\n");
	assert_string_equal(complete(s, "-s /x -t 3 rel").c_str(), "reload\n");
	for (const char *words : {"-s ", "backup ", "account export 1 "})
		assert_string_equal(complete(s, words + chatctl_quote(s->folder + "/contr")).c_str(),
		                    ("-o filenames\n" + operator_path(s) + "\n").c_str());
	assert_string_equal(complete(s, "status s").c_str(), "\n");
	assert_string_equal(complete(s, "--json group l").c_str(), "list\n");
	assert_string_equal(complete(s, "group list l").c_str(), "\n");
}

int main()
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_status_is_a_list_for_people),
		TEST(sessions_are_a_table_whose_columns_are_aligned),
		TEST(other_tables_have_a_row_for_each_thing),
		TEST(orders_say_what_they_did),
		TEST(json_is_one_document),
		TEST(a_refusal_is_told_and_has_a_status_of_its_own),
		TEST(a_wrong_command_line_is_status_2),
		TEST(a_server_that_is_not_reached_is_status_3),
		TEST(another_user_is_told_who_may),
		TEST(what_could_control_a_terminal_does_not_reach_it),
		TEST(only_a_terminal_gets_colours),
		TEST(the_first_word_of_verbs_alone_names_the_verbs),
		TEST(groups_are_a_list_of_all_pages),
		TEST(bash_completes_verbs_options_levels_and_paths),
	};

	return cmocka_run_group_tests_name("chatctl", tests, nullptr, nullptr);
}
