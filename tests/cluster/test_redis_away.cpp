/* SPDX-License-Identifier: MIT
 * Tests that people on different nodes can chat while Redis is away, with no more delay than mailbox.sweep_away. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"

static void talk_goes_on_with_a_bounded_delay(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const int64_t away = cluster_time(6000, 20000);

	cluster_set(c, "mailbox.sweep", "0");
	cluster_set(c, "mailbox.sweep_away", "1s");
	cluster_start(c);
	cluster_load(c);
	c->work->cuts_wanted = 0;
	load_run(c->work, 2000);
	load_forget_slowest(c->work);
	redis_kill(c->bus);
	/* That the bus is gone is seen at once; a frozen one after 3 s. */
	load_run(c->work, away);
	print_message("slowest delivery without Redis: %lld ms\n",
	              static_cast<long long>(c->work->book.slowest_delivery));
	assert_true(c->work->book.slowest_delivery < 3000 * check_patience_factor());
	cluster_heal(c, "all said without Redis", 3000);
	redis_start(c->bus);
	cluster_wait_bus(c);
	load_run(c->work, 1000);
	cluster_heal(c, "Redis is back", 20000);
	cluster_judge(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(talk_goes_on_with_a_bounded_delay, cluster_setup, cluster_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
