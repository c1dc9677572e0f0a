/* SPDX-License-Identifier: MIT
 * The measures of a run: counts, spreads of times, CPU time of processes, and their report. */
#include "measure.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <memory>
#include <string>
#include <time.h>
#include <unistd.h>

#include <base/raii.h>

using file_ptr = std::unique_ptr<FILE, function_deleter<fclose>>;

void spread_add(spread *sp, int64_t microseconds)
{
	const uint64_t value = static_cast<uint64_t>(std::max<int64_t>(microseconds, 1));
	const unsigned power = static_cast<unsigned>(std::bit_width(value)) - 1;
	const uint64_t part = power >= 4 ? (value >> (power - 4)) & 15 : (value << (4 - power)) & 15;

	sp->classes[std::min<size_t>(power * 16 + part, sp->classes.size() - 1)]++;
	sp->count++;
}

double spread_quantile(const spread *sp, double part)
{
	uint64_t left = static_cast<uint64_t>(part * static_cast<double>(sp->count));

	if (sp->count == 0)
		return 0;
	for (size_t i = 0; i < sp->classes.size(); i++) {
		if (sp->classes[i] > left) {
			const double begin = static_cast<double>(uint64_t{1} << (i / 16));
			return begin * (1.0 + (static_cast<double>(i % 16) + 0.5) / 16.0) / 1000.0;
		}
		left -= sp->classes[i];
	}
	return 0;
}

int64_t measure_clock(void)
{
	timespec now = {};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

/* Reads /proc/PID/stat; empty if there is no such process. */
static std::string measure_read_stat(int64_t pid)
{
	const std::string path = "/proc/" + std::to_string(pid) + "/stat";
	const file_ptr file(fopen(path.c_str(), "re"));
	char text[1024] = {};

	return !file || !fgets(text, sizeof text, file.get()) ? "" : text;
}

double measure_cpu(int64_t pid)
{
	const std::string text = measure_read_stat(pid);
	/* The name, in parentheses, may contain anything, so start after the last ")". The times are the 12th and 13th
	 * fields after it. */
	const size_t behind = text.rfind(')');
	unsigned long user = 0, system = 0;

	if (behind == std::string::npos ||
	    sscanf(text.c_str() + behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) !=
	            2)
		return -1;
	return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string measure_name(int64_t pid)
{
	const std::string text = measure_read_stat(pid);
	const size_t begin = text.find('('), end = text.rfind(')');

	return end == std::string::npos ? "" : text.substr(begin + 1, end - begin - 1);
}

static void measure_print_rate(const char *name, uint64_t count, double seconds, const spread *times,
                               const char *time_name)
{
	(void)printf("%s %llu\n", name, static_cast<unsigned long long>(count));
	(void)printf("%s_per_second %.0f\n", name, seconds > 0 ? static_cast<double>(count) / seconds : 0);
	(void)printf("%s_p50_ms %.3f\n", time_name, spread_quantile(times, 0.5));
	(void)printf("%s_p99_ms %.3f\n", time_name, spread_quantile(times, 0.99));
}

static double measure_per_delivered(const measures *ms, double cpu)
{
	return ms->delivered > 0 ? cpu * 1e6 / static_cast<double>(ms->delivered) : 0;
}

static void measure_report_cpu(const measures *ms)
{
	double cpu = 0;

	if (ms->processes.empty())
		return;
	for (const measured_process &process : ms->processes)
		cpu += process.cpu;
	(void)printf("server_cpu_seconds %.2f\n", cpu);
	(void)printf("server_cpu_us_per_delivered %.2f\n", measure_per_delivered(ms, cpu));
	for (size_t i = 0; i < ms->processes.size() && ms->processes.size() > 1; i++) {
		const measured_process *const process = &ms->processes[i];
		(void)printf("%s_%lld_cpu_us_per_delivered %.2f\n", process->name.c_str(),
		             static_cast<long long>(process->pid), measure_per_delivered(ms, process->cpu));
	}
}

void measure_report(const measures *ms)
{
	(void)printf("accounts %llu\n", static_cast<unsigned long long>(ms->accounts));
	(void)printf("seconds %.2f\n", ms->seconds);
	(void)printf("sent %llu\n", static_cast<unsigned long long>(ms->sent));
	measure_print_rate("acknowledged", ms->acknowledged, ms->seconds, &ms->ack, "ack");
	measure_print_rate("delivered", ms->delivered, ms->seconds, &ms->delivery, "delivery");
	(void)printf("refused %llu\n", static_cast<unsigned long long>(ms->refused));
	(void)printf("undelivered %llu\n",
	             static_cast<unsigned long long>(ms->expected - std::min(ms->expected, ms->delivered)));
	(void)printf("client_cpu_seconds %.2f\n", ms->own_cpu);
	measure_report_cpu(ms);
}
