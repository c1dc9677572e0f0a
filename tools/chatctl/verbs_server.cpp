/* SPDX-License-Identifier: MIT
 * The verbs of the server itself: its state, its sessions, its orders. */
#include "verbs.h"

#include <algorithm>
#include <cstdio>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

static bool chatctl_read_account(const chatctl_words &words, cJSON *request)
{
	if (words.size() > 0 && !chatctl_add_account(request, words[0]))
		return false;
	return words.size() <= 1 || chatctl_add_number(request, "device", words[1], 0, UINT32_MAX,
	                                               "a device is a number of the list of sessions");
}

static bool chatctl_read_level(const chatctl_words &words, cJSON *request)
{
	for (const char *level : {"error", "warning", "info", "debug"}) {
		if (words[0] != level)
			continue;
		(void)cJSON_AddStringToObject(request, "level", level);
		return true;
	}
	return chatctl_mistake("the level is error, warning, info or debug", words[0]);
}

static bool chatctl_read_notice(const chatctl_words &words, cJSON *request)
{
	std::string text;

	for (size_t i = 0; i < words.size(); i++)
		text += (i > 0 ? " " : "") + words[i];
	(void)cJSON_AddStringToObject(request, "text", text.c_str());
	return true;
}

static std::string chatctl_restart_list(const cJSON *reload)
{
	std::string text;
	const cJSON *item;

	cJSON_ArrayForEach(item, chatctl_member(reload, "restart")) text +=
		(text.empty() ? "" : ", ") + chatctl_harmless(cJSON_IsString(item) ? item->valuestring : "");
	return text;
}

static void chatctl_add_reload(struct chatctl_table *table, const cJSON *reload)
{
	const std::string restart = chatctl_restart_list(reload);

	if (!cJSON_IsObject(reload))
		return chatctl_add_line(table, "reload", "none since the start");
	const std::string time = chatctl_time(chatctl_number(reload, "ended"));

	if (chatctl_flag(reload, "done"))
		chatctl_add_line(table, "reload", "done " + time);
	else
		chatctl_add_line(table, "reload", "refused " + time + ": " + chatctl_text(reload, "why"),
		                 CHATCTL_WARNING);
	if (!restart.empty())
		chatctl_add_line(table, "needs a restart", restart, CHATCTL_WARNING);
}

static std::string chatctl_store_text(const cJSON *store)
{
	const std::string why = chatctl_text(store, "why");

	return chatctl_text(store, "driver") + " " + chatctl_text(store, "state") + (why.empty() ? "" : ": " + why) +
	       ", waiting: reads " + std::to_string(chatctl_number(store, "waiting_reads")) + ", writes " +
	       std::to_string(chatctl_number(store, "waiting_writes")) + ", hashes " +
	       std::to_string(chatctl_number(store, "waiting_hashes"));
}

static std::string chatctl_bus_text(const cJSON *bus)
{
	const std::string driver = chatctl_text(bus, "driver");

	return driver.empty() ? chatctl_text(bus, "state") : driver + " " + chatctl_text(bus, "state");
}

static void chatctl_show_status(const cJSON *answer, bool colour)
{
	const cJSON *store = chatctl_member(answer, "store"), *bus = chatctl_member(answer, "bus");
	const std::string state = chatctl_text(answer, "state");
	struct chatctl_table table {
		{{"", false}, {"", false}}, {}
	};

	chatctl_add_line(&table, "state", state, state == "serving" ? CHATCTL_GOOD : CHATCTL_WARNING);
	chatctl_add_line(&table, "version", chatctl_text(answer, "version"));
	chatctl_add_line(&table, "node", chatctl_text(answer, "node"));
	chatctl_add_line(&table, "pid", std::to_string(chatctl_number(answer, "pid")));
	chatctl_add_line(&table, "configuration", chatctl_text(answer, "conf"));
	chatctl_add_line(&table, "uptime", chatctl_duration(chatctl_number(answer, "uptime_ms")));
	chatctl_add_line(&table, "log level", chatctl_text(answer, "log_level"));
	chatctl_add_line(&table, "workers", std::to_string(chatctl_number(answer, "workers")));
	chatctl_add_line(&table, "plugins", std::to_string(chatctl_number(answer, "plugins")));
	chatctl_add_line(&table, "connections", chatctl_counts(chatctl_member(answer, "connections")));
	chatctl_add_line(&table, "without login", std::to_string(chatctl_number(answer, "without_login")));
	chatctl_add_line(&table, "sessions", std::to_string(chatctl_number(answer, "sessions")));
	chatctl_add_line(&table, "store", chatctl_store_text(store),
	                 chatctl_text(store, "state") == "degraded" ? CHATCTL_BAD : CHATCTL_PLAIN);
	chatctl_add_line(&table, "bus", chatctl_bus_text(bus),
	                 chatctl_text(bus, "state") == "away" ? CHATCTL_BAD : CHATCTL_PLAIN);
	chatctl_add_reload(&table, chatctl_member(answer, "reload"));
	chatctl_print_table(&table, colour);
}

