/* SPDX-License-Identifier: MIT
 * Tests the handlers of HISTORY, INBOX and READ: fields, errors, answers, and who hears of a READ. */
#include <vector>

#include "plugins/model/groups.h"
#include "plugins/model/messages.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static int words_start(const cs_host *, cs_self *, const void *, void **, cs_error *)
{
	return 0;
}

static void words_stop(void *) {}

/* Gives the word `event`, which is the mailbox's. */
static const char *const words[] = {"event", nullptr};
static const struct cs_plugin words_plugin = {
	CS_PLUGIN_HEAD, .name = "words", .version = "1", .want = words, .start = words_start, .stop = words_stop,
};

static constexpr uint64_t want_event = 1, want_read = 2;

struct history_people {
	handler_fixture *f;
	uint64_t a, b;
	cs_conn ann, bob;
};

static history_people people_of(void **state, uint64_t want_of_ann = 0, uint64_t want_of_bob = 0)
{
	handler_fixture *f = handler_fixture_of(state);

	(void)fake_host_add(f->host.get(), &words_plugin);
	f->plugin = fake_host_load(f->host.get(), "history");
	history_people p = {f, fixture_account(f, "ann"), fixture_account(f, "bob"), 0, 0};
	p.ann = fake_host_connect(f->host.get(), p.a, "ann", 0, want_of_ann);
	p.bob = fake_host_connect(f->host.get(), p.b, "bob", 0, want_of_bob);
	return p;
}

static void say(const history_people &p, conversation_kind kind, uint64_t sender, uint64_t to, std::string_view body)
{
	message_append item;
	message_append *items[] = {&item};

	item.kind = kind;
	item.sender = sender;
	item.to = to;
	item.body = body;
	item.created = 5000;
	assert_int_equal(message_append_all(p.f->host->db, items, true), 0);
}

static void talk(const history_people &p, size_t count)
{
	for (size_t i = 1; i <= count; i++)
		say(p, CONVERSATION_PAIR, p.a, p.b, check_format("{\"msg\":%zu}", i));
}

static std::string ask(const history_people &p, cs_conn conn, int msgid, uint64_t id, const std::string &more)
{
	return fixture_ask(p.f, conn,
	                   check_format("{\"msgid\":%d,\"id\":%d%s}", msgid, static_cast<int>(id), more.c_str()));
}

static void expect(const std::string &answer, const char *expected)
{
	assert_string_equal(answer.c_str(), expected);
}

static void history_answers_what_was_said_as_it_would_be_delivered(void **state)
{
	const history_people p = people_of(state);

	talk(p, 3);
	expect(ask(p, p.ann, 105, p.a, ",\"peer\":2,\"req\":7"),
	       R"({"msgid":100,"of":105,"req":7,"errno":0,"messages":[{"msg":1,"seq":1,"ts":5000},)"
	       R"({"msg":2,"seq":2,"ts":5000},{"msg":3,"seq":3,"ts":5000}],"first":1,"last":3})");
	expect(ask(p, p.bob, 105, p.b, ",\"peer\":1,\"req\":8,\"limit\":1"),
	       R"({"msgid":100,"of":105,"req":8,"errno":0,"messages":[{"msg":3,"seq":3,"ts":5000}],"first":1,"last":3,)"
	       R"("more":true,"next":3})");
	expect(ask(p, p.bob, 105, p.b, ",\"peer\":1,\"req\":8,\"limit\":1,\"before\":3"),
	       R"({"msgid":100,"of":105,"req":8,"errno":0,"messages":[{"msg":2,"seq":2,"ts":5000}],"first":1,"last":3,)"
	       R"("more":true,"next":2})");
	expect(ask(p, p.bob, 105, p.b, ",\"peer\":1,\"req\":8,\"after\":2"),
	       R"({"msgid":100,"of":105,"req":8,"errno":0,"messages":[{"msg":3,"seq":3,"ts":5000}],"first":1,"last":3})");
	expect(ask(p, p.bob, 105, p.b, ",\"peer\":1,\"req\":8,\"around\":2,\"limit\":1"),
	       R"({"msgid":100,"of":105,"req":8,"errno":0,"messages":[{"msg":2,"seq":2,"ts":5000}],"first":1,"last":3,)"
	       R"("older":true,"before":2,"newer":true,"after":2})");
	expect(ask(p, p.bob, 105, p.b, ",\"peer\":2,\"req\":8"),
	       R"({"msgid":100,"of":105,"req":8,"errno":0,"messages":[],"first":0,"last":0})");
	fixture_expect_idle(p.f, p.bob);
}

