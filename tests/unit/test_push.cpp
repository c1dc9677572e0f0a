/* SPDX-License-Identifier: MIT
 * Tests the parts of the plugin push that need no server: signatures, addresses, pauses, documents. */
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "../../plugins/push/address.h"
#include "../../plugins/push/backoff.h"
#include "../../plugins/push/document.h"
#include "../../plugins/push/encrypt.h"
#include "../../plugins/push/http.h"
#include "../../plugins/push/notice.h"
#include "../../plugins/push/sign.h"
#include "tests/support/check.h"
#include "tests/support/process.h"

/* ---- signatures */

static std::string openssl_says(const std::string &key, const std::string &text)
{
	std::string folder = "/tmp/push.XXXXXX";

	assert_non_null(mkdtemp(folder.data()));
	std::ofstream(folder + "/text", std::ios::binary) << text;
	assert_int_equal(
		process_run({"openssl", "dgst", "-sha256", "-hmac", key, "-r", folder + "/text"}, folder + "/out"), 0);
	const std::string out = check_read_file(folder + "/out");
	assert_int_equal(process_run({"rm", "-r", folder}, "/dev/null"), 0);
	return out.substr(0, 64);
}

static void a_signature_is_the_one_that_openssl_computes(void **)
{
	assert_int_equal(sign_init(), 0);
	const std::string secret = sign_make_secret().c_str();

	assert_int_equal(secret.size(), sign_secret_size);
	assert_string_not_equal(secret.c_str(), sign_make_secret().c_str());
	for (const std::string &body : {std::string("{}"), std::string(""), std::string(100000, 'x'),
	                                std::string("\xe4\xbd\xa0 {\"a\":\"\\u0000\"}")})
		for (const std::string &key : {secret, std::string("k"), std::string(200, 'k')})
			assert_string_equal(sign_header(key, 1785920400, body).c_str(),
			                    ("t=1785920400,v1=" + openssl_says(key, "1785920400." + body)).c_str());
}

/* ---- addresses */

static bool is_allowed(const char *text, std::string_view list = "")
{
	std::vector<address_block> blocks;
	sockaddr_storage address = {};
	sockaddr_in *v4 = reinterpret_cast<sockaddr_in *>(&address);
	sockaddr_in6 *v6 = reinterpret_cast<sockaddr_in6 *>(&address);
	std::string wrong;

	assert_true(address_read_blocks(list, &blocks, &wrong));
	v4->sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &v4->sin_addr) != 1) {
		address = {};
		v6->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	}
	const bool result = address_is_allowed(reinterpret_cast<const sockaddr *>(&address), blocks);
	assert_int_equal(address_text_is_allowed(text, blocks), result);
	return result;
}

static void an_address_that_is_not_public_is_refused(void **)
{
	for (const char *text : {"127.0.0.1",
	                         "127.255.255.254",
	                         "0.0.0.0",
	                         "10.0.0.1",
	                         "10.255.255.255",
	                         "172.16.0.1",
	                         "172.31.255.255",
	                         "192.168.0.1",
	                         "169.254.169.254",
	                         "100.64.0.1",
	                         "100.127.255.255",
	                         "198.18.0.1",
	                         "198.19.255.255",
	                         "192.0.2.1",
	                         "203.0.113.9",
	                         "198.51.100.1",
	                         "192.0.0.8",
	                         "224.0.0.1",
	                         "239.255.255.255",
	                         "240.0.0.1",
	                         "255.255.255.255",
	                         "::1",
	                         "::",
	                         "fe80::1",
	                         "febf::1",
	                         "fec0::1",
	                         "fc00::1",
	                         "fdff::1",
	                         "ff02::1",
	                         "ff0e::1",
	                         "2001:db8::1",
	                         "2001:2::1",
	                         "100::1",
	                         "::ffff:127.0.0.1",
	                         "::ffff:10.0.0.1",
	                         "::ffff:169.254.169.254",
	                         "::127.0.0.1",
	                         "::10.0.0.1",
	                         "64:ff9b::7f00:1",
	                         "64:ff9b::a9fe:a9fe",
	                         "64:ff9b:1::1",
	                         "2002:7f00:1::1",
	                         "2002:a00:1::1",
	                         "2001:0:7f00:1::1",
	                         "2001:0:808:808:0:0:80ff:fffe" /* Teredo of 127.0.0.1 */,
	                         "3fff::1",
	                         "5f00::1",
	                         "4000::1"})
		if (is_allowed(text))
			check_fail(std::source_location::current(), "%s is allowed", text);
	for (const char *text : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1",
	                         "192.167.255.255", "192.169.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1",
	                         "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"})
		if (!is_allowed(text))
			check_fail(std::source_location::current(), "%s is refused", text);
}

