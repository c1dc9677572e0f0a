/* SPDX-License-Identifier: MIT
 * Webhooks, bots, and notices for people who are away. The plugin itself: options, routes, the instance. */
#include "push.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include <unistd.h>

#include "../model/push_erase.h"
#include "sign.h"

/* How often the first worker tends to its devices and notices. */
static constexpr int64_t push_tick_ms = 250;

uint64_t push_next_tag(push_plugin *p)
{
	return ++p->last_tag;
}

backoff_bounds push_backoff(const push_plugin *p)
{
	return {p->conf->backoff_min, std::max(p->conf->backoff_min, p->conf->backoff_max)};
}

http_post_ptr push_signed_post(const push_plugin *p, const std::string &url, std::string_view secret, std::string body)
{
	auto post = std::make_unique<http_post>();

	post->url = url;
	post->headers = {"Content-Type: application/json",
	                 "Chatserverd-Signature: " + sign_header(secret, p->context.host->now() / 1000, body)};
	post->body = std::move(body);
	return post;
}

bool push_is_taken(push_plugin *p, const http_post *post)
{
	const bool is_good = post->end == HTTP_ANSWERED && post->status / 100 == 2;

	if (is_good)
		p->answered[post->is_private] = p->context.host->monotonic();
	return is_good;
}

void push_show_figures(const push_plugin *p)
{
	const plugin_context &c = p->context;
	int64_t open = 0, failing = 0;

	device_count(p, &open, &failing);
	c.host->gauge(c.self, "posts_total", "POST requests that were sent to bots and to receivers of notices.",
	              p->figures.posts);
	c.host->gauge(c.self, "failures_total", "Of these, those that were not answered by 2xx.", p->figures.failures);
	c.host->gauge(c.self, "frames_total", "Frames that bots have taken.", p->figures.frames);
	c.host->gauge(c.self, "said_total", "Frames that bots have said in their answers.", p->figures.said);
	c.host->gauge(c.self, "notices_total", "Notices for people who were away that were taken.", p->figures.notices);
	c.host->gauge(c.self, "devices", "Bots that this node serves.", open);
	c.host->gauge(c.self, "devices_waiting", "Of these, those whose receiver failed and is asked again later.",
	              failing);
}

/* ---- the list has changed: a parcel to every instance, of which the first worker's reads it */

void push_tell_change(const push_plugin *p)
{
	static const char head = 'L';
	const cs_parcel parcel = {&head, sizeof head, nullptr};

	(void)p->context.host->route_all(p->context.self, 0, &parcel, 0);
}

void push_end_sessions(const push_plugin *p, cs_account account, uint64_t device, push_ending why)
{
	const char head = why;
	const cs_parcel parcel = {&head, sizeof head, nullptr};

	(void)p->context.host->route(p->context.self, account, device, &parcel, 0);
}

static const char *push_text_of_ending(const cs_parcel *parcel)
{
	if (parcel->head_size == 1 && *static_cast<const char *>(parcel->head) == PUSH_TOKEN_VOID)
		return "the bot has another token";
	return "the bot was removed";
}

/* For a session here: it ends. For the instance: the list of bots has changed. */
static void push_on_routed(void *state, cs_conn conn, cs_account, const cs_parcel *parcel)
{
	push_plugin *p = static_cast<push_plugin *>(state);

	if (conn != 0)
		(void)p->context.host->close(p->context.self, conn, push_text_of_ending(parcel));
	else if (p->posts)
		device_list_soon(p);
}

static void push_on_cluster(void *state, cs_cluster_event)
{
	push_plugin *p = static_cast<push_plugin *>(state);

	if (p->posts)
		device_list_soon(p);
}

static int push_on_closed(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	device_on_closed(static_cast<push_plugin *>(state), conn);
	return 0;
}

static void push_tick(void *state, void *)
{
	push_plugin *p = static_cast<push_plugin *>(state);

	device_tick(p);
	away_tick(p);
	push_show_figures(p);
}

/* ---- options */

/* The lists of addresses. false: *key_r is the option that is wrong, and *wrong_r a part of it. */
static bool push_read_lists(const push_conf *conf, http_rules *rules_r, const char **key_r, std::string *wrong_r)
{
	*key_r = "allow";
	if (!address_read_blocks(conf->allow, &rules_r->allowed, wrong_r))
		return false;
	*key_r = "allow_away";
	return address_read_blocks(conf->allow_away, &rules_r->allowed_away, wrong_r);
}

http_rules push_rules(const push_conf *conf)
{
	http_rules rules;
	const char *key = nullptr;
	std::string wrong;

	(void)push_read_lists(conf, &rules, &key, &wrong); /* push_check has read them */
	rules.certificates = conf->certificates;
	rules.timeout = conf->timeout;
	rules.parallel = static_cast<size_t>(conf->parallel);
	return rules;
}

static int push_check(const void *conf, const char **key_r, cs_error *e)
{
	const push_conf *options = static_cast<const push_conf *>(conf);
	http_rules rules;
	std::string wrong;

	if (!push_read_lists(options, &rules, key_r, &wrong)) {
		(void)snprintf(e->text, sizeof e->text, "%.100s is no block of addresses such as 10.0.0.0/8",
		               wrong.c_str());
		return CS_EINVAL;
	}
	if (!*options->certificates || access(options->certificates, R_OK) == 0)
		return 0;
	*key_r = "certificates";
	(void)snprintf(e->text, sizeof e->text, "%.200s cannot be read", options->certificates);
	return CS_EINVAL;
}

static int push_reload(void *state, const void *conf, int commit, cs_error *)
{
	push_plugin *p = static_cast<push_plugin *>(state);

	if (!commit)
		return 0;
	p->conf = static_cast<const push_conf *>(conf);
	if (p->posts)
		http_set(p->posts, push_rules(p->conf));
	return 0;
}

