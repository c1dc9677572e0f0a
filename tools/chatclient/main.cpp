/* SPDX-License-Identifier: MIT
 * Starts the client, with a terminal or a script. */
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <langinfo.h>
#include <signal.h>
#include <unistd.h>

#include <base/standard.h>

#include "client.h"
#include "completion.h"
#include "dialog.h"
#include "options.h"
#include "screen.h"
#include "script.h"
#include "state.h"
#include "tls.h"
#include "tokens.h"

using event_config_ptr = std::unique_ptr<event_config, function_deleter<event_config_free>>;

/* A stream that was freed stays until the loop has turned once more: its last callback is due. */
struct last_turn {
	event_base *base = nullptr;

	~last_turn()
	{
		if (base)
			(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
};

/* The parts of the client. Each needs those before it, so they are freed in reverse order. */
struct program {
	options opts;
	event_base_ptr base;
	last_turn turn; /* behind all events, which are below */
	screen sc;
	script sr;
	client cl;
	dialog dg;
};

static void chatclient_program_on_line(void *arg, std::string_view line)
{
	dialog_take_line(&static_cast<program *>(arg)->dg, line);
}

static void chatclient_program_on_typed(void *arg, std::string_view line)
{
	dialog_typed(&static_cast<program *>(arg)->dg, line);
}

static bool chatclient_program_on_pasted(void *arg, std::string_view lines)
{
	return dialog_take_paste(&static_cast<program *>(arg)->dg, lines);
}

static screen_choice chatclient_program_on_complete(void *arg, std::string_view before)
{
	return completion_find(&static_cast<program *>(arg)->cl.ro, before);
}

static void chatclient_program_on_page_up(void *arg)
{
	client *const cl = &static_cast<program *>(arg)->cl;

	if (cl->tk.with.id > 0)
		client_command(cl, command_read("/older"), 0);
	client_turn(cl);
}

static void chatclient_program_on_interrupted(void *arg)
{
	dialog_interrupt(&static_cast<program *>(arg)->dg);
}

static void chatclient_program_on_end(void *arg)
{
	dialog_end(&static_cast<program *>(arg)->dg);
}

static void chatclient_program_on_session_changed(void *arg)
{
	program *const pg = static_cast<program *>(arg);

	if (!pg->cl.vw.plain)
		dialog_session_changed(&pg->dg);
}

static void chatclient_program_on_registered(void *arg, bool done, bool needs_invite)
{
	program *const pg = static_cast<program *>(arg);

	if (!pg->cl.vw.plain)
		dialog_registered(&pg->dg, done, needs_invite);
}

static void chatclient_program_on_ready(void *arg)
{
	program *const pg = static_cast<program *>(arg);

	if (pg->cl.vw.plain)
		script_ready(&pg->sr);
	else
		dialog_refresh(&pg->dg);
}

/* Frames are always UTF-8, so the terminal must be UTF-8 too, whatever the locale says. */
static void chatclient_program_set_locale(void)
{
	(void)setlocale(LC_ALL, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* Not epoll: it cannot watch a file, and standard input may be one. */
static event_base *chatclient_program_make_base(void)
{
	const event_config_ptr config(event_config_new());

	if (!config || event_config_require_features(config.get(), EV_FEATURE_FDS) != 0)
		return nullptr;
	return event_base_new_with_config(config.get());
}

static void chatclient_program_choose_view(program *pg)
{
	const char *const no_colour = getenv("NO_COLOR");
	const char *const terminal = getenv("TERM");
	view *const vw = &pg->cl.vw;

	vw->plain = pg->opts.plain || isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0;
	vw->colour = !vw->plain && (!no_colour || no_colour[0] == '\0') && terminal != nullptr &&
	             strcmp(terminal, "dumb") != 0;
	vw->ring = vw->plain ? nullptr : screen_ring;
	vw->print = vw->plain ? script_print : screen_print;
	vw->arg = vw->plain ? static_cast<void *>(&pg->sr) : static_cast<void *>(&pg->sc);
}

static int chatclient_program_open(program *pg)
{
	static const client_calls client_table = {chatclient_program_on_session_changed,
	                                          chatclient_program_on_registered, chatclient_program_on_ready};
	static const screen_calls screen_table = {
		.line = chatclient_program_on_line,
		.typed = chatclient_program_on_typed,
		.pasted = chatclient_program_on_pasted,
		.complete = chatclient_program_on_complete,
		.page_up = chatclient_program_on_page_up,
		.interrupted = chatclient_program_on_interrupted,
		.end = chatclient_program_on_end,
	};

	pg->base.reset(chatclient_program_make_base());
	pg->turn.base = pg->base.get();
	if (!pg->base || client_open(&pg->cl, &pg->opts, pg->base.get(), &client_table, pg) != 0)
		return -1;
	if (pg->cl.vw.plain)
		return script_open(&pg->sr, pg->base.get(), &pg->cl);
	pg->cl.device = state_device(&pg->cl.device_file);
	if (screen_open(&pg->sc, pg->base.get(), &screen_table, pg) != 0)
		return -1;
	pg->sc.colour = pg->cl.vw.colour;
	pg->cl.shows_unsent = pg->sc.erases;
	dialog_open(&pg->dg, &pg->cl, &pg->sc);
	return 0;
}

/* For scripts that read only standard error. */
static void chatclient_program_explain(const program *pg, status exit_status)
{
	const char *const host = pg->opts.to.host.c_str(), *const port = pg->opts.to.port.c_str();

	if (exit_status == STATUS_UNACKNOWLEDGED)
		(void)fprintf(stderr, "chatclient: %s port %s: not everything was acknowledged\n", host, port);
	else if (exit_status == STATUS_DISCONNECTED)
		(void)fprintf(stderr, "chatclient: %s port %s: no connection: %s\n", host, port,
		              pg->cl.lost_reason.c_str());
}

/* So that a mistake in --ca is told at once. */
static bool chatclient_program_trust(program *pg)
{
	std::string problem;

	pg->cl.cn.context = tls_make_context(pg->opts.ca, &problem);
	if (!pg->cl.cn.context)
		(void)fprintf(stderr, "chatclient: %s\n", problem.c_str());
	return pg->cl.cn.context != nullptr;
}

static int chatclient_program_forget(const options *opts)
{
	const int gone = tokens_forget(address_key(opts->to));

	if (gone < 0) {
		(void)fputs("chatclient: the kept logins cannot be changed\n", stderr);
		return STATUS_STREAM;
	}
	(void)printf("forgotten: %d\n", gone);
	return standard_flush("chatclient") == 0 ? STATUS_OK : STATUS_STREAM;
}

int main(int argc, char **argv)
{
	program pg;

	standard_open();
	const int result = options_read(argc, argv, &pg.opts);
	if (result < 0)
		return STATUS_USAGE;
	if (result > 0)
		return standard_flush("chatclient") == 0 ? STATUS_OK : STATUS_STREAM;
	if (pg.opts.forget)
		return chatclient_program_forget(&pg.opts);
	if (pg.opts.to.tls && !chatclient_program_trust(&pg))
		return STATUS_USAGE;
	chatclient_program_set_locale();
	(void)signal(SIGPIPE, SIG_IGN);
	chatclient_program_choose_view(&pg);
	if (chatclient_program_open(&pg) != 0) {
		(void)fputs("chatclient: cannot be set up: out of memory or no usable terminal\n", stderr);
		return STATUS_DISCONNECTED;
	}
	(void)event_base_dispatch(pg.base.get());
	const status exit_status = client_status(&pg.cl);
	client_close(&pg.cl);
	screen_close(&pg.sc);
	chatclient_program_explain(&pg, exit_status);
	return exit_status;
}
