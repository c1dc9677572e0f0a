/* SPDX-License-Identifier: MIT
 * Tests that chatclient on a terminal leads a person in and out, and through the loss of the server. */
#include <string>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>

#include "tests/support/check.h"
#include "tests/support/scene.h"
#include <base/raii.h>

static void the_menu_registers_logs_in_and_quits(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string name = client_new_name("ann");
	terminal t;

	terminal_start(&t, s->port);
	terminal_answer(&t, "choice: ", "2");
	terminal_answer(&t, "name: ", name);
	terminal_answer(&t, "password: ", "wordpass");
	terminal_answer(&t, "password again: ", "wordpass");
	/* Who has registered is in. */
	const size_t line = terminal_wait(&t, "/help lists the commands.") - 1;
	const std::string told = terminal_screen_line(&t.screen, line);
	static const std::string beginning = "Registered. Your account number is ";
	assert_true(told.starts_with(beginning));
	const int64_t id = strtoll(told.c_str() + beginning.size(), nullptr, 10);
	terminal_answer(&t, name + "> ", "/logout");
	/* The name is offered. */
	terminal_answer(&t, "choice: ", "1");
	terminal_answer(&t, "name or number [" + name + "]: ", "");
	terminal_answer(&t, "password: ", "mistaken");
	terminal_wait(&t, "there is no such account, or the password is wrong");
	terminal_answer(&t, "choice: ", "1");
	terminal_answer(&t, "name or number [" + name + "]: ", std::to_string(id));
	terminal_answer(&t, "password: ", "wordpass");
	terminal_wait(&t, "Logged in as " + name + " (" + std::to_string(id) + "). /help lists the commands.",
	              line + 2);
	terminal_wait_cursor(&t, name + "> ");
	terminal_type(&t, "/logout\r");
	terminal_answer(&t, "choice: ", "3");
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
	terminal_answer(&t, "choice: ", "4");
	terminal_wait(&t, "Choose 1, 2 or 3, or type /help.");
	terminal_answer(&t, "choice: ", "/chat 1");
	terminal_wait(&t, "Log in first.");
	terminal_answer(&t, "choice: ", "2");
	terminal_answer(&t, "name: ", "2000");
	terminal_wait(&t, "A name is no number, and begins neither with # nor with @.");
	terminal_answer(&t, "name: ", client_new_name("bob"));
	terminal_answer(&t, "password: ", "one");
	terminal_answer(&t, "password again: ", "another");
	terminal_wait(&t, "These were not the same.");
	terminal_answer(&t, "choice: ", "1");
	terminal_answer(&t, "name or number: ", std::to_string(id));
	terminal_answer(&t, "password: ", "wrong");
	terminal_wait(&t, "login " + std::to_string(id) + ": there is no such account, or the password is wrong");
	terminal_log_in(&t, id, std::to_string(id));
	terminal_wait(&t, "/help lists the commands.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void what_is_typed_before_it_is_asked_for_is_not_lost(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string name = client_new_name("ann");
	terminal t;

	terminal_start(&t, s->port);
	terminal_wait(&t, "Connected to 127.0.0.1, port " + std::to_string(s->port) + ".");
	terminal_type(&t, "2\r" + name + "\rwordpass\rwordpass\r");
	terminal_answer(&t, name + "> ", "/logout");
	terminal_wait(&t, "Logged out.");
	terminal_type(&t, "1\r\rword");
	terminal_wait_cursor(&t, "password: ");
	terminal_type(&t, "pass\r");
	terminal_wait(&t, "/help lists the commands.", terminal_wait(&t, "Logged out."));
	assert_true(t.bytes.find("wordpass") == t.bytes.npos);
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void help_lists_every_command_in_both_ways(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/help\r");
	terminal_wait(&sc.t, "wait:SECONDS:COUNT");
	for (const char *command :
	     {"help", "chat:NAME:TEXT", "addfriend:NAME", "creategroup:NAME:DESC", "addgroup:NAME",
	      "groupchat:NAME:TEXT", "loginout", "/chat NAME TEXT", "/friend NAME", "/group NAME DESC", "/join NAME",
	      "/say NAME TEXT", "/logout", "/kick NAME", "/mute NAME TIME", "/members", "/devices"})
		if (terminal_text(&sc.t).find(command) == std::string::npos)
			terminal_fail(&sc.t, std::source_location::current(), command);
	scene_end(&sc);
}

static void one_logs_out_and_in_as_somebody_else(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	scene_begin(&sc, s);
	const int64_t id = client_absent(s, "cid");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + std::to_string(sc.other->id) + "> ");
	terminal_type(&sc.t, "as myself\r");
	client_expect(sc.other, check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"as myself\"}", (long long)sc.id));
	terminal_type(&sc.t, "/logout\r");
	terminal_wait(&sc.t, "Logged out.");
	terminal_log_in(&sc.t, id, sc.name);
	/* Plain text no longer goes where the one before wrote to. */
	terminal_wait(&sc.t, check_format("(%lld). /help lists the commands.", (long long)id));
	terminal_type(&sc.t, "as nobody\r");
	terminal_wait(&sc.t, "To whom? /with NAME says it; /help lists all commands.");
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":as another\r");
	client_expect(sc.other, check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"as another\"}", (long long)id));
	scene_end(&sc);
}

