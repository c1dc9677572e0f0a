/* SPDX-License-Identifier: MIT
 * Tests READs of one conversation from two devices of an account on two nodes: the mark never goes back, and every
 * device and the other side learn the highest.
 *
 * 1,000 races with CS_LONG=1, else 75. */
#include <algorithm>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/duel.h"

using wide = long long;

/* Of one second: a READ is forwarded once a second and conversation. */
static constexpr size_t accounts = 25;

struct device {
	test_client *c = nullptr;
	int64_t known = 0; /* the highest READ that was its own or was forwarded to it */
};

/* The first two read, on two nodes; the third one only listens. */
struct reader {
	device devices[3];
	int64_t last = 0; /* seq */
	int64_t shown = 0; /* the highest READ that the writer got */
};

struct stage {
	test_client *writer = nullptr;
	std::vector<reader> readers;
	duel d; /* the lower READ against the higher one */
	size_t behind = 0; /* READs that were forwarded behind a higher one */
};

static reader reader_enter(cluster *c, size_t place)
{
	reader r;

	r.devices[0].c = client_enter(c->nodes[0].server, "reader", R"(,"want":["read"])");
	for (size_t i = 1; i < 3; i++) {
		r.devices[i].c = client_open(c->nodes[i == 1 ? 1 : place % 2].server);
		client_login(r.devices[i].c, r.devices[0].c->id, check_format(R"(,"want":["read"],"device":"%zu")", i));
	}
	return r;
}

/* A frame may come at any time. */
static void take_frame(stage *s, device *d, const test_frame &frame)
{
	const int64_t msgid = json_integer(frame.json.get(), "msgid");
	const int64_t seq = json_integer(frame.json.get(), "seq");

	if (msgid != 120 && msgid != 6)
		client_fail(d->c, test_at::current(), "neither READ nor CHAT: %s", frame.bytes.c_str());
	if (msgid == 120) {
		s->behind += seq < d->known;
		d->known = std::max(d->known, seq);
	}
}

/* A READ and an INBOX, in one segment. Their reqs are req and the next. */
static std::string read_and_look(const stage *s, test_client *c, int64_t seq, int64_t *req_r)
{
	*req_r = c->next_req;
	c->next_req += 2;
	return check_format(
		R"({"msgid":120,"id":%lld,"peer":%lld,"seq":%lld,"show":true,"req":%lld}{"msgid":106,"id":%lld,"req":%lld})",
		(wide)c->id, (wide)s->writer->id, (wide)seq, (wide)*req_r, (wide)c->id, (wide)*req_r + 1);
}

/* The frames that came before the answer are taken first. */
static void await_read(stage *s, device *d, int64_t req, int64_t seq)
{
	const test_frame answer = client_read_answer(d->c, req);

	assert_int_equal(json_integer(answer.json.get(), "errno"), 0);
	for (; !d->c->kept.empty(); d->c->kept.pop_front())
		take_frame(s, d, d->c->kept.front());
	d->known = std::max(d->known, seq);
}

/* What the INBOX with that req says of the conversation. Whoever has read all has nothing unread. */
static int64_t mark_of(test_client *c, int64_t req, int64_t last)
{
	const test_frame answer = client_read_answer(c, req);
	const cJSON *list = cJSON_GetObjectItem(answer.json.get(), "conversations");

	assert_int_equal(cJSON_GetArraySize(list), 1);
	const cJSON *item = cJSON_GetArrayItem(list, 0);
	const int64_t read = json_integer(item, "read");
	assert_int_equal(json_integer(item, "unread"), last - read);
	return read;
}

static int64_t look(test_client *c, int64_t last)
{
	const int64_t req = c->next_req++;

	client_sendf(c, R"({"msgid":106,"id":%lld,"req":%lld})", (wide)c->id, (wide)req);
	return mark_of(c, req, last);
}

