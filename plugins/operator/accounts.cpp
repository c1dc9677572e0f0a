/* SPDX-License-Identifier: MIT
 * The verbs that look at accounts. Those that change a login are the plugin login's; see erase.cpp for the end. */
#include "../model/accounts.h"

#include <memory>
#include <vector>

#include "../model/contacts.h"
#include "../model/devices.h"
#include "../model/messages.h"
#include "../shared/account.h"
#include "operator.h"

static const char *operator_lock_word(user_lock_state state)
{
	switch (state) {
	case USER_FREE: return "free";
	case USER_LOCKED: return "locked";
	case USER_ERASING: return "erasing";
	case USER_ERASED: return "erased";
	}
	return "";
}

static void operator_add_text(std::string *out, const char *key, std::string_view text)
{
	*out += std::string(",\"") + key + "\":";
	operator_quote(out, text);
}

static void operator_add_number(std::string *out, const char *key, uint64_t number)
{
	*out += std::string(",\"") + key + "\":" + std::to_string(number);
}

/* The members of an account, without a brace. */
static std::string operator_account_text(const account_row &row)
{
	std::string text = "\"account\":" + std::to_string(row.id);

	operator_add_text(&text, "name", row.name);
	operator_add_number(&text, "created", static_cast<uint64_t>(row.created));
	operator_add_text(&text, "state", operator_lock_word(row.locked));
	return text;
}

/* ---- ACCOUNT_LIST */

struct operator_account_page {
	plugin_context context;
	operator_page page;
	std::vector<account_row> rows;
};

/* One more than the page may have shows whether there is more. */
static int operator_read_accounts(cs_db *db, void *arg)
{
	auto *list = static_cast<operator_account_page *>(arg);

	return account_page(db, list->page.after, list->page.limit + 1, &list->rows);
}

static void operator_accounts_read(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_account_page> list(static_cast<operator_account_page *>(arg));
	std::string more = ",\"accounts\":[";

	if (result)
		return operator_fail(list->context, conn, list->page.request, result);
	for (size_t i = 0; i < list->rows.size() && i < list->page.limit; i++)
		more += (i > 0 ? ",{" : "{") + operator_account_text(list->rows[i]) + "}";
	more += "]";
	if (list->rows.size() > list->page.limit)
		more += operator_more(list->rows[list->page.limit - 1].id);
	operator_done(list->context, conn, list->page.request, more);
}

int operator_on_account_list(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto list = std::make_unique<operator_account_page>();

	list->context = c;
	if (const int result = operator_get_page(c, frame, &list->page))
		return result;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_read_accounts,
	                                operator_accounts_read, list.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)list.release(); /* operator_accounts_read owns it now */
	return CS_PENDING;
}

/* ---- ACCOUNT_SHOW */

struct operator_account_card {
	plugin_context context;
	cs_request request = {};
	account_named named;
	account_row row;
	account_counts counts;
};

static int operator_read_account(cs_db *db, void *arg)
{
	auto *card = static_cast<operator_account_card *>(arg);
	const int result = account_find(db, card->named, &card->row);

	return result ? result : account_count(db, card->row.id, &card->counts);
}

void operator_fail_account(const plugin_context &context, cs_conn conn, const cs_request &request, int result)
{
	if (result != MODEL_NONE)
		return operator_fail(context, conn, request, result);
	(void)context.host->refuse(context.self, conn, &request, CS_ERRNO_NO_SUCH_USER, "no such account");
	(void)context.host->finish(context.self, conn);
}

static void operator_account_read(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_account_card> card(static_cast<operator_account_card *>(arg));
	const account_counts &counts = card->counts;

	if (result)
		return operator_fail_account(card->context, conn, card->request, result);
	std::string more = "," + operator_account_text(card->row);
	if (!card->row.reason.empty())
		operator_add_text(&more, "reason", card->row.reason);
	operator_add_number(&more, "devices", counts.devices);
	if (counts.seen)
		operator_add_number(&more, "seen", static_cast<uint64_t>(counts.seen));
	operator_add_number(&more, "groups", counts.groups);
	operator_add_number(&more, "contacts", counts.listed);
	operator_add_number(&more, "blocked", counts.blocked);
	operator_add_number(&more, "conversations", counts.conversations);
	operator_add_number(&more, "entries", counts.entries);
	operator_done(card->context, conn, card->request, more);
}

int operator_on_account_show(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto card = std::make_unique<operator_account_card>();

	card->context = c;
	card->request = frame->request;
	if (const int result = account_named_read(c, frame, &card->named))
		return result;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_read_account, operator_account_read,
	                                card.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)card.release(); /* operator_account_read owns it now */
	return CS_PENDING;
}

/* ---- ACCOUNT_EXPORT: items of several kinds, one kind after the other */

