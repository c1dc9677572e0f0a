/* SPDX-License-Identifier: MIT
 * Tests the handlers of MEMBERS and INVITE: fields, errors, pages, and who gets an invitation. */
#include "plugins/model/contacts.h"
#include "plugins/model/groups.h"
#include "plugins/model/invitations.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/handler_fixture.h"

/* The group 1 of zhang san, who is its creator and is account 1, and of gao yang, who is account 2. */
struct group_scene {
	handler_fixture *f;
	cs_conn zhang, gao;
	uint64_t group = 0;
};

static group_scene scene_of(void **state)
{
	group_scene s = {};
	uint64_t joined = 0;

	s.f = handler_fixture_of(state);
	s.f->host->want_words.insert(s.f->host->want_words.begin(), "event");
	handler_fixture_load(state, "group");
	s.zhang = fixture_session(s.f, "zhang san");
	s.gao = fixture_session(s.f, "gao yang");
	assert_int_equal(group_create(s.f->host->db, 1, "c++", "", &s.group), 0);
	assert_int_equal(group_join(s.f->host->db, 2, s.group, &joined), 0);
	return s;
}

static std::string members_frame(const char *more)
{
	return check_format("{\"msgid\":144,\"id\":1,\"groupid\":1%s}", more);
}

static void members_are_answered_with_their_roles_and_states(void **state)
{
	const group_scene s = scene_of(state);

	assert_int_equal(database_run(s.f->host->db, "UPDATE member SET joined = 1700000000000 WHERE account = 2"), 0);
	fake_host_end(s.f->host.get(), s.gao);
	assert_string_equal(fixture_ask(s.f, s.zhang, members_frame(",\"req\":7")).c_str(),
	                    R"({"msgid":100,"of":144,"req":7,"errno":0,"members":[)"
	                    R"({"account":1,"name":"zhang san","role":"creator","state":"online"},)"
	                    R"({"account":2,"name":"gao yang","role":"normal","state":"offline",)"
	                    R"("joined":1700000000000}]})");
	assert_string_equal(fixture_ask(s.f, s.zhang, members_frame(",\"req\":8,\"after\":2")).c_str(),
	                    R"({"msgid":100,"of":144,"req":8,"errno":0,"members":[]})");
	fixture_expect_idle(s.f, s.zhang);
}

static void a_query_for_members_is_charged_by_what_it_answers(void **state)
{
	const group_scene s = scene_of(state);
	std::vector<int64_t> costs;

	(void)fixture_ask(s.f, s.zhang, members_frame(",\"req\":7"));
	(void)fixture_ask(s.f, s.zhang, members_frame(",\"req\":8,\"after\":2"));
	for (const fake_call &call : s.f->host->calls)
		if (call.what == "charge")
			costs.push_back(call.number);
	assert_true(costs == std::vector<int64_t>({2, 0}));
}

static void who_refuses_strangers_is_not_invited_by_one(void **state)
{
	const group_scene s = scene_of(state);
	const uint64_t carl = fixture_account(s.f, "carl");
	const std::string invite =
		check_format("{\"msgid\":145,\"id\":1,\"groupid\":1,\"account\":%d,\"req\":1}", static_cast<int>(carl));

	s.f->mailbox.refuses_strangers = true;
	assert_string_equal(
		fixture_ask(s.f, s.zhang, invite.c_str()).c_str(),
		R"({"msgid":100,"of":145,"req":1,"errno":8,"errmsg":"this account takes nothing from you"})");
	assert_int_equal(friend_add(s.f->host->db, carl, 1), 0);
	assert_string_equal(fixture_ask(s.f, s.zhang, invite.c_str()).c_str(),
	                    R"({"msgid":100,"of":145,"req":1,"errno":0})");
}

static void who_blocks_the_asker_is_offline_for_it(void **state)
{
	const group_scene s = scene_of(state);

	assert_int_equal(database_run(s.f->host->db, "INSERT INTO contact (account, other, listed, blocked)"
	                                             " VALUES (2, 1, 0, 1)"),
	                 0);
	assert_string_equal(fixture_ask(s.f, s.zhang, members_frame(",\"req\":7,\"after\":1")).c_str(),
	                    R"({"msgid":100,"of":144,"req":7,"errno":0,"members":[)"
	                    R"({"account":2,"name":"gao yang","role":"normal","state":"offline"}]})");
}

