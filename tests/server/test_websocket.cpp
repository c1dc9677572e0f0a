/* SPDX-License-Identifier: MIT
 * Tests WebSocket and the page on the real server: requests, messages, and how each end is said. The plugin's own tests
 * ask every form of a frame; the other tests of this folder run over WebSocket, too, as CS_TRANSPORT says. */
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	test_server_set_transport(s, TRANSPORT_WS);
	test_server_set(s, "websocket.root", "");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	*state = s;
	return 0;
}

static int set_up_running(void **state)
{
	(void)set_up(state);
	test_server_start(static_cast<test_server *>(*state));
	return 0;
}

/* ---- requests */

/* A connection whose bytes are those on the wire, both ways. */
static test_client *open_bare(test_server *s)
{
	test_client *c = client_open_from(s, "127.0.0.1");

	c->transport.kind = TRANSPORT_PLAIN;
	return c;
}

static std::string ask(test_server *s, const std::string &request)
{
	test_client *c = open_bare(s);

	client_send(c, request);
	const std::string answer = client_read_text_to_end(c);

	client_close(c);
	return answer;
}

static std::string host_of(const test_server *s)
{
	return check_format("127.0.0.1:%u", s->port);
}

static std::string with_origin(const test_server *s, const std::string &origin)
{
	return websocket_request(host_of(s), "Origin: " + origin + "\r\n");
}

static std::string replaced(std::string text, const std::string &from, const std::string &to)
{
	const size_t at = text.find(from);

	assert_true(at != text.npos);
	return text.replace(at, from.size(), to);
}

