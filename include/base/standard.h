/* SPDX-License-Identifier: MIT
 * The standard streams of every program of the tree: at its start, and after it has printed. */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>

/* Opens those standard streams that are closed, so that no other file or socket gets their numbers. Reading such a
 * standard input or writing to such a standard output still fails with EBADF; text written to such a standard error is
 * lost. To be called first. */
static inline void standard_open(void)
{
	static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			(void)open("/dev/null", modes[fd]);
}

/* Reports on standard error that the stream failed. */
static inline void standard_complain(const char *program, const char *stream, int error)
{
	(void)fprintf(stderr, "%s: standard %s: %s\n", program, stream,
	              error == EBADF ? "it is closed" : strerror(error));
}

/* Writes out all printed text. -1: not all of it could be written, which is reported on standard error. */
[[nodiscard]] static inline int standard_flush(const char *program)
{
	errno = 0;
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	standard_complain(program, "output", errno != 0 ? errno : EIO);
	return -1;
}

#endif
