/* SPDX-License-Identifier: MIT
 * A message log in memory that implements plugins/model/messages.h in the tests of the mailbox. */
#ifndef TESTS_PLUGIN_MAILBOX_MODEL_H
#define TESTS_PLUGIN_MAILBOX_MODEL_H

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <chatserverd/db.h>

struct log_message {
	uint64_t sender;
	std::string cid, body;
	int64_t created;
	bool is_event;
	bool is_purged = false;
};

struct log_member {
	uint64_t joined_seq;
	uint64_t left_seq; /* 0: it is a member */
};

struct log_conversation {
	bool group = false;
	uint64_t low = 0, high = 0;
	std::map<uint64_t, log_member> members; /* by account; former ones, too */
	std::multimap<uint64_t, log_member> past; /* memberships before the last one */
	std::vector<log_message> messages; /* seq - 1 */
};

using memory_cid = std::tuple<uint64_t, uint64_t, std::string>; /* conversation, sender, cid */

struct memory_log {
	cs_db db; /* first: what the model is given */
	uint64_t accounts = 0; /* 1 to accounts are there */
	std::map<uint64_t, log_conversation> conversations;
	std::map<std::pair<uint64_t, uint64_t>, uint64_t> pairs;
	std::map<memory_cid, uint64_t> cids; /* the seq */
	std::map<std::pair<uint64_t, uint64_t>, uint64_t> cursors; /* (account, conversation) */
	uint64_t last_conversation = 0;
	size_t cursor_statements = 0;
	size_t row_statements = 0; /* that read messages */
	int64_t newest = 0, database = 0; /* the clocks that retention reads */
	bool is_old = false; /* retention finds something */
	size_t removals = 0; /* that retention has asked for */
	std::function<void()> before_rows; /* runs once, before messages are read next */
};

void memory_log_open(memory_log *log, uint64_t accounts);
uint64_t memory_log_add_group(memory_log *log, const std::vector<uint64_t> &members);
bool memory_log_is_member(const memory_log *log, uint64_t group, uint64_t account);
/* To be called before the entry of seq is appended. */
void memory_log_join(memory_log *log, uint64_t group, uint64_t account, uint64_t seq);
void memory_log_leave(memory_log *log, uint64_t group, uint64_t account, uint64_t seq);
/* Appends as if somebody had sent it; answers its seq. */
uint64_t memory_log_append_pair(memory_log *log, uint64_t sender, uint64_t to, const std::string &body,
                                int64_t created);
uint64_t memory_log_append_group(memory_log *log, uint64_t sender, uint64_t group, const std::string &body,
                                 int64_t created);
/* As retention does: nothing up to seq is there any more. */
void memory_log_purge(memory_log *log, uint64_t conversation, uint64_t seq);
uint64_t memory_log_cursor(const memory_log *log, uint64_t account, uint64_t conversation);
/* 0: they never talked. */
uint64_t memory_log_pair(const memory_log *log, uint64_t a, uint64_t b);

#endif
