/* SPDX-License-Identifier: MIT
 * Owns the proof of what a person sees who runs chatclient on a terminal. It must not know how lines are
 * edited. */
#include <csignal>
#include <string>

#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/terminal.h"

static const char up[] = "\033[A", down[] = "\033[B", left[] = "\033[D";

/* Who is at the terminal, and somebody who talks to them. */
struct scene {
	terminal t;
	test_client *other = nullptr;
	std::string name, prompt;
	int64_t id = 0;
};

static void answer(terminal *t, std::string_view question, std::string_view line)
{
	terminal_wait_cursor(t, question);
	terminal_type(t, std::string(line) + "\r");
}

/* before: the number that is offered. */
static void log_in(terminal *t, int64_t id, int64_t before = 0)
{
	answer(t, "choice: ", "1");
	answer(t, before ? "account number [" + std::to_string(before) + "]: " : "account number: ",
	       std::to_string(id));
	answer(t, "password: ", "secret");
}

static void begin(scene *sc, test_server *s, std::string_view stem = "ann", size_t columns = 80,
                  const std::vector<std::string> &environment = {})
{
	sc->name = client_new_name(stem);
	sc->prompt = sc->name + "> ";
	sc->other = client_enter(s, "ben");
	sc->id = client_register(sc->other, sc->name);
	terminal_start(&sc->t, s->port, columns, 24, environment);
	log_in(&sc->t, sc->id);
	terminal_wait_cursor(&sc->t, sc->prompt);
}

/* The screen had nothing on it that this test does not know, and the client ends well. */
static void end(scene *sc)
{
	terminal_type(&sc->t, "\025\r/quit\r");
	assert_int_equal(terminal_finish(&sc->t), 0);
	assert_string_equal(sc->t.screen.strange.c_str(), "");
}

/* All rows one behind the other, as what is typed goes on in the next row. */
static std::string joined(const terminal *t)
{
	std::string text = terminal_text(t);

	std::erase(text, '\n');
	return text;
}

/* The last thing that is seen is that message, and the prompt with what was typed below it, both once. */
static void expect_above(scene *sc, std::string_view message, const std::string &typed)
{
	std::string end = std::string(message) + sc->prompt + typed;

	while (end.ends_with(' '))
		end.pop_back();
	terminal_wait_for(&sc->t, end, [&] { return joined(&sc->t).ends_with(end); });
	const std::string all = joined(&sc->t);
	if (all.find(message) != all.rfind(message) ||
	    (!typed.empty() && all.find(sc->prompt + typed) != all.rfind(sc->prompt + typed)))
		terminal_fail(&sc->t, std::source_location::current(), "something is seen twice");
}

static void the_menu_registers_logs_in_and_quits(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string name = client_new_name("ann");
	terminal t;

	terminal_start(&t, s->port);
	answer(&t, "choice: ", "2");
	answer(&t, "name: ", name);
	answer(&t, "password: ", "wordpass");
	answer(&t, "password again: ", "wordpass");
	const size_t line = terminal_wait(&t, ": log in with it.");
	const std::string told = terminal_screen_line(&t.screen, line);
	static const std::string beginning = "Registered. Your account number is ";
	assert_true(told.starts_with(beginning));
	const int64_t id = strtoll(told.c_str() + beginning.size(), nullptr, 10);
	/* The number is offered. */
	answer(&t, "choice: ", "1");
	answer(&t, "account number [" + std::to_string(id) + "]: ", "");
	answer(&t, "password: ", "mistaken");
	terminal_wait(&t, "no such id or wrong password");
	answer(&t, "choice: ", "1");
	answer(&t, "account number [" + std::to_string(id) + "]: ", std::to_string(id));
	answer(&t, "password: ", "wordpass");
	terminal_wait(&t,
	              "Logged in as " + name + " (" + std::to_string(id) + "). /help lists the commands.");
	terminal_wait_cursor(&t, name + "> ");
	terminal_type(&t, "/logout\r");
	answer(&t, "choice: ", "3");
	assert_int_equal(terminal_finish(&t), 0);
	assert_true(terminal_find(&t, "  1. login") < line);
	assert_true(t.bytes.find("wordpass") == t.bytes.npos);
	assert_string_equal(t.screen.strange.c_str(), "");
}

