/* SPDX-License-Identifier: MIT
 * The socket of operators in the file system: who may open it, what a dead server has left there, its end. */
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/control_internal.h"

static constexpr mode_t control_mode = 0600;
static constexpr int control_backlog = 64;

static const char *control_path(const struct server *s)
{
	return server_core_conf(s->conf.get())->control;
}

static int control_fail(const struct server *s, struct cs_error *e, const char *why)
{
	error_set(e, "%s: core.control: %.100s: %s", conf_where(&s->conf->file, "core", "control").c_str(),
	          control_path(s), why);
	return CS_EINVAL;
}

static sockaddr_un control_address(const struct server *s)
{
	sockaddr_un address = {};

	address.sun_family = AF_UNIX;
	strncpy(address.sun_path, control_path(s), sizeof address.sun_path - 1);
	return address;
}

static std::string control_folder(const struct server *s)
{
	const std::string path = control_path(s);
	const size_t slash = path.rfind('/');

	return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/* 0, or errno. */
static int control_check_folder(const struct server *s)
{
	return access(control_folder(s).c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

static int control_check_path(const struct server *s, struct cs_error *e)
{
	struct stat status {};

	if (strlen(control_path(s)) >= sizeof(sockaddr_un::sun_path))
		return control_fail(s, e, "the path is longer than 107 bytes, which a socket cannot have");
	if (lstat(control_path(s), &status) == -1)
		return errno == ENOENT || errno == EACCES ? 0 : control_fail(s, e, strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return control_fail(s, e, "something that is no socket is there; remove it, or take another path");
	return 0;
}

/* Where systemd makes the folder, it is there only while the server runs: so its absence is no reason to refuse. */
int control_check(struct server *s, struct cs_error *e)
{
	if (!*control_path(s))
		return 0;
	if (const int failed = control_check_path(s, e))
		return failed;
	if (const int error = control_check_folder(s)) {
		struct cs_error warning {};

		(void)control_fail(s, &warning, ("its folder: " + std::string(strerror(error))).c_str());
		s->warnings.push_back(warning.text);
	}
	return 0;
}

/* A socket whose server was killed refuses connections. */
int control_reserve(const struct server *s, struct cs_error *e)
{
	const sockaddr_un address = control_address(s);

	if (!*control_path(s))
		return 0;
	if (const int failed = control_check_path(s, e))
		return failed;
	if (const int error = control_check_folder(s))
		return control_fail(s, e, ("its folder: " + std::string(strerror(error))).c_str());
	const unique_fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (fd.fd == -1)
		return control_fail(s, e, strerror(errno));
	if (connect(fd.fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0 || errno == EAGAIN)
		return control_fail(s, e, "another server listens there");
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : control_fail(s, e, strerror(errno));
}

/* The mode is set before bind(2), which makes the file with it: at no time may others connect. */
static int control_bind(const struct server *s, unique_fd *fd_r, struct cs_error *e)
{
	const sockaddr_un address = control_address(s);
	unique_fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (fd.fd == -1 || fchmod(fd.fd, control_mode) == -1)
		return control_fail(s, e, strerror(errno));
	if (unlink(address.sun_path) == -1 && errno != ENOENT)
		return control_fail(s, e, strerror(errno));
	if (bind(fd.fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == -1 ||
	    listen(fd.fd, control_backlog) == -1)
		return control_fail(s, e, strerror(errno));
	*fd_r = std::move(fd);
	return 0;
}

/* Notes which file it is, so that the end does not remove that of another server. */
static int control_note_file(const struct server *s, struct control *c, struct cs_error *e)
{
	struct stat status {};

	if (lstat(control_path(s), &status) == -1)
		return control_fail(s, e, strerror(errno));
	c->path = control_path(s);
	c->device = status.st_dev;
	c->inode = status.st_ino;
	return 0;
}

int control_listen(struct server *s, struct control *c, struct cs_error *e)
{
	unique_fd fd;

	/* Checks again: another server may have started while the store was opened. */
	if (const int failed = control_reserve(s, e))
		return failed;
	if (const int failed = control_bind(s, &fd, e))
		return failed;
	if (const int failed = control_note_file(s, c, e))
		return failed;
	if (const int failed = listener_open_operators(s->shared.workers[0].get(), std::move(fd), c->path.c_str(), e))
		return failed;
	log_info("listening for operators path=%s", c->path.c_str());
	return 0;
}

void control_unlink(struct control *c)
{
	struct stat status {};

	if (!c->path.empty() && lstat(c->path.c_str(), &status) == 0 && status.st_dev == c->device &&
	    status.st_ino == c->inode)
		(void)unlink(c->path.c_str());
	c->path.clear();
}