static void only_who_wants_events_gets_them(void **state)
{
	const history_people p = people_of(state, 0, want_event);

	talk(p, 2);
	assert_int_equal(p.f->host->driver->query(p.f->host->db, "UPDATE entry SET kind = 2 WHERE k = 1 AND k < ''",
	                                          nullptr, 0, nullptr, nullptr),
	                 0);
	expect(ask(p, p.ann, 105, p.a, ",\"peer\":2,\"req\":7"),
	       R"({"msgid":100,"of":105,"req":7,"errno":0,"messages":[{"msg":2,"seq":2,"ts":5000}],"first":1,"last":2})");
	expect(ask(p, p.bob, 105, p.b, ",\"peer\":1,\"req\":7"),
	       R"({"msgid":100,"of":105,"req":7,"errno":0,"messages":[{"msg":1,"seq":1,"ts":5000},)"
	       R"({"msg":2,"seq":2,"ts":5000}],"first":1,"last":2})");
}

static void a_query_with_wrong_fields_is_refused(void **state)
{
	const history_people p = people_of(state);
	static const struct {
		int msgid;
		const char *more;
		int wire_errno;
		const char *text;
	} cases[] = {
		{105, ",\"peer\":2", 4, "req is missing"},
		{106, "", 4, "req is missing"},
		{105, ",\"req\":1", 4, "one of peer and groupid must be there"},
		{105, ",\"req\":1,\"peer\":2,\"groupid\":1", 4, "one of peer and groupid must be there"},
		{105, ",\"req\":1,\"peer\":0", 4, "peer must be an integer from 1 to 9007199254740991"},
		{105, ",\"req\":1,\"peer\":2,\"limit\":0", 4, "limit must be an integer from 1 to 200"},
		{106, ",\"req\":1,\"limit\":201", 4, "limit must be an integer from 1 to 200"},
		{106, ",\"req\":1,\"limit\":\"7\"", 4, "limit must be an integer from 1 to 200"},
		{105, ",\"req\":1,\"peer\":2,\"before\":1,\"after\":1", 4,
	         "only one of before, after and around may be there"},
		{105, ",\"req\":1,\"peer\":2,\"around\":-1", 4, "around must be an integer from 0 to 9007199254740991"},
		{105, ",\"req\":1,\"peer\":4711", 6, "peer names nobody"},
		{105, ",\"req\":1,\"groupid\":4711", 7, "groupid names no group"},
		{106, ",\"req\":1,\"after\":7", 4, "after must be a text"},
		{106, ",\"req\":1,\"after\":\"\"", 4, "after is not the next of an answer"},
		{106, ",\"req\":1,\"after\":\"1.2.3\"", 4, "after is not the next of an answer"},
		{106, ",\"req\":1,\"after\":\"1.2.3.4.5\"", 4, "after is not the next of an answer"},
		{106, ",\"req\":1,\"after\":\"1.2.-3.4\"", 4, "after is not the next of an answer"},
	};

	for (const auto &c : cases) {
		const std::string answer = ask(p, p.ann, c.msgid, p.a, c.more);

		if (answer.find(check_format("\"errno\":%d,\"errmsg\":\"%s\"}", c.wire_errno, c.text)) == answer.npos)
			check_fail(std::source_location::current(), "%s: %s", c.more, answer.c_str());
		fixture_expect_idle(p.f, p.ann);
	}
}

