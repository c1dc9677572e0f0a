/* SPDX-License-Identifier: MIT
 * ADD_FRIEND and SET_CONTACT: changes of what an account says of another, and who is told. */
#include "people.h"

#include <memory>

#include "../model/contacts.h"

struct people_change {
	cs_request request = {};
	contact_change contact;
	contact_limits most;
	std::string name; /* of the account that asks */
};

/* ---- who is told */

/* A parcel's head: the account that changed something, and the other; 0: perhaps any. Its body, if there is one, is the
 * frame ADDED. */
static constexpr size_t people_head_size = 16;

static void people_tell(const people *p, const people_change &change)
{
	const plugin_context &c = p->context;
	const contact_change &contact = change.contact;
	unsigned char head[people_head_size];
	cs_parcel parcel = {head, sizeof(head), nullptr};

	contacts_put_number(head, contact.account);
	contacts_put_number(head + 8, contact.other);
	(void)c.host->route(c.self, contact.account, CS_EVERY_DEVICE, &parcel, 0);
	if (contact.account == contact.other)
		return;
	if (contact.is_added && !contact.is_blocked) {
		std::string frame = "{\"msgid\":" + std::to_string(CS_MSGID_ADDED) +
		                    ",\"id\":" + std::to_string(contact.account) + ",\"name\":";

		people_quote(&frame, change.name);
		frame += '}';
		parcel.body = c.host->share(frame.data(), frame.size());
	}
	(void)c.host->route(c.self, contact.other, CS_EVERY_DEVICE, &parcel, 0);
	c.host->unshare(parcel.body);
}

/* A session of the account on another node has perhaps not heard of changes: they were told to the sessions here only.
 */
void people_on_not_alone(void *state, cs_account account)
{
	const plugin_context &c = static_cast<const people *>(state)->context;
	unsigned char head[people_head_size];
	const cs_parcel parcel = {head, sizeof(head), nullptr};

	contacts_put_number(head, account);
	contacts_put_number(head + 8, 0);
	(void)c.host->route(c.self, account, CS_EVERY_DEVICE, &parcel, 0);
}

/* Who adds and takes away somebody again and again cannot fill the buffer of a slow client. */
static void people_send_added(people *p, cs_conn conn, const cs_shared *frame)
{
	const plugin_context &c = p->context;
	const auto told = p->told.find(conn);

	if (told != p->told.end() && told->second)
		told->second = c.host->send(c.self, conn, frame->bytes, frame->size, nullptr, nullptr) != CS_EAGAIN;
}

void people_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	people *p = static_cast<people *>(state);
	const unsigned char *head = static_cast<const unsigned char *>(parcel->head);

	if (!conn || parcel->head_size != people_head_size)
		return;
	const cs_account changer = contacts_number(head), other = contacts_number(head + 8);
	if (account != changer && account != other)
		return;
	for (const people_watcher &watcher : p->watchers)
		watcher.fn(watcher.arg, conn, account, account == changer ? other : changer);
	if (parcel->body && account == other)
		people_send_added(p, conn, parcel->body);
}

/* ---- the requests */

static int people_change_store(cs_db *db, void *arg)
{
	people_change *change = static_cast<people_change *>(arg);

	return contact_set(db, &change->contact, change->most);
}

static void people_change_stored(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<people_change> change(static_cast<people_change *>(arg));
	const people *p = static_cast<people *>(state);
	const plugin_context &c = p->context;
	const bool is_old = change->request.msgid == CS_MSGID_ADD_FRIEND;

	/* If the outcome is unknown, it may have been done. */
	if ((result == 0 && change->contact.is_changed) || result == CS_EUNKNOWN)
		people_tell(p, *change);
	if (result == 0)
		c.host->answer(c.self, conn, &change->request, "");
	else if (result == MODEL_NONE)
		(void)c.host->refuse(c.self, conn, &change->request, CS_ERRNO_NO_SUCH_USER, "%s names nobody",
		                     is_old ? "friendid" : "account");
	else if (result == MODEL_FULL)
		(void)c.host->refuse(c.self, conn, &change->request, CS_ERRNO_FULL, "%s",
		                     is_old ? "you have as many friends as you may have"
		                            : "you have as many contacts of this kind as you may have");
	else
		(void)c.host->refuse_result(c.self, conn, &change->request, result);
	(void)c.host->finish(c.self, conn);
}

static int people_change_begin(const people *p, const cs_frame *frame, int64_t other, std::optional<bool> listed,
                               std::optional<bool> blocked)
{
	const plugin_context &c = p->context;
	auto change = std::make_unique<people_change>();

	change->request = frame->request;
	change->contact.account = frame->account;
	change->contact.other = static_cast<uint64_t>(other);
	change->contact.listed = listed;
	change->contact.blocked = blocked;
	change->most = {static_cast<uint64_t>(p->conf->max_friends), static_cast<uint64_t>(p->conf->max_blocked)};
	change->name = frame->name;
	const int result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, people_change_store, people_change_stored,
	                                change.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)change.release(); /* people_change_stored owns it now */
	return CS_PENDING;
}

/* The client's own id is accepted like any other: notes to oneself are a conversation too. */
int people_on_add_friend(void *state, const cs_frame *frame)
{
	const people *p = static_cast<people *>(state);
	int64_t other = 0;
	const int result = field_integer(p->context, frame, "friendid", FIELD_REQUIRED, 1, &other);

	return result ? result : people_change_begin(p, frame, other, true, std::nullopt);
}

/* 0, or CS_REJECT after the request was refused. */
static int people_read_flag(const people *p, const cs_frame *frame, const char *key, std::optional<bool> *flag_r)
{
	int flag = 0;
	const int result = field_flag(p->context, frame, key, FIELD_OPTIONAL, &flag);

	if (!result && p->context.host->has(frame, key))
		*flag_r = flag != 0;
	return result;
}

static int people_refuse(const people *p, const cs_frame *frame, const char *text)
{
	const plugin_context &c = p->context;

	return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s", text);
}

int people_on_set_contact(void *state, const cs_frame *frame)
{
	const people *p = static_cast<people *>(state);
	std::optional<bool> listed, blocked;
	int64_t other = 0;
	int result = field_integer(p->context, frame, "account", FIELD_REQUIRED, 1, &other);

	if (!result)
		result = people_read_flag(p, frame, "friend", &listed);
	if (!result)
		result = people_read_flag(p, frame, "blocked", &blocked);
	if (result)
		return result;
	if (!listed && !blocked)
		return people_refuse(p, frame, "friend or blocked must be there");
	if (blocked.value_or(false) && static_cast<cs_account>(other) == frame->account)
		return people_refuse(p, frame, "nobody can block itself");
	return people_change_begin(p, frame, other, listed, blocked);
}
