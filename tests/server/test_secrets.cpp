/* SPDX-License-Identifier: MIT
 * Tests that neither the memory of the server nor a core dump keeps the passwords and tokens of clients. */
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using wide = long long;

/* ---- looking into the memory of another process */

/* Mappings longer than this are the shadow of a sanitizer. */
static const uint64_t most_mapping = UINT64_C(4) << 30;

static bool piece_has(int memory, uint64_t from, uint64_t end, const std::string &text)
{
	std::vector<char> bytes(1 << 20);
	size_t kept = 0;

	while (from < end) {
		const size_t wanted = std::min<uint64_t>(bytes.size() - kept, end - from);
		const ssize_t got = pread(memory, bytes.data() + kept, wanted, (off_t)from);

		if (got <= 0)
			return false;
		from += (uint64_t)got;
		if (memmem(bytes.data(), kept + (size_t)got, text.data(), text.size()))
			return true;
		const size_t all = kept + (size_t)got;
		kept = std::min(all, text.size() - 1);
		memmove(bytes.data(), bytes.data() + all - kept, kept);
	}
	return false;
}

/* The mapping that has the text; "" if none has it. */
static std::string memory_has(pid_t pid, const std::string &text)
{
	const std::string maps = check_read_file(check_format("/proc/%d/maps", (int)pid));
	const int memory = open(check_format("/proc/%d/mem", (int)pid).c_str(), O_RDONLY | O_CLOEXEC);
	std::string found;

	assert_true(memory >= 0);
	for (size_t at = 0; at < maps.size() && found.empty(); at = maps.find('\n', at) + 1) {
		const std::string line = maps.substr(at, maps.find('\n', at) - at);
		uint64_t from = 0, end = 0;
		char rights[8] = "";

		assert_int_equal(sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %7s", &from, &end, rights), 3);
		if (rights[0] == 'r' && end - from < most_mapping && line.find("[v") == line.npos &&
		    piece_has(memory, from, end, text))
			found = line;
	}
	close(memory);
	return found;
}

/* The client has its answer before the server has wiped it. */
static void expect_forgotten(const test_server *s, const std::string &text)
{
	const int64_t end = check_now() + check_soon_ms();
	std::string where;

	while (!(where = memory_has(s->pid, text)).empty() && check_now() < end)
		check_sleep_ms(20);
	if (!where.empty())
		check_fail(std::source_location::current(), "the secret %s is in %s", text.c_str(), where.c_str());
}

/* ---- logins */

static test_frame login(test_client *c, const std::string &who, const std::string &proof, const std::string &more = "")
{
	client_send(c, R"({"msgid":1,)" + who + "," + proof + more + "}");
	return client_expect(c, R"({"msgid":2})");
}

static std::string enroll(test_server *s, const char *stem, const std::string &password)
{
	const std::string name = client_new_name(stem);
	test_client *c = client_open(s);

	client_send(c, R"({"msgid":4,"name":")" + name + R"(","password":")" + password + R"("})");
	client_expect(c, R"({"msgid":5,"errno":0})");
	client_close(c);
	return R"("name":")" + name + R"(")";
}

static std::string quoted(const std::string &key, const std::string &text)
{
	return '"' + key + R"(":")" + text + '"';
}

static void the_test_finds_what_the_memory_holds(void **state)
{
	const test_server *s = (test_server *)*state;

	assert_false(memory_has(s->pid, s->folder + "/chat.db").empty());
}

static void a_password_is_forgotten_when_the_request_was_answered(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string right = "correct-horse-battery", wrong = "Tr0ub4dor&3-wrong-one";
	const std::string who = enroll(s, "ann", right);

	expect_forgotten(s, right);
	for (const std::string &password : {wrong, right}) {
		test_client *c = client_open(s);

		login(c, who, quoted("password", password));
		expect_forgotten(s, password);
	}
}

static void a_short_password_is_forgotten(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string password = "q7#Zk2!x";
	const std::string who = enroll(s, "ann", password);

	login(client_open(s), who, quoted("password", password));
	expect_forgotten(s, password);
}

/* Each way takes other memory: a text with escapes, a frame of many pieces, a long one, one with others behind it. */
static void a_password_is_forgotten_however_the_frame_came(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string password = "one-two-three-four-5";
	const std::string who = enroll(s, "ann", password);
	test_client *escaped = client_open(s), *slow = client_open(s), *big = client_open(s), *fast = client_open(s);

	login(escaped, who, R"("password":"one-two-three-four-\u0035")", R"(,"device":"escaped")");
	client_send_bytewise(slow,
	                     R"({"msgid":1,)" + who + "," + quoted("password", password) + R"(,"device":"slow"})");
	client_expect(slow, R"({"msgid":2})");
	login(big, who, quoted("password", password),
	      R"(,"device":"big",)" + quoted("unknown", std::string(9000, 'x')));
	client_send(fast, R"({"msgid":1,"req":2,"device":"fast",)" + who + "," + quoted("password", password) +
	                          R"(}{"msgid":102,"req":3}{"msgid":1,"req":4,)" + who + "," +
	                          quoted("password", password) + "}");
	client_expect(fast, R"({"req":2,"errno":0})");
	client_expect(fast, R"({"req":3,"errno":0})");
	client_expect(fast, R"({"req":4})");
	expect_forgotten(s, password);
	expect_forgotten(s, R"(four-\u0035)");
}

static void half_a_login_is_forgotten_with_its_connection(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string password = "never-to-be-finished-1";
	test_client *c = client_open(s);

	client_send(c, R"({"msgid":1,"id":1,"password":")" + password + R"(","x":)");
	check_wait("the bytes", [&] { return !memory_has(s->pid, password).empty(); });
	client_reset(c);
	expect_forgotten(s, password);
}

static void a_token_is_forgotten(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string who = enroll(s, "ann", "the-first-password-1");
	const test_frame ack = login(client_open(s), who, quoted("password", "the-first-password-1"),
	                             R"(,"device":"phone","remember":true)");
	const std::string token = json_text(ack.json.get(), "token");

	assert_true(token.size() > 40);
	expect_forgotten(s, token);
	login(client_open(s), who, quoted("token", token), R"(,"device":"phone")");
	expect_forgotten(s, token);
}

static void set_password_leaves_neither_password_nor_token(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string before = "the-first-password-2", after = "the-second-password-2";
	const std::string who = enroll(s, "ann", before);
	test_client *c = client_open(s);

	const test_frame ack = login(c, who, quoted("password", before), R"(,"device":"phone","remember":true)");
	client_send(c, check_format(R"({"msgid":112,"req":7,"id":%lld,)", (wide)json_integer(ack.json.get(), "id")) +
	                       quoted("old", before) + "," + quoted("new", after) + "}");
	const test_frame answer = client_expect(c, R"({"req":7,"errno":0})");
	const std::string token = json_text(answer.json.get(), "token");

	assert_true(token.size() > 40);
	for (const std::string &secret : {before, after, token})
		expect_forgotten(s, secret);
}

/* ---- core dumps */

/* Whether an abort of a server with this option leaves a core dump, where the system allows any size. */
static bool dumps_core(test_server *s, const char *option)
{
	const char *const build = getenv("CS_BUILD");
	char *const program = realpath(((build ? build : "build") + std::string("/chatserverd")).c_str(), nullptr);
	int status = 0;

	test_server_set(s, "core.core_dump", option);
	test_server_write_conf(s);
	(void)unlink((s->folder + "/log").c_str());
	const pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
		const std::string conf = s->folder + "/chat.conf";
		const int log = open((s->folder + "/log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setrlimit(RLIMIT_CORE, &all);
		(void)dup2(log, STDERR_FILENO);
		if (chdir(s->folder.c_str()) == 0)
			execl(program, program, "-c", conf.c_str(), nullptr);
		_exit(127);
	}
	free(program);
	check_wait("ready",
	           [&] { return check_read_file(s->folder + "/log").find("ready node=") != std::string::npos; });
	kill(pid, SIGABRT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WCOREDUMP(status);
}

/* A sanitizer in the server forbids core dumps, too. */
static void a_crash_leaves_no_core_dump_unless_core_dump_says_so(void **state)
{
	test_server *s = (test_server *)*state;

	assert_false(dumps_core(s, ""));
	assert_false(dumps_core(s, "no"));
	if (check_patience_factor() > 1)
		return;
	assert_true(dumps_core(s, "yes"));
	assert_true(check_read_file(s->folder + "/log").find("a crash may leave a core dump") != std::string::npos);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_test_finds_what_the_memory_holds, test_server_close_clients),
		cmocka_unit_test_teardown(a_password_is_forgotten_when_the_request_was_answered,
	                                  test_server_close_clients),
		cmocka_unit_test_teardown(a_short_password_is_forgotten, test_server_close_clients),
		cmocka_unit_test_teardown(a_password_is_forgotten_however_the_frame_came, test_server_close_clients),
		cmocka_unit_test_teardown(half_a_login_is_forgotten_with_its_connection, test_server_close_clients),
		cmocka_unit_test_teardown(a_token_is_forgotten, test_server_close_clients),
		cmocka_unit_test_teardown(set_password_leaves_neither_password_nor_token, test_server_close_clients),
		cmocka_unit_test_setup_teardown(a_crash_leaves_no_core_dump_unless_core_dump_says_so, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
