/* SPDX-License-Identifier: MIT
 * chatctl: looks at a running chatserverd and gives it orders. */
#include <clocale>
#include <cstdio>

#include <sys/prctl.h>

#include <base/standard.h>

#include "options.h"
#include "verbs.h"
#include "wire.h"

static constexpr int64_t chatctl_usual_timeout_s = 10;

static enum chatctl_status chatctl_finish(enum chatctl_status status)
{
	return standard_flush("chatctl") == 0 ? status : CHATCTL_REFUSED;
}

int main(int argc, char **argv)
{
	struct chatctl_options options;
	struct chatctl_wire wire;

	standard_open();
	/* It holds passwords: no core file, and no debugger but root's. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* Names are UTF-8, whatever the locale says. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	const int read = chatctl_read_options(argc, argv, &options);
	const int64_t timeout_s = options.timeout_s ? options.timeout_s : chatctl_usual_timeout_s;

	if (read > 0)
		return chatctl_finish(CHATCTL_DONE);
	if (read < 0 || !chatctl_check_words(&options))
		return CHATCTL_USAGE;
	if (chatctl_needs_server(&options) && !chatctl_connect(&wire, options.socket, timeout_s * 1000))
		return CHATCTL_UNREACHED;
	return chatctl_finish(chatctl_run(&options, &wire));
}
