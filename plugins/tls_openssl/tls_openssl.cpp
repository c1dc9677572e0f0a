/* SPDX-License-Identifier: MIT
 * The plugin tls_openssl: TLS for connections, by OpenSSL 3. Its options and its life. */
#include "tls_openssl.h"

#include <cstddef>
#include <cstdio>
#include <ctime>

#include <chatserverd/transport.h>

#include "certificate.h"
#include "stream.h"

static bool tls_has_certificate(const tls_conf *conf)
{
	return *conf->certificate != '\0';
}

static int tls_make(const tls_conf *conf, tls_context_ptr *context_r, const char **key_r, struct cs_error *e)
{
	if (tls_has_certificate(conf))
		return tls_context_make(conf, context_r, key_r, e);
	if (*conf->key == '\0')
		return 0;
	*key_r = "key";
	snprintf(e->text, sizeof(e->text), "a key needs a certificate");
	return CS_EINVAL;
}

static bool tls_has_expired(const tls_context_ptr &context, int64_t now_ms)
{
	return context && context->end_ms <= now_ms;
}

/* A server that starts at night must come up, also if nobody has renewed the certificate: what has expired is a
 * warning. */
static int tls_check(const void *conf, const char **key_r, struct cs_error *e)
{
	const auto *own = static_cast<const tls_conf *>(conf);
	tls_context_ptr context;

	if (tls_make(own, &context, key_r, e))
		return CS_EINVAL;
	if (!tls_has_expired(context, static_cast<int64_t>(time(nullptr)) * 1000))
		return 0;
	*key_r = "certificate";
	snprintf(e->text, sizeof(e->text), "%s: the certificate has expired", own->certificate);
	return 0;
}

/* The same for an instance, with the option in the text. */
static int tls_make_for(const tls_conf *conf, tls_context_ptr *context_r, struct cs_error *e)
{
	const char *key = "certificate";
	struct cs_error text {};

	if (tls_make(conf, context_r, &key, &text) == 0)
		return 0;
	snprintf(e->text, sizeof(e->text), "tls_openssl.%s: %.*s", key, static_cast<int>(sizeof(e->text)) - 32,
	         text.text);
	return CS_EINVAL;
}

static void tls_use(struct tls *t, tls_context_ptr context)
{
	t->context = std::move(context);
	if (!t->context)
		return;
	(void)SSL_CTX_set_app_data(t->context->ctx.get(), t);
	tls_tickets_set(&t->tickets, &t->context->secret);
}

static int tls_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                     struct cs_error *e)
{
	auto t = std::make_unique<struct tls>();
	tls_context_ptr context;

	t->host = host;
	t->self = self;
	t->conf = static_cast<const tls_conf *>(conf);
	if (tls_make_for(t->conf, &context, e))
		return CS_EINVAL;
	if (tls_stream_prepare(t.get())) {
		snprintf(e->text, sizeof(e->text), "OpenSSL has no memory");
		return CS_EINVAL;
	}
	tls_use(t.get(), std::move(context));
	tls_certificate_watch(t.get());
	*state_r = t.release();
	return 0;
}

static int tls_reload(void *state, const void *conf, int commit, struct cs_error *e)
{
	auto *t = static_cast<struct tls *>(state);
	const auto *next = static_cast<const tls_conf *>(conf);

	if (commit) {
		t->conf = next;
		tls_use(t, std::move(t->proposed));
		tls_certificate_changed(t);
		return 0;
	}
	t->proposed.reset();
	if (t->context && !tls_has_certificate(next)) {
		snprintf(e->text, sizeof(e->text), "tls_openssl.certificate: it can be taken away only by a restart");
		return CS_EINVAL;
	}
	if (tls_make_for(next, &t->proposed, e))
		return CS_EINVAL;
	if (!tls_has_expired(t->proposed, t->host->now()) || tls_has_expired(t->context, t->host->now()))
		return 0;
	/* It would take the place of one that is valid. */
	t->proposed.reset();
	snprintf(e->text, sizeof(e->text), "tls_openssl.certificate: %.*s: the certificate has expired",
	         static_cast<int>(sizeof(e->text)) - 64, next->certificate);
	return CS_EINVAL;
}

static void tls_stop(void *state)
{
	const std::unique_ptr<struct tls> owner(static_cast<struct tls *>(state));
}

static const struct cs_service tls_services[] = {
	{CS_STREAM_PREFIX "tls", CS_TRANSPORT_VERSION, &tls_stream},
	{nullptr, 0, nullptr},
};

static const struct cs_option tls_options[] = {
	{"listen", CS_OPTION_TEXT, offsetof(tls_conf, listen), 0, 4096, "", nullptr, 0,
         "addresses for connections with TLS; as core.listen"},
	{"certificate", CS_OPTION_TEXT, offsetof(tls_conf, certificate), 0, 4096, "", nullptr, 1,
         "PEM file of the certificate and of those that lead to its authority"},
	{"key", CS_OPTION_TEXT, offsetof(tls_conf, key), 0, 4096, "", nullptr, 1,
         "PEM file of the private key; empty: it is in the file of the certificate"},
	{"minimum", CS_OPTION_CHOICE, offsetof(tls_conf, minimum), 0, 0, "1.2", "1.2|1.3", 1,
         "the lowest version of TLS"},
	{nullptr, CS_OPTION_TEXT, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,           .name = "tls_openssl",  .version = CS_VERSION,
	.provides = tls_services, .options = tls_options, .conf_size = sizeof(tls_conf),
	.start = tls_start,       .reload = tls_reload,   .stop = tls_stop,
	.check = tls_check,
};