static void the_menu_says_what_was_wrong_and_asks_again(void **state)
{
	test_server *s = (test_server *)*state;
	const int64_t id = client_absent(s, "ann");
	terminal t;

	terminal_start(&t, s->port);
	answer(&t, "choice: ", "4");
	terminal_wait(&t, "Choose 1, 2 or 3, or type help.");
	answer(&t, "choice: ", "/chat 1");
	terminal_wait(&t, "Log in first.");
	answer(&t, "choice: ", "2");
	answer(&t, "name: ", client_new_name("bob"));
	answer(&t, "password: ", "one");
	answer(&t, "password again: ", "another");
	terminal_wait(&t, "These were not the same.");
	answer(&t, "choice: ", "1");
	answer(&t, "account number: ", "ann");
	terminal_wait(&t, "An account number has digits only.");
	answer(&t, "account number: ", std::to_string(id));
	answer(&t, "password: ", "wrong");
	terminal_wait(&t, "login " + std::to_string(id) + ": no such id or wrong password");
	log_in(&t, id, id);
	terminal_wait(&t, "/help lists the commands.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void help_lists_every_command_in_both_ways(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/help\r");
	terminal_wait(&sc.t, "leave");
	for (const char *command :
	     {"help", "chat:ID:TEXT", "addfriend:ID", "creategroup:NAME:DESC", "addgroup:ID",
	      "groupchat:ID:TEXT", "loginout", "/chat ID TEXT", "/friend ID", "/group new NAME DESC",
	      "/join ID", "/say ID TEXT", "/logout"})
		if (terminal_text(&sc.t).find(command) == std::string::npos)
			terminal_fail(&sc.t, std::source_location::current(), command);
	end(&sc);
}

static void a_message_appears_above_the_line_that_is_being_typed(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	const std::string typed = "/chat " + std::to_string(sc.other->id) + " half a lin";
	terminal_type(&sc.t, typed + "c");
	terminal_wait_cursor(&sc.t, sc.prompt + typed + "c");
	client_chat(sc.other, sc.id, "are you there?");
	expect_above(&sc, "are you there?", typed + "c");
	terminal_wait_cursor(&sc.t, sc.prompt + typed + "c");
	/* The cursor may be anywhere in it. */
	terminal_type(&sc.t, std::string("e") + left + "\b");
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	client_chat(sc.other, sc.id, "hello?");
	expect_above(&sc, "hello?", typed + "e");
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	terminal_type(&sc.t, "\005, and the rest\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"half a line, and the rest\"}");
	end(&sc);
}

/* Up to where exactly the cursor is at the margin, where terminals differ from what one thinks. */
static void a_message_appears_above_a_line_of_several_rows(void **state)
{
	for (const size_t length : {39, 40, 41, 79, 80, 81, 119, 120, 121}) {
		scene sc;

		begin(&sc, (test_server *)*state, "ann", 40);
		std::string typed = "/chat " + std::to_string(sc.other->id) + " ";
		typed += std::string(length - sc.prompt.size() - typed.size(), 'x');
		terminal_type(&sc.t, typed);
		terminal_wait_for(&sc.t, typed, [&] { return joined(&sc.t).ends_with(sc.prompt + typed); });
		for (const char *message : {"first", "second"}) {
			client_chat(sc.other, sc.id, message);
			expect_above(&sc, message, typed);
		}
		terminal_type(&sc.t, "\001\005!\r");
		const test_frame heard = client_expect(sc.other, "{\"msgid\":6}");
		assert_true(json_text(heard.json.get(), "msg").ends_with("xxx!"));
		end(&sc);
	}
}

static void a_resized_window_keeps_the_line(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	const std::string typed = "/chat " + std::to_string(sc.other->id) + " " + std::string(20, 'x');
	terminal_type(&sc.t, typed);
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	terminal_resize(&sc.t, 60, 20);
	client_chat(sc.other, sc.id, "smaller");
	expect_above(&sc, "smaller", typed);
	terminal_resize(&sc.t, 100, 30);
	const std::string more = std::string(50, 'y');
	terminal_type(&sc.t, more);
	terminal_wait_cursor(&sc.t, sc.prompt + typed + more);
	client_chat(sc.other, sc.id, "larger");
	expect_above(&sc, "larger", typed + more);
	end(&sc);
}

