/* SPDX-License-Identifier: MIT
 * Tests the handler of SIGNAL: fields, errors, who gets the sender's bytes, and which members of groups it
 * remembers. */
#include "plugins/model/contacts.h"
#include "plugins/model/groups.h"
#include "plugins/model/messages.h"
#include "tests/support/check.h"
#include "tests/support/database.h"
#include "tests/support/handler_fixture.h"
#include "tests/support/parcel.h"

#include <vector>

/* A session that wants signals. */
static cs_conn signal_session_of(handler_fixture *f, uint64_t account, const char *name)
{
	return fake_host_connect(f->host.get(), account, name, 0, 1);
}

static uint64_t signal_group_of(handler_fixture *f, const std::vector<uint64_t> &members)
{
	uint64_t group = 0, joined = 0;

	for (const uint64_t member : members) {
		if (group == 0)
			assert_int_equal(group_create(f->host->db, member, "friends", "", &group), 0);
		else
			assert_int_equal(group_join(f->host->db, member, group, &joined), 0);
	}
	return group;
}

static size_t signal_frames(handler_fixture *f, cs_conn conn)
{
	return fake_host_conn(f->host.get(), conn)->frames.size();
}

static size_t signal_calls(handler_fixture *f, const char *what)
{
	size_t count = 0;

	for (const fake_call &call : f->host->calls)
		count += call.what == what;
	return count;
}

static std::string signal_group_frame(uint64_t account, uint64_t group, const char *more = "")
{
	return "{\"msgid\":122,\"id\":" + std::to_string(account) + ",\"groupid\":" + std::to_string(group) +
	       ",\"kind\":\"typing\"" + more + "}";
}

static void what_is_sent_reaches_who_wants_it_as_the_senders_bytes(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = fake_host_connect(f->host.get(), 1, "ann"), bob = signal_session_of(f, 2, "bob");
	const char *frame = R"({"msgid":122, "id":1,"toid":2,"kind":"typing","x":[1, {"y":null}]})";

	assert_string_equal(fixture_ask(f, ann, frame).c_str(), "");
	assert_string_equal(fake_host_last(f->host.get(), bob).c_str(), frame);
	/* The store is asked once who may signal to whom. */
	for (int i = 0; i < 10; i++)
		(void)fake_host_request(f->host.get(), ann, frame);
	assert_int_equal(signal_frames(f, bob), 11);
	assert_int_equal(signal_calls(f, "work read"), 1);
	assert_int_equal(signal_calls(f, "batch"), 0);
}

/* A small one is in the head of its parcel, after the sender; a larger one is the body. */
static void a_signal_of_any_size_arrives_whole(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = fake_host_connect(f->host.get(), 1, "ann"), bob = signal_session_of(f, 2, "bob");
	const std::string begin = R"({"msgid":122,"id":1,"toid":2,"kind":"x","t":")", end = "\"}";

	for (const size_t size :
	     {100u, CS_PARCEL_HEAD_MOST - 9, CS_PARCEL_HEAD_MOST - 8, CS_PARCEL_HEAD_MOST - 7, 800u}) {
		const std::string frame = begin + std::string(size - begin.size() - end.size(), 'y') + end;

		assert_string_equal(fixture_ask(f, ann, frame.c_str()).c_str(), "");
		assert_string_equal(fake_host_last(f->host.get(), bob).c_str(), frame.c_str());
	}
}

static void who_did_not_ask_for_signals_gets_none(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, 1, "ann"), bob = fake_host_connect(f->host.get(), 2, "bob");

	assert_string_equal(fixture_ask(f, ann, R"({"msgid":122,"id":1,"toid":2,"kind":"x","req":7})").c_str(),
	                    R"({"msgid":100,"of":122,"req":7,"errno":0})");
	assert_int_equal(signal_frames(f, bob), 0);
}

static void an_answer_says_only_that_it_was_sent(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, 1, "ann");
	const char *answer = R"({"msgid":100,"of":122,"req":7,"errno":0})";

	/* To somebody who is away, to nobody, and to oneself. */
	for (const char *to : {"2", "4711", "1"}) {
		const std::string frame = std::string(R"({"msgid":122,"id":1,"kind":"x","req":7,"toid":)") + to + "}";

		assert_string_equal(fixture_ask(f, ann, frame).c_str(), answer);
	}
}

