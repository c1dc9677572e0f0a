/* SPDX-License-Identifier: MIT
 * Tests of the plugin push with a real server and a receiver of our own: bots, and notices for people who are away. */
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <chatserverd/msgid.h>

#include "../../plugins/push/sign.h"
#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/decrypt.h"
#include "tests/support/operator.h"
#include "tests/support/receiver.h"
#include "tests/support/server.h"

struct stage {
	test_server *server = nullptr;
	receiver *hook = nullptr;
	test_client *operator_client = nullptr;
};

static void set_options(test_server *s)
{
	operator_allow(s);
	test_server_set(s, "push.away", "yes");
	test_server_set(s, "push.allow", "127.0.0.1/32, ::1");
	test_server_set(s, "push.allow_away", "127.0.0.1/32");
	test_server_set(s, "push.timeout", "500ms");
	test_server_set(s, "push.backoff_min", "20ms");
	test_server_set(s, "push.backoff_max", "200ms");
	test_server_set(s, "push.lookout", "50ms");
	test_server_set(s, "push.delay", std::to_string(400 * check_patience_factor()) + "ms");
	test_server_set(s, "push.interval", std::to_string(1500 * check_patience_factor()) + "ms");
	test_server_set(s, "mailbox.cursor_flush", "20ms");
}

static int set_up(void **state)
{
	auto st = new stage;
	void *server = nullptr;

	assert_int_equal(test_server_setup(&server), 0);
	st->server = static_cast<test_server *>(server);
	st->hook = receiver_new();
	set_options(st->server);
	test_server_start(st->server);
	st->operator_client = operator_open(st->server);
	*state = st;
	return 0;
}

static int tear_down(void **state)
{
	stage *st = static_cast<stage *>(*state);
	void *server = st->server;

	receiver_free(st->hook);
	delete st;
	return test_server_teardown(&server);
}

struct bot {
	int64_t id = 0;
	std::string token, secret, path;
};

static bot add_bot(stage *st, const std::string &name, const std::string &path)
{
	const test_frame answer =
		CLIENT_ASK(st->operator_client, 0, "{\"msgid\":960,\"name\":%s,\"url\":%s", json_quote(name).c_str(),
	                   json_quote(receiver_url(st->hook, path)).c_str());

	return {json_integer(answer.json.get(), "account"), json_text(answer.json.get(), "token"),
	        json_text(answer.json.get(), "secret"), path};
}

/* The frames of a POST to a bot; its signature must be right. */
static std::vector<json_ptr> frames_of(const receiver_request &request, const bot &b)
{
	const json_ptr document(cJSON_Parse(request.body.c_str()));
	const cJSON *frames = cJSON_GetObjectItem(document.get(), "frames"), *frame = nullptr;
	const std::string signature = request.headers.at("chatserverd-signature");
	const int64_t seconds = std::atoll(signature.c_str() + 2);
	std::vector<json_ptr> found;

	assert_string_equal(request.method.c_str(), "POST");
	assert_string_equal(request.headers.at("content-type").c_str(), "application/json");
	assert_string_equal(sign_header(b.secret, seconds, request.body).c_str(), signature.c_str());
	assert_int_equal(json_integer(document.get(), "account"), b.id);
	assert_true(cJSON_IsArray(frames));
	assert_in_range(cJSON_GetArraySize(frames), 1, 100);
	cJSON_ArrayForEach(frame, frames) found.emplace_back(cJSON_Duplicate(frame, 1));
	return found;
}

/* The seqs of what the bot was sent, in the order of the requests that it answered by 2xx; each request in the order of
 * its frames. */
static std::vector<int64_t> seqs_of(const std::vector<receiver_request> &requests, const bot &b)
{
	std::vector<int64_t> seqs;

	for (const receiver_request &request : requests)
		for (const json_ptr &frame : frames_of(request, b))
			seqs.push_back(json_integer(frame.get(), "seq"));
	return seqs;
}

static int64_t last_seq(stage *st, const bot &b)
{
	int64_t last = 0;

	for (const receiver_request &request : receiver_wait(st->hook, b.path, 0))
		for (const json_ptr &frame : frames_of(request, b))
			last = std::max(last, json_integer(frame.get(), "seq"));
	return last;
}

static size_t count_in_log(stage *st, const char *text)
{
	const std::string log = test_server_log(st->server);
	size_t count = 0;

	for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
		count++;
	return count;
}

static void wait_seq(stage *st, const bot &b, int64_t seq)
{
	check_wait("the bot's messages", [st, &b, seq] { return last_seq(st, b) >= seq; });
}

/* What was not new when it came is what had come before: nothing is missing, and nothing is overtaken. */
static void expect_in_order(stage *st, const bot &b, int64_t last)
{
	int64_t next = 1;

	for (const int64_t seq : seqs_of(receiver_wait(st->hook, b.path, 0), b)) {
		assert_true(seq <= next);
		next = std::max(next, seq + 1);
	}
	assert_int_equal(next, last + 1);
	assert_false(receiver_overlapped(st->hook));
}

static void what_is_said_to_a_bot_is_posted_in_order_and_signed(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "weather", "/bot");
	test_client *ann = client_enter(st->server, "ann");

	client_chat_safely(ann, b.id, "first \\\"\xe4\xbd\xa0\\\"");
	const auto requests = receiver_wait(st->hook, "/bot", 1);
	const auto frames = frames_of(requests[0], b);
	assert_int_equal(frames.size(), 1);
	assert_true(json_matches(frames[0].get(),
	                         check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"seq\":1}",
	                                      static_cast<long long>(ann->id), static_cast<long long>(b.id))));
	for (int i = 2; i <= 250; i++)
		client_chat(ann, b.id, std::to_string(i));
	wait_seq(st, b, 250);
	expect_in_order(st, b, 250);
	assert_int_equal(seqs_of(receiver_wait(st->hook, "/bot", 0), b).size(), 250);
	assert_int_equal(receiver_connections(st->hook), 1);
	test_server_restart(st->server);
	client_chat_safely(client_enter(st->server, "ben"), b.id, "after the restart");
	check_wait("the next message",
	           [st, &b] { return seqs_of(receiver_wait(st->hook, "/bot", 0), b).size() > 250; });
	const std::vector<int64_t> seqs = seqs_of(receiver_wait(st->hook, "/bot", 0), b);
	assert_int_equal(seqs.size(), 251);
	assert_int_equal(seqs.back(), 1);
}

