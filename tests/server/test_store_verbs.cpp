/* SPDX-License-Identifier: MIT
 * Tests chatctl's verbs check, export and import with real servers. What check finds, and what an export has, are also
 * tests of the model: unit/test_model_check and unit/test_model_transfer. CS_LONG=1 makes it longer. */
#include <csignal>
#include <cstdlib>

#include "test_store_shell.h"
#include "tests/support/conversation_play.h"

/* ---- check */

/* People, a group of three, messages, a contact. */
struct store_people {
	int64_t ann, bob, cid, group;
};

static store_people make_history(test_server *s)
{
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *cid = client_enter(s, "cid");
	const store_people p = {ann->id, bob->id, cid->id, client_create_group(ann, client_new_name("g"))};

	client_join_group(bob, p.group);
	client_join_group(cid, p.group);
	for (int i = 0; i < 5; i++) {
		(void)client_chat_safely(ann, bob->id, "hello", check_format(R"(,"cid":"c%d")", i));
		(void)client_group_chat_safely(ann, p.group, "hello all");
	}
	(void)CLIENT_ASK(ann, 0, R"({"msgid":131,"id":%lld,"account":%lld,"friend":true)", (long long)ann->id,
	                 (long long)bob->id);
	for (test_client *c : {ann, bob, cid})
		client_leave(c);
	return p;
}

static void a_damaged_index_of_the_file_is_found(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	(void)make_history(s);
	change(s, "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'member_account'");
	test_server_stop(s);
	test_server_start(s);
	says(ctl(s, "check"), 1, "the file is damaged: ");
}

static void the_findings_are_json_for_programs(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	(void)make_history(s);
	change(s, "UPDATE conversation SET members = 9 WHERE kind = 1");
	says(ctl(s, "--json check"), 1,
	     R"({"findings":[{"what":"a group does not have the number of members that it says","where":"id=)");
}

/* Groups that ended, recalls, edits, contacts, marks, devices that ended; the check runs all the while. */
static void play(test_server *s, conversation_play *p, bool checks)
{
	play_set_options(s);
	test_server_start(s);
	play_begin(p, {s}, play_new_seed());
	const uint64_t steps = play_steps(150);
	while (p->steps < steps) {
		play_step(p);
		if (checks && p->steps % 50 == 0)
			says(ctl(s, "check"), 0, "nothing is wrong");
	}
	play_end(p);
	play_report(p);
}

static void a_store_with_any_history_has_nothing_wrong(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	conversation_play p;

	play(s, &p, true);
	says(ctl(s, "check"), 0, "nothing is wrong");
	/* And while all of it is removed, because it is old. */
	test_server_stop(s);
	/* Not older than a day: retention would not trust the clock. */
	change(s, mariadb_wanted() ? "UPDATE message SET created = created - 7200000"
	                           : "UPDATE body SET created = created - 7200000");
	test_server_set(s, "mailbox.keep", "1s");
	test_server_start(s);
	check_wait("an empty log", [=] {
		says(ctl(s, "check"), 0, "nothing is wrong");
		ctl_done(s, "export log.jsonl");
		return run_shell(s, "grep '\"type\":[012],\"created' log.jsonl; rm log.jsonl").text.empty();
	});
}

/* ---- a group whose rows are not what it says */

static void who_cannot_be_erased_keeps_nobody_waiting(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t ann_id = ann->id, bob = client_absent(s, "bob");
	(void)client_create_group(ann, client_new_name("g"));
	client_leave(ann);
	change(s, "UPDATE conversation SET members = 9 WHERE kind = 1");
	ctl_done(s, "account erase " + std::to_string(ann_id) + " yes");
	check_wait("a warning", [=] {
		return strstr(test_server_log(s).c_str(), ("an account cannot leave a group, its erasing is tried"
		                                           " again later; see chatctl check account=" +
		                                           std::to_string(ann_id))
		                                                  .c_str()) != nullptr;
	});
	ctl_done(s, "account erase " + std::to_string(bob) + " yes");
	check_wait("the end of an erasing", [=] {
		return strstr(ctl(s, "account show " + std::to_string(bob)).text.c_str(), "erased") != nullptr &&
		       strstr(test_server_log(s).c_str(), ("account erased account=" + std::to_string(bob)).c_str());
	});
}

