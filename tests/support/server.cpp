/* SPDX-License-Identifier: MIT
 * A real chatserverd for a test: its folder, configuration, process, log and port. */
#include "tests/support/server.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/folder.h"
#include "tests/support/mariadb.h"

static std::string absolute(const std::string &path)
{
	std::error_code error;

	return std::filesystem::absolute(path, error).string();
}

static std::string build_folder(void)
{
	const char *build = getenv("CS_BUILD");

	return absolute(build ? build : "build");
}

/* Below the range that the kernel gives to clients, so that nobody takes it while the server is restarted. */
uint16_t test_free_port(void)
{
	static uint16_t next = static_cast<uint16_t>(10000 + getpid() * 37 % 20000);

	for (;;) {
		struct sockaddr_in address = {};
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		next = next >= 32000 ? 10000 : next + 1;
		address.sin_family = AF_INET;
		address.sin_port = htons(next);
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		const int result = bind(fd, reinterpret_cast<struct sockaddr *>(&address), sizeof(address));

		close(fd);
		if (result == 0)
			return next;
	}
}

void test_server_use_mariadb(test_server *s, const mariadb *m)
{
	s->options.erase("db_sqlite.path");
	s->options.erase("db_sqlite.schema");
	s->options["store.driver"] = "db_mysql";
	s->options["store.writers"] = "2";
	s->options["db_mysql.port"] = std::to_string(m->port);
	s->options["db_mysql.user"] = "chat";
	s->options["db_mysql.password"] = "se cret";
	s->options["db_mysql.database"] = mariadb_new_database();
	s->options["db_mysql.schema"] = absolute("conf/schema/mysql");
	s->database = m;
}

test_server *test_server_new(void)
{
	test_server *s = new test_server;

	s->folder = folder_make();
	s->port = s->plain_port = test_free_port();
	s->options = {
		{"core.listen", check_format("127.0.0.1:%u", s->port)},
		{"core.threads", "2"},
		{"core.plugin_dir", build_folder() + "/plugins"},
		{"core.core_dump", "yes"}, /* else only root could look into /proc/PID/fd */
		{"core.rate", "0"},
		{"store.driver", "db_sqlite"},
		{"db_sqlite.path", s->folder + "/chat.db"},
		{"db_sqlite.schema", absolute("conf/schema/sqlite")},
		{"login.password_ops", "1"},
		{"login.password_memory", "8K"},
		{"mailbox.sweep", "0"},
	};
	if (mariadb_wanted())
		test_server_use_mariadb(s, mariadb_shared());
	test_server_set_transport(s, transport_wanted());
	return s;
}

void test_server_set_transport(test_server *s, transport_kind kind)
{
	s->transport = kind;
	for (const char *key :
	     {"tls_openssl.listen", "tls_openssl.certificate", "tls_openssl.key", "websocket.listen", "websocket.tls"})
		s->options.erase(key);
	if (kind == TRANSPORT_PLAIN) {
		s->port = s->plain_port;
		return;
	}
	s->port = test_free_port();
	const std::string address = check_format("127.0.0.1:%u", s->port);

	if (transport_has_tls(kind)) {
		s->options["tls_openssl.certificate"] = transport_certificate()->chain;
		s->options["tls_openssl.key"] = transport_certificate()->key;
	}
	s->options[transport_has_messages(kind) ? "websocket.listen" : "tls_openssl.listen"] = address;
	if (kind == TRANSPORT_WSS)
		s->options["websocket.tls"] = "yes";
}

void test_server_set(test_server *s, std::string_view key, std::string_view value)
{
	s->options[std::string(key)] = value;
}

std::string test_server_database(const test_server *s)
{
	return s->options.at("db_sqlite.path");
}

void test_server_write_conf(const test_server *s)
{
	FILE *file = fopen((s->folder + "/chat.conf").c_str(), "w");
	std::string section;

	fchmod(fileno(file), 0600); /* it may hold a password */
	for (const auto &[name, value] : s->options) {
		const size_t dot = name.find('.');

		if (value.empty())
			continue;
		if (section != name.substr(0, dot)) {
			section = name.substr(0, dot);
			fprintf(file, "[%s]\n", section.c_str());
		}
		fprintf(file, "%s = %s\n", name.c_str() + dot + 1, value.c_str());
	}
	fclose(file);
}

/* In two steps, for a socket may have the number of another one's place. */
static void give_sockets(const test_server *s)
{
	std::vector<int> high;

	if (s->sockets.empty())
		return;
	for (const int socket : s->sockets)
		high.push_back(fcntl(socket, F_DUPFD_CLOEXEC, 100));
	for (size_t i = 0; i < high.size(); i++)
		dup2(high[i], 3 + static_cast<int>(i));
	setenv("LISTEN_FDS", std::to_string(high.size()).c_str(), 1);
	setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 0);
}

/* In the child: dies with the test, has a process group of its own and the limits that were asked for, and no signal
 * ignored that the test, or who started it, ignores. */
static void prepare_child(const test_server *s, int out, int err)
{
	const struct rlimit files = {s->most_files, s->most_files};
	const int nothing = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	dup2(nothing, 0);
	dup2(out, 1);
	dup2(err, 2);
	if (s->network != -1 && setns(s->network, CLONE_NEWNET) != 0)
		_exit(126);
	if (s->most_files)
		setrlimit(RLIMIT_NOFILE, &files);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	for (const std::string &variable : s->environment)
		putenv(const_cast<char *>(variable.c_str()));
	give_sockets(s);
}