static void a_bot_gets_messages_of_groups_and_of_times_when_the_server_was_down(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "helper", "/bot");
	test_client *ann = client_enter(st->server, "ann"), *own = client_open(st->server);

	client_sendf(own, "{\"msgid\":1,\"id\":%lld,\"token\":\"%s\"}", static_cast<long long>(b.id), b.token.c_str());
	client_expect(own, "{\"msgid\":2,\"errno\":0}");
	own->id = b.id;
	const int64_t group = client_create_group(ann, "all");
	client_join_group(own, group);
	client_close(own);
	client_group_chat_safely(ann, group, "to all");
	const auto frames = frames_of(receiver_wait(st->hook, "/bot", 1)[0], b);
	assert_true(json_matches(frames.back().get(), "{\"msgid\":10,\"msg\":\"to all\"}"));
	assert_int_equal(json_integer(frames.back().get(), "groupid"), group);
}

/* More than may be on their way unconfirmed. */
static void a_groupid_that_a_chat_brings_means_nothing(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "helper", "/bot");
	test_client *ann = client_enter(st->server, "ann");

	for (int i = 0; i < 300; i++)
		client_chat_safely(ann, b.id, "x", ",\"groupid\":7");
	wait_seq(st, b, 300);
}

static void a_bot_whose_account_is_locked_is_served_no_more(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "locked", "/bot"), other = add_bot(st, "other", "/other");
	test_client *ann = client_enter(st->server, "ann");

	client_chat_safely(ann, b.id, "before");
	wait_seq(st, b, 1);
	(void)CLIENT_ASK(st->operator_client, 0, "{\"msgid\":922,\"account\":%lld", static_cast<long long>(b.id));
	client_chat_safely(ann, b.id, "while it is locked");
	/* Some rounds of the plugin. */
	for (int i = 1; i <= 5; i++) {
		client_chat_safely(ann, other.id, "hello");
		wait_seq(st, other, i);
	}
	assert_int_equal(last_seq(st, b), 1);
	(void)CLIENT_ASK(st->operator_client, 0, "{\"msgid\":923,\"account\":%lld", static_cast<long long>(b.id));
	wait_seq(st, b, 2);
}

static void a_receiver_that_fails_or_lies_loses_nothing_and_gets_nothing_out_of_order(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "patient", "/bot");
	test_client *ann = client_enter(st->server, "ann");
	const std::string huge(70000, 'x');

	receiver_will(st->hook, "/bot",
	              {{.status = 500},
	               {.status = 302, .headers = "Location: " + receiver_url(st->hook, "/other") + "\r\n"},
	               {.act = RECEIVER_CLOSES},
	               {.act = RECEIVER_BABBLES},
	               {.body = "{", .act = RECEIVER_CUTS},
	               {.act = RECEIVER_DRIPS},
	               {.status = 404},
	               {.act = RECEIVER_HOLDS}});
	for (int i = 1; i <= 5; i++)
		client_chat_safely(ann, b.id, std::to_string(i));
	receiver_wait(st->hook, "/bot", 9);
	receiver_release(st->hook);
	wait_seq(st, b, 5);
	receiver_will(
		st->hook, "/bot",
		{{.body = huge}, {.body = "garbage"}, {.body = "{\"frames\":[{\"msgid\":\"x\"},{},{\"msgid\":6}]}"}});
	const size_t before = receiver_count(st->hook, "/bot");
	for (int i = 6; i <= 9; i++) {
		client_chat_safely(ann, b.id, std::to_string(i));
		wait_seq(st, b, i);
	}
	expect_in_order(st, b, 9);
	assert_int_equal(receiver_count(st->hook, "/bot"), before + 4);
	assert_int_equal(receiver_count(st->hook, "/other"), 0);
	const std::string log = test_server_log(st->server);
	const std::string first = "a bot does not take its messages", again = "a bot takes its messages again";
	assert_true(log.find(first) != std::string::npos && log.find(first) == log.rfind(first));
	assert_true(log.find(again) != std::string::npos && log.find(again) == log.rfind(again));
	assert_true(log.find(b.secret) == std::string::npos && log.find("/bot") == std::string::npos);
}

static void a_receiver_is_asked_again_when_it_says(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "busy", "/bot");
	test_client *ann = client_enter(st->server, "ann");

	test_server_set(st->server, "push.backoff_max", "20s");
	test_server_restart(st->server);
	ann = client_return(st->server, ann->id);
	receiver_will(st->hook, "/bot", {{.status = 503, .headers = "Retry-After: 1\r\n"}});
	client_chat_safely(ann, b.id, "1");
	const auto requests = receiver_wait(st->hook, "/bot", 2);
	assert_true(requests[1].at - requests[0].at >= 990);
}

static void a_receiver_that_was_down_gets_everything(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const char *wanted = getenv("CS_LONG");
	const bool is_long = wanted && *wanted;
	const bot b = add_bot(st, "lazy", "/bot");
	test_client *ann = client_enter(st->server, "ann");

	if (is_long) {
		test_server_set(st->server, "push.backoff_max", "10m");
		test_server_restart(st->server);
		ann = client_return(st->server, ann->id);
	}
	client_chat_safely(ann, b.id, "1");
	wait_seq(st, b, 1);
	receiver_down(st->hook);
	for (int i = 2; i <= 300; i++)
		client_chat_safely(ann, b.id, std::to_string(i));
	const int64_t end = check_now() + (is_long ? 600000 : 300);
	while (check_now() < end) {
		client_expect_quiet(ann);
		check_sleep_ms(is_long ? 1000 : 50);
	}
	receiver_up(st->hook);
	const int64_t patience = check_now() + (is_long ? 760000 : 0);
	while (check_now() < patience && last_seq(st, b) < 300)
		check_sleep_ms(100);
	wait_seq(st, b, 300);
	expect_in_order(st, b, 300);
}

