/* SPDX-License-Identifier: MIT
 * Tests what the plugin tls_openssl makes of certificate and key: at the start, by SIGHUP, as time goes by, and the
 * tickets that depend on the key. */
#include <cstring>
#include <ctime>
#include <vector>

#include <sys/stat.h>

#include <openssl/x509.h>

#include "tests/plugin/tls_stage.h"
#include "tests/support/check.h"
#include "tests/support/process.h"

static constexpr int64_t day_ms = INT64_C(86400000);

static const tls_stage_files *files_of(void **state)
{
	return static_cast<const tls_stage_files *>(*state);
}

static std::string file_with(const tls_stage_files *files, const char *name, const std::string &bytes)
{
	const std::string path = files->folder + "/" + name;
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
	assert_int_equal(fclose(file), 0);
	return path;
}

/* ---- the files */

struct bad_pair {
	std::string certificate, key, option, text;
};

static std::vector<bad_pair> bad_pairs(const tls_stage_files *f)
{
	const std::string empty = file_with(f, "empty", ""), prose = file_with(f, "prose", "no certificate\n");
	const std::string half = file_with(f, "half", check_read_file(f->ec.chain).substr(0, 200));
	const std::string torn =
		file_with(f, "torn", check_read_file(f->ec.chain) + check_read_file(f->other.chain).substr(0, 200));
	const std::string missing = f->folder + "/missing", locked = f->folder + "/locked";

	(void)process_run({"openssl", "pkey", "-in", f->ec.key, "-aes256", "-passout", "pass:x", "-out", locked},
	                  f->folder + "/log");
	return {
		{missing, f->ec.key, "certificate", missing + ": No such file or directory"},
		{f->folder, f->ec.key, "certificate", f->folder + ": it is a folder"},
		{"/dev/null", f->ec.key, "certificate", "/dev/null: it is no file"},
		{empty, f->ec.key, "certificate", empty + ": it is empty"},
		{prose, f->ec.key, "certificate", prose + ": it has no certificate in PEM form"},
		{half, f->ec.key, "certificate", half + ": it has no certificate in PEM form"},
		{torn, f->ec.key, "certificate", torn + ": a certificate of the chain cannot be read: "},
		{f->ec.chain, missing, "key", missing + ": No such file or directory"},
		{f->ec.chain, f->folder, "key", f->folder + ": it is a folder"},
		{f->ec.chain, empty, "key", empty + ": it is empty"},
		{f->ec.chain, f->ec.chain, "key", f->ec.chain + ": it has no private key in PEM form"},
		{f->ec.chain, "", "certificate", f->ec.chain + ": it has no private key in PEM form"},
		{f->ec.chain, f->other.key, "key", f->other.key + ": the key does not belong to the certificate"},
		{f->ec.chain, f->rsa.key, "key", f->rsa.key + ": the key does not belong to the certificate"},
		{f->ec.chain, locked, "key", locked + ": the key has a passphrase"},
		{"", f->ec.key, "key", "a key needs a certificate"},
	};
}

static void wrong_files_are_named_with_the_reason(void **state)
{
	const fake_host_ptr host = fake_host_open();
	const struct cs_plugin *plugin = fake_self_plugin(fake_host_load(host.get(), "tls_openssl"));

	for (const bad_pair &pair : bad_pairs(files_of(state))) {
		const tls_conf conf = tls_stage_conf(pair.certificate, pair.key);
		const char *key = "";
		struct cs_error e {};

		assert_int_equal(plugin->check(&conf, &key, &e), CS_EINVAL);
		assert_string_equal(key, pair.option.c_str());
		assert_string_equal(std::string(e.text).substr(0, pair.text.size()).c_str(), pair.text.c_str());
	}
}

static void right_files_pass_the_check(void **state)
{
	const tls_stage_files *f = files_of(state);
	const fake_host_ptr host = fake_host_open();
	const struct cs_plugin *plugin = fake_self_plugin(fake_host_load(host.get(), "tls_openssl"));
	const std::string both = file_with(f, "both", check_read_file(f->ec.key) + check_read_file(f->ec.chain));

	for (const auto &[chain, key] : {std::pair(f->ec.chain, f->ec.key), std::pair(f->rsa.chain, f->rsa.key),
	                                 std::pair(both, std::string()), std::pair(std::string(), std::string())}) {
		const tls_conf conf = tls_stage_conf(chain, key);
		const char *option = "";
		struct cs_error e {};

		assert_int_equal(plugin->check(&conf, &option, &e), 0);
	}
}

