/* SPDX-License-Identifier: MIT
 * The plugin itself: options, service, instance. It hands each call of the server to the room that handles it. */
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sys/random.h>
#include <utility>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "catch_up.h"
#include "cursors.h"
#include "delivered.h"
#include "follow.h"
#include "hint.h"
#include "incoming.h"
#include "outgoing.h"
#include "retention.h"
#include "session.h"
#include "stash.h"

/* ---- the service */

static int mailbox_refuses_strangers(void *context)
{
	return static_cast<const mailbox *>(context)->conf.strangers;
}

static const cs_mailbox mailbox_service = {
	CS_ABI,
	sizeof(cs_mailbox),
	mailbox_catch_up_attach,
	mailbox_catch_up_begin,
	mailbox_outgoing_send,
	mailbox_delivered_confirm,
	mailbox_outgoing_post,
	mailbox_refuses_strangers,
	mailbox_outgoing_change,
	mailbox_follow_begin,
	mailbox_follow_end,
	mailbox_follow_confirm,
};

static const cs_service mailbox_services[] = {
	{CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &mailbox_service},
	{nullptr, 0, nullptr},
};

/* ---- the server's calls */

static void mailbox_tell_to_look(mailbox *m, cs_account account, uint64_t device)
{
	mailbox_hint hint = {};

	hint.type = MAILBOX_HINT_LOOK;
	mailbox_hint_route(m->host, m->self, account, device, hint, nullptr);
}

/* A session of the account on another node may lack hints: they went to the sessions here only. */
static void mailbox_on_not_alone(void *state, cs_account account)
{
	mailbox_tell_to_look(static_cast<mailbox *>(state), account, CS_EVERY_DEVICE);
}

/* While two nodes do not hear each other, a device can have a session here and a newer session elsewhere. Hints of that
 * time came here, to the session that ends now. So the newer session is told to compare with the store. The device has
 * no session here any more, so the hint goes to the newer one; mostly there is none, and the hint goes nowhere. */
static int mailbox_on_closed(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t written)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_session *s = mailbox_session_of(&m->sessions, conn);
	mailbox_ending ending;

	if (account)
		mailbox_tell_to_look(m, account, device);
	if (!s)
		return 0;
	if (s->catch_up.phase != MAILBOX_ATTACHING)
		ending.flushing = mailbox_cursor_end(m, s, std::max(s->incoming.written, written));
	ending.account = s->account;
	ending.device = s->device;
	ending.sends = mailbox_outgoing_end(m, s);
	mailbox_stash_end_session(m, s);
	const uint64_t id = s->id;
	mailbox_session_remove(&m->sessions, s);
	if (!ending.flushing && !ending.sends)
		return 0;
	mailbox_session_hold(m, id, ending);
	return CS_PENDING;
}

static void mailbox_on_written(void *state, cs_conn conn, uint64_t position, size_t unsent)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_session *s = mailbox_session_of(&m->sessions, conn);

	if (s)
		mailbox_incoming_written(m, s, position, unsent);
}

/* A bad hint is logged once, because every message of that node would bring the line again. */
static bool mailbox_read_hint(mailbox *m, const cs_parcel *parcel, mailbox_hint *hint_r, std::string_view *body_r)
{
	const char *why;

	if (mailbox_hint_read(parcel, hint_r, body_r, &why) == 0)
		return true;
	if (!m->told_strange)
		m->host->log(m->self, CS_LOG_WARNING,
		             "a hint of another node is dropped, sessions find its message by their sweep; further "
		             "ones are not logged reason=\"%s\" size=%zu",
		             why, parcel->head_size + body_r->size());
	m->told_strange = true;
	return false;
}

static void mailbox_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_session *s = conn ? mailbox_session_of(&m->sessions, conn) : nullptr;
	mailbox_hint hint;
	std::string_view body;

	if (!mailbox_read_hint(m, parcel, &hint, &body))
		return;
	if (s && s->account != account)
		s = nullptr;
	if (hint.type == MAILBOX_HINT_LOOK && s)
		mailbox_catch_up_look(m, s);
	else if (s)
		mailbox_incoming_hint(m, s, hint, body);
	else if (!conn && hint.type == MAILBOX_HINT_FOLLOWED)
		mailbox_follow_committed(m, hint.process, hint.conversation);
	else if (!conn && hint.kind == CS_CONVERSATION_GROUP) {
		mailbox_catch_up_group_hint(m, hint.of, hint.seq);
		mailbox_incoming_group_hint(m, hint, body);
	}
}

