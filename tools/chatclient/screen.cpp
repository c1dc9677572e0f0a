/* SPDX-License-Identifier: MIT
 * The terminal: editing a line with history, and printing above it. */
#include "screen.h"

#include <cstdio>
#include <cstring>
#include <cwchar>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

static const int screen_history = 500;

static size_t screen_columns(void)
{
	winsize size = {};

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static char *screen_on_prompt(EditLine *el)
{
	void *data = nullptr;

	(void)el_get(el, EL_CLIENTDATA, &data);
	return static_cast<screen *>(data)->prompt.data();
}

static void screen_set_echo(screen *sc, bool on)
{
	termios changed = sc->terminal;

	if (!on)
		changed.c_lflag &= ~static_cast<tcflag_t>(ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &changed);
}

/* Lets the terminal mark what is pasted. */
static void screen_mark_pastes(const screen *sc, bool on)
{
	if (sc->erases)
		(void)fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
}

/* One row for each line, so that one knows where the prompt is. */
static void screen_draw_status(screen *sc)
{
	if (!sc->erases)
		return;
	for (const std::string &line : sc->status) {
		const std::string shown(text_cut(line, screen_columns() - 1));
		(void)fprintf(stdout, sc->colour ? "\033[2m%s\033[0m\n" : "%s\n", shown.c_str());
	}
	sc->status_rows = sc->status.size();
}

void screen_pause(screen *sc)
{
	if (sc->mode == SCREEN_EDITING) {
		(void)el_set(sc->el.get(), EL_UNBUFFERED, 0);
		screen_mark_pastes(sc, false);
		(void)fflush(stdout);
	}
	if (sc->mode == SCREEN_SECRET)
		screen_set_echo(sc, true);
	sc->mode = SCREEN_PAUSED;
}

/* Removes the edited line from the screen; the cursor is then where its prompt began. If the terminal cannot erase, the
 * line stays and new text begins below it. */
void screen_clear_line(screen *sc)
{
	if (!sc->erases) {
		(void)fputc('\n', stdout);
		return;
	}
	const LineInfo *const line = el_line(sc->el.get());
	const std::string_view before(line->buffer, static_cast<size_t>(line->cursor - line->buffer));
	const std::string shown = sc->prompt + std::string(sc->mode == SCREEN_EDITING ? before : std::string_view());
	const size_t rows = text_rows(shown, screen_columns()) + std::exchange(sc->status_rows, 0);

	if (rows > 0)
		(void)printf("\033[%zuA", rows);
	(void)fputs("\r\033[J", stdout);
}

static void screen_draw_line(screen *sc)
{
	if (sc->mode != SCREEN_PAUSED)
		screen_draw_status(sc);
	if (sc->mode == SCREEN_SECRET)
		(void)fputs(sc->prompt.c_str(), stdout);
	(void)fflush(stdout);
	if (sc->mode == SCREEN_EDITING)
		(void)el_set(sc->el.get(), EL_REFRESH);
}

void screen_resume(screen *sc)
{
	if (sc->closed)
		return;
	if (sc->secret) {
		sc->mode = SCREEN_SECRET;
		screen_set_echo(sc, false);
		screen_draw_line(sc);
		return;
	}
	sc->mode = SCREEN_EDITING;
	(void)el_set(sc->el.get(), EL_UNBUFFERED, 1);
	screen_mark_pastes(sc, true);
	(void)fflush(stdout);
	/* Only now: what is typed before the editor has the terminal would be shown between these lines. */
	if (!sc->status.empty() && sc->erases) {
		screen_clear_line(sc);
		screen_draw_line(sc);
	}
}

void screen_print(void *arg, std::string_view line)
{
	screen *const sc = static_cast<screen *>(arg);

	if (sc->mode != SCREEN_PAUSED)
		screen_clear_line(sc);
	(void)fwrite(line.data(), 1, line.size(), stdout);
	(void)fputc('\n', stdout);
	screen_draw_line(sc);
	sc->entered_rows = 0;
}

void screen_set_prompt(screen *sc, std::string_view prompt, bool secret)
{
	if (sc->mode != SCREEN_PAUSED)
		screen_clear_line(sc);
	sc->prompt = prompt;
	if (sc->mode == SCREEN_PAUSED || secret == sc->secret) {
		sc->secret = secret;
		screen_draw_line(sc);
		return;
	}
	(void)fflush(stdout);
	screen_pause(sc);
	sc->secret = secret;
	screen_resume(sc);
}

void screen_set_status(screen *sc, const std::vector<std::string> &lines)
{
	if (sc->status == lines)
		return;
	if (sc->mode != SCREEN_PAUSED && sc->erases)
		screen_clear_line(sc);
	sc->status = lines;
	if (sc->mode != SCREEN_PAUSED && sc->erases)
		screen_draw_line(sc);
}

void screen_ring(void *arg)
{
	const screen *const sc = static_cast<const screen *>(arg);

	if (!sc->erases)
		return;
	(void)fputc('\a', stdout);
	(void)fflush(stdout);
}

void screen_erase_entered(screen *sc)
{
	if (sc->mode == SCREEN_PAUSED && sc->entered_rows > 0 && sc->erases)
		(void)printf("\033[%zuA\r\033[J", sc->entered_rows);
	sc->entered_rows = 0;
}

void screen_remember(screen *sc, std::string_view line)
{
	HistEvent happened;

	(void)history(sc->hist.get(), &happened, H_ENTER, std::string(line).c_str());
}

/* The line was entered: what is shown for the time being is no longer above it. */
static void screen_drop_status(screen *sc, const std::string &entered)
{
	const size_t rows = sc->entered_rows + std::exchange(sc->status_rows, 0);

	if (rows > sc->entered_rows)
		(void)printf("\033[%zuA\r\033[J%s%s\n", rows, sc->prompt.c_str(), sc->secret ? "" : entered.c_str());
}

void screen_take_line(screen *sc, std::string_view line)
{
	const std::string entered(line);

	screen_pause(sc);
	sc->entered_rows = text_rows(sc->prompt + (sc->secret ? "" : entered), screen_columns()) + 1;
	screen_drop_status(sc, entered);
	sc->calls->line(sc->arg, entered);
	sc->entered_rows = 0;
	screen_resume(sc);
}

/* Text that was typed before a question came arrives in one piece: several lines, or a part of one. */
static void screen_take_ahead(screen *sc)
{
	while (!sc->ahead.empty() && !sc->closed) {
		if (sc->mode == SCREEN_EDITING) {
			screen_edit(sc);
			continue;
		}
		const size_t end = sc->ahead.find('\n');
		if (end == std::string::npos)
			return;
		std::string line = sc->ahead.substr(0, end);
		explicit_bzero(sc->ahead.data(), end);
		sc->ahead.erase(0, end + 1);
		(void)fputc('\n', stdout);
		screen_take_line(sc, line);
		explicit_bzero(line.data(), line.size());
	}
}

/* Reads a secret line. Here the terminal itself does the editing. */
static void screen_read_secret(screen *sc)
{
	char bytes[1024];
	const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);

	if (got <= 0) {
		sc->calls->end(sc->arg);
		return;
	}
	sc->ahead.append(bytes, static_cast<size_t>(got));
	explicit_bzero(bytes, sizeof bytes);
	screen_take_ahead(sc);
}

