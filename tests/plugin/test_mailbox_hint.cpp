/* SPDX-License-Identifier: MIT
 * Tests hints: their bytes are the same on every machine, a hint comes back whole, and other parcels are refused. */
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "plugins/mailbox/hint.h"
#include "tests/support/check.h"
#include "tests/support/parcel.h"

/* One of the type, with every member that it has. */
static mailbox_hint hint_of(uint64_t type)
{
	mailbox_hint hint = {};

	if (type <= MAILBOX_HINT_NEWS)
		hint = {CS_INTEGER_MAX, 12, 13, 14, 15, type, CS_CONVERSATION_GROUP, 16, 17, 1, 18, 19};
	if (type == MAILBOX_HINT_FOLLOWED)
		hint.conversation = hint.process = 12;
	hint.type = type;
	return hint;
}

static const char *body_of(uint64_t type)
{
	return type == MAILBOX_HINT_STORED ? "{\"msgid\":6}" : "";
}

/* The head as it leaves. */
static std::string head_of(const mailbox_hint &hint)
{
	static std::string head;
	cs_host host = {};

	host.route = [](cs_self *, cs_account, uint64_t, const cs_parcel *parcel, unsigned) {
		head.assign(static_cast<const char *>(parcel->head), parcel->head_size);
		return 0;
	};
	mailbox_hint_route(&host, nullptr, 1, CS_EVERY_DEVICE, hint, nullptr);
	return head;
}

static const char *read_hint(const std::string &head, const std::string &body, mailbox_hint *hint_r)
{
	const text_parcel p(body, head);
	std::string_view read_body;
	const char *why = "";

	const int result = mailbox_hint_read(&p.parcel, hint_r, &read_body, &why);

	assert_int_equal(result, why ? CS_EINVAL : 0);
	assert_true(read_body == body);
	return why;
}

static void assert_refused(const std::string &head, const std::string &body, const char *reason)
{
	mailbox_hint hint;

	assert_string_equal(read_hint(head, body, &hint), reason);
}

static void every_type_comes_back_whole(void **)
{
	for (uint64_t type = MAILBOX_HINT_STORED; type <= MAILBOX_HINT_FOLLOWED; type++) {
		const mailbox_hint sent = hint_of(type);
		mailbox_hint got;

		assert_null(read_hint(head_of(sent), body_of(type), &got));
		assert_memory_equal(&got, &sent, sizeof(sent));
	}
}

/* What a node of the same version on another machine sends. */
static void the_bytes_are_fixed(void **)
{
	static const char stored[] = "\xff\xff\xff\xff\xff\xff\x1f\0"
				     "\x0c\0\0\0\0\0\0\0"
				     "\x0d\0\0\0\0\0\0\0"
				     "\x0e\0\0\0\0\0\0\0"
				     "\x0f\0\0\0\0\0\0\0"
				     "\x01\0\0\0\0\0\0\0"
				     "\x01\0\0\0\0\0\0\0"
				     "\x10\0\0\0\0\0\0\0"
				     "\x11\0\0\0\0\0\0\0"
				     "\x01\0\0\0\0\0\0\0"
				     "\x12\0\0\0\0\0\0\0"
				     "\x13\0\0\0\0\0\0\0";

	assert_true(head_of(hint_of(MAILBOX_HINT_STORED)) == std::string(stored, sizeof(stored) - 1));
}

static void a_head_that_is_too_short_or_too_long_is_refused(void **)
{
	const std::string head = head_of(hint_of(MAILBOX_HINT_STORED));

	for (size_t size = 0; size < head.size(); size++)
		assert_refused(head.substr(0, size), "{}", "bad size");
	assert_refused(head + '}', "{}", "bad size");
}

static void each_odd_byte_is_refused_with_its_reason(void **)
{
	const struct {
		mailbox_hint_type type;
		size_t at;
		char byte;
		const char *reason;
	} cases[] = {
		{MAILBOX_HINT_STORED, 40, 0, "unknown type"},
		{MAILBOX_HINT_STORED, 40, 5, "unknown type"},
		{MAILBOX_HINT_STORED, 47, 1, "unknown type"},
		{MAILBOX_HINT_STORED, 48, 2, "bad kind"},
		{MAILBOX_HINT_STORED, 55, 1, "bad kind"},
		{MAILBOX_HINT_LOOK, 48, 1, "bad kind"},
		{MAILBOX_HINT_LOOK, 0, 1, "a number out of range"},
		{MAILBOX_HINT_STORED, 7, '\x20', "a number out of range"},
		{MAILBOX_HINT_STORED, 39, '\xff', "a number out of range"},
		{MAILBOX_HINT_STORED, 72, 2, "a number out of range"},
		{MAILBOX_HINT_STORED, 87, '\x20', "a number out of range"},
		{MAILBOX_HINT_NEWS, 95, '\x20', "a number out of range"},
		{MAILBOX_HINT_LOOK, 64, 1, "a number out of range"},
		{MAILBOX_HINT_LOOK, 80, 1, "a number out of range"},
		{MAILBOX_HINT_FOLLOWED, 8, 0, "a number out of range"},
		{MAILBOX_HINT_FOLLOWED, 24, 1, "a number out of range"},
	};

	for (const auto &c : cases) {
		std::string head = head_of(hint_of(c.type));

		head[c.at] = c.byte;
		assert_refused(head, body_of(c.type), c.reason);
	}
	for (const char *body : {"", "{", "[}", "{]"})
		assert_refused(head_of(hint_of(MAILBOX_HINT_STORED)), body, "bad body");
	assert_refused(head_of(hint_of(MAILBOX_HINT_LOOK)), "{}", "bad body");
}

static void what_is_stored_has_a_seq(void **)
{
	for (const uint64_t type : {MAILBOX_HINT_STORED, MAILBOX_HINT_NEWS}) {
		mailbox_hint hint = hint_of(type);

		hint.seq = 0;
		assert_refused(head_of(hint), body_of(type), "a number out of range");
	}
}

/* Whatever is let in is a hint: written again it is the same bytes. */
static void random_bytes_do_no_harm(void **)
{
	std::mt19937 random(1);
	unsigned read = 0;

	for (unsigned round = 0; round < 200000; round++) {
		const uint64_t type = 1 + random() % MAILBOX_HINT_FOLLOWED;
		std::string head = head_of(hint_of(type));
		mailbox_hint hint;

		for (unsigned changes = random() % 3; changes > 0; changes--)
			head[random() % head.size()] = static_cast<char>(random());
		if (read_hint(head, body_of(type), &hint))
			continue;
		assert_true(head_of(hint) == head);
		read++;
	}
	assert_true(read > 1000);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back_whole),
		cmocka_unit_test(the_bytes_are_fixed),
		cmocka_unit_test(a_head_that_is_too_short_or_too_long_is_refused),
		cmocka_unit_test(each_odd_byte_is_refused_with_its_reason),
		cmocka_unit_test(what_is_stored_has_a_seq),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
