/* SPDX-License-Identifier: MIT
 * Tests the messages that are kept for an account that is away, and reliable sessions (RELIABLE SESSIONS in
 * chatserverd-protocol(7)). */
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/socket.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* Sends count messages "1", "2", ... and waits until all are safe. padding makes each longer. */
static void send_many(test_client *from, int64_t to, int count, size_t padding = 0)
{
	const std::string tail(padding, '.');

	for (int i = 1; i < count; i++)
		client_chat(from, to, check_format("%d%s", i, tail.c_str()));
	client_chat_safely(from, to, check_format("%d%s", count, tail.c_str()));
}

/* Message number i of send_many. */
static void check_message(const test_client *c, const cJSON *json, int i, test_at at = test_at::current())
{
	if (json_integer(json, "msgid") != 6 || json_integer(json, "seq") != i ||
	    atoi(json_text(json, "msg").c_str()) != i)
		client_fail(c, at, "expected message %d, got seq %lld \"%s\"", i, (long long)json_integer(json, "seq"),
		            json_text(json, "msg").substr(0, 20).c_str());
}

static size_t check_page(const test_client *c, const test_frame &ack, int first, test_at at = test_at::current())
{
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");

	for (size_t i = 0; i < kept.size(); i++)
		check_message(c, kept[i].get(), first + (int)i, at);
	return kept.size();
}

static void kept_messages_come_with_the_ack_once_and_in_order(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_open(s);
	const int64_t b = client_absent(s, "bob");

	send_many(ann, b, 20);
	assert_int_equal(check_page(bob, client_login(bob, b), 1), 20);
	client_expect_quiet(bob);
	client_logout(bob);
	assert_false(json_has(client_login(bob, b).json.get(), "offlinemsg"));
	client_close(bob);
	test_frame ack;
	client_return(s, b, &ack);
	assert_false(json_has(ack.json.get(), "offlinemsg"));
}

static void of_500_messages_200_come_in_the_ack_and_the_rest_after_it(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_open(s);
	const int64_t b = client_absent(s, "bob");

	send_many(ann, b, 500);
	assert_int_equal(check_page(bob, client_login(bob, b), 1), 200);
	for (int i = 201; i <= 500; i++)
		check_message(bob, client_read(bob).json.get(), i);
	client_chat_safely(ann, b, "501");
	check_message(bob, client_read(bob).json.get(), 501);
	client_expect_quiet(bob);
}

static void the_ack_holds_256_kib_of_messages_at_most(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_open(s);
	const int64_t b = client_absent(s, "bob");
	size_t bytes = 0;

	send_many(ann, b, 20, 60000);
	const test_frame ack = client_login(bob, b);
	const size_t count = check_page(bob, ack, 1);
	const cJSON *item;
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(ack.json.get(), "offlinemsg")) bytes +=
		strlen(item->valuestring);
	if (bytes > 256 * 1024 || count < 1)
		client_fail(bob, test_at::current(), "%zu messages, %zu bytes in the ACK", count, bytes);
	for (int i = (int)count + 1; i <= 20; i++)
		check_message(bob, client_read(bob).json.get(), i);
	client_expect_quiet(bob);
}

static void a_thousand_kept_messages_and_live_ones_do_not_overtake_each_other(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_open(s);
	const int64_t b = client_absent(s, "bob");

	send_many(ann, b, 1000);
	client_sendf(bob, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)b);
	for (int i = 1001; i <= 1400; i++)
		client_chat(ann, b, check_format("%d", i));
	const test_frame ack = client_expect(bob, "{\"msgid\":2,\"errno\":0}");
	for (int i = 1 + (int)check_page(bob, ack, 1); i <= 1400; i++)
		check_message(bob, client_read(bob).json.get(), i);
	client_expect_quiet(bob);
}

static void messages_of_many_conversations_come_in_the_order_they_were_sent(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *senders[] = {client_enter(s, "ann"), client_enter(s, "bea"), client_enter(s, "cleo")};
	test_client *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(senders[0], client_new_name("g"));

	client_join_group(bob, group);
	client_logout(bob);
	for (int i = 0; i < 30; i++) {
		if (i % 4 == 3)
			client_group_chat_safely(senders[0], group, check_format("%d", i));
		else
			client_chat_safely(senders[i % 3], bob->id, check_format("%d", i));
		check_sleep_ms(2);
	}
	const test_frame ack = client_login(bob, bob->id);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 30);
	for (int i = 0; i < 30; i++)
		assert_int_equal(atoi(json_text(kept[(size_t)i].get(), "msg").c_str()), i);
}

