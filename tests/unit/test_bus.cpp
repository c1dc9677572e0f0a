/* SPDX-License-Identifier: MIT
 * Tests the data that nodes send each other: who gets it, in which order, and which of it is dropped. */
#include <semaphore>
#include <thread>
#include <vector>

#include "core/bus/bus_parcel.h"
#include "tests/support/bus_pair.h"

/* ---- sending */

static void what_is_sent_to_an_account_reaches_its_session_in_order(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *c = log_in(t, &t->nodes[1], 13);
	struct told *told = &t->nodes[1].told[0];
	std::string all;

	for (int i = 0; i < 500; i++) {
		assert_int_equal(send(&t->nodes[0], 0, 13, std::to_string(i), 0), 0);
		all += std::to_string(i) + " ";
	}
	assert_true(wait_for(t, [told, &all] { return told->got.size() >= all.size(); }));
	assert_string_equal(told->got.c_str(), all.c_str());
	assert_int_equal(told->account, 13);
	assert_int_equal(told->conn, c->handle);
	assert_string_equal(t->nodes[1].told[1].got.c_str(), "");
	assert_int_equal(bus_count(t->nodes[0].bus.get()).sent, 500);
	assert_int_equal(bus_count(t->nodes[1].bus.get()).received, 500);
	assert_int_equal(bus_count(t->nodes[1].bus.get()).dropped, 0);
}

static void what_is_sent_to_all_reaches_every_instance_of_the_others(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct told *told = t->nodes[1].told.data();

	send_all(&t->nodes[0], 1, "all", 0);
	send_all(&t->nodes[0], 1, "", 0);
	assert_true(wait_for(t, [told] { return told[0].got == "all  " && told[1].got == "all  "; }));
	assert_int_equal(told[1].account, 0);
	assert_int_equal(told[1].conn, 0);
	assert_string_equal(t->nodes[0].told[0].got.c_str(), "");
}

static void what_arrives_for_a_session_that_ended_is_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *c = log_in(t, &t->nodes[1], 13);

	conn_logout(c);
	assert_int_equal(send(&t->nodes[0], 0, 13, "late", 0), 0);
	assert_true(wait_for(t, [t] { return bus_count(t->nodes[1].bus.get()).dropped == 1; }));
	assert_string_equal(t->nodes[1].told[0].got.c_str(), "");
}

static void the_sends_of_one_turn_leave_together(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	std::binary_semaphore hold(0);

	(void)log_in(t, &t->nodes[1], 13);
	const unsigned before = bus_hub_flushes(t->hub.get(), 0);

	bus_hub_run(t->hub.get(), 0, [&hold] { hold.acquire(); });
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(n, 0, 13, "x", 0), 0);
	hold.release();
	assert_true(wait_for(t, [t] { return bus_count(t->nodes[1].bus.get()).received == 100; }));
	assert_int_equal(bus_hub_flushes(t->hub.get(), 0) - before, 1);
}

/* The driver of the hub has no bound of its own. */
static void a_frame_of_the_greatest_length_is_sent_even_if_it_is_casual(void **state)
{
	auto *t = static_cast<test *>(*state);
	const std::string frame(bus_longest_frame(&bus_hub_driver, nullptr), 'x');

	assert_int_equal(frame.size(), 8184 * 1024);
	(void)log_in(t, &t->nodes[1], 13);
	assert_int_equal(send(&t->nodes[0], 0, 13, frame, CS_ROUTE_CASUAL), 0);
	assert_true(wait_for(t, [t] { return t->nodes[1].told[0].got.size() == 8184 * 1024 + 1; }));
}

/* ---- what does not belong */

static void odd_bytes_and_plugins_that_are_not_here_are_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	const struct bus_parcel stranger {
		.kind = BUS_PARCEL_ALL, .plugin = "games", .body = "x"
	};
	const struct bus_parcel good {
		.kind = BUS_PARCEL_ALL, .plugin = "chat", .body = "good"
	};
	struct bus *b = t->nodes[1].bus.get();

	bus_hub_inject(t->hub.get(), 1, "");
	bus_hub_inject(t->hub.get(), 1, "what is this, that comes over the bus?");
	bus_hub_inject(t->hub.get(), 1, bus_parcel_encode(&stranger));
	bus_hub_inject(t->hub.get(), 1, bus_parcel_encode(&good));
	assert_true(wait_for(t, [t] { return t->nodes[1].told[1].got == "good "; }));
	assert_string_equal(t->nodes[1].told[0].got.c_str(), "good ");
	assert_int_equal(bus_count(b).dropped, 3);
	assert_int_equal(bus_count(b).received, 1);
}

/* ---- from several threads */

static constexpr int senders = 4, messages = 2000;

struct note {
	int from, number;
};

struct notes {
	int next[senders] = {}, received = 0;
	bool in_order = true;
};

static void on_note(void *state, cs_conn, cs_account, const struct cs_parcel *parcel)
{
	auto *all = static_cast<notes *>(state);
	const auto *n = static_cast<const struct note *>(parcel->head);

	all->in_order = all->in_order && parcel->head_size == sizeof *n && all->next[n->from] == n->number;
	all->next[n->from]++;
	all->received++;
}

static void send_notes(struct node *n, int from)
{
	for (int i = 0; i < messages; i++) {
		const struct note note = {from, i};
		const struct cs_parcel parcel = {&note, sizeof note, nullptr};

		(void)!bus_send(n->bus.get(), self_of(n, 0), 13, CS_EVERY_DEVICE, &parcel, 0);
	}
}

static void the_order_of_each_sending_thread_is_kept(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *to = &t->nodes[1];
	std::vector<std::thread> all;
	notes notes;

	(void)log_in(t, to, 13);
	to->f->plugins.plugins[0]->declared.routed = on_note;
	self_of(to, 0)->state = &notes;
	for (int from = 0; from < senders; from++)
		all.emplace_back(send_notes, &t->nodes[0], from);
	for (std::thread &thread : all)
		thread.join();
	assert_true(wait_for(t, [&notes] { return notes.received == senders * messages; }));
	assert_true(notes.in_order);
	assert_true(is_quiet(t));
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(what_is_sent_to_an_account_reaches_its_session_in_order),
		TEST(what_is_sent_to_all_reaches_every_instance_of_the_others),
		TEST(what_arrives_for_a_session_that_ended_is_dropped),
		TEST(the_sends_of_one_turn_leave_together),
		TEST(a_frame_of_the_greatest_length_is_sent_even_if_it_is_casual),
		TEST(odd_bytes_and_plugins_that_are_not_here_are_dropped),
		TEST(the_order_of_each_sending_thread_is_kept),
	};

	return cmocka_run_group_tests_name("bus", tests, nullptr, nullptr);
}
