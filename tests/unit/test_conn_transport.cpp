/* SPDX-License-Identifier: MIT
 * Tests what the core promises to a stream and a framing of transport.h: the order of bytes, the PROXY header before
 * them, their deadlines and their last words. */
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chatserverd/transport.h>

#include "core/net/conn_internal.h"
#include "tests/support/capture.h"
#include "tests/support/worker_fixture.h"

/* ---- a stream that turns the bits of each byte, after a handshake of one byte each way */

struct cs_filter {
	int fd = -1;
	bool is_open = false, is_broken = false, must_write = false;
	std::string buffered; /* received, not taken yet */
	std::string message; /* of the framing: what came of it */
	std::string reply; /* valid until the next call */
	const worker_fixture *f = nullptr; /* the state of the fake plugin */
};

static char turned(char byte)
{
	return static_cast<char>(~byte);
}

static std::string turn(std::string text)
{
	for (char &byte : text)
		byte = turned(byte);
	return text;
}

static cs_filter *stream_open(void *state, int fd)
{
	auto filter = std::make_unique<cs_filter>();

	filter->f = static_cast<const worker_fixture *>(state);
	filter->fd = fd;
	return filter.release();
}

/* Takes up to 8 bytes at a time from the socket, so that some are often buffered. */
static int64_t stream_receive(cs_filter *filter, void *buffer, size_t size, cs_stream_wait *wait_r)
{
	char part[8];

	wait_r->events = CS_WATCH_READ;
	if (filter->buffered.empty()) {
		const ssize_t n = recv(filter->fd, part, sizeof part, 0);

		if (n == 0)
			return 0;
		if (n < 0)
			return CS_EAGAIN;
		filter->buffered.assign(part, static_cast<size_t>(n));
	}
	if (!filter->is_open) {
		if (filter->buffered.front() != 'H') {
			wait_r->why = "no handshake";
			return CS_EINVAL;
		}
		filter->is_open = true;
		filter->buffered.erase(0, 1);
		(void)send(filter->fd, "h", 1, MSG_NOSIGNAL);
		if (filter->buffered.empty())
			return CS_EAGAIN;
	}
	const size_t taken = std::min(size, std::min<size_t>(3, filter->buffered.size()));

	memcpy(buffer, turn(filter->buffered.substr(0, taken)).data(), taken);
	filter->buffered.erase(0, taken);
	return static_cast<int64_t>(taken);
}

static int64_t stream_send(cs_filter *filter, const void *bytes, size_t size, cs_stream_wait *wait_r)
{
	const std::string part = turn(std::string(static_cast<const char *>(bytes), std::min<size_t>(size, 5)));
	const ssize_t n = send(filter->fd, part.data(), part.size(), MSG_NOSIGNAL);

	wait_r->events = CS_WATCH_WRITE;
	return n >= 0 ? static_cast<int64_t>(n) : static_cast<int64_t>(CS_EAGAIN);
}

static size_t stream_buffered(const cs_filter *filter)
{
	return filter->buffered.size();
}

static int stream_is_open(const cs_filter *filter)
{
	return filter->is_open;
}

static void stream_end(cs_filter *filter)
{
	(void)send(filter->fd, "E", 1, MSG_NOSIGNAL);
}

static void filter_close(cs_filter *filter)
{
	std::default_delete<cs_filter>()(filter);
}

static void listen_nowhere(const void *, cs_listen *listen_r)
{
	listen_r->addresses = "";
}

static const cs_stream turning_stream = {
	.abi = CS_ABI,
	.size = sizeof(cs_stream),
	.label = "turned",
	.listen = listen_nowhere,
	.check = nullptr,
	.open = stream_open,
	.receive = stream_receive,
	.send = stream_send,
	.buffered = stream_buffered,
	.is_open = stream_is_open,
	.end = stream_end,
	.close = filter_close,
};

/* ---- a framing of lines: "+" opens, "f<bytes>" brings bytes of frames, "p" is answered by "q", "x" closes */

static cs_filter *framing_open(void *state, int, cs_step *step_r)
{
	auto filter = std::make_unique<cs_filter>();

	filter->f = static_cast<const worker_fixture *>(state);
	step_r->timer_ms = 10000;
	return filter.release();
}

