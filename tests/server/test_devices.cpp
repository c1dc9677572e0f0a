/* SPDX-License-Identifier: MIT
 * Tests several devices of one account on one node: logins by name, what each device gets, DEVICES and END_DEVICE. */
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* Logs in by name. more: further members, with a leading comma. */
static test_frame log_in(test_client *c, const std::string &name, const std::string &more)
{
	client_sendf(c, R"({"msgid":1,"name":"%s","password":"secret","req":1%s})", name.c_str(), more.c_str());
	return client_read(c);
}

static test_client *enter(test_server *s, const test_client *as, const std::string &device)
{
	test_client *c = client_open(s);
	const test_frame ack = log_in(c, as->name, ",\"ack\":true,\"device\":\"" + device + "\"");

	assert_int_equal(json_integer(ack.json.get(), "errno"), 0);
	c->id = as->id;
	c->name = as->name;
	return c;
}

static void say(test_client *c, const test_client *to, const std::string &text)
{
	client_sendf(c, R"({"msgid":6,"id":%lld,"toid":%lld,"msg":"%s","req":9})", static_cast<long long>(c->id),
	             static_cast<long long>(to->id), text.c_str());
	assert_int_equal(json_integer(client_read_answer(c, 9).json.get(), "errno"), 0);
}

static std::string devices_of(test_client *c)
{
	client_sendf(c, R"({"msgid":110,"id":%lld,"req":5})", static_cast<long long>(c->id));
	const test_frame answer = client_read_answer(c, 5);
	const cJSON *item;
	std::string text;

	cJSON_ArrayForEach(item, cJSON_GetObjectItem(answer.json.get(), "devices")) text +=
		std::string(cJSON_GetStringValue(cJSON_GetObjectItem(item, "device"))) +
		(cJSON_IsTrue(cJSON_GetObjectItem(item, "online")) ? "+ " : "- ");
	return text;
}

static void each_device_gets_each_message_once_and_in_order(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *bob = client_enter(s, "bob"), *ann = client_enter(s, "ann");
	test_client *phone = enter(s, ann, "phone"), *desk = enter(s, ann, "desk");

	for (int i = 1; i <= 20; i++)
		say(bob, ann, std::to_string(i));
	for (test_client *c : {ann, phone, desk}) {
		for (int i = 1; i <= 20; i++)
			client_expect(c, check_format(R"({"msgid":6,"msg":"%d","seq":%d})", i, i));
		client_expect_quiet(c);
	}
}

static void a_device_that_comes_back_gets_what_it_missed_and_a_new_one_begins_at_the_end(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *bob = client_enter(s, "bob"), *ann = client_enter(s, "ann");
	test_client *phone = enter(s, ann, "phone");

	say(bob, ann, "one");
	client_expect(phone, R"({"msg":"one"})");
	client_sendf(phone, R"({"msgid":104,"id":%lld,"peer":%lld,"seq":1,"req":3})", static_cast<long long>(ann->id),
	             static_cast<long long>(bob->id));
	(void)client_read_answer(phone, 3);
	client_close(phone);
	say(bob, ann, "two");
	test_client *desk = client_open(s), *again = client_open(s);
	const test_frame first = log_in(desk, ann->name, R"(,"device":"desk")");
	const test_frame back = log_in(again, ann->name, R"(,"device":"phone")");

	assert_null(strstr(first.bytes.c_str(), "offlinemsg"));
	assert_non_null(strstr(back.bytes.c_str(), "two"));
	assert_null(strstr(back.bytes.c_str(), "one"));
	say(bob, ann, "three");
	for (test_client *c : {desk, again}) {
		client_expect(c, R"({"msg":"three","seq":3})");
		client_expect_quiet(c);
	}
}

static void the_same_device_again_closes_its_older_session(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *phone = enter(s, ann, "phone");
	test_client *next = enter(s, ann, "phone");

	client_expect(phone, R"({"msgid":100,"of":0,"errno":13,"reason":"replaced"})");
	client_expect_end(phone);
	client_expect_quiet(next);
	client_expect_quiet(ann);
	/* Device 0 stays as it is. */
	test_client *second = client_open(s);
	client_sendf(second, R"({"msgid":1,"id":%lld,"password":"secret"})", static_cast<long long>(ann->id));
	client_expect(second, R"({"msgid":2,"errno":2})");
}

static void devices_are_listed_and_ended(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *phone = enter(s, ann, "phone"), *desk = enter(s, ann, "desk");

	assert_string_equal(devices_of(desk).c_str(), "+ phone+ desk+ ");
	client_close(phone);
	check_wait("phone is offline", [=] { return devices_of(desk) == "+ phone- desk+ "; });
	phone = enter(s, ann, "phone");
	client_sendf(desk, R"({"msgid":111,"id":%lld,"device":"phone","req":6})", static_cast<long long>(ann->id));
	assert_int_equal(json_integer(client_read_answer(desk, 6).json.get(), "errno"), 0);
	client_expect_end(phone);
	assert_string_equal(devices_of(desk).c_str(), "+ desk+ ");
	/* An unknown one is ended already; of oneself it is answered first. */
	client_sendf(desk, R"({"msgid":111,"id":%lld,"device":"phone","req":7})", static_cast<long long>(ann->id));
	assert_int_equal(json_integer(client_read_answer(desk, 7).json.get(), "errno"), 0);
	client_sendf(desk, R"({"msgid":111,"id":%lld,"device":"desk","req":8})", static_cast<long long>(ann->id));
	assert_int_equal(json_integer(client_read_answer(desk, 8).json.get(), "errno"), 0);
	client_expect_end(desk);
	assert_string_equal(devices_of(ann).c_str(), "+ ");
	client_sendf(ann, R"({"msgid":111,"id":%lld,"device":"","req":9})", static_cast<long long>(ann->id));
	assert_int_equal(json_integer(client_read_answer(ann, 9).json.get(), "errno"), 0);
	client_expect_end(ann);
}

