/* SPDX-License-Identifier: MIT
 * The record of a crash test: every message that was sent, the seq with which it was acknowledged, the messages that
 * each receiver got, and the judgement at the end. */
#include "tests/support/ledger.h"

#include <algorithm>
#include <cstdarg>
#include <cstdlib>

#include <sqlite3.h>

#include "tests/support/database.h"
#include "tests/support/server.h"

#include "tests/support/check.h"
#include "tests/support/client.h"

std::string ledger_pair(int64_t one, int64_t other)
{
	return check_format("pair %lld %lld", static_cast<long long>(one < other ? one : other),
	                    static_cast<long long>(one < other ? other : one));
}

std::string ledger_group(int64_t group)
{
	return check_format("group %lld", static_cast<long long>(group));
}

void ledger_fault(ledger *l, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	l->fault_count++;
	if (l->faults.size() < 20)
		l->faults.push_back(text);
}

void ledger_open(ledger *l, const std::string &conversation, const std::set<int64_t> &accounts)
{
	l->conversations[conversation].accounts = accounts;
}

/* FNV-1a: enough to see that bytes of two messages were mixed. */
static uint64_t checksum(std::string_view text)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (const char byte : text)
		sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
	return sum;
}

static std::string message_text(int64_t sender, const std::string &conversation, const std::string &cid)
{
	const std::string all =
		check_format("%lld|%s|%s", static_cast<long long>(sender), conversation.c_str(), cid.c_str());

	return check_format("%s %016llx", cid.c_str(), static_cast<unsigned long long>(checksum(all)));
}

std::string ledger_new_message(ledger *l, int64_t sender, const std::string &conversation, std::string *text_r)
{
	ledger_message message;

	message.sender = sender;
	message.conversation = conversation;
	message.number = ++l->conversations.at(conversation).numbers[sender];
	const std::string cid = check_format("%lld to %s no %llu", static_cast<long long>(sender), conversation.c_str(),
	                                     static_cast<unsigned long long>(message.number));

	*text_r = message_text(sender, conversation, cid);
	l->messages[cid] = std::move(message);
	return cid;
}

void ledger_sent(ledger *l, const std::string &cid, std::string_view frame)
{
	ledger_message &message = l->messages.at(cid);

	message.frame = frame;
	message.sent_at = check_now();
}

void ledger_sent_old(ledger *l, const std::string &cid, std::string_view frame)
{
	ledger_sent(l, cid, frame);
	l->messages.at(cid).is_old = true;
}

void ledger_add_old(ledger *l, int64_t account)
{
	l->old_accounts[account] = 0;
}

void ledger_lost_old(ledger *l, int64_t account)
{
	l->old_accounts.at(account) = check_now();
}

/* Whether that account is of the old kind and a connection of it has ended since. */
static bool lost_since(const ledger *l, int64_t account, int64_t time)
{
	const auto found = l->old_accounts.find(account);

	return found != l->old_accounts.end() && found->second >= time;
}

/* Whether the message may have gone with a connection of that account. */
static bool may_be_lost(const ledger *l, const ledger_message &m, int64_t account)
{
	return lost_since(l, account, m.sent_at);
}

/* The text that ledger_new_message made begins with it. */
static std::string cid_of_old(std::string_view frame)
{
	const json_ptr json(cJSON_ParseWithLength(frame.data(), frame.size()));
	const std::string text = json_text(json.get(), "msg");

	return text.substr(0, text.rfind(' '));
}

/* One message has one seq and one seq is of one message, whoever says so. */
static void learn_seq(ledger *l, const std::string &cid, ledger_message *m, int64_t seq, const char *who)
{
	std::string &owner = l->conversations.at(m->conversation).cids[seq];

	if (seq < 1)
		ledger_fault(l, "%s: \"%s\" has seq %lld", who, cid.c_str(), static_cast<long long>(seq));
	if (m->seq != 0 && m->seq != seq)
		ledger_fault(l, "%s: \"%s\" had seq %lld and now has %lld", who, cid.c_str(),
		             static_cast<long long>(m->seq), static_cast<long long>(seq));
	if (!owner.empty() && owner != cid)
		ledger_fault(l, "%s: seq %lld of %s was \"%s\" and now is \"%s\"", who, static_cast<long long>(seq),
		             m->conversation.c_str(), owner.c_str(), cid.c_str());
	owner = cid;
	m->seq = seq;
}