static void wait_until_erased(const test_server *s, int64_t account)
{
	const std::string show = "account show " + std::to_string(account);

	check_wait("an erased account", [=] { return strstr(ctl(s, show).text.c_str(), "erased\n") != nullptr; });
}

static void an_entry_that_the_store_refuses_keeps_nobody_waiting(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t ann_id = ann->id, bob = client_absent(s, "bob");
	(void)client_chat_safely(ann, bob, "poison");
	client_leave(ann);
	change(s, mariadb_wanted() ? "CREATE TRIGGER refuse BEFORE UPDATE ON message FOR EACH ROW BEGIN"
	                             " IF OLD.body LIKE '%poison%' THEN SIGNAL SQLSTATE '45000'; END IF; END"
	                           : "CREATE TRIGGER refuse BEFORE UPDATE ON body WHEN OLD.body LIKE '%poison%'"
	                             " BEGIN SELECT RAISE(ABORT, 'no'); END");
	ctl_done(s, "account erase " + std::to_string(ann_id) + " yes");
	check_wait("a warning", [=] {
		return strstr(test_server_log(s).c_str(), ("what an account has said cannot be erased, this is tried"
		                                           " again later; see chatctl check account=" +
		                                           std::to_string(ann_id))
		                                                  .c_str()) != nullptr;
	});
	ctl_done(s, "account erase " + std::to_string(bob) + " yes");
	wait_until_erased(s, bob);
	says(ctl(s, "account show " + std::to_string(ann_id)), 0, "erasing\n");
	change(s, "DROP TRIGGER refuse");
	wait_until_erased(s, ann_id);
}

static void a_group_that_cannot_be_dissolved_is_an_error(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const store_people p = make_history(s);
	change(s, "UPDATE conversation SET members = 9 WHERE kind = 1");
	says(ctl(s, "group dissolve " + std::to_string(p.group) + " yes"), 1, "no more members can be removed, 2 were");
}

/* ---- export and import */

static void imported_bans_are_in_force_at_once(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	says(run_shell(
		     s,
		     R"(printf '{"kind":"store","format":"chatserverd","version":1}\n{"kind":"ban","network":"192.0.2.0/24","created":1,"ends":0,"reason":""}\n' >in.jsonl)"),
	     0, "");
	ctl_done(s, "import in.jsonl");
	check_wait("the bans",
	           [=] { return strstr(test_server_log(s).c_str(), "the list of bans was read bans=1") != nullptr; });
}

static std::string file_of(const test_server *s, const char *name)
{
	return check_read_file(s->folder + "/" + name);
}

static test_server *other_server(bool mysql)
{
	test_server *other = test_server_new();

	operator_allow(other);
	if (mysql)
		test_server_use_mariadb(other, mariadb_shared());
	test_server_set(other, "login.device_kept_for", "");
	test_server_start(other);
	return other;
}

/* Brings all of the first store to the second; exports of both are the same bytes. */
static void move(const test_server *from, const test_server *to)
{
	ctl_done(from, "export " + to->folder + "/a.jsonl");
	ctl_done(to, "import a.jsonl");
	ctl_done(to, "export b.jsonl");
	if (file_of(to, "a.jsonl") != file_of(to, "b.jsonl"))
		check_fail(test_at::current(), "%s", run_shell(to, "diff a.jsonl b.jsonl | head -20").text.c_str());
	says(ctl(to, "check"), 0, "nothing is wrong");
}

static void a_store_moves_to_another_database_and_back(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	conversation_play p;

	play(s, &p, false);
	test_server *mysql = other_server(true);
	move(s, mysql);
	test_server *back = other_server(false);
	move(mysql, back);
	/* Harmless when it is repeated. */
	says(ctl(back, "import a.jsonl"), 0, " were there");
	ctl_done(back, "export c.jsonl");
	assert_true(file_of(back, "a.jsonl") == file_of(back, "c.jsonl"));
	test_server_free(mysql);
	test_server_free(back);
}

