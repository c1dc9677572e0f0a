/* SPDX-License-Identifier: MIT
 * Tests of the host table what test_host_contract does not ask of every host. The test plays the plugin. */
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/net/conn.h"
#include "core/net/guess.h"
#include "core/plugin/conn_calls.h"
#include "core/plugin/dispatch.h"
#include "core/plugin/plugin.h"
#include "core/session/session.h"
#include "tests/support/check.h"

struct fixture {
	struct session_table sessions;
	struct guess_table guesses;
	struct worker_shared shared;
	struct dispatch_table dispatch;
	struct core_conf conf {};
	struct worker *worker = nullptr;
	struct plugin provider, user;
	struct cs_self *self = nullptr;
	std::vector<unique_fd> peers;
	std::vector<std::pair<cs_conn, int>> claims; /* as they were completed */
	std::vector<cs_account> closed;
	bool hold = false;
	int fired = 0;
	struct cs_timer *timer = nullptr;
	std::string posted;
};

static const int table = 0;
static const struct cs_service provided[] = {{"tea", 2, &table}, {nullptr, 0, nullptr}};
static int provider_state;

static int note_closed(void *state, cs_conn, cs_account account, uint64_t, uint64_t)
{
	auto *f = static_cast<struct fixture *>(state);

	f->closed.push_back(account);
	return f->hold && account != 0 ? CS_PENDING : 0;
}

static struct cs_self *add_instance(struct fixture *f, struct plugin *p, unsigned index, void *state)
{
	p->index = index;
	struct cs_self *self = plugin_add_instance(p, f->worker);

	self->state = state;
	self->started = true;
	return self;
}

static int set_up(void **state)
{
	auto *f = new fixture;
	struct cs_error e {};

	log_set_level(static_cast<enum cs_log_level>(-1));
	f->conf.max_frame = 65536;
	f->conf.max_connections = 100;
	f->conf.login_memory = 1 << 20;
	f->conf.output_soft = 65536;
	f->conf.output_hard = 1 << 20;
	f->shared.sessions = &f->sessions;
	f->shared.guesses = &f->guesses;
	f->shared.conn_calls = &plugin_conn_calls;
	f->shared.dispatch = &f->dispatch;
	f->shared.workers.push_back(std::make_unique<struct worker>());
	f->worker = f->shared.workers[0].get();
	assert_int_equal(worker_open(f->worker, 0, &f->shared, &e), 0);
	conn_table_open(f->worker, &f->conf);
	dispatch_open(f->worker);
	f->provider.name = "provider";
	f->provider.declared.provides = provided;
	f->user.name = "user";
	f->user.declared.closed = note_closed;
	add_instance(f, &f->provider, 0, &provider_state);
	f->self = add_instance(f, &f->user, 1, f);
	*state = f;
	return 0;
}

static void stop_loop(void *arg)
{
	loop_stop(static_cast<struct loop *>(arg));
}

/* One turn of the loop, with all that was posted before. */
static void turn(struct fixture *f)
{
	loop_post(&f->worker->loop, stop_loop, &f->worker->loop);
	loop_run(&f->worker->loop);
	f->worker->loop.stopping = false;
}

static int tear_down(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->hold = false;
	for (const auto &c : f->worker->conns->slots) {
		if (c)
			conn_close(c.get(), "test ends");
	}
	turn(f);
	host_timers_free(f->self);
	delete f;
	return 0;
}

static cs_conn add_conn(struct fixture *f)
{
	sockaddr_un address{};
	int fds[2];

	address.sun_family = AF_UNIX;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	f->peers.emplace_back(fds[1]);
	assert_true(conn_reserve(f->worker));
	assert_int_equal(conn_open(f->worker, unique_fd(fds[0]), (sockaddr *)&address), 0);
	for (const auto &c : f->worker->conns->slots) {
		if (c && c->fd.fd == fds[0])
			return c->handle;
	}
	check_fail(std::source_location::current(), "no connection");
	return 0;
}

static void note_claim(void *state, cs_conn conn, int result, void *arg)
{
	assert_ptr_equal(arg, state);
	(static_cast<struct fixture *>(state))->claims.emplace_back(conn, result);
}

static void claim(struct fixture *f, cs_conn conn, cs_account account, unsigned flags, uint64_t device = 0)
{
	const struct cs_claim wanted = {.account = account,
	                                .device = device,
	                                .name = "name",
	                                .generation = 0,
	                                .want = 0,
	                                .flags = flags,
	                                .spare = {}};

	assert_int_equal(host_table.claim(f->self, conn, &wanted, note_claim, f), 0);
}

static void assert_claimed(const struct fixture *f, std::vector<std::pair<cs_conn, int>> expected)
{
	assert_true(f->claims == expected);
}

static bool is_online(struct fixture *f, cs_account account)
{
	cs_conn conn;

	return session_locate(f->shared.sessions, {account, 0}, &conn);
}

/* Who meets a session is answered once that was probed. */
static void wait_claimed(struct fixture *f, size_t count)
{
	const int64_t end = worker_monotonic_ms() + 10000;

	while (f->claims.size() < count && worker_monotonic_ms() < end)
		turn(f);
}

