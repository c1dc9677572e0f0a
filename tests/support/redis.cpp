/* SPDX-License-Identifier: MIT
 * A private Redis for a test: its folder, port, password, process and log. */
#include "tests/support/redis.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

redis *redis_new(void)
{
	redis *r = new redis;

	r->folder = folder_make();
	r->port = test_free_port();
	return r;
}

void redis_launch(redis *r)
{
	const std::string log = r->folder + "/log";
	std::error_code error;
	std::vector<std::string> words = {
		"redis-server", "--port", std::to_string(r->port), "--bind", "127.0.0.1",   "--dir", r->folder,
		"--save",       "",       "--appendonly",          "no",     "--daemonize", "no",
	};

	if (!r->password.empty())
		words.insert(words.end(), {"--requirepass", r->password});
	words.insert(words.end(), r->options.begin(), r->options.end());
	r->log_start = std::filesystem::exists(log, error) ? std::filesystem::file_size(log, error) : 0;
	r->pid = process_spawn(words, log);
}

std::string redis_log(const redis *r)
{
	const std::string all = check_read_file(r->folder + "/log");

	return all.size() > r->log_start ? all.substr(r->log_start) : std::string();
}

bool redis_is_ready(const redis *r)
{
	return redis_log(r).find("Ready to accept connections") != std::string::npos;
}

void redis_wait_ready(redis *r, std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();

	while (!redis_is_ready(r)) {
		if (!process_is_alive(&r->pid) || check_now() > end) {
			print_error("%s\n", redis_log(r).c_str());
			check_fail(at, "Redis does not get ready");
		}
		check_sleep_ms(2);
	}
}

void redis_start(redis *r, std::source_location at)
{
	redis_launch(r);
	redis_wait_ready(r, at);
}

void redis_kill(redis *r)
{
	process_kill(&r->pid);
}

void redis_signal(redis *r, int number)
{
	process_signal(r->pid, number);
}

void redis_free(redis *r)
{
	redis_kill(r);
	folder_remove(r->folder);
	delete r;
}

void redis_drop_subscribers(redis *r)
{
	(void)redis_command(r, {"CLIENT", "KILL", "TYPE", "pubsub"});
}

/* With -e an error reply ends redis-cli with status 1; it is printed like any other text. */
std::string redis_command(const redis *r, const std::vector<std::string> &command, std::string *error_r,
                          std::source_location at)
{
	const std::string output = r->folder + "/command";
	std::vector<std::string> words = {"redis-cli", "-e", "-p", std::to_string(r->port)};

	if (!r->password.empty())
		words.insert(words.end(), {"--no-auth-warning", "-a", r->password});
	words.insert(words.end(), command.begin(), command.end());
	unlink(output.c_str());
	const int status = process_run(words, output, at);
	std::string text = check_read_file(output);

	while (text.ends_with('\n'))
		text.pop_back();
	if (error_r)
		*error_r = status != 0 ? text : std::string();
	else if (status != 0)
		check_fail(at, "Redis refuses %s: %s", command[0].c_str(), text.c_str());
	return status != 0 ? std::string() : text;
}
