/* SPDX-License-Identifier: MIT
 * Tests scripts/new-plugin: a plugin that it makes outside the tree compiles by pkg-config alone, as C++20 and as C11,
 * and works; wrong arguments are refused. */
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tests/support/check.h"
#include "tests/support/fake_host.h"
#include "tests/support/folder.h"

static int setup(void **state)
{
	*state = std::make_unique<std::string>(folder_make()).release();
	return 0;
}

static int teardown(void **state)
{
	const std::unique_ptr<std::string> folder(static_cast<std::string *>(*state));

	folder_remove(*folder);
	return 0;
}

static bool runs(const std::string &command)
{
	return system(("{ " + command + "; } >/dev/null 2>&1").c_str()) == 0;
}

/* The library is built as the tests are. */
#ifdef __SANITIZE_ADDRESS__
static const std::string sanitized = "CC='gcc -fsanitize=address,undefined'";
#else
static const std::string sanitized;
#endif

static std::string build_folder()
{
	const char *build = getenv("CS_BUILD");

	return build != nullptr ? build : "build";
}

/* As an installation would have it, with the headers and the library of this tree. */
static void write_package(const std::string &folder)
{
	for (const char *name : {"chatserverd", "chatserverd-test"})
		assert_true(runs("sed -e 's|^includedir=.*|includedir='\"$PWD\"'/include|' "
		                 "-e 's|^libdir=.*|libdir='\"$(realpath " +
		                 build_folder() +
		                 ")\"'|' "
		                 "-e \"s|@CJSON_LIBS@|$(pkg-config --libs libcjson)|\" -e 's|@[A-Za-z_]*@|x|' conf/" +
		                 name + ".pc.in >" + folder + "/" + name + ".pc"));
}

static void expect_it_works(const std::string &folder, const char *language)
{
	write_package(folder);
	assert_true(runs("scripts/new-plugin --out " + folder + "/plugins " + language + " hello 4321"));
	assert_true(runs("PKG_CONFIG_PATH=" + folder + " make -C " + folder + "/plugins all check " + sanitized));
	const std::string before = build_folder();
	setenv("CS_BUILD", folder.c_str(), 1);
	const fake_host_ptr host = fake_host_open();
	fake_host_load(host.get(), "hello");
	setenv("CS_BUILD", before.c_str(), 1);
	const cs_conn conn = fake_host_connect(host.get());
	(void)fake_host_request(host.get(), conn, R"({"msgid":4321,"req":1,"text":"hello"})");
	assert_string_equal(fake_host_last(host.get(), conn).c_str(),
	                    R"({"msgid":100,"of":4321,"req":1,"errno":0,"text":"HELLO"})");
}

static void a_new_plugin_works_outside_the_tree(void **state)
{
	expect_it_works(*static_cast<std::string *>(*state), "");
}

static void a_new_plugin_may_be_c(void **state)
{
	expect_it_works(*static_cast<std::string *>(*state), "--c");
}

static void its_schema_files_are_installed_where_the_server_reads_them(void **state)
{
	const std::string folder = *static_cast<std::string *>(*state), plugin = folder + "/plugins";

	write_package(folder);
	assert_true(runs("sed -i 's|^schemadir=.*|schemadir=/share/schema|' " + folder + "/chatserverd.pc"));
	assert_true(runs("scripts/new-plugin --out " + plugin + " hello 4321"));
	assert_true(runs("mkdir -p " + plugin + "/schema/sqlite && touch " + plugin + "/schema/sqlite/hello-001.sql"));
	assert_true(runs("PKG_CONFIG_PATH=" + folder + " make -C " + plugin + " install DESTDIR=" + folder + "/root " +
	                 sanitized));
	assert_true(std::filesystem::exists(folder + "/root/share/schema/sqlite/hello-001.sql"));
}

static std::string said(const std::string &command)
{
	FILE *stream = popen((command + " 2>&1").c_str(), "r");
	char bytes[4096];

	assert_non_null(stream);
	const size_t size = fread(bytes, 1, sizeof bytes, stream);

	(void)pclose(stream);
	return std::string(bytes, size);
}

static void two_plugins_beside_each_other_get_two_numbers(void **state)
{
	const std::string folder = *static_cast<std::string *>(*state);

	for (const auto &[name, number] :
	     {std::pair("one", "1002"), std::pair("two", "1003"), std::pair("three", "1004")}) {
		assert_true(runs("scripts/new-plugin --out " + folder + "/" + name + " " + name));
		assert_true(runs("grep -q 'MSGID = " + std::string(number) + " ' " + folder + "/" + name + "/" + name +
		                 ".cpp"));
	}
}

/* Installed, it knows the plugins that come as examples. */
static void the_number_is_none_of_an_installed_example(void **state)
{
	const std::string folder = *static_cast<std::string *>(*state), examples = folder + "/examples";

	assert_true(runs("mkdir " + examples +
	                 " && cp plugins/skeleton/skeleton.cpp plugins/skeleton/test_skeleton.c "
	                 "plugins/reminders/reminders.cpp " +
	                 examples + " && sed 's|^examples=.*|examples=" + examples + "|' scripts/new-plugin >" +
	                 folder + "/installed"));
	assert_true(runs("sh " + folder + "/installed --out " + folder + "/new/hello hello"));
	assert_true(runs("grep -q 'MSGID = 1002 ' " + folder + "/new/hello/hello.cpp"));
}

static void without_an_installed_server_the_makefile_says_so(void **state)
{
	const std::string folder = *static_cast<std::string *>(*state) + "/hello";

	assert_true(runs("scripts/new-plugin --out " + folder + " hello"));
	for (const char *target : {"all", "check", "install DESTDIR=/nowhere"}) {
		const std::string text =
			said("PKG_CONFIG_LIBDIR=" + folder + " PKG_CONFIG_PATH= make -C " + folder + " " + target);

		assert_true(text.find("pkg-config finds no chatserverd: install it, or set PKG_CONFIG_PATH") !=
		            text.npos);
	}
	assert_true(runs("PKG_CONFIG_LIBDIR=" + folder + " make -C " + folder + " clean"));
}

static void names_and_numbers_that_cannot_be_are_refused(void **state)
{
	const std::string folder = *static_cast<std::string *>(*state) + "/new";

	for (const char *bad : {"", "Hello", "9a", "a-b", "'a b'", "../a", "hello 999", "hello 1e3", "hello 5000 x"})
		assert_false(runs("scripts/new-plugin --out " + folder + " " + bad));
	/* Words of the language, sections of chat.conf, tables, and plugins that an installation would overwrite. */
	for (const char *bad : {"class", "int", "core", "store", "bus", "message", "login", "skeleton"})
		assert_false(runs("scripts/new-plugin --out " + folder + " " + bad));
	assert_false(runs("scripts/new-plugin skeleton"));
	assert_false(std::filesystem::exists(folder));
}

static void nothing_is_written_over(void **state)
{
	const std::string folder = *static_cast<std::string *>(*state);

	assert_true(runs("scripts/new-plugin --out " + folder + " hello"));
	assert_false(runs("scripts/new-plugin --out " + folder + " hello"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_plugin_works_outside_the_tree),
		TEST(a_new_plugin_may_be_c),
		TEST(its_schema_files_are_installed_where_the_server_reads_them),
		TEST(two_plugins_beside_each_other_get_two_numbers),
		TEST(the_number_is_none_of_an_installed_example),
		TEST(without_an_installed_server_the_makefile_says_so),
		TEST(names_and_numbers_that_cannot_be_are_refused),
		TEST(nothing_is_written_over),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
