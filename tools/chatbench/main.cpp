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

#include "history.h"
#include "idle.h"
#include "load.h"
#include "logins.h"

using addrinfo_ptr = std::unique_ptr<addrinfo, function_deleter<freeaddrinfo>>;
using event_config_ptr = std::unique_ptr<event_config, function_deleter<event_config_free>>;

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

static run_status chatbench_main_resolve(const options *opts, const options_address *address, run *r)
{
	const addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	addrinfo *found = nullptr;
	const int result = getaddrinfo(address->host, address->port, &wanted, &found);
	const addrinfo_ptr owner(found);

	if (result != 0) {
		(void)fprintf(stderr, "chatbench: %s port %s: %s\n", address->host, address->port,
		              result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
		return RUN_USAGE;
	}
	if (!opts->remote && !chatbench_main_is_loopback(found->ai_addr)) {
		(void)fprintf(stderr, "chatbench: %s is not this machine; --remote allows it\n", address->host);
		return RUN_USAGE;
	}
	const addrinfo *const chosen = chatbench_main_choose(found);
	if (!chosen) {
		(void)fprintf(stderr, "chatbench: %s port %s: %s\n", address->host, address->port, strerror(errno));
		return RUN_SPOILT;
	}
	run_address *const to = &r->addresses.emplace_back();
	memcpy(&to->address, chosen->ai_addr, chosen->ai_addrlen);
	to->size = chosen->ai_addrlen;
	return RUN_OK;
}

static run_status chatbench_main_prepare(const options *opts, run *r)
{
	for (const options_address &address : opts->addresses) {
		const run_status result = chatbench_main_resolve(opts, &address, r);
		if (result != RUN_OK)
			return result;
	}
	if (opts->tls || opts->websocket) {
		r->kind = wire_kind_make(opts->tls, opts->websocket);
		if (!r->kind) {
			(void)fputs("chatbench: this program has no TLS\n", stderr);
			return RUN_USAGE;
		}
	}
	for (const int64_t pid : opts->pids) {
		if (process_cpu(pid) >= 0)
			continue;
		(void)fprintf(stderr, "chatbench: there is no process %lld\n", static_cast<long long>(pid));
		return RUN_USAGE;
	}
	return RUN_OK;
}

static void chatbench_main_raise_file_limit(void)
{
	rlimit limit = {};

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Without this, libevent would wake up only in whole milliseconds. */
static event_base *chatbench_main_make_base(void)
{
	const event_config_ptr config(event_config_new());

	if (!config || event_config_set_flag(config.get(), EVENT_BASE_FLAG_PRECISE_TIMER) != 0)
		return nullptr;
	return event_base_new_with_config(config.get());
}

static void chatbench_main_measure(run *r)
{
	switch (r->opts->subject) {
	case SUBJECT_MESSAGES:
	case SUBJECT_AWAY: load_run(r); break;
	case SUBJECT_HISTORY: history_run(r); break;
	case SUBJECT_LOGINS:
	case SUBJECT_REGISTRATIONS: logins_run(r); break;
	case SUBJECT_IDLE: idle_run(r); break;
	}
}

static run_status chatbench_main_run(const options *opts)
{
	const event_base_ptr base(chatbench_main_make_base());
	run r;

	r.opts = opts;
	r.base = base.get();
	if (!r.base)
		return RUN_SPOILT;
	const run_status result = chatbench_main_prepare(opts, &r);
	if (result != RUN_OK)
		return result;
	chatbench_main_raise_file_limit();
	run_choose_name(&r);
	chatbench_main_measure(&r);
	if (r.status == RUN_SPOILT)
		return r.status;
	report_print(&r.figures, opts->json);
	if (opts->plot && plot_write(&r.drawing, opts->plot) != 0)
		run_fail(&r, RUN_SPOILT, "%s: %s", opts->plot, strerror(errno));
	return r.status;
}

int main(int argc, char **argv)
{
	options opts;

	standard_open();
	(void)signal(SIGPIPE, SIG_IGN);
	const int result = chatbench_options_read(argc, argv, &opts);
	if (result < 0)
		return RUN_USAGE;
	const run_status exit_status = result > 0 ? RUN_OK : chatbench_main_run(&opts);
	return standard_flush("chatbench") == 0 ? exit_status : RUN_SPOILT;
}
