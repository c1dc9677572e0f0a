/* SPDX-License-Identifier: MIT
 * Tests logins of one named device on two nodes at the same moment, and END_DEVICE against a login of the device.
 *
 * 1,000 races of each with CS_LONG=1, else 60. */
#include <algorithm>
#include <set>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/duel.h"

using wide = long long;

static int rounds(void)
{
	return cluster_is_long() ? 1000 : 60;
}

/* A session of the device. */
struct phone {
	test_client *c = nullptr;
	int64_t login_errno = -1;
	std::vector<int64_t> seqs; /* that it got */
	bool told = false; /* GOING_AWAY has come */
};

/* The sender of messages, and whose device logs in. */
struct stage {
	test_client *bob = nullptr, *ann = nullptr;
	int64_t last = 0; /* seq */
	duel d;
};

static stage stage_begin(cluster *c)
{
	stage s;

	s.ann = client_enter(c->nodes[0].server, "ann");
	s.bob = client_enter(c->nodes[1].server, "bob");
	return s;
}

static void say(stage *s)
{
	const int64_t seq = client_chat_safely(s->bob, s->ann->id, "x");

	assert_int_equal(seq, s->last + 1);
	s->last = seq;
}

static std::string login_of(const stage &s, const std::string &device = "phone", const char *more = "")
{
	return check_format(R"({"msgid":1,"id":%lld,"password":"secret","device":"%s","rosters":false%s})",
	                    (wide)s.ann->id, device.c_str(), more);
}

static void take(phone *p, const test_frame &frame)
{
	const int64_t msgid = json_integer(frame.json.get(), "msgid");

	if (msgid == 2) {
		p->login_errno = json_integer(frame.json.get(), "errno");
		for (const json_ptr &kept : json_parse_all(frame.json.get(), "offlinemsg"))
			p->seqs.push_back(json_integer(kept.get(), "seq"));
	} else if (msgid == 6) {
		p->seqs.push_back(json_integer(frame.json.get(), "seq"));
	} else if (json_matches(frame.json.get(), R"({"msgid":100,"of":0,"errno":13})")) {
		p->told = true;
	} else {
		client_fail(p->c, test_at::current(), "unexpected: %s", frame.bytes.c_str());
	}
}

/* What has come up to now. */
static void take_all(phone *p)
{
	test_frame frame;

	while (client_try_read(p->c, &frame, 0))
		take(p, frame);
}

static void await_end(phone *p)
{
	for (const test_frame &frame : client_read_to_end(p->c))
		take(p, frame);
}

/* Or for the end: a session may be closed before its LOGIN is answered. */
static void await_answer(phone *p)
{
	test_frame frame;

	while (p->login_errno < 0 && client_try_read(p->c, &frame, static_cast<int>(check_patience_ms())))
		take(p, frame);
	if (p->login_errno < 0 && !p->c->ended)
		client_fail(p->c, test_at::current(), "no answer to LOGIN");
}

static void check_order(const phone &p, int64_t above)
{
	for (const int64_t seq : p.seqs) {
		if (seq <= above)
			client_fail(p.c, test_at::current(), "%lld comes again or too late", (wide)seq);
		above = seq;
	}
}

/* What DEVICES says. */
struct listed {
	int count = 0;
	bool online = false; /* one of them */
};

static listed list_device(test_client *asker, const std::string &device = "phone")
{
	const test_frame answer = CLIENT_ASK(asker, 0, R"({"msgid":110,"id":%lld)", (wide)asker->id);
	const cJSON *item;
	listed found;

	cJSON_ArrayForEach(item,
	                   cJSON_GetObjectItem(answer.json.get(), "devices")) if (json_text(item, "device") == device)
	{
		found.count++;
		found.online = found.online || cJSON_IsTrue(cJSON_GetObjectItem(item, "online"));
	}
	return found;
}

static void end_device(test_client *asker, const std::string &device = "phone")
{
	CLIENT_ASK(asker, 0, R"({"msgid":111,"id":%lld,"device":"%s")", (wide)asker->id, device.c_str());
}

/* Reads up to the last message, which is sent now. above: all that comes is above it. */
static void expect_last(stage *s, phone *p, int64_t above)
{
	say(s);
	while (p->seqs.empty() || p->seqs.back() < s->last)
		take(p, client_read(p->c));
	check_order(*p, above);
	client_expect_quiet(p->c);
}

/* ---- two logins */