static size_t framing_input(cs_filter *filter, char *bytes, size_t size, cs_step *step_r)
{
	const auto *end = static_cast<const char *>(memchr(bytes, '\n', size));

	if (!end) {
		filter->message.append(bytes, size);
		return size;
	}
	const size_t used = static_cast<size_t>(end - bytes) + 1;

	filter->reply = filter->message + std::string(bytes, used - 1);
	filter->message.clear();
	switch (filter->reply.empty() ? '?' : filter->reply.front()) {
	case '+':
		step_r->opened = 1;
		step_r->timer_ms = CS_STEP_NO_TIMER;
		break;
	case 'f':
		step_r->frames = filter->reply.data() + 1;
		step_r->frames_size = filter->reply.size() - 1;
		break;
	case 'P':
		filter->reply.assign(10000, 'Q');
		step_r->reply = filter->reply.data();
		step_r->reply_size = filter->reply.size();
		break;
	case 'T':
		filter->reply.assign(1000000, 'Q');
		step_r->reply = filter->reply.data();
		step_r->reply_size = filter->reply.size();
		step_r->timer_ms = 1;
		break;
	case 'p':
		step_r->reply = "q\n";
		step_r->reply_size = 2;
		break;
	default:
		step_r->reply = "bye\n";
		step_r->reply_size = 4;
		step_r->close = 1;
		step_r->why = "the test says so";
		break;
	}
	return used;
}

static size_t framing_head(const cs_filter *, size_t size, char *head_r)
{
	return static_cast<size_t>(snprintf(head_r, CS_FRAMING_HEAD_MOST, "\n%zu:", size));
}

static void framing_timer(cs_filter *, cs_step *step_r)
{
	step_r->reply = "late\n";
	step_r->reply_size = 5;
	step_r->close = 1;
}

static void framing_goodbye(cs_filter *filter, enum cs_goodbye why, cs_step *step_r)
{
	filter->reply = "goodbye " + std::to_string(why) + "\n";
	step_r->reply = filter->reply.data();
	step_r->reply_size = filter->reply.size();
}

static size_t framing_held(const cs_filter *filter)
{
	return filter->message.size();
}

static const cs_framing line_framing = {
	.abi = CS_ABI,
	.size = sizeof(cs_framing),
	.label = "lines",
	.secure_label = "turned lines",
	.silence_ms = 75000,
	.listen = listen_nowhere,
	.open = framing_open,
	.input = framing_input,
	.head = framing_head,
	.timer = framing_timer,
	.goodbye = framing_goodbye,
	.held = framing_held,
	.close = filter_close,
};

/* ---- the tests */

static const std::string ping = "{\"msgid\":102}\n", pong = "{\"msgid\":103}\n";
static const std::string proxy_header = "PROXY TCP4 203.0.113.9 192.0.2.1 5000 6000\r\n";

struct test {
	std::unique_ptr<worker_fixture> f = worker_fixture_make();
	std::deque<struct transport> transports; /* of its connections, which may live on while the next is opened */
	cs_stream stream = turning_stream; /* what the next connections get; a test may make a function wrong */
	cs_framing framing = line_framing;
	int peer = -1;
	struct conn *c = nullptr;
};

static test *test_of(void **state)
{
	return static_cast<test *>(*state);
}

static int set_up(void **state)
{
	*state = std::make_unique<test>().release();
	test_of(state)->f->conf.login_timeout = 0;
	return 0;
}

static int tear_down(void **state)
{
	std::unique_ptr<test> t(test_of(state));

	worker_fixture_free(std::move(t->f));
	return 0;
}

static void connect_by(test *t, const char *kind, bool by_proxy = false)
{
	int fds[2];
	sockaddr_in address = {};

	struct transport *transport = &t->transports.emplace_back();

	transport->index = 1;
	transport->label = kind;
	transport->stream = strstr(kind, "stream") ? &t->stream : nullptr;
	transport->framing = strstr(kind, "framing") ? &t->framing : nullptr;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t->f->conf.proxy_from = by_proxy ? "127.0.0.1" : "";
	conn_table_set_conf(t->f->worker, &t->f->conf);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	t->f->peers.push_back(fds[1]);
	t->peer = fds[1];
	assert_true(conn_reserve(t->f->worker));
	assert_int_equal(conn_open(t->f->worker, unique_fd(fds[0]), reinterpret_cast<sockaddr *>(&address), transport),
	                 0);
	for (const auto &c : t->f->worker->conns->slots)
		if (c && c->fd.fd == fds[0])
			t->c = c.get();
}

static std::string talk(test *t, const std::string &bytes)
{
	return worker_fixture_talk(t->f.get(), t->peer, bytes);
}

static std::string talk_bytewise(test *t, const std::string &bytes)
{
	std::string all;

	for (const char byte : bytes)
		all += talk(t, std::string(1, byte));
	return all;
}

