/* SPDX-License-Identifier: MIT
 * REGISTER: check, look for the invitation if one is needed, hash, store, answer. */
#include <memory>
#include <string>

#include "../model/register_invites.h"
#include "../model/users.h"
#include "../shared/name.h"
#include "invite_code.h"
#include "login.h"
#include "reply.h"

struct registration {
	explicit registration(std::string_view text) : clear(text) {}

	cs_request request = {};
	cs_peer peer = {};
	std::string name;
	password_clear clear;
	password_cost cost;
	password_hash hash = {};
	int64_t created = 0;
	uint64_t id = 0;
	bool needs_invite = false;
	std::string invite; /* the hash of its code */
	uint64_t invite_id = 0;
};

/* Wrong invitations are guesses, too. They belong to this subject, which is no account. */
static constexpr uint64_t login_register_guesses = UINT64_C(1) << 62;
/* A result besides those of the model. */
static constexpr int login_register_uninvited = 101;

static void login_register_accept(const login_plugin *p, cs_conn conn, const registration *r)
{
	const std::string frame = reply_registered(r->request.req, r->id);

	/* If the connection is gone, there is nobody to answer. The account stays. */
	(void)p->context.host->send(p->context.self, conn, frame.data(), frame.size(), nullptr, nullptr);
}

static int login_register_refuse(const login_plugin *p, cs_conn conn, const cs_request *request, int wire_errno,
                                 const char *text)
{
	cs_peer peer = {};

	(void)p->context.host->peer(p->context.self, conn, &peer); /* "" if it has gone meanwhile */
	p->context.host->audit(p->context.self, "register_refused", "peer=%s errno=%d why=\"%s\"", peer.text,
	                       wire_errno, text);
	return p->context.host->refuse_as(p->context.self, conn, request, CS_MSGID_REGISTER_ACK, wire_errno, "%s",
	                                  text);
}

static int login_register_refuse_result(const login_plugin *p, cs_conn conn, const cs_request *request, int result)
{
	int wire_errno = 0;
	const char *text = p->context.host->result_text(p->context.self, result, &wire_errno);

	return login_register_refuse(p, conn, request, wire_errno, text);
}

/* One answer for all: there is none with this code, or it has ended or is used up. */
static int login_register_refuse_invite(const login_plugin *p, cs_conn conn, const cs_request *request)
{
	return login_register_refuse(p, conn, request, CS_ERRNO_REFUSED, "this invitation is not good (any more)");
}

/* In one transaction: where the name is taken, the invitation is not used. */
static int login_register_store(cs_db *db, void *arg)
{
	registration *r = static_cast<registration *>(arg);
	const int result = r->needs_invite ? register_invite_use(db, r->invite, r->created) : 0;

	if (result)
		return result == MODEL_NONE ? login_register_uninvited : result;
	return user_insert(db, r->name, r->hash.data(), r->created, &r->id);
}

static void login_register_stored(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<registration> r(static_cast<registration *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);

	if (result == 0) {
		login_log(p, "registered", r->id, r->peer);
		p->context.host->audit(p->context.self, "registered", "account=%llu name=\"%s\" peer=%s invite=%llu",
		                       static_cast<unsigned long long>(r->id), r->name.c_str(), r->peer.text,
		                       static_cast<unsigned long long>(r->invite_id));
		login_register_accept(p, conn, r.get());
	} else if (result == MODEL_TAKEN || result == CS_DB_DUPLICATE) {
		login_register_refuse(p, conn, &r->request, CS_ERRNO_REFUSED, "the name is taken");
	} else if (result == login_register_uninvited) { /* somebody else used it up meanwhile */
		login_register_refuse_invite(p, conn, &r->request);
	} else {
		login_register_refuse_result(p, conn, &r->request, result);
	}
	p->context.host->finish(p->context.self, conn);
}

static int login_register_hash(cs_db *, void *arg)
{
	registration *r = static_cast<registration *>(arg);

	return password_make(r->clear.bytes, r->cost, &r->hash);
}

static void login_register_hashed(void *state, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<registration> r(static_cast<registration *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);

	r->created = p->context.host->now();
	if (result == 0)
		result = p->context.host->work(p->context.self, conn, CS_WORK_WRITE, login_register_store,
		                               login_register_stored, r.get());
	if (result == 0) {
		(void)r.release(); /* the completion owns it now */
		return;
	}
	login_register_refuse_result(p, conn, &r->request, result);
	p->context.host->finish(p->context.self, conn);
}

/* ---- the invitation: looked for before the password is hashed, and used when the account is stored */