static void a_receiver_that_is_gone_ends_the_device_and_its_name_can_be_used_again(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "leaver", "/bot");
	test_client *ann = client_enter(st->server, "ann");

	receiver_will(st->hook, "/bot", {{.status = 410}});
	client_chat_safely(ann, b.id, "1");
	test_server_wait_log(st->server, "its device has ended");
	check_wait("the end in the list", [st] {
		const test_frame list = CLIENT_ASK(st->operator_client, 0, "{\"msgid\":961");

		return list.bytes.find("\"state\":\"ended\"") != std::string::npos;
	});
	client_chat_safely(ann, b.id, "2");
	CLIENT_ASK(st->operator_client, CS_ERRNO_EXISTS, "{\"msgid\":960,\"name\":%s,\"url\":\"http://example.org\"",
	           json_quote(ann->name).c_str());
	const bot again = add_bot(st, "leaver", "/again");
	assert_int_equal(again.id, b.id);
	client_chat_safely(ann, b.id, "3");
	wait_seq(st, again, 3);
	assert_int_equal(receiver_count(st->hook, "/bot"), 1);
}

static void a_bot_answers_a_message_by_the_body_of_its_answer(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "echo", "/bot");
	test_client *ann = client_enter(st->server, "ann");
	const long long from = b.id, to = ann->id;

	receiver_will(st->hook, "/bot",
	              {{.body = check_format(
				"{\"frames\":[{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"one\",\"cid\":\"a\"},"
				"{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"as ann\"},\n"
				"{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"two\",\"req\":7}]}",
				from, to, to, from, from, to)}});
	client_chat_safely(ann, b.id, "hello");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"one\",\"cid\":\"a\"}");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"two\"}");
	/* What the server said to these requests comes with the next message. */
	client_chat_safely(ann, b.id, "and?");
	const auto frames = frames_of(receiver_wait(st->hook, "/bot", 2)[1], b);
	assert_int_equal(frames.size(), 3);
	assert_true(json_matches(frames[0].get(), "{\"msgid\":100,\"of\":6,\"errno\":8}"));
	assert_true(json_matches(frames[1].get(), "{\"msgid\":100,\"of\":6,\"req\":7,\"errno\":0}"));
	assert_true(json_matches(frames[2].get(), "{\"msgid\":6,\"msg\":\"and?\"}"));
}

static void what_was_posted_when_the_server_died_comes_once_more(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const bot b = add_bot(st, "survivor", "/bot");
	test_client *ann = client_enter(st->server, "ann");

	receiver_will(st->hook, "/bot", {{.act = RECEIVER_HOLDS}});
	client_chat_safely(ann, b.id, "1");
	receiver_wait(st->hook, "/bot", 1);
	test_server_kill(st->server);
	receiver_release(st->hook);
	test_server_start(st->server);
	client_chat_safely(client_enter(st->server, "ben"), b.id, "after its death");
	check_wait("the next message", [st, &b] { return seqs_of(receiver_wait(st->hook, "/bot", 2), b).size() > 2; });
	assert_true(seqs_of(receiver_wait(st->hook, "/bot", 2), b) == std::vector<int64_t>({1, 1, 1}));
}

