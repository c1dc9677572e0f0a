/* SPDX-License-Identifier: MIT
 * Tests chatclient in a script when its standard streams, its input or the host are not as they should be. */
#include <string>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/talker.h"
#include <base/raii.h>

static const std::string mark = "\xef\xbb\xbf"; /* the byte order mark in UTF-8 */

/* $client is chatclient, and ends with 124 where it hangs; $port is the server's. */
static std::string bash_line(const test_server *s, const std::string &line)
{
	const char *const build = getenv("CS_BUILD");

	return check_format("client='timeout %lld %s/chatclient' port=%u; ", 20 * (long long)check_patience_factor(),
	                    build ? build : "build", s->port) +
	       line;
}

static int bash(const test_server *s, const std::string &line, std::string *text_r)
{
	const std::string output = s->folder + "/output";

	(void)unlink(output.c_str());
	const int status = process_run({"bash", "-c", bash_line(s, line)}, output);
	*text_r = check_read_file(output);
	return status;
}

/* The line of bash ends with the status, and what it wrote has the text. */
static void expect(const test_server *s, const std::string &line, int status, const std::string &text,
                   std::source_location at = std::source_location::current())
{
	std::string written;
	const int ended = bash(s, line, &written);

	if (ended != status || written.find(text) == written.npos)
		check_fail(at, "%s: status %d, not %d, and no \"%s\" in: %s", line.c_str(), ended, status, text.c_str(),
		           written.c_str());
}

static std::string register_line(void)
{
	return "echo register:" + client_new_name("ann") + ":secret | ";
}

static void an_input_that_cannot_be_read_is_told(void **state)
{
	test_server *s = (test_server *)*state;

	expect(s, "$client 127.0.0.1 $port <&-", 6, "chatclient: standard input: it is closed\n");
	expect(s, "$client 127.0.0.1 $port </", 6, "chatclient: standard input: Is a directory\n");
}

static void an_output_that_cannot_be_written_is_told(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string output = "chatclient: standard output: ";

	expect(s, register_line() + "$client 127.0.0.1 $port >/dev/full", 6, output + "No space left on device\n");
	expect(s, register_line() + "$client 127.0.0.1 $port >&-", 6, output + "it is closed\n");
	expect(s, "exec 3> >(true); wait $!; " + register_line() + "$client 127.0.0.1 $port >&3", 6,
	       output + "Broken pipe\n");
	expect(s, "$client --help >/dev/full", 6, output + "No space left on device\n");
	expect(s, "$client --version >&-", 6, output + "it is closed\n");
}

