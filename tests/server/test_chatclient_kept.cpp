/* SPDX-License-Identifier: MIT
 * Tests that the login which chatclient keeps holds and ends with a real server as its manual says. */
#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "tests/support/check.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"
#include "tests/support/scene.h"
#include "tests/support/talker.h"

/* A person whose terminal keeps its state in a folder of its own, which a later terminal can have, too. */
struct person {
	scene sc;
	test_server *server = nullptr;
	std::string folder; /* the state of the terminal */
};

static std::string in_folder(const std::string &folder)
{
	return "XDG_STATE_HOME=" + folder;
}

static void begin(person *p, test_server *s)
{
	p->server = s;
	p->folder = s->folder + "/" + client_new_name("state");
	scene_begin(&p->sc, s, "ann", 80, {in_folder(p->folder)});
}

static void start(terminal *t, const person *p, const std::string &folder)
{
	terminal_start(t, p->server->port, 80, 24, {in_folder(folder)});
}

static void leave(terminal *t, std::source_location at = std::source_location::current())
{
	terminal_type(t, "/quit\r");
	if (terminal_finish(t, at) != 0)
		terminal_fail(t, at, "it does not end well");
}

static void change_password(terminal *t, const std::string &old, const std::string &fresh,
                            std::source_location at = std::source_location::current())
{
	terminal_type(t, "/passwd\r");
	terminal_answer(t, "old password: ", old, at);
	terminal_answer(t, "new password: ", fresh, at);
	terminal_answer(t, "new password again: ", fresh, at);
}

static void wait_explained(terminal *t, const std::string &text,
                           std::source_location at = std::source_location::current())
{
	terminal_wait_for(
		t, text,
		[&] {
			std::string all = terminal_text(t);
			std::erase(all, '\n');
			return all.find(text) != all.npos;
		},
		at);
}

