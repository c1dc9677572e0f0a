/* SPDX-License-Identifier: MIT
 * Tests requests on one group that run at the same time, on two connections to MariaDB. SQLite has one writer. */
#include "test_model.h"

#include <barrier>
#include <cstdlib>
#include <functional>
#include <thread>

#include "plugins/model/roles.h"

/* CS_LONG: at full length. */
static const int rounds = getenv("CS_LONG") ? 1000 : 100;

/* What an entry changes, as a lambda; its result is kept beside the entry. */
struct race_entry {
	message_append item;
	std::function<int(cs_db *db, const group_act &act)> change;
	int result = 0;
};

static int run_change(cs_db *db, message_append *item, void *arg)
{
	race_entry *entry = static_cast<race_entry *>(arg);

	entry->result = entry->change(db, {item->sender, item->conversation, item->seq, item->created});
	return entry->result > 0 ? static_cast<int>(MODEL_REFUSED) : entry->result;
}

/* As the store engine does it: again after a deadlock. */
static void run_entry(cs_db *db, message_append *item)
{
	message_append *const items[] = {item};

	for (;;) {
		int result = db->driver->begin(db);

		if (!result)
			result = message_append_all(db, items, false);
		if (!result)
			result = db->driver->commit(db);
		if (!result)
			return;
		db->driver->rollback(db);
		if (result != CS_DB_RETRY)
			check_fail(std::source_location::current(), "result %d: %s", result, db->driver->message(db));
	}
}

static race_entry entry_of(uint64_t actor, uint64_t group, std::function<int(cs_db *db, const group_act &act)> change)
{
	race_entry entry;

	entry.item = to_group(actor, group);
	entry.change = std::move(change);
	return entry;
}

static void run_race_entry(cs_db *db, race_entry *entry)
{
	entry->item.effect = run_change;
	entry->item.arg = entry;
	run_entry(db, &entry->item);
}

static race_entry joining(uint64_t account, uint64_t group, uint64_t most)
{
	race_entry entry = entry_of(account, group, [=](cs_db *db, const group_act &act) {
		uint64_t joined = 0;
		return group_join(db, act.actor, group, &joined, {0, most}, act.now);
	});

	return entry;
}

static race_entry removing(uint64_t actor, uint64_t group, uint64_t account)
{
	return entry_of(actor, group, [=](cs_db *db, const group_act &act) {
		bool left = false;
		return group_remove_member(db, act, account, false, &left);
	});
}

static race_entry handing_over(uint64_t actor, uint64_t group, uint64_t account)
{
	return entry_of(actor, group, [=](cs_db *db, const group_act &act) {
		return group_set_role(db, act, account, GROUP_CREATOR);
	});
}

/* Two connections. */
struct race {
	cs_db *here, *there;
	uint64_t group = 0;
};

static race race_begin(void **state)
{
	model_fixture *f = static_cast<model_fixture *>(*state);
	race r = {f->db, database_open(&f->database), 0};

	assert_int_equal(group_create(r.here, 1, "race", "", &r.group), 0);
	return r;
}

static void race_run(const race &r, const std::function<void(cs_db *db)> &here,
                     const std::function<void(cs_db *db)> &there)
{
	std::barrier start(2);
	std::thread other([&] {
		start.arrive_and_wait();
		there(r.there);
	});

	start.arrive_and_wait();
	here(r.here);
	other.join();
}

static void nothing_of_a_member_takes_a_seq_behind_its_removal(void **state)
{
	const race r = race_begin(state);

	for (int i = 0; i < rounds; i++) {
		race_entry join = joining(2, r.group, 0), removal = removing(1, r.group, 2);
		message_append message = to_group(2, r.group);
		uint64_t last = 0;

		run_race_entry(r.here, &join);
		assert_int_equal(join.item.outcome, 0);
		race_run(
			r, [&](cs_db *db) { run_race_entry(db, &removal); },
			[&](cs_db *db) {
				while (!message.outcome) {
					run_entry(db, &message);
					last = message.outcome ? last : message.seq;
				}
			});
		assert_int_equal(removal.item.outcome, 0);
		assert_int_equal(message.outcome, MODEL_NOT_MEMBER);
		assert_true(last < removal.item.seq);
		assert_int_equal(database_number(r.here, "SELECT left_seq FROM member WHERE account = 2"),
		                 removal.item.seq);
	}
	r.there->driver->close(r.there);
}

static void of_two_who_join_at_the_same_time_one_gets_the_last_place(void **state)
{
	const race r = race_begin(state);

	for (int i = 0; i < rounds; i++) {
		race_entry one = joining(2, r.group, 2), two = joining(3, r.group, 2);

		race_run(
			r, [&](cs_db *db) { run_race_entry(db, &one); }, [&](cs_db *db) { run_race_entry(db, &two); });
		assert_true((one.item.outcome == 0) != (two.item.outcome == 0));
		assert_int_equal(one.item.outcome ? one.result : two.result, MODEL_GROUP_FULL);
		assert_int_equal(database_number(r.here, "SELECT members FROM conversation"), 2);
		assert_int_equal(database_number(r.here, "SELECT COUNT(*) FROM member WHERE left_seq IS NULL"), 2);
		const uint64_t in = one.item.outcome ? 3 : 2;
		race_entry leave = removing(in, r.group, in);
		run_race_entry(r.here, &leave);
		assert_int_equal(leave.item.outcome, 0);
	}
	r.there->driver->close(r.there);
}

static void a_group_has_one_creator_also_if_who_gets_it_leaves(void **state)
{
	const race r = race_begin(state);
	uint64_t creator = 1, other = 2;

	for (int i = 0; i < rounds; i++) {
		race_entry join = joining(other, r.group, 0), over = handing_over(creator, r.group, other),
			   leave = removing(other, r.group, other);

		run_race_entry(r.here, &join);
		race_run(
			r, [&](cs_db *db) { run_race_entry(db, &over); },
			[&](cs_db *db) { run_race_entry(db, &leave); });
		assert_int_equal(database_number(r.here, "SELECT COUNT(*) FROM member WHERE role = 1"), 1);
		assert_int_equal(database_number(r.here, "SELECT role FROM member WHERE role = 1 AND left_seq IS NULL"),
		                 GROUP_CREATOR);
		if (leave.item.outcome) {
			assert_true(!over.item.outcome && leave.result == GROUP_HAND_OVER);
			std::swap(creator, other);
			race_entry away = removing(other, r.group, other);
			run_race_entry(r.here, &away);
			assert_int_equal(away.item.outcome, 0);
		} else {
			assert_int_equal(over.result, GROUP_NO_MEMBER);
		}
		assert_int_equal(database_number(r.here, "SELECT members FROM conversation"), 1);
	}
	r.there->driver->close(r.there);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(nothing_of_a_member_takes_a_seq_behind_its_removal),
		TEST(of_two_who_join_at_the_same_time_one_gets_the_last_place),
		TEST(a_group_has_one_creator_also_if_who_gets_it_leaves),
	};

	setenv("CS_DRIVER", "db_mysql", 1);
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
