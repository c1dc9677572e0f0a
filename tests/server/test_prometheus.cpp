/* SPDX-License-Identifier: MIT
 * Tests the figures of a node with a real Prometheus: promtool finds no fault in the page, each figure is in the
 * manual, each query of the dashboard and each alert finds what it asks for. The node has all transports and a bus. */
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <cjson/cJSON.h>

#include "tests/support/admin_page.h"
#include "tests/support/certificate.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/redis.h"
#include "tests/support/server.h"

struct stage {
	test_server *server;
	redis *bus;
	pid_t prometheus = -1;
	uint16_t port = 0; /* of Prometheus */
	std::set<std::string> names; /* of all figures that Prometheus has */
};

static stage *stage_of(void **state)
{
	return static_cast<stage *>(*state);
}

static void write_file(const std::string &path, const std::string &text)
{
	FILE *file = fopen(path.c_str(), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text.data(), 1, text.size(), file), text.size());
	assert_int_equal(fclose(file), 0);
}

/* Runs a tool that must end with 0; prints what it says otherwise. */
static void run_well(stage *s, const std::string &command)
{
	const std::string output = s->server->folder + "/tool.log";

	(void)unlink(output.c_str());
	if (process_run({"sh", "-c", command}, output) != 0)
		check_fail(std::source_location::current(), "%s: %s", command.c_str(), check_read_file(output).c_str());
}

/* ---- the node and its load */

static std::string at_port(uint16_t port)
{
	return "127.0.0.1:" + std::to_string(port);
}

static void start_node(stage *s)
{
	const test_certificate *certificate = transport_certificate();
	test_server *node = s->server;

	test_server_set(node, "core.admin", "127.0.0.1:0");
	test_server_set(node, "bus.driver", "bus_redis");
	test_server_set(node, "bus_redis.host", "127.0.0.1");
	test_server_set(node, "bus_redis.port", std::to_string(s->bus->port));
	test_server_set(node, "tls_openssl.listen", at_port(test_free_port()));
	test_server_set(node, "tls_openssl.certificate", certificate->chain);
	test_server_set(node, "tls_openssl.key", certificate->key);
	test_server_set(node, "websocket.listen", at_port(test_free_port()));
	test_server_start(node);
}

/* A client by that transport, logged in. */
static test_client *enter(test_server *node, transport_kind kind, const char *option, const char *name)
{
	const std::string &address = node->options.at(option);

	node->transport = kind;
	node->port = static_cast<uint16_t>(atoi(address.c_str() + address.rfind(':') + 1));
	test_client *c = client_open(node);

	client_login(c, client_register(c, name));
	return c;
}

static void make_load(test_server *node)
{
	test_client *const plain = enter(node, TRANSPORT_PLAIN, "core.listen", "plain");
	test_client *const others[] = {enter(node, TRANSPORT_TLS, "tls_openssl.listen", "tls"),
	                               enter(node, TRANSPORT_WS, "websocket.listen", "ws")};

	for (test_client *to : others)
		for (int i = 0; i < 20; i++) {
			client_sendf(plain, R"({"msgid":6,"req":%d,"id":%lld,"toid":%lld,"msg":"hello","time":""})", i,
			             static_cast<long long>(plain->id), static_cast<long long>(to->id));
			client_expect(plain, check_format(R"({"msgid":100,"of":6,"req":%d,"errno":0})", i));
		}
	client_sendf(plain, R"({"msgid":6,"req":1,"id":%lld,"toid":999999,"msg":"x","time":""})",
	             static_cast<long long>(plain->id));
	client_expect(plain, R"({"msgid":100,"of":6,"errno":6})");
}

static std::string page_of(const stage *s)
{
	const std::string text = http_get(admin_port(s->server), "/metrics");

	return text.substr(text.find("\r\n\r\n") + 4);
}

/* ---- Prometheus */

static void start_prometheus(stage *s)
{
	const std::string conf = s->server->folder + "/prometheus.yml";

	s->port = test_free_port();
	write_file(conf, "global: {scrape_interval: 500ms, evaluation_interval: 500ms}\n"
	                 "rule_files: ['" +
	                         std::filesystem::absolute("conf/prometheus-alerts.yml").string() +
	                         "']\n"
	                         "scrape_configs:\n"
	                         "  - job_name: chatserverd\n"
	                         "    static_configs: [{targets: ['" +
	                         at_port(admin_port(s->server)) + "']}]\n");
	s->prometheus = process_spawn({"prometheus", "--config.file=" + conf,
	                               "--storage.tsdb.path=" + s->server->folder + "/prometheus",
	                               "--web.listen-address=" + at_port(s->port), "--log.level=warn"},
	                              s->server->folder + "/prometheus.log");
}

