/* SPDX-License-Identifier: MIT
 * The instance and the options of the plugin, for its own files. */
#ifndef WEBSOCKET_WEBSOCKET_H
#define WEBSOCKET_WEBSOCKET_H

#include <cstdint>
#include <memory>

#include <chatserverd/transport.h>

#include "codec.h"
#include "http.h"
#include "page.h"

struct websocket_conf {
	const char *listen;
	int tls;
	const char *root;
	const char *origins;
	int64_t ping; /* ms */
};

/* An instance. */
struct websocket {
	const cs_host *host = nullptr;
	cs_self *self = nullptr;
	const websocket_conf *conf = nullptr; /* owned by the server */
	page files;
	std::unique_ptr<page> next_files; /* from a reload that was not committed yet */
	int64_t tell_origin_ms = 0; /* from then on a refused origin is logged again; any page can cause one */
	/* Of the one call that runs, so that a connection needs none of its own. */
	char reply[http_answer_most];
};

extern const struct cs_framing websocket_framing;

#endif
