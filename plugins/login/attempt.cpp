/* SPDX-License-Identifier: MIT
 * The steps of a login up to the claim: the LOGIN frame, the password, the generation, the claim. */
#include "attempt.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "../model/devices.h"
#include "enter.h"
#include "generation_take.h"
#include "request.h"
#include "secrets.h"
#include "sessions.h"

/* ---- answers */

const char *attempt_method(const attempt *a)
{
	return a->token_text.empty() ? "password" : "token";
}

int attempt_refuse(const login_plugin *p, const attempt *a, int wire_errno, const char *text)
{
	const plugin_context &c = p->context;

	c.host->audit(c.self, "login_refused", "account=%llu device_name=\"%s\" peer=%s method=%s errno=%d why=\"%s\"",
	              static_cast<unsigned long long>(a->id), a->device.c_str(), a->peer.text, attempt_method(a),
	              wire_errno, text);
	return c.host->refuse_as(c.self, a->conn, &a->request, CS_MSGID_LOGIN_ACK, wire_errno, "%s", text);
}

int attempt_refuse_result(const login_plugin *p, const attempt *a, int result)
{
	int wire_errno = 0;
	const char *text = p->context.host->result_text(p->context.self, result, &wire_errno);

	return attempt_refuse(p, a, wire_errno, text);
}

void attempt_fail(const login_plugin *p, const attempt *a, int wire_errno, const char *text)
{
	attempt_refuse(p, a, wire_errno, text);
	p->context.host->finish(p->context.self, a->conn);
}

void attempt_fail_result(const login_plugin *p, const attempt *a, int result)
{
	attempt_refuse_result(p, a, result);
	p->context.host->finish(p->context.self, a->conn);
}

static std::string login_attempt_again_in(int64_t ms)
{
	return "; try again in " + std::to_string((ms + 999) / 1000) + " s";
}

static int login_attempt_refuse_early(login_plugin *p, const attempt *a, int64_t wait_ms)
{
	const std::string text = "too many wrong passwords" + login_attempt_again_in(wait_ms);

	login_log_refused(p, &p->early_limit, a->id, a->peer, "early");
	return attempt_refuse(p, a, CS_ERRNO_BUSY, text.c_str());
}

/* ---- generation, device and claim */

static void login_attempt_claimed(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result == 0) {
		enter_begin(p, conn, std::move(a));
	} else if (result == CS_EEXIST && a->number == 0) {
		login_log_refused(p, &p->online_limit, a->id, a->peer, "online");
		attempt_fail(p, a.get(), CS_ERRNO_ALREADY_ONLINE, "this account is already online");
	} else if (result == CS_EEXIST) { /* the older session does not end, or a later login of the device has come */
		attempt_fail_result(p, a.get(), CS_EBUSY);
	} else if (result != CS_ENOENT) { /* on CS_ENOENT the connection is gone: nobody to answer */
		attempt_fail_result(p, a.get(), result);
	}
}

/* The same named device again always closes its older session. */
static int login_attempt_claim(const login_plugin *p, uint64_t generation, attempt *a)
{
	const bool kicks = a->number != 0 || p->conf->duplicate_login != 0;
	const struct cs_claim claim = {.account = a->id,
	                               .device = a->number,
	                               .name = a->user.name.c_str(),
	                               .generation = generation,
	                               .want = a->want,
	                               .flags = kicks ? unsigned{CS_CLAIM_KICK} : 0u,
	                               .spare = {}};

	return p->context.host->claim(p->context.self, a->conn, &claim, login_attempt_claimed, a);
}

static int login_attempt_number(const login_plugin *p, attempt *a);

/* Those that are offline may make room. While the bus is away, nobody knows which ones are offline. */
static void login_attempt_devices_known(void *state, cs_conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);
	std::vector<device_row> offline;

	if (result != 0) {
		attempt_fail_result(p, a.get(), result == CS_ENOENT ? CS_EBUSY : result);
		return;
	}
	for (size_t i = 0; i < a->ask.size(); i++)
		if (!a->online[i])
			offline.push_back(a->offline[i]);
	a->offline.swap(offline);
	if (a->offline.empty()) {
		attempt_fail(p, a.get(), CS_ERRNO_FULL, "all devices of this account are online");
		return;
	}
	result = login_attempt_number(p, a.get());
	if (result == 0)
		(void)a.release(); /* login_attempt_numbered owns it now */
	else
		attempt_fail_result(p, a.get(), result);
}

/* What the answer says can be wrong when it is used: another new device was faster, or all have logged in. */
static const int login_attempt_most_asks = 3;