static std::vector<struct chatctl_cell> chatctl_worker_row(const cJSON *item)
{
	const std::string plugin = chatctl_text(item, "plugin");

	if (!chatctl_flag(item, "answers"))
		return {chatctl_number_cell(item, "worker"),
		        {"does not answer", CHATCTL_BAD},
		        {plugin.empty() ? "" : "in " + plugin, CHATCTL_BAD}};
	return {chatctl_number_cell(item, "worker"),   chatctl_number_cell(item, "connections"),
	        chatctl_number_cell(item, "sessions"), chatctl_number_cell(item, "without_login"),
	        chatctl_size_cell(item, "unsent"),     {std::to_string(chatctl_number(item, "lag_us")) + "us"},
	        chatctl_number_cell(item, "turns"),    chatctl_time_cell(item, "cpu_ms")};
}

static void chatctl_show_workers(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"WORKER", true}, {"CONNECTIONS", true}, {"SESSIONS", true}, {"NO LOGIN", true},
		 {"UNSENT", true}, {"LAG", true},         {"TURNS", true},    {"CPU", true}},
		{
		}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "workers")) table.rows.push_back(chatctl_worker_row(item));
	chatctl_print_table(&table, colour);
}

static void chatctl_show_sessions(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"ACCOUNT", true}, {"DEVICE", true}, {"NAME", false},  {"PEER", false}, {"OVER", false},
		 {"WORKER", true},  {"AGE", true},    {"SILENT", true}, {"UNSENT", true}},
		{
		}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "sessions")) table.rows.push_back(
		{chatctl_number_cell(item, "account"), chatctl_number_cell(item, "device"),
	         chatctl_text_cell(item, "name"), chatctl_text_cell(item, "peer"), chatctl_text_cell(item, "transport"),
	         chatctl_number_cell(item, "worker"), chatctl_time_cell(item, "age_ms"),
	         chatctl_time_cell(item, "silent_ms"), chatctl_size_cell(item, "unsent")});
	chatctl_print_table(&table, colour);
}

/* What an order for all nodes did not reach. */
static void chatctl_show_unreached(const cJSON *answer)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, chatctl_member(answer, "nodes")) if (chatctl_flag(item, "partial"))(void)
		printf("a worker of node %s does not answer; it may have more\n", chatctl_text(item, "node").c_str());
	if (chatctl_raw_text(answer, "bus") == "away")
		(void)printf("the bus is away: no other node was reached\n");
}

static void chatctl_show_kicked(const cJSON *item)
{
	const int64_t ended = chatctl_number(item, "ended");

	(void)printf("%lld session%s ended on node %s\n", static_cast<long long>(ended), chatctl_plural(ended),
	             chatctl_text(item, "node").c_str());
}

static void chatctl_show_kick(const cJSON *answer, bool)
{
	const cJSON *item;

	chatctl_show_kicked(answer);
	cJSON_ArrayForEach(item, chatctl_member(answer, "nodes")) chatctl_show_kicked(item);
	chatctl_show_unreached(answer);
}

static void chatctl_show_plugins(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"PLUGIN", false}, {"VERSION", false},  {"ROUTES", true},
		 {"HOOKS", true},   {"PROVIDES", false}, {"FILE", false}},
		{
		}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "plugins"))
		table.rows.push_back({chatctl_text_cell(item, "plugin"),
	                              chatctl_text_cell(item, "version"),
	                              chatctl_number_cell(item, "routes"),
	                              chatctl_number_cell(item, "hooks"),
	                              {chatctl_counts(chatctl_member(item, "provides"))},
	                              chatctl_text_cell(item, "path")});
	chatctl_print_table(&table, colour);
}

static void chatctl_show_routes(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"MSGID", true}, {"NAME", false}, {"PLUGIN", false},
		 {"CALLS", true}, {"BYTES", true}, {"REFUSED", true}},
		{
		}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "routes"))
		table.rows.push_back({chatctl_number_cell(item, "msgid"), chatctl_text_cell(item, "name"),
	                              chatctl_text_cell(item, "plugin"), chatctl_number_cell(item, "calls"),
	                              chatctl_size_cell(item, "bytes"), chatctl_number_cell(item, "refused")});
	chatctl_print_table(&table, colour);
}

static void chatctl_show_log(const cJSON *answer, bool)
{
	(void)printf("log level %s, before %s; a reload sets that of the configuration again\n",
	             chatctl_text(answer, "level").c_str(), chatctl_text(answer, "before").c_str());
}

