/* SPDX-License-Identifier: MIT
 * The HTTP pages for monitoring: /healthz, /readyz for load balancers, /metrics for Prometheus. */
#include "core/admin.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "core/base/log.h"
#include "core/metrics.h"
#include "core/net/listener.h"
#include "core/ready.h"
#include "core/server.h"
#include <base/raii.h>

using http_ptr = std::unique_ptr<evhttp, function_deleter<evhttp_free>>;
using buffer_ptr = std::unique_ptr<evbuffer, function_deleter<evbuffer_free>>;

struct admin {
	struct server *server = nullptr;
	http_ptr http;
};

void admin_deleter::operator()(struct admin *a) const
{
	std::default_delete<struct admin>()(a);
}

static void admin_answer(struct evhttp_request *request, int status, const char *reason, const std::string &text)
{
	const buffer_ptr body(evbuffer_new());

	(void)evbuffer_add(body.get(), text.data(), text.size());
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
	                        "text/plain; version=0.0.4; charset=utf-8");
	evhttp_send_reply(request, status, reason, body.get());
}

/* The main loop turns. */
static void admin_on_health(struct evhttp_request *request, void *)
{
	admin_answer(request, HTTP_OK, "OK", "ok\n");
}

static void admin_on_ready(struct evhttp_request *request, void *arg)
{
	if (const char *why = ready_why_not(static_cast<struct admin *>(arg)->server))
		admin_answer(request, HTTP_SERVUNAVAIL, "Not Ready", std::string(why) + "\n");
	else
		admin_answer(request, HTTP_OK, "OK", "ready\n");
}

static void admin_on_other(struct evhttp_request *request, void *)
{
	admin_answer(request, HTTP_NOTFOUND, "Not Found", "there are /healthz, /readyz and /metrics\n");
}

static void admin_on_metrics(struct evhttp_request *request, void *arg)
{
	admin_answer(request, HTTP_OK, "OK", metrics_text(static_cast<struct admin *>(arg)->server));
}

/* Makes a stream that closes its descriptor after its last event. evhttp's own stream closes the descriptor first and
 * then tells the kernel to stop watching it; by then a worker may have accepted a connection with the same number. */
static struct bufferevent *admin_make_stream(struct event_base *base, void *)
{
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

/* After an error the connection stays in the kernel's queue and would wake the loop again at once, for ever; so
 * accepting pauses. */
static constexpr struct timeval accept_pause {
	.tv_sec = 5, .tv_usec = 0
};

static void admin_go_on_accepting(evutil_socket_t, short, void *arg)
{
	(void)evconnlistener_enable(static_cast<struct evconnlistener *>(arg));
}

static void admin_on_accept_failed(struct evconnlistener *listener, void *)
{
	log_warning("admin: accepting pauses why=\"%s\"", strerror(errno));
	(void)evconnlistener_disable(listener);
	(void)event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, admin_go_on_accepting, listener,
	                      &accept_pause);
}

static int admin_bind_address(struct admin *a, const struct listen_address *address, struct cs_error *e)
{
	const std::string text = server_address_text(address);
	const size_t colon = text.rfind(':');
	std::string host = text.substr(0, colon);

	if (host.front() == '[')
		host = host.substr(1, host.size() - 2);
	struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(
		a->http.get(), host.c_str(), static_cast<uint16_t>(std::stoul(text.substr(colon + 1))));

	if (!bound) {
		error_set(e, "core.admin: cannot listen on %s", text.c_str());
		return CS_EINVAL;
	}
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), admin_on_accept_failed);
	log_info("admin listening address=%s", text.c_str());
	return 0;
}

int admin_reserve(const struct server *s, std::vector<struct listen_address> *addresses_r, struct cs_error *e)
{
	const char *option = server_core_conf(s->conf.get())->admin;
	struct cs_error text {};

	if (!*option)
		return 0;
	if (const int failed = listener_parse(option, addresses_r, e))
		return failed;
	if (listener_reserve(addresses_r, &text) == 0)
		return 0;
	error_set(e, "core.admin (%s): %s", conf_where(&s->conf->file, "core", "admin").c_str(), text.text);
	return CS_EINVAL;
}

int admin_open(admin_ptr *admin_r, struct server *s, struct cs_error *e)
{
	std::vector<struct listen_address> addresses;
	admin_ptr a;

	if (const int failed = admin_reserve(s, &addresses, e))
		return failed;
	if (addresses.empty())
		return 0;
	a.reset(std::make_unique<struct admin>().release());
	a->server = s;
	a->http.reset(evhttp_new(s->main.base.get()));
	evhttp_set_bevcb(a->http.get(), admin_make_stream, nullptr);
	evhttp_set_allowed_methods(a->http.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_timeout(a->http.get(), 10);
	evhttp_set_max_body_size(a->http.get(), 1024);
	evhttp_set_max_headers_size(a->http.get(), 8192);
	(void)evhttp_set_cb(a->http.get(), "/healthz", admin_on_health, a.get());
	(void)evhttp_set_cb(a->http.get(), "/readyz", admin_on_ready, a.get());
	(void)evhttp_set_cb(a->http.get(), "/metrics", admin_on_metrics, a.get());
	evhttp_set_gencb(a->http.get(), admin_on_other, a.get());
	for (const struct listen_address &address : addresses) {
		if (const int failed = admin_bind_address(a.get(), &address, e))
			return failed;
	}
	*admin_r = std::move(a);
	return 0;
}
