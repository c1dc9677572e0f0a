/* SPDX-License-Identifier: MIT
 * MEMBERS: a page of the members of a group, with their states. */
#include <memory>
#include <string>
#include <vector>

#include <chatserverd/json.h>

#include "../model/members.h"
#include "group.h"

static constexpr int64_t group_page_default = 50, group_page_most = 200;
/* A member costs about as much as a simple request, and so does a KiB. */
static constexpr size_t group_bytes_a_cost = 1024;

/* A query on its way. */
struct group_page {
	cs_request request = {};
	uint64_t asker = 0, group = 0, after = 0;
	size_t limit = 0;
	std::vector<member_entry> members;
	bool more = false;
	std::vector<cs_account> accounts; /* of members, in their order */
	std::vector<unsigned char> online; /* the same */
};

void group_quote(std::string *out, std::string_view text)
{
	const size_t start = out->size(), room = text.size() + 2;

	out->resize(start + room);
	const size_t size = cs_json_quote(out->data() + start, room, text.data(), text.size());
	out->resize(start + size);
	if (size > room)
		cs_json_quote(out->data() + start, size, text.data(), text.size());
}

static const char *group_role_word(group_role role)
{
	return role == GROUP_CREATOR ? "creator" : role == GROUP_ADMIN ? "admin" : "normal";
}

static void group_add_member(std::string *out, const member_entry &member, bool is_online)
{
	*out += "{\"account\":" + std::to_string(member.account) + ",\"name\":";
	group_quote(out, member.name);
	*out += std::string(",\"role\":\"") + group_role_word(member.role) + "\",\"state\":\"" +
	        (is_online && !member.hides ? "online" : "offline") + '"';
	if (member.joined)
		*out += ",\"joined\":" + std::to_string(member.joined);
	*out += '}';
}

static void group_answer_page(const group_plugin *g, cs_conn conn, const group_page &page)
{
	std::string more = ",\"members\":[";

	for (size_t i = 0; i < page.members.size(); i++) {
		if (i)
			more += ',';
		group_add_member(&more, page.members[i], page.online[i] != 0);
	}
	more += ']';
	if (page.more)
		more += ",\"more\":true,\"next\":" + std::to_string(page.members.back().account);
	(void)g->context.host->charge(g->context.self, conn,
	                              static_cast<uint32_t>(page.members.size() + more.size() / group_bytes_a_cost));
	g->context.host->answer(g->context.self, conn, &page.request, more.c_str());
}

/* While the bus is away (CS_ENOENT), members of other nodes are shown as offline. */
static void group_states_known(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<group_page> page(static_cast<group_page *>(arg));
	const group_plugin *g = static_cast<group_plugin *>(state);

	if (result && result != CS_ENOENT)
		g->context.host->refuse_result(g->context.self, conn, &page->request, result);
	else
		group_answer_page(g, conn, *page);
	g->context.host->finish(g->context.self, conn);
}

static int group_page_read(cs_db *db, void *arg)
{
	group_page *page = static_cast<group_page *>(arg);

	return member_page(db, page->asker, page->group, page->after, page->limit, &page->members, &page->more);
}

static int group_ask_states(const group_plugin *g, cs_conn conn, group_page *page)
{
	const plugin_context &c = g->context;

	for (const member_entry &member : page->members)
		page->accounts.push_back(member.account);
	page->online.assign(page->accounts.size(), 0);
	return c.host->presence(c.self, conn, page->accounts.data(), page->online.data(), page->accounts.size(),
	                        group_states_known, page);
}

static void group_page_known(void *state, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<group_page> page(static_cast<group_page *>(arg));
	const group_plugin *g = static_cast<group_plugin *>(state);

	if (!result && !page->members.empty()) {
		result = group_ask_states(g, conn, page.get());
		if (!result) {
			(void)page.release(); /* the completion owns it now */
			return;
		}
	}
	if (const group_refusal *refusal = group_refusal_of(result); refusal)
		group_refuse(g, conn, &page->request, refusal->wire_errno, refusal->text);
	else if (result)
		g->context.host->refuse_result(g->context.self, conn, &page->request, result);
	else
		group_answer_page(g, conn, *page);
	g->context.host->finish(g->context.self, conn);
}

static int group_page_check(const group_plugin *g, const cs_frame *frame, group_page *page)
{
	int64_t group = 0, after = 0, limit = group_page_default;
	int result = field_integer(g->context, frame, "groupid", FIELD_REQUIRED, 1, &group);

	if (!result)
		result = field_integer(g->context, frame, "after", FIELD_OPTIONAL, 0, &after);
	if (!result)
		result = field_integer(g->context, frame, "limit", FIELD_OPTIONAL, 1, &limit);
	if (result)
		return result;
	if (limit > group_page_most)
		return group_refuse(g, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "limit must be 1 to 200");
	if (frame->request.req < 0)
		return group_refuse(g, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "req is missing");
	*page = {frame->request,
	         frame->account,
	         static_cast<uint64_t>(group),
	         static_cast<uint64_t>(after),
	         static_cast<size_t>(limit),
	         {},
	         false,
	         {},
	         {}};
	return 0;
}

int group_on_members(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	const plugin_context &c = g->context;
	auto page = std::make_unique<group_page>();
	int result = group_page_check(g, frame, page.get());

	if (result)
		return result;
	result = c.host->work(c.self, frame->conn, CS_WORK_READ, group_page_read, group_page_known, page.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)page.release(); /* the completion owns it now */
	return CS_PENDING;
}
