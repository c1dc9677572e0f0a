/* SPDX-License-Identifier: MIT
 * Writes requests and reads the fields of frames. */
#ifndef CHATCLIENT_PROTOCOL_H
#define CHATCLIENT_PROTOCOL_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/* A request that is being built. All texts must be UTF-8. */
struct request {
	std::string text;
};

/* Begins a request with this msgid and req. */
[[nodiscard]] request request_begin(int msgid, uint64_t req);
void request_add_integer(request *rq, const char *key, uint64_t value);
void request_add_text(request *rq, const char *key, std::string_view value);
void request_add_true(request *rq, const char *key);
/* The frame, with an LF at its end. Because of that LF the server ends its own frames with LF. */
[[nodiscard]] std::string request_end(request *rq);

/* A frame of the server. A number that is missing or no integer is -1. */
struct frame {
	int64_t msgid = -1;
	int64_t of = -1;
	int64_t req = -1;
	int64_t error = -1;
	int64_t id = -1;
	int64_t group = -1;
	int64_t seq = -1;
	int64_t ts = -1;
	std::string name;
	std::string message;
	std::string time;
	std::string error_text;
	std::vector<std::string> offline; /* each is a frame */
	std::vector<std::string> friends; /* for frame_read_person */
	std::vector<std::string> groups; /* for frame_read_group */
};

struct person {
	int64_t id = -1;
	std::string name;
	std::string state;
	std::string role;
};

struct group_info {
	int64_t id = -1;
	std::string name;
	std::string description;
	std::vector<person> members;
};

/* false: the text is no JSON object. A field of another type than expected counts as missing. */
[[nodiscard]] bool frame_read(std::string_view text, frame *frame_r);
[[nodiscard]] bool frame_read_person(std::string_view text, person *person_r);
[[nodiscard]] bool frame_read_group(std::string_view text, group_info *group_r);

#endif
