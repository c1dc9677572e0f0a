/* SPDX-License-Identifier: MIT
 * Tests EDIT against RECALL, and against another EDIT, of one message from two nodes: the log is the same for all, and
 * nothing of what was taken back or replaced is left in it.
 *
 * 1,000 races with CS_LONG=1, else 60. */
#include <algorithm>
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/duel.h"

using wide = long long;

/* The editor and the one who recalls are on two nodes. Two sessions on two nodes are witnesses. */
struct edit_race {
	test_client *editor = nullptr, *recaller = nullptr, *witnesses[2] = {};
	std::string to; /* ,"toid":N or ,"groupid":N, for those who write */
	std::string of_editor, of_witness; /* the conversation in their queries */
	int64_t last = 0; /* seq */
	int64_t away_last = 0; /* what the device that is away has got */
	duel d;
};

static const std::string wants_all = R"(,"want":["event","echo"])";

static test_client *another(test_server *s, const test_client *as, const char *device)
{
	test_client *c = client_open(s);

	client_login(c, as->id, wants_all + check_format(R"(,"device":"%s")", device));
	return c;
}

static std::string frame_of(test_client *c, int msgid, int64_t req, const edit_race &r, const std::string &more)
{
	return check_format(R"({"msgid":%d,"id":%lld%s,"req":%lld%s})", msgid, (wide)c->id, r.to.c_str(), (wide)req,
	                    more.c_str());
}

/* Done; the seq. */
static int64_t ask(test_client *c, int msgid, edit_race *r, const std::string &more)
{
	const int64_t req = c->next_req++;

	client_send(c, frame_of(c, msgid, req, *r, more) + c->ending);
	const test_frame answer = client_read_answer(c, req);
	assert_int_equal(json_integer(answer.json.get(), "errno"), 0);
	assert_int_equal(json_integer(answer.json.get(), "seq"), ++r->last);
	return r->last;
}

/* The page of the entries above that seq, as text. */
static std::string page(test_client *c, const std::string &of, int64_t after)
{
	const test_frame answer =
		CLIENT_ASK(c, 0, R"({"msgid":105,"id":%lld%s,"after":%lld)", (wide)c->id, of.c_str(), (wide)after);
	cJSON *messages = cJSON_GetObjectItem(answer.json.get(), "messages");
	char *text = cJSON_PrintUnformatted(messages);
	std::string copy(text);

	cJSON_free(text);
	return copy;
}

static void expect_entry(const cJSON *entry, const std::string &members)
{
	if (!json_matches(entry, members))
		check_fail(test_at::current(), "expected %s, got %s", members.c_str(), cJSON_PrintUnformatted(entry));
}

/* The entries from that message on, which everybody reads alike on both nodes. */
static std::string read_log(edit_race *r, int64_t message)
{
	const std::string log = page(r->witnesses[0], r->of_witness, message - 1);
	const std::string &of_recaller = r->recaller->id == r->editor->id ? r->of_editor : r->of_witness;

	assert_string_equal(page(r->witnesses[1], r->of_witness, message - 1).c_str(), log.c_str());
	assert_string_equal(page(r->editor, r->of_editor, message - 1).c_str(), log.c_str());
	assert_string_equal(page(r->recaller, of_recaller, message - 1).c_str(), log.c_str());
	return log;
}

/* The message, its first EDIT, perhaps the second, and the RECALL. */
static void check_log(edit_race *r, int64_t message, int64_t edit, int64_t recall)
{
	const std::string log = read_log(r, message);
	const json_ptr entries(cJSON_Parse(log.c_str()));
	const int count = edit ? 4 : 3;

	assert_int_equal(cJSON_GetArraySize(entries.get()), count);
	expect_entry(
		cJSON_GetArrayItem(entries.get(), 0),
		check_format(R"({"seq":%lld,"msg":"","recalled":%lld,"edited":null})", (wide)message, (wide)recall));
	expect_entry(
		cJSON_GetArrayItem(entries.get(), 1),
		check_format(R"({"msgid":160,"seq":%lld,"of":%lld,"msg":null})", (wide)message + 1, (wide)message));
	if (edit)
		expect_entry(
			cJSON_GetArrayItem(entries.get(), 2),
			check_format(R"({"msgid":160,"seq":%lld,"of":%lld,"msg":null})", (wide)edit, (wide)message));
	expect_entry(cJSON_GetArrayItem(entries.get(), count - 1),
	             check_format(R"({"msgid":161,"seq":%lld,"of":%lld,"msg":null})", (wide)recall, (wide)message));
	assert_null(strstr(log.c_str(), "secret"));
}

static bool is_one_of(int64_t seq, const std::vector<int64_t> &own)
{
	return std::find(own.begin(), own.end(), seq) != own.end();
}