static void a_request_that_is_no_handshake_gets_its_status_and_the_end(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string good = websocket_request(host_of(s));
	const struct {
		std::string request;
		const char *answer;
	} wrong[] = {
		{replaced(good, "Version: 13", "Version: 8"), "HTTP/1.1 426 "},
		{replaced(good, "Key: dGhl", "Key: dGh"), "HTTP/1.1 400 "},
		{replaced(good, "Sec-WebSocket-Key", "X-Key"), "HTTP/1.1 400 "},
		{replaced(good, "Host", "X-Host"), "HTTP/1.1 400 "},
		{replaced(good, "GET", "POST"), "HTTP/1.1 405 "},
		{replaced(good, "HTTP/1.1", "HTTP/3.0"), "HTTP/1.1 505 "},
		{replaced(good, "Version: 13", "Version: 13\r\nX: " + std::string(9000, 'x')), "HTTP/1.1 431 "},
		{with_origin(s, "https://evil.example"), "HTTP/1.1 403 "},
		{with_origin(s, "null"), "HTTP/1.1 403 "},
		{"{\"msgid\":102}\n", "HTTP/1.1 400 "},
	};

	for (const auto &one : wrong) {
		const std::string answer = ask(s, one.request);

		if (!answer.starts_with(one.answer))
			check_fail(test_at::current(), "to\n%s\ncame\n%s", one.request.substr(0, 300).c_str(),
			           answer.c_str());
	}
	assert_true(ask(s, wrong[0].request).find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
}

static bool is_taken(test_server *s, const std::string &request)
{
	test_client *c = open_bare(s);

	client_send(c, request);
	return client_read_text(c, "\r\n\r\n").starts_with("HTTP/1.1 101 ");
}

static void a_browser_is_taken_from_the_same_host_and_from_the_origins_that_are_named(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	assert_true(is_taken(s, with_origin(s, "http://" + host_of(s))));
	assert_false(is_taken(s, with_origin(s, "http://127.0.0.1:1")));
	assert_false(is_taken(s, with_origin(s, "https://chat.example.com")));
	test_server_set(s, "websocket.origins", "https://chat.example.com");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	assert_true(is_taken(s, with_origin(s, "https://chat.example.com")));
	assert_false(is_taken(s, with_origin(s, "https://chat.example.com.evil.example")));
	test_server_set(s, "websocket.origins", "chat.example.com/x");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration kept: ");
	assert_true(is_taken(s, with_origin(s, "https://chat.example.com")));
}

/* ---- the page */

static void write_file(const std::string &path, const std::string &text)
{
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	fwrite(text.data(), 1, text.size(), file);
	fclose(file);
}

static std::string get(const test_server *s, const std::string &path, const std::string &more = "")
{
	return "GET " + path + " HTTP/1.1\r\nHost: " + host_of(s) + "\r\n" + more + "\r\n";
}

static std::string header_of(const std::string &answer, const std::string &name)
{
	const size_t at = answer.find("\r\n" + name + ": ");

	assert_true(at != answer.npos);
	const size_t begin = at + 2 + name.size() + 2;
	return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

static void start_with_page(test_server *s)
{
	test_server_set(s, "websocket.root", s->folder);
	write_file(s->folder + "/index.html", "<!doctype html>first");
	write_file(s->folder + "/app.js", "export {}");
	test_server_start(s);
}

static const char last[] = "Connection: close\r\n";

static void the_files_of_the_page_are_served_and_nothing_else(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	start_with_page(s);
	const std::string page = ask(s, get(s, "/", last));
	assert_true(page.starts_with("HTTP/1.1 200 "));
	assert_true(page.ends_with("\r\n\r\n<!doctype html>first"));
	assert_true(header_of(page, "Content-Type").starts_with("text/html"));
	assert_true(header_of(page, "Content-Security-Policy").find("default-src 'none'") != std::string::npos);
	assert_true(header_of(ask(s, get(s, "/app.js", last)), "Content-Type").starts_with("text/javascript"));
	const std::string head = ask(s, replaced(get(s, "/", last), "GET", "HEAD"));
	assert_true(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"));
	const std::string tag = header_of(page, "ETag");
	assert_true(ask(s, get(s, "/", "If-None-Match: " + tag + "\r\n" + last)).starts_with("HTTP/1.1 304 "));
	for (const char *path : {"/nothing", "/../chat.conf", "/%2e%2e/chat.conf", "//etc/passwd", "/chat.conf/"}) {
		const std::string answer = ask(s, get(s, path, last));

		if (!answer.starts_with("HTTP/1.1 404 ") && !answer.starts_with("HTTP/1.1 400 "))
			check_fail(test_at::current(), "%s: %s", path, answer.c_str());
	}
	test_server_stop(s);
}

static void requests_for_the_page_and_the_handshake_can_follow_each_other(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	start_with_page(s);
	test_client *c = open_bare(s);
	client_send(c, get(s, "/") + get(s, "/app.js") + websocket_request(host_of(s)));
	const std::string &all = client_read_text(c, "HTTP/1.1 101 ");
	const size_t first = all.find("first"), second = all.find("export {}"), third = all.find("HTTP/1.1 101 ");
	assert_true(first < second && second < third && third != all.npos);
	test_server_stop(s);
}

static void a_reload_serves_the_new_page_only_if_it_is_whole(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	start_with_page(s);
	write_file(s->folder + "/index.html", "second");
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	assert_true(ask(s, get(s, "/", last)).ends_with("\r\n\r\nsecond"));
	assert_int_equal(remove((s->folder + "/index.html").c_str()), 0);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration kept: ");
	assert_true(ask(s, get(s, "/", last)).ends_with("\r\n\r\nsecond"));
	test_server_stop(s);
}

/* ---- messages */

static void one_message_may_hold_several_frames_and_a_frame_several_fragments(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	client_send_message(c, 0x81, "{\"msgid\":102}{\"msgid\":102,\"req\":1}");
	client_expect(c, "{\"msgid\":103}");
	client_expect(c, "{\"req\":1,\"errno\":0}");
	client_send_message(c, 0x01, "{\"msgid\":102,\"re");
	client_send_message(c, 0x89, "between");
	client_send_message(c, 0x00, "");
	client_send_message(c, 0x80, "q\":2}");
	client_expect(c, "{\"req\":2,\"errno\":0}");
	assert_int_equal(c->transport.ws.pongs, 1);
	/* A frame may also be cut by the end of a message. */
	client_send_message(c, 0x81, "{\"msgid\":102,");
	client_send_message(c, 0x81, "\"req\":3}");
	client_expect(c, "{\"req\":3,\"errno\":0}");
	client_expect_quiet(c);
}

static void expect_close(test_client *c, unsigned code, test_at at = test_at::current())
{
	client_expect_end(c, at);
	if (c->transport.ws.close_code != code || !transport_error(&c->transport).empty())
		client_fail(c, at, "close code %u (%s), not %u; %s", c->transport.ws.close_code,
		            c->transport.ws.close_reason.c_str(), code, transport_error(&c->transport).c_str());
}

static void what_breaks_the_protocol_is_answered_with_its_close_code(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *bystander = client_open(s);
	const struct {
		unsigned first;
		std::string payload;
		unsigned code;
	} wrong[] = {
		{0x82, "{\"msgid\":102}", 1003},
		{0x81, "{\"msgid\":102,\"x\":\"\xff\"}", 1007},
		{0x81, "{\"msgid\":102,\"x\":\"\xe2\x82", 1007},
		{0xc1, "{\"msgid\":102}", 1002},
		{0x80, "x", 1002},
		{0x83, "", 1002},
		{0x09, "ping in parts", 1002},
		{0x89, std::string(126, 'p'), 1002},
		{0x88, "x", 1002},
		{0x88, std::string("\x03\xe8\xff", 3), 1007},
		{0x88, "", 1005},
	};

	for (const auto &one : wrong) {
		test_client *c = client_open(s);

		client_send_message(c, one.first, one.payload);
		expect_close(c, one.code);
	}
	test_client *c = client_open(s);
	client_send_below(c, std::string("\x81\x02{}", 4)); /* without a mask */
	expect_close(c, 1002);
	client_expect_quiet(bystander);
}

static void a_close_is_answered_with_its_code_and_what_was_asked_before_is_answered_first(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);
	std::string close;

	websocket_put_close(&c->transport.ws, 1000, &close);
	client_send_message(c, 0x81, "{\"msgid\":102,\"req\":1}");
	client_send_below(c, close);
	client_expect(c, "{\"req\":1,\"errno\":0}");
	expect_close(c, 1000);
}

static void a_frame_that_is_too_long_gets_the_error_and_then_1009(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	client_send(c, "{\"msgid\":102,\"x\":\"" + std::string(65536, 'x') + "\"}");
	client_expect(c, "{\"msgid\":100,\"errno\":12}");
	expect_close(c, 1009);
}

static void bytes_that_are_no_frame_get_the_error_and_then_1008(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	client_send(c, "nonsense");
	client_expect(c, "{\"msgid\":100,\"errno\":4}");
	expect_close(c, 1008);
}

static void a_stop_says_going_away_and_then_1001(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *guest = client_open(s), *ann = client_enter(s, "ann");
	client_expect_quiet(guest);
	test_server_signal(s, SIGTERM);
	for (test_client *c : {guest, ann}) {
		client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":13}");
		expect_close(c, 1001);
	}
	assert_int_equal(test_server_wait(s, 10000), 0);
}

static void the_server_pings_as_often_as_ping_says(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_frame frame;

	test_server_set(s, "websocket.ping", "1s");
	test_server_start(s);
	test_client *c = client_open(s);
	const int64_t begun = check_now();
	check_wait("three pings", [&] {
		(void)client_try_read(c, &frame, 10);
		return c->transport.ws.pings >= 3;
	});
	assert_in_range(check_now() - begun, 2500, 4500 * check_patience_factor());
	client_expect_quiet(c);
	test_server_stop(s);
}

/* A pong is a sign of life like a frame: only who answers no ping is silent. */
static void a_pong_counts_as_life_for_idle_timeout(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_frame frame;

	test_server_set(s, "websocket.ping", "1s");
	test_server_set(s, "core.idle_timeout", check_format("%lldms", 3000LL * (long long)check_patience_factor()));
	test_server_start(s);
	test_client *answers = client_enter(s, "answers"), *silent = client_enter(s, "silent");
	silent->transport.ws.answers_pings = false;
	check_wait("the silent one to be closed", [&] {
		(void)client_try_read(answers, &frame, 5);
		(void)client_try_read(silent, &frame, 5);
		return silent->ended;
	});
	for (int i = 0; i < 300; i++)
		(void)client_try_read(answers, &frame, 5);
	client_expect_quiet(answers);
	test_server_stop(s);
}

/* ---- handshakes that do not come to an end */

static void half_open_handshakes_end_after_10_seconds_and_keep_nobody_out(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> all;
	const int64_t begun = check_now();
	const std::string request = websocket_request(host_of(s), "X: " + std::string(2000, 'x') + "\r\n");
	size_t ended = 0, drips = 0;
	test_frame frame;

	for (int i = 0; i < 300; i++) {
		all.push_back(open_bare(s));
		client_send(all.back(), request.substr(0, 1 + static_cast<size_t>(i) * 6));
	}
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	client_chat_safely(ann, bob->id, "hello");
	client_expect(bob, "{\"msgid\":6,\"msg\":\"hello\"}");
	/* A tenth of them drips on. */
	while (ended < all.size() && check_now() - begun < 25000 * check_patience_factor()) {
		ended = 0;
		for (size_t i = 0; i < all.size(); i++) {
			if (i % 10 == 0 && !all[i]->ended && drips % 100 == 0)
				(void)client_try_send(all[i], "x");
			(void)client_try_read(all[i], &frame, 0);
			ended += all[i]->ended;
		}
		drips++;
		check_sleep_ms(2);
	}
	assert_int_equal(ended, all.size());
	assert_true(check_now() - begun >= 9900);
	client_expect_quiet(ann);
}

static void the_figures_name_the_transport(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	client_expect_quiet(c);
	const std::string text = http_get(admin_port(s), "/metrics");
	assert_figure(text, "chatserverd_connections{transport=\"ws\"} 1");
	assert_figure(text, "chatserverd_connections{transport=\"plain\"} 0");
}

static void mistakes_in_the_options_are_named_and_stop_the_start(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const struct {
		const char *option, *text;
	} mistakes[] = {
		{"websocket.listen=nowhere", "nowhere"},
		{"websocket.root=/nonexistent", "/nonexistent"},
		{"websocket.origins=chat.example.com/", "origin"},
		{"websocket.tls=yes", "certificate"},
		{"websocket.ping=0s", "ping"},
	};

	test_server_write_conf(s);
	for (const auto &one : mistakes) {
		const test_run run = test_server_run(s, {"-t", "-c", s->folder + "/chat.conf", "-o", one.option});

		if (run.status != 1 || run.err.find(one.text) == std::string::npos)
			check_fail(test_at::current(), "%s: status %d: %s", one.option, run.status, run.err.c_str());
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_running, test_server_teardown)
#define NOT_STARTED(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_that_is_no_handshake_gets_its_status_and_the_end),
		TEST(a_browser_is_taken_from_the_same_host_and_from_the_origins_that_are_named),
		NOT_STARTED(the_files_of_the_page_are_served_and_nothing_else),
		NOT_STARTED(requests_for_the_page_and_the_handshake_can_follow_each_other),
		NOT_STARTED(a_reload_serves_the_new_page_only_if_it_is_whole),
		TEST(one_message_may_hold_several_frames_and_a_frame_several_fragments),
		TEST(what_breaks_the_protocol_is_answered_with_its_close_code),
		TEST(a_close_is_answered_with_its_code_and_what_was_asked_before_is_answered_first),
		TEST(a_frame_that_is_too_long_gets_the_error_and_then_1009),
		TEST(bytes_that_are_no_frame_get_the_error_and_then_1008),
		NOT_STARTED(a_stop_says_going_away_and_then_1001),
		NOT_STARTED(the_server_pings_as_often_as_ping_says),
		NOT_STARTED(a_pong_counts_as_life_for_idle_timeout),
		TEST(half_open_handshakes_end_after_10_seconds_and_keep_nobody_out),
		TEST(the_figures_name_the_transport),
		NOT_STARTED(mistakes_in_the_options_are_named_and_stop_the_start),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
