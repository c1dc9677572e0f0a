/* SPDX-License-Identifier: MIT
 * Tests what clients see when the database server is killed, frozen or new. */
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/database.h"
#include "tests/support/relay.h"
#include "tests/support/server.h"

struct world {
	mariadb *database;
	test_server *server;
};

static int set_up(void **state)
{
	world *w = new world;

	w->database = mariadb_new();
	mariadb_start(w->database);
	w->server = test_server_new();
	test_server_use_mariadb(w->server, w->database);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world *w = (world *)*state;

	test_server_free(w->server);
	mariadb_free(w->database);
	delete w;
	return 0;
}

static int64_t number_in(const world *w, const char *sql)
{
	test_database d;

	database_make_mysql(&d, w->database, w->server->options.at("db_mysql.database"));
	cs_db *db = database_open(&d);
	const int64_t number = database_number(db, sql);
	assert_true(number >= 0);
	d.driver->close(db);
	return number;
}

/* Such a message gets a cid of the server's own, so the batch whose commit was not answered can run again. */
static void messages_without_cid_are_stored_once_when_the_database_is_killed(void **state)
{
	world *w = (world *)*state;
	const int kills = 6, each = 300;
	int64_t acknowledged = 0;
	int sent = 0;

	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann");
	const int64_t bob = client_absent(w->server, "bob");
	for (int kill = 0; kill < kills; kill++) {
		for (int i = 0; i < each; i++, sent++)
			client_chat(ann, bob, std::to_string(sent), check_format(",\"req\":%d", sent));
		check_sleep_ms(kill * 3);
		mariadb_kill(w->database);
		mariadb_start(w->database);
		while (acknowledged < sent) {
			const test_frame frame = client_read(ann);

			if (!json_matches(frame.json.get(), "{\"msgid\":100,\"of\":6,\"errno\":0}"))
				client_fail(ann, test_at::current(), "%s", frame.bytes.c_str());
			assert_int_equal(json_integer(frame.json.get(), "seq"), ++acknowledged);
		}
	}
	assert_int_equal(number_in(w, "SELECT COUNT(*) FROM message"), sent);
	assert_int_equal(number_in(w, "SELECT COUNT(DISTINCT body) FROM message"), sent);
	test_server_stop(w->server);
}

static void while_the_database_is_away_requests_are_refused_and_pings_answered(void **state)
{
	world *w = (world *)*state;
	bool in_time = true;

	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann"), *other = client_open(w->server);
	mariadb_kill(w->database);
	const int64_t begun = check_now();
	client_sendf(other, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)ann->id);
	client_expect_quiet(ann);
	client_expect(other, "{\"msgid\":2,\"errno\":11}");
	in_time = check_now() - begun < 5000 * check_patience_factor();
	mariadb_start(w->database);
	check_wait("the store to recover", [&] {
		client_chat(ann, ann->id, "x", ",\"req\":1");
		return json_integer(client_read_answer(ann, 1).json.get(), "errno") == 0;
	});
	assert_true(in_time);
	test_server_stop(w->server);
}

static void a_frozen_database_delays_and_loses_nothing(void **state)
{
	world *w = (world *)*state;
	const int count = 200;

	test_server_set(w->server, "db_mysql.read_timeout", "2s");
	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann"), *bob = client_enter(w->server, "bob");
	client_chat_safely(ann, bob->id, "first");
	client_expect(bob, "{\"msgid\":6,\"seq\":1}");
	for (int i = 2; i <= count; i++)
		client_chat(ann, bob->id, std::to_string(i), check_format(",\"req\":%d", i));
	mariadb_signal(w->database, SIGSTOP);
	check_sleep_ms(3500);
	client_expect_quiet(client_open(w->server));
	mariadb_signal(w->database, SIGCONT);
	for (int i = 2; i <= count; i++)
		client_expect(ann, check_format("{\"msgid\":100,\"errno\":0,\"req\":%d,\"seq\":%d}", i, i));
	for (int i = 2; i <= count; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\",\"seq\":%d}", i, i));
	assert_int_equal(number_in(w, "SELECT COUNT(*) FROM message"), count);
	test_server_stop(w->server);
}

