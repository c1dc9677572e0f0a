/* SPDX-License-Identifier: MIT
 * Owns one hiredis connection on the server's loop: connecting, reading, writing, ending. It must not
 * know what is said on it.
 *
 * The one call that hiredis makes for every connection that ends, whatever the reason, is `cleanup`; so
 * that is where an end is noticed. */
#include "bus_redis.h"

#include <utility>

#include <fcntl.h>

/* ---- what hiredis wants of the loop */

static void apply(struct rbus_link *link)
{
	if (link->held || !link->watch)
		return;
	if (link->reading == link->wants_read && link->writing == link->wants_write)
		return;
	link->reading = link->wants_read;
	link->writing = link->wants_write;
	link->bus->host->interest(link->watch, link->reading, link->writing);
}

static void add_read(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_read = true;
	apply(link);
}

static void del_read(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_read = false;
	apply(link);
}

static void add_write(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_write = true;
	apply(link);
}

static void del_write(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->wants_write = false;
	apply(link);
}

/* The descriptor is closed right after this. */
static void cleanup(void *arg)
{
	auto *link = static_cast<struct rbus_link *>(arg);
	const redisAsyncContext *context = std::exchange(link->context, nullptr);
	const std::string why = context->err ? context->errstr : "the connection ended";
	/* hiredis's way to hand over an error reply that no callback takes, such as that to SUBSCRIBE. */
	const bool refused = context->err == REDIS_ERR_OTHER;

	link->bus->host->unwatch(std::exchange(link->watch, nullptr));
	if (!link->closing)
		rbus_link_ended(link, refused, why.c_str());
}

/* ---- what the loop tells */

/* Only outside hiredis's callbacks: a write that fails ends the connection at once. */
static void write_now(struct rbus_link *link)
{
	if (link->context && !link->closing && link->wants_write)
		redisAsyncHandleWrite(link->context);
}

static void ready(void *arg, int readable, int writable)
{
	auto *link = static_cast<struct rbus_link *>(arg);

	link->held = true;
	if (writable)
		write_now(link);
	if (readable && link->context && !link->closing)
		redisAsyncHandleRead(link->context);
	write_now(link);
	link->held = false;
	apply(link);
}

void rbus_link_flush(struct rbus_link *link)
{
	const bool in_callback = link->context && link->context->c.flags & REDIS_IN_CALLBACK;

	if (link->held || in_callback || !(link->context && link->context->c.flags & REDIS_CONNECTED))
		return;
	link->held = true;
	write_now(link);
	link->held = false;
	apply(link);
}

/* ---- beginning and ending */

static int attach(struct rbus_link *link, redisAsyncContext *context, std::string *why_r)
{
	link->watch = link->bus->host->watch(link->bus->core, context->c.fd, ready, link);
	if (!link->watch) {
		*why_r = "the connection cannot be watched";
		redisAsyncFree(context);
		return CS_EINVAL;
	}
	(void)fcntl(context->c.fd, F_SETFD, FD_CLOEXEC);
	link->context = context;
	link->closing = link->reading = link->writing = link->wants_read = link->wants_write = false;
	context->ev.data = link;
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = cleanup;
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
	return attach(link, context, why_r);
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