static void a_private_address_is_refused_unless_it_is_listed(void **state)
{
	stage *st = static_cast<stage *>(*state);

	const bot b = add_bot(st, "inside", "/bot");
	test_server_set(st->server, "push.allow", "10.0.0.0/8, ::1");
	test_server_restart(st->server);
	st->operator_client = operator_open(st->server);
	const test_run run = test_server_run(
		st->server, {"-t", "-c", st->server->folder + "/chat.conf", "-o", "push.allow_away=1.2.3.4/99"});
	assert_int_equal(run.status, 1);
	assert_true(run.err.find("push.allow_away: 1.2.3.4/99 is no block of addresses") != std::string::npos);
	for (const char *host : {"127.0.0.1", "[::ffff:127.0.0.1]", "192.168.1.1", "[fd00::1]"})
		(void)CLIENT_ASK(st->operator_client, 8, R"({"msgid":960,"name":"other","url":"http://%s:9/")", host);
	test_client *ann = client_enter(st->server, "ann");
	client_chat_safely(ann, b.id, "1");
	test_server_wait_log(st->server, "its address is private and not listed in push.allow");
	assert_int_equal(receiver_connections(st->hook), 0);
	test_server_set(st->server, "push.allow", "127.0.0.0/8");
	test_server_write_conf(st->server);
	test_server_signal(st->server, SIGHUP);
	wait_seq(st, b, 1);
	/* What was allowed before is not, although its connection is open. */
	test_server_set(st->server, "push.allow", "");
	test_server_write_conf(st->server);
	test_server_signal(st->server, SIGHUP);
	check_wait("the reload", [st] {
		const std::string log = test_server_log(st->server);

		return log.find("reloaded") != log.rfind("reloaded");
	});
	client_chat_safely(ann, b.id, "2");
	check_wait("the next refusal", [st] {
		const std::string log = test_server_log(st->server), why = "its address is private and not listed";

		return log.find(why) != log.rfind(why);
	});
	assert_int_equal(receiver_count(st->hook, "/bot"), 1);
}

/* It asks for the device of the bot again as soon as the session has ended; then it is another node's turn. */
static void a_node_that_drains_takes_no_bot_back(void **state)
{
	stage *st = static_cast<stage *>(*state);

	(void)add_bot(st, "guest", "/bot");
	test_server_wait_log(st->server, "a bot is served here");
	test_server_set(st->server, "core.drain_spread", "1s");
	test_server_write_conf(st->server);
	test_server_signal(st->server, SIGHUP);
	test_server_wait_log(st->server, "configuration reloaded");
	test_server_stop(st->server);
	assert_int_equal(count_in_log(st, "a bot is served here"), 1);
	test_server_start(st->server);
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const test_certificate made = certificate_make(st->server->folder, "receiver");

	receiver_free(st->hook);
	st->hook = receiver_new("127.0.0.1", &made);
	test_client *ann = client_enter(st->server, "ann");
	const bot b = add_bot(st, "secure", "/bot");
	client_chat_safely(ann, b.id, "1");
	test_server_wait_log(st->server, "a bot does not take its messages");
	assert_int_equal(receiver_count(st->hook, "/bot"), 0);
	test_server_set(st->server, "push.certificates", made.chain);
	test_server_write_conf(st->server);
	test_server_signal(st->server, SIGHUP);
	wait_seq(st, b, 1);
}

static void a_bot_is_listed_gets_another_secret_and_is_removed(void **state)
{
	stage *st = static_cast<stage *>(*state);
	bot b = add_bot(st, "short", "/bot");
	test_client *ann = client_enter(st->server, "ann"), *op = st->operator_client;

	CLIENT_ASK(op, CS_ERRNO_EXISTS, "{\"msgid\":960,\"name\":\"short\",\"url\":\"http://example.org\"");
	CLIENT_ASK(op, CS_ERRNO_BAD_FRAME, "{\"msgid\":960,\"name\":\"other\",\"url\":\"ftp://example.org\"");
	CLIENT_ASK(op, CS_ERRNO_BAD_FRAME, "{\"msgid\":960,\"name\":\"\",\"url\":\"http://example.org\"");
	CLIENT_ASK(op, CS_ERRNO_NO_SUCH_USER, "{\"msgid\":963,\"name\":\"nobody\"");
	CLIENT_ASK(op, CS_ERRNO_NO_SUCH_USER, "{\"msgid\":962,\"account\":%lld", static_cast<long long>(ann->id));
	CLIENT_ASK(ann, CS_ERRNO_UNKNOWN_MSGID, "{\"msgid\":961");
	check_wait("the bot's session", [op] {
		return CLIENT_ASK(op, 0, "{\"msgid\":961").bytes.find("\"state\":\"served\"") != std::string::npos;
	});
	const std::string former = b.secret;
	b.secret = json_text(CLIENT_ASK(op, 0, "{\"msgid\":963,\"name\":\"short\"").json.get(), "secret");
	assert_string_not_equal(b.secret.c_str(), former.c_str());
	check_sleep_ms(100);
	client_chat_safely(ann, b.id, "1");
	wait_seq(st, b, 1);
	test_client *in = client_open(st->server);
	client_sendf(in, "{\"msgid\":1,\"id\":%lld,\"token\":\"%s\"}", static_cast<long long>(b.id), b.token.c_str());
	client_expect(in, "{\"msgid\":2,\"errno\":0}");
	CLIENT_ASK(op, 0, "{\"msgid\":962,\"account\":%lld", static_cast<long long>(b.id));
	client_expect_end(in);
	const test_frame list = CLIENT_ASK(op, 0, "{\"msgid\":961");
	assert_true(list.bytes.find("\"bots\":[]") != std::string::npos);
	const bot other = add_bot(st, "tall", "/other");
	test_client *own = client_open(st->server);
	client_sendf(own, "{\"msgid\":1,\"id\":%lld,\"token\":\"%s\"}", static_cast<long long>(b.id), b.token.c_str());
	client_expect(own, "{\"msgid\":2,\"errno\":1}");
	client_chat_safely(ann, b.id, "2");
	client_chat_safely(ann, other.id, "1");
	wait_seq(st, other, 1);
	assert_int_equal(receiver_count(st->hook, "/bot"), 1);
	const std::string log = test_server_log(st->server);
	assert_true(log.find(b.token) == std::string::npos && log.find(b.secret) == std::string::npos);
}

static void log_in_by_token(const stage *st, const bot &b, int wire_errno)
{
	test_client *own = client_open(st->server);

	client_sendf(own, "{\"msgid\":1,\"id\":%lld,\"token\":\"%s\"}", static_cast<long long>(b.id), b.token.c_str());
	client_expect(own, check_format("{\"msgid\":2,\"errno\":%d}", wire_errno));
	client_close(own);
}

static void a_bot_gets_another_token_and_those_of_before_are_void(void **state)
{
	stage *st = static_cast<stage *>(*state);
	bot b = add_bot(st, "forgetful", "/bot");
	test_client *ann = client_enter(st->server, "ann"), *op = st->operator_client, *own = client_open(st->server);

	log_in_by_token(st, b, 0);
	client_sendf(own, "{\"msgid\":1,\"id\":%lld,\"token\":\"%s\"}", static_cast<long long>(b.id), b.token.c_str());
	client_expect(own, "{\"msgid\":2,\"errno\":0}");
	const test_frame made = CLIENT_ASK(op, 0, "{\"msgid\":964,\"name\":\"forgetful\"");
	assert_int_equal(json_integer(made.json.get(), "account"), b.id);
	/* Who has the old one is out. */
	client_expect_end(own);
	test_server_wait_log(st->server, "the bot has another token");
	log_in_by_token(st, b, 1);
	b.token = json_text(made.json.get(), "token");
	log_in_by_token(st, b, 0);
	client_chat_safely(ann, b.id, "1");
	wait_seq(st, b, 1);
	assert_int_equal(count_in_log(st, "a bot is served here"), 1);
	CLIENT_ASK(op, CS_ERRNO_NO_SUCH_USER, "{\"msgid\":964,\"account\":%lld", static_cast<long long>(ann->id));
	CLIENT_ASK(op, CS_ERRNO_BAD_FRAME, "{\"msgid\":964");
	CLIENT_ASK(ann, CS_ERRNO_UNKNOWN_MSGID, "{\"msgid\":964,\"name\":\"forgetful\"");
	assert_true(test_server_log(st->server).find(b.token) == std::string::npos);
}

/* What chatctl prints; its status must be this. */
static std::string chatctl(stage *st, const std::vector<std::string> &words, int status)
{
	const chatctl_output run = chatctl_words(st->server, words);

	assert_int_equal(run.status, status);
	return run.out + run.err;
}

static void an_operator_makes_and_ends_bots_with_chatctl(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const std::string url = receiver_url(st->hook, "/bot");
	const std::string added = chatctl(st, {"bot", "add", "news", url}, 0);
	test_client *own = client_open(st->server);
	const size_t at = added.find("token");
	std::string token = added.substr(added.find_first_not_of(' ', at + 5));

	assert_true(at != std::string::npos && added.find("secret") != std::string::npos);
	token.resize(token.find_first_of(" \n"));
	client_sendf(own, "{\"msgid\":1,\"name\":\"news\",\"token\":\"%s\"}", token.c_str());
	client_expect(own, "{\"msgid\":2,\"errno\":0,\"name\":\"news\"}");
	assert_true(chatctl(st, {"bot", "add", "news", url}, 1).find("the name is taken") != std::string::npos);
	const std::string list = chatctl(st, {"bot", "list"}, 0);
	assert_true(list.find("news") != std::string::npos && list.find(url) != std::string::npos);
	assert_true(chatctl(st, {"bot", "secret", "news"}, 0).find("secret") != std::string::npos);
	assert_true(chatctl(st, {"bot", "token", "news"}, 0).find("token") != std::string::npos);
	assert_true(chatctl(st, {"bot", "remove", "none"}, 1).find("there is no such bot") != std::string::npos);
	(void)chatctl(st, {"bot", "remove", "news"}, 0);
	assert_true(chatctl(st, {"bot", "list"}, 0).find("news") == std::string::npos);
}

/* ---- notices */

static std::string set_push(test_client *c, stage *st, const char *kind, const std::string &path, const char *more = "")
{
	const test_frame answer =
		CLIENT_ASK(c, 0, "{\"msgid\":170,\"id\":%lld,\"kind\":\"%s\",\"url\":%s%s",
	                   static_cast<long long>(c->id), kind, json_quote(receiver_url(st->hook, path)).c_str(), more);

	return json_text(answer.json.get(), "secret");
}

static void who_is_away_is_told_in_the_way_that_each_receiver_wants(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const long long from = ann->id, to = bob->id;
	const std::string secret = set_push(bob, st, "post", "/post", ",\"device\":\"a\"");
	const std::string name = ann->name;

	assert_string_equal(set_push(bob, st, "ntfy", "/ntfy", ",\"device\":\"b\",\"preview\":true").c_str(), "");
	set_push(bob, st, "unifiedpush", "/up", ",\"device\":\"c\",\"preview\":true");
	const test_frame list = CLIENT_ASK(bob, 0, "{\"msgid\":171,\"id\":%lld", to);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(list.json.get(), "pushes")), 3);
	client_close(bob);
	const int64_t before = check_now();
	client_chat_safely(ann, to, "come \xe4\xbd\xa0");
	const auto post = receiver_wait(st->hook, "/post", 1), ntfy = receiver_wait(st->hook, "/ntfy", 1),
		   up = receiver_wait(st->hook, "/up", 1);
	assert_true(post[0].at - before >= 390);
	assert_string_equal(post[0].body.c_str(), check_format("{\"account\":%lld,\"peer\":%lld,\"seq\":1,\"from\":%s}",
	                                                       to, from, json_quote(name).c_str())
	                                                  .c_str());
	const std::string signature = post[0].headers.at("chatserverd-signature");
	assert_string_equal(sign_header(secret, std::atoll(signature.c_str() + 2), post[0].body).c_str(),
	                    signature.c_str());
	assert_string_equal(ntfy[0].headers.at("title").c_str(), name.c_str());
	assert_string_equal(ntfy[0].headers.at("tags").c_str(), "speech_balloon");
	assert_string_equal(ntfy[0].body.c_str(), "come \xe4\xbd\xa0");
	assert_true(up[0].body.find("\"text\":\"come \xe4\xbd\xa0\"") != std::string::npos &&
	            up[0].body.size() <= 4096);
	assert_int_equal(up[0].headers.count("chatserverd-signature"), 0);
}

