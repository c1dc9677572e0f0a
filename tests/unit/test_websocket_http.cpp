/* SPDX-License-Identifier: MIT
 * Tests what [websocket] answers to requests of HTTP: the handshake, the page, and all that it refuses; each request
 * also cut at every byte. */
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include "../../plugins/websocket/handshake.h"
#include "../../plugins/websocket/http.h"
#include "test_websocket.h"
#include "tests/support/check.h"

using namespace std::literals;

static const std::string index_text = "<!doctype html><title>chat</title>",
			 script_text = "export const a = '" + std::string(500, 'a') + "';\n";

/* A folder with a page. */
struct ws_folder {
	std::string path = "/tmp/websocket.XXXXXX";

	ws_folder()
	{
		if (!mkdtemp(path.data()))
			abort();
	}
	ws_folder(const ws_folder &) = delete;
	ws_folder &operator=(const ws_folder &) = delete;
	~ws_folder()
	{
		std::error_code error;

		std::filesystem::remove_all(path, error);
	}
};

static void put(const ws_folder &folder, const std::string &name, std::string_view text)
{
	const std::string path = folder.path + "/" + name;

	std::filesystem::create_directories(std::filesystem::path(path).parent_path());
	std::ofstream(path, std::ios::binary) << text;
}

struct stage {
	ws_folder folder;
	ws_plugin plugin;
};

static int setup(void **state)
{
	auto s = std::make_unique<stage>();

	put(s->folder, "index.html", index_text);
	put(s->folder, "app.js", script_text);
	put(s->folder, "words/zh.json", "{}");
	put(s->folder, ".git/config", "secret");
	put(s->folder, ".hidden.html", "secret");
	put(s->folder, "notes.md", "not served");
	fake_host_set(s->plugin.host.get(), "websocket.listen", "127.0.0.1:0");
	fake_host_set(s->plugin.host.get(), "websocket.root", s->folder.path.c_str());
	fake_host_set(s->plugin.host.get(), "websocket.origins", "https://other.example.com, http://lan:8080");
	ws_plugin_start(&s->plugin);
	*state = s.release();
	return 0;
}

static int teardown(void **state)
{
	const std::unique_ptr<stage> s(static_cast<stage *>(*state));

	return 0;
}

/* ---- answers, as a browser reads them */

struct answer {
	unsigned status = 0;
	std::map<std::string, std::string> headers;
	std::string body;
};

/* The answers in what was sent. is_head: none has a body. */
static std::vector<answer> answers_of(std::string_view sent, bool is_head = false)
{
	std::vector<answer> answers;

	while (!sent.empty()) {
		const size_t end = sent.find("\r\n\r\n");
		answer a;

		assert_true(sent.starts_with("HTTP/1.1 ") && end != sent.npos);
		a.status = static_cast<unsigned>(atoi(std::string(sent.substr(9, 3)).c_str()));
		for (size_t at = sent.find("\r\n"); at < end;) {
			const size_t next = sent.find("\r\n", at + 2);
			const std::string_view line = sent.substr(at + 2, next - at - 2);
			const size_t colon = line.find(": ");

			assert_true(colon != line.npos);
			assert_true(a.headers.emplace(line.substr(0, colon), line.substr(colon + 2)).second);
			at = next;
		}
		sent.remove_prefix(end + 4);
		const bool has_body = !is_head && a.status != 101 && a.status != 304;
		const size_t size = has_body ? std::stoul(a.headers.at("Content-Length")) : 0;

		assert_true(size <= sent.size());
		a.body = sent.substr(0, size);
		sent.remove_prefix(size);
		answers.push_back(a);
	}
	return answers;
}

/* The status of the one answer, the same however the request is cut. closes: what must be so after it. */
static answer ask(void **state, const std::string &request, bool closes, const std::string &name, bool is_head = false)
{
	const stage *s = static_cast<stage *>(*state);
	std::vector<answer> first;
	const size_t step = request.size() > 2000 ? 509 : 1;

	for (size_t cut = 0; cut <= request.size(); cut += step) {
		ws_peer peer;

		ws_peer_open(&peer, s->plugin);
		ws_peer_read(&peer, std::string_view(request).substr(0, cut));
		ws_peer_read(&peer, std::string_view(request).substr(cut));
		const std::vector<answer> answers = answers_of(peer.sent, is_head);

		if (answers.size() != 1 || peer.closed != closes)
			check_fail(std::source_location::current(), "%s, cut at %zu: %zu answers, closed %d: %s",
			           name.c_str(), cut, answers.size(), peer.closed, peer.sent.c_str());
		if (first.empty())
			first = answers;
		if (first[0].status != answers[0].status || first[0].body != answers[0].body)
			check_fail(std::source_location::current(), "%s, cut at %zu: %u", name.c_str(), cut,
			           answers[0].status);
		if (!peer.closed)
			assert_int_equal(s->plugin.table->held(peer.filter), 0);
	}
	return first[0];
}