static void a_listed_address_is_allowed_in_each_of_its_forms(void **)
{
	assert_true(is_allowed("127.0.0.1", "127.0.0.1/32"));
	assert_true(is_allowed("127.0.0.1", " 10.0.0.0/8 , 127.0.0.1"));
	assert_true(is_allowed("::ffff:127.0.0.1", "127.0.0.1"));
	assert_true(is_allowed("10.1.2.3", "10.0.0.0/8,::1"));
	assert_true(is_allowed("::1", "10.0.0.0/8, ::1"));
	assert_true(is_allowed("fd12::7", "fd00::/8"));
	assert_true(is_allowed("192.168.1.1", "0.0.0.0/0"));
	assert_false(is_allowed("127.0.0.2", "127.0.0.1/32"));
	assert_false(is_allowed("::1", "127.0.0.0/8"));
	assert_false(is_allowed("64:ff9b::7f00:1", "127.0.0.0/8"));
	assert_false(is_allowed("fe80::1", "fd00::/8"));
	assert_false(is_allowed("11.0.0.1", "10.0.0.0/8") && !is_allowed("11.0.0.1"));
}

static void a_list_that_cannot_be_read_is_refused_with_the_first_wrong_item(void **)
{
	std::vector<address_block> blocks;
	std::string wrong;

	for (const std::string_view text : {"10.0.0.0/33", "10.0.0", "x", "::1/129", "10.0.0.0/", "10.0.0.0/8x",
	                                    "10.0.0.0/-1", "localhost", "10.0.0.0 /8"}) {
		assert_false(address_read_blocks(std::string("::1, ") + std::string(text) + ", y", &blocks, &wrong));
		assert_string_equal(wrong.c_str(), std::string(text).c_str());
	}
	assert_true(address_read_blocks("", &blocks, &wrong) && blocks.empty());
	assert_true(address_read_blocks("  ", &blocks, &wrong) && blocks.empty());
}

/* ---- pauses */

static void a_pause_doubles_within_its_bounds_and_obeys_the_receiver_within_them(void **)
{
	const backoff_bounds bounds = {1000, 600000};

	for (unsigned failures = 1; failures < 100; failures++) {
		const int64_t middle = std::min<int64_t>(600000, INT64_C(1000) << std::min(failures - 1, 20u));

		for (uint32_t random = 0; random < 1024; random += 31) {
			const int64_t wait = backoff_wait(bounds, failures, -1, random);

			assert_true(wait >= bounds.least && wait <= bounds.most);
			assert_true(wait >= middle * 3 / 4 - 1 && wait <= middle * 5 / 4);
		}
	}
	assert_true(backoff_wait(bounds, 3, -1, 0) != backoff_wait(bounds, 3, -1, 1023));
	assert_int_equal(backoff_wait(bounds, 9, 0, 5), 1000);
	assert_int_equal(backoff_wait(bounds, 1, 7000, 5), 7000);
	assert_int_equal(backoff_wait(bounds, 1, 3600000, 5), 600000);
}

static void failures_begin_anew_after_a_day_in_which_nothing_was_tried(void **)
{
	const int64_t day = INT64_C(86400000), first = 1000 * day;
	const backoff_bounds bounds = {1000, 600000}, slow = {1000, day};

	assert_int_equal(backoff_failing_since(bounds, 0, 0, first), first);
	assert_int_equal(backoff_failing_since(bounds, first, first, first + day), first);
	assert_int_equal(backoff_failing_since(bounds, first, first + 6 * day, first + 7 * day), first);
	assert_int_equal(backoff_failing_since(bounds, first, first, first + day + 1), first + day + 1);
	assert_int_equal(backoff_failing_since(slow, first, first, first + 2 * day), first);
	assert_int_equal(backoff_failing_since(slow, first, first, first + 2 * day + 1), first + 2 * day + 1);
	/* The clock was set back. */
	assert_int_equal(backoff_failing_since(bounds, first, first + day, first - 5), first - 5);
}