static void frames_pass_through_a_stream_in_both_directions(void **state)
{
	test *t = test_of(state);

	connect_by(t, "stream");
	assert_string_equal(talk(t, "H").c_str(), "h");
	assert_string_equal(turn(talk(t, turn(ping + ping))).c_str(), (pong + pong).c_str());
	assert_string_equal(turn(talk_bytewise(t, turn(ping))).c_str(), pong.c_str());
}

static void the_byte_behind_the_first_frame_is_found_through_a_stream(void **state)
{
	test *t = test_of(state);

	connect_by(t, "stream");
	assert_string_equal(talk(t, "H").c_str(), "h");
	/* The first frame stays PENDING: its answer must end as the byte behind it says, which comes alone. */
	assert_string_equal(talk(t, turn("{\"msgid\":12,\"req\":1}")).c_str(), "");
	assert_string_equal(talk(t, turn(std::string(1, '\0'))).c_str(), "");
	conn_answer(t->c, &t->c->pending_request, "");
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	const std::string answer = turn(worker_fixture_receive(t->peer, nullptr));
	const char expected[] = "{\"msgid\":100,\"of\":12,\"req\":1,\"errno\":0}";

	assert_int_equal(answer.size(), sizeof expected);
	assert_memory_equal(answer.data(), expected, sizeof expected);
}

static void what_a_stream_has_buffered_is_read_when_a_request_is_finished(void **state)
{
	test *t = test_of(state);

	connect_by(t, "stream");
	(void)talk(t, "H");
	assert_string_equal(talk(t, turn("{\"msgid\":12,\"req\":1}\n{\"msgid\":102}\n")).c_str(), "");
	conn_answer(t->c, &t->c->pending_request, "");
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	const std::string got = turn(worker_fixture_receive(t->peer, nullptr));

	assert_non_null(strstr(got.c_str(), pong.c_str()));
}

static void no_byte_is_sent_before_the_handshake_and_its_failure_is_counted(void **state)
{
	test *t = test_of(state);
	bool eof = false;

	connect_by(t, "stream");
	conn_turn_away(t->c, CONN_TURN_FULL);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "");
	assert_true(eof);
	connect_by(t, "stream");
	assert_string_equal(talk(t, "GET / HTTP/1.1\r\n\r\n").c_str(), "");
	(void)worker_fixture_receive(t->peer, &eof);
	assert_true(eof);
	assert_int_equal(t->f->worker->conns->traffic[1].failed, 2);
	assert_int_equal(t->f->worker->conns->traffic[1].ended, 2);
}

static void a_stream_says_its_end_before_the_connection_closes(void **state)
{
	test *t = test_of(state);
	bool eof = false;

	connect_by(t, "stream");
	(void)talk(t, "H");
	conn_close_after_output(t->c, "the test says so");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "E");
	assert_true(eof);
}

static void a_framing_brings_frames_in_any_pieces_and_puts_a_head_before_each(void **state)
{
	test *t = test_of(state);

	connect_by(t, "framing");
	assert_string_equal(talk(t, "+\n").c_str(), "");
	assert_string_equal(talk(t, "f{\"msg\nfid\":102}{\"msgid\":102}\np\n").c_str(),
	                    "\n13:{\"msgid\":103}\n13:{\"msgid\":103}q\n");
	assert_string_equal(talk_bytewise(t, "f{\"msgid\":102}\n").c_str(), "\n13:{\"msgid\":103}");
}

static void frames_that_may_not_be_dispatched_wait_in_their_order(void **state)
{
	test *t = test_of(state);

	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_string_equal(talk(t, "f{\"msgid\":12,\"req\":1}\nf{\"msgid\":1\nf02}\np\n").c_str(), "q\n");
	conn_answer(t->c, &t->c->pending_request, "");
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, nullptr).c_str(),
	                    "\n39:{\"msgid\":100,\"of\":12,\"req\":1,\"errno\":0}\n13:{\"msgid\":103}");
}

