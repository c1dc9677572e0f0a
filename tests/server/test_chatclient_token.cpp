/* SPDX-License-Identifier: MIT
 * Tests of what chatclient does with a token when the server renews it, gives none, or loses an answer.
 * A script in place of the server answers, so that this happens at will; test_chatclient_kept has the real server. */
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/raii.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/scene.h"
#include "tests/support/server.h"
#include "tests/support/talker.h"

/* Stands in for a server: it has one connection at a time. */
struct stand_in {
	uint16_t port = 0;
	unique_fd listener, fd;
	std::string input;
};

static void stand_in_open(stand_in *si)
{
	const int on = 1;
	sockaddr_in address = {};

	si->port = test_free_port();
	address.sin_family = AF_INET;
	address.sin_port = htons(si->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	si->listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	(void)setsockopt(si->listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(si->listener.fd, (sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(si->listener.fd, 4), 0);
}

static bool is_readable(int fd, int64_t timeout_ms)
{
	pollfd waiting = {fd, POLLIN, 0};

	return poll(&waiting, 1, (int)timeout_ms) == 1;
}

static void take_connection(stand_in *si, std::source_location at = std::source_location::current())
{
	if (!is_readable(si->listener.fd, check_patience_ms()))
		check_fail(at, "no connection");
	si->fd.reset(accept4(si->listener.fd, nullptr, nullptr, SOCK_CLOEXEC));
	si->input.clear();
}

/* The next frame of that msgid; what else comes is passed over. */
static std::string take_frame(stand_in *si, int msgid, std::source_location at = std::source_location::current())
{
	const std::string wanted = "{\"msgid\":" + std::to_string(msgid) + ",";
	const int64_t end = check_now() + check_patience_ms();
	char bytes[4096];

	for (;;) {
		for (size_t line = si->input.find('\n'); line != si->input.npos; line = si->input.find('\n')) {
			const std::string frame = si->input.substr(0, line);
			si->input.erase(0, line + 1);
			if (frame.starts_with(wanted))
				return frame;
		}
		if (check_now() > end || !is_readable(si->fd.fd, check_patience_ms()))
			check_fail(at, "no frame %d", msgid);
		const ssize_t got = recv(si->fd.fd, bytes, sizeof(bytes), 0);
		if (got <= 0)
			check_fail(at, "the connection ended before frame %d", msgid);
		si->input.append(bytes, (size_t)got);
	}
}

static void say(stand_in *si, const std::string &frame)
{
	assert_int_equal(send(si->fd.fd, (frame + "\n").data(), frame.size() + 1, MSG_NOSIGNAL), frame.size() + 1);
}

static void let_in(stand_in *si, const std::string &token)
{
	const std::string more = token.empty() ? "" : ",\"token\":\"" + token + "\"";

	say(si, "{\"msgid\":2,\"errno\":0,\"id\":7,\"name\":\"ann\"" + more + "}");
}

static bool has(const std::string &frame, const std::string &part)
{
	return frame.find(part) != frame.npos;
}

/* With a device and accounts of its own. */
static void start(terminal *t, const stand_in *si, const std::string &folder)
{
	terminal_start(t, si->port, 80, 24, {"XDG_STATE_HOME=" + folder});
}

static std::string kept(const std::string &folder)
{
	return check_read_file(folder + "/chatclient/tokens");
}

static void quit(terminal *t)
{
	terminal_type(t, "/quit\r");
	assert_int_equal(terminal_finish(t), 0);
}

/* Ann logs in by her password and gets the token; it ends at the prompt. */
static void log_in(terminal *t, stand_in *si, const std::string &token)
{
	take_connection(si);
	terminal_answer(t, "choice: ", "1");
	terminal_answer(t, "name or number: ", "ann");
	terminal_answer(t, "password: ", "secret");
	const std::string login = take_frame(si, 1);
	assert_true(has(login, "\"password\":\"secret\"") && has(login, "\"remember\":true"));
	let_in(si, token);
	terminal_wait_cursor(t, "ann> ");
}

struct person_at_home {
	stand_in si;
	std::string folder = folder_make();
	terminal t;

	~person_at_home()
	{
		folder_remove(folder);
	}
};

static void begin(person_at_home *p, const std::string &token)
{
	stand_in_open(&p->si);
	start(&p->t, &p->si, p->folder);
	log_in(&p->t, &p->si, token);
}

static void after_a_loss_the_token_logs_in_and_a_renewed_one_takes_its_place(void **)
{
	person_at_home p;

	begin(&p, "first-token");
	for (const char *token : {"first-token", "second-token"}) {
		p.si.fd.reset(-1);
		take_connection(&p.si);
		const std::string login = take_frame(&p.si, 1);
		assert_true(has(login, "\"token\":\"" + std::string(token) + "\""));
		assert_false(has(login, "password"));
		let_in(&p.si, "second-token");
		terminal_wait(&p.t, "Logged in again.");
	}
	check_wait("the new token is kept", [&] { return has(kept(p.folder), "second-token"); });
	assert_false(has(kept(p.folder), "first-token"));
	quit(&p.t);
}

static void a_void_token_is_dropped_and_the_password_asked_for(void **)
{
	person_at_home p;

	begin(&p, "first-token");
	p.si.fd.reset(-1);
	take_connection(&p.si);
	assert_true(has(take_frame(&p.si, 1), "\"token\":\"first-token\""));
	say(&p.si, "{\"msgid\":2,\"errno\":1,\"errmsg\":\"no such id or wrong password\"}");
	terminal_wait_for(&p.t, "the explanation",
	                  [&] { return has(terminal_text(&p.t), "The kept login of ann does not hold any more"); });
	/* By itself it sends nothing. */
	assert_false(is_readable(p.si.fd.fd, 500));
	assert_false(has(kept(p.folder), "first-token"));
	terminal_answer(&p.t, "password: ", "other");
	assert_true(has(take_frame(&p.si, 1), "\"password\":\"other\""));
	let_in(&p.si, "second-token");
	terminal_wait_cursor(&p.t, "ann> ");
	quit(&p.t);
	assert_true(has(kept(p.folder), "second-token"));
}

static void a_device_that_is_in_use_elsewhere_does_not_take_itself_back(void **)
{
	person_at_home p;

	begin(&p, "first-token");
	say(&p.si, "{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"in any words\",\"reason\":\"replaced\"}");
	terminal_wait_cursor(&p.t, "choice: ");
	take_connection(&p.si);
	assert_false(is_readable(p.si.fd.fd, 500));
	quit(&p.t);
}

static void a_server_without_tokens_gets_the_password_again(void **)
{
	person_at_home p;

	begin(&p, "");
	p.si.fd.reset(-1);
	take_connection(&p.si);
	assert_true(has(take_frame(&p.si, 1), "\"password\":\"secret\""));
	let_in(&p.si, "");
	terminal_wait(&p.t, "Logged in again.");
	quit(&p.t);
	assert_int_not_equal(access((p.folder + "/chatclient/tokens").c_str(), F_OK), 0);
}

static void forget_removes_what_is_kept_for_that_server_only(void **)
{
	person_at_home p, other;

	begin(&p, "first-token");
	quit(&p.t);
	stand_in_open(&other.si);
	start(&other.t, &other.si, p.folder);
	log_in(&other.t, &other.si, "other-token");
	quit(&other.t);
	const char *const build = getenv("CS_BUILD");
	assert_int_equal(
		process_run({"env", "XDG_STATE_HOME=" + p.folder, std::string(build ? build : "build") + "/chatclient",
	                     "--forget", "127.0.0.1", std::to_string(p.si.port)},
	                    p.folder + "/out"),
		0);
	assert_string_equal(check_read_file(p.folder + "/out").c_str(), "forgotten: 1\n");
	assert_false(has(kept(p.folder), "first-token"));
	assert_true(has(kept(p.folder), "other-token"));
}

/* The account with the number 40, which another program registered with the name "21". */
static void log_in_the_namesake(terminal *t, stand_in *si)
{
	take_connection(si);
	terminal_answer(t, "choice: ", "1");
	terminal_answer(t, "name or number: ", "40");
	terminal_answer(t, "password: ", "secret");
	assert_true(has(take_frame(si, 1), "\"id\":40,"));
	say(si, "{\"msgid\":2,\"errno\":0,\"id\":40,\"name\":\"21\",\"token\":\"token-of-40\"}");
	terminal_wait_cursor(t, "21> ");
}

static void an_account_whose_name_is_the_number_of_another_keeps_its_token(void **)
{
	person_at_home p;
	terminal other;

	stand_in_open(&p.si);
	start(&p.t, &p.si, p.folder);
	log_in_the_namesake(&p.t, &p.si);
	quit(&p.t);
	start(&other, &p.si, p.folder);
	take_connection(&p.si);
	terminal_answer(&other, "choice: ", "1");
	terminal_answer(&other, "name or number [40]: ", "21");
	terminal_answer(&other, "password: ", "secret");
	const std::string login = take_frame(&p.si, 1);
	assert_true(has(login, "\"id\":21,") && has(login, "\"password\":\"secret\""));
	say(&p.si, "{\"msgid\":2,\"errno\":0,\"id\":21,\"name\":\"ben\",\"token\":\"token-of-21\"}");
	terminal_wait_cursor(&other, "ben> ");
	quit(&other);
	for (const std::string number : {"40", "21"}) {
		const std::string name = number == "40" ? "21" : "ben";
		terminal again;
		start(&again, &p.si, p.folder);
		take_connection(&p.si);
		terminal_answer(&again, "choice: ", "1");
		terminal_answer(&again, number == "40" ? "name or number [ben]: " : "name or number [40]: ", number);
		assert_true(has(take_frame(&p.si, 1), "\"token\":\"token-of-" + number + "\""));
		say(&p.si, "{\"msgid\":2,\"errno\":0,\"id\":" + number + ",\"name\":\"" + name + "\"}");
		terminal_wait_cursor(&again, name + "> ");
		quit(&again);
	}
}

/* Enter accepts what is offered, which must be the account that was here. */
static void enter_logs_an_account_with_digits_for_a_name_in_again(void **)
{
	person_at_home p;
	terminal again;

	stand_in_open(&p.si);
	start(&p.t, &p.si, p.folder);
	log_in_the_namesake(&p.t, &p.si);
	quit(&p.t);
	start(&again, &p.si, p.folder);
	take_connection(&p.si);
	terminal_answer(&again, "choice: ", "1");
	terminal_answer(&again, "name or number [40]: ", "");
	const std::string login = take_frame(&p.si, 1);
	assert_true(has(login, "\"id\":40,") && has(login, "\"token\":\"token-of-40\""));
	say(&p.si, "{\"msgid\":2,\"errno\":0,\"id\":40,\"name\":\"21\"}");
	terminal_wait_cursor(&again, "21> ");
	quit(&again);
}

/* As an older client, or a hand, left it: what cannot be used is passed over. */
static void a_spoilt_line_of_the_file_takes_no_other_token_with_it(void **)
{
	person_at_home p;
	terminal again;

	begin(&p, "first-token");
	quit(&p.t);
	const std::string path = p.folder + "/chatclient/tokens";
	const std::string lines =
		"no object\n{\"id\":1e300,\"name\":\"ann\"}\n{\"id\":\"7\",\"token\":\"x\"}\n" + kept(p.folder);
	const unique_fd file(open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
	assert_int_equal(write(file.fd, lines.data(), lines.size()), lines.size());
	start(&again, &p.si, p.folder);
	take_connection(&p.si);
	terminal_answer(&again, "choice: ", "1");
	terminal_answer(&again, "name or number [ann]: ", "");
	assert_true(has(take_frame(&p.si, 1), "\"token\":\"first-token\""));
	let_in(&p.si, "first-token");
	terminal_wait_cursor(&again, "ann> ");
	quit(&again);
}

static void a_file_that_others_can_read_is_not_trusted(void **)
{
	person_at_home p;
	terminal again;

	begin(&p, "first-token");
	quit(&p.t);
	assert_int_equal(chmod((p.folder + "/chatclient/tokens").c_str(), 0644), 0);
	start(&again, &p.si, p.folder);
	terminal_answer(&again, "choice: ", "1");
	terminal_answer(&again, "name or number [ann]: ", "");
	terminal_wait_cursor(&again, "password: ");
	terminal_type(&again, "\004");
	(void)terminal_finish(&again);
}

static void passwd_changes_nothing_when_the_new_one_is_not_typed_twice(void **)
{
	person_at_home p;

	begin(&p, "first-token");
	terminal_answer(&p.t, "ann> ", "/passwd");
	terminal_answer(&p.t, "old password: ", "secret");
	terminal_answer(&p.t, "new password: ", "better one");
	terminal_answer(&p.t, "new password again: ", "another");
	terminal_wait(&p.t, "These were not the same. The password stays as it was.");
	terminal_answer(&p.t, "ann> ", "/passwd");
	terminal_answer(&p.t, "old password: ", "");
	terminal_wait_cursor(&p.t, "ann> ");
	assert_false(is_readable(p.si.fd.fd, 500));
	quit(&p.t);
}

/* The answer is lost with the connection: the change may be done, and then the token is void. */
static void a_change_whose_answer_was_lost_is_finished_by_the_new_password(void **)
{
	stand_in si;
	talker t;

	stand_in_open(&si);
	talker_start(&t, si.port);
	take_connection(&si);
	talker_say(&t, "login:ann:secret\npasswd:secret:better");
	assert_true(has(take_frame(&si, 1), "\"password\":\"secret\""));
	let_in(&si, "first-token");
	(void)take_frame(&si, 112);
	si.fd.reset(-1);
	take_connection(&si);
	assert_true(has(take_frame(&si, 1), "\"token\":\"first-token\""));
	say(&si, "{\"msgid\":2,\"errno\":1,\"errmsg\":\"no such id or wrong password\"}");
	assert_true(has(take_frame(&si, 1), "\"password\":\"better\""));
	let_in(&si, "second-token");
	const std::string change = take_frame(&si, 112);
	const size_t at = change.find("\"req\":") + 6;
	say(&si, "{\"msgid\":100,\"of\":112,\"req\":" + change.substr(at, change.find(',', at) - at) + ",\"errno\":0}");
	(void)talker_wait(&t, "ok|passwd|");
	(void)talker_finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_loss_the_token_logs_in_and_a_renewed_one_takes_its_place),
		cmocka_unit_test(a_void_token_is_dropped_and_the_password_asked_for),
		cmocka_unit_test(a_device_that_is_in_use_elsewhere_does_not_take_itself_back),
		cmocka_unit_test(a_server_without_tokens_gets_the_password_again),
		cmocka_unit_test(forget_removes_what_is_kept_for_that_server_only),
		cmocka_unit_test(an_account_whose_name_is_the_number_of_another_keeps_its_token),
		cmocka_unit_test(enter_logs_an_account_with_digits_for_a_name_in_again),
		cmocka_unit_test(a_spoilt_line_of_the_file_takes_no_other_token_with_it),
		cmocka_unit_test(a_file_that_others_can_read_is_not_trusted),
		cmocka_unit_test(passwd_changes_nothing_when_the_new_one_is_not_typed_twice),
		cmocka_unit_test(a_change_whose_answer_was_lost_is_finished_by_the_new_password),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
