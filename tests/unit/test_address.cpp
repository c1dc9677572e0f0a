/* SPDX-License-Identifier: MIT
 * Tests what an address has together, with a clock of the test's own. */
#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/net/address.h"
#include "core/net/network.h"
#include "tests/support/check.h"

static constexpr int64_t minute = 60000;

struct fixture {
	struct address_table table;
	struct core_conf conf {};
	int64_t now = 5000;
};

static int set_up(void **state)
{
	auto f = std::make_unique<struct fixture>();

	f->conf.address_rate = 10;
	f->conf.address_burst = 100;
	f->conf.address_rate_bytes = 1000;
	f->conf.address_burst_bytes = 5000;
	*state = f.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<struct fixture> f(static_cast<struct fixture *>(*state));

	return 0;
}

static struct address_visit enter(struct fixture *f, uint64_t client)
{
	return address_enter(&f->table, client, &f->conf, f->now);
}

static void leave(struct fixture *f, const struct address_visit &visit)
{
	if (visit.verdict == ADDRESS_ADMITTED)
		address_count_guest(visit.entry, false);
	address_leave(&f->table, visit.entry, &f->conf, visit.verdict != ADDRESS_ADMITTED, f->now);
}

static int64_t charge(struct fixture *f, const struct address_visit &visit, int64_t cost, int64_t bytes)
{
	return address_charge(visit.entry, &f->conf, cost, bytes, f->now);
}

static int64_t wait_of(struct fixture *f, const struct address_visit &visit)
{
	return address_wait(visit.entry, &f->conf, f->now);
}

/* ---- rates */

static void connections_of_an_address_share_its_rates(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1), other = enter(f, 1), stranger = enter(f, 2);

	assert_ptr_equal(one.entry, other.entry);
	assert_int_equal(charge(f, one, 60, 0), 0);
	assert_int_equal(charge(f, other, 60, 0), 2000);
	assert_int_equal(wait_of(f, one), 2000);
	assert_int_equal(wait_of(f, stranger), 0);
	assert_int_equal(charge(f, stranger, 100, 0), 0);
	f->now += 1999;
	assert_int_equal(wait_of(f, other), 1);
	f->now++;
	assert_int_equal(wait_of(f, other), 0);
}

static void bytes_have_a_rate_of_their_own_and_the_longer_wait_counts(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1);

	assert_int_equal(charge(f, one, 1, 5000), 0);
	assert_int_equal(charge(f, one, 1, 3000), 3000);
	assert_int_equal(charge(f, one, 108, 0), 3000);
	assert_int_equal(charge(f, one, 40, 0), 5000);
}

static void an_option_that_is_off_limits_nothing(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1);

	f->conf.address_rate = 0;
	assert_int_equal(charge(f, one, 1000000, 1), 0);
	f->conf.address_rate_bytes = 0;
	assert_int_equal(charge(f, one, 1, 1000000), 0);
	assert_int_equal(wait_of(f, one), 0);
}

static void a_rate_that_is_raised_shortens_the_wait(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1);

	assert_int_equal(charge(f, one, 1100, 0), 100000);
	f->conf.address_rate = 1000;
	assert_int_equal(wait_of(f, one), 1000);
	f->now += 1000;
	assert_int_equal(wait_of(f, one), 0);
}

static void workers_whose_clocks_differ_give_nothing_away(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1);

	(void)charge(f, one, 200, 0);
	for (int i = 0; i < 1000; i++) {
		(void)address_charge(one.entry, &f->conf, 0, 0, f->now - 5);
		(void)address_charge(one.entry, &f->conf, 0, 0, f->now);
	}
	assert_int_equal(wait_of(f, one), 10000);
}

static void no_charge_of_two_threads_is_lost(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1);
	std::vector<std::thread> threads;

	for (int i = 0; i < 4; i++)
		threads.emplace_back([f, &one] {
			for (int k = 0; k < 20000; k++)
				(void)charge(f, one, 1, 0);
		});
	for (std::thread &thread : threads)
		thread.join();
	assert_int_equal(wait_of(f, one), (80000 - 100) * 1000 / 10);
}

/* ---- how many */

static void an_address_has_so_many_connections(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->conf.address_connections = 2;
	const struct address_visit first = enter(f, 1), second = enter(f, 1), third = enter(f, 1);
	assert_int_equal(first.verdict, ADDRESS_ADMITTED);
	assert_int_equal(second.verdict, ADDRESS_ADMITTED);
	assert_int_equal(third.verdict, ADDRESS_FULL);
	assert_int_equal(third.connections, 2);
	assert_int_equal(enter(f, 2).verdict, ADDRESS_ADMITTED);
	leave(f, third);
	assert_int_equal(enter(f, 1).verdict, ADDRESS_FULL);
	leave(f, first);
	assert_int_equal(enter(f, 1).verdict, ADDRESS_ADMITTED);
}

static void and_so_many_guests(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->conf.address_guests = 2;
	const struct address_visit first = enter(f, 1);
	assert_int_equal(enter(f, 1).verdict, ADDRESS_ADMITTED);
	assert_int_equal(enter(f, 1).verdict, ADDRESS_FULL_OF_GUESTS);
	address_count_guest(first.entry, false);
	assert_int_equal(enter(f, 1).verdict, ADDRESS_ADMITTED);
	assert_int_equal(enter(f, 1).verdict, ADDRESS_FULL_OF_GUESTS);
}