static std::string keys_of(const decrypt_client &keys)
{
	return ",\"p256dh\":\"" + decrypt_to_text(keys.point) + "\",\"auth\":\"" + decrypt_to_text(keys.secret) + "\"";
}

static std::string pushes_of(test_client *c)
{
	return CLIENT_ASK(c, 0, "{\"msgid\":171,\"id\":%lld", static_cast<long long>(c->id)).bytes;
}

static void an_encrypted_notice_can_be_read_with_the_keys_of_its_client_only(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const decrypt_client keys = decrypt_make_client();
	const long long from = ann->id, to = bob->id;
	const std::string name = ann->name,
			  wanted = check_format(
				  "{\"account\":%lld,\"peer\":%lld,\"seq\":1,\"from\":%s,\"text\":\"come\"}", to, from,
				  json_quote(name).c_str());

	set_push(bob, st, "unifiedpush", "/up", (",\"preview\":true" + keys_of(keys)).c_str());
	const std::string pushes = pushes_of(bob);
	assert_true(pushes.find("\"encrypted\":true") != std::string::npos);
	assert_true(pushes.find(decrypt_to_text(keys.point)) == std::string::npos &&
	            pushes.find(decrypt_to_text(keys.secret)) == std::string::npos);
	test_server_restart(st->server);
	ann = client_return(st->server, from);
	client_chat_safely(ann, to, "come");
	const receiver_request notice = receiver_wait(st->hook, "/up", 1)[0];
	assert_string_equal(notice.headers.at("content-type").c_str(), "application/octet-stream");
	assert_string_equal(notice.headers.at("content-encoding").c_str(), "aes128gcm");
	assert_string_equal(notice.headers.at("ttl").c_str(), "86400");
	assert_string_equal(decrypt_body(keys, notice.body).c_str(), wanted.c_str());
	/* The next one of the device takes its place. */
	bob = client_return(st->server, to);
	set_push(bob, st, "unifiedpush", "/plain");
	assert_true(pushes_of(bob).find("\"encrypted\":false") != std::string::npos);
	const std::string log = test_server_log(st->server);
	assert_true(log.find(decrypt_to_text(keys.point)) == std::string::npos &&
	            log.find(decrypt_to_text(keys.secret)) == std::string::npos);
}

