/* SPDX-License-Identifier: MIT
 * Tests what a person sees who types into chatclient on a terminal while messages come. */
#include <csignal>
#include <string>

#include <sys/wait.h>

#include "tests/support/check.h"
#include "tests/support/scene.h"

static const char up[] = "\033[A", down[] = "\033[B", left[] = "\033[D";

static void a_message_appears_above_the_line_that_is_being_typed(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	const std::string typed = "/chat " + std::to_string(sc.other->id) + " half a lin";
	terminal_type(&sc.t, typed + "c");
	terminal_wait_cursor(&sc.t, sc.prompt + typed + "c");
	client_chat(sc.other, sc.id, "are you there?");
	scene_expect_above(&sc, "are you there?", typed + "c");
	terminal_wait_cursor(&sc.t, sc.prompt + typed + "c");
	/* The cursor may be anywhere in it. */
	terminal_type(&sc.t, std::string("e") + left + "\b");
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	client_chat(sc.other, sc.id, "hello?");
	scene_expect_above(&sc, "hello?", typed + "e");
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	terminal_type(&sc.t, "\005, and the rest\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"half a line, and the rest\"}");
	scene_end(&sc);
}

/* Up to where exactly the cursor is at the margin, where terminals differ from what one thinks. */
static void a_message_appears_above_a_line_of_several_rows(void **state)
{
	for (const size_t length : {39, 40, 41, 79, 80, 81, 119, 120, 121}) {
		scene sc;

		scene_begin(&sc, (test_server *)*state, "ann", 40);
		std::string typed = "/chat " + std::to_string(sc.other->id) + " ";
		typed += std::string(length - sc.prompt.size() - typed.size(), 'x');
		terminal_type(&sc.t, typed);
		terminal_wait_for(&sc.t, typed, [&] { return scene_joined(&sc).ends_with(sc.prompt + typed); });
		for (const char *message : {"first", "second"}) {
			client_chat(sc.other, sc.id, message);
			scene_expect_above(&sc, message, typed);
		}
		terminal_type(&sc.t, "\001\005!\r");
		const test_frame heard = client_expect(sc.other, "{\"msgid\":6}");
		assert_true(json_text(heard.json.get(), "msg").ends_with("xxx!"));
		scene_end(&sc);
	}
}

static void a_resized_window_keeps_the_line(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	const std::string typed = "/chat " + std::to_string(sc.other->id) + " " + std::string(20, 'x');
	terminal_type(&sc.t, typed);
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	terminal_resize(&sc.t, 60, 20);
	client_chat(sc.other, sc.id, "smaller");
	scene_expect_above(&sc, "smaller", typed);
	terminal_resize(&sc.t, 100, 30);
	const std::string more = std::string(50, 'y');
	terminal_type(&sc.t, more);
	terminal_wait_cursor(&sc.t, sc.prompt + typed + more);
	client_chat(sc.other, sc.id, "larger");
	scene_expect_above(&sc, "larger", typed + more);
	scene_end(&sc);
}

static void the_arrow_keys_bring_back_earlier_lines_but_no_password(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/friend 1\r");
	terminal_wait(&sc.t, "friend 1");
	terminal_type(&sc.t, "login:1:hidden\r");
	terminal_wait(&sc.t, "Log out first.");
	terminal_type(&sc.t, "/groups\r");
	terminal_wait(&sc.t, "makes one.");
	terminal_wait_cursor(&sc.t, sc.prompt);
	terminal_type(&sc.t, up);
	terminal_wait_cursor(&sc.t, sc.prompt + "/groups");
	terminal_type(&sc.t, up);
	terminal_wait_cursor(&sc.t, sc.prompt + "/friend 1");
	terminal_type(&sc.t, down);
	terminal_wait_cursor(&sc.t, sc.prompt + "/groups");
	scene_end(&sc);
}

static void wide_characters_take_the_room_that_they_have(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state, "\xe7\x8e\x8b\xe8\x8a\xb3", 40); /* 王芳 */
	const std::string typed = "/chat " + std::to_string(sc.other->id) + " \xe5\xae\x89\xe5\x90\x89"; /* 安吉 */
	terminal_type(&sc.t, typed + "\xe5\xae\x89");
	terminal_wait_cursor(&sc.t, sc.prompt + typed + "\xe5\xae\x89");
	terminal_type(&sc.t, "\b");
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	client_chat(sc.other, sc.id, "\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9"); /* euro sign, a face, e acute */
	scene_expect_above(&sc, "\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9", typed);
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	terminal_type(&sc.t, "\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"\xe5\xae\x89\xe5\x90\x89\"}");
	scene_end(&sc);
}

