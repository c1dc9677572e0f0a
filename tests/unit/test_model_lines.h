/* SPDX-License-Identifier: MIT
 * A store in which each table has rows, as the lines of an export; and databases that are empty, or have read them. */
#ifndef TEST_MODEL_LINES_H
#define TEST_MODEL_LINES_H

#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "plugins/model/transfer.h"
#include "tests/support/check.h"
#include "tests/support/database.h"

/* Accounts: 10 and 11 are a pair and, with 12, in a group; 13 is locked, 14 is being erased, 15 was erased. In the
 * order and the form of an export. */
static const std::vector<std::string> lines_of_store = {
	R"({"kind":"store","format":"chatserverd","version":1,"id":"0123456789abcdef"})",
	R"({"kind":"account","id":10,"name":"ann","password":"$hash","generation":3,"created":1000,"last_device":2,"new_devices_until":7,"series":1,"unnamed_series":2,"locked":0,"lock_reason":""})",
	R"({"kind":"account","id":11,"name":"bob","password":"","generation":0,"created":1000,"last_device":0,"new_devices_until":0,"series":0,"unnamed_series":0,"locked":0,"lock_reason":""})",
	R"({"kind":"account","id":12,"name":"cid \"the\" cat","password":"$hash","generation":0,"created":1000,"last_device":0,"new_devices_until":0,"series":0,"unnamed_series":0,"locked":0,"lock_reason":""})",
	R"({"kind":"account","id":13,"name":"dan","password":"$hash","generation":0,"created":1000,"last_device":0,"new_devices_until":0,"series":0,"unnamed_series":0,"locked":1,"lock_reason":"sends spam"})",
	R"({"kind":"account","id":14,"name":"erased 14","password":"","generation":0,"created":1000,"last_device":0,"new_devices_until":0,"series":1,"unnamed_series":0,"locked":2,"lock_reason":""})",
	R"({"kind":"account","id":15,"name":"erased 15","password":"","generation":0,"created":1000,"last_device":0,"new_devices_until":0,"series":1,"unnamed_series":0,"locked":3,"lock_reason":""})",
	R"({"kind":"register_invite","id":4,"code":"00ff0a","uses":3,"used":1,"created":1000,"ends":99000})",
	R"({"kind":"ban","network":"192.0.2.0/24","created":1000,"ends":0,"reason":"floods"})",
	R"({"kind":"ban","network":"2001:db8::/64","created":1000,"ends":99000,"reason":""})",
	R"({"kind":"device","account":10,"number":0,"name":"","first_seen":1000,"last_seen":2000})",
	R"({"kind":"device","account":10,"number":2,"name":"phone","first_seen":1000,"last_seen":2000})",
	R"({"kind":"contact","account":10,"other":11,"listed":1,"blocked":0})",
	R"({"kind":"conversation","id":1,"type":0,"low":10,"high":11,"flags":20,"members":0,"muted":0,"invite_only":0,"history_all":0,"keep":0,"said_week":1})",
	R"({"kind":"conversation","id":2,"type":1,"name":"friends","description":"of ann","flags":0,"members":3,"muted":0,"invite_only":1,"history_all":0,"keep":-1,"said_week":1})",
	R"({"kind":"member","conversation":2,"account":10,"role":1,"joined_seq":0,"joined":1000,"banned":0,"muted":0})",
	R"({"kind":"member","conversation":2,"account":11,"role":0,"joined_seq":1,"joined":1000,"banned":0,"muted":0})",
	R"({"kind":"member","conversation":2,"account":12,"role":0,"joined_seq":2,"joined":1000,"banned":0,"muted":0})",
	R"({"kind":"member","conversation":2,"account":13,"role":0,"joined_seq":1,"left_seq":2,"joined":1000,"banned":1,"muted":0})",
	R"({"kind":"invitation","conversation":2,"account":13,"inviter":10,"created":1000})",
	R"({"kind":"token_key","number":1,"created":1000,"bytes":"00010203"})",
	R"({"kind":"mark","account":11,"conversation":1,"read_seq":2,"shown_seq":1})",
	R"({"kind":"cursor","account":10,"device":0,"conversation":1,"delivered_seq":4})",
	R"({"kind":"cursor","account":10,"device":2,"conversation":2,"delivered_seq":1})",
	R"({"kind":"follower","name":"push","conversation":1,"seq":3})",
	R"({"kind":"entry","conversation":1,"seq":1,"sender":10,"type":0,"created":5000,"body":"{\"msgid\":5,\"msg\":\"one\"}","cid":"c1"})",
	R"({"kind":"entry","conversation":1,"seq":2,"sender":10,"type":0,"created":5001,"edited":4,"body":"{\"msg\":\"two\"}","cid_hex":"00ff"})",
	R"({"kind":"entry","conversation":1,"seq":3,"sender":10,"type":1,"created":5002,"body":"{\"msgid\":4}"})",
	R"({"kind":"entry","conversation":1,"seq":4,"sender":10,"type":2,"created":5003,"body":"{\"msgid\":4}"})",
	R"({"kind":"entry","conversation":2,"seq":1,"sender":10,"type":2,"created":5000,"body":"{\"msgid\":4}"})",
	R"({"kind":"entry","conversation":2,"seq":2,"sender":0,"type":2,"created":5000,"body":"{\"msgid\":4}"})",
	R"({"kind":"entry","conversation":2,"seq":3,"sender":12,"type":0,"created":5000,"body":"{\"msg\":\"three\"}"})",
	R"({"kind":"erasing","account":14})",
	R"({"kind":"erasing","account":15})",
};

struct lines_fixture {
	test_database database;
	cs_db *db = nullptr;
};

static inline std::unique_ptr<lines_fixture> lines_empty_store(void)
{
	auto f = std::make_unique<lines_fixture>();

	database_make(&f->database);
	if (!mariadb_wanted())
		database_set_text(&f->database, "path", ":memory:");
	f->db = database_migrate_and_open(&f->database);
	return f;
}

static inline int lines_tear_down(void **state)
{
	const std::unique_ptr<lines_fixture> f(static_cast<lines_fixture *>(*state));

	f->db->driver->close(f->db);
	return 0;
}

/* What transfer_read answers. */
static inline int lines_read(cs_db *db, const std::vector<std::string> &lines, transfer_batch *batch)
{
	for (const std::string &line : lines)
		batch->lines.push_back({batch->lines.size() + 1, line});
	assert_int_equal(db->driver->begin(db), 0);
	const int result = transfer_read(db, batch);
	if (result)
		db->driver->rollback(db);
	else
		assert_int_equal(db->driver->commit(db), 0);
	return result;
}

static inline int lines_set_up(void **state)
{
	transfer_batch batch;

	lines_fixture *f = lines_empty_store().release();
	*state = f;
	if (lines_read(f->db, lines_of_store, &batch))
		check_fail(std::source_location::current(), "line %d: %s", static_cast<int>(batch.wrong),
		           batch.why.c_str());
	return 0;
}

static inline cs_db *lines_db(void **state)
{
	return static_cast<lines_fixture *>(*state)->db;
}

#endif
