/* SPDX-License-Identifier: MIT
 * Tests the handlers of ADD_FRIEND, SET_CONTACT, CONTACTS and FIND_USER, and who gets ADDED. */
#include <algorithm>
#include <cstring>

#include "plugins/model/contacts.h"
#include "plugins/shared/contacts.h"
#include "tests/support/check.h"
#include "tests/support/database.h"
#include "tests/support/handler_fixture.h"

struct refused {
	const char *frame;
	int wire_errno;
	const char *text;
};

static const char *const integer = "must be an integer from 1 to 9007199254740991";

static void expect_refused(handler_fixture *f, cs_conn conn, int msgid, const refused *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const std::string answer = fixture_ask(f, conn, cases[i].frame);
		const std::string text = cases[i].text[0] == '#' ? std::string(cases[i].text + 1) + " " + integer
		                                                 : std::string(cases[i].text);
		std::string expected = fixture_refusal(msgid, cases[i].wire_errno, text.c_str());
		if (strstr(cases[i].frame, "\"req\""))
			expected.replace(expected.find(",\"errno\""), 0, ",\"req\":1");
		assert_string_equal(answer.c_str(), expected.c_str());
	}
	fixture_expect_idle(f, conn);
}

static int giver_start(const cs_host *, cs_self *, const void *, void **, cs_error *)
{
	return 0;
}

static const char *const giver_words[] = {"presence", nullptr};
/* It gives the word that people looks for. */
static const struct cs_plugin giver = {CS_PLUGIN_HEAD, .name = "giver", .version = "1", .want = giver_words,
                                       .start = giver_start};

/* A session that wants presence. */
static cs_conn people_session(handler_fixture *f, const char *name)
{
	return fake_host_connect(f->host.get(), fixture_account(f, name), name, 0, 1);
}

static handler_fixture *people_load(void **state)
{
	(void)fake_host_add(handler_fixture_of(state)->host.get(), &giver);
	return handler_fixture_load(state, "people");
}

static size_t people_frames(handler_fixture *f, cs_conn conn)
{
	return fake_host_conn(f->host.get(), conn)->frames.size();
}

static void a_friend_is_added(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn conn = fixture_session(f, "zhang san");
	std::vector<friend_entry> friends;

	fixture_account(f, "gao yang");
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":7,"id":1,"friendid":2})").c_str(), "");
	assert_int_equal(fake_host_count(f->host.get(), "work write"), 1);
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":7,"id":1,"friendid":2,"req":5})").c_str(),
	                    R"({"msgid":100,"of":7,"req":5,"errno":0})");
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":7,"id":1,"friendid":1,"req":6})").c_str(),
	                    R"({"msgid":100,"of":7,"req":6,"errno":0})");
	fixture_expect_idle(f, conn);
	assert_int_equal(friend_list(f->host->db, 1, &friends), 0);
	assert_int_equal(friends.size(), 2);
	assert_int_equal(friends[1].id, 2);
	assert_int_equal(friend_list(f->host->db, 2, &friends), 0);
	assert_int_equal(friends.size(), 0);
}

static void a_friend_who_is_nobody_is_refused(void **state)
{
	static const refused cases[] = {
		{R"({"msgid":7,"id":1})", 4, "friendid is missing"},
		{R"({"msgid":7,"id":1,"friendid":"2"})", 4, "#friendid"},
		{R"({"msgid":7,"id":1,"friendid":0})", 4, "#friendid"},
		{R"({"msgid":7,"id":1,"friendid":77})", 6, "friendid names nobody"},
	};
	handler_fixture *f = handler_fixture_load(state, "people");

	expect_refused(f, fixture_session(f, "zhang san"), 7, cases, std::size(cases));
}

