/* SPDX-License-Identifier: MIT
 * Attacks the socket of operators of a real server: who may open it, what a killed server leaves, garbage, floods,
 * slow readers, operators who leave, workers that hang. */
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	*state = s;
	return 0;
}

static int set_up_and_start(void **state)
{
	(void)set_up(state);
	test_server_start(static_cast<test_server *>(*state));
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

static void write_text(const std::string &path, const char *text)
{
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static mode_t mode_of(const std::string &path)
{
	struct stat status = {};

	assert_int_equal(stat(path.c_str(), &status), 0);
	return status.st_mode;
}

static void the_server_still_works(test_server *s)
{
	client_close(client_enter(s, "still"));
	(void)CLIENT_ASK(operator_open(s), 0, "{\"msgid\":900");
}

/* ---- the file */

static void only_the_owner_may_open_the_socket(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const mode_t mask = umask(0);

	test_server_start(s);
	umask(mask);
	assert_int_equal(mode_of(operator_path(s)), S_IFSOCK | 0600);
}

/* The exit status of the child: whether the server refuses it. */
static int connect_as_nobody(const test_server *s)
{
	struct sockaddr_un address = {};
	char text[256] = "";
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sun_family = AF_UNIX;
	strncpy(address.sun_path, operator_path(s).c_str(), sizeof(address.sun_path) - 1);
	if (setuid(65534) == -1 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    read(fd, text, sizeof(text) - 1) <= 0 || !strstr(text, "\"errno\":8"))
		return 1;
	return read(fd, text, sizeof(text)) == 0 ? 0 : 1;
}

/* Even where somebody has opened the mode of the socket and its folder. */
static void another_user_is_told_and_closed(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	int status = -1;

	assert_int_equal(geteuid(), 0);
	assert_int_equal(chmod(operator_path(s).c_str(), 0666) | chmod(s->folder.c_str(), 0755), 0);
	const pid_t child = fork();

	if (child == 0)
		_exit(connect_as_nobody(s));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	test_server_wait_log(s, "connection of an operator refused uid=65534");
	the_server_still_works(s);
}

static void the_socket_of_a_killed_server_is_replaced(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_kill(s);
	assert_int_equal(access(operator_path(s).c_str(), F_OK), 0);
	test_server_start(s);
	the_server_still_works(s);
	test_server_stop(s);
	assert_int_not_equal(access(operator_path(s).c_str(), F_OK), 0);
}

static void start_is_refused(test_server *s, const char *text)
{
	test_server_write_conf(s);
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf"});

	assert_int_equal(run.status, 1);
	if (!strstr(run.err.c_str(), text))
		check_fail(std::source_location::current(), "expected \"%s\" in %s", text, run.err.c_str());
}

static void the_socket_of_a_living_server_is_left_alone(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_server *second = test_server_new();

	test_server_set(second, "core.control", operator_path(s));
	start_is_refused(second, "another server listens there");
	test_server_free(second);
	the_server_still_works(s);
}

static void a_path_that_cannot_be_a_socket_is_refused(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string folder = s->folder + "/none";

	write_text(operator_path(s), "a file");
	start_is_refused(s, "something that is no socket is there");
	assert_string_equal(check_read_file(operator_path(s)).c_str(), "a file");
	test_server_set(s, "core.control", folder + "/control");
	start_is_refused(s, "its folder: No such file or directory");
	test_server_set(s, "core.control", "/tmp/" + std::string(103, 'x'));
	start_is_refused(s, "longer than 107 bytes");
}

/* Where systemd makes the folder it is there only while the server runs. */
static void a_check_of_the_configuration_warns_of_a_missing_folder_and_makes_nothing(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_write_conf(s);
	test_run run = test_server_run(s, {"-t", "-c", s->folder + "/chat.conf"});
	assert_int_equal(run.status, 0);
	assert_int_not_equal(access(operator_path(s).c_str(), F_OK), 0);
	test_server_set(s, "core.control", s->folder + "/none/control");
	test_server_write_conf(s);
	run = test_server_run(s, {"-t", "-c", s->folder + "/chat.conf"});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.err.c_str(), "warning: "));
	assert_non_null(strstr(run.err.c_str(), "its folder: No such file or directory"));
}

/* ---- what comes over it */

static void clients_do_not_see_the_verbs(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *guest = client_open(s), *c = client_enter(s, "zhang san");

	for (int msgid = 900; msgid <= 911; msgid++)
		for (test_client *one : {guest, c}) {
			client_sendf(one, R"({"msgid":%d,"req":7,"account":1,"level":"debug","text":"x"})", msgid);
			client_expect(one, check_format("{\"msgid\":100,\"of\":%d,\"req\":7,\"errno\":5,"
			                                "\"errmsg\":\"no plugin handles this msgid\"}",
			                                msgid));
		}
}