/* Whichever comes first makes database and tables; the others find them. */
static void three_servers_may_start_at_once_on_a_database_that_is_not_there(void **state)
{
	world *w = (world *)*state;
	std::vector<test_server *> all = {w->server};

	for (int i = 0; i < 2; i++) {
		all.push_back(test_server_new());
		test_server_use_mariadb(all.back(), w->database);
		test_server_set(all.back(), "db_mysql.database", w->server->options.at("db_mysql.database"));
	}
	for (test_server *s : all)
		test_server_launch(s);
	for (test_server *s : all)
		check_wait("the server to be ready", [&] { return test_server_is_ready(s); });
	test_client *ann = client_enter(all[0], "ann"), *bob = client_enter(all[1], "bob");
	assert_true(ann->id != bob->id);
	assert_int_equal(client_chat_safely(ann, bob->id, "x"), 1);
	assert_int_equal(client_chat_safely(bob, ann->id, "y"), 2);
	assert_int_equal(number_in(w, "SELECT COUNT(*) FROM schema_version WHERE plugin = ''"), 8);
	for (test_server *s : all) {
		test_server_stop(s);
		if (s != w->server)
			test_server_free(s);
	}
}

/* Two, three and four bytes a letter. */
static const char letters[] = "\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80 \xf0\xa0\xae\xb7";

static void letters_last_on_a_database_server_of_another_character_set(void **state)
{
	world *w = (world *)*state;

	mariadb_kill(w->database);
	w->database->options = {"--skip-character-set-client-handshake", "--character-set-server=gbk",
	                        "--init-connect=SET NAMES latin1"};
	mariadb_start(w->database);
	test_server_start(w->server);
	test_client *ann = client_enter(w->server, letters);
	const int64_t bob = client_absent(w->server, "bob");
	const int64_t group = client_create_group(ann, letters);
	client_chat_safely(ann, bob, letters);
	test_frame ack;
	client_return(w->server, bob, &ack);
	const auto kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 1);
	assert_string_equal(json_text(kept[0].get(), "msg").c_str(), letters);
	const int64_t ann_id = ann->id;
	client_leave(ann);
	client_return(w->server, ann_id, &ack);
	assert_int_equal(json_text(ack.json.get(), "name").find(letters), 0);
	const auto groups = json_parse_all(ack.json.get(), "groups");
	assert_int_equal(groups.size(), 1);
	assert_int_equal(json_integer(groups[0].get(), "id"), group);
	assert_string_equal(json_text(groups[0].get(), "groupname").c_str(), letters);
	test_server_stop(w->server);
}

/* A proxy, for example, that comes between while the server runs. */
static void a_session_of_another_character_set_is_not_used(void **state)
{
	world *w = (world *)*state;
	relay *proxy = relay_start(w->database->port);

	test_server_set(w->server, "db_mysql.port", std::to_string(relay_port(proxy)));
	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann");
	relay_replace(proxy, "NAMES utf8mb4 COLLATE utf8mb4_bin", "NAMES latin1  COLLATE latin1_bin ");
	relay_replace(proxy, "'utf8mb4'", " 'latin1'");
	relay_reset(proxy);
	client_chat(ann, ann->id, letters, ",\"req\":1");
	assert_int_equal(json_integer(client_read_answer(ann, 1).json.get(), "errno"), 11);
	test_server_wait_log(w->server, "keeps character_set_client = 'latin1' where 'utf8mb4' is needed");
	assert_int_equal(number_in(w, "SELECT COUNT(*) FROM message"), 0);
	test_server_stop(w->server);
	test_server_launch(w->server);
	assert_int_equal(test_server_wait(w->server, 20000), 1);
	test_server_wait_log(w->server, "keeps character_set_client = 'latin1' where 'utf8mb4' is needed");
	relay_stop(proxy);
}