static void who_comes_back_to_the_moved_store_gets_what_was_missing(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_frame ack;

	test_server_start(s);
	const int64_t bob = client_absent(s, "bob");
	test_client *ann = client_enter(s, "ann"), *phone = client_return(s, bob, nullptr, R"(,"device":"phone")");
	(void)client_chat_safely(ann, bob, "seen");
	client_expect(phone, R"({"msg":"seen"})");
	client_leave(phone);
	(void)client_chat_safely(ann, bob, "missed");
	const int64_t id = ann->id;
	const test_frame history =
		CLIENT_ASK(ann, 0, R"({"msgid":105,"id":%lld,"peer":%lld,"limit":200)", (long long)id, (long long)bob);
	test_server *other = other_server(true);
	move(s, other);
	client_return(other, bob, &ack, R"(,"device":"phone")");
	const std::vector<json_ptr> messages = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(messages.size(), 1);
	assert_string_equal(json_text(messages[0].get(), "msg").c_str(), "missed");
	test_client *again = client_return(other, id);
	const test_frame same = CLIENT_ASK(again, 0, R"({"msgid":105,"id":%lld,"peer":%lld,"limit":200)", (long long)id,
	                                   (long long)bob);
	assert_true(cJSON_Compare(cJSON_GetObjectItem(history.json.get(), "messages"),
	                          cJSON_GetObjectItem(same.json.get(), "messages"), true));
	assert_int_equal(client_chat_safely(again, bob, "on"), 3);
	test_server_free(other);
}

/* The erasing waits for an entry that its store refuses. In the other store all is there before it goes on. */
static void an_erasing_goes_on_in_the_store_that_it_moved_to(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	if (mariadb_wanted())
		return; /* the trigger is one of SQLite; the other store below is MariaDB */
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t ann_id = ann->id, bob_id = bob->id, group = client_create_group(ann, client_new_name("g"));
	client_join_group(bob, group);
	for (int i = 0; i < 600; i++)
		client_chat(ann, bob_id, "a secret");
	(void)client_chat_safely(ann, bob_id, "poison");
	(void)client_group_chat_safely(ann, group, "a secret");
	client_leave(ann);
	change(s, "CREATE TRIGGER refuse BEFORE UPDATE ON body WHEN OLD.body LIKE '%poison%'"
	          " BEGIN SELECT RAISE(ABORT, 'no'); END");
	ctl_done(s, "account erase " + std::to_string(ann_id) + " yes");
	test_server_wait_log(s, "what an account has said cannot be erased");
	ctl_done(s, "export a.jsonl");
	says(run_shell(s, "grep -c poison a.jsonl"), 0, "1\n");
	for (const bool mysql : {false, true}) {
		test_server *other = other_server(mysql);

		ctl_done(other, "import " + s->folder + "/a.jsonl");
		wait_until_erased(other, ann_id);
		ctl_done(other, "export b.jsonl");
		says(run_shell(other, "grep -c 'poison\\|a secret' b.jsonl"), 1, "0\n");
		says(ctl(other, "check"), 0, "nothing is wrong");
		test_server_free(other);
	}
}

static void an_export_writes_to_no_file_of_somebody_else(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann");
	for (const char *link : {"ln", "ln -s"})
		for (const std::string &verb : {std::string("export"), "account export " + std::to_string(ann)}) {
			says(run_shell(s, std::string("echo mine >other; rm -f out.jsonl*; ") + link +
			                          " other out.jsonl.tmp"),
			     0, "");
			ctl_done(s, verb + " out.jsonl");
			says(run_shell(s, "cat other; test ! -L out.jsonl && ls out.jsonl*"), 0,
			     "mine\nout.jsonl\nout.jsonl.tmp\n");
			says(ctl(s, verb + " out.jsonl"), 1, "File exists");
		}
}

/* It has hashes of passwords and messages. The server does not answer, so the export is under way. */
static void an_export_that_a_signal_ends_leaves_no_file(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann");
	test_server_signal(s, SIGSTOP);
	for (const std::string &verb : {std::string("export"), "account export " + std::to_string(ann)})
		says(run_shell(s, "true; " + process_program("chatctl") + " -s control " + verb +
		                          " part.jsonl & until ls | grep -q part.jsonl.tmp-; do sleep 0.02; done; "
		                          "kill -TERM $!; wait $!; echo $?; ls | grep part"),
		     1, "143\n");
	test_server_signal(s, SIGCONT);
	ctl_done(s, "export part.jsonl");
}