static void mailbox_on_cluster(void *state, cs_cluster_event event)
{
	mailbox_catch_up_cluster(static_cast<mailbox *>(state), event);
}

/* ---- the instance */

static const char *const mailbox_want_words[] = {"event", "echo", nullptr};

/* 0: no such word. */
static uint64_t mailbox_want_bit(const cs_host *host, cs_self *self, const char *word)
{
	const char *const *words = host->want_words(self);

	for (unsigned i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return UINT64_C(1) << i;
	return 0;
}

static int mailbox_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto m = std::make_unique<mailbox>();

	m->host = host;
	m->self = self;
	m->sessions.host = host;
	m->sessions.self = self;
	m->conf = *static_cast<const mailbox_conf *>(conf);
	if (getrandom(m->seed, sizeof(m->seed), 0) != sizeof(m->seed)) {
		snprintf(e->text, sizeof(e->text), "the system gives no random bytes");
		return CS_EINVAL;
	}
	m->event_bit = mailbox_want_bit(host, self, mailbox_want_words[0]);
	m->echo_bit = mailbox_want_bit(host, self, mailbox_want_words[1]);
	m->hints_are_complete = host->store_is_exclusive(self) != 0;
	mailbox_stash_start(m.get(), mailbox_incoming_heard);
	mailbox_catch_up_start(m.get());
	m->clock.begun = host->now();
	m->clock.begun_monotonic = host->monotonic();
	mailbox_retention_start(m.get());
	mailbox_follow_start(m.get());
	*state_r = m.release();
	return 0;
}

static int mailbox_reload(void *state, const void *conf, int commit, cs_error *)
{
	mailbox *m = static_cast<mailbox *>(state);
	const mailbox_conf *next = static_cast<const mailbox_conf *>(conf);

	if (!commit)
		return 0;
	m->conf.cursor_flush = next->cursor_flush;
	m->conf.strangers = next->strangers;
	if (std::exchange(m->conf.keep, next->keep) != next->keep)
		mailbox_retention_change(m);
	return 0;
}

static void mailbox_stop(void *state)
{
	const std::unique_ptr<mailbox> m(static_cast<mailbox *>(state));

	for (cs_timer *timer : {m->incoming.pull_timer, m->stash.timer, m->cursors.flush_timer, m->catch_up.sweep.timer,
	                        m->retention.timer, m->follow.flush_timer, m->follow.tick_timer})
		if (timer)
			m->host->timer_del(m->self, timer);
}

static int mailbox_check(const void *conf, const char **key_r, cs_error *e)
{
	if (mailbox_retention_is_short(static_cast<const mailbox_conf *>(conf)->keep)) {
		*key_r = "keep";
		snprintf(e->text, sizeof(e->text), "messages are kept for less than a day: m is minutes");
	}
	return 0;
}

static const cs_option mailbox_options[] = {
	{"sweep", CS_OPTION_TIME, offsetof(mailbox_conf, sweep), 0, 3600000, "30s", nullptr, 0,
         "how often sessions are compared with the store; 0: never"},
	{"sweep_away", CS_OPTION_TIME, offsetof(mailbox_conf, sweep_away), 0, 3600000, "2s", nullptr, 0,
         "the same while messages of other nodes may get lost; 0: as sweep says"},
	{"cursor_flush", CS_OPTION_TIME, offsetof(mailbox_conf, cursor_flush), 1, 60000, "250ms", nullptr, 1,
         "delay before receipts are written; after a crash, messages of that span are delivered again"},
	{"keep", CS_OPTION_TIME, offsetof(mailbox_conf, keep), 0, INT64_C(36500) * 24 * 3600 * 1000, "forever", nullptr,
         1, "how long messages are kept; older ones are removed, whether or not they were delivered"},
	{"strangers", CS_OPTION_CHOICE, offsetof(mailbox_conf, strangers), 0, 0, "allow", "allow|refuse", 1,
         "whether an account gets messages of those whom it has not on its list and to whom it did not write first"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "mailbox",
	.version = CS_VERSION,
	.needs = nullptr,
	.provides = mailbox_services,
	.routes = nullptr,
	.options = mailbox_options,
	.want = mailbox_want_words,
	.conf_size = sizeof(mailbox_conf),
	.start = mailbox_start,
	.reload = mailbox_reload,
	.closed = mailbox_on_closed,
	.written = mailbox_on_written,
	.routed = mailbox_on_routed,
	.cluster = mailbox_on_cluster,
	.stop = mailbox_stop,
	.check = mailbox_check,
	.parcel_version = mailbox_hint_version,
	.not_alone = mailbox_on_not_alone,
};
