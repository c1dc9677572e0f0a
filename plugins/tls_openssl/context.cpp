/* SPDX-License-Identifier: MIT
 * Reads certificate and key, says in plain words what is wrong with them, and builds a context of OpenSSL. */
#include "context.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "stream.h"
#include "ticket.h"

#if OPENSSL_VERSION_MAJOR < 3
#error "OpenSSL 3 is needed"
#endif

typedef std::unique_ptr<BIO, tls_free<BIO_free>> tls_bio_ptr;
typedef std::unique_ptr<X509, tls_free<X509_free>> tls_x509_ptr;
typedef std::unique_ptr<EVP_PKEY, tls_free<EVP_PKEY_free>> tls_pkey_ptr;

/* A chain has a few KB. */
static constexpr off_t tls_file_most = 1 << 20;
static constexpr size_t tls_random_size = 16; /* what AT_RANDOM points to */

/* A file that was read, and what the operator calls it. */
struct tls_file {
	const char *key; /* of the option */
	const char *path;
	mode_t mode = 0;
	std::string bytes = {};

	~tls_file()
	{
		OPENSSL_cleanse(bytes.data(), bytes.size());
	}
};

static int tls_fail(const struct tls_file *file, const char *why, struct cs_error *e)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", file->path, why);
	return CS_EINVAL;
}

/* With the reason that OpenSSL gives last. */
static int tls_fail_openssl(const struct tls_file *file, const char *what, struct cs_error *e)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(e->text, sizeof(e->text), "%s: %s: %s", file->path, what, reason ? reason : "unknown error");
	return CS_EINVAL;
}

static int tls_read_open(struct tls_file *file, int fd, struct cs_error *e)
{
	struct stat status {};

	if (fd < 0 || fstat(fd, &status) != 0)
		return tls_fail(file, strerror(errno), e);
	if (!S_ISREG(status.st_mode))
		return tls_fail(file, S_ISDIR(status.st_mode) ? "it is a folder" : "it is no file", e);
	if (status.st_size == 0)
		return tls_fail(file, "it is empty", e);
	if (status.st_size > tls_file_most)
		return tls_fail(file, "it is longer than 1 MiB", e);
	file->mode = status.st_mode;
	file->bytes.resize(static_cast<size_t>(status.st_size));
	const ssize_t n = read(fd, file->bytes.data(), file->bytes.size());

	if (n < 0)
		return tls_fail(file, strerror(errno), e);
	if (static_cast<size_t>(n) != file->bytes.size())
		return tls_fail(file, "it was changed while it was read", e);
	return 0;
}

static int tls_read(struct tls_file *file, struct cs_error *e)
{
	/* A named pipe would block otherwise. */
	const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const int failed = tls_read_open(file, fd, e);

	if (fd >= 0)
		(void)close(fd);
	return failed;
}

static tls_bio_ptr tls_bio_of(const struct tls_file *file)
{
	return tls_bio_ptr(BIO_new_mem_buf(file->bytes.data(), static_cast<int>(file->bytes.size())));
}

static int64_t tls_time_ms(const ASN1_TIME *time)
{
	struct tm parts {};

	/* Certificates with a broken time count as expired. */
	return time && ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(timegm(&parts)) * 1000 : 0;
}

/* The first certificate of the file is the server's, the others lead to an authority. */
static int tls_use_chain(struct tls_context *context, const struct tls_file *file, struct cs_error *e)
{
	const tls_bio_ptr bio = tls_bio_of(file);
	const tls_x509_ptr own(bio ? PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr) : nullptr);

	if (!own)
		return tls_fail(file, "it has no certificate in PEM form", e);
	context->begin_ms = tls_time_ms(X509_get0_notBefore(own.get()));
	context->end_ms = tls_time_ms(X509_get0_notAfter(own.get()));
	if (SSL_CTX_use_certificate(context->ctx.get(), own.get()) != 1)
		return tls_fail_openssl(file, "OpenSSL does not take the certificate", e);
	for (;;) {
		tls_x509_ptr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));

		if (!next)
			break;
		if (SSL_CTX_add0_chain_cert(context->ctx.get(), next.get()) != 1)
			return tls_fail_openssl(file, "OpenSSL does not take the chain", e);
		(void)next.release();
	}
	/* The end of the file is a PEM error, too. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return tls_fail_openssl(file, "a certificate of the chain cannot be read", e);
	ERR_clear_error();
	return 0;
}

/* Called for a key with a passphrase. */
static int tls_no_passphrase(char *, int, int, void *asked)
{
	*static_cast<bool *>(asked) = true;
	return -1;
}

