/* SPDX-License-Identifier: MIT
 * Writes requests and reads the fields of frames. */
#ifndef CHATCLIENT_PROTOCOL_H
#define CHATCLIENT_PROTOCOL_H

#include <cstdint>
#include <initializer_list>
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
void request_add_truth(request *rq, const char *key, bool value);
void request_add_texts(request *rq, const char *key, std::initializer_list<std::string_view> values);
/* The frame, with an LF at its end. Because of that LF the server ends its own frames with LF. */
[[nodiscard]] std::string request_end(request *rq);

/* A frame of the server, or an item of its lists. A number that is missing or no integer is -1. */
struct frame {
	int64_t msgid = -1;
	int64_t of = -1;
	int64_t req = -1;
	int64_t error = -1;
	int64_t id = -1;
	int64_t to = -1; /* toid */
	int64_t group = -1;
	int64_t peer = -1;
	int64_t account = -1;
	int64_t seq = -1;
	int64_t ts = -1;
	int64_t until = -1;
	int64_t delay = -1;
	int64_t unread = -1;
	int64_t read = -1;
	int64_t edited = -1;
	int64_t recalled = -1;
	int64_t invited = -1;
	int64_t seen = -1;
	int64_t members = -1; /* their number, in a list of conversations */
	bool more = false;
	bool ban = false;
	bool online = false;
	bool is_friend = false;
	bool friend_of = false;
	bool blocked = false;
	bool by_operator = false; /* ordered by who runs the server; id is in whose place */
	std::string name;
	std::string message;
	std::string text; /* of a notice */
	std::string time;
	std::string cid;
	std::string kind;
	std::string state;
	std::string role;
	std::string device;
	std::string join;
	std::string history;
	std::string group_name;
	std::string description; /* groupdesc */
	std::string next;
	std::string store;
	std::string token;
	std::string error_text;
	std::string reason; /* a word for what error_text says */
	std::vector<std::string> have;
	std::vector<std::string> offline; /* each is a frame */
	std::vector<std::string> friends; /* for frame_read_person */
	std::vector<std::string> groups; /* for frame_read_group */
	std::vector<frame> items; /* messages, conversations, members, contacts or devices */
	std::vector<frame> newest; /* of a conversation: its last message, if there is one */
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
/* Whether a list of texts has the word. */
[[nodiscard]] bool protocol_has_word(const std::vector<std::string> &words, std::string_view word);

#endif
