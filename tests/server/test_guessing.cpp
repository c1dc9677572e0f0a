/* SPDX-License-Identifier: MIT
 * Tests a real server under attack by guesses of passwords: guesses are few, and nobody else has to wait. */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const char *const person = "127.0.0.1", *const attacker = "127.0.0.2";
/* Wrong passwords of one address and account before the first pause, as the server counts them. */
static const int free_guesses = 5;

static void send_login(test_client *c, int64_t id, const char *password)
{
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"%s\"}", (long long)id, password);
}

/* The errno of the answer to a LOGIN. */
static int64_t try_login(test_client *c, int64_t id, const char *password)
{
	send_login(c, id, password);
	return json_integer(client_expect(c, "{\"msgid\":2}").json.get(), "errno");
}

/* The connection, behind a PROXY header that names that client. */
static test_client *open_for(test_server *s, const std::string &address)
{
	const bool is_ipv6 = address.find(':') != std::string::npos;
	test_client *c = client_open_from(s, person);

	assert_true(client_send_raw(c, check_format(is_ipv6 ? "PROXY TCP6 %s ::1 4660 6000\r\n"
	                                                    : "PROXY TCP4 %s 198.51.100.1 4660 6000\r\n",
	                                            address.c_str())));
	return c;
}

/* ---- the attack: connections that guess again as soon as they are answered */

struct attack {
	std::vector<test_client *> guessers;
	int64_t account = 0; /* 0: another one for each guess */
	int64_t next = 1000000;
	int64_t wrong = 0, refused = 0; /* answers: after hashing, and at once */
};

static void attack_guess(attack *a, test_client *c)
{
	send_login(c, a->account != 0 ? a->account : a->next++, "guess");
}

static attack attack_begin(test_server *s, size_t connections, int64_t account)
{
	attack a;

	a.account = account;
	for (size_t i = 0; i < connections; i++) {
		a.guessers.push_back(client_open_from(s, attacker));
		attack_guess(&a, a.guessers.back());
	}
	return a;
}

static void attack_take(attack *a, test_client *c, const test_frame &frame)
{
	const int64_t wire_errno = json_integer(frame.json.get(), "errno");

	if (wire_errno == 1)
		a->wrong++;
	else if (wire_errno == 10)
		a->refused++;
	else
		client_fail(c, test_at::current(), "a guess was answered %s", frame.bytes.c_str());
}

/* Takes the answers that are there, and guesses again. */
static void attack_go_on(attack *a)
{
	for (test_client *c : a->guessers) {
		test_frame frame;

		if (!client_try_read(c, &frame, 0))
			continue;
		attack_take(a, c, frame);
		attack_guess(a, c);
	}
}

/* Until so many guesses were answered. The hashers leave the processors to all others, so that a busy machine takes
 * long for the few guesses that are judged. */
static void attack_until(attack *a, int64_t answers)
{
	const int64_t end = check_now() + 6 * check_patience_ms();

	for (attack_go_on(a); a->wrong + a->refused < answers; attack_go_on(a)) {
		if (check_now() > end)
			check_fail(test_at::current(), "%lld guesses were judged and %lld refused", (long long)a->wrong,
			           (long long)a->refused);
		check_sleep_ms(2);
	}
}

/* One hasher, and more to do for a hash than for the rest of a login: what waits in the pool waits for long. */
static void start_slow_hashing(test_server *s)
{
	test_server_set(s, "login.password_ops", "1");
	test_server_set(s, "login.password_memory", "16M");
	test_server_set(s, "store.hashers", "1");
	test_server_start(s);
}

/* The right login while the attack goes on. How many hashes of the attacker were made before it had its turn. */
static int64_t hashes_before_login(attack *a, test_server *s, int64_t id)
{
	test_client *c = client_open_from(s, person);
	const int64_t before = a->wrong, end = check_now() + check_patience_ms();
	test_frame ack;

	send_login(c, id, "secret");
	while (!client_try_read(c, &ack, 0)) {
		attack_go_on(a);
		if (check_now() > end)
			client_fail(c, test_at::current(), "no answer to the right login");
	}
	if (!json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":0}"))
		client_fail(c, test_at::current(), "the right login is refused");
	return a->wrong - before;
}

