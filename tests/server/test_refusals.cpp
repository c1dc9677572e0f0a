/* SPDX-License-Identifier: MIT
 * Tests the refusals of chatserverd-protocol(7): each errno by a request that causes it. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void fields_missing_or_of_the_wrong_type_are_bad_frames(void **state)
{
	test_client *c = client_enter((test_server *)*state, "fields");
	const long long id = c->id;
	const char *const wrong_ids[] = {"\"7\"", "1.5",  "-1",  "0", "1e400", "9007199254740992",
	                                 "true",  "null", "[1]", "{}"};
	int wrong = 0;
	std::vector<std::pair<int, std::string>> frames = {
		{1, "{\"msgid\":1,\"password\":\"x\"}"},
		{1, "{\"msgid\":1,\"id\":1}"},
		{1, "{\"msgid\":1,\"id\":1,\"password\":5}"},
		{1, "{\"msgid\":1,\"id\":1,\"password\":\"x\",\"ack\":\"yes\"}"},
		{4, "{\"msgid\":4,\"password\":\"x\"}"},
		{4, "{\"msgid\":4,\"name\":\"x\"}"},
		{4, "{\"msgid\":4,\"name\":5,\"password\":\"x\"}"},
		{3, "{\"msgid\":3}"},
		{6, check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"x\"}", id)},
		{6, check_format("{\"msgid\":6,\"toid\":%lld,\"msg\":\"x\"}", id)},
		{6, check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":5}", id, id)},
		{6, check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"cid\":5}", id, id)},
		{6, check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"cid\":\"\"}", id, id)},
		{6, check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"cid\":\"%s\"}", id, id,
	                         std::string(65, 'c').c_str())},
		{6, check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"name\":5}", id, id)},
		{7, check_format("{\"msgid\":7,\"id\":%lld}", id)},
		{8, check_format("{\"msgid\":8,\"id\":%lld}", id)},
		{8, check_format("{\"msgid\":8,\"id\":%lld,\"groupname\":7,\"groupdesc\":\"x\"}", id)},
		{9, check_format("{\"msgid\":9,\"id\":%lld}", id)},
		{10, check_format("{\"msgid\":10,\"id\":%lld,\"msg\":\"x\"}", id)},
		{104, check_format("{\"msgid\":104,\"id\":%lld,\"seq\":1}", id)},
		{104, check_format("{\"msgid\":104,\"id\":%lld,\"peer\":1,\"groupid\":1,\"seq\":1}", id)},
	};

	for (const char *bad : wrong_ids) {
		frames.push_back({1, check_format("{\"msgid\":1,\"id\":%s,\"password\":\"x\"}", bad)});
		frames.push_back({3, check_format("{\"msgid\":3,\"id\":%s}", bad)});
		frames.push_back({6, check_format("{\"msgid\":6,\"id\":%s,\"toid\":1,\"msg\":\"x\"}", bad)});
		frames.push_back({6, check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%s,\"msg\":\"x\"}", id, bad)});
		frames.push_back({7, check_format("{\"msgid\":7,\"id\":%lld,\"friendid\":%s}", id, bad)});
		frames.push_back({9, check_format("{\"msgid\":9,\"id\":%lld,\"groupid\":%s}", id, bad)});
		frames.push_back(
			{10, check_format("{\"msgid\":10,\"id\":%lld,\"groupid\":%s,\"msg\":\"x\"}", id, bad)});
		frames.push_back({104, check_format("{\"msgid\":104,\"id\":%lld,\"peer\":%s,\"seq\":1}", id, bad)});
		frames.push_back({104, check_format("{\"msgid\":104,\"id\":%lld,\"peer\":1,\"seq\":%s}", id, bad)});
	}
	for (const auto &[of, frame] : frames) {
		client_send(c, frame + "\n");
		const test_frame answer = client_read(c);

		if (!json_matches(answer.json.get(), check_format("{\"msgid\":100,\"of\":%d,\"errno\":4}", of)) ||
		    json_text(answer.json.get(), "errmsg").empty()) {
			print_error("%s\n  got %s\n", frame.c_str(), answer.bytes.c_str());
			wrong++;
		}
	}
	client_expect_quiet(c);
	assert_int_equal(wrong, 0);
}

static void everything_but_login_register_and_ping_needs_a_login(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (const int msgid : {3, 6, 7, 8, 9, 10, 104}) {
		client_sendf(c,
		             "{\"msgid\":%d,\"id\":1,\"toid\":1,\"friendid\":1,\"groupid\":1,\"groupname\":"
		             "\"x\",\"msg\":\"x\"}",
		             msgid);
		client_expect(c, check_format("{\"msgid\":100,\"of\":%d,\"errno\":3,\"req\":null}", msgid));
		client_sendf(c, "{\"msgid\":%d,\"req\":%d}", msgid, msgid);
		client_expect(c, check_format("{\"msgid\":100,\"of\":%d,\"errno\":3,\"req\":%d}", msgid, msgid));
	}
	client_expect_quiet(c);
}

static void a_msgid_that_nobody_handles_is_unknown(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (const int msgid : {2, 5, 11, 99, 100, 101, 103, 107, 123, 500, 999, 12345, 2147483647}) {
		client_sendf(c, "{\"msgid\":%d,\"req\":3}", msgid);
		client_expect(c, check_format("{\"msgid\":100,\"of\":%d,\"req\":3,\"errno\":5}", msgid));
	}
	client_sendf(c, "{\"msgid\":4294967398,\"req\":3}"); /* 2^32 + 102 is no PING */
	client_expect(c, "{\"msgid\":100,\"req\":3,\"errno\":4}");
	client_expect_quiet(c);
}

