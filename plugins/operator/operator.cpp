/* SPDX-License-Identifier: MIT
 * The verbs of operators that need the store: accounts, groups and the log. The plugin itself, and what its files
 * share. */
#include "operator.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <chatserverd/json.h>

static constexpr int64_t operator_page_default = 200, operator_page_most = 200; /* items */

int operator_check_req(const plugin_context &context, const cs_frame *frame)
{
	if (frame->request.req >= 0)
		return 0;
	return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "req is missing");
}

std::string operator_peer(const plugin_context &context, cs_conn conn)
{
	struct cs_peer peer = {};

	return context.host->peer(context.self, conn, &peer) == 0 ? peer.text : "";
}

void operator_log_order(const plugin_context &context, const char *verb, const char *by, uint64_t account)
{
	const auto id = static_cast<unsigned long long>(account);

	context.host->log(context.self, CS_LOG_INFO, "order verb=%s by=%s account=%llu", verb, by, id);
	context.host->audit(context.self, "order", "verb=%s peer=%s account=%llu", verb, by, id);
}

void operator_quote(std::string *out, std::string_view text)
{
	const size_t at = out->size(), size = cs_json_quote(nullptr, 0, text.data(), text.size());

	out->resize(at + size);
	(void)cs_json_quote(out->data() + at, size, text.data(), text.size());
}

bool operator_read_number(std::string_view text, uint64_t *number_r)
{
	*number_r = 0;
	if (text.empty() || text.size() > 16)
		return false;
	for (const char c : text) {
		if (c < '0' || c > '9')
			return false;
		*number_r = *number_r * 10 + static_cast<uint64_t>(c - '0');
	}
	return true;
}

int operator_get_page(const plugin_context &context, const cs_frame *frame, operator_page *page_r)
{
	std::string_view after = "0";
	int64_t limit = operator_page_default;
	int result = operator_check_req(context, frame);

	if (!result)
		result = field_text(context, frame, "after", FIELD_OPTIONAL, &after);
	if (!result)
		result = field_integer(context, frame, "limit", FIELD_OPTIONAL, 1, &limit);
	if (result)
		return result;
	if (limit > operator_page_most)
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "limit must be 1 to 200");
	if (!operator_read_number(after, &page_r->after))
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "after must be what the page before gave as next");
	page_r->request = frame->request;
	page_r->limit = static_cast<size_t>(limit);
	return 0;
}

std::string operator_more(uint64_t next)
{
	return ",\"more\":true,\"next\":\"" + std::to_string(next) + "\"";
}

std::string operator_place_text(const std::vector<uint64_t> &place)
{
	std::string text;

	for (const uint64_t number : place)
		text += (text.empty() ? "" : ".") + std::to_string(number);
	return text;
}

static bool operator_read_place(std::string_view text, size_t count, std::vector<uint64_t> *place_r)
{
	place_r->clear();
	for (size_t at = 0; at <= text.size(); at = std::min(text.find('.', at), text.size()) + 1) {
		uint64_t number = 0;

		if (!operator_read_number(text.substr(at, text.find('.', at) - at), &number))
			return false;
		place_r->push_back(number);
	}
	return place_r->size() == count;
}

int operator_get_place(const plugin_context &context, const cs_frame *frame, size_t count,
                       std::vector<uint64_t> *place_r)
{
	std::string_view after;
	int result = operator_check_req(context, frame);

	place_r->assign(count, 0);
	if (!result)
		result = field_text(context, frame, "after", FIELD_OPTIONAL, &after);
	if (result || after.empty())
		return result;
	if (!operator_read_place(after, count, place_r))
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "after must be what the page before gave as next");
	return 0;
}

void operator_fail(const plugin_context &context, cs_conn conn, const cs_request &request, int result)
{
	(void)context.host->refuse_result(context.self, conn, &request, result);
	(void)context.host->finish(context.self, conn);
}

void operator_done(const plugin_context &context, cs_conn conn, const cs_request &request, const std::string &more)
{
	context.host->answer(context.self, conn, &request, more.c_str());
	(void)context.host->finish(context.self, conn);
}

/* ---- the instance */

static int operator_start(const cs_host *host, cs_self *self, const void *, void **state_r, cs_error *e)
{
	auto p = std::make_unique<operator_plugin>();
	const void *table = nullptr;

	p->context = {host, self};
	if (!CS_HOST_HAS(host, ask_erase)) {
		(void)snprintf(e->text, sizeof e->text,
		               "this chatserverd is too old for the plugin: it cannot ask plugins to erase accounts");
		return CS_EINVAL;
	}
	if (const int result =
	            host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &p->mailbox_context)) {
		(void)snprintf(e->text, sizeof e->text, "no service \"%s\"", CS_MAILBOX_SERVICE);
		return result;
	}
	p->mailbox = static_cast<const cs_mailbox *>(table);
	bans_start(p.get());
	operator_erase_start(p.get());
	*state_r = p.release();
	return 0;
}

static void operator_stop(void *state)
{
	const std::unique_ptr<operator_plugin> p(static_cast<operator_plugin *>(state));

	operator_backup_stop(p.get());
	operator_export_stop(p.get());
	operator_purge_stop(p.get());
	operator_erase_stop(p.get());
}

static int operator_busy(void *state)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);

	p->bans.leaves = true;
	return p->backup || p->changes != 0 || p->purge.working || p->erase.working;
}

/* ---- other nodes */

/* For a session here: an account is erased. To the topic: the bans have changed. */
static void operator_on_routed(void *state, cs_conn conn, cs_account, const cs_parcel *parcel)
{
	operator_plugin *p = static_cast<operator_plugin *>(state);

	if (conn != 0)
		operator_erase_on_routed(p, conn, parcel);
	else
		bans_look(p);
}

static void operator_on_cluster(void *state, cs_cluster_event)
{
	bans_look(static_cast<operator_plugin *>(state));
}

static const char *const operator_needs[] = {CS_MAILBOX_SERVICE, nullptr};

static const cs_route operator_routes[] = {
	{CS_MSGID_ACCOUNT_LIST, "account_list", operator_on_account_list, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_SHOW, "account_show", operator_on_account_show, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_EXPORT, "account_export", operator_on_account_export, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_ERASE, "account_erase", operator_on_account_erase, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_GROUP_LIST, "group_list", operator_on_group_list, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_BAN, "ban", operator_on_ban, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_UNBAN, "unban", operator_on_unban, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_BANS, "bans", operator_on_bans, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_BACKUP, "backup", operator_on_backup, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_CHECK, "check", operator_on_check, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_EXPORT, "export", operator_on_export, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_IMPORT, "import", operator_on_import, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_GROUP_SHOW, "group_show", operator_on_group_show, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_GROUP_DISSOLVE, "group_dissolve", operator_on_group_dissolve, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_GROUP_KEEP, "group_keep", operator_on_group_keep, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_GROUP_MUTE, "group_mute", operator_on_group_mute, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_PURGE, "purge", operator_on_purge, CS_ROUTE_OPERATOR, 0},
	{0, nullptr, nullptr, 0, 0},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "operator",
	.version = CS_VERSION,
	.needs = operator_needs,
	.routes = operator_routes,
	.start = operator_start,
	.routed = operator_on_routed,
	.cluster = operator_on_cluster,
	.stop = operator_stop,
	.busy = operator_busy,
};
