/* SPDX-License-Identifier: MIT
 * The stream of <chatserverd/transport.h>: one connection with TLS.
 *
 * OpenSSL reads and writes the socket through the functions below. They note whether the socket was empty, and stop
 * a client that OpenSSL would serve for too long. They always take what OpenSSL writes: what the kernel does not
 * take waits in `rest`. So OpenSSL can answer the client (new keys, an alert) while a part of a record waits; with
 * its own BIO for sockets it would break the connection then. */
#include "stream.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include <sys/socket.h>

#include <openssl/err.h>

/* So many messages without data, such as KeyUpdate, a client may send in a row. OpenSSL does not limit them, and each
 * costs a derivation of keys. */
static constexpr unsigned tls_stream_idle_most = 32;
/* The longest ClientHello. OpenSSL allows 128 KiB, and allocates that as soon as the client has said the length. */
static constexpr size_t tls_stream_hello_most = 16384;
static constexpr size_t tls_stream_record_size = 5; /* the head of a record */
static constexpr size_t tls_stream_head_size = 9; /* of a record and of the handshake message in it */
/* So many encrypted bytes may wait when OpenSSL adds an answer of its own: it answers each new key. */
static constexpr size_t tls_stream_rest_most = 65536;

struct cs_filter {
	struct tls *tls = nullptr;
	std::unique_ptr<SSL, tls_free<SSL_free>> ssl;
	int fd = -1;
	std::string rest; /* encrypted bytes that the kernel has not taken yet */
	size_t owed = 0; /* the last bytes given to send that are in rest, as they were before encryption */
	unsigned idle = 0; /* messages of handshakes since the last data */
	bool is_open = false;
	bool is_broken = false; /* OpenSSL must not be called any more */
	bool is_dry = true; /* the socket was empty when it was read last */
	const char *fault = nullptr; /* what the functions for the socket found wrong, for the log; constant */
	uint16_t skipped = 0; /* so many bytes come before the next head */
	unsigned char head_size = 0; /* how much of it has come */
	unsigned char head[tls_stream_head_size] = {}; /* of the record that a ClientHello begins in */
};

/* ---- the socket */

static const char tls_stream_hello_long[] = "the client's first message is too long";

static size_t tls_stream_number(const unsigned char *bytes)
{
	return static_cast<size_t>(bytes[0]) << 8 | bytes[1];
}

/* Collects the head of a ClientHello. Alerts and ChangeCipherSpec may come before it, and are passed over. */
static void tls_stream_collect_head(struct cs_filter *f, const char *bytes, size_t size)
{
	static constexpr unsigned char change_cipher_spec = 20, alert = 21;

	for (; size > 0 && f->head_size < tls_stream_head_size; bytes++, size--) {
		if (f->skipped > 0) {
			f->skipped--;
			continue;
		}
		f->head[f->head_size++] = static_cast<unsigned char>(*bytes);
		if (f->head_size == tls_stream_record_size &&
		    (f->head[0] == change_cipher_spec || f->head[0] == alert)) {
			f->skipped = static_cast<uint16_t>(tls_stream_number(f->head + 3));
			f->head_size = 0;
		}
	}
}

static void tls_stream_judge_hello(struct cs_filter *f, const char *bytes, size_t size)
{
	static constexpr unsigned char handshake = 22, client_hello = 1;

	if (f->head_size == tls_stream_head_size)
		return;
	tls_stream_collect_head(f, bytes, size);
	if (f->head_size < tls_stream_head_size || f->head[0] != handshake)
		return;
	/* A record that ends within the head of the message could hide the length. No client does that. */
	if (tls_stream_number(f->head + 3) < tls_stream_head_size - tls_stream_record_size ||
	    (f->head[5] == client_hello &&
	     (static_cast<size_t>(f->head[6]) << 16 | tls_stream_number(f->head + 7)) > tls_stream_hello_most))
		f->fault = tls_stream_hello_long;
}

