/* SPDX-License-Identifier: MIT
 * TLS of a client by OpenSSL, on bytes in memory: it verifies the server's certificate. Also the two functions of
 * OpenSSL that WebSocket needs. A client that was built without OpenSSL has neither. */
#ifndef CHATCLIENT_TLS_H
#define CHATCLIENT_TLS_H

#include <memory>
#include <string>
#include <string_view>

#include <base/raii.h>

struct ssl_ctx_st;
struct ssl_st;

void tls_free_context(ssl_ctx_st *context);
void tls_free_session(ssl_st *session);
using tls_context_ptr = std::unique_ptr<ssl_ctx_st, function_deleter<tls_free_context>>;
using tls_session_ptr = std::unique_ptr<ssl_st, function_deleter<tls_free_session>>;

[[nodiscard]] bool tls_is_built(void);
/* What certificates are trusted: the system's, and those of the file, unless it is empty. nullptr: *problem_r says what
 * is wrong. */
[[nodiscard]] tls_context_ptr tls_make_context(const std::string &ca, std::string *problem_r);

struct tls {
	tls_session_ptr session;
	bool is_open = false; /* the handshake is done and the certificate is right */
};

/* Begins; the first bytes are added to *out. false: out of memory. */
[[nodiscard]] bool tls_begin(tls *tl, ssl_ctx_st *context, const std::string &host, std::string *out);
/* Bytes of the server. What they hold is added to *plain, what must be sent to *out. false: *problem_r says in a
 * sentence what is wrong, and *final_r whether another attempt is useless. */
[[nodiscard]] bool tls_take(tls *tl, std::string_view bytes, std::string *plain, std::string *out,
                            std::string *problem_r, bool *final_r);
/* Only when it is open. */
[[nodiscard]] bool tls_write(tls *tl, std::string_view plain, std::string *out);
/* Tells the server that nothing follows. */
void tls_end(tls *tl, std::string *out);

[[nodiscard]] std::string tls_base64(std::string_view bytes);
[[nodiscard]] std::string tls_sha1(std::string_view bytes);

#endif
