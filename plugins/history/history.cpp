/* SPDX-License-Identifier: MIT
 * The history plugin: HISTORY, INBOX and READ. It reads the log that the mailbox keeps. */
#include "history.h"

#include <cstring>
#include <memory>

/* Bytes. If less waits than this, the client counts as fast. */
static constexpr size_t history_little_unsent = 16 * 1024;

/* ---- sessions */

static void history_on_opened(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want)
{
	history_plugin *p = static_cast<history_plugin *>(state);

	if (want & (p->want_events | p->want_reads))
		p->sessions[conn] = {account, device, (want & p->want_events) != 0, (want & p->want_reads) != 0, false};
}

static int history_on_closed(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	static_cast<history_plugin *>(state)->sessions.erase(conn);
	return 0;
}

static void history_on_written(void *state, cs_conn conn, uint64_t, size_t unsent)
{
	history_plugin *p = static_cast<history_plugin *>(state);
	const auto session = p->sessions.find(conn);

	if (session != p->sessions.end() && unsent <= history_little_unsent)
		session->second.paused = false;
}

static void history_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	if (conn)
		history_deliver(static_cast<history_plugin *>(state), conn, account, parcel);
}

static void history_on_not_alone(void *state, cs_account account)
{
	history_forward_again(static_cast<history_plugin *>(state), account);
}

/* ---- the instance */

static uint64_t history_want_bit(const plugin_context &c, const char *word)
{
	const char *const *words = c.host->want_words(c.self);
	unsigned i = 0;

	while (words[i] && strcmp(words[i], word) != 0)
		i++;
	return words[i] ? UINT64_C(1) << i : 0;
}

static int history_start(const cs_host *host, cs_self *self, const void *, void **state_r, cs_error *)
{
	auto p = std::make_unique<history_plugin>();

	p->context = {host, self};
	p->want_events = history_want_bit(p->context, "event");
	p->want_reads = history_want_bit(p->context, "read");
	*state_r = p.release();
	return 0;
}

static void history_stop(void *state)
{
	const std::unique_ptr<history_plugin> p(static_cast<history_plugin *>(state));

	if (p->timer)
		p->context.host->timer_del(p->context.self, p->timer);
}

/* What is held back is forwarded first. */
static int history_busy(void *state)
{
	return !static_cast<const history_plugin *>(state)->due.empty();
}

static const char *const history_words[] = {"read", nullptr};

static const cs_route history_routes[] = {
	{CS_MSGID_HISTORY, "history", history_on_history, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{CS_MSGID_INBOX, "inbox", history_on_inbox, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{CS_MSGID_READ, "read", history_on_read, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{0, nullptr, nullptr, 0, 0},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "history",
	.version = CS_VERSION,
	.routes = history_routes,
	.want = history_words,
	.start = history_start,
	.opened = history_on_opened,
	.closed = history_on_closed,
	.written = history_on_written,
	.routed = history_on_routed,
	.stop = history_stop,
	.parcel_version = history_parcel_version,
	.not_alone = history_on_not_alone,
	.busy = history_busy,
};