enum operator_export_kind { EXPORT_ACCOUNT, EXPORT_DEVICES, EXPORT_CONTACTS, EXPORT_CONVERSATIONS, EXPORT_END };

/* Where a page begins; `next` of the page before is "KIND-ABOVE-SEQ". above: how many devices were shown, the account
 * of the contact that was shown last, or a conversation. seq 0: all of it was shown; else it is under way, and its
 * entries from seq on come next. */
struct operator_export_place {
	uint64_t kind = EXPORT_ACCOUNT, above = 0, seq = 0;
};

static constexpr size_t operator_export_bytes = 256 * 1024; /* of a page; one item may be larger */
static constexpr size_t operator_export_looks = 5000; /* entries that are read for a page */

struct operator_export {
	plugin_context context;
	cs_request request = {};
	cs_peer peer = {};
	bool is_first = false; /* page */
	account_named named;
	account_row row;
	operator_export_place at;
	size_t limit = 0; /* items */
	size_t count = 0, looked = 0;
	std::string items;
};

static bool operator_export_is_full(const operator_export &e)
{
	return e.count >= e.limit || e.looked >= operator_export_looks || e.items.size() >= operator_export_bytes;
}

static void operator_export_add(operator_export *e, const std::string &item)
{
	e->items += (e->count++ ? ",{" : "{") + item + "}";
}

static void operator_export_account(operator_export *e)
{
	operator_export_add(e, "\"kind\":\"account\"," + operator_account_text(e->row));
	e->at = {EXPORT_DEVICES, 0, 0};
}

/* There are few. */
static int operator_export_devices(cs_db *db, operator_export *e)
{
	std::vector<device_row> devices;
	const int result = device_list(db, e->row.id, &devices);

	for (; e->at.above < devices.size() && !operator_export_is_full(*e); e->at.above++) {
		const device_row &device = devices[e->at.above];
		std::string item = "\"kind\":\"device\"";

		operator_add_number(&item, "number", device.number);
		operator_add_text(&item, "device", device.name);
		operator_add_number(&item, "seen", static_cast<uint64_t>(device.last_seen));
		operator_export_add(e, item);
	}
	if (e->at.above >= devices.size())
		e->at = {EXPORT_CONTACTS, 0, 0};
	return result;
}

/* Only what the account itself says of others. */
static int operator_export_contacts(cs_db *db, operator_export *e)
{
	std::vector<contact_entry> entries;
	const size_t most = e->limit - e->count;
	const int result = contact_page(db, e->row.id, e->at.above, most, &entries);

	for (const contact_entry &entry : entries) {
		std::string item = "\"kind\":\"contact\"";

		e->at.above = entry.id;
		if (!entry.listed && !entry.blocked)
			continue;
		operator_add_number(&item, "account", entry.id);
		operator_add_text(&item, "name", entry.name);
		item += std::string(",\"friend\":") + (entry.listed ? "true" : "false");
		item += std::string(",\"blocked\":") + (entry.blocked ? "true" : "false");
		operator_export_add(e, item);
	}
	if (entries.size() < most)
		e->at = {EXPORT_CONVERSATIONS, 0, 0};
	return result;
}

static void operator_export_add_conversation(operator_export *e, const account_conversation &c)
{
	static const char *const roles[] = {"normal", "creator", "admin"};
	std::string item = c.is_group ? "\"kind\":\"group\"" : "\"kind\":\"pair\"";

	operator_add_number(&item, c.is_group ? "groupid" : "peer", c.of);
	operator_add_text(&item, c.is_group ? "groupname" : "name", c.name);
	if (c.is_group) {
		item += std::string(",\"member\":") + (c.is_member ? "true" : "false");
		operator_add_text(&item, "role", roles[c.role < 3 ? c.role : 0]);
		if (c.joined)
			operator_add_number(&item, "joined", static_cast<uint64_t>(c.joined));
	}
	operator_export_add(e, item);
}

static void operator_export_add_entry(operator_export *e, const account_conversation &c, const message_row &row)
{
	std::string item = "\"kind\":\"entry\"";

	operator_add_number(&item, c.is_group ? "groupid" : "peer", c.of);
	item += ",\"own\":";
	item += row.sender == e->row.id ? "true" : "false";
	item += ",\"frame\":" + row.body.substr(0, row.body.rfind('}')) + message_tail(row.seq, row.created);
	operator_export_add(e, item);
}

/* What it may read, and what it has said before it joined again. */
static bool operator_export_is_readable(const operator_export &e, const account_conversation &c, const message_row &row)
{
	return !row.body.empty() && (row.seq > c.low || row.sender == e.row.id);
}

