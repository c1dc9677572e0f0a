/* SPDX-License-Identifier: MIT
 * Tests the reading and the rewriting of the members of a stored frame. */
#include "plugins/shared/object.h"

#include "tests/support/check.h"

static std::string with(std::string object, std::string_view key, std::string_view value)
{
	assert_int_equal(object_set(&object, key, value), 0);
	return object;
}

static std::string without(std::string object, std::string_view key)
{
	assert_int_equal(object_remove(&object, key), 0);
	return object;
}

static std::string kept(std::string object)
{
	assert_int_equal(object_keep(&object, {"msgid", "msg", "cid"}), 0);
	return object;
}

static void a_value_is_replaced_wherever_it_stands_and_the_rest_stays_as_it_is(void **)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{R"({"msg":"old"})", R"({"msg":"new"})"},
		{R"({"msg":"old","a":1})", R"({"msg":"new","a":1})"},
		{R"({"a":1,"msg":"old"})", R"({"a":1,"msg":"new"})"},
		{R"({"a":[1,{"msg":"no"}],"msg":"old","b":{"msg":"no"}})",
	         R"({"a":[1,{"msg":"no"}],"msg":"new","b":{"msg":"no"}})"},
		{" { \"a\" : 1.5e3 ,\n\t\"msg\" : \"old\" , \"b\" : null } ",
	         " { \"a\" : 1.5e3 ,\n\t\"msg\" : \"new\" , \"b\" : null } "},
		{R"({"a":"\"msg\":\"no\"","msg":"\\\"old\\","b":"}"})",
	         R"({"a":"\"msg\":\"no\"","msg":"new","b":"}"})"},
		{R"({"\u006dsg":"old","MSG":"no","msg ":"no","ms":"no"})",
	         R"({"\u006dsg":"new","MSG":"no","msg ":"no","ms":"no"})"},
		{R"({"msg":["old",[]],"a":true})", R"({"msg":"new","a":true})"},
		{R"({"msg":{"old":"}"},"a":-0})", R"({"msg":"new","a":-0})"},
		{R"({"msg":7})", R"({"msg":"new"})"},
	};

	for (const auto &c : cases)
		assert_string_equal(with(c.before, "msg", "\"new\"").c_str(), c.after);
}

static void a_missing_member_is_added_at_the_end(void **)
{
	assert_string_equal(with("{}", "edited", "7").c_str(), R"({"edited":7})");
	assert_string_equal(with(" { } ", "edited", "7").c_str(), R"( {"edited":7 } )");
	assert_string_equal(with(R"({"a":{"edited":1}})", "edited", "7").c_str(), R"({"a":{"edited":1},"edited":7})");
	assert_string_equal(with("{\"a\":\"}\" \n}", "edited", "7").c_str(), "{\"a\":\"}\",\"edited\":7 \n}");
}

static void a_removed_member_takes_its_comma_with_it(void **)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{R"({"msg":"x"})", "{}"},
		{R"({ "msg" : "x" })", "{  }"},
		{R"({"msg":"x","a":1})", R"({"a":1})"},
		{R"({"a":1,"msg":"x"})", R"({"a":1})"},
		{R"({"a":1 , "msg" : "x" , "b":2})", R"({"a":1 , "b":2})"},
		{R"({"a":",","\u006ds\u0067":{"b":","},"b":2})", R"({"a":",","b":2})"},
		{R"({"a":{"msg":"no"}})", R"({"a":{"msg":"no"}})"},
		{"{}", "{}"},
	};

	for (const auto &c : cases)
		assert_string_equal(without(c.before, "msg").c_str(), c.after);
}

static void what_is_kept_keeps_its_order_and_its_bytes(void **)
{
	assert_string_equal(kept("{}").c_str(), "{}");
	assert_string_equal(kept(R"({"a":1,"b":"msg"})").c_str(), "{}");
	assert_string_equal(
		kept(R"({"a":1, "c\u0069d" : "\u0041", "x":{"msg":1}, "msgid":6e0, "msg":[ 1 ],"z":0})").c_str(),
		R"({"c\u0069d":"\u0041","msgid":6e0,"msg":[ 1 ]})");
}

static void a_member_is_found_by_its_key(void **)
{
	const std::string_view object = R"({"a":"b","b":"a","c/d":[1, 2],"\uD83D\ude00":"face","":0,"\"":1})";
	std::string_view value;

	for (const auto &[key, expected] : {std::pair<std::string_view, std::string_view>{"a", "\"b\""},
	                                    {"b", "\"a\""},
	                                    {"c/d", "[1, 2]"},
	                                    {"\xf0\x9f\x98\x80", "\"face\""},
	                                    {"", "0"},
	                                    {"\"", "1"},
	                                    {"face", ""},
	                                    {"c", ""}}) {
		assert_int_equal(object_find(object, key, &value), 0);
		assert_true(value == expected);
	}
}

static void a_string_is_decoded(void **)
{
	static const struct {
		const char *string, *text;
	} cases[] = {
		{R"("")", ""},
		{R"("plain")", "plain"},
		{R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
		{R"("a\u0041\u00e9\u20AC\ud83d\ude00z")", "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"},
		{"\"\xe4\xbd\xa0\"", "\xe4\xbd\xa0"},
	};

	for (const auto &c : cases)
		assert_string_equal(object_text(c.string).c_str(), c.text);
}

static void what_is_no_object_is_told_and_left_alone(void **)
{
	for (const std::string_view text : {"",
	                                    " ",
	                                    "{",
	                                    "}",
	                                    "[]",
	                                    "7",
	                                    "{\"a\"}",
	                                    "{\"a\":}",
	                                    "{\"a\":1",
	                                    "{\"a\":1,}",
	                                    "{,}",
	                                    "{\"a\":1}x",
	                                    "{\"a\":1}{}",
	                                    "{\"a\":\"x}",
	                                    "{\"a\":\"x\\\"}",
	                                    "{\"a\":[1}",
	                                    "{\"a\":{\"b\":1}",
	                                    "{\"a\" 1}",
	                                    "{a:1}",
	                                    "{\"a\":1 \"b\":2}",
	                                    "{\"a",
	                                    "{\"a\\",
	                                    "{\"a\":\"\\u00\\"}) {
		std::vector<object_member> members;
		std::string_view value;
		std::string object(text);

		assert_int_equal(object_read(object, &members), CS_EINVAL);
		assert_int_equal(object_find(object, "a", &value), CS_EINVAL);
		assert_true(value.empty());
		assert_int_equal(object_set(&object, "a", "2"), CS_EINVAL);
		assert_int_equal(object_remove(&object, "a"), CS_EINVAL);
		assert_int_equal(object_keep(&object, {"b"}), CS_EINVAL);
		assert_true(object == text);
	}
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_replaced_wherever_it_stands_and_the_rest_stays_as_it_is),
		cmocka_unit_test(a_missing_member_is_added_at_the_end),
		cmocka_unit_test(a_removed_member_takes_its_comma_with_it),
		cmocka_unit_test(what_is_kept_keeps_its_order_and_its_bytes),
		cmocka_unit_test(a_member_is_found_by_its_key),
		cmocka_unit_test(a_string_is_decoded),
		cmocka_unit_test(what_is_no_object_is_told_and_left_alone),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
