/* SPDX-License-Identifier: MIT
 * A connection of [websocket]: requests of HTTP until one becomes a WebSocket, and then its messages. */
#include "websocket.h"

#include <algorithm>
#include <string>

#include "handshake.h"

static constexpr int64_t websocket_request_ms = 10000; /* from the connection's begin, or from the last answer */
static constexpr int64_t websocket_silence_ms = 75000;
static constexpr int64_t websocket_tell_origin_every_ms = 60000;

enum websocket_phase : uint8_t { WEBSOCKET_HTTP, WEBSOCKET_OPEN, WEBSOCKET_CLOSED };

/* An open connection holds nothing but this. */
struct cs_filter {
	struct websocket *instance;
	std::unique_ptr<std::string> held; /* the beginning of a head, or of a control frame's payload */
	union {
		struct http_scan scan; /* WEBSOCKET_HTTP */
		struct codec codec; /* WEBSOCKET_OPEN */
	};
	enum websocket_phase phase;
};

static_assert(sizeof(cs_filter) <= 64);

static void websocket_reply(const struct cs_filter *f, size_t size, struct cs_step *step_r)
{
	step_r->reply = f->instance->reply;
	step_r->reply_size = size;
}

static void websocket_end(struct cs_filter *f, const char *why, struct cs_step *step_r)
{
	f->phase = WEBSOCKET_CLOSED;
	f->held.reset();
	step_r->close = 1;
	step_r->timer_ms = CS_STEP_NO_TIMER;
	step_r->why = why;
}

static void websocket_hold(struct cs_filter *f, const char *bytes, size_t size)
{
	if (!f->held)
		f->held = std::make_unique<std::string>();
	f->held->append(bytes, size);
}

/* ---- requests */

static time_t websocket_now(const struct cs_filter *f)
{
	return static_cast<time_t>(f->instance->host->now() / 1000);
}

/* The header lines that a status asks for. */
static std::string_view websocket_more_headers(unsigned status)
{
	switch (status) {
	case 405: return "Allow: GET, HEAD\r\n";
	case 426: return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
	case 503: return "Retry-After: 5\r\n";
	default: return "";
	}
}

static void websocket_refuse(struct cs_filter *f, unsigned status, bool is_head, struct cs_step *step_r)
{
	const struct http_answer answer = {status, false, is_head, websocket_more_headers(status)};

	websocket_reply(f, http_put_answer(&answer, websocket_now(f), f->instance->reply), step_r);
	websocket_end(f, http_status_text(status), step_r);
}

/* A proxy that changes Host makes every browser fail, and the operator must see why. An origin that is malformed is no
 * browser's, and is not written to the log. */
static void websocket_tell_origin(struct websocket *w, const struct http_request *request)
{
	const int64_t now = w->host->monotonic();

	if (now < w->tell_origin_ms || !handshake_bad_origin(request->origin).empty())
		return;
	w->tell_origin_ms = now + websocket_tell_origin_every_ms;
	w->host->log(w->self, CS_LOG_WARNING,
	             "a page of another site may not connect, see websocket.origins origin=%.*s host=%.*s",
	             static_cast<int>(request->origin.size()), request->origin.data(),
	             static_cast<int>(request->host.size()), request->host.data());
}

static void websocket_open(struct cs_filter *f, const struct http_request *request, struct cs_step *step_r)
{
	unsigned status = handshake_judge(request, f->instance->conf->origins);
	const size_t size = status == 101 ? handshake_put_answer(request->key, f->instance->reply) : 0;

	if (status == 101 && !size)
		status = 500;
	if (status == 403)
		websocket_tell_origin(f->instance, request);
	if (status != 101)
		return websocket_refuse(f, status, request->method == "HEAD", step_r);
	websocket_reply(f, size, step_r);
	f->phase = WEBSOCKET_OPEN;
	f->codec = {};
	step_r->opened = 1;
	step_r->timer_ms = f->instance->conf->ping;
}

