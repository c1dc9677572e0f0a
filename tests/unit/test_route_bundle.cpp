/* SPDX-License-Identifier: MIT
 * Tests bundles between two workers: when casual parcels leave, in which order they arrive, and what may wait. */
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "core/plugin/host.h"
#include "core/session/route.h"
#include "core/store/store.h"
#include "tests/support/parcel.h"
#include "tests/support/worker_fixture.h"

/* Account 10 has a session on worker 0, account 11 on worker 1. */
struct side {
	std::string got;
	int next = 0, sent = 0;
	bool in_order = true;
	struct worker *worker = nullptr;
};

struct test {
	std::unique_ptr<struct worker_fixture> f;
	std::array<side, 2> sides;
};

static void on_text(void *state, cs_conn, cs_account, const struct cs_parcel *parcel)
{
	static_cast<side *>(state)->got.append(parcel_text(parcel)).append(" ");
}

static struct cs_self *self_of(const side *s)
{
	return s->worker->instances[0].get();
}

static int send(const side *from, cs_account to, std::string_view text, unsigned flags = CS_ROUTE_CASUAL)
{
	const struct cs_parcel parcel = {text.data(), text.size(), nullptr};

	return route_to_account(self_of(from), to, CS_EVERY_DEVICE, &parcel, flags);
}

static bool add_worker(test *t)
{
	auto w = std::make_unique<worker>();
	struct cs_error e;

	if (worker_open(w.get(), 1, &t->f->shared, &e) != 0)
		return false;
	conn_table_open(w.get(), &t->f->conf);
	plugin_add_instance(t->f->plugins.plugins[0].get(), w.get())->started = true;
	t->f->shared.workers.push_back(std::move(w));
	return true;
}

static int set_up(void **state)
{
	auto t = std::make_unique<test>();
	int peer;

	t->f = worker_fixture_make();
	struct cs_plugin *declared = &t->f->plugins.plugins[0]->declared;

	declared->routed = on_text;
	declared->closed = nullptr;
	declared->written = nullptr;
	if (!add_worker(t.get()))
		return -1;
	for (unsigned i = 2; i-- > 0;) {
		side *s = &t->sides[i];

		s->worker = t->f->worker = t->f->shared.workers[i].get();
		self_of(s)->state = s;
		worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 10 + i);
	}
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(static_cast<test *>(*state));

	worker_fixture_free(std::move(t->f));
	return 0;
}

struct order {
	struct loop *loop;
	std::function<void()> fn;
};

/* In one turn of the side's loop, which this thread runs meanwhile. */
static void in_a_turn(const side *s, std::function<void()> fn)
{
	struct order o = {&s->worker->loop, std::move(fn)};

	o.loop->stopping = false;
	loop_post(
		o.loop,
		[](void *arg) {
			auto *the = static_cast<struct order *>(arg);

			loop_stop(the->loop);
			the->fn();
		},
		&o);
	loop_run(o.loop);
	loop_drain(o.loop);
}

static size_t posts_to(const side *s)
{
	return s->worker->loop.inbox.size();
}

static void the_casual_parcels_of_a_turn_leave_at_its_end_in_one_post_and_in_order(void **state)
{
	auto *t = static_cast<test *>(*state);
	side *from = &t->sides[0], *to = &t->sides[1];

	in_a_turn(from, [=] {
		assert_int_equal(send(from, 11, "a"), 0);
		assert_int_equal(send(from, 11, "longer than eight"), 0);
		assert_int_equal(send(from, 11, ""), 0);
		assert_int_equal(posts_to(to), 0);
	});
	assert_int_equal(posts_to(to), 1);
	loop_drain(&to->worker->loop);
	assert_string_equal(to->got.c_str(), "a longer than eight  ");
	assert_int_equal(to->worker->routed_bytes[1], 0);
}

static void outside_of_a_loop_a_casual_parcel_leaves_at_once(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(send(&t->sides[0], 11, "a"), 0);
	assert_int_equal(posts_to(&t->sides[1]), 1);
	loop_drain(&t->sides[1].worker->loop);
	assert_string_equal(t->sides[1].got.c_str(), "a ");
}

