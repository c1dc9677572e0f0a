/* SPDX-License-Identifier: MIT
 * Tests the phases of a drain: a grace in which the server still takes clients, the telling that is spread over a time,
 * and the answers to HAProxy's agent-check meanwhile. */
#include <algorithm>
#include <csignal>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/notify_socket.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"
#include <base/raii.h>

static std::string ready(const test_server *s)
{
	const std::string text = http_get(admin_port(s), "/readyz");

	return text.substr(std::min(text.size(), text.find("\r\n\r\n") + 4));
}

static void in_the_grace_clients_come_and_work_as_ever(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.drain_grace", "1h");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	test_server_signal(s, SIGTERM);
	test_server_wait_log(s, "draining why=SIGTERM");
	assert_string_equal(ready(s).c_str(), "draining\n");
	test_client *bob = client_enter(s, "bob");
	client_chat_safely(ann, bob->id, "hello");
	client_expect(bob, "{\"msgid\":6,\"msg\":\"hello\"}");
	client_expect_quiet(ann);
}

static void after_the_grace_all_are_told_to_go(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.drain_grace", "500ms");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *guest = client_open(s);
	client_expect_quiet(guest);
	const int64_t begun = check_now();
	test_server_signal(s, SIGTERM);
	for (test_client *c : {ann, guest}) {
		client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":13}");
		client_expect_end(c);
	}
	assert_in_range(check_now() - begun, 500, INT64_MAX);
	assert_int_equal(test_server_wait(s, 20000), 0);
}

static void a_second_signal_ends_it_also_in_the_grace(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.drain_grace", "1h");
	test_server_start(s);
	client_enter(s, "ann");
	test_server_signal(s, SIGTERM);
	test_server_wait_log(s, "draining");
	check_wait("the end", [s] {
		test_server_signal(s, SIGTERM);
		return test_server_log(s).find("stopping at once") != std::string::npos;
	});
	assert_int_equal(test_server_wait(s, 20000), 1);
}

struct spread_world {
	std::vector<test_client *> left;
	std::vector<int64_t> told; /* when each was told, after the signal */
	std::set<int64_t> delays;
	size_t worked = 0; /* requests that were answered after the signal */
};

/* true: it was told to go. */
static bool ask_or_take(spread_world *w, test_client *c, int64_t begun)
{
	const std::string own = check_format("{\"msgid\":102,\"req\":%lld}\n", (long long)c->next_req++);
	test_frame frame;

	(void)client_try_send(c, own);
	while (client_try_read(c, &frame, 1)) {
		w->worked += json_matches(frame.json.get(), "{\"msgid\":100,\"errno\":0}");
		if (!json_matches(frame.json.get(), "{\"msgid\":100,\"of\":0,\"errno\":13}"))
			continue;
		w->told.push_back(check_now() - begun);
		w->delays.insert(json_integer(frame.json.get(), "delay"));
		return true;
	}
	return false;
}

/* Whether the clients were seen to be told over the time, not together. */
static bool telling_was_spread(test_server *s, size_t count)
{
	spread_world w;

	test_server_start(s);
	for (size_t i = 0; i < count; i++) {
		w.left.push_back(client_open(s));
		client_expect_quiet(w.left.back());
	}
	const int64_t begun = check_now();
	test_server_signal(s, SIGTERM);
	while (!w.left.empty() && check_now() - begun < check_patience_ms())
		std::erase_if(w.left, [&](test_client *c) { return ask_or_take(&w, c, begun); });
	assert_int_equal(test_server_wait(s, 20000), 0);
	assert_int_equal(w.told.size(), count);
	assert_true(w.delays.size() > count / 3 && *w.delays.begin() >= 0 && *w.delays.rbegin() < 1000);
	s->clients.clear();
	return w.worked > 0 && w.told.back() - w.told.front() >= 600 &&
	       w.told[count * 3 / 4] - w.told[count / 4] >= 250;
}

/* A busy machine may let the test see all at once; so it may try again. */
static void telling_is_spread_and_who_was_not_told_works_on(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	bool was_spread = false;

	test_server_set(s, "core.drain_spread", "1s");
	for (int i = 0; i < 5 && !was_spread; i++)
		was_spread = telling_was_spread(s, 20);
	assert_true(was_spread);
}

