/* SPDX-License-Identifier: MIT
 * One hiredis connection on the loop of the bus: finding the address of the host, connecting, reading, writing, ending.
 *
 * hiredis calls `cleanup` for every connection that ends, for whatever reason. So the end is noticed there. */
#include "bus_redis.h"

#include <cstring>
#include <memory>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>

/* ---- hiredis asks for events */

static void rbus_apply(struct rbus_link *link)
{
	if (link->held || !link->watch)
		return;
	if (link->reading == link->wants_read && link->writing == link->wants_write)
		return;
	link->reading = link->wants_read;
	link->writing = link->wants_write;
	link->bus->host->interest(link->watch, link->reading, link->writing);
}

static void rbus_add_read(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_read = true;
	rbus_apply(link);
}

static void rbus_del_read(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_read = false;
	rbus_apply(link);
}

static void rbus_add_write(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_write = true;
	rbus_apply(link);
}

static void rbus_del_write(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_write = false;
	rbus_apply(link);
}

/* hiredis closes the descriptor right after this. */
static void rbus_cleanup(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);
	const redisAsyncContext *context = std::exchange(link->context, nullptr);
	const std::string why = context->err ? context->errstr : "the connection ended";
	/* hiredis reports so an error reply that belongs to no callback, for example that to SUBSCRIBE. */
	const bool refused = context->err == REDIS_ERR_OTHER;

	link->bus->host->unwatch(std::exchange(link->watch, nullptr));
	if (!link->closing)
		rbus_link_ended(link, refused, why.c_str());
}

/* ---- the loop reports events */

/* Not inside a callback of hiredis: a failed write ends the connection at once. */
static void rbus_write_now(struct rbus_link *link)
{
	if (link->context && !link->closing && link->wants_write)
		redisAsyncHandleWrite(link->context);
}

static void rbus_ready(void *arg, int readable, int writable)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->held = true;
	if (writable)
		rbus_write_now(link);
	if (readable && link->context && !link->closing)
		redisAsyncHandleRead(link->context);
	rbus_write_now(link);
	link->held = false;
	rbus_apply(link);
}

void rbus_link_flush(struct rbus_link *link)
{
	const bool in_callback = link->context && link->context->c.flags & REDIS_IN_CALLBACK;

	if (link->held || in_callback || !(link->context && link->context->c.flags & REDIS_CONNECTED))
		return;
	link->held = true;
	rbus_write_now(link);
	link->held = false;
	rbus_apply(link);
}

/* ---- beginning and ending */

static int rbus_attach(struct rbus_link *link, redisAsyncContext *context, std::string *why_r)
{
	link->watch = link->bus->host->watch(link->bus->core, context->c.fd, rbus_ready, link);
	if (!link->watch) {
		*why_r = "the connection cannot be watched";
		redisAsyncFree(context);
		return CS_EINVAL;
	}
	(void)fcntl(context->c.fd, F_SETFD, FD_CLOEXEC);
	link->context = context;
	link->closing = link->reading = link->writing = link->wants_read = link->wants_write = false;
	context->ev.data = link;
	context->ev.addRead = rbus_add_read;
	context->ev.delRead = rbus_del_read;
	context->ev.addWrite = rbus_add_write;
	context->ev.delWrite = rbus_del_write;
	context->ev.cleanup = rbus_cleanup;
	return 0;
}

int rbus_link_open(struct rbus_link *link, const rbus_conf *conf, const char *address, std::string *why_r)
{
	redisAsyncContext *context = *conf->socket ? redisAsyncConnectUnix(conf->socket)
	                                           : redisAsyncConnect(address, static_cast<int>(conf->port));

	if (!context) {
		*why_r = "out of memory";
		return CS_EINVAL;
	}
	if (context->err) {
		*why_r = context->errstr;
		redisAsyncFree(context);
		return CS_EINVAL;
	}
	return rbus_attach(link, context, why_r);
}

void rbus_link_close(struct rbus_link *link)
{
	if (!link->context || link->closing)
		return;
	link->closing = true;
	redisAsyncFree(link->context);
}

/* ---- commands */

void rbus_command_add(struct rbus_command *command, std::string_view argument)
{
	command->bytes.append("$").append(std::to_string(argument.size())).append("\r\n");
	command->bytes.append(argument).append("\r\n");
	command->count++;
}

void rbus_command_add_number(struct rbus_command *command, uint64_t number)
{
	rbus_command_add(command, std::to_string(number));
}

std::string rbus_command_text(const struct rbus_command *command)
{
	return "*" + std::to_string(command->count) + "\r\n" + command->bytes;
}

/* ---- the address of the host. The C library looks it up in its own thread; a timer asks whether it has finished */

static constexpr int64_t rbus_resolve_interval = 20; /* ms */

struct rbus_lookup {
	std::string name;
	struct addrinfo hints {};
	struct gaicb request {};
};

/* A look-up that cannot be cancelled goes on writing into this memory, so the memory is never freed. */
void rbus_lookup_free::operator()(struct rbus_lookup *lookup) const
{
	if (gai_cancel(&lookup->request) == EAI_NOTCANCELED)
		return;
	if (lookup->request.ar_result)
		freeaddrinfo(lookup->request.ar_result);
	std::default_delete<struct rbus_lookup>()(lookup);
}

static bool rbus_is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* A name may have several addresses. Each try uses the next one. */
static std::string rbus_choose(const struct rbus *b, const struct addrinfo *first)
{
	char text[NI_MAXHOST] = "";
	unsigned count = 0;

	for (const struct addrinfo *at = first; at; at = at->ai_next)
		count++;
	for (unsigned skip = count ? b->tries % count : 0; skip > 0; skip--)
		first = first->ai_next;
	if (count)
		(void)getnameinfo(first->ai_addr, first->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
	return text;
}

static void rbus_poll(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);
	const int result = gai_error(&b->lookup->request);

	b->lookup_timer = nullptr;
	if (result == EAI_INPROGRESS) {
		b->lookup_timer = b->host->timer_add(b->core, rbus_resolve_interval, rbus_poll, b);
		return;
	}
	const std::string address = result ? std::string() : rbus_choose(b, b->lookup->request.ar_result);

	b->lookup.reset();
	if (address.empty())
		rbus_drop(b, (std::string("the name cannot be resolved: ") + gai_strerror(result)).c_str());
	else
		rbus_resolved(b, address.c_str());
}

static int rbus_begin(struct rbus *b)
{
	b->lookup.reset(std::make_unique<struct rbus_lookup>().release());
	struct gaicb *request = &b->lookup->request;

	b->lookup->name = b->conf->host;
	b->lookup->hints.ai_socktype = SOCK_STREAM;
	request->ar_name = b->lookup->name.c_str();
	request->ar_request = &b->lookup->hints;
	return getaddrinfo_a(GAI_NOWAIT, &request, 1, nullptr);
}

/* If the look-up of the last try is still running, no second one is started. */
void rbus_resolve(struct rbus *b)
{
	b->tries++;
	if (*b->conf->socket || rbus_is_address(b->conf->host)) {
		rbus_resolved(b, b->conf->host);
		return;
	}
	if (!b->lookup && rbus_begin(b)) {
		b->lookup.reset();
		rbus_drop(b, "the name cannot be looked up");
		return;
	}
	b->lookup_timer = b->host->timer_add(b->core, 1, rbus_poll, b);
}
