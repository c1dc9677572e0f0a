/* SPDX-License-Identifier: MIT
 * Tests every refusal of the plugin loader, with the real binary and plugins that make one mistake each: the message
 * is right and nothing is served. */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chatserverd/bus.h>
#include <chatserverd/db.h>
#include <chatserverd/plugin.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"

struct fixture {
	std::string folder; /* temporary; its `p` is the folder of the bad plugins */
	std::string binary;
};

static std::string build_folder()
{
	const char *build = getenv("CS_BUILD");
	char *path = realpath(build ? build : "build", nullptr);

	assert_non_null(path);
	const std::string text = path;

	free(path);
	return text;
}

static int set_up(void **state)
{
	auto *f = new fixture;

	f->folder = folder_make();
	f->binary = build_folder() + "/chatserverd";
	assert_int_equal(symlink((build_folder() + "/tests/plugin/loaded").c_str(), (f->folder + "/p").c_str()), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	auto *f = (fixture *)*state;

	folder_remove(f->folder);
	delete f;
	return 0;
}

static void write_conf(const fixture *f, const std::string &plugins, const std::string &more)
{
	FILE *stream = fopen((f->folder + "/c").c_str(), "w");

	assert_non_null(stream);
	(void)fprintf(stream, "[core]\nlisten = 127.0.0.1:0\nplugin_dir = %s/p\n%s%s%s\n[store]\ndriver =\n%s",
	              f->folder.c_str(), plugins.empty() ? "" : "plugins = ", plugins.c_str(),
	              plugins.empty() ? "" : "\n", more.c_str());
	assert_int_equal(fclose(stream), 0);
}

/* A line of the log begins with a time, other errors do not. */
static std::string without_time(const std::string &text)
{
	const size_t blank = text.find(' ');

	return text.size() > 10 && text[4] == '-' && text[10] == 'T' ? text.substr(blank + 1) : text;
}

/* Runs the server to its end and returns what it said. A server that starts is stopped, and has status 0. */
static std::string run(const fixture *f, const char *options, int *status_r)
{
	const std::string command = "timeout 20 " + f->binary + " -c " + f->folder + "/c " + options + " 2>&1";
	FILE *stream = popen(command.c_str(), "r");
	char bytes[4096];
	std::string text;
	size_t size;

	assert_non_null(stream);
	while ((size = fread(bytes, 1, sizeof(bytes), stream)) > 0)
		text.append(bytes, size);
	*status_r = WEXITSTATUS(pclose(stream));
	return text;
}

static void assert_said(const fixture *f, const char *options, const std::string &message)
{
	int status = -1;
	const std::string text = without_time(run(f, options, &status));

	assert_string_equal(text.c_str(), (message + "\n").c_str());
	assert_int_equal(status, 1);
}

/* {} stands for the folder. */
static std::string fill(const fixture *f, std::string text)
{
	for (size_t at; (at = text.find("{}")) != text.npos;)
		text.replace(at, 2, f->folder);
	return text;
}

static void assert_refused(const fixture *f, const std::string &plugins, const std::string &message)
{
	write_conf(f, plugins, "");
	assert_said(f, "-t", fill(f, message));
	assert_said(f, "", fill(f, message));
}

static void a_plugin_without_mistake_is_loaded(void **state)
{
	int status = -1;

	write_conf((fixture *)*state, "bad_nothing", "");
	run((fixture *)*state, "-t", &status);
	assert_int_equal(status, 0);
}

static void a_file_without_the_symbol_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_no_symbol",
	               "{}/p/bad_no_symbol.so: is no plugin: it exports no cs_plugin (see core.plugins at {}/c:4)");
}

static void another_abi_is_refused_with_both_versions(void **state)
{
	assert_refused((fixture *)*state, "bad_wrong_abi",
	               "{}/p/bad_wrong_abi.so: was built for plugin ABI 9.3, this server has 1.0; build it again, or "
	               "take it out (see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "bad_newer_abi",
	               "{}/p/bad_newer_abi.so: was built for plugin ABI 1.1, this server has 1.0; build it again, or "
	               "take it out (see core.plugins at {}/c:4)");
}

