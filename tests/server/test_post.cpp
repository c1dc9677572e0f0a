/* SPDX-License-Identifier: MIT
 * Tests with a real server that a plugin can say something as an account: tests/plugin/say.c does what clients ask. */
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/server.h"

/* A server that also loads say.so. */
static int set_up(void **state)
{
	const char *build = getenv("CS_BUILD");
	const std::filesystem::path from = std::filesystem::absolute(build ? build : "build");

	(void)test_server_setup(state);
	test_server *s = static_cast<test_server *>(*state);
	const std::filesystem::path folder = s->folder + "/plugins";
	std::filesystem::create_directory(folder);
	for (const auto &entry : std::filesystem::directory_iterator(from / "plugins"))
		if (entry.path().extension() == ".so")
			std::filesystem::create_symlink(entry.path(), folder / entry.path().filename());
	std::filesystem::create_symlink(from / "tests/plugin/loaded/say.so", folder / "say.so");
	test_server_set(s, "core.plugin_dir", folder.string());
	test_server_start(s);
	return 0;
}

/* The seq. */
static int64_t say(test_client *c, int64_t account, const char *to_key, int64_t to, const char *text,
                   const char *more = "", int expected_errno = 0)
{
	const test_frame answer =
		CLIENT_ASK(c, expected_errno, "{\"msgid\":2000,\"account\":%lld,\"%s\":%lld,\"text\":\"%s\"%s",
	                   static_cast<long long>(account), to_key, static_cast<long long>(to), text, more);

	return json_integer(answer.json.get(), "seq");
}

static void what_a_plugin_says_arrives_as_a_message_of_the_account(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	assert_int_equal(client_chat_safely(ann, bob->id, "mine"), 1);
	assert_int_equal(say(ann, ann->id, "toid", bob->id, "say \\\"hi\\\"", ",\"cid\":\"say:1\""), 2);
	assert_int_equal(client_chat_safely(ann, bob->id, "mine again"), 3);
	client_expect(bob, "{\"msgid\":6,\"msg\":\"mine\",\"seq\":1}");
	const test_frame said = client_expect(
		bob, check_format("{\"msgid\":6,\"id\":%lld,\"name\":%s,\"toid\":%lld,\"msg\":\"say \\\"hi\\\"\","
	                          "\"cid\":\"say:1\",\"seq\":2}",
	                          static_cast<long long>(ann->id), json_quote(ann->name).c_str(),
	                          static_cast<long long>(bob->id)));
	assert_int_equal(json_text(said.json.get(), "time").size(), strlen("2026-01-01 00:00:00"));
	assert_true(json_integer(said.json.get(), "ts") > 0);
	client_expect(bob, "{\"msgid\":6,\"msg\":\"mine again\",\"seq\":3}");
	client_expect_quiet(ann);
	client_expect_quiet(bob);
}

static void what_was_acknowledged_survives_a_crash_and_is_there_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int64_t bot = client_absent(s, "bot"), away = client_absent(s, "away");
	test_client *ann = client_enter(s, "ann");
	test_frame ack;

	assert_int_equal(say(ann, bot, "toid", away, "stand up", ",\"cid\":\"say:1\""), 1);
	test_server_kill(s);
	test_server_start(s);
	ann = client_return(s, ann->id);
	assert_int_equal(say(ann, bot, "toid", away, "stand up", ",\"cid\":\"say:1\""), 1);
	test_client *back = client_return(s, away, &ack);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 1);
	assert_true(json_matches(kept[0].get(), check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"stand up\",\"seq\":1}",
	                                                     static_cast<long long>(bot))));
	client_expect_quiet(back);
}