static void replies_of_a_framing_to_one_read_stop_while_too_much_output_waits(void **state)
{
	test *t = test_of(state);
	const int small = 4096;
	std::string requests, got;

	t->f->conf.output_soft = 20000;
	t->f->conf.output_hard = 60000;
	connect_by(t, "framing");
	assert_int_equal(setsockopt(t->c->fd.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (int i = 0; i < 500; i++)
		requests += "P\n";
	got = talk(t, requests + "p\n");
	assert_true(conn_unsent(t->c) <= 40000);
	for (int i = 0; i < 2000 && !got.ends_with("q\n"); i++) {
		worker_fixture_turn(t->f.get());
		got += worker_fixture_receive(t->peer, nullptr);
	}
	assert_int_equal(got.size(), 500 * 10000 + 2);
	assert_true(got.ends_with("Qq\n"));
}

static void the_timer_of_a_framing_waits_while_the_peer_reads_a_long_reply(void **state)
{
	test *t = test_of(state);
	std::string got;

	connect_by(t, "framing");
	got = talk(t, "T\n");
	const int64_t first = t->c->transport->timer_at;

	assert_true(conn_unsent(t->c) > 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->c->transport->timer_at != first; }));
	assert_false(t->c->closing);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		got += worker_fixture_receive(t->peer, nullptr);
		return got.size() >= 1000005;
	}));
	assert_int_equal(got.size(), 1000005);
	assert_true(got.ends_with("Qlate\n"));
}

static void nothing_is_sent_before_a_framing_has_opened(void **state)
{
	test *t = test_of(state);

	connect_by(t, "framing");
	assert_int_equal(conn_send(t->c, "{}", 2, nullptr, nullptr), CS_ENOENT);
	(void)talk(t, "+\n");
	assert_int_equal(conn_send(t->c, "{}", 2, nullptr, nullptr), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, nullptr).c_str(), "\n2:{}");
}

static void a_framing_closes_behind_its_reply(void **state)
{
	test *t = test_of(state);
	bool eof = false;

	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_string_equal(talk(t, "f{\"msgid\":102}\nx\nf{\"msgid\":102}\n").c_str(), "\n13:{\"msgid\":103}bye\n");
	(void)worker_fixture_receive(t->peer, &eof);
	assert_true(eof);
}

static void the_last_words_of_a_framing_tell_why(void **state)
{
	test *t = test_of(state);

	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_non_null(strstr(talk(t, "fGET\n").c_str(), "goodbye 3\n"));
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	const std::string long_text((64 << 10) + 100, 'x');
	assert_non_null(strstr(talk(t, "f{\"msgid\":102,\"x\":\"" + long_text + "\n").c_str(), "goodbye 2\n"));
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	conn_table_drain(t->f->worker);
	conn_table_close_all(t->f->worker, "drains");
	worker_fixture_turn(t->f.get());
	const std::string last = worker_fixture_receive(t->peer, nullptr);
	assert_non_null(strstr(last.c_str(), "\"errno\":13"));
	assert_true(last.ends_with("goodbye 1\n"));
}

static void of_the_step_of_a_goodbye_only_the_reply_counts(void **state)
{
	test *t = test_of(state);

	t->framing.goodbye = [](cs_filter *filter, enum cs_goodbye why, cs_step *step_r) {
		framing_goodbye(filter, why, step_r);
		step_r->frames_size = 1;
		step_r->timer_ms = INT64_MIN;
		step_r->close = 1;
	};
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_non_null(strstr(talk(t, "fGET\n").c_str(), "goodbye 3\n"));
}

static void a_framing_over_a_stream_stacks(void **state)
{
	test *t = test_of(state);

	connect_by(t, "stream and framing");
	assert_string_equal(talk(t, "H").c_str(), "h");
	assert_string_equal(turn(talk(t, turn("+\nf{\"msgid\":102}\n"))).c_str(), "\n13:{\"msgid\":103}");
	assert_string_equal(turn(talk_bytewise(t, turn("p\nf{\"msgid\":102}\n"))).c_str(), "q\n\n13:{\"msgid\":103}");
}

static void a_proxy_header_comes_before_every_transport_whole_or_cut_anywhere(void **state)
{
	test *t = test_of(state);
	const std::string &header = proxy_header;

	for (size_t cut = 0; cut <= header.size(); cut++) {
		connect_by(t, "stream", true);
		std::string got = talk(t, header.substr(0, cut));
		got += talk(t, header.substr(cut) + "H" + turn("{\"msgid\":102}\n"));
		assert_string_equal(got.substr(0, 1).c_str(), "h");
		assert_string_equal(turn(got.substr(1)).c_str(), pong.c_str());
		assert_string_equal(t->c->peer.c_str(), "203.0.113.9:5000");
		conn_close(t->c, "done");
		connect_by(t, "framing", true);
		got = talk(t, header.substr(0, cut));
		got += talk(t, header.substr(cut) + "+\nf{\"msgid\":102}\n");
		assert_string_equal(got.c_str(), "\n13:{\"msgid\":103}");
		assert_string_equal(t->c->peer.c_str(), "203.0.113.9:5000");
		conn_close(t->c, "done");
		worker_fixture_turn(t->f.get());
	}
}