static void a_change_with_wrong_fields_is_refused(void **state)
{
	static const refused cases[] = {
		{R"({"msgid":131,"id":1,"friend":true})", 4, "account is missing"},
		{R"({"msgid":131,"id":1,"account":"2","friend":true})", 4, "#account"},
		{R"({"msgid":131,"id":1,"account":2})", 4, "friend or blocked must be there"},
		{R"({"msgid":131,"id":1,"account":2,"friend":1})", 4, "friend must be true or false"},
		{R"({"msgid":131,"id":1,"account":2,"friend":true,"blocked":null})", 4,
	         "blocked must be true or false"},
		{R"({"msgid":131,"id":1,"account":1,"blocked":true})", 4, "nobody can block itself"},
		{R"({"msgid":131,"id":1,"account":77,"blocked":true})", 6, "account names nobody"},
		{R"({"msgid":131,"id":1,"account":77,"blocked":false})", 6, "account names nobody"},
	};
	handler_fixture *f = handler_fixture_load(state, "people");

	expect_refused(f, fixture_session(f, "zhang san"), 131, cases, std::size(cases));
	assert_int_equal(database_number(f->host->db, "SELECT COUNT(*) FROM contact"), 0);
}

static void every_request_needs_a_login_and_ones_own_id(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn stranger = fake_host_connect(f->host.get()), conn = fixture_session(f, "zhang san");

	for (const int msgid : {7, 131, 132, 133}) {
		const std::string frame = check_format(
			"{\"msgid\":%d,\"id\":2,\"friendid\":1,\"account\":1,\"friend\":true,\"name\":\"x\"}", msgid);
		assert_string_equal(fixture_ask(f, stranger, frame).c_str(),
		                    fixture_refusal(msgid, 3, "route check").c_str());
		assert_string_equal(fixture_ask(f, conn, frame).c_str(),
		                    fixture_refusal(msgid, 8, "route check").c_str());
	}
}

static void a_store_that_is_away_is_answered(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn conn = fixture_session(f, "zhang san");
	static const struct {
		bool at_call;
		int result, wire_errno;
		const char *text;
	} cases[] = {
		{true, CS_EBUSY, 10, "this node is busy; try again later"},
		{true, CS_ECANCELED, 13, "this node is draining; connect again"},
		{false, CS_ENOSTORE, 11, "the store does not answer; nothing was changed"},
		{false, CS_EUNKNOWN, 11, "the store does not answer; whether it was done is unknown"},
	};
	static const struct {
		int msgid;
		fake_fault_place place;
		const char *frame;
	} requests[] = {
		{7, FAKE_WRITE, R"({"msgid":7,"id":1,"friendid":1,"req":1})"},
		{131, FAKE_WRITE, R"({"msgid":131,"id":1,"account":1,"friend":true,"req":1})"},
		{132, FAKE_READ, R"({"msgid":132,"id":1,"req":1})"},
		{133, FAKE_READ, R"({"msgid":133,"id":1,"name":"x","req":1})"},
	};

	for (const auto &r : requests)
		for (const auto &c : cases) {
			f->host->faults = {{r.place, 0, c.at_call, c.result}};
			const refused expected = {r.frame, c.wire_errno, c.text};
			expect_refused(f, conn, r.msgid, &expected, 1);
		}
}

static void a_friend_is_added_though_the_connection_goes(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn conn = fixture_session(f, "zhang san");
	std::vector<friend_entry> friends;

	assert_int_equal(fake_host_frame(f->host.get(), conn, R"({"msgid":7,"id":1,"friendid":1})"), CS_PENDING);
	fake_host_end(f->host.get(), conn);
	fake_host_run(f->host.get());
	assert_int_equal(friend_list(f->host->db, 1, &friends), 0);
	assert_int_equal(friends.size(), 1);
}

static void the_other_side_is_told_once_of_each_real_change(void **state)
{
	handler_fixture *f = people_load(state);
	const cs_conn ann = people_session(f, "ann \"a\""), bob = people_session(f, "bob"),
		      old = fixture_session(f, "old");

	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":2})");
	assert_string_equal(fake_host_last(f->host.get(), bob).c_str(), R"({"msgid":134,"id":1,"name":"ann \"a\""})");
	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":2})");
	fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":2,"blocked":true})");
	fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":2,"blocked":false,"friend":true})");
	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":3})");
	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":1})");
	assert_int_equal(people_frames(f, bob), 1);
	assert_int_equal(people_frames(f, old), 0);
	fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":2,"friend":false})");
	assert_int_equal(people_frames(f, bob), 1);
	fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":2,"friend":true})");
	assert_int_equal(people_frames(f, bob), 2);
	assert_int_equal(people_frames(f, ann), 0);
}

