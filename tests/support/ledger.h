/* SPDX-License-Identifier: MIT
 * The record of a crash test: every message that was sent, the seq with which it was acknowledged, the messages that
 * each receiver got, and the judgement at the end. */
#ifndef TESTS_SUPPORT_LEDGER_H
#define TESTS_SUPPORT_LEDGER_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct test_server;

/* A pair ("pair 3 9", the lower account first) or a group ("group 2"). */
std::string ledger_pair(int64_t one, int64_t other);
std::string ledger_group(int64_t group);

struct ledger_message {
	int64_t sender = 0;
	std::string conversation;
	uint64_t number = 0; /* counts the messages of one sender to one conversation */
	std::string frame; /* as sent */
	int64_t sent_at = 0; /* ms of check_now(), the first time */
	int64_t seq = 0; /* 0: nobody knows it yet */
	bool acknowledged = false;
	bool is_old = false; /* of a client of the old kind: without cid, and never acknowledged */
	std::set<int64_t> receivers; /* who took it (once; a second time is dropped by its seq) */
};

struct ledger_taken {
	uint64_t number = 0;
	int64_t sent_at = 0, taken_at = 0;
};

struct ledger_conversation {
	std::set<int64_t> accounts;
	std::unordered_map<int64_t, std::string> cids; /* by seq, as far as acknowledgements and frames told */
	std::map<int64_t, uint64_t> numbers; /* sender -> messages sent */
	std::map<int64_t, int64_t> last; /* receiver -> the last seq that it took */
	std::map<std::pair<int64_t, int64_t>, ledger_taken> taken; /* receiver, sender -> what was taken last */
};

/* Clients of the old kind know neither cid nor ack: they send once and get no answer, and what was written to
 * their connection counts as received. So a connection that ends may take with it what they have sent and
 * what was sent to them before they noticed; nothing else. */
struct ledger {
	std::unordered_map<std::string, ledger_message> messages; /* by cid */
	std::map<std::string, ledger_conversation> conversations;
	std::map<int64_t, int64_t> old_accounts; /* -> when the last of their connections ended, 0: none did */
	uint64_t acknowledged = 0, received = 0, dropped = 0;
	int64_t slowest_delivery = 0; /* ms from sending to the receiver; a test may set it to 0 */
	uint64_t fault_count = 0;
	std::vector<std::string> faults; /* the first of them, in words */
};

void ledger_fault(ledger *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ledger_open(ledger *l, const std::string &conversation, const std::set<int64_t> &accounts);
/* The next message of the sender: its cid (entered) and the text that it must carry: the cid and a checksum
 * of sender, conversation and cid. */
std::string ledger_new_message(ledger *l, int64_t sender, const std::string &conversation, std::string *text_r);
/* The frame that carries it, set once before it is sent. */
void ledger_sent(ledger *l, const std::string &cid, std::string_view frame);
void ledger_acknowledged(ledger *l, const std::string &cid, int64_t seq);
/* The same for a client of the old kind, whose frame has no cid: the text says which message it is. */
void ledger_sent_old(ledger *l, const std::string &cid, std::string_view frame);
/* That account is of the old kind; its connection has ended. */
void ledger_add_old(ledger *l, int64_t account);
void ledger_lost_old(ledger *l, int64_t account);
/* A frame as it reached the receiver. A seq that is not above the last one is dropped, as chatserverd-protocol(7)
 * tells clients to. Returns the last seq of that conversation at that receiver. */
int64_t ledger_received(ledger *l, int64_t receiver, const std::string &conversation, std::string_view frame);
/* Whether every message is acknowledged and was taken by each account of its conversation but the sender, as
 * far as that is promised. */
bool ledger_is_complete(const ledger *l);
/* What is_complete is waiting for, as faults. */
void ledger_check_complete(ledger *l);
/* Holds the server's database against the ledger: every acknowledged message once, with its seq and its
 * bytes; no message that was never sent; seq 1, 2, 3... without gap; each sender's messages in their order,
 * and taken by those for whom they are. */
void ledger_check_database(ledger *l, const struct test_server *s);

#endif