static void all_goes_well_without_standard_error(void **state)
{
	test_server *s = (test_server *)*state;

	expect(s, register_line() + "$client 127.0.0.1 $port 2>&-", 0, "registered\t");
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

static int accept_soon(int listener)
{
	pollfd waiting = {listener, POLLIN, 0};

	assert_int_equal(poll(&waiting, 1, (int)check_patience_ms()), 1);
	return accept(listener, nullptr, nullptr);
}

/* A program whose standard error is closed gets its number for the next file or socket that it opens. */
static void no_socket_takes_the_place_of_a_closed_stream(void **state)
{
	test_server *s = (test_server *)*state; /* only its free port is used */
	const unique_fd listener(listen_in_place_of(s));
	char bytes[1024] = "";
	int status = -1;

	pid_t pid = process_spawn({"bash", "-c", bash_line(s, "$client 127.0.0.1 $port </dev/null >/dev/full 2>&-")},
	                          s->folder + "/output");
	const unique_fd fd(accept_soon(listener.fd));
	assert_int_equal(recv(fd.fd, bytes, sizeof(bytes) - 1, 0), 0);
	check_wait("the end of chatclient", [&] { return !process_is_alive(&pid, &status); });
	assert_int_equal(status, 6);
}

static void an_unknown_host_is_told_at_once(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string told = "chatclient: a b port 6000: no connection: Name or service not known\n";

	expect(s, "$client -t 86400 'a b' 6000 </dev/null", 4, told);
	expect(s, "echo login:1:secret | $client -t 86400 'a b' 6000", 4, told);
}

static void a_server_that_is_not_there_is_told_also_when_nothing_is_asked(void **state)
{
	test_server *s = (test_server *)*state; /* not started */

	expect(s, "$client -t 1 127.0.0.1 $port </dev/null", 4,
	       check_format("chatclient: 127.0.0.1 port %u: no connection: Connection refused\n", s->port));
}

static void an_empty_input_tries_the_connection(void **state)
{
	expect((test_server *)*state, "$client 127.0.0.1 $port </dev/null", 0, "connected\t127.0.0.1\t");
}

static void a_port_out_of_range_is_a_usage_error(void **state)
{
	for (const char *port : {"0", "65536", "-1", "4294973296", "99999999999999999999", "6000x", "''", "http"})
		expect((test_server *)*state, std::string("$client -- 127.0.0.1 ") + port + " </dev/null", 2,
		       "chatclient: PORT is a number from 1 to 65535\n");
}

/* An account made by a script, and the script with # as its number. */
static int run_with_account(test_server *s, std::string script, talker *t)
{
	talker made;

	assert_int_equal(talker_run(&made, s->port, "register:" + client_new_name("ann") + ":secret"), 0);
	const std::string id = talker_lines(&made, "registered|").at(0).substr(11);
	for (size_t at; (at = script.find('#')) != script.npos;)
		script.replace(at, 1, id);
	return talker_run(t, s->port, script);
}

static void a_byte_order_mark_is_no_part_of_a_command(void **state)
{
	talker t;

	assert_int_equal(run_with_account((test_server *)*state,
	                                  mark + "login:#:secret\n" + mark + "/chat # one\nchat:#:" + mark + "two\n" +
	                                          mark + "\nwait:10:2",
	                                  &t),
	                 0);
	const std::vector<std::string> messages = talker_lines(&t, "message|");
	assert_int_equal(messages.size(), 2);
	assert_true(messages[0].ends_with("|one"));
	assert_true(messages[1].ends_with("|\\ufefftwo"));
}

static void lines_may_end_as_on_other_systems(void **state)
{
	talker t;

	assert_int_equal(run_with_account((test_server *)*state,
	                                  "login:#:secret\r\n\r\nchat:#:one\r\n/chat # two\r\nwait:10:2\r", &t),
	                 0);
	const std::vector<std::string> messages = talker_lines(&t, "message|");
	assert_int_equal(messages.size(), 2);
	assert_true(messages[0].ends_with("|one"));
	assert_true(messages[1].ends_with("|two"));
}

static void a_line_with_a_nul_byte_is_refused_and_the_others_are_not(void **state)
{
	const std::string nul(1, '\0');
	talker t;

	assert_int_equal(run_with_account((test_server *)*state,
	                                  "login:#:secret\nchat:#:a" + nul + "b\n" + nul + "\nchat:#" + nul +
	                                          ":x\nchat:#:one\nwait:10:1",
	                                  &t),
	                 1);
	for (const char *line : {"invalid|2|", "invalid|3|", "invalid|4|"})
		assert_true(talker_has(&t, line));
	assert_true(talker_lines(&t, "message|").at(0).ends_with("|one"));
}

static void a_script_that_pauses_connects_again_at_its_next_command(void **state)
{
	test_server *s = (test_server *)*state; /* only its free port is used */
	const unique_fd listener(listen_in_place_of(s));
	talker t;

	talker_start(&t, s->port);
	unique_fd fd(accept_soon(listener.fd));
	const std::string ended = "{\"msgid\":100,\"of\":0,\"errno\":3,\"errmsg\":\"no login in time\"}\n";
	assert_int_equal(send(fd.fd, ended.data(), ended.size(), MSG_NOSIGNAL), ended.size());
	fd.reset(-1);
	(void)talker_wait(&t, "disconnected|nobody logged in for a while");
	talker_say(&t, "help");
	fd.reset(accept_soon(listener.fd));
	(void)talker_wait(&t, "connected|", 2);
	assert_int_equal(talker_finish(&t), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_input_that_cannot_be_read_is_told),
		TEST(an_output_that_cannot_be_written_is_told),
		TEST(all_goes_well_without_standard_error),
		TEST(an_unknown_host_is_told_at_once),
		TEST(an_empty_input_tries_the_connection),
		TEST(a_port_out_of_range_is_a_usage_error),
		TEST(a_byte_order_mark_is_no_part_of_a_command),
		TEST(lines_may_end_as_on_other_systems),
		TEST(a_line_with_a_nul_byte_is_refused_and_the_others_are_not),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(no_socket_takes_the_place_of_a_closed_stream),
		OWN_SERVER(a_script_that_pauses_connects_again_at_its_next_command),
		OWN_SERVER(a_server_that_is_not_there_is_told_also_when_nothing_is_asked),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
