/* SPDX-License-Identifier: MIT
 * Tests that one node of a cluster at a time has the session of a plugin and tells a follower, and that another one
 * goes on when that node is killed; tests/plugin/sink.c and told.c note what comes. */
#include <algorithm>
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/operator.h"

/* The bot is the first account of the database. */
static constexpr int64_t bot = 1;

static std::vector<std::string> lines_of(const test_server *s, const char *name)
{
	const std::string text = check_read_file(s->folder + name);
	std::vector<std::string> lines;

	for (size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1)
		lines.push_back(text.substr(at, end - at));
	return lines;
}

static bool has_session(const test_server *s)
{
	const std::vector<std::string> lines = lines_of(s, "/frames");
	const auto opened = std::count(lines.begin(), lines.end(), "! opened");

	return opened > std::count(lines.begin(), lines.end(), "! closed");
}

static std::vector<int64_t> seqs_of(const test_server *s)
{
	std::vector<int64_t> seqs;

	for (const std::string &line : lines_of(s, "/frames")) {
		const json_ptr json(cJSON_Parse(line.c_str()));

		if (json && json_integer(json.get(), "msgid") == CS_MSGID_CHAT)
			seqs.push_back(json_integer(json.get(), "seq"));
	}
	return seqs;
}

/* Waits longer than for a claim: the lease of a dead node ends first. */
template <class Condition> static void wait_long(const char *what, Condition condition)
{
	const int64_t end = check_now() + 40000 * check_patience_factor();

	while (!condition()) {
		if (check_now() > end)
			check_fail(std::source_location::current(), "waited in vain: %s", what);
		check_sleep_ms(20);
	}
}

static int set_up(void **state)
{
	cluster *c = cluster_new(2);

	for (const cluster_node &node : c->nodes) {
		operator_load_plugin(node.server, "sink");
		operator_load_plugin(node.server, "told");
		test_server_set(node.server, "sink.account", std::to_string(bot));
		test_server_set(node.server, "sink.file", node.server->folder + "/frames");
		test_server_set(node.server, "told.file", node.server->folder + "/told");
	}
	cluster_set(c, "sink.confirm", "no");
	cluster_set(c, "told.confirm", "no");
	cluster_start(c);
	assert_int_equal(client_absent(c->nodes[0].server, "bot"), bot);
	*state = c;
	return 0;
}

/* Nothing is confirmed, so all must come to the other node. */
static void another_node_gets_the_session_of_a_killed_one_and_all_that_was_not_confirmed(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_server *first = c->nodes[0].server, *second = c->nodes[1].server;

	check_wait("one node has the session", [=] { return has_session(first) || has_session(second); });
	const size_t place = has_session(first) ? 0 : 1;
	test_server *owner = c->nodes[place].server, *other = c->nodes[1 - place].server;
	test_client *ann = client_enter(other, "ann"), *bob = client_enter(owner, "bob");

	for (int i = 1; i <= 50; i++) {
		assert_int_equal(client_chat_safely(ann, bot, "x"), i);
		assert_int_equal(client_chat_safely(bob, bot, "x"), i);
	}
	check_wait("all came", [=] { return seqs_of(owner).size() >= 100; });
	assert_false(has_session(other));
	assert_int_equal(seqs_of(other).size(), 0);
	cluster_kill_node(c, place);
	wait_long("the other node has the session", [=] { return has_session(other); });
	assert_int_equal(client_chat_safely(ann, bot, "y"), 51);
	check_wait("all came again", [=] { return seqs_of(other).size() >= 101; });
	std::vector<int64_t> seqs = seqs_of(other);

	assert_int_equal(seqs.size(), 101);
	std::sort(seqs.begin(), seqs.end());
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(seqs[i], i / 2 + 1);

	/* Of both conversations the follower of the other node hears now, whoever has told them before. */
	wait_long("the follower was told", [=] {
		std::map<std::string, std::set<std::string>> told;

		for (const std::string &line : lines_of(other, "/told")) {
			const size_t at = line.find(' ');

			told[line.substr(0, at)].insert(line.substr(at + 1, line.find(' ', at + 1) - at - 1));
		}
		return told.size() >= 2 &&
		       std::all_of(told.begin(), told.end(), [](const auto &each) { return each.second.size() >= 50; });
	});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			another_node_gets_the_session_of_a_killed_one_and_all_that_was_not_confirmed, set_up,
			cluster_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
