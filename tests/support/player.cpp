/* SPDX-License-Identifier: MIT
 * A non-blocking client for fault tests: an account that sends, repeats messages that were not acknowledged with the
 * same cid after each reconnect, receives and confirms. */
#include "tests/support/player.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"

static constexpr size_t window = 16;

static void forget_connection(player *p, int64_t pause)
{
	if (p->fd != -1)
		close(p->fd);
	if (p->state == PLAYER_IN)
		p->lost_at = check_now();
	p->fd = -1;
	p->state = PLAYER_DOWN;
	p->in_flight.clear();
	p->is_refused = false;
	p->input.clear();
	p->output.clear();
	p->transport = {};
	p->unconfirmed.clear();
	p->retry_at = check_now() + pause;
}

static void go_down(player *p, int64_t pause)
{
	if (p->is_old && p->fd != -1)
		ledger_lost_old(p->book, p->id);
	forget_connection(p, pause);
}

/* Everybody comes back at another time. */
static int64_t any_pause(player *p)
{
	return std::exchange(p->asked_pause, 0) + 5 +
	       static_cast<int64_t>((*p->random)() % static_cast<uint64_t>(p->longest_pause));
}

void player_cut(player *p)
{
	const struct linger now = {1, 0};

	if (p->is_old)
		return;
	if (p->fd != -1)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	go_down(p, 0);
}

void player_free(player *p)
{
	forget_connection(p, 0);
}