/* ---- the instance */

static void push_stop(void *state)
{
	const std::unique_ptr<push_plugin> p(static_cast<push_plugin *>(state));

	away_stop(p.get());
	if (!p->posts)
		return;
	p->context.host->timer_del(p->context.self, p->timer);
	http_stop(p->posts);
	device_stop(p.get());
}

static int push_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto p = std::make_unique<push_plugin>();
	const void *mailbox = nullptr;

	p->context = {host, self};
	p->started = host->monotonic();
	p->conf = static_cast<const push_conf *>(conf);
	(void)host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &mailbox, &p->mailbox_context);
	p->mailbox = static_cast<const cs_mailbox *>(mailbox);
	if (sign_init() != 0) {
		(void)snprintf(e->text, sizeof e->text, "libsodium cannot be started");
		return CS_EINVAL;
	}
	if (const int result = away_start(p.get(), e))
		return result;
	if (host->worker(self) == 0) {
		p->posts = http_start(p->context, push_rules(p->conf), e);
		if (!p->posts) {
			away_stop(p.get());
			return CS_EINVAL;
		}
		p->timer = host->timer_add(self, push_tick_ms, 1, push_tick, nullptr);
	}
	*state_r = p.release();
	return 0;
}

static const cs_route push_routes[] = {
	{CS_MSGID_SET_PUSH, "set_push", push_on_set_push, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 10},
	{CS_MSGID_PUSHES, "pushes", push_on_pushes, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{CS_MSGID_BOT_ADD, "bot_add", push_on_bot_add, CS_ROUTE_OPERATOR, 1},
	{CS_MSGID_BOT_LIST, "bot_list", push_on_bot_list, CS_ROUTE_OPERATOR, 1},
	{CS_MSGID_BOT_REMOVE, "bot_remove", push_on_bot_remove, CS_ROUTE_OPERATOR, 1},
	{CS_MSGID_BOT_SECRET, "bot_secret", push_on_bot_secret, CS_ROUTE_OPERATOR, 1},
	{CS_MSGID_BOT_TOKEN, "bot_token", push_on_bot_token, CS_ROUTE_OPERATOR, 1},
	{0, nullptr, nullptr, 0, 0},
};

static const cs_option push_options[] = {
	{"timeout", CS_OPTION_TIME, offsetof(push_conf, timeout), 100, 300000, "10s", nullptr, 1,
         "how long a receiver may take to answer a POST"},
	{"backoff_min", CS_OPTION_TIME, offsetof(push_conf, backoff_min), 10, 3600000, "1s", nullptr, 1,
         "the first pause before a receiver that failed is asked again; each further one is twice as long"},
	{"backoff_max", CS_OPTION_TIME, offsetof(push_conf, backoff_max), 10, 86400000, "10m", nullptr, 1,
         "the longest pause before a receiver that failed is asked again"},
	{"lookout", CS_OPTION_TIME, offsetof(push_conf, lookout), 10, 3600000, "5s", nullptr, 1,
         "how often a node looks for bots and notices that no node takes care of"},
	{"allow", CS_OPTION_TEXT, offsetof(push_conf, allow), 0, 4096, "", nullptr, 1,
         "private addresses that receivers of bots may have: 127.0.0.1/32, 10.0.0.0/8"},
	{"allow_away", CS_OPTION_TEXT, offsetof(push_conf, allow_away), 0, 4096, "", nullptr, 1,
         "private addresses that receivers of notices may have: any client can make the server post there"},
	{"certificates", CS_OPTION_TEXT, offsetof(push_conf, certificates), 0, 4096, "", nullptr, 1,
         "file with the certificates of the authorities that receivers' certificates must come from; empty: those "
         "of the system"},
	{"parallel", CS_OPTION_INTEGER, offsetof(push_conf, parallel), 2, 1000, "64", nullptr, 1,
         "POST requests of a node that may be under way at the same time"},
	{"away", CS_OPTION_BOOL, offsetof(push_conf, away), 0, 1, "no", nullptr, 0,
         "whether clients may ask for notices while their account is away"},
	{"delay", CS_OPTION_TIME, offsetof(push_conf, delay), 0, 86400000, "10s", nullptr, 1,
         "how old a message is when a notice of it is sent, if no device has it and it is not read"},
	{"interval", CS_OPTION_TIME, offsetof(push_conf, interval), 0, 86400000, "30s", nullptr, 1,
         "the shortest time between two notices of one conversation"},
	{"max_targets", CS_OPTION_INTEGER, offsetof(push_conf, max_targets), 1, 100, "8", nullptr, 1,
         "receivers of notices that an account may have"},
	{"give_up", CS_OPTION_TIME, offsetof(push_conf, give_up), 0, INT64_C(31536000000), "7d", nullptr, 1,
         "for how long a receiver of notices may fail without a break before it is removed; 0: for ever"},
	{"warn_again", CS_OPTION_TIME, offsetof(push_conf, warn_again), 10, INT64_C(31536000000), "1d", nullptr, 1,
         "how often the log has a warning of a bot whose receiver goes on failing"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

static const char *const push_needs[] = {CS_MAILBOX_SERVICE, nullptr};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "push",
	.version = CS_VERSION,
	.needs = push_needs,
	.routes = push_routes,
	.options = push_options,
	.conf_size = sizeof(push_conf),
	.start = push_start,
	.reload = push_reload,
	.closed = push_on_closed,
	.routed = push_on_routed,
	.cluster = push_on_cluster,
	.stop = push_stop,
	.check = push_check,
	.erase = push_erase,
};
