/* SPDX-License-Identifier: MIT
 * Tests LOGIN when the store, the mailbox or the connection fails between two steps. */
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static const char *const unavailable = "the store does not answer; nothing was changed";

static std::string ack_refusal(int wire_errno, const char *text)
{
	return check_format("{\"msgid\":2,\"errno\":%d,\"errmsg\":\"%s\"}", wire_errno, text);
}

static bool is_online(handler_fixture *f, uint64_t id)
{
	return f->host->nodes[0].online.count(id) != 0;
}

struct failure {
	fake_fault fault;
	int wire_errno;
	const char *text;
};

static const failure failures[] = {
	{{FAKE_READ, 0, true, CS_EBUSY}, 10, "this node is busy; try again later"},
	{{FAKE_READ, 0, true, CS_ECANCELED}, 13, "this node is draining; connect again"},
	{{FAKE_READ, 0, false, CS_ENOSTORE}, 11, unavailable},
	{{FAKE_READ, 0, false, CS_DB_FAILED}, 11, unavailable},
	{{FAKE_READ, 0, false, CS_ECANCELED}, 13, "this node is draining; connect again"},
	{{FAKE_HASH, 0, true, CS_EBUSY}, 10, "this node is busy; try again later"},
	{{FAKE_HASH, 0, false, CS_ENOSTORE}, 11, unavailable},
	{{FAKE_HASH, 0, false, CS_ECANCELED}, 13, "this node is draining; connect again"},
	{{FAKE_BATCH, 0, true, CS_EBUSY}, 10, "this node is busy; try again later"},
	{{FAKE_BATCH, 0, false, CS_ENOSTORE}, 11, unavailable},
	{{FAKE_BATCH, 0, false, CS_EUNKNOWN}, 11, unavailable},
	{{FAKE_BATCH, 0, false, CS_ECANCELED}, 13, "this node is draining; connect again"},
	{{FAKE_CLAIM, 0, true, CS_EBUSY}, 10, "this node is busy; try again later"},
	{{FAKE_CLAIM, 0, false, CS_EINVAL}, 11, unavailable},
	{{FAKE_CLAIM, 0, false, CS_ECANCELED}, 13, "this node is draining; connect again"},
	{{FAKE_READ, 1, true, CS_EBUSY}, 10, "this node is busy; try again later"},
	{{FAKE_READ, 1, false, CS_ENOSTORE}, 11, unavailable},
	{{FAKE_READ, 1, false, CS_EUNKNOWN}, 11, "the store does not answer; whether it was done is unknown"},
};

static void a_failure_at_any_step_is_answered_and_leaves_nobody_online(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	for (const failure &failed : failures) {
		f->host->faults = {failed.fault};
		assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(),
		                    ack_refusal(failed.wire_errno, failed.text).c_str());
		assert_true(f->host->faults.empty());
		assert_false(is_online(f, id));
		assert_int_equal(fake_host_conn(f->host.get(), conn)->account, 0);
		fixture_expect_idle(f, conn);
	}
	assert_non_null(strstr(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(), "\"errno\":0"));
}

static void a_mailbox_that_does_not_attach_logs_out_again(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	f->mailbox.attach_at_call = CS_EBUSY;
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(),
	                    ack_refusal(10, "this node is busy; try again later").c_str());
	assert_string_equal(fake_host_trace(f->host.get()).c_str(),
	                    "work read|work hash|batch|claim|attach|work read|logout|refuse|finish");
	assert_false(is_online(f, id));
	f->mailbox.attach_at_call = 0;
	f->mailbox.attach_result = CS_ENOSTORE;
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(),
	                    ack_refusal(11, unavailable).c_str());
	assert_false(is_online(f, id));
	fixture_expect_idle(f, conn);
}

static void a_session_that_cannot_begin_is_closed(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	f->mailbox.begin_result = CS_ENOENT;
	fixture_ask(f, conn, fixture_login(id, "123456"));
	assert_int_equal(fake_host_count(f->host.get(), "close"), 1);
}

