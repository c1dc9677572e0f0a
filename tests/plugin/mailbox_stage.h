/* SPDX-License-Identifier: MIT
 * The fixture of the mailbox's tests: a world over a log in memory, and the frames that each connection was shown. */
#ifndef TESTS_PLUGIN_MAILBOX_STAGE_H
#define TESTS_PLUGIN_MAILBOX_STAGE_H

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "mailbox_model.h"
#include "plugins/mailbox/session.h"
#include "tests/support/check.h"
#include "tests/support/mailbox_world.h"

/* A delivered frame. */
struct stage_frame {
	uint64_t n; /* the test's own number of the message */
	uint64_t from;
	uint64_t seq; /* 0: it had none */
	int64_t ts;
	std::string text;
};

/* What a post came to. */
struct stage_told {
	int calls = 0;
	int result = 0;
	uint64_t seq = 0;
};

struct stage {
	memory_log log;
	world w;
	std::map<cs_conn, std::vector<stage_frame>> seen;
	std::deque<stage_told> told; /* of the test's posts */
	int64_t last_req = 0;
};

constexpr mailbox_conf stage_conf = {0, 0, 250}; /* the sweep is off */

/* Accounts 1 to 9, nodes of so many workers each. */
void stage_begin(stage *st, unsigned nodes, unsigned workers, const mailbox_conf &conf = stage_conf);
void stage_close(stage *st);
/* *state becomes a stage that has begun, of one node or several; CMocka's teardown closes it. */
stage *stage_open(void **state, unsigned workers, const mailbox_conf &conf = stage_conf);
stage *stage_open_nodes(void **state, unsigned nodes, unsigned workers, const mailbox_conf &conf = stage_conf);
/* No other process writes to its store. */
stage *stage_open_exclusive(void **state, unsigned workers);
int stage_teardown(void **state);
#define TEST(name) cmocka_unit_test_teardown(name, stage_teardown)

std::string stage_body(uint64_t from, uint64_t n, size_t padding = 0);
stage_frame stage_parse(const std::string &frame);

/* "first ... last", as stage_seen says it. */
std::string stage_up_to(uint64_t last, uint64_t first = 1);
/* Messages 1 to count of account 1 to account 2 are in the store. */
void stage_keep(stage *st, uint64_t count, size_t padding = 0);

/* Connects, logs in and settles; the login must be granted. */
cs_conn stage_login(stage *st, unsigned worker, cs_account account, bool acknowledges = false);
/* Ends the connection; the account logs in again, on that worker, a second later. */
cs_conn stage_login_again(stage *st, cs_conn conn, unsigned worker);
/* Only says it; nothing is settled. Answers its req. */
int64_t stage_chat(stage *st, cs_conn conn, uint64_t to, uint64_t n);
int64_t stage_chat_as(stage *st, cs_conn conn, cs_conversation_kind kind, uint64_t to, uint64_t n, const char *cid);
/* The same, and settle. */
int64_t stage_say(stage *st, cs_conn conn, uint64_t to, uint64_t n);
int64_t stage_say_as(stage *st, cs_conn conn, cs_conversation_kind kind, uint64_t to, uint64_t n, const char *cid);
/* The effects of the stage: an account joins the group, or leaves it, or only the log changes; or the group that it
 * should make, named in the place of the account, is there. */
enum stage_event { STAGE_JOIN, STAGE_LEAVE, STAGE_NOTE, STAGE_IS_MADE };
/* An event with that effect on the account, said on conn; nothing is settled. Answers its req. */
int64_t stage_event_as(stage *st, cs_conn conn, stage_event what, cs_account account, cs_conversation_kind kind,
                       uint64_t to, uint64_t n);
/* The same in a group, and settle. */
int64_t stage_do(stage *st, cs_conn conn, stage_event what, cs_account account, uint64_t group, uint64_t n);
/* The words as cs_claim has them. */
uint64_t stage_want(const stage *st, const char *words);
/* Logs in and settles, with `want`: "event", "echo", "event echo". */
cs_conn stage_login_wanting(stage *st, unsigned worker, cs_account account, const char *want,
                            bool acknowledges = false);
/* The answer to req; -1: none yet. */
int stage_errno(const stage *st, int64_t req);
/* The answer's text; "" where there is none. */
std::string stage_answer(const stage *st, int64_t req);
/* The numbers that the connection saw, as "1 2 3". */
std::string stage_seen(const stage *st, cs_conn conn);
/* Their seqs. */
std::string stage_seqs(const stage *st, cs_conn conn);
/* How often the store was asked to read. */
size_t stage_reads(const stage *st);
/* The next ones of that place come to these results. */
void stage_fail(stage *st, fake_fault_place place, std::initializer_list<int> results);
mailbox *stage_mailbox(stage *st, unsigned worker);
mailbox_session *stage_session(stage *st, cs_conn conn);

#endif
