/* SPDX-License-Identifier: MIT
 * main: reads the command line and starts the server. */
#include <cstdio>
#include <cstring>

#include <getopt.h>
#include <sys/prctl.h>

#include "config.h"
#include "core/base/log.h"
#include "core/server.h"
#include <base/standard.h>

enum action {
	ACTION_RUN,
	ACTION_CHECK,
	ACTION_DUMP_OPTIONS,
	ACTION_LIST_ROUTES,
	ACTION_RESTORE,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_MISUSE
};

static constexpr char main_usage[] =
	"usage: chatserverd [-c FILE] [-o SECTION.KEY=VALUE]... [-t | --dump-options | --list-routes |\n"
	"                   --restore COPY]\n"
	"       chatserverd -V | -h\n"
	"\n"
	"  -c, --config FILE   read FILE instead of " CS_SYSCONF_DIR "/chat.conf\n"
	"  -o SECTION.KEY=VALUE\n"
	"                      set an option, whatever the file says; may be repeated\n"
	"  -t, --test          check configuration and plugins, print what is in force, exit\n"
	"      --dump-options  print every option with type, default, range and help, exit\n"
	"      --list-routes   print which plugin handles which msgid, and whose hooks see it before, exit\n"
	"      --restore COPY  put the copy of a store in the place of the store, exit\n"
	"  -V, --version       print the version, exit\n"
	"  -h, --help          print this, exit\n"
	"\n"
	"It stays in the foreground and logs to standard error, unless core.log says otherwise. SIGTERM and\n"
	"SIGINT drain and stop it, SIGHUP reads the configuration again, SIGUSR1 opens log files again.\n";

static constexpr struct option main_long_options[] = {
	{"config", required_argument, nullptr, 'c'},  {"test", no_argument, nullptr, 't'},
	{"version", no_argument, nullptr, 'V'},       {"help", no_argument, nullptr, 'h'},
	{"dump-options", no_argument, nullptr, 'D'},  {"list-routes", no_argument, nullptr, 'R'},
	{"restore", required_argument, nullptr, 'S'}, {nullptr, 0, nullptr, 0},
};

enum action main_parse_arguments(int argc, char **argv, struct server_request *request)
{
	enum action action = ACTION_RUN;
	int option;

	while ((option = getopt_long(argc, argv, "c:o:tVh", main_long_options, nullptr)) != -1) {
		switch (option) {
		case 'c': request->conf_path = optarg; break;
		case 'o': request->overrides.emplace_back(optarg); break;
		case 't': action = ACTION_CHECK; break;
		case 'D': action = ACTION_DUMP_OPTIONS; break;
		case 'R': action = ACTION_LIST_ROUTES; break;
		case 'S':
			action = ACTION_RESTORE;
			request->restore_path = optarg;
			break;
		case 'V': return ACTION_VERSION;
		case 'h': return ACTION_HELP;
		default: return ACTION_MISUSE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "chatserverd: unexpected argument %s; give the file with -c\n", argv[optind]);
		return ACTION_MISUSE;
	}
	if (request->conf_path.empty() && action != ACTION_DUMP_OPTIONS)
		request->conf_path = CS_SYSCONF_DIR "/chat.conf";
	return action;
}

static int main_fail(const struct cs_error *e)
{
	(void)fprintf(stderr, "%s\n", e->text);
	return 1;
}

static int main_print(const std::string &text)
{
	(void)fwrite(text.data(), 1, text.size(), stdout);
	return standard_flush("chatserverd") == 0 ? 0 : 1;
}

static int main_dump_options(const struct server_request *request)
{
	std::string text;
	struct cs_error e {};

	if (server_dump_options(request, &text, &e) != 0)
		return main_fail(&e);
	return main_print(text);
}

/* The configuration is printed to standard output; warnings and "ok" go to standard error, so that the output is a
 * valid chat.conf. */
static int main_check(struct server *server)
{
	struct cs_error e {};

	if (server_check(server, &e) != 0)
		return main_fail(&e);
	for (const std::string &warning : server->warnings)
		(void)fprintf(stderr, "warning: %s\n", warning.c_str());
	if (main_print(server_print_conf(server)) != 0)
		return 1;
	(void)fputs("ok\n", stderr);
	return 0;
}

static int main_run(const struct server_request *request, enum action action)
{
	struct server server;
	struct cs_error e {};

	server.request = *request;
	if (server_configure(&server, &e) != 0)
		return main_fail(&e);
	if (action == ACTION_CHECK)
		return main_check(&server);
	if (action == ACTION_LIST_ROUTES)
		return main_print(server_list_routes(&server));
	if (action == ACTION_RESTORE)
		return server_restore(&server, &e) == 0 ? 0 : main_fail(&e);
	return server_run(&server);
}

int main(int argc, char **argv)
{
	struct server_request request;

	/* No core dump, whatever core_pattern says; core.core_dump allows it again. No other process of the same user
	 * can read the memory, either. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	standard_open();
	const enum action action = main_parse_arguments(argc, argv, &request);

	switch (action) {
	case ACTION_VERSION: return main_print(PACKAGE_STRING "\n");
	case ACTION_HELP: return main_print(main_usage);
	case ACTION_MISUSE: return fputs(main_usage, stderr), 1;
	case ACTION_DUMP_OPTIONS: return main_dump_options(&request);
	default: return main_run(&request, action);
	}
}
