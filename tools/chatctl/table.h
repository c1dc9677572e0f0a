/* SPDX-License-Identifier: MIT
 * Aligned tables, coloured on a terminal. */
#ifndef CHATCTL_TABLE_H
#define CHATCTL_TABLE_H

#include <string>
#include <vector>

enum chatctl_colour { CHATCTL_PLAIN, CHATCTL_BOLD, CHATCTL_GOOD, CHATCTL_WARNING, CHATCTL_BAD };

struct chatctl_cell {
	std::string text; /* harmless */
	enum chatctl_colour colour = CHATCTL_PLAIN;
};

struct chatctl_column {
	const char *head;
	bool is_right; /* numbers stand at the right */
};

struct chatctl_table {
	std::vector<struct chatctl_column> columns;
	std::vector<std::vector<struct chatctl_cell>> rows;
};

/* Prints the heads, if there are some, and the rows to standard output. Two blanks stand between columns, none at the
 * end of a line. */
void chatctl_print_table(const struct chatctl_table *table, bool colour);

#endif
