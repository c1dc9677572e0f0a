/* SPDX-License-Identifier: MIT
 * Whom accounts know: ADD_FRIEND, SET_CONTACT, CONTACTS, FIND_USER and ADDED. The plugin itself: options, service,
 * sessions. */
#include "people.h"

#include <cstddef>
#include <memory>

#include <chatserverd/json.h>

void people_quote(std::string *out, std::string_view text)
{
	const size_t at = out->size(), size = cs_json_quote(nullptr, 0, text.data(), text.size());

	out->resize(at + size);
	(void)cs_json_quote(out->data() + at, size, text.data(), text.size());
}

/* ---- the service */

static void people_watch(void *contacts, contacts_changed_fn *fn, void *arg)
{
	static_cast<people *>(contacts)->watchers.push_back({fn, arg});
}

static void people_unwatch(void *contacts, contacts_changed_fn *fn, void *arg)
{
	std::erase_if(static_cast<people *>(contacts)->watchers,
	              [fn, arg](const people_watcher &w) { return w.fn == fn && w.arg == arg; });
}

static const contacts_service people_contacts = {people_watch, people_unwatch};

static const cs_service people_services[] = {
	{CONTACTS_SERVICE, CONTACTS_SERVICE_VERSION, &people_contacts},
	{nullptr, 0, nullptr},
};

/* ---- sessions */

/* Bytes. If less waits than this, the client counts as fast. */
static constexpr size_t people_little_unsent = 16 * 1024;

static void people_on_opened(void *state, cs_conn conn, cs_account, uint64_t, uint64_t want)
{
	people *p = static_cast<people *>(state);

	if (want & p->want)
		p->told.emplace(conn, true);
}

/* What the connection has asked is not forgotten: it may log in once more. */
static int people_on_closed(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	static_cast<people *>(state)->told.erase(conn);
	return 0;
}

static void people_on_written(void *state, cs_conn conn, uint64_t, size_t unsent)
{
	people *p = static_cast<people *>(state);
	const auto told = p->told.find(conn);

	if (told != p->told.end() && unsent <= people_little_unsent)
		told->second = true;
}

/* ---- the instance */

static int people_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *)
{
	auto p = std::make_unique<people>();

	p->context = {host, self};
	p->conf = static_cast<const people_conf *>(conf);
	p->want = contacts_want_bit(host, self, "presence");
	*state_r = p.release();
	return 0;
}

static int people_reload(void *state, const void *conf, int commit, cs_error *)
{
	if (commit)
		static_cast<people *>(state)->conf = static_cast<const people_conf *>(conf);
	return 0;
}

static void people_stop(void *state)
{
	const std::unique_ptr<people> p(static_cast<people *>(state));
}

static const cs_route people_routes[] = {
	{CS_MSGID_ADD_FRIEND, "add_friend", people_on_add_friend, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{CS_MSGID_SET_CONTACT, "set_contact", people_on_set_contact, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{CS_MSGID_CONTACTS, "contacts", people_on_contacts, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 20},
	{CS_MSGID_FIND_USER, "find_user", people_on_find_user, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{0, nullptr, nullptr, 0, 0},
};

static const cs_option people_options[] = {
	{"max_friends", CS_OPTION_INTEGER, offsetof(people_conf, max_friends), 0, 1000000, "1000", nullptr, 1,
         "friends that an account may have on its list; 0: no limit"},
	{"max_blocked", CS_OPTION_INTEGER, offsetof(people_conf, max_blocked), 0, 1000000, "1000", nullptr, 1,
         "accounts that an account may block; 0: no limit"},
	{"find_user_limit", CS_OPTION_INTEGER, offsetof(people_conf, find_user_limit), 0, 60000, "30", nullptr, 1,
         "names that a connection may look up per minute, and an address ten times as many; 0: no limit"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "people",
	.version = CS_VERSION,
	.provides = people_services,
	.routes = people_routes,
	.options = people_options,
	.conf_size = sizeof(people_conf),
	.start = people_start,
	.reload = people_reload,
	.opened = people_on_opened,
	.closed = people_on_closed,
	.written = people_on_written,
	.routed = people_on_routed,
	.stop = people_stop,
	.not_alone = people_on_not_alone,
};
