/* SPDX-License-Identifier: MIT
 * A blocking client for tests: bytes out, frames in, and helpers for the usual requests.
 *
 * If a frame does not come in time, or is not the expected one, the running test fails and the conversation is
 * printed. All clients belong to their server and are closed with it, or by client_close. */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <cstdint>
#include <deque>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <cjson/cJSON.h>

#include "tests/support/transport.h"

struct test_server;

struct json_deleter {
	void operator()(cJSON *json) const
	{
		cJSON_Delete(json);
	}
};
using json_ptr = std::unique_ptr<cJSON, json_deleter>;

/* A frame of the server. */
struct test_frame {
	std::string bytes; /* from { to } */
	char terminator = 0; /* the byte behind it; websocket_message_end if it was a message */
	json_ptr json;
};

struct test_client {
	test_server *server = nullptr;
	int fd = -1;
	test_transport transport;
	std::string output; /* for the socket, and not yet taken by the kernel */
	std::string input; /* read and not yet taken as frames */
	std::deque<test_frame> kept; /* frames that came before an awaited answer; read first */
	bool ended = false; /* the server closed (or reset) the connection */
	bool reset = false;
	bool is_raw = false; /* the transport begins with the next client_send */
	std::string ending = "\n"; /* what client_sendf puts behind a frame */
	std::deque<std::string> talk; /* the last lines of the conversation */
	int64_t id = 0; /* of the account, after client_enter or client_login */
	std::string name;
	int64_t next_req = 1;

	~test_client();
};

using test_at = std::source_location;

/* Connects by the server's transport, and waits a while for its handshakes: if they take longer, they go on when
 * something is sent or read. receive_buffer: SO_RCVBUF, 0 for the system's. */
test_client *client_open(test_server *s, int receive_buffer = 0, test_at at = test_at::current());
/* The same from that IPv4 address of this machine, "127.0.0.2" say. The handshakes begin when something is sent or
 * read, so that client_send_raw can send a PROXY header first. */
test_client *client_open_from(test_server *s, const char *source, test_at at = test_at::current());
/* Closes and frees. */
void client_close(test_client *c);
/* Closes by RST. */
void client_reset(test_client *c);

/* Exactly these bytes; reads meanwhile, so that two full directions never stand against each other. A closed
 * connection fails the test. */