static void the_arrow_keys_bring_back_earlier_lines_but_no_password(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
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
	end(&sc);
}

static void wide_characters_take_the_room_that_they_have(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state, "\xe7\x8e\x8b\xe8\x8a\xb3", 40); /* 王芳 */
	const std::string typed =
		"/chat " + std::to_string(sc.other->id) + " \xe5\xae\x89\xe5\x90\x89"; /* 安吉 */
	terminal_type(&sc.t, typed + "\xe5\xae\x89");
	terminal_wait_cursor(&sc.t, sc.prompt + typed + "\xe5\xae\x89");
	terminal_type(&sc.t, "\b");
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	client_chat(sc.other, sc.id,
	            "\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9"); /* euro sign, a face, e acute */
	expect_above(&sc, "\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9", typed);
	terminal_wait_cursor(&sc.t, sc.prompt + typed);
	terminal_type(&sc.t, "\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"\xe5\xae\x89\xe5\x90\x89\"}");
	end(&sc);
}

static void what_others_send_cannot_steer_the_terminal(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	client_sendf(
		sc.other,
		"{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"a\\u001b[2Jb\\u001b]0;t\\u0007c\\u009b31md"
		"\\u202ee\\nf\\rg\\bh\\u007fi\"}",
		(long long)sc.other->id, (long long)sc.id);
	expect_above(&sc, "a\\x1b[2Jb\\x1b]0;t\\x07c\\u009b31md\\u202ee\\nf\\rg\\x08h\\x7fi", "");
	for (const char *sequence : {"\033[2J", "\033]", "\a", "\xc2\x9b", "\xe2\x80\xae", "\x7f"})
		assert_true(sc.t.bytes.find(sequence) == std::string::npos);
	end(&sc);
}

static void one_logs_out_and_in_as_somebody_else(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	begin(&sc, s);
	const int64_t id = client_absent(s, "cid");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + std::to_string(sc.other->id) + "> ");
	terminal_type(&sc.t, "as myself\r");
	client_expect(sc.other,
	              check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"as myself\"}", (long long)sc.id));
	terminal_type(&sc.t, "loginout\r");
	terminal_wait(&sc.t, "Logged out.");
	log_in(&sc.t, id, sc.id);
	/* Plain text no longer goes where the one before wrote to. */
	terminal_wait(&sc.t, check_format("(%lld). /help lists the commands.", (long long)id));
	terminal_type(&sc.t, "as nobody\r");
	terminal_wait(&sc.t, "To whom? /chat ID or /say ID says it; /help lists all commands.");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":as another\r");
	client_expect(sc.other,
	              check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"as another\"}", (long long)id));
	end(&sc);
}

static void a_name_that_was_heard_of_stands_for_its_number(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	const std::string number = std::to_string(sc.other->id);
	terminal_type(&sc.t, "/chat " + sc.other->name + " too early\r");
	terminal_wait(&sc.t, "that is neither a number from 1 on nor a name that was heard of");
	terminal_type(&sc.t, "/chat " + number + "\rhalf a line");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + number + "> half a line");
	client_chat(sc.other, sc.id, "this is me");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> half a line");
	terminal_type(&sc.t, "\025/msg " + sc.other->name + " by name\rchat:" + sc.other->name + ":again\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"by name\"}");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"again\"}");
	const std::string group = client_new_name("group");
	terminal_type(&sc.t, "creategroup:" + group + ":for talk\r");
	terminal_wait(&sc.t, ").");
	terminal_type(&sc.t, "/say " + group + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> group " + group + "> ");
	end(&sc);
}

static void lines_that_are_pasted_are_sent_one_by_one(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/chat " + std::to_string(sc.other->id) + "\rone\rtwo\r/say 7x\rthree\r");
	for (const char *text : {"one", "two", "three"})
		client_expect(sc.other, check_format("{\"msgid\":6,\"msg\":\"%s\"}", text));
	terminal_wait(&sc.t, "that is neither a number from 1 on nor a name that was heard of");
	end(&sc);
}