static void a_query_for_members_that_is_wrong_is_refused(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn stranger = fixture_session(s.f, "stranger");
	static const struct {
		const char *more;
		int wire_errno;
		const char *text;
	} cases[] = {
		{"", 4, "req is missing"},
		{",\"limit\":0", 4, "limit must be an integer from 1 to 9007199254740991"},
		{",\"limit\":201", 4, "limit must be 1 to 200"},
		{",\"limit\":\"5\"", 4, "limit must be an integer from 1 to 9007199254740991"},
		{",\"after\":-1", 4, "after must be an integer from 0 to 9007199254740991"},
	};

	for (const auto &c : cases)
		assert_string_equal(fixture_ask(s.f, s.zhang, members_frame(c.more)).c_str(),
		                    fixture_refusal(144, c.wire_errno, c.text).c_str());
	assert_string_equal(fixture_ask(s.f, s.zhang, R"({"msgid":144,"id":1,"req":1})").c_str(),
	                    R"({"msgid":100,"of":144,"req":1,"errno":4,"errmsg":"groupid is missing"})");
	assert_string_equal(fixture_ask(s.f, s.zhang, R"({"msgid":144,"id":1,"groupid":9,"req":1})").c_str(),
	                    R"({"msgid":100,"of":144,"req":1,"errno":7,"errmsg":"groupid names no group"})");
	assert_string_equal(fixture_ask(s.f, stranger, R"({"msgid":144,"id":3,"groupid":1,"req":1})").c_str(),
	                    R"({"msgid":100,"of":144,"req":1,"errno":8,"errmsg":"not a member of the group"})");
	fixture_expect_idle(s.f, stranger);
}

static void a_group_of_10000_comes_in_pages_of_200_once_each(void **state)
{
	const group_scene s = scene_of(state);
	int64_t after = 0, last = 0;
	size_t count = 0;

	for (const char *sql :
	     {"INSERT INTO account (id, name, password, created) WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL"
	      " SELECT i + 1 FROM n WHERE i < 12000) SELECT i, char(0x10ffff) || char(34) || i, '', 0 FROM n",
	      "INSERT INTO member (conversation, account, role, joined_seq, left_seq)"
	      " SELECT 1, id, 0, 0, CASE WHEN id > 10000 THEN 1 END FROM account WHERE id > 2",
	      "UPDATE conversation SET members = 10000"})
		assert_int_equal(database_run(s.f->host->db, sql), 0);
	do {
		const std::string more = check_format(",\"req\":1,\"limit\":200,\"after\":%lld", (long long)after);
		const json_ptr answer(cJSON_Parse(fixture_ask(s.f, s.zhang, members_frame(more.c_str())).c_str()));
		const cJSON *members = cJSON_GetObjectItem(answer.get(), "members"), *member = nullptr;

		assert_int_equal(cJSON_GetArraySize(members), 200);
		cJSON_ArrayForEach(member, members)
		{
			assert_true(json_integer(member, "account") == last + 1);
			last++;
			count++;
		}
		after = json_integer(answer.get(), "next");
		assert_true(json_has(answer.get(), "more") == (after > 0));
	} while (after > 0);
	assert_int_equal(count, 10000);
	/* Without a limit: 50. */
	const json_ptr answer(cJSON_Parse(fixture_ask(s.f, s.zhang, members_frame(",\"req\":1")).c_str()));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer.get(), "members")), 50);
	assert_int_equal(json_integer(answer.get(), "next"), 50);
}

/* ---- INVITE */

static cs_conn wanting_session(const group_scene &s, const char *name)
{
	const uint64_t id = fixture_account(s.f, name);

	return fake_host_connect(s.f->host.get(), id, name, 0, 1);
}

static size_t frames_of(const group_scene &s, cs_conn conn)
{
	return fake_host_conn(s.f->host.get(), conn)->frames.size();
}

static void an_invitation_reaches_the_sessions_that_want_events_with_the_inviters_name(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn li = wanting_session(s, "li"), wang = fixture_session(s.f, "wang");

	assert_string_equal(
		fixture_ask(s.f, s.zhang, R"({"msgid":145, "id":1,"groupid":1,"account":3,"x":[1],"req":5})").c_str(),
		R"({"msgid":100,"of":145,"req":5,"errno":0})");
	assert_string_equal(fake_host_last(s.f->host.get(), li).c_str(),
	                    R"({"msgid":145, "id":1,"groupid":1,"account":3,"x":[1],"req":5,"name":"zhang san"})");
	assert_string_equal(
		fixture_ask(s.f, s.gao, R"({"msgid":145,"id":2,"name":"gao yang","groupid":1,"account":4})").c_str(),
		"");
	assert_int_equal(frames_of(s, wang), 0);
	assert_int_equal(frames_of(s, li), 1);
	assert_int_equal(database_number(s.f->host->db, "SELECT count(*) FROM invitation"), 2);
	fixture_expect_idle(s.f, s.zhang);
}

