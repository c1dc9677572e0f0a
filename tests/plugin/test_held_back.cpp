/* SPDX-License-Identifier: MIT
 * Tests the end of a session whose connection the mailbox holds back, because too many of its messages are under way:
 * the real mailbox and a real database, and a plugin that sends many messages for one frame. */
#include <memory>

#include <chatserverd/mailbox.h>

#include "tests/support/check.h"
#include "tests/support/fake_host.h"

static constexpr int most = 256; /* messages of a connection under way */

/* ---- the plugin */

struct sender {
	const struct cs_host *host;
	struct cs_self *self;
	const struct cs_mailbox *mailbox;
	void *context;
};

static int sender_start(const struct cs_host *host, struct cs_self *self, const void *, void **state_r,
                        struct cs_error *)
{
	auto s = std::make_unique<struct sender>(sender{host, self, nullptr, nullptr});
	const void *table = nullptr;

	assert_int_equal(host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &s->context), 0);
	s->mailbox = static_cast<const struct cs_mailbox *>(table);
	*state_r = s.release();
	return 0;
}

/* Sends most messages to account 2. With "logout":true the session ends behind this call. */
static int sender_send(void *state, const struct cs_frame *frame)
{
	const auto *s = static_cast<const struct sender *>(state);
	const struct cs_outgoing message = {.kind = CS_CONVERSATION_PAIR, .to = 2};
	int logout = 0;

	if (s->host->get_flag(frame, "logout", &logout) == 0 && logout)
		assert_int_equal(s->host->logout(s->self, frame->conn), 0);
	for (int i = 1; i < most; i++)
		assert_int_equal(s->mailbox->send(s->context, frame, &message), CS_DONE);
	return s->mailbox->send(s->context, frame, &message);
}

static int sender_ping(void *state, const struct cs_frame *frame)
{
	const auto *s = static_cast<const struct sender *>(state);

	s->host->answer(s->self, frame->conn, &frame->request, ",\"pong\":1");
	return CS_DONE;
}

static void sender_stop(void *state)
{
	const std::unique_ptr<struct sender> owner(static_cast<struct sender *>(state));
}

static const struct cs_route routes[] = {
	{1000, "send", sender_send, CS_ROUTE_NEEDS_LOGIN, 1},
	{1001, "ping", sender_ping, 0, 1},
	{0, nullptr, nullptr, 0, 0},
};

static const struct cs_plugin plugin = {CS_PLUGIN_HEAD,   .name = "sender",      .version = "1",
                                        .routes = routes, .start = sender_start, .stop = sender_stop};

/* ---- the stage */

struct stage {
	fake_host_ptr host;
	const struct sender *sender = nullptr;
	cs_conn conn = 0; /* account 1 */
};

static int take_number(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

static int64_t number(const stage *s, const char *sql)
{
	int64_t found = -1;

	assert_int_equal(s->host->driver->query(s->host->db, sql, nullptr, 0, take_number, &found), CS_DB_OK);
	return found;
}

static int64_t stored(const stage *s)
{
	return number(s, "SELECT COUNT(*) FROM message");
}

static void attached(void *, cs_conn, int result, const cs_mailbox_entry *, size_t)
{
	assert_int_equal(result, 0);
}

static int setup(void **state)
{
	auto s = std::make_unique<stage>();

	s->host = fake_host_open();
	fake_host_open_db(s->host.get());
	number(s.get(), "INSERT INTO account (name, password, created) VALUES ('ann', '', 1), ('bob', '', 1)");
	fake_host_load(s->host.get(), "mailbox");
	s->sender = static_cast<const struct sender *>(fake_self_state(fake_host_add(s->host.get(), &plugin)));
	s->conn = fake_host_connect(s->host.get(), 1, "ann");
	cs_mailbox_session session = {};
	session.account = 1;
	session.spare[0] = 1;
	assert_int_equal(s->sender->mailbox->attach(s->sender->context, s->conn, &session, attached, nullptr),
	                 CS_EINVAL);
	session.spare[0] = 0;
	assert_int_equal(s->sender->mailbox->attach(s->sender->context, s->conn, &session, attached, nullptr), 0);
	fake_host_run(s->host.get());
	assert_int_equal(s->sender->mailbox->begin(s->sender->context, s->conn, 0), 0);
	*state = s.release();
	return 0;
}

static int teardown(void **state)
{
	const std::unique_ptr<stage> s(static_cast<stage *>(*state));

	return 0;
}

static stage *stage_of(void **state)
{
	return static_cast<stage *>(*state);
}

/* ---- */

static void a_connection_that_was_held_back_goes_on_when_a_message_is_stored(void **state)
{
	const stage *s = stage_of(state);
	const fake_conn *c = fake_host_conn(s->host.get(), s->conn);

	assert_int_equal(fake_host_frame(s->host.get(), s->conn, R"({"msgid":1000,"req":1})"), CS_PENDING);
	(void)fake_host_frame(s->host.get(), s->conn, R"({"msgid":1001,"req":2})");
	fake_host_run(s->host.get());
	assert_int_equal(stored(s), most);
	assert_int_equal(c->frames.size(), most + 1);
	assert_string_equal(c->frames.back().c_str(), R"({"msgid":100,"of":1001,"req":2,"errno":0,"pong":1})");
}

/* Nobody else would let it go on: the answers of the store no longer find the session. Until they come, the account
 * keeps its place. */
static void a_connection_that_was_held_back_goes_on_when_its_session_ends(void **state)
{
	const stage *s = stage_of(state);
	const fake_conn *c = fake_host_conn(s->host.get(), s->conn);

	assert_int_equal(fake_host_frame(s->host.get(), s->conn, R"({"msgid":1000,"req":1,"logout":true})"),
	                 CS_PENDING);
	(void)fake_host_frame(s->host.get(), s->conn, R"({"msgid":1001,"req":2})");
	assert_true(fake_host_run_until(s->host.get(), "finish"));
	assert_int_equal(stored(s), 0);
	assert_int_equal(s->host->nodes[0].held[1].count, 1);
	fake_host_run(s->host.get());
	assert_int_equal(stored(s), most);
	assert_int_equal(c->frames.size(), most + 1);
	assert_string_equal(c->frames.back().c_str(), R"({"msgid":100,"of":1001,"req":2,"errno":0,"pong":1})");
	assert_int_equal(s->host->nodes[0].held.count(1), 0);
}

static void a_connection_that_was_held_back_may_end(void **state)
{
	const stage *s = stage_of(state);

	assert_int_equal(fake_host_frame(s->host.get(), s->conn, R"({"msgid":1000,"req":1})"), CS_PENDING);
	fake_host_end(s->host.get(), s->conn);
	assert_int_equal(s->host->nodes[0].held[1].count, 1);
	fake_host_run(s->host.get());
	assert_int_equal(stored(s), most);
	assert_int_equal(s->host->nodes[0].held.count(1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_that_was_held_back_goes_on_when_a_message_is_stored),
		TEST(a_connection_that_was_held_back_goes_on_when_its_session_ends),
		TEST(a_connection_that_was_held_back_may_end),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
