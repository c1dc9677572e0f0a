/* SPDX-License-Identifier: MIT
 * Tests with a real server that a plugin can hold a session that is no client's socket: tests/plugin/sink.c notes what
 * comes in a file. */
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

struct stage {
	test_server *server = nullptr;
	int64_t bot = 0;
};

static struct stage *stage_of(void **state)
{
	return static_cast<struct stage *>(*state);
}

static std::string file_of(const test_server *s)
{
	return s->folder + "/frames";
}

static std::vector<std::string> lines_of(const test_server *s)
{
	std::vector<std::string> lines;
	const std::string text = check_read_file(file_of(s));

	for (size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1)
		lines.push_back(text.substr(at, end - at));
	return lines;
}

/* The seqs of the messages that came, in their order. */
static std::vector<int64_t> seqs_of(const test_server *s)
{
	std::vector<int64_t> seqs;

	for (const std::string &line : lines_of(s)) {
		const json_ptr json(cJSON_Parse(line.c_str()));

		if (json && json_integer(json.get(), "msgid") == CS_MSGID_CHAT)
			seqs.push_back(json_integer(json.get(), "seq"));
	}
	return seqs;
}

static size_t count_of(const test_server *s, const std::string &wanted)
{
	const std::vector<std::string> lines = lines_of(s);

	return static_cast<size_t>(std::count(lines.begin(), lines.end(), wanted));
}

static void expect_seqs(const test_server *s, int64_t first, int64_t last)
{
	const std::vector<int64_t> seqs = seqs_of(s);

	assert_int_equal(seqs.size(), last - first + 1);
	for (size_t i = 0; i < seqs.size(); i++)
		assert_int_equal(seqs[i], first + static_cast<int64_t>(i));
}

static void wait_opened(const test_server *s, size_t count)
{
	check_wait("the plugin has its session", [=] { return count_of(s, "! opened") >= count; });
}

static void wait_messages(const test_server *s, size_t count)
{
	check_wait("the messages came", [=] { return seqs_of(s).size() >= count; });
}

static void start(struct stage *t, const char *confirm = "yes", const char *reads = "yes")
{
	test_server_set(t->server, "sink.confirm", confirm);
	test_server_set(t->server, "sink.reads", reads);
	test_server_start(t->server);
}

static int set_up(void **state)
{
	auto t = std::make_unique<struct stage>();
	void *server = nullptr;

	(void)test_server_setup(&server);
	t->server = static_cast<test_server *>(server);
	operator_load_plugin(t->server, "sink");
	operator_allow(t->server);
	test_server_set(t->server, "sink.file", file_of(t->server));
	test_server_start(t->server);
	t->bot = client_absent(t->server, "bot");
	test_server_stop(t->server);
	test_server_set(t->server, "sink.account", std::to_string(t->bot));
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<struct stage> t(stage_of(state));
	void *server = t->server;

	return test_server_teardown(&server);
}

static void messages_come_in_order_and_what_was_confirmed_never_again(void **state)
{
	struct stage *t = stage_of(state);

	start(t);
	wait_opened(t->server, 1);
	test_client *ann = client_enter(t->server, "ann");
	for (int i = 1; i <= 600; i++)
		client_chat(ann, t->bot, std::to_string(i));
	wait_messages(t->server, 600);
	expect_seqs(t->server, 1, 600);
	test_server_stop(t->server);
	start(t);
	wait_opened(t->server, 2);
	ann = client_return(t->server, ann->id);
	assert_int_equal(client_chat_safely(ann, t->bot, "one more"), 601);
	wait_messages(t->server, 601);
	expect_seqs(t->server, 1, 601);
}

static void what_was_not_confirmed_comes_again_after_a_crash(void **state)
{
	struct stage *t = stage_of(state);

	start(t, "no");
	wait_opened(t->server, 1);
	test_client *ann = client_enter(t->server, "ann");
	for (int i = 1; i <= 10; i++)
		client_chat_safely(ann, t->bot, std::to_string(i));
	wait_messages(t->server, 10);
	test_server_kill(t->server);
	(void)remove(file_of(t->server).c_str());
	start(t);
	wait_messages(t->server, 10);
	ann = client_return(t->server, ann->id);
	assert_int_equal(client_chat_safely(ann, t->bot, "11"), 11);
	wait_messages(t->server, 11);
	expect_seqs(t->server, 1, 11);
	/* What confirms is written within mailbox.cursor_flush. */
	test_server_stop(t->server);
	(void)remove(file_of(t->server).c_str());
	start(t);
	wait_opened(t->server, 1);
	ann = client_return(t->server, ann->id);
	assert_int_equal(client_chat_safely(ann, t->bot, "12"), 12);
	wait_messages(t->server, 1);
	expect_seqs(t->server, 12, 12);
}

static void at_most_256_messages_are_on_their_way_unconfirmed(void **state)
{
	struct stage *t = stage_of(state);

	start(t, "no");
	wait_opened(t->server, 1);
	test_client *ann = client_enter(t->server, "ann"), *bob = client_enter(t->server, "bob");
	for (int i = 1; i <= 300; i++)
		client_chat(ann, t->bot, std::to_string(i));
	wait_messages(t->server, 256);
	client_chat_safely(ann, bob->id, "all of them are stored");
	(void)client_read(bob);
	expect_seqs(t->server, 1, 256);
	test_server_stop(t->server);
	(void)remove(file_of(t->server).c_str());
	start(t);
	wait_messages(t->server, 300);
	expect_seqs(t->server, 1, 300);
}