/* Invited and taken back again and again: the client that does not read is not closed for it. */
static void a_slow_client_gets_no_more_invitations_until_it_has_taken_what_it_got(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn li = wanting_session(s, "li");
	const char *invite = R"({"msgid":145,"id":1,"groupid":1,"account":3})";
	const char *take_back = "DELETE FROM invitation";

	s.f->host->soft_mark = 0;
	for (int i = 0; i < 3; i++) {
		(void)fake_host_request(s.f->host.get(), s.zhang, invite);
		assert_int_equal(database_run(s.f->host->db, take_back), 0);
	}
	assert_int_equal(frames_of(s, li), 1);
	fake_host_written_all(s.f->host.get(), li);
	(void)fake_host_request(s.f->host.get(), s.zhang, invite);
	assert_int_equal(frames_of(s, li), 2);
}

static void the_same_invitation_again_is_done_and_reaches_nobody_again(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn li = wanting_session(s, "li");
	const char *frame = R"({"msgid":145,"id":1,"groupid":1,"account":3,"req":5})";

	for (int i = 0; i < 2; i++)
		assert_string_equal(fixture_ask(s.f, s.zhang, frame).c_str(),
		                    R"({"msgid":100,"of":145,"req":5,"errno":0})");
	assert_int_equal(frames_of(s, li), 1);
}

static void an_invitation_that_is_not_allowed_is_refused_and_reaches_nobody(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn li = wanting_session(s, "li"), wang = wanting_session(s, "wang");
	static const struct {
		uint64_t actor;
		const char *frame;
		int wire_errno;
		const char *text;
	} cases[] = {
		{1, R"({"msgid":145,"id":1,"account":3})", 4, "groupid is missing"},
		{1, R"({"msgid":145,"id":1,"groupid":1})", 4, "account is missing"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":0})", 4,
	         "account must be an integer from 1 to 9007199254740991"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":3,"seq":1})", 4, "seq is the server's to add"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":3,"ts":1})", 4, "ts is the server's to add"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":3,"edited":1})", 4, "edited is the server's to add"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":3,"recalled":1})", 4,
	         "recalled is the server's to add"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":3,"operator":true})", 4,
	         "operator is the server's to add"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":3,"name":"li"})", 8, "name is not this account's"},
		{1, R"({"msgid":145,"id":1,"groupid":9,"account":3})", 7, "groupid names no group"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":99})", 6, "account names nobody"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":2})", 9, "already a member"},
		{1, R"({"msgid":145,"id":1,"groupid":1,"account":4})", 8, "this account takes nothing from you"},
		{3, R"({"msgid":145,"id":3,"groupid":1,"account":4})", 8, "not a member of the group"},
	};

	assert_int_equal(database_run(s.f->host->db, "INSERT INTO contact (account, other, listed, blocked)"
	                                             " VALUES (4, 1, 0, 1)"),
	                 0);
	for (const auto &c : cases)
		assert_string_equal(fixture_ask(s.f, c.actor == 1 ? s.zhang : li, c.frame).c_str(),
		                    fixture_refusal(145, c.wire_errno, c.text).c_str());
	assert_int_equal(database_run(s.f->host->db, "UPDATE conversation SET invite_only = 1"), 0);
	assert_string_equal(fixture_ask(s.f, s.gao, R"({"msgid":145,"id":2,"groupid":1,"account":3})").c_str(),
	                    fixture_refusal(145, 8, "your role in the group does not permit it").c_str());
	assert_int_equal(frames_of(s, wang), 0);
	assert_int_equal(database_number(s.f->host->db, "SELECT count(*) FROM invitation"), 0);
}