static void kept_messages_survive_a_restart(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann, *bob;
	int64_t a, b;

	ann = client_enter(s, "ann");
	a = ann->id;
	b = client_absent(s, "bob");
	send_many(ann, b, 300);
	s->clients.clear();
	test_server_restart(s);
	bob = client_open(s);
	const test_frame ack = client_login(bob, b);
	for (int i = 1 + (int)check_page(bob, ack, 1); i <= 300; i++)
		check_message(bob, client_read(bob).json.get(), i);
	client_expect_quiet(bob);
	s->clients.clear();
	test_server_restart(s);
	ann = client_return(s, a);
	client_chat_safely(ann, b, "301");
	bob = client_open(s);
	assert_int_equal(check_page(bob, client_login(bob, b), 301), 1);
}

/* Far more than socket buffers hold: what the kernel never took has not been received. */
static void what_the_connection_did_not_take_comes_again(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_open(s, 4096);
	const int64_t b = client_absent(s, "bob");
	int first = 0;

	send_many(ann, b, 200, 60000);
	client_sendf(bob, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)b);
	/* The ACK is on its way when its first bytes are here; they stay unread. */
	char byte;
	check_wait("the ACK", [&] { return recv(bob->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1; });
	check_sleep_ms(200);
	client_reset(bob);
	test_frame ack;
	bob = client_return(s, b, &ack);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_true(kept.size() > 0);
	first = (int)json_integer(kept[0].get(), "seq");
	for (int i = first + (int)check_page(bob, ack, first); i <= 200; i++)
		check_message(bob, client_read(bob).json.get(), i);
	client_expect_quiet(bob);
}

/* ---- reliable sessions */

static const char acknowledging[] = ",\"ack\":true";

static void without_delivered_everything_comes_again(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", acknowledging);
	const int64_t b = bob->id;

	send_many(ann, b, 10);
	for (int round = 0; round < 3; round++) {
		if (round == 0)
			for (int i = 1; i <= 10; i++)
				check_message(bob, client_read(bob).json.get(), i);
		client_logout(bob);
		assert_int_equal(check_page(bob, client_login(bob, b, acknowledging), 1), 10);
		client_expect_quiet(bob);
	}
	client_close(bob);
	test_frame ack;
	bob = client_return(s, b, &ack);
	assert_int_equal(check_page(bob, ack, 1), 10);
	client_logout(bob);
	assert_false(json_has(client_login(bob, b, acknowledging).json.get(), "offlinemsg"));
}

static void delivered_confirms_all_up_to_its_seq(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", acknowledging);
	const long long b = bob->id, a = ann->id;

	send_many(ann, b, 10);
	for (int i = 1; i <= 10; i++)
		check_message(bob, client_read(bob).json.get(), i);
	client_sendf(bob, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":4}", b, a);
	client_expect_quiet(bob);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":2", b, a);
	client_logout(bob);
	assert_int_equal(check_page(bob, client_login(bob, b, acknowledging), 5), 6);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":10", b, a);
	client_close(bob);
	test_frame ack;
	bob = client_return(s, b, &ack, acknowledging);
	assert_false(json_has(ack.json.get(), "offlinemsg"));
	client_expect_quiet(bob);
}

static void delivered_of_a_group_confirms_that_group_only(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", acknowledging);
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	for (int i = 1; i <= 3; i++) {
		client_group_chat_safely(ann, group, "to all");
		client_chat_safely(ann, bob->id, check_format("%d", i));
	}
	for (int i = 0; i < 6; i++)
		client_read(bob);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"groupid\":%lld,\"seq\":5", (long long)bob->id,
	           (long long)group);
	client_logout(bob);
	assert_int_equal(check_page(bob, client_login(bob, bob->id, acknowledging), 1), 3);
}

static void delivered_above_the_last_seq_is_a_bad_frame(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", acknowledging),
		    *eve = client_enter(s, "eve");
	const long long b = bob->id, a = ann->id;
	const long long group = client_create_group(ann, client_new_name("g"));

	send_many(ann, b, 2);
	check_message(bob, client_read(bob).json.get(), 1);
	check_message(bob, client_read(bob).json.get(), 2);
	CLIENT_ASK(bob, 4, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":3", b, a);
	client_sendf(bob, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":9007199254740991}", b, a);
	client_expect(bob, "{\"msgid\":100,\"of\":104,\"errno\":4,\"req\":null}");
	CLIENT_ASK(bob, 6, "{\"msgid\":104,\"id\":%lld,\"peer\":8000000,\"seq\":1", b);
	CLIENT_ASK(eve, 6, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":1", (long long)eve->id, a);
	CLIENT_ASK(eve, 8, "{\"msgid\":104,\"id\":%lld,\"groupid\":%lld,\"seq\":1", (long long)eve->id, group);
	client_logout(bob);
	assert_int_equal(check_page(bob, client_login(bob, b, acknowledging), 1), 2);
}

