/* SPDX-License-Identifier: MIT
 * Starts the load generator: checks where it may connect, and sets the exit status. */
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include <base/standard.h>

#include "load.h"
#include "options.h"

using addrinfo_ptr = std::unique_ptr<addrinfo, function_deleter<freeaddrinfo>>;

enum status { STATUS_OK = 0, STATUS_INCOMPLETE = 1, STATUS_USAGE = 2, STATUS_SPOILT = 3 };

static bool chatbench_main_is_loopback(const sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(reinterpret_cast<const sockaddr_in *>(address)->sin_addr.s_addr) >> 24 == 127;
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
}

/* The first address that accepts a connection. A name can have addresses on which nobody listens. */
static const addrinfo *chatbench_main_choose(const addrinfo *found)
{
	for (; found; found = found->ai_next) {
		const unique_fd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
		if (fd.fd != -1 && connect(fd.fd, found->ai_addr, found->ai_addrlen) == 0)
			return found;
	}
	return nullptr;
}

static status chatbench_main_resolve(const options *opts, const options_address *address, load *ld)
{
	const addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	addrinfo *found = nullptr;
	const int result = getaddrinfo(address->host, address->port, &wanted, &found);
	const addrinfo_ptr owner(found);

	if (result != 0) {
		(void)fprintf(stderr, "chatbench: %s port %s: %s\n", address->host, address->port,
		              result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
		return STATUS_USAGE;
	}
	if (!opts->remote && !chatbench_main_is_loopback(found->ai_addr)) {
		(void)fprintf(stderr, "chatbench: %s is not this machine; --remote allows it\n", address->host);
		return STATUS_USAGE;
	}
	const addrinfo *const chosen = chatbench_main_choose(found);
	if (!chosen) {
		(void)fprintf(stderr, "chatbench: %s port %s: %s\n", address->host, address->port, strerror(errno));
		return STATUS_SPOILT;
	}
	load_address *const to = &ld->addresses.emplace_back();
	memcpy(&to->address, chosen->ai_addr, chosen->ai_addrlen);
	to->size = chosen->ai_addrlen;
	return STATUS_OK;
}

static status chatbench_main_prepare(const options *opts, load *ld)
{
	for (const options_address &address : opts->addresses) {
		const status result = chatbench_main_resolve(opts, &address, ld);
		if (result != STATUS_OK)
			return result;
	}
	for (const int64_t pid : opts->pids) {
		if (measure_cpu(pid) >= 0)
			continue;
		(void)fprintf(stderr, "chatbench: there is no process %lld\n", static_cast<long long>(pid));
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static void chatbench_main_raise_file_limit(void)
{
	rlimit limit = {};

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static status chatbench_main_run(const options *opts)
{
	const event_base_ptr base(event_base_new());
	load ld;

	ld.opts = opts;
	ld.base = base.get();
	if (!ld.base)
		return STATUS_SPOILT;
	const status result = chatbench_main_prepare(opts, &ld);
	if (result != STATUS_OK)
		return result;
	chatbench_main_raise_file_limit();
	if (load_run(&ld) != 0)
		return STATUS_SPOILT;
	measure_report(&ld.result);
	const bool complete = ld.result.acknowledged == ld.result.sent && ld.result.delivered >= ld.result.expected;
	return complete ? STATUS_OK : STATUS_INCOMPLETE;
}

int main(int argc, char **argv)
{
	options opts;

	standard_open();
	(void)signal(SIGPIPE, SIG_IGN);
	const int result = chatbench_options_read(argc, argv, &opts);
	if (result < 0)
		return STATUS_USAGE;
	const status exit_status = result > 0 ? STATUS_OK : chatbench_main_run(&opts);
	return standard_flush("chatbench") == 0 ? exit_status : STATUS_SPOILT;
}
