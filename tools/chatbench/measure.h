/* SPDX-License-Identifier: MIT
 * The measures of a run: counts, spreads of times, CPU time of processes, and their report. */
#ifndef CHATBENCH_MEASURE_H
#define CHATBENCH_MEASURE_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

/* Times in microseconds, in classes of 1/16 of a power of two: a quantile is exact to about 6 percent. */
struct spread {
	std::array<uint64_t, 1024> classes = {};
	uint64_t count = 0;
};

void spread_add(spread *sp, int64_t microseconds);
/* The time in ms that this part (0 to 1) of all times does not exceed. 0 if there are none. */
[[nodiscard]] double spread_quantile(const spread *sp, double part);

/* Nanoseconds of a clock that never goes back. */
[[nodiscard]] int64_t measure_clock(void);
/* User and system time of a process in seconds; -1: there is no such process. */
[[nodiscard]] double measure_cpu(int64_t pid);

/* The name of the program of a process; empty: there is no such process. */
[[nodiscard]] std::string measure_name(int64_t pid);

struct measured_process {
	int64_t pid;
	std::string name;
	double cpu; /* s */
};

struct measures {
	uint64_t accounts = 0;
	uint64_t sent = 0;
	uint64_t acknowledged = 0;
	uint64_t refused = 0;
	uint64_t expected = 0; /* deliveries that the acknowledged messages should have */
	uint64_t delivered = 0;
	spread ack;
	spread delivery;
	double seconds = 0; /* from the first message to the last acknowledgement or delivery */
	std::vector<measured_process> processes; /* processes of the server; empty: not measured */
	double own_cpu = 0;
};

/* Prints one line per measure on standard output: name and number. */
void measure_report(const measures *ms);

#endif
