/* SPDX-License-Identifier: MIT
 * What every program of the tree does about its standard streams at its start and when it prints. */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>

/* Opens closed ones, so that no file and no socket gets their numbers. Who then reads standard input or writes to
 * standard output still gets EBADF; what goes to standard error is lost. To be called first. */
static inline void standard_open(void)
{
	static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			(void)open("/dev/null", modes[fd]);
}

/* Says on standard error that the stream failed. */
static inline void standard_complain(const char *program, const char *stream, int error)
{
	(void)fprintf(stderr, "%s: standard %s: %s\n", program, stream,
	              error == EBADF ? "it is closed" : strerror(error));
}

/* Writes out what was printed. -1: not all of it could be written, told on standard error. */
[[nodiscard]] static inline int standard_flush(const char *program)
{
	errno = 0;
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	standard_complain(program, "output", errno != 0 ? errno : EIO);
	return -1;
}

#endif
