/* SPDX-License-Identifier: MIT
 * Tests the stream of the plugin tls_openssl over a socket pair, with OpenSSL as the client. */
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "tests/plugin/tls_stage.h"
#include "tests/support/check.h"

struct stage : tls_stage {
	explicit stage(void **state)
	{
		const test_certificate *ec = &static_cast<tls_stage_files *>(*state)->ec;

		(void)tls_stage_load(this, ec->chain, ec->key);
	}
};

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* ---- the handshake */

static void a_handshake_that_comes_byte_by_byte_succeeds(void **state)
{
	const auto *files = static_cast<tls_stage_files *>(*state);

	for (const test_certificate *certificate : {&files->ec, &files->rsa})
		for (const int version : versions) {
			tls_stage s;
			(void)tls_stage_load(&s, certificate->chain, certificate->key);
			tls_stage_connect(&s, version, certificate->chain);
			for (int turn = 0; turn < 20000 && s.received != "hello"; turn++) {
				if (SSL_do_handshake(s.client.ssl.get()) == 1 && s.received.empty() &&
				    BIO_ctrl_pending(s.client.out) == 0)
					tls_client_write(&s.client, "hello");
				(void)tls_client_flush(&s.client, 1);
				assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
				assert_int_equal(s.wait.events, CS_WATCH_READ);
				(void)tls_client_fetch(&s.client, 1);
			}
			assert_string_equal(s.received.c_str(), "hello");
			assert_true(s.stream->is_open(s.filter));
			assert_int_equal(SSL_version(s.client.ssl.get()), version);
		}
}

static void the_stream_is_open_only_after_the_handshake(void **state)
{
	stage s(state);

	tls_stage_connect(&s);
	assert_false(s.stream->is_open(s.filter));
	assert_int_equal(tls_stage_send(&s, "hello"), CS_EAGAIN);
	assert_int_equal(s.wait.events, CS_WATCH_READ);
	assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
	assert_int_equal(s.wait.events, CS_WATCH_READ);
	assert_int_equal(s.stream->buffered(s.filter), 0);
	tls_stage_handshake(&s);
	assert_true(s.stream->is_open(s.filter));
	assert_int_equal(tls_stage_send(&s, "hello"), 5);
	assert_string_equal(tls_client_read(&s.client).c_str(), "hello");
}

static void a_client_with_tls_1_1_is_refused(void **state)
{
	for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
		stage s(state);

		tls_stage_connect(&s, version);
		(void)SSL_do_handshake(s.client.ssl.get());
		(void)tls_client_flush(&s.client);
		assert_int_equal(tls_stage_receive(&s), CS_EINVAL);
		assert_string_equal(s.wait.why, "client and server have no version of TLS in common");
	}
}

static void the_lowest_version_can_be_raised(void **state)
{
	const auto *files = static_cast<tls_stage_files *>(*state);
	tls_stage s;

	fake_host_set(s.host.get(), "tls_openssl.minimum", "1.3");
	(void)tls_stage_load(&s, files->ec.chain, files->ec.key);
	tls_stage_connect(&s, TLS1_2_VERSION);
	(void)SSL_do_handshake(s.client.ssl.get());
	(void)tls_client_flush(&s.client);
	assert_int_equal(tls_stage_receive(&s), CS_EINVAL);
	tls_stage_open(&s, TLS1_3_VERSION);
}

static void a_client_that_does_not_trust_the_certificate_is_told_apart(void **state)
{
	stage s(state);

	tls_stage_connect(&s, 0, static_cast<tls_stage_files *>(*state)->other.chain);
	for (int turn = 0; turn < 3 && s.result != CS_EINVAL; turn++) {
		(void)SSL_do_handshake(s.client.ssl.get());
		(void)tls_client_flush(&s.client);
		(void)tls_stage_receive(&s);
		(void)tls_client_fetch(&s.client);
	}
	assert_int_equal(s.result, CS_EINVAL);
	assert_string_equal(s.wait.why, "the client does not know who has issued the certificate");
}

/* ---- no TLS */