static void keys_that_nothing_can_be_encrypted_with_are_refused(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *bob = client_enter(st->server, "bob");
	const decrypt_client keys = decrypt_make_client();
	decrypt_client wrong;
	const std::string url = json_quote(receiver_url(st->hook, "/up"));
	const auto refused = [&](const char *kind, const std::string &fields, const char *text) {
		const test_frame answer =
			CLIENT_ASK(bob, CS_ERRNO_BAD_FRAME, "{\"msgid\":170,\"id\":%lld,\"url\":%s,\"kind\":\"%s\"%s",
		                   static_cast<long long>(bob->id), url.c_str(), kind, fields.c_str());

		assert_true(answer.bytes.find(text) != std::string::npos);
	};

	wrong.point = keys.point.substr(0, 64);
	wrong.secret = keys.secret;
	refused("unifiedpush", keys_of(wrong), "p256dh must be 65 bytes");
	wrong.point = keys.point;
	wrong.point[64] = static_cast<char>(wrong.point[64] ^ 1);
	refused("unifiedpush", keys_of(wrong), "p256dh must be a point of the curve");
	wrong.point = keys.point;
	wrong.secret = "short";
	refused("unifiedpush", keys_of(wrong), "auth must be 16 bytes");
	refused("unifiedpush", ",\"p256dh\":\"" + decrypt_to_text(keys.point) + "\"", "auth");
	refused("unifiedpush", ",\"auth\":\"" + decrypt_to_text(keys.secret) + "\"", "p256dh");
	refused("unifiedpush", ",\"p256dh\":7,\"auth\":\"x\"", "p256dh");
	refused("unifiedpush", ",\"p256dh\":\"*\",\"auth\":\"*\"", "p256dh");
	refused("post", keys_of(keys), "for kind unifiedpush only");
	refused("ntfy", keys_of(keys), "for kind unifiedpush only");
	assert_true(pushes_of(bob).find("\"pushes\":[]") != std::string::npos);
}

static void nobody_is_told_of_what_a_device_has_or_what_was_read(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob"),
		    *cid = client_enter(st->server, "cid");
	const int64_t to = bob->id, other = cid->id;

	set_push(bob, st, "post", "/bob");
	set_push(cid, st, "post", "/cid");
	set_push(ann, st, "post", "/ann");
	client_close(cid);
	client_chat_safely(ann, to, "you have it");
	client_expect(bob, "{\"msgid\":6}");
	client_chat_safely(ann, other, "you will read it");
	cid = client_return(st->server, other, nullptr, ",\"device\":\"new\"");
	CLIENT_ASK(cid, 0, "{\"msgid\":120,\"id\":%lld,\"peer\":%lld,\"seq\":1", static_cast<long long>(other),
	           static_cast<long long>(ann->id));
	/* A third conversation shows when the time of these was over. */
	test_client *dan = client_enter(st->server, "dan");
	set_push(dan, st, "post", "/dan");
	const int64_t last = dan->id;
	client_close(dan);
	client_chat_safely(ann, last, "you are away");
	receiver_wait(st->hook, "/dan", 1);
	assert_int_equal(receiver_count(st->hook, "/bob") + receiver_count(st->hook, "/cid") +
	                         receiver_count(st->hook, "/ann"),
	                 0);
}

static void one_notice_of_a_conversation_is_sent_in_a_time_and_the_last_message_is_told(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const int64_t to = bob->id;

	set_push(bob, st, "post", "/bob", ",\"preview\":true");
	client_close(bob);
	for (int i = 1; i <= 3; i++)
		client_chat_safely(ann, to, "early");
	receiver_wait(st->hook, "/bob", 1);
	for (int i = 1; i <= 3; i++)
		client_chat_safely(ann, to, "late " + std::to_string(i));
	const auto notices = receiver_wait(st->hook, "/bob", 2);
	assert_true(notices[1].at - notices[0].at >= 1400);
	assert_true(notices[1].body.find("\"text\":\"late 3\"") != std::string::npos);
	check_sleep_ms(1700 * check_patience_factor());
	assert_int_equal(receiver_count(st->hook, "/bob"), 2);
}

static void a_notice_survives_failures_and_the_death_of_the_server(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const int64_t to = bob->id;

	set_push(bob, st, "ntfy", "/bob");
	client_close(bob);
	receiver_will(st->hook, "/bob", {{.status = 500}, {.act = RECEIVER_CLOSES}});
	client_chat_safely(ann, to, "1");
	test_server_kill(st->server); /* before anybody was told */
	test_server_start(st->server);
	/* With MariaDB this process is another node, and waits until the one before counts as dead. */
	const int64_t end = check_now() + (st->server->database ? 40000 : 0);
	while (check_now() < end && receiver_count(st->hook, "/bob") < 3)
		check_sleep_ms(20);
	const auto notices = receiver_wait(st->hook, "/bob", 3);
	assert_string_equal(notices[2].body.c_str(), "New message");
	test_server_wait_log(st->server, "a receiver takes notices again");
	assert_int_equal(count_in_log(st, "a receiver does not take a notice"), 1);
	check_sleep_ms(300);
	assert_int_equal(receiver_count(st->hook, "/bob"), 3);
}

/* The server can reach an address for bots, at which clients may not make it knock. */
static void a_client_cannot_make_the_server_post_where_only_bots_may_be(void **state)
{
	stage *st = static_cast<stage *>(*state);

	test_server_set(st->server, "push.allow_away", "10.0.0.0/8");
	test_server_restart(st->server);
	st->operator_client = operator_open(st->server);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const bot b = add_bot(st, "inside", "/bot");
	const int64_t to = bob->id;
	set_push(bob, st, "ntfy", "/bob");
	client_close(bob);
	client_chat_safely(ann, b.id, "1");
	wait_seq(st, b, 1);
	client_chat_safely(ann, to, "1");
	test_server_wait_log(st->server, "its address is private and not listed in push.allow_away");
	assert_int_equal(receiver_count(st->hook, "/bob"), 0);
}