static int login_attempt_ask_devices(const login_plugin *p, attempt *a, const std::vector<device_row> &named)
{
	a->times_asked++;
	a->offline = named;
	a->ask.clear();
	for (const device_row &device : named)
		a->ask.push_back(device.number);
	a->online.resize(a->ask.size());
	return p->context.host->presence_of(p->context.self, a->conn, a->id, a->ask.data(), a->online.data(),
	                                    a->ask.size(), login_attempt_devices_known, a);
}

/* One answer for all: a token that was made for somebody else, has ended, was voided or is none. */
static int login_attempt_refuse_token(login_plugin *p, const attempt *a)
{
	login_log_refused(p, &p->wrong_limit, a->id, a->peer, "token");
	return attempt_refuse(p, a, CS_ERRNO_REFUSED, "this token is not good (any more); log in with the password");
}

/* Told only to who has proved to be the account. The token is good again when the account is free. */
static void login_attempt_refuse_locked(login_plugin *p, const attempt *a)
{
	login_log_refused(p, &p->locked_limit, a->id, a->peer, "locked");
	attempt_fail(p, a, CS_ERRNO_REFUSED, "this account is locked");
}

/* false: it was refused, because the proof that it came with is not good any more, or the account is locked. */
static bool login_attempt_is_good(login_plugin *p, attempt *a, int result, const device_login &login)
{
	if (result == 0 && login.is_locked) {
		login_attempt_refuse_locked(p, a);
		return false;
	}
	if (a->token_text.empty()) {
		if (result == 0 && login.is_void)
			attempt_fail(p, a, CS_ERRNO_BUSY,
			             "the password was changed or the device ended meanwhile; log in again");
		return result != 0 || !login.is_void;
	}
	a->user.name = login.user.name;
	if (result == 0 && !login.is_void && (a->name.empty() || a->name == a->user.name))
		return true;
	if (result != 0 && result != MODEL_NONE)
		return true;
	login_attempt_refuse_token(p, a);
	p->context.host->finish(p->context.self, a->conn);
	return false;
}

/* false: it was refused, because of its other devices. */
static bool login_attempt_has_device(login_plugin *p, const attempt *a, const device_login &login)
{
	if (login.wait_ms > 0) {
		const std::string text = "too many new devices" + login_attempt_again_in(login.wait_ms);

		login_log_refused(p, &p->devices_limit, a->id, a->peer, "devices");
		attempt_fail(p, a, CS_ERRNO_BUSY, text.c_str());
	} else if (login.full && a->times_asked == login_attempt_most_asks) {
		attempt_fail(p, a, CS_ERRNO_FULL, "this account has the most devices that are allowed");
	} else {
		return true;
	}
	return false;
}

/* The devices that made room. */
static void login_attempt_end_others(const login_plugin *p, const attempt *a, bool is_sure, const device_login &login)
{
	const plugin_context &c = p->context;

	for (const uint64_t device : login.ended) {
		if (is_sure)
			c.host->audit(c.self, "device_forgotten", "account=%llu device=%llu peer=%s",
			              static_cast<unsigned long long>(a->id), static_cast<unsigned long long>(device),
			              a->peer.text);
		login_sessions_end_device(p, a->id, device);
	}
}

static void login_attempt_numbered(login_plugin *p, int result, const device_login &login, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));

	/* CS_EUNKNOWN: perhaps they were forgotten; if not, they log in again. */
	if (result == 0 || result == CS_EUNKNOWN)
		login_attempt_end_others(p, a.get(), result == 0, login);
	a->number = login.number;
	if (!login_attempt_is_good(p, a.get(), result, login))
		return;
	if (result == 0 && !login_attempt_has_device(p, a.get(), login))
		return;
	if (result == 0)
		result = login.full ? login_attempt_ask_devices(p, a.get(), login.named)
		                    : login_attempt_claim(p, login.user.generation, a.get());
	else if (result == CS_EUNKNOWN)
		result = CS_ENOSTORE; /* an unused generation changes nothing, so the client may simply try again */
	if (result == 0)
		(void)a.release(); /* the next step owns it now */
	else
		attempt_fail_result(p, a.get(), result);
}

static int login_attempt_number(const login_plugin *p, attempt *a)
{
	device_login login;

	login.user.account = a->id;
	login.name = a->device;
	login.now = p->context.host->now();
	login.most = static_cast<size_t>(p->conf->max_devices);
	login.share = p->conf->new_devices > 0 ? device_minute / p->conf->new_devices : 0;
	login.forgotten = login.now - p->conf->forget_devices;
	login.offline = a->offline;
	login.series = a->series;
	login.by_token = !a->token_text.empty();
	login.token_number = a->token.device;
	return generation_take(p, login, login_attempt_numbered, a);
}

/* ---- find and compare */

/* A result besides those of the model: other attempts failed while this one waited, so it came too early. */
static const int login_attempt_early = 100;