static int tls_use_key(struct tls_context *context, const struct tls_file *file, struct cs_error *e)
{
	bool asked = false;
	const tls_bio_ptr bio = tls_bio_of(file);
	const tls_pkey_ptr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, tls_no_passphrase, &asked) : nullptr);

	if (asked)
		return tls_fail(file, "the key has a passphrase: take it away (openssl pkey -in OLD -out NEW)", e);
	if (!key)
		return tls_fail(file, "it has no private key in PEM form", e);
	if (SSL_CTX_use_PrivateKey(context->ctx.get(), key.get()) != 1 ||
	    SSL_CTX_check_private_key(context->ctx.get()) != 1) {
		const int reason = ERR_GET_REASON(ERR_peek_last_error());

		if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH ||
		    reason == SSL_R_NO_CERTIFICATE_ASSIGNED)
			return tls_fail(file, "the key does not belong to the certificate", e);
		return tls_fail_openssl(file, "OpenSSL does not take the key", e);
	}
	context->is_key_open = (file->mode & S_IROTH) != 0;

	/* Every worker comes to the same secret, and nobody else does: the kernel has given this process 16 random
	 * bytes. The key of the certificate is added, because glibc uses the same bytes to guard its stack. The key
	 * alone would not do: whoever steals it could then read connections that were recorded earlier. */
	unsigned char *der = nullptr;
	const int size = i2d_PrivateKey(key.get(), &der);
	std::string input(reinterpret_cast<const char *>(getauxval(AT_RANDOM)), tls_random_size);

	if (size > 0)
		input.append(reinterpret_cast<const char *>(der), static_cast<size_t>(size));
	const int failed = size <= 0 || tls_ticket_derive(input, "chatserverd secret of tickets",
	                                                  context->secret.data(), context->secret.size());

	OPENSSL_clear_free(der, size > 0 ? static_cast<size_t>(size) : 0);
	OPENSSL_cleanse(input.data(), input.size());
	return failed ? tls_fail_openssl(file, "the keys of tickets cannot be derived", e) : 0;
}

static int tls_set_up(SSL_CTX *ctx, const tls_conf *conf)
{
	static constexpr unsigned char name[] = "chatserverd";
	static constexpr long day_s = 86400;

	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                                       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
	                                       SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CLEANSE_PLAINTEXT);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_msg_callback(ctx, tls_stream_note_message);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_timeout(ctx, day_s);
	return SSL_CTX_set_min_proto_version(ctx, conf->minimum == TLS_MINIMUM_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) ==
	                               1 &&
	                       SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) == 1 &&
	                       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_ticket_key) == 1
	               ? 0
	               : CS_EINVAL;
}

int tls_context_make(const tls_conf *conf, tls_context_ptr *context_r, const char **key_r, struct cs_error *e)
{
	struct tls_file certificate {
		.key = "certificate", .path = conf->certificate
	};
	struct tls_file own_key {
		.key = "key", .path = conf->key
	};
	struct tls_file *key = *conf->key != '\0' ? &own_key : &certificate;
	auto context = std::make_unique<tls_context>();

	ERR_clear_error();
	*key_r = certificate.key;
	context->ctx.reset(SSL_CTX_new(TLS_server_method()));
	if (!context->ctx || tls_set_up(context->ctx.get(), conf))
		return tls_fail_openssl(&certificate, "OpenSSL cannot be set up", e);
	if (tls_read(&certificate, e) || tls_use_chain(context.get(), &certificate, e))
		return CS_EINVAL;
	*key_r = key->key;
	if ((key == &own_key && tls_read(key, e)) || tls_use_key(context.get(), key, e))
		return CS_EINVAL;
	*context_r = std::move(context);
	return 0;
}