static void a_plugin_speaks_only_where_the_account_may(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(bob, client_new_name("group")), nobody = 1000000;

	say(ann, ann->id, "groupid", group, "x", "", CS_ERRNO_NOT_ALLOWED);
	say(ann, ann->id, "groupid", nobody, "x", "", CS_ERRNO_NO_SUCH_GROUP);
	say(ann, ann->id, "toid", nobody, "x", "", CS_ERRNO_NO_SUCH_USER);
	say(ann, nobody, "toid", bob->id, "x", "", CS_ERRNO_NO_SUCH_USER);
	say(ann, 0, "toid", bob->id, "x", "", CS_ERRNO_BAD_FRAME);
	client_join_group(ann, group);
	say(ann, ann->id, "groupid", group, "now I may");
	client_expect(bob, "{\"msgid\":10,\"msg\":\"now I may\"}");
	client_expect_quiet(ann);
}

/* Every post that was acknowledged is kept, whatever the others were told. */
static void a_server_that_stops_keeps_what_it_acknowledged(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");
	const int64_t away = client_absent(s, "away");
	std::string all;
	int64_t last = 0;

	for (int i = 1; i <= 200; i++)
		all += check_format("{\"msgid\":2000,\"account\":%lld,\"toid\":%lld,\"text\":\"%d\",\"req\":%d}\n",
		                    static_cast<long long>(ann->id), static_cast<long long>(away), i, i);
	client_send(ann, all);
	last = json_integer(client_read_answer(ann, 1).json.get(), "seq");
	assert_true(last > 0);
	test_server_signal(s, SIGTERM);
	for (const test_frame &frame : client_read_to_end(ann))
		last = std::max(last, json_integer(frame.json.get(), "seq"));
	assert_int_equal(test_server_wait(s, 15000), 0);
	test_server_start(s);
	test_frame ack;
	test_client *back = client_return(s, away, &ack);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_true(static_cast<int64_t>(kept.size()) >= last);
	client_expect_quiet(back);
}

static void let_the_store_write(const test_server *s, bool may)
{
	if (s->database)
		database_run_as_root(s->database, {may ? "SET GLOBAL read_only = 0" : "SET GLOBAL read_only = 1"});
	else
		test_server_limit_files(s, may ? RLIM_INFINITY : 256 * 1024);
}

static void a_store_that_cannot_write_says_so_and_a_retry_is_stored_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string text(4000, 'x');
	int64_t wire_errno = 0, stored = 0;

	let_the_store_write(s, false);
	for (; stored < 2000 && wire_errno == 0; stored += wire_errno == 0) {
		client_sendf(
			ann,
			"{\"msgid\":2000,\"account\":%lld,\"toid\":%lld,\"text\":\"%s\",\"cid\":\"say:%lld\",\"req\":1}",
			static_cast<long long>(ann->id), static_cast<long long>(bob->id), text.c_str(),
			static_cast<long long>(stored));
		wire_errno = json_integer(client_read_answer(ann, 1).json.get(), "errno");
	}
	assert_int_equal(wire_errno, CS_ERRNO_UNAVAILABLE);
	let_the_store_write(s, true);
	const std::string cid = check_format(",\"cid\":\"say:%lld\"", static_cast<long long>(stored));
	int64_t seq = 0;
	check_wait("the store to recover", [&] {
		client_sendf(ann, "{\"msgid\":2000,\"account\":%lld,\"toid\":%lld,\"text\":\"again\"%s,\"req\":1}",
		             static_cast<long long>(ann->id), static_cast<long long>(bob->id), cid.c_str());
		const test_frame answer = client_read_answer(ann, 1);
		seq = json_integer(answer.json.get(), "seq");
		return json_integer(answer.json.get(), "errno") == 0;
	});
	assert_int_equal(seq, stored + 1);
	assert_int_equal(say(ann, ann->id, "toid", bob->id, "again", cid.c_str()), seq);
	for (int64_t i = 1; i <= seq; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"seq\":%lld}", static_cast<long long>(i)));
	client_expect_quiet(bob);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_plugin_says_arrives_as_a_message_of_the_account, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(what_was_acknowledged_survives_a_crash_and_is_there_once, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_plugin_speaks_only_where_the_account_may, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_server_that_stops_keeps_what_it_acknowledged, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_write_says_so_and_a_retry_is_stored_once, set_up,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