struct figures {
	int refused = 0, closed = 0, twice = 0; /* logins; sessions before their answer; messages that both got */
};

/* Whether it is no session and never will be. */
static bool is_out(phone *p, figures *f)
{
	await_answer(p);
	f->refused += p->login_errno > 0;
	f->closed += p->login_errno < 0;
	assert_true(p->login_errno <= 0 || p->login_errno == 10);
	assert_true(p->login_errno >= 0 || p->told);
	return p->login_errno != 0;
}

/* Which of the two remains: 0 or 1. The other was refused, or is told and closed. */
static size_t find_survivor(phone *both, figures *f)
{
	const bool outs[] = {is_out(&both[0], f), is_out(&both[1], f)};

	assert_false(outs[0] && outs[1]);
	if (outs[0] || outs[1])
		return outs[0] ? 1 : 0;
	check_wait("one of the two to end", [both] {
		take_all(&both[0]);
		take_all(&both[1]);
		return both[0].c->ended || both[1].c->ended;
	});
	const size_t left = both[0].c->ended ? 1 : 0;
	assert_true(both[1 - left].told);
	return left;
}

/* Otherwise the next session would get it once more. */
static void confirm(const stage &s, phone *p)
{
	const int64_t req = p->c->next_req++;

	client_sendf(p->c, R"({"msgid":104,"id":%lld,"peer":%lld,"seq":%lld,"req":%lld})", (wide)s.ann->id,
	             (wide)s.bob->id, (wide)s.last, (wide)req);
	assert_int_equal(json_integer(client_read_answer(p->c, req).json.get(), "errno"), 0);
}

/* acks: the device confirms what it got. Then the one that remains gets all, as nobody else confirms anything.
 * older: a session that is there when the two log in, or null. */
static phone race_logins(cluster *c, stage *s, phone *older, size_t node, bool acks, figures *f)
{
	phone both[2];
	const int64_t above = s->last; /* the sessions before have got all up to this */
	const std::string login = login_of(*s, "phone", acks ? R"(,"ack":true)" : "");

	for (size_t i = 0; i < 2; i++)
		both[i].c = client_open(c->nodes[(node + i) % 2].server);
	say(s);
	duel_send(&s->d, both[0].c, login, both[1].c, login);
	say(s);
	const size_t left = find_survivor(both, f);
	phone *survivor = &both[left], *other = &both[1 - left];
	expect_last(s, survivor, above);
	take_all(other);
	if (acks) {
		assert_int_equal(survivor->seqs.size(), s->last - above);
		confirm(*s, survivor);
	}
	std::set<int64_t> all(survivor->seqs.begin(), survivor->seqs.end());
	f->twice += static_cast<int>(
		std::count_if(other->seqs.begin(), other->seqs.end(), [&](int64_t seq) { return all.count(seq) > 0; }));
	all.insert(other->seqs.begin(), other->seqs.end());
	check_order(*other, above);
	if (older) {
		await_end(older);
		assert_true(older->told);
		check_order(*older, above - 3);
		all.insert(older->seqs.begin(), older->seqs.end());
	}
	for (int64_t seq = above + 1; seq <= s->last; seq++)
		if (!all.count(seq))
			client_fail(survivor->c, test_at::current(), "nobody got %lld", (wide)seq);
	client_close(other->c);
	duel_note(&s->d, left == 1); /* the later login remains */
	return *survivor;
}

/* In every second race there is a session of the device already. */
static void of_two_logins_of_a_device_one_session_remains_and_nothing_is_lost(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	stage s = stage_begin(c);
	figures f;
	phone older;

	/* The device is known from now on. */
	older.c = client_open(c->nodes[0].server);
	client_send(older.c, login_of(s) + older.c->ending);
	await_answer(&older);
	for (int i = 0; i < rounds(); i++) {
		const bool leaves = i % 2 == 1;

		phone left = race_logins(c, &s, older.c ? &older : nullptr, static_cast<size_t>(i) % 8 / 4,
		                         i % 4 / 2 == 1, &f);
		if (older.c)
			client_close(older.c);
		older = {};
		if (leaves) {
			client_close(left.c);
		} else {
			older.c = left.c;
		}
	}
	print_message(
		"%d logins were refused as busy, %d sessions closed before their answer, %d messages came twice\n",
		f.refused, f.closed, f.twice);
	duel_judge(&s.d, "the login on one node", "that on the other");
}

