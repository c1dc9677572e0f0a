/* SPDX-License-Identifier: MIT
 * SET_PASSWORD: compare the old password, store the new one, end the account's other sessions. */
#include <memory>
#include <string>

#include "../model/users.h"
#include "login.h"
#include "reply.h"
#include "secrets.h"
#include "sessions.h"

/* What comparing says, besides 0 and CS_ENOSTORE. */
enum login_change_result {
	LOGIN_CHANGE_EARLY = 100, /* other guesses failed meanwhile */
	LOGIN_CHANGE_WRONG = 101,
	LOGIN_CHANGE_SAME = 102 /* the account has the new password already */
};

/* One SET_PASSWORD under way. */
struct login_change {
	login_change(std::string_view from, std::string_view to) : before(from), after(to) {}

	plugin_context context; /* for functions on store threads */
	cs_request request = {};
	cs_peer peer = {};
	uint64_t account = 0;
	uint64_t device = 0;
	int64_t most_failures = 0; /* the option at the time of the request */
	int64_t wait_ms = 0;
	password_clear before, after;
	password_cost cost;
	struct user user;
	password_hash hash = {};
	user_series series; /* after the change */
	int times_begun = 0;
};

typedef std::unique_ptr<login_change> login_change_ptr;

static void login_change_refuse_result(const login_plugin *p, cs_conn conn, const login_change *ch, int result)
{
	p->context.host->refuse_result(p->context.self, conn, &ch->request, result);
	(void)p->context.host->finish(p->context.self, conn);
}

static int login_change_refuse_early(login_plugin *p, cs_conn conn, const login_change *ch)
{
	login_log_refused(p, &p->early_limit, ch->account, ch->peer, "early");
	return p->context.host->refuse(p->context.self, conn, &ch->request, CS_ERRNO_BUSY,
	                               "too many wrong passwords; try again in %lld s",
	                               static_cast<long long>((ch->wait_ms + 999) / 1000));
}

/* ---- the end */

/* The own session goes on: it is of the new series before the parcel comes, which ends those of earlier ones. The
 * connection can have ended meanwhile; the others end in any case. */
static void login_change_complete(login_plugin *p, cs_conn conn, const login_change *ch)
{
	const plugin_context &c = p->context;
	const uint64_t series = user_series_of(ch->series, ch->device != 0);
	const auto own = p->sessions.find(conn);
	wiped_text more;

	if (own != p->sessions.end()) {
		login_sessions_set_series(p, conn, series);
		if (own->second.has_token)
			more = wiped_text(",\"token\":\"") + secrets_make_token(p, ch->account, ch->device, series) +
			       "\"";
	}
	login_sessions_end_former(p, ch->account, ch->series);
	c.host->answer(c.self, conn, &ch->request, more.c_str());
	(void)c.host->finish(c.self, conn);
}

/* ---- the store */

static int login_change_begin(login_plugin *p, cs_conn conn, login_change_ptr ch);

static int login_change_write(cs_db *db, void *arg)
{
	login_change *ch = static_cast<login_change *>(arg);

	return user_set_password(db, ch->account, ch->user.password, ch->hash.data(), &ch->series);
}

/* Another change, or a hash of another cost, can have come first: then all begins anew with what is there now. */
static const int login_change_most = 3;

static void login_change_written(void *state, cs_conn conn, int result, void *arg)
{
	login_change_ptr ch(static_cast<login_change *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result == 0) {
		login_log(p, "password changed", ch->account, ch->peer);
		p->context.host->audit(p->context.self, "password_changed", "account=%llu device=%llu peer=%s",
		                       static_cast<unsigned long long>(ch->account),
		                       static_cast<unsigned long long>(ch->device), ch->peer.text);
		login_change_complete(p, conn, ch.get());
		return;
	}
	if (result == MODEL_NONE && ch->times_begun < login_change_most) {
		if (login_change_begin(p, conn, std::move(ch)) != CS_PENDING)
			(void)p->context.host->finish(p->context.self, conn);
		return;
	}
	login_change_refuse_result(p, conn, ch.get(), result == MODEL_NONE ? int{CS_EBUSY} : result);
}

/* ---- comparing and hashing */

/* A request that is repeated finds that its new password is there: that is done. Each password that was compared and is
 * wrong is a guess. */
static int login_change_judge(login_change *ch)
{
	const plugin_context &c = ch->context;
	const char *hash = ch->user.password.c_str();
	const bool is_one = ch->before.bytes == ch->after.bytes;
	const password_match before = password_compare(hash, ch->before.bytes);
	const password_match after =
		before == PASSWORD_RIGHT || is_one ? before : password_compare(hash, ch->after.bytes);

	if (before == PASSWORD_UNDECIDED || after == PASSWORD_UNDECIDED)
		return CS_ENOSTORE;
	const bool right = before == PASSWORD_RIGHT || after == PASSWORD_RIGHT;
	for (int guesses = right || is_one ? 1 : 2; guesses > 0; guesses--)
		c.host->guess_note(c.self, ch->peer.network, ch->account, ch->most_failures, right);
	if (!right)
		return LOGIN_CHANGE_WRONG;
	return before == PASSWORD_RIGHT && !is_one ? 0 : LOGIN_CHANGE_SAME;
}

