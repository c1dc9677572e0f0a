/* SPDX-License-Identifier: MIT
 * The keys of the terminal: single ones, pastes of several lines, and completion. */
#include <algorithm>
#include <cwchar>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "screen.h"

/* ms. The most that the rest of a key's sequence may take after its ESC. */
static const int screen_escape_time = 50;
/* ms. The most that the rest of a paste may take. */
static const int screen_paste_time = 1000;
/* The key that stands for a paste. */
static const wchar_t screen_paste_key = L'\037';

static ssize_t screen_read_byte(screen *sc, char *byte_r)
{
	if (sc->ahead.empty())
		return read(STDIN_FILENO, byte_r, 1);
	*byte_r = sc->ahead[0];
	sc->ahead.erase(0, 1);
	return 1;
}

static bool screen_wait_byte(const screen *sc, int timeout)
{
	pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};

	return !sc->ahead.empty() || poll(&waiting, 1, timeout) == 1;
}

/* Whether the bytes after an ESC begin a paste. What was read for it and is something else, is read again. */
static bool screen_begins_paste(screen *sc)
{
	static const std::string_view mark = "[200~";
	std::string seen;
	char byte;

	while (seen.size() < mark.size() && screen_wait_byte(sc, screen_escape_time) &&
	       screen_read_byte(sc, &byte) == 1) {
		seen += byte;
		if (byte != mark[seen.size() - 1])
			break;
	}
	if (seen == mark)
		return true;
	sc->ahead.insert(0, seen);
	return false;
}

/* Each line end as one LF, also before an empty line; none at the beginning and the end. Other control characters would
 * be keys. */
static std::string screen_unify(const std::string &text)
{
	std::string lines;

	for (const char c : text) {
		const bool ends = c == '\r' || c == '\n', controls = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
		if (!ends || !lines.ends_with('\n'))
			lines += ends ? '\n' : controls ? ' ' : c;
	}
	while (lines.ends_with('\n'))
		lines.pop_back();
	return lines.starts_with('\n') ? lines.substr(1) : lines;
}

/* Reads the rest of a paste. */
static void screen_read_paste(screen *sc)
{
	static const std::string_view mark = "\033[201~";
	std::string text;
	char byte;

	while (!text.ends_with(mark) && screen_wait_byte(sc, screen_paste_time) && screen_read_byte(sc, &byte) == 1)
		text += byte;
	if (text.ends_with(mark))
		text.resize(text.size() - mark.size());
	sc->pasted = screen_unify(text);
}

/* Reads one character. After an ESC it waits only a short time, so that a single ESC does not block the whole client
 * until the next key. */
static int screen_on_character(EditLine *el, wchar_t *character_r)
{
	void *data = nullptr;
	mbstate_t state = {};
	char byte;

	(void)el_get(el, EL_CLIENTDATA, &data);
	screen *const sc = static_cast<screen *>(data);
	pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
	if (std::exchange(sc->escape_began, false) && sc->ahead.empty() && poll(&waiting, 1, screen_escape_time) == 0) {
		*character_r = L'\a';
		return 1;
	}
	for (;;) {
		const ssize_t got = screen_read_byte(sc, &byte);
		if (got != 1) {
			sc->input_ended = true;
			return static_cast<int>(got);
		}
		const size_t used = mbrtowc(character_r, &byte, 1, &state);
		if (used == static_cast<size_t>(-1))
			state = {};
		else if (used != static_cast<size_t>(-2))
			break;
	}
	if (*character_r == L'\033' && screen_begins_paste(sc)) {
		screen_read_paste(sc);
		*character_r = screen_paste_key;
		return 1;
	}
	sc->escape_began = *character_r == L'\033';
	return 1;
}

static screen *screen_of(EditLine *el)
{
	void *data = nullptr;

	(void)el_get(el, EL_CLIENTDATA, &data);
	return static_cast<screen *>(data);
}

/* One line is put in at once: as keys it would be drawn anew for each of them. Several lines are for the caller of
 * el_gets. */