static void in_a_group_only_members_ask(void **state)
{
	const history_people p = people_of(state);
	uint64_t group = 0;

	assert_int_equal(group_create(p.f->host->db, p.a, "c++", "", &group), 0);
	say(p, CONVERSATION_GROUP, p.a, group, "{\"msg\":1}");
	const std::string of_group = check_format(",\"groupid\":%d,\"req\":1", static_cast<int>(group));
	expect(ask(p, p.ann, 105, p.a, of_group),
	       R"({"msgid":100,"of":105,"req":1,"errno":0,"messages":[{"msg":1,"seq":1,"ts":5000}],"first":1,"last":1})");
	for (const int msgid : {105, 120})
		expect(ask(p, p.bob, msgid, p.b, of_group + ",\"seq\":1"),
		       check_format("{\"msgid\":100,\"of\":%d,\"req\":1,\"errno\":8,\"errmsg\":"
		                    "\"not a member of the group\"}",
		                    msgid)
		               .c_str());
}

static void the_inbox_lists_conversations(void **state)
{
	const history_people p = people_of(state);
	uint64_t group = 0, other = 0;
	const uint64_t carl = fixture_account(p.f, "c\\\"");

	assert_int_equal(group_create(p.f->host->db, p.a, "c++", "", &group), 0);
	assert_int_equal(group_create(p.f->host->db, carl, "tea", "", &other), 0);
	talk(p, 2);
	say(p, CONVERSATION_PAIR, carl, p.a, "{\"msg\":\"hi\"}");
	assert_int_equal(
		p.f->host->driver->query(
			p.f->host->db,
			check_format("INSERT INTO invitation VALUES (%d, 1, 3, 6000)", static_cast<int>(other)).c_str(),
			nullptr, 0, nullptr, nullptr),
		0);
	expect(ask(p, p.ann, 106, p.a, ",\"req\":1"),
	       check_format(
		       R"({"msgid":100,"of":106,"req":1,"errno":0,"conversations":[)"
		       R"({"groupid":%d,"groupname":"tea","invited":3,"ts":6000},)"
		       R"({"peer":3,"name":"c\\\"","state":"offline","last":{"msg":"hi","seq":1,"ts":5000},"seq":1,"read":0,)"
		       R"("unread":1,"seen":0},)"
		       R"({"peer":2,"name":"bob","state":"online" ,"last":{"msg":2,"seq":2,"ts":5000},"seq":2,"read":0,)"
		       R"("unread":0,"seen":0},)"
		       R"({"groupid":%d,"groupname":"c++","role":"creator","members":1,"seq":0,"read":0,"unread":0}]})",
		       static_cast<int>(other), static_cast<int>(group))
	               .c_str());
	/* To who is blocked, the one who blocks is offline. */
	assert_int_equal(p.f->host->driver->query(p.f->host->db, "INSERT INTO contact VALUES (2, 1, 0, 1)", nullptr, 0,
	                                          nullptr, nullptr),
	                 0);
	const std::string answer = ask(p, p.ann, 106, p.a, ",\"req\":1");
	assert_true(answer.find("\"name\":\"bob\",\"state\":\"offline\"") != answer.npos);
}

static void the_inbox_is_paged_by_what_it_said(void **state)
{
	const history_people p = people_of(state);
	std::vector<std::string> answers;
	std::string more = ",\"req\":1,\"limit\":2";

	for (int i = 0; i < 5; i++)
		say(p, CONVERSATION_PAIR, fixture_account(p.f, check_format("x%d", i).c_str()), p.a, "{\"msg\":1}");
	for (;;) {
		const std::string answer = ask(p, p.ann, 106, p.a, more);
		const size_t next = answer.find(",\"more\":true,\"next\":\"");

		answers.push_back(answer);
		if (next == answer.npos)
			break;
		more = ",\"req\":1,\"limit\":2,\"after\":" + answer.substr(next + 20, answer.size() - next - 21);
	}
	assert_int_equal(answers.size(), 3);
	for (int i = 0; i < 5; i++) {
		const std::string name = check_format("\"name\":\"x%d\"", 4 - i);

		assert_true(answers[static_cast<size_t>(i / 2)].find(name) != std::string::npos);
	}
}

static void an_inbox_has_at_most_256_kib_but_one_item_at_least(void **state)
{
	const history_people p = people_of(state);
	const std::string large = "{\"msg\":\"" + std::string(300 * 1024, 'x') + "\"}";

	for (int i = 0; i < 2; i++)
		say(p, CONVERSATION_PAIR, fixture_account(p.f, check_format("x%d", i).c_str()), p.a, large);
	const std::string answer = ask(p, p.ann, 106, p.a, ",\"req\":1");
	assert_true(answer.size() > large.size() && answer.size() < large.size() + 500);
	assert_true(answer.find("\"name\":\"x1\"") != answer.npos && answer.find(",\"more\":true") != answer.npos);
}

