/* SPDX-License-Identifier: MIT
 * The command line of the load generator, and the limits of a run. */
#include "options.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <getopt.h>

#include "config.h"

static const char options_usage[] =
	"usage: chatbench [-chrV] [-a ACCOUNTS] [-b BYTES] [-g MEMBERS] [-p PID]... [-s SENDERS]\n"
	"                 [-t SECONDS] [-w WINDOW] HOST PORT [HOST PORT]...\n";

static const char options_help[] =
	"  -a, --accounts ACCOUNTS  log in so many accounts; those that are not needed stay idle\n"
	"  -b, --bytes BYTES        of text in a message (64)\n"
	"  -c, --cid                give each message a cid\n"
	"  -g, --group MEMBERS      each sender talks to a group of so many others (to one account)\n"
	"  -h, --help               show this and leave\n"
	"  -p, --pid PID            measure the CPU time of this process, too, of the server\n"
	"  -r, --remote             allow a server that is not on this machine\n"
	"  -s, --senders SENDERS    accounts that send (8)\n"
	"  -t, --time SECONDS       how long they send (10)\n"
	"  -V, --version            show the version and leave\n"
	"  -w, --window WINDOW      messages of a sender that wait for their acknowledgement (8)\n";

static const option options_long[] = {
	{"accounts", required_argument, nullptr, 'a'},
	{"bytes", required_argument, nullptr, 'b'},
	{"cid", no_argument, nullptr, 'c'},
	{"group", required_argument, nullptr, 'g'},
	{"help", no_argument, nullptr, 'h'},
	{"pid", required_argument, nullptr, 'p'},
	{"remote", no_argument, nullptr, 'r'},
	{"senders", required_argument, nullptr, 's'},
	{"time", required_argument, nullptr, 't'},
	{"version", no_argument, nullptr, 'V'},
	{"window", required_argument, nullptr, 'w'},
	{nullptr, 0, nullptr, 0},
};

/* An option with a number: its limits, and where it is stored. */
struct options_number {
	char letter;
	int64_t least;
	int64_t most;
	int64_t options::*value;
};

static const options_number options_numbers[] = {
	{'a', 2, 20000, &options::accounts}, {'b', 24, 16384, &options::size}, {'g', 1, 1000, &options::group},
	{'s', 1, 10000, &options::senders},  {'t', 1, 600, &options::seconds}, {'w', 1, 1000, &options::window},
};

static int options_parse(int letter, const char *text, int64_t least, int64_t most, int64_t *value_r)
{
	const char *const end = text + strlen(text);
	const std::from_chars_result result = std::from_chars(text, end, *value_r);

	if (result.ec == std::errc() && result.ptr == end && *value_r >= least && *value_r <= most)
		return 0;
	(void)fprintf(stderr, "chatbench: -%c takes a number from %lld to %lld\n", letter,
	              static_cast<long long>(least), static_cast<long long>(most));
	return -1;
}

static int options_read_number(int letter, const char *text, options *options_r)
{
	int64_t value = 0;

	for (const options_number &row : options_numbers) {
		if (row.letter != letter)
			continue;
		if (options_parse(letter, text, row.least, row.most, &value) != 0)
			return -1;
		options_r->*row.value = value;
		return 0;
	}
	(void)fputs(options_usage, stderr);
	return -1;
}

static int options_read_pid(const char *text, options *options_r)
{
	int64_t pid = 0;

	if (options_parse('p', text, 1, 4194304, &pid) != 0)
		return -1;
	options_r->pids.push_back(pid);
	return 0;
}

static int chatbench_options_read_one(int letter, options *options_r)
{
	switch (letter) {
	case 'c': options_r->cid = true; return 0;
	case 'p': return options_read_pid(optarg, options_r);
	case 'r': options_r->remote = true; return 0;
	case 'h': (void)printf("%s%s", options_usage, options_help); return 1;
	case 'V': (void)printf("chatbench %s\n", PACKAGE_VERSION); return 1;
	default: return options_read_number(letter, optarg, options_r);
	}
}

static bool options_is_port(const char *text)
{
	const char *const end = text + strlen(text);
	uint16_t port = 0;
	const std::from_chars_result result = std::from_chars(text, end, port);

	return result.ec == std::errc() && result.ptr == end && port > 0;
}

static int options_read_addresses(int argc, char **argv, options *options_r)
{
	if (argc == 0 || argc % 2 != 0) {
		(void)fprintf(stderr, "chatbench: HOST and PORT are needed\n%s", options_usage);
		return -1;
	}
	for (int i = 0; i < argc; i += 2) {
		if (!options_is_port(argv[i + 1])) {
			(void)fprintf(stderr, "chatbench: PORT is a number from 1 to 65535\n%s", options_usage);
			return -1;
		}
		options_r->addresses.push_back({argv[i], argv[i + 1]});
	}
	return 0;
}

static int options_count_accounts(options *options_r)
{
	const int64_t others = options_r->group > 0 ? options_r->group : 1;
	const int64_t needed = options_r->senders * (1 + others);

	if (options_r->accounts == 0)
		options_r->accounts = needed;
	if (options_r->accounts >= needed && needed <= 20000)
		return 0;
	(void)fprintf(stderr, "chatbench: these senders and receivers are %lld accounts\n",
	              static_cast<long long>(needed));
	return -1;
}

int chatbench_options_read(int argc, char **argv, options *options_r)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "a:b:cg:hp:rs:t:Vw:", options_long, nullptr)) != -1) {
		const int result = chatbench_options_read_one(letter, options_r);
		if (result != 0)
			return result;
	}
	if (options_read_addresses(argc - optind, argv + optind, options_r) != 0)
		return -1;
	return options_count_accounts(options_r);
}
