/* SPDX-License-Identifier: MIT
 * The bare statements of a batch of messages, without a server, for comparison: how many messages a second the database
 * takes by itself.
 *
 * The statements are those that plugins/model runs for a batch (append.cpp) and, every quarter of a second, for cursors
 * (messages.cpp), on the schema that is shipped. It fills an empty store with accounts; conversations are made by the
 * first message of each, or before the time counts (-m). */
#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>
#include <random>
#include <span>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "tests/bench/bare_db.h"
#include "tools/chatbench/histogram.h"

static constexpr size_t statements_piece_most = 256, statements_piece_step = 16; /* as in plugins/model/sql.cpp */
static constexpr int64_t statements_cursor_flush = 250000000; /* ns */
/* The messages are made before the time counts: so many a second and writer, and no more than statements_most. */
static constexpr double statements_most_a_second = 200000;
static constexpr size_t statements_most = 1 << 20;

struct statements_options {
	size_t batch = 64;
	size_t conversations = 500;
	double seconds = 3;
	size_t writers = 1; /* connections that write at the same time, each to conversations of its own */
	size_t size = 215; /* bytes of a stored frame; that of chatbench with 64 bytes of text */
	bool with_cid = true;
	bool make_before = false;
};

struct statements_message {
	int64_t low, high, conversation, seq;
	char cid[33];
};

/* A conversation of the batch. id 0: not known. */
struct statements_pair {
	int64_t low, high, id, last_seq;
};

/* One writer. */
struct statements {
	bare_db *db = nullptr;
	statements_options options;
	size_t number = 0; /* among the writers */
	std::mt19937_64 random;
	std::string body;
	size_t side = 0; /* accounts on each side: conversations are (low, high) of side * side pairs */
	std::vector<statements_message> made; /* the messages to write */
	std::span<statements_message> batch; /* those of the transaction */
	std::vector<statements_pair> pairs; /* of the batch, by low and high; once all have an id, by id */
	std::map<std::pair<int64_t, int64_t>, int64_t> cursors; /* delivered_seq by account and conversation */
	int64_t flushed = 0; /* clock, ns */
	uint64_t messages = 0;
	uint64_t again = 0; /* transactions that were run again */
	histogram times; /* of the batches */
};

