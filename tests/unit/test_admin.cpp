/* SPDX-License-Identifier: MIT
 * Tests the descriptors behind the monitoring page: none is named to the kernel after it was closed. */
#include <atomic>
#include <cerrno>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "core/server.h"
#include "tests/support/check.h"
#include "tests/support/server.h"

/* Calls with a descriptor that was closed, or that the set does not hold. */
static std::atomic<int> *stray_calls(void)
{
	static std::atomic<int> count;

	return &count;
}

/* In place of the C library's, for libevent as well. */
extern "C" CS_EXPORT int epoll_ctl(int set, int operation, int fd, struct epoll_event *event) noexcept
{
	const auto result = static_cast<int>(syscall(SYS_epoll_ctl, set, operation, fd, event));

	if (result == -1 && (errno == EBADF || errno == ENOENT))
		++*stray_calls();
	return result;
}

enum page_ending { PAGE_READ_TO_END, PAGE_SHUT_FIRST, PAGE_RESET };

/* Says these bytes and ends the connection in that way; what came back. */
static std::string page_ask(uint16_t port, std::string_view request, enum page_ending ending)
{
	const unique_fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const struct linger at_once = {1, 0};
	struct sockaddr_in address {};
	std::string text;
	char bytes[4096];

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd.fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 ||
	    send(fd.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
		return "cannot be asked";
	if (ending == PAGE_RESET) {
		(void)setsockopt(fd.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		return "";
	}
	if (ending == PAGE_SHUT_FIRST)
		(void)shutdown(fd.fd, SHUT_WR);
	for (ssize_t size; (size = recv(fd.fd, bytes, sizeof bytes, 0)) > 0;)
		text.append(bytes, static_cast<size_t>(size));
	return text;
}

static void page_ask_all(uint16_t port, std::string *answers)
{
	const std::string much = "GET / HTTP/1.0\r\nX: " + std::string(20000, 'x') + "\r\n\r\n";

	for (const enum page_ending ending : {PAGE_READ_TO_END, PAGE_SHUT_FIRST, PAGE_RESET})
		for (const std::string_view request :
		     {std::string_view("GET /healthz HTTP/1.0\r\n\r\n"),
		      std::string_view("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"),
		      std::string_view("GET /nothing HTTP/1.0\r\n\r\n"), std::string_view("POST / HTTP/1.0\r\n\r\n"),
		      std::string_view("no request\r\n\r\n"), std::string_view(much)})
			*answers += page_ask(port, request, ending);
	*answers += page_ask(port, "GET /healthz HTTP/1.1\r\n\r\n", PAGE_SHUT_FIRST);
	*answers += page_ask(port, "GET /heal", PAGE_SHUT_FIRST);
	*answers += page_ask(port, "", PAGE_SHUT_FIRST);
	/* It comes last, so all that was reset before is done with. */
	*answers += page_ask(port, "GET /healthz HTTP/1.0\r\n\r\n", PAGE_READ_TO_END);
}

static void no_descriptor_is_touched_after_it_was_closed(void **)
{
	const uint16_t port = test_free_port();
	struct server s;
	struct cs_error e = {""};
	std::string answers;

	s.request = {"/dev/null", {"core.admin=127.0.0.1:" + std::to_string(port)}};
	assert_int_equal(server_read_conf(&s.request, &s.conf, &e), 0);
	assert_int_equal(loop_open(&s.main, &e), 0);
	assert_int_equal(admin_open(&s.admin, &s, &e), 0);
	std::thread people([&] {
		page_ask_all(port, &answers);
		loop_stop(&s.main);
	});
	loop_run(&s.main);
	people.join();
	s.admin.reset();
	assert_true(answers.find("200 OK") != answers.npos && answers.find("404 Not Found") != answers.npos);
	assert_true(answers.find("cannot be asked") == answers.npos);
	assert_int_equal(*stray_calls(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_descriptor_is_touched_after_it_was_closed),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
