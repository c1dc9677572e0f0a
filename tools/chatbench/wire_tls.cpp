/* SPDX-License-Identifier: MIT
 * TLS for connections of the bench, by OpenSSL; a build without it has only the functions that say so. */
#include "wire_tls.h"

#ifdef CHATBENCH_TLS

#include <cerrno>

#include <openssl/err.h>
#include <openssl/ssl.h>

wire_tls_context *wire_tls_make(void)
{
	SSL_CTX *const context = SSL_CTX_new(TLS_client_method());

	if (context)
		SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		                                  SSL_MODE_RELEASE_BUFFERS);
	return reinterpret_cast<wire_tls_context *>(context);
}

void wire_tls_free(wire_tls_context *context)
{
	SSL_CTX_free(reinterpret_cast<SSL_CTX *>(context));
}

wire_tls *wire_tls_open(wire_tls_context *context, int fd)
{
	SSL *const ssl = SSL_new(reinterpret_cast<SSL_CTX *>(context));

	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1)
		return reinterpret_cast<wire_tls *>(ssl);
	SSL_free(ssl);
	return nullptr;
}

void wire_tls_close(wire_tls *tls)
{
	SSL_free(reinterpret_cast<SSL *>(tls));
}

static ssize_t wire_tls_result(SSL *ssl, int result)
{
	if (result > 0)
		return result;
	const int error = SSL_get_error(ssl, result);

	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		errno = EAGAIN;
	else if (error != SSL_ERROR_SYSCALL || errno == 0)
		errno = EPROTO;
	return -1;
}

ssize_t wire_tls_read(wire_tls *tls, char *bytes, size_t size)
{
	SSL *const ssl = reinterpret_cast<SSL *>(tls);

	ERR_clear_error();
	return wire_tls_result(ssl, SSL_read(ssl, bytes, static_cast<int>(size)));
}

ssize_t wire_tls_write(wire_tls *tls, const char *bytes, size_t size)
{
	SSL *const ssl = reinterpret_cast<SSL *>(tls);

	ERR_clear_error();
	return wire_tls_result(ssl, SSL_write(ssl, bytes, static_cast<int>(size)));
}

#else

wire_tls_context *wire_tls_make(void)
{
	return nullptr;
}

void wire_tls_free(wire_tls_context *) {}

wire_tls *wire_tls_open(wire_tls_context *, int)
{
	return nullptr;
}

void wire_tls_close(wire_tls *) {}

ssize_t wire_tls_read(wire_tls *, char *, size_t)
{
	return -1;
}

ssize_t wire_tls_write(wire_tls *, const char *, size_t)
{
	return -1;
}

#endif
