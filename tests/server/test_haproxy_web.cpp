/* SPDX-License-Identifier: MIT
 * Tests conf/haproxy-web.cfg and TLS at HAProxy, with a real HAProxy in front of two real nodes: for each way in which
 * TLS and WebSocket end at HAProxy or at the node, the client's address arrives, nodes are checked, and they drain. */
#include <csignal>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/haproxy.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

enum way_frontend { WAY_CLIENTS, WAY_WEB, WAY_SECURE };

struct way {
	transport_kind client, node;
	enum way_frontend frontend;
};

static const way tls_ends = {TRANSPORT_TLS, TRANSPORT_PLAIN, WAY_CLIENTS};
static const way tls_passes = {TRANSPORT_TLS, TRANSPORT_TLS, WAY_SECURE};
static const way ws_by_http = {TRANSPORT_WS, TRANSPORT_WS, WAY_WEB};
static const way wss_ends = {TRANSPORT_WSS, TRANSPORT_WS, WAY_WEB};
static const way wss_passes = {TRANSPORT_WSS, TRANSPORT_WSS, WAY_SECURE};

struct world {
	std::vector<test_server *> nodes;
	test_haproxy *proxy = nullptr;
	test_server *front = nullptr; /* no process: its port is HAProxy's */
};

/* HAProxy takes the chain and the key from one file. */
static void end_tls(world *w)
{
	const std::string path = w->proxy->folder + "/chat.pem";
	const std::string both =
		check_read_file(transport_certificate()->chain) + check_read_file(transport_certificate()->key);
	FILE *file = fopen(path.c_str(), "w");

	fwrite(both.data(), 1, both.size(), file);
	fclose(file);
	haproxy_replace(w->proxy, check_format("\tbind 127.0.0.1:%u tcp-ut 25s", w->proxy->port),
	                check_format("\tbind 127.0.0.1:%u tcp-ut 25s ssl crt %s", w->proxy->port, path.c_str()));
}

/* As the comment in the file says, for frames over TLS. */
static void check_by_frames(world *w)
{
	const std::string &config = w->proxy->config;
	const size_t begin = config.find("\t# tcp-check send \"{"),
		     end = config.find("\tdefault-server check check-ssl");

	assert_true(begin != config.npos && end != config.npos);
	const std::string old = config.substr(begin, end - begin);
	haproxy_replace(
		w->proxy, old,
		"\ttcp-check send \"{\\\"msgid\\\":102}\\n\"\n\ttcp-check expect string \"\\\"msgid\\\":103\"\n");
}

static int set_up(void **state)
{
	const way *how = static_cast<const way *>(*state);
	world *w = new world;

	for (int i = 0; i < 2; i++) {
		test_server *s = test_server_new();

		test_server_set_transport(s, how->node);
		test_server_set(s, "websocket.root", "");
		test_server_set(s, "core.proxy_from", "127.0.0.1");
		test_server_start(s);
		w->nodes.push_back(s);
	}
	const std::vector<uint16_t> ports = {w->nodes[0]->port, w->nodes[1]->port};

	w->proxy = haproxy_new({w->nodes[0]->plain_port, w->nodes[1]->plain_port});
	if (how->frontend != WAY_CLIENTS)
		haproxy_add_web(w->proxy, how->frontend == WAY_WEB, ports);
	if (how->client != how->node)
		end_tls(w);
	if (how->node == TRANSPORT_TLS)
		check_by_frames(w);
	w->front = test_server_new();
	test_server_set_transport(w->front, how->client);
	w->front->port = w->proxy->port;
	haproxy_start(w->proxy);
	for (const char *node : {"node1", "node2"})
		haproxy_wait_node(w->proxy, node, "UP");
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world *w = static_cast<world *>(*state);
	bool sound = true;

	haproxy_free(w->proxy);
	for (test_server *s : w->nodes) {
		sound = sound && test_server_is_sound(s);
		test_server_free(s);
	}
	test_server_free(w->front);
	delete w;
	return sound ? 0 : -1;
}

static void both_files_are_taken_without_a_word(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string output = s->folder + "/output";

	assert_int_equal(process_run({"haproxy", "-c", "-f", "conf/haproxy.cfg", "-f", "conf/haproxy-web.cfg"}, output),
	                 0);
	assert_string_equal(check_read_file(output).c_str(), "Configuration file is valid\n");
}

static std::string logs_of(const world *w)
{
	return test_server_log(w->nodes[0]) + test_server_log(w->nodes[1]);
}

static void expect_address(world *w)
{
	struct sockaddr_in own = {};
	socklen_t size = sizeof(own);
	test_client *c = client_open(w->front);

	getsockname(c->fd, reinterpret_cast<struct sockaddr *>(&own), &size);
	client_send(c, "nonsense");
	client_expect(c, "{\"msgid\":100,\"errno\":4}");
	client_expect_end(c);
	const std::string line = check_format("peer=127.0.0.1:%u account=0 why=\"byte 0x6e", ntohs(own.sin_port));

	check_wait("the address in a log", [&] { return logs_of(w).find(line) != std::string::npos; });
}

/* Those of the node that drains are told so, end as their transport says, and log in again by the other node. */
static void expect_drain(world *w)
{
	std::vector<test_client *> staying, moved;

	for (int i = 0; i < 4; i++)
		staying.push_back(client_enter(w->front, "person"));
	test_server_signal(w->nodes[0], SIGTERM);
	check_wait("two are told that their node goes away", [&] {
		std::erase_if(staying, [&](test_client *c) {
			test_frame frame;

			if (!client_try_read(c, &frame, 5))
				return false;
			assert_true(json_matches(frame.json.get(), "{\"msgid\":100,\"of\":0,\"errno\":13}"));
			moved.push_back(c);
			return true;
		});
		return moved.size() == 2;
	});
	for (test_client *c : moved) {
		client_expect_end(c);
		if (transport_has_messages(c->transport.kind))
			assert_int_equal(c->transport.ws.close_code, 1001);
	}
	assert_int_equal(test_server_wait(w->nodes[0], 15000), 0);
	for (test_client *c : staying)
		client_expect_quiet(c);
	for (int i = 0; i < 4; i++)
		client_expect_quiet(client_enter(w->front, "later"));
}

/* Checks in the logs of the nodes would be noise. */
static void a_cluster_behind_haproxy_works_in_this_way(void **state)
{
	world *w = static_cast<world *>(*state);
	test_client *ann = client_enter(w->front, "ann");

	client_chat_safely(ann, ann->id, "to myself");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"to myself\"}");
	for (const char *node : {"node1", "node2"})
		assert_string_equal(haproxy_node_figure(w->proxy, node, "chkfail").c_str(), "0");
	assert_int_equal(logs_of(w).find("connection ends"), std::string::npos);
	client_close(ann);
	expect_address(w);
	expect_drain(w);
}

#define WAY(name)                                                                                                      \
	{                                                                                                              \
#name ": the address, checks and draining are right", a_cluster_behind_haproxy_works_in_this_way,      \
			set_up, tear_down, const_cast < way *>(&(name))                                                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_files_are_taken_without_a_word, test_server_setup,
	                                        test_server_teardown),
		WAY(tls_ends),
		WAY(tls_passes),
		WAY(ws_by_http),
		WAY(wss_ends),
		WAY(wss_passes),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
