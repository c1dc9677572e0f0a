/* SPDX-License-Identifier: MIT
 * The screen of a terminal: bytes in, the lines that a person sees out. */
#include "tests/support/terminal_screen.h"

#include <algorithm>
#include <cstdlib>
#include <cwchar>

static size_t terminal_screen_top(const terminal_screen *sc)
{
	return sc->lines.size() > sc->rows ? sc->lines.size() - sc->rows : 0;
}

static void terminal_screen_move_to(terminal_screen *sc, size_t row, size_t column)
{
	sc->row = row;
	sc->column = column;
	if (sc->row >= sc->lines.size())
		sc->lines.resize(sc->row + 1);
}

/* The cursor's line, at least as long as the column needs. */
static std::u32string *terminal_screen_reach(terminal_screen *sc, size_t column)
{
	std::u32string *const line = &sc->lines[sc->row];

	if (line->size() < column)
		line->resize(column, U' ');
	return line;
}

static void terminal_screen_write(terminal_screen *sc, char32_t character)
{
	const int width = wcwidth(static_cast<wchar_t>(character));

	/* What adds to the character before it takes no column; it is left out here. */
	if (width <= 0)
		return;
	if (sc->column + static_cast<size_t>(width) > sc->columns)
		terminal_screen_move_to(sc, sc->row + 1, 0);
	std::u32string *const line = terminal_screen_reach(sc, sc->column);
	const std::u32string cells = width == 2 ? std::u32string({character, U'\0'}) : std::u32string(1, character);
	line->replace(sc->column, sc->inserts ? 0 : static_cast<size_t>(width), cells);
	if (line->size() > sc->columns)
		line->resize(sc->columns);
	sc->column += static_cast<size_t>(width);
}

static void terminal_screen_control(terminal_screen *sc, char character)
{
	const size_t column = std::min(sc->column, sc->columns - 1);

	switch (character) {
	case '\r': sc->column = 0; break;
	case '\n': terminal_screen_move_to(sc, sc->row + 1, sc->column); break;
	case '\b': sc->column = column > 0 ? column - 1 : 0; break;
	case '\t': sc->column = std::min((column / 8 + 1) * 8, sc->columns - 1); break;
	case '\a': break;
	default: sc->strange += "character " + std::to_string(static_cast<int>(character)) + "\n"; break;
	}
}

static void terminal_screen_erase(terminal_screen *sc, bool below, size_t mode)
{
	std::u32string *const line = terminal_screen_reach(sc, sc->column);

	if (mode == 0)
		line->resize(std::min(line->size(), sc->column));
	else if (mode == 1)
		line->replace(0, std::min(line->size(), sc->column + 1), sc->column + 1, U' ');
	else
		line->clear();
	for (size_t row = mode == 0 ? sc->row + 1 : terminal_screen_top(sc); below && row < sc->lines.size(); row++)
		if (row > sc->row || mode == 2)
			sc->lines[row].clear();
}

/* The cells from the cursor on: count blanks before them, or count of them gone. */
static void terminal_screen_shift(terminal_screen *sc, bool insert, size_t count)
{
	std::u32string *const line = terminal_screen_reach(sc, sc->column);

	if (insert)
		line->insert(sc->column, count, U' ');
	else
		line->erase(sc->column, count);
	if (line->size() > sc->columns)
		line->resize(sc->columns);
}

static void terminal_screen_move_by(terminal_screen *sc, char direction, size_t count)
{
	const size_t top = terminal_screen_top(sc), column = std::min(sc->column, sc->columns - 1);

	count = std::max<size_t>(count, 1);
	if (direction == 'A')
		terminal_screen_move_to(sc, sc->row - std::min(count, sc->row - top), column);
	else if (direction == 'B')
		terminal_screen_move_to(sc, std::min(sc->row + count, top + sc->rows - 1), column);
	else if (direction == 'C')
		sc->column = std::min(column + count, sc->columns - 1);
	else
		sc->column = column - std::min(column, count);
}

