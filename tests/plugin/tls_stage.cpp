/* SPDX-License-Identifier: MIT
 * A stage for tests of tls_openssl: instances on the fake host, and a client by OpenSSL whose bytes the test moves. */
#include "tests/plugin/tls_stage.h"

#include <algorithm>
#include <ctime>

#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"

int tls_stage_group_setup(void **state)
{
	auto files = std::make_unique<tls_stage_files>();

	files->folder = folder_make();
	files->ec = certificate_make(files->folder, "ec");
	files->rsa = certificate_make(files->folder, "rsa", 30, "rsa");
	files->other = certificate_make(files->folder, "other");
	files->old = certificate_make(files->folder, "old", -1);
	*state = files.release();
	return 0;
}

int tls_stage_group_teardown(void **state)
{
	const std::unique_ptr<tls_stage_files> files(static_cast<tls_stage_files *>(*state));

	folder_remove(files->folder);
	return 0;
}

tls_stage::~tls_stage()
{
	tls_stage_close(this);
}

fake_self *tls_stage_load(tls_stage *s, const std::string &certificate, const std::string &key, unsigned worker)
{
	fake_clock = s->loaded_ms;
	fake_host_set(s->host.get(), "tls_openssl.certificate", certificate.c_str());
	fake_host_set(s->host.get(), "tls_openssl.key", key.c_str());
	s->self = fake_host_load(s->host.get(), "tls_openssl", worker);
	s->stream = static_cast<const struct cs_stream *>(fake_self_plugin(s->self)->provides[0].table);
	return s->self;
}

tls_conf tls_stage_conf(const std::string &certificate, const std::string &key)
{
	return {.listen = "", .certificate = certificate.c_str(), .key = key.c_str(), .minimum = TLS_MINIMUM_1_2};
}

static int client_keep_session(SSL *ssl, SSL_SESSION *session)
{
	static_cast<tls_client *>(SSL_get_app_data(ssl))->session.reset(session);
	return 1;
}

static void client_begin(tls_client *c, int version, const std::string &trust)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	/* The lowest level, so that old versions can be tried. */
	SSL_CTX_set_security_level(ctx, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, client_keep_session);
	if (!trust.empty()) {
		assert_int_equal(SSL_CTX_load_verify_file(ctx, trust.c_str()), 1);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
	}
	c->ctx.reset(ctx);
	c->ssl.reset(SSL_new(ctx));
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	SSL_set_bio(c->ssl.get(), c->in, c->out);
	SSL_set_connect_state(c->ssl.get());
	SSL_set_app_data(c->ssl.get(), c);
	if (c->session)
		assert_int_equal(SSL_set_session(c->ssl.get(), c->session.get()), 1);
}

void tls_stage_connect(tls_stage *s, int version, const std::string &trust)
{
	int pair[2];

	tls_stage_close(s);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	s->fd = pair[0];
	s->client.fd = pair[1];
	client_begin(&s->client, version, trust);
	s->received.clear();
	s->filter = s->stream->open(fake_self_state(s->self), s->fd);
	assert_non_null(s->filter);
}

void tls_stage_close(tls_stage *s)
{
	if (s->filter)
		s->stream->close(s->filter);
	s->filter = nullptr;
	/* Else OpenSSL takes the session for broken, and does not use its ticket. */
	if (s->client.ssl)
		SSL_set_shutdown(s->client.ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	for (int *fd : {&s->fd, &s->client.fd}) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
}

size_t tls_client_flush(tls_client *c, size_t most)
{
	char *bytes;
	const size_t waiting = static_cast<size_t>(BIO_get_mem_data(c->out, &bytes));
	const ssize_t n = send(c->fd, bytes, std::min(waiting, most), MSG_NOSIGNAL);
	std::string taken(n > 0 ? static_cast<size_t>(n) : 0, '\0');

	if (!taken.empty())
		assert_int_equal(BIO_read(c->out, taken.data(), static_cast<int>(taken.size())), taken.size());
	return taken.size();
}

size_t tls_client_fetch(tls_client *c, size_t most)
{
	size_t all = 0;
	char bytes[65536];

	while (all < most) {
		const ssize_t n = recv(c->fd, bytes, std::min(sizeof(bytes), most - all), 0);

		if (n == 0)
			BIO_set_mem_eof_return(c->in, 0);
		if (n <= 0)
			break;
		assert_int_equal(BIO_write(c->in, bytes, static_cast<int>(n)), n);
		all += static_cast<size_t>(n);
	}
	return all;
}

void tls_client_write(tls_client *c, std::string_view bytes)
{
	size_t n;

	assert_int_equal(SSL_write_ex(c->ssl.get(), bytes.data(), bytes.size(), &n), 1);
	assert_int_equal(n, bytes.size());
}

std::string tls_client_read(tls_client *c)
{
	std::string all;
	char bytes[16384];
	size_t n;

	(void)tls_client_fetch(c);
	ERR_clear_error();
	while (SSL_read_ex(c->ssl.get(), bytes, sizeof(bytes), &n) == 1)
		all.append(bytes, n);
	return all;
}

int64_t tls_stage_receive(tls_stage *s, size_t size)
{
	std::string bytes(size, '\0');

	do {
		s->result = s->stream->receive(s->filter, bytes.data(), bytes.size(), &s->wait);
		if (s->result > 0)
			s->received.append(bytes, 0, static_cast<size_t>(s->result));
	} while (s->result > 0);
	return s->result;
}

int64_t tls_stage_send(tls_stage *s, std::string_view bytes)
{
	/* Each time at another place. */
	const std::string copy(bytes);

	s->result = s->stream->send(s->filter, copy.data(), copy.size(), &s->wait);
	return s->result;
}

void tls_stage_handshake(tls_stage *s)
{
	for (int turn = 0; turn < 10; turn++) {
		(void)SSL_do_handshake(s->client.ssl.get());
		(void)tls_client_flush(&s->client);
		assert_int_equal(tls_stage_receive(s), CS_EAGAIN);
		(void)tls_client_fetch(&s->client);
		if (s->stream->is_open(s->filter) && SSL_is_init_finished(s->client.ssl.get()))
			return;
	}
	check_fail(std::source_location::current(), "the handshake does not end");
}

void tls_stage_open(tls_stage *s, int version)
{
	tls_stage_connect(s, version);
	tls_stage_handshake(s);
	assert_string_equal(tls_client_read(&s->client).c_str(), "");
}
