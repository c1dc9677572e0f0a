/* SPDX-License-Identifier: MIT
 * Owns what the two halves of LOGIN share: one attempt, which goes from step to step. It must not be included
 * elsewhere.
 *
 * Each completion takes the attempt into an attempt_ptr and hands it on, so it is freed wherever it ends. The
 * connection may be gone at any step: then claim() says so, and what comes after it is undone by the connection's
 * end itself. */
#ifndef LOGIN_ATTEMPT_H
#define LOGIN_ATTEMPT_H

#include <memory>
#include <string>

#include "../model/users.h"
#include "login.h"
#include "roster.h"

struct attempt {
	explicit attempt(std::string_view text) : clear(text) {}

	plugin_context context; /* of the instance; for what store threads may call */
	cs_request request = {};
	cs_peer peer = {};
	int64_t most_failures = 0; /* login_conf's, at the request */
	int64_t wait_ms = 0; /* until the next attempt may be made, where this one came too early */
	cs_conn conn = 0;
	uint64_t id = 0;
	int acknowledges = 0;
	uint64_t want = 0; /* see cs_claim */
	bool wants = false; /* the request had it: the ACK says what there is */
	password_clear clear;
	password_cost cost;
	struct user user;
	std::string hash; /* the account's, or the dummy */
	bool known = false;
	bool outdated = false;
	std::string messages; /* elements of the ACK's list */
	struct roster roster; /* friends and groups */
	int waiting = 0; /* of the two reads after the claim */
	int result = 0; /* the first failure of them */
};

typedef std::unique_ptr<struct attempt> attempt_ptr;

/* A LOGIN_ACK with that errno. Answers CS_REJECT. */
int attempt_refuse(const login_plugin *p, cs_conn conn, const cs_request *request, int wire_errno,
                   const char *text);
/* The same for a negative result of the server's. */
int attempt_refuse_result(const login_plugin *p, cs_conn conn, const cs_request *request, int result);
/* The end of a pending attempt that failed: a refusal, and the connection goes on. */
void attempt_fail(const login_plugin *p, cs_conn conn, const attempt *a, int wire_errno, const char *text);
void attempt_fail_result(const login_plugin *p, cs_conn conn, const attempt *a, int result);

/* The second half: the connection is the account's now. Reads what the ACK carries and answers; on failure logs
 * out again. */
void attempt_enter(const login_plugin *p, cs_conn conn, attempt_ptr a);

#endif
