/* SPDX-License-Identifier: MIT
 * Tests conversations on a real server against a model: five accounts with three devices each send random requests, and
 * each frame and each answer must be what the model says.
 *
 * CS_SEED repeats a run; CS_LONG=1 makes it longer; CS_STEPS sets how many steps it has. */
#include "tests/support/check.h"
#include "tests/support/conversation_play.h"
#include "tests/support/server.h"

static void every_frame_and_answer_is_what_the_model_says(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, play_new_seed());
	while (p.steps < play_steps(4000))
		play_step(&p);
	play_end(&p);
	play_report(&p);
	test_server_stop(s);
}

static void requests_that_are_under_way_together_are_done_in_the_order_of_their_seqs(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, play_new_seed());
	while (p.steps < play_steps(2500))
		if (p.clients.size() < 4 || play_roll(&p, 3) == 0)
			play_step(&p);
		else
			play_burst(&p, false);
	play_end(&p);
	play_report(&p);
	test_server_stop(s);
}

static void what_was_acknowledged_is_done_whenever_the_server_is_killed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, play_new_seed());
	while (p.steps < play_steps(2000))
		if (p.clients.size() < 4 || play_roll(&p, 3))
			play_step(&p);
		else
			play_burst(&p, play_roll(&p, 10) == 0);
	play_end(&p);
	play_report(&p);
	test_server_stop(s);
}

static void strangers_blocks_and_what_is_too_late_are_refused_as_the_model_says(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	play_set_strict(&p, s);
	test_server_start(s);
	play_begin(&p, {s}, play_new_seed());
	while (p.steps < play_steps(1500))
		play_step(&p);
	play_end(&p);
	play_report(&p);
	test_server_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_frame_and_answer_is_what_the_model_says, test_server_setup,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(
			requests_that_are_under_way_together_are_done_in_the_order_of_their_seqs, test_server_setup,
			test_server_teardown),
		cmocka_unit_test_setup_teardown(strangers_blocks_and_what_is_too_late_are_refused_as_the_model_says,
	                                        test_server_setup, test_server_teardown),
		cmocka_unit_test_setup_teardown(what_was_acknowledged_is_done_whenever_the_server_is_killed,
	                                        test_server_setup, test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
