/* SPDX-License-Identifier: MIT
 * What lies between a test client's bytes and its socket: nothing, TLS, WebSocket, or both. */
#include "tests/support/transport.h"

#include <cstdio>
#include <cstdlib>

#ifdef TEST_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#endif

#include "tests/support/folder.h"

/* ---- which */

static const char *const transport_names[] = {"plain", "tls", "ws", "wss"};

const char *transport_name(transport_kind kind)
{
	return transport_names[kind];
}

transport_kind transport_wanted(void)
{
	const char *name = getenv("CS_TRANSPORT");
	const std::string_view wanted = name && *name ? name : "plain";

	for (const transport_kind kind : {TRANSPORT_PLAIN, TRANSPORT_TLS, TRANSPORT_WS, TRANSPORT_WSS})
		if (wanted == transport_name(kind))
			return kind;
	fprintf(stderr, "CS_TRANSPORT=%s is no transport\n", name);
	abort();
}

bool transport_has_tls(transport_kind kind)
{
	return kind == TRANSPORT_TLS || kind == TRANSPORT_WSS;
}

bool transport_has_messages(transport_kind kind)
{
	return kind == TRANSPORT_WS || kind == TRANSPORT_WSS;
}

bool transport_is_message_based(void)
{
	return transport_has_messages(transport_wanted());
}

struct certificate_folder {
	std::string folder;
	test_certificate files;

	certificate_folder() : folder(folder_make()), files(certificate_make(folder)) {}
	~certificate_folder()
	{
		folder_remove(folder);
	}
};

const test_certificate *transport_certificate(void)
{
	static const certificate_folder made;

	return &made.files;
}

/* ---- TLS */

#ifdef TEST_TLS

struct transport_tls {
	SSL_CTX *context;
	SSL *ssl;
};

void transport_tls_deleter::operator()(transport_tls *tls) const
{
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->context);
	delete tls;
}

static void transport_blame(test_transport *t, const char *doing)
{
	char reason[256] = "no reason";

	if (const unsigned long number = ERR_get_error(); number)
		ERR_error_string_n(number, reason, sizeof(reason));
	ERR_clear_error();
	if (t->error.empty())
		t->error = std::string(doing) + ": " + reason;
}

static void tls_new(test_transport *t)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	SSL_CTX_load_verify_locations(context, transport_certificate()->chain.c_str(), nullptr);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
	SSL *ssl = SSL_new(context);

	if (t->host == "127.0.0.1")
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), t->host.c_str());
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	t->tls.reset(new transport_tls{context, ssl});
}

/* What TLS wants to send goes out. */
static void tls_flush(test_transport *t, std::string *out)
{
	BIO *bio = SSL_get_wbio(t->tls->ssl);
	char part[16384];
	int got;

	while ((got = BIO_read(bio, part, sizeof(part))) > 0)
		out->append(part, static_cast<size_t>(got));
}

static void tls_handshake(test_transport *t, std::string *out)
{
	ERR_clear_error();
	const int result = SSL_do_handshake(t->tls->ssl);

	if (result <= 0 && SSL_get_error(t->tls->ssl, result) != SSL_ERROR_WANT_READ)
		transport_blame(t, "TLS handshake");
	tls_flush(t, out);
}

static void tls_put(test_transport *t, std::string_view bytes, std::string *out)
{
	size_t done = 0;

	ERR_clear_error();
	if (!bytes.empty() && SSL_write_ex(t->tls->ssl, bytes.data(), bytes.size(), &done) != 1)
		transport_blame(t, "TLS write");
	tls_flush(t, out);
}

