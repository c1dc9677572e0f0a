/* SPDX-License-Identifier: MIT
 * What a connection of the bench has between its socket and its frames: nothing, TLS, WebSocket, or both. */
#ifndef CHATBENCH_WIRE_H
#define CHATBENCH_WIRE_H

#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

struct wire;

struct wire_deleter {
	void operator()(wire *w) const;
};

using wire_ptr = std::unique_ptr<wire, wire_deleter>;

/* Of all connections of a run. */
struct wire_kind {
	bool tls = false; /* the certificate is not verified: the server is one's own */
	bool websocket = false;
	struct wire_tls_context *context = nullptr;
};

struct wire_kind_deleter {
	void operator()(wire_kind *kind) const;
};

using wire_kind_ptr = std::unique_ptr<wire_kind, wire_kind_deleter>;

/* nullptr: this program was built without TLS, or OpenSSL fails. */
[[nodiscard]] wire_kind_ptr wire_kind_make(bool tls, bool websocket);

/* Does both handshakes on a connected socket, which blocks meanwhile; then the socket does not block any more. nullptr:
 * the server does not take part. Not for a kind that has neither. */
[[nodiscard]] wire_ptr wire_open(const wire_kind *kind, int fd);
/* As recv(2) of frames with LF behind each; EAGAIN in errno: nothing is there. Appends to input. The number of bytes
 * that were appended may be 0 although the connection is open. -1: see errno; 0 and *end_r: the end. */
ssize_t wire_receive(wire *w, std::string *input, bool *end_r);
/* Sends frames with LF behind each, whole, as far as the kernel takes them. Takes them from output. 0, or -1 and errno:
 * EAGAIN: call again, with the output that is left or more, when the socket is writable. */
int wire_send(wire *w, std::string *output);

#endif