void client_send(test_client *c, std::string_view bytes, test_at at = test_at::current());
/* The same where the server may close at any moment: false when it did. What it sent before that can be read. */
bool client_try_send(test_client *c, std::string_view bytes, test_at at = test_at::current());
/* One frame, with the client's ending behind it. */
void client_sendf(test_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As much as the kernel takes at once, of these bytes or of those of a former call. 1: it took some; 0: none; -1: the
 * connection has ended. */
int client_pour(test_client *c, std::string_view bytes, test_at at = test_at::current());
/* Exactly these bytes on the socket, below the transport, whose handshakes then begin with the next client_send.
 * has_more: what is sent next goes in the same segment. false: the connection is closed. */
bool client_send_raw(test_client *c, std::string_view bytes, bool has_more = false, test_at at = test_at::current());
/* One frame of WebSocket, with these first bits (0x80: FIN) and opcode; false: the connection is closed. */
bool client_send_message(test_client *c, unsigned first, std::string_view payload, test_at at = test_at::current());
/* Bytes inside TLS, if it is there, but below WebSocket. */
bool client_send_below(test_client *c, std::string_view bytes, test_at at = test_at::current());
/* One byte at a time, each in a segment of its own, and a message or a part of one. */
void client_send_bytewise(test_client *c, std::string_view bytes);

/* Reads until what came, and was not taken as frames, has the text, or the connection ends. */
const std::string &client_read_text(test_client *c, std::string_view text, test_at at = test_at::current());
/* The same, until the connection ends. */
const std::string &client_read_text_to_end(test_client *c, test_at at = test_at::current());
/* The next frame; fails when none comes in time. */
test_frame client_read(test_client *c, test_at at = test_at::current());
/* false when none came within that time or the connection ended. */
bool client_try_read(test_client *c, test_frame *frame_r, int timeout_ms);
/* The next frame, which must have every member of the JSON text with the same value; a null there says that
 * the member must be absent. */
test_frame client_expect(test_client *c, std::string_view members, test_at at = test_at::current());
/* The answer with this req; what comes before it waits for the next reads. */
test_frame client_read_answer(test_client *c, int64_t req, test_at at = test_at::current());
/* Nothing has been sent to the client that it did not read: the answer to a PING is the next frame. */
void client_expect_quiet(test_client *c, test_at at = test_at::current());
/* The connection ends, without a further frame. */
void client_expect_end(test_client *c, test_at at = test_at::current());
/* Reads frames away until the connection ends. */
std::vector<test_frame> client_read_to_end(test_client *c, test_at at = test_at::current());
/* Takes whatever has been sent up to now, up to the answer of a PING. What another client caused may still be on
 * its way inside the server: wait for that with client_read or client_read_many. */
std::vector<test_frame> client_read_all(test_client *c, test_at at = test_at::current());
/* The next frames, so many; nothing may have come after them. */
std::vector<test_frame> client_read_many(test_client *c, size_t count, test_at at = test_at::current());

/* Reads what has come, without waiting, so that the questions of the transport are answered, and the end of the
 * connection by its end on this side. Frames wait for the next reads. */
void client_answer_transport(test_client *c);

/* Whether that byte was behind the frame, where frames have terminators. */
bool client_frame_ends_with(const test_frame *frame, char terminator);

/* Whether json has the members (see client_expect). */
bool json_matches(const cJSON *json, std::string_view members);
/* A member's value; -1 and "" when it is absent or of another type. */
int64_t json_integer(const cJSON *json, const char *key);
std::string json_text(const cJSON *json, const char *key);
bool json_has(const cJSON *json, const char *key);
/* The members of an array of strings, each parsed as JSON. */
std::vector<json_ptr> json_parse_all(const cJSON *json, const char *key);
/* The text as a JSON string, with its quotes. */
std::string json_quote(std::string_view text);

/* A name that no other account has. */
std::string client_new_name(std::string_view stem);
/* REGISTER; the id. The password of all test accounts is "secret". */
int64_t client_register(test_client *c, std::string_view name, test_at at = test_at::current());
/* LOGIN, granted; more holds further members, such as ,"ack":true. The ACK. */
test_frame client_login(test_client *c, int64_t id, std::string_view more = "", test_at at = test_at::current());
/* Connects and logs in; where the account's last session is only just ending on the server, tries again. */
test_client *client_return(test_server *s, int64_t id, test_frame *ack_r = nullptr, std::string_view more = "",
                           test_at at = test_at::current());
/* A new account, connected and logged in. */
test_client *client_enter(test_server *s, std::string_view stem, std::string_view more = "",
                          test_at at = test_at::current());
/* A new account, which is not online. Its id. */
int64_t client_absent(test_server *s, std::string_view stem, test_at at = test_at::current());
/* LOGOUT, and waits until the server has done it. */
void client_logout(test_client *c, test_at at = test_at::current());
/* Waits until the account is offline for everybody: the friend list of observer says so. */
void client_leave(test_client *c, test_at at = test_at::current());

/* CHAT and GROUP_CHAT without req; more holds further members. */
void client_chat(test_client *c, int64_t to, std::string_view text, std::string_view more = "");
void client_group_chat(test_client *c, int64_t group, std::string_view text, std::string_view more = "");
/* The same with req, acknowledged: the seq. Here and in client_ask, frames that come before the
 * answer wait for the next reads. */
int64_t client_chat_safely(test_client *c, int64_t to, std::string_view text, std::string_view more = "",
                           test_at at = test_at::current());
int64_t client_group_chat_safely(test_client *c, int64_t group, std::string_view text, std::string_view more = "",
                                 test_at at = test_at::current());
/* Asks with req (format ends before the closing brace) and expects errno; the answer. */
test_frame client_ask(test_client *c, int expected_errno, test_at at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define CLIENT_ASK(c, expected_errno, ...) client_ask(c, expected_errno, test_at::current(), __VA_ARGS__)
int64_t client_create_group(test_client *c, std::string_view name, test_at at = test_at::current());
void client_join_group(test_client *c, int64_t group, test_at at = test_at::current());

/* Fails the test with the conversation of c. */
[[noreturn]] void client_fail(const test_client *c, test_at at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
