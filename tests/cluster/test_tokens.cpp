/* SPDX-License-Identifier: MIT
 * Tests tokens and SET_PASSWORD on several nodes: the first key, tokens of another node, sessions on another node, and
 * logins with the old password at the moment of the change, and a node that dies after it.
 *
 * 1,000 races with CS_LONG=1, else 60. */
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/duel.h"

using wide = long long;

static int rounds(void)
{
	return cluster_is_long() ? 1000 : 60;
}

static test_frame log_in(test_client *c, int64_t id, const std::string &more)
{
	client_sendf(c, R"({"msgid":1,"id":%lld,%s})", (wide)id, more.c_str());
	return client_read(c);
}

static int64_t try_login(test_server *s, int64_t id, const std::string &more)
{
	test_client *c = client_open(s);
	const int64_t result = json_integer(log_in(c, id, more).json.get(), "errno");

	c->id = id;
	if (result == 0)
		client_logout(c);
	client_close(c);
	return result;
}

/* The nodes are new: nobody has made a key yet. */
static void nodes_that_make_the_first_key_at_once_make_one(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	std::vector<test_client *> clients;
	std::vector<std::string> tokens;

	const int64_t ann = client_absent(c->nodes[0].server, "ann");
	for (size_t i = 0; i < 8; i++) {
		clients.push_back(client_open(c->nodes[i % 2].server));
		client_sendf(clients[i], R"({"msgid":1,"id":%lld,"password":"secret","device":"d%zu","remember":true})",
		             (wide)ann, i);
	}
	for (test_client *each : clients) {
		const test_frame ack = client_read(each);

		assert_int_equal(json_integer(ack.json.get(), "errno"), 0);
		tokens.push_back(json_text(ack.json.get(), "token"));
	}
	for (size_t i = 0; i < clients.size(); i++) {
		client_close(clients[i]);
		for (const size_t node : {0, 1})
			assert_int_equal(
				try_login(c->nodes[node].server, ann,
			                  check_format(R"("device":"d%zu","token":"%s")", i, tokens[i].c_str())),
				0);
	}
}

static void a_new_password_ends_sessions_on_the_other_node_at_once(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *ann = client_enter(c->nodes[1].server, "ann");
	test_client *phone = client_open(c->nodes[0].server), *desk = client_open(c->nodes[1].server);
	const std::string token = json_text(
		log_in(desk, ann->id, R"("password":"secret","device":"desk","remember":true)").json.get(), "token");

	assert_int_equal(
		json_integer(log_in(phone, ann->id, R"("password":"secret","device":"phone")").json.get(), "errno"), 0);
	const int64_t begun = check_now();
	CLIENT_ASK(phone, 0, R"({"msgid":112,"id":%lld,"old":"secret","new":"better")", (wide)ann->id);
	client_expect_end(ann);
	client_expect_end(desk);
	assert_true(check_now() - begun < check_soon_ms());
	client_expect_quiet(phone);
	for (const size_t node : {0, 1}) {
		test_server *s = c->nodes[node].server;

		assert_int_equal(try_login(s, ann->id, R"("device":"desk","token":")" + token + "\""), 1);
		assert_int_equal(try_login(s, ann->id, R"("password":"secret")"), 1);
		assert_int_equal(try_login(s, ann->id, R"("password":"better")"), 0);
	}
}

/* ---- a login with the old password or a token of before, at the moment of the change */

struct figures {
	int refused = 0, closed = 0;
};

/* Whether the session is at its end; it may have been let in before. */
static void expect_out(test_client *c, figures *f)
{
	const int64_t begun = check_now();
	test_frame frame;

	if (client_try_read(c, &frame, static_cast<int>(check_patience_ms()))) {
		const int64_t result = json_integer(frame.json.get(), "errno");

		assert_true(result == 0 || result == 1 || result == 10);
		if (result != 0) {
			f->refused++;
			return;
		}
	}
	f->closed++;
	client_expect_end(c);
	assert_true(check_now() - begun < check_soon_ms());
}

static void race(cluster *c, duel *d, test_client *changer, size_t node, const std::string &proof, const char *from,
                 const char *to, figures *f)
{
	const int64_t req = changer->next_req++;
	test_client *late = client_open(c->nodes[node].server);
	const int refused = f->refused;

	duel_send(d, changer,
	          check_format(R"({"msgid":112,"id":%lld,"old":"%s","new":"%s","req":%lld})", (wide)changer->id, from,
	                       to, (wide)req),
	          late, check_format(R"({"msgid":1,"id":%lld,"device":"late",%s})", (wide)changer->id, proof.c_str()));
	assert_int_equal(json_integer(client_read_answer(changer, req).json.get(), "errno"), 0);
	expect_out(late, f);
	client_close(late);
	duel_note(d, f->refused > refused);
}

