/* SPDX-License-Identifier: MIT
 * A worker without a thread, for tests of the core: one fake plugin, connections over socket pairs, turns that the
 * test runs by hand. */
#ifndef TESTS_SUPPORT_WORKER_FIXTURE_H
#define TESTS_SUPPORT_WORKER_FIXTURE_H

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/worker.h"
#include "core/net/address.h"
#include "core/net/conn.h"
#include "core/net/guess.h"
#include "core/plugin/dispatch.h"
#include "core/plugin/plugin.h"
#include "core/session/session.h"
#include "core/session/topic.h"
#include "tests/support/check.h"

/* msgids of the fake plugin's routes. Every handler notes its call in `trace`. */
enum {
	FIXTURE_OPEN = 11, /* anyone, cost 2; runs on_open when that is set, else DONE */
	FIXTURE_WAIT = 12, /* anyone; PENDING */
	FIXTURE_LOGIN = 13, /* needs a login */
	FIXTURE_OWN = 14, /* needs a login and the own id */
	FIXTURE_REJECT = 15 /* anyone; refuses with 7 */
};

/* Hooks, in their order: two of all frames and one of FIXTURE_OPEN between them. Each notes its number in `trace`. */
enum { FIXTURE_HOOK_EARLY, FIXTURE_HOOK_OPEN, FIXTURE_HOOK_LATE, FIXTURE_HOOKS };

struct worker_fixture {
	struct core_conf conf {};
	struct session_table sessions;
	struct topic_table topics;
	struct guess_table guesses;
	struct address_table addresses;
	struct worker_shared shared;
	struct worker *worker = nullptr;
	struct plugin_set plugins;
	struct dispatch_table table;
	std::string trace; /* of handlers and hooks, each with a blank behind it */
	std::function<int(const struct cs_frame *)> on_open;
	std::function<int(const struct cs_frame *)> hooks[FIXTURE_HOOKS]; /* what they answer; not set: CS_PASS */
	bool traces_written = false;
	std::function<void()> on_written;
	int closed_answer = 0; /* of the `closed` hook */
	uint64_t closed_written = 0;
	std::vector<int> peers;
};

std::unique_ptr<struct worker_fixture> worker_fixture_make(void);
/* The same, with a second plugin, which has the hooks. */
std::unique_ptr<struct worker_fixture> worker_fixture_make_hooked(void);
/* With these plugins alone, started in this order. nullptr: one does not start. */
std::unique_ptr<struct worker_fixture> worker_fixture_make_of(std::initializer_list<const struct cs_plugin *> plugins);
/* Starts one more plugin, whose routes and hooks are not called. What its start said. */
int worker_fixture_start(struct worker_fixture *f, const struct cs_plugin *plugin, struct cs_error *e);
/* What the instance that has the hooks says of the frame that waits for one. */
int worker_fixture_resume(struct worker_fixture *f, const struct conn *c, int verdict);
void worker_fixture_free(std::unique_ptr<struct worker_fixture> f);
/* Opens a connection; *peer_r is its other end, non-blocking, closed with the fixture. */
struct conn *worker_fixture_connect(struct worker_fixture *f, int *peer_r);
/* Runs turns until nothing more happens without time passing. */
void worker_fixture_turn(struct worker_fixture *f);
/* Sends, runs turns, and returns what came back. */
std::string worker_fixture_talk(struct worker_fixture *f, int peer, std::string_view bytes);
/* What came; "" when nothing did, and *eof_r (may be NULL) whether the end came behind it. */
std::string worker_fixture_receive(int peer, bool *eof_r);
/* Logs the connection in. */
void worker_fixture_bind(struct worker_fixture *f, struct conn *c, cs_account account);
/* Runs turns until the condition holds, for at most check_patience_ms(). */
bool worker_fixture_wait(struct worker_fixture *f, const std::function<bool()> &condition);

/* The state of most tests: a fixture with a connection. */
struct worker_test {
	std::unique_ptr<struct worker_fixture> f;
	struct conn *c;
	cs_conn handle;
	int peer;
};

int worker_test_set_up(void **state);
int worker_test_set_up_hooked(void **state);
int worker_test_tear_down(void **state);

static inline struct worker_test *worker_test_of(void **state)
{
	return static_cast<struct worker_test *>(*state);
}

#endif
