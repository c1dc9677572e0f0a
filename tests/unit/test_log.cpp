/* SPDX-License-Identifier: MIT
 * Tests the form of log lines and audit lines. */
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <cjson/cJSON.h>
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

	assert_string_equal(text.c_str(), "error peer=\"a\\x0aerror forged\\x1b[31m\\x7f\"\n");
}

static void control_characters_above_ascii_are_made_visible_and_letters_are_kept(void **)
{
	const std::string text = captured([] {
		log_error("name=%s", "\xc2\x9b"
		                     "31m \x9b"
		                     "2J \xc3\x9b\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	});

	assert_string_equal(text.c_str(), "error name=\"\\xc2\\x9b31m \\x9b2J "
	                                  "\xc3\x9b\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n");
}

static void what_an_argument_holds_is_never_a_pair(void **)
{
	const std::string text = captured([] {
		log_error("%s refused name=%s file=%s-lock", "who=me", "x account=7", "a b");
		log_error("why=\"%s\" at=%s", "he said \"no\" account=7", "C:\\x");
		log_error("name=%s next=%s", "", "plain=1");
	});

	assert_string_equal(text.c_str(), "error who=me refused name=\"x account=7\" file=\"a b-lock\"\n"
	                                  "error why=\"he said \\\"no\\\" account=7\" at=\"C:\\\\x\"\n"
	                                  "error name= next=plain=1\n");
}

static void every_conversion_of_printf_is_understood(void **)
{
	const std::string text = captured([] {
		log_error("%% %c %5.2f %-4d| %03o %*d %.*s %p", 'c', 1.5, 7, 8u, 4, 9, 2, "abc", nullptr);
		log_error("a=%hhd b=%hd c=%ld d=%lld e=%zu f=%jd g=%td h=%llx", 1, 2, 3L, 4LL, size_t{5}, intmax_t{6},
		          ptrdiff_t{7}, 255ULL);
	});

	assert_string_equal(text.c_str(), "error % c  1.50 7   | 010    9 ab (nil)\n"
	                                  "error a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=ff\n");
}

/* ---- JSON */

using json_ptr = std::unique_ptr<cJSON, function_deleter<cJSON_Delete>>;

/* Each line is an object; returns them. */
static std::vector<json_ptr> parsed(const std::string &text)
{
	std::vector<json_ptr> objects;

	for (size_t at = 0, end; at < text.size(); at = end + 1) {
		end = text.find('\n', at);
		assert_true(end != text.npos);
		const char *rest = nullptr;
		json_ptr object(cJSON_ParseWithLengthOpts(text.data() + at, end - at, &rest, 0));

		if (!object || rest != text.data() + end)
			check_fail(std::source_location::current(), "no JSON: %s", text.substr(at, end - at).c_str());
		objects.push_back(std::move(object));
	}
	return objects;
}

template <class Writes> static std::vector<json_ptr> captured_json(Writes writes)
{
	log_set_form(LOG_FORM_JSON);
	const std::string text = capture_stderr(writes);

	log_set_form(LOG_FORM_TEXT);
	return parsed(text);
}

static std::string member(const json_ptr &object, const char *key)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object.get(), key);

	return !found ? "none" : cJSON_IsNumber(found) ? std::to_string(found->valueint) : found->valuestring;
}

static void a_line_of_json_has_time_level_text_and_the_pairs(void **)
{
	set_zone("XXX-5:30");
	const time_t before = time(nullptr);
	const auto lines =
		captured_json([] { log_warning("plugin=%s is slow ms=%d at=%x why=\"%s\"", "x", 7, 16, "y z"); });
	struct tm said {};

	set_zone("UTC");
	assert_int_equal(lines.size(), 1);
	const std::string time_text = member(lines[0], "time");
	const char *rest = strptime(time_text.c_str(), "%Y-%m-%dT%H:%M:%S.", &said);
	assert_non_null(rest);
	assert_int_equal(strlen(rest), 4);
	assert_int_equal(rest[3], 'Z');
	assert_in_range(timegm(&said), before, time(nullptr));
	assert_string_equal(member(lines[0], "level").c_str(), "warning");
	assert_string_equal(member(lines[0], "text").c_str(), "is slow");
	assert_string_equal(member(lines[0], "plugin").c_str(), "x");
	assert_true(cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(lines[0].get(), "ms")));
	assert_string_equal(member(lines[0], "ms").c_str(), "7");
	assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(lines[0].get(), "at")));
	assert_string_equal(member(lines[0], "why").c_str(), "y z");
}

