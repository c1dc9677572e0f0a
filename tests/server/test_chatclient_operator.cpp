/* SPDX-License-Identifier: MIT
 * Tests what a person at chatclient sees of an operator's work: orders about a group, an account that was erased, and
 * registration by invitation or not at all. */
#include <string>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/operator.h"
#include "tests/support/scene.h"
#include "tests/support/talker.h"

using wide = long long;

static int begin(void **state, const char *registration)
{
	test_server *s = test_server_new();

	operator_allow(s);
	test_server_set(s, "login.registration", registration);
	*state = s;
	test_server_start(s);
	return 0;
}

static int set_up(void **state)
{
	return begin(state, "open");
}

static int set_up_with_invitations(void **state)
{
	return begin(state, "invite");
}

static int set_up_closed(void **state)
{
	return begin(state, "closed");
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

/* Lines may be wrapped anywhere. */
static void sees(terminal *t, const std::string &text)
{
	terminal_wait_for(t, text, [&] {
		std::string all = terminal_text(t), wanted = text;

		std::erase_if(all, [](char c) { return c == ' ' || c == '\n'; });
		std::erase(wanted, ' ');
		return all.find(wanted) != std::string::npos;
	});
}

/* The operator acts in the place of the creator, who is at the terminal and did nothing. */
static void orders_about_a_group_are_the_operator_s_not_the_creator_s(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	const std::string group = client_new_name("group");
	scene sc;

	scene_begin(&sc, s);
	const std::string ben = sc.other->name, named = "\"groupname\":" + json_quote(group);
	terminal_type(&sc.t, "/group " + group + " to talk\r");
	sees(&sc.t, "You made " + group);
	const test_frame card = CLIENT_ASK(o, 0, R"({"msgid":931,%s)", named.c_str());
	client_join_group(sc.other, json_integer(card.json.get(), "groupid"));
	sees(&sc.t, "* " + ben + " joined");
	(void)CLIENT_ASK(o, 0, R"({"msgid":934,%s,"account":%lld,"ms":60000)", named.c_str(), (wide)sc.other->id);
	sees(&sc.t, "* the operator muted " + ben + " until");
	(void)CLIENT_ASK(o, 0, R"({"msgid":934,%s,"account":%lld,"ms":0)", named.c_str(), (wide)sc.other->id);
	sees(&sc.t, "* the operator let " + ben + " speak again");
	terminal_type(&sc.t, "/with #" + group + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> group " + group + "> ");
	for (bool ended = false; !ended;) {
		const test_frame done = CLIENT_ASK(o, 0, R"({"msgid":932,%s)", named.c_str());
		ended = json_matches(done.json.get(), R"({"ended":true})");
	}
	sees(&sc.t, "* the operator removed " + ben);
	sees(&sc.t, "* the operator ended the group");
	terminal_wait_cursor(&sc.t, sc.prompt);
	for (const char *own : {"you muted", "you let", "you removed", "you left"})
		assert_true(scene_joined(&sc).find(own) == std::string::npos);
	scene_end(&sc);
}

/* The seq of the message is lower than what the group has already. */
static void members_of_a_sender_s_own_change_nothing_of_what_is_shown(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string group = client_new_name("group");
	scene sc;

	scene_begin(&sc, s);
	terminal_type(&sc.t, "/group " + group + " to talk\r");
	sees(&sc.t, "You made " + group);
	test_client *o = operator_open(s);
	const test_frame card = CLIENT_ASK(o, 0, R"({"msgid":931,"groupname":%s)", json_quote(group).c_str());
	const wide number = json_integer(card.json.get(), "groupid");
	(void)CLIENT_ASK(sc.other, 0, R"({"msgid":9,"id":%lld,"groupid":%lld,"operator":true)", (wide)sc.other->id,
	                 number);
	sees(&sc.t, "* " + sc.other->name + " joined");
	(void)CLIENT_ASK(sc.other, 0, R"({"msgid":6,"id":%lld,"toid":%lld,"groupid":%lld,"operator":true,"msg":"psst")",
	                 (wide)sc.other->id, (wide)sc.id, number);
	sees(&sc.t, sc.other->name + ": psst");
	scene_end(&sc);
}

static void a_message_of_an_erased_account_stands_there_as_empty(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	scene sc;

	scene_begin(&sc, s);
	const int64_t ben = sc.other->id;
	const std::string erased = "erased " + std::to_string(ben);
	(void)client_chat_safely(sc.other, sc.id, "words of ben");
	sees(&sc.t, sc.other->name + ": words of ben");
	(void)CLIENT_ASK(o, 0, R"({"msgid":927,"account":%lld)", (wide)ben);
	check_wait("an erased account", [=] {
		const test_frame shown = CLIENT_ASK(o, 0, R"({"msgid":925,"account":%lld)", (wide)ben);
		return json_matches(shown.json.get(), R"({"state":"erased"})");
	});
	terminal_type(&sc.t, "/inbox\r");
	sees(&sc.t, erased + ": (empty)");
	terminal_type(&sc.t, "/with " + std::to_string(ben) + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + erased + "> ");
	terminal_wait_for(&sc.t, "the message in the history, too", [&] {
		const std::string all = scene_joined(&sc), line = erased + ": (empty)";

		return all.find(line) != all.rfind(line);
	});
	terminal_type(&sc.t, "still there?\r");
	sees(&sc.t, erased + ": there is no such account");
	sees(&sc.t, "Not sent: still there?");
	scene_end(&sc);
}

static void begin_to_register(terminal *t, const test_server *s, const std::string &name)
{
	terminal_start(t, s->port);
	terminal_answer(t, "choice: ", "2");
	terminal_answer(t, "name: ", name);
	terminal_answer(t, "password: ", "secret");
	terminal_answer(t, "password again: ", "secret");
}

static void quit(terminal *t)
{
	terminal_type(t, "/quit\r");
	assert_int_equal(terminal_finish(t), 0);
}

static void the_code_of_an_invitation_is_asked_for_where_it_is_needed(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	const test_frame made = CLIENT_ASK(o, 0, R"({"msgid":940)");
	const std::string code = json_text(made.json.get(), "code");
	terminal ann, bob;

	begin_to_register(&ann, s, "ann");
	terminal_answer(&ann, "invitation: ", "ABCDE-FGHJK");
	sees(&ann, "this invitation is not good (any more)");
	terminal_answer(&ann, "invitation: ", " " + code + " ");
	terminal_wait_cursor(&ann, "ann> ");
	quit(&ann);
	/* It was good once; without a code one is back at the menu, and nothing of it is left. */
	begin_to_register(&bob, s, "bob");
	terminal_answer(&bob, "invitation: ", code);
	sees(&bob, "this invitation is not good (any more)");
	terminal_answer(&bob, "invitation: ", "");
	terminal_answer(&bob, "choice: ", "1");
	terminal_wait_cursor(&bob, "name or number: ");
	terminal_type(&bob, "\r");
	terminal_wait_cursor(&bob, "choice: ");
	quit(&bob);
}

static void a_script_has_the_code_of_an_invitation_from_an_option(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const test_frame made = CLIENT_ASK(operator_open(s), 0, R"({"msgid":940,"uses":2)");
	const std::string code = json_text(made.json.get(), "code");
	talker none, both, used;
	terminal t;

	assert_int_equal(talker_run(&none, s->port, "register:ann:secret\n"), 1);
	assert_true(talker_has(&none, "refused|register"));
	assert_int_equal(talker_run(&both, s->port, "register:ann:secret\n", {"--invite", code}), 0);
	assert_true(talker_has(&both, "registered|1"));
	terminal_start_with(&t, {"-i", code, "127.0.0.1", std::to_string(s->port)});
	terminal_answer(&t, "choice: ", "2");
	terminal_answer(&t, "name: ", "bob");
	terminal_answer(&t, "password: ", "secret");
	terminal_answer(&t, "password again: ", "secret");
	terminal_wait_cursor(&t, "bob> ");
	quit(&t);
	assert_int_equal(talker_run(&used, s->port, "register:cid:secret\n", {"-i", code}), 1);
}

static void who_cannot_register_is_told_and_back_at_the_menu(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);
	terminal t;

	begin_to_register(&t, s, "ann");
	sees(&t, "registration is closed");
	terminal_wait_cursor(&t, "choice: ");
	quit(&t);
}

int main()
{
#define TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(orders_about_a_group_are_the_operator_s_not_the_creator_s, set_up),
		TEST(members_of_a_sender_s_own_change_nothing_of_what_is_shown, set_up),
		TEST(a_message_of_an_erased_account_stands_there_as_empty, set_up),
		TEST(the_code_of_an_invitation_is_asked_for_where_it_is_needed, set_up_with_invitations),
		TEST(a_script_has_the_code_of_an_invitation_from_an_option, set_up_with_invitations),
		TEST(who_cannot_register_is_told_and_back_at_the_menu, set_up_closed),
	};

	return cmocka_run_group_tests_name("chatclient_operator", tests, nullptr, nullptr);
}