static unsigned char screen_on_paste(EditLine *el, int)
{
	screen *const sc = screen_of(el);

	if (sc->pasted.find('\n') != std::string::npos)
		return CC_NORM;
	return el_insertstr(el, std::exchange(sc->pasted, {}).c_str()) == 0 ? CC_REFRESH : CC_NORM;
}

static unsigned char screen_on_page_up(EditLine *el, int)
{
	screen *const sc = screen_of(el);

	sc->calls->page_up(sc->arg);
	return CC_NORM;
}

/* What all words begin with. */
static std::string screen_common(const std::vector<std::string> &words)
{
	std::string common = words.front();

	for (const std::string &word : words) {
		const auto [end, other] = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
		common.erase(end, common.end());
	}
	while (!common.empty() && common.size() < words.front().size() &&
	       (static_cast<unsigned char>(words.front()[common.size()]) & 0xc0) == 0x80)
		common.pop_back(); /* not a part of a character */
	return common;
}

/* Completes the word before the cursor as far as it is certain. If nothing is, shows what it can become. */
static unsigned char screen_on_tab(EditLine *el, int)
{
	screen *const sc = screen_of(el);
	const LineInfo *const line = el_line(el);
	const std::string before(line->buffer, static_cast<size_t>(line->cursor - line->buffer));
	const screen_choice choice = sc->calls->complete(sc->arg, before);

	if (choice.words.empty())
		return CC_NORM;
	std::string common = screen_common(choice.words);
	if (choice.words.size() == 1)
		common += ' ';
	const size_t typed = before.size() - choice.begin;
	if (common.size() > typed)
		return el_insertstr(el, common.c_str() + typed) == 0 ? CC_REFRESH : CC_NORM;
	std::string all;
	for (const std::string &word : choice.words)
		all += (all.empty() ? "" : "  ") + word;
	screen_print(sc, all);
	return CC_NORM;
}

void screen_bind_keys(screen *sc)
{
	EditLine *const el = sc->el.get();

	(void)el_set(el, EL_GETCFN, screen_on_character);
	/* el_set would copy the texts and never free them. */
	(void)el_wset(el, EL_ADDFN, L"chatclient-complete", L"completes a command or a name", screen_on_tab);
	(void)el_wset(el, EL_ADDFN, L"chatclient-older", L"shows what was said before", screen_on_page_up);
	(void)el_wset(el, EL_ADDFN, L"chatclient-paste", L"takes a paste", screen_on_paste);
	(void)el_set(el, EL_BIND, "^I", "chatclient-complete", nullptr);
	(void)el_set(el, EL_BIND, "\033[5~", "chatclient-older", nullptr);
	(void)el_set(el, EL_BIND, "^_", "chatclient-paste", nullptr);
}

std::string screen_typed_line(const screen *sc)
{
	const LineInfo *const line = el_line(sc->el.get());

	return {line->buffer, static_cast<size_t>(line->lastchar - line->buffer)};
}

/* Several lines, with what was typed before them. */
static void screen_take_paste(screen *sc)
{
	const std::string lines = screen_typed_line(sc) + std::exchange(sc->pasted, {});

	screen_clear_line(sc);
	(void)fflush(stdout);
	screen_pause(sc);
	if (!sc->calls->pasted(sc->arg, lines))
		sc->ahead.insert(0, lines + "\n");
	screen_resume(sc);
}

void screen_edit(screen *sc)
{
	int count = 0;
	const char *const line = el_gets(sc->el.get(), &count);
	const bool any = line != nullptr && count > 0; /* no line either if the last key erased everything */

	if (sc->input_ended || (any && count == 1 && line[0] == '\004'))
		sc->calls->end(sc->arg);
	else if (!sc->pasted.empty())
		screen_take_paste(sc);
	else if (any && (line[count - 1] == '\n' || line[count - 1] == '\r'))
		screen_take_line(sc, {line, static_cast<size_t>(count) - 1});
	else if (any)
		sc->calls->typed(sc->arg, {line, static_cast<size_t>(count)});
}