static void hostile_values_are_members_as_they_are(void **)
{
	const char *const hostile[] = {"\"",
	                               "\\",
	                               "a\nb\r\t\x01\x7f",
	                               "\",\"level\":\"error",
	                               "x level=error",
	                               "{}",
	                               "\xc2\x9b"
	                               "2J",
	                               "\xe2\x82\xac\xf0\x9f\x98\x80",
	                               "",
	                               " ",
	                               "=",
	                               "\\x0a"};
	const auto lines = captured_json([&hostile] {
		for (const char *name : hostile)
			log_error("%s name=%s", name, name);
	});

	assert_int_equal(lines.size(), std::size(hostile));
	for (size_t i = 0; i < lines.size(); i++) {
		assert_string_equal(member(lines[i], "name").c_str(), hostile[i]);
		assert_string_equal(member(lines[i], "level").c_str(), "error");
	}
}

static void bytes_that_are_no_utf8_are_replaced(void **)
{
	const auto lines = captured_json([] {
		for (const char *name : {"\xff", "a\x80z", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
			log_error("name=%s", name);
	});

	assert_int_equal(lines.size(), 6);
	assert_string_equal(member(lines[0], "name").c_str(), "\xef\xbf\xbd");
	assert_string_equal(member(lines[1], "name").c_str(), "a\xef\xbf\xbdz");
	assert_string_equal(member(lines[3], "name").c_str(), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_key_that_is_there_already_gets_another_name(void **)
{
	const auto lines = captured_json([] { log_error("x time=%d level=%d text=%d a=%d a=%d", 1, 2, 3, 4, 5); });

	assert_string_equal(member(lines.at(0), "level").c_str(), "error");
	assert_string_equal(member(lines[0], "time_").c_str(), "1");
	assert_string_equal(member(lines[0], "level_").c_str(), "2");
	assert_string_equal(member(lines[0], "text_").c_str(), "3");
	assert_string_equal(member(lines[0], "a").c_str(), "4");
	assert_string_equal(member(lines[0], "a_").c_str(), "5");
}

static void a_long_line_of_json_is_cut_and_stays_json(void **)
{
	log_set_form(LOG_FORM_JSON);
	const std::string text = capture_stderr([] {
		for (const char *piece : {"x", "\n", "\xe2\x82\xac", "\"", "\xff"}) {
			std::string value;

			while (value.size() < 3900)
				value += piece;
			log_error("%s name=%s number=%d", value.c_str(), value.c_str(), 7);
		}
	});

	log_set_form(LOG_FORM_TEXT);
	assert_int_equal(parsed(text).size(), 5);
	for (size_t at = 0, end; at < text.size(); at = end + 1) {
		end = text.find('\n', at);
		assert_in_range(end + 1 - at, 1000, 4096);
	}
}

/* ---- audit lines */

static void without_an_audit_log_nothing_is_audited(void **)
{
	assert_false(log_audits());
	assert_string_equal(capture_stderr([] { log_audit("login", "account=%d", 7); }).c_str(), "");
}

/* What an audit log on standard error gets. */
template <class Writes> static std::string audited(Writes writes)
{
	assert_int_equal(log_open(LOG_AUDIT, "stderr", nullptr), 0);
	const std::string text = capture_stderr(writes);

	assert_int_equal(log_open(LOG_AUDIT, "", nullptr), 0);
	return text;
}

static void an_audit_line_has_its_event_whatever_the_level(void **)
{
	log_set_level(CS_LOG_ERROR);
	assert_string_equal(without_times(audited([] { log_audit("login", "account=%d name=%s", 7, "a b"); })).c_str(),
	                    "audit login account=7 name=\"a b\"\n");
	log_set_form(LOG_FORM_JSON);
	const auto lines = parsed(audited([] { log_audit("login", "account=%d", 7); }));
	log_set_form(LOG_FORM_TEXT);
	log_set_level(CS_LOG_DEBUG);
	assert_string_equal(member(lines.at(0), "level").c_str(), "audit");
	assert_string_equal(member(lines[0], "event").c_str(), "login");
	assert_string_equal(member(lines[0], "account").c_str(), "7");
}

static void audit_of_plugin(const char *event, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vaudit_plugin(event, "login", 1, format, arguments);
	va_end(arguments);
}

/* Also behind a value in quotes. */
static void pairs_have_a_blank_between_them(void **)
{
	const std::string text = audited([] {
		audit_of_plugin("login", "why=\"%s\"", "a b");
		audit_of_plugin("login", "account=%d", 7);
		audit_of_plugin("login", "%s", "");
	});

	assert_string_equal(without_times(text).c_str(), "audit login why=\"a b\" plugin=login worker=1\n"
	                                                 "audit login account=7 plugin=login worker=1\n"
	                                                 "audit login plugin=login worker=1\n");
}

static void the_journal_gets_audit_lines_as_notices(void **)
{
	const std::string text = audited([] {
		set_journal(0);
		log_audit("login", "account=%d", 7);
	});

	unsetenv("JOURNAL_STREAM");
	assert_string_equal(text.c_str(), "<5>audit login account=7\n");
}

/* Waits for the beginning of a second of the clock by which refusals are counted. */
static int64_t begin_second()
{
	struct timespec now {};
	time_t first = 0;

	do {
		(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
		first = first ? first : now.tv_sec;
	} while (now.tv_sec == first);
	return now.tv_sec;
}

static void a_flood_of_refusals_is_bounded_and_what_was_left_out_is_counted(void **)
{
	const std::string text = audited([] {
		const int64_t first = begin_second();
		int64_t last = 0;

		for (unsigned i = 0; i < log_most_refusals + 1000; i++)
			log_audit("login_refused", "account=%d", 7);
		for (unsigned i = 0; i < 200; i++)
			log_audit("login", "account=%d", 8);
		last = begin_second();
		log_audit("login_refused", "account=%d", 9);
		assert_true(last > first);
	});
	const auto count = [&text](const char *what) {
		size_t n = 0;

		for (size_t at = 0; (at = text.find(what, at)) != text.npos; at++)
			n++;
		return n;
	};

	/* On a machine that stands still meanwhile they are those of several seconds. */
	assert_in_range(count("login_refused account=7"), log_most_refusals, 10 * log_most_refusals);
	assert_int_equal(count("login account=8"), 200);
	assert_int_equal(count("login_refused account=9 left_out="), 1);
}

/* Whoever sends nonsense cannot hide that somebody guesses passwords. */
static void a_flood_of_one_kind_of_refusals_hides_no_other_kind(void **)
{
	const std::string text = audited([] {
		for (unsigned i = 0; i < log_most_refusals + 1000; i++)
			log_audit("request_refused", "account=%d", 7);
		for (const char *event : {"login_refused", "register_refused", "operator_refused", "other_refused"})
			log_audit(event, "account=%d", 8);
	});

	for (const char *event : {"login_refused", "register_refused", "operator_refused", "other_refused"})
		assert_non_null(strstr(text.c_str(), (std::string(event) + " account=8\n").c_str()));
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
		cmocka_unit_test(what_an_argument_holds_is_never_a_pair),
		cmocka_unit_test(every_conversion_of_printf_is_understood),
		cmocka_unit_test(a_line_of_json_has_time_level_text_and_the_pairs),
		cmocka_unit_test(hostile_values_are_members_as_they_are),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(a_key_that_is_there_already_gets_another_name),
		cmocka_unit_test(a_long_line_of_json_is_cut_and_stays_json),
		cmocka_unit_test(without_an_audit_log_nothing_is_audited),
		cmocka_unit_test(an_audit_line_has_its_event_whatever_the_level),
		cmocka_unit_test(pairs_have_a_blank_between_them),
		cmocka_unit_test(the_journal_gets_audit_lines_as_notices),
		cmocka_unit_test(a_flood_of_refusals_is_bounded_and_what_was_left_out_is_counted),
		cmocka_unit_test(a_flood_of_one_kind_of_refusals_hides_no_other_kind),
		cmocka_unit_test(a_long_line_is_cut_and_errno_is_kept),
		cmocka_unit_test(nobody_waits_for_a_reader_who_stands_still),
		cmocka_unit_test(lines_of_threads_never_mix),
		cmocka_unit_test(an_error_text_is_cut_at_its_size),
	};

	return cmocka_run_group_tests_name("log", tests, nullptr, nullptr);
}