static void other_parcels_do_not_overtake_casual_ones(void **state)
{
	auto *t = static_cast<test *>(*state);
	side *from = &t->sides[0], *to = &t->sides[1];

	in_a_turn(from, [=] {
		for (const cs_account account : {10, 11}) {
			const struct cs_parcel all = {"all", 3, nullptr};

			assert_int_equal(send(from, account, "a"), 0);
			assert_int_equal(send(from, account, "b", 0), 0);
			assert_int_equal(send(from, account, "c"), 0);
			assert_int_equal(route_to_all(self_of(from), 0, &all, CS_ROUTE_CASUAL), 0);
			assert_int_equal(send(from, account, "d"), 0);
		}
	});
	loop_drain(&to->worker->loop);
	assert_string_equal(from->got.c_str(), "a b c all d all ");
	assert_string_equal(to->got.c_str(), "all a b c all d ");
}

static void nothing_that_the_store_answers_overtakes_a_casual_parcel(void **state)
{
	auto *t = static_cast<test *>(*state);
	side *from = &t->sides[0], *to = &t->sides[1];
	const struct store_conf conf = {
		.driver = "", .readers = 1, .writers = 1, .hashers = 1, .queue = 100, .queue_bytes = 1 << 20};
	struct cs_error e;
	store_ptr store;

	assert_int_equal(store_open(&store, &conf, nullptr, nullptr, "test", nullptr, &e), 0);
	t->f->shared.store = store.get();
	in_a_turn(from, [=] {
		const struct cs_batch batch = {};

		assert_int_equal(send(from, 11, "a"), 0);
		assert_int_equal(host_table.batch(self_of(from), &batch, 1, nullptr, 0), CS_ENOSTORE);
		assert_int_equal(posts_to(to), 1);
		assert_int_equal(send(from, 11, "b"), 0);
		assert_int_equal(posts_to(to), 1);
		assert_int_equal(host_table.work(self_of(from), 0, CS_WORK_READ, nullptr, nullptr, nullptr),
		                 CS_ENOSTORE);
		assert_int_equal(posts_to(to), 2);
	});
	loop_drain(&to->worker->loop);
	assert_string_equal(to->got.c_str(), "a b ");
}

static void more_than_a_bundle_holds_arrives_in_order_too(void **state)
{
	auto *t = static_cast<test *>(*state);
	side *from = &t->sides[0], *to = &t->sides[1];
	std::string expected;

	for (int i = 0; i < 1000; i++)
		expected.append(std::to_string(i)).append(i % 256, 'x').append(" ");
	for (int turn = 0; turn < 3; turn++) {
		in_a_turn(from, [=] {
			for (int i = 0; i < 1000; i++) {
				const std::string number = std::to_string(i);
				const text_parcel p(std::string(i % 256, 'x'), number);

				assert_int_equal(route_to_account(self_of(from), 10 + i % 2, CS_EVERY_DEVICE, &p.parcel,
				                                  CS_ROUTE_CASUAL),
				                 0);
				assert_int_equal(route_to_account(self_of(from), 11 - i % 2, CS_EVERY_DEVICE, &p.parcel,
				                                  CS_ROUTE_CASUAL),
				                 0);
			}
		});
		assert_in_range(posts_to(to), 2, 100);
		loop_drain(&to->worker->loop);
		for (side *s : {from, to}) {
			assert_true(s->got == expected);
			assert_int_equal(s->worker->routed_bytes[1], 0);
			s->got.clear();
		}
	}
}