static void tls_take(test_transport *t, std::string_view raw, std::string *clear_r, std::string *out)
{
	char part[16384];
	size_t got;

	BIO_write(SSL_get_rbio(t->tls->ssl), raw.data(), static_cast<int>(raw.size()));
	if (!SSL_is_init_finished(t->tls->ssl))
		tls_handshake(t, out);
	ERR_clear_error();
	while (SSL_is_init_finished(t->tls->ssl) && SSL_read_ex(t->tls->ssl, part, sizeof(part), &got) == 1)
		clear_r->append(part, got);
	if (SSL_get_shutdown(t->tls->ssl) & SSL_RECEIVED_SHUTDOWN)
		t->has_notify = true;
	else if (const int why = SSL_get_error(t->tls->ssl, 0);
	         SSL_is_init_finished(t->tls->ssl) && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_SYSCALL)
		transport_blame(t, "TLS read");
	tls_flush(t, out);
}

static bool tls_is_ready(const test_transport *t)
{
	return t->tls && SSL_is_init_finished(t->tls->ssl);
}

#else

struct transport_tls {};

void transport_tls_deleter::operator()(transport_tls *tls) const
{
	delete tls;
}

/* The Makefile runs no test with TLS then. */
[[noreturn]] static void tls_new(test_transport *)
{
	fputs("configure was told --without-tls\n", stderr);
	abort();
}

static void tls_handshake(test_transport *, std::string *) {}

static void tls_put(test_transport *, std::string_view, std::string *) {}

static void tls_take(test_transport *, std::string_view, std::string *, std::string *) {}

static bool tls_is_ready(const test_transport *)
{
	return false;
}

#endif

/* ---- all of it */

static bool is_ready_below(const test_transport *t)
{
	return !transport_has_tls(t->kind) || tls_is_ready(t);
}

void transport_put_below(test_transport *t, std::string_view bytes, std::string *out)
{
	if (transport_has_tls(t->kind))
		tls_put(t, bytes, out);
	else
		out->append(bytes);
}

/* Once TLS is there, the request goes; once that is answered, what waited. */
static void transport_go_on(test_transport *t, std::string *out)
{
	if (transport_is_open(t) && !t->waiting.empty()) {
		const std::string waited = std::move(t->waiting);

		t->waiting.clear();
		transport_put(t, waited, false, out);
	}
}

void transport_begin(test_transport *t, std::string *out)
{
	t->has_begun = true;
	if (transport_has_tls(t->kind)) {
		tls_new(t);
		tls_handshake(t, out);
	} else if (transport_has_messages(t->kind)) {
		transport_put_below(t, websocket_request(t->host), out);
	}
}

bool transport_is_open(const test_transport *t)
{
	return t->has_begun && is_ready_below(t) && (!transport_has_messages(t->kind) || t->ws.is_open);
}

void transport_put(test_transport *t, std::string_view bytes, bool stays_open, std::string *out)
{
	if (!transport_is_open(t)) {
		t->waiting += bytes;
	} else if (transport_has_messages(t->kind)) {
		std::string messages;

		websocket_put(&t->ws, bytes, stays_open, &messages);
		transport_put_below(t, messages, out);
	} else {
		transport_put_below(t, bytes, out);
	}
}

void transport_take(test_transport *t, std::string_view raw, std::string *bytes_r, std::string *out)
{
	const bool was_ready = is_ready_below(t);
	std::string clear;

	if (!t->has_begun)
		return; /* the server has not waited for the handshake */

	if (transport_has_tls(t->kind))
		tls_take(t, raw, &clear, out);
	else
		clear = raw;
	if (!transport_has_messages(t->kind)) {
		*bytes_r += clear;
	} else {
		std::string replies;

		if (!was_ready && is_ready_below(t))
			replies = websocket_request(t->host);
		t->ws.input += clear;
		websocket_take(&t->ws, bytes_r, &replies);
		if (!replies.empty())
			transport_put_below(t, replies, out);
	}
	transport_go_on(t, out);
}

std::string transport_error(const test_transport *t)
{
	return t->error.empty() ? t->ws.error : t->error;
}

bool transport_said_end(const test_transport *t)
{
	if (transport_has_messages(t->kind) && !t->ws.close_code)
		return false;
	return !transport_has_tls(t->kind) || t->has_notify;
}
