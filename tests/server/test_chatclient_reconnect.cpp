/* SPDX-License-Identifier: MIT
 * Tests that chatclients lose, double and reorder nothing while their server is killed, restarted and drained. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cutter.h"
#include "tests/support/server.h"
#include "tests/support/talker.h"

static const int total = 120;

struct conversation {
	test_server *server = nullptr;
	std::string to;
	talker sender, receiver;
	int said = 0;
};

static std::string new_account(test_server *s, const std::string &name)
{
	talker t;

	assert_int_equal(talker_run(&t, s->port, "register:" + name + ":secret"), 0);
	return talker_lines(&t, "registered|").at(0).substr(11);
}

/* The sender talks to the server by way of that port. */
static void begin(conversation *c, test_server *s, uint16_t sender_port)
{
	const std::vector<std::string> patience = {"-t", std::to_string(60 * check_patience_factor())};

	c->server = s;
	test_server_start(s);
	const std::string from = new_account(s, "ann");
	c->to = new_account(s, "bob");
	talker_start(&c->sender, sender_port, patience);
	talker_start(&c->receiver, s->port, patience);
	talker_say(&c->sender, "login:" + from + ":secret");
	talker_say(&c->receiver, "login:" + c->to + ":secret\nwait:120:" + std::to_string(total));
	(void)talker_wait(&c->receiver, "logged-in|");
}

static void say(conversation *c, int count)
{
	for (int i = 0; i < count; i++)
		talker_say(&c->sender, "chat:" + c->to + ":message " + std::to_string(++c->said));
}

/* Everything was acknowledged and shown, once each and in the order in which it was said. */
static void check_all(conversation *c)
{
	assert_int_equal(talker_finish(&c->sender), 0);
	assert_int_equal(talker_finish(&c->receiver), 0);
	const std::vector<std::string> acknowledged = talker_lines(&c->sender, "ok|chat|");
	const std::vector<std::string> shown = talker_lines(&c->receiver, "message|");
	assert_int_equal(acknowledged.size(), total);
	assert_int_equal(shown.size(), total);
	for (int i = 0; i < total; i++) {
		assert_string_equal(acknowledged[(size_t)i].c_str(),
		                    ("ok|chat|" + c->to + "|" + std::to_string(i + 1)).c_str());
		if (!shown[(size_t)i].ends_with("|message " + std::to_string(i + 1)))
			check_fail(std::source_location::current(), "message %d is %s", i + 1,
			           shown[(size_t)i].c_str());
	}
}

static void nothing_is_lost_or_doubled_when_the_server_is_killed(void **state)
{
	conversation c;

	begin(&c, (test_server *)*state, ((test_server *)*state)->port);
	for (int round = 0; round < 4; round++) {
		say(&c, total / 4);
		/* In the middle of them: some are acknowledged, one is on its way, some wait. */
		(void)talker_wait(&c.sender, "ok|chat|" + c.to + "|" + std::to_string(round * total / 4 + 5));
		test_server_kill(c.server);
		test_server_start(c.server);
	}
	check_all(&c);
	assert_true(talker_lines(&c.sender, "logged-in|").size() > 1);
}

static void nothing_is_lost_or_doubled_when_the_server_is_stopped_in_order(void **state)
{
	conversation c;

	begin(&c, (test_server *)*state, ((test_server *)*state)->port);
	for (int round = 0; round < 2; round++) {
		say(&c, total / 2);
		(void)talker_wait(&c.sender, "ok|chat|" + c.to + "|" + std::to_string(round * total / 2 + 5));
		test_server_restart(c.server);
	}
	check_all(&c);
}

static void what_is_said_without_a_server_is_sent_when_it_is_back(void **state)
{
	conversation c;

	begin(&c, (test_server *)*state, ((test_server *)*state)->port);
	say(&c, 10);
	(void)talker_wait(&c.sender, "ok|chat|" + c.to + "|10");
	test_server_kill(c.server);
	(void)talker_wait(&c.sender, "disconnected|");
	say(&c, total - 10);
	test_server_start(c.server);
	check_all(&c);
}

/* What was stored and not acknowledged: only its cid can keep it from being stored twice. */
static void nothing_is_doubled_when_acknowledgements_are_lost(void **state)
{
	test_server *s = (test_server *)*state;
	const cutter_ptr between(cutter_start(s->port, "\"of\":6,", 12));
	conversation c;

	begin(&c, s, cutter_port(between.get()));
	say(&c, total);
	check_all(&c);
	assert_true(cutter_cuts(between.get()) >= total / 12);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(nothing_is_lost_or_doubled_when_the_server_is_killed),
		OWN_SERVER(nothing_is_lost_or_doubled_when_the_server_is_stopped_in_order),
		OWN_SERVER(nothing_is_doubled_when_acknowledgements_are_lost),
		OWN_SERVER(what_is_said_without_a_server_is_sent_when_it_is_back),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
