/* SPDX-License-Identifier: MIT
 * The clock, and what /proc tells of processes and of the kernel's memory. */
#ifndef CHATBENCH_PROCESS_H
#define CHATBENCH_PROCESS_H

#include <cstdint>
#include <string>

/* Nanoseconds of a clock that never goes back. */
[[nodiscard]] int64_t process_clock(void);
/* User and system time of a process in seconds; -1: there is no such process. */
[[nodiscard]] double process_cpu(int64_t pid);
/* The name of the program of a process, with _ for all but letters and digits; empty: there is no such process. */
[[nodiscard]] std::string process_name(int64_t pid);
/* Memory of a process in bytes that is in RAM; -1: /proc does not tell. */
[[nodiscard]] int64_t process_resident(int64_t pid);

/* Memory of the kernel, of the whole machine, in bytes; -1: /proc does not tell. */
struct kernel_memory {
	int64_t slab = -1; /* its objects: sockets, files, events, and all else */
	int64_t tcp = -1; /* bytes that wait in buffers of TCP */
};

[[nodiscard]] kernel_memory process_kernel_memory(void);

#endif