static void screen_on_readable(evutil_socket_t, short, void *arg)
{
	screen *const sc = static_cast<screen *>(arg);

	if (sc->mode == SCREEN_SECRET) {
		screen_read_secret(sc);
		return;
	}
	screen_edit(sc);
	screen_take_ahead(sc);
}

static void screen_on_resized(evutil_socket_t, short, void *arg)
{
	screen *const sc = static_cast<screen *>(arg);

	el_resize(sc->el.get());
	if (sc->mode == SCREEN_EDITING && sc->erases) {
		if (sc->status_rows > 0)
			(void)printf("\033[%zuA", sc->status_rows);
		(void)fputs("\r\033[J", stdout);
		screen_draw_line(sc);
	}
}

/* Begins a new line with the text that was typed before. */
static void screen_type(screen *sc, const std::string &typed)
{
	if (sc->mode == SCREEN_EDITING && el_insertstr(sc->el.get(), typed.c_str()) == 0)
		(void)el_set(sc->el.get(), EL_REFRESH);
}

/* ^Z: the shell gets the terminal with its old settings. When the client continues, it shows the line again. */
static void screen_on_stopped(evutil_socket_t, short, void *arg)
{
	screen *const sc = static_cast<screen *>(arg);
	const bool was_active = sc->mode != SCREEN_PAUSED;
	const std::string typed = screen_typed_line(sc);

	screen_pause(sc);
	sc->status_rows = 0;
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	(void)raise(SIGSTOP);
	if (was_active)
		screen_resume(sc);
	screen_type(sc, typed);
}