static void a_query_is_charged_by_what_it_reads(void **state)
{
	const history_people p = people_of(state);
	std::vector<int64_t> costs;

	talk(p, 60);
	for (const char *limit : {"1", "60"}) {
		(void)ask(p, p.ann, 105, p.a, std::string(",\"peer\":2,\"req\":7,\"limit\":") + limit);
		(void)ask(p, p.ann, 106, p.a, ",\"req\":7");
	}
	for (const fake_call &call : p.f->host->calls)
		if (call.what == "charge")
			costs.push_back(call.number);
	assert_int_equal(costs.size(), 4);
	assert_true(costs[0] < 5 && costs[2] >= 60 && costs[1] >= 20 && costs[3] == costs[1]);
}

static int64_t cost_of_inbox(const history_people &p, const char *limit)
{
	int64_t cost = 0;

	(void)ask(p, p.ann, 106, p.a, std::string(",\"req\":7,\"limit\":") + limit);
	for (const fake_call &call : p.f->host->calls)
		if (call.what == "charge")
			cost = call.number;
	return cost;
}

/* One's own messages are looked at for `unread`, and do not count there. */
static void an_inbox_is_charged_for_what_it_looks_at_and_skips(void **state)
{
	const history_people p = people_of(state);

	talk(p, 1);
	const int64_t cost = cost_of_inbox(p, "1");
	for (int i = 0; i < 500; i++)
		say(p, CONVERSATION_PAIR, p.a, p.b, "{\"msg\":1}");
	assert_in_range(cost_of_inbox(p, "1"), cost + 49, cost + 51);
	/* On a page of one, the others are looked at for their place. */
	for (int i = 0; i < 100; i++)
		say(p, CONVERSATION_PAIR, p.a, fixture_account(p.f, check_format("x%d", i).c_str()), "{}");
	assert_in_range(cost_of_inbox(p, "1"), cost + 9, cost + 11);
}

/* The second waits until the first is answered. */
static void a_connection_has_one_query_under_way(void **state)
{
	const history_people p = people_of(state);

	talk(p, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fake_host_frame(p.f->host.get(), p.ann, R"({"msgid":105,"id":1,"peer":2,"req":1})"),
		                 CS_PENDING);
	assert_int_equal(fake_host_count(p.f->host.get(), "work read"), 1);
	fake_host_run(p.f->host.get());
	assert_int_equal(fake_host_count(p.f->host.get(), "work read"), 3);
	assert_int_equal(fake_host_count(p.f->host.get(), "answer"), 3);
}

static void a_store_that_fails_is_told(void **state)
{
	const history_people p = people_of(state);

	for (const int at_call : {0, 1})
		for (const int msgid : {105, 106, 120}) {
			p.f->host->faults.push_back(
				{msgid == 120 ? FAKE_BATCH : FAKE_READ, 0, at_call != 0, CS_ENOSTORE});
			const std::string answer = ask(p, p.ann, msgid, p.a, ",\"peer\":2,\"req\":1,\"seq\":1");
			assert_true(answer.find("\"errno\":11,") != answer.npos);
			fixture_expect_idle(p.f, p.ann);
		}
	for (const bool at_call : {false, true}) {
		p.f->host->faults.push_back({FAKE_PRESENCE, 0, at_call, CS_EBUSY});
		assert_true(ask(p, p.ann, 106, p.a, ",\"req\":1").find("\"errno\":10,") != std::string::npos);
		fixture_expect_idle(p.f, p.ann);
	}
}

/* ---- READ */

static std::vector<std::string> frames_of(const history_people &p, cs_conn conn)
{
	return fake_host_conn(p.f->host.get(), conn)->frames;
}