/* Live or from the store: each number once and in order, and the kinds as in the log. own: those of its own, which
 * were answered; a session that looked at the store before the answer has got them as well. */
static void check_frames(test_client *c, int64_t message, int64_t edit, int64_t last, const std::vector<int64_t> &own)
{
	std::vector<int64_t> missing;
	int64_t before = message - 1;

	for (int64_t seq = message; seq <= last; seq++)
		if (!is_one_of(seq, own))
			missing.push_back(seq);
	for (size_t come = 0; come < missing.size();) {
		const test_frame frame = client_read(c);
		const int64_t seq = json_integer(frame.json.get(), "seq");
		const int msgid = seq == last ? 161 : seq == message + 1 || seq == edit ? 160 : 0;

		if (seq <= before || (seq != missing[come] && !is_one_of(seq, own)) ||
		    (msgid != 0 && json_integer(frame.json.get(), "msgid") != msgid))
			client_fail(c, test_at::current(), "not seq %lld: %s", (wide)missing[come],
			            frame.bytes.c_str());
		come += seq == missing[come];
		before = seq;
	}
	for (const test_frame &frame : client_read_all(c)) {
		const int64_t seq = json_integer(frame.json.get(), "seq");

		if (seq <= before || !is_one_of(seq, own))
			client_fail(c, test_at::current(), "nothing more was to come: %s", frame.bytes.c_str());
		before = seq;
	}
}

static void race(edit_race *r, int msgid)
{
	const int64_t message = ask(r->editor, msgid, r, R"(,"msg":"a secret")");
	const int64_t first_edit =
		ask(r->editor, 160, r, check_format(R"(,"of":%lld,"msg":"the second secret")", (wide)message));
	const int64_t reqs[] = {r->editor->next_req++, r->recaller->next_req++};
	const std::string of = check_format(R"(,"of":%lld)", (wide)message);

	duel_send(&r->d, r->editor, frame_of(r->editor, 160, reqs[0], *r, of + R"(,"msg":"the last secret")"),
	          r->recaller, frame_of(r->recaller, 161, reqs[1], *r, of));
	const test_frame edit = client_read_answer(r->editor, reqs[0]);
	const test_frame recall = client_read_answer(r->recaller, reqs[1]);
	const bool edit_won = json_integer(edit.json.get(), "errno") == 0;
	const int64_t end = message + (edit_won ? 3 : 2);

	if (!edit_won)
		assert_int_equal(json_integer(edit.json.get(), "errno"), 14);
	assert_int_equal(json_integer(edit.json.get(), "seq"), edit_won ? message + 2 : -1);
	assert_int_equal(json_integer(recall.json.get(), "errno"), 0);
	assert_int_equal(json_integer(recall.json.get(), "seq"), end);
	const int64_t edit_seq = edit_won ? message + 2 : 0;
	check_log(r, message, edit_seq, end);
	for (test_client *witness : r->witnesses)
		check_frames(witness, message, edit_seq, end, {});
	check_frames(r->editor, message, edit_seq, end, {message, first_edit, edit_seq});
	check_frames(r->recaller, message, edit_seq, end, {end});
	r->last = end;
	duel_note(&r->d, edit_won);
}

/* A device that was away gets every entry, with nothing of what was taken back. */
static void check_device_that_returns(test_server *s, edit_race *r)
{
	test_client *c = client_open(s);
	const test_frame ack = client_login(c, r->witnesses[0]->id, wants_all + R"(,"device":"away")");

	for (const json_ptr &entry : json_parse_all(ack.json.get(), "offlinemsg"))
		assert_int_equal(json_integer(entry.get(), "seq"), ++r->away_last);
	assert_int_equal(r->away_last, r->last);
	assert_null(strstr(ack.bytes.c_str(), "secret"));
	client_expect_quiet(c);
	client_leave(c);
}

static int rounds(void)
{
	return cluster_is_long() ? 1000 : 60;
}

static void race_often(edit_race *r, int msgid)
{
	/* The device is known from now on. */
	r->away_last = r->last;
	check_device_that_returns(r->witnesses[0]->server, r);
	for (int i = 0; i < rounds(); i++) {
		race(r, msgid);
		if (i % 10 == 9)
			check_device_that_returns(r->witnesses[i / 10 % 2]->server, r);
	}
	duel_judge(&r->d, "EDIT", "RECALL");
}