static void a_proxy_may_leave_the_header_out_and_others_may_not_send_one(void **state)
{
	test *t = test_of(state);
	bool eof = false;

	connect_by(t, "stream", true);
	assert_string_equal(turn(talk(t, "H" + turn("{\"msgid\":102}\n")).substr(1)).c_str(), pong.c_str());
	connect_by(t, "stream", false);
	assert_string_equal(talk(t, proxy_header + "H").c_str(), "");
	(void)worker_fixture_receive(t->peer, &eof);
	assert_true(eof);
}

static void what_a_guest_s_framing_holds_counts(void **state)
{
	test *t = test_of(state);

	connect_by(t, "framing");
	(void)talk(t, std::string(3000, 'f'));
	assert_true(t->f->shared.guest_bytes >= 3000);
	(void)talk(t, "\n");
	assert_int_equal(t->f->shared.guest_bytes, 0);
}

static void bytes_and_connections_are_counted_by_transport(void **state)
{
	test *t = test_of(state);

	connect_by(t, "framing");
	(void)talk(t, "+\nf{\"msgid\":102}\n");
	const transport_counters *counters = &t->f->worker->conns->traffic[1];

	assert_int_equal(counters->accepted, 1);
	assert_int_equal(counters->received, 17);
	assert_int_equal(counters->sent, 17);
	assert_int_equal(counters->failed, 0);
	assert_int_equal(t->f->worker->conns->traffic[0].accepted, 0);
}

/* ---- plugins that break the contract */

/* Does what makes the transport break its contract. The server says which function did it, closes the connection, and
 * serves others. */
template <class Does> static void assert_blamed(test *t, const char *function, const char *why, Does does)
{
	bool eof = false;

	for (const auto &self : t->f->worker->instances)
		self->transport_told = 0;
	const std::string log = capture_stderr([&] {
		does();
		(void)worker_fixture_wait(t->f.get(), [&] {
			(void)worker_fixture_receive(t->peer, &eof);
			return eof;
		});
	});
	const std::string expected =
		"error a transport breaks its contract plugin=fake transport=" + t->transports.back().label +
		" function=" + function + " why=\"" + why + "\"";

	assert_true(eof);
	assert_non_null(strstr(log.c_str(), expected.c_str()));
	connect_by(t, "plain");
	assert_string_equal(talk(t, ping).c_str(), pong.c_str());
}

static void assert_input_blamed(test *t, const char *why, size_t (*input)(cs_filter *, char *, size_t, cs_step *))
{
	t->framing.input = input;
	connect_by(t, "framing");
	assert_blamed(t, "input", why, [&] { (void)talk(t, "+\n"); });
}

static void a_framing_whose_input_is_wrong_loses_its_connection_only(void **state)
{
	test *t = test_of(state);

	assert_input_blamed(t, "it used nothing", [](cs_filter *, char *, size_t, cs_step *) -> size_t { return 0; });
	assert_input_blamed(t, "it used more than it was given",
	                    [](cs_filter *, char *, size_t size, cs_step *) { return size + 1; });
	assert_input_blamed(t, "it used more than it was given",
	                    [](cs_filter *, char *, size_t, cs_step *) { return SIZE_MAX; });
	assert_input_blamed(t, "a reply at NULL", [](cs_filter *, char *, size_t size, cs_step *step_r) {
		step_r->reply_size = 5;
		return size;
	});
	assert_input_blamed(t, "frames at NULL", [](cs_filter *, char *, size_t size, cs_step *step_r) {
		step_r->frames_size = 5;
		return size;
	});
	assert_input_blamed(t, "a time below zero", [](cs_filter *, char *, size_t size, cs_step *step_r) {
		step_r->timer_ms = -2;
		return size;
	});
}

static void a_framing_may_close_without_using_its_input(void **state)
{
	test *t = test_of(state);

	t->framing.input = [](cs_filter *, char *, size_t, cs_step *step_r) -> size_t {
		step_r->reply = "no\n";
		step_r->reply_size = 3;
		step_r->close = 1;
		return 0;
	};
	connect_by(t, "framing");
	assert_string_equal(talk(t, "+\n").c_str(), "no\n");
}

