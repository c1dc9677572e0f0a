/* SPDX-License-Identifier: MIT
 * Reads the fields of a LOGIN. */
#ifndef LOGIN_REQUEST_H
#define LOGIN_REQUEST_H

#include <cstdint>
#include <string_view>

#include "login.h"

/* `want`, an array of texts, as bits in the order of want_words(). */
struct login_want {
	bool is_there = false;
	uint64_t mask = 0;
};

/* What a LOGIN asks for. */
struct login_request {
	int64_t id = 0; /* 0: the request has a name */
	std::string_view name, device;
	std::string_view password, token; /* one of them */
	int acknowledges = 0, rosters = 1, remembers = 0;
	login_want want;
};

/* The texts of *r lie in the frame. 0, or CS_REJECT after the request was refused. */
[[nodiscard]] int request_read(const plugin_context &c, const cs_frame *frame, login_request *r);

#endif