/* Entries from at.seq on, up to the end of the conversation, or of the page. *done_r: the former. */
static int operator_export_entries(cs_db *db, operator_export *e, const account_conversation &c, bool *done_r)
{
	std::vector<message_row> rows;

	*done_r = false;
	while (!*done_r && !operator_export_is_full(*e)) {
		static constexpr size_t most = 50;

		rows.clear();
		if (const int result = message_read(db, c.id, e->at.seq - 1, most, &rows))
			return result;
		*done_r = rows.size() < most || rows.back().seq >= c.high;
		e->looked += rows.size();
		for (const message_row &row : rows) {
			if (row.seq > c.high)
				break;
			if (e->items.size() >= operator_export_bytes || e->count >= e->limit) {
				*done_r = false;
				break;
			}
			e->at.seq = row.seq + 1;
			if (operator_export_is_readable(*e, c, row))
				operator_export_add_entry(e, c, row);
		}
	}
	return 0;
}

static int operator_export_conversation(cs_db *db, operator_export *e, uint64_t id, bool *done_r)
{
	account_conversation c;
	const bool is_new = !e->at.seq || id != e->at.above;
	const int result = account_conversation_find(db, e->row.id, id, &c);

	*done_r = false;
	if (result)
		return result;
	if (is_new) {
		e->at.above = id;
		e->at.seq = 1;
		operator_export_add_conversation(e, c);
	}
	return operator_export_entries(db, e, c, done_r);
}

static int operator_export_conversations(cs_db *db, operator_export *e)
{
	std::vector<uint64_t> ids;
	bool done = true;
	int result = account_conversation_ids(db, e->row.id, e->at.seq ? e->at.above - 1 : e->at.above, 50, &ids);

	for (size_t i = 0; !result && done && i < ids.size() && !operator_export_is_full(*e); i++) {
		result = operator_export_conversation(db, e, ids[i], &done);
		if (!result && done)
			e->at.seq = 0;
	}
	if (!result && ids.empty())
		e->at = {EXPORT_END, 0, 0};
	return result;
}

static int operator_export_read(cs_db *db, void *arg)
{
	auto *e = static_cast<operator_export *>(arg);
	int result = account_find(db, e->named, &e->row);

	while (!result && e->at.kind != EXPORT_END && !operator_export_is_full(*e))
		switch (e->at.kind) {
		case EXPORT_ACCOUNT: operator_export_account(e); break;
		case EXPORT_DEVICES: result = operator_export_devices(db, e); break;
		case EXPORT_CONTACTS: result = operator_export_contacts(db, e); break;
		default: result = operator_export_conversations(db, e);
		}
	return result;
}

static void operator_export_was_read(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_export> e(static_cast<operator_export *>(arg));

	if (result)
		return operator_fail_account(e->context, conn, e->request, result);
	if (e->is_first)
		operator_log_order(e->context, "account_export", e->peer.text, e->row.id);
	std::string more = ",\"account\":" + std::to_string(e->row.id) + ",\"items\":[" + e->items + "]";
	if (e->at.kind != EXPORT_END)
		more += ",\"more\":true,\"next\":\"" + std::to_string(e->at.kind) + "-" + std::to_string(e->at.above) +
		        "-" + std::to_string(e->at.seq) + "\"";
	operator_done(e->context, conn, e->request, more);
}

/* false: it is not what a page gave. */
static bool operator_export_read_place(std::string_view text, operator_export_place *place_r)
{
	uint64_t *const parts[] = {&place_r->kind, &place_r->above, &place_r->seq};

	for (size_t i = 0; i < 3; i++) {
		const size_t end = i < 2 ? text.find('-') : text.size();

		if (end == std::string_view::npos || !operator_read_number(text.substr(0, end), parts[i]))
			return false;
		text.remove_prefix(i < 2 ? end + 1 : end);
	}
	return place_r->kind < EXPORT_END && (!place_r->seq || place_r->above);
}

int operator_on_account_export(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto e = std::make_unique<operator_export>();
	std::string_view after;
	int64_t limit = 200;
	int result = account_named_read(c, frame, &e->named);

	if (!result)
		result = field_text(c, frame, "after", FIELD_OPTIONAL, &after);
	if (!result)
		result = field_integer(c, frame, "limit", FIELD_OPTIONAL, 1, &limit);
	if (!result && limit > 200)
		result = c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                        "limit must be 1 to 200");
	if (!result && !after.empty() && !operator_export_read_place(after, &e->at))
		result = c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                        "after must be what the page before gave as next");
	if (result)
		return result;
	e->context = c;
	e->request = frame->request;
	e->limit = static_cast<size_t>(limit);
	e->is_first = after.empty();
	(void)c.host->peer(c.self, frame->conn, &e->peer); /* cannot fail: it sent this frame */
	result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_export_read, operator_export_was_read,
	                      e.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)e.release(); /* operator_export_was_read owns it now */
	return CS_PENDING;
}