static void the_longest_time_of_a_framing_never_comes(void **state)
{
	test *t = test_of(state);

	t->framing.input = [](cs_filter *, char *, size_t size, cs_step *step_r) {
		step_r->timer_ms = INT64_MAX;
		return size;
	};
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_true(t->c->transport->timer_at > worker_monotonic_ms() + INT64_C(1000000000));
	assert_false(t->c->dead);
}

static void a_framing_with_too_long_a_head_loses_its_connection_only(void **state)
{
	test *t = test_of(state);

	t->framing.head = [](const cs_filter *, size_t, char *) -> size_t {
		return CS_FRAMING_HEAD_MOST + 1;
	};
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_blamed(t, "head", "a head that is too long", [&] { (void)talk(t, "f{\"msgid\":102}\n"); });
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_blamed(t, "head", "a head that is too long",
	              [&] { assert_int_equal(conn_send(t->c, "{}", 2, nullptr, nullptr), CS_ENOENT); });
	/* Its refusal cannot be sent either. */
	connect_by(t, "framing");
	(void)talk(t, "+\n");
	assert_blamed(t, "head", "a head that is too long", [&] { (void)talk(t, "fGET\n"); });
}

static void a_framing_whose_steps_are_wrong_elsewhere_loses_its_connection_only(void **state)
{
	test *t = test_of(state);

	t->framing.open = [](void *, int, cs_step *step_r) {
		step_r->reply_size = 1;
		return std::make_unique<cs_filter>().release();
	};
	assert_blamed(t, "open", "a reply at NULL", [&] { connect_by(t, "framing"); });
	t->framing = line_framing;
	t->framing.goodbye = [](cs_filter *, enum cs_goodbye, cs_step *step_r) {
		step_r->reply_size = 1;
	};
	connect_by(t, "framing");
	assert_blamed(t, "goodbye", "a reply at NULL", [&] { conn_close_after_output(t->c, "the test says so"); });
	t->framing.timer = [](cs_filter *, cs_step *step_r) {
		step_r->timer_ms = INT64_MIN;
	};
	connect_by(t, "framing");
	assert_blamed(t, "timer", "a time below zero", [&] { conn_transport_check(t->c, t->c->transport->timer_at); });
}

/* A stream that does nothing else than what it answers. */
template <int64_t Answer, unsigned Events>
static int64_t stream_receives(cs_filter *filter, void *, size_t, cs_stream_wait *wait_r)
{
	filter->is_open = true;
	wait_r->events = Events;
	return Answer;
}

template <int64_t Answer, unsigned Events>
static int64_t stream_sends(cs_filter *, const void *, size_t, cs_stream_wait *wait_r)
{
	wait_r->events = Events;
	return Answer;
}

static void assert_receive_blamed(test *t, const char *why, decltype(cs_stream::receive) receive)
{
	t->stream.receive = receive;
	connect_by(t, "stream");
	assert_blamed(t, "receive", why, [&] { (void)talk(t, "H"); });
}

static void assert_send_blamed(test *t, const char *why, decltype(cs_stream::send) send)
{
	t->stream.send = send;
	connect_by(t, "stream");
	(void)talk(t, "H");
	assert_blamed(t, "send", why, [&] { (void)talk(t, turn(ping)); });
}

static void a_stream_that_answers_wrongly_loses_its_connection_only(void **state)
{
	test *t = test_of(state);

	assert_receive_blamed(t, "more bytes than it was given", stream_receives<INT64_MAX, 0>);
	assert_receive_blamed(t, "more bytes than it was given", stream_receives<4097, 0>);
	assert_receive_blamed(t, "a number that means nothing", stream_receives<-77, CS_WATCH_READ>);
	assert_receive_blamed(t, "a number that means nothing", stream_receives<INT64_MIN, CS_WATCH_READ>);
	assert_receive_blamed(t, "it waits for nothing", stream_receives<CS_EAGAIN, 0>);
	assert_receive_blamed(t, "it waits for nothing", stream_receives<CS_EAGAIN, 4096>);
	t->stream = turning_stream;
	assert_send_blamed(t, "more bytes than it was given", stream_sends<INT64_MAX, 0>);
	assert_send_blamed(t, "no byte, and nothing to wait for", stream_sends<0, CS_WATCH_WRITE>);
	assert_send_blamed(t, "a number that means nothing", stream_sends<-1000, CS_WATCH_WRITE>);
	assert_send_blamed(t, "it waits for nothing", stream_sends<CS_EAGAIN, 0>);
}

