/* SPDX-License-Identifier: MIT
 * Tests how sessions of named devices are noted as seen, and looked for in the store. */
#include <array>
#include <cstring>

#include "plugins/model/devices.h"
#include "plugins/model/users.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

constexpr int64_t second = 1000, day = INT64_C(24) * 3600 * second;

static cs_conn log_in(handler_fixture *f, uint64_t id, const std::string &device)
{
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string more = ",\"device\":\"" + device + "\"";

	assert_non_null(strstr(fixture_ask(f, conn, fixture_login(id, "123456", more.c_str())).c_str(), "\"errno\":0"));
	return conn;
}

static void pass(handler_fixture *f, int64_t ms)
{
	const int64_t end = f->host->table.now() + ms;

	while (fake_host_step_timer(f->host.get(), end))
		fake_host_run(f->host.get());
}

static void tell(handler_fixture *f, cs_cluster_event event)
{
	fake_self_plugin(f->plugin)->cluster(fake_self_state(f->plugin), event);
}

static int64_t seen(handler_fixture *f, uint64_t id, uint64_t number)
{
	std::vector<device_row> devices;

	assert_int_equal(device_list(f->host->db, id, &devices), 0);
	for (const device_row &device : devices)
		if (device.number == number)
			return device.last_seen;
	return -1;
}

static void devices_are_noted_when_they_go_and_once_a_day(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = log_in(f, id, "phone"), desk = log_in(f, id, "desk");
	const int64_t phone_before = seen(f, id, 1), desk_before = seen(f, id, 2);

	fake_host_forget(f->host.get());
	pass(f, 10 * second);
	assert_int_equal(fake_host_count(f->host.get(), "batch"), 0);
	fake_host_end(f->host.get(), phone);
	fake_host_run(f->host.get());
	pass(f, 2 * second);
	assert_int_equal(fake_host_count(f->host.get(), "batch"), 1);
	assert_true(seen(f, id, 1) >= phone_before + 10 * second);
	assert_int_equal(seen(f, id, 2), desk_before);
	pass(f, day);
	assert_int_equal(fake_host_count(f->host.get(), "batch"), 2);
	assert_true(seen(f, id, 2) >= desk_before + day);
	assert_true(fake_host_conn(f->host.get(), desk)->open);
}

static void sessions_that_end_together_are_noted_together(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	std::vector<cs_conn> conns;

	for (int i = 0; i < 5; i++)
		conns.push_back(log_in(f, id, std::to_string(i)));
	pass(f, 10 * second);
	const int64_t before = f->host->table.now();
	fake_host_forget(f->host.get());
	for (const cs_conn conn : conns)
		fake_host_end(f->host.get(), conn);
	fake_host_run(f->host.get());
	/* A store without room gets them a second later. */
	f->host->faults = {{FAKE_BATCH, 0, true, CS_EBUSY}};
	pass(f, 3 * second);
	assert_true(f->host->faults.empty());
	assert_int_equal(fake_host_count(f->host.get(), "batch"), 2);
	assert_int_equal(fake_host_count(f->host.get(), "work write"), 0);
	for (uint64_t number = 1; number <= 5; number++)
		assert_true(seen(f, id, number) >= before);
}

static void a_cluster_in_trouble_has_sessions_looked_for_only_now_and_then(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = log_in(f, id, "phone"), desk = log_in(f, id, "desk");
	uint64_t number = 0;

	fake_host_forget(f->host.get());
	for (int i = 0; i < 5; i++)
		tell(f, CS_CLUSTER_MISSED);
	fake_host_run(f->host.get());
	tell(f, CS_CLUSTER_WHOLE);
	fake_host_run(f->host.get());
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 1);
	assert_int_equal(device_forget(f->host->db, id, "phone", &number), 0);
	pass(f, 10 * second);
	/* The last one is of the phone alone. */
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 3);
	assert_false(fake_host_conn(f->host.get(), phone)->open);
	assert_true(fake_host_conn(f->host.get(), desk)->open);
	pass(f, 100 * second);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 3);
}

static void a_look_that_fails_is_done_again(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = log_in(f, id, "phone");
	uint64_t number = 0;

	assert_int_equal(device_forget(f->host->db, id, "phone", &number), 0);
	f->host->faults = {{FAKE_READ, 0, true, CS_EBUSY}, {FAKE_READ, 0, false, CS_ENOSTORE}};
	tell(f, CS_CLUSTER_MISSED);
	fake_host_run(f->host.get());
	pass(f, 2 * second);
	assert_true(f->host->faults.empty());
	assert_true(fake_host_conn(f->host.get(), phone)->open);
	pass(f, 10 * second);
	assert_false(fake_host_conn(f->host.get(), phone)->open);
}