/* Two EDITs: the later one remains, in the message and in the log. */
static void race_edits(edit_race *r, int64_t message)
{
	test_client *const editors[] = {r->editor, r->recaller};
	std::string texts[2], frames[2];
	int64_t reqs[2], seqs[2];

	for (size_t i = 0; i < 2; i++) {
		reqs[i] = editors[i]->next_req++;
		texts[i] = check_format("by %zu after %lld", i, (wide)r->last);
		frames[i] = frame_of(editors[i], 160, reqs[i], *r,
		                     check_format(R"(,"of":%lld,"msg":"%s")", (wide)message, texts[i].c_str()));
	}
	duel_send(&r->d, editors[0], frames[0], editors[1], frames[1]);
	for (size_t i = 0; i < 2; i++)
		seqs[i] = json_integer(client_read_answer(editors[i], reqs[i]).json.get(), "seq");
	const size_t later = seqs[0] > seqs[1] ? 0 : 1;
	assert_int_equal(seqs[1 - later], r->last + 1);
	assert_int_equal(seqs[later], r->last + 2);
	r->last += 2;
	const std::string log = read_log(r, message);
	const json_ptr entries(cJSON_Parse(log.c_str()));
	const int count = cJSON_GetArraySize(entries.get());
	assert_int_equal(count, r->last - message + 1);
	expect_entry(cJSON_GetArrayItem(entries.get(), 0),
	             check_format(R"({"msgid":6,"msg":"%s","edited":%lld})", texts[later].c_str(), (wide)seqs[later]));
	for (int i = 1; i < count - 1; i++)
		expect_entry(cJSON_GetArrayItem(entries.get(), i), R"({"msgid":160,"msg":null})");
	expect_entry(cJSON_GetArrayItem(entries.get(), count - 1),
	             check_format(R"({"msgid":160,"msg":"%s","seq":%lld})", texts[later].c_str(), (wide)r->last));
	duel_note(&r->d, later == 1);
}

static edit_race two_devices(cluster *c)
{
	test_server *one = c->nodes[0].server, *two = c->nodes[1].server;
	edit_race r;

	r.editor = client_enter(one, "ann", wants_all);
	r.recaller = another(two, r.editor, "phone");
	r.witnesses[0] = client_enter(one, "bob", wants_all);
	r.witnesses[1] = another(two, r.witnesses[0], "phone");
	r.to = check_format(R"(,"toid":%lld)", (wide)r.witnesses[0]->id);
	r.of_editor = check_format(R"(,"peer":%lld)", (wide)r.witnesses[0]->id);
	r.of_witness = check_format(R"(,"peer":%lld)", (wide)r.editor->id);
	return r;
}

static void of_two_edits_the_later_one_remains_for_all(void **state)
{
	edit_race r = two_devices(static_cast<cluster *>(*state));
	int64_t message = 0;

	for (int i = 0; i < rounds(); i++) {
		if (i % 10 == 0)
			message = ask(r.editor, 6, &r, R"(,"msg":"by nobody")");
		race_edits(&r, message);
		for (test_client *c : {r.editor, r.recaller, r.witnesses[0], r.witnesses[1]})
			(void)client_read_all(c);
	}
	duel_judge(&r.d, "the EDIT on one node", "that on the other");
}

static void two_devices_edit_and_recall_and_the_log_is_the_same_for_all(void **state)
{
	edit_race r = two_devices(static_cast<cluster *>(*state));

	race_often(&r, 6);
}

static void an_admin_recalls_what_its_sender_edits_and_the_log_is_the_same_for_all(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_server *one = c->nodes[0].server, *two = c->nodes[1].server;
	edit_race r;

	r.recaller = client_enter(one, "admin", wants_all);
	r.editor = client_enter(two, "ann", wants_all);
	r.witnesses[0] = client_enter(one, "bob", wants_all);
	r.witnesses[1] = another(two, r.witnesses[0], "phone");
	const int64_t group = client_create_group(r.recaller, client_new_name("race"));
	client_join_group(r.editor, group);
	client_join_group(r.witnesses[0], group);
	r.to = r.of_editor = r.of_witness = check_format(R"(,"groupid":%lld)", (wide)group);
	r.last = 3; /* CREATE_GROUP and two times JOIN_GROUP */
	/* Everybody has got all that came before. */
	client_expect(r.recaller, R"({"msgid":9,"seq":2})");
	client_expect(r.recaller, R"({"msgid":9,"seq":3})");
	client_expect(r.editor, R"({"msgid":9,"seq":3})");
	client_expect(r.witnesses[1], R"({"msgid":9,"seq":3})");
	race_often(&r, 10);
}

#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_devices_edit_and_recall_and_the_log_is_the_same_for_all),
		TEST(of_two_edits_the_later_one_remains_for_all),
		TEST(an_admin_recalls_what_its_sender_edits_and_the_log_is_the_same_for_all),
	};

	return cmocka_run_group_tests(tests, cluster_two_nodes_setup, cluster_teardown);
}