static void race_all(cluster *c, bool by_token)
{
	test_client *changer = client_enter(c->nodes[0].server, "ann");
	std::string now = "secret", next;
	figures f;
	duel d;

	for (int i = 0; i < rounds(); i++) {
		const size_t node = static_cast<size_t>(i) % 2;
		std::string proof = R"("password":")" + now + "\"";

		if (by_token) {
			test_client *before = client_open(c->nodes[1 - node].server);
			const test_frame ack =
				log_in(before, changer->id, R"("device":"late","remember":true,)" + proof);

			proof = R"("token":")" + json_text(ack.json.get(), "token") + "\"";
			before->id = changer->id;
			client_logout(before);
			client_close(before);
		}
		next = "p" + std::to_string(i);
		race(c, &d, changer, node, proof, now.c_str(), next.c_str(), &f);
		now = next;
	}
	print_message("%d logins were refused, %d sessions were let in and closed\n", f.refused, f.closed);
	duel_judge(&d, "SET_PASSWORD", "the login");
}

static void no_session_of_the_old_password_survives_the_new_one(void **state)
{
	race_all(static_cast<cluster *>(*state), false);
}

static void no_session_of_an_old_token_survives_the_new_password(void **state)
{
	race_all(static_cast<cluster *>(*state), true);
}

/* The news of the login comes late to the node where the password is changed: it takes the account for alone. */
static void a_session_that_has_just_logged_in_on_another_node_ends_too(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *phone = client_enter(c->nodes[0].server, "ann");
	test_client *desk = client_open(c->nodes[1].server);

	relay_set(c->nodes[0].to_redis, RELAY_HOLD);
	client_login(desk, phone->id, R"(,"device":"desk")");
	CLIENT_ASK(phone, 0, R"({"msgid":112,"id":%lld,"old":"secret","new":"better")", (wide)phone->id);
	relay_set(c->nodes[0].to_redis, RELAY_PASS);
	client_expect_end(desk);
	client_expect_quiet(phone);
}

/* ---- the node that answered dies before it told the others. The last test: the node stays dead. */

static void a_new_password_that_no_other_node_heard_of_counts_there_and_its_repetition_ends_the_sessions(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_server *other = c->nodes[1].server;
	test_client *ann = client_enter(other, "ann");
	test_client *phone = client_open(c->nodes[0].server), *desk = client_open(other), *tablet = client_open(other);
	const std::string token = json_text(
		log_in(desk, ann->id, R"("password":"secret","device":"desk","remember":true)").json.get(), "token");

	assert_int_equal(
		json_integer(log_in(phone, ann->id, R"("password":"secret","device":"phone")").json.get(), "errno"), 0);
	relay_set(c->nodes[0].to_redis, RELAY_HOLD);
	CLIENT_ASK(phone, 0, R"({"msgid":112,"id":%lld,"old":"secret","new":"better")", (wide)ann->id);
	cluster_kill_node(c, 0);
	client_expect_quiet(ann);
	client_expect_quiet(desk);
	assert_int_equal(try_login(other, ann->id, R"("device":"new","password":"secret")"), 1);
	assert_int_equal(try_login(other, ann->id, R"("device":"desk","token":")" + token + "\""), 1);
	assert_int_equal(
		json_integer(log_in(tablet, ann->id, R"("password":"better","device":"tablet")").json.get(), "errno"),
		0);
	CLIENT_ASK(tablet, 0, R"({"msgid":112,"id":%lld,"old":"secret","new":"better")", (wide)ann->id);
	client_expect_end(ann);
	client_expect_end(desk);
	client_expect_quiet(tablet);
}

#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes_that_make_the_first_key_at_once_make_one),
		TEST(a_new_password_ends_sessions_on_the_other_node_at_once),
		TEST(no_session_of_the_old_password_survives_the_new_one),
		TEST(no_session_of_an_old_token_survives_the_new_password),
		TEST(a_session_that_has_just_logged_in_on_another_node_ends_too),
		TEST(a_new_password_that_no_other_node_heard_of_counts_there_and_its_repetition_ends_the_sessions),
	};

	return cmocka_run_group_tests(tests, cluster_two_nodes_setup, cluster_teardown);
}