static void bytes_that_are_no_tls_are_refused_in_plain_words(void **state)
{
	static const struct {
		std::string bytes;
		const char *why;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", "the client speaks no TLS: it sent an HTTP request"},
		{"POST /x HTTP/1.1\r\n\r\n", "the client speaks no TLS: it sent an HTTP request"},
		{"CONNECT a:1 HTTP/1.1\r\n\r\n", "the client speaks no TLS: it sent a request for a proxy"},
		{"{\"msgid\":1,\"name\":\"ann\"}\n", "the client speaks no TLS, or breaks its rules"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "the client speaks no TLS, or breaks its rules"},
		{std::string(64, '\0'), "the client speaks no TLS, or breaks its rules"},
		/* a ClientHello of 128 KiB, and one whose length is hidden by short records */
		{std::string("\x16\x03\x01\x40\x00\x01\x01\xff\xff\x03\x03", 11),
	         "the client's first message is too long"},
		{std::string("\x16\x03\x01\x00\x02\x01\x00\x16\x03\x01\x00\x40\x40\x00", 14),
	         "the client's first message is too long"},
		{std::string("\x16\x03\x01\x00\x00\x16\x03\x01\x40\x00\x01\x01\xff\xff\x03\x03", 16),
	         "the client's first message is too long"},
		{std::string("\x15\x03\x01\x00\x02\x01\x5a\x16\x03\x01\x40\x00\x01\x01\xff\xff\x03\x03", 18),
	         "the client's first message is too long"},
	};

	for (const auto &c : cases) {
		stage s(state);

		tls_stage_connect(&s);
		assert_int_equal(write(s.client.fd, c.bytes.data(), c.bytes.size()), c.bytes.size());
		assert_int_equal(tls_stage_receive(&s), CS_EINVAL);
		assert_string_equal(s.wait.why, c.why);
		assert_false(s.stream->is_open(s.filter));
		assert_int_equal(tls_stage_receive(&s), CS_EINVAL);
		assert_int_equal(tls_stage_send(&s, "hello"), CS_EINVAL);
		s.stream->end(s.filter);
	}
}

static void a_client_that_leaves_at_any_byte_of_the_handshake_ends_the_stream(void **state)
{
	stage s(state);

	tls_stage_connect(&s);
	(void)SSL_do_handshake(s.client.ssl.get());
	const size_t hello = BIO_ctrl_pending(s.client.out);

	for (size_t n = 0; n <= hello; n++) {
		tls_stage_connect(&s);
		(void)SSL_do_handshake(s.client.ssl.get());
		(void)tls_client_flush(&s.client, n);
		shutdown(s.client.fd, SHUT_WR);
		assert_int_equal(tls_stage_receive(&s), CS_EINVAL);
		assert_string_equal(s.wait.why, "the client left during the handshake");
	}
}

static void a_changed_byte_breaks_only_that_stream(void **state)
{
	stage s(state);
	char *bytes;

	tls_stage_open(&s);
	tls_client_write(&s.client, "hello");
	const long n = BIO_get_mem_data(s.client.out, &bytes);

	bytes[n - 1] ^= 1;
	(void)tls_client_flush(&s.client);
	assert_int_equal(tls_stage_receive(&s), CS_EINVAL);
	assert_non_null(strstr(s.wait.why, "OpenSSL: "));
	assert_string_equal(s.received.c_str(), "");
	tls_stage_open(&s);
}

/* ---- data */

static std::string numbers(size_t size)
{
	std::string text;

	for (size_t i = 0; text.size() < size; i++)
		text += std::to_string(i) + ",";
	text.resize(size);
	return text;
}

static void no_byte_is_counted_that_the_kernel_has_not_taken(void **state)
{
	const std::string all = numbers(1000000);

	for (const int version : versions) {
		stage s(state);
		const int small = 4096;
		size_t sent = 0, full = 0;
		std::string got;

		tls_stage_open(&s, version);
		assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
		while (sent < all.size()) {
			const int64_t n = tls_stage_send(&s, std::string_view(all).substr(sent));

			if (n < 0) {
				assert_int_equal(n, CS_EAGAIN);
				assert_int_equal(s.wait.events, CS_WATCH_WRITE);
				full++;
			} else {
				assert_true(n > 0);
				sent += static_cast<size_t>(n);
			}
			got += tls_client_read(&s.client);
			assert_true(got.size() >= sent);
		}
		assert_true(full > 10);
		assert_true(got == all);
	}
}

