/* SPDX-License-Identifier: MIT
 * Tests that a client that closes and comes back at once, with messages still on their way to the store, does not
 * overtake them. */
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const int rounds = 60;
static const int burst = 100;

/* No answers are asked for, so that the close is a FIN behind all of them. */
static void send_burst(test_client *c, int64_t to, int *next)
{
	for (int i = 0; i < burst; i++, ++*next)
		client_chat(c, to, check_format("%d", *next));
}

static void who_returns_at_once_does_not_overtake_what_was_sent_before(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *bob = client_enter(s, "bob");
	const int64_t ann = client_absent(s, "ann");
	int sent = 0, received = 0;

	for (int round = 0; round < rounds; round++) {
		test_client *c = client_return(s, ann);

		send_burst(c, bob->id, &sent);
		client_close(c);
		c = client_return(s, ann);
		client_chat(c, bob->id, check_format("%d", sent++));
		client_close(c);
		for (; received < sent; received++)
			client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\"}", received));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(who_returns_at_once_does_not_overtake_what_was_sent_before,
	                                  test_server_close_clients),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
