/* SPDX-License-Identifier: MIT
 * A receiver of POST requests for tests: a small HTTP server in threads of the test, which does what it is told. */
#ifndef TESTS_SUPPORT_RECEIVER_H
#define TESTS_SUPPORT_RECEIVER_H

#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/certificate.h"

struct receiver;

/* What it does with a request once it has read it. */
enum receiver_act {
	RECEIVER_ANSWERS,
	RECEIVER_HOLDS, /* answers when receiver_release is called, or when the receiver is freed closes */
	RECEIVER_DRIPS, /* a 200, and then a byte of its body each 50 ms */
	RECEIVER_CUTS, /* a 200 that promises more than it sends, and closes */
	RECEIVER_CLOSES, /* no answer at all */
	RECEIVER_BABBLES /* bytes that are no HTTP */
};

struct receiver_answer {
	int status = 200;
	std::string body;
	std::string headers; /* further ones, each ended by \r\n */
	receiver_act act = RECEIVER_ANSWERS;
	int after = 0; /* ms that it waits before */
};

struct receiver_request {
	std::string method, path, body;
	std::map<std::string, std::string> headers; /* by name in lower case */
	int64_t at = 0; /* check_now() when it was read */
	int64_t answered = 0; /* the same, when its answer was written; 0: not yet */
};

/* Listens on a free port of that address. certificate: speaks TLS; NULL: plain. */
receiver *receiver_new(const char *address = "127.0.0.1", const test_certificate *certificate = nullptr);
void receiver_free(receiver *r);
/* http://ADDRESS:PORT or https://localhost:PORT, and the path. */
std::string receiver_url(const receiver *r, std::string_view path);
/* Stops listening and closes what is open; listens again on the same port. */
void receiver_down(receiver *r);
void receiver_up(receiver *r);
/* The answers to the next requests to this path; when they are used up, 200 without a body. "" is any path. */
void receiver_will(receiver *r, std::string_view path, const std::vector<receiver_answer> &answers);
/* Lets what is held be answered. */
void receiver_release(receiver *r);
/* How many requests to the path have come. */
size_t receiver_count(receiver *r, std::string_view path);
/* Waits until so many have come; all of them. */
std::vector<receiver_request> receiver_wait(receiver *r, std::string_view path, size_t count,
                                            std::source_location at = std::source_location::current());
/* Whether two requests to one path were ever under way at the same time. */
bool receiver_overlapped(receiver *r);
/* Whether a connection was opened, in all. */
size_t receiver_connections(receiver *r);

#endif