static void a_signal_to_oneself_goes_to_the_other_devices_only(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, 1, "ann");
	const cs_conn phone = fake_host_connect(f->host.get(), 1, "ann", 0, 1, 7);
	const char *frame = R"({"msgid":122,"id":1,"toid":1,"kind":"x"})";

	assert_string_equal(fixture_ask(f, ann, frame).c_str(), "");
	assert_string_equal(fake_host_last(f->host.get(), phone).c_str(), frame);
	assert_int_equal(signal_frames(f, ann), 0);
	(void)fake_host_request(f->host.get(), phone, frame);
	assert_int_equal(signal_frames(f, phone), 1);
	assert_int_equal(signal_frames(f, ann), 1);
	fixture_expect_idle(f, ann);
}

static void a_frame_that_is_no_signal_is_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, 1, "ann"), bob = signal_session_of(f, 2, "bob");
	static const struct {
		const char *frame;
		int wire_errno;
		const char *text;
	} cases[] = {
		{R"({"msgid":122,"id":1,"toid":2})", 4, "kind is missing"},
		{R"({"msgid":122,"id":1,"toid":2,"kind":""})", 4, "kind must have 1 to 32 bytes"},
		{R"({"msgid":122,"id":1,"toid":2,"kind":"123456789012345678901234567890123"})", 4,
	         "kind must have 1 to 32 bytes"},
		{R"({"msgid":122,"id":1,"kind":"x"})", 4, "one of toid and groupid must be there"},
		{R"({"msgid":122,"id":1,"toid":2,"groupid":3,"kind":"x"})", 4, "one of toid and groupid must be there"},
		{R"({"msgid":122,"id":1,"toid":2,"kind":"x","seq":1})", 4, "seq is the server's to add"},
		{R"({"msgid":122,"id":1,"toid":2,"kind":"x","ts":1})", 4, "ts is the server's to add"},
		{R"({"msgid":122,"id":1,"toid":2,"kind":"x","name":"bob"})", 8, "name is not this account's"},
		{R"({"msgid":122,"id":1,"groupid":4711,"kind":"x"})", 7, "groupid names no group"},
	};

	for (const auto &c : cases)
		assert_string_equal(fixture_ask(f, ann, c.frame).c_str(),
		                    fixture_refusal(122, c.wire_errno, c.text).c_str());
	assert_int_equal(signal_frames(f, bob), 0);
}

static void a_group_gets_it_but_for_its_sender(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const uint64_t a = fixture_account(f, "ann"), b = fixture_account(f, "bob"), c = fixture_account(f, "carl"),
		       d = fixture_account(f, "dora");
	const uint64_t group = signal_group_of(f, {a, b, c});
	const cs_conn ann = signal_session_of(f, a, "ann"), bob = signal_session_of(f, b, "bob"),
		      carl = fake_host_connect(f->host.get(), c, "carl"), dora = signal_session_of(f, d, "dora");
	const std::string frame = signal_group_frame(a, group);

	assert_string_equal(fixture_ask(f, ann, frame).c_str(), "");
	assert_string_equal(fake_host_last(f->host.get(), bob).c_str(), frame.c_str());
	assert_int_equal(signal_frames(f, carl) + signal_frames(f, dora), 0);
	assert_string_equal(fixture_ask(f, dora, signal_group_frame(d, group)).c_str(),
	                    fixture_refusal(122, 8, "not a member of the group").c_str());
	fixture_expect_idle(f, ann);
}

static void the_members_are_read_once_for_many_signals(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const uint64_t a = fixture_account(f, "ann"), b = fixture_account(f, "bob");
	const uint64_t group = signal_group_of(f, {a, b});
	const cs_conn ann = signal_session_of(f, a, "ann"), bob = signal_session_of(f, b, "bob");

	for (int i = 0; i < 20; i++)
		(void)fake_host_request(f->host.get(), ann, signal_group_frame(a, group));
	assert_int_equal(signal_frames(f, bob), 20);
	assert_in_range(signal_calls(f, "work read"), 1, 3);
}