static void a_place_that_is_taken_is_refused(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const cs_conn first = add_conn(f), second = add_conn(f);

	claim(f, first, 7, 0);
	claim(f, second, 7, 0);
	wait_claimed(f, 2);
	assert_claimed(f, {{first, 0}, {second, CS_EEXIST}});
}

static void a_claim_waits_for_a_session_that_is_ending(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const cs_conn first = add_conn(f), second = add_conn(f);

	f->hold = true;
	claim(f, first, 7, 0);
	turn(f);
	assert_int_equal(host_table.logout(f->self, first), 0);
	turn(f);
	claim(f, second, 7, 0);
	turn(f);
	turn(f);
	assert_claimed(f, {{first, 0}});
	host_table.release(f->self, 7, 0);
	turn(f);
	turn(f);
	assert_claimed(f, {{first, 0}, {second, 0}});
	assert_int_equal(f->closed.size(), 1);
}

static void a_connection_that_died_while_waiting_gets_nothing(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const cs_conn first = add_conn(f), second = add_conn(f);

	f->hold = true;
	claim(f, first, 7, 0);
	turn(f);
	assert_int_equal(host_table.logout(f->self, first), 0);
	turn(f);
	claim(f, second, 7, 0);
	turn(f);
	conn_close(conn_find(f->worker, second), "gone");
	turn(f);
	host_table.release(f->self, 7, 0);
	turn(f);
	turn(f);
	assert_claimed(f, {{first, 0}, {second, CS_ENOENT}});
	assert_false(is_online(f, 7));
	assert_int_equal(session_count(f->shared.sessions), 0);
}

static void many_kicks_leave_exactly_one_session(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	std::vector<cs_conn> conns;
	size_t granted = 0;

	for (int i = 0; i < 10; i++)
		conns.push_back(add_conn(f));
	for (const cs_conn conn : conns)
		claim(f, conn, 7, CS_CLAIM_KICK);
	for (int i = 0; i < 100; i++)
		turn(f);
	assert_int_equal(f->claims.size(), 10);
	for (const cs_conn conn : conns) {
		const struct conn *c = conn_find(f->worker, conn);

		granted += c && c->account == 7;
	}
	assert_int_equal(granted, 1);
	assert_int_equal(session_count(f->shared.sessions), 1);
}

static void a_device_whose_peer_takes_nothing_makes_room_at_once(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const cs_conn first = add_conn(f), second = add_conn(f);
	const std::string frame(4096, 'x');

	claim(f, first, 7, CS_CLAIM_KICK, 1);
	turn(f);
	assert_claimed(f, {{first, 0}});
	while (conn_unsent(conn_find(f->worker, first)) == 0) {
		assert_int_equal(conn_send(conn_find(f->worker, first), frame.data(), frame.size(), nullptr, nullptr),
		                 0);
		turn(f);
	}
	claim(f, second, 7, CS_CLAIM_KICK, 1);
	for (int i = 0; i < 5; i++)
		turn(f);
	assert_null(conn_find(f->worker, first));
	assert_claimed(f, {{first, 0}, {second, 0}});
}

/* ---- timers */

static void count_fired(void *state, void *arg)
{
	assert_ptr_equal(arg, &provider_state);
	(static_cast<struct fixture *>(state))->fired++;
}

static void fire_and_delete(void *state, void *)
{
	auto *f = static_cast<struct fixture *>(state);

	f->fired++;
	host_table.timer_del(f->self, f->timer);
}

static void wait_fired(struct fixture *f, int count)
{
	const int64_t end = worker_monotonic_ms() + 10000;

	while (f->fired < count && worker_monotonic_ms() < end)
		turn(f);
	assert_int_equal(f->fired, count);
}

static void a_one_shot_timer_fires_once_and_is_freed(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	host_table.timer_add(f->self, 1, 0, count_fired, &provider_state);
	assert_int_equal(f->self->timers.size(), 1);
	wait_fired(f, 1);
	assert_int_equal(f->self->timers.size(), 0);
}

static void a_repeating_timer_fires_until_it_is_deleted_in_its_own_call_too(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->timer = host_table.timer_add(f->self, 1, 1, count_fired, &provider_state);
	wait_fired(f, 3);
	host_table.timer_del(f->self, f->timer);
	assert_int_equal(f->self->timers.size(), 0);
	f->timer = host_table.timer_add(f->self, 1, 1, fire_and_delete, nullptr);
	wait_fired(f, 4);
	assert_int_equal(f->self->timers.size(), 0);
	f->timer = host_table.timer_add(f->self, 1, 0, fire_and_delete, nullptr);
	wait_fired(f, 5);
	assert_int_equal(f->self->timers.size(), 0);
}

static void timers_can_be_deleted_in_any_order(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct cs_timer *timers[5];

	for (struct cs_timer *&timer : timers)
		timer = host_table.timer_add(f->self, 60000, 0, count_fired, &provider_state);
	for (const int i : {2, 0, 4, 1, 3})
		host_table.timer_del(f->self, timers[i]);
	host_table.timer_del(f->self, nullptr);
	assert_int_equal(f->self->timers.size(), 0);
	host_table.timer_add(f->self, 60000, 1, count_fired, &provider_state); /* left to the end of the instance */
}