static void who_blocks_is_not_told_who_adds_it(void **state)
{
	handler_fixture *f = people_load(state);
	const cs_conn ann = people_session(f, "ann"), bob = people_session(f, "bob");

	fixture_ask(f, bob, R"({"msgid":131,"id":2,"account":1,"blocked":true})");
	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":2})");
	assert_int_equal(people_frames(f, bob), 0);
}

static void what_another_node_sends_that_is_no_change_is_dropped(void **state)
{
	handler_fixture *f = people_load(state);
	const cs_conn bob = people_session(f, "bob");
	const unsigned char head[17] = {9, 0, 0, 0, 0, 0, 0, 0, 1};
	cs_shared body = {"{}", 2};
	const auto bring = [&](cs_account account, size_t size, const unsigned char *bytes) {
		const cs_parcel parcel = {bytes, size, &body};

		fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), bob, account, &parcel);
	};

	for (const size_t size : {0, 8, 15, 17})
		bring(1, size, head);
	bring(7, 16, head);
	assert_int_equal(people_frames(f, bob), 0);
	bring(1, 16, head);
	assert_string_equal(fake_host_last(f->host.get(), bob).c_str(), "{}");
}

static void contacts_are_whoever_is_listed_or_lists_or_is_blocked(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn ann = fixture_session(f, "ann"), bob = fixture_session(f, "bob");

	for (const char *name : {"carl", "dora", "\"eve\""})
		fixture_session(f, name);
	assert_string_equal(fixture_ask(f, ann, R"({"msgid":132,"id":1,"req":3})").c_str(),
	                    R"({"msgid":100,"of":132,"req":3,"errno":0,"contacts":[]})");
	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":2})");
	fixture_ask(f, ann, R"({"msgid":7,"id":1,"friendid":5})");
	fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":3,"blocked":true})");
	assert_int_equal(friend_add(f->host->db, 4, 1), 0);
	assert_int_equal(friend_add(f->host->db, 5, 1), 0);
	const std::string answer = fixture_ask(f, ann, R"({"msgid":132,"id":1,"req":3})");
	assert_string_equal(
		answer.c_str(),
		R"({"msgid":100,"of":132,"req":3,"errno":0,"contacts":[)"
		R"({"account":2,"name":"bob","state":"online","friend":true,"friend_of":false,"blocked":false},)"
		R"({"account":3,"name":"carl","state":"online","friend":false,"friend_of":false,"blocked":true},)"
		R"({"account":4,"name":"dora","state":"online","friend":false,"friend_of":true,"blocked":false},)"
		R"({"account":5,"name":"\"eve\"","state":"online","friend":true,"friend_of":true,"blocked":false}]})");
	/* Who blocks is always offline for who is blocked. */
	fixture_ask(f, bob, R"({"msgid":131,"id":2,"account":1,"blocked":true})");
	const std::string hidden = fixture_ask(f, ann, R"({"msgid":132,"id":1,"limit":1,"req":3})");
	assert_string_equal(
		hidden.c_str(),
		R"({"msgid":100,"of":132,"req":3,"errno":0,"contacts":[)"
		R"({"account":2,"name":"bob","state":"offline","friend":true,"friend_of":false,"blocked":false}],)"
		R"("more":true,"next":2})");
	fixture_expect_idle(f, ann);
}