/* The members that are remembered are too old to refuse somebody. */
static void who_has_joined_may_send_at_the_latest_a_moment_later(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const uint64_t a = fixture_account(f, "ann"), b = fixture_account(f, "bob"), c = fixture_account(f, "carl");
	const uint64_t group = signal_group_of(f, {a, b});
	const cs_conn ann = signal_session_of(f, a, "ann"), carl = signal_session_of(f, c, "carl");
	uint64_t joined = 0;

	assert_string_equal(fixture_ask(f, ann, signal_group_frame(a, group)).c_str(), "");
	assert_int_equal(group_join(f->host->db, c, group, &joined), 0);
	assert_string_equal(fixture_ask(f, carl, signal_group_frame(c, group)).c_str(),
	                    fixture_refusal(122, 8, "not a member of the group").c_str());
	fake_clock += 100;
	assert_string_equal(fixture_ask(f, carl, signal_group_frame(c, group)).c_str(), "");
}

static void a_store_that_fails_refuses_and_is_asked_again(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const uint64_t a = fixture_account(f, "ann"), b = fixture_account(f, "bob");
	const uint64_t group = signal_group_of(f, {a, b});
	const cs_conn ann = signal_session_of(f, a, "ann"), bob = signal_session_of(f, b, "bob");

	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}, {FAKE_READ, 0, true, CS_EBUSY}};
	assert_string_equal(fixture_ask(f, ann, signal_group_frame(a, group)).c_str(),
	                    fixture_refusal(122, 11, "the store does not answer; nothing was changed").c_str());
	assert_string_equal(fixture_ask(f, ann, signal_group_frame(a, group)).c_str(),
	                    fixture_refusal(122, 10, "this node is busy; try again later").c_str());
	assert_int_equal(signal_frames(f, bob), 0);
	assert_string_equal(fixture_ask(f, ann, signal_group_frame(a, group)).c_str(), "");
	assert_int_equal(signal_frames(f, bob), 1);
}

static std::vector<uint64_t> signal_accounts(handler_fixture *f, int count)
{
	std::vector<uint64_t> accounts;

	for (int i = 0; i < count; i++)
		accounts.push_back(fixture_account(f, ("m" + std::to_string(i)).c_str()));
	return accounts;
}

/* Also while the members that were read last are remembered. */
static void a_signal_to_a_group_is_charged_by_its_members(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	std::vector<uint64_t> members(48);

	for (size_t i = 0; i < members.size(); i++)
		members[i] = fixture_account(f, ("member " + std::to_string(i)).c_str());
	const cs_conn first = signal_session_of(f, members[0], "member 0");
	(void)fixture_ask(f, first, signal_group_frame(members[0], signal_group_of(f, members)));
	assert_int_equal(signal_calls(f, "charge"), 1);
	for (const fake_call &call : f->host->calls)
		assert_true(call.what != "charge" || call.number == 3);
}

static void a_group_of_more_than_500_is_full_only_for_its_members(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	std::vector<uint64_t> members = signal_accounts(f, 601);
	const uint64_t stranger = members[300];
	members.erase(members.begin() + 300);
	const uint64_t group = signal_group_of(f, members);
	const cs_conn other = signal_session_of(f, stranger, "m300"), first = signal_session_of(f, members[0], "m0"),
		      last = signal_session_of(f, members[599], "m600");

	for (int i = 0; i < 2; i++) {
		assert_string_equal(fixture_ask(f, other, signal_group_frame(stranger, group)).c_str(),
		                    fixture_refusal(122, 8, "not a member of the group").c_str());
		assert_string_equal(fixture_ask(f, first, signal_group_frame(members[0], group)).c_str(),
		                    fixture_refusal(122, 16, "the group has too many members for signals").c_str());
		assert_string_equal(fixture_ask(f, last, signal_group_frame(members[599], group)).c_str(),
		                    fixture_refusal(122, 16, "the group has too many members for signals").c_str());
	}
	for (const cs_conn conn : {other, first, last}) {
		assert_int_equal(signal_frames(f, conn), 2);
		fixture_expect_idle(f, conn);
	}
}