static void read_raises_the_mark_and_is_shown_as_the_readers_bytes(void **state)
{
	const history_people p = people_of(state, want_read, want_read);
	const char *frame = R"({"msgid":120, "id":2,"peer":1,"seq":2,"show":true,"req":5,"name":"bob"})";

	talk(p, 3);
	expect(fixture_ask(p.f, p.bob, frame), R"({"msgid":100,"of":120,"req":5,"errno":0})");
	expect(fake_host_last(p.f->host.get(), p.ann), frame);
	const std::string of_bob = ask(p, p.bob, 106, p.b, ",\"req\":1"),
			  of_ann = ask(p, p.ann, 106, p.a, ",\"req\":1");
	assert_true(of_bob.find("\"read\":2,\"unread\":1,\"seen\":0") != of_bob.npos);
	assert_true(of_ann.find("\"read\":0,\"unread\":0,\"seen\":2") != of_ann.npos);
	/* A lower one is done, and goes nowhere. */
	expect(ask(p, p.bob, 120, p.b, ",\"peer\":1,\"seq\":1,\"show\":true,\"req\":6"),
	       R"({"msgid":100,"of":120,"req":6,"errno":0})");
	expect(ask(p, p.bob, 120, p.b, ",\"peer\":1,\"seq\":4"),
	       fixture_refusal(120, 4, "seq is above the last one of the conversation").c_str());
	assert_int_equal(fake_host_conn(p.f->host.get(), p.bob)->frames.size(), 4);
	fixture_expect_idle(p.f, p.bob);
}

static void what_is_not_shown_or_not_wanted_reaches_nobody_else(void **state)
{
	const history_people p = people_of(state, want_read, want_event);
	const uint64_t c = fixture_account(p.f, "carl");
	const cs_conn carl = fake_host_connect(p.f->host.get(), c, "carl", 0, want_read);

	talk(p, 3);
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"seq\":2");
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"seq\":3,\"show\":false");
	assert_int_equal(frames_of(p, p.ann).size(), 0);
	say(p, CONVERSATION_PAIR, c, p.b, "{}");
	(void)ask(p, carl, 120, c, ",\"peer\":2,\"seq\":1,\"show\":true");
	assert_int_equal(frames_of(p, p.bob).size() + frames_of(p, carl).size(), 0);
	/* ann blocks bob. */
	assert_int_equal(p.f->host->driver->query(p.f->host->db, "UPDATE conversation SET flags = 1 WHERE high = 2",
	                                          nullptr, 0, nullptr, nullptr),
	                 0);
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"seq\":3,\"show\":true");
	assert_int_equal(frames_of(p, p.ann).size(), 0);
}

static void pass_a_second(const history_people &p)
{
	fake_clock += 1000;
	fake_host_fire(p.f->host.get());
	fake_host_run(p.f->host.get());
}

static void one_read_a_second_is_forwarded_and_the_last_one_always(void **state)
{
	const history_people p = people_of(state, want_read, want_read);

	talk(p, 20);
	for (int seq = 1; seq <= 10; seq++)
		(void)ask(p, p.bob, 120, p.b, check_format(",\"peer\":1,\"show\":true,\"seq\":%d", seq));
	assert_int_equal(frames_of(p, p.ann).size(), 1);
	pass_a_second(p);
	assert_int_equal(frames_of(p, p.ann).size(), 2);
	assert_true(fake_host_last(p.f->host.get(), p.ann).find("\"seq\":10") != std::string::npos);
	/* What is held back for the other side stays when a later one is not shown. */
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"show\":true,\"seq\":11");
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"seq\":12");
	pass_a_second(p);
	assert_int_equal(frames_of(p, p.ann).size(), 3);
	assert_true(fake_host_last(p.f->host.get(), p.ann).find("\"seq\":11") != std::string::npos);
	/* Then nothing waits any more, and the next one goes at once. */
	pass_a_second(p);
	pass_a_second(p);
	assert_int_equal(p.f->host->timers.size(), 0);
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"show\":true,\"seq\":13");
	assert_int_equal(frames_of(p, p.ann).size(), 4);
}

