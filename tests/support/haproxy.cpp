/* SPDX-License-Identifier: MIT
 * A real HAProxy for a test, as master and worker: its folder, configuration, process, log and port. */
#include "tests/support/haproxy.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

/* ---- configuration */

static std::string loopback(unsigned port)
{
	return check_format("127.0.0.1:%u", port);
}

/* How often it was there. */
static size_t replace_all(std::string *text, std::string_view from, std::string_view to)
{
	size_t count = 0;

	for (size_t at = text->find(from); at != text->npos; at = text->find(from, at + to.size()), count++)
		text->replace(at, from.size(), to);
	return count;
}

void haproxy_replace(test_haproxy *h, std::string_view from, std::string_view to, std::source_location at)
{
	if (replace_all(&h->config, from, to) == 0)
		check_fail(at, "conf/haproxy.cfg does not say: %.*s", (int)from.size(), from.data());
}

/* A node without an agent gets a port on which nobody listens. */
static std::string server_line(const test_haproxy *h, size_t i, uint16_t port)
{
	const unsigned agent = i < h->agent_ports.size() ? h->agent_ports[i] : test_free_port();

	return check_format("\tserver node%zu %s agent-port %u\n", i + 1, loopback(port).c_str(), agent);
}

static std::string shipped_line(size_t i, unsigned port)
{
	return check_format("\tserver node%zu %s agent-port %zu\n", i + 1, loopback(port).c_str(), 6021 + i);
}

/* The server line goes, and those of all nodes that this test has not. */
static void set_nodes(test_haproxy *h, const std::vector<uint16_t> &node_ports)
{
	std::string lines;

	for (size_t i = 0; i < node_ports.size(); i++)
		lines += server_line(h, i, node_ports[i]);
	for (unsigned i = 2; i > 0; i--)
		haproxy_replace(h, shipped_line(i, 6001 + i), "");
	haproxy_replace(h, shipped_line(0, 6001), lines);
}

test_haproxy *haproxy_new(const std::vector<uint16_t> &node_ports, const std::vector<uint16_t> &agent_ports)
{
	test_haproxy *h = new test_haproxy;

	h->agent_ports = agent_ports;
	h->folder = folder_make();
	h->port = test_free_port();
	h->figures_port = test_free_port();
	h->config = check_read_file("conf/haproxy.cfg");
	/* First what stands in comments as well, before a node may have got such a port. */
	haproxy_replace(h, loopback(6000), loopback(h->port));
	haproxy_replace(h, loopback(6009), loopback(h->figures_port));
	set_nodes(h, node_ports);
	return h;
}

void haproxy_add_web(test_haproxy *h, bool is_http, const std::vector<uint16_t> &node_ports, std::source_location at)
{
	const unsigned front = is_http ? 6080 : 6443, first = front + 1;

	h->config += check_read_file("conf/haproxy-web.cfg");
	h->port = test_free_port();
	h->backend = is_http ? "web_nodes" : "secure_nodes";
	haproxy_replace(h, loopback(is_http ? 6443 : 6080), loopback(test_free_port()), at);
	haproxy_replace(h, loopback(front), loopback(h->port), at);
	for (unsigned i = 0; i < 3; i++)
		haproxy_replace(h, shipped_line(i, first + i),
		                i < node_ports.size() ? server_line(h, i, node_ports[i]) : "", at);
}

static void write_config(const test_haproxy *h)
{
	FILE *file = fopen((h->folder + "/haproxy.cfg").c_str(), "w");

	fwrite(h->config.data(), 1, h->config.size(), file);
	fclose(file);
}

/* ---- process */

static std::string log_path(const test_haproxy *h)
{
	return h->folder + "/log";
}

std::string haproxy_log(const test_haproxy *h)
{
	const std::string all = check_read_file(log_path(h));

	return all.size() > h->log_start ? all.substr(h->log_start) : std::string();
}

void haproxy_print_log(const test_haproxy *h)
{
	const std::string log = haproxy_log(h);
	const size_t from = log.size() > 6000 ? log.size() - 6000 : 0;

	print_error("---- log of HAProxy\n%s----\n", log.c_str() + from);
}

/* Whether the log says so; fails the test when the process has ended or too long went by. */
static bool log_says(test_haproxy *h, const char *text, size_t from, int64_t end, std::source_location at)
{
	if (haproxy_log(h).find(text, from) != std::string::npos)
		return true;
	const bool ended = !process_is_alive(&h->pid);

	if (ended || check_now() > end) {
		haproxy_print_log(h);
		check_fail(at, "HAProxy %s instead of saying: %s", ended ? "ended" : "went on", text);
	}
	check_sleep_ms(2);
	return false;
}