void ledger_acknowledged(ledger *l, const std::string &cid, int64_t seq)
{
	ledger_message &m = l->messages.at(cid);

	learn_seq(l, cid, &m, seq, "acknowledgement");
	l->acknowledged += !m.acknowledged;
	m.acknowledged = true;
}

/* Between the two only what went with a connection of the old kind may be missing. */
static bool may_follow(const ledger *l, int64_t receiver, const ledger_taken &last, const ledger_message &m)
{
	if (m.number == last.number + 1)
		return true;
	return m.number > last.number &&
	       (lost_since(l, receiver, last.taken_at) || lost_since(l, m.sender, last.sent_at));
}

static void take(ledger *l, int64_t receiver, const std::string &cid, ledger_message *m)
{
	ledger_conversation &c = l->conversations.at(m->conversation);
	ledger_taken &last = c.taken[{receiver, m->sender}];

	if (m->sender == receiver)
		ledger_fault(l, "account %lld got its own \"%s\"", static_cast<long long>(receiver), cid.c_str());
	if (!c.accounts.contains(receiver))
		ledger_fault(l, "account %lld got \"%s\", which is none of its business",
		             static_cast<long long>(receiver), cid.c_str());
	if (!m->receivers.insert(receiver).second)
		ledger_fault(l, "account %lld got \"%s\" twice with rising seq", static_cast<long long>(receiver),
		             cid.c_str());
	if (!may_follow(l, receiver, last, *m))
		ledger_fault(l, "account %lld got \"%s\" after number %llu of the same sender",
		             static_cast<long long>(receiver), cid.c_str(),
		             static_cast<unsigned long long>(last.number));
	last = {m->number, m->sent_at, check_now()};
	l->slowest_delivery = std::max(l->slowest_delivery, check_now() - m->sent_at);
	l->received++;
}

int64_t ledger_received(ledger *l, int64_t receiver, const std::string &conversation, std::string_view frame)
{
	const json_ptr json(cJSON_ParseWithLength(frame.data(), frame.size()));
	const std::string cid = json_has(json.get(), "cid") ? json_text(json.get(), "cid") : cid_of_old(frame);
	const int64_t seq = json_integer(json.get(), "seq");
	const auto found = l->messages.find(cid);
	int64_t &last = l->conversations[conversation].last[receiver];

	if (found == l->messages.end()) {
		ledger_fault(l, "account %lld got what nobody sent: %.*s", static_cast<long long>(receiver),
		             static_cast<int>(frame.size()), frame.data());
		return last;
	}
	ledger_message &m = found->second;

	if (m.conversation != conversation ||
	    !frame.starts_with(std::string_view(m.frame).substr(0, m.frame.size() - 1)))
		ledger_fault(l, "\"%s\" was changed or misdelivered: %.*s", cid.c_str(), static_cast<int>(frame.size()),
		             frame.data());
	learn_seq(l, cid, &m, seq, "delivery");
	if (seq <= last) {
		l->dropped++;
		return last;
	}
	take(l, receiver, cid, &m);
	return last = seq;
}

static size_t missing_receivers(const ledger *l, const ledger_message &m)
{
	size_t missing = 0;

	for (const int64_t account : l->conversations.at(m.conversation).accounts)
		missing += account != m.sender && !m.receivers.contains(account) && !may_be_lost(l, m, account);
	return missing;
}