static int login_change_hash(cs_db *, void *arg)
{
	login_change *ch = static_cast<login_change *>(arg);
	const plugin_context &c = ch->context;

	ch->wait_ms = c.host->guess_wait(c.self, ch->peer.network, ch->account, ch->most_failures);
	if (ch->wait_ms > 0)
		return LOGIN_CHANGE_EARLY;
	const int result = login_change_judge(ch);
	return result ? result : password_make(ch->after.bytes, ch->cost, &ch->hash);
}

static void login_change_hashed(void *state, cs_conn conn, int result, void *arg)
{
	login_change_ptr ch(static_cast<login_change *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;

	switch (result) {
	case LOGIN_CHANGE_EARLY: login_change_refuse_early(p, conn, ch.get()); break;
	case LOGIN_CHANGE_WRONG:
		login_log_refused(p, &p->wrong_limit, ch->account, ch->peer, "password");
		c.host->refuse(c.self, conn, &ch->request, CS_ERRNO_NOT_ALLOWED, "the old password is wrong");
		break;
	case LOGIN_CHANGE_SAME:
		/* Perhaps this node or another did not get to end the sessions: that is made up for. */
		ch->series = ch->user.series;
		login_change_complete(p, conn, ch.get());
		return;
	case 0:
		result = c.host->work(c.self, conn, CS_WORK_WRITE, login_change_write, login_change_written, ch.get());
		if (result == 0) {
			(void)ch.release(); /* login_change_written owns it now */
			return;
		}
		[[fallthrough]];
	default:
		if (result == CS_ENOSTORE)
			login_log_undecided(p, ch->account);
		c.host->refuse_result(c.self, conn, &ch->request, result);
	}
	(void)c.host->finish(c.self, conn);
}

static int login_change_find(cs_db *db, void *arg)
{
	login_change *ch = static_cast<login_change *>(arg);

	return user_find(db, ch->account, &ch->user);
}

static void login_change_found(void *state, cs_conn conn, int result, void *arg)
{
	login_change_ptr ch(static_cast<login_change *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;

	if (result == 0)
		result = c.host->work(c.self, conn, CS_WORK_HASH, login_change_hash, login_change_hashed, ch.get());
	if (result == 0)
		(void)ch.release(); /* login_change_hashed owns it now */
	else
		login_change_refuse_result(p, conn, ch.get(), result);
}

/* ---- the request */

/* CS_PENDING, or CS_REJECT after the request was refused. */
static int login_change_begin(login_plugin *p, cs_conn conn, login_change_ptr ch)
{
	const plugin_context &c = p->context;

	ch->times_begun++;
	const int result = c.host->work(c.self, conn, CS_WORK_READ, login_change_find, login_change_found, ch.get());
	if (result != 0)
		return c.host->refuse_result(c.self, conn, &ch->request, result);
	(void)ch.release(); /* login_change_found owns it now */
	return CS_PENDING;
}

static void login_change_has_secrets(login_plugin *p, cs_conn conn, int result, void *arg)
{
	login_change_ptr ch(static_cast<login_change *>(arg));

	if (result != 0)
		login_change_refuse_result(p, conn, ch.get(), result);
	else if (login_change_begin(p, conn, std::move(ch)) != CS_PENDING)
		(void)p->context.host->finish(p->context.self, conn);
}

/* For the token of the answer. */
static int login_change_fetch_secrets(const login_plugin *p, cs_conn conn, login_change_ptr ch)
{
	const int result = secrets_fetch(p, conn, true, login_change_has_secrets, ch.get());

	if (result != 0)
		return p->context.host->refuse_result(p->context.self, conn, &ch->request, result);
	(void)ch.release(); /* login_change_has_secrets owns it now */
	return CS_PENDING;
}

static int login_change_read(const plugin_context &c, const cs_frame *frame, std::string_view *before_r,
                             std::string_view *after_r)
{
	int rc = field_text(c, frame, "old", FIELD_REQUIRED, before_r);

	if (rc == 0)
		rc = field_text(c, frame, "new", FIELD_REQUIRED, after_r);
	if (rc == 0 && after_r->empty())
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "new must have 1 to %zu bytes", login_password_most);
	if (rc == 0 && after_r->size() > login_password_most)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_TOO_LONG,
		                      "new must have 1 to %zu bytes", login_password_most);
	return rc;
}

int login_on_set_password(void *state, const cs_frame *frame)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;
	std::string_view before, after;

	if (const int refused = login_change_read(c, frame, &before, &after))
		return refused;
	/* A longer old password is wrong anyway: keep no more of it. */
	auto ch = std::make_unique<login_change>(before.substr(0, login_password_most + 1), after);
	(void)c.host->peer(c.self, frame->conn, &ch->peer); /* cannot fail: it sent this frame */
	ch->context = c;
	ch->request = frame->request;
	ch->account = frame->account;
	ch->device = frame->device;
	ch->most_failures = p->conf->failed_logins;
	ch->cost = login_cost(p);
	ch->wait_ms = c.host->guess_wait(c.self, ch->peer.network, ch->account, ch->most_failures);
	if (ch->wait_ms > 0)
		return login_change_refuse_early(p, frame->conn, ch.get());
	const auto own = p->sessions.find(frame->conn);
	const bool has_token = own != p->sessions.end() && own->second.has_token;
	return has_token && !secrets_are_current(p) ? login_change_fetch_secrets(p, frame->conn, std::move(ch))
	                                            : login_change_begin(p, frame->conn, std::move(ch));
}
