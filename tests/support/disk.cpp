/* SPDX-License-Identifier: MIT
 * A small disk that a test can fill. */
#include "tests/support/disk.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/namespace.h"
#include <base/raii.h>

static void enter_namespace(std::source_location at)
{
	static bool entered = false;

	if (!entered)
		namespace_enter(CLONE_NEWNS, at);
	entered = true;
}

void disk_mount(const std::string &folder, size_t bytes, std::source_location at)
{
	const std::string aside = folder + ".aside";
	std::error_code error;

	enter_namespace(at);
	std::filesystem::rename(folder, aside, error);
	std::filesystem::create_directory(folder, error);
	if (mount("none", folder.c_str(), "tmpfs", 0, check_format("size=%zu,mode=700", bytes).c_str()) != 0)
		check_fail(at, "cannot mount on %s: %s", folder.c_str(), strerror(errno));
	std::filesystem::copy(aside, folder, std::filesystem::copy_options::recursive, error);
	if (error)
		check_fail(at, "cannot copy to %s: %s", folder.c_str(), error.message().c_str());
	std::filesystem::remove_all(aside, error);
}

void disk_unmount(const std::string &folder)
{
	(void)umount2(folder.c_str(), MNT_DETACH);
}

size_t disk_left(const std::string &folder)
{
	struct statvfs figures = {};

	(void)statvfs(folder.c_str(), &figures);
	return figures.f_bavail * figures.f_bsize;
}

static std::string ballast(const std::string &folder)
{
	return folder + "/ballast";
}

void disk_fill(const std::string &folder, size_t leave, std::source_location at)
{
	const unique_fd file(open(ballast(folder).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	const size_t left = disk_left(folder);

	if (left > leave && posix_fallocate(file.fd, 0, (off_t)(left - leave)) != 0)
		check_fail(at, "cannot fill %s", folder.c_str());
}

void disk_relieve(const std::string &folder)
{
	(void)unlink(ballast(folder).c_str());
}