/* What a client of the old kind sent just before its connection ended may be stored or not. */
static bool is_settled(const ledger *l, const ledger_message &m)
{
	if (m.is_old)
		return may_be_lost(l, m, m.sender) || missing_receivers(l, m) == 0;
	return m.acknowledged && missing_receivers(l, m) == 0;
}

bool ledger_is_complete(const ledger *l)
{
	for (const auto &[cid, m] : l->messages)
		if (!is_settled(l, m))
			return false;
	return true;
}

void ledger_check_complete(ledger *l)
{
	for (const auto &[cid, m] : l->messages) {
		if (is_settled(l, m))
			continue;
		if (!m.acknowledged && !m.is_old)
			ledger_fault(l, "\"%s\" was never acknowledged", cid.c_str());
		if (missing_receivers(l, m) > 0)
			ledger_fault(l, "\"%s\" (seq %lld) did not reach %zu of its receivers", cid.c_str(),
			             static_cast<long long>(m.seq), missing_receivers(l, m));
	}
}

struct database_check {
	ledger *l;
	std::set<std::string> found;
	std::string conversation;
	int64_t last_seq;
	std::map<int64_t, uint64_t> numbers; /* sender -> number of its last message in this conversation */
};

struct database_row {
	std::string conversation;
	int64_t seq, sender;
	std::string cid, body; /* body "": an event, which takes a seq only */
};

static void check_row(database_check *check, const database_row &row)
{
	ledger *l = check->l;
	/* Where the client gave none, the server has made one that is no text. */
	const std::string &conversation = row.conversation,
			  cid = row.body.empty() || l->messages.contains(row.cid) ? row.cid : cid_of_old(row.body);
	const int64_t seq = row.seq, sender = row.sender;
	const auto found = l->messages.find(cid);

	if (conversation != check->conversation) {
		check->conversation = conversation;
		check->last_seq = 0;
		check->numbers.clear();
	}
	if (seq != check->last_seq + 1)
		ledger_fault(l, "database: %s has seq %lld after %lld", conversation.c_str(),
		             static_cast<long long>(seq), static_cast<long long>(check->last_seq));
	check->last_seq = seq;
	if (row.body.empty())
		return;
	if (found == l->messages.end()) {
		ledger_fault(l, "database: nobody sent \"%s\"", row.body.c_str());
		return;
	}
	const ledger_message &m = found->second;

	if (!check->found.insert(cid).second)
		ledger_fault(l, "database: \"%s\" is there twice", cid.c_str());
	if (m.conversation != conversation || m.sender != sender || (m.seq != 0 && m.seq != seq))
		ledger_fault(l, "database: \"%s\" is seq %lld of %s, was acknowledged as %lld of %s", cid.c_str(),
		             static_cast<long long>(seq), conversation.c_str(), static_cast<long long>(m.seq),
		             m.conversation.c_str());
	if (row.body != m.frame)
		ledger_fault(l, "database: the bytes of \"%s\" are not those that were sent", cid.c_str());
	if (m.is_old ? m.number <= check->numbers[sender] : m.number != check->numbers[sender] + 1)
		ledger_fault(l, "database: \"%s\" comes after number %llu of the same sender", cid.c_str(),
		             static_cast<unsigned long long>(check->numbers[sender]));
	check->numbers[sender] = m.number;
}

/* Columns: conversation's name, seq, sender, cid, body. */

static const char sqlite_query[] =
	"SELECT CASE c.kind WHEN 0 THEN 'pair ' || c.low || ' ' || c.high ELSE 'group ' || c.id END AS name,"
	" m.seq, m.sender, i.k, CASE m.kind WHEN 2 THEN '' ELSE m.body END FROM message m JOIN conversation c ON c.id = m.conversation"
	" LEFT JOIN (SELECT conversation, k, ref FROM entry WHERE k >= '') i"
	" ON i.conversation = m.conversation AND i.ref = m.seq"
	" ORDER BY name, m.seq";