/* Reads until nothing has come for a while: how many frames. */
static int count_until_silence(test_client *c, int first, test_at at = test_at::current())
{
	test_frame frame;
	int count = 0;

	while (client_try_read(c, &frame, 400))
		check_message(c, frame.json.get(), first + count++, at);
	return count;
}

static void at_most_256_frames_are_on_their_way_unconfirmed(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_open(s);
	const int64_t b = client_absent(s, "bob");

	send_many(ann, b, 700);
	const test_frame ack = client_login(bob, b, acknowledging);
	assert_int_equal(check_page(bob, ack, 1), 200);
	assert_int_equal(count_until_silence(bob, 201), 56);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":100", (long long)b, (long long)ann->id);
	assert_int_equal(count_until_silence(bob, 257), 100);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":356", (long long)b, (long long)ann->id);
	assert_int_equal(count_until_silence(bob, 357), 256);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":612", (long long)b, (long long)ann->id);
	assert_int_equal(count_until_silence(bob, 613), 88);
}

static void live_messages_wait_for_the_window_too(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", acknowledging);

	send_many(ann, bob->id, 400);
	assert_int_equal(count_until_silence(bob, 1), 256);
	CLIENT_ASK(bob, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":256", (long long)bob->id,
	           (long long)ann->id);
	assert_int_equal(count_until_silence(bob, 257), 144);
	client_chat_safely(ann, bob->id, "401");
	check_message(bob, client_read(bob).json.get(), 401);
}

static void the_senders_own_messages_are_no_gap_and_never_come_back(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann", acknowledging), *bob = client_enter(s, "bob");

	for (int i = 0; i < 300; i++)
		client_chat(ann, bob->id, "to bob");
	client_chat_safely(ann, bob->id, "to bob");
	client_chat_safely(bob, ann->id, "back");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"back\",\"seq\":302}");
	CLIENT_ASK(ann, 0, "{\"msgid\":104,\"id\":%lld,\"peer\":%lld,\"seq\":302", (long long)ann->id,
	           (long long)bob->id);
	client_logout(ann);
	assert_false(json_has(client_login(ann, ann->id, acknowledging).json.get(), "offlinemsg"));
}

static void ping_and_delivered_are_enough_for_an_idle_limit(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *silent, *asleep, *out, *pinging;
	const int64_t start = check_now();

	test_server_set(s, "core.idle_timeout", check_format("%llds", (long long)(2 * check_patience_factor())));
	test_server_start(s);
	silent = client_open(s);
	asleep = client_enter(s, "asleep");
	out = client_enter(s, "out");
	client_logout(out);
	pinging = client_enter(s, "pinging");
	while (check_now() < start + 5000 * check_patience_factor()) {
		client_sendf(pinging, "{\"msgid\":102}");
		client_expect(pinging, "{\"msgid\":103}");
		check_sleep_ms(100);
	}
	for (test_client *client : {silent, asleep, out})
		client_expect_end(client);
	client_expect_quiet(pinging);
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept_messages_come_with_the_ack_once_and_in_order),
		TEST(of_500_messages_200_come_in_the_ack_and_the_rest_after_it),
		TEST(the_ack_holds_256_kib_of_messages_at_most),
		TEST(a_thousand_kept_messages_and_live_ones_do_not_overtake_each_other),
		TEST(messages_of_many_conversations_come_in_the_order_they_were_sent),
		TEST(kept_messages_survive_a_restart),
		TEST(what_the_connection_did_not_take_comes_again),
		TEST(without_delivered_everything_comes_again),
		TEST(delivered_confirms_all_up_to_its_seq),
		TEST(delivered_of_a_group_confirms_that_group_only),
		TEST(delivered_above_the_last_seq_is_a_bad_frame),
		TEST(at_most_256_frames_are_on_their_way_unconfirmed),
		TEST(live_messages_wait_for_the_window_too),
		TEST(the_senders_own_messages_are_no_gap_and_never_come_back),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(ping_and_delivered_are_enough_for_an_idle_limit),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
