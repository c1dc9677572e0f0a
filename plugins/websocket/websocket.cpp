/* SPDX-License-Identifier: MIT
 * The plugin websocket: its description, its options, and the life of an instance. */
#include "websocket.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/stat.h>

#include "handshake.h"

/* Whether the folder of the page is that of the installation, and is not there: then nobody asked for a page. */
static bool websocket_has_no_page(const websocket_conf *conf)
{
	struct stat status;

	return !*conf->root ||
	       (strcmp(conf->root, CS_WEB_ROOT) == 0 && stat(conf->root, &status) == -1 && errno == ENOENT);
}

static int websocket_load(const websocket_conf *conf, page *files, cs_error *e)
{
	*files = {};
	return !*conf->listen || websocket_has_no_page(conf) ? 0 : page_load(files, conf->root, e);
}

static int websocket_check_origins(const websocket_conf *conf, cs_error *e)
{
	const std::string_view bad = handshake_bad_origin(conf->origins);

	if (bad.empty())
		return 0;
	snprintf(e->text, sizeof(e->text), "\"%.*s\" is no origin: they have the form https://chat.example.com",
	         static_cast<int>(bad.size() < 100 ? bad.size() : 100), bad.data());
	return CS_EINVAL;
}

static int websocket_check(const void *conf, const char **key_r, cs_error *e)
{
	const auto *c = static_cast<const websocket_conf *>(conf);
	page files;

	*key_r = "origins";
	if (const int result = websocket_check_origins(c, e))
		return result;
	*key_r = "root";
	return websocket_load(c, &files, e);
}

static void websocket_log_page(const websocket *w)
{
	if (!w->files.files.empty())
		w->host->log(w->self, CS_LOG_INFO, "page root=\"%s\" files=%zu bytes=%zu", w->conf->root,
		             w->files.files.size(), w->files.bytes);
	else if (*w->conf->listen)
		w->host->log(w->self, CS_LOG_INFO, "page none");
}

static int websocket_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto w = std::make_unique<websocket>();

	w->host = host;
	w->self = self;
	w->conf = static_cast<const websocket_conf *>(conf);
	int result = websocket_check_origins(w->conf, e);

	if (!result)
		result = websocket_load(w->conf, &w->files, e);
	if (result)
		return result;
	websocket_log_page(w.get());
	*state_r = w.release();
	return 0;
}

/* Each worker reads the files, so that none is shared. */
static int websocket_reload(void *state, const void *conf, int commit, cs_error *e)
{
	websocket *w = static_cast<websocket *>(state);
	const auto *c = static_cast<const websocket_conf *>(conf);

	if (!commit) {
		w->next_files = std::make_unique<page>();
		const int result = websocket_check_origins(c, e);

		return result ? result : websocket_load(c, w->next_files.get(), e);
	}
	w->conf = c;
	if (w->next_files)
		w->files = std::move(*w->next_files);
	w->next_files.reset();
	websocket_log_page(w);
	return 0;
}

static void websocket_stop(void *state)
{
	const std::unique_ptr<websocket> owner(static_cast<websocket *>(state));
}

static const struct cs_service websocket_services[] = {
	{CS_FRAMING_PREFIX "websocket", CS_TRANSPORT_VERSION, &websocket_framing},
	{nullptr, 0, nullptr},
};

static const struct cs_option websocket_options[] = {
	{"listen", CS_OPTION_TEXT, offsetof(websocket_conf, listen), 0, 4096, "", nullptr, 0,
         "addresses for WebSocket and the page, as core.listen; empty: none"},
	{"tls", CS_OPTION_BOOL, offsetof(websocket_conf, tls), 0, 1, "no", nullptr, 0,
         "yes: over TLS (wss, https), with the certificate of [tls_openssl]"},
	{"root", CS_OPTION_TEXT, offsetof(websocket_conf, root), 0, 4096, CS_WEB_ROOT, nullptr, 1,
         "folder of the page; empty: no page"},
	{"origins", CS_OPTION_TEXT, offsetof(websocket_conf, origins), 0, 4096, "", nullptr, 1,
         "web sites that may connect, besides the same host: https://chat.example.com ...; *: all"},
	{"ping", CS_OPTION_TIME, offsetof(websocket_conf, ping), 1000, 60000, "30s", nullptr, 1,
         "how often an open connection is pinged"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "websocket",
	.version = CS_VERSION,
	.provides = websocket_services,
	.options = websocket_options,
	.conf_size = sizeof(websocket_conf),
	.start = websocket_start,
	.reload = websocket_reload,
	.stop = websocket_stop,
	.check = websocket_check,
};