static const char mariadb_query[] =
	"SELECT CASE c.kind WHEN 0 THEN CONCAT('pair ', c.low, ' ', c.high) ELSE CONCAT('group ', c.id) END "
	"AS name,"
	" m.seq, m.sender, m.cid, CASE m.kind WHEN 2 THEN '' ELSE m.body END FROM message m JOIN conversation c ON c.id = m.conversation"
	" ORDER BY name, m.seq";

static std::string column_text(sqlite3_stmt *row, int column)
{
	const char *bytes = static_cast<const char *>(sqlite3_column_blob(row, column));

	return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(row, column))) : std::string();
}

static void check_sqlite(database_check *check, const std::string &path)
{
	sqlite3 *db = nullptr;
	sqlite3_stmt *row = nullptr;
	int result = SQLITE_ERROR;

	if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sqlite_query, -1, &row, nullptr) == SQLITE_OK)
		while ((result = sqlite3_step(row)) == SQLITE_ROW)
			check_row(check, {column_text(row, 0), sqlite3_column_int64(row, 1),
			                  sqlite3_column_int64(row, 2), column_text(row, 3), column_text(row, 4)});
	if (result != SQLITE_DONE)
		ledger_fault(check->l, "database: %s", sqlite3_errmsg(db));
	sqlite3_finalize(row);
	sqlite3_close(db);
}

static std::string value_text(const cs_db_value &value)
{
	return value.size ? std::string(value.bytes, value.size) : std::string();
}

static int take_row(void *arg, const cs_db_value *columns, size_t)
{
	check_row(static_cast<database_check *>(arg), {value_text(columns[0]), columns[1].integer, columns[2].integer,
	                                               value_text(columns[3]), value_text(columns[4])});
	return 0;
}

/* Columns of CHECK TABLE: table, operation, kind, text. */
static int take_verdict(void *arg, const cs_db_value *columns, size_t)
{
	ledger_fault(static_cast<ledger *>(arg), "database: %s: %s: %s", value_text(columns[0]).c_str(),
	             value_text(columns[2]).c_str(), value_text(columns[3]).c_str());
	return 0;
}

/* Where the log is wrong: whether the database itself says that its files are, and what it has written of its
 * starts. */
static void report_mariadb(ledger *l, cs_db *db, const mariadb *m)
{
	for (const char *text : {"CHECK TABLE message EXTENDED", "CHECK TABLE conversation EXTENDED"})
		if (db->driver->query(db, text, nullptr, 0, take_verdict, l))
			ledger_fault(l, "database: %s: %s", text, db->driver->message(db));
	check_report(check_read_file(m->folder + "/log"));
}

static void check_mariadb(database_check *check, const mariadb *m, const std::string &database)
{
	test_database d;

	database_make_mysql(&d, m, database);
	cs_db *db = database_open(&d);
	if (d.driver->query(db, mariadb_query, nullptr, 0, take_row, check))
		ledger_fault(check->l, "database: %s", d.driver->message(db));
	if (check->l->fault_count > 0)
		report_mariadb(check->l, db, m);
	d.driver->close(db);
}

void ledger_check_database(ledger *l, const test_server *s)
{
	database_check check = {l, {}, "", 0, {}};

	if (s->database)
		check_mariadb(&check, s->database, s->options.at("db_mysql.database"));
	else
		check_sqlite(&check, test_server_database(s));
	for (const auto &[cid, m] : l->messages)
		if (m.acknowledged && !check.found.contains(cid))
			ledger_fault(l, "database: \"%s\" was acknowledged with seq %lld and is not there", cid.c_str(),
			             static_cast<long long>(m.seq));
		else if (m.is_old && !check.found.contains(cid) && !may_be_lost(l, m, m.sender))
			ledger_fault(l, "database: \"%s\" is not there, and its connection held", cid.c_str());
		else if (check.found.contains(cid) && missing_receivers(l, m) > 0)
			ledger_fault(l, "\"%s\" is stored and did not reach %zu of its receivers", cid.c_str(),
			             missing_receivers(l, m));
}
