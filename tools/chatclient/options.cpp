/* SPDX-License-Identifier: MIT
 * The command line of chatclient. */
#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <getopt.h>
#include <memory>

#include "config.h"
#include "state.h"
#include "text.h"
#include "tls.h"
#include <base/raii.h>

static const char options_usage[] = "usage: chatclient [-fhpsV] [-c FILE] [-i CODE] [-t SECONDS]\n"
				    "                  [HOST PORT | ws://HOST | wss://HOST]\n";

static const char options_help[] =
	"  HOST PORT              the server; without an address the one of the last time\n"
	"  ws://HOST[:PORT][/ws]  the server by WebSocket; wss:// by WebSocket over TLS\n"
	"  -c, --ca FILE          trust the certificates in FILE, too: a server's own, say\n"
	"  -f, --forget           forget the logins that are kept for the server, and leave\n"
	"  -h, --help             show this and leave\n"
	"  -i, --invite CODE      an invitation, where one is needed to register\n"
	"  -p, --plain            plain lines, as for scripts, even on a terminal\n"
	"  -s, --tls              HOST PORT speaks TLS\n"
	"  -t, --timeout SECONDS  where input is no terminal: give up after so long without an\n"
	"                         acknowledgement (30)\n"
	"  -V, --version          show the version and leave\n";

static const option options_long[] = {
	{"ca", required_argument, nullptr, 'c'},
	{"forget", no_argument, nullptr, 'f'},
	{"help", no_argument, nullptr, 'h'},
	{"invite", required_argument, nullptr, 'i'},
	{"plain", no_argument, nullptr, 'p'},
	{"tls", no_argument, nullptr, 's'},
	{"timeout", required_argument, nullptr, 't'},
	{"version", no_argument, nullptr, 'V'},
	{nullptr, 0, nullptr, 0},
};

static int options_mistake(const char *what)
{
	(void)fprintf(stderr, "chatclient: %s\n%s", what, options_usage);
	return -1;
}

static int options_read_timeout(const char *text, options *options_r)
{
	uint64_t seconds = 0;

	if (!text_to_id(text, &seconds) || seconds > 86400)
		return options_mistake("--timeout takes a number from 1 to 86400");
	options_r->patience = static_cast<int64_t>(seconds);
	return 0;
}

/* The whole path is kept for the next time, when the folder may be another. */
static int options_read_ca(const char *path, options *options_r)
{
	const std::unique_ptr<char, function_deleter<free>> whole(realpath(path, nullptr));

	options_r->ca = whole ? whole.get() : path;
	return 0;
}

static int options_read_one(int letter, options *options_r)
{
	switch (letter) {
	case 'h': (void)printf("%s%s", options_usage, options_help); return 1;
	case 'V': (void)printf("chatclient %s\n", PACKAGE_VERSION); return 1;
	case 'c': return options_read_ca(optarg, options_r);
	case 'f': options_r->forget = true; return 0;
	case 'i': options_r->invite = optarg; return 0;
	case 's': options_r->to.tls = true; return 0;
	case 'p': options_r->plain = true; return 0;
	case 't': return options_read_timeout(optarg, options_r);
	default: (void)fputs(options_usage, stderr); return -1;
	}
}

/* HOST PORT, an address in one word, or nothing: then the server of the last time. */
static const char *options_read_address(int count, char **words, options *options_r)
{
	const bool wants_tls = options_r->to.tls;
	uint64_t port = 0;

	if (count == 0) {
		const state_last last = state_read();
		options_r->to = last.to;
		if (options_r->ca.empty())
			options_r->ca = last.ca;
	} else if (count == 1 && address_is_url(words[0])) {
		if (const char *const problem = address_read_url(words[0], &options_r->to))
			return problem;
	} else if (count == 2) {
		options_r->to.host = words[0];
		options_r->to.port = words[1];
	}
	if (options_r->to.host.empty() || count > 2)
		return "HOST and PORT are needed, or an address that begins with ws:// or wss://";
	if (!text_to_id(options_r->to.port, &port) || port > 65535)
		return "PORT is a number from 1 to 65535";
	if (wants_tls && !options_r->to.tls)
		return "--tls is for HOST PORT; of the other addresses, those with wss:// are over TLS";
	if ((options_r->to.tls || !options_r->to.path.empty()) && !tls_is_built())
		return "this client was built without TLS and WebSocket";
	return nullptr;
}

int options_read(int argc, char **argv, options *options_r)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "c:fhi:pst:V", options_long, nullptr)) != -1) {
		const int result = options_read_one(letter, options_r);
		if (result != 0)
			return result;
	}
	const char *const problem = options_read_address(argc - optind, argv + optind, options_r);
	return problem ? options_mistake(problem) : 0;
}