static void operators_have_nothing_but_verbs(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);

	client_sendf(o, R"({"msgid":4,"name":"operator","password":"secret"})");
	client_expect(o, R"({"msgid":100,"of":4,"errno":5})");
	client_sendf(o, R"({"msgid":102})");
	client_expect(o, R"({"msgid":103})");
	client_sendf(o, R"({"msgid":900})");
	client_expect(o, R"({"msgid":100,"of":900,"errno":4,"errmsg":"req is missing"})");
	(void)CLIENT_ASK(o, 4, R"({"msgid":902,"after":"9-0")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":902,"after":"x")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":903)");
	(void)CLIENT_ASK(o, 4, R"({"msgid":903,"account":1,"device":4294967296)");
}

static void garbage_ends_only_the_connection_that_sends_it(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *good = operator_open(s);

	for (const char *bytes : {"GET / HTTP/1.1\r\n\r\n", "\xff\xfe\x01", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"}) {
		test_client *o = operator_open(s);

		(void)client_try_send(o, bytes);
		client_expect(o, R"({"msgid":100,"of":0,"errno":4})");
		client_expect_end(o);
	}
	test_client *o = operator_open(s);
	(void)client_try_send(o, "{\"msgid\":900,\"x\":\"" + std::string(16 * 1024 * 1024, 'x'));
	client_expect(o, R"({"msgid":100,"errno":12})");
	(void)CLIENT_ASK(good, 0, "{\"msgid\":900");
}

static void a_request_may_come_byte_by_byte(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	static const char request[] = "{\"msgid\":900,\"req\":1}\n";

	for (size_t i = 0; request[i]; i++)
		client_send(o, {request + i, 1});
	client_expect(o, R"({"msgid":100,"of":900,"req":1,"errno":0})");
}

static void ten_thousand_requests_at_once_are_answered_in_order(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	std::string all;

	for (int i = 1; i <= 10000; i++)
		all += check_format("{\"msgid\":900,\"req\":%d}\n", i);
	client_send(o, all);
	for (int i = 1; i <= 10000; i++) {
		const test_frame frame = client_read(o);
		assert_int_equal(json_integer(frame.json.get(), "req"), i);
		assert_int_equal(json_integer(frame.json.get(), "errno"), 0);
	}
}

static int64_t unsent_of_worker_0(test_client *o)
{
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":901");

	return json_integer(cJSON_GetArrayItem(cJSON_GetObjectItem(frame.json.get(), "workers"), 0), "unsent");
}

static void one_who_never_reads_holds_up_nobody(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	std::string part;
	int taken = 1;

	for (int i = 0; i < 200; i++)
		part += "{\"msgid\":905,\"req\":1}\n";
	for (int i = 0; i < 1000 && taken > 0; i++)
		taken = client_pour(o, part);
	test_client *other = operator_open(s);
	check_wait("the output to be full", [other] { return unsent_of_worker_0(other) > 250 << 10; });
	the_server_still_works(s);
	/* It stops at output_soft and one answer. */
	assert_true(unsent_of_worker_0(other) < 288 << 10);
}

static void an_operator_who_leaves_before_the_answer_harms_nothing(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	for (int i = 0; i < 50; i++) {
		test_client *o = operator_open(s);

		client_send(o, "{\"msgid\":901,\"req\":1}\n{\"msgid\":908,\"req\":2}\n{\"msgid\":902,\"req\":3}\n");
		client_close(o);
	}
	the_server_still_works(s);
}

static void of_two_reloads_at_once_each_is_answered(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *a = operator_open(s), *b = operator_open(s);

	for (int i = 1; i <= 20; i++) {
		for (test_client *o : {a, b})
			client_sendf(o, R"({"msgid":908,"req":%d})", i);
		for (test_client *o : {a, b}) {
			const test_frame frame = client_read_answer(o, i);
			const int64_t wire_errno = json_integer(frame.json.get(), "errno");

			assert_true(wire_errno == 0 || wire_errno == 10);
		}
	}
}

/* 64 have a place. Each of the first 63 asks again, so that the last one was silent longest. */
static void one_more_operator_takes_the_place_of_the_one_that_was_silent_longest(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	std::vector<test_client *> all;

	for (int i = 0; i < 64; i++) {
		all.push_back(operator_open(s));
		(void)CLIENT_ASK(all.back(), 0, "{\"msgid\":900");
	}
	test_client *silent = all.back();
	all.pop_back();
	check_wait("the clock to go on", [since = check_now()] { return check_now() - since > 5; });
	for (test_client *o : all)
		(void)CLIENT_ASK(o, 0, "{\"msgid\":900");
	(void)CLIENT_ASK(operator_open(s), 0, "{\"msgid\":900");
	client_expect(silent, R"({"msgid":100,"of":0,"errno":10,"errmsg":"closed to make room for another operator"})");
	client_expect_end(silent);
	for (test_client *o : all)
		(void)CLIENT_ASK(o, 0, "{\"msgid\":900");
	test_server_wait_log(s, "closed to make room for another operator");
}

static void limits_of_clients_do_not_count_for_operators(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.max_connections", "1");
	test_server_set(s, "core.login_connections", "1");
	test_server_set(s, "core.login_timeout", "100ms");
	test_server_set(s, "core.idle_timeout", "300ms");
	test_server_set(s, "core.rate", "1");
	test_server_set(s, "core.burst", "1");
	test_server_start(s);
	test_client *o = operator_open(s), *c = client_open(s);
	const int64_t since = check_now();

	/* Turned away as a guest: then an operator has been silent for long enough, too. */
	client_expect(c, R"({"errno":3})");
	check_wait("the operator was silent", [since] { return check_now() - since > 500; });
	for (int i = 0; i < 50; i++)
		(void)CLIENT_ASK(o, 0, "{\"msgid\":900");
}

