/* SPDX-License-Identifier: MIT
 * A private MariaDB for a test: its folder, port, process and log. */
#include "tests/support/mariadb.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

[[noreturn]] static void give_up(const char *what, const std::string &why)
{
	fprintf(stderr, "%s: %s\n", what, why.c_str());
	abort();
}

bool mariadb_wanted(void)
{
	const char *driver = getenv("CS_DRIVER");

	return driver && strcmp(driver, "db_mysql") == 0;
}

static std::string build_folder(void)
{
	const char *build = getenv("CS_BUILD");
	std::error_code error;

	return std::filesystem::absolute(build ? build : "build", error).string();
}

/* Small files, since every test program copies them. */
static const char *const small[] = {"--innodb-data-file-path=ibdata1:12M:autoextend", "--innodb-log-file-size=16M"};

static void add_user(std::vector<std::string> *words)
{
	if (geteuid() == 0)
		words->push_back("--user=root");
}

static void make_template(const std::string &folder)
{
	std::vector<std::string> words = {"mariadb-install-db",
	                                  "--force", /* also where no name resolves, as in a bare container */
	                                  "--no-defaults",
	                                  "--datadir=" + folder + "/data",
	                                  "--tmpdir=" + folder,
	                                  "--auth-root-authentication-method=normal",
	                                  "--skip-test-db",
	                                  "--skip-name-resolve",
	                                  small[0],
	                                  small[1]};
	std::error_code error;

	add_user(&words);
	std::filesystem::remove_all(folder, error);
	std::filesystem::create_directories(folder, error);
	if (process_run(words, folder + "/log") != 0)
		give_up("mariadb-install-db failed, see", folder + "/log");
}

/* A data folder as it is after installation, made once; programs that run at the same time wait for it. */
static std::string template_folder(void)
{
	const std::string folder = build_folder() + "/tests/mariadb";
	std::error_code error;

	std::filesystem::create_directories(build_folder() + "/tests", error);
	const int lock = open((folder + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	flock(lock, LOCK_EX);
	if (!std::filesystem::exists(folder)) {
		make_template(folder + ".new");
		std::filesystem::rename(folder + ".new", folder, error);
	}
	close(lock);
	return folder + "/data";
}

/* Accounts come back at each start, whatever a test did to them. */
static void write_accounts(const mariadb *m)
{
	FILE *file = fopen((m->folder + "/accounts.sql").c_str(), "w");

	for (const char *host : {"127.0.0.1", "localhost"}) {
		fprintf(file, "CREATE USER IF NOT EXISTS root@'%s';\n", host);
		fprintf(file, "GRANT ALL PRIVILEGES ON *.* TO root@'%s' WITH GRANT OPTION;\n", host);
		fprintf(file, "CREATE USER IF NOT EXISTS chat@'%s' IDENTIFIED BY 'se cret';\n", host);
		fprintf(file, "GRANT ALL PRIVILEGES ON `chat\\_%%`.* TO chat@'%s';\n", host);
	}
	fclose(file);
}

mariadb *mariadb_new(void)
{
	std::error_code error;
	mariadb *m = new mariadb;

	m->folder = folder_make();
	m->port = test_free_port();
	std::filesystem::copy(template_folder(), m->folder + "/data", std::filesystem::copy_options::recursive, error);
	if (error)
		give_up("cannot copy the data folder", error.message());
	write_accounts(m);
	return m;
}

void mariadb_launch(mariadb *m)
{
	const std::string log = m->folder + "/log";
	std::error_code error;
	std::vector<std::string> words = {
		"mariadbd",
		"--no-defaults",
		"--datadir=" + m->folder + "/data",
		"--tmpdir=" + m->folder, /* a starting server removes the temporary tables of others there */
		"--socket=" + m->folder + "/socket",
		"--port=" + std::to_string(m->port),
		"--bind-address=127.0.0.1",
		"--pid-file=" + m->folder + "/pid",
		"--init-file=" + m->folder + "/accounts.sql",
		"--skip-name-resolve",
		"--skip-log-bin",
		"--innodb-buffer-pool-size=64M",
		"--innodb-file-per-table=0",
		"--max-connections=300",
		small[0],
		small[1],
	};

	add_user(&words);
	words.insert(words.end(), m->options.begin(), m->options.end());
	m->log_start = std::filesystem::exists(log, error) ? std::filesystem::file_size(log, error) : 0;
	m->pid = process_spawn(words, log);
}

static std::string log_of(const mariadb *m)
{
	FILE *file = fopen((m->folder + "/log").c_str(), "r");
	std::string text;
	char part[4096];
	size_t got;

	if (!file)
		return text;
	fseek(file, static_cast<long>(m->log_start), SEEK_SET);
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		text.append(part, got);
	fclose(file);
	return text;
}

bool mariadb_is_ready(const mariadb *m)
{
	return log_of(m).find("ready for connections") != std::string::npos;
}

void mariadb_wait_ready(mariadb *m, std::source_location at)
{
	const int64_t end = check_now() + 4 * check_patience_ms();

	while (!mariadb_is_ready(m)) {
		if (!process_is_alive(&m->pid) || check_now() > end) {
			fprintf(stderr, "%s\n", log_of(m).c_str());
			check_fail(at, "MariaDB does not get ready");
		}
		check_sleep_ms(5);
	}
}

void mariadb_start(mariadb *m, std::source_location at)
{
	mariadb_launch(m);
	mariadb_wait_ready(m, at);
}

void mariadb_signal(mariadb *m, int number)
{
	process_signal(m->pid, number);
}

void mariadb_kill(mariadb *m)
{
	process_kill(&m->pid);
}

void mariadb_free(mariadb *m)
{
	mariadb_kill(m);
	folder_remove(m->folder);
	delete m;
}

struct shared_server {
	mariadb *server = nullptr;
	pid_t owner = 0;

	/* Children that a test forks end without taking it away. */
	~shared_server()
	{
		if (server && owner == getpid())
			mariadb_free(server);
	}
};

mariadb *mariadb_shared(void)
{
	static shared_server shared;

	if (!shared.server) {
		shared.owner = getpid();
		shared.server = mariadb_new();
		mariadb_start(shared.server);
	}
	return shared.server;
}

std::string mariadb_new_database(void)
{
	static int last = 0;

	return "chat_" + std::to_string(++last);
}
