/* SPDX-License-Identifier: MIT
 * INVITE: stores an invitation, and brings the frame to the sessions of who is invited. */
#include <cinttypes>
#include <cstring>
#include <memory>
#include <string>

#include "../model/invitations.h"
#include "../shared/message.h"
#include "group.h"

/* Bytes. If less waits than this, the client counts as fast. */
static constexpr size_t group_little_unsent = 16 * 1024;

/* An invitation on its way to the store. */
struct group_invitation {
	cs_request request = {};
	group_act act;
	uint64_t account = 0, most = 0;
	bool strangers_may = true;
	std::string frame; /* the sender's bytes, with its name */
};

/* ---- sending */

static int group_invite_store(cs_db *db, void *arg)
{
	const group_invitation *invitation = static_cast<group_invitation *>(arg);

	return invitation_add(db, invitation->act, invitation->account, invitation->most, invitation->strangers_may);
}

/* If it is lost, the invitation is in the inbox. */
static void group_invite_route(const group_plugin *g, const group_invitation &invitation)
{
	const plugin_context &c = g->context;
	const cs_parcel parcel = {nullptr, 0, c.host->share(invitation.frame.data(), invitation.frame.size())};

	(void)c.host->route(c.self, invitation.account, CS_EVERY_DEVICE, &parcel, CS_ROUTE_CASUAL);
	c.host->unshare(parcel.body);
}

static void group_invite_stored(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<group_invitation> invitation(static_cast<group_invitation *>(arg));
	const group_plugin *g = static_cast<group_plugin *>(state);
	const group_refusal *refusal = group_refusal_of(result);

	if (result == 0) {
		g->context.host->audit(g->context.self, "invited", "group=%" PRIu64 " account=%" PRIu64 " by=%" PRIu64,
		                       invitation->act.group, invitation->account, invitation->act.actor);
		group_invite_route(g, *invitation);
	}
	if (result == 0 || result == GROUP_IS_THERE)
		g->context.host->answer(g->context.self, conn, &invitation->request, "");
	else if (result == MODEL_TAKEN)
		group_refuse(g, conn, &invitation->request, CS_ERRNO_EXISTS, "already a member");
	else if (refusal)
		group_refuse(g, conn, &invitation->request, refusal->wire_errno, refusal->text);
	else
		g->context.host->refuse_result(g->context.self, conn, &invitation->request, result);
	g->context.host->finish(g->context.self, conn);
}

static std::string group_frame_with_name(const group_plugin *g, const cs_frame *frame)
{
	std::string text(frame->bytes, frame->size);

	if (g->context.host->has(frame, "name"))
		return text;
	text.pop_back();
	text += ",\"name\":";
	group_quote(&text, frame->name);
	return text += '}';
}

int group_on_invite(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	const plugin_context &c = g->context;
	auto invitation = std::make_unique<group_invitation>();
	cs_outgoing entry = {}; /* not sent: an invitation is no entry */
	int64_t group = 0, account = 0;
	int result = field_integer(c, frame, "groupid", FIELD_REQUIRED, 1, &group);

	if (!result)
		result = field_integer(c, frame, "account", FIELD_REQUIRED, 1, &account);
	if (!result)
		result = message_check_entry(c, frame, &entry);
	if (result)
		return result;
	invitation->request = frame->request;
	invitation->act = {frame->account, static_cast<uint64_t>(group), 0, c.host->now()};
	invitation->account = static_cast<uint64_t>(account);
	invitation->most = static_cast<uint64_t>(g->conf->max_invitations);
	invitation->strangers_may = !g->mailbox->refuses_strangers(g->mailbox_context);
	invitation->frame = group_frame_with_name(g, frame);
	result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, group_invite_store, group_invite_stored,
	                      invitation.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)invitation.release(); /* the completion owns it now */
	return CS_PENDING;
}

/* ---- receiving */

void group_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	group_plugin *g = static_cast<group_plugin *>(state);
	const auto session = g->sessions.find(conn);

	if (!account || !parcel->body || session == g->sessions.end() || session->second)
		return;
	session->second = g->context.host->send(g->context.self, conn, parcel->body->bytes, parcel->body->size, nullptr,
	                                        nullptr) == CS_EAGAIN;
}

void group_on_written(void *state, cs_conn conn, uint64_t, size_t unsent)
{
	group_plugin *g = static_cast<group_plugin *>(state);
	const auto session = g->sessions.find(conn);

	if (session != g->sessions.end() && unsent <= group_little_unsent)
		session->second = false;
}

void group_on_opened(void *state, cs_conn conn, cs_account, uint64_t, uint64_t want)
{
	group_plugin *g = static_cast<group_plugin *>(state);

	if (want & g->want)
		g->sessions[conn] = false;
}

int group_on_closed(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	static_cast<group_plugin *>(state)->sessions.erase(conn);
	return 0;
}

uint64_t group_want_bit(const plugin_context &context)
{
	const char *const *words = context.host->want_words(context.self);

	for (unsigned i = 0; words[i]; i++)
		if (strcmp(words[i], "event") == 0)
			return UINT64_C(1) << i;
	return 0;
}
