/* SPDX-License-Identifier: MIT
 * Linux namespaces for a test program, so that mounts and networks that it makes end with it. */
#include "tests/support/namespace.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/process.h"
#include <base/raii.h>

static void write_line(const char *path, const std::string &text)
{
	const unique_fd file(open(path, O_WRONLY | O_CLOEXEC));

	if (file.fd == -1 || write(file.fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
		print_error("%s: %s\n", path, strerror(errno));
}

void namespace_enter(int flags, std::source_location at)
{
	const unsigned user = geteuid(), group = getegid();

	if (unshare(user == 0 ? flags : flags | CLONE_NEWUSER) != 0)
		check_fail(at, "no namespace: %s", strerror(errno));
	if (user != 0) {
		write_line("/proc/self/setgroups", "deny");
		write_line("/proc/self/uid_map", check_format("0 %u 1", user));
		write_line("/proc/self/gid_map", check_format("0 %u 1", group));
	}
	if ((flags & CLONE_NEWNS) && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
		check_fail(at, "cannot make mounts private: %s", strerror(errno));
	if ((flags & CLONE_NEWNET) && process_run({"ip", "link", "set", "lo", "up"}, "/dev/null", at) != 0)
		check_fail(at, "cannot set the loopback up");
}