static void the_device_that_was_unseen_longest_makes_room(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "login.max_devices", "2");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *one = enter(s, ann, "one"), *two = enter(s, ann, "two");
	test_client *three = client_open(s);

	assert_int_equal(json_integer(log_in(three, ann->name, R"(,"device":"three")").json.get(), "errno"), 16);
	client_close(two);
	check_wait("two is offline", [=] { return devices_of(one) == "+ one+ two- "; });
	assert_int_equal(json_integer(log_in(three, ann->name, R"(,"device":"three")").json.get(), "errno"), 0);
	assert_string_equal(devices_of(one).c_str(), "+ one+ three+ ");
}

static void requests_that_are_wrong_are_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *c = client_open(s);
	const std::string id = std::to_string(ann->id), longest(65, 'x');

	for (const std::string &who : {std::string(), R"("id":)" + id + R"(,"name":"x",)", std::string(R"("name":"",)"),
	                               std::string(R"("name":7,)"), R"("id":)" + id + R"(,"device":"",)",
	                               R"("id":)" + id + R"(,"device":")" + longest + R"(",)"}) {
		client_sendf(c, R"({"msgid":1,%s"password":"secret"})", who.c_str());
		client_expect(c, R"({"msgid":100,"of":1,"errno":4})");
	}
	client_sendf(c, R"({"msgid":1,"name":"nobody","password":"secret"})");
	client_expect(c, R"({"msgid":2,"errno":1,"errmsg":"no such id or wrong password"})");
	client_sendf(ann, R"({"msgid":110,"id":%s})", id.c_str());
	client_expect(ann, R"({"msgid":100,"of":110,"errno":4})");
	client_sendf(ann, R"({"msgid":111,"id":%s})", id.c_str());
	client_expect(ann, R"({"msgid":100,"of":111,"errno":4})");
	client_sendf(ann, R"({"msgid":111,"id":%s,"device":"%s"})", id.c_str(), longest.c_str());
	client_expect(ann, R"({"msgid":100,"of":111,"errno":4})");
}

static void the_answer_has_a_store_and_no_rosters_if_so_asked(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");

	client_sendf(ann, R"({"msgid":8,"id":%lld,"groupname":"g","groupdesc":"","req":2})",
	             static_cast<long long>(ann->id));
	(void)client_read_answer(ann, 2);
	test_client *with = client_open(s), *without = client_open(s), *again = client_open(s);
	const test_frame plain = log_in(with, ann->name, R"(,"device":"a")");
	const test_frame bare = log_in(without, ann->name, R"(,"device":"b","rosters":false,"want":[])");
	const test_frame second = log_in(again, ann->name, R"(,"device":"c","rosters":false,"want":[])");

	assert_non_null(strstr(plain.bytes.c_str(), "groups"));
	assert_null(strstr(plain.bytes.c_str(), "store"));
	assert_null(strstr(bare.bytes.c_str(), "groups"));
	const char *store = cJSON_GetStringValue(cJSON_GetObjectItem(bare.json.get(), "store"));
	assert_true(store && strlen(store) == 32);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(second.json.get(), "store")), store);
}

static void an_account_is_online_while_any_device_is(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	test_client *phone = enter(s, ann, "phone");

	client_sendf(bob, R"({"msgid":7,"id":%lld,"friendid":%lld,"req":2})", static_cast<long long>(bob->id),
	             static_cast<long long>(ann->id));
	(void)client_read_answer(bob, 2);
	client_close(ann);
	check_wait("device 0 is offline", [=] { return devices_of(phone) == "- phone+ "; });
	const auto is_ann = [=](const char *what) {
		test_client *c = client_open(s);
		const test_frame ack = log_in(c, bob->name, R"(,"device":"look")");

		client_close(c);
		return strstr(ack.bytes.c_str(), what) != nullptr;
	};
	assert_true(is_ann("online"));
	client_close(phone);
	check_wait("ann is offline", [=] { return is_ann("offline"); });
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_device_gets_each_message_once_and_in_order),
		TEST(a_device_that_comes_back_gets_what_it_missed_and_a_new_one_begins_at_the_end),
		TEST(the_same_device_again_closes_its_older_session),
		TEST(devices_are_listed_and_ended),
		TEST(the_device_that_was_unseen_longest_makes_room),
		TEST(requests_that_are_wrong_are_refused),
		TEST(the_answer_has_a_store_and_no_rosters_if_so_asked),
		TEST(an_account_is_online_while_any_device_is),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