/* Counts the asking connection, too. */
static int64_t connections_in(const world *w)
{
	return number_in(w, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'chat'");
}

static void connections_that_the_database_ends_when_idle_are_no_error(void **state)
{
	world *w = (world *)*state;

	mariadb_kill(w->database);
	w->database->options = {"--wait-timeout=1"};
	mariadb_start(w->database);
	test_server_set(w->server, "core.log_level", "debug");
	/* It reads the store each second. */
	test_server_set(w->server, "core.plugins", "all but reminders");
	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann"), *bob = client_enter(w->server, "bob");
	for (int i = 1; i <= 3; i++) {
		check_wait("the idle connections to be ended", [&] { return connections_in(w) == 1; });
		assert_int_equal(client_chat_safely(ann, bob->id, "x"), i);
		client_expect(bob, check_format("{\"msgid\":6,\"seq\":%d}", i));
	}
	test_server_wait_log(w->server, "debug store connection ended while idle, another is opened");
	const std::string log = test_server_log(w->server);
	const size_t ready = log.find("info ready ");
	assert_true(ready != log.npos);
	assert_int_equal(log.find("error ", ready), log.npos);
	assert_int_equal(log.find("warning ", ready), log.npos);
	test_server_stop(w->server);
}

static void a_database_that_is_gone_is_an_error_and_nothing_lost_is_told_after_its_return(void **state)
{
	world *w = (world *)*state;

	test_server_set(w->server, "store.readers", "4");
	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann");
	mariadb_kill(w->database);
	client_chat(ann, ann->id, "x", ",\"req\":1");
	assert_int_equal(json_integer(client_read_answer(ann, 1).json.get(), "errno"), 11);
	test_server_wait_log(w->server, "error store does not answer");
	assert_true(test_server_log(w->server).find("error store connection ") != std::string::npos);
	mariadb_start(w->database);
	check_wait("the store to recover", [&] {
		client_chat(ann, ann->id, "x", ",\"req\":1");
		return json_integer(client_read_answer(ann, 1).json.get(), "errno") == 0;
	});
	/* Each of the other connections has its turn. */
	for (int i = 0; i < 8; i++)
		(void)client_enter(w->server, "bob");
	const std::string log = test_server_log(w->server);
	const size_t back = log.find("warning store answers again");
	assert_true(back != log.npos);
	assert_int_equal(log.find("error ", back), log.npos);
	test_server_stop(w->server);
}

static void what_is_refused_for_max_allowed_packet_is_told(void **state)
{
	world *w = (world *)*state;

	mariadb_kill(w->database);
	w->database->options = {"--max-allowed-packet=16384", "--net-buffer-length=16384"};
	mariadb_start(w->database);
	test_server_start(w->server);
	test_client *ann = client_enter(w->server, "ann");
	client_chat(ann, ann->id, std::string(30000, 'x'), ",\"req\":1");
	assert_int_equal(json_integer(client_read_answer(ann, 1).json.get(), "errno"), 4);
	test_server_wait_log(w->server, "error store cannot hold a value");
	assert_true(test_server_log(w->server).find("max_allowed_packet") != std::string::npos);
	assert_int_equal(client_chat_safely(ann, ann->id, "x"), 1);
	test_server_stop(w->server);
}

static void write_secret(const std::string &path, const char *text)
{
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	std::filesystem::permissions(path, std::filesystem::perms(0600));
}

/* In chat.conf it is read by everybody who reads that file, which the log says; nothing shows the password. */
static void the_password_may_stand_in_a_file_of_its_own(void **state)
{
	world *w = (world *)*state;
	const std::string conf = w->server->folder + "/chat.conf", path = w->server->folder + "/db_mysql.password";
	const std::string password = w->server->options.at("db_mysql.password");

	test_server_write_conf(w->server);
	std::filesystem::permissions(conf, std::filesystem::perms(0644));
	const std::string said = test_server_run(w->server, {"-t", "-c", conf}).err;
	assert_non_null(strstr(said.c_str(), ("warning others can read a secret: run chmod o-r on the file "
	                                      "option=db_mysql.password file=" +
	                                      conf + "\n")
	                                             .c_str()));
	assert_null(strstr(said.c_str(), password.c_str()));
	write_secret(path, (password + "\n").c_str());
	test_server_set(w->server, "db_mysql.password", "");
	test_server_set(w->server, "db_mysql.password_file", "db_mysql.password");
	w->server->environment.push_back("CREDENTIALS_DIRECTORY=" + w->server->folder);
	test_server_start(w->server);
	client_enter(w->server, "ann");
	const test_run shown = test_server_run(w->server, {"-t", "-c", conf});
	assert_int_equal(shown.status, 0);
	assert_non_null(strstr(shown.out.c_str(), "password = \npassword_file = db_mysql.password\n"));

	write_secret(path, "another\n");
	test_server_signal(w->server, SIGHUP);
	test_server_wait_log(w->server, "option changed, which needs a restart option=db_mysql.password");
	test_server_wait_log(w->server, "configuration reloaded");
	write_secret(path, "");
	test_server_signal(w->server, SIGHUP);
	test_server_wait_log(w->server, "configuration kept: " + conf);
	client_enter(w->server, "ben");
	const std::string log = test_server_log(w->server);

	assert_null(strstr(log.c_str(), "others can read"));
	for (const std::string &text : {log, shown.out, shown.err})
		assert_null(strstr(text.c_str(), password.c_str()));
	test_server_stop(w->server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_without_cid_are_stored_once_when_the_database_is_killed),
		TEST(while_the_database_is_away_requests_are_refused_and_pings_answered),
		TEST(a_frozen_database_delays_and_loses_nothing),
		TEST(letters_last_on_a_database_server_of_another_character_set),
		TEST(a_session_of_another_character_set_is_not_used),
		TEST(connections_that_the_database_ends_when_idle_are_no_error),
		TEST(a_database_that_is_gone_is_an_error_and_nothing_lost_is_told_after_its_return),
		TEST(what_is_refused_for_max_allowed_packet_is_told),
		TEST(the_password_may_stand_in_a_file_of_its_own),
		TEST(three_servers_may_start_at_once_on_a_database_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
