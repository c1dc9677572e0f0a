/* SPDX-License-Identifier: MIT
 * Tests reading the fields of a frame: types, ranges, exactness, case. */
#include <cstring>
#include <string>
#include <string_view>

#include <cjson/cJSON.h>

#include "core/net/frame.h"
#include "tests/support/check.h"

static const char frame_text[] =
	"{\"msgid\":1,\"most\":9007199254740991,\"more\":9007199254740992,\"least\":"
	"-9007199254740991,\"one\":1.0,"
	"\"half\":1.5,\"huge\":1e300,\"text\":\"7\",\"umlaut\":\"\\u00e4\xc3\xa4\","
	"\"yes\":true,\"no\":false,\"none\":null,"
	"\"empty\":\"\",\"nested\":{\"inner\":1},\"list\":[1,[\"\\u00e4\"]],\"c\\u0069d\":\"a-1\","
	"\"near\":9007199254740991.4,\"tiny\":1e-400,\"minus\":-0,\"exponent\":12e-1,"
	"\"hundred\":1E+2}";

static struct frame_parser parser;
static struct frame_fields fields;
static struct cs_frame frame;

static int set_up(void **)
{
	struct cs_error e;

	frame.bytes = frame_text;
	frame.size = sizeof frame_text - 1;
	if (frame_parse(&parser, frame.bytes, frame.size) != FRAME_COMPLETE || frame_fault(&parser, &e) != 0)
		return -1;
	fields.parser = &parser;
	frame.fields = &fields;
	return 0;
}

static int tear_down(void **)
{
	fields.trees.clear();
	return 0;
}

static void assert_integer(const char *key, int expected_result, int64_t expected)
{
	int64_t value = 42;

	assert_int_equal(frame_get_integer(&frame, key, INT64_MIN, INT64_MAX, &value), expected_result);
	assert_true(value == (expected_result == 0 ? expected : 42));
}

static void integers_are_exact_to_the_end_of_their_range(void **)
{
	assert_integer("most", 0, INT64_C(9007199254740991));
	assert_integer("least", 0, INT64_C(-9007199254740991));
	assert_integer("one", 0, 1);
	assert_integer("more", CS_EINVAL, 0);
	assert_integer("huge", CS_EINVAL, 0);
	assert_integer("half", CS_EINVAL, 0);
	assert_integer("exponent", CS_EINVAL, 0);
	assert_integer("near", 0, INT64_C(9007199254740991)); /* as the nearest double */
	assert_integer("tiny", 0, 0);
	assert_integer("minus", 0, 0);
	assert_integer("hundred", 0, 100);
}

static void an_integer_of_another_type_is_refused(void **)
{
	for (const char *key : {"text", "yes", "none", "nested", "empty"})
		assert_integer(key, CS_EINVAL, 0);
}

static void an_integer_out_of_the_range_that_was_asked_for_is_refused(void **)
{
	int64_t value;

	assert_int_equal(frame_get_integer(&frame, "one", 1, 1, &value), 0);
	assert_int_equal(frame_get_integer(&frame, "one", 2, 9, &value), CS_EINVAL);
	assert_int_equal(frame_get_integer(&frame, "one", -9, 0, &value), CS_EINVAL);
}

static void absent_keys_are_absent_whatever_their_case(void **)
{
	const char *text;
	size_t size;
	int flag;

	for (const char *key : {"One", "inner", "", "absent"})
		assert_integer(key, CS_ENOENT, 0);
	assert_int_equal(frame_get_text(&frame, "TEXT", &text, &size), CS_ENOENT);
	assert_int_equal(frame_get_flag(&frame, "Yes", &flag), CS_ENOENT);
	assert_int_equal(frame_has(&frame, "Text"), 0);
	assert_int_equal(frame_has(&frame, "none"), 1);
}

