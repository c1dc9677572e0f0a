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

static uint64_t steps(void)
{
	return number_of("CS_STEPS", number_of("CS_LONG", 0) ? 200000 : 6000);
}

static unsigned new_seed(void)
{
	return static_cast<unsigned>(number_of("CS_SEED", static_cast<uint64_t>(time(nullptr)) * 1000 + static_cast<uint64_t>(getpid()) % 1000) % 1000000000);
}

static void every_frame_and_answer_is_what_the_model_says(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	conversation_play p;

	play_set_options(s);
	test_server_start(s);
	play_begin(&p, {s}, new_seed());
	while (p.steps < steps())
		play_step(&p);
	play_end(&p);
	print_message("%llu steps, %llu logins, %llu granted, %llu refused, %llu frames\n",
	              static_cast<unsigned long long>(p.steps), static_cast<unsigned long long>(p.logins),
	              static_cast<unsigned long long>(p.granted), static_cast<unsigned long long>(p.refused),
	              static_cast<unsigned long long>(p.m.delivered));
	for (const auto &[msgid, count] : p.grants)
		print_message("  msgid %d granted %llu times\n", msgid, static_cast<unsigned long long>(count));
	test_server_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_frame_and_answer_is_what_the_model_says, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
