/* SPDX-License-Identifier: MIT
 * Tests where log lines go: files, also when they are renamed, removed or full, and syslog. */
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log.h"
#include <base/raii.h>

#include "tests/support/capture.h"
#include "tests/support/disk.h"
#include "tests/support/folder.h"

struct test_folder {
	std::string path = folder_make();

	~test_folder()
	{
		folder_remove(path);
	}
};

static std::string read_whole(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;

	text << file.rdbuf();
	return text.str();
}

static std::vector<std::string> lines_of(const std::string &text)
{
	std::istringstream all(text);
	std::vector<std::string> lines;

	if (!text.empty())
		assert_int_equal(text.back(), '\n');
	for (std::string line; std::getline(all, line);)
		lines.push_back(line);
	return lines;
}

/* Each line behind its time and its level. */
static std::vector<std::string> texts_of(const std::string &text)
{
	std::vector<std::string> texts;

	for (const std::string &line : lines_of(text))
		texts.push_back(line.substr(line.find(' ', line.find(' ') + 1) + 1));
	return texts;
}

static void open_place(enum log_stream stream, const std::string &place)
{
	struct cs_error e {};

	if (log_open(stream, place.c_str(), &e) != 0)
		check_fail(std::source_location::current(), "%s: %s", place.c_str(), e.text);
}

/* What the file has when all lines are written. */
static std::string flushed(const std::string &path)
{
	log_flush(60000);
	return read_whole(path);
}

static int close_all(void **)
{
	log_close();
	return 0;
}

/* ---- the names of places */

static std::string refused(enum log_stream stream, const std::string &place)
{
	struct cs_error e {};

	assert_int_equal(log_check_place(stream, place.c_str(), &e), CS_EINVAL);
	assert_int_equal(log_open(stream, place.c_str(), nullptr), CS_EINVAL);
	return e.text;
}

static void what_names_no_place_is_refused_with_what_is_allowed(void **)
{
	for (const char *place :
	     {"", "journal", "stdout", "file", "file:", "syslog:", "/var/log/x", "stderr:x", "FILE:x"})
		assert_non_null(strstr(refused(LOG_LINES, place).c_str(),
		                       "allowed is stderr, syslog, syslog:SOCKET or file:PATH"));
	assert_non_null(strstr(refused(LOG_LINES, "journal").c_str(), "stderr is the journal"));
	assert_non_null(strstr(refused(LOG_LINES, "syslog:/" + std::string(200, 'x')).c_str(), "107 bytes"));
	assert_int_equal(log_check_place(LOG_AUDIT, "", nullptr), 0);
	assert_true(log_is_stderr());
}

static std::string file_fault(const std::string &path)
{
	struct cs_error e {
	}, opened{};

	assert_int_equal(log_check_use(LOG_LINES, ("file:" + path).c_str(), &e), CS_EINVAL);
	assert_int_equal(log_open(LOG_LINES, ("file:" + path).c_str(), &opened), CS_EINVAL);
	assert_true(log_is_stderr());
	return e.text;
}

static void a_file_that_cannot_be_opened_is_refused_and_nothing_is_made(void **)
{
	const test_folder folder;
	const std::string fifo = folder.path + "/fifo", path = folder.path + "/log";

	assert_int_equal(mkfifo(fifo.c_str(), 0600), 0);
	assert_non_null(strstr(file_fault(folder.path + "/none/log").c_str(), "/none: No such file or directory"));
	assert_non_null(strstr(file_fault(folder.path).c_str(), "Is a directory"));
	assert_non_null(strstr(file_fault(fifo).c_str(), "no regular file"));
	assert_non_null(strstr(file_fault("/dev/null").c_str(), "no regular file"));
	assert_int_equal(log_check_use(LOG_LINES, ("file:" + path).c_str(), nullptr), 0);
	assert_false(std::filesystem::exists(path));
}

/* ---- files */