/* One that has a single column left at the margin goes to the next row. */
static void lines_of_wide_characters_are_kept_together_at_the_margin(void **state)
{
	for (const size_t narrow : {1, 2}) {
		scene sc;

		scene_begin(&sc, (test_server *)*state, "ann", 40);
		std::string typed = "/chat " + std::to_string(sc.other->id) + " " + std::string(narrow, 'x');
		/* Wide characters fill three rows of 39 columns and a bit more, or not quite three of 40. */
		for (size_t i = sc.prompt.size() + typed.size(); i + 2 <= 119; i += 2)
			typed += "\xe5\xae\x89"; /* 安 */
		terminal_type(&sc.t, typed);
		terminal_wait_for(&sc.t, typed, [&] { return scene_joined(&sc).ends_with(sc.prompt + typed); });
		for (const char *message : {"first", "second"}) {
			client_chat(sc.other, sc.id, message);
			scene_expect_above(&sc, message, typed);
		}
		terminal_type(&sc.t, "\r");
		client_expect(sc.other, "{\"msgid\":6}");
		terminal_wait_for(&sc.t, "the line only as a message", [&] {
			const std::string all = scene_joined(&sc);
			return all.ends_with("\xae\x89" + sc.prompt.substr(0, sc.prompt.size() - 1)) &&
			       all.find("/chat") == all.npos && all.find("second") != all.npos;
		});
		scene_end(&sc);
	}
}

static void what_others_send_cannot_steer_the_terminal(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/chat " + std::to_string(sc.other->id) + "\r");
	sc.prompt = sc.name + " -> " + std::to_string(sc.other->id) + "> ";
	terminal_wait_cursor(&sc.t, sc.prompt);
	client_sendf(sc.other,
	             "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"a\\u001b[2Jb\\u001b]0;t\\u0007c\\u009b31md"
	             "\\u202ee\\nf\\rg\\bh\\u007fi\"}",
	             (long long)sc.other->id, (long long)sc.id);
	scene_expect_above(&sc, "a\\x1b[2Jb\\x1b]0;t\\x07c\\u009b31md\\u202ee\\nf\\rg\\x08h\\x7fi", "");
	for (const char *sequence : {"\033[2J", "\033]", "\a", "\xc2\x9b", "\xe2\x80\xae", "\x7f"})
		assert_true(sc.t.bytes.find(sequence) == std::string::npos);
	scene_end(&sc);
}

static void lines_that_are_pasted_are_sent_one_by_one(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/chat " + std::to_string(sc.other->id) + "\rone\rtwo\r/join 7x\rthree\r");
	for (const char *text : {"one", "two", "three"})
		client_expect(sc.other, check_format("{\"msgid\":6,\"msg\":\"%s\"}", text));
	terminal_wait(&sc.t, "no group of that name was heard of: a member can tell its number, or /invite you");
	scene_end(&sc);
}

static void ctrl_c_gives_up_the_line_that_is_being_typed(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "half a line");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	terminal_type(&sc.t, "\003");
	terminal_wait_cursor(&sc.t, sc.prompt);
	client_chat(sc.other, sc.id, "still there?");
	scene_expect_above(&sc, "still there?", "");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":yes\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"yes\"}");
	scene_end(&sc);
}

static void ctrl_z_stops_it_and_the_line_comes_back(void **state)
{
	scene sc;
	int status = 0;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "half a line");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	terminal_type(&sc.t, "\032");
	assert_int_equal(waitpid(sc.t.pid, &status, WUNTRACED), sc.t.pid);
	assert_true(WIFSTOPPED(status));
	client_chat(sc.other, sc.id, "meanwhile");
	assert_int_equal(kill(sc.t.pid, SIGCONT), 0);
	terminal_wait(&sc.t, ": meanwhile");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	scene_end(&sc);
}

static void without_colours_there_is_none(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state, "ann", 80, {"NO_COLOR=1"});
	client_chat(sc.other, sc.id, "black on white");
	scene_expect_above(&sc, "black on white", "");
	for (const char *colour : {"\033[1;3", "\033[3", "\033[2m", "\033[1m"})
		assert_true(sc.t.bytes.find(colour) == std::string::npos);
	scene_end(&sc);
}

/* It can go to the beginning of the line, and nothing else. */
static void a_terminal_without_any_sequence_gets_none(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state, "ann", 80, {"TERM=dumb"});
	terminal_type(&sc.t, "half");
	terminal_wait_cursor(&sc.t, sc.prompt + "half");
	client_chat(sc.other, sc.id, "hello");
	terminal_wait(&sc.t, ": hello");
	terminal_wait_cursor(&sc.t, sc.prompt + "half");
	assert_true(sc.t.bytes.find('\033') == std::string::npos);
	scene_end(&sc);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_appears_above_the_line_that_is_being_typed),
		TEST(a_message_appears_above_a_line_of_several_rows),
		TEST(a_resized_window_keeps_the_line),
		TEST(the_arrow_keys_bring_back_earlier_lines_but_no_password),
		TEST(wide_characters_take_the_room_that_they_have),
		TEST(lines_of_wide_characters_are_kept_together_at_the_margin),
		TEST(what_others_send_cannot_steer_the_terminal),
		TEST(lines_that_are_pasted_are_sent_one_by_one),
		TEST(ctrl_c_gives_up_the_line_that_is_being_typed),
		TEST(ctrl_z_stops_it_and_the_line_comes_back),
		TEST(without_colours_there_is_none),
		TEST(a_terminal_without_any_sequence_gets_none),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
