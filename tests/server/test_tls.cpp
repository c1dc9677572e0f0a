/* SPDX-License-Identifier: MIT
 * Tests TLS on the real server: people talk over it, what else comes to its port, and how a certificate is replaced. */
#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/support/admin_page.h"
#include "tests/support/certificate.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	test_server_set_transport(s, TRANSPORT_TLS);
	test_server_set(s, "core.log_level", "debug");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.proxy_from", "127.0.0.1");
	*state = s;
	return 0;
}

static int set_up_started(void **state)
{
	(void)set_up(state);
	test_server_start(static_cast<test_server *>(*state));
	return 0;
}

static int tear_down(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const bool sound = test_server_is_sound(s);

	test_server_free(s);
	return sound ? 0 : -1;
}

static size_t count_of(const std::string &text, const std::string &part)
{
	size_t count = 0;

	for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1))
		count++;
	return count;
}

static std::string metrics(const test_server *s)
{
	return http_get(admin_port(s), "/metrics");
}

static int64_t figure(const test_server *s, const std::string &name)
{
	const std::string text = metrics(s), line = "\nchatserverd_" + name + " ";
	const size_t at = text.find(line);

	if (at == text.npos)
		check_fail(std::source_location::current(), "no figure %s in: %s", name.c_str(), text.c_str());
	return atoll(text.c_str() + at + line.size());
}

/* Whole days for which the certificate is still valid; below 0 once it is over. */
static int64_t certificate_days(const test_server *s)
{
	struct timespec now {};

	clock_gettime(CLOCK_REALTIME, &now);
	const int64_t end = figure(s, "tls_openssl_certificate_expiry_timestamp_seconds");
	const int64_t left = end - now.tv_sec - (now.tv_nsec != 0);

	return left / 86400 - (left < 0);
}

static int64_t failed_handshakes(const test_server *s)
{
	return figure(s, "handshakes_failed_total{transport=\"tls\"}");
}

/* ---- connections that the test client cannot make: without TLS, or with any certificate */

struct raw_client {
	int fd = -1;
	std::string address; /* its own, as the log has it */

	~raw_client()
	{
		(void)close(fd);
	}
};

static void raw_open(raw_client *c, const test_server *s)
{
	struct sockaddr_in address {};
	socklen_t size = sizeof(address);

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_family = AF_INET;
	address.sin_port = htons(s->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(c->fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)), 0);
	assert_int_equal(getsockname(c->fd, reinterpret_cast<sockaddr *>(&address), &size), 0);
	c->address = check_format("127.0.0.1:%u", ntohs(address.sin_port));
}

static void raw_send(const raw_client *c, std::string_view bytes)
{
	assert_int_equal(send(c->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), bytes.size());
}

/* All that the server sends until it closes. */
static std::string raw_read_to_end(const raw_client *c, int64_t patience_ms = check_patience_ms())
{
	const int64_t end = check_now() + patience_ms;
	std::string all;
	char bytes[4096];

	for (;;) {
		struct pollfd ready = {.fd = c->fd, .events = POLLIN, .revents = 0};

		if (poll(&ready, 1, static_cast<int>(std::max<int64_t>(end - check_now(), 0))) != 1)
			check_fail(std::source_location::current(), "the server does not close");
		const ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

		if (n <= 0)
			return all;
		all.append(bytes, static_cast<size_t>(n));
	}
}

/* What the log says of the end of that connection: exactly one line, which is returned. */
static std::string end_line(test_server *s, const raw_client *c)
{
	const std::string mark = " peer=" + c->address + " account=0 why=";

	test_server_wait_log(s, mark);
	const std::string log = test_server_log(s);
	const size_t at = log.find(mark), begin = log.rfind('\n', at) + 1;

	assert_int_equal(count_of(log, mark), 1);
	return log.substr(begin, log.find('\n', at) - begin);
}

/* Trusts every certificate. */
struct tls_peer {
	raw_client raw;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = nullptr;

