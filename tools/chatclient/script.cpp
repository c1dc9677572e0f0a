/* SPDX-License-Identifier: MIT
 * Standard input and output without a terminal: commands in, plain lines out. A command waits for the one before it if
 * it depends on it. */
#include "script.h"

#include <cerrno>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <base/standard.h>

#include "text.h"

/* bytes. The client reads no further ahead than this. */
static const size_t script_input_limit = size_t{1} << 20;

/* Writes all bytes. 0, or an errno. Standard output may be non-blocking, if another process that shares it made it
 * so. */
static int script_write(std::string_view bytes)
{
	pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};

	while (!bytes.empty()) {
		const ssize_t done = write(STDOUT_FILENO, bytes.data(), bytes.size());
		if (done > 0)
			bytes.remove_prefix(static_cast<size_t>(done));
		else if (done < 0 && errno == EAGAIN)
			(void)poll(&output, 1, -1);
		else if (done < 0 && errno != EINTR)
			return errno;
	}
	return 0;
}

/* If a line cannot be written, the client stops: nobody would see the results. */
void script_print(void *arg, std::string_view line)
{
	script *const sr = static_cast<script *>(arg);
	const int error = sr->unseen ? 0 : script_write(std::string(line) + "\n");

	if (error == 0)
		return;
	sr->unseen = true;
	sr->cl->stream_failed = true;
	standard_complain("chatclient", "output", error);
	(void)event_base_loopbreak(sr->cl->base);
}

static void script_end(script *sr)
{
	if (sr->done)
		return;
	sr->done = true;
	(void)event_del(sr->readable.get());
	client_finish(sr->cl, sr->cl->opts->patience);
}

/* A script without requests at least asks whether the server can be reached. */
static void script_end_of_input(script *sr)
{
	sr->cl->connection_is_owed = !sr->cl->stream_failed;
	script_end(sr);
}

static void script_begin_wait(script *sr, const command &cm)
{
	const timeval wait = {static_cast<time_t>(cm.id), 0};

	sr->waits = true;
	sr->wait_count = cm.count;
	(void)event_add(sr->waited.get(), &wait);
}

static void script_end_wait(script *sr)
{
	const uint64_t news = sr->cl->received - sr->taken;

	if (sr->wait_count > news)
		sr->cl->unexpected = true;
	sr->taken += sr->wait_count > 0 && sr->wait_count < news ? sr->wait_count : news;
	sr->waits = false;
	(void)event_del(sr->waited.get());
}

static void script_on_waited(evutil_socket_t, short, void *arg)
{
	script *const sr = static_cast<script *>(arg);

	script_end_wait(sr);
	script_ready(sr);
}

static void script_run(script *sr, std::string_view line)
{
	const command cm = command_read(text_without_mark(line));

	sr->line_number++;
	if (cm.verb != COMMAND_BLANK)
		client_wake(sr->cl);
	switch (cm.verb) {
	case COMMAND_BLANK: break;
	case COMMAND_HELP: view_text(&sr->cl->vw, command_help(cm.text)); break;
	case COMMAND_QUIT: script_end_of_input(sr); break;
	case COMMAND_WAIT: script_begin_wait(sr, cm); break;
	default: client_command(sr->cl, cm, sr->line_number); client_turn(sr->cl);
	}
}

/* Cuts off the next line, if there is one. The last line may have no line end. */
static bool script_cut(script *sr, std::string *line_r)
{
	const size_t end = sr->input.find('\n');

	if (end == std::string::npos && (!sr->input_ended || sr->input.empty()))
		return false;
	*line_r = sr->input.substr(0, end);
	sr->input.erase(0, end == std::string::npos ? end : end + 1);
	return true;
}

void script_ready(script *sr)
{
	std::string line;

	if (sr->running || sr->done)
		return;
	sr->running = true;
	if (sr->waits && sr->wait_count > 0 && sr->cl->received - sr->taken >= sr->wait_count)
		script_end_wait(sr);
	while (!sr->done && !sr->waits && !client_is_busy(sr->cl) && script_cut(sr, &line))
		script_run(sr, line);
	if (sr->input_ended && sr->input.empty() && !sr->waits && !client_is_busy(sr->cl))
		script_end_of_input(sr);
	if (!sr->done && !sr->input_ended && sr->input.size() < script_input_limit)
		(void)event_add(sr->readable.get(), nullptr);
	sr->running = false;
}

/* Reading failed. The lines that were read before are still run. */
static void script_lose_input(script *sr, int error)
{
	sr->input_ended = true;
	sr->cl->stream_failed = true;
	standard_complain("chatclient", "input", error);
}

static void script_on_readable(evutil_socket_t fd, short, void *arg)
{
	script *const sr = static_cast<script *>(arg);
	char bytes[16384];
	const ssize_t got = read(fd, bytes, sizeof bytes);

	if (got > 0)
		sr->input.append(bytes, static_cast<size_t>(got));
	else if (got == 0)
		sr->input_ended = true;
	else if (errno != EINTR && errno != EAGAIN)
		script_lose_input(sr, errno);
	script_ready(sr);
}

static void script_on_signal(evutil_socket_t, short, void *arg)
{
	script *const sr = static_cast<script *>(arg);

	if (sr->done)
		(void)event_base_loopbreak(sr->cl->base);
	script_end(sr);
}

int script_open(script *sr, event_base *base, client *cl)
{
	sr->cl = cl;
	sr->readable.reset(event_new(base, STDIN_FILENO, EV_READ, script_on_readable, sr));
	sr->waited.reset(event_new(base, -1, 0, script_on_waited, sr));
	sr->interrupted.reset(evsignal_new(base, SIGINT, script_on_signal, sr));
	sr->terminated.reset(evsignal_new(base, SIGTERM, script_on_signal, sr));
	if (!sr->waited)
		return -1;
	for (const event_ptr *ev : {&sr->readable, &sr->interrupted, &sr->terminated})
		if (!*ev || event_add(ev->get(), nullptr) != 0)
			return -1;
	return 0;
}
