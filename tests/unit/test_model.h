/* SPDX-License-Identifier: MIT
 * Helpers of the tests of the model: a database of SQLite in memory, or of MariaDB if CS_DRIVER asks for it, with
 * users 1 to 9, and short ways to append. */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include <memory>
#include <string>
#include <vector>

#include "plugins/model/contacts.h"
#include "plugins/model/groups.h"
#include "plugins/model/messages.h"
#include "plugins/model/users.h"
#include "tests/support/check.h"
#include "tests/support/database.h"

static constexpr uint64_t model_users_count = 9;

struct model_fixture {
	test_database database;
	cs_db *db;
};

static inline int model_set_up(void **state)
{
	model_fixture *f = new model_fixture;
	uint64_t id = 0;

	database_make(&f->database);
	if (!mariadb_wanted())
		database_set_text(&f->database, "path", ":memory:");
	f->db = database_migrate_and_open(&f->database);
	*state = f;
	for (uint64_t i = 1; i <= model_users_count; i++)
		if (user_insert(f->db, "user " + std::to_string(i), "hash", 1000, &id) || id != i)
			return 1;
	return 0;
}

static inline int model_tear_down(void **state)
{
	const std::unique_ptr<model_fixture> f(static_cast<model_fixture *>(*state));

	f->db->driver->close(f->db);
	return 0;
}

static inline cs_db *model_db(void **state)
{
	return static_cast<model_fixture *>(*state)->db;
}

static inline message_append to_user(uint64_t sender, uint64_t to, std::string_view cid = {})
{
	message_append item;

	item.sender = sender;
	item.to = to;
	item.cid = cid;
	item.body = "body";
	item.created = 5000;
	return item;
}

static inline message_append to_group(uint64_t sender, uint64_t to, std::string_view cid = {})
{
	message_append item = to_user(sender, to, cid);

	item.kind = CONVERSATION_GROUP;
	return item;
}

static inline int no_effect(cs_db *, message_append *, void *)
{
	return 0;
}

/* An entry that changes nothing but the log. */
static inline message_append event_to(conversation_kind kind, uint64_t sender, uint64_t to, std::string_view cid = {})
{
	message_append item = to_user(sender, to, cid);

	item.kind = kind;
	item.effect = no_effect;
	return item;
}

/* As the store engine does it: one transaction, once more with care after a duplicate. */
static inline int append_once(cs_db *db, std::vector<message_append> *items, bool careful)
{
	std::vector<message_append *> pointers;

	for (message_append &item : *items)
		pointers.push_back(&item);
	if (db->driver->begin(db))
		return CS_DB_FAILED;
	const int result = message_append_all(db, pointers, careful);
	if (!result)
		return db->driver->commit(db);
	db->driver->rollback(db);
	return result;
}

static inline int append(cs_db *db, std::vector<message_append> *items)
{
	const int result = append_once(db, items, false);

	return result == CS_DB_DUPLICATE ? append_once(db, items, true) : result;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, model_set_up, model_tear_down)

#endif