static void wrong_lines_are_refused_with_their_number(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string head = R"({"kind":"store","format":"chatserverd","version":1})";
	const auto import = [&](const std::string &line) {
		FILE *file = fopen((s->folder + "/in.jsonl").c_str(), "w");

		(void)fprintf(file, "%s\n", line.c_str());
		(void)fclose(file);
		return ctl(s, "import in.jsonl");
	};

	test_server_start(s);
	const store_people p = make_history(s);
	says(import("{"), 1, "line 1: is no JSON object");
	says(import(R"({"kind":"account"})"), 1, "line 1: the first line must be of the kind store");
	says(import(R"({"kind":"store","format":"chatserverd","version":2})"), 1,
	     "line 1: this server reads version 1");
	says(import(head + "\n{\"kind\":\"cat\"}"), 1, "line 2: kind is not one that this server knows");
	says(import(head + "\n{\"kind\":\"contact\",\"account\":1,\"other\":2,\"listed\":1}"), 1,
	     "line 2: blocked is missing");
	says(import(head + "\n" +
	            check_format(R"({"kind":"contact","account":%lld,"other":%lld,"listed":1,"blocked":1})",
	                         (long long)p.ann, (long long)p.bob)),
	     1, "line 2: the store has another contact with this number");
	says(import(head + "\n" + R"({"kind":"account","id":0,"name":"zero"})"), 1, "line 2: id must be 1 or more");
	says(import(head + "\n" +
	            R"({"kind":"entry","conversation":1,"seq":1,"sender":1,"type":0,"created":1,"body":"hello"})"),
	     1, "line 2: body must be a frame");
	says(import(head + "\n" +
	            R"({"kind":"entry","conversation":999,"seq":1,"sender":1,"type":0,"created":1,"body":"{\"msgid\":9}"})"),
	     1, "line 2: there is no such conversation");
	says(import(head + "\n" +
	            check_format(
			    R"({"kind":"entry","conversation":%lld,"seq":99,"sender":1,"type":0,"created":1,"body":"{\"msgid\":9}"})",
			    (long long)p.group)),
	     1, "line 2: seq must be ");
	says(import(R"({"kind":"store","format":"chatserverd","version":1,"id":"x"})"), 1, "it is cut off");
	says(ctl(s, "check"), 0, "nothing is wrong");
}

static void thousands_of_messages_move_in_seconds(void **state)
{
	const int count = getenv("CS_LONG") ? 10000 : 2000;
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	(void)client_chat_safely(ann, bob, "first");
	ctl_done(s, "export small.jsonl");
	says(run_shell(
		     s,
		     "awk -v count=" + std::to_string(count) +
			     " '/\"entry\"/ { for (i = 1; i <= count; i++) { line = $0; sub(/\"seq\":1,/, \"\\\"seq\\\":\" i"
			     " \",\", line); if (i > 1) sub(/,\"cid\":\"[^\"]*\"/, \"\", line); print line; n++ } next }"
			     " /\"end\"/ { print \"{\\\"kind\\\":\\\"end\\\",\\\"lines\\\":\" n \"}\"; next } { print; n++ }'"
			     " small.jsonl >large.jsonl"),
	     0, "");
	for (const bool mysql : {false, true}) {
		test_server *other = other_server(mysql);
		const int64_t begun = check_now();

		ctl_done(other, "import " + s->folder + "/large.jsonl");
		const int64_t imported = check_now();
		ctl_done(other, "export out.jsonl");
		print_message("%d entries, %s: import %lld ms, export %lld ms\n", count, mysql ? "MariaDB" : "SQLite",
		              (long long)(imported - begun), (long long)(check_now() - imported));
		assert_true(file_of(other, "out.jsonl") == file_of(s, "large.jsonl"));
		test_server_free(other);
	}
}

/* The example of chatctl(8), as a reader copies it. */
static std::string example_of_the_page(void)
{
	const std::string page = check_read_file("man/chatctl.8");
	const size_t section = page.find(".Ss Files by hand"), begin = page.find('\n', page.find(".Bd", section)) + 1;

	assert_true(section != page.npos);
	return page.substr(begin, page.find(".Ed", begin) - begin);
}

static void write_file(const test_server *s, const char *name, const std::string &text)
{
	FILE *file = fopen((s->folder + "/" + name).c_str(), "w");

	assert_int_equal(fwrite(text.data(), 1, text.size(), file), text.size());
	assert_int_equal(fclose(file), 0);
}