static void a_group_of_more_than_500_is_full(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	std::vector<uint64_t> members = signal_accounts(f, 501);
	const uint64_t last = members.back();
	members.pop_back();
	const uint64_t group = signal_group_of(f, members);
	const cs_conn first = signal_session_of(f, members[0], "m0"),
		      other = signal_session_of(f, members[499], "m499");
	uint64_t joined = 0;

	assert_string_equal(fixture_ask(f, first, signal_group_frame(members[0], group)).c_str(), "");
	assert_int_equal(signal_frames(f, other), 1);
	assert_int_equal(group_join(f->host->db, last, group, &joined), 0);
	fake_clock += 450;
	/* That has the members read again behind it. */
	assert_string_equal(fixture_ask(f, first, signal_group_frame(members[0], group)).c_str(), "");
	assert_string_equal(fixture_ask(f, first, signal_group_frame(members[0], group)).c_str(),
	                    fixture_refusal(122, 16, "the group has too many members for signals").c_str());
}

static void a_slow_client_gets_no_more_until_it_has_taken_what_it_got(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, 1, "ann"), bob = signal_session_of(f, 2, "bob");
	const char *frame = R"({"msgid":122,"id":1,"toid":2,"kind":"x"})";

	f->host->soft_mark = 0;
	for (int i = 0; i < 3; i++)
		(void)fake_host_request(f->host.get(), ann, frame);
	assert_int_equal(signal_frames(f, bob), 1);
	fake_host_written_all(f->host.get(), bob);
	(void)fake_host_request(f->host.get(), ann, frame);
	assert_int_equal(signal_frames(f, bob), 2);
}

/* A parcel of another node. */
static void bring(handler_fixture *f, cs_conn conn, cs_account account, std::string_view text)
{
	const text_parcel p(text);

	fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), conn, account, &p.parcel);
}

static void bring_head(handler_fixture *f, cs_conn conn, cs_account account, std::string_view text)
{
	const struct cs_parcel parcel = {text.data(), text.size(), nullptr};

	fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), conn, account, &parcel);
}

static void what_another_node_sends_that_is_no_signal_is_dropped(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn bob = signal_session_of(f, 2, "bob");
	const std::string good("g\1\1\0\2\0\0\0\0\0\0\0{}", 14);

	for (size_t size = 0; size < good.size(); size++)
		bring(f, 0, 0, good.substr(0, size));
	bring(f, 0, 0, {"g\2\1\0\2\0\0\0\0\0\0\0{}", 14});
	bring(f, 0, 0, {"g\1\xff\xff\2\0\0\0\0\0\0\0{}", 14});
	bring(f, bob, 2, "");
	bring(f, bob, 2, "no frame");
	bring_head(f, bob, 2, "no frame");
	bring_head(f, bob, 2, "");
	bring_head(f, bob, 2, "{\"a\":1}"); /* its sender is missing */
	bring_head(f, bob, 2, "12345678");
	assert_int_equal(signal_frames(f, bob), 0);
	bring(f, 0, 0, good);
	assert_int_equal(signal_frames(f, bob), 1);
}

static void who_was_removed_during_a_slow_read_of_the_members_may_not_send(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const uint64_t ann_id = fixture_account(f, "ann"), bob_id = fixture_account(f, "bob");
	const cs_conn ann = signal_session_of(f, ann_id, "ann"), bob = signal_session_of(f, bob_id, "bob");
	const uint64_t group = signal_group_of(f, {ann_id, bob_id});

	assert_int_equal(fake_host_frame(f->host.get(), ann, signal_group_frame(ann_id, group, ",\"req\":1")),
	                 CS_PENDING);
	assert_true(fake_host_step_work(f->host.get(), 0));
	assert_int_equal(database_run(f->host->db, "UPDATE member SET left_seq = 1 WHERE account = 2"), 0);
	fake_clock += 1000;
	assert_int_equal(fake_host_frame(f->host.get(), bob, signal_group_frame(bob_id, group)), CS_PENDING);
	fake_host_run(f->host.get());
	assert_string_equal(fake_host_last(f->host.get(), ann).c_str(), R"({"msgid":100,"of":122,"req":1,"errno":0})");
	assert_string_equal(fake_host_last(f->host.get(), bob).c_str(),
	                    fixture_refusal(122, 8, "not a member of the group").c_str());
	fixture_expect_idle(f, ann);
	fixture_expect_idle(f, bob);
}