/* ---- a worker that hangs */

/* A client whose request holds worker 1 until the file go is there. The kernel gives connections to workers as it
 * likes: takes one of worker 1. */
static test_client *hang_worker_1(test_server *s, test_client *o, const std::string &go)
{
	test_client *c = nullptr;

	while (!c) {
		test_client *one = client_enter(s, "blocks");
		const test_frame frame =
			CLIENT_ASK(o, 0, "{\"msgid\":902,\"account\":%lld", static_cast<long long>(one->id));
		const cJSON *list = cJSON_GetObjectItem(frame.json.get(), "sessions");

		if (json_integer(cJSON_GetArrayItem(list, 0), "worker") == 1)
			c = one;
	}
	client_sendf(c, R"({"msgid":2000,"req":1,"until":"%s"})", go.c_str());
	check_wait("worker 1 to hang", [s] { return test_server_log(s).find("block hangs") != std::string::npos; });
	return c;
}

static void a_worker_that_hangs_is_named_and_holds_up_no_answer(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string go = s->folder + "/go";

	operator_load_plugin(s, "block");
	test_server_start(s);
	test_client *o = operator_open(s), *other = operator_open(s), *c = hang_worker_1(s, o, go);
	client_sendf(other, R"({"msgid":903,"req":1,"account":1})");
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":901");
	const cJSON *list = cJSON_GetObjectItem(frame.json.get(), "workers");
	assert_true(json_matches(cJSON_GetArrayItem(list, 0), R"({"worker":0,"answers":true})"));
	assert_true(json_matches(cJSON_GetArrayItem(list, 1), R"({"worker":1,"answers":false,"plugin":"block"})"));
	client_expect(other,
	              R"({"of":903,"errno":11,"errmsg":"a worker does not answer, perhaps a plugin holds it up: 1"})");
	(void)CLIENT_ASK(o, 0, "{\"msgid\":900");
	write_text(go, "");
	client_expect(c, R"({"of":2000,"errno":0})");
	the_server_still_works(s);
}

/* Each of the 64 waits for worker 1, so none of them is silent. */
static void while_all_operators_wait_for_an_answer_one_more_is_told_busy(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string go = s->folder + "/go";
	std::vector<test_client *> all;

	operator_load_plugin(s, "block");
	test_server_start(s);
	all.push_back(operator_open(s));
	test_client *c = hang_worker_1(s, all[0], go);
	for (int i = 1; i < 64; i++)
		all.push_back(operator_open(s));
	for (test_client *o : all)
		client_sendf(o, R"({"msgid":903,"req":5,"account":1})");
	check_wait("64 orders", [s] {
		const std::string log = test_server_log(s), order = "order verb=kick";
		int count = 0;

		for (size_t at = log.find(order); at != log.npos; at = log.find(order, at + 1))
			count++;
		return count == 64;
	});
	test_client *more = operator_open(s);
	client_expect(more, R"({"msgid":100,"of":0,"errno":10,"errmsg":"too many operators are connected"})");
	client_expect_end(more);
	for (test_client *o : all)
		client_expect(o, R"({"of":903,"req":5,"errno":11})");
	write_text(go, "");
	client_expect(c, R"({"of":2000,"errno":0})");
}

int main()
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_and_start, tear_down)
#define TEST_NOT_STARTED(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST_NOT_STARTED(only_the_owner_may_open_the_socket),
		TEST(another_user_is_told_and_closed),
		TEST(the_socket_of_a_killed_server_is_replaced),
		TEST(the_socket_of_a_living_server_is_left_alone),
		TEST_NOT_STARTED(a_path_that_cannot_be_a_socket_is_refused),
		TEST_NOT_STARTED(a_check_of_the_configuration_warns_of_a_missing_folder_and_makes_nothing),
		TEST(clients_do_not_see_the_verbs),
		TEST(operators_have_nothing_but_verbs),
		TEST(garbage_ends_only_the_connection_that_sends_it),
		TEST(a_request_may_come_byte_by_byte),
		TEST(ten_thousand_requests_at_once_are_answered_in_order),
		TEST(one_who_never_reads_holds_up_nobody),
		TEST(an_operator_who_leaves_before_the_answer_harms_nothing),
		TEST(of_two_reloads_at_once_each_is_answered),
		TEST(one_more_operator_takes_the_place_of_the_one_that_was_silent_longest),
		TEST_NOT_STARTED(limits_of_clients_do_not_count_for_operators),
		TEST_NOT_STARTED(a_worker_that_hangs_is_named_and_holds_up_no_answer),
		TEST_NOT_STARTED(while_all_operators_wait_for_an_answer_one_more_is_told_busy),
	};

	return cmocka_run_group_tests_name("control_attack", tests, nullptr, nullptr);
}
