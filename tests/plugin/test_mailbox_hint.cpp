/* SPDX-License-Identifier: MIT
 * Tests the bytes of hints: they are the same on every machine, a hint comes back whole, and other bytes are
 * refused. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <setjmp.h>

extern "C" {
#include <cmocka.h>
}

#include "plugins/mailbox/hint.h"

/* One of the type, with every member that it has. */
static mailbox_hint hint_of(mailbox_hint_type type)
{
	mailbox_hint hint = {};

	hint.type = type;
	if (type <= MAILBOX_HINT_NEWS)
		hint = {type,
		        type == MAILBOX_HINT_OWN ? CS_CONVERSATION_PAIR : CS_CONVERSATION_GROUP,
		        CS_INTEGER_MAX,
		        12,
		        13,
		        14,
		        15};
	return hint;
}

static const char *body_of(mailbox_hint_type type)
{
	return type == MAILBOX_HINT_STORED ? "{\"msgid\":6}" : "";
}

static std::string bytes_of(mailbox_hint_type type)
{
	return mailbox_hint_encode(hint_of(type), body_of(type));
}

static int decode(const std::string &bytes)
{
	const std::string copy(bytes); /* of its exact size, so that a read beyond it is seen */
	mailbox_hint hint;
	std::string_view body;
	const char *why;

	return mailbox_hint_decode(copy, &hint, &body, &why);
}

static void assert_refused(const std::string &bytes, const char *reason)
{
	mailbox_hint hint;
	std::string_view body;
	const char *why = nullptr;

	assert_int_equal(mailbox_hint_decode(bytes, &hint, &body, &why), CS_EINVAL);
	assert_string_equal(why, reason);
}

static mailbox_hint_type type_of(unsigned number)
{
	return static_cast<mailbox_hint_type>(number);
}

static void every_type_comes_back_whole(void **)
{
	for (unsigned i = MAILBOX_HINT_STORED; i <= MAILBOX_HINT_LOOK; i++) {
		const mailbox_hint sent = hint_of(type_of(i));
		const std::string bytes = bytes_of(type_of(i));
		mailbox_hint got;
		std::string_view body;
		const char *why;

		assert_int_equal(mailbox_hint_decode(bytes, &got, &body, &why), 0);
		assert_null(why);
		assert_int_equal(got.type, sent.type);
		assert_int_equal(got.kind, sent.kind);
		assert_true(got.of == sent.of && got.conversation == sent.conversation && got.sender == sent.sender);
		assert_true(got.seq == sent.seq && got.created == sent.created);
		assert_true(body == body_of(type_of(i)));
	}
}

/* What a node of the same version on another machine sends. */
static void the_bytes_are_fixed(void **)
{
	static const char stored[] = "mb\x03\x01\x01\x02\0\0\0"
				     "\xff\xff\xff\xff\xff\xff\x1f\0"
				     "\x0c\0\0\0\0\0\0\0"
				     "\x0d\0\0\0\0\0\0\0"
				     "\x0e\0\0\0\0\0\0\0"
				     "\x0f\0\0\0\0\0\0\0"
				     "{}";
	static const char look[] = "mb\x03\x04\0\0\0\0\0";

	assert_true(mailbox_hint_encode(hint_of(MAILBOX_HINT_STORED), "{}") == std::string(stored, sizeof(stored) - 1));
	assert_true(bytes_of(MAILBOX_HINT_LOOK) == std::string(look, sizeof(look) - 1));
}

static void a_hint_that_is_too_short_or_too_long_is_refused(void **)
{
	for (unsigned i = MAILBOX_HINT_STORED; i <= MAILBOX_HINT_LOOK; i++) {
		const std::string bytes = bytes_of(type_of(i));

		for (size_t size = 0; size < bytes.size(); size++)
			assert_int_equal(decode(bytes.substr(0, size)), CS_EINVAL);
		assert_refused(bytes + '}', "bad size");
		assert_refused(bytes + std::string(70000, '}'), "bad size");
	}
}

static void each_odd_byte_is_refused_with_its_reason(void **)
{
	const struct {
		mailbox_hint_type type;
		size_t at;
		const char *bytes, *reason;
	} cases[] = {
		{MAILBOX_HINT_STORED, 0, "M", "no hint of this version"},
		{MAILBOX_HINT_STORED, 2, "\x02", "another version"},
		{MAILBOX_HINT_STORED, 2, "\x04", "another version"},
		{MAILBOX_HINT_STORED, 3, "\x05", "unknown type"},
		{MAILBOX_HINT_STORED, 3, "\xff", "unknown type"},
		{MAILBOX_HINT_STORED, 4, "\x02", "bad kind"},
		{MAILBOX_HINT_OWN, 4, "\x01", "bad kind"},
		{MAILBOX_HINT_NEWS, 8, "\xff", "bad size"},
		{MAILBOX_HINT_STORED, 15, "\x20", "a number out of range"},
		{MAILBOX_HINT_STORED, 48, "\xff", "a number out of range"},
		{MAILBOX_HINT_STORED, 49, "[", "bad body"},
	};

	for (const auto &c : cases) {
		std::string bytes = bytes_of(c.type);

		bytes.replace(c.at, 1, c.bytes);
		assert_refused(bytes, c.reason);
	}
	assert_refused(std::string(9, '\0'), "no hint of this version");
	assert_refused(std::string("mb\x03\0\0\0\0\0\0", 9), "unknown type");
	assert_refused(mailbox_hint_encode(hint_of(MAILBOX_HINT_STORED), "{"), "bad body");
	assert_refused(mailbox_hint_encode(hint_of(MAILBOX_HINT_LOOK), "{}"), "bad body");
}

static void what_is_stored_has_a_seq(void **)
{
	for (const mailbox_hint_type type : {MAILBOX_HINT_STORED, MAILBOX_HINT_OWN, MAILBOX_HINT_NEWS}) {
		mailbox_hint hint = hint_of(type);

		hint.seq = 0;
		assert_refused(mailbox_hint_encode(hint, body_of(type)), "a number out of range");
	}
}

/* Whatever is let in is a hint: written again it is the same bytes. */
static void check_random(const std::string &bytes)
{
	mailbox_hint hint;
	std::string_view body;
	const char *why;

	if (mailbox_hint_decode(bytes, &hint, &body, &why))
		assert_non_null(why);
	else
		assert_true(mailbox_hint_encode(hint, body) == bytes);
}

static void random_bytes_do_no_harm(void **)
{
	std::mt19937 random(1);

	for (unsigned round = 0; round < 200000; round++) {
		std::string bytes(random() % 100, '\0');
		std::string changed = bytes_of(type_of(1 + random() % MAILBOX_HINT_LOOK));

		for (char &byte : bytes)
			byte = static_cast<char>(random());
		check_random(bytes);
		check_random("mb\x03" + bytes);
		changed[random() % changed.size()] = static_cast<char>(random());
		check_random(changed);
	}
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back_whole),
		cmocka_unit_test(the_bytes_are_fixed),
		cmocka_unit_test(a_hint_that_is_too_short_or_too_long_is_refused),
		cmocka_unit_test(each_odd_byte_is_refused_with_its_reason),
		cmocka_unit_test(what_is_stored_has_a_seq),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