static void flush(player *p)
{
	while (!p->output.empty()) {
		const ssize_t sent = send(p->fd, p->output.data(), p->output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			go_down(p, any_pause(p));
		if (sent <= 0)
			return;
		p->output.erase(0, static_cast<size_t>(sent));
	}
}

/* Before the handshakes are done, it waits for them. */
static void put(player *p, const std::string &frame)
{
	transport_put(&p->transport, frame + '\0', false, &p->output);
}

static void log_in(player *p)
{
	p->state = PLAYER_LOGGING_IN;
	transport_begin(&p->transport, &p->output);
	const std::string proof = p->token.empty() ? "\"password\":\"secret\"" : "\"token\":" + json_quote(p->token);

	put(p, check_format("{\"msgid\":1,\"id\":%lld,%s%s%s}", static_cast<long long>(p->id), proof.c_str(),
	                    p->is_old ? "" : ",\"ack\":true",
	                    p->by_token && p->token.empty() ? ",\"remember\":true" : ""));
	flush(p);
}

static void start_connecting(player *p)
{
	struct sockaddr_in address = {};

	address.sin_family = AF_INET;
	address.sin_port = htons(p->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->transport.kind = p->kind;
	p->transport.host = p->host;
	if (transport_has_messages(p->kind))
		p->transport.ws.random = (*p->random)() | 1;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	p->state = PLAYER_CONNECTING;
	p->waiting_since = check_now();
	if (connect(p->fd, reinterpret_cast<struct sockaddr *>(&address), sizeof(address)) < 0 && errno != EINPROGRESS)
		go_down(p, any_pause(p));
}

static void confirm(player *p)
{
	for (const auto &[conversation, seq] : p->unconfirmed)
		for (const player_target &target : p->targets)
			if (target.conversation == conversation)
				put(p, check_format("{\"msgid\":104,\"id\":%lld,\"%s\":%lld,\"seq\":%lld}",
				                    static_cast<long long>(p->id), target.is_group ? "groupid" : "peer",
				                    static_cast<long long>(target.to), static_cast<long long>(seq)));
	p->unconfirmed.clear();
	flush(p);
}

static void send_unacknowledged(player *p)
{
	p->is_refused = false;
	for (const std::string &cid : p->unacknowledged) {
		put(p, p->book->messages.at(cid).frame);
		p->in_flight[cid] = check_now();
	}
	p->resent += p->unacknowledged.size();
	flush(p);
}

/* Whether something has been without an answer for too long. */
static bool is_stuck(const player *p, int64_t now)
{
	if (p->answer_timeout == 0 || p->state == PLAYER_DOWN)
		return false;
	if (p->state != PLAYER_IN)
		return now > p->waiting_since + p->answer_timeout;
	for (const auto &[cid, sent_at] : p->in_flight)
		if (now > sent_at + p->answer_timeout)
			return true;
	return false;
}

void player_tick(player *p, int64_t now)
{
	if (is_stuck(p, now))
		go_down(p, any_pause(p));
	if (p->state == PLAYER_DOWN && now >= p->retry_at)
		start_connecting(p);
	if (p->is_refused && p->in_flight.empty() && now >= p->again_at)
		send_unacknowledged(p);
	if (p->state == PLAYER_IN && !p->unconfirmed.empty() && now >= p->confirm_at) {
		p->confirm_at = now + 5 + (*p->random)() % 60;
		confirm(p);
	}
}

short player_events(const player *p)
{
	if (p->state == PLAYER_DOWN)
		return 0;
	if (p->state == PLAYER_CONNECTING)
		return POLLOUT;
	return p->output.empty() ? POLLIN : POLLIN | POLLOUT;
}

static bool may_send(const player *p, const player_target &target)
{
	if (!p->patient)
		return true;
	return !p->is_refused &&
	       std::none_of(p->unacknowledged.begin(), p->unacknowledged.end(), [&](const std::string &cid) {
		       return p->book->messages.at(cid).conversation == target.conversation;
	       });
}

/* Without its closing brace. */
static std::string begin_frame(const player *p, const player_target &target, const std::string &text)
{
	return check_format("{\"msgid\":%d,\"id\":%lld,\"name\":\"%s\",\"%s\":%lld,\"msg\":\"%s\","
	                    "\"time\":\"2024-05-06 07:08:09\"",
	                    target.is_group ? 10 : 6, static_cast<long long>(p->id), p->name.c_str(),
	                    target.is_group ? "groupid" : "toid", static_cast<long long>(target.to), text.c_str());
}

static void expect_answer(player *p, const std::string &cid)
{
	p->by_req.push_back(cid);
	p->unacknowledged.push_back(cid);
	p->in_flight[cid] = check_now();
}

bool player_send_message(player *p)
{
	std::string text;

	if (p->state != PLAYER_IN || p->unacknowledged.size() >= window)
		return false;
	const player_target &target = p->targets[(*p->random)() % p->targets.size()];
	if (!may_send(p, target))
		return false;
	const std::string cid = ledger_new_message(p->book, p->id, target.conversation, &text);
	std::string frame = begin_frame(p, target, text);

	if (p->is_old) {
		frame += "}";
		ledger_sent_old(p->book, cid, frame);
	} else {
		frame += check_format(",\"cid\":\"%s\",\"req\":%zu}", cid.c_str(), p->by_req.size());
		ledger_sent(p->book, cid, frame);
		expect_answer(p, cid);
	}
	put(p, frame);
	flush(p);
	return true;
}

void player_repeat_old(player *p)
{
	if (p->state != PLAYER_IN || p->by_req.empty())
		return;
	const std::string &cid = p->by_req[(*p->random)() % p->by_req.size()];

	put(p, p->book->messages.at(cid).frame);
	flush(p);
}

static void receive_message(player *p, const cJSON *json, std::string_view frame)
{
	const bool is_group = json_integer(json, "msgid") == 10;
	const std::string conversation = is_group ? ledger_group(json_integer(json, "groupid"))
	                                          : ledger_pair(json_integer(json, "id"), json_integer(json, "toid"));
	const int64_t last = ledger_received(p->book, p->id, conversation, frame);

	if (!p->is_old)
		p->unconfirmed[conversation] = last;
}

static void receive_login_ack(player *p, const cJSON *json)
{
	const int64_t number = json_integer(json, "errno");
	const cJSON *kept = cJSON_GetObjectItemCaseSensitive(json, "offlinemsg"), *item;

	if (number != 0) {
		if (number != 2 && number != 10 && number != 11 && number != 13)
			ledger_fault(p->book, "login of %lld refused with errno %lld", static_cast<long long>(p->id),
			             static_cast<long long>(number));
		go_down(p, any_pause(p));
		return;
	}
	p->state = PLAYER_IN;
	p->logins++;
	if (json_has(json, "token"))
		p->token = json_text(json, "token");
	if (p->lost_at)
		p->slowest_return = std::max(p->slowest_return, check_now() - p->lost_at);
	cJSON_ArrayForEach(item, kept)
	{
		const json_ptr message(cJSON_Parse(item->valuestring));

		receive_message(p, message.get(), item->valuestring);
	}
	send_unacknowledged(p);
}

/* An answer to what was sent on this connection. */
static void note_answer(player *p, const std::string &cid)
{
	const auto found = p->in_flight.find(cid);

	if (found == p->in_flight.end())
		return;
	p->slowest_answer = std::max(p->slowest_answer, check_now() - found->second);
	p->in_flight.erase(found);
}

/* Nothing is known of the message: it is sent again with its cid, once all others have been answered. */
static void receive_refusal(player *p, const std::string &cid)
{
	note_answer(p, cid);
	p->refused++;
	if (std::find(p->unacknowledged.begin(), p->unacknowledged.end(), cid) == p->unacknowledged.end())
		return;
	p->is_refused = true;
	p->again_at = check_now() + any_pause(p);
}

static void receive_ack(player *p, const cJSON *json, std::string_view frame)
{
	const int64_t req = json_integer(json, "req");

	const int64_t number = json_integer(json, "errno");

	/* One of those that were sent up to now was not taken, and this client does not know which. */
	if (p->is_old && (number == 10 || number == 11 || number == 13)) {
		ledger_lost_old(p->book, p->id);
		p->refused++;
		return;
	}
	if (number == 13) {
		/* The server stops: what is not acknowledged is sent again. */
		p->asked_pause = std::max<int64_t>(p->asked_pause, json_integer(json, "delay"));
		return;
	}
	if (p->patient && (number == 10 || number == 11) && req >= 0 && static_cast<size_t>(req) < p->by_req.size()) {
		receive_refusal(p, p->by_req[static_cast<size_t>(req)]);
		return;
	}
	if (number != 0 || req < 0 || static_cast<size_t>(req) >= p->by_req.size()) {
		ledger_fault(p->book, "account %lld got %.*s", static_cast<long long>(p->id),
		             static_cast<int>(frame.size()), frame.data());
		return;
	}
	const std::string &cid = p->by_req[static_cast<size_t>(req)];

	note_answer(p, cid);
	ledger_acknowledged(p->book, cid, json_integer(json, "seq"));
	std::erase(p->unacknowledged, cid);
}

static void receive_frame(player *p, std::string_view frame)
{
	const json_ptr json(cJSON_ParseWithLength(frame.data(), frame.size()));
	const int64_t msgid = json_integer(json.get(), "msgid");

	if (msgid == 2)
		receive_login_ack(p, json.get());
	else if (msgid == 100)
		receive_ack(p, json.get(), frame);
	else if (msgid == 6 || msgid == 10)
		receive_message(p, json.get(), frame);
	else
		ledger_fault(p->book, "account %lld got %.*s", static_cast<long long>(p->id),
		             static_cast<int>(frame.size()), frame.data());
}

/* This client ends its frames with NUL, so the server's end with it too, unless each is a message. */
static void receive_input(player *p)
{
	const char terminator = transport_has_messages(p->kind) ? websocket_message_end : '\0';
	std::string input;
	size_t begin = 0, end;

	input.swap(p->input);
	while (p->fd != -1 && (end = input.find(terminator, begin)) != input.npos) {
		receive_frame(p, std::string_view(input).substr(begin, end - begin));
		begin = end + 1;
	}
	if (p->fd != -1)
		p->input = input.substr(begin);
}

/* What came from the socket. The answers of the transport, and what waited for it, go at once. */
static void take_bytes(player *p, std::string_view raw)
{
	transport_take(&p->transport, raw, &p->input, &p->output);
	const std::string wrong = transport_error(&p->transport);

	if (!wrong.empty())
		ledger_fault(p->book, "account %lld: %s", static_cast<long long>(p->id), wrong.c_str());
	receive_input(p);
	if (p->fd != -1)
		flush(p);
}

void player_ready(player *p, short events)
{
	char part[65536];

	if (p->state == PLAYER_CONNECTING) {
		if (events & (POLLERR | POLLHUP))
			go_down(p, any_pause(p));
		else
			log_in(p);
		return;
	}
	if (events & POLLOUT)
		flush(p);
	if (p->fd == -1 || !(events & (POLLIN | POLLERR | POLLHUP)))
		return;
	const ssize_t got = recv(p->fd, part, sizeof(part), MSG_DONTWAIT);

	if (got > 0)
		take_bytes(p, std::string_view(part, static_cast<size_t>(got)));
	if (p->fd == -1)
		return;
	if (got == 0 || (got < 0 && errno != EAGAIN))
		go_down(p, any_pause(p));
}