/* Whatever waits takes 4 MiB at most: then READs are forwarded at once. */
static void what_is_held_back_is_bounded(void **state)
{
	const history_people p = people_of(state, want_read, want_read);
	const std::string large = ",\"x\":\"" + std::string(60000, 'x') + "\"";

	for (int i = 0; i < 100; i++) {
		const uint64_t c = fixture_account(p.f, check_format("x%d", i).c_str());

		for (int seq = 1; seq <= 2; seq++) {
			say(p, CONVERSATION_PAIR, c, p.b, "{}");
			(void)ask(p, p.bob, 120, p.b,
			          check_format(",\"peer\":%d,\"seq\":%d", static_cast<int>(c), seq) + large);
		}
	}
	const size_t routed = fake_host_count(p.f->host.get(), "route");
	assert_true(routed >= 100 + 100 - 4 * 1024 * 1024 / 60000 && routed < 200);
	pass_a_second(p);
	assert_int_equal(fake_host_count(p.f->host.get(), "route"), 200);
}

/* A READ of the account's own, from another node: that device has read the pair with bob up to seq. */
static void arrive(const history_people &p, unsigned char device, unsigned char seq, size_t head_size = 33)
{
	const struct cs_plugin *plugin = fake_self_plugin(p.f->plugin);
	const std::string bytes = check_format("{\"seq\":%d}", seq);
	unsigned char head[34] = {static_cast<unsigned char>(p.a)};
	struct cs_shared *body = p.f->host->table.share(bytes.data(), bytes.size());
	const cs_parcel parcel = {head, head_size, body};

	head[8] = device;
	head[16] = static_cast<unsigned char>(p.b);
	head[24] = seq;
	plugin->routed(fake_self_state(p.f->plugin), p.ann, p.a, &parcel);
	p.f->host->table.unshare(body);
}

static void a_session_of_another_device_gets_it_and_the_readers_own_does_not(void **state)
{
	const history_people p = people_of(state, want_read, 0);
	const struct cs_plugin *plugin = fake_self_plugin(p.f->plugin);
	const unsigned char head[33] = {};
	const cs_parcel empty = {head, sizeof head, nullptr};

	/* From the device 0, which is that of the session here. */
	arrive(p, 0, 1);
	assert_int_equal(frames_of(p, p.ann).size(), 0);
	arrive(p, 5, 1);
	expect(fake_host_last(p.f->host.get(), p.ann), "{\"seq\":1}");
	/* What no instance of this version has sent. */
	arrive(p, 5, 1, 32);
	arrive(p, 5, 1, 34);
	plugin->routed(fake_self_state(p.f->plugin), p.ann, p.a, &empty);
	plugin->routed(fake_self_state(p.f->plugin), 0, 0, &empty);
	assert_int_equal(frames_of(p, p.ann).size(), 1);
}

static void no_read_comes_behind_a_higher_one(void **state)
{
	const history_people p = people_of(state, want_read, 0);

	talk(p, 20);
	arrive(p, 5, 8);
	arrive(p, 6, 7);
	assert_int_equal(frames_of(p, p.ann).size(), 1);
	arrive(p, 6, 9);
	expect(fake_host_last(p.f->host.get(), p.ann), "{\"seq\":9}");
	/* The one here has read more. */
	(void)ask(p, p.ann, 120, p.a, ",\"peer\":2,\"seq\":11,\"req\":1");
	arrive(p, 6, 10);
	assert_int_equal(frames_of(p, p.ann).size(), 3);
	/* In time that is forgotten, however often it was heard. */
	fake_clock += 2000;
	arrive(p, 6, 11);
	fake_clock += 2000;
	arrive(p, 6, 10);
	assert_int_equal(frames_of(p, p.ann).size(), 4);
	fake_clock += 2000;
	arrive(p, 6, 10);
	assert_int_equal(frames_of(p, p.ann).size(), 5);
}