/* ---- blocks and strangers */

static std::string to_bob(const char *kind = "x")
{
	return std::string(R"({"msgid":122,"id":1,"toid":2,"req":7,"kind":")") + kind + "\"}";
}

static void signal_set(handler_fixture *f, uint64_t account, uint64_t other, bool listed, bool blocked)
{
	contact_change change;

	change.account = account;
	change.other = other;
	change.listed = listed;
	change.blocked = blocked;
	assert_int_equal(contact_set(f->host->db, &change, {}), 0);
}

static void who_is_blocked_reaches_nobody_and_is_not_told(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	signal_set(f, 2, 1, true, true);
	for (int i = 0; i < 3; i++)
		assert_string_equal(fixture_ask(f, ann, to_bob()).c_str(),
		                    R"({"msgid":100,"of":122,"req":7,"errno":0})");
	assert_int_equal(signal_frames(f, bob), 0);
	assert_int_equal(signal_calls(f, "work read"), 1);
	/* Who blocks may signal. */
	fixture_ask(f, bob, R"({"msgid":122,"id":2,"toid":1,"kind":"x"})");
	assert_int_equal(signal_frames(f, ann), 4);
}

/* By the plugin people, on this worker or elsewhere. */
static void a_change_of_the_contacts_counts_at_once(void **state)
{
	handler_fixture *f = handler_fixture_of(state);
	(void)handler_fixture_load(state, "people");
	(void)handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 1);
	fixture_ask(f, bob, R"({"msgid":131,"id":2,"account":1,"blocked":true})");
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 1);
	fixture_ask(f, bob, R"({"msgid":131,"id":2,"account":1,"blocked":false})");
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 2);
}

static void a_stranger_reaches_nobody_who_refuses_strangers(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");
	message_append item;
	message_append *pointer = &item;

	f->mailbox.refuses_strangers = true;
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 0);
	/* bob writes to ann: nobody tells that, so it counts a little later. */
	item.sender = 2;
	item.to = 1;
	item.body = "{}";
	assert_int_equal(message_append_all(f->host->db, {&pointer, 1}, false), 0);
	fake_clock += 901;
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 1);
}

static void while_nodes_do_not_hear_each_other_the_store_is_asked_more_often(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	fixture_ask(f, ann, to_bob());
	signal_set(f, 2, 1, false, true); /* on another node */
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 2);
	fake_self_plugin(f->plugin)->cluster(fake_self_state(f->plugin), CS_CLUSTER_DEGRADED);
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 2);
	signal_set(f, 2, 1, false, false);
	fake_clock += 901;
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 3);
	signal_set(f, 2, 1, false, true);
	fake_clock += 901;
	fixture_ask(f, ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 3);
}

/* What comes while the store is asked waits: some frames, in order. If the store fails, they are dropped. */
static void signals_wait_for_the_store_in_order(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	for (size_t i = 0; i < 300; i++)
		assert_int_equal(fake_host_frame(f->host.get(), ann, to_bob(std::to_string(i).c_str())), CS_DONE);
	fake_host_run(f->host.get());
	const std::vector<std::string> &frames = fake_host_conn(f->host.get(), bob)->frames;
	assert_int_equal(frames.size(), 256);
	for (size_t i = 0; i < 256; i++)
		assert_string_equal(frames[i].c_str(), to_bob(std::to_string(i).c_str()).c_str());
	fake_clock += 60001;
	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}, {FAKE_READ, 0, true, CS_EBUSY}};
	for (int i = 0; i < 2; i++)
		(void)fake_host_request(f->host.get(), ann, to_bob());
	assert_int_equal(frames.size(), 256);
	(void)fake_host_request(f->host.get(), ann, to_bob());
	assert_int_equal(frames.size(), 257);
}

