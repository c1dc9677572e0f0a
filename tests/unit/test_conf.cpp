/* SPDX-License-Identifier: MIT
 * Tests the reading of chat.conf: every kind of mistake with its message, includes, overrides. */
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "core/conf/conf.h"
#include "tests/support/check.h"
#include "tests/support/folder.h"

struct fixture {
	std::string folder;
	std::string path;
};

struct sample {
	const char *name;
	int64_t count;
	int64_t size;
	int64_t wait;
	int64_t keep;
	int on;
	int colour;
	const char *secret;
};

static const struct cs_option sample_options[] = {
	{"name", CS_OPTION_TEXT, offsetof(sample, name), 0, 8, "x", nullptr, 1, "a name"},
	{"count", CS_OPTION_INTEGER, offsetof(sample, count), -5, 10, "3", nullptr, 1, "a count"},
	{"size", CS_OPTION_SIZE, offsetof(sample, size), 1, 1 << 30, "64K", nullptr, 0, "a size"},
	{"wait", CS_OPTION_TIME, offsetof(sample, wait), 0, 3600000, "30s", nullptr, 1, "a time"},
	{"keep", CS_OPTION_TIME, offsetof(sample, keep), 0, INT64_C(100) * 86400000, "forever", nullptr, 1,
         "a long time"},
	{"on", CS_OPTION_BOOL, offsetof(sample, on), 0, 0, "no", nullptr, 1, "a switch"},
	{"colour", CS_OPTION_CHOICE, offsetof(sample, colour), 0, 0, "green", "red|green|blue", 0, "a choice"},
	{"secret", CS_OPTION_SECRET, offsetof(sample, secret), 0, 0, "", nullptr, 0, "a secret"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

static int set_up(void **state)
{
	auto *f = new fixture;

	f->folder = folder_make();
	f->path = f->folder + "/chat.conf";
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	folder_remove(f->folder);
	delete f;
	return 0;
}

static void write_file(const std::string &path, const std::string &text)
{
	FILE *stream = fopen(path.c_str(), "w");

	assert_non_null(stream);
	assert_int_equal(fwrite(text.data(), 1, text.size(), stream), text.size());
	assert_int_equal(fclose(stream), 0);
}

static void assert_refused(const fixture *f, const std::string &text, const std::string &message)
{
	struct conf_file file;
	struct cs_error e {};

	write_file(f->path, text);
	assert_int_equal(conf_read(&file, f->path.c_str(), &e), CS_EINVAL);
	assert_string_equal(e.text, (f->path + message).c_str());
}

static void read_good(const fixture *f, const std::string &text, struct conf_file *file)
{
	struct cs_error e {};

	write_file(f->path, text);
	if (conf_read(file, f->path.c_str(), &e) != 0)
		check_fail(std::source_location::current(), "%s", e.text);
}

static const struct sample *bind_good(const struct conf_file *file, struct conf_struct *bound)
{
	struct cs_error e {};

	if (conf_bind(file, "sample", sample_options, sizeof(struct sample), bound, &e) != 0)
		check_fail(std::source_location::current(), "%s", e.text);
	return reinterpret_cast<const struct sample *>(bound->memory.get());
}

static void assert_unbound(const fixture *f, const std::string &line, const std::string &message)
{
	struct conf_file file;
	struct conf_struct bound;
	struct cs_error e {};

	read_good(f, "[sample]\n\n" + line + "\n", &file);
	assert_int_equal(conf_bind(&file, "sample", sample_options, sizeof(struct sample), &bound, &e), CS_EINVAL);
	assert_string_equal(e.text, (f->path + ":3: " + message).c_str());
	assert_null(bound.memory.get());
}

static void values_of_every_type_are_read(void **state)
{
	struct conf_file file;
	struct conf_struct bound;

	read_good(static_cast<fixture *>(*state),
	          "# comment\n[ sample ] # here\n name = a b # comment\ncount=-5\nsize = 19M\nwait = 250ms\n"
	          "on = yes\ncolour = blue\nsecret = \"p#w \" # comment\n",
	          &file);
	const struct sample *s = bind_good(&file, &bound);

	assert_string_equal(s->name, "a b");
	assert_int_equal(s->count, -5);
	assert_int_equal(s->size, 19 << 20);
	assert_int_equal(s->wait, 250);
	assert_int_equal(s->on, 1);
	assert_int_equal(s->colour, 2);
	assert_string_equal(s->secret, "p#w ");
}

static void defaults_fill_what_the_file_leaves_out(void **state)
{
	struct conf_file file;
	struct conf_struct bound;

	read_good(static_cast<fixture *>(*state), "", &file);
	const struct sample *s = bind_good(&file, &bound);

	assert_string_equal(s->name, "x");
	assert_int_equal(s->size, 65536);
	assert_int_equal(s->wait, 30000);
	assert_int_equal(s->on, 0);
	assert_int_equal(s->colour, 1);
	assert_string_equal(s->secret, "");
}

static void the_last_value_of_a_key_wins_and_the_command_line_over_all(void **state)
{
	struct conf_file file;
	struct conf_struct bound;
	struct cs_error e {};

	read_good(static_cast<fixture *>(*state), "[sample]\ncount = 1\ncount = 2\non = yes\n", &file);
	assert_int_equal(bind_good(&file, &bound)->count, 2);
	assert_int_equal(conf_override(&file, "sample.count=7", &e), 0);
	assert_int_equal(bind_good(&file, &bound)->count, 7);
	assert_string_equal(conf_where(&file, "sample", "count").c_str(), "command line");
	assert_string_equal(conf_where(&file, "sample", "name").c_str(), "default");
	assert_string_equal(conf_where(&file, "sample", "on").c_str(), (((fixture *)*state)->path + ":4").c_str());
}

static void an_override_that_is_no_assignment_is_refused(void **state)
{
	struct conf_file file;
	struct cs_error e {};

	(void)state;
	for (const char *text : {"", "sample", "sample.count", "count=1", ".count=1", "sample.=1"}) {
		assert_int_equal(conf_override(&file, text, &e), CS_EINVAL);
		assert_string_equal(e.text, "command line: -o takes section.key=value");
	}
}

static void line_ends_of_windows_and_a_byte_order_mark_are_taken(void **state)
{
	struct conf_file file;
	struct conf_struct bound;

	read_good(static_cast<fixture *>(*state), "\xef\xbb\xbf[sample]\r\nname = a\r\n\r\ncount = 4", &file);
	assert_string_equal(bind_good(&file, &bound)->name, "a");
	assert_int_equal(bind_good(&file, &bound)->count, 4);
}

static void malformed_lines_are_refused_with_file_and_line(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	const std::string form = ": a line is `key = value`, [section], include FILE or a # comment";
	const std::string section = ": a section is [name], its name of a-z, 0-9 and _";
	const std::string quote = ": the value of name has a quote without its end, or text behind it";

	assert_refused(f, "\n[sample]\nname\n", ":3" + form);
	assert_refused(f, "[sample]\n= 3\n", ":2" + form);
	assert_refused(f, "[sample]\nName = 3\n", ":2" + form);
	assert_refused(f, "[sample\n", ":1" + section);
	assert_refused(f, "[]\n", ":1" + section);
	assert_refused(f, "[a b]\n", ":1" + section);
	assert_refused(f, "[a] b\n", ":1" + section);
	assert_refused(f, "name = 3\n", ":1: name stands before the first [section]");
	assert_refused(f, "[a]\nname = \"x\n", ":2" + quote);
	assert_refused(f, "[a]\nname = \"x\" y\n", ":2" + quote);
}

static void what_is_no_text_file_is_refused(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	const std::string binary = ": a NUL byte or control character; this must be a text file";
	struct conf_file file;
	struct cs_error e {};

	assert_refused(f, std::string("[a]\nb = \0c\n", 11), ":2" + binary);
	assert_refused(f, "[a]\nb = \x1b[31m\n", ":2" + binary);
	assert_refused(f, "[a]\nb = " + std::string(5000, 'x') + "\n", ":2: a line may have at most 4096 bytes");
	assert_refused(f, std::string((1 << 20) + 4097, '\n'), ": is larger than 1M");
	assert_int_equal(conf_read(&file, f->folder.c_str(), &e), CS_EINVAL);
	assert_string_equal(e.text, (f->folder + ": is a folder; a file is needed").c_str());
	assert_int_equal(conf_read(&file, (f->folder + "/none").c_str(), &e), CS_EINVAL);
	assert_string_equal(e.text, (f->folder + "/none: cannot be read: No such file or directory").c_str());
}

static void includes_are_read_in_order_relative_to_their_file(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	struct conf_file file;
	struct conf_struct bound;

	assert_int_equal(mkdir((f->folder + "/conf.d").c_str(), 0700), 0);
	write_file(f->folder + "/conf.d/20.conf", "[sample]\ncount = 2\n");
	write_file(f->folder + "/conf.d/10.conf", "[sample]\ncount = 1\nname = ten\n");
	read_good(f, "[sample]\ncount = 0\ninclude conf.d/*.conf\ninclude none/*.conf\non = yes\n", &file);
	const struct sample *s = bind_good(&file, &bound);

	assert_int_equal(s->count, 2);
	assert_string_equal(s->name, "ten");
	assert_int_equal(s->on, 1);
	assert_string_equal(conf_where(&file, "sample", "count").c_str(), (f->folder + "/conf.d/20.conf:2").c_str());
}

static void includes_that_cannot_be_followed_are_refused(void **state)
{
	const auto *f = static_cast<fixture *>(*state);

	assert_refused(f, "\ninclude none.conf\n", ":2: cannot include " + f->folder + "/none.conf: no such file");
	assert_refused(f, "include chat.conf\n", ":1: includes " + f->path + ", which is being read already");
	assert_refused(f, "include \"\n", ":1: include names a file or a pattern, such as conf.d/*.conf");
	write_file(f->folder + "/other.conf", "include chat.conf\n");
	struct conf_file file;
	struct cs_error e {};

	write_file(f->path, "include other.conf\n");
	assert_int_equal(conf_read(&file, f->path.c_str(), &e), CS_EINVAL);
	assert_string_equal(
		e.text, (f->folder + "/other.conf:1: includes " + f->path + ", which is being read already").c_str());
}

static void an_unknown_key_names_the_nearest_one(void **state)
{
	const auto *f = static_cast<fixture *>(*state);

	assert_unbound(f, "cuont = 1", "[sample] has no option cuont; the nearest one is count");
	assert_unbound(f, "color = red", "[sample] has no option color; the nearest one is colour");
	assert_unbound(f, "waits = 1s", "[sample] has no option waits; the nearest one is wait");
}

static void a_name_that_is_near_to_none_is_not_taken_for_one(void **state)
{
	const auto *f = static_cast<fixture *>(*state);

	assert_unbound(f, "max_frame = 64K", "[sample] has no option max_frame");
	assert_unbound(f, "verbosity = 1", "[sample] has no option verbosity");
	assert_string_equal(conf_nearest("wordfilter", {"core", "store", "bus", "mailbox"}).c_str(), "");
	assert_string_equal(conf_nearest("max_conections", {"keepalive", "max_connections"}).c_str(),
	                    "max_connections");
	assert_string_equal(conf_nearest("cor", {"core", "store"}).c_str(), "core");
	assert_string_equal(conf_nearest("log", {"bus", "core"}).c_str(), "");
	assert_string_equal(conf_nearest("x", {"y"}).c_str(), "");
	assert_string_equal(conf_nearest("x", {}).c_str(), "");
}

static void a_bad_value_says_what_is_allowed(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	const std::string count = "allowed is a number, -5 to 10";
	const std::string time = "allowed is a time with its unit such as 250ms, 30s, 5m, 2h, 7d, from 0 to 1h";
	const std::string size = "allowed is a size such as 64K, 19M, 1G, from 1 to 1G";

	assert_unbound(f, "count = 11", "sample.count cannot be \"11\"; " + count);
	assert_unbound(f, "count = -6", "sample.count cannot be \"-6\"; " + count);
	assert_unbound(f, "count = 1x", "sample.count cannot be \"1x\"; " + count);
	assert_unbound(f, "count =", "sample.count cannot be \"\"; " + count);
	assert_unbound(f, "count = 99999999999999999999", "sample.count cannot be \"99999999999999999999\"; " + count);
	assert_unbound(f, "wait = 30", "sample.wait cannot be \"30\"; " + time);
	assert_unbound(f, "wait = 2h", "sample.wait cannot be \"2h\"; " + time);
	assert_unbound(f, "wait = 1 s", "sample.wait cannot be \"1 s\"; " + time);
	assert_unbound(f, "size = 0", "sample.size cannot be \"0\"; " + size);
	assert_unbound(f, "size = 9999999999999999G", "sample.size cannot be \"9999999999999999G\"; " + size);
	assert_unbound(f, "size = 64k", "sample.size cannot be \"64k\"; " + size);
	assert_unbound(f, "on = maybe", "sample.on cannot be \"maybe\"; allowed is yes or no");
	assert_unbound(f, "colour = pink", "sample.colour cannot be \"pink\"; allowed is one of red|green|blue");
	assert_unbound(f, "name = 123456789", "sample.name cannot be \"123456789\"; allowed is a text of 0 to 8 bytes");
}

static void a_secret_is_neither_printed_nor_quoted_in_messages(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	static const struct cs_option short_secret[] = {
		{"secret", CS_OPTION_SECRET, 0, 0, 3, "", nullptr, 0, "a secret"},
		{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
	};
	struct conf_file file;
	struct conf_struct bound;
	struct cs_error e {};
	std::string text;

	read_good(f, "[sample]\nsecret = geheim\n", &file);
	bind_good(&file, &bound);
	conf_print(sample_options, &bound, &text);
	assert_non_null(strstr(text.c_str(), "secret = ***\n"));
	assert_null(strstr(text.c_str(), "geheim"));
	assert_int_equal(conf_bind(&file, "sample", short_secret, sizeof(char *), &bound, &e), CS_EINVAL);
	assert_string_equal(e.text,
	                    (f->path + ":2: sample.secret cannot be that; allowed is a text of 0 to 3 bytes").c_str());
}

/* Writes a file of that mode and returns its path. */
static std::string secret_make(const fixture *f, const std::string &text, mode_t mode = 0600)
{
	const std::string path = f->folder + "/secret";

	write_file(path, text);
	assert_int_equal(chmod(path.c_str(), mode), 0);
	return path;
}

/* What the log says while the lines are bound, without the time. */
static std::string log_of_binding(const struct conf_file *file, struct conf_struct *bound_r)
{
	char path[] = "/tmp/test_conf_log.XXXXXX";
	const int log = mkstemp(path), before = dup(STDERR_FILENO);
	char text[4096] = "";

	unlink(path);
	dup2(log, STDERR_FILENO);
	bind_good(file, bound_r);
	dup2(before, STDERR_FILENO);
	assert_true(pread(log, text, sizeof(text) - 1, 0) >= 0);
	close(log);
	close(before);
	const char *blank = strchr(text, ' ');

	return blank ? blank + 1 : "";
}

static void the_first_line_of_a_file_may_be_a_secret(void **state)
{
	const auto *f = static_cast<fixture *>(*state);

	for (const char *text : {"geheim # 1", "geheim # 1\n", "geheim # 1\r\n", "geheim # 1\nand more\n"}) {
		struct conf_file file;
		struct conf_struct bound;
		std::string printed;
		const std::string path = secret_make(f, text);

		read_good(f, "[sample]\nsecret_file = " + path + "\nsecret =\n", &file);
		assert_string_equal(log_of_binding(&file, &bound).c_str(), "");
		assert_string_equal(((struct sample *)(void *)bound.memory.get())->secret, "geheim # 1");
		conf_print(sample_options, &bound, &printed);
		assert_non_null(strstr(printed.c_str(), ("secret = \nsecret_file = " + path + "\n").c_str()));
		assert_null(strstr(printed.c_str(), "geheim"));
	}
}

static void a_relative_path_of_a_secret_is_one_of_systemds_credentials(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	struct conf_file file;
	struct conf_struct bound;

	secret_make(f, "geheim");
	read_good(f, "[sample]\nsecret_file = secret\n", &file);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->folder.c_str(), 1), 0);
	assert_string_equal(bind_good(&file, &bound)->secret, "geheim");
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_unbound(f, "secret_file = secret", "sample.secret_file: secret: No such file or directory");
}

static void a_file_that_gives_no_secret_is_refused_without_showing_it(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	const std::string path = f->folder + "/secret", line = "secret_file = " + path;
	const std::string begin = "sample.secret_file: " + path + ": ";

	assert_unbound(f, line, begin + "No such file or directory");
	for (const char *text : {"", "\n", "\r\n", "\ngeheim\n"}) {
		secret_make(f, text);
		assert_unbound(f, line, begin + "its first line is empty");
	}
	secret_make(f, std::string("ge\0heim\n", 8));
	assert_unbound(f, line, begin + "has a NUL byte in its first line");
	secret_make(f, std::string(4097, 'x'));
	assert_unbound(f, line, begin + "its first line is not allowed; allowed is a text of 0 to 4096 bytes");
	secret_make(f, "geheim", 0602);
	assert_unbound(f, line, begin + "everybody may write to it; run chmod o-w on it");
	assert_unbound(f, "secret_file = /", "sample.secret_file: /: is no file");
	secret_make(f, "geheim");
	assert_unbound(f, line + "\nsecret = x", "sample.secret and sample.secret_file are both given; leave one out");
	assert_unbound(f, "name_file = " + path, "[sample] has no option name_file");
	assert_unbound(f, "secre_file = " + path, "[sample] has no option secre_file; the nearest one is secret_file");
}

static void secrets_that_others_can_read_are_told_and_others_are_not(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	const std::string said =
		"warning others can read a secret: run chmod o-r on the file option=sample.secret file=";
	const std::string path = secret_make(f, "geheim", 0644);
	struct conf_file open, by_file, closed, none;
	struct conf_struct bound;

	write_file(f->path, "");
	assert_int_equal(chmod(f->path.c_str(), 0644), 0);
	read_good(f, "[sample]\nsecret = geheim\n", &open);
	assert_string_equal(log_of_binding(&open, &bound).c_str(), (said + f->path + "\n").c_str());
	read_good(f, "[sample]\nsecret_file = " + path + "\n", &by_file);
	assert_string_equal(log_of_binding(&by_file, &bound).c_str(), (said + path + "\n").c_str());
	read_good(f, "[sample]\nname = x\nsecret =\n", &none);
	assert_string_equal(log_of_binding(&none, &bound).c_str(), "");
	assert_int_equal(conf_override(&none, "sample.secret=geheim", nullptr), 0);
	assert_string_equal(log_of_binding(&none, &bound).c_str(),
	                    "warning others can read a secret on the command line: "
	                    "put it into a file option=sample.secret\n");
	assert_int_equal(chmod(f->path.c_str(), 0640), 0);
	read_good(f, "[sample]\nsecret = geheim\n", &closed);
	assert_string_equal(log_of_binding(&closed, &bound).c_str(), "");
}

static void a_file_that_everybody_may_write_is_refused(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	struct conf_file file;
	struct cs_error e {};

	write_file(f->path, "[sample]\n");
	assert_int_equal(chmod(f->path.c_str(), 0666), 0);
	assert_int_equal(conf_read(&file, f->path.c_str(), &e), CS_EINVAL);
	assert_string_equal(e.text, (f->path + ": everybody may write to it; run chmod o-w on it").c_str());
	assert_int_equal(conf_read(&file, "/dev/null", &e), 0);
}

static void the_file_of_a_secret_is_among_the_options_that_are_dumped(void **)
{
	std::string text;

	conf_dump("sample", sample_options, &text);
	assert_non_null(strstr(text.c_str(), "sample.secret_file\ttext\t\"\"\t0..4096\tfixed\tfile whose first line is "
	                                     "secret, instead of it\n"));
	assert_null(strstr(text.c_str(), "name_file"));
}

static void what_is_printed_can_be_read_again(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	struct conf_file file, again;
	struct conf_struct bound, bound_again;
	std::string first, second;

	read_good(f, "[sample]\nname = \"a # b\"\nsize = 1536\nwait = 90s\ncolour = red\n", &file);
	bind_good(&file, &bound);
	conf_print(sample_options, &bound, &first);
	assert_string_equal(first.c_str(),
	                    "name = \"a # b\"\ncount = 3\nsize = 1536\nwait = 90s\nkeep = forever\non = no\n"
	                    "colour = red\nsecret = \nsecret_file = \n");
	read_good(f, "[sample]\n" + first, &again);
	bind_good(&again, &bound_again);
	conf_print(sample_options, &bound_again, &second);
	assert_string_equal(first.c_str(), second.c_str());
}

/* Where 0 has that word; a time has none otherwise. From two days on, times are printed in days. */
static void a_time_can_be_forever_and_can_be_said_in_days(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	constexpr struct {
		const char *text;
		int64_t ms;
		const char *printed;
	} values[] = {{"forever", 0, "forever"}, {"0", 0, "forever"},       {"1d", 86400000, "24h"},
	              {"48h", 172800000, "2d"},  {"49h", 176400000, "49h"}, {"100d", 8640000000, "100d"}};

	for (const auto &[text, ms, printed] : values) {
		struct conf_file file;
		struct conf_struct bound;
		std::string all;

		read_good(f, std::string("[sample]\nkeep = ") + text + "\n", &file);
		assert_int_equal(bind_good(&file, &bound)->keep, ms);
		conf_print(sample_options, &bound, &all);
		assert_non_null(strstr(all.c_str(), (std::string("\nkeep = ") + printed + "\n").c_str()));
	}
	assert_unbound(f, "keep = ever",
	               "sample.keep cannot be \"ever\"; allowed is forever, or a time with its unit such as 250ms, "
	               "30s, 5m, 2h, 7d, from 0 to 100d");
	assert_unbound(f, "wait = forever",
	               "sample.wait cannot be \"forever\"; allowed is a time with its unit such as 250ms, 30s, 5m, "
	               "2h, 7d, from 0 to 1h");
}

static void text_with_quotes_in_it_is_printed_as_it_was_given(void **state)
{
	const auto *f = static_cast<fixture *>(*state);

	for (const std::string value : {"a# \" \"", "a\"#b", "\"# a\"", "\" a\"", "\"a\t#\"", "\"a\t\""}) {
		struct conf_file file, again;
		struct conf_struct bound, bound_again;
		std::string text;

		read_good(f, "[sample]\nname = " + value + "\n", &file);
		const std::string name = bind_good(&file, &bound)->name;
		conf_print(sample_options, &bound, &text);
		read_good(f, "[sample]\n" + text, &again);
		assert_string_equal(bind_good(&again, &bound_again)->name, name.c_str());
		assert_non_null(strstr(text.c_str(), ("name = " + value + "\n").c_str()));
	}
}

static void an_unknown_section_names_the_nearest_one(void **state)
{
	const auto *f = static_cast<fixture *>(*state);
	struct conf_file file, other;
	struct cs_error e {};

	read_good(f, "[core]\nx = 1\n[stroe]\n", &file);
	assert_int_equal(conf_check_sections(&file, {"core", "store", "stroe"}, {}, &e), 0);
	assert_int_equal(conf_check_sections(&file, {"core", "store"}, {}, &e), CS_EINVAL);
	assert_string_equal(e.text,
	                    (f->path + ":3: there is no section [stroe], and core.plugin_dir has no plugin of that "
	                               "name; the nearest one is [store]")
	                            .c_str());
	read_good(f, "[core]\n[wordfilter]\n", &other);
	assert_int_equal(conf_check_sections(&other, {"core", "store"}, {"word"}, &e), CS_EINVAL);
	assert_string_equal(e.text,
	                    (f->path + ":2: there is no section [wordfilter], and core.plugin_dir has no plugin of "
	                               "that name")
	                            .c_str());
	assert_int_equal(conf_check_sections(&other, {"core", "store"}, {"word", "wordfilter"}, &e), CS_EINVAL);
	assert_string_equal(e.text,
	                    (f->path + ":2: the plugin wordfilter is not loaded, so it can have no section; name it "
	                               "in core.plugins")
	                            .c_str());
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_of_every_type_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(defaults_fill_what_the_file_leaves_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_value_of_a_key_wins_and_the_command_line_over_all, set_up,
	                                        tear_down),
		cmocka_unit_test(an_override_that_is_no_assignment_is_refused),
		cmocka_unit_test_setup_teardown(line_ends_of_windows_and_a_byte_order_mark_are_taken, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(malformed_lines_are_refused_with_file_and_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_text_file_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(includes_are_read_in_order_relative_to_their_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(includes_that_cannot_be_followed_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_key_names_the_nearest_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_that_is_near_to_none_is_not_taken_for_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_value_says_what_is_allowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_secret_is_neither_printed_nor_quoted_in_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_line_of_a_file_may_be_a_secret, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_relative_path_of_a_secret_is_one_of_systemds_credentials, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_gives_no_secret_is_refused_without_showing_it, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(secrets_that_others_can_read_are_told_and_others_are_not, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_everybody_may_write_is_refused, set_up, tear_down),
		cmocka_unit_test(the_file_of_a_secret_is_among_the_options_that_are_dumped),
		cmocka_unit_test_setup_teardown(what_is_printed_can_be_read_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_time_can_be_forever_and_can_be_said_in_days, set_up, tear_down),
		cmocka_unit_test_setup_teardown(text_with_quotes_in_it_is_printed_as_it_was_given, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_section_names_the_nearest_one, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("conf", tests, nullptr, nullptr);
}