static void who_was_there_before_the_limit_counts_and_is_not_refused(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->conf.address_connections = 2;
	for (int i = 0; i < 5; i++)
		assert_non_null(address_join(&f->table, 1, &f->conf, false, f->now));
	assert_int_equal(enter(f, 1).verdict, ADDRESS_FULL);
	assert_int_equal(enter(f, 1).connections, 5);
}

static void refusals_of_an_address_are_told_once_a_minute(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	int told = 0;

	f->conf.address_connections = 1;
	(void)enter(f, 1);
	for (int i = 0; i < 180; i++, f->now += 1000) {
		const struct address_visit refused = enter(f, 1);

		told += refused.is_log_due;
		assert_int_equal(refused.refusals, i + 1);
		leave(f, refused);
	}
	assert_int_equal(told, 3);
}

static void the_refusals_of_an_address_without_connections_are_told_no_more_often(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->conf.address_connections = 1;
	const struct address_visit one = enter(f, 1), refused = enter(f, 1);
	assert_true(refused.is_log_due);
	leave(f, refused);
	leave(f, one);
	(void)enter(f, 1);
	assert_false(enter(f, 1).is_log_due);
	f->now += minute;
	assert_true(enter(f, 1).is_log_due);
}

/* ---- what is remembered */

static void who_comes_back_has_the_debt_that_was_left(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct address_visit one = enter(f, 1);

	assert_int_equal(charge(f, one, 200, 0), 10000);
	for (int i = 0; i < 10; i++) {
		leave(f, one);
		one = enter(f, 1);
		assert_int_equal(wait_of(f, one), 10000);
	}
	/* What was used up of the burst is not given again, either. */
	f->now += 10000;
	leave(f, one);
	one = enter(f, 1);
	assert_int_equal(charge(f, one, 1, 0), 100);
}

static void an_address_that_has_nothing_to_remember_is_forgotten(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit one = enter(f, 1), two = enter(f, 2);

	(void)charge(f, two, 50, 0);
	assert_int_equal(f->table.count, 2);
	leave(f, one);
	assert_int_equal(f->table.count, 1);
	leave(f, two);
	assert_int_equal(f->table.count, 1);
	f->now += 5000;
	leave(f, enter(f, 2));
	assert_int_equal(f->table.count, 0);
}

/* The attacker has every address and wants the debts of others, or its own, to be forgotten. */
static void many_addresses_take_no_more_memory_and_no_debt_of_who_is_there(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct address_visit there = enter(f, 1);
	const auto most = static_cast<int64_t>(address_table::parts_count * address_table::most_idle);
	int64_t peak = 0;

	assert_int_equal(charge(f, there, 100000, 0), 9990000);
	for (uint64_t client = 2; client < 200000; client++) {
		const struct address_visit visit = enter(f, client);

		(void)charge(f, visit, 100, 5000);
		leave(f, visit);
		peak = std::max<int64_t>(peak, f->table.count);
	}
	assert_in_range(peak, most * 9 / 10, most + 1);
	assert_int_equal(wait_of(f, there), 9990000);
	assert_ptr_equal(enter(f, 1).entry, there.entry);
}

static void of_those_who_left_the_oldest_is_forgotten(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct address_visit last;
	const uint64_t count = 4 * address_table::parts_count * address_table::most_idle;

	for (uint64_t client = 1; client <= count; client++) {
		last = enter(f, client);
		(void)charge(f, last, 300, 0);
		leave(f, last);
	}
	assert_int_equal(wait_of(f, enter(f, 1)), 0);
	assert_int_equal(wait_of(f, enter(f, count)), 20000);
}

static void a_network_of_ipv6_is_one_address(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct sockaddr_in6 in = {};

	in.sin6_family = AF_INET6;
	f->conf.address_connections = 2;
	const auto visit_from = [&](const char *text) {
		assert_int_equal(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
		return enter(f, network_client(reinterpret_cast<const sockaddr *>(&in))).verdict;
	};
	assert_int_equal(visit_from("2001:db8:0:1::1"), ADDRESS_ADMITTED);
	assert_int_equal(visit_from("2001:db8:0:1:ffff::2"), ADDRESS_ADMITTED);
	assert_int_equal(visit_from("2001:db8:0:1::3"), ADDRESS_FULL);
	assert_int_equal(visit_from("2001:db8:0:2::1"), ADDRESS_ADMITTED);
	assert_int_equal(visit_from("::ffff:192.0.2.1"), ADDRESS_ADMITTED);
	assert_int_equal(visit_from("::ffff:192.0.2.2"), ADDRESS_ADMITTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(connections_of_an_address_share_its_rates),
		TEST(bytes_have_a_rate_of_their_own_and_the_longer_wait_counts),
		TEST(an_option_that_is_off_limits_nothing),
		TEST(a_rate_that_is_raised_shortens_the_wait),
		TEST(workers_whose_clocks_differ_give_nothing_away),
		TEST(no_charge_of_two_threads_is_lost),
		TEST(an_address_has_so_many_connections),
		TEST(and_so_many_guests),
		TEST(who_was_there_before_the_limit_counts_and_is_not_refused),
		TEST(refusals_of_an_address_are_told_once_a_minute),
		TEST(the_refusals_of_an_address_without_connections_are_told_no_more_often),
		TEST(who_comes_back_has_the_debt_that_was_left),
		TEST(an_address_that_has_nothing_to_remember_is_forgotten),
		TEST(many_addresses_take_no_more_memory_and_no_debt_of_who_is_there),
		TEST(of_those_who_left_the_oldest_is_forgotten),
		TEST(a_network_of_ipv6_is_one_address),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