static void nobody_speaks_with_another_id_or_name(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *eve = client_enter(s, "eve"), *bob = client_enter(s, "bob"), *ann = client_enter(s, "ann");
	const long long a = ann->id, b = bob->id;

	client_sendf(eve, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"hi\",\"time\":\"\"}", a, b);
	client_expect(eve, "{\"msgid\":100,\"of\":6,\"errno\":8,\"req\":null}");
	client_sendf(eve, "{\"msgid\":6,\"id\":%lld,\"name\":\"%s\",\"toid\":%lld,\"msg\":\"hi\",\"time\":\"\"}",
	             static_cast<long long>(eve->id), ann->name.c_str(), b);
	client_expect(eve, "{\"msgid\":100,\"of\":6,\"errno\":8}");
	for (const int msgid : {3, 7, 8, 9, 10, 104}) {
		client_sendf(eve,
		             "{\"msgid\":%d,\"id\":%lld,\"friendid\":%lld,\"groupid\":1,\"groupname\":\"x\","
		             "\"msg\":\"x\","
		             "\"peer\":%lld,\"seq\":1}",
		             msgid, a, b, b);
		client_expect(eve, check_format("{\"msgid\":100,\"of\":%d,\"errno\":8}", msgid));
	}
	client_expect_quiet(bob);
	client_expect_quiet(ann);
	client_chat(eve, b, "still here");
	client_expect(bob, check_format("{\"msgid\":6,\"id\":%lld}", static_cast<long long>(eve->id)));
}

static void a_chat_to_nobody_is_refused_and_stores_nothing(void **state)
{
	test_client *ann = client_enter((test_server *)*state, "ann");

	client_sendf(ann, "{\"msgid\":6,\"id\":%lld,\"toid\":9007199254740991,\"msg\":\"x\",\"time\":\"\"}",
	             static_cast<long long>(ann->id));
	client_expect(ann, "{\"msgid\":100,\"of\":6,\"errno\":6,\"req\":null}");
	CLIENT_ASK(ann, 6, "{\"msgid\":6,\"id\":%lld,\"toid\":4000000,\"msg\":\"x\",\"time\":\"\"", (long long)ann->id);
	CLIENT_ASK(ann, 6, "{\"msgid\":7,\"id\":%lld,\"friendid\":4000000", (long long)ann->id);
	client_expect_quiet(ann);
}

static void a_clients_own_seq_or_ts_is_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	for (const char *more : {",\"seq\":1", ",\"ts\":1", ",\"seq\":null", ",\"t\\u0073\":1"}) {
		client_chat(ann, bob->id, "forged", more);
		client_expect(ann, "{\"msgid\":100,\"of\":6,\"errno\":4}");
	}
	client_chat(ann, bob->id, "honest", ",\"x\":{\"seq\":1,\"ts\":2}");
	client_expect(bob, "{\"msgid\":6,\"msg\":\"honest\",\"seq\":1}");
	client_expect_quiet(ann);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fields_missing_or_of_the_wrong_type_are_bad_frames),
		TEST(everything_but_login_register_and_ping_needs_a_login),
		TEST(a_msgid_that_nobody_handles_is_unknown),
		TEST(nobody_speaks_with_another_id_or_name),
		TEST(a_chat_to_nobody_is_refused_and_stores_nothing),
		TEST(a_clients_own_seq_or_ts_is_refused),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