static void contacts_come_in_pages(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn ann = fixture_session(f, "ann");
	const std::string long_name(255, '\x01');

	/* 200 of these names, in JSON, would have more than 256 KiB. */
	for (int i = 0; i < 300; i++) {
		const std::string name = std::to_string(i) + long_name.substr(3);
		assert_int_equal(friend_add(f->host->db, 1, fixture_account(f, name.c_str())), 0);
	}
	const std::string all = fixture_ask(f, ann, R"({"msgid":132,"id":1,"limit":200,"req":1})");
	const auto charge = std::find_if(f->host->calls.begin(), f->host->calls.end(),
	                                 [](const fake_call &call) { return call.what == "charge"; });
	assert_true(charge != f->host->calls.end() && charge->number >= 200);
	assert_in_range(all.size(), 250 * 1024, 257 * 1024);
	assert_true(all.find("\"more\":true,\"next\":") != std::string::npos);
	std::string after;
	size_t pages = 0, people = 0;
	for (bool more = true; more; pages++) {
		const std::string page =
			fixture_ask(f, ann, R"({"msgid":132,"id":1,"limit":100,"req":1)" + after + "}");
		for (size_t at = 0; (at = page.find("{\"account\":", at)) != std::string::npos; at++)
			people++;
		const size_t next = page.find("\"next\":");
		more = next != std::string::npos;
		if (more)
			after = ",\"after\":" + page.substr(next + 7, page.size() - next - 8);
	}
	assert_int_equal(pages, 3);
	assert_int_equal(people, 300);
}

static void a_query_with_wrong_fields_is_refused(void **state)
{
	static const refused contacts[] = {
		{R"({"msgid":132,"id":1})", 4, "req is missing"},
		{R"({"msgid":132,"id":1,"req":1,"after":"x"})", 4, "#after"},
		{R"({"msgid":132,"id":1,"req":1,"limit":0})", 4, "#limit"},
		{R"({"msgid":132,"id":1,"req":1,"limit":201})", 4, "limit must be 1 to 200"},
	};
	static const refused names[] = {
		{R"({"msgid":133,"id":1,"name":"ann"})", 4, "req is missing"},
		{R"({"msgid":133,"id":1,"req":1})", 4, "name is missing"},
		{R"({"msgid":133,"id":1,"req":1,"name":7})", 4, "name must be a text"},
		{R"({"msgid":133,"id":1,"req":1,"name":"Ann"})", 6, "nobody has this name"},
	};
	handler_fixture *f = handler_fixture_load(state, "people");
	const cs_conn conn = fixture_session(f, "ann");

	expect_refused(f, conn, 132, contacts, std::size(contacts));
	expect_refused(f, conn, 133, names, std::size(names));
}

static std::string find(handler_fixture *f, cs_conn conn, uint64_t id)
{
	return fixture_ask(f, conn, check_format("{\"msgid\":133,\"id\":%d,\"name\":\"bob\",\"req\":1}", (int)id));
}

static void names_are_looked_up_only_so_often(void **state)
{
	const std::string found = R"({"msgid":100,"of":133,"req":1,"errno":0,"account":2,"name":"bob"})";
	handler_fixture *f = handler_fixture_of(state);
	fake_host_set(f->host.get(), "people.find_user_limit", "3");
	(void)handler_fixture_load(state, "people");
	const cs_conn ann = fixture_session(f, "ann"), bob = fixture_session(f, "bob");

	for (int i = 0; i < 3; i++)
		assert_string_equal(find(f, ann, 1).c_str(), found.c_str());
	for (int i = 0; i < 2; i++)
		assert_true(find(f, ann, 1).find("\"errno\":10") != std::string::npos);
	/* Another connection may go on, */
	assert_string_equal(find(f, bob, 2).c_str(), found.c_str());
	fake_clock += 20000;
	assert_string_equal(find(f, ann, 1).c_str(), found.c_str());
	assert_true(find(f, ann, 1).find("\"errno\":10") != std::string::npos);
	/* but all of an address together may ask ten times as often at most. */
	int count = 5;
	for (int i = 0; i < 20; i++) {
		const cs_conn next = fake_host_connect(f->host.get(), 1, "ann");

		while (find(f, next, 1) == found)
			count++;
	}
	assert_in_range(count, 30, 40);
}

static void a_question_that_is_refused_takes_nothing(void **state)
{
	handler_fixture *f = handler_fixture_of(state);
	fake_host_set(f->host.get(), "people.find_user_limit", "3");
	(void)handler_fixture_load(state, "people");
	const cs_conn ann = fixture_session(f, "ann");
	fixture_session(f, "bob");

	/* Others use up what the address may ask. */
	for (int i = 0; i < 30; i++)
		(void)find(f, fake_host_connect(f->host.get(), 1, "ann"), 1);
	for (int i = 0; i < 5; i++)
		assert_true(find(f, ann, 1).find("\"errno\":10") != std::string::npos);
	fake_clock += 2100;
	assert_true(find(f, ann, 1).find("\"errno\":0") != std::string::npos);
}

