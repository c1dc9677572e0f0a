/* SPDX-License-Identifier: MIT
 * Forwards READs to the reader's other sessions and to the other side of a pair: of each conversation at most one a
 * second, the last.
 *
 * The head of a parcel: the reader, and the device that sent the READ, 8 bytes each, low byte first. The body is the
 * READ. */
#include <string_view>

#include "history.h"

static constexpr int64_t forward_pause_ms = 1000;
/* What is held back at most. Beyond that, READs are forwarded at once. */
static constexpr size_t forward_streams_most = 8192, forward_bytes_most = 4 * 1024 * 1024;
static constexpr size_t forward_head_size = 16;

static void forward_send(const history_plugin *p, const history_stream &stream, uint64_t device, std::string_view bytes)
{
	const plugin_context &c = p->context;
	unsigned char head[forward_head_size];

	for (unsigned i = 0; i < 8; i++) {
		head[i] = static_cast<unsigned char>(stream.reader >> 8 * i);
		head[8 + i] = static_cast<unsigned char>(device >> 8 * i);
	}
	const cs_parcel parcel = {head, sizeof head, c.host->share(bytes.data(), bytes.size())};
	(void)c.host->route(c.self, stream.to_other ? stream.of : stream.reader, CS_EVERY_DEVICE, &parcel,
	                    CS_ROUTE_CASUAL);
	c.host->unshare(parcel.body);
}

static void forward_on_timer(void *state, void *arg);

static void forward_set_timer(history_plugin *p, int64_t now)
{
	const plugin_context &c = p->context;

	if (!p->timer && !p->due.empty())
		p->timer = c.host->timer_add(c.self, p->due.front().ms > now ? p->due.front().ms - now : 1, 0,
		                             forward_on_timer, nullptr);
}

/* Forwards what was held back for a second; such a stream stays for one more. */
static void forward_on_timer(void *state, void *)
{
	history_plugin *p = static_cast<history_plugin *>(state);
	const int64_t now = p->context.host->monotonic();

	p->timer = nullptr;
	while (!p->due.empty() && p->due.front().ms <= now) {
		const history_stream stream = p->due.front().stream;
		const auto at = p->held.find(stream);
		const std::string bytes = std::move(at->second.bytes);

		p->due.pop_front();
		p->held_bytes -= bytes.size();
		if (bytes.empty()) {
			p->held.erase(at);
			continue;
		}
		at->second.bytes.clear();
		forward_send(p, stream, at->second.device, bytes);
		p->due.push_back({now + forward_pause_ms, stream});
	}
	forward_set_timer(p, now);
}

void history_forward(history_plugin *p, const history_stream &stream, uint64_t device, std::string_view bytes)
{
	const int64_t now = p->context.host->monotonic();
	const auto at = p->held.find(stream);

	if (at != p->held.end() && p->held_bytes + bytes.size() <= forward_bytes_most) {
		p->held_bytes += bytes.size() - at->second.bytes.size();
		at->second = {device, std::string(bytes)};
		return;
	}
	forward_send(p, stream, device, bytes);
	if (at != p->held.end()) {
		p->held_bytes -= at->second.bytes.size();
		at->second.bytes.clear();
	} else if (p->held.size() < forward_streams_most) {
		p->held[stream];
		p->due.push_back({now + forward_pause_ms, stream});
		forward_set_timer(p, now);
	}
}

static uint64_t forward_number(const unsigned char *bytes)
{
	uint64_t number = 0;

	for (unsigned i = 8; i-- > 0;)
		number = number << 8 | bytes[i];
	return number;
}

/* An account has one session on each device, so the device says which session has sent it. */
void history_deliver(history_plugin *p, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	const auto at = p->sessions.find(conn);
	const auto *head = static_cast<const unsigned char *>(parcel->head);
	const std::string_view bytes =
		parcel->body ? std::string_view(parcel->body->bytes, parcel->body->size) : std::string_view();

	if (at == p->sessions.end() || !at->second.reads || at->second.paused ||
	    parcel->head_size != forward_head_size || bytes.size() < 2 || bytes.front() != '{' || bytes.back() != '}')
		return;
	if (forward_number(head) == account && forward_number(head + 8) == at->second.device)
		return;
	if (p->context.host->send(p->context.self, conn, bytes.data(), bytes.size(), nullptr, nullptr) == CS_EAGAIN)
		at->second.paused = true;
}
