/* SPDX-License-Identifier: MIT
 * Tests that the model speaks the dialect of the driver that it is given. A driver that only writes the text down
 * stands for MySQL. */
#include <string>
#include <vector>

#include "test_model.h"

/* Writes down every text; answers with rows where a text holds one of these words. */
struct recorder {
	cs_db base;
	cs_db_driver driver;
	std::vector<std::string> texts;
	std::vector<std::pair<std::string, std::vector<int64_t>>> answers;
};

static int record(cs_db *db, const char *sql, const cs_db_value *, size_t, cs_db_row_fn *row, void *arg)
{
	recorder *r = reinterpret_cast<recorder *>(db);

	r->texts.push_back(sql);
	for (const auto &[word, numbers] : r->answers) {
		std::vector<cs_db_value> columns;

		if (!row || r->texts.back().find(word) == std::string::npos)
			continue;
		for (const int64_t number : numbers)
			columns.push_back({CS_DB_INTEGER, number, nullptr, 0});
		row(arg, columns.data(), columns.size());
	}
	return CS_DB_OK;
}

static int64_t no_id(cs_db *)
{
	return 1;
}

/* All that the model writes, with rows enough to get to its last statement. */
static std::vector<std::string> texts_in(cs_db_dialect dialect)
{
	recorder r = {};
	std::vector<message_append> items = {to_user(1, 2, "a"), to_user(1, 3)};
	message_append *pointers[] = {&items[0], &items[1]};
	const message_cursor cursor = {{1, 0}, 2, 3};
	uint64_t group = 7, joined = 0;

	r.driver.dialect = dialect;
	r.driver.query = record;
	r.driver.last_id = no_id;
	r.driver.affected = no_id;
	r.base.driver = &r.driver;
	r.answers = {{"low, high, 0, 0, 0 FROM", {20, 1, 2, 0, 0, 0}},
	             {"low, high, last_seq, flags, said_week FROM", {20, 1, 2, 5, 0, 0}},
	             {"members, low, high, flags, said_week FROM", {20, 0, 5, 0, 1, 2, 0, 0}},
	             {"SELECT 1 FROM account", {1}},
	             {"SELECT id FROM account", {1}},
	             {"SELECT id FROM account", {3}},
	             {"SELECT last_seq FROM", {5}}};
	assert_int_equal(friend_add(&r.base, 1, 2, 9), 0);
	assert_int_equal(group_join(&r.base, 1, group, &joined, {9, 9}), 0);
	assert_int_equal(message_append_all(&r.base, pointers, true), 0);
	assert_int_equal(items[0].seq, 6);
	assert_int_equal(message_cursor_store(&r.base, {&cursor, 1}), 0);
	return r.texts;
}

static size_t count(const std::vector<std::string> &texts, const std::string &words)
{
	size_t found = 0;

	for (const std::string &text : texts)
		found += text.find(words) != std::string::npos;
	return found;
}

static void mysql_gets_its_own_upserts_and_row_locks(void **)
{
	const std::vector<std::string> texts = texts_in(CS_DB_MYSQL);

	assert_int_equal(count(texts, "ON CONFLICT"), 0);
	assert_int_equal(count(texts, "excluded"), 0);
	assert_int_equal(count(texts, "ON DUPLICATE KEY UPDATE low = low"), 1);
	assert_int_equal(count(texts, "ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq), flags = VALUES(flags)"), 1);
	assert_int_equal(count(texts, "delivered_seq = GREATEST(delivered_seq, VALUES(delivered_seq))"), 1);
	assert_int_equal(count(texts, ") ORDER BY id FOR UPDATE"), 1);
	assert_int_equal(
		count(texts, "SELECT last_seq FROM conversation WHERE id = ? AND kind = 1 AND members > 0 FOR UPDATE"),
		1);
	/* The pairs that were made are read again by a locking read, the others once without. */
	assert_int_equal(count(texts, "low, high, 0, 0, 0 FROM conversation"), 2);
	/* Before friends of an account are counted. */
	assert_int_equal(
		count(texts, "SELECT id FROM account WHERE id IN (?, ?) AND locked < 2 ORDER BY id FOR UPDATE"), 1);
	/* Before what the accounts of new pairs say of each other is read. */
	assert_int_equal(count(texts, "ORDER BY id LOCK IN SHARE MODE"), 1);
	assert_int_equal(count(texts, "FOR UPDATE"), 4);
}

static int succeed(cs_db *)
{
	return CS_DB_OK;
}

static int refuse(cs_db *, message_append *, void *)
{
	return MODEL_REFUSED;
}

/* With old statistics a locking read of the whole table would lock all accounts. */
static void mysql_locks_the_accounts_of_effects_by_their_key(void **)
{
	recorder r = {};
	message_append item = to_group(1, 7), *pointers[] = {&item};

	r.driver.dialect = CS_DB_MYSQL;
	r.driver.query = record;
	r.base.driver = &r.driver;
	r.driver.savepoint = r.driver.rollback_to = succeed;
	item.effect = refuse;
	item.lock = 1;
	assert_int_equal(message_append_all(&r.base, pointers, true), 0);
	assert_int_equal(count(r.texts, "SELECT id FROM account FORCE INDEX (PRIMARY) WHERE id IN ("), 1);
}

static void sqlite_gets_its_own_upserts_and_no_row_locks(void **)
{
	const std::vector<std::string> texts = texts_in(CS_DB_SQLITE);

	assert_int_equal(count(texts, "ON DUPLICATE KEY"), 0);
	assert_int_equal(count(texts, "VALUES("), 0);
	assert_int_equal(count(texts, "FOR UPDATE"), 0);
	assert_int_equal(count(texts, "ON CONFLICT DO NOTHING"), 1);
	/* The last seq of a conversation is read, not kept. */
	assert_int_equal(count(texts, "UPDATE SET last_seq"), 0);
	assert_int_equal(count(texts, "INSERT INTO message"), 0);
	assert_int_equal(count(texts, "INSERT INTO body"), 1);
	assert_int_equal(count(texts, "ON CONFLICT (account, device, conversation) DO UPDATE SET delivered_seq"), 1);
}

static void no_dialect_gets_an_update_with_case(void **)
{
	assert_int_equal(count(texts_in(CS_DB_MYSQL), "CASE"), 0);
	assert_int_equal(count(texts_in(CS_DB_SQLITE), "CASE"), 0);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(mysql_gets_its_own_upserts_and_row_locks),
		cmocka_unit_test(mysql_locks_the_accounts_of_effects_by_their_key),
		cmocka_unit_test(sqlite_gets_its_own_upserts_and_no_row_locks),
		cmocka_unit_test(no_dialect_gets_an_update_with_case),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