/* By what guesses are counted: the account; for a name that is nobody's a number above those of accounts. */
static uint64_t login_attempt_subject(const attempt &a)
{
	return a.id != 0 ? a.id : UINT64_C(1) << 63 | std::hash<std::string>()(a.name);
}

/* ms until its next guess may come; 0: now. */
static int64_t login_attempt_guess_wait(const login_plugin *p, const attempt &a)
{
	const plugin_context &c = p->context;

	return std::max<int64_t>(c.host->guess_wait(c.self, a.peer.network, login_attempt_subject(a), a.most_failures),
	                         0);
}

/* The result is counted here, on the hashing thread, so that a client that hangs up does not undo it. At most as many
 * attempts run at once as there are hashing threads. */
static int login_attempt_compare(cs_db *, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);
	const plugin_context &c = a->context;

	a->wait_ms = c.host->guess_wait(c.self, a->peer.network, login_attempt_subject(*a), a->most_failures);
	if (a->wait_ms > 0)
		return login_attempt_early;
	const password_match match = password_compare(a->hash.c_str(), a->clear.bytes);
	if (match == PASSWORD_UNDECIDED)
		return CS_ENOSTORE;
	const bool right = match == PASSWORD_RIGHT && a->known;
	c.host->guess_note(c.self, a->peer.network, login_attempt_subject(*a), a->most_failures, right);
	a->outdated = right && password_is_outdated(a->hash.c_str(), a->cost);
	return right ? 0 : MODEL_NONE;
}

static void login_attempt_compared(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result == login_attempt_early) {
		login_attempt_refuse_early(p, a.get(), a->wait_ms);
		p->context.host->finish(p->context.self, conn);
		return;
	}
	if (result == MODEL_NONE) {
		login_log_refused(p, &p->wrong_limit, a->id, a->peer, "password");
		attempt_fail(p, a.get(), CS_ERRNO_REFUSED, "no such id or wrong password");
		return;
	}
	if (result == CS_ENOSTORE)
		login_log_undecided(p, a->id);
	if (result == 0)
		result = login_attempt_number(p, a.get());
	if (result == 0)
		(void)a.release(); /* login_attempt_numbered owns it now */
	else
		attempt_fail_result(p, a.get(), result);
}

static int login_attempt_find(cs_db *db, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);

	if (!a->name.empty())
		return user_find_name(db, a->name, &a->user);
	return user_find(db, a->id, &a->user);
}

/* The password for an unknown id is compared too, with a hash that no password fits. So the answer takes as long and
 * says the same as for a wrong password. */
static void login_attempt_found(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;

	a->known = result == 0 && !a->user.password.empty(); /* nobody can prove to be who was erased */
	if (a->known) {
		a->id = a->user.id;
		a->series = user_series_of(a->user.series, !a->device.empty());
	}
	/* Of a name it is known only now whose guess this is. The name that is nobody's was asked for. */
	if (!a->name.empty() && a->known)
		a->wait_ms = login_attempt_guess_wait(p, *a);
	if (a->wait_ms > 0) {
		login_attempt_refuse_early(p, a.get(), a->wait_ms);
		c.host->finish(c.self, conn);
		return;
	}
	a->hash = a->known ? a->user.password : p->dummy.data();
	if (result == MODEL_NONE)
		result = 0;
	if (result == 0)
		result = p->context.host->work(p->context.self, conn, CS_WORK_HASH, login_attempt_compare,
		                               login_attempt_compared, a.get());
	if (result == 0)
		(void)a.release(); /* login_attempt_compared owns it now */
	else
		attempt_fail_result(p, a.get(), result);
}

/* ---- the first steps */

static attempt_ptr login_attempt_make(const login_plugin *p, const cs_frame *frame, const login_request &r)
{
	const plugin_context &c = p->context;
	/* A longer password is wrong anyway: keep no more of it. */
	auto a = std::make_unique<attempt>(r.password.substr(0, login_password_most + 1));

	(void)c.host->peer(c.self, frame->conn, &a->peer); /* cannot fail: it sent this frame */
	a->most_failures = p->conf->failed_logins;
	a->context = c;
	a->request = frame->request;
	a->conn = frame->conn;
	a->id = static_cast<uint64_t>(r.id);
	a->name = r.name;
	a->device = r.device;
	a->token_text = r.token.substr(0, token_most + 1);
	a->remembers = r.remembers != 0;
	a->acknowledges = r.acknowledges;
	a->rosters = r.rosters;
	a->want = r.want.mask;
	a->wants = r.want.is_there;
	a->cost = login_cost(p);
	return a;
}

