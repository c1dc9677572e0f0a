/* SPDX-License-Identifier: MIT
 * Tests that a login after a change of network is let in within seconds, and that a login beside a live session is
 * refused. */
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/mute.h"
#include "tests/support/server.h"

/* chatserverd-protocol(7) says 5 s; a busy machine needs a moment more. */
static int64_t soon_ms(void)
{
	return 5000 + check_soon_ms();
}

static void send_login(test_client *c, int64_t id, const char *more = "")
{
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"%s}", static_cast<long long>(id), more);
}

/* The machine of that client is gone: it takes no leave. */
static void vanish(const test_client *c)
{
	assert_true(mute_socket(c->fd));
}

static void who_has_changed_the_network_is_in_within_five_seconds(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *eve = client_enter(s, "eve"), *next = client_open(s);

	vanish(ann);
	const int64_t begun = check_now();
	send_login(next, ann->id);
	client_expect(next, "{\"msgid\":2,\"errno\":0}");
	assert_true(check_now() - begun < soon_ms());
	client_chat_safely(eve, ann->id, "are you there?");
	client_expect(next, "{\"msg\":\"are you there?\",\"seq\":1}");
	test_server_wait_log(s, "why=\"another login came and this peer does not answer\"");
}

/* What was written into the void comes to the new session: the kernel had taken it, so that it comes once more only
 * for those who confirm. */
static void nothing_that_was_not_confirmed_is_lost_by_it(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", ",\"ack\":true"), *eve = client_enter(s, "eve"),
		    *next = client_open(s);

	vanish(ann);
	for (int i = 1; i <= 3; i++)
		client_chat_safely(eve, ann->id, std::to_string(i));
	const int64_t begun = check_now();
	send_login(next, ann->id, ",\"ack\":true");
	const test_frame ack = client_expect(next, "{\"msgid\":2,\"errno\":0}");
	assert_true(check_now() - begun < soon_ms());
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 3);
	for (size_t i = 0; i < kept.size(); i++)
		assert_int_equal(json_integer(kept[i].get(), "seq"), i + 1);
}

static void beside_a_live_session_nobody_waits_long(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *second = client_open(s);

	for (int i = 0; i < 3; i++) {
		const int64_t begun = check_now();

		send_login(second, ann->id);
		client_expect(second, "{\"msgid\":2,\"errno\":2}");
		assert_true(check_now() - begun < 2000 * check_patience_factor());
	}
	client_expect_quiet(ann);
	client_chat_safely(ann, ann->id, "still here");
	client_expect(ann, "{\"msg\":\"still here\"}");
}

static void of_all_who_come_for_a_dead_session_one_gets_in(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");
	std::vector<test_client *> others;
	int granted = 0;

	vanish(ann);
	for (int i = 0; i < 6; i++) {
		others.push_back(client_open(s));
		send_login(others.back(), ann->id);
	}
	for (test_client *other : others) {
		const test_frame answer = client_expect(other, "{\"msgid\":2}");
		const int64_t number = json_integer(answer.json.get(), "errno");

		assert_true(number == 0 || number == 2);
		granted += number == 0;
	}
	assert_int_equal(granted, 1);
}

static void who_gives_up_waiting_takes_nothing_along(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *second = client_open(s), *third = client_open(s);

	vanish(ann);
	send_login(second, ann->id);
	check_sleep_ms(300);
	client_reset(second);
	send_login(third, ann->id);
	client_expect(third, "{\"msgid\":2,\"errno\":0}");
	client_expect_quiet(third);
}

/* The older session ends while it is probed: its LOGOUT comes, or its machine says that it is gone. */
static void who_leaves_while_it_is_probed_makes_room_at_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (int i = 0; i < 3; i++) {
		test_client *ann = client_enter(s, "ann"), *second = client_open(s);

		vanish(ann);
		send_login(second, ann->id);
		check_sleep_ms(200);
		if (i == 0)
			client_sendf(ann, "{\"msgid\":3,\"id\":%lld}", static_cast<long long>(ann->id));
		else if (i == 1)
			client_close(ann);
		else
			client_reset(ann);
		const int64_t begun = check_now();
		client_expect(second, "{\"msgid\":2,\"errno\":0}");
		assert_true(check_now() - begun < 2000 * check_patience_factor());
	}
}

static void who_waits_when_the_server_stops_is_told_so(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *second = client_open(s);

	vanish(ann);
	send_login(second, ann->id);
	check_sleep_ms(300);
	test_server_signal(s, SIGTERM);
	client_expect(second, "{\"msgid\":100,\"of\":0,\"errno\":13}");
	/* The vanished session is closed as all others are; its place may become free for the one that waits. */
	const test_frame ack = client_read(second);
	assert_true(json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":13}") ||
	            json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":0}"));
	client_expect_end(second);
	assert_int_equal(test_server_wait(s, 15000), 0);
	assert_true(test_server_is_sound(s));
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_has_changed_the_network_is_in_within_five_seconds),
		TEST(nothing_that_was_not_confirmed_is_lost_by_it),
		TEST(beside_a_live_session_nobody_waits_long),
		TEST(of_all_who_come_for_a_dead_session_one_gets_in),
		TEST(who_gives_up_waiting_takes_nothing_along),
		TEST(who_leaves_while_it_is_probed_makes_room_at_once),
	};
	const struct CMUnitTest stopping[] = {
		cmocka_unit_test_setup_teardown(who_waits_when_the_server_stops_is_told_so, test_server_setup,
	                                        test_server_teardown),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(stopping, nullptr, nullptr);
}