static int tls_stream_bio_read(BIO *bio, char *buffer, int size)
{
	auto *f = static_cast<struct cs_filter *>(BIO_get_data(bio));

	BIO_clear_retry_flags(bio);
	if (f->idle > tls_stream_idle_most)
		f->fault = "the client sends messages without data";
	if (f->fault)
		return -1;
	const ssize_t n = recv(f->fd, buffer, static_cast<size_t>(size), 0);

	f->is_dry = n <= 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	if (n > 0)
		tls_stream_judge_hello(f, buffer, static_cast<size_t>(n));
	return f->fault ? -1 : static_cast<int>(n);
}

/* 0; or CS_EINVAL with errno set: the connection is cut off. */
static int tls_stream_flush(struct cs_filter *f)
{
	if (f->rest.empty())
		return 0;
	const ssize_t n = send(f->fd, f->rest.data(), f->rest.size(), MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : CS_EINVAL;
	if (static_cast<size_t>(n) == f->rest.size())
		std::string().swap(f->rest);
	else
		f->rest.erase(0, static_cast<size_t>(n));
	return 0;
}

static int tls_stream_bio_write(BIO *bio, const char *bytes, int size)
{
	auto *f = static_cast<struct cs_filter *>(BIO_get_data(bio));
	const size_t all = static_cast<size_t>(size);
	ssize_t n = 0;

	BIO_clear_retry_flags(bio);
	if (tls_stream_flush(f))
		return -1;
	/* The flight of a handshake comes once, whatever its length. */
	if (f->is_open && !f->rest.empty() && f->rest.size() + all > tls_stream_rest_most)
		f->fault = "the client does not read the answers to its messages";
	if (f->fault)
		return -1;
	if (f->rest.empty())
		n = send(f->fd, bytes, all, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	const size_t taken = n > 0 ? static_cast<size_t>(n) : 0;

	f->rest.append(bytes + taken, all - taken);
	return size;
}

static long tls_stream_bio_control(BIO *bio, int command, long, void *)
{
	switch (command) {
	case BIO_CTRL_FLUSH: return 1;
	case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default: return 0;
	}
}

/* Whether a message of the server asks for a second ClientHello: RFC 8446, 4.1.3. */
static bool tls_stream_is_retry(const void *message, size_t size)
{
	static constexpr size_t random_at = 6;
	static constexpr unsigned char server_hello = 2;
	static constexpr unsigned char retry[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	                                          0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	                                          0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	const auto *bytes = static_cast<const unsigned char *>(message);

	return size >= random_at + sizeof(retry) && bytes[0] == server_hello &&
	       memcmp(bytes + random_at, retry, sizeof(retry)) == 0;
}

/* Called by OpenSSL for each message that it has read or written. */
void tls_stream_note_message(int write, int, int type, const void *message, size_t size, SSL *ssl, void *)
{
	auto *f = static_cast<struct cs_filter *>(SSL_get_app_data(ssl));

	if (type != SSL3_RT_HANDSHAKE)
		return;
	if (!write) {
		f->idle++;
	} else if (tls_stream_is_retry(message, size)) {
		f->head_size = 0;
		/* A client waits for this message: what came before it was not judged. */
		if (SSL_has_pending(ssl) == 1)
			f->fault = tls_stream_hello_long;
	}
}

int tls_stream_prepare(struct tls *t)
{
	t->sockets.reset(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection of chatserverd"));
	return t->sockets && BIO_meth_set_read(t->sockets.get(), tls_stream_bio_read) == 1 &&
	                       BIO_meth_set_write(t->sockets.get(), tls_stream_bio_write) == 1 &&
	                       BIO_meth_set_ctrl(t->sockets.get(), tls_stream_bio_control) == 1
	               ? 0
	               : CS_EINVAL;
}

/* ---- why a stream broke, for the log */

static const char *tls_stream_plain_words(int reason)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST: return "the client speaks no TLS: it sent an HTTP request";
	case SSL_R_HTTPS_PROXY_REQUEST: return "the client speaks no TLS: it sent a request for a proxy";
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_BAD_RECORD_TYPE:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_RECORD_LENGTH_MISMATCH: return "the client speaks no TLS, or breaks its rules";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "client and server have no version of TLS in common";
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_GROUPS:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return "client and server have no way of encryption in common";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return "the client does not know who has issued the certificate";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: return "the client says that the certificate has expired";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return "the client does not accept the certificate";
	case SSL_R_NO_RENEGOTIATION: return "the client asked for a new handshake";
	default: return nullptr;
	}
}

static int tls_stream_break(struct cs_filter *f, const char *why, struct cs_stream_wait *wait_r)
{
	f->is_broken = true;
	snprintf(f->tls->why, sizeof(f->tls->why), "%s", why);
	wait_r->why = f->tls->why;
	return CS_EINVAL;
}

static int tls_stream_break_openssl(struct cs_filter *f, int number, struct cs_stream_wait *wait_r)
{
	const unsigned long error = ERR_peek_error();
	const char *plain = error != 0 ? tls_stream_plain_words(ERR_GET_REASON(error)) : nullptr;
	const char *reason = ERR_reason_error_string(error);
	char text[120];

	if (f->fault)
		return tls_stream_break(f, f->fault, wait_r);
	if (plain)
		return tls_stream_break(f, plain, wait_r);
	if (error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL)
		snprintf(text, sizeof(text), "OpenSSL: %s", reason ? reason : "unknown error");
	else
		snprintf(text, sizeof(text), "%s", number != 0 ? strerror(number) : "the connection was cut off");
	return tls_stream_break(f, text, wait_r);
}

/* After a call that has moved no bytes: CS_EAGAIN, CS_EINVAL, or 0 at the end of what the client sends. */
static int tls_stream_judge(struct cs_filter *f, struct cs_stream_wait *wait_r)
{
	const int number = errno;

	if (f->fault)
		return tls_stream_break_openssl(f, number, wait_r);
	switch (SSL_get_error(f->ssl.get(), 0)) {
	case SSL_ERROR_WANT_READ: wait_r->events = CS_WATCH_READ; return CS_EAGAIN;
	case SSL_ERROR_WANT_WRITE: wait_r->events = CS_WATCH_WRITE; return CS_EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		if (f->is_open)
			return 0;
		return tls_stream_break(f, "the client left during the handshake", wait_r);
	default: return tls_stream_break_openssl(f, number, wait_r);
	}
}

static void tls_stream_note_open(struct cs_filter *f)
{
	f->is_open = f->is_open || SSL_is_init_finished(f->ssl.get()) == 1;
}

/* Before each call of OpenSSL. */
static int tls_stream_begin(struct cs_filter *f, struct cs_stream_wait *wait_r)
{
	if (f->is_broken) {
		wait_r->why = "the stream broke earlier";
		return CS_EINVAL;
	}
	ERR_clear_error();
	if (tls_stream_flush(f))
		return tls_stream_break(f, strerror(errno), wait_r);
	errno = 0;
	return 0;
}

/* ---- the table */

static void tls_stream_listen(const void *conf, struct cs_listen *listen_r)
{
	listen_r->addresses = static_cast<const tls_conf *>(conf)->listen;
	listen_r->key = "listen";
	listen_r->over = nullptr;
}

/* The files were judged by the plugin's own check. */
static int tls_stream_check(const void *conf, const char **key_r, struct cs_error *e)
{
	if (*static_cast<const tls_conf *>(conf)->certificate != '\0')
		return 0;
	*key_r = "certificate";
	snprintf(e->text, sizeof(e->text), "TLS needs a certificate, and none is named");
	return CS_EINVAL;
}

static struct cs_filter *tls_stream_open(void *state, int fd)
{
	auto *t = static_cast<struct tls *>(state);
	auto f = std::make_unique<struct cs_filter>();

	if (!t->context)
		return nullptr;
	f->tls = t;
	f->fd = fd;
	f->ssl.reset(SSL_new(t->context->ctx.get()));
	BIO *bio = f->ssl ? BIO_new(t->sockets.get()) : nullptr;

	if (!bio) {
		ERR_clear_error();
		return nullptr;
	}
	BIO_set_data(bio, f.get());
	BIO_set_init(bio, 1);
	SSL_set_bio(f->ssl.get(), bio, bio);
	(void)SSL_set_app_data(f->ssl.get(), f.get());
	SSL_set_accept_state(f->ssl.get());
	return f.release();
}

static int64_t tls_stream_receive(struct cs_filter *f, void *buffer, size_t size, struct cs_stream_wait *wait_r)
{
	size_t n = 0;

	if (tls_stream_begin(f, wait_r))
		return CS_EINVAL;
	const int done = SSL_read_ex(f->ssl.get(), buffer, size, &n);

	tls_stream_note_open(f);
	if (done) {
		f->idle = 0;
		return static_cast<int64_t>(n);
	}
	const int result = tls_stream_judge(f, wait_r);

	/* If bytes of send wait, the server waits for the socket anyway. */
	if (result == CS_EAGAIN && !f->rest.empty() && f->owed == 0)
		wait_r->events = CS_WATCH_WRITE;
	return result;
}

static int64_t tls_stream_wait_to_send(struct cs_stream_wait *wait_r)
{
	wait_r->events = CS_WATCH_WRITE;
	return CS_EAGAIN;
}

static int64_t tls_stream_send(struct cs_filter *f, const void *bytes, size_t size, struct cs_stream_wait *wait_r)
{
	const char *from = static_cast<const char *>(bytes);

	if (tls_stream_begin(f, wait_r))
		return CS_EINVAL;
	if (!f->rest.empty())
		return tls_stream_wait_to_send(wait_r);
	size_t sent = std::exchange(f->owed, 0);

	while (sent < size) {
		size_t n = 0;
		const int done = SSL_write_ex(f->ssl.get(), from + sent, size - sent, &n);

		tls_stream_note_open(f);
		if (!done) {
			/* What was sent before is told first; a broken stream says so again at the next call. */
			const int result = tls_stream_judge(f, wait_r);

			if (sent > 0)
				break;
			return result != 0 ? result : tls_stream_break(f, "the client has left", wait_r);
		}
		if (!f->rest.empty()) {
			f->owed = n;
			break;
		}
		sent += n;
	}
	return sent > 0 ? static_cast<int64_t>(sent) : tls_stream_wait_to_send(wait_r);
}

static size_t tls_stream_buffered(const struct cs_filter *f)
{
	if (f->is_broken || f->is_dry)
		return 0;
	const int decrypted = SSL_pending(f->ssl.get());

	/* A record that is not decrypted yet, or a part of one. */
	return decrypted > 0 ? static_cast<size_t>(decrypted) : SSL_has_pending(f->ssl.get()) == 1;
}

static int tls_stream_is_open(const struct cs_filter *f)
{
	return f->is_open;
}

static void tls_stream_end(struct cs_filter *f)
{
	if (f->is_broken || !f->is_open)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(f->ssl.get());
	ERR_clear_error();
}

static void tls_stream_close(struct cs_filter *f)
{
	const std::unique_ptr<struct cs_filter> owner(f);
}

const struct cs_stream tls_stream = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_stream),
	.label = "tls",
	.listen = tls_stream_listen,
	.check = tls_stream_check,
	.open = tls_stream_open,
	.receive = tls_stream_receive,
	.send = tls_stream_send,
	.buffered = tls_stream_buffered,
	.is_open = tls_stream_is_open,
	.end = tls_stream_end,
	.close = tls_stream_close,
};