static bool same_modes(const termios &one, const termios &other)
{
	return one.c_iflag == other.c_iflag && one.c_oflag == other.c_oflag && one.c_lflag == other.c_lflag;
}

/* How the terminal is left: begun is how it was before the client ran. */
static void leaves_by(void **state, const char *keys)
{
	test_server *s = (test_server *)*state;
	termios found = {}, left_behind = {};
	scene sc;

	begin(&sc, s);
	assert_int_equal(tcgetattr(sc.t.fd, &found), 0);
	assert_false(same_modes(found, sc.t.before));
	terminal_type(&sc.t, keys);
	assert_int_equal(terminal_finish(&sc.t), 0);
	assert_int_equal(tcgetattr(sc.t.fd, &left_behind), 0);
	assert_true(same_modes(left_behind, sc.t.before));
	/* The shell's prompt begins a line. */
	assert_int_equal(sc.t.screen.column, 0);
}

static void ctrl_c_leaves_and_gives_the_terminal_back(void **state)
{
	leaves_by(state, "\003");
}

static void ctrl_c_gives_up_the_line_that_is_being_typed(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "half a line");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	terminal_type(&sc.t, "\003");
	terminal_wait_cursor(&sc.t, sc.prompt);
	client_chat(sc.other, sc.id, "still there?");
	expect_above(&sc, "still there?", "");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":yes\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"yes\"}");
	end(&sc);
}

static void ctrl_d_on_an_empty_line_leaves_and_gives_the_terminal_back(void **state)
{
	leaves_by(state, "x\004\b\004");
}

static void ctrl_d_in_place_of_a_password_leaves_and_gives_the_terminal_back(void **state)
{
	test_server *s = (test_server *)*state;
	termios left_behind = {};
	terminal t;

	terminal_start(&t, s->port);
	answer(&t, "choice: ", "1");
	answer(&t, "account number: ", "1");
	terminal_wait_cursor(&t, "password: ");
	terminal_type(&t, "\004");
	assert_int_equal(terminal_finish(&t), 0);
	assert_int_equal(tcgetattr(t.fd, &left_behind), 0);
	assert_true(same_modes(left_behind, t.before));
}

static void ctrl_z_stops_it_and_the_line_comes_back(void **state)
{
	scene sc;
	int status = 0;

	begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "half a line");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	terminal_type(&sc.t, "\032");
	assert_int_equal(waitpid(sc.t.pid, &status, WUNTRACED), sc.t.pid);
	assert_true(WIFSTOPPED(status));
	client_chat(sc.other, sc.id, "meanwhile");
	assert_int_equal(kill(sc.t.pid, SIGCONT), 0);
	terminal_wait(&sc.t, ": meanwhile");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	end(&sc);
}

static void without_colours_there_is_none(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state, "ann", 80, {"NO_COLOR=1"});
	client_chat(sc.other, sc.id, "black on white");
	expect_above(&sc, "black on white", "");
	for (const char *colour : {"\033[1;3", "\033[3", "\033[2m", "\033[1m"})
		assert_true(sc.t.bytes.find(colour) == std::string::npos);
	end(&sc);
}

/* It can go to the beginning of the line, and nothing else. */
static void a_terminal_without_any_sequence_gets_none(void **state)
{
	scene sc;

	begin(&sc, (test_server *)*state, "ann", 80, {"TERM=dumb"});
	terminal_type(&sc.t, "half");
	terminal_wait_cursor(&sc.t, sc.prompt + "half");
	client_chat(sc.other, sc.id, "hello");
	terminal_wait(&sc.t, ": hello");
	terminal_wait_cursor(&sc.t, sc.prompt + "half");
	assert_true(sc.t.bytes.find('\033') == std::string::npos);
	end(&sc);
}

