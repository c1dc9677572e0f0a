/* SPDX-License-Identifier: MIT
 * The command line of the load generator, and the limits of a run. */
#include "options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <string>

#include "config.h"

static const int64_t options_most_accounts = 20000;
/* With --random each receiver remembers each sender. */
static const int64_t options_most_random = 2000;

static const char options_usage[] =
	"usage: chatbench [-CjrSV] [-a ACCOUNTS] [-b BYTES] [-f ID] [-g MEMBERS] [-l LIMIT] [-n COUNT]\n"
	"                 [-o FILE] [-p PID]... [-R RATE] [-s SENDERS] [-t SECONDS] [-w WINDOW] [--random] [--tls] [--ws]\n"
	"                 [--away | --history | --idle | --login [--token] | --register] HOST PORT [HOST PORT]...\n";

static const char options_help[] =
	"What is measured, if not messages to people who are there:\n"
	"      --away               the receivers leave, messages are sent, the receivers come back\n"
	"      --history            pages of the history of conversations that are made before\n"
	"      --idle               memory of accounts that are there and say nothing\n"
	"      --login              logins\n"
	"      --register           registrations\n"
	"How:\n"
	"  -a, --accounts ACCOUNTS  log in so many accounts; those that are not needed stay idle\n"
	"  -b, --bytes BYTES        of text in a message (64)\n"
	"  -C, --no-cid             give the messages no cid\n"
	"  -f, --from ID            the accounts exist: this id and those that follow, password chatbench\n"
	"  -g, --group MEMBERS      each sender talks to a group of so many others (to one account)\n"
	"  -h, --help               show this and leave\n"
	"  -j, --json               print the figures as JSON\n"
	"  -l, --limit LIMIT        messages of a page with --history (50)\n"
	"  -n, --count COUNT        each sender stops after so many messages\n"
	"  -o, --plot FILE          draw times and rates into this file, as SVG\n"
	"  -p, --pid PID            measure this process, too, of the server\n"
	"      --random             each message goes to any receiver\n"
	"  -R, --rate RATE          send so many messages a second, whether they are answered or not\n"
	"  -r, --remote             allow a server that is not on this machine\n"
	"  -S, --signal             send signals, which are not stored\n"
	"  -s, --senders SENDERS    accounts that send, log in or register (8)\n"
	"  -t, --time SECONDS       how long they do so (10)\n"
	"      --tls                over TLS; the certificate is not verified\n"
	"      --token              log in by token, not by password\n"
	"  -V, --version            show the version and leave\n"
	"  -w, --window WINDOW      messages of a sender that wait for their acknowledgement (8)\n"
	"      --ws                 by WebSocket; with --tls over TLS\n";

/* Options without a letter. */
enum options_long_only {
	OPTION_AWAY = 256,
	OPTION_HISTORY,
	OPTION_IDLE,
	OPTION_LOGIN,
	OPTION_RANDOM,
	OPTION_REGISTER,
	OPTION_TLS,
	OPTION_TOKEN,
	OPTION_WEBSOCKET
};

