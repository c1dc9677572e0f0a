/* SPDX-License-Identifier: MIT
 * Tests the form of log lines. */
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include <base/raii.h>

#include "tests/support/capture.h"

/* In a form like 2026-01-31T23:59:59.999+05:30, with 9 for any digit and + for + or -. */
static const char time_form[] = "9999-99-99T99:99:99.999+99:99 ";
static constexpr size_t time_size = sizeof(time_form) - 1;

static bool has_time(const std::string &line)
{
	for (size_t i = 0; i < time_size; i++) {
		const char c = i < line.size() ? line[i] : '\0';
		const char form = c >= '0' && c <= '9' ? '9' : c == '-' && time_form[i] == '+' ? '+' : c;

		if (form != time_form[i])
			return false;
	}
	return true;
}

/* Each line must begin with a time, which is taken off. */
static std::string without_times(const std::string &text)
{
	std::string rest;

	for (size_t at = 0, end; at < text.size(); at = end) {
		const std::string line = text.substr(at);

		end = std::min(text.find('\n', at), text.size() - 1) + 1;
		if (!has_time(line))
			check_fail(std::source_location::current(), "no time: %s", line.substr(0, 60).c_str());
		rest += text.substr(at + time_size, end - at - time_size);
	}
	return rest;
}

template <class Writes> static std::string captured(Writes writes)
{
	return without_times(capture_stderr(writes));
}

static void set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

/* The offset of the zone, in seconds, as the line says the time. */
static void assert_time_of_zone(const char *zone, const char *offset, long seconds)
{
	struct tm said {};

	set_zone(zone);
	const time_t before = time(nullptr);
	const std::string text = capture_stderr([] { log_error("e"); });
	const time_t after = time(nullptr);

	assert_non_null(strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &said));
	assert_true(timegm(&said) - seconds >= before && timegm(&said) - seconds <= after);
	assert_string_equal(text.substr(time_size - 7).c_str(), (std::string(offset) + " error e\n").c_str());
}

static void a_line_begins_with_the_local_time_and_its_offset(void **)
{
	assert_time_of_zone("XXX-5:30", "+05:30", 5 * 3600 + 1800);
	assert_time_of_zone("XXX3", "-03:00", -3 * 3600);
	assert_time_of_zone("UTC", "+00:00", 0);
}

/* The stream that standard error is at the moment, less by one where it is another. */
static void set_journal(int less)
{
	struct stat status {};

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	const std::string stream =
		std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino - static_cast<ino_t>(less));

	assert_int_equal(setenv("JOURNAL_STREAM", stream.c_str(), 1), 0);
}

static void the_journal_gets_priorities_and_no_time(void **)
{
	log_set_level(CS_LOG_DEBUG);
	const std::string text = capture_stderr([] {
		set_journal(0);
		log_error("e");
		log_warning("w");
		log_info("i");
		log_debug("d");
	});

	unsetenv("JOURNAL_STREAM");
	assert_string_equal(text.c_str(), "<3>error e\n<4>warning w\n<6>info i\n<7>debug d\n");
}

static void a_file_that_took_the_journals_place_gets_the_time(void **)
{
	std::string text = captured([] {
		set_journal(1);
		log_error("e");
		setenv("JOURNAL_STREAM", "nonsense", 1);
		log_error("f");
	});

	unsetenv("JOURNAL_STREAM");
	assert_string_equal(text.c_str(), "error e\nerror f\n");
}

static void a_line_has_its_level_and_its_text(void **)
{
	log_set_level(CS_LOG_DEBUG);
	const std::string text = captured([] {
		log_error("e number=%d", 1);
		log_warning("w");
		log_info("i");
		log_debug("d");
	});

	assert_string_equal(text.c_str(), "error e number=1\nwarning w\ninfo i\ndebug d\n");
}

static void lines_above_the_level_are_dropped(void **)
{
	log_set_level(CS_LOG_WARNING);
	const std::string text = captured([] {
		log_info("not here");
		log_write(CS_LOG_INFO, "nor here");
		log_warning("here");
	});

	assert_string_equal(text.c_str(), "warning here\n");
	assert_false(log_enabled(CS_LOG_INFO));
	assert_true(log_enabled(CS_LOG_ERROR));
}

