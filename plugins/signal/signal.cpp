/* SPDX-License-Identifier: MIT
 * SIGNAL: a frame for the sessions that are online and asked for signals. It is not stored, and nobody sends it
 * again. */
#include "signal.h"

#include <algorithm>
#include <memory>

#include "../shared/contacts.h"
#include "../shared/message.h"

/* Bytes. If less waits than this, the client counts as fast. */
static constexpr size_t signal_little_unsent = 16 * 1024;
static constexpr size_t signal_sender_size = 16; /* account and device, in the head of a parcel for one account */
static constexpr size_t signal_most_kind = 32; /* bytes */

/* ---- sending */

static int signal_refuse(const signal_plugin *p, const cs_frame *frame, int wire_errno, const char *why)
{
	const plugin_context &c = p->context;

	return c.host->refuse(c.self, frame->conn, &frame->request, wire_errno, "%s", why);
}

static int signal_check(const signal_plugin *p, const cs_frame *frame)
{
	const plugin_context &c = p->context;
	std::string_view kind;

	if (const int result = field_text(c, frame, "kind", FIELD_REQUIRED, &kind))
		return result;
	if (kind.empty() || kind.size() > signal_most_kind)
		return signal_refuse(p, frame, CS_ERRNO_BAD_FRAME, "kind must have 1 to 32 bytes");
	return message_check_forwarded(c, frame);
}

/* The head is the sender, and the frame too if that is small, because a head needs no memory of its own. */
static void signal_route(const plugin_context &c, const cs_frame *signal, cs_account to)
{
	const std::string_view frame(signal->bytes, signal->size);
	unsigned char head[CS_PARCEL_HEAD_MOST];
	cs_parcel parcel = {head, signal_sender_size, nullptr};

	contacts_put_number(head, signal->account);
	contacts_put_number(head + 8, signal->device);
	if (frame.size() <= sizeof(head) - signal_sender_size)
		parcel.head_size += frame.copy(reinterpret_cast<char *>(head) + signal_sender_size, frame.size());
	else
		parcel.body = c.host->share(frame.data(), frame.size());
	(void)c.host->route(c.self, to, CS_EVERY_DEVICE, &parcel, CS_ROUTE_CASUAL);
	c.host->unshare(parcel.body);
}

/* If the account is offline or does not exist, nobody gets the signal: the answer only says that it was sent. */
static int signal_to_account(const signal_plugin *p, const cs_frame *frame, cs_account to)
{
	const plugin_context &c = p->context;

	signal_route(c, frame, to);
	c.host->answer(c.self, frame->conn, &frame->request, "");
	return CS_DONE;
}

static int signal_on_signal(void *state, const cs_frame *frame)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	int64_t to = 0, group = 0;
	int result = field_integer(p->context, frame, "toid", FIELD_OPTIONAL, 1, &to);

	if (!result)
		result = field_integer(p->context, frame, "groupid", FIELD_OPTIONAL, 1, &group);
	if (!result)
		result = signal_check(p, frame);
	if (result)
		return result;
	if (!to == !group)
		return signal_refuse(p, frame, CS_ERRNO_BAD_FRAME, "one of toid and groupid must be there");
	if (to)
		return signal_to_account(p, frame, static_cast<cs_account>(to));
	return signal_to_group(p, frame, static_cast<uint64_t>(group));
}

/* ---- receiving */

/* A slow client gets no new signals: the frames that it has not taken yet are more important. */
void signal_deliver(const signal_plugin *p, cs_conn conn, signal_session *s, std::string_view frame)
{
	if (!s->paused &&
	    p->context.host->send(p->context.self, conn, frame.data(), frame.size(), nullptr, nullptr) == CS_EAGAIN)
		s->paused = true;
}

static void signal_deliver_members(signal_plugin *p, std::string_view parcel)
{
	const char *accounts = nullptr;
	size_t count = 0;
	std::string_view frame;

	if (signal_parcel_decode(parcel, &accounts, &count, &frame) != 0)
		return;
	for (size_t i = 0; i < count && !p->sessions.empty(); i++) {
		const auto [from, to] = p->by_account.equal_range(signal_parcel_account(accounts, i));

		for (auto at = from; at != to; ++at)
			signal_deliver(p, at->second, &p->sessions[at->second], frame);
	}
}

static std::string_view signal_parcel_bytes(const cs_parcel *parcel)
{
	return parcel->body ? std::string_view(parcel->body->bytes, parcel->body->size)
	                    : std::string_view(static_cast<const char *>(parcel->head), parcel->head_size);
}

