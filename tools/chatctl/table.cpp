/* SPDX-License-Identifier: MIT
 * Aligned tables, coloured on a terminal. */
#include "table.h"

#include <algorithm>
#include <cstdio>

#include "text.h"

static const char *chatctl_colour_code(enum chatctl_colour colour)
{
	switch (colour) {
	case CHATCTL_BOLD: return "\033[1m";
	case CHATCTL_GOOD: return "\033[32m";
	case CHATCTL_WARNING: return "\033[33m";
	case CHATCTL_BAD: return "\033[31m";
	default: return "";
	}
}

static std::vector<size_t> chatctl_measure(const struct chatctl_table *table, bool has_heads)
{
	std::vector<size_t> widths;

	for (const struct chatctl_column &column : table->columns)
		widths.push_back(has_heads ? chatctl_width(column.head) : 0);
	for (const auto &row : table->rows)
		for (size_t i = 0; i < row.size(); i++)
			widths[i] = std::max(widths[i], chatctl_width(row[i].text));
	return widths;
}

static std::string chatctl_make_line(const struct chatctl_table *table, const std::vector<struct chatctl_cell> &row,
                                     const std::vector<size_t> &widths, bool colour)
{
	std::string line;

	for (size_t i = 0; i < row.size(); i++) {
		const std::string blanks(widths[i] - chatctl_width(row[i].text), ' ');
		const bool is_painted = colour && row[i].colour != CHATCTL_PLAIN;

		line += i > 0 ? "  " : "";
		line += table->columns[i].is_right ? blanks : "";
		line += is_painted ? chatctl_colour_code(row[i].colour) : "";
		line += row[i].text;
		line += is_painted ? "\033[0m" : "";
		line += table->columns[i].is_right ? "" : blanks;
	}
	line.erase(line.find_last_not_of(' ') + 1);
	return line + "\n";
}

void chatctl_print_table(const struct chatctl_table *table, bool colour)
{
	const bool has_heads = std::any_of(table->columns.begin(), table->columns.end(),
	                                   [](const auto &column) { return *column.head; });
	const std::vector<size_t> widths = chatctl_measure(table, has_heads);
	std::vector<struct chatctl_cell> heads;

	for (const struct chatctl_column &column : table->columns)
		heads.push_back({column.head, CHATCTL_BOLD});
	if (has_heads)
		(void)fputs(chatctl_make_line(table, heads, widths, colour).c_str(), stdout);
	for (const auto &row : table->rows)
		(void)fputs(chatctl_make_line(table, row, widths, colour).c_str(), stdout);
}