static void a_bad_file_of_the_folder_can_be_left_out(void **state)
{
	const auto *f = (fixture *)*state;
	const std::string bad = "{}/p/bad_no_start.so: has no name, version, start or stop (see core.plugins";
	int status = -1;

	assert_int_equal(
		system(fill(f, "mkdir {}/q; cp {}/p/bad_nothing.so {}/p/bad_no_start.so {}/p/bad_no_symbol.so {}/q; "
	                       "rm {}/p; mv {}/q {}/p")
	                       .c_str()),
		0);
	assert_refused(f, "",
	               bad + ": not set, so all of core.plugin_dir is loaded, {}/c:3; "
	                     "`plugins = all but bad_no_start` leaves it out)");
	assert_refused(f, "all but bad_no_symbol", bad + " at {}/c:4; its `all but` may leave out bad_no_start, too)");
	write_conf(f, "all but bad_no_start, bad_no_symbol", "[bad_no_start]\nits = own\n");
	run(f, "-t", &status);
	assert_int_equal(status, 0);
	write_conf(f, "all but bad_no_start bad_no_symbol bad_gone", "");
	const std::string text = run(f, "-t", &status);
	assert_int_equal(status, 0);
	if (text.find("plugin=bad_gone is left out by core.plugins at ") == text.npos)
		check_fail(std::source_location::current(), "not told: %s", text.c_str());
}

static void a_struct_that_is_too_short_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_short_size",
	               "{}/p/bad_short_size.so: its cs_plugin has 24 bytes, plugin ABI 1.0 has " +
	                       std::to_string(offsetof(struct cs_plugin, stop) + sizeof(cs_plugin.stop)) +
	                       "; build it again, or take it out (see core.plugins at {}/c:4)");
}

static void a_name_that_is_not_the_files_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_wrong_name",
	               "{}/p/bad_wrong_name.so: is named somebody_else inside; file and name must be the same "
	               "(see core.plugins at {}/c:4)");
}

/* It is also the beginning of the names of tables. */
static void a_name_that_cannot_begin_the_name_of_a_table_is_refused(void **state)
{
	const auto *f = (fixture *)*state;
	const std::string bad = build_folder() + "/tests/plugin/loaded/bad_nothing.so ", here = f->folder + "/p";

	for (const std::string &name : {std::string("Notes"), std::string("my-notes"), std::string("9notes"),
	                                std::string("_notes"), std::string(33, 'n')}) {
		assert_int_equal(system(("cp " + bad + here + "/" + name + ".so").c_str()), 0);
		assert_refused(f, name,
		               "{}/p/" + name +
		                       ".so: the name of a plugin has up to 32 characters of a-z, 0-9 and _, a "
		                       "letter first (see core.plugins at {}/c:4)");
	}
}

static void a_plugin_cannot_have_the_name_of_a_section_of_the_server(void **state)
{
	const auto *f = (fixture *)*state;
	const std::string bad = build_folder() + "/tests/plugin/loaded/bad_nothing.so ", here = f->folder + "/p";

	assert_int_equal(system(("rm " + here + " && mkdir " + here).c_str()), 0);
	for (const std::string name : {"core", "store", "bus"}) {
		assert_int_equal(system(("cp " + bad + here + "/" + name + ".so").c_str()), 0);
		assert_refused(f, name,
		               "{}/p/" + name + ".so: [" + name +
		                       "] is the server's own section, no plugin "
		                       "can have the name (see core.plugins at {}/c:4)");
	}
}

static void a_plugin_without_start_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_no_start",
	               "{}/p/bad_no_start.so: has no name, version, start or stop (see core.plugins at {}/c:4)");
}

static void a_route_without_handler_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_null_handler",
	               "{}/p/bad_null_handler.so: msgid 2002 (nowhere) has no handler (see core.plugins at {}/c:4)");
}

static void a_hook_without_function_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_null_hook",
	               "{}/p/bad_null_hook.so: hook of msgid 2002 has no function (see core.plugins at {}/c:4)");
}

static void what_is_spare_must_be_zero(void **state)
{
	assert_refused((fixture *)*state, "bad_spare",
	               "{}/p/bad_spare.so: hook of msgid 6: spare must be 0 (see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "bad_route_flags",
	               "{}/p/bad_route_flags.so: msgid 2001 (here): flags has the bits 0x80, which must be 0 "
	               "(see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "bad_verb",
	               "{}/p/bad_verb.so: msgid 2001 (here): a verb of operators cannot need a login "
	               "(see core.plugins at {}/c:4)");
}

static void a_version_of_parcels_that_does_not_fit_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_parcel_version",
	               "{}/p/bad_parcel_version.so: its parcel_version is 256, the greatest is 255 "
	               "(see core.plugins at {}/c:4)");
}