static void a_stream_that_waits_for_what_the_socket_offers_loses_its_connection_only(void **state)
{
	test *t = test_of(state);

	assert_receive_blamed(t, "it waits for what the socket offers", stream_receives<CS_EAGAIN, CS_WATCH_READ>);
	assert_receive_blamed(t, "it waits for what the socket offers", stream_receives<CS_EAGAIN, CS_WATCH_WRITE>);
	t->stream = turning_stream;
	assert_send_blamed(t, "it waits for what the socket offers", stream_sends<CS_EAGAIN, CS_WATCH_WRITE>);
}

static void a_stream_may_take_many_bytes_before_it_gives_one(void **state)
{
	test *t = test_of(state);

	t->stream.receive = [](cs_filter *filter, void *buffer, size_t, cs_stream_wait *wait_r) -> int64_t {
		char byte;

		wait_r->events = CS_WATCH_READ;
		while (recv(filter->fd, &byte, 1, 0) == 1)
			filter->is_open = byte == 'H';
		if (!filter->is_open)
			return CS_EAGAIN;
		*static_cast<char *>(buffer) = '\n';
		return 1;
	};
	connect_by(t, "stream");
	(void)talk_bytewise(t, std::string(3000, 'x'));
	assert_false(t->c->dead);
	(void)talk(t, "H");
	assert_true(conn_transport_is_open(t->c));
}

/* Sends nothing before a further byte has come; counts the calls in `message`. */
static int64_t stream_sends_after_reading(cs_filter *filter, const void *bytes, size_t size, cs_stream_wait *wait_r)
{
	filter->message += '.';
	if (filter->must_write || filter->message.size() > 100)
		return stream_send(filter, bytes, size, wait_r);
	wait_r->events = CS_WATCH_READ;
	return CS_EAGAIN;
}

static int64_t stream_notes_reading(cs_filter *filter, void *buffer, size_t size, cs_stream_wait *wait_r)
{
	filter->must_write = filter->must_write || !filter->message.empty();
	return stream_receive(filter, buffer, size, wait_r);
}

static void a_stream_that_must_read_before_it_writes_is_not_called_before_bytes_come(void **state)
{
	test *t = test_of(state);

	t->stream.send = stream_sends_after_reading;
	t->stream.receive = stream_notes_reading;
	connect_by(t, "stream");
	assert_string_equal(talk(t, "H").c_str(), "h");
	assert_string_equal(talk(t, turn(ping)).c_str(), "");
	assert_true(t->c->transport->stream->message.size() < 3);
	assert_string_equal(turn(talk(t, turn(" "))).c_str(), pong.c_str());
}

static void a_transport_that_errs_with_every_connection_does_not_fill_the_log(void **state)
{
	test *t = test_of(state);

	t->framing.input = [](cs_filter *, char *, size_t, cs_step *) -> size_t {
		return 0;
	};
	const std::string log = capture_stderr([&] {
		for (int i = 0; i < 20; i++) {
			connect_by(t, "framing");
			(void)talk(t, "+\n");
			assert_int_equal(t->f->worker->conns->live, 0);
		}
	});
	assert_int_equal(std::count(log.begin(), log.end(), '\n'), 1);
}

/* ---- plugins that close their own connection, which they may not */

/* The only connection that is left is the caller's. */
template <bool Softly> static void close_own(const worker_fixture *f)
{
	for (const auto &c : f->worker->conns->slots) {
		if (!c || c->dead)
			continue;
		if (Softly)
			conn_close_after_output(c.get(), "by its own transport");
		else
			conn_close(c.get(), "by its own transport");
	}
}

template <bool Softly> static size_t input_closes(cs_filter *filter, char *bytes, size_t size, cs_step *step_r)
{
	close_own<Softly>(filter->f);
	return framing_input(filter, bytes, size, step_r);
}

template <bool Softly> static size_t head_closes(const cs_filter *filter, size_t size, char *head_r)
{
	close_own<Softly>(filter->f);
	return framing_head(filter, size, head_r);
}

template <bool Softly> static void timer_closes(cs_filter *filter, cs_step *step_r)
{
	close_own<Softly>(filter->f);
	framing_timer(filter, step_r);
}

template <bool Softly> static void goodbye_closes(cs_filter *filter, enum cs_goodbye why, cs_step *step_r)
{
	close_own<Softly>(filter->f);
	framing_goodbye(filter, why, step_r);
}

template <bool Softly>
static int64_t receive_closes(cs_filter *filter, void *buffer, size_t size, cs_stream_wait *wait_r)
{
	if (filter->is_open)
		close_own<Softly>(filter->f);
	return stream_receive(filter, buffer, size, wait_r);
}