/* ^C drops the line, as in a shell. */
static void screen_on_interrupted(evutil_socket_t, short, void *arg)
{
	screen *const sc = static_cast<screen *>(arg);

	if (sc->mode != SCREEN_EDITING || screen_typed_line(sc).empty()) {
		sc->calls->interrupted(sc->arg);
		return;
	}
	screen_clear_line(sc);
	(void)fflush(stdout);
	screen_pause(sc);
	screen_resume(sc);
}

static void screen_on_terminated(evutil_socket_t, short, void *arg)
{
	screen *const sc = static_cast<screen *>(arg);

	sc->calls->end(sc->arg);
}

static int screen_open_editor(screen *sc)
{
	HistEvent happened;
	char erase_below[] = "cd", *sequence = nullptr;

	sc->hist.reset(history_init());
	sc->el.reset(el_init("chatclient", stdin, stdout, stderr));
	if (!sc->hist || !sc->el)
		return -1;
	(void)history(sc->hist.get(), &happened, H_SETSIZE, screen_history);
	(void)history(sc->hist.get(), &happened, H_SETUNIQUE, 1);
	(void)el_set(sc->el.get(), EL_CLIENTDATA, sc);
	(void)el_set(sc->el.get(), EL_PROMPT, screen_on_prompt);
	(void)el_set(sc->el.get(), EL_EDITOR, "emacs");
	(void)el_set(sc->el.get(), EL_HIST, history, sc->hist.get());
	screen_bind_keys(sc);
	(void)el_source(sc->el.get(), nullptr);
	sc->erases =
		el_get(sc->el.get(), EL_GETTC, erase_below, &sequence) == 0 && sequence != nullptr && *sequence != '\0';
	return 0;
}

int screen_open(screen *sc, event_base *base, const screen_calls *calls, void *arg)
{
	sc->calls = calls;
	sc->arg = arg;
	if (tcgetattr(STDIN_FILENO, &sc->terminal) != 0 || screen_open_editor(sc) != 0)
		return -1;
	sc->readable.reset(event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, screen_on_readable, sc));
	sc->resized.reset(evsignal_new(base, SIGWINCH, screen_on_resized, sc));
	sc->stopped.reset(evsignal_new(base, SIGTSTP, screen_on_stopped, sc));
	sc->interrupted.reset(evsignal_new(base, SIGINT, screen_on_interrupted, sc));
	sc->terminated.reset(evsignal_new(base, SIGTERM, screen_on_terminated, sc));
	for (const event_ptr *ev : {&sc->readable, &sc->resized, &sc->stopped, &sc->interrupted, &sc->terminated})
		if (!*ev || event_add(ev->get(), nullptr) != 0)
			return -1;
	screen_resume(sc);
	return 0;
}

void screen_close(screen *sc)
{
	if (!sc->el || sc->closed)
		return;
	sc->closed = true;
	if (sc->mode != SCREEN_PAUSED && sc->status_rows > 0)
		screen_clear_line(sc);
	else if (sc->mode != SCREEN_PAUSED)
		(void)fputc('\n', stdout);
	screen_pause(sc);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &sc->terminal);
}
