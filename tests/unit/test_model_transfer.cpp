/* SPDX-License-Identifier: MIT
 * Tests that an export has everything that is in the store, and that an import brings it all back. */
#include <algorithm>
#include <cstring>
#include <set>

#include "plugins/model/transfer_tables.h"
#include "plugins/model/users.h"
#include "test_model_lines.h"

static std::string whole_export(cs_db *db)
{
	transfer_page page;
	std::string text;

	do {
		assert_int_equal(transfer_write(db, &page), 0);
		if (!page.lines.empty())
			text += (text.empty() ? "" : ",") + page.lines;
	} while (page.more);
	return text;
}

static std::string joined(const std::vector<std::string> &lines)
{
	std::string text;

	for (const std::string &line : lines)
		text += (text.empty() ? "" : ",") + line;
	return text;
}

/* ---- nothing is forgotten */

/* What no line is of. */
static const std::set<std::string> columns_left_out = {
	/* of the database itself */
	"schema_version.plugin", "schema_version.version", "schema_version.applied",
	/* the first line */
	"store.id",
	/* the lines of entries */
	"entry.conversation", "entry.k", "entry.owner", "entry.ref", "entry.sender", "entry.kind", "body.id",
	"body.created", "body.edited", "body.body", "message.conversation", "message.seq", "message.sender",
	"message.cid", "message.body", "message.created", "message.kind", "message.edited",
	/* MySQL: follow from the entries */
	"conversation.last_seq", "conversation.said_seq", "conversation.said",
	/* the last lines, which have the account alone */
	"erasing.account", "erasing.conversation", "erasing.seq", "erasing.lease",
	/* MySQL: an empty table of an early schema */
	"friend.account", "friend.friend"};

static int take_column(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<std::set<std::string> *>(arg)->insert(std::string(columns[0].bytes, columns[0].size) + "." +
	                                                  std::string(columns[1].bytes, columns[1].size));
	return 0;
}

/* An error here: a file of the schema has a new column. Add it to transfer.cpp and to chatctl(8), and a value of it to
 * test_model_lines.h. */
static void each_column_of_the_schema_travels_or_is_left_out_on_purpose(void **state)
{
	cs_db *db = lines_db(state);
	std::set<std::string> there, known = columns_left_out;
	const char *text = mariadb_wanted()
	                           ? "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
	                             " WHERE TABLE_SCHEMA = DATABASE()"
	                           : "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p"
	                             " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";

	assert_int_equal(db->driver->query(db, text, nullptr, 0, take_column, &there), 0);
	assert_true(there.size() > 60);
	for (const transfer_table &table : transfer_tables) {
		std::string name = table.name;

		std::erase(name, '`');
		for (const transfer_column &column : transfer_columns(table)) {
			known.insert(name + "." + column.name);
			if (!there.contains(name + "." + column.name))
				check_fail(std::source_location::current(), "there is no %s.%s", name.c_str(),
				           column.name);
		}
	}
	for (const std::string &column : there)
		if (!known.contains(column))
			check_fail(std::source_location::current(), "no line has %s", column.c_str());
}

static void each_kind_of_line_is_read_and_written_again_the_same(void **state)
{
	cs_db *db = lines_db(state);

	assert_string_equal(whole_export(db).c_str(), joined(lines_of_store).c_str());
	for (const transfer_table &table : transfer_tables)
		if (std::none_of(lines_of_store.begin(), lines_of_store.end(), [&](const std::string &line) {
			    return line.starts_with(std::string("{\"kind\":\"") + table.kind + "\"");
		    }))
			check_fail(std::source_location::current(), "no line is of the kind %s", table.kind);
}

static void a_locked_and_an_erased_account_stay_so_in_another_store(void **state)
{
	cs_db *db = lines_db(state);

	assert_int_equal(database_number(db, "SELECT locked FROM account WHERE id = 13"), 1);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM account WHERE lock_reason = 'sends spam'"), 1);
	assert_int_equal(database_number(db, "SELECT locked FROM account WHERE id = 14"), 2);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM erasing WHERE account = 14 AND seq = 0"), 1);
	assert_int_equal(database_number(db, "SELECT locked FROM account WHERE id = 15"), 3);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM erasing"), 1);
}