/* What tells of the end was lost, and came before the session was opened. */
static void a_device_that_is_ended_in_the_middle_of_its_login_is_looked_for(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = fake_host_connect(f->host.get());
	uint64_t number = 0;

	assert_int_equal(fake_host_frame(f->host.get(), phone, fixture_login(id, "123456", R"(,"device":"phone")")),
	                 CS_PENDING);
	assert_true(fake_host_run_until(f->host.get(), "claim"));
	assert_true(fake_host_run_until(f->host.get(), "work read"));
	assert_true(fake_host_step_work(f->host.get(), 0)); /* it is there */
	tell(f, CS_CLUSTER_MISSED);
	assert_int_equal(device_forget(f->host->db, id, "phone", &number), 0);
	fake_host_run(f->host.get());
	pass(f, 2 * second);
	assert_false(fake_host_conn(f->host.get(), phone)->open);
}

/* A request of its own has changed the password in an instance that was replaced: the store has the new series already,
 * and what tells of it comes later. */
static void a_session_whose_new_series_comes_behind_a_look_stays(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = log_in(f, id, "phone"), desk = log_in(f, id, "desk");
	std::array<unsigned char, 26> head = {'N'};
	const cs_parcel parcel = {head.data(), head.size(), nullptr}, again = {"C", 1, nullptr};
	struct user user;
	user_series series;

	assert_int_equal(user_find(f->host->db, id, &user), 0);
	assert_int_equal(user_set_password(f->host->db, id, user.password, "changed", &series), 0);
	tell(f, CS_CLUSTER_MISSED);
	fake_host_run(f->host.get());
	assert_true(fake_host_conn(f->host.get(), phone)->open);
	/* Another look at once knows no more. */
	fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), phone, id, &again);
	fake_host_run(f->host.get());
	assert_true(fake_host_conn(f->host.get(), phone)->open);
	head[1] = static_cast<unsigned char>(phone);
	head[9] = static_cast<unsigned char>(series.all);
	head[17] = 1; /* the device's number */
	fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), phone, id, &parcel);
	pass(f, 2 * second);
	assert_true(fake_host_conn(f->host.get(), phone)->open);
	assert_false(fake_host_conn(f->host.get(), desk)->open);
}

/* A node died between the commit and the parcels, so nothing tells of the ends. */
static void sessions_whose_end_was_never_told_are_found_within_ten_minutes(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san"), other = fixture_registered(f, "gao yang");
	const cs_conn phone = log_in(f, id, "phone"), plain = fake_host_connect(f->host.get());
	const cs_conn stays = log_in(f, other, "phone");
	struct user user;
	user_series series;

	assert_non_null(strstr(fixture_ask(f, plain, fixture_login(id, "123456")).c_str(), "\"errno\":0"));
	pass(f, 5 * second);
	assert_int_equal(user_find(f->host->db, id, &user), 0);
	assert_int_equal(user_set_password(f->host->db, id, user.password, "changed", &series), 0);
	fake_host_forget(f->host.get());
	pass(f, 590 * second);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 0);
	assert_true(fake_host_conn(f->host.get(), phone)->open);
	pass(f, 20 * second);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 2);
	assert_false(fake_host_conn(f->host.get(), phone)->open);
	assert_false(fake_host_conn(f->host.get(), plain)->open);
	assert_true(fake_host_conn(f->host.get(), stays)->open);
	/* And again ten minutes later, not before. */
	pass(f, 580 * second);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 2);
	pass(f, 30 * second);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 3);
	assert_true(fake_host_conn(f->host.get(), stays)->open);
}

/* Whoever changes the store of one node is this node. */
static void a_node_that_has_the_store_alone_does_not_look_for_untold_ends(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");

	f->host->exclusive_store = true;
	(void)log_in(f, fixture_registered(f, "zhang san"), "phone");
	fake_host_forget(f->host.get());
	pass(f, 1300 * second);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 0);
}

static void an_account_with_too_many_new_devices_is_told_when_to_come_back(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.new_devices", "1");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn phone = log_in(f, id, "phone"), conn = fake_host_connect(f->host.get());
	const std::string desk = fixture_login(id, "123456", R"(,"device":"desk")");

	assert_non_null(strstr(fixture_ask(f, conn, desk).c_str(),
	                       R"("errno":10,"errmsg":"too many new devices; try again in )"));
	fixture_expect_idle(f, conn);
	assert_int_equal(seen(f, id, 2), -1);
	assert_true(fake_host_conn(f->host.get(), phone)->open);
	fake_host_end(f->host.get(), phone);
	(void)log_in(f, id, "phone");
	pass(f, 61 * second);
	assert_non_null(strstr(fixture_ask(f, conn, desk).c_str(), R"("errno":0)"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(devices_are_noted_when_they_go_and_once_a_day),
		TEST(sessions_that_end_together_are_noted_together),
		TEST(a_cluster_in_trouble_has_sessions_looked_for_only_now_and_then),
		TEST(a_look_that_fails_is_done_again),
		TEST(sessions_whose_end_was_never_told_are_found_within_ten_minutes),
		TEST(a_node_that_has_the_store_alone_does_not_look_for_untold_ends),
		TEST(a_device_that_is_ended_in_the_middle_of_its_login_is_looked_for),
		TEST(a_session_whose_new_series_comes_behind_a_look_stays),
		TEST(an_account_with_too_many_new_devices_is_told_when_to_come_back),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