/* Whoever had the account for a moment is not told for ever. */
static void a_receiver_counts_as_long_as_the_login_that_set_it(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const int64_t to = bob->id;
	const char *const own = R"({"device":"",)";

	client_close(bob);
	for (const char *device : {"", R"(,"device":"phone")"}) {
		test_client *thief = client_open(st->server);
		client_login(thief, to, device);
		set_push(thief, st, "ntfy", "/thief");
		assert_true(pushes_of(thief).find(own) != std::string::npos);
		client_close(thief);
		if (*device) {
			bob = client_open(st->server);
			client_login(bob, to, R"(,"device":"desk")");
			assert_true(pushes_of(bob).find(own) != std::string::npos);
			(void)CLIENT_ASK(bob, 0, R"({"msgid":111,"id":%lld,"device":"phone")",
			                 static_cast<long long>(to));
		} else {
			(void)CLIENT_ASK(st->operator_client, 0, R"({"msgid":921,"account":%lld,"password":"secret")",
			                 static_cast<long long>(to));
			bob = client_open(st->server);
			client_login(bob, to, R"(,"device":"desk")");
		}
		assert_true(pushes_of(bob).find(own) == std::string::npos);
		set_push(bob, st, "ntfy", "/bob", R"(,"device":"mine")");
		client_close(bob);
		const size_t before = receiver_count(st->hook, "/bob");
		client_chat_safely(ann, to, "1");
		receiver_wait(st->hook, "/bob", before + 1);
		assert_int_equal(receiver_count(st->hook, "/thief"), 0);
	}
}

/* One place for notices; each of the slow ones has notices of five conversations, and takes 300 ms for each. */
static void slow_receivers_do_not_keep_those_of_others_waiting(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const std::vector<receiver_answer> slow(40, {.after = 300});
	size_t before = 0;

	test_server_set(st->server, "push.parallel", "2");
	test_server_set(st->server, "push.timeout", "20s");
	test_server_restart(st->server);
	test_client *bob = client_enter(st->server, "bob"), *carol = client_enter(st->server, "carol");
	const int64_t to = bob->id, other = carol->id;
	for (const char *path : {"/slow1", "/slow2", "/slow3", "/slow4"}) {
		receiver_will(st->hook, path, slow);
		set_push(bob, st, "ntfy", path, check_format(R"(,"device":"%s")", path).c_str());
	}
	set_push(carol, st, "ntfy", "/carol");
	client_close(bob);
	client_close(carol);
	for (int i = 0; i < 5; i++)
		client_chat_safely(client_enter(st->server, "friend"), to, "1");
	client_chat_safely(client_enter(st->server, "friend"), other, "1");
	const int64_t at = receiver_wait(st->hook, "/carol", 1)[0].at;
	for (const char *path : {"/slow1", "/slow2", "/slow3", "/slow4"}) {
		const auto posts = receiver_wait(st->hook, path, 5);
		before += static_cast<size_t>(
			std::count_if(posts.begin(), posts.end(), [at](const auto &post) { return post.at < at; }));
	}
	assert_in_range(before, 0, 14); /* of 20 */
}

static void receivers_of_notices_are_limited_and_ended(void **state)
{
	stage *st = static_cast<stage *>(*state);
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const long long id = bob->id;
	const std::string url = json_quote(receiver_url(st->hook, "/x"));

	for (int i = 0; i < 8; i++)
		CLIENT_ASK(bob, 0, "{\"msgid\":170,\"id\":%lld,\"url\":%s,\"device\":\"%d\"", id, url.c_str(), i);
	CLIENT_ASK(bob, CS_ERRNO_FULL, "{\"msgid\":170,\"id\":%lld,\"url\":%s,\"device\":\"8\"", id, url.c_str());
	CLIENT_ASK(bob, 0, "{\"msgid\":170,\"id\":%lld,\"url\":%s,\"device\":\"7\",\"kind\":\"ntfy\"", id, url.c_str());
	CLIENT_ASK(bob, CS_ERRNO_BAD_FRAME, "{\"msgid\":170,\"id\":%lld,\"url\":\"file:///etc/passwd\"", id);
	CLIENT_ASK(bob, CS_ERRNO_BAD_FRAME, "{\"msgid\":170,\"id\":%lld,\"url\":%s,\"kind\":\"fax\"", id, url.c_str());
	CLIENT_ASK(bob, CS_ERRNO_TOO_LONG, "{\"msgid\":170,\"id\":%lld,\"url\":\"http://a/%s\"", id,
	           std::string(1024, 'x').c_str());
	for (int i = 0; i < 8; i++)
		CLIENT_ASK(bob, 0, "{\"msgid\":170,\"id\":%lld,\"device\":\"%d\"", id, i);
	CLIENT_ASK(bob, 0, "{\"msgid\":170,\"id\":%lld,\"device\":\"%d\"", id, 3);
	const test_frame list = CLIENT_ASK(bob, 0, "{\"msgid\":171,\"id\":%lld", id);
	assert_true(list.bytes.find("\"pushes\":[]") != std::string::npos);
	/* One that wants no more is removed. */
	set_push(bob, st, "unifiedpush", "/gone");
	receiver_will(st->hook, "/gone", {{.status = 404}});
	client_close(bob);
	client_chat_safely(ann, id, "1");
	test_server_wait_log(st->server, "a receiver wants no more notices");
	client_chat_safely(ann, id, "2");
	bob = client_return(st->server, id);
	check_wait("the end of the receiver", [bob, id] {
		return CLIENT_ASK(bob, 0, "{\"msgid\":171,\"id\":%lld", id).bytes.find("\"pushes\":[]") !=
		       std::string::npos;
	});
}

