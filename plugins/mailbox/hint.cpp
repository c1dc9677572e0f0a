/* SPDX-License-Identifier: MIT
 * Sends and reads hints. A hint is a struct whose numbers have the low byte first, as the bytes between nodes must
 * have; most machines keep numbers so anyway, and then nothing is changed. */
#include "hint.h"

#include <cstring>
#include <endian.h>
#include <sys/random.h>

static_assert(sizeof(mailbox_hint) == 96, "no padding: every byte is sent");

/* What a hint of one type has. */
struct form {
	bool numbers, has_body, of_groups;
};

constexpr form mailbox_forms[] = {
	{false, false, false}, /* no type */
	{true, true, true}, /* MAILBOX_HINT_STORED */
	{true, false, true}, /* MAILBOX_HINT_NEWS */
	{false, false, false}, /* MAILBOX_HINT_LOOK */
	{false, false, false}, /* MAILBOX_HINT_FOLLOWED */
};

/* From this machine's form to that of the bytes, and back. */
static mailbox_hint mailbox_hint_turn(const mailbox_hint &hint)
{
	return {htole64(hint.of),
	        htole64(hint.conversation),
	        htole64(hint.sender),
	        htole64(hint.seq),
	        static_cast<int64_t>(htole64(static_cast<uint64_t>(hint.created))),
	        htole64(hint.type),
	        htole64(hint.kind),
	        htole64(hint.process),
	        htole64(hint.from),
	        htole64(hint.is_event),
	        htole64(hint.joins),
	        htole64(hint.leaves)};
}

static uint64_t mailbox_hint_draw(void)
{
	uint64_t number = 0;

	/* The plugin does not start on a system without random bytes. */
	(void)!getrandom(&number, sizeof(number), 0);
	return number;
}

uint64_t mailbox_hint_process(void)
{
	static const uint64_t process_number = mailbox_hint_draw();

	return process_number;
}

/* ---- reading */

static bool mailbox_hint_is_id(uint64_t number)
{
	return number >= 1 && number <= CS_INTEGER_MAX;
}

static bool mailbox_hint_is_sane(const mailbox_hint &hint)
{
	const bool has_conversation = hint.type == MAILBOX_HINT_FOLLOWED;

	if (!mailbox_forms[hint.type].numbers)
		return (has_conversation ? mailbox_hint_is_id(hint.conversation) && hint.process
		                         : !hint.conversation && !hint.process) &&
		       !hint.of && !hint.sender && !hint.seq && !hint.created && !hint.from && !hint.is_event &&
		       !hint.joins && !hint.leaves;
	/* A change has no sender. */
	return mailbox_hint_is_id(hint.of) && mailbox_hint_is_id(hint.conversation) && hint.sender <= CS_INTEGER_MAX &&
	       (hint.sender || hint.kind == CS_CONVERSATION_GROUP) && mailbox_hint_is_id(hint.seq) &&
	       hint.created >= 0 && hint.created <= CS_INTEGER_MAX && hint.is_event <= 1 &&
	       hint.joins <= CS_INTEGER_MAX && hint.leaves <= CS_INTEGER_MAX;
}

/* A body is a JSON object. Its closing brace must be there, because delivery replaces it by seq and ts. */
static bool mailbox_hint_is_body(const form &form, std::string_view bytes)
{
	return form.has_body ? bytes.size() >= 2 && bytes.front() == '{' && bytes.back() == '}' : bytes.empty();
}

int mailbox_hint_read(const cs_parcel *parcel, mailbox_hint *hint_r, std::string_view *body_r, const char **why_r)
{
	*why_r = nullptr;
	*body_r = parcel->body ? std::string_view(parcel->body->bytes, parcel->body->size) : std::string_view();
	if (parcel->head_size != sizeof(*hint_r)) {
		*why_r = "bad size";
		return CS_EINVAL;
	}
	memcpy(hint_r, parcel->head, sizeof(*hint_r));
	*hint_r = mailbox_hint_turn(*hint_r);
	if (hint_r->type < MAILBOX_HINT_STORED || hint_r->type > MAILBOX_HINT_FOLLOWED)
		*why_r = "unknown type";
	else if (hint_r->kind > (mailbox_forms[hint_r->type].of_groups ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR))
		*why_r = "bad kind";
	else if (!mailbox_hint_is_sane(*hint_r))
		*why_r = "a number out of range";
	else if (!mailbox_hint_is_body(mailbox_forms[hint_r->type], *body_r))
		*why_r = "bad body";
	return *why_r ? CS_EINVAL : 0;
}

/* ---- sending */

void mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, uint64_t device, const mailbox_hint &hint,
                        cs_shared *body)
{
	const mailbox_hint head = mailbox_hint_turn(hint);
	const cs_parcel parcel = {&head, sizeof(head), body};

	(void)host->route(self, to, device, &parcel, 0);
}

void mailbox_hint_route_group(const cs_host *host, cs_self *self, const mailbox_hint &hint, cs_shared *body)
{
	const mailbox_hint head = mailbox_hint_turn(hint);
	const cs_parcel parcel = {&head, sizeof(head), body};

	(void)host->route_all(self, hint.of, &parcel, 0);
}

uint64_t mailbox_hint_follow_topic(uint64_t node)
{
	return node | UINT64_C(1) << 63; /* no group has such a number */
}

void mailbox_hint_route_followed(const cs_host *host, cs_self *self, uint64_t node, uint64_t conversation,
                                 unsigned flags)
{
	mailbox_hint hint = {};

	hint.type = MAILBOX_HINT_FOLLOWED;
	hint.conversation = conversation;
	hint.process = node;
	const mailbox_hint head = mailbox_hint_turn(hint);
	const cs_parcel parcel = {&head, sizeof(head), nullptr};

	(void)host->route_all(self, mailbox_hint_follow_topic(node), &parcel, flags);
}
