/* SPDX-License-Identifier: MIT
 * Tests chatctl's verbs about accounts with a real server: how it reads a password, what it asks, the file that it
 * writes. */
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"
#include "tests/support/terminal.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
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

static chatctl_output run(const test_server *s, const char *input, const std::string &words)
{
	return chatctl_type(s, words, {.input = input});
}

static void contains(const std::string &text, const char *part)
{
	if (!strstr(text.c_str(), part))
		check_fail(std::source_location::current(), "no \"%s\" in:\n%s", part, text.c_str());
}

static bool logs_in(test_server *s, int64_t id, const char *password)
{
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":1,"id":%lld,"password":"%s"})", static_cast<long long>(id), password);
	const bool is_in = json_integer(client_read(c).json.get(), "errno") == 0;
	c->id = id;
	if (is_in)
		client_logout(c);
	client_close(c);
	return is_in;
}

static void a_password_is_the_first_line_of_what_is_no_terminal(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const chatctl_output added = run(s, "a secret\nmore\n", "account add 'zhang san'");

	assert_int_equal(added.status, 0);
	assert_string_equal(added.out.c_str(), "account 1 zhang san added\n");
	assert_true(logs_in(s, 1, "a secret"));
	assert_string_equal(run(s, "another", "account password 'zhang san'").out.c_str(),
	                    "account 1 zhang san has the new password; its sessions end\n");
	assert_true(logs_in(s, 1, "another"));
	const chatctl_output none = run(s, "", "account add bob");
	assert_int_equal(none.status, 1);
	contains(none.err, "the password is missing");
	assert_int_equal(run(s, "\nx\n", "account add bob").status, 1);
	assert_string_equal(chatctl_type(s, "account add bob", {.input = std::string("a\0b\n", 4)}).err.c_str(),
	                    "chatctl: a password has no zero byte; nothing was changed\n");
	const chatctl_output taken = run(s, "x\n", "--json account add 'zhang san'");
	assert_int_equal(taken.status, 1);
	assert_string_equal(taken.out.c_str(), "{\"errno\":9,\"errmsg\":\"the name is taken\"}\n");
	assert_int_equal(run(s, "x\n", "account add").status, 2);
}

static void begin_on_terminal(terminal *t, const test_server *s, std::vector<std::string> words)
{
	words.insert(words.begin(), {"-s", operator_path(s)});
	t->program = "chatctl";
	terminal_start_with(t, words);
}

static void a_terminal_is_asked_twice_and_shows_nothing(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	terminal right, wrong, broken;

	begin_on_terminal(&right, s, {"account", "add", "ann"});
	terminal_wait_cursor(&right, "password: ");
	terminal_type(&right, "hidden\n");
	terminal_wait_cursor(&right, "the same password again: ");
	terminal_type(&right, "hidden\n");
	assert_int_equal(terminal_finish(&right), 0);
	assert_null(strstr(right.bytes.c_str(), "hidden"));
	assert_true(logs_in(s, 1, "hidden"));
	begin_on_terminal(&wrong, s, {"account", "password", "ann"});
	terminal_wait_cursor(&wrong, "password: ");
	terminal_type(&wrong, "one\n");
	terminal_wait_cursor(&wrong, "the same password again: ");
	terminal_type(&wrong, "two\n");
	assert_int_equal(terminal_finish(&wrong), 1);
	contains(wrong.bytes, "these were two passwords; nothing was changed");
	/* ^D, an empty line; ^Z, where no shell can stop it. */
	for (const char *keys : {"\x04", "\n", "\x1a"}) {
		terminal none;

		begin_on_terminal(&none, s, {"account", "password", "ann"});
		terminal_wait_cursor(&none, "password: ");
		terminal_type(&none, keys);
		assert_int_equal(terminal_finish(&none), 1);
		contains(none.bytes, "chatctl: there is no password; nothing was changed");
	}
	/* ^C ends it, and the terminal shows again what is typed. */
	begin_on_terminal(&broken, s, {"account", "password", "ann"});
	terminal_wait_cursor(&broken, "password: ");
	terminal_type(&broken, "\x03");
	assert_int_equal(terminal_finish(&broken), 128 + 2);
	assert_true(logs_in(s, 1, "hidden"));
}

static void an_account_is_locked_shown_and_unlocked(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	(void)client_register(client_open(s), "ann");
	assert_string_equal(run(s, "", "account lock ann too much spam").out.c_str(),
	                    "account 1 ann is locked; its sessions end\n");
	const std::string shown = run(s, "", "account show 1").out;
	for (const char *part : {"account        1\n", "name           ann\n", "state          locked\n",
	                         "reason         too much spam\n", "last seen      never\n"})
		contains(shown, part);
	contains(run(s, "", "account list").out, "ACCOUNT  NAME  CREATED");
	contains(run(s, "", "--json account list").out, R"("name":"ann")");
	assert_string_equal(run(s, "", "account unlock 1").out.c_str(), "account 1 ann is free\n");
	const chatctl_output nobody = run(s, "", "account show bob");
	assert_int_equal(nobody.status, 1);
	assert_string_equal(nobody.err.c_str(), "chatctl: refused: no such account\n");
}