/* ---- tests */

static void an_address_that_fills_the_pool_takes_turns_with_others(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "login.failed_logins", "0");
	start_slow_hashing(s);
	const int64_t id = client_absent(s, "person");
	attack a = attack_begin(s, 100, 0);

	check_wait("the attack to be under way", [&] {
		attack_go_on(&a);
		return a.wrong >= 5;
	});
	/* One hash is being made, one more may be begun before the login comes to the pool, and more are made while it
	 * goes on from there. Without turns all of the others are made first. */
	const int64_t made = hashes_before_login(&a, s, id);
	if (made > 50)
		check_fail(test_at::current(), "the login waited for %lld hashes of the attacker", (long long)made);
	assert_int_equal(a.refused, 0);
	test_server_stop(s);
}

static void an_address_may_guess_so_often_a_minute_and_no_more(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "login.failed_logins", "30");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	start_slow_hashing(s);
	const int64_t id = client_absent(s, "person"), start = check_now();
	attack a = attack_begin(s, 100, 0);

	attack_until(&a, 1000);
	hashes_before_login(&a, s, id);
	const int64_t most = 30 + 1 + (check_now() - start) / 2000 + 1;
	if (a.wrong > most)
		check_fail(test_at::current(), "%lld guesses were judged, %lld are allowed", (long long)a.wrong,
		           (long long)most);
	assert_true(a.wrong >= 30);
	const std::string page = http_get(admin_port(s), "/metrics");
	const size_t at = page.find("\nchatserverd_guesses_refused_total ");
	assert_true(at != std::string::npos);
	assert_true(atoll(page.c_str() + page.find(' ', at)) >= a.refused);
	test_server_stop(s);
}

static void guesses_at_once_get_round_nothing(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "store.hashers", "2");
	test_server_start(s);
	const int64_t id = client_absent(s, "person"), start = check_now();
	attack a = attack_begin(s, 60, id);

	for (test_client *c : a.guessers)
		attack_take(&a, c, client_expect(c, "{\"msgid\":2}"));
	assert_int_equal(a.wrong + a.refused, 60);
	/* The second hasher may have begun one more, and so again after each pause. */
	int64_t most = free_guesses + 1, pause = 1000;
	for (int64_t left = check_now() - start; left >= pause; pause *= 2) {
		left -= pause;
		most += 2;
	}
	if (a.wrong > most)
		check_fail(test_at::current(), "%lld guesses were judged", (long long)a.wrong);
	client_login(client_open_from(s, person), id);
	test_server_stop(s);
}

static void the_owner_is_not_locked_out_elsewhere(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_start(s);
	const int64_t id = client_absent(s, "person"), other = client_absent(s, "other");
	test_client *c = client_open_from(s, attacker);

	/* Until the pause is so long that nothing else takes as long. */
	for (int i = 0; i < free_guesses + 2; i++)
		check_wait("a pause to end", [&] { return try_login(c, id, "guess") == 1; });
	send_login(c, id, "secret");
	const test_frame ack = client_expect(c, "{\"msgid\":2,\"errno\":10}");
	int seconds = 0;
	assert_int_equal(sscanf(json_text(ack.json.get(), "errmsg").c_str(),
	                        "too many wrong passwords; try again in %d s", &seconds),
	                 1);
	assert_in_range(seconds, 1, 4);
	assert_int_equal(try_login(c, other, "secret"), 0);
	client_login(client_open_from(s, person), id);
	check_wait("the pause to end", [&] { return try_login(client_open_from(s, attacker), id, "secret") == 2; });
	test_server_stop(s);
}

static void the_right_password_forgets_the_wrong_ones(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_start(s);
	const int64_t id = client_absent(s, "person");
	test_client *c = client_open(s);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < free_guesses - 1; i++)
			assert_int_equal(try_login(c, id, "guess"), 1);
		client_login(c, id);
		client_logout(c);
	}
	test_server_stop(s);
}