static void more_may_wait_behind_bytes_that_did_not_fit(void **state)
{
	stage s(state);
	const int small = 4096;
	const std::string all = numbers(40000);
	size_t sent = 0;
	std::string got;

	tls_stage_open(&s);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (size_t end = 20000; sent < all.size(); end = all.size()) {
		while (sent < end) {
			const int64_t n = tls_stage_send(&s, std::string_view(all).substr(sent, end - sent));

			if (n < 0)
				break;
			sent += static_cast<size_t>(n);
		}
		got += tls_client_read(&s.client);
	}
	got += tls_client_read(&s.client);
	assert_true(got == all);
}

static void records_that_came_together_are_all_received(void **state)
{
	for (const size_t size : {1, 7, 100, 16384}) {
		stage s(state);
		std::string bytes(size, '\0');
		bool waits = false;

		tls_stage_open(&s);
		for (const char *text : {"one ", "two ", "three"})
			tls_client_write(&s.client, text);
		(void)tls_client_flush(&s.client);
		/* As the server does: the socket is empty after the first call, and only buffered() says that there is
		 * more. */
		while (!waits) {
			const int64_t n = s.stream->receive(s.filter, bytes.data(), size, &s.wait);

			assert_true(n > 0 || n == CS_EAGAIN);
			if (n > 0)
				s.received.append(bytes, 0, static_cast<size_t>(n));
			waits = n < 0 || s.stream->buffered(s.filter) == 0;
		}
		assert_string_equal(s.received.c_str(), "one two three");
	}
}

static void a_part_of_a_record_is_waited_for(void **state)
{
	stage s(state);

	tls_stage_open(&s);
	tls_client_write(&s.client, "hello");
	while (BIO_ctrl_pending(s.client.out) > 1) {
		(void)tls_client_flush(&s.client, 1);
		assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
		assert_int_equal(s.wait.events, CS_WATCH_READ);
		assert_int_equal(s.stream->buffered(s.filter), 0);
	}
	(void)tls_client_flush(&s.client, 1);
	assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
	assert_string_equal(s.received.c_str(), "hello");
}

/* ---- the end */

static void a_client_that_says_goodbye_still_gets_its_answers(void **state)
{
	for (const int version : versions)
		for (const bool says_so : {true, false}) {
			stage s(state);

			tls_stage_open(&s, version);
			tls_client_write(&s.client, "hello");
			if (says_so)
				assert_true(SSL_shutdown(s.client.ssl.get()) >= 0);
			(void)tls_client_flush(&s.client);
			if (!says_so)
				shutdown(s.client.fd, SHUT_WR);
			assert_int_equal(tls_stage_receive(&s), 0);
			assert_string_equal(s.received.c_str(), "hello");
			assert_int_equal(tls_stage_send(&s, "answer"), 6);
			/* OpenSSL's client reads on only if it has not said goodbye itself. */
			if (!says_so)
				assert_string_equal(tls_client_read(&s.client).c_str(), "answer");
		}
}

static void the_server_says_goodbye(void **state)
{
	for (const int version : versions) {
		stage s(state);

		tls_stage_open(&s, version);
		assert_int_equal(tls_stage_send(&s, "last"), 4);
		s.stream->end(s.filter);
		assert_string_equal(tls_client_read(&s.client).c_str(), "last");
		assert_int_equal(SSL_get_shutdown(s.client.ssl.get()), SSL_RECEIVED_SHUTDOWN);
		tls_client_write(&s.client, "later");
		(void)tls_client_flush(&s.client);
		assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
		assert_string_equal(s.received.c_str(), "later");
	}
}

static void a_goodbye_does_not_harm_a_record_that_waits(void **state)
{
	stage s(state);
	const int small = 4096;

	tls_stage_open(&s);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	const std::string all = numbers(100000);
	size_t sent = 0;

	while (tls_stage_send(&s, std::string_view(all).substr(sent)) > 0)
		sent += static_cast<size_t>(s.result);
	assert_int_equal(s.result, CS_EAGAIN);
	s.stream->end(s.filter);
	const std::string got = tls_client_read(&s.client);

	assert_true(got.size() >= sent && all.starts_with(got));
	assert_int_equal(SSL_get_error(s.client.ssl.get(), -1), SSL_ERROR_WANT_READ);
}

static void a_connection_that_was_cut_off_breaks_the_stream(void **state)
{
	stage s(state);

	tls_stage_open(&s);
	close(s.client.fd);
	s.client.fd = -1;
	assert_int_equal(tls_stage_send(&s, "hello"), CS_EINVAL);
	assert_string_equal(s.wait.why, "Broken pipe");
	s.stream->end(s.filter);
}

