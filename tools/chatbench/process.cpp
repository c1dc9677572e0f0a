/* SPDX-License-Identifier: MIT
 * The clock, and what /proc tells of processes and of the kernel's memory. */
#include "process.h"

#include <algorithm>
#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <time.h>
#include <unistd.h>

#include <base/raii.h>

using file_ptr = std::unique_ptr<FILE, function_deleter<fclose>>;

int64_t process_clock(void)
{
	timespec now = {};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

static std::string process_path(int64_t pid, const char *name)
{
	return "/proc/" + std::to_string(pid) + "/" + name;
}

/* Reads /proc/PID/stat; empty if there is no such process. */
static std::string process_read_stat(int64_t pid)
{
	const file_ptr file(fopen(process_path(pid, "stat").c_str(), "re"));
	char text[1024] = {};

	return !file || !fgets(text, sizeof text, file.get()) ? "" : text;
}

double process_cpu(int64_t pid)
{
	const std::string text = process_read_stat(pid);
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

std::string process_name(int64_t pid)
{
	const std::string text = process_read_stat(pid);
	const size_t begin = text.find('('), end = text.rfind(')');

	if (end == std::string::npos)
		return "";
	std::string name = text.substr(begin + 1, end - begin - 1);
	std::replace_if(
		name.begin(), name.end(), [](char c) { return !isalnum(static_cast<unsigned char>(c)); }, '_');
	return name;
}

/* The number behind "before" in the line of the file that begins with "line"; -1: there is none. */
static int64_t process_find_number(const std::string &path, const char *line, const char *before)
{
	const file_ptr file(fopen(path.c_str(), "re"));
	char text[512];
	int64_t number = -1;

	while (file && fgets(text, sizeof text, file.get())) {
		if (strncmp(text, line, strlen(line)) != 0)
			continue;
		const char *const at = strstr(text, before);
		if (at && sscanf(at + strlen(before), "%" SCNd64, &number) == 1)
			return number;
	}
	return -1;
}

/* Not from statm: the kernel counts there in steps of many pages. */
int64_t process_resident(int64_t pid)
{
	const int64_t kib = process_find_number(process_path(pid, "smaps_rollup"), "Rss:", "Rss:");

	return kib < 0 ? -1 : kib * 1024;
}

kernel_memory process_kernel_memory(void)
{
	const int64_t slab = process_find_number("/proc/meminfo", "Slab:", "Slab:");
	const int64_t tcp = process_find_number("/proc/net/sockstat", "TCP:", " mem ");

	return {slab < 0 ? -1 : slab * 1024, tcp < 0 ? -1 : tcp * sysconf(_SC_PAGESIZE)};
}