static void rows_of_a_size_that_cannot_be_are_refused(void **state)
{
	const std::string route = std::to_string(sizeof(struct cs_route)),
			  option = std::to_string(sizeof(struct cs_option));
	const std::string advice = "; begin cs_plugin with CS_PLUGIN_HEAD and build it again, or take it out "
				   "(see core.plugins at {}/c:4)";

	assert_refused((fixture *)*state, "bad_stride",
	               "{}/p/bad_stride.so: its route_size is 9, plugin ABI 1.0 has " + route + advice);
	assert_refused((fixture *)*state, "bad_no_stride",
	               "{}/p/bad_no_stride.so: its option_size is 0, plugin ABI 1.0 has " + option + advice);
}

static void two_plugins_with_one_msgid_are_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_msgid_one bad_msgid_two",
	               "{}/p/bad_msgid_two.so: msgid 2003 (two) is already handled by {}/p/bad_msgid_one.so "
	               "(see core.plugins, {}/c:4, and core.plugin_dir, {}/c:3)");
}

static void a_msgid_of_the_core_is_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_core_msgid",
	               "{}/p/bad_core_msgid.so: msgid 102 (ping) is the core's own "
	               "(see core.plugins, {}/c:4, and core.plugin_dir, {}/c:3)");
}

static void a_missing_service_is_named(void **state)
{
	assert_refused((fixture *)*state, "bad_needs_nobody",
	               "{}/p/bad_needs_nobody.so: needs the service tea, which no loaded plugin provides; add the one "
	               "that does to core.plugins at {}/c:4");
}

static void what_is_used_starts_first_and_need_not_be_there(void **state)
{
	const auto *f = (fixture *)*state;
	int status = -1;

	for (const auto &[plugins, said] : {std::pair("bad_a_user bad_service_one bad_failing_start", "tea=1 "),
	                                    std::pair("bad_a_user bad_failing_start", "tea=0 ")}) {
		write_conf(f, plugins, "");
		const std::string text = run(f, "", &status);

		if (text.find(said) == text.npos)
			check_fail(std::source_location::current(), "%s, but not %s", text.c_str(), said);
	}
}

/* Runs a server that does not stop by its own mistake alone, with one worker, and looks for what it says. */
static void assert_says(const fixture *f, const char *plugin, const char *said, int status, const char *options = "")
{
	int ended = -1;

	write_conf(f, plugin, options);
	const std::string text = run(f, "-o core.threads=1", &ended);

	if (text.find(said) == text.npos)
		check_fail(std::source_location::current(), "%s, but not %s", text.c_str(), said);
	assert_int_equal(ended, status);
}

static void one_that_crashes_is_named_in_the_last_line(void **state)
{
	assert_says((fixture *)*state, "bad_crash",
	            "error the process crashes signal=6 plugin=bad_crash call=timer msgid=0\n", 128 + SIGABRT);
	assert_says((fixture *)*state, "bad_crash_start",
	            "error the process crashes signal=6 plugin=bad_crash_start call=start msgid=0\n", 128 + SIGABRT);
}

static void one_whose_stack_overflows_is_told_of_on_every_thread(void **state)
{
	const auto *f = (fixture *)*state;
	const char *const before = getenv("ASAN_OPTIONS");
	const std::string options = before ? before : "";

	setenv("ASAN_OPTIONS", (options + ":handle_segv=0").c_str(), 1);
	for (const auto &[where, call] :
	     {std::pair("start", " plugin=bad_overflow call=start msgid=0\n"),
	      std::pair("timer", " plugin=bad_overflow call=timer msgid=0\n"), std::pair("work", "\n")}) {
		assert_says(f, "bad_overflow", (std::string("error the process crashes signal=11") + call).c_str(),
		            128 + SIGSEGV, (std::string("[bad_overflow]\nwhere = ") + where + "\n").c_str());
	}
	setenv("ASAN_OPTIONS", options.c_str(), 1);
}

static void one_that_never_ends_does_not_keep_the_server_from_ending(void **state)
{
	assert_says((fixture *)*state, "bad_endless", "info stopped status=0\n", 0);
}

static void the_routes_are_listed_with_those_who_see_them_first(void **state)
{
	const auto *f = (fixture *)*state;
	int status = -1;

	assert_int_equal(system(fill(f, "mkdir {}/q; cp " + build_folder() +
	                                        "/plugins/skeleton.so {}/p/bad_msgid_one.so {}/q; "
	                                        "rm {}/p; mv {}/q {}/p")
	                                .c_str()),
	                 0);
	write_conf(f, "", "");
	assert_string_equal(run(f, "--list-routes", &status).c_str(),
	                    "2003\tone\tbad_msgid_one\n1000\tskeleton\tskeleton\tskeleton\n");
}