static transfer_batch read_one(cs_db *db, const std::string &line, int result,
                               std::source_location at = std::source_location::current())
{
	transfer_batch batch;

	if (lines_read(db, {lines_of_store[0], line}, &batch) != result)
		check_fail(at, "line %d: %s", static_cast<int>(batch.wrong), batch.why.c_str());
	return batch;
}

/* An export takes a while: the account was not locked when its line was written. */
static void an_account_whose_erasing_began_during_the_export_is_erased_in_the_other_store(void **state)
{
	cs_db *db = lines_db(state);

	assert_int_equal(read_one(db, R"({"kind":"erasing","account":11})", 0).added, 1);
	assert_int_equal(database_number(db, "SELECT locked FROM account WHERE id = 11"), 2);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM account WHERE id = 11 AND name = 'erased 11'"), 1);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM erasing WHERE account = 11"), 1);
	assert_int_equal(read_one(db, R"({"kind":"erasing","account":11})", 0).skipped, 2);
	(void)read_one(db, R"({"kind":"erasing","account":99})", MODEL_REFUSED);
	(void)read_one(db, R"({"kind":"erasing"})", MODEL_REFUSED);
}

/* A process of another store holds nothing here. */
static void what_a_process_has_taken_is_free_in_another_store(void **state)
{
	cs_db *db = lines_db(state);
	transfer_batch again;

	assert_int_equal(database_number(db, "SELECT until FROM follower"), 0);
	assert_int_equal(database_number(db, "SELECT node FROM follower"), 0);
	assert_int_equal(database_number(db, "SELECT lease FROM erasing"), 0);
	assert_int_equal(database_run(db, "UPDATE follower SET node = 77, until = 9000"), 0);
	assert_int_equal(database_run(db, "UPDATE erasing SET lease = 9000"), 0);
	assert_string_equal(whole_export(db).c_str(), joined(lines_of_store).c_str());
	assert_int_equal(lines_read(db, lines_of_store, &again), 0);
	assert_int_equal(database_number(db, "SELECT node FROM follower"), 77);
}

static void lines_that_were_read_before_are_skipped(void **state)
{
	transfer_batch again;

	assert_int_equal(lines_read(lines_db(state), lines_of_store, &again), 0);
	assert_int_equal(again.added, 0);
	assert_int_equal(again.skipped, lines_of_store.size());
}

static void more_bans_than_a_page_has_travel(void **state)
{
	cs_db *db = lines_db(state);
	transfer_batch batch;
	std::vector<std::string> lines = lines_of_store;

	for (int i = 0; i < 1200; i++)
		lines.push_back(
			check_format(R"({"kind":"ban","network":"198.51.%d.%d","created":1,"ends":0,"reason":""})",
		                     i / 256, i % 256));
	assert_int_equal(lines_read(db, lines, &batch), 0);
	const std::string text = whole_export(db), sent = joined(lines);
	for (size_t i = lines_of_store.size(); i < lines.size(); i++)
		assert_non_null(strstr(text.c_str(), lines[i].c_str()));
	assert_int_equal(text.size(), sent.size());
}

static void an_account_of_another_system_needs_only_a_number_and_a_name(void **state)
{
	cs_db *db = lines_db(state);
	transfer_batch batch;

	assert_int_equal(lines_read(db, {lines_of_store[0], R"({"kind":"account","id":50,"name":"eve"})"}, &batch), 0);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM account WHERE name = 'eve' AND password = ''"
	                                     " AND locked = 0 AND generation = 0"),
	                 1);
}

static void what_is_no_frame_is_no_body(void **state)
{
	cs_db *db = lines_db(state);

	for (const char *body : {"", "hello", "{}", "{", "[1]", R"({\"a\":1}x)", R"({\"a\":\n1})"}) {
		transfer_batch batch;

		assert_int_equal(
			lines_read(db,
		                   {check_format(R"({"kind":"entry","conversation":1,"seq":5,"sender":10,"type":0,)"
		                                 R"("created":5004,"body":"%s"})",
		                                 body)},
		                   &batch),
			MODEL_REFUSED);
		assert_non_null(strstr(batch.why.c_str(), "body must be a frame"));
	}
	transfer_batch purged;
	assert_int_equal(lines_read(db,
	                            {R"({"kind":"entry","conversation":1,"seq":5,"sender":10,"type":3,"created":5004,)"
	                             R"("body":""})"},
	                            &purged),
	                 0);
}

