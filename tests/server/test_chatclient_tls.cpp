/* SPDX-License-Identifier: MIT
 * Tests that chatclient talks over TLS and by WebSocket with a real server, and what it says of a certificate or a port
 * that is wrong. */
#include <string>
#include <vector>

#include "tests/support/certificate.h"
#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/scene.h"
#include "tests/support/server.h"
#include "tests/support/talker.h"

/* Two servers: one with TLS, for frames and for WebSocket, and one without. */
struct stage {
	std::string folder = folder_make();
	test_server *secure = nullptr, *open = nullptr;
	test_certificate good, expired;
	std::string tls_port, wss_port, ws_port;
	std::string other_port; /* of 127.0.0.2, which is not in the certificate */
};

static stage the_stage;

static int set_up(void **state)
{
	stage *const f = &the_stage;

	*state = f;
	f->good = certificate_make(f->folder, "good");
	f->expired = certificate_make(f->folder, "expired", -1);
	for (std::string *port : {&f->tls_port, &f->wss_port, &f->ws_port, &f->other_port})
		*port = std::to_string(test_free_port());
	f->secure = test_server_new();
	test_server_set(f->secure, "tls_openssl.listen", "127.0.0.1:" + f->tls_port + ", 127.0.0.2:" + f->other_port);
	test_server_set(f->secure, "tls_openssl.certificate", f->good.chain);
	test_server_set(f->secure, "tls_openssl.key", f->good.key);
	test_server_set(f->secure, "websocket.listen", "127.0.0.1:" + f->wss_port);
	test_server_set(f->secure, "websocket.tls", "yes");
	f->open = test_server_new();
	test_server_set(f->open, "websocket.listen", "127.0.0.1:" + f->ws_port);
	test_server_start(f->secure);
	test_server_start(f->open);
	return 0;
}

static int tear_down(void **state)
{
	stage *const f = (stage *)*state;

	test_server_free(f->secure);
	test_server_free(f->open);
	folder_remove(f->folder);
	return 0;
}

/* Runs chatclient without commands: what it prints, on both outputs. */
static std::string try_connection(const stage *f, const std::vector<std::string> &words, int status,
                                  std::source_location at = std::source_location::current())
{
	const char *const build = getenv("CS_BUILD");
	const std::string output = f->folder + "/out";
	std::vector<std::string> all = {"env", "XDG_STATE_HOME=" + f->folder,
	                                std::string(build ? build : "build") + "/chatclient"};

	(void)remove(output.c_str());
	all.insert(all.end(), words.begin(), words.end());
	const int ended = process_run(all, output, at);
	const std::string text = check_read_file(output);
	if (ended != status)
		check_fail(at, "it ended with %d: %s", ended, text.c_str());
	return text;
}

static void expect(const std::string &text, const char *part, std::source_location at = std::source_location::current())
{
	if (text.find(part) == text.npos)
		check_fail(at, "no \"%s\" in: %s", part, text.c_str());
}

/* A long text takes several records of TLS, and the long form of a WebSocket message. */
static void talk(const std::vector<std::string> &options)
{
	const std::string name = client_new_name("ann"), long_text(20000, 'x');
	talker t;

	assert_int_equal(talker_run(&t, 0,
	                            "register:" + name + ":secret\nlogin:" + name +
	                                    ":secret\nchat:@:hello\nchat:@:" + long_text + "\nwait:60:2",
	                            options),
	                 0);
	assert_int_equal(talker_lines(&t, "ok|chat|").size(), 2);
	assert_int_equal(talker_lines(&t, "message|").size(), 2);
	assert_true(talker_lines(&t, "message|").at(0).ends_with("|hello"));
	assert_true(talker_lines(&t, "message|").at(1).ends_with("|" + long_text));
}

static void a_script_talks_over_tls(void **state)
{
	const stage *const f = (stage *)*state;

	talk({"--tls", "--ca", f->good.chain, "127.0.0.1", f->tls_port});
	talk({"-s", "-c", f->good.chain, "localhost", f->tls_port});
}

static void a_script_talks_by_websocket(void **state)
{
	const stage *const f = (stage *)*state;

	talk({"ws://127.0.0.1:" + f->ws_port});
	talk({"ws://localhost:" + f->ws_port + "/ws"});
}

static void a_script_talks_by_websocket_over_tls(void **state)
{
	const stage *const f = (stage *)*state;

	talk({"--ca", f->good.chain, "wss://127.0.0.1:" + f->wss_port});
}

static void log_in(terminal *t, const std::string &name, const std::string &offered = "")
{
	terminal_answer(t, "choice: ", "1");
	terminal_answer(t, offered.empty() ? "name or number: " : "name or number [" + offered + "]: ", name);
	terminal_answer(t, "password: ", "secret");
	terminal_wait_cursor(t, name + "> ");
}

/* The next time needs no address, no --tls and no --ca. */
static void a_person_talks_over_tls_and_the_next_start_does_too(void **state)
{
	const stage *const f = (stage *)*state;
	const std::string name = client_new_name("ann");
	talker maker;
	terminal t;

	assert_int_equal(talker_run(&maker, f->secure->port, "register:" + name + ":secret"), 0);
	terminal_start_with(&t, {"--tls", "--ca", f->good.chain, "localhost", f->tls_port},
	                    {"XDG_STATE_HOME=" + f->folder});
	log_in(&t, name);
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
	expect(try_connection(f, {}, 0), "connected\tlocalhost");
}