static int login_register_find_invite(cs_db *db, void *arg)
{
	registration *r = static_cast<registration *>(arg);

	return r->invite.empty() ? MODEL_NONE : register_invite_find(db, r->invite, r->created, &r->invite_id);
}

static void login_register_invite_found(void *state, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<registration> r(static_cast<registration *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;

	if (result == 0)
		result = c.host->work(c.self, conn, CS_WORK_HASH, login_register_hash, login_register_hashed, r.get());
	if (result == 0) {
		(void)r.release(); /* login_register_hashed owns it now */
		return;
	}
	if (result == MODEL_NONE) {
		c.host->guess_note(c.self, r->peer.network, login_register_guesses, p->conf->failed_logins, 0);
		login_register_refuse_invite(p, conn, &r->request);
	} else {
		login_register_refuse_result(p, conn, &r->request, result);
	}
	c.host->finish(c.self, conn);
}

/* 0, or CS_REJECT after refusing. */
static int login_register_check_invite(const login_plugin *p, const cs_frame *frame, std::string_view invite)
{
	const plugin_context &c = p->context;
	cs_peer peer = {};

	if (p->conf->registration != LOGIN_REGISTRATION_INVITE)
		return 0;
	if (invite.empty())
		return login_register_refuse(p, frame->conn, &frame->request, CS_ERRNO_REFUSED,
		                             "an invitation is needed to register");
	(void)c.host->peer(c.self, frame->conn, &peer); /* cannot fail: it sent this frame */
	const int64_t wait_ms =
		c.host->guess_wait(c.self, peer.network, login_register_guesses, p->conf->failed_logins);
	if (wait_ms <= 0)
		return 0;
	return login_register_refuse(
		p, frame->conn, &frame->request, CS_ERRNO_BUSY,
		("too many wrong invitations; try again in " + std::to_string((wait_ms + 999) / 1000) + " s").c_str());
}

/* ---- the request */

/* 0, or CS_REJECT after refusing. */
static int login_register_check(const login_plugin *p, const cs_frame *frame, std::string_view name,
                                std::string_view password)
{
	if (p->conf->registration == LOGIN_REGISTRATION_CLOSED)
		return login_register_refuse(p, frame->conn, &frame->request, CS_ERRNO_REFUSED,
		                             "registration is closed");
	if (const name_fault *fault = name_judge(name); fault)
		return login_register_refuse(p, frame->conn, &frame->request,
		                             fault->is_too_long ? CS_ERRNO_TOO_LONG : CS_ERRNO_REFUSED,
		                             (std::string("name ") + fault->text).c_str());
	if (password.empty())
		return login_register_refuse(p, frame->conn, &frame->request, CS_ERRNO_REFUSED,
		                             "password must have 1 to 128 bytes");
	if (password.size() > login_password_most)
		return login_register_refuse(p, frame->conn, &frame->request, CS_ERRNO_TOO_LONG,
		                             "password must have 1 to 128 bytes");
	return 0;
}

int login_on_register(void *state, const cs_frame *frame)
{
	const login_plugin *p = static_cast<login_plugin *>(state);
	std::string_view name, password, invite;
	int rc = field_text(p->context, frame, "name", FIELD_REQUIRED, &name);

	if (rc == 0)
		rc = field_text(p->context, frame, "password", FIELD_REQUIRED, &password);
	if (rc == 0)
		rc = field_text(p->context, frame, "invite", FIELD_OPTIONAL, &invite);
	if (rc == 0)
		rc = login_register_check(p, frame, name, password);
	if (rc == 0)
		rc = login_register_check_invite(p, frame, invite);
	if (rc != 0)
		return rc;
	auto r = std::make_unique<registration>(password);
	(void)p->context.host->peer(p->context.self, frame->conn, &r->peer); /* cannot fail: it sent this frame */
	r->request = frame->request;
	r->name = name;
	r->cost = login_cost(p);
	r->needs_invite = p->conf->registration == LOGIN_REGISTRATION_INVITE;
	r->invite = r->needs_invite ? invite_code_hash(invite) : "";
	r->created = p->context.host->now();
	rc = r->needs_invite ? p->context.host->work(p->context.self, frame->conn, CS_WORK_READ,
	                                             login_register_find_invite, login_register_invite_found, r.get())
	                     : p->context.host->work(p->context.self, frame->conn, CS_WORK_HASH, login_register_hash,
	                                             login_register_hashed, r.get());
	if (rc != 0)
		return login_register_refuse_result(p, frame->conn, &frame->request, rc);
	(void)r.release(); /* the completion owns it now */
	return CS_PENDING;
}