static const option options_long[] = {
	{"accounts", required_argument, nullptr, 'a'},
	{"away", no_argument, nullptr, OPTION_AWAY},
	{"bytes", required_argument, nullptr, 'b'},
	{"count", required_argument, nullptr, 'n'},
	{"from", required_argument, nullptr, 'f'},
	{"group", required_argument, nullptr, 'g'},
	{"help", no_argument, nullptr, 'h'},
	{"history", no_argument, nullptr, OPTION_HISTORY},
	{"idle", no_argument, nullptr, OPTION_IDLE},
	{"json", no_argument, nullptr, 'j'},
	{"limit", required_argument, nullptr, 'l'},
	{"login", no_argument, nullptr, OPTION_LOGIN},
	{"no-cid", no_argument, nullptr, 'C'},
	{"pid", required_argument, nullptr, 'p'},
	{"plot", required_argument, nullptr, 'o'},
	{"random", no_argument, nullptr, OPTION_RANDOM},
	{"rate", required_argument, nullptr, 'R'},
	{"register", no_argument, nullptr, OPTION_REGISTER},
	{"remote", no_argument, nullptr, 'r'},
	{"senders", required_argument, nullptr, 's'},
	{"signal", no_argument, nullptr, 'S'},
	{"time", required_argument, nullptr, 't'},
	{"tls", no_argument, nullptr, OPTION_TLS},
	{"token", no_argument, nullptr, OPTION_TOKEN},
	{"version", no_argument, nullptr, 'V'},
	{"window", required_argument, nullptr, 'w'},
	{"ws", no_argument, nullptr, OPTION_WEBSOCKET},
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
	{'a', 2, options_most_accounts, &options::accounts},
	{'b', 24, 16384, &options::size},
	{'f', 1, 1000000000000, &options::from},
	{'g', 1, 1000, &options::group},
	{'l', 1, 200, &options::limit},
	{'n', 1, 1000000000, &options::count},
	{'R', 1, 1000000, &options::rate},
	{'s', 1, 10000, &options::senders},
	{'t', 1, 600, &options::seconds},
	{'w', 1, 100000, &options::window},
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

static int options_read_subject(options_subject subject, options *options_r)
{
	if (options_r->subject != SUBJECT_MESSAGES && options_r->subject != subject) {
		(void)fputs("chatbench: --away, --history, --idle, --login and --register exclude each other\n",
		            stderr);
		return -1;
	}
	options_r->subject = subject;
	return 0;
}

static int chatbench_options_read_one(int letter, options *options_r)
{
	switch (letter) {
	case OPTION_AWAY: return options_read_subject(SUBJECT_AWAY, options_r);
	case OPTION_HISTORY: return options_read_subject(SUBJECT_HISTORY, options_r);
	case OPTION_IDLE: return options_read_subject(SUBJECT_IDLE, options_r);
	case OPTION_LOGIN: return options_read_subject(SUBJECT_LOGINS, options_r);
	case OPTION_REGISTER: return options_read_subject(SUBJECT_REGISTRATIONS, options_r);
	case OPTION_RANDOM: options_r->random = true; return 0;
	case OPTION_TLS: options_r->tls = true; return 0;
	case OPTION_TOKEN: options_r->token = true; return 0;
	case OPTION_WEBSOCKET: options_r->websocket = true; return 0;
	case 'C': options_r->cid = false; return 0;
	case 'j': options_r->json = true; return 0;
	case 'o': options_r->plot = optarg; return 0;
	case 'p': return options_read_pid(optarg, options_r);
	case 'r': options_r->remote = true; return 0;
	case 'S': options_r->signal = true; return 0;
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

static const char *options_find_contradiction(const options *opts)
{
	if (opts->subject == SUBJECT_AWAY && opts->signal)
		return "signals are not kept for those who are --away";
	if (opts->token && opts->subject != SUBJECT_LOGINS)
		return "--token needs --login";
	if (opts->random && opts->group > 0)
		return "--random and --group exclude each other";
	if (opts->random && opts->senders > options_most_random)
		return "--random allows 2000 senders";
	return nullptr;
}

/* The letters of options that would change nothing; * stands for --random. */
static const char *options_without_effect(const options *opts)
{
	switch (opts->subject) {
	case SUBJECT_HISTORY: return "aCfgRS*";
	case SUBJECT_IDLE: return "bCglnoRSsw*";
	case SUBJECT_LOGINS: return "abCglRSw*";
	case SUBJECT_REGISTRATIONS: return "abCfglRSw*";
	default: break;
	}
	if (opts->rate > 0)
		return opts->signal ? "lwC" : "lw";
	return opts->signal ? "lC" : "l";
}

static int options_refuse_without_effect(const options *opts, const std::string &given)
{
	const size_t at = given.find_first_of(options_without_effect(opts));

	if (at == std::string::npos)
		return 0;
	if (given[at] == '*')
		(void)fputs("chatbench: --random has no effect with these options\n", stderr);
	else
		(void)fprintf(stderr, "chatbench: -%c has no effect with these options\n", given[at]);
	return -1;
}

/* The accounts that the run needs. */
static int64_t options_needed(const options *opts)
{
	switch (opts->subject) {
	case SUBJECT_IDLE: return 2;
	case SUBJECT_LOGINS:
	case SUBJECT_REGISTRATIONS: return opts->senders;
	default: return opts->senders * (1 + (opts->group > 0 ? opts->group : 1));
	}
}

static int options_count_accounts(options *options_r)
{
	const int64_t needed = options_needed(options_r);

	if (options_r->accounts == 0)
		options_r->accounts = options_r->subject == SUBJECT_IDLE ? 1000 : needed;
	if (options_r->accounts >= needed && needed <= options_most_accounts)
		return 0;
	(void)fprintf(stderr, "chatbench: these senders and receivers are %lld accounts; only %lld are allowed\n",
	              static_cast<long long>(needed),
	              static_cast<long long>(std::min(options_r->accounts, options_most_accounts)));
	return -1;
}

int chatbench_options_read(int argc, char **argv, options *options_r)
{
	std::string given;
	int letter;

	while ((letter = getopt_long(argc, argv, "a:b:Cf:g:hjl:n:o:p:R:rSs:t:Vw:", options_long, nullptr)) != -1) {
		const int result = chatbench_options_read_one(letter, options_r);
		if (result != 0)
			return result;
		given += letter == OPTION_RANDOM ? '*' : letter < 256 ? static_cast<char>(letter) : ' ';
	}
	if (options_read_addresses(argc - optind, argv + optind, options_r) != 0)
		return -1;
	const char *const contradiction = options_find_contradiction(options_r);
	if (contradiction) {
		(void)fprintf(stderr, "chatbench: %s\n", contradiction);
		return -1;
	}
	if (options_refuse_without_effect(options_r, given) != 0)
		return -1;
	return options_count_accounts(options_r);
}