static void a_plugin_that_does_not_read_holds_up_nobody(void **state)
{
	struct stage *t = stage_of(state);
	const std::string text(4000, 'x');

	start(t, "no", "no");
	wait_opened(t->server, 1);
	test_client *ann = client_enter(t->server, "ann"), *bob = client_enter(t->server, "bob");
	for (int i = 1; i <= 1000; i++)
		client_chat(ann, t->bot, text);
	for (int i = 1; i <= 50; i++) {
		client_chat_safely(ann, bob->id, "hi");
		(void)client_read(bob);
	}
	assert_int_equal(client_chat_safely(ann, t->bot, "last"), 1001);
	assert_true(test_server_resident_kib(t->server) < 200 * 1024 * check_patience_factor());
	test_server_stop(t->server);
	start(t);
	wait_messages(t->server, 1001);
	expect_seqs(t->server, 1, 1001);
}

static void a_drain_tells_it_and_ends_it(void **state)
{
	struct stage *t = stage_of(state);

	start(t);
	wait_opened(t->server, 1);
	test_server_stop(t->server);
	const std::vector<std::string> lines = lines_of(t->server);

	assert_int_equal(lines.size(), 3);
	assert_non_null(strstr(lines[1].c_str(), "\"errno\":13"));
	assert_string_equal(lines[2].c_str(), "! closed");
}

static void an_operator_sees_it_and_ends_it_and_it_comes_back(void **state)
{
	struct stage *t = stage_of(state);

	start(t);
	wait_opened(t->server, 1);
	test_client *op = operator_open(t->server);
	const test_frame list = CLIENT_ASK(op, 0, "{\"msgid\":902,\"account\":%lld", static_cast<long long>(t->bot));
	const std::string seen = check_format("\"account\":%lld,\"device\":7,\"name\":\"sink\",\"peer\":\"sink\","
	                                      "\"transport\":\"adopted\"",
	                                      static_cast<long long>(t->bot));

	if (!strstr(list.bytes.c_str(), seen.c_str()))
		client_fail(op, test_at::current(), "not there: %s", list.bytes.c_str());
	(void)CLIENT_ASK(op, 0, "{\"msgid\":903,\"account\":%lld", static_cast<long long>(t->bot));
	wait_opened(t->server, 2);
	assert_int_equal(count_of(t->server, "! closed"), 1);
	test_client *ann = client_enter(t->server, "ann");
	client_chat(ann, t->bot, "still there");
	wait_messages(t->server, 1);
}

/* Device 0 is another one, and an account with both is online as long as one of them is. */
static void its_account_can_be_online_elsewhere_as_well(void **state)
{
	struct stage *t = stage_of(state);

	start(t);
	wait_opened(t->server, 1);
	test_client *ann = client_enter(t->server, "ann"), *bot = client_return(t->server, t->bot);
	client_chat(ann, t->bot, "both");
	client_expect(bot, "{\"msgid\":6,\"msg\":\"both\",\"seq\":1}");
	wait_messages(t->server, 1);
	client_close(bot);
	client_chat(ann, t->bot, "one");
	wait_messages(t->server, 2);
	expect_seqs(t->server, 1, 2);
}

static void put_next_version(const struct stage *t)
{
	const std::string file = t->server->folder + "/plugins/sink.so", next = t->server->folder + "/next";
	const std::string bytes = check_read_file(file) + "x";
	FILE *out = fopen(next.c_str(), "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes.data(), 1, bytes.size(), out), bytes.size());
	assert_int_equal(fclose(out), 0);
	assert_int_equal(rename(next.c_str(), file.c_str()), 0);
	test_server_signal(t->server, SIGHUP);
}

static void the_next_version_of_a_plugin_opens_the_session_anew(void **state)
{
	struct stage *t = stage_of(state);

	start(t);
	wait_opened(t->server, 1);
	put_next_version(t);
	wait_opened(t->server, 2);
	test_client *ann = client_enter(t->server, "ann");
	client_chat(ann, t->bot, "hi");
	wait_messages(t->server, 1);
	expect_seqs(t->server, 1, 1);
}

static void a_session_can_be_handed_over_to_the_next_version(void **state)
{
	struct stage *t = stage_of(state);

	test_server_set(t->server, "sink.keeps", "yes");
	start(t);
	wait_opened(t->server, 1);
	test_client *ann = client_enter(t->server, "ann");
	client_chat(ann, t->bot, "1");
	wait_messages(t->server, 1);
	put_next_version(t);
	check_wait("it was handed over", [=] { return count_of(t->server, "! handed over") == 1; });
	client_chat(ann, t->bot, "2");
	wait_messages(t->server, 2);
	expect_seqs(t->server, 1, 2);
	assert_int_equal(count_of(t->server, "! opened"), 1);
	assert_int_equal(count_of(t->server, "! closed"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_come_in_order_and_what_was_confirmed_never_again),
		TEST(what_was_not_confirmed_comes_again_after_a_crash),
		TEST(at_most_256_messages_are_on_their_way_unconfirmed),
		TEST(a_plugin_that_does_not_read_holds_up_nobody),
		TEST(a_drain_tells_it_and_ends_it),
		TEST(an_operator_sees_it_and_ends_it_and_it_comes_back),
		TEST(its_account_can_be_online_elsewhere_as_well),
		TEST(the_next_version_of_a_plugin_opens_the_session_anew),
		TEST(a_session_can_be_handed_over_to_the_next_version),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
