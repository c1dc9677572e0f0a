/* SPDX-License-Identifier: MIT
 * Tests core.output_memory on a real server with clients that do not read: logins are refused, then those who have most
 * unread are closed, and nothing is lost. */
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const int messages = 25;
static const size_t message_size = 8000;

static int64_t figure(const test_server *s, const std::string &name)
{
	const std::string page = http_get(admin_port(s), "/metrics");
	const size_t at = page.find("\n" + name + " ");

	assert_int_not_equal(at, std::string::npos);
	return atoll(page.c_str() + at + name.size() + 2);
}

static int64_t unsent(const test_server *s)
{
	return figure(s, "chatserverd_unsent_bytes");
}

static void reload(test_server *s, int64_t output_memory)
{
	const std::string done = "configuration reloaded";
	const size_t before = test_server_log(s).rfind(done);

	test_server_set(s, "core.output_memory", std::to_string(output_memory));
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	check_wait("the reload", [&] {
		const size_t last = test_server_log(s).rfind(done);

		return last != std::string::npos && (before == std::string::npos || last > before);
	});
}

/* The same device of ann, which has a small window and asks for its history again and again without reading it. */
static test_client *slow_reader(test_server *s, int64_t ann, int device, int questions)
{
	test_client *c = client_open(s, 4096);

	client_login(c, ann, check_format(",\"rosters\":false,\"device\":\"d%d\"", device));
	for (int i = 0; i < questions; i++)
		client_sendf(c, "{\"msgid\":105,\"id\":%lld,\"peer\":%lld,\"limit\":200,\"req\":%d}",
		             static_cast<long long>(ann), static_cast<long long>(ann), i + 1);
	return c;
}

/* Until it has been the same for a while. */
static int64_t settled_unsent(const test_server *s)
{
	int64_t last = -1, same = 0;

	check_wait("nothing more is queued", [&] {
		const int64_t now = unsent(s);

		same = now == last ? same + 1 : 0;
		last = now;
		check_sleep_ms(20);
		return now > 0 && same == 10;
	});
	return last;
}

static test_frame try_login(test_server *s, int64_t account)
{
	test_client *c = client_open(s);

	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", static_cast<long long>(account));
	return client_read(c);
}

static void clients_that_do_not_read_cannot_take_all_memory(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> slow;

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.output_memory", "0");
	test_server_set(s, "core.output_soft", "1M");
	test_server_set(s, "core.output_hard", "16M");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	for (int i = 0; i < messages; i++)
		assert_int_equal(client_chat_safely(ann, ann->id, std::string(message_size, 'x')), i + 1);
	(void)client_read_all(ann);
	assert_int_equal(unsent(s), 0);
	/* The first one has least unread. */
	for (int i = 0; i < 4; i++)
		slow.push_back(slow_reader(s, ann->id, i, i == 0 ? 4 : 40));
	const int64_t all = settled_unsent(s);

	print_message("unsent: %lld\n", static_cast<long long>(all));
	reload(s, all * 11 / 10);
	const test_frame refused = try_login(s, bob);
	assert_true(json_matches(refused.json.get(), "{\"msgid\":2,\"errno\":10,\"errmsg\":\"this node is busy; try "
	                                             "again later\"}"));
	assert_int_equal(figure(s, "chatserverd_logins_refused_total"), 1);
	client_expect_quiet(ann);
	assert_in_range(unsent(s), all * 9 / 10, all);

	reload(s, all * 8 / 10);
	check_wait("somebody is closed", [s, all] { return unsent(s) <= all * 8 / 10; });
	test_server_wait_log(s, "slow readers are closed");
	assert_in_range(figure(s, "chatserverd_connections_closed_total{transport=\"plain\",reason=\"output_memory\"}"),
	                1, 2);
	/* Whose output is small stays, and so does who reads. */
	client_expect_quiet(ann);
	for (int i = 1; i <= 4; i++)
		assert_int_equal(client_read_answer(slow[0], i).json ? 1 : 0, 1);

	/* Nothing is lost: whoever was closed comes back and reads. */
	reload(s, 512 << 20);
	for (int i = 1; i < 4; i++) {
		test_client *c = client_open(s);

		client_login(c, ann->id, check_format(",\"rosters\":false,\"device\":\"d%d\"", i));
		const test_frame page = CLIENT_ASK(c, 0, "{\"msgid\":105,\"id\":%lld,\"peer\":%lld,\"limit\":200",
		                                   static_cast<long long>(ann->id), static_cast<long long>(ann->id));
		assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page.json.get(), "messages")), messages);
	}
	check_wait("the account is even", [s] { return unsent(s) == 0; });
	assert_int_equal(json_integer(try_login(s, bob).json.get(), "errno"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(clients_that_do_not_read_cannot_take_all_memory, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