static void a_name_stands_for_its_number(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	const std::string number = std::to_string(sc.other->id);
	terminal_type(&sc.t, "/chat " + client_new_name("nobody") + " hello\r");
	terminal_wait(&sc.t, "nobody has that name");
	terminal_type(&sc.t, "/chat " + number + "\rhalf a line");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + number + "> half a line");
	client_chat(sc.other, sc.id, "this is me");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> half a line");
	terminal_type(&sc.t, "\025/msg " + sc.other->name + " by name\r/chat " + sc.other->name + " again\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"by name\"}");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"again\"}");
	const std::string group = client_new_name("group");
	terminal_type(&sc.t, "creategroup:" + group + ":for talk\r");
	terminal_wait(&sc.t, ").");
	terminal_type(&sc.t, "/say " + group + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> group " + group + "> ");
	scene_end(&sc);
}

static bool same_modes(const termios &one, const termios &other)
{
	return one.c_iflag == other.c_iflag && one.c_oflag == other.c_oflag && one.c_lflag == other.c_lflag;
}

/* How the terminal is left: begun is how it was before the client ran. */
static void leaves_by(void **state, const char *keys, const char *after = nullptr)
{
	test_server *s = (test_server *)*state;
	termios found = {}, left_behind = {};
	scene sc;

	scene_begin(&sc, s);
	assert_int_equal(tcgetattr(sc.t.fd, &found), 0);
	assert_false(same_modes(found, sc.t.before));
	terminal_type(&sc.t, keys);
	if (after) {
		terminal_wait(&sc.t, after);
		terminal_type(&sc.t, keys);
	}
	assert_int_equal(terminal_finish(&sc.t), 0);
	assert_int_equal(tcgetattr(sc.t.fd, &left_behind), 0);
	assert_true(same_modes(left_behind, sc.t.before));
	/* The shell's prompt begins a line. */
	assert_int_equal(sc.t.screen.column, 0);
}

static void ctrl_c_pressed_twice_leaves_and_gives_the_terminal_back(void **state)
{
	leaves_by(state, "\003", "Ctrl-C once more leaves.");
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
	terminal_answer(&t, "choice: ", "1");
	terminal_answer(&t, "name or number: ", "1");
	terminal_wait_cursor(&t, "password: ");
	terminal_type(&t, "\004");
	assert_int_equal(terminal_finish(&t), 0);
	assert_int_equal(tcgetattr(t.fd, &left_behind), 0);
	assert_true(same_modes(left_behind, t.before));
}

static void it_comes_back_by_itself_when_the_server_does(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	test_server_start(s);
	scene_begin(&sc, s);
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
	terminal_wait(&sc.t, "Logged in again.", lost);
	scene_expect_above(&sc, "said meanwhile", "another half");
	test_frame kept;
	sc.other = client_return(s, other, &kept);
	if (!json_has(kept.json.get(), "offlinemsg"))
		client_expect(sc.other, "{\"msgid\":6,\"msg\":\"said meanwhile\"}");
	scene_end(&sc);
}

