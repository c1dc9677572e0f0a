/* SPDX-License-Identifier: MIT
 * The command line of chatclient. */
#include "options.h"

#include <cstdio>
#include <getopt.h>

#include "config.h"
#include "state.h"
#include "text.h"

static const char options_usage[] = "usage: chatclient [-hpV] [-t SECONDS] [HOST PORT]\n";

static const char options_help[] =
	"  HOST PORT              the server; without them the one of the last time\n"
	"  -h, --help             show this and leave\n"
	"  -p, --plain            plain lines, as for scripts, even on a terminal\n"
	"  -t, --timeout SECONDS  where input is no terminal: give up after so long without an\n"
	"                         acknowledgement (30)\n"
	"  -V, --version          show the version and leave\n";

static const option options_long[] = {
	{"help", no_argument, nullptr, 'h'},
	{"plain", no_argument, nullptr, 'p'},
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

static int options_read_one(int letter, options *options_r)
{
	switch (letter) {
	case 'h': (void)printf("%s%s", options_usage, options_help); return 1;
	case 'V': (void)printf("chatclient %s\n", PACKAGE_VERSION); return 1;
	case 'p': options_r->plain = true; return 0;
	case 't': return options_read_timeout(optarg, options_r);
	default: (void)fputs(options_usage, stderr); return -1;
	}
}

int options_read(int argc, char **argv, options *options_r)
{
	uint64_t port = 0;
	int letter;

	while ((letter = getopt_long(argc, argv, "hpt:V", options_long, nullptr)) != -1) {
		const int result = options_read_one(letter, options_r);
		if (result != 0)
			return result;
	}
	const state_last last = argc == optind ? state_read() : state_last();
	if (argc - optind != 2 && last.host.empty())
		return options_mistake("HOST and PORT are needed");
	options_r->host = argc == optind ? last.host : argv[optind];
	options_r->port = argc == optind ? last.port : argv[optind + 1];
	if (!text_to_id(options_r->port, &port) || port > 65535)
		return options_mistake("PORT is a number from 1 to 65535");
	return 0;
}
