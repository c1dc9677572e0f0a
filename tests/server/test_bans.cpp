/* SPDX-License-Identifier: MIT
 * Tests bans on a real server. Clients come with PROXY headers, so that each can have an address of its own. */
#include <cstring>
#include <string>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

static const char *const banned = R"({"msgid":100,"of":0,"errno":8,"errmsg":"this address is banned"})";

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	test_server_set(s, "core.proxy_from", "127.0.0.1");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.audit", "file:" + s->folder + "/audit.log");
	*state = s;
	test_server_start(s);
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

static test_client *come(test_server *s, const char *address)
{
	const bool is_ipv6 = strchr(address, ':') != nullptr;
	test_client *c = client_open_from(s, "127.0.0.1");

	assert_true(client_send_raw(c, check_format("PROXY TCP%d %s %s 4660 6000\r\n", is_ipv6 ? 6 : 4, address,
	                                            is_ipv6 ? "2001:db8:ffff::1" : "198.51.100.99")));
	return c;
}

static test_client *admitted(test_server *s, const char *address)
{
	test_client *c = come(s, address);

	client_send(c, "{\"msgid\":102}\n");
	client_expect(c, "{\"msgid\":103}");
	return c;
}

static void refused(test_server *s, const char *address)
{
	test_client *c = come(s, address);

	client_expect(c, banned);
	client_expect_end(c);
	client_close(c);
}

static void order(test_server *s, int wire_errno, const std::string &frame)
{
	test_client *o = operator_open(s);

	(void)CLIENT_ASK(o, wire_errno, "%s", frame.c_str());
	client_close(o);
}

static void ban(test_server *s, const char *address, const char *more = "")
{
	order(s, 0, check_format(R"({"msgid":943,"address":"%s"%s)", address, more));
}

static void who_is_banned_is_closed_and_refused_and_nobody_else(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *guest = admitted(s, "192.0.2.7"), *ann = admitted(s, "192.0.2.8"), *ben = admitted(s, "192.0.3.8"),
		    *direct = client_open(s);

	client_login(ann, client_register(ann, "ann"));
	ban(s, "192.0.2.0/24");
	for (test_client *c : {guest, ann}) {
		client_expect(c, banned);
		client_expect_end(c);
	}
	for (int i = 0; i < 20; i++)
		refused(s, "192.0.2.255");
	client_expect_quiet(ben);
	client_expect_quiet(direct);
	client_close(admitted(s, "192.0.1.255"));
	order(s, 0, R"({"msgid":944,"address":"192.0.2.0/24")");
	client_close(admitted(s, "192.0.2.7"));
}

static void an_ipv6_address_is_banned_with_its_64(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	ban(s, "2001:db8:0:7::9");
	refused(s, "2001:db8:0:7:ffff::1");
	client_close(admitted(s, "2001:db8:0:8::1"));
	ban(s, "::ffff:192.0.2.7");
	refused(s, "192.0.2.7");
	refused(s, "::ffff:192.0.2.7");
}

static void bans_last_over_a_restart_and_end_in_time(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	ban(s, "192.0.2.7");
	ban(s, "192.0.2.8", R"(,"time":1000,"reason":"spam")");
	refused(s, "192.0.2.8");
	test_server_kill(s);
	test_server_start(s);
	test_server_wait_log(s, "the list of bans was read");
	refused(s, "192.0.2.7");
	check_wait("the end of a ban", [s] {
		test_frame frame;
		test_client *c = come(s, "192.0.2.8");
		const bool came = client_try_send(c, "{\"msgid\":102}\n") && client_try_read(c, &frame, 2000);
		const bool is_in = came && json_matches(frame.json.get(), R"({"msgid":103})");

		client_close(c);
		return is_in;
	});
	refused(s, "192.0.2.7");
}

static void this_machine_and_its_proxies_cannot_be_banned(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);

	for (const char *address : {"127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "::1"}) {
		const test_frame frame = CLIENT_ASK(o, 4, R"({"msgid":943,"address":"%s")", address);
		assert_non_null(strstr(frame.bytes.c_str(), "cannot be banned: it holds addresses of this machine"));
	}
	for (const char *members :
	     {R"("address":"1.2.3/8")", R"("address":"1.2.3.4/33")", R"("address":"fe80::1%eth0")", R"("address":"")",
	      R"("time":1000)", R"("address":"1.2.3.4","time":999)", R"("address":"1.2.3.4","time":315360000001)",
	      R"("address":"1.2.3.4","reason":"a\nb")"})
		(void)CLIENT_ASK(o, 4, R"({"msgid":943,%s)", members);
	(void)CLIENT_ASK(o, 8, R"({"msgid":944,"address":"192.0.2.1")");
	(void)CLIENT_ASK(o, 8, R"({"msgid":944,"address":"nonsense")");
}

static void all_are_listed_and_counted_and_told_once(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	std::string after;
	int count = 0, lines = 0;

	for (int i = 0; i < 201; i++)
		(void)CLIENT_ASK(o, 0, R"({"msgid":943,"address":"198.18.%d.0/24","reason":"r %d")", i, i);
	for (int i = 0; i < 5; i++)
		refused(s, "198.18.0.1");
	do {
		const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":945%s", after.c_str());

		count += cJSON_GetArraySize(cJSON_GetObjectItem(frame.json.get(), "bans"));
		after = json_has(frame.json.get(), "more")
		                ? ",\"after\":\"" + json_text(frame.json.get(), "next") + "\""
		                : "";
	} while (!after.empty());
	assert_int_equal(count, 201);
	const std::string page = http_get(admin_port(s), "/metrics");
	assert_figure(page, "chatserverd_bans 201");
	assert_figure(page, R"(chatserverd_connections_closed_total{transport="plain",reason="banned"} 5)");
	test_server_stop(s);
	const std::string log = test_server_log(s), audit = check_read_file(s->folder + "/audit.log");
	for (size_t at = log.find("198.18.0.0/24"); at != log.npos; at = log.find("198.18.0.0/24", at + 1))
		lines++;
	assert_int_equal(lines, 1);
	assert_non_null(strstr(log.c_str(), "order verb=ban by=operator:uid=0 network=198.18.0.0/24 ends=0"));
	assert_null(strstr(log.c_str(), "198.18.0.1"));
	assert_non_null(strstr(audit.c_str(), "network=198.18.7.0/24"));
}

int main()
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_is_banned_is_closed_and_refused_and_nobody_else),
		TEST(an_ipv6_address_is_banned_with_its_64),
		TEST(bans_last_over_a_restart_and_end_in_time),
		TEST(this_machine_and_its_proxies_cannot_be_banned),
		TEST(all_are_listed_and_counted_and_told_once),
	};

	return cmocka_run_group_tests_name("bans", tests, nullptr, nullptr);
}