/* ---- documents */

static std::vector<std::string> answer_of(const std::string &text)
{
	std::vector<std::string> frames;

	if (!document_read_answer(text, &frames))
		return {"no answer"};
	return frames;
}

static void silence_is_the_receivers_only_while_others_answer(void **)
{
	constexpr int64_t hour = 3600000, day = 24 * hour, week = 7 * day, now = 30 * day;

	assert_int_equal(backoff_blame_for_silence(now, 1, week, now), BACKOFF_RECEIVER);
	assert_int_equal(backoff_blame_for_silence(now - day, 1, week, now), BACKOFF_RECEIVER);
	assert_int_equal(backoff_blame_for_silence(now - day - 1, 1, week, now), BACKOFF_NODE);
	assert_int_equal(backoff_blame_for_silence(0, 1, week, now), BACKOFF_NODE);
	assert_int_equal(backoff_blame_for_silence(0, now - day, week, now), BACKOFF_UNKNOWN);
	assert_int_equal(backoff_blame_for_silence(0, now - day - 1, week, now), BACKOFF_NODE);
	/* A receiver that may fail for less than two days. */
	assert_int_equal(backoff_blame_for_silence(now - hour, 1, 2 * hour, now), BACKOFF_RECEIVER);
	assert_int_equal(backoff_blame_for_silence(now - hour - 1, 1, 2 * hour, now), BACKOFF_NODE);
}

static void an_answer_gives_its_frames_as_they_are_written(void **)
{
	assert_true(answer_of("{\"frames\":[]}").empty());
	assert_true(
		answer_of(
			"{\"a\":[1,{}],\"frames\" : [ {\"msgid\": 6,\"x\":9007199254740991} , {} ] , \"b\":null} \n") ==
		std::vector<std::string>({"{\"msgid\": 6,\"x\":9007199254740991}", "{}"}));
	for (const char *text :
	     {"", "{}", "[]", "{\"frames\":{}}", "{\"frames\":[1]}", "{\"frames\":[{}", "{\"frames\":[{}]",
	      "{\"frames\":[{}]}x", "{\"frames\":[{},]}", "{\"frames\"[]}", "null", "frames", "{\"frames\":[{}]]",
	      "{\"a\":{\"frames\":[]}}", "\xff\xfe", "{\"frames\":[[{}]]}"})
		assert_true(answer_of(text) == std::vector<std::string>({"no answer"}));
	assert_true(answer_of("{\"frames\":" + std::string(60000, '[')) == std::vector<std::string>({"no answer"}));
}

static void frames_are_taken_from_a_stream_however_it_is_cut(void **)
{
	const std::vector<std::string> wanted = {"{\"a\":\"}{\\\"\\\\\"}", "{\"b\":{\"c\":[{}]}\n}", "{}"};
	const std::string stream = "\n" + wanted[0] + "\n" + wanted[1] + wanted[2] + "\n";

	for (size_t piece = 1; piece <= stream.size(); piece++) {
		std::vector<std::string> frames;
		std::string input;

		for (size_t at = 0; at < stream.size(); at += piece) {
			input += stream.substr(at, piece);
			document_take_frames(&input, &frames);
		}
		assert_true(frames == wanted);
		assert_true(input.empty());
	}
}