static void a_busy_worker_holds_a_bounded_number_of_bytes(void **state)
{
	auto *t = static_cast<test *>(*state);
	side *from = &t->sides[0], *to = &t->sides[1];
	const text_parcel large(std::string(4096, 'x'));

	for (int round = 0; round < 2; round++) {
		for (int turn = 0; turn < 100; turn++)
			in_a_turn(from, [&] {
				for (int i = 0; i < 100; i++)
					assert_int_equal(route_to_account(self_of(from), 11, CS_EVERY_DEVICE,
					                                  &large.parcel, CS_ROUTE_CASUAL),
					                 0);
			});
		assert_in_range(to->worker->routed_bytes[1], 7 * 1024 * 1024, 8 * 1024 * 1024 + 32 * 1024);
		loop_drain(&to->worker->loop);
		assert_in_range(to->got.size(), 7 * 1024 * 1024, 8 * 1024 * 1024);
		assert_int_equal(to->worker->routed_bytes[1], 0);
		to->got.clear();
	}
}

/* Its memory is what the bound counts, so a bundle with one parcel must not take that of a whole one. */
static void a_bundle_with_little_in_it_takes_little_memory(void **state)
{
	auto *t = static_cast<test *>(*state);

	in_a_turn(&t->sides[0], [t] { assert_int_equal(send(&t->sides[0], 11, "a"), 0); });
	assert_in_range(t->sides[1].worker->routed_bytes[1], 1, 256);
	loop_drain(&t->sides[1].worker->loop);
}

static void who_has_left_before_the_end_of_the_turn_gets_nothing(void **state)
{
	auto *t = static_cast<test *>(*state);
	const side *from = &t->sides[0];

	in_a_turn(from, [from] {
		assert_int_equal(send(from, 10, "a"), 0);
		for (const auto &c : from->worker->conns->slots)
			if (c)
				conn_close(c.get(), "test");
	});
	assert_string_equal(from->got.c_str(), "");
	assert_int_equal(from->worker->routed_bytes[1], 0);
}

/* ---- two threads */

static constexpr int notes = 40000, notes_of_a_turn = 100;

static void end_with_the_last_note(side *s)
{
	if (s->sent == notes && s->next == notes)
		loop_stop(&s->worker->loop);
}

static void on_note(void *state, cs_conn, cs_account, const struct cs_parcel *parcel)
{
	auto *s = static_cast<side *>(state);
	int number;

	memcpy(&number, parcel->head, sizeof number);
	s->in_order = s->in_order && number == s->next;
	s->next++;
	end_with_the_last_note(s);
}

/* All of them together are less than what may wait. */
static void send_notes(void *arg)
{
	auto *s = static_cast<side *>(arg);
	const cs_account to = 11 - s->worker->index;

	for (int i = 0; i < notes_of_a_turn && s->sent < notes; i++, s->sent++)
		assert_int_equal(send(s, to, {reinterpret_cast<const char *>(&s->sent), sizeof s->sent},
		                      s->sent % 7 == 0 ? 0 : CS_ROUTE_CASUAL),
		                 0);
	if (s->sent < notes)
		loop_post(&s->worker->loop, send_notes, s);
	end_with_the_last_note(s);
}

static void two_workers_that_send_to_each_other_keep_the_order(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->f->plugins.plugins[0]->declared.routed = on_note;
	for (side &s : t->sides)
		loop_post(&s.worker->loop, send_notes, &s);
	for (side &s : t->sides)
		worker_start(s.worker);
	for (side &s : t->sides)
		s.worker->thread.join();
	for (side &s : t->sides)
		loop_drain(&s.worker->loop);
	for (const side &s : t->sides) {
		assert_true(s.in_order);
		assert_int_equal(s.next, notes);
		assert_int_equal(s.worker->routed_bytes[1], 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_casual_parcels_of_a_turn_leave_at_its_end_in_one_post_and_in_order),
		TEST(outside_of_a_loop_a_casual_parcel_leaves_at_once),
		TEST(other_parcels_do_not_overtake_casual_ones),
		TEST(nothing_that_the_store_answers_overtakes_a_casual_parcel),
		TEST(more_than_a_bundle_holds_arrives_in_order_too),
		TEST(a_busy_worker_holds_a_bounded_number_of_bytes),
		TEST(a_bundle_with_little_in_it_takes_little_memory),
		TEST(who_has_left_before_the_end_of_the_turn_gets_nothing),
		TEST(two_workers_that_send_to_each_other_keep_the_order),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
