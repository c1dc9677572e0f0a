/* SPDX-License-Identifier: MIT
 * CONTACTS and FIND_USER: questions that readers answer. */
#include "people.h"

#include <algorithm>
#include <memory>

#include "../model/contacts.h"
#include "../model/users.h"

static constexpr int64_t people_page_default = 50, people_page_most = 200; /* items */
static constexpr size_t people_page_bytes = 256 * 1024;

/* 0, or CS_REJECT after the request was refused. */
static int people_check_req(const people *p, const cs_frame *frame)
{
	const plugin_context &c = p->context;

	if (frame->request.req >= 0)
		return 0;
	return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "req is missing");
}

/* ---- CONTACTS */

struct people_page {
	cs_request request = {};
	uint64_t account = 0, after = 0;
	size_t limit = 0;
	std::vector<contact_entry> entries;
	/* Of those who do not block the account. */
	std::vector<cs_account> shown;
	std::vector<unsigned char> online;
};

/* One more than the page may have shows whether there is more. */
static int people_page_read(cs_db *db, void *arg)
{
	people_page *page = static_cast<people_page *>(arg);

	return contact_page(db, page->account, page->after, page->limit + 1, &page->entries);
}

static const char *people_word(bool flag)
{
	return flag ? "true" : "false";
}

static std::string people_page_item(const contact_entry &entry, bool is_online)
{
	std::string item = "{\"account\":" + std::to_string(entry.id) + ",\"name\":";

	people_quote(&item, entry.name);
	return item + ",\"state\":\"" + (is_online ? "online" : "offline") +
	       "\",\"friend\":" + people_word(entry.listed) + ",\"friend_of\":" + people_word(entry.lists) +
	       ",\"blocked\":" + people_word(entry.blocked) + "}";
}

/* The end of the answer: ,"contacts":[...] and, if there is more, ,"more":true,"next":N. */
static std::string people_page_text(const people_page &page)
{
	std::string text = ",\"contacts\":[";
	size_t count = 0, shown = 0;

	for (const contact_entry &entry : page.entries) {
		const std::string item = people_page_item(entry, !entry.blocks && page.online[shown++]);

		if (count == page.limit || (count > 0 && text.size() + item.size() > people_page_bytes))
			break;
		if (count++ > 0)
			text += ',';
		text += item;
	}
	text += ']';
	if (count < page.entries.size())
		text += ",\"more\":true,\"next\":" + std::to_string(page.entries[count - 1].id);
	return text;
}

/* A contact costs about as much as a simple request, and so does a KiB. */
static void people_page_send(const people *p, cs_conn conn, const people_page &page)
{
	const plugin_context &c = p->context;
	const std::string text = people_page_text(page);

	(void)c.host->charge(c.self, conn, static_cast<uint32_t>(page.entries.size() + text.size() / 1024));
	c.host->answer(c.self, conn, &page.request, text.c_str());
	(void)c.host->finish(c.self, conn);
}

static void people_states_known(void *state, cs_conn conn, int, void *arg)
{
	const std::unique_ptr<people_page> page(static_cast<people_page *>(arg));

	people_page_send(static_cast<people *>(state), conn, *page);
}

static void people_page_known(void *state, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<people_page> page(static_cast<people_page *>(arg));
	const people *p = static_cast<people *>(state);
	const plugin_context &c = p->context;

	if (result) {
		(void)c.host->refuse_result(c.self, conn, &page->request, result);
		(void)c.host->finish(c.self, conn);
		return;
	}
	for (const contact_entry &entry : page->entries)
		if (!entry.blocks)
			page->shown.push_back(entry.id);
	page->online.resize(page->shown.size());
	/* If the states cannot be read, all are shown as offline. */
	if (!page->shown.empty() && c.host->presence(c.self, conn, page->shown.data(), page->online.data(),
	                                             page->shown.size(), people_states_known, page.get()) == 0)
		(void)page.release(); /* people_states_known owns it now */
	else
		people_page_send(p, conn, *page);
}