static void websocket_serve(struct cs_filter *f, const struct http_request *request, struct cs_step *step_r)
{
	const bool is_head = request->method == "HEAD";
	struct websocket *w = f->instance;

	/* The body of another method would come next, and is not read. */
	if (!is_head && request->method != "GET")
		return websocket_refuse(f, 405, false, step_r);
	if (struct page_file *file = page_find(&w->files, request->path)) {
		const std::string_view answer = page_answer(file, request, websocket_now(f), w->reply);

		step_r->reply = answer.data();
		step_r->reply_size = answer.size();
	} else {
		const struct http_answer answer = {404, request->keep, is_head, ""};

		websocket_reply(f, http_put_answer(&answer, websocket_now(f), w->reply), step_r);
	}
	step_r->timer_ms = websocket_request_ms;
	if (!request->keep)
		websocket_end(f, "the client asked for one request", step_r);
}

static void websocket_take_request(struct cs_filter *f, std::string_view head, struct cs_step *step_r)
{
	struct http_request request;

	if (const unsigned status = http_parse(head, &request))
		return websocket_refuse(f, status, false, step_r);
	f->scan = {};
	if (request.path == "/ws")
		websocket_open(f, &request, step_r);
	else
		websocket_serve(f, &request, step_r);
}

static size_t websocket_input_http(struct cs_filter *f, const char *bytes, size_t size, struct cs_step *step_r)
{
	unsigned status;
	const size_t used = http_scan_head(&f->scan, bytes, size, &status);

	if (status && status != 200) {
		websocket_refuse(f, status, false, step_r);
	} else if (!f->scan.size) {
		f->scan.ending = status ? 0 : f->scan.ending; /* a part of an empty line */
	} else if (!status || f->held) {
		websocket_hold(f, bytes, used);
		if (status) {
			const std::unique_ptr<std::string> head = std::move(f->held);

			websocket_take_request(f, *head, step_r);
		}
	} else {
		websocket_take_request(f, {bytes, used}, step_r);
	}
	return used;
}

/* ---- messages */

static void websocket_close(struct cs_filter *f, uint16_t status, std::string_view reason, const char *why,
                            struct cs_step *step_r)
{
	websocket_reply(f, codec_close(status, reason, f->instance->reply), step_r);
	websocket_end(f, why, step_r);
}

static void websocket_take_close(struct cs_filter *f, std::string_view payload, struct cs_step *step_r)
{
	const char *why = "the client closed";
	uint16_t status;

	if (const uint16_t failure = codec_judge_close(payload, &status, &why))
		websocket_close(f, failure, why, why, step_r);
	else
		websocket_close(f, status, {}, why, step_r);
}

/* A pong needs no answer: that bytes came is all that it says. Of several pings the last one is answered, as RFC 6455,
 * 5.5.3 allows. */
static void websocket_take_control(struct cs_filter *f, const struct codec_found *found, struct cs_step *step_r)
{
	std::string_view payload(found->bytes, found->size);
	std::unique_ptr<std::string> whole;

	if (found->opcode == CODEC_PONG)
		return;
	if (!found->is_end || f->held)
		websocket_hold(f, found->bytes, found->size);
	if (!found->is_end)
		return;
	if (f->held) {
		whole = std::move(f->held);
		payload = *whole;
	}
	if (found->opcode == CODEC_PING)
		websocket_reply(f, codec_control(CODEC_PONG, payload, f->instance->reply), step_r);
	else
		websocket_take_close(f, payload, step_r);
}

static size_t websocket_input_messages(struct cs_filter *f, char *bytes, size_t size, struct cs_step *step_r)
{
	size_t used = 0;

	while (used < size && !step_r->close && !step_r->frames_size) {
		struct codec_found found;

		used += codec_read(&f->codec, bytes + used, size - used, &found);
		if (found.kind == CODEC_PART) {
			step_r->frames = found.bytes;
			step_r->frames_size = found.size;
		} else if (found.kind == CODEC_CONTROL) {
			websocket_take_control(f, &found, step_r);
		} else if (found.kind == CODEC_FAILED) {
			websocket_close(f, found.status, found.why, found.why, step_r);
		}
	}
	return used;
}

