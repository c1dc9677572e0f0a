/* SPDX-License-Identifier: MIT
 * CHECK: looks for what is wrong in the store, a part at a time. */
#include "operator.h"

#include <algorithm>
#include <memory>

#include "../model/check.h"

struct operator_check {
	plugin_context context;
	cs_request request = {};
	check_look look;
};

static int operator_check_run(cs_db *db, void *arg)
{
	auto *check = static_cast<operator_check *>(arg);
	check_look look;

	look.place = check->look.place;
	const int result = check_next(db, &look);
	if (!result)
		check->look = std::move(look);
	return result;
}

static void operator_check_done(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_check> check(static_cast<operator_check *>(arg));
	const check_look &look = check->look;
	std::string more = ",\"rows\":" + std::to_string(look.rows) + ",\"findings\":[";

	if (result)
		return operator_fail(check->context, conn, check->request, result);
	for (size_t i = 0; i < look.findings.size(); i++) {
		more += i ? ",{\"what\":" : "{\"what\":";
		operator_quote(&more, look.findings[i].what);
		more += ",\"where\":";
		operator_quote(&more, look.findings[i].where);
		more += "}";
	}
	more += "]";
	if (look.more)
		more += ",\"more\":true,\"next\":\"" +
		        operator_place_text(
				{look.place.part, look.place.keys[0], look.place.keys[1], look.place.keys[2]}) +
		        "\"";
	operator_done(check->context, conn, check->request, more);
}

int operator_on_check(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto check = std::make_unique<operator_check>();
	std::vector<uint64_t> place;

	check->context = c;
	check->request = frame->request;
	if (const int result = operator_get_place(c, frame, 4, &place))
		return result;
	check->look.place.part = place[0];
	std::copy(place.begin() + 1, place.end(), check->look.place.keys);
	if (!c.host->has(frame, "after")) {
		const std::string peer = operator_peer(c, frame->conn);

		c.host->log(c.self, CS_LOG_INFO, "order verb=check by=%s", peer.c_str());
		c.host->audit(c.self, "order", "verb=check peer=%s", peer.c_str());
	}
	const int result =
		c.host->work(c.self, frame->conn, CS_WORK_READ, operator_check_run, operator_check_done, check.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)check.release(); /* operator_check_done owns it now */
	return CS_PENDING;
}