/* A device has one session, so the device says which session of the account sent it: that one does not get it. */
static void signal_deliver_own(const signal_plugin *p, cs_conn conn, signal_session *s, uint64_t device,
                               std::string_view frame)
{
	if (device != s->device)
		signal_deliver(p, conn, s, frame);
}

static void signal_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	const auto *head = static_cast<const unsigned char *>(parcel->head);
	std::string_view frame = signal_parcel_bytes(parcel);

	if (!account)
		return signal_deliver_members(p, frame);
	const auto at = p->sessions.find(conn);
	if (at == p->sessions.end() || parcel->head_size < signal_sender_size)
		return;
	if (!parcel->body)
		frame.remove_prefix(signal_sender_size);
	if (frame.size() < 2 || frame.front() != '{' || frame.back() != '}')
		return;
	if (contacts_number(head) == account)
		signal_deliver_own(p, conn, &at->second, contacts_number(head + 8), frame);
	else
		signal_judge(p, conn, &at->second, contacts_number(head), frame);
}

/* ---- sessions */

void signal_add_session(signal_plugin *p, cs_conn conn, cs_account account, uint64_t device)
{
	signal_session *s = &p->sessions[conn];

	s->number = ++p->last_number;
	s->account = account;
	s->device = device;
	p->by_account.emplace(account, conn);
}

static void signal_on_opened(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);

	if (want & p->want)
		signal_add_session(p, conn, account, device);
}

static int signal_on_closed(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	const auto session = p->sessions.find(conn);

	if (session == p->sessions.end())
		return 0;
	const auto [from, to] = p->by_account.equal_range(session->second.account);

	for (auto at = from; at != to; ++at)
		if (at->second == conn) {
			p->by_account.erase(at);
			break;
		}
	p->sessions.erase(session);
	return 0;
}

static void signal_on_written(void *state, cs_conn conn, uint64_t, size_t unsent)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	const auto session = p->sessions.find(conn);

	if (session != p->sessions.end() && unsent <= signal_little_unsent)
		session->second.paused = false;
}

static void signal_on_contact_changed(void *arg, cs_conn conn, cs_account, cs_account other)
{
	signal_plugin *p = static_cast<signal_plugin *>(arg);
	const auto session = p->sessions.find(conn);

	if (session == p->sessions.end())
		return;
	signal_verdict_forget(&session->second, other);
}

/* What other nodes told may have been lost. */
static void signal_on_cluster(void *state, cs_cluster_event event)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);

	if (event != CS_CLUSTER_MISSED)
		p->is_degraded = event == CS_CLUSTER_DEGRADED;
	for (auto &[conn, session] : p->sessions)
		signal_verdict_forget(&session, 0);
}

/* ---- the instance */

static int signal_start(const cs_host *host, cs_self *self, const void *, void **state_r, cs_error *)
{
	auto p = std::make_unique<signal_plugin>();
	const void *table = nullptr;

	p->context = {host, self};
	p->want = contacts_want_bit(host, self, "signal");
	if (host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &p->mailbox_context) == 0)
		p->mailbox = static_cast<const cs_mailbox *>(table);
	if (host->service(self, CONTACTS_SERVICE, CONTACTS_SERVICE_VERSION, &table, &p->contacts_context) == 0) {
		p->contacts = static_cast<const contacts_service *>(table);
		p->contacts->watch(p->contacts_context, signal_on_contact_changed, p.get());
	}
	*state_r = p.release();
	return 0;
}

static void signal_stop(void *state)
{
	const std::unique_ptr<signal_plugin> p(static_cast<signal_plugin *>(state));

	if (p->contacts)
		p->contacts->unwatch(p->contacts_context, signal_on_contact_changed, p.get());
}

static const char *const signal_uses[] = {CS_MAILBOX_SERVICE, CONTACTS_SERVICE, nullptr};
static const char *const signal_words[] = {"signal", nullptr};

static const cs_route signal_routes[] = {
	{CS_MSGID_SIGNAL, "signal", signal_on_signal, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{0, nullptr, nullptr, 0, 0},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "signal",
	.version = CS_VERSION,
	.uses = signal_uses,
	.routes = signal_routes,
	.want = signal_words,
	.start = signal_start,
	.opened = signal_on_opened,
	.closed = signal_on_closed,
	.written = signal_on_written,
	.routed = signal_on_routed,
	.cluster = signal_on_cluster,
	.stop = signal_stop,
	.parcel_version = 1,
	.save = signal_save,
	.restore = signal_restore,
	.busy = signal_busy,
};