void haproxy_start(test_haproxy *h, std::source_location at)
{
	h->log_start = 0;
	h->log_start = haproxy_log(h).size();
	write_config(h);
	h->pid = process_spawn(
		{"env", "CLUSTER_FOLDER=" + h->folder, "haproxy", "-W", "-f", h->folder + "/haproxy.cfg"}, log_path(h));
	const int64_t end = check_now() + check_patience_ms();
	while (!log_says(h, "Loading success", 0, end, at))
		;
}

/* A master that has just forked its worker does not hear signals yet. */
static void signal_until(test_haproxy *h, int number, const std::function<bool(void)> &heard, std::source_location at)
{
	int64_t again = 0;

	check_wait(
		"HAProxy to hear a signal",
		[&] {
			if (check_now() >= again) {
				process_signal(h->pid, number);
				again = check_now() + 500;
			}
			return heard();
		},
		at);
}

void haproxy_reload(test_haproxy *h, std::source_location at)
{
	const size_t from = haproxy_log(h).size();
	const int64_t end = check_now() + check_patience_ms();

	write_config(h);
	signal_until(
		h, SIGUSR2, [&] { return log_says(h, "Reloading HAProxy", from, end, at); }, at);
	while (!log_says(h, "Loading success", from, end, at))
		;
}

void haproxy_stop(test_haproxy *h, std::source_location at)
{
	signal_until(
		h, SIGTERM, [&] { return !process_is_alive(&h->pid); }, at);
}

/* To the whole group: a worker is no child of the test. */
void haproxy_signal(test_haproxy *h, int number)
{
	if (h->pid <= 0)
		return;
	kill(-h->pid, number);
	process_signal(h->pid, number);
}

void haproxy_kill(test_haproxy *h)
{
	haproxy_signal(h, SIGKILL);
	process_kill(&h->pid);
}

void haproxy_free(test_haproxy *h)
{
	haproxy_kill(h);
	folder_remove(h->folder);
	delete h;
}

/* ---- runtime API */

static int open_socket(const std::string &path)
{
	const struct timeval patience = {5, 0};
	struct sockaddr_un address = {};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path.c_str());
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, reinterpret_cast<struct sockaddr *>(&address), sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

std::string haproxy_ask(const test_haproxy *h, const std::string &command)
{
	const int fd = open_socket(h->folder + "/haproxy.sock");
	const std::string line = command + "\n";
	std::string answer;
	char part[4096];
	ssize_t got;

	if (fd < 0)
		return answer;
	if (send(fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size()))
		while ((got = read(fd, part, sizeof(part))) > 0)
			answer.append(part, static_cast<size_t>(got));
	close(fd);
	return answer;
}

static std::vector<std::string> cells_of(std::string_view line)
{
	std::vector<std::string> cells;

	for (size_t at = 0; at <= line.size();) {
		const size_t end = std::min(line.find(',', at), line.size());

		cells.emplace_back(line.substr(at, end - at));
		at = end + 1;
	}
	return cells;
}

/* A table of values between commas; its first line names the columns. */
std::string haproxy_node_figure(const test_haproxy *h, const std::string &node, const std::string &column)
{
	const std::string table = haproxy_ask(h, "show stat");
	const std::vector<std::string> names = cells_of(std::string_view(table).substr(0, table.find('\n')));
	const size_t row = table.find("\n" + h->backend + "," + node + ",");

	if (row == table.npos)
		return "";
	const std::vector<std::string> cells =
		cells_of(std::string_view(table).substr(row + 1, table.find('\n', row + 1) - row - 1));
	for (size_t i = 0; i < std::min(names.size(), cells.size()); i++)
		if (names[i] == column)
			return cells[i];
	return "";
}

std::string haproxy_node_status(const test_haproxy *h, const std::string &node)
{
	return haproxy_node_figure(h, node, "status");
}

void haproxy_wait_node(test_haproxy *h, const std::string &node, std::string_view status, std::source_location at)
{
	const int64_t end = check_now() + 2 * check_patience_ms();

	while (haproxy_node_status(h, node) != status ||
	       (status == "UP" && haproxy_node_figure(h, node, "check_status") != "L7OK")) {
		if (check_now() > end) {
			haproxy_print_log(h);
			check_fail(at, "%s is \"%s\", not \"%.*s\"", node.c_str(), haproxy_node_status(h, node).c_str(),
			           (int)status.size(), status.data());
		}
		check_sleep_ms(10);
	}
}