static void a_frame_is_confirmed_in_the_conversation_in_which_it_was_said(void **)
{
	const auto confirm = [](const char *frame) {
		const document_frame look = document_look(7, frame);

		return look.seq ? document_delivered(7, look.kind, look.of, look.seq) : "";
	};

	assert_string_equal(confirm("{\"msgid\":6,\"id\":3,\"toid\":7,\"seq\":4}").c_str(),
	                    "{\"msgid\":104,\"id\":7,\"peer\":3,\"seq\":4}");
	assert_string_equal(confirm("{\"msgid\":6,\"id\":7,\"toid\":9,\"seq\":4}").c_str(),
	                    "{\"msgid\":104,\"id\":7,\"peer\":9,\"seq\":4}");
	assert_string_equal(confirm("{\"msgid\":6,\"id\":7,\"toid\":7,\"seq\":4}").c_str(),
	                    "{\"msgid\":104,\"id\":7,\"peer\":7,\"seq\":4}");
	assert_string_equal(confirm("{\"msgid\":10,\"id\":3,\"groupid\":2,\"seq\":9007199254740991}").c_str(),
	                    "{\"msgid\":104,\"id\":7,\"groupid\":2,\"seq\":9007199254740991}");
	assert_string_equal(confirm("{\"msgid\":100,\"of\":6,\"errno\":0,\"seq\":4}").c_str(), "");
	assert_int_equal(document_look(7, "{\"msgid\":100,\"of\":6,\"errno\":8}").error, 8);
	assert_int_equal(document_look(7, "nonsense").msgid, 0);
}

static void a_preview_has_at_most_a_hundred_characters_and_its_title_is_one_line(void **)
{
	push_note note;
	std::string han;

	for (int i = 0; i < 150; i++)
		han += "\xe4\xbd\xa0";
	note.target.account = 7;
	note.sender = 3;
	note.sender_name = "ann";
	note.wanted = 12;
	note.body = "{\"msgid\":6,\"msg\":\"" + han + "\"}";
	assert_string_equal(notice_text(note).c_str(), "");
	note.target.preview = true;
	assert_string_equal(notice_text(note).c_str(), han.substr(0, 300).c_str());
	assert_string_equal(notice_document(note, "").c_str(),
	                    "{\"account\":7,\"peer\":3,\"seq\":12,\"from\":\"ann\"}");
	note.kind = CONVERSATION_GROUP;
	note.conversation = 2;
	note.group_name = "x\r\nEvil: 1";
	assert_string_equal(notice_header(notice_title(note)).c_str(), "=?UTF-8?B?YW5uIGluIHgNCkV2aWw6IDE=?=");
	note.sender_name = note.group_name = han.substr(0, 150) + std::string(50, '\x01');
	assert_true(notice_document(note, std::string(100, '\x01')).size() <= encrypt_text_most);
}

static void a_url_must_be_of_http_and_name_a_host(void **)
{
	for (const char *url : {"http://example.org", "https://example.org:8443/a?b=c", "http://127.0.0.1/x",
	                        "https://user:pass@[2001:db8::1]/"})
		assert_true(http_url_is_good(url, 1024));
	for (const char *url : {"", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http:///x",
	                        "http://a b/", "http://a/\r\nX: y", "gopher://a", "http://a:99999/", "//a"})
		assert_false(http_url_is_good(url, 1024));
	assert_false(http_url_is_good("http://a/" + std::string(1024, 'x'), 1024));
	assert_string_equal(http_url_origin("https://user:pass@example.org/secret?x").c_str(),
	                    "https://example.org:443");
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_is_the_one_that_openssl_computes),
		cmocka_unit_test(an_address_that_is_not_public_is_refused),
		cmocka_unit_test(a_listed_address_is_allowed_in_each_of_its_forms),
		cmocka_unit_test(a_list_that_cannot_be_read_is_refused_with_the_first_wrong_item),
		cmocka_unit_test(a_pause_doubles_within_its_bounds_and_obeys_the_receiver_within_them),
		cmocka_unit_test(failures_begin_anew_after_a_day_in_which_nothing_was_tried),
		cmocka_unit_test(silence_is_the_receivers_only_while_others_answer),
		cmocka_unit_test(an_answer_gives_its_frames_as_they_are_written),
		cmocka_unit_test(frames_are_taken_from_a_stream_however_it_is_cut),
		cmocka_unit_test(a_frame_is_confirmed_in_the_conversation_in_which_it_was_said),
		cmocka_unit_test(a_preview_has_at_most_a_hundred_characters_and_its_title_is_one_line),
		cmocka_unit_test(a_url_must_be_of_http_and_name_a_host),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
