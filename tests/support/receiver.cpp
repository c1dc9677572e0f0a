/* SPDX-License-Identifier: MIT
 * A receiver of POST requests for tests: a small HTTP server in threads of the test, which does what it is told. */
#include "tests/support/receiver.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef TEST_TLS
#include <openssl/ssl.h>
#endif

#include "tests/support/check.h"

#ifndef TEST_TLS
struct SSL_CTX;
struct SSL;
#endif

struct receiver_peer {
	std::thread thread;
	int fd = -1;
	SSL *tls = nullptr;
	std::string input;
};

struct receiver {
	std::string address;
	uint16_t port = 0;
	SSL_CTX *context = nullptr;
	int listener = -1;
	std::thread acceptor;

	std::mutex mutex; /* guards what follows */
	std::condition_variable released;
	bool stops = false;
	uint64_t releases = 0;
	std::list<receiver_peer> peers;
	std::map<std::string, std::deque<receiver_answer>> answers;
	std::deque<receiver_request> requests;
	std::multiset<std::string> under_way;
	bool overlapped = false;
	size_t connections = 0;
};

static constexpr int receiver_turn_ms = 10;

static bool receiver_is_stopping(receiver *r)
{
	const std::lock_guard<std::mutex> lock(r->mutex);

	return r->stops;
}

/* ---- bytes of a connection */

/* false: it has ended, or the receiver stops. */
static bool receiver_read_some(receiver *r, receiver_peer *p)
{
	char bytes[16384];

	for (;;) {
		pollfd poll_fd = {p->fd, POLLIN, 0};
		ssize_t size = 0;
		bool pending = false;
#ifdef TEST_TLS
		pending = p->tls && SSL_pending(p->tls) > 0;
#endif
		if (receiver_is_stopping(r))
			return false;
		if (!pending && poll(&poll_fd, 1, receiver_turn_ms) == 0)
			continue;
#ifdef TEST_TLS
		if (p->tls)
			size = SSL_read(p->tls, bytes, sizeof bytes);
		else
#endif
			size = recv(p->fd, bytes, sizeof bytes, 0);
		if (size <= 0)
			return false;
		p->input.append(bytes, static_cast<size_t>(size));
		return true;
	}
}