static void one_that_holds_up_its_worker_is_named(void **state)
{
	assert_says((fixture *)*state, "bad_slow",
	            "warning plugin=bad_slow holds up its worker call=timer msgid=0 worker=0 ms=1000\n", 0);
}

static void plugins_that_need_each_other_are_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_cycle_one,bad_cycle_two",
	               "{}/p/bad_cycle_one.so: needs the service cycle_two of a plugin that in turn needs this one");
}

static void two_plugins_with_one_service_are_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_service_one bad_service_two",
	               "{}/p/bad_service_one.so and {}/p/bad_service_two.so both provide the service tea; leave one "
	               "out (see core.plugins at {}/c:4)");
}

static void options_that_make_no_sense_are_refused(void **state)
{
	assert_refused((fixture *)*state, "bad_option_range",
	               "{}/p/bad_option_range.so: option cups: its smallest value is above its largest "
	               "(see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "bad_option_default",
	               "{}/p/bad_option_default.so: option cups: its default is not allowed; allowed is a number, 1 "
	               "to 9 (see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "bad_option_reload",
	               "{}/p/bad_option_reload.so: option cups: SIGHUP may change it, but the plugin has no reload "
	               "(see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "bad_option_offset",
	               "{}/p/bad_option_offset.so: option cups: its offset 8 does not fit a struct of 8 bytes "
	               "(see core.plugins at {}/c:4)");
}

static void a_missing_function_is_named(void **state)
{
	assert_refused((fixture *)*state, "bad_missing_symbol",
	               "{}/p/bad_missing_symbol.so: cannot be loaded: undefined symbol: brew_tea "
	               "(see core.plugins at {}/c:4)");
}

static void a_plugin_that_does_not_start_stops_the_server(void **state)
{
	write_conf((fixture *)*state, "bad_nothing bad_failing_start", "");
	assert_said((fixture *)*state, "-o core.threads=1",
	            fill((fixture *)*state, "error {}/p/bad_failing_start.so: does not start: there is no tea "
	                                    "(its options are those of [bad_failing_start])"));
}

/* The work of those that had started is cancelled before they stop. */
static void work_that_a_failed_start_leaves_behind_is_cancelled(void **state)
{
	const auto *f = (fixture *)*state;
	int status = -1;

	write_conf(f, "working_start bad_failing_start", "");
	const std::string text = run(f, "-o core.threads=1", &status);

	if (text.find("work ended result=-6 same=1") == text.npos)
		check_fail(std::source_location::current(), "%s", text.c_str());
	assert_int_equal(status, 1);
}

static void a_plugin_that_is_not_there_or_has_a_folder_is_refused(void **state)
{
	assert_refused((fixture *)*state, "nobody",
	               "{}/p/nobody.so: No such file or directory (see core.plugins at {}/c:4)");
	assert_refused((fixture *)*state, "../p/bad_nothing",
	               "../p/bad_nothing: a plugin is named without its folder; set plugin_dir "
	               "(see core.plugins at {}/c:4)");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	const auto *f = (fixture *)*state;
	const std::string copy = "mkdir {}/q; cp {}/p/bad_nothing.so {}/q; rm {}/p; mv {}/q {}/p";
	const std::string file = f->folder + "/p/bad_nothing.so";

	assert_int_equal(system(fill(f, copy).c_str()), 0);
	for (const char *mode : {"775", "757"}) {
		assert_int_equal(chmod(file.c_str(), (mode_t)strtoul(mode, nullptr, 8)), 0);
		assert_refused(f, "",
		               std::string("{}/p/bad_nothing.so: others may write to it (mode ") + mode +
		                       "); run chmod go-w on it (see core.plugins: not set, so all of core.plugin_dir "
		                       "is loaded, {}/c:3; `plugins = all but bad_nothing` leaves it out)");
	}
	assert_int_equal(chmod(file.c_str(), 0755), 0);
	assert_int_equal(chown(file.c_str(), 4711, 4711), 0); /* takes root */
	assert_refused(f, "bad_nothing",
	               "{}/p/bad_nothing.so: belongs to user 4711; a plugin must belong to root or "
	               "to the server's user (chown) (see core.plugins at {}/c:4)");
}

