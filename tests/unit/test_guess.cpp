/* SPDX-License-Identifier: MIT
 * Tests the pauses between wrong guesses, with a clock of the test's own. */
#include <memory>

#include "core/net/guess.h"
#include "tests/support/check.h"

static constexpr uint64_t ann = 1, bob = 2;
static constexpr int64_t second = 1000, minute = 60 * second;

struct fixture {
	struct guess_table guesses;
	int64_t now = 5000;
	int64_t most = 0;
};

static int set_up(void **state)
{
	*state = std::make_unique<struct fixture>().release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<struct fixture> f(static_cast<struct fixture *>(*state));

	return 0;
}

static int64_t wait_of(struct fixture *f, uint64_t client, uint64_t subject)
{
	return guess_wait(&f->guesses, client, subject, f->most, f->now);
}

static void note(struct fixture *f, uint64_t client, uint64_t subject, bool right, int times = 1)
{
	for (int i = 0; i < times; i++)
		guess_note(&f->guesses, client, subject, f->most, right, f->now);
}

static void the_pause_doubles_from_the_fifth_failure_on(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	note(f, 10, ann, false, 4);
	assert_int_equal(wait_of(f, 10, ann), 0);
	for (const int64_t seconds : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
		note(f, 10, ann, false);
		assert_int_equal(wait_of(f, 10, ann), seconds * second);
		f->now += seconds * second - 1;
		assert_int_equal(wait_of(f, 10, ann), 1);
		f->now++;
		assert_int_equal(wait_of(f, 10, ann), 0);
	}
}

static void nobody_else_is_held_back(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	note(f, 10, ann, false, 20);
	assert_true(wait_of(f, 10, ann) > 0);
	assert_int_equal(wait_of(f, 11, ann), 0);
	assert_int_equal(wait_of(f, 10, bob), 0);
}

static void to_try_during_the_pause_does_not_lengthen_it(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	note(f, 10, ann, false, 7);
	for (int i = 0; i < 100; i++)
		assert_int_equal(wait_of(f, 10, ann), 4 * second);
	assert_int_equal(f->guesses.failed, 7);
	assert_int_equal(f->guesses.refused, 100);
}

static void the_right_guess_forgets_the_wrong_ones(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	note(f, 10, ann, false, 9);
	note(f, 10, bob, false, 9);
	note(f, 10, ann, true);
	assert_int_equal(wait_of(f, 10, ann), 0);
	note(f, 10, ann, false, 4);
	assert_int_equal(wait_of(f, 10, ann), 0);
	assert_true(wait_of(f, 10, bob) > 0);
}

static void a_quarter_of_an_hour_forgets_as_well(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	note(f, 10, ann, false, 20);
	f->now += 15 * minute - 1;
	assert_int_equal(wait_of(f, 10, ann), 0);
	note(f, 10, ann, false);
	assert_int_equal(wait_of(f, 10, ann), 300 * second);
	f->now += 15 * minute;
	note(f, 10, ann, false, 4);
	assert_int_equal(wait_of(f, 10, ann), 0);
}

static void a_client_fails_so_often_a_minute_whatever_it_guesses(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	uint64_t subject = 100;
	int judged = 0;

	f->most = 30;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(wait_of(f, 10, subject), 0);
		note(f, 10, subject++, false);
	}
	assert_int_equal(wait_of(f, 10, subject), 2 * second);
	assert_int_equal(wait_of(f, 11, subject), 0);
	/* Ten minutes of a client that tries all the time. */
	for (const int64_t end = f->now + 10 * minute; f->now < end; f->now += 10) {
		if (wait_of(f, 10, subject) > 0)
			continue;
		note(f, 10, subject++, false);
		judged++;
	}
	assert_in_range(judged, 295, 300);
	f->most = 0;
	assert_int_equal(wait_of(f, 10, subject), 0);
}

/* Guesses that were begun together are all judged, and paid for afterwards. */
static void what_ran_side_by_side_is_paid_back(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->most = 60;
	for (uint64_t subject = 100; subject < 180; subject++)
		note(f, 10, subject, false);
	assert_int_equal(wait_of(f, 10, 1000), 21 * second);
	f->now += 21 * second;
	assert_int_equal(wait_of(f, 10, 1000), 0);
	note(f, 10, 1000, true);
	assert_int_equal(wait_of(f, 10, 1000), 0);
	note(f, 10, 1000, false);
	assert_int_equal(wait_of(f, 10, 1001), second);
}

static void a_flood_of_clients_frees_no_guesser(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const size_t entries = f->guesses.entries.size();

	f->most = 30;
	for (uint64_t guesser = 1; guesser <= 100; guesser++) {
		note(f, guesser, ann, false, 14);
		for (uint64_t subject = 100; subject < 120; subject++)
			note(f, guesser, subject, false);
	}
	for (uint64_t client = 1000; client < 1000 + 4 * entries; client++)
		note(f, client, client, false);
	assert_int_equal(f->guesses.entries.size(), entries);
	for (uint64_t guesser = 1; guesser <= 100; guesser++) {
		assert_int_equal(wait_of(f, guesser, ann), 300 * second);
		assert_true(wait_of(f, guesser, bob) > 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_pause_doubles_from_the_fifth_failure_on),
		TEST(nobody_else_is_held_back),
		TEST(to_try_during_the_pause_does_not_lengthen_it),
		TEST(the_right_guess_forgets_the_wrong_ones),
		TEST(a_quarter_of_an_hour_forgets_as_well),
		TEST(a_client_fails_so_often_a_minute_whatever_it_guesses),
		TEST(what_ran_side_by_side_is_paid_back),
		TEST(a_flood_of_clients_frees_no_guesser),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