static std::string encode(const std::string &text)
{
	std::string encoded;

	for (const char c : text)
		encoded += isalnum(static_cast<unsigned char>(c))
		                   ? std::string(1, c)
		                   : check_format("%%%02X", static_cast<unsigned char>(c));
	return encoded;
}

/* The member "data" of an answer; null: Prometheus does not run yet, or does not understand the question. */
static json_ptr ask(const stage *s, const std::string &path)
{
	const std::string text = http_get(s->port, path);
	const size_t body = text.find("\r\n\r\n");
	const json_ptr answer(body == text.npos ? nullptr : cJSON_Parse(text.c_str() + body + 4));

	return json_ptr(answer ? cJSON_DetachItemFromObjectCaseSensitive(answer.get(), "data") : nullptr);
}

/* How many series a query gives; -1: it is not understood. */
static int series_of(const stage *s, const std::string &query)
{
	const json_ptr data = ask(s, "/api/v1/query?query=" + encode(query));
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(data.get(), "result");

	return cJSON_IsArray(result) ? cJSON_GetArraySize(result) : -1;
}

static std::set<std::string> ask_names(const stage *s)
{
	const json_ptr data = ask(s, "/api/v1/label/__name__/values");
	const cJSON *name = nullptr;
	std::set<std::string> names;

	cJSON_ArrayForEach(name, data.get()) names.insert(name->valuestring);
	return names;
}

/* Fails if the query names a figure that is not there. */
static void assert_names_exist(const stage *s, const std::string &query)
{
	static const std::regex name("\\b(chatserverd|process)_[a-z0-9_]+");

	for (std::sregex_iterator i(query.begin(), query.end(), name), end; i != end; ++i)
		if (!s->names.contains(i->str()))
			check_fail(std::source_location::current(), "there is no figure %s, which is in: %s",
			           i->str().c_str(), query.c_str());
}

static void assert_has_series(const stage *s, const std::string &query)
{
	assert_names_exist(s, query);
	if (const int series = series_of(s, query); series < 1)
		check_fail(std::source_location::current(), "%s: %s", series == 0 ? "no series" : "not understood",
		           query.c_str());
}

static int stage_set_up(void **state)
{
	stage *s = new stage{test_server_new(), redis_new()};

	*state = s;
	redis_start(s->bus);
	start_node(s);
	start_prometheus(s);
	make_load(s->server);
	check_wait("two scrapes after the load", [s] {
		return series_of(s, R"(count_over_time(chatserverd_requests_refused_total[1m]) >= 2)") > 0 &&
		       series_of(s, R"(chatserverd_bus_away == 0)") > 0;
	});
	s->names = ask_names(s);
	return 0;
}

static int stage_tear_down(void **state)
{
	stage *s = stage_of(state);

	process_kill(&s->prometheus);
	test_server_free(s->server);
	redis_free(s->bus);
	delete s;
	return 0;
}

/* ---- the page */

static void promtool_finds_no_fault_in_the_page(void **state)
{
	stage *s = stage_of(state);
	const std::string page = s->server->folder + "/page";

	write_file(page, page_of(s));
	run_well(s, "promtool check metrics <" + page);
}

static std::set<std::string> names_of_page(const std::string &page)
{
	static const std::regex head("# TYPE ([a-z0-9_]+) ");
	std::set<std::string> names;

	for (std::sregex_iterator i(page.begin(), page.end(), head), end; i != end; ++i)
		names.insert((*i)[1].str());
	return names;
}

/* Those in the heads of its lists. */
static std::set<std::string> names_of_manual()
{
	const std::string text = check_read_file("man/chatserverd.8");
	const size_t begin = text.find("\n.Ss Figures\n"), end = text.find("\n.Sh ", begin);
	static const std::regex head("\n\\.It Li ([a-z0-9_ ,]+)"), name("[a-z0-9_]+");
	const std::string part = text.substr(begin, end - begin);
	std::set<std::string> names;

	for (std::sregex_iterator i(part.begin(), part.end(), head), none; i != none; ++i) {
		const std::string list = (*i)[1].str();

		for (std::sregex_iterator j(list.begin(), list.end(), name); j != none; ++j)
			names.insert(j->str());
	}
	return names;
}