static void it_comes_back_by_itself_when_the_server_does(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	test_server_start(s);
	begin(&sc, s);
	const int64_t other = sc.other->id;
	terminal_type(&sc.t, "half a line");
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	test_server_kill(s);
	const size_t lost = terminal_wait(&sc.t, ". Trying again...");
	assert_true(terminal_screen_line(&sc.t.screen, lost).starts_with("No connection ("));
	terminal_wait_cursor(&sc.t, sc.prompt + "half a line");
	terminal_type(&sc.t, "\025chat:" + std::to_string(other) + ":said meanwhile\r");
	terminal_wait(&sc.t, ": said meanwhile");
	terminal_type(&sc.t, "another half");
	test_server_start(s);
	terminal_wait(&sc.t, "Connected to 127.0.0.1, port " + std::to_string(s->port) + ".", lost);
	expect_above(&sc, "Logged in again.", "another half");
	test_frame kept;
	sc.other = client_return(s, other, &kept);
	if (!json_has(kept.json.get(), "offlinemsg"))
		client_expect(sc.other, "{\"msgid\":6,\"msg\":\"said meanwhile\"}");
	end(&sc);
}

static void a_password_can_be_typed_while_the_server_goes_and_comes(void **state)
{
	test_server *s = (test_server *)*state;
	terminal t;

	test_server_start(s);
	const int64_t id = client_absent(s, "ann");
	terminal_start(&t, s->port);
	answer(&t, "choice: ", "1");
	answer(&t, "account number: ", std::to_string(id));
	terminal_wait_cursor(&t, "password: ");
	terminal_type(&t, "sec");
	test_server_kill(s);
	const size_t lost = terminal_wait(&t, ". Trying again...");
	terminal_wait_cursor(&t, "password: ");
	test_server_start(s);
	terminal_wait(&t, "Connected to 127.0.0.1, port " + std::to_string(s->port) + ".", lost);
	terminal_wait_cursor(&t, "password: ");
	terminal_type(&t, "ret\r");
	terminal_wait(&t, "/help lists the commands.");
	assert_true(t.bytes.find("sec") == t.bytes.npos && t.bytes.find("ret") == t.bytes.npos);
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void what_is_not_acknowledged_holds_it_until_it_is_told_again(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	test_server_start(s);
	begin(&sc, s);
	test_server_kill(s);
	terminal_wait(&sc.t, ". Trying again...");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":lost\r");
	terminal_wait(&sc.t, ": lost");
	terminal_type(&sc.t, "/quit\r");
	terminal_wait(&sc.t, "Waiting for what is not acknowledged yet; once more to leave at once.");
	terminal_type(&sc.t, "/quit\r");
	assert_int_equal(terminal_finish(&sc.t), 4);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_menu_registers_logs_in_and_quits),
		TEST(the_menu_says_what_was_wrong_and_asks_again),
		TEST(help_lists_every_command_in_both_ways),
		TEST(a_message_appears_above_the_line_that_is_being_typed),
		TEST(a_message_appears_above_a_line_of_several_rows),
		TEST(a_resized_window_keeps_the_line),
		TEST(the_arrow_keys_bring_back_earlier_lines_but_no_password),
		TEST(wide_characters_take_the_room_that_they_have),
		TEST(what_others_send_cannot_steer_the_terminal),
		TEST(one_logs_out_and_in_as_somebody_else),
		TEST(a_name_that_was_heard_of_stands_for_its_number),
		TEST(lines_that_are_pasted_are_sent_one_by_one),
		TEST(ctrl_c_leaves_and_gives_the_terminal_back),
		TEST(ctrl_c_gives_up_the_line_that_is_being_typed),
		TEST(ctrl_d_on_an_empty_line_leaves_and_gives_the_terminal_back),
		TEST(ctrl_d_in_place_of_a_password_leaves_and_gives_the_terminal_back),
		TEST(ctrl_z_stops_it_and_the_line_comes_back),
		TEST(without_colours_there_is_none),
		TEST(a_terminal_without_any_sequence_gets_none),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(it_comes_back_by_itself_when_the_server_does),
		OWN_SERVER(a_password_can_be_typed_while_the_server_goes_and_comes),
		OWN_SERVER(what_is_not_acknowledged_holds_it_until_it_is_told_again),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
