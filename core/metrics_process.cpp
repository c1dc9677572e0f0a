/* SPDX-License-Identifier: MIT
 * Figures of the process, under the names that Prometheus has for every program. */
#include <cstdio>
#include <memory>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"
#include <base/raii.h>

using directory_ptr = std::unique_ptr<DIR, function_deleter<closedir>>;
using file_ptr = std::unique_ptr<FILE, function_deleter<fclose>>;

/* 0: it cannot be told. */
static uint64_t metrics_open_descriptors()
{
	const directory_ptr folder(opendir("/proc/self/fd"));
	uint64_t count = 0;

	if (!folder)
		return 0;
	while (const struct dirent *entry = readdir(folder.get()))
		count += entry->d_name[0] != '.';
	return count - 1; /* that of the folder */
}

static void metrics_add_descriptors(std::string *text)
{
	struct rlimit limit {};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	metric_add_gauge(text, "process_open_fds", "Open file descriptors.", metrics_open_descriptors());
	metric_add_gauge(text, "process_max_fds", "Most file descriptors that may be open.", limit.rlim_cur);
}

static double metrics_seconds(const struct timeval &time)
{
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

static void metrics_add_cpu(std::string *text)
{
	static const char name[] = "process_cpu_seconds_total";
	struct rusage usage {};

	(void)getrusage(RUSAGE_SELF, &usage);
	metric_add_head(text, name, "counter", "Seconds of processor time, of the program and of the system for it.");
	metric_add_fraction(text, name, {}, metrics_seconds(usage.ru_utime) + metrics_seconds(usage.ru_stime));
}

static void metrics_add_pages(std::string *text)
{
	const file_ptr file(fopen("/proc/self/statm", "re"));
	const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
	unsigned long virtual_pages = 0, resident_pages = 0;

	if (file && fscanf(file.get(), "%lu %lu", &virtual_pages, &resident_pages) != 2)
		virtual_pages = resident_pages = 0;
	metric_add_gauge(text, "process_virtual_memory_bytes", "Bytes of address space.", virtual_pages * page);
	metric_add_gauge(text, "process_resident_memory_bytes", "Bytes of memory that are not swapped out.",
	                 resident_pages * page);
}

void metrics_add_process(std::string *text, const struct server *s)
{
	metric_add_gauge(text, "process_start_time_seconds", "When the process was ready: seconds since 1970.",
	                 static_cast<uint64_t>(s->started_at));
	metrics_add_cpu(text);
	metrics_add_descriptors(text);
	metrics_add_pages(text);
}