/* The store was asked before that, so it is asked once more. */
static void what_waits_is_judged_anew_if_contacts_may_have_changed(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	for (const char *number : {"1", "2"})
		assert_int_equal(fake_host_frame(f->host.get(), ann, to_bob(number)), CS_DONE);
	while (fake_host_step_call(f->host.get(), 0))
		;
	assert_true(fake_host_step_work(f->host.get(), 0));
	fake_self_plugin(f->plugin)->cluster(fake_self_state(f->plugin), CS_CLUSTER_MISSED);
	assert_int_equal(fake_host_frame(f->host.get(), ann, to_bob("3")), CS_DONE);
	while (fake_host_step_call(f->host.get(), 0))
		;
	fake_host_run(f->host.get());
	const std::vector<std::string> &frames = fake_host_conn(f->host.get(), bob)->frames;
	assert_int_equal(frames.size(), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(frames[i].c_str(), to_bob(std::to_string(i + 1).c_str()).c_str());
	assert_int_equal(signal_calls(f, "work read"), 2);
}

static void what_waits_for_who_blocks_the_sender_meanwhile_does_not_come(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	assert_int_equal(fake_host_frame(f->host.get(), ann, to_bob()), CS_DONE);
	while (fake_host_step_call(f->host.get(), 0))
		;
	assert_true(fake_host_step_work(f->host.get(), 0));
	signal_set(f, 2, 1, false, true);
	fake_self_plugin(f->plugin)->cluster(fake_self_state(f->plugin), CS_CLUSTER_MISSED);
	fake_host_run(f->host.get());
	assert_int_equal(signal_frames(f, bob), 0);
}

/* Bob's client logs out, and in as carl, before the store answers. */
static void what_waits_for_an_account_does_not_come_to_the_next_one_of_the_connection(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");
	const auto *plugin = fake_self_plugin(f->plugin);
	void *own = fake_self_state(f->plugin);

	assert_int_equal(fake_host_frame(f->host.get(), ann, to_bob()), CS_DONE);
	while (fake_host_step_call(f->host.get(), 0))
		;
	assert_true(fake_host_step_work(f->host.get(), 0));
	(void)plugin->closed(own, bob, 2, 0, 1);
	plugin->opened(own, bob, fixture_account(f, "carl"), 0, 1);
	fake_host_run(f->host.get());
	assert_int_equal(signal_frames(f, bob), 0);
}

static void what_waits_comes_also_if_more_senders_wait_than_are_remembered(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn bob = signal_session_of(f, 1000, "bob");

	for (uint64_t sender = 1; sender <= 200; sender++) {
		const cs_conn conn = fake_host_connect(f->host.get(), sender, "x");

		assert_int_equal(fake_host_frame(f->host.get(), conn,
		                                 "{\"msgid\":122,\"id\":" + std::to_string(sender) +
		                                         ",\"toid\":1000,\"kind\":\"x\"}"),
		                 CS_DONE);
	}
	fake_host_run(f->host.get());
	assert_int_equal(signal_frames(f, bob), 200);
}

static void one_sender_does_not_take_the_room_of_all_who_wait(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob"),
		      carl = signal_session_of(f, fixture_account(f, "carl"), "carl");
	const std::string large =
		R"({"msgid":122,"id":1,"toid":2,"kind":"x","data":")" + std::string(60000, 'x') + "\"}";

	for (int i = 0; i < 100; i++)
		assert_int_equal(fake_host_frame(f->host.get(), ann, large), CS_DONE);
	assert_int_equal(fake_host_frame(f->host.get(), bob, R"({"msgid":122,"id":2,"toid":3,"kind":"x"})"), CS_DONE);
	fake_host_run(f->host.get());
	assert_int_equal(signal_frames(f, carl), 1);
	assert_int_equal(signal_frames(f, bob), 1);
}

/* From an account that may exist or not, to account 1000. */
static void signal_from(handler_fixture *f, uint64_t sender)
{
	const cs_conn conn = fake_host_connect(f->host.get(), sender, "x");

	(void)fake_host_request(f->host.get(), conn,
	                        "{\"msgid\":122,\"id\":" + std::to_string(sender) + ",\"toid\":1000,\"kind\":\"x\"}");
}

