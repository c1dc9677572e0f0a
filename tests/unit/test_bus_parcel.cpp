/* SPDX-License-Identifier: MIT
 * Tests the form in which data travels between nodes: it comes back whole, and other bytes are refused. */
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/bus.h>
#include <chatserverd/msgid.h>

#include "core/bus/bus_order.h"
#include "core/bus/bus_parcel.h"
#include "tests/support/check.h"

static struct bus_parcel decoded(const std::string &bytes)
{
	struct bus_parcel p;
	const char *why = "";

	assert_int_equal(bus_parcel_decode(bytes, &p, &why), 0);
	assert_null(why);
	return p;
}

static void assert_refused(std::string_view bytes, const char *reason)
{
	struct bus_parcel p;
	const char *why = nullptr;

	assert_int_equal(bus_parcel_decode(bytes, &p, &why), CS_EINVAL);
	assert_string_equal(why, reason);
}

static std::string parcel_for(enum bus_parcel_kind kind, cs_account account)
{
	const struct bus_parcel p {
		.kind = kind, .plugin = "chat", .to = account, .head = "head", .body = "hello"
	};

	return bus_parcel_encode(&p);
}

static void what_is_sent_comes_back_whole(void **)
{
	const std::string data("a\0b", 3);
	const struct bus_parcel sent {
		.kind = BUS_PARCEL_ACCOUNT, .flags = CS_ROUTE_CASUAL, .version = 255, .plugin = "mailbox",
		.to = CS_INTEGER_MAX, .head = "head", .body = data
	};
	const std::string bytes = bus_parcel_encode(&sent);
	const struct bus_parcel p = decoded(bytes);

	assert_int_equal(p.kind, BUS_PARCEL_ACCOUNT);
	assert_true(p.plugin == "mailbox");
	assert_int_equal(p.flags, CS_ROUTE_CASUAL);
	assert_int_equal(p.version, 255);
	assert_true(p.to == CS_INTEGER_MAX);
	assert_true(p.head == "head");
	assert_true(p.body == data);
	assert_true(bytes.ends_with(data));
}

static void a_proof_names_an_account_and_a_device_and_nothing_else(void **)
{
	const struct bus_parcel proof {
		.kind = BUS_PARCEL_PROOF, .to = 13, .device = 7
	};
	const struct bus_parcel p = decoded(bus_parcel_encode(&proof));

	assert_int_equal(p.kind, BUS_PARCEL_PROOF);
	assert_int_equal(p.to, 13);
	assert_int_equal(p.device, 7);
	assert_refused(parcel_for(BUS_PARCEL_PROOF, 13), "a proof with data");
	assert_refused(parcel_for(BUS_PARCEL_PROOF, 0), "bad account");
}

static void a_proof_that_gives_a_name_or_a_head_is_refused(void **)
{
	const struct bus_parcel proof {
		.kind = BUS_PARCEL_PROOF, .to = 13
	};

	for (const size_t at : {6, 7}) {
		std::string bytes = bus_parcel_encode(&proof);

		bytes[at] = 1;
		assert_refused(bytes, "name and head are too long");
		bytes.append("x");
		bytes[0]++;
		assert_refused(bytes, "a proof with data");
	}
}

/* Whatever machine sends it. */
static void a_parcel_has_the_same_bytes_everywhere(void **)
{
	const struct bus_parcel sent {
		.kind = BUS_PARCEL_ACCOUNT, .version = 3, .plugin = "x", .to = 0x0102, .head = "hi", .body = "d"
	};
	const std::string_view bytes("\24\0\0\0\1\3\1\2"
	                             "\2\1\0\0\0\0\0\0xhid",
	                             20);

	assert_true(bus_parcel_encode(&sent) == bytes);
}

static void a_device_travels_with_its_parcel(void **)
{
	const struct bus_parcel sent {
		.kind = BUS_PARCEL_DEVICE, .plugin = "x", .to = 13, .device = CS_DEVICE_MAX, .head = "hi", .body = "d"
	};
	std::string bytes = bus_parcel_encode(&sent);
	const struct bus_parcel p = decoded(bytes);

	assert_int_equal(p.kind, BUS_PARCEL_DEVICE);
	assert_true(p.device == CS_DEVICE_MAX && p.to == 13);
	assert_true(p.plugin == "x" && p.head == "hi" && p.body == "d");
	bytes[20] = 1;
	assert_refused(bytes, "bad device");
}

static void empty_data_is_data(void **)
{
	const struct bus_parcel sent {
		.kind = BUS_PARCEL_ALL, .plugin = "x"
	};

	assert_int_equal(decoded(bus_parcel_encode(&sent)).body.size(), 0);
}

static void an_address_that_does_not_belong_to_the_kind_is_refused(void **)
{
	assert_refused(parcel_for(BUS_PARCEL_ACCOUNT, 0), "bad account");
	assert_refused(parcel_for(BUS_PARCEL_ACCOUNT, CS_INTEGER_MAX + 1), "bad account");
	assert_refused(parcel_for(static_cast<enum bus_parcel_kind>(0), 0), "unknown kind");
	assert_refused(parcel_for(static_cast<enum bus_parcel_kind>(7), 0), "unknown kind");
}