static void every_figure_is_in_the_manual_and_every_one_of_the_manual_on_the_page(void **state)
{
	const std::set<std::string> page = names_of_page(page_of(stage_of(state))), manual = names_of_manual();

	assert_true(page.size() > 50);
	for (const std::string &name : page)
		if (!manual.contains(name))
			check_fail(std::source_location::current(), "chatserverd(8) has no %s", name.c_str());
	for (const std::string &name : manual)
		if (!page.contains(name))
			check_fail(std::source_location::current(), "/metrics has no %s", name.c_str());
}

/* ---- the dashboard */

/* With Grafana's variables filled in. */
static std::string fill_in(std::string query)
{
	for (const auto &[variable, value] : {std::pair{"$__rate_interval", "1m"}, std::pair{"$instance", ".+"}})
		for (size_t at; (at = query.find(variable)) != query.npos;)
			query.replace(at, strlen(variable), value);
	return query;
}

/* The values of all members of that name, however deep. */
static void collect(const cJSON *of, const char *name, std::vector<std::string> *values)
{
	const cJSON *item = nullptr;

	cJSON_ArrayForEach(item, of)
	{
		if (cJSON_IsString(item) && item->string && strcmp(item->string, name) == 0)
			values->push_back(item->valuestring);
		collect(item, name, values);
	}
}

static void every_query_of_the_dashboard_finds_figures(void **state)
{
	const stage *s = stage_of(state);
	const json_ptr dashboard(cJSON_Parse(check_read_file("conf/grafana-dashboard.json").c_str()));
	std::vector<std::string> queries;

	assert_non_null(dashboard.get());
	collect(cJSON_GetObjectItemCaseSensitive(dashboard.get(), "panels"), "expr", &queries);
	assert_true(queries.size() > 40);
	for (const std::string &query : queries)
		assert_has_series(s, fill_in(query));

	std::vector<std::string> marks;

	collect(cJSON_GetObjectItemCaseSensitive(dashboard.get(), "annotations"), "expr", &marks);
	for (const std::string &query : marks) {
		assert_names_exist(s, query);
		assert_true(series_of(s, fill_in(query)) >= 0);
	}
}

/* ---- the alerts */

/* What an alert compares: the query up to its last comparison. */
static std::string compared(const std::string &query)
{
	size_t at = 0;

	for (const char *sign : {" > ", " < ", " == "})
		if (const size_t found = query.rfind(sign); found != query.npos)
			at = std::max(at, found);
	return query.substr(0, at);
}

static void every_alert_is_understood_and_finds_its_figures(void **state)
{
	const stage *s = stage_of(state);
	const json_ptr data = ask(s, "/api/v1/rules");
	std::vector<std::string> queries, health, descriptions, summaries;

	collect(data.get(), "query", &queries);
	collect(data.get(), "health", &health);
	collect(data.get(), "summary", &summaries);
	collect(data.get(), "description", &descriptions);
	assert_true(queries.size() >= 20);
	assert_int_equal(health.size(), queries.size());
	assert_true(summaries.size() >= queries.size());
	assert_true(descriptions.size() >= queries.size());
	for (size_t i = 0; i < queries.size(); i++) {
		if (health[i] != "ok")
			check_fail(std::source_location::current(), "%s: %s", health[i].c_str(), queries[i].c_str());
		/* Errors that this node has not met have no series. */
		if (queries[i].find("error=") == queries[i].npos)
			assert_has_series(s, compared(queries[i]));
		else
			assert_names_exist(s, queries[i]);
	}
}

static void alerts_fire_when_they_should_and_the_samples_have_no_fault(void **state)
{
	stage *s = stage_of(state);

	run_well(s, "promtool test rules tests/server/prometheus_alerts.yml");
	run_well(s, "promtool check config conf/prometheus.yml");
}

static void a_node_that_is_well_raises_no_alert(void **state)
{
	assert_int_equal(series_of(stage_of(state), "ALERTS{alertstate=\"firing\"}"), 0);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promtool_finds_no_fault_in_the_page),
		cmocka_unit_test(every_figure_is_in_the_manual_and_every_one_of_the_manual_on_the_page),
		cmocka_unit_test(every_query_of_the_dashboard_finds_figures),
		cmocka_unit_test(every_alert_is_understood_and_finds_its_figures),
		cmocka_unit_test(alerts_fire_when_they_should_and_the_samples_have_no_fault),
		cmocka_unit_test(a_node_that_is_well_raises_no_alert),
	};

	return cmocka_run_group_tests_name("prometheus", tests, stage_set_up, stage_tear_down);
}
