/* SPDX-License-Identifier: MIT
 * Owns the tests of log lines. It must not know what they are about. */
#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <setjmp.h>
#include <unistd.h>

#include "core/log.h"
#include "core/raii.h"

extern "C" {
#include <cmocka.h>
}

/* Runs what writes to standard error and returns what it wrote. */
template <class Writes> static std::string captured(Writes writes)
{
	char path[] = "/tmp/test_log.XXXXXX";
	const unique_fd file(mkstemp(path));
	const unique_fd before(dup(STDERR_FILENO));
	std::string text(1 << 20, '\0');

	unlink(path);
	fcntl(file.fd, F_SETFL, O_APPEND);
	dup2(file.fd, STDERR_FILENO);
	writes();
	dup2(before.fd, STDERR_FILENO);
	const ssize_t size = pread(file.fd, text.data(), text.size(), 0);

	assert_true(size >= 0);
	text.resize((size_t)size);
	return text;
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
		log_error("name=%s", "\xc2\x9b" "31m \x9b" "2J \xc3\x9b\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	});

	assert_string_equal(text.c_str(), "error name=\\xc2\\x9b31m \\x9b2J "
	                                  "\xc3\x9b\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
}

static void a_long_line_is_cut_and_errno_is_kept(void **)
{
	const std::string text = captured([] {
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

	text.resize((size_t)std::max<ssize_t>(read(fd, text.data(), text.size()), 0));
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
	assert_string_equal(second.c_str(), (dropped + "error there is room again\n").c_str());
	assert_string_equal(third.c_str(), "error and for more\n");
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