static void control_characters_are_made_visible(void **)
{
	const std::string text = captured([] { log_error("peer=%s", "a\nerror forged\x1b[31m\x7f"); });

	assert_string_equal(text.c_str(), "error peer=a\\x0aerror forged\\x1b[31m\\x7f\n");
}

static void control_characters_above_ascii_are_made_visible_and_letters_are_kept(void **)
{
	const std::string text = captured([] {
		log_error("name=%s", "\xc2\x9b"
		                     "31m \x9b"
		                     "2J \xc3\x9b\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	});

	assert_string_equal(text.c_str(), "error name=\\xc2\\x9b31m \\x9b2J "
	                                  "\xc3\x9b\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
}

static void a_long_line_is_cut_and_errno_is_kept(void **)
{
	const std::string text = capture_stderr([] {
		errno = ENOENT;
		log_error("%s", std::string(10000, 'x').c_str());
		assert_int_equal(errno, ENOENT);
	});

	assert_int_equal(text.size(), 4096);
	assert_int_equal(text.back(), '\n');
}

/* Reads all that a pipe holds. */
static std::string drained(int fd)
{
	std::string text(1 << 20, '\0');

	text.resize(static_cast<size_t>(std::max<ssize_t>(read(fd, text.data(), text.size()), 0)));
	return text;
}

static void nobody_waits_for_a_reader_who_stands_still(void **)
{
	const unique_fd before(dup(STDERR_FILENO));
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	const unique_fd out(ends[0]), in(ends[1]);
	dup2(in.fd, STDERR_FILENO);
	alarm(60);
	for (int i = 0; i < 2000; i++)
		log_error("%s", std::string(100 + i, 'x').c_str());
	alarm(0);
	const std::string first = drained(out.fd);
	log_error("there is room again");
	const std::string second = drained(out.fd);
	log_error("and for more");
	const std::string third = drained(out.fd);
	dup2(before.fd, STDERR_FILENO);
	const auto written = std::count(first.begin(), first.end(), '\n');
	const std::string dropped = "warning log lines dropped count=" + std::to_string(2000 - written) + "\n";

	assert_true(written > 10 && written < 2000);
	assert_int_equal(first.back(), '\n');
	assert_string_equal(without_times(second).c_str(), (dropped + "error there is room again\n").c_str());
	assert_string_equal(without_times(third).c_str(), "error and for more\n");
}

static void lines_of_threads_never_mix(void **)
{
	const std::string text = captured([] {
		std::vector<std::thread> threads;

		for (int t = 0; t < 4; t++)
			threads.emplace_back([] {
				for (int i = 0; i < 200; i++)
					log_error("%s", std::string(100, 'x').c_str());
			});
		for (std::thread &thread : threads)
			thread.join();
	});
	const std::string line = "error " + std::string(100, 'x') + "\n";

	assert_int_equal(text.size(), 800 * line.size());
	for (size_t at = 0; at < text.size(); at += line.size())
		assert_memory_equal(text.data() + at, line.data(), line.size());
}

static void an_error_text_is_cut_at_its_size(void **)
{
	struct cs_error e;

	error_set(&e, "%s", std::string(1000, 'x').c_str());
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	error_set(nullptr, "nobody wants it");
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_with_the_local_time_and_its_offset),
		cmocka_unit_test(the_journal_gets_priorities_and_no_time),
		cmocka_unit_test(a_file_that_took_the_journals_place_gets_the_time),
		cmocka_unit_test(a_line_has_its_level_and_its_text),
		cmocka_unit_test(lines_above_the_level_are_dropped),
		cmocka_unit_test(control_characters_are_made_visible),
		cmocka_unit_test(control_characters_above_ascii_are_made_visible_and_letters_are_kept),
		cmocka_unit_test(a_long_line_is_cut_and_errno_is_kept),
		cmocka_unit_test(nobody_waits_for_a_reader_who_stands_still),
		cmocka_unit_test(lines_of_threads_never_mix),
		cmocka_unit_test(an_error_text_is_cut_at_its_size),
	};

	return cmocka_run_group_tests_name("log", tests, nullptr, nullptr);
}