/* The first step of a login by password: CS_PENDING, or CS_REJECT after the request was refused. */
static int login_attempt_begin_password(login_plugin *p, attempt_ptr a)
{
	const plugin_context &c = p->context;

	if (const int64_t wait_ms = login_attempt_guess_wait(p, *a))
		return login_attempt_refuse_early(p, a.get(), wait_ms);
	const int rc = c.host->work(c.self, a->conn, CS_WORK_READ, login_attempt_find, login_attempt_found, a.get());
	if (rc != 0)
		return attempt_refuse_result(p, a.get(), rc);
	(void)a.release(); /* login_attempt_found owns it now */
	return CS_PENDING;
}

/* ---- tokens */

/* A token without a proof is a guess, and counts like a wrong password. One with a proof is none: so it never waits,
 * and a client that kept one for too long keeps nobody out. Nor is one of another store: no such token is ever let in,
 * and when a store was restored, those of all its clients come. */
static int login_attempt_refuse_guess(login_plugin *p, const attempt *a)
{
	const plugin_context &c = p->context;

	if (const int64_t wait_ms = login_attempt_guess_wait(p, *a))
		return login_attempt_refuse_early(p, a, wait_ms);
	c.host->guess_note(c.self, a->peer.network, login_attempt_subject(*a), a->most_failures, 0);
	return login_attempt_refuse_token(p, a);
}

/* The rest is judged with the account's row: the series, the name, and the device. */
static bool login_attempt_token_fits(const login_plugin *p, const attempt &a)
{
	const token &t = a.token;

	return t.ends > p->context.host->now() && (a.id == 0 || a.id == t.account) &&
	       (t.device == 0) == a.device.empty();
}

static void login_attempt_has_secrets(login_plugin *p, cs_conn conn, int result, void *arg);

static int login_attempt_fetch_secrets(login_plugin *p, attempt_ptr a, bool renews)
{
	const int rc = secrets_fetch(p, a->conn, renews, login_attempt_has_secrets, a.get());

	if (rc != 0)
		return attempt_refuse_result(p, a.get(), rc);
	(void)a.release(); /* login_attempt_has_secrets owns it now */
	return CS_PENDING;
}

/* No password is compared, so the next step is already that of the generation. */
static int login_attempt_begin_token(login_plugin *p, attempt_ptr a)
{
	const secrets_verdict verdict = secrets_judge(p, a->token_text, &a->token);

	if (verdict == SECRETS_NO_KEY && !a->looked_for_key) {
		/* A network that guesses causes no reads. */
		if (const int64_t wait_ms = login_attempt_guess_wait(p, *a))
			return login_attempt_refuse_early(p, a.get(), wait_ms);
		a->looked_for_key = true;
		return login_attempt_fetch_secrets(p, std::move(a), false);
	}
	if (verdict == SECRETS_WRONG || verdict == SECRETS_NO_KEY)
		return login_attempt_refuse_guess(p, a.get());
	if (verdict == SECRETS_OTHER_STORE || !login_attempt_token_fits(p, *a))
		return login_attempt_refuse_token(p, a.get());
	a->id = a->token.account;
	a->series = a->token.series;
	if (const int rc = login_attempt_number(p, a.get()))
		return attempt_refuse_result(p, a.get(), rc);
	(void)a.release(); /* login_attempt_numbered owns it now */
	return CS_PENDING;
}

static int login_attempt_begin(login_plugin *p, attempt_ptr a)
{
	return a->token_text.empty() ? login_attempt_begin_password(p, std::move(a))
	                             : login_attempt_begin_token(p, std::move(a));
}

static void login_attempt_has_secrets(login_plugin *p, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));

	if (result != 0)
		attempt_fail_result(p, a.get(), result);
	else if (login_attempt_begin(p, std::move(a)) != CS_PENDING)
		p->context.host->finish(p->context.self, conn);
}

/* ---- the request */

int login_on_login(void *state, const cs_frame *frame)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	login_request r;

	if (const int rc = request_read(p->context, frame, &r))
		return rc;
	const bool is_same = r.id != 0 ? frame->account == static_cast<cs_account>(r.id) : frame->name == r.name;

	if (frame->account != 0 && is_same && r.device.empty())
		return attempt_refuse(p, login_attempt_make(p, frame, r).get(), CS_ERRNO_ALREADY_ONLINE,
		                      "this account is already online");
	if (frame->account != 0)
		return p->context.host->refuse(p->context.self, frame->conn, &frame->request, CS_ERRNO_NOT_ALLOWED,
		                               "log out first");
	attempt_ptr a = login_attempt_make(p, frame, r);
	/* Before the store is asked and the password is hashed: the claim would be refused anyway. */
	if (const int result = p->context.host->may_claim(p->context.self))
		return attempt_refuse_result(p, a.get(), result);
	const bool needs_key = a->remembers || !a->token_text.empty();
	return needs_key && !secrets_are_current(p) ? login_attempt_fetch_secrets(p, std::move(a), true)
	                                            : login_attempt_begin(p, std::move(a));
}
