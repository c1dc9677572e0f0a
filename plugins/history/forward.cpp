/* SPDX-License-Identifier: MIT
 * Forwards READs to the reader's other sessions and to the other side of a pair: of each conversation at most one a
 * second, the last.
 *
 * Two READs can come from two nodes in another order than they were done, the more as one may have been held back. So
 * a READ is not delivered behind a higher one.
 *
 * The head of a parcel: the reader, the device that sent the READ, the other account or the group, and seq, 8 bytes
 * each, low byte first; and a byte of flags. The body is the READ. */
#include <string_view>

#include "history.h"

static constexpr int64_t forward_pause_ms = 1000;
/* What is held back at most. Beyond that, READs are forwarded at once. */
static constexpr size_t forward_streams_most = 8192, forward_bytes_most = 4 * 1024 * 1024;
/* For so long a higher READ is remembered. A lower one is held back for a second at most, and then on its way. */
static constexpr int64_t forward_heard_ms = 3000;

/* ---- parcels */

static constexpr size_t forward_numbers = 4, forward_head_size = forward_numbers * 8 + 1;
enum forward_flag { FORWARD_GROUP = 1, FORWARD_TO_OTHER = 2 };

struct forward_head {
	history_stream stream;
	uint64_t device = 0, seq = 0;
};

static void forward_write_head(const forward_head &head, unsigned char *bytes)
{
	const uint64_t numbers[forward_numbers] = {head.stream.reader, head.device, head.stream.of, head.seq};

	for (size_t i = 0; i < forward_numbers * 8; i++)
		bytes[i] = static_cast<unsigned char>(numbers[i / 8] >> 8 * (i % 8));
	bytes[forward_numbers * 8] =
		static_cast<unsigned char>((head.stream.kind == CONVERSATION_GROUP ? FORWARD_GROUP : 0) |
	                                   (head.stream.to_other ? FORWARD_TO_OTHER : 0));
}

static forward_head forward_read_head(const unsigned char *bytes)
{
	const unsigned char flags = bytes[forward_numbers * 8];
	uint64_t numbers[forward_numbers] = {};

	for (size_t i = forward_numbers * 8; i-- > 0;)
		numbers[i / 8] = numbers[i / 8] << 8 | bytes[i];
	return {{numbers[0], flags & FORWARD_GROUP ? CONVERSATION_GROUP : CONVERSATION_PAIR, numbers[2],
	         (flags & FORWARD_TO_OTHER) != 0},
	        numbers[1],
	        numbers[3]};
}

/* ---- the highest READ of a stream */

static void forward_forget(history_plugin *p, int64_t now)
{
	while (!p->forgotten.empty() && p->forgotten.front().ms <= now) {
		const history_stream stream = p->forgotten.front().stream;
		const auto at = p->heard.find(stream);

		p->forgotten.pop_front();
		if (at->second.until_ms > now)
			p->forgotten.push_back({at->second.until_ms, stream});
		else
			p->heard.erase(at);
	}
}

/* false: a higher one came before. */
static bool forward_hear(history_plugin *p, const history_stream &stream, uint64_t seq)
{
	const int64_t now = p->context.host->monotonic();

	forward_forget(p, now);
	const auto at = p->heard.find(stream);
	if (at != p->heard.end() && at->second.seq > seq)
		return false;
	if (at != p->heard.end()) {
		at->second = {seq, now + forward_heard_ms};
	} else if (p->heard.size() < forward_streams_most) {
		p->heard[stream] = {seq, now + forward_heard_ms};
		p->forgotten.push_back({now + forward_heard_ms, stream});
	}
	return true;
}

/* ---- to others */

static void forward_send(const history_plugin *p, const forward_head &head, std::string_view bytes)
{
	const plugin_context &c = p->context;
	const history_stream &stream = head.stream;
	unsigned char written[forward_head_size];

	forward_write_head(head, written);
	const cs_parcel parcel = {written, sizeof written, c.host->share(bytes.data(), bytes.size())};
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
		history_held *held = &at->second;

		p->due.pop_front();
		if (!held->waits) {
			p->held_bytes -= held->bytes.size();
			p->held.erase(at);
			continue;
		}
		held->waits = false;
		forward_send(p, {stream, held->device, held->seq}, held->bytes);
		p->due.push_back({now + forward_pause_ms, stream});
	}
	forward_set_timer(p, now);
}

/* false: there is no room. */
static bool forward_keep(history_plugin *p, history_held *held, const forward_head &head, std::string_view bytes)
{
	p->held_bytes -= held->bytes.size();
	*held = {head.device, head.seq, {}, false};
	if (p->held_bytes + bytes.size() > forward_bytes_most)
		return false;
	held->bytes = bytes;
	p->held_bytes += bytes.size();
	return true;
}

void history_forward(history_plugin *p, const history_stream &stream, uint64_t seq, uint64_t device,
                     std::string_view bytes)
{
	const int64_t now = p->context.host->monotonic();
	const forward_head head = {stream, device, seq};
	const auto at = p->held.find(stream);

	(void)forward_hear(p, stream, seq); /* whoever has sent it knows it */
	if (at != p->held.end()) {
		at->second.waits = forward_keep(p, &at->second, head, bytes);
		if (!at->second.waits)
			forward_send(p, head, bytes);
		return;
	}
	forward_send(p, head, bytes);
	if (p->held.size() < forward_streams_most) {
		(void)forward_keep(p, &p->held[stream], head, bytes);
		p->due.push_back({now + forward_pause_ms, stream});
		forward_set_timer(p, now);
	}
}

void history_forward_again(const history_plugin *p, cs_account account)
{
	auto at = p->held.lower_bound({account, CONVERSATION_PAIR, 0, false});

	for (; at != p->held.end() && at->first.reader == account; ++at) {
		const auto &[stream, held] = *at;

		if (!stream.to_other && !held.waits && !held.bytes.empty())
			forward_send(p, {stream, held.device, held.seq}, held.bytes);
	}
}

/* ---- from others */

/* An account has one session on each device, so the device says which session has sent it. */
void history_deliver(history_plugin *p, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	const auto at = p->sessions.find(conn);
	const std::string_view bytes =
		parcel->body ? std::string_view(parcel->body->bytes, parcel->body->size) : std::string_view();

	if (at == p->sessions.end() || !at->second.reads || at->second.paused ||
	    parcel->head_size != forward_head_size || bytes.size() < 2 || bytes.front() != '{' || bytes.back() != '}')
		return;
	const forward_head head = forward_read_head(static_cast<const unsigned char *>(parcel->head));
	if (!forward_hear(p, head.stream, head.seq))
		return;
	if (head.stream.reader == account && head.device == at->second.device)
		return;
	if (p->context.host->send(p->context.self, conn, bytes.data(), bytes.size(), nullptr, nullptr) == CS_EAGAIN)
		at->second.paused = true;
}
