/* SPDX-License-Identifier: MIT
 * TLS of a client by OpenSSL, on bytes in memory: it verifies the server's certificate. Also the two functions of
 * OpenSSL that WebSocket needs. A client that was built without OpenSSL has neither. */
#include "tls.h"

#ifdef CHATCLIENT_TLS

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

bool tls_is_built(void)
{
	return true;
}

void tls_free_context(ssl_ctx_st *context)
{
	SSL_CTX_free(context);
}

void tls_free_session(ssl_st *session)
{
	SSL_free(session);
}

tls_context_ptr tls_make_context(const std::string &ca, std::string *problem_r)
{
	tls_context_ptr context(SSL_CTX_new(TLS_client_method()));

	if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
		*problem_r = "TLS cannot be set up";
		return nullptr;
	}
	/* Where the system has no store, --ca still works. */
	(void)SSL_CTX_set_default_verify_paths(context.get());
	ERR_clear_error();
	if (!ca.empty() && SSL_CTX_load_verify_file(context.get(), ca.c_str()) != 1) {
		*problem_r = "--ca: " + ca + " cannot be read, or has no certificate in PEM format";
		return nullptr;
	}
	SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
	/* A server may close the connection without the message that TLS has for it. No frame can be cut by that
	 * unseen, because each frame has an end of its own. */
	(void)SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	return context;
}

static bool tls_is_ip(const std::string &host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

/* The certificate must be for this host. SNI is for names only. */
static bool tls_expect_host(ssl_st *session, const std::string &host)
{
	X509_VERIFY_PARAM *const wanted = SSL_get0_param(session);

	X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (tls_is_ip(host))
		return X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
	return X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), 0) == 1 &&
	       SSL_set_tlsext_host_name(session, host.c_str()) == 1;
}

static void tls_drain(tls *tl, std::string *out)
{
	char bytes[16384];
	int got;

	while ((got = BIO_read(SSL_get_wbio(tl->session.get()), bytes, sizeof bytes)) > 0)
		out->append(bytes, static_cast<size_t>(got));
}

bool tls_begin(tls *tl, ssl_ctx_st *context, const std::string &host, std::string *out)
{
	tl->is_open = false;
	ERR_clear_error();
	tl->session.reset(SSL_new(context));
	BIO *const in = BIO_new(BIO_s_mem()), *const outwards = BIO_new(BIO_s_mem());
	if (!tl->session || !in || !outwards) {
		(void)BIO_free(in);
		(void)BIO_free(outwards);
		return false;
	}
	/* An empty one means: later. */
	(void)BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(tl->session.get(), in, outwards);
	if (!tls_expect_host(tl->session.get(), host))
		return false;
	SSL_set_connect_state(tl->session.get());
	(void)SSL_do_handshake(tl->session.get());
	tls_drain(tl, out);
	return true;
}

static std::string tls_explain_certificate(ssl_st *session)
{
	const long result = SSL_get_verify_result(session);

	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "the server's certificate has expired: whoever runs the server must renew it";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "the server's certificate is not valid yet: is the clock of this machine right?";
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "the server's certificate is for another host: use the name that is in it";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "this machine does not trust the server's certificate: if you do, name its file with --ca";
	default:
		return std::string("the server's certificate is wrong (") + X509_verify_cert_error_string(result) +
		       "): whoever runs the server must replace it";
	}
}

static std::string tls_explain(ssl_st *session, bool *final_r)
{
	const unsigned long error = ERR_peek_last_error();
	const int reason = ERR_GET_REASON(error);

	*final_r = ERR_GET_LIB(error) == ERR_LIB_SSL;
	if (*final_r && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return tls_explain_certificate(session);
	if (*final_r && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
	                 reason == SSL_R_PACKET_LENGTH_TOO_LONG))
		return "this port of the server does not speak TLS: use its TLS port, or connect without TLS";
	*final_r = false;
	const char *const text = ERR_reason_error_string(error);
	return std::string("TLS failed (") + (text ? text : "no reason given") + ")";
}

bool tls_take(tls *tl, std::string_view bytes, std::string *plain, std::string *out, std::string *problem_r,
              bool *final_r)
{
	ssl_st *const session = tl->session.get();
	char buffer[16384];
	int result = 1;

	ERR_clear_error();
	if (BIO_write(SSL_get_rbio(session), bytes.data(), static_cast<int>(bytes.size())) <
	    static_cast<int>(bytes.size())) {
		*problem_r = "out of memory";
		return false;
	}
	if (!tl->is_open)
		tl->is_open = (result = SSL_do_handshake(session)) == 1;
	while (tl->is_open && (result = SSL_read(session, buffer, sizeof buffer)) > 0)
		plain->append(buffer, static_cast<size_t>(result));
	const int kind = SSL_get_error(session, result);
	if (kind == SSL_ERROR_SSL || kind == SSL_ERROR_SYSCALL)
		*problem_r = tls_explain(session, final_r);
	tls_drain(tl, out);
	/* SSL_ERROR_ZERO_RETURN: the end of the connection follows and is told there. */
	return kind != SSL_ERROR_SSL && kind != SSL_ERROR_SYSCALL;
}

bool tls_write(tls *tl, std::string_view plain, std::string *out)
{
	size_t written = 0;

	ERR_clear_error();
	/* Into memory it is written whole. */
	const bool done = plain.empty() || SSL_write_ex(tl->session.get(), plain.data(), plain.size(), &written) == 1;
	tls_drain(tl, out);
	return done;
}

void tls_end(tls *tl, std::string *out)
{
	if (!tl->is_open)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(tl->session.get());
	tls_drain(tl, out);
}

std::string tls_base64(std::string_view bytes)
{
	std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');

	const int size =
		EVP_EncodeBlock(reinterpret_cast<unsigned char *>(text.data()),
	                        reinterpret_cast<const unsigned char *>(bytes.data()), static_cast<int>(bytes.size()));
	text.resize(static_cast<size_t>(size));
	return text;
}

std::string tls_sha1(std::string_view bytes)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha1(), nullptr) != 1)
		return {};
	return {reinterpret_cast<const char *>(digest), size};
}

#else

bool tls_is_built(void)
{
	return false;
}

void tls_free_context(ssl_ctx_st *) {}

void tls_free_session(ssl_st *) {}

tls_context_ptr tls_make_context(const std::string &, std::string *problem_r)
{
	*problem_r = "this client was built without TLS and WebSocket";
	return nullptr;
}

bool tls_begin(tls *, ssl_ctx_st *, const std::string &, std::string *)
{
	return false;
}

bool tls_take(tls *, std::string_view, std::string *, std::string *, std::string *problem_r, bool *final_r)
{
	*problem_r = "this client was built without TLS";
	*final_r = true;
	return false;
}

bool tls_write(tls *, std::string_view, std::string *)
{
	return false;
}

void tls_end(tls *, std::string *) {}

std::string tls_base64(std::string_view)
{
	return {};
}

std::string tls_sha1(std::string_view)
{
	return {};
}

#endif