static void set_mode(const std::string &path, mode_t mode)
{
	assert_int_equal(chmod(path.c_str(), mode), 0);
}

static void assert_taken(const fixture *f)
{
	int status = -1;
	const std::string text = run(f, "-t", &status);

	if (status != 0)
		check_fail(std::source_location::current(), "refused: %s", text.c_str());
}

static void a_folder_that_others_may_write_is_refused(void **state)
{
	const auto *f = (fixture *)*state;
	const std::string folder = f->folder + "/p";
	const std::string before = "core.plugin_dir ({}/c:3): ";
	int status;

	assert_int_equal(system(fill(f, "mkdir {}/q; cp {}/p/bad_nothing.so {}/q; rm {}/p; mv {}/q {}/p").c_str()), 0);
	for (const mode_t mode : {0757, 01777, 0702}) {
		char text[8];

		(void)snprintf(text, sizeof(text), "%03o", mode);
		set_mode(folder, mode);
		assert_refused(f, "bad_nothing",
		               before + "{}/p: others may write to this folder of plugins (mode " + text +
		                       "); run chmod go-w on it");
	}
	set_mode(folder, 0775);
	assert_int_equal(chown(folder.c_str(), (uid_t)-1, 4711), 0); /* takes root */
	assert_refused(f, "bad_nothing",
	               before + "{}/p: others may write to this folder of plugins (mode 775); run chmod go-w on it");
	assert_int_equal(chown(folder.c_str(), (uid_t)-1, 0), 0);
	write_conf(f, "bad_nothing", "");
	assert_taken(f);
	set_mode(folder, 0755);
	assert_int_equal(chown(folder.c_str(), 4711, 0), 0);
	assert_refused(f, "bad_nothing",
	               before + "{}/p: belongs to user 4711; a folder of plugins must belong to root or to the "
	                        "server's user (chown)");

	/* That would run it as well. */
	assert_non_null(strstr(run(f, "--dump-options", &status).c_str(), "/p: belongs to user 4711"));
}

/* Others could put another folder in the place of this one. */
static void a_folder_below_one_that_others_may_write_is_refused(void **state)
{
	const auto *f = (fixture *)*state;

	assert_int_equal(
		system(fill(f, "mkdir -p {}/a/b; cp {}/p/bad_nothing.so {}/a/b; rm {}/p; ln -s a/b {}/p").c_str()), 0);
	write_conf(f, "bad_nothing", "");
	assert_taken(f);
	for (const char *above : {"/a", ""}) {
		set_mode(f->folder + above, 0777);
		assert_refused(f, "bad_nothing",
		               std::string("core.plugin_dir ({}/c:3): {}/p: others may put another folder in its "
		                           "place, for they may write to {}") +
		                       above + " (mode 777); run chmod o-w on that one");
		set_mode(f->folder + above, 01777);
		assert_taken(f);
		set_mode(f->folder + above, 0755);
	}
}

static void a_driver_that_is_none_is_refused(void **state)
{
	const auto *f = (fixture *)*state;

	write_conf(f, "bad_nothing", "");
	assert_said(
		f, "-t -o store.driver=bad_nothing",
		fill(f, "store.driver is bad_nothing (command line), but {}/p/bad_nothing.so is no database adapter"));
}

static void a_bus_that_is_none_is_refused(void **state)
{
	const auto *f = (fixture *)*state;

	write_conf(f, "bad_nothing", "[bus]\ndriver = bad_nothing\n");
	assert_said(f, "-t", fill(f, "bus.driver is bad_nothing ({}/c:9), but {}/p/bad_nothing.so is no bus adapter"));
	write_conf(f, "bad_nothing", "[bus]\ndriver = bad_small_db\n");
	assert_said(f, "-t",
	            fill(f, "bus.driver is bad_small_db ({}/c:9), but {}/p/bad_small_db.so is no bus adapter"));
	write_conf(f, "bad_nothing", "[bus]\ndriver = bus_nobody\n");
	assert_said(f, "-t", fill(f, "{}/p/bus_nobody.so: No such file or directory (see bus.driver at {}/c:9)"));
	write_conf(f, "bad_bus", "[bus]\ndriver = bad_bus\n");
	assert_said(f, "", fill(f, "error {}/p/bad_bus.so: its bus table is of another ABI; build it again"));
}

