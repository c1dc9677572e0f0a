/* SPDX-License-Identifier: MIT
 * Tests the model of invitations to register and of banned networks. */
#include <thread>

#include "plugins/model/bans.h"
#include "plugins/model/register_invites.h"
#include "test_model.h"

static std::string hash_of(char c)
{
	std::string bytes(32, c);

	bytes[5] = '\0';
	return bytes;
}

static uint64_t invite(cs_db *db, char c, int64_t uses, int64_t ends, int64_t former = 0)
{
	register_invite made = {0, uses, 0, 1000, ends};

	assert_int_equal(db->driver->begin(db), 0);
	assert_int_equal(register_invite_insert(db, hash_of(c), former, &made), 0);
	assert_int_equal(db->driver->commit(db), 0);
	return made.id;
}

static int use(cs_db *db, char c, int64_t now)
{
	assert_int_equal(db->driver->begin(db), 0);
	const int result = register_invite_use(db, hash_of(c), now);
	if (result)
		db->driver->rollback(db);
	else
		assert_int_equal(db->driver->commit(db), 0);
	return result;
}

static void an_invitation_is_used_so_often_and_so_long(void **state)
{
	cs_db *db = model_db(state);
	uint64_t id = 0;
	const uint64_t twice = invite(db, 'a', 2, 5000), once = invite(db, 'b', 1, 5000);

	assert_true(twice != once);
	assert_int_equal(register_invite_find(db, hash_of('a'), 4999, &id), 0);
	assert_true(id == twice);
	assert_int_equal(register_invite_find(db, hash_of('a'), 5000, &id), MODEL_NONE);
	assert_int_equal(register_invite_find(db, hash_of('c'), 1, &id), MODEL_NONE);
	assert_int_equal(use(db, 'a', 5000), MODEL_NONE);
	assert_int_equal(use(db, 'a', 4000), 0);
	assert_int_equal(use(db, 'a', 4000), 0);
	assert_int_equal(use(db, 'a', 4000), MODEL_NONE);
	assert_int_equal(register_invite_find(db, hash_of('a'), 4000, &id), MODEL_NONE);
	assert_int_equal(use(db, 'b', 4000), 0);
}

static void invitations_come_by_pages_and_can_be_taken_back(void **state)
{
	cs_db *db = model_db(state);
	std::vector<register_invite> page;
	uint64_t id = 0;
	const uint64_t a = invite(db, 'a', 3, 5000), b = invite(db, 'b', 1, 6000), c = invite(db, 'c', 1, 7000);

	assert_int_equal(use(db, 'a', 4000), 0);
	assert_int_equal(register_invite_page(db, 0, 2, &page), 0);
	assert_int_equal(page.size(), 2);
	assert_true(page[0].id == a && page[0].uses == 3 && page[0].used == 1 && page[0].created == 1000 &&
	            page[0].ends == 5000);
	assert_int_equal(register_invite_page(db, b, 2, &page), 0);
	assert_true(page.size() == 1 && page[0].id == c);
	assert_int_equal(register_invite_remove(db, b, "", &id), 0);
	assert_int_equal(register_invite_remove(db, b, "", &id), MODEL_NONE);
	assert_int_equal(register_invite_remove(db, 0, hash_of('c'), &id), 0);
	assert_true(id == c);
	assert_int_equal(register_invite_remove(db, 0, hash_of('c'), &id), MODEL_NONE);
	assert_int_equal(use(db, 'b', 4000), MODEL_NONE);
	/* Those that ended long ago go when another one is made. */
	(void)invite(db, 'd', 1, 9000, 5001);
	assert_int_equal(register_invite_page(db, 0, 9, &page), 0);
	assert_true(page.size() == 1 && page[0].ends == 9000);
}

/* In MariaDB two connections at once: the second waits for the first one's transaction. */
static void of_two_who_use_it_last_at_once_one_does(void **state)
{
	const model_fixture *f = static_cast<model_fixture *>(*state);

	if (!mariadb_wanted())
		return; /* SQLite has one writer */
	cs_db *other = database_open(&f->database), *watch = database_open(&f->database);
	const std::string in_statement =
		"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE register_invite%' AND ID = " +
		std::to_string(database_number(other, "SELECT CONNECTION_ID()"));
	(void)invite(f->db, 'a', 1, 5000);
	assert_int_equal(f->db->driver->begin(f->db), 0);
	assert_int_equal(other->driver->begin(other), 0);
	assert_int_equal(register_invite_use(f->db, hash_of('a'), 1), 0);
	std::thread waits([other] { assert_int_equal(register_invite_use(other, hash_of('a'), 1), MODEL_NONE); });
	check_wait("the second to ask", [&] { return database_number(watch, in_statement) == 1; });
	assert_int_equal(f->db->driver->commit(f->db), 0);
	waits.join();
	for (cs_db *db : {other, watch})
		db->driver->close(db);
}

static int put(cs_db *db, const char *network, int64_t created, int64_t ends, size_t most = 100)
{
	assert_int_equal(db->driver->begin(db), 0);
	const int result = ban_put(db, {network, created, ends, "spam"}, most);
	if (result)
		db->driver->rollback(db);
	else
		assert_int_equal(db->driver->commit(db), 0);
	return result;
}

static void bans_are_kept_until_they_end_and_by_their_number(void **state)
{
	cs_db *db = model_db(state);
	std::vector<ban_row> page;
	ban_state before, after;

	assert_int_equal(put(db, "192.0.2.1", 10, 0), 0);
	assert_int_equal(put(db, "192.0.2.0/24", 20, 500), 0);
	assert_int_equal(put(db, "192.0.2.1", 30, 0), 0); /* in place of the first */
	assert_int_equal(ban_page(db, "", 10, 100, &page), 0);
	assert_true(page.size() == 2 && page[0].network == "192.0.2.0/24" && page[1].created == 30);
	assert_string_equal(page[0].reason.c_str(), "spam");
	assert_int_equal(ban_page(db, "192.0.2.0/24", 10, 100, &page), 0);
	assert_true(page.size() == 1 && page[0].network == "192.0.2.1");
	assert_int_equal(ban_page(db, "", 10, 500, &page), 0);
	assert_true(page.size() == 1 && page[0].network == "192.0.2.1");
	assert_int_equal(put(db, "198.51.100.1", 100, 0, 2), MODEL_FULL);
	assert_int_equal(put(db, "192.0.2.1", 100, 0, 2), 0);
	assert_int_equal(put(db, "198.51.100.1", 500, 0, 2), 0); /* the one that has ended makes room */
	assert_int_equal(ban_read_state(db, &before), 0);
	assert_int_equal(before.count, 2);
	assert_int_equal(ban_remove(db, "198.51.100.2"), MODEL_NONE);
	assert_int_equal(ban_read_state(db, &after), 0);
	assert_true(before == after);
	assert_int_equal(ban_remove(db, "198.51.100.1"), 0);
	assert_int_equal(ban_read_state(db, &after), 0);
	assert_true(after.count == 1 && !(before == after));
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(an_invitation_is_used_so_often_and_so_long),
		TEST(invitations_come_by_pages_and_can_be_taken_back),
		TEST(of_two_who_use_it_last_at_once_one_does),
		TEST(bans_are_kept_until_they_end_and_by_their_number),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
