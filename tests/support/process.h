/* SPDX-License-Identifier: MIT
 * Starts, signals and ends a program that a test needs beside the server. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <source_location>
#include <string>
#include <vector>

#include <sys/types.h>

/* The path of a program of the build that is tested: $CS_BUILD, or build. */
std::string process_program(const char *name);
/* Starts words[0], looked up where system programs are, too. Its output is added to the file; its input is
 * empty. It dies with the test. The pid; a program that cannot be started ends with status 127 and says why.
 */
pid_t process_spawn(const std::vector<std::string> &words, const std::string &output);
/* SIGSTOP returns when the process stands still. */
void process_signal(pid_t pid, int number);
/* Whether it runs; once it does not, *pid is -1 and *status_r (may be null) the exit status, or 128 + the
 * signal. */
bool process_is_alive(pid_t *pid, int *status_r = nullptr);
/* SIGKILL, and waits for the end; *pid is -1 afterwards. Nothing to do where it is -1 already. */
void process_kill(pid_t *pid);
/* Runs it to its end: the exit status, or 128 + the signal. More than a minute fails the test. */
int process_run(const std::vector<std::string> &words, const std::string &output,
                std::source_location at = std::source_location::current());

#endif