/* ---- the rest */

static void a_service_is_found_by_name_and_version(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const void *found = nullptr;
	void *context = nullptr;

	assert_int_equal(host_table.service(f->self, "tea", 2, &found, &context), 0);
	assert_ptr_equal(found, &table);
	assert_ptr_equal(context, &provider_state);
	assert_int_equal(host_table.service(f->self, "tea", 1, &found, &context), CS_ENOENT);
	assert_int_equal(host_table.service(f->self, "coffee", 2, &found, &context), CS_ENOENT);
}

static void a_long_refusal_is_cut_between_characters(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	const struct cs_request request {
		.msgid = 6, .req = 1
	};
	const cs_conn conn = add_conn(f);
	std::string text, answer(4096, '\0');

	for (int i = 0; i < 400; i++)
		text += "\u00e4";
	host_table.refuse(f->self, conn, &request, CS_ERRNO_BUSY, "x%s", text.c_str());
	turn(f);
	const ssize_t size = read(f->peers[0].fd, answer.data(), answer.size());

	assert_true(size > 500);
	answer.resize(static_cast<size_t>(size));
	assert_non_null(strstr(answer.c_str(), "\u00e4\"}"));
}

/* ---- descriptors and posts */

struct watched {
	struct fixture *f;
	struct cs_watch *watch;
	int pipe[2];
	unsigned calls, events;
	bool gives_up;
};

static void note_event(void *, int fd, unsigned events, void *arg)
{
	auto *w = static_cast<struct watched *>(arg);
	char byte;

	w->calls++;
	w->events = events;
	if (events & CS_WATCH_READ)
		assert_int_equal(read(fd, &byte, 1), 1);
	if (w->gives_up)
		host_table.unwatch(w->f->self, w->watch);
}

static void a_watched_descriptor_calls_until_it_is_given_up(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct watched w = {f, nullptr, {-1, -1}, 0, 0, false};

	assert_int_equal(pipe(w.pipe), 0);
	w.watch = host_table.watch(f->self, w.pipe[0], CS_WATCH_READ, note_event, &w);
	assert_non_null(w.watch);
	turn(f);
	assert_int_equal(w.calls, 0);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(write(w.pipe[1], "x", 1), 1);
		turn(f);
		assert_int_equal(w.calls, i);
		assert_int_equal(w.events, CS_WATCH_READ);
	}
	w.gives_up = true;
	assert_int_equal(write(w.pipe[1], "xy", 2), 2);
	turn(f);
	turn(f);
	assert_int_equal(w.calls, 3);
	assert_int_equal(f->self->watches.size(), 0);
	(void)close(w.pipe[0]);
	(void)close(w.pipe[1]);
}

static void a_descriptor_may_be_watched_for_room_and_left_to_the_end(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct watched w = {f, nullptr, {-1, -1}, 0, 0, false};

	assert_int_equal(pipe(w.pipe), 0);
	w.watch = host_table.watch(f->self, w.pipe[1], CS_WATCH_WRITE, note_event, &w);
	turn(f);
	assert_true(w.calls > 0);
	assert_int_equal(w.events, CS_WATCH_WRITE);
	host_watches_free(f->self);
	(void)close(w.pipe[0]);
	(void)close(w.pipe[1]);
}

static void note_post(void *state, void *arg)
{
	auto *f = static_cast<struct fixture *>(state);

	assert_true(loop_is_here(&f->worker->loop));
	f->posted += static_cast<const char *>(arg);
}

static void what_was_posted_before_the_stop_is_called_and_later_posts_are_refused(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	static char a[] = "a";
	std::atomic<int> taken = 0;
	std::thread thread([&] {
		while (host_table.post(f->self, note_post, a) == 0)
			taken++;
	});

	while (taken == 0)
		std::this_thread::yield();
	host_posts_end(f->self);
	thread.join();
	assert_int_equal(f->posted.size(), taken);
	assert_int_equal(host_table.post(f->self, note_post, a), CS_ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_place_that_is_taken_is_refused),
		TEST(a_claim_waits_for_a_session_that_is_ending),
		TEST(a_connection_that_died_while_waiting_gets_nothing),
		TEST(many_kicks_leave_exactly_one_session),
		TEST(a_device_whose_peer_takes_nothing_makes_room_at_once),
		TEST(a_one_shot_timer_fires_once_and_is_freed),
		TEST(a_repeating_timer_fires_until_it_is_deleted_in_its_own_call_too),
		TEST(timers_can_be_deleted_in_any_order),
		TEST(a_service_is_found_by_name_and_version),
		TEST(a_long_refusal_is_cut_between_characters),
		TEST(a_watched_descriptor_calls_until_it_is_given_up),
		TEST(a_descriptor_may_be_watched_for_room_and_left_to_the_end),
		TEST(what_was_posted_before_the_stop_is_called_and_later_posts_are_refused),
	};

	return cmocka_run_group_tests_name("host", tests, nullptr, nullptr);
}
