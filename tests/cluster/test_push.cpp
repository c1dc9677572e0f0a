/* SPDX-License-Identifier: MIT
 * Tests that of two nodes one does the work of the plugin push, and the other one goes on when it has died. With
 * CS_LONG=1 also that of notices. */
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "../../plugins/push/sign.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/operator.h"
#include "tests/support/receiver.h"

static int set_up(void **state)
{
	cluster *c = cluster_new(2);

	cluster_set(c, "push.away", "yes");
	cluster_set(c, "push.allow", "127.0.0.1");
	cluster_set(c, "push.allow_away", "127.0.0.1");
	cluster_set(c, "push.lookout", "200ms");
	cluster_set(c, "push.backoff_min", "50ms");
	cluster_set(c, "push.backoff_max", "500ms");
	cluster_set(c, "push.delay", "1s");
	cluster_set(c, "mailbox.cursor_flush", "20ms");
	for (const cluster_node &node : c->nodes)
		operator_allow(node.server);
	cluster_start(c);
	*state = c;
	return 0;
}

/* A node's place in Redis is good for 10 s, its hold of what was said for 20 s. */
template <class Condition> static void wait_long(const char *what, Condition condition)
{
	const int64_t end = check_now() + 40000 * check_patience_factor();

	while (!condition()) {
		if (check_now() > end)
			check_fail(std::source_location::current(), "waited in vain: %s", what);
		check_sleep_ms(20);
	}
}

static bool serves(const cluster *c, size_t place)
{
	return test_server_log(c->nodes[place].server).find("a bot is served here") != std::string::npos;
}

/* The seqs of all requests that came; *secret signs them. */
static std::vector<int64_t> seqs_of(receiver *hook, const std::string &secret)
{
	std::vector<int64_t> seqs;

	for (const receiver_request &request : receiver_wait(hook, "/bot", 0)) {
		const json_ptr document(cJSON_Parse(request.body.c_str()));
		const std::string signature = request.headers.at("chatserverd-signature");
		const cJSON *frame = nullptr;

		assert_string_equal(sign_header(secret, std::atoll(signature.c_str() + 2), request.body).c_str(),
		                    signature.c_str());
		cJSON_ArrayForEach(frame, cJSON_GetObjectItem(document.get(), "frames"))
			seqs.push_back(json_integer(frame, "seq"));
	}
	return seqs;
}

static void expect_in_order(const std::vector<int64_t> &seqs, int64_t last)
{
	int64_t next = 1;

	for (const int64_t seq : seqs) {
		assert_true(seq <= next);
		next = std::max(next, seq + 1);
	}
	assert_int_equal(next, last + 1);
}

static void one_node_serves_a_bot_and_the_other_goes_on_when_it_has_died(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	receiver *hook = receiver_new();
	test_client *op = operator_open(c->nodes[0].server);
	const test_frame added = CLIENT_ASK(op, 0, "{\"msgid\":960,\"name\":\"bot\",\"url\":%s",
	                                    json_quote(receiver_url(hook, "/bot")).c_str());
	const int64_t id = json_integer(added.json.get(), "account");
	const std::string secret = json_text(added.json.get(), "secret");

	check_wait("a node that serves the bot", [c] { return serves(c, 0) || serves(c, 1); });
	const size_t first = serves(c, 0) ? 0 : 1, second = 1 - first;
	test_client *ann = client_enter(c->nodes[second].server, "ann");
	for (int i = 1; i <= 30; i++)
		client_chat_safely(ann, id, std::to_string(i));
	check_wait("the messages", [&] {
		const std::vector<int64_t> seqs = seqs_of(hook, secret);

		return !seqs.empty() && seqs.back() == 30;
	});
	assert_int_equal(seqs_of(hook, secret).size(), 30);
	assert_false(serves(c, second));
	receiver_will(hook, "/bot", {{.act = RECEIVER_HOLDS}});
	client_chat_safely(ann, id, "31");
	check_wait("a request under way", [&] { return seqs_of(hook, secret).back() == 31; });
	cluster_kill_node(c, first);
	receiver_release(hook);
	for (int i = 32; i <= 60; i++)
		client_chat_safely(ann, id, std::to_string(i));
	wait_long("the messages", [&] { return seqs_of(hook, secret).back() == 60; });
	expect_in_order(seqs_of(hook, secret), 60);
	assert_true(serves(c, second));
	receiver_free(hook);
}

static void a_notice_comes_from_the_other_node_when_the_first_has_died(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	receiver *hook = receiver_new();
	test_client *ann = client_enter(c->nodes[0].server, "ann"), *bob = client_enter(c->nodes[1].server, "bob");
	const long long to = bob->id;

	CLIENT_ASK(bob, 0, "{\"msgid\":170,\"id\":%lld,\"url\":%s", to, json_quote(receiver_url(hook, "/bob")).c_str());
	client_close(bob);
	client_chat_safely(ann, to, "are you there?");
	cluster_kill_node(c, 0);
	wait_long("the notice", [hook] { return receiver_count(hook, "/bob") > 0; });
	check_sleep_ms(2000);
	assert_int_equal(receiver_count(hook, "/bob"), 1);
	receiver_free(hook);
}

#define PUSH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, cluster_teardown)

int main()
{
	const CMUnitTest tests[] = {
		PUSH_TEST(one_node_serves_a_bot_and_the_other_goes_on_when_it_has_died),
	};
	/* It waits until the other node counts as dead. */
	const CMUnitTest long_tests[] = {
		PUSH_TEST(a_notice_comes_from_the_other_node_when_the_first_has_died),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return cluster_is_long() ? failed + cmocka_run_group_tests(long_tests, nullptr, nullptr) : failed;
}