static void who_waits_for_an_answer_gets_it_before_its_connection_ends(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	const std::string go = s->folder + "/go";

	operator_load_plugin(s, "block");
	test_server_set(s, "core.drain_delay", "0");
	test_server_set(s, "core.drain_timeout", "60s");
	test_server_start(s);
	test_client *slow = client_open(s), *idle = client_open(s);
	client_expect_quiet(idle);
	client_sendf(slow, R"({"msgid":2001,"req":7,"until":"%s"})", go.c_str());
	test_server_wait_log(s, "block waits");
	test_server_signal(s, SIGTERM);
	client_expect(idle, R"({"msgid":100,"of":0,"errno":13,"delay":null})");
	client_expect_end(idle);
	client_expect(slow, R"({"msgid":100,"of":0,"errno":13})");
	const unique_fd made(open(go.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_true(made.fd != -1);
	client_expect(slow, R"({"msgid":100,"of":2001,"req":7,"errno":0})");
	client_expect_end(slow);
	assert_int_equal(test_server_wait(s, 60000), 0);
}

static void the_service_manager_gives_time_for_all_phases(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = s->folder + "/notify";
	const unique_fd fd(open_notify_socket(path));

	test_server_set(s, "core.drain_grace", "100ms");
	test_server_set(s, "core.drain_spread", "200ms");
	test_server_set(s, "core.drain_timeout", "5s");
	s->environment.push_back("NOTIFY_SOCKET=" + path);
	test_server_launch(s);
	assert_true(wait_notification(fd.fd, "READY=1"));
	test_server_stop(s);
	assert_true(wait_notification(fd.fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=8300000"));
}

/* ---- the agent */

static unique_fd agent_call(uint16_t port)
{
	unique_fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const struct timeval patience = {static_cast<time_t>(check_patience_ms() / 1000), 0};
	struct sockaddr_in address {};

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd.fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
		fd = unique_fd(-1);
	return fd;
}

/* Up to the end of the connection. */
static std::string agent_read(const unique_fd &fd)
{
	std::string text;
	char bytes[256];

	for (ssize_t n; (n = recv(fd.fd, bytes, sizeof bytes, 0)) > 0;)
		text.append(bytes, static_cast<size_t>(n));
	return text;
}

static void the_agent_answers_many_and_silent_and_talking_peers(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = test_free_port();
	std::vector<unique_fd> silent;

	test_server_set(s, "core.agent", "127.0.0.1:" + std::to_string(port));
	test_server_set(s, "core.drain_grace", "1h");
	test_server_start(s);
	const size_t files = test_server_open_files(s);
	for (int i = 0; i < 300; i++) {
		silent.push_back(agent_call(port));
		assert_int_not_equal(silent.back().fd, -1);
	}
	const unique_fd talking = agent_call(port);
	(void)send(talking.fd, "hello\n", 6, MSG_NOSIGNAL);
	assert_string_equal(agent_read(talking).c_str(), "up 100%\n");
	for (const unique_fd &fd : silent)
		assert_string_equal(agent_read(fd).c_str(), "up 100%\n");
	/* Who never closes its side is let go. */
	check_wait("the descriptors", [&] { return test_server_open_files(s) <= files; });
	test_server_signal(s, SIGTERM);
	test_server_wait_log(s, "draining");
	assert_string_equal(agent_read(agent_call(port)).c_str(), "up 0% #draining\n");
}

static void an_agent_without_an_address_of_its_own_is_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.listen", "127.0.0.1:6000");
	test_server_set(s, "core.admin", "127.0.0.1:6001");
	for (const auto &[address, text] : {std::pair("127.0.0.1:6000", "127.0.0.1:6000 is an address of core.listen"),
	                                    std::pair("127.0.0.1:6001", "127.0.0.1:6001 is an address of core.admin"),
	                                    std::pair("localhost:6002", "names are not looked up")}) {
		test_server_set(s, "core.agent", address);
		test_server_write_conf(s);
		const test_run run = test_server_run(s, {"-t", "-c", s->folder + "/chat.conf"});

		assert_int_equal(run.status, 1);
		if (run.err.find(text) == std::string::npos)
			check_fail(test_at::current(), "%s", run.err.c_str());
	}
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(in_the_grace_clients_come_and_work_as_ever),
		OWN_SERVER(after_the_grace_all_are_told_to_go),
		OWN_SERVER(a_second_signal_ends_it_also_in_the_grace),
		OWN_SERVER(telling_is_spread_and_who_was_not_told_works_on),
		OWN_SERVER(who_waits_for_an_answer_gets_it_before_its_connection_ends),
		OWN_SERVER(the_service_manager_gives_time_for_all_phases),
		OWN_SERVER(the_agent_answers_many_and_silent_and_talking_peers),
		OWN_SERVER(an_agent_without_an_address_of_its_own_is_refused),
	};

	return cmocka_run_group_tests_name("drain", tests, nullptr, nullptr);
}