static void keys_begin_with_1(void **state)
{
	cs_db *db = lines_db(state);

	for (const char *id : {"0", "-5"}) {
		transfer_batch batch;

		assert_int_equal(
			lines_read(db, {check_format(R"({"kind":"account","id":%s,"name":"eve"})", id)}, &batch),
			MODEL_REFUSED);
		assert_string_equal(batch.why.c_str(), "id must be 1 or more");
	}
}

static void a_conversation_is_listed_by_its_newest_message(void **state)
{
	cs_db *db = lines_db(state);
	transfer_batch batch;

	assert_int_equal(
		lines_read(db,
	                   {R"({"kind":"entry","conversation":1,"seq":5,"sender":10,"type":0,"created":1209600000,)"
	                    R"("body":"{\"msgid\":9}"})",
	                    R"({"kind":"entry","conversation":1,"seq":6,"sender":10,"type":2,"created":2419200000,)"
	                    R"("body":"{\"msgid\":9}"})"},
	                   &batch),
		0);
	assert_int_equal(database_number(db, "SELECT said_week FROM conversation WHERE id = 1"), 3);
	assert_int_equal(database_number(db, "SELECT said_week FROM conversation WHERE id = 2"), 1);
}

/* A page of a large conversation would read all its cids again. */
static void the_cids_of_a_conversation_are_read_once_for_all_pages(void **state)
{
	cs_db *db = lines_db(state);
	transfer_batch batch;
	transfer_cids cids;
	transfer_page page;
	std::vector<std::string> lines;
	std::string text;

	for (int i = 4; i <= 3000; i++)
		lines.push_back(check_format(R"({"kind":"entry","conversation":2,"seq":%d,"sender":%d,"type":0,)"
		                             R"("created":5000,"body":"{\"msg\":\"%d\"}","cid":"c%d"})",
		                             i, 10 + i % 3, i, 9000 - i));
	assert_int_equal(lines_read(db, lines, &batch), 0);
	page.cids = &cids;
	do {
		assert_int_equal(transfer_write(db, &page), 0);
		text += (text.empty() || page.lines.empty() ? "" : ",") + page.lines;
	} while (page.more);
	assert_non_null(strstr(text.c_str(), joined(lines).c_str()));
	assert_string_equal(text.c_str(), whole_export(db).c_str());
	assert_int_equal(cids.reads, mariadb_wanted() ? 0 : 2);
}

/* ---- lines that somebody wrote by hand */

