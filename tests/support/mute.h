/* SPDX-License-Identifier: MIT
 * Makes the machine at the other end of a TCP connection vanish, as its peer sees it. */
#ifndef TESTS_SUPPORT_MUTE_H
#define TESTS_SUPPORT_MUTE_H

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* From now on the kernel throws away whatever comes for this socket, unseen: nothing is acknowledged, nothing is
 * refused. The caller sends nothing. false: it does not let itself be muted. */
static inline bool mute_socket(int fd)
{
	struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {1, &drop_all};
	const int on = 1;

	/* An acknowledgement that is due would still leave later. */
	return setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* What comes arrives again. */
static inline bool unmute_socket(int fd)
{
	const int unused = 0;

	return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0;
}

#endif