static int64_t statements_clock(void)
{
	timespec now = {};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

/* A statement for many rows: head, unit once a row with joint between, tail. It runs in the pieces of sql_run_many. */
struct statements_many {
	const char *head, *unit, *joint;
	const char *tail;
	size_t width; /* values of a row */
	bool repeatable; /* the last row may be repeated */
};

static size_t statements_piece_size(const statements *s, size_t left, bool repeatable, bool reads)
{
	if (!bare_is_mysql(s->db) && !reads)
		return 1;
	left = std::min(left, statements_piece_most);
	if (repeatable)
		return std::bit_ceil(left);
	return left < statements_piece_step ? left : left - left % statements_piece_step;
}

static void statements_run_many(statements *s, const statements_many &many, std::vector<bare_value> values,
                                bare_row *row = nullptr)
{
	const std::vector<bare_value> last(values.empty() ? values.end() : values.end() - static_cast<long>(many.width),
	                                   values.end());

	for (size_t begin = 0; begin < values.size();) {
		const size_t rows =
			statements_piece_size(s, (values.size() - begin) / many.width, many.repeatable, row);
		std::string sql = many.head;
		for (size_t i = 0; i < rows; i++)
			sql.append(i ? many.joint : "").append(many.unit);
		while (values.size() < begin + rows * many.width)
			values.insert(values.end(), last.begin(), last.end());
		bare_query(s->db, sql + many.tail, {values.data() + begin, rows * many.width}, row, s);
		begin += rows * many.width;
	}
}

/* ---- the statements of a batch */

static bool statements_pair_less(const statements_pair &x, const statements_pair &y)
{
	return x.low != y.low ? x.low < y.low : x.high < y.high;
}

static void statements_collect_pairs(statements *s)
{
	std::vector<statements_pair> *const pairs = &s->pairs;

	pairs->clear();
	for (const statements_message &m : s->batch)
		pairs->push_back({m.low, m.high, 0, 0});
	std::sort(pairs->begin(), pairs->end(), statements_pair_less);
	const auto same = [](const statements_pair &x, const statements_pair &y) {
		return x.low == y.low && x.high == y.high;
	};
	pairs->erase(std::unique(pairs->begin(), pairs->end(), same), pairs->end());
}

static statements_pair *statements_find_pair(statements *s, int64_t low, int64_t high)
{
	return &*std::lower_bound(s->pairs.begin(), s->pairs.end(), statements_pair{low, high, 0, 0},
	                          statements_pair_less);
}

/* Columns: id, kind, last_seq, low, high. */
static void statements_take_pair(void *arg, const int64_t *columns)
{
	statements_pair *const pair = statements_find_pair(static_cast<statements *>(arg), columns[3], columns[4]);

	pair->id = columns[0];
	pair->last_seq = columns[2];
}

/* The same in the order of id. */
static void statements_take_locked(void *arg, const int64_t *columns)
{
	std::vector<statements_pair> *const pairs = &static_cast<statements *>(arg)->pairs;

	std::lower_bound(pairs->begin(), pairs->end(), columns[0], [](const statements_pair &pair, int64_t id) {
		return pair.id < id;
	})->last_seq = columns[2];
}

static void statements_take_nothing(void *, const int64_t *) {}

static std::vector<bare_value> statements_unknown_pairs(const statements *s)
{
	std::vector<bare_value> values;

	for (const statements_pair &pair : s->pairs)
		if (pair.id == 0) {
			values.push_back(bare_number(pair.low));
			values.push_back(bare_number(pair.high));
		}
	return values;
}

static void statements_find_pairs(statements *s, const char *tail)
{
	const char *const head = bare_is_mysql(s->db)
	                                 ? "SELECT id, kind, last_seq, low, high FROM conversation WHERE "
	                                 : "SELECT id, kind, last_seq, low, high FROM conversation_state WHERE ";

	statements_run_many(s, {head, "(low = ? AND high = ?)", " OR ", tail, 2, true}, statements_unknown_pairs(s),
	                    statements_take_pair);
}

static void statements_make_pairs(statements *s)
{
	const bool mysql = bare_is_mysql(s->db);
	const std::vector<bare_value> pairs = statements_unknown_pairs(s);

	statements_run_many(s, {"SELECT id FROM account WHERE id IN (", "?", ", ", ")", 1, true}, pairs,
	                    statements_take_nothing);
	statements_run_many(s,
	                    {"INSERT INTO conversation (kind, low, high) VALUES ", "(0, ?, ?)", ", ",
	                     mysql ? " ON DUPLICATE KEY UPDATE low = low" : " ON CONFLICT DO NOTHING", 2, false},
	                    pairs);
	statements_find_pairs(s, mysql ? " FOR UPDATE" : "");
}

/* A writer of SQLite has locked them by BEGIN. */
static void statements_lock(statements *s)
{
	std::vector<bare_value> values;

	std::sort(s->pairs.begin(), s->pairs.end(),
	          [](const statements_pair &x, const statements_pair &y) { return x.id < y.id; });
	if (!bare_is_mysql(s->db))
		return;
	for (const statements_pair &pair : s->pairs)
		values.push_back(bare_number(pair.id));
	statements_run_many(s,
	                    {"SELECT id, kind, last_seq, members FROM conversation WHERE id IN (", "?", ", ",
	                     ") ORDER BY id FOR UPDATE", 1, true},
	                    values, statements_take_locked);
}

/* Gives the messages their seq, in the order of the key. */
static void statements_number_messages(statements *s)
{
	statements_pair *pair = s->pairs.data();

	std::sort(s->batch.begin(), s->batch.end(), [](const statements_message &x, const statements_message &y) {
		return x.conversation < y.conversation;
	});
	for (statements_message &m : s->batch) {
		while (pair->id != m.conversation)
			pair++;
		m.seq = ++pair->last_seq;
	}
}

static bare_value statements_cid(const statements *s, const statements_message &m)
{
	return s->options.with_cid ? bare_text({m.cid, 32}) : bare_null();
}

static void statements_insert_messages(statements *s)
{
	std::vector<bare_value> values;

	for (const statements_message &m : s->batch) {
		values.push_back(bare_number(m.conversation));
		values.push_back(bare_number(m.seq));
		values.push_back(bare_number(m.low));
		values.push_back(statements_cid(s, m));
		values.push_back(bare_text(s->body));
		values.push_back(bare_number(time(nullptr) * 1000));
	}
	statements_run_many(s,
	                    {"INSERT INTO message (conversation, seq, sender, cid, body, created, kind) VALUES ",
	                     "(?, ?, ?, ?, ?, ?, 0)", ", ", "", 6, false},
	                    values);
}

static void statements_store_last(statements *s)
{
	std::vector<bare_value> values;

	for (const statements_pair &pair : s->pairs) {
		values.push_back(bare_number(pair.id));
		values.push_back(bare_number(0));
		values.push_back(bare_number(pair.last_seq));
	}
	statements_run_many(s,
	                    {"INSERT INTO conversation (id, kind, last_seq) VALUES ", "(?, ?, ?)", ", ",
	                     " ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq)", 3, true},
	                    values);
}

static void statements_insert_entries(statements *s)
{
	for (const statements_message &m : s->batch) {
		const bare_value conversation = bare_number(m.conversation), seq = bare_number(m.seq),
				 sender = bare_number(m.low);
		const bare_value body[] = {bare_number(time(nullptr) * 1000), bare_text(s->body)};

		bare_query(s->db, "INSERT INTO body (created, body) VALUES (?, ?)", body);
		const bare_value entry[] = {conversation, seq, bare_number(bare_last_id(s->db)), sender};
		bare_query(s->db,
		           "INSERT INTO entry (conversation, k, owner, ref, sender, kind) VALUES (?, ?, 0, ?, ?, 0)",
		           entry);
		const bare_value cid[] = {conversation, statements_cid(s, m), sender, seq};
		if (s->options.with_cid)
			bare_query(s->db, "INSERT INTO entry (conversation, k, owner, ref) VALUES (?, ?, ?, ?)", cid);
	}
}

static void statements_store_cursors(statements *s)
{
	std::vector<bare_value> values;

	for (const auto &[key, seq] : s->cursors) {
		values.push_back(bare_number(key.first));
		values.push_back(bare_number(key.second));
		values.push_back(bare_number(seq));
	}
	const char *const tail =
		bare_is_mysql(s->db)
			? " ON DUPLICATE KEY UPDATE delivered_seq = GREATEST(delivered_seq, VALUES(delivered_seq))"
			: " ON CONFLICT (account, device, conversation) DO UPDATE SET delivered_seq = excluded.delivered_seq"
			  " WHERE excluded.delivered_seq > delivered_seq";
	statements_run_many(s,
	                    {"INSERT INTO `cursor` (account, device, conversation, delivered_seq) VALUES ",
	                     "(?, 0, ?, ?)", ", ", tail, 3, true},
	                    values);
}

static void statements_run_transaction(statements *s, bool flush)
{
	statements_collect_pairs(s);
	bare_run(s->db, bare_is_mysql(s->db) ? "START TRANSACTION" : "BEGIN IMMEDIATE");
	statements_find_pairs(s, "");
	statements_make_pairs(s);
	for (statements_message &m : s->batch)
		m.conversation = statements_find_pair(s, m.low, m.high)->id;
	statements_lock(s);
	statements_number_messages(s);
	if (bare_is_mysql(s->db)) {
		statements_insert_messages(s);
		statements_store_last(s);
	} else {
		statements_insert_entries(s);
	}
	if (flush)
		statements_store_cursors(s);
}

static void statements_run_batch(statements *s)
{
	const bool flush = statements_clock() - s->flushed > statements_cursor_flush;

	for (;;) {
		statements_run_transaction(s, flush);
		if (!bare_must_run_again(s->db))
			break;
		bare_run(s->db, "ROLLBACK");
		s->again++;
	}
	bare_run(s->db, "COMMIT");
	if (flush) {
		s->flushed = statements_clock();
		s->cursors.clear();
	}
	for (const statements_message &m : s->batch)
		s->cursors[{m.high, m.conversation}] = m.seq;
}

/* ---- the store before, and the load */

static std::string statements_read(const std::filesystem::path &path)
{
	std::string text;
	char part[4096];
	size_t got;
	FILE *const file = fopen(path.c_str(), "re");

	while (file && (got = fread(part, 1, sizeof part, file)) > 0)
		text.append(part, got);
	if (file)
		(void)fclose(file);
	return text;
}

static void statements_make_schema(statements *s)
{
	std::vector<std::filesystem::path> files;
	std::error_code error;

	for (const auto &entry : std::filesystem::directory_iterator(
		     bare_is_mysql(s->db) ? "conf/schema/mysql" : "conf/schema/sqlite", error))
		if (entry.path().filename().c_str()[0] == '0')
			files.push_back(entry.path());
	std::sort(files.begin(), files.end());
	if (files.empty()) {
		(void)fprintf(stderr, "statements: no schema; run it from the source tree\n");
		exit(1);
	}
	for (const std::filesystem::path &file : files)
		bare_run(s->db, statements_read(file));
}

static void statements_make_accounts(statements *s)
{
	std::string sql;

	for (size_t i = 1; i <= 2 * s->side; i++)
		sql += (sql.empty() ? "INSERT INTO account (id, name, password, created) VALUES (" : ", (") +
		       std::to_string(i) + ", 'bare " + std::to_string(i) + "', 'x', 0)";
	bare_run(s->db, sql);
}

static void statements_choose(statements *s, statements_message *m, size_t conversation)
{
	m->low = static_cast<int64_t>(1 + conversation / s->side);
	m->high = static_cast<int64_t>(1 + s->side + conversation % s->side);
	(void)snprintf(m->cid, sizeof m->cid, "%016" PRIx64 "%016" PRIx64, static_cast<uint64_t>(s->random()),
	               static_cast<uint64_t>(s->random()));
}

static void statements_make_conversations(statements *s)
{
	size_t done = 0;

	s->made.resize(s->options.conversations);
	for (statements_message &m : s->made)
		statements_choose(s, &m, done++);
	for (size_t begin = 0; begin < s->made.size(); begin += s->batch.size()) {
		s->batch = std::span(s->made).subspan(begin, std::min<size_t>(4096, s->made.size() - begin));
		statements_run_batch(s);
	}
}

/* A conversation of this writer. */
static size_t statements_pick(statements *s)
{
	const size_t writers = s->options.writers;

	return std::min(s->random() % s->options.conversations / writers * writers + s->number,
	                s->options.conversations - 1);
}

static void statements_make_messages(statements *s)
{
	const double expected = s->options.seconds * statements_most_a_second;

	s->made.resize(std::max(s->options.batch, static_cast<size_t>(std::min<double>(expected, statements_most))));
	for (statements_message &m : s->made)
		statements_choose(s, &m, statements_pick(s));
}

static void statements_measure(statements *s)
{
	const int64_t began = statements_clock();
	int64_t now = began;

	for (size_t begin = 0; begin + s->options.batch <= s->made.size(); begin += s->options.batch) {
		const int64_t start = now;
		if (static_cast<double>(start - began) >= s->options.seconds * 1e9)
			return;
		s->batch = std::span(s->made).subspan(begin, s->options.batch);
		statements_run_batch(s);
		now = statements_clock();
		histogram_add(&s->times, now - start);
		s->messages += s->batch.size();
	}
}

/* CPU time of this process; that of a database server is not in it. */
static double statements_cpu(void)
{
	rusage used = {};

	(void)getrusage(RUSAGE_SELF, &used);
	return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* All writers at the same time. The times are those of the first. */
static void statements_measure_all(std::vector<statements> *writers)
{
	std::vector<std::thread> threads;
	const int64_t began = statements_clock();
	const double cpu_before = statements_cpu();
	uint64_t messages = 0, again = 0;

	for (statements &s : *writers)
		threads.emplace_back(statements_measure, &s);
	for (std::thread &thread : threads)
		thread.join();
	const double seconds = static_cast<double>(statements_clock() - began) / 1e9;
	for (const statements &s : *writers) {
		messages += s.messages;
		again += s.again;
	}
	const histogram *const times = &writers->front().times;
	printf("messages %" PRIu64 "\n", messages);
	printf("messages_per_second %.0f\n", static_cast<double>(messages) / seconds);
	printf("cpu_us_per_message %.2f\n", (statements_cpu() - cpu_before) * 1e6 / static_cast<double>(messages));
	printf("batch_p50_ms %.3f\n", static_cast<double>(histogram_quantile(times, 0.5)) / 1e6);
	printf("batch_p99_ms %.3f\n", static_cast<double>(histogram_quantile(times, 0.99)) / 1e6);
	printf("run_again %" PRIu64 "\n", again);
}

static int statements_usage(void)
{
	(void)fputs("usage: statements [-mn] [-b BATCH] [-c CONVERSATIONS] [-s BYTES] [-t SECONDS] sqlite FILE\n"
	            "       statements [...] [-w WRITERS] mysql SOCKET USER PASSWORD DATABASE\n"
	            "  -m: make the conversations before; -n: no cid\n",
	            stderr);
	return 2;
}

static size_t statements_number(const char *text)
{
	return std::max<size_t>(strtoul(text, nullptr, 10), 1);
}

static int statements_read_options(int argc, char **argv, statements_options *o)
{
	int letter;

	while ((letter = getopt(argc, argv, "b:c:mns:t:w:")) != -1) {
		switch (letter) {
		case 'b': o->batch = statements_number(optarg); break;
		case 'c': o->conversations = statements_number(optarg); break;
		case 'm': o->make_before = true; break;
		case 'n': o->with_cid = false; break;
		case 's': o->size = statements_number(optarg); break;
		case 't': o->seconds = static_cast<double>(statements_number(optarg)); break;
		case 'w': o->writers = statements_number(optarg); break;
		default: return -1;
		}
	}
	const bool sqlite = argc - optind == 2 && strcmp(argv[optind], "sqlite") == 0;
	const bool mysql = argc - optind == 5 && strcmp(argv[optind], "mysql") == 0;
	return (sqlite && o->writers == 1) || (mysql && o->writers <= o->conversations) ? 0 : -1;
}

static bare_db *statements_open(char **words)
{
	if (strcmp(words[0], "sqlite") == 0)
		return bare_open_sqlite(words[1]);
	return bare_open_mysql(words[1], words[2], words[3], words[4]);
}

int main(int argc, char **argv)
{
	statements_options options;

	if (statements_read_options(argc, argv, &options) != 0)
		return statements_usage();
	std::vector<statements> writers(options.writers);
	for (size_t i = 0; i < writers.size(); i++) {
		statements *const s = &writers[i];
		s->options = options;
		s->number = i;
		s->random.seed(i + 1);
		s->body.assign(options.size, 'x');
		while (s->side * s->side < options.conversations)
			s->side++;
		s->db = statements_open(argv + optind);
	}
	statements_make_schema(&writers[0]);
	statements_make_accounts(&writers[0]);
	if (options.make_before)
		statements_make_conversations(&writers[0]);
	for (statements &s : writers)
		statements_make_messages(&s);
	statements_measure_all(&writers);
	for (const statements &s : writers)
		bare_close(s.db);
	return 0;
}
