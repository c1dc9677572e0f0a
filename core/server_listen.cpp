/* SPDX-License-Identifier: MIT
 * Where connections come from: the addresses of core.listen and of the plugins' transports, checked and opened. */
#include "core/server.h"

#include <cstring>

#include <chatserverd/transport.h>

#include "core/base/log.h"
#include "core/server_warn.h"

/* The members that version 1 of the services has. */
static constexpr size_t server_least_stream = offsetof(struct cs_stream, close) + sizeof(cs_stream::close);
static constexpr size_t server_least_framing = offsetof(struct cs_framing, close) + sizeof(cs_framing::close);

static int server_parse_listen(const struct server *s, struct server_listen *l, const char *text, struct cs_error *e)
{
	struct cs_error why {};

	if (listener_parse(text, &l->addresses, &why) == 0)
		return 0;
	error_set(e, "%s: %s.%s: %s", conf_where(&s->conf->file, l->section.c_str(), l->key.c_str()).c_str(),
	          l->section.c_str(), l->key.c_str(), why.text);
	return CS_EINVAL;
}

static int server_check_apart(const struct server *s, const struct server_listen *l, struct cs_error *e)
{
	for (const auto &other : s->listens) {
		for (const struct listen_address &a : l->addresses) {
			if (!listener_find(other->addresses, &a))
				continue;
			error_set(e, "%s: %s.%s: %s is an address of %s.%s (%s) as well",
			          conf_where(&s->conf->file, l->section.c_str(), l->key.c_str()).c_str(),
			          l->section.c_str(), l->key.c_str(), a.text.c_str(), other->section.c_str(),
			          other->key.c_str(),
			          conf_where(&s->conf->file, other->section.c_str(), other->key.c_str()).c_str());
			return CS_EINVAL;
		}
	}
	return 0;
}

static int server_add_listen(struct server *s, std::unique_ptr<struct server_listen> l, const char *text,
                             struct cs_error *e)
{
	if (const int failed = server_parse_listen(s, l.get(), text, e))
		return failed;
	if (const int failed = server_check_apart(s, l.get(), e))
		return failed;
	if (s->listens.size() == transport_most) {
		error_set(e, "%s.%s: there are more than %u kinds of listeners", l->section.c_str(), l->key.c_str(),
		          transport_most);
		return CS_EINVAL;
	}
	l->transport.index = static_cast<unsigned>(s->listens.size());
	s->listens.push_back(std::move(l));
	return 0;
}

static int server_check_table(const struct plugin *p, const struct cs_service *service, uint32_t abi, uint32_t size,
                              size_t least, struct cs_error *e)
{
	if (service->version == CS_TRANSPORT_VERSION && abi >> 16 == CS_ABI_MAJOR && size >= least)
		return 0;
	error_set(e, "%s: its service %s is of another version or ABI; build it again, or take it out", p->path.c_str(),
	          service->name);
	return CS_EINVAL;
}

static const void *server_conf_of(const struct plugin *p)
{
	return p->conf.memory.get();
}

static int server_find_stream(const struct server *s, const char *name, struct transport *t)
{
	for (const auto &p : s->plugins.plugins) {
		for (const struct cs_service *service = p->declared.provides; service && service->name; service++) {
			if (service->name != std::string(CS_STREAM_PREFIX) + name)
				continue;
			t->stream = static_cast<const struct cs_stream *>(service->table);
			t->stream_plugin = p->index;
			return 0;
		}
	}
	return CS_ENOENT;
}

static std::unique_ptr<struct server_listen> server_make_listen(const struct plugin *p, const char *key)
{
	auto l = std::make_unique<struct server_listen>();

	l->section = p->name;
	l->key = key ? key : "listen";
	return l;
}

static int server_add_stream(struct server *s, const struct plugin *p, const struct cs_service *service,
                             struct cs_error *e)
{
	const auto *stream = static_cast<const struct cs_stream *>(service->table);
	struct cs_listen listen {};

	if (const int failed = server_check_table(p, service, stream->abi, stream->size, server_least_stream, e))
		return failed;
	stream->listen(server_conf_of(p), &listen);
	if (!listen.addresses || !*listen.addresses)
		return 0;
	auto l = server_make_listen(p, listen.key);

	l->transport.label = stream->label;
	l->transport.stream = stream;
	l->transport.stream_plugin = p->index;
	return server_add_listen(s, std::move(l), listen.addresses, e);
}

static int server_add_framing(struct server *s, const struct plugin *p, const struct cs_service *service,
                              struct cs_error *e)
{
	const auto *framing = static_cast<const struct cs_framing *>(service->table);
	struct cs_listen listen {};

	if (const int failed = server_check_table(p, service, framing->abi, framing->size, server_least_framing, e))
		return failed;
	framing->listen(server_conf_of(p), &listen);
	if (!listen.addresses || !*listen.addresses)
		return 0;
	auto l = server_make_listen(p, listen.key);