static void an_expired_certificate_is_a_warning_of_the_check(void **state)
{
	const tls_stage_files *f = files_of(state);
	const fake_host_ptr host = fake_host_open();
	const struct cs_plugin *plugin = fake_self_plugin(fake_host_load(host.get(), "tls_openssl"));
	const tls_conf conf = tls_stage_conf(f->old.chain, f->old.key);
	const char *key = "";
	struct cs_error e {};

	assert_int_equal(plugin->check(&conf, &key, &e), 0);
	assert_string_equal(key, "certificate");
	assert_string_equal(e.text, (f->old.chain + ": the certificate has expired").c_str());
}

/* Whole days for which the certificate is still valid; below 0 once it is over. */
static int64_t days_left(tls_stage *s)
{
	const int64_t left = s->host->gauges["certificate_expiry_timestamp_seconds"] * 1000 - fake_clock;

	return left / day_ms - (left < 0);
}

static void a_start_with_an_expired_certificate_serves_and_logs_one_error(void **state)
{
	const tls_stage_files *f = files_of(state);
	tls_stage s;

	for (unsigned worker = 0; worker < 3; worker++)
		(void)tls_stage_load(&s, f->old.chain, f->old.key, worker);
	tls_stage_open(&s);
	tls_client_write(&s.client, "hello");
	(void)tls_client_flush(&s.client);
	assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
	assert_string_equal(s.received.c_str(), "hello");
	assert_int_equal(s.host->log.size(), 1);
	assert_non_null(strstr(s.host->log[0].c_str(), "the certificate has expired: renew it"));
	assert_non_null(strstr(s.host->log[0].c_str(), f->old.chain.c_str()));
	assert_true(days_left(&s) < 0);
}

static void a_certificate_that_is_not_valid_yet_is_served_with_a_warning(void **state)
{
	const tls_stage_files *f = files_of(state);
	tls_stage s;

	s.loaded_ms -= 2 * day_ms;
	(void)tls_stage_load(&s, f->ec.chain, f->ec.key);
	tls_stage_open(&s);
	assert_int_equal(s.host->log.size(), 1);
	assert_non_null(strstr(s.host->log[0].c_str(), "the certificate is not valid yet"));
}

static void the_whole_chain_is_sent(void **state)
{
	const tls_stage_files *f = files_of(state);
	tls_stage s;

	(void)tls_stage_load(&s, file_with(f, "chain", check_read_file(f->ec.chain) + check_read_file(f->other.chain)),
	                     f->ec.key);
	tls_stage_open(&s);
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(s.client.ssl.get())), 2);
}

static void without_a_certificate_the_plugin_runs_and_nobody_may_listen(void **)
{
	tls_stage s;
	const char *key = "";
	struct cs_error e {};
	const std::string none;
	const tls_conf conf = tls_stage_conf(none, none);

	(void)tls_stage_load(&s, "", "");
	assert_null(s.stream->open(fake_self_state(s.self), 0));
	assert_int_equal(s.stream->check(&conf, &key, &e), CS_EINVAL);
	assert_string_equal(key, "certificate");
	assert_true(s.host->gauges.empty());
}

static void a_start_with_wrong_files_is_refused(void **state)
{
	tls_stage s;
	struct cs_error e {};

	fake_clock = static_cast<int64_t>(time(nullptr)) * 1000;
	fake_host_set(s.host.get(), "tls_openssl.certificate", files_of(state)->ec.chain.c_str());
	fake_host_set(s.host.get(), "tls_openssl.key", files_of(state)->other.key.c_str());
	assert_int_equal(fake_host_try_load(s.host.get(), "tls_openssl", 0, &e), CS_EINVAL);
	assert_string_equal(e.text, ("tls_openssl.key: " + files_of(state)->other.key +
	                             ": the key does not belong to the certificate")
	                                    .c_str());
}

static void a_key_that_everybody_can_read_is_warned_of_once(void **state)
{
	const tls_stage_files *f = files_of(state);
	const std::string key = file_with(f, "open.key", check_read_file(f->ec.key));
	tls_stage s;

	assert_int_equal(chmod(key.c_str(), 0644), 0);
	for (unsigned worker = 0; worker < 3; worker++)
		(void)tls_stage_load(&s, f->ec.chain, key, worker);
	assert_int_equal(s.host->log.size(), 1);
	assert_non_null(strstr(s.host->log[0].c_str(), "every user of this machine can read the private key"));
	assert_non_null(strstr(s.host->log[0].c_str(), key.c_str()));
}

/* ---- SIGHUP */

/* What the client sees of the server. */
static std::string served(const tls_stage *s)
{
	X509 *certificate = SSL_get0_peer_certificate(s->client.ssl.get());
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &size), 1);
	return std::string(reinterpret_cast<char *>(digest), size);
}