/* The server tells it by a frame, and then by a Close. */
static void a_person_by_websocket_comes_back_when_the_server_does(void **state)
{
	const stage *const f = (stage *)*state;
	const std::string name = client_new_name("ben");
	talker maker;
	terminal t;

	assert_int_equal(talker_run(&maker, f->open->port, "register:" + name + ":secret"), 0);
	terminal_start_with(&t, {"ws://127.0.0.1:" + f->ws_port});
	log_in(&t, name);
	test_server_restart(f->open);
	terminal_wait(&t, "Logged in again.");
	terminal_wait_cursor(&t, name + "> ");
	test_server_kill(f->open);
	test_server_start(f->open);
	terminal_wait_for(&t, "the second return", [&] {
		const std::string text = terminal_text(&t);
		return text.find("Logged in again.") != text.rfind("Logged in again.");
	});
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void a_certificate_that_nobody_trusts_is_refused(void **state)
{
	const stage *const f = (stage *)*state;

	for (const std::vector<std::string> &words : {std::vector<std::string>{"--tls", "127.0.0.1", f->tls_port},
	                                              {"--tls", "--ca", f->expired.chain, "127.0.0.1", f->tls_port},
	                                              {"wss://localhost:" + f->wss_port}})
		expect(try_connection(f, words, 4),
		       "this machine does not trust the server's certificate: if you do, name its file with --ca");
}

static void a_certificate_for_another_host_is_refused(void **state)
{
	const stage *const f = (stage *)*state;

	expect(try_connection(f, {"--tls", "--ca", f->good.chain, "127.0.0.2", f->other_port}, 4),
	       "the server's certificate is for another host");
}

/* openssl s_server plays the server, which takes less time than a second chatserverd. */
static void an_expired_certificate_is_refused(void **state)
{
	const stage *const f = (stage *)*state;
	const std::string port = std::to_string(test_free_port());
	pid_t other = process_spawn({"openssl", "s_server", "-quiet", "-accept", "127.0.0.1:" + port, "-cert",
	                             f->expired.chain, "-key", f->expired.key},
	                            f->folder + "/s_server");
	std::string text;

	/* Until it listens, nobody answers. */
	check_wait("the answer", [&] {
		text = try_connection(f, {"-t", "1", "--tls", "--ca", f->expired.chain, "localhost", port}, 4);
		return text.find("Connection refused") == text.npos;
	});
	process_kill(&other);
	expect(text, "the server's certificate has expired");
}

static void a_port_that_is_for_something_else_is_explained(void **state)
{
	const stage *const f = (stage *)*state;
	const std::string frames = std::to_string(f->open->port);
	talker t;

	talker_start(&t, 0, {"127.0.0.1", f->tls_port});
	talker_say(&t, "login:ann:secret");
	(void)talker_wait(&t, "disconnected|closed by the server without an answer: does this port want --tls?");
	expect(try_connection(f, {"--tls", "-t", "2", "127.0.0.1", frames}, 4),
	       "this port of the server does not speak TLS");
	expect(try_connection(f, {"-t", "2", "ws://127.0.0.1:" + frames}, 4),
	       "the answer is no WebSocket: is the port right?");
	expect(try_connection(f, {"-t", "2", "-c", f->good.chain, "wss://127.0.0.1:" + f->tls_port}, 4),
	       "the answer is no WebSocket: is the port right?");
	expect(try_connection(f, {"ws://127.0.0.1:" + f->ws_port + "/nowhere"}, 4),
	       "there is no WebSocket at this address (HTTP 404)");
}

static void a_mistake_on_the_command_line_is_told_at_once(void **state)
{
	const stage *const f = (stage *)*state;

	expect(try_connection(f, {"--tls", "--ca", "/nowhere", "127.0.0.1", "1"}, 2), "--ca: /nowhere cannot be read");
	expect(try_connection(f, {"--ca", "/dev/null", "wss://127.0.0.1"}, 2), "has no certificate in PEM format");
	expect(try_connection(f, {"--tls", "ws://127.0.0.1"}, 2), "those with wss:// are over TLS");
	expect(try_connection(f, {"https://127.0.0.1"}, 2), "begins with ws:// or wss://");
	expect(try_connection(f, {"127.0.0.1"}, 2), "HOST and PORT are needed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_talks_over_tls),
		cmocka_unit_test(a_script_talks_by_websocket),
		cmocka_unit_test(a_script_talks_by_websocket_over_tls),
		cmocka_unit_test(a_person_by_websocket_comes_back_when_the_server_does),
		cmocka_unit_test(a_person_talks_over_tls_and_the_next_start_does_too),
		cmocka_unit_test(a_certificate_that_nobody_trusts_is_refused),
		cmocka_unit_test(a_certificate_for_another_host_is_refused),
		cmocka_unit_test(an_expired_certificate_is_refused),
		cmocka_unit_test(a_port_that_is_for_something_else_is_explained),
		cmocka_unit_test(a_mistake_on_the_command_line_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