static void right_logins_of_one_address_are_never_held_back(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;

	test_server_set(s, "login.failed_logins", "1");
	test_server_start(s);
	for (int i = 0; i < 100; i++) {
		const int64_t id = client_absent(s, "storm");

		all.push_back(client_open(s));
		all.back()->id = id;
	}
	for (test_client *c : all)
		send_login(c, c->id, "secret");
	for (test_client *c : all)
		client_expect(c, "{\"msgid\":2,\"errno\":0}");
	test_server_stop(s);
}

/* Whether a client of that address, told by a proxy, still may guess. */
static bool may_guess(test_server *s, const std::string &address, int64_t id)
{
	test_client *c = open_for(s, address);
	const int64_t wire_errno = try_login(c, id, "guess");

	if (wire_errno != 1 && wire_errno != 10)
		client_fail(c, test_at::current(), "errno %lld", (long long)wire_errno);
	client_close(c);
	return wire_errno == 1;
}

static void behind_a_proxy_the_clients_own_addresses_count(void **state)
{
	test_server *s = (test_server *)*state;
	int64_t id = 1000000;

	test_server_set(s, "core.proxy_from", "127.0.0.1");
	test_server_set(s, "login.failed_logins", "3");
	test_server_start(s);
	for (int i = 0; i < 3; i++)
		assert_true(may_guess(s, "192.0.2.7", id++));
	assert_false(may_guess(s, "192.0.2.7", id++));
	assert_false(may_guess(s, "::ffff:192.0.2.7", id++));
	assert_true(may_guess(s, "192.0.2.8", id++));
	assert_true(may_guess(s, "::ffff:192.0.2.8", id++));
	assert_true(may_guess(s, "192.0.2.8", id++));
	assert_false(may_guess(s, "192.0.2.8", id++));
	/* Of one subscriber, who has 2^64 addresses. */
	for (const char *address : {"2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::"})
		assert_true(may_guess(s, address, id++));
	assert_false(may_guess(s, "2001:db8:0:1::3", id++));
	assert_true(may_guess(s, "2001:db8:0:2::1", id++));
	test_server_stop(s);
}

static void registration_can_be_closed_while_it_runs(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "login.registration", "closed");
	test_server_start(s);
	test_client *c = client_open(s);

	client_sendf(c, "{\"msgid\":4,\"name\":\"ann\",\"password\":\"secret\",\"req\":7}");
	client_expect(c, "{\"msgid\":5,\"req\":7,\"errno\":1,\"errmsg\":\"registration is closed\"}");
	test_server_set(s, "login.registration", "open");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	client_login(c, client_register(c, client_new_name("ann")));
	test_server_stop(s);
}

static void who_comes_and_goes_stands_in_the_log_with_the_own_address(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "core.proxy_from", "127.0.0.1");
	test_server_start(s);
	test_client *c = open_for(s, "192.0.2.7");
	const std::string id = check_format("%lld", (long long)client_register(c, client_new_name("ann")));

	c->id = atoll(id.c_str());
	test_server_wait_log(s, "registered account=" + id + " peer=192.0.2.7:4660");
	assert_int_equal(try_login(c, c->id, "guess"), 1);
	test_server_wait_log(s, "login refused account=" + id + " peer=192.0.2.7:4660 reason=password");
	client_login(c, c->id);
	test_server_wait_log(s, "login account=" + id + " peer=192.0.2.7:4660");
	client_logout(c);
	test_server_wait_log(s, "logout account=" + id + " peer=192.0.2.7:4660");
	client_login(c, c->id);
	client_close(c);
	test_server_wait_log(s, "peer=192.0.2.7:4660 account=" + id + " why=\"peer closed\"");
	assert_true(test_server_log(s).find("secret") == std::string::npos);
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_that_fills_the_pool_takes_turns_with_others),
		TEST(an_address_may_guess_so_often_a_minute_and_no_more),
		TEST(guesses_at_once_get_round_nothing),
		TEST(the_owner_is_not_locked_out_elsewhere),
		TEST(the_right_password_forgets_the_wrong_ones),
		TEST(right_logins_of_one_address_are_never_held_back),
		TEST(behind_a_proxy_the_clients_own_addresses_count),
		TEST(who_comes_and_goes_stands_in_the_log_with_the_own_address),
		TEST(registration_can_be_closed_while_it_runs),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