static void chatctl_show_drain(const cJSON *answer, bool)
{
	const int64_t connections = chatctl_number(answer, "connections");

	(void)printf(
		"%s: %lld connection%s left; it ends within %s\n",
		chatctl_flag(answer, "already") ? "the server drains already" : "the server drains",
		static_cast<long long>(connections), chatctl_plural(connections),
		chatctl_duration(
			std::max<int64_t>(chatctl_number(answer, "timeout_ms") - chatctl_number(answer, "since_ms"), 0))
			.c_str());
}

static void chatctl_show_reload(const cJSON *answer, bool)
{
	const std::string restart = chatctl_restart_list(chatctl_member(answer, "reload"));

	(void)puts("configuration reloaded");
	if (!restart.empty())
		(void)printf("needs a restart: %s\n", restart.c_str());
}

/* A limit of 0 is none. */
static std::string chatctl_amount(int64_t value, const std::string &unit, bool is_limit)
{
	if (value == 0 && is_limit)
		return "none";
	return unit == "bytes" ? chatctl_size(value) : unit == "ms" ? chatctl_duration(value) : std::to_string(value);
}

static std::vector<struct chatctl_cell> chatctl_limit_row(const cJSON *item)
{
	const std::string unit = chatctl_text(item, "unit");
	const int64_t value = chatctl_number(item, "value"), used = chatctl_number(item, "used");
	const bool is_used = cJSON_IsNumber(chatctl_member(item, "used")) && value > 0;
	const int64_t percent = is_used ? used * 100 / value : 0;

	return {chatctl_text_cell(item, "limit"),
	        {chatctl_amount(value, unit, true)},
	        {is_used ? chatctl_amount(used, unit, false) : "-"},
	        {is_used ? std::to_string(percent) + "%" : "", percent >= 90   ? CHATCTL_BAD
	                                                       : percent >= 70 ? CHATCTL_WARNING
	                                                                       : CHATCTL_PLAIN},
	        {unit == "ms" ? "" : unit}};
}

static void chatctl_show_limits(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"LIMIT", false}, {"VALUE", true}, {"USED", true}, {"", true}, {"UNIT", false}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "limits")) table.rows.push_back(chatctl_limit_row(item));
	chatctl_print_table(&table, colour);
}

static void chatctl_show_reached(const cJSON *item)
{
	const int64_t reached = chatctl_number(item, "reached"), sessions = chatctl_number(item, "sessions");

	(void)printf("reached %lld of %lld session%s of node %s; the others do not show notices\n",
	             static_cast<long long>(reached), static_cast<long long>(sessions), chatctl_plural(sessions),
	             chatctl_text(item, "node").c_str());
}

static void chatctl_show_notice(const cJSON *answer, bool)
{
	const cJSON *item;

	chatctl_show_reached(answer);
	cJSON_ArrayForEach(item, chatctl_member(answer, "nodes")) chatctl_show_reached(item);
	chatctl_show_unreached(answer);
}

/* ---- the verbs */

const struct chatctl_verb chatctl_server_verbs[] = {
	{"status", "", "how the server is", CS_MSGID_STATUS, 0, 0, nullptr, chatctl_show_status},
	{"workers", "", "its workers, and whether one hangs", CS_MSGID_WORKERS, 0, 0, nullptr, chatctl_show_workers},
	{"sessions", "[ACCOUNT]", "who is logged in on this node", CS_MSGID_SESSIONS, 0, 1, chatctl_read_account,
         chatctl_show_sessions, "sessions", nullptr, false, true},
	{"kick", "ACCOUNT [DEVICE]", "end sessions of an account, on all nodes", CS_MSGID_KICK, 1, 2,
         chatctl_read_account, chatctl_show_kick, nullptr, nullptr, false, true},
	{"plugins", "", "the plugins that are loaded", CS_MSGID_PLUGINS, 0, 0, nullptr, chatctl_show_plugins},
	{"routes", "", "the requests, with counters", CS_MSGID_ROUTES, 0, 0, nullptr, chatctl_show_routes},
	{"limits", "", "what is allowed, and what is used", CS_MSGID_LIMITS, 0, 0, nullptr, chatctl_show_limits},
	{"log", "LEVEL", "log up to error, warning, info or debug", CS_MSGID_LOG, 1, 1, chatctl_read_level,
         chatctl_show_log},
	{"reload", "", "read the configuration again", CS_MSGID_RELOAD, 0, 0, nullptr, chatctl_show_reload},
	{"drain", "", "finish what is under way, and end", CS_MSGID_DRAIN, 0, 0, nullptr, chatctl_show_drain},
	{"notice", "TEXT...", "say something to all sessions, on all nodes", CS_MSGID_NOTIFY, 1, SIZE_MAX,
         chatctl_read_notice, chatctl_show_notice},
	{},
};
