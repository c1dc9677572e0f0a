/* SPDX-License-Identifier: MIT
 * Tests hooks, descriptors and posts of the fake host: it answers as the server does. */
#include <thread>

#include "tests/support/check.h"
#include "tests/support/fake_host.h"

/* A plugin that does what the test says. */
struct player {
	const struct cs_host *host;
	struct cs_self *self;
	std::string trace;
	int early, late; /* what the hooks answer */
};

static int on_handler(void *state, const struct cs_frame *frame)
{
	static_cast<player *>(state)->trace += "handler:" + std::string(frame->bytes, frame->size) + " ";
	return CS_DONE;
}

static int on_early(void *state, const struct cs_frame *)
{
	static_cast<player *>(state)->trace += "early ";
	return static_cast<player *>(state)->early;
}

static int on_late(void *state, const struct cs_frame *)
{
	static_cast<player *>(state)->trace += "late ";
	return static_cast<player *>(state)->late;
}

static const struct cs_route player_routes[] = {{1000, "player", on_handler, 0, 1}, {0, nullptr, nullptr, 0, 0}};
static const struct cs_hook player_hooks[] = {{0, 1, on_late, 0}, {1000, 0, on_early, 0}, {0, 0, nullptr, 0}};

static int player_start(const struct cs_host *host, struct cs_self *self, const void *, void **state_r,
                        struct cs_error *)
{
	auto p = std::make_unique<player>();

	p->host = host;
	p->self = self;
	*state_r = p.release();
	return 0;
}

static void player_stop(void *state)
{
	const std::unique_ptr<player> owner(static_cast<player *>(state));
}

static const struct cs_plugin player_plugin = {CS_PLUGIN_HEAD,          .name = "player",      .version = "1",
                                               .routes = player_routes, .hooks = player_hooks, .start = player_start,
                                               .stop = player_stop};

struct stage {
	fake_host_ptr host;
	player *p;
	cs_conn conn;
};

static int setup(void **state)
{
	auto s = std::make_unique<stage>();

	s->host = fake_host_open();
	s->p = static_cast<player *>(fake_self_state(fake_host_add(s->host.get(), &player_plugin)));
	s->conn = fake_host_connect(s->host.get(), 7, "ann");
	*state = s.release();
	return 0;
}

static int teardown(void **state)
{
	const std::unique_ptr<stage> s(static_cast<stage *>(*state));

	return 0;
}

static const char frame[] = R"({"msgid":1000})";

static void hooks_run_by_their_order_before_the_handler(void **state)
{
	auto *s = static_cast<stage *>(*state);

	assert_int_equal(fake_host_request(s->host.get(), s->conn, frame), CS_DONE);
	assert_string_equal(s->p->trace.c_str(), R"(early late handler:{"msgid":1000} )");
	s->p->early = CS_REJECT;
	s->p->trace.clear();
	assert_int_equal(fake_host_request(s->host.get(), s->conn, frame), CS_REJECT);
	assert_string_equal(s->p->trace.c_str(), "early ");
}

static void a_frame_waits_for_the_verdict_of_a_hook(void **state)
{
	auto *s = static_cast<stage *>(*state);
	const struct player *p = s->p;

	s->p->early = CS_PENDING;
	assert_int_equal(fake_host_request(s->host.get(), s->conn, frame), CS_PENDING);
	assert_int_equal(p->host->finish(p->self, s->conn), CS_EINVAL);
	assert_int_equal(p->host->resume(p->self, s->conn, 5), CS_EINVAL);
	assert_int_equal(p->host->resume(p->self, s->conn, CS_PASS), 0);
	assert_int_equal(p->host->resume(p->self, s->conn, CS_PASS), CS_ENOENT);
	assert_string_equal(p->trace.c_str(), "early ");
	fake_host_run(s->host.get());
	assert_string_equal(p->trace.c_str(), R"(early late handler:{"msgid":1000} )");
	assert_int_equal(fake_host_request(s->host.get(), s->conn, frame), CS_PENDING);
	fake_host_end(s->host.get(), s->conn);
	assert_int_equal(p->host->resume(p->self, s->conn, CS_PASS), CS_ENOENT);
}

static void note(void *state, void *arg)
{
	static_cast<player *>(state)->trace += static_cast<const char *>(arg);
}

static void note_event(void *state, int fd, unsigned events, void *)
{
	static_cast<player *>(state)->trace += std::to_string(fd) + ":" + std::to_string(events) + " ";
}

static void descriptors_and_posts_are_the_tests_to_trigger(void **state)
{
	auto *s = static_cast<stage *>(*state);
	const struct player *p = s->p;
	static char text[] = "posted ";
	struct cs_watch *watch = p->host->watch(p->self, 5, CS_WATCH_READ, note_event, nullptr);

	fake_host_event(s->host.get(), 5, CS_WATCH_WRITE);
	fake_host_event(s->host.get(), 5, CS_WATCH_READ);
	p->host->unwatch(p->self, watch);
	fake_host_event(s->host.get(), 5, CS_WATCH_READ);
	std::thread([p] { assert_int_equal(p->host->post(p->self, note, text), 0); }).join();
	assert_string_equal(p->trace.c_str(), "5:1 ");
	fake_host_run(s->host.get());
	assert_string_equal(p->trace.c_str(), "5:1 posted ");
}

static void what_is_no_object_is_not_sent(void **state)
{
	auto *s = static_cast<stage *>(*state);
	const struct player *p = s->p;

	assert_int_equal(p->host->send(p->self, s->conn, "[]", 2, nullptr, nullptr), CS_EINVAL);
	assert_int_equal(p->host->send(p->self, s->conn, "{}", 2, "\"a\":1", nullptr), CS_EINVAL);
	assert_int_equal(p->host->send(p->self, s->conn, "{}", 2, "\"a\":1}", nullptr), 0);
	assert_string_equal(fake_host_last(s->host.get(), s->conn).c_str(), "{\"a\":1}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hooks_run_by_their_order_before_the_handler),
		TEST(a_frame_waits_for_the_verdict_of_a_hook),
		TEST(descriptors_and_posts_are_the_tests_to_trigger),
		TEST(what_is_no_object_is_not_sent),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
