/* SPDX-License-Identifier: MIT
 * Owns finding the address of the host's name without waiting for it: the C library does it in a thread
 * of its own, and is asked now and then whether it has ended. It must not know what the address is for. */
#include "bus_redis.h"

#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <netdb.h>

static constexpr int64_t POLL = 20; /* ms */

struct rbus_lookup {
	std::string name;
	struct addrinfo hints {};
	struct gaicb request {};
};

/* One that cannot be cancelled goes on to write here, so it is left to the end of the process. */
void rbus_lookup_free::operator()(struct rbus_lookup *lookup) const
{
	if (gai_cancel(&lookup->request) == EAI_NOTCANCELED)
		return;
	if (lookup->request.ar_result)
		freeaddrinfo(lookup->request.ar_result);
	std::default_delete<struct rbus_lookup>()(lookup);
}

static bool is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* A name may have several; each try takes the next one. */
static std::string choose(const struct rbus *b, const struct addrinfo *first)
{
	char text[NI_MAXHOST] = "";
	unsigned count = 0;

	for (const struct addrinfo *at = first; at; at = at->ai_next)
		count++;
	for (unsigned skip = count ? b->tries % count : 0; skip > 0; skip--)
		first = first->ai_next;
	if (count)
		(void)getnameinfo(first->ai_addr, first->ai_addrlen, text, sizeof(text), nullptr, 0,
		                  NI_NUMERICHOST);
	return text;
}

static void poll(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);
	const int result = gai_error(&b->lookup->request);

	b->lookup_timer = nullptr;
	if (result == EAI_INPROGRESS) {
		b->lookup_timer = b->host->timer_add(b->core, POLL, poll, b);
		return;
	}
	const std::string address = result ? std::string() : choose(b, b->lookup->request.ar_result);

	b->lookup.reset();
	if (address.empty())
		rbus_drop(b, (std::string("the name cannot be resolved: ") + gai_strerror(result)).c_str());
	else
		rbus_resolved(b, address.c_str());
}

static int begin(struct rbus *b)
{
	b->lookup.reset(std::make_unique<struct rbus_lookup>().release());
	struct gaicb *request = &b->lookup->request;

	b->lookup->name = b->conf->host;
	b->lookup->hints.ai_socktype = SOCK_STREAM;
	request->ar_name = b->lookup->name.c_str();
	request->ar_request = &b->lookup->hints;
	return getaddrinfo_a(GAI_NOWAIT, &request, 1, nullptr);
}

/* A look-up that outlasted the last try is not begun a second time. */
void rbus_resolve(struct rbus *b)
{
	b->tries++;
	if (*b->conf->socket || is_address(b->conf->host)) {
		rbus_resolved(b, b->conf->host);
		return;
	}
	if (!b->lookup && begin(b)) {
		b->lookup.reset();
		rbus_drop(b, "the name cannot be looked up");
		return;
	}
	b->lookup_timer = b->host->timer_add(b->core, 1, poll, b);
}