	~tls_peer()
	{
		SSL_free(ssl);
		SSL_CTX_free(context);
	}
};

static void peer_open(tls_peer *p, const test_server *s)
{
	const struct timeval patience = {.tv_sec = check_patience_ms() / 1000, .tv_usec = 0};

	raw_open(&p->raw, s);
	(void)setsockopt(p->raw.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	p->ssl = SSL_new(p->context);
	SSL_set_fd(p->ssl, p->raw.fd);
	assert_int_equal(SSL_connect(p->ssl), 1);
}

/* The number of the certificate that the server has sent. */
static std::string peer_serial(const tls_peer *p)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(SSL_get0_peer_certificate(p->ssl)), nullptr);
	char *text = BN_bn2hex(number);
	const std::string serial = text;

	OPENSSL_free(text);
	BN_free(number);
	return serial;
}

/* PING and its answer. */
static void peer_expect_served(const tls_peer *p)
{
	static const std::string_view ping = "{\"msgid\":102}\n";
	std::string answer;
	char bytes[256];

	assert_int_equal(SSL_write(p->ssl, ping.data(), static_cast<int>(ping.size())), ping.size());
	while (answer.find('\n') == answer.npos) {
		const int n = SSL_read(p->ssl, bytes, sizeof(bytes));

		assert_true(n > 0);
		answer.append(bytes, static_cast<size_t>(n));
	}
	assert_string_equal(answer.substr(0, 12).c_str(), "{\"msgid\":103");
}

static std::string serial_now(const test_server *s)
{
	tls_peer p;

	peer_open(&p, s);
	peer_expect_served(&p);
	return peer_serial(&p);
}

/* ---- people */

static void two_people_register_log_in_and_talk_over_tls(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string long_text(20000, 'x'); /* more than one record of TLS */

	assert_int_equal(client_chat_safely(ann, bob->id, "hello"), 1);
	client_expect(bob, "{\"msgid\":6,\"msg\":\"hello\",\"seq\":1}");
	assert_int_equal(client_chat_safely(bob, ann->id, long_text), 2);
	const test_frame frame = client_expect(ann, "{\"msgid\":6,\"seq\":2}");
	assert_string_equal(json_text(frame.json.get(), "msg").c_str(), long_text.c_str());
	assert_int_equal(figure(s, "connections{transport=\"tls\"}"), 2);
	assert_int_equal(failed_handshakes(s), 0);
	client_close(ann);
	client_expect_quiet(bob);
}

static void the_log_has_the_address_of_a_proxy_header_before_tls(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open_from(s, "127.0.0.1");

	assert_true(client_send_raw(c, "PROXY TCP4 192.0.2.7 198.51.100.1 4660 6443\r\n", true));
	client_send(c, "{\"msgid\":102}\n");
	client_expect(c, "{\"msgid\":103}");
	client_send(c, "nonsense");
	client_expect(c, "{\"msgid\":100,\"errno\":4}");
	client_expect_end(c);
	test_server_wait_log(s, "peer=192.0.2.7:4660 account=0 why=\"byte 0x6e");
}

/* ---- what else comes to the port */

/* A ClientHello that says more bytes than it has. */
static const std::string_view half_hello("\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", 11);

static void who_does_not_finish_the_handshake_is_closed_after_10_seconds(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int64_t failed = failed_handshakes(s), begun = check_now();
	raw_client silent, half;

	for (raw_client *c : {&silent, &half})
		raw_open(c, s);
	raw_send(&half, half_hello);
	for (const raw_client *c : {&silent, &half}) {
		assert_string_equal(raw_read_to_end(c, 15000 * check_patience_factor()).c_str(), "");
		assert_in_range(check_now() - begun, 9900, 12500 * check_patience_factor());
		const std::string line = end_line(s, c);

		assert_true(line.find(" debug connection ends ") != line.npos);
		assert_true(line.find("why=\"the handshake was not done in time\"") != line.npos);
	}
	check_wait("both to be counted", [&] { return failed_handshakes(s) == failed + 2; });
}

