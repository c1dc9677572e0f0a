/* SPDX-License-Identifier: MIT
 * PRESENCE: tells sessions that want it when accounts of their list come and go. The plugin itself.
 *
 * An instance subscribes to the topic of each account that one of its sessions watches. When a session of an account
 * begins or ends, on any node, that is routed to the account's topic; it may be lost. A session that is idle costs
 * nothing. */
#include "presence.h"

#include <cstddef>
#include <cstdio>
#include <memory>

#include "../shared/contacts.h"

/* Bytes. If less waits than this, the client counts as fast. */
static constexpr size_t presence_little_unsent = 16 * 1024;

/* ---- sessions */

/* A parcel's head: the account, and 1 if a session has begun, 0 if one has ended. */
static constexpr size_t presence_head_size = 9;

static void presence_route(const presence_plugin *p, cs_account account, bool is_online)
{
	unsigned char head[presence_head_size];
	const cs_parcel parcel = {head, sizeof(head), nullptr};

	contacts_put_number(head, account);
	head[8] = is_online;
	(void)p->context.host->route_all(p->context.self, account, &parcel, CS_ROUTE_CASUAL);
}

static void presence_on_routed(void *state, cs_conn, cs_account, const cs_parcel *parcel)
{
	const unsigned char *head = static_cast<const unsigned char *>(parcel->head);

	if (parcel->head_size == presence_head_size && head[8] <= 1)
		presence_heard(static_cast<presence_plugin *>(state), contacts_number(head), head[8] != 0);
}

static void presence_on_opened(void *state, cs_conn conn, cs_account account, uint64_t, uint64_t want)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);

	presence_route(p, account, true);
	if (!(want & p->want))
		return;
	p->sessions[conn].account = account;
	presence_read(p, conn, 0);
}

static int presence_on_closed(void *state, cs_conn conn, cs_account account, uint64_t, uint64_t)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);

	presence_forget_session(p, conn);
	if (account)
		presence_route(p, account, false);
	return 0;
}

static void presence_on_written(void *state, cs_conn conn, uint64_t, size_t unsent)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const auto session = p->sessions.find(conn);

	if (session != p->sessions.end() && unsent <= presence_little_unsent)
		session->second.paused = false;
}

/* The session's list has changed, or somebody blocks its account, or does so no more. */
static void presence_on_contact_changed(void *arg, cs_conn conn, cs_account, cs_account other)
{
	presence_read(static_cast<presence_plugin *>(arg), conn, other);
}

/* Changes of the lists, and who came and went, may have been lost. */
static void presence_on_cluster(void *state, cs_cluster_event event)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);

	if (event != CS_CLUSTER_MISSED)
		p->reads.is_degraded = event == CS_CLUSTER_DEGRADED;
	presence_read_all(p);
}

/* ---- the instance */

static int presence_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto p = std::make_unique<presence_plugin>();
	const void *table = nullptr;
	const int result =
		host->service(self, CONTACTS_SERVICE, CONTACTS_SERVICE_VERSION, &table, &p->contacts_context);

	if (result) {
		snprintf(e->text, sizeof(e->text), "no service \"%s\"", CONTACTS_SERVICE);
		return result;
	}
	p->context = {host, self};
	p->conf = static_cast<const presence_conf *>(conf);
	p->want = contacts_want_bit(host, self, "presence");
	p->contacts = static_cast<const contacts_service *>(table);
	p->contacts->watch(p->contacts_context, presence_on_contact_changed, p.get());
	*state_r = p.release();
	return 0;
}

static int presence_reload(void *state, const void *conf, int commit, cs_error *)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);

	if (!commit)
		return 0;
	p->conf = static_cast<const presence_conf *>(conf);
	presence_read_all(p);
	return 0;
}

static void presence_stop(void *state)
{
	const std::unique_ptr<presence_plugin> p(static_cast<presence_plugin *>(state));

	p->contacts->unwatch(p->contacts_context, presence_on_contact_changed, p.get());
	presence_stop_reading(p.get());
	if (p->timer)
		p->context.host->timer_del(p->context.self, p->timer);
}

static const char *const presence_needs[] = {CONTACTS_SERVICE, nullptr};
static const char *const presence_words[] = {"presence", nullptr};

static const cs_option presence_options[] = {
	{"max_watched", CS_OPTION_INTEGER, offsetof(presence_conf, max_watched), 0, 1000000, "1000", nullptr, 1,
         "accounts of its list of whose coming and going a session is told; 0: no limit"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "presence",
	.version = CS_VERSION,
	.needs = presence_needs,
	.options = presence_options,
	.want = presence_words,
	.conf_size = sizeof(presence_conf),
	.start = presence_start,
	.reload = presence_reload,
	.opened = presence_on_opened,
	.closed = presence_on_closed,
	.written = presence_on_written,
	.routed = presence_on_routed,
	.cluster = presence_on_cluster,
	.stop = presence_stop,
	.save = presence_save,
	.restore = presence_restore,
	.busy = presence_busy,
};
