/* SPDX-License-Identifier: MIT
 * Fuzz target of the plugin websocket: the input is all that a client sends on a connection, from its first byte on.
 * The first byte of the input says how it is cut, and whether a good handshake goes before it. */
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../../plugins/websocket/codec.h"
#include "../../plugins/websocket/utf8.h"
#include "../../plugins/websocket/websocket.h"
#include "fuzz.h"

static const std::string_view handshake = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
					  "Sec-WebSocket-Version: 13\r\n"
					  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static int64_t fuzz_now(void)
{
	return INT64_C(1700000000000);
}

/* What came out of a connection. Of the pings the number may depend on the cut. */
struct outcome {
	std::string http, text, last_pong, close;
	bool opened = false, closed = false;
	std::string why;
};

/* A refused origin is logged. */
static int64_t fuzz_monotonic(void)
{
	return 1;
}

static void fuzz_log(struct cs_self *, enum cs_log_level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const int size = vsnprintf(nullptr, 0, format, arguments);
	va_end(arguments);
	REQUIRE(size > 0);
}

static const websocket_conf *fuzz_conf(void)
{
	static const websocket_conf conf = {"127.0.0.1:0", 0, "", "https://b", 30000};

	return &conf;
}

static void fuzz_prepare(struct websocket *w, struct cs_host *host)
{
	host->now = fuzz_now;
	host->monotonic = fuzz_monotonic;
	host->log = fuzz_log;
	w->host = host;
	w->conf = fuzz_conf();
	for (const char *path : {"/app.js", "/index.html"}) {
		page_file file;

		file.path = path;
		file.plain.tag = "\"tag\"";
		file.plain.answer = std::string("HTTP/1.1 200 OK\r\n") + std::string(60, ' ') + "\r\n\r\nbody";
		file.plain.head_size = file.plain.answer.size() - 4;
		file.plain.date_at = 17;
		file.plain.connection_at = 50;
		w->files.files.push_back(file);
	}
}

/* After the handshake the server sends short control frames only, and nothing behind a close frame. */
static void take_control(struct outcome *o, std::string_view reply)
{
	REQUIRE(reply.size() >= 2 && reply.size() <= codec_control_frame_most);
	REQUIRE(static_cast<size_t>(reply[1]) == reply.size() - 2);
	REQUIRE(o->close.empty());
	if (static_cast<unsigned char>(reply[0]) == 0x8a)
		o->last_pong = reply;
	else if (static_cast<unsigned char>(reply[0]) == 0x88)
		o->close = reply;
	else
		REQUIRE(static_cast<unsigned char>(reply[0]) == 0x89);
}

static void take_step(struct outcome *o, const struct cs_step &step)
{
	const bool was_open = o->opened;

	REQUIRE(!o->closed);
	REQUIRE(step.frames_size == 0 || (o->opened && !step.close && !step.opened));
	REQUIRE(!step.close || step.why);
	o->opened = o->opened || step.opened;
	o->closed = step.close != 0;
	if (step.why)
		o->why = step.why;
	o->text.append(step.frames ? step.frames : "", step.frames_size);
	if (was_open && step.reply_size)
		take_control(o, {step.reply, step.reply_size});
	else
		o->http.append(step.reply ? step.reply : "", step.reply_size);
	REQUIRE(!was_open || o->closed == !o->close.empty());
}

static struct outcome play(struct websocket *w, std::string_view input, uint32_t seed)
{
	struct cs_step first = {};
	struct cs_filter *f = websocket_framing.open(w, 0, &first);
	struct outcome o;

	REQUIRE(first.timer_ms > 0 && !first.reply_size);
	while (!input.empty() && !o.closed) {
		seed = seed * 1664525 + 1013904223;
		const size_t size = seed % 2 ? 1 : 1 + (seed >> 8) % 40;
		const std::string_view read = input.substr(0, size);
		/* A copy of exactly its size shows reads beyond the end. */
		std::vector<char> copy(read.begin(), read.end());

		for (size_t at = 0; at < copy.size() && !o.closed;) {
			struct cs_step step = {};
			const size_t used = websocket_framing.input(f, copy.data() + at, copy.size() - at, &step);

			REQUIRE(used > 0 && used <= copy.size() - at);
			take_step(&o, step);
			at += used;
		}
		REQUIRE(websocket_framing.held(f) <= 2 * http_head_most + 64);
		input.remove_prefix(read.size());
	}
	if (!o.closed && seed % 4 == 0) {
		struct outcome end = o;
		struct cs_step step = {};

		if (seed % 8 == 0)
			websocket_framing.timer(f, &step);
		else
			websocket_framing.goodbye(f, static_cast<enum cs_goodbye>(seed / 8 % 5), &step);
		take_step(&end, step);
	}
	websocket_framing.close(f);
	return o;
}

static struct outcome play_whole(struct websocket *w, std::string_view input)
{
	struct cs_step step = {};
	struct cs_filter *f = websocket_framing.open(w, 0, &step);
	std::vector<char> copy(input.begin(), input.end());
	struct outcome o;

	for (size_t at = 0; at < copy.size() && !o.closed;) {
		step = {};
		const size_t used = websocket_framing.input(f, copy.data() + at, copy.size() - at, &step);

		REQUIRE(used > 0 && used <= copy.size() - at);
		take_step(&o, step);
		at += used;
	}
	websocket_framing.close(f);
	return o;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_host host = {};
	struct websocket w = {};

	if (!size)
		return 0;
	fuzz_prepare(&w, &host);
	const std::string input = std::string(data[0] & 1 ? handshake : "") +
	                          std::string(reinterpret_cast<const char *>(data) + 1, size - 1);
	const struct outcome whole = play_whole(&w, input), cut = play(&w, input, data[0]);
	uint8_t state = utf8_whole;

	REQUIRE(utf8_check(&state, whole.text.data(), whole.text.size()) == whole.text.size() || !whole.close.empty());
	REQUIRE(whole.http == cut.http && whole.opened == cut.opened && whole.closed == cut.closed);
	REQUIRE(whole.close == cut.close && whole.why == cut.why);
	/* A message that ends inside a character: the end of it may be left out. */
	REQUIRE(whole.text == cut.text || (!whole.close.empty() && whole.text.size() + 4 > cut.text.size() &&
	                                   cut.text.size() + 4 > whole.text.size()));
	/* A close frame may take the place of a pong. */
	REQUIRE(whole.last_pong == cut.last_pong || !whole.close.empty());
	return 0;
}
