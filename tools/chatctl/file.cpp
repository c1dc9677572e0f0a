/* SPDX-License-Identifier: MIT
 * A new file that gets its name when all of it is on the disk. */
#include "file.h"

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/raii.h>

/* What somebody else has put there, or opened, is not written to. */
int chatctl_make_file(const std::string &temporary)
{
	(void)unlink(temporary.c_str());
	unique_fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));

	return file.fd == -1 || fchmod(file.fd, 0600) == -1 ? -1 : std::exchange(file.fd, -1);
}

int chatctl_name_file(const std::string &temporary, const std::string &path)
{
	const size_t slash = path.rfind('/');
	const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);

	if (link(temporary.c_str(), path.c_str()) == -1)
		return -1;
	(void)unlink(temporary.c_str());
	const unique_fd above(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return above.fd == -1 ? -1 : fsync(above.fd);
}