int people_on_contacts(void *state, const cs_frame *frame)
{
	const people *p = static_cast<people *>(state);
	const plugin_context &c = p->context;
	int64_t after = 0, limit = people_page_default;
	int result = people_check_req(p, frame);

	if (!result)
		result = field_integer(c, frame, "after", FIELD_OPTIONAL, 1, &after);
	if (!result)
		result = field_integer(c, frame, "limit", FIELD_OPTIONAL, 1, &limit);
	if (result)
		return result;
	if (limit > people_page_most)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "limit must be 1 to 200");
	auto page = std::make_unique<people_page>();
	page->request = frame->request;
	page->account = frame->account;
	page->after = static_cast<uint64_t>(after);
	page->limit = static_cast<size_t>(limit);
	result = c.host->work(c.self, frame->conn, CS_WORK_READ, people_page_read, people_page_known, page.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)page.release(); /* people_page_known owns it now */
	return CS_PENDING;
}

/* ---- FIND_USER */

struct people_search {
	cs_request request = {};
	std::string name;
	uint64_t account = 0;
};

static constexpr int64_t people_minute_ms = 60000;
static constexpr size_t people_most_askers = 16384; /* of each kind; less than 1 MiB */

/* The asker's place. If there are too many, those who may ask as much as anybody are forgotten, or else somebody: so a
 * crowd of askers cannot keep others from asking. */
static int64_t *people_asker(people_askers *askers, uint64_t asker, int64_t now)
{
	if (askers->size() >= people_most_askers && !askers->contains(asker)) {
		std::erase_if(*askers, [now](const auto &entry) { return entry.second <= now; });
		if (askers->size() >= people_most_askers)
			askers->erase(askers->begin());
	}
	int64_t *ahead = &askers->try_emplace(asker, now).first->second;

	*ahead = std::max(*ahead, now);
	return ahead;
}

/* Each question takes its part of the minute; a minute may be used up at once. An address may be that of many people,
 * so it may ask ten times as often. Each worker counts for itself. */
static bool people_may_search(people *p, cs_conn conn)
{
	const int64_t most = p->conf->find_user_limit, now = p->context.host->monotonic();
	cs_peer peer = {};

	if (most == 0)
		return true;
	(void)p->context.host->peer(p->context.self, conn, &peer); /* cannot fail: it sent this frame */
	const int64_t part = people_minute_ms / most, part_of_network = std::max<int64_t>(part / 10, 1);
	int64_t *connection = people_asker(&p->asking_connections, conn, now);
	int64_t *network = people_asker(&p->asking_networks, peer.network, now);

	if (*connection + part > now + people_minute_ms || *network + part_of_network > now + people_minute_ms)
		return false;
	*connection += part;
	*network += part_of_network;
	return true;
}

static int people_search_read(cs_db *db, void *arg)
{
	people_search *search = static_cast<people_search *>(arg);

	return user_find_id(db, search->name, &search->account);
}

static void people_search_known(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<people_search> search(static_cast<people_search *>(arg));
	const plugin_context &c = static_cast<people *>(state)->context;

	if (result == 0) {
		std::string more = ",\"account\":" + std::to_string(search->account) + ",\"name\":";

		people_quote(&more, search->name);
		c.host->answer(c.self, conn, &search->request, more.c_str());
	} else if (result == MODEL_NONE) {
		(void)c.host->refuse(c.self, conn, &search->request, CS_ERRNO_NO_SUCH_USER, "nobody has this name");
	} else {
		(void)c.host->refuse_result(c.self, conn, &search->request, result);
	}
	(void)c.host->finish(c.self, conn);
}

int people_on_find_user(void *state, const cs_frame *frame)
{
	people *p = static_cast<people *>(state);
	const plugin_context &c = p->context;
	std::string_view name;
	int result = people_check_req(p, frame);

	if (!result)
		result = field_text(c, frame, "name", FIELD_REQUIRED, &name);
	if (result)
		return result;
	if (!people_may_search(p, frame->conn))
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BUSY,
		                      "too many names were looked up; try again later");
	auto search = std::make_unique<people_search>();
	search->request = frame->request;
	search->name = name;
	result = c.host->work(c.self, frame->conn, CS_WORK_READ, people_search_read, people_search_known, search.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)search.release(); /* people_search_known owns it now */
	return CS_PENDING;
}