static void the_hundred_and_first_invitation_is_too_many(void **state)
{
	const group_scene s = scene_of(state);

	for (int i = 0; i < 101; i++) {
		const uint64_t account = fixture_account(s.f, check_format("guest %d", i).c_str());
		assert_string_equal(
			fixture_ask(s.f, s.zhang,
		                    check_format("{\"msgid\":145,\"id\":1,\"groupid\":1,\"account\":%llu}",
		                                 (unsigned long long)account))
				.c_str(),
			i < 100 ? ""
				: fixture_refusal(145, 16, "as many people as may be are invited to the group")
					  .c_str());
	}
	assert_int_equal(database_number(s.f->host->db, "SELECT count(*) FROM invitation"), 100);
}

static void the_option_says_how_many_invitations_there_may_be(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "group.max_invitations", "1");
	const group_scene s = scene_of(state);

	fixture_account(s.f, "li");
	fixture_account(s.f, "wang");
	assert_string_equal(fixture_ask(s.f, s.zhang, R"({"msgid":145,"id":1,"groupid":1,"account":3})").c_str(), "");
	assert_string_equal(fixture_ask(s.f, s.zhang, R"({"msgid":145,"id":1,"groupid":1,"account":4})").c_str(),
	                    fixture_refusal(145, 16, "as many people as may be are invited to the group").c_str());
}

static void a_store_that_is_away_is_answered_to_both(void **state)
{
	const group_scene s = scene_of(state);

	for (const auto &[place, frame, msgid] :
	     {std::make_tuple(FAKE_READ, R"({"msgid":144,"id":1,"groupid":1,"req":1})", 144),
	      std::make_tuple(FAKE_PRESENCE, R"({"msgid":144,"id":1,"groupid":1,"req":1})", 144),
	      std::make_tuple(FAKE_WRITE, R"({"msgid":145,"id":1,"groupid":1,"account":1,"req":1})", 145)})
		for (const bool at_call : {true, false}) {
			s.f->host->faults = {{place, 0, at_call, at_call ? CS_EBUSY : CS_ECANCELED}};
			const std::string answer = fixture_ask(s.f, s.zhang, frame);
			const json_ptr json(cJSON_Parse(answer.c_str()));
			assert_int_equal(json_integer(json.get(), "of"), msgid);
			assert_int_equal(json_integer(json.get(), "errno"), at_call ? 10 : 13);
			fixture_expect_idle(s.f, s.zhang);
		}
}

static void a_parcel_for_a_session_that_has_gone_does_nothing(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn li = wanting_session(s, "li");

	assert_int_equal(fake_host_frame(s.f->host.get(), s.zhang, R"({"msgid":145,"id":1,"groupid":1,"account":3})"),
	                 CS_PENDING);
	while (!fake_host_count(s.f->host.get(), "route"))
		assert_true(fake_host_step(s.f->host.get()));
	fake_host_end(s.f->host.get(), li);
	fake_host_run(s.f->host.get());
	fixture_expect_idle(s.f, s.zhang);
}

static void members_and_invite_need_a_login_and_ones_own_id(void **state)
{
	const group_scene s = scene_of(state);
	const cs_conn guest = fake_host_connect(s.f->host.get());

	for (const int msgid : {144, 145}) {
		const std::string frame = check_format("{\"msgid\":%d,\"id\":2,\"groupid\":1,\"account\":3}", msgid);
		assert_string_equal(fixture_ask(s.f, guest, frame).c_str(),
		                    fixture_refusal(msgid, 3, "route check").c_str());
		assert_string_equal(fixture_ask(s.f, s.zhang, frame).c_str(),
		                    fixture_refusal(msgid, 8, "route check").c_str());
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_are_answered_with_their_roles_and_states),
		TEST(a_query_for_members_is_charged_by_what_it_answers),
		TEST(who_refuses_strangers_is_not_invited_by_one),
		TEST(who_blocks_the_asker_is_offline_for_it),
		TEST(a_query_for_members_that_is_wrong_is_refused),
		TEST(a_group_of_10000_comes_in_pages_of_200_once_each),
		TEST(an_invitation_reaches_the_sessions_that_want_events_with_the_inviters_name),
		TEST(the_same_invitation_again_is_done_and_reaches_nobody_again),
		TEST(an_invitation_that_is_not_allowed_is_refused_and_reaches_nobody),
		TEST(the_hundred_and_first_invitation_is_too_many),
		TEST(the_option_says_how_many_invitations_there_may_be),
		TEST(a_store_that_is_away_is_answered_to_both),
		TEST(a_parcel_for_a_session_that_has_gone_does_nothing),
		TEST(a_slow_client_gets_no_more_invitations_until_it_has_taken_what_it_got),
		TEST(members_and_invite_need_a_login_and_ones_own_id),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