static void a_new_certificate_is_for_new_connections(void **state)
{
	const tls_stage_files *f = files_of(state);
	const tls_conf conf = tls_stage_conf(f->rsa.chain, f->rsa.key);
	tls_stage s;
	struct cs_error e {};

	(void)tls_stage_load(&s, f->ec.chain, f->ec.key);
	tls_stage_open(&s);
	const std::string before = served(&s);
	const struct cs_plugin *plugin = fake_self_plugin(s.self);

	assert_int_equal(plugin->reload(fake_self_state(s.self), &conf, 0, &e), 0);
	assert_int_equal(plugin->reload(fake_self_state(s.self), &conf, 1, &e), 0);
	/* The connection goes on. */
	tls_client_write(&s.client, "hello");
	(void)tls_client_flush(&s.client);
	assert_int_equal(tls_stage_receive(&s), CS_EAGAIN);
	assert_string_equal(s.received.c_str(), "hello");
	assert_int_equal(tls_stage_send(&s, "answer"), 6);
	assert_string_equal(tls_client_read(&s.client).c_str(), "answer");
	tls_stage_open(&s);
	assert_true(served(&s) != before);
}

static void wrong_new_files_leave_the_old_certificate(void **state)
{
	const tls_stage_files *f = files_of(state);
	tls_stage s;
	const std::string left_out;

	(void)tls_stage_load(&s, f->ec.chain, f->ec.key);
	tls_stage_open(&s);
	const std::string before = served(&s);
	const struct cs_plugin *plugin = fake_self_plugin(s.self);

	for (const bad_pair &pair : bad_pairs(f)) {
		const tls_conf conf = tls_stage_conf(pair.certificate, pair.key);
		struct cs_error e {};

		assert_int_equal(plugin->reload(fake_self_state(s.self), &conf, 0, &e), CS_EINVAL);
		assert_non_null(strstr(e.text, "tls_openssl."));
		tls_stage_open(&s);
		assert_true(served(&s) == before);
	}
	const tls_conf none = tls_stage_conf(left_out, left_out);
	struct cs_error e {};

	assert_int_equal(plugin->reload(fake_self_state(s.self), &none, 0, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "by a restart"));
}

static int reload_all(tls_stage *s, const tls_conf *conf, struct cs_error *e)
{
	const struct cs_plugin *plugin = fake_self_plugin(s->self);

	if (plugin->reload(fake_self_state(s->self), conf, 0, e))
		return CS_EINVAL;
	return plugin->reload(fake_self_state(s->self), conf, 1, e);
}

/* Other options can be changed meanwhile. */
static void an_expired_certificate_replaces_only_one_that_has_expired_too(void **state)
{
	const tls_stage_files *f = files_of(state);
	const tls_conf old = tls_stage_conf(f->old.chain, f->old.key), good = tls_stage_conf(f->ec.chain, f->ec.key);
	tls_stage s;
	struct cs_error e {};

	(void)tls_stage_load(&s, f->old.chain, f->old.key);
	assert_int_equal(s.host->log.size(), 1);
	assert_int_equal(reload_all(&s, &old, &e), 0);
	assert_int_equal(s.host->log.size(), 2);
	assert_non_null(strstr(s.host->log[1].c_str(), "the certificate has expired"));
	tls_stage_open(&s);
	const std::string before = served(&s);

	assert_int_equal(reload_all(&s, &good, &e), 0);
	tls_stage_open(&s);
	const std::string renewed = served(&s);

	assert_true(renewed != before);
	assert_int_equal(s.host->log.size(), 2);
	assert_int_equal(reload_all(&s, &old, &e), CS_EINVAL);
	assert_string_equal(e.text,
	                    ("tls_openssl.certificate: " + f->old.chain + ": the certificate has expired").c_str());
	tls_stage_open(&s);
	assert_true(served(&s) == renewed);
}

/* ---- the end of the certificate */

static void the_end_is_a_figure_and_the_log_warns_once_a_day(void **state)
{
	const tls_stage_files *f = files_of(state);
	tls_stage s;

	for (unsigned worker = 0; worker < 2; worker++)
		(void)tls_stage_load(&s, f->ec.chain, f->ec.key, worker);
	assert_in_range(days_left(&s), 29, 30); /* 30 in the second in which it was made */
	const int64_t begin = fake_clock;
	std::vector<int64_t> days;

	for (int64_t hour = 0; hour < 33 * 24; hour++) {
		fake_clock = begin + hour * day_ms / 24;
		fake_host_fire(s.host.get());
		if (days.size() < s.host->log.size())
			days.push_back(days_left(&s));
	}
	assert_true(days.size() >= 17 && days.size() <= 19);
	assert_int_equal(days.size(), s.host->log.size());
	assert_int_equal(days.front(), 14);
	assert_true(days.back() < 0);
	assert_non_null(strstr(s.host->log.front().c_str(), "the certificate ends soon"));
	assert_non_null(strstr(s.host->log.back().c_str(), "the certificate has expired"));

	const tls_conf conf = tls_stage_conf(f->rsa.chain, f->rsa.key);
	struct cs_error e {};

	fake_clock = begin;
	for (fake_self *self : s.host->selves)
		for (const int commit : {0, 1})
			assert_int_equal(fake_self_plugin(self)->reload(fake_self_state(self), &conf, commit, &e), 0);
	assert_in_range(days_left(&s), 29, 30); /* 30 in the second in which it was made */
}