static bool receiver_write(receiver_peer *p, std::string_view bytes)
{
	while (!bytes.empty()) {
		ssize_t size = 0;
#ifdef TEST_TLS
		if (p->tls)
			size = SSL_write(p->tls, bytes.data(), static_cast<int>(bytes.size()));
		else
#endif
			size = send(p->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
		if (size <= 0)
			return false;
		bytes.remove_prefix(static_cast<size_t>(size));
	}
	return true;
}

/* ---- requests and answers */

static bool receiver_read_request(receiver *r, receiver_peer *p, receiver_request *request_r)
{
	size_t end = 0;

	while ((end = p->input.find("\r\n\r\n")) == std::string::npos)
		if (!receiver_read_some(r, p))
			return false;
	size_t at = p->input.find("\r\n");
	const std::string first = p->input.substr(0, at);
	request_r->method = first.substr(0, first.find(' '));
	request_r->path = first.substr(request_r->method.size() + 1);
	request_r->path.resize(request_r->path.rfind(' '));
	while (at < end) {
		const size_t line = at + 2, next = p->input.find("\r\n", line), colon = p->input.find(':', line);
		std::string name = p->input.substr(line, colon - line);

		std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
		request_r->headers[name] = p->input.substr(colon + 2, next - colon - 2);
		at = next;
	}
	const size_t size = std::stoul("0" + request_r->headers["content-length"]), body = end + 4;
	while (p->input.size() < body + size)
		if (!receiver_read_some(r, p))
			return false;
	request_r->body = p->input.substr(body, size);
	p->input.erase(0, body + size);
	request_r->at = check_now();
	return true;
}

/* Notes the request; what is to be done with it. */
static receiver_answer receiver_note(receiver *r, const receiver_request &request, size_t *number_r)
{
	const std::lock_guard<std::mutex> lock(r->mutex);
	receiver_answer answer;

	*number_r = r->requests.size();
	r->requests.push_back(request);
	r->overlapped = r->overlapped || r->under_way.count(request.path);
	r->under_way.insert(request.path);
	for (const std::string &path : {request.path, std::string()}) {
		std::deque<receiver_answer> &next = r->answers[path];

		if (next.empty())
			continue;
		answer = next.front();
		next.pop_front();
		break;
	}
	return answer;
}

/* A client that gives up closes the connection: then the request is not under way any more. */
static bool receiver_is_left(const receiver_peer *p)
{
	char byte = 0;

	return recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void receiver_hold(receiver *r, const receiver_peer *p)
{
	std::unique_lock<std::mutex> lock(r->mutex);
	const uint64_t releases = r->releases;

	while (!r->stops && r->releases == releases && !receiver_is_left(p))
		(void)r->released.wait_for(lock, std::chrono::milliseconds(1));
}

/* false: the connection is to be closed. */
static bool receiver_do(receiver *r, receiver_peer *p, const receiver_answer &answer)
{
	const size_t promised = answer.body.size() + (answer.act == RECEIVER_CUTS ? 1000 : 0) +
	                        (answer.act == RECEIVER_DRIPS ? 1000000 : 0);
	const std::string head = "HTTP/1.1 " + std::to_string(answer.status) +
	                         " Answer\r\nContent-Length: " + std::to_string(promised) + "\r\n" + answer.headers +
	                         "\r\n";

	if (answer.after)
		check_sleep_ms(answer.after);
	switch (answer.act) {
	case RECEIVER_CLOSES: return false;
	case RECEIVER_BABBLES: (void)receiver_write(p, "I am no web server\r\n\r\n"); return false;
	case RECEIVER_HOLDS:
	case RECEIVER_ANSWERS:
	case RECEIVER_CUTS:
	case RECEIVER_DRIPS: break;
	}
	if (receiver_is_stopping(r) || !receiver_write(p, head + answer.body) || answer.act == RECEIVER_CUTS)
		return false;
	while (answer.act == RECEIVER_DRIPS) {
		if (receiver_is_stopping(r) || !receiver_write(p, " "))
			return false;
		check_sleep_ms(50);
	}
	return true;
}

static void receiver_note_end(receiver *r, size_t number)
{
	const std::lock_guard<std::mutex> lock(r->mutex);

	r->requests[number].answered = check_now();
}

static bool receiver_serve_one(receiver *r, receiver_peer *p)
{
	receiver_request request;
	size_t number = 0;

	if (!receiver_read_request(r, p, &request))
		return false;
	const receiver_answer answer = receiver_note(r, request, &number);
	/* Before the answer, which lets the next one come. */
	if (answer.act == RECEIVER_HOLDS)
		receiver_hold(r, p);
	{
		const std::lock_guard<std::mutex> lock(r->mutex);

		r->under_way.erase(r->under_way.find(request.path));
	}
	const bool goes_on = receiver_do(r, p, answer);
	if (goes_on)
		receiver_note_end(r, number);
	return goes_on;
}

static void receiver_serve(receiver *r, receiver_peer *p)
{
	bool good = true;

#ifdef TEST_TLS
	if (r->context) {
		p->tls = SSL_new(r->context);
		SSL_set_fd(p->tls, p->fd);
		good = SSL_accept(p->tls) == 1;
	}
#endif
	while (good && receiver_serve_one(r, p))
		continue;
#ifdef TEST_TLS
	if (p->tls)
		SSL_free(p->tls);
#endif
	(void)shutdown(p->fd, SHUT_RDWR);
	(void)close(p->fd);
}

static void receiver_accept(receiver *r)
{
	const timeval patience = {10, 0};

	while (!receiver_is_stopping(r)) {
		pollfd poll_fd = {r->listener, POLLIN, 0};

		if (poll(&poll_fd, 1, receiver_turn_ms) <= 0)
			continue;
		const int fd = accept4(r->listener, nullptr, nullptr, SOCK_CLOEXEC);
		if (fd == -1)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		const std::lock_guard<std::mutex> lock(r->mutex);
		r->connections++;
		receiver_peer *p = &r->peers.emplace_back();
		p->fd = fd;
		p->thread = std::thread(receiver_serve, r, p);
	}
}

/* ---- for the test */

static void receiver_listen(receiver *r)
{
	const bool is_v6 = r->address.find(':') != std::string::npos;
	const int yes = 1;
	sockaddr_in6 v6 = {};
	sockaddr_in v4 = {};

	v6.sin6_family = AF_INET6;
	v6.sin6_port = v4.sin_port = htons(r->port);
	v4.sin_family = AF_INET;
	(void)inet_pton(AF_INET6, r->address.c_str(), &v6.sin6_addr);
	(void)inet_pton(AF_INET, r->address.c_str(), &v4.sin_addr);
	sockaddr *address = is_v6 ? reinterpret_cast<sockaddr *>(&v6) : reinterpret_cast<sockaddr *>(&v4);
	socklen_t size = is_v6 ? sizeof v6 : sizeof v4;
	r->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(r->listener, address, size) != 0 || listen(r->listener, 64) != 0 ||
	    getsockname(r->listener, address, &size) != 0)
		check_fail(std::source_location::current(), "the receiver cannot listen: %s", strerror(errno));
	r->port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
}

receiver *receiver_new(const char *address, const test_certificate *certificate)
{
	receiver *r = new receiver;

	r->address = address;
#ifdef TEST_TLS
	if (certificate) {
		r->context = SSL_CTX_new(TLS_server_method());
		if (SSL_CTX_use_certificate_chain_file(r->context, certificate->chain.c_str()) != 1 ||
		    SSL_CTX_use_PrivateKey_file(r->context, certificate->key.c_str(), SSL_FILETYPE_PEM) != 1)
			check_fail(std::source_location::current(), "the receiver cannot use its certificate");
	}
#else
	(void)certificate;
#endif
	receiver_up(r);
	return r;
}

void receiver_up(receiver *r)
{
	receiver_listen(r);
	r->stops = false;
	r->acceptor = std::thread(receiver_accept, r);
}

void receiver_down(receiver *r)
{
	{
		const std::lock_guard<std::mutex> lock(r->mutex);

		r->stops = true;
	}
	r->released.notify_all();
	if (r->acceptor.joinable())
		r->acceptor.join();
	for (receiver_peer &p : r->peers)
		p.thread.join();
	r->peers.clear();
	if (r->listener != -1)
		(void)close(r->listener);
	r->listener = -1;
}

void receiver_free(receiver *r)
{
	if (!r)
		return;
	receiver_down(r);
#ifdef TEST_TLS
	SSL_CTX_free(r->context);
#endif
	delete r;
}

std::string receiver_url(const receiver *r, std::string_view path)
{
	const bool is_v6 = r->address.find(':') != std::string::npos;
	const std::string host =
		r->context ? "https://localhost" : "http://" + (is_v6 ? "[" + r->address + "]" : r->address);

	return host + ":" + std::to_string(r->port) + std::string(path);
}

void receiver_will(receiver *r, std::string_view path, const std::vector<receiver_answer> &answers)
{
	const std::lock_guard<std::mutex> lock(r->mutex);
	std::deque<receiver_answer> &next = r->answers[std::string(path)];

	next.insert(next.end(), answers.begin(), answers.end());
}

void receiver_release(receiver *r)
{
	{
		const std::lock_guard<std::mutex> lock(r->mutex);

		r->releases++;
	}
	r->released.notify_all();
}

static std::vector<receiver_request> receiver_requests(receiver *r, std::string_view path)
{
	const std::lock_guard<std::mutex> lock(r->mutex);
	std::vector<receiver_request> found;

	for (const receiver_request &request : r->requests)
		if (path.empty() || request.path == path)
			found.push_back(request);
	return found;
}

size_t receiver_count(receiver *r, std::string_view path)
{
	return receiver_requests(r, path).size();
}

std::vector<receiver_request> receiver_wait(receiver *r, std::string_view path, size_t count, std::source_location at)
{
	check_wait(
		"requests to the receiver", [r, path, count] { return receiver_count(r, path) >= count; }, at);
	return receiver_requests(r, path);
}

bool receiver_overlapped(receiver *r)
{
	const std::lock_guard<std::mutex> lock(r->mutex);

	return r->overlapped;
}

size_t receiver_connections(receiver *r)
{
	const std::lock_guard<std::mutex> lock(r->mutex);

	return r->connections;
}
