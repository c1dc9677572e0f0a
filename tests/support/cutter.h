/* SPDX-License-Identifier: MIT
 * A relay between a client and a server that loses answers: after every so many answers it drops one and cuts the
 * connection. */
#ifndef TESTS_SUPPORT_CUTTER_H
#define TESTS_SUPPORT_CUTTER_H

#include <cstdint>
#include <memory>
#include <string_view>

struct cutter;

/* Relays connections, one after the other, to that port of 127.0.0.1, on a thread of its own. A frame of the
 * server that holds the mark is an answer; of each connection the answer number `cut_at` (from 1) is dropped
 * and the connection ended. */
cutter *cutter_start(uint16_t server_port, std::string_view mark, int cut_at);
/* Where clients connect. */
uint16_t cutter_port(const cutter *ct);
/* How many connections were cut so far. */
int cutter_cuts(const cutter *ct);
/* Ends the thread and what is relayed. */
void cutter_stop(cutter *ct);

struct cutter_stopper {
	void operator()(cutter *ct) const
	{
		cutter_stop(ct);
	}
};
using cutter_ptr = std::unique_ptr<cutter, cutter_stopper>;

#endif