/* ---- tickets */

static bool is_resumed(tls_stage *s, int version)
{
	tls_stage_open(s, version);
	return SSL_session_reused(s->client.ssl.get()) == 1;
}

static void a_session_goes_on_at_another_worker(void **state)
{
	for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
		const tls_stage_files *f = files_of(state);
		tls_stage s;
		fake_self *first = tls_stage_load(&s, f->ec.chain, f->ec.key, 0);
		fake_self *second = tls_stage_load(&s, f->ec.chain, f->ec.key, 1);

		s.self = first;
		assert_false(is_resumed(&s, version));
		assert_non_null(s.client.session.get());
		s.self = second;
		assert_true(is_resumed(&s, version));
	}
}

static void a_ticket_is_good_on_the_next_day_and_not_later(void **state)
{
	const tls_stage_files *f = files_of(state);

	for (const int64_t days : {0, 1, 2}) {
		tls_stage s;

		(void)tls_stage_load(&s, f->ec.chain, f->ec.key);
		fake_clock -= fake_clock % day_ms;
		assert_false(is_resumed(&s, TLS1_2_VERSION));
		fake_clock += days * day_ms;
		assert_int_equal(is_resumed(&s, TLS1_2_VERSION), days < 2);
	}
}

static void a_changed_ticket_costs_a_whole_handshake(void **state)
{
	const tls_stage_files *f = files_of(state);
	tls_stage s;

	(void)tls_stage_load(&s, f->ec.chain, f->ec.key);
	assert_false(is_resumed(&s, TLS1_2_VERSION));
	const unsigned char *ticket;
	size_t size;

	SSL_SESSION_get0_ticket(s.client.session.get(), &ticket, &size);
	const_cast<unsigned char *>(ticket)[size - 1] ^= 1;
	assert_false(is_resumed(&s, TLS1_2_VERSION));
}

static void another_key_voids_the_tickets(void **state)
{
	const tls_stage_files *f = files_of(state);
	const tls_conf conf = tls_stage_conf(f->other.chain, f->other.key);
	tls_stage s;
	struct cs_error e {};

	(void)tls_stage_load(&s, f->ec.chain, f->ec.key);
	assert_false(is_resumed(&s, TLS1_3_VERSION));
	assert_true(is_resumed(&s, TLS1_3_VERSION));
	for (const int commit : {0, 1})
		assert_int_equal(fake_self_plugin(s.self)->reload(fake_self_state(s.self), &conf, commit, &e), 0);
	assert_false(is_resumed(&s, TLS1_3_VERSION));
	assert_true(is_resumed(&s, TLS1_3_VERSION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_files_are_named_with_the_reason),
		cmocka_unit_test(right_files_pass_the_check),
		cmocka_unit_test(an_expired_certificate_is_a_warning_of_the_check),
		cmocka_unit_test(a_start_with_an_expired_certificate_serves_and_logs_one_error),
		cmocka_unit_test(a_certificate_that_is_not_valid_yet_is_served_with_a_warning),
		cmocka_unit_test(the_whole_chain_is_sent),
		cmocka_unit_test(without_a_certificate_the_plugin_runs_and_nobody_may_listen),
		cmocka_unit_test(a_start_with_wrong_files_is_refused),
		cmocka_unit_test(a_key_that_everybody_can_read_is_warned_of_once),
		cmocka_unit_test(a_new_certificate_is_for_new_connections),
		cmocka_unit_test(wrong_new_files_leave_the_old_certificate),
		cmocka_unit_test(an_expired_certificate_replaces_only_one_that_has_expired_too),
		cmocka_unit_test(the_end_is_a_figure_and_the_log_warns_once_a_day),
		cmocka_unit_test(a_session_goes_on_at_another_worker),
		cmocka_unit_test(a_ticket_is_good_on_the_next_day_and_not_later),
		cmocka_unit_test(a_changed_ticket_costs_a_whole_handshake),
		cmocka_unit_test(another_key_voids_the_tickets),
	};

	return cmocka_run_group_tests(tests, tls_stage_group_setup, tls_stage_group_teardown);
}
