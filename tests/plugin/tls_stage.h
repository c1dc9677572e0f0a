/* SPDX-License-Identifier: MIT
 * A stage for tests of tls_openssl: instances on the fake host, and a client by OpenSSL whose bytes the test moves.
 *
 * Server and client have the two ends of a socket pair. What the client encrypts waits in its memory until the test
 * moves it into the socket, as many bytes as it likes; the same in the other direction. */
#ifndef TESTS_PLUGIN_TLS_STAGE_H
#define TESTS_PLUGIN_TLS_STAGE_H

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include <chatserverd/transport.h>

#include "plugins/tls_openssl/context.h"
#include "tests/support/certificate.h"
#include "tests/support/fake_host.h"

/* The certificates of a test program; made once. */
struct tls_stage_files {
	std::string folder;
	test_certificate ec, rsa, other, old; /* old has expired */
};

struct tls_client {
	std::unique_ptr<SSL_CTX, tls_free<SSL_CTX_free>> ctx;
	std::unique_ptr<SSL, tls_free<SSL_free>> ssl;
	BIO *in = nullptr, *out = nullptr; /* the SSL's */
	int fd = -1;
	std::unique_ptr<SSL_SESSION, tls_free<SSL_SESSION_free>> session; /* of the newest ticket */
};

struct tls_stage {
	int64_t loaded_ms = static_cast<int64_t>(time(nullptr)) * 1000; /* the clock, when the plugin is loaded */
	fake_host_ptr host = fake_host_open();
	fake_self *self = nullptr;
	const struct cs_stream *stream = nullptr;
	tls_client client;
	struct cs_filter *filter = nullptr; /* of the connection */
	int fd = -1; /* the server's end */
	std::string received; /* what the server got */
	int64_t result = 0; /* of the call before, and */
	struct cs_stream_wait wait = {}; /* what it waits for */

	~tls_stage();
};

/* Group fixtures of CMocka: the state is a tls_stage_files. The fake host's clock begins now. */
int tls_stage_group_setup(void **state);
int tls_stage_group_teardown(void **state);

/* Loads the plugin with these files on that worker; key may be empty. */
fake_self *tls_stage_load(tls_stage *s, const std::string &certificate, const std::string &key, unsigned worker = 0);
/* An option struct for reload and check, whose texts are the caller's. */
tls_conf tls_stage_conf(const std::string &certificate, const std::string &key);

/* A connection with a client of these versions at most and at least (0: as OpenSSL likes), that trusts the file
 * (empty: everything). */
void tls_stage_connect(tls_stage *s, int version = 0, const std::string &trust = {});
/* The connection ends. */
void tls_stage_close(tls_stage *s);
/* Runs until the handshake is done on both sides; fails the test if that does not come about. */
void tls_stage_handshake(tls_stage *s);
/* Both, and the tickets have come. */
void tls_stage_open(tls_stage *s, int version = 0);

/* Moves bytes from the client's memory into the socket, or from the socket into its memory. Returns how many. */
size_t tls_client_flush(tls_client *c, size_t most = SIZE_MAX);
size_t tls_client_fetch(tls_client *c, size_t most = SIZE_MAX);
/* Encrypts; nothing is moved. */
void tls_client_write(tls_client *c, std::string_view bytes);
/* Fetches and decrypts all that is there. */
std::string tls_client_read(tls_client *c);

/* Calls receive until it has nothing more; what came is added to s->received. The last result. */
int64_t tls_stage_receive(tls_stage *s, size_t size = 16384);
/* One call. */
int64_t tls_stage_send(tls_stage *s, std::string_view bytes);

#endif