/* A whole ClientHello for TLS 1.3 with this share of a key, or without: then the server asks for a second one. */
static std::string hello(const std::string &share)
{
	const auto sized = [](const std::string &text) {
		return std::string(1, '\0') + static_cast<char>(text.size()) + text;
	};
	const std::string extensions =
		std::string("\x00\x2b\x00\x03\x02\x03\x04", 7) + /* supported_versions: 1.3 */
		std::string("\x00\x0a\x00\x04\x00\x02\x00\x1d", 8) + /* supported_groups: x25519 */
		std::string("\x00\x0d\x00\x06\x00\x04\x04\x03\x08\x04", 10) + /* signature_algorithms */
		std::string("\x00\x33", 2) + sized(sized(share)); /* key_share */
	const std::string body = std::string("\x03\x03", 2) + std::string(32, 'r') +
	                         std::string("\x00\x00\x02\x13\x01\x01\x00", 7) + sized(extensions);

	return std::string("\x16\x03\x01", 3) + sized(std::string("\x01\x00", 2) + sized(body));
}

static const std::string changed("\x14\x03\x03\x00\x01\x01", 6); /* ChangeCipherSpec, which TLS 1.3 ignores */

static void a_client_may_be_asked_for_a_second_hello(void **state)
{
	const std::string share = std::string("\x00\x1d\x00\x20", 4) + std::string(32, 'k');

	for (const std::string &before : {std::string(), changed}) {
		stage s(state);
		char answers[4096];

		tls_stage_connect(&s);
		for (const std::string &bytes : {hello(""), before + hello(share)}) {
			assert_int_equal(write(s.client.fd, bytes.data(), bytes.size()), bytes.size());
			assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
			assert_true(read(s.client.fd, answers, sizeof(answers)) > 0);
			assert_int_equal(answers[0], 22); /* a message of the handshake, not an alert */
		}
	}
}

static void a_second_hello_that_is_too_long_breaks_the_stream(void **state)
{
	const std::string second("\x16\x03\x03\x40\x00\x01\x01\xff\xff", 9); /* of 128 KiB */

	for (const std::string &bytes : {second, changed + second})
		for (const bool at_once : {false, true})
			for (const size_t step : {size_t{1}, bytes.size()}) {
				stage s(state);
				const std::string first = hello("") + (at_once ? bytes : "");

				tls_stage_connect(&s);
				assert_int_equal(write(s.client.fd, first.data(), first.size()), first.size());
				(void)tls_stage_receive(&s);
				for (size_t at = 0; !at_once && at < bytes.size(); at += step) {
					assert_int_equal(s.result, CS_EAGAIN);
					assert_int_equal(write(s.client.fd, bytes.data() + at, step), step);
					(void)tls_stage_receive(&s);
				}
				assert_int_equal(s.result, CS_EINVAL);
				assert_string_equal(s.wait.why, "the client's first message is too long");
			}
}

/* ---- records without data */

static void a_few_new_keys_are_taken(void **state)
{
	stage s(state);

	tls_stage_open(&s, TLS1_3_VERSION);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 30; i++) {
			assert_int_equal(SSL_key_update(s.client.ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
			assert_int_equal(SSL_do_handshake(s.client.ssl.get()), 1);
		}
		tls_client_write(&s.client, "hello");
		(void)tls_client_flush(&s.client);
		assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
		assert_int_equal(tls_stage_send(&s, "answer"), 6);
		assert_string_equal(tls_client_read(&s.client).c_str(), "answer");
	}
	assert_string_equal(s.received.c_str(), "hellohellohello");
}

