/* SPDX-License-Identifier: MIT
 * Tests listening: addresses, taken ports, and that accepting pauses instead of spinning. */
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/net/conn_internal.h"
#include "core/net/listener.h"
#include "tests/support/worker_fixture.h"

struct test {
	std::unique_ptr<struct worker_fixture> f;
	std::vector<struct listen_address> addresses;
};

static int set_up(void **state)
{
	auto t = std::make_unique<test>();
	struct cs_error e;

	t->f = worker_fixture_make();
	if (listener_parse("127.0.0.1:0", &t->addresses, &e) != 0 || listener_reserve(&t->addresses, &e) != 0 ||
	    listener_open_all(t->f->worker, t->addresses, nullptr, &e) != 0)
		return -1;
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(static_cast<test *>(*state));

	worker_fixture_free(std::move(t->f));
	return 0;
}

static int connect_to(test *t)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, reinterpret_cast<sockaddr *>(&t->addresses[0].address), t->addresses[0].size), 0);
	t->f->peers.push_back(fd);
	return fd;
}

static size_t live(test *t)
{
	return t->f->worker->conns->live;
}

static void addresses_are_numeric_with_a_port(void **)
{
	std::vector<struct listen_address> addresses;
	struct cs_error e;

	assert_int_equal(listener_parse(" 127.0.0.1:6000, [::1]:6001\t0.0.0.0:0 ", &addresses, &e), 0);
	assert_int_equal(addresses.size(), 3);
	assert_string_equal(addresses[1].text.c_str(), "[::1]:6001");
	assert_int_equal(addresses[1].address.ss_family, AF_INET6);
	assert_int_equal(ntohs(reinterpret_cast<sockaddr_in *>(&addresses[0].address)->sin_port), 6000);
}

static void other_addresses_are_refused(void **)
{
	for (const char *text :
	     {"", " , ", "6000", "localhost:6000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
	      "127.0.0.1:60a", "::1:6000", "[::1]", "[127.0.0.1]:1", "[]:1", ":6000"}) {
		std::vector<struct listen_address> addresses;
		struct cs_error e = {""};

		assert_int_equal(listener_parse(text, &addresses, &e), CS_EINVAL);
		assert_string_not_equal(e.text, "");
	}
}

static void a_refused_address_says_what_to_write(void **)
{
	static const char every[] =
		": write 0.0.0.0:6001 for every IPv4 address, [::]:6001 for every IPv6 address, or both";
	static const char name[] = ": names are not looked up; write an address, such as 127.0.0.1:6000 or [::1]:6000";
	static const char port[] = ": a port from 0 to 65535 must follow, as in 127.0.0.1:6000 or [::1]:6000";
	static const char brackets[] = ": an IPv6 address stands in brackets, as in [::1]:6000";
	static const struct {
		const char *text, *advice;
	} refused[] = {
		{"*:6001", every},
		{":6001", every},
		{"6001", every},
		{"localhost:6001", name},
		{"chat.example.org:1", name},
		{"0.0.0:6001", name},
		{"127.0.0.1", port},
		{"[::1]", port},
		{"[::]:", port},
		{"0.0.0.0:65536", port},
		{"0.0.0.0:6o00", port},
		{"localhost", port},
		{"::1:6001", brackets},
		{":::6001", brackets},
		{"*", port},
	};

	for (const auto &[text, advice] : refused) {
		std::vector<struct listen_address> addresses;
		struct cs_error e = {""};

		assert_int_equal(listener_parse(text, &addresses, &e), CS_EINVAL);
		assert_string_equal(e.text, ("\"" + std::string(text) + "\"" + advice).c_str());
	}
}

static void the_same_address_twice_is_refused_in_any_form(void **)
{
	for (const char *text : {"127.0.0.1:6000 127.0.0.1:6000", "127.0.0.1:6000, 0.0.0.0:6001,127.0.0.1:06000",
	                         "[::1]:6000 [0:0:0:0:0:0:0:1]:6000", "1.2.3.4:6000 [::ffff:102:304]:6000"}) {
		std::vector<struct listen_address> addresses;
		struct cs_error e = {""};

		assert_int_equal(listener_parse(text, &addresses, &e), CS_EINVAL);
		assert_non_null(strstr(e.text, " are the same address"));
	}
}

static void other_ports_families_and_port_0_are_not_the_same_address(void **)
{
	std::vector<struct listen_address> addresses;
	struct cs_error e;

	assert_int_equal(listener_parse("0.0.0.0:6000 0.0.0.0:6001 [::]:6000 127.0.0.1:6000 127.0.0.1:0 127.0.0.1:0",
	                                &addresses, &e),
	                 0);
	assert_int_equal(addresses.size(), 6);
}

static void a_port_that_somebody_listens_on_is_refused(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct cs_error e;

	assert_int_equal(listener_reserve(&t->addresses, &e), CS_EINVAL);
	assert_string_equal(e.text, ("cannot listen on " + t->addresses[0].text + ": Address already in use").c_str());
}

static void a_free_port_takes_the_place_of_0(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(t->addresses[0].text.rfind("127.0.0.1:", 0), 0);
	assert_string_not_equal(t->addresses[0].text.c_str(), "127.0.0.1:0");
}

static void connections_are_accepted_and_counted(void **state)
{
	auto *t = static_cast<test *>(*state);

	for (int i = 0; i < 5; i++)
		connect_to(t);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return live(t) == 5; }));
	assert_int_equal(t->f->shared.connections, 5);
	assert_int_equal(t->f->worker->conns->slots[0]->peer.rfind("127.0.0.1:", 0), 0);
}