static test_frame login_by_name(test_client *c, const char *name, const char *password)
{
	client_sendf(c, R"({"msgid":1,"name":"%s","password":"%s"})", name, password);
	test_frame ack = client_read(c);
	c->id = json_integer(ack.json.get(), "id");
	c->name = name;
	return ack;
}

static void the_file_of_the_page_is_read_and_people_log_in(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	write_file(s, "in.jsonl", example_of_the_page());
	says(ctl(s, "import in.jsonl"), 0, "8 lines added, 1 were there\n");
	says(ctl(s, "check"), 0, "nothing is wrong");
	says(ctl(s, "import in.jsonl"), 0, "0 lines added, 9 were there\n");
	const test_frame ann = login_by_name(client_open(s), "ann", "a red balloon");
	assert_int_equal(json_integer(ann.json.get(), "errno"), 0);
	assert_int_equal(json_parse_all(ann.json.get(), "offlinemsg").size(), 2);
	test_client *c = client_open(s);
	const test_frame bob = login_by_name(c, "bob", "a blue one");
	const std::vector<json_ptr> messages = json_parse_all(bob.json.get(), "offlinemsg");
	assert_int_equal(messages.size(), 1);
	assert_true(
		json_matches(messages[0].get(), R"({"msgid":6,"name":"ann","msg":"Hi","seq":1,"ts":1717236000000})"));
	/* The log goes on. */
	assert_int_equal(client_chat_safely(c, json_integer(ann.json.get(), "id"), "on"), 3);
	says(ctl(s, "group show team"), 0, "bob");
	assert_null(strstr(test_server_log(s).c_str(), "balloon"));
}

/* A password that its owner has changed since stays; one that was not set yet is set. */
static void an_import_by_hand_goes_on_where_it_ended(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string head = "{\"kind\":\"store\",\"format\":\"chatserverd\",\"version\":1}\n",
			  ann = "{\"kind\":\"account\",\"name\":\"ann\",\"password\":\"one\"}\n",
			  bob = "{\"kind\":\"account\",\"id\":70,\"name\":\"bob\",\"password\":\"two\"}\n",
			  said = "{\"kind\":\"message\",\"from\":\"ann\",\"to\":70,\"created\":5,\"text\":\"again\"}\n";

	test_server_start(s);
	write_file(s, "in.jsonl", head + ann + said);
	says(ctl(s, "import in.jsonl"), 1, "line 3: to: there is no account 70");
	write_file(s, "in.jsonl", head + "{\"kind\":\"account\",\"id\":70,\"name\":\"bob\"}\n");
	ctl_done(s, "import in.jsonl");
	write_file(s, "in.jsonl", head + ann + bob + said + said);
	says(ctl(s, "import in.jsonl"), 0, "3 lines added, 2 were there\n");
	const chatctl_output changed = chatctl_type(s, "account password ann", {.input = "changed\n"});
	assert_int_equal(changed.status, 0);
	write_file(s, "in.jsonl", head + bob + ann + said + said + said);
	says(ctl(s, "import in.jsonl"), 0, "1 lines added, 5 were there\n");
	const test_frame in = login_by_name(client_open(s), "ann", "changed");
	assert_int_equal(json_integer(in.json.get(), "errno"), 0);
	const test_frame other = login_by_name(client_open(s), "bob", "two");
	assert_int_equal(json_integer(other.json.get(), "errno"), 0);
	assert_int_equal(json_parse_all(other.json.get(), "offlinemsg").size(), 3);
}

static void what_was_read_by_hand_leaves_the_store_whole_and_can_be_read_again(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	write_file(s, "in.jsonl",
	           R"({"kind":"store","format":"chatserverd","version":1}
{"kind":"account","name":"ann"}
{"kind":"account","name":"bob"}
{"kind":"message","from":"ann","to":"bob","created":5,"text":"one"}
{"kind":"message","from":"ann","to":"bob","created":6,"text":"two","cid":"a \"cid\""}
{"kind":"message","from":"bob","to":"ann","created":7,"text":"three","cid":"last"}
)");
	says(ctl(s, "import in.jsonl"), 0, "5 lines added, 1 were there\n");
	ctl_done(s, "purge before 2020-01-01 all yes");
	check_wait("an empty log", [=] {
		ctl_done(s, "export log.jsonl");
		return run_shell(s, "grep '\"type\":0,\"created' log.jsonl; rm log.jsonl").text.empty();
	});
	says(ctl(s, "check"), 0, "nothing is wrong");
	says(ctl(s, "import in.jsonl"), 0, "3 lines added, 3 were there\n");
	says(ctl(s, "import in.jsonl"), 0, "0 lines added, 6 were there\n");
	says(ctl(s, "check"), 0, "nothing is wrong");
}