static void terminal_screen_sequence(terminal_screen *sc, std::string_view sequence)
{
	const std::string parameters(sequence.substr(2, sequence.size() - 3));
	const size_t first = strtoul(parameters.c_str(), nullptr, 10);
	const size_t semicolon = parameters.find(';');
	const size_t second =
		semicolon == parameters.npos ? 0 : strtoul(parameters.c_str() + semicolon + 1, nullptr, 10);

	switch (sequence.back()) {
	case 'A':
	case 'B':
	case 'C':
	case 'D': terminal_screen_move_by(sc, sequence.back(), first); break;
	case 'G': sc->column = std::min(std::max<size_t>(first, 1), sc->columns) - 1; break;
	case 'H':
		terminal_screen_move_to(sc, terminal_screen_top(sc) + std::max<size_t>(first, 1) - 1,
		                        std::max<size_t>(second, 1) - 1);
		break;
	case 'J': terminal_screen_erase(sc, true, first); break;
	case 'K': terminal_screen_erase(sc, false, first); break;
	case 'P': terminal_screen_shift(sc, false, std::max<size_t>(first, 1)); break;
	case '@': terminal_screen_shift(sc, true, std::max<size_t>(first, 1)); break;
	case 'm': break;
	case 'h':
	case 'l':
		if (parameters == "4")
			sc->inserts = sequence.back() == 'h';
		else if (!parameters.starts_with('?'))
			sc->strange += "mode " + parameters + "\n";
		break;
	default: sc->strange += "sequence " + std::string(sequence.substr(1)) + "\n"; break;
	}
}

/* Whether `pending` is complete: then it has been carried out. */
static bool terminal_screen_take_escape(terminal_screen *sc)
{
	const std::string &pending = sc->pending;

	if (pending.size() < 2)
		return false;
	if (pending[1] == '[') {
		if (pending.size() < 3 || pending.back() < 0x40 || pending.back() > 0x7e)
			return false;
		terminal_screen_sequence(sc, pending);
		return true;
	}
	if (pending[1] == '(')
		return pending.size() == 3;
	if (pending[1] != '=' && pending[1] != '>')
		sc->strange += "sequence " + pending.substr(1) + "\n";
	return true;
}

static bool terminal_screen_take_character(terminal_screen *sc)
{
	const auto first = static_cast<unsigned char>(sc->pending[0]);
	const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	char32_t character = size == 1 ? first : first & (0x7fu >> size);

	if (sc->pending.size() < size)
		return false;
	for (size_t i = 1; i < size; i++)
		character = character << 6 | (static_cast<unsigned char>(sc->pending[i]) & 0x3f);
	if (character < 0x20 || character == 0x7f)
		terminal_screen_control(sc, static_cast<char>(character));
	else if (character < 0xa0 && character >= 0x80)
		sc->strange += "a control character of C1\n";
	else
		terminal_screen_write(sc, character);
	return true;
}

void terminal_screen_put(terminal_screen *sc, std::string_view bytes)
{
	for (const char byte : bytes) {
		sc->pending += byte;
		const bool done =
			sc->pending[0] == '\033' ? terminal_screen_take_escape(sc) : terminal_screen_take_character(sc);
		if (done)
			sc->pending.clear();
	}
}

static std::string terminal_screen_utf8(std::u32string_view cells)
{
	std::string text;

	for (const char32_t c : cells) {
		if (c == U'\0')
			continue;
		if (c < 0x80) {
			text += static_cast<char>(c);
			continue;
		}
		if (c < 0x800) {
			text += static_cast<char>(0xc0 | c >> 6);
		} else {
			text += c < 0x10000 ? static_cast<char>(0xe0 | c >> 12) : static_cast<char>(0xf0 | c >> 18);
			if (c >= 0x10000)
				text += static_cast<char>(0x80 | (c >> 12 & 0x3f));
			text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
		}
		text += static_cast<char>(0x80 | (c & 0x3f));
	}
	return text;
}

std::string terminal_screen_line(const terminal_screen *sc, size_t line)
{
	std::u32string_view cells;

	if (line < sc->lines.size())
		cells = sc->lines[line];
	while (cells.ends_with(U' '))
		cells.remove_suffix(1);
	return terminal_screen_utf8(cells);
}

std::string terminal_screen_before_cursor(const terminal_screen *sc)
{
	return terminal_screen_utf8(std::u32string_view(sc->lines[sc->row]).substr(0, sc->column));
}