/* Turns that the loop makes in a moment of peace: a paused listener that stays readable must not wake it. */
static uint64_t turns_in_200_ms(test *t)
{
	struct loop *l = &t->f->worker->loop;
	const uint64_t before = l->turn;
	const timeval time = {0, 200 * 1000};
	event_ptr end(event_new(
		l->base.get(), -1, 0,
		[](evutil_socket_t, short, void *arg) { loop_stop(static_cast<struct loop *>(arg)); }, l));

	event_add(end.get(), &time);
	loop_run(l);
	l->stopping = false;
	return l->turn - before;
}

static void at_max_connections_accepting_pauses_and_goes_on(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->f->conf.max_connections = 2;
	for (int i = 0; i < 3; i++)
		connect_to(t);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return live(t) == 2; }));
	assert_true(turns_in_200_ms(t) < 20);
	assert_int_equal(live(t), 2);
	conn_close(t->f->worker->conns->slots[0].get(), "test");
	assert_true(worker_fixture_wait(t->f.get(),
	                                [&] { return t->f->worker->conns->slots[0] != nullptr && live(t) == 2; }));
}

/* Workers beside the fixture's own, which listen on the same port. */
static void add_workers(test *t, unsigned count)
{
	struct cs_error e;

	for (unsigned i = 1; i <= count; i++) {
		t->f->shared.workers.push_back(std::make_unique<struct worker>());
		struct worker *w = t->f->shared.workers.back().get();

		assert_int_equal(worker_open(w, i, &t->f->shared, &e), 0);
		conn_table_open(w, &t->f->conf);
		assert_int_equal(listener_open_all(w, t->addresses, nullptr, &e), 0);
	}
}

static int64_t live_everywhere(test *t)
{
	int64_t sum = 0;

	for (const auto &w : t->f->shared.workers)
		sum += static_cast<int64_t>(w->conns->live);
	return sum;
}

static void run_workers(test *t)
{
	for (const auto &w : t->f->shared.workers) {
		w->loop.stopping = false;
		worker_start(w.get());
	}
	while (t->f->shared.connections < t->f->conf.max_connections)
		std::this_thread::yield();
	for (const auto &w : t->f->shared.workers)
		worker_stop(w.get());
}

static void close_everywhere(test *t)
{
	for (const auto &w : t->f->shared.workers) {
		for (const auto &c : w->conns->slots)
			if (c)
				conn_close_quietly(c.get(), "test");
		loop_drain(&w->loop);
	}
}

static void the_last_place_costs_nobody_his_own_while_nobody_waits(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->f->conf.max_connections = 3;
	for (int i = 0; i < 3; i++) {
		const int fd = connect_to(t);

		assert_true(worker_fixture_wait(t->f.get(), [&] { return t->f->shared.connections == i + 1; }));
		assert_int_not_equal(fd, -1);
		/* All that are there have waited for a login longer than the grace for newcomers. */
		for (const auto &c : t->f->worker->conns->slots)
			if (c)
				c->guest_since -= 60000;
	}
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->f->shared.connections, 3);
	assert_int_equal(t->f->worker->conns->turned_away[0][CONN_TURN_FULL], 0);
	(void)connect_to(t);
	assert_true(worker_fixture_wait(t->f.get(),
	                                [&] { return t->f->worker->conns->turned_away[0][CONN_TURN_FULL] == 1; }));
}

static void all_workers_together_keep_to_max_connections(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->f->conf.max_connections = 5;
	add_workers(t, 3);
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 8; i++)
			connect_to(t);
		/* Who looks whether one more waits is counted for that long. */
		do
			run_workers(t);
		while (live_everywhere(t) < 5);
		assert_int_equal(live_everywhere(t), 5);
		close_everywhere(t);
		assert_int_equal(t->f->shared.connections, 0);
	}
}

static void out_of_descriptors_accepting_pauses_and_goes_on(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	connect_to(t);
	none = {3, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	const uint64_t turns = turns_in_200_ms(t);
	const size_t accepted = live(t);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(accepted, 0);
	assert_true(turns < 20);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return live(t) == 1; }));
}

static void a_closed_listener_accepts_nothing_more(void **state)
{
	auto *t = static_cast<test *>(*state);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	listener_close_all(t->f->worker);
	assert_int_equal(connect(fd, reinterpret_cast<sockaddr *>(&t->addresses[0].address), t->addresses[0].size), -1);
	t->f->peers.push_back(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_numeric_with_a_port),
		cmocka_unit_test(other_addresses_are_refused),
		cmocka_unit_test(a_refused_address_says_what_to_write),
		cmocka_unit_test(the_same_address_twice_is_refused_in_any_form),
		cmocka_unit_test(other_ports_families_and_port_0_are_not_the_same_address),
		TEST(a_port_that_somebody_listens_on_is_refused),
		TEST(a_free_port_takes_the_place_of_0),
		TEST(connections_are_accepted_and_counted),
		TEST(at_max_connections_accepting_pauses_and_goes_on),
		TEST(the_last_place_costs_nobody_his_own_while_nobody_waits),
		TEST(all_workers_together_keep_to_max_connections),
		TEST(out_of_descriptors_accepting_pauses_and_goes_on),
		TEST(a_closed_listener_accepts_nothing_more),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