static void wrong_lines_by_hand_are_refused_with_their_number(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string head = R"({"kind":"store","format":"chatserverd","version":1})"
				 "\n"
				 R"({"kind":"account","name":"ann"})"
				 "\n"
				 R"({"kind":"group","name":"team","creator":"ann"})"
				 "\n";
	const auto import = [&](const std::string &line) {
		write_file(s, "in.jsonl", head + line + "\n");
		return ctl(s, "import in.jsonl");
	};

	test_server_start(s);
	says(import(R"({"kind":"account","name":"ann"})"), 1, "line 4: the file has this name twice");
	says(import(R"({"kind":"account","name":"bob","password":"$2b$10$abc"})"), 1,
	     "line 4: password is a hash that this server does not know");
	says(import(R"({"kind":"account","name":"bob","password":")" + std::string(129, 'x') + "\"}"), 1,
	     "line 4: password must have 1 to 128 bytes");
	says(import(R"({"kind":"account","name":" "})"), 1, "line 4: name must have a visible character");
	says(import(R"({"kind":"account","name":"bob","passwort":"x"})"), 1,
	     "line 4: passwort is no member of such a line");
	says(import(R"({"kind":"friend","account":"ann"})"), 1, "line 4: other is missing");
	says(import(R"({"kind":"friend","account":"ann","other":"eve"})"), 1,
	     "line 4: other: there is no account \"eve\"");
	says(import(R"({"kind":"member","group":"team","account":"eve"})"), 1, "there is no account \"eve\"");
	says(import(R"({"kind":"member","group":"none","account":"ann"})"), 1, "line 4: there is no group \"none\"");
	says(import(R"({"kind":"message","from":"ann","created":1,"text":"x"})"), 1,
	     "line 4: one of to and group must be there");
	says(import(R"({"kind":"message","from":"ann","to":"ann","text":"x"})"), 1, "line 4: created is missing");
	says(import(R"({"kind":"account","name":"bob"})"
	            "\n"
	            R"({"kind":"message","from":"bob","group":"team","created":1,"text":"x"})"),
	     1, "line 5: the sender is no member of the group");
	says(import(R"({"kind":"message","from":"ann","group":"team","created":1,"text":"x","cid":"c"})"
	            "\n"
	            R"({"kind":"message","from":"ann","group":"team","created":1,"text":"y","cid":"c"})"),
	     1, "line 5: the store has another message of this sender with this cid");
	/* The whole part of the file was undone each time. */
	says(ctl(s, "account show ann"), 1, "no such account");
	says(ctl(s, "check"), 0, "nothing is wrong");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN(the_findings_are_json_for_programs),
		OWN(a_store_with_any_history_has_nothing_wrong),
		OWN(who_cannot_be_erased_keeps_nobody_waiting),
		OWN(an_entry_that_the_store_refuses_keeps_nobody_waiting),
		OWN(a_group_that_cannot_be_dissolved_is_an_error),
		OWN(imported_bans_are_in_force_at_once),
		OWN(an_erasing_goes_on_in_the_store_that_it_moved_to),
		OWN(an_export_writes_to_no_file_of_somebody_else),
		OWN(wrong_lines_are_refused_with_their_number),
		OWN(an_export_that_a_signal_ends_leaves_no_file),
		OWN(the_file_of_the_page_is_read_and_people_log_in),
		OWN(an_import_by_hand_goes_on_where_it_ended),
		OWN(what_was_read_by_hand_leaves_the_store_whole_and_can_be_read_again),
		OWN(wrong_lines_by_hand_are_refused_with_their_number),
	};
	const struct CMUnitTest sqlite_tests[] = {
		OWN(a_damaged_index_of_the_file_is_found),
		OWN(a_store_moves_to_another_database_and_back),
		OWN(who_comes_back_to_the_moved_store_gets_what_was_missing),
		OWN(thousands_of_messages_move_in_seconds),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return failed + (mariadb_wanted() ? 0 : cmocka_run_group_tests(sqlite_tests, nullptr, nullptr));
}