struct stranger {
	std::string_view bytes;
	const char *why;
};

static void what_is_not_tls_gets_an_alert_or_the_end_and_one_debug_line(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string zeros(4000, '\0');
	const std::vector<stranger> strangers = {
		{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "it sent an HTTP request"},
		{"CONNECT localhost:443 HTTP/1.1\r\n\r\n", "it sent a request for a proxy"},
		{"{\"msgid\":102}\n{\"msgid\":102}\n", "the client speaks no TLS, or breaks its rules"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "the client speaks no TLS, or breaks its rules"},
		{zeros, "the client speaks no TLS, or breaks its rules"},
	};

	for (const stranger &them : strangers) {
		const int64_t failed = failed_handshakes(s);
		raw_client c;

		raw_open(&c, s);
		raw_send(&c, them.bytes);
		const std::string answer = raw_read_to_end(&c);
		const bool is_alert = answer.size() == 7 && answer[0] == 0x15;

		if (!answer.empty() && !is_alert)
			check_fail(std::source_location::current(), "no alert: %s", answer.c_str());
		const std::string line = end_line(s, &c);

		if (line.find(" debug connection ends ") == line.npos || line.find(them.why) == line.npos)
			check_fail(std::source_location::current(), "%s", line.c_str());
		check_wait("it to be counted", [&] { return failed_handshakes(s) == failed + 1; });
	}
	assert_int_equal(count_of(test_server_log(s), " warning "), 0);
	assert_int_equal(count_of(test_server_log(s), " error "), 0);
	client_expect_quiet(client_enter(s, "ann"));
}

/* ---- certificates */

/* Uses that certificate from the next start or SIGHUP on. */
static void use_certificate(test_server *s, const test_certificate &made)
{
	test_server_set(s, "tls_openssl.certificate", made.chain);
	test_server_set(s, "tls_openssl.key", made.key);
}

static void reload(test_server *s, const char *outcome)
{
	const size_t before = count_of(test_server_log(s), outcome);

	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	check_wait(outcome, [&] { return count_of(test_server_log(s), outcome) == before + 1; });
}

static void sighup_gives_new_connections_the_new_certificate_and_keeps_the_old_ones(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	tls_peer before;

	use_certificate(s, certificate_make(s->folder, "own", 30));
	test_server_start(s);
	assert_int_equal(certificate_days(s), 29);
	peer_open(&before, s);
	peer_expect_served(&before);
	/* The files keep their names, as those of certbot do; the kind of the key is another. */
	(void)certificate_make(s->folder, "own", 90, "rsa");
	assert_string_equal(serial_now(s).c_str(), peer_serial(&before).c_str());
	reload(s, "configuration reloaded");
	for (int i = 0; i < 8; i++) /* on all workers */
		assert_string_not_equal(serial_now(s).c_str(), peer_serial(&before).c_str());
	peer_expect_served(&before);
	assert_int_equal(certificate_days(s), 89);
	test_server_stop(s);
}

static void a_new_certificate_that_is_bad_leaves_the_old_one_and_the_log_says_why(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const test_certificate own = certificate_make(s->folder, "own", 30);
	const test_certificate other = certificate_make(s->folder, "other", 30);
	const test_certificate expired = certificate_make(s->folder, "expired", -1);
	const std::vector<std::pair<test_certificate, std::string>> bad = {
		{{own.chain, other.key}, "tls_openssl.key: " + other.key + ": the key does not belong to the"},
		{{own.key, own.key}, "tls_openssl.certificate: " + own.key + ": it has no certificate in PEM form"},
		{{own.chain, s->folder + "/none"}, "tls_openssl.key: " + s->folder + "/none: No such file"},
		{expired, "tls_openssl.certificate: " + expired.chain + ": the certificate has expired"},
	};
	tls_peer stays;

	use_certificate(s, own);
	test_server_start(s);
	peer_open(&stays, s);
	for (const auto &[pair, text] : bad) {
		use_certificate(s, pair);
		/* By the first worker that says so. */
		reload(s, "error configuration kept: plugin=tls_openssl worker=");
		test_server_wait_log(s, ": " + text);
		for (int i = 0; i < 4; i++)
			assert_string_equal(serial_now(s).c_str(), peer_serial(&stays).c_str());
	}
	peer_expect_served(&stays);
	assert_int_equal(certificate_days(s), 29);
	use_certificate(s, other);
	reload(s, "configuration reloaded");
	assert_string_not_equal(serial_now(s).c_str(), peer_serial(&stays).c_str());
	test_server_stop(s);
}