static void a_connection_that_goes_between_two_steps_leaves_nothing_behind(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	int steps = 0;

	for (bool all = false; !all; steps++) {
		const cs_conn conn = fake_host_connect(f->host.get());
		assert_int_equal(fake_host_frame(f->host.get(), conn, fixture_login(id, "123456")), CS_PENDING);
		for (int i = 0; i < steps && !all; i++)
			all = !fake_host_step(f->host.get());
		fake_host_end(f->host.get(), conn);
		fake_host_run(f->host.get());
		assert_false(is_online(f, id));
	}
	assert_true(steps > 4);
	assert_int_equal(fake_host_count(f->host.get(), "begin"),
	                 3); /* the runs that got to the end, and to `opened` */
}

static void a_device_that_perhaps_made_room_is_closed(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.max_devices", "1");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = fake_host_connect(f->host.get()), desk = fake_host_connect(f->host.get());
	const std::string as_phone = fixture_login(id, "123456", R"(,"device":"phone")");
	const std::string as_desk = fixture_login(id, "123456", R"(,"device":"desk")");

	fixture_ask(f, phone, as_phone);
	fixture_ask(f, phone, "{\"msgid\":3,\"id\":1}");
	/* The second batch is the one that makes room. */
	f->host->faults = {{FAKE_BATCH, 1, false, FAKE_UNSURE}};
	assert_string_equal(fixture_ask(f, desk, as_desk).c_str(), ack_refusal(11, unavailable).c_str());
	assert_int_equal(fake_host_count(f->host.get(), "route"), 1);
	fixture_ask(f, desk, as_desk);
	fixture_ask(f, desk, "{\"msgid\":3,\"id\":1}");
	fake_host_forget(f->host.get());
	f->host->faults = {{FAKE_BATCH, 1, false, FAKE_UNHEARD}};
	fixture_ask(f, phone, as_phone);
	assert_int_equal(fake_host_count(f->host.get(), "route"), 1);
	assert_true(f->host->faults.empty());
}

static void no_device_makes_room_while_nobody_knows_which_are_offline(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.max_devices", "1");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = fake_host_connect(f->host.get()), desk = fake_host_connect(f->host.get());

	fixture_ask(f, phone, fixture_login(id, "123456", R"(,"device":"phone")"));
	fixture_ask(f, phone, "{\"msgid\":3,\"id\":1}");
	f->host->faults = {{FAKE_PRESENCE, 0, false, CS_ENOENT}};
	assert_string_equal(fixture_ask(f, desk, fixture_login(id, "123456", R"(,"device":"desk")")).c_str(),
	                    ack_refusal(10, "this node is busy; try again later").c_str());
	fixture_expect_idle(f, desk);
	fixture_ask(f, desk, fixture_login(id, "123456", R"(,"device":"phone")"));
	f->host->faults = {{FAKE_PRESENCE, 0, false, CS_ENOENT}};
	assert_non_null(strstr(fixture_ask(f, desk, "{\"msgid\":110,\"id\":1,\"req\":1}").c_str(), "\"phone\""));
	assert_true(f->host->faults.empty());
}

static void a_password_never_stands_in_the_log(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	for (const failure &failed : failures) {
		f->host->faults = {failed.fault};
		fixture_ask(f, conn, fixture_login(id, "123456"));
	}
	for (const std::string &line : f->host->log)
		assert_null(strstr(line.c_str(), "123456"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failure_at_any_step_is_answered_and_leaves_nobody_online),
		TEST(a_mailbox_that_does_not_attach_logs_out_again),
		TEST(a_session_that_cannot_begin_is_closed),
		TEST(a_connection_that_goes_between_two_steps_leaves_nothing_behind),
		TEST(a_device_that_perhaps_made_room_is_closed),
		TEST(no_device_makes_room_while_nobody_knows_which_are_offline),
		TEST(a_password_never_stands_in_the_log),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