static void a_receiver_that_fails_for_too_long_is_removed_and_a_bot_is_not(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const std::vector<receiver_answer> never(1000, {.status = 503});
	const int64_t give_up = 600, again = 200;

	test_server_set(st->server, "push.give_up", std::to_string(give_up) + "ms");
	test_server_set(st->server, "push.warn_again", std::to_string(again) + "ms");
	test_server_restart(st->server);
	st->operator_client = operator_open(st->server);
	const bot b = add_bot(st, "patient", "/bot");
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const int64_t to = bob->id;
	set_push(bob, st, "post", "/dead", ",\"device\":\"a\"");
	set_push(bob, st, "post", "/good", ",\"device\":\"b\"");
	client_close(bob);
	receiver_will(st->hook, "/dead", never);
	receiver_will(st->hook, "/bot", never);
	const int64_t before = check_now();
	client_chat_safely(ann, to, "are you there?");
	client_chat_safely(ann, b.id, "and you?");
	test_server_wait_log(st->server, "a receiver has taken no notice for push.give_up, it is removed");
	const auto dead = receiver_wait(st->hook, "/dead", 2);
	assert_true(check_now() - dead[0].at >= give_up);
	test_server_wait_log(st->server, "a bot still does not take its messages");
	assert_in_range(count_in_log(st, "a bot still does not take its messages"), 1, (check_now() - before) / again);
	assert_int_equal(count_in_log(st, "a bot does not take its messages"), 1);
	assert_int_equal(count_in_log(st, "it is removed"), 1);
	bob = client_return(st->server, to);
	check_wait("the end of the receiver", [bob] {
		const std::string pushes = pushes_of(bob);

		return pushes.find("\"device\":\"a\"") == std::string::npos &&
		       pushes.find("\"device\":\"b\"") != std::string::npos;
	});
	assert_int_equal(receiver_count(st->hook, "/good"), 1);
	/* What was said to the bot waits for it. */
	assert_true(CLIENT_ASK(st->operator_client, 0, "{\"msgid\":961").bytes.find("\"state\":\"failing\"") !=
	            std::string::npos);
}

static void set_push_url(test_client *c, const char *device, const char *url)
{
	CLIENT_ASK(c, 0, "{\"msgid\":170,\"id\":%lld,\"kind\":\"post\",\"device\":\"%s\",\"url\":\"%s\"",
	           static_cast<long long>(c->id), device, url);
}

/* Nobody listens at the first; the second is not listed in push.allow_away; the third has no address. */
static void a_receiver_is_not_removed_for_what_may_be_the_nodes_own_trouble(void **state)
{
	stage *st = static_cast<stage *>(*state);
	const int64_t give_up = 1000 * check_patience_factor();

	const bot b = add_bot(st, "lively", "/bot");
	test_client *ann = client_enter(st->server, "ann"), *bob = client_enter(st->server, "bob");
	const int64_t from = ann->id, to = bob->id;
	set_push_url(bob, "dead", "http://127.0.0.1:1/");
	set_push_url(bob, "unlisted", "http://127.0.0.2:1/");
	set_push_url(bob, "nameless", "http://nobody.invalid/");
	/* After the restart bob is away for certain. */
	test_server_set(st->server, "push.give_up", std::to_string(give_up) + "ms");
	test_server_restart(st->server);
	ann = client_return(st->server, from);
	client_chat_safely(ann, to, "are you there?");
	test_server_wait_log(st->server, "a receiver does not take a notice");
	const int64_t before = check_now();
	check_wait("the time to give up", [before, give_up] { return check_now() - before > 3 * give_up; });
	assert_int_equal(count_in_log(st, "it is removed"), 0);
	/* As long as others answer, the first is to blame. */
	check_wait("the end of the dead one", [st, ann, &b] {
		client_chat_safely(ann, b.id, "x");
		return count_in_log(st, "it is removed") == 1;
	});
	assert_int_equal(count_in_log(st, "a receiver has taken no notice for push.give_up, it is removed"), 1);
	bob = client_return(st->server, to);
	check_wait("the end of the dead one in the store",
	           [bob] { return pushes_of(bob).find("\"device\":\"dead\"") == std::string::npos; });
	const std::string pushes = pushes_of(bob);
	assert_true(pushes.find("\"device\":\"unlisted\"") != std::string::npos);
	assert_true(pushes.find("\"device\":\"nameless\"") != std::string::npos);
}

#define PUSH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main()
{
	const CMUnitTest tests[] = {
		PUSH_TEST(what_is_said_to_a_bot_is_posted_in_order_and_signed),
		PUSH_TEST(a_groupid_that_a_chat_brings_means_nothing),
		PUSH_TEST(a_bot_whose_account_is_locked_is_served_no_more),
		PUSH_TEST(a_bot_gets_messages_of_groups_and_of_times_when_the_server_was_down),
		PUSH_TEST(a_receiver_that_fails_or_lies_loses_nothing_and_gets_nothing_out_of_order),
		PUSH_TEST(a_receiver_is_asked_again_when_it_says),
		PUSH_TEST(a_receiver_that_was_down_gets_everything),
		PUSH_TEST(a_receiver_that_is_gone_ends_the_device_and_its_name_can_be_used_again),
		PUSH_TEST(a_bot_answers_a_message_by_the_body_of_its_answer),
		PUSH_TEST(what_was_posted_when_the_server_died_comes_once_more),
		PUSH_TEST(a_private_address_is_refused_unless_it_is_listed),
		PUSH_TEST(a_node_that_drains_takes_no_bot_back),
		PUSH_TEST(a_certificate_that_nobody_vouches_for_is_refused),
		PUSH_TEST(a_bot_is_listed_gets_another_secret_and_is_removed),
		PUSH_TEST(a_bot_gets_another_token_and_those_of_before_are_void),
		PUSH_TEST(an_operator_makes_and_ends_bots_with_chatctl),
		PUSH_TEST(who_is_away_is_told_in_the_way_that_each_receiver_wants),
		PUSH_TEST(an_encrypted_notice_can_be_read_with_the_keys_of_its_client_only),
		PUSH_TEST(keys_that_nothing_can_be_encrypted_with_are_refused),
		PUSH_TEST(nobody_is_told_of_what_a_device_has_or_what_was_read),
		PUSH_TEST(one_notice_of_a_conversation_is_sent_in_a_time_and_the_last_message_is_told),
		PUSH_TEST(a_notice_survives_failures_and_the_death_of_the_server),
		PUSH_TEST(a_client_cannot_make_the_server_post_where_only_bots_may_be),
		PUSH_TEST(a_receiver_counts_as_long_as_the_login_that_set_it),
		PUSH_TEST(slow_receivers_do_not_keep_those_of_others_waiting),
		PUSH_TEST(receivers_of_notices_are_limited_and_ended),
		PUSH_TEST(a_receiver_that_fails_for_too_long_is_removed_and_a_bot_is_not),
		PUSH_TEST(a_receiver_is_not_removed_for_what_may_be_the_nodes_own_trouble),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