static void orders_and_reports_travel_and_bad_ones_are_refused(void **)
{
	const struct bus_order kick = {7, 8, 9, CS_EVERY_DEVICE, ""}, notice = {7, UINT64_MAX, 0, 0, "{}"};
	const struct bus_report report = {UINT64_MAX, 3, 4, true, "north"};
	struct bus_order order;
	struct bus_report got;
	std::string bytes = bus_order_encode(&kick);
	struct bus_parcel p = decoded(bytes);

	assert_int_equal(bus_order_read(&p, &order), 0);
	assert_true(order.from == 7 && order.id == 8 && order.account == 9 && order.device == CS_EVERY_DEVICE);
	assert_true(order.text.empty());
	assert_int_equal(bus_report_read(&p, &got), CS_EINVAL);
	bytes = bus_order_encode(&notice);
	p = decoded(bytes);
	assert_int_equal(bus_order_read(&p, &order), 0);
	assert_true(order.account == 0 && order.id == UINT64_MAX && order.text == "{}");
	bytes = bus_report_encode(&report);
	p = decoded(bytes);
	assert_int_equal(bus_report_read(&p, &got), 0);
	assert_true(got.id == UINT64_MAX && got.done == 3 && got.sessions == 4 && got.is_partial &&
	            got.node == "north");
	/* Neither an account nor a text, both of them, an address that no node has. */
	for (const struct bus_order &bad :
	     {bus_order{7, 8, 0, 0, ""}, bus_order{7, 8, 9, 0, "{}"}, bus_order{0, 8, 9, 0, ""},
	      bus_order{CS_BUS_ADDRESS_MAX + 1, 8, 9, 0, ""}}) {
		bytes = bus_order_encode(&bad);
		p = decoded(bytes);
		assert_int_equal(bus_order_read(&p, &order), CS_EINVAL);
	}
	assert_refused(parcel_for(BUS_PARCEL_REPORT, 1), "an order with a plugin name");
}

static void sizes_that_do_not_fit_are_refused(void **)
{
	const std::string good = parcel_for(BUS_PARCEL_ALL, 0);
	const auto with = [&good](size_t at, char c) {
		std::string bytes = good;

		bytes[at] = c;
		return bytes;
	};

	assert_refused("", "bad size");
	assert_refused("PING", "bad size");
	assert_refused(std::string_view(good).substr(0, 15), "bad size");
	assert_refused(std::string_view(good).substr(0, good.size() - 1), "bad size");
	assert_refused(good + "x", "bad size");
	assert_refused(with(6, 0), "no plugin name");
	assert_refused(with(6, 10), "name and head are too long");
	assert_refused(with(7, 10), "name and head are too long");
}

/* The name is printed, so a foreign node must not be able to write lines into the log. */
static void a_name_that_no_plugin_can_have_is_refused(void **)
{
	for (const char *name : {"ch\nat", "Chat", "ch at", "ch=at", "ch\"at", "\x1b[2J"}) {
		const struct bus_parcel p {
			.kind = BUS_PARCEL_ALL, .plugin = name
		};

		assert_refused(bus_parcel_encode(&p), "bad plugin name");
	}
}

/* A fixed seed: what fails, fails again. */
static void no_bytes_make_it_read_beyond_them(void **)
{
	std::minstd_rand random(4711);
	const struct bus_parcel proof {
		.kind = BUS_PARCEL_PROOF, .to = 13
	};
	const std::string both[] = {parcel_for(BUS_PARCEL_ACCOUNT, 13), bus_parcel_encode(&proof)};
	int accepted = 0, refused = 0;

	for (int i = 0; i < 200000; i++) {
		/* A block of just that size, so that a sanitizer sees every byte too far. */
		const std::string &good = both[i % 2];
		std::string bytes(good, 0, random() % (good.size() + 1));
		struct bus_parcel p;
		const char *why;

		for (size_t changes = random() % 4; changes > 0 && !bytes.empty(); changes--)
			bytes[random() % bytes.size()] = static_cast<char>(random());
		if (random() % 2 && !bytes.empty())
			bytes[0] = static_cast<char>(bytes.size());
		const std::vector<char> block(bytes.begin(), bytes.end());

		if (bus_parcel_decode({block.data(), block.size()}, &p, &why) != 0) {
			refused++;
			assert_non_null(why);
			continue;
		}
		accepted++;
		const bool is_order = p.kind == BUS_PARCEL_ORDER || p.kind == BUS_PARCEL_REPORT;
		const bool has_device =
			p.kind == BUS_PARCEL_PROOF || p.kind == BUS_PARCEL_DEVICE || p.kind == BUS_PARCEL_ORDER;
		assert_true(p.plugin.empty() == (p.kind == BUS_PARCEL_PROOF || is_order));
		assert_true(p.plugin.data() == block.data() + (has_device ? 24 : 16));
		assert_true(p.device <= (has_device ? CS_DEVICE_MAX : 0) || (is_order && p.device == CS_EVERY_DEVICE));
		assert_true(p.body.data() + p.body.size() == block.data() + block.size());
		assert_true(p.to >= 1 || p.kind != BUS_PARCEL_ACCOUNT);
	}
	assert_true(accepted > 100 && refused > 100);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_comes_back_whole),
		cmocka_unit_test(a_device_travels_with_its_parcel),
		cmocka_unit_test(a_proof_names_an_account_and_a_device_and_nothing_else),
		cmocka_unit_test(a_proof_that_gives_a_name_or_a_head_is_refused),
		cmocka_unit_test(a_parcel_has_the_same_bytes_everywhere),
		cmocka_unit_test(empty_data_is_data),
		cmocka_unit_test(orders_and_reports_travel_and_bad_ones_are_refused),
		cmocka_unit_test(an_address_that_does_not_belong_to_the_kind_is_refused),
		cmocka_unit_test(sizes_that_do_not_fit_are_refused),
		cmocka_unit_test(a_name_that_no_plugin_can_have_is_refused),
		cmocka_unit_test(no_bytes_make_it_read_beyond_them),
	};

	return cmocka_run_group_tests_name("bus_parcel", tests, nullptr, nullptr);
}