	l->transport.label = listen.over ? framing->secure_label : framing->label;
	l->transport.framing = framing;
	l->transport.framing_plugin = p->index;
	if (listen.over && server_find_stream(s, listen.over, &l->transport) != 0) {
		error_set(e, "%s: [%s] wants %s, but no plugin provides it; load tls_openssl (core.plugins, %s)",
		          p->path.c_str(), p->name.c_str(), listen.over,
		          conf_where(&s->conf->file, "core", "plugins").c_str());
		return CS_EINVAL;
	}
	return server_add_listen(s, std::move(l), listen.addresses, e);
}

static int server_add_transports(struct server *s, const struct plugin *p, struct cs_error *e)
{
	for (const struct cs_service *service = p->declared.provides; service && service->name; service++) {
		int failed = 0;

		if (strncmp(service->name, CS_STREAM_PREFIX, strlen(CS_STREAM_PREFIX)) == 0)
			failed = server_add_stream(s, p, service, e);
		else if (strncmp(service->name, CS_FRAMING_PREFIX, strlen(CS_FRAMING_PREFIX)) == 0)
			failed = server_add_framing(s, p, service, e);
		if (failed)
			return failed;
	}
	return 0;
}

int server_find_listens(struct server *s, struct cs_error *e)
{
	auto plain = std::make_unique<struct server_listen>();

	plain->section = "core";
	plain->key = "listen";
	plain->transport.label = "plain";
	if (const int failed = server_add_listen(s, std::move(plain), server_core_conf(s->conf.get())->listen, e))
		return failed;
	for (const auto &p : s->plugins.plugins) {
		if (const int failed = server_add_transports(s, p.get(), e))
			return failed;
	}
	return 0;
}

int server_check_listens(const struct server *s, struct cs_error *e)
{
	for (const auto &l : s->listens) {
		const struct cs_stream *stream = l->transport.stream;
		const char *key = "";
		struct cs_error text {};

		if (!stream)
			continue;
		const struct plugin *p = s->plugins.plugins[l->transport.stream_plugin].get();

		if (!stream->check || stream->check(server_conf_of(p), &key, &text) == 0)
			continue;
		error_set(e, "%s: %s.%s: %s (for %s.%s, %s)", conf_where(&s->conf->file, p->name.c_str(), key).c_str(),
		          p->name.c_str(), key, text.text, l->section.c_str(), l->key.c_str(),
		          conf_where(&s->conf->file, l->section.c_str(), l->key.c_str()).c_str());
		return CS_EINVAL;
	}
	return 0;
}

static struct listen_address *server_find_address(struct server *s, const struct listen_address *wanted)
{
	for (const auto &l : s->listens)
		if (const struct listen_address *found = listener_find(l->addresses, wanted))
			return &l->addresses[static_cast<size_t>(found - l->addresses.data())];
	return nullptr;
}

/* No socket stays unused: its clients would wait for ever. */
int server_inherit_listens(struct server *s, struct cs_error *e)
{
	if (const int failed = inherit_take(&s->inherited, e))
		return failed;
	for (const struct inherit_socket &socket : s->inherited) {
		struct listen_address *address = server_find_address(s, &socket.address);

		if (!address) {
			error_set(e, "the service manager gives %s, but no option names this address (core.listen, %s)",
			          socket.address.text.c_str(), conf_where(&s->conf->file, "core", "listen").c_str());
			return CS_EINVAL;
		}
		if (address->inherited != -1) {
			error_set(e, "the service manager gives %s twice", socket.address.text.c_str());
			return CS_EINVAL;
		}
		address->inherited = socket.fd.fd;
	}
	return 0;
}

int server_reserve_listens(struct server *s, struct cs_error *e)
{
	for (const auto &l : s->listens) {
		struct cs_error text {};

		if (listener_reserve(&l->addresses, &text) == 0)
			continue;
		error_set(e, "%s.%s (%s): %s", l->section.c_str(), l->key.c_str(),
		          conf_where(&s->conf->file, l->section.c_str(), l->key.c_str()).c_str(), text.text);
		return CS_EINVAL;
	}
	return 0;
}

int server_open_listeners(struct server *s, struct cs_error *e)
{
	/* Checks again: another server may have started while the store was opened. */
	if (const int failed = server_reserve_listens(s, e))
		return failed;
	for (const auto &w : s->shared.workers) {
		for (const auto &l : s->listens) {
			if (const int failed = listener_open_all(w.get(), l->addresses, &l->transport, e))
				return failed;
		}
	}
	for (const auto &l : s->listens) {
		for (const struct listen_address &address : l->addresses)
			log_info(address.inherited == -1 ? "listening address=%s transport=%s"
			                                 : "listening address=%s transport=%s inherited=yes",
			         server_address_text(&address).c_str(), l->transport.label.c_str());
	}
	server_warn_of_clear_passwords(s);
	return 0;
}