static void of_too_many_senders_the_one_who_was_silent_longest_is_forgotten(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn bob = signal_session_of(f, 1000, "bob");

	for (uint64_t sender = 1; sender <= 64; sender++)
		signal_from(f, sender);
	for (const uint64_t sender : {1, 65, 1})
		signal_from(f, sender);
	for (uint64_t sender = 3; sender <= 65; sender++)
		signal_from(f, sender);
	assert_int_equal(signal_calls(f, "work read"), 65);
	signal_from(f, 2);
	assert_int_equal(signal_calls(f, "work read"), 66);
	assert_int_equal(signal_frames(f, bob), 131);
}

static void signals_that_go_on_do_not_wait_for_the_store(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	(void)fake_host_request(f->host.get(), ann, to_bob());
	fake_clock += 40000;
	(void)fake_host_request(f->host.get(), ann, to_bob());
	fake_clock += 25000;
	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}};
	(void)fake_host_request(f->host.get(), ann, to_bob());
	assert_int_equal(signal_frames(f, bob), 3);
}

/* Of which nobody told. */
static void a_block_ends_signals_that_go_on_within_a_minute(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "signal");
	const cs_conn ann = signal_session_of(f, fixture_account(f, "ann"), "ann"),
		      bob = signal_session_of(f, fixture_account(f, "bob"), "bob");

	for (int i = 0; i < 20; i++) {
		(void)fake_host_request(f->host.get(), ann, to_bob());
		fake_clock += 9000;
	}
	assert_int_equal(signal_frames(f, bob), 20);
	signal_set(f, 2, 1, false, true);
	for (int i = 0; i < 7; i++) {
		(void)fake_host_request(f->host.get(), ann, to_bob());
		fake_clock += 9000;
	}
	const size_t most = signal_frames(f, bob);
	assert_in_range(most, 20, 26);
	for (int i = 0; i < 20; i++) {
		(void)fake_host_request(f->host.get(), ann, to_bob());
		fake_clock += 9000;
	}
	assert_int_equal(signal_frames(f, bob), most);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_sent_reaches_who_wants_it_as_the_senders_bytes),
		TEST(a_signal_of_any_size_arrives_whole),
		TEST(who_did_not_ask_for_signals_gets_none),
		TEST(an_answer_says_only_that_it_was_sent),
		TEST(a_signal_to_oneself_goes_to_the_other_devices_only),
		TEST(a_frame_that_is_no_signal_is_refused),
		TEST(a_group_gets_it_but_for_its_sender),
		TEST(the_members_are_read_once_for_many_signals),
		TEST(a_store_that_fails_refuses_and_is_asked_again),
		TEST(who_has_joined_may_send_at_the_latest_a_moment_later),
		TEST(a_group_of_more_than_500_is_full),
		TEST(a_signal_to_a_group_is_charged_by_its_members),
		TEST(a_group_of_more_than_500_is_full_only_for_its_members),
		TEST(a_slow_client_gets_no_more_until_it_has_taken_what_it_got),
		TEST(who_was_removed_during_a_slow_read_of_the_members_may_not_send),
		TEST(what_another_node_sends_that_is_no_signal_is_dropped),
		TEST(who_is_blocked_reaches_nobody_and_is_not_told),
		TEST(a_change_of_the_contacts_counts_at_once),
		TEST(a_stranger_reaches_nobody_who_refuses_strangers),
		TEST(while_nodes_do_not_hear_each_other_the_store_is_asked_more_often),
		TEST(signals_wait_for_the_store_in_order),
		TEST(what_waits_is_judged_anew_if_contacts_may_have_changed),
		TEST(what_waits_for_who_blocks_the_sender_meanwhile_does_not_come),
		TEST(what_waits_for_an_account_does_not_come_to_the_next_one_of_the_connection),
		TEST(what_waits_comes_also_if_more_senders_wait_than_are_remembered),
		TEST(one_sender_does_not_take_the_room_of_all_who_wait),
		TEST(of_too_many_senders_the_one_who_was_silent_longest_is_forgotten),
		TEST(signals_that_go_on_do_not_wait_for_the_store),
		TEST(a_block_ends_signals_that_go_on_within_a_minute),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