static pid_t spawn(const test_server *s, const std::vector<std::string> &arguments, int out, int err)
{
	const std::string program = build_folder() + "/chatserverd";
	std::vector<char *> argv = {const_cast<char *>(program.c_str())};

	for (const std::string &argument : arguments)
		argv.push_back(const_cast<char *>(argument.c_str()));
	argv.push_back(nullptr);
	const pid_t pid = fork();

	if (pid == 0) {
		prepare_child(s, out, err);
		execv(program.c_str(), argv.data());
		fprintf(stderr, "%s: %s\n", program.c_str(), strerror(errno));
		_exit(127);
	}
	return pid;
}

void test_server_launch(test_server *s)
{
	const std::string path = s->folder + "/log";
	const int log = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	s->log_start = static_cast<size_t>(lseek(log, 0, SEEK_END));
	test_server_write_conf(s);
	s->pid = spawn(s, {"-c", s->folder + "/chat.conf"}, log, log);
	close(log);
}

/* A line's word, so that "already" is not taken for it. */
static bool has_word(const std::string &text, const std::string &word)
{
	const char *blanks = " \n\t:";

	for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1))
		if ((at == 0 || strchr(blanks, text[at - 1])) && strchr(blanks, text[at + word.size()]))
			return true;
	return false;
}

bool test_server_is_ready(test_server *s, std::source_location at)
{
	int status;

	if (has_word(test_server_log(s), "ready"))
		return true;
	if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
		s->pid = -1;
		test_server_print_log(s);
		check_fail(at, "the server ended while starting, wait status %d", status);
	}
	return false;
}

/* Its main thread waits for events. A signal that comes in the moments before that can get lost in
 * ThreadSanitizer's runtime. */
static bool is_asleep(pid_t pid)
{
	const std::string stat = check_read_file("/proc/" + std::to_string(pid) + "/stat");
	const size_t name_end = stat.rfind(')');

	return name_end != stat.npos && stat.compare(name_end, 3, ") S") == 0;
}

void test_server_start(test_server *s, std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();

	test_server_launch(s);
	while (!test_server_is_ready(s, at)) {
		if (check_now() > end) {
			test_server_print_log(s);
			check_fail(at, "the server does not say that it is ready");
		}
		check_sleep_ms(2);
	}
	while (!is_asleep(s->pid) && check_now() < end)
		check_sleep_ms(1);
}

static int wait_for_end(test_server *s, int timeout_ms, bool clients_answer, std::source_location at)
{
	const int64_t end = check_now() + timeout_ms * check_patience_factor();
	int status;

	while (waitpid(s->pid, &status, WNOHANG) != s->pid) {
		if (check_now() > end) {
			test_server_print_log(s);
			check_fail(at, "the server does not end");
		}
		if (clients_answer)
			for (const auto &c : s->clients)
				client_answer_transport(c.get());
		check_sleep_ms(2);
	}
	s->pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int test_server_wait(test_server *s, int timeout_ms, std::source_location at)
{
	return wait_for_end(s, timeout_ms, false, at);
}

void test_server_signal(test_server *s, int number)
{
	/* Every process there is would get it otherwise. */
	if (s->pid > 0)
		kill(s->pid, number);
}

void test_server_stop(test_server *s, int status, std::source_location at)
{
	test_server_signal(s, SIGTERM);
	/* Longer than any test allows: what a stop may take is for the test to say. */
	const int ended = wait_for_end(s, 40000, transport_has_messages(s->transport), at);

	if (ended != status) {
		test_server_print_log(s);
		check_fail(at, "the server ended with status %d, not %d", ended, status);
	}
}

void test_server_kill(test_server *s)
{
	int status;

	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->pid = -1;
}

void test_server_restart(test_server *s, std::source_location at)
{
	test_server_stop(s, 0, at);
	test_server_start(s, at);
}

void test_server_limit_files(const test_server *s, rlim_t size)
{
	const struct rlimit limit = {size, RLIM_INFINITY};

	if (prlimit(s->pid, RLIMIT_FSIZE, &limit, nullptr) != 0)
		check_fail(std::source_location::current(), "prlimit: %s", strerror(errno));
}

void test_server_free(test_server *s)
{
	s->clients.clear();
	test_server_kill(s);
	folder_remove(s->folder);
	delete s;
}

test_run test_server_run(const test_server *s, const std::vector<std::string> &arguments, std::source_location at)
{
	const std::string out_path = s->folder + "/run.out", err_path = s->folder + "/run.err";
	const int out = open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const int err = open(err_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const int64_t end = check_now() + 2 * check_patience_ms();
	const pid_t pid = spawn(s, arguments, out, err);
	int status = 0;

	close(out);
	close(err);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (check_now() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			check_fail(at, "chatserverd %s does not end; it wrote: %s%s", arguments[0].c_str(),
			           check_read_file(out_path).c_str(), check_read_file(err_path).c_str());
		}
		check_sleep_ms(2);
	}
	return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), check_read_file(out_path),
	        check_read_file(err_path)};
}