static void many_new_keys_without_data_break_the_stream(void **state)
{
	for (const bool at_once : {true, false}) {
		stage s(state);
		int taken = 0;

		tls_stage_open(&s, TLS1_3_VERSION);
		for (; taken < 1000 && s.result != CS_EINVAL; taken++) {
			assert_int_equal(SSL_key_update(s.client.ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
			assert_int_equal(SSL_do_handshake(s.client.ssl.get()), 1);
			if (at_once && taken < 100)
				continue;
			(void)tls_client_flush(&s.client);
			(void)tls_stage_receive(&s);
		}
		assert_int_equal(s.result, CS_EINVAL);
		assert_string_equal(s.wait.why, "the client sends messages without data");
		assert_true(taken <= 102);
	}
}

static void new_keys_come_between_the_parts_of_an_answer_that_waits(void **state)
{
	stage s(state);
	const int small = 4096;
	const std::string all = numbers(200000);
	size_t sent = 0;
	std::string got;

	tls_stage_open(&s, TLS1_3_VERSION);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (int turn = 0; turn < 10000 && sent < all.size(); turn++) {
		if (tls_stage_send(&s, std::string_view(all).substr(sent)) > 0)
			sent += static_cast<size_t>(s.result);
		else
			assert_int_equal(s.result, CS_EAGAIN);
		if (turn % 3 == 0) {
			assert_int_equal(SSL_key_update(s.client.ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
			tls_client_write(&s.client, "x");
			(void)tls_client_flush(&s.client);
			assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
		}
		got += tls_client_read(&s.client);
	}
	got += tls_client_read(&s.client);
	assert_true(got == all);
	assert_true(s.received.size() > 3);
}

/* Each new key with a request is answered, and the answers wait in the server's memory. */
static void answers_to_new_keys_that_a_client_never_reads_break_the_stream(void **state)
{
	stage s(state);
	int asked = 0;

	tls_stage_open(&s, TLS1_3_VERSION);
	for (; asked < 20000 && s.result != CS_EINVAL; asked++) {
		assert_int_equal(SSL_key_update(s.client.ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
		tls_client_write(&s.client, "\n");
		(void)tls_client_flush(&s.client);
		(void)tls_stage_receive(&s);
	}
	assert_int_equal(s.result, CS_EINVAL);
	assert_string_equal(s.wait.why, "the client does not read the answers to its messages");
	assert_true(asked < 5000);
}

static void a_new_handshake_is_refused(void **state)
{
	stage s(state);

	tls_stage_open(&s, TLS1_2_VERSION);
	assert_int_equal(SSL_renegotiate(s.client.ssl.get()), 1);
	(void)SSL_do_handshake(s.client.ssl.get());
	(void)tls_client_flush(&s.client);
	(void)tls_stage_receive(&s);
	(void)tls_client_fetch(&s.client);
	assert_int_equal(SSL_do_handshake(s.client.ssl.get()), -1);
	assert_int_equal(SSL_get_error(s.client.ssl.get(), -1), SSL_ERROR_SSL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_that_comes_byte_by_byte_succeeds),
		cmocka_unit_test(the_stream_is_open_only_after_the_handshake),
		cmocka_unit_test(a_client_with_tls_1_1_is_refused),
		cmocka_unit_test(the_lowest_version_can_be_raised),
		cmocka_unit_test(a_client_that_does_not_trust_the_certificate_is_told_apart),
		cmocka_unit_test(bytes_that_are_no_tls_are_refused_in_plain_words),
		cmocka_unit_test(a_client_that_leaves_at_any_byte_of_the_handshake_ends_the_stream),
		cmocka_unit_test(a_changed_byte_breaks_only_that_stream),
		cmocka_unit_test(no_byte_is_counted_that_the_kernel_has_not_taken),
		cmocka_unit_test(more_may_wait_behind_bytes_that_did_not_fit),
		cmocka_unit_test(records_that_came_together_are_all_received),
		cmocka_unit_test(a_part_of_a_record_is_waited_for),
		cmocka_unit_test(a_client_that_says_goodbye_still_gets_its_answers),
		cmocka_unit_test(the_server_says_goodbye),
		cmocka_unit_test(a_goodbye_does_not_harm_a_record_that_waits),
		cmocka_unit_test(a_connection_that_was_cut_off_breaks_the_stream),
		cmocka_unit_test(a_client_may_be_asked_for_a_second_hello),
		cmocka_unit_test(a_second_hello_that_is_too_long_breaks_the_stream),
		cmocka_unit_test(a_few_new_keys_are_taken),
		cmocka_unit_test(many_new_keys_without_data_break_the_stream),
		cmocka_unit_test(new_keys_come_between_the_parts_of_an_answer_that_waits),
		cmocka_unit_test(answers_to_new_keys_that_a_client_never_reads_break_the_stream),
		cmocka_unit_test(a_new_handshake_is_refused),
	};

	return cmocka_run_group_tests(tests, tls_stage_group_setup, tls_stage_group_teardown);
}
