/* SPDX-License-Identifier: MIT
 * A separate network for one process of a test, joined to the test's network by a cable that can lose packets. */
#include "tests/support/network.h"

#include <csignal>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/process.h"

static void run(const std::vector<std::string> &words, std::source_location at)
{
	const std::string output = check_format("/tmp/chatserverd-network-%d", static_cast<int>(getpid()));

	if (process_run(words, output, at) != 0)
		check_fail(at, "%s %s: %s", words[0].c_str(), words.back().c_str(), check_read_file(output).c_str());
	(void)unlink(output.c_str());
}

static void run_inside(const network *n, std::vector<std::string> words, std::source_location at)
{
	words.insert(words.begin(), {"nsenter", "-t", std::to_string(n->keeper), "-n"});
	run(words, at);
}

/* A child that holds the namespace open until the test ends. */
static void start_keeper(network *n, std::source_location at)
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) != 0)
		check_fail(at, "no pipe");
	n->keeper = fork();
	if (n->keeper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	const bool made = read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	n->fd = open(check_format("/proc/%d/ns/net", static_cast<int>(n->keeper)).c_str(), O_RDONLY | O_CLOEXEC);
	if (!made || n->fd == -1)
		check_fail(at, "no network namespace");
}

network *network_new(std::source_location at)
{
	network *n = new network;
	const std::string keeper = [&] {
		start_keeper(n, at);
		return std::to_string(n->keeper);
	}();

	run({"ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", keeper}, at);
	run({"ip", "address", "add", n->outside + "/30", "dev", "cable"}, at);
	run({"ip", "link", "set", "cable", "up"}, at);
	run_inside(n, {"ip", "address", "add", n->inside + "/30", "dev", "cable"}, at);
	run_inside(n, {"ip", "link", "set", "cable", "up"}, at);
	run_inside(n, {"ip", "link", "set", "lo", "up"}, at);
	return n;
}

void network_free(network *n)
{
	process_kill(&n->keeper);
	if (n->fd != -1)
		close(n->fd);
	delete n;
}

static void drop(network *n, const char *chain, const char *which, uint16_t port, std::source_location at)
{
	std::vector<std::string> words = {"iptables", "-w", "-A", chain};

	if (port)
		words.insert(words.end(), {"-p", "tcp", which, std::to_string(port)});
	words.insert(words.end(), {"-j", "DROP"});
	run_inside(n, words, at);
}

void network_drop(network *n, uint16_t port, enum network_loss loss, std::source_location at)
{
	if (loss != NETWORK_ONLY_FROM_PROCESS)
		drop(n, "INPUT", "--sport", port, at);
	if (loss != NETWORK_ONLY_TO_PROCESS)
		drop(n, "OUTPUT", "--dport", port, at);
}

void network_drop_listener(network *n, uint16_t port, std::source_location at)
{
	drop(n, "INPUT", "--dport", port, at);
	drop(n, "OUTPUT", "--sport", port, at);
}

void network_heal(network *n, std::source_location at)
{
	run_inside(n, {"iptables", "-w", "-F"}, at);
}
