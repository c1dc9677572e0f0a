/* SPDX-License-Identifier: MIT
 * One login under way: an attempt, which goes from step to step. Only for attempt.cpp, enter.cpp and the handlers of
 * this plugin.
 *
 * The completion of a step takes the attempt into an attempt_ptr and gives it to the next step, so it is freed wherever
 * it ends. The connection can end at any step. Then claim() reports it; after the claim, the end of the connection
 * itself undoes the login. */
#ifndef LOGIN_ATTEMPT_H
#define LOGIN_ATTEMPT_H

#include <memory>
#include <string>
#include <vector>

#include "../model/devices.h"
#include "../shared/token.h"
#include "login.h"
#include "roster.h"
#include <base/wipe.h>

struct attempt {
	explicit attempt(std::string_view text) : clear(text) {}

	plugin_context context; /* of the instance; for functions on store threads */
	cs_request request = {};
	cs_peer peer = {};
	int64_t most_failures = 0; /* the option at the time of the request */
	int64_t wait_ms = 0; /* ms until the next attempt is allowed, if this one came too early */
	cs_conn conn = 0;
	uint64_t id = 0; /* 0: not known yet, or the name is nobody's */
	std::string name; /* empty: the request had the id */
	std::string device; /* empty: device 0 */
	uint64_t number = 0; /* of the device */
	std::vector<device_row> offline; /* devices that may make room for a new one */
	std::vector<uint64_t> ask; /* their numbers, and whether they are online */
	std::vector<unsigned char> online;
	int times_asked = 0;
	int rosters = 1;
	bool reads_store = false; /* the text of the store is not known yet */
	std::string store; /* if it was read */
	wiped_text token_text; /* empty: it logs in by password */
	struct token token; /* what the text says */
	bool looked_for_key = false;
	bool remembers = false; /* the ACK gets a token */
	uint64_t series = 0; /* see device_login */
	int acknowledges = 0;
	uint64_t want = 0; /* the `want` of the request, as in cs_claim */
	bool wants = false; /* the request had `want`: the ACK gets `have` */
	password_clear clear;
	password_cost cost;
	struct user user;
	std::string hash; /* the hash of the account, or the dummy */
	bool known = false;
	bool outdated = false;
	std::string messages; /* the elements of the list in the ACK */
	struct roster roster; /* friends and groups */
	int waiting = 2; /* number of the two reads after the claim that have not ended */
	int result = 0; /* the first failure of these reads, or 0 */
};

typedef std::unique_ptr<struct attempt> attempt_ptr;

/* Answers a LOGIN_ACK with this errno, with a line in the audit log. Returns CS_REJECT. */
int attempt_refuse(const login_plugin *p, const attempt *a, int wire_errno, const char *text);
/* The same for a negative result of a function of the server. */
int attempt_refuse_result(const login_plugin *p, const attempt *a, int result);
/* Ends a pending attempt that failed: refuses the request, and the connection goes on. */
void attempt_fail(const login_plugin *p, const attempt *a, int wire_errno, const char *text);
void attempt_fail_result(const login_plugin *p, const attempt *a, int result);
/* How it proves who it is, for the audit log. */
const char *attempt_method(const attempt *a);

#endif