static test_run run_check(test_server *s)
{
	test_server_write_conf(s);
	return test_server_run(s, {"-t", "-c", s->folder + "/chat.conf"});
}

/* The node that restarts at night must come up. */
static void an_expired_certificate_is_warned_of_and_the_server_starts(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const test_certificate expired = certificate_make(s->folder, "own", -1);

	use_certificate(s, expired);
	const test_run run = run_check(s);

	assert_int_equal(run.status, 0);
	if (!run.err.starts_with("warning: " + s->folder + "/chat.conf:") ||
	    !run.err.ends_with(": tls_openssl.certificate: " + expired.chain + ": the certificate has expired\nok\n"))
		check_fail(std::source_location::current(), "%s", run.err.c_str());
	test_server_start(s);
	assert_string_equal(serial_now(s).c_str(), serial_now(s).c_str());
	assert_int_equal(count_of(test_server_log(s), " error the certificate has expired: renew it"), 1);
	assert_in_range(-certificate_days(s), 1, 2);

	/* Other options can be changed meanwhile; the log says it again. */
	test_server_set(s, "core.rate", "1000");
	reload(s, "configuration reloaded");
	test_server_wait_log(s, "error the certificate has expired: renew it");
	check_wait("the second error",
	           [&] { return count_of(test_server_log(s), " error the certificate has expired: renew it") == 2; });
	(void)certificate_make(s->folder, "own", 30);
	reload(s, "configuration reloaded");
	assert_int_equal(certificate_days(s), 29);
	test_server_stop(s);
}

static void a_server_with_a_wrong_key_does_not_start(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const test_certificate own = certificate_make(s->folder, "own", 30);
	const test_certificate other = certificate_make(s->folder, "other", 30);

	use_certificate(s, {own.chain, other.key});
	const test_run run = run_check(s);

	assert_int_equal(run.status, 1);
	assert_true(run.err.find("tls_openssl.key: " + other.key + ": the key does not belong to the certificate") !=
	            run.err.npos);
	test_server_launch(s);
	assert_int_equal(test_server_wait(s, 10000), 1);
}

int main(void)
{
	const struct CMUnitTest started[] = {
		cmocka_unit_test_teardown(two_people_register_log_in_and_talk_over_tls, test_server_close_clients),
		cmocka_unit_test_teardown(the_log_has_the_address_of_a_proxy_header_before_tls,
	                                  test_server_close_clients),
		cmocka_unit_test_teardown(who_does_not_finish_the_handshake_is_closed_after_10_seconds,
	                                  test_server_close_clients),
		cmocka_unit_test_teardown(what_is_not_tls_gets_an_alert_or_the_end_and_one_debug_line,
	                                  test_server_close_clients),
	};
	const struct CMUnitTest own[] = {
		cmocka_unit_test_setup_teardown(sighup_gives_new_connections_the_new_certificate_and_keeps_the_old_ones,
	                                        set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_certificate_that_is_bad_leaves_the_old_one_and_the_log_says_why,
	                                        set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_expired_certificate_is_warned_of_and_the_server_starts, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(a_server_with_a_wrong_key_does_not_start, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("one server", started, set_up_started, tear_down) +
	       cmocka_run_group_tests_name("certificates", own, nullptr, nullptr);
}