static void a_read_of_just_now_is_forwarded_again_when_another_node_has_a_session(void **state)
{
	const history_people p = people_of(state, want_read, 0);
	const struct cs_plugin *plugin = fake_self_plugin(p.f->plugin);
	const auto routes_after_not_alone = [&](uint64_t account) {
		plugin->not_alone(fake_self_state(p.f->plugin), account);
		return fake_host_count(p.f->host.get(), "route");
	};

	talk(p, 20);
	/* Shown: that goes to both sides. */
	(void)ask(p, p.ann, 120, p.a, ",\"peer\":2,\"seq\":1,\"show\":true");
	assert_int_equal(routes_after_not_alone(p.b), 2);
	assert_int_equal(routes_after_not_alone(p.a), 3);
	/* One that waits goes later. */
	(void)ask(p, p.ann, 120, p.a, ",\"peer\":2,\"seq\":2");
	assert_int_equal(routes_after_not_alone(p.a), 3);
	pass_a_second(p);
	assert_int_equal(routes_after_not_alone(p.a), 5);
	pass_a_second(p);
	assert_int_equal(routes_after_not_alone(p.a), 5);
}

static void a_slow_client_gets_no_new_reads_until_it_reads(void **state)
{
	const history_people p = people_of(state, want_read, 0);

	talk(p, 9);
	p.f->host->soft_mark = 10;
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"show\":true,\"seq\":1");
	pass_a_second(p);
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"show\":true,\"seq\":2");
	assert_int_equal(frames_of(p, p.ann).size(), 1);
	fake_host_written_all(p.f->host.get(), p.ann);
	pass_a_second(p);
	pass_a_second(p);
	(void)ask(p, p.bob, 120, p.b, ",\"peer\":1,\"show\":true,\"seq\":3");
	assert_int_equal(frames_of(p, p.ann).size(), 2);
}

static void a_read_with_wrong_fields_is_refused(void **state)
{
	const history_people p = people_of(state, want_read, want_read);
	static const struct {
		const char *more;
		int wire_errno;
		const char *text;
	} cases[] = {
		{",\"seq\":1", 4, "one of peer and groupid must be there"},
		{",\"peer\":2", 4, "seq is missing"},
		{",\"peer\":2,\"seq\":0", 4, "seq must be an integer from 1 to 9007199254740991"},
		{",\"peer\":2,\"seq\":1,\"show\":1", 4, "show must be true or false"},
		{",\"peer\":2,\"seq\":1,\"ts\":1", 4, "ts is the server's to add"},
		{",\"peer\":2,\"seq\":1,\"edited\":1", 4, "edited is the server's to add"},
		{",\"peer\":2,\"seq\":1,\"recalled\":1", 4, "recalled is the server's to add"},
		{",\"peer\":2,\"seq\":1,\"name\":\"bob\"", 8, "name is not this account's"},
		{",\"peer\":4711,\"seq\":1", 6, "peer names nobody"},
		{",\"groupid\":4711,\"seq\":1", 7, "groupid names no group"},
		{",\"peer\":2,\"seq\":1", 4, "seq is above the last one of the conversation"},
	};

	for (const auto &c : cases) {
		expect(ask(p, p.ann, 120, p.a, c.more), fixture_refusal(120, c.wire_errno, c.text).c_str());
		fixture_expect_idle(p.f, p.ann);
	}
	assert_int_equal(frames_of(p, p.bob).size(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(history_answers_what_was_said_as_it_would_be_delivered),
		TEST(only_who_wants_events_gets_them),
		TEST(a_query_with_wrong_fields_is_refused),
		TEST(in_a_group_only_members_ask),
		TEST(the_inbox_lists_conversations),
		TEST(the_inbox_is_paged_by_what_it_said),
		TEST(an_inbox_has_at_most_256_kib_but_one_item_at_least),
		TEST(a_query_is_charged_by_what_it_reads),
		TEST(an_inbox_is_charged_for_what_it_looks_at_and_skips),
		TEST(a_connection_has_one_query_under_way),
		TEST(a_store_that_fails_is_told),
		TEST(read_raises_the_mark_and_is_shown_as_the_readers_bytes),
		TEST(what_is_not_shown_or_not_wanted_reaches_nobody_else),
		TEST(one_read_a_second_is_forwarded_and_the_last_one_always),
		TEST(what_is_held_back_is_bounded),
		TEST(a_session_of_another_device_gets_it_and_the_readers_own_does_not),
		TEST(no_read_comes_behind_a_higher_one),
		TEST(a_read_of_just_now_is_forwarded_again_when_another_node_has_a_session),
		TEST(a_slow_client_gets_no_new_reads_until_it_reads),
		TEST(a_read_with_wrong_fields_is_refused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
