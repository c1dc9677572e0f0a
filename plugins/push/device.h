/* SPDX-License-Identifier: MIT
 * A device whose transport is HTTP. For device.cpp and posting.cpp; worker thread. */
#ifndef PUSH_DEVICE_H
#define PUSH_DEVICE_H

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "document.h"
#include "push.h"

enum device_stage { DEVICE_AWAY, DEVICE_ASKING, DEVICE_NUMBERING, DEVICE_CLAIMING, DEVICE_ATTACHING, DEVICE_OPEN };

struct posting_item {
	std::string frame;
	document_frame look;
};

struct push_device {
	push_plugin *owner = nullptr;
	push_device_row row;
	device_stage stage = DEVICE_AWAY;
	uint64_t tag = 0;
	int64_t next_try = 0; /* monotonic, ms */
	int64_t seen = 0; /* monotonic, ms: then the store was told that the device is in use */

	cs_conn conn = 0;
	int fd = -1; /* the other end */
	cs_watch *watch = nullptr;
	std::string input, output;

	std::deque<posting_item> queue; /* what is to be posted */
	std::deque<posting_item> answers; /* to the bot's requests: they go with what is posted next */
	std::vector<posting_item> batch; /* what is being posted, or will be posted again */
	bool is_posting = false;
	uint64_t post_session = 0; /* the tag of the session whose batch is being posted */
	uint64_t post_tag = 0; /* of that request */
	unsigned failures = 0; /* in a row */
	int64_t warned = 0; /* monotonic, ms: when the log said so */
	cs_timer *retry = nullptr;
};

/* ---- device.cpp: the list, and the steps to a session */

/* For the log. */
unsigned long long device_account(const push_device *d);
/* Ends the session, if there is one, and tries again after the pause in ms; what was not confirmed comes again. */
void device_leave(push_device *d, int64_t pause);
/* The receiver wants no more: ends the session, and the device. */
void device_give_up(push_device *d);

/* ---- posting.cpp: between the other end of the session and the URL */

/* Takes the other end of the connection. false: it cannot be watched; posting_close closes it. */
bool posting_open(push_device *d, int fd);
/* Forgets all that is on its way, and closes the other end. */
void posting_close(push_device *d);
/* Takes a frame of the server, to be posted. */
void posting_take_frame(push_device *d, std::string frame);
/* Posts what there is, unless something is under way, or the session is not open. */
void posting_some(push_device *d);
/* The URL is another one. */
void posting_begin_anew(push_device *d);

#endif
