/* SPDX-License-Identifier: MIT
 * Reads a secret from a file of its own. */
#include "core/conf/conf_secret.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/log.h"
#include <base/raii.h>

/* More bytes than any option may have: the rest of the file cannot matter. */
static constexpr size_t conf_secret_most = 64 * 1024;

static int conf_secret_refuse(const std::string &path, const char *why, struct cs_error *e)
{
	error_set(e, "%s: %s", path.c_str(), why);
	return CS_EINVAL;
}

static std::string conf_secret_file_of(const std::string &path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	return path.starts_with("/") || !folder ? path : std::string(folder) + "/" + path;
}

int conf_secret_read(const std::string &path, std::string *text_r, struct stat *status_r, struct cs_error *e)
{
	const std::string file = conf_secret_file_of(path);
	/* O_NONBLOCK: a pipe or device in place of a file must not make the server wait. */
	const unique_fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	std::string text(conf_secret_most, '\0');

	if (fd.fd == -1 || fstat(fd.fd, status_r) == -1)
		return conf_secret_refuse(file, strerror(errno), e);
	if (!S_ISREG(status_r->st_mode))
		return conf_secret_refuse(file, "is no file", e);
	if (status_r->st_mode & S_IWOTH)
		return conf_secret_refuse(file, "everybody may write to it; run chmod o-w on it", e);
	const ssize_t size = pread(fd.fd, text.data(), text.size(), 0);

	if (size == -1)
		return conf_secret_refuse(file, strerror(errno), e);
	text.resize(std::min(static_cast<size_t>(size), text.find('\n')));
	if (text.ends_with('\r'))
		text.pop_back();
	if (text.empty())
		return conf_secret_refuse(file, "its first line is empty", e);
	if (text.find('\0') != text.npos)
		return conf_secret_refuse(file, "has a NUL byte in its first line", e);
	*text_r = std::move(text);
	return 0;
}
