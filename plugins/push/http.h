/* SPDX-License-Identifier: MIT
 * POST requests, made by one thread with libcurl, and their answers, brought to the worker. */
#ifndef PUSH_HTTP_H
#define PUSH_HTTP_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../shared/field.h"
#include "address.h"

/* Bytes of an answer that are kept; there may be more. */
inline constexpr size_t http_answer_most = 65536;

/* What holds for all requests. Constant after it was given to http_set. */
struct http_rules {
	/* Besides public addresses: of URLs that an operator gave, and of those that a client gave. */
	std::vector<address_block> allowed, allowed_away;
	std::string certificates; /* a file with those of the authorities; empty: those of the system */
	int64_t timeout = 0; /* ms, for the whole of a request */
	size_t parallel = 0; /* requests under way; the others wait */
};

enum http_end {
	HTTP_ANSWERED, /* the answer came whole, or is longer than http_answer_most */
	HTTP_FAILED, /* no connection, no valid certificate, no valid or no whole answer */
	HTTP_TIMED_OUT,
	HTTP_REFUSED /* the address is private and not listed: nothing was connected */
};

/* A request and its answer. */
struct http_post {
	std::string url;
	std::vector<std::string> headers; /* "Name: value" */
	std::string body;
	bool is_of_client = false; /* a client gave the URL */

	http_end end = HTTP_FAILED;
	int status = 0; /* of HTTP_ANSWERED */
	int64_t retry_after = -1; /* ms; -1: the answer does not say */
	std::string answer; /* its body */
	bool is_long = false; /* the body is longer than http_answer_most, and answer is empty */
	/* Unless HTTP_ANSWERED: an address of the receiver was tried, and was silent, refused or ended the connection.
	 * It may be the way to it. */
	bool is_silent = false;
	bool is_private =
		false; /* the address that was tried or answered is one that only a list of http_rules allows */
	std::string why; /* unless HTTP_ANSWERED: a text for the log, without the URL */
};

using http_post_ptr = std::unique_ptr<http_post>;

/* Called on the worker, once for each request, unless http_stop came first. state is the instance's; tag is that of
 * http_send. */
typedef void http_done_fn(void *state, http_post_ptr post, uint64_t tag);

struct http;

/* Whether an http or https URL with a host, of at most `most` bytes. Any thread. */
[[nodiscard]] bool http_url_is_good(std::string_view url, size_t most);
/* scheme://host:port of a good URL, for the log: it holds no secret. Any thread. */
[[nodiscard]] std::string http_url_origin(const std::string &url);

/* Whether the host of a good URL is an address, not a name, that is neither public nor allowed. Any thread. */
[[nodiscard]] bool http_url_is_refused(const std::string &url, const std::vector<address_block> &allowed);

/* Starts the thread. The context's host is used there for `post` only. NULL: it cannot be started; the text in e. */
[[nodiscard]] http *http_start(const plugin_context &context, http_rules rules, cs_error *e);
/* For requests that begin from now on. Worker. */
void http_set(http *h, http_rules rules);
/* done is called later, never inside this call. Worker. */
void http_send(http *h, http_post_ptr post, http_done_fn *done, uint64_t tag);
/* Ends the thread and all requests, whose done is not called. To be called in `stop` of the plugin. NULL: nothing.
 * Worker. */
void http_stop(http *h);

#endif