static void an_adapter_whose_table_is_too_small_is_refused(void **state)
{
	const auto *f = (fixture *)*state;
	const auto too_small = [f](const char *file, const char *what, size_t least) {
		return fill(f, std::string("error {}/p/") + file + ".so: its " + what +
		                       " table has 64 bytes, plugin ABI 1.0 has " + std::to_string(least) +
		                       "; build it again");
	};

	write_conf(f, "bad_small_bus", "[bus]\ndriver = bad_small_bus\n");
	assert_said(f, "", too_small("bad_small_bus", "bus", sizeof(struct cs_bus_driver)));
	write_conf(f, "bad_small_db", "");
	assert_said(f, "-o store.driver=bad_small_db",
	            too_small("bad_small_db", "database", offsetof(struct cs_db_driver, schema_last)));
}

static void a_bus_that_was_not_chosen_is_left_out(void **state)
{
	int status = -1;

	write_conf((fixture *)*state, "bad_bus", "[bad_bus]\ncups = 1\n");
	const std::string text = run((fixture *)*state, "-t", &status);

	assert_int_equal(status, 0);
	assert_non_null(strstr(text.c_str(), "\n[bus]\ndriver = "));
	assert_null(strstr(text.c_str(), "cups"));
}

static void a_section_of_a_plugin_that_is_not_loaded_is_refused(void **state)
{
	const auto *f = (fixture *)*state;

	write_conf(f, "bad_nothing", "[bad_nothin]\ncups = 1\n");
	assert_said(f, "-t",
	            fill(f, "{}/c:8: there is no section [bad_nothin], and core.plugin_dir has no plugin of that "
	                    "name; the nearest one is [bad_nothing]"));
	write_conf(f, "bad_nothing", "[bad_needs_nobody]\ncups = 1\n");
	assert_said(f, "-t",
	            fill(f, "{}/c:8: the plugin bad_needs_nobody is not loaded, so it can have no section; name it "
	                    "in core.plugins"));
	write_conf(f, "bad_nothing", "[bad_nothing]\ncups = 1\n");
	assert_said(f, "-t", fill(f, "{}/c:9: [bad_nothing] has no options, and none named cups"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_plugin_without_mistake_is_loaded),
		TEST(a_file_without_the_symbol_is_refused),
		TEST(another_abi_is_refused_with_both_versions),
		TEST(a_bad_file_of_the_folder_can_be_left_out),
		TEST(a_struct_that_is_too_short_is_refused),
		TEST(a_name_that_is_not_the_files_is_refused),
		TEST(a_name_that_cannot_begin_the_name_of_a_table_is_refused),
		TEST(a_plugin_cannot_have_the_name_of_a_section_of_the_server),
		TEST(a_plugin_without_start_is_refused),
		TEST(a_route_without_handler_is_refused),
		TEST(a_hook_without_function_is_refused),
		TEST(what_is_spare_must_be_zero),
		TEST(a_version_of_parcels_that_does_not_fit_is_refused),
		TEST(rows_of_a_size_that_cannot_be_are_refused),
		TEST(two_plugins_with_one_msgid_are_refused),
		TEST(a_msgid_of_the_core_is_refused),
		TEST(a_missing_service_is_named),
		TEST(what_is_used_starts_first_and_need_not_be_there),
		TEST(one_that_crashes_is_named_in_the_last_line),
		TEST(one_whose_stack_overflows_is_told_of_on_every_thread),
		TEST(one_that_never_ends_does_not_keep_the_server_from_ending),
		TEST(the_routes_are_listed_with_those_who_see_them_first),
		TEST(one_that_holds_up_its_worker_is_named),
		TEST(plugins_that_need_each_other_are_refused),
		TEST(two_plugins_with_one_service_are_refused),
		TEST(options_that_make_no_sense_are_refused),
		TEST(a_missing_function_is_named),
		TEST(a_plugin_that_does_not_start_stops_the_server),
		TEST(work_that_a_failed_start_leaves_behind_is_cancelled),
		TEST(a_plugin_that_is_not_there_or_has_a_folder_is_refused),
		TEST(a_file_that_others_may_write_is_refused),
		TEST(a_folder_that_others_may_write_is_refused),
		TEST(a_folder_below_one_that_others_may_write_is_refused),
		TEST(a_driver_that_is_none_is_refused),
		TEST(a_bus_that_is_none_is_refused),
		TEST(an_adapter_whose_table_is_too_small_is_refused),
		TEST(a_bus_that_was_not_chosen_is_left_out),
		TEST(a_section_of_a_plugin_that_is_not_loaded_is_refused),
	};

	return cmocka_run_group_tests_name("bad_plugins", tests, nullptr, nullptr);
}