static void a_message_by_hand_has_its_cid_in_the_frame(void **state)
{
	cs_db *db = lines_db(state);

	(void)read_one(
		db, R"({"kind":"message","from":"ann","group":"friends","created":6000,"text":"hi","cid":"a \"b\""})",
		0);
	assert_non_null(strstr(
		whole_export(db).c_str(),
		R"("body":"{\"msgid\":10,\"id\":10,\"name\":\"ann\",\"groupid\":2,\"msg\":\"hi\",\"cid\":\"a \\\"b\\\"\"}")"));
}

static void a_cid_of_a_message_of_another_time_is_refused(void **state)
{
	cs_db *db = lines_db(state);
	const auto line = [](int created) {
		return check_format(R"({"kind":"message","from":"ann","group":"friends","created":%d,"text":"hi",)"
		                    R"("cid":"m"})",
		                    created);
	};

	assert_int_equal(read_one(db, line(6000), 0).added, 1);
	assert_string_equal(read_one(db, line(6001), MODEL_REFUSED).why.c_str(),
	                    "the store has another message of this sender with this cid");
	assert_int_equal(read_one(db, line(6000), 0).added, 0);
}

static void a_group_that_was_handed_over_was_read_before(void **state)
{
	cs_db *db = lines_db(state);

	assert_int_equal(database_run(db, "UPDATE member SET role = 0 WHERE account = 10"), 0);
	assert_int_equal(database_run(db, "UPDATE member SET role = 1 WHERE account = 11"), 0);
	for (const char *creator : {"ann", "bob", "dan"})
		assert_int_equal(
			read_one(db, check_format(R"({"kind":"group","name":"friends","creator":"%s"})", creator), 0)
				.skipped,
			2);
	assert_int_equal(database_number(db, "SELECT account FROM member WHERE role = 1"), 11);
	(void)read_one(db, R"({"kind":"account","name":"eve"})", 0);
	assert_string_equal(
		read_one(db, R"({"kind":"group","name":"friends","creator":"eve"})", MODEL_REFUSED).why.c_str(),
		"the store has a group of this name, which somebody else has made");
}

static void a_member_who_has_left_was_read_before_and_stays_away(void **state)
{
	cs_db *db = lines_db(state);

	assert_int_equal(read_one(db, R"({"kind":"member","group":"friends","account":"dan"})", 0).skipped, 2);
	assert_int_equal(database_number(db, "SELECT left_seq FROM member WHERE account = 13"), 2);
	assert_int_equal(database_number(db, "SELECT members FROM conversation WHERE id = 2"), 3);
}

/* Otherwise its erasing could look for groups before this one has it as a member. */
static void who_becomes_a_member_is_not_erased_meanwhile(void **state)
{
	auto *f = static_cast<lines_fixture *>(*state);
	transfer_batch batch;

	if (!mariadb_wanted())
		return; /* one writer */
	assert_int_equal(lines_read(f->db, {R"({"kind":"account","name":"eve"})"}, &batch), 0);
	cs_db *other = database_open(&f->database);
	batch.lines = {{1, R"({"kind":"member","group":"friends","account":"eve"})"}};
	assert_int_equal(f->db->driver->begin(f->db), 0);
	assert_int_equal(transfer_read(f->db, &batch), 0);
	assert_int_equal(other->driver->begin(other), 0);
	assert_int_not_equal(database_run(other, "SELECT 1 FROM account WHERE name = 'eve' FOR UPDATE NOWAIT"), 0);
	other->driver->rollback(other);
	assert_int_equal(f->db->driver->commit(f->db), 0);
	assert_int_equal(database_run(other, "SELECT 1 FROM account WHERE name = 'eve' FOR UPDATE NOWAIT"), 0);
	other->driver->close(other);
}

static void who_is_erased_gets_no_password(void **state)
{
	cs_db *db = lines_db(state);
	user_series series;

	for (const uint64_t account : {14, 15})
		assert_int_equal(user_set_password(db, account, "", "$hash", &series), MODEL_NONE);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM account WHERE locked > 1 AND password = ''"), 2);
	assert_int_equal(user_set_password(db, 11, "", "$hash", &series), 0);
}

#define STORE(name) cmocka_unit_test_setup_teardown(name, lines_set_up, lines_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE(each_column_of_the_schema_travels_or_is_left_out_on_purpose),
		STORE(each_kind_of_line_is_read_and_written_again_the_same),
		STORE(a_locked_and_an_erased_account_stay_so_in_another_store),
		STORE(an_account_whose_erasing_began_during_the_export_is_erased_in_the_other_store),
		STORE(what_a_process_has_taken_is_free_in_another_store),
		STORE(lines_that_were_read_before_are_skipped),
		STORE(more_bans_than_a_page_has_travel),
		STORE(the_cids_of_a_conversation_are_read_once_for_all_pages),
		STORE(an_account_of_another_system_needs_only_a_number_and_a_name),
		STORE(what_is_no_frame_is_no_body),
		STORE(keys_begin_with_1),
		STORE(a_conversation_is_listed_by_its_newest_message),
		STORE(a_message_by_hand_has_its_cid_in_the_frame),
		STORE(a_cid_of_a_message_of_another_time_is_refused),
		STORE(a_group_that_was_handed_over_was_read_before),
		STORE(a_member_who_has_left_was_read_before_and_stays_away),
		STORE(who_becomes_a_member_is_not_erased_meanwhile),
		STORE(who_is_erased_gets_no_password),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