static void who_logs_out_and_in_may_not_look_up_more_names(void **state)
{
	handler_fixture *f = handler_fixture_of(state);
	fake_host_set(f->host.get(), "people.find_user_limit", "3");
	(void)handler_fixture_load(state, "people");
	const cs_conn ann = fixture_session(f, "ann");
	fixture_session(f, "bob");

	for (int i = 0; i < 3; i++)
		assert_true(find(f, ann, 1).find("\"errno\":0") != std::string::npos);
	assert_int_equal(fake_self_plugin(f->plugin)->closed(fake_self_state(f->plugin), ann, 1, 0, 0), 0);
	fake_self_plugin(f->plugin)->opened(fake_self_state(f->plugin), ann, 1, 0, 0);
	assert_true(find(f, ann, 1).find("\"errno\":10") != std::string::npos);
}

/* Else who adds somebody again and again could fill its buffer. */
static void a_slow_client_is_not_told_who_adds_it(void **state)
{
	handler_fixture *f = people_load(state);
	const cs_conn ann = people_session(f, "ann"), bob = people_session(f, "bob");
	const auto add = [&] {
		fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":2,"friend":false})");
		fixture_ask(f, ann, R"({"msgid":131,"id":1,"account":2,"friend":true})");
	};

	f->host->soft_mark = 0;
	for (int i = 0; i < 3; i++)
		add();
	assert_int_equal(people_frames(f, bob), 1);
	fake_host_written_all(f->host.get(), bob);
	add();
	assert_int_equal(people_frames(f, bob), 2);
}

static void note_change(void *arg, cs_conn, cs_account account, cs_account other)
{
	*static_cast<std::string *>(arg) += std::to_string(account) + ":" + std::to_string(other) + " ";
}

static std::string changes_told;

static int watcher_start(const cs_host *host, cs_self *self, const void *, void **, cs_error *)
{
	const void *table = nullptr;
	void *contacts = nullptr;

	assert_int_equal(host->service(self, CONTACTS_SERVICE, CONTACTS_SERVICE_VERSION, &table, &contacts), 0);
	static_cast<const contacts_service *>(table)->watch(contacts, note_change, &changes_told);
	return 0;
}

static const struct cs_plugin watcher = {CS_PLUGIN_HEAD, .name = "watcher", .version = "1", .start = watcher_start};

/* Changes that were told here only did not reach the session elsewhere. */
static void who_logs_in_on_another_node_as_well_looks_at_everything(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "people");
	(void)fake_host_add(f->host.get(), &watcher);
	fixture_session(f, "ann");

	changes_told.clear();
	fixture_session(f, "bob");
	assert_non_null(fake_self_plugin(f->plugin)->not_alone);
	fake_self_plugin(f->plugin)->not_alone(fake_self_state(f->plugin), 1);
	fake_host_run(f->host.get());
	assert_string_equal(changes_told.c_str(), "1:0 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_friend_is_added),
		TEST(a_friend_who_is_nobody_is_refused),
		TEST(a_change_with_wrong_fields_is_refused),
		TEST(every_request_needs_a_login_and_ones_own_id),
		TEST(a_store_that_is_away_is_answered),
		TEST(a_friend_is_added_though_the_connection_goes),
		TEST(the_other_side_is_told_once_of_each_real_change),
		TEST(who_blocks_is_not_told_who_adds_it),
		TEST(what_another_node_sends_that_is_no_change_is_dropped),
		TEST(contacts_are_whoever_is_listed_or_lists_or_is_blocked),
		TEST(contacts_come_in_pages),
		TEST(a_query_with_wrong_fields_is_refused),
		TEST(names_are_looked_up_only_so_often),
		TEST(a_question_that_is_refused_takes_nothing),
		TEST(who_logs_out_and_in_may_not_look_up_more_names),
		TEST(a_slow_client_is_not_told_who_adds_it),
		TEST(who_logs_in_on_another_node_as_well_looks_at_everything),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