static void texts_come_decoded_with_their_size(void **)
{
	const char *text;
	size_t size;

	assert_int_equal(frame_get_text(&frame, "umlaut", &text, &size), 0);
	assert_int_equal(size, 4);
	assert_string_equal(text, "\xc3\xa4\xc3\xa4");
	assert_int_equal(frame_get_text(&frame, "empty", &text, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(frame_get_text(&frame, "cid", &text, &size), 0);
	assert_string_equal(text, "a-1");
	assert_int_equal(frame_get_text(&frame, "one", &text, &size), CS_EINVAL);
	assert_int_equal(frame_get_text(&frame, "none", &text, &size), CS_EINVAL);
}

static void a_text_stays_while_others_are_read(void **)
{
	const char *first, *second, *again;
	size_t size;

	assert_int_equal(frame_get_text(&frame, "text", &first, &size), 0);
	assert_int_equal(frame_get_text(&frame, "umlaut", &second, &size), 0);
	assert_int_equal(frame_get_text(&frame, "text", &again, &size), 0);
	assert_string_equal(first, "7");
	assert_string_equal(second, "\xc3\xa4\xc3\xa4");
	assert_ptr_equal(again, first);
}

static void long_texts_come_whole(void **)
{
	const std::string plain(5000, 'x'), escapes = "\\ud83d\\ude00\\\"\\u4f60\\n" + plain;
	const std::string bytes = "{\"msgid\":1,\"a\":\"" + plain + "\",\"b\":\"" + escapes + "\"}";
	struct frame_parser p;
	struct frame_fields f;
	const char *a, *b;
	size_t a_size, b_size;

	assert_int_equal(frame_parse(&p, bytes.data(), bytes.size()), FRAME_COMPLETE);
	f.parser = &p;
	const struct cs_frame whole = {{.msgid = 1, .req = -1}, 0, 0, "", 0, bytes.data(), bytes.size(), &f};
	assert_int_equal(frame_get_text(&whole, "a", &a, &a_size), 0);
	assert_int_equal(frame_get_text(&whole, "b", &b, &b_size), 0);
	assert_string_equal(a, plain.c_str());
	assert_string_equal(b, ("\xf0\x9f\x98\x80\"\xe4\xbd\xa0\n" + plain).c_str());
	assert_int_equal(a_size, strlen(a));
	assert_int_equal(b_size, strlen(b));
}

static void arrays_and_objects_come_as_trees_and_nothing_else_does(void **)
{
	const cJSON *tree = nullptr, *again = nullptr;

	assert_int_equal(frame_get_tree(&frame, "list", &tree), 0);
	assert_int_equal(cJSON_GetArraySize(tree), 2);
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetArrayItem(tree, 1), 0)->valuestring, "\xc3\xa4");
	assert_int_equal(frame_get_tree(&frame, "list", &again), 0);
	assert_ptr_equal(again, tree);
	assert_int_equal(frame_get_tree(&frame, "nested", &again), 0);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(again, "inner")->valueint, 1);
	for (const char *key : {"one", "text", "yes", "none"})
		assert_int_equal(frame_get_tree(&frame, key, &again), CS_EINVAL);
	assert_int_equal(frame_get_tree(&frame, "inner", &again), CS_ENOENT);
}

static void flags_are_true_or_false_and_nothing_else(void **)
{
	int flag = 7;

	assert_int_equal(frame_get_flag(&frame, "yes", &flag), 0);
	assert_int_equal(flag, 1);
	assert_int_equal(frame_get_flag(&frame, "no", &flag), 0);
	assert_int_equal(flag, 0);
	for (const char *key : {"one", "text", "none"})
		assert_int_equal(frame_get_flag(&frame, key, &flag), CS_EINVAL);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_exact_to_the_end_of_their_range),
		cmocka_unit_test(an_integer_of_another_type_is_refused),
		cmocka_unit_test(an_integer_out_of_the_range_that_was_asked_for_is_refused),
		cmocka_unit_test(absent_keys_are_absent_whatever_their_case),
		cmocka_unit_test(texts_come_decoded_with_their_size),
		cmocka_unit_test(a_text_stays_while_others_are_read),
		cmocka_unit_test(long_texts_come_whole),
		cmocka_unit_test(arrays_and_objects_come_as_trees_and_nothing_else_does),
		cmocka_unit_test(flags_are_true_or_false_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