static void a_file_is_made_for_owner_and_group_and_appended_to(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/log";
	const uint64_t dropped = log_dropped(LOG_LINES);
	struct stat status {};
	const mode_t before = umask(077);

	open_place(LOG_LINES, "file:" + path);
	umask(before);
	assert_false(log_is_stderr());
	log_error("first n=%d", 1);
	assert_true(texts_of(flushed(path)) == std::vector<std::string>{"first n=1"});
	assert_int_equal(stat(path.c_str(), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	log_close();
	std::filesystem::permissions(path, std::filesystem::perms(0600));
	open_place(LOG_LINES, "file:" + path);
	log_error("second");
	log_close();
	assert_true((texts_of(read_whole(path)) == std::vector<std::string>{"first n=1", "second"}));
	assert_int_equal(stat(path.c_str(), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(log_dropped(LOG_LINES), dropped);
}

static void log_and_audit_log_go_each_their_way(void **)
{
	const test_folder folder;
	const std::string log = folder.path + "/log", audit = folder.path + "/audit";

	open_place(LOG_LINES, "file:" + log);
	open_place(LOG_AUDIT, "file:" + audit);
	log_error("here");
	log_audit("login", "account=%d", 7);
	assert_true(texts_of(flushed(log)) == std::vector<std::string>{"here"});
	assert_true(texts_of(read_whole(audit)) == std::vector<std::string>{"login account=7"});
	open_place(LOG_AUDIT, "");
	log_audit("login", "account=%d", 8);
	assert_int_equal(lines_of(flushed(audit)).size(), 1);
	open_place(LOG_AUDIT, "file:" + log);
	log_audit("logout", "account=%d", 7);
	assert_int_equal(lines_of(flushed(log)).size(), 2);
}

/* Threads that write numbered lines until it ends. */
struct writers {
	std::atomic<bool> over = false;
	std::vector<std::thread> threads;
	std::atomic<int> written[3] = {0, 0, 0};

	writers()
	{
		for (int t = 0; t < 3; t++)
			threads.emplace_back([this, t] {
				for (int n = 0; !over; n++) {
					log_error("line thread=%d n=%d x=%s", t, n, std::string(200, 'x').c_str());
					written[t] = n + 1;
					std::this_thread::yield();
				}
			});
	}
	void end()
	{
		over = true;
		for (std::thread &thread : threads)
			thread.join();
	}
	void wait(int more)
	{
		const int from = written[0];

		while (written[0] < from + more)
			std::this_thread::yield();
	}
};

static void no_line_is_lost_or_torn_while_a_file_is_renamed(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/log";
	std::string all;
	std::set<std::string> texts;
	const uint64_t dropped = log_dropped(LOG_LINES);

	open_place(LOG_LINES, "file:" + path);
	struct writers writers;
	for (int i = 0; i < 10; i++) {
		writers.wait(30);
		assert_int_equal(rename(path.c_str(), (path + "." + std::to_string(i)).c_str()), 0);
		writers.wait(10);
		assert_true(log_reopen());
		check_wait("the file is there again", [&] { return std::filesystem::exists(path); });
	}
	writers.end();
	log_close();
	for (const auto &entry : std::filesystem::directory_iterator(folder.path))
		for (const std::string &text : texts_of(read_whole(entry.path())))
			assert_true(texts.insert(text).second);
	size_t expected = 0;
	for (int t = 0; t < 3; t++)
		for (int n = 0; n < writers.written[t]; n++, expected++)
			assert_true(texts.contains("line thread=" + std::to_string(t) + " n=" + std::to_string(n) +
			                           " x=" + std::string(200, 'x')));
	assert_int_equal(texts.size(), expected);
	assert_int_equal(log_dropped(LOG_LINES), dropped);
}

static void a_file_that_was_removed_is_made_again(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/log";

	open_place(LOG_LINES, "file:" + path);
	log_error("first");
	assert_int_equal(lines_of(flushed(path)).size(), 1);
	assert_int_equal(unlink(path.c_str()), 0);
	log_error("second");
	assert_true(texts_of(flushed(path)) == std::vector<std::string>{"second"});
}

/* The folder is gone: lines are counted, and when it is back the file says how many they were. */
static void a_folder_that_is_gone_stops_nobody_and_what_was_dropped_is_told(void **)
{
	const test_folder folder;
	const std::string inner = folder.path + "/inner", path = inner + "/log";
	const uint64_t before = log_dropped(LOG_LINES);

	std::filesystem::create_directory(inner);
	open_place(LOG_LINES, "file:" + path);
	log_error("first");
	log_flush(60000);
	const std::string told = capture_stderr([&inner] {
		std::filesystem::remove_all(inner);
		for (int i = 0; i < 5; i++) {
			log_error("nowhere");
			log_flush(60000);
		}
	});
	assert_int_equal(log_dropped(LOG_LINES), before + 5);
	assert_int_equal(lines_of(told).size(), 1);
	assert_non_null(
		strstr(told.c_str(),
	               (" error lines are dropped file=" + path + " why=\"No such file or directory\"\n").c_str()));
	std::filesystem::create_directory(inner);
	log_error("there again");
	assert_true((texts_of(flushed(path)) == std::vector<std::string>{"log lines dropped count=5", "there again"}));
}

static void a_renamed_file_is_written_on_if_the_new_one_cannot_be_opened(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/log", former = folder.path + "/former";

	open_place(LOG_LINES, "file:" + path);
	assert_int_equal(rename(path.c_str(), former.c_str()), 0);
	std::filesystem::create_directory(path);
	const std::string told = capture_stderr([] {
		assert_true(log_reopen());
		log_error("first");
		log_flush(60000);
	});
	assert_non_null(strstr(told.c_str(), "a log file cannot be opened again file="));
	assert_non_null(strstr(told.c_str(), "why=\"Is a directory\""));
	assert_true(texts_of(read_whole(former)) == std::vector<std::string>{"first"});
	std::filesystem::remove(path);
	assert_true(log_reopen());
	log_error("second");
	assert_true(texts_of(flushed(path)) == std::vector<std::string>{"second"});
}

/* The first test: a small disk must be mounted before there are threads. */
static void a_full_disk_stops_nobody_and_no_line_is_torn(void **)
{
	const test_folder disk;
	const std::string folder = disk.path, path = folder + "/log";
	const uint64_t before = log_dropped(LOG_LINES);
	size_t written = 0;

	disk_mount(folder, 1 << 20);
	open_place(LOG_LINES, "file:" + path);
	disk_fill(folder, 64 << 10);
	const std::string told = capture_stderr([] {
		for (int n = 0; n < 400; n++) {
			log_error("line n=%d x=%s", n, std::string(1000, 'x').c_str());
			if (n % 7 == 0)
				log_flush(60000);
		}
		log_flush(60000);
	});
	const uint64_t dropped = log_dropped(LOG_LINES) - before;
	for (const std::string &text : texts_of(read_whole(path))) {
		assert_int_equal(text.find("line n="), 0);
		assert_true(text.ends_with(" x=" + std::string(1000, 'x')));
		written++;
	}
	assert_in_range(written, 10, 390);
	assert_int_equal(written + dropped, 400);
	assert_int_equal(lines_of(told).size(), 1);
	assert_non_null(strstr(told.c_str(), "why=\"No space left on device\""));
	disk_relieve(folder);
	log_error("there is room");
	const std::vector<std::string> texts = texts_of(flushed(path));
	assert_int_equal(texts.size(), written + 2);
	assert_string_equal(texts[written].c_str(), ("log lines dropped count=" + std::to_string(dropped)).c_str());
	assert_string_equal(texts[written + 1].c_str(), "there is room");
	log_close();
	disk_unmount(folder);
}

/* ---- syslog */

/* The socket of a syslog daemon. */
struct syslog_daemon {
	unique_fd fd{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

	explicit syslog_daemon(const std::string &path)
	{
		struct sockaddr_un address = {};

		address.sun_family = AF_UNIX;
		(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
		(void)unlink(path.c_str());
		assert_int_equal(bind(fd.fd, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
	}
	std::string next() const
	{
		struct pollfd in {
			.fd = fd.fd, .events = POLLIN, .revents = 0
		};
		char text[8192];

		if (poll(&in, 1, 0) != 1)
			return "";
		const ssize_t size = recv(fd.fd, text, sizeof text, 0);
		return std::string(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
	}
};

/* "<27>Jan 31 23:59:59 chatserverd[17]: error e" without the time, which is 15 characters long. */
static std::string without_time(const std::string &line)
{
	const size_t end = line.find('>') + 1;

	return line.size() < end + 15 ? line : line.substr(0, end) + line.substr(end + 15);
}

static void syslog_gets_each_line_with_its_priority_and_facility(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/socket";
	const syslog_daemon daemon(path);
	const std::string tag = " chatserverd[" + std::to_string(getpid()) + "]: ";

	open_place(LOG_LINES, "syslog:" + path);
	open_place(LOG_AUDIT, "syslog:" + path);
	log_set_level(CS_LOG_DEBUG);
	log_error("e n=%d", 1);
	log_warning("w");
	log_info("i");
	log_debug("d");
	log_audit("login", "account=%d", 7);
	log_set_level(CS_LOG_INFO);
	for (const std::string &text :
	     {"<27>" + tag + "error e n=1", "<28>" + tag + "warning w", "<30>" + tag + "info i",
	      "<31>" + tag + "debug d", "<85>" + tag + "audit login account=7"})
		assert_string_equal(without_time(daemon.next()).c_str(), text.c_str());
}

static void nobody_waits_for_a_syslog_that_does_not_read(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/socket";
	const syslog_daemon daemon(path);
	const uint64_t before = log_dropped(LOG_LINES);
	uint64_t got = 0;

	open_place(LOG_LINES, "syslog:" + path);
	alarm(60);
	for (int i = 0; i < 2000; i++)
		log_error("%s", std::string(100 + i, 'x').c_str());
	alarm(0);
	const uint64_t dropped = log_dropped(LOG_LINES) - before;
	while (!daemon.next().empty())
		got++;
	assert_in_range(got, 1, 1999);
	assert_int_equal(got + dropped, 2000);
	log_error("there is room again");
	assert_non_null(
		strstr(daemon.next().c_str(), ("warning log lines dropped count=" + std::to_string(dropped)).c_str()));
	assert_non_null(strstr(daemon.next().c_str(), "error there is room again"));
}

static void a_syslog_that_was_away_gets_the_next_lines(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/socket";
	auto daemon = std::make_unique<syslog_daemon>(path);

	open_place(LOG_LINES, "syslog:" + path);
	daemon = nullptr;
	log_error("nobody is there");
	daemon = std::make_unique<syslog_daemon>(path);
	log_error("first");
	assert_non_null(strstr(daemon->next().c_str(), "log lines dropped count=1"));
	assert_non_null(strstr(daemon->next().c_str(), "error first"));
	daemon = std::make_unique<syslog_daemon>(path);
	log_error("second");
	assert_non_null(strstr(daemon->next().c_str(), "error second"));
}

static void standard_error_is_told_once_each_time_that_syslog_goes_away(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/socket";
	const std::string told = "error lines are dropped file=" + path + " why=\"Connection refused\"\n";
	auto daemon = std::make_unique<syslog_daemon>(path);

	open_place(LOG_LINES, "syslog:" + path);
	for (int times = 0; times < 2; times++) {
		daemon = nullptr;
		const std::string text = capture_stderr([] {
			log_error("dropped");
			log_error("dropped, too");
		});

		assert_int_equal(lines_of(text).size(), 1);
		assert_true(text.ends_with(told));
		daemon = std::make_unique<syslog_daemon>(path);
		log_error("back");
	}
}

static void a_syslog_that_is_not_there_is_refused_unless_lines_go_there_already(void **)
{
	const test_folder folder;
	const std::string path = folder.path + "/socket", place = "syslog:" + path;
	auto daemon = std::make_unique<syslog_daemon>(path);
	struct cs_error e {};

	assert_int_equal(log_check_use(LOG_LINES, place.c_str(), &e), 0);
	open_place(LOG_LINES, place);
	daemon = nullptr;
	assert_int_equal(log_check_use(LOG_LINES, place.c_str(), &e), 0);
	assert_int_equal(log_check_use(LOG_AUDIT, place.c_str(), &e), CS_EINVAL);
	assert_string_equal(e.text, (place + ": Connection refused").c_str());
	assert_int_equal(log_open(LOG_AUDIT, (place + "-2").c_str(), &e), CS_EINVAL);
	assert_string_equal(e.text, (place + "-2: No such file or directory").c_str());
	assert_false(log_audits());
}

#define PLACE(name) cmocka_unit_test_teardown(name, close_all)

int main()
{
	const struct CMUnitTest tests[] = {
		PLACE(a_full_disk_stops_nobody_and_no_line_is_torn),
		PLACE(what_names_no_place_is_refused_with_what_is_allowed),
		PLACE(a_file_that_cannot_be_opened_is_refused_and_nothing_is_made),
		PLACE(a_file_is_made_for_owner_and_group_and_appended_to),
		PLACE(log_and_audit_log_go_each_their_way),
		PLACE(no_line_is_lost_or_torn_while_a_file_is_renamed),
		PLACE(a_file_that_was_removed_is_made_again),
		PLACE(a_folder_that_is_gone_stops_nobody_and_what_was_dropped_is_told),
		PLACE(a_renamed_file_is_written_on_if_the_new_one_cannot_be_opened),
		PLACE(syslog_gets_each_line_with_its_priority_and_facility),
		PLACE(nobody_waits_for_a_syslog_that_does_not_read),
		PLACE(a_syslog_that_was_away_gets_the_next_lines),
		PLACE(standard_error_is_told_once_each_time_that_syslog_goes_away),
		PLACE(a_syslog_that_is_not_there_is_refused_unless_lines_go_there_already),
	};

	return cmocka_run_group_tests_name("log places", tests, nullptr, nullptr);
}