static void the_next_start_needs_no_password(void **state)
{
	person p;
	terminal again;
	struct stat info = {};

	begin(&p, (test_server *)*state);
	scene_end(&p.sc);
	assert_int_equal(stat((p.folder + "/chatclient/tokens").c_str(), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	start(&again, &p, p.folder);
	terminal_log_in_again(&again, p.sc.name);
	leave(&again);
}

static void after_forget_the_next_start_asks_for_the_password(void **state)
{
	person p;
	terminal again;
	const char *const build = getenv("CS_BUILD");

	begin(&p, (test_server *)*state);
	scene_end(&p.sc);
	const std::string output = p.folder + "/out";
	assert_int_equal(process_run({"env", in_folder(p.folder), std::string(build ? build : "build") + "/chatclient",
	                              "--forget", "127.0.0.1", std::to_string(p.server->port)},
	                             output),
	                 0);
	assert_string_equal(check_read_file(output).c_str(), "forgotten: 1\n");
	start(&again, &p, p.folder);
	terminal_log_in(&again, p.sc.id, p.sc.name);
	terminal_wait_cursor(&again, p.sc.prompt);
	leave(&again);
}

static void after_a_logout_the_next_login_asks_for_the_password(void **state)
{
	person p;

	begin(&p, (test_server *)*state);
	terminal_type(&p.sc.t, "/logout\r");
	terminal_wait(&p.sc.t, "Logged out.");
	terminal_log_in(&p.sc.t, p.sc.id, p.sc.name);
	terminal_wait_cursor(&p.sc.t, p.sc.prompt);
	scene_end(&p.sc);
}

/* This terminal was never told the password, so only the token can have logged it in. */
static void a_kept_login_outlives_a_restart_of_the_server(void **state)
{
	test_server *const s = (test_server *)*state;
	person p;
	terminal again;

	test_server_start(s);
	begin(&p, s);
	scene_end(&p.sc);
	start(&again, &p, p.folder);
	terminal_log_in_again(&again, p.sc.name);
	test_server_restart(s);
	terminal_wait(&again, "Logged in again.");
	leave(&again);
}

static void who_changes_the_password_stays_in_and_the_other_devices_are_asked_for_it(void **state)
{
	person p;
	terminal other, again;

	begin(&p, (test_server *)*state);
	const std::string far = p.folder + "-far";
	start(&other, &p, far);
	terminal_log_in(&other, p.sc.id);
	terminal_wait_cursor(&other, p.sc.prompt);
	change_password(&p.sc.t, "secret", "better one");
	terminal_wait(&p.sc.t, "Your other devices are logged out.");
	terminal_wait_cursor(&p.sc.t, p.sc.prompt);
	assert_true(p.sc.t.bytes.find("better") == std::string::npos);
	wait_explained(&other, "The kept login of " + p.sc.name + " does not hold any more");
	terminal_answer(&other, "password: ", "better one");
	terminal_wait_cursor(&other, p.sc.prompt);
	leave(&other);
	scene_end(&p.sc);
	start(&again, &p, p.folder);
	terminal_log_in_again(&again, p.sc.name);
	leave(&again);
}

static void a_wrong_old_password_changes_nothing(void **state)
{
	person p;
	talker script;

	begin(&p, (test_server *)*state);
	change_password(&p.sc.t, "wrong", "better one");
	wait_explained(&p.sc.t, "the old password is wrong");
	terminal_wait_cursor(&p.sc.t, p.sc.prompt);
	assert_int_equal(talker_run(&script, p.server->port, "login:" + p.sc.name + ":secret"), 0);
	scene_end(&p.sc);
}

/* As after a copy of the home folder to another machine: both have the name of the device, and its token. */
static void who_lost_the_device_to_another_is_at_the_menu_and_can_take_it_back(void **state)
{
	person p;
	terminal other;

	begin(&p, (test_server *)*state);
	const std::string copy = p.folder + "-copy";
	std::filesystem::copy(p.folder, copy, std::filesystem::copy_options::recursive);
	start(&other, &p, copy);
	terminal_log_in_again(&other, p.sc.name);
	wait_explained(&p.sc.t, "This device has logged in on another connection.");
	/* It does not take the device back by itself. */
	terminal_wait_cursor(&p.sc.t, "choice: ");
	terminal_log_in_again(&p.sc.t, p.sc.name);
	wait_explained(&other, "This device has logged in on another connection.");
	terminal_wait_cursor(&other, "choice: ");
	leave(&other);
	scene_end(&p.sc);
}

static void a_script_whose_password_was_changed_is_told_and_ends(void **state)
{
	person p;
	talker script;

	begin(&p, (test_server *)*state);
	talker_start(&script, p.server->port);
	talker_say(&script, "login:" + p.sc.name + ":secret");
	(void)talker_wait(&script, "logged-in|");
	change_password(&p.sc.t, "secret", "better one");
	(void)talker_wait(&script, "refused|login|" + std::to_string(p.sc.id) +
	                                   "|1|the login has ended: this token is not good");
	assert_int_equal(talker_finish(&script), 1);
	scene_end(&p.sc);
}

static void who_is_locked_out_is_told_so(void **state)
{
	test_server *const s = (test_server *)*state;
	person p;
	talker script;

	operator_allow(s);
	test_server_start(s);
	begin(&p, s);
	talker_start(&script, s->port);
	talker_say(&script, "login:" + p.sc.name + ":secret");
	(void)talker_wait(&script, "logged-in|");
	(void)CLIENT_ASK(operator_open(s), 0, R"({"msgid":922,"account":%lld)", static_cast<long long>(p.sc.id));
	(void)talker_wait(&script, "refused|login|" + std::to_string(p.sc.id) +
	                                   "|1|the login has ended: this account is locked");
	assert_int_equal(talker_finish(&script), 1);
	wait_explained(&p.sc.t, "does not hold any more: this account is locked. The password is needed again.");
	terminal_answer(&p.sc.t, "password: ", "secret");
	wait_explained(&p.sc.t, "login " + std::to_string(p.sc.id) + ": this account is locked");
	leave(&p.sc.t);
}

static void a_script_changes_the_password(void **state)
{
	test_server *const s = (test_server *)*state;
	const std::string name = client_new_name("ann");
	talker change, old, fresh;

	assert_int_equal(talker_run(&change, s->port,
	                            "register:" + name + ":secret\nlogin:" + name + ":secret\npasswd:secret:better"),
	                 0);
	assert_true(talker_has(&change, "ok|passwd|"));
	assert_int_equal(talker_run(&old, s->port, "login:" + name + ":secret"), 1);
	assert_int_equal(talker_run(&fresh, s->port, "login:" + name + ":better"), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_next_start_needs_no_password),
		TEST(after_forget_the_next_start_asks_for_the_password),
		TEST(after_a_logout_the_next_login_asks_for_the_password),
		TEST(who_changes_the_password_stays_in_and_the_other_devices_are_asked_for_it),
		TEST(a_wrong_old_password_changes_nothing),
		TEST(who_lost_the_device_to_another_is_at_the_menu_and_can_take_it_back),
		TEST(a_script_whose_password_was_changed_is_told_and_ends),
		TEST(a_script_changes_the_password),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(a_kept_login_outlives_a_restart_of_the_server),
		OWN_SERVER(who_is_locked_out_is_told_so),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
