/* SPDX-License-Identifier: MIT
 * Draws times and rates of a run as an SVG file that needs nothing else. */
#include "plot.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include <base/raii.h>

/* Sizes in units of the drawing. */
static constexpr double plot_width = 860, plot_height = 720;
static constexpr double plot_left = 86, plot_right = 816;

/* A field with axes: where it lies, and what its edges mean. */
struct plot_panel {
	double top, bottom;
	double x_most, y_least, y_most;
};

static constexpr double plot_times_top = 150, plot_times_bottom = 385;
static constexpr double plot_rates_top = 462, plot_rates_bottom = 662;

/* Colours for light and for dark surroundings. Not by variables of CSS: some viewers do not know them. */
static const char plot_head[] =
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 720\" width=\"860\" height=\"720\" role=\"img\">\n"
	"<style>\n"
	"text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #475467 }\n"
	".paper { fill: #ffffff } .title { font-size: 20px; font-weight: 600 } .head { font-size: 14px; font-weight: 600 }\n"
	".title, .head { fill: #101828 } .end { text-anchor: end } .middle { text-anchor: middle }\n"
	".grid { stroke: #e4e7ec; stroke-width: 1 } .axis { stroke: #98a2b3; stroke-width: 1 }\n"
	".curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }\n"
	".c0 { stroke: #1d6fd8 } .c1 { stroke: #c4520d; stroke-dasharray: 8 5 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"text { fill: #b3bccb } .paper { fill: #12161e } .title, .head { fill: #f2f4f7 }\n"
	".grid { stroke: #2a313d } .axis { stroke: #5d6878 }\n"
	".c0 { stroke: #6cb0ff } .c1 { stroke: #ff9a5c }\n"
	"}\n"
	"</style>\n";

static void plot_add(std::string *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void plot_add(std::string *text, const char *format, ...)
{
	char piece[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(piece, sizeof piece, format, arguments);
	va_end(arguments);
	text->append(piece);
}

/* ---- numbers for people */

static std::string plot_time_text(double ms)
{
	char text[32];

	if (ms >= 999.5)
		(void)snprintf(text, sizeof text, "%.3g s", ms / 1000);
	else if (ms >= 0.9995)
		(void)snprintf(text, sizeof text, "%.3g ms", ms);
	else
		(void)snprintf(text, sizeof text, "%.3g µs", ms * 1000);
	return text;
}

static std::string plot_count_text(double count)
{
	char text[32];

	(void)snprintf(text, sizeof text,
	               count >= 1e6   ? "%.3gM"
	               : count >= 1e3 ? "%.4gk"
	                              : "%.4g",
	               count >= 1e6   ? count / 1e6
	               : count >= 1e3 ? count / 1e3
	                              : count);
	return text;
}

/* A step of 1, 2 or 5 times a power of ten that parts this length into at most `parts`. */
static double plot_step(double length, double parts)
{
	const double least = std::max(length, 1e-9) / parts, power = std::pow(10, std::floor(std::log10(least)));

	for (const double factor : {1.0, 2.0, 5.0})
		if (factor * power >= least)
			return factor * power;
	return 10 * power;
}

static double plot_x(const plot_panel *panel, double value)
{
	return plot_left + (plot_right - plot_left) * value / panel->x_most;
}

static double plot_y(const plot_panel *panel, double value)
{
	const double part = (value - panel->y_least) / (panel->y_most - panel->y_least);

	return panel->bottom - (panel->bottom - panel->top) * std::clamp(part, 0.0, 1.0);
}

static void plot_add_y_tick(std::string *text, const plot_panel *panel, double value, const std::string &label)
{
	const double y = plot_y(panel, value);

	plot_add(text, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", plot_left,
	         plot_right, y, y);
	plot_add(text, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", plot_left - 8, y + 4.5, label.c_str());
}

static void plot_add_x_tick(std::string *text, const plot_panel *panel, double value, const std::string &label)
{
	const double x = plot_x(panel, value);

	plot_add(text, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x, x, panel->top,
	         panel->bottom);
	plot_add(text, "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, panel->bottom + 18,
	         label.c_str());
}

static void plot_add_frame(std::string *text, const plot_panel *panel, const char *head, const char *below)
{
	plot_add(text, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", plot_left,
	         plot_right, panel->bottom, panel->bottom);
	plot_add(text, "<text class=\"head\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", plot_left, panel->top - 14, head);
	plot_add(text, "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", (plot_left + plot_right) / 2,
	         panel->bottom + 38, below);
}

static void plot_begin_curve(std::string *text, size_t number)
{
	plot_add(text, "<polyline class=\"curve c%zu\" points=\"", number % 2);
}

/* ---- times: the share of all times, stretched towards 100 %, and the logarithm of the time */

static double plot_quantile_ms(const histogram *times, double part)
{
	return std::max(static_cast<double>(histogram_quantile(times, part)), 1e3) / 1e6;
}

static plot_panel plot_measure_times(const plot *p)
{
	plot_panel panel = {plot_times_top, plot_times_bottom, 2, 1e9, -1e9};

	for (const plot_curve &curve : p->curves) {
		if (curve.times.count == 0)
			continue;
		panel.x_most =
			std::clamp(std::ceil(std::log10(static_cast<double>(curve.times.count))), panel.x_most, 5.0);
		panel.y_least = std::min(panel.y_least, std::log10(plot_quantile_ms(&curve.times, 0)));
		panel.y_most = std::max(panel.y_most, std::log10(plot_quantile_ms(&curve.times, 1)));
	}
	if (panel.y_least > panel.y_most)
		panel.y_least = panel.y_most = 0;
	panel.y_least = std::floor(panel.y_least);
	panel.y_most = std::max(std::ceil(panel.y_most), panel.y_least + 1);
	return panel;
}

static void plot_add_times(std::string *text, const plot *p)
{
	static const char *const labels[] = {"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"};
	const plot_panel panel = plot_measure_times(p);
	size_t number = 0;

	for (double power = panel.y_least; power <= panel.y_most; power++)
		for (const double factor : {1.0, 2.0, 5.0})
			if (panel.y_most - panel.y_least <= 3 || factor == 1.0)
				if (power + std::log10(factor) <= panel.y_most)
					plot_add_y_tick(text, &panel, power + std::log10(factor),
					                plot_time_text(factor * std::pow(10, power)));
	for (size_t i = 0; static_cast<double>(i) <= panel.x_most; i++)
		plot_add_x_tick(text, &panel, static_cast<double>(i), labels[i]);
	plot_add_x_tick(text, &panel, std::log10(2), "50 %");
	plot_add_frame(text, &panel, "Time", "share that took no longer");
	for (const plot_curve &curve : p->curves) {
		plot_begin_curve(text, number++);
		for (double x = 0; x <= panel.x_most + 1e-9 && curve.times.count > 0; x += panel.x_most / 300)
			plot_add(text, "%.1f,%.1f ", plot_x(&panel, x),
			         plot_y(&panel, std::log10(plot_quantile_ms(&curve.times, 1 - std::pow(10, -x)))));
		text->append("\"/>\n");
	}
}

/* ---- rates */

/* At most about 150 points; the last, which is not whole, is left out where there are others. */
static std::vector<double> plot_points(const pace *rate, size_t join)
{
	std::vector<double> points;

	for (size_t i = 0; i < rate->counts.size(); i += join) {
		const size_t end = std::min(i + join, rate->counts.size());
		double sum = 0;
		for (size_t k = i; k < end; k++)
			sum += static_cast<double>(rate->counts[k]);
		points.push_back(sum * 1e9 / static_cast<double>(pace_step * static_cast<int64_t>(join)));
	}
	if (points.size() > 2)
		points.pop_back();
	return points;
}

static void plot_add_rates(std::string *text, const plot *p)
{
	plot_panel panel = {plot_rates_top, plot_rates_bottom, 1, 0, 1};
	std::vector<std::vector<double>> all;
	size_t longest = 0;

	for (const plot_curve &curve : p->curves)
		longest = std::max(longest, curve.rate.counts.size());
	const size_t join = longest / 150 + 1;
	const double step_s = static_cast<double>(pace_step) * static_cast<double>(join) / 1e9;
	for (const plot_curve &curve : p->curves) {
		all.push_back(plot_points(&curve.rate, join));
		for (const double value : all.back())
			panel.y_most = std::max(panel.y_most, value);
		panel.x_most = std::max(panel.x_most, static_cast<double>(all.back().size()) * step_s);
	}
	const double y_step = plot_step(panel.y_most, 5), x_step = plot_step(panel.x_most, 10);
	panel.y_most = std::ceil(panel.y_most / y_step) * y_step;
	for (double value = 0; value <= panel.y_most * 1.0001; value += y_step)
		plot_add_y_tick(text, &panel, value, plot_count_text(value));
	for (double value = 0; value <= panel.x_most * 1.0001; value += x_step)
		plot_add_x_tick(text, &panel, value, plot_count_text(value));
	plot_add_frame(text, &panel, "Rate, per second", "seconds since the start");
	for (size_t i = 0; i < all.size(); i++) {
		plot_begin_curve(text, i);
		for (size_t k = 0; k < all[i].size(); k++)
			plot_add(text, "%.1f,%.1f ", plot_x(&panel, (static_cast<double>(k) + 0.5) * step_s),
			         plot_y(&panel, all[i][k]));
		text->append("\"/>\n");
	}
}

/* ---- the whole */

static void plot_add_legend(std::string *text, const plot *p)
{
	double y = 80;

	for (size_t i = 0; i < p->curves.size(); i++, y += 20) {
		const plot_curve &curve = p->curves[i];
		plot_add(text,
		         "<line class=\"curve c%zu\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n"
		         "<text x=\"%.1f\" y=\"%.1f\">%s: half in %s, 99 %% in %s, all in %s</text>\n",
		         i % 2, plot_left, plot_left + 34, y, y, plot_left + 44, y + 4.5, curve.name.c_str(),
		         plot_time_text(plot_quantile_ms(&curve.times, 0.5)).c_str(),
		         plot_time_text(plot_quantile_ms(&curve.times, 0.99)).c_str(),
		         plot_time_text(plot_quantile_ms(&curve.times, 1)).c_str());
	}
}

int plot_write(const plot *p, const char *path)
{
	const std::unique_ptr<FILE, function_deleter<fclose>> file(fopen(path, "we"));
	std::string text = plot_head;

	if (!file)
		return -1;
	plot_add(&text, "<title>%s: %s</title>\n", p->title.c_str(), p->subtitle.c_str());
	plot_add(&text, "<rect class=\"paper\" width=\"%.0f\" height=\"%.0f\" rx=\"8\"/>\n", plot_width, plot_height);
	plot_add(&text, "<text class=\"title\" x=\"%.1f\" y=\"34\">%s</text>\n", plot_left, p->title.c_str());
	plot_add(&text, "<text x=\"%.1f\" y=\"56\">%s</text>\n", plot_left, p->subtitle.c_str());
	plot_add_legend(&text, p);
	plot_add_times(&text, p);
	plot_add_rates(&text, p);
	text += "</svg>\n";
	errno = EIO;
	return fputs(text.c_str(), file.get()) >= 0 && fflush(file.get()) == 0 ? 0 : -1;
}
