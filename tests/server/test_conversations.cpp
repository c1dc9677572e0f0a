/* SPDX-License-Identifier: MIT
 * Tests conversations on a real server against a model: five accounts with three devices each send random requests, and
 * each frame and each answer must be what the model says.
 *
 * CS_SEED repeats a run; CS_LONG=1 makes it longer; CS_STEPS sets how many steps it has. */
#include <cstdlib>
#include <ctime>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/conversation_play.h"
#include "tests/support/server.h"

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);
	return value && *value ? strtoull(value, nullptr, 10) : otherwise;
}

static uint64_t steps(uint64_t briefly)
{
	return number_of("CS_STEPS", number_of("CS_LONG", 0) ? 30 * briefly : briefly);
}

static unsigned new_seed(void)
{
	return static_cast<unsigned>(number_of("CS_SEED", static_cast<uint64_t>(time(nullptr)) * 1000 +
	                                                          static_cast<uint64_t>(getpid()) % 1000) %
	                             1000000000);
}

static void report(const conversation_play *p)
{
	print_message("%llu steps, %llu logins, %llu granted, %llu refused, %llu frames, %llu bursts, %llu kills, "
	              "%llu unanswered, of these %llu done\n",
	              static_cast<unsigned long long>(p->steps), static_cast<unsigned long long>(p->logins),
	              static_cast<unsigned long long>(p->granted), static_cast<unsigned long long>(p->refused),
	              static_cast<unsigned long long>(p->m.delivered), static_cast<unsigned long long>(p->bursts),
	              static_cast<unsigned long long>(p->kills), static_cast<unsigned long long>(p->unanswered),
	              static_cast<unsigned long long>(p->unanswered_done));
	for (const auto &[msgid, count] : p->grants)
		print_message("  msgid %d granted %llu times\n", msgid, static_cast<unsigned long long>(count));
}

static void every_frame_and_answer_is_what_the_model_says(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, new_seed());
	while (p.steps < steps(4000))
		play_step(&p);
	play_end(&p);
	report(&p);
	test_server_stop(s);
}

static void requests_that_are_under_way_together_are_done_in_the_order_of_their_seqs(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, new_seed());
	while (p.steps < steps(2500))
		if (p.clients.size() < 4 || play_roll(&p, 3) == 0)
			play_step(&p);
		else
			play_burst(&p, false);
	play_end(&p);
	report(&p);
	test_server_stop(s);
}

static void what_was_acknowledged_is_done_whenever_the_server_is_killed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, new_seed());
	while (p.steps < steps(2000))
		if (p.clients.size() < 4 || play_roll(&p, 3))
			play_step(&p);
		else
			play_burst(&p, play_roll(&p, 10) == 0);
	play_end(&p);
	report(&p);
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
		cmocka_unit_test_setup_teardown(what_was_acknowledged_is_done_whenever_the_server_is_killed,
	                                        test_server_setup, test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