static void a_password_can_be_typed_while_the_server_goes_and_comes(void **state)
{
	test_server *s = (test_server *)*state;
	terminal t;

	test_server_start(s);
	const int64_t id = client_absent(s, "ann");
	terminal_start(&t, s->port);
	terminal_answer(&t, "choice: ", "1");
	terminal_answer(&t, "name or number: ", std::to_string(id));
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

static void one_can_leave_while_there_is_no_server(void **state)
{
	test_server *s = (test_server *)*state;
	terminal t;

	terminal_start(&t, s->port);
	terminal_wait(&t, ". Trying again...");
	terminal_log_in(&t, 1);
	terminal_wait(&t, "Waiting for the connection.");
	terminal_type(&t, "/chat 2 hello\r");
	terminal_wait(&t, "Not logged in yet; /quit leaves.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

/* Stands in for a server on the test's free port. */
static int listen_in_place_of(const test_server *s)
{
	sockaddr_in address = {.sin_family = AF_INET,
	                       .sin_port = htons(s->port),
	                       .sin_addr = {htonl(INADDR_LOOPBACK)},
	                       .sin_zero = {}};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static bool is_readable(int fd, int64_t timeout_ms)
{
	pollfd waiting = {fd, POLLIN, 0};

	return poll(&waiting, 1, (int)timeout_ms) == 1;
}

static void say(int fd, const std::string &frame)
{
	assert_int_equal(send(fd, frame.data(), frame.size(), MSG_NOSIGNAL), frame.size());
}

static void the_end_of_an_idle_connection_is_told_and_the_next_line_connects(void **state)
{
	test_server *s = (test_server *)*state; /* not started */
	const unique_fd listener(listen_in_place_of(s));
	char bytes[1024] = "";
	terminal t;

	terminal_start(&t, s->port);
	assert_true(is_readable(listener.fd, check_patience_ms()));
	unique_fd fd(accept(listener.fd, nullptr, nullptr));
	say(fd.fd, "{\"msgid\":100,\"of\":0,\"errno\":3,\"errmsg\":\"no login in time\"}\n");
	fd.reset(-1);
	terminal_wait(&t, "No connection (nobody logged in for a while). The next line connects again.");
	/* Whoever tries again by himself does so within a quarter of a second. */
	assert_false(is_readable(listener.fd, 1000));
	terminal_answer(&t, "choice: ", "1");
	assert_true(is_readable(listener.fd, check_patience_ms()));
	fd.reset(accept(listener.fd, nullptr, nullptr));
	terminal_answer(&t, "name or number: ", "1");
	terminal_answer(&t, "password: ", "secret");
	assert_true(is_readable(fd.fd, check_patience_ms()));
	assert_true(recv(fd.fd, bytes, sizeof(bytes) - 1, 0) > 0);
	assert_true(std::string(bytes).starts_with("{\"msgid\":1,"));
	say(fd.fd, "{\"msgid\":2,\"errno\":0,\"id\":1,\"name\":\"ann\"}\n");
	terminal_wait(&t, "/help lists the commands.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void who_takes_his_time_at_the_menu_can_still_log_in(void **state)
{
	test_server *s = (test_server *)*state;
	terminal t;

	test_server_set(s, "core.login_timeout", "1s");
	test_server_start(s);
	const int64_t id = client_absent(s, "ann");
	terminal_start(&t, s->port);
	terminal_wait(&t, "No connection (nobody logged in for a while). The next line connects again.");
	terminal_log_in(&t, id);
	terminal_wait(&t, "/help lists the commands.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void a_server_without_room_is_told_and_left_alone(void **state)
{
	test_server *s = (test_server *)*state; /* not started */
	const unique_fd listener(listen_in_place_of(s));
	terminal t;

	terminal_start(&t, s->port);
	assert_true(is_readable(listener.fd, check_patience_ms()));
	unique_fd fd(accept(listener.fd, nullptr, nullptr));
	say(fd.fd, "{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"no room\"}\n");
	fd.reset(-1);
	terminal_wait(&t, "No connection (the server has no room). The next line connects again.");
	terminal_answer(&t, "choice: ", "3");
	assert_int_equal(terminal_finish(&t), 0);
}

static void a_server_that_goes_away_at_the_menu_is_looked_for_again(void **state)
{
	test_server *s = (test_server *)*state; /* not started */
	const unique_fd listener(listen_in_place_of(s));
	terminal t;

	terminal_start(&t, s->port);
	assert_true(is_readable(listener.fd, check_patience_ms()));
	unique_fd fd(accept(listener.fd, nullptr, nullptr));
	say(fd.fd, "{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"going away\"}\n");
	terminal_wait(&t, "No connection (the server is going away). Trying again...");
	assert_true(is_readable(listener.fd, check_patience_ms()));
	fd.reset(accept(listener.fd, nullptr, nullptr));
	terminal_answer(&t, "choice: ", "3");
	assert_int_equal(terminal_finish(&t), 0);
}

static void a_server_that_asks_for_a_delay_gets_it(void **state)
{
	test_server *s = (test_server *)*state; /* not started */
	const unique_fd listener(listen_in_place_of(s));
	terminal t;

	terminal_start(&t, s->port);
	assert_true(is_readable(listener.fd, check_patience_ms()));
	unique_fd fd(accept(listener.fd, nullptr, nullptr));
	const int64_t begun = check_now();
	say(fd.fd, "{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"going away\",\"delay\":1000}\n");
	assert_true(is_readable(listener.fd, check_patience_ms()));
	assert_true(check_now() - begun >= 1000);
	fd.reset(accept(listener.fd, nullptr, nullptr));
	terminal_answer(&t, "choice: ", "3");
	assert_int_equal(terminal_finish(&t), 0);
}

static void a_pasted_byte_order_mark_is_no_part_of_the_line(void **state)
{
	test_server *s = (test_server *)*state;
	const int64_t id = client_absent(s, "ann");
	const std::string mark = "\xef\xbb\xbf";
	terminal t;

	terminal_start(&t, s->port);
	terminal_answer(&t, "choice: ", mark + "1");
	terminal_answer(&t, "name or number: ", mark + std::to_string(id));
	terminal_answer(&t, "password: ", mark + "secret");
	terminal_wait(&t, "/help lists the commands.");
	terminal_type(&t, mark + "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void what_is_not_acknowledged_holds_it_until_it_is_told_again(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	test_server_start(s);
	scene_begin(&sc, s);
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
		TEST(what_is_typed_before_it_is_asked_for_is_not_lost),
		TEST(help_lists_every_command_in_both_ways),
		TEST(one_logs_out_and_in_as_somebody_else),
		TEST(a_name_stands_for_its_number),
		TEST(ctrl_c_pressed_twice_leaves_and_gives_the_terminal_back),
		TEST(ctrl_d_on_an_empty_line_leaves_and_gives_the_terminal_back),
		TEST(ctrl_d_in_place_of_a_password_leaves_and_gives_the_terminal_back),
		TEST(a_pasted_byte_order_mark_is_no_part_of_the_line),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(it_comes_back_by_itself_when_the_server_does),
		OWN_SERVER(a_password_can_be_typed_while_the_server_goes_and_comes),
		OWN_SERVER(one_can_leave_while_there_is_no_server),
		OWN_SERVER(the_end_of_an_idle_connection_is_told_and_the_next_line_connects),
		OWN_SERVER(who_takes_his_time_at_the_menu_can_still_log_in),
		OWN_SERVER(a_server_without_room_is_told_and_left_alone),
		OWN_SERVER(a_server_that_goes_away_at_the_menu_is_looked_for_again),
		OWN_SERVER(a_server_that_asks_for_a_delay_gets_it),
		OWN_SERVER(what_is_not_acknowledged_holds_it_until_it_is_told_again),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
