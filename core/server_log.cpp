/* SPDX-License-Identifier: MIT
 * Opens the log and the audit log where the configuration says, and again when a signal asks for it. */
#include "core/server.h"

#include <csignal>

#include "core/base/log.h"

/* Where lines of a stream go, and by which option. */
struct server_place {
	enum log_stream stream;
	const char *key;
	const char *core_conf::*place;
};

static constexpr struct server_place server_places[] = {
	{LOG_LINES, "log", &core_conf::log},
	{LOG_AUDIT, "audit", &core_conf::audit},
};

using server_place_fn = int(enum log_stream stream, const char *place, struct cs_error *e);

/* Calls fn for each stream, and names the option of an error. */
static int server_with_places(const struct configuration *conf, server_place_fn *fn, struct cs_error *e)
{
	for (const struct server_place &p : server_places) {
		struct cs_error text {};

		if (fn(p.stream, server_core_conf(conf)->*p.place, &text) == 0)
			continue;
		error_set(e, "%s: core.%s: %s", conf_where(&conf->file, "core", p.key).c_str(), p.key, text.text);
		return CS_EINVAL;
	}
	return 0;
}

int server_check_places(const struct configuration *conf, struct cs_error *e)
{
	return server_with_places(conf, log_check_place, e);
}

int server_check_logs(const struct configuration *conf, struct cs_error *e)
{
	return server_with_places(conf, log_check_use, e);
}

int server_open_logs(const struct configuration *conf, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(conf);

	log_set_level(static_cast<enum cs_log_level>(core->log_level));
	log_set_form(static_cast<enum log_form>(core->log_format));
	return server_with_places(conf, log_open, e);
}

void server_on_log_signal(int number)
{
	if (number == SIGUSR1 && log_reopen()) {
		log_info("log files are opened again");
		return;
	}
	log_warning("signal ignored: SIGUSR1 opens log files again, if there are any; SIGHUP does, too, and reads the "
	            "configuration again signal=%s",
	            number == SIGUSR1   ? "SIGUSR1"
	            : number == SIGUSR2 ? "SIGUSR2"
	                                : "SIGALRM");
}
