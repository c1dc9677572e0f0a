/* SPDX-License-Identifier: MIT
 * Draws times and rates of a run as an SVG file that needs nothing else. */
#ifndef CHATBENCH_PLOT_H
#define CHATBENCH_PLOT_H

#include <string>
#include <vector>

#include "histogram.h"

struct plot_curve {
	std::string name;
	histogram times; /* empty: only the rate is drawn */
	pace rate; /* empty: only the times are drawn */
};

/* One or two curves. */
struct plot {
	std::string title;
	std::string subtitle;
	std::vector<plot_curve> curves;
};

/* 0, or -1 with errno. */
[[nodiscard]] int plot_write(const plot *p, const char *path);

#endif
