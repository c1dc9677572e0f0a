/* SPDX-License-Identifier: MIT
 * The connection of chatctl: requests out, answers in. */
#ifndef CHATCTL_WIRE_H
#define CHATCTL_WIRE_H

#include <cstdint>
#include <memory>
#include <string>

#include <cjson/cJSON.h>

#include <base/raii.h>

using chatctl_json_ptr = std::unique_ptr<cJSON, function_deleter<cJSON_Delete>>;

struct chatctl_wire {
	unique_fd fd;
	std::string path;
	int64_t timeout_ms = 0;
	std::string input; /* read, and not yet taken */
	int ending = -1; /* if it becomes readable, no answer is waited for any more; -1: there is no such descriptor */
};

/* false: there is no server, which is explained on standard error. */
[[nodiscard]] bool chatctl_connect(struct chatctl_wire *w, const std::string &path, int64_t timeout_ms);
/* Sends the request and reads its answer, with errno 0 or another. Null: there is none, which is explained on standard
 * error, unless w->ending is readable. */
[[nodiscard]] chatctl_json_ptr chatctl_ask(struct chatctl_wire *w, const cJSON *request);

#endif