/* Nobody knows the device before. */
static void race_first_logins(cluster *c, stage *s, const std::string &device, figures *f)
{
	phone both[2];
	const std::string login = login_of(*s, device);

	for (size_t i = 0; i < 2; i++)
		both[i].c = client_open(c->nodes[i].server);
	say(s);
	const int64_t above = s->last;
	duel_send(&s->d, both[0].c, login, both[1].c, login);
	const size_t left = find_survivor(both, f);
	expect_last(s, &both[left], above);
	const listed found = list_device(s->ann, device);
	assert_int_equal(found.count, 1);
	assert_true(found.online);
	end_device(s->ann, device);
	await_end(&both[left]);
	for (const phone &p : both)
		client_close(p.c);
	(void)client_read_all(s->ann);
	duel_note(&s->d, left == 1);
}

static void two_first_logins_of_a_device_are_one_device(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	stage s = stage_begin(c);
	figures f;

	for (int i = 0; i < rounds(); i++)
		race_first_logins(c, &s, check_format("new%d", i), &f);
	print_message("%d logins were refused as busy, %d sessions closed before their answer\n", f.refused, f.closed);
	duel_judge(&s.d, "the login on one node", "that on the other");
}

/* ---- END_DEVICE */

struct ends {
	int refused = 0, closed = 0, lives = 0;
};

/* The device, which is a new one, gets what is sent now, and nothing of before. */
static void check_lives(stage *s, phone *p, test_client *asker)
{
	expect_last(s, p, s->last);
	assert_true(list_device(asker).online);
}

static void race_end(cluster *c, stage *s, test_client *asker, size_t node, bool has_session, ends *e)
{
	phone before, p;
	const int64_t req = asker->next_req++;

	before.c = client_open(c->nodes[(node + 1) % 2].server);
	client_send(before.c, login_of(*s) + before.c->ending);
	await_answer(&before);
	assert_int_equal(before.login_errno, 0);
	if (!has_session) {
		client_close(before.c);
		check_wait("the device is offline", [=] { return !list_device(asker).online; });
		say(s);
	}
	p.c = client_open(c->nodes[node].server);
	duel_send(&s->d, asker,
	          check_format(R"({"msgid":111,"id":%lld,"device":"phone","req":%lld})", (wide)asker->id, (wide)req),
	          p.c, login_of(*s));
	assert_int_equal(json_integer(client_read_answer(asker, req).json.get(), "errno"), 0);
	await_answer(&p);
	const bool known = list_device(asker).count > 0;
	if (p.login_errno > 0) {
		assert_int_equal(p.login_errno, 10);
		assert_false(known);
		e->refused++;
	} else if (known) {
		check_lives(s, &p, asker);
		e->lives++;
		end_device(asker);
		await_end(&p);
	} else {
		const int64_t begun = check_now();

		await_end(&p);
		assert_true(check_now() - begun < check_soon_ms());
		e->closed++;
	}
	if (has_session)
		await_end(&before);
	if (has_session)
		client_close(before.c);
	assert_int_equal(list_device(asker).count, 0);
	client_close(p.c);
	duel_note(&s->d, p.login_errno == 0 && known);
}

/* In every second race the device has a session on the node of END_DEVICE already. */
static void a_device_that_is_ended_during_its_login_is_forgotten_or_begins_anew(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	stage s = stage_begin(c);
	test_client *askers[2] = {s.ann, nullptr};
	ends e;

	askers[1] = client_open(c->nodes[1].server);
	client_login(askers[1], s.ann->id, R"(,"device":"desk")");
	for (int i = 0; i < rounds(); i++) {
		const size_t node = static_cast<size_t>(i) / 2 % 2;

		race_end(c, &s, askers[1 - node], node, i % 2 == 1, &e);
		for (test_client *asker : askers)
			(void)client_read_all(asker);
	}
	print_message("%d logins were refused, %d sessions closed, %d began anew\n", e.refused, e.closed, e.lives);
	duel_judge(&s.d, "END_DEVICE", "the login");
}

#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)

/* Each race makes a device anew. */
static int setup(void **state)
{
	cluster *c = cluster_new(2);

	*state = c;
	cluster_set(c, "login.new_devices", "0");
	cluster_start(c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_two_logins_of_a_device_one_session_remains_and_nothing_is_lost),
		TEST(two_first_logins_of_a_device_are_one_device),
		TEST(a_device_that_is_ended_during_its_login_is_forgotten_or_begins_anew),
	};

	return cmocka_run_group_tests(tests, setup, cluster_teardown);
}
