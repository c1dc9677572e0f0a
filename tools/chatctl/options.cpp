/* SPDX-License-Identifier: MIT
 * The command line of chatctl. */
#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <getopt.h>
#include <unistd.h>

#include "verbs.h"

static const char chatctl_default_socket[] = "/run/chatserverd/control";
static constexpr int64_t chatctl_most_timeout_s = 3600;

static const char chatctl_usage[] = "usage: chatctl [-s SOCKET] [-t SECONDS] [--json] VERB ...\n"
				    "       chatctl -V | -h\n"
				    "\n"
				    "  -s, --socket SOCKET    that of core.control; else $CHATCTL_SOCKET, else\n"
				    "                         /run/chatserverd/control\n"
				    "  -t, --timeout SECONDS  wait so long for each answer, usually 10\n"
				    "      --json             print one JSON document instead of tables\n"
				    "  -V, --version          print the version, exit\n"
				    "  -h, --help             print this, exit\n";

static constexpr struct option chatctl_long_options[] = {
	{"socket", required_argument, nullptr, 's'}, {"timeout", required_argument, nullptr, 't'},
	{"json", no_argument, nullptr, 'J'},         {"version", no_argument, nullptr, 'V'},
	{"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0},
};

static int chatctl_misuse(void)
{
	(void)fprintf(stderr, "try chatctl -h\n");
	return -1;
}

static bool chatctl_read_timeout(const char *text, int64_t *seconds_r)
{
	char *end = nullptr;
	const long value = strtol(text, &end, 10);

	if (*end || end == text || value < 1 || value > chatctl_most_timeout_s) {
		(void)fprintf(stderr, "chatctl: -t takes 1 to 3600 seconds, not \"%s\"\n", text);
		return false;
	}
	*seconds_r = value;
	return true;
}

static bool chatctl_may_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && (!no_colour || !*no_colour) && terminal && strcmp(terminal, "dumb") != 0;
}

static int chatctl_print_help(void)
{
	(void)fputs(chatctl_usage, stdout);
	chatctl_print_verbs();
	(void)fputs("\nACCOUNT, GROUP and BOT are a number or a name. TIME is 30s, 10m, 12h or 7d.\n", stdout);
	return 1;
}

int chatctl_read_options(int argc, char **argv, struct chatctl_options *options_r)
{
	const char *socket = getenv("CHATCTL_SOCKET");
	int option;

	options_r->socket = socket && *socket ? socket : chatctl_default_socket;
	options_r->colour = chatctl_may_colour();
	/* "+": options end at the verb, so that a notice may contain what looks like one. */
	while ((option = getopt_long(argc, argv, "+s:t:Vh", chatctl_long_options, nullptr)) != -1) {
		options_r->is_for_server = true; /* the options that are not end it */
		switch (option) {
		case 's': options_r->socket = optarg; break;
		case 't':
			if (!chatctl_read_timeout(optarg, &options_r->timeout_s))
				return chatctl_misuse();
			break;
		case 'J': options_r->json = true; break;
		case 'V': (void)fputs("chatctl " CS_VERSION "\n", stdout); return 1;
		case 'h': return chatctl_print_help();
		default: return chatctl_misuse();
		}
	}
	options_r->words.assign(argv + optind, argv + argc);
	if (!options_r->words.empty())
		return 0;
	(void)fprintf(stderr, "chatctl: say what to do, chatctl status for example\n");
	return chatctl_misuse();
}
