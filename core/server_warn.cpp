/* SPDX-License-Identifier: MIT
 * Says once, at the start, that passwords of people who register would cross a network in clear. */
#include <algorithm>
#include <cstring>

#include <netinet/in.h>

#include "core/base/log.h"
#include "core/net/network.h"
#include "core/plugin/dispatch.h"
#include "core/server_warn.h"

/* This machine, and networks that are nobody else's. */
static const char *const server_private_networks =
	"127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 ::1 fc00::/7 fe80::/10";

/* Whether machines of others may reach it. 0.0.0.0 and :: stand for all addresses, so they count. */
static bool server_is_public(const struct listen_address &address)
{
	std::vector<struct network> networks;
	struct cs_error e {};

	return network_parse(server_private_networks, &networks, &e) == 0 &&
	       !network_holds(networks, reinterpret_cast<const sockaddr *>(&address.address));
}

/* Whether the plugin that has REGISTER lets anybody make an account: the first choice of its option registration. */
static bool server_takes_everybody(const struct server *s)
{
	const auto found = s->dispatch->entries.find(CS_MSGID_REGISTER);

	if (found == s->dispatch->entries.end())
		return false;
	const struct plugin &plugin = *s->plugins.plugins[found->second.plugin];
	for (const struct cs_option &option : plugin.options)
		if (option.key && strcmp(option.key, "registration") == 0 && option.type == CS_OPTION_CHOICE) {
			int choice = 0;

			memcpy(&choice, plugin.conf.memory.get() + option.offset, sizeof choice);
			return choice == 0;
		}
	return true;
}

/* A proxy in front may have the TLS. */
void server_warn_of_clear_passwords(const struct server *s)
{
	if (server_core_conf(s->conf.get())->proxy_from[0] || !server_takes_everybody(s))
		return;
	for (const auto &l : s->listens) {
		const auto found = std::find_if(l->addresses.begin(), l->addresses.end(), server_is_public);

		if (l->transport.stream || found == l->addresses.end())
			continue;
		log_warning(
			"anybody may register over a network that others can read: set login.registration = closed, "
			"or serve TLS and let %s.%s be 127.0.0.1:PORT listen=%s",
			l->section.c_str(), l->key.c_str(), server_address_text(&*found).c_str());
		return;
	}
}