static unsigned status_of(void **state, const std::string &request, bool closes, const std::string &name)
{
	return ask(state, request, closes, name).status;
}

/* A handshake with some lines changed: replaces FROM by TO. */
static std::string handshake(std::string_view from = "", std::string_view to = "")
{
	std::string request(websocket_request);

	if (!from.empty()) {
		const size_t at = request.find(from);

		assert_true(at != request.npos);
		request.replace(at, from.size(), to);
	}
	return request;
}

static std::string with_line(const std::string &line)
{
	return handshake("Upgrade: websocket\r\n", "Upgrade: websocket\r\n" + line + "\r\n");
}

static std::string get(const std::string &path, const std::string &lines = "")
{
	return "GET " + path + " HTTP/1.1\r\nHost: chat.example.com\r\n" + lines + "\r\n";
}

/* ---- the handshake */

static void a_handshake_is_accepted_in_every_form_that_clients_use(void **state)
{
	static const std::pair<std::string_view, std::string_view> changes[] = {
		{"", ""},
		{"Upgrade: websocket", "upgrade:WebSocket"},
		{"Upgrade: websocket", "Upgrade: h2c, websocket"},
		{"Connection: Upgrade", "Connection: keep-alive, Upgrade"},
		{"Connection: Upgrade", "CONNECTION:\tkeep-alive ,upgrade\t"},
		{"Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"},
		{"GET /ws", "GET /ws?token=a%20b"},
		{"GET /ws", "\r\n\r\nGET /ws"},
		{"Host: chat.example.com", "Host: [2001:db8::1]:8080"},
		{"Upgrade: websocket", "Upgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n"
	                               "Sec-WebSocket-Extensions: permessage-deflate\r\nContent-Length: 0"},
		{"Upgrade: websocket", "Upgrade: websocket\r\nX-Empty:\r\nX-High: \xc3\xbc\tx"},
	};

	for (const auto &[from, to] : changes) {
		const answer a = ask(state, handshake(from, to), false, std::string(to));

		assert_int_equal(a.status, 101);
		assert_int_equal(a.headers.size(), 3); /* no extension, no protocol is agreed */
		assert_string_equal(a.headers.at("Sec-WebSocket-Accept").c_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	}
}

static void a_handshake_with_a_fault_is_refused(void **state)
{
	static const struct {
		std::string_view from, to;
		unsigned status;
	} changes[] = {
		{"Upgrade: websocket\r\n", "", 426},
		{"Upgrade: websocket", "Upgrade: websockets", 426},
		{"Connection: Upgrade\r\n", "", 426},
		{"Connection: Upgrade", "Connection: keep-alive", 426},
		{"Version: 13", "Version: 8", 426},
		{"Version: 13", "Version: 13, 8", 426},
		{"Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Version: 13\r\n", 426},
		{"Sec-WebSocket-Version: 13\r\n", "", 426},
		{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400},
		{"dGhlIHNhbXBsZSBub25jZQ==", "", 400},
		{"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ", 400},
		{"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQA=", 400},
		{"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!Q==", 400},
		{"dGhlIHNhbXBsZSBub25jZQ==\r\n",
	         "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400},
		{"GET", "POST", 405},
		{"GET", "HEAD", 405},
		{"GET", "get", 405},
	};

	for (const auto &[from, to, status] : changes) {
		const std::string name = std::string(from) + " -> " + std::string(to);

		const answer a = ask(state, handshake(from, to), true, name, to == "HEAD");

		if (a.status != status)
			check_fail(std::source_location::current(), "%s: %u", name.c_str(), a.status);
		assert_string_equal(a.headers.at("Connection").c_str(), "close");
		if (status == 426)
			assert_string_equal(a.headers.at("Sec-WebSocket-Version").c_str(), "13");
		if (status == 405)
			assert_string_equal(a.headers.at("Allow").c_str(), "GET, HEAD");
	}
}

static void only_pages_of_the_same_host_or_of_a_listed_origin_may_connect(void **state)
{
	static const struct {
		std::string host, origin;
		bool allowed;
	} pages[] = {
		{"chat.example.com", "http://chat.example.com", true},
		{"chat.example.com", "https://chat.example.com", true}, /* TLS ends at a proxy */
		{"Chat.Example.com", "https://chat.example.COM", true},
		{"chat.example.com:443", "https://chat.example.com", true},
		{"chat.example.com", "https://chat.example.com:443", true},
		{"chat.example.com:80", "http://chat.example.com", true},
		{"chat.example.com:8080", "http://chat.example.com:8080", true},
		{"[2001:db8::1]:8080", "http://[2001:db8::1]:8080", true},
		{"[2001:db8::1]", "http://[2001:db8::1]", true},
		{"127.0.0.1:6080", "http://127.0.0.1:6080", true},
		{"chat.example.com", "https://other.example.com", true}, /* listed */
		{"chat.example.com", "https://other.example.com:443", true},
		{"chat.example.com", "http://lan:8080", true},
		{"chat.example.com", "http://other.example.com", false},
		{"chat.example.com", "https://other.example.com:444", false},
		{"chat.example.com", "https://lan:8080", false},
		{"chat.example.com:8080", "http://chat.example.com", false},
		{"chat.example.com:80", "https://chat.example.com", false},
		{"chat.example.com", "http://chat.example.com:8080", false},
		{"chat.example.com", "https://evil.example.com", false},
		{"chat.example.com", "https://chat.example.com.evil.com", false},
		{"chat.example.com", "https://evilchat.example.com", false},
		{"chat.example.com", "https://chat.example.com@evil.com", false},
		{"chat.example.com", "https://evil.com/chat.example.com", false},
		{"chat.example.com", "https://evil.com#://chat.example.com", false},
		{"chat.example.com", "null", false},
		{"chat.example.com", "file://", false},
		{"chat.example.com", "chat.example.com", false},
		{"chat.example.com", "chrome-extension://chat.example.com", false},
		{"chat.example.com", "", false},
		{"chat.example.com", "*", false},
	};

	for (const auto &[host, origin, allowed] : pages) {
		std::string request = with_line("Origin: " + origin);

		request.replace(request.find("chat.example.com"), 16, host);
		const unsigned status = status_of(state, request, !allowed, origin);

		if (status != (allowed ? 101u : 403u))
			check_fail(std::source_location::current(), "%s on %s: %u", origin.c_str(), host.c_str(),
			           status);
	}
	assert_int_equal(status_of(state,
	                           with_line("Origin: http://chat.example.com\r\nOrigin: http://chat.example.com"),
	                           true, "two origins"),
	                 403);
}

static void the_log_names_a_refused_origin_once_a_minute_and_no_malformed_one(void **state)
{
	const auto &host = static_cast<stage *>(*state)->plugin.host;
	const size_t before = host->log.size();

	(void)status_of(state, with_line("Origin: http://a plugin=login \"x\""), true, "malformed");
	assert_int_equal(host->log.size(), before);
	(void)status_of(state, with_line("Origin: http://evil.example.com"), true, "evil");
	(void)status_of(state, with_line("Origin: http://evil.example.com"), true, "evil");
	assert_int_equal(host->log.size(), before + 1);
	assert_non_null(strstr(host->log.back().c_str(),
	                       "see websocket.origins origin=http://evil.example.com host=chat.example.com"));
	fake_clock += 60000;
	(void)status_of(state, with_line("Origin: http://evil.example.com"), true, "evil");
	assert_int_equal(host->log.size(), before + 2);
}

static void a_star_allows_every_origin(void **)
{
	ws_plugin p;

	fake_host_set(p.host.get(), "websocket.origins", "*");
	ws_plugin_start(&p);
	for (const char *origin : {"null", "https://evil.example.com", "file://"}) {
		ws_peer peer;

		ws_peer_open(&peer, p);
		ws_peer_read(&peer, with_line(std::string("Origin: ") + origin));
		assert_true(peer.opened);
	}
}

/* ---- what no request may be */

static void bytes_that_are_no_request_are_refused_at_once(void **state)
{
	static const std::string bad[] = {
		"{\"msgid\":102}\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s,
		"\n",
		" GET",
		"\0"s,
		"\x81\x80"s,
		"GET /ws HTTP/1.1\n",
		"GET /ws\0"s,
		"GET /\x7f",
		"G\rET",
		"\r\r",
		"GET /ws HTTP/1.1\r\nHost: a\nUpgrade",
	};

	for (const std::string &bytes : bad)
		assert_int_equal(status_of(state, bytes, true, bytes), 400);
}

static void a_head_in_a_wrong_form_is_refused(void **state)
{
	static const struct {
		std::string head;
		unsigned status;
	} bad[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400}, /* a folded line */
		{"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX(): a\r\n\r\n", 400},
		{"GET /\r\nHost: a\r\n\r\n", 400}, /* HTTP/0.9 */
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
		{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		{"PRI * HTTP/2.0\r\n\r\n", 505},
		{"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		{"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		{"DELETE /app.js HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		{"CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 413},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 5\r\n\r\nGET /", 413},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
	};

	for (const auto &[head, status] : bad) {
		const unsigned got = status_of(state, head, true, head);

		if (got != status)
			check_fail(std::source_location::current(), "%s: %u", head.c_str(), got);
	}
}

static std::string long_head(size_t size)
{
	const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";

	return head + std::string(size - head.size() - 4, 'x') + "\r\n\r\n";
}

static void a_head_may_have_8_kib_and_100_lines(void **state)
{
	std::string lines;

	assert_int_equal(status_of(state, long_head(http_head_most), false, "8192"), 200);
	assert_int_equal(status_of(state, long_head(http_head_most + 1), true, "8193"), 431);
	assert_int_equal(status_of(state, long_head(100000), true, "100000"), 431);
	assert_int_equal(status_of(state, "GET /" + std::string(9000, 'a'), true, "long path"), 414);
	for (int i = 0; i < 99; i++)
		lines += "X: y\r\n";
	assert_int_equal(status_of(state, get("/", lines), false, "100 lines"), 200);
	assert_int_equal(status_of(state, get("/", lines + "X: y\r\n"), true, "101 lines"), 431);
}

static void the_beginning_of_a_head_counts_as_held_until_it_is_whole(void **state)
{
	const stage *s = static_cast<stage *>(*state);
	ws_peer peer;

	ws_peer_open(&peer, s->plugin);
	assert_int_equal(s->plugin.table->held(peer.filter), 0);
	ws_peer_read(&peer, long_head(8000).substr(0, 7999));
	assert_in_range(s->plugin.table->held(peer.filter), 7999, 16384);
	ws_peer_read(&peer, "\n");
	assert_int_equal(s->plugin.table->held(peer.filter), 0);
}

/* ---- the page */

static void a_file_comes_with_its_type_and_what_browsers_shall_refuse(void **state)
{
	static const std::map<std::string, std::pair<std::string, std::string>> files = {
		{"/", {"text/html; charset=utf-8", index_text}},
		{"/index.html", {"text/html; charset=utf-8", index_text}},
		{"/?lang=zh", {"text/html; charset=utf-8", index_text}},
		{"/app.js", {"text/javascript; charset=utf-8", script_text}},
		{"/words/zh.json", {"application/json", "{}"}},
	};

	for (const auto &[path, file] : files) {
		const answer a = ask(state, get(path), false, path);

		assert_int_equal(a.status, 200);
		assert_string_equal(a.headers.at("Content-Type").c_str(), file.first.c_str());
		assert_string_equal(a.body.c_str(), file.second.c_str());
		assert_string_equal(a.headers.at("Connection").c_str(), "keep-alive");
		assert_string_equal(a.headers.at("Cache-Control").c_str(), "no-cache");
		assert_string_equal(a.headers.at("X-Content-Type-Options").c_str(), "nosniff");
		assert_string_equal(a.headers.at("Referrer-Policy").c_str(), "no-referrer");
		assert_true(
			a.headers.at("Content-Security-Policy").starts_with("default-src 'none'; script-src 'self';"));
		assert_int_equal(a.headers.count("Cross-Origin-Opener-Policy") + a.headers.count("Permissions-Policy"),
		                 2);
		assert_int_equal(a.headers.at("Date").size(), http_date_size);
		assert_int_equal(a.headers.at("ETag").size(), 34);
	}
}

static void what_was_not_read_as_a_part_of_the_page_is_not_found(void **state)
{
	for (const char *path :
	     {"/nothing", "/app.js/", "//", "/../etc/passwd", "/./app.js", "/words/../app.js", "/words", "/%61pp.js",
	      "/.git/config", "/.hidden.html", "/notes.md", "/words/", "/APP.js"}) {
		const answer a = ask(state, get(path), false, path);

		assert_int_equal(a.status, 404);
		assert_string_equal(a.body.c_str(), "404 Not Found\n");
	}
}

static void head_gets_the_headers_of_get_and_no_body(void **state)
{
	for (const char *path : {"/", "/app.js", "/nothing"}) {
		std::string request = get(path);
		const answer with_body = ask(state, request, false, path);
		answer without = ask(state, request.replace(0, 3, "HEAD"), false, path, true);

		assert_int_equal(without.status, with_body.status);
		without.headers["Date"] = with_body.headers.at("Date");
		assert_true(without.headers == with_body.headers);
		assert_int_equal(without.headers.at("Content-Length") == std::to_string(with_body.body.size()), 1);
	}
}

/* What gzip made. */
static std::string unpacked(std::string_view packed)
{
	std::string text(100000, '\0');
	z_stream stream{};

	stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(packed.data()));
	stream.avail_in = static_cast<uInt>(packed.size());
	stream.next_out = reinterpret_cast<Bytef *>(text.data());
	stream.avail_out = static_cast<uInt>(text.size());
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	text.resize(stream.total_out);
	(void)inflateEnd(&stream);
	return text;
}

static void a_text_is_packed_for_those_who_accept_that(void **state)
{
	const answer plain = ask(state, get("/app.js"), false, "plain");

	for (const char *accepts : {"gzip", "deflate, GZIP;q=0.5, br", "gzip;q=1.0"}) {
		const answer packed =
			ask(state, get("/app.js", "Accept-Encoding: "s + accepts + "\r\n"), false, accepts);

		assert_string_equal(packed.headers.at("Content-Encoding").c_str(), "gzip");
		assert_string_equal(packed.headers.at("Vary").c_str(), "Accept-Encoding");
		assert_string_not_equal(packed.headers.at("ETag").c_str(), plain.headers.at("ETag").c_str());
		assert_string_equal(unpacked(packed.body).c_str(), plain.body.c_str());
		assert_true(packed.body.size() < plain.body.size());
	}
	for (const char *accepts : {"identity", "gzip;q=0", "gzip; q=0.000", "br", "xgzip"})
		assert_int_equal(ask(state, get("/app.js", "Accept-Encoding: "s + accepts + "\r\n"), false, accepts)
		                         .headers.count("Content-Encoding"),
		                 0);
}

static void a_file_that_the_browser_has_is_not_sent_again(void **state)
{
	const std::string tag = ask(state, get("/app.js"), false, "/app.js").headers.at("ETag");

	for (const std::string &value : {tag, "W/" + tag, "\"other\", " + tag, "*"s}) {
		const answer a = ask(state, get("/app.js", "If-None-Match: " + value + "\r\n"), false, value);

		assert_int_equal(a.status, 304);
		assert_string_equal(a.headers.at("ETag").c_str(), tag.c_str());
		assert_string_equal(a.headers.at("Connection").c_str(), "keep-alive");
	}
	assert_int_equal(ask(state, get("/app.js", "If-None-Match: \"other\"\r\n"), false, "other").status, 200);
	assert_string_not_equal(ask(state, get("/"), false, "/").headers.at("ETag").c_str(), tag.c_str());
}

static void requests_on_one_connection_are_answered_in_order_until_one_asks_to_close(void **state)
{
	const stage *s = static_cast<stage *>(*state);
	const std::string requests = get("/app.js") + get("/nothing") + "\r\n" + get("/words/zh.json") +
	                             get("/", "Connection: close\r\n") + get("/app.js");

	for (size_t cut = 0; cut <= requests.size(); cut++) {
		ws_peer peer;

		ws_peer_open(&peer, s->plugin);
		ws_peer_read(&peer, std::string_view(requests).substr(0, cut));
		ws_peer_read(&peer, std::string_view(requests).substr(cut));
		const std::vector<answer> answers = answers_of(peer.sent);

		assert_int_equal(answers.size(), 4);
		assert_string_equal(answers[0].body.c_str(), script_text.c_str());
		assert_int_equal(answers[1].status, 404);
		assert_string_equal(answers[2].body.c_str(), "{}");
		assert_string_equal(answers[3].body.c_str(), index_text.c_str());
		assert_true(answers[3].headers.at("Connection").starts_with("close"));
		assert_true(peer.closed);
	}
}

static void the_page_and_a_websocket_come_over_one_connection(void **state)
{
	const stage *s = static_cast<stage *>(*state);
	const std::string bytes = get("/app.js") + std::string(websocket_request) + ws_text("{\"msgid\":102}");

	for (size_t cut = 0; cut <= bytes.size(); cut++) {
		ws_peer peer;

		ws_peer_open(&peer, s->plugin);
		ws_peer_read(&peer, std::string_view(bytes).substr(0, cut));
		ws_peer_read(&peer, std::string_view(bytes).substr(cut));
		assert_true(peer.sent.ends_with(websocket_accepted));
		assert_true(peer.opened && !peer.closed);
		assert_string_equal(peer.frames.c_str(), "{\"msgid\":102}");
	}
}

/* ---- time, and the end */

static void a_request_that_is_not_whole_in_time_is_answered_408_and_a_quiet_connection_is_only_closed(void **state)
{
	const stage *s = static_cast<stage *>(*state);

	for (const std::string &begin : {""s, get("/app.js"), "\r"s}) {
		ws_peer quiet, slow;

		ws_peer_open(&quiet, s->plugin);
		ws_peer_read(&quiet, begin);
		const std::string sent = quiet.sent;

		assert_int_equal(quiet.timer_ms, 10000);
		ws_peer_timer(&quiet);
		assert_true(quiet.closed && quiet.sent == sent);

		if (begin == "\r")
			continue;
		ws_peer_open(&slow, s->plugin);
		ws_peer_read(&slow, begin + "GET / HT");
		ws_peer_timer(&slow);
		assert_true(slow.closed);
		assert_int_equal(answers_of(slow.sent).back().status, 408);
	}
}

static void before_the_handshake_a_goodbye_is_an_answer_of_http_or_nothing(void **state)
{
	static const struct {
		cs_goodbye why;
		const char *begin;
		unsigned status; /* 0: nothing is sent */
	} goodbyes[] = {
		{CS_GOODBYE_BUSY, "", 503},          {CS_GOODBYE_BUSY, "GET", 503},    {CS_GOODBYE_GOING_AWAY, "", 0},
		{CS_GOODBYE_GOING_AWAY, "GET", 503}, {CS_GOODBYE_REFUSED, "GET", 408}, {CS_GOODBYE_REFUSED, "", 0},
		{CS_GOODBYE_NORMAL, "", 0},
	};
	const stage *s = static_cast<stage *>(*state);

	for (const auto &[why, begin, status] : goodbyes) {
		ws_peer peer;

		ws_peer_open(&peer, s->plugin);
		ws_peer_read(&peer, begin);
		ws_peer_goodbye(&peer, why);
		assert_true(peer.closed);
		assert_int_equal(peer.sent.empty() ? 0 : answers_of(peer.sent).at(0).status, status);
	}
}

/* ---- options */

struct test_conf {
	const char *listen;
	int tls;
	const char *root;
	const char *origins;
	int64_t ping;
};

static void a_reload_brings_new_files_and_one_that_fails_changes_nothing(void **state)
{
	stage *s = static_cast<stage *>(*state);
	test_conf conf = {"127.0.0.1:0", 0, s->folder.path.c_str(), "", 30000};
	cs_error e = {};

	put(s->folder, "app.js", "changed");
	assert_string_equal(ask(state, get("/app.js"), false, "before").body.c_str(), script_text.c_str());
	assert_int_equal(cs_plugin.reload(s->plugin.state, &conf, 0, &e), 0);
	assert_string_equal(ask(state, get("/app.js"), false, "asked").body.c_str(), script_text.c_str());
	assert_int_equal(cs_plugin.reload(s->plugin.state, &conf, 1, &e), 0);
	assert_string_equal(ask(state, get("/app.js"), false, "told").body.c_str(), "changed");
	std::filesystem::remove(s->folder.path + "/index.html");
	assert_int_equal(cs_plugin.reload(s->plugin.state, &conf, 0, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "there is no index.html"));
	assert_int_equal(ask(state, get("/"), false, "refused").status, 200);
}

static void a_wrong_root_or_origin_is_named_before_the_start(void **state)
{
	const stage *s = static_cast<stage *>(*state);
	const ws_folder empty, large_folder;
	const std::string missing = empty.path + "/missing", large = large_folder.path;
	const std::string good = s->folder.path;

	std::ofstream(large + "/index.html") << std::string((size_t{16} << 20) + 1, 'x');
	const struct {
		std::string root, origins, key, text;
	} wrong[] = {
		{missing, "", "root", "No such file or directory"},
		{empty.path, "", "root", "there is no index.html"},
		{large, "", "root", "16 MiB at most"},
		{"/dev/null", "", "root", "Not a directory"},
		{good, "chat.example.com", "origins", "\"chat.example.com\" is no origin"},
		{good, "https://a.example.com https://b.example.com/path", "origins", "is no origin"},
		{good, "https://", "origins", "is no origin"},
		{good, "https://a:port", "origins", "is no origin"},
	};

	for (const auto &[root, origins, key, text] : wrong) {
		const test_conf conf = {"127.0.0.1:0", 0, root.c_str(), origins.c_str(), 30000};
		const char *wrong_key = nullptr;
		cs_error e = {};

		assert_int_equal(cs_plugin.check(&conf, &wrong_key, &e), CS_EINVAL);
		assert_string_equal(wrong_key, key.c_str());
		if (!strstr(e.text, text.c_str()))
			check_fail(std::source_location::current(), "%s", e.text);
	}
	for (const std::string &root : {good, ""s}) {
		const test_conf conf = {"127.0.0.1:0", 0, root.c_str(), "https://a https://b:1,*, null", 30000};
		const char *wrong_key = nullptr;
		cs_error e = {};

		assert_int_equal(cs_plugin.check(&conf, &wrong_key, &e), 0);
	}
	const test_conf unused = {"", 0, missing.c_str(), "", 30000};
	const char *wrong_key = nullptr;
	cs_error e = {};

	assert_int_equal(cs_plugin.check(&unused, &wrong_key, &e), 0);
}

static void it_listens_where_its_options_say(void **)
{
	const auto *table = static_cast<const cs_framing *>(cs_plugin.provides[0].table);
	test_conf conf = {"0.0.0.0:6080, [::]:6080", 0, "", "", 30000};
	cs_listen listen = {};

	table->listen(&conf, &listen);
	assert_string_equal(listen.addresses, conf.listen);
	assert_string_equal(listen.key, "listen");
	assert_null(listen.over);
	conf.tls = 1;
	table->listen(&conf, &listen);
	assert_string_equal(listen.over, "tls");
	assert_string_equal(cs_plugin.provides[0].name, "framing.websocket");
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_handshake_is_accepted_in_every_form_that_clients_use, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_handshake_with_a_fault_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(the_log_names_a_refused_origin_once_a_minute_and_no_malformed_one,
	                                        setup, teardown),
		cmocka_unit_test_setup_teardown(only_pages_of_the_same_host_or_of_a_listed_origin_may_connect, setup,
	                                        teardown),
		cmocka_unit_test(a_star_allows_every_origin),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_request_are_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_in_a_wrong_form_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_may_have_8_kib_and_100_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(the_beginning_of_a_head_counts_as_held_until_it_is_whole, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_file_comes_with_its_type_and_what_browsers_shall_refuse, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(what_was_not_read_as_a_part_of_the_page_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(head_gets_the_headers_of_get_and_no_body, setup, teardown),
		cmocka_unit_test_setup_teardown(a_text_is_packed_for_those_who_accept_that, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_the_browser_has_is_not_sent_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			requests_on_one_connection_are_answered_in_order_until_one_asks_to_close, setup, teardown),
		cmocka_unit_test_setup_teardown(the_page_and_a_websocket_come_over_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_request_that_is_not_whole_in_time_is_answered_408_and_a_quiet_connection_is_only_closed,
			setup, teardown),
		cmocka_unit_test_setup_teardown(before_the_handshake_a_goodbye_is_an_answer_of_http_or_nothing, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_reload_brings_new_files_and_one_that_fails_changes_nothing, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_wrong_root_or_origin_is_named_before_the_start, setup, teardown),
		cmocka_unit_test(it_listens_where_its_options_say),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