/* ---- the table */

static void websocket_listen(const void *conf, struct cs_listen *listen_r)
{
	const auto *c = static_cast<const websocket_conf *>(conf);

	listen_r->addresses = c->listen;
	listen_r->key = "listen";
	listen_r->over = c->tls ? "tls" : nullptr;
}

static struct cs_filter *websocket_accept(void *state, int, struct cs_step *step_r)
{
	auto f = std::make_unique<cs_filter>(cs_filter{static_cast<websocket *>(state), nullptr, {}, WEBSOCKET_HTTP});

	step_r->timer_ms = websocket_request_ms;
	return f.release();
}

static size_t websocket_input(struct cs_filter *f, char *bytes, size_t size, struct cs_step *step_r)
{
	if (f->phase == WEBSOCKET_HTTP)
		return websocket_input_http(f, bytes, size, step_r);
	if (f->phase == WEBSOCKET_OPEN)
		return websocket_input_messages(f, bytes, size, step_r);
	step_r->close = 1;
	return size;
}

static size_t websocket_head(const struct cs_filter *, size_t size, char *head_r)
{
	return codec_head(size, head_r);
}

static void websocket_timer(struct cs_filter *f, struct cs_step *step_r)
{
	if (f->phase == WEBSOCKET_OPEN) {
		websocket_reply(f, codec_control(CODEC_PING, {}, f->instance->reply), step_r);
		step_r->timer_ms = f->instance->conf->ping;
	} else if (f->phase == WEBSOCKET_HTTP && f->scan.size) {
		websocket_refuse(f, 408, false, step_r);
	} else {
		websocket_end(f, "no request came", step_r);
	}
}

/* By enum cs_goodbye. */
static const struct {
	uint16_t status;
	const char *reason;
} websocket_goodbyes[] = {
	{CODEC_STATUS_NORMAL, ""},
	{CODEC_STATUS_GOING_AWAY, "going away"},
	{CODEC_STATUS_TOO_LONG, "a frame is too long"},
	{CODEC_STATUS_POLICY, "refused"},
	{CODEC_STATUS_TRY_LATER, "busy"},
};

static void websocket_goodbye(struct cs_filter *f, enum cs_goodbye why, struct cs_step *step_r)
{
	const size_t at = static_cast<size_t>(why) < std::size(websocket_goodbyes) ? why : CS_GOODBYE_NORMAL;

	if (f->phase == WEBSOCKET_OPEN)
		websocket_close(f, websocket_goodbyes[at].status, websocket_goodbyes[at].reason, "goodbye", step_r);
	else if (f->phase == WEBSOCKET_HTTP && why == CS_GOODBYE_BUSY)
		websocket_refuse(f, 503, false, step_r);
	else if (f->phase == WEBSOCKET_HTTP && f->scan.size)
		websocket_refuse(f, why == CS_GOODBYE_REFUSED ? 408 : 503, false, step_r);
	else
		websocket_end(f, "goodbye", step_r);
}

static size_t websocket_held(const struct cs_filter *f)
{
	return f->held ? sizeof(*f->held) + f->held->capacity() : 0;
}

static void websocket_free(struct cs_filter *f)
{
	const std::unique_ptr<cs_filter> owner(f);
}

const struct cs_framing websocket_framing = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_framing),
	.label = "ws",
	.secure_label = "wss",
	.silence_ms = websocket_silence_ms,
	.listen = websocket_listen,
	.open = websocket_accept,
	.input = websocket_input,
	.head = websocket_head,
	.timer = websocket_timer,
	.goodbye = websocket_goodbye,
	.held = websocket_held,
	.close = websocket_free,
};