static void race(stage *s, reader *r, bool swapped)
{
	device *lower = &r->devices[swapped ? 1 : 0], *higher = &r->devices[swapped ? 0 : 1];
	const int64_t last = r->last;
	int64_t lower_req = 0, higher_req = 0;
	const std::string lower_frame = read_and_look(s, lower->c, last - 1, &lower_req);
	const std::string higher_frame = read_and_look(s, higher->c, last, &higher_req);

	duel_send(&s->d, lower->c, lower_frame, higher->c, higher_frame);
	await_read(s, lower, lower_req, last - 1);
	await_read(s, higher, higher_req, last);
	const int64_t seen = mark_of(lower->c, lower_req + 1, last);
	assert_true(seen == last - 1 || seen == last);
	assert_int_equal(mark_of(higher->c, higher_req + 1, last), last);
	assert_int_equal(look(lower->c, last), last);
	duel_note(&s->d, seen != last);
}

/* Two messages for everybody. */
static void write_more(stage *s)
{
	for (int i = 0; i < 2; i++)
		for (reader &r : s->readers)
			r.last = client_chat_safely(s->writer, r.devices[0].c->id, "x");
}

static void expect_writer_knows(stage *s)
{
	const auto is_behind = [](const reader &r) {
		return r.shown < r.last;
	};

	while (std::any_of(s->readers.begin(), s->readers.end(), is_behind)) {
		const test_frame frame = client_expect(s->writer, R"({"msgid":120})");
		const int64_t id = json_integer(frame.json.get(), "id"), seq = json_integer(frame.json.get(), "seq");

		for (reader &r : s->readers)
			if (r.devices[0].c->id == id) {
				s->behind += seq < r.shown;
				r.shown = std::max(r.shown, seq);
			}
	}
}

static void expect_all_know(stage *s)
{
	for (reader &r : s->readers)
		for (device &d : r.devices)
			while (d.known < r.last)
				take_frame(s, &d, client_read(d.c));
}

static void of_reads_on_two_devices_the_highest_stays_and_every_device_learns_it(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const size_t waves = cluster_is_long() ? 40 : 3;
	stage s;

	s.writer = client_enter(c->nodes[0].server, "writer", R"(,"want":["read"])");
	for (size_t i = 0; i < accounts; i++)
		s.readers.push_back(reader_enter(c, i));
	for (size_t wave = 0; wave < waves; wave++) {
		write_more(&s);
		for (size_t i = 0; i < accounts; i++)
			race(&s, &s.readers[i], (wave + i) % 2 == 1);
		expect_all_know(&s);
		expect_writer_knows(&s);
	}
	if (s.behind > 0)
		check_fail(test_at::current(), "%zu READs came behind a higher one", s.behind);
	duel_judge(&s.d, "the lower READ", "the higher one");
}

/* The news of the login comes late to the node of the device that reads, so that this node knows no other session. */
static void a_device_that_has_just_logged_in_on_another_node_learns_of_a_read(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *writer = client_enter(c->nodes[1].server, "writer");
	test_client *phone = client_enter(c->nodes[0].server, "reader", R"(,"want":["read"])");
	test_client *desk = client_open(c->nodes[1].server);

	(void)client_chat_safely(writer, phone->id, "x");
	client_expect(phone, R"({"msgid":6})");
	relay_set(c->nodes[0].to_redis, RELAY_HOLD);
	client_login(desk, phone->id, R"(,"want":["read"],"device":"desk")");
	CLIENT_ASK(phone, 0, R"({"msgid":120,"id":%lld,"peer":%lld,"seq":1)", (wide)phone->id, (wide)writer->id);
	relay_set(c->nodes[0].to_redis, RELAY_PASS);
	client_expect(desk, R"({"msgid":120,"seq":1})");
}

#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_reads_on_two_devices_the_highest_stays_and_every_device_learns_it),
		TEST(a_device_that_has_just_logged_in_on_another_node_learns_of_a_read),
	};

	return cmocka_run_group_tests(tests, cluster_two_nodes_setup, cluster_teardown);
}