template <bool Softly>
static int64_t send_closes(cs_filter *filter, const void *bytes, size_t size, cs_stream_wait *wait_r)
{
	close_own<Softly>(filter->f);
	return stream_send(filter, bytes, size, wait_r);
}

template <bool Softly> static void end_closes(cs_filter *filter)
{
	close_own<Softly>(filter->f);
	stream_end(filter);
}

/* A whole life of a connection, in which each function is called. */
static void live(test *t)
{
	const worker_fixture *f = t->f.get();

	connect_by(t, "stream and framing");
	const cs_conn handle = t->c->handle;
	(void)talk(t, "H");
	(void)talk(t, turn("+\n"));
	(void)talk(t, turn("f{\"msgid\":102}\n"));
	for (const bool by_timer : {true, false}) {
		struct conn *c = conn_find(t->f->worker, handle);

		if (!c)
			break;
		if (by_timer && c->transport->of->framing->timer != framing_timer) {
			c->transport->timer_at = 1;
			conn_transport_check(c, 1);
		} else if (!by_timer) {
			conn_close_after_output(c, "the test says so");
		}
		worker_fixture_turn(t->f.get());
	}
	(void)worker_fixture_receive(t->peer, nullptr);
	assert_int_equal(shutdown(t->peer, SHUT_WR), 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return f->worker->conns->live == 0; }));
	t->stream = turning_stream;
	t->framing = line_framing;
}

template <bool Softly> static void close_in_each_function(test *t)
{
	t->framing.input = input_closes<Softly>;
	live(t);
	t->framing.head = head_closes<Softly>;
	live(t);
	t->framing.timer = timer_closes<Softly>;
	live(t);
	t->framing.goodbye = goodbye_closes<Softly>;
	live(t);
	t->stream.receive = receive_closes<Softly>;
	live(t);
	t->stream.send = send_closes<Softly>;
	live(t);
	t->stream.end = end_closes<Softly>;
	live(t);
}

static void a_transport_that_closes_its_own_connection_does_no_other_harm(void **state)
{
	test *t = test_of(state);

	close_in_each_function<false>(t);
	close_in_each_function<true>(t);
	connect_by(t, "plain");
	assert_string_equal(talk(t, ping).c_str(), pong.c_str());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_pass_through_a_stream_in_both_directions),
		TEST(the_byte_behind_the_first_frame_is_found_through_a_stream),
		TEST(what_a_stream_has_buffered_is_read_when_a_request_is_finished),
		TEST(no_byte_is_sent_before_the_handshake_and_its_failure_is_counted),
		TEST(a_stream_says_its_end_before_the_connection_closes),
		TEST(a_framing_brings_frames_in_any_pieces_and_puts_a_head_before_each),
		TEST(frames_that_may_not_be_dispatched_wait_in_their_order),
		TEST(replies_of_a_framing_to_one_read_stop_while_too_much_output_waits),
		TEST(the_timer_of_a_framing_waits_while_the_peer_reads_a_long_reply),
		TEST(nothing_is_sent_before_a_framing_has_opened),
		TEST(a_framing_closes_behind_its_reply),
		TEST(the_last_words_of_a_framing_tell_why),
		TEST(of_the_step_of_a_goodbye_only_the_reply_counts),
		TEST(a_framing_over_a_stream_stacks),
		TEST(a_proxy_header_comes_before_every_transport_whole_or_cut_anywhere),
		TEST(a_proxy_may_leave_the_header_out_and_others_may_not_send_one),
		TEST(what_a_guest_s_framing_holds_counts),
		TEST(bytes_and_connections_are_counted_by_transport),
		TEST(a_framing_whose_input_is_wrong_loses_its_connection_only),
		TEST(a_framing_may_close_without_using_its_input),
		TEST(the_longest_time_of_a_framing_never_comes),
		TEST(a_framing_with_too_long_a_head_loses_its_connection_only),
		TEST(a_framing_whose_steps_are_wrong_elsewhere_loses_its_connection_only),
		TEST(a_stream_that_answers_wrongly_loses_its_connection_only),
		TEST(a_stream_that_waits_for_what_the_socket_offers_loses_its_connection_only),
		TEST(a_stream_may_take_many_bytes_before_it_gives_one),
		TEST(a_stream_that_must_read_before_it_writes_is_not_called_before_bytes_come),
		TEST(a_transport_that_errs_with_every_connection_does_not_fill_the_log),
		TEST(a_transport_that_closes_its_own_connection_does_no_other_harm),
	};

	return cmocka_run_group_tests_name("conn_transport", tests, nullptr, nullptr);
}