/* Whoever means a number that is not there must not reach somebody who has taken it for a name. */
static void digits_are_a_number_and_never_a_name(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	(void)client_register(client_open(s), "42");
	for (const char *words : {"account erase 42 yes", "account lock 42", "account password 42", "account show 42"})
		assert_string_equal(run(s, "another", words).err.c_str(), "chatctl: refused: no such account\n");
	contains(run(s, "", "account show 1").out, "state          free\n");
	assert_true(logs_in(s, 1, "secret"));
	assert_int_equal(run(s, "", "account erase 0 yes").status, 2);
	contains(run(s, "", "account lock 1").out, "account 1 42 is locked");
}

static void an_export_is_a_new_file_of_its_owner(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string file = s->folder + "/ann.jsonl";
	struct stat st {};

	for (int i = 0; i < 450; i++)
		client_chat(ann, bob->id, "a word");
	(void)client_chat_safely(ann, bob->id, "the last word");
	const chatctl_output done = run(s, "", "account export 1 '" + file + "'");
	assert_int_equal(done.status, 0);
	contains(done.out, "454 items written to ");
	assert_int_equal(stat(file.c_str(), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	const std::string text = check_read_file(file);
	assert_int_equal(std::count(text.begin(), text.end(), '\n'), 454);
	contains(text, "the last word");
	const chatctl_output again = run(s, "", "account export 1 '" + file + "'");
	assert_int_equal(again.status, 1);
	contains(again.err, "File exists");
	assert_int_equal(check_read_file(file).size(), text.size());
	assert_int_equal(run(s, "", "account export 99 '" + file + ".2'").status, 1);
	assert_int_equal(access((file + ".2").c_str(), F_OK), -1);
}

static void what_cannot_be_undone_is_asked_for_on_a_terminal_and_wants_yes_elsewhere(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *ann = client_open(s);
	terminal yes;
	const struct {
		std::vector<std::string> words;
		const char *question;
	} orders[] = {
		{{"account", "erase", "ann"}, "Erase account 1 ann? What it said becomes blank for everybody."},
		{{"group", "dissolve", "club"}, "End group 1 \"club\", with 1 member?"},
		{{"purge", "before", "2020-01-01", "all"}, "Remove what was stored before 2020-01-01 (UTC) from all"},
		{{"group", "keep", "club", "6m"},
	         "Remove from group 1 \"club\" what is older than 6 minutes? It has 1 entry."},
	};

	client_login(ann, client_register(ann, "ann"));
	(void)client_register(client_open(s), "bob");
	(void)client_create_group(ann, "club");
	for (const auto &[words, question] : orders) {
		terminal no;
		std::string line;

		for (const std::string &word : words)
			line += word + " ";
		const chatctl_output silent = run(s, "yes\n", line);
		assert_int_equal(silent.status, 2);
		contains(silent.err, "write yes behind it");
		assert_int_equal(run(s, "", line + "no").status, 2);
		begin_on_terminal(&no, s, words);
		terminal_wait_cursor(&no, "Type yes to do it: ");
		terminal_type(&no, "y\n");
		assert_int_equal(terminal_finish(&no), 1);
		contains(no.bytes, question);
		contains(no.bytes, "chatctl: nothing was done");
	}
	assert_int_equal(run(s, "", "group show club").status, 0);
	contains(run(s, "", "purge status").out, "nothing was purged");
	contains(run(s, "", "group show club").out, "as mailbox.keep says");
	client_logout(ann);
	assert_true(logs_in(s, 1, "secret"));
	begin_on_terminal(&yes, s, {"account", "erase", "ann"});
	terminal_wait_cursor(&yes, "Type yes to do it: ");
	terminal_type(&yes, "yes\n");
	assert_int_equal(terminal_finish(&yes), 0);
	assert_false(logs_in(s, 1, "secret"));
	contains(run(s, "", "account erase bob yes").out, "account 2 is being erased; ");
	check_wait("an erased account", [=] {
		return strstr(run(s, "", "account show 2").out.c_str(), "state          erased\n") != nullptr;
	});
}

static void a_group_keeps_a_day_or_more_without_a_question(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *ann = client_open(s);

	client_login(ann, client_register(ann, "ann"));
	(void)client_create_group(ann, "club");
	contains(run(s, "", "group keep club 23h").err, "less than a day (m is minutes) removes almost all");
	assert_string_equal(run(s, "", "group keep club 24h").out.c_str(), "group 1 \"club\" keeps its log: 1d\n");
	assert_string_equal(run(s, "", "group keep club 90m yes").out.c_str(),
	                    "group 1 \"club\" keeps its log: 1h 30m\n");
	for (const char *words : {"group keep club forever", "group keep club default", "group keep club 7d yes"})
		assert_int_equal(run(s, "", words).status, 0);
	assert_string_equal(
		run(s, "", "group keep club 6x").err.c_str(),
		"chatctl: the time is 365d, 12h, 30m or 10s, up to 36500d, forever or default, not \"6x\"\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_password_is_the_first_line_of_what_is_no_terminal),
		TEST(a_terminal_is_asked_twice_and_shows_nothing),
		TEST(an_account_is_locked_shown_and_unlocked),
		TEST(digits_are_a_number_and_never_a_name),
		TEST(an_export_is_a_new_file_of_its_owner),
		TEST(what_cannot_be_undone_is_asked_for_on_a_terminal_and_wants_yes_elsewhere),
		TEST(a_group_keeps_a_day_or_more_without_a_question),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
