/* SPDX-License-Identifier: MIT
 * Asks a server for a page of its monitoring. */
#include "tests/support/admin_page.h"

#include <cstdlib>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"

uint16_t admin_port(const test_server *s)
{
	const std::string log = test_server_log(s), mark = "admin listening address=127.0.0.1:";
	const size_t at = log.find(mark);

	assert_true(at != log.npos);
	return static_cast<uint16_t>(atoi(log.c_str() + at + mark.size()));
}

std::string http_get(uint16_t port, const std::string &path)
{
	const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address {};
	std::string text;
	char bytes[4096];
	ssize_t size;

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, reinterpret_cast<const struct sockaddr *>(&address), sizeof(address)) == 0 &&
	    write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
		while ((size = read(fd, bytes, sizeof(bytes))) > 0)
			text.append(bytes, static_cast<size_t>(size));
	}
	close(fd);
	return text;
}

void assert_figure(const std::string &text, const std::string &line, std::source_location at)
{
	if (text.find("\n" + line + "\n") == text.npos)
		check_fail(at, "no line \"%s\" in:\n%s", line.c_str(), text.c_str());
}
